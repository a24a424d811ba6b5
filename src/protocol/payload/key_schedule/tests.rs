use aes_gcm::aead::{Aead as _, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};

use super::super::aead::TAG_LEN;
use super::*;

const SECRET: [u8; 32] = [0x5a; 32];
const SALT: [u8; 16] = [3; 16];

fn header(ticket: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(MessageHeader::write(ticket, 0x0102_0304_0506_0708, 1_700_000_000, &SALT, &mut out));
    out
}

/// HMAC as RFC 2104 defines it.
fn plain_hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).unwrap_or(&0) ^ pad).collect() };
    let inner = digest(&SHA256, &[padded(0x36), message.to_vec()].concat());
    let outer = digest(&SHA256, &[padded(0x5c), inner.as_ref().to_vec()].concat());
    outer.as_ref().try_into().expect("32 bytes")
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand of *ring*.
fn plain_expand(prk: &[u8; 32], label: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let prk = Prk::new_less_safe(HKDF_SHA256, prk);
    prk.expand(&[label], Length(length)).and_then(|okm| okm.fill(&mut out)).expect("a short output");
    out
}

/// Holds that `key` seals as the key and nonce that the protocol's text makes of `prk`.
#[track_caller]
fn check_key(key: &MessageKey, aead: Aead, prk: &[u8; 32]) {
    let key_bytes = plain_expand(prk, b"key", aead.key_len());
    let nonce: [u8; NONCE_LEN] = plain_expand(prk, b"nonce", NONCE_LEN).try_into().unwrap();
    let (msg, aad) = (&b"a message"[..], &b"final"[..]);
    let payload = Payload { msg, aad };
    let expected = match aead {
        Aead::Aes128Gcm => {
            Aes128Gcm::new_from_slice(&key_bytes).unwrap().encrypt(&nonce.into(), payload).unwrap()
        }
        Aead::Aes256Gcm => {
            Aes256Gcm::new_from_slice(&key_bytes).unwrap().encrypt(&nonce.into(), payload).unwrap()
        }
        Aead::ChaCha20Poly1305 => {
            let mut room = [msg, &[0; TAG_LEN]].concat();
            MessageKey::new(aead, &key_bytes, &nonce).unwrap().seal(0, aad, &mut room).unwrap();
            room
        }
    };
    let mut room = [msg, &[0; TAG_LEN]].concat();
    key.seal(0, aad, &mut room).unwrap();
    assert_eq!(room, expected, "{aead:?}");
}

#[test]
fn keys_are_those_of_the_protocols_text() {
    for aead in Aead::ALL {
        for ticket in [&b"t"[..], &[9; 300], &[9; 512]] {
            let header = header(ticket);
            let mut text = b"payload request 1".to_vec();
            text.push(0);
            text.push(1);
            text.extend((ticket.len() as u16).to_be_bytes());
            text.extend(ticket);
            text.extend([1, 2, 3, 4, 5, 6, 7, 8]);
            text.extend(1_700_000_000_u64.to_be_bytes());
            text.extend(SALT);
            let prk = plain_hmac(&SECRET, &text);

            let (request_prk, request) = request_keys(&SessionSecret::new(&SECRET), aead, &header);
            check_key(&request, aead, &prk);
            let mut text = b"payload response 1".to_vec();
            text.push(0);
            text.extend([0xab; 16]);
            check_key(&response_key(&request_prk, aead, &[0xab; 16]), aead, &plain_hmac(&prk, &text));
        }
    }
}

#[test]
fn every_byte_of_secret_header_and_salt_counts() {
    let tag = |secret: &[u8; 32], header: &[u8], salt: &[u8; 16], is_response: bool| {
        let (prk, request) = request_keys(&SessionSecret::new(secret), Aead::Aes256Gcm, header);
        let key = if is_response { response_key(&prk, Aead::Aes256Gcm, salt) } else { request };
        let mut room = [0; TAG_LEN];
        key.seal(0, b"", &mut room).expect("room for a tag");
        room
    };
    let header = header(b"ticket");
    let mut seen = vec![tag(&SECRET, &header, &SALT, false), tag(&SECRET, &header, &SALT, true)];
    for at in 0..header.len() {
        let mut changed = header.clone();
        changed[at] ^= 1;
        seen.push(tag(&SECRET, &changed, &SALT, false));
        seen.push(tag(&SECRET, &changed, &SALT, true));
    }
    for at in 0..32 {
        let mut changed = SECRET;
        changed[at] ^= 1;
        seen.push(tag(&changed, &header, &SALT, false));
    }
    for at in 0..16 {
        let mut changed = SALT;
        changed[at] ^= 1;
        seen.push(tag(&SECRET, &header, &changed, true));
    }
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "two inputs made one key");
}

#[test]
fn a_header_is_read_as_it_was_written_and_from_no_part_of_it() {
    for ticket in [&b"t"[..], &[7; 255], &[7; 256], &[7; 512]] {
        let header = header(ticket);
        assert!(header.len() <= MessageHeader::LEN_MAX);
        let value =
            MessageHeader { ticket, n: 0x0102_0304_0506_0708, t: 1_700_000_000, salt: SALT, bytes: &header };
        let with_more = [&header[..], b"more"].concat();
        let whole = MessageHeader::parse(&with_more);
        assert_eq!(whole, Ok(Progress::Done { value, consumed: header.len() }));
        for cut in 0..header.len() {
            let part = MessageHeader::parse(&header[..cut]);
            assert_eq!(part, Ok(Progress::NeedMore { searched: cut }), "cut at {cut}");
        }
    }
    assert_eq!(header(&[7; 512]).len(), MessageHeader::LEN_MAX);
}

#[test]
fn a_header_of_another_kind_is_refused() {
    use HeaderFault::{TicketLength, Version};
    let table: [(&[u8], HeaderFault); 7] = [
        (&[0], Version),
        (&[2], Version),
        (&[0xff, 0, 1, 9], Version),
        (b"POST /", Version),
        (&[1, 0, 0], TicketLength),
        (&[1, 2, 1], TicketLength),
        (&[1, 0xff, 0xff, 0], TicketLength),
    ];
    for (bytes, fault) in table {
        assert_eq!(MessageHeader::parse(bytes), Err(fault), "{bytes:?}");
    }
    for ticket in [&[][..], &[1; 513], &[1; 70_000]] {
        let mut out = b"kept".to_vec();
        assert!(!MessageHeader::write(ticket, 1, 2, &SALT, &mut out));
        assert_eq!(out, b"kept");
    }
}

#[test]
fn debug_shows_no_secret() {
    let secret = SessionSecret::new(&SECRET);
    let (prk, key) = request_keys(&secret, Aead::Aes128Gcm, b"");
    let shown = format!("{secret:?} {prk:?} {key:?}");
    assert_eq!(shown, "SessionSecret(..) RequestPrk(..) MessageKey { .. }");
}
