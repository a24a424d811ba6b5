//! What a configuration says of issuers, access rules and mappers arrives in the settings as it was meant.

use std::path::PathBuf;
use std::time::Duration;

use ringwall::config;
use ringwall::control::settings::Settings;
use ringwall::policy::access_rule::{IssuerTerms, JudgedRule, SenderConstraint};
use ringwall::policy::field_template::{FieldTemplate, Name, Piece};
use ringwall::policy::request_mapper::{AnswerCache, Mapper, MapperId};
use ringwall::policy::ruleset::Ruleset;
use ringwall::policy::service::{CredentialsForm, ServiceId};
use ringwall::policy::token_rules::{CacheRules, IssuerId, IssuerKind, KeySource, MobileFirstJudge};
use ringwall::protocol::token::algorithm::Algorithm;
use ringwall::protocol::token::claim_set::TimeUnit;
use ringwall::protocol::token::client_assertion::AssertionRules;

const GUARDED: &str = r#"
[[listener]]
name = "public"
address = "127.0.0.1:8443"
[upstream.a]
servers = "http://a"
[upstream.login]
servers = "https://login.test"
[issuer.main]
kind = "jwt"
issuer = "https://login.test"
jwks_url = "https://login.test/jwks?p=1"
audience = "orders"
[issuer.bank]
kind = "jwt"
issuer = "https://bank.test/tenant/"
discovery = true
audience = ["a", "b"]
fapi = true
skew = "0s"
[issuer.inner]
kind = "jwt"
issuer = "inner"
upstream = "login"
jwks_path = "/keys"
audience = "a"
algorithms = ["RS256", "Ed25519"]
require_typ = false
[issuer.onegini]
kind = "introspection"
url = "https://login.test/introspect"
client_id = "a:b"
client_secret_file = "secret"
client_authentication = "post"
issuer = "https://login.test"
audience = "orders"
time_unit = "milliseconds"
skew = "5s"
timeout = "3s"
cache = { positive = "0s", negative = "1s", entries = 7 }
[issuer.x-signed]
kind = "introspection"
url = "https://login.test/introspect"
client_id = "a:b"
client_authentication = "private_key_jwt"
client_key_file = "client.key"
[issuer.y-signed]
kind = "introspection"
upstream = "login"
path = "/introspect"
client_id = "a"
client_authentication = "private_key_jwt"
client_key_file = "client.key"
client_key_id = "k"
client_assertion_algorithm = "RS256"
client_assertion_audience = "https://other.test"
issuer = "https://login.test"
[issuer.worklight]
kind = "mobilefirst"
public_key_file = "key.json"
mandatory_scope = ["wl_authenticityRealm"]
[issuer.wonline]
kind = "mobilefirst"
upstream = "login"
validation_path = "/validation"
realm = "mine"
[mapper.customers]
url = "https://mapper.test/map-request"
username = "ringwall"
password_file = "mapper.secret"
identity_fields = ["Authorized_Scopes"]
prefix = "/orders"
extra_members = true
cache = { time = "2s" }
[mapper.bare]
upstream = "a"
path = "/map"
timeout = "1s"
[access.orders-read]
issuer = ["onegini", "main"]
scope = ["orders.read", "orders.list"]
audience = "orders"
client_id = ["shop", "bank"]
amr = "otp"
acr = ["gold", "silver"]
max_age = "5m"
realm = "orders"
sender_constraint = "any"
dpop_nonce = "require"
[[route]]
path = "/1"
upstream = "a"
access = "orders-read"
mapper = "customers"
set_headers = { x-user = "{sub}" }
[[route]]
path = "/2"
upstream = "a"
access = { issuer = ["main", "worklight"], id_token = "require" }
[[route]]
path = "/3"
upstream = "a"
access = { issuer = "bank" }
mapper = "bare"
[[route]]
path = "/4"
upstream = "a"
access = { issuer = ["wonline", "inner"] }
"#;

fn guarded() -> Settings {
    config::parse(GUARDED, "etc/ringwall.toml", std::iter::empty()).expect("a good configuration").settings
}

/// URL or upstream and path of a service, its user, and its time in milliseconds.
fn service(ruleset: &Ruleset, id: ServiceId) -> (String, &str, Option<&str>, u128) {
    let service = &ruleset.services[usize::from(id.0)];
    let server = &ruleset.upstreams[usize::from(service.upstream.0)].servers[0];
    let user = service.credentials.as_ref().map(|credentials| credentials.username.as_str());
    (server.place(), service.path.as_str(), user, service.timeout.as_millis())
}

