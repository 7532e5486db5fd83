//! All keys in order, from anywhere, and what is behind each.

use md5::Md5;
use sha2::Digest as _;

use super::digests::{Bytes32, Space, push_hex, size_of, text_of, top_of};
use super::manifests::{Listed, Manifests, write};
use super::shape::{GROUP, Shape, TAGGED, name};
use crate::lab::registry::ROOT;

/// One object, as a listing tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its size.
    pub size: u64,
    /// When it was written: seconds since 1970.
    pub time: i64,
    /// Its `ETag`: 16 bytes, in hex.
    pub etag: [u8; 16],
}

/// A registry that is stored nowhere.
#[derive(Debug)]
pub struct Computed {
    pub(super) shape: Shape,
    pub(super) manifests: Manifests,
    blobs: String,
    repositories: String,
}

/// Takes items; tells whether it wants more.
type Take<'a> = dyn FnMut(Item<'_>) -> bool + 'a;

impl Computed {
    /// Writes every manifest once, for its digest.
    pub fn new(shape: Shape) -> Self {
        let manifests = Manifests::new(&shape);
        let (blobs, repositories) = (format!("{ROOT}/blobs/sha256/"), format!("{ROOT}/repositories/"));
        Self { shape, manifests, blobs, repositories }
    }

    /// All that is behind a key (or, with `itself`, from it on), in order, until `take` wants no more.
    pub fn behind(&self, key: &str, itself: bool, take: &mut Take<'_>) {
        let passes = |other: &str| if itself { other >= key } else { other > key };
        let mut wants = true;
        let mut filtered = |item: Item<'_>| {
            if passes(item.key) {
                wants = take(item);
            }
            wants
        };
        if key < self.repositories.as_str() && !self.all_blobs(key, &mut filtered) {
            return;
        }
        self.all_repositories(key, &mut filtered);
    }

    fn all_blobs(&self, from: &str, take: &mut Take<'_>) -> bool {
        let rest = from.strip_prefix(&self.blobs).unwrap_or_default();
        if from > self.blobs.as_str() && rest.is_empty() {
            return true;
        }
        // `<two digits>/<digest>/data`
        let mut low = match (rest.get(..2), rest.get(3..)) {
            (Some(shard), Some(hex)) if hex.starts_with(shard) => lowest(hex),
            (Some(shard), Some(hex)) if hex > shard => lowest(&format!("{shard}~")),
            (Some(shard), _) => lowest(shard),
            (None, _) => lowest(rest),
        };
        let own: Vec<Space> = (0..self.shape.repositories()).map(|repository| self.shape.own(repository)).collect();
        let all: u64 = self.manifests.sorted.len() as u64
            + own.iter().chain(&[self.shape.pool(), self.shape.orphans()]).map(|space| space.count).sum::<u64>();
        let window = (u64::MAX / all.max(1)).saturating_mul(1200);
        let mut page: Vec<(Bytes32, u64)> = Vec::new();
        let mut key = String::new();
        loop {
            let high = low.checked_add(window);
            page.clear();
            let manifests = &self.manifests.sorted;
            let first = manifests.partition_point(|listed| top_of(&listed.digest) < low);
            let inside =
                manifests[first..].iter().take_while(|listed| high.is_none_or(|high| top_of(&listed.digest) < high));
            page.extend(inside.map(|listed| (listed.digest, u64::from(listed.size))));
            for space in own.iter().chain(&[self.shape.pool(), self.shape.orphans()]) {
                let last = high.map_or(space.count, |high| space.first_from(high));
                let digests = (space.first_from(low)..last).map(|number| space.digest(number));
                page.extend(digests.map(|digest| (digest, size_of(&digest))));
            }
            page.sort_unstable();
            for (digest, size) in &page {
                key.clear();
                key.push_str(&self.blobs);
                push_hex(&mut key, &digest[..1]);
                key.push('/');
                push_hex(&mut key, digest);
                key.push_str("/data");
                let etag: [u8; 16] = std::array::from_fn(|at| digest[at]);
                if !take(Item { key: &key, size: *size, time: self.shape.time(top_of(digest)), etag }) {
                    return false;
                }
            }
            let Some(high) = high else { return true };
            low = high;
        }
    }

    fn all_repositories(&self, from: &str, take: &mut Take<'_>) {
        let prefix = |repository: usize| format!("{}{}/", self.repositories, name(repository));
        let first = first_where(self.shape.repositories() as u64, |repository| {
            let prefix = prefix(repository as usize);
            from <= prefix.as_str() || from.starts_with(&prefix)
        });
        for repository in first as usize..self.shape.repositories() {
            let prefix = prefix(repository);
            let rest = from.strip_prefix(&prefix).unwrap_or_default();
            let mut line = Line { computed: self, repository, key: prefix, take };
            if !(line.layers(rest) && line.revisions(rest) && line.tags(rest)) {
                return;
            }
        }
    }

    /// What is behind a key.
    pub fn content(&self, key: &str) -> Option<Vec<u8>> {
        if let Some(listed) = self.manifest_at(key) {
            return Some(self.manifest(listed).into_bytes());
        }
        let mut found = None;
        self.behind(key, true, &mut |item| {
            found = (item.key == key).then_some(item.size);
            false
        });
        self.content_of(key, found?)
    }

    /// What is behind a key that is there and has this size.
    pub(super) fn content_of(&self, key: &str, size: u64) -> Option<Vec<u8>> {
        if key.starts_with(&self.blobs) {
            let manifest = self.manifest_at(key);
            return Some(
                manifest.map_or_else(|| vec![b'x'; size as usize], |listed| self.manifest(listed).into_bytes()),
            );
        }
        let mut parts = key.rsplit('/').skip(1);
        match parts.next()? {
            "current" => {
                let (group, at) = parts.next()?.strip_prefix('v')?.split_once('.')?;
                let number = group.parse::<u64>().ok()? * GROUP + at.parse::<u64>().ok()?;
                let name = key.strip_prefix(&self.repositories)?.split_once("/_manifests")?.0;
                let repository = name.rsplit_once('-')?.1.parse().ok()?;
                Some(text_of(&self.manifests.of(repository, number).digest).into_bytes())
            }
            hex => Some(format!("sha256:{hex}").into_bytes()),
        }
    }

    fn manifest_at(&self, key: &str) -> Option<&Listed> {
        let (shard, hex) = key.strip_prefix(&self.blobs)?.strip_suffix("/data")?.split_once('/')?;
        if hex.len() != 64 || hex.get(..2) != Some(shard) {
            return None;
        }
        self.manifests.find(&digest_of(hex)?)
    }

    fn manifest(&self, listed: &Listed) -> String {
        let repository = listed.repository as usize;
        write(&self.shape, repository, u64::from(listed.number), |other| *self.manifests.of(repository, other))
    }
}

