//! An S3 in memory: `moto_server`.

use anyhow::{Context, Result, ensure};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::HttpRequestBody;
use tempfile::TempDir;

use super::process::{Process, find, on_a_free_port, request, send};

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

    /// Puts a document about a bucket, such as `?versioning`, and the bucket itself where the path ends with its name.
    pub async fn put(&self, path: &str, headers: &[(&str, &str)], body: &'static str) -> Result<()> {
        let request =
            http::Request::put(format!("{}/{path}", self.endpoint())).header("content-type", "application/xml");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (status, answer) = send(request.body(HttpRequestBody::from(body.to_owned()))?).await?;
        ensure!(status == 200, "moto answers {status} to PUT {path}: {answer}");
        Ok(())
    }

    /// Every version in a bucket of at most a thousand: its key, its size, and whether it is the current one; delete markers
    /// have no size.
    pub async fn versions(&self, bucket: &str) -> Result<Vec<(String, Option<u64>, bool)>> {
        let uri = format!("{}/{bucket}?versions=&max-keys=1000", self.endpoint());
        let (status, answer) = send(http::Request::get(uri).body(HttpRequestBody::empty())?).await?;
        ensure!(status == 200, "moto answers {status} to GET ?versions: {answer}");
        ensure!(answer.contains("<IsTruncated>false"), "more versions than moto answers at once");
        let text = |element: &str, name: &str| {
            let (_, rest) = element.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        let mut found = Vec::new();
        for (name, is_sized) in [("Version", true), ("DeleteMarker", false)] {
            for element in answer.split(&format!("<{name}>")).skip(1) {
                let element = element.split(&format!("</{name}>")).next().unwrap_or_default();
                let key = text(element, "Key").context("a version without a key")?;
                let size = text(element, "Size").filter(|_| is_sized).map(|size| size.parse()).transpose()?;
                found.push((key, size, text(element, "IsLatest").as_deref() == Some("true")));
            }
        }
        Ok(found)
    }

    /// The keys of all multipart uploads that are not complete.
    pub async fn begun(&self) -> Result<Vec<String>> {
        let uri = format!("{}/{}?uploads=", self.endpoint(), self.bucket);
        let (status, answer) = send(http::Request::get(uri).body(HttpRequestBody::empty())?).await?;
        ensure!(status == 200, "moto answers {status} to GET ?uploads: {answer}");
        let keys = answer.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        Ok(keys.map(|(key, _)| key.to_owned()).collect())
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
