//! The retention section of zot's configuration.
//!
//! There as here the first policy whose repositories match decides. A tag stays if one of `keepTags` fits its name and one of
//! its conditions holds, or it has none; without `keepTags` every tag stays.

use super::foreign::{Foreign, read};
use super::glob::one_stream;
use super::imported::{Imported, pattern, rule};
use crate::collect::pattern::Pattern;
use crate::retention::fault::Faults;
use crate::retention::policy::{Delete, Keep, LastPer, Policy, Rule};
use std::time::Duration;

/// Makes a policy of a configuration, or of its `retention` section alone.
///
/// # Errors
/// If there is no such section.
pub fn import(text: &str, named: &[Pattern]) -> Result<Imported, Faults> {
    read(text, |root, faults| {
        let storage = root.get("storage");
        let section = storage.as_ref().and_then(|storage| storage.get("retention"));
        let section = section.or_else(|| root.get("retention")).or_else(|| root.get("policies").map(|_| root.clone()));
        let section = section.ok_or("no storage.retention is in it")?;
        let mut imported = Imported { head: vec!["From the retention section of zot.".into()], ..Imported::default() };
        if !named.is_empty() {
            imported.notes.push("--repository was not used: these policies name their repositories themselves".into());
        }
        if section.get("dryRun").is_some_and(|dry| dry.flag(faults)) {
            imported
                .head
                .push("It is a dry run there: run it as regsweep prune --dry-run --policy FILE REGISTRY".into());
        }
        let delay = section.get("delay").map_or(DELAY, |delay| delay.duration(faults));
        let policies = section.get("policies").map(|policies| policies.items(faults)).unwrap_or_default();
        if policies.is_empty() {
            return Err("no policy is in it".into());
        }
        let mut rules = Vec::new();
        for (at, policy) in policies.iter().enumerate() {
            rules.push(of_policy(at, policy, delay, &mut imported.notes, faults)?);
        }
        let below = storage.as_ref().and_then(|storage| storage.get("subPaths"));
        for (path, sub) in below.map(|below| below.entries()).unwrap_or_default() {
            if sub.get("retention").is_some() {
                imported.notes.push(format!("subPaths {path} has policies of its own: import them by themselves"));
            }
        }
        for other in section.others(&["dryRun", "delay", "policies"]) {
            imported.notes.push(format!("retention.{other} is not known, and nothing was made of it"));
        }
        imported.notes.push(
            "zot deletes untagged manifests of repositories without a policy as well; regsweep touches none of these"
                .into(),
        );
        imported.policies = vec![Policy { rules }];
        Ok(imported)
    })
}

/// What zot waits before it deletes what has no tag, where nothing is said.
const DELAY: Duration = Duration::from_hours(24);

fn of_policy(
    at: usize,
    policy: &Foreign<'_>,
    delay: Duration,
    notes: &mut Vec<String>,
    faults: &mut Faults,
) -> Result<Rule, String> {
    let name = format!("zot-{}", at + 1);
    let names = policy.any(&["repositories", "repoNames"]).map(|names| names.texts(faults)).unwrap_or_default();
    if names.is_empty() {
        policy.wrong(faults, "`repositories` is missing");
    }
    let repositories = names.iter().map(|name| pattern(name)).collect::<Result<Vec<_>, _>>()?;
    let mut keep = Keep::default();
    let kept = policy.get("keepTags").map(|kept| kept.items(faults)).unwrap_or_default();
    for (at, entry) in kept.iter().enumerate() {
        let mut note = |why: &str| notes.push(format!("policy {name}, keepTags {}: {why}", at + 1));
        keep_tags(entry, &mut keep, &mut note, faults)?;
    }
    let untagged = policy.get("deleteUntagged").is_none_or(|delete| delete.flag(faults)).then_some(delay);
    if policy.get("deleteReferrers").is_some_and(|delete| delete.flag(faults)) {
        notes.push(format!("policy {name}: signatures and the like go and stay with their image, here always"));
    }
    for other in policy.others(&["repositories", "repoNames", "keepTags", "deleteUntagged", "deleteReferrers"]) {
        notes.push(format!("policy {name}: {other} is not known, and nothing was made of it"));
    }
    let every = || Ok::<_, String>(vec![pattern("*")?]);
    if kept.is_empty() && untagged.is_none() {
        // Nothing goes; but the rule must stand, or a later one would decide.
        keep.tags = vec![pattern("**")?];
    }
    let delete = if kept.is_empty() && untagged.is_some() {
        None
    } else {
        Some(Delete { tags: Some(every()?), ..Delete::default() })
    };
    Ok(Rule { untagged_older_than: untagged, ..rule(&name, repositories, delete, keep) })
}

