//! MobileFirst's tokens, as its server signs them and its clients send them: an access token, with or without an ID token.

use std::net::TcpListener;

use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use super::*;
use crate::harness::{eventually, unused_address};

const ISSUER: &str = "http://mfp.test:10080/app/authorization/v1/token";
const KEY_PATH: &str = "/app/authorization/v1/publickey";
const LOGIN: &str = "SampleAppRealm";
const AUTHENTICITY: &str = "wl_authenticityRealm";

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/token/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a fixture")
}

/// The server's one key: the RSA key that RFC 7515 prints.
fn number(name: &str) -> Vec<u8> {
    let keys: Value = serde_json::from_str(&fixture("signing_keys.json")).expect("JSON");
    BASE64URL.decode(keys["RSA"][name].as_str().expect("a number")).expect("base64url")
}

/// A JWK as the server writes it: no name, no algorithm, and a zero byte before the modulus.
fn key_of(modulus: &[u8], exponent: &[u8]) -> String {
    assert!(modulus[0] >= 0x80, "a modulus without a zero byte");
    let modulus = BASE64URL.encode([&[0], modulus].concat());
    json!({"e": BASE64URL.encode(exponent), "n": modulus, "kty": "RSA"}).to_string()
}

fn public_key() -> String {
    key_of(&number("n"), &number("e"))
}

/// A token as the server writes it: its key in the header, slashes escaped.
fn signed(claims: &Value) -> String {
    let [n, e, d, p, q, dp, dq, qi] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(number);
    let public_key = PublicKeyComponents { n, e };
    let pair =
        RsaKeyPair::from_components(&KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qi });
    let pair = pair.expect("a key");
    let header = json!({"alg": "RS256", "jpk": {"alg": "RSA", "exp": "AQAB", "mod": "AJqdjLUm"}}).to_string();
    let claims = claims.to_string().replace('/', "\\/");
    let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = SystemRandom::new();
    pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).expect("a signature");
    format!("{message}.{}", BASE64URL.encode(signature))
}

/// An access token whose scope has these elements: name, seconds left, mandatory.
fn access(elements: &[(&str, i64, bool)]) -> String {
    let element = |(name, left, mandatory): &(&str, i64, bool)| {
        ((*name).to_owned(), json!({"exp": now().saturating_add_signed(*left), "mandatory": mandatory}))
    };
    let scope: serde_json::Map<_, _> = elements.iter().map(element).collect();
    signed(&json!({"exp": now() + 600, "iss": ISSUER, "prn": "client", "imf.scope": scope}))
}

/// One with all that is asked for here.
fn good() -> String {
    access(&[(LOGIN, 600, false), (AUTHENTICITY, 600, true)])
}

fn id(left: i64) -> String {
    signed(&json!({
        "exp": now().saturating_add_signed(left), "iss": ISSUER, "sub": "alice",
        "imf.user": {"id": "alice", "authBy": LOGIN, "displayName": "A"},
        "imf.device": {"id": "d", "platform": "ios", "model": "m", "osVersion": "9"},
        "imf.application": {"id": "shop", "version": "1.0"},
    }))
}

/// A rule for `SampleAppRealm` of an issuer with these settings.
fn setup(server: &ScriptedServer, issuer: &str) -> Setup {
    let rule = format!("{{ issuer = \"worklight\", scope = [\"{LOGIN}\"] }}");
    guarded(server, &rule, "set_headers = { x-user = \"{sub}\", x-client = \"{client_id}\" }")
        .with(format!("[issuer.worklight]\nkind = \"mobilefirst\"\n{issuer}"))
}

/// The same, with the server's key in a file.
fn with_key(server: &ScriptedServer, more: &str) -> Setup {
    setup(server, &format!("public_key_file = \"key.json\"\n{more}")).file("key.json", public_key())
}

/// What a GET with these credentials is answered: status, and the error in a challenge that its clients look for.
#[track_caller]
fn ask(proxy: &Proxy, credentials: &str) -> (u16, String) {
    let mut client = proxy.client();
    client.send(format!("GET /a HTTP/1.1\r\nHost: a.test\r\nAuthorization: {credentials}\r\n\r\n"));
    let answer = client.response();
    let challenge = answer.fields.all("www-authenticate").into_iter().next();
    let Some(challenge) = challenge else { return (answer.status(), String::new()) };
    let rest = challenge.strip_prefix("Bearer realm=\"imfAuthentication\"");
    let rest = rest.unwrap_or_else(|| panic!("its clients know another challenge: {challenge}"));
    let scope = format!("scope=\"{LOGIN}\"");
    assert_eq!(rest.contains(&scope), rest.contains("insufficient_scope"), "{challenge}");
    let error = rest.split("error=\"").nth(1).and_then(|rest| rest.split('"').next());
    (answer.status(), error.unwrap_or_default().to_owned())
}

