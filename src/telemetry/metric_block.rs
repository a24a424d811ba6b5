//! One worker's counters: written by that worker alone, read by the control thread at any time.
//!
//! A counter is added to with a plain load and store, because nobody else writes it: no locked instruction on the
//! request path. Readers may see one counter ahead of another; each by itself only grows.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::tls_failures::{HandshakeFailure, RECEIVED, SENT};

/// A number that one thread writes and others read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `amount`. Only the owning worker may call it.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Takes `amount` away. For gauges; only the owning worker may call it.
    #[inline]
    pub fn subtract(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(amount), Relaxed);
    }

    /// Replaces the value. Only the owning worker may call it.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value now.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the duration histogram's buckets in microseconds; the last bucket is unbounded.
pub const DURATION_BOUNDS_MICROS: [u64; 20] = [
    50, 100, 200, 300, 500, 750, 1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000, 2_500_000, 10_000_000,
];

/// Durations counted into fixed buckets.
#[derive(Debug, Default)]
pub struct Durations {
    /// One count per bucket of [`DURATION_BOUNDS_MICROS`], and one for what is longer.
    pub buckets: [Count; DURATION_BOUNDS_MICROS.len() + 1],
    /// Sum in microseconds.
    pub sum_micros: Count,
}

impl Durations {
    /// Counts one duration.
    #[inline]
    pub fn record(&self, micros: u64) {
        let bucket = DURATION_BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].add(1);
        self.sum_micros.add(micros);
    }
}

/// All counters of one worker. `connections_*` and `*_idle` are gauges, all others only grow.
#[derive(Debug, Default)]
pub struct MetricBlock {
    /// Downstream connections accepted.
    pub accepted: Count,
    /// Downstream connections refused because there were as many as may be.
    pub accept_refused: Count,
    /// Downstream connections refused because their address had as many as it may have.
    pub accept_refused_address: Count,
    /// Failures of `accept` itself (out of descriptors and the like).
    pub accept_failed: Count,
    /// TLS handshakes with clients that were done.
    pub handshakes: Count,
    /// Of those, resumed sessions.
    pub handshakes_resumed: Count,
    /// TLS handshakes with clients that failed, by [`HandshakeFailure`].
    pub handshakes_failed: [Count; HandshakeFailure::ALL.len()],
    /// Alerts that clients ended a connection with, by entry of [`RECEIVED`].
    pub alerts_received: [Count; RECEIVED.len()],
    /// Alerts sent to clients behind the handshake, by entry of [`SENT`].
    pub alerts_sent: [Count; SENT.len()],
    /// Downstream connections closed for want of a PROXY header that may be believed.
    pub proxy_header_refused: Count,
    /// Downstream connections open now.
    pub connections_open: Count,
    /// Downstream connections open now without a buffer.
    pub connections_cold: Count,
    /// Requests whose head was complete, by class of the final status: index 1 for 1xx to 5 for 5xx, 0 for none sent.
    pub responses: [Count; 6],
    /// Sealed requests, by what they are: session openings, messages of sessions, single ones, single ones in chunks.
    pub payload: [Count; 4],
    /// Requests refused by the proxy itself (every answer it makes).
    pub refused: Count,
    /// Exchanges cut after the response had begun.
    pub cut: Count,
    /// Bytes read from downstream.
    pub downstream_read_bytes: Count,
    /// Bytes written downstream.
    pub downstream_written_bytes: Count,
    /// Upstream connections made.
    pub upstream_connected: Count,
    /// Attempts to connect upstream that failed.
    pub upstream_connect_failed: Count,
    /// TLS handshakes with servers that failed, by [`HandshakeFailure`].
    pub upstream_handshakes_failed: [Count; HandshakeFailure::ALL.len()],
    /// Alerts that servers ended a connection with, by entry of [`RECEIVED`].
    pub upstream_alerts_received: [Count; RECEIVED.len()],
    /// Alerts sent to servers behind the handshake, by entry of [`SENT`].
    pub upstream_alerts_sent: [Count; SENT.len()],
    /// Requests sent on a reused upstream connection.
    pub upstream_reused: Count,
    /// Second attempts.
    pub upstream_retried: Count,
    /// Idle upstream connections that were closed by the server or sent stray bytes.
    pub upstream_retired: Count,
    /// Idle upstream connections now.
    pub upstream_idle: Count,
    /// Calls to the policy service.
    pub policy_asked: Count,
    /// Those without a usable answer.
    pub policy_failed: Count,
    /// Judgements of tokens found in the cache.
    pub token_hits: Count,
    /// How old those were, in milliseconds, all together.
    pub token_ages: Count,
    /// Judgements that were not.
    pub token_misses: Count,
    /// Requests that waited for what another had asked about the same token.
    pub token_waits: Count,
    /// Questions to Token Servers about tokens.
    pub token_asked: Count,
    /// Those without a usable answer.
    pub token_server_failed: Count,
    /// Good tokens forgotten because they were revoked.
    pub tokens_evicted: Count,
    /// Requests that mappers were asked about.
    pub mapper_asked: Count,
    /// Those without a usable answer.
    pub mapper_failed: Count,
    /// Orders to forget a token.
    pub evictions: Count,
    /// Panics caught in a connection.
    pub panics: Count,
    /// Access-log records dropped because the writer did not keep up.
    pub log_dropped: Count,
    /// Times the worker's rules were replaced.
    pub reloads: Count,
    /// From the request head's last byte to the response's last byte.
    pub request_duration: Durations,
    /// From the request head written upstream to the first byte of its response.
    pub upstream_wait: Durations,
}
