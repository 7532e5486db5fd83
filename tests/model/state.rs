//! Everything that can differ between two moments.

use crate::names::{Digest, Kind, Link, Links, MANIFESTS, Repository, Set, Tag, children, link};

/// The whole: storage, descriptor cache, clients with their requests, collectors with their memory, and what was promised.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct State {
    pub storage: Storage,
    pub cache: Cache,
    pub pushers: [Pusher; 2],
    pub collectors: [Collector; 2],
    /// The tags that must pull when no run is under way: pushed, acknowledged, and neither overwritten nor deleted since.
    pub promised: Links,
    /// Those of them that must pull at every moment.
    pub always: Links,
    /// Layer links that were written for what waits to go while a [window](Collector::window) was open: see
    /// `Assumptions::nobody_pushes_into_windows`.
    pub brought_back: Links,
    pub runs_left: u8,
    pub kills_left: u8,
    pub stops_left: u8,
    pub faults_left: u8,
    /// A run was killed or told to stop, and none has ended since.
    pub interrupted: bool,
}

/// What is on disk or in the bucket.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Storage {
    /// `repositories/`: every pointer.
    pub links: Links,
    /// `blobs/`: whose data is in place.
    pub data: Set,
    /// What is younger than `--min-age`: with a `--min-age` all that was written since the last time that a day went by,
    /// without one nothing.
    pub young: Links,
    pub young_data: Set,
    /// `regsweep/aside/<run>/`, by the collector whose run it is.
    pub aside: [Set; 2],
    /// The links in the journals below `regsweep/runs/`: those of runs within the last wait, and older ones, which the
    /// run that is under way is the last to see.
    pub journal: Links,
    pub old_journal: Links,
    /// Those of them whose run was killed or stopped, and that no later run has finished.
    pub unfinished: Links,
    /// History of tags that an unfinished journal names, written since that journal was.
    pub since_journal: Links,
    /// `regsweep/pending`: what has waited long enough, and what has not.
    pub waited: Set,
    pub waiting: Set,
    /// Whose data was written since its wait began: it is younger than the record says.
    pub rewritten: Set,
    /// Whose request was in flight when the youngest wait began and has not ended. The wait is at least `--settle`, and so
    /// outlasts any such request.
    pub wait_outlasts: u8,
}

/// The registry's descriptor cache, if it has one: what it believes to exist, anywhere and in each repository.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cache {
    pub anywhere: Set,
    pub repositories: [Set; 2],
}

/// A client that works through its program, one request after the other.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Pusher {
    /// Which request of the program is next or in flight.
    pub request: u8,
    /// How far the registry is with it.
    pub at: Request,
    /// Which of the manifest's references is being checked.
    pub reference: u8,
    /// Whether it was refused once and began again.
    pub retried: bool,
}

/// The steps that the registry takes for a request, in the order in which it takes them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Request {
    /// None is in flight.
    #[default]
    Between,
    HeadData,
    HeadRemember,
    /// Between the requests for one blob: HEAD has said that it is not there.
    BeforeMount,
    MountData,
    MountRemember,
    MountLink,
    BeforeUpload,
    UploadData,
    UploadLink,
    UploadRemember,
    PutLink,
    PutData,
    PutRemember,
    PutOwnData,
    PutWrite,
    PutRememberOwn,
    PutRevision,
    PutHistory,
    PutCurrent,
    UntagHistory,
    DeleteTags,
    /// The registry has refused the push, and the client gives up.
    Refused,
}

impl Pusher {
    /// Whether a request is in flight.
    pub fn is_busy(self) -> bool {
        !matches!(self.at, Request::Between | Request::BeforeMount | Request::BeforeUpload | Request::Refused)
    }
    /// Whether that request is the PUT of a manifest.
    pub fn is_putting(self) -> bool {
        matches!(
            self.at,
            Request::PutLink
                | Request::PutData
                | Request::PutRemember
                | Request::PutOwnData
                | Request::PutWrite
                | Request::PutRememberOwn
                | Request::PutRevision
                | Request::PutHistory
                | Request::PutCurrent
        )
    }
}

/// A run of regsweep: how far it is, and what it has in memory.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Collector {
    pub at: At,
    pub stopped: Stopped,
    /// Which listing of `repositories/` is next.
    pub listing: u8,
    /// The pointers as the last listings of each repository showed them.
    pub seen: Links,
    /// Those of them that the scan found younger than `--min-age`.
    pub young: Links,
    /// What was written since the scan listed its repository: its time or `ETag` is another.
    pub changed: Links,
    /// What is known to be a manifest: a journal's revision link or something in the scan names it.
    pub manifests: Set,
    /// What is to go.
    pub doomed: Links,
    pub going: Set,
    /// What is found unneeded and stays for now: for the first time or with pointers, and without, once more.
    pub begins_to_wait: Set,
    pub goes_on_waiting: Set,
    /// Pointers that this run removed.
    pub removed: Links,
    /// What some pointer named in the scan.
    pub named: Set,
    /// Content that this run removed or put aside.
    pub gone: Set,
    /// Tags that were pushed while this run removed them.
    pub pushed: Links,
    /// What is to be written back.
    pub missing: Links,
    pub put_back: Set,
    /// Whose request was in flight when the pause began that is under way.
    pub settles_for: u8,
    /// Whose request was in flight when the last pointer had gone.
    pub wait_outlasts: u8,
    /// Content is going to be judged, or is going, by the listings that were made since this was set.
    pub window: bool,
    /// These listings have become older than `--max-scan-age`.
    pub stale: bool,
}

/// Whether a run goes on to its end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Stopped {
    #[default]
    No,
    /// It has done as much as it was allowed to: nothing more goes, and the rest is done.
    Budget,
    /// It was told to stop: it writes down what waits, puts back what is aside, and leaves the rest to the next run.
    Signal,
}

