//! The heads the proxy writes: a request as the upstream gets it, a response as the client gets it.
//!
//! Fields that are forwarded unchanged are copied as whole lines, many at once. Who the client is and whose
//! `Forwarded` and `X-Forwarded-*` are believed is decided here too; which route and server, elsewhere.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::field_template::{FieldTemplate, Identity};
use super::request_mapper::{Mapped, is_mapped};
use super::route_table::{Route, UpstreamHost};
use crate::protocol::http1::{
    BodyFraming, ConnectionOptions, Field, FieldKind, FieldTable, HeadWriter, Method, RequestHead,
    RequestTarget, ResponseHead, Version,
};
use crate::protocol::span::Span;

/// Bytes of the longest known field name, `proxy-authentication-info`.
const LONGEST_NAME: usize = 25;

/// The field of nonces for proofs of possession (RFC 9449 section 8).
const NONCE_FIELD: &[u8] = b"dpop-nonce";

/// A parsed request head and everything that decides how it is forwarded.
#[derive(Debug)]
pub struct RequestParts<'a> {
    /// The bytes the head's spans point into.
    pub bytes: &'a [u8],
    /// Length of the head in `bytes`.
    pub length: usize,
    /// Its start line.
    pub head: &'a RequestHead,
    /// Its target, checked.
    pub target: &'a RequestTarget,
    /// Its fields.
    pub fields: &'a FieldTable,
    /// What it says about the connection.
    pub options: &'a ConnectionOptions,
    /// How its body is delimited.
    pub framing: BodyFraming,
    /// The protocol it asks to switch to.
    pub upgrade: Option<&'a [u8]>,
    /// The route it takes.
    pub route: &'a Route,
    /// What a mapper made of it; `None`: none was asked.
    pub mapped: Option<&'a Mapped>,
    /// The target to forward where no mapper says it, in origin form; `None`: the client's own.
    pub new_target: Option<&'a [u8]>,
    /// `Host` under `upstream_host = "server"`.
    pub server_authority: &'a str,
    /// The client as the connection shows it.
    pub client: &'a ClientText,
    /// What the client proved of itself.
    pub identity: Identity<'a>,
    /// How the client's connection is spoken: `http` or `https`.
    pub scheme: &'static str,
    /// Whether the peer's own forwarding fields are believed.
    pub trusted: bool,
    /// What is left of `Max-Forwards`, where it counts.
    pub max_forwards: Option<u64>,
    /// The trace this request belongs to.
    pub trace: &'a TraceParent,
}

/// The peer's address as text, made once for a connection.
#[derive(Clone, Debug)]
pub struct ClientText {
    plain: String,
    node: String,
}

impl ClientText {
    /// The text of `peer`'s address.
    pub fn new(peer: IpAddr) -> Self {
        let plain = peer.to_canonical().to_string();
        let node = if plain.contains(':') { format!("\"[{plain}]\"") } else { plain.clone() };
        Self { plain, node }
    }
}

/// A `traceparent` value (W3C Trace Context): passed on when the request had a valid one, else made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The value to send.
    pub value: [u8; 55],
    /// True when it came with the request, and `tracestate` with it may stay.
    pub inherited: bool,
}

impl TraceParent {
    /// From the request, or from 24 random bytes. Made here it is flagged as recorded: the access log does.
    pub fn of(bytes: &[u8], fields: &FieldTable, random: [u64; 3]) -> Self {
        let sent = fields.first(FieldKind::Traceparent).map(|field| field.value.of(bytes));
        if let Some(value) =
            sent.filter(|value| fields.count(FieldKind::Traceparent) == 1 && is_traceparent(value))
            && let Ok(value) = value.try_into()
        {
            return Self { value, inherited: true };
        }
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-01";
        write_hex(random[0] | 1, &mut value[3..19]);
        write_hex(random[1], &mut value[19..35]);
        write_hex(random[2] | 1, &mut value[36..52]);
        Self { value, inherited: false }
    }

    /// The trace id, 32 hexadecimal digits.
    pub fn trace_id(&self) -> [u8; 32] {
        let mut id = [0; 32];
        id.copy_from_slice(&self.value[3..35]);
        id
    }
}

