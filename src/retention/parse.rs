//! A policy file becomes a [`Policy`]. Strict: a rule that is half understood would delete what its other half keeps.

use super::document::{self, Place};
use super::duration;
use super::fault::Faults;
use super::fields::{Fields, Setting};
use super::policy::{Delete, InUse, Keep, LastPer, Period, Policy, Rule};
use crate::collect::keep_from::KeepFrom;
use crate::collect::pattern::Pattern;
use std::collections::BTreeMap;
use std::time::Duration;

/// Reads the images of a file that a policy names (`images_from`), or says why it cannot.
pub type ReadImages<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<KeepFrom>, String>;

/// A policy, and what is strange in it.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// The policy.
    pub policy: Policy,
    /// What is right, and hardly meant.
    pub warnings: Faults,
}

/// Reads a policy.
///
/// # Errors
/// If anything is wrong with it: all that is, with line and column.
pub fn parse(text: &str, read_images: ReadImages<'_>) -> Result<Parsed, Faults> {
    let mut reader = Reader { faults: Faults::default(), warnings: Faults::default(), read_images };
    let root = document::parse(text, &mut reader.faults);
    let rules = root.map(|root| reader.policy(&Setting::root(&root))).unwrap_or_default();
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    Ok(Parsed { policy: Policy { rules }, warnings: reader.warnings })
}

struct Reader<'a> {
    faults: Faults,
    warnings: Faults,
    read_images: ReadImages<'a>,
}

/// Shorter limits are hardly meant: `m` is a minute.
const SHORT: Duration = Duration::from_hours(1);

