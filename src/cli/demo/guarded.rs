//! The demo's guarded routes: who has no good token, and what the resource sees of a request with one; judged here and by
//! the Token Server, with and without a request mapper, in clear and sealed.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::super::say;
use super::app::Call;
use super::client::{Client, Response};
use super::mapper::Mapper;
use super::resource::{Resource, field};
use super::sealed::show_sealed;
use super::tokens::Tokens;
use super::walk::{Faults, check, show};

const GOOD: &str = "user=alice&scope=orders.read+profile&client_id=shop-app&amr=PIN&app_identifier=Shop&app_platform=ios\
                    &app_version=1.0";
/// Tokens that do not do: what is wrong with them, how they are asked for, and how they are answered.
const BAD: [(&str, &str, &str); 2] =
    [("expired", "scope=orders.read&lifetime=-60", "401"), ("for another scope", "scope=profile", "403")];

/// What the steps need.
pub(super) struct Guarded<'w> {
    pub(super) public: SocketAddr,
    pub(super) resource: &'w Resource,
    pub(super) mapper: &'w Mapper,
    pub(super) tokens: &'w Tokens,
}

impl Guarded<'_> {
    /// Nobody passes without a good token, whichever kind it is.
    pub(super) fn refused(&self) -> io::Result<Faults> {
        self.forget();
        let without = self.get("/orders/7", None, "")?;
        show("without a token", &told(&without));
        let challenge = field(&without.head, "www-authenticate").unwrap_or_default();
        let mut faults = check(&[
            ("401 without a token", without.status() == "401"),
            (
                "a challenge, and nothing of an error",
                challenge.starts_with("Bearer ") && !challenge.contains("error"),
            ),
        ]);
        for (kind, format) in [("a signed token", ""), ("an opaque token", "&format=opaque")] {
            for (what, form, status) in BAD {
                let token = self.tokens.test(&format!("user=alice&{form}{format}"))?;
                let answer = self.get("/orders/7", Some(&token), "")?;
                show(&format!("{kind}, {what}"), &told(&answer));
                let error = if status == "401" { "invalid_token" } else { "insufficient_scope" };
                faults.extend(check(&[
                    (&format!("{kind}, {what}: {status}"), answer.status() == status),
                    (&format!("{kind}, {what}: {error}"), has_error(&answer, error)),
                ]));
            }
        }
        faults.extend(check(&[("the resource saw nothing", self.resource.heads().is_empty())]));
        Ok(faults)
    }

    /// A good token opens the way, and the resource is told whose it is, whatever the client says of itself.
    pub(super) fn enriched(&self) -> io::Result<Faults> {
        let signed = self.tokens.test(GOOD)?;
        let opaque = self.tokens.test(&format!("{GOOD}&format=opaque"))?;
        let mut faults = check(&[
            ("a signed token has three parts", signed.split('.').count() == 3),
            ("an opaque one 64 digits", opaque.len() == 64),
        ]);
        for (kind, token) in
            [("a signed token, verified here", signed), ("an opaque one, asked about", opaque)]
        {
            self.forget();
            let forged = "X-User: mallory\r\nx_user: mallory\r\nX-Scopes: admin\r\n";
            let answer = self.show_get("/orders/7?page=2", &token, forged)?;
            let seen = self.resource.heads().pop().unwrap_or_default();
            show(&format!("{kind}: the resource receives"), &shortened(&seen, &token));
            faults.extend(check(&[
                ("it is let through", answer.status() == "200" && answer.body == b"hello\n"),
                ("the target is kept", seen.starts_with("GET /orders/7?page=2 HTTP/1.1\r\n")),
                ("the user is told", field(&seen, "x-user") == Some("alice")),
                ("the client is told", field(&seen, "x-client") == Some("shop-app")),
                ("the scope is told", field(&seen, "x-scopes") == Some("orders.read profile")),
                ("the app is told", field(&seen, "x-app") == Some("Shop")),
                ("nothing forged arrives", !seen.contains("mallory") && !seen.contains("admin")),
            ]));
        }
        faults.extend(self.machine()?);
        Ok(faults)
    }

    /// A client that acts for itself has no user, and none is made up.
    fn machine(&self) -> io::Result<Faults> {
        self.forget();
        let token = self.tokens.job("orders.read")?;
        let answer = self.show_get("/orders/8", &token, "X-User: mallory\r\n")?;
        let seen = self.resource.heads().pop().unwrap_or_default();
        show("by client credentials: the resource receives", &shortened(&seen, &token));
        Ok(check(&[
            ("a client's own token is let through", answer.status() == "200"),
            ("its client is told", field(&seen, "x-client") == Some("nightly-job")),
            ("only what was asked for is granted", field(&seen, "x-scopes") == Some("orders.read")),
            ("no user is told, forged or not", field(&seen, "x-user").is_none()),
        ]))
    }

    /// The mapper decides what the resource sees.
    pub(super) fn mapped(&self) -> io::Result<Faults> {
        let mut faults = Faults::new();
        for format in ["", "&format=opaque"] {
            self.forget();
            let token = self.tokens.test(&format!("{GOOD}{format}"))?;
            let forged = "Authorized-Scopes: admin\r\nAMR: forged\r\n";
            let answer = self.show_get("/mapped/orders/7?page=2", &token, forged)?;
            let seen = self.resource.heads().pop().unwrap_or_default();
            let asked = self.mapper.told().pop().unwrap_or_default();
            let pretty = serde_json::to_string_pretty(&asked).unwrap_or_default();
            show("the mapper is told", &shortened(&pretty, &token));
            show("the resource receives", &seen);
            faults.extend(check(&[("it is let through", answer.status() == "200")]));
            faults.extend(check_mapped(&asked, &seen, &token));
            faults.extend(check(&[(
                "nothing forged comes to the mapper",
                !pretty.contains("admin") && !pretty.contains("forged"),
            )]));
        }
        let token = self.tokens.test("user=alice&scope=profile")?;
        let answer = self.get("/mapped/orders/7", Some(&token), "")?;
        let untold = self.mapper.told().is_empty() && self.resource.heads().is_empty();
        say(&format!("    with a token for another scope {}: the mapper is not asked", answer.status()));
        faults.extend(check(&[("without a good token nobody is asked", answer.status() == "403" && untold)]));
        Ok(faults)
    }

    /// The same, sealed: who is on the way sees neither the token nor whose it is.
    pub(super) fn sealed(&self) -> io::Result<Faults> {
        let mut faults = Faults::new();
        let ways = [
            ("", "/sealed/orders/7", "x-user"),
            ("&format=opaque", "/sealed/mapped/orders/7", "authorized-scopes"),
        ];
        for (format, path, forged) in ways {
            self.forget();
            let token = self.tokens.test(&format!("{GOOD}{format}"))?;
            let credentials = format!("Bearer {token}");
            let fields = [("authorization", credentials.as_str()), (forged, "mallory")];
            let call = Call { method: "GET", path, fields: &fields, content: "" };
            show("the app sends", &shortened(&call.text(), &token));
            let (answer, way) = call.send(self.public)?;
            show_sealed("what crosses the wire", way.message());
            let seen = self.resource.heads().pop().unwrap_or_default();
            show("the resource receives", &shortened(&seen, &token));
            let secrets = [token.as_str(), path, "authorization", "bearer", "alice", "shop.example", "hello"];
            faults.extend(check(&[
                ("the answer came", answer.status == 200 && answer.content == "hello\n"),
                ("something crossed the wire", !way.message().is_empty() && !way.back().is_empty()),
                ("neither token, user, path nor content crossed it", !way.has_any(&secrets)),
                ("nothing forged arrives", !seen.contains("mallory")),
            ]));
            if path.contains("mapped") {
                let asked = self.mapper.told().pop().unwrap_or_default();
                faults.extend(check_mapped(&asked, &seen, &token));
            } else {
                faults.extend(check(&[("the user is told", field(&seen, "x-user") == Some("alice"))]));
            }
        }
        faults.extend(self.sealed_and_refused()?);
        Ok(faults)
    }

    /// Sealing is no credential: inside the same is answered, and outside nothing can be told of it.
    fn sealed_and_refused(&self) -> io::Result<Faults> {
        self.forget();
        let mut faults = Faults::new();
        for (what, form, status) in BAD {
            let token = self.tokens.test(&format!("user=alice&{form}"))?;
            let credentials = format!("Bearer {token}");
            let fields = [("authorization", credentials.as_str())];
            let call = Call { method: "GET", path: "/sealed/orders/7", fields: &fields, content: "" };
            let (answer, way) = call.send(self.public)?;
            say(&format!("    sealed, with a token that is {what}: {} {}", answer.status, answer.challenge));
            let error = if status == "401" { "invalid_token" } else { "insufficient_scope" };
            faults.extend(check(&[
                (&format!("{what}: {status}"), answer.status.to_string() == status),
                (&format!("{what}: {error}"), answer.challenge.contains(error)),
                ("outside it is a 200 like any other", way.back().starts_with(b"HTTP/1.1 200 ")),
                ("neither token nor error crossed the wire", !way.has_any(&[&token, error])),
            ]));
        }
        faults.extend(check(&[("the resource saw nothing", self.resource.heads().is_empty())]));
        Ok(faults)
    }

    fn get(&self, target: &str, token: Option<&str>, fields: &str) -> io::Result<Response> {
        Client::ask(self.public, request(target, token, fields).as_bytes())
    }

    /// The same, shown.
    fn show_get(&self, target: &str, token: &str, fields: &str) -> io::Result<Response> {
        show("the client sends", &shortened(&request(target, Some(token), fields), token));
        self.get(target, Some(token), fields)
    }

    /// What earlier steps left.
    fn forget(&self) {
        self.resource.heads();
        self.resource.bodies();
        self.mapper.told();
    }
}

