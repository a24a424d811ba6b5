//! Opening a session: one HPKE message each way, after which client and proxy share a secret. The client carries the
//! session in a ticket that only the proxy can read.
//!
//! ```text
//! request   header | enc | Seal({"time": ..., "app": {"id", "platform", "version"}})
//! answer    response nonce | Seal({"ticket": ..., "expires_in": ..., "time": ...})
//! secret    HMAC(Export("payload session secret", 32), response nonce)
//! ```
//! Whether the time lies within the window, what the ticket says and how many sessions an address may open is left to
//! the caller.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::aead::{Aead, TAG_LEN};
use super::encapsulation::{AnswerSecret, EncapsulationFault, Labels, RESPONSE_NONCE_LEN_MAX, receive, send};
use super::hybrid::PRIVATE_LEN;
use super::key_schedule::{SessionSecret, hmac_sha256};
use super::ohttp_keys::{GatewayKeys, KeyConfig};
use super::ticket::AppIdentity;
use crate::limits;
use crate::protocol::progress::Progress;
use crate::protocol::strict_json::{Member, Object};

const LABELS: Labels = Labels { request: "payload session request", response: "payload session response" };
const SECRET_LABEL: &[u8] = b"payload session secret";

/// What a client asked for. The answer is made of it.
#[derive(Debug)]
pub struct OpenedSession {
    /// What time it is for the client, in seconds since 1970.
    pub time: u64,
    /// What the application says of itself.
    pub app: Option<AppIdentity>,
    answer: AnswerSecret,
}

/// Opens what a client sent to open a session. `body` is all of it, and holds nothing of use afterwards.
///
/// # Errors
/// [`EncapsulationFault`].
pub fn open_request(keys: &GatewayKeys, body: &mut [u8]) -> Result<OpenedSession, EncapsulationFault> {
    let Progress::Done { value: (key, answer), consumed } = receive(keys, LABELS, body)? else {
        return Err(EncapsulationFault::Malformed);
    };
    let sealed = body.get_mut(consumed..).unwrap_or_default();
    let plain = opened(&key, sealed).ok_or(EncapsulationFault::Malformed)?;
    let (time, app) = read_request(plain).ok_or(EncapsulationFault::Malformed)?;
    Ok(OpenedSession { time, app, answer })
}

impl OpenedSession {
    /// The cipher of the answer, and of the session's messages.
    pub fn aead(&self) -> Aead {
        self.answer.aead()
    }

    /// What the session's keys are made of, if it is answered with the same `random`. It goes into the ticket.
    pub fn secret(&self, random: &[u8; RESPONSE_NONCE_LEN_MAX]) -> SessionSecret {
        session_secret(&self.answer, self.answer.nonce(random))
    }

    /// The body of the answer. `random` is used once; `expires_in` and `time` are in seconds, the latter since 1970.
    pub fn answer(
        &self,
        random: &[u8; RESPONSE_NONCE_LEN_MAX],
        ticket: &[u8],
        expires_in: u64,
        time: u64,
    ) -> Vec<u8> {
        let nonce = self.answer.nonce(random);
        let ticket = BASE64URL.encode(ticket);
        let plain = format!(r#"{{"ticket":"{ticket}","expires_in":{expires_in},"time":{time}}}"#);
        let mut body = [nonce, plain.as_bytes(), &[0; TAG_LEN]].concat();
        let sealed = self.answer.key(nonce).seal(0, b"", &mut body[nonce.len()..]);
        // invariant: the body has room for a tag, and is far shorter than a cipher's limit
        sealed.expect("room for a tag");
        body
    }
}

/// What a client keeps of the session that it has opened.
pub struct Session {
    /// What it puts in front of every message.
    pub ticket: Vec<u8>,
    /// What its keys are made of.
    pub secret: SessionSecret,
    /// The cipher of its messages.
    pub aead: Aead,
    /// Seconds until the ticket is refused.
    pub expires_in: u64,
    /// What time it was for the proxy, in seconds since 1970.
    pub time: u64,
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("aead", &self.aead)
            .field("expires_in", &self.expires_in)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// A session that a client has asked for.
#[derive(Debug)]
pub struct PendingSession {
    answer: AnswerSecret,
}

/// Asks for a session: the body to send. `None` if the key does not offer `aead`. `time` is in seconds since 1970,
/// `random` is used once.
pub fn request(
    keys: &KeyConfig,
    aead: Aead,
    time: u64,
    app: Option<&AppIdentity>,
    random: &[u8; PRIVATE_LEN],
) -> Option<(Vec<u8>, PendingSession)> {
    let mut body = Vec::new();
    let (key, answer) = send(keys, aead, LABELS, random, &mut body)?;
    let start = body.len();
    body.extend_from_slice(write_request(time, app).as_bytes());
    body.extend_from_slice(&[0; TAG_LEN]);
    key.seal(0, b"", body.get_mut(start..)?).ok()?;
    Some((body, PendingSession { answer }))
}

impl PendingSession {
    /// Opens the proxy's answer. `body` is all of it, and holds nothing of use afterwards.
    ///
    /// # Errors
    /// The answer is none to this request, is changed, or is not what a proxy answers.
    pub fn finish(self, body: &mut [u8]) -> Result<Session, EncapsulationFault> {
        self.read(body).ok_or(EncapsulationFault::Malformed)
    }

    fn read(self, body: &mut [u8]) -> Option<Session> {
        let aead = self.answer.aead();
        let (nonce, sealed) = body.split_at_mut_checked(aead.secret_len())?;
        let object = Object::parse(opened(&self.answer.key(nonce), sealed)?)?;
        let ticket = BASE64URL.decode(object.text("ticket")?).ok()?;
        if !(1..=limits::PAYLOAD_TICKET_BYTES).contains(&ticket.len()) {
            return None;
        }
        Some(Session {
            ticket,
            secret: session_secret(&self.answer, nonce),
            aead,
            expires_in: object.unsigned("expires_in")?,
            time: object.unsigned("time")?,
        })
    }
}

/// The plaintext of the only message under `key`, if it is not too long to be one of these.
fn opened<'a>(key: &super::aead::MessageKey, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
    if sealed.len() > limits::PAYLOAD_SESSION_BYTES + TAG_LEN {
        return None;
    }
    let length = key.open(0, b"", sealed).ok()?;
    sealed.get(..length)
}

fn session_secret(answer: &AnswerSecret, response_nonce: &[u8]) -> SessionSecret {
    let exported = answer.exporter().export::<32>(SECRET_LABEL);
    SessionSecret::new(&hmac_sha256(exported.as_slice(), &[response_nonce]))
}

fn read_request(plain: &[u8]) -> Option<(u64, Option<AppIdentity>)> {
    let object = Object::parse(plain)?;
    let app = match object.member("app") {
        None => None,
        Some(Member::Object(app)) => {
            Some(AppIdentity::new(app.text("id")?, app.text("platform")?, app.text("version")?)?)
        }
        Some(_) => return None,
    };
    Some((object.unsigned("time")?, app))
}

fn write_request(time: u64, app: Option<&AppIdentity>) -> String {
    let mut request = serde_json::json!({ "time": time });
    if let Some(app) = app {
        request["app"] =
            serde_json::json!({ "id": app.id(), "platform": app.platform(), "version": app.version() });
    }
    request.to_string()
}

#[cfg(test)]
mod tests;
