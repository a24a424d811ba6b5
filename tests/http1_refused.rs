//! Every refusal of a head by name: a message that is right but for that one fault.
//!
//! The cases are named after the check they hold: take the check out and its case fails.

mod http1_reading;

use http1_reading::{
    LIMITS, check_request, check_response, read_request, read_response, response_with, with_fields,
};
use ringwall::limits::HEADER_COUNT_MAX;
use ringwall::protocol::http1::{
    FieldTable, HeadLimits, Method, Rejection, parse_request_head, parse_response_head,
};

fn with_line(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n\r\n").into_bytes()
}

#[test]
fn bare_line_ends() {
    for (name, message, fault) in [
        ("lf after the request line", &b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], Rejection::BareLf),
        ("lf after a field", b"GET / HTTP/1.1\r\nHost: a\n\r\n", Rejection::BareLf),
        ("lf as empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\n", Rejection::BareLf),
        ("lf alone everywhere", b"GET / HTTP/1.1\nHost: a\n\n", Rejection::BareLf),
        ("lf before the request line", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::BareLf),
        ("lf after an empty line", b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::BareLf),
        ("lf in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\nb\r\n\r\n", Rejection::BareLf),
        ("lf in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\nY: a\r\n\r\n", Rejection::BareLf),
        ("lf in the target", b"GET /\n HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::BareLf),
        (
            "lf before a smuggled head",
            b"GET / HTTP/1.1\r\nHost: a\n\nGET /b HTTP/1.1\r\n\r\n",
            Rejection::BareLf,
        ),
        ("cr in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", Rejection::BareCr),
        ("cr before a value", b"GET / HTTP/1.1\r\nHost: a\r\nX:\ra\r\n\r\n", Rejection::BareCr),
        ("cr in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\rY: a\r\n\r\n", Rejection::BareCr),
        ("cr before a name", b"GET / HTTP/1.1\r\nHost: a\r\n\rX: a\r\n\r\n", Rejection::BareCr),
        ("cr twice", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Rejection::BareCr),
        ("cr twice at the end", b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n", Rejection::BareCr),
        ("cr in the method", b"G\rET / HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::BareCr),
        ("cr in the target", b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::BareCr),
        ("cr before the request line", b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::BareCr),
        ("nul in the target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::Nul),
        ("nul in the method", b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::Nul),
        ("nul in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n", Rejection::Nul),
        ("nul in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", Rejection::Nul),
        ("nul before the request line", b"\0GET / HTTP/1.1\r\nHost: a\r\n\r\n", Rejection::Nul),
    ] {
        check_request(name, message, fault);
    }
    for (name, message, fault) in [
        ("lf after the status line", &b"HTTP/1.1 200 OK\nA: b\r\n\r\n"[..], Rejection::BareLf),
        ("lf after a field", b"HTTP/1.1 200 OK\r\nA: b\n\r\n", Rejection::BareLf),
        ("lf as empty line", b"HTTP/1.1 200 OK\r\nA: b\r\n\n", Rejection::BareLf),
        ("lf before the status line", b"\nHTTP/1.1 200 OK\r\n\r\n", Rejection::BareLf),
        ("cr in a value", b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", Rejection::BareCr),
        ("cr in the reason", b"HTTP/1.1 200 O\rK\r\nA: b\r\n\r\n", Rejection::BareCr),
        ("cr after the status", b"HTTP/1.1 200\rOK\r\nA: b\r\n\r\n", Rejection::BareCr),
        ("nul in a value", b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", Rejection::Nul),
        ("nul in the reason", b"HTTP/1.1 200 \0\r\nA: b\r\n\r\n", Rejection::Nul),
    ] {
        check_response(name, message, fault);
    }
}

#[test]
fn request_lines() {
    use Rejection::{InvalidMethod as Method, InvalidTarget as Target, InvalidVersion as Version};
    for (name, line, fault) in [
        ("no request line", "", Method),
        ("no method", " / HTTP/1.1", Method),
        ("space before the method", " GET / HTTP/1.1", Method),
        ("method not a token", "G(T / HTTP/1.1", Method),
        ("method with a colon", "GET: / HTTP/1.1", Method),
        ("method not ASCII", "G\u{c9}T / HTTP/1.1", Method),
        ("method with a control", "G\u{7}T / HTTP/1.1", Method),
        ("method too long", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1", Method),
        ("a tab for a space", "GET\t/ HTTP/1.1", Method),
        ("a TLS record", "\u{16}\u{3}\u{1}", Method),
        ("only a method", "GET", Target),
        ("no target", "GET  HTTP/1.1", Target),
        ("two spaces before the target", "GET  / HTTP/1.1", Target),
        ("fragment", "GET /#a HTTP/1.1", Target),
        ("target not ASCII", "GET /\u{e9} HTTP/1.1", Target),
        ("target with a control", "GET /\u{1} HTTP/1.1", Target),
        ("target with a tab", "GET /\ta HTTP/1.1", Target),
        ("target with DEL", "GET /\u{7f} HTTP/1.1", Target),
        ("target without a slash", "GET a HTTP/1.1", Target),
        ("target a query", "GET ?a HTTP/1.1", Target),
        ("asterisk with GET", "GET * HTTP/1.1", Target),
        ("asterisk and more", "OPTIONS *a HTTP/1.1", Target),
        ("authority with GET", "GET a:80 HTTP/1.1", Target),
        ("origin with CONNECT", "CONNECT / HTTP/1.1", Target),
        ("absolute with CONNECT", "CONNECT http://a/ HTTP/1.1", Target),
        ("CONNECT without a port", "CONNECT a HTTP/1.1", Target),
        ("CONNECT with an asterisk", "CONNECT * HTTP/1.1", Target),
        ("another scheme", "GET ftp://a/ HTTP/1.1", Target),
        ("a scheme alone", "GET http: HTTP/1.1", Target),
        ("one slash", "GET http:/a HTTP/1.1", Target),
        ("no authority", "GET http:///a HTTP/1.1", Target),
        ("userinfo", "GET http://u@a/ HTTP/1.1", Target),
        ("userinfo with a password", "GET http://u:p@a/ HTTP/1.1", Target),
        ("a bad port", "GET http://a:x/ HTTP/1.1", Target),
        ("a backslash for a slash", "GET http://a\\b/ HTTP/1.1", Target),
        ("no version", "GET /", Version),
        ("no version but a space", "GET / ", Version),
        ("HTTP/0.9", "GET / HTTP/0.9", Version),
        ("HTTP/1.2", "GET / HTTP/1.2", Version),
        ("HTTP/2.0", "GET / HTTP/2.0", Version),
        ("HTTP/1", "GET / HTTP/1", Version),
        ("HTTP/1.10", "GET / HTTP/1.10", Version),
        ("HTTP/01.1", "GET / HTTP/01.1", Version),
        ("lower case version", "GET / http/1.1", Version),
        ("HTTP/2.0 after the longest method", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/2.0", Version),
        ("another protocol", "GET / ICY/1.1", Version),
        ("two spaces before the version", "GET /  HTTP/1.1", Version),
        ("space after the version", "GET / HTTP/1.1 ", Version),
        ("space in the target", "GET /a b HTTP/1.1", Version),
        ("a tab before the version", "GET /\tHTTP/1.1", Target),
        ("the preface of HTTP/2", "PRI * HTTP/2.0", Version),
    ] {
        check_request(name, &with_line(line), fault);
    }
    check_request("three empty lines", b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Method);
}

#[test]
fn status_lines() {
    use Rejection::{InvalidStatus as Status, InvalidVersion as Version};
    for (name, line, fault) in [
        ("no status line", "", Version),
        ("HTTP/0.9", "HTTP/0.9 200 OK", Version),
        ("HTTP/1.2", "HTTP/1.2 200 OK", Version),
        ("HTTP/2", "HTTP/2 200 OK", Version),
        ("lower case version", "http/1.1 200 OK", Version),
        ("space before the version", " HTTP/1.1 200 OK", Version),
        ("a request line", "GET / HTTP/1.1", Version),
        ("only a version", "HTTP/1.1", Status),
        ("no status", "HTTP/1.1  OK", Status),
        ("two spaces", "HTTP/1.1  200 OK", Status),
        ("a tab", "HTTP/1.1\t200 OK", Version),
        ("two digits", "HTTP/1.1 20 OK", Status),
        ("four digits", "HTTP/1.1 2000 OK", Status),
        ("a letter", "HTTP/1.1 2OO OK", Status),
        ("below 100", "HTTP/1.1 099 OK", Status),
        ("zero", "HTTP/1.1 000 OK", Status),
        ("600", "HTTP/1.1 600 OK", Status),
        ("999", "HTTP/1.1 999 OK", Status),
        ("signed", "HTTP/1.1 +20 OK", Status),
        ("no space before the reason", "HTTP/1.1 200OK", Status),
        ("a tab before the reason", "HTTP/1.1 200\tOK", Status),
        ("a control in the reason", "HTTP/1.1 200 O\u{1}K", Status),
        ("DEL in the reason", "HTTP/1.1 200 O\u{7f}K", Status),
    ] {
        check_response(name, format!("{line}\r\nA: b\r\n\r\n").as_bytes(), fault);
    }
    check_response("an empty line before", b"\r\nHTTP/1.1 200 OK\r\n\r\n", Version);
}

#[test]
fn field_lines() {
    use Rejection::{
        InvalidFieldName as Name, InvalidFieldValue as Value, ObsFold as Fold, SpaceBeforeColon as Space,
    };
    for (name, fields, fault) in [
        ("obs-fold", "X: a\r\n b", Fold),
        ("obs-fold with a tab", "X: a\r\n\tb", Fold),
        ("obs-fold after an empty value", "X:\r\n b", Fold),
        ("obs-fold that looks like a field", "X: a\r\n Content-Length: 5", Fold),
        ("a line of white space", "X: a\r\n ", Fold),
        ("space before the colon", "X : a", Space),
        ("tab before the colon", "X\t: a", Space),
        ("space before the colon of a length", "Content-Length : 5", Space),
        ("space before the colon of a coding", "Transfer-Encoding : chunked", Space),
        ("no colon", "X", Name),
        ("empty name", ": a", Name),
        ("space in a name", "X Y: a", Name),
        ("name not a token", "X(: a", Name),
        ("name not ASCII", "X\u{e9}: a", Name),
        ("control in a name", "X\u{1}: a", Name),
        ("slash in a name", "X/Y: a", Name),
        ("quote in a name", "\"X\": a", Name),
        ("control in a value", "X: \u{1}", Value),
        ("vertical tab in a value", "X: a\u{b}b", Value),
        ("form feed before a value", "X:\u{c}a", Value),
        ("DEL in a value", "X: \u{7f}", Value),
        ("escape in a value", "X: a\u{1b}[0m", Value),
        ("an option that is no token", "Connection: a b", Value),
    ] {
        check_request(name, &with_fields(fields), fault);
        check_response(name, &response_with(fields), fault);
    }
    check_request("white space before the first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Fold);
    check_response("white space before the first field", b"HTTP/1.1 200 OK\r\n\tA: b\r\n\r\n", Fold);
}

#[test]
fn every_byte_is_judged_alike_everywhere_in_a_line() {
    // httparse looks at several bytes at once, so each byte is tried at many distances from the line's ends.
    for length in [0, 1, 7, 15, 16, 17, 31, 32, 33, 40] {
        for byte in 0..=u8::MAX {
            let filler = vec![b'a'; length];
            let surrounded = [&filler[..], &[byte], &filler].concat();
            let request =
                |line: &[u8], fields: &[u8]| [line, b"\r\nHost: a\r\n", fields, b"\r\n\r\n"].concat();

            let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let named = request(b"GET / HTTP/1.1", &[&surrounded[..], b": b"].concat());
            let is_name = is_token || byte == b':' && length > 0;
            assert_eq!(parses(&named), is_name, "{byte:#x} in a name after {length}");

            let method = request(&[&surrounded[..], b" / HTTP/1.1"].concat(), b"A: b");
            let is_method = is_token && 2 * length < 32;
            assert_eq!(parses(&method), is_method, "{byte:#x} in a method after {length}");

            let valued = request(b"GET / HTTP/1.1", &[b"A: ", &surrounded[..]].concat());
            let is_value = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
            assert_eq!(parses(&valued), is_value, "{byte:#x} in a value after {length}");

            let targeted = request(&[b"GET /", &surrounded[..], b" HTTP/1.1"].concat(), b"A: b");
            let is_target = matches!(byte, b'!'..=b'~') && byte != b'#';
            assert_eq!(parses(&targeted), is_target, "{byte:#x} in a target after {length}");
        }
    }
}

fn parses(message: &[u8]) -> bool {
    parse_request_head(message, 0, &LIMITS, &mut FieldTable::new()).is_ok()
}

#[test]
fn over_large_heads() {
    let line = |length: usize| format!("GET /{}HTTP/1.1", "a".repeat(length - 14) + " ");
    assert_eq!(line(LIMITS.request_line).len(), LIMITS.request_line);
    let fitting = with_line(&line(LIMITS.request_line));
    assert!(read_request(&fitting).is_ok_and(|read| read.is_some()));
    check_request("line", &with_line(&line(LIMITS.request_line + 1)), Rejection::RequestLineTooLong);
    check_request("endless line", &[b'a'; 400], Rejection::RequestLineTooLong);
    let after_empty_lines = [b"\r\n\r\n", &fitting[..]].concat();
    assert!(read_request(&after_empty_lines).is_ok_and(|read| read.is_some()));

    let padded = |length: usize| {
        let empty = with_fields("X: ").len();
        with_fields(&format!("X: {}", "a".repeat(length - empty)))
    };
    assert!(read_request(&padded(LIMITS.header_bytes)).is_ok_and(|read| read.is_some()));
    check_request("head", &padded(LIMITS.header_bytes + 1), Rejection::HeadTooLarge);
    check_request("endless head", &with_fields(&"X: y\r\n".repeat(400)), Rejection::HeadTooLarge);

    let counted = |count: usize| vec!["X:"; count].join("\r\n");
    assert!(read_request(&with_fields(&counted(LIMITS.header_count - 1))).is_ok_and(|read| read.is_some()));
    check_request("fields", &with_fields(&counted(LIMITS.header_count)), Rejection::TooManyFields);
    check_request("many fields", &with_fields(&counted(100)), Rejection::TooManyFields);

    assert!(read_response(&response_with(&counted(LIMITS.header_count)), Method::Get).is_ok());
    check_response("fields", &response_with(&counted(LIMITS.header_count + 1)), Rejection::TooManyFields);
    check_response("many fields", &response_with(&counted(100)), Rejection::TooManyFields);
    check_response("endless head", &response_with(&"X: y\r\n".repeat(400)), Rejection::HeadTooLarge);
    check_response("endless status line", &[b'a'; 2000], Rejection::HeadTooLarge);
}

#[test]
fn field_counts_beyond_what_is_read_at_once() {
    let limits = HeadLimits { request_line: 100, header_bytes: 100_000, header_count: HEADER_COUNT_MAX };
    for count in [63, 64, 65, HEADER_COUNT_MAX, HEADER_COUNT_MAX + 1] {
        let request = format!("GET / HTTP/1.1\r\n{}\r\n", "X:\r\n".repeat(count));
        let response = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X:\r\n".repeat(count));
        let mut fields = FieldTable::new();
        let outcomes = [
            parse_request_head(request.as_bytes(), 0, &limits, &mut fields).map(|_| fields.len()),
            parse_response_head(response.as_bytes(), 0, &limits, &mut fields).map(|_| fields.len()),
        ];
        let expected = if count <= HEADER_COUNT_MAX { Ok(count) } else { Err(Rejection::TooManyFields) };
        assert_eq!(outcomes, [expected; 2], "{count} fields");
    }
}
