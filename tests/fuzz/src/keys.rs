//! Keys, of the registry and of regsweep's own: what is understood can be written again, letter for letter, and what may
//! keep something alive is never passed over.

use regsweep::layout::{self, BLOBS, REPOSITORIES, StorageKey, state};
use regsweep::model::{Digest, RepositoryName, Tag};

/// Any text as a key, as the end of one, and as the names in one.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for before in ["", BLOBS, REPOSITORIES, state::ROOT] {
        let key = format!("{before}{text}");
        of_registry(&key);
        own(&key);
    }
    named(&text);
}

/// One key of the registry's storage.
pub fn of_registry(key: &str) {
    let parsed = StorageKey::parse(key);
    if let Some(written) = written(&parsed) {
        assert_eq!(written, key, "it is another key than it was taken for");
        assert!(!layout::is_unaddressable(key), "{key:?}");
    }
    let directory = layout::own_directory(key);
    match &parsed {
        StorageKey::Upload { repository, upload, is_start } => {
            let all = layout::upload(&name(repository), upload);
            let file = key.strip_prefix(&all);
            assert_eq!(*is_start, file == Some("startedat"));
            assert!(file.is_some() && directory.map(|directory| format!("{directory}/")) == Some(all));
        }
        StorageKey::Suspect { place, digest } => {
            let rest = key.strip_prefix(REPOSITORIES);
            assert!(rest.is_some_and(|rest| rest.starts_with(place)) && key.ends_with("/link"));
            let ends = |digest: &Digest| key.ends_with(&format!("{}/{}/link", digest.algorithm().name(), digest.hex()));
            assert!(digest.as_ref().is_none_or(ends));
            assert_eq!(directory, None);
        }
        StorageKey::Unrecognized => {
            let rest = key.strip_prefix(REPOSITORIES);
            assert!(!rest.is_some_and(|rest| rest.ends_with("/link")), "a link that keeps nothing alive: {key:?}");
            assert_eq!(directory, None);
        }
        _ => assert_eq!(directory, key.strip_suffix("/link").or_else(|| key.strip_suffix("/data"))),
    }
}

fn name(text: &str) -> RepositoryName {
    RepositoryName::new(text).unwrap()
}

/// The key of what a key was taken for, where there is only one.
fn written(key: &StorageKey<'_>) -> Option<String> {
    Some(match key {
        StorageKey::Blob(digest) => layout::blob_data(digest),
        StorageKey::LayerLink { repository, digest } => layout::layer_link(&name(repository), digest),
        StorageKey::RevisionLink { repository, digest } => layout::revision_link(&name(repository), digest),
        StorageKey::SignatureLink { repository, revision, signature } => {
            layout::signature_link(&name(repository), revision, signature)
        }
        StorageKey::TagCurrent { repository, tag } => layout::tag_current(&name(repository), &Tag::new(tag).unwrap()),
        StorageKey::TagHistory { repository, tag, digest } => {
            layout::tag_history(&name(repository), &Tag::new(tag).unwrap(), digest)
        }
        StorageKey::Upload { .. } | StorageKey::Suspect { .. } | StorageKey::Unrecognized => return None,
    })
}

/// One key of what regsweep keeps for itself: none is in the registry's part, and none leads to another place.
pub fn own(key: &str) {
    use state::StateKey;
    let parsed = state::StateKey::parse(key);
    let written = match &parsed {
        StateKey::Lease => state::LEASE.to_owned(),
        StateKey::Pending => state::PENDING.to_owned(),
        StateKey::Journal { run, part } => state::journal(run, *part),
        StateKey::Done { run } => state::done(run),
        StateKey::Aside { run, digest } => state::aside(run, digest),
        StateKey::Probe | StateKey::Draft | StateKey::Unrecognized => key.to_owned(),
    };
    assert_eq!(written, key, "it is another key than it was taken for");
    let directory = state::own_directory(key);
    if parsed == StateKey::Unrecognized {
        assert_eq!(directory, None);
        return;
    }
    assert_eq!(StorageKey::parse(key), StorageKey::Unrecognized, "the registry's own");
    assert!(key.starts_with(state::ROOT) && !layout::is_unaddressable(key), "{key:?}");
    let is_above = |directory: &String| key.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    assert!(directory.as_ref().is_none_or(is_above), "{key:?}, {directory:?}");
}

/// The text as names of a repository, a tag and a run, one on each line: what is built of them is understood.
fn named(text: &str) {
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (repository, tag, run) = (next(), next(), next());
    let digest = Digest::of(text.as_bytes());
    let long = Digest::from_parts("sha512", &digest.hex().repeat(2)).unwrap();
    if let Some(name) = RepositoryName::new(repository) {
        assert!(name.as_str().len() <= 255 && !layout::is_unaddressable(name.as_str()), "{name}");
        let of = |key: String, expected: StorageKey<'_>| assert_eq!(StorageKey::parse(&key), expected);
        for digest in [&digest, &long] {
            let link = || digest.clone();
            of(layout::layer_link(&name, digest), StorageKey::LayerLink { repository, digest: link() });
            of(layout::revision_link(&name, digest), StorageKey::RevisionLink { repository, digest: link() });
            let signature = StorageKey::SignatureLink { repository, revision: link(), signature: long.clone() };
            of(layout::signature_link(&name, digest, &long), signature);
        }
        if let Some(valid) = Tag::new(tag) {
            of(layout::tag_current(&name, &valid), StorageKey::TagCurrent { repository, tag });
            let history = StorageKey::TagHistory { repository, tag, digest: digest.clone() };
            of(layout::tag_history(&name, &valid, &digest), history);
        }
        assert!(!layout::repository(&name).is_empty());
    }
    if state::is_run(run) {
        let key = state::aside(run, &long);
        assert_eq!(state::StateKey::parse(&key), state::StateKey::Aside { run, digest: long });
        let key = state::journal(run, 7);
        assert_eq!(state::StateKey::parse(&key), state::StateKey::Journal { run, part: 7 });
    }
}
