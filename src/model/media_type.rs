//! Media types of manifests, and the kinds of manifest they name.

/// What a manifest is, as far as its references go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One image: a config and layers (also Helm charts, signatures, WASM).
    Image,
    /// An index or manifest list: other manifests.
    Index,
    /// An artifact manifest: blobs and perhaps a subject.
    Artifact,
    /// A Docker image of schema version 1: `fsLayers`.
    Schema1,
    /// Something else: what it needs cannot be told.
    Unknown,
}

/// The `mediaType` field of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType<'a>(pub &'a str);

impl MediaType<'_> {
    /// The kind of manifest that this media type promises.
    #[must_use]
    pub fn kind(self) -> Kind {
        let essence = self.0.split(';').next().unwrap_or_default().trim();
        match essence {
            "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json" => {
                Kind::Image
            }
            "application/vnd.oci.image.index.v1+json" | "application/vnd.docker.distribution.manifest.list.v2+json" => {
                Kind::Index
            }
            "application/vnd.oci.artifact.manifest.v1+json"
            | "application/vnd.cncf.oras.artifact.manifest.v1+json"
            | "application/vnd.cncf.oras.artifact.manifest.v1-rc1+json" => Kind::Artifact,
            "application/vnd.docker.distribution.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v1+prettyjws" => Kind::Schema1,
            _ => Kind::Unknown,
        }
    }

    /// Whether it is the configuration of an image, and not of a chart, a signature or the like.
    #[must_use]
    pub fn is_image_config(self) -> bool {
        matches!(self.0, "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_media_type_promises_nothing() {
        assert_eq!(MediaType("application/vnd.oci.image.index.v1+json").kind(), Kind::Index);
        assert_eq!(MediaType("application/vnd.oci.image.index.v1+json; charset=utf-8").kind(), Kind::Index);
        assert_eq!(MediaType("application/vnd.oci.image.index.v2+json").kind(), Kind::Unknown);
        assert_eq!(MediaType("").kind(), Kind::Unknown);
    }

    #[test]
    fn every_media_type_of_the_standards_promises_its_kind() {
        for (media_type, kind) in [
            ("application/vnd.oci.image.manifest.v1+json", Kind::Image),
            ("application/vnd.docker.distribution.manifest.v2+json", Kind::Image),
            ("application/vnd.oci.image.index.v1+json", Kind::Index),
            ("application/vnd.docker.distribution.manifest.list.v2+json", Kind::Index),
            ("application/vnd.oci.artifact.manifest.v1+json", Kind::Artifact),
            ("application/vnd.cncf.oras.artifact.manifest.v1+json", Kind::Artifact),
            ("application/vnd.cncf.oras.artifact.manifest.v1-rc1+json", Kind::Artifact),
            ("application/vnd.docker.distribution.manifest.v1+json", Kind::Schema1),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", Kind::Schema1),
        ] {
            assert_eq!(MediaType(media_type).kind(), kind, "{media_type}");
        }
    }
}
