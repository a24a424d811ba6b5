//! Bodies: their sizes, both directions at once, and peers that do not read.

use super::*;

/// Sizes around those of buffers and thresholds, by length and in chunks, both ways.
#[test]
fn of_all_sizes_pass_unchanged() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/chunked" {
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for chunk in request.body.chunks(5000) {
                    connection.send([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
                }
                connection.send("0\r\n\r\n");
            } else {
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()));
                connection.send(&request.body);
            }
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    let mut random = Random(3);
    for size in [
        0, 1, 1000, 14_000, 15_295, 15_296, 15_297, 16_383, 16_384, 16_385, 65_535, 65_537, 262_145,
        1_000_000,
    ] {
        let body = random.bytes(size);
        let mut head =
            format!("POST /sized HTTP/1.1\r\nHost: example.test\r\nContent-Length: {size}\r\n\r\n")
                .into_bytes();
        head.extend_from_slice(&body);
        let response = exchange(&mut client, &head);
        assert!(response.body == body, "{size} by length");
        let mut head =
            b"POST /chunked HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(1 + random.below(20_000)) {
            head.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
            head.extend_from_slice(chunk);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"0\r\n\r\n");
        let response = exchange(&mut client, &head);
        assert!(response.body == body, "{size} in chunks");
    }
}

/// Sends beside reading, as the answer may begin before all is sent.
fn exchange(client: &mut RawClient, request: &[u8]) -> Message {
    let mut stream = client.stream().try_clone().expect("a second handle");
    std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut stream, request).expect("sending"));
        client.response()
    })
}

/// Request and response bodies move at the same time: each part of the answer comes before the next part of the
/// request is sent.
#[test]
fn flow_both_ways_at_once() {
    let server = ScriptedServer::start(|connection| {
        if connection.request_head().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while let Some(chunk) = connection.bytes("4\r\n0000\r\n".len()) {
                connection.send(&chunk);
                if chunk.ends_with(b"0019\r\n") {
                    connection.bytes(5);
                    connection.send("0\r\n\r\n");
                    return;
                }
            }
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    for number in 0..20 {
        let chunk = format!("4\r\n{number:04}\r\n");
        client.send(&chunk);
        assert_eq!(client.bytes(chunk.len()), chunk.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.bytes(5), b"0\r\n\r\n");
}

const LARGE: usize = 50_000_000;
const GROWTH: usize = 5_000_000;

/// A client that does not read stops the server; the proxy keeps no more than its buffers.
#[test]
fn wait_for_a_client_that_does_not_read() {
    let sent = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&sent);
    let server = ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/large" {
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
                let part = [b'x'; 50_000];
                for _ in 0..LARGE / part.len() {
                    connection.send(part);
                    count.fetch_add(part.len(), Ordering::Relaxed);
                }
                connection.mark("sent");
            } else {
                connection.send(OK);
            }
        }
    });
    let proxy = Setup::to(&server).start();
    assert_eq!(proxy.get("/warm").text(), "ok");
    let before = proxy.resident_bytes();
    let mut client = proxy.client();
    client.send("GET /large HTTP/1.1\r\nHost: example.test\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    wait_until_held_back(&sent);
    let after = proxy.resident_bytes();
    assert!(after < before + GROWTH, "memory grew from {before} to {after}");
    // Somebody else is served meanwhile.
    assert_eq!(proxy.get("/other").text(), "ok");
    client.bytes(LARGE);
    server.wait_for_mark("sent");
    assert_eq!(client.get("/after").text(), "ok");
}

/// The same the other way.
#[test]
fn wait_for_a_server_that_does_not_read() {
    let gate = Gate::default();
    let passed = gate.clone();
    let server = ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request_head() {
            if request.target() == "/large" {
                passed.pass();
                connection.bytes(LARGE);
            }
            connection.send(OK);
        }
    });
    let proxy = Setup::to(&server).start();
    assert_eq!(proxy.get("/warm").text(), "ok");
    let before = proxy.resident_bytes();
    let mut client = proxy.client();
    client.send(format!("POST /large HTTP/1.1\r\nHost: example.test\r\nContent-Length: {LARGE}\r\n\r\n"));
    let mut stream = client.stream().try_clone().expect("a second handle");
    let sent = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&sent);
    let sender = std::thread::spawn(move || {
        let part = [b'x'; 50_000];
        for _ in 0..LARGE / part.len() {
            std::io::Write::write_all(&mut stream, &part).expect("sending");
            count.fetch_add(part.len(), Ordering::Relaxed);
        }
    });
    wait_until_held_back(&sent);
    let after = proxy.resident_bytes();
    assert!(after < before + GROWTH, "memory grew from {before} to {after}");
    gate.open();
    assert_eq!(client.response().text(), "ok");
    sender.join().expect("the sender");
}

/// Returns when the sender gets no further.
fn wait_until_held_back(sent: &AtomicUsize) {
    let mut last = (0, Instant::now());
    eventually("the sender to be held back", || {
        let now = sent.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (now > 0 && last.1.elapsed() > Duration::from_millis(300)).then_some(())
    });
    assert!(sent.load(Ordering::Relaxed) < LARGE, "the sender was not held back");
}

/// A client that stops reading for longer than allowed is cut off.
#[test]
fn do_not_wait_for_ever() {
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
            while connection.send([b'x'; 50_000]) {}
            connection.mark("left");
        }
    });
    let proxy = Setup::to(&server).with("[timeouts]\nbody = \"200ms\"").start();
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    server.wait_for_mark("left");
    assert_eq!(proxy.wait_for_log(1)[0]["reason"], "client-stalled");
    let mut stream = client.stream();
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut count = 0;
    let mut part = [0; 65_536];
    while let Ok(read @ 1..) = stream.read(&mut part) {
        count += read;
    }
    assert!(count < LARGE, "all of it came");
}
