//! Takes entries out of the cache, in chunks, through connections that may break.

use super::dial::Dial;
use super::keys;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, RepositoryName};
use crate::storage::location::RedisCache;
use crate::storage::open::Connection;
use backon::{ExponentialBuilder, Retryable};
use redis::Pipeline;
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use tokio::sync::Mutex;

/// How many entries one request names: the server does nothing else while it removes them.
const CHUNK: usize = 1000;

/// The first look gives up soon: a wrong address should not take minutes to be told.
const FIRST_LOOK: usize = 1;
/// Later it is too late to stop: about half a minute, in which a server restarts or another becomes the master.
const PATIENT: usize = 10;

/// Takes entries out of the registry's descriptor cache in Redis.
#[derive(Debug)]
pub struct Evictor {
    dial: Dial,
    connection: Mutex<Option<MultiplexedConnection>>,
    retries: usize,
}

/// What was taken out. After a connection broke, what its server did unheard is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Keys that were there: a blob's own, and a blob's in one repository.
    pub keys: u64,
    /// Digests that were members of a repository.
    pub members: u64,
}

impl Evictor {
    /// Reaches the server, signs in, and makes sure that entries may be removed: a mistake shows before anything is
    /// deleted.
    ///
    /// # Errors
    /// If the server cannot be reached, does not accept the credential, or does not let entries be removed.
    pub async fn connect(cache: &RedisCache, connection: &Connection) -> Result<Self> {
        let dial = Dial::new(cache, connection)?;
        let connected = (|| dial.connect()).retry(patience(FIRST_LOOK)).when(may_pass).await?;
        Ok(Self { dial, connection: Mutex::new(Some(connected)), retries: PATIENT })
    }

    /// With another number of tries after the first, for a run that has less time.
    #[must_use]
    pub fn with_retries(self, retries: usize) -> Self {
        Self { retries, ..self }
    }

    /// Evicts blobs from the whole registry, and blobs from repositories. All of it may be repeated.
    ///
    /// # Errors
    /// If the server does not answer any more, or refuses. What was evicted before stays so.
    pub async fn evict<'a>(
        &self,
        blobs: impl IntoIterator<Item = &'a Digest>,
        links: impl IntoIterator<Item = (&'a RepositoryName, &'a Digest)>,
    ) -> Result<Evicted> {
        let mut evicted = Evicted::default();
        let mut links = links.into_iter();
        loop {
            let chunk: Vec<_> = links.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            let mut counts = self.send(&of_links(&chunk)).await?;
            evicted.keys += counts.pop().unwrap_or_default();
            evicted.members += counts.iter().sum::<u64>();
        }
        let mut blobs = blobs.into_iter();
        loop {
            let chunk: Vec<_> = blobs.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            let mut commands = Pipeline::new();
            commands.cmd("DEL").arg(chunk.into_iter().map(keys::blob).collect::<Vec<_>>());
            evicted.keys += self.send(&commands).await?.iter().sum::<u64>();
        }
        Ok(evicted)
    }

    /// Sends commands that may be repeated until they are answered. A connection that failed is never used again: what
    /// it still brings would be taken for the answer to something else.
    async fn send(&self, commands: &Pipeline) -> Result<Vec<u64>> {
        let attempt = || async {
            let mut held = self.connection.lock().await;
            let mut connection = match held.take() {
                Some(connection) => connection,
                None => self.dial.connect().await?,
            };
            let counts = commands.query_async(&mut connection).await.map_err(|error| self.dial.refused(&error))?;
            *held = Some(connection);
            Ok(counts)
        };
        attempt.retry(patience(self.retries)).when(may_pass).await.map_err(afterwards)
    }
}

/// Members go first: without them the registry does not look at the rest.
fn of_links(links: &[(&RepositoryName, &Digest)]) -> Pipeline {
    let mut commands = Pipeline::new();
    for of_one in links.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((repository, _)) = of_one.first() else { continue };
        let digests: Vec<String> = of_one.iter().map(|(_, digest)| digest.to_string()).collect();
        commands.cmd("SREM").arg(keys::members(repository)).arg(digests);
    }
    commands
        .cmd("DEL")
        .arg(links.iter().map(|(repository, digest)| keys::link(repository, digest)).collect::<Vec<_>>());
    commands
}

fn patience(retries: usize) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(retries)
}

fn may_pass(error: &Error) -> bool {
    error.kind() == ErrorKind::Unreachable
}

fn afterwards(error: Error) -> Error {
    let next = "the registry may go on claiming blobs that are gone: run regsweep again when the cache answers, or flush \
                its database, before the registry takes pushes";
    let next = error.hint().map_or_else(|| next.to_owned(), |hint| format!("{next}; {hint}"));
    error.next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_go_first_and_together() {
        let names: Vec<_> = ["a", "b"].into_iter().filter_map(RepositoryName::new).collect();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let links = [(&names[0], &one), (&names[0], &two), (&names[1], &one)];
        let commands = of_links(&links);
        let sent: Vec<String> = commands
            .cmd_iter()
            .map(|command| {
                let arguments = command.args_iter().map(|argument| match argument {
                    redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    _ => unreachable!("every argument is text"),
                });
                arguments.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(
            sent,
            [
                format!("SREM repository::a::blobs {one} {two}"),
                format!("SREM repository::b::blobs {one}"),
                format!("DEL repository::a::blobs::{one} repository::a::blobs::{two} repository::b::blobs::{one}"),
            ]
        );
    }
}
