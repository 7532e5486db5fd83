//! The registry's own lines, for those who read its collector's output (`-v`).

use crate::collect::graph::Node;
use crate::collect::plan::{Plan, Stage};
use crate::collect::report::Scan;
use crate::layout::StorageKey;
use crate::model::Digest;
use std::io::{self, Write};

/// What the registry's collector (v3) prints while it marks. Line by line: there may be millions.
///
/// # Errors
/// If a line cannot be written.
pub fn marking(out: &mut impl Write, scan: &Scan) -> io::Result<()> {
    for (at, repository) in scan.inventory.repositories.iter().enumerate() {
        let name = &repository.name;
        writeln!(out, "{name}")?;
        for ref link in &repository.revisions {
            if scan.marks.in_repository(at, scan.graph.id(&link.digest)).is_none() {
                continue;
            }
            writeln!(out, "{name}: marking manifest {} ", link.digest)?;
            if let Node::Manifest { references, .. } = scan.graph.node_of(&link.digest) {
                for reference in references.all().iter() {
                    writeln!(out, "{name}: marking blob {}", scan.graph.digest(*reference))?;
                }
            }
        }
    }
    Ok(())
}

/// What it prints of what may go.
///
/// # Errors
/// If a line cannot be written.
pub fn eligible(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    for deletion in plan.deletions() {
        let digest = deletion.digest.as_ref().map(Digest::to_string).unwrap_or_default();
        let name = deletion.repository.as_ref().map(|(_, name)| name.as_str()).unwrap_or_default();
        match deletion.stage {
            Stage::Revision if matches!(StorageKey::parse(&deletion.key), StorageKey::RevisionLink { .. }) => {
                writeln!(out, "manifest eligible for deletion: {{{name} {digest} []}}")?;
            }
            Stage::LayerLink => writeln!(out, "{name}: layer link eligible for deletion: {digest}")?,
            Stage::Blob => writeln!(out, "blob eligible for deletion: {digest}")?,
            Stage::Tag | Stage::TagHistory | Stage::Revision | Stage::Upload => {}
        }
    }
    Ok(())
}
