//! [`Options`] in a plan's header, in full: written so that they read back as what they were.
//!
//! Nothing is passed over when they are read. An option that this version does not know was made to keep or to delete
//! something; without it, more might go than the plan was made for.

use super::repair::WrittenRepair;
use super::rules::WrittenRules;
use super::text::{Span, SpanOrOff, Text, texts};
use crate::collect::image_pattern::ImagePattern;
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::{Aside, Mode, Options};
use crate::collect::pattern::Pattern;
use crate::collect::refusal::Allowed;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The options as they stand in the header, but for the mode, which stands beside them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    delete_untagged: bool,
    min_age: Text<Span>,
    defer: Text<Span>,
    settle: Text<Span>,
    aside: Text<Aside>,
    max_scan_age: Text<Span>,
    uploads_older_than: Text<SpanOrOff>,
    repositories: Vec<Text<Pattern>>,
    keep_from: Vec<Text<KeepFrom>>,
    // So that one which is left out is an error, and does not count as none.
    #[serde(deserialize_with = "percent")]
    max_delete_percent: Option<u8>,
    allow: Vec<Text<Allowed>>,
    // Plans of `gc` were made before there was anything else: there they may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    images: Vec<Text<ImagePattern>>,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    collects: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<WrittenRules>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repair: Option<WrittenRepair>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_yes(value: &bool) -> bool {
    *value
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let percent = Option::<u8>::deserialize(deserializer)?;
    if percent.is_some_and(|percent| percent > 100) {
        return Err(D::Error::custom("`max_delete_percent` is more than 100"));
    }
    Ok(percent)
}

impl From<&Options> for Written {
    fn from(options: &Options) -> Self {
        // Every field by its name: an option that is added must be added here, or this does not compile.
        let Options {
            mode: _,
            delete_untagged,
            min_age,
            defer,
            settle,
            aside,
            max_scan_age,
            uploads_older_than,
            repositories,
            keep_from,
            max_delete_percent,
            allow,
            images,
            collects,
            rules,
            repair,
        } = options;
        Self {
            delete_untagged: *delete_untagged,
            min_age: Text(Span(*min_age)),
            defer: Text(Span(*defer)),
            settle: Text(Span(*settle)),
            aside: Text(*aside),
            max_scan_age: Text(Span(*max_scan_age)),
            uploads_older_than: Text(SpanOrOff(*uploads_older_than)),
            repositories: texts(repositories),
            keep_from: texts(keep_from),
            max_delete_percent: *max_delete_percent,
            allow: texts(allow),
            images: texts(images),
            collects: *collects,
            rules: rules.as_ref().map(WrittenRules::from),
            repair: repair.as_ref().map(WrittenRepair::from),
        }
    }
}

impl Written {
    /// What was written.
    pub(super) fn into_options(self, mode: Mode) -> Options {
        fn values<T>(texts: Vec<Text<T>>) -> Vec<T> {
            texts.into_iter().map(|Text(value)| value).collect()
        }
        Options {
            mode,
            delete_untagged: self.delete_untagged,
            min_age: self.min_age.0.0,
            defer: self.defer.0.0,
            settle: self.settle.0.0,
            aside: self.aside.0,
            max_scan_age: self.max_scan_age.0.0,
            uploads_older_than: self.uploads_older_than.0.0,
            repositories: values(self.repositories),
            keep_from: values(self.keep_from),
            max_delete_percent: self.max_delete_percent,
            allow: values(self.allow),
            images: values(self.images),
            collects: self.collects,
            rules: self.rules.map(WrittenRules::into_rules),
            repair: self.repair.map(WrittenRepair::into_repair),
        }
    }
}

/// The options as reports show them: as in a plan, but a list of what to keep may be long, and only its length is shown.
#[must_use]
pub fn shown(options: &Options) -> serde_json::Value {
    // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
    let mut value = serde_json::to_value(Written::from(options)).unwrap_or_default();
    value["keep_from"] = options.keep_from.len().into();
    value
}

