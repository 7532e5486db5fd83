//! Finding out what a store does with what is deleted. Nobody has to let it be found out: whatever fails here is told as
//! not known, and fails no run.

use super::backend::Backend;
use super::cloud::Cloud;
use super::explain;
use super::signed::{Reply, Signed};
use super::xml::Element;
use crate::collect::store_keeps::{Deleted, How, Period, StoreKeeps};
use crate::layout;
use http::StatusCode;
use serde_json::Value;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// Asks the store: one question, and on a versioned bucket of S3 two more.
pub(super) async fn ask(cloud: &Cloud) -> StoreKeeps {
    let Some(signed) = &cloud.signed else { return StoreKeeps::not_known("there is no way to ask") };
    // A rule for old versions is about keys: one that counts covers every key of the registry.
    let prefix = format!("{}{}", cloud.prefix, layout::V2);
    match &cloud.backend {
        Backend::S3(_) => s3(signed, &prefix).await,
        Backend::Gcs(_) => {
            let reply = signed.get("?fields=versioning,softDeletePolicy,retentionPolicy,lifecycle").await;
            granted(reply, "storage.buckets.get")
                .and_then(|reply| gcs(&reply.body, &prefix))
                .unwrap_or_else(StoreKeeps::not_known)
        }
        Backend::Azure(_) => {
            let reply = signed.get("?restype=service&comp=properties").await;
            let permission = "Microsoft.Storage/storageAccounts/blobServices/read";
            granted(reply, permission).and_then(|reply| azure(&reply.body)).unwrap_or_else(StoreKeeps::not_known)
        }
    }
}

/// An answer that tells something; otherwise why there is none.
pub(super) fn granted(reply: Result<Reply, String>, permission: &str) -> Result<Reply, String> {
    let reply = reply?;
    let said = match explain::code(&String::from_utf8_lossy(&reply.body)) {
        Some(code) => format!("{} {code}", reply.status.as_u16()),
        None => reply.status.as_u16().to_string(),
    };
    match reply.status {
        status if status.is_success() => Ok(reply),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Err(format!("no permission ({permission})")),
        _ => Err(format!("the store does not answer the question ({said})")),
    }
}

fn strange() -> String {
    "the store's answer is not understood".into()
}

async fn s3(signed: &Signed, prefix: &str) -> StoreKeeps {
    let status =
        granted(signed.get("?versioning=").await, "s3:GetBucketVersioning").and_then(|reply| versioning(&reply.body));
    let how = match status {
        Ok(Versioning::Never) => return StoreKeeps::NOTHING,
        Ok(Versioning::Enabled) => How::Versioning,
        Ok(Versioning::Suspended) => How::VersioningSuspended,
        Err(why) => return StoreKeeps::not_known(why),
    };
    let (lock, rules) = tokio::join!(signed.get("?object-lock="), signed.get("?lifecycle="));
    let lock = absent_or(lock, "s3:GetBucketObjectLockConfiguration")
        .map(|reply| reply.and_then(|reply| lock_of(&reply.body)));
    let rules = absent_or(rules, "s3:GetLifecycleConfiguration")
        .and_then(|reply| reply.map_or(Ok(None), |reply| noncurrent_days(&reply.body, prefix)));
    versioned(how, lock, rules)
}

/// An answer, none where the store has no such thing, or why there is none.
fn absent_or(reply: Result<Reply, String>, permission: &str) -> Result<Option<Reply>, String> {
    // Without a lock or a rule the answer is 404; stores that know neither have several more for that.
    let is_none = |reply: &Reply| matches!(reply.status.as_u16(), 404 | 405 | 501);
    match reply {
        Ok(reply) if is_none(&reply) => Ok(None),
        other => granted(other, permission).map(Some),
    }
}

/// What a versioned bucket does, by what was learned of its lock and of its rules.
fn versioned(how: How, lock: Result<Option<Lock>, String>, rules: Result<Option<u64>, String>) -> StoreKeeps {
    let has_lock = matches!(lock, Ok(Some(_)));
    let locked = lock.as_ref().ok().and_then(|lock| lock.as_ref()?.from_writing);
    let period = match (rules, lock) {
        (Err(why), _) | (Ok(Some(_)), Err(why)) => Period::NotKnown { why },
        // No rule waits for a version that is locked, and none removes it before.
        (Ok(Some(days)), Ok(_)) => {
            let time = days_of(days).max(locked.unwrap_or_default());
            Period::For { time, to_midnight: true }
        }
        (Ok(None), _) => Period::UntilRemoved,
    };
    let how = if has_lock && how == How::Versioning { How::ObjectLock } else { how };
    StoreKeeps { deleted: Deleted::Held { how, period }, locked }
}

