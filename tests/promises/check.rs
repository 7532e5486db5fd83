//! Runs a collection and checks what every collection promises.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tempfile::TempDir;

use crate::lab::manifests::Image;
use crate::lab::pull::{assert_tags_unharmed, pull_all_revisions};
use crate::lab::registry::{RegistryBuilder, blob_key, layer_key, revision_key};
use crate::lab::tree::{Tree, read_dir, removed};
use crate::tool::{Ran, regsweep};

/// A registry below a directory that goes with the test.
#[must_use]
pub fn written(registry: &RegistryBuilder) -> TempDir {
    let directory = TempDir::new().unwrap();
    registry.write_to(directory.path());
    directory
}

/// Runs `gc --format json ARGUMENTS DIRECTORY`.
pub fn gc(arguments: &[&str], directory: &Path) -> Ran {
    let all = ["gc", "--format", "json"].iter().chain(arguments).copied();
    regsweep(all.chain([directory.to_str().unwrap()]))
}

/// What a collection came to.
pub struct Swept {
    /// The run.
    pub ran: Ran,
    /// The registry before it.
    pub before: Tree,
    /// The registry after it.
    pub after: Tree,
}

/// Collects a registry offline.
#[track_caller]
pub fn sweep(registry: &RegistryBuilder, arguments: &[&str]) -> Swept {
    sweep_directory(written(registry).path(), arguments)
}

/// Collects a registry in a directory offline: looks first, then acts, then acts again. What it does is done with what the
/// look has left to remember of manifests, and the last without.
#[track_caller]
pub fn sweep_directory(directory: &Path, arguments: &[&str]) -> Swept {
    let arguments = [&["--offline"], arguments].concat();
    let before = read_dir(directory);
    let cache = TempDir::new().unwrap();
    let remembering = [&arguments[..], &["--cache-dir", cache.path().to_str().unwrap()]].concat();
    let looked = gc(&[&remembering[..], &["-d"]].concat(), directory).expect(0);
    assert!(before == read_dir(directory), "a dry run changed something: {looked:#?}");

    let ran = gc(&remembering, directory).expect(0);
    let after = read_dir(directory);
    assert_eq!(looked.json()["planned"], ran.json()["planned"], "a dry run told something else");
    assert_tags_unharmed(&before, &after, &format!("{arguments:?}"));
    if !arguments.contains(&"-m") {
        assert_eq!(pull_all_revisions(&before), pull_all_revisions(&after), "without -m every manifest stays");
    }
    let kept = |(key, entry): (&String, &crate::lab::tree::Entry)| before.get(key) == Some(entry);
    assert!(after.iter().all(kept), "a collection wrote something");
    assert_honest(&ran, &before, &after);

    let again = gc(&arguments, directory).expect(0);
    assert!(after == read_dir(directory), "a second run changed something: {again:#?}");
    assert_eq!(again.count("/planned_bytes"), 0, "{again:#?}");
    Swept { ran, before, after }
}

/// The report's numbers are those of the directory.
fn assert_honest(ran: &Ran, before: &Tree, after: &Tree) {
    let gone = removed(before, after);
    // Old signature links go with their manifest and are not counted by themselves.
    let counted = || gone.iter().filter(|key| !key.contains("/signatures/"));
    let count = |part: &str| counted().filter(|key| key.contains(part)).count() as u64;
    for (pointer, part) in [
        ("/deleted/tags", "/current/link"),
        ("/deleted/tag_history", "/index/"),
        ("/deleted/manifests", "/_manifests/revisions/"),
        ("/deleted/layer_links", "/_layers/"),
        ("/deleted/blobs/count", "/v2/blobs/"),
    ] {
        assert_eq!(ran.count(pointer), count(part), "{pointer} of {gone:#?}");
    }
    assert_eq!(ran.json()["planned"], ran.json()["deleted"]);
    let freed: usize = gone.iter().map(|key| before[key].bytes.len()).sum();
    assert_eq!(ran.count("/bytes/freed"), freed as u64);
    crate::space::assert_adds_up(&ran.json());
}

impl Swept {
    /// Exactly these keys are gone.
    #[track_caller]
    pub fn loses(self, keys: impl IntoIterator<Item = String>) -> Self {
        let expected: BTreeSet<String> = keys.into_iter().collect();
        let gone: BTreeSet<String> = removed(&self.before, &self.after).into_iter().collect();
        let unexpected: Vec<_> = gone.difference(&expected).collect();
        let left: Vec<_> = expected.difference(&gone).collect();
        assert!(unexpected.is_empty() && left.is_empty(), "gone: {unexpected:#?}\nleft: {left:#?}");
        self
    }

