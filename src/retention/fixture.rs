//! Tags and dates from a file, to try a policy on: YAML, JSON, or rows with commas between. It may say what is expected of
//! each, so that a policy can have tests of its own.

use super::document;
use super::document::Place;
use super::facts::{Labels, RepositoryFacts, TagFacts, UntaggedFacts};
use super::fault::Faults;
use super::fields::{Setting, time};
use super::verdict::Decision;
use crate::error::quoted;
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::BTreeMap;

/// What stands in a file.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// What the file takes for now; ages are measured from it.
    pub now: Timestamp,
    /// The repositories, in the order of the file.
    pub cases: Vec<Case>,
}

/// One repository.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is known of it.
    pub facts: RepositoryFacts,
    /// What is expected of each tag, in the order of the facts.
    pub tags: Vec<Option<Expected>>,
    /// What is expected of each untagged manifest.
    pub untagged: Vec<Option<Expected>>,
}

/// What is expected of a tag or a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Whether it is to stay.
    pub decision: Decision,
    /// The line that says so.
    pub line: usize,
}

/// Reads a file. `clock` is now for a file that names no time of its own.
///
/// # Errors
/// If anything in it is not understood: all that is not.
pub fn parse(text: &str, clock: Timestamp) -> Result<Fixture, Faults> {
    let mut reader = Reader { faults: Faults::default(), now: clock };
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    let cases = if first.replace(' ', "").starts_with("repository,") {
        reader.rows(text)
    } else {
        let root = document::parse(text, &mut reader.faults);
        root.map(|root| reader.root(&Setting::root(&root))).unwrap_or_default()
    };
    if cases.is_empty() && reader.faults.is_empty() {
        reader.faults.add(Place { line: 1, column: 1 }, "", "no repository is in it");
    }
    if reader.faults.is_empty() { Ok(Fixture { now: reader.now, cases }) } else { Err(reader.faults) }
}

/// A point in time as fixtures have it: an age before `now`, a date, or RFC 3339.
///
/// # Errors
/// If it is none.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    time(text, now)
}

struct Reader {
    faults: Faults,
    now: Timestamp,
}

const TAG_KEYS: &[&str] = &["tag", "pushed", "created", "digest", "parts", "labels", "annotations", "expect"];
const UNTAGGED_KEYS: &[&str] = &["digest", "pushed", "lost", "belongs_to", "expect"];

/// A digest, or the digest of a word that stands for one.
fn digest(word: &str) -> Digest {
    word.parse().unwrap_or_else(|_| Digest::of(word.as_bytes()))
}

fn decision(text: &str) -> Result<Decision, String> {
    let all = [Decision::Keep, Decision::Drop];
    let found = all.into_iter().find(|decision| decision.name() == text);
    found.ok_or_else(|| format!("{} is no verdict: expected keep or drop", quoted(text)))
}

impl Reader {
    fn root(&mut self, root: &Setting<'_>) -> Vec<Case> {
        let Some(fields) = root.fields(&["now", "repositories"], &mut self.faults) else { return Vec::new() };
        if let Some(now) = fields.get("now").and_then(|now| now.time(self.now, &mut self.faults)) {
            self.now = now;
        }
        let Some(repositories) = fields.required("repositories", &mut self.faults) else { return Vec::new() };
        let entries = repositories.entries("names of repositories, each with its tags", &mut self.faults);
        let mut cases = Vec::new();
        for (key, value) in entries {
            let Some(name) = RepositoryName::new(&key.text) else {
                self.faults.add(key.place, &value.path, "no name of a repository");
                continue;
            };
            cases.extend(self.repository(name, &value));
        }
        cases
    }

