//! The record layer of TLS 1.2 (RFC 5246, 5288, 7905) and TLS 1.3 (RFC 8446) behind a finished handshake.
//!
//! Records are opened where they lie and sealed into the caller's buffer. Whoever finished the handshake brings the
//! traffic keys, and brings new ones when a key update asks for them: no secret is derived here. Certificates, session
//! tickets' meaning and the sockets are left to others.
//!
//! Read strictly. Refused here although some peers put up with it:
//! - any renegotiation in TLS 1.2, also a mere HelloRequest;
//! - ChangeCipherSpec behind the handshake, in TLS 1.3 too;
//! - a record version other than 3.3, which RFC 8446 section 5.1 lets a receiver ignore;
//! - a run of records that carry no data;
//! - more records under one key than its cipher bears.
//!
//! Order of use: [`TrafficKeys`] for each direction, a [`RecordOpener`] and a [`RecordSealer`] on them; [`RecordSizing`]
//! says how much goes into the next records.

mod alert;
mod post_handshake;
mod record_fault;
mod record_format;
mod record_opener;
mod record_sealer;
mod record_sizing;
#[cfg(test)]
mod rfc8448;
mod traffic_keys;

pub use alert::Alert;
pub use post_handshake::SessionTickets;
pub use record_fault::{RecordFault, SealFault};
pub use record_format::RECORD_BYTES_MAX;
pub use record_opener::{Content, Opening, RecordOpener, Role};
pub use record_sealer::RecordSealer;
pub use record_sizing::{RecordSizing, SizedRun};
pub use traffic_keys::{ProtocolVersion, Suite, TrafficKeys};
