//! What can go wrong in a bucket: rules that tests set and clear while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::super::random::Prng;
use super::request::Kind;
use super::store::Store;

/// What the rules about listings and batches meet.
const LISTINGS: &[Kind] = &[Kind::List, Kind::Versions];
const BATCHES: &[Kind] = &[Kind::Batch, Kind::Purge];

/// Names a rule, to ask how often it fired or to clear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultId(pub(super) u64);

/// What happens to a request, or to a key inside one.
#[derive(Clone)]
pub(super) enum Action {
    Latency(Duration),
    Hold(Arc<Semaphore>),
    Call(Arc<dyn Fn(&Store) + Send + Sync>),
    CallAfter(Arc<dyn Fn(&Store) + Send + Sync>),
    Refuse { status: u16, code: String },
    CutBefore,
    CutAfter,
    CutBody,
    TruncatedPage,
    PageWithoutToken,
    PageFromStart,
    EmptyAnswer,
    Unasked { key: String, code: Option<String> },
    FailKey { code: String, obeyed: bool },
    OmitKey { obeyed: bool },
    Hide,
}

/// A rule: which requests, and what happens to them.
///
/// `Fault::slow_down().on(Kind::Batch).after(2).times(1)` answers the third batch with 503. A rule without [`on`]
/// meets every kind its action makes sense for. A batch meets a key predicate when any of its keys does; the rules
/// about single keys ([`fail_keys`], [`omit_keys`], [`hide`]) count and match keys instead of requests.
///
/// [`on`]: Fault::on
/// [`fail_keys`]: Fault::fail_keys
/// [`omit_keys`]: Fault::omit_keys
/// [`hide`]: Fault::hide
#[derive(Clone)]
pub struct Fault {
    pub(super) action: Action,
    kinds: Vec<Kind>,
    /// Whether these were told, and are not those that the action makes sense for.
    is_told_kinds: bool,
    key: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    skip: u64,
    times: u64,
    chance: Option<(f64, Prng)>,
    seen: u64,
    pub(super) fired: u64,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("kinds", &self.kinds).field("fired", &self.fired).finish_non_exhaustive()
    }
}

impl Fault {
    fn new(action: Action, kinds: &[Kind]) -> Self {
        let kinds = kinds.to_vec();
        let key = Arc::new(|_: &str| true);
        let (skip, times, chance, seen, fired) = (0, u64::MAX, None, 0, 0);
        Self { action, kinds, is_told_kinds: false, key, skip, times, chance, seen, fired }
    }

    /// Waits before obeying. Latencies of several rules add up.
    pub fn latency(duration: Duration) -> Self {
        Self::new(Action::Latency(duration), &[])
    }

    /// Holds the request until [`Store::release`] or until the rule is cleared: for tests of races and kills.
    pub fn hold() -> Self {
        Self::new(Action::Hold(Arc::new(Semaphore::new(0))), &[])
    }

    /// Runs a function before the request is obeyed, such as a push in the middle of a run.
    pub fn call(function: impl Fn(&Store) + Send + Sync + 'static) -> Self {
        Self::new(Action::Call(Arc::new(function)), &[])
    }

    /// Runs a function after the request was obeyed or refused, before it is answered.
    pub fn call_after(function: impl Fn(&Store) + Send + Sync + 'static) -> Self {
        Self::new(Action::CallAfter(Arc::new(function)), &[])
    }

    /// Refuses with an HTTP status and an S3 error code in the XML body.
    pub fn status(status: u16, code: &str) -> Self {
        Self::new(Action::Refuse { status, code: code.to_owned() }, &[])
    }

    /// 403 `AccessDenied`.
    pub fn access_denied() -> Self {
        Self::status(403, "AccessDenied")
    }

    /// 403 `ExpiredToken`, as when a role's session ends in the middle of a run (S3 itself answers 400).
    pub fn expired_token() -> Self {
        Self::status(403, "ExpiredToken")
    }

    /// 503 `SlowDown`.
    pub fn slow_down() -> Self {
        Self::status(503, "SlowDown")
    }

    /// 500 `InternalError`.
    pub fn internal_error() -> Self {
        Self::status(500, "InternalError")
    }

