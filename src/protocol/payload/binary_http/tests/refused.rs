//! What is refused, and why.

use super::*;

/// Both forms of a request with these fields are refused with `fault`, `None`: accepted.
#[track_caller]
fn check_fields(lines: &[(&str, &str)], fault: Option<BhttpFault>) {
    for framing in [Framing::Known, Framing::Indeterminate] {
        assert_eq!(request_of(&head(framing, lines)).err(), fault, "{lines:?}");
        assert_eq!(response_of(&response(framing, 200, lines)).err(), fault, "{lines:?}");
    }
}

#[track_caller]
fn check_control(parts: [&[u8]; 4], fault: Option<BhttpFault>) {
    let bytes = [vec![0], prefixed(&parts)].concat();
    assert_eq!(read_request(&[&bytes], LIMITS).err(), fault, "{}", bytes.escape_ascii());
    assert_eq!(request_of(&bytes).err(), fault);
}

#[track_caller]
fn check_request(bytes: &[u8], fault: BhttpFault) {
    assert_eq!(request_of(bytes), Err(fault), "{}", bytes.escape_ascii());
}

#[test]
fn field_names_are_tokens_in_lower_case() {
    for byte in 0..=255u8 {
        let fault = match byte {
            b'a'..=b'z' | b'0'..=b'9' => None,
            _ if b"!#$%&'*+-.^_`|~".contains(&byte) => None,
            _ => Some(BhttpFault::FieldName),
        };
        for name in [vec![byte], vec![b'x', byte], vec![byte, b'x']] {
            let lines = prefixed(&[&name, b"v"]);
            let bytes = [&head(Framing::Known, &[])[..23], &prefixed(&[&lines])].concat();
            assert_eq!(read_request(&[&bytes], LIMITS).err(), fault, "{byte:#x}");
        }
    }
    for name in [":method", ":path", ":custom"] {
        check_fields(&[(name, "v")], Some(BhttpFault::FieldName));
    }
}

#[test]
fn field_values_hold_no_control_characters() {
    for byte in 0..=255u8 {
        let is_text = byte == b'\t' || byte >= b' ' && byte != 0x7f;
        let lines = prefixed(&[b"x", &[b'a', byte, b'b']]);
        let bytes = [&head(Framing::Known, &[])[..23], &prefixed(&[&lines])].concat();
        let fault = (!is_text).then_some(BhttpFault::FieldValue);
        assert_eq!(read_request(&[&bytes], LIMITS).err(), fault, "{byte:#x}");
    }
    for value in [" a", "a ", "\ta", "a\t", " "] {
        check_fields(&[("x", value)], Some(BhttpFault::FieldValue));
    }
    check_fields(&[("x", ""), ("x", "a \t b")], None);
}

#[test]
fn fields_of_a_connection_have_no_place() {
    for name in
        ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "expect"]
    {
        check_fields(&[(name, "a")], Some(BhttpFault::FieldForbidden));
    }
    check_fields(&[("te", "trailers")], None);
    check_fields(&[("te", "trailers, deflate")], Some(BhttpFault::FieldForbidden));
    check_fields(&[("host", "a.example"), ("host", "a.example")], Some(BhttpFault::HostRepeated));
}

#[test]
fn trailers_hold_nothing_that_was_needed_before() {
    let refused = [
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "host",
        "max-forwards",
        "via",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-real-ip",
        "traceparent",
        "tracestate",
        "authorization",
        "proxy-authorization",
        "proxy-authenticate",
        "proxy-authentication-info",
        "set-cookie",
        "cookie",
        "expect",
        "date",
        "content-type",
        "content-encoding",
        "location",
        "cache-control",
        "content-range",
        "range",
    ];
    for framing in [Framing::Known, Framing::Indeterminate] {
        for (name, fault) in refused
            .map(|name| (name, Some(BhttpFault::TrailerForbidden)))
            .into_iter()
            .chain([("checksum", None), ("trailer", None), ("A", Some(BhttpFault::FieldName))])
        {
            let bytes = [head(framing, &[]), vec![0], section(framing, &[(name, "1")])].concat();
            assert_eq!(request_of(&bytes).err(), fault, "{name}");
        }
    }
}

