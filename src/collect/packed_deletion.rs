//! What many deletions share, and how one is told from its few bytes.

use super::decide::DeleteReason;
use super::deletion_item::{Item, NONE, Seen, Shape, beginning_of, seen};
use super::deletion_order::{Sight, names_cmp, sight_of};
use super::digest_table::DigestTable;
use super::entry::{Evidence, md5_of_link};
use super::packed_evidence as evidence;
use super::packing::{halves, make_room, whole};
use super::plan::{Deletion, Stage};
use crate::layout::SHA256_LINK_SIZE;
use crate::model::{Digest, RepositoryName, Timestamp};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// What deletions share: repositories, digests, rules and what else is too long for each of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    linked: Arc<DigestTable>,
    /// Digests that are not linked, numbered behind those.
    others: Vec<[u8; 32]>,
    repositories: Vec<(usize, RepositoryName)>,
    repository_numbers: HashMap<usize, u32>,
    rules: Vec<Arc<str>>,
    rule_of: HashMap<Arc<str>, u32>,
    texts: Vec<u8>,
    odd: Vec<Deletion>,
}

/// The number of a place. What has none is found out when it is read back.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

impl Store {
    pub(super) fn over(linked: &Arc<DigestTable>) -> Self {
        Self { linked: Arc::clone(linked), ..Self::default() }
    }

    /// Keeps a deletion: in few bytes if it comes out of them as it is, else whole.
    pub(super) fn keep(&mut self, deletion: Deletion) -> Item {
        let (others, texts) = (self.others.len(), self.texts.len());
        if let Some(item) = self.pack(&deletion)
            && self.deletion(&item) == deletion
        {
            return item;
        }
        self.others.truncate(others);
        self.texts.truncate(texts);
        let (level, reason) = (0, deletion.reason);
        let digest = number(self.odd.len());
        make_room(&mut self.odd, 1);
        self.odd.push(deletion);
        let (repository, rule, text, beginning, time) = (NONE, NONE, 0, 0, [0; 2]);
        Item { digest, repository, rule, text, beginning, time, level, shape: Shape::Odd, seen: Seen::Told, reason }
    }

    fn pack(&mut self, deletion: &Deletion) -> Option<Item> {
        let (shape, tag) = match sight_of(deletion) {
            Sight::Odd(_) => return None,
            Sight::Tag(_, tag) => (Shape::Tag, tag),
            Sight::TagHistory(_, tag, _) => (Shape::TagHistory, tag),
            Sight::Revision(..) => (Shape::Revision, ""),
            Sight::LayerLink(..) => (Shape::LayerLink, ""),
            Sight::Blob(_) => (Shape::Blob, ""),
        };
        let level = u8::try_from(deletion.level).ok()?;
        let text = u32::try_from(self.texts.len()).ok()?;
        let seen = seen(deletion);
        if matches!(shape, Shape::Tag | Shape::TagHistory) {
            make_room(&mut self.texts, 1 + tag.len());
            self.texts.push(u8::try_from(tag.len()).ok()?);
            self.texts.extend_from_slice(tag.as_bytes());
        }
        if seen == Seen::Told {
            evidence::write(&mut self.texts, &deletion.evidence)?;
        }
        let digest = match &deletion.digest {
            Some(digest) => self.digest(digest)?,
            None => NONE,
        };
        let repository = deletion.repository.as_ref().map_or(NONE, |(at, name)| self.repository(*at, name));
        let rule = deletion.rule.as_ref().map_or(NONE, |rule| self.rule(rule));
        let time = halves(deletion.evidence.modified.as_nanos().cast_unsigned());
        let beginning = deletion.digest.as_ref().map_or(0, beginning_of);
        Some(Item { digest, repository, rule, text, beginning, time, level, shape, seen, reason: deletion.reason })
    }

    fn digest(&mut self, digest: &Digest) -> Option<u32> {
        let Digest::Sha256(bytes) = digest else { return None };
        Some(self.linked.find(digest).unwrap_or_else(|| {
            make_room(&mut self.others, 1);
            self.others.push(*bytes);
            number(self.linked.len() + self.others.len() - 1)
        }))
    }

    fn repository(&mut self, at: usize, name: &RepositoryName) -> u32 {
        *self.repository_numbers.entry(at).or_insert_with(|| {
            self.repositories.push((at, name.clone()));
            number(self.repositories.len() - 1)
        })
    }

    fn rule(&mut self, rule: &Arc<str>) -> u32 {
        if let Some(number) = self.rule_of.get(rule) {
            return *number;
        }
        let number = number(self.rules.len());
        self.rules.push(Arc::clone(rule));
        self.rule_of.insert(Arc::clone(rule), number);
        number
    }

    /// The deletion as it was put in.
    pub(super) fn deletion(&self, item: &Item) -> Deletion {
        let sight = match self.sight(item) {
            Sight::Odd(deletion) => return deletion.clone(),
            sight => sight,
        };
        let digest = self.bytes_of(item.digest).map(Digest::Sha256);
        let modified = Timestamp::from_nanos(whole(item.time).cast_signed());
        let usual = |etag| Evidence { size: SHA256_LINK_SIZE, modified, etag, outside: false };
        Deletion {
            stage: self.stage(item),
            key: sight.key().into_owned(),
            upload_id: None,
            alias: None,
            repository: self.repositories.get(item.repository as usize).cloned(),
            evidence: match item.seen {
                Seen::Proven => usual(digest.as_ref().map(|digest| md5_of_link(digest).into())),
                Seen::Plain => usual(None),
                Seen::Told => evidence::read(self.told(item), modified),
            },
            reason: item.reason,
            rule: self.rules.get(item.rule as usize).cloned(),
            level: item.level.into(),
            digest,
        }
    }

