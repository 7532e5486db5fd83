//! The clouds' own chains of credentials, for where the registry's configuration names none.

use crate::error::Result;
use std::path::{Path, PathBuf};

/// What the chain of AWS knows.
#[derive(Debug)]
pub(super) struct Aws {
    pub(super) provider: object_store::aws::AwsCredentialProvider,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
}

#[cfg(feature = "aws-config")]
mod aws {
    use super::Aws;
    use async_trait::async_trait;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
    use object_store::CredentialProvider;
    use object_store::aws::AwsCredential;
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};
    use tokio::sync::Mutex;

    /// Credentials from `aws-config`: profiles, SSO, assumed roles, web identity, containers, instance metadata.
    #[derive(Debug)]
    struct Chain {
        inner: SharedCredentialsProvider,
        cache: Mutex<Option<Cached>>,
    }

    #[derive(Debug)]
    struct Cached {
        credential: Arc<AwsCredential>,
        expires: Option<SystemTime>,
        refresh: Option<SystemTime>,
    }

    /// So long before it expires a credential is renewed: longer than any request may take with all its repetitions.
    const EARLY: Duration = Duration::from_mins(5);

    #[async_trait]
    impl CredentialProvider for Chain {
        type Credential = AwsCredential;

        async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
            // The lock is held while asking: a hundred requests in flight must not ask a hundred times.
            let mut cache = self.cache.lock().await;
            let now = now();
            if let Some(cached) = &*cache
                && cached.refresh.is_none_or(|refresh| refresh > now)
            {
                return Ok(Arc::clone(&cached.credential));
            }
            match self.inner.provide_credentials().await {
                Ok(found) => {
                    let credential = Arc::new(AwsCredential {
                        key_id: found.access_key_id().into(),
                        secret_key: found.secret_access_key().into(),
                        token: found.session_token().map(Into::into),
                    });
                    let expires = found.expiry();
                    // A credential that lives for less than the margin is used for half of its life, not asked for anew
                    // with every request.
                    let refresh = expires.map(|expires| {
                        let life = expires.duration_since(now).unwrap_or_default();
                        expires - EARLY.min(life / 2)
                    });
                    *cache = Some(Cached { credential: Arc::clone(&credential), expires, refresh });
                    Ok(credential)
                }
                Err(error) => match &*cache {
                    // Renewing failed, but the old one is still good.
                    Some(cached) if cached.expires.is_some_and(|expires| expires > now) => {
                        Ok(Arc::clone(&cached.credential))
                    }
                    _ => Err(object_store::Error::Generic { store: "S3", source: Box::new(error) }),
                },
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "credentials expire by the wall clock; no decision depends on it")]
    fn now() -> SystemTime {
        SystemTime::now()
    }

    pub(in crate::storage) async fn chain(profile: Option<&str>, region: Option<&str>) -> Option<Aws> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let sdk = loader.load().await;
        let inner = sdk.credentials_provider()?;
        Some(Aws {
            provider: Arc::new(Chain { inner, cache: Mutex::default() }),
            region: sdk.region().map(ToString::to_string),
            endpoint: sdk.endpoint_url().map(Into::into),
        })
    }
}

#[cfg(feature = "aws-config")]
pub(super) use aws::chain as aws_chain;

#[cfg(not(feature = "aws-config"))]
#[expect(clippy::unused_async, reason = "the same shape as with the feature")]
pub(super) async fn aws_chain(_profile: Option<&str>, _region: Option<&str>) -> Option<Aws> {
    None
}

/// The kinds of sign-in file that `object_store` reads by itself.
const KNOWN_TO_OBJECT_STORE: [&str; 2] = ["service_account", "authorized_user"];

/// What works instead of a sign-in file that does not.
pub(super) const SIGN_IN: &str = "use a service account key, a file of workload identity federation, what \
    `gcloud auth application-default login` writes, or a token in CLOUDSDK_AUTH_ACCESS_TOKEN";

/// The sign-in file that Google's tools would use, if there is one.
fn google_file() -> Option<PathBuf> {
    let named = std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS").filter(|path| !path.is_empty());
    named.map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("CLOUDSDK_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config/gcloud")))?;
        Some(home.join("application_default_credentials.json")).filter(|path| path.exists())
    })
}

/// How to sign in to Google Cloud without a token in hand.
#[derive(Debug, Default)]
pub(super) struct Google {
    /// The sign-in file, if there is one.
    pub(super) file: Option<PathBuf>,
    /// For a file of a kind that `object_store` does not read: who gets and keeps tokens.
    pub(super) provider: Option<object_store::gcp::GcpCredentialProvider>,
}

/// Finds the sign-in file: the given one, or that of Google's tools.
///
/// # Errors
/// If the file cannot be read, is no sign-in file, or needs what this build does not have.
pub(super) fn google_chain(file: Option<&Path>) -> Result<Google> {
    use crate::error::{Error, ErrorKind};
    let Some(path) = file.map(Path::to_owned).or_else(google_file) else { return Ok(Google::default()) };
    let shown = path.display().to_string();
    let failed = |why: String| {
        Error::new(ErrorKind::Credentials, "read the sign-in file").on(shown.clone()).because(why).next(SIGN_IN)
    };
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|_| failed("it is not JSON".into()))?;
    let kind = json.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
    if KNOWN_TO_OBJECT_STORE.contains(&kind) {
        return Ok(Google { file: Some(path), provider: None });
    }
    let provider = google_provider(json.clone(), kind).map_err(failed)?;
    Ok(Google { file: Some(path), provider: Some(provider) })
}

#[cfg(feature = "google-auth")]
fn google_provider(
    json: serde_json::Value,
    kind: &str,
) -> std::result::Result<object_store::gcp::GcpCredentialProvider, String> {
    use google_cloud_auth::credentials::{external_account, impersonated};
    const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
    let built = match kind {
        "external_account" => {
            external_account::Builder::new(json).with_scopes([SCOPE]).build_access_token_credentials()
        }
        "impersonated_service_account" => {
            impersonated::Builder::new(json).with_scopes([SCOPE]).build_access_token_credentials()
        }
        other => return Err(format!("its type {other:?} is not known")),
    };
    let tokens = built.map_err(|error| error.to_string())?;
    Ok(std::sync::Arc::new(google::Chain(tokens)))
}

#[cfg(feature = "google-auth")]
mod google {
    use async_trait::async_trait;
    use google_cloud_auth::credentials::AccessTokenCredentials;
    use object_store::CredentialProvider;
    use object_store::gcp::GcpCredential;
    use std::sync::Arc;

    /// Tokens from Google's own library, which keeps and renews them.
    #[derive(Debug)]
    pub(super) struct Chain(pub(super) AccessTokenCredentials);

    #[async_trait]
    impl CredentialProvider for Chain {
        type Credential = GcpCredential;

        async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
            let failed = |error| object_store::Error::Generic { store: "GCS", source: Box::new(error) };
            let token = self.0.access_token().await.map_err(failed)?;
            Ok(Arc::new(GcpCredential { bearer: token.token }))
        }
    }
}

#[cfg(not(feature = "google-auth"))]
fn google_provider(
    _json: serde_json::Value,
    kind: &str,
) -> std::result::Result<object_store::gcp::GcpCredentialProvider, String> {
    Err(format!("its type {kind:?} needs a build with the feature `google-auth`"))
}
