//! `prune`: drops tags by retention rules, then what only they kept, then collects.

use super::args::{Common, Prune};
use super::engine::{self, Job};
use super::{ask, machine, prune_rules, settings};
use crate::error::{Error, ErrorKind};
use std::io::Write as _;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Prune, common: &Common) -> u8 {
    engine::run("prune", common, || {
        let rules = prune_rules::rules(&args.rules)?;
        prune_rules::may_be_saved(&args.rules, args.deciding.output.is_some())?;
        let later = prune_rules::is_later(&args.rules, machine::clock());
        if later {
            let note = "ages are measured at a time that is later than now: nothing is deleted";
            let _ = writeln!(anstream::stderr(), "note: {note}");
        }
        let dry_run = args.dry_run || later;
        let acts = !dry_run && args.deciding.output.is_none();
        let asks = acts && !args.yes && ask::is_possible();
        if acts && !args.yes && !asks {
            return Err(Error::new(ErrorKind::Usage, "prune")
                .because("there is no terminal to ask on")
                .next("add --yes, or look first with --dry-run"));
        }
        let registry = settings::registry_to_change(args.operand.as_deref(), common, &args.deciding)?;
        let options = settings::options(&args.deciding, &registry.descriptor_cache, asks)?;
        let options = prune_rules::with(&rules, settings::within(&args.scope, options));
        Ok(Job {
            command: "prune",
            keeps_state: settings::keeps_state(&args.bounds, &options)?,
            options,
            registry,
            bounds: settings::bounds(&args.bounds),
            named: settings::named(args.operand.as_deref(), common),
            applied: None,
            dry_run,
            output: args.deciding.output.clone(),
            asks,
            must_match: false,
            outlets: args.outlets.clone(),
            detailed_exitcode: false,
            purge_versions: None,
        })
    })
}
