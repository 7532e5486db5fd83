//! Everything that is wrong, read off what was listed and read.

use super::affected::{Affected, tell};
use super::blobs::Stored;
use super::code::Code;
use super::finding::{Finding, Findings, Proof};
use super::named::{Named, is_there, suffering_from_links};
use super::parts::Parts;
use crate::collect::graph::{Graph, Id, Node};
use crate::collect::inventory::{Content, Inventory, Link, Repository, TagEntry, Target, Upload};
use crate::collect::problem::ProblemCode;
use crate::collect::roots::names;
use crate::collect::said::NOT_ITS_DIGEST;
use crate::layout;
use crate::model::{Algorithm, Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// What is known of a registry.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the listing of repositories said, with all links read that had to be.
    pub inventory: &'a Inventory,
    /// What names what.
    pub graph: &'a Graph,
    /// What manifests say of their parts.
    pub parts: &'a Parts,
    /// What the listing of blobs said.
    pub stored: &'a Stored,
    /// *Now*.
    pub now: Timestamp,
    /// Whether keys with and without a leading slash are there.
    pub both_key_forms: bool,
}

/// A push may take so long from its first pointer to its last, and a listing may see some of them.
const PUSH: Duration = Duration::from_mins(2);
/// An upload that has begun may still be going on.
const UPLOAD: Duration = Duration::from_hours(24);

impl Known<'_> {
    /// Whether a pointer is so young that the push that wrote it may be under way.
    pub(super) fn is_young(&self, modified: Timestamp) -> bool {
        modified.is_younger_than(PUSH, self.now)
    }
}

/// Finds everything that is wrong.
pub fn check(known: &Known<'_>, findings: &mut Findings) {
    let mut affected = Affected::new(known.inventory, known.graph);
    let mut named = Named::default();
    let mut unreadable: BTreeMap<Digest, BTreeSet<usize>> = BTreeMap::new();
    if known.both_key_forms {
        findings.add(Finding::new(Code::BothKeyForms, format!("/{}", layout::V2)));
    }
    problems(known, findings);
    for (at, repository) in known.inventory.repositories.iter().enumerate() {
        for (ref tag, ref entry) in &repository.tags {
            self::tag(known, repository, (tag, entry), findings);
        }
        for ref link in &repository.revisions {
            revision(known, (at, repository), link, &mut affected, findings);
        }
        let served = served(known, repository);
        for id in &served {
            if matches!(known.graph.node(*id), Node::Unreadable(_)) {
                unreadable.entry(known.graph.digest(*id)).or_default().insert(at);
            }
        }
        let needed = named.see(known, at, &served);
        for link in repository.layers.iter() {
            layer(known, repository, &link, &needed, findings);
        }
        for (id, upload) in &repository.uploads {
            self::upload(known, &repository.name, (id, upload), findings);
        }
    }
    named.tell(known, &mut affected, findings);
    suffering_from_links(known, &mut affected, findings);
    for (digest, places) in unreadable {
        let Node::Unreadable(why) = known.graph.node_of(&digest) else { continue };
        let code = if *why == *NOT_ITS_DIGEST { Code::WrongContent } else { Code::UnreadableManifest };
        let mut finding = Finding::new(code, layout::blob_data(&digest)).about(&digest).saying(why.to_string());
        finding.proof = Proof::Manifest(digest.clone());
        if let (1, Some(at)) = (places.len(), places.first()) {
            finding.repository = Some(known.inventory.repositories[*at].name.clone());
        }
        let id = known.graph.id(&digest);
        let images = places.iter().flat_map(|at| affected.images(*at, id)).collect();
        tell(&mut finding, images);
        findings.add(finding);
    }
}

/// The manifests that a repository serves, or would if their tags were whole; each once.
pub(super) fn served(known: &Known<'_>, repository: &Repository) -> Vec<Id> {
    let linked = repository.revisions.iter();
    let tagged = repository.tagged().filter_map(|digest| known.graph.id(&digest));
    let mut seen = HashSet::new();
    let linked = linked.filter_map(|link| known.graph.id(link.alias().unwrap_or(&link.digest)));
    linked.chain(tagged).filter(|id| seen.insert(*id)).collect()
}

