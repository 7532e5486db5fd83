//! A small registry client over plain HTTP: the distribution specification's requests, one method each.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use sha2::{Digest as _, Sha256};

/// What a client accepts when it asks for a manifest.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// What a manifest says of another piece of content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// `sha256:<hex>`
    pub digest: String,
    /// The number of bytes.
    pub size: usize,
}

impl Descriptor {
    /// The descriptor of these bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self { media_type: media_type.to_owned(), digest: sha256(bytes), size: bytes.len() }
    }

    /// As it stands in a manifest.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }
}

/// The digest of these bytes, `sha256:<hex>`.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What the registry answered, whatever it was.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Where the registry wants the next request of an upload.
    pub fn location(&self) -> Result<&str> {
        Ok(self.headers.get(LOCATION).context("no Location")?.to_str()?)
    }
}

/// A client of one registry.
#[derive(Debug, Clone)]
pub struct Client {
    host: String,
    http: reqwest::Client,
}

impl Client {
    /// A client of the registry at `host`, `127.0.0.1:<port>`.
    pub fn new(host: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { host: host.to_owned(), http })
    }

    /// `127.0.0.1:<port>`
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Pushes a blob as clients do: not at all if the repository has it.
    pub async fn push_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, bytes);
        if !self.has_blob(repository, &descriptor.digest).await? {
            self.upload_blob(repository, bytes).await?;
        }
        Ok(descriptor)
    }

    /// Uploads a blob (POST, PUT) whether the repository has it or not.
    pub async fn upload_blob(&self, repository: &str, bytes: &[u8]) -> Result<String> {
        let digest = sha256(bytes);
        self.upload_blob_as(repository, bytes, &digest).await?;
        Ok(digest)
    }

    /// The same, under a digest of the client's choice.
    pub async fn upload_blob_as(&self, repository: &str, bytes: &[u8], digest: &str) -> Result<()> {
        let upload = self.begin_upload(repository).await?;
        let glue = if upload.contains('?') { '&' } else { '?' };
        let put = self.request(Method::PUT, &format!("{upload}{glue}digest={digest}")).body(bytes.to_vec());
        expect(put.header(CONTENT_TYPE, "application/octet-stream"), StatusCode::CREATED).await?;
        Ok(())
    }

    /// Begins an upload, sends `bytes` and never finishes it. Returns the upload's uuid.
    pub async fn leave_upload(&self, repository: &str, bytes: &[u8]) -> Result<String> {
        let upload = self.begin_upload(repository).await?;
        let patch = self.request(Method::PATCH, &upload).body(bytes.to_vec());
        expect(patch.header(CONTENT_TYPE, "application/octet-stream"), StatusCode::ACCEPTED).await?;
        let without_query = upload.split('?').next().unwrap_or_default();
        Ok(without_query.rsplit('/').next().unwrap_or_default().to_owned())
    }

    async fn begin_upload(&self, repository: &str) -> Result<String> {
        let post = self.request(Method::POST, &format!("/v2/{repository}/blobs/uploads/"));
        let answer = expect(post, StatusCode::ACCEPTED).await?;
        Ok(answer.headers().get(LOCATION).context("an upload without a Location")?.to_str()?.to_owned())
    }

    /// Mounts a blob of `from` into `repository`; an error if the registry wants an upload instead.
    pub async fn mount_blob(&self, repository: &str, from: &str, digest: &str) -> Result<()> {
        let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
        expect(self.request(Method::POST, &path), StatusCode::CREATED).await?;
        Ok(())
    }

    /// Pushes a manifest under `reference`, a tag or the manifest's digest.
    pub async fn push_manifest(
        &self,
        repo: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor> {
        let path = format!("/v2/{repo}/manifests/{reference}");
        let put = self.request(Method::PUT, &path).header(CONTENT_TYPE, media_type).body(bytes.to_vec());
        expect(put, StatusCode::CREATED).await?;
        Ok(Descriptor::of(media_type, bytes))
    }

    /// Deletes a manifest, and with it every tag that points to it.
    pub async fn delete_manifest(&self, repository: &str, digest: &str) -> Result<()> {
        let path = format!("/v2/{repository}/manifests/{digest}");
        expect(self.request(Method::DELETE, &path), StatusCode::ACCEPTED).await?;
        Ok(())
    }

    /// Every repository the registry lists.
    pub async fn catalog(&self) -> Result<Vec<String>> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let last = all.last().map(|name| format!("&last={name}")).unwrap_or_default();
            let get = self.request(Method::GET, &format!("/v2/_catalog?n=1000{last}"));
            let page = strings(&expect(get, StatusCode::OK).await?.bytes().await?, "repositories")?;
            if page.is_empty() || page.iter().all(|name| all.contains(name)) {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Every tag of a repository; none if the registry knows no such repository.
    pub async fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let get = self.request(Method::GET, &format!("/v2/{repository}/tags/list"));
        let answer = get.send().await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        strings(&fit(answer, StatusCode::OK).await?.bytes().await?, "tags")
    }

    /// The digest a tag (or a digest) leads to; none if there is no such manifest.
    pub async fn manifest_digest(&self, repository: &str, reference: &str) -> Result<Option<String>> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let answer = self.request(Method::HEAD, &path).header(ACCEPT, MANIFESTS).send().await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = fit(answer, StatusCode::OK).await?;
        let digest = answer.headers().get("docker-content-digest").context("no Docker-Content-Digest")?;
        Ok(Some(digest.to_str()?.to_owned()))
    }

    /// Whether the repository claims to have this blob.
    pub async fn has_blob(&self, repository: &str, digest: &str) -> Result<bool> {
        let answer = self.request(Method::HEAD, &format!("/v2/{repository}/blobs/{digest}")).send().await?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            other => bail!("HEAD of blob {digest} in {repository}: {other}"),
        }
    }

    /// A manifest: its media type and its bytes.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Result<(String, Bytes)> {
        let get = self.request(Method::GET, &format!("/v2/{repository}/manifests/{reference}"));
        let answer = expect(get.header(ACCEPT, MANIFESTS), StatusCode::OK).await?;
        let media_type = answer.headers().get(CONTENT_TYPE).context("no Content-Type")?.to_str()?.to_owned();
        Ok((media_type, answer.bytes().await?))
    }

    /// A blob, completely.
    pub async fn blob(&self, repository: &str, digest: &str) -> Result<Bytes> {
        let get = self.request(Method::GET, &format!("/v2/{repository}/blobs/{digest}"));
        Ok(expect(get, StatusCode::OK).await?.bytes().await?)
    }

    /// Sends one request and tells what was answered: for those who reckon with a refusal. An error only if there was no
    /// answer.
    pub async fn ask(&self, method: Method, path: &str, media_type: &str, body: Bytes) -> Result<Answer> {
        let request = self.request(method, path).header(ACCEPT, MANIFESTS).header(CONTENT_TYPE, media_type);
        let answer = request.body(body).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await? })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("http://{}{path}", self.host) };
        self.http.request(method, url)
    }
}

async fn expect(request: RequestBuilder, status: StatusCode) -> Result<Response> {
    fit(request.send().await?, status).await
}

async fn fit(answer: Response, status: StatusCode) -> Result<Response> {
    if answer.status() == status {
        return Ok(answer);
    }
    let (found, url) = (answer.status(), answer.url().clone());
    bail!("{url}: {found} instead of {status}: {}", answer.text().await.unwrap_or_default());
}

fn strings(json: &[u8], field: &str) -> Result<Vec<String>> {
    let value: serde_json::Value = serde_json::from_slice(json)?;
    let list = value.get(field).and_then(serde_json::Value::as_array);
    Ok(list.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}
