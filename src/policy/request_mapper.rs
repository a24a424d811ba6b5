//! The Request Mapper's language: what it is told of a request and its token, and what its answer makes of the request.
//!
//! ```text
//! POST path, Basic authentication, application/json
//! {"request_uri": target, "token_validation_result": {claims}, "headers": {name: value}}
//! 200
//! {"request_uri": target, "headers": {name: value}}
//! ```
//! Names of fields are in lower case, each has one text: values of a repeated one are joined, with `; ` for `Cookie` and
//! `, ` for others. The fields of the answer are all that the server gets, but for those that belong to the connection,
//! the message's framing or this proxy: the mapper is not told these, and must not name them.
//!
//! An answer that breaks any of this is a fault, and nothing is forwarded. Who carries question and answer, and how long
//! answers are kept, is the worker's business.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::forwarding::{folded_kind, is_same_field, is_set};
use super::path_rules::{normalise, spelled_prefix};
use super::route_table::Route;
use super::service::{Service, ServiceId};
use crate::limits;
use crate::protocol::http1::{
    ConnectionOptions, Field, FieldKind, FieldTable, HeadWriter, is_text_byte, is_token,
};
use crate::protocol::strict_json::{Member, Object};

/// Position of a mapper in [`super::ruleset::Ruleset::mappers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapperId(pub u16);

/// A service that rewrites requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapper {
    /// The name routes refer to.
    pub name: String,
    /// Where it is asked.
    pub service: ServiceId,
    /// Whether it is told method, host, client, TLS and route too.
    pub extra_members: bool,
    /// Fields that it sets: the client's of the same folded name are kept from it. Lower-case names.
    pub identity_fields: Vec<String>,
    /// What its targets must begin with, by whole segments; absent: anything. In the strict form.
    pub prefix: Option<String>,
    /// How long answers are kept; absent: each request is asked about.
    pub answer_cache: Option<AnswerCache>,
}

/// How long answers are kept, and how many. One is good for the same question alone, letter for letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerCache {
    /// How long; never longer than the token is good.
    pub time: Duration,
    /// By one worker.
    pub entries: usize,
}

/// A request to be mapped, with a token that was judged to be good for it.
#[derive(Clone, Copy)]
pub struct MappingRequest<'a> {
    /// The bytes that the spans of `fields` point into.
    pub bytes: &'a [u8],
    /// Its fields.
    pub fields: &'a FieldTable,
    /// What it says about the connection.
    pub options: &'a ConnectionOptions,
    /// The target in origin form, with its query, as it would be forwarded without a mapper.
    pub target: &'a [u8],
    /// What the token says: [`Judgement::claims`](crate::protocol::token::verdict::Judgement::claims).
    pub claims: &'a str,
    /// The route it takes.
    pub route: &'a Route,
    /// For mappers that are told more.
    pub extra: ExtraMembers<'a>,
}

/// What else is known of a request.
#[derive(Clone, Copy, Debug)]
pub struct ExtraMembers<'a> {
    /// Its method, as sent.
    pub method: &'a [u8],
    /// The host it is for, as sent; empty when there is none.
    pub host: &'a [u8],
    /// Where the client is.
    pub client: IpAddr,
    /// Whether the client's connection has TLS.
    pub is_tls: bool,
}

/// What a mapper made of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The target to forward, in origin form.
    pub target: Box<str>,
    /// The fields to forward: lower-case names, no two of which servers could take for one.
    pub fields: Vec<(Box<str>, Box<str>)>,
}

impl Mapped {
    /// Bytes that it takes in memory, near enough for a cache that weighs its entries.
    pub fn size(&self) -> usize {
        let fields = self.fields.iter().map(|(name, value)| name.len() + value.len());
        let texts = self.target.len() + fields.sum::<usize>();
        size_of::<Self>() + size_of_val(self.fields.as_slice()) + texts
    }
}

