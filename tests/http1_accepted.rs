//! Messages that are taken, with every decision about them spelt out.

mod http1_reading;

use http1_reading::{LIMITS, Read, read_request, read_request_head, read_response, text};
use ringwall::protocol::http1::{
    BodyFraming, FieldKind, FieldTable, HeadWriter, Method, Rejection, TargetForm, Version,
    parse_request_head, parse_response_head,
};
use ringwall::protocol::progress::Progress;

/// What is expected of a request: method, version, form, authority, host, port, path, query, framing.
type Expected<'a> =
    (Method, Version, TargetForm, &'a str, &'a str, Option<u16>, &'a str, Option<&'a str>, BodyFraming);

fn check(message: &str, expected: Expected<'_>) {
    let bytes = message.as_bytes();
    let read = match read_request(bytes) {
        Ok(Some(read)) => read,
        outcome => panic!("{message:?}: {outcome:?}"),
    };
    let (head, target) = (read.read.head, read.target);
    assert_eq!(read.read.consumed, message.len(), "{message:?}");
    let spelt = |span| text(bytes, span);
    let (authority, host, path) = (spelt(target.authority), spelt(target.host), spelt(target.path));
    let query = target.query.map(spelt);
    let found = (
        head.method,
        head.version,
        target.form,
        authority.as_str(),
        host.as_str(),
        target.port,
        path.as_str(),
        query.as_deref(),
        read.framing,
    );
    assert_eq!(found, expected, "{message:?}");

    // What follows the head is the body's or the next request's: it changes nothing.
    let followed = [bytes, b"\r\n\n\0GET / HTTP/1.1\r\n\r\n"].concat();
    assert_eq!(read_request(&followed), Ok(Some(read)), "{message:?} with bytes behind it");
    // And nothing is answered before the last byte.
    assert_eq!(read_request(&bytes[..bytes.len() - 1]), Ok(None), "{message:?} without its last byte");
}

#[test]
fn requests() {
    use BodyFraming::{Chunked, Length, None as Nothing};
    use Method::{Connect, Get, Head, Options, Other, Post};
    use TargetForm::{Absolute, Asterisk, Authority, Origin};
    use Version::{Http10, Http11};
    for (message, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", (Get, Http11, Origin, "a", "a", None, "/", None, Nothing)),
        (
            "HEAD /b?c?d HTTP/1.1\r\nhOST:\t a.example:8080 \t\r\n\r\n",
            (Head, Http11, Origin, "a.example:8080", "a.example", Some(8080), "/b", Some("c?d"), Nothing),
        ),
        ("GET /? HTTP/1.0\r\n\r\n", (Get, Http10, Origin, "", "", None, "/", Some(""), Nothing)),
        (
            "GET / HTTP/1.0\r\nHost: [::1]:1\r\n\r\n",
            (Get, Http10, Origin, "[::1]:1", "[::1]", Some(1), "/", None, Nothing),
        ),
        (
            "get //x HTTP/1.1\r\nHost: a\r\n\r\n",
            (Other, Http11, Origin, "a", "a", None, "//x", None, Nothing),
        ),
        (
            "GET /\"<>\\^{}|`%zz~ HTTP/1.1\r\nHost: a\r\n\r\n",
            (Get, Http11, Origin, "a", "a", None, "/\\\"<>\\\\^{}|`%zz~", None, Nothing),
        ),
        (
            "GET http://A.b/c?d HTTP/1.1\r\nHost: a.B:80\r\n\r\n",
            (Get, Http11, Absolute, "A.b", "A.b", None, "/c", Some("d"), Nothing),
        ),
        (
            "GET HTTPS://a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            (Get, Http11, Absolute, "a:443", "a", Some(443), "", None, Nothing),
        ),
        (
            "GET http://a?b/c HTTP/1.1\r\nHost: a\r\n\r\n",
            (Get, Http11, Absolute, "a", "a", None, "", Some("b/c"), Nothing),
        ),
        (
            "GET http://[::1]:81/ HTTP/1.0\r\n\r\n",
            (Get, Http10, Absolute, "[::1]:81", "[::1]", Some(81), "/", None, Nothing),
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            (Options, Http11, Asterisk, "a", "a", None, "*", None, Nothing),
        ),
        (
            "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
            (Options, Http11, Absolute, "a", "a", None, "", None, Nothing),
        ),
        (
            "CONNECT a:443 HTTP/1.1\r\nHost: A\r\n\r\n",
            (Connect, Http11, Authority, "a:443", "a", Some(443), "", None, Nothing),
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            (Post, Http11, Origin, "a", "a", None, "/", None, Length(0)),
        ),
        (
            "POST / HTTP/1.0\r\nContent-Length:18446744073709551615\r\n\r\n",
            (Post, Http10, Origin, "", "", None, "/", None, Length(u64::MAX)),
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tChunked \r\n\r\n",
            (Post, Http11, Origin, "a", "a", None, "/", None, Chunked),
        ),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", (Get, Http11, Origin, "a", "a", None, "/", None, Nothing)),
        (
            "\r\n\r\nPOST http://a HTTP/1.1\r\nX:\r\nHost: a\r\nContent-Length: 12\r\n\r\n",
            (Post, Http11, Absolute, "a", "a", None, "", None, Length(12)),
        ),
    ] {
        check(message, expected);
    }
}

