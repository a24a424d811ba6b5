use super::*;
use crate::protocol::token::verdict::{Constraint, NO_EXPIRY};

const NOW: u64 = 1_600_000_000;

fn rules() -> IntrospectionRules {
    IntrospectionRules {
        index: 1,
        issuer: Some("https://issuer".into()),
        audience: vec!["orders".into()],
        unit: TimeUnit::Seconds,
        skew: 10,
        is_fapi: false,
    }
}

fn form(token: &str, authentication: ClientAuthentication<'_>) -> String {
    let mut out = Vec::new();
    write_form(&mut out, token, authentication);
    String::from_utf8(out).expect("a text")
}

#[test]
fn forms_say_the_token_and_who_asks() {
    let outside = form("a+/~.=", ClientAuthentication::Outside);
    assert_eq!(outside, "token=a%2B%2F%7E.%3D&token_type_hint=access_token");
    let post = form("t", ClientAuthentication::Form { id: "a&b", secret: "s s=é".as_bytes() });
    assert_eq!(post, "token=t&token_type_hint=access_token&client_id=a%26b&client_secret=s+s%3D%C3%A9");
    let assertion = form("t", ClientAuthentication::Assertion { id: "a&b", assertion: "h.p.s" });
    assert_eq!(
        assertion,
        concat!(
            "token=t&token_type_hint=access_token&client_id=a%26b&client_assertion_type=urn%3Aietf%3Aparams",
            "%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=h.p.s"
        )
    );
}

#[test]
fn basic_credentials_are_form_encoded_first() {
    let check = |id: &str, secret: &str, expected: &str| {
        let mut out = Vec::new();
        write_basic(&mut out, id, secret.as_bytes());
        let text = String::from_utf8(out).expect("a text");
        let pair = BASE64.decode(text.strip_prefix("Basic ").expect("the scheme")).expect("base64");
        assert_eq!(String::from_utf8(pair).expect("a text"), expected);
    };
    check("ringwall", "secret", "ringwall:secret");
    check("a:b", "c:d", "a%3Ab:c%3Ad");
    check("", "", ":");
    check("é", "a b+c%", "%C3%A9:a+b%2Bc%25");
}

fn read(status: u16, body: &str) -> Answer {
    read_answer(status, body.as_bytes(), &rules(), NOW)
}

/// As Onegini's documentation has it.
#[test]
fn a_documented_answer_is_understood() {
    let body = r#"{"active":true,"scope":"read","client_id":"D4CFB0","token_type":"bearer","exp":1686258829,
        "iat":1504011352,"nbf":1504011352,"sub":"TestClientUserId","app_identifier":"TestAppId","app_version":"1.0",
        "app_platform":"ios","usage_limit":0,"usage_count":null,"user_details":{"firstName":"John","lastName":null},
        "urn:onegini.com:oidc:group_policies":[],"amr":["DEFAULT","FINGER_PRINT","IMPLICIT_AUTHENTICATION"]}"#;
    let Answer::Active(judgement) = read(200, body) else { panic!("an active token") };
    assert_eq!((judgement.issuer, judgement.expires), (1, 1_686_258_829));
    assert_eq!(judgement.claim("sub").as_deref(), Some("TestClientUserId"));
    assert_eq!(judgement.claim("amr").as_deref(), Some("DEFAULT FINGER_PRINT IMPLICIT_AUTHENTICATION"));
    assert_eq!(judgement.application.id.as_deref(), Some("TestAppId"));
    assert_eq!(&*judgement.claims, body);
    assert!(judgement.may_be_cached);
}

