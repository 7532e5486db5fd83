//! A lifecycle policy of Amazon ECR.
//!
//! An image that fits the tags of a rule cannot be expired by a rule of lower priority; so each rule here keeps what
//! those before it select.

use super::foreign::{Foreign, days, read};
use super::glob::{beginning_with, with_stars};
use super::imported::{Imported, pattern, repositories, rule};
use crate::collect::pattern::Pattern;
use crate::error::quoted;
use crate::retention::fault::Faults;
use crate::retention::policy::{Delete, Keep, Policy, Rule};
use std::time::Duration;

/// Makes policies of a lifecycle policy.
///
/// # Errors
/// If it is none.
pub fn import(text: &str, named: &[Pattern]) -> Result<Imported, Faults> {
    // `get-lifecycle-policy` prints the policy as text within JSON.
    let within = read(text, |root, faults| Ok(root.get("lifecyclePolicyText").map(|within| within.text(faults))))?;
    read(within.as_deref().unwrap_or(text), |root, faults| {
        let rules = root.get("rules").ok_or("no `rules` are in it")?.items(faults);
        let mut rules: Vec<Ecr> = rules.iter().map(|rule| Ecr::read(rule, faults)).collect();
        rules.sort_by_key(|rule| rule.priority);
        if rules.is_empty() {
            return Err("no rule is in it".into());
        }
        assemble(&rules, named)
    })
}

/// One rule as it stands there.
#[derive(Debug)]
struct Ecr {
    priority: usize,
    title: String,
    status: String,
    /// Globs for tags; all of them must fit an image.
    tags: Vec<String>,
    count: String,
    number: usize,
    action: String,
    odd: Vec<String>,
}

impl Ecr {
    fn read(rule: &Foreign<'_>, faults: &mut Faults) -> Self {
        let text =
            |found: Option<Foreign<'_>>, faults: &mut Faults| found.map(|found| found.text(faults)).unwrap_or_default();
        let selection = rule.get("selection");
        if selection.is_none() {
            rule.wrong(faults, "`selection` is missing");
        }
        let get = |key: &str| selection.as_ref().and_then(|selection| selection.get(key));
        let texts = |key: &str, faults: &mut Faults| get(key).map(|list| list.texts(faults)).unwrap_or_default();
        let prefixes = texts("tagPrefixList", faults);
        let patterns = texts("tagPatternList", faults);
        let tags =
            prefixes.iter().map(|prefix| beginning_with(prefix)).chain(patterns.iter().map(|text| with_stars(text)));
        let priority = rule.get("rulePriority").map_or(usize::MAX, |number| number.count(faults));
        let description = text(rule.get("description"), faults);
        let known = ["tagStatus", "tagPrefixList", "tagPatternList", "countType", "countUnit", "countNumber"];
        let mut odd = selection.as_ref().map(|selection| selection.others(&known)).unwrap_or_default();
        odd.extend(
            get("countUnit")
                .map(|unit| unit.text(faults))
                .filter(|unit| unit != "days")
                .map(|unit| format!("countUnit {unit}")),
        );
        Self {
            priority,
            title: format!(
                "rule {priority}{}",
                if description.is_empty() { String::new() } else { format!(" ({description})") }
            ),
            status: text(get("tagStatus"), faults),
            tags: tags.collect(),
            count: text(get("countType"), faults),
            number: get("countNumber").map_or(1, |number| number.count(faults)),
            action: rule.get("action").map(|action| text(action.get("type"), faults)).unwrap_or_default(),
            odd,
        }
    }

    /// Why it has no equal.
    fn unequal(&self) -> Option<String> {
        if self.action != "expire" {
            return Some(format!("its action {} is not a deletion", quoted(&self.action)));
        }
        if let Some(odd) = self.odd.first() {
            return Some(format!("{odd} is not known"));
        }
        match (self.status.as_str(), self.count.as_str()) {
            (_, "sinceImagePulled") => Some("the registry's storage records no pulls".into()),
            ("tagged", _) if self.tags.len() > 1 => {
                Some("it wants an image with tags for all of its patterns; a rule here goes by one tag".into())
            }
            ("tagged", _) if self.tags.is_empty() => Some("it names no tags".into()),
            ("untagged", "imageCountMoreThan") => Some("untagged manifests go by age, not by number".into()),
            ("tagged" | "untagged" | "any", "sinceImagePushed" | "imageCountMoreThan") => None,
            (status, count) => {
                Some(format!("tagStatus {} with countType {} is not known", quoted(status), quoted(count)))
            }
        }
    }
}