#[test]
fn methods() {
    for (name, method, is_safe, is_idempotent) in [
        ("GET", Method::Get, true, true),
        ("HEAD", Method::Head, true, true),
        ("OPTIONS", Method::Options, true, true),
        ("TRACE", Method::Trace, true, true),
        ("PUT", Method::Put, false, true),
        ("DELETE", Method::Delete, false, true),
        ("POST", Method::Post, false, false),
        ("CONNECT", Method::Connect, false, false),
        ("PATCH", Method::Patch, false, false),
        ("PROPFIND", Method::Other, false, false),
        ("Get", Method::Other, false, false),
        ("GETT", Method::Other, false, false),
        ("M-SEARCH", Method::Other, false, false),
        ("!#$%&'*+-.^_`|~09", Method::Other, false, false),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", Method::Other, false, false),
    ] {
        let message = format!("{name} / HTTP/1.1\r\n\r\n");
        let read = read_request_head(message.as_bytes(), &LIMITS);
        let Ok(Some(Read { head, .. })) = read else { panic!("{name}: {read:?}") };
        assert_eq!((head.method, Method::of(name.as_bytes())), (method, method), "{name}");
        assert_eq!(head.method_name.of(message.as_bytes()), name.as_bytes());
        assert_eq!((method.is_safe(), method.is_idempotent()), (is_safe, is_idempotent), "{name}");
    }
}

#[test]
fn fields_keep_order_case_and_inner_white_space() {
    let message = b"\r\nGET / HTTP/1.1\r\nX-Empty:\r\nx-blank: \t \r\nHOST:a\r\nX-Text:\t\xe9 \t\"b\" \r\nhost: b\r\n\r\n";
    let read = read_request_head(message, &LIMITS);
    let Ok(Some(Read { consumed, fields, head })) = read else { panic!("{read:?}") };
    assert_eq!(consumed, message.len());
    assert_eq!((head.method_name.start, text(message, head.target)), (2, "/".to_owned()));
    let found: Vec<(&str, &str, FieldKind)> =
        fields.iter().map(|(name, value, kind)| (name.as_str(), value.as_str(), *kind)).collect();
    let expected = [
        ("X-Empty", "", FieldKind::Other),
        ("x-blank", "", FieldKind::Other),
        ("HOST", "a", FieldKind::Host),
        ("X-Text", "\\xe9 \\t\\\"b\\\"", FieldKind::Other),
        ("host", "b", FieldKind::Host),
    ];
    assert_eq!(found, expected);
}

