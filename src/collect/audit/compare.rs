//! What has grown and shrunk since an earlier audit.

use super::report::{Findings, Row};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An earlier audit, as far as it is compared. What it does not know counts as not there.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Earlier {
    /// When its ages were measured.
    pub now: String,
    /// Of which registry it is.
    pub location: String,
    objects: u64,
    bytes: u64,
    classes: BTreeMap<String, EarlierTally>,
    repositories: Vec<EarlierRow>,
    #[serde(default)]
    groups: Option<Vec<EarlierRow>>,
    #[serde(default)]
    nobody: EarlierRow,
    #[serde(default)]
    not_shown: EarlierNotShown,
    /// What it could not count, in words.
    #[serde(default)]
    not_known: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct EarlierTally {
    bytes: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct EarlierRow {
    name: String,
    fair_share_bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct EarlierNotShown {
    repositories: u64,
}

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// When the earlier audit measured ages.
    pub since: String,
    /// Of which registry it was.
    pub location: String,
    /// What speaks against the comparison, in words.
    pub notes: Vec<String>,
    /// Objects.
    pub objects: Change,
    /// Their bytes.
    pub bytes: Change,
    /// Bytes by class.
    pub classes: BTreeMap<String, Change>,
    /// Repositories whose fair share is another now, and what no repository uses: those that changed most first.
    pub repositories: Vec<Moved>,
    /// The same by group, if both have groups.
    pub groups: Option<Vec<Moved>>,
}

/// A number then and now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Then.
    pub before: u64,
    /// Now.
    pub after: u64,
    /// How much it grew; less than nothing where it shrank.
    pub change: i64,
}

/// A repository or group then and now, in bytes of its fair share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Its name.
    pub name: String,
    /// `new`, `gone`, `grown` or `shrunk`.
    pub how: &'static str,
    /// Its bytes.
    #[serde(flatten)]
    pub bytes: Change,
}

/// Between what was not counted and why: the first of it in the sentence.
const WHY: &str = ": ";
/// What is not compared, and so needs no note where it could not be counted.
pub const OLD_VERSIONS: &str = "old versions and delete markers";

/// What an audit could not count, and why, in one sentence.
#[must_use]
pub fn not_counted(what: &str, why: &str) -> String {
    format!("{what}{WHY}{why}")
}

/// What was not counted of what is compared. Why is another text each time: it holds what a store has answered.
fn compared(sentences: &[String]) -> BTreeSet<&str> {
    let what = sentences.iter().map(|sentence| sentence.split_once(WHY).map_or(sentence.as_str(), |(what, _)| what));
    what.filter(|what| *what != OLD_VERSIONS).collect()
}

impl Change {
    /// From one to the other.
    #[must_use]
    pub fn of(before: u64, after: u64) -> Self {
        let change = i128::from(after) - i128::from(before);
        let change = change.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Self { before, after, change: i64::try_from(change).unwrap_or(i64::MAX) }
    }
}

impl Earlier {
    /// What has changed since; `not_known` is what could not be counted now, in words.
    #[must_use]
    pub fn compare(&self, location: &str, findings: &Findings, not_known: &[String]) -> Compared {
        let mut notes = Vec::new();
        if self.location != location {
            notes.push(format!("the earlier audit is of another registry: {}", self.location));
        }
        let all = self.not_shown.repositories == 0 && findings.not_shown.repositories == 0;
        if !all {
            notes.push("one of both shows only some repositories: new and gone ones are not told".to_owned());
        }
        // What only one of both could count looks as if it had come or gone.
        let only_in = |these: &[String], others: &[String]| {
            let (these, others) = (compared(these), compared(others));
            these.difference(&others).map(|what| (*what).to_owned()).collect::<Vec<_>>()
        };
        let then = only_in(&self.not_known, not_known).into_iter();
        notes.extend(then.map(|what| format!("the earlier audit did not count {what}")));
        let now = only_in(not_known, &self.not_known).into_iter();
        notes.extend(now.map(|what| format!("this audit did not count {what}")));
        let names: BTreeSet<&str> =
            self.classes.keys().map(String::as_str).chain(findings.classes.keys().copied()).collect();
        let class = |name: &str| {
            let before = self.classes.get(name).map_or(0, |tally| tally.bytes);
            Change::of(before, findings.classes.get(name).map_or(0, |tally| tally.bytes))
        };
        let before = self.repositories.iter().chain([&self.nobody]);
        let after = findings.repositories.iter().chain([&findings.nobody]);
        Compared {
            since: self.now.clone(),
            location: self.location.clone(),
            notes,
            objects: Change::of(self.objects, findings.objects),
            bytes: Change::of(self.bytes, findings.bytes),
            classes: names.into_iter().map(|name| (name.to_owned(), class(name))).collect(),
            repositories: moved(before, after, all),
            groups: self.groups.as_ref().zip(findings.groups.as_ref()).map(|(before, after)| {
                moved(before.iter().chain([&self.nobody]), after.iter().chain([&findings.nobody]), true)
            }),
        }
    }
}

