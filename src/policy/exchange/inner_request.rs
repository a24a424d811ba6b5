//! The head of an opened request in HTTP/1.1's form, to be read and judged as one that came in plain.
//!
//! What Binary HTTP allows is checked by its decoder; what HTTP/1.1 allows is checked again when this text is parsed, so
//! that an inner request gets past nothing that a plain one would not.

use crate::policy::refusal::Refusal;
use crate::protocol::http1::{HeadWriter, Rejection};
use crate::protocol::payload::binary_http::{BhttpFault, FieldList, RequestHead};

/// How the content goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// With so many bytes.
    Length(u64),
    /// With an end that is not known yet.
    Chunked,
}

/// Appends the head that `bytes` hold in Binary HTTP's form.
pub(super) fn write_inner_head(
    bytes: &[u8],
    head: &RequestHead,
    fields: &FieldList,
    content: Content,
    out: &mut Vec<u8>,
) {
    let mut writer = HeadWriter::new(out);
    writer.request_line(head.method.of(bytes), head.path.of(bytes));
    writer.field(b"host", head.authority.of(bytes));
    let mut says_length = false;
    let mut cookies = 0;
    for field in fields.iter() {
        match field.name.of(bytes) {
            // Once, in front.
            b"host" => {}
            // Held to the content by the decoder, and said below.
            b"content-length" => says_length = true,
            b"cookie" => cookies += 1,
            name => writer.field(name, field.value.of(bytes)),
        }
    }
    if cookies > 0 {
        write_cookies(bytes, fields, out);
    }
    let mut writer = HeadWriter::new(out);
    match content {
        Content::Length(0) if !says_length && !means_content(head.method.of(bytes)) => {}
        Content::Length(length) => writer.field_number(b"content-length", length),
        Content::Chunked => writer.field(b"transfer-encoding", b"chunked"),
    }
    writer.end();
}

/// What a fault in the inner message is answered with.
pub(super) fn refusal_for(fault: BhttpFault) -> Refusal {
    match fault {
        BhttpFault::PathTooLong => Refusal::Malformed(Rejection::RequestLineTooLong),
        BhttpFault::HeadTooLarge => Refusal::Malformed(Rejection::HeadTooLarge),
        BhttpFault::TooManyFields => Refusal::Malformed(Rejection::TooManyFields),
        _ => Refusal::PayloadMalformed,
    }
}

/// Servers may ask for a length with these even if it is 0 (RFC 9110 section 8.6).
fn means_content(method: &[u8]) -> bool {
    matches!(method, b"POST" | b"PUT" | b"PATCH")
}

/// In HTTP/1.1 there is one field of cookies (RFC 9113 section 8.2.3).
fn write_cookies(bytes: &[u8], fields: &FieldList, out: &mut Vec<u8>) {
    let mut separator: &[u8] = b"cookie: ";
    for field in fields.iter().filter(|field| field.name.of(bytes) == b"cookie") {
        out.extend_from_slice(separator);
        out.extend_from_slice(field.value.of(bytes));
        separator = b"; ";
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::payload::binary_http::{
        Framing, MessageLimits, RequestControl, RequestDecoder, push_request_head,
    };
    use crate::protocol::progress::Progress;

    #[track_caller]
    fn check(fields: &[(&str, &str)], content: Content, expected: &str) {
        let method = expected.split(' ').next().unwrap().as_bytes();
        let control = RequestControl { method, scheme: b"https", authority: b"a.test:8443", path: b"/x?y" };
        let mut message = Vec::new();
        let named = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        push_request_head(Framing::Indeterminate, &control, named, &mut message);
        let limits = MessageLimits { path_bytes: 100, head_bytes: 1000, field_count: 10 };
        let mut list = FieldList::new();
        let head = RequestDecoder::new(limits).head(&message, false, &mut list).unwrap();
        let Progress::Done { value, .. } = head else { panic!("incomplete") };
        let mut out = Vec::new();
        write_inner_head(&message, &value, &list, content, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn host_and_length_are_said_once() {
        check(
            &[("accept", "*/*"), ("host", "a.test:8443"), ("cookie", "a=1"), ("cookie", "b=2")],
            Content::Length(0),
            "GET /x?y HTTP/1.1\r\nhost: a.test:8443\r\naccept: */*\r\ncookie: a=1; b=2\r\n\r\n",
        );
        let with_length = "PUT /x?y HTTP/1.1\r\nhost: a.test:8443\r\ncontent-length: 0\r\n\r\n";
        check(&[("content-length", "0")], Content::Length(0), with_length);
        check(&[("content-length", "0")], Content::Length(0), &with_length.replace("PUT", "GET"));
        check(&[], Content::Length(0), with_length);
        check(&[("content-length", "5")], Content::Length(5), &with_length.replace('0', "5"));
        check(&[], Content::Length(5), &with_length.replace('0', "5"));
        let chunked = "PUT /x?y HTTP/1.1\r\nhost: a.test:8443\r\ntransfer-encoding: chunked\r\n\r\n";
        check(&[], Content::Chunked, chunked);
    }
}
