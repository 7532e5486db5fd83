//! Azure Blob Storage (`registry/storage/driver/azure`).

use super::azure_environment::AccountFromEnvironment;
use super::endpoint;
use super::resolve::Context;
use super::root;
use super::section::Section;
use super::url::Bucket;
use crate::error::Result;
use crate::storage::location::{AzureCredential, AzureLocation, Location, Secret, Store};

/// The `realm` of the public cloud.
pub(super) const PUBLIC_REALM: &str = "core.windows.net";

/// From `storage.azure`.
///
/// A section with `credentials` is read as v3 reads it (parameter names in any case, as mapstructure matches them);
/// one without is 2.8's, which knows no `rootdirectory`.
pub(super) fn from_section(section: Section<'_>, context: &mut Context<'_>) -> Result<Location> {
    context.refuse_overrides(&["--region", "--profile"], "Azure")?;
    let section = section.in_any_case();
    let account = section.required("accountname")?;
    let is_v3 = section.get("credentials").is_some_and(|node| !node.is_null());
    let prefix = if is_v3 {
        root::key_prefix(&section.text("rootdirectory")?.unwrap_or_default())
            .map_err(|why| section.wrong("rootdirectory", why, "move the registry to a root without such a part"))?
    } else {
        if section.filled("rootdirectory")?.is_some() {
            context.note(format!(
                "{} is ignored, as by the registry 2.8; for the registry v3 add `credentials.type`",
                section.setting("rootdirectory")
            ));
        }
        String::new()
    };
    let store = AzureLocation {
        container: section.required("container")?,
        prefix,
        endpoint: endpoint(&section, &account, context)?,
        skip_verify: section.flag("skipverify")?.unwrap_or(false),
        credential: if is_v3 { credentials(&section)? } else { account_key(&section)? },
        account,
    };
    let named_by = section.first_setting(if is_v3 { &["rootdirectory", "container"] } else { &["container"] });
    Ok(Location { store: Store::Azure(store), named_by, from_configuration: true })
}

fn endpoint(section: &Section<'_>, account: &str, context: &Context<'_>) -> Result<Option<String>> {
    if let Some(endpoint) = context.endpoint_override()? {
        return Ok(Some(endpoint));
    }
    let (key, endpoint) = match (section.filled("serviceurl")?, section.filled("realm")?) {
        (Some(url), _) => ("serviceurl", url),
        (None, Some(realm)) if realm != PUBLIC_REALM => ("realm", format!("https://{account}.blob.{realm}")),
        (None, _) => return Ok(None),
    };
    endpoint::check(&endpoint).map(Some).map_err(|why| {
        section.wrong(key, why, "write `serviceurl` as https://HOST, `realm` as a domain such as core.chinacloudapi.cn")
    })
}

/// 2.8: the account's key.
fn account_key(section: &Section<'_>) -> Result<AzureCredential> {
    let Some(key) = section.filled("accountkey")? else {
        let next = "set `accountkey` (2.8), or `credentials` with its `type` (v3)";
        return Err(section.wrong("accountkey", "has neither an account key nor `credentials`", next));
    };
    Ok(AzureCredential::SharedKey(Secret::new(key)))
}

/// v3: what `credentials.type` says. `default` is what the registry's documentation writes for managed identities.
fn credentials(section: &Section<'_>) -> Result<AzureCredential> {
    let types = "write `type: shared_key`, `type: client_secret` or `type: default_credentials` below it";
    let Some(credentials) = section.section("credentials") else {
        return Err(section.wrong("credentials", "is no mapping", types));
    };
    match credentials.filled("type")?.as_deref() {
        Some("shared_key") => Ok(AzureCredential::SharedKey(Secret::new(section.required("accountkey")?))),
        Some("client_secret") => Ok(AzureCredential::ClientSecret {
            client_id: credentials.required("clientid")?,
            tenant_id: credentials.required("tenantid")?,
            secret: Secret::new(credentials.required("secret")?),
        }),
        Some("default_credentials" | "default") => Ok(AzureCredential::Default),
        Some(_) => Err(credentials.wrong("type", "is no type of credentials that the registry knows", types)),
        None => Err(credentials.wrong("type", "has no `type`, without which the registry does not start", types)),
    }
}

/// From `az://container/root`: account, endpoint and credential come from the environment.
pub(super) fn from_url(bucket: Bucket, context: &Context<'_>) -> Result<Store> {
    context.refuse_overrides(&["--region", "--profile"], "Azure")?;
    let AccountFromEnvironment { account, endpoint, credential } = AccountFromEnvironment::read(context.env)?;
    Ok(Store::Azure(AzureLocation {
        account,
        container: bucket.name,
        prefix: bucket.prefix,
        endpoint: context.endpoint_override()?.or(endpoint),
        skip_verify: false,
        credential,
    }))
}

#[cfg(test)]
mod tests {

    #![expect(clippy::panic, reason = "a test fails by panicking")]

    use super::super::environment::fake::{ok, read, refused};
    use super::super::resolve::Resolved;
    use super::*;

    fn azure(result: Result<Resolved>) -> AzureLocation {
        let Store::Azure(azure) = ok(result).location.store else { panic!("this is Azure") };
        azure
    }

