//! The bucket's content, rules and counters, as tests see them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::super::tree::{Entry, Tree};
use super::Dialect;
use super::counts::{Call, Counts};
use super::fault::{Action, Fault, FaultId};
use super::object::{EtagStyle, Object};
use super::request::{Kind, Request};
use super::versions::{ById, Deleted, Versions};

/// Everything behind the HTTP server. [`Bucket`](super::Bucket) derefs to it.
#[derive(Debug)]
pub struct Store {
    pub(super) name: String,
    pub(super) dialect: Dialect,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Object>,
    pub(super) rules: Vec<(FaultId, Fault)>,
    pub(super) counts: Counts,
    pub(super) log: Vec<Call>,
    pub(super) deleted: Vec<String>,
    pub(super) page_limit: Option<usize>,
    pub(super) etag_style: EtagStyle,
    pub(super) ignore_conditions: bool,
    pub(super) versioning: Option<String>,
    /// What it says of itself, by question.
    pub(super) about: BTreeMap<&'static str, String>,
    /// What lies below what is current, where it is versioned.
    pub(super) versions: Versions,
    pub(super) by_id: ById,
    pub(super) markers_last: bool,
    /// Incomplete multipart uploads, by key and id.
    pub(super) begun: BTreeMap<(String, String), Begun>,
    /// Whether answers name no versions although there are.
    pub(super) silent: bool,
    /// Storage classes of keys that contain something; the last one counts.
    pub(super) classes: Vec<(String, String)>,
    pub(super) clock: Option<SystemTime>,
    pub(super) in_flight: usize,
    pub(super) connections: usize,
    next_rule: u64,
    rate: Option<Rate>,
}

/// An incomplete multipart upload.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) initiated: SystemTime,
    /// Size and time of each part.
    pub(super) parts: Vec<(usize, SystemTime)>,
}

/// A token bucket: the rate above which `SlowDown` is answered.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    burst: f64,
    level: f64,
    last: Instant,
}

/// What the rules say about one request.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) latency: Duration,
    pub(super) before: Vec<Action>,
    pub(super) after: Vec<Action>,
    pub(super) action: Option<Action>,
    /// By the key's place in the request.
    pub(super) per_key: BTreeMap<usize, Action>,
}

