//! Seals a plan.

use super::header::Header;
use super::line;
use super::read::{LARGEST_HEADER, LARGEST_LINE};
use crate::collect::plan::Plan;
use crate::model::Digest;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    pub(super) seal: Totals,
}

/// What all lines before come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Totals {
    pub(super) deletions: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Seal {
    /// Its JSON, on one line, with the line's end: without that, the file may have been cut off.
    pub(super) fn to_line(&self) -> String {
        // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// Why a plan was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum NotSealed<E> {
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] E),
    /// It could not be read back: a line is longer than any that is read.
    #[error("{0} is longer than a plan can hold")]
    TooLong(String),
}

/// Writes the file, line by line: a plan may be larger than what else is in memory.
///
/// The lines are in order of stage and key, whatever the order of the run will be: so whoever reads them knows at once
/// that none is there twice.
///
/// # Errors
/// The first error of `write`, or if a line is too long to be read back.
pub fn seal<E>(header: &Header, plan: &Plan, mut write: impl FnMut(&str) -> Result<(), E>) -> Result<(), NotSealed<E>> {
    let mut hash = sha2::Sha256::new();
    let mut put = |line: String| {
        hash.update(line.as_bytes());
        write(&line).map_err(NotSealed::Write)
    };
    put(line_of(header.to_json(), LARGEST_HEADER, || "the list of what to keep".into())?)?;
    for deletion in plan.by_key().map(|number| plan.deletions().get(number)) {
        put(line_of(line::to_json(&deletion), LARGEST_LINE, || deletion.key.clone())?)?;
    }
    let sha256 = Digest::Sha256(hash.finalize().into()).hex();
    let totals = Totals { deletions: plan.deletions().len() as u64, bytes: plan.bytes(), sha256 };
    write(&Seal { seal: totals }.to_line()).map_err(NotSealed::Write)
}

/// A line with its end, if it can be read back.
fn line_of<E>(json: String, longest: usize, what: impl FnOnce() -> String) -> Result<String, NotSealed<E>> {
    let line = json + "\n";
    if line.len() > longest { Err(NotSealed::TooLong(what())) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::decide::DeleteReason;
    use crate::collect::entry::Evidence;
    use crate::collect::plan::{Deletion, Stage};
    use crate::collect::scene::{self, NOW, WRITTEN};
    use crate::collect::sealed::{Place, Reader};

    fn header() -> Header {
        Header {
            version: "0".into(),
            run: "run".into(),
            command: "plan".into(),
            location: "here".into(),
            place: Place::default(),
            named: None,
            options: scene::options(),
            created: NOW,
            cautions: Vec::new(),
        }
    }

    fn one(etag: usize) -> Plan {
        let digest = scene::of("x");
        Plan::new(
            vec![Deletion {
                stage: Stage::Blob,
                key: crate::layout::blob_data(&digest),
                upload_id: None,
                digest: Some(digest),
                alias: None,
                repository: None,
                evidence: Evidence { size: 1, modified: WRITTEN, etag: Some("x".repeat(etag).into()), outside: false },
                reason: DeleteReason::UnreferencedBlob,
                rule: None,
                level: 0,
            }]
            .into(),
        )
    }

    /// What was written, if it was.
    fn sealed(header: &Header, plan: &Plan) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        let written = seal(header, plan, |line| {
            lines.push(line.to_owned());
            Ok::<(), std::convert::Infallible>(())
        });
        written.is_ok().then_some(lines)
    }

    fn is_read(lines: &[String]) -> bool {
        let mut reader = Reader::new();
        reader.take(lines.concat().as_bytes(), |_| {}).is_ok() && reader.finish().is_ok()
    }

    #[test]
    fn longest_line_that_is_written_is_the_longest_that_is_read() {
        let header = header();
        let length = |etag| sealed(&header, &one(etag)).map(|lines| lines[1].len());
        let longest = LARGEST_LINE - length(0).unwrap_or_default();
        assert_eq!(length(longest), Some(LARGEST_LINE));
        assert!(sealed(&header, &one(longest)).is_some_and(|lines| is_read(&lines)));
        assert_eq!(length(longest + 1), None);
        assert_eq!((LARGEST_LINE, LARGEST_HEADER), (65_536, 16_777_216));
    }
}
