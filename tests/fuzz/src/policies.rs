//! Retention rules and what stands beside them: policies, policies of other tools, files of what is in use, fixtures. What is
//! understood is understood whole: written anew it is the same policy, with the same verdicts.

use super::text;
use regsweep::collect::keep_from::KeepFrom;
use regsweep::collect::pattern::Pattern;
use regsweep::model::{Digest, RepositoryName, Tag, Timestamp};
use regsweep::retention::facts::{RepositoryFacts, TagFacts, UntaggedFacts};
use regsweep::retention::fault::Faults;
use regsweep::retention::import::{Imported, artifact_registry, cleanup_script, ecr, harbor, zot};
use regsweep::retention::judge::judge;
use regsweep::retention::parse::parse;
use regsweep::retention::policy::Policy;
use regsweep::retention::verdict::{Decision, Verdict};
use regsweep::retention::write::yaml;
use regsweep::retention::{fixture, images};
use serde_yaml::Value;
use std::time::Duration;

type Importer = fn(&str, &[Pattern]) -> Result<Imported, Faults>;

/// Any text as each of these files.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match read(&text) {
        Ok(policy) => understood(&policy, &text),
        Err(faults) => refused(&faults, &text),
    }
    let importers: [Importer; 5] =
        [ecr::import, artifact_registry::import, zot::import, harbor::import, cleanup_script::import_lines];
    for import in importers {
        match import(&text, &[]) {
            Ok(imported) => is_printed(&imported),
            Err(faults) => refused(&faults, &text),
        }
    }
    if let Err(faults) = fixture::parse(&text, now()) {
        refused(&faults, &text);
    }
    match images::parse(&text) {
        Ok(images) => assert!(!images.is_empty(), "a file in which nothing is protects nothing"),
        Err(why) => text::is_for_people(&why),
    }
}

fn now() -> Timestamp {
    Timestamp::from_days(20_778)
}

fn read(text: &str) -> Result<Policy, Faults> {
    let in_use = |_: &str| Ok(vec![KeepFrom::Digest(Digest::of(b"in use"))]);
    parse(text, &mut { in_use }).map(|parsed| parsed.policy)
}

fn understood(policy: &Policy, text: &str) {
    for rule in &policy.rules {
        assert!(!rule.repositories.is_empty(), "a rule for nothing: {text}");
        assert!(rule.delete.is_some() || rule.untagged_older_than.is_some(), "a rule that does nothing: {text}");
    }
    as_another_reads_it(policy, text);
    is_written_anew(policy);
}

/// A second reader, which knows nothing of policies: there are as many rules, and nothing that keeps is lost.
fn as_another_reads_it(policy: &Policy, text: &str) {
    let Ok(value) = serde_yaml::from_str::<Value>(text) else { return };
    let Some(rules) = value.get("rules").and_then(Value::as_sequence) else { return };
    assert_eq!(rules.len(), policy.rules.len(), "{text}");
    for (written, rule) in rules.iter().zip(&policy.rules) {
        let count = |key: &str| written.get(key).and_then(Value::as_mapping).map_or(0, serde_yaml::Mapping::len);
        assert_eq!(count("keep"), keeps(rule), "{text}");
        assert_eq!(written.get("delete").is_some(), rule.delete.is_some(), "{text}");
        let patterns = written.get("repositories").and_then(Value::as_sequence).map(Vec::len);
        assert_eq!(patterns.unwrap_or(1), rule.repositories.len(), "{text}");
    }
}

fn keeps(rule: &regsweep::retention::policy::Rule) -> usize {
    let keep = &rule.keep;
    usize::from(!keep.tags.is_empty())
        + usize::from(keep.last.is_some())
        + usize::from(keep.last_per.is_some())
        + usize::from(keep.semver.is_some())
        + usize::from(keep.younger_than.is_some())
        + keep.periods.len()
        + usize::from(keep.images.is_some())
}

fn is_written_anew(policy: &Policy) {
    let written = yaml(policy, &[], |_| Vec::new());
    let again = read(&written).unwrap_or_else(|faults| panic!("what was written is refused: {faults}\n{written}"));
    assert_eq!(yaml(&again, &[], |_| Vec::new()), written);
    assert_eq!(decisions(policy), decisions(&again), "{written}");
}

/// What becomes of tags and of untagged manifests.
fn decisions(policy: &Policy) -> Vec<Decision> {
    let judgement = judge(policy, &facts(), now());
    judgement.tags.iter().chain(&judgement.untagged).map(Verdict::decision).collect()
}

/// Tags of every kind that rules tell apart, in a repository that most patterns are for.
fn facts() -> RepositoryFacts {
    let names = ["latest", "main", "pr-1", "pr-22", "v1.2.3", "1.2.4-alpine", "2.0.0-rc.1", "20260101"];
    let ago = |days: u64| now().minus(Duration::from_secs(days * 86_400));
    let tag = |(at, name): (usize, &&str)| {
        let name = Tag::new(name).unwrap_or_else(|| unreachable!());
        let pushed = [1, 5, 29, 31, 90, 400, 800, 4000][at];
        TagFacts {
            created: Some(ago(pushed + 1)),
            ..TagFacts::new(name, Digest::of(&[u8::from(at > 3)]), Some(ago(pushed)))
        }
    };
    let tags = names.iter().enumerate().map(tag).collect();
    let untagged = [3, 300].map(|days| UntaggedFacts {
        digest: Digest::of(&[9, u8::from(days > 3)]),
        pushed: Some(ago(days)),
        lost: None,
        belongs_to: Vec::new(),
    });
    let name = RepositoryName::new("ci/app").unwrap_or_else(|| unreachable!());
    RepositoryFacts { name, tags, untagged: untagged.into() }
}

/// What an import prints is a policy, and the same one.
fn is_printed(imported: &Imported) {
    // What lets nothing go is no policy.
    if imported.policies.iter().all(|policy| policy.rules.is_empty()) {
        return;
    }
    let printed = imported.yaml();
    let first = read(&printed).unwrap_or_else(|faults| panic!("what is printed is refused: {faults}\n{printed}"));
    let meant = imported.policies.first().cloned().unwrap_or_default();
    assert_eq!(decisions(&first), decisions(&meant), "{printed}");
    imported.policies.iter().for_each(is_written_anew);
}

/// Whoever mends a file is told where, in the order of its lines, and can read it.
fn refused(faults: &Faults, text: &str) {
    assert!(!faults.is_empty(), "refused without a reason");
    // Line ends of other systems count as well.
    let lines = text.split(['\n', '\r']).count();
    let mut last = None;
    for fault in faults.iter() {
        assert!((1..=lines + 1).contains(&fault.place.line) && fault.place.column >= 1, "{fault}");
        assert!(last <= Some(fault.place), "out of order: {faults}");
        last = Some(fault.place);
        text::is_for_people(&fault.to_string());
    }
}
