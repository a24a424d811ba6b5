//! `ohttp.json`: single messages (RFC 9458), whole and chunked, for every suite.

use ringwall::protocol::payload::aead::{Aead, TAG_LEN};
use ringwall::protocol::payload::hybrid::{HpkePrivateKey, Kem, setup_sender};
use ringwall::protocol::payload::ohttp_keys::{GatewayKeys, KeyConfig};
use ringwall::protocol::payload::ohttp_message::{begin_chunked, open_chunked, open_whole, seal_whole};
use ringwall::protocol::progress::Progress;
use serde::Serialize;

use crate::binary_http::{Request, response_bytes};
use crate::derivation::{Keys, drawn, exported, hmac_of, hpke_header, suite_name, suites};
use crate::shape::{Chunk, Hex, in_chunks, on_wire};

const KEY_ID: u8 = 1;
const REQUEST_CHUNKS: [usize; 2] = [3, 60];
const RESPONSE_CHUNKS: [usize; 3] = [1, 2, 30];

#[derive(Serialize)]
pub(crate) struct Single {
    name: String,
    chunked: bool,
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
    request: Hex,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    request_chunks: Vec<Chunk>,
    encapsulated_request: Hex,
    response_secret: Hex,
    response_nonce: Hex,
    response_prk: Hex,
    response_key: Hex,
    response_aead_nonce: Hex,
    response: Hex,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_chunks: Vec<Chunk>,
    encapsulated_response: Hex,
}

#[derive(Serialize)]
pub(crate) struct Vectors {
    about: &'static str,
    messages: Vec<Single>,
}

pub(crate) fn vectors() -> Vectors {
    let both = |(kem, aead)| [Draft::new(kem, aead, false), Draft::new(kem, aead, true)];
    let made = |draft: Draft| if draft.chunked { draft.in_chunks() } else { draft.whole() };
    Vectors {
        about: "Single messages (form 2): RFC 9458 and draft-ietf-ohai-chunked-ohttp-08.",
        messages: suites().flat_map(both).map(made).collect(),
    }
}

/// What both forms begin with.
struct Draft {
    name: String,
    chunked: bool,
    kem: Kem,
    aead: Aead,
    keys: GatewayKeys,
    config: KeyConfig,
    gateway_private: Hex,
    client_random: [u8; 32],
    response_random: [u8; 32],
}

/// The two bodies, with their chunks if there are some.
struct Bodies {
    request: Vec<u8>,
    request_chunks: Vec<Chunk>,
    encapsulated_request: Vec<u8>,
    response: Vec<u8>,
    response_chunks: Vec<Chunk>,
    encapsulated_response: Vec<u8>,
}

/// What the response's key is made of.
struct Derived {
    info: Vec<u8>,
    enc: Vec<u8>,
    secret: Vec<u8>,
    prk: [u8; 32],
    keys: Keys,
}

impl Draft {
    fn new(kem: Kem, aead: Aead, chunked: bool) -> Self {
        let form = if chunked { "chunked" } else { "whole" };
        let name = format!("{}, {form}", suite_name(kem, aead));
        let private = HpkePrivateKey::generate(kem, &drawn("gateway key"));
        let gateway_private = private.to_bytes().as_slice().into();
        let keys = GatewayKeys::new(vec![(KEY_ID, private)]).expect("one key");
        let config = keys.configs().remove(0);
        let client_random = drawn(&format!("client, {name}"));
        let response_random = drawn(&format!("response nonce, {name}"));
        Self { name, chunked, kem, aead, keys, config, gateway_private, client_random, response_random }
    }

    fn hdr(&self) -> Vec<u8> {
        hpke_header(KEY_ID, self.kem, self.aead)
    }

    fn response_nonce(&self) -> &[u8] {
        &self.response_random[..self.aead.secret_len()]
    }

