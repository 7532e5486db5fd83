//! `audit`: where the bytes are. Reads only, and needs no lease.

mod compared;
mod csv;
mod html;
mod listing;
mod markdown;
mod money;
mod openmetrics;
mod price_file;
mod report;
mod tables;
mod text;

use super::args::{Audit, Common, Format};
use super::outlets::{self, Forms as _};
use super::prune_rules;
use super::short::{self, Opening, unless_stopped};
use super::{engine, exit, machine, progress, settings};
use crate::collect::audit::group::Groups;
use crate::collect::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::run::audit::{Question, audit};
use crate::run::{self, Order};
use crate::storage::given::Through;
use crate::storage::manifest_cache::ManifestCache;
use crate::storage::reader::Storage as _;
use report::{ListingRow, Report, SCHEMA};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Audit, common: &Common) -> u8 {
    short::run(("audit", SCHEMA), common, async || {
        outlets::check(args.outlets.paths().chain(&args.html))?;
        let prices = price_file::prices(args.prices.as_deref())?;
        let before = args.compare.as_deref().map(compared::read).transpose()?;
        let registry = settings::registry(args.operand.as_deref(), common)?;
        let rules = args.policy.as_ref().map(|policy| {
            let policy = Some(policy.clone());
            prune_rules::rules(&super::args::prune::Rules { policy, at: args.at, ..Default::default() })
        });
        let rules = rules.transpose()?;
        let groups = args.group.as_deref().map(groups).transpose()?;
        let opening = short::open("audit", &registry, common).await?;
        money::check(args, &prices, &opening.opened.biller())?;
        let source = unless_stopped(&opening.stop, Box::pin(listing::source(args, common, &opening))).await?;
        let recorder = listing::recorder(args, &opening, source.as_ref())?;
        let Opening { opened, order, stop } = opening;
        let cache = common.cache_dir.as_deref().map(|named| ManifestCache::open(named, opened.place())).transpose()?;
        let options = options(args, &order.options);
        let policy = rules.as_ref().map(|rules| prune_rules::with(rules, options.clone()));
        let order = Order { options, cache: cache.map(Arc::new), ..order };
        let question = Question { groups, repositories: args.repository.clone(), policy };
        let display = progress::Display::choose(common.no_progress || common.quiet);
        let observer = progress::Progress::new(display, false);
        let left = unless_stopped(&stop, run::left_by_earlier_runs(opened.reader())).await?;
        let storage = Through { storage: opened.reader(), source: source.as_ref(), recorder: recorder.as_ref() };
        let answer = audit(&storage, &left, &order, &question, &observer, &stop).await?;
        drop(observer);
        let mut report = Report::new(args, &order, answer);
        report.requests = storage.requests();
        report.listing =
            source.as_ref().map(|source| ListingRow { what: source.what, created: source.created.to_rfc3339() });
        report.named = named(args, common, &report.location);
        money::add(&mut report, args, &prices, &opened.biller());
        report.compared = before.map(|before| before.compare(&report.location, &report.findings, &report.not_known));
        report.finished = order.local_now().to_rfc3339();
        report.seconds = order.begun.elapsed().as_secs_f64();
        report.peak_memory_bytes = machine::peak_memory();
        if let (Some(recorder), Some(path)) = (recorder, &args.save_listing) {
            listing::finish(recorder, path)?;
        }
        let written = args.outlets.write(&report) & outlets::written(&args.html, || html::text(&report));
        let shown = match (common.format, common.quiet) {
            (Format::Json, _) => engine::print(&report.json()),
            (Format::Text, true) => true,
            (Format::Text, false) => engine::print(&text::text(&report)),
        };
        Ok(if shown && written { exit::DONE } else { exit::FAILED })
    })
}

/// What a collection would decide by. Nothing waits: what is asked is what will be free in the end.
fn options(args: &Audit, base: &Options) -> Options {
    Options {
        min_age: args.min_age,
        uploads_older_than: args.uploads_older_than.0,
        defer: Duration::ZERO,
        ..base.clone()
    }
}

/// The registry as it was named, behind what is said of the way there.
fn named(args: &Audit, common: &Common, location: &str) -> Vec<String> {
    let ca_file = common.ca_file.as_ref().map(|file| file.display().to_string());
    let way = [
        ("--ca-file", ca_file.as_ref()),
        ("--region", common.region.as_ref()),
        ("--profile", common.profile.as_ref()),
        // A password in it belongs in no file.
        ("--endpoint-url", common.endpoint_url.as_ref().filter(|url| !url.contains('@'))),
    ];
    let way = way.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?.clone()]));
    let registry = args.operand.as_ref().or(common.registry.as_ref()).map_or(location, String::as_str);
    way.flatten().chain([registry.to_owned()]).collect()
}

fn groups(text: &str) -> Result<Groups> {
    let wrong = |why: String| {
        Error::new(ErrorKind::Usage, "group the repositories")
            .on(text)
            .because(why)
            .next("write re: and an expression with a named part, or a file with lines of a pattern and a name")
    };
    if let Some(expression) = text.strip_prefix("re:") {
        return Groups::expression(expression).map_err(|error| wrong(error.to_string()));
    }
    let read = super::policy::read::text("read the groups", Path::new(text))?;
    Groups::lines(&read).map_err(|error| wrong(error.to_string()))
}
