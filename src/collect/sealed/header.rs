//! The first line of a plan: where, when, and by which options it was made.

use super::options::Written as WrittenOptions;
use super::place::Place;
use crate::collect::options::{Mode, Options};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "regsweep.plan/1";
/// How long a plan is good for, where `apply` is told nothing else.
pub const GOOD_FOR: Duration = Duration::from_hours(24);
/// The commands whose plans can be carried out: what a fresh scan must decide depends on the command.
const COMMANDS: [&str; 5] = ["fsck", "garbage-collect", "plan", "prune", "rm"];

/// How the registry was named on the command line, so that `apply` finds it again. Credentials have no place here: they
/// come from the configuration or the cloud's usual chain, each time anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// A configuration file, a directory (both absolute) or a storage URL.
    pub registry: String,
    /// `--region`.
    pub region: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--endpoint-url`.
    pub endpoint_url: Option<String>,
}

/// The first line of a plan.
#[derive(Debug, Clone)]
pub struct Header {
    /// The version of regsweep that made it.
    pub version: String,
    /// The run that made it.
    pub run: String,
    /// The command.
    pub command: String,
    /// The registry's storage as reports print it.
    pub location: String,
    /// The registry's storage as it is told from every other.
    pub place: Place,
    /// How the registry was named; nothing if it was found in the environment.
    pub named: Option<Named>,
    /// Everything that decided.
    pub options: Options,
    /// When it was made.
    pub created: Timestamp,
    /// What a person should know before saying yes. It decides nothing.
    pub cautions: Vec<String>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: String,
    version: String,
    run: String,
    command: String,
    location: String,
    place: Place,
    #[serde(deserialize_with = "Option::deserialize")]
    named: Option<Named>,
    mode: String,
    options: WrittenOptions,
    created: String,
    expires: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cautions: Vec<String>,
}

/// What is needed to know whether the rest can be read.
#[derive(Deserialize)]
struct Schema {
    schema: String,
    #[serde(default)]
    version: String,
}

/// Why a line is no header that this version understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotAHeader {
    /// It is nothing of the kind.
    Foreign,
    /// Its schema is another.
    Schema(String),
    /// Something in it is unknown or wrong: what, and which version wrote it.
    Wrong(String, String),
}

impl Header {
    /// The header's JSON, on one line.
    pub(super) fn to_json(&self) -> String {
        let written = Written {
            schema: SCHEMA.to_owned(),
            version: self.version.clone(),
            run: self.run.clone(),
            command: self.command.clone(),
            location: self.location.clone(),
            place: self.place.clone(),
            named: self.named.clone(),
            mode: self.options.mode.to_string(),
            options: WrittenOptions::from(&self.options),
            created: self.created.to_rfc3339(),
            expires: self.created.plus(GOOD_FOR).to_rfc3339(),
            cautions: self.cautions.clone(),
        };
        // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Reads it back; whatever is not understood is an error.
    pub(super) fn parse(line: &str) -> Result<Self, NotAHeader> {
        let schema: Schema = serde_json::from_str(line).map_err(|_| NotAHeader::Foreign)?;
        if schema.schema != SCHEMA {
            let is_plan = schema.schema.starts_with("regsweep.plan/");
            return Err(if is_plan { NotAHeader::Schema(schema.schema) } else { NotAHeader::Foreign });
        }
        let wrong = |why: String| NotAHeader::Wrong(why, schema.version.clone());
        let written: Written = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        if !COMMANDS.contains(&written.command.as_str()) {
            return Err(wrong(format!("plans of `{}` are not known", written.command)));
        }
        let mode: Mode = written.mode.parse().map_err(|error| wrong(format!("`mode`: {error}")))?;
        let time = |name: &str, text: &str| {
            Timestamp::parse_rfc3339(text).ok_or_else(|| wrong(format!("`{name}` is no time: {text:?}")))
        };
        // It follows from `created`, and is there for readers; apply has its own `--max-plan-age`.
        time("expires", &written.expires)?;
        let options = written.options.into_options(mode);
        if written.command == "prune" && options.rules.is_none() {
            return Err(wrong("`rules` are missing".into()));
        }
        if (written.command == "fsck") != options.repair.is_some() {
            return Err(wrong("`repair` is for plans of `fsck`, and for all of these".into()));
        }
        Ok(Self {
            created: time("created", &written.created)?,
            version: written.version,
            run: written.run,
            command: written.command,
            location: written.location,
            place: written.place,
            named: written.named,
            options,
            cautions: written.cautions,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::options::tests::{options, printed};
    use super::*;
    use proptest::prelude::*;

    /// Any header.
    pub(in super::super) fn header() -> impl Strategy<Value = Header> {
        let place = ("\\PC{0,9}", proptest::option::of("\\PC{0,9}"), any::<[Option<u64>; 2]>());
        let place = place.prop_map(|(root, text, [device, inode])| Place {
            kind: "s3".into(),
            endpoint: text.clone(),
            account: None,
            bucket: text,
            root,
            device,
            inode,
        });
        let named = proptest::option::of("\\PC{0,9}").prop_map(|registry| {
            registry.map(|registry| Named { registry, region: Some("r".into()), profile: None, endpoint_url: None })
        });
        (options(), place, named, any::<i64>(), "\\PC{0,9}").prop_map(|(options, place, named, created, text)| Header {
            version: text.clone(),
            run: text.clone(),
            command: "plan".into(),
            location: text,
            place,
            named,
            options,
            created: Timestamp::from_nanos(created),
            cautions: Vec::new(),
        })
    }

    fn all(header: &Header) -> String {
        let Header { version, run, command, location, place, named, options, created, cautions } = header;
        let options = printed(options);
        format!("{version:?} {run:?} {command:?} {location:?} {place:?} {named:?} {options} {created:?} {cautions:?}")
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(header in header()) {
            let json = header.to_json();
            prop_assert!(!json.contains('\n'));
            prop_assert_eq!(all(&Header::parse(&json).unwrap()), all(&header));
        }
    }

    proptest! {
        // Each case reads as many texts as there are fields.
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn nothing_may_be_left_out_or_added(header in header()) {
            let whole: serde_json::Value = serde_json::from_str(&header.to_json()).unwrap();
            let refused = |value: &serde_json::Value| Header::parse(&value.to_string()).unwrap_err();
            for name in whole.as_object().unwrap().keys() {
                let mut less = whole.clone();
                less.as_object_mut().unwrap().remove(name);
                refused(&less);
            }
            for place in ["", "/options", "/place"] {
                let mut more = whole.clone();
                more.pointer_mut(place).unwrap()["newer"] = 1.into();
                prop_assert!(matches!(refused(&more), NotAHeader::Wrong(why, _) if why.contains("newer")));
            }
            for (name, value) in [("mode", "sleeping"), ("command", "fsck"), ("created", "today"), ("expires", "soon")] {
                let mut other = whole.clone();
                other[name] = value.into();
                prop_assert!(matches!(refused(&other), NotAHeader::Wrong(..)), "{}", name);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn plan_of_prune_has_rules(header in header()) {
            let pruned = Header { command: "prune".into(), ..header };
            let has_rules = pruned.options.rules.is_some();
            prop_assert_eq!(Header::parse(&pruned.to_json()).is_ok(), has_rules);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn what_to_know_before_saying_yes_is_read_back(header in header(), cautions: Vec<String>) {
            let header = Header { cautions, ..header };
            prop_assert_eq!(Header::parse(&header.to_json()).unwrap().cautions, header.cautions);
        }
    }

    #[test]
    fn what_is_no_plan_and_what_is_a_newer_one_are_told_apart() {
        assert_eq!(Header::parse("version: 0.1").unwrap_err(), NotAHeader::Foreign);
        assert_eq!(Header::parse("{\"schema\":\"regsweep.report/1\"}").unwrap_err(), NotAHeader::Foreign);
        let newer = "{\"schema\":\"regsweep.plan/2\",\"whatever\":1}";
        assert_eq!(Header::parse(newer).unwrap_err(), NotAHeader::Schema("regsweep.plan/2".into()));
    }
}
