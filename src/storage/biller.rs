//! Who bills for the storage, as far as the location tells.

/// Who bills for a storage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Biller {
    /// The provider, as a list of prices calls it: `s3`, `gcs`, `azure`, `directory`.
    pub provider: &'static str,
    /// The region, where it is known.
    pub region: Option<String>,
    /// Whether it is not the provider's own service but one that speaks its protocol: then the provider's prices say nothing.
    pub is_elsewhere: bool,
}

impl Biller {
    /// Of a bucket or container with this endpoint; none means the provider's own. `domain` is what the provider's own
    /// endpoints end with.
    pub(super) fn of(provider: &'static str, region: Option<&str>, endpoint: Option<&str>, domain: &str) -> Self {
        let is_own = endpoint.is_none_or(|endpoint| {
            let host = url::Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned));
            host.is_some_and(|host| {
                host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        });
        Self { provider, region: region.map(str::to_owned), is_elsewhere: !is_own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_providers_own_service_has_its_prices() {
        for (endpoint, is_elsewhere) in [
            (None, false),
            (Some("https://s3.eu-central-1.amazonaws.com"), false),
            (Some("https://minio.example:9000"), true),
            (Some("https://notamazonaws.com"), true),
            (Some("amazonaws.com"), true),
        ] {
            assert_eq!(Biller::of("s3", None, endpoint, "amazonaws.com").is_elsewhere, is_elsewhere, "{endpoint:?}");
        }
    }
}
