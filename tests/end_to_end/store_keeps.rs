//! Stores that keep what is deleted: no byte is called free that the store still holds, and no question about it fails a
//! run.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};

use crate::lab::bucket::{Bucket, Dialect, Fault, Kind};
use crate::lab::clients::{AZURE_ACCOUNT, AZURE_KEY, s3_config};
use crate::lab::registry::RegistryBuilder;
use crate::lab::tree::Tree;
use crate::real::copy::{copy_tree_to_azure, copy_tree_to_s3};
use crate::real::{self, Azurite, Moto, azurite};
use crate::sample;
use crate::tool::{Ran, regsweep_with};

const DAY: Duration = Duration::from_hours(24);

/// A run that takes all that may go at all.
const COLLECT: [&str; 5] = ["gc", "--offline", "-m", "--uploads-older-than", "0s"];

fn owned<const N: usize>(variables: [(&str, String); N]) -> Vec<(String, String)> {
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Runs regsweep on what is in the store, with what leads it there.
struct Way {
    registry: Vec<String>,
    environment: Vec<(String, String)>,
    _home: Option<tempfile::TempDir>,
}

impl Way {
    fn run(&self, more: &[&str]) -> Ran {
        let line = COLLECT.iter().chain(more).map(ToString::to_string).chain(self.registry.iter().cloned());
        regsweep_with(line, self.environment.iter().cloned()).expect(0)
    }

    fn json(&self, more: &[&str]) -> Ran {
        self.run(&[&["--format", "json"], more].concat())
    }

    fn to(bucket: &Bucket) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (registry, environment) = match bucket.dialect() {
            Dialect::S3 => {
                let config = home.path().join("config.yml");
                std::fs::write(&config, s3_config(bucket, "/some/root")).unwrap();
                (config.display().to_string(), Vec::new())
            }
            Dialect::Gcs => ("gs://reg/some/root".into(), owned([("STORAGE_EMULATOR_HOST", bucket.endpoint())])),
            Dialect::Azure => {
                let account = [
                    ("AZURE_STORAGE_ACCOUNT", AZURE_ACCOUNT.to_owned()),
                    ("AZURE_STORAGE_KEY", AZURE_KEY.to_owned()),
                    ("AZURE_STORAGE_ENDPOINT", bucket.endpoint()),
                ];
                ("az://reg/some/root".into(), owned(account))
            }
        };
        Self { registry: vec![registry], environment, _home: Some(home) }
    }

    fn to_moto(moto: &Moto, bucket: &str) -> Self {
        let environment = moto.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { registry: vec![format!("s3://{bucket}/some/root")], environment, _home: None }
    }
}

fn keeps(ran: &Ran) -> Value {
    ran.json()["store_keeps"].clone()
}

/// Freed, held, and left.
fn bytes(ran: &Ran) -> (u64, u64, u64) {
    (ran.count("/bytes/freed"), ran.count("/bytes/held_by_store"), ran.count("/bytes/after"))
}

/// Bytes of the sample: all of it, and what goes.
fn sizes() -> Result<(u64, u64)> {
    let (tree, left) = (sample::tree(), sample::left()?);
    let of = |keep: &dyn Fn(&String) -> bool| {
        tree.iter().filter(|(key, _)| keep(key)).map(|(_, entry)| entry.bytes.len() as u64).sum()
    };
    Ok((of(&|_| true), of(&|key| !left.contains(key))))
}

/// A bucket with the sample in it, written an hour ago.
fn filled(bucket: Bucket) -> Bucket {
    let mut tree: Tree = sample::tree();
    let then = SystemTime::now() - Duration::from_hours(1);
    for entry in tree.values_mut() {
        entry.mtime = then;
    }
    bucket.load("some/root/", &tree);
    bucket
}

/// Whether a time of the report is that of a midnight, so many days after today or one more.
fn is_midnight_in(until: &Value, days: u32) -> bool {
    let until: chrono::DateTime<chrono::Utc> = until.as_str().unwrap().parse().unwrap();
    let least = chrono::DateTime::<chrono::Utc>::from(SystemTime::now() + DAY * days) - Duration::from_mins(10);
    until.format("%T").to_string() == "00:00:00" && until > least && until - least <= chrono::TimeDelta::hours(25)
}

