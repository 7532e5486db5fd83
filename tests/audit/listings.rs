//! Counting by a listing that was made before: what an audit saved, or an inventory as S3 writes it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt as _;
use md5::{Digest as _, Md5};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use serde_json::Value;

use crate::lab::tree::read_dir;
use crate::real::copy::copy_tree_to_s3;
use crate::real::moto::s3;
use crate::real::{self, Moto};
use crate::tool::{Ran, regsweep, regsweep_with};

const LINE: [&str; 6] = ["--min-age", "0s", "--uploads-older-than", "0s", "--format", "json"];

/// All that an audit counts.
fn counted(report: &Value) -> Value {
    let fields = ["objects", "bytes", "classes", "storage_classes", "months", "after", "repositories", "nobody"];
    fields.iter().map(|field| ((*field).to_owned(), report[*field].clone())).collect::<serde_json::Map<_, _>>().into()
}

fn on_disk(line: &[&str]) -> Ran {
    regsweep([&["audit"], &LINE[..], line].concat())
}

#[test]
fn saved_listing_counts_as_the_storage_itself() -> Result<()> {
    let home = tempfile::tempdir()?;
    let root = home.path().join("registry");
    real::sample::copy(&root)?;
    let registry = root.display().to_string();
    let before = read_dir(&root);
    for name in ["listing", "listing.gz"] {
        let saved = home.path().join(name).display().to_string();
        let new = on_disk(&[&registry, "--save-listing", &saved]).expect(0).json();
        assert!(new["listing"].is_null());
        let again = on_disk(&[&registry, "--inventory", &saved]).expect(0).json();
        assert_eq!(counted(&again), counted(&new), "{name}");
        assert_eq!(again["listing"]["what"], "saved listing");
        let text = regsweep(["audit", &registry, "--inventory", &saved]).expect(0).stdout;
        assert!(text.contains("! counted by the saved listing of "), "{text}");
    }
    assert!(std::fs::read(home.path().join("listing.gz"))?.starts_with(&[0x1f, 0x8b]));
    assert_eq!(read_dir(&root), before, "an audit changes nothing");
    Ok(())
}

/// What came later is not counted, and what has gone is.
#[test]
fn saved_listing_tells_of_its_own_time() -> Result<()> {
    let home = tempfile::tempdir()?;
    let root = home.path().join("registry");
    real::sample::copy(&root)?;
    let (registry, saved) = (root.display().to_string(), home.path().join("listing").display().to_string());
    let before = on_disk(&[&registry, "--save-listing", &saved]).expect(0).json();
    std::fs::write(root.join("docker/registry/v2/later"), "later")?;
    let again = on_disk(&[&registry, "--inventory", &saved]).expect(0).json();
    assert_eq!(again["objects"], before["objects"]);
    assert_ne!(on_disk(&[&registry]).expect(0).json()["objects"], before["objects"]);
    Ok(())
}

#[test]
fn listing_that_is_torn_or_of_another_registry_is_not_counted_by() -> Result<()> {
    let home = tempfile::tempdir()?;
    let (root, other) = (home.path().join("registry"), home.path().join("other"));
    real::sample::copy(&root)?;
    real::sample::copy(&other)?;
    let (registry, saved) = (root.display().to_string(), home.path().join("listing"));
    let name = saved.display().to_string();
    on_disk(&[&registry, "--save-listing", &name]).expect(0);

    let ran = on_disk(&[&other.display().to_string(), "--inventory", &name]).expect(2);
    assert!(ran.stderr.contains("another place"), "{ran:#?}");
    let whole = std::fs::read_to_string(&saved)?;
    std::fs::write(&saved, &whole[..whole.len() / 2])?;
    let ran = on_disk(&[&registry, "--inventory", &name]).expect(1);
    assert!(ran.stderr.contains("nothing was counted"), "{ran:#?}");
    std::fs::write(&saved, "{}")?;
    let ran = on_disk(&[&registry, "--inventory", &name]).expect(2);
    assert!(ran.stderr.contains("manifest.json"), "{ran:#?}");
    let ran = on_disk(&[&registry, "--inventory", "/nowhere/manifest.json"]).expect(2);
    assert!(ran.stderr.contains("No such file"), "{ran:#?}");
    let ran = on_disk(&[&registry, "--save-listing", "/nowhere/listing"]).expect(1);
    assert!(ran.stderr.contains("/nowhere/listing: No such file or directory"), "{ran:#?}");
    assert!(!ran.stderr.contains(".tmp"), "{ran:#?}");
    Ok(())
}

