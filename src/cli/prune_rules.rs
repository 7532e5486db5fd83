//! From flags or a file to the one policy value.

use super::args::Plan;
use super::args::prune::{At, Flags, Rules};
use super::machine;
use super::policy::read;
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::{self, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::retention::parse::parse;
use crate::retention::policy::{COMMAND_LINE, Delete, Keep, Policy, Rule};
use crate::retention::write::yaml;
use std::collections::BTreeMap;
use std::path::Path;

/// The rules that were given, as options have them.
///
/// # Errors
/// If there are none, if they cannot be read, or if they only say what to keep.
pub fn rules(given: &Rules) -> Result<options::Rules> {
    let at = given.at.map(|at| at.of(machine::clock()));
    let Some(file) = &given.policy else {
        let text = yaml(&of_flags(&given.flags)?, &[], |_| Vec::new());
        return Ok(options::Rules { text: text.into(), images: BTreeMap::new(), at });
    };
    let text = read::text("read the policy", file)?;
    let mut images = BTreeMap::new();
    let parsed = parse(&text, &mut |named| {
        let found = read::in_use(file, named)?;
        images.insert(named.to_owned(), found.clone());
        Ok(found)
    });
    parsed.map_err(|faults| read::wrong("read the policy", file, &faults))?;
    Ok(options::Rules { text: text.into(), images, at })
}

/// The rules of `plan`, if it has any. A plan for a time to come is only shown.
///
/// # Errors
/// As [`rules`], and if such a plan is to be saved.
pub fn of_plan(args: &Plan) -> Result<Option<options::Rules>> {
    if args.policy.is_none() {
        return Ok(None);
    }
    let given = Rules { policy: args.policy.clone(), at: args.at, ..Rules::default() };
    may_be_saved(&given, args.deciding.output.is_some())?;
    rules(&given).map(Some)
}

/// The rules of a policy file, if one was given.
///
/// # Errors
/// As [`rules`].
pub fn of_policy(policy: Option<&Path>, at: Option<At>) -> Result<Option<options::Rules>> {
    let Some(policy) = policy else { return Ok(None) };
    rules(&Rules { policy: Some(policy.to_owned()), at, ..Rules::default() }).map(Some)
}

/// Refuses to save a plan for a time to come: it would be carried out too early.
///
/// # Errors
/// If it is one.
pub fn may_be_saved(given: &Rules, is_saved: bool) -> Result<()> {
    if !is_saved || !is_later(given, machine::clock()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "save the plan")
        .because("--at is later than now, and the plan could be applied before that")
        .next("leave out --at, or -o"))
}

/// The options with these rules: what is in use stays whatever the rules say.
#[must_use]
pub fn with(rules: &options::Rules, mut options: Options) -> Options {
    let digests = rules.images.values().flatten().filter(|image| !matches!(image, KeepFrom::Tag(..)));
    options.keep_from.extend(digests.cloned());
    Options { rules: Some(rules.clone()), ..options }
}

/// Whether ages are measured at a time that is yet to come.
#[must_use]
pub fn is_later(given: &Rules, now: Timestamp) -> bool {
    given.at.is_some_and(|at| at.of(now) > now)
}