/// Whether a bucket of S3 keeps old versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// It keeps none, and has none.
    Never,
    /// It keeps each.
    Enabled,
    /// It keeps those that it has.
    Suspended,
}

/// Reads `VersioningConfiguration`; emulators name it otherwise. Some S3 servers answer any question about a bucket with
/// its listing: that says nothing of versions.
///
/// # Errors
/// If it is no such answer, in words.
pub fn versioning(body: &[u8]) -> Result<Versioning, String> {
    let root = Element::parse(body).filter(|root| root.name.contains("Versioning")).ok_or_else(strange)?;
    match root.text_of("Status") {
        None | Some("") => Ok(Versioning::Never),
        Some("Enabled") => Ok(Versioning::Enabled),
        Some("Suspended") => Ok(Versioning::Suspended),
        Some(_) => Err(strange()),
    }
}

/// A bucket that can lock versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// For how long it locks each, from its writing on, unless somebody says otherwise.
    pub from_writing: Option<Duration>,
}

/// Reads `ObjectLockConfiguration`; nothing where versions cannot be locked.
#[must_use]
pub fn lock_of(body: &[u8]) -> Option<Lock> {
    let root = Element::parse(body).filter(|root| root.name.contains("ObjectLock"))?;
    if root.text_of("ObjectLockEnabled") != Some("Enabled") {
        return None;
    }
    let retention = root.child("Rule").and_then(|rule| rule.child("DefaultRetention"));
    let days = |retention: &Element| {
        let years = retention.number_of("Years").unwrap_or(0).saturating_mul(365);
        retention.number_of("Days").unwrap_or(0).saturating_add(years)
    };
    Some(Lock { from_writing: retention.map(days).filter(|days| *days > 0).map(days_of) })
}

/// After how many days the rules of a bucket remove an old version of any key below `prefix`, if they do.
///
/// # Errors
/// If it is no such answer, in words.
pub fn noncurrent_days(body: &[u8], prefix: &str) -> Result<Option<u64>, String> {
    let root = Element::parse(body).filter(|root| root.name.contains("Lifecycle")).ok_or_else(strange)?;
    let rules = root.children.iter().filter(|rule| rule.name == "Rule" && covers(rule, prefix));
    let days = rules.filter_map(|rule| {
        let expiration = rule.child("NoncurrentVersionExpiration")?;
        // Of a deleted object the last version is the newest: a rule that spares the newest never takes it.
        let spares = expiration.number_of("NewerNoncurrentVersions").is_some_and(|newest| newest > 0);
        expiration.number_of("NoncurrentDays").filter(|_| !spares)
    });
    Ok(days.min())
}

/// Whether a rule is on, and is about every key below `prefix`, whatever its size and tags.
fn covers(rule: &Element, prefix: &str) -> bool {
    let filter = rule.child("Filter");
    let filter = filter.and_then(|filter| filter.child("And")).or(filter);
    let is_about_keys_only = filter.is_none_or(|filter| filter.children.iter().all(|child| child.name == "Prefix"));
    let of_rule = [Some(rule), filter].into_iter().flatten().filter_map(|element| element.text_of("Prefix"));
    rule.text_of("Status") == Some("Enabled")
        && is_about_keys_only
        && of_rule.into_iter().all(|of| prefix.starts_with(of))
}

fn days_of(days: u64) -> Duration {
    DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX))
}

/// Reads a bucket's resource (Google), for the keys below `prefix`.
///
/// # Errors
/// If it is no such answer, in words.
pub fn gcs(body: &[u8], prefix: &str) -> Result<StoreKeeps, String> {
    let bucket: Value = serde_json::from_slice(body).map_err(|_| strange())?;
    if !bucket.is_object() {
        return Err(strange());
    }
    let seconds = |pointer: &str| {
        let value = bucket.pointer(pointer)?;
        // 64-bit numbers are strings in Google's JSON; emulators are not so strict.
        let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    };
    let soft = seconds("/softDeletePolicy/retentionDurationSeconds");
    let is_versioned = bucket.pointer("/versioning/enabled").and_then(Value::as_bool) == Some(true);
    let deleted = if is_versioned {
        let rules = bucket.pointer("/lifecycle/rule").and_then(Value::as_array);
        let days = rules.into_iter().flatten().filter_map(|rule| days_of_rule(rule, prefix)).min();
        let period = days.map_or(Period::UntilRemoved, |days| Period::For {
            // An old version that a rule removes is soft-deleted then.
            time: days_of(days).saturating_add(soft.unwrap_or_default()),
            to_midnight: true,
        });
        Deleted::Held { how: How::Versioning, period }
    } else if let Some(time) = soft {
        Deleted::Held { how: How::SoftDelete, period: Period::For { time, to_midnight: false } }
    } else {
        Deleted::Freed
    };
    Ok(StoreKeeps { deleted, locked: seconds("/retentionPolicy/retentionPeriod") })
}

