//! What the stages of one run share: the plan, what came of it so far, and when to stop.

use super::lease::Tenure;
use super::left::Left;
use super::{Order, Stop};
use crate::collect::outcome::Outcomes;
use crate::collect::plan::Plan;
use crate::collect::report::Scan;
use crate::collect::roots::Root;
use crate::collect::state::pending::Pending;
use crate::error::Error;
use crate::event::Observer;
use crate::storage::descriptor_cache::Evictor;
use crate::storage::open::Opened;
use crate::storage::sweep::Sweeper;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How much one run may do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// How long it may take, from its very beginning.
    pub duration: Option<Duration>,
    /// How many objects it may delete.
    pub objects: Option<u64>,
    /// How many bytes it may delete.
    pub bytes: Option<u64>,
}

/// Why a run stopped before its end. Scripts rely on the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It was told to.
    Signal,
    /// `--max-duration`.
    Duration,
    /// `--max-objects`.
    Objects,
    /// `--max-bytes`.
    Bytes,
    /// Another run has taken the lease, or it could not be renewed.
    Lease,
    /// Listing the repositories takes longer than `--max-scan-age`.
    ScanAge,
}

impl Stopped {
    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Duration => "max-duration",
            Self::Objects => "max-objects",
            Self::Bytes => "max-bytes",
            Self::Lease => "lease",
            Self::ScanAge => "max-scan-age",
        }
    }

    /// Whether the user has bounded the run: then stopping is no failure.
    #[must_use]
    pub fn is_asked_for(self) -> bool {
        matches!(self, Self::Duration | Self::Objects | Self::Bytes)
    }
}

/// What a run came to, beside the outcome of each deletion.
#[derive(Debug, Default)]
pub struct Done {
    /// What came of each deletion of the plan.
    pub outcomes: Outcomes,
    /// Why it stopped before its end.
    pub stopped: Option<Stopped>,
    /// Links that were written back because something needs them.
    pub mended: u64,
    /// Content that was moved aside and put back because something needs it.
    pub put_back: u64,
    /// Images whose content is gone for good: to be pushed again.
    pub broken: Vec<String>,
    /// What went wrong after the first delete, beside single deletions.
    pub errors: Vec<Error>,
    /// Links of the plan that were written.
    pub links_written: u64,
    /// Links of the plan that were not: what they name is gone by now, what was to go first did not, or it failed.
    pub links_not_written: u64,
    /// How many entries were evicted from the registry's Redis.
    pub evicted: u64,
}

pub(super) struct Work<'a> {
    pub(super) opened: &'a Opened,
    pub(super) sweeper: Sweeper<'a>,
    pub(super) plan: &'a Plan,
    pub(super) scan: &'a mut Scan,
    pub(super) left: &'a Left,
    pub(super) order: &'a Order,
    pub(super) tenure: Option<&'a Tenure>,
    pub(super) cache: Option<&'a Evictor>,
    pub(super) observer: &'a dyn Observer,
    pub(super) stop: &'a Stop,
    /// Pointers that stay although they were to go: roots again.
    pub(super) staying: Vec<Root>,
    /// When the newest complete listing of repositories began.
    pub(super) listed: Instant,
    /// How long the longest of them took.
    pub(super) listing: Duration,
    /// Content that is aside, by its number in the plan.
    pub(super) aside: BTreeSet<usize>,
    /// What was written down last of what waits.
    pub(super) recorded: Option<Pending>,
    /// How many objects were tried so far, and their bytes.
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) done: Done,
}

impl Work<'_> {
    /// Whether content that goes is verified against a later listing before the run ends.
    pub(super) fn verifies(&self) -> bool {
        !self.order.options.settle.is_zero()
    }

    /// Whether another run may be at work by now.
    pub(super) fn is_lease_lost(&self) -> bool {
        self.tenure.is_some_and(Tenure::is_lost)
    }

    /// Why nothing more may be begun, if so. Time to settle and to verify is kept.
    pub(super) fn must_stop(&self) -> Option<Stopped> {
        if self.stop.is_requested() {
            return Some(Stopped::Signal);
        }
        if self.is_lease_lost() {
            return Some(Stopped::Lease);
        }
        let reserve = if self.verifies() {
            (self.order.options.settle + self.listing * 2) * self.settles()
        } else {
            Duration::ZERO
        };
        let ends = self.order.bounds.duration.map(|duration| self.order.begun + duration);
        ends.filter(|ends| Instant::now() + reserve >= *ends).map(|_| Stopped::Duration)
    }

    /// How often a run may have to settle and look again, from here to its end.
    fn settles(&self) -> u32 {
        1 + u32::from(self.order.options.defer.is_zero()) + 2 * u32::from(self.cache.is_some())
    }

    /// As many of these deletions as the bounds leave; they count as done from here on.
    pub(super) fn within_bounds(&mut self, numbers: &[usize]) -> Vec<usize> {
        let bounds = self.order.bounds;
        let mut within = Vec::with_capacity(numbers.len());
        for number in numbers {
            let size = self.plan.deletions().size(*number);
            if bounds.objects.is_some_and(|limit| self.objects + 1 > limit) {
                self.done.stopped = self.done.stopped.or(Some(Stopped::Objects));
                break;
            }
            // What is larger than what is left waits for a run with more; what comes after it may fit.
            if bounds.bytes.is_some_and(|limit| self.bytes.saturating_add(size) > limit) {
                self.done.stopped = self.done.stopped.or(Some(Stopped::Bytes));
                continue;
            }
            self.objects += 1;
            self.bytes = self.bytes.saturating_add(size);
            within.push(*number);
        }
        within
    }
}