impl Store {
    pub(super) fn new(name: &str, dialect: Dialect) -> Self {
        Self { name: name.to_owned(), dialect, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose protocol it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Puts an object, at the bucket's time. Any key is allowed.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let now = self.now();
        self.put_at(key, bytes, now);
    }

    /// Puts an object with a chosen `LastModified`.
    pub fn put_at(&self, key: &str, bytes: impl Into<Bytes>, last_modified: SystemTime) {
        let mut state = self.state();
        let bytes = bytes.into();
        let etag = state.etag_style.etag(&bytes);
        state.write(key, Object { bytes, last_modified, etag });
    }

    /// Removes an object with all its versions behind the clients' backs.
    pub fn remove(&self, key: &str) -> Option<Object> {
        self.state().forget(key)
    }

    /// Removes every object for whose key this holds, behind the clients' backs.
    pub fn remove_where(&self, mut holds: impl FnMut(&str) -> bool) {
        let mut state = self.state();
        for key in state.objects.keys().filter(|key| holds(key)).cloned().collect::<Vec<_>>() {
            state.forget(&key);
        }
    }

    /// The object with that key.
    pub fn get(&self, key: &str) -> Option<Object> {
        self.state().objects.get(key).cloned()
    }

    /// Whether there is an object with that key.
    pub fn contains(&self, key: &str) -> bool {
        self.state().objects.contains_key(key)
    }

    /// All keys in byte order.
    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// Puts a whole tree, each key behind the prefix, with its modification times.
    pub fn load(&self, prefix: &str, tree: &Tree) {
        for (key, entry) in tree {
            self.put_at(&format!("{prefix}{key}"), entry.bytes.clone(), entry.mtime);
        }
    }

    /// The objects below the prefix as a tree, without the prefix.
    pub fn dump(&self, prefix: &str) -> Tree {
        let state = self.state();
        let below = state.objects.iter().filter_map(|(key, object)| Some((key.strip_prefix(prefix)?, object)));
        let entry = |object: &Object| Entry { bytes: object.bytes.clone(), mtime: object.last_modified };
        below.map(|(key, object)| (key.to_owned(), entry(object))).collect()
    }

    /// The counters since the start or the last [`reset_counts`](Self::reset_counts).
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Every request since the start or the last reset, in order of arrival.
    pub fn log(&self) -> Vec<Call> {
        self.state().log.clone()
    }

    /// The keys removed by requests, in the order they were removed.
    pub fn deleted(&self) -> Vec<String> {
        self.state().deleted.clone()
    }

    /// Forgets counters, log and deleted keys.
    pub fn reset_counts(&self) {
        let mut state = self.state();
        state.counts = Counts::default();
        state.log.clear();
        state.deleted.clear();
    }

    /// Sets a rule; it holds until it is cleared.
    pub fn fault(&self, fault: Fault) -> FaultId {
        let mut state = self.state();
        state.next_rule += 1;
        let id = FaultId(state.next_rule);
        state.rules.push((id, fault));
        id
    }

    /// How often a rule that still stands has fired; of a [`Fault::hold`], how many requests it caught.
    pub fn fired(&self, id: FaultId) -> u64 {
        self.state().rules.iter().find(|(rule, _)| *rule == id).map_or(0, |(_, fault)| fault.fired)
    }

    /// Lets go what a [`Fault::hold`] holds, and all it would hold.
    pub fn release(&self, id: FaultId) {
        self.clear_where(|rule| rule == id);
    }

    /// Clears one rule.
    pub fn clear_fault(&self, id: FaultId) {
        self.clear_where(|rule| rule == id);
    }

    /// Clears all rules and the rate limit.
    pub fn clear_faults(&self) {
        self.clear_where(|_| true);
        self.state().rate = None;
    }

    fn clear_where(&self, mut matches: impl FnMut(FaultId) -> bool) {
        self.state().rules.retain(|(id, fault)| {
            let goes = matches(*id);
            if let (true, Action::Hold(gate)) = (goes, &fault.action) {
                gate.close();
            }
            !goes
        });
    }

    /// Answers 503 `SlowDown` above this rate; `burst` requests may come at once.
    pub fn limit_rate(&self, per_second: f64, burst: f64) {
        self.state().rate = Some(Rate { per_second, burst, level: burst, last: Instant::now() });
    }

    /// Makes pages of at most `keys` keys, however many are asked for; never more than 1000.
    pub fn limit_pages(&self, keys: usize) {
        self.state().page_limit = Some(keys);
    }

    /// How `ETag`s of objects put from now on are made. Set it before loading.
    pub fn etag_style(&self, style: EtagStyle) {
        self.state().etag_style = style;
    }

    /// Ignores `If-Match` and `If-None-Match` on PUT and DELETE, as some S3 servers do.
    pub fn ignore_conditions(&self, ignore: bool) {
        self.state().ignore_conditions = ignore;
    }

    /// What `GET ?versioning` says: `Enabled`, `Suspended`, or nothing. Enabled, what is deleted or written over becomes an
    /// old version; suspended, only what was written before that; and answers to reads and deletes tell of versions, on S3
    /// and on Azure.
    pub fn versioning(&self, status: Option<&str>) {
        self.state().versioning = status.map(str::to_owned);
    }

    /// Names no versions in answers to reads, as for objects from before versioning.
    pub fn silent_about_versions(&self) {
        self.state().silent = true;
    }

    /// What it answers when it is asked about itself: `versioning`, `object-lock`, `lifecycle` (S3), `bucket` (GCS),
    /// `properties` (Azure).
    pub fn says(&self, question: &'static str, body: &str) {
        self.state().about.insert(question, body.to_owned());
    }

    /// Begins a multipart upload that nobody completes.
    pub fn begin_upload(&self, key: &str, id: &str, initiated: SystemTime) {
        self.state().begun.insert((key.to_owned(), id.to_owned()), Begun { initiated, parts: Vec::new() });
    }

    /// Adds a part to one.
    pub fn add_part(&self, key: &str, id: &str, size: usize, written: SystemTime) {
        let mut state = self.state();
        state.begun.get_mut(&(key.to_owned(), id.to_owned())).unwrap().parts.push((size, written));
    }

    /// Keys and ids of the multipart uploads that are not complete.
    pub fn begun(&self) -> Vec<(String, String)> {
        self.state().begun.keys().cloned().collect()
    }

    /// Lists objects whose keys contain `part` as stored in this class (S3, GCS) or tier (Azure).
    pub fn store_as(&self, part: &str, class: &str) {
        self.state().classes.push((part.to_owned(), class.to_owned()));
    }

    /// The storage class of a key, if it is not the usual one.
    pub(super) fn class_of(&self, key: &str) -> Option<String> {
        let state = self.state();
        state.classes.iter().rev().find(|(part, _)| key.contains(part)).map(|(_, class)| class.clone())
    }

    /// Stops the bucket's clock at a time (`Date` header, `LastModified` of what is put), or lets it run.
    pub fn clock(&self, time: Option<SystemTime>) {
        self.state().clock = time;
    }

    /// Whether no request is under way.
    pub fn is_idle(&self) -> bool {
        self.state().in_flight == 0
    }

    /// The bucket's time.
    pub fn now(&self) -> SystemTime {
        self.state().clock.unwrap_or_else(SystemTime::now)
    }
}

impl State {
    /// Asks the rate limit and every rule about a request.
    pub(super) fn judge(&mut self, request: &Request) -> Verdict {
        let mut verdict = Verdict::default();
        for (_, fault) in &mut self.rules {
            if fault.is_about_keys() {
                if matches!(fault.action, Action::Hide) {
                    continue;
                }
                for (at, key) in request.keys.iter().enumerate() {
                    if fault.fires(request.kind, [key]) {
                        verdict.per_key.entry(at).or_insert_with(|| fault.action.clone());
                    }
                }
            } else if fault.fires(request.kind, &request.keys) {
                match &fault.action {
                    Action::Latency(duration) => verdict.latency += *duration,
                    action @ (Action::Hold(_) | Action::Call(_)) => verdict.before.push(action.clone()),
                    action @ Action::CallAfter(_) => verdict.after.push(action.clone()),
                    action => verdict.action = verdict.action.or(Some(action.clone())),
                }
            }
        }
        if self.rate.as_mut().is_some_and(Rate::exceeded) {
            verdict.action = Some(Action::Refuse { status: 503, code: "SlowDown".to_owned() });
        }
        verdict
    }

