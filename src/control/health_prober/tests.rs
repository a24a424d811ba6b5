use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;

use super::*;

const LONG: Duration = Duration::from_secs(10);

fn target(addresses: Vec<SocketAddr>, time_limit: Duration) -> ProbeTarget {
    ProbeTarget {
        generation: 4,
        upstream: 1,
        server: 2,
        socket: None,
        tls: None,
        authority: "orders.example:81".into(),
        path: "/up?deep=1".into(),
        time_limit,
        addresses: Arc::new(Published::new(addresses)),
    }
}

/// A server that reads one request and answers with the pieces, then closes.
fn server(pieces: Vec<Vec<u8>>) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            request.push(byte[0]);
        }
        for piece in pieces {
            // The prober closes as soon as it knows enough.
            if stream.write_all(&piece).is_err() {
                break;
            }
        }
        String::from_utf8(request).unwrap()
    });
    (address, served)
}

fn outcome(answer: &[u8]) -> Result<(), String> {
    let (address, served) = server(vec![answer.to_vec()]);
    let result = probe(&target(vec![address], LONG)).map_err(|fault| fault.to_string());
    served.join().unwrap();
    result
}

#[test]
fn the_request_names_the_server_and_closes() {
    let (address, served) = server(vec![b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()]);
    probe(&target(vec![address], LONG)).unwrap();
    let request = served.join().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "GET /up?deep=1 HTTP/1.1\r\nHost: orders.example:81\r\nUser-Agent: ringwall-health/{version}\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(request, expected);
}

#[test]
fn the_status_decides() {
    let check = |answer: &str, expected: Result<(), &str>| {
        assert_eq!(outcome(answer.as_bytes()), expected.map_err(str::to_owned), "{answer}");
    };
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Ok(()));
    check("HTTP/1.0 399 Odd\r\n\r\n", Ok(()));
    check("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Ok(()));
    check("HTTP/1.1 400 Bad Request\r\n\r\n", Err("status 400"));
    check("HTTP/1.1 503 Service Unavailable\r\n\r\n", Err("status 503"));
    check("HTTP/1.1 101 Switching Protocols\r\n\r\n", Err("status 101"));
    check("HTTP/1.1 200 OK\r\nTrunc", Err("closed before the answer was complete"));
    check("", Err("closed before the answer was complete"));
    check("SSH-2.0-x\r\n", Err("the answer is not HTTP/1: invalid HTTP version"));
}

#[test]
fn a_head_in_pieces_is_put_together() {
    let pieces = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n".iter().map(|byte| vec![*byte]).collect();
    let (address, served) = server(pieces);
    probe(&target(vec![address], LONG)).unwrap();
    served.join().unwrap();
}

#[test]
fn a_head_without_end_is_cut_off() {
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(limits::PROBE_HEAD_BYTES));
    assert_eq!(outcome(endless.as_bytes()), Err("the answer's head is longer than 8192 bytes".to_owned()));
}

#[test]
fn a_silent_server_fails_when_the_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = target(vec![listener.local_addr().unwrap()], Duration::from_millis(20));
    assert_eq!(probe(&target).unwrap_err().to_string(), "no answer in time");
}

#[test]
fn the_first_address_that_accepts_is_asked() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (open, served) = server(vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()]);
    probe(&target(vec![closed, open], LONG)).unwrap();
    served.join().unwrap();
    assert!(matches!(probe(&target(vec![closed], LONG)), Err(ProbeFault::Io(_))));
    assert!(matches!(probe(&target(Vec::new(), LONG)), Err(ProbeFault::NoAddress)));
}

#[test]
fn a_silent_server_does_not_delay_another() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, served) = server(vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()]);
    let (sender, results) = channel();
    let mut prober = HealthProber::new(move |probed| sender.send(probed).unwrap_or(()));
    let slow = ProbeTarget { server: 0, ..target(vec![silent.local_addr().unwrap()], LONG) };
    let quick = ProbeTarget { server: 1, ..target(vec![address], LONG) };
    let interval = Duration::from_millis(2);
    prober.watch(vec![(interval, slow), (interval, quick)]).unwrap();
    let probed = results.recv_timeout(LONG).unwrap();
    assert_eq!((probed.generation, probed.upstream, probed.server), (4, 1, 1));
    assert!(probed.outcome.is_ok());
    served.join().unwrap();
}