fn problems(known: &Known<'_>, findings: &mut Findings) {
    let mut told: BTreeMap<Code, u64> = BTreeMap::new();
    let code = |code: ProblemCode| match code {
        ProblemCode::UnknownLink => Some(Code::UnknownLink),
        ProblemCode::InvalidRepository => Some(Code::InvalidRepository),
        ProblemCode::OutsideRoot => Some(Code::OutsideRoot),
        ProblemCode::UnaddressableKey => Some(Code::UnaddressableKey),
        // These are told with more of them.
        ProblemCode::DanglingRevision
        | ProblemCode::BrokenTag
        | ProblemCode::DanglingTag
        | ProblemCode::UnreadableTag
        | ProblemCode::UnreadableLink
        | ProblemCode::UnreadableManifest
        | ProblemCode::KeepFromUnknown
        | ProblemCode::KeptByKeepFrom
        | ProblemCode::EmptyRepository
        | ProblemCode::MultipartUploadsNotKnown
        | ProblemCode::MissingContent
        | ProblemCode::PushedJustNow => None,
    };
    for problem in known.inventory.problems.as_slice() {
        let (Some(code), Some(key)) = (code(problem.code), &problem.key) else { continue };
        *told.entry(code).or_default() += 1;
        let mut finding = Finding::new(code, key.clone());
        finding.repository = layout::repository_of(key).and_then(RepositoryName::new);
        findings.add(finding);
    }
    for (problem, count) in known.inventory.problems.counts() {
        if let Some(code) = code(problem) {
            findings.count_more(code, count.saturating_sub(told.get(&code).copied().unwrap_or_default()));
        }
    }
}

fn tag(known: &Known<'_>, repository: &Repository, (tag, entry): (&Tag, &TagEntry), findings: &mut Findings) {
    let key = layout::tag_current(&repository.name, tag);
    let new = |code: Code| {
        let mut finding = Finding::new(code, key.clone()).within(&repository.name);
        finding.images = vec![format!("{}:{tag}", repository.name)];
        finding.images_in_all = 1;
        finding
    };
    for link in entry.history.iter().filter(|link| !is_whole(link)) {
        let key = layout::tag_history(&repository.name, tag, &link.digest);
        let finding = Finding::new(Code::UnreadableHistory, key).within(&repository.name).about(&link.digest);
        let finding = finding.saying(format!("it has {} bytes", link.size()));
        findings.add(finding.proven_by(Proof::Link(Some(link.digest.clone()))));
    }
    let Some(current) = &entry.current else {
        let young = entry.history.iter().any(|link| known.is_young(link.modified()));
        let proof = Proof::Keys { absent: vec![key.clone()], there: Vec::new() };
        let finding = Finding::new(Code::TagWithoutCurrent, key.clone()).within(&repository.name);
        return findings.add(finding.young(young).proven_by(proof));
    };
    let is_young = known.is_young(current.evidence.modified);
    match &current.target {
        Target::Unreadable(_) | Target::Unread => {
            findings.add(new(Code::UnreadableTag).young(is_young).proven_by(Proof::Link(None)));
        }
        Target::Digest(digest) => {
            let blob = layout::blob_data(digest);
            if known.graph.node_of(digest) == Node::Missing && !is_there(known.stored, known, digest) {
                let proof = Proof::Keys { absent: vec![blob], there: vec![key.clone()] };
                findings.add(new(Code::DanglingTag).about(digest).young(is_young).proven_by(proof));
            } else if !repository.links_manifest(digest) {
                let revision = layout::revision_link(&repository.name, digest);
                let proof = Proof::Keys { absent: vec![revision], there: vec![key.clone(), blob] };
                findings.add(new(Code::BrokenTag).about(digest).young(is_young).proven_by(proof));
            }
        }
    }
}

/// Whether a link's size is that of what it says: of one that ends in a newline it is not.
fn is_whole(link: &Link) -> bool {
    let says = link.alias().unwrap_or(&link.digest);
    link.size() == says.to_string().len() as u64
}

