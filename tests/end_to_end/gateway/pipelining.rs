//! Requests that come together on one connection are judged one by one: each by its own token, its own mapping, and the rules
//! of its own time.

use super::introspection::{setup, token_server};
use super::*;
use crate::harness::{Gate, eventually};

fn request(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {token}\r\n\r\n")
}

#[test]
fn what_was_found_out_for_one_request_is_not_told_of_the_next() {
    let (server, tokens) = (ScriptedServer::ok(), token_server());
    let proxy = setup(&server, tokens.address()).start();
    let mut client = proxy.client();
    client.send(["good-1", "bad", "good-2", "none"].map(|token| request("/a", token)).concat());
    let statuses: Vec<_> = (0..4).map(|_| client.response().status()).collect();
    assert_eq!(statuses, [200, 401, 200, 401]);
    assert_eq!(tokens.requests().len(), 4);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn each_request_is_mapped_by_itself() {
    let (server, signer) = (ScriptedServer::ok(), Signer::new("1"));
    let mapper = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let told: Value = serde_json::from_slice(&request.body).expect("JSON");
            let subject = told["token_validation_result"]["sub"].as_str().expect("a user");
            let target = format!("{}/{subject}", told["request_uri"].as_str().expect("a target"));
            connection.send(document(&json!({"request_uri": target, "headers": {}}).to_string()));
        }
    });
    let proxy = mapper::setup(&server, mapper.address(), &signer).start();
    let mut client = proxy.client();
    let [alice, bob] = ["alice", "bob"].map(|user| signer.token(json!({"sub": user})));
    client.send([request("/a", &alice), request("/b", &bob), request("/a", &bob)].concat());
    (0..3).for_each(|_| assert_eq!(client.response().status(), 200));
    let targets: Vec<_> = server.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(targets, ["/a/alice", "/b/bob", "/a/bob"]);
}

#[test]
fn a_request_that_waits_behind_another_is_judged_by_the_rules_of_its_turn() {
    let gate = Gate::default();
    let held = gate.clone();
    let server = ScriptedServer::start(move |connection| {
        while connection.request().is_some() {
            held.pass();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let proxy = Setup::beside(&server)
        .with("[[route]]\npath = \"/a\"\nupstream = \"origin\"\naccess = \"open\"")
        .start();
    let mut client = proxy.client();
    client.send("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(3));
    eventually("the first request", || (!server.requests().is_empty()).then_some(()));
    proxy.rewrite(|text| text.replace("path = \"/a\"", "path = \"/b\""));
    proxy.reload();
    gate.open();
    let statuses: Vec<_> = (0..3).map(|_| client.response().status()).collect();
    assert_eq!(statuses, [200, 404, 404]);
}
