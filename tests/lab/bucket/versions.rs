//! What a bucket of S3 keeps below what is current where it is versioned, and the listing of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;

use super::listing::URL;
use super::object::{Object, listed_time};
use super::request::{Kind, Request};
use super::server::Reply;
use super::store::{State, Store};
use super::xml;

/// The id of what is written while versioning is not on.
pub const NULL: &str = "null";
/// So many versions are told at once, unless the bucket's pages are smaller.
const PAGE: usize = 1000;

/// One version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The object's key.
    pub key: String,
    /// Tells it from others of the key.
    pub id: String,
    /// Whether it is what a reader of the key gets.
    pub is_latest: bool,
    /// The content; a delete marker has none.
    pub bytes: Option<Bytes>,
    /// When it was written.
    pub modified: SystemTime,
}

/// What a store does that is told to delete a version by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ById {
    /// It removes that version.
    #[default]
    Obeys,
    /// It knows no versions: it removes what is current.
    RemovesCurrent,
    /// It ignores the id: it hides what is current under a delete marker.
    MakesMarker,
    /// The same, and it repeats the id in its answer as if it had obeyed.
    MakesMarkerAndRepeatsTheId,
}

/// What lies below the current object of a key, the newest first; without a current object the first is a marker.
#[derive(Debug, Clone)]
struct Below {
    id: String,
    object: Option<Object>,
    modified: SystemTime,
}

/// Versions, as far as they are not current objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions {
    /// The ids of current objects, where they have one of their own.
    ids: BTreeMap<String, String>,
    below: BTreeMap<String, Vec<Below>>,
    last: u64,
}

/// What came of a delete.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    /// Whether there was something to remove.
    pub(super) was_there: bool,
    /// The version that the answer names.
    pub(super) version: Option<String>,
    /// The delete marker that was made or removed.
    pub(super) marker: Option<String>,
}

/// All of a bucket's content, to be put back.
#[derive(Debug, Clone)]
pub struct Saved {
    objects: BTreeMap<String, Object>,
    versions: Versions,
}

impl State {
    fn is_suspended(&self) -> bool {
        self.versioning.as_deref() == Some("Suspended")
    }

    fn fresh_id(&mut self) -> String {
        if !self.keeps_versions() {
            return NULL.to_owned();
        }
        self.versions.last += 1;
        // Any text: not in order, and with what has to be encoded.
        format!("{:x}+{}/=", self.versions.last.wrapping_mul(0x9e37_79b9_7f4a_7c15), self.versions.last)
    }

    /// The id of the object that is current at a key.
    pub(super) fn id_of(&self, key: &str) -> String {
        self.versions.ids.get(key).cloned().unwrap_or_else(|| NULL.to_owned())
    }

    /// Makes place at the top of a key; tells whether an object was there.
    fn push_down(&mut self, key: &str) -> bool {
        let (id, replaces_null) = (self.id_of(key), self.is_suspended());
        self.versions.ids.remove(key);
        let object = self.objects.remove(key);
        let was_there = object.is_some();
        if self.versioning.is_none() {
            return was_there;
        }
        let below = self.versions.below.entry(key.to_owned()).or_default();
        below.retain(|version| !replaces_null || version.id != NULL);
        if let Some(object) = object.filter(|_| !replaces_null || id != NULL) {
            below.insert(0, Below { id, modified: object.last_modified, object: Some(object) });
        }
        was_there
    }

    /// Writes an object.
    pub(super) fn write(&mut self, key: &str, object: Object) {
        self.push_down(key);
        let id = self.fresh_id();
        self.objects.insert(key.to_owned(), object);
        if id != NULL {
            self.versions.ids.insert(key.to_owned(), id);
        }
    }

    /// Deletes without an id: where the bucket is or was versioned that makes a marker, whatever is there.
    pub(super) fn hide(&mut self, key: &str, now: SystemTime) -> Deleted {
        let was_there = self.push_down(key);
        if self.versioning.is_none() {
            return Deleted { was_there, ..Deleted::default() };
        }
        let id = self.fresh_id();
        let below = self.versions.below.entry(key.to_owned()).or_default();
        below.insert(0, Below { id: id.clone(), object: None, modified: now });
        Deleted { was_there, version: None, marker: Some(id) }
    }

