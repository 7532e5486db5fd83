//! Where explorations begin. `a` is a layer that nothing tagged needs at the moment, `b` one that is needed.

use crate::assumptions::Assumptions;
use crate::names::{A, Digest, I, J, K, Kind, Links, M, N, Repository, Tag, V, link, set};
use crate::protocol::Protocol;
use crate::registry::membership;
use crate::scenario::{CacheKind, Op, Scenario};
use crate::state::State;

pub const APP: Repository = 0;
pub const LIB: Repository = 1;

/// A scene: where it begins, and what clients do. How regsweep is told to run is up to the test.
pub type Scene = fn() -> Scenario;

/// All scenes in which one client works.
pub const SCENES: [Scene; 12] = [
    push_of_garbage,
    push_of_what_waits,
    retag,
    retag_of_manifest,
    retag_of_what_waits,
    retag_of_what_nobody_knows,
    mount,
    mount_of_what_waits,
    index,
    nested_index,
    untag_and_push,
    delete_and_push,
];

/// A client makes sure of a blob.
pub fn blob(repository: Repository, digest: Digest) -> Op {
    Op::Blob { repository, digest, from: None }
}
pub fn mount_from(from: Repository, repository: Repository, digest: Digest) -> Op {
    Op::Blob { repository, digest, from: Some(from) }
}
pub fn put(repository: Repository, manifest: Digest, tag: Tag) -> Op {
    Op::Put { repository, manifest, tag }
}

impl Scenario {
    fn new(name: &str) -> Scenario {
        Scenario {
            name: name.to_owned(),
            begin: State { runs_left: 1, ..State::default() },
            programs: [Vec::new(), Vec::new()],
            protocol: Protocol::FULL,
            cache: CacheKind::None,
            with_min_age: false,
            removes: Links::default(),
            collectors: 1,
            lists_in_parts: false,
            retries: false,
            closing_run: false,
            watches_recheck: false,
            watches_listed: false,
            assumptions: Assumptions::ALL,
        }
    }

    /// An image without a tag: all its links and data.
    fn untagged(mut self, repository: Repository, manifest: Digest) -> Scenario {
        for digest in set(&[manifest]).closure().digests() {
            self.begin.storage.links.add(membership(repository, digest));
            self.begin.storage.data.add(digest);
        }
        self
    }

    fn tagged(self, repository: Repository, tag: Tag, manifest: Digest) -> Scenario {
        let mut scene = self.untagged(repository, manifest).with_history(repository, tag, manifest);
        let current = link(repository, Kind::Current(tag), manifest);
        scene.begin.storage.links.add(current);
        scene.begin.promise(current);
        scene.begin.always.add(current);
        scene
    }

    /// It was there before under a tag that has another image now.
    fn with_history(mut self, repository: Repository, tag: Tag, manifest: Digest) -> Scenario {
        self.begin.storage.links.add(link(repository, Kind::History(tag), manifest));
        self
    }

    /// Data without any link, which has waited long enough.
    fn waited(mut self, digests: &[Digest]) -> Scenario {
        for digest in digests {
            self.begin.storage.data.add(*digest);
            self.begin.storage.waited.add(*digest);
        }
        self
    }

    /// The same, where a run took the links away and has them in its journal.
    fn swept(self, repository: Repository, digests: &[Digest]) -> Scenario {
        let mut scene = self.waited(digests);
        for digest in digests {
            scene.begin.storage.journal.add(membership(repository, *digest));
        }
        scene
    }

    pub fn client(mut self, ops: &[Op]) -> Scenario {
        let free = self.programs.iter_mut().find(|program| program.is_empty()).expect("a free client");
        *free = ops.to_vec();
        self
    }

    /// The cache knows all that there is.
    pub fn warm(mut self) -> Scenario {
        let storage = self.begin.storage;
        for repository in [APP, LIB] {
            let links = storage.links.get(repository, Kind::Layer).or(storage.links.get(repository, Kind::Revision));
            self.begin.cache.repositories[repository as usize] = links.and(storage.data);
            self.begin.cache.anywhere = self.begin.cache.anywhere.or(links.and(storage.data));
        }
        self
    }
}

