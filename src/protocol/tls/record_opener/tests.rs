use super::*;
use crate::protocol::tls::record_format::handshake_type::{KEY_UPDATE, NEW_SESSION_TICKET};
use crate::protocol::tls::{RECORD_BYTES_MAX, RecordSealer, Suite};

use ProtocolVersion::{Tls12, Tls13};
use Role::{Client, Server};
use content_type::{ALERT, APPLICATION_DATA as DATA, HANDSHAKE};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALL: [(ProtocolVersion, Suite); 6] = [
    (Tls12, Suite::Aes128Gcm),
    (Tls12, Suite::Aes256Gcm),
    (Tls12, Suite::Chacha20Poly1305),
    (Tls13, Suite::Aes128Gcm),
    (Tls13, Suite::Aes256Gcm),
    (Tls13, Suite::Chacha20Poly1305),
];

fn keys(version: ProtocolVersion, suite: Suite, sequence: u64) -> TrafficKeys {
    let length = if suite == Suite::Aes128Gcm { 16 } else { 32 };
    TrafficKeys::new(version, suite, &vec![0x4b; length], &[0x49; 12], sequence).unwrap()
}

fn plain_keys(version: ProtocolVersion) -> TrafficKeys {
    keys(version, Suite::Aes128Gcm, 0)
}

/// A record as a peer may make it, of any type and content.
fn record(keys: &mut TrafficKeys, inner_type: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    keys.seal(inner_type, content, &mut out).unwrap();
    out
}

fn records(version: ProtocolVersion, contents: &[(u8, &[u8])]) -> Vec<u8> {
    let mut keys = plain_keys(version);
    contents.iter().flat_map(|(inner_type, content)| record(&mut keys, *inner_type, content)).collect()
}

/// What a flight says when read to its end: data joined, the rest in words.
#[derive(Debug, Default, PartialEq)]
struct Read {
    data: Vec<u8>,
    said: Vec<String>,
    left: usize,
}

/// Reads `flight` as it comes in parts of `part` bytes. Brings new keys of the same kind after a KeyUpdate.
fn read(opener: &mut RecordOpener, flight: &[u8], part: usize) -> Read {
    let mut read = Read::default();
    let mut unread = Vec::new();
    for arrived in flight.chunks(part) {
        unread.extend_from_slice(arrived);
        loop {
            let before = unread.clone();
            match opener.open(&mut unread) {
                Ok(Opening::Incomplete { missing, total }) => {
                    assert_eq!(unread, before, "an incomplete record was touched");
                    assert!(missing > 0 && unread.len() + missing == total && total <= RECORD_BYTES_MAX);
                    break;
                }
                Ok(Opening::Opened { taken, content }) => {
                    assert!(taken > 0 && unread[taken..] == before[taken..], "what follows was touched");
                    match content {
                        Content::Data(span) => read.data.extend_from_slice(span.of(&unread[..taken])),
                        Content::Nothing => {}
                        Content::CloseNotify => {
                            read.said.push("close".to_owned());
                            // What follows is ignored.
                            assert_eq!(opener.open(&mut [0; 9]), Ok(Opening::Opened { taken: 9, content }));
                            return read;
                        }
                        Content::KeyUpdate { answer } => {
                            read.said.push(format!("update {answer}"));
                            opener.rekey(keys(opener.keys.version(), Suite::Aes256Gcm, 0));
                        }
                        Content::SessionTickets(tickets) => {
                            read.said.extend(tickets.bodies().map(|body| format!("ticket {}", body.len())));
                        }
                    }
                    unread.drain(..taken);
                }
                Err(fault) => {
                    assert_eq!(opener.open(&mut [0; 99]), Err(fault), "it goes on after a fault");
                    read.said.push(fault.reason().to_owned());
                    return read;
                }
            }
            if unread.is_empty() {
                break;
            }
        }
    }
    read.left = unread.len();
    read
}

/// What `role` reads in a flight of these records, whole and byte by byte.
#[track_caller]
fn check(version: ProtocolVersion, role: Role, contents: &[(u8, &[u8])], data: &[u8], said: &[&str]) {
    check_bytes(version, role, &records(version, contents), data, said);
}

