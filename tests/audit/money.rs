//! What it costs: figures that a calculation here gives as well, and "not known" where there is no price.

use serde_json::{Value, json};

use super::lab::bucket::Bucket;
use super::lab::clients::{s3_config, s3_environment};
use super::lab::random::random_registry;
use super::lab::registry::RegistryBuilder;
use super::tool::{self, Ran, regsweep};
use super::{audit, number, on_disk, run};

/// A file of prices: so much for a gigabyte of 10⁹ bytes, by storage class.
fn prices(home: &tempfile::TempDir, provider: &str, classes: &Value) -> String {
    let region = json!({
        "list_per_1000": 5, "write_per_1000": 5, "delete_per_1000": 1, "keys_per_delete": 1000, "classes": classes,
    });
    let file = json!({
        "date": "2026-01-02", "currency": "EUR",
        "providers": {provider: {"gigabyte_bytes": 1_000_000_000, "regions": {"*": region}}},
    });
    let path = home.path().join("prices.json");
    std::fs::write(&path, file.to_string()).unwrap();
    path.display().to_string()
}

fn amount(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer}: {:#}", report["money"]))
}

#[track_caller]
fn assert_close(told: f64, expected: f64) {
    assert!((told - expected).abs() < 1e-6 * (1.0 + expected.abs()) + 2e-6, "{told} and not {expected}");
}

