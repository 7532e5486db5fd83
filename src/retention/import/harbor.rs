//! A retention policy of Harbor, as its API has it. Its rules say what stays; what no rule retains, in repositories that one
//! is for, goes.

use super::foreign::{Foreign, days, read};
use super::glob::{as_regex, one_stream};
use super::imported::{Imported, pattern, rule};
use crate::collect::pattern::Pattern;
use crate::error::quoted;
use crate::retention::fault::Faults;
use crate::retention::policy::{Delete, Keep, LastPer, Policy};

/// Makes a policy of a retention policy.
///
/// # Errors
/// If it is none.
pub fn import(text: &str, named: &[Pattern]) -> Result<Imported, Faults> {
    read(text, |root, faults| {
        let rules = root.get("rules").ok_or("no `rules` are in it")?.items(faults);
        let mut imported = Imported { head: vec!["From a retention policy of Harbor.".into()], ..Imported::default() };
        if root.get("algorithm").is_some_and(|algorithm| algorithm.text(faults) != "or") {
            return Err("its algorithm is not `or`".into());
        }
        let mut harbor: Vec<Harbor> = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let read = Harbor::read(at + 1, rule, faults);
            if read.disabled {
                imported.notes.push(format!("rule {} is disabled, and was left out", at + 1));
            } else {
                harbor.push(read);
            }
        }
        if rules.is_empty() {
            return Err("no rule is in it".into());
        }
        assemble(&harbor, named, &mut imported)?;
        Ok(imported)
    })
}

/// A pattern, and whether it stands for the names that it does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    excludes: bool,
    glob: String,
}

/// One rule as it stands there.
#[derive(Debug)]
struct Harbor {
    at: usize,
    disabled: bool,
    template: String,
    number: Option<usize>,
    repositories: Selector,
    tags: Selector,
    odd: Vec<String>,
}

impl Harbor {
    fn read(at: usize, rule: &Foreign<'_>, faults: &mut Faults) -> Self {
        let mut odd = Vec::new();
        let params: Vec<(String, Foreign<'_>)> = rule.get("params").map(|params| params.entries()).unwrap_or_default();
        // Older interfaces leave the template out: the parameter is called like it.
        let template = rule.get("template").map(|template| template.text(faults));
        let template = template.or_else(|| params.first().map(|(name, _)| name.clone())).unwrap_or_default();
        let number = params.iter().find(|(name, _)| *name == template).map(|(_, number)| number.count(faults));
        let scope = rule.get("scope_selectors").and_then(|scope| scope.get("repository"));
        let mut selector = |list: Option<Foreign<'_>>, faults: &mut Faults| {
            let list = list.map(|list| list.items(faults)).unwrap_or_default();
            if list.len() > 1
                || list.iter().any(|one| one.get("kind").is_some_and(|kind| kind.text(faults) != "doublestar"))
            {
                odd.push("a selector other than one doublestar pattern".to_owned());
            }
            let text = |key: &str, faults: &mut Faults| {
                list.first().and_then(|one| one.get(key)).map(|text| text.text(faults))
            };
            let decoration = text("decoration", faults).unwrap_or_default().to_ascii_lowercase();
            let glob = text("pattern", faults).unwrap_or_else(|| "**".into());
            // The page writes `a,b`, and the interface `{a,b}`.
            let glob = if glob.contains(',') && !glob.contains('{') { format!("{{{glob}}}") } else { glob };
            Selector { excludes: decoration.ends_with("excludes"), glob }
        };
        let repositories = selector(scope, faults);
        let tags = selector(rule.get("tag_selectors"), faults);
        let action = rule.get("action").map(|action| action.text(faults));
        if let Some(action) = action.filter(|action| action != "retain") {
            odd.push(format!("action {action}"));
        }
        let disabled = rule.get("disabled").is_some_and(|disabled| disabled.flag(faults));
        Self { at, disabled, template, number, repositories, tags, odd }
    }
}