    fn repository(&mut self, name: RepositoryName, setting: &Setting<'_>) -> Option<Case> {
        let fields = setting.fields(&["tags", "untagged"], &mut self.faults)?;
        let mut case = Case::empty(name);
        match fields.get("tags") {
            Some(tags) if tags.is_mapping() => {
                for (key, value) in tags.entries("tags, each with when it was pushed", &mut self.faults) {
                    let tag = self.tag(&key.text, key.place, &value.path);
                    if value.is_mapping() {
                        self.tag_row(&mut case, tag, &value);
                    } else if let (Some(pushed), Some(tag)) = (value.time(self.now, &mut self.faults), tag) {
                        let digest = digest(&format!("{}:{tag}", case.facts.name));
                        case.add(TagFacts::new(tag, digest, Some(pushed)), None);
                    }
                }
            }
            Some(tags) => {
                for item in tags.items("tags", &mut self.faults) {
                    self.tag_row(&mut case, None, &item);
                }
            }
            None => {}
        }
        let untagged = fields.get("untagged").map(|rows| rows.items("untagged manifests", &mut self.faults));
        for item in untagged.unwrap_or_default() {
            self.untagged_row(&mut case, &item);
        }
        Some(case)
    }

    fn tag(&mut self, text: &str, place: Place, path: &str) -> Option<Tag> {
        let tag = Tag::new(text);
        if tag.is_none() {
            self.faults.add(place, path, format!("{} is no tag", quoted(text)));
        }
        tag
    }

    /// A row of `tags`; its name is known already where it is a key.
    fn tag_row(&mut self, case: &mut Case, name: Option<Tag>, row: &Setting<'_>) {
        let known = if name.is_some() { &TAG_KEYS[1..] } else { TAG_KEYS };
        let Some(fields) = row.fields(known, &mut self.faults) else { return };
        let named = || {
            let tag = fields.required("tag", &mut self.faults)?;
            let text = tag.text("a tag", &mut self.faults)?;
            self.tag(text, tag.node.place, &tag.path)
        };
        let Some(tag) = name.or_else(named) else { return };
        let (now, faults) = (self.now, &mut self.faults);
        let own = format!("{}:{tag}", case.facts.name);
        let named = fields.get("digest").and_then(|word| word.text("a digest, or a word for one", faults));
        let labels = |key, faults: &mut Faults| fields.get(key).map(|labels| labels.labels(faults));
        let facts = TagFacts {
            digest: Some(digest(named.unwrap_or(&own))),
            parts: fields.get("parts").map(|parts| digests(&parts, faults)).unwrap_or_default(),
            pushed: fields.get("pushed").and_then(|pushed| pushed.time(now, faults)),
            created: fields.get("created").and_then(|created| created.time(now, faults)),
            labels: labels("labels", faults).or(Some(Labels::new())),
            annotations: labels("annotations", faults).or(Some(Labels::new())),
            tag,
        };
        if case.facts.tags.iter().any(|other| other.tag == facts.tag) {
            row.wrong(faults, format!("tag {} is there twice", facts.tag));
        }
        let expected = fields.get("expect").and_then(|expect| expected(&expect, faults));
        case.add(facts, expected);
    }

    fn untagged_row(&mut self, case: &mut Case, row: &Setting<'_>) {
        let faults = &mut self.faults;
        let Some(fields) = row.fields(UNTAGGED_KEYS, faults) else { return };
        let Some(named) = fields.required("digest", faults) else { return };
        let Some(word) = named.text("a digest, or a word for one", faults) else { return };
        case.facts.untagged.push(UntaggedFacts {
            digest: digest(word),
            pushed: fields.get("pushed").and_then(|pushed| pushed.time(self.now, faults)),
            lost: fields.get("lost").and_then(|lost| lost.time(self.now, faults)),
            belongs_to: fields.get("belongs_to").map(|owners| digests(&owners, faults)).unwrap_or_default(),
        });
        case.untagged.push(fields.get("expect").and_then(|expect| expected(&expect, faults)));
    }

    /// Rows with commas between, the first of which names the columns.
    fn rows(&mut self, text: &str) -> Vec<Case> {
        const COLUMNS: [&str; 6] = ["repository", "tag", "pushed", "created", "digest", "expect"];
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let mut rows = lines.map(|(at, line)| (at + 1, line.split(',').map(str::trim).collect::<Vec<_>>()));
        let Some((line, head)) = rows.next() else { return Vec::new() };
        for name in head.iter().filter(|name| !COLUMNS.contains(name)) {
            let why = format!("unknown column {}: known are {}", quoted(name), COLUMNS.join(", "));
            self.faults.add(Place { line, column: 1 }, "", why);
        }
        let mut cases: BTreeMap<String, Case> = BTreeMap::new();
        for (line, row) in rows {
            if let Err(why) = self.row(line, &head, &row, &mut cases) {
                self.faults.add(Place { line, column: 1 }, "", why);
            }
        }
        cases.into_values().collect()
    }