async fn moto_with_sample(moto: &Moto, bucket: &str) -> Result<Way> {
    let home = tempfile::tempdir()?;
    real::sample::copy(&home.path().join("root"))?;
    copy_tree_to_s3(&home.path().join("root"), &moto.endpoint(), bucket, "some/root").await?;
    Ok(Way::to_moto(moto, bucket))
}

const ENABLED: &str = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <Status>Enabled</Status></VersioningConfiguration>";

#[tokio::test]
async fn on_a_versioned_bucket_nothing_is_freed_and_every_old_version_is_there() -> Result<()> {
    let moto = Moto::start("registry")?;
    moto.put("registry?versioning", &[], ENABLED).await?;
    let way = moto_with_sample(&moto, "registry").await?;
    let (all, goes) = sizes()?;

    let dry = way.run(&["--dry-run"]).stdout.replace("\n        ", " ");
    assert!(dry.contains("0 B freed at once, "), "{dry}");
    assert!(
        dry.contains(" would be held by the store (versioning) until somebody removes the old versions, "),
        "{dry}"
    );
    let ran = way.json(&[]);
    assert_eq!(bytes(&ran), (0, goes, all), "{ran:#?}");
    assert_eq!(keeps(&ran)["how"], "versioning");
    assert_eq!(keeps(&ran)["until"], Value::Null);

    // What the report calls held is there, as old versions of exactly what went; a listing shows the rest.
    let (mut old, mut current) = (BTreeMap::new(), BTreeMap::new());
    for (key, size, is_latest) in moto.versions("registry").await? {
        // What regsweep keeps for itself leaves old versions as well.
        if let Some(size) = size.filter(|_| !key.contains("/docker/registry/regsweep/")) {
            if is_latest {
                current.insert(key, size)
            } else {
                old.insert(key, size)
            };
        }
    }
    assert_eq!(old.values().sum::<u64>(), goes);
    assert_eq!(old.len() as u64, ran.count("/entries/deleted"));
    let left = sample::left()?.iter().map(|key| format!("some/root/{key}")).collect::<Vec<_>>();
    assert_eq!(current.into_keys().collect::<Vec<_>>(), left);
    // The next run counts what a listing shows: less than the last one left, by what is held.
    assert_eq!(way.json(&[]).count("/bytes/before"), all - goes);
    Ok(())
}

#[tokio::test]
async fn rules_and_locks_of_a_versioned_bucket_say_until_when() -> Result<()> {
    let moto = Moto::start("registry")?;
    moto.put("registry?versioning", &[], ENABLED).await?;
    let rule = "<LifecycleConfiguration><Rule><ID>x</ID><Filter><Prefix>some/root</Prefix></Filter><Status>Enabled</Status>\
        <NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration></Rule>\
        </LifecycleConfiguration>";
    moto.put("registry?lifecycle", &[], rule).await?;
    let way = moto_with_sample(&moto, "registry").await?;
    let dry = way.json(&["--dry-run"]);
    assert_eq!((keeps(&dry)["days"].as_u64(), bytes(&dry).1), (Some(30), 0), "{dry:#?}");
    assert!(is_midnight_in(&keeps(&dry)["until"], 30), "{dry:#?}");
    assert_eq!(dry.count("/requests/put") + dry.count("/requests/delete"), 0);

    moto.put("locked", &[("x-amz-bucket-object-lock-enabled", "true")], "").await?;
    let way = moto_with_sample(&moto, "locked").await?;
    let ran = way.json(&[]);
    assert_eq!((keeps(&ran)["how"].as_str(), keeps(&ran)["until"].as_str()), (Some("object_lock"), None), "{ran:#?}");
    assert_eq!((bytes(&ran).0, bytes(&ran).1), (0, sizes()?.1));

    // A lock outlasts a rule.
    let bucket = filled(Bucket::s3("reg"));
    bucket.versioning(Some("Enabled"));
    bucket.says("lifecycle", rule);
    let lock = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
        <Mode>GOVERNANCE</Mode><Days>90</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
    bucket.says("object-lock", lock);
    let ran = Way::to(&bucket).json(&[]);
    assert_eq!((keeps(&ran)["locked_days"].as_u64(), keeps(&ran)["days"].as_u64()), (Some(90), Some(90)), "{ran:#?}");
    assert!(is_midnight_in(&keeps(&ran)["until"], 90), "{ran:#?}");
    Ok(())
}

