//! The one map from a fault to the answer a client gets: status, reason token, RFC 9209 error type.
//!
//! Lower layers name faults and know no status. The reason token stands in the answer and in the access log; it is
//! stable, and says nothing that the peer does not know already.

use super::path_rules::PathFault;
use super::payload_rules::PayloadDenial;
use crate::protocol::http1::{HeadWriter, Rejection, reason_phrase};

/// Why the proxy answers by itself, or cuts a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request breaks HTTP/1.1.
    Malformed(Rejection),
    /// The path can be read in more than one way.
    Path(PathFault),
    /// No route matches.
    NoRoute,
    /// A route matches but for the method.
    MethodNotAllowed,
    /// HTTP without TLS where TLS is spoken.
    PlainHttp,
    /// The host belongs to another certificate than the one this connection was made with.
    Misdirected,
    /// The route asks for a client certificate, and there is none.
    CertificateRequired,
    /// The client's certificate is none of those the route lists.
    CertificateNotListed,
    /// CONNECT: this is no forward proxy.
    ConnectUnsupported,
    /// TRACE with `Max-Forwards: 0`: its answer would show fields that are not the client's business.
    TraceRefused,
    /// The head did not arrive in time.
    HeadTimeout,
    /// The body stalled.
    BodyTimeout,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The client ended its direction before the body was complete.
    BodyIncomplete,
    /// The rewritten head does not fit.
    RewriteTooLong,
    /// No server of the upstream is usable.
    NoServer,
    /// The name of the server does not resolve.
    NameUnresolved,
    /// The server refused the connection or the network did.
    ConnectRefused,
    /// The connection did not stand in time.
    ConnectTimeout,
    /// The TLS handshake with the server failed.
    HandshakeFailed,
    /// This host has no descriptor, port or memory for another connection.
    Exhausted,
    /// The server closed before the head of its response was complete.
    ResponseIncomplete,
    /// The server did not answer in time.
    ResponseTimeout,
    /// The response breaks HTTP/1.1.
    ResponseMalformed(Rejection),
    /// 101 without having been asked, or for another protocol.
    UpgradeUnasked,
    /// More interim responses than a server has reason to send.
    InterimFlood,
    /// The rewritten head of the response does not fit.
    ResponseTooLong,
    /// The client went away; nobody is left to answer.
    ClientGone,
    /// The response stalled half way.
    ResponseStalled,
    /// The client stopped reading, or sending, half way.
    ClientStalled,
    /// A tunnel in which nothing moved for too long.
    TunnelIdle,
    /// A tunnel whose server failed.
    TunnelBroken,
    /// The drain deadline passed.
    Drained,
    /// A sealed message, or what opens a session, that is malformed or does not open.
    PayloadMalformed,
    /// A ticket that is unknown or expired.
    PayloadSessionUnknown,
    /// More plaintext in a chunk, or a larger message, than is taken.
    PayloadTooLarge,
    /// The route, or the application, takes sealed requests alone.
    PayloadRequired,
    /// A key that is not ours, or not for these algorithms.
    PayloadKeyUnknown,
    /// What opens a session was made at another time than now.
    PayloadClock,
    /// More session openings or single messages than one address may send.
    PayloadRate,
    /// The media type of the payload endpoints is another.
    PayloadMediaType,
    /// The message's time lies outside the window.
    PayloadDate,
    /// The message was seen before.
    PayloadReplayed,
    /// One session sends more messages than its share of the replay memory.
    PayloadSessionRate,
    /// The replay memory is full.
    PayloadBusy,
    /// The policy asks for an application identity and there is none, or this version is disabled.
    PayloadAppRefused,
    /// The policy service was asked in vain.
    PayloadPolicyUnavailable,
}