#[cfg(test)]
pub(in crate::collect) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::options::Rules;
    use crate::model::Timestamp;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use std::time::Duration;

    fn span() -> impl Strategy<Value = Duration> {
        prop_oneof![
            Just(Duration::ZERO),
            // What the command line can say: sums of whole parts, to the nanosecond.
            (0..1_u64 << 60, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)),
        ]
    }

    fn matching(expression: &str) -> impl Strategy<Value = String> + use<> {
        proptest::string::string_regex(expression).unwrap()
    }

    fn keep_from() -> impl Strategy<Value = KeepFrom> {
        let digest = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}";
        let name = "(registry\\.example\\.com(:5000)?/|localhost/)?[a-z0-9]{1,6}(/[a-z0-9]{1,6}){0,2}";
        let tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}";
        prop_oneof![
            matching(digest),
            matching(&format!("{name}(:{tag})?")),
            matching(&format!("{name}(:{tag})?@({digest})")),
        ]
        .prop_map(|text| text.parse().unwrap())
    }

    fn allowed() -> impl Strategy<Value = Allowed> {
        "(percent|holes|clock|both-key-forms)|(no-repositories|nothing-marked|database)=\\PC{1,20}"
            .prop_map(|text| text.parse().unwrap())
    }

    fn image() -> impl Strategy<Value = ImagePattern> {
        "[a-z]{1,4}(/\\*)?|(re:\\^)?[a-z]{1,4}:(v\\*|re:[a-z]{1,3}\\$)|[a-z*]{1,4}@sha256:[0-9a-f]{64}"
            .prop_map(|text| text.parse().unwrap())
    }

    fn pattern() -> impl Strategy<Value = Pattern> {
        "(re:)?[a-z/*.\"\\\\ é]{1,9}".prop_filter_map("no pattern", |text| text.parse().ok())
    }

    fn rules() -> impl Strategy<Value = Rules> {
        let images =
            proptest::collection::btree_map("[a-z.é]{1,6}", proptest::collection::vec(keep_from(), 0..3), 0..3);
        let at = proptest::option::of(any::<i64>().prop_map(Timestamp::from_nanos));
        ("\\PC{0,30}\n\\PC{0,30}", images, at).prop_map(|(text, images, at)| Rules { text: text.into(), images, at })
    }

    /// Any options.
    pub(in crate::collect) fn options() -> impl Strategy<Value = Options> {
        let words = (any::<[bool; 3]>(), prop_oneof![Just(Aside::Auto), Just(Aside::Always), Just(Aside::Never)]);
        let spans = (span(), span(), span(), span(), proptest::option::of(span()));
        let lists = (
            proptest::collection::vec(pattern(), 0..4),
            proptest::collection::vec(keep_from(), 0..4),
            proptest::collection::vec(allowed(), 0..4),
            proptest::collection::vec(image(), 0..4),
        );
        let numbers = (proptest::option::of(0..=100_u8), proptest::option::of(rules()));
        (words, spans, lists, numbers).prop_map(|(words, spans, lists, (max_delete_percent, rules))| {
            let ([live, delete_untagged, collects], aside) = words;
            let (min_age, defer, settle, max_scan_age, uploads_older_than) = spans;
            let (repositories, keep_from, allow, images) = lists;
            Options {
                mode: if live { Mode::Live } else { Mode::Offline },
                delete_untagged,
                min_age,
                defer,
                settle,
                aside,
                max_scan_age,
                uploads_older_than,
                repositories,
                keep_from,
                max_delete_percent,
                allow,
                images,
                collects,
                rules,
                repair: None,
            }
        })
    }

    /// Patterns are equal if their texts are: everything else of the options can be compared by what it prints.
    pub(in crate::collect) fn printed(options: &Options) -> String {
        let texts: Vec<_> = options.repositories.iter().map(ToString::to_string).collect();
        let images: Vec<_> = options.images.iter().map(ToString::to_string).collect();
        let rest = Options { repositories: Vec::new(), images: Vec::new(), ..options.clone() };
        format!("{rest:?} {texts:?} {images:?}")
    }

    fn read(value: serde_json::Value) -> Result<Options, String> {
        let written: Result<Written, _> = serde_json::from_value(value);
        written.map(|written| written.into_options(Mode::Live)).map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn every_option_reads_back_as_what_it_was(options in options()) {
            let text = serde_json::to_string(&Written::from(&options)).unwrap();
            let read: Written = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(printed(&read.into_options(options.mode)), printed(&options));
        }
    }

    proptest! {
        // Each case reads as many texts as there are options.
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn option_that_is_left_out_or_unknown_is_an_error(options in options()) {
            let whole = serde_json::to_value(Written::from(&options)).unwrap();
            // Plans of an earlier version have neither.
            let optional = ["images", "collects", "rules"];
            for name in whole.as_object().unwrap().keys().filter(|name| !optional.contains(&name.as_str())) {
                let mut less = whole.clone();
                less.as_object_mut().unwrap().remove(name);
                let error = read(less).unwrap_err();
                prop_assert!(error.contains(name.as_str()), "{}: {}", name, error);
            }
            let mut more = whole;
            more["keep_signed"] = true.into();
            prop_assert!(read(more).unwrap_err().contains("keep_signed"));
        }
    }

    #[test]
    fn values_that_mean_nothing_are_errors() {
        let whole = |name: &str, value: serde_json::Value| {
            let mut runner = proptest::test_runner::TestRunner::deterministic();
            let options = options().new_tree(&mut runner).unwrap().current();
            let mut json = serde_json::to_value(Written::from(&options)).unwrap();
            json[name] = value;
            read(json)
        };
        for (name, value) in [
            ("delete_untagged", "yes".into()),
            ("min_age", "soon".into()),
            ("min_age", 7.into()),
            ("aside", "sometimes".into()),
            ("uploads_older_than", serde_json::Value::Null),
            ("repositories", serde_json::json!(["re:("])),
            ("keep_from", 3.into()),
            ("keep_from", serde_json::json!(["not an image"])),
            ("max_delete_percent", 101.into()),
            ("allow", serde_json::json!(["everything"])),
            ("allow", serde_json::json!(["database"])),
            ("rules", serde_json::json!({"text": "", "images": {}})),
            ("rules", serde_json::json!({"text": "", "images": {}, "at": "soon"})),
            ("rules", serde_json::json!({"text": "", "images": {"a": ["not an image"]}, "at": null})),
            ("rules", serde_json::json!({"text": "", "images": {}, "at": null, "more": 1})),
        ] {
            assert!(whole(name, value.clone()).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn report_shows_how_long_a_list_is() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut options = options().new_tree(&mut runner).unwrap().current();
        options.keep_from = vec!["app:1".parse().unwrap(), "app:2".parse().unwrap()];
        assert_eq!(shown(&options)["keep_from"], 2);
    }
}
