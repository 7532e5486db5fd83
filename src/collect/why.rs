//! Why something goes although a pointer names it.

use super::decide::DeleteReason;
use std::sync::Arc;

/// Why something was dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// [`DeleteReason::Named`], [`DeleteReason::Retention`], or what a repair says.
    pub reason: DeleteReason,
    /// The rule that decided, and how, in words.
    pub rule: Option<Arc<str>>,
}

impl Why {
    /// The user named it.
    #[must_use]
    pub fn named() -> Self {
        Self { reason: DeleteReason::Named, rule: None }
    }

    /// A repair takes it away.
    #[must_use]
    pub fn repair(reason: DeleteReason) -> Self {
        Self { reason, rule: None }
    }

    /// A rule lets it go; which, and by what condition, in words.
    #[must_use]
    pub fn rule(words: &str) -> Self {
        Self { reason: DeleteReason::Retention, rule: Some(words.into()) }
    }
}
