//! The real registry, `docker-registry` 2.8.2 of Debian, and its own garbage collector.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use super::client::Client;
use super::moto::{ACCESS_KEY_ID, Moto, REGION, SECRET_ACCESS_KEY};
use super::process::{Process, find, on_a_free_port};

/// Where the registry keeps its data.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Below this `rootdirectory`.
    Filesystem(PathBuf),
    /// In a bucket.
    S3 {
        /// `http://127.0.0.1:<port>`
        endpoint: String,
        /// An existing bucket.
        bucket: String,
        /// The driver's `rootdirectory`; empty or `/` for none.
        rootdirectory: String,
    },
}

impl Storage {
    /// The bucket of a moto server.
    pub fn moto(moto: &Moto, rootdirectory: &str) -> Self {
        let bucket = moto.bucket().to_owned();
        Self::S3 { endpoint: moto.endpoint(), bucket, rootdirectory: rootdirectory.to_owned() }
    }

    fn yaml(&self) -> String {
        match self {
            Self::Filesystem(root) => {
                format!("  filesystem: {{rootdirectory: \"{}\", maxthreads: 100}}\n", root.display())
            }
            Self::S3 { endpoint, bucket, rootdirectory } => format!(
                "  s3:\n    accesskey: {ACCESS_KEY_ID}\n    secretkey: {SECRET_ACCESS_KEY}\n    region: {REGION}\n    \
                 regionendpoint: {endpoint:?}\n    bucket: {bucket}\n    rootdirectory: {rootdirectory:?}\n    \
                 encrypt: false\n    secure: false\n    v4auth: true\n    chunksize: 5242880\n"
            ),
        }
    }
}

/// The cache of blob descriptors that the registry uses: it goes on claiming blobs whose data is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// None: every answer comes from the storage.
    None,
    /// In the memory of the registry, as the official image has it.
    InMemory,
    /// In a Redis on this port of 127.0.0.1.
    Redis {
        /// The port.
        port: u16,
        /// The number of the database.
        database: u32,
        /// The password; empty for none.
        password: &'static str,
    },
}

/// A registry with its configuration file; serving until it is stopped or dropped.
#[derive(Debug)]
pub struct Registry {
    process: Option<Process>,
    storage: Storage,
    cache: Cache,
    port: u16,
    home: TempDir,
}

impl Registry {
    /// Serves what is in `storage`, without a descriptor cache.
    pub fn start(storage: Storage) -> Result<Self> {
        Self::start_with(storage, Cache::None)
    }

    /// Serves what is in `storage`, with a descriptor cache.
    pub fn start_with(storage: Storage, cache: Cache) -> Result<Self> {
        let mut registry = Self { process: None, storage, cache, port: 0, home: tempfile::tempdir()? };
        registry.serve()?;
        Ok(registry)
    }

    /// Serves a directory.
    pub fn on_directory(root: &Path) -> Result<Self> {
        Self::start(Storage::Filesystem(root.to_owned()))
    }

    /// Serves the bucket of a moto server, `rootdirectory: /`.
    pub fn on_moto(moto: &Moto) -> Result<Self> {
        Self::start(Storage::moto(moto, "/"))
    }

    /// Serves (again), on another port: ask for a new [`Registry::client`].
    pub fn serve(&mut self) -> Result<()> {
        self.stop();
        let program = docker_registry()?;
        let (process, port) = on_a_free_port(|port| {
            let config = self.write_config(port)?;
            let log = self.home.path().join("registry.log");
            let process = Process::start("docker-registry", &program, &["serve".into(), config.into()], &log)?;
            process.wait_until_it_answers(port, "/v2/")?;
            Ok((process, port))
        })?;
        self.process = Some(process);
        self.port = port;
        Ok(())
    }

