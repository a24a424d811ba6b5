use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::sys::socket::{setsockopt, sockopt};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ServerConfig, SupportedProtocolVersion};

use super::super::fixture::ends;
use super::super::handshake::tests::{begin, shake, whole};
use super::*;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// One end and its socket.
struct Side {
    session: Session,
    socket: UnixStream,
}

/// Both ends of a connection whose handshake is done, client first.
fn connected(ends: &(Arc<ClientConfig>, Arc<ServerConfig>), wanted: HandshakeKind) -> [Side; 2] {
    let (mut client, mut server) = begin(ends);
    shake(&mut client, &mut server, whole).unwrap();
    assert_eq!(server.end.handshake_kind(), Some(wanted));
    let (near, far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    near.set_nonblocking(true).unwrap();
    let client = Session::new(client.establish().unwrap(), KeySource::Client, Role::Client, near.as_raw_fd());
    let server = Session::new(server.establish().unwrap(), KeySource::Server, Role::Server, far.as_raw_fd());
    [Side { session: client.unwrap(), socket: near }, Side { session: server.unwrap(), socket: far }]
}

fn fresh(version: &'static SupportedProtocolVersion) -> [Side; 2] {
    connected(&ends(version), HandshakeKind::Full)
}

impl Side {
    /// Records of `plain`, as if the socket took all of them.
    fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let Sealed { bytes, from, plain: count } = self.session.seal(plain).unwrap();
        assert_eq!(count, plain.len());
        let sealed = bytes[from..].to_vec();
        self.session.sent(bytes);
        sealed
    }

    /// The plaintext of records that come at once; `room` bytes at a time.
    fn open(&mut self, mut records: &[u8], room: usize) -> Result<Vec<u8>, RecordFault> {
        let (mut plain, mut target) = (Vec::new(), vec![0; room]);
        loop {
            match self.session.deliver(&mut target) {
                Delivery::Plain(0) => return Ok(plain),
                Delivery::Plain(count) => plain.extend_from_slice(&target[..count]),
                Delivery::Broken(_) => return Err(self.session.fault().unwrap()),
                Delivery::Wants(mut storage, start) => {
                    let count = records.len().min(storage.len() - start);
                    storage[start..start + count].copy_from_slice(&records[..count]);
                    records = &records[count..];
                    self.session.received(storage, count);
                    if count == 0 {
                        return Ok(plain);
                    }
                }
            }
        }
    }

    /// What the other end sent by itself.
    fn read(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _nothing_more = self.socket.read_to_end(&mut bytes);
        bytes
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

#[test]
fn records_may_be_cut_anywhere_and_read_in_any_pieces() {
    for version in VERSIONS {
        let [mut client, mut server] = fresh(version);
        let texts = [pattern(1), pattern(40), pattern(7)];
        let mut at = 0;
        loop {
            let flight: Vec<u8> = texts.iter().flat_map(|text| client.seal(text)).collect();
            if at > flight.len() {
                break;
            }
            let (first, second) = flight.split_at(at);
            let mut plain = server.open(first, 1 + at % 9).unwrap();
            plain.extend(server.open(second, 1 + at % 50).unwrap());
            assert_eq!(plain, texts.concat(), "{version:?} cut at {at}");
            at += 1;
        }
    }
}

#[test]
fn bodies_of_every_size_pass_whole() {
    for version in VERSIONS {
        let [mut client, mut server] = fresh(version);
        for size in [1, 1349, 1350, 1351, 4096, 16_384, 16_385, 65_535, 65_536] {
            let body = pattern(size);
            let sealed = server.seal(&body);
            assert_eq!(client.open(&sealed, 8192).unwrap(), body, "{size} down");
            let sealed = client.seal(&body);
            for piece in sealed.chunks(1000) {
                let _part = server.open(piece, 1 << 17).unwrap();
            }
        }
    }
}

#[test]
fn a_socket_that_takes_a_part_gets_the_rest_later() {
    for version in VERSIONS {
        let [mut client, mut server] = fresh(version);
        setsockopt(&server.socket, sockopt::SndBuf, &4608).unwrap();
        let body = pattern(300_000);
        let (mut rest, mut plain, mut put_off) = (&body[..], Vec::new(), 0);
        while !rest.is_empty() {
            match server.session.seal_and_send(rest) {
                Some(sent) => rest = &rest[sent.unwrap()..],
                None => {
                    put_off += 1;
                    let came = client.read();
                    plain.extend(client.open(&came, 4000).unwrap());
                    if put_off % 3 == 0 {
                        // Through the ring this time, all of it.
                        let Sealed { bytes, from, plain: count } = server.session.seal(rest).unwrap();
                        plain.extend(client.open(&bytes[from..], 4000).unwrap());
                        server.session.sent(bytes);
                        rest = &rest[count..];
                    }
                }
            }
        }
        let came = client.read();
        plain.extend(client.open(&came, 4000).unwrap());
        assert!(put_off > 3 && plain == body, "{version:?}: {put_off} times, {} bytes", plain.len());
    }
}

#[test]
fn what_the_handshake_left_to_say_goes_ahead_and_is_a_session_for_next_time() {
    for version in VERSIONS {
        let ends = ends(version);
        let [mut client, mut server] = connected(&ends, HandshakeKind::Full);
        assert_eq!(
            !server.session.outgoing.bytes.is_empty(),
            version.version == rustls::ProtocolVersion::TLSv1_3
        );
        assert_eq!(server.session.seal_and_send(b"answer").unwrap().unwrap(), 6);
        let came = client.read();
        assert_eq!(client.open(&came, 100).unwrap(), b"answer");
        connected(&ends, HandshakeKind::Resumed);
    }
}

#[test]
fn keys_change_from_either_side_and_data_goes_on() {
    let [mut client, mut server] = fresh(&TLS13);
    for round in 0..4 {
        let (asks, answers) =
            if round % 2 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
        let own = &mut asks.session;
        let mut records = std::mem::take(&mut own.outgoing.bytes);
        own.sealer.seal_key_update(true, &mut records).unwrap();
        own.sealer.rekey(own.keys.next(Direction::Transmit, ProtocolVersion::Tls13).unwrap());
        records.extend(asks.seal(b"under the new key"));
        assert_eq!(answers.open(&records, 100).unwrap(), b"under the new key", "round {round}");
        assert!(answers.session.owes_key_update);
        let answer = answers.seal(b"so is this");
        assert!(!answers.session.owes_key_update);
        assert_eq!(asks.open(&answer, 100).unwrap(), b"so is this", "round {round}");
    }
}

#[test]
fn a_broken_record_is_answered_by_an_alert_and_nothing_else() {
    for version in VERSIONS {
        let [mut client, mut server] = fresh(version);
        let mut record = client.seal(b"whole");
        record.extend(client.seal(b"broken"));
        *record.last_mut().unwrap() ^= 1;
        let mut target = [0; 100];
        assert_eq!(server.open(&record[..8], 100), Ok(Vec::new()));
        let Delivery::Wants(mut storage, start) = server.session.deliver(&mut target) else { panic!("more") };
        storage[start..start + record.len() - 8].copy_from_slice(&record[8..]);
        server.session.received(storage, record.len() - 8);
        assert!(
            matches!(server.session.deliver(&mut target), Delivery::Plain(5)),
            "what is whole is delivered"
        );
        assert!(matches!(server.session.deliver(&mut target), Delivery::Broken(_)));
        assert!(matches!(server.session.deliver(&mut target), Delivery::Broken(_)), "and stays so");
        assert_eq!(server.session.fault(), Some(RecordFault::BadTag));
        assert!(server.session.seal(b"more").is_err());
        server.session.end();
        let came = client.read();
        assert_eq!(client.open(&came, 100), Err(RecordFault::PeerAlert(Alert::BadRecordMac)));
        assert!(client.read().is_empty(), "an alert is not answered");
    }
}

#[test]
fn an_end_is_said_once_and_heard() {
    for version in VERSIONS {
        let [mut client, mut server] = fresh(version);
        assert_eq!(server.session.seal_and_send(b"last").unwrap().unwrap(), 4);
        server.session.end();
        server.session.end();
        let came = client.read();
        let mut target = [0; 100];
        assert_eq!(client.open(&came, 100).unwrap(), b"last");
        assert!(matches!(client.session.deliver(&mut target), Delivery::Plain(0)));
        assert_eq!(client.session.fault(), None);
        assert!(server.session.seal(b"more").is_err());
        // The other direction stands.
        let up = client.seal(b"still here");
        assert_eq!(server.open(&up, 100).unwrap(), b"still here");
    }
}

#[test]
fn a_cold_session_keeps_what_came_and_nothing_else() {
    let [mut client, mut server] = fresh(&TLS13);
    let record = client.seal(b"request");
    let (first, second) = record.split_at(9);
    assert_eq!(server.open(first, 100).unwrap(), b"");
    assert!(server.session.cool());
    assert!(!server.session.incoming.storage.is_empty());
    assert_eq!(server.open(second, 100).unwrap(), b"request");
    assert!(server.session.cool());
    assert!(server.session.incoming.storage.is_empty() && !server.session.may_deliver());
    // Plaintext that nobody has read yet must be read first.
    let record = client.seal(b"request");
    assert_eq!(server.open(&record[..9], 3).unwrap(), b"");
    let mut target = [0; 3];
    let Delivery::Wants(mut storage, start) = server.session.deliver(&mut target) else { panic!("more") };
    storage[start..start + record.len() - 9].copy_from_slice(&record[9..]);
    server.session.received(storage, record.len() - 9);
    assert!(matches!(server.session.deliver(&mut target), Delivery::Plain(3)));
    assert!(server.session.may_deliver() && !server.session.cool());
}
