//! The `storage` section: one driver among its reserved siblings (`configuration.go`, `Storage`).

use super::node::{Map, Node, Top, Value};
use super::origin::Origin;
use super::section::wrong;
use crate::error::{Error, Result};

/// What stands in `storage` and is no driver. (2.8 takes `tag` for a driver, and so nobody has it there.)
const RESERVED: [&str; 5] = ["maintenance", "cache", "delete", "redirect", "tag"];

/// A section that maps names to parameters (`storage`, `auth`): a bare name stands for itself without parameters.
pub(super) fn providers(key: &str, node: Node) -> Result<Top> {
    let Node { value, at, .. } = node;
    let map = match value {
        Value::Map(map) => map,
        Value::Null => Map::default(),
        Value::Text(name) => {
            let mut map = Map::default();
            map.set(name, Node::new(Value::Null, at.clone()));
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

#[cfg(test)]
mod tests {

    use super::super::environment::fake::{ok, read, refused};

    fn refusal(storage: &str) -> String {
        refused(read(&format!("version: 0.1\n{storage}\n"), &[]))
    }

    #[test]
    fn the_siblings_of_a_driver_are_no_drivers() {
        let text = "version: 0.1\nstorage:\n  maintenance: {}\n  cache:\n  delete: {enabled: true}\n  redirect: {}\n  \
                    tag: {concurrencylimit: 1}\n  filesystem:\n";
        assert_eq!(ok(read(text, &[])).location.to_string(), "/var/lib/registry");
    }

    #[test]
    fn two_drivers_are_refused() {
        assert_eq!(
            refusal("storage:\n  s3:\n    bucket: b\n  filesystem:"),
            "Configuration: read the registry's configuration: `storage.s3` (line 3 of /etc/r.yml): \
             `storage.filesystem` (line 5 of /etc/r.yml) is a second storage driver, with which the registry does not \
             start -> remove one of them"
        );
        let two = "version: 0.1\nstorage:\n  s3: {}\n  filesystem:\n";
        assert!(refused(read(two, &[("REGISTRY_STORAGE", "filesystem")])).contains("is a second storage driver"));
    }

    #[test]
    fn no_driver_is_refused() {
        let next = "-> write one of `filesystem`, `s3`, `gcs`, `azure` with its parameters below `storage`";
        for (storage, at) in [
            ("", "in /etc/r.yml"),
            ("storage:", "line 2 of /etc/r.yml"),
            ("storage:\n  delete: {}", "line 2 of /etc/r.yml"),
        ] {
            let error = refusal(storage);
            assert!(error.contains(&format!("`storage` ({at}): no storage driver is configured {next}")), "{error}");
        }
    }

    #[test]
    fn drivers_that_cannot_be_served_are_refused() {
        assert_eq!(
            refusal("storage: inmemory"),
            "Configuration: read the registry's configuration: `storage.inmemory` (line 2 of /etc/r.yml): keeps \
             everything in the registry's memory, where nothing can be collected -> restart the registry, and it is \
             empty"
        );
        for driver in ["swift", "oss", "S3", "ftp"] {
            assert_eq!(
                refusal(&format!("storage:\n  {driver}:\n    bucket: b")),
                format!(
                    "Configuration: read the registry's configuration: `storage.{driver}` (line 3 of /etc/r.yml): is \
                     no storage driver that regsweep serves -> regsweep serves `filesystem`, `s3`, `gcs` and `azure`"
                )
            );
        }
    }

    #[test]
    fn values_of_the_wrong_shape_are_refused() {
        assert!(refusal("storage: [s3]").contains("`storage` (line 2 of /etc/r.yml): is neither a mapping nor a name"));
        let error = refusal("storage:\n  s3: hunter2");
        assert!(error.contains("`storage.s3` (line 3 of /etc/r.yml): is text where a mapping is expected"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