/// The keys of one repository, part by part.
struct Line<'a, 't> {
    computed: &'a Computed,
    repository: usize,
    key: String,
    take: &'a mut Take<'t>,
}

/// Where a part begins: at its first key, at the first from `rest` on, or not at all.
enum Begin<'a> {
    First,
    From(&'a str),
    Nowhere,
}

fn begin<'a>(part: &str, rest: &'a str) -> Begin<'a> {
    match rest.strip_prefix(part) {
        Some(rest) => Begin::From(rest),
        None if rest < part => Begin::First,
        None => Begin::Nowhere,
    }
}

impl Line<'_, '_> {
    fn layers(&mut self, rest: &str) -> bool {
        const PART: &str = "_layers/sha256/";
        let computed = self.computed;
        let shape = &computed.shape;
        let repository = self.repository;
        let (own, pool) = (shape.own(repository), shape.pool());
        let linked = shape.of_pool(repository);
        let of_pool = |place: u64| pool.digest(shape.in_pool(repository, place));
        let (mut a, mut b) = match begin(PART, rest) {
            Begin::Nowhere => return true,
            Begin::First => (0, 0),
            Begin::From(rest) => (
                first_where(own.count, |number| link_name(&own.digest(number)).as_str() >= rest),
                first_where(linked, |place| link_name(&of_pool(place)).as_str() >= rest),
            ),
        };
        let next = |a: u64| (a < own.count).then(|| own.digest(a));
        let next_of_pool = |b: u64| (b < linked).then(|| of_pool(b));
        let (mut one, mut other) = (next(a), next_of_pool(b));
        loop {
            let digest = match (one, other) {
                (Some(left), right) if right.is_none_or(|right| left < right) => {
                    a += 1;
                    one = next(a);
                    left
                }
                (_, Some(right)) => {
                    b += 1;
                    other = next_of_pool(b);
                    right
                }
                (_, None) => return true,
            };
            if !self.link(PART, &digest, &digest) {
                return false;
            }
        }
    }

