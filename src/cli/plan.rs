//! `plan`: shows or saves what `garbage-collect` would remove.

use super::args::{Common, Plan};
use super::engine::{self, Job};
use super::settings;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Plan, common: &Common) -> u8 {
    engine::run("plan", common, || {
        Ok(Job {
            command: "plan",
            registry: settings::registry_to_change(args.operand.as_deref(), common, &args.deciding)?,
            options: settings::options(&args.deciding, false)?,
            dry_run: true,
            output: args.deciding.output.clone(),
            asks: false,
            detailed_exitcode: args.detailed_exitcode,
        })
    })
}
