//! One kernel operation after another in the same memory.
//!
//! A future that the runtime gives for a read or a write has no name and borrows what it works on, so it would
//! have to be boxed anew for every operation. An [`Operation`] boxes the place for it once: every start puts a
//! new future where the finished one was, and nothing is allocated on a warm connection.
//!
//! An operation is never abandoned: to end it early the socket is shut down or the operation called back, and
//! then waited for. Dropping one in flight closes the connection with it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// A place for one operation at a time on `S`: `I` goes in, `O` comes out.
pub trait Operation<S, I, O> {
    /// Starts an operation. There must be none in flight.
    fn start(self: Pin<&mut Self>, input: I);
    /// The outcome, once. Pending while in flight, and for ever when there is none.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O>;
    /// True between start and outcome.
    fn in_flight(&self) -> bool;
    /// Gives back what the operations were on, unless one is in flight. The place is of no use after it.
    fn take_subject(self: Pin<&mut Self>) -> Option<S>;
}

pin_project! {
    /// An operation on `S`, which travels into every future and comes back with its outcome.
    pub struct Reusable<S, M, F> {
        make: M,
        subject: Option<S>,
        #[pin]
        future: Option<F>,
    }
}

impl<S, M, F> Reusable<S, M, F> {
    /// `make` turns subject and input into the future of one operation.
    pub fn new<I, O>(subject: S, make: M) -> Self
    where
        M: Fn(S, I) -> F,
        F: Future<Output = (S, O)>,
    {
        Self { make, subject: Some(subject), future: None }
    }
}

impl<S, M, F, I, O> Operation<S, I, O> for Reusable<S, M, F>
where
    M: Fn(S, I) -> F,
    F: Future<Output = (S, O)>,
{
    fn start(self: Pin<&mut Self>, input: I) {
        let mut this = self.project();
        debug_assert!(this.subject.is_some());
        if let Some(subject) = this.subject.take() {
            this.future.set(Some((this.make)(subject, input)));
        }
    }

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        match future.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready((subject, outcome)) => {
                this.future.set(None);
                *this.subject = Some(subject);
                Poll::Ready(outcome)
            }
        }
    }

    fn in_flight(&self) -> bool {
        self.subject.is_none()
    }

    fn take_subject(self: Pin<&mut Self>) -> Option<S> {
        self.project().subject.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn the_same_place_serves_many_operations() {
        let add = |sum, add: u32| async move { (sum + add, sum) };
        let mut operation: Pin<Box<dyn Operation<u32, u32, u32>>> = Box::pin(Reusable::new(1_u32, add));
        let mut context = Context::from_waker(Waker::noop());
        assert!(operation.as_mut().poll(&mut context).is_pending());
        for (add, before) in [(2, 1), (3, 3), (4, 6)] {
            operation.as_mut().start(add);
            assert!(operation.in_flight());
            assert_eq!(operation.as_mut().poll(&mut context), Poll::Ready(before));
            assert!(!operation.in_flight());
        }
        assert_eq!(operation.as_mut().take_subject(), Some(10));
    }
}
