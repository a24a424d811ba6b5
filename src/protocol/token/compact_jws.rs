//! Splitting a compact JWS (RFC 7515 section 7.1) and reading its header, strictly: what is accepted has one spelling.
//!
//! ```text
//! base64url(header) . base64url(payload) . base64url(signature)       no padding, no stray bits
//! ```
//! Of the header `alg`, `kid` and `typ` are read, and `crit` and `b64` refused. `jwk`, `jku`, `x5u`, `x5c` and `jpk` are
//! not looked at: a token's key comes from its issuer alone. The payload is decoded by [`CompactJws::payload`], which is for
//! after the signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::algorithm::Algorithm;
use crate::limits::{TOKEN_BYTES, TOKEN_KID_BYTES};
use crate::protocol::strict_json::Object;

/// A JWS of which the header is read and nothing is verified.
pub struct CompactJws<'a> {
    /// What its header says.
    pub header: Header,
    /// What is signed: header and payload as they came.
    pub message: &'a str,
    /// The signature, in base64url.
    pub signature: &'a str,
    payload: &'a str,
}

/// A header, as far as it matters here.
#[derive(Debug)]
pub struct Header {
    /// By what it says to be signed. To be compared with what the issuer and the key allow.
    pub algorithm: Algorithm,
    members: Object,
}

/// Why a text is no JWS, or none that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JwsFault {
    /// `alg` is none, symmetric or unknown.
    Algorithm,
    /// `crit` or `b64` is there: an extension that is not understood, or a payload that is not what it looks like.
    Critical,
    /// Not three parts, not base64url in its one form, or no header in which no member appears twice.
    Malformed,
    /// Longer than [`TOKEN_BYTES`].
    TooLong,
}

impl<'a> CompactJws<'a> {
    /// Splits `text` and reads the header.
    ///
    /// # Errors
    /// [`JwsFault`], of which the first of length, shape, extensions, algorithm.
    pub fn parse(text: &'a str) -> Result<Self, JwsFault> {
        if text.len() > TOKEN_BYTES {
            return Err(JwsFault::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(JwsFault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwsFault::Malformed)?;
        if payload.contains('.') || signature.is_empty() || decoded(signature).is_none() {
            return Err(JwsFault::Malformed);
        }
        let header = decoded(header).and_then(|header| Object::parse(&header)).ok_or(JwsFault::Malformed)?;
        Ok(Self { header: Header::read(header)?, message, signature, payload })
    }

    /// The payload, which is for after the signature has been verified. `None` if it is not base64url in its one form.
    pub fn payload(&self) -> Option<Vec<u8>> {
        decoded(self.payload)
    }
}

impl Header {
    fn read(members: Object) -> Result<Self, JwsFault> {
        if members.member("crit").is_some() || members.member("b64").is_some() {
            return Err(JwsFault::Critical);
        }
        let is_text = |name: &str, longest: usize| match members.member(name) {
            None => true,
            Some(member) => member.as_text().is_some_and(|text| text.len() <= longest),
        };
        if !is_text("kid", TOKEN_KID_BYTES) || !is_text("typ", TOKEN_KID_BYTES) {
            return Err(JwsFault::Malformed);
        }
        let name = members.text("alg").ok_or(JwsFault::Malformed)?;
        let algorithm = Algorithm::of_name(name).ok_or(JwsFault::Algorithm)?;
        Ok(Self { algorithm, members })
    }

    /// Which of the issuer's keys it says to be signed by: a name to look up among them, and nothing else.
    pub fn kid(&self) -> Option<&str> {
        self.members.text("kid")
    }

    /// True if its type is `name` with or without `application/` before it, in any case (RFC 7515 section 4.1.9).
    pub fn is_type(&self, name: &str) -> bool {
        let own = self.members.text("typ").unwrap_or_default();
        let own = match own.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => own,
        };
        own.eq_ignore_ascii_case(name)
    }

    /// True if it names its type.
    pub fn has_type(&self) -> bool {
        self.members.member("typ").is_some()
    }

    /// `jwk`: for who expects a key in the header, as DPoP does. It proves that the sender has the private key, and nothing
    /// of who they are.
    pub(super) fn embedded_key(&self) -> Option<&Object> {
        self.members.object("jwk")
    }
}

/// What base64url means. `None` for padding, another alphabet, or bits that mean nothing.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

#[cfg(test)]
mod tests;
