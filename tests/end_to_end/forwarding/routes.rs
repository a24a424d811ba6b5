//! Which route a request takes and what the route does with it.

use super::*;

fn to(server: &ScriptedServer, name: &str) -> String {
    format!("[upstream.{name}]\nservers = [\"http://{}\"]", server.address())
}

#[test]
fn are_chosen_by_host_path_and_method() {
    let [first, second] = ["first", "second"].map(|name| {
        ScriptedServer::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()))
    });
    let route = |upstream: &str, settings: &str| {
        format!("[[route]]\naccess = \"open\"\nupstream = \"{upstream}\"\n{settings}")
    };
    let proxy = Setup::new()
        .with(to(&first, "first"))
        .with(to(&second, "second"))
        .with(route("first", "host = [\"a.test\", \"*.b.test\"]\npath = \"/*\""))
        .with(route("second", "path = \"/api/*/items\""))
        .with(route("first", "path = \"/api/*\"\nmethods = [\"GET\", \"POST\"]"))
        .start();
    let ask = |method: &str, host: &str, target: &str| {
        let mut client = proxy.client();
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.response()
    };
    for (host, target, expected) in [
        ("a.test", "/", "first"),
        ("A.TEST.:99", "/any", "first"),
        ("x.b.test", "/", "first"),
        ("c.test", "/api/7/items", "second"),
        ("c.test", "/%61pi/7/items", "second"),
        ("c.test", "/api/7", "first"),
        ("c.test", "/api", "first"),
    ] {
        assert_eq!(ask("GET", host, target).text(), expected, "{host}{target}");
    }
    for (host, target) in [("c.test", "/"), ("b.test", "/"), ("c.test", "/apis"), ("c.test", "/api2/x")] {
        let response = ask("GET", host, target);
        assert_eq!((response.status(), response.reason().as_str()), (404, "no-route"), "{host}{target}");
    }
    let response = ask("DELETE", "c.test", "/api/7");
    assert_eq!((response.status(), response.reason().as_str()), (405, "method-not-allowed"));
    assert_eq!(response.fields.get("allow").as_deref(), Some("GET, HEAD, POST"), "HEAD comes with GET");
}

#[test]
fn answer_themselves() {
    let proxy = Setup::new()
        .with("[[route]]\npath = \"/old/*\"\nanswer = { status = 301, location = \"https://new.test{path}?{query}\" }\naccess = \"open\"")
        .with("[[route]]\npath = \"/gone\"\nanswer = { status = 410 }\naccess = \"open\"")
        .start();
    let mut client = proxy.client();
    let response = client.get("/old/a?b=c");
    assert_eq!(response.status(), 301);
    assert_eq!(response.fields.get("location").as_deref(), Some("https://new.test/old/a?b=c"));
    let response = client.get("/gone");
    assert_eq!((response.status(), response.text().as_str()), (410, ""));
    client.send("POST /gone HTTP/1.1\r\nHost: example.test\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().status(), 410);
    assert_eq!(client.get("/gone").status(), 410, "the body was skipped");
}

#[test]
fn belong_to_clients_and_listeners() {
    let server = ScriptedServer::ok();
    let inner = unused_address();
    let proxy = Setup::beside(&server)
        .with(format!("[[listener]]\nname = \"inner\"\naddress = \"{inner}\""))
        .route("path = \"/inner\"\nlistener = \"inner\"")
        .route("path = \"/elsewhere\"\nclients = [\"192.0.2.0/24\"]")
        .route("path = \"/here\"\nclients = [\"127.0.0.0/8\"]")
        .start();
    assert_eq!(proxy.get("/inner").status(), 404);
    assert_eq!(RawClient::connect(inner).get("/inner").status(), 200);
    assert_eq!(proxy.get("/elsewhere").status(), 404);
    assert_eq!(proxy.get("/here").status(), 200);
}

/// Behind a trusted proxy the client is whom that proxy names.
#[test]
fn know_the_client_behind_a_trusted_proxy() {
    let server = ScriptedServer::ok();
    let proxy = Setup::beside(&server)
        .with("[forwarding]\ntrusted = \"127.0.0.0/8\"")
        .route("path = \"/*\"\nclients = [\"192.0.2.0/24\"]")
        .start();
    let ask = |fields: &str| {
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: example.test\r\n{fields}\r\n"));
        client.response().status()
    };
    assert_eq!(ask("X-Forwarded-For: 192.0.2.7\r\n"), 200);
    assert_eq!(ask("X-Forwarded-For: 192.0.2.7, 198.51.100.1\r\n"), 404, "the last untrusted counts");
    assert_eq!(ask("X-Forwarded-For: 198.51.100.1, 192.0.2.7, 127.0.0.9\r\n"), 200);
    assert_eq!(ask(""), 404);
}

#[test]
fn come_from_includes_and_the_environment() {
    let server = ScriptedServer::ok();
    let route =
        |path: &str| format!("[[route]]\npath = \"{path}\"\nupstream = \"origin\"\naccess = \"open\"\n");
    let proxy = Setup::beside(&server)
        .root("include = [\"routes/*.toml\"]")
        .file("routes/1.toml", route("/included"))
        .file("routes/2.toml", route("/replaced"))
        .variable("RINGWALL_ROUTE__1__PATH", "/from-environment")
        .variable("RINGWALL_LIMITS__BODY_BYTES", "4B")
        .start();
    for (target, status) in [("/included", 200), ("/replaced", 404), ("/from-environment", 200)] {
        assert_eq!(proxy.get(target).status(), status, "{target}");
    }
    let mut client = proxy.client();
    client.send("POST /included HTTP/1.1\r\nHost: example.test\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().status(), 413);
}

#[test]
fn balance_among_servers() {
    let names = ["a", "b"];
    let servers = names
        .map(|name| ScriptedServer::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}")));
    let urls = servers.each_ref().map(|server| format!("\"http://{}\"", server.address())).join(", ");
    let start = |balance: &str| {
        Setup::new()
            .with(format!("[upstream.origin]\nservers = [{urls}]\nbalance = \"{balance}\""))
            .route("path = \"/*\"")
            .start()
    };
    let proxy = start("round-robin");
    let answers: String = (0..8).map(|_| proxy.get("/").text()).collect();
    assert_eq!(answers.matches('a').count(), 4, "{answers}");
    let proxy = start("hash(header:x-user)");
    let ask = |user: usize| {
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: example.test\r\nX-User: {user}\r\n\r\n"));
        client.response().text()
    };
    let first: Vec<_> = (0..16).map(ask).collect();
    let second: Vec<_> = (0..16).map(ask).collect();
    assert_eq!(first, second);
    assert!(names.iter().all(|name| first.contains(&(*name).to_owned())), "{first:?}");
}

#[test]
fn raise_limits_of_their_own() {
    let server = ScriptedServer::ok();
    let proxy = Setup::beside(&server)
        .with("[limits]\nbody_bytes = \"4B\"")
        .route("path = \"/large\"\nlimits = { body_bytes = \"8B\" }")
        .route("path = \"/*\"")
        .start();
    let post = |target: &str| {
        let mut client = proxy.client();
        client.send(format!(
            "POST {target} HTTP/1.1\r\nHost: example.test\r\nContent-Length: 8\r\n\r\n12345678"
        ));
        client.response().status()
    };
    assert_eq!((post("/large"), post("/small")), (200, 413));
}
