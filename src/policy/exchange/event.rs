//! Everything that can happen to an exchange.

use crate::protocol::wire_buffer::{Storage, WireBuffer};

/// The two neighbours of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Downstream,
    /// The server.
    Upstream,
}

/// What a completed action, or the passing of time, brought.
#[derive(Debug)]
pub enum Event {
    /// A read ended. It hands back the memory it was lent.
    Read {
        /// From whom.
        side: Side,
        /// The memory.
        storage: Storage,
        /// Bytes read; 0: the peer ended its direction; `None`: the connection failed.
        count: Option<usize>,
    },
    /// A write ended.
    Written {
        /// To whom.
        side: Side,
        /// The memory, if it had been lent.
        storage: Option<Storage>,
        /// Bytes taken by the kernel; `None`: the connection failed.
        count: Option<usize>,
    },
    /// An upstream connection is there, with a read already in flight.
    Connected {
        /// True when other exchanges used it before.
        reused: bool,
        /// The buffer of the read in flight, its memory lent.
        response: WireBuffer,
    },
    /// There is no upstream connection to be had.
    ConnectFailed(ConnectFault),
    /// What was asked is answered.
    Answered,
    /// What belonged to the last request is put away.
    NextRequest,
    /// The moment of [`super::Exchange::deadline`] has passed.
    DeadlinePassed,
    /// The worker drains and its deadline has passed.
    Cut,
}

/// Why there is no upstream connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// The server's name does not resolve.
    Unresolved,
    /// The server or the network refused.
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// This host has no resources for another connection.
    Exhausted,
    /// The connection stood, and its TLS handshake failed; why, in a word for the log.
    Handshake(&'static str),
}
