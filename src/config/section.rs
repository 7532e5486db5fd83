//! The parameters of one section, read the way the drivers read them.

use super::node::{Map, Node, Top, Value};
use super::origin::Origin;
use crate::error::{Error, ErrorKind};

/// An error about a setting: `setting` names it with its line or variable.
pub(super) fn wrong(setting: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, "read the registry's configuration").on(setting).because(why).next(next)
}

/// A mapping of parameters. A section that is null has none.
pub(super) struct Section<'a> {
    path: String,
    map: Option<&'a Map>,
    at: &'a Origin,
    any_case: bool,
}

impl<'a> Section<'a> {
    /// The section at `path` (`storage.s3`).
    pub(super) fn new(path: impl Into<String>, node: &'a Node) -> Self {
        Self { path: path.into(), map: node.map(), at: &node.at, any_case: false }
    }

    /// A section at the top of the configuration.
    pub(super) fn top(path: &str, top: &'a Top) -> Self {
        Self { path: path.into(), map: Some(&top.map), at: &top.at, any_case: false }
    }

    /// With parameter names in any case, as mapstructure matches them (Azure, v3).
    pub(super) fn in_any_case(self) -> Self {
        Self { any_case: true, ..self }
    }

    /// A parameter.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let map = self.map?;
        map.get(key).or_else(|| {
            let mut entries = map.iter().filter(|_| self.any_case);
            entries.find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, node)| node)
        })
    }

    /// The section below this one, where it is a mapping.
    pub(super) fn section(&self, key: &str) -> Option<Section<'a>> {
        let node = self.get(key)?;
        let map = Some(node.map()?);
        Some(Section { path: format!("{}.{key}", self.path), map, at: &node.at, any_case: self.any_case })
    }

    /// A parameter as Go prints it (`fmt.Sprint`), which is how the drivers take text; null is nothing.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match &node.value {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Boolean(value) => Ok(Some(value.to_string())),
            Value::Integer(value) => Ok(Some(value.to_string())),
            Value::Float(_) | Value::List(_) | Value::Map(_) => {
                let why = format!("is {} where text is expected", node.kind());
                Err(self.wrong(key, why, "put the value between quotes"))
            }
        }
    }

    /// A parameter as text that is not empty.
    pub(super) fn filled(&self, key: &str) -> Result<Option<String>, Error> {
        Ok(self.text(key)?.filter(|text| !text.is_empty()))
    }

    /// A parameter as text that is not empty, as a field of a Go struct takes it: a password of digits keeps its zeros.
    pub(super) fn filled_as_written(&self, key: &str) -> Result<Option<String>, Error> {
        match self.get(key).and_then(|node| node.written.clone()) {
            Some(written) => Ok(Some(written)),
            None => self.filled(key),
        }
    }

    /// A parameter that must be there.
    pub(super) fn required(&self, key: &str) -> Result<String, Error> {
        self.filled(key)?.ok_or_else(|| self.missing(key))
    }

    /// A boolean, also as text that Go parses (`strconv.ParseBool`). The words of YAML 1.1 are taken as text too:
    /// where they stand in flow style, nothing tells whether they were quoted.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match &node.value {
            Value::Null => return Ok(None),
            Value::Boolean(value) => return Ok(Some(*value)),
            Value::Text(text) => match text.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
                    return Ok(Some(true));
                }
                "0" | "f" | "F" | "FALSE" | "false" | "False" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off"
                | "OFF" => return Ok(Some(false)),
                _ => {}
            },
            Value::Integer(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {}
        }
        let why = format!("is {} where a boolean is expected", node.kind());
        Err(self.wrong(key, why, format!("write `{key}: true` or `{key}: false`")))
    }

    /// Refuses a parameter that is there without a value.
    pub(super) fn refuse_null(&self, key: &str, why: &str, next: &str) -> Result<(), Error> {
        match self.get(key) {
            Some(node) if node.is_null() => Err(self.wrong(key, why, next)),
            _ => Ok(()),
        }
    }

    /// How to call a parameter, with its line or variable; one that is not there, by its section.
    pub(super) fn setting(&self, key: &str) -> String {
        match self.get(key) {
            Some(node) => node.at.setting(&format!("{}.{key}", self.path)),
            None => self.name(),
        }
    }

    /// How to call the section itself.
    pub(super) fn name(&self) -> String {
        self.at.setting(&self.path)
    }

    /// How to call the first of these parameters that has a value, else the section.
    pub(super) fn first_setting(&self, keys: &[&str]) -> String {
        let empty = |node: &Node| node.is_null() || matches!(&node.value, Value::Text(text) if text.is_empty());
        let filled = keys.iter().find(|key| self.get(key).is_some_and(|node| !empty(node)));
        filled.map_or_else(|| self.name(), |key| self.setting(key))
    }

    /// An error about a parameter.
    pub(super) fn wrong(&self, key: &str, why: impl Into<String>, next: impl Into<String>) -> Error {
        wrong(self.setting(key), why, next)
    }

    /// The error for a parameter that is absent or empty.
    pub(super) fn missing(&self, key: &str) -> Error {
        let why = if self.get(key).is_some() { "is empty".into() } else { format!("has no `{key}`") };
        self.wrong(key, why, format!("set `{}.{key}`", self.path))
    }

    /// Parameters of which only the case differs from a known one: the registry passes over them in silence.
    pub(super) fn misspelt(&self, known: &[&str]) -> Vec<String> {
        let entries = self.map.into_iter().flat_map(Map::iter);
        let other_case = |key: &&str| !known.contains(key) && known.contains(&key.to_lowercase().as_str());
        let keys = entries.map(|(key, _)| key).filter(other_case);
        keys.map(|key| format!("{} is ignored, as by the registry: parameters are in lower case", self.setting(key)))
            .collect()
    }
}
