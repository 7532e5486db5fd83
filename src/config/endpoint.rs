//! Custom endpoints: what a URL must be to stand in a location.

/// Checks an endpoint that has its scheme, and drops slashes at its end.
///
/// User information and queries are refused: they are credentials, and a location is printed.
pub(super) fn check(endpoint: &str) -> Result<String, &'static str> {
    let (scheme, rest) = endpoint.split_once("://").ok_or("has no scheme; it should begin with https:// or http://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err("has a scheme other than https:// and http://");
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Err("carries credentials, which do not belong in an endpoint");
    }
    if rest.contains(['?', '#']) {
        return Err("carries a query or a fragment, which do not belong in an endpoint");
    }
    if host.is_empty() || host.starts_with(':') {
        return Err("names no host");
    }
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("holds white space");
    }
    Ok(format!("{}://{}", scheme.to_ascii_lowercase(), rest.trim_end_matches('/')))
}

/// Checks an endpoint that may lack its scheme.
pub(super) fn with_scheme(endpoint: &str, scheme: &str) -> Result<String, &'static str> {
    if endpoint.contains("://") { check(endpoint) } else { check(&format!("{scheme}://{endpoint}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_needs_a_scheme_and_a_host_and_nothing_secret() {
        assert_eq!(check("HTTPS://minio:9000/").as_deref(), Ok("https://minio:9000"));
        assert_eq!(with_scheme("minio:9000", "http").as_deref(), Ok("http://minio:9000"));
        assert_eq!(with_scheme("https://minio", "http").as_deref(), Ok("https://minio"));
        assert_eq!(check("http://127.0.0.1:10000/account").as_deref(), Ok("http://127.0.0.1:10000/account"));
        for bad in ["minio", "ftp://minio", "https://", "https:///a", "https://u:p@h", "https://h?sig=a", "https://a b"]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
