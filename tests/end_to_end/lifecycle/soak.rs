//! Many odd requests and connections that must leave nothing behind.

use super::*;

const REQUESTS: usize = 2_000;
const SEED: u64 = 4_711;
const GROWTH: usize = 3_000_000;

const VALID: [&str; 8] = [
    "GET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
    "GET /a/b?c=d HTTP/1.1\r\nHost: example.test\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n",
    "HEAD http://example.test/x HTTP/1.1\r\nHost: example.test\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: example.test\r\nMax-Forwards: 3\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: example.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
];
const PIECES: [&[u8]; 16] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"ffffffff",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\xff",
    b"%2e",
    b"Host: x\r\n",
];

fn mutated(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..1 + random.below(3)).flat_map(|_| random.pick(&VALID).bytes()).collect();
    for _ in 0..random.below(4) {
        let place = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[place] = random.next() as u8,
            1 => {
                bytes.remove(place);
            }
            2 => drop(bytes.splice(place..place, random.pick(&PIECES).iter().copied())),
            3 => bytes.truncate(place + 1),
            _ => {
                let end = (place + random.below(20)).min(bytes.len());
                let copy = bytes[place..end].to_vec();
                drop(bytes.splice(place..place, copy));
            }
        }
    }
    bytes
}

/// Everything forwarded of it must be a request by the strict reader of the server, which fails the test otherwise.
fn send_many(proxy: &Proxy, random: &mut Random, count: usize) {
    for _ in 0..count {
        let mut client = proxy.client();
        let bytes = mutated(random);
        for piece in bytes.chunks(1 + random.below(60)) {
            client.send_if_open(piece);
        }
        client.end_sending();
        client.rest();
    }
}

#[test]
fn mutated_requests_leave_the_proxy_as_it_was() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let head = request.start_line.starts_with("HEAD ");
            connection.send(if head { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" } else { OK });
        }
    });
    let mut proxy =
        Setup::to(&server).with("[timeouts]\nheader = \"1s\"\nbody = \"1s\"\nresponse = \"1s\"").start();
    let mut random = Random(SEED);
    send_many(&proxy, &mut random, REQUESTS / 4);
    let before = proxy.resident_bytes();
    send_many(&proxy, &mut random, REQUESTS - REQUESTS / 4);
    assert!(proxy.is_alive(), "the proxy ended: {}", proxy.stderr());
    let after = proxy.resident_bytes();
    assert!(after < before + GROWTH, "memory grew from {before} to {after}");
    assert_eq!(proxy.metric("ringwall_panics_total", ""), 0.0, "{}", proxy.stderr());
    assert_eq!(proxy.get("/after").text(), "ok");
    eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
}

/// Connections that come and go without a word, and with half a word.
#[test]
fn silent_connections_leave_nothing() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    for number in 0..300 {
        let mut client = proxy.client();
        match number % 3 {
            0 => drop(client),
            1 => client.reset(),
            _ => {
                client.send("GET / HT");
                client.end_sending();
                assert_eq!(client.rest().1, End::Closed);
            }
        }
    }
    eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
    assert_eq!(server.seen().len(), 0);
    let mut client = proxy.client();
    assert!(client.is_quiet_for(Duration::from_millis(20)));
    assert_eq!(client.get("/").text(), "ok");
}