fn assemble(rules: &[Ecr], named: &[Pattern]) -> Result<Imported, String> {
    let mut imported = Imported { head: vec!["From a lifecycle policy of Amazon ECR.".into()], ..Imported::default() };
    let mut pieces: Vec<Rule> = Vec::new();
    // An image that fits one rule is no business of later ones: of those for untagged images the first decides.
    let mut untagged: Option<Option<Duration>> = None;
    // The tags of the rules before: an image that fits them is no business of later ones.
    let mut before: Vec<Pattern> = Vec::new();
    for ecr in rules {
        if let Some(why) = ecr.unequal() {
            imported.notes.push(format!("{} has no equal: {why}; what it would delete stays", ecr.title));
        } else {
            let age = (ecr.count == "sinceImagePushed").then(|| days(ecr.number));
            if ecr.status != "untagged" {
                let tags = ecr.tags.iter().map(|tag| pattern(tag)).collect::<Result<Vec<_>, _>>()?;
                let last = age.is_none().then_some(ecr.number);
                if !before.is_empty() {
                    let why = "leaves alone an image that an earlier rule selects by one of its tags; here only that tag \
                               stays, and its others may go";
                    imported.drops_more.push(format!("{} {why}", ecr.title));
                }
                if last.is_some() {
                    let why =
                        "counts images, and `last` counts tags: where images have several tags, fewer images stay";
                    imported.drops_more.push(format!("{} {why}", ecr.title));
                }
                add(&mut pieces, ecr, (age, last), tags, &before, named)?;
            }
            if ecr.status == "any" && age.is_none() {
                let why = "counts untagged images as well; here these go by age only, and stay";
                imported.notes.push(format!("{} {why}", ecr.title));
            }
        }
        if ecr.status != "tagged" {
            let age = ecr.unequal().is_none() && ecr.count == "sinceImagePushed";
            untagged = untagged.or(Some(age.then(|| days(ecr.number))));
        }
        for tag in &ecr.tags {
            before.push(pattern(tag)?);
        }
    }
    if let Some(limit) = untagged.flatten() {
        if pieces.is_empty() {
            pieces.push(rule("untagged", repositories(named)?, None, Keep::default()));
        }
        pieces[0].untagged_older_than = Some(limit);
    }
    if pieces.len() > 1 {
        let why = "these rules drop for different reasons: each is a policy for a run of its own";
        imported.notes.push(format!(
            "{} policies, the first of which stands here and the others as comments: {why}",
            pieces.len()
        ));
    }
    if named.is_empty() {
        imported.head.push("ECR attaches it to one repository; here it is for each (--repository names some).".into());
    }
    imported.policies = pieces.into_iter().map(|piece| Policy { rules: vec![piece] }).collect();
    Ok(imported)
}

