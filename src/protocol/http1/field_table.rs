//! The fields of one head as spans, with quick answers about the fields a proxy looks at.

use super::syntax::trim_space;
use crate::protocol::span::Span;

/// One field line of a head. Spans are relative to the slice given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as sent.
    pub name: Span,
    /// The value without optional white space at its ends.
    pub value: Span,
    /// Which known field it is.
    pub kind: FieldKind,
}

/// The fields of one head in the order they came. Reused from message to message: it allocates only while it grows.
#[derive(Clone, Debug)]
pub struct FieldTable {
    fields: Vec<Field>,
    /// Bit per [`FieldKind`]: seen at least once.
    present: u64,
    /// Bit per [`FieldKind`]: seen more than once.
    repeated: u64,
    /// Index of the first field of each kind, meaningful where `present` says so.
    first: [u32; FieldKind::COUNT],
}

impl Default for FieldTable {
    fn default() -> Self {
        Self { fields: Vec::new(), present: 0, repeated: 0, first: [0; FieldKind::COUNT] }
    }
}

impl FieldTable {
    /// An empty table, not allocated yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.present = 0;
        self.repeated = 0;
    }

    /// Appends a field.
    #[inline]
    pub fn push(&mut self, field: Field) {
        let bit = field.kind.bit();
        if self.present & bit == 0 {
            self.first[field.kind as usize] = self.fields.len() as u32;
        }
        self.repeated |= self.present & bit;
        self.present |= bit;
        self.fields.push(field);
    }

    /// Appends the parsed `headers`, which borrow from `head`.
    pub(super) fn extend(&mut self, head: &[u8], headers: &[httparse::Header<'_>]) {
        for header in headers {
            let name = header.name.as_bytes();
            self.push(Field {
                name: Span::locate(head, name),
                value: Span::locate(head, trim_space(header.value)),
                kind: FieldKind::of(name),
            });
        }
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &Field> + Clone {
        self.fields.iter()
    }

    /// The fields of `kind` in order; costs nothing when there are none.
    #[inline]
    pub fn all(&self, kind: FieldKind) -> impl Iterator<Item = &Field> {
        let from = if self.present & kind.bit() == 0 {
            self.fields.len()
        } else {
            self.first[kind as usize] as usize
        };
        self.fields[from..].iter().filter(move |field| field.kind == kind)
    }

    /// The first field of `kind`, in constant time.
    #[inline]
    pub fn first(&self, kind: FieldKind) -> Option<&Field> {
        if self.present & kind.bit() == 0 {
            return None;
        }
        self.fields.get(self.first[kind as usize] as usize)
    }

    /// How many fields of `kind` there are; in constant time for none or one.
    #[inline]
    pub fn count(&self, kind: FieldKind) -> usize {
        if self.repeated & kind.bit() == 0 {
            return usize::from(self.present & kind.bit() != 0);
        }
        self.all(kind).count()
    }

    /// Moves all spans `offset` bytes later, for a head that was moved or whose buffer gained bytes in front.
    pub fn shift(&mut self, offset: usize) {
        for field in &mut self.fields {
            field.name = field.name.shifted(offset);
            field.value = field.value.shifted(offset);
        }
    }
}

/// The fields this proxy treats in some way of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each variant is the field of that name")]
pub enum FieldKind {
    /// Any field not listed here.
    Other,
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    KeepAlive,
    ProxyConnection,
    Te,
    Trailer,
    Upgrade,
    Expect,
    MaxForwards,
    Via,
    Forwarded,
    XForwardedFor,
    XForwardedProto,
    XForwardedHost,
    XRealIp,
    Authorization,
    ProxyAuthorization,
    ProxyAuthenticate,
    ProxyAuthenticationInfo,
    Traceparent,
    Tracestate,
    Date,
    Server,
    ContentType,
    ContentEncoding,
    Location,
    SetCookie,
    Cookie,
    CacheControl,
    ContentRange,
    Range,
    AltSvc,
    ProxyStatus,
}

impl FieldKind {
    const COUNT: usize = Self::ProxyStatus as usize + 1;

    #[inline]
    fn bit(self) -> u64 {
        1 << self as u8
    }

    /// The kind of a field by its name in any case.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let Some(first) = name.first().map(u8::to_ascii_lowercase) else { return Self::Other };
        // Length and first letter leave one candidate (in one case two), which is then compared whole.
        match (name.len(), first) {
            (2, b't') => known(name, b"te", Self::Te),
            (3, b'v') => known(name, b"via", Self::Via),
            (4, b'h') => known(name, b"host", Self::Host),
            (4, b'd') => known(name, b"date", Self::Date),
            (5, b'r') => known(name, b"range", Self::Range),
            (6, b'c') => known(name, b"cookie", Self::Cookie),
            (6, b'e') => known(name, b"expect", Self::Expect),
            (6, b's') => known(name, b"server", Self::Server),
            (7, b't') => known(name, b"trailer", Self::Trailer),
            (7, b'u') => known(name, b"upgrade", Self::Upgrade),
            (7, b'a') => known(name, b"alt-svc", Self::AltSvc),
            (8, b'l') => known(name, b"location", Self::Location),
            (9, b'f') => known(name, b"forwarded", Self::Forwarded),
            (9, b'x') => known(name, b"x-real-ip", Self::XRealIp),
            (10, b'c') => known(name, b"connection", Self::Connection),
            (10, b'k') => known(name, b"keep-alive", Self::KeepAlive),
            (10, b's') => known(name, b"set-cookie", Self::SetCookie),
            (10, b't') => known(name, b"tracestate", Self::Tracestate),
            (11, b't') => known(name, b"traceparent", Self::Traceparent),
            (12, b'c') => known(name, b"content-type", Self::ContentType),
            (12, b'm') => known(name, b"max-forwards", Self::MaxForwards),
            (12, b'p') => known(name, b"proxy-status", Self::ProxyStatus),
            (13, b'a') => known(name, b"authorization", Self::Authorization),
            (13, b'c') => match known(name, b"content-range", Self::ContentRange) {
                Self::Other => known(name, b"cache-control", Self::CacheControl),
                range => range,
            },
            (14, b'c') => known(name, b"content-length", Self::ContentLength),
            (15, b'x') => known(name, b"x-forwarded-for", Self::XForwardedFor),
            (16, b'p') => known(name, b"proxy-connection", Self::ProxyConnection),
            (16, b'c') => known(name, b"content-encoding", Self::ContentEncoding),
            (16, b'x') => known(name, b"x-forwarded-host", Self::XForwardedHost),
            (17, b't') => known(name, b"transfer-encoding", Self::TransferEncoding),
            (17, b'x') => known(name, b"x-forwarded-proto", Self::XForwardedProto),
            (18, b'p') => known(name, b"proxy-authenticate", Self::ProxyAuthenticate),
            (19, b'p') => known(name, b"proxy-authorization", Self::ProxyAuthorization),
            (25, b'p') => known(name, b"proxy-authentication-info", Self::ProxyAuthenticationInfo),
            _ => Self::Other,
        }
    }
}

/// `kind` when `name` is `expected` in any case. The length is a constant, so this compiles to a few vector
/// instructions without a branch per byte.
#[inline]
fn known<const N: usize>(name: &[u8], expected: &[u8; N], kind: FieldKind) -> FieldKind {
    let Ok(name) = <&[u8; N]>::try_from(name) else { return FieldKind::Other };
    let difference = name.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a.to_ascii_lowercase() ^ b));
    if difference == 0 { kind } else { FieldKind::Other }
}

#[cfg(test)]
mod tests;
