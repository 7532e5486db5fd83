//! Real clients of the simulated bucket, and the settings that lead a registry or regsweep to it.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::bucket::{Bucket, Dialect};

/// A key id that looks like one.
pub const ACCESS_KEY: &str = "AKIALABORATORY000000";
/// A secret that opens nothing.
pub const SECRET_KEY: &str = "laboratory/secret";
/// The region of the bucket.
pub const REGION: &str = "us-east-1";

/// Retries so often, after a few milliseconds.
pub fn quick_retries(max_retries: usize) -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(1), max_backoff: Duration::from_millis(5), base: 2.0 };
    RetryConfig { backoff, max_retries, retry_timeout: Duration::from_secs(30) }
}

/// `object_store`'s S3 client for the bucket.
pub fn s3(bucket: &Bucket, max_retries: usize) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint(bucket.endpoint())
        .with_bucket_name(bucket.name())
        .with_region(REGION)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_retry(quick_retries(max_retries))
        .build()
        .unwrap()
}

/// The service account that leads `object_store` to the bucket without asking anyone for a token.
pub fn gcs_service_account(bucket: &Bucket) -> String {
    serde_json::json!({
        "gcs_base_url": bucket.endpoint(), "disable_oauth": true, "client_email": "", "private_key": "",
        "private_key_id": "",
    })
    .to_string()
}

/// `object_store`'s GCS client for the bucket.
pub fn gcs(bucket: &Bucket, max_retries: usize) -> GoogleCloudStorage {
    GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket.name())
        .with_service_account_key(gcs_service_account(bucket))
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_retry(quick_retries(max_retries))
        .build()
        .unwrap()
}

/// The account of a simulated container.
pub const AZURE_ACCOUNT: &str = "laboratory";
/// Its key, which opens nothing.
pub const AZURE_KEY: &str = "bGFib3JhdG9yeQ==";

/// `object_store`'s Azure client for the container.
pub fn azure(bucket: &Bucket, max_retries: usize) -> MicrosoftAzure {
    MicrosoftAzureBuilder::new()
        .with_account(AZURE_ACCOUNT)
        .with_access_key(AZURE_KEY)
        .with_container_name(bucket.name())
        .with_endpoint(bucket.endpoint())
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_allow_http(true)
        .with_retry(quick_retries(max_retries))
        .build()
        .unwrap()
}

/// The client that fits the bucket's dialect.
pub fn any(bucket: &Bucket, max_retries: usize) -> Arc<dyn ObjectStore> {
    match bucket.dialect() {
        Dialect::S3 => Arc::new(s3(bucket, max_retries)),
        Dialect::Gcs => Arc::new(gcs(bucket, max_retries)),
        Dialect::Azure => Arc::new(azure(bucket, max_retries)),
    }
}

/// A registry's `config.yml` whose storage is the S3 bucket, below a `rootdirectory` (which may be empty).
pub fn s3_config(bucket: &Bucket, rootdirectory: &str) -> String {
    s3_config_at(&bucket.endpoint(), bucket.name(), rootdirectory)
}

/// The same for a bucket of that name at an endpoint.
pub fn s3_config_at(endpoint: &str, name: &str, rootdirectory: &str) -> String {
    format!(
        "version: 0.1\nstorage:\n  s3:\n    accesskey: {ACCESS_KEY}\n    secretkey: {SECRET_KEY}\n    region: {REGION}\n    \
         regionendpoint: {endpoint}\n    forcepathstyle: true\n    secure: false\n    bucket: {name}\n    \
         rootdirectory: {rootdirectory:?}\n"
    )
}

/// The environment that leads an AWS client of a process to the bucket's credentials.
pub fn s3_environment() -> [(&'static str, &'static str); 5] {
    [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ALLOW_HTTP", "true"),
    ]
}
