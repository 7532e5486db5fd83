//! Reads a mapping strictly: every key is known, every value is of its kind, and what is wrong is told all at once.

use super::document::{Key, Node, Place, Value};
use super::fault::Faults;
use super::{duration, facts::Labels};
use crate::collect::pattern::Pattern;
use crate::error::{quoted, shortened};
use crate::model::Timestamp;
use std::str::FromStr;
use std::time::Duration;

/// Where a value stands, and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct Setting<'a> {
    pub(crate) path: String,
    pub(crate) node: &'a Node,
}

impl<'a> Setting<'a> {
    /// The value of a whole text.
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { path: String::new(), node }
    }

    fn at(&self, key: &str, node: &'a Node) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{key}", self.path), node }
    }

    /// Says what is wrong with it.
    pub(crate) fn wrong(&self, faults: &mut Faults, message: impl Into<String>) {
        faults.add(self.node.place, &self.path, message);
    }

    fn expected<T>(&self, faults: &mut Faults, what: &str) -> Option<T> {
        self.wrong(faults, format!("expected {what}, found {}", self.node.kind()));
        None
    }

    /// The keys of a mapping, all of which must be known. A mapping without any says nothing, and was hardly meant so.
    pub(crate) fn fields(&self, known: &'static [&'static str], faults: &mut Faults) -> Option<Fields<'a>> {
        let Value::Map(entries) = &self.node.value else {
            return self.expected(faults, &format!("a mapping with any of {}", known.join(", ")));
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let dot = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{dot}{}", self.path, shortened(&key.text));
            faults.add(key.place, path, unknown(&key.text, known));
        }
        Some(Fields { setting: self.clone(), entries })
    }

    /// The items of a list that has some.
    pub(crate) fn items(&self, what: &str, faults: &mut Faults) -> Vec<Setting<'a>> {
        match &self.node.value {
            Value::List(list) if list.is_empty() => {
                self.wrong(faults, format!("an empty list: expected a list of {what}"));
                Vec::new()
            }
            Value::List(list) => {
                let items = list.iter().enumerate();
                items.map(|(at, node)| Self { path: format!("{}[{at}]", self.path), node }).collect()
            }
            Value::Scalar { .. } | Value::Map(_) => {
                self.expected::<()>(faults, &format!("a list of {what}"));
                Vec::new()
            }
        }
    }

    /// Text; a number or a boolean is taken as it was written, as `1.10` may be a tag.
    pub(crate) fn text(&self, what: &str, faults: &mut Faults) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() && !text.is_empty() => Some(text),
            Value::Scalar { plain: false, .. } => {
                self.wrong(faults, format!("empty text: expected {what}"));
                None
            }
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => self.expected(faults, what),
        }
    }

    /// Text that something can be read from.
    pub(crate) fn parsed<T: FromStr<Err: ToString>>(&self, what: &str, faults: &mut Faults) -> Option<T> {
        let text = self.text(what, faults)?;
        let parsed = text.parse().map_err(|error: T::Err| error.to_string());
        self.good(parsed, faults)
    }

    fn good<T>(&self, result: Result<T, String>, faults: &mut Faults) -> Option<T> {
        result.map_err(|why| self.wrong(faults, why)).ok()
    }

    /// A list of patterns.
    pub(crate) fn patterns(&self, what: &str, faults: &mut Faults) -> Vec<Pattern> {
        let items = self.items(what, faults);
        items.iter().filter_map(|item| item.pattern(faults)).collect()
    }

    /// A pattern.
    pub(crate) fn pattern(&self, faults: &mut Faults) -> Option<Pattern> {
        let text = self.text("a glob, or re: and a regular expression", faults)?;
        let parsed = text.parse().map_err(|why| format!("{} is no pattern: {why}", quoted(text)));
        self.good(parsed, faults)
    }

    /// A whole number from one on.
    pub(crate) fn count(&self, faults: &mut Faults) -> Option<usize> {
        let what = "a whole number from 1 on";
        match &self.node.value {
            Value::Scalar { text, plain: true } => match text.parse() {
                Ok(count) if count > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Some(count),
                _ if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && !text.is_empty() => {
                    self.wrong(faults, format!("expected {what}, found {}", shortened(text)));
                    None
                }
                _ => self.expected(faults, what),
            },
            Value::Scalar { plain: false, .. } => self.expected(faults, &format!("{what} without quotes")),
            Value::List(_) | Value::Map(_) => self.expected(faults, what),
        }
    }

    /// A duration.
    pub(crate) fn duration(&self, faults: &mut Faults) -> Option<Duration> {
        let text = self.text("a duration such as 30d", faults)?;
        self.good(duration::parse(text), faults)
    }

    /// A point in time: RFC 3339, a date, or how long before `now` it was.
    pub(crate) fn time(&self, now: Timestamp, faults: &mut Faults) -> Option<Timestamp> {
        let text = self.text("a time", faults)?;
        self.good(time(text, now), faults)
    }

    /// Whether it is a mapping.
    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// The entries of a mapping whose keys are the user's own.
    pub(crate) fn entries(&self, what: &str, faults: &mut Faults) -> Vec<(&'a Key, Setting<'a>)> {
        match &self.node.value {
            Value::Map(entries) if entries.is_empty() => {
                self.wrong(faults, format!("an empty mapping: expected {what}"));
                Vec::new()
            }
            Value::Map(entries) => entries.iter().map(|(key, node)| (key, self.at(&key.text, node))).collect(),
            Value::Scalar { .. } | Value::List(_) => {
                self.expected::<()>(faults, what);
                Vec::new()
            }
        }
    }

    /// Labels and their values.
    pub(crate) fn labels(&self, faults: &mut Faults) -> Labels {
        let entries = self.entries("names and values", faults);
        let value = |(key, value): &(&Key, Setting<'_>), faults: &mut Faults| match &value.node.value {
            Value::Scalar { text, .. } => Some((key.text.clone(), text.clone())),
            Value::List(_) | Value::Map(_) => value.expected(faults, "text"),
        };
        entries.iter().filter_map(|entry| value(entry, faults)).collect()
    }
}