fn assemble(rules: &[Harbor], named: &[Pattern], imported: &mut Imported) -> Result<(), String> {
    let mut scopes: Vec<&Selector> = Vec::new();
    for rule in rules {
        if !scopes.contains(&&rule.repositories) {
            scopes.push(&rule.repositories);
        }
    }
    // Special names before wide ones; what is excluded needs a guard before everything else.
    scopes.sort_by_key(|scope| (!scope.excludes, scope.glob.contains("**"), scope.glob.contains(['*', '?', '{'])));
    let mut made = Vec::new();
    let mut keep = Keep::default();
    for rule in rules {
        retained(rule, &mut keep, &mut imported.notes)?;
    }
    if keep.last.is_some() || keep.last_per.is_some() {
        let why = "Harbor counts artifacts, and these rules count tags: where artifacts have several tags, fewer of them stay";
        imported.drops_more.push(why.to_owned());
    }
    if keep.last_per.is_some() || !keep.tags.is_empty() {
        let why = "Harbor retains an artifact with all its tags for one of them; here its other tags may go, and the artifact stays";
        imported.drops_more.push(why.to_owned());
    }
    if scopes.len() > 1 {
        let why = "each of its rules is for other repositories; here all that any of them retains stays in each";
        imported.notes.push(why.to_owned());
    }
    let everything = || Ok::<_, String>(Delete { tags: Some(vec![pattern("*")?]), ..Delete::default() });
    for scope in scopes {
        let patterns = scoped(scope, named)?;
        let name = format!("harbor, {}{}", if scope.excludes { "not " } else { "" }, scope.glob);
        if scope.excludes {
            let all = Keep { tags: vec![pattern("**")?], ..Keep::default() };
            made.push(rule(&format!("{name} (these stay)"), patterns, Some(everything()?), all));
            let every = Selector { excludes: false, glob: "**".into() };
            made.push(rule(&name, scoped(&every, named)?, Some(everything()?), keep.clone()));
        } else {
            made.push(rule(&name, patterns, Some(everything()?), keep.clone()));
        }
    }
    if named.is_empty() {
        imported
            .head
            .push("The policy names no project: here it is for each. --repository 'PROJECT/**' names one.".into());
    }
    imported.notes.push(
        "Harbor also deletes untagged artifacts; here they stay (`untagged: {older_than: 7d}` lets them go)".into(),
    );
    imported.policies = vec![Policy { rules: made }];
    Ok(())
}

/// A project's repositories; the project is the first part of their names.
fn scoped(scope: &Selector, named: &[Pattern]) -> Result<Vec<Pattern>, String> {
    let every = scope.glob == "**";
    if named.is_empty() {
        return Ok(vec![pattern(&if every { "*/**".into() } else { format!("*/{}", scope.glob) })?]);
    }
    let project = |named: &Pattern| {
        let named = named.to_string();
        let project = named.trim_end_matches('*').trim_end_matches('/');
        if every { pattern(&named) } else { pattern(&format!("{project}/{}", scope.glob)) }
    };
    named.iter().map(project).collect()
}

