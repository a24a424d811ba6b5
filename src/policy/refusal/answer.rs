//! Answers as bytes: refusals as problem documents (RFC 9457), fixed answers, documents.

use super::Refusal;
use crate::protocol::http1::{HeadWriter, reason_phrase};
use crate::protocol::token::challenge::Challenge;

/// What an answer made here needs besides its refusal.
#[derive(Clone, Copy, Debug)]
pub struct AnswerFrame<'a> {
    /// `Date`, as an IMF-fixdate.
    pub date: &'a [u8],
    /// What to say of the connection: `close`, `keep-alive` (to HTTP/1.0) or nothing.
    pub connection: Option<&'static [u8]>,
    /// True for HEAD: the body is announced and not sent.
    pub head_only: bool,
    /// Now, in seconds since 1970, for a client whose clock is wrong.
    pub time: Option<u64>,
}

/// What an answer says of how to come back.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerHints<'a> {
    /// Which methods there are.
    pub allow: Option<&'a str>,
    /// Which credentials would do: a field for each.
    pub challenges: &'a [Challenge<'a>],
    /// The nonce that a DPoP proof must have.
    pub nonce: Option<&'a str>,
}

/// Appends a whole answer to `out`: head and `application/problem+json` body (RFC 9457). Nothing in it is the peer's.
pub fn write_refusal(refusal: Refusal, hints: AnswerHints<'_>, frame: AnswerFrame<'_>, out: &mut Vec<u8>) {
    let status = refusal.status();
    let title = reason_phrase(status);
    let mut number = itoa::Buffer::new();
    let mut seconds = itoa::Buffer::new();
    let time = frame.time.filter(|_| refusal == Refusal::PayloadDate);
    let time: [&[u8]; 2] = match time {
        Some(time) => [br#"","time":"#, seconds.format(time).as_bytes()],
        None => [b"\"", b""],
    };
    let parts: [&[u8]; 11] = [
        br#"{"type":""#,
        refusal.problem_type().as_bytes(),
        br#"","title":""#,
        title.as_bytes(),
        br#"","status":"#,
        number.format(status).as_bytes(),
        br#","reason":""#,
        refusal.told().as_bytes(),
        time[0],
        time[1],
        b"}\n",
    ];
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut writer = begin(status, frame, out);
    if let Some(allow) = hints.allow {
        writer.field(b"allow", allow.as_bytes());
    }
    for challenge in hints.challenges {
        writer.field_if(b"www-authenticate", |out| {
            challenge.write(out);
            true
        });
    }
    if let Some(nonce) = hints.nonce {
        writer.field(b"dpop-nonce", nonce.as_bytes());
    }
    if let Some(seconds) = refusal.retry_after() {
        writer.field_number(b"retry-after", seconds);
    }
    writer.field(b"content-type", b"application/problem+json");
    writer.field(b"cache-control", b"no-store");
    writer.field_number(b"content-length", length as u64);
    out.extend_from_slice(b"proxy-status: ringwall; error=");
    out.extend_from_slice(refusal.proxy_error().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    if !frame.head_only {
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }
}

/// Appends a whole answer without a body to `out`: what a route's `answer` says.
pub fn write_fixed(
    status: u16,
    location: Option<&[u8]>,
    allow: Option<&str>,
    frame: AnswerFrame<'_>,
    out: &mut Vec<u8>,
) {
    let mut writer = begin(status, frame, out);
    if let Some(location) = location {
        writer.field(b"location", location);
    }
    if let Some(allow) = allow {
        writer.field(b"allow", allow.as_bytes());
    }
    if status != 204 && status != 304 {
        writer.field_number(b"content-length", 0);
    }
    writer.end();
}

/// Appends a whole answer with `body`, not to be stored.
pub fn write_document(media_type: &str, body: &[u8], frame: AnswerFrame<'_>, out: &mut Vec<u8>) {
    let mut writer = begin(200, frame, out);
    writer.field(b"content-type", media_type.as_bytes());
    writer.field(b"cache-control", b"no-store");
    writer.field_number(b"content-length", body.len() as u64);
    writer.end();
    if !frame.head_only {
        out.extend_from_slice(body);
    }
}

fn begin<'w>(status: u16, frame: AnswerFrame<'_>, out: &'w mut Vec<u8>) -> HeadWriter<'w> {
    let mut writer = HeadWriter::new(out);
    writer.status_line(status, reason_phrase(status).as_bytes());
    writer.field(b"date", frame.date);
    if let Some(connection) = frame.connection {
        writer.field(b"connection", connection);
    }
    writer
}