#[tokio::test]
async fn on_an_ordinary_bucket_everything_is_freed_and_nothing_is_said() -> Result<()> {
    let moto = Moto::start("registry")?;
    let way = moto_with_sample(&moto, "registry").await?;
    let (all, goes) = sizes()?;
    let dry = way.run(&["--dry-run"]).stdout;
    assert!(!dry.contains("held") && !dry.contains("not known"), "{dry}");
    let ran = way.json(&[]);
    assert_eq!(bytes(&ran), (goes, 0, all - goes), "{ran:#?}");
    let nothing = json!({"known": true, "how": null, "days": null, "until": null, "locked_days": null, "why": null});
    assert_eq!(keeps(&ran), nothing);
    assert!(moto.versions("registry").await?.iter().all(|(_, size, is_latest)| size.is_some() && *is_latest));
    Ok(())
}

#[tokio::test]
async fn soft_delete_of_an_azure_account_holds_what_is_deleted() -> Result<()> {
    let azurite = Azurite::start("registry")?;
    let home = tempfile::tempdir()?;
    real::sample::copy(&home.path().join("root"))?;
    for container in ["registry", "second"] {
        if container == "second" {
            azurite.create_container(container)?;
        }
        copy_tree_to_azure(&home.path().join("root"), &azurite.endpoint(), container, "some/root", false).await?;
    }
    let environment = owned([
        ("AZURE_STORAGE_ACCOUNT", azurite::ACCOUNT.to_owned()),
        ("AZURE_STORAGE_KEY", azurite::ACCOUNT_KEY.to_owned()),
        ("AZURE_STORAGE_ENDPOINT", azurite.endpoint()),
    ]);
    let way = |container: &str| Way {
        registry: vec![format!("az://{container}/some/root")],
        environment: environment.clone(),
        _home: None,
    };
    let (all, goes) = sizes()?;
    // Before: versions are not known, until the answers to the deletes say that they are for good.
    let dry = way("registry").json(&["--dry-run"]);
    assert_eq!(keeps(&dry)["known"], false, "{dry:#?}");
    assert!(keeps(&dry)["why"].as_str().unwrap().starts_with("soft delete is off"), "{dry:#?}");
    let ran = way("registry").json(&[]);
    assert_eq!((keeps(&ran)["known"].as_bool(), bytes(&ran)), (Some(true), (goes, 0, all - goes)), "{ran:#?}");

    azurite.keep_deleted(14).await?;
    let ran = way("second").json(&[]);
    assert_eq!(
        (keeps(&ran)["how"].as_str(), keeps(&ran)["days"].as_u64()),
        (Some("soft_delete"), Some(14)),
        "{ran:#?}"
    );
    assert_eq!(bytes(&ran), (0, goes, all));
    Ok(())
}

#[test]
fn an_ordinary_bucket_is_asked_once_and_a_versioned_one_three_times() {
    let asked = |bucket: &Bucket| {
        bucket.reset_counts();
        let ran = Way::to(bucket).json(&["--dry-run"]);
        let calls = bucket.log();
        let others: Vec<_> = calls.iter().filter(|call| call.kind == Kind::Other).collect();
        assert!(others.iter().all(|call| call.method == "GET" && call.status != 0), "{others:#?}");
        // They are signed as everything else is.
        assert!(others.iter().all(|call| !call.authorization.is_empty()), "{others:#?}");
        let gets = calls.iter().filter(|call| call.kind == Kind::Get).count();
        let of_uploads = others.iter().filter(|call| call.key == "?uploads").count();
        assert_eq!(ran.count("/requests/get"), (gets + others.len() - of_uploads) as u64, "{ran:#?}");
        let mut questions: Vec<_> = others.iter().map(|call| call.key.clone()).collect();
        questions.sort();
        questions
    };
    let bucket = filled(Bucket::s3("reg"));
    assert_eq!(asked(&bucket), ["?uploads", "?versioning"]);
    bucket.versioning(Some("Suspended"));
    assert_eq!(asked(&bucket), ["?lifecycle", "?object-lock", "?uploads", "?versioning"]);
    assert_eq!(asked(&filled(Bucket::gcs("reg"))), ["?bucket"]);
    assert_eq!(asked(&filled(Bucket::azure("reg"))), ["?properties"]);
}

