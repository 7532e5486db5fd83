//! The space before and after, by repository and in all, and what can be freed later: the end of every report.

use super::columns::{Columns, shortened};
use super::held;
use super::human::minute;
use super::words::{number, printable, size};
use crate::collect::report::{Report, Space};
use std::fmt::Write as _;

/// So many repositories are shown; JSON has them all.
const ROWS: usize = 15;

/// How wide a line may be.
const WIDTH: usize = 80;

/// The space before and after.
pub(super) fn space(text: &mut String, report: &Report) {
    text.push_str(&by_repository(report));
    let bytes = &report.bytes;
    let _ = write!(text, "\n{}", held::space(report));
    let when = report.pending.first_due.as_deref().or(report.young_until.as_deref());
    if bytes.freeable_later > 0
        && let Some(when) = minute(when)
    {
        let verb = if report.store_keeps.known && report.store_keeps.how.is_none() { "freed" } else { "deleted" };
        let later = size(bytes.freeable_later);
        let _ = match (report.collects, report.mode) {
            (true, _) => writeln!(text, "        {later} more can be {verb} after {when}"),
            (false, "offline") => writeln!(text, "        {later} more can be {verb} by `regsweep gc --offline`"),
            (false, _) => writeln!(text, "        {later} more can be {verb} by `regsweep gc` after {when}"),
        };
    }
}

/// What came of each repository that lost something, or can lose something later. A dry run has shown what would go.
fn by_repository(report: &Report) -> String {
    let is_told = !report.deleted.is_zero() || (report.planned.is_zero() && report.bytes.freeable_later > 0);
    if report.dry_run || !is_told {
        return String::new();
    }
    let mut rows: Vec<(String, Space)> =
        report.repositories.iter().take(ROWS).map(|row| (printable(&row.name), row.bytes)).collect();
    if let Some(rest) = report.repositories.get(ROWS..).filter(|rest| !rest.is_empty()) {
        let sum = rest.iter().fold(Space::default(), |sum, row| sum.plus(&row.bytes));
        rows.push((format!("(and {} more)", rest.len()), sum));
    }
    let beside = &report.beside;
    let unchanged = Space { before: beside.unchanged.bytes, after: beside.unchanged.bytes, ..Space::default() };
    let others = format!("({})", number(beside.unchanged.count, "other"));
    let beside = [("(several)", beside.shared), ("(none)", beside.unlinked), (&others, unchanged)];
    rows.extend(beside.into_iter().filter(|(_, space)| space.before > 0).map(|(name, space)| (name.to_owned(), space)));
    let (holds, waits) = (report.bytes.held_by_store > 0, report.bytes.freeable_later > 0);
    let table = |longest| {
        let mut table = Columns::default().left("REPOSITORY").right("BEFORE").right(freed(report));
        table = if holds { table.right("HELD") } else { table }.right("AFTER");
        table = if waits { table.right("LATER") } else { table };
        for (name, space) in &rows {
            let mut cells = vec![shortened(name, longest), size(space.before), size(space.freed)];
            cells.extend(holds.then(|| size(space.held_by_store)));
            cells.push(size(space.after));
            cells.extend(waits.then(|| size(space.freeable_later)));
            table.row(cells);
        }
        table
    };
    let indented = |text: String| text.lines().fold(String::new(), |text, line| text + "  " + line + "\n");
    let numbers = table(0).width().saturating_sub("REPOSITORY".len());
    let longest = (WIDTH - "  ".len()).saturating_sub(numbers).max("REPOSITORY".len());
    let mut text = "\nspace by repository: what only it links\n".to_owned() + &indented(table(longest).text());
    if report.repositories.len() > ROWS {
        text.push_str("  (--format json names them all)\n");
    }
    text
}

