//! Markdown as CI systems show it in the summary of a step.

use std::fmt::Write as _;

/// So many rows of repositories fit: a step's summary is cut off, all of it, beyond 1 MiB.
pub(super) const ROWS: usize = 500;
/// And so many bytes of one table, whatever the names are.
const BYTES: usize = 512 << 10;

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    text: String,
    rows: usize,
    left_out: usize,
}

impl Table {
    /// Begins a table: titles, those of numbers with a colon at the end (`bytes:`).
    pub(super) fn new(titles: &[&str]) -> Self {
        let names: Vec<&str> = titles.iter().map(|title| title.trim_end_matches(':')).collect();
        let rules: Vec<&str> = titles.iter().map(|title| if title.ends_with(':') { "---:" } else { "---" }).collect();
        Self { text: format!("| {} |\n| {} |\n", names.join(" | "), rules.join(" | ")), rows: 0, left_out: 0 }
    }

    /// Adds a row, unless there are too many.
    pub(super) fn row(&mut self, cells: &[String]) {
        if self.rows == ROWS || self.text.len() > BYTES {
            self.left_out += 1;
            return;
        }
        self.rows += 1;
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    /// The text, with a word of what is left out. Nothing, if there are no rows.
    pub(super) fn finish(self) -> String {
        match (self.rows, self.left_out) {
            (0, _) => String::new(),
            (_, 0) => self.text + "\n",
            (_, more) => {
                format!("{}\n{more} more rows are not shown; the JSON and CSV reports have them all.\n\n", self.text)
            }
        }
    }
}

/// Names come from storage: nothing in them may look like markup. They are cut off beyond what any registry accepts.
pub(super) fn escaped(text: &str) -> String {
    const LONGEST: usize = 256;
    let mut escaped = String::new();
    for letter in text.chars().take(LONGEST) {
        match letter {
            letter if letter.is_control() => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_breaks_a_table() {
        let mut table = Table::new(&["name", "bytes:"]);
        table.row(&["a|b_c<img>\n`x`".to_owned(), "1".to_owned()]);
        let expected = "| name | bytes |\n| --- | ---: |\n| a\\|b\\_c&lt;img> \\`x\\` | 1 |\n\n";
        assert_eq!(table.finish(), expected);
        assert_eq!(Table::new(&["name"]).finish(), "");
    }

    #[test]
    fn the_longest_table_fits_and_says_what_it_leaves_out() {
        for (letters, left_out) in [(10, "\n7 more rows are not shown; "), (1000, " more rows are not shown; ")] {
            let mut table = Table::new(&["name", "a:", "b:", "c:", "d:"]);
            for _ in 0..ROWS + 7 {
                let cells: Vec<String> = (0..5).map(|_| "_".repeat(letters)).collect();
                table.row(&cells);
            }
            let text = table.finish();
            assert!(text.contains(left_out) && text.len() < 600 << 10, "{}", text.len());
        }
    }
}
