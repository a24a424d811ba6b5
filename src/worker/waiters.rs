//! Tasks of this worker that wait for one thing: each has a place, gives it back when it goes away, and there are only so many.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::task::{Context, Waker};

/// Who waits.
#[derive(Debug)]
pub(super) struct Waiters {
    wakers: RefCell<HashMap<u64, Option<Waker>>>,
    next: Cell<u64>,
    most: usize,
}

/// One of them.
pub(super) struct Waiter<'w> {
    waiters: &'w Waiters,
    place: u64,
}

impl Waiters {
    /// Nobody waits; `most` may.
    pub(super) fn new(most: usize) -> Self {
        Self { wakers: RefCell::default(), next: Cell::new(0), most }
    }

    /// A place to wait in; `None`: there is no more.
    pub(super) fn enter(&self) -> Option<Waiter<'_>> {
        let mut wakers = self.wakers.borrow_mut();
        if wakers.len() >= self.most {
            return None;
        }
        let place = self.next.get();
        self.next.set(place + 1);
        wakers.insert(place, None);
        Some(Waiter { waiters: self, place })
    }

    /// Wakes all. They keep their places until they go.
    pub(super) fn wake(&self) {
        let woken: Vec<Waker> = self.wakers.borrow_mut().values_mut().filter_map(Option::take).collect();
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Waiter<'_> {
    /// Has this task woken with the others.
    pub(super) fn wait(&self, context: &Context<'_>) {
        if let Some(waker) = self.waiters.wakers.borrow_mut().get_mut(&self.place)
            && !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiters.wakers.borrow_mut().remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_once_for_each_time_it_asked() {
        let (waiters, count) = (Waiters::new(2), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        let context = Context::from_waker(&waker);
        let (first, second) = (waiters.enter().unwrap(), waiters.enter().unwrap());
        assert!(waiters.enter().is_none(), "there are two places");
        first.wait(&context);
        first.wait(&context);
        second.wait(&context);
        waiters.wake();
        waiters.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        drop(first);
        drop(second);
        assert!(waiters.wakers.borrow().is_empty(), "places are given back");
        assert!(waiters.enter().is_some());
    }
}
