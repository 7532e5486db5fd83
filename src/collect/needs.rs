//! Who needs what was named for removal.

use super::dismissed::Dismissed;
use super::graph::{Graph, Node};
use super::inventory::Inventory;
use super::keep_from::KeepFrom;
use super::mark::Marks;
use super::options::Options;
use super::roots::{Reason, is_damaged, names};
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
        for manifest in repository.revisions.iter().flat_map(names) {
            let Some(parent) = graph.id(manifest).filter(|parent| *parent != id) else { continue };
            let Node::Manifest { references, .. } = graph.node(parent) else { continue };
            let names_it = references.iter().any(|child| *child == id || graph.aliases(*child).contains(&id));
            if !names_it || marks.in_repository(at, Some(parent)).is_none() {
                continue;
            }
            let tags = repository.current_tags().filter(|(_, current)| current.target.digest() == Some(manifest));
            let tags: Vec<&str> = tags.map(|(tag, _)| tag.as_str()).collect();
            let tagged = if tags.is_empty() { String::new() } else { format!(" ({})", tags.join(", ")) };
            return Some(format!("{}@{manifest}{tagged}, which stays", repository.name));
        }
    }
    let is_kept = options.keep_from.iter().any(|keep| match keep {
        KeepFrom::Digest(kept) | KeepFrom::Image(_, kept) => kept == digest,
        KeepFrom::Tag(_, tag) => {
            let repository = &inventory.repositories[at];
            let current = repository.tags.get(tag).and_then(|entry| entry.current.as_ref());
            let is_it = current.and_then(|current| current.target.digest()) == Some(digest);
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
