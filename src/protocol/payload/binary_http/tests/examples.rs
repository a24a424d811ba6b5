//! The examples of RFC 9292 section 5.

use super::*;

fn example(name: &str) -> Vec<u8> {
    let text = match name {
        "request_known" => include_str!("../../../../../tests/fixtures/payload/rfc9292/request_known.hex"),
        "request_indeterminate" => {
            include_str!("../../../../../tests/fixtures/payload/rfc9292/request_indeterminate.hex")
        }
        "response_interim" => {
            include_str!("../../../../../tests/fixtures/payload/rfc9292/response_interim.hex")
        }
        _ => include_str!("../../../../../tests/fixtures/payload/rfc9292/response_trailers.hex"),
    };
    let digits: Vec<u8> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.bytes().filter(u8::is_ascii_hexdigit))
        .collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    digits.chunks(2).map(|pair| byte(pair).expect("hexadecimal")).collect()
}

fn get_hello(framing: Framing) -> Message {
    let control = [&b"GET"[..], b"https", b"www.example.com", b"/hello.txt"].map(<[u8]>::to_vec);
    Message {
        control: Control::Request(control),
        framing,
        content_length: (framing == Framing::Known).then_some(0),
        fields: pairs(&[
            ("user-agent", "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3"),
            ("host", "www.example.com"),
            ("accept-language", "en, mi"),
        ]),
        content: Vec::new(),
        trailers: Vec::new(),
    }
}

/// `bytes` are `message` with up to `optional` bytes cut from their end, and nothing with one more cut.
#[track_caller]
fn check_request(bytes: &[u8], optional: usize, message: &Message) {
    for cut in 0..=optional {
        assert_eq!(request_of(&bytes[..bytes.len() - cut]).as_ref(), Ok(message), "{cut} bytes missing");
    }
    let control_end = 23;
    for end in 0..bytes.len() - optional {
        // The header section of a known-length message may be missing, but here it says what the request is for.
        let is_whole = message.framing == Framing::Known && end == control_end;
        let fault = if is_whole { BhttpFault::AuthorityMissing } else { BhttpFault::Truncated };
        assert_eq!(request_of(&bytes[..end]), Err(fault), "cut at {end}");
    }
}

#[test]
fn the_request_of_known_length_is_read_with_and_without_its_empty_parts() {
    check_request(&example("request_known"), 2, &get_hello(Framing::Known));
}

#[test]
fn the_indeterminate_request_is_read_with_and_without_its_empty_parts_and_padding() {
    check_request(&example("request_indeterminate"), 12, &get_hello(Framing::Indeterminate));
}

#[test]
fn interim_responses_are_passed_over() {
    let message = response_of(&example("response_interim")).expect("a response");
    assert_eq!(message.control, Control::Response(200));
    assert_eq!(message.fields.len(), 8);
    assert_eq!(message.fields[1], (b"server".to_vec(), b"Apache".to_vec()));
    assert_eq!(message.content, b"Hello World! My content includes a trailing CRLF.\r\n");
    assert_eq!(message.content_length, Some(51));
    assert!(message.trailers.is_empty());
}

#[test]
fn a_response_of_known_length_ends_with_its_trailers() {
    let bytes = example("response_trailers");
    let message = response_of(&bytes).expect("a response");
    assert_eq!((&message.control, message.framing), (&Control::Response(200), Framing::Known));
    assert_eq!(message.content, b"This content contains CRLF.\r\n");
    assert_eq!(message.trailers, pairs(&[("trailer", "text")]));
    assert_eq!(message.write(Framing::Known), bytes);
}

#[test]
fn the_encoder_writes_the_examples() {
    let known = example("request_known");
    let indeterminate = example("request_indeterminate");
    let mut written = Vec::new();
    let fields = get_hello(Framing::Known).fields;
    let control = RequestControl { method: b"GET", scheme: b"https", authority: b"", path: b"/hello.txt" };
    let lines = || fields.iter().map(|(name, value)| (&name[..], &value[..]));
    push_request_head(Framing::Known, &control, lines(), &mut written);
    assert!(push_content_head(0, &mut written));
    push_trailers(Framing::Known, std::iter::empty(), &mut written);
    assert_eq!(written, known);

    written.clear();
    push_request_head(Framing::Indeterminate, &control, lines(), &mut written);
    written.extend_from_slice(&CONTENT_END);
    push_trailers(Framing::Indeterminate, std::iter::empty(), &mut written);
    assert_eq!(written, indeterminate[..indeterminate.len() - 10]);
}