/// A point in time: RFC 3339, a date, or how long before `now` it was.
pub(crate) fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time = Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_date(text));
    let time = time.or_else(|| duration::parse(text).ok().map(|ago| now.minus(ago)));
    let expected = "expected an age (41d), a date (2026-11-21) or RFC 3339 (2026-11-21T19:10:00Z)";
    time.ok_or_else(|| format!("{} is no time: {expected}", quoted(text)))
}

/// The keys of one mapping.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    setting: Setting<'a>,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<Setting<'a>> {
        let (_, node) = self.entries.iter().find(|(found, _)| found.text == key)?;
        Some(self.setting.at(key, node))
    }

    /// Where a key stands.
    pub(crate) fn place(&self, key: &str) -> Option<Place> {
        self.entries.iter().find(|(found, _)| found.text == key).map(|(key, _)| key.place)
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &str, faults: &mut Faults) -> Option<Setting<'a>> {
        let found = self.get(key);
        if found.is_none() {
            self.setting.wrong(faults, format!("`{key}` is missing"));
        }
        found
    }

    /// Whether there are no keys at all, which is said if it is so.
    pub(crate) fn says_nothing(&self, next: &str, faults: &mut Faults) -> bool {
        if self.entries.is_empty() {
            self.setting.wrong(faults, format!("an empty mapping says nothing: {next}"));
        }
        self.entries.is_empty()
    }

    /// The mapping itself.
    pub(crate) fn setting(&self) -> &Setting<'a> {
        &self.setting
    }
}

/// That a key is not known, with the known one that was perhaps meant.
pub(crate) fn unknown(key: &str, known: &[&str]) -> String {
    let alike = |name: &str| name.to_ascii_lowercase().replace(['-', ' '], "_");
    let distance = |other: &&&str| strsim::damerau_levenshtein(&alike(key), &alike(other));
    let near = |other: &&&str| distance(other) <= 1 + other.len() / 4 || alike(other).starts_with(&alike(key));
    match known.iter().filter(|_| key.len() <= 64).filter(near).min_by_key(distance) {
        Some(near) => format!("unknown key: did you mean `{near}`?"),
        None => format!("unknown key: known here are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_known_key_is_named() {
        const KNOWN: [&str; 4] = ["older_than", "last", "last_per", "tags"];
        for (key, near) in [
            ("older-than", "older_than"),
            ("olderThan", "older_than"),
            ("Older_Than", "older_than"),
            ("older", "older_than"),
            ("lst", "last"),
            ("tag", "tags"),
            ("last-per", "last_per"),
        ] {
            assert_eq!(unknown(key, &KNOWN), format!("unknown key: did you mean `{near}`?"), "{key}");
        }
        for far in ["banana", "x", "", &"a".repeat(10_000)] {
            let all = "unknown key: known here are older_than, last, last_per, tags";
            assert!(unknown(far, &KNOWN) == all || far.is_empty(), "{far}");
        }
    }
}
