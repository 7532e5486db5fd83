//! What a user meets: wrong input, refusals, questions, text, JSON, saved plans.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod lab;
mod tool;

#[path = "command_line/about_itself.rs"]
mod about_itself;
#[path = "command_line/applying.rs"]
mod applying;
#[path = "command_line/asking.rs"]
mod asking;
#[path = "command_line/bad_input.rs"]
mod bad_input;
#[path = "command_line/output.rs"]
mod output;
#[path = "command_line/plans.rs"]
mod plans;
#[path = "command_line/policy.rs"]
mod policy;
#[path = "command_line/undo.rs"]
mod undo;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use lab::registry::{RegistryBuilder, sha256};
use lab::tree::{Tree, days_ago, read_dir};

/// A registry with something of every stage to delete.
fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    let old = r.image("team/app", "old", &["base", "old layer"]);
    let new = r.image("team/app", "new", &["base", "new layer"]);
    r.tag("team/app", "v1", &old.digest).tag("team/app", "v1", &new.digest);
    r.layer("team/app", "never named");
    r.link_layer("team/app", &sha256(b"a link without data"));
    r.upload("team/app", "11111111-2222-4333-a444-555555555555", days_ago(30), "partial");
    r.blob("orphan");
    r
}

/// The registry in a directory.
struct Disk {
    directory: TempDir,
    before: Tree,
}

impl Disk {
    fn new() -> Self {
        Self::with(&registry())
    }

    fn with(registry: &RegistryBuilder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        registry.write_to(&directory.path().join("registry"));
        let before = read_dir(&directory.path().join("registry"));
        Self { directory, before }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("registry")
    }

    fn path(&self) -> String {
        self.root().display().to_string()
    }

    /// A file beside the registry.
    fn file(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn now(&self) -> Tree {
        read_dir(&self.root())
    }

    #[track_caller]
    fn expect_untouched(&self) {
        assert_eq!(self.now(), self.before, "something changed");
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
