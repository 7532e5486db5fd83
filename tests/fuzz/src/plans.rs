//! Sealed plans: what is taken for one reads back as it was, in pieces of any size, and deletes nothing but keys of the
//! shapes that a run deletes.

use super::text;
use regsweep::collect::options::Options;
use regsweep::collect::plan::{Deletion, Plan, Stage};
use regsweep::collect::sealed::summary::Summary;
use regsweep::collect::sealed::write::NotSealed;
use regsweep::collect::sealed::{Header, Line, Place, Reader, Sealed, Unsound, seal};
use regsweep::layout::{self, StorageKey};
use regsweep::model::{Digest, RepositoryName, Timestamp};
use std::convert::Infallible;

const NOW: Timestamp = Timestamp::from_days(20_000);

/// Any bytes as a plan; and as the lines of one, to which the right seal is put.
pub fn check(data: &[u8]) {
    match read(data, data.len().max(1)) {
        Ok((sealed, lines)) => accepted(&sealed, &lines),
        Err(why) => refused(&why),
    }
    match read(&with_seal(data), 7) {
        Ok((sealed, lines)) => accepted(&sealed, &lines),
        Err(why) => refused(&why),
    }
}

fn refused(why: &Unsound) {
    text::is_for_people(&why.to_string());
    assert!(!why.code().name().is_empty());
}

fn read(bytes: &[u8], piece: usize) -> Result<(Sealed, Vec<Line>), Unsound> {
    let mut reader = Reader::new();
    let mut lines = Vec::new();
    bytes.chunks(piece).try_for_each(|piece| reader.take(piece, |line| lines.push(line)))?;
    Ok((reader.finish()?, lines))
}

/// The bytes as all that is before a seal, and the seal that is theirs.
fn with_seal(data: &[u8]) -> Vec<u8> {
    let mut body = data.to_vec();
    if body.last() != Some(&b'\n') {
        body.push(b'\n');
    }
    let mut reader = Reader::new();
    let (mut deletions, mut bytes) = (0_u64, 0_u64);
    let _ = reader.take(&body, |line| {
        deletions += 1;
        bytes = bytes.saturating_add(line.evidence.size);
    });
    let sha256 = Digest::of(&body).hex();
    let seal = format!("{{\"seal\":{{\"deletions\":{deletions},\"bytes\":{bytes},\"sha256\":\"{sha256}\"}}}}\n");
    body.extend_from_slice(seal.as_bytes());
    body
}

fn accepted(sealed: &Sealed, lines: &[Line]) {
    lines.iter().for_each(fits);
    let plan = Plan::new(lines.iter().map(deletion).collect());
    assert_eq!(plan.deletions().len(), lines.len(), "a key is there twice");
    assert_eq!((sealed.deletions, sealed.bytes), (lines.len() as u64, plan.bytes()));
    let written = written(&sealed.header, &plan).unwrap();
    let (again, same) = read(&written, 64).unwrap();
    assert_eq!(lines, same);
    assert_eq!(written, self::written(&again.header, &plan).unwrap(), "sealed anew it is another");
    assert!(read(&written[..text::place(&written)], written.len()).is_err());
    let mut altered = written;
    let place = text::place(&altered);
    altered[place] ^= 1;
    assert!(read(&altered, altered.len()).is_err(), "a changed bit at {place} is not seen");
    let mut summary = Summary::default();
    for line in lines {
        summary.see(line);
    }
    let report = summary.finish("plan", sealed, &[], NOW);
    assert_eq!(report.planned_bytes, sealed.bytes);
}

/// The key is one that a run deletes, and the line says of it what it says itself.
fn fits(line: &Line) {
    assert!(!layout::is_unaddressable(&line.key), "{:?}", line.key);
    let (stage, repository, digest) = match StorageKey::parse(&line.key) {
        StorageKey::Blob(digest) => (Stage::Blob, None, Some(digest)),
        StorageKey::LayerLink { repository, digest } => (Stage::LayerLink, Some(repository), Some(digest)),
        StorageKey::RevisionLink { repository, digest } => (Stage::Revision, Some(repository), Some(digest)),
        StorageKey::SignatureLink { repository, signature, .. } => (Stage::Revision, Some(repository), Some(signature)),
        StorageKey::TagHistory { repository, digest, .. } => (Stage::TagHistory, Some(repository), Some(digest)),
        // What it names stands in the link.
        StorageKey::TagCurrent { repository, .. } => (Stage::Tag, Some(repository), line.digest.clone()),
        StorageKey::Upload { repository, .. } => (Stage::Upload, Some(repository), None),
        StorageKey::Suspect { .. } | StorageKey::Unrecognized => panic!("{:?} is nobody's", line.key),
    };
    // Of parts nobody knows the digest.
    let (stage, digest) = if line.upload_id.is_some() { (Stage::Upload, None) } else { (stage, digest) };
    let said = (line.stage, line.repository.as_ref().map(RepositoryName::as_str), &line.digest);
    assert_eq!(said, (stage, repository, &digest), "{:?}", line.key);
}

fn deletion(line: &Line) -> Deletion {
    Deletion {
        stage: line.stage,
        key: line.key.to_string(),
        upload_id: line.upload_id.clone(),
        digest: line.digest.clone(),
        alias: None,
        repository: line.repository.clone().map(|name| (0, name)),
        evidence: line.evidence.clone(),
        reason: line.reason,
        rule: line.rule.as_deref().map(Into::into),
        level: 0,
    }
}

fn written(header: &Header, plan: &Plan) -> Result<Vec<u8>, NotSealed<Infallible>> {
    let mut written = Vec::new();
    seal(header, plan, |text| {
        written.extend_from_slice(text.as_bytes());
        Ok(())
    })?;
    Ok(written)
}

/// What a run may plan can be sealed and read back.
pub fn reads_back(options: Options, plan: &Plan) {
    let header = Header {
        version: "0".into(),
        run: "run".into(),
        command: "garbage-collect".into(),
        location: "/".into(),
        place: Place::default(),
        named: None,
        options,
        created: NOW,
        cautions: Vec::new(),
    };
    let Ok(written) = written(&header, plan) else { return };
    let mut sizes = plan.deletions().iter().map(|deletion| deletion.evidence.size);
    let is_possible = sizes.try_fold(0, u64::checked_add).is_some();
    let read = read(&written, 97);
    assert_eq!(read.is_ok(), is_possible, "{:?}", read.err());
    let Ok((_, lines)) = read else { return };
    let mut keys: Vec<String> = plan.deletions().iter().map(|deletion| deletion.key).collect();
    let mut read: Vec<&str> = lines.iter().map(|line| &*line.key).collect();
    keys.sort_unstable();
    read.sort_unstable();
    assert_eq!(keys, read);
}
