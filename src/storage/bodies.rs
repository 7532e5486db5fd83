//! The bodies of large answers, one place for many of them.

use futures::TryStreamExt as _;
use object_store::client::{HttpError, HttpResponseBody};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many places are kept for the answers to come: as many as are read side by side as a rule.
const KEPT: usize = 16;
/// A place that has become longer is given back: a page of a thousand usual keys has four hundred thousand bytes.
const LONGEST: usize = 1 << 20;

/// Places that answers are read into, again and again: each page in a place of its own would be memory that the system
/// clears and takes back some ten thousand times, and what lies between two of them would stay.
#[derive(Debug, Default)]
pub(super) struct Bodies(Mutex<Vec<Vec<u8>>>);

impl Bodies {
    /// Reads all of a body, and what it says by `read`. Each part is let go as it is copied, so that the connection can
    /// use its place for the next.
    pub(super) async fn read<T>(
        &self,
        body: HttpResponseBody,
        read: impl FnOnce(&[u8]) -> T + Send,
    ) -> Result<T, HttpError> {
        let mut place = self.kept().pop().unwrap_or_default();
        let mut parts = body.bytes_stream();
        while let Some(part) = parts.try_next().await? {
            place.extend_from_slice(&part);
        }
        let told = read(&place);
        place.clear();
        let mut kept = self.kept();
        if kept.len() < KEPT && place.capacity() <= LONGEST {
            kept.push(place);
        }
        Ok(told)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use bytes::Bytes;

    fn body(bytes: Vec<u8>) -> HttpResponseBody {
        Bytes::from(bytes).into()
    }

    #[tokio::test]
    async fn each_body_is_read_alone_in_a_place_that_is_used_again() {
        let bodies = Bodies::default();
        let long = vec![b'a'; 5000];
        let first = bodies.read(body(long.clone()), |all| (all.to_vec(), all.as_ptr() as usize)).await.unwrap();
        let second = bodies.read(body(b"bc".to_vec()), |all| (all.to_vec(), all.as_ptr() as usize)).await.unwrap();
        assert_eq!((first.0, second.0), (long, b"bc".to_vec()));
        assert_eq!(first.1, second.1, "the same place");
        bodies.read(body(vec![0; LONGEST + 1]), <[u8]>::len).await.unwrap();
        assert!(bodies.kept().is_empty(), "what is too long is given back");
    }

    #[tokio::test]
    async fn no_more_places_are_kept_than_are_used_side_by_side() {
        let bodies = Bodies::default();
        let waits: Vec<_> = (0..KEPT + 3).map(|_| Vec::with_capacity(10)).collect();
        *bodies.kept() = waits;
        bodies.read(body(b"x".to_vec()), |_| ()).await.unwrap();
        assert_eq!(bodies.kept().len(), KEPT + 2, "one less, and not one more");
    }
}
