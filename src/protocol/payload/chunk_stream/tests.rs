use aes_gcm::aead::{Aead as _, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Nonce};

use super::super::aead::{Aead, NONCE_LEN};
use super::super::varint::push_varint;
use super::*;

/// The largest plaintext most tests take: small, so that its edges are cheap.
const MAX: usize = 40;

fn key(aead: Aead) -> MessageKey {
    MessageKey::new(aead, &[7; 32][..aead.key_len()], &[9; NONCE_LEN]).expect("the cipher's length")
}

/// `parts` sealed, the last one as the final chunk.
fn sealed(aead: Aead, parts: &[&[u8]]) -> Vec<u8> {
    let mut sealer = ChunkSealer::new(key(aead));
    let mut body = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let mut room = [&[0xee; 9][..], part, &[0xee; 20]].concat();
        let chunk = sealer.seal(&mut room, 9..9 + part.len(), number + 1 == parts.len()).expect("room");
        let (before, behind) = (&room[..chunk.start], &room[chunk.end..]);
        assert!(before.iter().chain(behind).all(|&byte| byte == 0xee), "bytes around the chunk were touched");
        body.extend_from_slice(&room[chunk]);
    }
    body
}

/// One chunk made from the protocol's text with another AES: `head` stands in front as it is.
fn chunk(head: &[u8], index: u64, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [9; NONCE_LEN];
    nonce.iter_mut().rev().zip(index.to_le_bytes()).for_each(|(byte, number)| *byte ^= number);
    let cipher = Aes128Gcm::new(&[7; 16].into());
    let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad }).expect("a short text");
    [head, &sealed].concat()
}

/// `number` in the form of `length` bytes.
fn varint(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes()[8 - length..].to_vec();
    bytes[0] |= (length.trailing_zeros() as u8) << 6;
    bytes
}

/// The plaintexts of `body` up to its end or its fault, when it comes in parts that end at `cuts`.
fn opened(aead: Aead, max: usize, body: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Result<(), ChunkFault>) {
    let mut opener = ChunkOpener::new(key(aead), max);
    let mut plain = Vec::new();
    let (mut unread, mut start, mut cuts) = (Vec::new(), 0, cuts.iter().copied().chain([body.len()]));
    loop {
        let before = unread.clone();
        let ended = start == body.len();
        match opener.advance(&mut unread, ended) {
            Ok(Opened::NeedMore { total }) => {
                assert!(!ended && total > unread.len() && unread == before);
                assert!(total <= max + ChunkOpener::OVERHEAD_MAX + 1);
                let end = cuts.next().expect("it asks for more than there is");
                unread.extend_from_slice(&body[start..end]);
                start = end;
            }
            Ok(Opened::Chunk { plaintext, taken, is_final }) => {
                assert!(plaintext.end + TAG_LEN == taken && unread[taken..] == before[taken..]);
                plain.push(unread[plaintext].to_vec());
                assert_eq!(opener.opened_chunks(), plain.len() as u64);
                unread.drain(..taken);
                if is_final {
                    assert!(ended && unread.is_empty());
                    assert_eq!(opener.advance(&mut [], true), Err(ChunkFault::Malformed));
                    return (plain, Ok(()));
                }
            }
            Err(fault) => {
                assert_eq!(opener.advance(&mut [0; 99], false), Err(fault), "it goes on after a fault");
                return (plain, Err(fault));
            }
        }
    }
}

/// What `body` is refused for, whole and in two parts at every place, after it gave `chunks` chunks.
#[track_caller]
fn check_refused(body: &[u8], chunks: usize, fault: ChunkFault) {
    for cut in 0..=body.len() {
        let (plain, end) = opened(Aead::Aes128Gcm, MAX, body, &[cut]);
        assert_eq!((plain.len(), end), (chunks, Err(fault)), "cut at {cut}");
    }
}

#[test]
fn what_was_sealed_opens_at_every_split() {
    let shapes: [&[&[u8]]; 7] = [
        &[b""],
        &[b"x"],
        &[b"x", b""],
        &[b"first", b"second"],
        &[&[1; MAX], &[2; MAX], &[3; MAX]],
        &[b"a", b"b", b"c", b"d", b""],
        &[&[1; 300], &[2; 47], &[3; 48]],
    ];
    for aead in Aead::ALL {
        for parts in shapes {
            let body = sealed(aead, parts);
            for cut in 0..=body.len() {
                assert_eq!(
                    opened(aead, 300, &body, &[cut]),
                    (parts.iter().map(|part| part.to_vec()).collect(), Ok(()))
                );
            }
            let all: Vec<usize> = (0..body.len()).collect();
            assert_eq!(opened(aead, 300, &body, &all).1, Ok(()), "byte by byte");
        }
    }
}