fn request(target: &str, token: Option<&str>, fields: &str) -> String {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\n{authorization}{fields}\r\n")
}

/// What the mapper was told of alice's request, and what the resource received in its place.
fn check_mapped(asked: &Value, seen: &str, token: &str) -> Faults {
    let result = &asked["token_validation_result"];
    let target = asked["request_uri"].as_str().unwrap_or_default();
    check(&[
        ("the mapper is told the target", target.starts_with("/orders/7")),
        ("the user", result["sub"] == json!("alice")),
        ("the scope", result["scope"] == json!("orders.read profile")),
        ("the app", result["app_identifier"] == json!("Shop")),
        ("the fields", asked["headers"]["authorization"] == json!(format!("Bearer {token}"))),
        ("the resource receives the mapped target", seen.starts_with("GET /orders/7/alice")),
        ("with the scopes", field(seen, "authorized_scopes") == Some("orders.read profile")),
        ("with the methods", field(seen, "amr") == Some("[\"PIN\"]")),
        ("without the token", field(seen, "authorization").is_none() && !seen.contains(token)),
    ])
}

fn has_error(answer: &Response, error: &str) -> bool {
    let challenge = field(&answer.head, "www-authenticate").unwrap_or_default();
    challenge.starts_with("Bearer ") && challenge.contains(&format!("error=\"{error}\""))
}

/// Status, challenge and reason.
fn told(answer: &Response) -> String {
    let line = answer.head.lines().next().unwrap_or_default();
    let challenge = field(&answer.head, "www-authenticate").unwrap_or_default();
    format!("{line}\nWWW-Authenticate: {challenge}\n{}", answer.text())
}

/// With the middle of the token left out.
fn shortened(text: &str, token: &str) -> String {
    let (first, last) = (token.get(..16).unwrap_or(token), token.get(token.len().saturating_sub(8)..));
    text.replace(token, &format!("{first}...{}", last.unwrap_or_default()))
}
