//! Heads that break the grammar, or name no host or two.

use super::*;

#[test]
fn stray_control_bytes_and_line_ends() {
    check_all(&[
        get("bare CR in a value", "X-A: one\rtwo\r\n", "bare-cr"),
        get("bare CR before CRLF", "X-A: one\r\r\n", "bare-cr"),
        get("bare LF after a field", "X-A: one\nX-B: two\r\n", "bare-lf"),
        case(
            "bare LF after the request line",
            "GET /refused HTTP/1.1\nHost: example.test\r\n\r\n",
            400,
            "bare-lf",
        ),
        case("bare LFs alone", "GET /refused HTTP/1.1\nHost: example.test\n\n", 400, "bare-lf"),
        case(
            "bare LF as the empty line",
            "GET /refused HTTP/1.1\r\nHost: example.test\r\n\n",
            400,
            "bare-lf",
        ),
        case(
            "bare CR in the request line",
            "GET /re\rfused HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "bare-cr",
        ),
        get("NUL in a value", "X-A: one\0two\r\n", "nul"),
        get("NUL in a name", "X-\0A: one\r\n", "nul"),
        case("NUL in the target", "GET /refu\0sed HTTP/1.1\r\nHost: example.test\r\n\r\n", 400, "nul"),
        get("obs-fold with a space", "X-A: one\r\n two\r\n", "obs-fold"),
        get("obs-fold with a tab", "X-A: one\r\n\ttwo\r\n", "obs-fold"),
        case(
            "space before the first field",
            "GET /refused HTTP/1.1\r\n Host: example.test\r\n\r\n",
            400,
            "obs-fold",
        ),
        get("space before the colon", "X-A : one\r\n", "space-before-colon"),
        get("tab before the colon", "X-A\t: one\r\n", "space-before-colon"),
        post("space before the colon of a length", "Content-Length : 5\r\n", "hello", "space-before-colon"),
        post(
            "space before the colon of a coding",
            "Transfer-Encoding : chunked\r\n",
            "0\r\n\r\n",
            "space-before-colon",
        ),
        get("a control character in a value", "X-A: \x01\r\n", "invalid-field-value"),
        get("DEL in a value", "X-A: \x7f\r\n", "invalid-field-value"),
        get("a field without a colon", "X-A\r\n", "invalid-field-name"),
        get("an empty field name", ": one\r\n", "invalid-field-name"),
        get("a space in a field name", "X A: one\r\n", "invalid-field-name"),
        get("a parenthesis in a field name", "X(A): one\r\n", "invalid-field-name"),
    ]);
}

#[test]
fn request_lines_that_are_none() {
    check_all(&[
        line("a method with a control character", "G\x01ET /refused HTTP/1.1", "invalid-method"),
        line("a method with a parenthesis", "G(ET /refused HTTP/1.1", "invalid-method"),
        line("no method", " /refused HTTP/1.1", "invalid-method"),
        line("a method of 33 bytes", &format!("{} /refused HTTP/1.1", "A".repeat(33)), "invalid-method"),
        line("TLS", "\x16\x03\x01\x02", "invalid-method"),
        line("no version", "GET /refused", "invalid-version"),
        line("HTTP/2.0", "GET /refused HTTP/2.0", "invalid-version"),
        line("HTTP/1.2", "GET /refused HTTP/1.2", "invalid-version"),
        line("HTTP/0.9", "GET /refused HTTP/0.9", "invalid-version"),
        line("a version in lower case", "GET /refused http/1.1", "invalid-version"),
        line("two spaces before the version", "GET /refused  HTTP/1.1", "invalid-version"),
        line("a space behind the version", "GET /refused HTTP/1.1 ", "invalid-version"),
        line("a space in the target", "GET /refu sed HTTP/1.1", "invalid-version"),
        line("two spaces before the target", "GET  /refused HTTP/1.1", "invalid-target"),
        line("a target without a slash", "GET refused HTTP/1.1", "invalid-target"),
        line("a fragment", "GET /refused#there HTTP/1.1", "invalid-target"),
        line("a target of another scheme", "GET ftp://example.test/refused HTTP/1.1", "invalid-target"),
        line("userinfo", "GET http://user@example.test/refused HTTP/1.1", "invalid-target"),
        line("an authority without a host", "GET http:///refused HTTP/1.1", "invalid-target"),
        line("a bad port", "GET http://example.test:http/refused HTTP/1.1", "invalid-target"),
        line("asterisk with GET", "GET * HTTP/1.1", "invalid-target"),
        line("authority form with GET", "GET example.test:80 HTTP/1.1", "invalid-target"),
        case(
            "bytes beyond ASCII in the target",
            b"GET /\xff HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "invalid-target",
        ),
        case(
            "an empty line too many",
            "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "invalid-method",
        ),
    ]);
}

#[test]
fn hosts_missing_repeated_or_contradicted() {
    check_all(&[
        host("no host", "", "host-missing"),
        host("two hosts", "Host: example.test\r\nHost: example.test\r\n", "host-repeated"),
        host("two hosts that differ", "Host: example.test\r\nhost: other.test\r\n", "host-repeated"),
        host("an empty host", "Host:\r\n", "host-invalid"),
        host("a host with a path", "Host: example.test/path\r\n", "host-invalid"),
        host("a host with userinfo", "Host: user@example.test\r\n", "host-invalid"),
        host("a host with a space", "Host: example.test other.test\r\n", "host-invalid"),
        host("hosts as a list", "Host: example.test, other.test\r\n", "host-invalid"),
        host("a port that is no number", "Host: example.test:http\r\n", "host-invalid"),
        host("a port beyond 65535", "Host: example.test:65536\r\n", "host-invalid"),
        host("port 0", "Host: example.test:0\r\n", "host-invalid"),
        host("an address with an octet beyond 255", "Host: 127.0.0.256\r\n", "host-invalid"),
        host("a decimal address", "Host: 2130706433\r\n", "host-invalid"),
        host("brackets that do not close", "Host: [::1\r\n", "host-invalid"),
        case(
            "a host unlike the target's",
            "GET http://example.test/refused HTTP/1.1\r\nHost: other.test\r\n\r\n",
            400,
            "host-unlike-target",
        ),
        case(
            "a port unlike the target's",
            "GET http://example.test:8080/refused HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "host-unlike-target",
        ),
        case(
            "an absolute target without host",
            "GET http://example.test/ HTTP/1.1\r\n\r\n",
            400,
            "host-missing",
        ),
    ]);
}
