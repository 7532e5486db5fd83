//! What a manifest needs: from bytes to references and subject.
//!
//! Parsing is lenient about what a manifest *is* (the media type may be absent or wrong: references are taken from every
//! field) and strict about what it *says*: a field that cannot be read with certainty makes the manifest unreadable. An
//! unreadable manifest keeps everything its repository can serve; a manifest that is read wrongly would lose its layers.

use super::digest::Digest;
use super::media_type::{Kind, MediaType};
use crate::error::{quoted, shortened};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;

/// The largest manifest that the registry reads, in bytes (distribution, `registry/storage/io.go`).
pub const LARGEST: u64 = 4 << 20;

/// One descriptor's digest and size, as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What is referenced.
    pub digest: Digest,
    /// Its size in bytes, as the manifest says.
    pub size: Option<u64>,
}

/// A manifest that was read with certainty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What it is.
    pub kind: Kind,
    /// All that it names, in whichever field, in order: config, layers, manifests, blobs, `fsLayers`.
    pub references: Vec<Reference>,
    /// The manifest that this one is about (a signature's image).
    pub subject: Option<Digest>,
}

/// Why a manifest cannot tell what it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A manifest, or why there is none.
pub type Parsed = Result<Manifest, Unreadable>;

impl Manifest {
    /// Reads a manifest. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// If it is larger than [`LARGEST`], is no JSON object, has a field of a wrong type, a field twice or in another
    /// spelling (the registry's own parser ignores case), an invalid digest, or is of an unknown kind.
    pub fn parse(bytes: &[u8]) -> Parsed {
        if bytes.len() as u64 > LARGEST {
            return Err(Unreadable(format!("manifest of {} bytes, the registry reads {LARGEST} at most", bytes.len())));
        }
        if bytes.is_empty() {
            return Err(Unreadable("empty manifest".into()));
        }
        // Why is kept for each that cannot be read, and may repeat what stands there.
        let fields: Fields =
            serde_json::from_slice(bytes).map_err(|error| Unreadable(shortened(&format!("no manifest: {error}"))))?;
        fields.into_manifest()
    }
}

#[derive(Default)]
struct Fields<'a> {
    schema_version: Option<i64>,
    media_type: Option<Text<'a>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    fs_layers: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
}

/// A string, where it stands: manifests are read by the million, and most of what is in them is only looked at.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Fields<'_> {
    fn kind(&self) -> Kind {
        match self.media_type.as_ref().map(|text| &*text.0).filter(|media_type| !media_type.is_empty()) {
            Some(media_type) => MediaType(media_type).kind(),
            None if self.schema_version == Some(1) => Kind::Schema1,
            None if self.schema_version != Some(2) => Kind::Unknown,
            None if self.manifests.is_some() => Kind::Index,
            None if self.config.is_some() || self.layers.is_some() => Kind::Image,
            None => Kind::Unknown,
        }
    }

    fn into_manifest(self) -> Parsed {
        let kind = self.kind();
        if kind == Kind::Unknown {
            let what = self.media_type.map(|text| text.0).filter(|media_type| !media_type.is_empty());
            let version = self.schema_version.map_or_else(|| "none".into(), |version| version.to_string());
            return Err(Unreadable(match what {
                Some(media_type) => format!("manifest of unknown media type {}", quoted(&media_type)),
                None => format!("manifest of unknown kind (no media type, schema version {version})"),
            }));
        }
        let lists = [self.layers, self.manifests, self.blobs, self.fs_layers];
        let references = self.config.into_iter().chain(lists.into_iter().flatten().flatten());
        Ok(Manifest {
            kind,
            references: references.map(|descriptor| descriptor.0).collect(),
            subject: self.subject.map(|descriptor| descriptor.0.digest),
        })
    }
}

struct Descriptor(Reference);

/// How Go's `encoding/json` compares field names: without regard to case, and with two letters outside ASCII that fold
/// into it. A manifest that says `Layers` is read by the registry, so it must not be taken as one without layers.
pub(super) fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|character| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    })
}

/// The names of fields that stand there.
type Seen = SmallVec<[&'static str; 8]>;

/// Puts a value where it belongs, once.
fn set<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    seen: &mut Seen,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if seen.contains(&name) {
        return Err(A::Error::custom(format_args!("field {name:?} stands there twice")));
    }
    seen.push(name);
    *slot = map.next_value()?;
    Ok(())
}

