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
        let node = |key| document.get(key).cloned().unwrap_or(Node::new(Value::Null, file.clone()));
        Ok(Self {
            storage: providers("storage", node("storage"))?,
            redis: redis(node("redis"))?,
            auth: providers("auth", node("auth")).unwrap_or_else(|_| Top { map: Map::default(), at: file.clone() }),
        })
    }

    /// Applies the variables.
    pub(super) fn apply(&mut self, variables: &[(String, String)], notes: &mut Vec<String>) -> Result<()> {
        for (name, value) in variables {
            let parts: Vec<&str> = name.split('_').skip(1).collect();
            let applied = match parts.as_slice() {
                ["STORAGE", path @ ..] => provide("storage", &mut self.storage, path, name, value)?,
                // Nothing depends on `auth` but a warning, and Kubernetes makes such variables from services.
                ["AUTH", path @ ..] => provide("auth", &mut self.auth, path, name, value).unwrap_or(true),
                ["REDIS"] => {
                    self.redis = redis(payload(name, value)?)?;
                    true
                }
                // v3 keeps the options of go-redis in a field of this name, which its files do not show.
                ["REDIS", "OPTIONS", path @ ..] | ["REDIS", path @ ..] => self.set_redis(path, name, value)?,
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

    /// A field of a Go struct is found by its name in upper case; the registry passes over others. Nothing can be set
    /// inside a list or a text.
    fn set_redis(&mut self, path: &[&str], name: &str, value: &str) -> Result<bool> {
        match path {
            ["TLS"] => {}
            ["TLS", field] if TLS_FIELDS.contains(field) => {}
            ["TLS", field, ..] => return Ok(!TLS_FIELDS.contains(field)),
            [field] if REDIS_FIELDS.contains(field) => {}
            [field, _, ..] => return Ok(!REDIS_FIELDS.contains(field)),
            _ => return Ok(true),
        }
        Ok(set_parameter(&mut self.redis.map, path, payload(name, value)?, &Origin::variable(name)))
    }
}

/// The fields of `redis` that say where it is and how to sign in (v2.8, v3).
const REDIS_FIELDS: [&str; 8] =
    ["ADDR", "ADDRS", "USERNAME", "PASSWORD", "DB", "MASTERNAME", "SENTINELUSERNAME", "SENTINELPASSWORD"];

/// The fields of `redis.tls`.
const TLS_FIELDS: [&str; 3] = ["CERTIFICATE", "KEY", "ROOTCAS"];

/// A variable's value, as YAML.
fn payload(name: &str, value: &str) -> Result<Node> {
    yaml::parse(value, &Origin::variable(name)).map_err(|malformed| {
        let why = format!("its value is not YAML, as which the registry reads it ({})", malformed.why);
        wrong(format!("`{name}`"), why, "put the value between quotes, inside the variable")
    })
}

/// Sets a whole section, or something in it.
fn provide(key: &str, top: &mut Top, path: &[&str], name: &str, value: &str) -> Result<bool> {
    let payload = payload(name, value)?;
    if path.is_empty() {
        *top = providers(key, payload)?;
        return Ok(true);
    }
    set_provider(key, &mut top.map, path, payload, &Origin::variable(name))
}

/// The `redis` section: a Go struct, so that variables reach every mapping in it.
fn redis(node: Node) -> Result<Top> {
    let Node { value, at, .. } = node;
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
fn set_provider(key: &str, map: &mut Map, path: &[&str], payload: Node, at: &Origin) -> Result<bool> {
    let [first, rest @ ..] = path else { return Ok(false) };
    if rest.is_empty() {
        if !payload.is_null() && payload.map().is_none() {
            let why = format!("is {} where a mapping is expected, so the registry does not start", payload.kind());
            let next =
                "name one setting in the variable's name, or unset it (Kubernetes makes such variables from services)";
            return Err(wrong(at.setting(&format!("{key}.{first}")), why, next));
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
    Node::new(Value::Map(map), at.clone())
}

#[cfg(test)]
mod tests {

    use super::super::environment::fake::{ok, read, refused, root};
    use super::super::resolve::Resolved;

    const FILESYSTEM: &str = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /file\n";
    const S3: &str = "version: 0.1\nstorage:\n  s3:\n    region: r\n    bucket: b\n    rootdirectory: /file\n";

    fn apply(text: &str, variables: &[(&str, &str)]) -> Resolved {
        ok(read(text, variables))
    }

    #[test]
    fn a_variable_overrides_one_setting() {
        let resolved = apply(S3, &[("REGISTRY_STORAGE_S3_BUCKET", "other")]);
        assert_eq!(resolved.location.to_string(), "s3://other/file");
        assert_eq!(resolved.location.named_by, "`storage.s3.rootdirectory` (line 6 of /etc/r.yml)");
        let resolved = apply(S3, &[("REGISTRY_STORAGE_S3_ROOTDIRECTORY", "/one")]);
        assert_eq!(resolved.location.named_by, "`REGISTRY_STORAGE_S3_ROOTDIRECTORY`");
        assert_eq!(root(&resolved), "one/");
        assert_eq!(resolved.notes, [""; 0]);
    }

    #[test]
    fn env_storage_wipes_the_section() {
        let variables =
            [("REGISTRY_STORAGE_S3_REGION", "r"), ("REGISTRY_STORAGE_S3_BUCKET", "b"), ("REGISTRY_STORAGE", "s3")];
        let text = format!("{FILESYSTEM}  cache:\n    blobdescriptor: inmemory\n");
        let resolved = apply(&text, &variables);
        assert_eq!(resolved.location.to_string(), "s3://b");
        assert_eq!(resolved.descriptor_cache, super::super::DescriptorCache::None);
        let resolved = apply(&text, &[("REGISTRY_STORAGE", "{filesystem: {rootdirectory: /x}}")]);
        assert_eq!(root(&resolved), "/x");
        assert_eq!(resolved.location.named_by, "`storage.filesystem.rootdirectory` (from `REGISTRY_STORAGE`)");
    }

    #[test]
    fn variables_apply_in_the_order_of_their_names() {
        let variables = [
            ("REGISTRY_STORAGE_S3_BUCKET", "second"),
            ("REGISTRY_STORAGE_S3", "{bucket: first, region: r, rootdirectory: /one}"),
        ];
        assert_eq!(apply(S3, &variables).location.to_string(), "s3://second/one");
    }

    #[test]
    fn values_are_yaml() {
        let of = |value| root(&apply(S3, &[("REGISTRY_STORAGE_S3_ROOTDIRECTORY", value)]));
        assert_eq!(of("'0755'"), "0755/");
        assert_eq!(of("0755"), "493/");
        assert_eq!(of("yes"), "true/");
        assert_eq!(of("/one # comment"), "one/");
        assert_eq!(of(""), "");
    }

    #[test]
    fn a_value_that_is_no_yaml_is_refused_without_showing_it() {
        for value in ["*hunter2", "{hunter2", "!!int hunter2", "hunter2: a: b", "\"hunter2"] {
            let error = refused(read(S3, &[("REGISTRY_STORAGE_S3_SECRETKEY", value)]));
            assert!(error.contains("`REGISTRY_STORAGE_S3_SECRETKEY`: its value is not YAML"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn another_case_makes_a_fresh_mapping() {
        let resolved = apply(S3, &[("REGISTRY_STORAGE_s3_bucket", "other")]);
        assert_eq!(resolved.location.to_string(), "s3://other");
        let resolved = apply(S3, &[("REGISTRY_STORAGE_S3_bucket", "other")]);
        assert_eq!(resolved.location.to_string(), "s3://other/file", "the last part is set in lower case");
        let resolved = apply(S3, &[("REGISTRY_storage_S3_BUCKET", "x"), ("registry_STORAGE_S3_BUCKET", "y")]);
        assert_eq!(resolved.location.to_string(), "s3://b/file", "the first parts are in upper case");
    }

    #[test]
    fn a_null_mapping_is_made_anew() {
        let text = "version: 0.1\nstorage:\n  filesystem:\n";
        assert_eq!(root(&apply(text, &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/one")])), "/one");
        let text = "version: 0.1\nstorage: filesystem\n";
        assert_eq!(root(&apply(text, &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/one")])), "/one");
        assert_eq!(root(&apply(FILESYSTEM, &[("REGISTRY_STORAGE_FILESYSTEM", "")])), "/var/lib/registry");
    }

    #[test]
    fn a_mapping_written_in_yaml_is_out_of_reach() {
        let text = "version: 0.1\nstorage:\n  filesystem:\n  maintenance:\n    readonly:\n      enabled: true\n";
        let resolved = apply(text, &[("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "false")]);
        assert!(resolved.readonly);
        assert_eq!(
            resolved.notes,
            [
                "`REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED` is ignored, as by the registry: it reaches into a value \
              that is written in YAML; write the setting there"
            ]
        );
        let variables = [("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{enabled: false}")];
        assert!(!apply(text, &variables).readonly);
        let variables = [("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")];
        assert!(apply(FILESYSTEM, &variables).readonly, "without such a mapping it is made");
        assert_eq!(apply(S3, &[("REGISTRY_STORAGE_S3_BUCKET_X", "1")]).notes.len(), 1);
    }

    #[test]
    fn mappings_made_by_variables_stay_in_reach() {
        let variables = [
            ("REGISTRY_STORAGE", "azure"),
            ("REGISTRY_STORAGE_AZURE_ACCOUNTNAME", "a"),
            ("REGISTRY_STORAGE_AZURE_CONTAINER", "c"),
            ("REGISTRY_STORAGE_AZURE_CREDENTIALS_CLIENTID", "1"),
            ("REGISTRY_STORAGE_AZURE_CREDENTIALS_SECRET", "hunter2"),
            ("REGISTRY_STORAGE_AZURE_CREDENTIALS_TENANTID", "2"),
            ("REGISTRY_STORAGE_AZURE_CREDENTIALS_TYPE", "client_secret"),
        ];
        let resolved = apply(FILESYSTEM, &variables);
        assert_eq!(resolved.location.to_string(), "az://c");
        assert!(!format!("{resolved:?}").contains("hunter2"));
    }

    #[test]
    fn a_second_driver_is_refused_with_the_way_out() {
        assert_eq!(
            refused(read(FILESYSTEM, &[("REGISTRY_STORAGE_S3_BUCKET", "b")])),
            "Configuration: read the registry's configuration: `storage.filesystem` (line 3 of /etc/r.yml): \
             `storage.s3` (from `REGISTRY_STORAGE_S3_BUCKET`) is a second storage driver, with which the registry does \
             not start -> unset the variable, or add `REGISTRY_STORAGE=s3`, which empties the section first"
        );
        let text = FILESYSTEM.replace("filesystem", "FileSystem");
        let error = refused(read(&text, &[("REGISTRY_STORAGE_filesystem_ROOTDIRECTORY", "/x")]));
        assert!(error.contains("`storage.filesystem` (from"), "{error}");
    }

    #[test]
    fn a_service_of_kubernetes_is_refused_by_its_name() {
        let error = refused(read(FILESYSTEM, &[("REGISTRY_STORAGE_PORT", "tcp://10.0.0.1:5000")]));
        assert_eq!(
            error,
            "Configuration: read the registry's configuration: `REGISTRY_STORAGE_PORT`: is text where a mapping is \
             expected, so the registry does not start -> name one setting in the variable's name, or unset it \
             (Kubernetes makes such variables from services)"
        );
        let error = refused(read(FILESYSTEM, &[("REGISTRY_STORAGE_SERVICE_HOST", "10.0.0.1")]));
        assert!(error.contains("`storage.service` (from `REGISTRY_STORAGE_SERVICE_HOST`) is a second"), "{error}");
    }

    #[test]
    fn other_variables_do_not_matter() {
        let variables = [
            ("REGISTRY_HTTP_SECRET", "{"),
            ("REGISTRY_VERSION", "9"),
            ("REGISTRY_PORT", "tcp://x"),
            ("REGISTRYSTORAGE", "s3"),
            ("REGISTRY_STORAGES", "s3"),
            ("REGISTRY", "s3"),
            ("REGISTRY_REDIS_SERVICE_HOST", "{"),
            ("REGISTRY_REDIS_PORT", "tcp://10.0.0.1:6379"),
            ("REGISTRY_AUTH_PORT", "tcp://10.0.0.1:5001"),
            ("REGISTRY_AUTH", "["),
        ];
        let resolved = apply(FILESYSTEM, &variables);
        assert_eq!((root(&resolved).as_str(), resolved.notes.len()), ("/file", 0));
    }

    #[test]
    fn odd_names_are_no_panic() {
        for name in
            ["REGISTRY_STORAGE_", "REGISTRY_STORAGE__", "REGISTRY_STORAGE___A", "REGISTRY_REDIS_", "REGISTRY_AUTH__X"]
        {
            for value in ["", "a", "{}", "[]", "{a: b}"] {
                drop(read(FILESYSTEM, &[(name, value)]));
            }
        }
    }
}
