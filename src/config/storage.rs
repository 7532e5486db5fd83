//! The `storage` section: one driver among its reserved siblings (`configuration.go`, `Storage`).

use super::node::{Map, Node, Top, Value};
use super::origin::Origin;
use super::section::wrong;
use crate::error::{Error, Result};

/// What stands in `storage` and is no driver. (2.8 takes `tag` for a driver, and so nobody has it there.)
const RESERVED: [&str; 5] = ["maintenance", "cache", "delete", "redirect", "tag"];

/// A section that maps names to parameters (`storage`, `auth`): a bare name stands for itself without parameters.
pub(super) fn providers(key: &str, node: Node) -> Result<Top> {
    let Node { value, at } = node;
    let map = match value {
        Value::Map(map) => map,
        Value::Null => Map::default(),
        Value::Text(name) => {
            let mut map = Map::default();
            map.set(name, Node { value: Value::Null, at: at.clone() });
            map
        }
        Value::Boolean(_) | Value::Integer(_) | Value::Float(_) | Value::List(_) => {
            let next = format!("write one name with its parameters below `{key}`");
            return Err(wrong(at.setting(key), "is neither a mapping nor a name", next));
        }
    };
    if let Some((name, node)) = map.iter().find(|(_, node)| node.map().is_none() && !node.is_null()) {
        let why = format!("is {} where a mapping is expected", node.kind());
        let next = format!("write the parameters of `{name}` below it, or leave it empty");
        return Err(wrong(node.at.setting(&format!("{key}.{name}")), why, next));
    }
    Ok(Top { map, at })
}

/// The one driver, or none.
pub(super) fn driver(storage: &Map) -> Result<Option<(&str, &Node)>> {
    let mut drivers = storage.iter().filter(|(name, _)| !RESERVED.contains(name));
    let first = drivers.next();
    if let (Some(first), Some(second)) = (first, drivers.next()) {
        return Err(two_drivers(first, second));
    }
    Ok(first)
}

fn two_drivers((name, node): (&str, &Node), (other_name, other): (&str, &Node)) -> Error {
    let variable = [node, other].into_iter().any(|node| matches!(node.at, Origin::Variable(_)));
    let next = if variable {
        format!("unset the variable, or add `REGISTRY_STORAGE={other_name}`, which empties the section first")
    } else {
        "remove one of them".into()
    };
    let other = other.at.setting(&format!("storage.{other_name}"));
    let why = format!("{other} is a second storage driver, with which the registry does not start");
    wrong(node.at.setting(&format!("storage.{name}")), why, next)
}
