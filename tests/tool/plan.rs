//! Saved plans, taken apart and put together by hand: what an accident, an editor or an enemy would do to one.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// The lines of a plan, without its seal.
#[derive(Debug, Clone)]
pub struct PlanFile {
    /// The first line.
    pub header: Value,
    /// The deletions.
    pub lines: Vec<Value>,
}

impl PlanFile {
    /// Reads one that is not compressed.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a plan");
        let mut values: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let seal = values.pop().expect("a seal");
        assert!(seal.get("seal").is_some(), "the last line is the seal");
        Self { header: values.remove(0), lines: values }
    }

    /// The keys that go.
    pub fn keys(&self) -> Vec<String> {
        self.lines.iter().map(|line| line["key"].as_str().expect("a key").to_owned()).collect()
    }

    /// Writes it with a right seal, whatever stands in it.
    pub fn seal(&self, path: &Path) {
        let line = |value: &Value| value.to_string() + "\n";
        let before: String = std::iter::once(&self.header).chain(&self.lines).map(line).collect();
        let bytes: u64 = self.lines.iter().filter_map(|line| line["size"].as_u64()).sum();
        let sha256 = regsweep::model::digest::hex(&Sha256::digest(before.as_bytes()));
        // Written by hand: the seal's members have their order.
        let deletions = self.lines.len();
        let seal = format!("{{\"seal\":{{\"deletions\":{deletions},\"bytes\":{bytes},\"sha256\":\"{sha256}\"}}}}\n");
        std::fs::write(path, before + &seal).expect("a file");
    }
}
