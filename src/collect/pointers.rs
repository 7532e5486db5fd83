//! Pointers and uploads, each judged: which of them go.

use super::decide::{self, Decision, DeleteReason, KeepReason};
use super::deletions::Deletions;
use super::dismissed::{Dismissed, Why};
use super::entry::Evidence;
use super::graph::{Graph, Id};
use super::inventory::{Inventory, Repository, TagEntry};
use super::levels::set_levels;
use super::mark::Marks;
use super::multipart::Multipart;
use super::options::Options;
use super::plan::{Deletion, Stage};
use super::roots::{Reason, names};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::borrow::Cow;

/// Decides about every pointer and every upload.
#[must_use]
pub fn plan_pointers(
    inventory: &Inventory,
    graph: &Graph,
    marks: &Marks,
    options: &Options,
    dismissed: &Dismissed,
    now: Timestamp,
) -> Deletions {
    let deletions = Deletions::over(&inventory.digests);
    let mut planner = Planner { graph, marks, options, dismissed, now, deletions };
    for (at, repository) in inventory.repositories.iter().enumerate() {
        planner.tags(at, repository);
        planner.links(at, repository);
        planner.uploads(at, repository);
    }
    planner.multiparts_of_blobs(&inventory.multiparts);
    let mut deletions = planner.deletions;
    set_levels(&mut deletions, graph);
    deletions
}

struct Planner<'a> {
    graph: &'a Graph,
    marks: &'a Marks,
    options: &'a Options,
    dismissed: &'a Dismissed,
    now: Timestamp,
    deletions: Deletions,
}

/// One pointer, and what it names.
struct Pointer<'a> {
    stage: Stage,
    key: String,
    digest: Option<&'a Digest>,
    alias: Option<&'a Digest>,
    evidence: Cow<'a, Evidence>,
}

