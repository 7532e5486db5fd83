//! Rules that matched nothing: most are mistakes, and none of them is seen in what goes.

use super::facts::RepositoryFacts;
use super::policy::{COMMAND_LINE, Policy};

/// What the rules were asked, over all repositories of a registry.
#[derive(Debug, Clone)]
pub struct Coverage<'a> {
    policy: &'a Policy,
    rules: Vec<Seen>,
}

/// What became of one rule.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// It is for a repository.
    matched: bool,
    /// It is the first that is.
    decided: bool,
    /// There was a tag that it might drop.
    named_tag: bool,
}

impl<'a> Coverage<'a> {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new(policy: &'a Policy) -> Self {
        Self { policy, rules: vec![Seen::default(); policy.rules.len()] }
    }

    /// A repository was judged.
    pub fn see(&mut self, facts: &RepositoryFacts) {
        let mut decided = false;
        for (rule, seen) in self.policy.rules.iter().zip(&mut self.rules) {
            if !rule.is_for(facts.name.as_str()) {
                continue;
            }
            seen.matched = true;
            if !std::mem::replace(&mut decided, true) {
                seen.decided = true;
                let names =
                    |delete: &super::policy::Delete| facts.tags.iter().any(|tag| delete.names(tag.tag.as_str()));
                seen.named_tag |= rule.delete.as_ref().is_none_or(names);
            }
        }
    }

    /// A warning for each rule that matched nothing.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let rules = self.policy.rules.iter().zip(&self.rules);
        let warning = |(rule, seen): (&super::policy::Rule, &Seen)| {
            // Whoever typed flags has written no line, and knows no keys.
            if rule.name == COMMAND_LINE && !seen.named_tag {
                return Some("--tag matches no tag of any repository that was asked for".to_owned());
            }
            let why = match seen {
                Seen { matched: false, .. } => "is for no repository of this registry",
                Seen { decided: false, .. } => "never decides: earlier rules are for all of its repositories",
                Seen { named_tag: false, .. } => "names no tag: `delete.tags` matches none in its repositories",
                _ => return None,
            };
            let line = rule.line.map(|line| format!(" (line {line})")).unwrap_or_default();
            Some(format!("rule {}{line} {why}", rule.name))
        };
        rules.filter_map(warning).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::{Digest, RepositoryName, Tag};
    use crate::retention::facts::TagFacts;
    use crate::retention::parse::parse;

    #[test]
    fn flags_are_told_of_in_their_own_words() {
        let text = format!("rules: [{{name: {COMMAND_LINE}, repositories: ['**'], delete: {{tags: [zzz]}}}}]");
        let policy = parse(&text, &mut |_| Err(String::new())).unwrap().policy;
        let mut coverage = Coverage::new(&policy);
        let tag = TagFacts::new(Tag::new("v1").unwrap(), Digest::of(b"x"), None);
        let name = RepositoryName::new("app").unwrap();
        coverage.see(&RepositoryFacts { name, tags: vec![tag], untagged: Vec::new() });
        assert_eq!(coverage.warnings(), ["--tag matches no tag of any repository that was asked for"]);
    }

    #[test]
    fn rule_that_matches_nothing_is_warned_of() {
        let text = "rules:\n- {name: typo, repositories: [\"cii/*\"], delete: {tags: [a]}}\n- {name: ci, repositories: [\"ci/*\"], \
                    delete: {tags: [\"pr-*\"]}}\n- {name: late, repositories: [\"ci/a\"], delete: {tags: [a]}}\n- {name: none, \
                    repositories: [other], delete: {tags: [\"PR-*\"]}}\n- {name: untagged, repositories: [third], untagged: \
                    {older_than: 7d}}\n- {name: every, repositories: [fourth], delete: {older_than: 1d}}\n";
        let policy = parse(text, &mut |_| Err(String::new())).unwrap().policy;
        let mut coverage = Coverage::new(&policy);
        for (name, tag) in [("ci/a", "pr-1"), ("ci/b", "main"), ("other", "pr-1"), ("third", "a"), ("fourth", "x")] {
            let tag = TagFacts::new(Tag::new(tag).unwrap(), Digest::of(b"x"), None);
            let name = RepositoryName::new(name).unwrap();
            coverage.see(&RepositoryFacts { name, tags: vec![tag], untagged: Vec::new() });
        }
        assert_eq!(
            coverage.warnings(),
            [
                "rule typo (line 2) is for no repository of this registry",
                "rule late (line 4) never decides: earlier rules are for all of its repositories",
                "rule none (line 5) names no tag: `delete.tags` matches none in its repositories",
            ]
        );
    }
}
