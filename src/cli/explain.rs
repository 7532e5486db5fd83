//! `explain`: who keeps something, or why it would go and when. Reads only, and needs no lease.

mod report;
mod text;

use super::args::{Common, Explain, Format};
use super::prune_rules;
use super::short::{self, Opening, unless_stopped};
use super::{engine, exit, json, progress, settings};
use crate::collect::options::Options;
use crate::run;
use report::{Report, SCHEMA};

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Explain, common: &Common) -> u8 {
    short::run(("explain", SCHEMA), common, async || {
        let deciding = args.deciding();
        args.outlets.check()?;
        let registry = settings::registry_to_change(None, common, &deciding)?;
        let options = settings::options(&deciding, &registry.descriptor_cache, true)?;
        let mut options = Options { delete_untagged: args.delete_untagged, ..options };
        if let Some(rules) = prune_rules::of_policy(args.policy.as_deref(), args.at)? {
            options = prune_rules::with(&rules, options);
        }
        let Opening { opened, mut order, stop } = short::open("explain", &registry, common).await?;
        order.options = options;
        let display = progress::Display::choose(common.no_progress || common.quiet);
        let observer = progress::Progress::new(display, false);
        let storage = opened.reader();
        let left = unless_stopped(&stop, run::left_by_earlier_runs(storage)).await?;
        let answer = run::why::explain(storage, &left, &args.asked, &order, &observer, &stop).await?;
        drop(observer);
        let report = Report::new(&answer, &args.asked.to_string(), &order, storage.requests());
        let shown = match (common.format, common.quiet) {
            (Format::Json, _) => engine::print(&json::text(&report)),
            (Format::Text, true) => true,
            (Format::Text, false) => engine::print(&text::text(&report)),
        };
        let written = args.outlets.write(|| json::text(&report));
        Ok(if shown && written { exit::DONE } else { exit::FAILED })
    })
}
