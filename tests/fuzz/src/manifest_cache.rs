//! What is remembered of manifests: whatever has become of the file, no record says anything else than was written.

use super::text;
use regsweep::collect::said::Names;
use regsweep::model::Digest;
use regsweep::storage::manifest_cache::record::{self, HEADER, Owner, Record, Records};

const OWNER: Owner = *b"one registry....";
const OTHER: Owner = *b"another registry";

/// Any bytes: as a file, as what a record holds, and as what happens to a file.
pub fn check(data: &[u8]) {
    as_a_file(data);
    as_a_body(data);
    as_damage(data);
}

fn read(file: &[u8], owner: Owner) -> Vec<Record> {
    let mut found = Vec::new();
    if let Some(mut records) = Records::open(file, owner).unwrap() {
        let mut end = records.end();
        while records.advance().unwrap() {
            assert_eq!(records.raw().len() as u64, records.end() - end);
            end = records.end();
            if let Some(record) = records.record() {
                assert_eq!(records.about().as_ref(), Some(&record.digest));
                found.push(record);
            }
        }
        assert!(end <= file.len() as u64, "it goes on behind the end");
    }
    found
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut file = HEADER.to_vec();
    for Record { digest, names } in records {
        record::write(digest, names.as_ref(), OWNER, &mut file);
    }
    file
}

fn as_a_file(data: &[u8]) {
    for file in [data.to_vec(), [HEADER, data].concat()] {
        let found = read(&file, OWNER);
        assert_eq!(read(&written(&found), OWNER), found);
        assert!(found.is_empty() || read(&file, OTHER).is_empty(), "records of another registry");
    }
}

/// With the right checksum: then it is read, and there is one way only to write what it says.
fn as_a_body(data: &[u8]) {
    let checksum = Digest::of(&[&HEADER[..], &OWNER, data].concat());
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let file = [&HEADER[..], &length, &checksum.bytes()[..16], data].concat();
    let found = read(&file, OWNER);
    if !found.is_empty() {
        assert_eq!(written(&found), file);
    }
}

/// A file of a few records; the input says which of its bytes are others, and where it ends.
fn as_damage(data: &[u8]) {
    let number = data.len() % 4 + 1;
    let records: Vec<Record> = (0..number)
        .map(|at| {
            let digest = |part: usize| Digest::of(format!("{at} {part}").as_bytes());
            let references = (0..at).map(digest).collect();
            let names = Names { references, subject: (at % 2 == 1).then(|| digest(9)) };
            Record { digest: digest(100), names: (at != 2).then_some(names) }
        })
        .collect();
    let whole = written(&records);
    assert_eq!(read(&whole, OWNER), records);
    let mut damaged = whole.clone();
    for pair in data.chunks_exact(2) {
        let at = usize::from(pair[0]) * 3 % damaged.len();
        damaged[at] ^= pair[1];
    }
    damaged.truncate(damaged.len() - text::place(data) % damaged.len());
    let found = read(&damaged, OWNER);
    assert!(found.iter().all(|record| records.contains(record)), "a record that nobody has written");
    assert!(damaged == whole || found.len() < records.len(), "damage that was not seen");
}