fn refused(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

const OK: u16 = 200;

#[test]
fn one_or_two_tokens_say_who_it_is() {
    let server = ScriptedServer::ok();
    let proxy = with_key(&server, "").start();
    let (access, id) = (good(), id(600));
    for (credentials, user) in [
        (format!("Bearer {access}"), "client"),
        (format!("Bearer {access} {id}"), "alice"),
        (format!("bearer {access} {id}"), "alice"),
        (format!("BEARER   {access}"), "client"),
    ] {
        assert_eq!(ask(&proxy, &credentials).0, OK, "{credentials}");
        let got = server.requests().pop().expect("a request");
        assert_eq!(got.fields.get("x-user").as_deref(), Some(user), "{credentials}");
        assert_eq!(got.fields.get("x-client").as_deref(), Some("client"));
    }
    let without = get(&proxy, None);
    let challenge = without.fields.get("www-authenticate");
    let expected = Some("Bearer realm=\"imfAuthentication\"");
    assert_eq!((without.status(), challenge.as_deref()), (401, expected));
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_rule_may_want_the_user_to_be_named() {
    let server = ScriptedServer::ok();
    let rule = "{ issuer = \"worklight\", id_token = \"require\" }";
    let issuer = "[issuer.worklight]\nkind = \"mobilefirst\"\npublic_key_file = \"key.json\"";
    let proxy = guarded(&server, rule, "").with(issuer).file("key.json", public_key()).start();
    assert_eq!(ask(&proxy, &format!("Bearer {} {}", good(), id(600))).0, OK);
    assert_eq!(ask(&proxy, &format!("Bearer {}", good())), refused(401, ""));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_no_pair_of_its_tokens_is_refused() {
    let server = ScriptedServer::ok();
    let proxy = with_key(&server, "").start();
    let (access, id_token) = (good(), id(600));
    let other = signed(&json!({"exp": now() + 600, "iss": "http://other.test/token", "sub": "mallory"}));
    for (credentials, expected) in [
        (format!("Bearer {access} {id_token} {id_token}"), refused(400, "invalid_request")),
        (format!("Bearer {access},{id_token}"), refused(400, "invalid_request")),
        ("Bearer".to_owned(), refused(400, "invalid_request")),
        (format!("Bearer {id_token}"), refused(401, "invalid_token")),
        (format!("Bearer {id_token} {access}"), refused(401, "invalid_token")),
        (format!("Bearer {access} {access}"), refused(401, "invalid_token")),
        (format!("Bearer {access} {}", id(-1)), refused(401, "invalid_token")),
        (format!("Bearer {access} {other}"), refused(401, "invalid_token")),
        (format!("Bearer {}", forged(&access)), refused(401, "invalid_token")),
        (format!("Bearer {access} x"), refused(401, "invalid_token")),
    ] {
        assert_eq!(ask(&proxy, &credentials), expected, "{credentials}");
    }
    assert_eq!(server.requests().len(), 0);
    // What one pair proved is nobody else's.
    assert_eq!(ask(&proxy, &format!("Bearer {access} {id_token}")).0, OK);
    assert_eq!(ask(&proxy, &format!("Bearer {access}")).0, OK);
    let got = server.requests().pop().expect("a request");
    assert_eq!(got.fields.get("x-user").as_deref(), Some("client"));
}

#[test]
fn every_element_of_the_scope_has_its_own_time() {
    let server = ScriptedServer::ok();
    let more = format!("mandatory_scope = [\"{AUTHENTICITY}\"]");
    let proxy = with_key(&server, &more).start();
    let short = refused(403, "insufficient_scope");
    let (login, authenticity) = ((LOGIN, 600, false), (AUTHENTICITY, 600, true));
    for (elements, expected) in [
        (vec![login, authenticity], None),
        (vec![login, authenticity, ("other", -1, false)], None),
        (vec![login, authenticity, ("other", -1, true)], Some(&short)),
        (vec![(LOGIN, -1, false), authenticity], Some(&short)),
        (vec![login, (AUTHENTICITY, -1, true)], Some(&short)),
        (vec![authenticity], Some(&short)),
        // It says nothing of what every token must be for.
        (vec![login], Some(&short)),
        (vec![], Some(&short)),
    ] {
        let found = ask(&proxy, &format!("Bearer {}", access(&elements)));
        assert_eq!(found, expected.cloned().unwrap_or((OK, String::new())), "{elements:?}");
    }
    // A token that is known runs out piece by piece.
    let (first, second) = ((LOGIN, 3, false), ("wl_antiXSRFRealm", 2, false));
    let token = access(&[first, authenticity, second]);
    assert_eq!(ask(&proxy, &format!("Bearer {token}")).0, OK);
    eventually("the element to run out", || match ask(&proxy, &format!("Bearer {token}")) {
        (OK, _) => None,
        found => {
            assert_eq!(found, short);
            Some(())
        }
    });
}

#[test]
fn test_tokens_are_taken_in_development_alone() {
    let server = ScriptedServer::ok();
    let scope = json!({LOGIN: {"exp": now() + 600, "mandatory": true}});
    let issuer = ISSUER.replace("/token", "/testtoken");
    let token = signed(&json!({"exp": now() + 600, "iss": issuer, "prn": "client", "imf.scope": scope}));
    for (more, expected) in [("", refused(401, "invalid_token")), ("development = true", (OK, String::new()))]
    {
        let proxy = with_key(&server, more).start();
        assert_eq!(ask(&proxy, &format!("Bearer {token}")), expected, "{more}");
    }
}

/// The token of `tests/fixtures/token`, which its server's own key signed.
#[test]
fn a_token_of_the_product_is_refused_now() {
    let server = ScriptedServer::ok();
    let token = fixture("mfp7-token.txt");
    let token = token.trim_end();
    let header = BASE64URL.decode(token.split('.').next().expect("a header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    let key = json!({"e": header["jpk"]["exp"], "n": header["jpk"]["mod"], "kty": "RSA"}).to_string();
    for (more, key, reason) in [
        ("development = true", key.clone(), "token-expired"),
        ("", key, "token-test"),
        ("development = true", public_key(), "token-unknown-key"),
    ] {
        let setup = setup(&server, &format!("public_key_file = \"key.json\"\n{more}"));
        let proxy = setup.file("key.json", key).start();
        assert_eq!(ask(&proxy, &format!("Bearer {token}")), refused(401, "invalid_token"));
        assert_eq!(proxy.wait_for_log(1)[0]["reason"], reason);
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn without_the_servers_key_nothing_is_said_of_a_token() {
    let (server, address) = (ScriptedServer::ok(), unused_address());
    let proxy = setup(&server, &format!("public_key_url = \"http://{address}{KEY_PATH}\"")).start();
    let credentials = format!("Bearer {} {}", good(), id(600));
    assert_eq!(ask(&proxy, &credentials), (503, String::new()));
    assert_eq!(server.requests().len(), 0);
    let listener = TcpListener::bind(address).expect("the address of the key");
    let authorization = ScriptedServer::on(listener, |connection| {
        while connection.request().is_some() {
            connection.send(document(&public_key()));
        }
    });
    eventually("the key to be there", || (ask(&proxy, &credentials).0 == OK).then_some(()));
    assert_eq!(authorization.requests()[0].start_line, format!("GET {KEY_PATH} HTTP/1.1"));
    drop(authorization);
    assert_eq!(ask(&proxy, &format!("Bearer {}", good())).0, OK);
}

#[test]
fn the_server_itself_may_judge() {
    let server = ScriptedServer::ok();
    let authorization = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let form = String::from_utf8_lossy(&request.body).into_owned();
            let user = if form.contains("&id_token=id.b.c") { "alice" } else { "client" };
            let scope = if form.starts_with("token=a.b.c") { LOGIN } else { "other" };
            let context =
                json!({"imf.sub": user, "imf.user": {"id": user}, "imf.device": {}, "imf.application": {}});
            let active = !form.starts_with("token=bad");
            connection.send(document(
                &json!({"active": active, "exp": now() + 600, "scope": scope, "user_id": user, "security_context": context})
                    .to_string(),
            ));
        }
    });
    let address = authorization.address();
    let proxy = setup(
        &server,
        &format!("validation_url = \"http://{address}/app/authorization/v1/token/validation\""),
    )
    .start();
    for (credentials, expected, user) in [
        ("Bearer a.b.c id.b.c", (OK, String::new()), Some("alice")),
        ("Bearer a.b.c", (OK, String::new()), Some("client")),
        ("Bearer a.b.c id.b.c", (OK, String::new()), Some("alice")),
        ("Bearer d.e.f", refused(403, "insufficient_scope"), None),
        ("Bearer bad", refused(401, "invalid_token"), None),
    ] {
        let before = server.requests().len();
        assert_eq!(ask(&proxy, credentials), expected, "{credentials}");
        let requests = server.requests();
        let got = requests.get(before).and_then(|request| request.fields.get("x-user"));
        assert_eq!(got.as_deref(), user, "{credentials}");
    }
    let asked = authorization.requests();
    assert_eq!(asked.len(), 4, "a pair is asked about once");
    assert_eq!(asked[0].start_line, "POST /app/authorization/v1/token/validation HTTP/1.1");
    assert_eq!(asked[0].body, b"token=a.b.c&id_token=id.b.c");
    drop(authorization);
    assert_eq!(ask(&proxy, "Bearer a.b.c id.b.c").0, OK);
    assert_eq!(ask(&proxy, "Bearer g.h.i"), (503, String::new()));
}
