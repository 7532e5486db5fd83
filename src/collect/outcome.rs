//! What came of each planned deletion. Every one ends in exactly one outcome; planned is not deleted.

use super::plan::{Deletion, Plan};
use std::ops::Range;

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
    /// The word in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::AlreadyGone => "already_gone",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
            Self::NotAttempted => "not_attempted",
            Self::Changed => "changed",
        }
    }

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

    /// The deletions of these numbers that are wanted, with what came of them. What is not wanted is not unpacked.
    pub fn of<'a>(
        &'a self,
        plan: &'a Plan,
        numbers: Range<usize>,
        wanted: impl Fn(usize, &Outcome) -> bool + 'a,
    ) -> impl Iterator<Item = (usize, Deletion, &'a Outcome)> {
        let all = numbers.map(|number| (number, self.get(number)));
        let all = all.filter(move |(number, outcome)| wanted(*number, outcome));
        all.map(|(number, outcome)| (number, plan.deletions().get(number), outcome))
    }

    /// The same of the whole plan.
    pub fn of_all<'a>(
        &'a self,
        plan: &'a Plan,
        wanted: impl Fn(usize, &Outcome) -> bool + 'a,
    ) -> impl Iterator<Item = (usize, Deletion, &'a Outcome)> {
        self.of(plan, 0..plan.deletions().len(), wanted)
    }

    /// How many fulfil a condition.
    #[must_use]
    pub fn count(&self, condition: impl Fn(&Outcome) -> bool) -> u64 {
        self.by_deletion.iter().filter(|outcome| condition(outcome)).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Storage, options};
    use super::*;

    #[test]
    fn only_what_is_surely_gone_may_be_taken_for_gone() {
        let why = || "why".to_owned();
        for (outcome, may_be_there) in [
            (Outcome::Deleted, false),
            (Outcome::AlreadyGone, false),
            (Outcome::Failed(why()), true),
            (Outcome::Unknown(why()), true),
            (Outcome::NotAttempted, true),
            (Outcome::Changed, true),
        ] {
            assert_eq!(outcome.may_still_be_there(), may_be_there, "{outcome:?}");
        }
    }

    #[test]
    fn every_deletion_has_its_outcome_and_untold_ones_were_not_attempted() {
        let mut storage = Storage::default();
        for text in ["one", "two", "three"] {
            storage.blob(text);
        }
        let (_, plan) = storage.scan(&options());
        let mut outcomes = Outcomes::new(&plan);
        outcomes.set(1, Outcome::Deleted);
        outcomes.set(9, Outcome::Deleted);
        assert_eq!(
            [0, 1, 9].map(|at| outcomes.get(at).clone()),
            [Outcome::NotAttempted, Outcome::Deleted, Outcome::NotAttempted]
        );
        let all: Vec<_> =
            outcomes.of_all(&plan, |_, _| true).map(|(_, deletion, outcome)| (deletion.key, outcome)).collect();
        let keys: Vec<_> = plan.deletions().iter().map(|deletion| deletion.key).collect();
        let expected = [Outcome::NotAttempted, Outcome::Deleted, Outcome::NotAttempted];
        assert_eq!(all, keys.into_iter().zip(&expected).collect::<Vec<_>>());
        assert_eq!(outcomes.count(|outcome| *outcome == Outcome::NotAttempted), 2);
        assert_eq!(outcomes.count(|_| false), 0);
    }
}