    pub(super) fn stage(&self, item: &Item) -> Stage {
        match item.shape {
            Shape::Odd => self.odd[item.digest as usize].stage,
            Shape::Tag => Stage::Tag,
            Shape::TagHistory => Stage::TagHistory,
            Shape::Revision => Stage::Revision,
            Shape::LayerLink => Stage::LayerLink,
            Shape::Blob => Stage::Blob,
        }
    }

    pub(super) fn level(&self, item: &Item) -> u32 {
        if item.shape == Shape::Odd { self.odd[item.digest as usize].level } else { item.level.into() }
    }

    pub(super) fn reason(&self, item: &Item) -> DeleteReason {
        if item.shape == Shape::Odd { self.odd[item.digest as usize].reason } else { item.reason }
    }

    pub(super) fn size(&self, item: &Item) -> u64 {
        match (item.shape, item.seen) {
            (Shape::Odd, _) => self.odd[item.digest as usize].evidence.size,
            (_, Seen::Told) => evidence::size(self.told(item)),
            (_, Seen::Proven | Seen::Plain) => SHA256_LINK_SIZE,
        }
    }

    /// The order of what goes: keys, and the parts of one key.
    pub(super) fn what_cmp(&self, a: &Item, b: &Item) -> Ordering {
        self.quickly(a, b).then_with(|| self.sight(a).what_cmp(&self.sight(b)))
    }

    /// The order of keys.
    pub(super) fn key_cmp(&self, a: &Item, b: &Item) -> Ordering {
        self.quickly(a, b).then_with(|| self.sight(a).key_cmp(&self.sight(b)))
    }

    /// The order of keys, as far as it is told by names and by how digests begin: these need not be got back for it.
    fn quickly(&self, a: &Item, b: &Item) -> Ordering {
        let name = |item| self.name(item);
        match (a.shape, b.shape) {
            (Shape::Blob, Shape::Blob) => a.beginning.cmp(&b.beginning),
            (Shape::Revision, Shape::Revision) | (Shape::LayerLink, Shape::LayerLink) => match (name(a), name(b)) {
                (Some(one), Some(other)) => names_cmp(one, other).then(a.beginning.cmp(&b.beginning)),
                _ => Ordering::Equal,
            },
            _ => Ordering::Equal,
        }
    }

    fn name(&self, item: &Item) -> Option<&RepositoryName> {
        self.repositories.get(item.repository as usize).map(|(_, name)| name)
    }

    pub(super) fn sight(&self, item: &Item) -> Sight<'_> {
        let usual = || {
            let name = || self.name(item);
            let digest = || self.bytes_of(item.digest);
            Some(match item.shape {
                Shape::Odd => Sight::Odd(self.odd.get(item.digest as usize)?),
                Shape::Tag => Sight::Tag(name()?, self.tag(item)),
                Shape::TagHistory => Sight::TagHistory(name()?, self.tag(item), digest()?),
                Shape::Revision => Sight::Revision(name()?, digest()?),
                Shape::LayerLink => Sight::LayerLink(name()?, digest()?),
                Shape::Blob => Sight::Blob(digest()?),
            })
        };
        // What has no name or no digest has no key, and does not come out as it was put in.
        usual().unwrap_or(Sight::Blob([0; 32]))
    }

    fn bytes_of(&self, digest: u32) -> Option<[u8; 32]> {
        match (digest as usize).checked_sub(self.linked.len()) {
            Some(other) => self.others.get(other).copied(),
            None => Some(self.linked.beginning(digest)),
        }
    }

    fn tag(&self, item: &Item) -> &str {
        let text = &self.texts[item.text as usize..];
        let tag = text.split_first().and_then(|(length, rest)| rest.get(..usize::from(*length)));
        tag.and_then(|tag| std::str::from_utf8(tag).ok()).unwrap_or_default()
    }

    /// What was told of its evidence, and what follows that.
    fn told(&self, item: &Item) -> &[u8] {
        let text = &self.texts[item.text as usize..];
        match item.shape {
            Shape::Tag | Shape::TagHistory => &text[1 + usize::from(text[0])..],
            _ => text,
        }
    }

    /// The repository that it is in, by its index in the inventory.
    pub(super) fn repository_of(&self, item: &Item) -> Option<usize> {
        match item.shape {
            Shape::Odd => self.odd[item.digest as usize].repository.as_ref().map(|(at, _)| *at),
            _ => self.repositories.get(item.repository as usize).map(|(at, _)| *at),
        }
    }

    /// Gives a deletion another level.
    pub(super) fn set_level(&mut self, item: &mut Item, level: u32) {
        match (item.shape, u8::try_from(level)) {
            (Shape::Odd, _) => self.odd[item.digest as usize].level = level,
            (_, Ok(level)) => item.level = level,
            (_, Err(_)) => *item = self.keep(Deletion { level, ..self.deletion(item) }),
        }
    }

    /// How many digests and bytes of text are kept.
    #[cfg(test)]
    pub(super) fn taken(&self) -> (usize, usize) {
        (self.others.len(), self.texts.len())
    }

    pub(super) fn shrink(&mut self) {
        self.others.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.odd.shrink_to_fit();
    }
}