#[test]
fn issuers_of_json_web_tokens_have_rules_and_keys() {
    let ruleset = guarded().ruleset;
    let names: Vec<_> = ruleset.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    assert_eq!(names, ["bank", "inner", "main", "onegini", "wonline", "worklight", "x-signed", "y-signed"]);
    let jwt = |at: usize| match &ruleset.issuers[at].kind {
        IssuerKind::Jwt { rules, keys } => (rules, keys),
        other => panic!("{other:?}"),
    };
    let (bank, keys) = jwt(0);
    assert_eq!((bank.index, &*bank.issuer, bank.skew), (0, "https://bank.test/tenant/", 0));
    assert!(bank.is_fapi && bank.requires_type);
    assert_eq!(bank.audience, ["a".into(), "b".into()]);
    assert_eq!(bank.algorithms, [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Ps256]);
    let KeySource::Discovery(id) = keys else { panic!("{keys:?}") };
    let metadata = "/tenant/.well-known/openid-configuration";
    assert_eq!(service(&ruleset, *id), ("bank.test:443".to_owned(), metadata, None, 10_000));
    let (inner, keys) = jwt(1);
    assert_eq!((inner.index, inner.requires_type), (1, false));
    assert_eq!(inner.algorithms, [Algorithm::Rs256, Algorithm::EdDsa]);
    let KeySource::Service(id) = keys else { panic!("{keys:?}") };
    assert_eq!(service(&ruleset, *id), ("login.test:443".to_owned(), "/keys", None, 10_000));
    let (main, keys) = jwt(2);
    assert_eq!((main.skew, main.is_fapi, main.requires_type), (10, false, true));
    assert_eq!(main.algorithms, [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256]);
    let KeySource::Service(id) = keys else { panic!("{keys:?}") };
    assert_eq!(service(&ruleset, *id), ("login.test:443".to_owned(), "/jwks?p=1", None, 10_000));
    let unsaid =
        CacheRules { positive: Duration::from_secs(60), negative: Duration::from_secs(5), entries: 100_000 };
    assert_eq!(ruleset.issuers[2].cache, unsaid);
}

#[test]
fn issuers_that_are_asked_say_whom_and_how() {
    let settings = guarded();
    let ruleset = &settings.ruleset;
    let IssuerKind::Introspection { service: id, rules } = &ruleset.issuers[3].kind else {
        panic!("another kind")
    };
    assert_eq!(service(ruleset, *id), ("login.test:443".to_owned(), "/introspect", Some("a:b"), 3000));
    let credentials = ruleset.services[usize::from(id.0)].credentials.as_ref().expect("credentials");
    assert_eq!(credentials.form, CredentialsForm::ClientPost);
    assert_eq!(credentials.secret_file, PathBuf::from("etc/secret"));
    assert_eq!((rules.index, rules.issuer.as_deref(), rules.skew), (3, Some("https://login.test"), 5));
    assert_eq!((rules.unit, rules.audience.len(), rules.is_fapi), (TimeUnit::Milliseconds, 1, false));
    let cache = CacheRules { positive: Duration::ZERO, negative: Duration::from_secs(1), entries: 7 };
    assert_eq!(ruleset.issuers[3].cache, cache);
    let mobilefirst = |at: usize| match &ruleset.issuers[at].kind {
        IssuerKind::MobileFirst { rules, judge } => (rules, judge),
        other => panic!("{other:?}"),
    };
    let (online, judge) = mobilefirst(4);
    assert_eq!((online.index, online.is_development), (4, false));
    let MobileFirstJudge::Service(id) = judge else { panic!("{judge:?}") };
    assert_eq!(service(ruleset, *id), ("login.test:443".to_owned(), "/validation", None, 2000));
    let (offline, judge) = mobilefirst(5);
    assert_eq!(*judge, MobileFirstJudge::Keys(KeySource::File("etc/key.json".into())));
    assert_eq!(offline.mandatory_scope, ["wl_authenticityRealm".into()]);
    assert_eq!(settings.tls.upstreams.len(), ruleset.upstreams.len());
}

