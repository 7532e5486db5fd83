//! What went wrong, for the person who has to do something about it.
//!
//! An [`Error`] says what was being done, on which key, why it failed and what to do next. Messages are lowercase
//! fragments without a final period. No credential ever enters one: secrets are held in
//! [`Secret`](crate::storage::location::Secret), which cannot be printed.

use std::fmt;

/// What kind of failure this is: decides the exit code, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// What was named is not there.
    NotFound,
    /// The registry's configuration, or the place it names, is wrong.
    Configuration,
    /// The store says that these credentials may not do this.
    Permission,
    /// There are no credentials, or the store does not accept them.
    Credentials,
    /// The store could not be reached, or did not answer properly.
    Unreachable,
    /// The storage changed, or contradicts itself, in a way that makes going on unsafe.
    Untrustworthy,
    /// What was named is not in the registry.
    NotThere,
    /// A local file could not be read or written.
    Io,
    /// The run was told to stop.
    Interrupted,
    /// The run refused to go on for a reason of safety; nothing was changed.
    Refused,
    /// A mistake in regsweep itself.
    Bug,
}

/// Why a run refused to begin, where nothing of the storage was judged. Nobody can allow these. Scripts rely on the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A plan ends too early.
    PlanTorn,
    /// A plan is not what was sealed.
    PlanAltered,
    /// A plan is none, or one that this version does not understand.
    PlanUnknown,
    /// A plan was made too long ago.
    PlanExpired,
    /// A plan was made later than now.
    PlanFromFuture,
    /// A plan was made for another storage.
    PlanForeign,
    /// Another run holds the lease, or has taken it.
    Lease,
    /// Something that stays needs what was named for removal.
    Needed,
}

impl Code {
    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PlanTorn => "plan-torn",
            Self::PlanAltered => "plan-altered",
            Self::PlanUnknown => "plan-unknown",
            Self::PlanExpired => "plan-expired",
            Self::PlanFromFuture => "plan-from-future",
            Self::PlanForeign => "plan-foreign",
            Self::Lease => "lease",
            Self::Needed => "needed",
        }
    }
}

/// An error with everything a person needs: what, where, why, and what next.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    doing: String,
    key: Option<String>,
    why: Option<String>,
    next: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    code: Option<Code>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// `doing` completes "failed: ...", for example "list the repositories".
    pub fn new(kind: ErrorKind, doing: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), key: None, why: None, next: None, source: None, code: None }
    }

    /// The word of a refusal, for scripts.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// The key, file or setting it happened on.
    #[must_use]
    pub fn on(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The reason, where no source error says it.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// What the reader should do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The error underneath.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The word of a refusal, if this is one and has a word.
    #[must_use]
    pub fn refusal(&self) -> Option<Code> {
        self.code
    }

    /// What to do next, if there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        if let Some(why) = &self.why {
            write!(f, ": {why}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}

/// The beginning of a text that others wrote, where all of it may be anything of any length: a failed batch names all of
/// its keys, a manifest of megabytes may be one word.
#[must_use]
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The same between quotes. What cannot be printed is told by its number, of up to ten letters: it is cut behind that.
#[must_use]
pub fn quoted(text: &str) -> String {
    shortened(&format!("{:?}", shortened(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_cut_as_they_are_shown() {
        assert_eq!(quoted("a\"b"), "\"a\\\"b\"");
        let shown = quoted(&"\u{11}".repeat(300));
        assert_eq!(shown, format!("\"{}...", "\\u{11}".repeat(49) + "\\u{11"));
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(shortened(&"é".repeat(1000)), "é".repeat(300) + "...");
        assert_eq!(shortened(&"é".repeat(300)), "é".repeat(300));
    }
}
