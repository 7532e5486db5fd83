//! `fsck`: what is broken, what that means, and what mends it. Without --repair it reads only, and needs no lease.

mod report;
mod text;

use super::args::{Common, Format, Fsck, Outlets};
use super::engine::Job;
use super::short::{self, Opening, unless_stopped};
use super::{ask, engine, exit, json, machine, progress, settings};
use crate::collect::fsck::content::Sample;
use crate::collect::options::{Options, Repair};
use crate::error::{Error, ErrorKind, Result};
use crate::run;
use report::{Report, SCHEMA};
use std::time::Duration;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Fsck, common: &Common) -> u8 {
    if args.repair { repair(args, common) } else { look(args, common) }
}

/// Mends what can be mended, by a plan that goes the way of every plan.
fn repair(args: &Fsck, common: &Common) -> u8 {
    engine::run("fsck", common, || {
        let acts = !args.dry_run && args.deciding.output.is_none();
        let asks = acts && !args.yes && ask::is_possible();
        if acts && !args.yes && !asks {
            return Err(Error::new(ErrorKind::Usage, "repair the registry")
                .because("there is no terminal to ask on")
                .next("add --yes, or look first with --dry-run"));
        }
        let registry = settings::registry_to_change(args.operand.as_deref(), common, &args.deciding)?;
        let options = settings::options(&args.deciding, &registry.descriptor_cache, asks)?;
        let repositories = args.repository.clone();
        let options = Options { repair: Some(Repair::default()), collects: false, repositories, ..options };
        Ok(Job {
            command: "fsck",
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
            outlets: Outlets { json: args.outlets.json.clone(), ..Outlets::default() },
            detailed_exitcode: false,
            purge_versions: None,
        })
    })
}

fn look(args: &Fsck, common: &Common) -> u8 {
    short::run(("fsck", SCHEMA), common, async || {
        only_looks(args)?;
        args.outlets.check()?;
        let registry = settings::registry(args.operand.as_deref(), common)?;
        let Opening { opened, mut order, stop } = short::open("fsck", &registry, common).await?;
        // Whatever their age, the beginning of each upload is read.
        order.options.uploads_older_than = Some(Duration::ZERO);
        let display = progress::Display::choose(common.no_progress || common.quiet);
        let observer = progress::Progress::new(display, false);
        let storage = opened.reader();
        let seed = args.seed.unwrap_or_else(machine::seed);
        let sample = args.checksum.map(|percent| Sample { percent, seed });
        let checked = unless_stopped(&stop, run::fsck::fsck(storage, &order, sample, &observer, &stop)).await?;
        drop(observer);
        let mut report = Report::new(&checked, sample, &args.repository, &order);
        report.exit_code = if report.counts.damage > 0 { exit::INCOMPLETE } else { exit::DONE };
        report.requests = storage.requests();
        let shown = match (common.format, common.quiet) {
            (Format::Json, _) => engine::print(&json::text(&report)),
            (Format::Text, true) => true,
            (Format::Text, false) => engine::print(&text::text(&report)),
        };
        let written = args.outlets.write(|| json::text(&report));
        Ok(if shown && written || report.exit_code != exit::DONE { report.exit_code } else { exit::FAILED })
    })
}

/// Options of a repair say nothing where nothing is repaired: whoever gives one wants something else.
fn only_looks(args: &Fsck) -> Result<()> {
    if args.deciding.output.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "save a plan")
        .because("nothing is repaired")
        .next("add --repair, or leave out -o"))
}
