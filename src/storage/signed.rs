//! Requests to a store that `object_store` has no method for, signed as it signs its own.
//!
//! Small questions can do without an answer, and are not put for long. What a run cannot do without (pages of versions,
//! deletes of versions) is asked for as everything else is: each try ends by itself, and where the store is busy the next
//! one comes later, at the pace of all requests.

use super::backend::Backend;
use super::effort::Effort;
use super::explain;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use http::{HeaderValue, Request, StatusCode, header};
use md5::{Digest as _, Md5};
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider};
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpRequestBody};
use object_store::gcp::GcpCredentialProvider;
use object_store::{BackoffConfig, RetryConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who asks, and what is asked about: a bucket, on Azure the whole service.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    /// Small questions.
    asking: HttpClient,
    /// What a run cannot do without.
    working: HttpClient,
    base: String,
    signer: Signer,
}

#[derive(Debug, Clone)]
enum Signer {
    S3 { credentials: AwsCredentialProvider, region: String },
    Gcs { credentials: GcpCredentialProvider },
    Azure { credentials: AzureCredentialProvider, account: String },
}

/// What is asked, or with a body told.
#[derive(Debug)]
struct Question {
    url: String,
    body: Option<Bytes>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// In words.
    pub(super) why: String,
    /// Whether the store may have heard it all the same.
    pub(super) may_be_heard: bool,
}

/// What stands for itself in the path of a URL that is signed.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// What stands for itself in a query that is signed.
pub(super) const IN_QUERIES: &AsciiSet = &IN_PATHS.add(b'/');
/// No answer to such a question is longer.
const LONGEST: usize = 16 << 20;
/// How often a small question is put again. It is no tragedy if it stays open.
const RETRIES: usize = 2;
/// All tries together.
const PATIENCE: Duration = Duration::from_secs(20);

impl Signed {
    /// Asks with the credentials of a client. `scope` is the region on S3, the account on Azure, nothing on GCS.
    pub(super) fn new(asking: HttpClient, working: HttpClient, base: String, backend: &Backend, scope: String) -> Self {
        let signer = match backend {
            Backend::S3(store) => Signer::S3 { credentials: Arc::clone(store.credentials()), region: scope },
            Backend::Gcs(store) => Signer::Gcs { credentials: Arc::clone(store.credentials()) },
            Backend::Azure(store) => Signer::Azure { credentials: Arc::clone(store.credentials()), account: scope },
        };
        Self { asking, working, base, signer }
    }

