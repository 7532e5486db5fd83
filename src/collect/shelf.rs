//! Where goes what would be too much for memory: bytes by their place, for as long as a run lasts.

use crate::error::{Error, ErrorKind};
use std::fmt;
use std::sync::Arc;

/// A place beside memory. What decides is given one and knows nothing of files.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// Puts bytes there and tells where; nothing if it does not take them: then they stay in memory.
    fn put(&self, bytes: &[u8]) -> Option<u64>;

    /// Gets bytes back that were put there.
    ///
    /// What cannot be got back ends the run by unwinding, as if it were killed: nothing may be decided without it, and what
    /// asks for it decides and has no error to tell.
    fn get(&self, at: u64, bytes: &mut [u8]);
}

/// Bytes that were put on a shelf.
#[derive(Debug, Clone)]
pub(super) struct Put {
    shelf: Arc<dyn Shelf>,
    at: u64,
    len: usize,
}

impl Put {
    /// Puts bytes on a shelf; nothing if it does not take them.
    pub(super) fn on(shelf: &Arc<dyn Shelf>, bytes: &[u8]) -> Option<Self> {
        Some(Self { at: shelf.put(bytes)?, shelf: Arc::clone(shelf), len: bytes.len() })
    }

    /// Gets back some of them.
    pub(super) fn get(&self, from: usize, bytes: &mut [u8]) {
        self.shelf.get(self.at + from as u64, bytes);
    }

    /// Gets back all of them.
    pub(super) fn all(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.get(0, &mut bytes);
        bytes
    }
}

/// Ends the run as [`Shelf::get`] does where what was packed cannot be understood: a tag that is left out would cost its
/// image.
pub(super) fn not_understood() -> ! {
    let error =
        Error::new(ErrorKind::Bug, "understand what was packed to be held").next("run again, and please tell of it");
    std::panic::resume_unwind(Box::new(error))
}

#[cfg(test)]
pub(super) mod tests {
    use super::Shelf;
    use std::sync::{Mutex, PoisonError};

    /// A shelf that takes so many bytes.
    #[derive(Debug)]
    pub(in super::super) struct InMemory {
        bytes: Mutex<Vec<u8>>,
        takes: usize,
    }

    impl InMemory {
        pub(in super::super) fn of(takes: usize) -> Self {
            Self { bytes: Mutex::new(Vec::new()), takes }
        }

        pub(in super::super) fn len(&self) -> usize {
            self.bytes.lock().unwrap_or_else(PoisonError::into_inner).len()
        }
    }

    impl Shelf for InMemory {
        fn put(&self, bytes: &[u8]) -> Option<u64> {
            let mut all = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            (all.len() + bytes.len() <= self.takes).then(|| {
                all.extend_from_slice(bytes);
                (all.len() - bytes.len()) as u64
            })
        }

        fn get(&self, at: u64, bytes: &mut [u8]) {
            let all = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            bytes.copy_from_slice(&all[at..at + bytes.len()]);
        }
    }
}
