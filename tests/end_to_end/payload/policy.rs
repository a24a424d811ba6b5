//! The policy service: asked about applications, once for all who wait, and nothing is served while it gives no answer.

use std::sync::Barrier;

use super::sealed_client::{GET, Key, Session};
use super::*;
use crate::harness::{Connection, Gate, ScriptedServer, unused_address};

const SAYS: [(&str, &str); 3] = [("1.0", "required"), ("2.0", "optional"), ("3.0", "disabled")];

/// Says what [`SAYS`] has for the version asked about; others are not known.
fn answer(connection: &mut Connection, gate: &Gate) {
    while let Some(request) = connection.request() {
        let target = request.target().to_owned();
        if target.ends_with("=held") {
            gate.pass();
        }
        let said = SAYS.iter().find(|(version, _)| target.ends_with(&format!("app_version={version}")));
        connection.send(match said {
            Some((_, said)) => {
                let body = format!("{{\"payload_encryption\": \"{said}\"}}");
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        });
    }
}

fn setup(server: &ScriptedServer, service: std::net::SocketAddr, more: &str) -> Setup {
    Setup::to(server).file("policy.secret", "open sesame\n").with(format!(
        "[payload.policy]\nurl = \"http://{service}/policy\"\nusername = \"Aladdin\"\n\
         password_file = \"policy.secret\"\n{more}"
    ))
}

fn status(proxy: &Proxy, session: &Session, number: u64) -> u16 {
    session.message(number, &GET.bytes()).send(proxy).status
}

#[test]
fn the_service_decides_and_is_asked_once() {
    let server = ScriptedServer::ok();
    let service = ScriptedServer::start(|connection| answer(connection, &Gate::default()));
    let proxy = setup(&server, service.address(), "").start();
    let key = Key::of(&proxy);
    for (version, expected) in [("1.0", 200), ("2.0", 200), ("3.0", 403), ("4.0", 200)] {
        let session = key.session(&proxy, Some(("shop", "ios", version)));
        assert_eq!(status(&proxy, &session, 0), expected, "{version}");
        assert_eq!(status(&proxy, &session, 1), expected, "{version}");
    }
    assert_eq!(server.requests().len(), 6);
    let asked = service.requests();
    let targets: Vec<_> = asked.iter().map(|request| request.target()).collect();
    let query = "/policy?app_identifier=shop&app_platform=ios&app_version=";
    assert_eq!(targets, ["1.0", "2.0", "3.0", "4.0"].map(|version| format!("{query}{version}")));
    for request in &asked {
        assert_eq!(
            request.fields.get("authorization").as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
    }
    assert_eq!(service.seen().len(), 1, "one connection is kept");
    // An application has to be named, and a plain request cannot.
    assert_eq!(status(&proxy, &key.session(&proxy, None), 0), 403);
    assert_eq!(proxy.get("/").status(), 403);
}

#[test]
fn who_asks_the_same_waits_for_one_answer() {
    let server = ScriptedServer::ok();
    let (held, start) = (Gate::default(), Barrier::new(8));
    let opened = held.clone();
    let service = ScriptedServer::start(move |connection| answer(connection, &opened));
    let proxy = setup(&server, service.address(), "timeout = \"30s\"").start();
    let session = Key::of(&proxy).session(&proxy, Some(("shop", "ios", "held")));
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|number| {
                let (proxy, session, start) = (&proxy, &session, &start);
                scope.spawn(move || {
                    start.wait();
                    status(proxy, session, number)
                })
            })
            .collect();
        service
            .wait_for("a question", |seen| seen.iter().any(|seen| !seen.requests.is_empty()).then_some(()));
        held.open();
        for call in calls {
            assert_eq!(call.join().expect("a call"), 200);
        }
    });
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn while_there_is_no_answer_nothing_is_served() {
    let server = ScriptedServer::ok();
    let broken = ScriptedServer::answering("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    let silent = ScriptedServer::start(|connection| drop(connection.until_end()));
    let long = "x".repeat(20_000);
    let endless = ScriptedServer::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{{\"payload_encryption\": \"required\", \"x\": \"{long}\"}}",
        long.len() + 41
    ));
    for address in [unused_address(), broken.address(), silent.address(), endless.address()] {
        let proxy = setup(&server, address, "timeout = \"200ms\"").start();
        let session = Key::of(&proxy).session(&proxy, Some(("shop", "ios", "1.0")));
        let answer = session.message(0, &GET.bytes()).send(&proxy);
        assert_eq!((answer.summary().0, answer.status), (true, 503), "{answer:?}");
        assert_eq!(answer.problem()["reason"], "payload-policy-unavailable");
        assert_eq!(answer.field("retry-after"), Some("1"));
    }
    assert_eq!(server.requests().len(), 0);
}
