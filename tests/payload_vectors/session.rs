//! `session.json`: opening a session, both messages, for every suite.

use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::hybrid::{HpkePrivateKey, Kem, setup_sender};
use ringwall::protocol::payload::ohttp_keys::GatewayKeys;
use ringwall::protocol::payload::session;
use ringwall::protocol::payload::ticket::{AppIdentity, SessionFacts, TicketKey, TicketKeys};
use serde::Serialize;

use crate::derivation::{Keys, drawn, drawn_part, exported, hmac_of, hpke_header, suite_name, suites};
use crate::shape::Hex;

const KEY_ID: u8 = 7;
const TIME: u64 = 1_800_000_000;
const EXPIRES_IN: u64 = 3600;

#[derive(Serialize)]
pub(crate) struct Session {
    name: String,
    /// The proxy's key, and what it is made of (DeriveKeyPair).
    gateway_random: Hex,
    gateway_private: Hex,
    key_list: Hex,
    key_id: u8,
    kem: u16,
    aead: u16,
    /// What the client's ephemeral key is made of (DeriveKeyPair).
    client_random: Hex,
    hdr: Hex,
    info: Hex,
    enc: Hex,
    request_plaintext: String,
    request_body: Hex,
    response_secret: Hex,
    response_nonce: Hex,
    response_prk: Hex,
    response_key: Hex,
    response_aead_nonce: Hex,
    ticket: Hex,
    expires_in: u64,
    time: u64,
    response_plaintext: String,
    response_body: Hex,
    exported_secret: Hex,
    session_secret: Hex,
}

#[derive(Serialize)]
pub(crate) struct Vectors {
    about: &'static str,
    sessions: Vec<Session>,
}

pub(crate) fn vectors() -> Vectors {
    let app = AppIdentity::new("com.example.shop", "ios", "4.2.0").expect("an identity");
    let sessions = suites().flat_map(|(kem, aead)| [made(kem, aead, None), made(kem, aead, Some(&app))]);
    Vectors { about: "Opening a session (form 1), protocol section 2.1.", sessions: sessions.collect() }
}

fn made(kem: Kem, aead: Aead, app: Option<&AppIdentity>) -> Session {
    let name = format!("{}{}", suite_name(kem, aead), if app.is_some() { ", with an app" } else { "" });
    let gateway_random = drawn("gateway key");
    let client_random = drawn(&format!("client, {name}"));
    let response_random = drawn(&format!("response nonce, {name}"));
    let private = HpkePrivateKey::generate(kem, &gateway_random);
    let (public, gateway_private) = (private.public().clone(), private.to_bytes());
    let keys = GatewayKeys::new(vec![(KEY_ID, private)]).expect("one key");

    let config = keys.configs().remove(0);
    let (request_body, pending) =
        session::request(&config, aead, TIME, app, &client_random).expect("the key offers it");
    let opened = session::open_request(&keys, &mut request_body.clone()).expect("opens");
    assert_eq!((opened.time, opened.app.as_ref(), opened.aead()), (TIME, app, aead));
    let secret = opened.secret(&response_random);
    let session_secret = Hex::from(secret.bytes());
    let facts = SessionFacts {
        id: drawn_part("session id"),
        secret,
        aead,
        issued: TIME + 1,
        expires: TIME + 1 + EXPIRES_IN,
        start: drawn_part("start id"),
        app: app.cloned(),
    };
    let tickets = TicketKeys::new(vec![TicketKey::new(&drawn("ticket key"))]).expect("one key");
    let ticket = tickets.seal(&facts, &drawn_part("ticket nonce"));
    let response_body = opened.answer(&response_random, &ticket, EXPIRES_IN, TIME + 1);
    let session = pending.finish(&mut response_body.clone()).expect("opens");
    assert_eq!((&session.ticket, Hex::from(session.secret.bytes())), (&ticket, session_secret.clone()));

    let hdr = hpke_header(KEY_ID, kem, aead);
    let info = [b"payload session request\0", &hdr[..]].concat();
    let (enc, key, exporter) = setup_sender(&public, aead, &info, &client_random).expect("agrees");
    let (head, sealed) = request_body.split_at(hdr.len() + enc.as_ref().len());
    assert_eq!(head, [&hdr[..], enc.as_ref()].concat());
    let mut plaintext = sealed.to_vec();
    let length = key.open(0, b"", &mut plaintext).expect("opens");
    plaintext.truncate(length);

    let response_secret = exported(&exporter, "payload session response", aead);
    let response_nonce = &response_random[..aead.secret_len()];
    let response_prk = hmac_of(&[enc.as_ref(), response_nonce].concat(), &[&response_secret]);
    let response_keys = Keys::of(&response_prk, aead);
    let response_plaintext = format!(
        r#"{{"ticket":"{}","expires_in":{EXPIRES_IN},"time":{}}}"#,
        crate::key_document::base64url(&ticket),
        TIME + 1
    );
    let sealed = response_keys.sealed(0, b"", response_plaintext.as_bytes());
    assert_eq!(response_body, [response_nonce, &sealed].concat());
    let exported_secret = exporter.export::<32>(b"payload session secret");
    assert_eq!(session_secret, hmac_of(exported_secret.as_slice(), &[response_nonce]).into());

    Session {
        name,
        gateway_random: gateway_random.into(),
        gateway_private: gateway_private.as_slice().into(),
        key_list: keys.encode().into(),
        key_id: KEY_ID,
        kem: kem.id(),
        aead: aead.id(),
        client_random: client_random.into(),
        hdr: hdr.into(),
        info: info.into(),
        enc: enc.as_ref().into(),
        request_plaintext: String::from_utf8(plaintext).expect("JSON"),
        request_body: request_body.into(),
        response_secret: response_secret.into(),
        response_nonce: response_nonce.into(),
        response_prk: response_prk.into(),
        response_key: response_keys.key.into(),
        response_aead_nonce: response_keys.nonce.into(),
        ticket: ticket.into(),
        expires_in: EXPIRES_IN,
        time: TIME + 1,
        response_plaintext,
        response_body: response_body.into(),
        exported_secret: exported_secret.as_slice().into(),
        session_secret,
    }
}
