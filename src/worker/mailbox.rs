//! From the control thread to a worker: orders in a channel and a doorbell that wakes the worker's ring.
//!
//! The doorbell is a socket pair: the worker keeps a read on its end, whoever posts an order writes one byte.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::net::tls::Identities;
use crate::policy::issuer_keys::IssuerKeys;
use crate::policy::payload_keys::PayloadKeys;
use crate::policy::ruleset::Ruleset;
use crate::policy::upstream_health::UpstreamView;
use crate::protocol::moment::Monotonic;

/// What the control thread may ask of a worker.
#[derive(Clone, Debug)]
pub enum Order {
    /// Judge new exchanges by these rules; running ones end under the old. Sent with the identities, the view and the
    /// issuers' keys that fit them.
    Apply(Arc<Ruleset>, Arc<Identities>, Arc<UpstreamView>, Arc<IssuerKeys>),
    /// Forget what is remembered of the token with this SHA-256.
    Evict([u8; 32]),
    /// Judge tokens by these keys from now on. Also sent when there are no newer ones to be had, for those who wait.
    IssuerKeys(Arc<IssuerKeys>),
    /// Open and seal with these keys of payload encryption from now on.
    PayloadKeys(Arc<PayloadKeys>),
    /// What is known of the servers has changed.
    View(Arc<UpstreamView>),
    /// Accept no more, finish what runs, cut what is left at the deadline.
    Drain {
        /// When to stop waiting.
        deadline: Monotonic,
    },
}

/// The control thread's end.
#[derive(Debug)]
pub struct Mailbox {
    orders: Sender<Order>,
    doorbell: UnixStream,
}

/// The worker's end.
#[derive(Debug)]
pub struct Inbox {
    /// Orders not yet carried out. Bounded by the control thread, which posts a few a second at most.
    pub orders: Receiver<Order>,
    /// Readable when there may be orders.
    pub doorbell: UnixStream,
}

impl Mailbox {
    /// A connected pair of ends.
    pub fn pair() -> std::io::Result<(Self, Inbox)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (sender, receiver) = channel();
        Ok((Self { orders: sender, doorbell: ours }, Inbox { orders: receiver, doorbell: theirs }))
    }

    /// Posts an order and wakes the worker. False when the worker is gone.
    pub fn post(&self, order: Order) -> bool {
        if self.orders.send(order).is_err() {
            return false;
        }
        // A full doorbell means the worker has wake-ups waiting: nothing is lost.
        match (&self.doorbell).write_all(&[1]) {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}
