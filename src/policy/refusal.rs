//! The one map from a fault to the answer a client gets: status, reason token, RFC 9209 error type.
//!
//! Lower layers name faults and know no status. The reason token stands in the answer and in the access log; it is
//! stable, and says nothing that the peer does not know already.

mod answer;

pub use self::answer::{AnswerFrame, AnswerHints, write_document, write_fixed, write_refusal};
use super::access_rule::Denial;
use super::path_rules::PathFault;
use super::payload_rules::PayloadDenial;
use super::request_mapper::MapperFault;
use super::token_rules::TokenServerFault;
use crate::protocol::http1::Rejection;
use crate::protocol::token::bearer::CredentialsFault;
use crate::protocol::token::proof_of_possession::ProofFault;
use crate::protocol::token::verdict::TokenFault;

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
    /// The credentials of the request cannot be read.
    Credentials(CredentialsFault),
    /// The route asks for a token, and there is none.
    TokenMissing,
    /// The token is no good.
    Token(TokenFault),
    /// The token is good, and does not do here.
    Denied(Denial),
    /// Nothing can be said of the token: those who could are at fault.
    TokenServer(TokenServerFault),
    /// The request mapper has not mapped the request.
    Mapper(MapperFault),
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
    /// The application that the session's ticket names is not the token's.
    PayloadAppMismatch,
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
            | Self::Credentials(_)
            | Self::BodyIncomplete
            | Self::PlainHttp
            | Self::PayloadMalformed
            | Self::PayloadClock
            | Self::PayloadDate => 400,
            Self::TokenMissing | Self::Token(_) => 401,
            Self::Denied(denial) => denial_status(denial),
            Self::CertificateRequired
            | Self::CertificateNotListed
            | Self::PayloadRequired
            | Self::PayloadAppRefused
            | Self::PayloadAppMismatch => 403,
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
            | Self::TokenServer(_)
            | Self::Mapper(MapperFault::Busy)
            | Self::PayloadBusy
            | Self::PayloadPolicyUnavailable => 503,
            Self::ConnectTimeout
            | Self::ResponseTimeout
            | Self::ResponseStalled
            | Self::TunnelIdle
            | Self::Mapper(MapperFault::TimedOut) => 504,
            Self::NameUnresolved
            | Self::ConnectRefused
            | Self::HandshakeFailed
            | Self::ResponseIncomplete
            | Self::ResponseMalformed(_)
            | Self::UpgradeUnasked
            | Self::InterimFlood
            | Self::ResponseTooLong
            | Self::TunnelBroken
            | Self::Mapper(_) => 502,
            Self::ClientGone | Self::ClientStalled => 499,
        }
    }

    /// The stable token for logs, and for answers unless [`Refusal::told`] says less.
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
            Self::Credentials(fault) => fault.reason(),
            Self::TokenMissing => "token-missing",
            Self::Token(fault) => fault.reason(),
            Self::Denied(denial) => denial.reason(),
            Self::TokenServer(fault) => fault.reason(),
            Self::Mapper(fault) => fault.reason(),
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
            Self::PayloadAppMismatch => "payload-app-mismatch",
            Self::PayloadPolicyUnavailable => "payload-policy-unavailable",
        }
    }

    /// The token that the client is told. Of a token no more than that it is no good, so that nobody learns how far a
    /// made-up one came; of what stands behind the proxy no more than that it does not work.
    pub fn told(self) -> &'static str {
        match self {
            Self::Token(_)
            | Self::Denied(Denial::Issuer | Denial::Expired | Denial::Unbound | Denial::Unproven) => {
                "token-invalid"
            }
            Self::Denied(Denial::Proof(fault)) if fault != ProofFault::Nonce => "proof-invalid",
            Self::Denied(Denial::Scope(_)) => "scope-insufficient",
            Self::TokenServer(_) => "token-server-unavailable",
            Self::Mapper(_) => "mapper-failed",
            other => other.reason(),
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
            | Self::Credentials(_)
            | Self::PayloadMalformed
            | Self::PayloadSessionUnknown
            | Self::PayloadTooLarge
            | Self::PayloadMediaType
            | Self::PayloadKeyUnknown
            | Self::PayloadClock
            | Self::PayloadDate => "http_request_error",
            Self::CertificateRequired
            | Self::CertificateNotListed
            | Self::TokenMissing
            | Self::Token(_)
            | Self::Denied(_)
            | Self::PayloadRequired
            | Self::PayloadRate
            | Self::PayloadReplayed
            | Self::PayloadSessionRate
            | Self::PayloadAppRefused
            | Self::PayloadAppMismatch => "http_request_denied",
            // What fails beside the way to the server is the proxy's own affair.
            Self::TokenServer(_) | Self::Mapper(_) | Self::PayloadBusy => "proxy_internal_error",
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
            Self::PayloadAppMismatch => "urn:ringwall:payload-app-mismatch",
            Self::PayloadRate => "urn:ringwall:payload-rate",
            Self::PayloadKeyUnknown => "https://iana.org/assignments/http-problem-types#ohttp-key",
            Self::PayloadClock => "https://iana.org/assignments/http-problem-types#date",
            _ => "about:blank",
        }
    }

    /// Seconds after which the same request may find another answer, where that can be said.
    fn retry_after(self) -> Option<u64> {
        let passes = matches!(
            self,
            Self::PayloadBusy
                | Self::PayloadRate
                | Self::PayloadPolicyUnavailable
                | Self::TokenServer(_)
                | Self::Mapper(MapperFault::Busy)
        );
        passes.then_some(1)
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

impl From<PayloadDenial> for Refusal {
    fn from(denial: PayloadDenial) -> Self {
        match denial {
            PayloadDenial::Application => Self::PayloadAppRefused,
            PayloadDenial::Plaintext => Self::PayloadRequired,
            PayloadDenial::Unknown => Self::PayloadPolicyUnavailable,
        }
    }
}

/// 401 where another token, or another authentication, would do; 403 where the client is who it is.
fn denial_status(denial: Denial) -> u16 {
    match denial {
        Denial::Issuer
        | Denial::Expired
        | Denial::Unbound
        | Denial::Unproven
        | Denial::Proof(_)
        | Denial::IdTokenMissing
        | Denial::Level
        | Denial::Age => 401,
        Denial::Audience | Denial::Client | Denial::Scope(_) | Denial::Method => 403,
    }
}

#[cfg(test)]
mod tests;
