//! Single messages beside the `ohttp` crate, which shares no code with ours but the arithmetic of the curves: each end
//! of the one with the other end of the other, whole and in chunks.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures::executor::block_on;
use futures::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ohttp::hpke::{Aead as TheirAead, Kdf, Kem as TheirKem};
use ohttp::{ClientRequest, KeyConfig as TheirConfig, Server, SymmetricSuite};
use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::chunk_stream::{ChunkOpener, ChunkSealer, Opened};
use ringwall::protocol::payload::hybrid::{HpkePrivateKey, Kem};
use ringwall::protocol::payload::ohttp_keys::{GatewayKeys, KeyConfig, encode_key_list, parse_key_list};
use ringwall::protocol::payload::ohttp_message::{
    WholeAnswer, begin_chunked, open_chunked, open_whole, seal_whole,
};
use ringwall::protocol::progress::Progress;

const CLIENT: [u8; 32] = [1; 32];
const PROXY: [u8; 32] = [2; 32];
const CHUNK: usize = 16 * 1024;
/// What both know: AES-256-GCM the crate does not.
const SUITES: [(Kem, TheirKem, Aead, TheirAead); 4] = [
    (Kem::X25519, TheirKem::X25519Sha256, Aead::Aes128Gcm, TheirAead::Aes128Gcm),
    (Kem::X25519, TheirKem::X25519Sha256, Aead::ChaCha20Poly1305, TheirAead::ChaCha20Poly1305),
    (Kem::P256, TheirKem::P256Sha256, Aead::Aes128Gcm, TheirAead::Aes128Gcm),
    (Kem::P256, TheirKem::P256Sha256, Aead::ChaCha20Poly1305, TheirAead::ChaCha20Poly1305),
];

/// A message of several chunks.
fn message(seed: u8) -> Vec<u8> {
    (0..2 * CHUNK + 100).map(|index| (index % 251) as u8 ^ seed).collect()
}

fn our_keys(kem: Kem) -> GatewayKeys {
    GatewayKeys::new(vec![(7, HpkePrivateKey::generate(kem, &[3; 32]))]).expect("one key")
}

/// Our list of keys as it is published, but for one cipher alone, so that their client takes it.
fn our_list(keys: &GatewayKeys, aead: Aead) -> Vec<u8> {
    let only = |config| KeyConfig { aeads: vec![aead], ..config };
    encode_key_list(&keys.configs().into_iter().map(only).collect::<Vec<_>>())
}

fn their_server(kem: TheirKem, aead: TheirAead) -> (Server, KeyConfig) {
    let config = TheirConfig::new(9, kem, vec![SymmetricSuite::new(Kdf::HkdfSha256, aead)]).expect("a key");
    let list = TheirConfig::encode_list(&[&config]).expect("a list");
    let ours = parse_key_list(&list).expect("their list").remove(0);
    (Server::new(config).expect("a server"), ours)
}

/// Takes what their client or server sends.
#[derive(Clone, Default)]
struct Sent(Rc<RefCell<Vec<u8>>>);

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        self.0.borrow().clone()
    }
}

impl AsyncWrite for Sent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn write_all(mut to: impl AsyncWrite + Unpin, bytes: &[u8]) {
    block_on(async {
        to.write_all(bytes).await.expect("room in memory");
        to.close().await.expect("an end in memory");
    });
}

fn read_all(mut from: impl futures::AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    block_on(from.read_to_end(&mut bytes)).expect("a message that opens");
    bytes
}

fn open_chunks(mut opener: ChunkOpener, mut body: Vec<u8>) -> Vec<u8> {
    let mut plain = Vec::new();
    loop {
        match opener.advance(&mut body, true).expect("a chunk that opens") {
            Opened::NeedMore { .. } => panic!("the body has ended"),
            Opened::Chunk { plaintext, taken, is_final } => {
                plain.extend_from_slice(&body[plaintext]);
                body.drain(..taken);
                if is_final {
                    assert!(body.is_empty(), "the final chunk ends the body");
                    return plain;
                }
            }
        }
    }
}

