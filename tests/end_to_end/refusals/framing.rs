//! Bodies whose end two hops could see in two places.

use super::*;

#[test]
fn ambiguous_lengths() {
    let length =
        |name, value: &str| post(name, &format!("Content-Length: {value}\r\n"), "hello", "length-invalid");
    check_all(&[
        post(
            "length, then coding",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "both-lengths",
        ),
        post(
            "coding, then length",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "0\r\n\r\n",
            "both-lengths",
        ),
        post(
            "coding and length 0",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "both-lengths",
        ),
        post("length twice", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello", "length-repeated"),
        post("differing lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello", "length-repeated"),
        post(
            "length twice in other case",
            "content-length: 5\r\nCONTENT-LENGTH: 5\r\n",
            "hello",
            "length-repeated",
        ),
        post("length as a list", "Content-Length: 5, 5\r\n", "hello", "length-repeated"),
        post("length as a list of two", "Content-Length: 5,6\r\n", "hello", "length-repeated"),
        length("signed length", "+5"),
        length("negative length", "-5"),
        length("hexadecimal length", "0x5"),
        length("length with a leading zero", "05"),
        length("length with a space", "5 5"),
        length("length with a fraction", "5.0"),
        length("empty length", ""),
        length("word for a length", "five"),
        length("length of 2^64", "18446744073709551616"),
        length("length of 2^64 + 5", "18446744073709551621"),
        length("length with a letter behind", "5a"),
        get("length with a body to GET, malformed", "Content-Length: 5;\r\n", "length-invalid"),
    ]);
}

#[test]
fn transfer_codings_but_one_final_chunked() {
    let coding = |name, value: &str| {
        let fields = format!("Transfer-Encoding: {value}\r\n");
        post(name, &fields, "5\r\nhello\r\n0\r\n\r\n", "transfer-coding-unsupported")
    };
    check_all(&[
        coding("gzip", "gzip"),
        coding("gzip, chunked", "gzip, chunked"),
        coding("identity", "identity"),
        coding("chunked, identity", "chunked, identity"),
        coding("chunked, chunked", "chunked, chunked"),
        coding("chunked as a list of one", "chunked,"),
        coding("an empty coding", ""),
        coding("chunked with a parameter", "chunked;q=1"),
        coding("chunked in quotes", "\"chunked\""),
        coding("chunked with a letter before", "xchunked"),
        coding("chunked with a vertical line behind", "chunked|"),
        post(
            "chunked in two fields",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "transfer-coding-unsupported",
        ),
        post(
            "gzip and chunked in two fields",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "transfer-coding-unsupported",
        ),
        case(
            "chunked in HTTP/1.0",
            "POST /refused HTTP/1.0\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "transfer-coding-unsupported",
        ),
    ]);
}

#[test]
fn bodies_in_broken_chunks() {
    check_all(&[
        chunked(
            "a chunk size that overflows",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            "chunk-size-overflow",
        ),
        chunked("a chunk size of 16 digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", "chunk-size-overflow"),
        chunked("a chunk size with a sign", "+5\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("no chunk size", "\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with a space before", " 5\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with a space behind", "5 \r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with a letter behind", "5g\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk line ended by a bare LF", "5\nhello\r\n0\r\n\r\n", "bare-lf"),
        chunked("a chunk extension ended by a bare LF", "5;a=b\nhello\r\n0\r\n\r\n", "bare-lf"),
        chunked("the last chunk ended by a bare LF", "5\r\nhello\r\n0\n\r\n", "bare-lf"),
        chunked("a bare CR in a chunk extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", "bare-cr"),
        chunked("chunk data too long", "5\r\nhello!\r\n0\r\n\r\n", "chunk-end-invalid"),
        chunked("chunk data too short", "6\r\nhello\r\n0\r\n\r\n", "chunk-end-invalid"),
        chunked("chunk data ended by a bare LF", "5\r\nhello\n0\r\n\r\n", "chunk-end-invalid"),
        chunked("a chunk extension that is none", "5;=\r\nhello\r\n0\r\n\r\n", "chunk-extension-invalid"),
        chunked(
            "an open quote in a chunk extension",
            "5;a=\"\r\nhello\r\n0\r\n\r\n",
            "chunk-extension-invalid",
        ),
        chunked("a chunk line without end", &format!("5;a={}", "x".repeat(300)), "chunk-line-too-long"),
    ]);
}

#[test]
fn trailers_that_frame_route_or_identify() {
    let trailer = |name, field: &str| {
        chunked(name, &format!("5\r\nhello\r\n0\r\n{field}\r\n\r\n"), "trailer-forbidden")
    };
    check_all(&[
        trailer("a length", "Content-Length: 5"),
        trailer("a coding", "Transfer-Encoding: chunked"),
        trailer("a host", "Host: other.test"),
        trailer("a trailer", "Trailer: x"),
        trailer("a connection", "Connection: close"),
        trailer("credentials", "Authorization: Bearer x"),
        trailer("a cookie", "Cookie: a=b"),
        trailer("a forwarding field", "X-Forwarded-For: 192.0.2.1"),
        trailer("a forwarded field", "Forwarded: for=192.0.2.1"),
        trailer("a content type", "Content-Type: text/html"),
        chunked("a trailer that is no field", "5\r\nhello\r\n0\r\nnone\r\n\r\n", "trailer-invalid"),
        chunked("a folded trailer", "5\r\nhello\r\n0\r\nX-A: 1\r\n two\r\n\r\n", "trailer-invalid"),
        chunked("a trailer ended by a bare LF", "5\r\nhello\r\n0\r\nX-A: 1\n\r\n", "bare-lf"),
    ]);
}
