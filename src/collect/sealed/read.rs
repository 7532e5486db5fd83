//! Reads a plan back, and believes nothing of it that its seal does not confirm.
//!
//! Bytes are given in pieces of any size. What is held is one line, whose length is bounded: a file that is no plan, or
//! one that is a trap, costs no more than that.

use super::header::{Header, NotAHeader, SCHEMA};
use super::line::Line;
use super::write::{Seal, Totals};
use crate::collect::plan::Stage;
use crate::collect::report::PlanRow;
use crate::error::{Code, shortened};
use crate::model::Digest;
use sha2::Digest as _;

/// A line is no longer than this; the longest key of any store is far below.
pub const LARGEST_LINE: usize = 64 << 10;
/// The header may hold a long list of what to keep.
pub const LARGEST_HEADER: usize = 16 << 20;

/// A plan whose seal is right.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its header.
    pub header: Header,
    /// How many deletions it has.
    pub deletions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The SHA-256 of all before the seal, in hex.
    pub sha256: String,
}

impl Sealed {
    /// What reports say of it.
    #[must_use]
    pub fn row(&self) -> PlanRow {
        PlanRow {
            run: self.header.run.clone(),
            command: self.header.command.clone(),
            version: self.header.version.clone(),
            created: self.header.created.to_rfc3339(),
            deletions: self.deletions,
            bytes: self.bytes,
            sha256: self.sha256.clone(),
        }
    }
}

/// Why something is not taken for a plan. Whoever was about to carry it out changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// It ends too early.
    #[error("it is torn: {0}")]
    Torn(String),
    /// It is not what was sealed.
    #[error("it was altered: {0}")]
    Altered(String),
    /// It is no plan, or one that this version does not understand.
    #[error("{0}")]
    Unknown(String),
}

impl Unsound {
    /// The word for scripts.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Torn(_) => Code::PlanTorn,
            Self::Altered(_) => Code::PlanAltered,
            Self::Unknown(_) => Code::PlanUnknown,
        }
    }
}

/// Reads a plan, piece by piece.
#[derive(Debug)]
pub struct Reader {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// Lines seen.
    lines: u64,
    hash: sha2::Sha256,
    header: Option<Header>,
    deletions: u64,
    bytes: u64,
    last: Option<(Stage, Box<str>, Option<Box<str>>)>,
    sealed: Option<Totals>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Begins.
    #[must_use]
    pub fn new() -> Self {
        Self {
            begun: Vec::new(),
            lines: 0,
            hash: sha2::Sha256::new(),
            header: None,
            deletions: 0,
            bytes: 0,
            last: None,
            sealed: None,
        }
    }