#[track_caller]
fn check_bytes(version: ProtocolVersion, role: Role, flight: &[u8], data: &[u8], said: &[&str]) {
    for part in [flight.len().max(1), 1] {
        let read = read(&mut RecordOpener::new(plain_keys(version), role), flight, part);
        assert_eq!(read.said, said, "{version:?} {role:?} in parts of {part}");
        assert_eq!(read.data, data, "{version:?} {role:?} in parts of {part}");
    }
}

/// A handshake message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = (body.len() as u32).to_be_bytes();
    [&[kind, high, middle, low], body].concat()
}

#[test]
fn what_was_sealed_opens_however_it_arrives() {
    for (version, suite) in ALL {
        let mut sealer = RecordSealer::new(keys(version, suite, 3));
        let plain: Vec<u8> = (0..40_000_u32).map(|number| (number * 7 / 3) as u8).collect();
        let mut flight = Vec::new();
        for (length, fragment_max) in [(1, 1), (900, 333), (16_384, 16_384), (40_000, 20_000), (0, 5)] {
            sealer.seal(&plain[..length], fragment_max, &mut flight).unwrap();
        }
        sealer.seal_alert(Alert::CloseNotify, &mut flight).unwrap();
        let data = [&plain[..1], &plain[..900], &plain[..16_384], &plain].concat();
        for part in [1, 2, 5, 21, 1000, 16_405, 100_000] {
            let part = if part == 1 && suite != Suite::Aes128Gcm { 3 } else { part };
            let read = read(&mut RecordOpener::new(keys(version, suite, 3), Server), &flight, part);
            let expected = Read { data: data.clone(), said: vec!["close".to_owned()], left: 0 };
            assert!(read == expected, "{version:?} {suite:?} in parts of {part}: {:?}", read.said);
        }
    }
}

#[test]
fn every_split_of_a_flight_reads_the_same() {
    for (version, suite) in ALL {
        let mut sealer = RecordSealer::new(keys(version, suite, 0));
        let mut flight = Vec::new();
        sealer.seal(b"one record, and", 16_384, &mut flight).unwrap();
        sealer.seal(b" then some more", 4, &mut flight).unwrap();
        sealer.seal_alert(Alert::CloseNotify, &mut flight).unwrap();
        for cut in 1..flight.len() {
            let mut opener = RecordOpener::new(keys(version, suite, 0), Server);
            let mut data = Vec::new();
            let mut at = 0;
            for end in [cut, flight.len()] {
                loop {
                    let mut unread = flight[at..end].to_vec();
                    match opener.open(&mut unread).unwrap() {
                        Opening::Incomplete { .. } => break,
                        Opening::Opened { content: Content::CloseNotify, .. } => break,
                        Opening::Opened { taken, content } => {
                            let Content::Data(span) = content else { panic!("{content:?}") };
                            data.extend_from_slice(span.of(&unread));
                            at += taken;
                        }
                    }
                }
            }
            assert_eq!(data, b"one record, and then some more", "{version:?} {suite:?} cut at {cut}");
        }
    }
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    for (version, suite) in ALL {
        let mut flight = Vec::new();
        let mut sealer = RecordSealer::new(keys(version, suite, 0));
        sealer.seal(b"sealed", 16_384, &mut flight).unwrap();
        sealer.seal(b"next", 16_384, &mut flight).unwrap();
        let first = flight.len() - sealer.sealed_bytes(4, 16_384);
        for at in 0..first {
            for flipped in [1, 0x80, 0xff] {
                let mut changed = flight.clone();
                changed[at] ^= flipped;
                let opening = RecordOpener::new(keys(version, suite, 0), Server).open(&mut changed);
                let fault = match at {
                    0 => matches!(opening, Err(RecordFault::RecordType | RecordFault::BadTag)),
                    1 | 2 => opening == Err(RecordFault::RecordVersion),
                    3 | 4 => matches!(
                        opening,
                        Err(RecordFault::RecordTooLarge | RecordFault::BadTag)
                            | Ok(Opening::Incomplete { .. })
                    ),
                    _ => opening == Err(RecordFault::BadTag),
                };
                assert!(fault, "{version:?} {suite:?} byte {at} ^ {flipped:#x}: {opening:?}");
            }
        }
    }
}

