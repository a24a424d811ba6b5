use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::protocol::token::fixture::{sign, signing_key};

const NOW: u64 = 1_700_000_000;
const TARGET: ProofTarget<'_> =
    ProofTarget { scheme: "https", host: "api.example.com", port: None, path: "/orders" };
const HASH: [u8; 32] = [5; 32];

fn expected() -> ProofExpectation<'static> {
    ProofExpectation {
        method: "GET",
        target: TARGET,
        token_hash: &HASH,
        key: None,
        algorithms: &Algorithm::ALL,
        now: NOW,
        nonces: None,
    }
}

fn header(algorithm: Algorithm) -> Value {
    json!({ "typ": "dpop+jwt", "alg": algorithm.name(), "jwk": signing_key(algorithm) })
}

fn claims() -> Value {
    let target = "https://api.example.com/orders?page=2";
    json!({ "jti": "1", "htm": "GET", "htu": target, "iat": NOW, "ath": BASE64URL.encode(HASH) })
}

fn made(algorithm: Algorithm, header: &Value, claims: &Value) -> String {
    sign(algorithm, &header.to_string(), &claims.to_string())
}

fn check(header: &Value, claims: &Value) -> Result<ProofFacts, ProofFault> {
    check_proof(&made(Algorithm::Es256, header, claims), &expected())
}

#[test]
fn a_good_proof_by_every_kind_of_key() {
    for algorithm in Algorithm::ALL {
        let proof = made(algorithm, &header(algorithm), &claims());
        let facts =
            check_proof(&proof, &expected()).unwrap_or_else(|fault| panic!("{algorithm:?}: {fault:?}"));
        assert_eq!((facts.issued, facts.replay.until), (NOW, NOW + PROOF_AGE_SECONDS));
        let bound = ProofExpectation { key: Some(&facts.key), ..expected() };
        assert!(check_proof(&proof, &bound).is_ok());
        let other = ProofExpectation { key: Some(&[0; 32]), ..expected() };
        assert_eq!(check_proof(&proof, &other), Err(ProofFault::KeyMismatch));
        let refused = ProofExpectation { algorithms: &[], ..expected() };
        assert_eq!(check_proof(&proof, &refused), Err(ProofFault::Algorithm));
    }
}

/// RFC 9449 section 7.1: the request of figures 11 and 12, with its token.
#[test]
fn the_example_of_the_rfc() {
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let proof = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJ",
        "oRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.ey",
        "JqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZX",
        "NvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35",
        "yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    );
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    let bound = decoded("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I").expect("base64url");
    let key = bound.try_into().expect("32 bytes");
    let target = ProofTarget { host: "resource.example.org", path: "/protectedresource", ..TARGET };
    let now = 1_562_262_620;
    let facts = check_proof(
        proof,
        &ProofExpectation { target, token_hash: &hash, key: Some(&key), now, ..expected() },
    );
    assert_eq!(facts.map(|facts| facts.issued), Ok(1_562_262_618));
}

#[test]
fn headers_are_those_of_proofs() {
    let with = |name: &str, value: Value| {
        let mut header = header(Algorithm::Es256);
        header[name] = value;
        check(&header, &claims()).err()
    };
    assert_eq!(with("kid", json!("x")), None);
    assert_eq!(with("typ", json!("application/dpop+jwt")), None);
    for typ in ["JWT", "at+jwt", ""] {
        assert_eq!(with("typ", json!(typ)), Some(ProofFault::Type), "{typ}");
    }
    assert_eq!(with("crit", json!(["x"])), Some(ProofFault::Critical));
    for alg in ["none", "HS256", "es256"] {
        assert_eq!(with("alg", json!(alg)), Some(ProofFault::Algorithm), "{alg}");
    }
    for jwk in [
        json!(null),
        json!("x"),
        json!({}),
        json!({"kty": "oct", "k": "AAAA"}),
        signing_key(Algorithm::Rs256),
    ] {
        assert_eq!(with("jwk", jwk.clone()), Some(ProofFault::Key), "{jwk}");
    }
    let mut private = signing_key(Algorithm::Es256);
    private["d"] = json!("AAAA");
    assert_eq!(with("jwk", private), Some(ProofFault::Key));
    let mut other = signing_key(Algorithm::Es256);
    other["y"] = other["x"].clone();
    assert_eq!(with("jwk", other), Some(ProofFault::Signature));
    assert_eq!(with("alg", json!("ES384")), Some(ProofFault::Key));
    let symmetric = check_proof("a.b.c", &expected());
    assert_eq!(symmetric, Err(ProofFault::Malformed));
    assert_eq!(check_proof(&"a".repeat(TOKEN_BYTES + 1), &expected()), Err(ProofFault::TooLong));
}

