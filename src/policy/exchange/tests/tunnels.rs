//! `Upgrade`: a tunnel after 101 only.

use std::time::Duration;

use super::super::*;
use super::answers::forwarded;
use super::stage::{Dial, Stage};

const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

fn tunnel() -> Stage {
    let mut stage = Stage::new();
    stage.client(UPGRADE).server(SWITCH);
    assert!(stage.at_client().starts_with("HTTP/1.1 101 "));
    stage.at_server();
    stage
}

#[test]
fn a_switch_that_was_asked_for_opens_a_tunnel() {
    let mut stage = Stage::new();
    stage.client(format!("{UPGRADE}early"));
    assert_eq!(
        stage.at_server(),
        forwarded("GET /", "") + "connection: upgrade\r\nupgrade: websocket\r\n\r\n"
    );
    stage.server(format!("{SWITCH}first"));
    let head = "HTTP/1.1 101 Switching Protocols\r\nvia: 1.1 ringwall\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(stage.at_client(), format!("{head}first"));
    assert_eq!(stage.at_server(), "early");
    stage.client("GET / HTTP/1.1\r\n\r\n").server("\0\x01");
    assert_eq!(
        (stage.at_server().as_str(), stage.at_client().as_str()),
        ("GET / HTTP/1.1\r\n\r\n", "\0\x01")
    );
}

#[test]
fn each_side_can_end_its_direction_of_a_tunnel() {
    let mut stage = tunnel();
    stage.client("bye").client_ends();
    assert_eq!((stage.at_server().as_str(), stage.ended_writing.as_slice()), ("bye", &[Side::Upstream][..]));
    stage.server("and you").server_ends();
    assert_eq!(stage.at_client(), "and you");
    assert_eq!((stage.ending, stage.reason(), stage.outcomes[0].0.status), (Some(Ending::Close), "ok", 101));
    let mut other = tunnel();
    other.server_ends().client("more");
    assert_eq!(
        (other.at_server().as_str(), other.ended_writing.as_slice()),
        ("more", &[Side::Downstream][..])
    );
    other.client_ends();
    assert_eq!((other.ending, other.reason()), (Some(Ending::Close), "ok"));
}

#[test]
fn the_end_of_a_tunnel_waits_for_its_last_bytes() {
    let mut stage = tunnel();
    stage.hold(Side::Upstream, 1).client("bye").client_ends().server_ends();
    assert_eq!((stage.ending, stage.ended_writing.as_slice()), (None, &[Side::Downstream][..]));
    stage.hold(Side::Upstream, 10);
    assert_eq!((stage.at_server().as_str(), stage.ending), ("bye", Some(Ending::Close)));
}

#[test]
fn a_client_that_ended_before_the_switch_ends_its_direction_of_the_tunnel() {
    let mut stage = Stage::new();
    stage.client(UPGRADE).client_ends().pass(Duration::from_secs(1)).server(SWITCH);
    assert_eq!(stage.ended_writing, [Side::Upstream]);
}

#[test]
fn a_tunnel_that_breaks_is_reset_and_blames_nobody() {
    let mut failed = tunnel();
    failed.server_resets();
    let mut gone = tunnel();
    gone.client_resets();
    let mut idle = tunnel();
    idle.pass(Duration::from_secs(75));
    let mut deaf = tunnel();
    deaf.hold(Side::Upstream, 0).client("x").write_fails(Side::Upstream);
    for (stage, reason) in
        [(failed, "tunnel-broken"), (gone, "client-gone"), (idle, "tunnel-idle"), (deaf, "tunnel-broken")]
    {
        assert_eq!((stage.ending, stage.reason()), (Some(Ending::Reset), reason));
        assert!(!stage.outcomes[0].0.blames_server());
    }
}

#[test]
fn a_tunnel_that_moves_is_not_idle() {
    let mut stage = tunnel();
    stage.pass(Duration::from_secs(74)).client("x").pass(Duration::from_secs(74)).server("y");
    stage.pass(Duration::from_secs(74));
    assert_eq!(stage.ending, None);
}

/// Holds that the server is not asked to switch, and that its switching all the same is refused.
#[track_caller]
fn check_not_asked(request: &str) {
    let mut stage = Stage::new();
    stage.client(request);
    let sent = stage.at_server();
    assert!(!sent.contains("upgrade:") && !sent.contains("connection:"), "{sent:?}");
    stage.server(SWITCH);
    assert_eq!(stage.refusal(), (502, "upgrade-unasked".to_owned()));
    assert_eq!(stage.released, [false]);
}

#[test]
fn only_a_websocket_over_http_1_1_is_asked_for() {
    let asking = |version, fields| format!("GET / HTTP/1.{version}\r\nhost: a\r\n{fields}\r\n");
    check_not_asked(&asking(1, ""));
    check_not_asked(&asking(1, "upgrade: websocket\r\n"));
    check_not_asked(&asking(
        1,
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\n",
    ));
    check_not_asked(&asking(1, "connection: upgrade\r\nupgrade: websocket, h2c\r\n"));
    check_not_asked(&asking(1, "connection: upgrade\r\nupgrade: websocket\r\nupgrade: h2c\r\n"));
    check_not_asked(&asking(0, "connection: upgrade\r\nupgrade: websocket\r\n"));
}

#[test]
fn a_switch_to_something_else_is_refused() {
    for fields in ["upgrade: websocket", "connection: upgrade", "connection: upgrade\r\nupgrade: h2c"] {
        let mut stage = Stage::new();
        stage.client(UPGRADE).server(format!("HTTP/1.1 101 X\r\n{fields}\r\n\r\n"));
        assert_eq!(stage.refusal(), (502, "upgrade-unasked".to_owned()), "{fields:?}");
    }
    // Before the request is whole there is nothing to switch from.
    let mut stage = Stage::new();
    stage.client("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 2\r\n\r\na");
    stage.server(SWITCH);
    assert_eq!(stage.refusal(), (502, "upgrade-unasked".to_owned()));
}

#[test]
fn an_upgrade_the_server_ignores_is_an_ordinary_exchange() {
    let mut stage = Stage::new().dialing(&[Dial::Reused]);
    stage.client(UPGRADE).server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert!(stage.at_client().ends_with("ok"));
    assert_eq!((stage.released.as_slice(), stage.ending), (&[true][..], None));
}
