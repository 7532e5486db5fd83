//! Images that are in use: a list, or what `kubectl get pods -A -o json` prints.

use crate::collect::keep_from::KeepFrom;
use crate::error::quoted;
use serde_json::Value;

/// Reads a file of images: digests or images one a line, or JSON with the images of containers anywhere in it.
///
/// # Errors
/// If any of it is not understood, or if nothing is in it: a command that failed leaves an empty file, and what it would
/// have protected would go.
pub fn parse(text: &str) -> Result<Vec<KeepFrom>, String> {
    let images = if text.trim_start().starts_with(['{', '[']) {
        let json: Value = serde_json::from_str(text).map_err(|error| format!("no valid JSON: {error}"))?;
        let mut images = Vec::new();
        collect(&json, &mut images)?;
        images
    } else {
        KeepFrom::parse_list(text).map_err(|error| error.to_string())?
    };
    if images.is_empty() {
        return Err("no image is in it: if nothing is in use, leave `images_from` out".into());
    }
    Ok(images)
}

/// The keys under which Kubernetes says which image a container was asked to run, and which one runs.
const KEYS: [&str; 2] = ["image", "imageID"];

fn collect(json: &Value, images: &mut Vec<KeepFrom>) -> Result<(), String> {
    match json {
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, images)),
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| match value {
            Value::String(image) if KEYS.contains(&key.as_str()) => add(image, images),
            _ => collect(value, images),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn add(image: &str, images: &mut Vec<KeepFrom>) -> Result<(), String> {
    // `docker-pullable://app@sha256:...`, `docker://sha256:...`; a container that waits has none yet.
    let image = image.split_once("://").map_or(image, |(_, image)| image);
    if !image.is_empty() {
        let parsed = image.parse().map_err(|_| format!("{} is no image", quoted(image)))?;
        images.push(parsed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::Digest;

    #[test]
    fn lists_are_those_of_keep_from() {
        let digest = Digest::of(b"x");
        assert_eq!(parse(&format!("app:v1 # in use\n\n{digest}\n")).unwrap().len(), 2);
        assert!(parse("not an image!\n").is_err());
    }

    #[test]
    fn pods_name_what_they_run() {
        let digest = Digest::of(b"x");
        let pods = serde_json::json!({"kind": "List", "items": [{
            "kind": "Pod",
            "spec": {"containers": [{"name": "a", "image": "registry.example.com:5000/team/app:v1"}],
                     "initContainers": [{"image": "team/init"}]},
            "status": {"containerStatuses": [
                {"image": "team/app:v1", "imageID": format!("docker-pullable://team/app@{digest}")},
                {"image": "team/app:v2", "imageID": ""},
                {"image": "team/app:v3", "imageID": format!("docker://{digest}")}]},
        }]});
        let images: Vec<String> = parse(&pods.to_string()).unwrap().iter().map(ToString::to_string).collect();
        for image in
            ["registry.example.com:5000/team/app:v1", "team/init:latest", "team/app:v1", "team/app:v2", "team/app:v3"]
        {
            assert!(images.iter().any(|found| found == image), "{image} is not in {images:?}");
        }
        assert!(images.contains(&format!("team/app@{digest}")) && images.contains(&digest.to_string()));
        assert_eq!(images.len(), 7);
    }

    #[test]
    fn a_list_without_an_image_protects_nobody_and_is_refused() {
        for text in ["", "\n# nothing\n", "{}", "{\"items\": []}", "[]", "{\"items\": [{\"image\": 1}]}"] {
            assert!(parse(text).is_err_and(|error| error.contains("no image is in it")), "{text}");
        }
    }

    #[test]
    fn a_list_that_is_half_understood_is_refused() {
        assert!(parse("{\"items\": [").is_err_and(|error| error.contains("no valid JSON")));
        assert!(parse("{\"image\": \"not an image!\"}").is_err_and(|error| error.contains("is no image")));
    }
}