#[test]
fn responses() {
    use BodyFraming::{Chunked, Length, None as Nothing, UntilClose};
    use Method::{Connect, Get, Head};
    for (message, method, status, reason, framing) in [
        ("HTTP/1.1 200 OK\r\n\r\n", Get, 200, "OK", UntilClose),
        ("HTTP/1.0 200 \r\n\r\n", Get, 200, "", UntilClose),
        ("HTTP/1.1 200\r\n\r\n", Get, 200, "", UntilClose),
        ("HTTP/1.1 404 Not  \tFound \r\nA: b\r\n\r\n", Get, 404, "Not  \\tFound ", UntilClose),
        ("HTTP/1.1 599 \u{e9}\r\nContent-Length: 5\r\n\r\n", Get, 599, "\\xc3\\xa9", Length(5)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Get, 200, "OK", Chunked),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Get, 200, "OK", Length(0)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Head, 200, "OK", Nothing),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Head, 200, "OK", Nothing),
        ("HTTP/1.1 200 OK\r\n\r\n", Head, 200, "OK", Nothing),
        ("HTTP/1.1 100 Continue\r\n\r\n", Get, 100, "Continue", Nothing),
        ("HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\n", Get, 199, "X", Nothing),
        ("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n", Get, 101, "X", Nothing),
        ("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", Get, 204, "X", Nothing),
        ("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", Get, 304, "X", Nothing),
        ("HTTP/1.1 203 X\r\nContent-Length: 5\r\n\r\n", Get, 203, "X", Length(5)),
        ("HTTP/1.1 205 X\r\nContent-Length: 0\r\n\r\n", Get, 205, "X", Length(0)),
        ("HTTP/1.1 303 X\r\nContent-Length: 5\r\n\r\n", Get, 303, "X", Length(5)),
        ("HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n", Connect, 200, "X", Nothing),
        ("HTTP/1.1 299 X\r\n\r\n", Connect, 299, "X", Nothing),
        ("HTTP/1.1 300 X\r\n\r\n", Connect, 300, "X", UntilClose),
        ("HTTP/1.1 400 X\r\nContent-Length: 5\r\n\r\n", Connect, 400, "X", Length(5)),
    ] {
        let bytes = message.as_bytes();
        let read = read_response(bytes, method);
        let Ok(Some((read, found))) = read else { panic!("{message:?}: {read:?}") };
        let version = if message.starts_with("HTTP/1.0") { Version::Http10 } else { Version::Http11 };
        assert_eq!((read.head.version, read.head.status, found), (version, status, framing), "{message:?}");
        assert_eq!(
            (text(bytes, read.head.reason).as_str(), read.consumed),
            (reason, bytes.len()),
            "{message:?}"
        );
        let followed = [bytes, b"HTTP/1.1 200\r\n\n\r"].concat();
        assert_eq!(read_response(&followed, method), Ok(Some((read, found))), "{message:?}");
    }
}

#[test]
fn written_heads_read_back_as_they_were() {
    let message = b"PATCH /a?b HTTP/1.1\r\nHost: a:1\r\nX-A: \xff\tb\r\nx-a:\r\nContent-Length: 3\r\n\r\n";
    let first = read_request(message);
    let Ok(Some(first)) = first else { panic!("{first:?}") };
    let mut written = Vec::new();
    let mut writer = HeadWriter::new(&mut written);
    let head = first.read.head;
    writer.request_line(head.method_name.of(message), head.target.of(message));
    let mut fields = FieldTable::new();
    let parsed = parse_request_head(message, 0, &LIMITS, &mut fields);
    assert!(parsed.is_ok());
    for field in fields.iter() {
        writer.field(field.name.of(message), field.value.of(message));
    }
    writer.end();
    let second = read_request(&written);
    let Ok(Some(second)) = second else { panic!("{second:?}") };
    assert_eq!((second.read.head, second.read.fields), (first.read.head, first.read.fields));
    assert_eq!(second.framing, first.framing);
}

/// However slowly a head drips in, the work is linear: bytes once searched are not looked at again. Shown by hiding a
/// fault among them.
#[test]
fn what_was_searched_is_not_searched_again() {
    let mut fields = FieldTable::new();
    let request = b"GET / HTTP/1.1\nHost: a\r\nX: ";
    let response = b"HTTP/1.1 200 OK\nA: b\r\nX: ";
    for (searched, is_seen) in [(0, true), (14, true), (17, false)] {
        let outcome = parse_request_head(request, searched, &LIMITS, &mut fields);
        assert_eq!(outcome == Err(Rejection::BareLf), is_seen, "{outcome:?} from {searched}");
        assert_eq!(outcome == Ok(Progress::NeedMore { searched: request.len() }), !is_seen);
        let outcome = parse_response_head(response, searched, &LIMITS, &mut fields);
        assert_eq!(outcome == Err(Rejection::BareLf), is_seen, "{outcome:?} from {searched}");
        assert_eq!(outcome == Ok(Progress::NeedMore { searched: response.len() }), !is_seen);
    }
}
