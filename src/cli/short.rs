//! What commands share that make no plan.

use super::args::{Common, Format};
use super::{engine, exit, json, machine, settings, signals, words};
use crate::collect::options::{Aside, Mode, Options};
use crate::config::Resolved;
use crate::error::{Error, ErrorKind, Result};
use crate::run::{Bounds, Order, Stop, caught};
use crate::storage::open::{self, Connection, Opened};
use crate::storage::shelf::TemporaryFile;
use serde_json::json;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A registry that was opened, and the run that works on it.
pub(super) struct Opening {
    pub(super) opened: Opened,
    pub(super) order: Order,
    pub(super) stop: Arc<Stop>,
}

/// Runs a command to its exit code; errors are shown here, in JSON with this schema.
pub(super) fn run(
    (command, schema): (&'static str, &str),
    common: &Common,
    work: impl AsyncFnOnce() -> Result<u8>,
) -> u8 {
    engine::choose_colours(common.color);
    let result = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(caught(work()));
            // Walkers and credential helpers may still be busy; nobody waits for them.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Error::new(ErrorKind::Io, "start the runtime").caused_by(error)),
    };
    result.unwrap_or_else(|error| {
        let code = exit::of_error(error.kind());
        let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
        if common.format == Format::Json {
            let object = json!({
                "schema": schema,
                "command": command,
                "version": env!("CARGO_PKG_VERSION"),
                "exit_code": code,
                "refusal": json::refusal(&error),
                "error": json::row(&error),
            });
            engine::print(&format!("{object:#}"));
        }
        code
    })
}

/// Opens a registry.
pub(super) async fn open(command: &'static str, registry: &Resolved, common: &Common) -> Result<Opening> {
    for note in &registry.notes {
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
    let stop = Arc::new(Stop::default());
    signals::listen(&stop);
    let (begun, started) = (Instant::now(), machine::clock());
    let connection =
        Connection { ca_file: common.ca_file.clone(), limits: settings::limits(common), ..Connection::default() };
    let opened = unless_stopped(&stop, Box::pin(open::open(&registry.location, &connection))).await?;
    let order = Order {
        run: machine::run_name(started),
        command,
        host: machine::host(),
        location: registry.location.to_string(),
        harbor: registry.harbor,
        options: keeping(),
        purges: false,
        bounds: Bounds::default(),
        limit: None,
        mend: None,
        started,
        begun,
        concurrency: usize::from(common.concurrency),
        cache: None,
        shelf: Some(Arc::new(TemporaryFile::of_machine())),
    };
    Ok(Opening { opened, order, stop })
}

/// Something that changes nothing, and that nobody waits for once the run is told to stop.
pub(super) async fn unless_stopped<T>(stop: &Stop, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        result = work => result,
        () = stop.requested() => Err(Error::new(ErrorKind::Interrupted, "interrupted before anything was changed")),
    }
}

/// What a live collection keeps that is told nothing else.
fn keeping() -> Options {
    Options {
        mode: Mode::Live,
        delete_untagged: false,
        min_age: Mode::Live.default_min_age(),
        defer: Mode::Live.default_defer(true),
        settle: Mode::Live.default_settle(),
        aside: Aside::Never,
        max_scan_age: Duration::MAX,
        uploads_older_than: None,
        repositories: Vec::new(),
        keep_from: Vec::new(),
        max_delete_percent: None,
        allow: Vec::new(),
        images: Vec::new(),
        collects: true,
        rules: None,
        repair: None,
    }
}
