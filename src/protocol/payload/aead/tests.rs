use aes_gcm::aead::{Aead as _, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm};

use super::*;

const BASE_NONCE: [u8; NONCE_LEN] = [0xa0, 1, 2, 3, 0xf0, 5, 6, 7, 8, 9, 10, 0xff];

fn key(aead: Aead) -> MessageKey {
    MessageKey::new(aead, &[7; 32][..aead.key_len()], &BASE_NONCE).expect("the cipher's length")
}

fn sealed(aead: Aead, index: u64, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut room = [plain, &[0xee; TAG_LEN]].concat();
    key(aead).seal(index, aad, &mut room).expect("room for the tag");
    room
}

#[test]
fn numbers_and_lengths_are_those_of_rfc_9180() {
    let table = [(Aead::Aes128Gcm, 1, 16), (Aead::Aes256Gcm, 2, 32), (Aead::ChaCha20Poly1305, 3, 32)];
    for (aead, id, length) in table {
        assert_eq!((aead.id(), aead.key_len(), aead.secret_len()), (id, length, length));
        assert_eq!(Aead::of_id(id), Some(aead));
        for wrong in [0, 15, 16, 17, 24, 31, 32, 33] {
            let made = MessageKey::new(aead, &vec![1; wrong], &BASE_NONCE);
            assert_eq!(made.is_some(), wrong == length, "{aead:?} {wrong}");
        }
    }
    assert_eq!([0, 4, 0xffff].map(Aead::of_id), [None; 3]);
}

#[test]
fn aes_seals_as_another_implementation_does() {
    for index in [0, 1, 255, 256, 1 << 20, u64::MAX] {
        // RFC 9180 section 5.2: base nonce XOR the index as twelve bytes.
        let number = u128::from(index).to_be_bytes();
        let nonce: [u8; NONCE_LEN] = std::array::from_fn(|at| BASE_NONCE[at] ^ number[at + 4]);
        for (length, aad) in [(0, &b""[..]), (1, b"final"), (64, b""), (1000, b"other data")] {
            let msg = &vec![3; length];
            let of_128 = Aes128Gcm::new(&[7; 16].into()).encrypt(&nonce.into(), Payload { msg, aad });
            assert_eq!(sealed(Aead::Aes128Gcm, index, aad, msg), of_128.unwrap());
            let of_256 = Aes256Gcm::new(&[7; 32].into()).encrypt(&nonce.into(), Payload { msg, aad });
            assert_eq!(sealed(Aead::Aes256Gcm, index, aad, msg), of_256.unwrap());
        }
    }
}

/// The vector of RFC 8439 section 2.8.2.
#[test]
fn chacha20_poly1305_seals_as_its_rfc_says() {
    let key: Vec<u8> = (0x80..0xa0).collect();
    let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
    let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
    let plain =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.";
    let mut room = [&plain[..], &[0; TAG_LEN]].concat();
    MessageKey::new(Aead::ChaCha20Poly1305, &key, &nonce).unwrap().seal(0, &aad, &mut room).unwrap();
    assert_eq!(room[..8], [0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e, 0x60, 0xdb]);
    let tag =
        [0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91];
    assert_eq!(room[plain.len()..], tag);
}

#[test]
fn only_what_was_sealed_opens_and_only_in_its_place() {
    for aead in Aead::ALL {
        for plain in [&b""[..], b"x", b"some more bytes than one block has"] {
            let whole = sealed(aead, 5, b"aad", plain);
            let open = |index, aad: &[u8], mut bytes: Vec<u8>| {
                key(aead).open(index, aad, &mut bytes).map(|length| bytes[..length].to_vec())
            };
            assert_eq!(open(5, b"aad", whole.clone()), Ok(plain.to_vec()));
            assert_eq!(open(6, b"aad", whole.clone()), Err(NotOpening));
            assert_eq!(open(5, b"", whole.clone()), Err(NotOpening));
            for bit in 0..8 * whole.len() {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(5, b"aad", flipped), Err(NotOpening), "bit {bit}");
            }
            for length in 0..whole.len() {
                assert_eq!(open(5, b"aad", whole[..length].to_vec()), Err(NotOpening), "{length} bytes");
            }
        }
    }
}

#[test]
fn room_without_a_tag_is_refused() {
    for length in 0..TAG_LEN {
        let mut room = vec![0xee; length];
        assert_eq!(key(Aead::Aes128Gcm).seal(0, b"", &mut room), Err(NotSealing));
        assert_eq!(room, vec![0xee; length]);
    }
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", key(Aead::Aes256Gcm)), "MessageKey { .. }");
}
