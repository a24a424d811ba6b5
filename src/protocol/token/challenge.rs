//! What is answered to a request without a token that is good enough: the value of `WWW-Authenticate` (RFC 6750 section 3,
//! RFC 9449 section 7.1, RFC 9470 section 3, RFC 9728 section 5.1).
//!
//! Every text in it comes from the configuration or from here, but for the URL of metadata, which is that of the request with
//! a well-known path. Of a token no more is told than that it is no good. One field holds one challenge: MobileFirst's clients look at the beginning of a
//! field. The status is the caller's.

use super::algorithm::Algorithm;
use super::verdict::TokenFault;

/// One challenge.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// How to come back.
    pub scheme: Scheme<'a>,
    /// What is protected.
    pub realm: &'a str,
    /// What was wrong; absent where the request had no token.
    pub error: Option<ChallengeError<'a>>,
    /// Where the resource's metadata is (RFC 9728).
    pub resource_metadata: Option<&'a str>,
}

/// How to come back.
#[derive(Clone, Copy, Debug)]
pub enum Scheme<'a> {
    /// With a token.
    Bearer,
    /// With a token and a proof, signed by one of these.
    Dpop(&'a [Algorithm]),
    /// With a token of MobileFirst: `Bearer`, without the parameters that its clients do not know. The realm that they know
    /// is [`MOBILEFIRST_REALM`].
    MobileFirst,
}

/// What was wrong with a request.
#[derive(Clone, Copy, Debug)]
pub enum ChallengeError<'a> {
    /// The credentials or the proof cannot be read: 400.
    InvalidRequest,
    /// The token is no good: 401.
    InvalidToken,
    /// It is not for this: 403.
    InsufficientScope {
        /// What it would have to be for.
        scope: &'a [String],
    },
    /// The user was authenticated too weakly, or too long ago: 401 (RFC 9470).
    InsufficientAuthentication {
        /// What would do.
        acr_values: &'a [String],
        /// How many seconds ago at most.
        max_age: Option<u64>,
    },
    /// The proof is no good: 401.
    InvalidProof,
    /// The proof must have the nonce that comes with the answer: 401.
    UseNonce,
}

/// The realm for which MobileFirst's clients get a new token.
pub const MOBILEFIRST_REALM: &str = "imfAuthentication";

impl Challenge<'_> {
    /// Writes the value of the field.
    pub fn write(&self, out: &mut Vec<u8>) {
        let scheme: &[u8] = match self.scheme {
            Scheme::Bearer | Scheme::MobileFirst => b"Bearer",
            Scheme::Dpop(_) => b"DPoP",
        };
        out.extend_from_slice(scheme);
        out.push(b' ');
        write_quoted(out, "realm", [self.realm]);
        let is_mobilefirst = matches!(self.scheme, Scheme::MobileFirst);
        if let Some(error) = self.error {
            write_parameter(out, "error", [error.code()]);
            if !is_mobilefirst {
                write_parameter(out, "error_description", [error.description()]);
            }
            error.write_remedy(out);
        }
        if let Scheme::Dpop(algorithms) = self.scheme {
            write_parameter(out, "algs", algorithms.iter().map(|algorithm| algorithm.name()));
        }
        if let Some(address) = self.resource_metadata.filter(|_| !is_mobilefirst) {
            write_parameter(out, "resource_metadata", [address]);
        }
    }
}

impl ChallengeError<'_> {
    /// Its code in the registry of OAuth's errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::InsufficientAuthentication { .. } => "insufficient_user_authentication",
            Self::InvalidProof => "invalid_dpop_proof",
            Self::UseNonce => "use_dpop_nonce",
        }
    }

    /// What a person is told.
    pub fn description(&self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request's credentials are repeated or malformed.",
            Self::InvalidToken => TokenFault::Malformed.description(),
            Self::InsufficientScope { .. } => "The request needs more than the access token is for.",
            Self::InsufficientAuthentication { .. } => {
                "The request needs another, or a fresher, authentication."
            }
            Self::InvalidProof => "The DPoP proof is expired, malformed or not for this request.",
            Self::UseNonce => "The DPoP proof must have the nonce of the DPoP-Nonce field.",
        }
    }

    /// What would do.
    fn write_remedy(&self, out: &mut Vec<u8>) {
        match self {
            Self::InsufficientScope { scope } => write_list(out, "scope", scope),
            Self::InsufficientAuthentication { acr_values, max_age } => {
                write_list(out, "acr_values", acr_values);
                if let Some(seconds) = max_age {
                    write_parameter(out, "max_age", [itoa::Buffer::new().format(*seconds)]);
                }
            }
            Self::InvalidRequest | Self::InvalidToken | Self::InvalidProof | Self::UseNonce => {}
        }
    }
}

fn write_list(out: &mut Vec<u8>, name: &str, words: &[String]) {
    if !words.is_empty() {
        write_parameter(out, name, words.iter().map(String::as_str));
    }
}

fn write_parameter<'w>(out: &mut Vec<u8>, name: &str, words: impl IntoIterator<Item = &'w str>) {
    out.extend_from_slice(b", ");
    write_quoted(out, name, words);
}

/// `name="words"` as a quoted string (RFC 9110 section 5.6.4). What cannot stand in a field is left out.
fn write_quoted<'w>(out: &mut Vec<u8>, name: &str, words: impl IntoIterator<Item = &'w str>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for (at, word) in words.into_iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        for byte in word.bytes().filter(|byte| matches!(byte, b' '..=b'~')) {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
