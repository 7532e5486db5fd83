//! Completions and manual pages, made of the same words that `--help` prints.

use super::args::{Cli, Common, Completions, Man};
use super::engine::told;
use super::{engine, exit};
use crate::error::{Error, ErrorKind};
use clap::CommandFactory;

const NAME: &str = "regsweep";

/// Prints completions.
#[must_use]
pub fn completions(args: &Completions, common: &Common) -> u8 {
    told("completions", common, || {
        let mut script = Vec::new();
        clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
        Ok(printed(&script))
    })
}

/// Prints the manual page, or writes all.
#[must_use]
pub fn man(args: &Man, common: &Common) -> u8 {
    told("man", common, || {
        let command = Cli::command().name(NAME);
        if let Some(directory) = &args.directory {
            let unwritten = |error: std::io::Error| {
                Error::new(ErrorKind::Io, "write the manual pages")
                    .caused_by(error)
                    .on(directory.display().to_string())
                    .next("name a directory that is there, and that may be written")
            };
            clap_mangen::generate_to(command, directory).map_err(unwritten)?;
            return Ok(exit::DONE);
        }
        let mut page = Vec::new();
        let failed = |error: std::io::Error| Error::new(ErrorKind::Bug, "make the manual page").caused_by(error);
        clap_mangen::Man::new(command).render(&mut page).map_err(failed)?;
        Ok(printed(&page))
    })
}

fn printed(text: &[u8]) -> u8 {
    if engine::print(&String::from_utf8_lossy(text)) { exit::DONE } else { exit::FAILED }
}
