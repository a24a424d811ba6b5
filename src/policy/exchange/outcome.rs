//! How an exchange went: what the access log and the counters are told.

use std::net::SocketAddr;

use super::payload_endpoints::SealedForm;
use crate::policy::ruleset::UpstreamId;
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::protocol::span::Span;

/// The facts of one exchange. Spans point into [`super::Exchange::log_text`].
#[derive(Clone, Debug)]
pub struct Outcome {
    /// When the request head was complete.
    pub time: UnixMicros,
    /// The same on the monotonic clock.
    pub began: Monotonic,
    /// When the last byte of the response was written.
    pub ended: Monotonic,
    /// The client.
    pub client: SocketAddr,
    /// Method as sent.
    pub method: Span,
    /// Authority as sent.
    pub authority: Span,
    /// Path as sent, without the query.
    pub path: Span,
    /// Position of the route.
    pub route: Option<u16>,
    /// The server that was asked last.
    pub server: Option<(UpstreamId, u16)>,
    /// Final status sent; 0: none.
    pub status: u16,
    /// `"ok"`, or the reason token of the refusal.
    pub reason: &'static str,
    /// True when the proxy made the answer itself.
    pub refused: bool,
    /// True when the response was cut.
    pub cut: bool,
    /// Bytes of the request body, framing included.
    pub request_bytes: u64,
    /// Bytes written to the client.
    pub response_bytes: u64,
    /// When connecting began and ended, on a fresh connection.
    pub connect: Option<(Monotonic, Monotonic)>,
    /// When the request head was handed to the upstream connection.
    pub sent: Option<Monotonic>,
    /// When the first byte of the response came.
    pub answered: Option<Monotonic>,
    /// True when the last upstream connection had served before.
    pub reused: bool,
    /// Attempts beyond the first.
    pub retries: u8,
    /// The trace id, 32 hexadecimal digits.
    pub trace_id: [u8; 32],
    /// Generation of the rules that judged.
    pub generation: u64,
    /// More about the reason, one word.
    pub detail: Option<&'static str>,
    /// What of payload encryption it is.
    pub payload: Option<SealedForm>,
    /// The first bytes of the SHA-256 of the tokens that were judged: enough to find one again, too few to be one.
    pub token: Option<[u8; 8]>,
    /// The id of the proof of possession that was remembered: judged again, the same request is no replay.
    pub proof: Option<[u8; 32]>,
    /// SHA-256 of the token that the Token Server has revoked at the client's request.
    pub revoked: Option<[u8; 32]>,
    /// The client should use another nonce from now on.
    pub renews_nonce: bool,
}

impl Outcome {
    /// True when the server, not the client or the proxy, made the exchange fail.
    pub fn blames_server(&self) -> bool {
        matches!(
            self.reason,
            "response-incomplete"
                | "response-timeout"
                | "response-malformed"
                | "response-stalled"
                | "interim-flood"
        )
    }

    /// An exchange of which nothing is known yet.
    pub fn begun(now: Monotonic, time: UnixMicros, client: SocketAddr, generation: u64) -> Self {
        Self {
            time,
            began: now,
            ended: now,
            client,
            method: Span::default(),
            authority: Span::default(),
            path: Span::default(),
            route: None,
            server: None,
            status: 0,
            reason: "ok",
            refused: false,
            cut: false,
            request_bytes: 0,
            response_bytes: 0,
            connect: None,
            sent: None,
            answered: None,
            reused: false,
            retries: 0,
            trace_id: [b'0'; 32],
            generation,
            detail: None,
            payload: None,
            token: None,
            proof: None,
            revoked: None,
            renews_nonce: false,
        }
    }
}
