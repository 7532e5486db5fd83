//! `--purge-versions`: what a versioned bucket keeps of what was deleted, after the collection, with a question of its own.

use super::engine::Job;
use super::progress::Progress;
use super::words::{number, size, wrapped};
use super::{ask, exit, json, outcome_text, words};
use crate::collect::report::Report;
use crate::collect::versions::{Amount, OldVersions};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::run::purge::{self, Question};
use crate::run::{Bounds, Order, Stop, Survey, Tenure};
use crate::storage::open::Opened;
use crate::storage::sweep::ApprovedPurge;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

/// What a purge works with.
#[derive(Clone, Copy)]
pub(super) struct Purge<'a> {
    pub(super) job: &'a Job,
    pub(super) opened: &'a Opened,
    pub(super) tenure: Option<&'a Tenure>,
    pub(super) survey: &'a Survey,
    pub(super) observer: &'a Progress,
    pub(super) stop: &'a Stop,
}

impl Purge<'_> {
    /// Looks, asks and deletes; the exit code of all. Nothing is begun after a run that did not end well.
    pub(super) async fn run(self, older_than: Duration, order: &Order, report: &mut Report) -> u8 {
        if report.exit_code != exit::DONE || report.stopped.is_some() {
            report.first.push(
                "--purge-versions: old versions were left alone, as the collection did not come to its end".into(),
            );
            return report.exit_code;
        }
        let order = Order { bounds: left(order.bounds, report), ..order.clone() };
        match self.looked_and_asked(older_than, &order, report).await {
            Ok(code) => code,
            Err(error) => {
                let _ = writeln!(anstream::stderr(), "{}", words::error(&error));
                report.error = Some(json::row(&error));
                let has_begun = !report.deleted.is_zero() || report.old_versions.as_ref().is_some_and(has_begun);
                if has_begun { exit::INCOMPLETE } else { exit::of_error(error.kind()) }
            }
        }
    }

    async fn looked_and_asked(self, older_than: Duration, order: &Order, report: &mut Report) -> Result<u8> {
        let Self { job, opened, tenure, survey, observer, stop } = self;
        let question = Question { older_than, scan: &survey.scan, keeps: &survey.store_keeps, order };
        let looked = tokio::select! {
            looked = purge::look(opened.reader(), question, observer) => looked?,
            () = stop.requested() => return Ok(interrupted(report)),
        };
        let Some(purge::Looked { before, shown, row }) = looked else {
            report.first.push("--purge-versions: this store keeps no old versions".into());
            return Ok(exit::DONE);
        };
        let is_nothing = row.planned.count() == 0;
        let row = report.old_versions.insert(row);
        if !job.acts() || is_nothing {
            return Ok(exit::DONE);
        }
        if job.asks {
            let _ = write!(anstream::stderr(), "{}", text(row, true));
            let yes = tokio::select! {
                yes = ask::answered("remove these old versions for good? Nothing brings them back.".into()) => yes?,
                () = stop.requested() => return Ok(interrupted(report)),
            };
            if !yes {
                row.not_attempted = row.planned.count();
                row.stopped = Some(super::telling::NO.into());
                let _ = writeln!(anstream::stderr(), "old versions were left alone");
                return Ok(exit::FAILED);
            }
        }
        let approved = ApprovedPurge { before, shown };
        purge::carry_out((opened, &approved), tenure, question, row, observer, stop).await?;
        Ok(match row.stopped.as_deref() {
            Some("signal") => exit::INTERRUPTED,
            _ if row.failed + row.unknown > 0 => exit::INCOMPLETE,
            Some("lease" | "not-by-id") => exit::INCOMPLETE,
            _ => exit::DONE,
        })
    }
}

/// Where the store has versions.
///
/// # Errors
/// Elsewhere.
pub(super) fn check(job: &Job) -> Result<()> {
    let is_s3 = matches!(job.registry.location.store, crate::storage::location::Store::S3(_));
    if job.purge_versions.is_none() || is_s3 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "purge old versions")
        .because("--purge-versions is for buckets of S3; what other stores keep goes by their own rules")
        .next("leave it out"))
}

fn interrupted(report: &mut Report) -> u8 {
    report.stopped = Some("signal".into());
    exit::INTERRUPTED
}

/// Whether a delete was sent.
fn has_begun(row: &OldVersions) -> bool {
    row.deleted.count() + row.failed + row.unknown > 0
}

fn not_attempted(row: &OldVersions) -> &'static str {
    match row.stopped.as_deref() {
        Some("signal") => "not attempted: stopped",
        Some("not-by-id") => {
            "not attempted: until the store says that it deleted a version by its id, no other is touched"
        }
        Some("no-answer") => "not attempted: the store answered no delete three times in a row",
        None => "left for the next run: the store was too slow, and they were listed too long ago",
        stopped => outcome_text::left(stopped),
    }
}

