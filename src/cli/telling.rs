//! What a run tells before it acts, and when it has ended.

use super::apply::Applied;
use super::args::{Common, Format};
use super::engine::{Job, print};
use super::{exit, human, json, machine, words};
use crate::collect::named::Unmatched;
use crate::collect::report::{RefusalRow, Report, RetentionRow};
use crate::collect::retained;
use crate::collect::sealed::options;
use crate::error::{Error, ErrorKind};
use crate::run::{Order, Survey};
use crate::storage::open::Opened;
use std::io::Write;

/// What the report says where the answer was no.
pub(super) const NO: &str = "the answer was no";

/// Says whose report it is, and what decided.
pub(super) fn describe(report: &mut Report, job: &Job, order: &Order, survey: &Survey) {
    job.command.clone_into(&mut report.command);
    report.started = order.started.to_rfc3339();
    report.run.clone_from(&order.run);
    report.location.clone_from(&order.location);
    report.dry_run = job.dry_run || job.output.is_some();
    report.mode = job.options.mode.name();
    report.collects = job.options.collects;
    report.keeps_state = job.keeps_state;
    report.options = options::shown(&job.options);
    report.plan = job.applied.as_ref().map(Applied::row);
    report.seconds.scan = survey.scanning.as_secs_f64();
    report.seconds.mark = survey.marking.as_secs_f64();
    report.refusals = survey
        .refusals
        .iter()
        .map(|refusal| RefusalRow {
            code: refusal.code.name(),
            message: refusal.message.clone(),
            allow: refusal.allow(),
        })
        .collect();
    report.refusal = report.refusals.first().cloned();
    let is_whole = |at| survey.scan.dismissed.is_whole(at);
    report.cautions = retained::cautions(&survey.plan, &survey.scan.inventory, is_whole);
    report.retention = survey.retention.as_ref().map(|said| RetentionRow {
        at: said.at.to_rfc3339(),
        warnings: said.warnings.clone(),
        cautions: report.cautions.clone(),
        ..retained::row(&survey.plan, &said.rules)
    });
    for warning in survey.retention.iter().flat_map(|said| &said.warnings) {
        let _ = writeln!(anstream::stderr(), "warning: {}", words::printable(warning));
    }
}

/// Completes and shows the report; tells the exit code.
pub(super) fn end(mut report: Report, job: &Job, common: &Common, opened: &Opened, order: &Order) -> u8 {
    report.requests = opened.reader().requests();
    report.seconds.total = order.begun.elapsed().as_secs_f64();
    report.finished = order.local_now().to_rfc3339();
    report.peak_memory_bytes = machine::peak_memory();
    let written = job.outlets.write(&report);
    let shown = show(&report, job, common) && written;
    let unshown = if job.acts() { exit::INCOMPLETE } else { exit::FAILED };
    if shown || report.exit_code != exit::DONE { report.exit_code } else { unshown }
}

/// Whether all of it was shown.
fn show(report: &Report, job: &Job, common: &Common) -> bool {
    let shown = match (common.format, common.quiet) {
        (Format::Json, _) => print(&json::report(report)),
        (Format::Text, true) => true,
        // Whoever said no has just read all of it.
        (Format::Text, false) if report.stopped.as_deref() == Some(NO) => print(&human::eligible(report)),
        (Format::Text, false) => print(&human::report(report)),
    };
    let mut stderr = anstream::stderr();
    for refusal in &report.refusals {
        let _ = writeln!(stderr, "refused: {} ({})", words::printable(&refusal.message), refusal.code);
        let _ = writeln!(stderr, "  if you know better: {}", refusal.allow);
    }
    if let Some(path) = job.output.as_ref().filter(|_| !common.quiet) {
        let _ = if report.refusals.is_empty() {
            writeln!(stderr, "the plan is in {}; nothing was deleted", path.display())
        } else {
            writeln!(stderr, "a plan that is refused is not saved; nothing was deleted")
        };
    }
    if report.stopped.as_deref() == Some(NO) {
        let _ = writeln!(stderr, "nothing was deleted: the answer was no");
    }
    if common.quiet && report.exit_code == exit::INCOMPLETE {
        let (failed, unknown) = (report.failed, report.unknown);
        let _ = writeln!(
            stderr,
            "{failed} deletions failed, {unknown} are unknown, {} were not attempted",
            report.not_attempted
        );
    }
    shown
}

/// So many names are told that name nothing.
const UNMATCHED_TOLD: usize = 5;

/// What was named and nothing is.
pub(super) fn not_there(unmatched: &[Unmatched]) -> Error {
    let told = unmatched.iter().take(UNMATCHED_TOLD).map(|one| format!("{}: {}", one.image, one.why));
    let mut told: Vec<String> = told.collect();
    if let Some(more) = unmatched.len().checked_sub(UNMATCHED_TOLD + 1) {
        told.push(format!("and {} more", more + 1));
    }
    let is_registry = |one: &Unmatched| {
        let name = std::path::Path::new(&one.image);
        one.image.contains("://") || name.extension().is_some_and(|it| it == "yml" || it == "yaml") || name.exists()
    };
    let error = Error::new(ErrorKind::NotFound, "find what is to be removed")
        .because(format!("{}; nothing was deleted", told.join("; ")));
    if let Some(one) = unmatched.iter().find(|one| is_registry(one)) {
        return error.next(format!("if {0} is the registry, say -R {0}", one.image));
    }
    error.next("see what there is (`regsweep ls`), or add --ignore-missing if that is as it should be")
}
