//! Chunked bodies that are taken: what comes out of them framed and bare, and that framed output is a chunked body of
//! the same content.

mod http1_reading;

use http1_reading::{Unchunked, unchunk, unchunk_cut};
use ringwall::protocol::http1::{ChunkedDecoder, ChunkedOutput, LAST_CHUNK, Rejection, chunk_line};

fn check(body: &str, framed: &str, bare: &str) {
    for behind in ["", "G", "\r\nGET / HTTP/1.1\r\n\r\n", "0\r\n\r\n"] {
        let bytes = format!("{body}{behind}");
        let expected = |output: &str| Unchunked {
            output: output.into(),
            content: bare.len(),
            rest: Some(behind.into()),
        };
        assert_eq!(unchunk(bytes.as_bytes(), ChunkedOutput::Framed), Ok(expected(framed)), "{bytes:?}");
        assert_eq!(unchunk(bytes.as_bytes(), ChunkedOutput::Bare), Ok(expected(bare)), "{bytes:?}");
    }
    let again = unchunk(framed.as_bytes(), ChunkedOutput::Framed).map(|again| again.output);
    assert_eq!(again.as_deref(), Ok(framed.as_bytes()), "framed output of {body:?} is not canonical");
    for end in 0..body.len() {
        let begun = unchunk_cut(&body.as_bytes()[..end], &[], ChunkedOutput::Framed);
        assert_eq!(begun.map(|begun| begun.rest), Ok(None), "{body:?} ended after {end}");
    }
}

#[test]
fn bodies() {
    for (body, framed, bare) in [
        ("0\r\n\r\n", "0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("1\r\n\r\r\n2\r\n\r\n\r\n0\r\n\r\n", "1\r\n\r\r\n2\r\n\r\n\r\n0\r\n\r\n", "\r\r\n"),
        ("05\r\nhello\r\n000\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "hello"),
        (
            "5;a=b\r\nhello\r\n3\r\nabc\r\n0;x=\"y\"\r\n\r\n",
            "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n",
            "helloabc",
        ),
        ("00A ; a\r\n0123456789\r\n0\r\n\r\n", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", "2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", "hi"),
        (
            "1;a\r\nx\r\n00\r\nServer-Timing: a;dur=1\r\nServer: s\r\nAlt-Svc: c\r\nProxy-Status: p\r\n\r\n",
            "1\r\nx\r\n0\r\nServer-Timing: a;dur=1\r\nServer: s\r\nAlt-Svc: c\r\nProxy-Status: p\r\n\r\n",
            "x",
        ),
        ("0\r\nX:\u{e9}\t \r\nX:\r\n\r\n", "0\r\nX:\u{e9}\t \r\nX:\r\n\r\n", ""),
    ] {
        check(body, framed, bare);
    }
}

#[test]
fn content_is_the_same_by_every_framing() {
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for _ in 0..300 {
        let mut body = Vec::new();
        let mut content = Vec::new();
        for _ in 0..random.below(6) {
            let data: Vec<u8> = (0..1 + random.below(40)).map(|_| random.below(256) as u8).collect();
            match random.below(3) {
                0 => body.extend_from_slice(chunk_line(data.len()).as_bytes()),
                1 => body.extend_from_slice(format!("{:05X}\r\n", data.len()).as_bytes()),
                _ => body.extend_from_slice(format!("{:x} ;n=\"v;\\\"\" ; m\r\n", data.len()).as_bytes()),
            }
            body.extend_from_slice(&data);
            body.extend_from_slice(b"\r\n");
            content.extend_from_slice(&data);
        }
        body.extend_from_slice(LAST_CHUNK);
        body.extend_from_slice(b"next");
        let mut cuts: Vec<usize> =
            (0..random.below(8)).map(|_| random.below(body.len() as u64) as usize).collect();
        cuts.sort_unstable();

        let bare = unchunk_cut(&body, &cuts, ChunkedOutput::Bare);
        let expected =
            Unchunked { output: content.clone(), content: content.len(), rest: Some(b"next".to_vec()) };
        assert_eq!(bare, Ok(expected.clone()), "{:?} cut at {cuts:?}", body.escape_ascii().to_string());
        let framed = unchunk_cut(&body, &cuts, ChunkedOutput::Framed).map(|framed| framed.output);
        let Ok(framed) = framed else { panic!("{framed:?}") };
        let again = unchunk_cut(&framed, &[], ChunkedOutput::Bare);
        assert_eq!(again, Ok(Unchunked { rest: Some(Vec::new()), ..expected }));
    }
}

/// A chunk far larger than any buffer passes as it comes: its line first, then the data, which is not held back.
#[test]
fn large_chunks_pass_in_pieces() {
    let mut decoder = ChunkedDecoder::new(ChunkedOutput::Framed);
    let mut line = b"fffffffffffffff\r\n".to_vec();
    let decoded = decoder.advance(&mut line);
    assert!(decoded.is_ok_and(|decoded| (decoded.taken, decoded.produced, decoded.content) == (17, 17, 0)));
    let mut data = vec![b'\n'; 4096];
    for _ in 0..100 {
        let decoded = decoder.advance(&mut data);
        assert!(decoded.is_ok_and(|decoded| (decoded.taken, decoded.produced, decoded.content) == (4096, 4096, 4096)));
        assert!(data.iter().all(|&byte| byte == b'\n'));
    }
    assert!(!decoder.is_done());
}

#[test]
fn extensions_are_bounded_over_the_whole_message() {
    let limit = ringwall::limits::CHUNK_EXTENSION_BYTES;
    let body = |dropped: usize| {
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(127));
        let rest = format!("1;{}\r\na\r\n", "x".repeat(dropped % 128 + 127));
        format!("{}{rest}0\r\n\r\n", chunk.repeat(dropped / 128 - 1)).into_bytes()
    };
    for output in [ChunkedOutput::Framed, ChunkedOutput::Bare] {
        assert!(unchunk_cut(&body(limit), &[], output).is_ok());
        for cuts in [&[][..], &[1000, 9000]] {
            let outcome = unchunk_cut(&body(limit + 1), cuts, output);
            assert_eq!(outcome, Err(Rejection::ChunkExtensionsTooLarge));
        }
    }
}

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
