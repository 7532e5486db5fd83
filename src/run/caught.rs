//! The end of what unwinds with an error, as what is beside memory does where it cannot be got back.

use crate::error::{Error, Result};
use futures::FutureExt as _;
use std::panic::{AssertUnwindSafe, resume_unwind};

/// What comes of this; an error that it unwinds with is one like any other. What was half done then is not gone on with,
/// only told, given back or put back.
///
/// # Errors
/// What it says, or that one.
pub async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|payload| match payload.downcast::<Error>() {
        Ok(error) => Err(*error),
        Err(other) => resume_unwind(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn error_that_is_unwound_with_is_told_and_nothing_else_is() {
        let kind = |result: Result<u8>| result.map_err(|error| error.kind());
        let error = || Error::new(ErrorKind::Io, "read");
        assert_eq!(kind(caught(async { Ok(7) }).await), Ok(7));
        assert_eq!(kind(caught(async { Err(error()) }).await), Err(ErrorKind::Io));
        assert_eq!(kind(caught(async { resume_unwind(Box::new(error())) }).await), Err(ErrorKind::Io));
        let other = caught::<u8>(async { resume_unwind(Box::new(7_u8)) });
        let payload = AssertUnwindSafe(other).catch_unwind().await.map_err(|payload| payload.downcast::<u8>().ok());
        assert_eq!(payload.map_err(|payload| payload.map(|it| *it)).err(), Some(Some(7)));
    }
}
