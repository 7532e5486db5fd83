//! What manifests and configurations say of themselves: annotations, labels, when they were made. Read only where a rule asks
//! for it, each content once.

use super::Order;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::outline::Outline;
use crate::model::{Digest, ImageConfig, Kind, annotations, image_config, manifest};
use crate::retention::facts::Labels;
use crate::retention::policy::Rule;
use crate::storage::fetch::read_all;
use crate::storage::reader::{Content, Storage};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is kept of a manifest.
#[derive(Debug)]
pub(super) struct Brief {
    annotations: Labels,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    /// An image: its configuration, if it has one of an image.
    Image(Option<Digest>),
    /// An index: the images in it.
    Index(Box<[Digest]>),
}

/// What manifests and configurations say of themselves, by their digests.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    /// Whether what passes by is kept: else only what is asked for.
    keeps: bool,
    manifests: HashMap<Digest, Brief>,
    configs: HashMap<Digest, ImageConfig>,
}

impl Brief {
    /// What is kept of a manifest with these bytes, which have its digest.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let outline = Outline::parse(bytes).ok()?;
        let contents = if outline.kind == Kind::Index {
            let images = outline.manifests.iter().filter(|child| is_image(child));
            Contents::Index(images.map(|child| child.digest.clone()).collect())
        } else {
            let config = outline.config.as_ref().filter(|_| outline.has_image_config());
            Contents::Image(config.map(|config| config.digest.clone()))
        };
        Some(Self { annotations: annotations::annotations(bytes), contents })
    }
}

impl Outlines {
    /// Where a rule asks for more than names and times, what is heard of is kept: a manifest that was read to know what is
    /// needed is not read once more.
    pub(super) fn of(rules: &[Rule]) -> Self {
        let wants_more = |rule: &Rule| rule.needs_created() || rule.needs_labels() || rule.needs_annotations();
        Self { keeps: rules.iter().any(wants_more), ..Self::default() }
    }

    /// Whether it wants to hear of every manifest.
    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// Takes note of a manifest.
    pub(super) fn hear(&mut self, digest: &Digest, brief: Brief) {
        self.manifests.insert(digest.clone(), brief);
    }

    /// Reads these manifests, what they list, and their configurations, as far as they are not known.
    pub(super) async fn complete(
        &mut self,
        storage: &dyn Storage,
        wanted: Vec<Digest>,
        order: &Order,
        observer: &dyn Observer,
    ) -> Result<()> {
        let (mut todo, mut seen): (Vec<Digest>, HashSet<Digest>) = (wanted.clone(), wanted.into_iter().collect());
        let mut configs = BTreeSet::new();
        while !todo.is_empty() {
            let unknown = todo.iter().filter(|digest| !self.manifests.contains_key(digest)).cloned().collect();
            let how = (Phase::ReadManifests, manifest::LARGEST);
            many(storage, how, unknown, order, observer, |digest, bytes| {
                self.manifests.extend(Brief::of(bytes).map(|brief| (digest, brief)));
            })
            .await?;
            for digest in std::mem::take(&mut todo) {
                match self.manifests.get(&digest).map(|brief| &brief.contents) {
                    Some(Contents::Index(images)) => {
                        todo.extend(images.iter().filter(|image| seen.insert((*image).clone())).cloned());
                    }
                    Some(Contents::Image(config)) => configs.extend(config.clone()),
                    None => {}
                }
            }
        }
        let how = (Phase::ReadConfigurations, image_config::LARGEST);
        many(storage, how, configs.into_iter().collect(), order, observer, |digest, bytes| {
            self.configs.extend(ImageConfig::parse(bytes).map(|config| (digest, config)));
        })
        .await
    }

    /// The annotations of a manifest, if it is known.
    pub(super) fn annotations(&self, digest: &Digest) -> Option<&Labels> {
        self.manifests.get(digest).map(|brief| &brief.annotations)
    }

    /// The configurations of an image or of all images of an index; none if one of them could not be read, or an index lists
    /// no image.
    pub(super) fn configs(&self, digest: &Digest) -> Option<Vec<&ImageConfig>> {
        // No recursion: a hostile index may be nested as deep as it likes.
        let (mut configs, mut todo, mut seen) = (Vec::new(), vec![digest], HashSet::from([digest]));
        while let Some(digest) = todo.pop() {
            match &self.manifests.get(digest)?.contents {
                Contents::Image(config) => configs.push(self.configs.get(config.as_ref()?)?),
                Contents::Index(images) if images.is_empty() => return None,
                Contents::Index(images) => todo.extend(images.iter().filter(|image| seen.insert(image))),
            }
        }
        Some(configs)
    }
}

/// Whether what an index lists is an image or an index; attestations stand there under an unknown platform.
fn is_image(child: &crate::model::outline::Named) -> bool {
    child.details.platform.as_ref().is_none_or(crate::model::image_config::Platform::is_known)
}

/// Reads many contents, and tells of those that are there and what their names say. A read that fails for good ends it: what
/// could not be read must not look as if it said nothing.
async fn many(
    storage: &dyn Storage,
    (phase, limit): (Phase, u64),
    wanted: Vec<Digest>,
    order: &Order,
    observer: &dyn Observer,
    mut take: impl FnMut(Digest, &[u8]),
) -> Result<()> {
    observer.notice(Event::Begin(phase, Some(wanted.len() as u64)));
    read_all(storage, wanted, layout::blob_data, limit, order.concurrency.min(IN_FLIGHT), |digest, content| {
        observer.notice(Event::Progress(1, 0));
        match content {
            Content::Bytes(bytes) if digest.matches(&bytes) => take(digest, &bytes),
            Content::Bytes(_) | Content::Missing | Content::TooLarge(_) => {}
        }
    })
    .await?;
    observer.notice(Event::End);
    Ok(())
}

/// So many of up to 4 MiB each are held at a time.
const IN_FLIGHT: usize = 64;