/// Adds what a rule retains, or something wider.
fn retained(harbor: &Harbor, keep: &mut Keep, notes: &mut Vec<String>) -> Result<(), String> {
    let at = harbor.at;
    let mut note = |why: String| notes.push(format!("rule {at}: {why}"));
    let every = !harbor.tags.excludes && ["**", "*"].contains(&harbor.tags.glob.as_str());
    let wide = || if harbor.tags.excludes { pattern("**") } else { pattern(&harbor.tags.glob) };
    if let Some(odd) = harbor.odd.first() {
        note(format!("{odd} has no equal; every tag stays"));
        keep.tags.push(pattern("**")?);
        return Ok(());
    }
    match (harbor.template.as_str(), harbor.number) {
        ("nothing", _) => {}
        ("always", _) => {
            if harbor.tags.excludes {
                note(format!("all tags but {} has no equal; every tag stays", harbor.tags.glob));
            }
            keep.tags.push(wide()?);
        }
        ("nDaysSinceLastPush", Some(count)) => {
            if !every {
                note("an age together with names has no equal; every tag as young stays".into());
            }
            let limit = days(count);
            keep.younger_than = Some(keep.younger_than.map_or(limit, |other| other.max(limit)));
        }
        ("latestPushedK", Some(count)) if every => {
            keep.last = Some(keep.last.map_or(count, |other| other.max(count)));
        }
        ("latestPushedK", Some(count)) if !harbor.tags.excludes && keep.last_per.is_none() => {
            keep.last_per = Some(LastPer { pattern: one_stream(&[as_regex(&harbor.tags.glob)])?, count });
        }
        ("latestPushedK", Some(_)) => {
            note("a second count for tags of some name, or one for all but some, has no equal; these tags stay".into());
            keep.tags.push(wide()?);
        }
        ("latestPulledN" | "nDaysSinceLastPull" | "latestActiveK" | "lastXDays", _) => {
            let which = if harbor.tags.excludes { "every tag stays" } else { "its tags stay" };
            note(format!(
                "{} goes by pulls, which the storage does not record; {which} (keep.images_from keeps what is in use)",
                harbor.template
            ));
            keep.tags.push(wide()?);
        }
        (template, _) => {
            note(format!("template {} is not known, or has no number; its tags stay", quoted(template)));
            keep.tags.push(wide()?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::retention::write::yaml;

    fn harbor(template: &str, number: &str, tags: (&str, &str), repositories: (&str, &str)) -> String {
        format!(
            r#"{{"action": "retain", "template": "{template}", "params": {{{number}}},
                "tag_selectors": [{{"kind": "doublestar", "decoration": "{}", "pattern": "{}"}}],
                "scope_selectors": {{"repository": [{{"kind": "doublestar", "decoration": "{}", "pattern": "{}"}}]}}}}"#,
            tags.0, tags.1, repositories.0, repositories.1
        )
    }

    fn of(rules: &[String], named: &[&str]) -> (Vec<String>, Vec<String>) {
        let text = format!(r#"{{"algorithm": "or", "rules": [{}]}}"#, rules.join(", "));
        let named: Vec<Pattern> = named.iter().map(|text| text.parse().unwrap()).collect();
        let imported = import(&text, &named).unwrap_or_else(|faults| unreachable!("{faults}"));
        let rules = imported.policies[0].rules.iter().map(|rule| {
            let text = yaml(&Policy { rules: vec![rule.clone()] }, &[], |_| Vec::new());
            text.lines().skip(3).map(str::trim).collect::<Vec<_>>().join(" ")
        });
        (rules.collect(), imported.notes[..imported.notes.len() - 1].to_vec())
    }

    const EVERY: (&str, &str) = ("repoMatches", "**");

    #[test]
    fn what_is_retained_is_kept_or_something_wider() {
        let ten = r#""latestPushedK": 10"#;
        let thirty = r#""nDaysSinceLastPush": 30"#;
        for (template, number, tags, keep, word) in [
            ("latestPushedK", ten, ("matches", "**"), " keep: last: 10", ""),
            (
                "latestPushedK",
                ten,
                ("matches", "v*"),
                " keep: last_per: {pattern: \"(?<stream>)(?:^v.*$)\", count: 10}",
                "",
            ),
            ("latestPushedK", ten, ("excludes", "v*"), " keep: tags: [\"**\"]", "all but some"),
            ("nDaysSinceLastPush", thirty, ("matches", "**"), " keep: younger_than: 30d", ""),
            ("nDaysSinceLastPush", thirty, ("matches", "v*"), " keep: younger_than: 30d", "every tag as young"),
            ("always", "", ("matches", "v*,w"), " keep: tags: [\"{v*,w}\"]", ""),
            ("always", "", ("excludes", "v*"), " keep: tags: [\"**\"]", "every tag stays"),
            ("nothing", "", ("matches", "**"), "", ""),
            ("latestPulledN", r#""latestPulledN": 3"#, ("matches", "v*"), " keep: tags: [\"v*\"]", "goes by pulls"),
            ("nDaysSinceLastPull", thirty, ("excludes", "v*"), " keep: tags: [\"**\"]", "every tag stays"),
            ("lastXDays", r#""lastXDays": 3"#, ("matches", "v*"), " keep: tags: [\"v*\"]", "goes by pulls"),
            ("latestPushedK", "", ("matches", "v*"), " keep: tags: [\"v*\"]", "has no number"),
            ("newest", "", ("matches", "v*"), " keep: tags: [\"v*\"]", "is not known"),
        ] {
            let (rules, notes) = of(&[harbor(template, number, tags, EVERY)], &[]);
            assert_eq!(rules, [format!("repositories: [\"*/**\"] delete: tags: [\"*\"]{keep}")], "{template} {tags:?}");
            assert!(
                if word.is_empty() { notes.is_empty() } else { notes[0].contains(word) },
                "{template} {tags:?}: {notes:?}"
            );
        }
    }

    #[test]
    fn what_is_dropped_beyond_harbor_is_told() {
        let more = |template: &str, number: &str, tags: &str| {
            let text = format!(r#"{{"rules": [{}]}}"#, harbor(template, number, ("matches", tags), EVERY));
            import(&text, &[]).unwrap_or_else(|faults| unreachable!("{faults}")).drops_more
        };
        let (k, days) = ("\"latestPushedK\": 3", "\"nDaysSinceLastPush\": 3");
        let told = more("latestPushedK", k, "**");
        assert!(told.len() == 1 && told[0].contains("counts artifacts"), "{told:?}");
        assert_eq!(more("latestPushedK", k, "v*").len(), 2);
        let told = more("always", "", "v*");
        assert!(told.len() == 1 && told[0].contains("for one of them"), "{told:?}");
        assert_eq!(
            more("nDaysSinceLastPush", days, "**"),
            Vec::<String>::new(),
            "a tag is never older than its artifact"
        );
    }

    #[test]
    fn counts_and_ages_of_several_rules_are_the_widest() {
        let count =
            |number: u32| harbor("latestPushedK", &format!("\"latestPushedK\": {number}"), ("matches", "**"), EVERY);
        let age = |number: u32| {
            harbor("nDaysSinceLastPush", &format!("\"nDaysSinceLastPush\": {number}"), ("matches", "**"), EVERY)
        };
        for rules in [[count(3), count(5), age(7), age(9)], [count(5), count(3), age(9), age(7)]] {
            assert!(of(&rules, &[]).0[0].ends_with("keep: last: 5 younger_than: 9d"));
        }
        let some = |tags: &str| harbor("latestPushedK", "\"latestPushedK\": 3", ("matches", tags), EVERY);
        let (rules, notes) = of(&[some("v*"), some("w*")], &[]);
        assert!(
            rules[0].contains("keep: tags: [\"w*\"] last_per: ") && notes[0].contains("a second count"),
            "{rules:?}"
        );
    }

    #[test]
    fn repositories_of_several_rules_keep_all_that_any_retains() {
        let rule = |repositories| harbor("latestPushedK", "\"latestPushedK\": 3", ("matches", "**"), repositories);
        let (rules, notes) =
            of(&[rule(EVERY), rule(("repoMatches", "web")), rule(("repoMatches", "a*"))], &["shop/**"]);
        let rest = "delete: tags: [\"*\"] keep: last: 3";
        let expected = ["shop/web", "\"shop/a*\"", "\"shop/**\""];
        assert_eq!(rules, expected.map(|name| format!("repositories: [{name}] {rest}")));
        assert!(notes[0].contains("any of them retains"));
        let (rules, _) = of(&[rule(("repoExcludes", "web"))], &[]);
        assert_eq!(
            rules,
            [
                "repositories: [\"*/web\"] delete: tags: [\"*\"] keep: tags: [\"**\"]".to_owned(),
                format!("repositories: [\"*/**\"] {rest}"),
            ]
        );
    }

    #[test]
    fn what_is_odd_keeps_everything() {
        let rule = harbor("always", "", ("matches", "v*"), EVERY);
        for odd in [rule.replace("retain", "delete"), rule.replace("doublestar", "label")] {
            let (rules, notes) = of(&[odd], &[]);
            assert!(
                rules[0].ends_with("keep: tags: [\"**\"]") && notes[0].contains("every tag stays"),
                "{rules:?} {notes:?}"
            );
        }
        let without =
            r#"{"action": "retain", "params": {"latestPushedK": 4}, "tag_selectors": [], "scope_selectors": {}}"#;
        assert!(of(&[without.to_owned()], &[]).0[0].ends_with("keep: last: 4"));
    }

    #[test]
    fn what_is_no_retention_policy_is_told() {
        for (text, why) in [
            ("{}", "no `rules`"),
            (r#"{"algorithm": "and", "rules": []}"#, "not `or`"),
            (r#"{"rules": 1}"#, "expected a list"),
            (r#"{"rules": []}"#, "no rule is in it"),
        ] {
            let faults = import(text, &[]).unwrap_err().to_string();
            assert!(faults.contains(why), "{text}: {faults}");
        }
    }
}
