use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, ServerConfig, SupportedProtocolVersion};

use super::super::fixture::ends;
use super::*;

type Client = Handshake<UnbufferedClientConnection>;
type Server = Handshake<UnbufferedServerConnection>;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Both ends before the first byte.
pub(in crate::net::tls) fn begin(
    (client, server): &(Arc<ClientConfig>, Arc<ServerConfig>),
) -> (Client, Server) {
    let name = "server.test".try_into().unwrap();
    let client = UnbufferedClientConnection::new(client.clone(), name).unwrap();
    let server = UnbufferedServerConnection::new(server.clone()).unwrap();
    (Handshake::new(client), Handshake::new(server))
}

/// Carries flights back and forth until both ends are done; `cut` says where each is cut, by its number. What an end
/// has to say when the other is done stays with it.
pub(in crate::net::tls) fn shake(
    client: &mut Client,
    server: &mut Server,
    cut: impl Fn(usize, &[u8]) -> Vec<Vec<u8>>,
) -> Result<(), Error> {
    let mut done = (false, false);
    for flight in 0..20 {
        done.0 |= client.step()? == Needs::Nothing;
        if !done.1 {
            deliver(server, cut(2 * flight, &client.take_outgoing()))?;
        }
        done.1 |= server.step()? == Needs::Nothing;
        if done == (true, true) {
            return Ok(());
        }
        deliver(client, cut(2 * flight + 1, &server.take_outgoing()))?;
    }
    panic!("no end: {done:?}");
}

/// A flight as it is.
pub(in crate::net::tls) fn whole(_flight: usize, bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![bytes.to_vec()]
}

fn deliver<E: End>(to: &mut Handshake<E>, pieces: Vec<Vec<u8>>) -> Result<(), Error> {
    for piece in pieces {
        to.receive(&piece)?;
        to.step()?;
    }
    Ok(())
}

#[track_caller]
fn check_done(client: Client, server: Server, resumed: bool) {
    let wanted = if resumed { HandshakeKind::Resumed } else { HandshakeKind::Full };
    assert_eq!(server.end.handshake_kind(), Some(wanted));
    assert!(server.end.peer_certificates().is_some(), "the client is known");
    let (client, server) = (client.establish().unwrap(), server.establish().unwrap());
    assert_eq!(client.secrets.tx.0, server.secrets.rx.0);
    assert_eq!(client.keys.protocol_version(), server.keys.protocol_version());
}

#[test]
fn a_first_flight_may_be_cut_anywhere() {
    for version in VERSIONS {
        let ends = ends(version);
        let (mut client, _) = begin(&ends);
        client.step().unwrap();
        for at in 0..=client.take_outgoing().len() {
            let (mut client, mut server) = begin(&ends);
            let cut = |flight, bytes: &[u8]| match flight {
                0 => vec![bytes[..at.min(bytes.len())].to_vec(), bytes[at.min(bytes.len())..].to_vec()],
                _ => whole(flight, bytes),
            };
            shake(&mut client, &mut server, cut).unwrap();
            assert!(!server.end.is_handshaking(), "cut at {at}");
        }
    }
}

#[test]
fn all_flights_may_come_byte_by_byte_and_cut_oddly() {
    for version in VERSIONS {
        for size in [1, 2, 3, 5, 7, 64, 509] {
            let (mut client, mut server) = begin(&ends(version));
            let pieces = |_, bytes: &[u8]| bytes.chunks(size).map(<[u8]>::to_vec).collect();
            shake(&mut client, &mut server, pieces).unwrap();
            check_done(client, server, false);
        }
    }
}

#[test]
fn what_comes_behind_a_handshake_stays_as_it_came() {
    let behind = b"\x17\x03\x03\x00\x05hello\x15\x03\x03\x00\x02\x02";
    for version in VERSIONS {
        // Behind whichever flight an end needs last.
        for flight in 0..6 {
            let (mut client, mut server) = begin(&ends(version));
            let cut = |number, bytes: &[u8]| match number {
                _ if number == flight && !bytes.is_empty() => vec![[bytes, behind].concat()],
                _ => whole(number, bytes),
            };
            if shake(&mut client, &mut server, cut).is_err() {
                // Amid the handshake it is no part of it.
                continue;
            }
            let (client, server) = (client.establish().unwrap(), server.establish().unwrap());
            let expected = if flight % 2 == 0 { server.incoming } else { client.incoming };
            assert!(expected.is_empty() || expected.ends_with(behind), "{version:?} flight {flight}");
        }
        let (mut client, mut server) = begin(&ends(version));
        let last = if version.version == ProtocolVersion::TLSv1_3 { 2 } else { 3 };
        let cut = |number, bytes: &[u8]| match number {
            _ if number == last => vec![[bytes, behind].concat()],
            _ => whole(number, bytes),
        };
        shake(&mut client, &mut server, cut).unwrap();
        let waiting = if last == 2 {
            server.establish().unwrap().incoming
        } else {
            client.establish().unwrap().incoming
        };
        assert_eq!(waiting, behind, "{version:?}");
    }
}

#[test]
fn any_changed_byte_ends_in_order() {
    for version in VERSIONS {
        let ends = ends(version);
        let (mut client, _) = begin(&ends);
        client.step().unwrap();
        let hello = client.take_outgoing();
        for at in 0..hello.len() {
            let mut changed = hello.clone();
            changed[at] ^= 1 << (at % 8);
            let (_, mut server) = begin(&ends);
            server.receive(&changed).unwrap();
            match server.step() {
                Ok(Needs::Nothing) => panic!("done by a first flight alone: byte {at}"),
                Ok(Needs::Sending | Needs::Receiving) => {}
                Err(_) => assert!(server.incoming.is_empty()),
            }
        }
        // In the other flights every changed byte is noticed by one end or the other.
        for flight in 1..4 {
            for at in (0..2_000).step_by(97) {
                let (mut client, mut server) = begin(&ends);
                let cut = |number, bytes: &[u8]| {
                    let mut changed = bytes.to_vec();
                    if number == flight
                        && let Some(byte) = changed.get_mut(at)
                    {
                        *byte ^= 0x10;
                    }
                    vec![changed]
                };
                let _refused_or_too_short = shake(&mut client, &mut server, cut);
            }
        }
    }
}

#[test]
fn garbage_is_refused_with_an_alert_and_no_end_of_bytes_is_taken() {
    let ends = ends(&TLS13);
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\xff\xff\x01",
        b"\x17\x03\x03\x00\x01\x00",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    ] {
        let (_, mut server) = begin(&ends);
        server.receive(garbage).unwrap();
        assert!(server.step().is_err(), "{}", garbage.escape_ascii());
        let alert = server.take_outgoing();
        assert_eq!((alert.first(), alert.len()), (Some(&0x15), 7), "{}", garbage.escape_ascii());
    }
    // A message that never ends, in whole records, byte by byte and at once.
    let record = [&b"\x16\x03\x01\x40\x00\x01\x00\xff\xff"[..], &[0; 0x4000 - 4]].concat();
    let (_, mut server) = begin(&ends);
    let mut taken = 0;
    let refused = loop {
        taken += record.len();
        if let Err(fault) = server.receive(&record).and_then(|()| server.step()) {
            break fault;
        }
        assert!(taken <= 2 * TLS_HANDSHAKE_BYTES, "{taken}");
    };
    assert!(matches!(refused, Error::InvalidMessage(_)), "{refused:?}");
    let (_, mut server) = begin(&ends);
    assert!(server.receive(&vec![0x16; TLS_HANDSHAKE_BYTES + 1]).is_err());
}