impl Planner<'_> {
    fn needed(&self, at: usize, digest: &Digest) -> Option<Reason> {
        self.marks.in_repository(at, self.graph.id(digest))
    }

    fn tags(&mut self, at: usize, repository: &Repository) {
        for (ref tag, ref entry) in &repository.tags {
            match self.dismissed.tag(at, tag, entry) {
                Some(why) => self.dismissed_tag(at, repository, (tag, entry), &why.clone()),
                None => self.history(at, repository, (tag, entry)),
            }
        }
    }

    /// A tag goes with all of its history, whatever that names: a tag of which anything is left would still be listed.
    fn dismissed_tag(&mut self, at: usize, repository: &Repository, (tag, entry): (&Tag, &TagEntry), why: &Why) {
        let name = &repository.name;
        let current = entry.current.iter().map(|current| Pointer {
            stage: Stage::Tag,
            key: layout::tag_current(name, tag),
            digest: current.target.digest(),
            alias: None,
            evidence: Cow::Borrowed(&current.evidence),
        });
        let history = entry.history.iter().map(|link| Pointer {
            stage: Stage::TagHistory,
            key: layout::tag_history(name, tag, &link.digest),
            digest: Some(&link.digest),
            alias: None,
            evidence: Cow::Owned(link.evidence()),
        });
        for pointer in current.chain(history) {
            let decision = decide::link(None, pointer.evidence.outside, why.reason);
            self.plan(decision, Some(why), (at, repository), pointer);
        }
    }

    fn history(&mut self, at: usize, repository: &Repository, (tag, entry): (&Tag, &TagEntry)) {
        let current = entry.current.as_ref().and_then(|current| current.target.digest());
        for link in &entry.history {
            let decision =
                decide::history(self.needed(at, &link.digest), current == Some(&link.digest), link.is_outside());
            if matches!(decision, Decision::Keep(_)) {
                continue;
            }
            let pointer = Pointer {
                stage: Stage::TagHistory,
                key: layout::tag_history(&repository.name, tag, &link.digest),
                digest: Some(&link.digest),
                alias: None,
                evidence: Cow::Owned(link.evidence()),
            };
            let why = self.dismissed.manifest(at, &link.digest);
            self.plan(decision, why, (at, repository), pointer);
        }
    }

    fn links(&mut self, at: usize, repository: &Repository) {
        for ref link in &repository.revisions {
            let key = || layout::revision_link(&repository.name, &link.digest);
            let alone = self.dismissed.lone_link(at, key, || link.evidence());
            let needed = names(link).filter_map(|digest| self.needed(at, digest)).min().filter(|_| alone.is_none());
            let decision = decide::link(needed, link.is_outside(), DeleteReason::UntaggedManifest);
            // Of a million links nearly all stay: their keys need not be made.
            if matches!(decision, Decision::Keep(_)) {
                continue;
            }
            let pointer = Pointer {
                stage: Stage::Revision,
                key: layout::revision_link(&repository.name, &link.digest),
                digest: Some(&link.digest),
                alias: link.alias(),
                evidence: Cow::Owned(link.evidence()),
            };
            let why = alone.or_else(|| self.dismissed.revision(at, link));
            self.plan(decision, why, (at, repository), pointer);
        }
        for link in &repository.signatures {
            let decision =
                decide::link(self.needed(at, &link.revision), link.evidence.outside, DeleteReason::UntaggedManifest);
            let pointer = Pointer {
                stage: Stage::Revision,
                key: layout::signature_link(&repository.name, &link.revision, &link.signature),
                digest: Some(&link.signature),
                alias: None,
                evidence: Cow::Borrowed(&link.evidence),
            };
            let why = self.dismissed.manifest(at, &link.revision);
            self.plan(decision, why, (at, repository), pointer);
        }
        // A repair may take away a link to what is needed.
        let (marks, may_all_stay) = (self.marks, !self.dismissed.has_lone_links(at));
        let stays = |number| may_all_stay && marks.in_repository(at, Some(Id::of(number))).is_some();
        for link in repository.layers.unless(self.graph.linked(), stays) {
            let key = || layout::layer_link(&repository.name, &link.digest);
            let alone = self.dismissed.lone_link(at, key, || link.evidence());
            let needed = names(&link).filter_map(|digest| self.needed(at, digest)).min().filter(|_| alone.is_none());
            let decision = decide::link(needed, link.is_outside(), DeleteReason::UnneededLayerLink);
            if matches!(decision, Decision::Keep(_)) {
                continue;
            }
            let pointer = Pointer {
                stage: Stage::LayerLink,
                key: layout::layer_link(&repository.name, &link.digest),
                digest: Some(&link.digest),
                alias: link.alias(),
                evidence: Cow::Owned(link.evidence()),
            };
            self.plan(decision, alone.or_else(|| self.dismissed.layer(at, &link)), (at, repository), pointer);
        }
    }

    /// `why`: if it was dismissed. What was not is left alone where nothing else is collected.
    fn plan(
        &mut self,
        decision: Decision,
        why: Option<&Why>,
        (at, repository): (usize, &Repository),
        pointer: Pointer<'_>,
    ) {
        let reason = match (decision, why) {
            (Decision::Keep(_), _) => return,
            (Decision::Delete(_), Some(why)) => why.reason,
            (Decision::Delete(_), None) if !self.options.collects => return,
            (Decision::Delete(reason), None) => reason,
        };
        self.deletions.push(Deletion {
            stage: pointer.stage,
            key: pointer.key,
            upload_id: None,
            digest: pointer.digest.cloned(),
            alias: pointer.alias.cloned(),
            repository: Some((at, repository.name.clone())),
            evidence: pointer.evidence.into_owned(),
            reason,
            rule: why.and_then(|why| why.rule.clone()),
            level: 0,
        });
    }

    fn uploads(&mut self, at: usize, repository: &Repository) {
        let in_scope = self.options.is_in_scope(repository.name.as_str());
        for upload in repository.uploads.values() {
            let outside = upload.files.iter().any(|(_, evidence)| evidence.outside);
            let limit = self.options.uploads_older_than;
            let mut decision = decide::upload(upload.newest(), limit, self.now, in_scope, outside);
            if !self.options.collects && !self.dismissed.is_whole(at) {
                decision = Decision::Keep(KeepReason::SwitchedOff);
            }
            if let Decision::Delete(reason) = decision {
                let of = || Some((at, repository.name.clone()));
                let files =
                    upload.files.iter().map(|(key, evidence)| of_upload(key, None, of(), evidence.clone(), reason));
                let parts = upload.multiparts.iter().map(|multipart| of_parts(multipart, of(), reason));
                files.chain(parts).for_each(|deletion| self.deletions.push(deletion));
            }
        }
    }

    /// A registry moves a layer to its blob as a multipart upload too: no repository's, so that it goes only where all may
    /// lose something. Of keys that no registry writes nothing goes.
    fn multiparts_of_blobs(&mut self, multiparts: &[Multipart]) {
        let in_scope = self.options.repositories.is_empty() && self.options.collects;
        for multipart in multiparts {
            let limit = self.options.uploads_older_than;
            let decision = decide::upload(multipart.newest(), limit, self.now, in_scope, false);
            if let (Decision::Delete(reason), StorageKey::Blob(_)) = (decision, StorageKey::parse(&multipart.key)) {
                self.deletions.push(of_parts(multipart, None, reason));
            }
        }
    }
}

