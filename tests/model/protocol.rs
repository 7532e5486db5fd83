//! The protocol's safety steps, one switch each. All of them on is what regsweep does.

use crate::names::{MANIFESTS, Set};

/// What is moved to `regsweep/aside/` before it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aside {
    /// Everything: on a file system, or with `--aside always`.
    All,
    /// What is known to be a manifest: in a bucket.
    Manifests,
    /// Nothing, what goes is gone: `--aside never`.
    Nothing,
}

impl Aside {
    pub const ALL: [Aside; 3] = [Aside::All, Aside::Manifests, Aside::Nothing];
}

/// Which of its safety steps a collector takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol {
    /// One run at a time.
    pub lease: bool,
    /// What a dead run left aside is put back before anything else.
    pub puts_back_dead: bool,
    /// Every link that is to go is in a journal before the first of them goes.
    pub journal: bool,
    /// Journalled links that something kept needs are written back: after the scan, and at the end.
    pub mends: bool,
    /// The first of the two.
    pub mends_after_scan: bool,
    /// The repositories that are about to lose something are listed once more.
    pub recheck: bool,
    /// Pointers go before content.
    pub pointers_first: bool,
    /// Of the revisions, those that name others go first.
    pub parents_first: bool,
    /// A pointer that could not be removed is a root again.
    pub failed_is_root: bool,
    /// Content that a pointer names stays, whatever kind of pointer.
    pub counts_pointers: bool,
    /// So does what is named by a manifest that a pointer names.
    pub counts_closure: bool,
    /// `--defer` is not 0.
    pub defers: bool,
    /// With a `--defer`: content goes only if it has waited.
    pub waits: bool,
    /// The wait is never shorter than `--settle`.
    pub wait_covers_settle: bool,
    /// Content that had a pointer in this scan begins to wait anew.
    pub starts_anew: bool,
    /// Its wait is struck from `pending` before its pointers go, together with the journal.
    pub strikes_first: bool,
    /// Data that is younger than the record of its wait has not waited.
    pub compares_data: bool,
    /// Without a `--defer`: a pause before content goes.
    pub settles_before_content: bool,
    /// That pause is made even if this run removed no pointer.
    pub settles_always: bool,
    /// Without a `--defer`: a second listing before content goes.
    pub lists_again: bool,
    /// A listing that is too old is made again.
    pub max_scan_age: bool,
    pub aside: Aside,
    /// A pause before the last listing.
    pub settles_to_verify: bool,
    /// The last listing, and what is written back and put back by it.
    pub verifies: bool,
    /// It is made too if this run removed nothing, but one that was killed or stopped did.
    pub verifies_for_unfinished: bool,
    /// Redis: content that goes without being put aside is evicted before it goes.
    pub evicts_before_content: bool,
    /// After that eviction there is a pause,
    pub settles_for_eviction: bool,
    /// and then a listing by which content goes.
    pub lists_after_eviction: bool,
    /// Redis: what has gone is evicted at the end.
    pub evicts_at_end: bool,
    /// After that eviction there is a pause before the last listing.
    pub settles_again: bool,
    /// What the journals of unfinished runs name is evicted as well: at the end,
    pub evicts_unfinished: bool,
    /// and together with content, before that goes.
    pub evicts_unfinished_before_content: bool,
    /// Of a revision link that went, the manifest is evicted; of layer links always the layer.
    pub evicts_revisions: bool,
    /// A tag whose history is newer than what it names is being pushed: it stays.
    pub sees_half_pushed: bool,
    /// Tags that a run was told to remove are looked at right before they go: one that was pushed since, or whose history
    /// was written since, stays.
    pub looks_before_tags: bool,
    /// They are looked at once more before any history goes: one whose history was written since is written back,
    pub looks_after_tags: bool,
    /// and so are those of runs that were killed before they could do so.
    pub puts_back_dead_tags: bool,
}

impl Protocol {
    pub const FULL: Protocol = Protocol {
        lease: true,
        puts_back_dead: true,
        journal: true,
        mends: true,
        mends_after_scan: true,
        recheck: true,
        pointers_first: true,
        parents_first: true,
        failed_is_root: true,
        counts_pointers: true,
        counts_closure: true,
        defers: true,
        waits: true,
        wait_covers_settle: true,
        starts_anew: true,
        strikes_first: true,
        compares_data: true,
        settles_before_content: true,
        settles_always: true,
        lists_again: true,
        max_scan_age: true,
        aside: Aside::All,
        settles_to_verify: true,
        verifies: true,
        verifies_for_unfinished: true,
        evicts_before_content: true,
        settles_for_eviction: true,
        lists_after_eviction: true,
        evicts_at_end: true,
        settles_again: true,
        evicts_unfinished: true,
        evicts_unfinished_before_content: true,
        evicts_revisions: true,
        sees_half_pushed: true,
        looks_before_tags: true,
        looks_after_tags: true,
        puts_back_dead_tags: true,
    };

    /// Whose data is kept aside until the end of a run, by what that run knows to be manifests.
    pub fn puts_aside(self, manifests: Set) -> Set {
        match self.aside {
            Aside::All => Set(0xff),
            Aside::Manifests => manifests.and(MANIFESTS),
            Aside::Nothing => Set::default(),
        }
    }
}
