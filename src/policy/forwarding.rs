//! The heads the proxy writes: a request as the upstream gets it, a response as the client gets it.
//!
//! Fields that are forwarded unchanged are copied as whole lines, many at once. Who the client is and whose
//! `Forwarded` and `X-Forwarded-*` are believed is decided here too; which route and server, elsewhere.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::route_table::{Route, UpstreamHost};
use crate::protocol::http1::{
    BodyFraming, ConnectionOptions, Field, FieldKind, FieldTable, HeadWriter, RequestHead, RequestTarget,
    ResponseHead, Version,
};

/// Name in `Via` and `Proxy-Status`.
const PSEUDONYM: &[u8] = b"1.1 ringwall";

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
    /// The target to forward, in origin form; `None`: the client's own.
    pub new_target: Option<&'a [u8]>,
    /// `Host` under `upstream_host = "server"`.
    pub server_authority: &'a str,
    /// The client as the connection shows it.
    pub client: &'a ClientText,
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
    let mut writer = HeadWriter::new(out);
    writer.request_line(parts.head.method_name.of(parts.bytes), &target_bytes(parts));
    let host = match &parts.route.upstream_host {
        UpstreamHost::Preserve if parts.target.authority.is_empty() => parts.server_authority.as_bytes(),
        UpstreamHost::Preserve => parts.target.authority.of(parts.bytes),
        UpstreamHost::Server => parts.server_authority.as_bytes(),
        UpstreamHost::Name(name) => name.as_bytes(),
    };
    writer.field(b"host", host);
    copy_fields(parts.bytes, parts.length, parts.fields, out, |field| request_field_stays(parts, field));
    write_forwarding_fields(parts, out);
    let mut writer = HeadWriter::new(out);
    match parts.head.version {
        Version::Http11 => writer.field(b"via", PSEUDONYM),
        Version::Http10 => writer.field(b"via", b"1.0 ringwall"),
    }
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
        writer.field(name.as_bytes(), value.as_bytes());
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
}

/// Appends the head to send to the client: final, interim or 101.
pub fn write_response_head(parts: &ResponseParts<'_>, out: &mut Vec<u8>) {
    let mut writer = HeadWriter::new(out);
    writer.status_line(parts.head.status, parts.head.reason.of(parts.bytes));
    let set = &parts.route.response_headers;
    copy_fields(parts.bytes, parts.length, parts.fields, out, |field| {
        parts.options.forwards(parts.bytes, field) && (set.is_empty() || !is_set(set, parts.bytes, field))
    });
    let mut writer = HeadWriter::new(out);
    if parts.head.status >= 200 {
        if parts.fields.first(FieldKind::Date).is_none() {
            writer.field(b"date", parts.date);
        }
        writer.field(b"via", PSEUDONYM);
        if parts.chunked {
            writer.field(b"transfer-encoding", b"chunked");
        }
        if let Some(connection) = parts.connection {
            writer.field(b"connection", connection);
        }
        for (name, value) in set {
            writer.field(name.as_bytes(), value.as_bytes());
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
    let mut client = peer;
    if trusted.is_empty() || !is_trusted(peer.ip(), trusted) {
        return client;
    }
    // The list is read from its end: every address a trusted peer vouched for is skipped, the first other one is
    // the client, and what stands before that was written by nobody we know.
    let lines = fields.all(FieldKind::XForwardedFor).map(|field| field.value.of(bytes));
    let mut addresses = lines.flat_map(|line| line.split(|byte| *byte == b',')).collect::<Vec<_>>();
    while let Some(text) = addresses.pop() {
        let Some(address) =
            std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<IpAddr>().ok())
        else {
            break;
        };
        client = SocketAddr::new(address, 0);
        if !is_trusted(address, trusted) {
            break;
        }
    }
    client
}

fn target_bytes<'a>(parts: &RequestParts<'a>) -> std::borrow::Cow<'a, [u8]> {
    use std::borrow::Cow;
    if let Some(target) = parts.new_target {
        return Cow::Borrowed(target);
    }
    let (path, query) = (parts.target.path, parts.target.query);
    if !path.is_empty() {
        // Path and query stand side by side, with the question mark between them.
        let end = query.map_or(path.end, |query| query.end);
        return Cow::Borrowed(&parts.bytes[path.start as usize..end as usize]);
    }
    match query {
        None if parts.head.method == crate::protocol::http1::Method::Options => Cow::Borrowed(b"*"),
        None => Cow::Borrowed(b"/"),
        Some(query) => Cow::Owned([b"/?", query.of(parts.bytes)].concat()),
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
    match field.kind {
        FieldKind::Host => false,
        FieldKind::XForwardedFor | FieldKind::Forwarded => false,
        FieldKind::XForwardedProto | FieldKind::XForwardedHost | FieldKind::XRealIp => parts.trusted,
        FieldKind::Traceparent | FieldKind::Tracestate => parts.trace.inherited,
        FieldKind::MaxForwards => parts.max_forwards.is_none(),
        _ => {
            let set = &parts.route.set_headers;
            parts.options.forwards(parts.bytes, field) && (set.is_empty() || !is_set(set, parts.bytes, field))
        }
    }
}

/// True when `field` has the name of one that is set, with case and `_` = `-` folded: it must not stand beside it.
fn is_set(set: &[(String, String)], bytes: &[u8], field: &Field) -> bool {
    let name = field.name.of(bytes);
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    set.iter().any(|(own, _)| {
        own.len() == name.len() && own.bytes().zip(name).all(|(own, sent)| fold(own) == fold(*sent))
    })
}

fn write_forwarding_fields(parts: &RequestParts<'_>, out: &mut Vec<u8>) {
    let host = parts.target.authority.of(parts.bytes);
    let client = parts.client;
    out.extend_from_slice(b"x-forwarded-for: ");
    continue_list(parts, FieldKind::XForwardedFor, out);
    out.extend_from_slice(client.plain.as_bytes());
    if !parts.trusted || parts.fields.first(FieldKind::XForwardedProto).is_none() {
        out.extend_from_slice(b"\r\nx-forwarded-proto: http");
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
    out.extend_from_slice(b";proto=http\r\n");
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
