//! Everything an exchange can ask for.

use std::time::Duration;

use super::event::Side;
use crate::policy::ruleset::UpstreamId;

/// What the driver must do next. It reports the outcome as an event, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read from this side into the buffer the exchange lends.
    Read(Side),
    /// Write to this side what the exchange lends.
    Write(Side),
    /// Find out what [`super::Exchange::take_asked`] says, within a time of the driver's. Until the exchange is over the answer
    /// is what [`super::World`] is consulted for.
    Ask,
    /// Bytes of the next request are there already: take the outcome of the last, forget what was known for it, and step
    /// [`super::Event::NextRequest`], by the rules of now.
    NextRequest,
    /// Get a connection to this server.
    Connect(ConnectOrder),
    /// Part with the upstream connection. No event.
    Release {
        /// True: its response is complete and it may serve again. False: close it.
        reusable: bool,
    },
    /// End the write direction of this side. No event.
    EndWriting(Side),
    /// Nothing until an event comes.
    Wait,
    /// The connection is over. No further call.
    Finish(Ending),
}

/// Which connection is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectOrder {
    /// The upstream.
    pub upstream: UpstreamId,
    /// The position of the server in it.
    pub server: u16,
    /// True: an idle connection will not do.
    pub fresh: bool,
    /// Time to connect.
    pub limit: Duration,
}

/// How a downstream connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was said: close in order.
    Close,
    /// The response is incomplete, as its framing shows: close without a word more.
    Cut,
    /// The client may still be sending: end our direction, read and discard for a moment, then close, so that the
    /// last answer is not lost to a reset.
    Linger,
    /// The response is incomplete and its framing does not show it: reset, so that the client notices.
    Reset,
}
