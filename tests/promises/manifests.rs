//! What a manifest keeps, whatever its kind.

use serde_json::{Value, json};

use crate::check::{BOTH, Swept, blobs, links, rubbish, sweep, tagged, untagged, whole};
use crate::lab::manifests::{Image, media_type as mt};
use crate::lab::registry::{Digest, RegistryBuilder, revision_key, sha256};

/// A tagged manifest of that kind, and a layer that nothing needs: only the latter goes, and nothing is odd.
#[track_caller]
fn keeps_all_of(push: impl Fn(&mut RegistryBuilder) -> Digest) {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let digest = push(&mut registry);
        registry.tag("app", "latest", &digest);
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage).reports(&[]);
    }
}

/// A manifest that cannot tell what it needs: its repository keeps everything, tagged or not; its neighbour is cleaned.
#[track_caller]
fn keeps_all_around(manifest: &str) {
    for (arguments, tag) in BOTH.into_iter().flat_map(|arguments| [(arguments, true), (arguments, false)]) {
        let mut registry = RegistryBuilder::new();
        let digest = registry.manifest("odd", manifest.to_owned());
        if tag {
            registry.tag("odd", "odd", &digest);
        }
        tagged(&mut registry, "odd", "good");
        untagged(&mut registry, "odd", "untagged");
        rubbish(&mut registry, "odd");
        tagged(&mut registry, "neighbour", "good");
        let garbage = rubbish(&mut registry, "neighbour");
        let swept = sweep(&registry, arguments).loses(garbage).reports(&["unreadable_manifest"]);
        assert_eq!(swept.ran.count("/kept/damaged_repositories"), 1);
    }
}

fn without_media_type(extra: &Value) -> Value {
    let mut extra = extra.clone();
    extra["mediaType"] = Value::Null;
    extra
}

#[test]
fn keeps_config_and_layers_of_docker_image() {
    keeps_all_of(|r| r.docker_image("app", "config", &["one", "two"]).digest);
}

#[test]
fn keeps_config_and_layers_of_oci_image() {
    keeps_all_of(|r| r.image("app", "config", &["one", "two"]).digest);
}

#[test]
fn keeps_children_of_docker_manifest_list() {
    keeps_all_of(|r| {
        let children = ["a", "b"].map(|name| r.docker_image("app", name, &[name]).digest);
        r.manifest_list("app", &[&children[0], &children[1]])
    });
}

#[test]
fn keeps_child_of_tagged_index() {
    keeps_all_of(|r| {
        let children = ["a", "b"].map(|name| r.image("app", name, &[name]).digest);
        r.index("app", &[&children[0], &children[1]])
    });
}

#[test]
fn image_without_media_type_is_an_image() {
    let formats = [mt::OCI_MANIFEST, mt::OCI_CONFIG, mt::OCI_LAYER];
    keeps_all_of(|r| r.image_as("app", formats, "{}", &["one"], &without_media_type(&json!({}))).digest);
}

#[test]
fn index_without_media_type_is_an_index() {
    keeps_all_of(|r| {
        let child = r.image("app", "child", &["one"]).digest;
        r.index_as("app", mt::OCI_INDEX, &[&child], &without_media_type(&json!({})))
    });
}

#[test]
fn keeps_layers_of_schema_1_image() {
    keeps_all_of(|r| r.schema1_image("app", "latest", &["one", "two", "one"]).digest);
}

#[test]
fn keeps_blobs_of_oci_artifact_manifest() {
    keeps_all_of(|r| r.artifact("app", "application/x", &["one", "two"], None).digest);
}

/// An ORAS artifact has neither `schemaVersion` nor config.
#[test]
fn keeps_blobs_of_oras_artifact() {
    keeps_all_of(|r| {
        let blob = r.layer("app", "an sbom");
        let descriptor = r.descriptor("application/spdx+json", &blob);
        let media_type = "application/vnd.cncf.oras.artifact.manifest.v1+json";
        r.manifest("app", json!({"mediaType": media_type, "blobs": [descriptor]}).to_string())
    });
}

#[test]
fn keeps_helm_chart() {
    keeps_all_of(|r| r.helm_chart("app", "1.0.0").digest);
}

