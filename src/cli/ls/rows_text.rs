//! Tags and manifests, for people: as much of each as fits.

use super::report::{LookedAt, Report};
use super::words::{day, made, minute, short, short_text, what};
use crate::cli::columns::{Columns, shortened};
use crate::cli::words::{number, printable, size, wrapped};
use crate::collect::list::row::{Facts, ManifestRow, TagRow, Trouble};
use crate::collect::problem::ProblemCode;
use crate::model::{Digest, Tag, Timestamp};
use std::collections::HashMap;
use std::fmt::Write as _;

/// How much of each row is shown.
#[derive(Debug, Clone, Copy)]
struct Form {
    digests: bool,
    minutes: bool,
    created: bool,
    names: usize,
    words: usize,
}

const ALL: usize = usize::MAX;

/// From everything to what 80 columns hold. If none fits, the names of the last are shortened.
const FORMS: [Form; 6] = [
    Form { digests: true, minutes: true, created: true, names: ALL, words: ALL },
    Form { digests: false, minutes: true, created: true, names: ALL, words: ALL },
    Form { digests: false, minutes: false, created: true, names: ALL, words: ALL },
    Form { digests: false, minutes: false, created: true, names: ALL, words: 28 },
    Form { digests: false, minutes: false, created: false, names: ALL, words: 28 },
    Form { digests: false, minutes: false, created: false, names: ALL, words: 16 },
];

/// Shorter no name becomes.
const SHORTEST: usize = 16;

/// A row of either kind.
struct Row<'a> {
    name: String,
    /// The name where digests are shortened: that of some tags is one.
    short_name: Option<String>,
    digest: Option<&'a Digest>,
    facts: &'a Facts,
    what: String,
    pushed: Option<Timestamp>,
}

