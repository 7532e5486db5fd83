//! An S3 in memory: `moto_server`.

use anyhow::{Result, ensure};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use tempfile::TempDir;

use super::process::{Process, find, on_a_free_port, request};

/// The region of every bucket.
pub const REGION: &str = "us-east-1";
/// The key id that is used; moto checks none.
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// The secret that is used; moto checks none.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMIEXAMPLEKEY";

/// A running moto server with one empty bucket. Keep buckets under 10,000 keys: its listing is slow.
#[derive(Debug)]
pub struct Moto {
    process: Process,
    port: u16,
    bucket: String,
    _home: TempDir,
}

impl Moto {
    /// Starts the server and creates `bucket` (three characters at least).
    pub fn start(bucket: &str) -> Result<Self> {
        let program = find("moto_server", "the Python package moto (pip install 'moto[server]')")?;
        let home = tempfile::tempdir()?;
        let (process, port) = on_a_free_port(|port| {
            let args = ["-H".into(), "127.0.0.1".into(), "-p".into(), port.to_string().into()];
            let process = Process::start("moto_server", &program, &args, &home.path().join("moto.log"))?;
            process.wait_until_it_answers(port, "/moto-api/")?;
            Ok((process, port))
        })?;
        let moto = Self { process, port, bucket: bucket.to_owned(), _home: home };
        moto.create_bucket(bucket)?;
        Ok(moto)
    }

    /// Creates one more bucket.
    pub fn create_bucket(&self, bucket: &str) -> Result<()> {
        let status = request(self.port, "PUT", &format!("/{bucket}"), &[])?;
        ensure!(status == 200, "moto answers {status} to the creation of {bucket}:\n{}", self.process.said());
        Ok(())
    }

    /// `http://127.0.0.1:<port>`
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The bucket that was created at the start.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The variables a program needs to reach this server as if it were AWS.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// A client of the bucket that was created at the start.
    pub fn store(&self) -> Result<AmazonS3> {
        s3(&self.endpoint(), &self.bucket)
    }
}

/// A client of a bucket on a server like moto.
pub fn s3(endpoint: &str, bucket: &str) -> Result<AmazonS3> {
    let builder = AmazonS3Builder::new().with_endpoint(endpoint).with_allow_http(true).with_bucket_name(bucket);
    let builder = builder.with_access_key_id(ACCESS_KEY_ID).with_secret_access_key(SECRET_ACCESS_KEY);
    Ok(builder.with_region(REGION).build()?)
}
