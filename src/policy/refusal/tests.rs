//! Every refusal has a status, a token of its own and a registered error type, and its answer is a valid message.

use std::collections::BTreeSet;

use super::*;
use crate::limits;
use crate::policy::access_rule::fixture::jwt_issuer;
use crate::policy::access_rule::{JudgedRule, SenderConstraint};
use crate::policy::token_challenges::challenges;
use crate::policy::token_rules::IssuerId;
use crate::protocol::http1::{
    BodyFraming, FieldKind, FieldTable, HeadLimits, Method, parse_response_head, response_framing,
};
use crate::protocol::progress::Progress;
use crate::protocol::token::introspection::Outage;
use crate::protocol::token::verdict::ScopeShortfall;

/// IANA, HTTP Proxy Error Types (RFC 9209 section 5).
const ERROR_TYPES: &[&str] = &[
    "connection_limit_reached",
    "connection_read_timeout",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "destination_unavailable",
    "dns_error",
    "http_protocol_error",
    "http_request_denied",
    "http_request_error",
    "http_response_header_section_size",
    "http_response_incomplete",
    "http_response_timeout",
    "http_upgrade_failed",
    "proxy_internal_error",
];

const REJECTIONS: &[Rejection] = &[
    Rejection::RequestLineTooLong,
    Rejection::HeadTooLarge,
    Rejection::TooManyFields,
    Rejection::TrailersTooLarge,
    Rejection::BareCr,
    Rejection::BareLf,
    Rejection::Nul,
    Rejection::ObsFold,
    Rejection::SpaceBeforeColon,
    Rejection::InvalidFieldName,
    Rejection::InvalidFieldValue,
    Rejection::InvalidMethod,
    Rejection::InvalidVersion,
    Rejection::InvalidTarget,
    Rejection::InvalidStatus,
    Rejection::HostMissing,
    Rejection::HostRepeated,
    Rejection::HostInvalid,
    Rejection::HostUnlikeTarget,
    Rejection::BothLengths,
    Rejection::LengthRepeated,
    Rejection::LengthInvalid,
    Rejection::TransferCodingUnsupported,
    Rejection::ChunkSizeInvalid,
    Rejection::ChunkSizeOverflow,
    Rejection::ChunkExtensionInvalid,
    Rejection::ChunkExtensionsTooLarge,
    Rejection::ChunkEndInvalid,
    Rejection::ChunkLineTooLong,
    Rejection::TrailerForbidden,
    Rejection::TrailerInvalid,
];

const PATH_FAULTS: &[PathFault] = &[
    PathFault::DotSegment,
    PathFault::EmptySegment,
    PathFault::EncodedSlash,
    PathFault::EncodedBackslash,
    PathFault::EncodedNul,
    PathFault::Backslash,
    PathFault::InvalidEncoding,
    PathFault::InvalidByte,
    PathFault::NotAbsolute,
];

/// The refusals without a cause, with status and error type: stable, because scripts and dashboards rely on them.
const PLAIN: &[(Refusal, u16, &str)] = &[
    (Refusal::NoRoute, 404, "http_request_error"),
    (Refusal::MethodNotAllowed, 405, "http_request_error"),
    (Refusal::ConnectUnsupported, 501, "http_request_error"),
    (Refusal::TraceRefused, 405, "http_request_error"),
    (Refusal::HeadTimeout, 408, "http_request_error"),
    (Refusal::BodyTimeout, 408, "http_request_error"),
    (Refusal::BodyTooLarge, 413, "http_request_error"),
    (Refusal::BodyIncomplete, 400, "http_request_error"),
    (Refusal::RewriteTooLong, 431, "http_request_error"),
    (Refusal::NoServer, 503, "destination_unavailable"),
    (Refusal::NameUnresolved, 502, "dns_error"),
    (Refusal::ConnectRefused, 502, "connection_refused"),
    (Refusal::ConnectTimeout, 504, "connection_timeout"),
    (Refusal::Exhausted, 503, "connection_limit_reached"),
    (Refusal::ResponseIncomplete, 502, "http_response_incomplete"),
    (Refusal::ResponseTimeout, 504, "http_response_timeout"),
    (Refusal::UpgradeUnasked, 502, "http_upgrade_failed"),
    (Refusal::InterimFlood, 502, "http_protocol_error"),
    (Refusal::ResponseTooLong, 502, "http_response_header_section_size"),
    (Refusal::ClientGone, 499, "http_request_error"),
    (Refusal::ResponseStalled, 504, "http_response_incomplete"),
    (Refusal::ClientStalled, 499, "http_request_error"),
    (Refusal::TunnelIdle, 504, "connection_read_timeout"),
    (Refusal::TunnelBroken, 502, "connection_terminated"),
    (Refusal::Drained, 503, "proxy_internal_error"),
    (Refusal::TokenMissing, 401, "http_request_denied"),
];

