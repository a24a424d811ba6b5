//! Binary HTTP (RFC 9292): requests and responses as bytes, read in pieces where they lie and written into the caller's
//! memory.
//!
//! Read strictly: a message that an HTTP/1.1 hop could read in two ways is refused with a [`BhttpFault`], never
//! repaired. Left to others: the grammar of host and path, routes, which status answers a fault, how much content is
//! too much.
//!
//! ```text
//! known length    0|1  control  length|fields  length|content             length|fields  zeros
//! indeterminate   2|3  control  fields|0       (length|content)* | 0      fields|0       zeros
//! ```
//! What is empty at the end may be missing (RFC 9292 section 3.8), whole parts only: a section or content that was begun
//! must end. The header section of an indeterminate message has an end in any case.
//!
//! Nothing read is looked at twice: a decoder keeps its place, and its caller keeps the bytes that were not yet reported
//! as consumed at the front of what it gives.

mod control_data;
mod cursor;
mod encoder;
mod fault;
mod field_list;
mod field_rules;
mod field_section;
mod message_body;
mod request_decoder;
mod response_decoder;

pub use control_data::Scheme;
pub use encoder::{
    CONTENT_END, Framing, RequestControl, frame_content, push_content_head, push_request_head,
    push_response_head, push_trailers,
};
pub use fault::BhttpFault;
pub use field_list::{FieldLine, FieldList};
pub use message_body::Part;
pub use request_decoder::{RequestDecoder, RequestHead};
pub use response_decoder::{ResponseDecoder, ResponseHead};

/// How large the parts of a message may be, beside those that [`crate::limits`] bounds for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// Bytes of the path with its query.
    pub path_bytes: usize,
    /// Bytes of everything before the content, both as it came and as HTTP/1.1 would write the fields.
    pub head_bytes: usize,
    /// Fields in the header section.
    pub field_count: usize,
}

#[cfg(test)]
mod tests;
