//! What an image's configuration says of itself: when it was made, for which platform, with which labels.
//!
//! Nothing that is needed hangs on it, so reading is lenient: a field that cannot be understood, or that says two things,
//! counts as not there. Whether a date is one to believe is for its user to decide.

use super::manifest::folded;
use super::timestamp::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// The largest configuration that is read, in bytes; clients read no larger ones either.
pub const LARGEST: u64 = 4 << 20;

/// The longest word of a platform, in bytes.
const LONGEST_WORD: usize = 128;

/// More labels than this are nobody's; the memory they take is out of proportion to their text.
const MOST_LABELS: usize = 4096;

/// What an image runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system: `linux`.
    pub os: Option<Box<str>>,
    /// The processor's architecture: `arm64`.
    pub architecture: Option<Box<str>>,
    /// The variant of the architecture: `v8`.
    pub variant: Option<Box<str>>,
    /// The version of the operating system: `10.0.20348.2340`.
    pub os_version: Option<Box<str>>,
}

impl Platform {
    /// Whether it says anything. Attestations of an index stand in it under the platform `unknown/unknown`.
    #[must_use]
    pub fn is_known(&self) -> bool {
        let known = |word: &Option<Box<str>>| word.as_deref().is_some_and(|word| !word.is_empty() && word != "unknown");
        known(&self.os) || known(&self.architecture)
    }
}

/// As clients write it: `linux/arm64/v8`, and the version of the operating system behind a colon where there is one.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |word: &Option<Box<str>>| word.as_deref().filter(|word| !word.is_empty()).map(str::to_owned);
        let unknown = || "unknown".to_owned();
        write!(f, "{}/{}", word(&self.os).unwrap_or_else(unknown), word(&self.architecture).unwrap_or_else(unknown))?;
        if let Some(variant) = word(&self.variant) {
            write!(f, "/{variant}")?;
        }
        word(&self.os_version).map_or(Ok(()), |version| write!(f, ":{version}"))
    }
}

/// What an image's configuration says. A configuration that is of something else (a chart, a signature) says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// When the image was made, as it says: reproducible builds say 1970 or 1980, and nobody checks it.
    pub created: Option<Timestamp>,
    /// What it runs on.
    pub platform: Platform,
    /// Its labels (`config.Labels`).
    pub labels: BTreeMap<String, String>,
}

impl ImageConfig {
    /// Reads a configuration of OCI or Docker. Never panics, whatever the bytes; `None` if they are no JSON object, are
    /// more than [`LARGEST`], or hold an absurd number of labels.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() as u64 > LARGEST {
            return None;
        }
        let fields: Fields = serde_json::from_slice(bytes).ok()?;
        let word = |field: Once<Word>| field.get().and_then(|word| word.0).filter(|word| word.len() <= LONGEST_WORD);
        Some(Self {
            created: word(fields.created).and_then(|text| Timestamp::parse_rfc3339(&text)),
            platform: Platform {
                os: word(fields.os).map(Into::into),
                architecture: word(fields.architecture).map(Into::into),
                variant: word(fields.variant).map(Into::into),
                os_version: word(fields.os_version).map(Into::into),
            },
            labels: fields.config.get().and_then(|config| config.0).map(|labels| labels.0).unwrap_or_default(),
        })
    }
}

/// What one field said. Two fields of one name say nothing: readers differ in which of them they take.
#[derive(Default)]
enum Once<T> {
    #[default]
    Nothing,
    Said(T),
    Twice,
}

impl<T> Once<T> {
    fn say(&mut self, value: T) {
        *self = match self {
            Self::Nothing => Self::Said(value),
            Self::Said(_) | Self::Twice => Self::Twice,
        };
    }

    fn get(self) -> Option<T> {
        match self {
            Self::Said(value) => Some(value),
            Self::Nothing | Self::Twice => None,
        }
    }
}

#[derive(Default)]
struct Fields {
    created: Once<Word>,
    os: Once<Word>,
    architecture: Once<Word>,
    variant: Once<Word>,
    os_version: Once<Word>,
    config: Once<Config>,
}

/// A string; anything else is nothing.
pub(super) struct Word(pub(super) Option<String>);

/// `config.Labels`, if there are any.
struct Config(Option<Labels>);

