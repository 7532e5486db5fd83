//! Why one thing stays or goes: looks as every run does, and reads the answer off what was decided. Changes nothing, and
//! cannot.

use super::left::Left;
use super::list::{no_manifest, no_tag};
use super::scan::fetched;
use super::{Order, Stop, Survey, survey};
use crate::collect::explain::asked::{Asked, Wanted};
use crate::collect::explain::chains::{Chains, chains};
use crate::collect::explain::freed::{Away, goes_with};
use crate::collect::explain::links::{LinkTo, links_to};
use crate::collect::explain::verdict::{Stored, Verdict, verdict};
use crate::collect::graph::{Graph, Node};
use crate::collect::inventory::{Link, Repository};
use crate::collect::list::known::Known;
use crate::collect::mark::mark_without;
use crate::collect::near::near;
use crate::collect::options::Options;
use crate::collect::report::Scan;
use crate::collect::roots::roots;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Tag, manifest};
use crate::storage::fetch::read_all;
use crate::storage::reader::{Area, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What there is to tell.
#[derive(Debug)]
pub struct Answer {
    /// What was decided about everything.
    pub survey: Survey,
    /// What was asked about.
    pub digest: Digest,
    /// The one repository it was asked about in.
    pub only: Option<usize>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// What keeps it.
    pub chains: Chains,
    /// Everything that points to it.
    pub links: Vec<LinkTo>,
    /// How many manifests name it, needed or not.
    pub named_by: u64,
    /// One of these.
    pub one_of_these: Option<Digest>,
    /// What would go with it, itself among it.
    pub freed: Vec<Digest>,
    /// Whether only the absence of `-m` keeps it.
    pub only_without_m: bool,
    /// What was looked for of contents: those that are there.
    pub stored: HashMap<Digest, Stored>,
    /// The manifests that the answer tells of.
    pub known: Known,
}

/// More contents than this are not looked for one by one: all are listed.
const FEW: usize = 64;
/// How many looks at a time.
const IN_FLIGHT: usize = 16;
/// So many candidates are told where a few digits mean several digests.
const TOLD: usize = 5;

/// Finds the answer.
///
/// # Errors
/// If what was asked about is not there, or the storage cannot be listed or read.
pub async fn explain(
    storage: &dyn Storage,
    left: &Left,
    asked: &Asked,
    order: &Order,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Answer> {
    let mut survey = survey(storage, left, order, observer, stop).await?;
    let (digest, only, tag) = find(storage, asked, &survey.scan).await?;
    let options = &order.options;
    let away = match (tag, survey.scan.graph.node_of(&digest)) {
        (Some(tag), _) => Away::Tag(only.unwrap_or_default(), tag),
        (None, Node::Plain) => Away::Content,
        (None, _) => Away::Manifest(only),
    };
    let freed = goes_with(&mut survey.scan, options, &digest, &away);
    let wanted: BTreeSet<&Digest> = freed.iter().chain([&digest]).collect();
    let stored = stored(storage, &wanted, observer).await?;
    let scan = &survey.scan;
    let links = links_to(&scan.inventory, &survey.plan, &digest);
    let verdict = verdict((scan, &survey.plan), options, &digest, stored.get(&digest).copied(), only);
    let naming = naming(&scan.graph, &digest);
    if links.is_empty() && naming.is_empty() && !stored.contains_key(&digest) {
        return Err(not_there(&digest.to_string()));
    }
    let chains = chains(scan, options, &digest, only);
    let only_without_m = !options.delete_untagged && is_needed(scan, &digest) && {
        let with = Options { delete_untagged: true, ..options.clone() };
        let mut graph = scan.graph.clone();
        let mut roots = roots(&scan.inventory, &graph, &with, &scan.dismissed, scan.now);
        roots.add_all(scan.staying.iter().cloned(), &graph);
        let marks = mark_without(&scan.inventory, &mut graph, &roots, &scan.dismissed);
        marks.anywhere(graph.id(&digest)).is_none()
    };
    let in_chains = chains.told.iter().flat_map(|chain| &chain.steps).map(|step| &step.digest);
    let to_read: BTreeSet<Digest> = in_chains.chain([&digest]).chain(naming.first()).cloned().collect();
    let known = read(storage, &scan.graph, to_read, order, observer).await?;
    let (named_by, one_of_these) = (naming.len() as u64, naming.into_iter().next());
    Ok(Answer {
        survey,
        digest,
        only,
        verdict,
        chains,
        links,
        named_by,
        one_of_these,
        freed,
        only_without_m,
        stored,
        known,
    })
}

fn is_needed(scan: &Scan, digest: &Digest) -> bool {
    scan.marks.anywhere(scan.graph.id(digest)).is_some()
}

/// The manifests that name it, in the order of their digests.
fn naming(graph: &Graph, digest: &Digest) -> Vec<Digest> {
    let Some(id) = graph.id(digest) else { return Vec::new() };
    let names_it = |node: &Node| match node {
        Node::Manifest { references, .. } => {
            references.all().iter().any(|child| *child == id || graph.aliases(*child).contains(&id))
        }
        Node::Plain | Node::Unreadable(_) | Node::Missing => false,
    };
    let mut found: Vec<Digest> =
        graph.known().filter(|(_, node)| names_it(node)).map(|(parent, _)| graph.digest(parent)).collect();
    found.sort();
    found
}

fn not_there(what: &str) -> Error {
    Error::new(ErrorKind::NotThere, "find what is to be explained")
        .on(what)
        .because("it is not in this registry")
        .next("`regsweep ls` lists repositories, `regsweep ls REPOSITORY` tags and digests")
}

/// What was asked about, in which repository, and by which tag.
async fn find<'a>(
    storage: &dyn Storage,
    asked: &'a Asked,
    scan: &Scan,
) -> Result<(Digest, Option<usize>, Option<&'a Tag>)> {
    match asked {
        Asked::Digest(wanted) => Ok((whole(storage, wanted, scan, None).await?, None, None)),
        Asked::In(name, wanted) => {
            let at = place(scan, name)?;
            let digest = whole(storage, wanted, scan, Some(at)).await?;
            let repository = &scan.inventory.repositories[at];
            let is_here =
                points_to(repository, &digest) || scan.marks.in_repository(at, scan.graph.id(&digest)).is_some();
            if is_here { Ok((digest, Some(at), None)) } else { Err(no_manifest(repository, &digest)) }
        }
        Asked::Tag(name, tag) => {
            let at = place(scan, name)?;
            let repository = &scan.inventory.repositories[at];
            let current = repository.tags.get(tag).and_then(|entry| entry.current);
            let current = current.ok_or_else(|| no_tag(repository, tag.as_str()))?;
            let digest = current.target.digest().cloned().ok_or_else(|| {
                Error::new(ErrorKind::NotThere, "find what is to be explained")
                    .on(format!("{name}:{tag}"))
                    .because("the tag's link cannot be read: it keeps all that it has named, and every manifest of its repository")
                    .next("`regsweep fsck` tells what is damaged")
            })?;
            Ok((digest, Some(at), Some(tag)))
        }
    }
}

fn place(scan: &Scan, name: &RepositoryName) -> Result<usize> {
    let repositories = &scan.inventory.repositories;
    repositories.iter().position(|repository| repository.name == *name).ok_or_else(|| {
        let alike = near(name.as_str(), repositories.iter().map(|repository| repository.name.as_str()));
        let next = if alike.is_empty() { String::new() } else { format!("did you mean {}? ", alike.join(", ")) };
        Error::new(ErrorKind::NotThere, "find the repository")
            .on(name.to_string())
            .because("there is no such repository")
            .next(format!("{next}`regsweep ls` lists all repositories"))
    })
}

fn points_to(repository: &Repository, digest: &Digest) -> bool {
    let names_it = |link: &Link| link.digest == *digest || link.alias() == Some(digest);
    repository.revisions.iter().any(|link| names_it(&link))
        || repository.layers.odd().iter().any(names_it)
        || repository.histories().any(|link| names_it(&link))
        || repository.layers.find(digest).is_some()
        || repository.current_tags().any(|(_, current)| current.target.digest() == Some(digest))
        || repository.signatures.iter().any(|link| link.signature == *digest)
}

/// The digest that begins so, if it is one.
async fn whole(storage: &dyn Storage, wanted: &Wanted, scan: &Scan, only: Option<usize>) -> Result<Digest> {
    let digits = match wanted {
        Wanted::Whole(digest) => return Ok(digest.clone()),
        Wanted::Short(digits) => digits,
    };
    let all = scan.graph.ids().map(|id| scan.graph.digest(id));
    let history = scan.inventory.repositories.iter().flat_map(Repository::histories).map(|link| link.digest);
    let mut found: BTreeSet<Digest> = all.chain(history).filter(|digest| wanted.is(digest)).collect();
    if let Some(repository) = only.and_then(|at| scan.inventory.repositories.get(at)) {
        found.retain(|digest| points_to(repository, digest));
    } else {
        // Content that nothing names is only in the listing of blobs.
        let mut pages = storage.list_prefix(format!("{}sha256/{}/", layout::BLOBS, &digits[..2]));
        while let Some(page) = pages.try_next().await? {
            let blobs = page.entries().filter_map(|entry| match StorageKey::parse(entry.key) {
                StorageKey::Blob(digest) => Some(digest),
                _ => None,
            });
            found.extend(blobs.filter(|digest| wanted.is(digest)));
        }
    }
    let told: Vec<String> = found.iter().take(TOLD).map(ToString::to_string).collect();
    let count = found.len();
    match found.into_iter().next() {
        None => Err(not_there(digits)),
        Some(digest) if count == 1 => Ok(digest),
        Some(_) => Err(Error::new(ErrorKind::NotThere, "find what is to be explained")
            .on(digits.as_str())
            .because(format!("{count} digests begin so: {}", told.join(", ")))
            .next("write more digits, or all of them")),
    }
}

/// Size and time of those of these contents that are there.
async fn stored(
    storage: &dyn Storage,
    wanted: &BTreeSet<&Digest>,
    observer: &dyn Observer,
) -> Result<HashMap<Digest, Stored>> {
    observer.notice(Event::Begin(Phase::LookForContent, Some(wanted.len() as u64)));
    let mut stored = HashMap::new();
    if wanted.len() > FEW {
        let mut pages = storage.list(Area::Blobs);
        while let Some(page) = pages.try_next().await? {
            for entry in page.entries() {
                if let StorageKey::Blob(digest) = StorageKey::parse(entry.key)
                    && wanted.contains(&digest)
                {
                    stored.insert(digest, Stored { size: entry.size, modified: entry.modified });
                    observer.notice(Event::Progress(1, 0));
                }
            }
        }
    } else {
        let looks = wanted.iter().map(|digest| async move {
            let key = layout::blob_data(digest);
            let directory = key.trim_end_matches("data").to_owned();
            let mut pages = storage.list_prefix(directory);
            let mut found = None;
            while let Some(page) = pages.try_next().await? {
                let data = page.entries().find(|entry| entry.key == key);
                found = found.or(data.map(|entry| Stored { size: entry.size, modified: entry.modified }));
            }
            Ok::<_, Error>(((*digest).clone(), found))
        });
        let looks: Vec<_> = looks.collect();
        let found: Vec<(Digest, Option<Stored>)> =
            stream::iter(looks).buffer_unordered(IN_FLIGHT).try_collect().await?;
        stored.extend(found.into_iter().filter_map(|(digest, found)| Some((digest, found?))));
    }
    observer.notice(Event::End);
    Ok(stored)
}

async fn read(
    storage: &dyn Storage,
    graph: &Graph,
    digests: BTreeSet<Digest>,
    order: &Order,
    observer: &dyn Observer,
) -> Result<Known> {
    let is_manifest = |digest: &Digest| matches!(graph.node_of(digest), Node::Manifest { .. } | Node::Unreadable(_));
    let wanted: HashSet<Digest> = digests.into_iter().filter(is_manifest).collect();
    let mut known = Known::default();
    observer.notice(Event::Begin(Phase::ReadManifests, Some(wanted.len() as u64)));
    let in_flight = order.concurrency.clamp(1, IN_FLIGHT);
    read_all(storage, wanted, layout::blob_data, manifest::LARGEST, in_flight, |digest, content| {
        known.learn_manifest(digest, &fetched(content));
        observer.notice(Event::Progress(1, 0));
    })
    .await?;
    observer.notice(Event::End);
    Ok(known)
}
