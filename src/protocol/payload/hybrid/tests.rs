use super::super::aead::TAG_LEN;
use super::super::fixture::{array, bytes, fixture, list, number};
use super::*;
use hpke::{Deserializable, OpModeS, Serializable};

const SEED: [u8; 32] = [7; 32];

/// Every pair of a kind of key and a cipher.
fn suites() -> impl Iterator<Item = (Kem, Aead)> {
    Kem::ALL.into_iter().flat_map(|kem| Aead::ALL.into_iter().map(move |aead| (kem, aead)))
}

fn sealed(key: &MessageKey, index: u64, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut room = [plain, &[0; TAG_LEN]].concat();
    key.seal(index, aad, &mut room).expect("room for a tag");
    room
}

#[test]
fn both_ends_answer_as_the_rfc_does() {
    for suite in list(&fixture("rfc9180"), "suites") {
        let kem = Kem::of_id(number(suite, "kem_id") as u16).expect("a kind of ours");
        let aead = Aead::of_id(number(suite, "aead_id") as u16).expect("a cipher of ours");
        assert_eq!(number(suite, "kdf_id"), u64::from(KDF_ID));
        let key = HpkePrivateKey::generate(kem, &array(suite, "ikmR"));
        assert_eq!(key.public().as_bytes(), bytes(suite, "pkRm"));
        let info = bytes(suite, "info");
        let (enc, sender, sent) =
            setup_sender(key.public(), aead, &info, &array(suite, "ikmE")).expect("a key that agrees");
        assert_eq!(enc.as_ref(), bytes(suite, "enc"));
        let (receiver, received) =
            setup_receiver(&key, aead, enc.as_ref(), &info).expect("its own encapsulation");

        for encryption in list(suite, "encryptions") {
            let (aad, plain) = (bytes(encryption, "aad"), bytes(encryption, "pt"));
            let sequence = number(encryption, "seq");
            let mut message = sealed(&sender, sequence, &aad, &plain);
            assert_eq!(message, bytes(encryption, "ct"), "{} {sequence}", suite["name"]);
            assert_eq!(receiver.open(sequence, &aad, &mut message), Ok(plain.len()));
            assert_eq!(&message[..plain.len()], plain);
        }
        for export in list(suite, "exports") {
            let context = bytes(export, "exporter_context");
            assert_eq!(sent.export::<32>(&context).as_slice(), bytes(export, "exported_value"));
            assert_eq!(received.export::<32>(&context).as_slice(), bytes(export, "exported_value"));
        }
    }
}

/// The crate that agrees on the secret has a key schedule and contexts of its own: they say what ours say, for the
/// cipher that the RFC has no vectors of too.
#[test]
fn the_crate_seals_what_we_open() {
    fn check<K: hpke::Kem, A: hpke::aead::Aead>(kem: Kem, aead: Aead) {
        let key = HpkePrivateKey::generate(kem, &SEED);
        let public = K::PublicKey::from_bytes(key.public().as_bytes()).expect("a key of the same kind");
        let (enc, mut theirs) = hpke::setup_sender_with_rng::<A, hpke::kdf::HkdfSha256, K>(
            &OpModeS::Base,
            &public,
            b"info",
            &mut keys::Given(&[9; 32]),
        )
        .expect("a key that agrees");
        let (ours, exporter) =
            setup_receiver(&key, aead, &enc.to_bytes(), b"info").expect("its encapsulation");
        for (index, plain) in (0..).zip([&b"first"[..], b"", b"third"]) {
            let mut message = theirs.seal(plain, b"aad").expect("a first few messages");
            assert_eq!(ours.open(index, b"aad", &mut message), Ok(plain.len()));
            assert_eq!(&message[..plain.len()], plain);
        }
        let mut exported = [0; 16];
        theirs.export(b"context", &mut exported).expect("a short secret");
        assert_eq!(exporter.export::<16>(b"context").as_slice(), exported);
    }
    type X25519 = hpke::kem::X25519HkdfSha256;
    type P256 = hpke::kem::DhP256HkdfSha256;
    check::<X25519, hpke::aead::AesGcm128>(Kem::X25519, Aead::Aes128Gcm);
    check::<X25519, hpke::aead::AesGcm256>(Kem::X25519, Aead::Aes256Gcm);
    check::<X25519, hpke::aead::ChaCha20Poly1305>(Kem::X25519, Aead::ChaCha20Poly1305);
    check::<P256, hpke::aead::AesGcm128>(Kem::P256, Aead::Aes128Gcm);
    check::<P256, hpke::aead::AesGcm256>(Kem::P256, Aead::Aes256Gcm);
    check::<P256, hpke::aead::ChaCha20Poly1305>(Kem::P256, Aead::ChaCha20Poly1305);
}

