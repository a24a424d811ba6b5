//! Counts the warm connections of a worker, and those whose exchange is under way.

use std::rc::Rc;

use super::state::Worker;

/// Counts the connection as warm for as long as it lives, and its exchange as busy while that is under way.
pub(super) struct Counted {
    worker: Rc<Worker>,
    busy: bool,
}

impl Counted {
    pub(super) fn new(worker: Rc<Worker>) -> Self {
        worker.warm.set(worker.warm.get() + 1);
        Self { worker, busy: false }
    }

    pub(super) fn set_busy(&mut self, busy: bool) {
        if self.busy != busy {
            self.busy = busy;
            let count = self.worker.busy.get();
            self.worker.busy.set(if busy { count + 1 } else { count - 1 });
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.set_busy(false);
        self.worker.warm.set(self.worker.warm.get() - 1);
    }
}
