//! The body for sealed chunks: a peer that knows the key and may seal anything, and one that does not know it and changes
//! or inserts bytes.

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::protocol::payload::aead::{Aead, MessageKey, TAG_LEN};
use crate::protocol::payload::chunk_stream::{ChunkFault, ChunkOpener, ChunkSealer, Opened};

/// The most plaintext a chunk may have: small enough that a fuzzer reaches it.
const MAX: usize = 48;
/// Stands for bytes that no peer with the key made.
const FORGED: u8 = 0xff;

/// What a message told, and how it ended.
type Told = (Vec<Vec<u8>>, Result<(), ChunkFault>);

/// A body of chunks. The first byte chooses the cipher, the next two where the body is cut, the next three which byte
/// of it is changed and how. Then come chunks: kind, length, content. A kind says in its low two bits how long the
/// chunk's length is written, in the next whether it is sealed as a final one and whether its length says so too, and in
/// its high bits how far its index is off; all bits set mean bytes put in as they are.
pub fn payload_chunks(data: &[u8]) {
    let [chosen, first, second, high, low, change, chunks @ ..] = data else { return };
    let aead = Aead::ALL[usize::from(chosen % 3)];
    let mut body = write(aead, chunks);
    if *change != 0 && !body.is_empty() {
        let at = (usize::from(*high) << 8 | usize::from(*low)) % body.len();
        body[at] ^= change;
    }
    let cuts = [usize::from(*first), usize::from(*first) + usize::from(*second)];
    let told = read(aead, &body, &[]);
    assert_eq!(read(aead, &body, &cuts), told, "cut at {cuts:?}");
    assert_eq!(plain_read(aead, &body), told, "the plain reading differs");
    let (plain, Ok(())) = told else { return };
    check_sealed_again(aead, &plain, &cuts);
}

/// What opened, sealed again in the shortest form, opens to the same.
fn check_sealed_again(aead: Aead, plain: &[Vec<u8>], cuts: &[usize]) {
    let mut sealer = ChunkSealer::new(key(aead));
    let mut body = Vec::new();
    for (number, part) in plain.iter().enumerate() {
        let start = body.len() + ChunkSealer::HEAD_ROOM;
        let mut room = [&body[..], &[0; ChunkSealer::HEAD_ROOM], part, &[0; ChunkSealer::TAIL_ROOM]].concat();
        let chunk = sealer.seal(&mut room, start..start + part.len(), number + 1 == plain.len());
        body.extend_from_slice(&room[chunk.expect("room around the part")]);
    }
    assert_eq!(read(aead, &body, cuts), (plain.to_vec(), Ok(())), "sealed again");
}

fn key(aead: Aead) -> MessageKey {
    MessageKey::new(aead, &vec![1; aead.key_len()], &[2; 12]).expect("the length is right")
}

/// The body that the fuzzer's `chunks` ask for.
fn write(aead: Aead, mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut index = 0_u64;
    while let [kind, length, rest @ ..] = chunks {
        let (content, behind) = rest.split_at(rest.len().min(usize::from(*length)));
        chunks = behind;
        if *kind == FORGED {
            body.extend_from_slice(content);
            continue;
        }
        let (form, says_final) = (1 << (kind & 3), kind & 8 != 0);
        let aad: &[u8] = if kind & 4 != 0 { b"final" } else { b"" };
        let number = if says_final { 0 } else { (content.len() + TAG_LEN) as u64 };
        let mut head = number.to_be_bytes()[8 - form..].to_vec();
        head[0] |= (kind & 3) << 6;
        body.extend(head);
        let mut sealed = content.to_vec();
        let place = nonce(index.wrapping_add(u64::from(kind >> 4)));
        plain_key(aead).seal_in_place_append_tag(place, Aad::from(aad), &mut sealed).expect("a short chunk");
        body.extend(sealed);
        index += 1;
    }
    body
}

