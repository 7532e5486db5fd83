//! Pulling: the proof that an image is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, bail};
use serde_json::Value;

use super::client::{Client, sha256};

/// Something an image needs and the registry does not deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// `repository:tag`, or `repository@digest`.
    pub image: String,
    /// What is not delivered: a digest, or the tag itself.
    pub what: String,
    /// The answer.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs {}: {}", self.image, self.what, self.why)
    }
}

/// What was pulled, and what could not be.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    /// From `repository:tag` to every digest pulled completely for it: manifests, configs, layers.
    pub images: BTreeMap<String, BTreeSet<String>>,
    /// What is broken, in the order it was found.
    pub broken: Vec<Broken>,
}

impl Pull {
    /// The images, if nothing is broken.
    pub fn whole(self) -> Result<BTreeMap<String, BTreeSet<String>>> {
        if self.broken.is_empty() {
            return Ok(self.images);
        }
        let lines: Vec<_> = self.broken.iter().map(ToString::to_string).collect();
        bail!("{} broken:\n{}", lines.len(), lines.join("\n"))
    }
}

impl Client {
    /// Pulls every tag of every repository: each manifest, each child manifest, each config and layer, all verified.
    pub async fn pull_all(&self) -> Result<Pull> {
        let mut pull = Pull::default();
        for repository in self.catalog().await? {
            let mut verified = BTreeSet::new();
            for tag in self.tags(&repository).await? {
                self.pull_into(&mut pull, &mut verified, &repository, &tag).await;
            }
        }
        Ok(pull)
    }

    /// Pulls one image by tag or digest.
    pub async fn pull(&self, repository: &str, reference: &str) -> Pull {
        let mut pull = Pull::default();
        self.pull_into(&mut pull, &mut BTreeSet::new(), repository, reference).await;
        pull
    }

    /// `verified` holds what this repository has already delivered.
    async fn pull_into(&self, pull: &mut Pull, verified: &mut BTreeSet<String>, repository: &str, reference: &str) {
        let glue = if reference.contains(':') { '@' } else { ':' };
        let image = format!("{repository}{glue}{reference}");
        let mut seen = BTreeSet::new();
        let mut todo = vec![(reference.to_owned(), true)];
        while let Some((reference, is_manifest)) = todo.pop() {
            if !seen.insert(reference.clone()) {
                continue;
            }
            let fetched = if is_manifest {
                self.manifest(repository, &reference).await.map(|(_, bytes)| bytes)
            } else if verified.contains(&reference) {
                pull.images.entry(image.clone()).or_default().insert(reference);
                continue;
            } else {
                self.blob(repository, &reference).await
            };
            let mut broken = |why: String| {
                pull.broken.push(Broken { image: image.clone(), what: reference.clone(), why });
            };
            let bytes = match fetched {
                Ok(bytes) => bytes,
                Err(error) => {
                    broken(format!("{error:#}"));
                    continue;
                }
            };
            let digest = sha256(&bytes);
            if reference.contains(':') && digest != reference {
                broken(format!("the bytes have the digest {digest}"));
                continue;
            }
            if is_manifest {
                match references(&bytes) {
                    Ok(references) => todo.extend(references),
                    Err(error) => broken(format!("{error:#}")),
                }
            }
            verified.insert(digest.clone());
            pull.images.entry(image.clone()).or_default().insert(digest);
        }
    }
}

/// What a manifest needs, and whether each is a manifest itself. Layers that live elsewhere (`urls`) are left out.
fn references(manifest: &[u8]) -> Result<Vec<(String, bool)>> {
    let manifest: Value = serde_json::from_slice(manifest)?;
    let list = |field: &str| manifest.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for child in list("manifests") {
        let media_type = child.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        let is_manifest = media_type.contains("manifest") || media_type.contains("image.index");
        found.push((child, is_manifest));
    }
    let config = manifest.get("config").cloned().into_iter();
    found.extend(config.chain(list("layers")).map(|blob| (blob, false)));
    found.retain(|(descriptor, _)| descriptor.get("urls").is_none());
    let digest =
        |descriptor: &Value| descriptor.get("digest").and_then(Value::as_str).unwrap_or("no digest").to_owned();
    Ok(found.iter().map(|(descriptor, is_manifest)| (digest(descriptor), *is_manifest)).collect())
}
