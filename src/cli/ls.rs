//! `ls`: repositories, the tags of one, the tree of one image. Reads only, and needs no lease.

mod csv;
mod overview_text;
mod question;
mod report;
mod rows_text;
mod tree_text;
mod words;

use super::args::{Common, Format, List};
use super::short::{self, Opening, unless_stopped};
use super::{engine, exit, file, json, progress, settings};
use crate::collect::image_pattern::ImagePattern;
use crate::collect::inventory::{Repository, Target};
use crate::collect::list::order::{By, sort};
use crate::collect::list::row::Rows;
use crate::collect::list::tree::{Planter, Presence, Tree};
use crate::collect::problem::ProblemCode;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, Tag};
use crate::run::list::{Listing, no_manifest, no_tag};
use question::{OneOf, Question};
use report::{Report, SCHEMA};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &List, common: &Common) -> u8 {
    short::run(("ls", SCHEMA), common, async || {
        let question = Question::of(args)?;
        args.outlets.check()?;
        let registry = settings::registry(None, common)?;
        let Opening { opened, order, stop } = short::open("ls", &registry, common).await?;
        let display = progress::Display::choose(common.no_progress || common.quiet);
        let observer = progress::Progress::new(display, false);
        let listing = Listing { storage: opened.reader(), concurrency: order.concurrency, observer: &observer };
        let mut report = Report::new(&order.location, args);
        unless_stopped(&stop, question.answer(listing, args, &mut report)).await?;
        report.requests = opened.reader().requests();
        drop(observer);
        for path in args.csv.iter().filter(|path| !is_stdout(path)) {
            file::write(path, &csv::text(&report))?;
        }
        let shown = match (common.format, common.quiet) {
            (Format::Json, _) => engine::print(&json::text(&report)),
            _ if args.csv.iter().any(|path| is_stdout(path)) => engine::print(&csv::text(&report)),
            (Format::Text, true) => true,
            (Format::Text, false) if args.digests => print_digests(&report),
            (Format::Text, false) => engine::print(&text(&report, columns())),
        };
        let written = args.outlets.write(|| json::text(&report));
        Ok(if shown && written { exit::DONE } else { exit::FAILED })
    })
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// How wide the terminal is; a pipe takes everything.
fn columns() -> Option<usize> {
    const USUAL: usize = 80;
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0);
    std::io::stdout().is_terminal().then(|| width.unwrap_or(USUAL))
}

impl Question {
    async fn answer(&self, listing: Listing<'_>, args: &List, report: &mut Report) -> Result<()> {
        match self {
            Self::Overview => overview(listing, args, report).await,
            Self::Rows(image) => rows(listing, image, args, report).await,
            Self::Tree(image, one) => tree(listing, image, one, args, report).await,
        }
    }
}

fn is_shown(args: &List, repository: &str) -> bool {
    args.repository.is_empty() || args.repository.iter().any(|pattern| pattern.matches(repository))
}

/// Whoever names repositories wants to know that there is none of them.
fn none_is_no_answer(args: &List, is_empty: bool) -> Result<()> {
    let patterns: Vec<String> = args.repository.iter().map(ToString::to_string).collect();
    if patterns.is_empty() || !is_empty {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotThere, "find a repository")
        .on(patterns.join(", "))
        .because("no repository matches")
        .next("* stops at a slash and ** does not; `regsweep ls` lists all repositories"))
}

async fn overview(listing: Listing<'_>, args: &List, report: &mut Report) -> Result<()> {
    let overview = listing.overview(!args.brief).await?;
    let (mut rows, total) = overview.finish(!args.brief, |name| is_shown(args, name));
    none_is_no_answer(args, rows.is_empty())?;
    sort(&mut rows, args.sort.by(), args.reverse);
    (report.repositories, report.total) = (Some(rows), Some(total));
    Ok(())
}

