//! Who needs what was named for removal.

use super::dismissed::Dismissed;
use super::graph::{Graph, Node};
use super::inventory::Inventory;
use super::keep_from::KeepFrom;
use super::mark::Marks;
use super::options::Options;
use super::roots::{Reason, is_damaged};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::model::Digest;

/// So many are told.
const TOLD: usize = 5;

/// Makes sure that nothing needs what the user has named by its digest, or with its whole repository.
///
/// # Errors
/// A refusal that says what needs it.
pub fn none_is_needed(
    (inventory, graph, marks): (&Inventory, &Graph, &Marks),
    options: &Options,
    dismissed: &Dismissed,
) -> Result<()> {
    let needed = dismissed.must_go().filter_map(|(at, digest)| {
        let reason = marks.in_repository(at, graph.id(digest))?;
        let image = format!("{}@{digest}", inventory.repositories[at].name);
        let by = by(at, digest, (inventory, graph, marks), options, dismissed);
        let by = by.unwrap_or_else(|| of_reason(reason).to_owned());
        Some(format!("{image} is needed by {by}"))
    });
    let mut needed: Vec<String> = needed.collect();
    if needed.is_empty() {
        return Ok(());
    }
    let more = needed.len().saturating_sub(TOLD);
    needed.truncate(TOLD);
    if more > 0 {
        needed.push(format!("and {more} more"));
    }
    Err(Error::new(ErrorKind::Refused, "remove what was named")
        .code(Code::Needed)
        .because(format!("{}; nothing was changed", needed.join("; ")))
        .next("remove what needs it first, or together with it"))
}

fn of_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Needed => "something that stays",
        Reason::BrokenTag => "a tag whose revision link is missing",
        Reason::Young => "a link that is younger than --min-age",
        Reason::PointerStays => "a link that cannot be deleted: it lies outside the root",
    }
}

