use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;

use super::*;
use crate::protocol::token::fixture::read_text;

const NOW: u64 = 1_600_000_000;

fn rules() -> AssertionRules {
    AssertionRules {
        audience: "https://login.test".into(),
        key_id: Some("key \"1\"".into()),
        algorithm: None,
    }
}

fn ed25519() -> Vec<u8> {
    Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key").as_ref().to_vec()
}

fn ecdsa(curve: &'static ring::signature::EcdsaSigningAlgorithm) -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).expect("a key").as_ref().to_vec()
}

/// The key of RFC 7515 appendix A.2.
fn rsa() -> Vec<u8> {
    let text = read_text("rsa_private_key.pem");
    let encoded: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    base64::prelude::BASE64_STANDARD.decode(encoded).expect("base64")
}

fn key(pkcs8: &[u8], algorithm: Option<Algorithm>) -> AssertionKey {
    AssertionKey::from_pkcs8(pkcs8, algorithm, &SystemRandom::new()).expect("a key")
}

fn signed(key: &AssertionKey, rules: &AssertionRules, id: u8) -> String {
    key.sign("ring:wall", rules, NOW, &[id; ASSERTION_ID_LEN], &SystemRandom::new()).expect("an assertion")
}

/// Header and claims of an assertion.
fn parts(assertion: &str) -> [Value; 2] {
    let mut parts = assertion.split('.').map(|part| BASE64URL.decode(part).expect("base64url"));
    [(); 2].map(|()| serde_json::from_slice(&parts.next().expect("three parts")).expect("JSON"))
}

#[test]
fn an_assertion_says_who_asks_whom_and_for_how_long() {
    let key = key(&ed25519(), None);
    let [header, claims] = parts(&signed(&key, &rules(), 0));
    assert_eq!(header, json!({ "alg": "EdDSA", "kid": "key \"1\"", "typ": "JWT" }));
    let expected = json!({
        "iss": "ring:wall",
        "sub": "ring:wall",
        "aud": "https://login.test",
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "iat": NOW,
        "exp": NOW + CLIENT_ASSERTION_SECONDS,
    });
    assert_eq!(claims, expected);
    let [header, _] = parts(&signed(&key, &AssertionRules { key_id: None, ..rules() }, 0));
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "JWT" }));
    let [_, other] = parts(&signed(&key, &rules(), 1));
    assert_ne!(other["jti"], claims["jti"]);
}

#[test]
fn every_kind_of_key_signs_what_it_verifies() {
    let check = |pkcs8: &[u8],
                 wanted: Option<Algorithm>,
                 name: &str,
                 verifies: &'static dyn VerificationAlgorithm| {
        let key = key(pkcs8, wanted);
        let assertion = signed(&key, &rules(), 7);
        assert_eq!(parts(&assertion)[0]["alg"], name);
        assert_eq!(key.algorithm().name(), name);
        let (message, signature) = assertion.rsplit_once('.').expect("three parts");
        let signature = BASE64URL.decode(signature).expect("base64url");
        let public = UnparsedPublicKey::new(verifies, key.public());
        assert!(public.verify(message.as_bytes(), &signature).is_ok(), "{name}");
        assert!(public.verify(b"another message", &signature).is_err(), "{name}");
    };
    check(&ed25519(), None, "EdDSA", &ED25519);
    check(&ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING), None, "ES256", &ECDSA_P256_SHA256_FIXED);
    check(&ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING), None, "ES384", &ECDSA_P384_SHA384_FIXED);
    check(&rsa(), None, "PS256", &RSA_PSS_2048_8192_SHA256);
    check(&rsa(), Some(Algorithm::Rs256), "RS256", &RSA_PKCS1_2048_8192_SHA256);
}

#[test]
fn a_key_signs_by_the_algorithms_of_its_kind_alone() {
    let keys = [
        (ed25519(), "EdDSA"),
        (ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING), "ES256"),
        (ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING), "ES384"),
        (rsa(), "PS256 PS384 PS512 RS256 RS384 RS512"),
    ];
    for (pkcs8, own) in keys {
        for algorithm in Algorithm::ALL {
            let read = AssertionKey::from_pkcs8(&pkcs8, Some(algorithm), &SystemRandom::new());
            let expected = own.split(' ').any(|name| name == algorithm.name());
            assert_eq!(read.is_ok(), expected, "{own} as {algorithm:?}");
            assert!(read.is_ok() || read == Err(AssertionFault::Key));
        }
        for bytes in [&pkcs8[..pkcs8.len() - 1], &pkcs8[1..], &[]] {
            assert!(AssertionKey::from_pkcs8(bytes, None, &SystemRandom::new()).is_err());
        }
    }
}

#[test]
fn keys_are_compared_and_shown_without_what_is_secret() {
    let (own, other) = (ed25519(), ed25519());
    assert!(key(&own, None) == key(&own, None) && key(&own, None) != key(&other, None));
    assert_ne!(key(&rsa(), None), key(&rsa(), Some(Algorithm::Rs256)));
    assert_eq!(format!("{:?}", key(&own, None)), "AssertionKey { algorithm: EdDsa, .. }");
}
