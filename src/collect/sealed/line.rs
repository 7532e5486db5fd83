//! A line of a plan: one deletion, with its evidence.

use crate::collect::decide::DeleteReason;
use crate::collect::entry::Evidence;
use crate::collect::etag::Etag;
use crate::collect::plan::{Deletion, Stage};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Timestamp};
use serde::{Deserialize, Serialize};

/// One deletion of a sealed plan. Its key has the shape that its stage says, and names what the line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stage it belongs to.
    pub stage: Stage,
    /// Its key, relative to the root.
    pub key: Box<str>,
    /// Which incomplete multipart upload of its key; nothing for the object itself.
    pub upload_id: Option<Box<str>>,
    /// The digest it holds or points to.
    pub digest: Option<Digest>,
    /// The repository it is in.
    pub repository: Option<RepositoryName>,
    /// What the listing said of it when the plan was made.
    pub evidence: Evidence,
    /// Why it was to go.
    pub reason: DeleteReason,
    /// The rule that let it go, in words.
    pub rule: Option<String>,
}

/// As it stands in the file. What a newer version adds would be evidence or a condition: it is not passed over.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<S> {
    stage: S,
    key: S,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload_id: Option<S>,
    #[serde(deserialize_with = "Option::deserialize")]
    digest: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    repository: Option<S>,
    size: u64,
    last_modified: String,
    #[serde(deserialize_with = "Option::deserialize")]
    etag: Option<S>,
    reason: S,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<S>,
}

/// A deletion's JSON, on one line.
pub(super) fn to_json(deletion: &Deletion) -> String {
    let etag = deletion.evidence.etag.as_ref().map(Etag::text);
    let written = Written {
        stage: deletion.stage.name(),
        key: deletion.key.as_str(),
        upload_id: deletion.upload_id.as_deref(),
        digest: deletion.digest.as_ref().map(Digest::to_string),
        repository: deletion.repository.as_ref().map(|(_, name)| name.as_str()),
        size: deletion.evidence.size,
        last_modified: deletion.evidence.modified.to_rfc3339(),
        etag: etag.as_deref(),
        reason: deletion.reason.name(),
        rule: deletion.rule.as_deref(),
    };
    // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
    serde_json::to_string(&written).unwrap_or_default()
}

impl Line {
    /// Reads a line and checks that everything in it fits together.
    ///
    /// # Errors
    /// With what is wrong, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written: Written<String> = serde_json::from_str(text).map_err(|error| format!("no deletion: {error}"))?;
        let Written { stage, key, upload_id, digest, repository, size, last_modified, etag, reason, rule } = written;
        let stage = Stage::ALL.into_iter().find(|known| known.name() == stage);
        let stage = stage.ok_or("its stage is unknown")?;
        let reason = DeleteReason::ALL.into_iter().find(|known| known.name() == reason);
        let reason = reason.filter(|reason| reason.is_of(stage)).ok_or("its reason is none of its stage")?;
        let digest: Option<Digest> = digest.map(|text| text.parse()).transpose().map_err(|_| "its digest is none")?;
        let of_stage = if upload_id.is_some() { of_parts(stage, &key) } else { of_stage(stage, &key) };
        let (place, names) = of_stage.ok_or_else(|| format!("its key is none of a {}", stage.name()))?;
        if layout::is_unaddressable(&key) {
            return Err("its key cannot be named".into());
        }
        if place != repository.as_deref() {
            return Err("its key is in another repository".into());
        }
        // What a tag names stands in its link, not in its key.
        if stage != Stage::Tag && names != digest {
            return Err("its key names another digest".into());
        }
        let repository = repository.as_deref().and_then(RepositoryName::new);
        let modified = Timestamp::parse_rfc3339(&last_modified).ok_or("its time is none")?;
        let evidence = Evidence { size, modified, etag: etag.as_deref().map(Into::into), outside: false };
        let upload_id = upload_id.map(Into::into);
        Ok(Self { stage, key: key.into(), upload_id, digest, repository, evidence, reason, rule })
    }
}

