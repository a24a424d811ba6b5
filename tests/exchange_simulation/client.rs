//! A client by chance: what it asks, how it sends that, and what it must have seen when all is over.

use super::chance::Chance;
use super::oracle::{self, Message, Read};
use super::pipe::{Attempt, Link};
use super::server::Records;

/// One request, known by its tag.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) tag: usize,
    pub(crate) message: Message,
    pub(crate) wire: Vec<u8>,
    head_length: usize,
    expects: bool,
    pub(crate) upgrades: bool,
    /// Must not reach a server whole.
    pub(crate) malformed: bool,
}

/// How a connection ended as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Clean,
    Reset,
}

/// Turns a client waits for 100 (Continue) before it sends the body all the same.
const PATIENCE: u32 = 8;

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) requests: Vec<Request>,
    position: (usize, usize),
    pipelines: bool,
    drips: bool,
    /// Resets after this many bytes sent.
    aborts: Option<usize>,
    /// Never sends more than this.
    stalls: Option<usize>,
    half_closes: bool,
    stops_reading: bool,
    sent: usize,
    received: Vec<u8>,
    read: usize,
    pub(crate) answers: usize,
    continued: bool,
    waited: u32,
    pub(crate) tunnel: bool,
    tunnel_sent: usize,
    pub(crate) end: Option<End>,
    closed: bool,
}

/// What both ends of tunnel number `tag` say.
pub(crate) fn tunnel_bytes(tag: usize) -> Vec<u8> {
    body(tag, 2_000 + tag % 7)
}

/// A body that no other tag has.
pub(crate) fn body(tag: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + ((at * 7 + tag * 11 + at / 26) % 26) as u8).collect()
}

impl Client {
    pub(crate) fn new(chance: &mut Chance, first_tag: usize, calm: bool) -> Self {
        let count = chance.within(1..=5);
        let requests: Vec<Request> =
            (0..count).map(|at| Request::new(chance, first_tag + at, calm, at + 1 == count)).collect();
        let total: usize = requests.iter().map(|request| request.wire.len()).sum();
        let mut wild = |percent| !calm && chance.percent(percent);
        let (aborts, stalls) = (wild(10), wild(10));
        let (half_closes, stops_reading) = (wild(20), wild(5));
        Self {
            requests,
            position: (0, 0),
            pipelines: chance.percent(50),
            drips: total < 3_000 && chance.percent(20),
            aborts: aborts.then(|| chance.within(0..=total)),
            stalls: stalls.then(|| chance.within(0..=total)),
            half_closes,
            stops_reading,
            sent: 0,
            received: Vec::new(),
            read: 0,
            answers: 0,
            continued: false,
            waited: 0,
            tunnel: false,
            tunnel_sent: 0,
            end: None,
            closed: false,
        }
    }

    /// Does one thing, if there is one to do.
    pub(crate) fn step(&mut self, link: &mut Link, chance: &mut Chance, records: &Records) -> bool {
        if self.closed {
            return false;
        }
        if chance.percent(50) && self.write(link, chance) {
            return true;
        }
        if self.read(link, chance, records) {
            return true;
        }
        let all = self.answers == self.requests.len() && !self.tunnel;
        if self.end.is_some() || all && chance.percent(20) {
            link.close_front();
            self.closed = true;
            return true;
        }
        false
    }

    fn write(&mut self, link: &mut Link, chance: &mut Chance) -> bool {
        if self.aborts.is_some_and(|at| self.sent >= at) {
            link.reset();
            self.end = Some(End::Reset);
            self.closed = true;
            return true;
        }
        if link.forth.ended || self.end.is_some() || self.stalls.is_some_and(|at| self.sent >= at) {
            return false;
        }
        if self.tunnel {
            return self.write_tunnel(link, chance);
        }
        let (index, offset) = self.position;
        let Some(request) = self.requests.get(index) else {
            if self.half_closes {
                link.forth.ended = true;
            }
            return self.half_closes;
        };
        if offset == 0 && !self.pipelines && self.answers < index {
            return false;
        }
        if index > 0 && self.requests[index - 1].upgrades && self.answers < index {
            return false;
        }
        let waits =
            request.expects && offset == request.head_length && !self.continued && self.answers <= index;
        if waits && self.waited < PATIENCE {
            self.waited += 1;
            return false;
        }
        self.waited = 0;
        let stop = if request.expects && offset < request.head_length {
            request.head_length
        } else {
            request.wire.len()
        };
        let most = if self.drips { 1 } else { chance.within(1..=4_000) };
        match link.forth.write(&request.wire[offset..stop], most) {
            Attempt::Done(count) => {
                self.sent += count;
                self.position.1 += count;
                if self.position.1 == request.wire.len() {
                    self.position = (index + 1, 0);
                    self.continued = false;
                }
                true
            }
            _ => false,
        }
    }