    /// Deletes a version by its id, as far as the bucket does.
    pub(super) fn delete_version(&mut self, key: &str, id: &str, now: SystemTime) -> Deleted {
        match self.by_id {
            ById::Obeys => {
                let (was_there, was_marker) = self.remove_version(key, id);
                let id = id.to_owned();
                Deleted { was_there, marker: was_marker.then(|| id.clone()), version: Some(id) }
            }
            ById::RemovesCurrent => {
                let current = self.id_of(key);
                Deleted { was_there: self.remove_version(key, &current).0, ..Deleted::default() }
            }
            ById::MakesMarker => self.hide(key, now),
            ById::MakesMarkerAndRepeatsTheId => Deleted { version: Some(id.to_owned()), ..self.hide(key, now) },
        }
    }

    /// Whether it was there, and whether it was a marker.
    fn remove_version(&mut self, key: &str, id: &str) -> (bool, bool) {
        let is_current = self.objects.contains_key(key) && self.id_of(key) == id;
        let removed = if is_current {
            self.objects.remove(key);
            self.versions.ids.remove(key);
            Some(false)
        } else {
            let below = self.versions.below.entry(key.to_owned()).or_default();
            below.iter().position(|version| version.id == id).map(|at| below.remove(at).object.is_none())
        };
        // What is on top now is current.
        let below = self.versions.below.entry(key.to_owned()).or_default();
        if !self.objects.contains_key(key) && below.first().is_some_and(|first| first.object.is_some()) {
            let Below { id, object, .. } = below.remove(0);
            self.objects.insert(key.to_owned(), object.unwrap());
            if id != NULL {
                self.versions.ids.insert(key.to_owned(), id);
            }
        }
        if self.versions.below[key].is_empty() {
            self.versions.below.remove(key);
        }
        (removed.is_some(), removed == Some(true))
    }

    /// Removes a key with all its versions, behind everybody's back.
    pub(super) fn forget(&mut self, key: &str) -> Option<Object> {
        self.versions.ids.remove(key);
        self.versions.below.remove(key);
        self.objects.remove(key)
    }

    /// All versions and markers below a prefix: by key, of a key the newest first.
    fn rows(&self, prefix: &str) -> Vec<Version> {
        let mut keys: Vec<&String> = self.objects.keys().chain(self.versions.below.keys()).collect();
        keys.sort();
        keys.dedup();
        let mut rows = Vec::new();
        for key in keys.into_iter().filter(|key| key.starts_with(prefix)) {
            let row = |id: String, is_latest, object: Option<&Object>, modified| Version {
                key: key.clone(),
                id,
                is_latest,
                bytes: object.map(|object| object.bytes.clone()),
                modified,
            };
            let current = self.objects.get(key);
            rows.extend(current.map(|object| row(self.id_of(key), true, Some(object), object.last_modified)));
            for (at, version) in self.versions.below.get(key).into_iter().flatten().enumerate() {
                let is_latest = current.is_none() && at == 0;
                rows.push(row(version.id.clone(), is_latest, version.object.as_ref(), version.modified));
            }
        }
        rows
    }
}

impl Store {
    /// Every version and delete marker: by key, of a key the newest first.
    pub fn versions(&self) -> Vec<Version> {
        self.state().rows("")
    }

    /// Those that are not current: keys and sizes of objects, the newest of each key.
    pub fn old_versions(&self) -> BTreeMap<String, usize> {
        let old = self.versions().into_iter().rev().filter(|version| !version.is_latest);
        old.filter_map(|version| Some((version.key, version.bytes?.len()))).collect()
    }

    /// Deletes an object at a chosen time as a request without an id would.
    pub fn hide_at(&self, key: &str, time: SystemTime) {
        self.state().hide(key, time);
    }

    /// Adds an object at the bottom of a key, as a replication that is late does.
    pub fn slip_under(&self, key: &str, bytes: impl Into<Bytes>, time: SystemTime) {
        let mut state = self.state();
        let (id, bytes) = (state.fresh_id(), bytes.into());
        let object = Object { etag: state.etag_style.etag(&bytes), bytes, last_modified: time };
        let below = state.versions.below.entry(key.to_owned()).or_default();
        below.push(Below { id, object: Some(object), modified: time });
    }

