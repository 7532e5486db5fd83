//! One connection to the cache's server: found, encrypted, signed in, and tried.

use super::{keys, tls, words};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::location::{HostPort, RedisCache, RedisServer, Secret, Sentinels};
use crate::storage::open::Connection;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError};
use std::fmt;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Within this a server is connected, TLS included.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Within this it answers a request: a thousand entries take it a millisecond, when nothing else keeps it busy.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// What it takes to connect, as often as need be.
pub(super) struct Dial {
    cache: RedisCache,
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Dial {
    /// Reads the files of certificates, once.
    pub(super) fn new(cache: &RedisCache, connection: &Connection) -> Result<Self> {
        let tls = cache.tls.as_ref().map(|tls| tls::connector(tls, &cache.named_by, connection)).transpose()?;
        Ok(Self { cache: cache.clone(), tls })
    }

    /// A connection on which entries can be removed.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection> {
        let server = match &self.cache.server {
            RedisServer::At(server) => server.clone(),
            RedisServer::Master(sentinels) => self.master(sentinels).await?,
        };
        let mut connection = self.open(&server).await?;
        let (username, password) = (self.cache.username.as_deref(), self.cache.password.as_ref());
        sign_in(&mut connection, username, password).await.map_err(|words| self.error(words))?;
        if self.cache.database != 0 {
            let select = redis::cmd("SELECT").arg(self.cache.database).take();
            let selected: Result<(), RedisError> = select.query_async(&mut connection).await;
            selected.map_err(|error| self.no_database(&error))?;
        }
        let alive: Result<(), RedisError> = redis::cmd("PING").query_async(&mut connection).await;
        alive.map_err(|error| self.refused(&error))?;
        // A replica, a node of a cluster and a user without the permission all answer so far.
        let mut trial = Pipeline::new();
        trial.cmd("DEL").arg(&keys::NOBODYS).cmd("SREM").arg(keys::NOBODYS[1]).arg("");
        let tried: Result<(), RedisError> = trial.exec_async(&mut connection).await;
        tried.map_err(|error| self.refused(&error))?;
        Ok(connection)
    }

    /// The server that the first sentinel to answer calls the master.
    async fn master(&self, sentinels: &Sentinels) -> Result<HostPort> {
        let mut failed = None;
        for sentinel in &sentinels.addresses {
            match self.ask_sentinel(sentinel, sentinels).await {
                Ok(master) => return Ok(master),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| Error::new(ErrorKind::Bug, words::DOING).because("no sentinel is named")))
    }

    async fn ask_sentinel(&self, sentinel: &HostPort, sentinels: &Sentinels) -> Result<HostPort> {
        let mut connection = self.open(sentinel).await?;
        let failed = |words| self.error(words::of_sentinel(sentinel, words));
        let (username, password) = (sentinels.username.as_deref(), sentinels.password.as_ref());
        sign_in(&mut connection, username, password).await.map_err(failed)?;
        let question = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&sentinels.master).take();
        let answer: Result<Option<(String, u16)>, RedisError> = question.query_async(&mut connection).await;
        match answer {
            Ok(Some((host, port))) => Ok(HostPort { host, port }),
            Ok(None) => Err(failed(words::no_master(&sentinels.master))),
            Err(error) => Err(failed(words::refused(&error, password.is_some(), ANSWERED_WITHIN))),
        }
    }

    async fn open(&self, server: &HostPort) -> Result<MultiplexedConnection> {
        let opened = timeout(CONNECTED_WITHIN, self.open_at_last(server)).await;
        let late = |_| self.error(words::not_opened(server, CONNECTED_WITHIN, self.tls.is_some()));
        opened.map_err(late)?
    }

    async fn open_at_last(&self, server: &HostPort) -> Result<MultiplexedConnection> {
        let failed = |error: std::io::Error| self.error(words::unreachable(server, &error.to_string()));
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(failed)?;
        // Requests are written whole.
        stream.set_nodelay(true).map_err(failed)?;
        // Signing in is done here and not by the library, which would repeat what the server says to a password.
        let bare = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWERED_WITHIN));
        let opened = match &self.tls {
            None => {
                let opened = MultiplexedConnection::new_with_config(&bare, stream, config).await;
                opened.map(|(connection, driver)| (connection, tokio::spawn(driver)))
            }
            Some(connector) => {
                let name = tls::server_name(&server.host).ok_or_else(|| self.error(words::no_name(server)))?;
                let stream = connector.connect(name, stream).await;
                let stream = stream.map_err(|error| self.error(words::not_encrypted(server, &error)))?;
                let opened = MultiplexedConnection::new_with_config(&bare, stream, config).await;
                opened.map(|(connection, driver)| (connection, tokio::spawn(driver)))
            }
        };
        // The driver ends by itself when the connection is dropped.
        opened.map(|(connection, _driver)| connection).map_err(|error| self.refused(&error))
    }

    fn no_database(&self, error: &RedisError) -> Error {
        match error.code() {
            Some("ERR") => self.error(words::no_database(error, self.cache.database)),
            _ => self.refused(error),
        }
    }

    /// What a server's refusal, or its silence, means.
    pub(super) fn refused(&self, error: &RedisError) -> Error {
        self.error(words::refused(error, self.cache.password.is_some(), ANSWERED_WITHIN))
    }

    fn error(&self, (kind, why, next): words::Words) -> Error {
        Error::new(kind, words::DOING)
            .on(self.cache.to_string())
            .because(why)
            .next(format!("{} named it: {next}", self.cache.named_by))
    }
}

/// A server before 6.0, or one that wants no password, calls a password for the default user a mistake, and so does one
/// before 6.0 that wants another: what comes next tells.
async fn sign_in(
    connection: &mut MultiplexedConnection,
    username: Option<&str>,
    password: Option<&Secret>,
) -> Result<(), words::Words> {
    let Some(password) = password else { return Ok(()) };
    let command = redis::cmd("AUTH").arg(username).arg(password.reveal()).take();
    let answer: Result<(), RedisError> = command.query_async(connection).await;
    match answer {
        Err(error) if error.code() != Some("ERR") || username.is_some() => {
            Err(words::not_signed_in(&error, ANSWERED_WITHIN))
        }
        _ => Ok(()),
    }
}
