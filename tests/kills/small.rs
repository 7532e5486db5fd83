//! A registry with little in it, and garbage of every stage: it is collected some hundred times.

use super::lab::bucket::Bucket;
use super::lab::registry::{Digest, RegistryBuilder};
use super::lab::tree::days_ago;
use super::scene::{LIVE, OTHER, Scene};

/// What is needed: a moved tag, an index, a referrer, and what they share with what is not needed. What is not: the image
/// that the tag named before, an index with a child, a subject with its referrer, a layer, an upload, content.
pub fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    let old = r.image(LIVE, OLD, &["base", "old layer"]);
    let new = r.image(LIVE, "new", &["base"]);
    r.tag(LIVE, "v1", &old.digest).tag(LIVE, "v1", &new.digest);
    let child = r.image(OTHER, "child", &["base"]);
    let index = r.index(OTHER, &[&child.digest]);
    r.tag(OTHER, "multi", &index);
    r.referrer(OTHER, &child.digest, "application/spdx+json", "sbom of what stays");
    let first = r.image(OTHER, FIRST, &["old layer", "dead layer"]);
    r.index(OTHER, &[&first.digest]);
    r.referrer(OTHER, &first.digest, "application/spdx+json", "sbom of what goes");
    r.upload(LIVE, "11111111-2222-4333-a444-555555555555", days_ago(30), "partial");
    r.layer(LIVE, "never named");
    r.blob("orphan");
    r
}

/// A doomed image of [`OTHER`], by its config; it has a referrer, and is in an index.
pub const FIRST: &str = "first";
/// A doomed image of [`LIVE`], by its config; the history of a tag names it.
pub const OLD: &str = "old";

/// The digest of one of them.
pub fn digest_of(repo: &str, name: &str) -> Digest {
    let mut r = registry();
    match name {
        FIRST => r.image(repo, FIRST, &["old layer", "dead layer"]).digest,
        _ => r.image(repo, OLD, &["base", "old layer"]).digest,
    }
}

pub fn s3() -> Scene {
    Scene::with(Bucket::s3("reg"), &registry())
}

pub fn gcs() -> Scene {
    Scene::with(Bucket::gcs("reg"), &registry())
}