/// Every bit of the encapsulated secret counts, also those that the curve itself would overlook.
#[test]
fn another_encapsulation_opens_nothing() {
    for (kem, aead) in suites() {
        let key = HpkePrivateKey::generate(kem, &SEED);
        let (enc, sender, _) =
            setup_sender(key.public(), aead, b"info", &[8; 32]).expect("a key that agrees");
        let message = sealed(&sender, 0, b"", b"text");
        let opens = |enc: &[u8], info: &[u8], key: &HpkePrivateKey| {
            let ends = setup_receiver(key, aead, enc, info);
            ends.and_then(|(end, _)| end.open(0, b"", &mut message.clone())).is_ok()
        };
        assert!(opens(enc.as_ref(), b"info", &key));
        assert!(!opens(enc.as_ref(), b"inf", &key));
        assert!(!opens(enc.as_ref(), b"info", &HpkePrivateKey::generate(kem, &[1; 32])));
        for bit in 0..kem.enc_len() * 8 {
            let mut changed = enc.as_ref().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&changed, b"info", &key), "{kem:?} bit {bit}");
        }
        for length in 0..kem.enc_len() {
            assert!(!opens(&enc.as_ref()[..length], b"info", &key));
        }
        assert!(!opens(&[enc.as_ref(), &[0]].concat(), b"info", &key));
    }
}

/// A point of low order would make a secret that everybody knows (RFC 7748 section 6.1).
#[test]
fn points_that_agree_on_nothing_are_refused() {
    let key = HpkePrivateKey::generate(Kem::X25519, &SEED);
    for first in [0, 1] {
        let mut point = [0; 32];
        point[0] = first;
        assert!(setup_receiver(&key, Aead::Aes128Gcm, &point, b"").is_err());
        let public = HpkePublicKey::from_bytes(Kem::X25519, &point).expect("32 bytes are a key");
        assert!(setup_sender(&public, Aead::Aes128Gcm, b"", &SEED).is_err());
    }
    let key = HpkePrivateKey::generate(Kem::P256, &SEED);
    let mut off_curve = [3; 65];
    off_curve[0] = 4;
    for point in [&off_curve[..], &[0; 65], &[0], &key.public().as_bytes()[..33]] {
        assert!(setup_receiver(&key, Aead::Aes128Gcm, point, b"").is_err());
        assert_eq!(HpkePublicKey::from_bytes(Kem::P256, point), None);
    }
}

#[test]
fn keys_come_back_from_their_bytes() {
    for kem in Kem::ALL {
        let key = HpkePrivateKey::generate(kem, &SEED);
        let back = HpkePrivateKey::from_bytes(kem, key.to_bytes().as_slice()).expect("a key's own bytes");
        assert_eq!(*back.to_bytes(), *key.to_bytes());
        assert_eq!(back.public(), key.public());
        assert_eq!(key.public().as_bytes().len(), kem.public_len());
        let public = HpkePublicKey::from_bytes(kem, key.public().as_bytes()).expect("a key's own bytes");
        assert_eq!(&public, key.public());
        assert!(HpkePrivateKey::from_bytes(kem, &SEED[1..]).is_none());
        assert_ne!(*HpkePrivateKey::generate(kem, &[8; 32]).to_bytes(), *key.to_bytes());
        assert_eq!(Kem::of_id(kem.id()), Some(kem));
    }
    assert!(HpkePrivateKey::from_bytes(Kem::P256, &[0; 32]).is_none(), "zero is no scalar");
    assert!(HpkePrivateKey::from_bytes(Kem::P256, &[0xff; 32]).is_none(), "beyond the order");
    assert_eq!(Kem::of_id(0x0021), None);
}

#[test]
fn nothing_prints_a_private_key() {
    for kem in Kem::ALL {
        let key = HpkePrivateKey::from_bytes(kem, &[0x5a; 32]).expect("a scalar");
        let private = format!("{:?}", key.to_bytes().as_slice());
        assert!(!format!("{key:?}").contains(private.trim_matches(['[', ']'])));
        assert!(format!("{key:?}").contains("public"));
    }
}
