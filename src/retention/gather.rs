//! The facts of a repository, from what the listing and the manifests say.

use super::facts::{RepositoryFacts, TagFacts, UntaggedFacts};
use super::judge::Judgement;
use super::policy::Rule;
use super::verdict::{Missed, Why};
use crate::collect::graph::{Graph, Id, Node};
use crate::collect::inventory::{Link, Repository, Target};
use crate::model::{Digest, Tag, Timestamp};
use std::collections::{HashMap, HashSet};

/// What is known of a repository without reading anything more: no time of creation, no labels, no annotations.
#[must_use]
pub fn facts(repository: &Repository, graph: &Graph, rule: Option<&Rule>) -> RepositoryFacts {
    // Only what somebody may use is looked for among the parts; what belongs to what, the untagged manifests know themselves.
    let needs_parts = rule.is_some_and(|rule| rule.keep.images.is_some());
    let tag = |(tag, current): (Tag, crate::collect::inventory::Current)| {
        let digest = match current.target {
            Target::Digest(digest) => Some(digest),
            Target::Unreadable(_) | Target::Unread => None,
        };
        let parts = digest.iter().filter(|_| needs_parts).flat_map(|digest| parts(digest, graph)).collect();
        TagFacts {
            tag,
            digest,
            parts,
            pushed: Some(current.evidence.modified),
            created: None,
            labels: None,
            annotations: None,
        }
    };
    let tags: Vec<TagFacts> = repository.current_tags().map(tag).collect();
    RepositoryFacts { name: repository.name.clone(), untagged: untagged(repository, graph), tags }
}

/// Everything below a manifest, to any depth.
fn parts(digest: &Digest, graph: &Graph) -> Vec<Digest> {
    let Some(root) = graph.id(digest) else { return Vec::new() };
    let (mut seen, mut todo) = (HashSet::from([root]), vec![root]);
    while let Some(id) = todo.pop() {
        if let Node::Manifest { references, .. } = graph.node(id) {
            todo.extend(references.all().iter().chain(graph.aliases(id)).filter(|part| seen.insert(**part)));
        }
    }
    seen.remove(&root);
    let mut parts: Vec<Digest> = seen.into_iter().map(|id| graph.digest(id)).collect();
    parts.sort();
    parts
}

fn untagged(repository: &Repository, graph: &Graph) -> Vec<UntaggedFacts> {
    let tagged: HashSet<Digest> = repository.tagged().collect();
    let lost = losses(repository);
    let mut owners: HashMap<Id, Vec<&Digest>> = HashMap::new();
    let linked: Vec<Link> = repository.revisions.iter().collect();
    for link in &linked {
        for id in crate::collect::roots::names(link).filter_map(|digest| graph.id(digest)) {
            if let Node::Manifest { references, .. } = graph.node(id) {
                for part in references.all().iter() {
                    owners.entry(*part).or_default().push(&link.digest);
                }
            }
        }
    }
    let without = linked.iter();
    let without = without.filter(|link| crate::collect::roots::names(link).all(|digest| !tagged.contains(digest)));
    let facts = without.map(|link| {
        let ids: Vec<Id> = crate::collect::roots::names(link).filter_map(|digest| graph.id(digest)).collect();
        let about = ids.iter().filter_map(|id| match graph.node(*id) {
            Node::Manifest { subject, .. } => subject.map(|subject| graph.digest(subject)),
            Node::Plain | Node::Unreadable(_) | Node::Missing => None,
        });
        let owners = ids.iter().filter_map(|id| owners.get(id)).flatten().copied();
        UntaggedFacts {
            digest: link.digest.clone(),
            pushed: Some(link.modified()),
            lost: crate::collect::roots::names(link).filter_map(|digest| lost.get(digest)).max().copied(),
            belongs_to: owners.cloned().chain(about).collect(),
        }
    });
    facts.collect()
}

/// When each manifest lost a tag that has named it: when that tag began to name another. Of a tag that is gone only its
/// history tells when it last named anything.
fn losses(repository: &Repository) -> HashMap<Digest, Timestamp> {
    let mut lost: HashMap<Digest, Timestamp> = HashMap::new();
    for entry in repository.tags.values() {
        for link in entry.history {
            let current = entry.current.as_ref();
            if current.is_some_and(|current| current.target.digest() == Some(&link.digest)) {
                continue;
            }
            let since = current.map_or(link.modified(), |current| current.evidence.modified);
            let time = lost.entry(link.digest).or_insert(since);
            *time = since.max(*time);
        }
    }
    lost
}

