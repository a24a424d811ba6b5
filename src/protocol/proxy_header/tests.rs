use super::*;

use ProxyHeaderFault as Fault;

/// Parses `header` with request bytes behind it, and at every split.
#[track_caller]
fn parse(header: &[u8]) -> Result<ProxyHeader, Fault> {
    let whole = [header, b"GET / HTTP/1.1\r\n\r\n"].concat();
    let expected = match parse_proxy_header(&whole) {
        Ok(Progress::Done { value, consumed }) => {
            assert_eq!(consumed, header.len(), "{:?}", header.escape_ascii().to_string());
            Ok(value)
        }
        Ok(Progress::NeedMore { .. }) => panic!("not decided: {:?}", header.escape_ascii().to_string()),
        Err(fault) => Err(fault),
    };
    for end in 0..whole.len() {
        let shown = || whole[..end].escape_ascii().to_string();
        match parse_proxy_header(&whole[..end]) {
            Ok(Progress::NeedMore { searched }) => {
                assert_eq!(searched, end);
                assert!(expected.is_err() || end < header.len(), "{:?}", shown());
            }
            Ok(Progress::Done { value, .. }) => {
                assert_eq!(Ok(value), expected, "{:?}", shown());
                assert!(end >= header.len(), "{:?}", shown());
            }
            Err(fault) => assert_eq!(Err(fault), expected, "{:?}", shown()),
        }
    }
    expected
}

fn known(source: &str, destination: &str) -> Result<ProxyHeader, Fault> {
    let address = |text: &str| Some(text.parse().unwrap());
    Ok(ProxyHeader { source: address(source), destination: address(destination) })
}

fn binary(version_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&SIGNATURE[..], &[version_command, family], &length, body].concat()
}

const IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];

#[test]
fn lines() {
    let tcp6 = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    let longest_address = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    let filled = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", known("192.0.2.1:56324", "198.51.100.7:443")),
        ("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", known("0.0.0.0:0", "255.255.255.255:65535")),
        ("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n", known("[2001:db8::1]:56324", "[::1]:443")),
        ("PROXY TCP6 ::ffff:192.0.2.1 :: 1 2\r\n", known("[::ffff:192.0.2.1]:1", "[::]:2")),
        (tcp6, known(longest_address, longest_address)),
        ("PROXY UNKNOWN\r\n", Ok(ProxyHeader::UNKNOWN)),
        ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Ok(ProxyHeader::UNKNOWN)),
        ("PROXY UNKNOWN anything at all\r\n", Ok(ProxyHeader::UNKNOWN)),
        (&filled, Ok(ProxyHeader::UNKNOWN)),
    ] {
        assert_eq!(parse(line.as_bytes()), expected, "{line:?}");
    }
    assert_eq!(filled.len(), limits::PROXY_LINE_BYTES);
}

#[test]
fn lines_that_are_refused() {
    let too_long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 15));
    // The last byte that could still be followed by a line end within the bound.
    let waiting = format!("PROXY UNKNOWN {}", "x".repeat(limits::PROXY_LINE_BYTES - 16));
    assert!(matches!(parse_proxy_header(waiting.as_bytes()), Ok(Progress::NeedMore { .. })));
    let endless = format!("{waiting}x");
    assert_eq!(parse_proxy_header(endless.as_bytes()), Err(Fault::LineEnd));
    for (line, fault) in [
        ("GET / HTTP/1.1\r\n", Fault::Signature),
        ("proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", Fault::Signature),
        ("PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n", Fault::Signature),
        ("PROXY\r\n", Fault::Signature),
        ("\x16\x03\x01\x02", Fault::Signature),
        (&too_long, Fault::LineEnd),
        (&endless, Fault::LineEnd),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", Fault::LineEnd),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r \n", Fault::LineEnd),
        ("PROXY UNKNOWN \n\r\n", Fault::LineEnd),
        ("PROXY UNKNOWN \r\r\n", Fault::LineEnd),
        ("PROXY \r\n", Fault::Line),
        ("PROXY TCP\r\n", Fault::Line),
        ("PROXY UNKNOWNS\r\n", Fault::Line),
        ("PROXY unknown\r\n", Fault::Line),
        ("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", Fault::Line),
        ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", Fault::Line),
        ("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", Fault::Line),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", Fault::Line),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", Fault::Line),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", Fault::Line),
        ("PROXY TCP4\r\n", Fault::Line),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", Fault::Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", Fault::Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", Fault::Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n", Fault::Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", Fault::Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", Fault::Port),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 0x2\r\n", Fault::Port),
        ("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", Fault::Address),
        ("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", Fault::Address),
        ("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", Fault::Address),
        ("PROXY TCP4 1.2.3.4 ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP4 localhost 1.2.3.4 1 2\r\n", Fault::Address),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", Fault::Address),
        ("PROXY TCP6 ::1%eth0 ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 [::1] ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 ::1:: ::1 1 2\r\n", Fault::Address),
    ] {
        assert_eq!(parse(line.as_bytes()), Err(fault), "{line:?}");
    }
    assert_eq!(parse(b"PROXY TCP4 \xff 1.2.3.4 1 2\r\n"), Err(Fault::Line));
}

