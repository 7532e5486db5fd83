//! Base layers: what images stand on.

use super::users::SetId;
use crate::collect::graph::{Graph, Id, IdMap, Node};

/// A layer that is the lowest of some images.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Base {
    /// How many images: manifests, each counted once.
    pub(super) images: u64,
    /// Size in bytes; none as long as it was not listed.
    pub(super) size: Option<u64>,
    /// Who uses it.
    pub(super) users: SetId,
}

/// The base layers of all images. The lowest layer is what an image's manifest names first behind its configuration.
#[must_use]
pub(super) fn of(graph: &Graph) -> IdMap<Base> {
    let mut bases: IdMap<Base> = IdMap::default();
    for (_, node) in graph.known() {
        let Node::Manifest { references, .. } = node else { continue };
        if let [config, lowest, ..] = references.all()[..]
            && is_content(graph, config)
            && is_content(graph, lowest)
        {
            bases.entry(lowest).or_default().images += 1;
        }
    }
    // What carries one image is no base.
    bases.retain(|_, base| base.images > 1);
    bases
}

/// An index names manifests.
fn is_content(graph: &Graph, id: Id) -> bool {
    !matches!(graph.node(id), Node::Manifest { .. })
}
