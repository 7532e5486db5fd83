//! The lease: who is at work on this registry. One at a time deletes.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A lease that is not renewed ends after this time.
pub const LASTS: Duration = Duration::from_mins(1);

/// Who is at work, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// `regsweep.lease/1`.
    pub schema: String,
    /// The run.
    pub run: String,
    /// The machine, as it calls itself.
    pub host: String,
    /// The process on that machine.
    pub process: u32,
    /// The command.
    pub command: String,
    /// When it was taken, RFC 3339.
    pub taken: String,
    /// When it ends unless it is renewed, RFC 3339.
    pub expires: String,
}

/// What a lease means for somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is held; until when.
    Held(Timestamp),
    /// Its time is over: whoever held it is dead or lost it.
    Dead,
}

impl Lease {
    /// As it is written.
    #[must_use]
    pub fn to_text(&self) -> String {
        // A plain structure of strings and a number: there is nothing in it that JSON could not say.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|lease: &Self| lease.schema == "regsweep.lease/1")
    }

    /// What it means at a time. One whose end cannot be read, or lies further off than any lease lasts, is judged by when
    /// the store says it was written: a wrong clock must not lock everybody out for ever.
    #[must_use]
    pub fn standing(lease: Option<&Self>, written: Timestamp, now: Timestamp) -> Standing {
        let latest = written.plus(LASTS);
        let said = lease.and_then(|lease| Timestamp::parse_rfc3339(&lease.expires));
        let ends = said.map_or(latest, |said| said.min(latest.plus(LASTS)));
        if ends > now { Standing::Held(ends) } else { Standing::Dead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(expires: Timestamp) -> Lease {
        Lease {
            schema: "regsweep.lease/1".into(),
            run: "run".into(),
            host: "host".into(),
            process: 1,
            command: "garbage-collect".into(),
            taken: Timestamp::from_days(1).to_rfc3339(),
            expires: expires.to_rfc3339(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let lease = lease(Timestamp::from_days(2));
        assert_eq!(Lease::parse(lease.to_text().as_bytes()), Some(lease));
        assert_eq!(Lease::parse(b"{}"), None);
        assert_eq!(Lease::parse(b""), None);
    }

    #[test]
    fn a_lease_is_held_until_it_expires() {
        let written = Timestamp::from_days(1);
        let ends = written.plus(LASTS);
        let (before, after) = (written.plus(LASTS / 2), ends);
        assert_eq!(Lease::standing(Some(&lease(ends)), written, before), Standing::Held(ends));
        assert_eq!(Lease::standing(Some(&lease(ends)), written, after), Standing::Dead);
    }

    #[test]
    fn what_cannot_be_read_or_lies_far_off_ends_too() {
        let written = Timestamp::from_days(1);
        assert_eq!(Lease::standing(None, written, written), Standing::Held(written.plus(LASTS)));
        assert_eq!(Lease::standing(None, written, written.plus(LASTS)), Standing::Dead);
        let far = lease(Timestamp::from_days(1000));
        assert_eq!(Lease::standing(Some(&far), written, written.plus(LASTS * 2)), Standing::Dead);
    }
}
