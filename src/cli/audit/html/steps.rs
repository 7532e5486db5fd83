//! What to do next, with the commands to paste.

use crate::cli::audit::money;
use crate::cli::audit::report::Report;
use crate::cli::audit::tables::of_old_versions;
use crate::cli::words::size;

/// One thing to do.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) words: String,
    pub(super) command: String,
}

/// What to do, in this order.
pub(super) fn steps(report: &Report) -> Vec<Step> {
    let registry = report.named.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let step = |words: String, command: String| Step { words, command };
    let findings = &report.findings;
    let freed = |kind: &str| findings.after.get(kind).map_or(0, |after| after.freed.bytes);
    let worth = |kind: &str| {
        let change = report.money.as_ref().and_then(|money| Some((money, money.after.get(kind)?)));
        let change = change.filter(|(_, change)| change.saved_per_month >= Some(money::LEAST));
        let saved = change.map(|(money, change)| format!(", {} {} a month", money::saved(change), money.currency));
        format!("{}{}", size(freed(kind)), saved.unwrap_or_default())
    };
    let refused = |kind: &str| {
        let refusals = findings.after.get(kind).map(|after| after.refusals.as_slice()).unwrap_or_default();
        let codes: Vec<&str> = refusals.iter().map(|refusal| refusal.code).collect();
        if codes.is_empty() { String::new() } else { format!(" Refused here as things stand: {}.", codes.join(", ")) }
    };
    let mut steps = Vec::new();
    if freed("collection") > 0 {
        let words = format!("See what nothing needs any more: {}.{}", worth("collection"), refused("collection"));
        steps.push(step(words, format!("regsweep gc --dry-run {registry}")));
        if refused("collection").is_empty() {
            let words = "Remove it. The registry goes on serving; content goes in a later run of the same command.";
            steps.push(step(words.to_owned(), format!("regsweep gc {registry}")));
        }
    }
    if freed("collection_untagged") > freed("collection") {
        let words = format!(
            "See what would go with manifests that have no tag as well: {}.{} Images that are pulled by digest alone would \
             go too.",
            worth("collection_untagged"),
            refused("collection_untagged")
        );
        steps.push(step(words, format!("regsweep gc -m --dry-run {registry}")));
    }
    if let Some(versions) = findings.not_listed.noncurrent_versions.filter(|versions| versions.bytes > 0) {
        let cost = of_old_versions(report).map(|cost| format!(", {}", cost.sentence())).unwrap_or_default();
        let words = format!("See which old versions the bucket keeps, and bills: {}{cost}.", size(versions.bytes));
        steps.push(step(words, format!("regsweep gc --purge-versions --dry-run {registry}")));
    }
    let option = |name: &str| report.options.get(name).and_then(serde_json::Value::as_str);
    // What makes two audits alike.
    let alike: String = ["prices", "price_region", "group"]
        .into_iter()
        .filter_map(|name| Some(format!(" --{} {}", name.replace('_', "-"), quoted(option(name)?))))
        .collect();
    match option("policy") {
        Some(policy) => {
            let words = format!("See which tags the rules let go: {} in all.{}", worth("policy"), refused("policy"));
            steps.push(step(words, format!("regsweep prune --dry-run --policy {} {registry}", quoted(policy))));
        }
        None => steps.push(step(
            "Try rules for old tags: the same report then tells what they would free.".to_owned(),
            format!("regsweep audit --policy policy.yml{alike} --html audit.html {registry}"),
        )),
    }
    let policy = option("policy").map(|policy| format!(" --policy {}", quoted(policy))).unwrap_or_default();
    steps.push(step(
        "Next month, see what has grown since this audit. Its JSON is needed for that (--json audit.json).".to_owned(),
        format!("regsweep audit --compare audit.json{policy}{alike} --html audit.html {registry}"),
    ));
    steps
}

/// A word as a POSIX shell takes it for what it is.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+=:,./-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, quoted_word) in [
            ("s3://b/r", "s3://b/r"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("$(x)", "'$(x)'"),
            ("~/r", "'~/r'"),
        ] {
            assert_eq!(quoted(word), quoted_word);
        }
    }
}
