//! Manifests: their content, and the table of their digests.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::digests::{Bytes32, size_of, text_of};
use super::shape::{Blob, Content, GROUP, Shape};
use crate::lab::manifests::media_type as mt;

/// A manifest, with what a listing says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) digest: Bytes32,
    pub(super) repository: u32,
    /// Its number there.
    pub(super) number: u32,
    pub(super) size: u32,
}

/// All manifests.
#[derive(Debug)]
pub(super) struct Manifests {
    /// In the order of their digests.
    pub(super) sorted: Vec<Listed>,
    /// Places in `sorted`, by repository and number.
    places: Vec<Vec<u32>>,
    /// The same, in the order of digests.
    pub(super) in_order: Vec<Vec<u32>>,
}

impl Manifests {
    /// Writes and hashes every manifest once.
    pub(super) fn new(shape: &Shape) -> Self {
        let count = shape.repositories();
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(count);
        let mut sorted = std::thread::scope(|scope| {
            // The large repository is divided as well.
            let part = |worker: usize| {
                let mut listed = Vec::new();
                for repository in 0..count {
                    let groups = shape.groups[repository];
                    let (from, to) =
                        (groups * worker as u64 / workers as u64, groups * (worker as u64 + 1) / workers as u64);
                    (from..to).for_each(|group| of_group(shape, repository, group, &mut listed));
                }
                listed
            };
            let running: Vec<_> = (0..workers).map(|worker| scope.spawn(move || part(worker))).collect();
            running.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<Listed>>()
        });
        sorted.sort_unstable_by_key(|listed| listed.digest);
        let number = |repository: usize| (shape.groups[repository] * GROUP) as usize;
        let mut places: Vec<Vec<u32>> = (0..count).map(|repository| vec![0; number(repository)]).collect();
        let mut in_order: Vec<Vec<u32>> = (0..count).map(|repository| Vec::with_capacity(number(repository))).collect();
        for (place, listed) in (0..).zip(&sorted) {
            places[listed.repository as usize][listed.number as usize] = place;
            in_order[listed.repository as usize].push(place);
        }
        Self { sorted, places, in_order }
    }

    pub(super) fn of(&self, repository: usize, number: u64) -> &Listed {
        &self.sorted[self.places[repository][number as usize] as usize]
    }

    pub(super) fn find(&self, digest: &Bytes32) -> Option<&Listed> {
        let place = self.sorted.binary_search_by(|listed| listed.digest.cmp(digest)).ok()?;
        Some(&self.sorted[place])
    }
}

fn of_group(shape: &Shape, repository: usize, group: u64, listed: &mut Vec<Listed>) {
    let mut written: [Option<Listed>; GROUP as usize] = [None; GROUP as usize];
    // Children before their index, what an artifact is about before it.
    for at in [0, 1, 2, 3, 5, 6, 4, 7, 8, 9] {
        let number = group * GROUP + at;
        let text = write(shape, repository, number, |other| written[(other % GROUP) as usize].unwrap());
        let digest = Sha256::digest(text.as_bytes()).into();
        let (repository, size) = (repository as u32, text.len() as u32);
        written[at as usize] = Some(Listed { digest, repository, number: number as u32, size });
    }
    listed.extend(written.into_iter().flatten());
}

/// The content of a manifest; `other` knows the manifests that it names.
pub(super) fn write(shape: &Shape, repository: usize, number: u64, other: impl Fn(u64) -> Listed) -> String {
    let digest = |blob: &Blob| match blob {
        Blob::Own(number) => shape.own(repository).digest(*number),
        Blob::Pool(place) => shape.pool().digest(shape.in_pool(repository, *place)),
    };
    let mut text = String::with_capacity(2200);
    let descriptor = |text: &mut String, media: &str, digest: &Bytes32, size: u64| {
        write!(text, r#"{{"mediaType":"{media}","digest":"{}","size":{size}}}"#, text_of(digest)).unwrap();
    };
    let blobs = |text: &mut String, media: &str, blobs: &[Blob]| {
        for (at, blob) in blobs.iter().enumerate() {
            text.push_str(if at > 0 { "," } else { "" });
            let digest = digest(blob);
            descriptor(text, media, &digest, size_of(&digest));
        }
    };
    let manifest = |text: &mut String, number: u64| {
        let listed = other(number);
        let media = if number % GROUP == 4 { mt::OCI_INDEX } else { mt::OCI_MANIFEST };
        descriptor(text, media, &listed.digest, u64::from(listed.size));
    };
    let content = shape.content(repository, number);
    let media = if matches!(content, Content::Index(_)) { mt::OCI_INDEX } else { mt::OCI_MANIFEST };
    write!(text, r#"{{"schemaVersion":2,"mediaType":"{media}","#).unwrap();
    match content {
        Content::Image(names) => {
            text.push_str(r#""config":"#);
            blobs(&mut text, mt::OCI_CONFIG, &names[..1]);
            text.push_str(r#","layers":["#);
            blobs(&mut text, mt::OCI_LAYER, &names[1..]);
        }
        Content::Index(children) => {
            text.push_str(r#""manifests":["#);
            manifest(&mut text, children[0]);
            text.push(',');
            manifest(&mut text, children[1]);
        }
        Content::Artifact([config, payload], subject) => {
            text.push_str(r#""config":"#);
            blobs(&mut text, mt::OCI_EMPTY, &[config]);
            text.push_str(r#","subject":"#);
            manifest(&mut text, subject);
            text.push_str(r#","layers":["#);
            blobs(&mut text, "application/spdx+json", &[payload]);
        }
    }
    // Two manifests that name the same are still two.
    write!(text, r#"],"annotations":{{"build":"{repository}-{number}"}}}}"#).unwrap();
    text
}