#[test]
fn chunks_look_as_the_protocol_says() {
    let parts: [&[u8]; 4] = [b"a", &[5; 47], &[6; 48], b"the end"];
    let by_hand = [
        chunk(&[17], 0, b"", parts[0]),
        chunk(&[63], 1, b"", parts[1]),
        chunk(&[0x40, 64], 2, b"", parts[2]),
        chunk(&[0], 3, b"final", parts[3]),
    ];
    assert_eq!(sealed(Aead::Aes128Gcm, &parts), by_hand.concat());
    // The first sizes of the longer forms.
    for (plain, head) in [(16_367, 2), (16_368, 4), (limits::PAYLOAD_CHUNK_BYTES, 4)] {
        let body = sealed(Aead::Aes128Gcm, &[&vec![1; plain], b""]);
        assert_eq!(body.len(), head + plain + TAG_LEN + 1 + TAG_LEN);
        let (parts, end) = opened(Aead::Aes128Gcm, limits::PAYLOAD_CHUNK_BYTES, &body, &[]);
        assert_eq!((parts[0].len(), end), (plain, Ok(())));
    }
}

#[test]
fn lengths_in_any_form_are_taken() {
    for length in [1, 2, 4, 8] {
        for final_length in [1, 2, 4, 8] {
            let first = chunk(&varint(16 + 5, length), 0, b"", b"first");
            let last = chunk(&varint(0, final_length), 1, b"final", b"last");
            let body = [first, last].concat();
            for cut in 0..=body.len() {
                let expected = (vec![b"first".to_vec(), b"last".to_vec()], Ok(()));
                assert_eq!(opened(Aead::Aes128Gcm, MAX, &body, &[cut]), expected);
            }
        }
    }
}

#[test]
fn no_flipped_bit_passes() {
    for aead in Aead::ALL {
        let parts: [&[u8]; 3] = [b"one", &[2; MAX], b"three"];
        let body = sealed(aead, &parts);
        for bit in 0..8 * body.len() {
            let mut flipped = body.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (plain, end) = opened(aead, MAX, &flipped, &[]);
            assert!(end.is_err(), "bit {bit} of {aead:?}");
            assert!(plain.iter().zip(parts).all(|(plain, part)| plain == part) && plain.len() < 3);
        }
    }
}

#[test]
fn no_cut_passes() {
    let parts: [&[u8]; 3] = [b"one", b"two", b"three"];
    let body = sealed(Aead::Aes128Gcm, &parts);
    let final_head = body.len() - 5 - TAG_LEN;
    for length in 0..body.len() {
        // Where a final chunk of at least a tag ends, nothing but its tag tells.
        let fault =
            if length >= final_head + TAG_LEN { ChunkFault::NotOpening } else { ChunkFault::Truncated };
        let chunks = length / (1 + 3 + TAG_LEN);
        check_refused(&body[..length], chunks.min(2), fault);
    }
    check_refused(&[&body[..], &[0]].concat(), 2, ChunkFault::NotOpening);
}

#[test]
fn chunks_are_bound_to_their_place() {
    let part = |index, text: &[u8]| chunk(&varint(16 + text.len() as u64, 1), index, b"", text);
    let last = |index| chunk(&[0], index, b"final", b"end");
    let (first, second, end) = (part(0, b"1"), part(1, b"2"), last(2));
    let body = |parts: &[&Vec<u8>]| parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
    assert_eq!(opened(Aead::Aes128Gcm, MAX, &body(&[&first, &second, &end]), &[]).1, Ok(()));

    check_refused(&body(&[&second, &first, &end]), 0, ChunkFault::NotOpening);
    check_refused(&body(&[&first, &first, &second, &end]), 1, ChunkFault::NotOpening);
    check_refused(&body(&[&first, &end]), 1, ChunkFault::NotOpening);
    check_refused(&body(&[&second, &end]), 0, ChunkFault::NotOpening);
    check_refused(&body(&[&end]), 0, ChunkFault::NotOpening);
    check_refused(&body(&[&first, &second]), 2, ChunkFault::Truncated);
    check_refused(&body(&[&first, &second, &end, &end]), 2, ChunkFault::NotOpening);
    // The final chunk sealed as another and the other way round.
    check_refused(&body(&[&first, &chunk(&[0], 1, b"", b"end")]), 1, ChunkFault::NotOpening);
    check_refused(&body(&[&first, &chunk(&[19], 1, b"final", b"end"), &last(2)]), 1, ChunkFault::NotOpening);
}

#[test]
fn lengths_beyond_what_is_allowed_are_refused() {
    // Of the right tag, but without plaintext.
    check_refused(
        &[chunk(&[16], 0, b"", b""), chunk(&[0], 1, b"final", b"")].concat(),
        0,
        ChunkFault::Malformed,
    );
    for length in 1..=16 {
        for form in [1, 2, 4, 8] {
            check_refused(&varint(length, form), 0, ChunkFault::Malformed);
        }
    }
    let largest = MAX as u64 + 16;
    check_refused(&varint(largest, 1), 0, ChunkFault::Truncated);
    check_refused(&chunk(&varint(largest + 1, 1), 0, b"", &[0; MAX + 1]), 0, ChunkFault::TooLarge);
    for length in [0x3fff, 0x4000, 0x3fff_ffff, 0x4000_0000, u64::from(u32::MAX), (1 << 62) - 1] {
        let mut head = Vec::new();
        assert!(push_varint(length, &mut head));
        check_refused(&head, 0, ChunkFault::TooLarge);
    }
    check_refused(&chunk(&[0], 0, b"final", &[0; MAX + 1]), 0, ChunkFault::TooLarge);
    assert_eq!(opened(Aead::Aes128Gcm, MAX, &chunk(&[0], 0, b"final", &[0; MAX]), &[]).1, Ok(()));
}

