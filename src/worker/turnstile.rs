//! Lets a few heavy pieces of work through per turn of the loop and the rest in later turns, in the order they came, so
//! that a storm of them cannot hold up everything else for longer than those few take.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// A gate that opens `per_turn` times each turn.
pub(super) struct Turnstile {
    per_turn: usize,
    /// Let through in this turn.
    passed: Cell<usize>,
    /// Everyone who waits is a connection: their number is the bound.
    waiting: RefCell<VecDeque<Waker>>,
    /// The number of whoever is first in `waiting`; all before it may pass.
    first: Cell<u64>,
    /// Wakes [`Self::turn`].
    keeper: RefCell<Option<Waker>>,
}

impl Turnstile {
    pub(super) fn new(per_turn: usize) -> Self {
        Self {
            per_turn,
            passed: Cell::new(0),
            waiting: RefCell::default(),
            first: Cell::new(0),
            keeper: RefCell::default(),
        }
    }

    /// Returns when it is the caller's turn, at once where few came.
    pub(super) async fn pass(&self) {
        let mut number = None;
        poll_fn(|context| self.poll_pass(&mut number, context)).await;
    }

    /// Opens the gate anew every turn for as long as somebody comes. Never ends.
    pub(super) async fn turn(&self) {
        poll_fn(|context| self.open(context)).await;
    }

    fn poll_pass(&self, number: &mut Option<u64>, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.waiting.borrow_mut();
        let place = match *number {
            Some(number) => number.checked_sub(self.first.get()),
            None if waiting.is_empty() && self.passed.get() < self.per_turn => None,
            None => {
                *number = Some(self.first.get() + waiting.len() as u64);
                waiting.push_back(context.waker().clone());
                Some(waiting.len() as u64 - 1)
            }
        };
        if self.passed.get() == 0
            && let Some(keeper) = self.keeper.borrow().as_ref()
        {
            keeper.wake_by_ref();
        }
        let Some(place) = place else {
            self.passed.set(self.passed.get() + 1);
            return Poll::Ready(());
        };
        if let Some(waker) = waiting.get_mut(place as usize) {
            waker.clone_from(context.waker());
        }
        Poll::Pending
    }

    fn open(&self, context: &mut Context<'_>) -> Poll<()> {
        self.keeper.borrow_mut().get_or_insert_with(|| context.waker().clone());
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(self.per_turn);
        let busy = self.passed.replace(0) > 0 || count > 0;
        self.first.set(self.first.get() + count as u64);
        waiting.drain(..count).for_each(Waker::wake);
        if busy {
            // The loop looks at the ring before it comes back to a task that wakes itself.
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(gate: &Turnstile, number: &mut Option<u64>) -> bool {
        gate.poll_pass(number, &mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn turn(gate: &Turnstile) {
        assert!(gate.open(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[test]
    fn so_many_pass_in_a_turn_and_the_others_in_the_order_they_came() {
        let gate = Turnstile::new(2);
        let mut numbers = [None; 7];
        let first: Vec<_> = numbers.iter_mut().map(|number| passes(&gate, number)).collect();
        assert_eq!(first, [true, true, false, false, false, false, false]);
        for through in [4, 6, 7] {
            turn(&gate);
            for (at, number) in numbers.iter_mut().enumerate().skip(2) {
                assert_eq!(number.is_some_and(|number| number < gate.first.get()), at < through, "{at}");
            }
        }
        assert!(numbers[2..].iter_mut().all(|number| passes(&gate, number)));
    }

    #[test]
    fn nobody_overtakes_those_who_wait() {
        let gate = Turnstile::new(1);
        let (mut first, mut second, mut late) = (None, None, None);
        assert!(passes(&gate, &mut first) && !passes(&gate, &mut second));
        turn(&gate);
        assert!(passes(&gate, &mut second));
        assert!(!passes(&gate, &mut late), "this turn's place is taken");
        turn(&gate);
        assert!(passes(&gate, &mut late));
        turn(&gate);
        assert!(passes(&gate, &mut None), "an idle gate is open");
    }
}
