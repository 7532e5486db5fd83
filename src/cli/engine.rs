//! The one engine that shows a plan, saves it or carries it out, whichever command made it.

use super::args::{Colour, Common, Format};
use super::{ask, exit, human, json, plan_file, progress, settings, signals, verbose, words};
use crate::collect::options::{Mode, Options};
use crate::collect::report::{RefusalRow, Report};
use crate::collect::sealed::Header;
use crate::config::{DescriptorCache, Resolved};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::run::left::Left;
use crate::run::{self, Bounds, Order, Stop, Survey};
use crate::storage::open::{self, Connection, Opened};
use crate::storage::sweep::Approved;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a command wants of the engine.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Job {
    /// The command's name.
    pub command: &'static str,
    /// The registry.
    pub registry: Resolved,
    /// All that decides.
    pub options: Options,
    /// How much this run may do.
    pub bounds: Bounds,
    /// Whether lease, journal and the list of what waits are kept in the storage.
    pub keeps_state: bool,
    /// Whether nothing is to be deleted.
    pub dry_run: bool,
    /// Where to save the plan instead of acting.
    pub output: Option<PathBuf>,
    /// Whether somebody is asked before anything goes.
    pub asks: bool,
    /// Whether something to delete is told by the exit code.
    pub detailed_exitcode: bool,
}

impl Job {
    /// Whether anything may be deleted.
    fn acts(&self) -> bool {
        !self.dry_run && self.output.is_none()
    }
}

/// How long a saved plan is good for.
const PLAN_EXPIRES: Duration = Duration::from_hours(24);

/// Runs a command to its exit code; errors are shown here.
pub fn run(command: &'static str, common: &Common, job: impl FnOnce() -> Result<Job>) -> u8 {
    choose_colours(common.color);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => job().and_then(|job| {
            let result = runtime.block_on(carry_out(&job, common));
            // Walkers and credential helpers may still be busy; nobody waits for them.
            runtime.shutdown_background();
            result
        }),
        Err(error) => Err(Error::new(ErrorKind::Io, "start the runtime").caused_by(error)),
    };
    result.unwrap_or_else(|error| {
        let code = exit::of_error(error.kind());
        let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
        if common.format == Format::Json {
            print(&json::error(command, &error, code));
        }
        code
    })
}