#[test]
fn a_client_with_a_key_says_whom_its_assertions_are_for() {
    let ruleset = guarded().ruleset;
    let check = |at: usize, audience: &str, key_id: Option<&str>, algorithm| {
        let IssuerKind::Introspection { service, .. } = &ruleset.issuers[at].kind else {
            panic!("another kind")
        };
        let credentials = ruleset.services[usize::from(service.0)].credentials.as_ref().expect("credentials");
        let rules = AssertionRules { audience: audience.into(), key_id: key_id.map(Into::into), algorithm };
        assert_eq!(credentials.form, CredentialsForm::ClientAssertion(rules));
        assert_eq!(credentials.secret_file, PathBuf::from("etc/client.key"));
        assert!(credentials.key.is_none(), "files are read later");
    };
    check(6, "https://login.test/introspect", None, None);
    check(7, "https://other.test", Some("k"), Some(Algorithm::Rs256));
}

#[test]
fn access_rules_say_what_a_token_must_be() {
    let ruleset = guarded().ruleset;
    let rule = |at: usize| ruleset.routes.routes()[at].access.judged().expect("a rule").as_ref();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let terms = |skew| IssuerTerms { skew, ..IssuerTerms::default() };
    let mobilefirst =
        |scope: &[&str]| IssuerTerms { skew: 0, mandatory_scope: words(scope), is_mobilefirst: true };
    let expected = JudgedRule {
        issuers: vec![IssuerId(3), IssuerId(2)],
        terms: vec![terms(5), terms(10)],
        scope: words(&["orders.read", "orders.list"]),
        audience: words(&["orders"]),
        client_id: words(&["shop", "bank"]),
        amr: words(&["otp"]),
        acr: words(&["gold", "silver"]),
        max_age: Some(Duration::from_secs(300)),
        realm: Some("orders".to_owned()),
        id_token: false,
        sender_constraint: Some(SenderConstraint::Any),
        requires_nonce: true,
        takes_pair: false,
    };
    assert_eq!(*rule(0), expected);
    let expected = JudgedRule {
        issuers: vec![IssuerId(2), IssuerId(5)],
        terms: vec![terms(10), mobilefirst(&["wl_authenticityRealm"])],
        realm: Some("imfAuthentication".to_owned()),
        id_token: true,
        takes_pair: true,
        ..JudgedRule::default()
    };
    assert_eq!(*rule(1), expected);
    // All of its tokens are bound, and challenges say so.
    assert_eq!(rule(2).sender_constraint, Some(SenderConstraint::Any));
    assert_eq!((rule(2).realm.as_deref(), rule(2).takes_pair), (None, false));
    assert_eq!((rule(3).realm.as_deref(), rule(3).takes_pair), (Some("mine"), true));
    assert_eq!(rule(3).terms, [mobilefirst(&[]), terms(10)]);
}

#[test]
fn mappers_say_whom_to_ask_and_what_they_may() {
    let settings = guarded();
    let ruleset = &settings.ruleset;
    let [bare, customers] = ruleset.mappers.as_slice() else { panic!("two mappers") };
    assert_eq!(service(ruleset, bare.service), ("a".to_owned(), "/map", None, 1000));
    let expected = Mapper {
        name: "bare".to_owned(),
        service: bare.service,
        extra_members: false,
        identity_fields: Vec::new(),
        prefix: None,
        answer_cache: None,
    };
    assert_eq!(*bare, expected);
    let user = Some("ringwall");
    assert_eq!(
        service(ruleset, customers.service),
        ("mapper.test:443".to_owned(), "/map-request", user, 500)
    );
    let expected = Mapper {
        name: "customers".to_owned(),
        service: customers.service,
        extra_members: true,
        identity_fields: vec!["authorized_scopes".to_owned()],
        prefix: Some("/orders".to_owned()),
        answer_cache: Some(AnswerCache { time: Duration::from_secs(2), entries: 1000 }),
    };
    assert_eq!(*customers, expected);
    let routes = ruleset.routes.routes();
    let mappers: Vec<_> = routes.iter().map(|route| route.mapper).collect();
    assert_eq!(mappers, [Some(MapperId(1)), None, Some(MapperId(0)), None]);
    let claim = FieldTemplate::Pieces(vec![Piece::Named(Name::Claim("sub".into()))]);
    assert_eq!(routes[0].set_headers, [("x-user".to_owned(), claim)]);
}
