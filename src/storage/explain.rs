//! What a store's error means, for the person who has to do something about it.

pub use crate::error::shortened;
use crate::error::{Error, ErrorKind};
use regex::Regex;
use std::error::Error as _;
use std::sync::LazyLock;

/// An error of a listing request.
#[must_use]
pub fn listing(error: &object_store::Error, prefix: &str) -> Error {
    if matches!(error, object_store::Error::NotFound { .. }) || code(&chain(error)).as_deref() == Some("NoSuchBucket") {
        return Error::new(ErrorKind::Configuration, "list the storage")
            .on(prefix)
            .because("there is no such bucket or container")
            .next("check its name, the account and the region; a bucket of another account may look the same");
    }
    request(error, "list", prefix)
}

/// An error of any other request: `doing` is "read", "delete" and the like.
#[must_use]
pub fn request(error: &object_store::Error, doing: &str, key: &str) -> Error {
    let text = chain(error);
    let code = code(&text);
    let (kind, why, next) = classify(error, doing, code.as_deref(), &text);
    let found = Error::new(kind, format!("{doing} the storage")).on(key).because(why);
    let found = match next {
        Some(next) => found.next(next),
        None => found,
    };
    match code {
        Some(_) => found,
        None => found.caused_by(shortened(&text)),
    }
}

fn classify(
    error: &object_store::Error,
    doing: &str,
    code: Option<&str>,
    text: &str,
) -> (ErrorKind, String, Option<&'static str>) {
    let said = code.map_or_else(String::new, |code| format!(" ({code})"));
    match code {
        Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired") => {
            let next = "the credential has expired: sign in again, or give the job a longer session";
            return (
                ErrorKind::Credentials,
                format!("the store does not accept the credential any more{said}"),
                Some(next),
            );
        }
        Some(
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "AuthenticationFailed" | "AuthFailure",
        ) => {
            let next = "check the access key and its secret; a secret of digits only must stand in quotes in the configuration";
            return (ErrorKind::Credentials, format!("the store does not accept the credential{said}"), Some(next));
        }
        // A listing that is denied comes as an error of no kind.
        Some(
            "AccessDenied"
            | "AuthorizationFailure"
            | "AuthorizationPermissionMismatch"
            | "InsufficientAccountPermissions",
        ) => return (ErrorKind::Permission, format!("the store refuses this{said}"), Some(right(doing))),
        Some("RequestTimeTooSkewed") => {
            let next = "set this machine's clock";
            return (ErrorKind::Credentials, format!("this machine's clock is wrong{said}"), Some(next));
        }
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
            let next = "give the bucket's own region (`region` in the configuration, or --region)";
            return (ErrorKind::Configuration, format!("the bucket is in another region{said}"), Some(next));
        }
        _ => {}
    }
    match error {
        object_store::Error::PermissionDenied { .. } => {
            let said = if said.is_empty() { " (403)" } else { &said };
            (ErrorKind::Permission, format!("the store refuses this{said}"), Some(right(doing)))
        }
        object_store::Error::Unauthenticated { .. } => (
            ErrorKind::Credentials,
            format!("the store does not accept the credential{said}"),
            Some("sign in again, or check the credential"),
        ),
        _ if text.contains("eceived redirect without LOCATION") || text.contains("BareRedirect") => {
            let next = "give the bucket's own region (`region` in the configuration, or --region)";
            (ErrorKind::Configuration, "the bucket is in another region".into(), Some(next))
        }
        _ if CREDENTIALS.iter().any(|sign| text.contains(sign)) => {
            let next = "give credentials: in the registry's configuration, the cloud's environment variables, a profile (--profile) or the machine's role";
            (ErrorKind::Credentials, "no credentials could be had".into(), Some(next))
        }
        _ => {
            if let Some((why, next)) = certificate(text) {
                return (ErrorKind::Unreachable, why.into(), Some(next));
            }
            let next = "check the endpoint, the network, and whether a proxy or a CA file (--ca-file) is needed";
            (ErrorKind::Unreachable, format!("the store could not be asked{said}"), Some(next))
        }
    }
}

