//! What has changed since an earlier audit: its file, and the words.

use super::report::SCHEMA;
use super::tables::words;
use crate::cli::columns::{Columns, shortened};
use crate::cli::policy::read;
use crate::cli::words::{number, printable, size};
use crate::collect::audit::class::Class;
use crate::collect::audit::compare::{Change, Compared, Earlier, Moved};
use crate::error::{Error, ErrorKind, Result};
use serde_json::Value;
use std::path::Path;

/// Reads an earlier audit.
///
/// # Errors
/// If it cannot be read, or is something else.
pub(super) fn read(file: &Path) -> Result<Earlier> {
    let doing = "read the earlier audit";
    let text = read::text(doing, file)?;
    let wrong = |why: String| {
        Error::new(ErrorKind::Usage, doing)
            .on(file.display().to_string())
            .because(why)
            .next("name a file that `regsweep audit --json FILE` wrote")
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
    match value.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) => return Err(wrong(format!("it is of the kind {}, not {SCHEMA}", printable(other)))),
        None => return Err(wrong("it is no report of regsweep".to_owned())),
    }
    serde_json::from_value(value).map_err(|error| wrong(format!("it is not whole: {error}")))
}

/// A change with its sign.
pub(super) fn signed(change: Change) -> String {
    let sign = match change.change {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", size(change.change.unsigned_abs()))
}

/// The whole in one line.
pub(super) fn sum(compared: &Compared) -> String {
    let Change { before, after, .. } = compared.bytes;
    let since: String = compared.since.chars().take(10).collect();
    let objects = compared.objects.change;
    let sign = if objects < 0 { "-" } else { "+" };
    format!(
        "since {since}: {} ({} then, {} now), {sign}{}",
        signed(compared.bytes),
        size(before),
        size(after),
        number(objects.unsigned_abs(), "object")
    )
}

/// The classes that changed, in their order.
pub(super) fn classes(compared: &Compared) -> Vec<(&'static str, Change)> {
    let changed = |class: &Class| compared.classes.get(class.name()).map(|change| (words(*class), *change));
    Class::ALL.iter().filter_map(changed).filter(|(_, change)| change.change != 0).collect()
}

/// A table of what moved.
pub(super) fn table(title: &'static str, moved: &[Moved], rows: usize, longest: usize) -> Columns {
    let mut table = Columns::default().left(title).right("BEFORE").right("NOW").right("CHANGE").left("");
    for one in moved.iter().take(rows) {
        let how = if matches!(one.how, "new" | "gone") { one.how } else { "" };
        let name = shortened(&printable(&one.name), longest);
        table.row(vec![name, size(one.bytes.before), size(one.bytes.after), signed(one.bytes), how.to_owned()]);
    }
    table
}
