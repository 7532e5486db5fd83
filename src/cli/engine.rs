//! The one engine that shows a plan, saves it or carries it out, whichever command made it.

use super::apply::Applied;
use super::args::{Colour, Common, Format};
use super::{ask, exit, human, json, plan_file, progress, signals, verbose, words};
use crate::collect::options::{Mode, Options};
use crate::collect::report::{RefusalRow, Report};
use crate::collect::sealed::{Named, options};
use crate::config::{DescriptorCache, Resolved};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::run::{self, Order, Stop, Survey};
use crate::storage::open::{self, Connection, Opened};
use crate::storage::sweep::Approved;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What a command wants of the engine.
#[derive(Debug)]
pub struct Job {
    /// The command's name.
    pub command: &'static str,
    /// The registry.
    pub registry: Resolved,
    /// How it was named, if it was.
    pub named: Option<Named>,
    /// The plan that is applied, if one is.
    pub applied: Option<Applied>,
    /// All that decides.
    pub options: Options,
    /// Whether nothing is to be deleted.
    pub dry_run: bool,
    /// Where to save the plan instead of acting.
    pub output: Option<PathBuf>,
    /// Whether somebody is asked before anything goes.
    pub asks: bool,
    /// Whether something to delete is told by the exit code.
    pub detailed_exitcode: bool,
}

/// Runs a command to its exit code; errors are shown here.
pub fn run(command: &'static str, common: &Common, job: impl FnOnce() -> Result<Job>) -> u8 {
    told(command, common, || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(ErrorKind::Io, "start the runtime").caused_by(error))?;
        let result = runtime.block_on(carry_out(&job()?, common));
        // Walkers and credential helpers may still be busy; nobody waits for them.
        runtime.shutdown_background();
        result
    })
}

/// Does something to its exit code; errors are shown here.
pub(super) fn told(command: &str, common: &Common, act: impl FnOnce() -> Result<u8>) -> u8 {
    choose_colours(common.color);
    act().unwrap_or_else(|error| {
        let code = exit::of_error(error.kind());
        let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
        if common.format == Format::Json {
            print(&json::error(command, &error, code));
        }
        code
    })
}

fn choose_colours(colour: Colour) {
    match colour {
        Colour::Auto => {}
        Colour::Always => anstream::ColorChoice::Always.write_global(),
        Colour::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Whether the text was written. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> bool {
    written(writeln!(anstream::stdout(), "{}", text.trim_end()).and_then(|()| anstream::stdout().flush()))
}

pub(super) fn written(result: std::io::Result<()>) -> bool {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let _ = writeln!(anstream::stderr(), "error: write the report to stdout: {error}");
            false
        }
        _ => true,
    }
}

/// This machine's clock, read once for a run.
#[expect(clippy::disallowed_methods, reason = "the one reading of the clock; everything else is given the time")]
pub(super) fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

