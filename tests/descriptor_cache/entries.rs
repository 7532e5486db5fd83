//! A cache as the registry fills it, without a registry.

use std::collections::BTreeSet;

use anyhow::Result;
use regsweep::model::{Digest, RepositoryName};
use regsweep::storage::descriptor_cache::{Evicted, Evictor};

/// Blobs, and the repositories that have all of them.
pub struct Entries {
    pub repositories: Vec<RepositoryName>,
    pub digests: Vec<Digest>,
}

impl Entries {
    pub fn new(repositories: &[&str], digests: u32) -> Self {
        Self {
            repositories: repositories.iter().map(|name| RepositoryName::new(name).unwrap()).collect(),
            digests: (0..digests).map(|number| Digest::of(&number.to_le_bytes())).collect(),
        }
    }

    /// Those of the digests that are in `range`.
    pub fn part(&self, range: std::ops::Range<usize>) -> Self {
        Self { repositories: self.repositories.clone(), digests: self.digests[range].to_vec() }
    }

    /// What the registry's `SetDescriptor` sends.
    pub fn fill(&self, connection: &mut redis::Connection) -> Result<()> {
        for some in self.digests.chunks(1000) {
            let mut commands = redis::pipe();
            for digest in some {
                let text = digest.to_string();
                let fields = [("digest", text.as_str()), ("size", "7"), ("mediatype", "application/octet-stream")];
                commands.cmd("HSET").arg(format!("blobs::{text}")).arg(&fields).ignore();
                for repository in &self.repositories {
                    let name = repository.as_str();
                    commands.cmd("SADD").arg(format!("repository::{name}::blobs")).arg(&text).ignore();
                    let key = format!("repository::{name}::blobs::{text}");
                    commands.cmd("HSET").arg(key).arg("mediatype").arg("application/octet-stream").ignore();
                }
            }
            commands.exec(connection)?;
        }
        Ok(())
    }

    pub fn links(&self) -> impl Iterator<Item = (&RepositoryName, &Digest)> {
        let of_one = |repository| self.digests.iter().map(move |digest| (repository, digest));
        self.repositories.iter().flat_map(of_one)
    }

    /// Takes all of them out.
    pub async fn evict(&self, evictor: &Evictor) -> regsweep::error::Result<Evicted> {
        evictor.evict(&self.digests, self.links()).await
    }

    /// How many there are: what evicting all of them comes to.
    pub fn all(&self) -> Evicted {
        let (blobs, repositories) = (self.digests.len() as u64, self.repositories.len() as u64);
        Evicted { keys: blobs + blobs * repositories, members: blobs * repositories }
    }
}

/// Every key of a database.
pub fn keys(connection: &mut redis::Connection) -> Result<BTreeSet<String>> {
    Ok(redis::cmd("KEYS").arg("*").query(connection)?)
}

/// The members of a repository's set.
pub fn members(connection: &mut redis::Connection, repository: &str) -> Result<BTreeSet<String>> {
    Ok(redis::cmd("SMEMBERS").arg(format!("repository::{repository}::blobs")).query(connection)?)
}
