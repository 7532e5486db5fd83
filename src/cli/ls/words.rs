//! Words for what is listed.

use crate::collect::list::row::{Facts, Word};
use crate::collect::problem::ProblemCode;
use crate::model::{Digest, Timestamp};
use crate::retention::facts::OLDEST;

/// What an artifact is, by its type.
pub(super) fn artifact(artifact_type: &str) -> String {
    let known = [
        ("application/vnd.cncf.helm.", "helm chart"),
        ("application/vnd.dev.cosign.simplesigning.", "signature"),
        ("application/vnd.cncf.notary.signature", "signature"),
        ("application/vnd.dev.sigstore.bundle", "sigstore bundle"),
        ("application/vnd.dsse.envelope.", "attestation"),
        ("application/vnd.in-toto+json", "attestation"),
        ("application/spdx+json", "sbom (spdx)"),
        ("application/vnd.cyclonedx", "sbom (cyclonedx)"),
        ("application/vnd.buildkit.cacheconfig", "build cache"),
        ("application/vnd.docker.plugin", "docker plugin"),
        ("application/vnd.wasm", "wasm"),
        ("application/vnd.oci.empty.v1+json", "artifact"),
    ];
    let found = known.into_iter().find(|(prefix, _)| artifact_type.starts_with(prefix));
    found.map_or_else(|| artifact_type.trim_start_matches("application/").to_owned(), |(_, word)| word.to_owned())
}

/// What a manifest is, for the eye: the platforms of an image, the kind of an artifact, or what is wrong with it.
pub(super) fn what(facts: &Facts) -> String {
    if let Some(problem) = &facts.problem {
        // It can be read itself: then something below it cannot.
        let is_below = problem.code == ProblemCode::UnreadableManifest && facts.kind.is_some();
        return format!("! {}", if is_below { "broken part" } else { super::problem(problem.code) });
    }
    let platforms = platforms(&facts.platforms);
    let mut what = match (facts.kind, facts.artifact_type.as_deref()) {
        (None, _) => String::new(),
        (Some(Word::Schema1), _) => "schema 1".into(),
        (Some(Word::Artifact), Some(artifact_type)) => artifact(artifact_type),
        (Some(Word::Artifact), None) => "artifact".into(),
        (Some(Word::Image), _) if platforms.is_empty() => "image".into(),
        (Some(Word::Index), _) if platforms.is_empty() => "index".into(),
        (Some(Word::Image), _) => platforms,
        (Some(Word::Index), _) => format!("index {platforms}"),
    };
    if facts.absent > 0 {
        what = format!("{what} ({} absent)", facts.absent);
    }
    what
}

/// Platforms in one word for each system: `linux/amd64,arm64/v8`.
fn platforms(platforms: &[String]) -> String {
    let mut text = String::new();
    let mut last = "";
    for platform in platforms {
        let (system, rest) = platform.split_once('/').unwrap_or((platform, ""));
        if system == last {
            text.push(',');
            text.push_str(rest);
        } else {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(platform);
        }
        last = system;
    }
    text
}

/// The first digits of a digest, as docker shows them.
pub(super) fn short(digest: &Digest) -> String {
    digest.hex()[..12].to_owned()
}

/// The first digits of a digest that is text.
pub(super) fn short_text(digest: &str) -> &str {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

/// The day of a time: `2026-11-21`.
pub(super) fn day(time: Option<Timestamp>) -> String {
    time.map(Timestamp::to_minute).and_then(|text| text.get(..10).map(str::to_owned)).unwrap_or_default()
}

/// The day on which an image was made. What builds say that know none (the epoch, mostly) is none.
pub(super) fn made(created: Option<Timestamp>) -> String {
    match created {
        Some(time) if time < OLDEST => "-".to_owned(),
        _ => day(created),
    }
}

/// The minute of a time: `2026-11-21 19:10`.
pub(super) fn minute(time: Option<Timestamp>) -> String {
    time.map(Timestamp::to_minute).unwrap_or_default().trim_end_matches(" UTC").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_of_the_epoch_has_no_date() {
        assert_eq!(made(Some(Timestamp::default())), "-");
        assert_eq!((made(Some(OLDEST)).as_str(), made(None).as_str()), ("2013-01-01", ""));
    }

    #[test]
    fn platforms_of_one_system_share_its_name() {
        let list = |list: &[&str]| platforms(&list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&["linux/amd64", "linux/arm64/v8"]), "linux/amd64,arm64/v8");
        assert_eq!(
            list(&["windows/amd64:10.0.1", "linux/amd64", "linux/s390x"]),
            "windows/amd64:10.0.1 linux/amd64,s390x"
        );
        assert_eq!(list(&[]), "");
    }

    #[test]
    fn unknown_artifacts_are_called_what_they_call_themselves() {
        assert_eq!(artifact("application/vnd.cncf.helm.config.v1+json"), "helm chart");
        assert_eq!(artifact("application/vnd.example.thing.v1"), "vnd.example.thing.v1");
        assert_eq!(artifact("text/plain"), "text/plain");
    }
}