    /// Nothing is gone.
    #[track_caller]
    pub fn loses_nothing(self) -> Self {
        self.loses([])
    }

    /// Exactly problems of these codes were reported.
    #[track_caller]
    pub fn reports(self, codes: &[&str]) -> Self {
        let expected: BTreeSet<String> = codes.iter().map(ToString::to_string).collect();
        assert_eq!(self.ran.problems(), expected, "{:#?}", self.ran);
        self
    }

    /// How many keys are left that contain this.
    pub fn left(&self, part: &str) -> usize {
        self.after.keys().filter(|key| key.contains(part)).count()
    }
}

/// Asserts that a run is refused for exactly these reasons and changes nothing; returns the `--allow`s that its report
/// prints.
#[track_caller]
pub fn refused(directory: &Path, arguments: &[&str], codes: &[&str]) -> Vec<String> {
    let before = read_dir(directory);
    for dry in [&["--offline"][..], &["--offline", "-d"]] {
        let ran = gc(&[dry, arguments].concat(), directory).expect(3);
        assert_eq!(ran.refusals(), codes, "{ran:#?}");
        assert!(before == read_dir(directory), "a refused run changed something");
    }
    let ran = gc(&[&["--offline"], arguments].concat(), directory);
    let refusals = ran.json()["refusals"].as_array().unwrap().clone();
    let words = refusals.iter().flat_map(|refusal| refusal["allow"].as_str().unwrap().split(' '));
    words.map(str::to_owned).collect()
}

/// Asserts that a run is refused for exactly these reasons, and collects with the `--allow`s that its report prints.
#[track_caller]
pub fn sweep_in_spite_of(codes: &[&str], registry: &RegistryBuilder, arguments: &[&str]) -> Swept {
    let directory = written(registry);
    let allow = refused(directory.path(), arguments, codes);
    let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
    sweep_directory(directory.path(), &[arguments, &allow].concat())
}

/// Blob keys.
pub fn blobs<S: AsRef<str>>(digests: impl IntoIterator<Item = S>) -> Vec<String> {
    digests.into_iter().map(|digest| blob_key(digest.as_ref())).collect()
}

/// Layer links of a repository.
pub fn links<S: AsRef<str>>(repo: &str, digests: impl IntoIterator<Item = S>) -> Vec<String> {
    digests.into_iter().map(|digest| layer_key(repo, digest.as_ref())).collect()
}

/// All links to an image in a repository: its revision, and the layer links of its config and layers.
pub fn pointers(repo: &str, image: &Image) -> Vec<String> {
    let mut keys = links(repo, image.config.iter().chain(&image.layers));
    keys.push(revision_key(repo, &image.digest));
    keys
}

/// All of an image in a repository: its links and its content.
pub fn whole(repo: &str, image: &Image) -> Vec<String> {
    [pointers(repo, image), blobs(image.all())].concat()
}

/// Something that nothing needs, as every registry has it: a layer without a manifest. Returns its keys.
pub fn rubbish(registry: &mut RegistryBuilder, repo: &str) -> Vec<String> {
    let digest = registry.layer(repo, format!("rubbish in {repo}"));
    vec![layer_key(repo, &digest), blob_key(&digest)]
}

/// A tagged image of three blobs with a name of its own.
pub fn tagged(registry: &mut RegistryBuilder, repo: &str, tag: &str) -> Image {
    let image = untagged(registry, repo, tag);
    registry.tag(repo, tag, &image.digest);
    image
}

/// An untagged image of three blobs with a name of its own.
pub fn untagged(registry: &mut RegistryBuilder, repo: &str, name: &str) -> Image {
    registry.image(repo, &format!("{repo} {name}"), &[&format!("layer of {repo} {name}")])
}

/// With and without `-m`.
pub const BOTH: [&[&str]; 2] = [&[], &["-m"]];

/// How many keys of each repository are gone, by its name.
pub fn lost_by_repository(swept: &Swept) -> BTreeMap<String, usize> {
    let mut lost = BTreeMap::new();
    for key in removed(&swept.before, &swept.after) {
        let of = key.strip_prefix("docker/registry/v2/repositories/").and_then(|rest| rest.split_once("/_"));
        *lost.entry(of.map_or("blobs", |(name, _)| name).to_owned()).or_default() += 1;
    }
    lost
}
