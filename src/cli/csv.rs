//! CSV (RFC 4180): titles first, full digests, bytes as numbers, times as RFC 3339, lists by spaces.

/// Adds a row, and the titles before the first.
pub(super) fn line(text: &mut String, titles: &[&str], cells: impl FnOnce() -> Vec<String>) {
    if text.is_empty() {
        *text = titles.join(",") + "\n";
    }
    let cells: Vec<String> = cells().iter().map(|cell| quoted(cell)).collect();
    text.push_str(&cells.join(","));
    text.push('\n');
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_that_holds_a_separator_is_quoted() {
        let mut text = String::new();
        for cell in ["plain", "a,b", "say \"x\"", "two\nlines"] {
            line(&mut text, &["a", "b"], || vec![cell.to_owned(), "1".to_owned()]);
        }
        assert_eq!(text, "a,b\nplain,1\n\"a,b\",1\n\"say \"\"x\"\"\",1\n\"two\nlines\",1\n");
    }
}