impl Refusal {
    /// Status of the answer (RFC 9110). For faults that only cut a response: what the log shows if none was sent.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed(Rejection::RequestLineTooLong) => 414,
            Self::Malformed(
                Rejection::HeadTooLarge | Rejection::TooManyFields | Rejection::TrailersTooLarge,
            )
            | Self::RewriteTooLong => 431,
            Self::Malformed(_)
            | Self::Path(_)
            | Self::BodyIncomplete
            | Self::PlainHttp
            | Self::PayloadMalformed
            | Self::PayloadClock
            | Self::PayloadDate => 400,
            Self::CertificateRequired
            | Self::CertificateNotListed
            | Self::PayloadRequired
            | Self::PayloadAppRefused => 403,
            Self::NoRoute => 404,
            Self::Misdirected => 421,
            Self::MethodNotAllowed | Self::TraceRefused => 405,
            Self::PayloadReplayed => 409,
            Self::PayloadMediaType => 415,
            Self::PayloadSessionUnknown | Self::PayloadKeyUnknown => 422,
            Self::PayloadSessionRate | Self::PayloadRate => 429,
            Self::ConnectUnsupported => 501,
            Self::HeadTimeout | Self::BodyTimeout => 408,
            Self::BodyTooLarge | Self::PayloadTooLarge => 413,
            Self::NoServer
            | Self::Exhausted
            | Self::Drained
            | Self::PayloadBusy
            | Self::PayloadPolicyUnavailable => 503,
            Self::ConnectTimeout | Self::ResponseTimeout | Self::ResponseStalled | Self::TunnelIdle => 504,
            Self::NameUnresolved
            | Self::ConnectRefused
            | Self::HandshakeFailed
            | Self::ResponseIncomplete
            | Self::ResponseMalformed(_)
            | Self::UpgradeUnasked
            | Self::InterimFlood
            | Self::ResponseTooLong
            | Self::TunnelBroken => 502,
            Self::ClientGone | Self::ClientStalled => 499,
        }
    }

    /// The stable token for answers and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed(rejection) => rejection.reason(),
            Self::Path(fault) => fault.reason(),
            Self::NoRoute => "no-route",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::PlainHttp => "tls-required",
            Self::Misdirected => "misdirected",
            Self::CertificateRequired => "certificate-required",
            Self::CertificateNotListed => "certificate-not-listed",
            Self::ConnectUnsupported => "connect-unsupported",
            Self::TraceRefused => "trace-refused",
            Self::HeadTimeout => "head-timeout",
            Self::BodyTimeout => "body-timeout",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyIncomplete => "body-incomplete",
            Self::RewriteTooLong => "rewrite-too-long",
            Self::NoServer => "no-server",
            Self::NameUnresolved => "name-unresolved",
            Self::ConnectRefused => "connect-refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::HandshakeFailed => "handshake-failed",
            Self::Exhausted => "exhausted",
            Self::ResponseIncomplete => "response-incomplete",
            Self::ResponseTimeout => "response-timeout",
            Self::ResponseMalformed(_) => "response-malformed",
            Self::UpgradeUnasked => "upgrade-unasked",
            Self::InterimFlood => "interim-flood",
            Self::ResponseTooLong => "response-too-long",
            Self::ClientGone => "client-gone",
            Self::ResponseStalled => "response-stalled",
            Self::ClientStalled => "client-stalled",
            Self::TunnelIdle => "tunnel-idle",
            Self::TunnelBroken => "tunnel-broken",
            Self::Drained => "drained",
            Self::PayloadMalformed => "payload-malformed",
            Self::PayloadSessionUnknown => "payload-session-unknown",
            Self::PayloadTooLarge => "payload-too-large",
            Self::PayloadRequired => "payload-required",
            Self::PayloadKeyUnknown => "payload-key-unknown",
            Self::PayloadClock => "payload-clock",
            Self::PayloadRate => "payload-rate",
            Self::PayloadMediaType => "media-type",
            Self::PayloadDate => "payload-date",
            Self::PayloadReplayed => "payload-replayed",
            Self::PayloadSessionRate => "payload-session-rate",
            Self::PayloadBusy => "payload-busy",
            Self::PayloadAppRefused => "payload-app-refused",
            Self::PayloadPolicyUnavailable => "payload-policy-unavailable",
        }
    }

    /// The error type of `Proxy-Status` (RFC 9209 section 2.3).
    pub fn proxy_error(self) -> &'static str {
        match self {
            Self::Malformed(_)
            | Self::Path(_)
            | Self::NoRoute
            | Self::MethodNotAllowed
            | Self::Misdirected
            | Self::PlainHttp
            | Self::TraceRefused
            | Self::HeadTimeout
            | Self::BodyTimeout
            | Self::BodyTooLarge
            | Self::BodyIncomplete
            | Self::RewriteTooLong
            | Self::ConnectUnsupported
            | Self::ClientGone
            | Self::ClientStalled
            | Self::PayloadMalformed
            | Self::PayloadSessionUnknown
            | Self::PayloadTooLarge
            | Self::PayloadMediaType
            | Self::PayloadKeyUnknown
            | Self::PayloadClock
            | Self::PayloadDate => "http_request_error",
            Self::CertificateRequired
            | Self::CertificateNotListed
            | Self::PayloadRequired
            | Self::PayloadRate
            | Self::PayloadReplayed
            | Self::PayloadSessionRate
            | Self::PayloadAppRefused => "http_request_denied",
            Self::PayloadBusy => "proxy_internal_error",
            Self::NoServer | Self::PayloadPolicyUnavailable => "destination_unavailable",
            Self::NameUnresolved => "dns_error",
            Self::ConnectRefused => "connection_refused",
            Self::ConnectTimeout => "connection_timeout",
            Self::HandshakeFailed => "tls_protocol_error",
            Self::Exhausted => "connection_limit_reached",
            Self::ResponseIncomplete | Self::ResponseStalled => "http_response_incomplete",
            Self::ResponseTimeout => "http_response_timeout",
            Self::ResponseMalformed(_) | Self::InterimFlood => "http_protocol_error",
            Self::UpgradeUnasked => "http_upgrade_failed",
            Self::ResponseTooLong => "http_response_header_section_size",
            Self::TunnelIdle => "connection_read_timeout",
            Self::TunnelBroken => "connection_terminated",
            Self::Drained => "proxy_internal_error",
        }
    }

    /// The type of the problem document (RFC 9457 section 3.1.1), where it has one of its own.
    pub fn problem_type(self) -> &'static str {
        match self {
            Self::PayloadMalformed => "urn:ringwall:payload-malformed",
            Self::PayloadSessionUnknown => "urn:ringwall:payload-session-unknown",
            Self::PayloadTooLarge => "urn:ringwall:payload-too-large",
            Self::PayloadRequired => "urn:ringwall:payload-required",
            Self::PayloadDate => "urn:ringwall:payload-date",
            Self::PayloadReplayed => "urn:ringwall:payload-replayed",
            Self::PayloadSessionRate => "urn:ringwall:payload-session-rate",
            Self::PayloadBusy => "urn:ringwall:payload-busy",
            Self::PayloadAppRefused => "urn:ringwall:payload-app-refused",
            Self::PayloadRate => "urn:ringwall:payload-rate",
            Self::PayloadKeyUnknown => "https://iana.org/assignments/http-problem-types#ohttp-key",
            Self::PayloadClock => "https://iana.org/assignments/http-problem-types#date",
            _ => "about:blank",
        }
    }

    /// Seconds after which the same request may find another answer, where that can be said.
    fn retry_after(self) -> Option<u64> {
        matches!(self, Self::PayloadBusy | Self::PayloadRate | Self::PayloadPolicyUnavailable).then_some(1)
    }

    /// True when the bytes that follow on the connection cannot be trusted to be the next request.
    pub fn poisons_connection(self) -> bool {
        matches!(
            self,
            Self::Malformed(_)
                | Self::HeadTimeout
                | Self::BodyTimeout
                | Self::BodyIncomplete
                | Self::BodyTooLarge
                | Self::ConnectUnsupported
        )
    }
}

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

impl From<PayloadDenial> for Refusal {
    fn from(denial: PayloadDenial) -> Self {
        match denial {
            PayloadDenial::Application => Self::PayloadAppRefused,
            PayloadDenial::Plaintext => Self::PayloadRequired,
            PayloadDenial::Unknown => Self::PayloadPolicyUnavailable,
        }
    }
}

/// Appends a whole answer to `out`: head and `application/problem+json` body (RFC 9457).
pub fn write_refusal(refusal: Refusal, allow: Option<&str>, frame: AnswerFrame<'_>, out: &mut Vec<u8>) {
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
        refusal.reason().as_bytes(),
        time[0],
        time[1],
        b"}\n",
    ];
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut writer = begin(status, frame, out);
    if let Some(allow) = allow {
        writer.field(b"allow", allow.as_bytes());
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

#[cfg(test)]
mod tests;