    /// Asks; `query` begins with a question mark.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(super) async fn get(&self, query: &str) -> Result<Reply, String> {
        self.get_of("", query).await
    }

    /// Asks about an object of a bucket.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(super) async fn get_of(&self, key: &str, query: &str) -> Result<Reply, String> {
        let place = if key.is_empty() { String::new() } else { format!("/{}", utf8_percent_encode(key, IN_PATHS)) };
        let base = if key.is_empty() { self.base.as_str() } else { self.base.trim_end_matches('/') };
        self.in_time(&Question { url: format!("{base}{place}{query}"), body: None }).await
    }

    /// Asks for a page of a listing that the run cannot do without.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(super) async fn get_page(&self, query: &str) -> Result<Reply, String> {
        let question = Question { url: format!("{}{query}", self.base), body: None };
        self.ask(&self.working, &question, Effort::Whole.retries(), &|| true).await.map_err(|none| none.why)
    }

    /// Tells a bucket of S3 something that may be told again: a document that is short enough to be held. `go_on` is asked
    /// before it is.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) async fn post(
        &self,
        query: &str,
        body: String,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Reply, NoAnswer> {
        let question = Question { url: format!("{}{query}", self.base), body: Some(body.into()) };
        self.ask(&self.working, &question, Effort::Whole.retries(), go_on).await
    }

    async fn in_time(&self, question: &Question) -> Result<Reply, String> {
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(200), ..BackoffConfig::default() };
        let retries = RetryConfig { max_retries: RETRIES, retry_timeout: PATIENCE, backoff };
        let asked = self.ask(&self.asking, question, retries, &|| true);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answer) => answer.map_err(|none| none.why),
            Err(_) => Err("the store does not answer".into()),
        }
    }

    /// Asks, again and again where the store is busy or the connection breaks. Each try has the client's own time, and is
    /// signed anew.
    async fn ask(
        &self,
        client: &HttpClient,
        question: &Question,
        RetryConfig { max_retries, retry_timeout, backoff }: RetryConfig,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Reply, NoAnswer> {
        let began = Instant::now();
        let (mut retries, mut wait, mut may_be_heard) = (0, backoff.init_backoff, false);
        loop {
            let request = self.request(question).await.map_err(|why| NoAnswer { why, may_be_heard })?;
            may_be_heard = true;
            let answer = exchanged(client, request).await.map_err(|why| NoAnswer { why, may_be_heard });
            if answer.as_ref().is_ok_and(|reply| !is_busy(reply.status)) {
                return answer;
            }
            if retries == max_retries || began.elapsed() + wait > retry_timeout || !go_on() {
                return answer;
            }
            tokio::time::sleep(wait).await;
            if !go_on() {
                return answer;
            }
            retries += 1;
            wait = wait.mul_f64(backoff.base).min(backoff.max_backoff);
        }
    }

    async fn request(&self, Question { url, body }: &Question) -> Result<HttpRequest, String> {
        let unusable = |error: &dyn std::fmt::Display| format!("the question cannot be put: {error}");
        // What signs takes for granted that this is a URL.
        url::Url::parse(url).map_err(|error| unusable(&error))?;
        let request = match body {
            None => Request::get(url).body(HttpRequestBody::empty()),
            Some(body) => Request::post(url)
                .header(header::CONTENT_TYPE, "application/xml")
                .header("content-md5", BASE64_STANDARD.encode(Md5::digest(body)))
                .body(HttpRequestBody::from(body.clone())),
        };
        let mut request = request.map_err(|error| unusable(&error))?;
        let failed = |error: object_store::Error| explain::shortened(&explain::chain(&error));
        match &self.signer {
            Signer::S3 { credentials, region } => {
                let credential = credentials.get_credential().await.map_err(failed)?;
                AwsAuthorizer::new(&credential, "s3", region).try_authorize(&mut request, None).map_err(failed)?;
            }
            Signer::Gcs { credentials } => {
                let credential = credentials.get_credential().await.map_err(failed)?;
                if !credential.bearer.is_empty() {
                    let mut value = HeaderValue::try_from(format!("Bearer {}", credential.bearer))
                        .map_err(|_| "the token is none".to_owned())?;
                    value.set_sensitive(true);
                    request.headers_mut().insert(header::AUTHORIZATION, value);
                }
            }
            Signer::Azure { credentials, account } => {
                let credential = credentials.get_credential().await.map_err(failed)?;
                AzureAuthorizer::new(&credential, account).try_authorize(&mut request).map_err(failed)?;
            }
        }
        Ok(request)
    }
}

async fn exchanged(client: &HttpClient, request: HttpRequest) -> Result<Reply, String> {
    let response = client.execute(request).await.map_err(|error| no_answer(&error))?;
    let (parts, body) = response.into_parts();
    let mut bytes = BytesMut::new();
    let mut body = body.bytes_stream();
    while let Some(part) = body.try_next().await.map_err(|error| no_answer(&error))? {
        bytes.extend_from_slice(&part);
        if bytes.len() > LONGEST {
            return Err("the store's answer does not end".into());
        }
    }
    Ok(Reply { status: parts.status, body: bytes.freeze() })
}

pub(super) fn is_busy(status: StatusCode) -> bool {
    // 501 is an answer: the store does not know the question.
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

fn no_answer(error: &HttpError) -> String {
    format!("the store could not be asked: {}", explain::shortened(&explain::scrubbed(&error.to_string())))
}
