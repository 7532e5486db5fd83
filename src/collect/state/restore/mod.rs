//! Undo: which pointers of journals are written back, and which cannot or need not be.
//!
//! A pointer is written back where there is none now and where what it names is still there: never over a newer push, and
//! never to something that is gone. What an image needs comes back before what names it, so that whatever interrupts a
//! restore, nothing can be pulled that is not whole.

mod broken;
mod decide;
mod ground;
mod restoration;
mod wanted;

pub use decide::Choice;
pub use ground::Ground;
pub use restoration::{Lost, Newer, Restoration, Write};
pub use wanted::{Line, Wanted, lines, repositories};
