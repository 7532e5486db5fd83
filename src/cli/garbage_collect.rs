//! `garbage-collect`: removes what nothing needs.

use super::args::{Common, GarbageCollect};
use super::engine::{self, Job};
use super::{ask, settings};

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &GarbageCollect, common: &Common) -> u8 {
    engine::run("garbage-collect", common, || {
        let asks = !args.yes && !args.dry_run && args.deciding.output.is_none() && ask::is_possible();
        let registry = settings::registry_to_change(args.operand.as_deref(), common, &args.deciding)?;
        let options =
            settings::within(&args.scope, settings::options(&args.deciding, &registry.descriptor_cache, asks)?);
        let older_than = settings::old_versions(&args.deciding, &registry.descriptor_cache);
        Ok(Job {
            command: "garbage-collect",
            keeps_state: settings::keeps_state(&args.bounds, &options)?,
            options,
            registry,
            bounds: settings::bounds(&args.bounds),
            named: settings::named(args.operand.as_deref(), common),
            applied: None,
            dry_run: args.dry_run,
            output: args.deciding.output.clone(),
            asks,
            must_match: false,
            outlets: args.outlets.clone(),
            detailed_exitcode: false,
            purge_versions: args.purge_versions.then_some(older_than),
        })
    })
}
