//! Records of RFC 8448 section 3 (Simple 1-RTT Handshake) behind the handshake, as printed there.

use super::{Alert, Content, Opening, ProtocolVersion, RecordOpener, RecordSealer, Role, Suite, TrafficKeys};

const CLIENT_KEY: &str = "17 42 2d da 59 6e d5 d9 ac d8 90 e3 c6 3f 50 51";
const CLIENT_IV: &str = "5b 78 92 3d ee 08 57 90 33 e5 23 d9";
const SERVER_KEY: &str = "9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56";
const SERVER_IV: &str = "cf 78 2b 88 dd 83 54 9a ad f1 e9 84";

/// "send handshake record": the NewSessionTicket of the server, its record 0.
const TICKET: &str = "
    17 03 03 00 de 3a 6b 8f 90 41 4a 97 d6 95 9c 34 87 68 0d e5 13 4a 2b 24 0e 6c ff ac 11 6e 95 d4 1d 6a f8 f6 b5
    80 dc f3 d1 1d 63 c7 58 db 28 9a 01 59 40 25 2f 55 71 3e 06 1d c1 3e 07 88 91 a3 8e fb cf 57 53 ad 8e f1 70 ad
    3c 73 53 d1 6d 9d a7 73 b9 ca 7f 2b 9f a1 b6 c0 d4 a3 d0 3f 75 e0 9c 30 ba 1e 62 97 2a c4 6f 75 f7 b9 81 be 63
    43 9b 29 99 ce 13 06 46 15 13 98 91 d5 e4 c5 b4 06 f1 6e 3f c1 81 a7 7c a4 75 84 00 25 db 2f 0a 77 f8 1b 5a b0
    5b 94 c0 13 46 75 5f 69 23 2c 86 51 9d 86 cb ee ac 87 aa c3 47 d1 43 f9 60 5d 64 f6 50 db 4d 02 3e 70 e9 52 ca
    49 fe 51 37 12 1c 74 bc 26 97 68 7e 24 87 46 d6 df 35 30 05 f3 bc e1 86 96 12 9c 81 53 55 6b 3b 6c 67 79 b3 7b
    f1 59 85 68 4f";
const CLIENT_DATA: &str = "
    17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5
    b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4";
const SERVER_DATA: &str = "
    17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36 e3 0e fa f9 7d
    90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2 95 5d";
const CLIENT_CLOSE: &str = "17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3";
const SERVER_CLOSE: &str = "17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9";

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn keys(key: &str, iv: &str, sequence: u64) -> TrafficKeys {
    TrafficKeys::new(ProtocolVersion::Tls13, Suite::Aes128Gcm, &hex(key), &hex(iv), sequence).unwrap()
}

fn data() -> Vec<u8> {
    (0..50).collect()
}

/// Opens one record of `flight` and says what it held.
fn open(opener: &mut RecordOpener, flight: &mut Vec<u8>) -> (Content, Vec<u8>) {
    match opener.open(flight) {
        Ok(Opening::Opened { taken, content }) => {
            let data = match content {
                Content::Data(span) => span.of(flight).to_vec(),
                _ => Vec::new(),
            };
            flight.drain(..taken);
            (content, data)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_of_the_server_open() {
    let mut opener = RecordOpener::new(keys(SERVER_KEY, SERVER_IV, 0), Role::Client);
    let mut flight = [hex(TICKET), hex(SERVER_DATA), hex(SERVER_CLOSE)].concat();
    let (Content::SessionTickets(tickets), _) = open(&mut opener, &mut flight) else { panic!("a ticket") };
    let bodies: Vec<_> = tickets.bodies().collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!((bodies[0].len(), &bodies[0][..8]), (201, &hex("00 00 00 1e fa d6 aa c5")[..]));
    assert_eq!(open(&mut opener, &mut flight).1, data());
    assert_eq!(open(&mut opener, &mut flight).0, Content::CloseNotify);
    assert!(flight.is_empty());
}

#[test]
fn records_of_the_client_open() {
    let mut opener = RecordOpener::new(keys(CLIENT_KEY, CLIENT_IV, 0), Role::Server);
    let mut flight = [hex(CLIENT_DATA), hex(CLIENT_CLOSE)].concat();
    assert_eq!(open(&mut opener, &mut flight).1, data());
    assert_eq!(open(&mut opener, &mut flight).0, Content::CloseNotify);
    assert!(flight.is_empty());
}

#[test]
fn both_sides_seal_the_same_records() {
    for (key, iv, sequence, expected) in [
        (CLIENT_KEY, CLIENT_IV, 0, [CLIENT_DATA, CLIENT_CLOSE]),
        (SERVER_KEY, SERVER_IV, 1, [SERVER_DATA, SERVER_CLOSE]),
    ] {
        let mut sealer = RecordSealer::new(keys(key, iv, sequence));
        let mut out = Vec::new();
        sealer.seal(&data(), 16384, &mut out).unwrap();
        sealer.seal_alert(Alert::CloseNotify, &mut out).unwrap();
        assert_eq!(out, hex(&expected.join(" ")));
    }
}
