//! From cells to rows: who uses how much.

use super::bases::Base;
use super::cells::fair_part;
use super::census::Census;
use super::class::Class;
use super::group::Groups;
use super::largest::{Large, Largest};
use super::report::{After, Age, Findings, Going, Layer, NotShown, Row};
use super::scenario::{Freed, Stored};
use super::storage_class::StorageClasses;
use super::sums::Sums;
use super::users::{SetId, Sets};
use crate::collect::blobs::Tally;
use crate::collect::graph::{Graph, Id, IdMap};
use crate::collect::inventory::{Inventory, Repository};
use crate::collect::roots::names;
use std::collections::BTreeMap;

/// So many base layers are told, and so many repositories that use a layer.
const BASES: usize = 20;
const USERS: usize = 10;

/// The name of the row of what no repository uses.
const NOBODY: &str = "(nobody)";

impl Census<'_> {
    /// Ends: everything was listed. Rows are of those repositories for which `is_shown` holds.
    #[must_use]
    pub fn finish(mut self, groups: Option<&Groups>, is_shown: impl Fn(&str) -> bool) -> Findings {
        self.count_pointers();
        let largest_of = std::mem::take(&mut self.largest_of);
        let all = self.seen.all();
        let mut findings = Findings { objects: all.count, bytes: all.bytes, ..Findings::default() };
        findings.classes = Class::ALL.iter().map(|class| (class.name(), Tally::default())).collect();
        for (cell, tally) in self.seen.cells.iter() {
            findings.classes.entry(cell.class.name()).or_default().add_all(tally);
            findings.months.entry(cell.month.name()).or_default().add_all(tally);
            let of_class = findings.storage_by_class.entry(cell.class.name()).or_default();
            of_class.entry(self.seen.storage.name(cell.storage).to_owned()).or_default().add_all(tally);
        }
        for (storage, stored) in &self.seen.stored {
            findings.storage_classes.insert(self.seen.storage.name(*storage).to_owned(), *stored);
        }
        for (scenario, freed) in self.known.scenarios.iter().zip(&self.freed) {
            findings.after.insert(scenario.kind.name(), after(all, freed, &self.seen.storage));
        }
        self.add_rows(&mut findings, groups);
        for (row, largest) in findings.repositories.iter_mut().zip(largest_of) {
            row.largest_layers = self.layers(largest);
        }
        let mut largest = std::mem::take(&mut self.largest);
        findings.largest_layers = self.layers(std::mem::take(&mut largest));
        findings.base_layers = self.base_layers();
        let (shown, hidden): (Vec<Row>, Vec<Row>) =
            findings.repositories.into_iter().partition(|row| is_shown(&row.name));
        findings.not_shown = NotShown {
            repositories: hidden.len() as u64,
            fair_share_bytes: hidden.iter().map(|row| row.fair_share_bytes).fold(0, u64::saturating_add),
        };
        findings.repositories = shown;
        let order = |a: &Row, b: &Row| (b.fair_share_bytes, &a.name).cmp(&(a.fair_share_bytes, &b.name));
        findings.repositories.sort_by(order);
        findings.groups.iter_mut().for_each(|groups| groups.sort_by(order));
        findings
    }

    fn add_rows(&self, findings: &mut Findings, groups: Option<&Groups>) {
        let inventory = self.known.inventory;
        let rows: Vec<Row> = inventory.repositories.iter().map(|repository| self.row_of(repository, groups)).collect();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let group_of: Vec<usize> = inventory
            .repositories
            .iter()
            .map(|repository| {
                let name = groups.map_or("", |groups| groups.of(repository.name.as_str()));
                let next = places.len();
                *places.entry(name).or_insert(next)
            })
            .collect();
        let mut of_groups = vec![Row::default(); places.len()];
        for (name, place) in places {
            name.clone_into(&mut of_groups[place].name);
        }
        for (row, group) in rows.iter().zip(&group_of) {
            add_counts(&mut of_groups[*group], row);
        }
        let mut sums = vec![Sums::default(); rows.len()];
        let mut sums_of_groups = vec![Sums::default(); of_groups.len()];
        let mut sums_of_nobody = Sums::default();
        for (cell, tally) in self.seen.cells.iter() {
            if cell.users == SetId::NOBODY {
                sums_of_nobody.add_part(cell, tally.bytes);
                continue;
            }
            let users: Vec<usize> = self.sets.members(cell.users).collect();
            let mut of_cell: Vec<usize> = users.iter().map(|at| group_of[*at]).collect();
            for (place, at) in users.iter().rev().enumerate() {
                let part = fair_part(tally.bytes, users.len(), place);
                sums[*at].add_part(cell, part);
                sums[*at].add_whole(cell, tally.bytes, users.len() == 1);
                sums_of_groups[group_of[*at]].add_part(cell, part);
            }
            of_cell.sort_unstable();
            of_cell.dedup();
            for group in &of_cell {
                sums_of_groups[*group].add_whole(cell, tally.bytes, of_cell.len() == 1);
            }
        }
        let kinds: Vec<&str> = self.known.scenarios.iter().map(|scenario| scenario.kind.name()).collect();
        let finish = |(sums, row): (Sums, Row)| sums.finish(row, &kinds, &self.seen.storage);
        findings.repositories = sums.into_iter().zip(rows).map(finish).collect();
        findings.nobody = finish((sums_of_nobody, Row { name: NOBODY.to_owned(), ..Row::default() }));
        findings.groups = groups.map(|_| sums_of_groups.into_iter().zip(of_groups).map(finish).collect());
    }

    fn row_of(&self, repository: &Repository, groups: Option<&Groups>) -> Row {
        let tags = repository.current_tags();
        let pushed = tags.map(|(_, current)| current.evidence.modified);
        let pushed = pushed.chain(repository.revisions.iter().map(|link| link.modified())).max();
        let graph = self.known.graph;
        let tagged = |digest: &_| graph.id(digest).is_some_and(|id| self.known.needs.is_by_tags(id));
        let untagged = repository.revisions.iter().filter(|link| !names(link).any(tagged));
        Row {
            name: repository.name.to_string(),
            group: groups.map(|groups| groups.of(repository.name.as_str()).to_owned()),
            repositories: 1,
            tags: repository.current_tags().count() as u64,
            manifests: repository.revisions.len() as u64,
            untagged_manifests: untagged.count() as u64,
            last_push: pushed,
            ..Row::default()
        }
    }

    fn layers(&self, largest: Largest) -> Vec<Layer> {
        let bases = &self.bases;
        let layer = |large: Large| {
            let id = self.known.graph.id(&large.digest.0);
            Layer {
                digest: large.digest.0.to_string(),
                bytes: Some(large.size),
                class: Some(large.class.name()),
                images: id.and_then(|id| bases.get(&id)).map(|base| base.images),
                ..used_by(&self.sets, large.users, self.known.inventory)
            }
        };
        largest.into_sorted().into_iter().map(layer).collect()
    }

    fn base_layers(&self) -> Vec<Layer> {
        base_layers(&self.bases, self.known.graph, |users| used_by(&self.sets, users, self.known.inventory))
    }
}

