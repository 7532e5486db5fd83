//! Cuts a listing into stretches, as it gets to know what there is: from one page for a small registry to many ranges for
//! a huge one.
//!
//! The store gives one page after the other. What a page shows tells how much is to come, and where that can be divided:
//! digests are spread evenly, names have to be asked for. Each key is in exactly one stretch, whatever is cut when; wrong
//! guesses cost requests, never keys.

use super::names::{Names, levels};
use super::stretch::Stretch;
use std::collections::{BTreeMap, VecDeque};

/// A stretch, by its number.
pub(super) type Id = usize;

/// What to ask the store for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// The next page of a stretch: from the store's token or, for the first, behind a key.
    Page {
        /// The stretch.
        id: Id,
        /// Where the store goes on.
        token: Option<String>,
        /// Where it begins.
        after: Option<String>,
    },
    /// The names on one level.
    Names {
        /// The stretch.
        id: Id,
        /// The level, as a prefix that ends in a slash.
        level: String,
        /// Behind this key.
        after: Option<String>,
    },
}

/// The keys of a page that belong to its stretch: behind the first, up to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    after: String,
    end: Option<String>,
}

impl Bounds {
    /// Whether a key belongs to the stretch.
    #[must_use]
    pub(super) fn contain(&self, key: &str) -> bool {
        key > self.after.as_str() && self.end.as_deref().is_none_or(|end| key <= end)
    }
}

/// Why a listing cannot be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Incomplete {
    /// The keys of a page are not in order, and the listing has been cut by order: what lies where is not known.
    #[error("the store does not list keys in order")]
    OutOfOrder,
    /// The store goes on where it went on before.
    #[error("the store gives the same page again and again")]
    Stuck,
}

/// No piece is shorter than so many pages.
const SHORTEST: f64 = 3.0;
/// Pages' worth of requests that may bring nothing but time: so many, and such a part of all pages.
const EXTRA: f64 = 6.0;
const EXTRA_PART: f64 = 0.06;
/// What a stretch wastes with its last page, as a rule.
const LAST_PAGE: f64 = 0.5;

/// Cuts one listing.
#[derive(Debug)]
pub(super) struct Cutter {
    prefix: String,
    /// How many keys a page has that is not the last: some stores give fewer than were asked for.
    page_size: usize,
    /// How many such pages there were, and all their keys.
    full: (usize, usize),
    at_once: usize,
    /// Whether the store has listed keys in order so far. If it has not, nothing may be cut.
    in_order: bool,
    stretches: BTreeMap<Id, Stretch>,
    next: Id,
    waiting: VecDeque<Ask>,
    in_flight: usize,
    requests: u64,
    keys: u64,
}

impl Cutter {
    /// Begins the listing of a prefix, by pages of this size, with so many requests at once.
    #[must_use]
    pub(super) fn new(prefix: &str, page_size: usize, at_once: usize) -> Self {
        let mut cutter = Self {
            prefix: prefix.to_owned(),
            page_size,
            full: (0, 0),
            at_once: at_once.max(1),
            in_order: at_once > 1,
            stretches: BTreeMap::new(),
            next: 0,
            waiting: VecDeque::new(),
            in_flight: 0,
            requests: 0,
            keys: 0,
        };
        cutter.add(Stretch::new(String::new(), None));
        cutter
    }

    /// What to ask next, as long as fewer than so many requests are under way.
    pub(super) fn ask(&mut self) -> Option<Ask> {
        if self.in_flight >= self.at_once {
            return None;
        }
        let ask = self.waiting.pop_front()?;
        self.in_flight += 1;
        self.requests += 1;
        Some(ask)
    }

