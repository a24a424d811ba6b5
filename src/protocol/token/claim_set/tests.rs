use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::*;

fn read(text: &str) -> Result<Judgement, TokenFault> {
    ClaimSet::parse(text.as_bytes().to_vec(), TimeUnit::Seconds)?.judgement(0)
}

#[test]
fn everything_is_found() {
    let text = r#"{"iss":"i","sub":"s","client_id":"c","cid":"d","azp":"e","jti":"j","exp":10,"aud":["a","b"],
        "amr":["pwd","otp"],"acr":"gold","auth_time":5,"scope":"r w","scp":["x"],"app_identifier":"shop",
        "app_platform":"ios","app_version":"1.0","usage_limit":0,"user_details":{"firstName":"J"},"group":null}"#;
    let found = read(text).expect("claims");
    let listed = |list: &[Box<str>]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(found.claim("iss").as_deref(), Some("i"));
    assert_eq!((found.subject.as_deref(), found.client_id.as_deref()), (Some("s"), Some("c")));
    assert_eq!((found.jti.as_deref(), found.acr.as_deref()), (Some("j"), Some("gold")));
    assert_eq!((found.expires, found.auth_time), (10, Some(5)));
    assert_eq!(
        (listed(&found.audience), listed(&found.amr)),
        (vec!["a".into(), "b".into()], vec!["pwd".into(), "otp".into()])
    );
    assert_eq!(found.scopes, [ScopeElement::lasting("r"), ScopeElement::lasting("w")].into());
    let application = [found.application.id, found.application.platform, found.application.version];
    assert_eq!(application.map(|text| text.expect("a text").to_string()), ["shop", "ios", "1.0"]);
    assert_eq!((&*found.claims, found.constraint, found.may_be_cached), (text, None, true));
}

#[test]
fn what_is_null_or_empty_is_not_there() {
    let text = r#"{"iss":null,"sub":null,"client_id":"","exp":null,"aud":null,"amr":null,"acr":null,"auth_time":null,
        "scope":null,"scp":null,"cnf":null,"app_identifier":"","app_platform":null,"usage_limit":null}"#;
    let found = read(text).expect("claims");
    let bare = read("{}").expect("claims");
    assert_eq!(found, Judgement { claims: text.into(), ..bare });
    assert_eq!(found.expires, NO_EXPIRY);
}

