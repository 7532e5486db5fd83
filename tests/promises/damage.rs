//! Damaged links and manifests: contained, reported, never a reason to stop or to lose anything.

use crate::check::{BOTH, Swept, blobs, links, pointers, rubbish, sweep, tagged, untagged, whole};
use crate::lab::manifests::Image;
use crate::lab::registry::{RegistryBuilder, blob_key, layer_key, revision_key};

/// A tagged image `app:latest` that is damaged in this way; `app` keeps all of it, and the neighbour is cleaned.
#[track_caller]
fn contained(damage: impl Fn(&mut RegistryBuilder, &Image), problem: &str) {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = tagged(&mut registry, "app", "latest");
        tagged(&mut registry, "neighbour", "latest");
        let garbage = rubbish(&mut registry, "neighbour");
        damage(&mut registry, &image);
        sweep(&registry, arguments).loses(garbage).reports(&[problem]);
    }
}

#[test]
fn zero_length_revision_link_counts_as_naming_its_key() {
    contained(
        |r, image| {
            r.empty(&revision_key("app", &image.digest));
        },
        "unreadable_link",
    );
}

#[test]
fn revision_link_that_ends_in_a_newline_counts_as_naming_its_key() {
    let newline = |r: &mut RegistryBuilder, image: &Image| {
        r.damage(&revision_key("app", &image.digest), format!("{}\n", image.digest));
    };
    contained(newline, "unreadable_link");
}

#[test]
fn revision_link_of_the_usual_length_but_no_digest_counts_as_naming_its_key() {
    contained(
        |r, image| {
            r.damage(&revision_key("app", &image.digest), "x".repeat(71));
        },
        "unreadable_link",
    );
}

/// The registry's own collector (v3) stops at it.
#[test]
fn zero_length_layer_link_counts_as_naming_its_key() {
    contained(
        |r, image| {
            r.empty(&layer_key("app", &image.layers[0]));
        },
        "unreadable_link",
    );
}

#[test]
fn huge_layer_link_counts_as_naming_its_key() {
    contained(
        |r, image| {
            r.damage(&layer_key("app", &image.layers[0]), vec![b'x'; 1 << 20]);
        },
        "unreadable_link",
    );
}

#[test]
fn zero_length_manifest_keeps_its_repository() {
    contained(
        |r, image| {
            r.empty(&blob_key(&image.digest));
        },
        "unreadable_manifest",
    );
}

#[test]
fn truncated_manifest_keeps_its_repository() {
    contained(
        |r, image| {
            r.truncate(&blob_key(&image.digest));
        },
        "unreadable_manifest",
    );
}

/// Valid JSON that is not what was pushed may have lost references.
#[test]
fn manifest_whose_bytes_do_not_have_its_digest_keeps_its_repository() {
    let other = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    contained(
        |r, image| {
            r.damage(&blob_key(&image.digest), other);
        },
        "unreadable_manifest",
    );
}

#[test]
fn damaged_repository_keeps_all_of_its_own_while_its_neighbour_is_cleaned() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = tagged(&mut registry, "damaged", "latest");
        untagged(&mut registry, "damaged", "untagged");
        rubbish(&mut registry, "damaged");
        registry.tag_history("damaged", "latest", &crate::lab::registry::sha256(b"long gone"));
        registry.truncate(&blob_key(&image.digest));
        tagged(&mut registry, "healthy", "latest");
        let goes = untagged(&mut registry, "healthy", "untagged");
        let garbage = rubbish(&mut registry, "healthy");
        let orphan = registry.blob("linked nowhere");
        let image = if arguments.is_empty() { Vec::new() } else { whole("healthy", &goes) };
        let swept = sweep(&registry, arguments).loses([garbage, image, blobs([orphan])].concat());
        assert_eq!(swept.ran.count("/kept/damaged_repositories"), 1);
        swept.reports(&["unreadable_manifest"]);
    }
}

