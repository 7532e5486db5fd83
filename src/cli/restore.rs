//! `restore`: writes back what a run has taken away.

use super::args::{Common, Format, Restore, What};
use super::restore_report::{Report, SCHEMA};
use super::restore_text;
use super::short::{self, Opening, unless_stopped};
use super::{ask, engine, exit, json, progress, settings, words};
use crate::collect::state::restore::{Restoration, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::run::left::Left;
use crate::run::restore::{self, Restored};
use crate::run::{self, Stopped, Tenure};
use crate::storage::write::Writer;
use std::io::Write as _;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Restore, common: &Common) -> u8 {
    short::run(("restore", SCHEMA), common, async || {
        let asks = !args.yes && !args.dry_run;
        if asks && !ask::is_possible() {
            return Err(Error::new(ErrorKind::Usage, "ask whether to restore")
                .because("there is no terminal to ask on")
                .next("add --yes, or look first: --dry-run"));
        }
        args.outlets.check()?;
        let registry = settings::registry(args.operand.as_deref(), common)?;
        let opening = short::open("restore", &registry, common).await?;
        restore_from(&opening, args, asks, common).await
    })
}

fn wanted(what: &What) -> Wanted {
    match what {
        What { all: true, .. } => Wanted::All,
        What { run, .. } if !run.is_empty() => Wanted::Runs(run.clone()),
        What { image, .. } if !image.is_empty() => Wanted::Images(image.clone()),
        What { digest, .. } if !digest.is_empty() => Wanted::Digests(digest.clone()),
        What { .. } => Wanted::Needed,
    }
}

async fn restore_from(opening: &Opening, args: &Restore, asks: bool, common: &Common) -> Result<u8> {
    let Opening { opened, order, stop } = opening;
    let observer = progress::Progress::new(progress::Display::choose(common.no_progress || common.quiet), false);
    let wanted = wanted(&args.what);
    let left = unless_stopped(stop, restore::all_left(opened.reader())).await?;
    // Where nothing can be undone nothing is written, not even a lease.
    let is_idle = left.journals.is_empty() && left.aside.is_empty() && left.lease.is_none();
    let (mut report, code) = if args.dry_run || is_idle {
        let mut report = Report::new(order, &left);
        let look = restore::look(opened.reader(), &left, &wanted, order, &observer);
        let (restoration, odd) = unless_stopped(stop, look).await?;
        report.odd += odd;
        report.decided(&restoration, &wanted, Writer::new(opened).keeps_times());
        (report, if restoration.unmatched.is_empty() { exit::DONE } else { exit::FAILED })
    } else {
        let (tenure, left) = run::begin(opened, order, stop).await?;
        let result = act(opening, (&tenure, left), &wanted, asks, &observer).await;
        tenure.give_back().await;
        result?
    };
    report.finish(opening, args.dry_run, code);
    drop(observer);
    let shown = match (common.format, common.quiet) {
        (Format::Json, _) => engine::print(&report.to_json()),
        (Format::Text, true) => true,
        (Format::Text, false) => engine::print(&restore_text::report(&report)),
    };
    let written = args.outlets.write(|| report.to_json());
    Ok(if shown && written || code != exit::DONE { code } else { exit::FAILED })
}

/// Looks, asks, and writes.
async fn act(
    opening: &Opening,
    (tenure, mut left): (&Tenure, Left),
    wanted: &Wanted,
    asks: bool,
    observer: &progress::Progress,
) -> Result<(Report, u8)> {
    let Opening { opened, order, stop } = opening;
    if let Some(dead) = &tenure.taken_over {
        let _ = writeln!(anstream::stderr(), "note: run {dead} ended without giving back its lease");
    }
    let mut report = Report::new(order, &left);
    // The run has begun with putting it back.
    left.aside.clear();
    let look = restore::look(opened.reader(), &left, wanted, order, observer);
    let (restoration, odd) = unless_stopped(stop, look).await?;
    report.odd += odd;
    report.decided(&restoration, wanted, Writer::new(opened).keeps_times());
    if asks && !restoration.groups.is_empty() {
        let _ = write!(anstream::stderr(), "{}", restore_text::plan(&report));
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, "ask").caused_by(error);
        let yes = tokio::select! {
            answer = tokio::task::spawn_blocking(|| ask::ask(restore_text::QUESTION)) => answer.unwrap_or(Ok(false)).map_err(failed)?,
            () = stop.requested() => false,
        };
        if stop.is_requested() || !yes {
            let _ = writeln!(anstream::stderr(), "nothing was written back");
            report.not_attempted = report.planned.total();
            let (why, code) =
                if stop.is_requested() { ("signal", exit::INTERRUPTED) } else { ("the answer was no", exit::FAILED) };
            report.stopped = Some(why.into());
            return Ok((report, code));
        }
    }
    let mut done = restore::write_back(opened, (tenure, &left), &restoration, order, observer, stop).await?;
    if let Some(error) = done.error.take() {
        let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
        report.error = Some(json::row(&error));
    }
    let code = code(&restoration, &done, report.error.is_some());
    report.account(done);
    Ok((report, code))
}

fn code(restoration: &Restoration, done: &Restored, went_wrong: bool) -> u8 {
    let changed = !done.by_repository.is_empty() || restoration.there.total() > 0;
    let left = !done.failed.is_empty() || done.not_attempted > 0 || went_wrong || !restoration.lost.is_empty();
    match done.stopped {
        Some(Stopped::Signal) => exit::INTERRUPTED,
        _ if left || (changed && !restoration.unmatched.is_empty()) => exit::INCOMPLETE,
        _ if !restoration.unmatched.is_empty() => exit::FAILED,
        _ => exit::DONE,
    }
}
