//! Everything the control thread is told, in one channel.

use std::sync::mpsc::Sender;

use crate::net::resolver::Resolved;
use crate::net::signals::Signal;
use crate::worker::core_loop::WorkerFault;

use super::health_prober::Probed;
use super::key_refresher::fetch::Fetched;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// Somebody at the admin address wants a token forgotten.
    Evict {
        /// The SHA-256 of the token.
        hash: [u8; 32],
        /// Told when every worker was; dropped when there are none.
        told: Sender<()>,
    },
    /// Workers want newer keys of issuers.
    KeysAsked,
    /// A fetch of an issuer's keys ended.
    KeysFetched(Fetched),
    /// A health check ended.
    Probed(Probed),
    /// A name was looked up.
    Resolved(Resolved),
    /// Somebody outside asks for something.
    Signal(Signal),
    /// A worker's thread ended.
    WorkerEnded {
        /// Which worker.
        index: usize,
        /// Why; a fault also stands for a panic.
        result: Result<(), WorkerFault>,
    },
    /// A worker accepts connections.
    WorkerReady {
        /// Which worker.
        index: usize,
    },
}
