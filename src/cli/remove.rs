//! `rm`: removes what is named.

use super::args::{Common, Remove};
use super::engine::{self, Job};
use super::{ask, settings};
use crate::collect::options::Options;
use crate::error::{Error, ErrorKind, Result};

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Remove, common: &Common) -> u8 {
    engine::run("rm", common, || {
        names_something(args)?;
        let acts = !args.dry_run && args.deciding.output.is_none();
        let asks = acts && !args.yes && ask::is_possible();
        if acts && !args.yes && !asks {
            return Err(Error::new(ErrorKind::Usage, "remove what is named")
                .because("there is no terminal to ask on")
                .next("add --yes, or look first with --dry-run"));
        }
        let registry = settings::registry_to_change(None, common, &args.deciding)?;
        let options = settings::options(&args.deciding, &registry.descriptor_cache, asks)?;
        let options = Options { images: args.images.clone(), collects: args.gc, ..options };
        Ok(Job {
            command: "rm",
            keeps_state: settings::keeps_state(&args.bounds, &options)?,
            options,
            registry,
            bounds: settings::bounds(&args.bounds),
            named: settings::named(None, common),
            applied: None,
            dry_run: args.dry_run,
            output: args.deciding.output.clone(),
            asks,
            must_match: !args.ignore_missing,
            outlets: args.outlets.clone(),
            detailed_exitcode: false,
            purge_versions: None,
        })
    })
}

/// A slip of the shell (an asterisk that was to be a file's name) must not name a whole registry.
fn names_something(args: &Remove) -> Result<()> {
    match args.images.iter().find(|image| image.is_everything()) {
        None => Ok(()),
        Some(image) => Err(Error::new(ErrorKind::Usage, "remove what is named")
            .on(image.to_string())
            .because("that is every repository, or every one at some depth")
            .next("name the repositories, or a pattern that says which (`ci/**`)")),
    }
}
