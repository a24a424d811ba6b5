//! Servers by chance, and the record of what they were given and what they answered.

use std::collections::BTreeMap;

use super::chance::Chance;
use super::client::{Request, body, chunked, text, tunnel_bytes};
use super::oracle::{self, Message, Read};
use super::pipe::{Attempt, Link};

/// What a server does with one request.
#[derive(Clone, Debug)]
struct Plan {
    wire: Vec<u8>,
    finish: Finish,
    /// Answers without waiting for the body.
    early: bool,
    tunnel: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Keep,
    Close,
    Reset,
    Stall,
}

/// One delivery of a request.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) connection: usize,
    /// The connection had served before.
    pub(crate) reused: bool,
    /// What the client must see if it sees all of it; `None`: it must not.
    answer: Option<Message>,
    part: Message,
    interims: usize,
}

/// What the servers saw and said, by tag.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) sent: BTreeMap<usize, Request>,
    pub(crate) deliveries: BTreeMap<usize, Vec<Delivery>>,
}

/// One connection from the proxy.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) link: Link,
    index: usize,
    inbox: Vec<u8>,
    served: usize,
    plan: Option<(usize, Plan, usize)>,
    /// Not looked at again before more comes.
    looked: usize,
    whole: Option<usize>,
    tunnel_read: usize,
    pub(crate) over: bool,
    /// The proxy keeps the connection for later.
    pub(crate) pooled: bool,
    calm: bool,
}

impl Server {
    pub(crate) fn new(index: usize, capacity: usize, calm: bool) -> Self {
        Self {
            link: Link::new(capacity),
            index,
            inbox: Vec::new(),
            served: 0,
            plan: None,
            looked: 0,
            whole: None,
            tunnel_read: 0,
            over: false,
            pooled: false,
            calm,
        }
    }

    /// Does one thing, if there is one to do.
    pub(crate) fn step(&mut self, chance: &mut Chance, records: &mut Records) -> bool {
        if self.over {
            return false;
        }
        if self.plan.is_none() && !self.calm && self.misbehave(chance) {
            return true;
        }
        if chance.percent(60) && self.read(chance, records) {
            return true;
        }
        self.write(chance)
    }

