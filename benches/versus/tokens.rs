//! The tokens of the `tokens` scenario: keys and signed tokens as an issuer makes them, what every peer is given to judge
//! them by, and the requests that show them in turn.

use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};
use ringwall::protocol::token::algorithm::Algorithm;
use serde_json::json;

use crate::answer::Expected;
use crate::certificate::NAME;
use crate::load::Request;
use crate::token_signer::TokenSigner;

pub(crate) const ISSUER_NAME: &str = "https://login.versus.example";
pub(crate) const AUDIENCE: &str = "orders";
/// Tokens that are sent in turn.
pub(crate) const TOKENS: usize = 1000;
/// Longer than any run.
const LIFETIME: u64 = 12 * 60 * 60;
/// What ringwall's `jwks_file` and Envoy's `local_jwks` name.
const KEY_SET_FILE: &str = "issuer.json";
/// The RSA key, as HAProxy and Apache read it.
const PEM_FILE: &str = "issuer.pem";
const SECRET_FILE: &str = "introspection.secret";
const SECRET: &str = "versus";

/// What kind of token a request shows. Each has a route of its own in ringwall's configuration, by the host's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A JSON Web Token.
    Es256,
    /// The same, signed by RSA: what all peers can judge.
    Rs256,
    /// One that the Token Server is asked about.
    Opaque,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Es256, Kind::Rs256, Kind::Opaque];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Kind::Es256 => "JWT, ES256",
            Kind::Rs256 => "JWT, RS256",
            Kind::Opaque => "introspected",
        }
    }

    /// The host whose route judges these tokens. All hosts are of one length.
    fn host(self) -> String {
        let label = match self {
            Kind::Es256 => "ec",
            Kind::Rs256 => "rs",
            Kind::Opaque => "op",
        };
        format!("{label}.{NAME}")
    }
}

/// An issuer with its keys, and requests with its tokens.
pub(crate) struct Tokens {
    ec: TokenSigner,
    rsa: TokenSigner,
    now: u64,
}

/// A kind's requests, to the route that judges them and to the open one.
pub(crate) struct Requests {
    pub(crate) guarded: Vec<Request>,
    pub(crate) open: Vec<Request>,
}

/// The one issuer of this program.
pub(crate) fn issuer() -> &'static Tokens {
    static ISSUER: LazyLock<Tokens> = LazyLock::new(Tokens::new);
    &ISSUER
}

impl Tokens {
    fn new() -> Self {
        let (ec, rsa) = (TokenSigner::new(Algorithm::Es256), TokenSigner::new(Algorithm::Rs256));
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Tokens { ec, rsa, now: since.map_or(0, |since| since.as_secs()) }
    }

    /// GETs of 1 KiB with [`TOKENS`] different tokens.
    pub(crate) fn requests(&self, kind: Kind) -> Requests {
        let tokens: Vec<String> = (0..TOKENS).map(|number| self.token(kind, number)).collect();
        let to = |host: &str| tokens.iter().map(|token| get(host, token)).collect();
        Requests { guarded: to(&kind.host()), open: to(&format!("no.{NAME}")) }
    }

    /// Writes what the peers' configurations name.
    pub(crate) fn write_files(&self, directory: &Path) -> io::Result<()> {
        let keys = json!({"keys": [self.ec.jwk(), self.rsa.jwk()]});
        std::fs::write(directory.join(KEY_SET_FILE), keys.to_string())?;
        std::fs::write(directory.join(PEM_FILE), pem(&self.rsa.public_key()))?;
        std::fs::write(directory.join(SECRET_FILE), SECRET)
    }

    fn token(&self, kind: Kind, number: usize) -> String {
        match kind {
            Kind::Es256 => self.signed(&self.ec, number),
            Kind::Rs256 => self.signed(&self.rsa, number),
            Kind::Opaque => opaque(number),
        }
    }

    /// Claims as an issuer writes them (RFC 9068), of a user of its own.
    fn signed(&self, signer: &TokenSigner, number: usize) -> String {
        let claims = json!({
            "iss": ISSUER_NAME, "aud": [AUDIENCE, "profile"], "sub": uuid("sub", number), "client_id": "com.example.shop",
            "scope": "openid orders.read orders.write", "exp": self.now + LIFETIME, "iat": self.now,
            "jti": uuid("jti", number), "auth_time": self.now - 60, "acr": "urn:example:silver", "amr": ["pwd", "otp"],
        });
        signer.sign(json!({"typ": "at+jwt", "kid": signer.kid()}), &claims)
    }
}

/// 256 bits that mean nothing to who does not ask.
fn opaque(number: usize) -> String {
    let digest = digest(&SHA256, format!("opaque {number}").as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

/// A request that the route for introspected tokens judges.
pub(crate) fn opaque_request(number: usize) -> Request {
    get(&Kind::Opaque.host(), &opaque(number))
}

/// What the Token Server says of every token.
pub(crate) fn introspection_answer() -> String {
    json!({
        "active": true, "iss": ISSUER_NAME, "aud": [AUDIENCE, "profile"], "sub": uuid("sub", 0),
        "client_id": "com.example.shop", "scope": "openid orders.read orders.write", "exp": 4_102_444_800_u64,
        "iat": 1_700_000_000_u64, "jti": uuid("jti", 0), "token_type": "Bearer", "username": "alice@example.com",
        "auth_time": 1_700_000_000_u64, "acr": "urn:example:silver", "amr": ["pwd", "otp"],
    })
    .to_string()
}

fn get(host: &str, token: &str) -> Request {
    let head = format!(
        "GET /1k HTTP/1.1\r\nHost: {host}\r\nUser-Agent: versus\r\nAccept: */*\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    Request { bytes: head.into_bytes(), expected: Expected::bytes(1024) }
}

fn uuid(what: &str, number: usize) -> String {
    let digest = digest(&SHA256, format!("{what} {number}").as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

/// `SubjectPublicKeyInfo` (RFC 5280) of an RSA key, given as RFC 8017's `RSAPublicKey`.
fn pem(key: &[u8]) -> String {
    // rsaEncryption, and NULL for its parameters.
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
    let text = der(3, &[&[0], key].concat());
    let body = BASE64.encode(der(0x30, &[&algorithm[..], &text].concat()));
    let lines: Vec<&str> = (0..body.len()).step_by(64).map(|at| &body[at..body.len().min(at + 64)]).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// One element of 256 bytes to 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[tag, 0x82, high, low], content].concat()
}
