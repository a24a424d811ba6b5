//! The keys of payload encryption as a worker uses them, and the clock that messages are judged by.
//!
//! Where they come from, when they change and when they are erased is the control thread's business.

use std::sync::Arc;

use crate::limits;
use crate::protocol::moment::Monotonic;
use crate::protocol::payload::ohttp_keys::GatewayKeys;
use crate::protocol::payload::ticket::{SESSION_ID_LEN, SessionFacts, TicketKeys};

/// The keys in use, and what clients are told of them: made by the control thread, read by all workers, replaced whole.
/// Each key is erased when the last who uses it lets go.
#[derive(Debug)]
pub struct PayloadKeys {
    /// Those that clients seal to.
    pub gateway: Arc<GatewayKeys>,
    /// Their public halves, as `application/ohttp-keys`.
    pub key_list: Arc<[u8]>,
    /// The same signed, as a compact JWS; absent: nobody signs it.
    pub document: Option<Arc<str>>,
    /// Those that seal tickets.
    pub tickets: TicketKeys,
    /// What this process is called in the tickets it makes, first, and others whose tickets are as good.
    pub starts: Vec<[u8; SESSION_ID_LEN]>,
    /// When this process began, and how messages are dated.
    pub clock: PayloadClock,
}

/// Seconds since 1970, counted from the start of the process on a clock that never steps back: all workers agree, and no
/// correction of the system's clock opens the window for a message that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadClock {
    /// The start on the monotonic clock.
    pub started: Monotonic,
    /// The start on the system's clock, in seconds since 1970.
    pub unix: u64,
    /// How far a message's time may be from ours, in seconds.
    pub window: u64,
}

impl PayloadClock {
    /// Now, in seconds since 1970.
    pub fn at(&self, now: Monotonic) -> u64 {
        self.unix + now.since(self.started).as_secs()
    }
}

impl PayloadKeys {
    /// True when the session is still good, and no message of it can have been seen by a process that has forgotten: a
    /// ticket of another process must be younger than everything that one can have judged (section 5 of the protocol).
    pub fn accepts(&self, facts: &SessionFacts, now: u64) -> bool {
        let is_ours = self.starts.contains(&facts.start);
        let is_younger = facts.issued > self.clock.unix + self.clock.window + limits::PAYLOAD_CLOCK_SLACK;
        now < facts.expires && (is_ours || is_younger)
    }
}
