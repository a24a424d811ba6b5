//! What the server answers, as bytes. Every way in which a request can fail has its answer here and nowhere else.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::limits::AUTHORITY_KEYS_LIFETIME;

/// One response; the connection closes after it. There is no `Debug`: it carries tokens.
pub(super) struct Answer {
    status: &'static str,
    /// Fields of its own, each with the end of its line.
    fields: String,
    content_type: &'static str,
    body: Zeroizing<Vec<u8>>,
}

/// Why a request is not one that an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The form is longer than any that has a meaning.
    BodyTooLong,
    /// More connections than the server holds.
    Busy,
    /// The head does not end within its limit.
    HeadTooLong,
    /// `Host` is another name than this machine's own: a page of another site may have brought the browser here.
    HostName,
    /// The body is not one of a stated length.
    Length,
    /// Not HTTP/1, or a field twice that may stand once.
    Malformed,
    /// Another method than this.
    Method(&'static str),
    /// Nothing is at this path.
    NotFound,
    /// A web page asks.
    Page,
}

/// Why an endpoint does not do what it is asked (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OAuthError {
    /// The client is unknown, or did not prove who it is.
    InvalidClient,
    /// The token belongs to another client.
    InvalidGrant,
    /// What is wrong with the request.
    InvalidRequest(&'static str),
    /// The scope is malformed, or more than the client may have.
    InvalidScope,
    /// The client may not ask about tokens.
    NotForIntrospection,
    /// The system gave no random bytes.
    ServerError,
    /// The client gets no tokens.
    UnauthorizedClient,
    /// Another grant than client credentials.
    UnsupportedGrantType,
}

impl Answer {
    /// What nobody may keep: tokens, and what is said of them.
    pub(super) fn private(document: &Value) -> Self {
        Self::of("200 OK", NO_STORE.to_owned(), document)
    }

    /// What everybody may keep for a while.
    pub(super) fn public(document: &[u8]) -> Self {
        Self {
            status: "200 OK",
            fields: format!("Cache-Control: max-age={}\r\n", AUTHORITY_KEYS_LIFETIME.as_secs()),
            content_type: "application/json",
            body: Zeroizing::new(document.to_vec()),
        }
    }

    /// It is done, and there is nothing to say.
    pub(super) fn done() -> Self {
        let (fields, body) = (NO_STORE.to_owned(), Zeroizing::default());
        Self { status: "200 OK", fields, content_type: "application/json", body }
    }

    fn of(status: &'static str, fields: String, document: &Value) -> Self {
        let body = Zeroizing::new(document.to_string().into_bytes());
        Self { status, fields, content_type: "application/json", body }
    }

    /// Head and body as they go out.
    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        let Self { status, fields, content_type, body } = self;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{fields}\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            body.len()
        );
        Zeroizing::new([head.as_bytes(), &body].concat())
    }
}

/// HTTP/1.0's way of saying so is demanded beside the other (RFC 6749 section 5.1).
const NO_STORE: &str = "Cache-Control: no-store\r\nPragma: no-cache\r\n";

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let (status, body) = match refusal {
            Refusal::BodyTooLong => ("413 Content Too Large", "the form is too long\n"),
            Refusal::Busy => ("503 Service Unavailable", "too many connections; try again\n"),
            Refusal::HeadTooLong => ("431 Request Header Fields Too Large", "the head is too long\n"),
            Refusal::HostName => {
                ("421 Misdirected Request", "test tokens: use a loopback address or localhost as the host\n")
            }
            Refusal::Length => ("411 Length Required", "send a Content-Length and no Transfer-Encoding\n"),
            Refusal::Malformed => {
                ("400 Bad Request", "this is not HTTP/1 with one Host, or has a field more than once\n")
            }
            Refusal::Method("POST") => ("405 Method Not Allowed", "only POST is served here\n"),
            Refusal::Method(_) => ("405 Method Not Allowed", "only GET is served here\n"),
            Refusal::NotFound => {
                ("404 Not Found", "nothing is here; see /.well-known/oauth-authorization-server\n")
            }
            Refusal::Page => ("403 Forbidden", "test tokens are not made for web pages\n"),
        };
        let allow = match refusal {
            Refusal::Method(method) => format!("Allow: {method}\r\n"),
            _ => String::new(),
        };
        Self {
            status,
            fields: format!("{NO_STORE}{allow}"),
            content_type: "text/plain; charset=utf-8",
            body: Zeroizing::new(body.into()),
        }
    }
}

