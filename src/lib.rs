//! Ringwall: a security proxy for deployments where latency and secrecy both matter.
//!
//! One process, one control thread, one worker thread per configured CPU. A worker owns its io_uring, its
//! listeners, its upstream connections, its buffers and its counters; workers share nothing that they write, but for the
//! memory of sealed messages that were seen.
//!
//! # Where to start
//! Read [`manual`], then [`policy::exchange`]: the step machine that turns one request and its response into
//! reads and writes, without doing any of them. Payload encryption begins at [`protocol::payload`]; its other end is
//! [`client`].
//!
//! # Layers, top to ground
//! ```text
//! main → cli → control → worker → net ────┐
//!               │          └────→ policy ─┤→ protocol
//!               └→ config
//! client → protocol: the SDK, the other end of payload encryption
//! authority → net, protocol: the embedded Token Server, which the proxy knows over HTTP alone
//! telemetry: names and shapes of metrics and log lines, used from policy upward
//! ```
//! What decides is pure; what does I/O decides nothing. `tests/architecture.rs` holds the arrows.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "rules for what ships, which is linted without its tests too"
    )
)]

pub mod client;
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
pub mod manual;
pub mod policy;
pub mod protocol;
pub mod telemetry;

#[cfg(feature = "proxy")]
pub mod authority;
#[cfg(feature = "proxy")]
pub mod cli;
#[cfg(feature = "proxy")]
pub mod config;
#[cfg(feature = "proxy")]
pub mod control;
#[cfg(feature = "proxy")]
pub mod net;
#[cfg(feature = "proxy")]
pub mod worker;