async fn carry_out(job: &Job, common: &Common) -> Result<u8> {
    let acts = !job.dry_run && job.output.is_none();
    if acts && job.options.mode == Mode::Live {
        return Err(Error::new(ErrorKind::Refused, "delete beside a live registry")
            .because("this version deletes only from a registry that is stopped or read-only")
            .next("see to that and add --offline; or look first: --dry-run, `regsweep plan`"));
    }
    for note in &job.registry.notes {
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
    let stop = Arc::new(Stop::default());
    signals::listen(&stop);
    let begun = Instant::now();
    let started = clock();
    let display = progress::Display::choose(common.no_progress || common.quiet);
    let observer = progress::Progress::new(display, common.verbose);
    let connection = Connection { ca_file: common.ca_file.clone() };
    let location = job.registry.location.to_string();
    let opened = tokio::select! {
        opened = open::open(&job.registry.location, &connection) => opened?,
        () = stop.requested() => return Err(Error::new(ErrorKind::Interrupted, "interrupted before anything was deleted")),
    };
    job.applied.as_ref().map_or(Ok(()), |applied| applied.check_place(opened.place()))?;
    let order = Order {
        location: location.clone(),
        harbor: job.registry.harbor,
        options: job.options.clone(),
        limit: job.applied.as_ref().map(|applied| Arc::clone(&applied.limit)),
        started,
        concurrency: usize::from(common.concurrency),
    };
    let mut survey = run::survey(opened.reader(), &order, &observer, &stop).await?;
    let mut report = Report::new(&survey.scan, &survey.plan);
    describe(&mut report, job, &order, &survey);
    // A refused plan is not saved: a file of it would ask to be carried out.
    if let Some(path) = job.output.as_ref().filter(|_| survey.refusals.is_empty()) {
        plan_file::save(path, &plan_file::header(job, &report, &opened, started), &survey.plan)?;
    }
    if common.verbose && common.format == Format::Text && !common.quiet {
        let mut out = BufWriter::new(anstream::stdout());
        written(
            verbose::marking(&mut out, &survey.scan)
                .and_then(|()| verbose::eligible(&mut out, &survey.plan))
                .and_then(|()| out.flush()),
        );
    }
    report.exit_code = if !survey.refusals.is_empty() {
        if acts {
            report.not_attempted = survey.plan.deletions().len() as u64;
        }
        exit::REFUSED
    } else if !acts {
        if job.detailed_exitcode && !survey.plan.is_empty() { exit::CHANGES } else { exit::DONE }
    } else {
        act(job, &opened, &mut survey, &order, &observer, &stop, &mut report).await?
    };
    report.requests = opened.reader().requests();
    report.seconds.total = begun.elapsed().as_secs_f64();
    report.finished = started.plus(begun.elapsed()).to_rfc3339();
    report.peak_memory_bytes = peak_memory();
    drop(observer);
    let shown = show(&report, job, common);
    let unshown = if acts { exit::INCOMPLETE } else { exit::FAILED };
    Ok(if shown || report.exit_code != exit::DONE { report.exit_code } else { unshown })
}

/// Asks, deletes, and accounts.
async fn act(
    job: &Job,
    opened: &Opened,
    survey: &mut Survey,
    order: &Order,
    observer: &progress::Progress,
    stop: &Stop,
    report: &mut Report,
) -> Result<u8> {
    if survey.plan.is_empty() {
        return Ok(exit::DONE);
    }
    if job.asks {
        let yes = tokio::select! {
            yes = confirmed(report) => yes?,
            () = stop.requested() => false,
        };
        if stop.is_requested() || !yes {
            let (why, code) = if stop.is_requested() { ("signal", exit::INTERRUPTED) } else { (NO, exit::FAILED) };
            report.stopped = Some(why.into());
            report.not_attempted = survey.plan.deletions().len() as u64;
            return Ok(code);
        }
    }
    let sweeping = Instant::now();
    let approved = Approved { plan: &survey.plan };
    let outcomes = match run::carry_out(opened, &approved, &mut survey.scan, order, observer, stop).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
            report.error = Some(json::row(&error));
            report.not_attempted = survey.plan.deletions().len() as u64;
            return Ok(exit::of_error(error.kind()));
        }
    };
    report.account(&survey.scan, &survey.plan, Some(&outcomes));
    report.seconds.sweep = sweeping.elapsed().as_secs_f64();
    if stop.is_requested() {
        report.stopped = Some("signal".into());
    }
    if let Some(advice) = cache_advice(&job.registry.descriptor_cache).filter(|_| report.entries.deleted > 0) {
        let _ = writeln!(anstream::stderr(), "note: {advice}");
    }
    Ok(exit::of_sweep(report, stop.is_requested()))
}

/// A registry that remembers blobs goes on claiming those that are gone: a push that names one is accepted, and the image
/// is broken.
fn cache_advice(cache: &DescriptorCache) -> Option<&'static str> {
    match cache {
        DescriptorCache::InMemory => Some(
            "the registry remembers blobs in memory (cache.blobdescriptor: inmemory): if it kept running, restart it before it takes pushes",
        ),
        DescriptorCache::Redis(_) => Some(
            "the registry remembers blobs in Redis (cache.blobdescriptor: redis), also across restarts: flush that database before it takes pushes",
        ),
        DescriptorCache::None | DescriptorCache::Unknown => None,
    }
}

async fn confirmed(report: &Report) -> Result<bool> {
    let share = report.planned_bytes.saturating_mul(100).checked_div(report.bytes.before).unwrap_or(0);
    let mut stderr = anstream::stderr();
    let _ = writeln!(stderr, "{} ({})\n{}", report.location, report.mode, human::plan(report).trim());
    let question = format!(
        "delete {} ({share} % of {})? This cannot be undone.",
        words::size(report.planned_bytes),
        words::size(report.bytes.before)
    );
    let failed = |error: std::io::Error| Error::new(ErrorKind::Io, "ask").caused_by(error);
    match tokio::task::spawn_blocking(move || ask::ask(&question)).await {
        Ok(answer) => answer.map_err(failed),
        Err(_) => Ok(false),
    }
}

/// What the report says where the answer was no.
const NO: &str = "the answer was no";

fn describe(report: &mut Report, job: &Job, order: &Order, survey: &Survey) {
    job.command.clone_into(&mut report.command);
    report.started = order.started.to_rfc3339();
    report.run = format!("{}-{:04x}", order.started.to_compact(), std::process::id() & 0xffff);
    report.location.clone_from(&order.location);
    report.dry_run = job.dry_run || job.output.is_some();
    report.mode = job.options.mode.name();
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
}

/// Whether all of it was shown.
fn show(report: &Report, job: &Job, common: &Common) -> bool {
    let shown = match (common.format, common.quiet) {
        (Format::Json, _) => print(&json::report(report)),
        (Format::Text, true) => true,
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
        let _ = writeln!(stderr, "nothing was deleted");
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

/// The most memory that was resident, where the system tells it.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
