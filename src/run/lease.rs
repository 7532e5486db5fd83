//! Taking the lease, holding it while a run lasts, and giving it back. One at a time deletes.

use super::Order;
use super::left::{self, Depth};
use crate::collect::outcome::Outcome;
use crate::collect::state::lease::{LASTS, Lease, Standing};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::layout::state;
use crate::model::Timestamp;
use crate::storage::open::Opened;
use crate::storage::reader::Content;
use crate::storage::sweep::forget;
use crate::storage::write::Writer;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The lease of a run that is at work. It is renewed in the background until it is given back or lost.
#[derive(Debug)]
pub struct Tenure {
    opened: Opened,
    text: Lease,
    hold: Arc<Hold>,
    renewal: JoinHandle<()>,
    /// The run whose lease had ended without being given back.
    pub taken_over: Option<String>,
}

/// Whether the lease is held, as far as this machine knows without asking.
#[derive(Debug)]
struct Hold {
    lost: AtomicBool,
    /// When the lease that was written last was made.
    renewed: Mutex<Instant>,
    /// Tells the renewal to end.
    ended: Notify,
}

impl Hold {
    fn renewed(&self, when: Instant) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = when;
    }

    /// A process that was stopped for a minute wakes up without a lease, before any timer can tell it.
    fn is_lost(&self) -> bool {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        self.lost.load(Ordering::SeqCst) || renewed.elapsed() >= TRUSTED
    }
}

/// So long a lease is relied on without having been renewed: what is sent then must arrive before it ends.
const TRUSTED: Duration = Duration::from_secs(45);
/// So long the end of a run waits for a storage that does not answer. A lease ends by itself.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST_LEASE: u64 = 64 << 10;
/// After a write that nothing guards, another that was on its way at the same time is waited for, and who was last has it.
const RACE: Duration = Duration::from_millis(250);

/// Takes the lease.
///
/// # Errors
/// If another run holds it, or the storage cannot be written to.
pub(super) async fn take(opened: &Opened, order: &Order) -> Result<Tenure> {
    let (now, began) = (order.now(opened.reader()), Instant::now());
    let lease = Lease {
        schema: "regsweep.lease/1".into(),
        run: order.run.clone(),
        host: order.host.clone(),
        process: std::process::id(),
        command: order.command.into(),
        taken: now.to_rfc3339(),
        expires: now.plus(LASTS).to_rfc3339(),
    };
    let writer = Writer::new(opened);
    let mut taken_over = None;
    // Some stores write in spite of the condition: a lease that is held must be seen before.
    let is_there = opened.reader().exists(state::LEASE).await?;
    let is_taken = !is_there && writer.keep_new(state::LEASE, lease.to_text()).await?;
    if !is_taken && !is_ours(opened, &lease.run).await? {
        let found = read(opened).await?;
        let written = left::read(opened.reader(), Depth::Keys).await?.lease.unwrap_or(now);
        if let Standing::Held(until) = Lease::standing(found.as_ref(), written, now) {
            return Err(held(found.as_ref(), Some(until)));
        }
        taken_over = Some(found.map_or_else(|| "unknown".into(), |lease| lease.run));
        writer.keep(state::LEASE, lease.to_text()).await?;
        tokio::time::sleep(RACE).await;
    }
    if !is_ours(opened, &lease.run).await? {
        return Err(held(read(opened).await?.as_ref(), None));
    }
    let hold = Arc::new(Hold { lost: AtomicBool::new(false), renewed: Mutex::new(began), ended: Notify::new() });
    let renewal = tokio::spawn(renew(opened.clone(), lease.clone(), order.clock(), Arc::clone(&hold)));
    Ok(Tenure { opened: opened.clone(), text: lease, hold, renewal, taken_over })
}

fn held(lease: Option<&Lease>, until: Option<Timestamp>) -> Error {
    let who = lease.map_or_else(
        || "another run".to_owned(),
        |lease| format!("run {} ({}, process {} on {})", lease.run, lease.command, lease.process, lease.host),
    );
    let until = until.map_or_else(String::new, |until| {
        format!("; if it is dead, its lease ends by itself at {until}: run again then")
    });
    Error::new(ErrorKind::Refused, "take the lease of this registry")
        .code(Code::Lease)
        .on(state::LEASE)
        .because(format!("{who} is at work on it; nothing was changed"))
        .next(format!("wait until it has ended{until}"))
}