    fn write_tunnel(&mut self, link: &mut Link, chance: &mut Chance) -> bool {
        let bytes = tunnel_bytes(self.requests[self.answers - 1].tag);
        if self.tunnel_sent == bytes.len() {
            link.forth.ended = true;
            return true;
        }
        match link.forth.write(&bytes[self.tunnel_sent..], chance.within(1..=700)) {
            Attempt::Done(count) => {
                self.tunnel_sent += count;
                true
            }
            _ => false,
        }
    }

    fn read(&mut self, link: &mut Link, chance: &mut Chance, records: &Records) -> bool {
        if self.end.is_some() || self.stops_reading && chance.percent(90) && self.sent > 40 {
            return false;
        }
        let mut target = [0; 8192];
        match link.back.read(&mut target, chance.within(1..=8192)) {
            Attempt::Blocked => return false,
            Attempt::Failed => self.end = Some(End::Reset),
            Attempt::Done(0) => self.end = Some(End::Clean),
            Attempt::Done(count) => self.received.extend_from_slice(&target[..count]),
        }
        self.digest(records);
        true
    }

    /// Reads the answers that are complete, and judges what there is of the last one.
    fn digest(&mut self, records: &Records) {
        while !self.tunnel && self.read < self.received.len() {
            let Some(request) = self.requests.get(self.answers) else {
                panic!("bytes beyond the last answer: {:?}", text(&self.received[self.read..]));
            };
            let bytes = &self.received[self.read..];
            // Nobody can tell a HEAD by its first letters.
            let is_known = self.position >= (self.answers, "HEAD ".len());
            let method = if is_known { request.message.first.as_str() } else { "GET" };
            let found = oracle::response(bytes, method);
            match found.unwrap_or_else(|fault| panic!("tag {}: {fault} in {:?}", request.tag, text(bytes))) {
                Read::Whole(message, taken) => {
                    self.read += taken;
                    self.take(message, records);
                }
                Read::UntilClose(message) if self.end == Some(End::Clean) => {
                    assert_eq!(request.message.minor, 0, "an unframed answer to HTTP/1.1");
                    self.read = self.received.len();
                    self.take(message, records);
                }
                Read::Body(message) | Read::UntilClose(message) => {
                    records.check_part(request, &message);
                    return;
                }
                Read::Head => return,
            }
        }
        if self.tunnel {
            let tag = self.requests[self.answers - 1].tag;
            let bytes = &self.received[self.read..];
            assert!(tunnel_bytes(tag + 1).starts_with(bytes), "foreign bytes in tunnel {tag}");
        }
    }

    fn take(&mut self, message: Message, records: &Records) {
        let request = &self.requests[self.answers];
        let status: u16 = message.first.parse().expect("a status");
        records.check_whole(request, &message);
        if (100..200).contains(&status) && status != 101 {
            assert_eq!(request.message.minor, 1, "an interim answer to HTTP/1.0");
            self.continued |= status == 100;
            return;
        }
        self.answers += 1;
        self.tunnel = status == 101;
    }

    /// Everything that the tunnel's server said has come.
    pub(crate) fn has_whole_tunnel(&self) -> bool {
        let tag = self.requests[self.answers - 1].tag;
        self.received.len() - self.read == tunnel_bytes(tag + 1).len()
    }

    /// Nothing more will be done.
    pub(crate) fn is_over(&self) -> bool {
        self.closed
    }
}