/// What the collection has left of the bounds.
fn left(bounds: Bounds, report: &Report) -> Bounds {
    Bounds {
        objects: bounds.objects.map(|limit| limit.saturating_sub(report.entries.deleted)),
        bytes: bounds.bytes.map(|limit| limit.saturating_sub(report.deleted.bytes())),
        ..bounds
    }
}

/// What is told of old versions: before the question, and in the report.
#[must_use]
pub(super) fn text(row: &OldVersions, asks: bool) -> String {
    let since = Timestamp::parse_rfc3339(&row.before).map(Timestamp::to_minute).unwrap_or_default();
    let mut text = "\nold versions of what was deleted or written over, which no registry reads\n".to_owned();
    let mut line = |what: String| text.push_str(&wrapped(&what, "  "));
    line(format!("found {}", amount(row.found)));
    if row.planned.count() == 0 {
        line(format!("none has been old since {since}: nothing to delete"));
    } else {
        line(format!("to delete, old since {since} or longer: {}", amount(row.planned)));
    }
    let kept = row.kept;
    for (kept, why) in [
        (kept.young, "stay: old for less than that (--defer), or hiding what is"),
        (kept.unclear, "stay: the store's listing does not say what is current"),
        (kept.needed, "stay: something needs what they may mend"),
        (kept.foreign, "stay: no registry writes their keys"),
        (
            kept.reused,
            "stay: they have no id of their own, and the next write may take their place; --offline removes them",
        ),
        (kept.later, "stay: more than one run removes; the next one goes on"),
    ] {
        if kept.count() > 0 {
            line(format!("{} {why}", amount(kept)));
        }
    }
    if asks || row.planned.count() == 0 {
        return text;
    }
    let tried = row.deleted.count() + row.failed + row.unknown + row.changed + row.not_attempted;
    if tried == 0 {
        return text;
    }
    line(format!("deleted {}", amount(row.deleted)));
    for (count, what) in [
        (row.failed, "failed"),
        (row.unknown, "unknown: the store's answer was lost; run again to settle them"),
        (row.changed, "changed since they were listed, and left alone"),
        (row.not_attempted, not_attempted(row)),
    ] {
        if count > 0 {
            line(format!("{count} {what}"));
        }
    }
    for failure in &row.failures {
        let _ = write!(text, "{}", wrapped(&words::printable(failure), "    "));
    }
    text
}

fn amount(amount: Amount) -> String {
    let versions = amount.noncurrent_versions;
    let told = [
        (versions.count > 0).then(|| format!("{} ({})", number(versions.count, "old version"), size(versions.bytes))),
        (amount.delete_markers > 0).then(|| number(amount.delete_markers, "delete marker")),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if told.is_empty() { "nothing".into() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::blobs::Tally;
    use crate::collect::versions::Kept;

    fn of(count: u64, bytes: u64, delete_markers: u64) -> Amount {
        Amount { noncurrent_versions: Tally { count, bytes }, delete_markers }
    }

    fn row() -> OldVersions {
        OldVersions {
            before: "2026-11-15T03:00:00Z".into(),
            found: of(1200, 3_000_000_000, 41),
            planned: of(1000, 2_900_000_000, 40),
            kept: Kept { young: of(200, 100_000_000, 1), ..Kept::default() },
            ..OldVersions::default()
        }
    }

    #[test]
    fn before_the_question_it_is_told_what_goes_and_what_stays() {
        let expected = "
old versions of what was deleted or written over, which no registry reads
  found 1200 old versions (3.0 GB), 41 delete markers
  to delete, old since 2026-11-15 03:00 UTC or longer: 1000 old versions (2.9
  GB), 40 delete markers
  200 old versions (100.0 MB), 1 delete marker stay: old for less than that
  (--defer), or hiding what is
";
        assert_eq!(text(&row(), true), expected);
    }

    #[test]
    fn afterwards_it_is_told_what_went_and_what_did_not() {
        let row = OldVersions {
            deleted: of(998, 2_800_000_000, 40),
            failed: 2,
            failures: vec!["AccessDenied because of an object lock".into()],
            ..row()
        };
        let text = text(&row, false);
        let end = "  deleted 998 old versions (2.8 GB), 40 delete markers\n  2 failed\n    AccessDenied because of an object lock\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn collection_and_purge_share_one_bound() {
        let mut report = Report::empty();
        report.entries.deleted = 7;
        let bounds = Bounds { objects: Some(10), bytes: None, duration: None };
        assert_eq!(left(bounds, &report).objects, Some(3));
        report.entries.deleted = 70;
        assert_eq!(left(bounds, &report).objects, Some(0));
    }
}
