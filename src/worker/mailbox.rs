//! From the control thread, or another worker, to a worker: orders in a channel and a doorbell that wakes the worker's ring.
//!
//! The doorbell is a socket pair: the worker keeps a read on its end, whoever posts an order writes one byte.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};

use super::token_inquiries::{Inquiry, Report};
use crate::net::tls::Identities;
use crate::policy::issuer_keys::IssuerKeys;
use crate::policy::payload_keys::PayloadKeys;
use crate::policy::ruleset::Ruleset;
use crate::policy::upstream_health::UpstreamView;
use crate::protocol::moment::Monotonic;

/// What may be asked of a worker.
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
    /// These are the workers, by position; none where one is dead.
    Peers(Arc<[Option<PeerMailbox>]>),
    /// Find out about a token for another worker.
    TokenInquiry(Box<Inquiry>),
    /// What another worker found out.
    TokenReport(Box<Report>),
    /// What is known of the servers has changed.
    View(Arc<UpstreamView>),
    /// Accept no more, finish what runs, cut what is left at the deadline.
    Drain {
        /// When to stop waiting.
        deadline: Monotonic,
    },
}

/// The control thread's end. When it goes away the worker ends.
#[derive(Debug)]
pub struct Mailbox {
    orders: Sender<Order>,
    doorbell: Arc<UnixStream>,
}

/// Another worker's end. It keeps nobody alive.
#[derive(Clone, Debug)]
pub struct PeerMailbox {
    orders: Sender<Order>,
    doorbell: Weak<UnixStream>,
}

/// The worker's end.
#[derive(Debug)]
pub struct Inbox {
    /// Orders not yet carried out. Bounded: the control thread posts a few a second at most, each worker asks about so many
    /// tokens at once, and has one evicted per request at most.
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
        Ok((Self { orders: sender, doorbell: Arc::new(ours) }, Inbox { orders: receiver, doorbell: theirs }))
    }

    /// An end for other workers.
    pub fn for_peers(&self) -> PeerMailbox {
        PeerMailbox { orders: self.orders.clone(), doorbell: Arc::downgrade(&self.doorbell) }
    }

    /// Posts an order and wakes the worker. False when the worker is gone.
    pub fn post(&self, order: Order) -> bool {
        self.orders.send(order).is_ok() && ring(&self.doorbell)
    }
}

impl PeerMailbox {
    /// Posts an order and wakes the worker. False when the worker is gone.
    pub fn post(&self, order: Order) -> bool {
        let Some(doorbell) = self.doorbell.upgrade() else { return false };
        self.orders.send(order).is_ok() && ring(&doorbell)
    }
}

/// The worker, of so many, that asks about the token with this SHA-256. An [`Order::Evict`] goes to it first: whoever has
/// forgotten the token hears nothing of it from there any more, as orders come in the order in which they are posted.
pub fn owner_of(hash: &[u8; 32], workers: usize) -> usize {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]) % workers.max(1) as u64) as usize
}

fn ring(mut doorbell: &UnixStream) -> bool {
    // A full doorbell means the worker has wake-ups waiting: nothing is lost.
    match doorbell.write_all(&[1]) {
        Ok(()) => true,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}
