//! What the proxy forwards is read as the same message by a parser of other people: Node's, in its strict mode. Every
//! request here is valid; the proxy must not change its meaning, nor its fields but for those it documents.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::peers::peer;
use crate::harness::random::Random;
use crate::harness::{Proxy, RawClient, Setup};

/// Node as an upstream that reports what it read.
struct Node {
    child: Child,
    address: SocketAddr,
}

impl Node {
    fn start() -> Option<Self> {
        let program = peer("node", "nodejs")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/upstream.js");
        let mut command = Command::new(program);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("node's standard output");
        BufReader::new(stdout).read_line(&mut port).expect("node's port");
        let port: u16 = port.trim().parse().expect("a port");
        Some(Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A request as it is sent, and as it must be read.
#[derive(Debug, Default)]
struct Request {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
    bytes: Vec<u8>,
}

type Pairs = Vec<(String, Vec<u8>)>;

/// Fields that the proxy removes or replaces, and those that say how a body is framed.
const REPLACED: [&str; 12] = [
    "host",
    "connection",
    "keep-alive",
    "te",
    "transfer-encoding",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "traceparent",
];

fn end_to_end(fields: &Pairs) -> Pairs {
    let stays = |name: &str| !REPLACED.iter().any(|replaced| name.eq_ignore_ascii_case(replaced));
    fields.iter().filter(|(name, _)| stays(name)).cloned().collect()
}

/// Node's flat list of names and values; its strings hold one byte a character.
fn pairs(list: &Value) -> Pairs {
    let texts: Vec<&str> = list.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let bytes = |text: &str| {
        text.chars().map(|character| u8::try_from(u32::from(character)).expect("a byte")).collect()
    };
    texts.chunks(2).map(|pair| (pair[0].to_owned(), bytes(pair[1]))).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[track_caller]
fn check(name: &str, request: &Request, client: &mut RawClient) {
    client.send(&request.bytes);
    let response = client.response();
    let sent = request.bytes.escape_ascii();
    assert_eq!(response.status(), 200, "{name}: {} for {sent}", response.text());
    let seen: Value = serde_json::from_slice(&response.body).expect("what node saw");
    assert_eq!(seen["method"], request.method.as_str(), "{name}: {sent}");
    assert_eq!(seen["target"], request.target.as_str(), "{name}: {sent}");
    assert_eq!(seen["version"], "1.1", "{name}");
    assert_eq!(unhex(seen["body"].as_str().expect("a body")), request.body, "{name}: {sent}");
    assert_eq!(end_to_end(&pairs(&seen["fields"])), end_to_end(&request.fields), "{name}: {sent}");
    assert_eq!(pairs(&seen["trailers"]), request.trailers, "{name}: {sent}");
    let via: Vec<_> = pairs(&seen["fields"]).into_iter().filter(|(name, _)| name == "via").collect();
    assert_eq!(via, [("via".to_owned(), b"1.1 ringwall".to_vec())], "{name}");
}

fn start() -> Option<(Node, Proxy)> {
    let node = Node::start()?;
    let proxy = Setup::to_address(node.address).start();
    Some((node, proxy))
}

/// A request of these parts, with a body by length if there is one.
fn request(method: &str, target: &str, fields: &[(&str, &[u8])], body: &[u8]) -> Request {
    let mut request =
        Request { method: method.into(), target: target.into(), body: body.into(), ..Request::default() };
    request.fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
    if !body.is_empty() {
        request.fields.push(("Content-Length".into(), body.len().to_string().into_bytes()));
    }
    request.bytes = head(&request);
    request.bytes.extend_from_slice(body);
    request
}

fn head(request: &Request) -> Vec<u8> {
    let mut bytes =
        format!("{} {} HTTP/1.1\r\nHost: example.test\r\n", request.method, request.target).into_bytes();
    for (name, value) in &request.fields {
        bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

#[test]
fn forwarded_requests_are_read_alike() {
    let Some((_node, proxy)) = start() else { return };
    let mut client = proxy.client();
    for (name, request) in [
        ("a plain one", request("GET", "/", &[], b"")),
        ("a query", request("GET", "/a/b?c=d&e=%20f", &[], b"")),
        ("obs-text", request("GET", "/", &[("X-Text", b"caf\xc3\xa9 \xff\xfe")], b"")),
        ("empty values", request("GET", "/", &[("X-Empty", b""), ("X-Other", b"")], b"")),
        ("tabs and spaces inside", request("GET", "/", &[("X-A", b"a \t b")], b"")),
        ("one name many times", request("GET", "/", &[("X-A", b"1"), ("x-a", b"2"), ("X-A", b"1")], b"")),
        ("odd names", request("GET", "/", &[("!#$%&'*+-.^_`|~", b"1"), ("0", b"2")], b"")),
        ("cookies", request("GET", "/", &[("Cookie", b"a=b"), ("Cookie", b"c=d")], b"")),
        ("a body to GET", request("GET", "/", &[], b"hello")),
        ("a body to DELETE", request("DELETE", "/", &[], b"hello")),
        ("an empty body", request("POST", "/", &[("Content-Length", b"0")], b"")),
        ("a body of line ends", request("POST", "/", &[], b"\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n")),
        ("PROPFIND", request("PROPFIND", "/", &[], b"<xml/>")),
        ("a large field", request("GET", "/", &[("X-Large", &[b'a'; 20_000])], b"")),
        (
            "a request line of punctuation",
            request("GET", "/-._~!$&'()*+,;=:@/?-._~!$&'()*+,;=:@/?", &[], b""),
        ),
        (
            "one with what looks like framing",
            request(
                "POST",
                "/",
                &[("X-Content-Length", b"5"), ("Content_Length", b"9"), ("Transfer_Encoding", b"chunked")],
                b"hi",
            ),
        ),
    ] {
        check(name, &request, &mut client);
    }
}

#[test]
fn random_requests_are_read_alike() {
    let Some((_node, proxy)) = start() else { return };
    const SEED: u64 = 20_260_826;
    let mut random = Random(SEED);
    let mut clients = [proxy.client(), proxy.client(), proxy.client()];
    for number in 0..300 {
        let request = random_request(&mut random);
        let client = random.below(clients.len());
        check(&format!("request {number} of seed {SEED}"), &request, &mut clients[client]);
    }
}

fn random_request(random: &mut Random) -> Request {
    let method = *random.pick(&["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "SEARCH", "REPORT"]);
    let mut request = Request { method: method.into(), target: random_target(random), ..Request::default() };
    for _ in 0..random.below(12) {
        let field = random_field(random, "q");
        request.fields.push(field);
    }
    if let Some((name, value)) = request.fields.first().cloned().filter(|_| random.one_in(4)) {
        request.fields.push((name.to_ascii_uppercase(), value));
    }
    match random.below(3) {
        0 => request.bytes = head(&request),
        1 => {
            let size = random_size(random);
            request.body = random.bytes(size);
            let length = ("Content-Length".to_owned(), size.to_string().into_bytes());
            let place = random.below(request.fields.len() + 1);
            request.fields.insert(place, length);
            request.bytes = head(&request);
            request.bytes.extend_from_slice(&request.body);
        }
        _ => chunk(&mut request, random),
    }
    request
}

fn random_size(random: &mut Random) -> usize {
    let bound = *random.pick(&[2, 100, 5_000, 20_000, 70_000]);
    random.below(bound)
}

/// A target without what the proxy refuses: dot segments, doubled slashes, encoded slashes.
fn random_target(random: &mut Random) -> String {
    let mut target = String::new();
    for _ in 0..1 + random.below(4) {
        target.push_str("/s");
        for _ in 0..random.below(8) {
            target.push_str(
                *random.pick(&[
                    "a", "Z", "0", "-", ".", "_", "~", "%41", "%20", "%c3%a9", ":", "@", ";", "=", ",",
                ]),
            );
        }
    }
    if random.one_in(2) {
        target.push('?');
        for _ in 0..random.below(10) {
            target.push_str(*random.pick(&["a", "=", "&", "/", "?", "..", "//", "%2F", "%00", "+"]));
        }
    }
    target
}

/// A field whose name begins with `first`, so that it is none the proxy knows.
fn random_field(random: &mut Random, first: &str) -> (String, Vec<u8>) {
    let mut name = first.to_owned();
    for _ in 0..random.below(15) {
        name.push(*random.pick(b"abcXYZ019-_.!#$%&'*+^`|~") as char);
    }
    let mut value = Vec::new();
    for _ in 0..random.below(40) {
        value.push(match random.below(8) {
            0 => b' ',
            1 => b'\t',
            2 => 0x80 + random.below(0x80) as u8,
            _ => b'!' + random.below(94) as u8,
        });
    }
    (name, value.trim_ascii().to_vec())
}

/// Gives the request a body in chunks, with all that the grammar of chunks allows.
fn chunk(request: &mut Request, random: &mut Random) {
    request.fields.push(("Transfer-Encoding".into(), b"chunked".to_vec()));
    request.bytes = head(request);
    for _ in 0..random.below(6) {
        let size = 1 + random_size(random);
        let data = random.bytes(size);
        let zeros = "0".repeat(random.below(4));
        let size = if random.one_in(2) { format!("{zeros}{size:x}") } else { format!("{zeros}{size:X}") };
        let extension = random.pick(&["", "", ";a", ";a=b", ";a=\"q\\\"x;y\"", " ; a = b;c", "\t;x=1"]);
        request.bytes.extend_from_slice(format!("{size}{extension}\r\n").as_bytes());
        request.bytes.extend_from_slice(&data);
        request.bytes.extend_from_slice(b"\r\n");
        request.body.extend_from_slice(&data);
    }
    request.bytes.extend_from_slice(random.pick(&["0\r\n", "000\r\n", "0;end\r\n"]).as_bytes());
    for _ in 0..random.below(3) {
        let (name, value) = random_field(random, "t");
        request.bytes.extend_from_slice(&[name.as_bytes(), b": ", &value, b"\r\n"].concat());
        request.trailers.push((name, value));
    }
    request.bytes.extend_from_slice(b"\r\n");
}
