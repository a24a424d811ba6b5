use ring::rand::SystemRandom;
use serde_json::Value;

use super::*;
use crate::authority::fixture::{client, request};
use crate::authority::settings::ClientSettings;
use crate::limits::TOKEN_BYTES;
use crate::protocol::secret::Secret;
use crate::protocol::token::algorithm::Algorithm;
use crate::protocol::token::claim_set::TimeUnit;
use crate::protocol::token::claims::{JwtRules, judge_jwt};
use crate::protocol::token::introspection::{self, IntrospectionRules};
use crate::protocol::token::key_set::KeySet;
use crate::protocol::token::verdict::{Judgement, TokenFault};

const NOW: u64 = 1_787_745_600;
const ISSUER: &str = "https://login.test";
const SHOP: &str = "client_id=shop&client_secret=shop-secret";
const OPAQUE: &str = "client_id=opaque&client_secret=opaque-secret";
const GATE: &str = "client_id=gate&client_secret=gate-secret";

/// Clients: `shop` gets JWTs, `opaque` the others; `gate` may ask about tokens and gets none.
fn desk(development: bool) -> Desk {
    let client = |id: &str| ClientSettings { may_introspect: false, ..client(id) };
    let opaque = ClientSettings { format: TokenFormat::Opaque, ..client("opaque") };
    let gate = ClientSettings { may_introspect: true, scopes: Vec::new(), ..client("gate") };
    let settings = AuthoritySettings {
        development,
        audience: vec!["shop".into()],
        clients: vec![client("shop"), opaque, gate],
        ..AuthoritySettings::default()
    };
    let random = SystemRandom::new();
    let signer = TokenSigner::from_pkcs8(&TokenSigner::generate(&random).unwrap(), &random).unwrap();
    Desk::new(settings, ISSUER.into(), signer, &random).unwrap()
}

/// Status and body of the answer to a request.
fn answer(desk: &mut Desk, request: &Request, now: u64) -> (u16, Vec<u8>) {
    let bytes = desk.answer(request, now, &SystemRandom::new()).into_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.into())
}