/// What to grant so that this is not refused.
fn right(doing: &str) -> &'static str {
    match doing {
        "list" => {
            "grant the right to list the bucket (s3:ListBucket, storage.objects.list, Storage Blob Data Reader); it is \
             the bucket's, not its objects'"
        }
        "read" | "look for" => {
            "grant the right to read the registry's objects (s3:GetObject, storage.objects.get, Storage Blob Data Reader)"
        }
        _ => {
            "grant the right to write and delete the registry's objects (s3:PutObject and s3:DeleteObject, Storage \
             Object User, Storage Blob Data Contributor)"
        }
    }
}

/// Why a server's certificate is not accepted, and what to do, if that is what went wrong.
pub(super) fn certificate(text: &str) -> Option<(&'static str, &'static str)> {
    if text.contains("CaUsedAsEndEntity") {
        let next = "give the server a certificate that is not an authority's (basicConstraints CA:FALSE) and its \
                    authority with --ca-file";
        return Some(("the server shows an authority's certificate as its own, which is not accepted", next));
    }
    let next = "give the PEM file of the authority that signed it with --ca-file; check the endpoint's name too";
    text.contains("invalid peer certificate").then_some(("the server's certificate is not trusted", next))
}

/// What the libraries say when a chain of credential providers ends without one.
const CREDENTIALS: [&str; 7] = [
    "while loading credentials",
    "no credentials found in chain",
    "no providers in chain provided credentials",
    "could not be loaded",
    "169.254.169.254",
    "metadata.google.internal",
    "Error fetching token",
];

/// An error's text with all its causes, without what a credential might be part of.
#[must_use]
pub fn chain(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    scrubbed(&text)
}

#[expect(clippy::expect_used, reason = "the expressions are constants, and a test compiles them")]
static QUERY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"\?[^\s"')>]+"#).expect("a constant"));
#[expect(clippy::expect_used, reason = "the expressions are constants, and a test compiles them")]
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("<Code>([A-Za-z0-9.]+)</Code>").expect("a constant"));

/// Query strings may hold signatures: they are cut off.
#[must_use]
pub fn scrubbed(text: &str) -> String {
    QUERY.replace_all(text, "?...").into_owned()
}

/// The store's own word for what went wrong.
#[must_use]
pub fn code(text: &str) -> Option<String> {
    Some(CODE.captures(text)?.get(1)?.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn no_signature_reaches_a_person() {
        let error = request(&generic("get https://a.blob/c/k?sv=1&sig=SECRET%3D failed"), "read", "k");
        let shown = format!("{error} {:?}", error.source().map(ToString::to_string));
        assert!(!shown.contains("SECRET"), "{shown}");
    }

    #[test]
    fn what_is_refused_names_the_right_that_is_missing() {
        let refused = |doing| {
            let error = object_store::Error::PermissionDenied { path: "k".into(), source: "no".into() };
            request(&error, doing, "k").hint().unwrap().to_owned()
        };
        assert!(refused("list").contains("s3:ListBucket"));
        assert!(refused("read").contains("s3:GetObject"));
        assert!(refused("look for").contains("s3:GetObject"));
        assert!(refused("write").contains("s3:PutObject"));
        assert!(refused("put back").contains("s3:PutObject"));
    }

    #[test]
    fn each_cause_has_its_kind_and_a_next_step() {
        for (text, kind) in [
            ("<Error><Code>ExpiredToken</Code></Error>", ErrorKind::Credentials),
            ("<Error><Code>SignatureDoesNotMatch</Code></Error>", ErrorKind::Credentials),
            ("<Error><Code>PermanentRedirect</Code></Error>", ErrorKind::Configuration),
            ("no providers in chain provided credentials", ErrorKind::Credentials),
            ("no credentials found in chain. Attempted: Environment", ErrorKind::Credentials),
            ("an error occurred while loading credentials: failed to load IMDS", ErrorKind::Credentials),
            ("Received redirect without LOCATION, this normally indicates", ErrorKind::Configuration),
            ("connection refused", ErrorKind::Unreachable),
            ("invalid peer certificate: UnknownIssuer", ErrorKind::Unreachable),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", ErrorKind::Unreachable),
        ] {
            let error = request(&generic(text), "list", "x");
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.hint().is_some(), "{text}");
        }
        let missing = listing(&generic("<Code>NoSuchBucket</Code>"), "x");
        assert_eq!(missing.kind(), ErrorKind::Configuration);
    }
}
