//! Opens a registry's storage: the right client, the right credentials, and a first look that finds mistakes at once.

use super::cloud::{Backend, Cloud};
use super::credentials;
use super::directory::Directory;
use super::explain;
use super::location::{AzureCredential, AzureLocation, GcsCredential, GcsLocation, Location, S3Location, Store};
use super::reader::Storage;
use super::transport::{Counters, Transport};
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder, split_sas};
use object_store::client::Certificate;
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::{ClientOptions, RetryConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to talk to the store, whichever it is.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A file of certificates to trust beside the system's (`--ca-file`).
    pub ca_file: Option<PathBuf>,
}

/// An opened registry.
#[derive(Debug)]
pub enum Opened {
    /// In a local directory.
    Directory(Directory),
    /// In an object store.
    Cloud(Cloud),
}

impl Opened {
    /// For reading.
    #[must_use]
    pub fn reader(&self) -> &dyn Storage {
        match self {
            Self::Directory(directory) => directory,
            Self::Cloud(cloud) => cloud,
        }
    }
}

/// Opens a registry for reading, and makes sure that there is one.
///
/// # Errors
/// If there is no such place, no registry in it, or the store cannot be asked.
pub async fn open(location: &Location, connection: &Connection) -> Result<Opened> {
    let with_setting = |error: Error| match error.kind() {
        ErrorKind::Configuration if error.hint().is_none() => error.next(format!("{} named it", location.named_by)),
        _ => error,
    };
    match &location.store {
        Store::Directory(directory) => {
            if !directory.root.is_dir() {
                return Err(no_directory(location, "there is no such directory"));
            }
            let opened = Directory::open(directory.root.clone())?;
            if !opened.root.join(layout::V2).is_dir() {
                return Err(no_directory(location, "there is no registry in it (no docker/registry/v2)"));
            }
            Ok(Opened::Directory(opened))
        }
        Store::S3(s3) => {
            let aws = if s3.keys.is_some() {
                None
            } else {
                credentials::aws_chain(s3.profile.as_deref(), s3.region.as_deref()).await
            };
            let probe = Cloud::new(
                Backend::S3(s3_client(s3, aws.as_ref(), connection, &Arc::default(), FIRST_LOOK)?),
                s3.prefix.clone(),
                Arc::default(),
            );
            look(&probe, location).await.map_err(with_setting)?;
            let counters = Arc::default();
            let client = s3_client(s3, aws.as_ref(), connection, &counters, PATIENT)?;
            Ok(Opened::Cloud(Cloud::new(Backend::S3(client), s3.prefix.clone(), counters)))
        }
        Store::Gcs(gcs) => {
            let probe = Cloud::new(
                Backend::Gcs(gcs_client(gcs, connection, &Arc::default(), FIRST_LOOK)?),
                gcs.prefix.clone(),
                Arc::default(),
            );
            look(&probe, location).await.map_err(with_setting)?;
            let counters = Arc::default();
            let client = gcs_client(gcs, connection, &counters, PATIENT)?;
            Ok(Opened::Cloud(Cloud::new(Backend::Gcs(client), gcs.prefix.clone(), counters)))
        }
        Store::Azure(azure) => open_azure(azure, location, connection).await.map_err(with_setting).map(Opened::Cloud),
    }
}

/// The first look gives up soon: a wrong endpoint should not take minutes to be told.
const FIRST_LOOK: usize = 2;
const PATIENT: usize = 10;

fn retries(max_retries: usize) -> RetryConfig {
    RetryConfig { max_retries, retry_timeout: Duration::from_secs(180), ..RetryConfig::default() }
}

fn no_directory(location: &Location, why: &str) -> Error {
    let error = Error::new(ErrorKind::Configuration, "find the registry").on(location.to_string()).because(why);
    let mut next = format!("{} named it", location.named_by);
    if location.from_configuration {
        next.push_str(
            "; a registry in a container sees its own file system: `docker inspect --format '{{json .Mounts}}' CONTAINER` \
             shows the host's path, which can be given instead of the configuration",
        );
    }
    error.next(next)
}

/// Whether there is a registry below the prefix.
async fn look(cloud: &Cloud, location: &Location) -> Result<()> {
    if cloud.has_any(&format!("{}{}", cloud.prefix, layout::V2)).await? { Ok(()) } else { Err(no_registry(location)) }
}