fn post_at(desk: &mut Desk, path: &str, form: &str, now: u64) -> (u16, Value) {
    let request = Request { body: Zeroizing::new(form.into()), ..request(path) };
    let (status, body) = answer(desk, &request, now);
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn post(desk: &mut Desk, path: &str, form: &str) -> (u16, Value) {
    post_at(desk, path, form, NOW)
}

#[track_caller]
fn check_error(found: (u16, Value), status: u16, error: &str) {
    assert_eq!((found.0, found.1["error"].as_str()), (status, Some(error)), "{}", found.1);
}

fn token(desk: &mut Desk, credentials: &str, more: &str) -> String {
    let (status, made) = post(desk, TOKEN, &format!("{credentials}&grant_type=client_credentials{more}"));
    assert_eq!(status, 200, "{made}");
    made["access_token"].as_str().unwrap().to_owned()
}

fn test_token(desk: &mut Desk, form: &str) -> String {
    let (status, made) = post(desk, TEST_TOKEN, form);
    assert_eq!(status, 200, "{made}");
    made["access_token"].as_str().unwrap().to_owned()
}

/// What a proxy makes of a JWT of this desk's.
fn judged(desk: &Desk, token: &str, now: u64) -> Result<Judgement, TokenFault> {
    let (keys, complaints) = KeySet::parse(desk.signer.key_set().as_bytes()).unwrap();
    assert_eq!(complaints, []);
    let rules = JwtRules {
        index: 0,
        issuer: ISSUER.into(),
        audience: vec!["shop".into()],
        algorithms: vec![Algorithm::Es256],
        requires_type: true,
        skew: 0,
        is_fapi: false,
    };
    judge_jwt(token, &rules, &keys, now)
}

/// What a proxy makes of what this desk says of a token.
fn told_at(desk: &mut Desk, token: &str, now: u64) -> introspection::Answer {
    let (status, told) = post_at(desk, INTROSPECTION, &format!("{GATE}&token={token}"), now);
    let rules = IntrospectionRules {
        index: 0,
        issuer: Some(ISSUER.into()),
        audience: vec!["shop".into()],
        unit: TimeUnit::Seconds,
        skew: 0,
        is_fapi: false,
    };
    introspection::read_answer(status, told.to_string().as_bytes(), &rules, now)
}

fn is_active(desk: &mut Desk, token: &str, now: u64) -> bool {
    matches!(told_at(desk, token, now), introspection::Answer::Active(_))
}

fn scopes(judgement: &Judgement) -> Vec<&str> {
    judgement.scopes.iter().map(|element| &*element.name).collect()
}

#[test]
fn a_client_gets_a_token_that_a_proxy_takes() {
    let mut desk = desk(false);
    let (status, made) = post(&mut desk, TOKEN, &format!("{SHOP}&grant_type=client_credentials"));
    assert_eq!((status, &made["token_type"], &made["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
    assert_eq!(made["scope"], json!("a b"));
    let token = made["access_token"].as_str().unwrap();
    let judgement = judged(&desk, token, NOW).unwrap();
    assert_eq!((judgement.client_id.as_deref(), judgement.subject.as_deref()), (Some("shop"), Some("shop")));
    assert_eq!((scopes(&judgement), judgement.expires), (vec!["a", "b"], NOW + 3600));
    assert_eq!(judged(&desk, token, NOW + 3600).unwrap_err(), TokenFault::Expired);
    assert!(is_active(&mut desk, token, NOW + 3599) && !is_active(&mut desk, token, NOW + 3600));
}

#[test]
fn an_opaque_token_means_something_here_alone() {
    let mut desk = desk(false);
    let first = token(&mut desk, OPAQUE, "&scope=b");
    assert!(first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    assert_ne!(first, token(&mut desk, OPAQUE, "&scope=b"));
    let introspection::Answer::Active(judgement) = told_at(&mut desk, &first, NOW) else {
        panic!("inactive")
    };
    assert_eq!((judgement.client_id.as_deref(), judgement.subject.as_deref()), (Some("opaque"), None));
    assert_eq!((scopes(&judgement), judgement.expires), (vec!["b"], NOW + 3600));
    assert!(!is_active(&mut desk, &first, NOW + 3600));
    assert!(!is_active(&mut desk, &"0".repeat(64), NOW));
}

#[test]
fn a_scope_can_be_narrowed_and_not_widened() {
    let mut desk = desk(false);
    let mut asked =
        |scope: &str| post(&mut desk, TOKEN, &format!("{SHOP}&grant_type=client_credentials&scope={scope}"));
    assert_eq!(asked("b").1["scope"], json!("b"));
    assert_eq!(asked("b+a+b").1["scope"], json!("a b"));
    for scope in ["c", "a+c", "a++b", "A", "a,b", "%22"] {
        check_error(asked(scope), 400, "invalid_scope");
    }
}

#[test]
fn what_is_wrong_with_a_request_for_a_token_is_told() {
    let mut desk = desk(true);
    let mut asked = |form: &str| post(&mut desk, TOKEN, form);
    check_error(asked("grant_type=client_credentials"), 401, "invalid_client");
    check_error(asked("client_id=shop&client_secret=x&grant_type=client_credentials"), 401, "invalid_client");
    check_error(asked(SHOP), 400, "invalid_request");
    check_error(asked(&format!("{SHOP}&grant_type=password")), 400, "unsupported_grant_type");
    check_error(asked(&format!("{SHOP}&{SHOP}")), 400, "invalid_request");
    check_error(asked(&format!("{GATE}&grant_type=client_credentials")), 400, "unauthorized_client");
    let form = format!("{SHOP}&grant_type=client_credentials");
    for path in [TOKEN, REVOCATION, INTROSPECTION, TEST_TOKEN] {
        let bare = Request { content_type: None, body: Zeroizing::new(form.clone().into()), ..request(path) };
        let (status, body) = answer(&mut desk, &bare, NOW);
        check_error((status, serde_json::from_slice(&body).unwrap()), 400, "invalid_request");
    }
}

#[test]
fn who_asks_about_tokens_says_who_it_is() {
    let mut desk = desk(false);
    let token = token(&mut desk, OPAQUE, "");
    let mut asked = |form: String| post(&mut desk, INTROSPECTION, &form);
    check_error(asked(format!("token={token}")), 401, "invalid_client");
    check_error(asked(format!("client_id=gate&client_secret=x&token={token}")), 401, "invalid_client");
    check_error(asked(format!("{SHOP}&token={token}")), 403, "unauthorized_client");
    check_error(asked(GATE.into()), 400, "invalid_request");
    assert_eq!(asked(format!("{GATE}&token={token}")).1["active"], json!(true));
    assert_eq!(asked(format!("{GATE}&token=x")), (200, json!({"active": false})));
}

#[test]
fn a_token_is_taken_back_by_its_own_client() {
    let mut desk = desk(false);
    for (own, other) in [(SHOP, OPAQUE), (OPAQUE, SHOP)] {
        let token = token(&mut desk, own, "");
        check_error(post(&mut desk, REVOCATION, &format!("token={token}")), 401, "invalid_client");
        check_error(post(&mut desk, REVOCATION, &format!("{other}&token={token}")), 400, "invalid_grant");
        check_error(post(&mut desk, REVOCATION, own), 400, "invalid_request");
        assert!(is_active(&mut desk, &token, NOW));
        for _ in 0..2 {
            assert_eq!(post(&mut desk, REVOCATION, &format!("{own}&token={token}")), (200, Value::Null));
            assert!(!is_active(&mut desk, &token, NOW));
        }
    }
}

#[test]
fn a_test_token_is_for_whatever_is_asked_for() {
    let mut desk = desk(true);
    let form =
        "user=alice&scope=x+y&client_id=app&amr=PIN&app_identifier=Shop&app_platform=ios&app_version=1.0";
    let jwt = test_token(&mut desk, form);
    let opaque = test_token(&mut desk, &format!("{form}&format=opaque"));
    let from_jwt = judged(&desk, &jwt, NOW).unwrap();
    let introspection::Answer::Active(told) = told_at(&mut desk, &opaque, NOW) else { panic!("inactive") };
    for judgement in [from_jwt, *told] {
        assert_eq!(
            (judgement.subject.as_deref(), judgement.client_id.as_deref()),
            (Some("alice"), Some("app"))
        );
        assert_eq!((scopes(&judgement), &*judgement.amr), (vec!["x", "y"], &["PIN".into()][..]));
        let application = &judgement.application;
        let parts = [&application.id, &application.platform, &application.version];
        assert_eq!(parts.map(Option::as_deref), [Some("Shop"), Some("ios"), Some("1.0")]);
    }
    let over = test_token(&mut desk, "lifetime=-60");
    assert_eq!(judged(&desk, &over, NOW).unwrap_err(), TokenFault::Expired);
    let over = test_token(&mut desk, "lifetime=-60&format=opaque");
    assert!(!is_active(&mut desk, &over, NOW));
}

#[test]
fn the_longest_test_token_is_one_that_a_proxy_reads() {
    let mut desk = desk(true);
    let text = "%5C".repeat(crate::limits::AUTHORITY_TEXT_BYTES);
    let scope = "s".repeat(crate::limits::AUTHORITY_SCOPE_BYTES);
    let token = test_token(
        &mut desk,
        &format!(
            "user={text}&client_id={text}&amr={text}&app_identifier={text}&app_platform={text}&app_version={text}\
             &scope={scope}"
        ),
    );
    assert!(token.len() <= TOKEN_BYTES, "{}", token.len());
    assert_eq!(scopes(&judged(&desk, &token, NOW).unwrap()), [scope]);
}

#[test]
fn a_token_for_a_number_of_uses_is_used_up_by_questions() {
    let mut desk = desk(true);
    let token = test_token(&mut desk, "user=alice&format=opaque&usage_limit=2");
    let introspection::Answer::Active(told) = told_at(&mut desk, &token, NOW) else { panic!("inactive") };
    assert!(!told.may_be_cached);
    assert_eq!([(); 2].map(|()| is_active(&mut desk, &token, NOW)), [true, false]);
}

#[test]
fn without_development_there_are_no_test_tokens() {
    assert_eq!(post(&mut desk(false), TEST_TOKEN, "user=alice").0, 404);
    let page = Request { has_origin: true, ..request(TEST_TOKEN) };
    assert_eq!(answer(&mut desk(true), &page, NOW).0, 403);
    let other = Request { host: b"evil.test".to_vec(), ..request(TEST_TOKEN) };
    assert_eq!(answer(&mut desk(true), &other, NOW).0, 421);
}

#[test]
fn every_endpoint_in_the_metadata_is_there_and_serves_its_method_alone() {
    let mut desk = desk(true);
    let get = |path: &str| Request { method: "GET".into(), ..request(path) };
    for path in WELL_KNOWN {
        let (status, body) = answer(&mut desk, &get(path), NOW);
        let metadata: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &metadata["issuer"]), (200, &json!(ISSUER)));
        for (name, is_read) in [
            ("jwks_uri", true),
            ("token_endpoint", false),
            ("introspection_endpoint", false),
            ("revocation_endpoint", false),
        ] {
            let path = metadata[name].as_str().unwrap().strip_prefix(ISSUER).unwrap();
            let statuses = [get(path), request(path)].map(|request| answer(&mut desk, &request, NOW).0);
            assert_eq!(statuses[0] == 200, is_read, "{name}");
            assert_eq!(
                statuses.iter().position(|status| *status == 405),
                Some(usize::from(is_read)),
                "{name}"
            );
        }
        assert_eq!(answer(&mut desk, &request(path), NOW).0, 405);
    }
    assert_eq!(answer(&mut desk, &get(TEST_TOKEN), NOW).0, 405);
    assert_eq!(answer(&mut desk, &get("/"), NOW).0, 404);
}

#[test]
fn secrets_are_not_shown() {
    let settings = AuthoritySettings {
        clients: vec![ClientSettings { secret: Secret::new(b"sesame".to_vec()), ..client("shop") }],
        ..AuthoritySettings::default()
    };
    assert!(!format!("{settings:?}").contains("sesame"));
}
