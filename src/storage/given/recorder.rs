//! Saves a listing as it passes.

use super::saved::{self, Header};
use crate::storage::page::Page;
use crate::storage::reader::Area;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// A file that is not there before it is whole.
pub trait Draft: Write + Send {
    /// Throws away what was written.
    ///
    /// # Errors
    /// If that fails.
    fn restart(&mut self) -> io::Result<()>;

    /// Makes a file of it.
    ///
    /// # Errors
    /// If that fails; then there is none.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Saves a listing as it passes.
pub struct Recorder {
    header: Header,
    state: Mutex<State>,
}

struct State {
    draft: Box<dyn Draft>,
    objects: u64,
    result: io::Result<()>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Saves into a draft.
    #[must_use]
    pub fn new(header: Header, draft: Box<dyn Draft>) -> Self {
        Self { header, state: Mutex::new(State { draft, objects: 0, result: Ok(()) }) }
    }

    /// A listing of an area begins. That of repositories is the first of a scan: a scan may begin again.
    pub(super) fn begin(&self, area: Area) {
        if area == Area::Repositories {
            self.write(|state| {
                state.objects = 0;
                state.draft.restart()?;
                saved::begin(&mut state.draft, &self.header)
            });
        }
    }

    /// A page passes.
    pub(super) fn see(&self, page: &Page) {
        self.write(|state| {
            for (entry, class) in page.entries_with_class() {
                saved::object(&mut state.draft, &entry, class)?;
                state.objects += 1;
            }
            Ok(())
        });
    }

    /// All has passed: makes a file of it.
    ///
    /// # Errors
    /// If anything of it could not be written.
    pub fn finish(self) -> io::Result<()> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.result?;
        saved::end(&mut state.draft, state.objects)?;
        state.draft.finish()
    }

    fn write(&self, write: impl FnOnce(&mut State) -> io::Result<()>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The scan goes on: what it counts is right all the same.
        if state.result.is_ok() {
            state.result = write(&mut state);
        }
    }
}
