use super::super::chunk_stream::{ChunkFault, Opened};
use super::super::fixture::{array, bytes, fixture, list, unhex};
use super::super::hybrid::{HpkePrivateKey, Kem};
use super::super::ohttp_keys::parse_key_list;
use super::*;
use serde_json::Value;

const CLIENT: [u8; 32] = [1; 32];
const PROXY: [u8; 32] = [2; 32];

fn keys(kem: Kem) -> GatewayKeys {
    GatewayKeys::new(vec![(5, HpkePrivateKey::generate(kem, &[3; 32]))]).expect("one key")
}

fn config(keys: &GatewayKeys) -> KeyConfig {
    keys.configs().remove(0)
}

/// Every pair of a kind of key and a cipher.
fn suites() -> impl Iterator<Item = (Kem, Aead)> {
    Kem::ALL.into_iter().flat_map(|kem| Aead::ALL.into_iter().map(move |aead| (kem, aead)))
}

/// The key of a vector, under the id that the vector gives it.
fn vector_keys(vector: &Value) -> GatewayKeys {
    let key = HpkePrivateKey::from_bytes(Kem::X25519, &bytes(vector, "skR")).expect("a key");
    GatewayKeys::new(vec![(bytes(vector, "key_config")[0], key)]).expect("one key")
}

/// The random bytes that begin with a vector's nonce.
fn random(nonce: &[u8]) -> [u8; RESPONSE_NONCE_LEN_MAX] {
    let mut random = [0xff; RESPONSE_NONCE_LEN_MAX];
    random[..nonce.len()].copy_from_slice(nonce);
    random
}

/// `message` with room around it for `answer` to seal it.
fn with_room(answer: &WholeAnswer, message: &[u8]) -> (Vec<u8>, Range<usize>) {
    let head = answer.head_room();
    let room = [&vec![0xee; head], message, &[0xee; WholeAnswer::TAIL_ROOM]].concat();
    (room, head..head + message.len())
}

fn seal_response(answer: &WholeAnswer, message: &[u8]) -> Vec<u8> {
    let (mut room, plaintext) = with_room(answer, message);
    let whole = answer.seal(&PROXY, &mut room, plaintext).expect("room around it");
    room[whole].to_vec()
}

/// All plaintext of a body of chunks that has ended.
fn opened_chunks(opener: &mut ChunkOpener, mut body: Vec<u8>) -> Result<Vec<Vec<u8>>, ChunkFault> {
    let mut chunks = Vec::new();
    loop {
        match opener.advance(&mut body, true)? {
            Opened::NeedMore { .. } => panic!("the body has ended"),
            Opened::Chunk { plaintext, taken, is_final } => {
                chunks.push(body[plaintext].to_vec());
                body.drain(..taken);
                if is_final {
                    return if body.is_empty() { Ok(chunks) } else { Err(ChunkFault::Malformed) };
                }
            }
        }
    }
}

fn sealed_chunks(sealer: &mut ChunkSealer, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let mut room = [&[0; ChunkSealer::HEAD_ROOM], &chunk[..], &[0; ChunkSealer::TAIL_ROOM]].concat();
        let plaintext = ChunkSealer::HEAD_ROOM..ChunkSealer::HEAD_ROOM + chunk.len();
        let sealed = sealer.seal(&mut room, plaintext, index + 1 == chunks.len()).expect("room around it");
        body.extend_from_slice(&room[sealed]);
    }
    body
}

fn begun<T>(progress: Progress<T>) -> (T, usize) {
    match progress {
        Progress::Done { value, consumed } => (value, consumed),
        Progress::NeedMore { .. } => panic!("all of it is there"),
    }
}

