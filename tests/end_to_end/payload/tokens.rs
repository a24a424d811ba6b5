//! Applications that a token names: beside the one of a ticket, and in its place.

use serde_json::{Value, json};

use super::sealed_client::Session;
use super::*;
use crate::gateway::{Signer, key_set};
use crate::harness::{RawClient, ScriptedServer};

/// A guarded server, and a policy: version 1 seals, 2 may, 3 is not served.
fn start(server: &ScriptedServer, signer: &Signer) -> Proxy {
    let application = |version: &str, encryption: &str| {
        format!(
            "[[payload.application]]\nid = \"shop\"\nversion = \"{version}.*\"\nencryption = \"{encryption}\"\n"
        )
    };
    Setup::beside(server)
        .with("[[route]]\npath = \"/*\"\nupstream = \"origin\"\naccess = { issuer = \"main\" }")
        .with(
            "[issuer.main]\nkind = \"jwt\"\nissuer = \"https://login.test\"\naudience = [\"orders\"]\n\
             jwks_file = \"keys.json\"",
        )
        .file("keys.json", key_set(&[signer]))
        .with("[payload]")
        .with(application("1", "required") + &application("2", "optional") + &application("3", "disabled"))
        .start()
}

/// The claims of a token for this application.
fn naming(id: &str, version: &str) -> Value {
    json!({"app_identifier": id, "app_platform": "ios", "app_version": version})
}

/// What message `number` with this token inside is answered: status, and the reason in a problem.
#[track_caller]
fn sealed(proxy: &Proxy, session: &Session, number: u64, token: &str) -> (u16, String) {
    let credentials = format!("Bearer {token}");
    let inner = Inner { fields: &[("authorization", &credentials)], ..GET };
    let answer = session.message(number, &inner.bytes()).send(proxy);
    assert!(answer.is_sealed, "{answer:?}");
    let reason = if answer.status < 400 { Value::Null } else { answer.problem()["reason"].clone() };
    (answer.status, reason.as_str().unwrap_or_default().to_owned())
}

/// The same for a request in clear.
#[track_caller]
fn plain(proxy: &Proxy, token: &str) -> (u16, String) {
    let mut client = RawClient::connect(proxy.address);
    client.send(format!("GET / HTTP/1.1\r\nHost: example.test\r\nAuthorization: Bearer {token}\r\n\r\n"));
    let answer = client.response();
    (answer.status(), if answer.status() < 400 { String::new() } else { answer.reason() })
}

fn expected(status: u16, reason: &str) -> (u16, String) {
    (status, reason.to_owned())
}

#[test]
fn a_ticket_and_a_token_name_one_application() {
    let (server, signer) = (ScriptedServer::ok(), Signer::new("1"));
    let proxy = start(&server, &signer);
    let session = Key::of(&proxy).session(&proxy, Some(("shop", "ios", "1.4")));
    let mismatch = expected(403, "payload-app-mismatch");
    let stranger = Signer::new("1");
    for (number, (token, expected)) in [
        (signer.token(naming("shop", "1.4")), expected(200, "")),
        (signer.token(json!({})), expected(200, "")),
        (signer.token(json!({"app_identifier": "shop"})), expected(200, "")),
        (signer.token(naming("shop", "2.0")), mismatch.clone()),
        (signer.token(naming("bank", "1.4")), mismatch.clone()),
        (signer.token(json!({"app_platform": "android"})), mismatch.clone()),
        // Nobody vouches for what this one names.
        (stranger.token(naming("shop", "1.4")), expected(401, "token-invalid")),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(sealed(&proxy, &session, number as u64, &token), expected, "{number}");
    }
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn without_a_ticket_for_one_the_policy_goes_by_the_token() {
    let (server, signer) = (ScriptedServer::ok(), Signer::new("1"));
    let proxy = start(&server, &signer);
    let session = Key::of(&proxy).session(&proxy, None);
    for (number, (claims, in_clear, in_a_seal)) in [
        (naming("shop", "1.0"), expected(403, "payload-required"), expected(200, "")),
        (naming("shop", "2.0"), expected(200, ""), expected(200, "")),
        (naming("shop", "3.0"), expected(403, "payload-app-refused"), expected(403, "payload-app-refused")),
        // Nobody knows it.
        (naming("bank", "1.0"), expected(403, "payload-required"), expected(200, "")),
        // It names none, or not all of it.
        (json!({}), expected(403, "payload-required"), expected(403, "payload-app-refused")),
        (
            json!({"app_identifier": "shop"}),
            expected(403, "payload-required"),
            expected(403, "payload-app-refused"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let token = signer.token(claims.clone());
        assert_eq!(plain(&proxy, &token), in_clear, "{claims}");
        assert_eq!(sealed(&proxy, &session, number as u64, &token), in_a_seal, "{claims}");
    }
    assert_eq!(server.requests().len(), 4);
}
