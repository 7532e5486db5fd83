//! States as words, so that they can be told apart fast. Each is taken apart by name: a field that is forgotten here would
//! make one of two states, and does not compile.

use crate::names::Set;
use crate::state::{At, Cache, Collector, Pusher, State, Storage};
use std::hash::{Hash, Hasher};

fn bytes(sets: [Set; 8]) -> u64 {
    u64::from_le_bytes(sets.map(|set| set.0))
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let State {
            storage,
            cache,
            pushers,
            collectors,
            promised,
            always,
            brought_back,
            runs_left,
            kills_left,
            stops_left,
            faults_left,
            interrupted,
        } = self;
        storage.hash(hasher);
        cache.hash(hasher);
        for links in [promised, always, brought_back] {
            hasher.write_u128(links.0);
        }
        // One by one: an array would bring its length along.
        for pusher in pushers {
            pusher.hash(hasher);
        }
        for collector in collectors {
            collector.hash(hasher);
        }
        let left = [*runs_left, *kills_left, *stops_left, *faults_left, u8::from(*interrupted), 0, 0, 0];
        hasher.write_u64(u64::from_le_bytes(left));
    }
}

impl Hash for Storage {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Storage {
            links,
            data,
            young,
            young_data,
            aside,
            journal,
            old_journal,
            unfinished,
            since_journal,
            waited,
            waiting,
            rewritten,
            wait_outlasts,
        } = *self;
        for links in [links, young, journal, old_journal, unfinished, since_journal] {
            hasher.write_u128(links.0);
        }
        hasher.write_u64(bytes([data, young_data, aside[0], aside[1], waited, waiting, rewritten, Set(wait_outlasts)]));
    }
}

impl Hash for Cache {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Cache { anywhere, repositories: [app, lib] } = *self;
        hasher.write_u64(bytes([anywhere, app, lib, Set(0), Set(0), Set(0), Set(0), Set(0)]));
    }
}

impl Hash for Pusher {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Pusher { request, at, reference, retried } = *self;
        hasher.write_u64(u64::from_le_bytes([request, at as u8, reference, u8::from(retried), 0, 0, 0, 0]));
    }
}

impl Hash for Collector {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Collector {
            at,
            stopped,
            listing,
            seen,
            young,
            changed,
            manifests,
            doomed,
            going,
            begins_to_wait,
            goes_on_waiting,
            removed,
            pushed,
            named,
            gone,
            missing,
            put_back,
            settles_for,
            wait_outlasts,
            window,
            stale,
        } = *self;
        let flags =
            [at as u8, stopped as u8, listing, settles_for, wait_outlasts, u8::from(window), u8::from(stale), 0];
        hasher.write_u64(u64::from_le_bytes(flags));
        if at == At::Idle {
            // Nothing is in its memory.
            return;
        }
        for links in [seen, young, changed, doomed, removed, pushed, missing] {
            hasher.write_u128(links.0);
        }
        hasher.write_u64(bytes([manifests, going, begins_to_wait, goes_on_waiting, named, gone, put_back, Set(0)]));
    }
}