fn no_registry(location: &Location) -> Error {
    Error::new(ErrorKind::Configuration, "find the registry")
        .on(location.to_string())
        .because(format!("no key below it begins with {}", layout::V2))
        .next(format!(
            "{} named it: check the bucket and the root directory; a registry that was never pushed to has no keys either",
            location.named_by
        ))
}

fn client_options(connection: &Connection, plain_http: bool, skip_verify: bool) -> Result<ClientOptions> {
    let mut options = ClientOptions::new()
        .with_allow_http(plain_http)
        .with_allow_invalid_certificates(skip_verify)
        .with_timeout(Duration::from_secs(60))
        .with_connect_timeout(Duration::from_secs(5));
    if let Ok(agent) = http::HeaderValue::from_str(concat!("regsweep/", env!("CARGO_PKG_VERSION"))) {
        options = options.with_user_agent(agent);
    }
    if let Some(file) = &connection.ca_file {
        let failed = |why: String| {
            Error::new(ErrorKind::Usage, "read the CA file")
                .on(file.display().to_string())
                .because(why)
                .next("give a PEM file")
        };
        let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))?;
        if certificates.is_empty() {
            return Err(failed("there is no certificate in it".into()));
        }
        for certificate in certificates {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

fn unusable(location: &str, error: &object_store::Error) -> Error {
    Error::new(ErrorKind::Configuration, "prepare the client")
        .on(location)
        .because(explain::shortened(&explain::chain(error)))
}

fn s3_client(
    s3: &S3Location,
    aws: Option<&credentials::Aws>,
    connection: &Connection,
    counters: &Arc<Counters>,
    max_retries: usize,
) -> Result<AmazonS3> {
    let region = s3.region.clone().or_else(|| aws.and_then(|aws| aws.region.clone()));
    let region = region.unwrap_or_else(|| "us-east-1".into());
    let endpoint = s3.endpoint.clone().or_else(|| aws.and_then(|aws| aws.endpoint.clone()));
    let custom = endpoint.is_some();
    let host = match (s3.fips, s3.dual_stack) {
        (false, false) => "s3",
        (true, false) => "s3-fips",
        (false, true) => "s3.dualstack",
        (true, true) => "s3-fips.dualstack",
    };
    let scheme = if s3.plain_http { "http" } else { "https" };
    let endpoint = endpoint.unwrap_or_else(|| {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("{scheme}://{host}.{region}.{domain}")
    });
    // A bucket with a dot in its name has no certificate as a host.
    let path_style = s3.path_style.unwrap_or(custom) || s3.bucket.contains('.');
    let endpoint = endpoint.trim_end_matches('/');
    let endpoint = match endpoint.split_once("://") {
        Some((scheme, host)) if !path_style => format!("{scheme}://{}.{host}", s3.bucket),
        _ => endpoint.to_owned(),
    };
    let plain_http = endpoint.starts_with("http://");
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(region)
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(!path_style)
        .with_client_options(client_options(connection, plain_http, s3.skip_verify)?)
        .with_retry(retries(max_retries))
        .with_http_connector(Transport::new(Arc::clone(counters)));
    builder = match (&s3.keys, aws) {
        (Some(keys), _) => {
            builder.with_access_key_id(&keys.access_key).with_secret_access_key(keys.secret_key.reveal())
        }
        (None, Some(aws)) => builder.with_credentials(Arc::clone(&aws.provider)),
        (None, None) => builder,
    };
    builder.build().map_err(|error| unusable(&format!("s3://{}", s3.bucket), &error))
}

fn gcs_client(
    gcs: &GcsLocation,
    connection: &Connection,
    counters: &Arc<Counters>,
    max_retries: usize,
) -> Result<GoogleCloudStorage> {
    let plain_http = gcs.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&gcs.bucket)
        .with_client_options(client_options(connection, plain_http, false)?)
        .with_retry(retries(max_retries))
        .with_http_connector(Transport::new(Arc::clone(counters)));
    if let Some(endpoint) = &gcs.endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    builder = match &gcs.credential {
        GcsCredential::KeyFile(path) => match credentials::google_chain(Some(path))? {
            Some(provider) => builder.with_credentials(provider),
            None => builder.with_service_account_path(path.display().to_string()),
        },
        GcsCredential::Inline(key) => builder.with_service_account_key(key.reveal()),
        GcsCredential::Token(token) => builder.with_bearer_token(token.reveal()),
        // `object_store` asks for a token before a delete even so, in the end the cloud's metadata server: it gets one.
        GcsCredential::Anonymous => builder.with_skip_signature(true).with_bearer_token("anonymous"),
        GcsCredential::Default => match credentials::google_chain(None)? {
            Some(provider) => builder.with_credentials(provider),
            None => match std::env::var("GOOGLE_APPLICATION_CREDENTIALS") {
                Ok(path) if !path.is_empty() => builder.with_application_credentials(path),
                _ => builder,
            },
        },
    };
    builder.build().map_err(|error| unusable(&format!("gs://{}", gcs.bucket), &error))
}

