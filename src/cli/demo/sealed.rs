//! The demo's sealed call: what the app said, what was seen on the way, what the resource saw, and what a thief of the
//! bytes gets for them.

use std::io;
use std::net::SocketAddr;

use super::super::say;
use super::app::{Call, find};
use super::client::{Client, Response};
use super::resource::{Resource, field};
use super::walk::{Faults, check, show};

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
    let call = Call { method: "POST", path: PATH, fields: &[("authorization", TOKEN)], content: CONTENT };
    show("the app sends", &call.text());
    let (answer, seen) = call.send(public)?;
    let (message, back) = (seen.message(), seen.back());
    show_sealed("what crosses the wire, after a session was opened the same way", message);
    show_sealed("and the way back", back);
    let (head, body) = (resource.heads().pop().unwrap_or_default(), resource.bodies().pop());
    let body = String::from_utf8(body.unwrap_or_default()).unwrap_or_default();
    show("the resource receives", &format!("{head}{body}"));
    show("the app gets back", &format!("{}\n{}", answer.status, answer.content));
    let secrets =
        [PATH, "transfer", "shop.example", "authorization", TOKEN, CONTENT, RECEIPT, &answer.content];
    let mut faults = check(&[
        ("something crossed the wire, both ways", !message.is_empty() && !back.is_empty()),
        ("neither path, host, fields nor content crossed it", !seen.has_any(&secrets)),
        ("the resource saw plain HTTP", head.starts_with("POST /transfer?from=savings HTTP/1.1\r\n")),
        ("with the host", field(&head, "host") == Some("shop.example")),
        ("with the token", field(&head, "authorization") == Some(TOKEN)),
        ("with the content", body == CONTENT),
        ("the answer came", answer.status == 200 && answer.content == "transferred\n"),
        ("with its fields", answer.receipt == RECEIPT),
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

/// An outer head as text, and the first bytes of what it carries.
pub(super) fn show_sealed(what: &str, message: &[u8]) {
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