    /// Cuts the connection without obeying.
    pub fn cut_before() -> Self {
        Self::new(Action::CutBefore, &[])
    }

    /// Obeys, then cuts the connection instead of answering.
    pub fn cut_after() -> Self {
        Self::new(Action::CutAfter, &[])
    }

    /// Obeys and cuts the connection in the middle of the answer's body.
    pub fn cut_body() -> Self {
        Self::new(Action::CutBody, &[])
    }

    /// Answers a listing with half of its XML, as a complete HTTP message.
    pub fn truncated_page() -> Self {
        Self::new(Action::TruncatedPage, LISTINGS)
    }

    /// Answers a page that says `IsTruncated` and has no continuation token.
    pub fn page_without_token() -> Self {
        Self::new(Action::PageWithoutToken, LISTINGS)
    }

    /// Answers a page of versions as if it were asked for the first.
    pub fn page_from_start() -> Self {
        Self::new(Action::PageFromStart, &[Kind::Versions])
    }

    /// Obeys a batch and answers `<DeleteResult/>`.
    pub fn empty_answer() -> Self {
        Self::new(Action::EmptyAnswer, BATCHES)
    }

    /// Obeys a batch and also answers for a key that was not asked: an error with that code, or `Deleted`.
    pub fn answer_unasked(key: &str, code: Option<&str>) -> Self {
        Self::new(Action::Unasked { key: key.to_owned(), code: code.map(str::to_owned) }, BATCHES)
    }

    /// Keeps matching keys of a batch and answers an error for them inside the 200.
    pub fn fail_keys(code: &str) -> Self {
        Self::new(Action::FailKey { code: code.to_owned(), obeyed: false }, BATCHES)
    }

    /// As [`fail_keys`](Self::fail_keys), but the keys are removed: the error lies.
    pub fn fail_keys_though_obeyed(code: &str) -> Self {
        Self::new(Action::FailKey { code: code.to_owned(), obeyed: true }, BATCHES)
    }

    /// Removes matching keys of a batch and leaves them out of the answer.
    pub fn omit_keys() -> Self {
        Self::new(Action::OmitKey { obeyed: true }, BATCHES)
    }

    /// Keeps matching keys of a batch and leaves them out of the answer.
    pub fn omit_keys_not_obeyed() -> Self {
        Self::new(Action::OmitKey { obeyed: false }, BATCHES)
    }

    /// Leaves matching keys out of listings: a listing with holes. The objects stay readable.
    pub fn hide() -> Self {
        Self::new(Action::Hide, LISTINGS)
    }

    /// Only requests of this kind; called twice, of either kind.
    pub fn on(mut self, kind: Kind) -> Self {
        if !std::mem::replace(&mut self.is_told_kinds, true) {
            self.kinds.clear();
        }
        self.kinds.push(kind);
        self
    }

    /// Only keys (of a listing: prefixes) for which this holds.
    pub fn key(mut self, holds: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.key = Arc::new(holds);
        self
    }

    /// Lets the first `n` matches pass.
    pub fn after(mut self, n: u64) -> Self {
        self.skip = n;
        self
    }

    /// Fires at most `n` times.
    pub fn times(mut self, n: u64) -> Self {
        self.times = n;
        self
    }

    /// Fires with this probability, drawn from the seed.
    pub fn chance(mut self, probability: f64, seed: u64) -> Self {
        self.chance = Some((probability, Prng::new(seed)));
        self
    }

    /// Whether the rule meets this kind and any of these keys, and then whether it fires.
    pub(super) fn fires<'a>(&mut self, kind: Kind, keys: impl IntoIterator<Item = &'a String>) -> bool {
        let kind_matches = self.kinds.is_empty() || self.kinds.contains(&kind);
        if !kind_matches || !keys.into_iter().any(|key| (self.key)(key)) {
            return false;
        }
        self.seen += 1;
        if self.seen <= self.skip || self.fired >= self.times {
            return false;
        }
        if let Some((probability, prng)) = &mut self.chance
            && prng.fraction() >= *probability
        {
            return false;
        }
        self.fired += 1;
        true
    }

    pub(super) fn is_about_keys(&self) -> bool {
        matches!(self.action, Action::FailKey { .. } | Action::OmitKey { .. } | Action::Hide)
    }
}
