//! Reads what other tools write. A value of the wrong kind is a fault; a key that is not known is for the reader to name.

use crate::error::quoted;
use crate::retention::document::{self, Node, Value};
use crate::retention::duration;
use crate::retention::fault::Faults;
use std::time::Duration;

/// A value, and what it is called.
#[derive(Debug, Clone)]
pub(super) struct Foreign<'a> {
    pub(super) path: String,
    node: &'a Node,
}

/// Reads JSON or YAML, and hands it to `read`.
pub(super) fn read<T>(
    text: &str,
    read: impl FnOnce(&Foreign<'_>, &mut Faults) -> Result<T, String>,
) -> Result<T, Faults> {
    let mut faults = Faults::default();
    let Some(root) = document::parse(text, &mut faults) else { return Err(faults) };
    let whole = Foreign { path: String::new(), node: &root };
    let result = read(&whole, &mut faults);
    match result {
        Ok(value) if faults.is_empty() => Ok(value),
        Ok(_) => Err(faults),
        Err(why) => {
            faults.add(root.place, "", why);
            Err(faults)
        }
    }
}

impl Foreign<'_> {
    /// The value of a key, if it is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Value::Map(entries) = &self.node.value else { return None };
        let (_, node) = entries.iter().find(|(found, _)| found.text.eq_ignore_ascii_case(key))?;
        let dot = if self.path.is_empty() { "" } else { "." };
        (!node.is_null()).then(|| Self { path: format!("{}{dot}{key}", self.path), node })
    }

    /// The first of several spellings of a key.
    pub(super) fn any(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The keys that are there and not null, apart from the known.
    pub(super) fn others(&self, known: &[&str]) -> Vec<String> {
        let Value::Map(entries) = &self.node.value else { return Vec::new() };
        let other = |name: &str| known.iter().all(|known| !name.eq_ignore_ascii_case(known));
        let others = entries.iter().filter(|(key, node)| other(&key.text) && !node.is_null());
        others.map(|(key, _)| key.text.clone()).collect()
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    /// The keys and values of a mapping.
    pub(super) fn entries(&self) -> Vec<(String, Self)> {
        let Value::Map(entries) = &self.node.value else { return Vec::new() };
        let entry =
            |key: &document::Key, node| (key.text.clone(), Self { path: format!("{}.{}", self.path, key.text), node });
        entries.iter().map(|(key, node)| entry(key, node)).collect()
    }

    /// Says that something is wrong with it.
    pub(super) fn wrong(&self, faults: &mut Faults, why: impl Into<String>) {
        faults.add(self.node.place, &self.path, why);
    }

    fn expected<T: Default>(&self, what: &str, faults: &mut Faults) -> T {
        self.wrong(faults, format!("expected {what}, found {}", self.node.kind()));
        T::default()
    }

    /// The items of a list.
    pub(super) fn items(&self, faults: &mut Faults) -> Vec<Self> {
        match &self.node.value {
            Value::List(list) => {
                let items = list.iter().enumerate();
                items.map(|(at, node)| Self { path: format!("{}[{at}]", self.path), node }).collect()
            }
            Value::Scalar { .. } | Value::Map(_) => self.expected("a list", faults),
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self, faults: &mut Faults) -> String {
        match &self.node.value {
            Value::Scalar { text, .. } => text.clone(),
            Value::List(_) | Value::Map(_) => self.expected("text", faults),
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&self, faults: &mut Faults) -> Vec<String> {
        self.items(faults).iter().map(|item| item.text(faults)).collect()
    }

    /// A whole number from one on.
    pub(super) fn count(&self, faults: &mut Faults) -> usize {
        let text = self.text(faults);
        match text.parse::<usize>() {
            Ok(count) if count > 0 => count,
            _ => {
                self.wrong(faults, format!("expected a whole number from 1 on, found {}", quoted(&text)));
                1
            }
        }
    }

    /// Whether it is true.
    pub(super) fn flag(&self, faults: &mut Faults) -> bool {
        match self.text(faults).as_str() {
            "true" => true,
            "false" => false,
            _ => self.expected("true or false", faults),
        }
    }

    /// A duration.
    pub(super) fn duration(&self, faults: &mut Faults) -> Duration {
        duration::parse(&self.text(faults)).unwrap_or_else(|why| {
            self.wrong(faults, why);
            Duration::MAX
        })
    }
}

/// So many days.
pub(super) fn days(count: usize) -> Duration {
    Duration::from_hours(24).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}
