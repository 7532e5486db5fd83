//! A run as figures.

use crate::cli::openmetrics::{Figure, Metrics};
use crate::collect::report::{Counts, Report};
use crate::model::Timestamp;

pub(super) fn text(report: &Report) -> String {
    let location = ("registry", report.location.as_str());
    let mut metrics = Metrics::new("run", vec![location, ("command", report.command.as_str())]);
    let finished = Timestamp::parse_rfc3339(&report.finished).map_or(0, |time| time.as_nanos() / 1_000_000_000);
    metrics.one("finished_timestamp", "seconds", "When the run ended.", finished);
    metrics.one("duration", "seconds", "How long it took.", report.seconds.total);
    metrics.one("exit_code", "", "The exit code: 0 is done.", report.exit_code);
    metrics.one("is_dry", "", "Whether nothing was to be deleted.", u8::from(report.dry_run));
    let bytes = &report.bytes;
    for (name, help, value) in [
        ("before", "Bytes below the root, before.", bytes.before),
        ("freed", "Bytes that are free, as the store confirmed.", bytes.freed),
        ("held_by_store", "Bytes that were deleted, and that the store keeps for a while.", bytes.held_by_store),
        ("after", "Bytes that are left, what the store holds included.", bytes.after),
        ("freeable_later", "Bytes that a later run can free.", bytes.freeable_later),
        ("planned", "Bytes of all that was to go.", report.planned_bytes),
        ("found_blob", "Bytes of all blobs.", report.found.blobs.bytes),
        ("needed_blob", "Bytes of all blobs that are needed.", report.marked.blobs.bytes),
        ("pending", "Bytes that nothing needs and that wait.", report.pending.blobs.bytes),
    ] {
        metrics.one(name, "bytes", help, value);
    }
    let found = &report.found;
    let found = [
        ("repositories", found.repositories),
        ("tags", found.tags),
        ("manifests", found.manifests),
        ("layer_links", found.layer_links),
        ("uploads", found.uploads.count),
        ("blobs", found.blobs.count),
    ];
    metrics.gauge("found_objects", "", "What is there, by kind.", by("kind", found));
    metrics.gauge("planned_objects", "", "What was to go, by kind.", by("kind", kinds(&report.planned)));
    metrics.gauge(
        "deleted_objects",
        "",
        "What went, by kind, as the store confirmed.",
        by("kind", kinds(&report.deleted)),
    );
    let outcomes = [
        ("deleted", report.entries.deleted),
        ("already_gone", report.already_gone),
        ("failed", report.failed),
        ("unknown", report.unknown),
        ("not_attempted", report.not_attempted),
        ("changed", report.kept.changed),
    ];
    metrics.gauge("entries", "", "Entries of the plan by what came of them.", by("outcome", outcomes));
    let codes: Vec<(String, u64)> = report.problem_counts.iter().map(|(code, count)| (word(code), *count)).collect();
    let problems = codes.iter().map(|(code, count)| (vec![("code", code.as_str())], *count));
    metrics.gauge("problems", "", "What is damaged or odd, by code.", problems);
    let refusals = report.refusals.iter().map(|refusal| (vec![("code", refusal.code)], 1));
    metrics.gauge("refused", "", "What spoke against the run.", refusals);
    let requests = &report.requests;
    let requests = [
        ("list", requests.list),
        ("get", requests.get),
        ("head", requests.head),
        ("put", requests.put),
        ("copy", requests.copy),
        ("delete", requests.delete),
    ];
    metrics.gauge("requests", "", "Requests that were sent, by kind.", by("kind", requests));
    let freed = report.repositories.iter().map(|row| (vec![("repository", row.name.as_str())], row.bytes.freed));
    metrics.gauge("repository_freed", "bytes", "Bytes that are free, by the repository that alone used them.", freed);
    metrics.finish()
}

fn by<'a, const N: usize>(label: &'a str, figures: [(&'static str, u64); N]) -> impl Iterator<Item = Figure<'a>> {
    figures.into_iter().map(move |(name, value)| (vec![(label, name)], value))
}

fn kinds(counts: &Counts) -> [(&'static str, u64); 6] {
    [
        ("tags", counts.tags),
        ("tag_history", counts.tag_history),
        ("manifests", counts.manifests),
        ("layer_links", counts.layer_links),
        ("uploads", counts.uploads.count),
        ("blobs", counts.blobs.count),
    ]
}

/// A word as JSON has it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
