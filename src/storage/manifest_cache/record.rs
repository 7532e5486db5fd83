//! One manifest as it is remembered, and many of them behind each other.

use crate::collect::said::Names;
use crate::model::{Algorithm, Digest};
use sha2::Digest as _;
use std::io::{self, BufReader, Read};

/// Whose records these are: those of another registry are none.
pub type Owner = [u8; 16];

/// What every file begins with. Another version is another beginning: whoever changes what a record says, or what
/// [`Manifest::parse`](crate::model::Manifest::parse) makes of a manifest, changes this number.
pub const HEADER: &[u8; 24] = b"regsweep manifests v001\n";
/// Length and checksum.
const HEAD: usize = 4 + CHECKSUM;
const CHECKSUM: usize = 16;
/// A manifest of 4 MiB cannot name more than this.
const LARGEST: usize = 4 << 20;

/// What is remembered of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The manifest.
    pub digest: Digest,
    /// What it names and what it is about; none if what was remembered before does not hold any more.
    pub names: Option<Names>,
}

const FORGOTTEN: u8 = 0;
const NAMES: u8 = 1;
const NAMES_AND_SUBJECT: u8 = 2;

/// Adds a record to what is to be written; not if it is larger than any that is read.
pub fn write(digest: &Digest, names: Option<&Names>, owner: Owner, to: &mut Vec<u8>) {
    let start = to.len();
    to.extend_from_slice(&[0; HEAD]);
    write_digest(digest, to);
    match names {
        None => to.push(FORGOTTEN),
        Some(Names { references, subject }) => {
            to.push(if subject.is_some() { NAMES_AND_SUBJECT } else { NAMES });
            subject.iter().chain(references).for_each(|digest| write_digest(digest, to));
        }
    }
    let (head, body) = to[start..].split_at_mut(HEAD);
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= LARGEST);
    let Some(length) = length else { return to.truncate(start) };
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&checksum(owner, body));
}

impl Record {
    fn parse(mut body: &[u8]) -> Option<Self> {
        let digest = read_digest(&mut body)?;
        let (kind, mut rest) = body.split_first()?;
        let subject = match *kind {
            FORGOTTEN => return rest.is_empty().then_some(Self { digest, names: None }),
            NAMES => None,
            NAMES_AND_SUBJECT => Some(read_digest(&mut rest)?),
            _ => return None,
        };
        let mut references = Vec::with_capacity(rest.len() / 33);
        while !rest.is_empty() {
            references.push(read_digest(&mut rest)?);
        }
        Some(Self { digest, names: Some(Names { references, subject }) })
    }
}

fn checksum(owner: Owner, body: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = sha2::Sha256::new();
    hash.update(HEADER);
    hash.update(owner);
    hash.update(body);
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&hash.finalize()[..CHECKSUM]);
    sum
}

fn write_digest(digest: &Digest, to: &mut Vec<u8>) {
    to.push(match digest.algorithm() {
        Algorithm::Sha256 => 0,
        Algorithm::Sha384 => 1,
        Algorithm::Sha512 => 2,
    });
    to.extend_from_slice(digest.bytes());
}

fn read_digest(from: &mut &[u8]) -> Option<Digest> {
    let (algorithm, rest) = from.split_first()?;
    let (digest, rest) = match algorithm {
        0 => rest.split_first_chunk().map(|(bytes, rest)| (Digest::Sha256(*bytes), rest))?,
        1 => rest.split_first_chunk().map(|(bytes, rest)| (Digest::Sha384(Box::new(*bytes)), rest))?,
        2 => rest.split_first_chunk().map(|(bytes, rest)| (Digest::Sha512(Box::new(*bytes)), rest))?,
        _ => return None,
    };
    *from = rest;
    Some(digest)
}

/// Reads the records of a file, whatever has become of it.
#[derive(Debug)]
pub struct Records<R> {
    from: BufReader<R>,
    owner: Owner,
    checksum: [u8; CHECKSUM],
    body: Vec<u8>,
    /// Where the next record begins.
    end: u64,
}

