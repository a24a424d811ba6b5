//! One access record as one line, JSON or text. Pure, and cheap: no formatting machinery on the common way.
//!
//! Method, authority and path are bytes of a peer. Whatever they are, a line stays one line and JSON stays JSON.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use crate::control::settings::LogFormat;
use crate::policy::ruleset::{Ruleset, UNIX_PEER};
use crate::protocol::moment::UnixMicros;
use crate::protocol::span::Span;
use crate::telemetry::access_record::AccessRecord;

/// The names that records of one generation refer to by position, already as they stand in a line.
#[derive(Debug)]
pub struct Names {
    /// Whose records they are for.
    pub generation: u64,
    listeners: Vec<Vec<u8>>,
    routes: Vec<Vec<u8>>,
    upstreams: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

/// A record's names, each as it stands in a line.
struct Called<'a> {
    listener: &'a [u8],
    route: &'a [u8],
    upstream: &'a [u8],
    server: &'a [u8],
}

impl Names {
    /// The names of `rules`, for lines of `format`.
    pub fn new(rules: &Ruleset, format: LogFormat) -> Self {
        let ready = |name: &str| {
            let mut line = Vec::new();
            match format {
                LogFormat::Json => json_string(&mut line, name.as_bytes()),
                LogFormat::Text => text_word(&mut line, name.as_bytes()),
            }
            line
        };
        let upstreams = rules.upstreams.iter().map(|upstream| {
            let servers = upstream.servers.iter().map(|server| ready(&server.place()));
            (ready(&upstream.name), servers.collect())
        });
        Self {
            generation: rules.generation,
            listeners: rules.listeners.iter().map(|listener| ready(&listener.name)).collect(),
            routes: rules.routes.routes().iter().map(|route| ready(&route.name)).collect(),
            upstreams: upstreams.collect(),
        }
    }
}

impl<'a> Called<'a> {
    /// `none` stands for what a record does not have or no longer has a name for.
    fn new(record: &AccessRecord, names: Option<&'a Names>, none: &'a [u8]) -> Self {
        let mut called = Self { listener: none, route: none, upstream: none, server: none };
        let Some(names) = names else { return called };
        let at =
            |list: &'a [Vec<u8>], position: u16| list.get(usize::from(position)).map_or(none, Vec::as_slice);
        called.listener = at(&names.listeners, record.listener.0);
        if let Some(route) = record.route {
            called.route = at(&names.routes, route);
        }
        if let Some((upstream, server)) = record.server
            && let Some((upstream, servers)) = names.upstreams.get(usize::from(upstream.0))
        {
            called.upstream = upstream;
            called.server = at(servers, server);
        }
        called
    }
}

/// Appends the line of `record`, whose spans point into `text`, with its line end.
pub fn write_line(
    line: &mut Vec<u8>,
    format: LogFormat,
    worker: usize,
    record: &AccessRecord,
    text: &[u8],
    names: Option<&Names>,
) {
    // Room for a common line at once; a longer one grows on its way.
    line.reserve(1024);
    match format {
        LogFormat::Json => json_line(line, worker, record, text, &Called::new(record, names, b"null")),
        LogFormat::Text => text_line(line, worker, record, text, &Called::new(record, names, b"-")),
    }
}

