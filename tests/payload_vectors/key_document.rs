//! `key_document.json`: signed lists of keys, and those that a client refuses.
//!
//! *ring* draws random bytes for ES256, so that its signatures differ each time: one that is in the folder is kept as
//! long as it verifies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use ringwall::protocol::payload::hybrid::{HpkePrivateKey, Kem};
use ringwall::protocol::payload::key_document::{
    DocumentSigner, DocumentVerifier, Expectation, KeyDocument, SigningAlgorithm,
};
use ringwall::protocol::payload::ohttp_keys::GatewayKeys;
use serde::Serialize;
use serde_json::{Value, json};

use crate::derivation::drawn;
use crate::shape::Hex;

const AUDIENCE: &str = "https://api.example.com";
const ISSUED: u64 = 1_800_000_000;
const EXPIRES: u64 = ISSUED + 7 * 24 * 60 * 60;

#[derive(Serialize)]
struct Accepted {
    algorithm: &'static str,
    signing_key_pkcs8: Hex,
    /// Ed25519: 32 bytes. P-256: the uncompressed point.
    signing_key_public: Hex,
    audience: &'static str,
    issued: u64,
    expires: u64,
    keys: Hex,
    document: String,
}

/// A document that the pinned key has signed, or seems to have, and a client refuses.
#[derive(Serialize)]
struct Refused {
    name: &'static str,
    now: u64,
    newest_issued: Option<u64>,
    document: String,
}

#[derive(Serialize)]
pub(crate) struct Vectors {
    about: &'static str,
    accepted: Vec<Accepted>,
    /// All under the first key of `accepted`, for its audience.
    refused: Vec<Refused>,
}

/// The vectors; `kept` is the file as it is.
pub(crate) fn vectors(kept: &str) -> Vectors {
    let kept: Value = serde_json::from_str(kept).unwrap_or_default();
    let accept = |algorithm| accepted(algorithm, &kept);
    Vectors {
        about: "The signed list of keys, protocol section 1, good at its `issued`; and documents to refuse.",
        accepted: SigningAlgorithm::ALL.into_iter().map(accept).collect(),
        refused: refused(),
    }
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key_list() -> Vec<u8> {
    let key = |id, kem| (id, HpkePrivateKey::generate(kem, &drawn("gateway key")));
    let keys = GatewayKeys::new(vec![key(7, Kem::X25519), key(8, Kem::P256)]);
    keys.expect("two keys").encode()
}

fn accepted(algorithm: SigningAlgorithm, kept: &Value) -> Accepted {
    let pkcs8 = pkcs8(algorithm);
    let random = SystemRandom::new();
    let signer = DocumentSigner::from_pkcs8(algorithm, &pkcs8, &random).expect("a private key");
    let content =
        KeyDocument { audience: AUDIENCE.into(), issued: ISSUED, expires: EXPIRES, keys: key_list() };
    let made = signer.sign(&content, &random).expect("signed");
    let verifier = DocumentVerifier::new(algorithm, signer.public()).expect("a public key");
    let signed = |document: &str| document.rsplit_once('.').map(|(signed, _)| signed.to_owned());
    let verifies = |document: &str| verifier.verify(document.as_bytes(), &expectation(ISSUED, None)).is_ok();
    assert!(verifies(&made));
    let kept = kept["accepted"].as_array().into_iter().flatten().filter_map(|one| one["document"].as_str());
    let document = kept.filter(|kept| signed(kept) == signed(&made)).find(|kept| verifies(kept));
    Accepted {
        algorithm: algorithm.name(),
        signing_key_public: signer.public().into(),
        signing_key_pkcs8: pkcs8.into(),
        audience: AUDIENCE,
        issued: ISSUED,
        expires: EXPIRES,
        keys: content.keys.into(),
        document: document.map_or(made, str::to_owned),
    }
}

fn expectation(now: u64, newest_issued: Option<u64>) -> Expectation<'static> {
    Expectation { audience: AUDIENCE, now, newest_issued }
}

