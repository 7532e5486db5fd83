//! Every pointer to something, and what becomes of each.

use crate::collect::decide::DeleteReason;
use crate::collect::inventory::{Inventory, Link};
use crate::collect::plan::Plan;
use crate::layout;
use crate::model::{Digest, Timestamp};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// What kind of pointer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pointer {
    /// A tag names it now.
    Tag,
    /// It is a manifest of the repository.
    Revision,
    /// The repository may serve it.
    LayerLink,
    /// It signs a manifest, as old registries had it.
    Signature,
    /// A tag has named it.
    TagHistory,
}

/// One pointer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTo {
    /// The repository, by its place in the inventory.
    pub at: usize,
    /// What kind of pointer.
    pub pointer: Pointer,
    /// The tag, if it is one's.
    pub tag: Option<String>,
    /// Its key.
    pub key: String,
    /// When it was written.
    pub modified: Timestamp,
    /// Why the next run takes it away, if it does, and by which rule.
    pub goes: Option<(DeleteReason, Option<Arc<str>>)>,
}

/// All pointers to a digest, by repository.
#[must_use]
pub fn links_to(inventory: &Inventory, plan: &Plan, digest: &Digest) -> Vec<LinkTo> {
    let mut found: Vec<LinkTo> = Vec::new();
    for (at, repository) in inventory.repositories.iter().enumerate() {
        let name = &repository.name;
        let mut add = |pointer, tag: Option<String>, key: String, modified| {
            found.push(LinkTo { at, pointer, tag, key, modified, goes: None });
        };
        for (ref tag, ref entry) in &repository.tags {
            let text = || Some(tag.to_string());
            if let Some(current) = entry.current.as_ref().filter(|it| it.target.digest() == Some(digest)) {
                add(Pointer::Tag, text(), layout::tag_current(name, tag), current.evidence.modified);
            }
            for link in entry.history.iter().filter(|link| link.digest == *digest) {
                add(Pointer::TagHistory, text(), layout::tag_history(name, tag, digest), link.modified());
            }
        }
        let names_it = |link: &Link| link.digest == *digest || link.alias() == Some(digest);
        for link in repository.revisions.iter().filter(names_it) {
            add(Pointer::Revision, None, layout::revision_link(name, &link.digest), link.modified());
        }
        let own = repository.layers.find(digest);
        let others = repository.layers.odd().iter().filter(|link| link.alias() == Some(digest)).cloned();
        for link in own.into_iter().chain(others) {
            add(Pointer::LayerLink, None, layout::layer_link(name, &link.digest), link.modified());
        }
        for link in repository.signatures.iter().filter(|link| link.signature == *digest) {
            let key = layout::signature_link(name, &link.revision, &link.signature);
            add(Pointer::Signature, None, key, link.evidence.modified);
        }
    }
    let keys: HashMap<String, usize> = found.iter().enumerate().map(|(at, link)| (link.key.clone(), at)).collect();
    for deletion in plan.deletions() {
        if let Some(at) = keys.get(&deletion.key) {
            found[*at].goes = Some((deletion.reason, deletion.rule.clone()));
        }
    }
    found.sort_by(|a, b| (a.at, a.pointer, &a.tag, &a.key).cmp(&(b.at, b.pointer, &b.tag, &b.key)));
    found
}
