//! Deadlines of all connections of a worker: set with one store, looked at together a few times a second.
//!
//! A dense table is scanned on every tick; ten thousand entries take some microseconds. What a passed deadline
//! means is decided by whoever is woken.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use crate::protocol::moment::Monotonic;

/// The table of one worker.
#[derive(Default)]
pub struct DeadlineTable {
    due: RefCell<Vec<Monotonic>>,
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<u32>>,
}

/// One entry, given back on drop.
pub struct Deadline {
    table: Rc<DeadlineTable>,
    index: u32,
    set: Cell<Monotonic>,
}

impl DeadlineTable {
    /// A new entry, not set, that will wake `waker`.
    pub fn enter(self: &Rc<Self>, waker: Waker) -> Deadline {
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            self.due.borrow_mut().push(Monotonic::NEVER);
            self.wakers.borrow_mut().push(None);
            (self.due.borrow().len() - 1) as u32
        });
        self.wakers.borrow_mut()[index as usize] = Some(waker);
        Deadline { table: self.clone(), index, set: Cell::new(Monotonic::NEVER) }
    }

    /// Wakes whoever's deadline is not after `now`. Their entries are unset by it.
    pub fn tick(&self, now: Monotonic) {
        let mut due = self.due.borrow_mut();
        let wakers = self.wakers.borrow();
        for (index, moment) in due.iter_mut().enumerate() {
            if *moment <= now {
                *moment = Monotonic::NEVER;
                if let Some(waker) = &wakers[index] {
                    waker.wake_by_ref();
                }
            }
        }
    }

    /// Number of entries given out.
    pub fn len(&self) -> usize {
        self.due.borrow().len() - self.free.borrow().len()
    }

    /// True when none is given out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Wakes all: the worker's state has changed in a way every connection must look at.
    pub fn wake_all(&self) {
        self.wakers.borrow().iter().flatten().for_each(Waker::wake_by_ref);
    }
}

impl Deadline {
    /// Sets or moves it.
    #[inline]
    pub fn set(&self, moment: Monotonic) {
        if self.set.get() != moment {
            self.set.set(moment);
            self.table.due.borrow_mut()[self.index as usize] = moment;
        }
    }

    /// True when it was set and is not after `now`. It stays so until set anew.
    #[inline]
    pub fn passed(&self, now: Monotonic) -> bool {
        self.set.get() <= now
    }

    /// The moment it is set to.
    pub fn moment(&self) -> Monotonic {
        self.set.get()
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.table.due.borrow_mut()[self.index as usize] = Monotonic::NEVER;
        self.table.wakers.borrow_mut()[self.index as usize] = None;
        self.table.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    struct Bell(AtomicU32);
    impl std::task::Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn only_passed_deadlines_wake_and_only_once() {
        let table = Rc::new(DeadlineTable::default());
        let bell = Arc::new(Bell(AtomicU32::new(0)));
        let early = table.enter(bell.clone().into());
        let late = table.enter(bell.clone().into());
        early.set(Monotonic(10));
        late.set(Monotonic(20));
        table.tick(Monotonic(9));
        assert_eq!(bell.0.load(SeqCst), 0);
        table.tick(Monotonic(10));
        table.tick(Monotonic(11));
        assert_eq!(bell.0.load(SeqCst), 1);
        assert!(early.passed(Monotonic(11)) && !late.passed(Monotonic(11)));
    }

    #[test]
    fn an_entry_given_back_is_used_again_and_wakes_nobody() {
        let table = Rc::new(DeadlineTable::default());
        let bell = Arc::new(Bell(AtomicU32::new(0)));
        let first = table.enter(bell.clone().into());
        first.set(Monotonic(1));
        drop(first);
        table.tick(Monotonic(5));
        assert_eq!((bell.0.load(SeqCst), table.len()), (0, 0));
        let second = table.enter(bell.clone().into());
        assert!(!second.passed(Monotonic(5)));
        assert_eq!(table.due.borrow().len(), 1);
    }
}
