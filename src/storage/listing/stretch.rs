//! A stretch of a listing: what is known of it, and where it can be cut.

use super::digests::{self, Place};
use super::names::Names;

/// Keys behind one place up to another, which is still in it.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    /// The last key that was seen, or where it begins; nothing for the beginning of the listing.
    pub(super) cursor: String,
    /// The last key that may be in it.
    pub(super) end: Option<String>,
    /// Where the store goes on, once it has given a page.
    pub(super) token: Option<String>,
    /// Pages that it has given.
    pub(super) pages: u32,
    /// Pages since the last name that it has come to.
    in_name: u32,
    /// What it is like around the cursor.
    pub(super) digests: Option<Digests>,
    /// What stands beside and behind the cursor.
    pub(super) names: Names,
    /// The levels of names that the store has told in full.
    pub(super) told: Vec<String>,
    /// It is being asked for names.
    pub(super) asks_names: bool,
}

/// A directory of digests that the cursor is in.
#[derive(Debug, Clone)]
pub(super) struct Digests {
    directory: String,
    /// Where it was when counting began, from 0 to 1.
    from: f64,
    /// Keys from there on.
    keys: usize,
    /// How many pages all of the directory takes.
    pages: f64,
}

/// The part of a page that tells something of all others.
const ENOUGH: usize = 5;

impl Stretch {
    pub(super) fn new(start: String, end: Option<String>) -> Self {
        Self {
            cursor: start,
            end,
            token: None,
            pages: 0,
            in_name: 0,
            digests: None,
            names: Names::default(),
            told: Vec::new(),
            asks_names: false,
        }
    }

    /// Takes a page in that was not the last: its keys, and how many the store gives at once.
    pub(super) fn seen(&mut self, keys: &[&str], page_size: usize) {
        self.pages += 1;
        let Some(&last) = keys.last() else { return };
        let before = std::mem::replace(&mut self.cursor, last.to_owned());
        self.in_name = if self.names.page(last) { 0 } else { self.in_name + 1 };
        let Some(Place { directory, fraction }) = digests::place(last) else {
            self.digests = None;
            return;
        };
        let inside = keys.len() - keys.partition_point(|key| *key < directory);
        let known = self.digests.take().filter(|known| known.directory == directory);
        let from = digests::place(&before).filter(|place| place.directory == directory);
        let (from, keys) = match known {
            Some(known) => (known.from, known.keys + inside),
            None => (from.map_or(0.0, |place| place.fraction), inside),
        };
        let pages = keys as f64 / (fraction - from).max(1e-9) / page_size as f64;
        let counts = keys * ENOUGH >= page_size;
        self.digests = counts.then(|| Digests { directory: directory.to_owned(), from, keys, pages });
    }

    /// How many pages are to come in the directory of digests that the cursor is in.
    fn digests_to_come(&self) -> Option<(&Digests, f64, f64)> {
        let digests = self.digests.as_ref()?;
        let at = digests::place(&self.cursor).filter(|place| place.directory == digests.directory)?.fraction;
        let end = self.end.as_deref().and_then(digests::place);
        let end = end.filter(|place| place.directory == digests.directory).map_or(1.0, |place| place.fraction);
        Some((digests, at, (end - at).max(0.0) * digests.pages))
    }

    /// How many pages are to come, as far as anything tells: where nothing does, twice as many as there were.
    pub(super) fn to_come(&self) -> f64 {
        let each = self.names.pages_each().unwrap_or(0.0);
        let names = self.names.to_come.len() as f64 * each;
        let digests = self.digests_to_come().map_or(0.0, |(_, _, pages)| pages);
        if self.ends_among_digests() {
            return digests;
        }
        let in_name = f64::from(self.in_name);
        let rest = each - in_name;
        let rest = if rest > 0.0 { rest } else { 2.0 * in_name + 1.0 };
        names + digests.max(rest)
    }

    /// Whether it goes on in one name, and nobody knows for how long.
    pub(super) fn is_long_in_one_name(&self) -> bool {
        self.in_name >= 2
    }

    /// Whether nothing stands in it but digests of one directory.
    pub(super) fn ends_among_digests(&self) -> bool {
        let digests = self.digests.as_ref().zip(self.end.as_deref());
        digests.is_some_and(|(digests, end)| end.starts_with(&digests.directory))
    }

    /// Cuts where digests are known to be many: no request is lost by that but for half a page a piece. At most so many
    /// pieces, none of them shorter than `shortest` pages.
    pub(super) fn digest_cuts(&self, pieces: usize, shortest: f64) -> Vec<String> {
        let Some((digests, at, pages)) = self.digests_to_come() else { return Vec::new() };
        let pieces = (pages / shortest).floor().min(pieces as f64);
        if pieces < 2.0 {
            return Vec::new();
        }
        // A little less than whole pages: a piece that is a little more costs one for nearly nothing.
        let long = (pages / pieces).ceil();
        let step = (long - 0.12 - 0.02 * long.sqrt()) / digests.pages;
        let end = at + pages / digests.pages;
        let mut cuts: Vec<String> = (1..=pieces as usize)
            .map(|piece| at + step * piece as f64)
            .take_while(|cut| cut + step / 2.0 < end)
            .map(|cut| digests::key_at(&digests.directory, cut))
            .collect();
        cuts.push(digests::end_of(&digests.directory));
        cuts
    }

    /// Cuts between names that are known.
    pub(super) fn name_cuts(&self, pieces: usize, shortest: f64) -> Vec<String> {
        let names = &self.names;
        let to_come = names.to_come.len();
        let worth = (self.to_come() / shortest) as usize;
        let pieces = pieces.min(worth).min(to_come + 1);
        // The first name may begin a piece: what is below the current one may be the larger part.
        (1..pieces.max(1))
            .filter_map(|piece| names.to_come.get(to_come * (piece - 1) / (pieces - 1)).cloned())
            .collect()
    }

    /// Cuts it at these keys, in order; what is cut off.
    pub(super) fn cut(&mut self, cuts: Vec<String>) -> Vec<Self> {
        let mut pieces = Vec::new();
        let end = self.end.take();
        let inside = |cut: &String| *cut > self.cursor && end.as_ref().is_none_or(|end| cut < end);
        let cuts: Vec<String> = cuts.into_iter().filter(inside).collect();
        let ends = cuts.iter().skip(1).cloned().map(Some).chain([end.clone()]);
        for (start, end) in cuts.iter().zip(ends) {
            let mut piece = Self::new(start.clone(), end);
            let digests = self.digests.as_ref();
            piece.digests = digests
                .filter(|digests| digests::place(start).is_some_and(|place| place.directory == digests.directory))
                .map(|digests| Digests {
                    from: digests::place(start).map_or(0.0, |place| place.fraction),
                    keys: 0,
                    ..digests.clone()
                });
            piece.names = self.names.behind(start);
            piece.told.clone_from(&self.told);
            if let Some(end) = &piece.end {
                piece.names.end_at(end);
            }
            pieces.push(piece);
        }
        self.end = cuts.first().cloned().or(end);
        if let Some(end) = &self.end {
            self.names.end_at(end);
        }
        pieces
    }
}
