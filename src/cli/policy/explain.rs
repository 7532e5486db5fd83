//! `policy explain`: which rule decides for an image, and why it would stay or go.

use super::command::{head, show};
use super::read;
use super::rows::{Judged, Row};
use crate::cli::args::Common;
use crate::cli::args::policy::Explain;
use crate::cli::words::printable;
use crate::cli::{exit, machine};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use crate::retention::facts::{RepositoryFacts, TagFacts};
use crate::retention::fixture::{Case, Fixture, parse_time};
use crate::retention::policy::Policy;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Runs it to its exit code.
///
/// # Errors
/// If the policy or the fixture cannot be read, or the image is not in it.
pub fn run(args: &Explain, common: &Common) -> Result<u8> {
    let policy = read::policy(&args.policy)?.policy;
    let (name, tag) = image(&args.image)?;
    let fixture = match &args.fixture {
        Some(file) => read::fixture(file, machine::clock())?,
        None => alone(args, &name, tag.as_ref(), machine::clock())?,
    };
    let at = args.at.map_or(fixture.now, |at| at.of(fixture.now));
    let case = fixture.cases.iter().find(|case| case.facts.name == name).ok_or_else(|| absent(args, &fixture))?;
    let mut judged = Judged::new(&policy, case, at);
    if let Some(tag) = &tag {
        judged.rows.retain(|row| row.tagged && row.name == tag.as_str());
        if judged.rows.is_empty() {
            return Err(absent(args, &fixture));
        }
    }
    let (mut text, asked) = (String::new(), asked(&policy, &name));
    for row in &asked {
        let line = row["line"].as_u64().map(|line| format!(" (line {line})")).unwrap_or_default();
        let (rule, what) = (row["name"].as_str().unwrap_or_default(), row["says"].as_str().unwrap_or_default());
        let _ = writeln!(text, "{}", printable(&format!("rule {rule}{line}: {what}")));
    }
    if asked.is_empty() {
        let _ = writeln!(text, "there are no rules");
    }
    text.push('\n');
    judged.write(&mut text);
    let mut object = head("policy explain", exit::DONE);
    object["image"] = json!(args.image);
    object["at"] = json!(at.to_rfc3339());
    object["rules"] = json!(asked);
    object["verdicts"] = json!(judged.rows.iter().map(Row::json).collect::<Vec<_>>());
    Ok(show(common, &object, &text, exit::DONE))
}

fn image(text: &str) -> Result<(RepositoryName, Option<Tag>)> {
    let (name, tag) = text.split_once(':').map_or((text, None), |(name, tag)| (name, Some(tag)));
    let parsed = RepositoryName::new(name).and_then(|name| match tag {
        Some(tag) => Some((name, Some(Tag::new(tag)?))),
        None => Some((name, None)),
    });
    parsed.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "find the image").on(text).because("it is no REPOSITORY or REPOSITORY:TAG")
    })
}

/// The image by itself, for want of a fixture.
fn alone(args: &Explain, name: &RepositoryName, tag: Option<&Tag>, now: Timestamp) -> Result<Fixture> {
    let pushed = args.pushed.as_deref().map(|text| parse_time(text, now)).transpose();
    let wrong = |why: String| Error::new(ErrorKind::Usage, "read --pushed").because(why);
    let pushed = pushed.map_err(wrong)?;
    let fact = |tag: &Tag| TagFacts::new(tag.clone(), Digest::of(args.image.as_bytes()), pushed);
    let tags: Vec<TagFacts> = tag.map(fact).into_iter().collect();
    let expected = vec![None; tags.len()];
    let facts = RepositoryFacts { name: name.clone(), tags, untagged: Vec::new() };
    Ok(Fixture { now, cases: vec![Case { facts, tags: expected, untagged: Vec::new() }] })
}

fn absent(args: &Explain, fixture: &Fixture) -> Error {
    let names: Vec<String> = fixture.cases.iter().map(|case| case.facts.name.to_string()).collect();
    Error::new(ErrorKind::Usage, "find the image")
        .on(&args.image)
        .because("the fixture does not have it")
        .next(format!("its repositories are {}", names.join(", ")))
}

/// What each rule says of a repository, up to the one that decides and those behind it.
fn asked(policy: &Policy, name: &RepositoryName) -> Vec<Value> {
    let mut settled = false;
    let rules = policy.rules.iter().map(|rule| {
        let is_for = rule.is_for(name.as_str());
        let says = match (is_for, settled) {
            (true, false) => format!("decides for {name}"),
            (true, true) => format!("would be for {name}, but an earlier rule decides"),
            (false, _) => format!("is not for {name}"),
        };
        let decides = is_for && !settled;
        settled |= is_for;
        json!({"name": rule.name, "line": rule.line, "decides": decides, "says": says})
    });
    rules.collect()
}
