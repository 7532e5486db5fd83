//! Words for what a store keeps of what is deleted: bytes that it holds are never called free.

use super::words::{size, wrapped};
use crate::collect::report::Report;
use crate::collect::store_keeps::{How, StoreKeepsRow};

/// What is freed and what is held of `bytes` that are deleted; none where the store gives everything back at once.
#[must_use]
pub(super) fn split(row: &StoreKeepsRow, bytes: u64) -> Option<String> {
    if row.how.is_some() {
        return Some(format!("0 B freed at once, {} {}", amount(row, bytes), held_by(row)));
    }
    (!row.known).then(|| "how much is freed at once is not known".into())
}

/// What stands under a plan: the split, and what is not known of it.
#[must_use]
pub(super) fn under_plan(report: &Report) -> String {
    let row = &report.store_keeps;
    let split = split(row, report.planned_bytes).filter(|_| row.known);
    split.into_iter().chain(notes(row)).map(|line| wrapped(&line, "")).collect()
}

/// The space before and after, with all between.
#[must_use]
pub(super) fn space(report: &Report) -> String {
    let (bytes, row) = (&report.bytes, &report.store_keeps);
    let (deleted, after, would_be, left) = if report.dry_run {
        let gone = if row.how.is_some() { 0 } else { report.planned_bytes };
        (report.planned_bytes, bytes.before.saturating_sub(gone), "would be ", "would be left")
    } else {
        (bytes.freed + bytes.held_by_store, bytes.after, "", "after")
    };
    let before = size(bytes.before);
    let line = if row.how.is_some() && deleted > 0 {
        format!(
            "{before} before, 0 B {would_be}freed, {} {would_be}{}, {} {left}, {} of it listed",
            amount(row, deleted),
            held_by(row),
            size(after),
            size(after.saturating_sub(deleted))
        )
    } else {
        let verb = if row.known || deleted == 0 { "freed" } else { "deleted (the store may hold it)" };
        format!("{before} before, {} {would_be}{verb}, {} {left}", size(deleted), size(after))
    };
    wrapped(&line, INDENT).replacen(INDENT, "space   ", 1)
}

const INDENT: &str = "        ";

/// What is not known, and what is locked.
fn notes(row: &StoreKeepsRow) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(why) = &row.why {
        let what = if row.known { "until when the store keeps it" } else { "whether the store keeps what is deleted" };
        notes.push(format!("not known: {what}; {why}"));
    }
    if let Some(days) = row.locked_days {
        notes.push(match row.how {
            Some(How::Versioning | How::VersioningSuspended | How::ObjectLock) => {
                format!("each version is locked for {days} days from its writing on")
            }
            Some(How::SoftDelete | How::SaidByAnswers) | None => {
                format!("the store refuses to delete what was written less than {days} days ago")
            }
        });
    }
    notes
}

fn amount(row: &StoreKeepsRow, bytes: u64) -> String {
    let at_most = if row.how == Some(How::VersioningSuspended) { "up to " } else { "" };
    format!("{at_most}{}", size(bytes))
}