#[test]
fn records_come_in_order_once_and_under_one_key() {
    for version in [Tls12, Tls13] {
        let mut sealing = plain_keys(version);
        let [first, second] = ["a", "b"].map(|text| record(&mut sealing, DATA, text.as_bytes()));
        for (flight, data) in [
            (vec![first.clone(), first.clone()], "a"),
            (vec![second.clone()], ""),
            (vec![first.clone(), second.clone(), second], "ab"),
            (vec![first, record(&mut keys(version, Suite::Aes256Gcm, 1), DATA, b"b")], "a"),
        ] {
            check_bytes(version, Server, &flight.concat(), data.as_bytes(), &["bad-tag"]);
        }
    }
}

#[test]
fn headers_are_judged_before_the_rest_is_there() {
    for (version, header, expected) in [
        (Tls13, "\x17\x03\x03\x00\x13", None),
        (Tls13, "\x17\x03\x03\x40\x11", None),
        (Tls13, "\x17\x03\x03\x40\x12", Some(RecordFault::RecordTooLarge)),
        (Tls13, "\x17\x03\x03\x7f\x7f", Some(RecordFault::RecordTooLarge)),
        (Tls13, "\x14\x03\x03\x00\x01", Some(RecordFault::RecordType)),
        (Tls13, "\x15\x03\x03\x00\x02", Some(RecordFault::RecordType)),
        (Tls13, "\x16\x03\x03\x00\x20", Some(RecordFault::RecordType)),
        (Tls13, "\x17\x03\x01\x00\x13", Some(RecordFault::RecordVersion)),
        (Tls13, "\x17\x03\x04\x00\x13", Some(RecordFault::RecordVersion)),
        (Tls13, "GET /", Some(RecordFault::RecordType)),
        (Tls12, "\x17\x03\x03\x40\x18", None),
        (Tls12, "\x17\x03\x03\x40\x19", Some(RecordFault::RecordTooLarge)),
        (Tls12, "\x15\x03\x03\x00\x1a", None),
        (Tls12, "\x14\x03\x03\x00\x01", Some(RecordFault::RecordType)),
        (Tls12, "\x18\x03\x03\x00\x20", Some(RecordFault::RecordType)),
        (Tls12, "\x17\x03\x01\x00\x20", Some(RecordFault::RecordVersion)),
        (Tls12, "\x17\x02\x03\x00\x20", Some(RecordFault::RecordVersion)),
    ] {
        let mut header = header.as_bytes().to_vec();
        let opening = RecordOpener::new(plain_keys(version), Server).open(&mut header);
        match expected {
            Some(fault) => assert_eq!(opening, Err(fault), "{version:?} {header:02x?}"),
            None => assert!(matches!(opening, Ok(Opening::Incomplete { .. })), "{version:?} {header:02x?}"),
        }
    }
}

#[test]
fn a_fragment_too_short_for_its_tag_is_refused() {
    for (version, suite) in ALL {
        for length in 0..keys(version, suite, 0).overhead() as u8 {
            let mut bytes = vec![DATA, 3, 3, 0, length];
            bytes.resize(5 + usize::from(length), 0);
            let opening = RecordOpener::new(keys(version, suite, 0), Server).open(&mut bytes);
            assert_eq!(opening, Err(RecordFault::BadTag), "{version:?} {suite:?} {length}");
        }
    }
}

