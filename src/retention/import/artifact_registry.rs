//! Cleanup policies of Google Artifact Registry.
//!
//! What a policy that keeps names stays, whatever policies that delete say. A package there is a repository here, a version a
//! manifest.

use super::foreign::{Foreign, read};
use super::glob::beginning_with;
use super::imported::{Imported, pattern, repositories, rule};
use crate::collect::pattern::Pattern;
use crate::error::quoted;
use crate::retention::fault::Faults;
use crate::retention::policy::{Delete, Keep, Policy, Rule};
use std::collections::BTreeSet;
use std::time::Duration;

/// Makes policies of cleanup policies, as `gcloud` takes them or the API shows them.
///
/// # Errors
/// If they are none.
pub fn import(text: &str, named: &[Pattern]) -> Result<Imported, Faults> {
    read(text, |root, faults| {
        let policies: Vec<Cleanup> = if root.is_list() {
            root.items(faults).iter().map(|policy| Cleanup::read(policy, None, faults)).collect()
        } else {
            let found = root.any(&["cleanupPolicies", "cleanup_policies"]).ok_or("no list of policies")?;
            if found.is_list() {
                found.items(faults).iter().map(|policy| Cleanup::read(policy, None, faults)).collect()
            } else {
                found.entries().iter().map(|(name, policy)| Cleanup::read(policy, Some(name), faults)).collect()
            }
        };
        if policies.is_empty() {
            return Err("no policy is in it".into());
        }
        assemble(&policies, named)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Tagged,
    Untagged,
    Any,
}

/// What has no equal, each once.
#[derive(Debug, Default)]
struct Told {
    notes: BTreeSet<String>,
    drops_more: BTreeSet<String>,
}

/// One policy as it stands there.
#[derive(Debug)]
struct Cleanup {
    name: String,
    keeps: bool,
    packages: Vec<String>,
    state: State,
    tags: Vec<String>,
    older_than: Option<Duration>,
    newer_than: Option<Duration>,
    count: Option<usize>,
    odd: Vec<String>,
}

impl Cleanup {
    fn read(policy: &Foreign<'_>, name: Option<&String>, faults: &mut Faults) -> Self {
        let name = name.cloned().or_else(|| policy.any(&["name", "id"]).map(|name| name.text(faults)));
        // `{"type": "Delete"}` in files, `"DELETE"` from the API.
        let action = policy.get("action").map(|action| action.get("type").unwrap_or(action));
        let action = action.map(|action| action.text(faults).to_ascii_lowercase()).unwrap_or_default();
        if !["delete", "keep"].contains(&action.as_str()) {
            policy.wrong(faults, format!("expected the action Delete or Keep, found {}", quoted(&action)));
        }
        let condition = policy.get("condition");
        let recent = policy.any(&["mostRecentVersions", "most_recent_versions"]);
        let get = |keys: &[&str]| condition.as_ref().and_then(|condition| condition.any(keys));
        let state = get(&["tagState", "tag_state"]).map(|state| (state.text(faults).to_ascii_lowercase(), state));
        let state = match state {
            None => State::Any,
            Some((word, _)) if word == "tagged" => State::Tagged,
            Some((word, _)) if word == "untagged" => State::Untagged,
            Some((word, _)) if word == "any" || word == "tag_state_unspecified" => State::Any,
            Some((word, state)) => {
                state.wrong(faults, format!("expected tagged, untagged or any, found {}", quoted(&word)));
                State::Any
            }
        };
        let packages = ["packageNamePrefixes", "package_name_prefixes"];
        let of_recent = recent.as_ref().and_then(|recent| recent.any(&packages));
        let known = [
            ["tagState", "tag_state"],
            ["tagPrefixes", "tag_prefixes"],
            packages,
            ["olderThan", "older_than"],
            ["newerThan", "newer_than"],
        ];
        let mut odd = condition.as_ref().map(|found| found.others(known.as_flattened())).unwrap_or_default();
        let known = ["keepCount", "keep_count", packages[0], packages[1]];
        odd.extend(recent.as_ref().map(|recent| recent.others(&known)).unwrap_or_default());
        let count = recent.as_ref().and_then(|recent| recent.any(&["keepCount", "keep_count"]));
        Self {
            name: name.unwrap_or_else(|| "without a name".into()),
            keeps: action == "keep",
            packages: get(&packages).or(of_recent).map(|list| list.texts(faults)).unwrap_or_default(),
            state,
            tags: get(&["tagPrefixes", "tag_prefixes"]).map(|list| list.texts(faults)).unwrap_or_default(),
            older_than: get(&["olderThan", "older_than"]).map(|age| age.duration(faults)),
            newer_than: get(&["newerThan", "newer_than"]).map(|age| age.duration(faults)),
            count: recent.map(|_| count.map_or(1, |count| count.count(faults))),
            odd,
        }
    }

    /// Whether it is for packages that begin so; `None` are those that no policy names.
    fn is_for(&self, prefix: Option<&str>) -> bool {
        self.packages.is_empty()
            || prefix.is_some_and(|prefix| self.packages.iter().any(|package| prefix.starts_with(package.as_str())))
    }

    fn is_for_tags(&self) -> bool {
        self.state != State::Untagged
    }

    /// A tag prefix speaks of tags only, whatever the state.
    fn is_for_untagged(&self) -> bool {
        self.state != State::Tagged && self.tags.is_empty()
    }
}

fn assemble(policies: &[Cleanup], named: &[Pattern]) -> Result<Imported, String> {
    let mut imported =
        Imported { head: vec!["From cleanup policies of Google Artifact Registry.".into()], ..Imported::default() };
    let mut told = Told::default();
    let prefixes: BTreeSet<&str> = policies.iter().flat_map(|policy| &policy.packages).map(String::as_str).collect();
    // A longer prefix is more special: it comes first, and of two like ones in the order of the alphabet.
    let mut prefixes: Vec<Option<&str>> = prefixes.into_iter().map(Some).collect();
    prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.map(str::len)));
    prefixes.push(None);
    if prefixes.len() > 1 && !named.is_empty() {
        imported.notes.push("--repository was not used: these policies name their packages themselves".into());
    }
    let mut runs: Vec<Vec<Rule>> = Vec::new();
    for prefix in prefixes {
        let name = prefix.map_or_else(|| "artifact-registry".into(), |prefix| format!("artifact-registry, {prefix}"));
        let repositories = match prefix {
            Some(prefix) => vec![pattern(&format!("re:^{}", regex::escape(prefix)))?],
            None => repositories(if policies.iter().all(|policy| policy.packages.is_empty()) { named } else { &[] })?,
        };
        let (keeping, deleting): (Vec<&Cleanup>, Vec<&Cleanup>) =
            policies.iter().filter(|policy| policy.is_for(prefix)).partition(|policy| policy.keeps);
        let rules = rules(&name, &repositories, &keeping, &deleting, &mut told)?;
        for (at, rule) in rules.into_iter().enumerate() {
            if runs.len() <= at {
                runs.push(Vec::new());
            }
            runs[at].push(rule);
        }
    }
    imported.notes.extend(told.notes);
    imported.drops_more.extend(told.drops_more);
    if runs.len() > 1 {
        let why = "these policies delete for different reasons: each is a policy for a run of its own";
        imported
            .notes
            .push(format!("{} policies, the first of which stands here and the others as comments: {why}", runs.len()));
    }
    imported.policies = runs.into_iter().map(|rules| Policy { rules }).collect();
    Ok(imported)
}

