//! A configuration as a tree whose every value knows its origin.

use super::origin::Origin;

/// A value and where it was written. It has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(super) struct Node {
    /// The value.
    pub(super) value: Value,
    /// Where it was written.
    pub(super) at: Origin,
    /// A number or a boolean as it was written, where that is known: a field of text takes it so.
    pub(super) written: Option<String>,
}

/// What YAML 1.1 makes of a value, as yaml.v2 reads it for the registry.
#[derive(Clone)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A boolean, also from `yes`, `no`, `on`, `off`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// Another number, as it was written where that is known.
    Float(String),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// A mapping in the order it was written.
#[derive(Clone, Default)]
pub(super) struct Map {
    entries: Vec<(String, Node)>,
    /// Made by a variable whose name reaches below it, not by YAML. The registry keeps the two in different Go types
    /// (`map[string]any`, `map[any]any`), and its variables reach into the first only.
    implicit: bool,
}

/// A mapping at the top of the configuration: `storage`, `redis`, `auth`.
pub(super) struct Top {
    /// What is in it; nothing where it is absent.
    pub(super) map: Map,
    /// Where it was written; where it is absent, the whole file.
    pub(super) at: Origin,
}

impl Node {
    /// A value that was written here.
    pub(super) fn new(value: Value, at: Origin) -> Self {
        Self { value, at, written: None }
    }

    /// Whether the value is null.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The mapping, where it is one.
    pub(super) fn map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// What kind of value it is, for errors: the value itself could be a secret.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "empty",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a decimal number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

impl Map {
    /// An empty mapping made by a variable's name.
    pub(super) fn implicit() -> Self {
        Self { implicit: true, ..Self::default() }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(other, _)| other == key).map(|(_, node)| node)
    }

    /// The value of the first key that satisfies `matches`.
    pub(super) fn find_mut(&mut self, matches: impl Fn(&str) -> bool) -> Option<&mut Node> {
        self.entries.iter_mut().find(|(key, _)| matches(key)).map(|(_, node)| node)
    }

    /// Sets a key; of two values for one key the last counts, as in the registry.
    pub(super) fn set(&mut self, key: impl Into<String>, node: Node) {
        let key = key.into();
        match self.entries.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => *old = node,
            None => self.entries.push((key, node)),
        }
    }

    /// Whether variables reach into it.
    pub(super) fn is_implicit(&self) -> bool {
        self.implicit
    }

    /// Lets variables reach into every mapping below.
    pub(super) fn make_reachable(&mut self) {
        self.implicit = true;
        for (_, node) in &mut self.entries {
            if let Value::Map(map) = &mut node.value {
                map.make_reachable();
            }
        }
    }

    /// The entries in the order they were written.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, node)| (key.as_str(), node))
    }
}
