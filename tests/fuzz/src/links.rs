//! Digests, what links hold, and times: a link names what the registry would read in it, and besides that never less than
//! its key says.

use regsweep::collect::entry::Entry;
use regsweep::collect::inventory::{Content, Inventory, Target};
use regsweep::collect::learn::ToRead;
use regsweep::collect::listing::{Builder, Proof};
use regsweep::collect::problem::ProblemCode;
use regsweep::layout;
use regsweep::model::{Algorithm, Digest, RepositoryName, Tag, Timestamp};
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_days(20_000);
const OLD: Timestamp = Timestamp::from_days(1);

/// Any bytes as the content of every kind of link, and of the file with an upload's start time.
pub fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        digest(text);
        time(text);
    }
    link(data);
    tag(data);
    upload(data);
}

/// The digest that a text is, told without the library's own eyes.
fn plainly(text: &str) -> Option<&str> {
    let (algorithm, hex) = text.split_at_checked(7)?;
    let digits = match algorithm {
        "sha256:" => 64,
        "sha384:" => 96,
        "sha512:" => 128,
        _ => return None,
    };
    let is_hex = hex.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    (hex.len() == digits && is_hex).then_some(text)
}

fn digest(text: &str) {
    let parsed: Option<Digest> = text.parse().ok();
    assert_eq!(parsed.as_ref().map(ToString::to_string).as_deref(), plainly(text));
    if let Some(digest) = parsed {
        assert_eq!(Digest::from_parts(digest.algorithm().name(), &digest.hex()), Ok(digest.clone()));
        assert_eq!(digest.bytes().len() * 2, digest.hex().len());
        let is_usual = digest.algorithm() == Algorithm::Sha256;
        assert_eq!(is_usual, text.len() as u64 == layout::SHA256_LINK_SIZE);
    }
}

fn time(text: &str) {
    for time in [Timestamp::parse_rfc3339(text), Timestamp::parse_http(text)].into_iter().flatten() {
        assert_eq!(Timestamp::parse_rfc3339(&time.to_rfc3339()), Some(time));
        assert!(!time.to_compact().is_empty() && !time.to_minute().is_empty());
        assert!(time.age(NOW).is_zero() || NOW.age(time).is_zero());
    }
}

fn name() -> RepositoryName {
    RepositoryName::new("a").unwrap()
}

/// What was listed, and what of it is to be read.
type Listed = (Inventory, Vec<ToRead>);

fn listed(keys: &[String], limit: Option<Duration>) -> Listed {
    let mut builder = Builder::new(Proof { etags: true, cheap_reads: true });
    for key in keys {
        builder.see(&Entry { key, size: 71, modified: OLD, etag: None, outside: false });
    }
    let inventory = builder.finish();
    let to_read = inventory.to_read(NOW, limit);
    assert_eq!(to_read.len(), 1);
    (inventory, to_read)
}

fn learn((inventory, to_read): &Listed, data: &[u8]) -> Inventory {
    let mut inventory = inventory.clone();
    for read in to_read {
        inventory.learn(read, Some(data));
    }
    inventory
}

/// The digest that the content is, exactly and but for white space.
fn named_in(data: &[u8]) -> [Option<Digest>; 2] {
    let text = std::str::from_utf8(data).unwrap_or_default();
    [text, text.trim()].map(|text| plainly(text).map(|text| text.parse().unwrap()))
}

/// Links of both kinds to digests of two.
static LINKS: LazyLock<Vec<(Digest, Listed)>> = LazyLock::new(|| {
    let digests = [Digest::of(b"1"), Digest::from_parts("sha512", &"0f".repeat(64)).unwrap()];
    let keys = |digest: &Digest| [layout::revision_link(&name(), digest), layout::layer_link(&name(), digest)];
    let each = |digest: Digest| keys(&digest).map(|key| (digest.clone(), listed(&[key], None)));
    digests.into_iter().flat_map(each).collect()
});

fn link(data: &[u8]) {
    let [strict, lenient] = named_in(data);
    for (named, listed) in &*LINKS {
        let inventory = learn(listed, data);
        let repository = &inventory.repositories[0];
        let link = repository.revisions.iter().next().or_else(|| repository.layers.iter().next()).unwrap();
        let expected = match &lenient {
            Some(digest) if digest == named => Content::AsNamed,
            Some(digest) => Content::Other(digest.clone()),
            None => Content::Unreadable,
        };
        assert_eq!(*link.content(), expected);
        assert_eq!(repository.damaged, lenient.is_none() && named.algorithm() != Algorithm::Sha256);
        assert_eq!(inventory.problems.count(ProblemCode::UnreadableLink), u64::from(strict.is_none()));
        assert!(inventory.to_read(NOW, None).is_empty(), "it is read once");
        for digest in lenient.iter().chain([named]) {
            assert!(inventory.pointers_to(&HashSet::from([digest])).next().is_some(), "{digest} is not pointed to");
        }
    }
}

static TAG: LazyLock<Listed> = LazyLock::new(|| listed(&[layout::tag_current(&name(), &Tag::new("t").unwrap())], None));

fn tag(data: &[u8]) {
    let [strict, lenient] = named_in(data);
    let inventory = learn(&TAG, data);
    let current = inventory.repositories[0].tags.get("t").unwrap().current.unwrap();
    let is_unreadable = strict.is_none();
    assert_eq!(current.target, strict.map_or(Target::Unreadable(lenient.clone()), Target::Digest));
    assert_eq!(inventory.problems.count(ProblemCode::UnreadableTag), u64::from(is_unreadable));
    if let Some(digest) = &lenient {
        assert!(inventory.pointers_to(&HashSet::from([digest])).next().is_some(), "{digest} is not pointed to");
    }
}

static UPLOAD: LazyLock<Listed> = LazyLock::new(|| {
    let all = layout::upload(&name(), "0f8fad5b-d9cb-469f-a165-70867728950e");
    listed(&[format!("{all}data"), format!("{all}startedat")], Some(Duration::ZERO))
});

fn upload(data: &[u8]) {
    let inventory = learn(&UPLOAD, data);
    let newest = inventory.repositories[0].uploads.values().next().unwrap().newest();
    assert!(newest >= Some(OLD), "older than its files");
    let started = std::str::from_utf8(data).ok().and_then(|text| Timestamp::parse_rfc3339(text.trim()));
    assert_eq!(newest, started.max(Some(OLD)));
}
