//! Columns of text, as narrow as what stands in them.

use std::fmt::Write as _;

/// Text in columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    titles: Vec<Title>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Title {
    text: &'static str,
    is_right: bool,
}

const GAP: usize = 2;

impl Columns {
    /// Adds a column of words.
    pub(super) fn left(mut self, text: &'static str) -> Self {
        self.titles.push(Title { text, is_right: false });
        self
    }

    /// Adds a column of numbers.
    pub(super) fn right(mut self, text: &'static str) -> Self {
        self.titles.push(Title { text, is_right: true });
        self
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.titles.iter().map(|title| title.text.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    /// How wide the longest line may be.
    pub(super) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// The text, titles first; where no column has one, rows only.
    pub(super) fn text(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        if self.titles.iter().any(|title| !title.text.is_empty()) {
            self.line(&mut text, &widths, self.titles.iter().map(|title| title.text));
        }
        for row in &self.rows {
            self.line(&mut text, &widths, row.iter().map(String::as_str));
        }
        text
    }

    fn line<'a>(&self, text: &mut String, widths: &[usize], cells: impl Iterator<Item = &'a str>) {
        let mut line = String::new();
        for (at, (cell, width)) in cells.zip(widths).enumerate() {
            let gap = if at == 0 { 0 } else { GAP };
            let _ = match self.titles.get(at) {
                Some(Title { is_right: true, .. }) => write!(line, "{:gap$}{cell:>width$}", ""),
                _ => write!(line, "{:gap$}{cell:width$}", ""),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// A text of at most `longest` letters: what is left out stands between its beginning and its last letters, which often
/// tell it from the others.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    const DOTS: &str = "..";
    let count = text.chars().count();
    if count <= longest {
        return text.to_owned();
    }
    let end = (longest / 3).min(8);
    let start = longest.saturating_sub(end + DOTS.len());
    let beginning: String = text.chars().take(start).collect();
    beginning + DOTS + &text.chars().skip(count - end).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let mut columns = Columns::default().left("NAME").right("SIZE");
        columns.row(vec!["a/very/long/name".into(), "1 B".into()]);
        columns.row(vec!["é".into(), "100.0 MB".into()]);
        assert_eq!(
            columns.text(),
            "NAME                  SIZE\na/very/long/name       1 B\né                 100.0 MB\n"
        );
        assert_eq!(columns.width(), 26);
    }

    #[test]
    fn what_is_cut_keeps_its_end() {
        assert_eq!(shortened("short", 8), "short");
        let tag = format!("sha256-{}.sig", "0123456789abcdef".repeat(4));
        assert_eq!(shortened(&tag, 20), "sha256-01234..ef.sig");
        assert_eq!(shortened("ééééééééé", 6), "éé..éé");
        assert_eq!(shortened("abc", 0), "..");
    }
}