    /// Takes a page in: all its keys, in order, and the store's token if there is more. Tells which of them belong to the
    /// stretch by now; others have been cut off it in the meantime, and are or were listed with another.
    ///
    /// A store that does not list in order is asked for one page after the other, if that shows before anything was cut.
    ///
    /// # Errors
    /// If it shows later, or if the store does not go on.
    pub(super) fn listed(&mut self, id: Id, keys: &[&str], token: Option<String>) -> Result<Bounds, Incomplete> {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(mut stretch) = self.stretches.remove(&id) else {
            return Ok(Bounds { after: String::new(), end: Some(String::new()) });
        };
        let goes_back = stretch.token.is_some() && keys.first().is_some_and(|first| *first <= stretch.cursor.as_str());
        if goes_back || !keys.is_sorted() {
            self.in_order = false;
        }
        let is_cut = self.next > 1;
        if is_cut && !self.in_order {
            return Err(Incomplete::OutOfOrder);
        }
        if token.is_some() && token == stretch.token {
            return Err(Incomplete::Stuck);
        }
        let after = if self.in_order { stretch.cursor.clone() } else { String::new() };
        let bounds = Bounds { after, end: stretch.end.clone() };
        self.keys += keys.iter().filter(|key| bounds.contain(key)).count() as u64;
        let last = keys.last().copied();
        let is_past_end = stretch.end.as_deref().is_some_and(|end| last.is_some_and(|last| last >= end));
        if token.is_some() && !is_past_end {
            self.full = (self.full.0 + 1, self.full.1 + keys.len());
            self.page_size = (self.full.1 / self.full.0).max(1);
            stretch.seen(keys, self.page_size);
            stretch.token.clone_from(&token);
            self.stretches.insert(id, stretch);
            self.waiting.push_back(Ask::Page { id, token, after: None });
            if self.in_order
                && self.budget() >= 1.0
                && self.stretches.get(&id).is_some_and(Stretch::is_long_in_one_name)
            {
                self.ask_names(id);
            }
        }
        self.divide();
        Ok(bounds)
    }

    /// Takes names in: the prefixes that the store named on a level, and whether these are all.
    pub(super) fn named(&mut self, id: Id, level: &str, names: Vec<String>, is_complete: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(stretch) = self.stretches.get_mut(&id) {
            stretch.asks_names = false;
            let bounds = (stretch.cursor.as_str(), stretch.end.as_deref());
            let told = Names::told(level, names, is_complete, bounds);
            if is_complete || (told.to_come.is_empty() && told.beyond.is_empty()) {
                stretch.told.push(level.to_owned());
            }
            stretch.names = told;
        }
        self.divide();
    }

    fn add(&mut self, stretch: Stretch) -> Id {
        let id = self.next;
        self.next += 1;
        let after = Some(stretch.cursor.clone()).filter(|after| !after.is_empty());
        self.stretches.insert(id, stretch);
        self.waiting.push_back(Ask::Page { id, token: None, after });
        id
    }

    fn free(&self) -> usize {
        self.at_once.saturating_sub(self.in_flight + self.waiting.len())
    }

    /// How many pages' worth of requests may still be wasted.
    fn budget(&self) -> f64 {
        let pages = self.keys as f64 / self.page_size as f64;
        let unanswered = (self.in_flight + self.waiting.len()) as f64;
        let last_pages = LAST_PAGE * self.stretches.len() as f64;
        EXTRA + EXTRA_PART * pages - (self.requests as f64 - unanswered + last_pages - pages)
    }