pub(super) async fn read(opened: &Opened) -> Result<Option<Lease>> {
    match opened.reader().read(state::LEASE, LARGEST_LEASE).await? {
        Content::Bytes(bytes) => Ok(Lease::parse(&bytes)),
        Content::Missing | Content::TooLarge(_) => Ok(None),
    }
}

async fn is_ours(opened: &Opened, run: &str) -> Result<bool> {
    Ok(read(opened).await?.is_some_and(|lease| lease.run == run))
}

/// Renews the lease until it is given back. If it cannot be renewed in time, or another run has taken it, it is lost.
async fn renew(opened: Opened, mut lease: Lease, clock: impl Fn(&Opened) -> Timestamp, hold: Arc<Hold>) {
    let writer = Writer::new(&opened);
    loop {
        // Only the wait is cut short: a renewal on its way would otherwise land after the lease was given back.
        tokio::select! {
            () = tokio::time::sleep(LASTS / 4) => {}
            () = hold.ended.notified() => return,
        }
        let began = Instant::now();
        let renewed = async {
            if !is_ours(&opened, &lease.run).await? {
                return Ok(false);
            }
            lease.expires = clock(&opened).plus(LASTS).to_rfc3339();
            writer.keep(state::LEASE, lease.to_text()).await.map(|()| true)
        };
        // What cannot be renewed within half its time may be over before the next try ends.
        if !matches!(tokio::time::timeout(LASTS / 2, renewed).await, Ok(Ok::<bool, Error>(true))) {
            hold.lost.store(true, Ordering::SeqCst);
            return;
        }
        hold.renewed(began);
    }
}

impl Tenure {
    /// Whether another may be at work by now.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.hold.is_lost()
    }

    /// Makes sure that it is still held: right before the first delete.
    ///
    /// # Errors
    /// If it is not, or nobody can tell.
    pub async fn confirm(&self) -> Result<()> {
        if !self.is_lost() && is_ours(&self.opened, &self.text.run).await? {
            return Ok(());
        }
        self.hold.lost.store(true, Ordering::SeqCst);
        Err(Error::new(ErrorKind::Refused, "hold the lease of this registry")
            .code(Code::Lease)
            .on(state::LEASE)
            .because("another run has taken it; nothing was deleted")
            .next("see who else runs regsweep on this registry, and run again"))
    }

    /// Gives it back. One that was lost is another's.
    pub async fn give_back(self) {
        self.hold.ended.notify_one();
        if self.renewal.await.is_ok() && !self.hold.is_lost() {
            withdraw(&self.opened, &self.text.run).await;
        }
    }
}

/// Removes the lease if it is this run's.
pub(super) async fn withdraw(opened: &Opened, run: &str) {
    let removed = async {
        if matches!(is_ours(opened, run).await, Ok(true)) {
            forget(opened, &[state::LEASE.to_owned()]).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, removed).await;
}

/// Whether whoever wrote this has lost its lease since: it was written longer ago than any lease lasts.
pub(super) fn is_over(written: Timestamp, now: Timestamp) -> bool {
    written.plus(LASTS) <= now
}

/// Learns in the run's first second whether it may write and delete at all.
///
/// # Errors
/// If it may not.
pub(super) async fn probe(opened: &Opened, order: &Order) -> Result<()> {
    let key = state::probe(&order.run);
    Writer::new(opened).keep(&key, "may this be written?\n").await?;
    match forget(opened, std::slice::from_ref(&key)).await.pop() {
        Some(Outcome::Failed(why)) => Err(Error::new(ErrorKind::Permission, "delete a test object")
            .on(key)
            .because(format!("{why}; nothing was deleted"))
            .next("grant the right to delete to this credential")),
        Some(Outcome::Unknown(why)) => Err(Error::new(ErrorKind::Unreachable, "delete a test object")
            .on(key)
            .because(format!("nobody can tell whether it is gone: {why}; nothing was deleted"))
            .next("run again when the storage answers")),
        _ => Ok(()),
    }
}