#[test]
fn only_the_literal_true_is_active() {
    let inactive = || Answer::Refused(TokenFault::Inactive);
    assert_eq!(read(200, r#"{"active": false}"#), inactive());
    for value in ["\"true\"", "1", "null", "[true]", "{}", "\"false\"", "0"] {
        assert_eq!(read(200, &format!(r#"{{"active":{value}}}"#)), inactive(), "{value}");
    }
    assert_eq!(read(200, r#"{"active":false,"exp":"garbage"}"#), inactive());
    assert!(
        matches!(read(200, r#"{"active":true}"#), Answer::Active(judgement) if judgement.expires == NO_EXPIRY)
    );
}

#[test]
fn a_kind_of_token_that_the_server_does_not_judge_is_no_outage() {
    let error = |code: &str| format!(r#"{{"error":"{code}","error_description":"no JWT"}}"#);
    let said = error("unsupported_token_type");
    assert_eq!(read(400, &said), Answer::Refused(TokenFault::OtherKind));
    for status in [404, 429, 500, 503] {
        assert_eq!(read(status, &said), Answer::Outage(Outage::Status(status)));
    }
    let padded = format!("{said}{}", " ".repeat(INTROSPECTION_BYTES));
    for body in ["", "[]", &error("invalid_request"), &error("unsupported_token_type "), &padded] {
        assert_eq!(read(400, body), Answer::Outage(Outage::Status(400)), "{:.80}", body);
    }
}

#[test]
fn what_says_nothing_is_an_outage() {
    let check = |status: u16, body: &str, expected: Outage| {
        assert_eq!(read(status, body), Answer::Outage(expected), "{status} {body}");
    };
    let good = r#"{"active":true}"#;
    check(401, good, Outage::Unauthorized);
    check(403, good, Outage::Unauthorized);
    for status in [100, 201, 204, 301, 400, 404, 429, 500, 503] {
        check(status, good, Outage::Status(status));
    }
    for body in [
        "",
        "null",
        "[]",
        "true",
        "{",
        "{}",
        "<html>",
        r#"{"Active":true}"#,
        r#"{"active":true,"active":false}"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"sub":5}"#,
        r#"{"active":true,"exp":"5"}"#,
        r#"{"active":true}{}"#,
    ] {
        check(200, body, Outage::Malformed);
    }
    check(200, r#"{"active":true,"exp":1686258829000}"#, Outage::TimeUnit);
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    assert!(matches!(read(200, &padded(INTROSPECTION_BYTES)), Answer::Active(_)));
    check(200, &padded(INTROSPECTION_BYTES + 1), Outage::TooLong);
    let nested = format!(r#"{{"active":true,"x":{}}}"#, "[".repeat(10_000));
    check(200, &nested, Outage::Malformed);
}

#[test]
fn what_the_answer_says_besides_must_fit() {
    let check = |members: &str, expected: Option<TokenFault>| {
        let fault = match read(200, &format!(r#"{{"active":true{members}}}"#)) {
            Answer::Active(_) => None,
            Answer::Refused(fault) => Some(fault),
            Answer::Outage(outage) => panic!("{members}: {outage:?}"),
        };
        assert_eq!(fault, expected, "{members}");
    };
    check(r#","iss":"https://issuer""#, None);
    check(r#","iss":null"#, None);
    check(r#","iss":"https://other""#, Some(TokenFault::Issuer));
    check(r#","aud":"orders""#, None);
    check(r#","aud":["other","orders"]"#, None);
    check(r#","aud":["other"]"#, Some(TokenFault::Audience));
    check(&format!(r#","exp":{}"#, NOW - 9), None);
    check(&format!(r#","exp":{}"#, NOW - 10), Some(TokenFault::Expired));
    check(&format!(r#","nbf":{}"#, NOW + 10), None);
    check(&format!(r#","nbf":{}"#, NOW + 11), Some(TokenFault::NotYetValid));
    check(&format!(r#","iat":{}"#, NOW + 61), Some(TokenFault::IssuedLater));
    check(r#","cnf":{"kid":"a"}"#, Some(TokenFault::Confirmation));
}

#[test]
fn rules_that_say_nothing_ask_for_nothing() {
    let open = IntrospectionRules { issuer: None, audience: Vec::new(), ..rules() };
    let body = br#"{"active":true,"iss":"https://other","aud":"other"}"#;
    assert!(matches!(read_answer(200, body, &open, NOW), Answer::Active(_)));
}

#[test]
fn tokens_may_have_to_be_bound() {
    let fapi = IntrospectionRules { is_fapi: true, ..rules() };
    let bound = br#"{"active":true,"cnf":{"x5t#S256":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
    let Answer::Active(judgement) = read_answer(200, bound, &fapi, NOW) else { panic!("an active token") };
    assert_eq!(judgement.constraint, Some(Constraint::Certificate([1; 32])));
    let answer = read_answer(200, br#"{"active":true}"#, &fapi, NOW);
    assert_eq!(answer, Answer::Refused(TokenFault::Unconstrained));
}

#[test]
fn milliseconds_where_they_are_configured() {
    let rules = IntrospectionRules { unit: TimeUnit::Milliseconds, ..rules() };
    let body = format!(r#"{{"active":true,"exp":{}}}"#, (NOW + 60) * 1000 + 999);
    let Answer::Active(judgement) = read_answer(200, body.as_bytes(), &rules, NOW) else { panic!("active") };
    assert_eq!(judgement.expires, NOW + 60);
    let seconds = format!(r#"{{"active":true,"exp":{}}}"#, NOW + 60);
    assert_eq!(read_answer(200, seconds.as_bytes(), &rules, NOW), Answer::Outage(Outage::TimeUnit));
}

#[test]
fn a_token_whose_uses_count_is_asked_about_each_time() {
    for (limit, may_be_cached) in [("0", true), ("1", false), ("5", false), ("null", true)] {
        let answer = read(200, &format!(r#"{{"active":true,"usage_limit":{limit}}}"#));
        assert!(
            matches!(answer, Answer::Active(judgement) if judgement.may_be_cached == may_be_cached),
            "{limit}"
        );
    }
}
