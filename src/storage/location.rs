//! Where a registry's data is, what the registry remembers of it, and how to reach both: values, made by
//! [`config`](crate::config), opened by [`open`](super::open) and
//! [`descriptor_cache`](super::descriptor_cache).

use std::fmt;
use std::path::PathBuf;

/// A credential. It cannot be printed: `Debug` and `Display` show asterisks.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the secret in.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one who signs requests with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A registry's storage, and the setting that named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The store with its root.
    pub store: Store,
    /// Which setting named it, for errors: "`storage.s3.rootdirectory` in /etc/distribution/config.yml".
    pub named_by: String,
    /// Whether a configuration file named it: then the registry may run in a container and see another file system.
    pub from_configuration: bool,
}

/// The four kinds of storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// A local directory.
    Directory(DirectoryLocation),
    /// Amazon S3 and what speaks its protocol.
    S3(S3Location),
    /// Google Cloud Storage.
    Gcs(GcsLocation),
    /// Azure Blob Storage.
    Azure(AzureLocation),
}

/// The filesystem driver's root directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryLocation {
    /// `rootdirectory`; holds `docker/registry/v2`.
    pub root: PathBuf,
}

/// A bucket of Amazon S3 or a compatible store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the registry's driver")]
pub struct S3Location {
    /// The bucket's name.
    pub bucket: String,
    /// What stands before `docker/registry/v2` in every key: empty, or ends with `/`.
    pub prefix: String,
    /// The region, where it is configured.
    pub region: Option<String>,
    /// A custom endpoint with its scheme (`https://minio.example:9000`); none means AWS.
    pub endpoint: Option<String>,
    /// Whether the bucket goes into the path and not into the host name. `None`: path style with a custom endpoint.
    pub path_style: Option<bool>,
    /// Whether plain HTTP was asked for (`secure: false`, or an `http://` endpoint).
    pub plain_http: bool,
    /// Whether certificates are taken as they are (`skipverify`).
    pub skip_verify: bool,
    /// Dual stack (IPv6) endpoints of AWS (`usedualstack`).
    pub dual_stack: bool,
    /// FIPS endpoints of AWS (`usefipsendpoint`).
    pub fips: bool,
    /// Transfer acceleration endpoints of AWS (`accelerate`).
    pub accelerate: bool,
    /// How objects are written, so that what regsweep writes looks as if the registry had written it.
    pub writes: S3Writes,
    /// Keys from the registry's configuration; none means the cloud's usual chain.
    pub keys: Option<S3Keys>,
    /// The profile of the shared configuration (`--profile`).
    pub profile: Option<String>,
}

/// How the registry writes its objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Writes {
    /// How the store encrypts what is written.
    pub encryption: S3Encryption,
    /// `storageclass`, where it is not the store's own choice.
    pub storage_class: Option<String>,
}

/// Encryption by the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum S3Encryption {
    /// What the bucket says.
    #[default]
    BucketDefault,
    /// `encrypt`: with the store's own key.
    Store,
    /// `encrypt` with `keyid`: with a key of the account's.
    Key(String),
}

/// Static keys from the registry's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Keys {
    /// `accesskey`.
    pub access_key: String,
    /// `secretkey`.
    pub secret_key: Secret,
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcsLocation {
    /// The bucket's name.
    pub bucket: String,
    /// What stands before `docker/registry/v2` in every key: empty, or ends with `/`.
    pub prefix: String,
    /// A custom endpoint (an emulator), with its scheme.
    pub endpoint: Option<String>,
    /// How to sign in.
    pub credential: GcsCredential,
}

/// How to sign in to Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GcsCredential {
    /// `keyfile`.
    KeyFile(PathBuf),
    /// `credentials`: a service account key as JSON.
    Inline(Secret),
    /// A bearer token.
    Token(Secret),
    /// Application default credentials.
    Default,
    /// None: an emulator.
    Anonymous,
}

/// A container of Azure Blob Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureLocation {
    /// The storage account's name.
    pub account: String,
    /// The container's name.
    pub container: String,
    /// What stands before `docker/registry/v2` in every key: empty, or ends with `/`. Without the leading slash that
    /// registries before v3 write: which form a container holds is found out when it is opened.
    pub prefix: String,
    /// The service's URL, with its scheme; none means `https://<account>.blob.core.windows.net`.
    pub endpoint: Option<String>,
    /// Whether certificates are taken as they are (`skipverify`).
    pub skip_verify: bool,
    /// How to sign in.
    pub credential: AzureCredential,
}

/// How to sign in to Azure Blob Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AzureCredential {
    /// `accountkey`.
    SharedKey(Secret),
    /// A shared access signature.
    Sas(Secret),
    /// `clientid`, `tenantid`, `secret`.
    ClientSecret {
        /// The application's id.
        client_id: String,
        /// The directory's id.
        tenant_id: String,
        /// The secret.
        secret: Secret,
    },
    /// Environment, workload identity, managed identity, CLI.
    Default,
}

/// Where the registry remembers which blobs exist: what it remembers outlives a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a run has one")]
pub enum DescriptorCache {
    /// It remembers nothing.
    None,
    /// In the memory of the running process, for as long as it runs.
    InMemory,
    /// In Redis.
    Redis(RedisCache),
    /// It is not known, or is one that regsweep cannot evict from.
    Unknown,
}

/// How the registry reaches its Redis. The registry's timeouts have no part in it: they are made for its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisCache {
    /// Which setting named it, for errors: "`redis.addr` (line 7 of /etc/distribution/config.yml)".
    pub named_by: String,
    /// The server.
    pub server: RedisServer,
    /// The user, where access control lists are used; it counts only with a password.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: u32,
    /// How the connection is encrypted; none means it is not.
    pub tls: Option<RedisTls>,
}

/// Which server of Redis is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServer {
    /// This one.
    At(HostPort),
    /// The one that sentinels say is the master.
    Master(Sentinels),
}

/// Sentinels, which know where the master is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentinels {
    /// Where they are; one that answers is enough. Never empty.
    pub addresses: Vec<HostPort>,
    /// The master's name.
    pub master: String,
    /// The user for the sentinels themselves.
    pub username: Option<String>,
    /// The password for the sentinels themselves.
    pub password: Option<Secret>,
}

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What an encrypted connection to Redis shows and trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// The certificate to show and its key (PEM).
    pub client: Option<ClientCertificate>,
    /// Certificates to trust in the system's place (PEM); none means the system's.
    pub root_cas: Vec<PathBuf>,
}

/// A certificate to show to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// As a URL, without credentials.
impl fmt::Display for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        match &self.server {
            RedisServer::At(server) => write!(f, "{scheme}://{server}/{}", self.database),
            RedisServer::Master(sentinels) => {
                write!(f, "{scheme}://{} (the master by its sentinels)/{}", sentinels.master, self.database)
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, place, prefix) = match &self.store {
            Store::Directory(directory) => return write!(f, "{}", directory.root.display()),
            Store::S3(s3) => ("s3", &s3.bucket, &s3.prefix),
            Store::Gcs(gcs) => ("gs", &gcs.bucket, &gcs.prefix),
            Store::Azure(azure) => ("az", &azure.container, &azure.prefix),
        };
        write!(f, "{scheme}://{place}")?;
        match prefix.trim_end_matches('/') {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}