/// Why there is no mapped request: 502, 503 or 504.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapperFault {
    /// As many requests are being mapped as may be.
    Busy,
    /// A name that is no field's.
    FieldName,
    /// A field that belongs to the connection, the framing or this proxy.
    FieldOwn,
    /// Two fields that servers could take for one.
    FieldRepeated,
    /// A value that is no field's.
    FieldValue,
    /// No JSON object with `request_uri`, a text, and `headers`, an object of texts; or a member appears twice.
    Malformed,
    /// The target leaves the prefix.
    Prefix,
    /// Not 200.
    Status(u16),
    /// The target is not in origin form, or can be read in more than one way.
    Target,
    /// The mapper did not answer in time.
    TimedOut,
    /// More than a head or [`limits::MAPPER_ANSWER_BYTES`].
    TooLong,
    /// The mapper cannot be reached, or broke off.
    Unreachable,
}

impl MapperFault {
    /// Its stable name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Busy => "mapper-busy",
            Self::FieldName => "mapper-field-name",
            Self::FieldOwn => "mapper-field-own",
            Self::FieldRepeated => "mapper-field-repeated",
            Self::FieldValue => "mapper-field-value",
            Self::Malformed => "mapper-malformed",
            Self::Prefix => "mapper-prefix",
            Self::Status(_) => "mapper-status",
            Self::Target => "mapper-target",
            Self::TimedOut => "mapper-timeout",
            Self::TooLong => "mapper-too-long",
            Self::Unreachable => "mapper-unreachable",
        }
    }
}

