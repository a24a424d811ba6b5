use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::*;
use crate::limits::{TOKEN_BYTES, TOKEN_FUTURE_SECONDS, TOKEN_SKEW_SECONDS, TOKEN_TIME_MAX};
use crate::protocol::token::fixture::{sign, signing_key};
use crate::protocol::token::verdict::Constraint;

const NOW: u64 = 1_700_000_000;
const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"e"}"#;

fn rules() -> JwtRules {
    JwtRules {
        index: 2,
        issuer: "https://issuer".into(),
        audience: vec!["orders".into(), "stock".into()],
        algorithms: Algorithm::ALL.to_vec(),
        requires_type: true,
        skew: TOKEN_SKEW_SECONDS,
        is_fapi: false,
    }
}

fn keys() -> KeySet {
    let named = |algorithm, kid: &str| {
        let mut key = signing_key(algorithm);
        key["kid"] = json!(kid);
        key
    };
    let keys = [named(Algorithm::Es256, "e"), named(Algorithm::Rs256, "r"), named(Algorithm::EdDsa, "d")];
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a set").0
}

fn good_claims() -> Value {
    json!({
        "iss": "https://issuer", "aud": "orders", "exp": NOW + 60, "iat": NOW, "sub": "user", "client_id": "app",
        "jti": "1", "scope": "read write",
    })
}

/// Claims that are good but for one; `null` takes it away.
fn with(name: &str, value: Value) -> Value {
    let mut claims = good_claims();
    match value {
        Value::Null => drop(claims.as_object_mut().and_then(|claims| claims.remove(name))),
        value => claims[name] = value,
    }
    claims
}

fn token(claims: &Value) -> String {
    sign(Algorithm::Es256, HEADER, &claims.to_string())
}

fn judge(token: &str) -> Result<Judgement, TokenFault> {
    judge_jwt(token, &rules(), &keys(), NOW)
}

#[test]
fn a_good_token_says_all_that_it_is() {
    let judgement = judge(&token(&good_claims())).expect("a good token");
    assert_eq!((judgement.issuer, judgement.expires), (2, NOW + 60));
    assert_eq!(judgement.claim("sub").as_deref(), Some("user"));
    assert_eq!(judgement.claim("client_id").as_deref(), Some("app"));
    assert_eq!(judgement.claim("scope").as_deref(), Some("read write"));
    assert!(judgement.may_be_cached && judgement.constraint.is_none());
    assert_eq!(&*judgement.claims, good_claims().to_string());
}

#[test]
fn every_claim_is_held_to_its_rule() {
    let check = |name: &str, value: Value, expected: Option<TokenFault>| {
        let claims = with(name, value);
        assert_eq!(judge(&token(&claims)).err(), expected, "{claims}");
    };
    check("iss", json!(null), Some(TokenFault::MissingClaim));
    check("iss", json!("https://issuer/"), Some(TokenFault::Issuer));
    check("iss", json!("https://ISSUER"), Some(TokenFault::Issuer));
    check("iss", json!(["https://issuer"]), Some(TokenFault::Claims));
    check("iss", json!(""), Some(TokenFault::MissingClaim));
    check("aud", json!(null), Some(TokenFault::MissingClaim));
    check("aud", json!("stock"), None);
    check("aud", json!(["other", "stock"]), None);
    check("aud", json!("other"), Some(TokenFault::Audience));
    check("aud", json!("orders stock"), Some(TokenFault::Audience));
    check("aud", json!(""), Some(TokenFault::Audience));
    check("aud", json!([]), Some(TokenFault::Audience));
    check("aud", json!({"orders": 1}), Some(TokenFault::Claims));
    check("aud", json!(["orders", 5]), Some(TokenFault::Claims));
    check("exp", json!(null), Some(TokenFault::MissingClaim));
    check("exp", json!(NOW - TOKEN_SKEW_SECONDS), Some(TokenFault::Expired));
    check("exp", json!(NOW - TOKEN_SKEW_SECONDS + 1), None);
    check("exp", json!(0), Some(TokenFault::Expired));
    check("exp", json!(-1), Some(TokenFault::Claims));
    check("exp", json!((NOW + 60).to_string()), Some(TokenFault::Claims));
    check("exp", json!((NOW + 60) * 1000), Some(TokenFault::TimeUnit));
    check("exp", json!(TOKEN_TIME_MAX), None);
    check("exp", json!(u64::MAX), Some(TokenFault::TimeUnit));
    check("exp", json!(1e300), Some(TokenFault::TimeUnit));
    check("nbf", json!(NOW + TOKEN_SKEW_SECONDS), None);
    check("nbf", json!(NOW + TOKEN_SKEW_SECONDS + 1), Some(TokenFault::NotYetValid));
    check("nbf", json!("0"), Some(TokenFault::Claims));
    check("iat", json!(null), None);
    check("iat", json!(NOW + TOKEN_FUTURE_SECONDS), None);
    check("iat", json!(NOW + TOKEN_FUTURE_SECONDS + 1), Some(TokenFault::IssuedLater));
    check("iat", json!({}), Some(TokenFault::Claims));
    check("sub", json!(null), None);
    check("sub", json!(5), Some(TokenFault::Claims));
    check("scope", json!(5), Some(TokenFault::Claims));
    check("cnf", json!({"kid": "a"}), Some(TokenFault::Confirmation));
    check("nonce", json!("n"), None);
}

