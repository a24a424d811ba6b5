//! `response.json`: sealed responses of a session, and bodies that a client refuses.

use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::chunk_stream::ChunkSealer;
use ringwall::protocol::payload::key_schedule::{SessionSecret, request_keys, response_key};
use serde::Serialize;

use crate::binary_http::response_bytes;
use crate::derivation::{Keys, aead_name, drawn, drawn_part, hmac_of};
use crate::shape::{Chunk, Hex, in_chunks, on_wire};

#[derive(Serialize)]
pub(crate) struct Sealed {
    name: String,
    aead: u16,
    /// The request's, as in `message.json`.
    prk: Hex,
    response_salt: Hex,
    prk_r: Hex,
    key: Hex,
    nonce: Hex,
    message: Hex,
    chunks: Vec<Chunk>,
    body: Hex,
}

/// A body that is no response to the request with this `prk`.
#[derive(Serialize)]
struct Refused {
    name: &'static str,
    aead: u16,
    prk: Hex,
    body: Hex,
}

#[derive(Serialize)]
pub(crate) struct Vectors {
    about: &'static str,
    responses: Vec<Sealed>,
    refused: Vec<Refused>,
}

/// Names in `binary_http.json`, with the lengths of the chunks before the final one.
const PLANS: [(&str, &[usize]); 6] = [
    ("known length, two cookies", &[]),
    ("indeterminate, trailers", &[1, 2, 40]),
    ("indeterminate, trailers", &[88]),
    ("interim response first", &[10]),
    ("204", &[]),
    ("a problem of the proxy", &[]),
];

pub(crate) fn vectors() -> Vectors {
    let plans = Aead::ALL.into_iter().flat_map(|aead| PLANS.map(|(name, lengths)| (aead, name, lengths)));
    Vectors {
        about: "Sealed responses (form 1), protocol section 2.3, and bodies that a client must refuse.",
        responses: plans.map(|(aead, name, lengths)| sealed(aead, name, lengths)).collect(),
        refused: refused(),
    }
}

fn sealed(aead: Aead, message: &str, lengths: &[usize]) -> Sealed {
    let name = format!("{}, {message}, {} chunks", aead_name(aead), lengths.len() + 1);
    let hdr = b"the header of the request";
    let secret = drawn("session secret");
    let prk = hmac_of(&secret, &[b"payload request 1\0", hdr]);
    let (request_prk, _) = request_keys(&SessionSecret::new(&secret), aead, hdr);
    let response_salt = drawn_part(&format!("response salt, {name}"));
    let prk_r = hmac_of(&prk, &[b"payload response 1\0", &response_salt]);
    let keys = Keys::of(&prk_r, aead);
    let message = response_bytes(message);
    let sealer = ChunkSealer::new(response_key(&request_prk, aead, &response_salt));
    let chunks = in_chunks(sealer, Some(&keys), &message, lengths);
    let body = [&response_salt[..], &on_wire(&chunks)].concat();
    Sealed {
        name,
        aead: aead.id(),
        prk: prk.into(),
        response_salt: response_salt.into(),
        prk_r: prk_r.into(),
        key: keys.key.into(),
        nonce: keys.nonce.into(),
        message: message.into(),
        chunks,
        body: body.into(),
    }
}

fn refused() -> Vec<Refused> {
    let good = sealed(Aead::Aes128Gcm, "indeterminate, trailers", &[10, 10, 20]);
    let salt = &good.response_salt.0[..];
    let keys = Keys::of(&good.prk_r.0, Aead::Aes128Gcm);
    let wire: Vec<Vec<u8>> = good.chunks.iter().map(Chunk::on_wire).collect();
    let of = |chunks: &[&[u8]]| [salt, &chunks.concat()].concat();
    let whole = of(&[&wire[0], &wire[1], &wire[2], &wire[3]]);
    let mut changed = whole.clone();
    changed[40] ^= 1;
    let other_salt = [&drawn_part::<16>("another salt")[..], &whole[16..]].concat();
    let unmarked = [&[0], &keys.sealed(0, b"", &good.message.0)[..]].concat();
    let empty = [&[16], &keys.sealed(0, b"", b"")[..]].concat();
    let last = [&[0], &keys.sealed(1, b"final", &good.message.0)[..]].concat();
    let alone = |message: &[u8]| of(&[&[0], &keys.sealed(0, b"final", message)]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no bytes", Vec::new()),
        ("the salt alone", salt.to_vec()),
        ("no final chunk", of(&[&wire[0], &wire[1], &wire[2]])),
        ("cut within the final chunk", whole[..whole.len() - 1].to_vec()),
        ("cut within a chunk", of(&[&wire[0], &wire[1][..9]])),
        ("cut behind a chunk's length", of(&[&wire[0], &wire[1][..1]])),
        ("two chunks changed places", of(&[&wire[1], &wire[0], &wire[2], &wire[3]])),
        ("a chunk twice", of(&[&wire[0], &wire[0], &wire[1], &wire[2], &wire[3]])),
        ("a chunk left out", of(&[&wire[0], &wire[2], &wire[3]])),
        ("bytes behind the final chunk", [&whole[..], b"x"].concat()),
        ("a bit changed", changed),
        ("another salt", other_salt),
        ("a last chunk that was not sealed as final", of(&[&unmarked])),
        ("an empty chunk before the final one", of(&[&empty, &last])),
        ("a message without its end", alone(&good.message.0[..good.message.0.len() - 1])),
        ("bytes behind the message", alone(&[&good.message.0[..], &[0, 1]].concat())),
    ];
    let refused = |(name, body): (&'static str, Vec<u8>)| Refused {
        name,
        aead: good.aead,
        prk: good.prk.clone(),
        body: body.into(),
    };
    cases.into_iter().map(refused).collect()
}
