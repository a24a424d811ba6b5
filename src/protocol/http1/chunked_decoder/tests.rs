use super::*;

/// Where the table of `tests/http1_chunked.rs` does not look: the state between calls.
#[test]
fn nothing_is_searched_twice_and_nothing_taken_early() {
    let mut decoder = ChunkedDecoder::new(ChunkedOutput::Framed);
    let mut bytes = b"5;extension".to_vec();
    assert_eq!(decoder.advance(&mut bytes), Ok(Decoded::default()));
    assert_eq!(decoder.searched, 11);
    bytes.extend_from_slice(b"\r\nhel");
    let decoded = Decoded { taken: 16, produced: 6, content: 3, trailers: 0, done: false };
    assert_eq!(decoder.advance(&mut bytes), Ok(decoded));
    assert_eq!((decoder.searched, &bytes[..6]), (0, &b"5\r\nhel"[..]));
    assert_eq!(decoder.discarded, 10);

    let mut bytes = b"lo\r".to_vec();
    assert_eq!(
        decoder.advance(&mut bytes),
        Ok(Decoded { taken: 2, produced: 2, content: 2, trailers: 0, done: false })
    );
    let mut bytes = b"\r\n0\r\nX-Sum".to_vec();
    assert_eq!(
        decoder.advance(&mut bytes),
        Ok(Decoded { taken: 5, produced: 5, content: 0, trailers: 0, done: false })
    );
    assert_eq!((decoder.searched, decoder.is_done()), (5, false));
    let mut bytes = b"X-Sum: 1\r\n\r\nGET".to_vec();
    assert_eq!(
        decoder.advance(&mut bytes),
        Ok(Decoded { taken: 12, produced: 12, content: 0, trailers: 12, done: true })
    );
    assert!(decoder.is_done());
    let after = Decoded { done: true, ..Decoded::default() };
    assert_eq!(decoder.advance(&mut bytes), Ok(after));
}

/// Shown by hiding a fault where the search has been.
#[test]
fn what_was_searched_is_not_searched_again() {
    for (state, bytes) in [(State::Line, "5\n;abc"), (State::Trailers, "X\n: abc")] {
        for (searched, expected) in [(1, Err(Rejection::BareLf)), (2, Ok(Decoded::default()))] {
            let mut decoder =
                ChunkedDecoder { state, searched, ..ChunkedDecoder::new(ChunkedOutput::Framed) };
            assert_eq!(
                decoder.advance(&mut bytes.as_bytes().to_vec()),
                expected,
                "{bytes:?} from {searched}"
            );
        }
    }
}

#[test]
fn it_is_small() {
    assert!(size_of::<ChunkedDecoder>() <= 32);
}

#[test]
fn bare_output_says_where_the_trailers_are() {
    let whole = "3;x\r\nabc\r\n0\r\nX-Sum: 1 \r\nServer-Timing:a\r\n\r\nGET";
    for split in 0..whole.len() - 3 {
        let mut decoder = ChunkedDecoder::new(ChunkedOutput::Bare);
        let mut bytes = whole.as_bytes()[..split].to_vec();
        let first = decoder.advance(&mut bytes).unwrap();
        bytes.drain(..first.taken);
        bytes.extend_from_slice(&whole.as_bytes()[split..]);
        let Decoded { taken, trailers, done, .. } = decoder.advance(&mut bytes).unwrap();
        assert!(done && first.trailers == 0);
        let section = &bytes[taken - trailers..taken];
        assert_eq!(section, b"X-Sum: 1 \r\nServer-Timing:a\r\n\r\n", "{split}");
        let fields: Vec<_> = super::super::trailer_fields(section).collect();
        assert_eq!(fields, [(&b"X-Sum"[..], &b"1"[..]), (b"Server-Timing", b"a")]);
    }
    let mut decoder = ChunkedDecoder::new(ChunkedOutput::Bare);
    assert_eq!(decoder.advance(&mut b"0\r\n\r\n".to_vec()).unwrap().trailers, 0);
}