    fn revisions(&mut self, rest: &str) -> bool {
        const PART: &str = "_manifests/revisions/sha256/";
        let computed = self.computed;
        let manifests = &computed.manifests;
        let places = &manifests.in_order[self.repository];
        let digest = |at: usize| manifests.sorted[places[at] as usize].digest;
        let first = match begin(PART, rest) {
            Begin::Nowhere => return true,
            Begin::First => 0,
            Begin::From(rest) => {
                first_where(places.len() as u64, |at| link_name(&digest(at as usize)).as_str() >= rest) as usize
            }
        };
        (first..places.len()).all(|at| self.link(PART, &digest(at), &digest(at)))
    }

    fn tags(&mut self, rest: &str) -> bool {
        const PART: &str = "_manifests/tags/";
        let tags = self.computed.shape.groups[self.repository] * TAGGED.len() as u64;
        let number = |tag: u64| tag / TAGGED.len() as u64 * GROUP + TAGGED[tag as usize % TAGGED.len()];
        let tag_name = |number: u64| format!("v{:07}.{}/", number / GROUP, number % GROUP);
        let first = match begin(PART, rest) {
            Begin::Nowhere => return true,
            Begin::First => 0,
            Begin::From(rest) => first_where(tags, |tag| {
                let name = tag_name(number(tag));
                rest <= name.as_str() || rest.starts_with(&name)
            }),
        };
        let computed = self.computed;
        let manifests = &computed.manifests;
        for tag in first..tags {
            let number = number(tag);
            let part = format!("{PART}{}", tag_name(number));
            let now = manifests.of(self.repository, number).digest;
            if !self.item(&part, "current", None, &now) {
                return false;
            }
            let mut history = vec![now];
            if number % GROUP == 3 {
                history.push(manifests.of(self.repository, number + 6).digest);
                history.sort_unstable();
            }
            let part = format!("{part}index/sha256/");
            if !history.iter().all(|digest| self.link(&part, digest, digest)) {
                return false;
            }
        }
        true
    }

    fn link(&mut self, part: &str, named: &Bytes32, says: &Bytes32) -> bool {
        self.item(part, "", Some(named), says)
    }

    fn item(&mut self, part: &str, word: &str, named: Option<&Bytes32>, says: &Bytes32) -> bool {
        let before = self.key.len();
        self.key.push_str(part);
        self.key.push_str(word);
        if let Some(named) = named {
            push_hex(&mut self.key, named);
        }
        self.key.push_str("/link");
        let etag: [u8; 16] = Md5::digest(text_of(says)).into();
        let time = self.computed.shape.time(top_of(says));
        let wants = (self.take)(Item { key: &self.key, size: 71, time, etag });
        self.key.truncate(before);
        wants
    }
}

fn link_name(digest: &Bytes32) -> String {
    let mut name = String::with_capacity(70);
    push_hex(&mut name, digest);
    name + "/link"
}

/// The first number below `count` for which it holds, as for all after it.
fn first_where(count: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The lowest first bits of a digest whose hex may come behind this text.
fn lowest(text: &str) -> u64 {
    let mut low = 0_u64;
    let mut fill = 0;
    for at in 0..16_u32 {
        let digit = match text.as_bytes().get(at as usize) {
            Some(byte) if fill == 0 => match char::from(*byte).to_digit(16) {
                Some(digit) => u64::from(digit),
                // Behind `ab~` nothing begins with `ab`; behind `ab/` all of it does.
                None if *byte > b'f' => {
                    fill = 15;
                    fill
                }
                None => return low.checked_shl(4 * (16 - at)).unwrap_or(0),
            },
            _ => fill,
        };
        low = low << 4 | digit;
    }
    low
}

fn digest_of(hex: &str) -> Option<Bytes32> {
    let mut digest = [0; 32];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}
