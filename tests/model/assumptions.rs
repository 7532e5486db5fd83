//! What the specification takes for granted of clients and registries, and how the model sees to it. Where one of these is
//! false an image can be lost: these are the risks that it admits.

use crate::names::{Digest, Links, MANIFESTS, Set};
use crate::scenario::{CacheKind, Op, Scenario};
use crate::state::{At, Pusher, Request, State};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assumptions {
    /// No PUT of a manifest takes longer than `--settle`.
    pub settle_outlasts_put: bool,
    /// While content is going for good by a listing that was made (at most `--max-scan-age` ago), nobody brings back any
    /// of it: neither by a push from the layer's first link to the check of its manifest's PUT, nor by the PUT of such a
    /// manifest, nor, where the registry has a cache, by an upload or a mount. Nothing is asked for what is put aside.
    pub nobody_pushes_into_windows: bool,
    /// A registry with an in-memory cache is restarted while what has lost its pointers waits.
    pub registry_restarts: bool,
}

impl Assumptions {
    pub const ALL: Assumptions =
        Assumptions { settle_outlasts_put: true, nobody_pushes_into_windows: true, registry_restarts: true };
}

impl Scenario {
    /// What goes for good by a listing that was made and not yet used up.
    pub fn exposed(&self, state: &State) -> Set {
        if !self.assumptions.nobody_pushes_into_windows {
            return Set::default();
        }
        let open = state.collectors.iter().filter(|collector| collector.window && !collector.stale);
        let exposed = open.map(|collector| {
            let goes = if collector.at <= At::ListContent { state.storage.waited } else { collector.going };
            goes.minus(self.protocol.puts_aside(collector.manifests))
        });
        exposed.fold(Set::default(), Set::or)
    }

    /// Whether a client may not touch this now: the data is there, and goes.
    pub fn is_held_back(&self, state: &State, digest: Digest) -> bool {
        let is_enough = self.cache != CacheKind::None || MANIFESTS.has(digest);
        is_enough && state.storage.data.has(digest) && self.exposed(state).has(digest)
    }

    fn is_half(&self, pusher: Pusher, index: usize, unprotected: Set) -> bool {
        match self.programs[index].get(usize::from(pusher.request)) {
            Some(Op::Put { manifest, .. }) => {
                matches!(pusher.at, Request::PutRememberOwn | Request::PutRevision) && unprotected.has(*manifest)
            }
            Some(Op::Blob { digest, .. }) if self.cache != CacheKind::None => {
                let halves = [Request::UploadLink, Request::MountData, Request::MountRemember, Request::MountLink];
                halves.contains(&pusher.at) && unprotected.has(*digest)
            }
            _ => false,
        }
    }
}

/// No window opens in the middle of such a request.
pub fn may_open_window(scenario: &Scenario, state: &State, slot: usize) -> bool {
    if !scenario.assumptions.nobody_pushes_into_windows {
        return true;
    }
    let me = &state.collectors[slot];
    let unprotected = state.storage.waited.or(me.going).minus(scenario.protocol.puts_aside(me.manifests));
    (0..2).all(|index| !scenario.is_half(state.pushers[index], index, unprotected))
}

/// All windows are closed, for whatever reason: what was held back goes on.
pub fn release(state: &mut State) {
    if state.collectors.iter().all(|collector| !collector.window || collector.stale || collector.at == At::Idle) {
        state.brought_back = Links::default();
    }
}