/// The repository and digest that a key of this stage names; nothing if the key is none of this stage.
fn of_stage(stage: Stage, key: &str) -> Option<(Option<&str>, Option<Digest>)> {
    match (stage, StorageKey::parse(key)) {
        (Stage::Tag, StorageKey::TagCurrent { repository, .. })
        | (Stage::Upload, StorageKey::Upload { repository, .. }) => Some((Some(repository), None)),
        (Stage::TagHistory, StorageKey::TagHistory { repository, digest, .. })
        | (Stage::Revision, StorageKey::RevisionLink { repository, digest })
        | (Stage::LayerLink, StorageKey::LayerLink { repository, digest }) => Some((Some(repository), Some(digest))),
        (Stage::Revision, StorageKey::SignatureLink { repository, signature, .. }) => {
            Some((Some(repository), Some(signature)))
        }
        (Stage::Blob, StorageKey::Blob(digest)) => Some((None, Some(digest))),
        _ => None,
    }
}

/// The same of the key of an incomplete multipart upload: its parts are of no digest.
fn of_parts(stage: Stage, key: &str) -> Option<(Option<&str>, Option<Digest>)> {
    match (stage, StorageKey::parse(key)) {
        (Stage::Upload, StorageKey::Blob(_)) => Some((None, None)),
        _ => of_stage(stage, key).filter(|_| stage == Stage::Upload),
    }
}

