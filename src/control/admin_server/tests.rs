use std::time::Duration;

use super::*;
use crate::control::fixture;

const LONG: Duration = Duration::from_secs(10);

fn server() -> AdminServer {
    evicting(|_| panic!("nobody asked for it"))
}

fn evicting(evict: impl Fn([u8; 32]) -> bool + Send + Sync + 'static) -> AdminServer {
    let status = Arc::new(Published::new(fixture::status()));
    AdminServer::start("127.0.0.1:0".parse().unwrap(), status, Arc::new(evict)).unwrap()
}

fn connect(server: &AdminServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// All bytes until the server closes; empty when it resets.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8(bytes).unwrap()
}

fn exchange(server: &AdminServer, request: &str) -> String {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    rest(stream)
}

#[test]
fn pages_are_served_and_the_connection_closes() {
    let server = server();
    let check = |path: &str, content_type: &str, within: &str| {
        let response =
            exchange(&server, &format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address()));
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Type: {content_type}")), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert!(body.contains(within), "{body}");
    };
    check("/", "text/html", "<title>ringwall</title>");
    check("/health", "text/plain", "ok");
    check("/ready", "text/plain", "ready");
    check("/metrics", "text/plain; version=0.0.4", "ringwall_config_generation 3\n");
    check("/status.json", "application/json", "\"generation\":3");
}

#[test]
fn a_head_in_pieces_is_put_together_and_one_without_end_is_refused() {
    let server = server();
    let mut stream = connect(&server);
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /health HTTP/1.1\r\nHost: [::1]\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(rest(stream).starts_with("HTTP/1.1 200 "));
    let endless = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(limits::ADMIN_HEAD_BYTES));
    assert!(exchange(&server, &endless).starts_with("HTTP/1.1 431 "));
}

#[test]
fn an_eviction_is_accepted_when_the_workers_were_told() {
    let server = evicting(|hash| hash == [0xab; 32]);
    let evict = |form: &str| {
        let length = form.len();
        let head = format!("POST /evict HTTP/1.1\r\nHost: [::1]\r\nContent-Length: {length}\r\n\r\n");
        exchange(&server, &(head + form))
    };
    let response = evict(&format!("token_hash={}", "ab".repeat(32)));
    assert!(response.starts_with("HTTP/1.1 202 "), "{response}");
    assert!(evict(&format!("token_hash={}", "cd".repeat(32))).starts_with("HTTP/1.1 503 "));
    assert!(evict("token=").starts_with("HTTP/1.1 400 "));
    let escaped = format!("token={}", "%61".repeat(limits::TOKEN_BYTES));
    assert!(evict(&escaped).starts_with("HTTP/1.1 503 "), "the longest body is read to its end");
}

#[test]
fn connections_beyond_the_bound_are_told_so_and_others_served_again_later() {
    let server = server();
    let held: Vec<TcpStream> = (0..limits::ADMIN_CONNECTIONS).map(|_| connect(&server)).collect();
    assert!(rest(connect(&server)).starts_with("HTTP/1.1 503 "));
    // A slot is free once its connection has ended, of which the client sees nothing: asked again until then.
    drop(held);
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let served = (0..10_000).any(|_| {
        let mut stream = connect(&server);
        stream.write_all(request.as_bytes()).is_ok() && rest(stream).starts_with("HTTP/1.1 200 ")
    });
    assert!(served);
}

#[test]
fn a_dropped_server_frees_its_address() {
    let server = server();
    let address = server.address();
    drop(server);
    // The accepting thread closes the listener when it wakes.
    assert!((0..10_000).any(|_| TcpListener::bind(address).is_ok()));
}
