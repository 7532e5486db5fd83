//! A registry as keys, with what its links say and what is in its manifests: what unit tests of this folder decide about.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::applied::{Limit, Limited, left, limit_pointers};
use super::blobs::{BlobJudge, Owners};
use super::entry::Evidence;
use super::graph::{Fetched, Graph, manifests_to_read};
use super::holders::Holders;
use super::mark::mark_without;
use super::named::named;
use super::options::{Aside, Mode, Options};
use super::plan::{Deletion, Plan};
use super::pointers::plan_pointers;
use super::refusal::marked_manifests;
use super::report::Scan;
use super::roots::roots;
use super::scene_listed::Told;
use super::sealed::Line;
use super::state::pending::Pending;
use crate::layout;
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// *Now*; everything was written long before, where nothing else is said.
pub(super) const NOW: Timestamp = Timestamp::from_days(1000);
/// When everything was written, where nothing else is said.
pub(super) const WRITTEN: Timestamp = Timestamp::from_days(1);
/// The id of each upload.
pub(super) const UPLOAD: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
/// A day.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// Keys with what a listing says of them, and contents.
#[derive(Debug, Clone, Default)]
pub(super) struct Storage {
    /// What a listing says.
    pub(super) objects: BTreeMap<String, Evidence>,
    /// What links say, where it is not the digest in their key.
    pub(super) says: BTreeMap<String, String>,
    /// What can be read as a manifest.
    pub(super) manifests: BTreeMap<Digest, String>,
}

/// Options that keep nothing but what is needed.
pub(super) fn options() -> Options {
    Options {
        mode: Mode::Offline,
        delete_untagged: true,
        min_age: Duration::ZERO,
        defer: Duration::ZERO,
        settle: Duration::ZERO,
        aside: Aside::Auto,
        max_scan_age: Duration::from_mins(5),
        uploads_older_than: Some(Duration::ZERO),
        repositories: Vec::new(),
        keep_from: Vec::new(),
        max_delete_percent: None,
        allow: Vec::new(),
        images: Vec::new(),
        collects: true,
        rules: None,
        repair: None,
    }
}

/// Options of one who removes images by name, and nothing else.
pub(super) fn removing(images: &[&str]) -> Options {
    let images = images.iter().map(|text| text.parse().unwrap()).collect();
    Options { images, delete_untagged: false, collects: false, ..options() }
}

pub(super) fn name(text: &str) -> RepositoryName {
    RepositoryName::new(text).unwrap()
}

pub(super) fn tag(text: &str) -> Tag {
    Tag::new(text).unwrap()
}