#[test]
fn shared_access_signature_signs_the_question_and_is_told_to_nobody() {
    let bucket = filled(Bucket::azure("reg"));
    let account = [
        ("AZURE_STORAGE_ACCOUNT", AZURE_ACCOUNT.to_owned()),
        ("AZURE_STORAGE_SAS_TOKEN", "sv=2023-11-03&ss=b&srt=sco&sp=rl&sig=SECRET%3D".to_owned()),
        ("AZURE_STORAGE_ENDPOINT", bucket.endpoint()),
    ];
    let way = Way { registry: vec!["az://reg/some/root".into()], environment: owned(account), _home: None };
    let dry = way.json(&["--dry-run"]);
    assert!(keeps(&dry)["why"].as_str().unwrap().starts_with("soft delete is off"), "{dry:#?}");
    let calls = bucket.log();
    let question = calls.iter().find(|call| call.key == "?properties").unwrap();
    assert!(question.query.contains(&("sig".into(), "SECRET=".into())), "{question:#?}");
    bucket.fault(Fault::cut_before().on(Kind::Other));
    let ran = way.json(&["--dry-run"]);
    assert!(keeps(&ran)["why"].as_str().unwrap().starts_with("the store could not be asked"), "{ran:#?}");
    assert!(!ran.stdout.contains("SECRET") && !ran.stderr.contains("SECRET"), "{ran:#?}");
}

#[test]
fn without_the_permission_it_is_not_known_and_nothing_is_called_free() -> Result<()> {
    for (bucket, permission) in [
        (Bucket::s3("reg"), "s3:GetBucketVersioning"),
        (Bucket::gcs("reg"), "storage.buckets.get"),
        (Bucket::azure("reg"), "Microsoft.Storage/storageAccounts/blobServices/read"),
    ] {
        let bucket = filled(bucket);
        let way = Way::to(&bucket);
        bucket.fault(Fault::access_denied().on(Kind::Other));
        let dry = way.run(&["--dry-run"]).stdout;
        let line = format!("not known: whether the store keeps what is deleted; no permission ({permission})");
        assert!(dry.replace('\n', " ").contains(&line), "{dry}");
        assert!(dry.contains("would be deleted (the store may hold it)"), "{dry}");
        let ran = way.json(&[]);
        let (_, goes) = sizes()?;
        assert_eq!((bytes(&ran).0, bytes(&ran).1), (goes, 0), "the delete was confirmed: {ran:#?}");
        // Azure's answers to the deletes say more than those to the question.
        assert_eq!(keeps(&ran)["known"], bucket.dialect() == Dialect::Azure, "{ran:#?}");
        assert_eq!(ran.count("/failed"), 0);
    }
    Ok(())
}

#[test]
fn delete_markers_tell_what_nobody_was_allowed_to_ask() -> Result<()> {
    let bucket = filled(Bucket::s3("reg"));
    bucket.versioning(Some("Enabled"));
    bucket.silent_about_versions();
    bucket.fault(Fault::access_denied().on(Kind::Other));
    let way = Way::to(&bucket);
    assert_eq!(keeps(&way.json(&["--dry-run"]))["known"], false);
    let ran = way.json(&[]);
    let (all, goes) = sizes()?;
    assert_eq!(bytes(&ran), (0, goes, all), "{ran:#?}");
    assert_eq!(keeps(&ran)["how"], "versioning");
    assert_eq!(keeps(&ran)["why"], "no permission (s3:GetBucketVersioning)");
    let old = bucket.old_versions().into_iter().filter(|(key, _)| !key.contains("docker/registry/regsweep/"));
    assert_eq!(old.map(|(_, size)| size).sum::<usize>() as u64, goes);
    // Nor does it matter what the bucket said when it was asked.
    let bucket = filled(Bucket::s3("reg"));
    bucket.versioning(Some("Enabled"));
    bucket.says("versioning", "<VersioningConfiguration/>");
    assert_eq!(bytes(&Way::to(&bucket).json(&[])), (0, goes, all));
    Ok(())
}

