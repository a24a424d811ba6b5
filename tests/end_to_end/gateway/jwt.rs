//! JSON Web Tokens: verified with keys from a file or a server, which may change.

use std::sync::{Arc, Mutex};

use super::*;
use crate::harness::{Gate, unused_address};

const ISSUER: &str =
    "[issuer.main]\nkind = \"jwt\"\nissuer = \"https://login.test\"\naudience = [\"orders\"]\n";
const RULE: &str = "{ issuer = \"main\", scope = [\"orders.read\"] }";

fn challenge(answer: &Message) -> String {
    answer.fields.get("www-authenticate").unwrap_or_default()
}

#[test]
fn a_token_decides_and_the_server_gets_what_it_says() {
    let (server, signer) = (ScriptedServer::ok(), Signer::new("1"));
    let proxy = guarded(&server, RULE, "set_headers = { x-user = \"{sub}\", x-tenant = \"{tenant}\" }")
        .with(format!("{ISSUER}jwks_file = \"keys.json\""))
        .file("keys.json", key_set(&[&signer]))
        .start();
    let without = get(&proxy, None);
    let metadata = "/.well-known/oauth-protected-resource/a";
    let expected = format!("Bearer realm=\"ringwall\", resource_metadata=\"http://a.test{metadata}\"");
    assert_eq!((without.status(), challenge(&without)), (401, expected));
    let mut client = proxy.client();
    client.send(format!("GET {metadata} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    let described: Value = serde_json::from_str(&client.response().text()).expect("JSON");
    assert_eq!(described["resource"], "http://a.test/a");
    assert_eq!(described["authorization_servers"], json!(["https://login.test"]));
    let stranger = Signer::new("1");
    for (token, status, error) in [
        (signer.token(json!({"exp": now() - 60})), 401, "invalid_token"),
        (signer.token(json!({"aud": "others"})), 401, "invalid_token"),
        (signer.token(json!({"iss": "https://evil.test"})), 401, "invalid_token"),
        (stranger.token(json!({})), 401, "invalid_token"),
        ("a.b.c".to_owned(), 401, "invalid_token"),
        (signer.token(json!({"scope": "orders.write"})), 403, "insufficient_scope"),
    ] {
        let answer = get(&proxy, Some(&token));
        assert_eq!(answer.status(), status, "{answer:?}");
        assert!(challenge(&answer).contains(&format!("error=\"{error}\"")), "{answer:?}");
    }
    assert_eq!(server.requests().len(), 0);
    let token = signer.token(json!({"tenant": "t-1"}));
    for _ in 0..2 {
        assert_eq!(get(&proxy, Some(&token)).status(), 200);
    }
    let got = server.requests().pop().expect("a request");
    assert_eq!(got.fields.get("x-user").as_deref(), Some("alice"));
    assert_eq!(got.fields.get("x-tenant").as_deref(), Some("t-1"));
    assert!(proxy.metric("ringwall_token_cache_hits_total", "") >= 1.0);
    let lines = proxy.wait_for_log(10);
    let log = std::fs::read_to_string(proxy.path("access.log")).expect("a log");
    assert!(!log.contains(&token), "tokens are never logged");
    let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let begin: String = hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let named = lines.iter().filter(|line| line["token"] == begin.as_str()).count();
    assert_eq!(named, 2, "{log}");
}

/// A server of keys that may be changed.
fn key_server(signers: &[&Signer]) -> (ScriptedServer, Arc<Mutex<String>>) {
    let keys = Arc::new(Mutex::new(key_set(signers)));
    let served = Arc::clone(&keys);
    let server = ScriptedServer::start(move |connection| {
        while connection.request().is_some() {
            let keys = served.lock().expect("keys").clone();
            connection.send(document(&keys));
        }
    });
    (server, keys)
}

fn keys_at(server: &ScriptedServer) -> String {
    format!("{ISSUER}jwks_url = \"http://{}/jwks\"", server.address())
}

#[test]
fn a_key_without_a_name_may_change_too() {
    let server = ScriptedServer::ok();
    let (old, new) = (Signer::new(""), Signer::new(""));
    let (issuer, keys) = key_server(&[&old]);
    let proxy = guarded(&server, RULE, "").with(keys_at(&issuer)).start();
    let kept = old.token(json!({}));
    assert_eq!(get(&proxy, Some(&kept)).status(), 200);
    *keys.lock().expect("keys") = key_set(&[&new]);
    assert_eq!(get(&proxy, Some(&new.token(json!({})))).status(), 200);
    // What the old key vouched for went with it.
    assert_eq!(get(&proxy, Some(&kept)).status(), 401);
}

#[test]
fn a_key_that_cannot_be_had_is_an_outage() {
    let server = ScriptedServer::ok();
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let (issuer, _) = key_server(&[&old]);
    let proxy = guarded(&server, RULE, "").with(keys_at(&issuer)).start();
    assert_eq!(get(&proxy, Some(&old.token(json!({})))).status(), 200);
    drop(issuer);
    for jti in ["1", "2"] {
        let answer = get(&proxy, Some(&new.token(json!({"jti": jti}))));
        assert_eq!((answer.status(), answer.fields.has("www-authenticate")), (503, false), "{answer:?}");
    }
    assert_eq!(get(&proxy, Some(&old.token(json!({"jti": "3"})))).status(), 200);
}

#[test]
fn keys_that_change_lose_no_request() {
    let server = ScriptedServer::ok();
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let (issuer, keys) = key_server(&[&old]);
    let proxy = guarded(&server, RULE, "").with(keys_at(&issuer)).start();
    // The first request waits for the keys if they are not there yet.
    assert_eq!(get(&proxy, Some(&old.token(json!({})))).status(), 200);
    *keys.lock().expect("keys") = key_set(&[&old, &new]);
    assert_eq!(get(&proxy, Some(&new.token(json!({})))).status(), 200);
    // An unknown key is no outage, and does not have the issuer asked again and again.
    let before = issuer.requests().len();
    for kid in ["x", "y", "z"] {
        assert_eq!(get(&proxy, Some(&Signer::new(kid).token(json!({})))).status(), 401);
    }
    assert!(issuer.requests().len() <= before + 1);
    // A server that is gone takes nothing away.
    drop(issuer);
    assert_eq!(get(&proxy, Some(&new.token(json!({"jti": "2"})))).status(), 200);
}

#[test]
fn without_keys_nothing_is_said_of_a_token() {
    let server = ScriptedServer::ok();
    let source = format!("{ISSUER}jwks_url = \"http://{}/jwks\"", unused_address());
    let proxy = guarded(&server, RULE, "").with(source).start();
    let answer = get(&proxy, Some(&Signer::new("1").token(json!({}))));
    assert_eq!((answer.status(), answer.fields.has("www-authenticate")), (503, false), "{answer:?}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_process_is_ready_when_its_first_keys_are_there() {
    let (server, signer, gate) = (ScriptedServer::ok(), Signer::new("1"), Gate::default());
    let (keys, opened) = (key_set(&[&signer]), gate.clone());
    let issuer = ScriptedServer::start(move |connection| {
        while connection.request().is_some() {
            opened.pass();
            connection.send(document(&keys));
        }
    });
    let source = format!("{ISSUER}jwks_url = \"http://{}/jwks\"", issuer.address());
    let mut proxy = guarded(&server, RULE, "").with(source).spawn();
    proxy.wait_for_stderr("serving public");
    let answer = proxy.admin("/ready");
    assert_eq!((answer.status(), answer.text().as_str()), (503, "the first keys of an issuer are awaited\n"));
    gate.open();
    proxy.wait_until_ready();
    assert_eq!(get(&proxy, Some(&signer.token(json!({})))).status(), 200);
    assert_eq!(issuer.requests().len(), 1);
}
