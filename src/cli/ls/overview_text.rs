//! All repositories, for people.

use super::report::Report;
use super::words::{day, minute};
use crate::cli::columns::{Columns, shortened};
use crate::cli::words::{number, printable, size, wrapped};
use crate::collect::list::overview::{RepositoryRow, Total};
use std::fmt::Write as _;

pub(super) fn text(report: &Report, rows: &[RepositoryRow], total: &Total, width: Option<usize>) -> String {
    let shown = rows.len() as u64;
    let all = if shown == total.repositories { String::new() } else { format!("{shown} shown of ") };
    let mut line = format!(
        "{all}{}, {}, {}",
        number(total.repositories, "repository"),
        number(total.tags, "tag"),
        number(total.manifests, "manifest")
    );
    if let Some(blobs) = &total.blobs {
        let _ = write!(line, "; {} stored", size(blobs.bytes));
    }
    if let Some(unlinked) = total.unlinked.filter(|unlinked| unlinked.count > 0) {
        let _ = write!(line, ", {} of it linked by no repository", size(unlinked.bytes));
    }
    let mut text = format!("{}\n{}", printable(report.location()), wrapped(&line, ""));
    if total.unknown_links > 0 {
        let links = number(total.unknown_links, "link");
        text +=
            &wrapped(&format!("{links} of a shape that no registry writes, or under names that none accepts"), "! ");
    }
    if !rows.is_empty() {
        text.push('\n');
        text += &table(rows, width);
    }
    text
}

/// Full, then with days for minutes, then with shorter names.
const FORMS: [(bool, usize); 4] = [(true, usize::MAX), (false, usize::MAX), (false, 40), (false, 24)];

fn table(rows: &[RepositoryRow], width: Option<usize>) -> String {
    let mut table = Columns::default();
    for (minutes, longest) in FORMS {
        table = form(rows, minutes, longest);
        if width.is_none_or(|width| table.width() <= width) {
            break;
        }
    }
    table.text()
}

fn form(rows: &[RepositoryRow], minutes: bool, longest: usize) -> Columns {
    let sized = rows.iter().any(|row| row.bytes.is_some());
    let broken = rows.iter().any(|row| row.broken > 0);
    let mut table = Columns::default().left("REPOSITORY").right("TAGS").right("MANIFESTS");
    if sized {
        table = table.right("BYTES").right("SHARED");
    }
    table = table.left(if minutes { "LAST PUSH (UTC)" } else { "LAST PUSH" });
    if broken {
        table = table.right("BROKEN");
    }
    for row in rows {
        let mut cells = vec![shortened(&row.name, longest), row.tags.to_string(), row.manifests.to_string()];
        if sized {
            cells.extend([row.bytes, row.shared_bytes].map(|bytes| bytes.map(size).unwrap_or_default()));
        }
        cells.push(if minutes { minute(row.last_push) } else { day(row.last_push) });
        if broken {
            cells.push(if row.broken > 0 { row.broken.to_string() } else { String::new() });
        }
        table.row(cells);
    }
    table
}
