//! The steps of the demo, each with what it asserts.

use std::io;
use std::net::SocketAddr;

use super::super::say;
use super::client::{Client, Response};
use super::guarded::Guarded;
use super::resource::{Resource, field};
use super::sealed;

/// The walk so far.
pub(super) struct Walk<'w> {
    public: SocketAddr,
    admin: SocketAddr,
    resource: &'w Resource,
    guarded: Guarded<'w>,
    steps: usize,
    failed: Vec<String>,
}

/// A step's faults; none: it holds.
pub(super) type Faults = Vec<String>;

impl<'w> Walk<'w> {
    pub(super) fn new(admin: SocketAddr, guarded: Guarded<'w>) -> Self {
        let (public, resource) = (guarded.public, guarded.resource);
        Self { public, admin, resource, guarded, steps: 0, failed: Vec::new() }
    }

    /// Walks every step, also after one has failed.
    pub(super) fn all(&mut self) {
        self.step("A request, as sent and as the resource receives it", Self::enriched);
        self.step("Two framings in one message: the way requests are smuggled", Self::smuggling);
        self.step("Three requests at once on one connection, one upstream connection", Self::pipelined);
        self.step("A pooled connection that its server has closed", Self::stale);
        self.step("A megabyte up in chunks and back with a length", Self::streamed);
        self.step("An upgraded connection: bytes both ways", Self::upgraded);
        self.step("Answers the proxy makes itself", Self::own_answers);
        self.step("A sealed call, and what somebody on the way gets of it", Self::sealed);
        self.step("A guarded route, without a good token", |walk| walk.guarded.refused());
        self.step("A guarded route, with a good token, and what the resource is told", |walk| {
            walk.guarded.enriched()
        });
        self.step("By way of a request mapper", |walk| walk.guarded.mapped());
        self.step("Guarded and sealed, with and without the mapper", |walk| walk.guarded.sealed());
        self.step("What the admin's metrics say of all this", Self::metrics);
    }

    /// Prints how it went; true when every step held.
    pub(super) fn summary(&self) -> bool {
        say(&format!("\n{} of {} steps hold.", self.steps - self.failed.len(), self.steps));
        self.failed.iter().for_each(|name| say(&format!("    failed: {name}")));
        self.failed.is_empty()
    }

    fn step(&mut self, name: &str, walk: fn(&Self) -> io::Result<Faults>) {
        self.steps += 1;
        say(&format!("\n{}. {name}", self.steps));
        let faults = walk(self).unwrap_or_else(|error| vec![format!("the connection failed: {error}")]);
        for fault in &faults {
            say(&format!("    FAILED: {fault}"));
        }
        if !faults.is_empty() {
            self.failed.push(name.to_owned());
        }
    }

    fn enriched(&self) -> io::Result<Faults> {
        let request = "GET /shop/orders/7?page=2 HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 6.6.6.6\r\n\
                       Connection: X-Trick\r\nX-Trick: 1\r\n\r\n";
        show("the client sends", request);
        let response = Client::ask(self.public, request.as_bytes())?;
        let seen = self.resource.heads().pop().unwrap_or_default();
        show("the resource receives", &seen);
        show("the client gets back", &(response.head.clone() + &response.text()));
        Ok(check(&[
            (
                "the prefix is stripped and the query kept",
                seen.starts_with("GET /orders/7?page=2 HTTP/1.1\r\n"),
            ),
            ("the host is preserved", field(&seen, "host") == Some("shop.example")),
            ("the forged client address is replaced", field(&seen, "x-forwarded-for") == Some("127.0.0.1")),
            ("the nominated field is gone", field(&seen, "x-trick").is_none()),
            ("a trace begins", field(&seen, "traceparent").is_some_and(|value| value.len() == 55)),
            ("the answer came", response.status() == "200" && response.body == b"hello\n"),
            ("the field the server nominated is gone", field(&response.head, "x-internal-node").is_none()),
            ("the route's field is set", field(&response.head, "strict-transport-security").is_some()),
        ]))
    }

    fn smuggling(&self) -> io::Result<Faults> {
        self.resource.heads();
        let request = "POST /shop/echo HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\
                       Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /shop/admin HTTP/1.1\r\n\r\n";
        show("the client sends", request);
        let mut client = Client::connect(self.public)?;
        client.send(request.as_bytes())?;
        let response = client.response()?;
        show("the client gets back", &(response.head.clone() + &response.text()));
        Ok(check(&[
            ("it is refused", response.status() == "400"),
            ("with a reason", response.text().contains("both-lengths")),
            ("the connection is closed", client.is_closed()),
            ("the resource saw nothing", self.resource.heads().is_empty()),
        ]))
    }

