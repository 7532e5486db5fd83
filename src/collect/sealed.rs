//! A plan as a file: a header, a line for each deletion, a seal.
//!
//! The seal (SHA-256 of all before it) guards against accidents, not against an enemy.

use super::plan::{Deletion, Plan};
use crate::model::Digest;
use serde::Serialize;
use sha2::Digest as _;

/// The first line of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct Header {
    /// `regsweep.plan/1`.
    pub schema: &'static str,
    /// Version of regsweep.
    pub version: &'static str,
    /// The run that made it.
    pub run: String,
    /// The command.
    pub command: String,
    /// The registry's storage.
    pub location: String,
    /// `live` or `offline`.
    pub mode: &'static str,
    /// Every option that decided.
    pub options: serde_json::Value,
    /// When it was made, RFC 3339.
    pub created: String,
    /// From when on it is not carried out any more, RFC 3339.
    pub expires: String,
}

#[derive(Serialize)]
struct Line<'a> {
    stage: &'static str,
    key: &'a str,
    digest: Option<String>,
    repository: Option<&'a str>,
    size: u64,
    last_modified: String,
    etag: Option<&'a str>,
    reason: &'static str,
}

#[derive(Serialize)]
struct Seal {
    seal: Totals,
}

#[derive(Serialize)]
struct Totals {
    deletions: u64,
    bytes: u64,
    sha256: String,
}

/// Writes the file, line by line: a plan may be larger than what else is in memory.
///
/// # Errors
/// The first error of `write`.
pub fn seal<E>(header: &Header, plan: &Plan, mut write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let mut hash = sha2::Sha256::new();
    let mut put = |line: String| {
        hash.update(line.as_bytes());
        write(&line)
    };
    put(line(header))?;
    plan.deletions().iter().try_for_each(|deletion| put(line(&Line::from(deletion))))?;
    let sha256 = Digest::Sha256(hash.finalize().into()).hex();
    let deletions = plan.deletions().len() as u64;
    write(&line(&Seal { seal: Totals { deletions, bytes: plan.bytes(), sha256 } }))
}

fn line(value: &impl Serialize) -> String {
    // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

impl<'a> From<&'a Deletion> for Line<'a> {
    fn from(deletion: &'a Deletion) -> Self {
        Self {
            stage: deletion.stage.name(),
            key: &deletion.key,
            digest: deletion.digest.as_ref().map(Digest::to_string),
            repository: deletion.repository.as_ref().map(|(_, name)| name.as_str()),
            size: deletion.evidence.size,
            last_modified: deletion.evidence.modified.to_rfc3339(),
            etag: deletion.evidence.etag.as_deref(),
            reason: deletion.reason.name(),
        }
    }
}
