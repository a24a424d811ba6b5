//! Lets a test say when a server's script goes on.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::PATIENCE;

/// Every [`Self::open`] lets one [`Self::pass`] through. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<usize>, Condvar)>);

impl Gate {
    /// Lets one more through.
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.1.notify_one();
    }

    /// Waits until it is opened.
    #[track_caller]
    pub(crate) fn pass(&self) {
        let free = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(free, PATIENCE, |free| *free == 0);
        let (mut free, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "nobody opened the gate within {PATIENCE:?}");
        *free -= 1;
    }
}