    fn pipelined(&self) -> io::Result<Faults> {
        self.resource.heads();
        let before = self.resource.connections();
        let mut client = Client::connect(self.public)?;
        let one =
            |number: u8| format!("POST /shop/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{number}");
        client.send([one(1), one(2), one(3)].concat().as_bytes())?;
        let answers: Vec<Response> = (0..3).map(|_| client.response()).collect::<io::Result<_>>()?;
        let order: String = answers.iter().map(Response::text).collect();
        let requests = self.resource.heads().len();
        let connections = self.resource.connections() - before;
        say(&format!(
            "    answers in order: {order}; {requests} requests on {connections} new upstream connections"
        ));
        Ok(check(&[
            ("in order", order == "123"),
            ("each once", requests == 3),
            ("at most one new upstream connection", connections <= 1),
        ]))
    }

    fn stale(&self) -> io::Result<Faults> {
        let mut client = Client::connect(self.public)?;
        let mut statuses = Vec::new();
        for path in ["/shop/once", "/shop/hello", "/shop/once", "/shop/hello"] {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())?;
            statuses.push(client.response()?.status().to_owned());
        }
        say(&format!(
            "    the server closes after every other response; the client sees {}",
            statuses.join(" ")
        ));
        Ok(check(&[("no request is lost", statuses.iter().all(|status| status == "200"))]))
    }

    fn streamed(&self) -> io::Result<Faults> {
        let content: Vec<u8> = (0..1_u32 << 20).map(|index| (index % 251) as u8).collect();
        let mut client = Client::connect(self.public)?;
        client.send(b"POST /shop/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for part in content.chunks(10_007) {
            client.send(format!("{:x}\r\n", part.len()).as_bytes())?;
            client.send(part)?;
            client.send(b"\r\n")?;
        }
        client.send(b"0\r\n\r\n")?;
        let response = client.response()?;
        say(&format!("    {} bytes up, {} bytes back", content.len(), response.body.len()));
        Ok(check(&[("byte for byte", response.body == content)]))
    }

    fn upgraded(&self) -> io::Result<Faults> {
        let mut client = Client::connect(self.public)?;
        client.send(
            b"GET /shop/tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        )?;
        let response = client.response()?;
        client.send(b"anything at all")?;
        let back = client.bytes(15)?;
        say(&format!("    {} then {:?}", response.status(), String::from_utf8_lossy(&back)));
        Ok(check(&[("switched", response.status() == "101"), ("echoed", back == b"anything at all")]))
    }

    fn own_answers(&self) -> io::Result<Faults> {
        let ask = |target: &str| {
            Client::ask(self.public, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
        };
        let (nowhere, moved, crooked) = (ask("/nowhere")?, ask("/old/x?y=1")?, ask("/shop/%2e%2e/secret")?);
        show("no such route", &(nowhere.head.clone() + &nowhere.text()));
        say(&format!(
            "    /old/x?y=1 is answered {} {}",
            moved.status(),
            field(&moved.head, "location").unwrap_or("")
        ));
        say(&format!("    /shop/%2e%2e/secret is answered {}: {}", crooked.status(), crooked.text().trim()));
        Ok(check(&[
            ("404 with a problem", nowhere.status() == "404" && nowhere.text().contains("no-route")),
            ("the route's own answer", moved.status() == "301" && field(&moved.head, "location").is_some()),
            ("an ambiguous path is refused", crooked.status() == "400"),
        ]))
    }

    fn sealed(&self) -> io::Result<Faults> {
        sealed::walk(self.public, self.resource)
    }

    fn metrics(&self) -> io::Result<Faults> {
        let address = self.admin;
        let mut client = Client::connect(address)?;
        client.send(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())?;
        let text = client.response()?.text();
        let shown = text.lines().filter(|line| line.starts_with("ringwall_responses_total"));
        shown.for_each(|line| say(&format!("    {line}")));
        Ok(check(&[("requests are counted", text.contains("ringwall_responses_total"))]))
    }
}

pub(super) fn show(what: &str, text: &str) {
    say(&format!("    {what}:"));
    text.lines().for_each(|line| say(&format!("        {line}")));
}

/// The names of what does not hold.
pub(super) fn check(claims: &[(&str, bool)]) -> Faults {
    claims.iter().filter(|(_, holds)| !holds).map(|(claim, _)| (*claim).to_owned()).collect()
}
