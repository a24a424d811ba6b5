use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use rustls::{ServerConnection, StreamOwned};

use super::*;
use crate::net::tls::fixture::{Authority, Folder, params};
use crate::net::tls::{Identities, ListenerTls, TicketKeys, TlsSettings, UpstreamTls};
use crate::policy::ruleset::{Server, UpstreamId};
use crate::policy::service::Credentials;
use crate::protocol::moment::UnixMicros;

const LONG: Duration = Duration::from_secs(20);
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ISSUER: &str = "https://login.test/realm";

/// Reads one request head and answers it; gives back the head.
fn serve<S: Read + Write>(stream: &mut S, answer: &[u8]) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        request.push(byte[0]);
    }
    // Whoever asked may have read enough before all is written.
    let _written = stream.write_all(answer).and_then(|()| stream.flush());
    String::from_utf8(request).unwrap()
}

/// A server that gives these answers, one to a connection; it says what it was asked.
fn server(answers: Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    server_at(|_| answers)
}

/// The same, whose answers depend on where it is.
fn server_at(answers: impl FnOnce(SocketAddr) -> Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = answers(address);
    let serving = thread::Builder::new().spawn(move || {
        let one = |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            let request = serve(&mut stream, &answer);
            drop(stream.shutdown(Shutdown::Write));
            // Unread bytes would reset the connection under the answer.
            drop(stream.read(&mut [0]));
            request
        };
        answers.into_iter().map(one).collect()
    });
    (address, serving.unwrap())
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn metadata(uri: &str) -> Vec<u8> {
    ok(&format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{uri}"}}"#))
}

/// An address at which nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn known(host: &str, addresses: &[SocketAddr]) -> KeyServer {
    let port = addresses.first().map_or(80, SocketAddr::port);
    KeyServer { server: Server::new(host, port), identity: None, addresses: addresses.to_vec() }
}

fn job(servers: Vec<KeyServer>) -> FetchJob {
    let mut credentials = Credentials::new("Aladdin".into(), "file".into());
    credentials.complete(b"open sesame");
    let service = Service {
        name: "[issuer.main]".into(),
        upstream: UpstreamId(0),
        path: "/realm/jwks".into(),
        credentials: Some(credentials),
        timeout: LONG,
    };
    FetchJob { ticket: 5, service, metadata_of: None, time_limit: LONG, servers }
}

fn discovery(servers: Vec<KeyServer>) -> FetchJob {
    FetchJob { metadata_of: Some(ISSUER.into()), ..job(servers) }
}

fn outcome(job: &FetchJob) -> Result<usize, String> {
    fetch(job).map(|read| read.set.len()).map_err(|fault| fault.to_string())
}

/// What comes of this answer of the only server.
fn of_answer(answer: &[u8]) -> Result<usize, String> {
    let (address, served) = server(vec![answer.to_vec()]);
    let found = outcome(&job(vec![known("login.test", &[address])]));
    served.join().unwrap();
    found.map_err(|fault| fault.split_once(": ").unwrap().1.to_owned())
}

#[test]
fn the_request_is_the_services() {
    let (address, served) = server(vec![ok(ED25519)]);
    assert_eq!(outcome(&job(vec![known("login.test", &[address])])), Ok(1));
    let expected = format!(
        "GET /realm/jwks HTTP/1.1\r\nhost: login.test:{}\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\
         accept: application/json\r\nuser-agent: ringwall-keys/{}\r\nconnection: close\r\n\r\n",
        address.port(),
        env!("CARGO_PKG_VERSION"),
    );
    assert_eq!(served.join().unwrap(), [expected]);
}