impl<R: Read> Records<R> {
    /// Begins at the beginning of a file. One that does not begin as it should has no records.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(file: R, owner: Owner) -> io::Result<Option<Self>> {
        let mut from = BufReader::with_capacity(1 << 18, file);
        let mut header = [0; HEADER.len()];
        let is_one = is_read(&mut from, &mut header)? && header == *HEADER;
        let end = header.len() as u64;
        Ok(is_one.then(|| Self { from, owner, checksum: [0; CHECKSUM], body: Vec::new(), end }))
    }

    /// Goes on to the next record; tells whether there is one. What follows something that cannot be a record is lost.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn advance(&mut self) -> io::Result<bool> {
        let mut length = [0; 4];
        if !is_read(&mut self.from, &mut length)? || !is_read(&mut self.from, &mut self.checksum)? {
            return Ok(false);
        }
        let length = u32::from_le_bytes(length) as usize;
        // Zeros are what a crash leaves of what was not written any more.
        if length == 0 || length > LARGEST {
            return Ok(false);
        }
        self.body.resize(length, 0);
        if !is_read(&mut self.from, &mut self.body)? {
            return Ok(false);
        }
        self.end += (HEAD + length) as u64;
        Ok(true)
    }

    /// The record, if it is as it was written.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        Record::parse(&self.body).filter(|_| checksum(self.owner, &self.body) == self.checksum)
    }

    /// What the record is about, as it seems: nothing is verified.
    #[must_use]
    pub fn about(&self) -> Option<Digest> {
        read_digest(&mut &self.body[..])
    }

    /// The record as it stands in the file.
    #[must_use]
    pub fn raw(&self) -> Vec<u8> {
        // A body was read by its length, so that fits.
        let length = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes()[..], &self.checksum, &self.body].concat()
    }

    /// Where the next record begins, or would.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }
}

fn is_read(from: &mut impl Read, to: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::Manifest;
    use crate::model::digest::hex;

    const OWNER: Owner = *b"one registry....";

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn records() -> Vec<Record> {
        let wide = Digest::from_parts("sha512", &digest("w").hex().repeat(2)).unwrap();
        let middle = Digest::from_parts("sha384", &digest("m").hex()[..32].repeat(3)).unwrap();
        let named = |references, subject| Some(Names { references, subject });
        vec![
            Record { digest: digest("image"), names: named(vec![digest("config"), digest("layer")], None) },
            Record { digest: digest("sbom"), names: named(vec![wide, middle], Some(digest("image"))) },
            Record { digest: digest("empty"), names: named(Vec::new(), None) },
            Record { digest: digest("gone"), names: None },
        ]
    }

    fn file(records: &[Record]) -> Vec<u8> {
        let mut file = HEADER.to_vec();
        for record in records {
            write(&record.digest, record.names.as_ref(), OWNER, &mut file);
        }
        file
    }

    fn read(file: &[u8], owner: Owner) -> Vec<Option<Record>> {
        let mut found = Vec::new();
        if let Some(mut records) = Records::open(file, owner).unwrap() {
            while records.advance().unwrap() {
                found.push(records.record());
            }
        }
        found
    }

    #[test]
    fn what_was_written_is_read_and_nothing_of_another_registry() {
        let all = records();
        assert_eq!(read(&file(&all), OWNER), all.iter().cloned().map(Some).collect::<Vec<_>>());
        assert_eq!(read(&file(&all), *b"another registry"), vec![None; all.len()]);
        assert_eq!(read(b"", OWNER), []);
        assert_eq!(read(b"regsweep manifests v000\n", OWNER), []);
    }

    /// Every bit of it, turned: no record ever says anything else than was written.
    #[test]
    fn no_turned_bit_and_no_cut_makes_another_record() {
        let all = records();
        let whole = file(&all);
        for bit in 0..whole.len() * 8 {
            let mut turned = whole.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            let read = read(&turned, OWNER);
            assert!(read.iter().flatten().all(|record| all.contains(record)), "bit {bit}");
            assert!(read.iter().flatten().count() < all.len(), "bit {bit} was not seen");
        }
        for length in 0..whole.len() {
            let read: Vec<_> = read(&whole[..length], OWNER).into_iter().flatten().collect();
            assert!(read.len() < all.len() && all.starts_with(&read), "cut at {length}");
        }
    }

    #[test]
    fn what_is_larger_than_any_manifest_needs_is_not_written() {
        let references = vec![digest("layer"); LARGEST / 33];
        let mut written = vec![7];
        write(&digest("image"), Some(&Names { references, subject: None }), OWNER, &mut written);
        assert_eq!(written, [7]);
    }

    /// What an older version has written is believed by this one: the meaning of manifests is part of the format.
    #[test]
    fn records_mean_what_they_meant() {
        let digest = digest("x");
        let mut file = HEADER.to_vec();
        for json in [
            format!(r#"{{"schemaVersion":2,"config":{{"digest":"{digest}"}},"layers":[{{"digest":"{digest}"}}]}}"#),
            format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{digest}"}}],"subject":{{"digest":"{digest}"}}}}"#),
            format!(r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{digest}"}}]}}"#),
            format!(
                r#"{{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[{{"digest":"{digest}"}}]}}"#
            ),
        ] {
            let manifest = Manifest::parse(json.as_bytes()).unwrap();
            write(&Digest::of(json.as_bytes()), Some(&manifest.into()), OWNER, &mut file);
        }
        let written = hex(&sha2::Sha256::digest(&file));
        assert_eq!(written, GOLDEN, "change HEADER with whatever has changed this");
    }

    const GOLDEN: &str = "00a0aebd53de28fea7c70f9c5584ef903b46361c118ce582d592e3b0c9adeb67";
}