#[test]
fn versions_in_answers_to_reads_tell_before_the_plan_is_shown() {
    for bucket in [Bucket::s3("reg"), Bucket::azure("reg")] {
        let bucket = filled(bucket);
        bucket.versioning(Some("Enabled"));
        bucket.fault(Fault::access_denied().on(Kind::Other));
        let dry = Way::to(&bucket).run(&["--dry-run"]).stdout.replace("\n        ", " ");
        assert!(dry.contains("would be held by the store (versioning)"), "{dry}");
        assert!(dry.contains("not known: until when the store keeps it; no permission"), "{dry}");
        let ran = Way::to(&bucket).json(&[]);
        assert_eq!(bytes(&ran).0, 0, "{ran:#?}");
    }
}

#[test]
fn azure_keeps_versions_before_it_soft_deletes() {
    let bucket = filled(Bucket::azure("reg"));
    let on = "<StorageServiceProperties><DeleteRetentionPolicy><Enabled>true</Enabled><Days>14</Days>\
        </DeleteRetentionPolicy></StorageServiceProperties>";
    bucket.says("properties", on);
    let soft = keeps(&Way::to(&bucket).json(&["--dry-run"]));
    assert_eq!((soft["how"].as_str(), soft["days"].as_u64()), (Some("soft_delete"), Some(14)));
    bucket.versioning(Some("Enabled"));
    let both = keeps(&Way::to(&bucket).json(&["--dry-run"]));
    assert_eq!((both["how"].as_str(), both["days"].as_u64()), (Some("versioning"), None));
    // Versions of which nothing told before: the answers to the deletes do.
    bucket.silent_about_versions();
    bucket.says("properties", "<StorageServiceProperties/>");
    assert_eq!(keeps(&Way::to(&bucket).json(&["--dry-run"]))["known"], false);
    let ran = Way::to(&bucket).json(&[]);
    assert_eq!((keeps(&ran)["how"].as_str(), bytes(&ran).0), (Some("said_by_answers"), 0), "{ran:#?}");
}

