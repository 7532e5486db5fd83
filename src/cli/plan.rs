//! `plan`: shows or saves what `garbage-collect` would remove.

use super::args::{Common, Plan};
use super::engine::{self, Job};
use super::settings;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Plan, common: &Common) -> u8 {
    engine::run("plan", common, || {
        let registry = settings::registry(args.operand.as_deref(), common)?;
        Ok(Job {
            command: "plan",
            options: settings::options(&args.deciding, &registry.descriptor_cache, false)?,
            registry,
            named: settings::named(args.operand.as_deref(), common),
            applied: None,
            dry_run: true,
            output: args.deciding.output.clone(),
            asks: false,
            detailed_exitcode: args.detailed_exitcode,
        })
    })
}
