//! Object stores: S3, GCS and Azure, through `object_store`.

use super::backend::Backend;
use super::explain;
use super::page::{Dialect, Page};
use super::reader::{Area, Content, Storage};
use super::signed::Signed;
use super::store_keeps;
use super::transport::{Counters, PageSink};
use crate::collect::listing::Proof;
use crate::collect::report::Requests;
use crate::collect::sealed::Place;
use crate::collect::store_keeps::{How, Said, StoreKeeps};
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::model::Timestamp;
use async_trait::async_trait;
use bytes::BytesMut;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use std::sync::Arc;

/// A registry in an object store.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub(super) backend: Backend,
    /// What stands before every key in listings: the configured prefix, with a slash before it where names begin with one.
    raw_prefix: String,
    /// What stands before every key in requests; how a leading slash gets into these is up to the client.
    pub(super) prefix: String,
    /// Who asks what `object_store` cannot.
    pub(super) signed: Option<Signed>,
    /// The storage class of what is written, where it is not the store's own choice.
    pub(super) storage_class: Option<String>,
    counters: Arc<Counters>,
    both_key_forms: bool,
    pub(super) place: Place,
}

/// A range of keys, relative to the root: after `after`, before `end`.
#[derive(Debug, Clone)]
struct Range {
    prefix: String,
    after: Option<String>,
    end: Option<String>,
}

/// How many ranges a listing is cut into at most.
const RANGES: usize = 64;
/// How many of them are fetched side by side.
const RANGES_IN_FLIGHT: usize = 16;

impl Cloud {
    pub(super) fn new(backend: Backend, prefix: String, counters: Arc<Counters>) -> Self {
        Self {
            backend,
            raw_prefix: prefix.clone(),
            prefix,
            signed: None,
            counters,
            both_key_forms: false,
            place: Place::default(),
            storage_class: None,
        }
    }

    /// With somebody who asks what `object_store` cannot.
    pub(super) fn with_signed(mut self, signed: Option<Signed>) -> Self {
        self.signed = signed;
        self
    }

    /// As a registry writes that asks for a storage class.
    pub(super) fn with_storage_class(mut self, class: Option<String>) -> Self {
        self.storage_class = class;
        self
    }

    /// Tells which of all places this is.
    pub(super) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// For a container whose names begin with a slash; the backend's client must put it there.
    pub(super) fn with_leading_slash(mut self, backend: Backend) -> Self {
        self.raw_prefix = format!("/{}", self.prefix);
        self.backend = backend;
        self
    }

    pub(super) fn with_both_key_forms(mut self) -> Self {
        self.both_key_forms = true;
        self
    }

    /// The name of an object in requests.
    pub(super) fn path(&self, key: &str) -> Result<Path> {
        let full = format!("{}{key}", self.prefix);
        Path::parse(&full).ok().filter(|path| path.as_ref() == full).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "name an object").on(full).because("the store's client cannot express this key")
        })
    }

    /// Notes what an answer to a delete said of what is kept: as what, or that nothing is.
    pub(super) fn hear_delete(&self, kept: Option<How>) {
        self.counters.hear_delete(kept);
    }

    /// Whether anything is below a raw prefix.
    pub(super) async fn has_any(&self, raw_prefix: &str) -> Result<bool> {
        let page = self.page(raw_prefix, None, None, 1).await?;
        // A page may be empty and yet not be the last.
        Ok(!page.is_empty() || page.next.is_some())
    }

    async fn page(&self, raw: &str, token: Option<String>, after: Option<String>, size: usize) -> Result<Page> {
        let sink = PageSink::new(self.backend.dialect());
        let mut extensions = http::Extensions::new();
        extensions.insert(sink.clone());
        let is_first = token.is_none();
        let options = PaginatedListOptions {
            offset: after.filter(|_| is_first),
            delimiter: None,
            max_keys: Some(size),
            page_token: token,
            extensions,
        };
        let listed = self.backend.lister().list_paginated(Some(raw), options).await;
        listed.map_err(|error| explain::listing(&error, raw))?;
        sink.take().ok_or_else(|| Error::new(ErrorKind::Bug, "list the storage").on(raw).because("a page went astray"))
    }

    /// The pages of one range, one after the other.
    fn range(&self, range: Range) -> BoxStream<'_, Result<Page>> {
        let raw = format!("{}{}", self.raw_prefix, range.prefix);
        let first = Some((None, range.after.clone()));
        let pages = stream::try_unfold((first, range, raw), move |(state, range, raw)| async move {
            let Some((token, after)) = state else { return Ok(None) };
            let offset = after.map(|after| format!("{}{after}", self.raw_prefix));
            let asked = token.clone();
            let mut page = self.page(&raw, token, offset, self.backend.page_size()).await?;
            let last = page.entries().next_back().and_then(|entry| entry.key.strip_prefix(&self.raw_prefix));
            let passed_end = range.end.as_deref().is_some_and(|end| last.is_some_and(|last| last >= end));
            let keep = |key: &str| {
                range.after.as_deref().is_none_or(|after| key > after)
                    && range.end.as_deref().is_none_or(|end| key < end)
            };
            page.relative_to(&self.raw_prefix, keep).map_err(|error| {
                Error::new(ErrorKind::Untrustworthy, "list the storage").on(raw.clone()).caused_by(error)
            })?;
            if page.next.is_some() && page.next == asked {
                let error = Error::new(ErrorKind::Untrustworthy, "list the storage").on(raw);
                return Err(error.because("the store gives the same page again and again"));
            }
            let next = page.next.take().filter(|_| !passed_end).map(|token| (Some(token), None));
            Ok(Some((page, (next, range, raw))))
        });
        pages.boxed()
    }

    /// Blobs are spread evenly over their first digits: the first page tells how many pages there are, and the rest is
    /// cut into as many ranges, which are fetched side by side.
    fn blobs(&self) -> BoxStream<'_, Result<Page>> {
        let whole = Range { prefix: layout::BLOBS.into(), after: None, end: None };
        // Azure's `startFrom` is young, and unknown to emulators: there, the pages are five times as large instead.
        if self.backend.dialect() == Dialect::Azure {
            return self.range(whole);
        }
        let start = async move {
            let raw = format!("{}{}", self.raw_prefix, layout::BLOBS);
            let mut first = self.page(&raw, None, None, self.backend.page_size()).await?;
            let truncated = first.next.take().is_some();
            first
                .relative_to(&self.raw_prefix, |_| true)
                .map_err(|error| Error::new(ErrorKind::Untrustworthy, "list the blobs").on(raw).caused_by(error))?;
            let last = first.entries().next_back().map(|entry| entry.key.to_owned());
            let rest = match last {
                _ if !truncated => Vec::new(),
                Some(last) => cut(&last),
                // A page may be empty and yet not be the last.
                None => vec![whole],
            };
            let rest = stream::iter(rest).map(|range| self.range(range));
            Ok::<_, Error>(stream::once(async { Ok(first) }).chain(rest.flatten_unordered(RANGES_IN_FLIGHT)))
        };
        stream::once(start).try_flatten().boxed()
    }
}