#[test]
fn binary_headers() {
    let expected = known("192.0.2.1:56324", "198.51.100.7:443");
    let mut ipv6 = [0; 36];
    (ipv6[0], ipv6[15], ipv6[31], ipv6[33], ipv6[35]) = (0x20, 1, 2, 80, 81);
    for (version_command, family, body, expected) in [
        (0x21, 0x11, &IPV4[..], expected),
        (0x21, 0x11, &[&IPV4[..], &[0xee, 0, 0]].concat(), expected),
        (0x21, 0x11, &[&IPV4[..], &[3, 0, 4, 1, 2, 3, 4, 0xee, 0, 1, 9]].concat(), expected),
        (0x21, 0x11, &[&IPV4[..], &[4, 0x0f, 0xe1], &[0; 4065]].concat(), expected),
        (0x21, 0x21, &ipv6, known("[2000::1]:80", "[::2]:81")),
        (0x21, 0x31, &[7; 216], Ok(ProxyHeader::UNKNOWN)),
        (0x21, 0x00, b"", Ok(ProxyHeader::UNKNOWN)),
        (0x21, 0x00, b"of no form", Ok(ProxyHeader::UNKNOWN)),
        (0x20, 0x00, b"", Ok(ProxyHeader::UNKNOWN)),
        (0x20, 0x11, &IPV4, Ok(ProxyHeader::UNKNOWN)),
        (0x20, 0x12, b"short", Ok(ProxyHeader::UNKNOWN)),
        (0x20, 0xff, &[0; 4080], Ok(ProxyHeader::UNKNOWN)),
    ] {
        let header = binary(version_command, family, body);
        assert_eq!(parse(&header), expected, "{version_command:#x} {family:#x}");
    }
}

#[test]
fn binary_headers_that_are_refused() {
    for (version_command, family, body, fault) in [
        (0x11, 0x11, &IPV4[..], Fault::Version),
        (0x31, 0x11, &IPV4, Fault::Version),
        (0x01, 0x11, &IPV4, Fault::Version),
        (0x22, 0x11, &IPV4, Fault::Command),
        (0x2f, 0x11, &IPV4, Fault::Command),
        // UDP, a stream of no family, a family without transport, datagrams over a Unix socket, unassigned.
        (0x21, 0x12, &IPV4, Fault::Family),
        (0x21, 0x22, &[0; 36], Fault::Family),
        (0x21, 0x01, &IPV4, Fault::Family),
        (0x21, 0x10, &IPV4, Fault::Family),
        (0x21, 0x32, &[0; 216], Fault::Family),
        (0x21, 0x41, &IPV4, Fault::Family),
        (0x21, 0x11, &IPV4[..11], Fault::TooShort),
        (0x21, 0x11, b"", Fault::TooShort),
        (0x21, 0x21, &[0; 35], Fault::TooShort),
        (0x21, 0x31, &[0; 215], Fault::TooShort),
        (0x21, 0x11, &[&IPV4[..], &[1]].concat(), Fault::Values),
        (0x21, 0x11, &[&IPV4[..], &[1, 0]].concat(), Fault::Values),
        (0x21, 0x11, &[&IPV4[..], &[1, 0, 2, 0]].concat(), Fault::Values),
        (0x21, 0x11, &[&IPV4[..], &[1, 0, 0, 1, 0xff, 0xff]].concat(), Fault::Values),
        (0x21, 0x11, &[0; 4081], Fault::TooLong),
        (0x20, 0x00, &[0; 4081], Fault::TooLong),
        (0x20, 0x00, &[0; 0xffff], Fault::TooLong),
    ] {
        let header = binary(version_command, family, body);
        assert_eq!(parse(&header), Err(fault), "{version_command:#x} {family:#x} {}", body.len());
    }
    for at in 0..SIGNATURE.len() {
        let mut header = binary(0x21, 0x11, &IPV4);
        header[at] ^= 1;
        assert_eq!(parse(&header), Err(Fault::Signature), "byte {at}");
    }
}

#[test]
fn faults_are_refused_before_the_rest_is_there() {
    for (bytes, fault) in [
        (&b"G"[..], Fault::Signature),
        (b"\r\n\r\n\r", Fault::Signature),
        (b"\r\n\r\n\0\r\nQUIT\n\x11", Fault::Version),
        (b"\r\n\r\n\0\r\nQUIT\n\x23", Fault::Command),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x12", Fault::Family),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0b", Fault::TooShort),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", Fault::TooLong),
    ] {
        assert_eq!(parse_proxy_header(bytes), Err(fault), "{:?}", bytes.escape_ascii().to_string());
        let before = parse_proxy_header(&bytes[..bytes.len() - 1]);
        assert!(matches!(before, Ok(Progress::NeedMore { .. })), "{:?}", bytes.escape_ascii().to_string());
    }
    assert!(matches!(parse_proxy_header(b""), Ok(Progress::NeedMore { searched: 0 })));
}

#[test]
fn the_words_for_faults_are_stable() {
    for (fault, word) in [
        (Fault::Signature, "signature"),
        (Fault::LineEnd, "line-end"),
        (Fault::Line, "line"),
        (Fault::Address, "address"),
        (Fault::Port, "port"),
        (Fault::Version, "version"),
        (Fault::Command, "command"),
        (Fault::Family, "family"),
        (Fault::TooLong, "too-long"),
        (Fault::TooShort, "too-short"),
        (Fault::Values, "values"),
    ] {
        assert_eq!(fault.reason(), word);
    }
}
