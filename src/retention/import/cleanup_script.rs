//! The environment of `registry_cleanup.sh`, the clean-up script that is found most often.
//!
//! It removes the directories of tags that are older than `MAX_AGE_SECONDS` and whose name `EXCLUDE_TAGS` does not match, in
//! repositories of exactly two levels; then, through the API, every manifest of repositories of two levels and more that no tag
//! names, whatever needs it; then it collects.

use super::imported::{Imported, pattern, repositories, rule};
use crate::collect::pattern::Pattern;
use crate::error::{quoted, shortened};
use crate::retention::document::Place;
use crate::retention::fault::Faults;
use crate::retention::policy::{Delete, Keep, Policy};
use std::time::Duration;

/// What it reads.
pub const VARIABLES: [&str; 10] = [
    "REGISTRY_DIR",
    "DOCKER_REGISTRY_CONFIG",
    "MAX_AGE_SECONDS",
    "EXCLUDE_TAGS",
    "DRY_RUN",
    "REGISTRY_URL",
    "REGISTRY_USERNAME",
    "REGISTRY_PASSWORD",
    "DOCKER_REGISTRY_NAME",
    "CURL_INSECURE",
];

/// What it excludes where nobody says otherwise.
pub const EXCLUDED: &str = r"^(\*|master|develop|latest|stable|(v|[0-9]\.)[0-9]+(\.[0-9]+)*)$";
const MAX_AGE: u64 = 30 * 24 * 3600;

/// Makes a policy of variables.
///
/// # Errors
/// If a value cannot be understood.
pub fn import(variables: &[(String, String)], named: &[Pattern]) -> Result<Imported, Faults> {
    of_variables(variables, named).map_err(|why| {
        let mut faults = Faults::default();
        faults.add(Place { line: 1, column: 1 }, "", why);
        faults
    })
}

/// Makes a policy of lines `NAME=VALUE`, as an environment file has them.
///
/// # Errors
/// If a line is none, or a value cannot be understood.
pub fn import_lines(text: &str, named: &[Pattern]) -> Result<Imported, Faults> {
    let mut faults = Faults::default();
    let mut variables = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=') {
            Some((name, value)) => variables.push((name.trim().to_owned(), unquoted(value.trim()).to_owned())),
            // Never what stands there: it may be a password.
            None => faults.add(Place { line: at + 1, column: 1 }, "", "expected NAME=VALUE"),
        }
    }
    if faults.is_empty() { import(&variables, named) } else { Err(faults) }
}

fn unquoted(value: &str) -> &str {
    let between = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    between('"').or_else(|| between('\'')).unwrap_or(value)
}

fn of_variables(variables: &[(String, String)], named: &[Pattern]) -> Result<Imported, String> {
    let get = |name: &str| {
        let value = variables.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    };
    let limit = get("MAX_AGE_SECONDS").map_or(Ok(MAX_AGE), seconds)?;
    let excluded = get("EXCLUDE_TAGS").unwrap_or(EXCLUDED);
    let excluded = pattern(&format!("re:{excluded}")).map_err(|why| format!("EXCLUDE_TAGS: {why}"))?;
    let two_levels = if named.is_empty() { vec![pattern("*/*")?] } else { repositories(named)? };
    let delete = Delete { older_than: Some(Duration::from_secs(limit)), ..Delete::default() };
    let mut tags = rule("registry-cleanup", two_levels, Some(delete), Keep { tags: vec![excluded], ..Keep::default() });
    tags.untagged_older_than = Some(Duration::ZERO);
    let mut rules = vec![tags];
    if named.is_empty() {
        let mut deeper = rule("registry-cleanup, deeper", vec![pattern("*/*/**")?], None, Keep::default());
        deeper.untagged_older_than = Some(Duration::ZERO);
        rules.push(deeper);
    }
    // Any word but `false` means dry.
    let dry = get("DRY_RUN").is_some_and(|value| value != "false");
    let registry = get("DOCKER_REGISTRY_CONFIG").or(get("REGISTRY_DIR")).unwrap_or("REGISTRY");
    let command = format!("regsweep prune --policy FILE{} {registry}", if dry { " --dry-run" } else { "" });
    let mut notes = vec![
        "the script goes by the time of a tag's directory, regsweep by that of its current/link: the last push".to_owned(),
        "the script deletes every manifest without a tag, live children of multi-arch images and signatures among them: \
         regsweep keeps what a kept image needs"
            .to_owned(),
        "the script passes over repositories of one level, and over the tags of those deeper than two; so do these rules"
            .to_owned(),
    ];
    if get("DOCKER_REGISTRY_CONFIG").is_some() {
        notes.push(
            "DOCKER_REGISTRY_CONFIG is a path in the registry's container: name it as this machine sees it".into(),
        );
    }
    let unneeded = ["REGISTRY_URL", "REGISTRY_USERNAME", "REGISTRY_PASSWORD", "DOCKER_REGISTRY_NAME", "CURL_INSECURE"];
    let unneeded: Vec<&str> = unneeded.into_iter().filter(|name| get(name).is_some()).collect();
    if !unneeded.is_empty() {
        notes.push(format!("not needed, as no registry is asked: {}", unneeded.join(", ")));
    }
    for (name, _) in variables.iter().filter(|(name, _)| !VARIABLES.contains(&name.as_str())) {
        notes.push(format!("{} is no variable of the script, and nothing was made of it", shortened(name)));
    }
    Ok(Imported {
        policies: vec![Policy { rules }],
        notes,
        drops_more: Vec::new(),
        head: vec![format!("From registry_cleanup.sh. Run it as: {command}")],
    })
}