    /// Divides the longest stretches until there is enough to ask for, or nothing that is worth it.
    fn divide(&mut self) {
        let mut tried = Vec::new();
        while self.in_order && self.free() > 0 && self.budget() >= 1.0 {
            let untried = self.stretches.iter().filter(|(id, _)| !tried.contains(*id));
            let longest = untried.map(|(id, stretch)| (stretch.to_come(), *id)).max_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, id)) = longest.filter(|(pages, _)| *pages >= SHORTEST) else { return };
            tried.push(id);
            self.divide_one(id);
        }
    }

    fn divide_one(&mut self, id: Id) {
        let pieces = self.free().min((self.budget() / LAST_PAGE) as usize) + 1;
        let Some(stretch) = self.stretches.get_mut(&id) else { return };
        let mut cuts = stretch.digest_cuts(pieces, SHORTEST);
        if cuts.is_empty() {
            cuts = stretch.name_cuts(pieces, SHORTEST);
            let beyond = std::mem::take(&mut stretch.names.beyond);
            cuts.extend(beyond.into_iter().take(pieces - 1));
        }
        let new = stretch.cut(cuts);
        if !new.is_empty() {
            for piece in new {
                self.add(piece);
            }
            return;
        }
        self.ask_names(id);
    }

    /// Asks for names beside the cursor: on the outermost level that was not told in full.
    fn ask_names(&mut self, id: Id) {
        let Some(stretch) = self.stretches.get_mut(&id) else { return };
        let knows = !stretch.names.to_come.is_empty() || stretch.ends_among_digests();
        if knows || stretch.asks_names || stretch.cursor.is_empty() {
            return;
        }
        let untold = levels(&self.prefix, &stretch.cursor)
            .into_iter()
            .find(|level| !stretch.told.iter().any(|told| told == level));
        let Some(level) = untold else { return };
        stretch.asks_names = true;
        let level = level.to_owned();
        let after = Some(stretch.cursor.clone()).filter(|cursor| cursor.len() > level.len());
        self.waiting.push_back(Ask::Names { id, level, after });
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::layout;
    use crate::model::{Digest, RepositoryName, Tag};
    use proptest::prelude::*;

    const REPOSITORIES: &str = layout::REPOSITORIES;

    fn digest(number: usize) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    fn name(name: &str) -> RepositoryName {
        RepositoryName::new(name).unwrap()
    }

    /// The keys of a repository with so many layers and tags.
    fn repository(called: &str, layers: usize, tags: usize) -> Vec<String> {
        let repository = name(called);
        let mut keys: Vec<String> =
            (0..layers).map(|at| layout::layer_link(&repository, &digest(at * 7 + called.len()))).collect();
        for at in 0..tags {
            let (tag, manifest) = (Tag::new(&format!("build-{at:06}")).unwrap(), digest(at * 3 + 1));
            keys.push(layout::revision_link(&repository, &manifest));
            keys.push(layout::tag_current(&repository, &tag));
            keys.push(layout::tag_history(&repository, &tag, &manifest));
        }
        keys
    }

    fn sorted(mut keys: Vec<String>) -> Vec<String> {
        keys.sort();
        keys.dedup();
        keys
    }

    /// A store with these keys, in order.
    struct Store<'k> {
        keys: &'k [String],
        prefix: &'k str,
        page_size: usize,
    }

    impl<'k> Store<'k> {
        fn page(&self, behind: &str) -> (Vec<&'k str>, Option<String>) {
            let from = self.keys.partition_point(|key| key.as_str() <= behind || key.as_str() < self.prefix);
            let inside = self.keys[from..].iter().map(String::as_str).take_while(|key| key.starts_with(self.prefix));
            let mut page: Vec<&str> = inside.take(self.page_size + 1).collect();
            let token = (page.len() > self.page_size).then(|| page[self.page_size - 1].to_owned());
            page.truncate(self.page_size);
            (page, token)
        }

        fn names(&self, level: &str, behind: &str) -> (Vec<String>, bool) {
            let below = self.keys.iter().filter(|key| key.as_str() > behind).filter_map(|key| {
                let rest = key.strip_prefix(level)?;
                rest.find('/').map(|end| key[..=level.len() + end].to_owned())
            });
            let mut names: Vec<String> = below.collect();
            names.dedup();
            let is_complete = names.len() <= self.page_size;
            names.truncate(self.page_size);
            (names, is_complete)
        }

        fn floor(&self) -> usize {
            self.keys.len().div_ceil(self.page_size).max(1)
        }
    }

    /// What a listing came to.
    #[derive(Debug, Default)]
    struct Listed {
        keys: Vec<String>,
        requests: usize,
        /// How long it took, if each request takes one, and all that are under way are answered at once.
        rounds: usize,
    }

    impl Listed {
        fn answer(&mut self, cutter: &mut Cutter, store: &Store<'_>, ask: Ask) {
            self.requests += 1;
            match ask {
                Ask::Page { id, token, after } => {
                    let (page, next) = store.page(&token.or(after).unwrap_or_default());
                    let bounds = cutter.listed(id, &page, next).unwrap();
                    self.keys.extend(page.iter().filter(|key| bounds.contain(key)).map(|&key| key.to_owned()));
                }
                Ask::Names { id, level, after } => {
                    let (names, is_complete) = store.names(&level, &after.unwrap_or_default());
                    cutter.named(id, &level, names, is_complete);
                }
            }
        }
    }

    /// Lists with so many requests at once; `order` decides which of those under way is answered first.
    fn list(store: &Store<'_>, at_once: usize, mut order: impl FnMut(usize) -> usize) -> Listed {
        let mut cutter = Cutter::new(store.prefix, store.page_size, at_once);
        let (mut listed, mut under_way) = (Listed::default(), Vec::new());
        loop {
            under_way.extend(std::iter::from_fn(|| cutter.ask()));
            assert!(under_way.len() <= at_once, "{} at once, not {at_once}", under_way.len());
            if under_way.is_empty() {
                listed.keys.sort();
                return listed;
            }
            let ask = under_way.remove(order(under_way.len()));
            listed.answer(&mut cutter, store, ask);
        }
    }

    fn list_in_rounds(store: &Store<'_>, at_once: usize) -> Listed {
        let mut cutter = Cutter::new(store.prefix, store.page_size, at_once);
        let mut listed = Listed::default();
        loop {
            let round: Vec<Ask> = std::iter::from_fn(|| cutter.ask()).collect();
            if round.is_empty() {
                return listed;
            }
            listed.rounds += 1;
            for ask in round {
                listed.answer(&mut cutter, store, ask);
            }
        }
    }

    /// What a page holds here: a tenth of what it holds in a store, and so of everything else.
    const PAGE: usize = 100;

    fn shapes() -> Vec<(&'static str, &'static str, Vec<String>)> {
        let blobs = |count: usize| sorted((0..count).map(|at| layout::blob_data(&digest(at))).collect());
        let many = |count: usize, layers: usize, tags: usize| {
            let all = (0..count).flat_map(|at| repository(&format!("team-{}/svc-{at:05}", at % 7), layers, tags));
            sorted(all.collect())
        };
        let tiny = (0..2_000).flat_map(|at| repository(&format!("r-{at:04}"), 2, 1));
        let monster = [many(100, 2, 1), repository("team-3/monster", 6_000, 900)].concat();
        vec![
            ("an empty one", REPOSITORIES, Vec::new()),
            ("a small one", REPOSITORIES, many(3, 2, 1)),
            ("50 repositories", REPOSITORIES, many(50, 20, 3)),
            ("300 repositories", REPOSITORIES, many(300, 37, 6)),
            ("one repository with many layers", REPOSITORIES, sorted(repository("huge", 10_000, 1))),
            ("one repository with many tags", REPOSITORIES, sorted(repository("huge", 1, 4_000))),
            ("a huge one among small ones", REPOSITORIES, sorted(monster)),
            ("many tiny ones", REPOSITORIES, sorted(tiny.collect())),
            ("a little content", layout::BLOBS, blobs(30)),
            ("some content", layout::BLOBS, blobs(970)),
            ("much content", layout::BLOBS, blobs(9_600)),
        ]
    }

    #[test]
    fn every_key_is_listed_once_whatever_is_cut() {
        for (what, prefix, keys) in shapes() {
            for (page_size, at_once, seed) in [(10, 3, 1), (10, 64, 2), (PAGE, 2, 3), (PAGE, 16, 4), (PAGE, 64, 5)] {
                let store = Store { keys: &keys, prefix, page_size };
                let mut state: usize = seed;
                let listed = list(&store, at_once, |count| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005_usize).wrapping_add(1);
                    (state >> 33) % count
                });
                assert!(listed.keys == keys, "{what}, {page_size} a page, {at_once} at once, seed {seed}");
            }
        }
    }

    proptest! {
        /// Names of a few letters, so that every kind of border is met.
        #[test]
        fn every_key_is_listed_once_whatever_there_is(
            names in proptest::collection::vec("[ab~_/-]{1,6}(/_manifests/tags/[ab0-9]{1,3}/current/link|/_layers/sha256/[0-9a-f]{10}/link|/)?", 0..400),
            page_size in 1_usize..12,
            at_once in 1_usize..20,
            order in proptest::collection::vec(any::<usize>(), 1..50),
        ) {
            let keys = sorted(names.into_iter().map(|name| format!("{REPOSITORIES}{name}")).collect());
            let store = Store { keys: &keys, prefix: REPOSITORIES, page_size };
            let mut orders = order.iter().cycle();
            let listed = list(&store, at_once, |count| orders.next().unwrap() % count);
            prop_assert_eq!(listed.keys, keys);
        }
    }

    #[test]
    fn one_at_once_is_a_serial_listing() {
        for (what, prefix, keys) in shapes() {
            let store = Store { keys: &keys, prefix, page_size: PAGE };
            assert_eq!(list_in_rounds(&store, 1).requests, store.floor(), "{what}");
        }
    }

    /// What an eighth of it would be with serial requests, and how many requests that may cost.
    #[test]
    fn hardly_any_request_is_lost_and_much_time_is_won() {
        for (what, prefix, keys) in shapes() {
            let store = Store { keys: &keys, prefix, page_size: PAGE };
            let (floor, listed) = (store.floor(), list_in_rounds(&store, 16));
            let told = format!("{what}: {floor} pages in {} requests, {} rounds", listed.requests, listed.rounds);
            assert!(listed.requests <= floor + floor / 10 + 12, "{told}");
            // Where names can only be guessed at, it takes longer.
            let part = match what {
                "one repository with many tags" => 1,
                "a huge one among small ones" | "many tiny ones" => 2,
                _ => 4,
            };
            assert!(listed.rounds <= 8 + floor.div_ceil(2 * part), "{told}");
        }
    }

    fn page_of(cutter: &mut Cutter) -> Id {
        loop {
            if let Some(Ask::Page { id, .. }) = cutter.ask() {
                return id;
            }
        }
    }

    #[test]
    fn store_without_order_is_asked_one_page_after_the_other() {
        let mut cutter = Cutter::new("r/", 2, 16);
        let id = page_of(&mut cutter);
        let bounds = cutter.listed(id, &["r/b", "r/a"], Some("1".into())).unwrap();
        assert!(bounds.contain("r/a") && bounds.contain("r/b"));
        for page in 2..20 {
            let id = page_of(&mut cutter);
            assert!(cutter.ask().is_none());
            assert!(cutter.listed(id, &["r/c", "r/a"], Some(page.to_string())).unwrap().contain("r/a"));
        }
    }

    #[test]
    fn order_that_is_lost_once_something_was_cut_is_no_listing() {
        let blobs: Vec<String> = sorted((0..1000).map(|at| layout::blob_data(&digest(at))).collect());
        let mut cutter = Cutter::new(layout::BLOBS, 100, 16);
        let id = page_of(&mut cutter);
        let page: Vec<&str> = blobs[..100].iter().map(String::as_str).collect();
        cutter.listed(id, &page, Some("1".into())).unwrap();
        assert!(cutter.stretches.len() > 1);
        let id = page_of(&mut cutter);
        let error = cutter.listed(id, &[&blobs[300], &blobs[200]], Some("2".into())).unwrap_err();
        assert_eq!(error, Incomplete::OutOfOrder);
    }

    #[test]
    fn store_that_does_not_go_on_is_left() {
        let mut cutter = Cutter::new("r/", 2, 1);
        let id = page_of(&mut cutter);
        cutter.listed(id, &["r/a", "r/b"], Some("1".into())).unwrap();
        let id = page_of(&mut cutter);
        assert_eq!(cutter.listed(id, &[], Some("1".into())).unwrap_err(), Incomplete::Stuck);
    }
}