/// Appends the head to send upstream.
pub fn write_request_head(parts: &RequestParts<'_>, out: &mut Vec<u8>) {
    write_request_line(parts, out);
    let host = match &parts.route.upstream_host {
        UpstreamHost::Preserve if parts.target.authority.is_empty() => parts.server_authority.as_bytes(),
        UpstreamHost::Preserve => parts.target.authority.of(parts.bytes),
        UpstreamHost::Server => parts.server_authority.as_bytes(),
        UpstreamHost::Name(name) => name.as_bytes(),
    };
    HeadWriter::new(out).field(b"host", host);
    copy_fields(parts.bytes, parts.length, parts.fields, out, |field| request_field_stays(parts, field));
    if let Some(mapped) = parts.mapped {
        write_mapped_fields(parts, mapped, out);
    }
    write_forwarding_fields(parts, out);
    let mut writer = HeadWriter::new(out);
    writer.field(b"via", via(parts.head.version));
    if !parts.trace.inherited {
        writer.field(b"traceparent", &parts.trace.value);
    }
    if let Some(rest) = parts.max_forwards {
        writer.field_number(b"max-forwards", rest);
    }
    if parts.framing == BodyFraming::Chunked {
        writer.field(b"transfer-encoding", b"chunked");
    }
    if let Some(protocol) = parts.upgrade {
        writer.field(b"connection", b"upgrade");
        writer.field(b"upgrade", protocol);
    }
    for (name, value) in &parts.route.set_headers {
        match value {
            FieldTemplate::Fixed(value) => writer.field(name.as_bytes(), value.as_bytes()),
            template => writer.field_if(name.as_bytes(), |out| template.append(&parts.identity, out)),
        }
    }
    writer.end();
}

/// A parsed response head and everything that decides how it is forwarded.
#[derive(Debug)]
pub struct ResponseParts<'a> {
    /// The bytes the head's spans point into.
    pub bytes: &'a [u8],
    /// Length of the head in `bytes`.
    pub length: usize,
    /// Its start line.
    pub head: &'a ResponseHead,
    /// Its fields.
    pub fields: &'a FieldTable,
    /// What it says about the connection.
    pub options: &'a ConnectionOptions,
    /// True when the body goes out in chunks.
    pub chunked: bool,
    /// The protocol switched to (status 101).
    pub upgrade: Option<&'a [u8]>,
    /// What to say of the client's connection: `close`, `keep-alive` (to HTTP/1.0) or nothing.
    pub connection: Option<&'static [u8]>,
    /// The route the request took.
    pub route: &'a Route,
    /// `Date` to add where the upstream sent none.
    pub date: &'a [u8],
    /// The nonce that the client's next proof should have; absent: the one it has is good enough.
    pub nonce: Option<&'a str>,
}

/// Appends the head to send to the client: final, interim or 101.
pub fn write_response_head(parts: &ResponseParts<'_>, out: &mut Vec<u8>) {
    let mut writer = HeadWriter::new(out);
    writer.status_line(parts.head.status, parts.head.reason.of(parts.bytes));
    let is_final = parts.head.status >= 200;
    let set = if is_final { parts.route.response_headers.as_slice() } else { &[] };
    copy_fields(parts.bytes, parts.length, parts.fields, out, |field| {
        response_field_stays(parts, set, field)
    });
    let mut writer = HeadWriter::new(out);
    writer.field(b"via", via(parts.head.version));
    if is_final {
        let dated =
            parts.fields.first(FieldKind::Date).is_some() || set.iter().any(|(name, _)| name == "date");
        if !dated {
            writer.field(b"date", parts.date);
        }
        if parts.chunked {
            writer.field(b"transfer-encoding", b"chunked");
        }
        if let Some(connection) = parts.connection {
            writer.field(b"connection", connection);
        }
        for (name, value) in set {
            writer.field(name.as_bytes(), value.as_bytes());
        }
        if let Some(nonce) = parts.nonce {
            writer.field(NONCE_FIELD, nonce.as_bytes());
        }
    }
    if let Some(protocol) = parts.upgrade {
        writer.field(b"connection", b"upgrade");
        writer.field(b"upgrade", protocol);
    }
    writer.end();
}

/// True when `address` is in one of `networks`.
pub fn is_trusted(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address.to_canonical()))
}

