//! What `ringwall call -v` shows, on standard error: what crossed the wire (`>` sent, `<` received), and what was inside
//! (`|`).

use std::io::Write;

use crate::client::{Request, ResponseHead, Tap};

/// Lines of sealed bytes that are shown of each direction.
const DUMP_LINES: usize = 4;
const LINE_BYTES: usize = 16;
/// Pieces of a body that have a line of their own; of the rest only the sum is told.
const PIECES: u32 = 8;

/// Shows the calls' traffic, or nothing.
pub(super) struct Watch {
    is_on: bool,
    sent: Direction,
    received: Direction,
}

/// The body that is on its way.
#[derive(Clone, Copy, Default)]
struct Direction {
    bytes: u64,
    pieces: u32,
    is_sealed: bool,
}

impl Watch {
    /// Shows something if `is_on`.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, sent: Direction::default(), received: Direction::default() }
    }

    /// One line about what is done.
    pub(super) fn say(&self, what: &str) {
        if self.is_on {
            line(&format!("* {what}"));
        }
    }

    /// How much it was in all.
    pub(super) fn sum(&self) {
        let (sent, received) = (self.sent, self.received);
        self.say(&format!("{} bytes of body sent, {} received", sent.bytes, received.bytes));
    }

    /// The request as the server shall see it.
    pub(super) fn inside_request(&self, request: &Request, length: Option<u64>) {
        if !self.is_on {
            return;
        }
        let Request { method, scheme, authority, path, .. } = request;
        let mut text =
            format!("{method} {scheme}://{authority}{path}\n{}", fields(&concealed(&request.fields)));
        match length {
            Some(0) => {}
            Some(length) => text.push_str(&format!("({length} bytes of content)\n")),
            None => text.push_str("(content of unknown length)\n"),
        }
        show_inside("request", &text);
    }

    fn head(&mut self, mark: char, head: &[u8]) {
        if self.is_on {
            let text = String::from_utf8_lossy(head);
            text.lines()
                .filter(|text| !text.is_empty())
                .for_each(|text| line(&format!("{mark} {}", printable(text))));
        }
    }

    fn body(&mut self, mark: char, bytes: &[u8]) {
        let direction = if mark == '>' { &mut self.sent } else { &mut self.received };
        let before = direction.bytes;
        direction.bytes += bytes.len() as u64;
        direction.pieces = direction.pieces.saturating_add(1);
        if !self.is_on || direction.pieces > PIECES {
            return;
        }
        let kind = if direction.is_sealed { "sealed bytes" } else { "bytes" };
        line(&format!("{mark} {} {kind}", bytes.len()));
        if before < (DUMP_LINES * LINE_BYTES) as u64 {
            dump(before, bytes).for_each(|text| line(&format!("{mark}   {text}")));
        }
    }
}

impl Direction {
    /// Of the body behind this head.
    fn of(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        let sealed = ["application/payload-session-", "message/payload-", "message/ohttp-"];
        let is_sealed = sealed.iter().any(|media| text.contains(&format!("content-type: {media}")));
        Self { is_sealed, ..Self::default() }
    }
}

impl Tap for Watch {
    fn request_head(&mut self, head: &[u8]) {
        (self.sent, self.received) = (Direction::of(head), Direction::default());
        self.head('>', head);
    }

    fn request_body(&mut self, bytes: &[u8]) {
        self.body('>', bytes);
    }

    fn response_head(&mut self, head: &[u8]) {
        self.received = Direction::of(head);
        self.head('<', head);
    }

    fn response_body(&mut self, bytes: &[u8]) {
        self.body('<', bytes);
    }

    fn note(&mut self, what: &str) {
        self.say(what);
    }
}

/// A head as HTTP/1.1 would write it.
pub(super) fn response_head(head: &ResponseHead) -> String {
    let reason = crate::protocol::http1::reason_phrase(head.status);
    format!("{} {reason}\n{}", head.status, fields(&head.fields))
}

/// Fields, one on each line.
pub(super) fn fields(fields: &[(String, Vec<u8>)]) -> String {
    let line = |(name, value): &(String, Vec<u8>)| {
        format!("{}: {}\n", printable(name), printable(&String::from_utf8_lossy(value)))
    };
    fields.iter().map(line).collect()
}

/// Shows what was inside.
pub(super) fn show_inside(what: &str, text: &str) {
    line(&format!("| inside the sealed {what}:"));
    text.lines().for_each(|text| line(&format!("|   {text}")));
}

/// Secrets are not printed, not even one's own.
fn concealed(fields: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let is_secret = |name: &str| matches!(name, "authorization" | "cookie" | "proxy-authorization");
    let shown = |(name, value): &(String, Vec<u8>)| {
        let value = if is_secret(name) { b"(not shown)".to_vec() } else { value.clone() };
        (name.clone(), value)
    };
    fields.iter().map(shown).collect()
}

/// Lines of a hexadecimal dump, of the first bytes of a direction alone.
fn dump(offset: u64, bytes: &[u8]) -> impl Iterator<Item = String> {
    let room = (DUMP_LINES * LINE_BYTES).saturating_sub(offset as usize);
    bytes[..bytes.len().min(room)].chunks(LINE_BYTES).enumerate().map(move |(number, chunk)| {
        let at = offset + (number * LINE_BYTES) as u64;
        let hex: String = chunk.iter().map(|byte| format!("{byte:02x} ")).collect();
        let text: String =
            chunk.iter().map(|&byte| if matches!(byte, b' '..=b'~') { byte as char } else { '.' }).collect();
        format!("{at:06x}  {hex:<48} {text}")
    })
}

/// Without what would write elsewhere on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '.' } else { letter }).collect()
}

/// There is nobody to tell when this fails.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
