//! How much is tried before something has failed.

use super::pace::Patience;
use object_store::RetryConfig;
use std::time::Duration;

/// How much is tried before a request has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// The first look gives up soon: a wrong endpoint should not take minutes to be told.
    FirstLook,
    /// All there is.
    Whole,
    /// Whoever asks tries again by itself, and can do without an answer.
    OneQuestion,
}

impl Effort {
    pub(super) fn retries(self) -> RetryConfig {
        let max_retries = match self {
            Self::FirstLook => 2,
            Self::OneQuestion => 0,
            Self::Whole => 10,
        };
        RetryConfig { max_retries, retry_timeout: Duration::from_mins(3), ..RetryConfig::default() }
    }

    /// With what the client tries by itself it stays below the quarter of an hour for which a signature is good.
    pub(super) fn patience(self) -> Patience {
        Patience(match self {
            Self::FirstLook => Duration::from_secs(10),
            Self::OneQuestion => Duration::ZERO,
            Self::Whole => Duration::from_mins(2),
        })
    }
}
