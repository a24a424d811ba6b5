//! Every refusal of the codec by name: a message that is right but for that one fault.
//!
//! The cases are named after the check they hold: take the check out and its case fails.

mod http1_reading;

use http1_reading::{LIMITS, read_request, read_response, unchunk};
use ringwall::protocol::http1::{ChunkedOutput, HeadLimits, Method, Rejection};

fn check_request(name: &str, message: &[u8], fault: Rejection) {
    let outcome = read_request(message);
    assert_eq!(outcome.as_ref().err(), Some(&fault), "{name}: {outcome:?}");
}

fn check_response(name: &str, message: &[u8], fault: Rejection) {
    let outcome = read_response(message, Method::Get);
    assert_eq!(outcome.as_ref().err(), Some(&fault), "{name}: {outcome:?}");
}

/// `GET / HTTP/1.1` with `Host: a` and these field lines.
fn with_fields(fields: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").into_bytes()
}

fn with_line(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n\r\n").into_bytes()
}

fn response_with(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").into_bytes()
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
    use ringwall::protocol::http1::{FieldTable, parse_request_head};
    parse_request_head(message, 0, &LIMITS, &mut FieldTable::new()).is_ok()
}

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
    use http1_reading::read_request_head;
    let limits = HeadLimits { request_line: 100, header_bytes: 100_000, header_count: 1000 };
    for (count, fits) in [(63, true), (64, true), (65, true), (1000, true), (1001, false)] {
        let message = format!("GET / HTTP/1.1\r\n{}\r\n", "X:\r\n".repeat(count)).into_bytes();
        let read = if count < 100 {
            read_request_head(&message, &limits)
        } else {
            use ringwall::protocol::{
                http1::{FieldTable, parse_request_head},
                progress::Progress,
            };
            let mut fields = FieldTable::new();
            match parse_request_head(&message, 0, &limits, &mut fields) {
                Ok(Progress::Done { .. }) => {
                    assert_eq!(fields.len(), count);
                    continue;
                }
                Ok(Progress::NeedMore { .. }) => Ok(None),
                Err(fault) => Err(fault),
            }
        };
        match read {
            Ok(Some(read)) => assert!(fits && read.fields.len() == count, "{count}"),
            outcome => assert!(!fits && outcome == Err(Rejection::TooManyFields), "{count}: {outcome:?}"),
        }
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
            let decode = |body: String| http1_reading::unchunk_cut(body.as_bytes(), cuts, output);
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