fn moved<'a>(
    before: impl Iterator<Item = &'a EarlierRow>,
    after: impl Iterator<Item = &'a Row>,
    all: bool,
) -> Vec<Moved> {
    let before: BTreeMap<&str, u64> = before.map(|row| (row.name.as_str(), row.fair_share_bytes)).collect();
    let after: BTreeMap<&str, u64> = after.map(|row| (row.name.as_str(), row.fair_share_bytes)).collect();
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().filter(|name| !name.is_empty()).collect();
    let moved = |name: &str| {
        let (then, now) = (before.get(name), after.get(name));
        let bytes = Change::of(then.copied().unwrap_or(0), now.copied().unwrap_or(0));
        let how = match (then, now) {
            (None, Some(_)) if all => "new",
            (Some(_), None) if all => "gone",
            (Some(_), Some(_)) if bytes.change > 0 => "grown",
            (Some(_), Some(_)) if bytes.change < 0 => "shrunk",
            _ => return None,
        };
        Some(Moved { name: name.to_owned(), how, bytes })
    };
    let mut all: Vec<Moved> = names.into_iter().filter_map(moved).collect();
    all.sort_by_key(|moved| std::cmp::Reverse(moved.bytes.change.unsigned_abs()));
    all
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn row(name: &str, share: u64) -> Row {
        Row { name: name.into(), fair_share_bytes: share, ..Row::default() }
    }

    fn earlier(repositories: &[(&str, u64)]) -> Earlier {
        let row = |(name, share): &(&str, u64)| EarlierRow { name: (*name).into(), fair_share_bytes: *share };
        let bytes = repositories.iter().map(|(_, share)| share).sum();
        let repositories = repositories.iter().map(row).collect();
        Earlier { location: "here".into(), bytes, repositories, ..Earlier::default() }
    }

    #[test]
    fn what_moved_most_is_first_and_changes_add_up() {
        let repositories = vec![row("a", 5), row("new", 7), row("same", 3), row("less", 1)];
        let findings = Findings { bytes: 16, repositories, nobody: row("", 0), ..Findings::default() };
        let compared = earlier(&[("a", 4), ("same", 3), ("gone", 90), ("less", 3)]).compare("here", &findings, &[]);
        let told: Vec<_> = compared.repositories.iter().map(|moved| (moved.name.as_str(), moved.how)).collect();
        assert_eq!(told, [("gone", "gone"), ("new", "new"), ("less", "shrunk"), ("a", "grown")]);
        let sum: i64 = compared.repositories.iter().map(|moved| moved.bytes.change).sum();
        assert_eq!((sum, compared.bytes.change), (-84, -84));
        assert!(compared.notes.is_empty());
    }

    #[test]
    fn what_was_not_shown_is_neither_new_nor_gone() {
        let mut before = earlier(&[("a", 4), ("b", 4)]);
        before.not_shown.repositories = 3;
        let findings = Findings { repositories: vec![row("a", 9), row("c", 1)], ..Findings::default() };
        let compared = before.compare("there", &findings, &[]);
        assert_eq!(compared.repositories.iter().map(|moved| moved.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(compared.notes.len(), 2, "{:?}", compared.notes);
    }

    #[test]
    fn what_only_one_of_both_could_count_is_said() {
        let text = r#"{"now": "t", "location": "here", "objects": 1, "bytes": 2, "classes": {}, "repositories": [],
            "not_known": ["old versions and delete markers: refused", "what is in x: it may not be read",
                "what is in y: request 1 was refused: why"]}"#;
        let before: Earlier = serde_json::from_str(text).unwrap();
        let now = [("what lies beside the registry", "refused"), ("what is in y", "request 2 was refused: why")];
        let now = now.map(|(what, why)| not_counted(what, why));
        let notes = before.compare("here", &Findings::default(), &now).notes;
        let expected =
            ["the earlier audit did not count what is in x", "this audit did not count what lies beside the registry"];
        assert_eq!(notes, expected);
    }

    #[test]
    fn no_size_is_too_large_to_compare() {
        assert_eq!(Change::of(u64::MAX, 0).change, i64::MIN);
        assert_eq!(Change::of(0, u64::MAX).change, i64::MAX);
        let text = r#"{"now": "t", "location": "l", "objects": 1, "bytes": 2, "classes": {"x": {"count": 1, "bytes": 2}},
            "repositories": [{"name": "a", "fair_share_bytes": 2, "more": [1]}]}"#;
        let earlier: Earlier = serde_json::from_str(text).unwrap();
        assert_eq!(earlier.compare("l", &Findings::default(), &[]).classes["x"].change, -2);
    }
}
