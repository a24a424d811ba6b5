use super::*;
use crate::protocol::token::compact_jws::decoded;
use crate::protocol::token::fixture::{read_text, rsa_jwk, sign};
use crate::protocol::token::verdict::ScopeShortfall;

const NOW: u64 = 1_600_000_000;
const HEADER: &str = r#"{"alg":"RS256","jpk":{"alg":"RSA","exp":"AQAB","mod":"AQ"}}"#;
const ISSUER: &str = "http://host:10080/app/authorization/v1/token";

fn rules() -> MobileFirstRules {
    MobileFirstRules {
        index: 4,
        issuer: None,
        mandatory_scope: Vec::new(),
        unit: TimeUnit::Seconds,
        is_development: false,
    }
}

fn keys() -> KeySet {
    KeySet::parse(rsa_jwk("").as_bytes()).expect("a set").0
}

fn access_with(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({
        "exp": NOW + 3600, "iss": ISSUER, "prn": "client",
        "imf.scope": {
            "login": { "exp": NOW + 60, "mandatory": false },
            "wl_authenticityRealm": { "exp": NOW + 3600, "mandatory": true },
        },
    });
    change(&mut claims);
    sign(Algorithm::Rs256, HEADER, &claims.to_string())
}

fn id_with(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({
        "exp": NOW + 1800, "iss": ISSUER, "sub": "user",
        "imf.user": { "id": "user", "authBy": "login", "displayName": "U. Ser" },
        "imf.device": { "id": "d1", "platform": "ios", "model": "m", "osVersion": "9" },
        "imf.application": { "id": "shop", "version": "1.0" },
    });
    change(&mut claims);
    sign(Algorithm::Rs256, HEADER, &claims.to_string())
}

fn access() -> String {
    access_with(|_| {})
}

fn judge(access: &str, id: Option<&str>) -> Result<Judgement, TokenFault> {
    judge_tokens(access, id, &rules(), &keys(), NOW)
}

/// A real token of the product, whose header carries the key that it is signed by: taken out here as nobody else may.
mod published {
    use super::*;

    const END: u64 = 1_459_556_927;

    fn token() -> String {
        read_text("mfp7-token.txt").trim_end().to_owned()
    }

    fn keys() -> KeySet {
        let token = token();
        let header = decoded(token.split('.').next().expect("a header")).expect("base64url");
        let header: Value = serde_json::from_slice(&header).expect("JSON");
        let key = json!({ "kty": "RSA", "n": header["jpk"]["mod"], "e": header["jpk"]["exp"] });
        KeySet::parse(key.to_string().as_bytes()).expect("a set").0
    }

    #[test]
    fn it_is_judged_as_of_its_time() {
        let development = MobileFirstRules { is_development: true, ..rules() };
        let judge = |now| judge_tokens(&token(), None, &development, &keys(), now);
        let judgement = judge(END - 1).expect("a good token");
        assert_eq!(judgement.expires, END);
        assert_eq!(judgement.client_id.as_deref(), Some("testClient401550315"));
        assert_eq!(judgement.subject.as_deref(), Some("testClient401550315"));
        assert_eq!(judgement.scopes.len(), 9);
        assert!(judgement.scopes.iter().all(|element| element.is_mandatory && element.expires == Some(END)));
        let lacks = |name: &'static str| judgement.scope_shortfall([name], END - 1);
        assert_eq!(lacks("SampleAppRealm"), None);
        assert_eq!(lacks("other"), Some(ScopeShortfall::Absent));
        assert_eq!(judge(END).err(), Some(TokenFault::Expired));
    }

    #[test]
    fn it_is_a_test_token() {
        assert_eq!(
            judge_tokens(&token(), None, &rules(), &keys(), END - 1).err(),
            Some(TokenFault::TestToken)
        );
    }

    #[test]
    fn its_own_key_is_not_the_servers() {
        let development = MobileFirstRules { is_development: true, ..rules() };
        let found = judge_tokens(&token(), None, &development, &super::keys(), END - 1);
        assert_eq!(found.err(), Some(TokenFault::UnknownKey));
    }
}

#[test]
fn an_access_token_alone_stands_for_its_client() {
    let judgement = judge(&access(), None).expect("a good token");
    assert_eq!((judgement.issuer, judgement.expires), (4, NOW + 3600));
    assert_eq!(judgement.claim("sub").as_deref(), Some("client"));
    assert_eq!(judgement.claim("scope").as_deref(), Some("login wl_authenticityRealm"));
    assert_eq!(judgement.claim("user_id").as_deref(), Some("client"));
    assert!(judgement.user.is_none() && judgement.may_be_cached);
    let told: Value = serde_json::from_str(&judgement.claims).expect("JSON");
    assert_eq!(told["security_context"], json!({ "imf.sub": "client" }));
}

