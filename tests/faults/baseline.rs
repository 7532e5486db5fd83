//! What a run does where nothing goes wrong.

use super::lab::pull::tags;
use super::lab::registry::{blob_key, sha256};
use super::scene::{STAGES, Scene};
use super::tool;

#[test]
fn the_scene_has_garbage_in_every_stage_and_a_run_takes_just_that() {
    for scene in [Scene::new(), Scene::gcs(), Scene::live(), Scene::live_gcs()] {
        for stage in STAGES {
            assert!(scene.planned(stage, None).len() >= 2, "{stage}: {:#?}", scene.plan);
        }
        assert_eq!(tags(&scene.before).len(), 3);
        // Written by hand, not taken from the plan: these must go, and those must stay.
        let (gone, kept) =
            (["orphan", "never named", "gone layer", "old layer"], ["base", "arm layer", "sbom of what stays"]);
        let ran = scene.collect();
        scene.expect_contained(&ran, 0, "no fault");
        assert!(gone.iter().all(|text| !scene.bucket.contains(&blob_key(&sha256(text.as_bytes())))));
        assert!(kept.iter().all(|text| scene.bucket.contains(&blob_key(&sha256(text.as_bytes())))));
        let again = scene.collect().expect(0);
        assert_eq!(again.json()["planned"]["blobs"]["count"], 0);
        assert_eq!(
            again.count("/found/blobs/count"),
            scene.bucket.keys().iter().filter(|key| key.ends_with("/data")).count() as u64
        );
    }
}

#[test]
fn an_emulator_of_gcs_is_asked_for_no_token() {
    let scene = Scene::gcs();
    let mut command = tool::command(["gc", "--offline", "-m", "--format", "json", "gs://reg"]);
    // Where a token would be asked for: nobody is there.
    command
        .env("GCE_METADATA_HOST", "127.0.0.1:1")
        .env("GCE_METADATA_ROOT", "127.0.0.1:1")
        .env("GCE_METADATA_IP", "127.0.0.1:1");
    let ran = tool::finish(command.env("STORAGE_EMULATOR_HOST", scene.bucket.endpoint()));
    scene.expect_contained(&ran, 0, "emulator");
}