/// Adds what an entry keeps, or something wider.
fn keep_tags(
    entry: &Foreign<'_>,
    keep: &mut Keep,
    note: &mut dyn FnMut(&str),
    faults: &mut Faults,
) -> Result<(), String> {
    let expressions = entry.get("patterns").map(|patterns| patterns.texts(faults)).unwrap_or_default();
    let wide = || -> Result<Vec<Pattern>, String> {
        if expressions.is_empty() {
            return Ok(vec![pattern("**")?]);
        }
        expressions.iter().map(|expression| pattern(&format!("re:{expression}"))).collect()
    };
    let pulled = ["mostRecentlyPulledCount", "pulledWithin"].into_iter().find(|key| entry.get(key).is_some());
    let count = entry.get("mostRecentlyPushedCount").map(|count| count.count(faults));
    let within = entry.get("pushedWithin").map(|within| within.duration(faults));
    let known = ["patterns", "mostRecentlyPushedCount", "mostRecentlyPulledCount", "pushedWithin", "pulledWithin"];
    if let Some(other) = entry.others(&known).first() {
        note(&format!("{other} is not known; what it names stays at any age"));
        keep.tags.extend(wide()?);
    }
    if let Some(pulled) = pulled {
        note(&format!(
            "{pulled} has no equal, as the storage records no pulls; what it names stays at any age (to go by pushes alone take the \
             pattern out of keep.tags; keep.images_from keeps what is in use)"
        ));
        keep.tags.extend(wide()?);
    }
    if count.is_none() && within.is_none() && pulled.is_none() {
        keep.tags.extend(wide()?);
    }
    if let Some(limit) = within {
        if !expressions.is_empty() {
            note("pushedWithin together with patterns has no equal; every tag as young stays");
        }
        keep.younger_than = Some(keep.younger_than.map_or(limit, |other| other.max(limit)));
    }
    match count {
        Some(count) if expressions.is_empty() && keep.last.is_none_or(|other| other <= count) => {
            keep.last = Some(count);
        }
        Some(count) if !expressions.is_empty() && keep.last_per.is_none() => {
            keep.last_per = Some(LastPer { pattern: one_stream(&expressions)?, count });
        }
        Some(_) if !expressions.is_empty() => {
            note("a second count for tags of some name has no equal; these tags stay at any age");
            keep.tags.extend(wide()?);
        }
        Some(_) | None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn rule_of(rest: &str) -> (String, Vec<String>) {
        let text = format!(r#"{{"storage": {{"retention": {{"policies": [{{"repositories": ["a"]{rest}}}]}}}}}}"#);
        let imported = import(&text, &[]).unwrap_or_else(|faults| unreachable!("{faults}"));
        let text = crate::retention::write::yaml(&imported.policies[0], &[], |_| Vec::new());
        let notes = imported.notes[..imported.notes.len() - 1].to_vec();
        (text.lines().skip(4).map(str::trim).collect::<Vec<_>>().join(" "), notes)
    }

    #[test]
    fn without_keep_tags_every_tag_stays() {
        assert_eq!(rule_of("").0, "untagged: {older_than: 1d}");
        let nothing = rule_of(r#", "deleteUntagged": false"#).0;
        assert_eq!(
            nothing, "delete: tags: [\"*\"] keep: tags: [\"**\"]",
            "the rule stands, or a later one would decide"
        );
    }

    #[test]
    fn what_keeps_is_kept_or_something_wider() {
        for (keep, expected, word) in [
            ("{}", "tags: [\"**\"]", ""),
            (r#"{"patterns": ["v.*", "x"]}"#, "tags: [\"re:v.*\", \"re:x\"]", ""),
            (r#"{"mostRecentlyPushedCount": 3}"#, "last: 3", ""),
            (r#"{"mostRecentlyPushedCount": 3}, {"mostRecentlyPushedCount": 2}"#, "last: 3", ""),
            (r#"{"mostRecentlyPushedCount": 2}, {"mostRecentlyPushedCount": 3}"#, "last: 3", ""),
            (
                r#"{"patterns": ["v"], "mostRecentlyPushedCount": 3}"#,
                "last_per: {pattern: \"(?<stream>)(?:v)\", count: 3}",
                "",
            ),
            (
                r#"{"patterns": ["v"], "mostRecentlyPushedCount": 3}, {"patterns": ["w"], "mostRecentlyPushedCount": 3}"#,
                "tags: [\"re:w\"] last_per: {pattern: \"(?<stream>)(?:v)\", count: 3}",
                "a second count",
            ),
            (r#"{"pushedWithin": "720h"}"#, "younger_than: 30d", ""),
            (r#"{"pushedWithin": "1h"}, {"pushedWithin": "2h"}"#, "younger_than: 2h", ""),
            (r#"{"pushedWithin": "2h"}, {"pushedWithin": "1h"}"#, "younger_than: 2h", ""),
            (r#"{"patterns": ["v"], "pushedWithin": "720h"}"#, "younger_than: 30d", "together with patterns"),
            (r#"{"patterns": ["v"], "pulledWithin": "720h"}"#, "tags: [\"re:v\"]", "pulledWithin has no equal"),
            (r#"{"mostRecentlyPulledCount": 3}"#, "tags: [\"**\"]", "mostRecentlyPulledCount has no equal"),
            (r#"{"patterns": ["v"], "size": 3}"#, "tags: [\"re:v\", \"re:v\"]", "size is not known"),
        ] {
            let (rule, notes) = rule_of(&format!(r#", "keepTags": [{keep}]"#));
            assert_eq!(rule, format!("delete: tags: [\"*\"] keep: {expected} untagged: {{older_than: 1d}}"), "{keep}");
            assert!(
                if word.is_empty() { notes.is_empty() } else { notes.iter().any(|note| note.contains(word)) },
                "{keep}: {notes:?}"
            );
        }
    }

    #[test]
    fn section_alone_is_enough_and_what_is_odd_is_named() {
        let text = r#"{"dryRun": true, "delay": "36h", "odd": 1, "policies": [{"repoNames": ["tmp/**"], "deleteReferrers": true, "more": 1}]}"#;
        let imported = import(text, &["a".parse().unwrap()]).unwrap();
        let yaml = imported.yaml();
        for word in [
            "--dry-run",
            "older_than: 1d12h",
            "retention.odd is not known",
            "zot-1: more is not known",
            "always",
            "--repository was not used",
        ] {
            assert!(yaml.contains(word), "{word}: {yaml}");
        }
        assert!(!import(&text.replace("true", "false"), &[]).unwrap().yaml().contains("--dry-run"));
    }

    #[test]
    fn what_is_no_configuration_is_told() {
        for (text, why) in [
            ("{}", "no storage.retention"),
            (r#"{"policies": [{}]}"#, "`repositories` is missing"),
            (r#"{"policies": [{"repositories": ["re:("]}]}"#, "no pattern"),
            (r#"{"policies": [{"repositories": ["a"], "keepTags": [{"patterns": ["("]}]}]}"#, "no pattern"),
            (
                r#"{"policies": [{"repositories": ["a"], "keepTags": [{"patterns": ["("], "mostRecentlyPushedCount": 1}]}]}"#,
                "no regular",
            ),
            (r#"{"policies": [{"repositories": ["a"], "deleteUntagged": 1}]}"#, "expected true or false"),
        ] {
            let faults = import(text, &[]).unwrap_err().to_string();
            assert!(faults.contains(why), "{text}: {faults}");
        }
    }
}