#[test]
fn an_id_token_names_the_user() {
    let judgement = judge(&access(), Some(&id_with(|_| {}))).expect("good tokens");
    assert_eq!(judgement.expires, NOW + 1800, "the earlier of both");
    assert_eq!(judgement.claim("sub").as_deref(), Some("user"));
    assert_eq!(judgement.client_id.as_deref(), Some("client"));
    let user = judgement.user.expect("a user");
    assert_eq!(user.display_name.as_deref(), Some("U. Ser"));
    assert_eq!((user.id.as_deref(), user.authenticated_by.as_deref()), (Some("user"), Some("login")));
    let application = judgement.application;
    let application = [application.id, application.platform, application.version];
    assert_eq!(application.map(|text| text.expect("a text").to_string()), ["shop", "ios", "1.0"]);
    let told: Value = serde_json::from_str(&judgement.claims).expect("JSON");
    assert_eq!(told["exp"], json!(NOW + 1800));
    assert_eq!(told["security_context"]["imf.sub"], json!("user"));
    assert_eq!(told["security_context"]["imf.device"]["osVersion"], json!("9"));
}

#[test]
fn faults_of_the_access_token() {
    let check = |change: fn(&mut Value), expected: Option<TokenFault>| {
        let token = access_with(change);
        assert_eq!(judge(&token, None).err(), expected, "{token}");
    };
    check(|_| {}, None);
    check(|claims| claims["exp"] = json!(NOW), Some(TokenFault::Expired));
    check(|claims| claims["exp"] = json!(NOW + 1), None);
    check(|claims| claims["exp"] = json!(null), Some(TokenFault::MissingClaim));
    check(|claims| claims["exp"] = json!((NOW + 60) * 1000), Some(TokenFault::TimeUnit));
    check(|claims| claims["exp"] = json!("soon"), Some(TokenFault::Claims));
    check(|claims| claims["prn"] = json!(null), None);
    check(|claims| claims["imf.scope"] = json!(null), Some(TokenFault::OtherKind));
    check(|claims| claims["imf.scope"] = json!("login"), Some(TokenFault::Claims));
    check(|claims| claims["imf.scope"] = json!({}), None);
    check(|claims| claims["imf.scope"]["login"] = json!(true), Some(TokenFault::Claims));
    check(|claims| claims["imf.scope"]["a b"] = json!({ "exp": NOW + 60 }), Some(TokenFault::Claims));
    check(|claims| claims["imf.scope"]["login"] = json!({}), Some(TokenFault::Claims));
    check(|claims| claims["imf.scope"]["login"]["exp"] = json!(-1), Some(TokenFault::Claims));
    check(|claims| claims["imf.scope"]["login"]["mandatory"] = json!("true"), Some(TokenFault::Claims));
    check(|claims| claims["imf.scope"]["login"]["exp"] = json!(NOW), None);
    check(
        |claims| claims["iss"] = json!("http://host/authorization/v1/testtoken"),
        Some(TokenFault::TestToken),
    );
    check(
        |claims| claims["iss"] = json!("http://host/authorization/v1/testtoken/"),
        Some(TokenFault::TestToken),
    );
    check(|claims| claims["iss"] = json!(null), None);
}

#[test]
fn an_issuer_that_is_configured_is_a_must() {
    let rules = MobileFirstRules { issuer: Some(ISSUER.into()), ..rules() };
    let check = |issuer: Value, expected: Option<TokenFault>| {
        let token = access_with(|claims| claims["iss"] = issuer);
        assert_eq!(judge_tokens(&token, None, &rules, &keys(), NOW).err(), expected);
    };
    check(json!(ISSUER), None);
    check(json!(null), Some(TokenFault::MissingClaim));
    check(json!("http://other"), Some(TokenFault::Issuer));
}

#[test]
fn faults_of_the_id_token() {
    let check = |change: fn(&mut Value), expected: Option<TokenFault>| {
        let token = id_with(change);
        assert_eq!(judge(&access(), Some(&token)).err(), expected, "{token}");
    };
    let fault = Some(TokenFault::IdToken);
    check(|_| {}, None);
    check(|claims| claims["exp"] = json!(NOW), fault);
    check(|claims| claims["exp"] = json!(null), fault);
    check(|claims| claims["iss"] = json!("http://other"), fault);
    check(|claims| claims["iss"] = json!(null), None);
    check(|claims| claims["azp"] = json!("client"), None);
    check(|claims| claims["azp"] = json!("other"), fault);
    check(|claims| claims["sub"] = json!(5), fault);
    check(|claims| claims["imf.user"] = json!(null), None);
    check(|claims| claims["imf.scope"] = json!({}), fault);
    assert_eq!(judge(&access(), Some("a.b.c")).err(), fault);
    assert_eq!(judge(&access(), Some("")).err(), fault);
    let id = id_with(|_| {});
    let forged = format!("{}AAAA", &id[..id.len() - 4]);
    assert_eq!(judge(&access(), Some(&forged)).err(), Some(TokenFault::UnknownKey));
}

