use super::*;
use crate::protocol::token::fixture::{EC_JWK, ED25519_JWK, MOBILEFIRST_JWK, rsa_jwk};

/// A set of these keys, of which each is an object without its closing brace to which members can be added.
fn parse(keys: &[String]) -> Result<(KeySet, Vec<Complaint>), KeySetFault> {
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
}

fn with(jwk: &str, members: &str) -> String {
    format!("{},{members}}}", jwk.trim_end_matches('}'))
}

#[test]
fn what_is_no_set_is_refused() {
    let check = |text: &str, expected: KeySetFault| {
        assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(expected), "{text}")
    };
    check("", KeySetFault::Malformed);
    check("[]", KeySetFault::Malformed);
    check("{}", KeySetFault::Malformed);
    check(r#"{"keys":{}}"#, KeySetFault::Malformed);
    check(r#"{"keys":[],"keys":[]}"#, KeySetFault::Malformed);
    check(r#"{"keys":[{"kty":"RSA","kty":"EC"}]}"#, KeySetFault::Malformed);
    check("<html>", KeySetFault::Malformed);
    check(r#"{"keys":[]}"#, KeySetFault::NoneUsable);
    check(r#"{"keys":[5,null,[]]}"#, KeySetFault::NoneUsable);
    check(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, KeySetFault::NoneUsable);
    check(r#"{"kty":"oct","k":"AAAA"}"#, KeySetFault::NoneUsable);
    let padded =
        |length: usize| format!(r#"{{"keys":[{EC_JWK}]}}{}"#, " ".repeat(length - EC_JWK.len() - 11));
    assert!(KeySet::parse(padded(KEY_SET_BYTES).as_bytes()).is_ok());
    check(&padded(KEY_SET_BYTES + 1), KeySetFault::TooLong);
}

#[test]
fn keys_of_no_use_are_skipped_and_named() {
    let check = |members: &str, expected: Option<KeyFault>| {
        let result = parse(&[ED25519_JWK.to_owned(), with(EC_JWK, &format!(r#""kid":"k",{members}"#))]);
        let (set, complaints) = result.expect("a set");
        let complaint = expected.map(|fault| Complaint { index: 1, kid: Some("k".into()), fault });
        assert_eq!(complaints, Vec::from_iter(complaint), "{members}");
        assert_eq!(set.len(), if expected.is_none() { 2 } else { 1 }, "{members}");
    };
    check(r#""x5c":[]"#, None);
    check(r#""use":"sig""#, None);
    check(r#""use":null"#, None);
    check(r#""use":"enc""#, Some(KeyFault::Use));
    check(r#""use":"SIG""#, Some(KeyFault::Use));
    check(r#""use":["sig"]"#, Some(KeyFault::Use));
    check(r#""key_ops":["sign","verify"]"#, None);
    check(r#""key_ops":["sign"]"#, Some(KeyFault::Use));
    check(r#""key_ops":[]"#, Some(KeyFault::Use));
    check(r#""key_ops":"verify""#, Some(KeyFault::Use));
    check(r#""alg":"ES256""#, None);
    check(r#""alg":"ES384""#, Some(KeyFault::Algorithm));
    check(r#""alg":"RS256""#, Some(KeyFault::Algorithm));
    check(r#""alg":"HS256""#, Some(KeyFault::Algorithm));
    check(r#""alg":"none""#, Some(KeyFault::Algorithm));
    check(r#""alg":"ECDH-ES""#, Some(KeyFault::Algorithm));
    check(r#""alg":5"#, Some(KeyFault::Algorithm));
    check(r#""d":"AAAA""#, Some(KeyFault::Private));
}

#[test]
fn a_key_is_found_by_name_and_algorithm() {
    let keys = [
        with(&rsa_jwk(""), r#""kid":"r","alg":"PS256""#),
        with(EC_JWK, r#""kid":"e""#),
        with(ED25519_JWK, r#""kid":"d""#),
        rsa_jwk(""),
        rsa_jwk(""),
    ];
    let (set, complaints) = parse(&keys).expect("a set");
    assert_eq!((set.len(), complaints), (5, Vec::new()));
    let check = |kid: Option<&str>, algorithm: Algorithm, found: usize| {
        let keys: Vec<_> = set.find(kid, algorithm).collect();
        assert_eq!(keys.len(), found, "{kid:?} {algorithm:?}");
        assert!(keys.iter().all(|key| key.fits(algorithm) && (kid.is_none() || key.kid() == kid)));
    };
    check(Some("r"), Algorithm::Ps256, 1);
    check(Some("r"), Algorithm::Rs256, 0);
    check(Some("r"), Algorithm::Ps384, 0);
    check(Some("r"), Algorithm::Es256, 0);
    check(Some("e"), Algorithm::Es256, 1);
    check(Some("d"), Algorithm::EdDsa, 1);
    check(Some("d"), Algorithm::Es256, 0);
    check(Some("x"), Algorithm::Es256, 0);
    check(Some(""), Algorithm::Es256, 0);
    check(Some("../e"), Algorithm::Es256, 0);
    check(None, Algorithm::Es256, 1);
    check(None, Algorithm::EdDsa, 1);
    check(None, Algorithm::Rs256, 2);
    check(None, Algorithm::Es384, 0);
}

#[test]
fn no_two_keys_are_found_by_one_name() {
    let check = |first: String, second: String, expected: bool| {
        let (set, complaints) = parse(&[first.clone(), second.clone()]).expect("a set");
        let is_duplicate = complaints.iter().any(|complaint| complaint.fault == KeyFault::Duplicate);
        assert_eq!((is_duplicate, set.len()), (expected, if expected { 1 } else { 2 }), "{first} {second}");
    };
    let rsa = |members: &str| with(&rsa_jwk(""), members);
    check(rsa(r#""kid":"k""#), rsa(r#""kid":"k""#), true);
    check(rsa(r#""kid":"k","alg":"RS256""#), rsa(r#""kid":"k""#), true);
    check(rsa(r#""kid":"k","alg":"RS256""#), rsa(r#""kid":"k","alg":"PS256""#), false);
    check(rsa(r#""kid":"k""#), with(EC_JWK, r#""kid":"k""#), false);
    check(rsa(r#""kid":"k""#), rsa(r#""kid":"K""#), false);
    check(rsa(r#""kid":null"#), rsa(r#""kid":null"#), false);
}

#[test]
fn keys_and_complaints_are_bounded() {
    let many: Vec<_> =
        (0..KEY_SET_KEYS + 20).map(|index| with(EC_JWK, &format!(r#""kid":"{index}""#))).collect();
    let (set, complaints) = parse(&many).expect("a set");
    assert_eq!((set.len(), complaints.len()), (KEY_SET_KEYS, KEY_SET_COMPLAINTS));
    assert!(complaints.iter().all(|complaint| complaint.fault == KeyFault::TooMany));
    let long = with(EC_JWK, &format!(r#""kid":"{}""#, "k".repeat(TOKEN_KID_BYTES + 1)));
    let (_, complaints) =
        parse(&[ED25519_JWK.to_owned(), long, with(EC_JWK, r#""kid":"a\nb","use":"enc""#)]).expect("a set");
    assert!(
        complaints.len() == 2 && complaints.iter().all(|complaint| complaint.kid.is_none()),
        "{complaints:?}"
    );
}

#[test]
fn mobilefirst_serves_one_key_without_a_set() {
    let (set, complaints) = KeySet::parse(MOBILEFIRST_JWK.as_bytes()).expect("a set");
    assert_eq!((set.len(), complaints), (1, Vec::new()));
    assert_eq!(set.find(None, Algorithm::Rs256).count(), 1);
    assert_eq!(set.find(Some("k"), Algorithm::Rs256).count(), 0, "it has no name");
}