    /// Ends the server; the storage and the configuration file stay.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// A client of the server as it runs now.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.host())
    }

    /// `127.0.0.1:<port>`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The registry's `config.yml`, which its collector and regsweep read too.
    pub fn config(&self) -> PathBuf {
        self.home.path().join("config.yml")
    }

    /// Where the data is.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The number of the server's process, while it serves.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::said).unwrap_or_default()
    }

    fn write_config(&self, port: u16) -> Result<PathBuf> {
        let storage = self.storage.yaml();
        let (cache, redis) = match self.cache {
            Cache::None => ("", String::new()),
            Cache::InMemory => ("  cache: {blobdescriptor: inmemory}\n", String::new()),
            Cache::Redis { port, database, password } => (
                "  cache: {blobdescriptor: redis}\n",
                format!(
                    "redis: {{addr: \"127.0.0.1:{port}\", db: {database}, password: {password:?}, dialtimeout: 10s, \
                     readtimeout: 10s, writetimeout: 10s, pool: {{maxidle: 8, maxactive: 64, idletimeout: 60s}}}}\n"
                ),
            ),
        };
        let text = format!(
            "version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\nstorage:\n{storage}{cache}  \
             delete: {{enabled: true}}\n  redirect: {{disable: true}}\n  maintenance: {{uploadpurging: {{enabled: false}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\", secret: x}}\n{redis}"
        );
        let path = self.config();
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}

/// What the registry's own collector said and did.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The digests it marked: manifests and blobs that stay.
    pub marked: BTreeSet<String>,
    /// The blobs it removes (in a dry run: would remove).
    pub eligible_blobs: BTreeSet<String>,
    /// The manifests whose revision links it removes, with `--delete-untagged`.
    pub eligible_manifests: BTreeSet<String>,
    /// The line `N blobs marked, N blobs and N manifests eligible for deletion`.
    pub summary: String,
    /// Its exit code; none if a signal ended it.
    pub exit: Option<i32>,
    /// All of stderr, for the message of a failed assertion.
    pub stderr: String,
}

/// Runs `docker-registry garbage-collect`, the oracle. With `untagged` it breaks tagged indexes whose children have no
/// tag: compare only content without indexes then.
pub fn registry_garbage_collect(config: &Path, untagged: bool, dry: bool) -> Result<Outcome> {
    registry_garbage_collect_watched(config, untagged, dry, |_| Ok(()))
}

/// The same; `marked` is told the process once it knows what to keep, and before it deletes anything.
pub fn registry_garbage_collect_watched(
    config: &Path,
    untagged: bool,
    dry: bool,
    marked: impl FnOnce(u32) -> Result<()>,
) -> Result<Outcome> {
    let mut command = Command::new(docker_registry()?);
    command.arg("garbage-collect").env_remove("AWS_CA_BUNDLE").stdin(Stdio::null());
    command.args(dry.then_some("--dry-run")).args(untagged.then_some("--delete-untagged")).arg(config);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("run docker-registry")?;
    let mut complaints = child.stderr.take().context("its complaints")?;
    let complaints = std::thread::spawn(move || {
        let mut all = Vec::new();
        complaints.read_to_end(&mut all).map(|_| String::from_utf8_lossy(&all).into_owned())
    });
    let mut outcome = Outcome::default();
    let mut marked = Some(marked);
    for line in BufReader::new(child.stdout.take().context("its output")?).lines() {
        let line = line.context("read what docker-registry says")?;
        if line.contains(" blobs marked, ")
            && let Some(marked) = marked.take()
        {
            marked(child.id())?;
        }
        outcome.add(&line);
    }
    outcome.exit = child.wait().context("wait for docker-registry")?.code();
    let complaints = complaints.join().map_err(|_| anyhow!("the reader of its complaints panicked"))?;
    outcome.stderr = complaints.context("read the complaints of docker-registry")?;
    Ok(outcome)
}

impl Outcome {
    fn add(&mut self, line: &str) {
        if let Some(digest) = line.strip_prefix("blob eligible for deletion: ") {
            self.eligible_blobs.insert(digest.trim().to_owned());
        } else if let Some(digest) = line.strip_prefix("manifest eligible for deletion: ") {
            self.eligible_manifests.insert(digest.trim().to_owned());
        } else if line.contains(" blobs marked, ") {
            line.clone_into(&mut self.summary);
        } else if let Some((_, digest)) = line.split_once(": marking manifest ").or(line.split_once(": marking blob "))
        {
            self.marked.insert(digest.trim().to_owned());
        }
    }
}

fn docker_registry() -> Result<PathBuf> {
    find("docker-registry", "docker-registry (apt-get install docker-registry)")
}
