//! What repositories lose, for people: the largest first, each line no longer than a terminal is wide.

use super::columns::{Columns, shortened};
use super::words::{number, size};
use crate::collect::report::{Counts, Nobody, RepositoryRow};
use std::fmt::Write as _;

/// What there is of each kind, in words.
pub(super) fn listed(counts: &Counts) -> Vec<String> {
    let kinds = [
        (counts.tags, "tag"),
        (counts.tag_history, "history entry"),
        (counts.manifests, "manifest"),
        (counts.layer_links, "layer link"),
        (counts.uploads.count, "upload"),
        (counts.multipart_uploads.count, "multipart upload"),
        (counts.blobs.count, "blob"),
    ];
    kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, one)| number(count, one)).collect()
}

/// So many repositories are shown; JSON has them all.
const ROWS: usize = 15;

pub(super) fn repositories(all: &[RepositoryRow], nobody: &Nobody) -> String {
    let all: Vec<&RepositoryRow> = all.iter().filter(|row| !row.planned.is_zero()).collect();
    let mut rows = Vec::new();
    for row in all.iter().take(ROWS) {
        let mut list = listed(&row.planned);
        // Beside a live registry nothing is freed at once: nobody should take that for all there is.
        if row.bytes.freeable_later > 0 {
            list.push(format!("{} later", size(row.bytes.freeable_later)));
        }
        rows.push((shortened(&row.name, LONGEST_NAME), size(row.planned.bytes()), list));
    }
    for (name, tally) in [("(several)", nobody.shared), ("(none)", nobody.unlinked)] {
        if tally.count > 0 {
            rows.push((name.to_owned(), size(tally.bytes), vec![number(tally.count, "blob")]));
        }
    }
    let mut text = in_columns(rows);
    if all.len() > ROWS {
        let _ = writeln!(text, "  and {} more (--format json names them all)", all.len() - ROWS);
    }
    text
}

/// How wide a line may be.
const WIDTH: usize = 80;
const INDENT: &str = "  ";
/// Longer no name of a repository becomes, where others stand beside it.
const LONGEST_NAME: usize = 32;

/// Names, sizes, and as much of each list in a line as fits into it.
fn in_columns(rows: Vec<(String, String, Vec<String>)>) -> String {
    let widest = |cell: fn(&(String, String, Vec<String>)) -> &str| {
        rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or_default()
    };
    let left = WIDTH.saturating_sub(INDENT.len() + widest(|row| &row.0) + widest(|row| &row.1) + 2 * "  ".len());
    let mut columns = Columns::default().left("").right("").left("");
    for (name, size, list) in rows {
        let mut beginning = [name, size];
        let mut line = String::new();
        let last = list.len().saturating_sub(1);
        for (at, item) in list.into_iter().enumerate() {
            let item = if at < last { item + "," } else { item };
            if !line.is_empty() && line.chars().count() + 1 + item.chars().count() > left {
                let [name, size] = std::mem::take(&mut beginning);
                columns.row(vec![name, size, std::mem::take(&mut line)]);
            }
            line = if line.is_empty() { item } else { line + " " + &item };
        }
        let [name, size] = beginning;
        columns.row(vec![name, size, line]);
    }
    columns.text().lines().fold(String::new(), |text, line| text + INDENT + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::blobs::Tally;
    use crate::collect::report::Space;

    fn row(name: &str, planned: Counts) -> RepositoryRow {
        RepositoryRow { name: name.into(), planned, ..RepositoryRow::default() }
    }

    #[test]
    fn lines_fit_a_terminal_whatever_is_lost_by_whom() {
        let tally = |count, bytes| Tally { count, bytes };
        let much = Counts {
            tags: 12,
            tag_history: 120,
            manifests: 1234,
            layer_links: 12_345,
            uploads: tally(3, 10),
            multipart_uploads: tally(2, 99),
            blobs: tally(56_789, 1 << 40),
        };
        let long = "platform/".repeat(9) + "end";
        let nobody = Nobody { shared: tally(3, 1 << 30), unlinked: tally(1, 5) };
        let all =
            [row(&long, much), row("app", Counts { tags: 1, ..Counts::default() }), row("none", Counts::default())];
        let text = repositories(&all, &nobody);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        for part in
            ["platform/platform/plat..form/end", "12 tags,", "56789 blobs", "app", "1 tag", "(several)", "(none)"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("\n none "), "it loses nothing: {text}");
        let few =
            repositories(&[row("app", Counts { tags: 1, manifests: 2, ..Counts::default() })], &Nobody::default());
        assert_eq!(few, "  app  0 B  1 tag, 2 manifests\n");
        let waits = RepositoryRow {
            bytes: Space { freeable_later: 34_100, ..Space::default() },
            ..row("app", Counts { tags: 1, ..Counts::default() })
        };
        assert!(repositories(&[waits], &Nobody::default()).contains("1 tag, 34.1 kB later\n"));
        let many: Vec<RepositoryRow> = (0..ROWS + 3).map(|_| row("app", much)).collect();
        assert!(repositories(&many, &nobody).ends_with("  and 3 more (--format json names them all)\n"));
    }
}
