//! A row for each repository that loses something, now or later, and rows for all else: `before_bytes` add up to the whole.

use crate::cli::csv::line;
use crate::collect::report::{Counts, Report, Space};

const TITLES: &[&str] = &[
    "repository",
    "planned_tags",
    "planned_tag_history",
    "planned_manifests",
    "planned_layer_links",
    "planned_uploads",
    "planned_upload_bytes",
    "planned_multipart_uploads",
    "planned_multipart_upload_bytes",
    "planned_blobs",
    "planned_blob_bytes",
    "deleted_tags",
    "deleted_tag_history",
    "deleted_manifests",
    "deleted_layer_links",
    "deleted_uploads",
    "deleted_upload_bytes",
    "deleted_multipart_uploads",
    "deleted_multipart_upload_bytes",
    "deleted_blobs",
    "deleted_blob_bytes",
    "before_bytes",
    "freed_bytes",
    "held_by_store_bytes",
    "after_bytes",
    "freeable_later_bytes",
];

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    for row in &report.repositories {
        line(&mut text, TITLES, || cells(&row.name, &row.planned, &row.deleted, &row.bytes));
    }
    let beside = &report.beside;
    let unchanged = Space { before: beside.unchanged.bytes, after: beside.unchanged.bytes, ..Space::default() };
    let blobs = |tally| Counts { blobs: tally, ..Counts::default() };
    for (name, planned, space) in [
        ("(several)", blobs(report.nobody.shared), beside.shared),
        ("(none)", blobs(report.nobody.unlinked), beside.unlinked),
        ("(unchanged)", Counts::default(), unchanged),
    ] {
        // What of these went is known by its bytes alone.
        line(&mut text, TITLES, || {
            let mut cells = cells(name, &planned, &Counts::default(), &space);
            cells[11..21].fill(String::new());
            cells
        });
    }
    text
}

fn cells(name: &str, planned: &Counts, deleted: &Counts, space: &Space) -> Vec<String> {
    let of = |counts: &Counts| {
        let Counts { tags, tag_history, manifests, layer_links, uploads, multipart_uploads, blobs } = *counts;
        let tallies = [uploads, multipart_uploads, blobs].into_iter().flat_map(|tally| [tally.count, tally.bytes]);
        [tags, tag_history, manifests, layer_links].into_iter().chain(tallies)
    };
    let Space { before, freed, held_by_store, after, freeable_later } = *space;
    let space = [before, freed, held_by_store, after, freeable_later];
    let numbers = of(planned).chain(of(deleted)).chain(space).map(|number| number.to_string());
    std::iter::once(name.to_owned()).chain(numbers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::blobs::Tally;
    use crate::collect::report::RepositoryRow;

    #[test]
    fn each_row_has_a_cell_for_each_title() {
        let mut report = Report::empty();
        report.repositories.push(RepositoryRow {
            name: "a/b".into(),
            planned: Counts { tags: 1, ..Counts::default() },
            deleted: Counts { blobs: Tally { count: 2, bytes: 3 }, ..Counts::default() },
            bytes: Space { before: 9, freeable_later: 4, ..Space::default() },
        });
        let text = text(&report);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.iter().all(|line| line.len() == TITLES.len()), "{text}");
        assert_eq!(lines[1].join(","), "a/b,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2,3,9,0,0,0,4");
        assert_eq!(
            lines.iter().skip(2).map(|line| line[0]).collect::<Vec<_>>(),
            ["(several)", "(none)", "(unchanged)"]
        );
        assert_eq!(lines[2].join(","), "(several),0,0,0,0,0,0,0,0,0,0,,,,,,,,,,,0,0,0,0,0");
    }
}
