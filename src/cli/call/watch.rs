//! What `ringwall call -v` shows, on standard error: what crossed the wire (`>` sent, `<` received), and what was inside
//! (`|`).

use std::io::Write;

use crate::client::{Request, ResponseHead, Tap};

/// Lines of sealed bytes that are shown of each direction.
const DUMP_LINES: usize = 4;
const LINE_BYTES: usize = 16;

/// Shows the calls' traffic, or nothing.
pub(super) struct Watch {
    is_on: bool,
    /// Sealed bytes of each direction since the last head.
    sent: u64,
    received: u64,
}

impl Watch {
    /// Shows something if `is_on`.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, sent: 0, received: 0 }
    }

    /// One line about what is done.
    pub(super) fn say(&self, what: &str) {
        if self.is_on {
            line(&format!("* {what}"));
        }
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
        let total = if mark == '>' { &mut self.sent } else { &mut self.received };
        let before = *total;
        *total += bytes.len() as u64;
        if !self.is_on {
            return;
        }
        line(&format!("{mark} {} sealed bytes, {} in all", bytes.len(), *total));
        if before < (DUMP_LINES * LINE_BYTES) as u64 {
            dump(before, bytes).for_each(|text| line(&format!("{mark}   {text}")));
        }
    }
}

impl Tap for Watch {
    fn request_head(&mut self, head: &[u8]) {
        (self.sent, self.received) = (0, 0);
        self.head('>', head);
    }

    fn request_body(&mut self, bytes: &[u8]) {
        self.body('>', bytes);
    }

    fn response_head(&mut self, head: &[u8]) {
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
