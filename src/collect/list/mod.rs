//! What is there, for people and scripts: repositories, the tags of one, the tree of one image. Nothing here decides.

pub mod about;
pub mod known;
pub mod order;
pub mod overview;
pub mod row;
pub mod tree;
pub mod walk;