impl Request {
    fn new(chance: &mut Chance, tag: usize, calm: bool, last: bool) -> Self {
        if !calm && chance.percent(3) {
            return Self::malformed(chance, tag);
        }
        let method =
            *chance.pick(&["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
        let minor = u8::from(!(chance.percent(15) && (last || !calm)));
        let upgrades = method == "GET" && minor == 1 && chance.percent(8) && (last || !calm);
        let mut fields = vec![("host", "a.test".to_owned()), ("x-req", tag.to_string())];
        let (mut content, mut trailers, mut coded) = (Vec::new(), Vec::new(), Vec::new());
        if !upgrades && !matches!(method, "GET" | "HEAD") {
            let most = if chance.percent(5) { 200_000 } else { 9_000 };
            content = body(tag, chance.length(most));
            if minor == 1 && chance.percent(50) {
                if chance.percent(20) {
                    trailers.push(("x-check".to_owned(), tag.to_string().into_bytes()));
                }
                coded = chunked(chance, &content, &trailers);
                fields.push(("Transfer-Encoding", "chunked".to_owned()));
            } else {
                coded = content.clone();
                fields.push(("Content-Length", content.len().to_string()));
            }
        }
        let expects = !content.is_empty() && minor == 1 && chance.percent(20);
        if expects {
            fields.push(("expect", "100-continue".to_owned()));
        }
        if upgrades {
            fields.push(("connection", "Upgrade".to_owned()));
            fields.push(("upgrade", "WebSocket".to_owned()));
        } else if chance.percent(8) && (last || !calm) {
            fields.push(("connection", "close".to_owned()));
        } else if minor == 0 && chance.percent(50) {
            fields.push(("connection", "keep-alive".to_owned()));
        }
        let mut wire = format!("{method} /t/{tag}?q={tag} HTTP/1.{minor}\r\n").into_bytes();
        for (name, value) in &fields {
            wire.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        wire.extend_from_slice(b"\r\n");
        let head_length = wire.len();
        wire.extend_from_slice(&coded);
        let message = Message {
            first: method.to_owned(),
            target: format!("/t/{tag}?q={tag}"),
            minor,
            body: content,
            trailers,
            ..Message::default()
        };
        Self { tag, message, wire, head_length, expects, upgrades, malformed: false }
    }

    fn malformed(chance: &mut Chance, tag: usize) -> Self {
        let lines = *chance.pick(&[
            "GET /t HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "POST /t HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
            "POST /t HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "\0\0\0\0 \r\n\r\n",
            "GET /t HTTP/1.1\r\nhost : a\r\n\r\n",
            "POST /t HTTP/1.1\r\nhost: a.test\r\nx-req: TAG\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ]);
        let wire = lines.replace("TAG", &tag.to_string()).into_bytes();
        let message =
            Message { first: "POST".to_owned(), target: "/t".to_owned(), minor: 1, ..Message::default() };
        Self { tag, message, head_length: wire.len(), wire, expects: false, upgrades: false, malformed: true }
    }
}

/// `content` in chunks of chance sizes, sometimes oddly written.
pub(crate) fn chunked(chance: &mut Chance, content: &[u8], trailers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut rest = content;
    let most = *chance.pick(&[1, 10, 1_000, 70_000]);
    let odd = chance.percent(30);
    let most = if rest.len() > 3_000 { most.max(1_000) } else { most };
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(rest.len().min(chance.within(1..=most)));
        let line = match if odd { chance.within(0..=3) } else { 0 } {
            1 if wire.len() < 5_000 => format!("{:x};name=\"va;lue\"", chunk.len()),
            2 if wire.len() < 5_000 => format!("000{:X}", chunk.len()),
            _ => format!("{:x}", chunk.len()),
        };
        wire.extend_from_slice(line.as_bytes());
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
        rest = behind;
    }
    wire.extend_from_slice(if odd { b"00;last\r\n" } else { b"0\r\n" });
    for (name, value) in trailers {
        wire.extend_from_slice(format!("{name}: ").as_bytes());
        wire.extend_from_slice(value);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    wire
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}
