//! The one engine that shows a plan, saves it or carries it out, whichever command made it.

use super::apply::Applied;
use super::args::{Colour, Common, Format, Outlets};
use super::purge::Purge;
use super::{advice, ask, exit, json, machine, plan_file, progress, purge, settings, signals, telling, verbose, words};
use crate::collect::options::Options;
use crate::collect::report::Report;
use crate::collect::sealed::Named;
use crate::config::{DescriptorCache, Resolved};
use crate::error::{Error, ErrorKind, Result};
use crate::run::{self, Bounds, Equipment, Order, Stop, Survey};
use crate::storage::descriptor_cache::Evictor;
use crate::storage::manifest_cache::ManifestCache;
use crate::storage::open::{self, Connection, Opened};
use crate::storage::shelf::TemporaryFile;
use crate::storage::sweep::Approved;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a command wants of the engine.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
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
    /// Whether it is an error that something was named and is not there.
    pub must_match: bool,
    /// Files that the report is written to.
    pub outlets: Outlets,
    /// Whether something to delete is told by the exit code.
    pub detailed_exitcode: bool,
    /// Whether old versions go as well, and how long they must have been old.
    pub purge_versions: Option<Duration>,
}

impl Job {
    /// Whether anything may be deleted.
    pub(super) fn acts(&self) -> bool {
        !self.dry_run && self.output.is_none()
    }
}

/// Runs a command to its exit code; errors are shown here.
pub fn run(command: &'static str, common: &Common, job: impl FnOnce() -> Result<Job>) -> u8 {
    told(command, common, || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(ErrorKind::Io, "start the runtime").caused_by(error))?;
        let result = runtime.block_on(run::caught(carry_out(&job()?, common)));
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

pub(super) fn written(result: std::io::Result<()>) -> bool {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let _ = writeln!(anstream::stderr(), "error: write the report to stdout: {error}");
            false
        }
        _ => true,
    }
}