fn base_layers(bases: &IdMap<Base>, graph: &Graph, used_by: impl Fn(SetId) -> Layer) -> Vec<Layer> {
    let mut all: Vec<(Id, &Base)> = bases.iter().map(|(id, base)| (*id, base)).collect();
    all.sort_by_key(|(id, base)| (std::cmp::Reverse((base.images, base.size)), graph.digest(*id)));
    let layer = |(id, base): (Id, &Base)| Layer {
        digest: graph.digest(id).to_string(),
        bytes: base.size,
        images: Some(base.images),
        ..used_by(base.users)
    };
    all.into_iter().take(BASES).map(layer).collect()
}

fn used_by(sets: &Sets, users: SetId, inventory: &Inventory) -> Layer {
    let all: Vec<usize> = sets.members(users).collect();
    let names = all.iter().rev().take(USERS).map(|at| inventory.repositories[*at].name.to_string());
    Layer { repositories: all.len() as u64, used_by: names.collect(), ..Layer::default() }
}

/// Adds a repository to its group.
fn add_counts(group: &mut Row, row: &Row) {
    group.repositories += 1;
    group.tags += row.tags;
    group.manifests += row.manifests;
    group.untagged_manifests += row.untagged_manifests;
    group.last_push = group.last_push.max(row.last_push);
}

fn after(all: Tally, freed: &Freed, storage: &StorageClasses) -> After {
    let mut after = After {
        objects: all.count.saturating_sub(freed.all.count),
        bytes: all.bytes.saturating_sub(freed.all.bytes),
        freed: freed.all,
        planned: freed.planned,
        ..After::default()
    };
    for ((class, days), stored) in &freed.ages {
        let going: &mut Going = after.storage_classes.entry(storage.name(*class).to_owned()).or_default();
        let Stored { count, bytes, small } = *stored;
        going.count += count;
        going.bytes = going.bytes.saturating_add(bytes);
        going.small.add_all(small);
        going.ages.push(Age { days: *days, stored: *stored });
    }
    after
}
