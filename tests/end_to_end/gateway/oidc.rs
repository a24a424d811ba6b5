//! Tokens of a Token Server that others made, oidc-provider, for files of nginx.

mod in_place;
mod outages;
mod proofs;
mod tokens;

use std::net::SocketAddr;

use super::*;
use crate::harness::{Node, NodeServer, RawClient, unused_address};
use crate::nginx_origin::Nginx;

/// Tokens for `orders`.
const JWT: &str = "https://orders.test/jwt";
const OPAQUE: &str = "https://orders.test/opaque";
/// Good for two seconds.
const BRIEF: &str = "https://orders.test/brief";

const READ: &str = "orders.read";
const WRITE: &str = "orders.write";

/// A running oidc-provider.
struct TokenServer {
    node: Node,
    process: NodeServer,
    address: SocketAddr,
}

impl TokenServer {
    #[track_caller]
    fn start() -> Option<Self> {
        let (node, address) = (Node::of("oidc")?, unused_address());
        let process = serve(&node, address);
        Some(Self { node, process, address })
    }

    /// Starts another in its place, which has other keys and knows nothing of the tokens before.
    #[track_caller]
    fn restart(&mut self) {
        self.process.end();
        self.process = serve(&self.node, self.address);
    }

    /// Signs by a new key from now on.
    #[track_caller]
    fn rotate(&mut self) {
        self.process.order("rotate", "rotated");
    }

    /// An access token of the client `app`.
    #[track_caller]
    fn token(&self, resource: &str, scope: &str) -> String {
        let form = format!("grant_type=client_credentials&resource={resource}&scope={scope}");
        let answer: Value = serde_json::from_slice(&self.post("/token", &form)).expect("JSON");
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    #[track_caller]
    fn revoke(&self, token: &str) {
        self.post("/token/revocation", &format!("token={token}"));
    }

    /// Posts a form as the client `app`.
    #[track_caller]
    fn post(&self, path: &str, form: &str) -> Vec<u8> {
        let (address, length) = (self.address, form.len());
        let mut client = RawClient::connect(address);
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic YXBwOmFwcCtzZWNyZXQ=\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ));
        let answer = client.response();
        assert_eq!(answer.status(), 200, "{form}: {answer:?}");
        answer.body
    }

    /// An issuer whose tokens are verified with keys from there.
    fn verified(&self, keys: &str) -> String {
        let address = self.address;
        format!(
            "[issuer.main]\nkind = \"jwt\"\nissuer = \"http://{address}\"\naudience = [\"orders\"]\nskew = \"0s\"\n{keys}\n"
        )
    }

    /// An issuer that is asked about tokens.
    fn asked(&self, more: &str) -> String {
        let address = self.address;
        format!(
            "[issuer.asked]\nkind = \"introspection\"\nurl = \"http://{address}/token/introspection\"\n\
             issuer = \"http://{address}\"\naudience = [\"orders\"]\nclient_id = \"ringwall\"\n\
             client_secret_file = \"secret\"\ntimeout = \"500ms\"\n{more}\n"
        )
    }
}

#[track_caller]
fn serve(node: &Node, address: SocketAddr) -> NodeServer {
    node.serve("token_server.mjs", &[&address.ip().to_string(), &address.port().to_string()])
}

/// nginx guarded by a rule for `orders.read` of these issuers.
fn guard(nginx: &Nginx, issuers: &str) -> Setup {
    let names = ["main", "asked"].iter().filter(|name| issuers.contains(&format!("[issuer.{name}]")));
    let names: Vec<_> = names.collect();
    Setup::beside_address(nginx.address)
        .with(format!(
            "[[route]]\npath = \"/*\"\nupstream = \"origin\"\naccess = {{ issuer = {names:?}, scope = [\"orders.read\"] }}\n\
             set_headers = {{ x-client = \"{{client_id}}\", x-tenant = \"{{tenant}}\", x-scope = \"{{scope}}\" }}",
        ))
        .with(issuers)
        .file("secret", "a+b/c: d%20e\n")
}

/// What a GET of `/told` is answered, on a connection of its own.
#[track_caller]
fn told(proxy: &Proxy, token: Option<&str>) -> Message {
    ask(&mut proxy.client(), token)
}

#[track_caller]
fn ask(client: &mut RawClient, token: Option<&str>) -> Message {
    let field = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    client.send(format!(
        "GET /told HTTP/1.1\r\nHost: a.test\r\nX-Client: root\r\nX_Tenant: all\r\n{field}\r\n"
    ));
    client.response()
}

/// The error in an answer's challenge; empty without any.
fn error_of(answer: &Message) -> String {
    let challenge = answer.fields.get("www-authenticate").unwrap_or_default();
    challenge.split("error=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}