/// The rules for some repositories: one for each age at which something is deleted, all with the same that is kept.
fn rules(
    name: &str,
    repositories: &[Pattern],
    keeping: &[&Cleanup],
    deleting: &[&Cleanup],
    told: &mut Told,
) -> Result<Vec<Rule>, String> {
    let mut keep = Keep::default();
    let mut untagged_keep = Duration::ZERO;
    for policy in keeping {
        kept(policy, &mut keep, &mut untagged_keep, told)?;
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut untagged: Option<Duration> = None;
    for policy in deleting {
        let unequal = policy.odd.first().map(|odd| format!("{odd} has no equal"));
        let unequal =
            unequal.or_else(|| policy.newer_than.map(|_| "newerThan in a policy that deletes has no equal".into()));
        if let Some(why) = unequal {
            told.notes.insert(format!("policy {}: {why}; what it would delete stays", policy.name));
            continue;
        }
        if policy.is_for_untagged() {
            let limit = policy.older_than.unwrap_or_default();
            untagged = Some(untagged.map_or(limit, |other| other.min(limit)));
        }
        if policy.is_for_tags() {
            let tags =
                policy.tags.iter().map(|prefix| pattern(&beginning_with(prefix))).collect::<Result<Vec<_>, _>>()?;
            let same_age =
                |rule: &&mut Rule| rule.delete.as_ref().is_some_and(|delete| delete.older_than == policy.older_than);
            if let Some(Delete { tags: earlier, .. }) =
                rules.iter_mut().find(same_age).and_then(|rule| rule.delete.as_mut())
            {
                *earlier = earlier.take().filter(|_| !tags.is_empty()).map(|earlier| [earlier, tags].concat());
                continue;
            }
            let tags = (!tags.is_empty()).then_some(tags);
            let delete = Delete { older_than: policy.older_than, tags, ..Delete::default() };
            rules.push(rule(name, repositories.to_vec(), Some(delete), keep.clone()));
        }
    }
    let untagged = untagged.map(|limit| limit.max(untagged_keep));
    if let Some(limit) = untagged.filter(|limit| *limit < Duration::MAX) {
        if rules.is_empty() {
            rules.push(rule(name, repositories.to_vec(), None, Keep::default()));
        }
        rules[0].untagged_older_than = Some(limit);
    }
    // The first rule that is for a repository decides: one that keeps everything must not fall to a later one.
    if rules.is_empty() {
        let everything = Keep { tags: vec![pattern("**")?], ..Keep::default() };
        let delete = Delete { tags: Some(vec![pattern("*")?]), ..Delete::default() };
        rules.push(rule(name, repositories.to_vec(), Some(delete), everything));
    }
    Ok(rules)
}

/// Adds what a policy keeps, or something wider.
fn kept(policy: &Cleanup, keep: &mut Keep, untagged: &mut Duration, told: &mut Told) -> Result<(), String> {
    let Told { notes, drops_more } = told;
    let mut note = |why: &str| {
        notes.insert(format!("policy {}: {why}", policy.name));
    };
    let mut more = |why: &str| {
        drops_more.insert(format!("policy {}: {why}", policy.name));
    };
    if let Some(odd) = policy.odd.first() {
        note(&format!("{odd} has no equal; what it would keep cannot be told, so every tag and manifest stays"));
        keep.tags.push(pattern("**")?);
        *untagged = Duration::MAX;
        return Ok(());
    }
    if let Some(count) = policy.count {
        keep.last = Some(keep.last.map_or(count, |other| other.max(count)));
        // The newest versions may be untagged ones, and nothing counts these here.
        *untagged = Duration::MAX;
        note("keeps so many versions, tagged or not; here untagged manifests stay, whatever their number and age");
        more("counts versions, and `last` counts tags: where versions have several tags, fewer of them stay");
        return Ok(());
    }
    if policy.is_for_tags() {
        if policy.older_than.is_some() {
            note("olderThan in a policy that keeps has no equal; what it names stays at any age");
        }
        match (policy.newer_than, policy.tags.is_empty()) {
            (Some(limit), true) if policy.older_than.is_none() => {
                keep.younger_than = Some(keep.younger_than.map_or(limit, |other| other.max(limit)));
            }
            (_, true) => keep.tags.push(pattern("**")?),
            (newer, false) => {
                if newer.is_some() {
                    note("newerThan together with tagPrefixes has no equal; these tags stay at any age");
                }
                more(
                    "keeps a version with all its tags for one of them; here its other tags may go, and the version stays",
                );
                for prefix in &policy.tags {
                    keep.tags.push(pattern(&beginning_with(prefix))?);
                }
            }
        }
    }
    if policy.is_for_untagged() {
        let limit = policy.newer_than.filter(|_| policy.older_than.is_none()).unwrap_or(Duration::MAX);
        *untagged = limit.max(*untagged);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// The rules of the first policy: name, and all behind the repositories.
    fn rules_of(imported: &Imported, run: usize) -> Vec<String> {
        let texts = imported.policies[run].rules.iter().map(|rule| {
            let text = crate::retention::write::yaml(&Policy { rules: vec![rule.clone()] }, &[], |_| Vec::new());
            text.lines().skip(3).map(str::trim).collect::<Vec<_>>().join(" ")
        });
        texts.collect()
    }

    fn one(policies: &str) -> Imported {
        import(policies, &[]).unwrap_or_else(|faults| unreachable!("{faults}"))
    }

    const DELETE: &str =
        r#"{"name": "d", "action": {"type": "Delete"}, "condition": {"tagState": "tagged", "olderThan": "30d"}}"#;

    #[test]
    fn policies_of_all_spellings_are_read() {
        let expected = ["repositories: [\"**\"] delete: older_than: 30d"];
        let lists = [
            format!("[{DELETE}]"),
            r#"[{"id": "d", "action": "DELETE", "condition": {"tag_state": "TAGGED", "older_than": "2592000s"}}]"#
                .into(),
            format!(r#"{{"cleanupPolicies": {{"d": {DELETE}}}}}"#),
            format!(r#"{{"cleanup_policies": [{DELETE}]}}"#),
        ];
        for text in lists {
            let imported = one(&text);
            assert!(imported.is_exact(), "{text}: {:?}", imported.notes);
            assert_eq!(rules_of(&imported, 0), expected, "{text}");
        }
    }

    #[test]
    fn any_is_tags_and_untagged_manifests() {
        let imported = one(r#"[{"name": "d", "action": {"type": "Delete"}, "condition": {"olderThan": "30d"}}]"#);
        assert_eq!(
            rules_of(&imported, 0),
            ["repositories: [\"**\"] delete: older_than: 30d untagged: {older_than: 30d}"]
        );
        let untagged = one(r#"[{"name": "d", "action": {"type": "Delete"}, "condition": {"tagState": "untagged"}}]"#);
        assert_eq!(rules_of(&untagged, 0), ["repositories: [\"**\"] untagged: {older_than: 0s}"]);
        let all = one(r#"[{"name": "d", "action": {"type": "Delete"}, "condition": {"tagState": "tagged"}}]"#);
        assert_eq!(rules_of(&all, 0), ["repositories: [\"**\"] delete: tags: [\"*\"]"]);
    }

    fn with(keep: &str) -> (Vec<String>, Vec<String>) {
        let imported = one(&format!(
            r#"[{DELETE}, {{"name": "u", "action": {{"type": "Delete"}}, "condition": {{"tagState": "untagged", "olderThan": "7d"}}}},
                {{"name": "k", "action": {{"type": "Keep"}}, {keep}}}]"#
        ));
        (rules_of(&imported, 0), imported.told())
    }

    #[test]
    fn what_keeps_is_kept_or_something_wider() {
        let rest = "repositories: [\"**\"] delete: older_than: 30d";
        for (keep, expected, untagged, word) in [
            (r#""condition": {"tagState": "tagged", "newerThan": "90d"}"#, "younger_than: 90d", "7d", ""),
            (r#""condition": {"newerThan": "90d"}"#, "younger_than: 90d", "90d", ""),
            (
                r#""condition": {"tagState": "tagged", "tagPrefixes": ["v", "r."]}"#,
                "tags: [\"v*\", \"r.*\"]",
                "7d",
                "DROPS MORE: policy k: keeps a version with all its tags",
            ),
            (r#""condition": {"tagPrefixes": ["v"], "newerThan": "9d"}"#, "tags: [\"v*\"]", "7d", "at any age"),
            (r#""condition": {"tagState": "tagged", "olderThan": "9d"}"#, "tags: [\"**\"]", "7d", "at any age"),
            (
                r#""condition": {"tagState": "tagged", "olderThan": "9d", "newerThan": "99d"}"#,
                "tags: [\"**\"]",
                "7d",
                "at any age",
            ),
            (r#""mostRecentVersions": {"keepCount": 4}"#, "last: 4", "", "DROPS MORE: policy k: counts versions"),
            (r#""mostRecentVersions": {}"#, "last: 1", "", "untagged manifests stay"),
        ] {
            let (rules, notes) = with(keep);
            let untagged =
                if untagged.is_empty() { String::new() } else { format!(" untagged: {{older_than: {untagged}}}") };
            assert_eq!(rules, [format!("{rest} keep: {expected}{untagged}")], "{keep}");
            assert!(notes.iter().all(|note| note.contains("policy k: ")), "{keep}: {notes:?}");
            assert!(
                if word.is_empty() { notes.is_empty() } else { notes.iter().any(|note| note.contains(word)) },
                "{keep}: {notes:?}"
            );
        }
    }

    #[test]
    fn untagged_manifests_that_are_kept_stay() {
        let (rules, _) = with(r#""condition": {"tagState": "untagged"}"#);
        assert!(!rules[0].contains("untagged:"), "{rules:?}");
        let (rules, _) = with(r#""condition": {"tagState": "untagged", "newerThan": "3d"}"#);
        assert!(rules[0].ends_with("untagged: {older_than: 7d}"), "{rules:?}");
        let (rules, notes) = with(r#""condition": {"versionNamePrefixes": ["sha256:ab"]}"#);
        assert!(rules[0].ends_with("tags: [\"**\"]"), "{rules:?}");
        assert!(notes[0].contains("versionNamePrefixes has no equal"), "{notes:?}");
    }

    #[test]
    fn deletes_of_one_age_are_one_rule_and_others_run_by_themselves() {
        let delete = |tags: &str, age: &str| {
            format!(r#"{{"name": "{tags}{age}", "action": {{"type": "Delete"}}, "condition": {{"tagState": "tagged"{tags}, "olderThan": "{age}"}}}}"#)
                .replacen(&format!("\"name\": \"{tags}{age}\""), "\"name\": \"x\"", 1)
        };
        let (a, b) = (r#", "tagPrefixes": ["a"]"#, r#", "tagPrefixes": ["b"]"#);
        let same = one(&format!("[{}, {}]", delete(a, "9d"), delete(b, "9d")));
        assert_eq!(rules_of(&same, 0), ["repositories: [\"**\"] delete: older_than: 9d tags: [\"a*\", \"b*\"]"]);
        for every in [
            format!("[{}, {}]", delete(a, "9d"), delete("", "9d")),
            format!("[{}, {}]", delete("", "9d"), delete(a, "9d")),
        ] {
            assert_eq!(rules_of(&one(&every), 0), ["repositories: [\"**\"] delete: older_than: 9d"], "{every}");
        }
        let two = one(&format!("[{}, {}]", delete(a, "9d"), delete(b, "8d")));
        assert_eq!(
            (two.policies.len(), rules_of(&two, 1)),
            (2, vec!["repositories: [\"**\"] delete: older_than: 8d tags: [\"b*\"]".into()])
        );
        let newer = one(r#"[{"name": "n", "action": {"type": "Delete"}, "condition": {"newerThan": "9d"}}]"#);
        assert!(newer.notes[0].contains("newerThan in a policy that deletes"), "{:?}", newer.notes);
        assert!(rules_of(&newer, 0)[0].contains("keep: tags: [\"**\"]"));
    }

    #[test]
    fn packages_are_repositories_that_begin_so_longest_first() {
        let imported = one(
            r#"[{"name": "a", "action": {"type": "Delete"}, "condition": {"tagState": "tagged", "olderThan": "9d", "packageNamePrefixes": ["web", "web.x/"]}},
                {"name": "k", "action": {"type": "Keep"}, "mostRecentVersions": {"packageNamePrefixes": ["web.x/"], "keepCount": 3}}]"#,
        );
        let rules = rules_of(&imported, 0);
        assert_eq!(rules[0], "repositories: [\"re:^web\\\\.x/\"] delete: older_than: 9d keep: last: 3");
        assert_eq!(rules[1], "repositories: [\"re:^web\"] delete: older_than: 9d");
        assert_eq!(rules[2], "repositories: [\"**\"] delete: tags: [\"*\"] keep: tags: [\"**\"]");
    }

    #[test]
    fn what_is_no_cleanup_policy_is_told() {
        for (text, why) in [
            ("{}", "no list of policies"),
            ("[]", "no policy is in it"),
            (r#"[{"name": "a"}]"#, "expected the action Delete or Keep"),
            (
                r#"[{"name": "a", "action": {"type": "Delete"}, "condition": {"tagState": "some"}}]"#,
                "expected tagged, untagged or any",
            ),
            (r#"[{"name": "a", "action": {"type": "Delete"}, "condition": {"olderThan": "30"}}]"#, "has no unit"),
            (r#"[{"name": "a", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 0}}]"#, "from 1 on"),
        ] {
            let faults = import(text, &[]).unwrap_err().to_string();
            assert!(faults.contains(why), "{text}: {faults}");
        }
    }
}