/// PKCS#8 of a key that is always the same (RFC 8410 section 7, RFC 5915).
fn pkcs8(algorithm: SigningAlgorithm) -> Vec<u8> {
    let private = drawn(&format!("signing key, {}", algorithm.name()));
    match algorithm {
        SigningAlgorithm::EdDsa => {
            [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &private].concat()
        }
        SigningAlgorithm::Es256 => {
            let pair = HpkePrivateKey::from_bytes(Kem::P256, &private).expect("a scalar of P-256");
            let document = [
                b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\
                  \x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\x01\x01\x04\x20",
                &private[..],
                b"\xa1\x44\x03\x42\x00",
                pair.public().as_bytes(),
            ]
            .concat();
            let random = SystemRandom::new();
            let read = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document, &random);
            read.map(|_| document).expect("PKCS#8")
        }
    }
}

fn refused() -> Vec<Refused> {
    let list = base64url(&key_list());
    let header = json!({"alg": "EdDSA", "typ": "payload-keys+jwt"});
    let claims = json!({"aud": AUDIENCE, "iat": ISSUED, "exp": EXPIRES, "keys": list});
    let with = |value: &Value, name: &str, member: Value| {
        let mut changed = value.clone();
        changed[name] = member;
        changed.to_string()
    };
    let (whole_header, whole_claims) = (header.to_string(), claims.to_string());
    let good = signed(&whole_header, &whole_claims);
    let (unsigned, _) = good.rsplit_once('.').expect("three parts");
    let claim = |name: &str, member: Value| signed(&whole_header, &with(&claims, name, member));
    let titled = |name: &str, member: Value| signed(&with(&header, name, member), &whole_claims);
    let other_key = signed_by("signing key of somebody else", &whole_header, &whole_claims);
    let cases = [
        ("for another origin", ISSUED, None, claim("aud", json!("https://api.example.org"))),
        ("for several origins", ISSUED, None, claim("aud", json!([AUDIENCE]))),
        ("of another type", ISSUED, None, titled("typ", json!("JWT"))),
        ("of another algorithm", ISSUED, None, titled("alg", json!("ES256"))),
        ("of no algorithm", ISSUED, None, titled("alg", json!("none"))),
        ("with an extension", ISSUED, None, titled("crit", json!(["exp"]))),
        ("with an empty list of extensions", ISSUED, None, titled("crit", json!([]))),
        ("at its end", EXPIRES, None, good.clone()),
        ("good for more than 7 days", ISSUED, None, claim("exp", json!(EXPIRES + 1))),
        ("ends before it begins", ISSUED - 9, None, claim("exp", json!(ISSUED - 1))),
        ("older than the newest seen", ISSUED, Some(ISSUED + 1), good.clone()),
        ("a fraction for a time", ISSUED, None, claim("exp", json!(EXPIRES as f64 - 0.5))),
        ("signed by another key", ISSUED, None, other_key),
        ("without a signature", ISSUED, None, format!("{unsigned}.")),
        ("in two parts", ISSUED, None, unsigned.to_owned()),
        ("with padding", ISSUED, None, format!("{good}==")),
        ("with a list that is no base64url", ISSUED, None, claim("keys", json!("+/+/"))),
    ];
    let public = Ed25519KeyPair::from_seed_unchecked(&drawn("signing key, EdDSA")).expect("a seed");
    let public = ring::signature::KeyPair::public_key(&public).as_ref().to_vec();
    let verifier = DocumentVerifier::new(SigningAlgorithm::EdDsa, &public).expect("a public key");
    assert!(verifier.verify(good.as_bytes(), &expectation(ISSUED, Some(ISSUED))).is_ok());
    let checked = |(name, now, newest_issued, document): (&'static str, u64, Option<u64>, String)| {
        let judged = verifier.verify(document.as_bytes(), &expectation(now, newest_issued));
        assert!(judged.is_err(), "{name}: believed");
        Refused { name, now, newest_issued, document }
    };
    cases.into_iter().map(checked).collect()
}

fn signed(header: &str, claims: &str) -> String {
    signed_by("signing key, EdDSA", header, claims)
}

fn signed_by(label: &str, header: &str, claims: &str) -> String {
    let seed = drawn(label);
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed");
    let jws = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let signature = base64url(pair.sign(jws.as_bytes()).as_ref());
    format!("{jws}.{signature}")
}
