//! A value swapped whole by one thread and read by others, for the threads of the control side.

#![expect(clippy::disallowed_types, reason = "threads of the control side meet here, never a worker")]

use std::sync::{Arc, Mutex, PoisonError};

/// The newest of a series of immutable values. The lock is held for a pointer's copy only.
#[derive(Debug)]
pub struct Published<T>(Mutex<Arc<T>>);

impl<T> Published<T> {
    /// Begins the series.
    pub fn new(first: T) -> Self {
        Self(Mutex::new(Arc::new(first)))
    }

    /// The newest value; it stays as it is however long it is kept.
    pub fn read(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes `next` the newest value.
    pub fn replace(&self, next: T) {
        let next = Arc::new(next);
        // The old value is freed after the lock is.
        let _old = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_what_it_read() {
        let published = Published::new(1);
        let kept = published.read();
        published.replace(2);
        assert_eq!((*kept, *published.read()), (1, 2));
    }
}