#[test]
fn each_token_in_its_place() {
    let (access, id) = (access(), id_with(|_| {}));
    assert_eq!(judge(&id, None).err(), Some(TokenFault::OtherKind));
    assert_eq!(judge(&id, Some(&access)).err(), Some(TokenFault::OtherKind));
    assert_eq!(judge(&access, Some(&access)).err(), Some(TokenFault::IdToken));
}

#[test]
fn one_algorithm_alone() {
    let claims = json!({ "exp": NOW + 60, "imf.scope": {} }).to_string();
    let check = |algorithm: Algorithm, header: &str, expected: Option<TokenFault>| {
        assert_eq!(judge(&sign(algorithm, header, &claims), None).err(), expected, "{header}");
    };
    check(Algorithm::Rs256, r#"{"alg":"RS256"}"#, None);
    check(Algorithm::Rs256, r#"{"alg":"RS256","typ":"JWT"}"#, None);
    check(Algorithm::Rs256, r#"{"alg":"RS256","typ":"dpop+jwt"}"#, Some(TokenFault::Type));
    check(Algorithm::Ps256, r#"{"alg":"PS256"}"#, Some(TokenFault::Algorithm));
    check(Algorithm::Rs512, r#"{"alg":"RS512"}"#, Some(TokenFault::Algorithm));
    check(Algorithm::Rs256, r#"{"alg":"none"}"#, Some(TokenFault::Algorithm));
    check(Algorithm::Rs256, r#"{"alg":"RS256","kid":"x"}"#, Some(TokenFault::UnknownKey));
    check(Algorithm::Ps256, r#"{"alg":"RS256"}"#, Some(TokenFault::UnknownKey));
}

/// Domain rules: mandatory elements of the token, of the configuration, and what a route requires.
#[test]
fn elements_of_the_scope_expire_by_themselves() {
    let token = access_with(|claims| {
        claims["imf.scope"] = json!({
            "plain": { "exp": NOW + 10 }, "must": { "exp": NOW + 20, "mandatory": true }, "long": { "exp": NOW + 3600 },
        });
    });
    let judgement = judge(&token, None).expect("a good token");
    let check = |configured: &[&str], required: &[&str], now: u64, expected: Option<ScopeShortfall>| {
        let found = judgement.scope_shortfall(configured.iter().chain(required).copied(), now);
        assert_eq!(found, expected, "{configured:?} {required:?} {now}");
    };
    check(&[], &[], NOW + 19, None);
    check(&[], &[], NOW + 20, Some(ScopeShortfall::MandatoryExpired));
    check(&[], &["plain"], NOW + 9, None);
    check(&[], &["plain"], NOW + 10, Some(ScopeShortfall::Expired));
    check(&[], &["long"], NOW + 10, None);
    check(&["plain"], &[], NOW + 9, None);
    check(&["plain"], &[], NOW + 10, Some(ScopeShortfall::Expired));
    check(&["absent"], &[], NOW, Some(ScopeShortfall::Absent));
    check(&["absent"], &["plain"], NOW, Some(ScopeShortfall::Absent));
}

#[test]
fn milliseconds_where_they_are_configured() {
    let rules = MobileFirstRules { unit: TimeUnit::Milliseconds, ..rules() };
    let token = access_with(|claims| {
        claims["exp"] = json!((NOW + 60) * 1000);
        claims["imf.scope"] = json!({ "a": { "exp": (NOW + 30) * 1000 + 999 } });
    });
    let judgement = judge_tokens(&token, None, &rules, &keys(), NOW).expect("a good token");
    assert_eq!((judgement.expires, judgement.scopes[0].expires), (NOW + 60, Some(NOW + 30)));
    assert_eq!(judge(&token, None).err(), Some(TokenFault::TimeUnit));
}

#[test]
fn the_server_itself_can_be_asked() {
    let mut form = Vec::new();
    write_validation_form(&mut form, "a.b.c", Some("d.e+f"));
    assert_eq!(form, b"token=a.b.c&id_token=d.e%2Bf");
    let body = json!({
        "active": true, "exp": NOW + 60, "scope": "s1 s2", "user_id": "user",
        "security_context": { "imf.sub": "user", "imf.user": { "id": "user" }, "imf.application": { "id": "shop" } },
    });
    let body = body.to_string();
    let Answer::Active(judgement) = read_validation(200, body.as_bytes(), &rules(), NOW) else {
        panic!("active")
    };
    assert_eq!((judgement.subject.as_deref(), judgement.scopes.len()), (Some("user"), 2));
    assert_eq!(judgement.user.and_then(|user| user.id).as_deref(), Some("user"));
    assert_eq!(judgement.application.id.as_deref(), Some("shop"));
    let inactive = read_validation(200, br#"{"active":false}"#, &rules(), NOW);
    assert_eq!(inactive, Answer::Refused(TokenFault::Inactive));
    assert!(matches!(read_validation(500, b"", &rules(), NOW), Answer::Outage(_)));
}
