use std::time::Duration;

use super::*;
use crate::authority::fixture::client;
use crate::limits::TOKEN_BYTES;

const LONG: Duration = Duration::from_secs(10);

fn settings(address: &str, development: bool) -> AuthoritySettings {
    AuthoritySettings {
        address: address.parse().unwrap(),
        development,
        clients: vec![client("shop")],
        ..AuthoritySettings::default()
    }
}

fn server() -> AuthorityServer {
    AuthorityServer::start(settings("127.0.0.1:0", true)).unwrap()
}

fn connect(server: &AuthorityServer) -> TcpStream {
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

fn post(server: &AuthorityServer, path: &str, form: &str) -> String {
    let mut stream = connect(server);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        server.address(),
        form.len()
    );
    stream.write_all(&[head.as_bytes(), form.as_bytes()].concat()).unwrap();
    rest(stream)
}

fn token_in(answer: &str) -> &str {
    answer.split("\"access_token\":\"").nth(1).and_then(|text| text.split('"').next()).unwrap()
}

#[test]
fn tokens_are_made_and_told_of_over_http() {
    let server = server();
    assert_eq!(server.issuer(), format!("http://{}", server.address()));
    let made = post(&server, "/oauth/v1/testtoken", "user=alice&scope=a&format=opaque");
    assert!(made.starts_with("HTTP/1.1 200 "), "{made}");
    let form = format!("token={}&client_id=shop&client_secret=shop-secret", token_in(&made));
    let told = post(&server, "/oauth/api/v2/token/introspect", &form);
    assert!(told.contains("\"active\":true") && told.contains("\"sub\":\"alice\""), "{told}");
}

#[test]
fn a_request_in_pieces_is_put_together() {
    let server = server();
    let mut stream = connect(&server);
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /oauth/v1/keys HTTP/1.1\r\nHost: a\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let keys = rest(stream);
    assert!(keys.starts_with("HTTP/1.1 200 ") && keys.contains("\"crv\":\"P-256\""), "{keys}");
}

#[test]
fn the_longest_question_is_read_and_a_longer_one_refused() {
    let server = server();
    let credentials = "client_id=shop&client_secret=shop-secret&token=";
    let longest = format!("{credentials}{}", "%61".repeat(TOKEN_BYTES));
    let told = post(&server, "/oauth/api/v2/token/introspect", &longest);
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    let longer = "a".repeat(AUTHORITY_FORM_BYTES + 1);
    assert!(post(&server, "/oauth/v1/token", &longer).starts_with("HTTP/1.1 413 "));
    assert!(
        post(&server, &format!("/{}", "a".repeat(AUTHORITY_HEAD_BYTES)), "").starts_with("HTTP/1.1 431 ")
    );
}

#[test]
fn connections_beyond_the_bound_are_told_so_and_others_served_again_later() {
    let server = server();
    let held: Vec<TcpStream> = (0..AUTHORITY_CONNECTIONS).map(|_| connect(&server)).collect();
    assert!(rest(connect(&server)).starts_with("HTTP/1.1 503 "));
    // A slot is free once its connection has ended, of which the client sees nothing: asked again until then.
    drop(held);
    let request = "GET /oauth/v1/keys HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let served = (0..10_000).any(|_| {
        let mut stream = connect(&server);
        stream.write_all(request.as_bytes()).is_ok() && rest(stream).starts_with("HTTP/1.1 200 ")
    });
    assert!(served);
}

#[test]
fn test_tokens_are_made_on_loopback_alone() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let fault = AuthorityServer::start(settings(address, true)).err();
        assert!(matches!(fault, Some(StartFault::Reachable(_))), "{address}: {fault:?}");
    }
    assert!(AuthorityServer::start(settings("[::1]:0", true)).is_ok());
    assert!(AuthorityServer::start(settings("0.0.0.0:0", false)).is_ok());
}

#[test]
fn a_dropped_server_frees_its_address() {
    let server = server();
    let address = server.address();
    drop(server);
    // The accepting thread closes the listener when it wakes.
    assert!((0..10_000).any(|_| TcpListener::bind(address).is_ok()));
}
