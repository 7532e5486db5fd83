//! How the registry spells its keys (`registry/storage/cache/redis/redis.go`, the same in v2.8 and v3).
//!
//! The digest is the one a client named: content that was asked for by its SHA-512 has entries under that digest and
//! under its SHA-256.

use crate::model::{Digest, RepositoryName};

/// The hash of a blob: its digest, size and media type.
pub(super) fn blob(digest: &Digest) -> String {
    format!("blobs::{digest}")
}

/// The hash of a blob's media type in one repository.
pub(super) fn link(repository: &RepositoryName, digest: &Digest) -> String {
    format!("{}::{digest}", members(repository))
}

/// The set of digests that a repository has. A blob that is no member is unknown in it, whatever the hashes say.
pub(super) fn members(repository: &RepositoryName) -> String {
    format!("repository::{}::blobs", repository.as_str())
}

/// A blob and a repository that cannot be: to find out whether deleting is allowed.
pub(super) const NOBODYS: [&str; 2] = ["blobs::", "repository::::blobs"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spelt_as_the_registry_does() {
        let digest = Digest::of(b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(blob(&digest), format!("blobs::sha256:{hex}"));
        for name in ["app", "team/app", "example.org/a"] {
            let repository = RepositoryName::new(name).into_iter().collect::<Vec<_>>();
            assert_eq!(repository.iter().map(members).collect::<Vec<_>>(), [format!("repository::{name}::blobs")]);
            let keys: Vec<_> = repository.iter().map(|repository| link(repository, &digest)).collect();
            assert_eq!(keys, [format!("repository::{name}::blobs::sha256:{hex}")]);
        }
        let long = Digest::from_parts("sha512", &"ab".repeat(64)).map(|digest| blob(&digest));
        assert_eq!(long.ok(), Some(format!("blobs::sha512:{}", "ab".repeat(64))));
    }
}