/// The client: the peer, or, when the peer is trusted, the last address in `X-Forwarded-For` that is not.
pub fn client_address(peer: SocketAddr, trusted: &[IpNet], bytes: &[u8], fields: &FieldTable) -> SocketAddr {
    if trusted.is_empty() || !is_trusted(peer.ip(), trusted) {
        return peer;
    }
    // Read from its end, every address a trusted peer vouched for is skipped, the first other one is the client, and
    // what stands before that, or before anything that is no address, was written by nobody we know.
    let mut found: Option<IpAddr> = None;
    for line in fields.all(FieldKind::XForwardedFor) {
        for element in line.value.of(bytes).split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if element.is_empty() {
                continue;
            }
            let address = std::str::from_utf8(element).ok().and_then(|text| text.parse::<IpAddr>().ok());
            found = match (address, found) {
                (Some(address), Some(before)) if is_trusted(address, trusted) => Some(before),
                (address, _) => address,
            };
        }
    }
    found.map_or(peer, |address| SocketAddr::new(address, 0))
}

/// The scheme of the URL that the client asked for: that of its connection, or what a trusted peer says in
/// `X-Forwarded-Proto` if it says one thing.
pub fn client_scheme(is_tls: bool, trusted: bool, bytes: &[u8], fields: &FieldTable) -> &'static str {
    let own = if is_tls { "https" } else { "http" };
    let Some(said) = fields.first(FieldKind::XForwardedProto).filter(|_| trusted) else { return own };
    let said = said.value.of(bytes);
    let known = ["https", "http"].into_iter().find(|scheme| said.eq_ignore_ascii_case(scheme.as_bytes()));
    known.filter(|_| fields.count(FieldKind::XForwardedProto) == 1).unwrap_or(own)
}

/// What `Via` says of a message received under `version`.
fn via(version: Version) -> &'static [u8] {
    match version {
        Version::Http11 => b"1.1 ringwall",
        Version::Http10 => b"1.0 ringwall",
    }
}

/// The target goes out in origin form, or as `*`.
fn write_request_line(parts: &RequestParts<'_>, out: &mut Vec<u8>) {
    let method = parts.head.method_name.of(parts.bytes);
    let mut write = |target: &[u8]| HeadWriter::new(out).request_line(method, target);
    if let Some(target) = parts.mapped.map(|mapped| mapped.target.as_bytes()).or(parts.new_target) {
        return write(target);
    }
    let (path, query) = (parts.target.path, parts.target.query);
    // Path and query stand side by side, with the question mark between them.
    let end = query.map_or(path.end, |query| query.end);
    match (path.is_empty(), query) {
        (false, _) => write(Span { start: path.start, end }.of(parts.bytes)),
        (true, None) if parts.head.method == Method::Options => write(b"*"),
        (true, None) => write(b"/"),
        (true, Some(query)) => {
            for part in [method, b" /?", query.of(parts.bytes), b" HTTP/1.1\r\n"] {
                out.extend_from_slice(part);
            }
        }
    }
}

/// Copies the lines of all fields that stay, as many at once as stand together.
fn copy_fields(
    bytes: &[u8],
    length: usize,
    fields: &FieldTable,
    out: &mut Vec<u8>,
    stays: impl Fn(&Field) -> bool,
) {
    let mut run = None;
    for field in fields.iter() {
        let start = field.name.start as usize;
        match (run, stays(field)) {
            (None, true) => run = Some(start),
            (Some(from), false) => {
                out.extend_from_slice(&bytes[from..start]);
                run = None;
            }
            _ => {}
        }
    }
    if let Some(from) = run {
        // Without the empty line that ends the head.
        out.extend_from_slice(&bytes[from..length - 2]);
    }
}

fn request_field_stays(parts: &RequestParts<'_>, field: &Field) -> bool {
    let stays = match field.kind {
        FieldKind::Host | FieldKind::XForwardedFor | FieldKind::Forwarded => false,
        FieldKind::XForwardedProto | FieldKind::XForwardedHost | FieldKind::XRealIp => parts.trusted,
        FieldKind::Traceparent | FieldKind::Tracestate => parts.trace.inherited,
        FieldKind::MaxForwards => parts.max_forwards.is_none(),
        // From HTTP/1.0 the expectation means nothing; forwarded under HTTP/1.1 it would.
        FieldKind::Expect if parts.head.version == Version::Http10 => false,
        FieldKind::Other if is_disguised(field.name.of(parts.bytes)) => false,
        _ => parts.options.forwards(parts.bytes, field),
    };
    let stays = stays && (parts.mapped.is_none() || !is_mapped(field.name.of(parts.bytes)));
    let set = &parts.route.set_headers;
    stays && (set.is_empty() || !is_set(set, field.name.of(parts.bytes)))
}

