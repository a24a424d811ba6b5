//! The record layer against rustls: a handshake between two of its connections, whose server then goes on with our
//! records on the secrets rustls hands out. Every version and suite, both ways.

use std::io::{Read, Write};
use std::sync::Arc;

use ringwall::protocol::tls::{
    Alert, Content, Opening, ProtocolVersion, RecordOpener, RecordSealer, Role, Suite, TrafficKeys,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite,
};

const NAME: &str = "proxy.example";

/// Those an ECDSA certificate serves; with an RSA one the records are the same.
fn suites() -> impl Iterator<Item = &'static SupportedCipherSuite> {
    ring::ALL_CIPHER_SUITES.iter().filter(|suite| !format!("{suite:?}").contains("_RSA_"))
}

/// A client, and the server's two directions as they stand behind the handshake.
struct Peers {
    client: ClientConnection,
    opener: RecordOpener,
    sealer: RecordSealer,
}

fn peers(suite: SupportedCipherSuite) -> Peers {
    let certified = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() });
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certified.cert.der().clone()],
            PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    server.enable_secret_extraction = true;
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(NAME).unwrap()).unwrap();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        let mut flight = Vec::new();
        client.write_tls(&mut flight).unwrap();
        server.read_tls(&mut flight.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        flight.clear();
        server.write_tls(&mut flight).unwrap();
        receive(&mut client, &flight);
    }
    let version = match suite {
        SupportedCipherSuite::Tls12(_) => ProtocolVersion::Tls12,
        SupportedCipherSuite::Tls13(_) => ProtocolVersion::Tls13,
    };
    let secrets = server.dangerous_extract_secrets().unwrap();
    Peers {
        client,
        opener: RecordOpener::new(keys(version, secrets.rx), Role::Server),
        sealer: RecordSealer::new(keys(version, secrets.tx)),
    }
}

fn keys(version: ProtocolVersion, (sequence, secrets): (u64, ConnectionTrafficSecrets)) -> TrafficKeys {
    let (suite, key, iv) = match &secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Suite::Aes128Gcm, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Suite::Aes256Gcm, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (Suite::Chacha20Poly1305, key, iv),
        _ => panic!("a suite that is not offered"),
    };
    TrafficKeys::new(version, suite, key.as_ref(), iv.as_ref(), sequence).expect("lengths of the suite")
}

fn receive(client: &mut ClientConnection, mut flight: &[u8]) {
    while !flight.is_empty() {
        client.read_tls(&mut flight).unwrap();
        client.process_new_packets().unwrap();
    }
}

/// All that `opener` finds in `flight`: the data, and whether the peer closed.
fn open(opener: &mut RecordOpener, flight: &mut [u8]) -> (Vec<u8>, bool) {
    let (mut data, mut at, mut closed) = (Vec::new(), 0, false);
    while at < flight.len() {
        let unread = &mut flight[at..];
        match opener.open(unread).unwrap() {
            Opening::Opened { taken, content } => {
                match content {
                    Content::Data(span) => data.extend_from_slice(span.of(unread)),
                    Content::CloseNotify => closed = true,
                    other => panic!("{other:?}"),
                }
                at += taken;
            }
            incomplete => panic!("{incomplete:?}"),
        }
    }
    (data, closed)
}

#[test]
fn rustls_reads_and_writes_the_same_records() {
    let plain: Vec<u8> = (0..50_000_u32).map(|number| (number / 3) as u8).collect();
    assert_eq!(suites().count(), 6);
    for suite in suites() {
        let Peers { mut client, mut opener, mut sealer } = peers(*suite);
        for round in 1..4 {
            let request = &plain[..round * 10_000];
            client.writer().write_all(request).unwrap();
            let mut flight = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut flight).unwrap();
            }
            assert_eq!(open(&mut opener, &mut flight), (request.to_vec(), false), "{suite:?}");

            let mut flight = Vec::new();
            sealer.seal(&plain, 4000 * round, &mut flight).unwrap();
            let mut answer = vec![0; plain.len()];
            let mut filled = 0;
            for part in flight.chunks(9000) {
                receive(&mut client, part);
                filled += client.reader().read(&mut answer[filled..]).unwrap_or(0);
            }
            assert!(filled == plain.len() && answer == plain, "{suite:?}: {filled}");
        }

        client.send_close_notify();
        let mut flight = Vec::new();
        client.write_tls(&mut flight).unwrap();
        assert_eq!(open(&mut opener, &mut flight), (Vec::new(), true), "{suite:?}");
        flight.clear();
        sealer.seal_alert(Alert::CloseNotify, &mut flight).unwrap();
        receive(&mut client, &flight);
        assert_eq!(client.reader().read(&mut [0]).ok(), Some(0), "{suite:?}: no clean end");
    }
}

#[test]
fn rustls_understands_our_alerts() {
    for suite in suites() {
        let Peers { mut client, mut sealer, .. } = peers(*suite);
        let mut flight = Vec::new();
        sealer.seal_alert(Alert::RecordOverflow, &mut flight).unwrap();
        client.read_tls(&mut flight.as_slice()).unwrap();
        let fault = client.process_new_packets().unwrap_err();
        let expected = rustls::Error::AlertReceived(rustls::AlertDescription::RecordOverflow);
        assert_eq!(fault, expected, "{suite:?}");
    }
}
