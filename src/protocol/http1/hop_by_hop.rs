//! Fields that belong to one connection and must not be forwarded (RFC 9110 section 7.6.1).
//!
//! Left to others: what takes their place (`Host`, `Content-Length`, `Via`, forwarding fields).

use super::syntax::{is_token, list_elements};
use super::{Field, FieldKind, FieldTable, Rejection};
use crate::limits;
use crate::protocol::span::Span;

/// What the `Connection` fields of a message say.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions {
    /// The sender closes after this message.
    pub close: bool,
    /// An HTTP/1.0 sender wants the connection kept.
    pub keep_alive: bool,
    /// The `Upgrade` field is meant.
    pub upgrade: bool,
    nominated: [Span; limits::CONNECTION_OPTIONS],
    nominated_count: usize,
}

/// What becomes of a field whatever its sender says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passage {
    /// Never forwarded.
    Never,
    /// Forwarded even if nominated: dropping it would change what the message means or who sent it.
    Always,
    /// Forwarded unless nominated.
    Nominable,
}

/// Reads all `Connection` fields. Names already dropped or protected are not kept, as nominating them changes nothing.
///
/// # Errors
/// [`Rejection::InvalidFieldValue`] if an option is no token or if more than [`limits::CONNECTION_OPTIONS`] fields are
/// nominated.
pub fn connection_options(bytes: &[u8], fields: &FieldTable) -> Result<ConnectionOptions, Rejection> {
    let mut options = ConnectionOptions {
        close: false,
        keep_alive: false,
        upgrade: false,
        nominated: [Span::default(); limits::CONNECTION_OPTIONS],
        nominated_count: 0,
    };
    for field in fields.all(FieldKind::Connection) {
        for option in list_elements(field.value.of(bytes)) {
            options.add(bytes, option)?;
        }
    }
    Ok(options)
}

impl ConnectionOptions {
    /// Whether `field` of the same message goes on to the next hop. `bytes` are those the options were read from.
    #[inline]
    pub fn forwards(&self, bytes: &[u8], field: &Field) -> bool {
        match passage(field.kind) {
            Passage::Never => false,
            Passage::Always => true,
            Passage::Nominable => {
                let name = field.name.of(bytes);
                !self.nominated().iter().any(|nominated| nominated.of(bytes).eq_ignore_ascii_case(name))
            }
        }
    }

    /// The fields nominated beside those that never pass.
    pub fn nominated(&self) -> &[Span] {
        &self.nominated[..self.nominated_count]
    }

    fn add(&mut self, bytes: &[u8], option: &[u8]) -> Result<(), Rejection> {
        if !is_token(option) {
            return Err(Rejection::InvalidFieldValue);
        }
        if option.eq_ignore_ascii_case(b"close") {
            self.close = true;
            return Ok(());
        }
        self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        if passage(FieldKind::of(option)) == Passage::Nominable {
            let place = self.nominated.get_mut(self.nominated_count).ok_or(Rejection::InvalidFieldValue)?;
            *place = Span::locate(bytes, option);
            self.nominated_count += 1;
        }
        Ok(())
    }
}

fn passage(kind: FieldKind) -> Passage {
    match kind {
        FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::Te
        | FieldKind::TransferEncoding
        | FieldKind::Upgrade
        | FieldKind::ProxyAuthenticate
        | FieldKind::ProxyAuthorization
        | FieldKind::ProxyAuthenticationInfo => Passage::Never,
        FieldKind::Host
        | FieldKind::ContentLength
        | FieldKind::Authorization
        | FieldKind::Cookie
        | FieldKind::SetCookie
        | FieldKind::Forwarded
        | FieldKind::XForwardedFor
        | FieldKind::XForwardedProto
        | FieldKind::XForwardedHost
        | FieldKind::XRealIp
        | FieldKind::Via
        | FieldKind::Traceparent
        | FieldKind::Tracestate
        | FieldKind::MaxForwards
        | FieldKind::CacheControl
        | FieldKind::ContentType
        | FieldKind::ContentEncoding
        | FieldKind::ContentRange
        | FieldKind::Date => Passage::Always,
        FieldKind::Other
        | FieldKind::Trailer
        | FieldKind::Expect
        | FieldKind::Server
        | FieldKind::Location
        | FieldKind::Range
        | FieldKind::AltSvc
        | FieldKind::ProxyStatus => Passage::Nominable,
    }
}

#[cfg(test)]
mod tests;
