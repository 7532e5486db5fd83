//! `--descriptor-cache` on the command line.

use anyhow::Result;
use tempfile::TempDir;

use crate::real;
use crate::tool::{Ran, regsweep};

/// The sample with a configuration: of a cache in Redis that regsweep cannot evict from.
struct Scene {
    root: TempDir,
}

impl Scene {
    fn new() -> Result<Self> {
        let root = tempfile::tempdir()?;
        real::sample::copy(root.path())?;
        Ok(Self { root })
    }

    fn directory(&self) -> String {
        self.root.path().display().to_string()
    }

    fn config(&self, redis: &str) -> Result<String> {
        let path = self.root.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\n  cache:\n    blobdescriptor: redis\nredis:\n{redis}\n",
            self.directory()
        );
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }
}

fn shows_no_password(ran: &Ran) {
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!all.contains("hunter2"), "{ran:#?}");
}

#[test]
fn what_cannot_be_understood_is_wrong_usage_and_not_repeated() -> Result<()> {
    let scene = Scene::new()?;
    let directory = scene.directory();
    for value in ["hunter2", "", "redis://:hunter2@", "redis://hunter2@h", "redis://:hunter2@h/x", "http://hunter2"] {
        for command in [&["gc", "--offline"][..], &["plan"]] {
            for format in ["text", "json"] {
                let rest = ["--format", format, "--descriptor-cache", value, directory.as_str()];
                let ran = regsweep(command.iter().copied().chain(rest)).expect(2);
                assert!(ran.stderr.contains("--descriptor-cache") && ran.stderr.contains("next: "), "{ran:#?}");
                shows_no_password(&ran);
            }
        }
    }
    // Mistakes beside it do not bring it to light either.
    let url = "redis://:hunter2@127.0.0.1:1/0";
    for line in [
        vec!["gc", "--descriptor-cache", url, "--descriptor-cache", url, &directory],
        vec!["gc", "--descriptor-cache", url, "--min-age", "x", &directory],
        vec!["gc", "--descriptor-cache", url, &directory, "more"],
        vec!["gc", "--descriptor-cach", url, &directory],
        vec!["gc", "--offline", url],
        vec!["--descriptor-cache", url, "gc", &directory],
    ] {
        shows_no_password(&regsweep(line).expect(2));
    }
    Ok(())
}

#[test]
fn it_is_taken_in_the_place_of_the_configuration() -> Result<()> {
    let scene = Scene::new()?;
    let cluster = scene.config("  addrs: [a:1, b:1]\n  password: hunter2")?;
    let ran = regsweep(["plan", &cluster]).expect(0);
    assert!(ran.stderr.contains("Redis Cluster"), "{ran:#?}");
    shows_no_password(&ran);
    let url = "redis://:hunter2@127.0.0.1:1/0";
    for cache in ["none", "inmemory", url] {
        let ran = regsweep(["plan", &cluster, "--descriptor-cache", cache]).expect(0);
        assert_eq!(ran.stderr, "", "{cache}");
        shows_no_password(&ran);
    }
    // A section that cannot be understood is not needed then.
    let broken = scene.config("  addr: hunter2")?;
    let ran = regsweep(["plan", &broken]).expect(2);
    assert!(ran.stderr.contains("`redis.addr` (line 8 of") && ran.stderr.contains("--descriptor-cache"), "{ran:#?}");
    shows_no_password(&ran);
    regsweep(["plan", &broken, "--descriptor-cache", "none"]).expect(0);
    regsweep(["plan", &scene.directory(), "--descriptor-cache", url]).expect(0);
    Ok(())
}
