//! The request mapper: what it is told, what its answer makes of a request, and that without one nothing is forwarded.

use super::*;
use crate::harness::unused_address;

pub(super) fn setup(server: &ScriptedServer, mapper: std::net::SocketAddr, signer: &Signer) -> Setup {
    guarded(server, "{ issuer = \"main\" }", "mapper = \"customers\"")
        .with(
            "[issuer.main]\nkind = \"jwt\"\nissuer = \"https://login.test\"\naudience = [\"orders\"]\n\
             jwks_file = \"keys.json\"",
        )
        .with(format!(
            "[mapper.customers]\nurl = \"http://{mapper}/map-request\"\nusername = \"username\"\n\
             password_file = \"secret\"\ntimeout = \"300ms\"\nidentity_fields = [\"authorized_scopes\"]"
        ))
        .file("secret", "password\n")
        .file("keys.json", key_set(&[signer]))
}

#[test]
fn the_mapper_rewrites_the_request() {
    let (server, signer) = (ScriptedServer::ok(), Signer::new("1"));
    let mapper = ScriptedServer::answering(document(
        "{\"request_uri\": \"/a/alice\", \"headers\": {\"x-a\": \"1\", \"authorized_scopes\": \"orders.read\"}}",
    ));
    let proxy = setup(&server, mapper.address(), &signer).start();
    let token = signer.token(json!({}));
    let mut client = proxy.client();
    client.send(format!(
        "GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {token}\r\nX-A: 1\r\nX-A: 2\r\nCookie: c=1\r\n\
         Authorized-Scopes: all\r\n\r\n"
    ));
    assert_eq!(client.response().status(), 200);
    let asked = mapper.request();
    assert_eq!(asked.start_line, "POST /map-request HTTP/1.1");
    assert_eq!(asked.fields.get("authorization").as_deref(), Some("Basic dXNlcm5hbWU6cGFzc3dvcmQ="));
    let told: Value = serde_json::from_slice(&asked.body).expect("JSON");
    assert_eq!(told["request_uri"], "/a?b=c");
    assert_eq!(told["token_validation_result"]["sub"], "alice");
    let headers = json!({"authorization": format!("Bearer {token}"), "x-a": "1, 2", "cookie": "c=1"});
    assert_eq!(told["headers"], headers);
    let got = server.request();
    assert_eq!(got.target(), "/a/alice");
    assert_eq!(got.fields.get("authorized_scopes").as_deref(), Some("orders.read"));
    for gone in ["authorization", "cookie", "authorized-scopes"] {
        assert!(!got.fields.has(gone), "{gone}: {got:?}");
    }
}

#[test]
fn without_a_mapping_nothing_is_forwarded() {
    let (server, signer) = (ScriptedServer::ok(), Signer::new("1"));
    let failing = ScriptedServer::answering("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    let moved = ScriptedServer::answering("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    let silent = ScriptedServer::start(|connection| drop(connection.until_end()));
    let huge = ScriptedServer::answering(document(&format!(
        "{{\"request_uri\": \"/a\", \"headers\": {{\"x\": \"{}\"}}}}",
        "y".repeat(1 << 20)
    )));
    let mut mappers =
        vec![unused_address(), failing.address(), moved.address(), silent.address(), huge.address()];
    let answers = [
        "{\"request_uri\": \"http://evil.test/\", \"headers\": {}}",
        "{\"request_uri\": \"//evil.test\", \"headers\": {}}",
        "{\"request_uri\": \"/a/../admin\", \"headers\": {}}",
        "{\"request_uri\": \"/a\", \"headers\": {\"x\": \"a\\r\\nb\"}}",
        "{\"request_uri\": \"/a\", \"headers\": {\"content-length\": \"7\"}}",
        "{\"request_uri\": \"/a\"}",
    ];
    let answering: Vec<_> =
        answers.iter().map(|answer| ScriptedServer::answering(document(answer))).collect();
    mappers.extend(answering.iter().map(ScriptedServer::address));
    for mapper in mappers {
        let proxy = setup(&server, mapper, &signer).start();
        let answer = get(&proxy, Some(&signer.token(json!({}))));
        assert!((502..=504).contains(&answer.status()), "{mapper}: {answer:?}");
    }
    assert_eq!(server.requests().len(), 0);
}