async fn rows(listing: Listing<'_>, image: &ImagePattern, args: &List, report: &mut Report) -> Result<()> {
    let reads_all = args.untagged || image.digest().is_some() || !(args.brief || args.digests);
    let mut inventory = listing.repositories(image, |tag| reads_all || image.names_tag(tag.as_str())).await?;
    inventory.repositories.retain(|repository| is_shown(args, repository.name.as_str()));
    let is_read = !args.brief && (!args.digests || !matches!(args.sort.by(), By::Name | By::Pushed));
    let mut known = if is_read { Some(listing.manifests(&inventory).await?) } else { None };
    let of_manifests = args.untagged || image.digest().is_some();
    let is_tag_wanted = |tag: &Tag| image.names_tag(tag.as_str());
    let is_manifest_wanted = |digest: &Digest, tags: &[String]| match image.digest() {
        Some(_) => image.names_digest(digest),
        None => tags.is_empty(),
    };
    if let Some(known) = &mut known {
        let shown = inventory
            .repositories
            .iter()
            .map(|repository| (repository, images_of(repository, of_manifests, is_tag_wanted, is_manifest_wanted)));
        let shown: Vec<_> = shown.collect();
        let shown =
            shown.iter().flat_map(|(repository, digests)| digests.iter().map(move |digest| (*repository, digest)));
        listing.configurations(known, shown).await?;
    }
    let (mut tags, mut manifests) = (Vec::new(), Vec::new());
    for repository in &inventory.repositories {
        let shown = images_of(repository, of_manifests, is_tag_wanted, is_manifest_wanted);
        let presence = match &known {
            Some(known) => listing.cheap_presence(&shown, repository, known).await?,
            None => Presence::new(),
        };
        let mut of_one = Rows::new(repository, known.as_ref(), &presence);
        if of_manifests {
            manifests.extend(of_one.manifests(is_manifest_wanted));
        } else {
            tags.extend(of_one.tags(is_tag_wanted));
        }
        report.listed(repository);
    }
    let found = if of_manifests { manifests.len() } else { tags.len() };
    if found == 0 && !image.is_whole() {
        return Err(nothing(&inventory.repositories, image));
    }
    sort(&mut tags, args.sort.by(), args.reverse);
    sort(&mut manifests, args.sort.by(), args.reverse);
    report.problems = inventory.problems.as_slice().to_vec();
    if of_manifests {
        report.manifests = Some(manifests);
    } else {
        report.tags = Some(tags);
    }
    Ok(())
}

/// The images whose configurations are shown.
fn images_of(
    repository: &Repository,
    of_manifests: bool,
    is_tag_wanted: impl Fn(&Tag) -> bool,
    is_manifest_wanted: impl Fn(&Digest, &[String]) -> bool,
) -> Vec<Digest> {
    let tagged = repository.current_tags().filter_map(|(tag, current)| Some((tag, current.target.into_digest()?)));
    if !of_manifests {
        return tagged.filter(|(tag, _)| is_tag_wanted(tag)).map(|(_, digest)| digest).collect();
    }
    let mut tags = std::collections::HashMap::<Digest, Vec<String>>::new();
    tagged.for_each(|(tag, digest)| tags.entry(digest).or_default().push(tag.to_string()));
    let of = |digest: &Digest| tags.get(digest).map_or(&[][..], Vec::as_slice);
    let revisions = repository.revisions.iter().map(|link| link.digest);
    revisions.filter(|digest| is_manifest_wanted(digest, of(digest))).collect()
}

/// The error where repositories are there, and nothing in them was meant.
fn nothing(repositories: &[Repository], image: &ImagePattern) -> Error {
    match (repositories, image.tag().and_then(|tag| tag.literal()), image.digest()) {
        ([one], Some(tag), _) => no_tag(one, tag),
        ([one], None, Some(digest)) => no_manifest(one, digest),
        _ => Error::new(ErrorKind::NotThere, "find an image").on(image.to_string()).because("nothing matches"),
    }
}