/// What needs it: a manifest that stays, of its own repository first; or what keeps everything there.
fn by(
    at: usize,
    digest: &Digest,
    (inventory, graph, marks): (&Inventory, &Graph, &Marks),
    options: &Options,
    dismissed: &Dismissed,
) -> Option<String> {
    let id = graph.id(digest)?;
    let others = (0..inventory.repositories.len()).filter(|other| *other != at);
    for at in std::iter::once(at).chain(others) {
        let repository = &inventory.repositories[at];
        for ref manifest in repository.revisions.names() {
            let Some(parent) = graph.id(manifest).filter(|parent| *parent != id) else { continue };
            let Node::Manifest { references, .. } = graph.node(parent) else { continue };
            let names_it = references.all().iter().any(|child| *child == id || graph.aliases(*child).contains(&id));
            if !names_it || marks.in_repository(at, Some(parent)).is_none() {
                continue;
            }
            let tags = repository.current_tags().filter(|(_, current)| current.target.digest() == Some(manifest));
            let tags: Vec<String> = tags.map(|(tag, _)| tag.to_string()).collect();
            let tagged = if tags.is_empty() { String::new() } else { format!(" ({})", tags.join(", ")) };
            return Some(format!("{}@{manifest}{tagged}, which stays", repository.name));
        }
    }
    let is_kept = options.keep_from.iter().any(|keep| match keep {
        KeepFrom::Digest(kept) | KeepFrom::Image(_, kept) => kept == digest,
        KeepFrom::Tag(_, tag) => {
            let repository = &inventory.repositories[at];
            let current = repository.tags.get(tag).and_then(|entry| entry.current);
            let is_it = current.and_then(|current| current.target.into_digest()).as_ref() == Some(digest);
            is_it && keep.repositories().contains(&repository.name)
        }
    });
    if is_kept {
        return Some("--keep-from".to_owned());
    }
    let repository = &inventory.repositories[at];
    let damaged = is_damaged(at, repository, graph, dismissed);
    damaged.then(|| format!("{}, in which something cannot be read: it keeps everything", repository.name))
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DAY, NOW, Storage, name, of, removing};
    use super::*;
    use crate::layout;

    /// Why what is named by its digest must stay; nothing if it need not.
    fn needed(storage: &Storage, options: &Options) -> Option<String> {
        let (scan, _) = storage.scan(options);
        let refused = none_is_needed((&scan.inventory, &scan.graph, &scan.marks), options, &scan.dismissed);
        refused.err().map(|error| {
            assert_eq!((error.kind(), error.refusal()), (ErrorKind::Refused, Some(Code::Needed)));
            error.to_string()
        })
    }

    /// Two images of which both repositories' indexes may need the first.
    fn registry() -> (Storage, Digest) {
        let mut storage = Storage::default();
        let image = storage.index("a", &[]);
        storage.index("a", &[&of("other")]);
        storage.tag("a", "v1", &image);
        (storage, image)
    }

    #[test]
    fn what_nothing_needs_is_not_refused() {
        let (storage, image) = registry();
        assert_eq!(needed(&storage, &removing(&[&format!("a@{image}")])), None);
        assert_eq!(needed(&storage, &removing(&["a"])), None);
    }

    #[test]
    fn index_that_stays_is_told_with_its_tags() {
        let (mut storage, image) = registry();
        let by_digest = removing(&[&format!("a@{image}")]);
        let mut elsewhere = storage.clone();
        let index = elsewhere.index("b", &[&image]);
        let told = |by: &str| Some(format!("remove what was named: a@{image} is needed by {by}; nothing was changed"));
        assert_eq!(needed(&elsewhere, &by_digest), told(&format!("b@{index}, which stays")));
        storage.index("a", &[&image]);
        storage.tag("a", "v2", &index);
        storage.tag("a", "v3", &index);
        assert_eq!(needed(&storage, &by_digest), told(&format!("a@{index} (v2, v3), which stays")));
        // Together with the index it may go.
        assert_eq!(needed(&storage, &removing(&[&format!("a@{image}"), &format!("a@{index}")])), None);
    }

    #[test]
    fn what_is_kept_or_damaged_or_outside_is_told() {
        let (mut storage, image) = registry();
        let options = removing(&[&format!("a@{image}")]);
        let contains = |storage: &Storage, options: &Options, word: &str| {
            assert!(needed(storage, options).is_some_and(|why| why.contains(word)), "{word}");
        };
        for text in [image.to_string(), format!("elsewhere@{image}")] {
            let keep_from = text.parse().into_iter().collect();
            contains(&storage, &Options { keep_from, ..options.clone() }, "by --keep-from;");
        }
        let keep_from = of("other").to_string().parse().into_iter().collect();
        assert_eq!(needed(&storage, &Options { keep_from, ..options.clone() }), None);
        let mut outside = storage.clone();
        outside.seen(&layout::revision_link(&name("a"), &image)).outside = true;
        contains(&outside, &options, "it lies outside the root");
        let mut young = storage.clone();
        let min_age = Options { min_age: DAY, ..options.clone() };
        young.put(layout::layer_link(&name("a"), &image)).modified = NOW;
        contains(&young, &min_age, "a link that is younger than --min-age");
        storage.manifest("a", "{");
        contains(&storage, &options, "a, in which something cannot be read: it keeps everything");
    }

    #[test]
    fn tag_that_is_to_be_kept_keeps_what_it_names_in_its_repository() {
        let (mut storage, image) = registry();
        let other = storage.index("a", &[&of("x")]);
        storage.tag("a", "v2", &other);
        storage.put(layout::revision_link(&name("b"), &image));
        storage.tag("b", "v1", &image);
        let by_tag = |storage: &Storage, text: &str| {
            let keep_from = text.parse().into_iter().collect();
            needed(storage, &Options { keep_from, ..removing(&[&format!("a@{image}")]) })
        };
        let kept = format!("remove what was named: a@{image} is needed by --keep-from; nothing was changed");
        assert_eq!(by_tag(&storage, "a:v1"), Some(kept.clone()));
        assert_eq!(by_tag(&storage, "host:5000/a:v1"), Some(kept));
        assert_eq!([by_tag(&storage, "a:v2"), by_tag(&storage, "b:v1"), by_tag(&storage, "a:v3")], [None, None, None]);
        // Something else keeps it: that is told, and no tag of another image or repository.
        storage.manifest("a", "{");
        for text in ["a:v2", "b:v1", "a:v3"] {
            let why = by_tag(&storage, text).unwrap_or_default();
            assert!(why.contains("in which something cannot be read"), "{text}: {why}");
        }
    }

    #[test]
    fn only_the_first_of_many_are_told() {
        let mut storage = Storage::default();
        for number in 0..7 {
            storage.index("a", &[&of(&number.to_string())]);
        }
        let all: Vec<Digest> = storage.manifests.keys().cloned().collect();
        let names: Vec<&Digest> = all.iter().collect();
        let index = storage.index("b", &names);
        let why = needed(&storage, &removing(&["a"])).unwrap_or_default();
        assert_eq!(why.matches(&format!("is needed by b@{index}, which stays")).count(), TOLD);
        assert!(why.ends_with("; and 2 more; nothing was changed"), "{why}");
    }
}