#[test]
fn whole_messages_are_those_of_the_rfc() {
    let vector = fixture("rfc9458");
    let mut body = bytes(&vector, "encapsulated_request");
    let (plaintext, answer) = open_whole(&vector_keys(&vector), &mut body).expect("the RFC's request");
    assert_eq!(&body[plaintext], bytes(&vector, "request"));
    assert_eq!(answer.enc(), bytes(&vector, "enc"));

    let nonce: [u8; 16] = array(&vector, "response_nonce");
    let (mut room, plaintext) = with_room(&answer, &bytes(&vector, "response"));
    let whole = answer.seal(&random(&nonce), &mut room, plaintext).expect("room around it");
    assert_eq!(&room[whole], bytes(&vector, "encapsulated_response"));

    let mut response = bytes(&vector, "encapsulated_response");
    let plaintext = PendingWhole(answer.0).open(&mut response).expect("the RFC's response");
    assert_eq!(&response[plaintext], bytes(&vector, "response"));
}

#[test]
fn chunked_messages_are_those_of_the_draft() {
    let vector = fixture("chunked_ohttp");
    let chunks = |name| list(&vector, name).iter().map(unhex).collect::<Vec<_>>();
    let request = bytes(&vector, "encapsulated_request");
    let begin = || begun(open_chunked(&vector_keys(&vector), &request, 16384).expect("the draft's request"));
    let ((mut opener, answer), consumed) = begin();
    assert_eq!(opened_chunks(&mut opener, request[consumed..].to_vec()), Ok(chunks("request_chunks")));
    assert_eq!(answer.enc(), bytes(&vector, "enc"));

    let nonce: [u8; 16] = array(&vector, "response_nonce");
    let random = random(&nonce);
    let (head, mut sealer) = answer.sealer(&random);
    let response = [head, &sealed_chunks(&mut sealer, &chunks("response_chunks"))].concat();
    assert_eq!(response, bytes(&vector, "encapsulated_response"));

    let (mut opener, consumed) = begun(PendingChunked(answer.0).opener(&response, 16384));
    assert_eq!(opened_chunks(&mut opener, response[consumed..].to_vec()), Ok(chunks("response_chunks")));
}

#[test]
fn whole_messages_go_both_ways() {
    for (kem, aead) in suites() {
        let keys = keys(kem);
        for length in [0, 1, 100_000] {
            let message = vec![0x61; length];
            let (mut body, pending) =
                seal_whole(&config(&keys), aead, &message, &CLIENT).expect("an offered cipher");
            let (plaintext, answer) = open_whole(&keys, &mut body).expect("a request of ours");
            assert_eq!(&body[plaintext], message);
            let mut response = seal_response(&answer, &message);
            let plaintext = pending.open(&mut response).expect("the response to it");
            assert_eq!(&response[plaintext], message);
        }
    }
}

#[test]
fn chunked_messages_go_both_ways() {
    let chunks = [vec![1; 300], vec![2], vec![3; 5]];
    for (kem, aead) in suites() {
        let keys = keys(kem);
        let (head, mut sealer, pending) =
            begin_chunked(&config(&keys), aead, &CLIENT).expect("an offered cipher");
        let request = sealed_chunks(&mut sealer, &chunks);
        for length in 0..head.len() {
            let progress = open_chunked(&keys, &head[..length], 16384).expect("so far it is right");
            assert!(matches!(progress, Progress::NeedMore { .. }), "{length} bytes");
        }
        let ((mut opener, answer), consumed) =
            begun(open_chunked(&keys, &head, 16384).expect("a request of ours"));
        assert_eq!(consumed, head.len());
        assert_eq!(opened_chunks(&mut opener, request).as_deref(), Ok(&chunks[..]));

        let (nonce, mut sealer) = answer.sealer(&PROXY);
        let response = sealed_chunks(&mut sealer, &chunks);
        assert!(matches!(pending.opener(&nonce[1..], 16384), Progress::NeedMore { .. }));
        let (mut opener, _) = begun(pending.opener(nonce, 16384));
        assert_eq!(opened_chunks(&mut opener, response).as_deref(), Ok(&chunks[..]));
    }
}