/// An inventory of all that is in a bucket, as S3 writes it into another.
async fn write_inventory(moto: &Moto, to: &dyn ObjectStore, bucket: &str) -> Result<String> {
    let mut rows = String::new();
    let objects: Vec<_> = moto.store()?.list(None).try_collect().await?;
    for object in objects {
        let key = percent_encoding::utf8_percent_encode(object.location.as_ref(), percent_encoding::NON_ALPHANUMERIC);
        let (modified, etag) = (object.last_modified.to_rfc3339(), object.e_tag.unwrap_or_default());
        let etag = etag.trim_matches('"');
        writeln!(rows, "\"{bucket}\",\"{key}\",\"{}\",\"{modified}\",\"{etag}\",\"STANDARD\"", object.size)?;
    }
    let (first, second) = rows.split_at(rows[..rows.len() / 2].rfind('\n').unwrap() + 1);
    let mut files = Vec::new();
    for (number, rows) in [first, second].into_iter().enumerate() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(rows.as_bytes())?;
        let packed = packed.finish()?;
        let key = format!("inventories/{bucket}/daily/data/{number}.csv.gz");
        let md5: String = Md5::digest(&packed).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        files.push(serde_json::json!({"key": key, "size": packed.len(), "MD5checksum": md5}));
        to.put(&Key::parse(&key)?, PutPayload::from(packed)).await?;
    }
    let manifest = serde_json::json!({
        "sourceBucket": bucket, "destinationBucket": "arn:aws:s3:::inventories", "version": "2016-11-30",
        "creationTimestamp": "1795305600000", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass", "files": files,
    });
    let key = format!("inventories/{bucket}/daily/2026-11-22T01-00Z/manifest.json");
    to.put(&Key::parse(&key)?, manifest.to_string().into()).await?;
    Ok(key)
}

/// Not one page of the registry's bucket is listed.
#[tokio::test]
async fn inventory_of_s3_counts_as_the_bucket_itself() -> Result<()> {
    let (home, moto) = (tempfile::tempdir()?, Moto::start("registry")?);
    let root = home.path().join("registry");
    real::sample::copy(&root)?;
    copy_tree_to_s3(&root, &moto.endpoint(), "registry", "some/root").await?;
    copy_tree_to_s3(&root, &moto.endpoint(), "registry", "other").await?;
    moto.create_bucket("inventories")?;
    let inventories = s3(&moto.endpoint(), "inventories")?;
    let key = write_inventory(&moto, &inventories, "registry").await?;
    let variables = || moto.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let audit =
        |more: &[&str]| regsweep_with([&["audit", "s3://registry/some/root"], &LINE[..], more].concat(), variables());
    let listed = audit(&[]).expect(0).json();
    let named = format!("s3://inventories/{key}");
    let ran = audit(&["--inventory", &named]).expect(0);
    let counted_by = ran.json();
    assert_eq!(counted(&counted_by), counted(&listed));
    let lists = |report: &Value| report["requests"]["list"].as_u64().unwrap();
    assert_eq!(lists(&counted_by), 3, "a first look, what runs have left, and multipart uploads: {ran:#?}");

    // A copy of it on this machine, flat.
    let copy = home.path().join("copy");
    std::fs::create_dir(&copy)?;
    for object in inventories.list(None).try_collect::<Vec<_>>().await? {
        let bytes = inventories.get(&object.location).await?.bytes().await?;
        std::fs::write(copy.join(object.location.filename().unwrap()), bytes)?;
    }
    let named = copy.join("manifest.json").display().to_string();
    assert_eq!(counted(&audit(&["--inventory", &named]).expect(0).json()), counted(&listed));

    let torn = Path::new(&key).parent().unwrap().parent().unwrap().join("data/1.csv.gz");
    inventories.put(&Key::parse(torn.to_str().unwrap())?, "other".into()).await?;
    let ran = audit(&["--inventory", &format!("s3://inventories/{key}")]).expect(1);
    assert!(ran.stderr.contains("MD5"), "{ran:#?}");
    let key = write_inventory(&moto, &inventories, "somebody-elses").await?;
    let ran = audit(&["--inventory", &format!("s3://inventories/{key}")]).expect(2);
    assert!(ran.stderr.contains("it is of somebody-elses"), "{ran:#?}");
    Ok(())
}