#[test]
fn claims_are_those_of_the_request() {
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value.clone();
        (check(&header(Algorithm::Es256), &claims).err(), format!("{name} {value}"))
    };
    let check = |name: &str, value: Value, expected: Option<ProofFault>| {
        let (found, told) = with(name, value);
        assert_eq!(found, expected, "{told}");
    };
    check("htm", json!("POST"), Some(ProofFault::Method));
    check("htm", json!("get"), Some(ProofFault::Method));
    check("htm", json!(null), Some(ProofFault::Claims));
    check("htu", json!("https://api.example.com/orders#x"), None);
    check("htu", json!("https://api.example.com/order"), Some(ProofFault::Target));
    check("htu", json!(5), Some(ProofFault::Claims));
    check("iat", json!(NOW - PROOF_AGE_SECONDS), None);
    check("iat", json!(NOW - PROOF_AGE_SECONDS - 1), Some(ProofFault::Expired));
    check("iat", json!(NOW + TOKEN_SKEW_SECONDS), None);
    check("iat", json!(NOW + TOKEN_SKEW_SECONDS + 1), Some(ProofFault::IssuedLater));
    check("iat", json!("now"), Some(ProofFault::Claims));
    check("iat", json!(-1), Some(ProofFault::Claims));
    check("iat", json!(u64::MAX), Some(ProofFault::Claims));
    check("iat", json!(1e300), Some(ProofFault::Claims));
    check("ath", json!(null), Some(ProofFault::Claims));
    check("ath", json!(""), Some(ProofFault::TokenHash));
    check("ath", json!(BASE64URL.encode([6; 32])), Some(ProofFault::TokenHash));
    check("ath", json!(BASE64URL.encode([5; 31])), Some(ProofFault::TokenHash));
    check("jti", json!(null), Some(ProofFault::Claims));
    check("jti", json!(""), Some(ProofFault::Claims));
    check("jti", json!("j".repeat(PROOF_JTI_BYTES)), None);
    check("jti", json!("j".repeat(PROOF_JTI_BYTES + 1)), Some(ProofFault::Claims));
    check("nonce", json!("unasked"), None);
    let repeated = claims().to_string().replacen('{', r#"{"htm":"GET","#, 1);
    let proof = sign(Algorithm::Es256, &header(Algorithm::Es256).to_string(), &repeated);
    assert_eq!(check_proof(&proof, &expected()), Err(ProofFault::Claims));
}

#[test]
fn a_forged_proof_is_refused_for_its_signature() {
    let good = made(Algorithm::Es256, &header(Algorithm::Es256), &claims());
    let parts: Vec<_> = good.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], BASE64URL.encode("{}"), parts[2]);
    assert_eq!(check_proof(&forged, &expected()), Err(ProofFault::Signature));
}

#[test]
fn a_proof_is_known_by_its_key_and_name() {
    let id = |algorithm: Algorithm, jti: &str, issued: u64| {
        let mut claims = claims();
        (claims["jti"], claims["iat"]) = (json!(jti), json!(issued));
        check_proof(&made(algorithm, &header(algorithm), &claims), &expected()).expect("a proof").replay.id
    };
    let first = id(Algorithm::Es256, "a", NOW);
    assert_eq!(first, id(Algorithm::Es256, "a", NOW - 1), "the same name again");
    assert_ne!(first, id(Algorithm::Es256, "b", NOW));
    assert_ne!(first, id(Algorithm::EdDsa, "a", NOW));
}

#[test]
fn nonces_are_of_this_time_and_this_key() {
    let (nonces, others) = (Nonces::new(&[1; 32]), Nonces::new(&[2; 32]));
    let start = NOW - NOW % PROOF_NONCE_SECONDS;
    let nonce = nonces.current(start);
    assert_eq!(nonce, nonces.current(start + PROOF_NONCE_SECONDS - 1));
    assert_ne!(nonce, nonces.current(start + PROOF_NONCE_SECONDS));
    let check = |nonce: &str, now: u64, age: Option<NonceAge>| {
        assert_eq!(nonces.age_of(nonce, now), age, "{nonce} {now}")
    };
    let (current, last) = (Some(NonceAge::Current), Some(NonceAge::Last));
    check(&nonce, start, current);
    check(&nonce, start + PROOF_NONCE_SECONDS - 1, current);
    check(&nonce, start + PROOF_NONCE_SECONDS, last);
    check(&nonce, start + 2 * PROOF_NONCE_SECONDS - 1, last);
    check(&nonce, start + 2 * PROOF_NONCE_SECONDS, None);
    check(&nonce, start - 1, None);
    check(&others.current(start), start, None);
    check(&nonces.current(0), 0, current);
    for wrong in ["", "AAAA", &nonce[..nonce.len() - 4], &format!("{nonce}="), &format!("{nonce}AAAA")] {
        check(wrong, start, None);
    }
    assert_eq!(format!("{nonces:?}"), "Nonces { .. }");
}

#[test]
fn a_nonce_that_is_asked_for_must_be_there() {
    let nonces = Nonces::new(&[1; 32]);
    let expected = ProofExpectation { nonces: Some(&nonces), ..expected() };
    let check = |nonce: Value, accepted: bool| {
        let mut claims = claims();
        claims["nonce"] = nonce.clone();
        let proof = made(Algorithm::Es256, &header(Algorithm::Es256), &claims);
        assert_eq!(check_proof(&proof, &expected).err(), (!accepted).then_some(ProofFault::Nonce), "{nonce}");
    };
    check(json!(nonces.current(NOW)), true);
    check(json!(nonces.current(NOW - PROOF_NONCE_SECONDS)), true);
    check(json!(nonces.current(NOW - 2 * PROOF_NONCE_SECONDS)), false);
    check(json!(null), false);
    check(json!(""), false);
    check(json!(5), false);
}

#[test]
fn one_field_alone() {
    assert_eq!(proof([]), Ok(None));
    assert_eq!(proof([&b"a.b.c"[..]]), Ok(Some("a.b.c")));
    assert_eq!(proof([&b"a.b.c"[..], b"a.b.c"]), Err(ProofFault::Repeated));
    assert_eq!(proof([&b"\xff"[..]]), Err(ProofFault::Malformed));
    assert_eq!(proof([&[b'a'; TOKEN_BYTES + 1][..]]), Err(ProofFault::TooLong));
}

#[test]
fn reasons_are_distinct() {
    let reasons: BTreeSet<_> = ProofFault::ALL.iter().map(|fault| fault.reason()).collect();
    assert_eq!(reasons.len(), ProofFault::ALL.len());
}
