//! Payload encryption: whole HTTP messages sealed inside TLS, as Binary HTTP (RFC 9292) under a session's keys or under
//! OHTTP (RFC 9458). Both ends of it: what the proxy does and what a client does.
//!
//! Nothing here routes, forwards or answers: `policy::exchange` does. Keys come as bytes and leave memory erased; time
//! and randomness are arguments.
//!
//! - [`aead`]: the three ciphers over *ring*, in place
//! - [`chunk_stream`]: a message as sealed chunks, opened and sealed where they lie
//! - [`sealed_run`]: any amount of plaintext as chunks
//! - [`key_schedule`]: from a session's secret to the keys of one message
//! - [`ticket`]: a session as the client carries it
//! - [`hybrid`]: HPKE (RFC 9180), both key types, all three ciphers
//! - [`ohttp_keys`]: the list of keys that clients seal to
//! - [`encapsulation`]: what both of the following share
//! - [`session`]: opening a session
//! - [`ohttp_message`]: single messages
//! - [`key_document`]: the signed list of keys
//! - [`binary_http`]: messages as bytes
//! - [`varint`]: the numbers of both

pub mod aead;
pub mod binary_http;
pub mod chunk_stream;
pub mod encapsulation;
#[cfg(test)]
mod fixture;
pub mod hybrid;
pub mod key_document;
pub mod key_schedule;
pub mod ohttp_keys;
pub mod ohttp_message;
pub mod sealed_run;
pub mod session;
pub mod ticket;
pub mod varint;