/// What a versioned bucket keeps is counted, and is in no other sum.
#[tokio::test]
async fn old_versions_are_told_beside_all_else() -> Result<()> {
    let (home, moto) = (tempfile::tempdir()?, Moto::start("registry")?);
    let enabled = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status>\
                   </VersioningConfiguration>";
    moto.put("registry?versioning", &[], enabled).await?;
    let root = home.path().join("registry");
    real::sample::copy(&root)?;
    copy_tree_to_s3(&root, &moto.endpoint(), "registry", "").await?;
    let variables = || moto.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let audit = || regsweep_with([&["audit", "s3://registry"], &LINE[..]].concat(), variables()).expect(0).json();
    let before = audit();
    assert_eq!(before["not_listed"]["noncurrent_versions"], serde_json::json!({"count": 0, "bytes": 0}));
    let store = moto.store()?;
    for (key, text) in [("docker/odd", "123456789"), ("docker/odd", "1"), ("docker/gone", "12345")] {
        store.put(&Key::parse(key)?, text.into()).await?;
    }
    store.delete(&Key::parse("docker/gone")?).await?;
    let after = audit();
    assert_eq!(after["not_listed"]["noncurrent_versions"], serde_json::json!({"count": 2, "bytes": 14}));
    assert_eq!(after["not_listed"]["delete_markers"]["count"], 1);
    assert_eq!(after["bytes"].as_u64().unwrap(), before["bytes"].as_u64().unwrap() + 1);
    let text = regsweep_with(["audit", "s3://registry"], variables()).expect(0).stdout;
    assert!(text.contains("2 old versions (14 B) and 1 delete marker"), "{text}");

    let file = home.path().join("prices.json");
    let class = serde_json::json!({"per_gb_month": 900_000, "read_per_1000": 1});
    let region = serde_json::json!({
        "list_per_1000": 5, "write_per_1000": 5, "delete_per_1000": 1, "keys_per_delete": 1000,
        "classes": {"STANDARD": class},
    });
    let providers = serde_json::json!({"s3": {"gigabyte_bytes": 1_000_000_000, "regions": {"*": region}}});
    let list = serde_json::json!({"date": "2026-01-02", "currency": "EUR", "providers": providers});
    std::fs::write(&file, list.to_string())?;
    let page = home.path().join("audit.html");
    let priced = ["audit", "--prices", file.to_str().unwrap(), "--html", page.to_str().unwrap(), "s3://registry"];
    let text = regsweep_with(priced, variables()).expect(0).stdout;
    let html = std::fs::read_to_string(page)?;
    assert!(html.contains(", and old versions of it 0.0126 EUR more"), "{html}");
    assert!(text.replace('\n', " ").contains("2 old versions (14 B, 0.0126 EUR a month)"), "{text}");
    Ok(())
}