fn of_upload(
    key: &str,
    upload_id: Option<Box<str>>,
    repository: Option<(usize, RepositoryName)>,
    evidence: Evidence,
    reason: DeleteReason,
) -> Deletion {
    Deletion {
        stage: Stage::Upload,
        key: key.to_owned(),
        upload_id,
        digest: None,
        alias: None,
        repository,
        evidence,
        reason,
        rule: None,
        level: 0,
    }
}

fn of_parts(multipart: &Multipart, repository: Option<(usize, RepositoryName)>, reason: DeleteReason) -> Deletion {
    of_upload(&multipart.key, Some(multipart.id.clone()), repository, multipart.evidence(), reason)
}

#[cfg(test)]
mod tests {
    use super::super::entry::etag_of_link;
    use super::super::mark::mark;
    use super::super::multipart::Parts;
    use super::super::packed_roots::Roots;
    use super::super::scan::Scan;
    use super::super::scene::{DAY, NOW, Storage, name, of, options};
    use super::*;
    use std::collections::BTreeMap;

    /// What is planned of a registry of which nothing is needed.
    fn planned(inventory: &Inventory, options: &Options, dismissed: &Dismissed) -> Vec<String> {
        let mut graph = Graph::new(inventory);
        let marks = mark(inventory, &mut graph, &Roots::default());
        let planned = plan_pointers(inventory, &graph, &marks, options, dismissed, NOW);
        planned.iter().map(|deletion| deletion.key).collect()
    }

    /// They belong to no repository: where only some may lose something, they stay.
    #[test]
    fn parts_of_a_blob_go_where_they_are_old_and_everything_is_collected() {
        let begun = |key: String, age| Multipart {
            key,
            id: "id".into(),
            initiated: NOW.minus(age),
            parts: Parts::Known { bytes: 5, newest: None },
        };
        let blob = layout::blob_data(&of("blob"));
        let inventory = Inventory {
            multiparts: vec![
                begun(blob.clone(), 3 * DAY),
                begun(layout::blob_data(&of("young")), DAY),
                begun("backup/x".into(), 3 * DAY),
            ],
            ..Inventory::default()
        };
        let all = Options { uploads_older_than: Some(2 * DAY), ..options() };
        let planned = |options: &Options| planned(&inventory, options, &Dismissed::default());
        assert_eq!(planned(&all), [blob]);
        let some = Options { repositories: "a".parse().into_iter().collect(), ..all.clone() };
        for cautious in [some, Options { collects: false, ..all.clone() }, Options { uploads_older_than: None, ..all }]
        {
            assert_eq!(planned(&cautious), [""; 0], "{cautious:?}");
        }
    }

    /// Of proven links those that are needed are passed over without a look, unless a repair may take one of them away.
    #[test]
    fn repair_takes_a_link_away_from_what_is_needed_and_no_other() {
        let mut storage = Storage::default();
        let (layer, other) = (storage.layer("a", "layer"), storage.layer("a", "other"));
        let image = storage.index("a", &[&layer, &other]);
        storage.tag("a", "v1", &image);
        let garbage = storage.layer("a", "garbage");
        let link = |digest| layout::layer_link(&name("a"), digest);
        for digest in [&layer, &other, &garbage] {
            storage.seen(&link(digest)).etag = Some(format!("\"{}\"", etag_of_link(digest)).into());
        }
        let (mut scan, _) = storage.scan(&options());
        assert!(scan.inventory.repositories[0].layers.odd().is_empty());
        let planned = |scan: &Scan| {
            let planned = plan_pointers(&scan.inventory, &scan.graph, &scan.marks, &options(), &scan.dismissed, NOW);
            planned.iter().map(|it| (it.key, it.reason)).collect::<BTreeMap<_, _>>()
        };
        let of_garbage = (link(&garbage), DeleteReason::UnneededLayerLink);
        assert_eq!(planned(&scan), BTreeMap::from([of_garbage.clone()]));
        let (key, reason) = (link(&layer), DeleteReason::Unreadable);
        scan.dismissed.add_lone_link(0, key.clone(), storage.seen(&key).clone(), &Why::repair(reason));
        assert_eq!(planned(&scan), BTreeMap::from([of_garbage, (key, reason)]));
    }
}
