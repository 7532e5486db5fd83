//! `policy`: the rules without a registry.

pub mod check;
pub mod command;
pub mod explain;
pub mod import;
pub mod read;
mod rows;
pub mod test;
