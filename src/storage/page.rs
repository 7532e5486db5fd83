//! One page of a listing, packed: no string per object, and any key that the store can hold.

mod flat;
mod parse;

pub use parse::parse;

use crate::collect::entry::Entry;
use crate::error::shortened;
use crate::model::Timestamp;
use std::ops::Range;

/// One page of a listing. Keys are as the store has them.
#[derive(Debug, Clone, Default)]
pub struct Page {
    text: String,
    objects: Vec<Object>,
    /// The storage classes in it: there are few, so objects have their places here.
    classes: Vec<String>,
    /// What a listing by a delimiter has put together: prefixes that end in it.
    pub directories: Vec<String>,
    /// The token for the next page; none at the end.
    pub next: Option<String>,
}

#[derive(Debug, Clone)]
struct Object {
    key: Range<usize>,
    etag: Option<Range<usize>>,
    size: u64,
    modified: Timestamp,
    outside: bool,
    /// The place of its storage class, plus one; zero where the store says none.
    class: u8,
}

impl Page {
    /// Adds an object.
    pub fn push(&mut self, entry: &Entry<'_>) {
        let key = self.store(entry.key);
        let etag = entry.etag.map(|etag| self.store(etag));
        let (size, modified, outside) = (entry.size, entry.modified, entry.outside);
        self.objects.push(Object { key, etag, size, modified, outside, class: 0 });
    }

    /// Adds an object whose key is made of parts: what stands before it, and its name. The entry's own key is not asked.
    pub fn push_in(&mut self, directory: &str, name: &[&str], entry: &Entry<'_>) {
        let start = self.text.len();
        self.text.push_str(directory);
        for part in name {
            self.text.push_str(part);
        }
        let key = start..self.text.len();
        let Entry { size, modified, outside, .. } = *entry;
        self.objects.push(Object { key, etag: None, size, modified, outside, class: 0 });
    }

    /// Adds an object of a storage class, where that is known.
    pub fn push_of_class(&mut self, entry: &Entry<'_>, class: Option<&str>) {
        self.push(entry);
        let class = class.map_or(0, |name| self.class(name));
        if let Some(object) = self.objects.last_mut() {
            object.class = class;
        }
    }

    /// The number of a storage class in this page; zero if there is no room for another.
    fn class(&mut self, name: &str) -> u8 {
        let known = self.classes.iter().position(|class| class == name);
        let at = known.unwrap_or(self.classes.len());
        let Ok(number) = u8::try_from(at + 1) else { return 0 };
        if known.is_none() {
            self.classes.push(name.to_owned());
        }
        number
    }

    fn store(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// The objects, in the order of the listing.
    #[must_use]
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.objects.iter().map(|object| self.entry(object))
    }

    /// The same, each with its storage class where the store tells it.
    pub fn entries_with_class(&self) -> impl Iterator<Item = (Entry<'_>, Option<&str>)> {
        let class = |object: &Object| self.classes.get(usize::from(object.class).checked_sub(1)?).map(String::as_str);
        self.objects.iter().map(move |object| (self.entry(object), class(object)))
    }

    fn entry(&self, object: &Object) -> Entry<'_> {
        Entry {
            key: &self.text[object.key.clone()],
            size: object.size,
            modified: object.modified,
            etag: object.etag.clone().map(|etag| &self.text[etag]),
            outside: object.outside,
        }
    }

    /// Takes `prefix` off every key.
    ///
    /// # Errors
    /// If a key does not begin with the prefix: then this is not the listing that was asked for.
    pub fn relative_to(&mut self, prefix: &str) -> Result<(), NotAListing> {
        let other = |key: &str| NotAListing(format!("key {key:?} does not begin with {prefix:?}"));
        for directory in &mut self.directories {
            *directory = directory.strip_prefix(prefix).ok_or_else(|| other(directory))?.to_owned();
        }
        for object in &mut self.objects {
            let key = &self.text[object.key.clone()];
            if !key.starts_with(prefix) {
                return Err(other(key));
            }
            object.key.start += prefix.len();
        }
        Ok(())
    }

    /// Leaves out what `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let text = &self.text;
        self.objects.retain(|object| keep(&text[object.key.clone()]));
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// How a store writes its listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `ListObjectsV2` of S3, and the XML API of GCS.
    S3,
    /// List Blobs of Azure.
    Azure,
}

/// A listing that cannot be understood. Nothing may be decided on it.
#[derive(Debug, thiserror::Error)]
#[error("the store's listing cannot be understood: {}", shortened(.0))]
pub struct NotAListing(String);
