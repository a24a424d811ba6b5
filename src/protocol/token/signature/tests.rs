use serde_json::Value;

use super::*;
use crate::protocol::strict_json::Object;
use crate::protocol::token::compact_jws::CompactJws;
use crate::protocol::token::fixture::{read_json, sign, signing_key};

fn key(jwk: &Value) -> VerifyingKey {
    let jwk = Object::parse(jwk.to_string().as_bytes()).expect("a JSON object");
    VerifyingKey::new(PublicKey::from_jwk(&jwk).expect("a key"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is no text"))
}

fn changed(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{}{rest}", if first == "A" { "B" } else { "A" })
}

#[test]
fn tokens_of_the_rfcs_are_verified() {
    for vector in read_json("rfc").as_array().expect("a list") {
        let (source, token) = (text(vector, "source"), text(vector, "token"));
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let key = key(&vector["jwk"]);
        for algorithm in Algorithm::ALL {
            let expected = algorithm.name() == text(vector, "alg");
            assert_eq!(key.verifies(algorithm, message, signature), expected, "{source} as {algorithm:?}");
        }
        let algorithm = Algorithm::of_name(text(vector, "alg")).expect("an algorithm");
        assert!(CompactJws::parse(token).is_ok_and(|jws| jws.header.algorithm == algorithm), "{source}");
        for (message, signature) in [
            (changed(message), signature.to_owned()),
            (message.to_owned(), changed(signature)),
            (message.to_owned(), String::new()),
            (message.to_owned(), signature[..signature.len() - 4].to_owned()),
            (message.to_owned(), format!("AAAA{signature}")),
            (message.to_owned(), "not base64url!".to_owned()),
        ] {
            assert!(!key.verifies(algorithm, &message, &signature), "{source}: {message} {signature}");
        }
    }
}

/// Wycheproof's messages are any bytes, a token's message is a text; so this asks the provider below it.
#[test]
fn wycheproof_agrees() {
    let mut asked = 0;
    for group in read_json("wycheproof").as_array().expect("a list") {
        let key = key(&group["jwk"]);
        let algorithm = Algorithm::of_name(text(group, "alg")).expect("an algorithm");
        for test in group["tests"].as_array().expect("a list") {
            let part = |at: usize| test[at].as_str().expect("a text");
            let message = crate::protocol::token::compact_jws::decoded(part(1)).expect("base64url");
            let verified = jsonwebtoken::crypto::verify(part(2), &message, &key.prepared, named(algorithm));
            let verified = verified.expect("an answer");
            match part(3) {
                "valid" => assert!(verified, "{} {}", group["file"], test[0]),
                "invalid" => assert!(!verified, "{} {}", group["file"], test[0]),
                _ => {}
            }
            asked += 1;
        }
    }
    assert!(asked > 1000, "{asked}");
}

#[test]
fn every_algorithm_is_wired_to_its_own() {
    for algorithm in Algorithm::ALL {
        let token = sign(algorithm, &format!(r#"{{"alg":"{}"}}"#, algorithm.name()), "{}");
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        for other in Algorithm::ALL {
            let key = key(&signing_key(other));
            let expected = other == algorithm;
            assert_eq!(key.verifies(other, message, signature), expected, "{algorithm:?} as {other:?}");
        }
    }
}

#[test]
fn nothing_symmetric_and_nothing_signed() {
    install();
    install();
    let secret = DecodingKey::from_secret(b"secret");
    let symmetric = jsonwebtoken::crypto::verify("AA", b"a", &secret, JwtAlgorithm::HS256);
    assert!(symmetric.is_err(), "HS256 has no verifier");
    let public = key(&signing_key(Algorithm::Rs256));
    assert!(jsonwebtoken::crypto::verify("AA", b"a", &public.prepared, JwtAlgorithm::HS256).is_err());
    assert!(jsonwebtoken::crypto::verify("AA", b"a", &public.prepared, JwtAlgorithm::ES256).is_err());
    let signed = jsonwebtoken::crypto::sign(b"a", &EncodingKey::from_secret(b"secret"), JwtAlgorithm::HS256);
    assert!(signed.is_err());
}

#[test]
fn a_point_beside_its_curve_verifies_nothing() {
    let mut point = [1; 65];
    point[0] = 4;
    let key = VerifyingKey::new(PublicKey::P256(point));
    let token = sign(Algorithm::Es256, r#"{"alg":"ES256"}"#, "{}");
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    assert!(!key.verifies(Algorithm::Es256, message, signature));
}
