//! Spins for a while before the worker sleeps: trades CPU for the time a wake-up takes.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::state::Worker;
use crate::limits::DEADLINE_TICK;
use crate::net::{clock, ring};

/// Keeps the loop turning without sleeping until nothing has moved for `spin`. Never ends.
///
/// A turning loop submits and reaps but fires no timer, so now and then one turn may sleep.
pub(super) async fn spin(worker: Rc<Worker>, spin: Duration) {
    let mut timers_ran = clock::monotonic();
    loop {
        let now = clock::monotonic();
        if now.since(worker.active.get()) > spin || now.since(timers_ran) > DEADLINE_TICK {
            ring::sleep(Duration::from_millis(1)).await;
            timers_ran = clock::monotonic();
        } else {
            let mut turned = false;
            poll_fn(|context| {
                if std::mem::replace(&mut turned, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }
}