/// What the opener finds in `body`, whose parts end at `cuts` (ascending, those beyond the end count as the end).
fn read(aead: Aead, body: &[u8], cuts: &[usize]) -> Told {
    let mut opener = ChunkOpener::new(key(aead), MAX);
    let mut plain = Vec::new();
    let (mut unread, mut start) = (Vec::new(), 0);
    let mut ends = cuts.iter().copied().chain([body.len()]).map(|end| end.min(body.len()));
    loop {
        let before = unread.clone();
        match opener.advance(&mut unread, start == body.len()) {
            Ok(Opened::NeedMore { total }) => {
                assert_eq!(unread, before, "an incomplete chunk was touched");
                assert!(unread.len() < total && total <= MAX + ChunkOpener::OVERHEAD_MAX + 1);
                let end = ends.next().expect("more is asked for than there is");
                unread.extend_from_slice(&body[start..end]);
                start = end;
            }
            Ok(Opened::Chunk { plaintext, taken, is_final }) => {
                assert!(plaintext.len() <= MAX && plaintext.end + TAG_LEN == taken);
                assert!(unread[taken..] == before[taken..], "what follows was touched");
                assert!(is_final || !plaintext.is_empty());
                plain.push(unread[plaintext].to_vec());
                unread.drain(..taken);
                assert_eq!(opener.opened_chunks(), plain.len() as u64);
                if is_final {
                    assert!(unread.is_empty() && start == body.len());
                    return (plain, Ok(()));
                }
            }
            Err(fault) => {
                assert_eq!(opener.advance(&mut [0; 64], true), Err(fault), "it goes on after a fault");
                return (plain, Err(fault));
            }
        }
    }
}

/// The same in the plainest way, of a body that is all there.
fn plain_read(aead: Aead, body: &[u8]) -> Told {
    let mut plain = Vec::new();
    let mut rest = body;
    loop {
        let form = rest.first().map_or(1, |first| [1, 2, 4, 8][usize::from(first >> 6)]);
        if rest.len() < form {
            return (plain, Err(ChunkFault::Truncated));
        }
        let (head, behind) = rest.split_at(form);
        let head = head.iter().fold(0_u128, |number, &byte| number << 8 | u128::from(byte));
        let number = head % (1 << (8 * form - 2));
        let is_final = number == 0;
        let length = if is_final { behind.len() as u128 } else { number };
        let fault = match length {
            64.. if length > (MAX + TAG_LEN) as u128 => Some(ChunkFault::TooLarge),
            0..=16 if !is_final => Some(ChunkFault::Malformed),
            0..16 => Some(ChunkFault::Truncated),
            _ if length > behind.len() as u128 => Some(ChunkFault::Truncated),
            _ => None,
        };
        if let Some(fault) = fault {
            return (plain, Err(fault));
        }
        let (sealed, behind) = behind.split_at(length as usize);
        let aad: &[u8] = if is_final { b"final" } else { b"" };
        let mut sealed = sealed.to_vec();
        match plain_key(aead).open_in_place(nonce(plain.len() as u64), Aad::from(aad), &mut sealed) {
            Ok(opened) => plain.push(opened.to_vec()),
            Err(_) => return (plain, Err(ChunkFault::NotOpening)),
        }
        if is_final {
            return (plain, Ok(()));
        }
        rest = behind;
    }
}

fn plain_key(aead: Aead) -> LessSafeKey {
    let (algorithm, length) = match aead {
        Aead::Aes128Gcm => (&AES_128_GCM, 16),
        Aead::Aes256Gcm => (&AES_256_GCM, 32),
        Aead::ChaCha20Poly1305 => (&CHACHA20_POLY1305, 32),
    };
    LessSafeKey::new(UnboundKey::new(algorithm, &vec![1; length]).expect("the length is right"))
}

fn nonce(index: u64) -> Nonce {
    let number = u128::from(index).to_be_bytes();
    Nonce::assume_unique_for_key(std::array::from_fn(|at| 2 ^ number[at + 4]))
}
