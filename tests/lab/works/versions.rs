//! The bucket keeps versions as S3 does.

use object_store::ObjectStoreExt as _;

use super::lab::bucket::{Bucket, ById, Fault, Kind, NULL, Store};
use super::lab::clients;
use super::{bulk_delete, path};

/// Sends a request that `object_store` has no method for; the status and the body.
async fn send(bucket: &Bucket, method: reqwest::Method, query: &str, body: String) -> (u16, String) {
    let url = format!("{}/{}{query}", bucket.endpoint(), bucket.name());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.request(method, url).header("content-md5", "of the laboratory").body(body);
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

async fn get(bucket: &Bucket, query: &str) -> String {
    let (status, body) = send(bucket, reqwest::Method::GET, query, String::new()).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// Deletes versions in one batch.
async fn purge(bucket: &Bucket, versions: &[(&str, &str)]) -> String {
    let objects = versions.iter().map(|(key, id)| {
        let version = if id.is_empty() { String::new() } else { format!("<VersionId>{id}</VersionId>") };
        format!("<Object><Key>{key}</Key>{version}</Object>")
    });
    let body = format!("<Delete>{}</Delete>", objects.collect::<String>());
    let (status, body) = send(bucket, reqwest::Method::POST, "?delete=", body).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// Each version in a word, the newest of a key first: `c`urrent or `o`ld, the content or `-` for a marker, `0` if its id is
/// no own one.
fn words(bucket: &Store) -> Vec<String> {
    let word = |version: super::lab::bucket::Version| {
        let bytes = version.bytes.map_or_else(|| "-".into(), |bytes| String::from_utf8(bytes.to_vec()).unwrap());
        let (latest, null) = (if version.is_latest { "c" } else { "o" }, if version.id == NULL { "0" } else { "" });
        format!("{} {latest}{bytes}{null}", version.key)
    };
    bucket.versions().into_iter().map(word).collect()
}

fn id(bucket: &Store, word: &str) -> String {
    let at = words(bucket).iter().position(|found| found == word).unwrap();
    bucket.versions()[at].id.clone()
}

#[tokio::test]
async fn each_state_of_versioning_keeps_what_s3_keeps() {
    let bucket = Bucket::s3("reg");
    let client = clients::s3(&bucket, 0);
    let put = async |text: &'static str| drop(client.put(&path("k"), text.into()).await.unwrap());
    put("1").await;
    put("2").await;
    assert_eq!(words(&bucket), ["k c20"]);
    client.delete(&path("gone")).await.unwrap();
    assert_eq!(words(&bucket).len(), 1, "never versioned: no marker");

    bucket.versioning(Some("Enabled"));
    put("3").await;
    put("4").await;
    assert_eq!(words(&bucket), ["k c4", "k o3", "k o20"]);
    bulk_delete(&client, &["k", "gone"]).await;
    assert_eq!(words(&bucket), ["gone c-", "k c-", "k o4", "k o3", "k o20"]);
    assert!(client.get(&path("k")).await.is_err());
    put("5").await;

    bucket.versioning(Some("Suspended"));
    put("6").await;
    assert_eq!(words(&bucket), ["gone c-", "k c60", "k o5", "k o-", "k o4", "k o3"], "2 was null as well");
    put("7").await;
    client.delete(&path("k")).await.unwrap();
    assert_eq!(words(&bucket), ["gone c-", "k c-0", "k o5", "k o-", "k o4", "k o3"]);
    bucket.versioning(Some("Enabled"));
    put("8").await;
    assert_eq!(words(&bucket), ["gone c-", "k c8", "k o-0", "k o5", "k o-", "k o4", "k o3"]);
    assert_eq!(get(&bucket, "?versioning=").await.matches("<Status>Enabled</Status>").count(), 1);
}

#[tokio::test]
async fn version_goes_by_its_id_and_what_was_hidden_comes_back() {
    let bucket = Bucket::s3("reg");
    bucket.versioning(Some("Enabled"));
    for text in ["1", "2", "3"] {
        bucket.put("k", text);
    }
    bucket.hide_at("k", bucket.now());
    let (old, marker) = (id(&bucket, "k o1"), id(&bucket, "k c-"));
    let answer = purge(&bucket, &[("k", &old), ("k", "of nobody")]).await;
    assert!(answer.contains(&format!("<Deleted><Key>k</Key><VersionId>{old}</VersionId></Deleted>")), "{answer}");
    assert!(answer.contains("<VersionId>of nobody</VersionId>"), "a version that is gone is deleted: {answer}");
    assert_eq!(words(&bucket), ["k c-", "k o3", "k o2"]);
    let answer = purge(&bucket, &[("k", &marker)]).await;
    assert!(answer.contains(&format!("<DeleteMarkerVersionId>{marker}</DeleteMarkerVersionId>")), "{answer}");
    assert_eq!(words(&bucket), ["k c3", "k o2"]);
    let current = id(&bucket, "k c3").replace('+', "%2B");
    let (status, _) = send(&bucket, reqwest::Method::DELETE, &format!("/k?versionId={current}"), String::new()).await;
    assert_eq!((status, words(&bucket)), (204, vec!["k c2".to_owned()]));
    let counts = bucket.counts();
    assert_eq!((counts.purge, counts.batch, counts.delete, counts.versions_deleted), (2, 0, 3, 3));
    assert_eq!(counts.requests(), 3);
}

#[tokio::test]
async fn stores_that_do_not_go_by_ids_do_what_they_do() {
    for (how, left, says) in [
        (ById::RemovesCurrent, &["k c1"][..], "<Deleted><Key>k</Key></Deleted>"),
        (ById::MakesMarker, &["k c-", "k o2", "k o1"], "<Deleted><Key>k</Key><DeleteMarker>true"),
        (ById::MakesMarkerAndRepeatsTheId, &["k c-", "k o2", "k o1"], "</VersionId><DeleteMarker>true"),
    ] {
        let bucket = Bucket::s3("reg");
        bucket.versioning(Some("Enabled"));
        bucket.put("k", "1");
        bucket.put("k", "2");
        bucket.by_id(how);
        let answer = purge(&bucket, &[("k", &id(&bucket, "k o1"))]).await;
        assert!(answer.contains(says), "{answer}");
        assert_eq!(words(&bucket), left, "{how:?}");
    }
}

fn texts(body: &str, name: &str) -> Vec<String> {
    let open = format!("<{name}>");
    let parts = body.split(&open).skip(1);
    parts.map(|part| part.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn versions_are_listed_in_pages_and_go_on_from_a_version() {
    let bucket = Bucket::s3("reg");
    bucket.versioning(Some("Enabled"));
    for key in ["a b", "a/b", "z"] {
        bucket.put(key, "1");
        bucket.put(key, "2");
        bucket.hide_at(key, bucket.now());
    }
    for page in [1, 2, 4, 100] {
        bucket.limit_pages(page);
        let (mut ids, mut next) = (Vec::new(), String::new());
        loop {
            let body = get(&bucket, &format!("?encoding-type=url{next}&prefix=a&versions=")).await;
            ids.extend(texts(&body, "VersionId"));
            assert!(ids.len() <= 6, "{body}");
            let [truncated] = texts(&body, "IsTruncated").try_into().unwrap();
            if truncated == "false" {
                break;
            }
            let [key] = texts(&body, "NextKeyMarker").try_into().unwrap();
            let [id] = texts(&body, "NextVersionIdMarker").try_into().unwrap();
            next = format!("&key-marker={key}&version-id-marker={}", id.replace('+', "%2B"));
        }
        let all = bucket.versions().into_iter().filter(|version| version.key.starts_with('a'));
        assert_eq!(ids, all.map(|version| version.id).collect::<Vec<_>>(), "pages of {page}");
    }
    assert!(get(&bucket, "?versions&max-keys=1").await.contains("<IsTruncated>true"));
    assert_eq!(bucket.counts().versions, bucket.counts().requests());
    let nowhere = send(&bucket, reqwest::Method::GET, "?versions&key-marker=z&version-id-marker=x", String::new());
    assert_eq!(nowhere.await.0, 400);
    bucket.limit_pages(100);
    bucket.tells_markers_last();
    let body = get(&bucket, "?versions&prefix=a").await;
    assert!(body.find("<DeleteMarker>").unwrap() > body.rfind("<Version>").unwrap(), "{body}");
}

#[tokio::test]
async fn faults_meet_versions_as_they_meet_objects() {
    let bucket = Bucket::s3("reg");
    bucket.versioning(Some("Enabled"));
    for text in ["1", "2", "3"] {
        bucket.put("k", text);
    }
    let (one, two) = (id(&bucket, "k o1"), id(&bucket, "k o2"));
    bucket.fault(Fault::fail_keys("AccessDenied").on(Kind::Purge).after(1).times(1));
    let answer = purge(&bucket, &[("k", &one), ("k", &two)]).await;
    assert!(answer.contains(&format!("<Error><Key>k</Key><VersionId>{two}</VersionId><Code>AccessDenied")), "{answer}");
    assert_eq!(words(&bucket), ["k c3", "k o2"]);
    let hidden = bucket.fault(Fault::hide());
    assert!(!get(&bucket, "?versions").await.contains("<Key>"));
    bucket.clear_fault(hidden);
    bucket.limit_pages(1);
    let whole = get(&bucket, "?versions").await;
    bucket.fault(Fault::page_from_start().times(1));
    let next = texts(&whole, "NextVersionIdMarker")[0].replace('+', "%2B");
    assert_eq!(get(&bucket, &format!("?versions&key-marker=k&version-id-marker={next}")).await, whole);
    bucket.fault(Fault::page_without_token().times(1));
    assert!(texts(&get(&bucket, "?versions").await, "NextKeyMarker").is_empty());
    bucket.fault(Fault::truncated_page().times(1));
    assert!(!get(&bucket, "?versions").await.contains("</ListVersionsResult>"));
    bucket.fault(Fault::slow_down().on(Kind::Versions));
    assert_eq!(send(&bucket, reqwest::Method::GET, "?versions", String::new()).await.0, 503);
    assert_eq!(bucket.log().last().map(|call| call.kind), Some(Kind::Versions));
}