    /// Removes a version for good.
    pub fn remove_version(&self, key: &str, id: &str) {
        let was_there = self.state().remove_version(key, id).0;
        assert!(was_there, "no version {id} of {key}");
    }

    /// What it does that is told to delete a version by its id.
    pub fn by_id(&self, how: ById) {
        self.state().by_id = how;
    }

    /// Tells of all markers of a page after all versions, as some stores do.
    pub fn tells_markers_last(&self) {
        self.state().markers_last = true;
    }

    /// All content, to be put back.
    pub fn save(&self) -> Saved {
        let state = self.state();
        Saved { objects: state.objects.clone(), versions: state.versions.clone() }
    }

    /// Puts all content back as it was.
    pub fn put_back(&self, saved: &Saved) {
        let mut state = self.state();
        state.objects = saved.objects.clone();
        state.versions = saved.versions.clone();
    }
}

/// Answers one page of the versions.
pub(super) fn list(store: &Store, request: &Request, with_markers: bool, from_start: bool) -> Reply {
    let max_keys = match request.query("max-keys").map(str::parse::<usize>) {
        None => PAGE,
        Some(Ok(n)) => n.min(PAGE),
        Some(Err(_)) => return Reply::error(400, "InvalidArgument", "Provided max-keys not an integer"),
    };
    let mut state = store.state();
    let mut rows = state.rows(&request.key);
    let rules = &mut state.rules;
    rows.retain(|row| !State::hides(rules, Kind::Versions, &row.key));
    let marker = |name: &str| request.query(name).filter(|marker| !marker.is_empty() && !from_start);
    let begin = match (marker("key-marker"), marker("version-id-marker")) {
        (None, None) => 0,
        (None, Some(_)) => {
            return Reply::error(
                400,
                "InvalidArgument",
                "A version-id marker cannot be specified without a key marker.",
            );
        }
        (Some(key), None) => rows.iter().position(|row| row.key.as_str() > key).unwrap_or(rows.len()),
        (Some(key), Some(id)) => match rows.iter().position(|row| row.key == key && row.id == id) {
            Some(at) => at + 1,
            // Who goes on from what it has removed goes on from nowhere.
            None => return Reply::error(400, "InvalidArgument", "Invalid version id specified"),
        },
    };
    let size = state.page_limit.unwrap_or(PAGE).min(max_keys);
    let mut page: Vec<Version> = rows.split_off(begin);
    let is_truncated = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| is_truncated).map(|row| (row.key.clone(), row.id.clone()));
    if state.markers_last {
        page.sort_by_key(|row| row.bytes.is_none());
    }
    drop(state);
    let url = request.query("encoding-type") == Some("url");
    let text = |key: &str| if url { utf8_percent_encode(key, URL).to_string() } else { xml::escape(key) };
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str("<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    write!(out, "<Name>{}</Name><Prefix>{}</Prefix><MaxKeys>{max_keys}</MaxKeys>", store.name, text(&request.key))
        .unwrap();
    if url {
        out.push_str("<EncodingType>url</EncodingType>");
    }
    write!(out, "<IsTruncated>{is_truncated}</IsTruncated>").unwrap();
    if let Some((key, id)) = next.filter(|_| with_markers) {
        let (key, id) = (text(&key), xml::escape(&id));
        write!(out, "<NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{id}</NextVersionIdMarker>").unwrap();
    }
    for row in &page {
        let name = if row.bytes.is_some() { "Version" } else { "DeleteMarker" };
        let (key, id, time) = (text(&row.key), xml::escape(&row.id), listed_time(row.modified));
        write!(out, "<{name}><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>{}</IsLatest>", row.is_latest)
            .unwrap();
        write!(out, "<LastModified>{time}</LastModified>").unwrap();
        if let Some(bytes) = &row.bytes {
            write!(out, "<Size>{}</Size><StorageClass>STANDARD</StorageClass>", bytes.len()).unwrap();
        }
        write!(out, "<Owner><ID>lab</ID></Owner></{name}>").unwrap();
    }
    Reply::xml(200, out + "</ListVersionsResult>")
}
