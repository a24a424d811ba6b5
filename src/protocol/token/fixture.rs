//! Keys and signatures for tests: the private keys that RFC 7515 (A.2, A.3) and RFC 8037 (A.1) print.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};

use super::algorithm::Algorithm;

/// The key in MobileFirst's documentation.
pub(crate) const MOBILEFIRST_JWK: &str = concat!(
    r#"{"e":"AQAB","kty":"RSA","n":"AM0Dd7xAdv6H-ygL7r8qCLdE-3I2kk45zgZtDd_qs8fvnYfdiqTSV4_2t6OGG8CV5Ce41PMpIwmL410X9IZ"#,
    "nvhxoYiFcMSaOeIqoe-rJA0uZuw2rHhXZ3WVCeKezRVcCOYsQN-mQK0mfz5_3o-ev0UYwXkSOwBBl1EhqIwVDwOieg2JMGl0EXsPZfkNZI-HU4oMii-",
    "TrNLzRWkMmLvm09hL5zosUNA15veCKph2WpmSm2S61nDhH7gLEoymDnTEjPY5Aoh2inI-36RGYVMUUbO46CrNUYuIobOiXlLzBIhuICpfVdxT_x7stKX",
    r#"5C9BfMTB4GkOHP5cUv7Nz1dDhIPu8"}"#,
);
/// The key of RFC 7515 appendix A.3.
pub(crate) const EC_JWK: &str = concat!(
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#,
    r#""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
);
/// The key of RFC 8037 appendix A.2.
pub(crate) const ED25519_JWK: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// A file of `tests/fixtures/token`.
pub(crate) fn read_text(file: &str) -> String {
    let path = format!("{}/tests/fixtures/token/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A JSON file of `tests/fixtures/token`.
pub(crate) fn read_json(name: &str) -> Value {
    serde_json::from_str(&read_text(&format!("{name}.json")))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The public key of RFC 7515 appendix A.2, with `members` behind its own.
pub(crate) fn rsa_jwk(members: &str) -> String {
    let key = &read_json("signing_keys")["RSA"];
    format!(r#"{{"kty":"RSA","n":{},"e":{}{members}}}"#, key["n"], key["e"])
}

/// The public key that belongs to [`sign`].
pub(crate) fn signing_key(algorithm: Algorithm) -> Value {
    let text = match algorithm {
        Algorithm::EdDsa => ED25519_JWK.to_owned(),
        Algorithm::Es256 => EC_JWK.to_owned(),
        Algorithm::Es384 => {
            let key = &read_json("signing_keys")["P-384"];
            json!({"kty": "EC", "crv": "P-384", "x": key["x"], "y": key["y"]}).to_string()
        }
        _ => rsa_jwk(""),
    };
    serde_json::from_str(&text).expect("JSON")
}

/// A compact JWS by the private key for `algorithm`, whatever the header says.
pub(crate) fn sign(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    let signature = signature(algorithm, message.as_bytes());
    format!("{message}.{}", BASE64URL.encode(signature))
}

fn signature(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let rsa = |padding: &'static dyn RsaEncoding| {
        let pair = rsa_pair();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(padding, &SystemRandom::new(), message, &mut signature).expect("a signature");
        signature
    };
    let ecdsa =
        |pair: EcdsaKeyPair| pair.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec();
    match algorithm {
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&number("OKP", "d"), &number("OKP", "x"));
            pair.expect("a key").sign(message).as_ref().to_vec()
        }
        Algorithm::Es256 => ecdsa(ecdsa_pair(&ECDSA_P256_SHA256_FIXED_SIGNING, "EC")),
        Algorithm::Es384 => ecdsa(ecdsa_pair(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")),
        Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
        Algorithm::Ps384 => rsa(&RSA_PSS_SHA384),
        Algorithm::Ps512 => rsa(&RSA_PSS_SHA512),
        Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
    }
}

fn ecdsa_pair(algorithm: &'static EcdsaSigningAlgorithm, kind: &str) -> EcdsaKeyPair {
    let point = [vec![4], number(kind, "x"), number(kind, "y")].concat();
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &number(kind, "d"), &point, &SystemRandom::new())
        .expect("a key")
}

fn rsa_pair() -> RsaKeyPair {
    let [n, e, d, p, q, dp, dq, qi] =
        ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| number("RSA", name));
    let public_key = PublicKeyComponents { n, e };
    RsaKeyPair::from_components(&KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qi })
        .expect("a key")
}

fn number(kind: &str, name: &str) -> Vec<u8> {
    let key = read_json("signing_keys");
    BASE64URL.decode(key[kind][name].as_str().expect("a text")).expect("base64url")
}