/// The tags, by their place in the facts, whose fate depends on what has not been read: of all others neither manifest nor
/// configuration is read.
pub fn undecided<'a>(
    facts: &'a RepositoryFacts,
    judgement: &'a Judgement,
) -> impl Iterator<Item = (usize, &'a Digest)> {
    let tags = facts.tags.iter().enumerate().zip(&judgement.tags);
    tags.filter_map(|((at, tag), verdict)| match &verdict.why {
        Why::Missed(Missed::CreatedOlderThan(..) | Missed::Label(..) | Missed::Annotation(..)) => {
            Some((at, tag.digest.as_ref()?))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::entry::Entry;
    use crate::collect::graph::{Expectation, Fetched};
    use crate::collect::inventory::Inventory;
    use crate::collect::listing::{Builder, Proof};
    use crate::layout;
    use crate::model::RepositoryName;
    use crate::retention::judge::judge;
    use crate::retention::parse::parse;

    fn name() -> RepositoryName {
        RepositoryName::new("app").unwrap()
    }

    fn tag(text: &str) -> Tag {
        Tag::new(text).unwrap()
    }

    fn of(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn day(day: i64) -> Timestamp {
        Timestamp::from_days(day)
    }

    /// A tag: what it names since when, and has named when.
    type Listed<'a> = (&'a str, Option<(&'a str, i64)>, &'a [(&'a str, i64)]);

    /// Manifests by their texts, linked on the first day, and tags.
    fn read(manifests: &[&str], tags: &[Listed<'_>]) -> (Inventory, Graph) {
        let mut builder = Builder::new(Proof { etags: false, cheap_reads: false });
        let mut see = |key: String, on: i64| {
            builder.see(&Entry { key: &key, size: 71, modified: day(on), etag: None, outside: false });
        };
        for text in manifests {
            see(layout::revision_link(&name(), &of(text)), 1);
        }
        for (text, current, history) in tags {
            if let Some((_, on)) = current {
                see(layout::tag_current(&name(), &tag(text)), *on);
            }
            for (named, on) in *history {
                see(layout::tag_history(&name(), &tag(text), &of(named)), *on);
            }
        }
        let mut inventory = builder.finish();
        for read in inventory.to_read(day(100), None) {
            let named = tags.iter().find(|(text, ..)| read.key == layout::tag_current(&name(), &tag(text)));
            let (named, _) = named.unwrap().1.unwrap();
            inventory.learn(&read, Some(of(named).to_string().as_bytes()));
        }
        let mut graph = Graph::new(&inventory);
        for text in manifests {
            let bytes = Fetched::Bytes((*text).to_owned().into());
            graph.learn(&of(text), Expectation::Manifest, &bytes);
        }
        (inventory, graph)
    }

    fn index(parts: &[&str], subject: Option<&str>) -> String {
        let descriptor = |text: &&str| format!(r#"{{"digest":"{}"}}"#, of(text));
        let parts: Vec<String> = parts.iter().map(descriptor).collect();
        let subject = subject.map_or_else(String::new, |text| format!(r#","subject":{}"#, descriptor(&text)));
        format!(r#"{{"schemaVersion":2,"manifests":[{}]{subject}}}"#, parts.join(","))
    }

    #[test]
    fn manifest_without_a_tag_is_known_with_what_it_belongs_to_and_when_it_lost_its_tag() {
        let child = index(&["layer"], None);
        let top = index(&[&child], None);
        let signature = index(&["signature"], Some(&top));
        let (moved, gone) = (index(&["moved"], None), index(&["gone"], None));
        let history = [(&*moved, 3), (&*top, 7)];
        let (inventory, graph) = read(
            &[&child, &top, &signature, &moved, &gone],
            &[("v1", Some((&top, 7)), &history), ("v2", Some((&top, 5)), &[(&moved, 2)]), ("old", None, &[(&gone, 4)])],
        );
        let facts = facts(&inventory.repositories[0], &graph, None);
        let tags: Vec<_> =
            facts.tags.iter().map(|fact| (fact.tag.as_str(), fact.digest.clone(), fact.pushed)).collect();
        assert_eq!(tags, [("v1", Some(of(&top)), Some(day(7))), ("v2", Some(of(&top)), Some(day(5)))]);
        let mut untagged: Vec<_> = facts.untagged.into_iter().map(|it| (it.digest, it.lost, it.belongs_to)).collect();
        untagged.sort();
        let mut expected = [
            (of(&child), None, vec![of(&top)]),
            (of(&signature), None, vec![of(&top)]),
            (of(&moved), Some(day(7)), vec![]),
            (of(&gone), Some(day(4)), vec![]),
        ];
        expected.sort();
        assert_eq!(untagged, expected);
    }

    #[test]
    fn all_below_a_manifest_are_its_parts() {
        let child = index(&["layer", "other"], None);
        let top = index(&[&child, "layer"], None);
        let (_, graph) = read(&[&child, &top], &[("v1", Some((&top, 7)), &[])]);
        let mut expected = [of(&child), of("layer"), of("other")];
        expected.sort();
        assert_eq!(parts(&of(&top), &graph), expected);
        assert_eq!([parts(&of("layer"), &graph), parts(&of("unknown"), &graph)], [vec![], vec![]]);
    }

    #[test]
    fn only_what_a_rule_asks_of_a_configuration_is_read() {
        let text = index(&["layer"], None);
        let (inventory, graph) = read(&[&text], &[("v1", Some((&text, 7)), &[]), ("v2", Some((&text, 8)), &[])]);
        let mut facts = facts(&inventory.repositories[0], &graph, None);
        let asked = |facts: &RepositoryFacts, delete: &str| {
            let text = format!("rules: [{{name: r, repositories: [\"**\"], delete: {{{delete}}}}}]");
            let policy = parse(&text, &mut |_| Err("no files".into())).unwrap().policy;
            let judgement = judge(&policy, facts, day(100));
            undecided(facts, &judgement).map(|(at, digest)| (at, digest.clone())).collect::<Vec<_>>()
        };
        let both = [(0, of(&text)), (1, of(&text))];
        for delete in ["created_older_than: 1d", "labels: {a: b}", "annotations: {a: b}"] {
            assert_eq!(asked(&facts, delete), both, "{delete}");
        }
        for delete in ["older_than: 1d", "older_than: 99d", "tags: [\"x*\"]", "tags: [\"v*\"]"] {
            assert_eq!(asked(&facts, delete), [], "{delete}");
        }
        assert_eq!(asked(&facts, "created_older_than: 1d, tags: [v2]"), &both[1..], "the other stays in any case");
        facts.tags[0].digest = None;
        assert_eq!(asked(&facts, "created_older_than: 1d"), &both[1..], "what it names is not known");
    }
}
