//! Which images need a blob.

use super::graph::{Graph, Id, Node};
use super::inventory::Inventory;
use crate::model::Digest;
use std::collections::HashSet;

/// Every image by its tag (`repository:tag`), and where a manifest has none by its digest (`repository@digest`), that
/// needs any of these digests.
#[must_use]
#[expect(clippy::implicit_hasher, reason = "there is one kind of set here")]
pub fn images_with(digests: &HashSet<&Digest>, inventory: &Inventory, graph: &Graph) -> Vec<String> {
    let wanted: HashSet<Id> = digests.iter().filter_map(|digest| graph.id(digest)).collect();
    let mut images = Vec::new();
    for repository in &inventory.repositories {
        let mut by_tag = HashSet::new();
        for (ref tag, ref current) in repository.current_tags() {
            if let Some(root) = current.target.digest().and_then(|digest| graph.id(digest)) {
                let below = closure(root, graph);
                if !wanted.is_disjoint(&below) {
                    images.push(format!("{}:{tag}", repository.name));
                }
                by_tag.extend(below);
            }
        }
        for ref link in &repository.revisions {
            let Some(root) = graph.id(&link.digest).filter(|root| !by_tag.contains(root)) else { continue };
            if !wanted.is_disjoint(&closure(root, graph)) {
                images.push(format!("{}@{}", repository.name, link.digest));
            }
        }
    }
    images
}

fn closure(root: Id, graph: &Graph) -> HashSet<Id> {
    let mut seen = HashSet::new();
    let mut todo = vec![root];
    while let Some(id) = todo.pop() {
        if seen.insert(id) {
            todo.extend(graph.aliases(id));
            if let Node::Manifest { references, .. } = graph.node(id) {
                todo.extend(references.all().iter());
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Storage, of, options, sha512};
    use super::*;
    use crate::layout;

    fn images(storage: &Storage, digest: &Digest) -> Vec<String> {
        let (scan, _) = storage.scan(&options());
        images_with(&HashSet::from([digest]), &scan.inventory, &scan.graph)
    }

    #[test]
    fn images_are_told_by_tag_and_only_without_one_by_digest() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let image = storage.index("a", &[&layer]);
        let index = storage.index("a", &[&image]);
        storage.tag("a", "v1", &index);
        let other = storage.index("b", &[&layer, &layer]);
        storage.index("b", &[]);
        storage.tag("b", "v2", &of("elsewhere"));
        assert_eq!(images(&storage, &layer), ["a:v1".to_owned(), format!("b@{other}")]);
        assert_eq!(images(&storage, &image), ["a:v1"]);
        assert_eq!(images(&storage, &of("nowhere")), Vec::<String>::new());
        assert_eq!(images(&storage, &of("elsewhere")), ["b:v2"]);
    }

    #[test]
    fn image_needs_what_its_layers_stand_for() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        storage.link(layout::layer_link(&super::super::scene::name("a"), &sha512("x")), &layer.to_string());
        let image = storage.index("a", &[&sha512("x")]);
        assert_eq!(images(&storage, &layer), [format!("a@{image}")]);
    }
}
