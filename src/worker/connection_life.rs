//! The life of a downstream connection from accept to close.
//!
//! First it *arrives*, where its listener asks for more than a connection (`arrival`).
//!
//! It is *cold* while nobody has sent anything for a while: it holds no buffer and waits for readiness. It is *warm*
//! from the first byte on (`connection_driver`), and cools down when it has idled for a moment. At its end it may
//! linger, so that its last answer is read.

use std::future::{Future, poll_fn};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::address_ledger::Entry;
use super::arrival::{Arrival, arrive, is_plain};
use super::connection_driver::{Parted, drive};
use super::state::Worker;
use crate::limits::{DISCARD_BYTES, DRAIN_IDLE_GRACE, TIMEOUT_LINGER};
use crate::net::clock;
use crate::net::connection::{ColdConnection, Connection};
use crate::net::deadline::Deadline;
use crate::policy::exchange::Peer;

/// Serves a connection from accept to close. For that long `entry` counts it; one that a balancer passes on becomes the
/// client's when that is known.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps every argument twice for as long as it lives"
)]
pub(super) fn serve(
    worker: Rc<Worker>,
    mut cold: ColdConnection,
    mut peer: Peer,
    mut entry: Entry,
) -> impl Future<Output = ()> {
    async move {
        let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        let deadline = worker.deadlines.enter(waker);
        if !is_plain(&worker, peer.listener) {
            match arriving(&worker, cold, peer, (&mut entry, &deadline)).await {
                // Into the same places: new ones would be memory of every idle connection.
                Arrival::Arrived(arrived, known) => (cold, peer) = (arrived, known),
                Arrival::Lingers(connection) => return lingering(&worker, connection, &deadline).await,
                Arrival::Closed => return,
            }
        }
        loop {
            deadline.set(clock::monotonic().after(worker.generation().rules.timeouts.idle));
            worker.metrics.connections_cold.add(1);
            let goes_on = wait_for_bytes(&worker, &cold, &deadline).await;
            worker.metrics.connections_cold.subtract(1);
            if !goes_on {
                return cold.say_end();
            }
            match warm(worker.clone(), cold.warm(), peer.clone(), &deadline).await {
                Parted::Cooled(cooled) => cold = cooled,
                Parted::Lingers(connection) => return lingering(&worker, connection, &deadline).await,
                Parted::Closed => return,
            }
        }
    }
}

type Boxed<'b, T> = Pin<Box<dyn Future<Output = T> + 'b>>;

// Boxed in functions of their own, so that an idle connection does not pay for the memory of a busy one.

fn warm(worker: Rc<Worker>, connection: Connection, peer: Peer, deadline: &Deadline) -> Boxed<'_, Parted> {
    Box::pin(drive(worker, connection, peer, deadline))
}

fn arriving<'b>(
    worker: &'b Worker,
    cold: ColdConnection,
    peer: Peer,
    (entry, deadline): (&'b mut Entry, &'b Deadline),
) -> Boxed<'b, Arrival> {
    Box::pin(arrive(worker, cold, peer, entry, deadline))
}

fn lingering<'b>(worker: &'b Worker, connection: Connection, deadline: &'b Deadline) -> Boxed<'b, ()> {
    Box::pin(linger(worker, connection, deadline))
}

/// False when the connection is to be closed instead.
async fn wait_for_bytes(worker: &Worker, cold: &ColdConnection, deadline: &Deadline) -> bool {
    let mut readable = std::pin::pin!(cold.readable());
    poll_fn(|context| {
        if let Poll::Ready(outcome) = readable.as_mut().poll(context) {
            return Poll::Ready(outcome.is_ok());
        }
        if let Some(began) = worker.draining.get() {
            deadline.set(deadline.moment().min(began.after(DRAIN_IDLE_GRACE)));
        }
        if worker.cut.get() || deadline.passed(clock::monotonic()) {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    })
    .await
}

/// Ends our direction, then reads and discards for a moment: a close with unread bytes would be a reset, and could
/// take the answer away from the client before it has read it.
async fn linger(worker: &Worker, mut connection: Connection, deadline: &Deadline) {
    connection.shut(Shutdown::Write);
    let due = clock::monotonic().after(TIMEOUT_LINGER);
    deadline.set(due);
    let mut discarded = 0_u64;
    let mut scrap = vec![0; 4096].into_boxed_slice();
    poll_fn(|context| {
        loop {
            if !connection.is_reading() {
                let length = scrap.len();
                connection.start_read((std::mem::take(&mut scrap), 0, length));
            }
            match connection.poll_read(context) {
                Poll::Pending => break,
                Poll::Ready(transfer) => {
                    let count = transfer.result.unwrap_or(0);
                    scrap = if transfer.storage.is_empty() { vec![0; 4096].into() } else { transfer.storage };
                    discarded += count as u64;
                    if count == 0 || discarded > DISCARD_BYTES {
                        return Poll::Ready(());
                    }
                }
            }
        }
        let over = worker.cut.get() || deadline.passed(clock::monotonic());
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
