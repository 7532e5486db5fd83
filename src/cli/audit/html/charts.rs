//! Bytes as bars: by class, and by the month in which they were written.

use crate::cli::audit::report::Report;
use crate::cli::audit::tables::{percent, words};
use crate::cli::words::size;
use crate::collect::audit::class::Class;
use crate::collect::blobs::Tally;
use std::collections::BTreeMap;

/// So many months are drawn.
const MONTHS: usize = 36;

/// A class and its part of the whole.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) name: &'static str,
    pub(super) bytes: String,
    pub(super) share: String,
    pub(super) percent: String,
    pub(super) is_garbage: bool,
}

/// A month and its bar.
#[derive(Debug)]
pub(super) struct Month {
    pub(super) title: String,
    pub(super) x: usize,
    pub(super) y: String,
    pub(super) height: String,
}

/// The classes, as bars.
pub(super) fn classes(report: &Report) -> Vec<Bar> {
    let whole = report.findings.bytes;
    let garbage = [
        Class::Unreferenced,
        Class::Pending,
        Class::OrphanLayerLinks,
        Class::DanglingLinks,
        Class::UploadsStale,
        Class::PartsStale,
    ];
    let bar = |class: &Class| {
        let tally = report.findings.classes.get(class.name()).copied().unwrap_or_default();
        let width = u128::from(tally.bytes) * 1000 / u128::from(whole.max(1));
        let bar = Bar {
            name: words(*class),
            bytes: size(tally.bytes),
            share: percent(tally.bytes, whole),
            percent: format!("{}.{}", width / 10, width % 10),
            is_garbage: garbage.contains(class),
        };
        (tally.count > 0).then_some(bar)
    };
    Class::ALL.iter().filter_map(bar).collect()
}

/// What stands below the months.
#[derive(Debug, Default)]
pub(super) struct Scale {
    pub(super) many: usize,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) most: String,
    pub(super) before: String,
}

/// Months since the year 0, so that those in which nothing was written have their place.
fn place(name: &str) -> usize {
    let (year, month) = name.split_once('-').unwrap_or_default();
    (year.parse::<usize>().unwrap_or(0) * 12 + month.parse::<usize>().unwrap_or(1)).saturating_sub(1)
}

fn month_at(place: usize) -> String {
    format!("{:04}-{:02}", place / 12, place % 12 + 1)
}

/// What was written in each month, the last of them.
pub(super) fn months(all: &BTreeMap<String, Tally>) -> (Vec<Month>, Scale) {
    let Some(last) = all.keys().next_back().map(|name| place(name)) else {
        return (Vec::new(), Scale { many: 1, ..Scale::default() });
    };
    let (shown, before): (Vec<_>, Vec<_>) = all.iter().partition(|(name, _)| place(name) + MONTHS > last);
    let before = before.iter().map(|(_, tally)| tally.bytes).fold(0, u64::saturating_add);
    let most = shown.iter().map(|(_, tally)| tally.bytes).max().unwrap_or(0);
    // A few months do not fill the whole width.
    let first = shown.first().map_or(last, |(name, _)| place(name)).min(last.saturating_sub(11));
    let bar = |(name, tally): &(&String, &Tally)| {
        let height = u128::from(tally.bytes) * 1000 / u128::from(most.max(1));
        let (down, up) = (1000 - height, height);
        Month {
            title: format!("{name}: {}", size(tally.bytes)),
            x: (place(name) - first) * 10 + 1,
            y: format!("{}.{}", down / 10, down % 10),
            height: format!("{}.{}", up / 10, up % 10),
        }
    };
    let scale = Scale {
        many: last + 1 - first,
        first: month_at(first),
        last: month_at(last),
        most: size(most),
        before: if before > 0 { size(before) } else { String::new() },
    };
    (shown.iter().map(bar).collect(), scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_without_bytes_keeps_its_place() {
        let of = |names: &[&str]| {
            let tally = Tally { count: 1, bytes: 10 };
            let all = names.iter().map(|name| ((*name).to_owned(), tally)).collect();
            let (months, scale) = months(&all);
            (months.iter().map(|month| month.x / 10).collect::<Vec<_>>(), scale.many, scale.first, scale.before)
        };
        assert_eq!(of(&[]), (vec![], 1, String::new(), String::new()));
        assert_eq!(of(&["2025-11", "2026-02"]), (vec![8, 11], 12, "2025-03".to_owned(), String::new()));
        assert_eq!(of(&["2025-12"]), (vec![11], 12, "2025-01".to_owned(), String::new()));
        let all = of(&["2020-01", "2023-03", "2023-04", "2026-03"]);
        assert_eq!(all, (vec![0, 35], 36, "2023-04".to_owned(), "20 B".to_owned()));
    }
}