fn held_by(row: &StoreKeepsRow) -> String {
    let how = row.how.map(How::words).unwrap_or_default();
    let until = match (&row.until, &row.why) {
        (Some(until), _) => format!(" until {}", until.split('T').next().unwrap_or_default()),
        (None, None) => " until somebody removes the old versions".into(),
        (None, Some(_)) => String::new(),
    };
    format!("held by the store ({how}){until}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(row: StoreKeepsRow, dry_run: bool) -> Report {
        let mut report = Report::empty();
        report.dry_run = dry_run;
        report.planned_bytes = 61_000_000;
        (report.bytes.before, report.bytes.after) = (80_000_000, 80_000_000);
        if row.how.is_some() {
            report.bytes.held_by_store = 61_000_000;
        } else {
            (report.bytes.freed, report.bytes.after) = (61_000_000, 19_000_000);
        }
        report.store_keeps = row;
        report
    }

    fn held(how: How, until: Option<&str>, why: Option<&str>) -> StoreKeepsRow {
        let (until, why) = (until.map(Into::into), why.map(Into::into));
        StoreKeepsRow { known: true, how: Some(how), until, why, ..StoreKeepsRow::default() }
    }

    fn frees() -> StoreKeepsRow {
        StoreKeepsRow { known: true, ..StoreKeepsRow::default() }
    }

    #[test]
    fn store_that_frees_is_not_mentioned() {
        assert_eq!(split(&frees(), 1), None);
        assert_eq!(under_plan(&report(frees(), false)), "");
        assert_eq!(space(&report(frees(), false)), "space   80.0 MB before, 61.0 MB freed, 19.0 MB after\n");
        let dry = space(&report(frees(), true));
        assert_eq!(dry, "space   80.0 MB before, 61.0 MB would be freed, 19.0 MB would be left\n");
    }

    #[test]
    fn what_is_held_is_told_with_its_end() {
        let row = held(How::Versioning, Some("2026-12-21T00:00:00Z"), None);
        let plan = under_plan(&report(row.clone(), false));
        assert_eq!(plan, "0 B freed at once, 61.0 MB held by the store (versioning) until 2026-12-21\n");
        assert_eq!(
            space(&report(row.clone(), false)),
            "space   80.0 MB before, 0 B freed, 61.0 MB held by the store (versioning) until\n        \
             2026-12-21, 80.0 MB after, 19.0 MB of it listed\n"
        );
        let dry = space(&report(row, true)).replace("\n        ", " ");
        assert_eq!(
            dry,
            "space   80.0 MB before, 0 B would be freed, 61.0 MB would be held by the store (versioning) until \
             2026-12-21, 80.0 MB would be left, 19.0 MB of it listed\n"
        );
        let forever = under_plan(&report(held(How::ObjectLock, None, None), false));
        assert!(forever.ends_with(" until\nsomebody removes the old versions\n"), "{forever}");
    }

    #[test]
    fn what_is_not_known_is_said_and_nothing_is_called_free() {
        let not_known = StoreKeepsRow { why: Some("no permission (x)".into()), ..StoreKeepsRow::default() };
        for dry_run in [false, true] {
            let report = report(not_known.clone(), dry_run);
            let (plan, space) = (under_plan(&report), space(&report).replace("\n        ", " "));
            assert_eq!(plan, "not known: whether the store keeps what is deleted; no permission (x)\n");
            assert!(space.contains("deleted (the store may hold it)"), "{space}");
            assert!(!space.contains("free"), "{space}");
        }
        assert_eq!(split(&not_known, 1).as_deref(), Some("how much is freed at once is not known"));
        let end = under_plan(&report(held(How::SoftDelete, None, Some("no permission (x)")), false));
        assert_eq!(
            end,
            "0 B freed at once, 61.0 MB held by the store (soft delete)\n\
             not known: until when the store keeps it; no permission (x)\n"
        );
    }

    #[test]
    fn where_nothing_went_nothing_is_held() {
        let mut report = report(held(How::Versioning, None, None), false);
        report.bytes.held_by_store = 0;
        assert_eq!(space(&report), "space   80.0 MB before, 0 B freed, 80.0 MB after\n");
    }

    #[test]
    fn of_a_suspended_bucket_nobody_can_say_how_much() {
        let text = under_plan(&report(held(How::VersioningSuspended, None, None), false));
        assert!(text.starts_with("0 B freed at once, up to 61.0 MB held by the store"), "{text}");
    }

    #[test]
    fn lock_means_another_thing_without_versions() {
        let with = |how| {
            let row = StoreKeepsRow { known: true, how, locked_days: Some(30), ..StoreKeepsRow::default() };
            under_plan(&report(row, false))
        };
        assert!(with(None).contains("refuses to delete what was written less than 30 days ago"));
        assert!(with(Some(How::ObjectLock)).contains("each version is locked for 30 days"));
    }
}