impl Reader<'_> {
    fn policy(&mut self, root: &Setting<'_>) -> Vec<Rule> {
        if root.node.is_null() {
            root.wrong(&mut self.faults, "nothing is in it: expected `rules:` and a list of rules");
            return Vec::new();
        }
        let Some(fields) = root.fields(&["version", "rules"], &mut self.faults) else { return Vec::new() };
        if let Some(version) = fields.get("version")
            && version.count(&mut self.faults).is_some_and(|version| version != 1)
        {
            version.wrong(&mut self.faults, "unknown version: this regsweep knows 1");
        }
        let rules = fields.required("rules", &mut self.faults);
        let items = rules.map(|rules| rules.items("rules", &mut self.faults)).unwrap_or_default();
        let mut names = BTreeMap::new();
        let rules: Vec<(Place, Rule)> = items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| Some((item.node.place, self.rule(at, item, &mut names)?)))
            .collect();
        self.find_idle(&rules);
        rules.into_iter().map(|(_, rule)| rule).collect()
    }

    fn rule(&mut self, at: usize, item: &Setting<'_>, names: &mut BTreeMap<String, usize>) -> Option<Rule> {
        let fields = item.fields(&["name", "repositories", "delete", "keep", "untagged"], &mut self.faults)?;
        let name = self.name(at, &fields, names);
        let repositories = fields.required("repositories", &mut self.faults);
        let repositories =
            repositories.map(|list| list.patterns("patterns for repositories", &mut self.faults)).unwrap_or_default();
        let delete = fields.get("delete").and_then(|delete| self.delete(&delete));
        let keep = fields.get("keep").map(|keep| self.keep(&keep)).unwrap_or_default();
        let untagged = fields.get("untagged").and_then(|untagged| self.untagged(&untagged));
        match (fields.place("delete"), fields.place("keep"), fields.place("untagged")) {
            (None, Some(keep), _) => self.faults.add(
                keep,
                format!("{}.keep", item.path),
                "keeps, but nothing says what to delete: write `delete: {tags: [\"*\"]}` for every tag that is not kept",
            ),
            (None, None, None) => item.wrong(&mut self.faults, "`delete` is missing"),
            _ => {}
        }
        let line = Some(item.node.place.line);
        Some(Rule { name, line, repositories, delete, keep, untagged_older_than: untagged })
    }

    fn name(&mut self, at: usize, fields: &Fields<'_>, names: &mut BTreeMap<String, usize>) -> String {
        let given = fields.get("name").and_then(|name| {
            let text = name.text("a name", &mut self.faults)?;
            if text.chars().any(char::is_control) || text.chars().count() > 100 {
                name.wrong(&mut self.faults, "expected a name of one line, at most 100 characters");
                return None;
            }
            Some(text.to_owned())
        });
        let name = given.unwrap_or_else(|| format!("#{}", at + 1));
        let line = fields.setting().node.place.line;
        if let Some(first) = names.get(&name) {
            let place = fields.get("name").unwrap_or_else(|| fields.setting().clone());
            place.wrong(&mut self.faults, format!("another rule is called {name:?}, in line {first}"));
        } else {
            names.insert(name.clone(), line);
        }
        name
    }

    fn delete(&mut self, setting: &Setting<'_>) -> Option<Delete> {
        let known = &["older_than", "created_older_than", "tags", "semver", "labels", "annotations"];
        let faults = &mut self.faults;
        let every = "for every tag write `tags: [\"*\"]`";
        if setting.node.is_null() {
            setting.wrong(faults, format!("says nothing: {every}"));
            return None;
        }
        let fields = setting.fields(known, faults)?;
        if fields.says_nothing(every, faults) {
            return None;
        }
        let delete = Delete {
            older_than: fields.get("older_than").and_then(|limit| limit.duration(faults)),
            created_older_than: fields.get("created_older_than").and_then(|limit| limit.duration(faults)),
            tags: fields.get("tags").map(|tags| tags.patterns("patterns for tags", faults)),
            semver: fields.get("semver").and_then(|range| range.parsed("a range of versions", faults)),
            labels: fields.get("labels").map(|labels| matches(&labels, faults)).unwrap_or_default(),
            annotations: fields.get("annotations").map(|labels| matches(&labels, faults)).unwrap_or_default(),
        };
        for key in ["older_than", "created_older_than"] {
            self.warn_of_short(&fields, key);
        }
        Some(delete)
    }

    fn keep(&mut self, setting: &Setting<'_>) -> Keep {
        let known = &[
            "tags",
            "last",
            "last_per",
            "semver",
            "younger_than",
            "daily",
            "weekly",
            "monthly",
            "yearly",
            "images_from",
        ];
        let leave_out = "leave it out if nothing is kept";
        if setting.node.is_null() {
            setting.wrong(&mut self.faults, format!("says nothing: {leave_out}"));
            return Keep::default();
        }
        let Some(fields) = setting.fields(known, &mut self.faults) else { return Keep::default() };
        fields.says_nothing(leave_out, &mut self.faults);
        let images = fields.get("images_from").and_then(|file| self.images(&file));
        let last_per = fields.get("last_per").and_then(|per| self.last_per(&per));
        let faults = &mut self.faults;
        let periods = Period::ALL.into_iter();
        Keep {
            tags: fields.get("tags").map(|tags| tags.patterns("patterns for tags", faults)).unwrap_or_default(),
            last: fields.get("last").and_then(|count| count.count(faults)),
            last_per,
            semver: fields.get("semver").and_then(|range| range.parsed("a range of versions", faults)),
            younger_than: fields.get("younger_than").and_then(|limit| limit.duration(faults)),
            periods: periods.filter_map(|period| Some((period, fields.get(period.name())?.count(faults)?))).collect(),
            images,
        }
    }

    fn last_per(&mut self, setting: &Setting<'_>) -> Option<LastPer> {
        let fields = setting.fields(&["pattern", "count"], &mut self.faults)?;
        let pattern = fields.required("pattern", &mut self.faults);
        let pattern = pattern.and_then(|pattern| self.grouping(&pattern));
        let count = fields.required("count", &mut self.faults).and_then(|count| count.count(&mut self.faults));
        Some(LastPer { pattern: pattern?, count: count? })
    }

    fn grouping(&mut self, setting: &Setting<'_>) -> Option<regex::Regex> {
        let text = setting.text("a regular expression with a named group", &mut self.faults)?;
        match regex::Regex::new(text) {
            Err(error) => setting.wrong(&mut self.faults, format!("no regular expression: {error}")),
            Ok(regex) if regex.capture_names().flatten().next().is_none() => {
                setting.wrong(
                    &mut self.faults,
                    "it has no named group: write `(?<minor>...)` around what tags of one stream have in common",
                );
            }
            Ok(regex) => return Some(regex),
        }
        None
    }

    fn images(&mut self, setting: &Setting<'_>) -> Option<InUse> {
        let file = setting.text("the name of a file", &mut self.faults)?;
        match (self.read_images)(file) {
            Ok(images) => Some(InUse::new(file, images)),
            Err(why) => {
                setting.wrong(&mut self.faults, format!("{file}: {why}"));
                None
            }
        }
    }

    fn untagged(&mut self, setting: &Setting<'_>) -> Option<Duration> {
        let fields = setting.fields(&["older_than"], &mut self.faults)?;
        let limit = fields.required("older_than", &mut self.faults)?.duration(&mut self.faults);
        self.warn_of_short(&fields, "older_than");
        limit
    }

    fn warn_of_short(&mut self, fields: &Fields<'_>, key: &str) {
        let Some(setting) = fields.get(key) else { return };
        let Some(limit) = setting.duration(&mut Faults::default()).filter(|limit| !limit.is_zero() && *limit < SHORT)
        else {
            return;
        };
        let short = duration::written(limit);
        let message = format!("{short} is less than an hour (s is a second, m a minute, d a day): is that meant?");
        setting.wrong(&mut self.warnings, message);
    }

    /// A rule behind one for `**` is never asked.
    fn find_idle(&mut self, rules: &[(Place, Rule)]) {
        let is_every = |rule: &Rule| rule.repositories.iter().any(|pattern| pattern.to_string() == "**");
        let mut earlier: Option<&Rule> = None;
        for (at, (place, rule)) in rules.iter().enumerate() {
            if let Some(earlier) = earlier {
                let message = format!(
                    "rule {} is never asked: rule {} before it is for every repository",
                    rule.name, earlier.name
                );
                self.warnings.add(*place, format!("rules[{at}]"), message);
            } else if is_every(rule) {
                earlier = Some(rule);
            }
        }
    }
}