    fn row(&self, line: usize, head: &[&str], row: &[&str], cases: &mut BTreeMap<String, Case>) -> Result<(), String> {
        if row.len() > head.len() {
            return Err(format!("{} columns, where the first line names {}", row.len(), head.len()));
        }
        let cell = |name: &str| {
            let cell = head.iter().position(|column| *column == name).and_then(|at| row.get(at));
            cell.copied().filter(|cell| !cell.is_empty())
        };
        let named = cell("repository").unwrap_or_default();
        let name = RepositoryName::new(named).ok_or_else(|| format!("{} is no name of a repository", quoted(named)))?;
        let text = cell("tag").unwrap_or_default();
        let tag = Tag::new(text).ok_or_else(|| format!("{} is no tag", quoted(text)))?;
        let at = |cell: Option<&str>| cell.map(|text| time(text, self.now)).transpose();
        let own = format!("{name}:{tag}");
        let facts = TagFacts {
            created: at(cell("created"))?,
            ..TagFacts::new(tag, digest(cell("digest").unwrap_or(&own)), at(cell("pushed"))?)
        };
        let expected = cell("expect").map(decision).transpose()?.map(|decision| Expected { decision, line });
        let case = cases.entry(named.to_owned()).or_insert_with(|| Case::empty(name));
        if case.facts.tags.iter().any(|other| other.tag == facts.tag) {
            return Err(format!("tag {own} is there twice"));
        }
        case.add(facts, expected);
        Ok(())
    }
}

impl Case {
    fn empty(name: RepositoryName) -> Self {
        let facts = RepositoryFacts { name, tags: Vec::new(), untagged: Vec::new() };
        Self { facts, tags: Vec::new(), untagged: Vec::new() }
    }

    fn add(&mut self, tag: TagFacts, expected: Option<Expected>) {
        self.facts.tags.push(tag);
        self.tags.push(expected);
    }
}

fn digests(setting: &Setting<'_>, faults: &mut Faults) -> Vec<Digest> {
    let items = setting.items("digests, or words for them", faults);
    items.iter().filter_map(|item| item.text("a digest, or a word for one", faults)).map(digest).collect()
}