/// One rule for every repository; `--repository` bounds it as it bounds every command.
fn of_flags(flags: &Flags) -> Result<Policy> {
    let Flags { tag, older_than, keep_tag, keep_last, keep_younger_than, keep_semver, untagged_older_than } = flags;
    let wrong =
        |why: &str, next: &str| Error::new(ErrorKind::Usage, "find the retention rules").because(why).next(next);
    let tags = (!tag.is_empty()).then(|| tag.clone());
    let deletes = tags.is_some() || older_than.is_some();
    let keep = Keep {
        tags: keep_tag.clone(),
        last: keep_last.map(usize::from),
        semver: keep_semver.clone(),
        younger_than: *keep_younger_than,
        ..Keep::default()
    };
    if !deletes && !keep.is_empty() {
        return Err(wrong(
            "they say what to keep, but nothing says what to drop",
            "for every tag that is not kept add --tag '*'",
        ));
    }
    if !deletes && untagged_older_than.is_none() {
        return Err(wrong(
            "there are none",
            "give --policy FILE, or --tag, --older-than, --untagged-older-than; without rules, `regsweep gc -m` removes what no tag needs",
        ));
    }
    let every = "**".parse().map_err(|_| Error::new(ErrorKind::Bug, "name every repository"))?;
    let delete = deletes.then(|| Delete { tags, older_than: *older_than, ..Delete::default() });
    let untagged_older_than = *untagged_older_than;
    let rule =
        Rule { name: COMMAND_LINE.into(), line: None, repositories: vec![every], delete, keep, untagged_older_than };
    Ok(Policy { rules: vec![rule] })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        rules: Rules,
    }

    fn typed(line: &str) -> std::result::Result<Rules, clap::Error> {
        let words = line.split(' ').filter(|word| !word.is_empty());
        Typed::try_parse_from(["prune"].into_iter().chain(words)).map(|typed| typed.rules)
    }

    fn written(line: &str) -> String {
        let text = rules(&typed(line).unwrap()).unwrap().text;
        assert!(parse(&text, &mut |_| Err(String::new())).is_ok(), "{text}");
        text.strip_prefix("version: 1\nrules:\n  - name: \"command line\"\n    repositories: [\"**\"]\n")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn flags_make_one_rule() {
        assert_eq!(
            written(
                "--tag pr-* --tag re:^x --older-than 30d --keep-tag latest --keep-tag v* --keep-last 10 --keep-younger-than 7d \
                 --keep-semver >=1.0.0 --untagged-older-than 2w"
            ),
            "    delete:\n      older_than: 30d\n      tags: [\"pr-*\", \"re:^x\"]\n    keep:\n      tags: [latest, \"v*\"]\n      \
             last: 10\n      semver: \">=1.0.0\"\n      younger_than: 7d\n    untagged: {older_than: 14d}\n"
        );
        assert_eq!(written("--older-than 30d"), "    delete:\n      older_than: 30d\n");
        assert_eq!(written("--tag *"), "    delete:\n      tags: [\"*\"]\n");
    }

    /// `--untagged` was once read as a filter and acted as an addition.
    #[test]
    fn flag_for_untagged_manifests_drops_no_tag() {
        assert_eq!(written("--untagged-older-than 7d"), "    untagged: {older_than: 7d}\n");
    }

    #[test]
    fn rules_that_only_keep_or_say_nothing_are_wrong_usage() {
        for line in [
            "--keep-last 3",
            "--keep-tag a",
            "--keep-semver >=1.0.0",
            "--keep-younger-than 7d --untagged-older-than 7d",
        ] {
            let error = rules(&typed(line).unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{line}");
            assert!(error.hint().unwrap().contains("--tag '*'"), "{line}: {error}");
        }
        for line in ["", "--at +1d"] {
            let error = rules(&typed(line).unwrap()).unwrap_err();
            assert!(error.kind() == ErrorKind::Usage && error.hint().unwrap().contains("--policy"), "{line}: {error}");
        }
    }

    #[test]
    fn file_and_flags_together_contradict() {
        for flag in [
            "--tag a",
            "--older-than 1d",
            "--keep-tag a",
            "--keep-last 1",
            "--keep-younger-than 1d",
            "--keep-semver >1",
            "--untagged-older-than 1d",
        ] {
            assert!(typed(&format!("--policy p.yml {flag}")).is_err(), "{flag}");
        }
        assert!(typed("--policy p.yml --at +1d").is_ok());
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        for line in [
            "--keep-last 0",
            "--keep-last -1",
            "--older-than 30",
            "--older-than 3M",
            "--tag re:(",
            "--keep-semver one",
            "--at soon",
        ] {
            assert!(typed(line).is_err(), "{line}");
        }
    }
}