/// Cuts what follows the key `last`, the last of a first full page, at equal steps of the digests.
fn cut(last: &str) -> Vec<Range> {
    let rest = Range { prefix: layout::BLOBS.into(), after: Some(last.to_owned()), end: None };
    let sha256 = format!("{}sha256/", layout::BLOBS);
    let shard = last.strip_prefix(&sha256).and_then(|rest| u32::from_str_radix(rest.get(3..7)?, 16).ok());
    let Some(position) = shard else { return vec![rest] };
    let pages = (0x1_0000 / (position as usize + 1)).clamp(1, RANGES);
    let left = 0x1_0000 - position as usize;
    let mut ranges = Vec::new();
    let mut after = last.to_owned();
    for piece in 1..pages {
        let at = position as usize + left * piece / pages;
        let end = format!("{sha256}{:02x}/{at:04x}", at >> 8);
        if end > after {
            ranges.push(Range { prefix: layout::BLOBS.into(), after: Some(after), end: Some(end.clone()) });
            // Nothing is exactly this key (it is a part of one), so it may end one range and begin the next.
            after = end;
        }
    }
    ranges.push(Range { after: Some(after), ..rest });
    ranges
}

#[async_trait]
impl Storage for Cloud {
    fn list(&self, area: Area) -> BoxStream<'_, Result<Page>> {
        match area {
            Area::Repositories => self.list_prefix(layout::REPOSITORIES.into()),
            Area::Blobs => self.blobs(),
        }
    }

    fn list_prefix(&self, prefix: String) -> BoxStream<'_, Result<Page>> {
        self.range(Range { prefix, after: None, end: None })
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Content> {
        let path = self.path(key)?;
        let answer = match self.backend.store().get(&path).await {
            Ok(answer) => answer,
            Err(object_store::Error::NotFound { .. }) => return Ok(Content::Missing),
            Err(error) => return Err(explain::request(&error, "read", key)),
        };
        if answer.meta.size > limit {
            return Ok(Content::TooLarge(answer.meta.size));
        }
        let mut bytes = BytesMut::new();
        let mut body = answer.into_stream();
        while let Some(part) = body.try_next().await.map_err(|error| explain::request(&error, "read", key))? {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > limit {
                return Ok(Content::TooLarge(bytes.len() as u64));
            }
        }
        Ok(Content::Bytes(bytes.freeze()))
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        match self.backend.store().head(&self.path(key)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(explain::request(&error, "look for", key)),
        }
    }

    fn proof(&self) -> Proof {
        Proof { etags: self.backend.dialect() == Dialect::S3, cheap_reads: false }
    }

    fn requests(&self) -> Requests {
        self.counters.requests()
    }

    fn time(&self) -> Option<Timestamp> {
        self.counters.time()
    }

    async fn store_keeps(&self) -> StoreKeeps {
        store_keeps::ask(self).await
    }

    fn said(&self) -> Said {
        self.counters.said()
    }

    fn has_both_key_forms(&self) -> bool {
        self.both_key_forms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    /// Every key is in exactly one range, whatever the first page ended with.
    #[test]
    fn ranges_leave_no_gap_and_do_not_overlap() {
        let mut keys: Vec<String> =
            (0..5_000_u32).map(|number| layout::blob_data(&Digest::of(&number.to_le_bytes()))).collect();
        keys.push(format!("{}sha512/ab/x", layout::BLOBS));
        keys.push(format!("{}.stray", layout::BLOBS));
        keys.sort();
        for at in [0, 1, 5, 80, 400, 2_000, 4_990, 5_000] {
            let ranges = cut(&keys[at]);
            assert!(at == 0 || at > 4_000 || ranges.len() > 1, "{at}: {ranges:?}");
            for (index, key) in keys.iter().enumerate() {
                let inside = |range: &&Range| {
                    range.after.as_deref().is_none_or(|after| key.as_str() > after)
                        && range.end.as_deref().is_none_or(|end| key.as_str() < end)
                };
                assert_eq!(ranges.iter().filter(inside).count(), usize::from(index > at), "{key} after {}", keys[at]);
            }
        }
    }
}