#[test]
fn a_claim_of_another_type_is_a_fault() {
    for (name, values) in [
        ("iss", &["5", "[]", "{}", "true"][..]),
        ("sub", &["5", "[\"a\"]"]),
        ("client_id", &["5"]),
        ("cid", &["5"]),
        ("azp", &["5"]),
        ("jti", &["5"]),
        ("acr", &["5"]),
        ("aud", &["5", "{}", "[5]", "[[\"a\"]]", "[null]"]),
        ("amr", &["5", "{}", "[5]"]),
        (
            "scope",
            &["5", "{}", "[5]", "[\"a b\"]", "[\"\"]", "\"a\\tb\"", "\"a\\\"b\"", "\"a\\\\b\"", "\"é\""],
        ),
        ("scp", &["5", "[null]"]),
        ("exp", &["\"5\"", "-1", "-0.5", "{}", "true"]),
        ("auth_time", &["\"5\"", "-1"]),
        ("usage_limit", &["-1", "\"1\"", "1.5", "true"]),
        ("app_version", &["1"]),
    ] {
        for value in values {
            let text = format!(r#"{{"{name}":{value}}}"#);
            assert_eq!(read(&text).err(), Some(TokenFault::Claims), "{text}");
        }
    }
    for text in
        ["", "[]", "{", "null", r#"{"sub":"a","sub":"a"}"#, r#"{"cnf":{"jkt":"a","jkt":"a"}}"#, "{}{}"]
    {
        assert_eq!(read(text).err(), Some(TokenFault::Claims), "{text}");
    }
    assert!(ClaimSet::parse(b"{\"a\":\"\xff\"}".to_vec(), TimeUnit::Seconds).is_err());
}

#[test]
fn clients_have_three_names() {
    let check = |text: &str, expected: &str| {
        assert_eq!(read(text).expect("claims").client_id.as_deref(), Some(expected), "{text}");
    };
    check(r#"{"client_id":"c","cid":"d","azp":"e"}"#, "c");
    check(r#"{"cid":"d","azp":"e"}"#, "d");
    check(r#"{"azp":"e"}"#, "e");
}

#[test]
fn scopes_have_two_forms_and_two_names() {
    let check = |text: &str, expected: &[&str]| {
        let scopes = read(text).expect("claims").scopes;
        assert_eq!(scopes.iter().map(|element| &*element.name).collect::<Vec<_>>(), expected, "{text}");
    };
    check(r#"{"scope":"a b"}"#, &["a", "b"]);
    check(r#"{"scope":" a  b "}"#, &["a", "b"]);
    check(r#"{"scope":["a","b"]}"#, &["a", "b"]);
    check(r#"{"scp":"a b"}"#, &["a", "b"]);
    check(r#"{"scp":["a:x/y","b"]}"#, &["a:x/y", "b"]);
    check(r#"{"scope":"","scp":["a"]}"#, &[]);
    check(r#"{"scope":null,"scp":["a"]}"#, &["a"]);
    check("{}", &[]);
}

#[test]
fn a_binding_is_known_or_refused() {
    let hash = BASE64URL.encode([7; 32]);
    let check = |confirmation: &str, expected: Result<Option<Constraint>, TokenFault>| {
        let found = read(&format!(r#"{{"cnf":{confirmation}}}"#)).map(|judgement| judgement.constraint);
        assert_eq!(found, expected, "{confirmation}");
    };
    check(&format!(r#"{{"jkt":"{hash}"}}"#), Ok(Some(Constraint::Key([7; 32]))));
    check(&format!(r#"{{"x5t#S256":"{hash}"}}"#), Ok(Some(Constraint::Certificate([7; 32]))));
    check("null", Ok(None));
    for refused in [
        "{}",
        "5",
        "[]",
        "\"a\"",
        r#"{"jkt":5}"#,
        r#"{"jkt":""}"#,
        r#"{"jkt":null}"#,
        r#"{"kid":"a"}"#,
        r#"{"jwk":{}}"#,
        r#"{"x5t":"AAAA"}"#,
    ] {
        check(refused, Err(TokenFault::Confirmation));
    }
    check(&format!(r#"{{"jkt":"{hash}="}}"#), Err(TokenFault::Confirmation));
    check(&format!(r#"{{"jkt":"{}"}}"#, &hash[2..]), Err(TokenFault::Confirmation));
    check(&format!(r#"{{"jkt":"{hash}","x5t#S256":"{hash}"}}"#), Err(TokenFault::Confirmation));
    check(&format!(r#"{{"jkt":"{hash}","kid":"a"}}"#), Err(TokenFault::Confirmation));
}

#[test]
fn what_is_counted_is_not_kept() {
    let check = |text: &str, expected: bool| {
        assert_eq!(read(text).expect("claims").may_be_cached, expected, "{text}");
    };
    check("{}", true);
    check(r#"{"usage_limit":0}"#, true);
    check(r#"{"usage_limit":1}"#, false);
    check(r#"{"usl":0}"#, true);
    check(r#"{"usl":5}"#, false);
    check(r#"{"usage_limit":0,"usl":1}"#, false);
    check(r#"{"usage_count":5}"#, true);
}

#[test]
fn units_of_time_are_held_to() {
    let check = |value: &str, unit: TimeUnit, expected: Result<u64, TokenFault>| {
        let claims = ClaimSet::parse(format!(r#"{{"exp":{value}}}"#).into_bytes(), unit).expect("claims");
        assert_eq!(claims.expires().map(Option::unwrap_or_default), expected, "{value} {unit:?}");
    };
    use TimeUnit::{Milliseconds, Seconds};
    check("0", Seconds, Ok(0));
    check("1700000000", Seconds, Ok(1_700_000_000));
    check("1700000000.9", Seconds, Ok(1_700_000_000));
    check("1.7e9", Seconds, Ok(1_700_000_000));
    check("100000000000", Seconds, Ok(100_000_000_000));
    check("100000000001", Seconds, Err(TokenFault::TimeUnit));
    check("1700000000000", Seconds, Err(TokenFault::TimeUnit));
    check("18446744073709551615", Seconds, Err(TokenFault::TimeUnit));
    check("18446744073709551616", Seconds, Err(TokenFault::TimeUnit));
    check("1e300", Seconds, Err(TokenFault::TimeUnit));
    check("1700000000999", Milliseconds, Ok(1_700_000_000));
    check("1700000000", Milliseconds, Err(TokenFault::TimeUnit));
    check("0", Milliseconds, Err(TokenFault::TimeUnit));
    check("18446744073709551615", Milliseconds, Err(TokenFault::TimeUnit));
    check("1e300", Milliseconds, Err(TokenFault::TimeUnit));
}

#[test]
fn times_between_two_seconds_grant_less() {
    let check = |text: &str, unit: TimeUnit, now: u64, expected: Result<(), TokenFault>| {
        let claims = ClaimSet::parse(text.as_bytes().to_vec(), unit).expect("claims");
        assert_eq!(claims.check_times(now, 0, false), expected, "{text} {now}");
    };
    check(r#"{"exp":1000.9}"#, TimeUnit::Seconds, 1000, Err(TokenFault::Expired));
    check(r#"{"nbf":1000.1}"#, TimeUnit::Seconds, 1000, Err(TokenFault::NotYetValid));
    check(r#"{"nbf":1000.1}"#, TimeUnit::Seconds, 1001, Ok(()));
    check(r#"{"nbf":1700000000001}"#, TimeUnit::Milliseconds, 1_700_000_000, Err(TokenFault::NotYetValid));
    check(r#"{"exp":1700000000999}"#, TimeUnit::Milliseconds, 1_700_000_000, Err(TokenFault::Expired));
}