/// What the client is told of tokens: the status and the word.
const TOKENS: &[(Refusal, u16, &str)] = &[
    (Refusal::Credentials(CredentialsFault::Malformed), 400, "credentials-malformed"),
    (Refusal::Credentials(CredentialsFault::Repeated), 400, "credentials-repeated"),
    (Refusal::Credentials(CredentialsFault::TooLong), 400, "credentials-too-long"),
    (Refusal::Denied(Denial::Issuer), 401, "token-invalid"),
    (Refusal::Denied(Denial::Expired), 401, "token-invalid"),
    (Refusal::Denied(Denial::Unbound), 401, "token-invalid"),
    (Refusal::Denied(Denial::Unproven), 401, "token-invalid"),
    (Refusal::Denied(Denial::IdTokenMissing), 401, "id-token-missing"),
    (Refusal::Denied(Denial::Audience), 403, "audience-denied"),
    (Refusal::Denied(Denial::Client), 403, "client-denied"),
    (Refusal::Denied(Denial::Scope(ScopeShortfall::Absent)), 403, "scope-insufficient"),
    (Refusal::Denied(Denial::Scope(ScopeShortfall::Expired)), 403, "scope-insufficient"),
    (Refusal::Denied(Denial::Scope(ScopeShortfall::MandatoryExpired)), 403, "scope-insufficient"),
    (Refusal::Denied(Denial::Method), 403, "authentication-method"),
    (Refusal::Denied(Denial::Level), 401, "authentication-level"),
    (Refusal::Denied(Denial::Age), 401, "authentication-age"),
    (Refusal::TokenServer(TokenServerFault::Answer(Outage::Unauthorized)), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::Answer(Outage::Status(500))), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::Answer(Outage::Malformed)), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::Answer(Outage::TimeUnit)), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::Answer(Outage::TooLong)), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::Busy), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::KeysMissing), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::TimedOut), 503, "token-server-unavailable"),
    (Refusal::TokenServer(TokenServerFault::Unreachable), 503, "token-server-unavailable"),
    (Refusal::Mapper(MapperFault::Busy), 503, "mapper-failed"),
    (Refusal::Mapper(MapperFault::FieldName), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::FieldOwn), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::FieldRepeated), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::FieldValue), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::Malformed), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::Prefix), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::Status(500)), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::Target), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::TimedOut), 504, "mapper-failed"),
    (Refusal::Mapper(MapperFault::TooLong), 502, "mapper-failed"),
    (Refusal::Mapper(MapperFault::Unreachable), 502, "mapper-failed"),
];

fn all() -> Vec<Refusal> {
    let plain = PLAIN.iter().map(|(refusal, ..)| *refusal);
    let malformed = REJECTIONS.iter().map(|rejection| Refusal::Malformed(*rejection));
    let paths = PATH_FAULTS.iter().map(|fault| Refusal::Path(*fault));
    let tokens = TOKENS.iter().map(|(refusal, ..)| *refusal);
    let faults = TokenFault::ALL.into_iter().map(Refusal::Token);
    let proofs = ProofFault::ALL.into_iter().map(|fault| Refusal::Denied(Denial::Proof(fault)));
    let others = tokens.chain(faults).chain(proofs).chain([Refusal::ResponseMalformed(Rejection::BareCr)]);
    plain.chain(malformed).chain(paths).chain(others).collect()
}

