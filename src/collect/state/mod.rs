//! What regsweep keeps in the storage beside the registry: who is at work, what waits, what was taken away.
//!
//! All of it is read back as if an enemy had written it: what cannot be understood is told and left out, and leaving out
//! is always the safe side. A blob without a record waits anew, a pointer without a record is not written back.

pub mod journal;
pub mod lease;
pub mod mend;
pub mod overview;
pub mod pending;
pub mod restore;
pub mod taken;
pub mod undo;
