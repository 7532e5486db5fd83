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
