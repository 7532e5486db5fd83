//! What must hold of a registry after any run, however it ended.
#![allow(dead_code, reason = "several test programs share it")]

use std::collections::BTreeSet;

use super::lab::pull::{assert_tags_unharmed, pull_all_revisions, referrers};
use super::lab::registry::{ROOT, blob_key, revision_key};
use super::lab::tree::{Tree, removed};

/// Nothing that was pulled is lost, nothing goes while a pointer to it stays, nothing outside the plan goes.
#[track_caller]
pub fn assert_whole(before: &Tree, after: &Tree, planned: &BTreeSet<String>, context: &str) {
    assert_tags_unharmed(before, after, context);
    let unplanned: Vec<_> = removed(before, after).into_iter().filter(|key| !planned.contains(key)).collect();
    assert!(unplanned.is_empty(), "{context}: not in the plan, but gone: {unplanned:#?}");
    // Every revision that is still there pulls what it did: its children, its config, its layers stayed with it.
    let revisions = pull_all_revisions(before);
    for (revision, pulled) in pull_all_revisions(after) {
        assert_eq!(pulled, revisions[&revision], "{context}: {revision:?} stayed and lost something");
    }
    for (key, entry) in after {
        let text = std::str::from_utf8(&entry.bytes).unwrap_or_default();
        let is_link = key.starts_with(&format!("{ROOT}/repositories/")) && key.ends_with("/link");
        if is_link && text.starts_with("sha256:") {
            let data = blob_key(text);
            let lost = before.contains_key(&data) && !after.contains_key(&data);
            assert!(!lost, "{context}: {key} stayed, its data went");
            assert_revision_of(before, key, text, after, context);
        }
    }
    // Referrers go after what they refer to.
    for ((repo, digest), _) in revisions {
        let key = revision_key(&repo, &digest);
        if after.contains_key(&key) {
            for referrer in referrers(before, &repo, &digest) {
                let link = revision_key(&repo, &referrer);
                assert!(after.contains_key(&link), "{context}: {key} stayed, its referrer {referrer} went");
            }
        }
    }
}

/// An entry in a tag's history that stays keeps the revision that it names.
#[track_caller]
fn assert_revision_of(before: &Tree, key: &str, digest: &str, after: &Tree, context: &str) {
    let Some((repository, _)) = key.split_once("/_manifests/tags/") else { return };
    let repository = repository.strip_prefix(&format!("{ROOT}/repositories/")).unwrap();
    let link = revision_key(repository, digest);
    let lost = before.contains_key(&link) && !after.contains_key(&link);
    assert!(!lost, "{context}: {key} stayed, its revision went");
}
