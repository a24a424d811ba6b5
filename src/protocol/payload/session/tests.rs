use super::*;
use crate::protocol::payload::aead::MessageKey;
use crate::protocol::payload::hybrid::{HpkePrivateKey, Kem};

const TIME: u64 = 1_700_000_000;
const CLIENT: [u8; 32] = [1; 32];
const PROXY: [u8; 32] = [2; 32];
const TICKET: &[u8] = b"only the proxy reads this";

fn keys(kem: Kem) -> GatewayKeys {
    GatewayKeys::new(vec![(5, HpkePrivateKey::generate(kem, &[3; 32]))]).expect("one key")
}

fn config(keys: &GatewayKeys) -> KeyConfig {
    keys.configs().remove(0)
}

fn app() -> AppIdentity {
    AppIdentity::new("com.example.\"bank\"", "ios", "1.2.3").expect("short texts")
}

/// Every pair of a kind of key and a cipher.
fn suites() -> impl Iterator<Item = (Kem, Aead)> {
    Kem::ALL.into_iter().flat_map(|kem| Aead::ALL.into_iter().map(move |aead| (kem, aead)))
}

/// A request with this plaintext instead of what [`request`] writes.
fn sealed_request(keys: &GatewayKeys, plain: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let (key, _) =
        send(&config(keys), Aead::Aes128Gcm, LABELS, &CLIENT, &mut body).expect("an offered cipher");
    append_sealed(&key, plain, &mut body);
    body
}

fn append_sealed(key: &MessageKey, plain: &[u8], body: &mut Vec<u8>) {
    let start = body.len();
    body.extend_from_slice(plain);
    body.extend_from_slice(&[0; TAG_LEN]);
    key.seal(0, b"", &mut body[start..]).expect("room for a tag");
}

#[test]
fn both_ends_share_the_secret() {
    for (kem, aead) in suites() {
        let keys = keys(kem);
        for app in [None, Some(app())] {
            let (mut body, pending) =
                request(&config(&keys), aead, TIME, app.as_ref(), &CLIENT).expect("an offered cipher");
            let opened = open_request(&keys, &mut body).expect("a request of ours");
            assert_eq!((opened.time, &opened.app, opened.aead()), (TIME, &app, aead));

            let mut body = opened.answer(&PROXY, TICKET, 3600, TIME + 1);
            assert_eq!(&body[..aead.secret_len()], &PROXY[..aead.secret_len()]);
            let session = pending.finish(&mut body).expect("the answer to it");
            assert_eq!(session.ticket, TICKET);
            assert_eq!((session.aead, session.expires_in, session.time), (aead, 3600, TIME + 1));
            assert_eq!(session.secret.bytes(), opened.secret(&PROXY).bytes());
            assert_ne!(opened.secret(&PROXY).bytes(), opened.secret(&CLIENT).bytes());
        }
    }
}

#[test]
fn a_changed_request_does_not_open() {
    // For P-256 once: its arithmetic takes the time of the whole test.
    for (kem, aead) in suites().filter(|&suite| suite.0 == Kem::X25519 || suite.1 == Aead::Aes128Gcm) {
        let keys = keys(kem);
        let (body, _) = request(&config(&keys), aead, TIME, None, &CLIENT).expect("an offered cipher");
        for length in 0..body.len() {
            let fault = open_request(&keys, &mut body[..length].to_vec()).err();
            assert_eq!(fault, Some(EncapsulationFault::Malformed), "{length} bytes");
        }
        assert!(open_request(&keys, &mut [&body[..], &[0]].concat()).is_err());
        for bit in 0..body.len() * 8 {
            let mut changed = body.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let fault = open_request(&keys, &mut changed.clone()).expect_err("a changed request");
            // The cipher is named in the last of the header's bytes, and any of the three may be.
            let is_known = changed[..5] == body[..5]
                && Aead::of_id(u16::from_be_bytes([changed[5], changed[6]])).is_some();
            assert_eq!(fault == EncapsulationFault::Malformed, is_known, "bit {bit}");
        }
    }
}

#[test]
fn a_changed_answer_does_not_open() {
    let keys = keys(Kem::X25519);
    let ask = || request(&config(&keys), Aead::Aes256Gcm, TIME, None, &CLIENT).expect("an offered cipher");
    let opened = open_request(&keys, &mut ask().0).expect("a request of ours");
    let answer = opened.answer(&PROXY, TICKET, 3600, TIME);
    assert!(ask().1.finish(&mut answer.clone()).is_ok());
    for length in 0..answer.len() {
        assert!(ask().1.finish(&mut answer[..length].to_vec()).is_err(), "{length} bytes");
    }
    assert!(ask().1.finish(&mut [&answer[..], &[0]].concat()).is_err());
    for bit in 0..answer.len() * 8 {
        let mut changed = answer.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(ask().1.finish(&mut changed).is_err(), "bit {bit}");
    }
    let other = request(&config(&keys), Aead::Aes256Gcm, TIME, None, &[9; 32]).expect("an offered cipher");
    assert!(other.1.finish(&mut answer.clone()).is_err(), "the answer to another request");
}