#[derive(Default)]
struct Labels(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<String>()? {
                    match folded(&name).collect::<String>().as_str() {
                        "created" => fields.created.say(map.next_value()?),
                        "os" => fields.os.say(map.next_value()?),
                        "architecture" => fields.architecture.say(map.next_value()?),
                        "variant" => fields.variant.say(map.next_value()?),
                        "os.version" => fields.os_version.say(map.next_value()?),
                        "config" => fields.config.say(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Takes a value of any type; those that are not wanted are read over, without holding them.
macro_rules! any_other_value_is_nothing {
    ($value:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordVisitor;
        impl<'de> Visitor<'de> for WordVisitor {
            type Value = Word;
            any_other_value_is_nothing!(Word(None));
            fn visit_str<E>(self, text: &str) -> Result<Word, E> {
                Ok(Word(Some(text.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Word, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Word(None))
            }
        }
        deserializer.deserialize_any(WordVisitor)
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConfigVisitor;
        impl<'de> Visitor<'de> for ConfigVisitor {
            type Value = Config;
            any_other_value_is_nothing!(Config(None));
            fn visit_str<E>(self, _: &str) -> Result<Config, E> {
                Ok(Config(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
                let mut labels = Once::default();
                while let Some(name) = map.next_key::<String>()? {
                    if folded(&name).eq("labels".chars()) {
                        labels.say(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Config(labels.get()))
            }
        }
        deserializer.deserialize_any(ConfigVisitor)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LabelsVisitor;
        impl<'de> Visitor<'de> for LabelsVisitor {
            type Value = Labels;
            any_other_value_is_nothing!(Labels::default());
            fn visit_str<E>(self, _: &str) -> Result<Labels, E> {
                Ok(Labels::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = BTreeMap::<String, Once<String>>::new();
                while let Some((name, value)) = map.next_entry::<String, Word>()? {
                    if labels.len() >= MOST_LABELS {
                        return Err(serde::de::Error::custom("too many labels"));
                    }
                    if let Some(value) = value.0 {
                        labels.entry(name).or_default().say(value);
                    }
                }
                Ok(Labels(labels.into_iter().filter_map(|(name, value)| Some((name, value.get()?))).collect()))
            }
        }
        deserializer.deserialize_any(LabelsVisitor)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn parse(json: &str) -> ImageConfig {
        ImageConfig::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn reads_what_clients_write() {
        let config = parse(
            r#"{"created":"2015-10-31T22:22:56.015925234Z","author":"a","architecture":"arm64","variant":"v8","os":"linux",
                "config":{"Env":["A=b"],"Labels":{"maintainer":"x","empty":""}},"rootfs":{"diff_ids":[],"type":"layers"},
                "history":[{"created":"1999-01-01T00:00:00Z"}],"container_config":{"Labels":{"maintainer":"y"}}}"#,
        );
        assert_eq!(config.created, Timestamp::parse_rfc3339("2015-10-31T22:22:56.015925234Z"));
        assert_eq!(config.platform.to_string(), "linux/arm64/v8");
        assert_eq!(
            config.labels.into_iter().collect::<Vec<_>>(),
            [("empty".into(), String::new()), ("maintainer".into(), "x".into())]
        );
        let windows = parse(r#"{"os":"windows","architecture":"amd64","os.version":"10.0.20348.2340"}"#);
        assert_eq!(windows.platform.to_string(), "windows/amd64:10.0.20348.2340");
    }

    #[test]
    fn date_is_given_as_it_stands_there() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(Timestamp::from_days(0))),
            ("2999-01-01T00:00:00+01:00", Some(Timestamp::from_nanos(i64::MAX))),
            ("0001-01-01T00:00:00Z", Some(Timestamp::from_nanos(i64::MIN))),
            ("", None),
            ("yesterday", None),
            ("2026-02-30T00:00:00Z", None),
        ] {
            assert_eq!(parse(&format!(r#"{{"created":"{text}"}}"#)).created, expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_not_there_and_the_rest_is() {
        for wrong in ["null", "1", "-1", "1.5", "true", "[\"x\",[]]", "{\"a\":{}}"] {
            let config = parse(&format!(
                r#"{{"created":{wrong},"os":{wrong},"config":{{"Labels":{{"a":{wrong},"b":"c"}}}},"architecture":"arm64"}}"#
            ));
            assert_eq!((config.created, config.platform.to_string()), (None, "unknown/arm64".into()), "{wrong}");
            assert_eq!(config.labels.len(), 1, "{wrong}");
            assert_eq!(parse(&format!(r#"{{"config":{wrong}}}"#)), ImageConfig::default(), "{wrong}");
            assert!(parse(&format!(r#"{{"config":{{"Labels":{wrong}}}}}"#)).labels.is_empty(), "{wrong}");
        }
        let long = "x".repeat(1000);
        assert!(!parse(&format!(r#"{{"os":"{long}"}}"#)).platform.is_known());
    }

    #[test]
    fn field_that_says_two_things_says_nothing() {
        let date = |year: u32| format!(r#""created":"{year}-01-01T00:00:00Z""#);
        assert_eq!(parse(&format!("{{{},{}}}", date(2000), date(2020))).created, None);
        assert_eq!(parse(&format!("{{{},{}}}", date(2000), date(2020).replace("cr", "CR"))).created, None);
        let labels = parse(r#"{"config":{"Labels":{"a":"1","a":"2","b":"3"}}}"#).labels;
        assert_eq!(labels.into_keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn names_are_read_as_clients_read_them() {
        let config = parse(r#"{"OS":"linux","Architecture":"amd64","Config":{"labels":{"a":"b"}}}"#);
        assert_eq!((config.platform.to_string().as_str(), config.labels.len()), ("linux/amd64", 1));
    }

    #[test]
    fn platform_that_says_nothing_is_not_known() {
        for json in ["{}", r#"{"os":"","architecture":""}"#, r#"{"os":"unknown","architecture":"unknown"}"#] {
            let platform = parse(json).platform;
            assert!(!platform.is_known() && platform.to_string() == "unknown/unknown", "{json}");
        }
    }

    #[test]
    fn what_is_no_configuration_is_none() {
        for json in ["", "null", "[]", "\"x\"", "{", "{\"os\":\"linux\"} x"] {
            assert_eq!(ImageConfig::parse(json.as_bytes()), None, "{json}");
        }
        let padded = format!("{{{}}}", " ".repeat(4 << 20));
        assert_eq!(ImageConfig::parse(padded.as_bytes()), None);
        let labels = (0..=MOST_LABELS).map(|at| format!(r#""{at}":"""#)).collect::<Vec<_>>().join(",");
        assert_eq!(ImageConfig::parse(format!(r#"{{"config":{{"Labels":{{{labels}}}}}}}"#).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, name in "created|os|config|x", depth in 0..10_000_usize) {
            let _ = ImageConfig::parse(&bytes);
            for open in ["[", "{\"a\":", "{\"Labels\":"] {
                let _ = ImageConfig::parse(format!("{{\"{name}\":{}", open.repeat(depth)).as_bytes());
            }
        }
    }
}
