//! The table of all repositories: its columns, its first rows, and all of them as data for the script.

use super::Line;
use crate::cli::audit::money::{LEAST, known};
use crate::cli::audit::report::Report;
use crate::cli::words::{printable, size};
use crate::collect::audit::report::Row;
use crate::collect::money::amount::Amount;
use serde::Serialize;
use serde_json::{Value, json};

/// So many rows are there without a script.
const FIRST: usize = 50;
/// The data may be so large: the file is to open at once.
const LARGEST: usize = 3 << 20;

/// A column: its title, what is in it, and how it is sorted at first.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    #[serde(skip)]
    pub(super) title: &'static str,
    kind: &'static str,
    sorted: bool,
    #[serde(skip)]
    pub(super) sort: &'static str,
    #[serde(skip)]
    of: fn(&Row) -> Value,
}

/// All there is of the table.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) columns: Vec<Column>,
    pub(super) first: Vec<Line>,
    /// Rows that only the script shows.
    pub(super) rest: usize,
    /// Rows that not even the script has.
    pub(super) left_out: usize,
    pub(super) data: String,
}

fn freed(row: &Row, kind: &str) -> Value {
    json!(row.freed_bytes.get(kind).copied().unwrap_or(0))
}

/// The columns; those of money, groups and rules only where there are any.
pub(super) fn columns(report: &Report) -> Vec<Column> {
    let column = |title, kind, of: fn(&Row) -> Value| Column { title, kind, sorted: false, sort: "none", of };
    let findings = &report.findings;
    let mut columns = vec![
        column("Repository", "s", |row| json!(printable(&row.name))),
        column("Tags", "n", |row| json!(row.tags)),
        column("Uses", "b", |row| json!(row.logical_bytes)),
        column("Alone", "b", |row| json!(row.unshared_bytes)),
        Column { sorted: true, sort: "descending", ..column("Share", "b", |row| json!(row.fair_share_bytes)) },
        column("gc frees", "b", |row| freed(row, "collection")),
        column("gc -m frees", "b", |row| freed(row, "collection_untagged")),
    ];
    if findings.after.contains_key("policy") {
        columns.push(column("Policy frees", "b", |row| freed(row, "policy")));
    }
    if report.money.as_ref().is_some_and(|money| money.now.per_month.is_some()) {
        columns.push(column("Per month", "m", |row| {
            match row.unpriced_bytes.unwrap_or(0) {
                0 => json!(row.per_month.map(Amount::millionths)),
                // As far as it is known: not a number, but a list of one.
                _ => json!(row.per_month.filter(|known| *known >= LEAST).map(|known| [known.millionths()])),
            }
        }));
    }
    if findings.groups.is_some() {
        columns.push(column("Group", "s", |row| json!(row.group.as_deref().map(printable).unwrap_or_default())));
    }
    columns.push(column("Last push", "d", |row| {
        json!(row.last_push.map(|time| time.to_rfc3339().chars().take(10).collect::<String>()).unwrap_or_default())
    }));
    columns
}

/// A row in words.
pub(super) fn line<'a>(columns: impl Iterator<Item = &'a Column>, row: &Row) -> Line {
    let mut cells = columns.map(|column| shown(column.kind, &(column.of)(row)));
    Line { name: cells.next().unwrap_or_default(), about: "", cells: cells.collect() }
}

fn shown(kind: &str, value: &Value) -> String {
    let month = |value: &Value| value.as_u64().map(Amount::from_millionths);
    match (kind, value.as_u64(), value.as_str()) {
        ("b", Some(bytes), _) => size(bytes),
        ("m", ..) if value.is_array() => known(month(&value[0]), 1),
        ("m", ..) => known(month(value), 0),
        (_, Some(number), _) => number.to_string(),
        (_, None, text) => text.unwrap_or_default().to_owned(),
    }
}

/// The whole table.
pub(super) fn rows(report: &Report) -> Rows {
    let columns = columns(report);
    let all = || report.findings.repositories.iter().chain([&report.findings.nobody]);
    let mut data = format!("{{\"columns\":{},\"rows\":[", in_script(&json!(columns)));
    let mut taken = 0;
    for row in all() {
        let cells: Vec<Value> = columns.iter().map(|column| (column.of)(row)).collect();
        let line = in_script(&json!(cells));
        if data.len() + line.len() > LARGEST {
            break;
        }
        data.push_str(if taken > 0 { "," } else { "" });
        data.push_str(&line);
        taken += 1;
    }
    data.push_str("]}");
    let many = report.findings.repositories.len() + 1;
    let first: Vec<Line> = all().take(FIRST).map(|row| line(columns.iter(), row)).collect();
    Rows { first, rest: many.saturating_sub(FIRST), left_out: many - taken, data, columns }
}

/// JSON inside of a script element: nothing in it may end the element, or begin a comment of HTML.
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_a_script() {
        let text = in_script(&json!("</script><!-- & \u{2028}"));
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(json!("</script><!-- & \u{2028}")));
    }
}