    /// Takes the next piece. Lines are shown as they come: whether they are what was sealed, only [`Self::finish`] knows.
    ///
    /// # Errors
    /// As soon as something is wrong. Then this is no plan, whatever else follows.
    pub fn take(&mut self, mut bytes: &[u8], mut see: impl FnMut(Line)) -> Result<(), Unsound> {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.sealed.is_some() {
                return Err(Unsound::Altered("something stands behind its seal".into()));
            }
            let largest = if self.header.is_none() { LARGEST_HEADER } else { LARGEST_LINE };
            if self.begun.len() + part.len() > largest {
                let number = self.lines + 1;
                return Err(Unsound::Unknown(format!("line {number} has more than {largest} bytes: it is no plan")));
            }
            if end.is_none() {
                self.begun.extend_from_slice(part);
            } else if self.begun.is_empty() {
                self.line(part, &mut see)?;
            } else {
                let mut whole = std::mem::take(&mut self.begun);
                whole.extend_from_slice(part);
                self.line(&whole, &mut see)?;
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Takes one line with its end.
    fn line(&mut self, line: &[u8], see: &mut impl FnMut(Line)) -> Result<(), Unsound> {
        self.lines += 1;
        let number = self.lines;
        let altered = |why: String| Unsound::Altered(format!("line {number}: {}", shortened(&why)));
        let text = std::str::from_utf8(line).map_err(|_| altered("it is not UTF-8".into()));
        if self.header.is_none() {
            self.header = Some(header(text.unwrap_or_default())?);
            self.hash.update(line);
            return Ok(());
        }
        let text = text?;
        if text.starts_with("{\"seal\":") {
            let seal: Seal = serde_json::from_str(text).map_err(|error| altered(format!("the seal: {error}")))?;
            if seal.to_line() != text {
                return Err(altered("the seal is not as it was written".into()));
            }
            self.sealed = Some(seal.seal);
            return Ok(());
        }
        let line = Line::parse(text).map_err(altered)?;
        self.hash.update(text.as_bytes());
        let place = (line.stage, line.key.clone(), line.upload_id.clone());
        if let Some(last) = &self.last
            && *last >= place
        {
            let what = if *last == place { "it is there twice" } else { "it is not in its order" };
            return Err(altered(what.into()));
        }
        self.last = Some(place);
        self.deletions += 1;
        // Whoever adds up what is shown must not come beyond what a number can hold.
        let bytes = self.bytes.checked_add(line.evidence.size);
        self.bytes = bytes.ok_or_else(|| Unsound::Altered(format!("line {number}: no storage holds so many bytes")))?;
        see(line);
        Ok(())
    }

    /// Ends, and compares everything that was seen with the seal.
    ///
    /// # Errors
    /// If there is no seal, or it is not that of what came before.
    pub fn finish(self) -> Result<Sealed, Unsound> {
        if self.lines == 0 && self.begun.is_empty() {
            return Err(Unsound::Torn("there is nothing in it".into()));
        }
        if !self.begun.is_empty() {
            return Err(Unsound::Torn(format!("it ends within line {}", self.lines + 1)));
        }
        let (Some(header), Some(seal)) = (self.header, self.sealed) else {
            return Err(Unsound::Torn(format!("it ends after line {}, without a seal", self.lines)));
        };
        let seen = Totals {
            deletions: self.deletions,
            bytes: self.bytes,
            sha256: Digest::Sha256(self.hash.finalize().into()).hex(),
        };
        if seen != seal {
            let what = if seen.deletions == seal.deletions {
                "what stands in it is not what was sealed".to_owned()
            } else {
                format!("it has {} deletions, and {} were sealed", seen.deletions, seal.deletions)
            };
            return Err(Unsound::Altered(what));
        }
        Ok(Sealed { header, deletions: seen.deletions, bytes: seen.bytes, sha256: seen.sha256 })
    }
}

fn header(text: &str) -> Result<Header, Unsound> {
    Header::parse(text).map_err(|why| match why {
        NotAHeader::Foreign => Unsound::Unknown("it is no plan: its first line is no plan's header".into()),
        NotAHeader::Schema(schema) => {
            let schema = shortened(&schema);
            Unsound::Unknown(format!("its schema is {schema:?}, and this version of regsweep reads {SCHEMA}"))
        }
        NotAHeader::Wrong(why, version) => Unsound::Unknown(format!(
            "its header is not understood: {} (regsweep {} made it; this is {})",
            shortened(&why),
            shortened(&version),
            env!("CARGO_PKG_VERSION")
        )),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::header::tests::header as any_header;
    use super::super::line::tests::deletion;
    use super::super::write::seal;
    use super::*;
    use crate::collect::plan::{Deletion, Plan};
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use std::sync::LazyLock;

    fn sealed(header: &Header, deletions: Vec<Deletion>) -> Vec<u8> {
        let mut file = Vec::new();
        let written: Result<(), _> = seal(header, &Plan::new(deletions.into()), |line| {
            file.extend_from_slice(line.as_bytes());
            Ok::<(), std::convert::Infallible>(())
        });
        written.unwrap();
        file
    }

    fn read_in(pieces: usize, file: &[u8]) -> Result<(Sealed, Vec<Line>), Unsound> {
        let (mut reader, mut lines) = (Reader::new(), Vec::new());
        for piece in file.chunks(pieces) {
            reader.take(piece, |line| lines.push(line))?;
        }
        Ok((reader.finish()?, lines))
    }

    fn read(file: &[u8]) -> Result<(Sealed, Vec<Line>), Unsound> {
        read_in(8192, file)
    }

    /// A plan of a few lines, always the same.
    fn sample() -> Vec<u8> {
        static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let mut runner = proptest::test_runner::TestRunner::deterministic();
            let deletions = proptest::collection::vec(deletion(), 6).new_tree(&mut runner).unwrap().current();
            let header = any_header().new_tree(&mut runner).unwrap().current();
            sealed(&header, deletions)
        });
        SAMPLE.clone()
    }

    fn lines_of(file: &[u8]) -> Vec<&[u8]> {
        file.split_inclusive(|byte| *byte == b'\n').collect()
    }

    proptest! {
        #[test]
        fn plan_reads_back_as_it_was_sealed(
            header in any_header(),
            deletions in proptest::collection::vec(deletion(), 0..9),
            pieces in 1..200_usize,
        ) {
            let plan = Plan::new(deletions.clone().into());
            let (sealed, lines) = read_in(pieces, &sealed(&header, deletions)).unwrap();
            prop_assert_eq!(sealed.deletions, plan.deletions().len() as u64);
            prop_assert_eq!(sealed.bytes, plan.bytes());
            let what = |line: &Line| (line.key.clone(), line.upload_id.clone());
            let planned = plan.deletions().iter().map(|deletion| (deletion.key.as_str().into(), deletion.upload_id.clone()));
            let mut keys: Vec<_> = planned.collect();
            let mut read: Vec<_> = lines.iter().map(what).collect();
            keys.sort_unstable();
            read.sort_unstable();
            prop_assert_eq!(keys, read);
            for line in &lines {
                let planned = plan.deletions().iter().find(|it| it.what() == (&line.key, line.upload_id.as_deref())).unwrap();
                prop_assert!(planned.evidence == line.evidence && planned.reason == line.reason);
            }
        }

        #[test]
        fn any_bytes_are_an_error_and_no_panic(bytes: Vec<u8>, at in 0..4000_usize) {
            prop_assert!(read(&bytes).is_err());
            let mut mixed = sample();
            let at = at % mixed.len();
            mixed.splice(at..at, bytes.iter().copied());
            prop_assert!(bytes.is_empty() || read(&mixed).is_err());
        }

        #[test]
        fn one_changed_bit_is_seen(at in 0..8 * 4000_usize) {
            let mut file = sample();
            let at = at % (8 * file.len());
            file[at / 8] ^= 1 << (at % 8);
            prop_assert!(read(&file).is_err());
        }
    }

    #[test]
    fn plan_that_is_cut_off_anywhere_is_torn() {
        let file = sample();
        assert!(read(&file).is_ok());
        for end in 0..file.len() {
            let error = read(&file[..end]).unwrap_err();
            assert!(matches!(error, Unsound::Torn(_)), "cut off at {end}: {error}");
        }
    }

    #[test]
    fn line_that_is_missing_moved_or_doubled_is_seen() {
        let file = sample();
        let lines = lines_of(&file);
        let altered = |lines: &[&[u8]], word: &str| match read(&lines.concat()).unwrap_err() {
            Unsound::Altered(why) => assert!(why.contains(word), "{why}"),
            other => assert_eq!(other, Unsound::Altered(String::new())),
        };
        for at in 1..lines.len() - 1 {
            let mut less = lines.clone();
            less.remove(at);
            altered(&less, "deletions, and");
            let mut doubled = lines.clone();
            doubled.insert(at, lines[at]);
            altered(&doubled, "it is there twice");
        }
        for at in 1..lines.len() - 2 {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            altered(&swapped, "it is not in its order");
        }
        altered(&[&lines[..], &[b"\n"]].concat(), "behind its seal");
        altered(&[&lines[..], &lines[..]].concat(), "behind its seal");
        let loose = String::from_utf8(lines[lines.len() - 1].to_vec()).unwrap().replace(",\"bytes\"", ", \"bytes\"");
        altered(&[&lines[..lines.len() - 1], &[loose.as_bytes()]].concat(), "not as it was written");
    }

    #[test]
    fn each_kind_of_foreign_file_has_its_word() {
        let told = |file: &[u8]| read(file).unwrap_err().to_string();
        assert!(told(b"").contains("nothing in it"));
        assert!(told(b"version: 0.1\n").contains("it is no plan"));
        assert!(told(b"\xff\xfe\n").contains("it is no plan"));
        let other = String::from_utf8(sample()).unwrap().replace("regsweep.plan/1", "regsweep.plan/2");
        assert!(told(other.as_bytes()).contains("regsweep.plan/2"));
        let newer = String::from_utf8(sample()).unwrap().replacen("\"defer\"", "\"keep_signed\":true,\"defer\"", 1);
        assert!(told(newer.as_bytes()).contains("keep_signed"));
    }

    #[test]
    fn reason_is_short_whatever_the_file_is() {
        let long = "x".repeat(1 << 20);
        let head = String::from_utf8(lines_of(&sample())[0].to_vec()).unwrap();
        let second = format!("{head}{{\"{}\":1}}\n", &long[..LARGEST_LINE / 2]);
        for file in [
            head.replace("regsweep.plan/1", &format!("regsweep.plan/{long}")),
            head.replacen('{', &format!("{{\"{long}\":1,"), 1),
            second,
        ] {
            let error = read(file.as_bytes()).unwrap_err().to_string();
            assert!(error.len() < 800, "{}", error.len());
        }
    }

    #[test]
    fn sizes_that_no_number_holds_are_no_sizes() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let header = any_header().new_tree(&mut runner).unwrap().current();
        let large = |key: &str| {
            let digest = Digest::of(key.as_bytes());
            let mut line: serde_json::Value = serde_json::json!({"stage": "blob", "repository": null, "etag": null});
            line["key"] = crate::layout::blob_data(&digest).into();
            line["digest"] = digest.to_string().into();
            line["size"] = u64::MAX.into();
            line["last_modified"] = "2026-01-01T00:00:00Z".into();
            line["reason"] = "unreferenced_blob".into();
            line.to_string() + "\n"
        };
        let mut lines = [large("a"), large("b")];
        lines.sort();
        let mut reader = Reader::new();
        reader.take((header.to_json() + "\n").as_bytes(), |_| {}).unwrap();
        let mut seen = 0;
        let error = reader.take(lines.concat().as_bytes(), |_| seen += 1).unwrap_err();
        assert!(error.to_string().contains("no storage holds"), "{error}");
        assert_eq!(seen, 1);
    }

    #[test]
    fn endless_line_is_not_read_to_its_end() {
        let mut reader = Reader::new();
        let piece = vec![b'x'; 1 << 20];
        let failed = (0..1000).find(|_| reader.take(&piece, |_| {}).is_err()).unwrap();
        assert!(failed <= LARGEST_HEADER >> 20, "the header");
        let mut reader = Reader::new();
        reader.take(lines_of(&sample())[0], |_| {}).unwrap();
        let error = reader.take(&vec![b'x'; LARGEST_LINE + 1], |_| {}).unwrap_err().to_string();
        assert!(error.starts_with("line 2 has more than 65536 bytes"), "any other line: {error}");
        assert!(reader.begun.is_empty());
    }
}