impl From<OAuthError> for Answer {
    fn from(error: OAuthError) -> Self {
        let bad = "400 Bad Request";
        let (status, name, description) = match error {
            OAuthError::InvalidClient => {
                ("401 Unauthorized", "invalid_client", "no such client, or not its secret")
            }
            OAuthError::InvalidGrant => (bad, "invalid_grant", "the token is another client's"),
            OAuthError::InvalidRequest(description) => (bad, "invalid_request", description),
            OAuthError::InvalidScope => {
                (bad, "invalid_scope", "the scope is malformed, or more than the client may have")
            }
            OAuthError::NotForIntrospection => {
                ("403 Forbidden", "unauthorized_client", "the client may not ask about tokens")
            }
            OAuthError::ServerError => ("500 Internal Server Error", "server_error", "no random bytes"),
            OAuthError::UnauthorizedClient => (bad, "unauthorized_client", "the client gets no tokens"),
            OAuthError::UnsupportedGrantType => {
                (bad, "unsupported_grant_type", "the one grant here is client_credentials")
            }
        };
        let challenge = match error {
            OAuthError::InvalidClient => "WWW-Authenticate: Basic realm=\"ringwall-authority\"\r\n",
            _ => "",
        };
        let document = json!({ "error": name, "error_description": description });
        Self::of(status, format!("{NO_STORE}{challenge}"), &document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: impl Into<Answer>, begins: &str, words: &[&str]) {
        let bytes = answer.into().into_bytes();
        let text = std::str::from_utf8(&bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {begins}")), "{text}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }

    #[test]
    fn errors_are_those_of_oauth_and_are_not_kept() {
        let kept = "Cache-Control: no-store\r\nPragma: no-cache\r\n";
        let challenge = "WWW-Authenticate: Basic realm=";
        check(OAuthError::InvalidClient, "401 ", &[kept, challenge, "\"error\":\"invalid_client\""]);
        check(OAuthError::InvalidGrant, "400 ", &[kept, "\"invalid_grant\""]);
        check(OAuthError::InvalidRequest("why"), "400 ", &[kept, "\"invalid_request\"", "\"why\""]);
        check(OAuthError::InvalidScope, "400 ", &[kept, "\"invalid_scope\""]);
        check(OAuthError::NotForIntrospection, "403 ", &[kept, "\"unauthorized_client\""]);
        check(OAuthError::ServerError, "500 ", &[kept, "\"server_error\""]);
        check(OAuthError::UnauthorizedClient, "400 ", &[kept, "\"unauthorized_client\""]);
        check(OAuthError::UnsupportedGrantType, "400 ", &[kept, "\"unsupported_grant_type\""]);
    }

    #[test]
    fn only_what_is_for_everybody_may_be_kept() {
        check(Answer::public(b"{}"), "200 OK", &["Cache-Control: max-age=300\r\n", "\r\n\r\n{}"]);
        check(Answer::private(&json!({})), "200 OK", &["Cache-Control: no-store\r\n", "\r\n\r\n{}"]);
        check(Answer::done(), "200 OK", &["Cache-Control: no-store\r\n", "Content-Length: 0\r\n"]);
        check(Refusal::Method("GET"), "405 ", &["Allow: GET\r\n", "no-store"]);
        check(Refusal::Method("POST"), "405 ", &["Allow: POST\r\n"]);
        check(Refusal::Busy, "503 ", &["no-store"]);
    }
}