#[test]
fn content_length_is_the_length_of_the_content() {
    let of = |framing, value: &str, content: &[u8]| {
        let chunks = match framing {
            Framing::Known => prefixed(&[content]),
            Framing::Indeterminate => prefixed(&[&content[..1], &content[1..], b""]),
        };
        request_of(&[head(framing, &[("content-length", value)]), chunks].concat()).err()
    };
    for framing in [Framing::Known, Framing::Indeterminate] {
        assert_eq!(of(framing, "3", b"abc"), None);
        for value in ["0", "2", "4", "18446744073709551615"] {
            assert_eq!(of(framing, value, b"abc"), Some(BhttpFault::LengthUnlikeContent), "{value}");
        }
        for value in ["", "03", "+3", "3,3", "0x3", "18446744073709551616"] {
            assert_eq!(of(framing, value, b"abc"), Some(BhttpFault::LengthInvalid), "{value}");
        }
        let twice = head(framing, &[("content-length", "0"), ("content-length", "0")]);
        check_request(&twice, BhttpFault::LengthInvalid);
        // Also where the content is missing altogether.
        check_request(&head(framing, &[("content-length", "1")]), BhttpFault::LengthUnlikeContent);
    }
}

#[test]
fn an_indeterminate_part_without_its_end_is_truncated() {
    let whole = [head(Framing::Indeterminate, &[("x", "1")]), prefixed(&[b"abc", b""])].concat();
    let trailers = section(Framing::Indeterminate, &[("t", "1")]);
    let whole = [whole, trailers].concat();
    // Content and trailers may be missing, and the trailers alone; nothing may be begun only.
    let ends = [whole.len() - 10, whole.len() - 5, whole.len()];
    for end in 0..=whole.len() {
        let fault = (!ends.contains(&end)).then_some(BhttpFault::Truncated);
        assert_eq!(request_of(&whole[..end]).err(), fault, "cut at {end}");
    }
}

#[test]
fn a_known_part_is_whole_or_missing() {
    let whole =
        [head(Framing::Known, &[("x", "1")]), prefixed(&[b"abc"]), section(Framing::Known, &[("t", "1")])]
            .concat();
    let ends = [whole.len() - 14, whole.len() - 9, whole.len() - 5, whole.len()];
    for end in 0..=whole.len() {
        let fault = (!ends.contains(&end)).then_some(BhttpFault::Truncated);
        assert_eq!(request_of(&whole[..end]).err(), fault, "cut at {end}");
    }
}

#[test]
fn only_zeros_follow_a_message() {
    for framing in [Framing::Known, Framing::Indeterminate] {
        let whole = [head(framing, &[]), vec![0, 0]].concat();
        for padding in [&b"\x01"[..], b"\0\0\0\x01", b"\x01\0", b"\xff"] {
            check_request(&[&whole, padding].concat(), BhttpFault::Padding);
        }
        assert!(request_of(&[&whole[..], &[0; 300]].concat()).is_ok());
    }
}

#[test]
fn control_data_is_checked() {
    let (get, https, host, root) = (&b"GET"[..], &b"https"[..], &b"a.example"[..], &b"/"[..]);
    check_control([get, https, host, root], None);
    check_control([b"OPTIONS", https, host, b"*"], None);
    check_control([&[b'M'; limits::METHOD_BYTES], b"http", host, b"/?a=b&c"], None);
    for method in [&b""[..], b"G T", b"G\r\n", b"CONNECT", &[b'M'; limits::METHOD_BYTES + 1]] {
        check_control([method, https, host, root], Some(BhttpFault::Method));
    }
    for scheme in [&b""[..], b"HTTPS", b"ftp", b"http:", b"wss", b"http\0"] {
        check_control([get, scheme, host, root], Some(BhttpFault::Scheme));
    }
    for authority in [&b"a b"[..], b"a/b", b"a\r\n", b"a\0", b"a@b", b"[::1", b"a:b", b"%61", b"a,b", b":80"]
    {
        check_control([get, https, authority, root], Some(BhttpFault::Authority));
    }
    for path in [&b""[..], b"a", b"*", b"/ ", b"/#a", b"/\r\nx: y", b"/\0", b"/\x80", b"http://a.example/"] {
        check_control([get, https, host, path], Some(BhttpFault::Path));
    }
    for indicator in [1, 3, 4, 0x3f] {
        check_request(&[indicator], BhttpFault::Framing);
    }
}

