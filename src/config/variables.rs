//! `REGISTRY_*` variables over the configuration, by the registry's rules (`configuration/parser.go`, v2.8 and v3).
//!
//! A variable's name is a path: `REGISTRY_STORAGE_S3_BUCKET` sets `storage.s3.bucket`. Variables apply in the order of
//! their names, so that `REGISTRY_STORAGE=s3` empties the section before `REGISTRY_STORAGE_S3_BUCKET` fills it. Values
//! are YAML. On the way an upper-case part enters the key it matches; in any other case, or without such a key, a
//! fresh mapping takes the place. The last part is set in lower case.

use super::environment::Environment;
use super::node::{Map, Node, Top, Value};
use super::origin::Origin;
use super::section::wrong;
use super::storage::providers;
use super::yaml;
use crate::error::Result;

/// The variables that concern us, in the order in which they apply.
pub(super) fn of_registry(env: &dyn Environment) -> Vec<(String, String)> {
    let mut variables = env.variables();
    variables.retain(|(name, _)| {
        let mut parts = name.split('_');
        parts.next() == Some("REGISTRY") && matches!(parts.next(), Some("STORAGE" | "REDIS" | "AUTH"))
    });
    variables.sort();
    variables
}

/// The sections of a configuration that concern us.
pub(super) struct Sections {
    /// `storage`.
    pub(super) storage: Top,
    /// `redis`.
    pub(super) redis: Top,
    /// `auth`.
    pub(super) auth: Top,
}

impl Sections {
    /// The sections of a file; those it lacks are empty.
    pub(super) fn of(document: &Map, file: &Origin) -> Result<Self> {
        let node = |key| document.get(key).cloned().unwrap_or(Node { value: Value::Null, at: file.clone() });
        Ok(Self {
            storage: providers("storage", node("storage"))?,
            redis: redis(node("redis"))?,
            auth: providers("auth", node("auth"))?,
        })
    }

    /// Applies the variables.
    pub(super) fn apply(&mut self, variables: &[(String, String)], notes: &mut Vec<String>) -> Result<()> {
        for (name, value) in variables {
            let at = Origin::variable(name);
            let payload = yaml::parse(value, &at).map_err(|malformed| {
                let why = format!("its value is not YAML, as which the registry reads it ({})", malformed.why);
                wrong(format!("`{name}`"), why, "put the value between quotes, inside the variable")
            })?;
            let parts: Vec<&str> = name.split('_').skip(1).collect();
            let applied = match parts.as_slice() {
                ["STORAGE"] => providers("storage", payload).map(|top| self.storage = top).map(|()| true)?,
                ["AUTH"] => providers("auth", payload).map(|top| self.auth = top).map(|()| true)?,
                ["REDIS"] => redis(payload).map(|top| self.redis = top).map(|()| true)?,
                ["STORAGE", path @ ..] => set_provider(&mut self.storage.map, path, payload, &at)?,
                ["AUTH", path @ ..] => set_provider(&mut self.auth.map, path, payload, &at)?,
                ["REDIS", path @ ..] => set_field(&mut self.redis.map, path, payload, &at),
                _ => true,
            };
            if !applied {
                notes.push(format!(
                    "`{name}` is ignored, as by the registry: it reaches into a value that is written in YAML; write \
                     the setting there"
                ));
            }
        }
        Ok(())
    }
}

/// The `redis` section: a Go struct, so that variables reach every mapping in it.
fn redis(node: Node) -> Result<Top> {
    let Node { value, at } = node;
    match value {
        Value::Null => Ok(Top { map: Map::default(), at }),
        Value::Map(mut map) => {
            map.make_reachable();
            Ok(Top { map, at })
        }
        _ => Err(wrong(at.setting("redis"), "is no mapping", "write the settings of `redis` below it")),
    }
}

/// `map[string]Parameters`: what stands here is a mapping, and so must be what is set.
fn set_provider(map: &mut Map, path: &[&str], payload: Node, at: &Origin) -> Result<bool> {
    let [first, rest @ ..] = path else { return Ok(false) };
    if rest.is_empty() {
        if !payload.is_null() && payload.map().is_none() {
            let why = format!("is {} where a mapping is expected, so the registry does not start", payload.kind());
            let next =
                "name one setting in the variable's name, or unset it (Kubernetes makes such variables from services)";
            return Err(wrong(at.to_string(), why, next));
        }
        map.set(first.to_lowercase(), payload);
        return Ok(true);
    }
    if let Some(Node { value: Value::Map(parameters), .. }) = map.find_mut(|key| key.to_uppercase() == *first) {
        return Ok(set_parameter(parameters, rest, payload, at));
    }
    map.set(first.to_lowercase(), fresh(rest, payload, at));
    Ok(true)
}

/// A field of a Go struct: found by its name in upper case only.
fn set_field(map: &mut Map, path: &[&str], payload: Node, at: &Origin) -> bool {
    path.first().is_some_and(|first| *first == first.to_uppercase()) && set_parameter(map, path, payload, at)
}

/// `map[string]any`: whether the variable took effect.
fn set_parameter(map: &mut Map, path: &[&str], payload: Node, at: &Origin) -> bool {
    let [first, rest @ ..] = path else { return false };
    if rest.is_empty() {
        map.set(first.to_lowercase(), payload);
        return true;
    }
    if let Some(node) = map.find_mut(|key| key.to_uppercase() == *first).filter(|node| !node.is_null()) {
        return match &mut node.value {
            Value::Map(inner) if inner.is_implicit() => set_parameter(inner, rest, payload, at),
            _ => false,
        };
    }
    map.set(first.to_lowercase(), fresh(rest, payload, at));
    true
}

fn fresh(path: &[&str], payload: Node, at: &Origin) -> Node {
    let mut map = Map::implicit();
    set_parameter(&mut map, path, payload, at);
    Node { value: Value::Map(map), at: at.clone() }
}