#[test]
fn types_are_those_of_access_tokens() {
    let check = |members: &str, requires_type: bool, accepted: bool| {
        let token =
            sign(Algorithm::Es256, &format!(r#"{{"alg":"ES256"{members}}}"#), &good_claims().to_string());
        let found = judge_jwt(&token, &JwtRules { requires_type, ..rules() }, &keys(), NOW);
        assert_eq!(found.err(), (!accepted).then_some(TokenFault::Type), "{members} {requires_type}");
    };
    for (members, strict, lenient) in [
        (r#","typ":"at+jwt""#, true, true),
        (r#","typ":"application/at+jwt""#, true, true),
        (r#","typ":"AT+JWT""#, true, true),
        (r#","typ":"JWT""#, false, true),
        (r#","typ":"jwt""#, false, true),
        ("", false, true),
        (r#","typ":"dpop+jwt""#, false, false),
        (r#","typ":"logout+jwt""#, false, false),
        (r#","typ":"secevent+jwt""#, false, false),
        (r#","typ":"token-introspection+jwt""#, false, false),
        (r#","typ":"""#, false, false),
    ] {
        check(members, true, strict);
        check(members, false, lenient);
    }
}

#[test]
fn an_id_token_is_no_access_token() {
    let lenient = JwtRules { requires_type: false, ..rules() };
    let check = |change: &[(&str, Value)], expected: Option<TokenFault>| {
        let mut claims = good_claims();
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        let token = sign(Algorithm::Es256, r#"{"alg":"ES256","typ":"JWT"}"#, &claims.to_string());
        assert_eq!(judge_jwt(&token, &lenient, &keys(), NOW).err(), expected, "{claims}");
    };
    check(&[], None);
    for mark in ["nonce", "at_hash", "c_hash", "s_hash", "events", "token_introspection"] {
        check(&[(mark, json!("x"))], Some(TokenFault::OtherKind));
    }
    check(&[("token_use", json!("id"))], Some(TokenFault::OtherKind));
    check(&[("token_use", json!("access"))], None);
    check(&[("typ", json!("ID"))], Some(TokenFault::OtherKind));
    check(&[("typ", json!("Bearer"))], None);
    check(&[("azp", json!("app"))], None);
    let none = json!(null);
    check(&[("azp", json!("app")), ("client_id", none.clone())], None);
    check(&[("azp", json!("app")), ("scope", none.clone())], None);
    check(
        &[("azp", json!("app")), ("client_id", none.clone()), ("scope", none)],
        Some(TokenFault::OtherKind),
    );
}

/// The shapes in which known servers write access tokens and ID tokens.
#[test]
fn tokens_of_known_servers() {
    let lenient = JwtRules { requires_type: false, ..rules() };
    let check = |server: &str, change: Value, expected: Result<(&str, &str), TokenFault>| {
        let mut claims =
            json!({ "iss": "https://issuer", "aud": "orders", "exp": NOW + 60, "iat": NOW, "sub": "user" });
        for (name, value) in change.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let token = sign(Algorithm::Rs256, r#"{"alg":"RS256","typ":"JWT","kid":"r"}"#, &claims.to_string());
        let judged = judge_jwt(&token, &lenient, &keys(), NOW);
        let said = judged.map(|judgement| {
            ["client_id", "scope"].map(|name| judgement.claim(name).unwrap_or_default().into_owned())
        });
        assert_eq!(said, expected.map(|(client, scope)| [client.to_owned(), scope.to_owned()]), "{server}");
    };
    let access =
        json!({ "ver": "1", "jti": "AT.1", "cid": "app", "scope": "read", "scp": ["read"], "usl": 0 });
    check("Onegini", access, Ok(("app", "read")));
    check(
        "Auth0",
        json!({ "azp": "app", "scope": "read", "aud": ["orders", "userinfo"] }),
        Ok(("app", "read")),
    );
    check("Auth0 ID", json!({ "aud": "orders", "nonce": "n", "name": "U" }), Err(TokenFault::OtherKind));
    check(
        "Keycloak",
        json!({ "typ": "Bearer", "azp": "app", "scope": "read", "acr": "1" }),
        Ok(("app", "read")),
    );
    check("Keycloak ID", json!({ "typ": "ID", "azp": "app", "at_hash": "x" }), Err(TokenFault::OtherKind));
    check("Okta", json!({ "cid": "app", "scp": ["read", "write"], "ver": 1 }), Ok(("app", "read write")));
    check(
        "Cognito",
        json!({ "client_id": "app", "token_use": "access", "scope": "read" }),
        Ok(("app", "read")),
    );
    check("Cognito ID", json!({ "token_use": "id" }), Err(TokenFault::OtherKind));
    check("Entra", json!({ "azp": "app", "azpacr": "1", "scp": "read", "ver": "2.0" }), Ok(("app", "read")));
}

#[test]
fn fapi_leaves_strong_algorithms_and_bound_tokens() {
    let fapi = JwtRules { is_fapi: true, ..rules() };
    let bound = with("cnf", json!({ "jkt": BASE64URL.encode([1; 32]) }));
    let check = |algorithm: Algorithm, claims: &Value, expected: Result<Option<Constraint>, TokenFault>| {
        let header = format!(r#"{{"alg":"{}","typ":"at+jwt"}}"#, algorithm.name());
        let token = sign(algorithm, &header, &claims.to_string());
        let found = judge_jwt(&token, &fapi, &keys(), NOW).map(|judgement| judgement.constraint);
        assert_eq!(found, expected, "{algorithm:?} {claims}");
    };
    let constraint = Ok(Some(Constraint::Key([1; 32])));
    check(Algorithm::Es256, &bound, constraint);
    check(Algorithm::Ps256, &bound, constraint);
    check(Algorithm::EdDsa, &bound, constraint);
    check(Algorithm::Rs256, &bound, Err(TokenFault::Algorithm));
    check(Algorithm::Ps384, &bound, Err(TokenFault::Algorithm));
    check(Algorithm::Es256, &good_claims(), Err(TokenFault::Unconstrained));
}

#[test]
fn algorithms_are_the_issuers_and_the_keys() {
    let check = |header: &str, algorithm: Algorithm, rules: &JwtRules, expected: Option<TokenFault>| {
        let token = sign(algorithm, header, &good_claims().to_string());
        assert_eq!(judge_jwt(&token, rules, &keys(), NOW).err(), expected, "{header}");
    };
    let only = |algorithm| JwtRules { algorithms: vec![algorithm], ..rules() };
    check(r#"{"alg":"RS256","typ":"at+jwt"}"#, Algorithm::Rs256, &rules(), None);
    check(
        r#"{"alg":"RS256","typ":"at+jwt"}"#,
        Algorithm::Rs256,
        &only(Algorithm::Es256),
        Some(TokenFault::Algorithm),
    );
    check(r#"{"alg":"RS256","typ":"at+jwt"}"#, Algorithm::Ps256, &rules(), Some(TokenFault::UnknownKey));
    check(r#"{"alg":"PS256","typ":"at+jwt"}"#, Algorithm::Rs256, &rules(), Some(TokenFault::UnknownKey));
    check(r#"{"alg":"none","typ":"at+jwt"}"#, Algorithm::Es256, &rules(), Some(TokenFault::Algorithm));
    check(
        r#"{"alg":"RS256","typ":"at+jwt","kid":"e"}"#,
        Algorithm::Rs256,
        &rules(),
        Some(TokenFault::UnknownKey),
    );
    let nobody = JwtRules { algorithms: Vec::new(), ..rules() };
    check(HEADER, Algorithm::Es256, &nobody, Some(TokenFault::Algorithm));
    let nowhere = JwtRules { audience: Vec::new(), ..rules() };
    check(HEADER, Algorithm::Es256, &nowhere, Some(TokenFault::Audience));
}

/// The attack suite: what a client that has no key can do to a token, and what one that has a token can do with it.
mod attacks {
    use ring::hmac;

    use super::*;

    #[track_caller]
    fn refused(token: &str, expected: TokenFault) {
        assert_eq!(judge(token).err(), Some(expected), "{token}");
    }

    fn unsigned(header: &str, signature: &str) -> String {
        let claims = good_claims().to_string();
        format!("{}.{}.{signature}", BASE64URL.encode(header), BASE64URL.encode(claims))
    }

    #[test]
    fn no_signature() {
        for alg in ["none", "None", "NONE", "nOnE", "none ", ""] {
            let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#);
            refused(&unsigned(&header, "AAAA"), TokenFault::Algorithm);
            refused(&unsigned(&header, ""), TokenFault::Malformed);
        }
        refused(&unsigned(HEADER, ""), TokenFault::Malformed);
        refused(&unsigned(HEADER, "AAAA"), TokenFault::Signature);
        refused(&unsigned(HEADER, &BASE64URL.encode([0; 64])), TokenFault::Signature);
        refused(token(&good_claims()).rsplit_once('.').expect("three parts").0, TokenFault::Malformed);
    }

    /// A public key taken for the secret of an HMAC.
    #[test]
    fn confusion_of_algorithms() {
        for key in [signing_key(Algorithm::Rs256).to_string(), signing_key(Algorithm::Es256)["x"].to_string()]
        {
            let header = BASE64URL.encode(r#"{"alg":"HS256","typ":"at+jwt","kid":"r"}"#);
            let message = format!("{header}.{}", BASE64URL.encode(good_claims().to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), message.as_bytes());
            refused(&format!("{message}.{}", BASE64URL.encode(tag)), TokenFault::Algorithm);
        }
    }

    /// A key of one's own, in every member of a header that can carry one.
    #[test]
    fn keys_in_the_header() {
        let own = signing_key(Algorithm::Ps256);
        let only_es256 = serde_json::to_vec(&signing_key(Algorithm::EdDsa)).expect("JSON");
        let (keys, _) = KeySet::parse(&only_es256).expect("a set");
        for member in ["jwk", "jpk", "jku", "x5u", "x5c", "x5t#S256"] {
            let header = json!({ "alg": "RS256", "typ": "at+jwt", member: own }).to_string();
            let token = sign(Algorithm::Rs256, &header, &good_claims().to_string());
            assert_eq!(
                judge_jwt(&token, &rules(), &keys, NOW).err(),
                Some(TokenFault::UnknownKey),
                "{member}"
            );
            let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "e", member: own }).to_string();
            refused(&sign(Algorithm::Ps256, &header, &good_claims().to_string()), TokenFault::Signature);
        }
    }

    #[test]
    fn names_of_keys() {
        for kid in
            ["x", "", "../../dev/null", "e' OR '1'='1", "e\0", "E", "http://evil/keys", "e/../e", "|id"]
        {
            let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }).to_string();
            refused(&sign(Algorithm::Es256, &header, &good_claims().to_string()), TokenFault::UnknownKey);
        }
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": ["e"] }).to_string();
        refused(&sign(Algorithm::Es256, &header, &good_claims().to_string()), TokenFault::Malformed);
    }

    #[test]
    fn extensions() {
        for members in
            [r#""crit":["exp"]"#, r#""crit":["b64"],"b64":false"#, r#""b64":false"#, r#""crit":[]"#]
        {
            let header = format!(r#"{{"alg":"ES256","typ":"at+jwt",{members}}}"#);
            refused(&sign(Algorithm::Es256, &header, &good_claims().to_string()), TokenFault::Critical);
        }
    }

    #[test]
    fn repeated_members() {
        let header = r#"{"alg":"none","alg":"ES256","typ":"at+jwt"}"#;
        refused(&sign(Algorithm::Es256, header, &good_claims().to_string()), TokenFault::Malformed);
        let claims = good_claims().to_string();
        for (name, value) in [
            ("sub", "\"admin\""),
            ("exp", "99999999999"),
            ("\\u0073ub", "\"admin\""),
            ("x", "{\"y\":1,\"y\":1}"),
        ] {
            let claims = claims.replacen('{', &format!("{{\"{name}\":{value},"), 1);
            refused(&sign(Algorithm::Es256, HEADER, &claims), TokenFault::Claims);
        }
    }

    #[test]
    fn deep_and_long() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let claims = good_claims().to_string().replacen('{', &format!(r#"{{"x":{},"#, deep(1000)), 1);
        refused(&sign(Algorithm::Es256, HEADER, &claims), TokenFault::Claims);
        let claims =
            good_claims().to_string().replacen('{', &format!(r#"{{"x":"{}","#, "x".repeat(TOKEN_BYTES)), 1);
        refused(&sign(Algorithm::Es256, HEADER, &claims), TokenFault::TooLong);
        let header = format!(r#"{{"alg":"ES256","x":{}}}"#, deep(1000));
        refused(&unsigned(&header, "AAAA"), TokenFault::Malformed);
    }

    /// Every single character of a good token, changed or taken away.
    #[test]
    fn bent_tokens() {
        let good = token(&good_claims());
        assert!(judge(&good).is_ok());
        for at in (0..good.len()).step_by(7) {
            for other in ["A", "B", "", ".", "=", "+", "é"] {
                let bent = format!("{}{other}{}", &good[..at], &good[at + 1..]);
                assert!(bent == good || judge(&bent).is_err(), "{bent}");
            }
        }
        refused(&format!("{good}A"), TokenFault::Signature);
        for bent in [format!("{good}="), format!(" {good}"), format!("{good}\n"), good.replace('.', "..")] {
            refused(&bent, TokenFault::Malformed);
        }
    }

    /// A token whose signature is good in another spelling is another token to whoever compares texts.
    #[test]
    fn one_spelling() {
        let good = token(&good_claims());
        let last = good.chars().next_back().expect("a character");
        let others =
            ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).filter(|other| *other != last);
        for other in others {
            assert!(judge(&format!("{}{other}", &good[..good.len() - 1])).is_err(), "{other}");
        }
    }

    /// A good token of one issuer at another: by name where they share a key, by key where they do not.
    #[test]
    fn tokens_of_other_issuers() {
        let good = token(&good_claims());
        let other = JwtRules { issuer: "https://other".into(), ..rules() };
        assert_eq!(judge_jwt(&good, &other, &keys(), NOW).err(), Some(TokenFault::Issuer));
        let mut key = signing_key(Algorithm::Es256);
        key["x"] = json!(BASE64URL.encode([9; 32]));
        key["kid"] = json!("e");
        let (keys, _) = KeySet::parse(key.to_string().as_bytes()).expect("a set");
        assert_eq!(judge_jwt(&good, &rules(), &keys, NOW).err(), Some(TokenFault::Signature));
    }

    /// A forged token is refused for its signature, whatever it claims: nothing is learnt from the claims.
    #[test]
    fn forged_claims_are_not_looked_at() {
        let good = token(&good_claims());
        let parts: Vec<_> = good.split('.').collect();
        for claims in ["{}", "[]", "not JSON", "{\"exp\":0}", "{\"iss\":\"https://evil\"}"] {
            refused(
                &format!("{}.{}.{}", parts[0], BASE64URL.encode(claims), parts[2]),
                TokenFault::Signature,
            );
        }
    }
}

/// Rotation: the old key and the new one are there together, or the new one alone, and nobody says which a token is by.
#[test]
fn a_token_that_names_no_key_is_tried_by_all_that_fit() {
    let mut other = signing_key(Algorithm::Es256);
    (other["x"], other["y"]) = (
        json!("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"),
        json!("4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"),
    );
    let (old, new) = (other, signing_key(Algorithm::Es256));
    let token = sign(Algorithm::Es256, r#"{"alg":"ES256","typ":"at+jwt"}"#, &good_claims().to_string());
    for (known, expected) in [
        (vec![&old, &new], None),
        (vec![&new], None),
        // There may be a newer one.
        (vec![&old], Some(TokenFault::UnknownKey)),
    ] {
        let (keys, _) = KeySet::parse(json!({ "keys": known }).to_string().as_bytes()).expect("a set");
        assert_eq!(judge_jwt(&token, &rules(), &keys, NOW).err(), expected);
    }
}

#[test]
fn a_token_whose_uses_are_counted_is_for_the_token_server() {
    for (name, limit, expected) in [
        ("usl", 0, None),
        ("usl", 1, Some(TokenFault::Counted)),
        ("usage_limit", 2, Some(TokenFault::Counted)),
    ] {
        let mut claims = good_claims();
        claims[name] = json!(limit);
        assert_eq!(judge_jwt(&token(&claims), &rules(), &keys(), NOW).err(), expected, "{name} {limit}");
    }
}

#[test]
fn a_token_that_names_another_issuer_has_no_newer_key_here() {
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"unknown"}"#;
    for (issuer, expected) in
        [("https://issuer", TokenFault::UnknownKey), ("https://other", TokenFault::Issuer)]
    {
        let mut claims = good_claims();
        claims["iss"] = json!(issuer);
        let token = sign(Algorithm::Es256, header, &claims.to_string());
        assert_eq!(judge_jwt(&token, &rules(), &keys(), NOW).err(), Some(expected), "{issuer}");
    }
}