#[test]
fn bucket_of_google_says_how_it_keeps() -> Result<()> {
    let (all, goes) = sizes()?;
    let bucket = filled(Bucket::gcs("reg"));
    bucket.says("bucket", r#"{"softDeletePolicy": {"retentionDurationSeconds": "604800"}}"#);
    let text = Way::to(&bucket).run(&["--dry-run"]).stdout.replace("\n        ", " ");
    assert!(text.contains("0 B would be freed") && text.contains("held by the store (soft delete) until 2"), "{text}");
    let ran = Way::to(&bucket).json(&[]);
    assert_eq!((keeps(&ran)["days"].as_u64(), bytes(&ran)), (Some(7), (0, goes, all)), "{ran:#?}");

    let bucket = filled(Bucket::gcs("reg"));
    let rule = r#"{"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 5, "isLive": false}}"#;
    bucket.says("bucket", &format!(r#"{{"versioning": {{"enabled": true}}, "lifecycle": {{"rule": [{rule}]}}}}"#));
    let ran = Way::to(&bucket).json(&[]);
    assert_eq!((keeps(&ran)["how"].as_str(), bytes(&ran)), (Some("versioning"), (0, goes, all)), "{ran:#?}");
    assert!(is_midnight_in(&keeps(&ran)["until"], 5), "{ran:#?}");

    let bucket = filled(Bucket::gcs("reg"));
    bucket.says("bucket", r#"{"retentionPolicy": {"retentionPeriod": "2592000"}}"#);
    let text = Way::to(&bucket).run(&["--dry-run"]).stdout.replace('\n', " ");
    assert!(text.contains("the store refuses to delete what was written less than 30 days ago"), "{text}");
    Ok(())
}

#[test]
fn of_a_suspended_bucket_it_is_only_known_how_much_it_may_hold() {
    let bucket = filled(Bucket::s3("reg"));
    bucket.versioning(Some("Suspended"));
    let way = Way::to(&bucket);
    let text = way.run(&["--dry-run"]).stdout.replace("\n        ", " ");
    assert!(text.contains("0 B freed at once, up to "), "{text}");
    let ran = way.json(&[]);
    assert_eq!((keeps(&ran)["how"].as_str(), bytes(&ran).0), (Some("versioning_suspended"), 0), "{ran:#?}");
}

/// Whatever happens to the questions, the run does what it would have done.
#[test]
fn no_answer_to_the_question_fails_a_run() -> Result<()> {
    let faults = [
        ("500", Fault::internal_error()),
        ("503", Fault::slow_down()),
        ("501", Fault::status(501, "NotImplemented")),
        ("404", Fault::status(404, "NoSuchBucket")),
        ("cut before", Fault::cut_before()),
        ("cut after", Fault::cut_after()),
        ("cut body", Fault::cut_body()),
    ];
    let (_, goes) = sizes()?;
    for (name, fault) in faults {
        let bucket = filled(Bucket::s3("reg"));
        let id = bucket.fault(fault.on(Kind::Other).key(|key| key != "?uploads"));
        let ran = Way::to(&bucket).json(&[]);
        assert!((1..=3).contains(&bucket.fired(id)), "{name}: {}", bucket.fired(id));
        assert_eq!((keeps(&ran)["known"].as_bool(), bytes(&ran).0), (Some(false), goes), "{name}: {ran:#?}");
    }
    // Busy once is not not known.
    let bucket = filled(Bucket::s3("reg"));
    bucket.fault(Fault::slow_down().on(Kind::Other).times(1));
    assert_eq!(keeps(&Way::to(&bucket).json(&[]))["known"], true);
    for (dialect, question, said) in [
        (Bucket::s3 as fn(&str) -> Bucket, "versioning", "<ListBucketResult><Name>reg</Name></ListBucketResult>"),
        (Bucket::s3, "versioning", ""),
        (Bucket::gcs, "bucket", "<html>"),
        (Bucket::azure, "properties", "{}"),
    ] {
        let bucket = filled(dialect("reg"));
        bucket.says(question, said);
        let dry = Way::to(&bucket).json(&["--dry-run"]);
        assert_eq!(keeps(&dry)["why"], "the store's answer is not understood", "{said}: {dry:#?}");
    }
    Ok(())
}

#[test]
fn end_that_may_not_be_asked_for_is_not_known() {
    for (question, permission) in
        [("?lifecycle", "s3:GetLifecycleConfiguration"), ("?object-lock", "s3:GetBucketObjectLockConfiguration")]
    {
        let bucket = filled(Bucket::s3("reg"));
        bucket.versioning(Some("Enabled"));
        let rule = "<LifecycleConfiguration><Rule><Status>Enabled</Status><NoncurrentVersionExpiration>\
            <NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>";
        bucket.says("lifecycle", rule);
        bucket.fault(Fault::access_denied().on(Kind::Other).key(move |key| key == question));
        let told = keeps(&Way::to(&bucket).json(&["--dry-run"]));
        assert_eq!((told["known"].as_bool(), told["how"].as_str()), (Some(true), Some("versioning")), "{told}");
        assert_eq!(
            (told["until"].as_str(), told["why"].as_str().unwrap().contains(permission)),
            (None, true),
            "{told}"
        );
    }
}

#[test]
fn a_registry_with_nothing_to_delete_says_nothing_of_it() {
    let bucket = Bucket::s3("reg");
    let mut registry = RegistryBuilder::new();
    let image = registry.image("app", "config", &["layer"]);
    registry.tag("app", "latest", &image.digest);
    registry.load_into(&bucket, "some/root/");
    bucket.versioning(Some("Enabled"));
    let text = Way::to(&bucket).run(&[]).stdout;
    assert!(text.contains("nothing to delete") && !text.contains("at once"), "{text}");
}