fn refuse_other_spelling<E: serde::de::Error>(name: &str, known: &[&str]) -> Result<(), E> {
    match known.iter().find(|known| folded(known).eq(folded(name))) {
        Some(known) => Err(E::custom(format_args!("field {name:?} instead of {known:?}"))),
        None => Ok(()),
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                const KNOWN: &[&str] =
                    &["schemaVersion", "mediaType", "config", "layers", "manifests", "blobs", "fsLayers", "subject"];
                let mut fields = Fields::default();
                let mut seen = Seen::new();
                while let Some(Text(name)) = map.next_key()? {
                    match &*name {
                        "schemaVersion" => set(&mut fields.schema_version, &mut seen, "schemaVersion", &mut map)?,
                        "mediaType" => set(&mut fields.media_type, &mut seen, "mediaType", &mut map)?,
                        "config" => set(&mut fields.config, &mut seen, "config", &mut map)?,
                        "layers" => set(&mut fields.layers, &mut seen, "layers", &mut map)?,
                        "manifests" => set(&mut fields.manifests, &mut seen, "manifests", &mut map)?,
                        "blobs" => set(&mut fields.blobs, &mut seen, "blobs", &mut map)?,
                        "fsLayers" => set(&mut fields.fs_layers, &mut seen, "fsLayers", &mut map)?,
                        "subject" => set(&mut fields.subject, &mut seen, "subject", &mut map)?,
                        other => {
                            refuse_other_spelling(other, KNOWN)?;
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DescriptorVisitor;
        impl<'de> Visitor<'de> for DescriptorVisitor {
            type Value = Descriptor;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a descriptor")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Descriptor, A::Error> {
                let mut digest: Option<Text<'_>> = None;
                let mut size: Option<i64> = None;
                let mut seen = Seen::new();
                while let Some(Text(name)) = map.next_key()? {
                    match &*name {
                        // Schema version 1 says `blobSum` where all others say `digest`.
                        "digest" | "blobSum" => set(&mut digest, &mut seen, "digest", &mut map)?,
                        "size" => set(&mut size, &mut seen, "size", &mut map)?,
                        other => {
                            refuse_other_spelling(other, &["digest", "blobSum", "size"])?;
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                let Text(text) = digest.ok_or_else(|| A::Error::custom("descriptor without a digest"))?;
                let digest = text.parse().map_err(|_| A::Error::custom(format_args!("{text:?} is no digest")))?;
                Ok(Descriptor(Reference { digest, size: size.and_then(|size| size.try_into().ok()) }))
            }
        }
        deserializer.deserialize_map(DescriptorVisitor)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn digest(content: &str) -> Digest {
        Digest::of(content.as_bytes())
    }

    fn descriptor(content: &str) -> String {
        format!(r#"{{"mediaType":"x","digest":"{}","size":{}}}"#, digest(content), content.len())
    }

    fn named(json: &str) -> Vec<Digest> {
        Manifest::parse(json.as_bytes()).unwrap().references.into_iter().map(|reference| reference.digest).collect()
    }

    fn reason(json: &str) -> String {
        Manifest::parse(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_kind() {
        let (c, l, m) = (descriptor("c"), descriptor("l"), descriptor("m"));
        for (json, kind, references) in [
            (
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{c},"layers":[{l}]}}"#
                ),
                Kind::Image,
                vec!["c", "l"],
            ),
            (
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{c},"layers":[{l},{m}]}}"#
                ),
                Kind::Image,
                vec!["c", "l", "m"],
            ),
            (format!(r#"{{"schemaVersion":2,"config":{c},"layers":null}}"#), Kind::Image, vec!["c"]),
            (format!(r#"{{"schemaVersion":2,"mediaType":"","config":{c}}}"#), Kind::Image, vec!["c"]),
            (
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{m}]}}"#
                ),
                Kind::Index,
                vec!["m"],
            ),
            (
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{m},{l}]}}"#
                ),
                Kind::Index,
                vec!["m", "l"],
            ),
            (format!(r#"{{"schemaVersion":2,"manifests":[{m}],"config":null}}"#), Kind::Index, vec!["m"]),
            (
                format!(r#"{{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[{l}]}}"#),
                Kind::Artifact,
                vec!["l"],
            ),
            (
                format!(
                    r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{}"}},{{"blobSum":"{}"}}],"signatures":[{{"header":{{}}}}]}}"#,
                    digest("l"),
                    digest("l")
                ),
                Kind::Schema1,
                vec!["l", "l"],
            ),
        ] {
            let manifest = Manifest::parse(json.as_bytes()).unwrap();
            assert_eq!(manifest.kind, kind, "{json}");
            assert_eq!(named(&json), references.into_iter().map(digest).collect::<Vec<_>>(), "{json}");
        }
    }

    #[test]
    fn takes_references_from_every_field_whatever_the_media_type() {
        let (c, m) = (descriptor("c"), descriptor("m"));
        let json = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{c},"layers":[],"manifests":[{m}]}}"#
        );
        assert_eq!(named(&json), [digest("c"), digest("m")]);
    }

    #[test]
    fn reads_the_subject() {
        let json = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[],"subject":{}}}"#,
            descriptor("c"),
            descriptor("image")
        );
        let manifest = Manifest::parse(json.as_bytes()).unwrap();
        assert_eq!(manifest.subject, Some(digest("image")));
        assert_eq!(manifest.references.len(), 1, "a subject is not needed by what is about it");
    }

    #[test]
    fn says_why_it_cannot_read() {
        assert_eq!(reason(""), "empty manifest");
        assert!(reason("<html>").starts_with("no manifest: expected value"));
        assert!(reason("[]").contains("expected a JSON object"));
        assert!(reason(r#"{"schemaVersion":2,"manifests":"x"}"#).starts_with("no manifest: invalid type: string"));
        assert!(reason(r#"{"schemaVersion":2"#).contains("EOF"));
        assert!(reason(r#"{"schemaVersion":2,"config":{"size":1}}"#).contains("descriptor without a digest"));
        assert!(reason(r#"{"schemaVersion":2,"config":{"digest":"md5:1"}}"#).contains("is no digest"));
        assert!(reason(r#"{"schemaVersion":2,"layers":[null]}"#).contains("expected a descriptor"));
        assert_eq!(reason(r#"{"schemaVersion":2}"#), "manifest of unknown kind (no media type, schema version 2)");
        assert_eq!(reason("{}"), "manifest of unknown kind (no media type, schema version none)");
        assert_eq!(reason(r#"{"mediaType":"a/b"}"#), "manifest of unknown media type \"a/b\"");
    }

    #[test]
    fn does_not_overlook_layers_that_the_registry_would_see() {
        let layers = descriptor("l");
        for spelling in ["Layers", "LAYERS", "layer\u{17f}"] {
            let json = format!(r#"{{"schemaVersion":2,"config":{layers},"{spelling}":[{layers}]}}"#);
            assert!(reason(&json).contains("instead of \"layers\""), "{json}");
        }
        let twice = format!(r#"{{"schemaVersion":2,"layers":[{layers}],"layers":[]}}"#);
        assert!(reason(&twice).contains("twice"));
        let other = format!(r#"{{"schemaVersion":2,"layers":[{{"Digest":"{}"}}]}}"#, digest("l"));
        assert!(reason(&other).contains("instead of \"digest\""));
    }

    #[test]
    fn manifest_larger_than_the_registry_reads_is_unreadable() {
        let json = format!(r#"{{"schemaVersion":2,"config":{},"x":"{}"}}"#, descriptor("c"), " ".repeat(4 << 20));
        assert!(reason(&json).contains("the registry reads 4194304 at most"));
    }

    #[test]
    fn reason_is_short_whatever_the_manifest_is() {
        let word = "x".repeat(1 << 20);
        for json in [
            format!(r#"{{"mediaType":"{word}"}}"#),
            format!(r#"{{"mediaType":"{}"}}"#, "\u{10ffff}".repeat(1 << 20)),
            format!(r#"{{"schemaVersion":2,"layers":[{{"digest":"{word}"}}]}}"#),
            format!(r#"{{"schemaVersion":"{word}"}}"#),
        ] {
            assert!(reason(&json).len() < 400, "{}", reason(&json).len());
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, depth in 0..10_000_usize) {
            let _ = Manifest::parse(&bytes);
            let _ = Manifest::parse("[".repeat(depth).as_bytes());
            let _ = Manifest::parse(format!("{{\"a\":{}", "{\"a\":".repeat(depth)).as_bytes());
        }
    }

    #[test]
    fn manifest_as_large_as_the_registry_reads_is_read() {
        let json = |length: usize| format!(r#"{{"schemaVersion":2,"manifests":[],"x":"{}"}}"#, " ".repeat(length));
        let rest = usize::try_from(LARGEST).unwrap() - json(0).len();
        assert!(Manifest::parse(json(rest).as_bytes()).is_ok());
        assert!(Manifest::parse(json(rest + 1).as_bytes()).is_err());
    }

    #[test]
    fn layers_alone_make_an_image_and_other_versions_nothing() {
        let layer = descriptor("l");
        let kind = |json: &str| Manifest::parse(json.as_bytes()).map(|manifest| manifest.kind);
        assert_eq!(kind(&format!(r#"{{"schemaVersion":2,"layers":[{layer}]}}"#)), Ok(Kind::Image));
        assert_eq!(kind(&format!(r#"{{"schemaVersion":2,"layers":[{layer}],"manifests":[]}}"#)), Ok(Kind::Index));
        for version in ["", r#""schemaVersion":3,"#] {
            assert!(reason(&format!(r#"{{{version}"layers":[{layer}]}}"#)).contains("unknown kind"));
        }
        assert!(reason(r#"{"schemaVersion":2,"blobs":[]}"#).contains("unknown kind"));
    }

    #[test]
    fn names_fold_as_the_registry_folds_them() {
        assert_eq!(folded("blob\u{17f}Um").collect::<String>(), "blobsum");
        assert_eq!(folded("\u{212a}EY").collect::<String>(), "key");
        assert_eq!(folded("\u{e4}\u{c4}").collect::<String>(), "\u{e4}\u{c4}", "no other letters");
    }
}
