//! Small questions to a store that `object_store` has no method for, signed as it signs its own requests.

use super::backend::Backend;
use super::explain;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use http::{HeaderValue, Request, StatusCode, header};
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider};
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpRequestBody};
use object_store::gcp::GcpCredentialProvider;
use std::sync::Arc;
use std::time::Duration;

/// Who asks, and what is asked about: a bucket, on Azure the whole service.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    http: HttpClient,
    base: String,
    signer: Signer,
}

#[derive(Debug, Clone)]
enum Signer {
    S3 { credentials: AwsCredentialProvider, region: String },
    Gcs { credentials: GcpCredentialProvider },
    Azure { credentials: AzureCredentialProvider, account: String },
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// No answer to such a question is longer.
const LONGEST: usize = 1 << 20;
/// How often a question is put where the store is busy or the connection breaks. It is no tragedy if it stays open.
const TRIES: u32 = 3;
/// All tries together.
const PATIENCE: Duration = Duration::from_secs(20);

impl Signed {
    /// Asks with the credentials of a client. `scope` is the region on S3, the account on Azure, nothing on GCS.
    pub(super) fn new(http: HttpClient, base: String, backend: &Backend, scope: String) -> Self {
        let signer = match backend {
            Backend::S3(store) => Signer::S3 { credentials: Arc::clone(store.credentials()), region: scope },
            Backend::Gcs(store) => Signer::Gcs { credentials: Arc::clone(store.credentials()) },
            Backend::Azure(store) => Signer::Azure { credentials: Arc::clone(store.credentials()), account: scope },
        };
        Self { http, base, signer }
    }

    /// Asks; `query` begins with a question mark.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(super) async fn get(&self, query: &str) -> Result<Reply, String> {
        match tokio::time::timeout(PATIENCE, self.tried(query)).await {
            Ok(answer) => answer,
            Err(_) => Err("the store does not answer".into()),
        }
    }

    async fn tried(&self, query: &str) -> Result<Reply, String> {
        let mut tries = 1;
        loop {
            let answer = match self.once(query).await {
                Ok(reply) if !is_busy(reply.status) => return Ok(reply),
                other => other,
            };
            if tries == TRIES {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(tries)).await;
            tries += 1;
        }
    }

    async fn once(&self, query: &str) -> Result<Reply, String> {
        let request = self.request(query).await?;
        let response = self.http.execute(request).await.map_err(|error| no_answer(&error))?;
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

    async fn request(&self, query: &str) -> Result<HttpRequest, String> {
        let unusable = |error: &dyn std::fmt::Display| format!("the question cannot be put: {error}");
        let url = format!("{}{query}", self.base);
        // What signs takes for granted that this is a URL.
        url::Url::parse(&url).map_err(|error| unusable(&error))?;
        let mut request = Request::get(url).body(HttpRequestBody::empty()).map_err(|error| unusable(&error))?;
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

fn is_busy(status: StatusCode) -> bool {
    // 501 is an answer: the store does not know the question.
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

fn no_answer(error: &HttpError) -> String {
    format!("the store could not be asked: {}", explain::shortened(&explain::scrubbed(&error.to_string())))
}