    /// Nothing is on its way to the proxy that it could take for the next answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.plan.is_none() && self.link.back.is_empty()
    }

    /// Ends, or speaks, when nobody asked.
    fn misbehave(&mut self, chance: &mut Chance) -> bool {
        let bare = self.inbox.is_empty();
        match chance.within(1..=if bare { 200 } else { 60 }) {
            1 => self.finish(Finish::Close),
            2 => self.finish(Finish::Reset),
            3 if self.pooled => {
                let stray = b"HTTP/1.1 408 Request Timeout\r\nx-tag: stray\r\ncontent-length: 0\r\n\r\n";
                self.link.back.write(stray, 200);
                if chance.percent(50) {
                    self.finish(Finish::Close);
                }
            }
            _ => return false,
        }
        true
    }

    fn read(&mut self, chance: &mut Chance, records: &mut Records) -> bool {
        let mut target = [0; 16_384];
        match self.link.forth.read(&mut target, chance.within(1..=16_384)) {
            Attempt::Blocked => return false,
            Attempt::Failed => self.finish(Finish::Reset),
            Attempt::Done(0) if self.plan.as_ref().is_some_and(|(_, plan, _)| plan.tunnel) => return false,
            Attempt::Done(0) => self.finish(Finish::Close),
            Attempt::Done(count) => self.inbox.extend_from_slice(&target[..count]),
        }
        self.look(chance, records);
        true
    }

    fn look(&mut self, chance: &mut Chance, records: &mut Records) {
        if let Some((tag, Plan { tunnel: true, .. }, _)) = &self.plan
            && let Some(taken) = self.whole
        {
            let bytes = &self.inbox[taken..];
            assert!(tunnel_bytes(*tag).starts_with(bytes), "foreign bytes reached tunnel {tag}");
            self.tunnel_read = bytes.len();
            return;
        }
        if self.whole.is_some() || self.inbox.len() < self.looked && !self.link.forth.is_empty() {
            return;
        }
        let fault = |fault| panic!("server got {fault}: {:?}", text(&self.inbox));
        let (message, whole) = match oracle::request(&self.inbox).unwrap_or_else(fault) {
            Read::Head => return,
            Read::Body(message) | Read::UntilClose(message) => (message, None),
            Read::Whole(message, taken) => (message, Some(taken)),
        };
        // Reading a large body again for every byte of it would take too long.
        self.looked = self.inbox.len() + if whole.is_none() { message.body.len() / 20 } else { 0 };
        let tag = records.check_request(&message, whole.is_some());
        self.whole = whole;
        if self.plan.is_none() {
            let upgrade = message.field("upgrade").is_some();
            let (plan, delivery) =
                Plan::draw(chance, &message, tag, upgrade, self.calm, self.index, self.served > 0);
            records.deliveries.entry(tag).or_default().push(delivery);
            self.plan = Some((tag, plan, 0));
        }
    }

    fn write(&mut self, chance: &mut Chance) -> bool {
        let Some((tag, plan, written)) = &mut self.plan else { return false };
        if *written < plan.wire.len() {
            if !plan.early && self.whole.is_none() && !continues(&plan.wire[*written..]) {
                return false;
            }
            let stop =
                if plan.early || self.whole.is_some() { plan.wire.len() } else { *written + CONTINUE.len() };
            let most = if chance.percent(20) { 1 } else { chance.within(1..=9_000) };
            let most = if continues(&plan.wire[*written..]) { CONTINUE.len() } else { most };
            return match self.link.back.write(&plan.wire[*written..stop], most) {
                Attempt::Done(count) => {
                    *written += count;
                    true
                }
                Attempt::Failed => {
                    self.finish(Finish::Reset);
                    true
                }
                Attempt::Blocked => false,
            };
        }
        if plan.tunnel {
            let done = self.link.forth.ended && self.tunnel_read == tunnel_bytes(*tag).len();
            if done || self.link.forth.reset {
                self.finish(Finish::Close);
            }
            return done;
        }
        match (plan.finish, self.whole) {
            (Finish::Stall, _) => false,
            (Finish::Keep, Some(taken)) => {
                self.inbox.drain(..taken);
                self.plan = None;
                self.whole = None;
                self.looked = 0;
                self.served += 1;
                true
            }
            (Finish::Keep, None) => false,
            (finish, _) => {
                self.finish(finish);
                true
            }
        }
    }

    fn finish(&mut self, finish: Finish) {
        self.over = true;
        match finish {
            Finish::Reset => self.link.reset(),
            // A close with unread bytes is a reset.
            _ if !self.link.forth.is_empty() && !self.calm => self.link.reset(),
            _ => {
                self.link.back.ended = true;
                self.link.forth.deaf = true;
            }
        }
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn continues(wire: &[u8]) -> bool {
    wire.starts_with(CONTINUE)
}

impl Plan {
    fn draw(
        chance: &mut Chance,
        request: &Message,
        tag: usize,
        upgrade: bool,
        calm: bool,
        connection: usize,
        reused: bool,
    ) -> (Self, Delivery) {
        let mut wire = Vec::new();
        let expects = request.field("expect").is_some();
        let mut interims = 0;
        if expects && chance.percent(70) {
            wire.extend_from_slice(CONTINUE);
            interims += 1;
        }
        if chance.percent(10) {
            wire.extend_from_slice(format!("HTTP/1.1 103 Early Hints\r\nx-tag: {tag}\r\n\r\n").as_bytes());
            interims += 1;
        }
        if upgrade && chance.percent(70) {
            let head = format!(
                "HTTP/1.1 101 Go\r\nx-tag: {tag}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
            );
            wire.extend_from_slice(head.as_bytes());
            wire.extend_from_slice(&tunnel_bytes(tag + 1));
            let answer = Message { first: "101".to_owned(), ..Message::default() };
            let delivery =
                Delivery { connection, reused, part: answer.clone(), answer: Some(answer), interims };
            return (Self { wire, finish: Finish::Close, early: false, tunnel: true }, delivery);
        }
        let (message, head, coded, unframed) = answer(chance, request, tag);
        let minor = if head.contains("HTTP/1.0") { 0 } else { 1 };
        let mut finish = if unframed || minor == 0 || head.contains("connection: close") {
            Finish::Close
        } else {
            Finish::Keep
        };
        let body_at = wire.len() + head.len();
        wire.extend_from_slice(head.as_bytes());
        wire.extend_from_slice(&coded);
        let mut whole = true;
        let early = !calm && chance.percent(15);
        if !calm {
            match chance.within(1..=60) {
                1..=6 => {
                    let cut =
                        if chance.percent(40) { 0 } else { chance.within(0..=wire.len().saturating_sub(1)) };
                    whole = false;
                    let hidden = unframed && cut >= body_at;
                    finish = if hidden || chance.percent(50) { Finish::Reset } else { Finish::Close };
                    if chance.percent(20) {
                        finish = Finish::Stall;
                    }
                    wire.truncate(cut);
                }
                7 | 8 => {
                    whole = false;
                    wire.truncate(body_at - head.len());
                    wire.extend_from_slice(GARBAGE[chance.within(0..=GARBAGE.len() - 1)].as_bytes());
                }
                9 | 10 if !unframed => wire.extend_from_slice(b"HTTP/1.1 200 OK\r\nx-tag: stray\r\n\r\n"),
                11 => finish = if unframed { Finish::Reset } else { finish },
                _ => {}
            }
            whole &= !(unframed && finish == Finish::Reset);
        }
        let delivery =
            Delivery { connection, reused, answer: whole.then(|| message.clone()), part: message, interims };
        (Self { wire, finish, early, tunnel: false }, delivery)
    }
}

const GARBAGE: &[&str] = &[
    "\0\0\0\0\r\n\r\n",
    "HTTP/1.1 2x0 OK\r\nx-tag: bad\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
    "HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "SSH-2.0-x\r\n\r\n",
];

/// An answer by chance: as the client must see it, its head and body as written, and whether only the connection's end
/// ends it.
fn answer(chance: &mut Chance, request: &Message, tag: usize) -> (Message, String, Vec<u8>, bool) {
    let status = *chance.pick(&[200, 200, 200, 200, 201, 404, 500, 204, 304]);
    let minor = u8::from(!chance.percent(10));
    let bodyless = request.first == "HEAD" || status == 204 || status == 304;
    let most = if chance.percent(6) { 300_000 } else { 9_000 };
    let content = if bodyless { Vec::new() } else { body(tag, chance.length(most)) };
    let mut trailers = Vec::new();
    let mut head =
        format!("HTTP/1.{minor} {status} Some Reason\r\nx-tag: {tag}\r\nX-Frame-Options: SAMEORIGIN\r\n");
    let mut coded = content.clone();
    let mut unframed = false;
    match chance.within(0..=3) {
        0 if minor == 1 && status != 204 && status != 304 => {
            if chance.percent(20) {
                trailers.push(("x-sum".to_owned(), tag.to_string().into_bytes()));
            }
            head += "Transfer-Encoding: chunked\r\n";
            coded = if bodyless { Vec::new() } else { chunked(chance, &content, &trailers) };
            if bodyless {
                trailers.clear();
            }
        }
        1 if !bodyless => unframed = true,
        _ if status == 204 => {}
        _ => head += &format!("content-length: {}\r\n", if bodyless { 7 } else { content.len() }),
    }
    if minor == 1 && (unframed || chance.percent(10)) {
        head += "connection: close\r\n";
    }
    head += "\r\n";
    let message = Message { first: status.to_string(), body: content, trailers, ..Message::default() };
    (message, head, coded, unframed)
}

impl Records {
    /// What reached a server is what the client of that tag sent.
    fn check_request(&self, message: &Message, whole: bool) -> usize {
        let tag: usize = message.field("x-req").and_then(|tag| tag.parse().ok()).expect("a tag");
        assert!(!whole || !self.sent[&tag].malformed, "tag {tag}: a malformed request was repaired");
        let sent = &self.sent[&tag].message;
        assert_eq!((&message.first, &message.target), (&sent.first, &sent.target));
        assert!(sent.body.starts_with(&message.body), "tag {tag}: another body");
        assert_eq!(message.field("host"), Some("a.test"));
        assert_eq!(message.field("x-forwarded-for"), Some("192.0.2.7"));
        assert_eq!(message.minor, 1);
        if whole {
            assert_eq!(message.body.len(), sent.body.len(), "tag {tag}: a complete-looking part");
            assert_eq!(message.trailers, sent.trailers);
        }
        tag
    }

    /// A whole answer is the proxy's own, or exactly what a server gave to this request.
    pub(crate) fn check_whole(&self, request: &Request, seen: &Message) {
        if is_own(seen) {
            let length = seen.field("content-length").expect("a length");
            assert!(request.message.first == "HEAD" || length == seen.body.len().to_string());
            assert!(!request.malformed || seen.first != "200");
            return;
        }
        let tag = request.tag;
        let given =
            self.deliveries.get(&tag).and_then(|all| all.last()).expect("an answer to a request nobody got");
        if seen.first.starts_with('1') && seen.first != "101" {
            assert!(given.interims > 0);
            assert!(seen.first == "100" || seen.field("x-tag") == Some(tag.to_string().as_str()));
            return;
        }
        assert_eq!(seen.field("x-tag"), Some(tag.to_string().as_str()), "another request's answer");
        let meant =
            given.answer.as_ref().unwrap_or_else(|| panic!("tag {tag}: a broken answer looks complete"));
        assert_eq!(seen.first, meant.first);
        assert_eq!(text(&seen.body), text(&meant.body));
        assert!(seen.body == meant.body, "tag {tag}: {} of {} bytes", seen.body.len(), meant.body.len());
        if request.message.minor == 1 {
            assert_eq!(seen.trailers, meant.trailers);
        }
        if seen.first != "101" {
            assert_eq!(seen.field("x-frame-options"), Some("DENY"));
        }
    }

    /// What there is of an answer is the beginning of it.
    pub(crate) fn check_part(&self, request: &Request, seen: &Message) {
        if is_own(seen) {
            return;
        }
        let given = self.deliveries.get(&request.tag).and_then(|all| all.last()).expect("bytes from nowhere");
        assert_eq!(seen.field("x-tag"), Some(request.tag.to_string().as_str()), "another request's answer");
        assert!(given.part.body.starts_with(&seen.body), "tag {}: another body", request.tag);
    }
}

fn is_own(message: &Message) -> bool {
    message.field("proxy-status").is_some()
}
