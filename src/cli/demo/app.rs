//! The app of the demo: seals a request by way of a wire that keeps every byte, and opens the answer.

use std::io;
use std::net::SocketAddr;

use super::super::call::Text;
use super::client::Client;
use super::wire::Wire;
use crate::client::blocking::{KEYS_PATH, Settings, Unwatched};
use crate::client::transport::{Timeouts, TlsTrust};
use crate::client::{self as sdk, Form, Keyring, Origin, Request, ResponseHead, Sink};

/// What it sends.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Names in lower case, and values.
    pub(super) fields: &'a [(&'a str, &'a str)],
    pub(super) content: &'a str,
}

/// What it got.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) receipt: String,
    /// What the answer says of the credentials that would do.
    pub(super) challenge: String,
    pub(super) content: String,
}

/// What somebody on the way saw, to the proxy and back.
pub(super) struct Seen {
    pub(super) sent: Vec<u8>,
    pub(super) received: Vec<u8>,
}

impl Sink for Answer {
    fn head(&mut self, head: &ResponseHead) -> io::Result<()> {
        let text = |name| String::from_utf8_lossy(head.field(name).unwrap_or_default()).into_owned();
        self.status = head.status;
        self.receipt = text("x-receipt");
        self.challenge = text("www-authenticate");
        Ok(())
    }

    fn content(&mut self, content: &[u8]) -> io::Result<()> {
        self.content.push_str(&String::from_utf8_lossy(content));
        Ok(())
    }

    fn trailers(&mut self, _trailers: &[(String, Vec<u8>)]) -> io::Result<()> {
        Ok(())
    }
}

impl Call<'_> {
    /// The request as its author wrote it, which nobody but the proxy may see.
    pub(super) fn text(&self) -> String {
        let fields: String = self.fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{} http://shop.example{}\n{fields}\n{}", self.method, self.path, self.content)
    }

    /// Sends it to the proxy at `public`, over a session of its own.
    pub(super) fn send(&self, public: SocketAddr) -> io::Result<(Answer, Seen)> {
        let wire = Wire::start(public)?;
        // An app has the keys built in, or a key that signs them; nobody listens on this way.
        let list = format!("GET {KEYS_PATH} HTTP/1.1\r\nHost: {public}\r\n\r\n");
        let list = Client::ask(public, list.as_bytes())?.body;
        let keyring = Keyring::pinned(&list).map_err(io::Error::other)?;
        let address = wire.address();
        let settings = Settings {
            origin: Origin { is_tls: false, host: address.ip().to_string(), port: address.port() },
            trust: TlsTrust::System,
            form: Form::Session,
            app: None,
            timeouts: Timeouts::default(),
        };
        let field = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        let request = Request {
            method: self.method.to_owned(),
            scheme: "http".to_owned(),
            authority: "shop.example".to_owned(),
            path: self.path.to_owned(),
            fields: self.fields.iter().map(field).collect(),
        };
        let mut answer = Answer::default();
        let mut content = Text::new(self.content.as_bytes().to_vec());
        let called =
            sdk::Client::new(settings, keyring).call(&request, &mut content, &mut answer, &mut Unwatched);
        called.map_err(io::Error::other)?;
        Ok((answer, Seen { sent: wire.sent(), received: wire.received() }))
    }
}

impl Seen {
    /// The sealed request, from its outer head on.
    pub(super) fn message(&self) -> &[u8] {
        let at = find(&self.sent, b"POST /.well-known/payload-message");
        at.and_then(|at| self.sent.get(at..)).unwrap_or_default()
    }

    /// The sealed answer, from its outer head on.
    pub(super) fn back(&self) -> &[u8] {
        let at = self.received.windows(9).rposition(|window| window == b"HTTP/1.1 ");
        at.and_then(|at| self.received.get(at..)).unwrap_or_default()
    }

    /// Whether one of these texts crossed the wire, in letters large or small.
    pub(super) fn has_any(&self, texts: &[&str]) -> bool {
        let places = [&self.sent, &self.received].map(|place| place.to_ascii_lowercase());
        let has = |text: &&str| {
            places.iter().any(|place| find(place, text.to_ascii_lowercase().as_bytes()).is_some())
        };
        texts.iter().any(has)
    }
}

/// Where `wanted` begins in `bytes`.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}
