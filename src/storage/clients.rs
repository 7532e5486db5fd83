//! Clients of the three clouds, as a location asks for them.

use super::backend::Backend;
use super::credentials;
use super::effort::Effort;
use super::explain;
use super::location::{AzureCredential, AzureLocation, GcsCredential, GcsLocation, S3Encryption, S3Location};
use super::open::Connection;
use super::signed::Signed;
use super::transport::Wire;
use crate::error::{Error, ErrorKind, Result};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder, split_sas};
use object_store::client::{Certificate, HttpConnector};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// So long one try of a request may take: a batch of a thousand deletes is slow where disks are.
const ONE_TRY: Duration = Duration::from_mins(1);

fn client_options(connection: &Connection, plain_http: bool, skip_verify: bool) -> Result<ClientOptions> {
    let mut options = ClientOptions::new()
        .with_allow_http(plain_http)
        .with_allow_invalid_certificates(skip_verify)
        .with_timeout(connection.answers_within.unwrap_or(ONE_TRY))
        .with_connect_timeout(Duration::from_secs(5));
    if let Ok(agent) = http::HeaderValue::from_str(concat!("regsweep/", env!("CARGO_PKG_VERSION"))) {
        options = options.with_user_agent(agent);
    }
    if let Some(file) = &connection.ca_file {
        let failed = |why: String| no_ca_file(file, why);
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

/// The file of `--ca-file` is none.
pub(super) fn no_ca_file(file: &Path, why: String) -> Error {
    Error::new(ErrorKind::Usage, "read the CA file").on(file.display().to_string()).because(why).next("give a PEM file")
}

/// Certificates are only looked at when the client is made.
fn is_about_certificates(error: &object_store::Error) -> bool {
    explain::chain(error).contains("certificate")
}

fn unusable(location: &str, connection: &Connection, error: &object_store::Error) -> Error {
    let why = explain::shortened(&explain::chain(error));
    match &connection.ca_file {
        Some(file) if is_about_certificates(error) => no_ca_file(file, why),
        _ => Error::new(ErrorKind::Configuration, "prepare the client").on(location).because(why),
    }
}

/// Where a bucket is.
struct S3Place {
    /// The endpoint; with the bucket in its host, unless that goes into the path.
    endpoint: String,
    region: String,
    path_style: bool,
}

impl S3Place {
    /// The bucket itself.
    fn bucket(&self, name: &str) -> String {
        if self.path_style { format!("{}/{name}", self.endpoint) } else { format!("{}/", self.endpoint) }
    }
}

fn s3_place(s3: &S3Location, aws: Option<&credentials::Aws>) -> S3Place {
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
    S3Place { endpoint, region, path_style }
}

pub(super) fn s3_client(
    s3: &S3Location,
    aws: Option<&credentials::Aws>,
    connection: &Connection,
    wire: &Wire,
    effort: Effort,
) -> Result<AmazonS3> {
    let S3Place { endpoint, region, path_style } = s3_place(s3, aws);
    let plain_http = endpoint.starts_with("http://");
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(region)
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(!path_style)
        .with_client_options(client_options(connection, plain_http, s3.skip_verify)?)
        .with_retry(effort.retries())
        .with_http_connector(wire.transport(effort.patience()));
    builder = match &s3.writes.encryption {
        S3Encryption::BucketDefault => builder,
        S3Encryption::Store => match "aws_server_side_encryption".parse::<AmazonS3ConfigKey>() {
            Ok(encryption) => builder.with_config(encryption, "AES256"),
            Err(error) => return Err(unusable(&format!("s3://{}", s3.bucket), connection, &error)),
        },
        S3Encryption::Key(key) => builder.with_sse_kms_encryption(key),
    };
    builder = match (&s3.keys, aws) {
        (Some(keys), _) => {
            builder.with_access_key_id(&keys.access_key).with_secret_access_key(keys.secret_key.reveal())
        }
        (None, Some(aws)) => builder.with_credentials(Arc::clone(&aws.provider)),
        (None, None) => builder,
    };
    builder.build().map_err(|error| unusable(&format!("s3://{}", s3.bucket), connection, &error))
}

/// Who asks about the bucket what `object_store` cannot; none if that cannot be made, which is no reason to fail.
pub(super) fn s3_signed(
    s3: &S3Location,
    aws: Option<&credentials::Aws>,
    connection: &Connection,
    wire: &Wire,
    client: &Backend,
) -> Option<Signed> {
    let place = s3_place(s3, aws);
    signed(place.bucket(&s3.bucket), place.region, s3.skip_verify, connection, wire, client)
}

fn signed(
    base: String,
    scope: String,
    skip_verify: bool,
    connection: &Connection,
    wire: &Wire,
    client: &Backend,
) -> Option<Signed> {
    let options = client_options(connection, base.starts_with("http://"), skip_verify).ok()?;
    let connected = |effort: Effort| wire.transport(effort.patience()).connect(&options).ok();
    let (asking, working) = (connected(Effort::OneQuestion)?, connected(Effort::Whole)?);
    Some(Signed::new(asking, working, base, client, scope))
}

/// Finds how to sign in, once for all clients: a token that was had serves each of them.
///
/// # Errors
/// If there is a sign-in file, and it cannot be used.
pub(super) fn gcs_sign_in(gcs: &GcsLocation) -> Result<credentials::Google> {
    match &gcs.credential {
        GcsCredential::KeyFile(path) => credentials::google_chain(Some(path)),
        GcsCredential::Default => credentials::google_chain(None),
        GcsCredential::Inline(_) | GcsCredential::Token(_) | GcsCredential::Anonymous => {
            Ok(credentials::Google::default())
        }
    }
}

pub(super) fn gcs_client(
    gcs: &GcsLocation,
    google: &credentials::Google,
    connection: &Connection,
    wire: &Wire,
    effort: Effort,
) -> Result<GoogleCloudStorage> {
    let plain_http = gcs.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&gcs.bucket)
        .with_client_options(client_options(connection, plain_http, false)?)
        .with_retry(effort.retries())
        .with_http_connector(wire.transport(effort.patience()));
    if let Some(endpoint) = &gcs.endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    builder = match (&gcs.credential, &google.provider, &google.file) {
        (GcsCredential::Inline(key), ..) => builder.with_service_account_key(key.reveal()),
        (GcsCredential::Token(token), ..) => builder.with_bearer_token(token.reveal()),
        // `object_store` signs deletes all the same, with whatever token there is: without one it would ask Google's
        // metadata server. No emulator looks at it.
        (GcsCredential::Anonymous, ..) => builder.with_skip_signature(true).with_bearer_token("anonymous"),
        (_, Some(provider), _) => builder.with_credentials(Arc::clone(provider)),
        (GcsCredential::KeyFile(path), ..) => builder.with_service_account_path(path.display().to_string()),
        (GcsCredential::Default, _, Some(file)) => builder.with_application_credentials(file.display().to_string()),
        (GcsCredential::Default, ..) => builder,
    };
    builder.build().map_err(|error| match &google.file {
        // Whatever else is wrong with a client shows before: what is left is the file.
        Some(file) if !is_about_certificates(&error) => Error::new(ErrorKind::Credentials, "read the sign-in file")
            .on(file.display().to_string())
            .because(explain::shortened(&explain::chain(&error)))
            .next(credentials::SIGN_IN),
        _ => unusable(&format!("gs://{}", gcs.bucket), connection, &error),
    })
}

/// Who asks about the bucket what `object_store` cannot.
pub(super) fn gcs_signed(gcs: &GcsLocation, connection: &Connection, wire: &Wire, client: &Backend) -> Option<Signed> {
    let endpoint = gcs.endpoint.as_deref().unwrap_or("https://storage.googleapis.com").trim_end_matches('/');
    let base = format!("{endpoint}/storage/v1/b/{}", gcs.bucket);
    signed(base, String::new(), false, connection, wire, client)
}

fn azure_endpoint(azure: &AzureLocation) -> String {
    let endpoint = azure.endpoint.clone().unwrap_or_else(|| format!("https://{}.blob.core.windows.net", azure.account));
    endpoint.trim_end_matches('/').to_owned()
}

/// Who asks about the account's blob service what `object_store` cannot.
pub(super) fn azure_signed(
    azure: &AzureLocation,
    connection: &Connection,
    wire: &Wire,
    client: &Backend,
) -> Option<Signed> {
    let base = format!("{}/", azure_endpoint(azure));
    signed(base, azure.account.clone(), azure.skip_verify, connection, wire, client)
}

/// With `leading_slash` the container goes into the endpoint and the container's name is left empty: so every request has
/// an empty part before the key, which is the slash that its name begins with.
pub(super) fn azure_client(
    azure: &AzureLocation,
    connection: &Connection,
    wire: &Wire,
    effort: Effort,
    leading_slash: bool,
) -> Result<MicrosoftAzure> {
    let endpoint = azure_endpoint(azure);
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
        .with_retry(effort.retries())
        .with_http_connector(wire.transport(effort.patience()));
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
    builder.build().map_err(|error| unusable(&format!("az://{}", azure.container), connection, &error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_is_asked_where_its_objects_are() {
        let bucket = |s3: S3Location| s3_place(&s3, None).bucket("reg");
        let s3 = || S3Location { bucket: "reg".into(), ..S3Location::default() };
        assert_eq!(bucket(s3()), "https://reg.s3.us-east-1.amazonaws.com/");
        let china = S3Location { region: Some("cn-north-1".into()), path_style: Some(true), ..s3() };
        assert_eq!(bucket(china), "https://s3.cn-north-1.amazonaws.com.cn/reg");
        let minio = S3Location { endpoint: Some("http://minio:9000/".into()), ..s3() };
        assert_eq!(bucket(minio.clone()), "http://minio:9000/reg");
        assert_eq!(bucket(S3Location { path_style: Some(false), ..minio }), "http://reg.minio:9000/");
    }
}
