//! What a run costs in requests, against the least that it could.

use std::time::Duration;

use crate::lab::bucket::{Bucket, Dialect, Fault, Kind};
use crate::lab::registry::ROOT;
use crate::scene::{Scene, images};

/// Pages of 1000 keys.
fn pages(scene: &Scene) -> u64 {
    let keys = scene.bucket.keys();
    let blobs = keys.iter().filter(|key| key.starts_with(&format!("{ROOT}/blobs/"))).count();
    (blobs.div_ceil(1000) + (keys.len() - blobs).div_ceil(1000)) as u64
}

/// A hundredth part of a number, so many times.
fn percent(of: u64, percent: u64) -> u64 {
    of * percent / 100
}

#[test]
fn a_dry_run_costs_its_pages_and_its_manifests_and_hardly_more() {
    let scene = Scene::new(&images(700));
    let (floor, cache) = (pages(&scene), tempfile::tempdir().unwrap());
    let cache = ["--cache-dir", cache.path().to_str().unwrap()];
    for (more, manifests) in [(&[][..], scene.manifests), (&cache, scene.manifests), (&cache, 0)] {
        let (ran, counts) = scene.run(&[&["--dry-run"], more].concat());
        assert_eq!((ran.code, counts.get), (0, manifests), "no link, and each manifest once: {counts:?}");
        assert!(counts.list <= percent(floor, 110) + 16, "{floor} pages: {counts:?}");
        assert!(counts.requests() <= percent(floor + manifests, 103) + 16, "{floor} pages: {counts:?}");
        assert_eq!(counts.writes(), 0, "{counts:?}");
    }
}

/// So many batches as there are keys, and no more: by the thousand on S3, by 256 on Azure; GCS takes one key at a time.
#[test]
fn deletes_go_in_the_largest_batches_and_several_at_a_time() {
    for (bucket, batch) in
        [(Bucket::s3("registry"), 1000_u64), (Bucket::azure("registry"), 256), (Bucket::gcs("registry"), 1)]
    {
        let mut registry = images(20);
        for orphan in 0..batch * 4 + 40 {
            registry.blob(format!("nobody's {orphan}"));
        }
        let scene = Scene::with(bucket, &registry);
        let kind = if scene.bucket.dialect() == Dialect::Gcs { Kind::Delete } else { Kind::Batch };
        scene.bucket.fault(Fault::latency(Duration::from_millis(200)).on(kind).key(|key| key.ends_with("/data")));
        let (ran, _) = scene.run(&[]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        let blobs = ran.count("/deleted/blobs/count");
        assert!(blobs > 4 * batch, "{blobs}");
        let log = scene.bucket.log();
        let of_blobs =
            log.iter().filter(|call| call.kind == kind && call.keys.iter().any(|key| key.ends_with("/data")));
        assert_eq!(of_blobs.count() as u64, blobs.div_ceil(batch), "{:?}", scene.bucket.dialect());
        let peak = scene.bucket.counts().peak_in_flight;
        assert!(peak >= 4, "{:?}: one after another, {peak}", scene.bucket.dialect());
    }
}