/// What is wrong with a link as such.
fn link(link: &Link, key: impl FnOnce() -> String, name: &RepositoryName) -> Option<Finding> {
    let code = match link.content() {
        Content::Unreadable | Content::Unread => Code::UnreadableLink,
        Content::Other(_) if !is_whole(link) => Code::UnreadableLink,
        Content::Other(_) if link.digest.algorithm() == Algorithm::Sha256 => Code::WrongLink,
        Content::AsNamed if link.digest.algorithm() == Algorithm::Sha256 && !is_whole(link) => Code::UnreadableLink,
        Content::AsNamed | Content::Other(_) => return None,
    };
    let finding = Finding::new(code, key()).within(name).about(&link.digest);
    let finding = match link.alias() {
        Some(alias) => finding.saying(format!("it says {alias}")),
        None => finding.saying(format!("it has {} bytes", link.size())),
    };
    let sha256 = (link.digest.algorithm() == Algorithm::Sha256).then(|| link.digest.clone());
    Some(finding.proven_by(Proof::Link(sha256)))
}

fn revision(
    known: &Known<'_>,
    (at, repository): (usize, &Repository),
    revision: &Link,
    affected: &mut Affected<'_>,
    findings: &mut Findings,
) {
    let name = &repository.name;
    let key = layout::revision_link(name, &revision.digest);
    let is_young = known.is_young(revision.modified());
    let ids: Vec<Id> = names(revision).filter_map(|digest| known.graph.id(digest)).collect();
    if let Some(mut finding) = link(revision, || key.clone(), name) {
        tell(&mut finding, affected.images(at, ids.iter().copied()));
        findings.add(finding.young(is_young));
    }
    let served = revision.alias().unwrap_or(&revision.digest);
    if known.graph.node_of(served) == Node::Missing && !is_there(known.stored, known, served) {
        let proof = Proof::Keys { absent: vec![layout::blob_data(served)], there: vec![key.clone()] };
        let mut finding = Finding::new(Code::DanglingRevision, key).within(name).about(served).proven_by(proof);
        tell(&mut finding, affected.images(at, ids));
        findings.add(finding.young(is_young));
    }
}

fn layer(known: &Known<'_>, repository: &Repository, layer: &Link, needed: &HashSet<Id>, findings: &mut Findings) {
    let name = &repository.name;
    // Of nearly all links there is nothing to tell: their keys need not be made.
    let key = || layout::layer_link(name, &layer.digest);
    if let Some(finding) = link(layer, key, name) {
        findings.add(finding.young(known.is_young(layer.modified())));
    }
    let content = layer.alias().unwrap_or(&layer.digest);
    let ids = names(layer).filter_map(|digest| known.graph.id(digest));
    let is_needed = ids.into_iter().any(|id| needed.contains(&id));
    let says = *layer.content() != Content::Unreadable;
    if says && !is_needed && !is_there(known.stored, known, content) {
        let proof = Proof::Keys { absent: vec![layout::blob_data(content)], there: vec![key()] };
        let finding = Finding::new(Code::DanglingLayerLink, key()).within(name).about(content).proven_by(proof);
        findings.add(finding.young(known.is_young(layer.modified())));
    }
}