#[test]
fn an_answer_is_a_set_of_keys_or_a_fault() {
    let check = |answer: &str, expected: Result<usize, &str>| {
        assert_eq!(of_answer(answer.as_bytes()), expected.map_err(str::to_owned), "{answer}");
    };
    let length = ED25519.len();
    check(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{ED25519}"), Ok(1));
    check(&format!("HTTP/1.0 200 OK\r\n\r\n{{\"keys\":[{ED25519}]}}"), Ok(1));
    check(
        &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{ED25519}\r\n0\r\n\r\n"),
        Ok(1),
    );
    check(&format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{ED25519}"), Ok(1));
    check(&format!("HTTP/1.1 404 Not Found\r\n\r\n{ED25519}"), Err("status 404"));
    check("HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\n\r\n", Err("status 302"));
    check("HTTP/1.1 204 No Content\r\n\r\n", Err("status 204"));
    check(
        &format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{ED25519}"),
        Err("the response was cut off"),
    );
    check("", Err("the response was cut off"));
    check("SSH-2.0-x\r\n\r\n", Err("the response breaks HTTP/1.1 (invalid-version)"));
    let no_set = "it is no JSON Web Key Set: an object with a list `keys`, in which no member appears twice";
    check("HTTP/1.1 200 OK\r\n\r\n<html>", Err(no_set));
    check("HTTP/1.1 200 OK\r\n\r\n", Err(no_set));
}

#[test]
fn an_endless_answer_is_cut_off() {
    let most = "a".repeat(KEY_ANSWER_BYTES);
    let too_long = Err(format!("the answer is longer than {KEY_ANSWER_BYTES} bytes"));
    assert_eq!(of_answer(format!("HTTP/1.1 200 OK\r\n\r\n{most}a").as_bytes()), too_long);
    let no_set = Err(KeySetFault::TooLong.to_string());
    assert_eq!(of_answer(format!("HTTP/1.1 200 OK\r\n\r\n{most}").as_bytes()), no_set);
    let head = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(SERVICE_HEAD_BYTES));
    assert!(of_answer(head.as_bytes()).unwrap_err().starts_with("the response breaks HTTP/1.1"));
}

#[test]
fn the_server_says_how_long_keys_are_good() {
    for (field, expected) in [
        ("", None),
        ("Cache-Control: public, max-age=120\r\n", Some(120)),
        ("Cache-Control: max-age=120\r\nAge: 20\r\n", Some(100)),
    ] {
        let (address, served) = server(vec![format!("HTTP/1.1 200 OK\r\n{field}\r\n{ED25519}").into_bytes()]);
        let read = fetch(&job(vec![known("login.test", &[address])])).unwrap();
        assert_eq!(read.lifetime, expected.map(Duration::from_secs), "{field}");
        served.join().unwrap();
    }
}

#[test]
fn servers_are_tried_in_turn() {
    let (broken, first) = server(vec![ok("<html>")]);
    let (down, second) = server(vec![b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec()]);
    let (good, third) = server(vec![ok(ED25519)]);
    let servers = vec![
        known("none.test", &[]),
        known("closed.test", &[closed()]),
        known("first.test", &[broken]),
        known("second.test", &[closed(), down, good]),
    ];
    assert_eq!(outcome(&job(servers)), Ok(1));
    assert!(first.join().unwrap()[0].contains("host: first.test"));
    assert_eq!(second.join().unwrap().len(), 1);
    third.join().unwrap();
    let (down, served) = server(vec![b"HTTP/1.1 500 No\r\n\r\n".to_vec()]);
    let fault = outcome(&job(vec![known("closed.test", &[closed()]), known("down.test", &[down])]));
    assert_eq!(fault, Err(format!("down.test:{}: status 500", down.port())), "the last is told");
    served.join().unwrap();
    assert_eq!(outcome(&job(Vec::new())), Err("[issuer.main]: its name does not resolve".into()));
}

#[test]
fn a_silent_server_leaves_time_to_the_next() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let (good, served) = server(vec![ok(ED25519)]);
    let mut both = job(vec![known("silent.test", &[address]), known("good.test", &[good])]);
    both.time_limit = Duration::from_secs(1);
    assert_eq!(outcome(&both), Ok(1));
    served.join().unwrap();
    let mut alone = job(vec![known("silent.test", &[address])]);
    alone.time_limit = Duration::from_millis(20);
    assert_eq!(outcome(&alone), Err(format!("silent.test:{}: no answer in time", address.port())));
}

#[test]
fn a_unix_socket_is_asked_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("login.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = thread::Builder::new();
    let served = serving.spawn(move || serve(&mut listener.accept().unwrap().0, &ok(ED25519))).unwrap();
    let server = Server { socket: Some(path), ..Server::new("localhost", 80) };
    assert_eq!(outcome(&job(vec![KeyServer { server, identity: None, addresses: Vec::new() }])), Ok(1));
    assert!(served.join().unwrap().contains("host: localhost\r\n"));
}

#[test]
fn metadata_lead_to_keys_on_the_services_servers() {
    let check = |uri: fn(SocketAddr) -> String| {
        let (address, served) = server_at(|address| vec![metadata(&uri(address)), ok(ED25519)]);
        assert_eq!(outcome(&discovery(vec![known("127.0.0.1", &[address])])), Ok(1));
        let requests = served.join().unwrap();
        assert!(requests[0].starts_with("GET /realm/jwks "), "{requests:?}");
        assert!(requests[1].starts_with("GET /certs?v=1 "), "{requests:?}");
        assert!(requests[1].contains(&format!("\r\nhost: {address}\r\nauthorization: ")), "{requests:?}");
    };
    check(|address| format!("http://{address}/certs?v=1"));
    // The issuer's own host: the service's servers stand for it.
    check(|_| "https://login.test/certs?v=1".to_owned());
}