#[test]
fn keeps_wasm_module() {
    let formats = [mt::OCI_MANIFEST, "application/vnd.wasm.config.v0+json", "application/wasm"];
    keeps_all_of(|r| r.image_as("app", formats, "{}", &["\0asm"], &json!({})).digest);
}

/// Its index lists layers where manifests belong.
#[test]
fn keeps_buildkit_cache() {
    keeps_all_of(|r| r.buildkit_cache("app", "cache", &["one", "two"]).digest);
}

#[test]
fn absent_foreign_layer_is_no_damage() {
    keeps_all_of(|r| r.foreign_layer_image("app", "config", &sha256(b"elsewhere"), &["one"]).digest);
}

/// A foreign layer may have been pushed all the same.
#[test]
fn present_foreign_layer_is_kept() {
    keeps_all_of(|r| {
        let foreign = r.layer("app", "pushed all the same");
        r.foreign_layer_image("app", "config", &foreign, &["one"]).digest
    });
}

#[test]
fn keeps_layers_of_manifest_without_config() {
    let formats = [mt::OCI_MANIFEST, mt::OCI_CONFIG, mt::OCI_LAYER];
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = registry.image_as("app", formats, "{}", &["one"], &json!({"config": null}));
        registry.tag("app", "latest", &image.digest);
        let config: Vec<Digest> = image.config.into_iter().collect();
        sweep(&registry, arguments).loses([links("app", &config), blobs(&config)].concat()).reports(&[]);
    }
}

/// What a manifest names is needed, whatever its media type says that it should name.
#[test]
fn references_count_in_every_field() {
    keeps_all_of(|r| {
        let child = r.image("app", "child", &["one"]).digest;
        let children = json!([r.descriptor(mt::OCI_MANIFEST, &child)]);
        let formats = [mt::OCI_MANIFEST, mt::OCI_CONFIG, mt::OCI_LAYER];
        r.image_as("app", formats, "{}", &["two"], &json!({"manifests": children})).digest
    });
}

#[test]
fn manifest_of_unknown_media_type_keeps_its_repository() {
    keeps_all_around(&json!({"schemaVersion": 2, "mediaType": "application/vnd.example.v9+json"}).to_string());
}

#[test]
fn manifest_without_schema_version_and_media_type_keeps_its_repository() {
    keeps_all_around(r#"{"artifactType":"application/x","blobs":[]}"#);
}

/// The registry's own collector panics on it.
#[test]
fn manifest_of_wrong_json_types_keeps_its_repository() {
    keeps_all_around(r#"{"schemaVersion":2,"manifests":"x"}"#);
}

#[test]
fn manifest_that_is_html_keeps_its_repository() {
    keeps_all_around("<html><body>502 Bad Gateway</body></html>");
}

#[test]
fn manifest_that_is_an_array_keeps_its_repository() {
    keeps_all_around("[]");
}

#[test]
fn manifest_that_names_a_layer_in_another_spelling_keeps_its_repository() {
    keeps_all_around(r#"{"schemaVersion":2,"config":null,"Layers":[]}"#);
}

#[test]
fn manifest_of_more_than_4_mib_keeps_its_repository() {
    let filler = "x".repeat(4 << 20);
    keeps_all_around(
        &json!({"schemaVersion": 2, "mediaType": mt::OCI_MANIFEST, "layers": [], "x": filler}).to_string(),
    );
}

/// Every kind, untagged, goes whole with `-m`.
#[test]
fn untagged_manifest_of_every_kind_goes_whole() {
    let kinds: [fn(&mut RegistryBuilder) -> Image; 4] = [
        |r| r.docker_image("app", "config", &["one", "two"]),
        |r| r.image("app", "config", &["one", "two"]),
        |r| r.schema1_image("app", "latest", &["one", "two"]),
        |r| r.artifact("app", "application/x", &["one", "two"], None),
    ];
    for push in kinds {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "stays");
        let image = push(&mut registry);
        let swept: Swept = sweep(&registry, &["-m"]).loses(whole("app", &image)).reports(&[]);
        assert_eq!(swept.left(&revision_key("app", &image.digest)), 0);
        sweep(&registry, &[]).loses_nothing();
    }
}