async fn carry_out(job: &Job, common: &Common) -> Result<u8> {
    job.outlets.check()?;
    purge::check(job)?;
    for note in &job.registry.notes {
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
    let stop = Arc::new(Stop::default());
    signals::listen(&stop);
    let (begun, started) = (Instant::now(), machine::clock());
    let connection =
        Connection { ca_file: common.ca_file.clone(), limits: settings::limits(common), ..Connection::default() };
    let opened = tokio::select! {
        opened = open::open(&job.registry.location, &connection) => opened?,
        () = stop.requested() => return Err(run::interrupted()),
    };
    job.applied.as_ref().map_or(Ok(()), |applied| applied.check_place(opened.place()))?;
    let end = settings::session_end(&job.registry).filter(|_| job.acts());
    let (bounds, note) = settings::within_session(job.bounds, end, started);
    if let Some(note) = note {
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
    let cache = common.cache_dir.as_deref().map(|named| ManifestCache::open(named, opened.place())).transpose()?;
    let cache = cache.map(Arc::new);
    let order = Order {
        run: machine::run_name(started),
        command: job.command,
        host: machine::host(),
        location: job.registry.location.to_string(),
        harbor: job.registry.harbor,
        options: job.options.clone(),
        purges: job.purge_versions.is_some(),
        bounds,
        limit: job.applied.as_ref().map(|applied| Arc::clone(&applied.limit)),
        started,
        begun,
        concurrency: usize::from(common.concurrency),
        mend: None,
        cache,
        shelf: Some(Arc::new(TemporaryFile::of_machine())),
    };
    let report = Box::pin(held(job, common, &opened, &connection, &order, &stop)).await?;
    if let Some(trouble) = order.cache.as_ref().and_then(|cache| cache.trouble()) {
        let _ = writeln!(anstream::stderr(), "note: {trouble}");
    }
    Ok(telling::end(report, job, common, &opened, &order))
}

/// Looks and acts, with the lease in hand if anything is to be deleted; whatever comes of it, the lease is given back.
async fn held(
    job: &Job,
    common: &Common,
    opened: &Opened,
    connection: &Connection,
    order: &Order,
    stop: &Stop,
) -> Result<Report> {
    let cache = match &job.registry.descriptor_cache {
        DescriptorCache::Redis(redis) if job.acts() => Some(Evictor::connect(redis, connection).await?),
        _ => None,
    };
    let cache = cache.as_ref();
    if !job.acts() || !job.keeps_state {
        let left = run::left_by_earlier_runs(opened.reader()).await?;
        return look_and_act(job, common, opened, Equipment { tenure: None, left: &left, cache }, order, stop).await;
    }
    let (tenure, left) = run::begin(opened, order, stop).await?;
    if let Some(dead) = &tenure.taken_over {
        let _ =
            writeln!(anstream::stderr(), "note: run {dead} ended without giving back its lease; this run finishes it");
    }
    let equipment = Equipment { tenure: Some(&tenure), left: &left, cache };
    let report = run::caught(Box::pin(look_and_act(job, common, opened, equipment, order, stop))).await;
    tenure.give_back().await;
    report
}

async fn look_and_act(
    job: &Job,
    common: &Common,
    opened: &Opened,
    equipment: Equipment<'_>,
    order: &Order,
    stop: &Stop,
) -> Result<Report> {
    let display = progress::Display::choose(common.no_progress || common.quiet);
    let observer = progress::Progress::new(display, common.verbose);
    let order = &run::repair::prepared(opened.reader(), order, &observer, stop).await?;
    let mut survey = run::survey(opened.reader(), equipment.left, order, &observer, stop).await?;
    if job.must_match && !survey.unmatched.is_empty() {
        return Err(telling::not_there(&survey.unmatched));
    }
    let mut report = Report::new(&survey.scan, &survey.plan, order.options.wait());
    telling::describe(&mut report, job, order, &survey);
    report.ends_undo = equipment.left.ends_undo(&survey.plan, survey.scan.now);
    let keeps = survey.store_keeps.clone();
    report.split_by(&keeps.clone().knowing(opened.reader().said()), order.local_now());
    // A refused plan is not saved: a file of it would ask to be carried out.
    if let Some(path) = job.output.as_ref().filter(|_| survey.refusals.is_empty()) {
        plan_file::save(path, &plan_file::header(job, &report, opened, order.started, &survey.plan), &survey.plan)?;
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
        act(job, opened, equipment, &mut survey, order, &observer, stop, &mut report).await?
    };
    if let Some(older_than) = job.purge_versions {
        let tenure = equipment.tenure;
        let purge = Purge { job, opened, tenure, survey: &survey, observer: &observer, stop };
        report.exit_code = purge.run(older_than, order, &mut report).await;
    }
    report.split_by(&keeps.knowing(opened.reader().said()), order.local_now());
    report.first.extend(advice::cache(&job.registry.descriptor_cache, &report));
    report.damage_left = order.mend.as_ref().map_or(0, |mend| mend.left);
    report.exit_code = exit::with_damage(report.exit_code, report.damage_left);
    Ok(report)
}

/// Asks, deletes, and accounts.
#[expect(clippy::too_many_arguments, reason = "the one place where a run's parts meet")]
async fn act(
    job: &Job,
    opened: &Opened,
    equipment: Equipment<'_>,
    survey: &mut Survey,
    order: &Order,
    observer: &progress::Progress,
    stop: &Stop,
    report: &mut Report,
) -> Result<u8> {
    if equipment.tenure.is_some() {
        report.mended = run::mend_earlier(opened, equipment.left, survey, observer).await?;
    }
    if survey.plan.is_empty() && equipment.tenure.is_none() && survey.scan.hollow.is_empty() {
        return Ok(exit::DONE);
    }
    if job.asks && !survey.plan.is_empty() {
        let yes = tokio::select! {
            yes = ask::confirmed(report) => yes?,
            () = stop.requested() => false,
        };
        if stop.is_requested() || !yes {
            let (why, code) =
                if stop.is_requested() { ("signal", exit::INTERRUPTED) } else { (telling::NO, exit::FAILED) };
            report.stopped = Some(why.into());
            report.not_attempted = survey.plan.deletions().len() as u64;
            return Ok(code);
        }
    }
    let sweeping = Instant::now();
    let plan = std::mem::take(&mut survey.plan);
    let approved = Approved { plan: &plan };
    let result = run::carry_out(opened, equipment, &approved, survey, order, observer, stop).await;
    survey.plan = plan;
    let done = match result {
        Ok(done) => done,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
            report.error = Some(json::row(&error));
            report.refusal = json::refusal(&error);
            report.not_attempted = survey.plan.deletions().len() as u64;
            return Ok(exit::of_error(error.kind()));
        }
    };
    report.account(&survey.scan, &survey.plan, Some(&done.outcomes));
    report.seconds.sweep = sweeping.elapsed().as_secs_f64();
    report.mended += done.mended;
    report.put_back = done.put_back;
    report.evicted = done.evicted;
    report.links.written = done.links_written;
    report.links.not_written = done.links_not_written;
    report.broken.clone_from(&done.broken);
    report.stopped = done.stopped.map(|stopped| stopped.name().to_owned());
    for error in &done.errors {
        let _ = writeln!(anstream::stderr(), "{}", words::error(error));
        report.error = report.error.take().or_else(|| Some(json::row(error)));
    }
    Ok(exit::of_sweep(report, &done))
}