/// The type goes on the wire behind the content, so a record of type zero is made of what `content` ends with.
#[test]
fn padding_is_stripped() {
    check(Tls13, Server, &[(0, b"data\x17\0\0\0")], b"data", &[]);
    check(Tls13, Server, &[(0, b"ends in zeros\0\0\x17\0")], b"ends in zeros\0\0", &[]);
    check(Tls13, Server, &[(0, b"\x17\0\0"), (DATA, b"next")], b"next", &[]);
    let full = [&b"x\x17"[..], &[0; 16_382]].concat();
    check(Tls13, Server, &[(0, &full)], b"x", &[]);
    check(Tls13, Server, &[(0, b"\0\0\0")], b"", &["no-content-type"]);
    check(Tls13, Server, &[(0, b"")], b"", &["no-content-type"]);
    check(Tls12, Server, &[(DATA, b"no padding\x17\0\0")], b"no padding\x17\0\0", &[]);
}

#[test]
fn alerts() {
    for version in [Tls12, Tls13] {
        for level in [1, 2] {
            check(version, Server, &[(DATA, b"a"), (ALERT, &[level, 0]), (DATA, b"b")], b"a", &["close"]);
        }
        for malformed in [&[][..], &[1], &[1, 0, 1], &[1, 0, 1, 0]] {
            check(version, Server, &[(ALERT, malformed)], b"", &["alert-malformed"]);
        }
        let flight = records(version, &[(ALERT, &[2, 40])]);
        let opening = RecordOpener::new(plain_keys(version), Client).open(&mut flight.clone());
        let fault = RecordFault::PeerAlert(Alert::HandshakeFailure);
        assert_eq!((opening, fault.alert()), (Err(fault), None));
        let opening =
            RecordOpener::new(plain_keys(version), Client).open(&mut records(version, &[(ALERT, &[2, 99])]));
        assert_eq!(opening, Err(RecordFault::PeerAlert(Alert::Unknown(99))));
    }
    check(Tls12, Server, &[(ALERT, &[1, 90]), (ALERT, &[1, 100]), (DATA, b"a")], b"a", &[]);
    check(Tls12, Server, &[(ALERT, &[2, 90])], b"", &["peer-alert"]);
    check(Tls12, Server, &[(ALERT, &[0, 0])], b"", &["alert-level"]);
    check(Tls12, Server, &[(ALERT, &[3, 40])], b"", &["alert-level"]);
    check(Tls13, Server, &[(ALERT, &[2, 90]), (DATA, b"a")], b"a", &[]);
    check(Tls13, Server, &[(ALERT, &[1, 100])], b"", &["peer-alert"]);
    check(Tls13, Server, &[(ALERT, &[1, 40])], b"", &["peer-alert"]);
    check(Tls13, Server, &[(ALERT, &[7, 0])], b"", &["close"]);
}

#[test]
fn only_some_types_follow_a_handshake() {
    for inner_type in (0..=255).filter(|kind| ![DATA, ALERT, HANDSHAKE].contains(kind)) {
        let expected = if inner_type == 0 { "no-content-type" } else { "content-type" };
        let content: &[u8] = if inner_type == 0 { b"\0" } else { b"\x01" };
        check(Tls13, Client, &[(inner_type, content)], b"", &[expected]);
        check(Tls12, Client, &[(inner_type, content)], b"", &["record-type"]);
    }
    // ChangeCipherSpec in clear.
    for version in [Tls12, Tls13] {
        check_bytes(version, Client, &[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1], b"", &["record-type"]);
    }
}

#[test]
fn tls12_is_never_renegotiated() {
    const HELLO_REQUEST: u8 = 0;
    const CLIENT_HELLO: u8 = 1;
    for role in [Client, Server] {
        for kind in [HELLO_REQUEST, CLIENT_HELLO, NEW_SESSION_TICKET, KEY_UPDATE] {
            let content = message(kind, b"");
            check(Tls12, role, &[(HANDSHAKE, &content), (DATA, b"a")], b"", &["renegotiation"]);
        }
        check(Tls12, role, &[(HANDSHAKE, b"")], b"", &["renegotiation"]);
    }
    assert_eq!(RecordFault::Renegotiation.alert(), Some(Alert::NoRenegotiation));
}

