//! Amazon S3 and what speaks its protocol (`registry/storage/driver/s3-aws`, drivers `s3` and `s3aws`).

use super::endpoint;
use super::resolve::Context;
use super::root;
use super::section::{Section, wrong};
use super::url::Bucket;
use crate::error::Result;
use crate::storage::location::{Location, S3Encryption, S3Keys, S3Location, S3Writes, Secret, Store};

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
        writes: writes(section, context)?,
        keys,
        profile: overrides.profile.clone(),
    };
    let named_by = section.first_setting(&["rootdirectory", "bucket"]);
    Ok(Location { store: Store::S3(store), named_by, from_configuration: true })
}

/// How the driver writes objects (`s3.go`: `getSSEKMSKeyID`, `getEncryptionMode`, `getStorageClass`).
fn writes(section: &Section<'_>, context: &mut Context<'_>) -> Result<S3Writes> {
    let encryption = match (section.flag("encrypt")?.unwrap_or(false), section.filled("keyid")?) {
        (false, _) => S3Encryption::BucketDefault,
        (true, None) => S3Encryption::Store,
        (true, Some(key)) => S3Encryption::Key(key),
    };
    // The driver takes the class in any letter case; `NONE` is for stores that know no classes.
    let class = section.filled("storageclass")?.map(|class| class.to_ascii_uppercase());
    let storage_class = class.filter(|class| !matches!(class.as_str(), "NONE" | "STANDARD"));
    if section.filled("objectacl")?.is_some_and(|acl| acl != "private") {
        context.note(format!(
            "{} is not followed: links that are written back get what the bucket says",
            section.setting("objectacl")
        ));
    }
    Ok(S3Writes { encryption, storage_class })
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

#[cfg(test)]
mod tests {

    #![expect(clippy::panic, reason = "a test fails by panicking")]

    use super::super::environment::fake::{Fake, ok, read, read_with, refused, root};
    use super::super::resolve::{Overrides, Resolved, resolve};
    use super::*;

    fn with(lines: &[&str]) -> String {
        format!("version: 0.1\nstorage:\n  s3:\n    region: eu-west-1\n    bucket: b\n    {}\n", lines.join("\n    "))
    }

    fn s3(result: Result<Resolved>) -> S3Location {
        let Store::S3(s3) = ok(result).location.store else { panic!("this is S3") };
        s3
    }

    fn configured(lines: &[&str]) -> S3Location {
        s3(read(&with(lines), &[]))
    }

    fn from_operand(url: &str, fake: &Fake, overrides: &Overrides) -> S3Location {
        s3(resolve(Some(url), overrides, fake))
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
            ("rootdirectory: //a/b//", "a/b/"),
            ("rootdirectory: 2024", "2024/"),
            ("rootdirectory: yes", "true/"),
        ];
        for (line, prefix) in cases {
            assert_eq!(configured(&[line]).prefix, prefix, "{line:?}");
        }
    }

    #[test]
    fn a_root_with_an_empty_part_is_refused() {
        assert_eq!(
            refused(read(&with(&["rootdirectory: /a//b"]), &[])),
            "Configuration: read the registry's configuration: `storage.s3.rootdirectory` (line 6 of /etc/r.yml): has \
             an empty part (`//`) inside, and such keys cannot be addressed -> move the registry to a root without \
             such a part"
        );
    }

    #[test]
    fn both_names_of_the_driver_are_known() {
        for name in ["s3", "s3aws"] {
            let text = format!("version: 0.1\nstorage:\n  {name}:\n    bucket: b\n    region: r\n");
            let resolved = ok(read(&text, &[]));
            assert_eq!(resolved.location.named_by, format!("`storage.{name}.bucket` (line 4 of /etc/r.yml)"));
            assert_eq!(resolved.location.to_string(), "s3://b");
        }
    }

    #[test]
    fn the_whole_file_is_read() {
        let resolved = ok(read(include_str!("../../testdata/configs/v3-s3.yml"), &[]));
        assert_eq!(resolved.location.named_by, "`storage.s3.rootdirectory` (line 14 of /etc/r.yml)");
        let expected = S3Location {
            bucket: "images".into(),
            prefix: "registry/one/".into(),
            region: Some("eu-central-1".into()),
            endpoint: Some("http://minio.example:9000".into()),
            path_style: Some(true),
            plain_http: true,
            skip_verify: true,
            keys: Some(S3Keys {
                access_key: "AKIAIOSFODNN7EXAMPLE".into(),
                secret_key: Secret::new("s3-secret-must-not-show"),
            }),
            ..S3Location::default()
        };
        assert_eq!(resolved.location.store, Store::S3(expected));
    }

    #[test]
    fn a_custom_endpoint_means_path_style_unless_written_out() {
        assert_eq!(configured(&[]).path_style, None);
        assert_eq!(configured(&["regionendpoint: http://minio:9000"]).path_style, Some(true));
        assert_eq!(configured(&["regionendpoint: http://minio:9000", "forcepathstyle: false"]).path_style, Some(false));
        assert_eq!(configured(&["forcepathstyle: yes"]).path_style, Some(true));
        assert_eq!(configured(&["regionendpoint: ''"]).path_style, None);
    }

    #[test]
    fn the_endpoint_takes_its_scheme_from_secure() {
        let of = |lines: &[&str]| {
            let s3 = configured(lines);
            (s3.endpoint, s3.plain_http)
        };
        assert_eq!(of(&["regionendpoint: minio:9000"]), (Some("https://minio:9000".into()), false));
        assert_eq!(of(&["regionendpoint: minio:9000", "secure: no"]), (Some("http://minio:9000".into()), true));
        assert_eq!(of(&["regionendpoint: http://minio:9000/"]), (Some("http://minio:9000".into()), true));
        assert_eq!(of(&["regionendpoint: https://minio", "secure: false"]), (Some("https://minio".into()), false));
        assert_eq!(of(&["secure: \"0\""]), (None, true));
    }

    #[test]
    fn an_endpoint_with_a_password_is_refused_without_showing_it() {
        let error = refused(read(&with(&["regionendpoint: https://user:hunter2@minio"]), &[]));
        assert!(error.contains("`storage.s3.regionendpoint` (line 6 of /etc/r.yml): carries credentials"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn keys_come_in_pairs() {
        assert_eq!(configured(&["accesskey: ''", "secretkey: ''"]).keys, None);
        assert_eq!(configured(&["accesskey:", "secretkey:"]).keys, None);
        let error = refused(read(&with(&["accesskey: AKIA", "secretkey: ''"]), &[]));
        assert_eq!(
            error,
            "Configuration: read the registry's configuration: `storage.s3.accesskey` (line 6 of /etc/r.yml): is set \
             without `secretkey`, and the registry uses both or none -> set `secretkey` too, or remove `accesskey` to \
             use the cloud's own chain"
        );
        let error = refused(read(&with(&["secretkey: hunter2"]), &[]));
        assert!(
            error.contains("`storage.s3.secretkey` (line 6 of /etc/r.yml)") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn switches_take_booleans_and_their_texts() {
        let lines = ["usedualstack: on", "usefipsendpoint: 'T'", "accelerate: Yes", "skipverify: \"true\""];
        let s3 = configured(&lines);
        assert!(s3.dual_stack && s3.fips && s3.accelerate && s3.skip_verify);
        let error = refused(read(&with(&["skipverify: perhaps"]), &[]));
        assert_eq!(
            error,
            "Configuration: read the registry's configuration: `storage.s3.skipverify` (line 6 of /etc/r.yml): is text \
             where a boolean is expected -> write `skipverify: true` or `skipverify: false`"
        );
        assert!(refused(read(&with(&["secure: 1"]), &[])).contains("is a whole number where a boolean is expected"));
    }

    #[test]
    fn a_missing_bucket_names_the_section() {
        let error = refused(read("version: 0.1\nstorage:\n  s3:\n    region: r\n", &[]));
        assert_eq!(
            error,
            "Configuration: read the registry's configuration: `storage.s3` (line 3 of /etc/r.yml): has no `bucket` -> \
             set `storage.s3.bucket`"
        );
        let error = refused(read("version: 0.1\nstorage:\n  s3:\n    bucket:\n", &[]));
        assert!(error.contains("`storage.s3.bucket` (line 4 of /etc/r.yml): is empty"), "{error}");
        let error = refused(read("version: 0.1\nstorage:\n  s3:\n    bucket: [a]\n", &[]));
        assert!(error.contains("is a list where text is expected"), "{error}");
        let error = refused(read("version: 0.1\nstorage:\n  s3:\n    bucket: 1e3\n", &[]));
        assert!(
            error.contains("is a decimal number where text is expected -> put the value between quotes"),
            "{error}"
        );
    }

    #[test]
    fn flags_win_over_the_file() {
        let overrides = Overrides {
            region: Some("us-east-1".into()),
            endpoint_url: Some("http://localhost:9000".into()),
            profile: Some("admin".into()),
            ..Overrides::default()
        };
        let text = with(&["accesskey: AKIA", "secretkey: hunter2", "regionendpoint: https://minio"]);
        let resolved = ok(read_with(&text, &[], &overrides));
        assert_eq!(resolved.notes, ["`storage.s3.accesskey` (line 6 of /etc/r.yml) is not used: --profile was given"]);
        let s3 = s3(Ok(resolved));
        assert_eq!((s3.region.as_deref(), s3.profile.as_deref()), (Some("us-east-1"), Some("admin")));
        assert_eq!((s3.endpoint.as_deref(), s3.plain_http, s3.keys), (Some("http://localhost:9000"), true, None));
        let overrides = Overrides { endpoint_url: Some("localhost:9000".into()), ..Overrides::default() };
        assert!(refused(read_with(&text, &[], &overrides)).contains("--endpoint-url: has no scheme"));
    }

    #[test]
    fn signatures_of_version_2_are_noted() {
        let resolved = ok(read(&with(&["v4auth: false"]), &[]));
        assert_eq!(
            resolved.notes,
            ["`storage.s3.v4auth` (line 6 of /etc/r.yml) is not followed: requests are signed with version 4"]
        );
    }

    #[test]
    fn a_url_takes_the_usual_variables() {
        let fake = Fake::new()
            .variable("AWS_DEFAULT_REGION", "r1")
            .variable("AWS_REGION", "")
            .variable("AWS_ENDPOINT_URL", "https://general")
            .variable("AWS_ENDPOINT_URL_S3", "http://special:9000/");
        let s3 = from_operand("s3://b/a%20b/", &fake, &Overrides::default());
        assert_eq!((s3.bucket.as_str(), s3.prefix.as_str(), s3.region.as_deref()), ("b", "a b/", Some("r1")));
        assert_eq!((s3.endpoint.as_deref(), s3.plain_http), (Some("http://special:9000"), true));
        assert_eq!((s3.path_style, s3.keys), (Some(true), None));
        let overrides = Overrides {
            region: Some("r2".into()),
            endpoint_url: Some("https://o".into()),
            profile: None,
            ..Overrides::default()
        };
        let s3 = from_operand("s3://b", &fake, &overrides);
        assert_eq!((s3.endpoint.as_deref(), s3.region.as_deref(), root_of(&s3)), (Some("https://o"), Some("r2"), ""));
        let s3 = from_operand("s3://b", &Fake::new(), &Overrides::default());
        assert_eq!(s3, S3Location { bucket: "b".into(), ..S3Location::default() });
    }

    fn root_of(s3: &S3Location) -> &str {
        &s3.prefix
    }

    #[test]
    fn a_url_is_not_touched_by_the_registrys_variables() {
        let fake = Fake::new().variable("REGISTRY_STORAGE_S3_ROOTDIRECTORY", "/other");
        assert_eq!(root(&ok(resolve(Some("s3://b/one"), &Overrides::default(), &fake))), "one/");
    }

    #[test]
    fn what_is_written_looks_as_the_registry_writes_it() {
        assert_eq!(configured(&["encrypt: false"]).writes, S3Writes::default());
        assert_eq!(configured(&["keyid: k"]).writes, S3Writes::default());
        assert_eq!(configured(&["storageclass: STANDARD"]).writes, S3Writes::default());
        assert_eq!(configured(&["storageclass: none"]).writes, S3Writes::default());
        assert_eq!(configured(&["encrypt: true"]).writes.encryption, S3Encryption::Store);
        let writes = configured(&["encrypt: true", "keyid: k", "storageclass: reduced_redundancy"]).writes;
        let expected =
            S3Writes { encryption: S3Encryption::Key("k".into()), storage_class: Some("REDUCED_REDUNDANCY".into()) };
        assert_eq!(writes, expected);
        let noted = ok(read(&with(&["objectacl: bucket-owner-full-control"]), &[])).notes;
        assert!(noted.iter().any(|note| note.contains("objectacl")), "{noted:?}");
        assert_eq!(ok(read(&with(&["objectacl: private"]), &[])).notes, Vec::<String>::new());
    }
}
