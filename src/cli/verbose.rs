//! The registry's own lines, for those who read its collector's output (`-v`).

use crate::collect::graph::Node;
use crate::collect::plan::{Plan, Stage};
use crate::collect::report::Scan;
use crate::layout::StorageKey;
use crate::model::Digest;
use std::fmt::Write as _;

/// What the registry's collector (v3) prints while it marks.
#[must_use]
pub fn marking(scan: &Scan) -> String {
    let mut text = String::new();
    for (at, repository) in scan.inventory.repositories.iter().enumerate() {
        let name = &repository.name;
        let _ = writeln!(text, "{name}");
        for link in &repository.revisions {
            let id = scan.graph.id(&link.digest);
            if scan.marks.in_repository(at, id).is_none() {
                continue;
            }
            let _ = writeln!(text, "{name}: marking manifest {} ", link.digest);
            if let Node::Manifest { references, .. } = scan.graph.node_of(&link.digest) {
                for reference in references {
                    let _ = writeln!(text, "{name}: marking blob {}", scan.graph.digest(*reference));
                }
            }
        }
    }
    text
}

/// What it prints of what may go.
#[must_use]
pub fn eligible(plan: &Plan) -> String {
    let mut text = String::new();
    for deletion in plan.deletions() {
        let digest = deletion.digest.as_ref().map(Digest::to_string).unwrap_or_default();
        let name = deletion.repository.as_ref().map(|(_, name)| name.as_str()).unwrap_or_default();
        let _ = match deletion.stage {
            Stage::Revision if matches!(StorageKey::parse(&deletion.key), StorageKey::RevisionLink { .. }) => {
                writeln!(text, "manifest eligible for deletion: {{{name} {digest} []}}")
            }
            Stage::LayerLink => writeln!(text, "{name}: layer link eligible for deletion: {digest}"),
            Stage::Blob => writeln!(text, "blob eligible for deletion: {digest}"),
            Stage::Tag | Stage::TagHistory | Stage::Revision | Stage::Upload => Ok(()),
        };
    }
    text
}