#[test]
fn handshake_messages_of_tls13() {
    let update = message(KEY_UPDATE, &[0]);
    let asking = message(KEY_UPDATE, &[1]);
    let ticket = message(NEW_SESSION_TICKET, &[7; 40]);
    let two_tickets = [&ticket[..], &message(NEW_SESSION_TICKET, &[8; 3])].concat();
    let handshake = |role, parts: &[&[u8]], said: &[&str]| {
        let contents: Vec<(u8, &[u8])> = parts.iter().map(|part| (HANDSHAKE, *part)).collect();
        check(Tls13, role, &contents, b"", said);
    };
    for role in [Client, Server] {
        handshake(role, &[&update], &["update false"]);
        handshake(role, &[&asking], &["update true"]);
        handshake(role, &[&asking[..1], &asking[1..4], &asking[4..]], &["update true"]);
        handshake(role, &[&[&update[..], &update].concat()], &["key-update-not-last"]);
        handshake(role, &[&[&update[..], b"\0"].concat()], &["key-update-not-last"]);
        handshake(role, &[&message(KEY_UPDATE, &[2])], &["key-update-value"]);
        handshake(role, &[&message(KEY_UPDATE, &[])], &["key-update-malformed"]);
        handshake(role, &[&message(KEY_UPDATE, &[0, 0])], &["key-update-malformed"]);
        handshake(role, &[&[KEY_UPDATE, 1, 0, 1]], &["key-update-malformed"]);
        handshake(role, &[b""], &["handshake-empty"]);
        handshake(role, &[&update[..2], b""], &["handshake-empty"]);
        // A client that begins anew, a server that asks for a certificate.
        handshake(role, &[&message(1, b"hello")], &["handshake-unexpected"]);
        handshake(role, &[&message(13, b"certificate?")], &["handshake-unexpected"]);
        handshake(role, &[&[0]], &["handshake-unexpected"]);
        check(Tls13, role, &[(HANDSHAKE, &update[..3]), (DATA, b"a")], b"", &["handshake-interleaved"]);
        check(Tls13, role, &[(HANDSHAKE, &update[..3]), (ALERT, &[2, 80])], b"", &["peer-alert"]);
    }
    handshake(Server, &[&ticket], &["handshake-unexpected"]);
    handshake(Client, &[&ticket], &["ticket 40"]);
    handshake(Client, &[&two_tickets], &["ticket 40", "ticket 3"]);
    handshake(Client, &[&two_tickets[..50], &two_tickets[50..]], &["ticket 40", "ticket 3"]);
    handshake(
        Client,
        &[&two_tickets[..2], &two_tickets[2..20], &two_tickets[20..]],
        &["ticket 40", "ticket 3"],
    );
    handshake(Client, &[&[&ticket[..], &asking].concat()], &["update true"]);
    handshake(Client, &[&[&ticket[..], &message(1, b"")].concat()], &["handshake-unexpected"]);

    let most = message(NEW_SESSION_TICKET, &vec![1; limits::TLS_TICKET_BYTES]);
    handshake(Client, &[&most[..16_384], &most[16_384..]], &["ticket 16384"]);
    let more = message(NEW_SESSION_TICKET, &vec![1; limits::TLS_TICKET_BYTES + 1]);
    handshake(Client, &[&more[..4]], &["handshake-too-large"]);
}

#[test]
fn keys_change_with_the_record_behind_a_key_update() {
    let mut old = plain_keys(Tls13);
    let mut new = keys(Tls13, Suite::Aes256Gcm, 0);
    let update = record(&mut old, HANDSHAKE, &message(KEY_UPDATE, &[0]));
    let flight = [&update[..], &record(&mut new, DATA, b"new")].concat();
    check_bytes(Tls13, Server, &flight, b"new", &["update false"]);
    let flight = [&update[..], &record(&mut old, DATA, b"old")].concat();
    check_bytes(Tls13, Server, &flight, b"", &["update false", "bad-tag"]);

    let mut opener = RecordOpener::new(plain_keys(Tls13), Server);
    assert!(opener.open(&mut update.clone()).is_ok());
    assert_eq!(opener.open(&mut [0; 40]), Err(RecordFault::KeysAwaited));
}