/// The stages of a run, in their order. When each is due: `collector.rs`; what it does: `stages.rs`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum At {
    /// No run is under way.
    #[default]
    Idle,
    PutBackDead,
    PutBackDeadTags,
    Scan,
    MendEarlier,
    ListContent,
    Recheck,
    WriteJournal,
    LookAtTags,
    Tags,
    LookAtHistory,
    PutBackTags,
    Pointers,
    SettleBeforeContent,
    EvictBeforeContent,
    SettleForEviction,
    ListAgain,
    Content,
    WritePending,
    SettleToVerify,
    EvictAll,
    SettleAgain,
    Verify,
    Mend,
    PutBack,
    LetGo,
    End,
}

impl Storage {
    /// Whether the image pulls, to the last layer of the last child.
    pub fn pulls(&self, repository: Repository, manifest: Digest) -> bool {
        self.links.has(link(repository, Kind::Revision, manifest))
            && self.data.has(manifest)
            && children(manifest).iter().all(|child| {
                if MANIFESTS.has(*child) {
                    self.pulls(repository, *child)
                } else {
                    self.links.has(link(repository, Kind::Layer, *child)) && self.data.has(*child)
                }
            })
    }

    /// The digest that a tag points to.
    pub fn current(&self, repository: Repository, tag: Tag) -> Option<Digest> {
        self.links.get(repository, Kind::Current(tag)).first()
    }

    pub fn all_aside(&self) -> Set {
        self.aside[0].or(self.aside[1])
    }

    /// What was pushed to tags that unfinished journals name, and that have nothing now.
    pub fn lost_tags(&self) -> Links {
        let mut lost = Links::default();
        for (repository, tag) in self.unfinished.places() {
            let pushed = self
                .since_journal
                .get(repository, Kind::History(tag))
                .and(self.links.get(repository, Kind::History(tag)));
            if let Some(digest) = pushed.first().filter(|_| self.current(repository, tag).is_none()) {
                lost.add(link(repository, Kind::Current(tag), digest));
            }
        }
        lost
    }

    pub fn journals(&self) -> Links {
        self.journal.or(self.old_journal)
    }
}

impl State {
    /// A link is written, by the registry or by a collector. One that was there has a new time all the same.
    pub fn write(&mut self, link: Link, with_min_age: bool) {
        let alone = matches!(link.kind, Kind::Current(_));
        for links in [&mut self.storage.links, &mut self.storage.young] {
            if alone {
                links.set(link.repository, link.kind, Set::default());
            }
        }
        self.storage.links.add(link);
        if with_min_age {
            self.storage.young.add(link);
        }
        if let Kind::History(tag) = link.kind
            && !self.storage.unfinished.get(link.repository, Kind::Current(tag)).is_empty()
        {
            self.storage.since_journal.add(link);
        }
        for collector in &mut self.collectors {
            let last = if alone || matches!(link.kind, Kind::History(_)) { At::LookAtHistory } else { At::Recheck };
            if collector.at >= At::Scan && collector.at <= last {
                collector.changed.add(link);
            }
        }
    }

    pub fn unlink(&mut self, link: Link) {
        self.storage.links.remove(link);
        self.storage.young.remove(link);
        self.storage.since_journal.remove(link);
    }

    pub fn write_data(&mut self, digest: Digest, with_min_age: bool) {
        self.storage.data.add(digest);
        if self.storage.waited.or(self.storage.waiting).has(digest) {
            self.storage.rewritten.add(digest);
        }
        if with_min_age {
            self.storage.young_data.add(digest);
        }
    }

    /// The clients whose request is in flight, one bit each.
    pub fn busy(&self) -> u8 {
        u8::from(self.pushers[0].is_busy()) | u8::from(self.pushers[1].is_busy()) << 1
    }

    /// Somebody was told that this tag has this image.
    pub fn promise(&mut self, current: Link) {
        if let Kind::Current(tag) = current.kind {
            self.unpromise(current.repository, tag);
        }
        self.promised.add(current);
    }

    /// Whatever was promised of this tag, somebody has overwritten or deleted it.
    pub fn unpromise(&mut self, repository: Repository, tag: Tag) {
        for links in [&mut self.promised, &mut self.always] {
            links.set(repository, Kind::Current(tag), Set::default());
        }
    }

    /// The same, if it was promised with this image.
    pub fn unpromise_link(&mut self, current: Link) {
        self.promised.remove(current);
        self.always.remove(current);
    }

    /// The first of these tags that was promised and does not pull.
    pub fn broken(&self, tags: Links) -> Option<(Repository, Tag)> {
        let tags = self.promised.and(tags);
        if tags.is_empty() {
            return None;
        }
        let places = (0..2).flat_map(|repository| (0..2).map(move |tag| (repository, tag)));
        let mut promised = places
            .filter_map(|(repository, tag)| Some((repository, tag, tags.get(repository, Kind::Current(tag)).first()?)));
        promised
            .find(|(repository, tag, digest)| {
                self.storage.current(*repository, *tag) != Some(*digest) || !self.storage.pulls(*repository, *digest)
            })
            .map(|(repository, tag, _)| (repository, tag))
    }

    /// The first manifest that a repository lists and that does not pull by its digest.
    pub fn dangling(&self) -> Option<(Repository, Digest)> {
        (0..2).find_map(|repository| {
            let listed = self.storage.links.get(repository, Kind::Revision);
            let mut listed = (0..8).filter(|digest| listed.has(*digest));
            listed.find(|digest| !self.storage.pulls(repository, *digest)).map(|digest| (repository, digest))
        })
    }
}