fn json_line(line: &mut Vec<u8>, worker: usize, record: &AccessRecord, text: &[u8], called: &Called<'_>) {
    line.extend_from_slice(b"{\"time\":\"");
    rfc3339(line, record.time);
    line.extend_from_slice(b"\",\"client\":\"");
    address(line, record.client);
    line.extend_from_slice(b"\",\"listener\":");
    line.extend_from_slice(called.listener);
    line.extend_from_slice(b",\"route\":");
    line.extend_from_slice(called.route);
    line.extend_from_slice(b",\"method\":");
    json_string(line, record.method.of(text));
    line.extend_from_slice(b",\"host\":");
    json_string(line, record.authority.of(text));
    line.extend_from_slice(b",\"path\":");
    json_string(line, record.path.of(text));
    line.extend_from_slice(b",\"status\":");
    number(line, record.status.into());
    line.extend_from_slice(b",\"reason\":\"");
    line.extend_from_slice(record.reason.as_bytes());
    line.extend_from_slice(b"\",\"upstream\":");
    line.extend_from_slice(called.upstream);
    line.extend_from_slice(b",\"server\":");
    line.extend_from_slice(called.server);
    line.extend_from_slice(b",\"request_bytes\":");
    number(line, record.request_bytes);
    line.extend_from_slice(b",\"response_bytes\":");
    number(line, record.response_bytes);
    line.extend_from_slice(b",\"duration_us\":");
    number(line, record.duration_micros);
    line.extend_from_slice(b",\"connect_us\":");
    number_or(line, record.connect_micros, b"null");
    line.extend_from_slice(b",\"wait_us\":");
    number_or(line, record.wait_micros, b"null");
    line.extend_from_slice(b",\"retries\":");
    number(line, record.retries.into());
    line.extend_from_slice(b",\"trace_id\":");
    json_string(line, &record.trace_id);
    line.extend_from_slice(b",\"generation\":");
    number(line, record.generation);
    line.extend_from_slice(b",\"worker\":");
    number(line, worker as u64);
    for (name, value) in known(record, text) {
        line.extend_from_slice(b",\"");
        line.extend_from_slice(name);
        line.extend_from_slice(b"\":");
        json_string(line, value);
    }
    if let Some(token) = record.token {
        line.extend_from_slice(b",\"token\":\"");
        hexadecimal(line, &token);
        line.push(b'"');
    }
    line.extend_from_slice(b"}\n");
}

fn text_line(line: &mut Vec<u8>, worker: usize, record: &AccessRecord, text: &[u8], called: &Called<'_>) {
    rfc3339(line, record.time);
    line.push(b' ');
    address(line, record.client);
    line.push(b' ');
    line.extend_from_slice(called.listener);
    for word in [record.method, record.authority, record.path] {
        line.push(b' ');
        text_word(line, word.of(text));
    }
    line.push(b' ');
    number(line, record.status.into());
    line.push(b' ');
    line.extend_from_slice(record.reason.as_bytes());
    for (name, word) in
        [(&b" route="[..], called.route), (b" upstream=", called.upstream), (b" server=", called.server)]
    {
        line.extend_from_slice(name);
        line.extend_from_slice(word);
    }
    for (name, value) in [
        (&b" request_bytes="[..], Some(record.request_bytes)),
        (b" response_bytes=", Some(record.response_bytes)),
        (b" duration_us=", Some(record.duration_micros)),
        (b" connect_us=", record.connect_micros),
        (b" wait_us=", record.wait_micros),
        (b" retries=", Some(record.retries.into())),
    ] {
        line.extend_from_slice(name);
        number_or(line, value, b"-");
    }
    line.extend_from_slice(b" trace_id=");
    text_word(line, &record.trace_id);
    for (name, value) in [(&b" generation="[..], record.generation), (b" worker=", worker as u64)] {
        line.extend_from_slice(name);
        number(line, value);
    }
    for (name, value) in known(record, text) {
        line.push(b' ');
        line.extend_from_slice(name);
        line.push(b'=');
        text_word(line, value);
    }
    if let Some(token) = record.token {
        line.extend_from_slice(b" token=");
        hexadecimal(line, &token);
    }
    line.push(b'\n');
}