    fn derived(&self) -> Derived {
        let part = if self.chunked { "chunked " } else { "" };
        let info = [format!("message/bhttp {part}request\0").as_bytes(), &self.hdr()].concat();
        let (enc, _, exporter) =
            setup_sender(&self.config.public, self.aead, &info, &self.client_random).expect("agrees");
        let secret = exported(&exporter, &format!("message/bhttp {part}response"), self.aead);
        let prk = hmac_of(&[enc.as_ref(), self.response_nonce()].concat(), &[&secret]);
        Derived { info, enc: enc.as_ref().to_vec(), secret, prk, keys: Keys::of(&prk, self.aead) }
    }

    fn whole(self) -> Single {
        let derived = self.derived();
        let request = Request::get().encoded();
        let response = response_bytes("known length, two cookies");
        let (encapsulated_request, pending) =
            seal_whole(&self.config, self.aead, &request, &self.client_random).expect("offered");
        let mut opened = encapsulated_request.clone();
        let (plaintext, answer) = open_whole(&self.keys, &mut opened).expect("opens");
        assert_eq!((&opened[plaintext], answer.enc()), (&request[..], &derived.enc[..]));

        let head = answer.head_room();
        let mut room = [&vec![0; head], &response[..], &[0; TAG_LEN]].concat();
        let sealed = answer.seal(&self.response_random, &mut room, head..head + response.len());
        let encapsulated_response = room[sealed.expect("room around it")].to_vec();
        let expected = derived.keys.sealed(0, b"", &response);
        assert_eq!(encapsulated_response, [self.response_nonce(), &expected].concat());
        let mut back = encapsulated_response.clone();
        let plaintext = pending.open(&mut back).expect("opens");
        assert_eq!(back[plaintext], response);
        self.finished(
            derived,
            Bodies {
                request,
                request_chunks: Vec::new(),
                encapsulated_request,
                response,
                response_chunks: Vec::new(),
                encapsulated_response,
            },
        )
    }

    fn in_chunks(self) -> Single {
        let derived = self.derived();
        let request = Request::get().encoded();
        let response = response_bytes("indeterminate, trailers");
        let (head, sealer, _) = begin_chunked(&self.config, self.aead, &self.client_random).expect("offered");
        assert_eq!(head, [&self.hdr()[..], &derived.enc].concat());
        let request_chunks = in_chunks(sealer, None, &request, &REQUEST_CHUNKS);
        let encapsulated_request = [&head[..], &on_wire(&request_chunks)].concat();
        let opened = open_chunked(&self.keys, &encapsulated_request, usize::MAX).expect("opens");
        let Progress::Done { value: (mut opener, answer), consumed } = opened else {
            panic!("all of it is there");
        };
        let mut rest = encapsulated_request[consumed..].to_vec();
        opener.advance(&mut rest, true).expect("the first chunk opens");
        let (nonce, sealer) = answer.sealer(&self.response_random);
        let response_chunks = in_chunks(sealer, Some(&derived.keys), &response, &RESPONSE_CHUNKS);
        let encapsulated_response = [nonce, &on_wire(&response_chunks)].concat();
        self.finished(
            derived,
            Bodies {
                request,
                request_chunks,
                encapsulated_request,
                response,
                response_chunks,
                encapsulated_response,
            },
        )
    }

    fn finished(self, derived: Derived, bodies: Bodies) -> Single {
        Single {
            gateway_random: drawn("gateway key").into(),
            key_list: self.keys.encode().into(),
            key_id: KEY_ID,
            kem: self.kem.id(),
            aead: self.aead.id(),
            client_random: self.client_random.into(),
            hdr: self.hdr().into(),
            info: derived.info.into(),
            enc: derived.enc.into(),
            request: bodies.request.into(),
            request_chunks: bodies.request_chunks,
            encapsulated_request: bodies.encapsulated_request.into(),
            response_secret: derived.secret.into(),
            response_nonce: self.response_nonce().into(),
            response_prk: derived.prk.into(),
            response_key: derived.keys.key.into(),
            response_aead_nonce: derived.keys.nonce.into(),
            response: bodies.response.into(),
            response_chunks: bodies.response_chunks,
            encapsulated_response: bodies.encapsulated_response.into(),
            name: self.name,
            chunked: self.chunked,
            gateway_private: self.gateway_private,
        }
    }
}
