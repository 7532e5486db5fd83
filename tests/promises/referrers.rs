//! Signatures, SBOMs and attestations live as long as what they are about.

use crate::check::{BOTH, rubbish, sweep, tagged, untagged, whole};
use crate::lab::registry::{RegistryBuilder, blob_key, revision_key};

const SBOM: &str = "application/spdx+json";

#[test]
fn keeps_untagged_referrer_of_tagged_image() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    registry.referrer("app", &image.digest, SBOM, "an sbom");
    sweep(&registry, &["-m"]).loses_nothing().reports(&[]);
}

#[test]
fn keeps_referrer_of_referrer() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    let sbom = registry.referrer("app", &image.digest, SBOM, "an sbom");
    registry.referrer("app", &sbom.digest, "application/x-signature", "its signature");
    sweep(&registry, &["-m"]).loses_nothing().reports(&[]);
}

/// ghcr-cleanup-action#104: the attestation of a platform's image has neither a tag nor a parent.
#[test]
fn keeps_referrer_of_child_of_tagged_index() {
    let mut registry = RegistryBuilder::new();
    let child = untagged(&mut registry, "app", "amd64");
    let index = registry.index("app", &[&child.digest]);
    registry.tag("app", "latest", &index);
    registry.referrer("app", &child.digest, SBOM, "an sbom");
    sweep(&registry, &["-m"]).loses_nothing().reports(&[]);
}

#[test]
fn keeps_artifact_manifest_with_kept_subject() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    registry.artifact("app", SBOM, &["an sbom"], Some(&image.digest));
    sweep(&registry, &["-m"]).loses_nothing().reports(&[]);
}

#[test]
fn untagged_image_goes_with_its_referrers() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = untagged(&mut registry, "app", "goes");
    let sbom = registry.referrer("app", &image.digest, SBOM, "an sbom");
    sweep(&registry, &["-m"]).loses([whole("app", &image), whole("app", &sbom)].concat());
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn tagged_referrer_does_not_keep_its_subject() {
    let mut registry = RegistryBuilder::new();
    let image = untagged(&mut registry, "app", "goes");
    let sbom = registry.referrer("app", &image.digest, SBOM, "an sbom");
    registry.tag("app", "sbom", &sbom.digest);
    sweep(&registry, &["-m"]).loses(whole("app", &image));
}

#[test]
fn referrer_without_its_subject_is_like_any_other_manifest() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = untagged(&mut registry, "app", "gone");
    let sbom = registry.referrer("app", &image.digest, SBOM, "an sbom");
    for key in whole("app", &image) {
        registry.remove(&key);
    }
    sweep(&registry, &[]).loses_nothing();
    sweep(&registry, &["-m"]).loses(whole("app", &sbom));
}

/// The registry finds referrers only in the repository of their subject.
#[test]
fn referrer_in_another_repository_is_not_kept_by_its_subject() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    tagged(&mut registry, "other", "latest");
    let sbom = registry.referrer("other", &image.digest, SBOM, "an sbom");
    sweep(&registry, &["-m"]).loses(whole("other", &sbom));
}

#[test]
fn cosign_tags_are_tags() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = tagged(&mut registry, "app", "latest");
        for suffix in ["sig", "att", "sbom"] {
            registry.cosign("app", &image.digest, suffix);
        }
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage).reports(&[]);
    }
}

#[test]
fn fallback_tag_keeps_its_referrers_but_not_its_subject() {
    let mut registry = RegistryBuilder::new();
    let image = untagged(&mut registry, "app", "goes");
    let sbom = registry.referrer("app", &image.digest, SBOM, "an sbom");
    let fallback = registry.index("app", &[&sbom.digest]);
    registry.tag("app", &image.digest.replacen(':', "-", 1), &fallback);
    sweep(&registry, &["-m"]).loses(whole("app", &image));
}

/// Registries before 2.5 kept the signatures of schema 1 images as blobs of their own.
#[test]
fn old_signatures_stay_and_go_with_their_manifest() {
    for is_tagged in [true, false] {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "stays");
        let image = registry.schema1_image("app", "old", &["a layer"]);
        let signature = registry.blob("a signature");
        let revision = revision_key("app", &image.digest);
        let link = revision.replace("/link", &format!("/signatures/{}/link", signature.replace(':', "/")));
        registry.raw(&link, signature.clone());
        let goes = if is_tagged {
            registry.tag("app", "old", &image.digest);
            Vec::new()
        } else {
            [whole("app", &image), vec![link, blob_key(&signature)]].concat()
        };
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, &["-m"]).loses([goes, garbage].concat());
    }
}
