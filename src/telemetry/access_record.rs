//! The facts of one exchange, as the worker notes them and the log writer prints them.
//!
//! A worker only appends to a [`LogBatch`]; formatting, escaping and writing happen on the log thread.

use std::net::SocketAddr;

use crate::limits;
use crate::policy::ruleset::{ListenerId, UpstreamId};
use crate::protocol::moment::UnixMicros;
use crate::protocol::span::Span;

/// One finished exchange. Spans point into [`LogBatch::text`].
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// When the request head was complete.
    pub time: UnixMicros,
    /// The client: the connection's peer, or what a trusted proxy said.
    pub client: SocketAddr,
    /// Where it came in.
    pub listener: ListenerId,
    /// Method as sent.
    pub method: Span,
    /// Authority as sent.
    pub authority: Span,
    /// Path without the query, as sent: queries carry secrets.
    pub path: Span,
    /// Position of the route in the rule set, if one matched.
    pub route: Option<u16>,
    /// The upstream and the position of the server, if one was chosen.
    pub server: Option<(UpstreamId, u16)>,
    /// Final status sent; 0 when none was.
    pub status: u16,
    /// Stable token of what went wrong or `"ok"`; see `policy::refusal`.
    pub reason: &'static str,
    /// Request body bytes read, framing included.
    pub request_bytes: u64,
    /// Response bytes written, head and framing included.
    pub response_bytes: u64,
    /// From the head's last byte to the response's last.
    pub duration_micros: u64,
    /// Time spent connecting upstream; absent on a reused connection.
    pub connect_micros: Option<u64>,
    /// From the head written upstream to its response's first byte.
    pub wait_micros: Option<u64>,
    /// Attempts beyond the first.
    pub retries: u8,
    /// The trace id passed on, as 32 hexadecimal digits.
    pub trace_id: [u8; 32],
    /// Which generation of the rule set judged.
    pub generation: u64,
    /// The name that the TLS client asked for; empty: none.
    pub server_name: Span,
    /// Subject of the certificate that the client proved to own; may be empty with a certificate.
    pub certificate_subject: Span,
    /// SHA-256 of that certificate, 64 hexadecimal digits; empty: no certificate.
    pub certificate_digest: Span,
    /// More about the reason, one word.
    pub detail: Option<&'static str>,
    /// What of payload encryption it is, one word.
    pub payload: Option<&'static str>,
    /// The first bytes of the SHA-256 of the tokens that were judged.
    pub token: Option<[u8; 8]>,
}

/// Records on their way from a worker to the log writer.
#[derive(Debug, Default)]
pub struct LogBatch {
    /// The records, oldest first.
    pub records: Vec<AccessRecord>,
    /// What their spans point into. Raw bytes of a peer: to be escaped.
    pub text: Vec<u8>,
}

impl LogBatch {
    /// An empty batch that will not grow beyond its bound.
    pub fn with_bound() -> Self {
        Self {
            records: Vec::with_capacity(limits::LOG_BATCH_RECORDS),
            text: Vec::with_capacity(limits::LOG_BATCH_RECORDS * 128),
        }
    }

    /// Takes in `text`, cut to [`limits::LOG_TEXT_BYTES`], and says where it lies.
    pub fn note(&mut self, text: &[u8]) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(&text[..text.len().min(limits::LOG_TEXT_BYTES)]);
        Span::new(start, self.text.len())
    }

    /// True when it should be handed over.
    pub fn is_full(&self) -> bool {
        self.records.len() >= limits::LOG_BATCH_RECORDS || self.text.len() >= limits::LOG_BATCH_TEXT_BYTES
    }

    /// Empties it for reuse, keeping its memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.text.clear();
    }
}

/// A record for tests, with its text in `batch`.
#[cfg(test)]
pub(crate) fn sample(batch: &mut LogBatch) -> AccessRecord {
    AccessRecord {
        time: UnixMicros(1_787_745_600_000_001),
        client: SocketAddr::from(([192, 0, 2, 7], 40_000)),
        listener: ListenerId(0),
        method: batch.note(b"GET"),
        authority: batch.note(b"example.com"),
        path: batch.note(b"/orders/7"),
        route: None,
        server: None,
        status: 200,
        reason: "ok",
        request_bytes: 120,
        response_bytes: 4096,
        duration_micros: 850,
        connect_micros: None,
        wait_micros: Some(700),
        retries: 0,
        trace_id: *b"0af7651916cd43dd8448eb211c80319c",
        generation: 1,
        server_name: Span::default(),
        certificate_subject: Span::default(),
        certificate_digest: Span::default(),
        detail: None,
        payload: None,
        token: None,
    }
}