/// Seconds, also as a product: the shell computes it.
fn seconds(text: &str) -> Result<u64, String> {
    let plain = text.trim().trim_start_matches("$((").trim_end_matches("))");
    let factors = plain.split('*').map(|factor| factor.trim().parse::<u64>().ok());
    let product = factors.reduce(|one, other| one?.checked_mul(other?)).flatten();
    product.ok_or_else(|| format!("MAX_AGE_SECONDS: {} is no number of seconds", quoted(text)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn lines(text: &str) -> Imported {
        import_lines(text, &[]).unwrap()
    }

    #[test]
    fn defaults_are_those_of_the_script() {
        let text = lines("").yaml();
        assert!(text.contains("    delete:\n      older_than: 30d\n"), "{text}");
        assert!(
            text.contains(r#"tags: ["re:^(\\*|master|develop|latest|stable|(v|[0-9]\\.)[0-9]+(\\.[0-9]+)*)$"]"#),
            "{text}"
        );
        assert!(text.contains("repositories: [\"*/*\"]") && text.contains("repositories: [\"*/*/**\"]"), "{text}");
        assert!(text.contains("Run it as: regsweep prune --policy FILE REGISTRY\n"), "{text}");
    }

    #[test]
    fn excluded_are_the_tags_that_the_script_excludes() {
        let imported = lines("");
        let keep = &imported.policies[0].rules[0].keep.tags[0];
        for tag in ["master", "develop", "latest", "stable", "v1", "v1.2.3", "1.2", "1.2.3"] {
            assert!(keep.matches(tag), "{tag}");
        }
        for tag in ["main", "feature-1", "vx", "12", "latest2", "1.2-rc"] {
            assert!(!keep.matches(tag), "{tag}");
        }
    }

    #[test]
    fn values_are_taken_over() {
        let text =
            "# mine\nexport REGISTRY_DIR=/data\nMAX_AGE_SECONDS=$((7 * 24 * 3600))\nEXCLUDE_TAGS='^keep'\nDRY_RUN=1\n";
        let imported = lines(text);
        let yaml = imported.yaml();
        assert!(yaml.contains("older_than: 7d") && yaml.contains("\"re:^keep\""), "{yaml}");
        assert!(yaml.contains("regsweep prune --policy FILE --dry-run /data\n"), "{yaml}");
        assert!(lines("MAX_AGE_SECONDS=\"3600\"\nDRY_RUN=false").yaml().contains("older_than: 1h"));
        assert!(!lines("DRY_RUN=false").yaml().contains("--dry-run"));
    }

    #[test]
    fn what_is_not_needed_is_named_and_never_shown() {
        let imported = lines(
            "REGISTRY_PASSWORD=hunter2\nREGISTRY_URL=http://h\nLAST_VALID_TAGS_COUNT=3\nDOCKER_REGISTRY_CONFIG=/c.yml\n",
        );
        let text = imported.yaml();
        assert!(text.contains("not needed, as no registry is asked: REGISTRY_URL, REGISTRY_PASSWORD"), "{text}");
        assert!(
            text.contains("LAST_VALID_TAGS_COUNT is no variable") && text.contains("as this machine sees it"),
            "{text}"
        );
        assert!(!text.contains("hunter2") && !imported.is_exact());
        let wrong = import_lines("hunter2", &[]).unwrap_err().to_string();
        assert!(wrong.contains("expected NAME=VALUE") && !wrong.contains("hunter2"));
    }

    #[test]
    fn wrong_values_are_told() {
        for (text, why) in [
            ("MAX_AGE_SECONDS=soon", "MAX_AGE_SECONDS"),
            ("MAX_AGE_SECONDS=9999999999999*9999999999999", "MAX_AGE_SECONDS"),
            ("EXCLUDE_TAGS=(", "EXCLUDE_TAGS"),
        ] {
            assert!(import_lines(text, &[]).unwrap_err().to_string().contains(why), "{text}");
        }
    }

    #[test]
    fn named_repositories_replace_the_two_levels() {
        let imported = import_lines("", &["team/**".parse().unwrap()]).unwrap();
        let text = imported.yaml();
        assert!(text.contains("repositories: [\"team/**\"]") && imported.policies[0].rules.len() == 1, "{text}");
    }
}
