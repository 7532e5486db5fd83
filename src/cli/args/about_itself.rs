//! What was typed to learn how to type.

use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Where to write a page for each command; it must be there
    #[arg(value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
}