/// What TLS says of the client, more about the reason, and what of payload encryption the request is, by their names: only
/// what there is.
fn known<'a>(record: &AccessRecord, text: &'a [u8]) -> impl Iterator<Item = (&'static [u8], &'a [u8])> {
    let words = [(&b"detail"[..], record.detail), (b"payload", record.payload)];
    let words = words.into_iter().filter_map(|(name, word)| Some((name, word?.as_bytes())));
    let (asked, shown) = (!record.server_name.is_empty(), !record.certificate_digest.is_empty());
    let all: [(bool, &'static [u8], Span); 3] = [
        (asked, b"server_name", record.server_name),
        (shown, b"client_certificate_subject", record.certificate_subject),
        (shown, b"client_certificate_sha256", record.certificate_digest),
    ];
    let shown =
        all.into_iter().filter(|(present, ..)| *present).map(|(_, name, value)| (name, value.of(text)));
    shown.chain(words)
}

fn number(line: &mut Vec<u8>, value: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn number_or(line: &mut Vec<u8>, value: Option<u64>, none: &[u8]) {
    match value {
        Some(value) => number(line, value),
        None => line.extend_from_slice(none),
    }
}

/// Address and port, brackets around an IPv6 address; `unix:` for a client that has none.
fn address(line: &mut Vec<u8>, client: SocketAddr) {
    if client == UNIX_PEER {
        return line.extend_from_slice(b"unix:");
    }
    match client.ip() {
        IpAddr::V4(ip) => {
            for (position, octet) in ip.octets().into_iter().enumerate() {
                if position > 0 {
                    line.push(b'.');
                }
                number(line, octet.into());
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(ip) => drop(write!(line, "[{ip}]")),
    }
    line.push(b':');
    number(line, client.port().into());
}

/// True when every byte is printable ASCII from `first` on and neither quote nor backslash. Without an early end, so
/// that many bytes are compared at once.
fn all_plain(bytes: &[u8], first: u8) -> bool {
    bytes.iter().fold(true, |plain, byte| plain & is_plain(*byte, first))
}

fn is_plain(byte: u8, first: u8) -> bool {
    (byte >= first) & (byte <= b'~') & (byte != b'"') & (byte != b'\\')
}

/// A JSON string with its quotes. Control characters (C0, DEL, C1) and bytes that are not UTF-8 become `\u00XX`.
fn json_string(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'"');
    if all_plain(bytes, b' ') {
        line.extend_from_slice(bytes);
    } else {
        json_escaped(line, bytes);
    }
    line.push(b'"');
}

#[cold]
fn json_escaped(line: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => line.extend_from_slice(&[b'\\', character as u8]),
                // Control characters are all below U+00A0.
                _ if character.is_control() => byte_escape(line, b"\\u00", character as u8),
                _ => line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for byte in chunk.invalid() {
            byte_escape(line, b"\\u00", *byte);
        }
    }
}

/// A word of a text line: what is not printable ASCII, a space, a quote or a backslash becomes `\xXX`; nothing
/// becomes `-`.
fn text_word(line: &mut Vec<u8>, bytes: &[u8]) {
    match bytes {
        [] => line.push(b'-'),
        _ if all_plain(bytes, b'!') => line.extend_from_slice(bytes),
        _ => text_escaped(line, bytes),
    }
}

#[cold]
fn text_escaped(line: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        if is_plain(*byte, b'!') {
            line.push(*byte);
        } else {
            byte_escape(line, b"\\x", *byte);
        }
    }
}

fn byte_escape(line: &mut Vec<u8>, lead: &[u8], byte: u8) {
    line.extend_from_slice(lead);
    hexadecimal(line, &[byte]);
}

fn hexadecimal(line: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        line.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// RFC 3339, UTC, microseconds: `2026-08-26T12:00:00.000001Z`. Years are of four digits, until 9999.
pub fn rfc3339(line: &mut Vec<u8>, time: UnixMicros) {
    let (seconds, micros) = (time.0 / 1_000_000, time.0 % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], second / 3_600);
    digits(&mut text[14..16], second / 60 % 60);
    digits(&mut text[17..19], second % 60);
    digits(&mut text[20..26], micros);
    line.extend_from_slice(&text);
}

/// The last digits of `value`, as many as there is place for.
fn digits(place: &mut [u8], value: u64) {
    let mut rest = value as u32;
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counted in years that begin in March, so that the leap day is the last day of its year.
fn civil_date(days: u64) -> (u64, u64, u64) {
    const TO_1970: u64 = 719_468; // from 0000-03-01
    const MONTH_BEGINS: [u64; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];
    let days = days + TO_1970;
    let (era, rest) = (days / 146_097, days % 146_097);
    let century = (rest / 36_524).min(3); // the fourth has one day more
    let rest = rest - century * 36_524;
    let (fours, rest) = (rest / 1_461, rest % 1_461);
    let single = (rest / 365).min(3); // so has the fourth year
    let rest = rest - single * 365;
    let month = MONTH_BEGINS.partition_point(|begin| *begin <= rest) - 1;
    let day = rest - MONTH_BEGINS[month] + 1;
    let year = era * 400 + century * 100 + fours * 4 + single;
    let month = month as u64;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests;
