//! Amazon S3 and what speaks its protocol (`registry/storage/driver/s3-aws`, drivers `s3` and `s3aws`).

use super::endpoint;
use super::resolve::Context;
use super::root;
use super::section::{Section, wrong};
use super::url::Bucket;
use crate::error::Result;
use crate::storage::location::{Location, S3Keys, S3Location, Secret, Store};

/// The driver's parameters (v3.1.1).
const PARAMETERS: [&str; 22] = [
    "accesskey",
    "secretkey",
    "region",
    "regionendpoint",
    "forcepathstyle",
    "bucket",
    "encrypt",
    "keyid",
    "secure",
    "skipverify",
    "v4auth",
    "chunksize",
    "multipartcopychunksize",
    "multipartcopymaxconcurrency",
    "multipartcopythresholdsize",
    "rootdirectory",
    "storageclass",
    "useragent",
    "objectacl",
    "usedualstack",
    "accelerate",
    "usefipsendpoint",
];

/// From `storage.s3`.
///
/// A custom endpoint means path style unless `forcepathstyle: false` is written out: 2.8 does so always, v3 only with
/// `forcepathstyle: true`, and nearly every store with an endpoint of its own wants it. Keys count only if both are
/// there (v3); then they are used, else the cloud's usual chain.
pub(super) fn from_section(section: &Section<'_>, context: &mut Context<'_>) -> Result<Location> {
    let overrides = context.overrides;
    let secure = section.flag("secure")?.unwrap_or(true);
    let endpoint = match (context.endpoint_override()?, section.filled("regionendpoint")?) {
        (Some(endpoint), _) => Some(endpoint),
        (None, Some(endpoint)) => {
            let scheme = if secure { "https" } else { "http" };
            let checked = endpoint::with_scheme(&endpoint, scheme);
            Some(checked.map_err(|why| section.wrong("regionendpoint", why, "write it as https://HOST[:PORT]"))?)
        }
        (None, None) => None,
    };
    let prefix = root::key_prefix(&section.text("rootdirectory")?.unwrap_or_default())
        .map_err(|why| section.wrong("rootdirectory", why, "move the registry to a root without such a part"))?;
    let mut keys = keys(section)?;
    if overrides.profile.is_some() && keys.take().is_some() {
        context.note(format!("{} is not used: --profile was given", section.setting("accesskey")));
    }
    if section.flag("v4auth")? == Some(false) {
        context.note(format!("{} is not followed: requests are signed with version 4", section.setting("v4auth")));
    }
    context.note_all(section.misspelt(&PARAMETERS));
    let store = S3Location {
        bucket: section.required("bucket")?,
        prefix,
        region: overrides.region.clone().or(section.filled("region")?),
        path_style: section.flag("forcepathstyle")?.or(endpoint.is_some().then_some(true)),
        plain_http: endpoint.as_ref().map_or(!secure, |endpoint| endpoint.starts_with("http://")),
        endpoint,
        skip_verify: section.flag("skipverify")?.unwrap_or(false),
        dual_stack: section.flag("usedualstack")?.unwrap_or(false),
        fips: section.flag("usefipsendpoint")?.unwrap_or(false),
        accelerate: section.flag("accelerate")?.unwrap_or(false),
        keys,
        profile: overrides.profile.clone(),
    };
    let named_by = section.first_setting(&["rootdirectory", "bucket"]);
    Ok(Location { store: Store::S3(store), named_by, from_configuration: true })
}

/// Both keys or none; an empty one counts as absent.
fn keys(section: &Section<'_>) -> Result<Option<S3Keys>> {
    let alone = |there: &str, absent: &str| {
        let why = format!("is set without `{absent}`, and the registry uses both or none");
        let next = format!("set `{absent}` too, or remove `{there}` to use the cloud's own chain");
        Err(section.wrong(there, why, next))
    };
    match (section.filled("accesskey")?, section.filled("secretkey")?) {
        (Some(access_key), Some(secret_key)) => Ok(Some(S3Keys { access_key, secret_key: Secret::new(secret_key) })),
        (Some(_), None) => alone("accesskey", "secretkey"),
        (None, Some(_)) => alone("secretkey", "accesskey"),
        (None, None) => Ok(None),
    }
}

/// From `s3://bucket/root`, with AWS's usual variables; credentials come from the usual chain.
pub(super) fn from_url(bucket: Bucket, context: &Context<'_>) -> Result<Store> {
    let (env, overrides) = (context.env, context.overrides);
    let from_variable = |(name, endpoint): (&str, String)| {
        endpoint::check(&endpoint).map_err(|why| wrong(format!("`{name}`"), why, "write it as https://HOST[:PORT]"))
    };
    let endpoint = match context.endpoint_override()? {
        Some(endpoint) => Some(endpoint),
        None => env.first_of(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]).map(from_variable).transpose()?,
    };
    let region = env.first_of(&["AWS_REGION", "AWS_DEFAULT_REGION"]).map(|(_, region)| region);
    Ok(Store::S3(S3Location {
        bucket: bucket.name,
        prefix: bucket.prefix,
        region: overrides.region.clone().or(region),
        path_style: endpoint.is_some().then_some(true),
        plain_http: endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")),
        endpoint,
        profile: overrides.profile.clone(),
        ..S3Location::default()
    }))
}