/// After how many days at most a rule removes an old version of any key below `prefix`.
fn days_of_rule(rule: &Value, prefix: &str) -> Option<u64> {
    let condition = rule.get("condition")?.as_object()?;
    let mut days = None;
    for (name, value) in condition {
        let fits = match name.as_str() {
            "daysSinceNoncurrentTime" | "age" => {
                days = days.max(Some(value.as_u64()?));
                true
            }
            "isLive" => value.as_bool() == Some(false),
            "matchesPrefix" => {
                let prefixes = value.as_array()?.iter().filter_map(Value::as_str);
                prefixes.into_iter().any(|of| prefix.starts_with(of))
            }
            _ => false,
        };
        if !fits {
            return None;
        }
    }
    days.filter(|_| rule.pointer("/action/type").and_then(Value::as_str) == Some("Delete"))
}

/// Reads the properties of the blob service. They tell of soft delete; versions are a matter of the management API.
///
/// # Errors
/// If it is no such answer, in words.
pub fn azure(body: &[u8]) -> Result<StoreKeeps, String> {
    let root = Element::parse(body).filter(|root| root.name == "StorageServiceProperties").ok_or_else(strange)?;
    let policy = root.child("DeleteRetentionPolicy").filter(|policy| policy.text_of("Enabled") == Some("true"));
    let Some(policy) = policy else {
        return Err("soft delete is off; of versions Azure tells the management API only".into());
    };
    let period = match policy.number_of("Days") {
        Some(days) => Period::For { time: days_of(days), to_midnight: false },
        None => Period::NotKnown { why: strange() },
    };
    Ok(StoreKeeps::held(How::SoftDelete, period))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "some/root/docker/registry/v2/";

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status: StatusCode::from_u16(status).unwrap_or_default(), body: body.to_owned().into() }
    }

    fn days_period(days: u64, to_midnight: bool) -> Period {
        Period::For { time: days_of(days), to_midnight }
    }

    #[test]
    fn versioning_is_what_the_bucket_says_and_nothing_else() {
        let of = |body: &str| versioning(body.as_bytes());
        let xmlns = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
        assert_eq!(of(&format!("<VersioningConfiguration {xmlns}/>")), Ok(Versioning::Never));
        assert_eq!(of(&format!("<GetBucketVersioningResponse {xmlns}/>")), Ok(Versioning::Never));
        assert_eq!(
            of("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
            Ok(Versioning::Enabled)
        );
        assert_eq!(
            of(
                "<VersioningConfiguration>\n <MfaDelete>Disabled</MfaDelete><Status> Suspended </Status></VersioningConfiguration>"
            ),
            Ok(Versioning::Suspended)
        );
        for strange in ["", "no", "<ListBucketResult><Name>b</Name></ListBucketResult>", "<VersioningConfiguration>"] {
            assert!(of(strange).is_err(), "{strange}");
        }
        assert!(of("<VersioningConfiguration><Status>Perhaps</Status></VersioningConfiguration>").is_err());
    }

    #[test]
    fn missing_right_is_named_and_a_foreign_store_is_said_to_be_one() {
        let denied = granted(Ok(reply(403, "<Error><Code>AccessDenied</Code></Error>")), "s3:GetBucketVersioning");
        assert_eq!(denied.err().as_deref(), Some("no permission (s3:GetBucketVersioning)"));
        let foreign = granted(Ok(reply(501, "<Error><Code>NotImplemented</Code></Error>")), "x");
        assert_eq!(foreign.err().as_deref(), Some("the store does not answer the question (501 NotImplemented)"));
        assert!(granted(Ok(reply(404, "")), "x").is_err_and(|why| why.ends_with("(404)")));
        assert!(granted(Err("broken".into()), "x").is_err_and(|why| why == "broken"));
        assert!(granted(Ok(reply(200, "")), "x").is_ok());
    }

    #[test]
    fn no_lock_and_no_rules_are_no_missing_right() {
        for status in [404, 405, 501] {
            assert!(matches!(absent_or(Ok(reply(status, "")), "x"), Ok(None)), "{status}");
        }
        assert!(matches!(absent_or(Ok(reply(200, "")), "x"), Ok(Some(_))));
        assert!(absent_or(Ok(reply(403, "")), "s3:x").is_err_and(|why| why.contains("s3:x")));
        for status in [400, 500] {
            assert!(absent_or(Ok(reply(status, "")), "x").is_err(), "{status}");
        }
    }

    fn lock(body: &str) -> Option<Lock> {
        lock_of(format!("<ObjectLockConfiguration>{body}</ObjectLockConfiguration>").as_bytes())
    }

    #[test]
    fn default_retention_of_a_lock_is_days_or_years() {
        let on = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
        let rule =
            |text: &str| format!("{on}<Rule><DefaultRetention><Mode>COMPLIANCE</Mode>{text}</DefaultRetention></Rule>");
        assert_eq!(lock(&rule("<Days>7</Days>")), Some(Lock { from_writing: Some(days_of(7)) }));
        assert_eq!(lock(&rule("<Days>7</Days><Years>0</Years>")), Some(Lock { from_writing: Some(days_of(7)) }));
        assert_eq!(lock(&rule("<Years>2</Years>")), Some(Lock { from_writing: Some(days_of(730)) }));
        assert_eq!(lock(on), Some(Lock { from_writing: None }));
        assert_eq!(lock(""), None);
        assert_eq!(lock_of(b"<ListBucketResult/>"), None);
    }

    fn rules(rules: &str) -> Result<Option<u64>, String> {
        noncurrent_days(format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>").as_bytes(), PREFIX)
    }

    fn rule(filter: &str, expiration: &str) -> String {
        format!(
            "<Rule><ID>x</ID>{filter}<Status>Enabled</Status><NoncurrentVersionExpiration>{expiration}\
             </NoncurrentVersionExpiration></Rule>"
        )
    }

    #[test]
    fn rule_counts_only_if_it_covers_every_key() {
        let days = "<NoncurrentDays>30</NoncurrentDays>";
        for covering in [
            "",
            "<Prefix/>",
            "<Prefix></Prefix>",
            "<Filter/>",
            "<Filter><Prefix/></Filter>",
            "<Filter><Prefix>some/</Prefix></Filter>",
            "<Filter><And><Prefix>some/root/docker</Prefix></And></Filter>",
        ] {
            assert_eq!(rules(&rule(covering, days)), Ok(Some(30)), "{covering}");
        }
        for other in [
            "<Prefix>other/</Prefix>",
            "<Filter><Prefix>some/root/docker/registry/v2/blobs/</Prefix></Filter>",
            "<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>",
            "<Filter><And><Prefix/><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And></Filter>",
            "<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>",
        ] {
            assert_eq!(rules(&rule(other, days)), Ok(None), "{other}");
        }
        assert_eq!(rules(&rule("", days).replace("Enabled", "Disabled")), Ok(None));
    }

    #[test]
    fn rule_that_spares_the_newest_version_never_takes_that_of_a_deleted_object() {
        let with = |newer: &str| rules(&rule("", &format!("<NoncurrentDays>3</NoncurrentDays>{newer}")));
        assert_eq!(with("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"), Ok(None));
        assert_eq!(with("<NewerNoncurrentVersions>0</NewerNoncurrentVersions>"), Ok(Some(3)));
        let two = rule("", "<NoncurrentDays>30</NoncurrentDays>") + &rule("", "<NoncurrentDays>9</NoncurrentDays>");
        assert_eq!(rules(&two), Ok(Some(9)), "the first that takes it");
        assert_eq!(rules("<Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"), Ok(None));
        assert!(noncurrent_days(b"{}", PREFIX).is_err());
    }

    #[test]
    fn end_is_told_only_if_lock_and_rules_are_known() {
        let of = |lock, rules| versioned(How::Versioning, lock, rules);
        let held = |how, period, locked| StoreKeeps { deleted: Deleted::Held { how, period }, locked };
        let why = || "no permission".to_owned();
        let lock = |days: Option<u64>| Ok(Some(Lock { from_writing: days.map(days_of) }));
        let not_known = Period::NotKnown { why: why() };
        assert_eq!(of(Ok(None), Ok(None)), held(How::Versioning, Period::UntilRemoved, None));
        assert_eq!(of(Ok(None), Ok(Some(9))), held(How::Versioning, days_period(9, true), None));
        assert_eq!(of(Ok(None), Err(why())), held(How::Versioning, not_known.clone(), None));
        assert_eq!(of(Err(why()), Ok(Some(9))), held(How::Versioning, not_known, None));
        assert_eq!(of(Err(why()), Ok(None)), held(How::Versioning, Period::UntilRemoved, None));
        let locked = Some(days_of(30));
        assert_eq!(of(lock(Some(30)), Ok(Some(9))), held(How::ObjectLock, days_period(30, true), locked));
        assert_eq!(of(lock(Some(30)), Ok(None)), held(How::ObjectLock, Period::UntilRemoved, locked));
        assert_eq!(of(lock(None), Ok(Some(9))), held(How::ObjectLock, days_period(9, true), None));
        let suspended = versioned(How::VersioningSuspended, Ok(None), Ok(Some(9)));
        assert_eq!(suspended, held(How::VersioningSuspended, days_period(9, true), None));
    }

    fn bucket(text: &str) -> Result<StoreKeeps, String> {
        gcs(text.as_bytes(), PREFIX)
    }

    #[test]
    fn bucket_of_google_keeps_by_versions_and_by_soft_delete() {
        let held = |how, period| Ok(StoreKeeps::held(how, period));
        for nothing in
            ["{}", r#"{"versioning": {"enabled": false}, "softDeletePolicy": {"retentionDurationSeconds": "0"}}"#]
        {
            assert_eq!(bucket(nothing), Ok(StoreKeeps::NOTHING), "{nothing}");
        }
        let soft =
            r#""softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": "2026-01-01T00:00:00Z"}"#;
        assert_eq!(bucket(&format!("{{{soft}}}")), held(How::SoftDelete, days_period(7, false)));
        let versioned = r#""versioning": {"enabled": true}"#;
        assert_eq!(bucket(&format!("{{{versioned}, {soft}}}")), held(How::Versioning, Period::UntilRemoved));
        let rule = |condition: &str| {
            let rules =
                format!(r#""lifecycle": {{"rule": [{{"action": {{"type": "Delete"}}, "condition": {condition}}}]}}"#);
            bucket(&format!("{{{versioned}, {soft}, {rules}}}"))
        };
        // The rule's days, and those of soft delete.
        let ends = held(How::Versioning, days_period(37, true));
        assert_eq!(rule(r#"{"daysSinceNoncurrentTime": 30}"#), ends);
        assert_eq!(
            rule(r#"{"daysSinceNoncurrentTime": 3, "age": 30, "isLive": false, "matchesPrefix": ["x", "some/"]}"#),
            ends
        );
        for other in [
            r#"{"numNewerVersions": 2}"#,
            r#"{"daysSinceNoncurrentTime": 30, "numNewerVersions": 1}"#,
            r#"{"age": 30, "isLive": true}"#,
            r#"{"daysSinceNoncurrentTime": 30, "matchesPrefix": ["other/"]}"#,
            r#"{"daysSinceNoncurrentTime": 30, "matchesStorageClass": ["NEARLINE"]}"#,
            r#"{"isLive": false}"#,
            "{}",
        ] {
            assert_eq!(rule(other), held(How::Versioning, Period::UntilRemoved), "{other}");
        }
        let locked = bucket(r#"{"retentionPolicy": {"retentionPeriod": "86400", "isLocked": true}}"#);
        assert_eq!(locked, Ok(StoreKeeps { deleted: Deleted::Freed, locked: Some(DAY) }));
        for strange in ["", "[]", "<xml/>", "3"] {
            assert!(bucket(strange).is_err(), "{strange}");
        }
    }

    #[test]
    fn azure_tells_of_soft_delete_and_not_of_versions() {
        let of = |policy: &str| {
            azure(
                format!(
                    "\u{feff}<?xml version=\"1.0\"?><StorageServiceProperties><Logging><RetentionPolicy><Enabled>true</Enabled><Days>1</Days></RetentionPolicy></Logging>{policy}</StorageServiceProperties>"
                )
                .as_bytes(),
            )
        };
        let on = "<DeleteRetentionPolicy><AllowPermanentDelete>false</AllowPermanentDelete><Enabled>true</Enabled><Days>14</Days></DeleteRetentionPolicy>";
        assert_eq!(of(on), Ok(StoreKeeps::held(How::SoftDelete, days_period(14, false))));
        for off in
            ["", "<DeleteRetentionPolicy/>", "<DeleteRetentionPolicy><Enabled>false</Enabled></DeleteRetentionPolicy>"]
        {
            assert!(of(off).is_err_and(|why| why.starts_with("soft delete is off")), "{off}");
        }
        assert!(azure(b"<EnumerationResults/>").is_err());
    }
}