#[test]
fn no_configuration_takes_larger_chunks_than_the_limit() {
    let mut opener = ChunkOpener::new(key(Aead::Aes128Gcm), usize::MAX);
    let largest = (limits::PAYLOAD_CHUNK_BYTES + TAG_LEN) as u64;
    let whole = Ok(Opened::NeedMore { total: 4 + largest as usize });
    assert_eq!(opener.advance(&mut varint(largest, 4), false), whole);
    // In the longest form a chunk is as long as any can be.
    let whole = Ok(Opened::NeedMore { total: limits::PAYLOAD_CHUNK_BYTES + ChunkOpener::OVERHEAD_MAX });
    assert_eq!(opener.advance(&mut varint(largest, 8), false), whole);
    assert_eq!(opener.advance(&mut varint(largest + 1, 4), false), Err(ChunkFault::TooLarge));
}

#[test]
fn the_final_chunk_waits_for_the_end_of_the_body() {
    let mut body = sealed(Aead::Aes128Gcm, &[b"all"]);
    let (whole, before) = (body.len(), body.clone());
    let mut opener = ChunkOpener::new(key(Aead::Aes128Gcm), MAX);
    assert_eq!(opener.advance(&mut body, false), Ok(Opened::NeedMore { total: whole + 1 }));
    assert_eq!((&body, opener.opened_chunks()), (&before, 0));
    let chunk = Opened::Chunk { plaintext: 1..4, taken: whole, is_final: true };
    assert_eq!(opener.advance(&mut body, true), Ok(chunk));
    assert_eq!((&body[1..4], opener.opened_chunks()), (&b"all"[..], 1));
}

#[test]
fn a_message_has_no_more_chunks_than_the_limit() {
    let last = limits::PAYLOAD_CHUNKS - 1;
    for is_final in [true, false] {
        let mut sealer = ChunkSealer::new(key(Aead::Aes128Gcm));
        sealer.sealed = last;
        let mut room = [1; 32];
        let range = sealer.seal(&mut room, 8..9, is_final).expect("the last chunk there may be");
        let mut opener = ChunkOpener::new(key(Aead::Aes128Gcm), MAX);
        opener.opened = last;
        assert!(matches!(opener.advance(&mut room[range], true), Ok(Opened::Chunk { .. })));
        let beyond = if is_final { ChunkFault::Malformed } else { ChunkFault::TooMany };
        assert_eq!(opener.advance(&mut [], false), Err(beyond));
        assert_eq!(sealer.seal(&mut room, 8..9, true), Err(beyond));
        assert_eq!(sealer.sealed_chunks(), limits::PAYLOAD_CHUNKS);
    }
}

/// What is refused leaves no trace: the next chunk is sealed as if nobody had asked.
#[test]
fn what_cannot_be_sealed_is_refused_and_nothing_happens() {
    use ChunkFault::{Malformed, TooLarge};
    let mut sealer = ChunkSealer::new(key(Aead::Aes128Gcm));
    let large = limits::PAYLOAD_CHUNK_BYTES;
    #[expect(clippy::reversed_empty_ranges, reason = "what no caller should say")]
    let table = [
        (40, 4..4, false, Malformed),
        (40, 9..4, false, Malformed),
        (40, 9..4, true, TooLarge),
        (40, 0..4, false, TooLarge),
        (40, 0..4, true, TooLarge),
        (40, 1..25, false, TooLarge),
        (40, 1..25, true, TooLarge),
        (40, 40..40, true, TooLarge),
        (40, 50..60, true, TooLarge),
        (40, usize::MAX - 1..usize::MAX, false, TooLarge),
        (large + 40, 4..large + 5, false, TooLarge),
        (large + 40, 4..large + 5, true, TooLarge),
    ];
    for (length, plaintext, is_final, fault) in table {
        let mut bytes = vec![0xee; length];
        assert_eq!(sealer.seal(&mut bytes, plaintext.clone(), is_final), Err(fault), "{plaintext:?}");
        assert!(bytes.iter().all(|&byte| byte == 0xee));
    }
    let mut room = [1; 40];
    assert_eq!(sealer.seal(&mut room, 1..24, false), Ok(0..40));
    assert_eq!(room[..], chunk(&[39], 0, b"", &[1; 23]));
    assert_eq!(sealer.seal(&mut room, 1..1, true), Ok(0..17));
    assert_eq!(sealer.seal(&mut room, 1..2, true), Err(Malformed));
    assert_eq!(sealer.seal(&mut room, 1..2, false), Err(Malformed));
}