/// Adds a rule, or adds its tags to the one before if both go by the same age.
fn add(
    pieces: &mut Vec<Rule>,
    ecr: &Ecr,
    (age, last): (Option<Duration>, Option<usize>),
    tags: Vec<Pattern>,
    before: &[Pattern],
    named: &[Pattern],
) -> Result<(), String> {
    let tags = if tags.is_empty() { None } else { Some(tags) };
    if let Some(Rule { delete: Some(Delete { older_than, tags: Some(earlier), .. }), keep, .. }) = pieces.last_mut()
        && let Some(tags) = tags.as_ref().filter(|_| age.is_some() && *older_than == age)
        // Nothing stands between the two that this one would have to keep.
        && before.len() == keep.tags.len() + earlier.len()
    {
        earlier.extend(tags.iter().cloned());
        return Ok(());
    }
    let every = || Ok::<_, String>(vec![pattern("*")?]);
    let tags = if age.is_none() && tags.is_none() { Some(every()?) } else { tags };
    let delete = Delete { older_than: age, tags, ..Delete::default() };
    let keep = Keep { last, tags: before.to_vec(), ..Keep::default() };
    pieces.push(rule(&format!("ecr-{}", ecr.priority), repositories(named)?, Some(delete), keep));
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn policy(rules: &[&str]) -> Imported {
        let rules: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(at, selection)| {
                format!(
                    r#"{{"rulePriority": {}, "selection": {{{selection}}}, "action": {{"type": "expire"}}}}"#,
                    at + 1
                )
            })
            .collect();
        import(&format!(r#"{{"rules": [{}]}}"#, rules.join(", ")), &["app".parse().unwrap()]).unwrap()
    }

    const UNTAGGED: &str =
        r#""tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14"#;
    const PROD: &str =
        r#""tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 3"#;
    const DEV: &str = r#""tagStatus": "tagged", "tagPatternList": ["*dev*"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7"#;
    const TEST: &str = r#""tagStatus": "tagged", "tagPrefixList": ["test"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7"#;
    const ANY: &str = r#""tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 90"#;

    fn rule_text(imported: &Imported, at: usize) -> String {
        let text = crate::retention::write::yaml(&imported.policies[at], &[], |_| Vec::new());
        text.lines().skip(4).map(str::trim).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn simple_rules_are_equal() {
        let imported = policy(&[UNTAGGED]);
        assert!(imported.is_exact());
        assert_eq!(rule_text(&imported, 0), "untagged: {older_than: 14d}");
        let imported = policy(&[UNTAGGED, DEV]);
        assert!(imported.is_exact() && imported.policies.len() == 1);
        assert_eq!(rule_text(&imported, 0), "delete: older_than: 7d tags: [\"*dev*\"] untagged: {older_than: 14d}");
        assert_eq!(rule_text(&policy(&[ANY]), 0), "delete: older_than: 90d untagged: {older_than: 90d}");
    }

    #[test]
    fn first_rule_for_untagged_images_decides() {
        assert!(rule_text(&policy(&[UNTAGGED, ANY]), 0).ends_with("untagged: {older_than: 14d}"));
        let counted = r#""tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1"#;
        assert_eq!(rule_text(&policy(&[counted, ANY]), 0), "delete: older_than: 90d");
    }

    #[test]
    fn count_is_of_tags_and_says_so() {
        let imported = policy(&[PROD]);
        assert_eq!(rule_text(&imported, 0), "delete: tags: [\"prod*\"] keep: last: 3");
        assert!(imported.drops_more[0].contains("rule 1 counts images"), "{:?}", imported.drops_more);
        assert!(!imported.is_exact() && imported.notes.is_empty());
        let any = policy(&[r#""tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5"#]);
        assert_eq!(rule_text(&any, 0), "delete: tags: [\"*\"] keep: last: 5");
        assert!(any.notes[0].contains("untagged images as well"), "{:?}", any.notes);
    }

    #[test]
    fn later_rules_leave_alone_what_earlier_ones_select() {
        let imported = policy(&[PROD, DEV, ANY]);
        assert_eq!(imported.policies.len(), 3);
        let other_tags = imported.drops_more.iter().filter(|more| more.contains("by one of its tags"));
        assert_eq!(other_tags.count(), 2, "{:?}", imported.drops_more);
        assert_eq!(rule_text(&imported, 1), "delete: older_than: 7d tags: [\"*dev*\"] keep: tags: [\"prod*\"]");
        assert_eq!(rule_text(&imported, 2), "delete: older_than: 90d keep: tags: [\"prod*\", \"*dev*\"]");
        assert_eq!(rule_text(&imported, 0), "delete: tags: [\"prod*\"] keep: last: 3 untagged: {older_than: 90d}");
        let text = imported.yaml();
        assert!(
            text.contains("# Policy 2 of 3, for a run of its own:") && text.contains("#   - name: ecr-3"),
            "{text}"
        );
    }

    #[test]
    fn rules_of_one_age_are_one_rule() {
        let imported = policy(&[DEV, TEST]);
        assert_eq!(imported.policies.len(), 1);
        assert_eq!(rule_text(&imported, 0), "delete: older_than: 7d tags: [\"*dev*\", \"test*\"]");
        // What stands between them is kept by the second, so they stay two.
        assert_eq!(policy(&[DEV, PROD, TEST]).policies.len(), 3);
        let pulled =
            r#""tagStatus": "tagged", "tagPrefixList": ["a"], "countType": "sinceImagePulled", "countNumber": 3"#;
        let between = policy(&[DEV, pulled, TEST]);
        assert_eq!(rule_text(&between, 1), "delete: older_than: 7d tags: [\"test*\"] keep: tags: [\"*dev*\", \"a*\"]");
    }

    #[test]
    fn priorities_decide_not_places() {
        let text = format!(
            r#"{{"rules": [{{"rulePriority": 20, "selection": {{{DEV}}}, "action": {{"type": "expire"}}}},
                {{"rulePriority": 5, "description": "prod", "selection": {{{PROD}}}, "action": {{"type": "expire"}}}}]}}"#
        );
        let imported = import(&text, &[]).unwrap();
        assert_eq!(imported.policies[0].rules[0].name, "ecr-5");
        assert!(imported.yaml().contains("repositories: [\"**\"]") && imported.head[1].contains("--repository"));
    }

    #[test]
    fn what_has_no_equal_is_named_and_drops_nothing() {
        for (selection, why) in [
            (
                r#""tagStatus": "tagged", "tagPrefixList": ["a", "b"], "countType": "imageCountMoreThan", "countNumber": 1"#,
                "all of its patterns",
            ),
            (r#""tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 1"#, "names no tags"),
            (r#""tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1"#, "not by number"),
            (r#""tagStatus": "any", "countType": "sinceImagePulled", "countNumber": 1"#, "no pulls"),
            (r#""tagStatus": "some", "countType": "sinceImagePushed", "countNumber": 1"#, "is not known"),
            (
                r#""tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "hours", "countNumber": 1"#,
                "countUnit hours",
            ),
            (
                r#""tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1, "storageClass": "archive""#,
                "storageClass is not known",
            ),
        ] {
            let imported = policy(&[selection]);
            assert!(
                imported.policies.is_empty() && imported.notes[0].contains(why),
                "{selection}: {:?}",
                imported.notes
            );
        }
        let transition = r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "sinceImagePushed",
            "countNumber": 1}, "action": {"type": "transition"}}]}"#;
        assert!(import(transition, &[]).unwrap().notes[0].contains("not a deletion"));
    }

    /// As `aws ecr get-lifecycle-policy` prints it.
    #[test]
    fn policy_within_the_answer_of_the_tool_is_read() {
        let text =
            format!(r#"{{"rules": [{{"rulePriority": 1, "selection": {{{DEV}}}, "action": {{"type": "expire"}}}}]}}"#);
        let answer = serde_json::json!({ "registryId": "1", "repositoryName": "app", "lifecyclePolicyText": text });
        let imported = import(&answer.to_string(), &[]).unwrap();
        assert_eq!(rule_text(&imported, 0), rule_text(&import(&text, &[]).unwrap(), 0));
    }

    #[test]
    fn what_is_no_lifecycle_policy_is_told() {
        for (text, why) in [
            ("{}", "no `rules`"),
            ("[]", "no `rules`"),
            (r#"{"lifecyclePolicyText": "{}"}"#, "no `rules`"),
            (r#"{"rules": []}"#, "no rule is in it"),
            (r#"{"rules": {}}"#, "expected a list"),
            (r#"{"rules": [{"rulePriority": 1}]}"#, "`selection` is missing"),
            (r#"{"rules": [{"rulePriority": 0, "selection": {}}]}"#, "rules[0].rulePriority: expected a whole number"),
            ("{", "no valid YAML"),
        ] {
            let faults = import(text, &[]).unwrap_err().to_string();
            assert!(faults.contains(why), "{text}: {faults}");
        }
    }
}