/// A damaged index cannot tell its children: what another repository links for it stays served through its own links only.
#[test]
fn damaged_repository_keeps_what_its_manifests_need_elsewhere() {
    let mut registry = RegistryBuilder::new();
    let child = untagged(&mut registry, "elsewhere", "child");
    tagged(&mut registry, "elsewhere", "latest");
    let index = registry.index("damaged", &[&child.digest]);
    registry.tag("damaged", "latest", &index);
    let broken = registry.manifest("damaged", "broken");
    registry.tag("damaged", "broken", &broken);
    sweep(&registry, &["-m"]).loses_nothing().reports(&["unreadable_manifest"]);
}

#[test]
fn layers_of_a_missing_manifest_go_and_its_tagged_link_stays() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "stays");
        let lost = tagged(&mut registry, "app", "lost");
        registry.lose_blob(&lost.digest);
        let parts: Vec<_> = lost.config.iter().chain(&lost.layers).collect();
        let goes = [links("app", &parts), blobs(&parts)].concat();
        sweep(&registry, arguments).loses(goes).reports(&["dangling_revision"]);
    }
}

#[test]
fn untagged_link_of_a_missing_manifest_goes_only_with_m() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let lost = untagged(&mut registry, "app", "lost");
    registry.lose_blob(&lost.digest);
    let parts: Vec<_> = lost.config.iter().chain(&lost.layers).collect();
    let with_m = [pointers("app", &lost), blobs(&parts)].concat();
    let without = [links("app", &parts), blobs(&parts)].concat();
    sweep(&registry, &["-m"]).loses(with_m);
    sweep(&registry, &[]).loses(without).reports(&["dangling_revision"]);
}

/// The registry serves what the content names; a collector that is wrong about the other half loses an image.
#[test]
fn revision_link_that_names_another_digest_keeps_both() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let named = tagged(&mut registry, "app", "latest");
        let meant = untagged(&mut registry, "app", "meant");
        registry.delete_manifest("app", &meant.digest);
        registry.damage(&revision_key("app", &named.digest), meant.digest.clone());
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage);
    }
}

/// Content under another digest than its own is no use to any client. On a store that proves nothing such a link is not
/// even read; what its key names stays, as its manifest demands.
#[test]
fn layer_link_that_names_another_digest_keeps_what_its_manifest_names() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = tagged(&mut registry, "app", "latest");
        let other = registry.blob("what the link says");
        registry.damage(&layer_key("app", &image.layers[0]), other.clone());
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses([garbage, blobs([&other])].concat());
    }
}

/// A link can be written again; the blob cannot.
#[test]
fn needed_blob_without_its_layer_link_stays() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = tagged(&mut registry, "app", "latest");
        registry.remove(&layer_key("app", &image.layers[0]));
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage).reports(&[]);
    }
}

/// The registry's own collector leaves it for ever.
#[test]
fn unneeded_layer_link_without_its_blob_goes() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let lost = registry.layer("app", "lost");
    registry.lose_blob(&lost);
    sweep(&registry, &[]).loses(links("app", [lost])).reports(&[]);
}

#[test]
fn needed_layer_link_without_its_blob_stays() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = tagged(&mut registry, "app", "latest");
        registry.lose_blob(&image.layers[0]);
        sweep(&registry, arguments).loses_nothing();
    }
}

#[test]
fn damaged_links_that_nothing_needs_go() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "untagged");
    registry.empty(&revision_key("app", &image.digest)).empty(&layer_key("app", &image.layers[0]));
    let swept: Swept = sweep(&registry, &["-m"]);
    swept.loses(whole("app", &image)).reports(&["unreadable_link"]);
    sweep(&registry, &[]).loses_nothing();
}

/// An untagged manifest that cannot be read still keeps its repository with `-m`: it may be a child of anything.
#[test]
fn untagged_damaged_manifest_keeps_its_repository() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "untagged");
    registry.truncate(&blob_key(&image.digest));
    rubbish(&mut registry, "app");
    sweep(&registry, &["-m"]).loses_nothing().reports(&["unreadable_manifest"]);
}
