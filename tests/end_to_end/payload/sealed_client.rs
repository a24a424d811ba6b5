//! A client that seals whatever it is told to, right or wrong, and opens what comes back. Binary HTTP is written here
//! byte by byte and read by the `bhttp` crate; sealing and opening is the crate's own, which the vectors hold to the
//! standards.

use std::io::Cursor;

use ring::rand::{SecureRandom, SystemRandom};
use ringwall::limits;
use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::chunk_stream::{ChunkOpener, ChunkSealer, Opened};
use ringwall::protocol::payload::key_schedule::{MessageHeader, RequestPrk, request_keys, response_key};
use ringwall::protocol::payload::ohttp_keys::{KeyConfig, parse_key_list};
use ringwall::protocol::payload::ohttp_message::{PendingChunked, PendingWhole, begin_chunked, seal_whole};
use ringwall::protocol::payload::session;
use ringwall::protocol::payload::ticket::AppIdentity;
use ringwall::protocol::progress::Progress;
use serde_json::Value;

use super::KEYS_PATH;
use crate::harness::{Message, Proxy, RawClient};

pub(super) const GATEWAY: &str = "/.well-known/ohttp-gateway";
pub(super) const MESSAGE: &str = "/.well-known/payload-message";
pub(super) const SESSION: &str = "/.well-known/payload-session";
pub(super) const SESSION_TYPE: &str = "application/payload-session-request";

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("random bytes");
    bytes
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a time after 1970").as_secs()
}

/// A request in Binary HTTP, of known length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner<'a> {
    pub(super) method: &'a str,
    pub(super) scheme: &'a str,
    pub(super) authority: &'a str,
    pub(super) path: &'a str,
    pub(super) fields: &'a [(&'a str, &'a str)],
    pub(super) content: &'a [u8],
}

pub(super) const GET: Inner<'_> =
    Inner { method: "GET", scheme: "http", authority: "example.test", path: "/", fields: &[], content: b"" };

impl Inner<'_> {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0];
        for part in [self.method, self.scheme, self.authority, self.path] {
            push(part.as_bytes(), &mut out);
        }
        let mut section = Vec::new();
        for (name, value) in self.fields {
            push(name.as_bytes(), &mut section);
            push(value.as_bytes(), &mut section);
        }
        push(&section, &mut out);
        push(self.content, &mut out);
        out
    }

    /// With `Date`, as single messages need it.
    pub(super) fn dated(&self, time: u64) -> Vec<u8> {
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(time));
        let fields = [self.fields, &[("date", date.as_str())]].concat();
        Inner { fields: &fields, ..*self }.bytes()
    }
}

/// A length, and what is as long.
fn push(part: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(part.len()).expect("a length");
    assert!(length < 1 << 30, "a length");
    out.extend_from_slice(&(length | 2 << 30).to_be_bytes());
    out.extend_from_slice(part);
}

/// The key that the proxy offers first.
pub(super) struct Key {
    pub(super) config: KeyConfig,
    pub(super) aead: Aead,
}

/// What was opened at the proxy.
pub(super) struct Session(pub(super) session::Session);

/// A sealed request as it is sent, and what opens its response.
pub(super) struct Sealed {
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) bytes: Vec<u8>,
    opener: Opener,
}

enum Opener {
    Message(RequestPrk, Aead),
    Chunked(PendingChunked),
    Whole(PendingWhole),
}

/// A response, opened if it was sealed.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) is_sealed: bool,
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) content: Vec<u8>,
}

impl Key {
    #[track_caller]
    pub(super) fn of(proxy: &Proxy) -> Self {
        let list = parse_key_list(&proxy.get(KEYS_PATH).body).expect("a list of keys");
        let config = list.into_iter().next().expect("a key");
        let aead = config.aeads[0];
        Self { config, aead }
    }

    /// Opens a session.
    #[track_caller]
    pub(super) fn session(&self, proxy: &Proxy, app: Option<(&str, &str, &str)>) -> Session {
        let app = app.map(|(id, platform, version)| AppIdentity::new(id, platform, version).expect("an app"));
        let asked = session::request(&self.config, self.aead, now(), app.as_ref(), &random());
        let (body, pending) = asked.expect("a session request");
        let mut answer = post(&mut proxy.client(), SESSION, SESSION_TYPE, &body);
        assert_eq!(answer.status(), 200, "{answer:?}");
        Session(pending.finish(&mut answer.body).expect("a session"))
    }

    /// A single message in chunks.
    pub(super) fn chunked(&self, message: &[u8]) -> Sealed {
        let (mut bytes, mut sealer, pending) =
            begin_chunked(&self.config, self.aead, &random()).expect("a key for it");
        bytes.extend_from_slice(&chunks(&mut sealer, &[message]));
        Sealed {
            path: GATEWAY,
            media_type: "message/ohttp-chunked-req",
            bytes,
            opener: Opener::Chunked(pending),
        }
    }

    /// A single message in one piece.
    pub(super) fn whole(&self, message: &[u8]) -> Sealed {
        let sealed = seal_whole(&self.config, self.aead, message, &random()).expect("a key for it");
        Sealed {
            path: GATEWAY,
            media_type: "message/ohttp-req",
            bytes: sealed.0,
            opener: Opener::Whole(sealed.1),
        }
    }
}