/// A client pushes an image made of a layer that is garbage at that moment.
pub fn push_of_garbage() -> Scenario {
    Scenario::new("push of garbage").untagged(APP, N).client(&[blob(APP, A), put(APP, M, 0)])
}
/// The layer's links are gone already, and its data has waited.
pub fn push_of_what_waits() -> Scenario {
    Scenario::new("push of what waits").swept(APP, &[A, N]).client(&[blob(APP, A), put(APP, M, 0)])
}
/// A client tags an image that has no tag.
pub fn retag() -> Scenario {
    Scenario::new("tag for an untagged image").untagged(APP, M).with_history(APP, 1, M).client(&[put(APP, M, 0)])
}
/// The same, where the layers stay in any case: only the manifest is garbage.
pub fn retag_of_manifest() -> Scenario {
    Scenario::new("tag for an untagged manifest").tagged(APP, 0, K).untagged(APP, V).client(&[put(APP, V, 1)])
}
/// The same, where the manifest waits.
pub fn retag_of_what_waits() -> Scenario {
    Scenario::new("tag for a waiting manifest").tagged(APP, 0, K).swept(APP, &[V]).client(&[put(APP, V, 1)])
}
/// The same, where no journal names the manifest: it was deleted by a client.
pub fn retag_of_what_nobody_knows() -> Scenario {
    Scenario::new("tag for a waiting manifest that nobody knows")
        .tagged(APP, 0, K)
        .waited(&[V])
        .client(&[put(APP, V, 1)])
}
/// A client mounts a garbage layer across repositories.
pub fn mount() -> Scenario {
    Scenario::new("mount of garbage").untagged(LIB, N).client(&[mount_from(LIB, APP, A), put(APP, M, 0)])
}
/// The same, where only the source repository has lost its link, and the data has waited.
pub fn mount_of_what_waits() -> Scenario {
    Scenario::new("mount of what waits").swept(LIB, &[A, N]).client(&[mount_from(LIB, APP, A), put(APP, M, 0)])
}
/// A client pushes an index whose child is garbage.
pub fn index() -> Scenario {
    Scenario::new("index of a garbage image").untagged(APP, M).client(&[put(APP, I, 0)])
}
/// A client pushes an index of an index that is garbage.
pub fn nested_index() -> Scenario {
    Scenario::new("index of a garbage index").untagged(APP, I).client(&[put(APP, J, 0)])
}
/// A client deletes a tag and pushes another image made of the same layer.
pub fn untag_and_push() -> Scenario {
    let untag = Op::Untag { repository: APP, tag: 0 };
    Scenario::new("untag and push").tagged(APP, 0, M).client(&[untag, blob(APP, A), put(APP, N, 0)])
}
/// A client deletes an image and pushes it again.
pub fn delete_and_push() -> Scenario {
    let delete = Op::Delete { repository: APP, manifest: M };
    Scenario::new("delete and push").tagged(APP, 0, M).client(&[delete, blob(APP, A), put(APP, M, 1)])
}
/// One client brings a garbage layer, another pushes with it.
pub fn two_clients() -> Scenario {
    Scenario::new("two clients with one garbage layer")
        .untagged(APP, N)
        .client(&[blob(APP, A), put(APP, M, 0)])
        .client(&[blob(APP, A), put(APP, N, 1)])
}
/// Nobody pushes.
pub fn nobody() -> Scenario {
    Scenario::new("nobody pushes").tagged(APP, 0, K).untagged(APP, J).untagged(LIB, N).swept(LIB, &[V])
}

/// A run is told to remove a tag, and a client pushes another image to it.
pub fn overwritten_as_it_goes() -> Scenario {
    told_to_remove("another image for a tag that goes").client(&[blob(APP, A), put(APP, N, 0)])
}
/// The same image, once more.
pub fn pushed_again_as_it_goes() -> Scenario {
    told_to_remove("the same image for a tag that goes").client(&[blob(APP, A), put(APP, M, 0)])
}
/// The same image by another tag.
pub fn other_tag_as_it_goes() -> Scenario {
    told_to_remove("another tag for an image whose tag goes").client(&[blob(APP, A), put(APP, M, 1)])
}

fn told_to_remove(name: &str) -> Scenario {
    let mut scene = Scenario::new(name).tagged(APP, 0, M);
    scene.removes.add(link(APP, Kind::Current(0), M));
    scene
}