/// Where it is not known what the store keeps, nothing is called free.
fn freed(report: &Report) -> &'static str {
    if report.store_keeps.known { "FREED" } else { "DELETED" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::blobs::Tally;
    use crate::collect::report::{Beside, Counts, RepositoryRow};
    use crate::collect::store_keeps::{How, StoreKeepsRow};

    const MB: u64 = 1_000_000;

    fn row(name: &str, before: u64, freed: u64, freeable_later: u64) -> RepositoryRow {
        let bytes = Space { before, freed, after: before - freed, freeable_later, held_by_store: 0 };
        RepositoryRow { name: name.into(), bytes, ..RepositoryRow::default() }
    }

    /// A run that deleted something in these.
    fn report(repositories: Vec<RepositoryRow>) -> Report {
        let mut report = Report::empty();
        let sum = repositories.iter().fold(Space::default(), |sum, row| sum.plus(&row.bytes));
        (report.bytes, report.repositories) = (sum, repositories);
        report.deleted = Counts { tags: 1, ..Counts::default() };
        report.planned = report.deleted;
        report.collects = true;
        report.store_keeps.known = true;
        report
    }

    #[test]
    fn three_repositories_fit_a_terminal() {
        let long = "a-team-with-a-long-name/a-project-with-a-long-name/an-image-with-a-long-name";
        let mut report = report(vec![
            row(long, 999_900 * MB, 999_800 * MB, 100 * MB),
            row("app", 10 * MB, 4 * MB, 0),
            row("base", MB, 0, 0),
        ]);
        let shared = Space { before: 5 * MB, after: 5 * MB, ..Space::default() };
        report.beside = Beside { shared, unchanged: Tally { count: 2, bytes: 7 * MB }, ..Beside::default() };
        let expected = "
space by repository: what only it links
  REPOSITORY                                BEFORE     FREED     AFTER     LATER
  a-team-with-a-long-name/a-pr..ong-name  999.9 GB  999.8 GB  100.0 MB  100.0 MB
  app                                      10.0 MB    4.0 MB    6.0 MB       0 B
  base                                      1.0 MB       0 B    1.0 MB       0 B
  (several)                                 5.0 MB       0 B    5.0 MB       0 B
  (2 others)                                7.0 MB       0 B    7.0 MB       0 B
";
        let text = by_repository(&report);
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn of_three_thousand_the_first_are_shown_and_the_rest_is_summed() {
        let report = report((0..3000).map(|at| row(&format!("team/app-{at:04}"), 3 * MB, MB, 0)).collect());
        let text = by_repository(&report);
        assert_eq!(text.lines().count(), 2 + 1 + ROWS + 2);
        assert!(text.contains("  (and 2985 more)  9.0 GB  3.0 GB  6.0 GB\n"), "{text}");
        assert!(text.ends_with("  (--format json names them all)\n") && !text.contains("LATER"), "{text}");
        assert!(text.contains("  team/app-0014    3.0 MB  1.0 MB  2.0 MB\n"), "{text}");
        assert!(!text.contains("team/app-0015"), "{text}");
    }

    #[test]
    fn what_the_store_holds_is_not_called_free() {
        let mut report = report(vec![row("app", 10 * MB, 0, 0)]);
        report.bytes.held_by_store = 4 * MB;
        report.repositories[0].bytes.held_by_store = 4 * MB;
        report.store_keeps = StoreKeepsRow { known: true, how: Some(How::Versioning), ..StoreKeepsRow::default() };
        let text = by_repository(&report);
        assert!(text.contains("  REPOSITORY   BEFORE  FREED    HELD    AFTER\n"), "{text}");
        assert!(text.contains("  app         10.0 MB    0 B  4.0 MB  10.0 MB\n"), "{text}");
        report.store_keeps.known = false;
        assert!(by_repository(&report).contains("DELETED"));
    }

    #[test]
    fn where_nothing_went_only_what_can_go_later_is_told() {
        let mut report = report(vec![row("app", 10 * MB, 0, 4 * MB)]);
        report.deleted = Counts::default();
        assert_eq!(by_repository(&report), "", "the answer was no");
        report.planned = Counts::default();
        assert!(by_repository(&report).contains("  app         10.0 MB    0 B  10.0 MB  4.0 MB\n"));
        report.dry_run = true;
        assert_eq!(by_repository(&report), "");
    }
}
