//! A plan as a file: a header, a line for each deletion, a seal.
//!
//! The seal (SHA-256 of all before it) guards against accidents, not against an enemy: whoever writes a plan with a right
//! seal chooses its options, like whoever types a command. But nothing is ever deleted because a file names it, only
//! because a fresh scan by these options lets it go *and* the file names it ([`applied`](super::applied)).

pub mod header;
pub mod line;
pub mod options;
pub mod place;
pub mod read;
mod repair;
mod rules;
pub mod summary;
mod text;
pub mod write;

pub use header::{GOOD_FOR, Header, Named};
pub use line::Line;
pub use place::Place;
pub use read::{Reader, Sealed, Unsound};
pub use write::seal;