    fn v3(lines: &[&str]) -> String {
        let head = "version: 0.1\nstorage:\n  azure:\n    accountname: a\n    container: c";
        format!("{head}\n    {}\n    credentials:\n      type: default_credentials\n", lines.join("\n    "))
    }

    #[test]
    fn rootdirectory_becomes_the_prefix() {
        let cases = [
            ("", ""),
            ("rootdirectory:", ""),
            ("rootdirectory: ''", ""),
            ("rootdirectory: /", ""),
            ("rootdirectory: /prefix", "prefix/"),
            ("rootdirectory: prefix/", "prefix/"),
            ("RootDirectory: prefix/", "prefix/"),
        ];
        for (line, prefix) in cases {
            assert_eq!(azure(read(&v3(&[line]), &[])).prefix, prefix, "{line:?}");
        }
        let error = refused(read(&v3(&["rootdirectory: a//b"]), &[]));
        assert!(error.contains("`storage.azure.rootdirectory` (line 6 of /etc/r.yml): has an empty part"), "{error}");
    }

    #[test]
    fn a_file_of_2_8_has_a_key_and_no_root() {
        let resolved = ok(read(include_str!("../../testdata/configs/v2-azure.yml"), &[]));
        assert_eq!(
            resolved.notes,
            ["`storage.azure.rootdirectory` (line 8 of /etc/r.yml) is ignored, as by the registry 2.8; for the \
              registry v3 add `credentials.type`"]
        );
        assert_eq!(resolved.location.named_by, "`storage.azure.container` (line 6 of /etc/r.yml)");
        let azure = azure(Ok(resolved));
        assert_eq!(azure.credential, AzureCredential::SharedKey(Secret::new("azure-secret-must-not-show")));
        assert_eq!(azure.endpoint.as_deref(), Some("https://images.blob.core.chinacloudapi.cn"));
        assert_eq!(
            (azure.account.as_str(), azure.container.as_str(), azure.prefix.as_str()),
            ("images", "registry", "")
        );
    }

    #[test]
    fn a_file_of_v3_says_how_to_sign_in() {
        let azure_v3 = azure(read(include_str!("../../testdata/configs/v3-azure.yml"), &[]));
        assert_eq!(azure_v3.prefix, "one/");
        let AzureCredential::ClientSecret { client_id, secret, .. } = azure_v3.credential else {
            panic!("client secret")
        };
        assert_eq!((client_id.ends_with('1'), secret.reveal()), (true, "azure-secret-must-not-show"));
        for default in ["default", "default_credentials"] {
            let text = v3(&[]).replace("default_credentials", default);
            assert_eq!(azure(read(&text, &[])).credential, AzureCredential::Default);
        }
        let text = v3(&["accountkey: k"]).replace("default_credentials", "shared_key");
        assert_eq!(azure(read(&text, &[])).credential, AzureCredential::SharedKey(Secret::new("k")));
    }

    #[test]
    fn credentials_that_the_registry_refuses_are_refused() {
        let text = v3(&[]).replace("default_credentials", "managed");
        assert_eq!(
            refused(read(&text, &[])),
            "Configuration: read the registry's configuration: `storage.azure.credentials.type` (line 8 of \
             /etc/r.yml): is no type of credentials that the registry knows -> write `type: shared_key`, `type: \
             client_secret` or `type: default_credentials` below it"
        );
        let text = v3(&[]).replace("type: default_credentials", "tenantid: x");
        assert!(
            refused(read(&text, &[])).contains("`storage.azure.credentials` (line 7 of /etc/r.yml): has no `type`")
        );
        let text = v3(&[]).replace("default_credentials", "shared_key");
        assert!(refused(read(&text, &[])).contains("`storage.azure` (line 3 of /etc/r.yml): has no `accountkey`"));
        let text = v3(&[]).replace("default_credentials", "client_secret");
        assert!(refused(read(&text, &[])).contains("set `storage.azure.credentials.clientid`"));
        let text = "version: 0.1\nstorage:\n  azure:\n    accountname: a\n    container: c\n";
        assert!(refused(read(text, &[])).contains("has neither an account key nor `credentials`"));
        let text = "version: 0.1\nstorage:\n  azure:\n    accountname: a\n    container: c\n    credentials: hunter2\n";
        let error = refused(read(text, &[]));
        assert!(error.contains("(line 6 of /etc/r.yml): is no mapping") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_service_url_wins_over_the_realm() {
        let of = |lines: &[&str]| azure(read(&v3(lines), &[])).endpoint;
        assert_eq!(of(&["realm: core.windows.net"]), None);
        assert_eq!(of(&["realm: core.cloudapi.de"]).as_deref(), Some("https://a.blob.core.cloudapi.de"));
        let lines = ["realm: x.y", "serviceurl: http://127.0.0.1:10000/a"];
        assert_eq!(of(&lines).as_deref(), Some("http://127.0.0.1:10000/a"));
        let error = refused(read(&v3(&["serviceurl: https://a.blob.core.windows.net/?sig=hunter2"]), &[]));
        assert!(error.contains("`storage.azure.serviceurl` (line 6 of /etc/r.yml): carries a query"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
