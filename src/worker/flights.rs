//! One call for all who ask the same: whoever asks while it is under way waits for its outcome.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::Hash;
use std::rc::Rc;
use std::task::Poll;

use super::waiters::Waiters;

/// The calls under way, by what they are about.
pub(super) struct Flights<K, A> {
    under_way: RefCell<HashMap<K, Rc<Flight<A>>>>,
    most: usize,
}

/// A call under way.
pub(super) struct Flight<A> {
    outcome: RefCell<Option<A>>,
    /// As many as there are requests: their connections are bounded.
    waiting: Waiters,
}

/// What a call is to somebody who asks.
pub(super) enum Boarding<A> {
    /// Nobody has asked: it is the asker's to make the call, and to [`Flights::land`] it.
    First(Rc<Flight<A>>),
    /// It is under way.
    Joined(Rc<Flight<A>>),
    /// Too many others are under way.
    Full,
}

impl<K: Eq + Hash + Clone, A: Clone> Flights<K, A> {
    /// None under way, `most` at once.
    pub(super) fn new(most: usize) -> Self {
        Self { under_way: RefCell::default(), most }
    }

    /// Joins the call about `key`, or begins it.
    pub(super) fn board(&self, key: &K) -> Boarding<A> {
        self.board_as_one_of(key, self.most, |_| true)
    }

    /// The same, where of those that are `alike` no more than `share` may be under way.
    pub(super) fn board_as_one_of(&self, key: &K, share: usize, alike: impl Fn(&K) -> bool) -> Boarding<A> {
        let mut under_way = self.under_way.borrow_mut();
        if let Some(flight) = under_way.get(key) {
            return Boarding::Joined(flight.clone());
        }
        if under_way.len() >= self.most || under_way.keys().filter(|key| alike(key)).count() >= share {
            return Boarding::Full;
        }
        let flight = Rc::new(Flight { outcome: RefCell::new(None), waiting: Waiters::new(usize::MAX) });
        under_way.insert(key.clone(), flight.clone());
        Boarding::First(flight)
    }

    /// Tells all who wait. Whoever asks from now on begins anew.
    pub(super) fn land(&self, key: &K, outcome: A) {
        if let Some(flight) = self.under_way.borrow_mut().remove(key) {
            *flight.outcome.borrow_mut() = Some(outcome);
            flight.waiting.wake();
        }
    }
}

impl<A: Clone> Flight<A> {
    /// Waits for the outcome.
    pub(super) async fn outcome(&self) -> A {
        let place = self.waiting.enter();
        poll_fn(|context| match &*self.outcome.borrow() {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                place.iter().for_each(|place| place.wait(context));
                Poll::Pending
            }
        })
        .await
    }
}

/// So many places at once, each given back when it is dropped.
pub(super) struct Places {
    taken: Rc<Cell<usize>>,
    most: usize,
}

/// One of them.
pub(super) struct Place(Rc<Cell<usize>>);

impl Places {
    /// None taken.
    pub(super) fn new(most: usize) -> Self {
        Self { taken: Rc::default(), most }
    }

    /// Takes one, if one is free.
    pub(super) fn enter(&self) -> Option<Place> {
        let taken = self.taken.get();
        (taken < self.most).then(|| {
            self.taken.set(taken + 1);
            Place(self.taken.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn all_who_ask_the_same_get_the_outcome_of_one_call() {
        let flights = Flights::new(2);
        let Boarding::First(first) = flights.board(&"a") else { panic!("somebody asked before") };
        let Boarding::Joined(second) = flights.board(&"a") else { panic!("a second call") };
        let mut waiting = [pin!(first.outcome()), pin!(second.outcome())];
        let context = &mut Context::from_waker(Waker::noop());
        assert!(waiting.iter_mut().all(|wait| wait.as_mut().poll(context).is_pending()));
        flights.land(&"a", 7);
        assert!(waiting.iter_mut().all(|wait| wait.as_mut().poll(context) == Poll::Ready(7)));
        assert!(matches!(flights.board(&"a"), Boarding::First(_)), "what has landed is over");
    }

    #[test]
    fn no_more_calls_than_allowed_are_under_way() {
        let flights: Flights<&str, u8> = Flights::new(1);
        assert!(matches!(flights.board(&"a"), Boarding::First(_)));
        assert!(matches!(flights.board(&"b"), Boarding::Full));
        assert!(matches!(flights.board(&"a"), Boarding::Joined(_)));
        flights.land(&"a", 1);
        assert!(matches!(flights.board(&"b"), Boarding::First(_)));
    }

    #[test]
    fn one_kind_takes_no_more_than_its_share() {
        let flights: Flights<&str, u8> = Flights::new(3);
        let board = |key| flights.board_as_one_of(&key, 2, |other| other[..1] == key[..1]);
        assert!(matches!(board("a1"), Boarding::First(_)));
        assert!(matches!(board("a2"), Boarding::First(_)));
        assert!(matches!(board("a3"), Boarding::Full));
        assert!(matches!(board("a1"), Boarding::Joined(_)));
        assert!(matches!(board("b1"), Boarding::First(_)));
        assert!(matches!(board("b2"), Boarding::Full), "all together have a bound too");
    }
}