#[test]
#[allow(clippy::cast_precision_loss, reason = "a few megabytes")]
fn directory_costs_what_a_price_file_says_and_without_one_nothing_is_said() {
    let registry = random_registry(5);
    let home = tempfile::tempdir().unwrap();
    let without = audit(&registry, &[]);
    assert!(without["money"].is_null(), "{:#}", without["money"]);
    assert!(!run(&on_disk(&registry), &[]).stdout.contains("costs"));
    let file = prices(&home, "directory", &json!({"*": {"per_gb_month": 700_000, "read_per_1000": 1}}));
    let report = audit(&registry, &["--prices", &file, "--min-age", "0s"]);
    let all = number(&report, "/bytes") as f64 / 1e9 * 700_000.0;
    assert_close(amount(&report, "/money/now/per_month"), all);
    for kind in ["collection", "collection_untagged"] {
        let freed = number(&report, &format!("/after/{kind}/freed/bytes")) as f64 / 1e9 * 700_000.0;
        assert_close(amount(&report, &format!("/money/after/{kind}/saved_per_month")), freed);
        assert_close(amount(&report, &format!("/money/after/{kind}/bill/per_month")), all - freed);
    }
    assert_eq!((&report["money"]["currency"], &report["money"]["prices_date"]), (&json!("EUR"), &json!("2026-01-02")));
    let rows = report["repositories"].as_array().unwrap().iter().chain([&report["nobody"]]);
    let sum: f64 = rows.map(|row| row["per_month"].as_f64().unwrap()).sum();
    assert!((sum - all).abs() < 1e-4, "{sum} of {all}");
    let text = run(&on_disk(&registry), &["--prices", &file]).expect(0).stdout;
    assert!(text.contains("what it costs per month (EUR, directory"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

fn audit_bucket(bucket: &Bucket, line: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.yml");
    std::fs::write(&config, s3_config(bucket, "")).unwrap();
    let mut command = tool::command(["audit", "--format", "json"].iter().chain(line));
    command.arg("-R").arg(&config).envs(s3_environment());
    tool::finish(&mut command)
}

/// Prices of a cloud say nothing of a server that only speaks its protocol, and a class without a price is not free.
#[test]
fn what_has_no_price_is_not_known_and_never_nothing() {
    let mut registry = RegistryBuilder::new();
    let image = registry.image("app", "config", &["one", "two"]);
    registry.tag("app", "v1", &image.digest);
    registry.layer("app", "garbage");
    let (bucket, home) = (Bucket::s3("registry"), tempfile::tempdir().unwrap());
    registry.load_into(&bucket, "");
    assert!(audit_bucket(&bucket, &[]).expect(0).json()["money"].is_null(), "it is not Amazon");
    let ran = audit_bucket(&bucket, &["--price-region", "nowhere-1"]).expect(2);
    let why = "regsweep's own list has no prices for s3 in the region nowhere-1, only in eu-central-1";
    assert!(ran.stdout.contains(why), "{ran:#?}");
    let report = audit_bucket(&bucket, &["--price-region", "eu-central-1"]).expect(0).json();
    assert!(report["money"]["now"]["per_month"].is_number(), "{:#}", report["money"]);
    bucket.store_as("/_layers/", "COLD");
    let file = prices(&home, "s3", &json!({"STANDARD": {"per_gb_month": 1000, "read_per_1000": 1}}));
    let metrics = home.path().join("audit.prom");
    let line = ["--prices", &file, "--min-age", "0s", "--openmetrics", metrics.to_str().unwrap()];
    let report = audit_bucket(&bucket, &line).expect(0).json();
    let cold = number(&report, "/storage_classes/COLD/bytes");
    assert!(cold > 0);
    assert_eq!(number(&report, "/money/now/unpriced_bytes"), cold);
    assert!(report["money"]["now"]["storage_classes"]["COLD"].is_null());
    assert_eq!(report["money"]["not_known"], json!(["the price of the storage class COLD"]));
    let rows = || report["repositories"].as_array().unwrap().iter().chain([&report["nobody"]]);
    assert_eq!(rows().map(|row| row["unpriced_bytes"].as_u64().unwrap()).sum::<u64>(), cold);
    assert!(rows().any(|row| row["unpriced_bytes"].as_u64() > Some(0) && row["per_month"].is_number()));
    assert!(amount(&report, "/money/audit_requests") > 0.0);

    bucket.store_as("/blobs/", "COLD");
    let report = audit_bucket(&bucket, &line).expect(0).json();
    let freed = number(&report, "/money/after/collection/unpriced_freed_bytes");
    assert!(freed > 0);
    let metrics = std::fs::read_to_string(metrics).unwrap();
    let of_collection: Vec<&str> = metrics.lines().filter(|line| line.contains(r#"by="collection""#)).collect();
    let unpriced = format!("by=\"collection\"}} {freed}");
    assert!(
        of_collection.iter().any(|line| line.contains("unpriced_freed_bytes") && line.ends_with(&unpriced)),
        "{metrics}"
    );
    assert!(
        !of_collection.iter().any(|line| line.contains("saved_per_month")),
        "nothing saved is not known: {metrics}"
    );
}

/// What the store keeps is billed on: nothing is paid back before it lets go.
#[test]
fn what_the_store_keeps_pays_nothing_back_before_it_goes() {
    let mut registry = RegistryBuilder::new();
    registry.layer("app", "garbage ".repeat(1000));
    let (bucket, home) = (Bucket::s3("registry"), tempfile::tempdir().unwrap());
    registry.load_into(&bucket, "");
    let file = prices(&home, "s3", &json!({"*": {"per_gb_month": 900_000, "read_per_1000": 0}}));
    let days = || {
        let page = home.path().join("audit.html");
        let line = ["--prices", &file, "--min-age", "0s", "--html", page.to_str().unwrap()];
        let report = audit_bucket(&bucket, &line).expect(0).json();
        assert!(amount(&report, "/money/after/collection/saved_per_month") > 0.0);
        let html = std::fs::read_to_string(page).unwrap();
        (report["money"]["after"]["collection"]["pays_back_days"].clone(), html)
    };
    let (at_once, html) = days();
    assert!(at_once.as_u64() < Some(5), "{at_once}");
    assert!(!html.contains("lets it go"));
    bucket.versioning(Some("Enabled"));
    let (never, html) = days();
    assert!(never.is_null(), "no rule ends it: {never}");
    assert!(html.contains("once the store lets it go, and save"), "{html}");
    assert!(html.contains("the store keeps what is deleted until it is removed there (versioning)"), "{html}");
    bucket.says(
        "lifecycle",
        "<LifecycleConfiguration><Rule><ID>old</ID><Filter></Filter><Status>Enabled</Status><NoncurrentVersionExpiration>\
         <NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>",
    );
    let (then, _) = days();
    assert_eq!(then.as_u64(), Some(30 + at_once.as_u64().unwrap()));
}

/// What is asked for and cannot be had is told before the registry is read.
#[test]
fn prices_that_are_asked_for_and_not_there_are_an_error() {
    let (directory, home) = (on_disk(&random_registry(2)), tempfile::tempdir().unwrap());
    let file = prices(&home, "gcs", &json!({"*": {"per_gb_month": 1, "read_per_1000": 1}}));
    for (line, why) in [
        (["--prices", &file], "has no prices for directory, only for gcs"),
        (["--price-region", "eu-west-1"], "regsweep's own list has no prices for directory, only for azure, gcs, s3"),
    ] {
        let ran = run(&directory, &line).expect(2);
        assert!(ran.stderr.contains(why) && ran.stderr.contains("next: name a region"), "{ran:#?}");
        assert!(ran.stdout.is_empty(), "{ran:#?}");
    }
}

#[test]
fn price_file_that_is_wrong_is_refused_with_its_line_before_anything_is_read() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("prices.yml");
    std::fs::write(&file, "date: 2026-01-02\ncurrency: EUR\nproviders:\n  s3: {gigabyte_bytes: 1, regions: {}}\n")
        .unwrap();
    let ran = regsweep(["audit", "/no/such/registry", "--prices", file.to_str().unwrap()]).expect(2);
    assert!(ran.stderr.contains("line 4, column 24"), "{ran:#?}");
    assert!(ran.stderr.starts_with("error: read the prices"), "{ran:#?}");
}
