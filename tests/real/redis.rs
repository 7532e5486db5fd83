//! `redis-server`, which keeps nothing on disk.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use regsweep::storage::location::{HostPort, RedisCache, RedisServer, Secret};
use tempfile::TempDir;

use super::process::{Process, find, on_a_free_port};

/// A running Redis on 127.0.0.1.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: u16,
    options: Vec<String>,
    home: TempDir,
}

impl Redis {
    /// Starts a server that wants no password.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with these options (`--requirepass`, `hunter2`).
    pub fn start_with(options: &[&str]) -> Result<Self> {
        let mut redis = Self {
            process: None,
            port: 0,
            options: options.iter().map(|&option| option.to_owned()).collect(),
            home: tempfile::tempdir()?,
        };
        on_a_free_port(|port| {
            redis.port = port;
            redis.serve()
        })?;
        Ok(redis)
    }

    /// Starts a sentinel that knows no master yet.
    pub fn start_sentinel(options: &[&str]) -> Result<Self> {
        Self::start_with(&[&["--sentinel"], options].concat())
    }

    /// Serves (again) on the same port, and remembers nothing.
    pub fn serve(&mut self) -> Result<()> {
        self.stop();
        let program = find("redis-server", "redis-server (apt-get install redis-server)")?;
        let home = self.home.path();
        // A sentinel wants a file that it can write.
        let config = home.join(format!("{}.conf", self.port));
        let fixed = format!("port {}\nbind 127.0.0.1\ndir {}\n", self.port, home.display());
        let sentinel = self.options.iter().any(|option| option == "--sentinel");
        let volatile = if sentinel { "" } else { "save \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n" };
        std::fs::write(&config, fixed + volatile)?;
        let options = self.options.iter().map(OsString::from);
        let arguments: Vec<OsString> = [config.into_os_string()].into_iter().chain(options).collect();
        let process = Process::start("redis-server", &program, &arguments, &home.join("redis.log"))?;
        process.wait_until(|| self.is_ready())?;
        self.process = Some(process);
        Ok(())
    }

    /// Any answer will do: a server may want a password first.
    fn is_ready(&self) -> Result<()> {
        let connected = open(&format!("redis://127.0.0.1:{}", self.port))
            .and_then(|mut connection| redis::cmd("PING").query::<()>(&mut connection).context("PING"));
        match connected {
            Err(error) if format!("{error:#}").contains("NOAUTH") => Ok(()),
            other => other,
        }
    }

    /// Kills the server.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// The port without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the server's files.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What regsweep is told of this server: without a password, the first database.
    pub fn cache(&self) -> RedisCache {
        cache(self.port)
    }

    /// The same, with a password and a database.
    pub fn cache_with(&self, password: &str, database: u32) -> RedisCache {
        RedisCache { password: Some(Secret::new(password)), database, ..self.cache() }
    }

    /// A connection to look and to fill with; `way` is what stands around the host, as in `:password@/3`.
    pub fn look(&self, way: &str) -> Result<redis::Connection> {
        let (user, database) = way.rsplit_once('/').unwrap_or((way, "0"));
        open(&format!("redis://{user}127.0.0.1:{}/{database}", self.port))
    }
}

fn open(url: &str) -> Result<redis::Connection> {
    let client = redis::Client::open(url)?;
    client.get_connection_with_timeout(Duration::from_secs(30)).context("connect to redis-server")
}

/// What regsweep is told of a server on this port of 127.0.0.1.
pub fn cache(port: u16) -> RedisCache {
    RedisCache {
        named_by: "`redis.addr` (line 7 of config.yml)".to_owned(),
        server: RedisServer::At(HostPort { host: "127.0.0.1".to_owned(), port }),
        username: None,
        password: None,
        database: 0,
        tls: None,
    }
}