#[test]
fn records_without_data_are_bounded_in_a_row() {
    let most = limits::TLS_BARREN_RECORDS as usize;
    let ticket = message(NEW_SESSION_TICKET, b"ticket");
    let no_tickets: &[&str] = &[];
    let tickets = vec!["ticket 6"; most];
    for (version, barren, said) in [
        (Tls12, (DATA, &b""[..]), no_tickets),
        (Tls12, (ALERT, &[1, 90]), no_tickets),
        (Tls13, (DATA, b""), no_tickets),
        (Tls13, (ALERT, &[1, 90]), no_tickets),
        (Tls13, (HANDSHAKE, &ticket), &tickets),
    ] {
        let mut contents = vec![barren; most];
        contents.push((DATA, b"a"));
        contents.extend(vec![barren; most]);
        let twice = [said, said].concat();
        check(version, Client, &contents, b"a", &twice);
        contents.push(barren);
        check(version, Client, &contents, b"a", &[&twice[..], &["barren-records"]].concat());
    }

    let mut opener = RecordOpener::new(plain_keys(Tls13), Server);
    for number in 0..=most {
        let mut update = records(Tls13, &[(HANDSHAKE, &message(KEY_UPDATE, &[1]))]);
        let opening = opener.open(&mut update);
        assert_eq!(opening.is_ok(), number < most, "{number}: {opening:?}");
        if opening.is_ok() {
            opener.rekey(plain_keys(Tls13));
        }
    }
}

#[test]
fn a_worn_out_key_opens_nothing() {
    for (version, suite) in ALL {
        let most = match suite {
            Suite::Aes128Gcm | Suite::Aes256Gcm => limits::TLS_RECORDS_GCM,
            Suite::Chacha20Poly1305 => limits::TLS_RECORDS_CHACHA,
        };
        let mut sealing = keys(version, suite, most - 1);
        let mut last = record(&mut sealing, DATA, b"last");
        let mut beyond = record(&mut sealing, DATA, b"beyond");
        let mut opener = RecordOpener::new(keys(version, suite, most - 1), Server);
        assert!(matches!(opener.open(&mut last), Ok(Opening::Opened { content: Content::Data(_), .. })));
        assert_eq!(opener.open(&mut beyond), Err(RecordFault::KeysWornOut), "{version:?} {suite:?}");
        let endless = keys(version, suite, u64::MAX);
        assert!(RecordOpener::new(endless, Server).open(&mut beyond).is_err());
    }
}

#[test]
fn faults_are_told_apart_and_answered() {
    let faults = [
        (RecordFault::RecordType, "unexpected_message"),
        (RecordFault::RecordVersion, "protocol_version"),
        (RecordFault::RecordTooLarge, "record_overflow"),
        (RecordFault::BadTag, "bad_record_mac"),
        (RecordFault::NoContentType, "unexpected_message"),
        (RecordFault::ContentType, "unexpected_message"),
        (RecordFault::AlertMalformed, "decode_error"),
        (RecordFault::AlertLevel, "illegal_parameter"),
        (RecordFault::Renegotiation, "no_renegotiation"),
        (RecordFault::HandshakeEmpty, "unexpected_message"),
        (RecordFault::HandshakeUnexpected, "unexpected_message"),
        (RecordFault::HandshakeTooLarge, "decode_error"),
        (RecordFault::HandshakeInterleaved, "unexpected_message"),
        (RecordFault::KeyUpdateMalformed, "decode_error"),
        (RecordFault::KeyUpdateValue, "illegal_parameter"),
        (RecordFault::KeyUpdateNotLast, "unexpected_message"),
        (RecordFault::BarrenRecords, "unexpected_message"),
        (RecordFault::KeysWornOut, "internal_error"),
        (RecordFault::KeysAwaited, "internal_error"),
    ];
    for (fault, alert) in faults {
        assert_eq!(fault.alert().map(Alert::name), Some(alert), "{fault}");
        assert_eq!(faults.iter().filter(|(other, _)| other.reason() == fault.reason()).count(), 1, "{fault}");
    }
}
