//! HTTP/1.1 as RFC 9110 and RFC 9112 define it, read strictly.
//!
//! Both directions: heads over `httparse`, targets, body framing, chunked both ways, hop-by-hop fields, persistence,
//! and the writing of heads. All results are offsets into the caller's bytes. A message that two implementations
//! could read differently is refused with a [`Rejection`], never repaired: RFC 9112 often allows a recipient to be
//! lenient (bare LF, obs-fold, a list of equal lengths), and each such leniency is a way to smuggle a request past
//! whichever of two hops is the stricter one. Two tolerances are kept: empty lines before a request line, and a status
//! line without the space before its missing reason.
//!
//! Refused here although RFC 9110, 9112 or 3986 permit it:
//! - bare LF as a line end, obs-fold in responses;
//! - equal repeated or listed `Content-Length`, leading zeros in it;
//! - any transfer coding beside one `chunked`, so also `gzip, chunked`;
//! - a `Host` unlike an absolute target; percent-encoding, sub-delimiters, empty or zero-padded ports in a host; numbers
//!   that only some readers take for IPv4 addresses;
//! - trailers other than plain metadata, chunk sizes over 15 digits, extensions beyond a budget.
//!
//! Accepted although RFC 3986 wants it encoded, because browsers send it: `"<>\^{}|` and the backtick, in targets.
//!
//! What this layer does not know: which status answers a rejection, which routes exist, what a field is set to.
//!
//! Reading order of a request: [`parse_request_head`], [`request_target()`], [`request_framing`],
//! [`connection_options`], then [`ChunkedDecoder`] for a chunked body.

mod body_framing;
mod chunk_line;
mod chunked_decoder;
mod chunked_encoder;
mod field_table;
mod head_fault;
mod head_scan;
mod head_writer;
mod hop_by_hop;
mod persistence;
mod rejection;
mod request_head;
mod request_target;
mod response_head;
mod response_reader;
mod syntax;
mod trailer_section;

pub use body_framing::{BodyFraming, request_framing, response_framing};
pub use chunked_decoder::{ChunkedDecoder, ChunkedOutput, Decoded};
pub use chunked_encoder::{CHUNK_LINE_MAX, ChunkLine, LAST_CHUNK, chunk_line};
pub use field_table::{Field, FieldKind, FieldTable};
pub use head_writer::{HeadWriter, reason_phrase};
pub use hop_by_hop::{ConnectionOptions, connection_options};
pub use persistence::{keep_alive_timeout, request_persists, response_persists, upgrade_protocol};
pub use rejection::Rejection;
pub use request_head::{HeadLimits, Method, RequestHead, Version, parse_request_head};
pub use request_target::{RequestTarget, TargetForm, parse_authority, request_target};
pub use response_head::{ResponseHead, parse_response_head};
pub use response_reader::{ReceivedHead, ResponseFault, ResponsePiece, ResponseReader, media_type};
pub(crate) use syntax::{is_text_byte, is_token};
pub use trailer_section::trailer_fields;
