//! From a root directory to what stands before `docker/registry/v2`, as each driver does it.

use std::path::{Component, Path, PathBuf};

/// S3 (v2.8, v3: `s3Path`) and Azure (v3: `blobName`): the root without slashes at its end, the path, and then all
/// without slashes at its beginning.
pub(super) fn key_prefix(root: &str) -> Result<String, &'static str> {
    prefix(root.trim_matches('/'))
}

/// GCS (v2.8, v3: `New`, `pathToKey`): the root without slashes at both ends; the key then loses its white space.
pub(super) fn gcs_key_prefix(root: &str) -> Result<String, &'static str> {
    prefix(root.trim_matches('/').trim_start())
}

fn prefix(root: &str) -> Result<String, &'static str> {
    if root.is_empty() {
        return Ok(String::new());
    }
    for part in root.split('/') {
        if part.is_empty() {
            return Err("has an empty part (`//`) inside, and such keys cannot be addressed");
        }
        if part == "." || part == ".." {
            return Err("has a part `.` or `..`, which the driver keeps as it is, and such keys cannot be addressed");
        }
        if part.contains(|c: char| c.is_ascii_control()) {
            return Err("has a control character, and such keys cannot be addressed");
        }
    }
    Ok(format!("{root}/"))
}

/// The filesystem driver (v2.8, v3: `path.Join`): relative to the working directory, cleaned by the text alone.
pub(super) fn directory(working_directory: &Path, root: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in working_directory.join(root).components() {
        match component {
            Component::CurDir => {}
            // Above `/` is `/`.
            Component::ParentDir => drop(clean.pop()),
            component => clean.push(component),
        }
    }
    clean
}

/// The parts of the layout that a user may point into.
const LAYOUT: [&str; 3] = ["docker", "registry", "v2"];

/// The root above `docker/registry/v2` where `parts` lead into it.
pub(super) fn above_layout<T: PartialEq<&'static str>>(parts: &[T]) -> Option<&[T]> {
    let at =
        parts.windows(LAYOUT.len()).rposition(|window| window.iter().zip(LAYOUT).all(|(part, name)| *part == name))?;
    parts.get(..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_and_azure_strip_slashes_at_both_ends() {
        for (root, prefix) in [("", ""), ("/", ""), ("//", ""), ("/prefix", "prefix/"), ("prefix/", "prefix/")] {
            assert_eq!(key_prefix(root).as_deref(), Ok(prefix), "{root:?}");
        }
        assert_eq!(key_prefix("//a/b c/").as_deref(), Ok("a/b c/"));
        assert_eq!(key_prefix(" a").as_deref(), Ok(" a/"));
    }

    #[test]
    fn gcs_strips_white_space_before_the_key_too() {
        for (root, prefix) in [("", ""), ("/", ""), ("/prefix", "prefix/"), ("prefix/", "prefix/"), (" a", "a/")] {
            assert_eq!(gcs_key_prefix(root).as_deref(), Ok(prefix), "{root:?}");
        }
        assert_eq!(gcs_key_prefix("a /").as_deref(), Ok("a /"));
        assert!(gcs_key_prefix(" /a").is_err());
    }

    #[test]
    fn keys_that_cannot_be_addressed_are_refused() {
        for root in ["a//b", "/a//b/", "a/./b", "../a", "a/b\n"] {
            assert!(key_prefix(root).is_err(), "{root:?}");
            assert!(gcs_key_prefix(root).is_err(), "{root:?}");
        }
    }

    #[test]
    fn directories_are_cleaned_by_their_text() {
        let cases = [
            ("/var/lib/registry", "/var/lib/registry"),
            ("/", "/"),
            ("/prefix", "/prefix"),
            ("prefix/", "/here/prefix"),
            ("/a//b", "/a/b"),
            ("/a/../b/./c/", "/b/c"),
            ("/../..", "/"),
            ("../x", "/x"),
            (".", "/here"),
        ];
        for (root, clean) in cases {
            assert_eq!(directory(Path::new("/here"), Path::new(root)), Path::new(clean), "{root:?}");
        }
    }

    #[test]
    fn the_layout_is_found_from_its_end() {
        assert_eq!(above_layout(&["a", "docker", "registry", "v2", "blobs"]), Some(&["a"][..]));
        assert_eq!(above_layout(&["docker", "registry", "v2"]), Some(&[][..]));
        assert_eq!(above_layout(&["docker", "registry"]), None);
        let twice = ["docker", "registry", "v2", "docker", "registry", "v2"];
        assert_eq!(above_layout(&twice), Some(&twice[..3]));
    }
}
