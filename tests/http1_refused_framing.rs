//! Every refusal of routing and framing by name: a message that is right but for that one fault.
//!
//! The cases are named after the check they hold: take the check out and its case fails.

mod http1_reading;

use http1_reading::{
    check_request, check_response, read_response, response_with, unchunk, unchunk_cut, with_fields,
};
use ringwall::protocol::http1::{ChunkedOutput, Method, Rejection};

#[test]
fn hosts() {
    use Rejection::{
        HostInvalid as Invalid, HostMissing as Missing, HostRepeated as Repeated, HostUnlikeTarget as Unlike,
    };
    for (name, message, fault) in [
        ("missing", "GET / HTTP/1.1\r\n\r\n", Missing),
        ("missing with an absolute target", "GET http://a/ HTTP/1.1\r\n\r\n", Missing),
        ("missing with an asterisk", "OPTIONS * HTTP/1.1\r\n\r\n", Missing),
        ("missing with CONNECT", "CONNECT a:1 HTTP/1.1\r\n\r\n", Missing),
        ("repeated", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Repeated),
        ("repeated alike", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: a\r\n\r\n", Repeated),
        ("repeated in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Repeated),
        (
            "repeated with an absolute target",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            Repeated,
        ),
        ("empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Invalid),
        ("empty in HTTP/1.0", "GET / HTTP/1.0\r\nHost: \r\n\r\n", Invalid),
        ("a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Invalid),
        ("two words", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Invalid),
        ("userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Invalid),
        ("a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Invalid),
        ("a URL", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", Invalid),
        ("a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", Invalid),
        ("a port too large", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", Invalid),
        ("an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", Invalid),
        ("invalid with an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a@a\r\n\r\n", Invalid),
        ("another name", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", Unlike),
        ("a longer name", "GET http://a/ HTTP/1.1\r\nHost: a.b\r\n\r\n", Unlike),
        ("a trailing dot", "GET http://a/ HTTP/1.1\r\nHost: a.\r\n\r\n", Unlike),
        ("another port", "GET http://a:1/ HTTP/1.1\r\nHost: a:2\r\n\r\n", Unlike),
        ("a port only in Host", "GET http://a/ HTTP/1.1\r\nHost: a:8080\r\n\r\n", Unlike),
        ("a port only in the target", "GET http://a:8080/ HTTP/1.1\r\nHost: a\r\n\r\n", Unlike),
        ("the default port of another scheme", "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", Unlike),
        ("another name in HTTP/1.0", "GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n", Unlike),
        ("another name with CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: b:1\r\n\r\n", Unlike),
        ("another port with CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:2\r\n\r\n", Unlike),
    ] {
        check_request(name, message.as_bytes(), fault);
    }
}

#[test]
fn lengths_and_codings() {
    use Rejection::{
        BothLengths as Both, LengthInvalid as Invalid, LengthRepeated as Repeated,
        TransferCodingUnsupported as Coding,
    };
    for (name, fields, fault) in [
        ("both", "Content-Length: 5\r\nTransfer-Encoding: chunked", Both),
        ("both, the other way round", "Transfer-Encoding: chunked\r\nContent-Length: 5", Both),
        ("both with length zero", "Transfer-Encoding: chunked\r\nContent-Length: 0", Both),
        ("both, in odd case", "transfer-encoding: identity\r\nCONTENT-LENGTH: 5", Both),
        ("both, both malformed", "Transfer-Encoding:\r\nContent-Length:", Both),
        ("repeated", "Content-Length: 5\r\nContent-Length: 5", Repeated),
        ("repeated and differing", "Content-Length: 5\r\nContent-Length: 6", Repeated),
        ("repeated with fields between", "Content-Length: 5\r\nX: y\r\ncontent-length: 0", Repeated),
        ("a list", "Content-Length: 5, 5", Repeated),
        ("a list with one element", "Content-Length: 5,", Repeated),
        ("empty", "Content-Length:", Invalid),
        ("signed", "Content-Length: +5", Invalid),
        ("negative", "Content-Length: -5", Invalid),
        ("hexadecimal", "Content-Length: 0x5", Invalid),
        ("a fraction", "Content-Length: 5.0", Invalid),
        ("an exponent", "Content-Length: 5e1", Invalid),
        ("letters", "Content-Length: five", Invalid),
        ("two words", "Content-Length: 5 5", Invalid),
        ("leading zero", "Content-Length: 05", Invalid),
        ("over 64 bits", "Content-Length: 18446744073709551616", Invalid),
        ("far over 64 bits", "Content-Length: 99999999999999999999999", Invalid),
        ("other digits", "Content-Length: \u{663}", Invalid),
        ("identity", "Transfer-Encoding: identity", Coding),
        ("empty coding", "Transfer-Encoding:", Coding),
        ("gzip", "Transfer-Encoding: gzip", Coding),
        ("gzip and chunked", "Transfer-Encoding: gzip, chunked", Coding),
        ("chunked not last", "Transfer-Encoding: chunked, gzip", Coding),
        ("chunked twice", "Transfer-Encoding: chunked, chunked", Coding),
        ("chunked in two fields", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Coding),
        ("chunked after identity", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", Coding),
        ("chunked before identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", Coding),
        ("an empty element", "Transfer-Encoding: , chunked", Coding),
        ("a trailing comma", "Transfer-Encoding: chunked,", Coding),
        ("a parameter", "Transfer-Encoding: chunked;q=1", Coding),
        ("quoted", "Transfer-Encoding: \"chunked\"", Coding),
        ("misspelt", "Transfer-Encoding: xchunked", Coding),
        ("misspelt at the end", "Transfer-Encoding: chunkedx", Coding),
        ("no ASCII case folding", "Transfer-Encoding: chun\u{212a}ed", Coding),
    ] {
        check_request(name, &with_fields(fields), fault);
        check_response(name, &response_with(fields), fault);
        for method in [Method::Head, Method::Connect] {
            let outcome = read_response(&response_with(fields), method);
            assert_eq!(outcome.err(), Some(fault), "{name} for {method:?}");
        }
        for status in [100, 204, 304] {
            let message = format!("HTTP/1.1 {status} \r\n{fields}\r\n\r\n");
            check_response(name, message.as_bytes(), fault);
        }
    }
    for coding in ["chunked", "gzip"] {
        let fields = format!("Transfer-Encoding: {coding}\r\n\r\n");
        check_request("HTTP/1.0", format!("GET / HTTP/1.0\r\n{fields}").as_bytes(), Coding);
        check_response("HTTP/1.0", format!("HTTP/1.0 200 OK\r\n{fields}").as_bytes(), Coding);
    }
}

#[test]
fn chunks() {
    use Rejection::{
        BareCr, BareLf, ChunkEndInvalid as End, ChunkExtensionInvalid as Extension, ChunkLineTooLong as Long,
        ChunkSizeInvalid as Size, ChunkSizeOverflow as Overflow,
    };
    let long = format!("5;{}\r\nhello\r\n", "a".repeat(300));
    for (name, body, fault) in [
        ("no size", "\r\nhello\r\n", Size),
        ("signed size", "+5\r\nhello\r\n", Size),
        ("prefixed size", "0x5\r\nhello\r\n", Size),
        ("space before the size", " 5\r\nhello\r\n", Size),
        ("space after the size", "5 \r\nhello\r\n", Size),
        ("size not hexadecimal", "5g\r\nhello\r\n", Size),
        ("size over 15 digits", "10000000000000005\r\nhello\r\n", Overflow),
        ("size of 16 digits", "8000000000000000\r\nhello\r\n", Overflow),
        ("second size of 16 digits", "1\r\na\r\nffffffffffffffff\r\n", Overflow),
        ("bare lf after the size", "5\nhello\r\n", BareLf),
        ("bare lf in an extension", "5;a\nb\r\nhello\r\n", BareLf),
        ("bare lf after the last size", "0\n\r\n", BareLf),
        ("bare cr after the size", "5\r5\r\nhello\r\n", BareCr),
        ("bare cr in an extension", "5;a\r0\r\nhello\r\n", BareCr),
        ("malformed extension", "5;\r\nhello\r\n", Extension),
        ("unterminated quoted extension", "5;a=\"\r\nhello\r\n", Extension),
        ("line too long", &long, Long),
        ("data longer than its size", "4\r\nhello\r\n", End),
        ("data shorter than its size", "6\r\nhello\r\n0\r\n\r\n", End),
        ("bare lf after data", "5\r\nhello\n0\r\n\r\n", End),
        ("bare cr after data", "5\r\nhello\r0\r\n\r\n", End),
        ("cr cr lf after data", "5\r\nhello\r\r\n0\r\n\r\n", End),
        ("no line end after data", "5\r\nhello0\r\n\r\n", End),
    ] {
        check_chunked(name, body.as_bytes(), fault);
    }
}

fn check_chunked(name: &str, body: &[u8], fault: Rejection) {
    for output in [ChunkedOutput::Framed, ChunkedOutput::Bare] {
        let outcome = unchunk(body, output);
        assert_eq!(outcome.as_ref().err(), Some(&fault), "{name}: {outcome:?}");
    }
}

#[test]
fn trailers() {
    use Rejection::{
        BareLf, TrailerForbidden as Forbidden, TrailerInvalid as Invalid, TrailersTooLarge as Large,
    };
    for (name, section, fault) in [
        ("bare lf", "X: a\n\r\n", BareLf),
        ("bare lf as the end", "X: a\r\n\n", BareLf),
        ("bare lf for the section", "\n", BareLf),
        ("bare cr", "X: a\rb\r\n\r\n", Invalid),
        ("bare cr before the end of the last line", "X: a\r\r\n\r\n", Invalid),
        ("bare cr as the end", "X: a\r\n\r\r\n\r\n", Invalid),
        ("nul", "X: \0\r\n\r\n", Invalid),
        ("obs-fold", "X: a\r\n b\r\n\r\n", Invalid),
        ("white space first", " X: a\r\n\r\n", Invalid),
        ("space before the colon", "X : a\r\n\r\n", Invalid),
        ("no colon", "X\r\n\r\n", Invalid),
        ("empty name", ": a\r\n\r\n", Invalid),
        ("invalid name", "X(: a\r\n\r\n", Invalid),
        ("control in a value", "X: \u{1}\r\n\r\n", Invalid),
        ("a smuggled request line", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Invalid),
        ("forbidden among others", "X: a\r\nContent-Length: 5\r\nY: b\r\n\r\n", Forbidden),
    ] {
        check_chunked(name, format!("0\r\n{section}").as_bytes(), fault);
    }
    for field in [
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Host",
        "Max-Forwards",
        "Via",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Real-IP",
        "traceparent",
        "tracestate",
        "Authorization",
        "Proxy-Authorization",
        "Proxy-Authenticate",
        "Proxy-Authentication-Info",
        "Cookie",
        "Set-Cookie",
        "Expect",
        "Date",
        "Content-Type",
        "Content-Encoding",
        "Location",
        "Cache-Control",
        "Content-Range",
        "Range",
    ] {
        check_chunked(field, format!("0\r\n{field}: 1\r\n\r\n").as_bytes(), Forbidden);
    }
    check_trailer_sizes(Large);
}

fn check_trailer_sizes(fault: Rejection) {
    use ringwall::limits::{TRAILER_BYTES, TRAILER_COUNT};
    let counted = |count: usize| format!("0\r\n{}\r\n", "X:\r\n".repeat(count));
    assert!(unchunk(counted(TRAILER_COUNT).as_bytes(), ChunkedOutput::Framed).is_ok());
    check_chunked("fields", counted(TRAILER_COUNT + 1).as_bytes(), fault);

    // At every split this would be quadratic in 8 KiB: whole and in two pieces is enough.
    let sized = |length: usize| format!("0\r\nX:{}\r\n\r\n", "a".repeat(length - 6));
    for output in [ChunkedOutput::Framed, ChunkedOutput::Bare] {
        for cuts in [&[][..], &[TRAILER_BYTES]] {
            let decode = |body: String| unchunk_cut(body.as_bytes(), cuts, output);
            assert!(decode(sized(TRAILER_BYTES)).is_ok_and(|body| body.rest.is_some()));
            assert_eq!(decode(sized(TRAILER_BYTES + 1)).err(), Some(fault));
            assert_eq!(decode(format!("0\r\nX:{}", "a".repeat(TRAILER_BYTES))).err(), Some(fault));
        }
    }
}

#[test]
fn reasons_are_distinct_kebab_case_tokens() {
    let mut reasons: Vec<&str> = Rejection::ALL.iter().map(|rejection| rejection.reason()).collect();
    for reason in &reasons {
        let is_token = reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(is_token && !reason.starts_with('-') && !reason.ends_with('-'), "{reason}");
    }
    for (rejection, reason) in Rejection::ALL.iter().zip(&reasons) {
        let name: String = format!("{rejection:?}").to_lowercase();
        assert_eq!(reason.replace('-', ""), name);
    }
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), Rejection::ALL.len());
}
