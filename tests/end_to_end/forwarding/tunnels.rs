//! Tunnels after 101.

use super::*;

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Reads one frame with a short masked payload and gives it back unmasked, as a server would.
fn echo_frames(connection: &mut crate::harness::Connection) {
    while let Some(head) = connection.bytes(2) {
        let length = usize::from(head[1] & 0x7f);
        let (Some(mask), Some(payload)) = (connection.bytes(4), connection.bytes(length)) else { return };
        let plain: Vec<u8> =
            payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        connection.send([&[head[0], length as u8], plain.as_slice()].concat());
        if head[0] & 0x0f == 8 {
            return;
        }
    }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [0x80 | kind, 0x80 | payload.len() as u8].into_iter().chain(mask).chain(masked).collect()
}

#[test]
fn carry_a_web_socket() {
    let server = ScriptedServer::start(|connection| {
        if let Some(request) = connection.request() {
            assert_eq!(request.fields.get("upgrade").as_deref(), Some("websocket"));
            assert_eq!(
                request.fields.get("connection").map(|value| value.to_ascii_lowercase()).as_deref(),
                Some("upgrade")
            );
            assert!(request.fields.has("sec-websocket-key"));
            connection.send(SWITCH);
            echo_frames(connection);
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(HANDSHAKE);
    let switch = client.head();
    assert_eq!(switch.status(), 101);
    assert_eq!(switch.fields.get("upgrade").as_deref(), Some("websocket"));
    assert_eq!(switch.fields.get("sec-websocket-accept").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for (kind, payload) in
        [(1, b"hello".as_slice()), (2, &[0, 255, b'\r', b'\n']), (9, b""), (1, &[b'x'; 125])]
    {
        client.send(frame(kind, payload));
        assert_eq!(client.bytes(2), [0x80 | kind, payload.len() as u8]);
        assert_eq!(client.bytes(payload.len()), payload);
    }
    client.send(frame(8, &[3, 232]));
    assert_eq!(client.bytes(4), [0x88, 2, 3, 232]);
    client.end_sending();
    client.expect_close();
    let log = proxy.wait_for_log(1);
    assert_eq!((&log[0]["status"], &log[0]["reason"]), (&101.into(), &"ok".into()));
}

/// Bytes behind the handshake, from either side, belong to the tunnel and nowhere else.
#[test]
fn carry_what_came_with_the_handshake() {
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.send(format!("{SWITCH}early"));
            let (rest, _) = connection.until_end();
            connection.mark(String::from_utf8_lossy(&rest));
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(format!("{HANDSHAKE}GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n"));
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.bytes(5), b"early");
    client.end_sending();
    server.wait_for_mark("GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n");
}

/// Either side may end its direction first; the other goes on.
#[test]
fn end_one_direction_at_a_time() {
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.send(SWITCH);
            connection.end_sending();
            let (rest, end) = connection.until_end();
            connection.mark(format!("{} {end:?}", String::from_utf8_lossy(&rest)));
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(HANDSHAKE);
    assert_eq!(client.head().status(), 101);
    client.expect_close();
    client.send("still here");
    client.end_sending();
    server.wait_for_mark("still here Closed");
}

/// Without 101 there is no tunnel: the answer is an ordinary one.
#[test]
fn may_be_declined() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(HANDSHAKE);
    assert_eq!(client.response().text(), "ok");
    assert_eq!(client.get("/next").text(), "ok");
}

/// 101 for another protocol than the one asked for is refused.
#[test]
fn are_for_the_protocol_asked_for() {
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
            connection.until_end();
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(HANDSHAKE);
    let response = client.response();
    assert_eq!((response.status(), response.reason().as_str()), (502, "upgrade-unasked"));
}

#[test]
fn carry_much_both_ways_at_once() {
    const AMOUNT: usize = 3_000_000;
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.send(SWITCH);
            let mut left = AMOUNT;
            while left > 0 {
                let count = left.min(10_000);
                let Some(bytes) = connection.bytes(count) else { return };
                connection.send(bytes);
                left -= count;
            }
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(HANDSHAKE);
    assert_eq!(client.head().status(), 101);
    let bytes = Random(7).bytes(AMOUNT);
    let mut stream = client.stream().try_clone().expect("a second handle");
    let sent = bytes.clone();
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut stream, &sent).expect("sending"));
    assert!(client.bytes(AMOUNT) == bytes, "the echo differs");
    sender.join().expect("the sender");
    client.expect_close();
}
