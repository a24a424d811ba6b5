//! The demo's sealed call: what the app said, what was seen on the way, what the resource saw, and what a thief of the
//! bytes gets for them.

use std::io;
use std::net::SocketAddr;

use super::super::call::Text;
use super::super::say;
use super::client::{Client, Response};
use super::resource::{Resource, field};
use super::walk::{Faults, check, show};
use super::wire::Wire;
use crate::client::blocking::{KEYS_PATH, Settings, Unwatched};
use crate::client::transport::{Timeouts, TlsTrust};
use crate::client::{self as sdk, Form, Keyring, Origin, Request, ResponseHead, Sink};

const PATH: &str = "/vault/transfer?from=savings";
const TOKEN: &str = "Bearer a-stolen-token-is-worth-money";
const CONTENT: &str = "100 to alice, with love";
const RECEIPT: &str = "receipt-4711";
/// Bytes of the wire that are printed.
const SHOWN: usize = 96;

/// The call, by way of a wire that keeps every byte.
pub(super) fn walk(public: SocketAddr, resource: &Resource) -> io::Result<Faults> {
    // What earlier steps left.
    resource.heads();
    resource.bodies();
    let wire = Wire::start(public)?;
    show("the app sends", &format!("POST http://shop.example{PATH}\nAuthorization: {TOKEN}\n\n{CONTENT}"));
    let answer = call(public, wire.address())?;
    let (sent, received) = (wire.sent(), wire.received());
    let message = find(&sent, b"POST /.well-known/payload-message").and_then(|at| sent.get(at..));
    let message = message.unwrap_or_default();
    show_sealed("what crosses the wire, after a session was opened the same way", message);
    let back = rfind(&received, b"HTTP/1.1 ").and_then(|at| received.get(at..)).unwrap_or_default();
    show_sealed("and the way back", back);
    let (head, body) = (resource.heads().pop().unwrap_or_default(), resource.bodies().pop());
    let body = String::from_utf8(body.unwrap_or_default()).unwrap_or_default();
    show("the resource receives", &format!("{head}{body}"));
    show("the app gets back", &format!("{}\n{}", answer.status, answer.content));
    let secrets =
        [PATH, "transfer", "shop.example", "authorization", TOKEN, CONTENT, RECEIPT, &answer.content];
    let mut faults = check(&[
        ("something crossed the wire, both ways", !message.is_empty() && !back.is_empty()),
        (
            "neither path, host, fields nor content crossed it",
            !has_any(&[sent.as_slice(), &received], &secrets),
        ),
        ("the resource saw plain HTTP", head.starts_with("POST /transfer?from=savings HTTP/1.1\r\n")),
        ("with the host", field(&head, "host") == Some("shop.example")),
        ("with the token", field(&head, "authorization") == Some(TOKEN)),
        ("with the content", body == CONTENT),
        ("the answer came", answer.status == 200 && answer.content == "transferred\n"),
        ("with its fields", answer.receipt == RECEIPT.as_bytes()),
    ]);
    faults.extend(thief(public, resource, message)?);
    Ok(faults)
}

/// What was stolen is sent again, as it was and with one bit changed; and the same is asked for in plain.
fn thief(public: SocketAddr, resource: &Resource, message: &[u8]) -> io::Result<Faults> {
    let again = Client::ask(public, message)?;
    let mut changed = message.to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    let changed = Client::ask(public, &changed)?;
    let plain = format!("POST {PATH} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
    let plain = Client::ask(public, plain.as_bytes())?;
    let kind = |response: &Response| field(&response.head, "content-type").unwrap_or_default().to_owned();
    say(&format!("    the same bytes again are answered {} {}, sealed", again.status(), kind(&again)));
    say(&format!("    with one bit changed {}: {}", changed.status(), changed.text().trim()));
    say(&format!("    in plain {}: {}", plain.status(), plain.text().trim()));
    Ok(check(&[
        (
            "a replay is answered sealed",
            again.status() == "200" && kind(&again) == "message/payload-response",
        ),
        (
            "a changed bit is refused",
            changed.status() == "400" && changed.text().contains("payload-malformed"),
        ),
        ("plaintext is refused", plain.status() == "403" && plain.text().contains("payload-required")),
        ("the resource saw none of the three", resource.heads().is_empty()),
    ]))
}

/// What the app got.
#[derive(Default)]
struct Answer {
    status: u16,
    receipt: Vec<u8>,
    content: String,
}

impl Sink for Answer {
    fn head(&mut self, head: &ResponseHead) -> io::Result<()> {
        self.status = head.status;
        self.receipt = head.field("x-receipt").unwrap_or_default().to_vec();
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

fn call(public: SocketAddr, wire: SocketAddr) -> io::Result<Answer> {
    // An app has the keys built in, or a key that signs them; nobody listens on this way.
    let list = format!("GET {KEYS_PATH} HTTP/1.1\r\nHost: {public}\r\n\r\n");
    let list = Client::ask(public, list.as_bytes())?.body;
    let keyring = Keyring::pinned(&list).map_err(io::Error::other)?;
    let origin = Origin { is_tls: false, host: wire.ip().to_string(), port: wire.port() };
    let settings = Settings {
        origin,
        trust: TlsTrust::System,
        form: Form::Session,
        app: None,
        timeouts: Timeouts::default(),
    };
    let request = Request {
        method: "POST".to_owned(),
        scheme: "http".to_owned(),
        authority: "shop.example".to_owned(),
        path: PATH.to_owned(),
        fields: vec![("authorization".to_owned(), TOKEN.as_bytes().to_vec())],
    };
    let mut answer = Answer::default();
    let mut content = Text::new(CONTENT.as_bytes().to_vec());
    let called =
        sdk::Client::new(settings, keyring).call(&request, &mut content, &mut answer, &mut Unwatched);
    called.map(|()| answer).map_err(io::Error::other)
}

/// An outer head as text, and the first bytes of what it carries.
fn show_sealed(what: &str, message: &[u8]) {
    let end = find(message, b"\r\n\r\n").map_or(message.len(), |at| at + b"\r\n\r\n".len());
    let (head, sealed) = message.split_at(end);
    show(what, &String::from_utf8_lossy(head));
    let first = sealed.get(..SHOWN).unwrap_or(sealed);
    for line in first.chunks(SHOWN / 3) {
        let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
        say(&format!("        {hex}"));
    }
    say(&format!("        {} bytes in all", sealed.len()));
}

fn has_any(places: &[&[u8]], texts: &[&str]) -> bool {
    let lower: Vec<Vec<u8>> = places.iter().map(|place| place.to_ascii_lowercase()).collect();
    let has =
        |text: &&str| lower.iter().any(|place| find(place, text.to_ascii_lowercase().as_bytes()).is_some());
    texts.iter().any(has)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}

fn rfind(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).rposition(|window| window == wanted)
}