#[test]
fn what_opens_must_be_what_the_protocol_says() {
    let keys = keys(Kem::X25519);
    let check = |plain: &str, read: bool| {
        let opened = open_request(&keys, &mut sealed_request(&keys, plain.as_bytes()));
        assert_eq!(opened.as_ref().err(), (!read).then_some(&EncapsulationFault::Malformed), "{plain}");
    };
    check(r#"{"time": 5}"#, true);
    check(r#"{"time": 5, "later": [1, 2]}"#, true);
    check(r#"{"time": 5, "app": {"id": "a", "platform": "b", "version": "c", "later": 1}}"#, true);
    check(r#"{"time": 5, "time": 5}"#, false);
    check(r#"{"time": 5, "x": 1, "x": 1}"#, false);
    check(r#"{"time": -5}"#, false);
    check(r#"{"time": 5.0}"#, false);
    check(r#"{"time": "5"}"#, false);
    check("{}", false);
    check("[5]", false);
    check("", false);
    check(r#"{"time": 5} "#, true);
    check(r#"{"time": 5}x"#, false);
    check(r#"{"time": 5, "app": null}"#, false);
    check(r#"{"time": 5, "app": ["a", "b", "c"]}"#, false);
    check(r#"{"time": 5, "app": {"id": "a", "platform": "b"}}"#, false);
    check(r#"{"time": 5, "app": {"id": "", "platform": "b", "version": "c"}}"#, false);
    check(
        &format!(r#"{{"time": 5, "app": {{"id": "{}", "platform": "b", "version": "c"}}}}"#, "a".repeat(200)),
        false,
    );

    let padded = |length: usize| format!("{:length$}", r#"{"time": 5}"#);
    check(&padded(limits::PAYLOAD_SESSION_BYTES), true);
    check(&padded(limits::PAYLOAD_SESSION_BYTES + 1), false);
}

/// A ticket that no message could carry, or an answer that is none, is an error at once.
#[test]
fn a_client_refuses_what_it_cannot_use() {
    let keys = keys(Kem::X25519);
    let check = |plain: &str, read: bool| {
        let (_, pending) =
            request(&config(&keys), Aead::Aes128Gcm, TIME, None, &CLIENT).expect("an offered cipher");
        let nonce = &PROXY[..16];
        let mut body = nonce.to_vec();
        append_sealed(&pending.answer.key(nonce), plain.as_bytes(), &mut body);
        assert_eq!(pending.finish(&mut body).is_ok(), read, "{plain}");
    };
    let with_ticket = |ticket: &str| format!(r#"{{"ticket":"{ticket}","expires_in":1,"time":2}}"#);
    check(&with_ticket("AAAA"), true);
    check(&with_ticket(&BASE64URL.encode([0; limits::PAYLOAD_TICKET_BYTES])), true);
    check(&with_ticket(&BASE64URL.encode([0; limits::PAYLOAD_TICKET_BYTES + 1])), false);
    check(&with_ticket(""), false);
    check(&with_ticket("AAA="), false);
    check(&with_ticket("AAB"), false);
    check(&with_ticket("A/AA"), false);
    check(r#"{"ticket":"AAAA","expires_in":1}"#, false);
    check(r#"{"ticket":"AAAA","time":1}"#, false);
    check(r#"{"ticket":"AAAA","expires_in":1,"time":2,"time":2}"#, false);
}

#[test]
fn another_cipher_than_offered_is_not_asked_for() {
    let mut config = config(&keys(Kem::X25519));
    config.aeads = vec![Aead::ChaCha20Poly1305];
    assert!(request(&config, Aead::Aes128Gcm, TIME, None, &CLIENT).is_none());
    assert!(request(&config, Aead::ChaCha20Poly1305, TIME, None, &CLIENT).is_some());
}

#[test]
fn nothing_prints_a_secret() {
    let keys = keys(Kem::X25519);
    let (mut body, pending) = request(&config(&keys), Aead::Aes128Gcm, TIME, None, &CLIENT).expect("offered");
    let opened = open_request(&keys, &mut body).expect("a request of ours");
    let secret = format!("{:?}", opened.secret(&PROXY).bytes());
    let exported = format!("{:?}", opened.answer.exporter().export::<32>(SECRET_LABEL).as_slice());
    let ticket = format!("{TICKET:?}");
    let texts = [
        format!("{opened:?}{pending:?}{keys:?}"),
        format!("{:?}", pending.finish(&mut opened.answer(&PROXY, TICKET, 1, 2))),
    ];
    for hidden in [secret, exported, ticket] {
        assert!(texts.iter().all(|text| !text.contains(hidden.trim_matches(['[', ']']))));
    }
}
