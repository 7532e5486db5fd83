//! What tells a storage from every other, as plans remember it.

use super::location::{AzureLocation, GcsLocation, S3Location};
use crate::collect::sealed::Place;
use crate::error::{Error, ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A directory; `root` is free of symbolic links.
pub(super) fn of_directory(root: &Path) -> Result<Place> {
    let found = std::fs::metadata(root).map_err(|error| {
        Error::new(ErrorKind::Io, "look at the directory").on(root.display().to_string()).because(error.to_string())
    })?;
    Ok(Place {
        kind: "directory".into(),
        root: root.display().to_string(),
        device: Some(found.dev()),
        inode: Some(found.ino()),
        ..Place::default()
    })
}

/// A bucket that speaks S3. With AWS itself the region does not matter: a bucket's name is unique in its partition.
pub(super) fn of_s3(s3: &S3Location, endpoint: Option<&str>, region: Option<&str>) -> Place {
    let partition = match region {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    in_bucket("s3", endpoint.map_or_else(|| partition.into(), plain), &s3.bucket, &s3.prefix)
}

/// A bucket of Google Cloud Storage.
pub(super) fn of_gcs(gcs: &GcsLocation) -> Place {
    let endpoint = gcs.endpoint.as_deref().unwrap_or("https://storage.googleapis.com");
    in_bucket("gcs", plain(endpoint), &gcs.bucket, &gcs.prefix)
}

/// A container of Azure Blob Storage.
pub(super) fn of_azure(azure: &AzureLocation) -> Place {
    let endpoint = azure.endpoint.clone().unwrap_or_else(|| format!("https://{}.blob.core.windows.net", azure.account));
    let place = in_bucket("azure", plain(&endpoint), &azure.container, &azure.prefix);
    Place { account: Some(azure.account.clone()), ..place }
}

fn in_bucket(kind: &str, endpoint: String, bucket: &str, prefix: &str) -> Place {
    Place {
        kind: kind.into(),
        endpoint: Some(endpoint),
        bucket: Some(bucket.to_owned()),
        root: prefix.trim_end_matches('/').to_owned(),
        ..Place::default()
    }
}

/// An endpoint as everybody writes it, and without anything that could be a secret: a profile or a variable may hold it.
fn plain(endpoint: &str) -> String {
    let Ok(url) = url::Url::parse(endpoint) else { return "not a URL".into() };
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn one_endpoint_has_one_text_and_no_secret() {
        for (written, text) in [
            ("https://minio.example", "https://minio.example"),
            ("https://MINIO.example:443/", "https://minio.example"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("http://127.0.0.1:10000/account/", "http://127.0.0.1:10000/account"),
            ("https://user:hunter2@minio.example?sig=hunter2#hunter2", "https://minio.example"),
        ] {
            assert_eq!(plain(written), text);
        }
    }

    #[test]
    fn regions_of_one_partition_are_one_place() {
        let s3 = S3Location { bucket: "b".into(), prefix: "r/".into(), ..S3Location::default() };
        let place = |region: Option<&str>| of_s3(&s3, None, region);
        assert_eq!(place(Some("eu-west-1")), place(Some("us-east-1")));
        assert_eq!(place(None), place(Some("us-east-1")));
        assert_ne!(place(Some("cn-north-1")), place(None));
        assert_ne!(place(Some("us-gov-west-1")), place(None));
        assert_ne!(of_s3(&s3, Some("https://minio.example"), None), place(None));
        assert_eq!(place(None).root, "r");
    }

    #[test]
    fn another_directory_at_the_same_path_is_another_place() {
        let home = tempfile::tempdir().unwrap();
        let (root, moved) = (home.path().join("registry"), home.path().join("moved"));
        std::fs::create_dir(&root).unwrap();
        let before = of_directory(&root).unwrap();
        assert_eq!(of_directory(&root).unwrap(), before);
        std::fs::rename(&root, &moved).unwrap();
        std::fs::create_dir(&root).unwrap();
        let difference = before.difference(&of_directory(&root).unwrap());
        assert!(difference.is_some_and(|told| told.contains("inode")));
    }
}