impl Session {
    /// Message `number`, made when the session was opened.
    pub(super) fn message(&self, number: u64, message: &[u8]) -> Sealed {
        self.message_at(self.0.time, number, &[message])
    }

    /// The same, made at `time` and of these chunks.
    pub(super) fn message_at(&self, time: u64, number: u64, parts: &[&[u8]]) -> Sealed {
        let (mut bytes, aead) = (Vec::new(), self.0.aead);
        assert!(MessageHeader::write(&self.0.ticket, number, time, &random(), &mut bytes), "a header");
        let (prk, key) = request_keys(&self.0.secret, aead, &bytes);
        bytes.extend_from_slice(&chunks(&mut ChunkSealer::new(key), parts));
        Sealed {
            path: MESSAGE,
            media_type: "message/payload-request",
            bytes,
            opener: Opener::Message(prk, aead),
        }
    }
}

/// Each part as a chunk, the last as the final one.
fn chunks(sealer: &mut ChunkSealer, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let mut bytes = vec![0; ChunkSealer::HEAD_ROOM];
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(&[0; ChunkSealer::TAIL_ROOM]);
        let plain = ChunkSealer::HEAD_ROOM..ChunkSealer::HEAD_ROOM + part.len();
        let chunk = sealer.seal(&mut bytes, plain, at + 1 == parts.len()).expect("a chunk");
        out.extend_from_slice(&bytes[chunk]);
    }
    out
}

/// The head of a POST, then the body.
pub(super) fn post_bytes(path: &str, media_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: proxy.test\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[track_caller]
pub(super) fn post(client: &mut RawClient, path: &str, media_type: &str, body: &[u8]) -> Message {
    // An answer may come before all of a body was taken.
    client.send_if_open(post_bytes(path, media_type, body));
    client.response()
}

impl Sealed {
    pub(super) fn wire(&self) -> Vec<u8> {
        post_bytes(self.path, self.media_type, &self.bytes)
    }

    /// Sends it on a connection of its own.
    #[track_caller]
    pub(super) fn send(&self, proxy: &Proxy) -> Answer {
        self.send_on(&mut proxy.client())
    }

    #[track_caller]
    pub(super) fn send_on(&self, client: &mut RawClient) -> Answer {
        self.answer(&post(client, self.path, self.media_type, &self.bytes))
    }

    /// Opens a response.
    #[track_caller]
    pub(super) fn answer(&self, response: &Message) -> Answer {
        let media_type = response.fields.get("content-type").unwrap_or_default();
        if media_type != self.media_type.replace("request", "response").replace("-req", "-res") {
            let spelled = response.fields.0.iter();
            let fields = spelled.map(|(name, value)| {
                (name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned())
            });
            return Answer {
                is_sealed: false,
                status: response.status(),
                fields: fields.collect(),
                content: response.body.clone(),
            };
        }
        assert_eq!(response.status(), 200, "{response:?}");
        let cache = response.fields.get("cache-control").unwrap_or_default();
        assert!(cache.contains("no-store"), "{response:?}");
        let plain = self.opener.open(response.body.clone());
        let inner = bhttp::Message::read_bhttp(&mut Cursor::new(&plain[..])).expect("Binary HTTP");
        let spell = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer {
            is_sealed: true,
            status: inner.control().status().expect("a status").code(),
            fields: inner.header().iter().map(|field| (spell(field.name()), spell(field.value()))).collect(),
            content: inner.content().to_vec(),
        }
    }
}

impl Opener {
    /// The message in a sealed body, which must be whole.
    #[track_caller]
    fn open(&self, mut body: Vec<u8>) -> Vec<u8> {
        let (mut opener, mut at) = match self {
            Self::Message(prk, aead) => {
                let salt = body.first_chunk().expect("a salt");
                (ChunkOpener::new(response_key(prk, *aead, salt), limits::PAYLOAD_CHUNK_SENT_BYTES), 16)
            }
            Self::Chunked(pending) => match pending.opener(&body, limits::PAYLOAD_CHUNK_SENT_BYTES) {
                Progress::Done { value, consumed } => (value, consumed),
                Progress::NeedMore { .. } => panic!("no nonce in {} bytes", body.len()),
            },
            Self::Whole(pending) => {
                let plain = pending.open(&mut body).expect("a response that opens");
                return body[plain].to_vec();
            }
        };
        let mut all = Vec::new();
        loop {
            let rest = &mut body[at..];
            match opener.advance(rest, true).expect("chunks that open") {
                Opened::Chunk { plaintext, taken, is_final } => {
                    all.extend_from_slice(&rest[plaintext]);
                    at += taken;
                    if is_final {
                        assert_eq!(at, body.len(), "bytes behind the final chunk");
                        return all;
                    }
                }
                other => panic!("no final chunk: {other:?}"),
            }
        }
    }
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The problem in it.
    #[track_caller]
    pub(super) fn problem(&self) -> Value {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_slice(&self.content).expect("a problem");
        assert_eq!(problem["status"], self.status, "{self:?}");
        problem
    }

    /// Whether it is sealed, its status, and the type of the problem in it if there is one.
    #[track_caller]
    pub(super) fn summary(&self) -> (bool, u16, String) {
        let kind = if self.status < 400 {
            String::new()
        } else {
            self.problem()["type"].as_str().expect("a type").to_owned()
        };
        (self.is_sealed, self.status, kind)
    }
}