/// Names of labels, and patterns for their values.
fn matches(setting: &Setting<'_>, faults: &mut Faults) -> Vec<(String, Pattern)> {
    let entries = setting.entries("names of labels, each with a pattern for its value", faults);
    entries.iter().filter_map(|(key, value)| Some((key.text.clone(), value.pattern(faults)?))).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::Digest;

    fn read(text: &str) -> Result<Parsed, Faults> {
        parse(text, &mut |file| match file {
            "in-use.json" => Ok(vec![KeepFrom::Digest(Digest::of(b"x"))]),
            _ => Err("no such file".into()),
        })
    }

    #[track_caller]
    fn faults(text: &str) -> Vec<String> {
        read(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    /// What is wrong in a rule that is right but for this.
    #[track_caller]
    fn fault(rest: &str) -> String {
        let faults = faults(&format!("rules:\n- repositories: [a]\n  {rest}\n"));
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults[0].clone()
    }

    const EVERYTHING: &str = r#"
version: 1
rules:
  - name: ci
    repositories: ["ci/**", "re:^team-[a-z]+/tmp"]
    delete:
      older_than: 30d
      created_older_than: 2w
      tags: ["pr-*"]
      semver: "<2.0.0"
      labels: {stage: "dev*"}
      annotations:
        org.opencontainers.image.vendor: re:^x
    keep:
      tags: ["latest", "re:^v?[0-9]+(\\.[0-9]+)*$", 1.10]
      last: 10
      last_per: {pattern: '^(?<minor>\d+\.\d+)\.\d+-(?<variant>.+)$', count: 3}
      semver: ">=1.0.0"
      younger_than: 7d
      daily: 7
      weekly: 4
      monthly: 12
      yearly: 5
      images_from: in-use.json
    untagged: {older_than: 7d}
  - repositories: ["**"]
    delete: {tags: ["*"]}
"#;

    #[test]
    fn everything_of_the_manual_is_read() {
        let parsed = read(EVERYTHING).unwrap();
        assert!(parsed.warnings.is_empty(), "{}", parsed.warnings);
        let [ci, rest] = parsed.policy.rules.as_slice() else { unreachable!("two rules") };
        assert_eq!((ci.name.as_str(), ci.line, rest.name.as_str(), rest.line), ("ci", Some(4), "#2", Some(26)));
        assert!(ci.is_for("ci/a/b") && ci.is_for("team-x/tmp") && !ci.is_for("prod"));
        let delete = ci.delete.as_ref().unwrap();
        let day = Duration::from_hours(24);
        assert_eq!((delete.older_than, delete.created_older_than), (Some(30 * day), Some(14 * day)));
        assert!(delete.names("pr-1") && !delete.names("main"));
        assert!(delete.semver.as_ref().unwrap().holds("1.9.9"));
        assert_eq!((delete.labels[0].0.as_str(), delete.labels[0].1.to_string().as_str()), ("stage", "dev*"));
        assert_eq!(delete.annotations[0].0, "org.opencontainers.image.vendor");
        assert!(ci.needs_created() && ci.needs_labels() && ci.needs_annotations());
        let keep = &ci.keep;
        let tags: Vec<String> = keep.tags.iter().map(ToString::to_string).collect();
        assert_eq!(tags, ["latest", r"re:^v?[0-9]+(\.[0-9]+)*$", "1.10"]);
        assert_eq!((keep.last, keep.last_per.as_ref().unwrap().count), (Some(10), 3));
        assert!(keep.semver.as_ref().unwrap().holds("1.0.0"));
        assert_eq!((keep.younger_than, ci.untagged_older_than), (Some(7 * day), Some(7 * day)));
        assert_eq!(keep.periods, [(Period::Day, 7), (Period::Week, 4), (Period::Month, 12), (Period::Year, 5)]);
        assert!(keep.images.as_ref().unwrap().has_digest(&Digest::of(b"x")));
        assert!(!rest.needs_created() && !rest.needs_labels() && !rest.needs_annotations() && rest.keep.is_empty());
        assert!(!ci.keep.is_empty());
    }

    #[test]
    fn json_is_a_policy_too() {
        let text = r#"{"rules": [{"repositories": ["a"], "delete": {"tags": ["*"]}, "keep": {"last": 3}}]}"#;
        assert_eq!(read(text).unwrap().policy.rules[0].keep.last, Some(3));
    }

    #[test]
    fn keep_without_delete_is_an_error_with_its_line() {
        let why = fault("keep: {last: 3}");
        assert!(why.starts_with("line 3, column 3: rules[0].keep: "), "{why}");
        assert!(why.contains("write `delete: {tags: [\"*\"]}`"), "{why}");
        assert!(
            faults("rules:\n- repositories: [a]\n  keep: {last: 3}\n  untagged: {older_than: 7d}\n")[0]
                .contains("delete")
        );
    }

    #[test]
    fn rule_without_delete_may_be_for_untagged_manifests_only() {
        let parsed = read("rules: [{repositories: [a], untagged: {older_than: 7d}}]").unwrap();
        assert!(parsed.policy.rules[0].delete.is_none());
        assert_eq!(faults("rules: [{repositories: [a]}]"), ["line 1, column 9: rules[0]: `delete` is missing"]);
    }

    #[test]
    fn unknown_keys_are_told_with_the_nearest() {
        for (rest, path, near) in [
            ("delete: {older-than: 30d, tags: [a]}", "rules[0].delete.older-than", "older_than"),
            ("delete: {tags: [a]}\n  keep: {lasst: 1}", "rules[0].keep.lasst", "last"),
            ("delete: {tags: [a]}\n  kep: {last: 1}", "rules[0].kep", "keep"),
            ("delete: {tags: [a]}\n  untagged: {older: 1d, older_than: 1d}", "rules[0].untagged.older", "older_than"),
            (
                "delete: {tags: [a]}\n  keep: {last_per: {patern: x, pattern: '(?<a>.)', count: 1}}",
                "last_per.patern",
                "pattern",
            ),
        ] {
            let why = fault(rest);
            assert!(why.contains(path) && why.ends_with(&format!("did you mean `{near}`?")), "{why}");
        }
        assert_eq!(
            faults("rule: []\nrules:\n- {repositories: [a], delete: {tags: [a]}}\n"),
            ["line 1, column 1: rule: unknown key: did you mean `rules`?"]
        );
    }

    #[test]
    fn wrong_types_say_what_is_expected_and_what_is_there() {
        for (rest, why) in [
            (
                "delete: {tags: \"*\"}",
                "line 3, column 18: rules[0].delete.tags: expected a list of patterns for tags, found text",
            ),
            (
                "delete: {tags: [[a]]}",
                "rules[0].delete.tags[0]: expected a glob, or re: and a regular expression, found a list",
            ),
            (
                "delete: {tags: [~]}",
                "rules[0].delete.tags[0]: expected a glob, or re: and a regular expression, found nothing",
            ),
            ("delete: {tags: ['']}", "empty text: expected a glob"),
            ("delete: {tags: []}", "an empty list: expected a list of patterns for tags"),
            ("delete: {tags: {a: b}}", "expected a list of patterns for tags, found a mapping"),
            ("delete: {tags: ['re:(']}", "\"re:(\" is no pattern"),
            ("delete: {older_than: 30}", "\"30\" has no unit"),
            ("delete: {older_than: [30d]}", "expected a duration such as 30d, found a list"),
            ("delete: {older_than: 3M}", "\"3M\" is no duration"),
            ("delete: {semver: one}", "expected a range of versions"),
            ("delete: {labels: []}", "expected names of labels, each with a pattern for its value, found a list"),
            ("delete: {labels: {}}", "an empty mapping"),
            ("delete: {labels: {a: []}}", "rules[0].delete.labels.a: expected a glob"),
            ("delete: {annotations: x}", "rules[0].delete.annotations: expected names"),
            ("delete: {}", "for every tag write `tags: [\"*\"]`"),
            ("delete:", "for every tag write `tags: [\"*\"]`"),
            ("delete: all", "expected a mapping with any of older_than, created_older_than, tags"),
            ("delete: {tags: [a]}\n  keep:", "says nothing: leave it out"),
            ("delete: {tags: [a]}\n  keep: {}", "says nothing: leave it out"),
            ("delete: {tags: [a]}\n  keep: {last: 0}", "expected a whole number from 1 on, found 0"),
            ("delete: {tags: [a]}\n  keep: {last: -1}", "expected a whole number from 1 on, found -1"),
            ("delete: {tags: [a]}\n  keep: {last: 1.5}", "expected a whole number from 1 on, found a number"),
            ("delete: {tags: [a]}\n  keep: {last: ten}", "expected a whole number from 1 on, found text"),
            ("delete: {tags: [a]}\n  keep: {last: '10'}", "expected a whole number from 1 on without quotes"),
            ("delete: {tags: [a]}\n  keep: {last: +3}", "expected a whole number from 1 on, found a whole number"),
            ("delete: {tags: [a]}\n  keep: {last: }", "expected a whole number from 1 on, found nothing"),
            (
                "delete: {tags: [a]}\n  keep: {daily: yes}",
                "rules[0].keep.daily: expected a whole number from 1 on, found text",
            ),
            ("delete: {tags: [a]}\n  keep: {yearly: true}", "found a boolean"),
            ("delete: {tags: [a]}\n  keep: {last_per: {count: 1}}", "`pattern` is missing"),
            ("delete: {tags: [a]}\n  keep: {last_per: {pattern: '(?<a>.)'}}", "`count` is missing"),
            ("delete: {tags: [a]}\n  keep: {last_per: {pattern: '(.)', count: 1}}", "no named group"),
            ("delete: {tags: [a]}\n  keep: {last_per: {pattern: '(', count: 1}}", "no regular expression"),
            ("delete: {tags: [a]}\n  keep: {images_from: nowhere}", "nowhere: no such file"),
            (
                "delete: {tags: [a]}\n  untagged: 7d",
                "rules[0].untagged: expected a mapping with any of older_than, found text",
            ),
            ("delete: {tags: [a]}\n  untagged: {}", "`older_than` is missing"),
            ("delete: {tags: [a]}\n  name: []", "rules[0].name: expected a name, found a list"),
            ("delete: {tags: [a]}\n  name: \"a\\nb\"", "expected a name of one line"),
        ] {
            let found = fault(rest);
            assert!(found.contains(why), "{rest}: {found}");
        }
    }

    #[test]
    fn texts_that_are_no_policy_are_told() {
        for (text, why) in [
            ("", "line 1, column 1: nothing is in it"),
            ("rules: []", "an empty list: expected a list of rules"),
            ("rules:", "expected a list of rules, found nothing"),
            ("version: 1", "`rules` is missing"),
            (
                "version: 2\nrules: [{repositories: [a], delete: {tags: [a]}}]",
                "line 1, column 10: version: unknown version",
            ),
            ("version: one\nrules: [{repositories: [a], delete: {tags: [a]}}]", "version: expected a whole number"),
            ("- a", "expected a mapping with any of version, rules, found a list"),
            ("rules: [a]", "rules[0]: expected a mapping with any of name, repositories"),
            ("rules: [{delete: {tags: [a]}}]", "rules[0]: `repositories` is missing"),
            ("rules: [", "no valid YAML"),
            ("rules: [{repositories: [a], delete: {tags: [a], tags: [b]}}]", "`tags` is there twice"),
            ("a: &a {last: 1}\nrules: [{repositories: [a], delete: {tags: [a]}}]", "a: unknown key"),
            ("rules: [{repositories: [a], delete: {<<: {tags: [a]}, tags: [b]}}]", "<<: unknown key"),
        ] {
            let found = faults(text);
            assert!(found.len() == 1 && found[0].contains(why), "{text}: {found:#?}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once_in_their_order() {
        let found = faults("rules:\n- repositories: a\n  delete: {older_than: soon}\n  keep: {last: x}\n- nmae: b\n");
        let lines: Vec<&str> = found.iter().map(|fault| fault.split(',').next().unwrap()).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 4", "line 5", "line 5", "line 5"], "{found:#?}");
    }

    #[test]
    fn rules_have_names_of_their_own() {
        let rule = |name: &str| format!("- {{name: {name}, repositories: [a], delete: {{tags: [a]}}}}\n");
        let found = faults(&format!("rules:\n{}{}", rule("x"), rule("x")));
        assert_eq!(found, ["line 3, column 10: rules[1].name: another rule is called \"x\", in line 2"]);
        assert!(
            faults(&format!("rules:\n{}- {{repositories: [a], delete: {{tags: [a]}}}}\n", rule("'#2'")))[0]
                .contains("another rule")
        );
    }

    #[test]
    fn strange_limits_and_idle_rules_are_warned_of() {
        let warnings = |text: &str| read(text).unwrap().warnings.to_string();
        let short = warnings("rules: [{repositories: [a], delete: {older_than: 30m}, untagged: {older_than: 59m59s}}]");
        assert!(short.contains("30m is less than an hour") && short.contains("59m59s is less"), "{short}");
        assert_eq!(warnings("rules: [{repositories: [a], delete: {older_than: 1h}, untagged: {older_than: 1h}}]"), "");
        assert!(warnings("rules: [{repositories: [a], delete: {created_older_than: 1m}}]").contains("1m is less"));
        let idle = warnings(
            "rules:\n- {repositories: ['**'], delete: {tags: [a]}}\n- {repositories: [b], delete: {tags: [a]}}\n",
        );
        assert_eq!(
            idle,
            "line 3, column 3: rules[1]: rule #2 is never asked: rule #1 before it is for every repository"
        );
        assert_eq!(
            warnings(
                "rules:\n- {repositories: [b], delete: {tags: [a]}}\n- {repositories: ['**'], delete: {tags: [a]}}\n"
            ),
            ""
        );
    }
}