/// The digest of a text.
pub(super) fn of(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// Another name for content; what the registry calls a canonical digest stands in the link.
pub(super) fn sha512(text: &str) -> Digest {
    Digest::from_parts("sha512", &of(text).hex().repeat(2)).unwrap()
}

/// The keys of a plan.
pub(super) fn keys(plan: &Plan) -> BTreeSet<String> {
    plan.deletions().iter().map(|deletion| deletion.key).collect()
}

/// A deletion as a saved plan has it.
pub(super) fn line(deletion: Deletion) -> Line {
    Line {
        stage: deletion.stage,
        key: deletion.key.into(),
        upload_id: deletion.upload_id,
        digest: deletion.digest,
        repository: deletion.repository.map(|(_, name)| name),
        evidence: deletion.evidence,
        reason: deletion.reason,
        rule: deletion.rule.as_deref().map(Into::into),
    }
}

impl Storage {
    /// An object of the size of a link.
    pub(super) fn put(&mut self, key: String) -> &mut Evidence {
        let evidence = Evidence { size: 71, modified: WRITTEN, etag: None, outside: false };
        self.objects.entry(key).insert_entry(evidence).into_mut()
    }

    /// A link that says something else than its key.
    pub(super) fn link(&mut self, key: String, says: &str) -> &mut Evidence {
        self.says.insert(key.clone(), says.to_owned());
        let evidence = self.put(key);
        evidence.size = says.len() as u64;
        evidence
    }

    pub(super) fn seen(&mut self, key: &str) -> &mut Evidence {
        self.objects.get_mut(key).unwrap()
    }

    /// Content, as large as its text.
    pub(super) fn blob(&mut self, content: &str) -> Digest {
        let digest = of(content);
        self.put(layout::blob_data(&digest)).size = content.len() as u64;
        digest
    }

    /// Content with its link.
    pub(super) fn layer(&mut self, repository: &str, content: &str) -> Digest {
        let digest = self.blob(content);
        self.put(layout::layer_link(&name(repository), &digest));
        digest
    }

    /// An index of these parts.
    pub(super) fn index(&mut self, repository: &str, parts: &[&Digest]) -> Digest {
        self.about(repository, parts, None)
    }

    /// An index of these parts that is about something.
    pub(super) fn about(&mut self, repository: &str, parts: &[&Digest], subject: Option<&Digest>) -> Digest {
        let descriptor = |digest: &Digest| format!(r#"{{"digest":"{digest}"}}"#);
        let parts: Vec<String> = parts.iter().map(|digest| descriptor(digest)).collect();
        let subject = subject.map_or_else(String::new, |digest| format!(r#","subject":{}"#, descriptor(digest)));
        self.manifest(repository, &format!(r#"{{"schemaVersion":2,"manifests":[{}]{subject}}}"#, parts.join(",")))
    }

    /// Any manifest.
    pub(super) fn manifest(&mut self, repository: &str, content: &str) -> Digest {
        let digest = self.blob(content);
        self.put(layout::revision_link(&name(repository), &digest));
        self.manifests.insert(digest.clone(), content.to_owned());
        digest
    }

    /// A tag, with its history.
    pub(super) fn tag(&mut self, repository: &str, text: &str, digest: &Digest) {
        self.link(layout::tag_current(&name(repository), &tag(text)), &digest.to_string());
        self.put(layout::tag_history(&name(repository), &tag(text), digest));
    }

    pub(super) fn upload(&mut self, repository: &str, files: &[&str]) {
        for file in files {
            self.put(layout::upload(&name(repository), UPLOAD) + file);
        }
    }

    /// All that is known, and what goes.
    pub(super) fn scan(&self, options: &Options) -> (Scan, Plan) {
        self.scan_with(options, None, &Pending::default())
    }

    /// The same under a saved plan, with a record of what waits.
    ///
    /// Links are read, and once more told by their `ETag`s, as S3 has them: what is decided must not depend on that. A saved
    /// plan knows them as they are read.
    pub(super) fn scan_with(&self, options: &Options, limit: Option<&Limit>, record: &Pending) -> (Scan, Plan) {
        let (scan, plan) = self.scan_by(Told::ByReading, options, limit, record);
        if limit.is_none() {
            let (same, same_plan) = self.scan_by(Told::ByEtag, options, None, record);
            assert_eq!(keys(&plan), keys(&same_plan), "what goes, where `ETag`s tell what links say");
            assert_eq!(scan.blobs.parts, same.blobs.parts, "whose it is, where `ETag`s tell what links say");
        }
        (scan, plan)
    }

    fn scan_by(&self, told: Told, options: &Options, limit: Option<&Limit>, record: &Pending) -> (Scan, Plan) {
        let mut inventory = self.inventory_by(told, options);
        let mut graph = Graph::new(&inventory);
        for (digest, expectation) in manifests_to_read(&inventory, &options.keep_from) {
            let is_there = self.objects.contains_key(&layout::blob_data(&digest));
            let fetched = match self.manifests.get(&digest) {
                Some(content) => Fetched::Bytes(content.clone().into()),
                None if is_there => Fetched::Bytes("no manifest".into()),
                None => Fetched::Missing,
            };
            graph.learn(&digest, expectation, &fetched);
        }
        let (mut dismissed, _) = named(&options.images, &inventory, &options.keep_from, &[]);
        dismissed.complete(&inventory, &mut graph, options, NOW);
        let roots = roots(&inventory, &graph, options, &dismissed, NOW);
        let marks = mark_without(&inventory, &mut graph, &roots, &dismissed);
        let before = marked_manifests(&inventory, &graph, &marks);
        let pointers = plan_pointers(&inventory, &graph, &marks, options, &dismissed, NOW);
        let limited = match limit {
            Some(limit) => {
                limit_pointers(limit, (&inventory, &mut graph, &mut dismissed), roots, pointers, options, NOW)
            }
            None => Limited::all(marks, pointers),
        };
        let Limited { marks, deletions, staying, not_in_plan } = limited;
        assert!(marked_manifests(&inventory, &graph, &marks) >= before);
        let owners = Owners::of(&deletions, &graph);
        let holders = Holders::of(&inventory, &graph);
        let judge =
            BlobJudge::new(&graph, &marks, options, &owners, record, NOW).shared_among(&holders).adding_to(deletions);
        let mut judge = judge.limited_to(limit);
        self.each_listed(|entry| {
            if entry.key.starts_with(layout::BLOBS) {
                judge.see(entry);
            }
        });
        let mut blobs = judge.finish();
        let plan = Plan::new(std::mem::take(&mut blobs.deletions));
        let left = limit.map(|limit| left(limit, &inventory, &blobs, &plan, not_in_plan)).unwrap_or_default();
        let mut problems = std::mem::take(&mut inventory.problems);
        problems.extend(super::roots::problems(&inventory, &graph, options));
        let (now, young_until, taken) = (NOW, None, Vec::new());
        let scan = Scan {
            inventory,
            graph,
            marks,
            blobs,
            owners,
            problems,
            now,
            young_until,
            staying,
            dismissed,
            taken,
            hollow: Vec::new(),
            left,
        };
        (scan, plan)
    }

    /// What does not go.
    pub(super) fn kept(&self, options: &Options) -> BTreeSet<String> {
        let (_, plan) = self.scan(options);
        let gone = keys(&plan);
        self.objects.keys().filter(|key| !gone.contains(key.as_str())).cloned().collect()
    }
}