#[test]
fn changed_messages_do_not_open() {
    for kem in Kem::ALL {
        let keys = keys(kem);
        let (body, pending) = seal_whole(&config(&keys), Aead::Aes128Gcm, b"text", &CLIENT).expect("offered");
        let (_, answer) = open_whole(&keys, &mut body.clone()).expect("a request of ours");
        let response = seal_response(&answer, b"text");
        for length in 0..body.len() {
            let fault = open_whole(&keys, &mut body[..length].to_vec()).err();
            assert_eq!(fault, Some(EncapsulationFault::Malformed));
        }
        for bit in 0..body.len() * 8 {
            let mut changed = body.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open_whole(&keys, &mut changed).is_err(), "bit {bit}");
        }
        for length in 0..response.len() {
            assert!(pending.open(&mut response[..length].to_vec()).is_err());
        }
        for bit in 0..response.len() * 8 {
            let mut changed = response.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(pending.open(&mut changed).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn the_forms_do_not_open_each_other() {
    let keys = keys(Kem::X25519);
    let (head, mut sealer, _) = begin_chunked(&config(&keys), Aead::Aes128Gcm, &CLIENT).expect("offered");
    let chunked = [head, sealed_chunks(&mut sealer, &[b"text".to_vec()])].concat();
    assert!(open_whole(&keys, &mut chunked.clone()).is_err());
    let (whole, _) = seal_whole(&config(&keys), Aead::Aes128Gcm, b"text", &CLIENT).expect("offered");
    let ((mut opener, _), consumed) = begun(open_chunked(&keys, &whole, 16384).expect("a header"));
    let as_final = [&[0], &whole[consumed..]].concat();
    assert_eq!(opened_chunks(&mut opener, as_final), Err(ChunkFault::NotOpening));
    assert!(super::super::session::open_request(&keys, &mut whole.clone()).is_err());
}

#[test]
fn only_known_keys_for_their_algorithms_open() {
    let vector = fixture("rfc9458");
    let keys = vector_keys(&vector);
    let body = bytes(&vector, "encapsulated_request");
    let fault = |at: usize, byte: u8| {
        let mut changed = body.clone();
        changed[at] = byte;
        open_whole(&keys, &mut changed).expect_err("another header")
    };
    assert_eq!(fault(0, 2), EncapsulationFault::KeyUnknown, "the key");
    assert_eq!(fault(2, 0x10), EncapsulationFault::KeyUnknown, "the KEM");
    assert_eq!(fault(4, 2), EncapsulationFault::KeyUnknown, "the key derivation");
    assert_eq!(fault(6, 4), EncapsulationFault::KeyUnknown, "the cipher");
    assert_eq!(fault(6, 3), EncapsulationFault::Malformed, "another cipher of ours");
}

/// Sealing touches nothing but the message and the room it asks for, and nothing at all without room.
#[test]
fn a_response_is_sealed_where_it_lies() {
    let keys = keys(Kem::X25519);
    let (mut body, _) = seal_whole(&config(&keys), Aead::Aes128Gcm, b"", &CLIENT).expect("offered");
    let (_, answer) = open_whole(&keys, &mut body).expect("a request of ours");
    let mut bytes = [0xee; 64];
    let whole = answer.seal(&PROXY, &mut bytes, 20..40).expect("room around it");
    assert_eq!(whole, 4..56);
    assert!(bytes[..4].iter().chain(&bytes[56..]).all(|&byte| byte == 0xee));
    for plaintext in [15..40, 20..49, 20..usize::MAX, 60..70] {
        let before = bytes;
        assert!(answer.seal(&PROXY, &mut bytes, plaintext).is_err());
        assert_eq!(bytes, before);
    }
}

#[test]
fn clients_take_the_first_key_of_a_list() {
    let keys = keys(Kem::P256);
    let configs = parse_key_list(&keys.encode()).expect("our own list");
    let (mut body, _) = seal_whole(&configs[0], Aead::ChaCha20Poly1305, b"text", &CLIENT).expect("offered");
    assert!(open_whole(&keys, &mut body).is_ok());
}
