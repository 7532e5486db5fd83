//! The laboratory itself works: its bucket through `object_store`'s real clients, its registries through its reader.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod lab;

#[path = "lab/works/bucket.rs"]
mod bucket;
#[path = "lab/works/faults.rs"]
mod faults;
#[path = "lab/works/registry.rs"]
mod registry;
#[path = "lab/works/versions.rs"]
mod versions;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{Error, ObjectStore};

use lab::bucket::Bucket;

fn path(key: &str) -> Path {
    Path::parse(key).unwrap()
}

async fn listed(store: &dyn ObjectStore, prefix: Option<&str>) -> Vec<String> {
    let prefix = prefix.map(path);
    store.list(prefix.as_ref()).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap()
}

async fn bulk_delete(store: &dyn ObjectStore, keys: &[&str]) -> Vec<Result<String, Error>> {
    let keys: Vec<_> = keys.iter().map(|key| Ok(path(key))).collect();
    let deleted = store.delete_stream(stream::iter(keys).boxed());
    deleted.map(|result| result.map(|path| path.to_string())).collect().await
}

fn filled(bucket: Bucket, n: usize) -> Bucket {
    for i in 0..n {
        bucket.put(&format!("k/{i:05}"), format!("{i}"));
    }
    bucket
}
