//! The sums of one row, by what is cheap to compare: there are many more parts than words.

use super::cells::{Cell, Month};
use super::class::Class;
use super::report::Row;
use super::storage_class::{ClassId, StorageClasses};
use std::collections::BTreeMap;

/// The sums of one row.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    logical: u64,
    unshared: u64,
    freed_by_deleting: u64,
    untagged: u64,
    fair_share: u64,
    freed: [u64; 3],
    classes: BTreeMap<Class, u64>,
    storage: BTreeMap<ClassId, u64>,
    months: BTreeMap<Month, u64>,
}

impl Sums {
    /// Adds a fair part.
    pub(super) fn add_part(&mut self, cell: Cell, part: u64) {
        let add = |sum: &mut u64| *sum = sum.saturating_add(part);
        add(&mut self.fair_share);
        add(self.classes.entry(cell.class).or_default());
        add(self.storage.entry(cell.storage).or_default());
        add(self.months.entry(cell.month).or_default());
        for (number, freed) in self.freed.iter_mut().enumerate() {
            if cell.fate.goes_in(number) {
                add(freed);
            }
        }
    }

    /// Adds what each of its users has in full.
    pub(super) fn add_whole(&mut self, cell: Cell, bytes: u64, alone: bool) {
        let add = |sum: &mut u64, counts: bool| *sum = sum.saturating_add(if counts { bytes } else { 0 });
        add(&mut self.logical, true);
        add(&mut self.unshared, alone);
        add(&mut self.freed_by_deleting, alone && !cell.fate.sticks());
        add(&mut self.untagged, cell.class.is_untagged());
    }

    /// Writes them into the row. `kinds` are the scenarios, in order.
    pub(super) fn finish(self, row: Row, kinds: &[&'static str], storage: &StorageClasses) -> Row {
        Row {
            logical_bytes: self.logical,
            unshared_bytes: self.unshared,
            fair_share_bytes: self.fair_share,
            freed_by_deleting_bytes: self.freed_by_deleting,
            untagged_bytes: self.untagged,
            freed_bytes: kinds.iter().copied().zip(self.freed).collect(),
            classes: self.classes.into_iter().map(|(class, bytes)| (class.name(), bytes)).collect(),
            storage_classes: self.storage.into_iter().map(|(id, bytes)| (storage.name(id).to_owned(), bytes)).collect(),
            months: self.months.into_iter().map(|(month, bytes)| (month.name(), bytes)).collect(),
            ..row
        }
    }
}
