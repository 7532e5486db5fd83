//! `plan`: shows or saves what `garbage-collect` would remove.

use super::args::{Common, Plan};
use super::engine::{self, Job};
use super::{prune_rules, settings};
use crate::run::Bounds;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Plan, common: &Common) -> u8 {
    engine::run("plan", common, || {
        let registry = settings::registry_to_change(args.operand.as_deref(), common, &args.deciding)?;
        let options =
            settings::within(&args.scope, settings::options(&args.deciding, &registry.descriptor_cache, false)?);
        let options = match prune_rules::of_plan(args)? {
            Some(rules) => prune_rules::with(&rules, options),
            None => options,
        };
        Ok(Job {
            command: "plan",
            options,
            registry,
            bounds: Bounds::default(),
            keeps_state: false,
            named: settings::named(args.operand.as_deref(), common),
            applied: None,
            dry_run: true,
            output: args.deciding.output.clone(),
            asks: false,
            must_match: false,
            outlets: args.outlets.clone(),
            detailed_exitcode: args.detailed_exitcode,
            purge_versions: None,
        })
    })
}