fn upload(known: &Known<'_>, name: &RepositoryName, (id, upload): (&str, &Upload), findings: &mut Findings) {
    let started = upload.files.iter().find(|(key, _)| key.ends_with("/startedat"));
    if upload.started.is_some() {
        return;
    }
    let key = format!("{}startedat", layout::upload(name, id));
    let is_young = upload.newest().is_none_or(|newest| newest.is_younger_than(UPLOAD, known.now));
    let there = upload.files.first().map(|(key, _)| key.clone()).into_iter().collect();
    let absent = if started.is_none() { vec![key.clone()] } else { Vec::new() };
    let finding = Finding::new(Code::UploadWithoutStart, key).within(name);
    let finding = if started.is_some() { finding.saying("it holds no time") } else { finding };
    findings.add(finding.young(is_young).proven_by(Proof::Keys { absent, there }));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a test fails by panicking")]
    use super::super::code::Level;
    use super::super::scene::{Looked, found, image, image_of, layer_key, revision_key};
    use super::*;
    use crate::collect::problem::TOLD_IN_FULL;
    use crate::collect::scene::{NOW, Storage, UPLOAD as ID, name, of, sha512, tag};

    const SECOND: Duration = Duration::from_secs(1);

    fn current(text: &str) -> String {
        layout::tag_current(&name("app"), &tag(text))
    }

    fn keys(absent: &[String], there: &[String]) -> Proof {
        Proof::Keys { absent: absent.to_vec(), there: there.to_vec() }
    }

    /// A finding in `app` about a digest, of which one image suffers.
    fn of_image(code: Code, key: String, digest: &Digest, image: &str) -> Finding {
        let images = vec![image.to_owned()];
        Finding { images, images_in_all: 1, ..Finding::new(code, key).within(&name("app")).about(digest) }
    }

    /// Written so long ago.
    fn ago(storage: &mut Storage, key: &str, ago: Duration) {
        storage.seen(key).modified = NOW.minus(ago);
    }

    fn levels(storage: &Storage) -> Vec<(Code, Level)> {
        found(storage).iter().map(|finding| (finding.code, finding.level)).collect()
    }

    /// The one finding is young right up to the end of the time that a push may take.
    #[track_caller]
    fn is_young_while_it_may_be_pushed(storage: &Storage, key: &str, code: Code) {
        let mut storage = storage.clone();
        ago(&mut storage, key, PUSH.saturating_sub(SECOND));
        assert_eq!(levels(&storage), [(code, Level::Young)]);
        ago(&mut storage, key, PUSH);
        assert_eq!(levels(&storage), [(code, code.level())]);
    }

    fn sound() -> Storage {
        let mut storage = Storage::default();
        let (one, two) = (image(&mut storage, "app", &["a", "b"]), image(&mut storage, "app", &["a"]));
        let index = storage.index("app", &[&one, &two]);
        storage.tag("app", "v1", &index);
        storage.upload("app", &["data"]);
        storage.link(layout::upload(&name("app"), ID) + "startedat", "2026-11-21T00:00:00Z");
        storage
    }

    #[test]
    fn sound_registry_shows_nothing() {
        assert_eq!(found(&sound()), []);
        let looked = Looked::at(&sound());
        let mut findings = Findings::default();
        check(&Known { both_key_forms: true, ..looked.known() }, &mut findings);
        assert_eq!(findings.told(), [Finding::new(Code::BothKeyForms, "/docker/registry/v2/".into())]);
    }

    #[test]
    fn tag_of_a_lost_manifest_dangles() {
        let (mut storage, lost) = (sound(), of("lost"));
        storage.tag("app", "lost", &lost);
        let proof = keys(&[layout::blob_data(&lost)], &[current("lost")]);
        let dangling = of_image(Code::DanglingTag, current("lost"), &lost, "app:lost").proven_by(proof);
        assert_eq!(found(&storage), [dangling]);
        is_young_while_it_may_be_pushed(&storage, &current("lost"), Code::DanglingTag);
        // Its content came while the registry was looked at: what is missing is the link.
        let mut later = storage.clone();
        later.blob("lost");
        let looked = Looked::while_pushed(&storage, &later).check();
        assert_eq!(looked.told().iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::BrokenTag]);
    }

    #[test]
    fn tag_of_a_manifest_that_is_not_linked_is_broken() {
        let mut storage = sound();
        let elsewhere = image(&mut storage, "other", &["c"]);
        storage.tag("app", "v2", &elsewhere);
        for content in ["c", "config of c"] {
            storage.layer("app", content);
        }
        let there = [current("v2"), layout::blob_data(&elsewhere)];
        let proof = keys(&[revision_key(&elsewhere)], &there);
        let broken = of_image(Code::BrokenTag, current("v2"), &elsewhere, "app:v2").proven_by(proof);
        assert_eq!(found(&storage), [broken]);
        is_young_while_it_may_be_pushed(&storage, &current("v2"), Code::BrokenTag);
    }

    #[test]
    fn tag_that_says_nothing_is_told_as_what_it_is() {
        let mut storage = sound();
        storage.link(current("odd"), "nonsense");
        let mut unreadable = Finding::new(Code::UnreadableTag, current("odd")).within(&name("app"));
        (unreadable.images, unreadable.images_in_all) = (vec!["app:odd".into()], 1);
        assert_eq!(found(&storage), [unreadable.proven_by(Proof::Link(None))]);
        is_young_while_it_may_be_pushed(&storage, &current("odd"), Code::UnreadableTag);

        let (mut storage, before) = (sound(), of("before"));
        let history = layout::tag_history(&name("app"), &tag("half"), &before);
        storage.put(history.clone());
        let half = Finding::new(Code::TagWithoutCurrent, current("half")).within(&name("app"));
        assert_eq!(found(&storage), [half.proven_by(keys(&[current("half")], &[]))]);
        is_young_while_it_may_be_pushed(&storage, &history, Code::TagWithoutCurrent);
    }

    #[test]
    fn history_of_another_size_than_a_link_is_told() {
        let (mut storage, before) = (sound(), of("before"));
        let history = layout::tag_history(&name("app"), &tag("v1"), &before);
        storage.put(history.clone()).size = 5;
        let odd = Finding::new(Code::UnreadableHistory, history).within(&name("app")).about(&before);
        assert_eq!(found(&storage), [odd.saying("it has 5 bytes").proven_by(Proof::Link(Some(before)))]);
    }

    #[test]
    fn link_of_a_lost_manifest_dangles() {
        let (mut storage, lost) = (sound(), of("lost"));
        storage.put(revision_key(&lost));
        let proof = keys(&[layout::blob_data(&lost)], &[revision_key(&lost)]);
        let image = format!("app@{lost}");
        let dangling = of_image(Code::DanglingRevision, revision_key(&lost), &lost, &image).proven_by(proof);
        assert_eq!(found(&storage), [dangling]);
        is_young_while_it_may_be_pushed(&storage, &revision_key(&lost), Code::DanglingRevision);
        // It came while the registry was looked at.
        let mut later = storage.clone();
        later.blob("lost");
        assert_eq!(Looked::while_pushed(&storage, &later).check().told(), []);
        // Content that cannot be read is something else.
        storage.blob("lost");
        assert_eq!(levels(&storage), [(Code::WrongContent, Level::Damage)]);
    }

    #[test]
    fn manifest_that_cannot_be_read_is_told_once_with_its_images() {
        let mut storage = sound();
        let manifest = storage.manifest("app", "{}");
        storage.tag("app", "odd", &manifest);
        let told = found(&storage);
        let [finding] = &told[..] else { panic!("{told:?}") };
        assert_eq!((finding.code, finding.key.clone()), (Code::UnreadableManifest, layout::blob_data(&manifest)));
        assert_eq!((&finding.repository, &finding.digest), (&Some(name("app")), &Some(manifest.clone())));
        assert_eq!(finding.images, ["app:odd"]);
        assert!(finding.detail.is_some() && finding.proof == Proof::Manifest(manifest.clone()));
        storage.manifest("other", "{}");
        let told = found(&storage);
        let [finding] = &told[..] else { panic!("{told:?}") };
        assert_eq!(
            (&finding.repository, &finding.images),
            (&None, &vec!["app:odd".to_owned(), format!("other@{manifest}")])
        );
        // Bytes that are not its own are content that is wrong.
        storage.manifests.insert(manifest, image_of("x", &[]));
        assert_eq!(levels(&storage), [(Code::WrongContent, Level::Damage)]);
    }

    #[test]
    fn links_that_are_no_links_are_told_with_what_they_say() {
        let other = of("b");
        let says_other = format!("it says {other}");
        // What it says; what is found of it as a link of a manifest and of a layer.
        for (text, code, detail) in [
            ("x".to_owned(), Some(Code::UnreadableLink), "it has 1 bytes"),
            (other.to_string(), Some(Code::WrongLink), &*says_other),
            (format!("{other}\n"), Some(Code::UnreadableLink), &*says_other),
            (format!("{}\n", of("a")), Some(Code::UnreadableLink), "it has 72 bytes"),
            (of("a").to_string(), None, ""),
        ] {
            let mut storage = Storage::default();
            for content in ["a", "b"] {
                storage.layer("app", content);
            }
            storage.link(layer_key(&of("a")), &text);
            let link = Finding { detail: Some(detail.into()), ..Finding::new(Code::WrongLink, layer_key(&of("a"))) };
            let link = link.within(&name("app")).about(&of("a")).proven_by(Proof::Link(Some(of("a"))));
            let expected = code.map(|code| Finding { code, ..link });
            assert_eq!(found(&storage), expected.into_iter().collect::<Vec<_>>(), "{text:?}");
            if let Some(code) = code {
                is_young_while_it_may_be_pushed(&storage, &layer_key(&of("a")), code);
            }
        }
    }

    /// By another algorithm a link is meant to name another digest.
    #[test]
    fn name_by_another_algorithm_is_no_wrong_link() {
        let mut storage = Storage::default();
        storage.layer("app", "a");
        let alias = layer_key(&sha512("a"));
        storage.link(alias.clone(), &of("a").to_string());
        assert_eq!(found(&storage), []);
        storage.link(alias.clone(), &format!("{}\n", of("a")));
        let told = found(&storage);
        assert_eq!(told.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::UnreadableLink]);
        assert_eq!(told[0].proof, Proof::Link(None), "what it should say only its content knows");
        storage.link(alias, &sha512("a").to_string());
        assert!(found(&storage).iter().all(|finding| finding.code != Code::WrongLink));
    }

    #[test]
    fn manifest_link_that_is_none_is_told_with_the_images_of_its_manifest() {
        let mut storage = Storage::default();
        let image = image(&mut storage, "app", &["a"]);
        storage.tag("app", "v1", &image);
        storage.link(revision_key(&image), "x");
        let link = of_image(Code::UnreadableLink, revision_key(&image), &image, "app:v1").saying("it has 1 bytes");
        assert_eq!(found(&storage), [link.proven_by(Proof::Link(Some(image.clone())))]);
        is_young_while_it_may_be_pushed(&storage, &revision_key(&image), Code::UnreadableLink);
    }

    #[test]
    fn layer_link_dangles_where_no_manifest_needs_its_content() {
        let (mut storage, lost) = (sound(), of("lost"));
        storage.put(layer_key(&lost));
        let proof = keys(&[layout::blob_data(&lost)], &[layer_key(&lost)]);
        let dangling = Finding::new(Code::DanglingLayerLink, layer_key(&lost)).within(&name("app")).about(&lost);
        assert_eq!(found(&storage), [dangling.proven_by(proof)]);
        is_young_while_it_may_be_pushed(&storage, &layer_key(&lost), Code::DanglingLayerLink);
        // What a manifest needs is missing, and its link is not in the way.
        storage.manifest("app", &image_of("config of a", &["lost"]));
        assert_eq!(levels(&storage), [(Code::MissingBlob, Level::Damage)]);
        // A link that says nothing stands for nothing.
        let mut storage = sound();
        storage.link(layer_key(&lost), "x");
        assert_eq!(levels(&storage), [(Code::UnreadableLink, Level::Damage)]);
        // One that names another content stands for that as well.
        storage.link(layer_key(&lost), &of("a").to_string());
        assert_eq!(levels(&storage), [(Code::WrongLink, Level::Damage)]);
    }

    #[test]
    fn upload_is_told_if_nothing_says_when_it_began() {
        let directory = layout::upload(&name("app"), ID);
        let start = format!("{directory}startedat");
        let mut storage = Storage::default();
        storage.upload("app", &["data"]);
        let told = Finding::new(Code::UploadWithoutStart, start.clone()).within(&name("app"));
        let proof = keys(std::slice::from_ref(&start), &[format!("{directory}data")]);
        assert_eq!(found(&storage), [told.clone().proven_by(proof)]);
        ago(&mut storage, &format!("{directory}data"), UPLOAD.saturating_sub(SECOND));
        assert_eq!(levels(&storage), [(Code::UploadWithoutStart, Level::Young)]);
        ago(&mut storage, &format!("{directory}data"), UPLOAD);
        assert_eq!(levels(&storage), [(Code::UploadWithoutStart, Level::Litter)]);
        storage.link(start.clone(), "yesterday");
        let proof = keys(&[], &[format!("{directory}data")]);
        assert_eq!(found(&storage), [told.saying("it holds no time").proven_by(proof)]);
    }

    #[test]
    fn what_the_listing_told_is_told_and_all_of_it_counted() {
        let mut storage = Storage::default();
        let many = usize::try_from(TOLD_IN_FULL).unwrap_or(0) + 3;
        for number in 0..many {
            storage
                .put(format!("{}{number}/link", layout::revision_link(&name("app"), &of("x")).replace("/link", "/")));
        }
        storage.put(format!("{}app//x", layout::REPOSITORIES));
        let findings = Looked::at(&storage).check();
        let mut counts: BTreeMap<Code, u64> = BTreeMap::new();
        for (code, _, count) in findings.counts() {
            *counts.entry(code).or_default() += count;
        }
        assert_eq!(counts, BTreeMap::from([(Code::UnknownLink, many as u64), (Code::UnaddressableKey, 1)]));
        let unknown = findings.told().iter().filter(|finding| finding.code == Code::UnknownLink);
        assert!(unknown.clone().count() > 0 && unknown.clone().count() < many);
        assert!(unknown.map(|finding| &finding.repository).all(|within| *within == Some(name("app"))));
    }
}
