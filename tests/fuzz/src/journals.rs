//! What regsweep keeps in the storage: all of it is read as if an enemy had written it, and reads back as it was written.

use super::text;
use regsweep::collect::plan::Stage;
use regsweep::collect::state::journal::{self, Done, Removed};
use regsweep::collect::state::lease::{LASTS, Lease, Standing};
use regsweep::collect::state::pending::Pending;
use regsweep::collect::state::taken::Taken;
use regsweep::layout::{self, REPOSITORIES, StorageKey};
use regsweep::model::Timestamp;

/// Any bytes as each of them.
pub fn check(data: &[u8]) {
    removed(data);
    pending(data);
    lease(data);
    if let Some(done) = Done::parse(data) {
        assert_eq!(Done::parse(done.to_text().as_bytes()), Some(done));
    }
}

/// Nothing but a registry's pointer can be written back.
fn removed(data: &[u8]) {
    let (removed, odd) = journal::parse(data);
    let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(removed.len() as u64 + odd, lines as u64, "a line is passed over");
    for Removed { key, .. } in &removed {
        assert!(key.starts_with(REPOSITORIES) && key.ends_with("/link") && !layout::is_unaddressable(key), "{key:?}");
        let is_pointer = !matches!(
            StorageKey::parse(key),
            StorageKey::Blob(_) | StorageKey::Upload { .. } | StorageKey::Suspect { .. } | StorageKey::Unrecognized
        );
        assert!(is_pointer, "{key:?}");
    }
    let revisions = removed.iter().filter(|removed| removed.stage() == Some(Stage::Revision)).count();
    assert!(Taken::among(&removed).count() <= revisions);
    let written = journal::to_text(&removed);
    assert_eq!(journal::parse(written.as_bytes()), (removed.clone(), 0), "written anew it is another");
    // Cut off, it has whole lines only, and the same.
    let (begun, _) = journal::parse(&written.as_bytes()[..text::place(written.as_bytes())]);
    assert!(removed.starts_with(&begun));
}

/// What is left out waits anew; nothing waits shorter than the record says.
fn pending(data: &[u8]) {
    let (pending, _) = Pending::parse(data);
    let written = pending.to_text("run");
    assert_eq!(Pending::parse(written.as_bytes()), (pending.clone(), 0), "written anew it is another");
    let (begun, _) = Pending::parse(&written.as_bytes()[..text::place(written.as_bytes())]);
    assert!(begun.len() <= pending.len());
    for (digest, waiting) in begun.iter() {
        assert_eq!(pending.get(digest), Some(waiting));
    }
}

/// Whatever it says, it ends.
fn lease(data: &[u8]) {
    let lease = Lease::parse(data);
    let written = Timestamp::from_days(20_000);
    for passed in [0, 1, 2] {
        match Lease::standing(lease.as_ref(), written, written.plus(LASTS * passed)) {
            Standing::Held(until) => assert!(passed < 2 && until <= written.plus(LASTS * 2)),
            Standing::Dead => assert!(lease.is_some() || passed > 0, "what cannot be read is held at first"),
        }
    }
    if let Some(lease) = lease {
        assert_eq!(Lease::parse(lease.to_text().as_bytes()), Some(lease));
    }
}
