//! Whether a connection goes on after a message, and the fields that ask for something of it: `Connection`,
//! `Keep-Alive`, `Upgrade` (RFC 9112 section 9, RFC 9110 section 7.8).

use super::syntax::{canonical_decimal, is_token, list_elements, trim_space};
use super::{BodyFraming, ConnectionOptions, FieldKind, FieldTable, Version};
use crate::protocol::span::Span;
use std::time::Duration;

/// Whether the client expects to send another request on this connection (RFC 9112 section 9.3).
pub fn request_persists(version: Version, options: &ConnectionOptions) -> bool {
    !options.close && (version == Version::Http11 || options.keep_alive)
}

/// Whether the server leaves the connection usable after this response.
pub fn response_persists(version: Version, options: &ConnectionOptions, framing: BodyFraming) -> bool {
    framing != BodyFraming::UntilClose && request_persists(version, options)
}

/// The `timeout` of a `Keep-Alive` value: how long the server keeps an idle connection.
pub fn keep_alive_timeout(value: &[u8]) -> Option<Duration> {
    let seconds = list_elements(value).find_map(|parameter| {
        let equals = parameter.iter().position(|&byte| byte == b'=')?;
        let number = canonical_decimal(trim_space(&parameter[equals + 1..]))?;
        trim_space(&parameter[..equals])
            .eq_ignore_ascii_case(b"timeout")
            .then_some(u32::try_from(number).ok()?)
    });
    seconds.map(|seconds| Duration::from_secs(seconds.into()))
}

/// The one protocol a message asks to switch to, or switches to: `Connection: upgrade` with a single `Upgrade` naming a
/// single protocol. Offers of several are ignored, as RFC 9110 section 7.8 allows, because a tunnel is opened for a
/// protocol that was decided on. The caller looks at the version: in HTTP/1.0 there is no upgrade.
pub fn upgrade_protocol(bytes: &[u8], fields: &FieldTable, options: &ConnectionOptions) -> Option<Span> {
    if !options.upgrade || fields.count(FieldKind::Upgrade) != 1 {
        return None;
    }
    let span = fields.first(FieldKind::Upgrade)?.value;
    span.of(bytes).splitn(2, |&byte| byte == b'/').all(is_token).then_some(span)
}

#[cfg(test)]
mod tests;