/// Registries before v3 begin every name in Azure with a slash; newer ones do not. Which form a container holds is found
/// out by looking for both.
async fn open_azure(azure: &AzureLocation, location: &Location, connection: &Connection) -> Result<Cloud> {
    let counters = Arc::default();
    let first = Cloud::new(
        Backend::Azure(azure_client(azure, connection, &counters, FIRST_LOOK, false)?),
        azure.prefix.clone(),
        Arc::clone(&counters),
    );
    let plain = first.has_any(&format!("{}{}", azure.prefix, layout::V2)).await?;
    let slashed = first.has_any(&format!("/{}{}", azure.prefix, layout::V2)).await?;
    let counters = Arc::default();
    let client = |slash| azure_client(azure, connection, &counters, PATIENT, slash).map(Backend::Azure);
    let cloud = Cloud::new(client(false)?, azure.prefix.clone(), Arc::clone(&counters));
    match (plain, slashed) {
        (false, false) => Err(no_registry(location)),
        (true, false) => Ok(cloud),
        (false, true) => Ok(cloud.with_leading_slash(client(true)?)),
        (true, true) => Ok(cloud.with_both_key_forms()),
    }
}

/// With `leading_slash` the container goes into the endpoint and the container's name is left empty: so every request has
/// an empty part before the key, which is the slash that its name begins with.
fn azure_client(
    azure: &AzureLocation,
    connection: &Connection,
    counters: &Arc<Counters>,
    max_retries: usize,
    leading_slash: bool,
) -> Result<MicrosoftAzure> {
    let endpoint = azure.endpoint.clone().unwrap_or_else(|| format!("https://{}.blob.core.windows.net", azure.account));
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    let plain_http = endpoint.starts_with("http://");
    // Emulators have the account in the path; there, only an encoded slash behind the container's name works.
    let account_in_path = endpoint.ends_with(&format!("/{}", azure.account));
    let (endpoint, container) = match leading_slash {
        false => (endpoint, azure.container.clone()),
        true if account_in_path => (endpoint, format!("{}/", azure.container)),
        true => (format!("{endpoint}/{}", azure.container), String::new()),
    };
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(&azure.account)
        .with_container_name(container)
        .with_endpoint(endpoint)
        .with_client_options(client_options(connection, plain_http, azure.skip_verify)?)
        .with_retry(retries(max_retries))
        .with_http_connector(Transport::new(Arc::clone(counters)));
    builder = match &azure.credential {
        AzureCredential::SharedKey(key) => builder.with_access_key(key.reveal()),
        AzureCredential::Sas(signature) => {
            let pairs = split_sas(signature.reveal()).map_err(|_| {
                Error::new(ErrorKind::Credentials, "read the shared access signature")
                    .because("it is none")
                    .next("give the query string that Azure made: sv=...&sig=...")
            })?;
            builder.with_sas_authorization(pairs)
        }
        AzureCredential::ClientSecret { client_id, tenant_id, secret } => {
            builder.with_client_secret_authorization(client_id, secret.reveal(), tenant_id)
        }
        AzureCredential::Default => azure_from_environment(builder),
    };
    builder.build().map_err(|error| unusable(&format!("az://{}", azure.container), &error))
}

/// What `object_store` would read from the environment, but for what says where the data is: that is decided already.
fn azure_from_environment(mut builder: MicrosoftAzureBuilder) -> MicrosoftAzureBuilder {
    const PLACE: [AzureConfigKey; 5] = [
        AzureConfigKey::AccountName,
        AzureConfigKey::ContainerName,
        AzureConfigKey::Endpoint,
        AzureConfigKey::UseEmulator,
        AzureConfigKey::UseFabricEndpoint,
    ];
    for (name, value) in std::env::vars() {
        let Some(key) = name.strip_prefix("AZURE_").map(|_| name.to_ascii_lowercase()) else { continue };
        if let Ok(key) = key.parse::<AzureConfigKey>()
            && !PLACE.contains(&key)
        {
            builder = builder.with_config(key, value);
        }
    }
    builder
}
