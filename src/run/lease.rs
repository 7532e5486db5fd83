//! Taking the lease, holding it while a run lasts, and giving it back. One at a time deletes.

use super::Order;
use crate::collect::state::lease::{LASTS, Lease, Standing};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::state;
use crate::model::Timestamp;
use crate::storage::open::Opened;
use crate::storage::reader::Content;
use crate::storage::sweep::forget;
use crate::storage::write::Writer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The lease of a run that is at work. It is renewed in the background until it is given back or lost.
#[derive(Debug)]
pub struct Tenure {
    opened: Opened,
    text: Lease,
    lost: Arc<AtomicBool>,
    ended: Arc<Notify>,
    renewal: JoinHandle<()>,
    /// The run whose lease had ended without being given back.
    pub taken_over: Option<String>,
}

const LARGEST_LEASE: u64 = 64 << 10;
/// After a write that nothing guards, another that was on its way at the same time is waited for, and who was last has it.
const RACE: Duration = Duration::from_millis(250);

/// Takes the lease.
///
/// # Errors
/// If another run holds it, or the storage cannot be written to.
pub(super) async fn take(opened: &Opened, order: &Order, written: Option<Timestamp>) -> Result<Tenure> {
    let now = order.now(opened.reader());
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
    match written {
        None => {
            if !writer.keep_new(state::LEASE, lease.to_text()).await? && !is_ours(opened, &lease.run).await? {
                return Err(held(read(opened).await?.as_ref(), None));
            }
        }
        Some(written) => {
            let found = read(opened).await?;
            if let Standing::Held(until) = Lease::standing(found.as_ref(), written, now) {
                return Err(held(found.as_ref(), Some(until)));
            }
            taken_over = Some(found.map_or_else(|| "unknown".into(), |lease| lease.run));
            writer.keep(state::LEASE, lease.to_text()).await?;
            tokio::time::sleep(RACE).await;
        }
    }
    if !is_ours(opened, &lease.run).await? {
        return Err(held(read(opened).await?.as_ref(), None));
    }
    let (lost, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let flags = (Arc::clone(&lost), Arc::clone(&ended));
    let renewal = tokio::spawn(renew(opened.clone(), lease.clone(), order.clock(), flags));
    Ok(Tenure { opened: opened.clone(), text: lease, lost, ended, renewal, taken_over })
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
async fn renew(
    opened: Opened,
    mut lease: Lease,
    clock: impl Fn(&Opened) -> Timestamp,
    (lost, ended): (Arc<AtomicBool>, Arc<Notify>),
) {
    let writer = Writer::new(&opened);
    loop {
        // Only the wait is cut short: a renewal on its way would otherwise land after the lease was given back.
        tokio::select! {
            () = tokio::time::sleep(LASTS / 4) => {}
            () = ended.notified() => return,
        }
        let renewed = async {
            if !is_ours(&opened, &lease.run).await? {
                return Ok(false);
            }
            lease.expires = clock(&opened).plus(LASTS).to_rfc3339();
            writer.keep(state::LEASE, lease.to_text()).await.map(|()| true)
        };
        // What cannot be renewed within half its time may be over before the next try ends.
        if !matches!(tokio::time::timeout(LASTS / 2, renewed).await, Ok(Ok::<bool, Error>(true))) {
            lost.store(true, Ordering::SeqCst);
            return;
        }
    }
}

impl Tenure {
    /// Whether another may be at work by now.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Makes sure that it is still held: right before the first delete.
    ///
    /// # Errors
    /// If it is not, or nobody can tell.
    pub async fn confirm(&self) -> Result<()> {
        if !self.is_lost() && is_ours(&self.opened, &self.text.run).await? {
            return Ok(());
        }
        self.lost.store(true, Ordering::SeqCst);
        Err(Error::new(ErrorKind::Refused, "hold the lease of this registry")
            .on(state::LEASE)
            .because("another run has taken it; nothing was deleted")
            .next("see who else runs regsweep on this registry, and run again"))
    }

    /// Gives it back. One that was lost is another's.
    pub async fn give_back(self) {
        self.ended.notify_one();
        let lost = self.renewal.await.is_err() || self.lost.load(Ordering::SeqCst);
        if !lost && matches!(is_ours(&self.opened, &self.text.run).await, Ok(true)) {
            forget(&self.opened, &[state::LEASE.to_owned()]).await;
        }
    }
}

/// Learns in the run's first second whether it may write and delete at all.
///
/// # Errors
/// If it may not.
pub(super) async fn probe(opened: &Opened, order: &Order) -> Result<()> {
    let key = state::probe(&order.run);
    let next = "grant the right to write and delete below docker/registry/regsweep, or run with --no-state";
    Writer::new(opened).keep(&key, "may this be written?\n").await.map_err(|error| {
        if error.kind() == ErrorKind::Permission { error.next(next) } else { error }
    })?;
    let outcomes = forget(opened, std::slice::from_ref(&key)).await;
    match outcomes.first() {
        Some(outcome) if outcome.may_still_be_there() => {
            let why = match outcome {
                crate::collect::outcome::Outcome::Failed(why) | crate::collect::outcome::Outcome::Unknown(why) => why,
                _ => "nobody knows why",
            };
            Err(Error::new(ErrorKind::Permission, "delete a test object")
                .on(key)
                .because(format!("{why}; nothing was deleted"))
                .next("grant the right to delete to this credential"))
        }
        _ => Ok(()),
    }
}