pub(super) fn choose_colours(colour: Colour) {
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

fn written(result: std::io::Result<()>) -> bool {
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
    for note in &job.registry.notes {
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
    let stop = Arc::new(Stop::default());
    signals::listen(&stop);
    let (begun, started) = (Instant::now(), clock());
    let connection = Connection { ca_file: common.ca_file.clone() };
    let interrupted = || Error::new(ErrorKind::Interrupted, "interrupted before anything was deleted");
    let opened = tokio::select! {
        opened = open::open(&job.registry.location, &connection) => opened?,
        () = stop.requested() => return Err(interrupted()),
    };
    let order = Order {
        run: format!("{}-{:08x}", started.to_compact(), run_number(started)),
        command: job.command,
        host: host(),
        location: job.registry.location.to_string(),
        harbor: job.registry.harbor,
        options: job.options.clone(),
        bounds: job.bounds,
        started,
        begun,
        concurrency: usize::from(common.concurrency),
    };
    if !job.acts() || !job.keeps_state {
        let left = run::left_by_earlier_runs(opened.reader()).await?;
        return look_and_act(job, common, &opened, (None, &left), &order, &stop).await;
    }
    let (tenure, left) = tokio::select! {
        begun = run::begin(&opened, &order) => begun?,
        () = stop.requested() => return Err(interrupted()),
    };
    if let Some(dead) = &tenure.taken_over {
        let _ = writeln!(anstream::stderr(), "note: run {dead} ended without giving back its lease; this run finishes it");
    }
    let result = look_and_act(job, common, &opened, (Some(&tenure), &left), &order, &stop).await;
    tenure.give_back().await;
    result
}

/// Two runs that begin within the same second must not have one name: one would write over the other's journal.
pub(super) fn run_number(started: Timestamp) -> u32 {
    let mut hasher = std::hash::DefaultHasher::new();
    (started.as_nanos(), std::process::id(), std::thread::current().id()).hash(&mut hasher);
    let random = std::hash::RandomState::new().hash_one(hasher.finish());
    u32::try_from(random >> 32).unwrap_or(u32::MAX)
}

/// This machine's name, for those who find a lease.
pub(super) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".into(), |name| name.trim().to_owned())
}

/// The lease, if this run has one, and what earlier runs have left.
type Kept<'a> = (Option<&'a run::Tenure>, &'a Left);

async fn look_and_act(
    job: &Job,
    common: &Common,
    opened: &Opened,
    kept: Kept<'_>,
    order: &Order,
    stop: &Stop,
) -> Result<u8> {
    let display = progress::Display::choose(common.no_progress || common.quiet);
    let observer = progress::Progress::new(display, common.verbose);
    let mut survey = run::survey(opened.reader(), kept.1, order, &observer, stop).await?;
    let mut report = Report::new(&survey.scan, &survey.plan, order.options.wait());
    describe(&mut report, job, order, &survey);
    // A refused plan is not saved: a file of it would ask to be carried out.
    if let Some(path) = job.output.as_ref().filter(|_| survey.refusals.is_empty()) {
        plan_file::save(path, &header(&report, order.started), &survey.plan)?;
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
        if job.acts() {
            report.not_attempted = survey.plan.deletions().len() as u64;
        }
        exit::REFUSED
    } else if !job.acts() {
        if job.detailed_exitcode && !survey.plan.is_empty() { exit::CHANGES } else { exit::DONE }
    } else {
        act(job, opened, kept, &mut survey, order, &observer, stop, &mut report).await?
    };
    report.first.extend(cache_advice(&job.registry.descriptor_cache, &report));
    report.requests = opened.reader().requests();
    report.seconds.total = order.begun.elapsed().as_secs_f64();
    report.finished = order.local_now().to_rfc3339();
    report.peak_memory_bytes = peak_memory();
    drop(observer);
    let shown = show(&report, job, common);
    let unshown = if job.acts() { exit::INCOMPLETE } else { exit::FAILED };
    Ok(if shown || report.exit_code != exit::DONE { report.exit_code } else { unshown })
}

/// Asks, deletes, and accounts.
#[expect(clippy::too_many_arguments, reason = "the one place where a run's parts meet")]
async fn act(
    job: &Job,
    opened: &Opened,
    kept: Kept<'_>,
    survey: &mut Survey,
    order: &Order,
    observer: &progress::Progress,
    stop: &Stop,
    report: &mut Report,
) -> Result<u8> {
    if kept.0.is_some() {
        report.mended = run::mend_earlier(opened, kept.1, survey, observer).await?;
    }
    if survey.plan.is_empty() && kept.0.is_none() {
        return Ok(exit::DONE);
    }
    if job.asks && !survey.plan.is_empty() {
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
    let plan = std::mem::take(&mut survey.plan);
    let approved = Approved { plan: &plan };
    let result = run::carry_out(opened, kept, &approved, survey, order, observer, stop).await;
    survey.plan = plan;
    let done = match result {
        Ok(done) => done,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
            report.error = Some(json::row(&error));
            report.not_attempted = survey.plan.deletions().len() as u64;
            return Ok(exit::of_error(error.kind()));
        }
    };
    report.account(&survey.scan, &survey.plan, Some(&done.outcomes));
    report.seconds.sweep = sweeping.elapsed().as_secs_f64();
    report.mended += done.mended;
    report.put_back = done.put_back;
    report.broken.clone_from(&done.broken);
    report.stopped = done.stopped.map(|stopped| stopped.name().to_owned());
    for error in &done.errors {
        let _ = writeln!(anstream::stderr(), "{}", words::error(error));
        report.error = report.error.take().or_else(|| Some(json::row(error)));
    }
    Ok(exit::of_sweep(report, &done))
}

/// A registry that remembers blobs goes on claiming those that are gone: a push that names one is accepted, and the image
/// is broken. What is in its memory ends with the process; as long as content waits, such an image is mended.
fn cache_advice(cache: &DescriptorCache, report: &Report) -> Option<String> {
    let (remembers, is_sure) = match cache {
        DescriptorCache::InMemory => ("the registry remembers blobs in memory (cache.blobdescriptor: inmemory)", true),
        DescriptorCache::Unknown => ("the registry may remember blobs in memory (the official images do)", false),
        DescriptorCache::None | DescriptorCache::Redis(_) => return None,
    };
    let due = report.pending.first_due.as_deref().and_then(Timestamp::parse_rfc3339).map(Timestamp::to_minute);
    let went = report.deleted.blobs.count > 0 && report.mode == Mode::Offline.name();
    let when = match due {
        Some(due) => format!("restart it before {due}"),
        None if went => "if it kept running, restart it before it takes pushes".to_owned(),
        None => return None,
    };
    let hint = if is_sure { "" } else { "; --descriptor-cache none, if it does not" };
    Some(format!("{remembers}: {when}, or it accepts pushes that name what is gone{hint}"))
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
    report.run.clone_from(&order.run);
    report.location.clone_from(&order.location);
    report.dry_run = job.dry_run || job.output.is_some();
    report.mode = job.options.mode.name();
    report.options = settings::shown(&job.options);
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

fn header(report: &Report, created: Timestamp) -> Header {
    Header {
        schema: "regsweep.plan/1",
        version: report.version,
        run: report.run.clone(),
        command: report.command.clone(),
        location: report.location.clone(),
        mode: report.mode,
        options: report.options.clone(),
        created: created.to_rfc3339(),
        expires: created.plus(PLAN_EXPIRES).to_rfc3339(),
    }
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
