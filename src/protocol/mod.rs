//! The ground: bytes in, values out.
//!
//! Everything here is a pure function or a step machine over byte slices. No runtime, clock, randomness, thread
//! or log: time and random bytes are arguments, and parse results are offsets ([`span::Span`]), because during an
//! io_uring read the kernel owns the buffer and nothing parsed may borrow from it.

pub mod client_certificate;
pub mod http1;
pub mod http_date;
pub mod moment;
pub mod payload;
pub mod progress;
pub mod proxy_header;
pub mod secret;
pub mod span;
pub(crate) mod strict_json;
pub mod tls;
pub mod tls_names;
pub mod token;
pub mod wire_buffer;
