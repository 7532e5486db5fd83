//! Why one thing stays or goes: the chains that keep it, the links to it, and what would go with it. Nothing here decides:
//! it reads off what was decided.

pub mod anchors;
pub mod asked;
pub mod chains;
pub mod freed;
pub mod links;
pub mod verdict;