fn expected(setting: &Setting<'_>, faults: &mut Faults) -> Option<Expected> {
    let text = setting.text("keep or drop", faults)?;
    match decision(text) {
        Ok(decision) => Some(Expected { decision, line: setting.node.place.line }),
        Err(why) => {
            setting.wrong(faults, why);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::time::Duration;

    const CLOCK: Timestamp = Timestamp::from_days(20_000);
    const DAY: Duration = Duration::from_hours(24);

    fn read(text: &str) -> Fixture {
        parse(text, CLOCK).unwrap_or_else(|faults| unreachable!("{faults}"))
    }

    #[track_caller]
    fn fault(text: &str) -> String {
        parse(text, CLOCK).unwrap_err().to_string()
    }

    #[test]
    fn tags_are_rows_or_keys() {
        let fixture = read(
            "now: 2026-11-21\nrepositories:\n  ci/app:\n    tags:\n      - {tag: a, pushed: 41d, created: 2026-01-01, digest: x, parts: \
             [y], labels: {s: t}, annotations: {u: v}, expect: drop}\n      - tag: b\n  other:\n    tags:\n      1.10: 3d\n      \
             v2: {pushed: \"2026-11-20T12:00:00Z\", expect: keep}\n    untagged:\n      - {digest: u, pushed: 9d, lost: 8d, \
             belongs_to: [x], expect: keep}\n",
        );
        let now = Timestamp::parse_date("2026-11-21").unwrap();
        assert_eq!(fixture.now, now);
        let [app, other] = fixture.cases.as_slice() else { unreachable!("two") };
        let (a, b) = (&app.facts.tags[0], &app.facts.tags[1]);
        assert_eq!((a.pushed, a.created), (Some(now.minus(41 * DAY)), Timestamp::parse_date("2026-01-01")));
        assert_eq!((a.digest.clone(), a.parts.clone()), (Some(Digest::of(b"x")), vec![Digest::of(b"y")]));
        assert_eq!(a.labels.as_ref().unwrap()["s"], "t");
        assert_eq!(a.annotations.as_ref().unwrap()["u"], "v");
        assert_eq!(app.tags, [Some(Expected { decision: Decision::Drop, line: 5 }), None]);
        assert_eq!((b.pushed, b.created, b.digest.clone()), (None, None, Some(Digest::of(b"ci/app:b"))));
        let names: Vec<_> = other.facts.tags.iter().map(|tag| tag.tag.to_string()).collect();
        assert_eq!(names, ["1.10", "v2"]);
        assert_eq!(other.facts.tags[0].pushed, Some(now.minus(3 * DAY)));
        assert_eq!(other.tags, [None, Some(Expected { decision: Decision::Keep, line: 10 })]);
        let untagged = &other.facts.untagged[0];
        assert_eq!((untagged.pushed, untagged.lost), (Some(now.minus(9 * DAY)), Some(now.minus(8 * DAY))));
        assert_eq!((untagged.digest.clone(), untagged.belongs_to.clone()), (Digest::of(b"u"), vec![Digest::of(b"x")]));
        assert_eq!(other.untagged.len(), 1);
    }

    #[test]
    fn rows_with_commas_are_read() {
        let fixture = read(
            "# a comment\nrepository, tag, pushed, expect, digest\n\nci/app,a,41d,drop,x\nci/app,b,,,\nother,c,1d\n",
        );
        let [app, other] = fixture.cases.as_slice() else { unreachable!("two") };
        assert_eq!(app.tags, [Some(Expected { decision: Decision::Drop, line: 4 }), None]);
        assert_eq!(app.facts.tags[0].digest, Some(Digest::of(b"x")));
        assert_eq!((app.facts.tags[1].pushed, other.facts.tags[0].pushed), (None, Some(CLOCK.minus(DAY))));
        assert_eq!(fixture.now, CLOCK);
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        for (text, why) in [
            ("repository,tag\nUP,a\n", "line 2, column 1: \"UP\" is no name of a repository"),
            ("repository,tag\na,b:c\n", "line 2, column 1: \"b:c\" is no tag"),
            ("repository,tag,when\n", "unknown column \"when\""),
            ("repository,tag\na,b,c\n", "3 columns, where the first line names 2"),
            ("repository,tag,pushed\na,b,soon\n", "\"soon\" is no time"),
            ("repository,tag,expect\na,b,go\n", "\"go\" is no verdict: expected keep or drop"),
            ("repository,tag\na,b\na,b\n", "line 3, column 1: tag a:b is there twice"),
            ("repository,tag\n", "no repository is in it"),
            ("", "expected a mapping with any of now, repositories, found nothing"),
            ("repositories: {}", "an empty mapping"),
            ("now: later\nrepositories: {a: {tags: {b: 1d}}}", "\"later\" is no time"),
            ("repositories: {UP: {tags: {b: 1d}}}", "no name of a repository"),
            ("repositories: {a: {tags: {'b:c': 1d}}}", "\"b:c\" is no tag"),
            ("repositories: {a: {tags: [{pushed: 1d}]}}", "`tag` is missing"),
            ("repositories: {a: {tags: {b: {tag: c}}}}", "unknown key"),
            ("repositories: {a: {tags: [{tag: b}, {tag: b}]}}", "tag b is there twice"),
            (
                "repositories: {a: {tags: [{tag: b, expect: gone}]}}",
                "repositories.a.tags[0].expect: \"gone\" is no verdict",
            ),
            ("repositories: {a: {tags: [{tag: b, labels: [c]}]}}", "expected names and values"),
            ("repositories: {a: {untagged: [{pushed: 1d}]}}", "`digest` is missing"),
            ("repositories: {a: {untaged: []}}", "did you mean `untagged`?"),
        ] {
            let found = fault(text);
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