async fn tree(listing: Listing<'_>, image: &ImagePattern, one: &OneOf, args: &List, report: &mut Report) -> Result<()> {
    let is_asked_for = |tag: &Tag| matches!(one, OneOf::Tag(wanted) if wanted == tag) || tag.about().is_some();
    let inventory = listing.repositories(image, |tag| !args.brief || is_asked_for(tag)).await?;
    report.problems = inventory.problems.as_slice().to_vec();
    let Some(repository) = inventory.repositories.first() else { return Err(nothing(&[], image)) };
    let named;
    let (digest, tag, pushed) = match one {
        OneOf::Tag(tag) => {
            let current = repository.tags.get(tag).and_then(|entry| entry.current);
            let current = current.ok_or_else(|| no_tag(repository, tag.as_str()))?;
            let Target::Digest(digest) = current.target else {
                let pushed = Some(current.evidence.modified);
                report.images = Some(vec![Tree::of_unreadable_tag(repository, tag.as_str(), pushed)]);
                return Ok(());
            };
            named = digest;
            (&named, Some(tag.as_str()), current.evidence.modified)
        }
        OneOf::Digest(digest) => {
            let link = repository.revisions.iter().find(|link| link.digest == *digest);
            let tagged = repository.current_tags().find(|(_, current)| current.target.digest() == Some(digest));
            let found =
                link.map(|link| link.modified()).or_else(|| tagged.map(|(_, current)| current.evidence.modified));
            (digest, None, found.ok_or_else(|| no_manifest(repository, digest))?)
        }
    };
    let mut known = if args.brief {
        listing.manifests_of(digest, repository).await?
    } else {
        listing.manifests(&inventory).await?
    };
    listing.configurations(&mut known, std::iter::once((repository, digest))).await?;
    let presence = if args.brief {
        std::collections::HashMap::new()
    } else {
        listing.presence(digest, repository, &known).await?
    };
    report.images = Some(vec![Planter::new(repository, &known, &presence).tree(digest, tag, Some(pushed))]);
    Ok(())
}

fn text(report: &Report, width: Option<usize>) -> String {
    if let (Some(rows), Some(total)) = (&report.repositories, &report.total) {
        return overview_text::text(report, rows, total, width);
    }
    let trees: String = report.images.iter().flatten().map(|image| tree_text::text(image, width)).collect();
    if report.images.is_some() { trees } else { rows_text::text(report, width) }
}

/// Only digests: for scripts, so what has none is told beside them.
fn print_digests(report: &Report) -> bool {
    let tags = report.tags.iter().flatten();
    for row in tags.clone().filter(|row| row.digest.is_none()) {
        let why = row.facts.problem.as_ref().map(|problem| problem.message.as_str()).unwrap_or_default();
        let _ = writeln!(anstream::stderr(), "note: {}:{} has no digest: {why}", row.repository, row.tag);
    }
    let manifests = report.manifests.iter().flatten().filter_map(|row| row.digest.as_ref());
    let digests = tags.filter_map(|row| row.digest.as_ref()).chain(manifests);
    let mut seen = std::collections::HashSet::new();
    let mut lines = String::new();
    for digest in digests.filter(|digest| seen.insert(*digest)) {
        let _ = writeln!(lines, "{digest}");
    }
    // Nothing is no line, not an empty one.
    lines.is_empty() || engine::print(&lines)
}

/// What is wrong, in two or three words.
fn problem(code: ProblemCode) -> &'static str {
    match code {
        ProblemCode::UnreadableTag => "unreadable link",
        ProblemCode::BrokenTag => "not linked",
        ProblemCode::DanglingTag | ProblemCode::DanglingRevision => "manifest missing",
        ProblemCode::UnreadableManifest => "unreadable",
        ProblemCode::MissingContent => "parts missing",
        ProblemCode::PushedJustNow => "being pushed",
        ProblemCode::UnreadableLink
        | ProblemCode::UnknownLink
        | ProblemCode::InvalidRepository
        | ProblemCode::OutsideRoot
        | ProblemCode::UnaddressableKey
        | ProblemCode::MultipartUploadsNotKnown
        | ProblemCode::EmptyRepository
        | ProblemCode::KeptByKeepFrom
        | ProblemCode::KeepFromUnknown => "damaged",
    }
}