#[test]
fn status_and_error_type_are_as_documented() {
    for (refusal, status, error) in PLAIN {
        assert_eq!((refusal.status(), refusal.proxy_error()), (*status, *error), "{refusal:?}");
    }
    for rejection in REJECTIONS {
        let status = match rejection {
            Rejection::RequestLineTooLong => 414,
            Rejection::HeadTooLarge | Rejection::TooManyFields | Rejection::TrailersTooLarge => 431,
            _ => 400,
        };
        let refusal = Refusal::Malformed(*rejection);
        assert_eq!((refusal.status(), refusal.proxy_error()), (status, "http_request_error"));
        let response = Refusal::ResponseMalformed(*rejection);
        assert_eq!((response.status(), response.proxy_error()), (502, "http_protocol_error"));
    }
    assert!(PATH_FAULTS.iter().all(|fault| Refusal::Path(*fault).status() == 400));
}

#[test]
fn every_refusal_has_a_token_of_its_own_and_a_registered_error_type() {
    let mut reasons = BTreeSet::new();
    for refusal in all() {
        let reason = refusal.reason();
        assert!(reasons.insert(reason), "{reason} stands for two faults");
        assert!(reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{reason}");
        assert!(ERROR_TYPES.contains(&refusal.proxy_error()), "{refusal:?}");
        assert_ne!(reason, "ok");
    }
}

#[test]
fn what_leaves_the_end_of_a_request_in_doubt_poisons_the_connection() {
    for refusal in all() {
        let expected = matches!(
            refusal.reason(),
            "connect-unsupported" | "head-timeout" | "body-timeout" | "body-too-large" | "body-incomplete"
        ) || matches!(refusal, Refusal::Malformed(_));
        assert_eq!(refusal.poisons_connection(), expected, "{refusal:?}");
    }
}

const DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

/// Holds that `message` is one whole response of `status`; returns its fields and body.
#[track_caller]
fn check_message(message: &[u8], status: u16, method: Method) -> (FieldTable, Vec<u8>) {
    let limits = HeadLimits {
        request_line: 0,
        header_bytes: limits::HEADER_BYTES,
        header_count: limits::HEADER_COUNT,
    };
    let mut fields = FieldTable::new();
    let Ok(Progress::Done { value, consumed }) = parse_response_head(message, 0, &limits, &mut fields) else {
        panic!("no head: {}", String::from_utf8_lossy(message));
    };
    assert_eq!(value.status, status);
    assert_eq!(fields.first(FieldKind::Date).map(|date| date.value.of(message)), Some(DATE));
    let body = message[consumed..].to_vec();
    match response_framing(message, method, &value, &fields).unwrap() {
        BodyFraming::Length(length) => assert_eq!(length, body.len() as u64),
        framing => assert!(framing == BodyFraming::None && body.is_empty(), "{framing:?}"),
    }
    (fields, body)
}

#[test]
fn every_answer_is_a_whole_message_that_names_its_reason() {
    for refusal in all() {
        for (head_only, method) in [(false, Method::Get), (true, Method::Head)] {
            let mut out = Vec::new();
            let frame = AnswerFrame { date: DATE, connection: Some(b"close"), head_only, time: None };
            let hints = AnswerHints { allow: Some("GET, HEAD"), ..AnswerHints::default() };
            write_refusal(refusal, hints, frame, &mut out);
            let (fields, body) = check_message(&out, refusal.status(), method);
            assert_eq!(body.is_empty(), head_only);
            let value = |kind| fields.first(kind).map(|field| field.value.of(&out)).unwrap();
            assert_eq!(value(FieldKind::ContentType), b"application/problem+json");
            assert_eq!(value(FieldKind::CacheControl), b"no-store");
            assert_eq!(value(FieldKind::Connection), b"close");
            let error = format!("ringwall; error={}", refusal.proxy_error());
            assert_eq!(value(FieldKind::ProxyStatus), error.as_bytes());
            if !head_only {
                let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(problem["status"], refusal.status());
                assert_eq!(problem["reason"], refusal.told());
                assert_eq!(problem["type"], "about:blank");
                assert!(problem["title"].is_string());
            }
        }
    }
}

#[test]
fn fixed_answers_are_whole_messages() {
    for (status, location, has_length) in
        [(200, None, true), (204, None, false), (304, None, false), (308, Some(&b"https://b/"[..]), true)]
    {
        let mut out = Vec::new();
        write_fixed(
            status,
            location,
            None,
            AnswerFrame { date: DATE, connection: None, head_only: false, time: None },
            &mut out,
        );
        let (fields, _) = check_message(&out, status, Method::Get);
        assert_eq!(fields.first(FieldKind::Location).map(|field| field.value.of(&out)), location);
        assert_eq!(fields.first(FieldKind::ContentLength).is_some(), has_length);
        assert!(fields.first(FieldKind::Connection).is_none());
    }
}

#[test]
fn a_client_learns_of_a_token_that_it_is_no_good_and_no_more() {
    for (refusal, status, told) in TOKENS {
        assert_eq!((refusal.status(), refusal.told()), (*status, *told), "{refusal:?}");
    }
    for fault in TokenFault::ALL {
        let refusal = Refusal::Token(fault);
        assert_eq!(
            (refusal.status(), refusal.told(), refusal.reason()),
            (401, "token-invalid", fault.reason())
        );
    }
    for fault in ProofFault::ALL {
        let refusal = Refusal::Denied(Denial::Proof(fault));
        let told = if fault == ProofFault::Nonce { "proof-nonce" } else { "proof-invalid" };
        assert_eq!((refusal.status(), refusal.told(), refusal.reason()), (401, told, fault.reason()));
    }
    for (refusal, ..) in PLAIN {
        assert_eq!(refusal.told(), refusal.reason());
    }
}

#[test]
fn an_outage_is_worth_another_try_and_a_bad_token_is_not() {
    for refusal in all() {
        let mut out = Vec::new();
        let frame = AnswerFrame { date: DATE, connection: None, head_only: false, time: None };
        write_refusal(refusal, AnswerHints::default(), frame, &mut out);
        let has_time = String::from_utf8(out).unwrap().contains("\r\nretry-after: 1\r\n");
        let expected = matches!(refusal, Refusal::TokenServer(_) | Refusal::Mapper(MapperFault::Busy));
        assert_eq!(has_time, expected, "{refusal:?}");
    }
}

#[test]
fn every_challenge_has_a_field_of_its_own() {
    let rule = JudgedRule {
        realm: Some("a \"b\"".to_owned()),
        sender_constraint: Some(SenderConstraint::Any),
        ..JudgedRule::new(&[jwt_issuer()], vec![IssuerId(0)])
    };
    let refusal = Refusal::TokenMissing;
    let challenges = challenges(&rule, refusal, None);
    let hints = AnswerHints { challenges: &challenges, nonce: Some("n-1"), ..AnswerHints::default() };
    let frame = AnswerFrame { date: DATE, connection: None, head_only: true, time: None };
    let mut out = Vec::new();
    write_refusal(refusal, hints, frame, &mut out);
    let (fields, _) = check_message(&out, 401, Method::Head);
    let named = |name: &str| -> Vec<String> {
        let own = fields.iter().filter(|field| field.name.of(&out) == name.as_bytes());
        own.map(|field| String::from_utf8(field.value.of(&out).to_vec()).unwrap()).collect()
    };
    assert_eq!(
        named("www-authenticate"),
        ["Bearer realm=\"a \\\"b\\\"\"", "DPoP realm=\"a \\\"b\\\"\", algs=\"ES256 EdDSA PS256\"",]
    );
    assert_eq!(named("dpop-nonce"), ["n-1"]);
    assert!(named("retry-after").is_empty());
}
