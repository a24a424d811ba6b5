//! The resource gateway: tokens judged at the edge, against issuers and mappers that do what a test says.

mod certificates;
mod client_assertion;
mod forgetting;
mod hanging;
mod introspection;
mod jwt;
mod mapper;
mod mobilefirst;
mod oidc;
mod pipelining;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::harness::{Message, Proxy, ScriptedServer, Setup};

/// An issuer's key; one without a name is not named in tokens either.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    kid: String,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self { pair: pair.expect("a key"), kid: kid.to_owned() }
    }

    /// Its public key.
    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (BASE64URL.encode(&point[1..33]), BASE64URL.encode(&point[33..]));
        self.named(json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": x, "y": y}))
    }

    /// An access token for `orders` with these claims besides.
    pub(crate) fn token(&self, more: Value) -> String {
        let mut claims = json!({
            "iss": "https://login.test", "aud": "orders", "sub": "alice", "client_id": "app",
            "scope": "orders.read", "exp": now() + 600, "iat": now(), "jti": "1",
        });
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let header = self.named(json!({"alg": "ES256", "typ": "at+jwt"}));
        let part = |value: &Value| BASE64URL.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", BASE64URL.encode(signature.as_ref()))
    }

    fn named(&self, mut object: Value) -> Value {
        if !self.kid.is_empty() {
            object["kid"] = json!(self.kid);
        }
        object
    }
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a time after 1970").as_secs()
}

pub(crate) fn key_set(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}).to_string()
}

/// A route for everything that this rule guards, with these settings besides.
fn guarded(server: &ScriptedServer, rule: &str, more: &str) -> Setup {
    Setup::beside(server)
        .with(format!("[[route]]\npath = \"/*\"\nupstream = \"origin\"\naccess = {rule}\n{more}"))
}

/// What a GET with this token is answered; none: without one.
#[track_caller]
fn get(proxy: &Proxy, token: Option<&str>) -> Message {
    let field = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let mut client = proxy.client();
    client.send(format!("GET /a HTTP/1.1\r\nHost: a.test\r\n{field}\r\n"));
    client.response()
}

/// One letter of its end is another: of its signature, if it has one.
fn forged(token: &str) -> String {
    let (start, end) = token.split_at(token.len() - 8);
    let other = if end.starts_with('A') { 'B' } else { 'A' };
    format!("{start}{other}{}", &end[1..])
}

/// Answers with a JSON text.
fn document(text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}")
}
