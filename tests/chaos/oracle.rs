//! The last look: everything that was acknowledged is pulled completely, and what is listed is whole.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::image::Pool;
use super::ledger::{Ledger, Possible};
use super::owner::REPOSITORIES;
use crate::real::{Broken, Client};

/// What was found in the end.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Tags that were looked at: all that any client ever pushed, and all that are listed.
    pub tags: usize,
    /// Tags among them that lead to an image.
    pub images: usize,
    /// Referrers that were looked at.
    pub referrers: usize,
    /// What is broken, and why.
    pub broken: Vec<Broken>,
    /// Blobs a repository claims to have and cannot deliver. The next push that believes it is broken.
    pub false_claims: Vec<Broken>,
}

/// Looks at everything. No client and no collector is running any more.
pub async fn judge(client: &Client, ledgers: &[Ledger]) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut expected: BTreeMap<String, &Possible> = BTreeMap::new();
    for ledger in ledgers {
        expected.extend(ledger.tags().map(|((repository, tag), possible)| (format!("{repository}:{tag}"), possible)));
    }
    // Every tag that is listed, expected or not: what is listed has to be whole.
    let pull = client.pull_all().await?;
    verdict.broken.extend(pull.broken.iter().cloned());
    let listed = pull.images.keys().cloned().chain(pull.broken.iter().map(|broken| broken.image.clone()));
    let listed: BTreeSet<String> = listed.collect();
    verdict.tags = listed.iter().chain(expected.keys()).collect::<BTreeSet<_>>().len();

    for (image, possible) in expected {
        let (repository, tag) = image.split_once(':').unwrap_or_default();
        let found = match client.manifest_digest(repository, tag).await {
            Ok(found) => found,
            Err(error) => {
                verdict.broken.push(Broken { image: image.clone(), what: tag.to_owned(), why: format!("{error:#}") });
                continue;
            }
        };
        verdict.images += usize::from(found.is_some());
        if !possible.contains(&found) {
            let why = format!("it leads to {found:?} instead of {possible:?}");
            verdict.broken.push(Broken { image: image.clone(), what: tag.to_owned(), why });
        }
        if found.is_some() && !listed.contains(&image) {
            let why = "it is not listed".to_owned();
            verdict.broken.push(Broken { image: image.clone(), what: tag.to_owned(), why });
        }
    }
    for (repository, digest) in ledgers.iter().flat_map(Ledger::referrers) {
        verdict.referrers += 1;
        verdict.broken.extend(client.pull(repository, digest).await.broken);
    }
    Ok(verdict)
}

/// The blobs of the pool that a repository says it has, and does not deliver.
pub async fn false_claims(client: &Client, pool: &Pool) -> Result<Vec<Broken>> {
    let mut found = Vec::new();
    for repository in REPOSITORIES {
        for blob in pool.layers.iter().chain(&pool.configs) {
            if !client.has_blob(repository, blob.digest()).await? {
                continue;
            }
            match client.blob(repository, blob.digest()).await {
                Ok(bytes) if bytes == blob.bytes => (),
                Ok(bytes) => found.push(claim(repository, blob.digest(), format!("{} other bytes", bytes.len()))),
                Err(error) => found.push(claim(repository, blob.digest(), format!("{error:#}"))),
            }
        }
    }
    Ok(found)
}

fn claim(repository: &str, digest: &str, why: String) -> Broken {
    Broken { image: repository.to_owned(), what: digest.to_owned(), why }
}