/// True for a name with `_` that many servers read as one of the fields this proxy vouches for, as in
/// `X_Forwarded_For`.
fn is_disguised(name: &[u8]) -> bool {
    name.contains(&b'_') && folded_kind(name) != FieldKind::Other
}

/// The kind of a field by its name, with case and `_` = `-` folded: what some server could take it for.
pub(super) fn folded_kind(name: &[u8]) -> FieldKind {
    let mut folded = [0; LONGEST_NAME];
    let Some(folded) = folded.get_mut(..name.len()) else { return FieldKind::Other };
    for (place, byte) in folded.iter_mut().zip(name) {
        *place = if *byte == b'_' { b'-' } else { *byte };
    }
    FieldKind::of(folded)
}

fn response_field_stays(parts: &ResponseParts<'_>, set: &[(String, String)], field: &Field) -> bool {
    let stays = match field.kind {
        // There is no body that could have a length (RFC 9110 section 8.6), and clients wait for one.
        FieldKind::ContentLength => !matches!(parts.head.status, 100..=199 | 204),
        FieldKind::Other
            if parts.nonce.is_some() && is_same_field(NONCE_FIELD, field.name.of(parts.bytes)) =>
        {
            false
        }
        _ => parts.options.forwards(parts.bytes, field),
    };
    stays && (set.is_empty() || !is_set(set, field.name.of(parts.bytes)))
}

/// True when `name` is that of a field that is set, with case and `_` = `-` folded: it must not stand beside it.
pub(super) fn is_set<V>(set: &[(String, V)], name: &[u8]) -> bool {
    set.iter().any(|(own, _)| is_same_field(own.as_bytes(), name))
}

/// True when both are one name to servers that fold case and `_` = `-`.
pub(super) fn is_same_field(a: &[u8], b: &[u8]) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fold(*a) == fold(*b))
}

/// What the route sets stands above what the mapper says.
fn write_mapped_fields(parts: &RequestParts<'_>, mapped: &Mapped, out: &mut Vec<u8>) {
    let mut writer = HeadWriter::new(out);
    for (name, value) in &mapped.fields {
        if !is_set(&parts.route.set_headers, name.as_bytes()) {
            writer.field(name.as_bytes(), value.as_bytes());
        }
    }
}

fn write_forwarding_fields(parts: &RequestParts<'_>, out: &mut Vec<u8>) {
    let host = parts.target.authority.of(parts.bytes);
    let client = parts.client;
    out.extend_from_slice(b"x-forwarded-for: ");
    continue_list(parts, FieldKind::XForwardedFor, out);
    out.extend_from_slice(client.plain.as_bytes());
    if !parts.trusted || parts.fields.first(FieldKind::XForwardedProto).is_none() {
        out.extend_from_slice(b"\r\nx-forwarded-proto: ");
        out.extend_from_slice(parts.scheme.as_bytes());
    }
    if !host.is_empty() && (!parts.trusted || parts.fields.first(FieldKind::XForwardedHost).is_none()) {
        out.extend_from_slice(b"\r\nx-forwarded-host: ");
        out.extend_from_slice(host);
    }
    out.extend_from_slice(b"\r\nforwarded: ");
    continue_list(parts, FieldKind::Forwarded, out);
    out.extend_from_slice(b"for=");
    out.extend_from_slice(client.node.as_bytes());
    if !host.is_empty() {
        out.extend_from_slice(b";host=\"");
        out.extend_from_slice(host);
        out.push(b'"');
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(parts.scheme.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes what a trusted peer said so far, with a comma behind it.
fn continue_list(parts: &RequestParts<'_>, kind: FieldKind, out: &mut Vec<u8>) {
    if parts.trusted {
        for field in parts.fields.all(kind).filter(|field| !field.value.is_empty()) {
            out.extend_from_slice(field.value.of(parts.bytes));
            out.extend_from_slice(b", ");
        }
    }
}

fn is_traceparent(value: &[u8]) -> bool {
    let hex = |range: std::ops::Range<usize>| {
        value[range].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |range: std::ops::Range<usize>| value[range].iter().all(|byte| *byte == b'0');
    value.len() == 55
        && value.starts_with(b"00-")
        && value[35] == b'-'
        && value[52] == b'-'
        && hex(3..35)
        && hex(36..52)
        && hex(53..55)
        && !zero(3..35)
        && !zero(36..52)
}

fn write_hex(mut number: u64, out: &mut [u8]) {
    for place in out.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests;
