use super::*;
use crate::protocol::token::fixture::{EC_JWK, ED25519_JWK, MOBILEFIRST_JWK, rsa_jwk};

fn read(text: &str) -> Result<PublicKey, KeyFault> {
    PublicKey::from_jwk(&Object::parse(text.as_bytes()).expect("a JSON object"))
}

#[test]
fn the_documented_mobilefirst_key_has_a_zero_too_many() {
    let jwk = Object::parse(MOBILEFIRST_JWK.as_bytes()).expect("a JSON object");
    let written = decoded(jwk.text("n").expect("a modulus")).expect("base64url");
    assert_eq!((written.len(), written[0]), (257, 0));
    let Ok(PublicKey::Rsa { n, e }) = PublicKey::from_jwk(&jwk) else { panic!("an RSA key") };
    assert_eq!((&*n, &*e), (&written[1..], &[1, 0, 1][..]));
}

#[test]
fn kinds_and_members_are_checked() {
    let check = |text: &str, expected: Option<KeyFault>| assert_eq!(read(text).err(), expected, "{text}");
    check(&rsa_jwk(""), None);
    check(EC_JWK, None);
    check(ED25519_JWK, None);
    check(&EC_JWK.replace("P-256", "P-384"), Some(KeyFault::Malformed));
    check(&EC_JWK.replace("P-256", "P-521"), Some(KeyFault::Kind));
    check(&EC_JWK.replace("P-256", "secp256k1"), Some(KeyFault::Kind));
    check(&EC_JWK.replace("\"y\"", "\"z\""), Some(KeyFault::Malformed));
    check(&EC_JWK.replace("\"crv\"", "\"curve\""), Some(KeyFault::Malformed));
    check(&ED25519_JWK.replace("Ed25519", "X25519"), Some(KeyFault::Kind));
    check(&ED25519_JWK.replace("Ed25519", "Ed448"), Some(KeyFault::Kind));
    check(r#"{"kty":"oct","k":"AAAA"}"#, Some(KeyFault::Kind));
    check(r#"{"kty":"rsa"}"#, Some(KeyFault::Kind));
    check(r#"{"kty":5}"#, Some(KeyFault::Malformed));
    check("{}", Some(KeyFault::Malformed));
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        check(&rsa_jwk(&format!(r#","{private}":"AAAA""#)), Some(KeyFault::Private));
        check(&EC_JWK.replace("\"kty\"", &format!(r#""{private}":null,"kty""#)), Some(KeyFault::Private));
    }
    check(r#"{"kty":"RSA","n":"AQ==","e":"AQAB"}"#, Some(KeyFault::Malformed));
    check(r#"{"kty":"RSA","n":"AQ","e":"AQAB"}"#, Some(KeyFault::Size));
    check(r#"{"kty":"RSA","n":"","e":"AQAB"}"#, Some(KeyFault::Size));
    check(r#"{"kty":"RSA","n":5,"e":"AQAB"}"#, Some(KeyFault::Malformed));
}

#[test]
fn rsa_keys_have_a_size() {
    let number = |bits: usize| {
        let mut number = vec![0xff; bits.div_ceil(8)];
        number[0] >>= number.len() * 8 - bits;
        number
    };
    let check =
        |n: &[u8], e: &[u8], accepted: bool| assert_eq!(PublicKey::rsa(n, e).is_ok(), accepted, "{e:?}");
    let e = [1, 0, 1];
    check(&number(2047), &e, false);
    check(&number(2048), &e, true);
    check(&number(8192), &e, true);
    check(&number(8193), &e, false);
    check(&[vec![0; 3], number(2048)].concat(), &[0, 0, 1, 0, 1], true);
    check(&[number(2048), vec![0]].concat(), &e, false);
    check(&number(2048), &[3], true);
    check(&number(2048), &[1], false);
    check(&number(2048), &[2], false);
    check(&number(2048), &[], false);
    check(&number(2048), &[0], false);
    check(&number(2048), &[1, 0, 0, 0, 1], true);
    check(&number(2048), &[1, 0, 0, 0, 0, 1], false);
    check(&[], &e, false);
    check(&[0], &e, false);
}

#[test]
fn a_key_fits_its_own_algorithms() {
    let fitting = |text: &str| {
        let key = read(text).expect("a key");
        Algorithm::ALL.into_iter().filter(|name| key.fits(*name)).map(Algorithm::name).collect::<Vec<_>>()
    };
    assert_eq!(fitting(EC_JWK), ["ES256"]);
    assert_eq!(fitting(ED25519_JWK), ["EdDSA"]);
    assert_eq!(fitting(&rsa_jwk("")), ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]);
}

/// RFC 7638 section 3.1 and RFC 8037 appendix A.3.
#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let check = |text: &str, expected: &str| {
        assert_eq!(BASE64URL.encode(read(text).expect("a key").thumbprint()), expected, "{text}");
    };
    let rsa = concat!(
        r#"{"kty":"RSA","e":"AQAB","alg":"RS256","kid":"2011-04-29","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM7"#,
        "8LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf",
        "0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQF",
        r#"h6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#,
    );
    check(rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    check(ED25519_JWK, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}