fn seal_chunks(mut sealer: ChunkSealer, message: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut chunks = message.chunks(CHUNK).peekable();
    while let Some(chunk) = chunks.next() {
        let mut room = [&[0; ChunkSealer::HEAD_ROOM], chunk, &[0; ChunkSealer::TAIL_ROOM]].concat();
        let plaintext = ChunkSealer::HEAD_ROOM..ChunkSealer::HEAD_ROOM + chunk.len();
        let sealed = sealer.seal(&mut room, plaintext, chunks.peek().is_none()).expect("room around it");
        body.extend_from_slice(&room[sealed]);
    }
    body
}

fn done<T>(progress: Progress<T>) -> (T, usize) {
    match progress {
        Progress::Done { value, consumed } => (value, consumed),
        Progress::NeedMore { .. } => panic!("all of it is there"),
    }
}

#[test]
fn their_client_and_our_proxy_whole() {
    for (kem, _, aead, _) in SUITES {
        let keys = our_keys(kem);
        let client = ClientRequest::from_encoded_config_list(&our_list(&keys, aead)).expect("our list");
        let (mut body, pending) = client.encapsulate(&message(1)).expect("a request");
        let (plaintext, answer) = open_whole(&keys, &mut body).expect("their request");
        assert_eq!(&body[plaintext], message(1));

        let head = answer.head_room();
        let mut room = [&vec![0; head], &message(2)[..], &[0; WholeAnswer::TAIL_ROOM]].concat();
        let whole = answer.seal(&PROXY, &mut room, head..head + message(2).len()).expect("room around it");
        assert_eq!(pending.decapsulate(&room[whole]).expect("our response"), message(2));
    }
}

#[test]
fn our_client_and_their_server_whole() {
    for (_, kem, aead, their_aead) in SUITES {
        let (server, config) = their_server(kem, their_aead);
        let (body, pending) = seal_whole(&config, aead, &message(1), &CLIENT).expect("an offered cipher");
        let (request, answer) = server.decapsulate(&body).expect("our request");
        assert_eq!(request, message(1));
        let mut response = answer.encapsulate(&message(2)).expect("a response");
        let plaintext = pending.open(&mut response).expect("their response");
        assert_eq!(&response[plaintext], message(2));
    }
}

#[test]
fn their_client_and_our_proxy_in_chunks() {
    // Their streaming client keeps 16 bytes of a response nonce, which is right for this cipher alone.
    for (kem, _, aead, _) in SUITES.into_iter().filter(|suite| suite.2 == Aead::Aes128Gcm) {
        let keys = our_keys(kem);
        let client = ClientRequest::from_encoded_config_list(&our_list(&keys, aead)).expect("our list");
        let sent = Sent::default();
        let mut request = client.encapsulate_stream(sent.clone()).expect("a request");
        write_all(&mut request, &message(1));
        let body = sent.bytes();
        let ((opener, answer), consumed) = done(open_chunked(&keys, &body, CHUNK).expect("their request"));
        assert_eq!(open_chunks(opener, body[consumed..].to_vec()), message(1));

        let (nonce, sealer) = answer.sealer(&PROXY);
        let response = [nonce, &seal_chunks(sealer, &message(2))].concat();
        assert_eq!(read_all(request.response(&response[..]).expect("our response")), message(2));
    }
}

#[test]
fn our_client_and_their_server_in_chunks() {
    for (_, kem, aead, their_aead) in SUITES {
        let (server, config) = their_server(kem, their_aead);
        let (head, sealer, pending) = begin_chunked(&config, aead, &CLIENT).expect("an offered cipher");
        let body = [head, seal_chunks(sealer, &message(1))].concat();
        let mut request = server.decapsulate_stream(&body[..]);
        assert_eq!(read_all(&mut request), message(1));

        let sent = Sent::default();
        write_all(request.response(sent.clone()).expect("an answer"), &message(2));
        let response = sent.bytes();
        let (opener, consumed) = done(pending.opener(&response, CHUNK));
        assert_eq!(open_chunks(opener, response[consumed..].to_vec()), message(2));
    }
}