#[cfg(test)]
pub(in crate::collect) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::Tag;
    use proptest::prelude::*;

    /// Any deletion that a plan may hold.
    pub(in crate::collect) fn deletion() -> impl Strategy<Value = Deletion> {
        let id = "0f8fad5b-d9cb-469f-a165-7086772895[0-9a-f]{2}";
        let file = "startedat|data|hashstates/sha256/[0-9]{1,3}|[a-zA-Zé\"\\\\]{1,4}";
        let names = ("[a-z]{1,3}(/[a-z]{1,3})?", "[A-Za-z0-9_]{1,4}", 0..4_u8, id, file);
        let evidence = (0..1_u64 << 50, any::<i64>(), proptest::option::of("\\PC{0,40}"));
        (0..11_usize, names, evidence).prop_map(|(kind, (name, tag, content, id, file), (size, nanos, etag))| {
            let (name, tag) = (RepositoryName::new(&name).unwrap(), Tag::new(&tag).unwrap());
            let digest = Digest::of(&[content]);
            let (stage, key, reason) = match kind {
                0 => (Stage::TagHistory, layout::tag_history(&name, &tag, &digest), DeleteReason::StaleTagHistory),
                1 | 2 => (Stage::Revision, layout::revision_link(&name, &digest), DeleteReason::UntaggedManifest),
                3 => {
                    let key = layout::signature_link(&name, &Digest::of(b"signed"), &digest);
                    (Stage::Revision, key, DeleteReason::UntaggedManifest)
                }
                4 => (Stage::LayerLink, layout::layer_link(&name, &digest), DeleteReason::UnneededLayerLink),
                7 => (Stage::Tag, layout::tag_current(&name, &tag), DeleteReason::Named),
                8 => (Stage::Tag, layout::tag_current(&name, &tag), DeleteReason::Retention),
                5 | 9 => (Stage::Upload, layout::upload(&name, &id) + &file, DeleteReason::StaleUpload),
                10 => (Stage::Upload, layout::blob_data(&digest), DeleteReason::StaleUpload),
                _ => (Stage::Blob, layout::blob_data(&digest), DeleteReason::UnreferencedBlob),
            };
            Deletion {
                stage,
                key,
                upload_id: (kind > 8).then(|| format!("{tag}~.-_").into()),
                digest: (stage != Stage::Upload).then_some(digest),
                alias: None,
                repository: (stage != Stage::Blob && kind != 10).then_some((0, name)),
                evidence: Evidence {
                    size,
                    modified: Timestamp::from_nanos(nanos),
                    etag: etag.map(Into::into),
                    outside: false,
                },
                reason,
                rule: (kind == 8).then(|| "rule ci: older than 30d".into()),
                level: u32::from(kind == 2),
            }
        })
    }

    fn line_of(deletion: &Deletion) -> Line {
        Line {
            stage: deletion.stage,
            key: deletion.key.as_str().into(),
            upload_id: deletion.upload_id.clone(),
            digest: deletion.digest.clone(),
            repository: deletion.repository.as_ref().map(|(_, name)| name.clone()),
            evidence: deletion.evidence.clone(),
            reason: deletion.reason,
            rule: deletion.rule.as_deref().map(Into::into),
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(deletion in deletion()) {
            prop_assert_eq!(Line::parse(&to_json(&deletion)), Ok(line_of(&deletion)));
        }

        #[test]
        fn what_does_not_fit_together_is_an_error(one in deletion(), other in deletion()) {
            let (one, other): (serde_json::Value, serde_json::Value) =
                (serde_json::from_str(&to_json(&one)).unwrap(), serde_json::from_str(&to_json(&other)).unwrap());
            for name in ["stage", "key", "digest", "repository", "reason"] {
                let mut mixed = one.clone();
                mixed[name] = other[name].clone();
                // A signature link stands beside others of the same signature: then its key may be another's.
                let mut alike = name == "key"
                    && ["stage", "digest", "repository", "reason"].iter().all(|name| one[*name] == other[*name]);
                // So do the parts of a blob, and that of another.
                let of_parts = |line: &serde_json::Value| line["upload_id"].is_string() && line["repository"].is_null();
                alike |= name == "key" && of_parts(&one) && (of_parts(&other) || other["stage"] == "blob");
                // Any pointer may be dismissed.
                let dismissed = ["named", "retention"].iter().any(|reason| other["reason"] == *reason);
                alike |= name == "reason" && dismissed && one["stage"] != "blob" && one["stage"] != "upload";
                // A tag may have named anything.
                alike |= one["stage"] == "tag" && match name {
                    "digest" => true,
                    "key" => other["stage"] == "tag" && one["repository"] == other["repository"],
                    _ => false,
                };
                prop_assert_eq!(Line::parse(&mixed.to_string()).is_ok(), mixed == one || alike, "{}: {}", name, mixed);
            }
            // Without it, it is a line about a file of the upload.
            let may_lack = |name: &str| name == "rule" || name == "upload_id" && !one["repository"].is_null();
            for name in one.as_object().unwrap().keys().filter(|name| !may_lack(name)) {
                let mut less = one.clone();
                less.as_object_mut().unwrap().remove(name);
                prop_assert!(Line::parse(&less.to_string()).is_err(), "{}", less);
            }
            let mut more = one.clone();
            more["version_id"] = "1".into();
            prop_assert!(Line::parse(&more.to_string()).unwrap_err().contains("version_id"));
        }

        #[test]
        fn never_panics(text: String) {
            let _ = Line::parse(&text);
        }
    }

    #[test]
    fn nothing_outside_of_the_registry_can_be_named() {
        let name = RepositoryName::new("a").unwrap();
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let line = |stage: &str, key: &str, repository: Option<&str>, reason: &str| {
            let (size, time) = (1, "2026-01-01T00:00:00Z");
            serde_json::json!({"stage": stage, "key": key, "digest": null, "repository": repository, "size": size,
                "last_modified": time, "etag": null, "reason": reason})
            .to_string()
        };
        let inside = layout::upload(&name, id) + "data";
        assert!(Line::parse(&line("upload", &inside, Some("a"), "stale_upload")).is_ok());
        for key in [
            "config.yml".to_owned(),
            "../../etc/passwd".to_owned(),
            format!("/{inside}"),
            layout::upload(&name, id) + "../../../../../x",
            layout::upload(&name, id) + "a//b",
            layout::upload(&name, id) + "a\u{0}b",
            inside.replace("/a/", "/../"),
            inside.replace("/v2/", "/v3/"),
        ] {
            for repository in [None, Some("a"), Some("..")] {
                assert!(Line::parse(&line("upload", &key, repository, "stale_upload")).is_err(), "{key}");
                assert!(Line::parse(&line("blob", &key, repository, "unreferenced_blob")).is_err(), "{key}");
            }
        }
    }
}
