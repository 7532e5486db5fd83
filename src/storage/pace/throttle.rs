//! Lets requests through at the pace there is.

use super::level::{Ended, Level, Wait};
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What the user bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many requests are in flight at most (`--concurrency`).
    pub concurrency: usize,
    /// So many are sent in a second at most (`--max-requests-per-second`).
    pub per_second: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 64, per_second: None }
    }
}

/// How long a request is sent again that the store refuses for now. It is measured in time: a slow store may refuse one
/// many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) struct Patience(pub(in crate::storage) Duration);

/// The pace of all requests to a store.
#[derive(Debug)]
pub(in crate::storage) struct Pace {
    began: Instant,
    level: Mutex<Level>,
    /// Who is next. One looks at the pace at a time, and in order: nobody is overtaken for long.
    turn: tokio::sync::Mutex<()>,
    another: Notify,
}

/// Between two tries of one request: so long at first, at most so long.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A request that is in flight. One that is given up has ended as well.
struct Sent<'a> {
    pace: &'a Pace,
    at: Duration,
    ended: Ended,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.pace.level().ended(self.ended, self.at, self.pace.now());
        self.pace.another.notify_one();
    }
}

impl Pace {
    pub(in crate::storage) fn new(limits: Limits) -> Self {
        Self {
            began: Instant::now(),
            level: Mutex::new(Level::new(limits.concurrency, limits.per_second)),
            turn: tokio::sync::Mutex::new(()),
            another: Notify::new(),
        }
    }

    fn level(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn enter(&self) -> Sent<'_> {
        let _turn = self.turn.lock().await;
        loop {
            let now = self.now();
            let wait = match self.level().send(now) {
                Ok(()) => return Sent { pace: self, at: now, ended: Ended::Answered },
                Err(wait) => wait,
            };
            match wait {
                Wait::Until(until) => tokio::time::sleep(until.saturating_sub(now)).await,
                // One that ended before this is waited for has left its notice.
                Wait::ForAnother => self.another.notified().await,
            }
        }
    }

    /// Takes note that the store refused a part of what was asked.
    pub(in crate::storage) fn slow_down(&self) {
        let now = self.now();
        self.level().fall(now, now);
    }

    /// Sends a request when its turn has come, and again as long as the store refuses it for now.
    pub(in crate::storage) async fn send(
        self: &Arc<Self>,
        client: &HttpClient,
        request: HttpRequest,
        patience: Patience,
        count: impl Fn(),
    ) -> Result<HttpResponse, HttpError> {
        let mut refused: Option<Instant> = None;
        let mut wait = FIRST_WAIT;
        loop {
            let mut sent = self.enter().await;
            count();
            let answer = client.execute(request.clone()).await;
            sent.ended = ended(&answer);
            let is_refused = sent.ended == Ended::Refused;
            if patience.0.is_zero() {
                // Whoever does not wait asks something that hardly anybody does: a refusal tells nothing of the others.
                sent.ended = Ended::Answered;
            }
            drop(sent);
            if !is_refused || refused.get_or_insert_with(Instant::now).elapsed() + wait > patience.0 {
                return answer;
            }
            // An answer that is read to its end leaves its connection to the next request.
            if let Ok(answer) = answer {
                let _ = answer.into_body().bytes().await;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

fn ended(answer: &Result<HttpResponse, HttpError>) -> Ended {
    match answer {
        Ok(answer) if matches!(answer.status().as_u16(), 429 | 503) => Ended::Refused,
        Err(error) if error.kind() == HttpErrorKind::Timeout => Ended::TimedOut,
        Ok(_) | Err(_) => Ended::Answered,
    }
}
