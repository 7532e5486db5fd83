//! What came of each planned deletion. Every one ends in exactly one outcome; planned is not deleted.

use super::plan::{Deletion, Plan};

/// What came of one planned deletion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// The store confirmed that it is gone, and it was there.
    Deleted,
    /// It was gone before.
    AlreadyGone,
    /// The store refused; why.
    Failed(String),
    /// The store's answer is missing or cannot be understood; why.
    Unknown(String),
    /// It was never tried.
    #[default]
    NotAttempted,
    /// It is no longer what the plan judged, or something needs it now; it stays.
    Changed,
}

impl Outcome {
    /// Whether the object may still be there: then what it points to must stay.
    #[must_use]
    pub fn may_still_be_there(&self) -> bool {
        match self {
            Self::Deleted | Self::AlreadyGone => false,
            Self::Failed(_) | Self::Unknown(_) | Self::NotAttempted | Self::Changed => true,
        }
    }
}

/// A plan with what came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    by_deletion: Vec<Outcome>,
}

impl Outcomes {
    /// Nothing was tried so far.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self { by_deletion: vec![Outcome::NotAttempted; plan.deletions().len()] }
    }

    /// Notes what came of a deletion, by its index in the plan.
    pub fn set(&mut self, index: usize, outcome: Outcome) {
        if let Some(slot) = self.by_deletion.get_mut(index) {
            *slot = outcome;
        }
    }

    /// What came of a deletion, by its index in the plan.
    #[must_use]
    pub fn get(&self, index: usize) -> &Outcome {
        self.by_deletion.get(index).unwrap_or(&Outcome::NotAttempted)
    }

    /// Every deletion with what came of it.
    pub fn with<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = (&'a Deletion, &'a Outcome)> {
        plan.deletions().iter().zip(&self.by_deletion)
    }

    /// How many fulfil a condition.
    #[must_use]
    pub fn count(&self, condition: impl Fn(&Outcome) -> bool) -> u64 {
        self.by_deletion.iter().filter(|outcome| condition(outcome)).count() as u64
    }
}