/// Writes the question's body: what `mapper` is told.
pub fn write_mapping_body(mapper: &Mapper, request: &MappingRequest<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"request_uri":"#);
    write_text(&String::from_utf8_lossy(request.target), out);
    out.extend_from_slice(br#","token_validation_result":"#);
    out.extend_from_slice(request.claims.as_bytes());
    out.extend_from_slice(br#","headers":{"#);
    write_fields(mapper, request, out);
    out.push(b'}');
    if mapper.extra_members {
        write_extra(&request.extra, &request.route.name, out);
    }
    out.push(b'}');
}

/// Writes the question that has this `body`; `authority` is the chosen server's.
pub fn write_mapping_request(service: &Service, authority: &str, body: &[u8], out: &mut Vec<u8>) {
    let mut writer = HeadWriter::new(out);
    writer.request_line(b"POST", service.path.as_bytes());
    service.write_fields(authority, &mut writer);
    writer.field(b"content-type", b"application/json");
    writer.field_number(b"content-length", body.len() as u64);
    writer.end();
    out.extend_from_slice(body);
}

/// Reads an answer.
///
/// # Errors
/// [`MapperFault`]: nothing of the answer may be used.
pub fn read_mapping_answer(status: u16, body: &[u8], mapper: &Mapper) -> Result<Mapped, MapperFault> {
    if status != 200 {
        return Err(MapperFault::Status(status));
    }
    if body.len() > limits::MAPPER_ANSWER_BYTES {
        return Err(MapperFault::TooLong);
    }
    let answer = Object::parse(body).ok_or(MapperFault::Malformed)?;
    let target = answer.text("request_uri").ok_or(MapperFault::Malformed)?;
    check_target(target, mapper)?;
    let headers = answer.object("headers").ok_or(MapperFault::Malformed)?;
    let mut fields: Vec<(Box<str>, Box<str>)> = Vec::new();
    let mut bytes = target.len();
    for (name, value) in headers.members() {
        let (name, value) = read_field(name, value)?;
        if fields.iter().any(|(other, _)| is_same_field(other.as_bytes(), name.as_bytes())) {
            return Err(MapperFault::FieldRepeated);
        }
        bytes += name.len() + value.len();
        fields.push((name, value));
        if bytes > limits::HEADER_BYTES_MAX || fields.len() > limits::HEADER_COUNT_MAX {
            return Err(MapperFault::TooLong);
        }
    }
    Ok(Mapped { target: target.into(), fields })
}

/// Whether a field of this name is the mapper's business. Of one that is not, the request's own goes on as it would
/// without a mapper.
pub fn is_mapped(name: &[u8]) -> bool {
    const PROXY: &[u8] = b"proxy-";
    let is_proxy = name.get(..PROXY.len()).is_some_and(|start| is_same_field(start, PROXY));
    !is_proxy
        && !matches!(
            folded_kind(name),
            FieldKind::Host
                | FieldKind::ContentLength
                | FieldKind::TransferEncoding
                | FieldKind::Connection
                | FieldKind::KeepAlive
                | FieldKind::Te
                | FieldKind::Trailer
                | FieldKind::Upgrade
                | FieldKind::Expect
                | FieldKind::MaxForwards
                | FieldKind::Via
                | FieldKind::Forwarded
                | FieldKind::XForwardedFor
                | FieldKind::XForwardedProto
                | FieldKind::XForwardedHost
                | FieldKind::XRealIp
                | FieldKind::Traceparent
                | FieldKind::Tracestate
                | FieldKind::SetCookie
        )
}

impl fmt::Debug for Mapped {
    /// Shows no values: they name people.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|(name, _)| name).collect();
        formatter.debug_struct("Mapped").field("fields", &names).finish_non_exhaustive()
    }
}

/// The fields that the mapper is told, each name once. One whose value is not Unicode cannot be told in JSON, and is left
/// out.
fn write_fields(mapper: &Mapper, request: &MappingRequest<'_>, out: &mut Vec<u8>) {
    let bytes = request.bytes;
    let name_of = |field: &Field| field.name.of(bytes);
    let told: Vec<&Field> = request.fields.iter().filter(|field| is_told(mapper, request, field)).collect();
    let mut parted_from_last: &[u8] = b"";
    for (at, field) in told.iter().enumerate() {
        let is_same = |other: &&&Field| name_of(other).eq_ignore_ascii_case(name_of(field));
        if told.iter().take(at).any(|earlier| is_same(&earlier)) {
            continue;
        }
        let values = told.iter().skip(at).filter(is_same).map(|field| field.value.of(bytes));
        let values: Vec<&[u8]> = values.filter(|value| !value.is_empty()).collect();
        let separator: &[u8] = if field.kind == FieldKind::Cookie { b"; " } else { b", " };
        let value = values.join(separator);
        let (Ok(name), Ok(value)) = (str::from_utf8(name_of(field)), str::from_utf8(&value)) else {
            continue;
        };
        out.extend_from_slice(parted_from_last);
        parted_from_last = b",";
        write_text(&name.to_ascii_lowercase(), out);
        out.push(b':');
        write_text(value, out);
    }
}

/// Nobody but the mapper and the route says what stands in identity fields.
fn is_told(mapper: &Mapper, request: &MappingRequest<'_>, field: &Field) -> bool {
    let name = field.name.of(request.bytes);
    is_mapped(name)
        && request.options.forwards(request.bytes, field)
        && !mapper.identity_fields.iter().any(|own| is_same_field(own.as_bytes(), name))
        && !is_set(&request.route.set_headers, name)
}

fn write_extra(extra: &ExtraMembers<'_>, route: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","method":"#);
    write_text(&String::from_utf8_lossy(extra.method), out);
    out.extend_from_slice(br#","host":"#);
    write_text(&String::from_utf8_lossy(extra.host), out);
    out.extend_from_slice(br#","client_ip":"#);
    write_text(&extra.client.to_canonical().to_string(), out);
    out.extend_from_slice(if extra.is_tls {
        br#","tls":true,"route":"#
    } else {
        br#","tls":false,"route":"#
    });
    write_text(route, out);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(Value::from(text).to_string().as_bytes());
}

fn check_target(target: &str, mapper: &Mapper) -> Result<(), MapperFault> {
    let is_visible = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let path = target.split('?').next().unwrap_or_default();
    // `//` would be a host to some, and is refused with every other path that two servers could read differently.
    if !path.starts_with('/') || !is_visible || normalise(path.as_bytes(), &mut Vec::new()).is_err() {
        return Err(MapperFault::Target);
    }
    match &mapper.prefix {
        Some(prefix) if spelled_prefix(path.as_bytes(), prefix.as_bytes()).is_none() => {
            Err(MapperFault::Prefix)
        }
        Some(_) | None => Ok(()),
    }
}

fn read_field(name: &str, value: &Member) -> Result<(Box<str>, Box<str>), MapperFault> {
    let value = value.as_text().ok_or(MapperFault::Malformed)?;
    if !is_token(name.as_bytes()) {
        return Err(MapperFault::FieldName);
    }
    if !is_mapped(name.as_bytes()) {
        return Err(MapperFault::FieldOwn);
    }
    if !value.bytes().all(is_text_byte) {
        return Err(MapperFault::FieldValue);
    }
    // Spaces around a value do not survive the way.
    Ok((name.to_ascii_lowercase().into(), value.trim_matches([' ', '\t']).into()))
}

#[cfg(test)]
mod tests;