    /// Whether a listing leaves the key out.
    pub(super) fn hides(rules: &mut [(FaultId, Fault)], kind: Kind, key: &String) -> bool {
        let hide = |fault: &Fault| matches!(fault.action, Action::Hide);
        rules.iter_mut().any(|(_, fault)| hide(fault) && fault.fires(kind, [key]))
    }

    /// Whether what is deleted becomes an old version.
    pub(super) fn keeps_versions(&self) -> bool {
        self.versioning.as_deref() == Some("Enabled")
    }

    /// Whether answers to reads name versions.
    pub(super) fn names_versions(&self) -> bool {
        self.versioning.is_some() && !self.silent
    }

    /// Removes an object, or a version of it, as a request asked.
    pub(super) fn delete(&mut self, key: &str, version: Option<&str>, now: SystemTime) -> Deleted {
        if let Some(version) = version {
            let deleted = self.delete_version(key, version, now);
            self.counts.versions_deleted += u64::from(deleted.was_there);
            return deleted;
        }
        let deleted = self.hide(key, now);
        if deleted.was_there {
            self.counts.keys_deleted += 1;
            self.deleted.push(key.to_owned());
        }
        deleted
    }
}

impl Rate {
    fn exceeded(&mut self) -> bool {
        let now = Instant::now();
        let gained = now.duration_since(self.last).as_secs_f64() * self.per_second;
        self.level = (self.level + gained).min(self.burst);
        self.last = now;
        if self.level < 1.0 {
            return true;
        }
        self.level -= 1.0;
        false
    }
}
