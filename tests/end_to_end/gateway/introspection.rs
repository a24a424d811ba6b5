//! Opaque tokens: the Token Server is asked once, what it says is kept, and when it cannot be asked nothing is guessed.

use std::sync::Barrier;

use super::*;
use crate::harness::{Connection, unused_address};

const RULE: &str = "{ issuer = \"main\", scope = [\"read\"] }";

pub(super) fn issuer(address: std::net::SocketAddr) -> String {
    format!(
        "[issuer.main]\nkind = \"introspection\"\nurl = \"http://{address}/introspect\"\nclient_id = \"ringwall\"\n\
         client_secret_file = \"secret\"\ntimeout = \"500ms\""
    )
}

pub(super) fn setup(server: &ScriptedServer, token_server: std::net::SocketAddr) -> Setup {
    guarded(server, RULE, "set_headers = { x-user = \"{sub}\" }")
        .with(issuer(token_server))
        .file("secret", "s3cret\n")
}

/// Says of a token what its name says: `good…`, `counted…`; all others are not active.
pub(super) fn token_server() -> ScriptedServer {
    ScriptedServer::start(|connection: &mut Connection| {
        while let Some(request) = connection.request() {
            let form = String::from_utf8_lossy(&request.body).into_owned();
            let token = form.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
            let limit = u8::from(token.starts_with("counted"));
            connection.send(match token.starts_with("good") || limit == 1 {
                true => document(&format!(
                    "{{\"active\": true, \"scope\": \"read write\", \"sub\": \"alice\", \"exp\": {}, \
                     \"usage_limit\": {limit}, \"user_details\": null}}",
                    now() + 600
                )),
                false => document("{\"active\": false}"),
            });
        }
    })
}

#[test]
fn the_token_server_is_asked_once_for_each_token() {
    let (server, tokens) = (ScriptedServer::ok(), token_server());
    let proxy = setup(&server, tokens.address()).start();
    for (token, status) in [("good", 200), ("bad", 401), ("good", 200), ("bad", 401)] {
        assert_eq!(get(&proxy, Some(token)).status(), status, "{token}");
    }
    assert_eq!(tokens.requests().len(), 2);
    let asked = &tokens.requests()[0];
    assert_eq!(asked.start_line, "POST /introspect HTTP/1.1");
    assert_eq!(asked.fields.get("authorization").as_deref(), Some("Basic cmluZ3dhbGw6czNjcmV0"));
    assert_eq!(server.requests()[0].fields.get("x-user").as_deref(), Some("alice"));
    // Every use of such a token counts.
    for _ in 0..2 {
        assert_eq!(get(&proxy, Some("counted")).status(), 200);
    }
    assert_eq!(tokens.requests().len(), 4);
    // Revoked: forgotten by all workers.
    let evict = "POST /evict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: 10\r\n\r\ntoken=good";
    let mut admin = crate::harness::RawClient::connect(proxy.admin);
    admin.send(evict);
    assert_eq!(admin.response().status(), 202);
    crate::harness::eventually("the token to be asked about again", || {
        get(&proxy, Some("good"));
        (tokens.requests().len() > 4).then_some(())
    });
}

#[test]
fn a_hundred_requests_over_all_workers_ask_once() {
    let (server, tokens) = (ScriptedServer::ok(), token_server());
    let proxy = setup(&server, tokens.address()).cpus("0,0").start();
    let start = Barrier::new(100);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    get(&proxy, Some("good")).status()
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.join().expect("a call"), 200);
        }
    });
    assert_eq!(tokens.requests().len(), 1);
}

#[test]
fn an_outage_is_never_the_tokens_fault() {
    let server = ScriptedServer::ok();
    let refusing = ScriptedServer::answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    let nonsense = ScriptedServer::answering(document("nonsense"));
    let silent = ScriptedServer::start(|connection| drop(connection.until_end()));
    for address in [unused_address(), refusing.address(), nonsense.address(), silent.address()] {
        let proxy = setup(&server, address).start();
        let answer = get(&proxy, Some("good"));
        assert!((502..=504).contains(&answer.status()), "{answer:?}");
        assert!(!answer.fields.has("www-authenticate"), "{answer:?}");
    }
    // Only the literal `true` is active.
    let talking = ScriptedServer::answering(document("{\"active\": \"true\"}"));
    let proxy = setup(&server, talking.address()).start();
    assert_eq!(get(&proxy, Some("good")).status(), 401);
    // What is known goes on.
    let tokens = token_server();
    let proxy = setup(&server, tokens.address()).start();
    assert_eq!(get(&proxy, Some("good")).status(), 200);
    drop(tokens);
    assert_eq!(get(&proxy, Some("good")).status(), 200);
    assert_eq!(get(&proxy, Some("good-2")).status(), 503);
}