#[test]
fn a_stranger_that_metadata_name_is_told_nothing() {
    let (keys, asked) = server(vec![ok(ED25519)]);
    let (address, served) = server(vec![metadata(&format!("http://localhost:{}/certs", keys.port()))]);
    assert_eq!(outcome(&discovery(vec![known("127.0.0.1", &[address])])), Ok(1));
    served.join().unwrap();
    let requests = asked.join().unwrap();
    assert!(requests[0].starts_with(&format!("GET /certs HTTP/1.1\r\nhost: localhost:{}\r\n", keys.port())));
    assert!(!requests[0].contains("authorization"), "{requests:?}");
}

#[test]
fn metadata_of_others_and_keys_in_the_clear_are_refused() {
    let check = |answer: Vec<u8>, expected: &str| {
        let (address, served) = server(vec![answer]);
        let fault = outcome(&discovery(vec![known("127.0.0.1", &[address])])).unwrap_err();
        assert!(fault.ends_with(expected), "{fault}");
        served.join().unwrap();
    };
    let other = format!(r#"{{"issuer":"{ISSUER}/","jwks_uri":"https://login.test/certs"}}"#);
    check(ok(&other), &MetadataFault::Issuer.to_string());
    check(metadata("http://login.test/certs"), &MetadataFault::Unprotected.to_string());
    check(metadata("https://elsewhere.test/certs"), &FetchCause::NoTrust.to_string());
    check(metadata(&format!("http://{}/certs", closed())), "Connection refused (os error 111)");
    check(ok(ED25519), &MetadataFault::Issuer.to_string());
}

/// A server of these names that shows a certificate of the authority which the upstream trusts.
fn secured(names: &[&str], answers: Vec<Vec<u8>>, server_name: Option<&str>) -> (SocketAddr, Identities) {
    let (folder, authority) = (Folder::new(), Authority::new("authority"));
    let pair = folder.pair("own", &authority.issue(params("a", names)));
    let upstream = UpstreamTls {
        ca: Some(folder.write("ca.pem", authority.pem())),
        server_name: server_name.map(str::to_owned),
        ..UpstreamTls::default()
    };
    let settings = TlsSettings {
        listeners: vec![Some(ListenerTls { certificates: vec![pair], ..ListenerTls::default() })],
        upstreams: vec![Some(upstream)],
        ..TlsSettings::default()
    };
    let tickets = Arc::new(TicketKeys::new().unwrap());
    let now = UnixMicros(1_787_745_600_000_000);
    let identities = Identities::load(&settings, &tickets, now).unwrap().identities;
    let shown = identities.listeners[0].as_ref().unwrap().config.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = move || {
        for answer in answers {
            let Ok((socket, _)) = listener.accept() else { return };
            let answer = String::from_utf8(answer).unwrap().replace("PORT", &address.port().to_string());
            // A new length, as the port may have any.
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(shown.clone()).unwrap(), socket);
            serve(&mut stream, &ok(body));
        }
    };
    drop(thread::Builder::new().spawn(serving).unwrap());
    (address, identities)
}

fn known_over_tls(host: &str, address: SocketAddr, identities: &Identities) -> KeyServer {
    let server = Server { tls: true, ..Server::new(host, address.port()) };
    KeyServer { server, identity: identities.upstreams[0].clone(), addresses: vec![address] }
}

#[test]
fn a_server_over_tls_must_be_who_it_should_be() {
    let check = |host: &str, server_name: Option<&str>, expected: Result<usize, &str>| {
        let (address, identities) = secured(&["login.test"], vec![ok(ED25519)], server_name);
        let found = outcome(&job(vec![known_over_tls(host, address, &identities)]));
        match (&found, expected) {
            (Err(fault), Err(word)) => assert!(fault.contains(word), "{fault}"),
            _ => assert_eq!(found, expected.map_err(str::to_owned), "{host} {server_name:?}"),
        }
    };
    check("login.test", None, Ok(1));
    check("10.0.0.1", Some("login.test"), Ok(1));
    check("other.test", None, Err("certificate"));
    check("login.test", Some("other.test"), Err("certificate"));
    let server = Server { tls: true, ..Server::new("login.test", 443) };
    let bare = KeyServer { server, identity: None, addresses: vec![closed()] };
    assert!(outcome(&job(vec![bare])).unwrap_err().contains("there is no `tls`"));
}

#[test]
fn the_name_that_servers_go_by_is_no_strangers() {
    // Both are the same server; by its own name it is the service's, by the other a stranger.
    let check = |names: &[&str], expected: bool| {
        let answers = vec![metadata("https://localhost:PORT/certs"), ok(ED25519)];
        let (address, identities) = secured(names, answers, Some("login.test"));
        let found = outcome(&discovery(vec![known_over_tls("login.test", address, &identities)]));
        assert_eq!(found.is_ok(), expected, "{found:?}");
    };
    check(&["login.test", "localhost"], true);
    check(&["login.test"], false);
}
