//! Keys of issuers, and tokens signed by them, for whatever measures the judging of tokens.
//!
//! The RSA key is that of RFC 7515 appendix A.2, 2048 bits, as *ring* makes none; everybody knows it. The others are made
//! anew for each signer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use ringwall::protocol::token::algorithm::Algorithm;
use serde_json::{Value, json};

const KEYS: &str = include_str!("../../tests/fixtures/token/signing_keys.json");

pub(crate) struct TokenSigner {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl TokenSigner {
    /// Signs by this algorithm: RS256, PS256, ES256 or EdDSA.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let pair = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => Pair::Rsa(Box::new(rsa_pair())),
            Algorithm::Es256 => {
                let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let key = EcdsaKeyPair::generate_pkcs8(curve, &random).expect("a key");
                Pair::P256(EcdsaKeyPair::from_pkcs8(curve, key.as_ref(), &random).expect("a key of ours"))
            }
            Algorithm::EdDsa => {
                let key = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key of ours"))
            }
            other => panic!("{other:?} is not measured"),
        };
        Self { algorithm, pair }
    }

    /// The key's name: the algorithm's.
    pub(crate) fn kid(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair);
                json!({"kty": "RSA", "n": BASE64URL.encode(n), "e": BASE64URL.encode(e)})
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": BASE64URL.encode(x), "y": BASE64URL.encode(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(pair.public_key().as_ref())})
            }
        };
        jwk["kid"] = self.kid().into();
        jwk["alg"] = self.algorithm.name().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The public key as *ring* verifies by it: a point, or the DER of RFC 8017 `RSAPublicKey`.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public().as_ref().to_vec(),
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// A compact JWS with these members in its header besides `alg`.
    pub(crate) fn sign(&self, mut header: Value, claims: &Value) -> String {
        header["alg"] = self.algorithm.name().into();
        let part = |value: &Value| BASE64URL.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", BASE64URL.encode(signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let is_pss = self.algorithm == Algorithm::Ps256;
                let mut signature = vec![0; pair.public().modulus_len()];
                let padding = if is_pss { &RSA_PSS_SHA256 as _ } else { &RSA_PKCS1_SHA256 as _ };
                pair.sign(padding, &random, message, &mut signature).expect("a signature");
                signature
            }
            Pair::P256(pair) => pair.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Modulus and exponent.
fn rsa_numbers(pair: &RsaKeyPair) -> (Vec<u8>, Vec<u8>) {
    let numbers: PublicKeyComponents<Vec<u8>> = pair.public().into();
    (numbers.n, numbers.e)
}

fn rsa_pair() -> RsaKeyPair {
    let keys: Value = serde_json::from_str(KEYS).expect("JSON");
    let number =
        |name: &str| BASE64URL.decode(keys["RSA"][name].as_str().expect("a text")).expect("base64url");
    let [n, e, d, p, q, dp, dq, qi] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(number);
    let public_key = PublicKeyComponents { n, e };
    let components = KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qi };
    RsaKeyPair::from_components(&components).expect("a key")
}
