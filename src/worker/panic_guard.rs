//! Keeps a panic in one connection from ending the worker: the runtime itself does not catch any.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future whose panic ends it alone. Its memory is given back in either case.
pub(super) struct PanicGuard<F> {
    inner: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = ()>> PanicGuard<F> {
    pub(super) fn new(inner: F) -> Self {
        Self { inner: Some(Box::pin(inner)) }
    }
}

/// Whether the guarded future came to its end by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finished {
    Normally,
    Panicked,
}

impl<F: Future<Output = ()>> Future for PanicGuard<F> {
    type Output = Finished;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Finished> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Pending };
        // What a panic leaves behind is the connection's own state, dropped here, and the worker's, whose cells are
        // released while unwinding and whose counters stay usable.
        match catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                self.inner = None;
                Poll::Ready(Finished::Normally)
            }
            Err(_) => {
                let remains = self.inner.take();
                let _second_panic = catch_unwind(AssertUnwindSafe(|| drop(remains)));
                Poll::Ready(Finished::Panicked)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_panic_ends_only_the_guarded_future() {
        let mut context = Context::from_waker(Waker::noop());
        let mut guard = PanicGuard::new(async { panic!("on purpose") });
        assert_eq!(Pin::new(&mut guard).poll(&mut context), Poll::Ready(Finished::Panicked));
        let mut guard = PanicGuard::new(async {});
        assert_eq!(Pin::new(&mut guard).poll(&mut context), Poll::Ready(Finished::Normally));
    }
}