#[test]
fn a_field_line_stays_within_its_section() {
    let control = &head(Framing::Known, &[])[..23];
    for section in
        [&b"\x02\x01x"[..], b"\x03\x01x\x01", b"\x02\x02x", b"\x01\x40", b"\x03\x01x\x40", b"\x04\x01x\xff"]
    {
        let bytes = [control, section, &[b'y'; 20]].concat();
        check_request(&bytes, BhttpFault::Section);
    }
    check_request(&[control, b"\x03\0\0\0"].concat(), BhttpFault::FieldName);
}

#[test]
fn sizes_are_bounded_before_the_bytes_are_there() {
    let limits = MessageLimits { path_bytes: 10, head_bytes: 200, field_count: 3 };
    let check = |bytes: &[u8], fault: Option<BhttpFault>| {
        let mut decoder = RequestDecoder::new(limits);
        assert_eq!(
            decoder.head(bytes, false, &mut FieldList::new()).err(),
            fault,
            "{}",
            bytes.escape_ascii()
        );
    };
    let control = |framing| head(framing, &[])[..23].to_vec();
    let with = |framing, rest: &[u8]| [&control(framing)[..], rest].concat();
    check(b"\0\x03GET\x05https\x01a\x0a", None);
    check(b"\0\x03GET\x05https\x01a\x0b", Some(BhttpFault::PathTooLong));
    check(b"\0\xff\xff\xff\xff\xff\xff\xff\xff", Some(BhttpFault::Method));
    check(&with(Framing::Known, b"\xff\xff\xff\xff\xff\xff\xff\xff"), Some(BhttpFault::HeadTooLarge));
    check(&with(Framing::Known, b"\x40\xb0"), Some(BhttpFault::HeadTooLarge));
    check(&with(Framing::Known, b"\x40\xaf"), None);
    check(&with(Framing::Indeterminate, b"\x01x\x40\xff"), Some(BhttpFault::HeadTooLarge));
    check(&with(Framing::Indeterminate, b"\xc0\0\0\0\0\0\0\xff"), Some(BhttpFault::HeadTooLarge));
    check(&with(Framing::Indeterminate, b"\x01a\0\x01b\0\x01c\0"), None);
    check(&with(Framing::Indeterminate, b"\x01a\0\x01b\0\x01c\0\x01d\0"), Some(BhttpFault::TooManyFields));
}

#[test]
fn trailers_and_interim_responses_are_bounded() {
    for framing in [Framing::Known, Framing::Indeterminate] {
        let start = [head(framing, &[]), vec![0]].concat();
        let many = vec![("t", ""); limits::TRAILER_COUNT];
        assert!(read_request(&[&start, &section(framing, &many), b""], LIMITS).is_ok());
        let more = vec![("t", ""); limits::TRAILER_COUNT + 1];
        let refused = Err(BhttpFault::TrailersTooLarge);
        assert_eq!(read_request(&[&start, &section(framing, &more)], LIMITS), refused);
        let long = "v".repeat(limits::TRAILER_BYTES);
        assert_eq!(read_request(&[&start, &section(framing, &[("t", &long)])], LIMITS), refused);
    }
    let interim = b"\x40\x66\0".repeat(limits::INTERIM_RESPONSES as usize);
    assert!(response_of(&[&b"\x03"[..], &interim, b"\x40\xc8\0"].concat()).is_ok());
    let more = [&b"\x03"[..], &interim, b"\x40\x66\0\x40\xc8\0"].concat();
    assert_eq!(response_of(&more).err(), Some(BhttpFault::TooManyInterim));
}

#[test]
fn only_final_statuses_end_a_head() {
    for (status, fault) in [
        (0, Some(BhttpFault::Status)),
        (99, Some(BhttpFault::Status)),
        (101, Some(BhttpFault::Status)),
        (200, None),
        (599, None),
        (600, Some(BhttpFault::Status)),
        (65_536 + 200, Some(BhttpFault::Status)),
        (100, Some(BhttpFault::Truncated)),
        (199, Some(BhttpFault::Truncated)),
    ] {
        assert_eq!(response_of(&response(Framing::Known, status, &[])).err(), fault, "{status}");
    }
    for indicator in [0, 2, 4] {
        assert_eq!(response_of(&[indicator, 0x40, 0xc8]), Err(BhttpFault::Framing));
    }
}

#[test]
fn every_fault_has_a_token_of_its_own() {
    let mut reasons: Vec<_> = BhttpFault::ALL.iter().map(|fault| fault.reason()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), BhttpFault::ALL.len());
}
