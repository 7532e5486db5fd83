//! `policy explain`: which rule decides for an image, and why it would stay or go.

use super::command::{head, show};
use super::read;
use super::rows::{Judged, Row};
use crate::cli::args::Common;
use crate::cli::args::policy::Explain;
use crate::cli::short::{self, Opening, unless_stopped};
use crate::cli::words::printable;
use crate::cli::{exit, machine, progress, settings};
use crate::collect::image_pattern::ImagePattern;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use crate::retention::facts::{RepositoryFacts, TagFacts};
use crate::retention::fixture::{Case, Fixture, parse_time};
use crate::retention::policy::Policy;
use crate::run::explain;
use crate::run::list::no_tag;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// Runs it to its exit code.
///
/// # Errors
/// If the policy or the fixture cannot be read, or the image is not in it.
pub fn run(args: &Explain, common: &Common) -> Result<u8> {
    let policy = read::policy(&args.policy)?.policy;
    let (name, tag) = image(&args.image)?;
    if let Some(file) = &args.fixture {
        let fixture = read::fixture(file, machine::clock())?;
        return tell(args, common, (&policy, &name, tag.as_ref()), &fixture);
    }
    if policy.rule_for(name.as_str()).is_some_and(|rule| rule.keep.compares()) {
        let note = "this rule keeps by comparing tags with each other, and this one is judged as if it were the only one: \
                    name the registry (-R) or all tags (--fixture)";
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
    let fixture = alone(args, &name, tag.as_ref(), machine::clock())?;
    tell(args, common, (&policy, &name, tag.as_ref()), &fixture)
}

/// The same of an image in a registry.
///
/// # Errors
/// If the policy or the registry cannot be read, or the image is not in it.
pub async fn in_registry(args: &Explain, common: &Common) -> Result<u8> {
    if args.fixture.is_some() || args.pushed.is_some() {
        let wrong = Error::new(ErrorKind::Usage, "explain an image of a registry");
        return Err(wrong.because("--fixture and --pushed say what -R asks the registry for").next("leave one out"));
    }
    let policy = read::policy(&args.policy)?.policy;
    let (name, tag) = image(&args.image)?;
    let pattern: ImagePattern = name.as_str().parse().map_err(|why: crate::collect::pattern::NotAPattern| {
        Error::new(ErrorKind::Usage, "find the image").on(&args.image).because(why.to_string())
    })?;
    let registry = settings::registry(None, common)?;
    let Opening { opened, order, stop } = short::open("policy explain", &registry, common).await?;
    let display = progress::Display::choose(common.no_progress || common.quiet);
    let observer = progress::Progress::new(display, false);
    // As `prune` does: a clock that runs ahead would make young things old.
    let now = order.started.min(order.now(opened.reader()));
    let at = args.at.map_or(now, |at| at.of(now));
    let read = explain::facts(opened.reader(), &pattern, (&policy, at), &order, &observer);
    let found = unless_stopped(&stop, read).await?;
    drop(observer);
    let absent = |tag: &Tag| found.first().map(|(repository, _)| no_tag(repository, tag.as_str()));
    let has = |tag: &Tag| found.iter().any(|(_, facts)| facts.tags.iter().any(|found| found.tag == *tag));
    if let Some(error) = tag.as_ref().filter(|tag| !has(tag)).and_then(absent) {
        return Err(error);
    }
    let case = |facts: RepositoryFacts| {
        let (tags, untagged) = (vec![None; facts.tags.len()], vec![None; facts.untagged.len()]);
        Case { facts, tags, untagged }
    };
    let cases = found.into_iter().map(|(_, facts)| case(facts)).collect();
    tell(args, common, (&policy, &name, tag.as_ref()), &Fixture { now, cases })
}

fn tell(
    args: &Explain,
    common: &Common,
    (policy, name, tag): (&Policy, &RepositoryName, Option<&Tag>),
    fixture: &Fixture,
) -> Result<u8> {
    let at = args.at.map_or(fixture.now, |at| at.of(fixture.now));
    let case = fixture.cases.iter().find(|case| case.facts.name == *name).ok_or_else(|| absent(args, fixture))?;
    let mut judged = Judged::new(policy, case, at);
    if let Some(tag) = tag {
        judged.rows.retain(|row| row.tagged && row.name == tag.as_str());
        if judged.rows.is_empty() {
            return Err(absent(args, fixture));
        }
    }
    let (mut text, asked) = (String::new(), asked(policy, name));
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
