//! What the registry has checked before it took a manifest: that each of these parts was there, in this repository.
//!
//! Only such a part may be linked anew. A manifest can name anything where nobody looks: a layer with URLs, a child of a
//! sparse index, a field that its format does not have. Whoever may push to one repository could name content of another
//! there, and a repair that believed it would hand that content out.

use crate::model::Digest;
use serde_json::Value;

const CHECKED: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

/// Whether a manifest's bytes show that its repository could serve this part when it was pushed.
#[must_use]
pub fn vouches(manifest: &[u8], part: &Digest) -> bool {
    let Ok(json) = serde_json::from_slice::<Value>(manifest) else { return false };
    let text = part.to_string();
    let media_type = json["mediaType"].as_str().unwrap_or_default();
    if json["schemaVersion"] == 1 {
        let layers = json["fsLayers"].as_array().into_iter().flatten();
        return layers.into_iter().any(|layer| layer["blobSum"] == text.as_str());
    }
    let is_image = CHECKED.contains(&media_type) || media_type.is_empty() && json["manifests"].is_null();
    if json["schemaVersion"] != 2 || !is_image {
        return false;
    }
    let is_it = |named: &&Value| named["digest"] == text.as_str();
    let is_checked = |named: &Value| {
        let has_urls = !named["urls"].is_null() && named["urls"] != Value::Array(Vec::new());
        let kind = named["mediaType"].as_str().unwrap_or_default();
        !has_urls && !kind.contains("foreign") && !kind.contains("nondistributable")
    };
    let layers = json["layers"].as_array().into_iter().flatten();
    std::iter::once(&json["config"]).chain(layers).filter(is_it).any(is_checked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_the_registry_checks_is_vouched_for() {
        let part = Digest::of(b"part");
        let named =
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": part.to_string(), "size": 4});
        let vouched = |manifest: Value| vouches(manifest.to_string().as_bytes(), &part);
        let image = |field: &str, value: Value| {
            let mut image = json!({"schemaVersion": 2, "mediaType": CHECKED[0]});
            image[field] = value;
            vouched(image)
        };
        assert!(image("config", named.clone()) && image("layers", json!([named])));
        assert!(vouched(json!({"schemaVersion": 2, "layers": [named]})), "its kind need not be said");
        assert!(vouched(json!({"schemaVersion": 1, "fsLayers": [{"blobSum": part.to_string()}]})));
        // Nobody looks at these.
        for field in ["blobs", "manifests", "fsLayers", "subject", "x"] {
            assert!(!image(field, json!([named])), "{field}");
        }
        assert!(!vouched(json!({"schemaVersion": 2, "manifests": [named]})));
        assert!(!vouched(json!({"schemaVersion": 2, "manifests": [], "layers": [named]})));
        assert!(!vouched(json!({"schemaVersion": 1, "layers": [named]})));
        assert!(!vouched(json!({"schemaVersion": 2, "mediaType": "application/vnd.example", "layers": [named]})));
        for (field, value) in [
            ("urls", json!(["https://layers.example"])),
            ("urls", json!("x")),
            ("mediaType", json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")),
            ("mediaType", json!("application/vnd.oci.image.layer.nondistributable.v1.tar")),
        ] {
            let mut foreign = named.clone();
            foreign[field] = value;
            assert!(!image("layers", json!([foreign])), "{field}");
            assert!(image("layers", json!([foreign, named])), "the other one was looked for");
        }
        assert!(!vouches(b"<html>", &part));
        assert!(!vouches(json!({"schemaVersion": 2, "layers": [named]}).to_string().as_bytes(), &Digest::of(b"x")));
    }
}