pub(super) fn text(report: &Report, width: Option<usize>) -> String {
    let mut rows: HashMap<&str, Vec<Row<'_>>> = HashMap::new();
    for row in report.tags.iter().flatten() {
        rows.entry(&row.repository).or_default().push(of_tag(row));
    }
    for row in report.manifests.iter().flatten() {
        rows.entry(&row.repository).or_default().push(of_manifest(row));
    }
    let title = if report.tags.is_some() { "TAG" } else { "NEEDED BY" };
    let is_one = report.looked_at.len() == 1;
    let mut text = String::new();
    for looked_at in &report.looked_at {
        let rows = rows.remove(looked_at.name.as_str()).unwrap_or_default();
        // Of many repositories only those with something to show.
        if rows.is_empty() && !is_one {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text += &heading(looked_at, rows.len() as u64, report.tags.is_some(), report.is_untagged());
        if !rows.is_empty() {
            text += &table(&rows, title, report.is_brief(), width);
            text += &troubles(&rows);
        }
    }
    if text.is_empty() {
        text = "nothing matches\n".into();
    }
    text += &odd(report);
    text
}

/// So many odd links are told; JSON tells more.
const ODD: usize = 3;

/// What is odd beside the rows. A tag that cannot be read is told in its own.
fn odd(report: &Report) -> String {
    let odd: Vec<_> = report.problems.iter().filter(|problem| problem.code != ProblemCode::UnreadableTag).collect();
    let mut text = String::new();
    for problem in odd.iter().take(ODD) {
        let place = problem.key.as_deref().or(problem.repository.as_deref()).unwrap_or_default();
        let _ = writeln!(text, "! {}", printable(place));
        text += &wrapped(&printable(&problem.message), "!   ");
    }
    if odd.len() > ODD {
        let _ = writeln!(text, "! and {} more (--format json)", odd.len() - ODD);
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn heading(looked_at: &LookedAt, shown: u64, of_tags: bool, is_untagged: bool) -> String {
    let (tags, manifests) = (number(looked_at.tags, "tag"), number(looked_at.manifests, "manifest"));
    let all = if of_tags { looked_at.tags } else { looked_at.manifests };
    let part = match (shown == all, is_untagged) {
        (true, _) => String::new(),
        (false, true) => format!("; {shown} without a tag"),
        (false, false) => format!("; {shown} shown"),
    };
    format!("{}: {tags}, {manifests}{part}\n", looked_at.name)
}

fn of_tag(row: &TagRow) -> Row<'_> {
    let (digest, facts) = (row.digest.as_ref(), &row.facts);
    let about = Tag::new(&row.tag)
        .and_then(|tag| tag.about().map(|(of, rest)| (of.algorithm().name(), short(&of), rest.to_owned())));
    let short_name = about.map(|(algorithm, digest, rest)| format!("{algorithm}-{digest}..{rest}"));
    Row { name: row.tag.clone(), short_name, digest, facts, what: printable(&what(facts)), pushed: row.pushed }
}

fn of_manifest(row: &ManifestRow) -> Row<'_> {
    let mut by = row.tags.clone();
    by.extend(row.part_of.iter().map(|index| format!("index {}", short_text(index))));
    by.extend(row.about.iter().map(|subject| format!("about {}", short(subject))));
    let (digest, facts) = (row.digest.as_ref(), &row.facts);
    Row { name: by.join(", "), short_name: None, digest, facts, what: printable(&what(facts)), pushed: row.pushed }
}

fn table(rows: &[Row<'_>], title: &'static str, is_brief: bool, width: Option<usize>) -> String {
    let mut table = Columns::default();
    for form in FORMS {
        table = in_form(rows, title, is_brief, form);
        if width.is_none_or(|width| table.width() <= width) {
            return table.text();
        }
    }
    // As much of the names as there is room for: cut further than they must be, they look alike.
    let too_much = table.width().saturating_sub(width.unwrap_or(ALL));
    let longest = rows.iter().map(|row| row.short_name.as_ref().unwrap_or(&row.name).chars().count()).max();
    let names = longest.unwrap_or_default().saturating_sub(too_much).max(SHORTEST);
    in_form(rows, title, is_brief, Form { names, ..FORMS[FORMS.len() - 1] }).text()
}

fn in_form(rows: &[Row<'_>], title: &'static str, is_brief: bool, form: Form) -> Columns {
    // A manifest is called by its digest: it stands first, and what else there is to say last.
    let of_tags = title == "TAG";
    let has_names = of_tags || rows.iter().any(|row| !row.name.is_empty());
    let refers = rows.iter().any(|row| row.facts.referrers.is_some_and(|count| count > 0));
    let mut table = Columns::default();
    if of_tags {
        table = table.left(title);
    }
    table = table.left("DIGEST");
    let is_broken = rows.iter().any(|row| row.facts.problem.is_some());
    if !is_brief || is_broken {
        table = table.left("WHAT");
    }
    if !is_brief {
        table = table.right("SIZE");
    }
    table = table.left(if form.minutes { "PUSHED (UTC)" } else { "PUSHED" });
    if form.created && !is_brief {
        table = table.left("CREATED");
    }
    if refers {
        table = table.right("REFS");
    }
    if has_names && !of_tags {
        table = table.left(title);
    }
    for row in rows {
        let mut cells = Vec::new();
        let name = row.short_name.as_ref().filter(|_| !form.digests).unwrap_or(&row.name);
        let name = shortened(name, form.names);
        if of_tags {
            cells.push(name.clone());
        }
        let text = |digest: &Digest| if form.digests { digest.to_string() } else { short(digest) };
        cells.push(row.digest.map(text).unwrap_or_default());
        if !is_brief || is_broken {
            cells.push(shortened(&row.what, form.words));
        }
        if !is_brief {
            cells.push(row.facts.bytes.map(size).unwrap_or_default());
        }
        cells.push(if form.minutes { minute(row.pushed) } else { day(row.pushed) });
        if form.created && !is_brief {
            cells.push(made(row.facts.created));
        }
        if refers {
            cells.push(
                row.facts.referrers.filter(|count| *count > 0).map(|count| count.to_string()).unwrap_or_default(),
            );
        }
        if has_names && !of_tags {
            cells.push(name);
        }
        table.row(cells);
    }
    table
}

/// So many broken rows are explained; JSON explains them all.
const TOLD: usize = 10;

fn troubles(rows: &[Row<'_>]) -> String {
    let broken: Vec<(&Row<'_>, &Trouble)> =
        rows.iter().filter_map(|row| Some((row, row.facts.problem.as_ref()?))).collect();
    let mut text = String::new();
    if !broken.is_empty() {
        text.push('\n');
    }
    for (row, problem) in broken.iter().take(TOLD) {
        let name = if row.name.is_empty() { row.digest.map(short).unwrap_or_default() } else { row.name.clone() };
        text += &wrapped(&printable(&format!("{name}: {}", problem.message)), "! ");
    }
    if broken.len() > TOLD {
        let _ = writeln!(text, "! and {} more (--format json)", broken.len() - TOLD);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::list::row::Word;

    fn row<'a>(name: &str, digest: &'a Digest, facts: &'a Facts) -> Row<'a> {
        let pushed = Some(Timestamp::from_days(20_000));
        let short_name = name.strip_suffix(".sig").map(|name| name[..19].to_owned() + "...sig");
        Row { name: name.into(), short_name, digest: Some(digest), facts, what: what(facts), pushed }
    }

    fn facts(platforms: &[&str]) -> Facts {
        Facts {
            kind: Some(if platforms.len() > 1 { Word::Index } else { Word::Image }),
            platforms: platforms.iter().map(|platform| (*platform).to_owned()).collect(),
            bytes: Some(123_456_789),
            created: Some(Timestamp::from_days(19_999)),
            referrers: Some(2),
            ..Facts::default()
        }
    }

    /// Whatever the names are, a line fits; what is shown of it grows with the terminal.
    #[test]
    fn rows_fit_80_columns_and_use_what_more_there_is() {
        let digest = Digest::of(b"x");
        let (one, many) =
            (facts(&["linux/amd64"]), facts(&["linux/amd64", "linux/arm64/v8", "linux/s390x", "linux/386"]));
        let signature = format!("sha256-{}.sig", digest.hex());
        let rows = [row("v1.2.3", &digest, &one), row("latest", &digest, &many), row(&signature, &digest, &one)];
        for width in [80, 100, 132, 200] {
            let text = table(&rows, "TAG", false, Some(width));
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        let narrow = table(&rows, "TAG", false, Some(80));
        assert!(narrow.contains("v1.2.3") && narrow.contains("sha256-") && narrow.contains(".sig"), "{narrow}");
        let wide = table(&rows, "TAG", false, Some(132));
        assert!(wide.contains("CREATED") && wide.contains("PUSHED (UTC)"), "a signature's tag takes no room: {wide}");
        let piped = table(&rows, "TAG", false, None);
        assert!(piped.contains(&digest.to_string()) && piped.contains(&signature), "{piped}");
        let short = table(&rows[..1], "TAG", false, Some(80));
        assert!(short.contains("CREATED"), "{short}");
    }

    /// Of two long tags that differ in the middle, as much is shown as fits.
    #[test]
    fn names_are_cut_no_further_than_they_must_be() {
        let (digest, one) = (Digest::of(b"x"), facts(&["linux/amd64"]));
        let names =
            ["release", "nightly"].map(|kind| format!("feature-0123456789-{kind}-0123456789-0123456789-0123456789"));
        let rows = names.each_ref().map(|name| row(name, &digest, &one));
        let text = table(&rows, "TAG", false, Some(100));
        assert!(text.lines().skip(1).all(|line| line.chars().count() == 100), "{text}");
        let mut names: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        names.dedup();
        assert_eq!(names.len(), 2, "{text}");
    }

    #[test]
    fn column_that_says_nothing_is_left_out() {
        let (digest, mut facts) = (Digest::of(b"x"), facts(&["linux/amd64"]));
        facts.referrers = Some(0);
        let text = table(&[row("", &digest, &facts)], "NEEDED BY", false, None);
        assert!(!text.contains("REFS") && !text.contains("NEEDED BY"), "{text}");
        let brief = table(&[row("v1", &digest, &Facts::default())], "TAG", true, None);
        assert!(!brief.contains("SIZE") && !brief.contains("WHAT"), "{brief}");
    }
}
