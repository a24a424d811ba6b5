//! What crosses the proxy when nothing is wrong: fields, targets, routes, interim and early responses, tunnels, and
//! bodies in both directions at once.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::random::Random;
use crate::harness::{
    End, Framing, Gate, Message, PATIENCE, RawClient, ScriptedServer, Setup, eventually, unused_address,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Sends a GET with these field lines through a proxy set up so, and gives what the server saw.
#[track_caller]
fn forwarded(setup: impl FnOnce(&ScriptedServer) -> Setup, target: &str, fields: &str) -> Message {
    let server = ScriptedServer::ok();
    let proxy = setup(&server).start();
    let mut client = proxy.client();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: Example.test:8080\r\n{fields}\r\n"));
    let response = client.response();
    assert_eq!(response.status(), 200, "{response:?}");
    server.request()
}

/// What the client gets when the server answers so.
#[track_caller]
fn answered(settings: &str, answer: &str) -> Message {
    let server = ScriptedServer::answering(answer);
    let proxy = Setup::beside(&server).route(&format!("path = \"/*\"\n{settings}")).start();
    proxy.get("/")
}

mod fields {
    use super::*;

    #[test]
    fn of_one_hop_stay_on_it() {
        let request = forwarded(
            Setup::to,
            "/",
            "Connection: X-Hop, keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
             TE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: Basic eDp5\r\nX-Hop: 1\r\nX-End: 2\r\n",
        );
        for name in
            ["connection", "keep-alive", "proxy-connection", "te", "upgrade", "proxy-authorization", "x-hop"]
        {
            assert!(!request.fields.has(name), "{name}: {request:?}");
        }
        assert_eq!(request.fields.get("x-end").as_deref(), Some("2"));
        let response = answered(
            "",
            "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\
             X-Hop: 1\r\nX-End: 2\r\nContent-Length: 2\r\n\r\nok",
        );
        for name in ["connection", "keep-alive", "proxy-authenticate", "x-hop"] {
            assert!(!response.fields.has(name), "{name}: {response:?}");
        }
        assert_eq!(response.fields.get("x-end").as_deref(), Some("2"));
    }

    /// A client cannot have removed what says who it is, where it goes and where its body ends.
    #[test]
    fn that_are_protected_cannot_be_nominated_away() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(
            "POST / HTTP/1.1\r\nHost: example.test\r\nAuthorization: Bearer x\r\nCookie: a=b\r\nContent-Length: 5\r\n\
             Connection: Host, Authorization, Cookie, Content-Length, X-Forwarded-For, Forwarded, Via, Close-Not, \
             X-Forwarded-Proto, X-Forwarded-Host, traceparent\r\n\r\nhello",
        );
        assert_eq!(client.response().status(), 200);
        let request = server.request();
        for (name, value) in [
            ("host", "example.test"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("content-length", "5"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "example.test"),
            ("via", "1.1 ringwall"),
        ] {
            assert_eq!(request.fields.get(name).as_deref(), Some(value), "{request:?}");
        }
        assert_eq!(request.text(), "hello");
    }

    #[test]
    fn of_forwarding_are_made_here() {
        let request = forwarded(
            Setup::to,
            "/",
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n\
             X-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1;proto=https\r\n",
        );
        for (name, value) in [
            ("host", "Example.test:8080"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "Example.test:8080"),
            ("forwarded", "for=127.0.0.1;host=\"Example.test:8080\";proto=http"),
            ("via", "1.1 ringwall"),
        ] {
            assert_eq!(request.fields.get(name).as_deref(), Some(value), "{request:?}");
        }
        assert!(!request.fields.has("x-real-ip"), "{request:?}");
    }

    #[test]
    fn of_forwarding_are_continued_for_trusted_peers() {
        let trusting =
            |server: &ScriptedServer| Setup::to(server).with("[forwarding]\ntrusted = [\"127.0.0.0/8\"]");
        let request = forwarded(
            trusting,
            "/",
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: first.test\r\n\
             Forwarded: for=192.0.2.1;proto=https\r\n",
        );
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.1, 127.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "first.test"),
            ("forwarded", "for=192.0.2.1;proto=https, for=127.0.0.1;host=\"Example.test:8080\";proto=http"),
        ] {
            assert_eq!(request.fields.get(name).as_deref(), Some(value), "{request:?}");
        }
        let request = forwarded(trusting, "/", "");
        assert_eq!(request.fields.get("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn via_is_continued() {
        let request = forwarded(Setup::to, "/", "Via: 1.0 first, 1.1 second\r\n");
        assert_eq!(request.fields.all("via").join(", "), "1.0 first, 1.1 second, 1.1 ringwall");
        let response = answered("", "HTTP/1.1 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(response.fields.all("via").join(", "), "1.1 inner, 1.1 ringwall");
    }

    #[test]
    fn of_a_trace_are_passed_or_made() {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let request = forwarded(Setup::to, "/", &format!("traceparent: {valid}\r\ntracestate: a=1\r\n"));
        assert_eq!(request.fields.get("traceparent").as_deref(), Some(valid));
        assert_eq!(request.fields.get("tracestate").as_deref(), Some("a=1"));
        for sent in [
            "",
            "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\ntracestate: a=1\r\n",
            "traceparent: rubbish\r\ntracestate: a=1\r\n",
            &format!("traceparent: {valid}\r\ntraceparent: {valid}\r\ntracestate: a=1\r\n"),
        ] {
            let request = forwarded(Setup::to, "/", sent);
            let made = request.fields.get("traceparent").expect("a traceparent");
            assert!(made.len() == 55 && made != valid && made.starts_with("00-"), "{sent:?}: {made}");
            assert!(!request.fields.has("tracestate"), "{sent:?}: {request:?}");
        }
    }

    #[test]
    fn of_a_response_get_a_date_and_keep_the_rest() {
        let response = answered(
            "",
            "HTTP/1.1 200 Fine\r\nServer: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok",
        );
        assert_eq!(response.start_line, "HTTP/1.1 200 Fine");
        assert_eq!(response.fields.all("set-cookie"), ["a=1", "b=2"]);
        assert_eq!(response.fields.get("server").as_deref(), Some("x"));
        let date = response.fields.get("date").expect("a date");
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
        let own = "Thu, 01 Jan 1970 00:00:00 GMT";
        let response = answered("", &format!("HTTP/1.1 200 OK\r\nDate: {own}\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(response.fields.get("date").as_deref(), Some(own));
    }

    #[test]
    fn that_a_route_sets_replace_those_sent() {
        let request = forwarded(
            |server| Setup::beside(server).route("path = \"/*\"\nset_headers = { \"x-user\" = \"proxy\" }"),
            "/",
            "X-User: one\r\nx_user: two\r\nX-USER: three\r\nX-Users: four\r\n",
        );
        assert_eq!(request.fields.all("x-user"), ["proxy"]);
        assert!(!request.fields.has("x_user"), "{request:?}");
        assert_eq!(request.fields.get("x-users").as_deref(), Some("four"));
        let response = answered(
            "response_headers = { \"strict-transport-security\" = \"max-age=1\" }",
            "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(response.fields.all("strict-transport-security"), ["max-age=1"]);
    }
}

mod targets {
    use super::*;

    #[test]
    fn are_forwarded_as_they_came() {
        for target in ["/", "/a/b?c=d&e", "/a%20b/%7euser?x=%2F..", "/a;b=c/d", "/?", "/~a/'()*,!$&+=:@"] {
            assert_eq!(forwarded(Setup::to, target, "").target(), target);
        }
    }

    #[test]
    fn in_absolute_form_become_origin_form() {
        let absolute = "http://Example.test:8080";
        for (sent, expected) in [("/a?b", "/a?b"), ("", "/"), ("?b", "/?b")] {
            let request = forwarded(Setup::to, &format!("{absolute}{sent}"), "");
            assert_eq!(request.target(), expected);
            assert_eq!(request.fields.get("host").as_deref(), Some("Example.test:8080"));
        }
    }

    #[test]
    fn asterisk_is_forwarded() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("OPTIONS * HTTP/1.1\r\nHost: example.test\r\n\r\n");
        let response = client.response();
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(server.request().start_line, "OPTIONS * HTTP/1.1");
    }

    #[test]
    fn are_rewritten_as_the_route_says() {
        let check = |settings: &str, sent: &str, expected: &str| {
            let request = forwarded(|server| Setup::beside(server).route(settings), sent, "");
            assert_eq!(request.target(), expected, "{settings} {sent}");
        };
        check("path = \"/orders/*\"\nstrip_prefix = \"/orders\"", "/orders/1?a=b", "/1?a=b");
        check("path = \"/orders/*\"\nstrip_prefix = \"/orders\"", "/orders", "/");
        check("path = \"/orders/*\"\nrewrite = \"/v2{path}\"", "/orders/1?a=b", "/v2/orders/1?a=b");
        check(
            "path = \"/orders/*\"\nstrip_prefix = \"/orders\"\nrewrite = \"/v2{path}\"",
            "/orders/1?a",
            "/v2/1?a",
        );
    }

    #[test]
    fn reach_the_server_with_the_host_the_route_says() {
        let server = ScriptedServer::ok();
        let proxy = Setup::beside(&server)
            .route("path = \"/server\"\nupstream_host = \"server\"")
            .route("path = \"/named\"\nupstream_host = \"inner.test\"")
            .route("path = \"/preserved\"\nupstream_host = \"preserve\"")
            .start();
        for target in ["/server", "/named", "/preserved"] {
            assert_eq!(proxy.get(target).status(), 200);
        }
        let hosts: Vec<_> =
            server.requests().iter().filter_map(|request| request.fields.get("host")).collect();
        assert_eq!(hosts, [server.address().to_string().as_str(), "inner.test", "example.test"]);
        for request in server.requests() {
            assert_eq!(request.fields.get("x-forwarded-host").as_deref(), Some("example.test"));
        }
    }
}

mod routes {
    use super::*;

    fn to(server: &ScriptedServer, name: &str) -> String {
        format!("[upstream.{name}]\nservers = [\"http://{}\"]", server.address())
    }

    #[test]
    fn are_chosen_by_host_path_and_method() {
        let [first, second] = ["first", "second"].map(|name| {
            ScriptedServer::answering(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}",
                name.len()
            ))
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
        let servers = names.map(|name| {
            ScriptedServer::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}"))
        });
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
}

mod responses {
    use super::*;

    #[test]
    fn without_a_body() {
        let server = ScriptedServer::start(|connection| {
            while let Some(request) = connection.request() {
                let status = request.target().trim_start_matches('/').to_owned();
                connection.send(match status.as_str() {
                    "204" => "HTTP/1.1 204 No Content\r\n\r\n",
                    "304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: \"a\"\r\n\r\n",
                    "chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    _ => "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
                });
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        for (method, target, length) in [
            ("GET", "/204", None),
            ("GET", "/304", Some("500")),
            ("HEAD", "/200", Some("500")),
            ("HEAD", "/chunked", None),
            ("GET", "/304", Some("500")),
        ] {
            client.send(format!("{method} {target} HTTP/1.1\r\nHost: example.test\r\n\r\n"));
            let response = client.response_to_head();
            assert_eq!(response.fields.get("content-length").as_deref(), length, "{method} {target}");
            assert!(!response.fields.has("connection"), "{method} {target}: {response:?}");
        }
        assert_eq!(server.seen().len(), 1, "one connection to the server for all");
    }

    #[test]
    fn interim_ones_are_passed_on() {
        let gate = Gate::default();
        let passed = gate.clone();
        let server = ScriptedServer::start(move |connection| {
            while connection.request().is_some() {
                connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n");
                passed.pass();
                connection.send("HTTP/1.1 102 Processing\r\n\r\n");
                connection.send(OK);
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
        let hints = client.head();
        assert_eq!(hints.start_line, "HTTP/1.1 103 Early Hints");
        assert_eq!(hints.fields.get("link").as_deref(), Some("</a>; rel=preload"));
        assert!(!hints.fields.has("x-hop") && !hints.fields.has("connection"), "{hints:?}");
        gate.open();
        assert_eq!(client.head().status(), 102);
        assert_eq!(client.response().text(), "ok");
        // HTTP/1.0 knows none.
        client.send("GET / HTTP/1.0\r\nHost: example.test\r\n\r\n");
        gate.open();
        assert_eq!(client.response().text(), "ok");
        client.expect_close();
    }

    /// The client waits to be told before it sends its body.
    #[test]
    fn continue_comes_from_the_server() {
        let server = ScriptedServer::start(|connection| {
            let head = connection.request_head().expect("a request");
            assert_eq!(head.fields.get("expect").as_deref(), Some("100-continue"));
            connection.mark("head");
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(connection.bytes(5).as_deref(), Some(b"hello".as_slice()));
            connection.send(OK);
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(
            "POST / HTTP/1.1\r\nHost: example.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        );
        assert_eq!(client.head().start_line, "HTTP/1.1 100 Continue");
        client.send("hello");
        assert_eq!(client.response().text(), "ok");
    }

    /// The server declines before it saw the body: the client must hear, and its connection ends, as nobody knows
    /// whether the body is on its way.
    #[test]
    fn an_expectation_may_be_declined() {
        let server = ScriptedServer::start(|connection| {
            if connection.request_head().is_some() {
                connection.send("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
                let (rest, _) = connection.until_end();
                assert_eq!(rest, b"");
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(
            "POST / HTTP/1.1\r\nHost: example.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        );
        let response = client.response();
        assert_eq!((response.status(), response.text().as_str()), (417, "no"));
        assert_eq!(response.fields.get("connection").as_deref(), Some("close"));
        client.expect_close();
    }

    /// The server answers while the client still sends: the client reads the answer although it is not done.
    #[test]
    fn may_come_early() {
        let server = ScriptedServer::start(|connection| {
            if connection.request_head().is_some() {
                connection
                    .send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
                connection.until_end();
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 100000000\r\n\r\n");
        client.send([b'x'; 1000]);
        let response = client.response();
        assert_eq!((response.status(), response.text().as_str()), (413, "big"));
        assert_eq!(response.fields.get("connection").as_deref(), Some("close"));
        // Some of what is under way is read and thrown away, then the connection ends.
        while client.send_if_open([b'x'; 10_000]) {}
    }

    #[test]
    fn trailers_pass_both_ways() {
        let server = ScriptedServer::answering(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 9\r\nX-More: \r\n\r\n",
        );
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(
            "POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Own\r\n\r\n\
             3;a=b;c=\"d\"\r\nabc\r\n0003\r\ndef\r\n000;x\r\nX-Own: 1\r\n\r\n",
        );
        let response = client.response();
        assert_eq!(
            (response.text().as_str(), response.trailers.get("x-sum").as_deref()),
            ("hello", Some("9"))
        );
        assert_eq!(response.trailers.get("x-more").as_deref(), Some(""));
        let request = server.request();
        assert_eq!(
            (request.text().as_str(), request.trailers.get("x-own").as_deref()),
            ("abcdef", Some("1"))
        );
        assert_eq!(request.framing, Framing::Chunked);
        assert_eq!(client.get("/").text(), "hello", "the connection goes on behind the trailers");
    }
}

mod connections {
    use super::*;

    #[test]
    fn carry_requests_ahead_of_their_answers_in_order() {
        let server = ScriptedServer::start(|connection| {
            while let Some(request) = connection.request() {
                let body = format!("{} {}", request.target(), request.text());
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        let mut all = String::new();
        for number in 0..50 {
            all.push_str(&match number % 3 {
                0 => format!("GET /{number} HTTP/1.1\r\nHost: example.test\r\n\r\n"),
                1 => format!("POST /{number} HTTP/1.1\r\nHost: example.test\r\nContent-Length: 3\r\n\r\nabc"),
                _ => format!("POST /{number} HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            });
        }
        client.send(all);
        for number in 0..50 {
            let body = if number % 3 == 0 { "" } else { "abc" };
            assert_eq!(client.response().text(), format!("/{number} {body}"));
        }
    }

    /// Requests ahead that do not fit a buffer, one byte at a time at its end.
    #[test]
    fn carry_more_ahead_than_a_buffer_holds() {
        let server = ScriptedServer::start(|connection| {
            while let Some(request) = connection.request() {
                let body = format!("{} {}", request.target(), request.body.len());
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        for number in 0..20 {
            let body = "x".repeat(number * 997);
            client.send(format!(
                "POST /{number} HTTP/1.1\r\nHost: example.test\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ));
        }
        for number in 0..20 {
            assert_eq!(client.response().text(), format!("/{number} {}", number * 997));
        }
    }

    #[test]
    fn may_be_half_closed_by_the_client() {
        let server = ScriptedServer::start(|connection| {
            while connection.request().is_some() {
                connection.mark("asked");
                connection.send(OK);
            }
        });
        let proxy = Setup::to(&server).start();
        for fields in ["", "Content-Length: 0\r\n"] {
            let mut client = proxy.client();
            client.send(format!("GET / HTTP/1.1\r\nHost: example.test\r\n{fields}\r\n"));
            client.end_sending();
            assert_eq!(client.response().text(), "ok");
            client.expect_close();
        }
    }

    #[test]
    fn of_old_clients_stay_when_asked_to() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        for _ in 0..3 {
            client.send("GET / HTTP/1.0\r\nHost: example.test\r\nConnection: keep-alive\r\n\r\n");
            let response = client.response();
            assert_eq!(response.fields.get("connection").as_deref(), Some("keep-alive"));
        }
        client.send("GET / HTTP/1.0\r\n\r\n");
        let response = client.response();
        assert_eq!(response.fields.get("connection").as_deref(), Some("close"));
        client.expect_close();
        let requests = server.requests();
        assert_eq!(requests[0].fields.get("via").as_deref(), Some("1.0 ringwall"));
        // Without a host of its own a request gets the server's.
        assert_eq!(requests[3].fields.get("host"), Some(server.address().to_string()));
        assert!(!requests[3].fields.has("x-forwarded-host"));
    }

    #[test]
    fn end_when_the_client_says_so() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        for option in ["close", "Close", "keep-alive, close"] {
            let mut client = proxy.client();
            client.send(format!("GET / HTTP/1.1\r\nHost: example.test\r\nConnection: {option}\r\n\r\n"));
            let response = client.response();
            assert_eq!(response.fields.get("connection").as_deref(), Some("close"), "{option}");
            client.expect_close();
        }
        assert_eq!(server.seen().len(), 1, "the server's connection stays");
    }

    /// A client that goes away takes its request with it.
    #[test]
    fn of_a_client_that_left_free_the_server() {
        let server = ScriptedServer::start(|connection| {
            if connection.request().is_some() {
                connection.mark("asked");
                connection.until_end();
                connection.mark("left");
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
        server.wait_for_mark("asked");
        client.reset();
        server.wait_for_mark("left");
        assert_eq!(proxy.wait_for_log(1)[0]["reason"], "client-gone");
    }
}

mod tunnels {
    use super::*;

    const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    /// Reads one frame with a short masked payload and gives it back unmasked, as a server would.
    fn echo_frames(connection: &mut crate::harness::Connection) {
        while let Some(head) = connection.bytes(2) {
            let length = usize::from(head[1] & 0x7f);
            let (Some(mask), Some(payload)) = (connection.bytes(4), connection.bytes(length)) else { return };
            let plain: Vec<u8> =
                payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            connection.send([&[head[0], length as u8], plain.as_slice()].concat());
            if head[0] & 0x0f == 8 {
                return;
            }
        }
    }

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        [0x80 | kind, 0x80 | payload.len() as u8].into_iter().chain(mask).chain(masked).collect()
    }

    #[test]
    fn carry_a_web_socket() {
        let server = ScriptedServer::start(|connection| {
            if let Some(request) = connection.request() {
                assert_eq!(request.fields.get("upgrade").as_deref(), Some("websocket"));
                assert_eq!(
                    request.fields.get("connection").map(|value| value.to_ascii_lowercase()).as_deref(),
                    Some("upgrade")
                );
                assert!(request.fields.has("sec-websocket-key"));
                connection.send(SWITCH);
                echo_frames(connection);
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(HANDSHAKE);
        let switch = client.head();
        assert_eq!(switch.status(), 101);
        assert_eq!(switch.fields.get("upgrade").as_deref(), Some("websocket"));
        assert_eq!(
            switch.fields.get("sec-websocket-accept").as_deref(),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        for (kind, payload) in
            [(1, b"hello".as_slice()), (2, &[0, 255, b'\r', b'\n']), (9, b""), (1, &[b'x'; 125])]
        {
            client.send(frame(kind, payload));
            assert_eq!(client.bytes(2), [0x80 | kind, payload.len() as u8]);
            assert_eq!(client.bytes(payload.len()), payload);
        }
        client.send(frame(8, &[3, 232]));
        assert_eq!(client.bytes(4), [0x88, 2, 3, 232]);
        client.end_sending();
        client.expect_close();
        let log = proxy.wait_for_log(1);
        assert_eq!((&log[0]["status"], &log[0]["reason"]), (&101.into(), &"ok".into()));
    }

    /// Bytes behind the handshake, from either side, belong to the tunnel and nowhere else.
    #[test]
    fn carry_what_came_with_the_handshake() {
        let server = ScriptedServer::start(|connection| {
            if connection.request().is_some() {
                connection.send(format!("{SWITCH}early"));
                let (rest, _) = connection.until_end();
                connection.mark(String::from_utf8_lossy(&rest));
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(format!("{HANDSHAKE}GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n"));
        assert_eq!(client.head().status(), 101);
        assert_eq!(client.bytes(5), b"early");
        client.end_sending();
        server.wait_for_mark("GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n");
    }

    /// Either side may end its direction first; the other goes on.
    #[test]
    fn end_one_direction_at_a_time() {
        let server = ScriptedServer::start(|connection| {
            if connection.request().is_some() {
                connection.send(SWITCH);
                connection.end_sending();
                let (rest, end) = connection.until_end();
                connection.mark(format!("{} {end:?}", String::from_utf8_lossy(&rest)));
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(HANDSHAKE);
        assert_eq!(client.head().status(), 101);
        client.expect_close();
        client.send("still here");
        client.end_sending();
        server.wait_for_mark("still here Closed");
    }

    /// Without 101 there is no tunnel: the answer is an ordinary one.
    #[test]
    fn may_be_declined() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(HANDSHAKE);
        assert_eq!(client.response().text(), "ok");
        assert_eq!(client.get("/next").text(), "ok");
    }

    /// 101 for another protocol than the one asked for is refused.
    #[test]
    fn are_for_the_protocol_asked_for() {
        let server = ScriptedServer::start(|connection| {
            if connection.request().is_some() {
                connection.send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
                connection.until_end();
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(HANDSHAKE);
        let response = client.response();
        assert_eq!((response.status(), response.reason().as_str()), (502, "upgrade-unasked"));
    }

    #[test]
    fn carry_much_both_ways_at_once() {
        const AMOUNT: usize = 3_000_000;
        let server = ScriptedServer::start(|connection| {
            if connection.request().is_some() {
                connection.send(SWITCH);
                let mut left = AMOUNT;
                while left > 0 {
                    let count = left.min(10_000);
                    let Some(bytes) = connection.bytes(count) else { return };
                    connection.send(bytes);
                    left -= count;
                }
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(HANDSHAKE);
        assert_eq!(client.head().status(), 101);
        let bytes = Random(7).bytes(AMOUNT);
        let mut stream = client.stream().try_clone().expect("a second handle");
        let sent = bytes.clone();
        let sender =
            std::thread::spawn(move || std::io::Write::write_all(&mut stream, &sent).expect("sending"));
        assert!(client.bytes(AMOUNT) == bytes, "the echo differs");
        sender.join().expect("the sender");
        client.expect_close();
    }
}

mod bodies {
    use super::*;

    /// Sizes around those of buffers and thresholds, by length and in chunks, both ways.
    #[test]
    fn of_all_sizes_pass_unchanged() {
        let server = ScriptedServer::start(|connection| {
            while let Some(request) = connection.request() {
                if request.target() == "/chunked" {
                    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    for chunk in request.body.chunks(5000) {
                        connection
                            .send([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
                    }
                    connection.send("0\r\n\r\n");
                } else {
                    connection
                        .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()));
                    connection.send(&request.body);
                }
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        let mut random = Random(3);
        for size in [
            0, 1, 1000, 14_000, 15_295, 15_296, 15_297, 16_383, 16_384, 16_385, 65_535, 65_537, 262_145,
            1_000_000,
        ] {
            let body = random.bytes(size);
            let mut head =
                format!("POST /sized HTTP/1.1\r\nHost: example.test\r\nContent-Length: {size}\r\n\r\n")
                    .into_bytes();
            head.extend_from_slice(&body);
            let response = exchange(&mut client, &head);
            assert!(response.body == body, "{size} by length");
            let mut head =
                b"POST /chunked HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    .to_vec();
            for chunk in body.chunks(1 + random.below(20_000)) {
                head.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                head.extend_from_slice(chunk);
                head.extend_from_slice(b"\r\n");
            }
            head.extend_from_slice(b"0\r\n\r\n");
            let response = exchange(&mut client, &head);
            assert!(response.body == body, "{size} in chunks");
        }
    }

    /// Sends beside reading, as the answer may begin before all is sent.
    fn exchange(client: &mut RawClient, request: &[u8]) -> Message {
        let mut stream = client.stream().try_clone().expect("a second handle");
        std::thread::scope(|scope| {
            scope.spawn(move || std::io::Write::write_all(&mut stream, request).expect("sending"));
            client.response()
        })
    }

    /// Request and response bodies move at the same time: each part of the answer comes before the next part of the
    /// request is sent.
    #[test]
    fn flow_both_ways_at_once() {
        let server = ScriptedServer::start(|connection| {
            if connection.request_head().is_some() {
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                while let Some(chunk) = connection.bytes("4\r\n0000\r\n".len()) {
                    connection.send(&chunk);
                    if chunk.ends_with(b"0019\r\n") {
                        connection.bytes(5);
                        connection.send("0\r\n\r\n");
                        return;
                    }
                }
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(client.head().status(), 200);
        for number in 0..20 {
            let chunk = format!("4\r\n{number:04}\r\n");
            client.send(&chunk);
            assert_eq!(client.bytes(chunk.len()), chunk.as_bytes());
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.bytes(5), b"0\r\n\r\n");
    }

    const LARGE: usize = 50_000_000;
    const GROWTH: usize = 5_000_000;

    /// A client that does not read stops the server; the proxy keeps no more than its buffers.
    #[test]
    fn wait_for_a_client_that_does_not_read() {
        let sent = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&sent);
        let server = ScriptedServer::start(move |connection| {
            while let Some(request) = connection.request() {
                if request.target() == "/large" {
                    connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
                    let part = [b'x'; 50_000];
                    for _ in 0..LARGE / part.len() {
                        connection.send(part);
                        count.fetch_add(part.len(), Ordering::Relaxed);
                    }
                    connection.mark("sent");
                } else {
                    connection.send(OK);
                }
            }
        });
        let proxy = Setup::to(&server).start();
        assert_eq!(proxy.get("/warm").text(), "ok");
        let before = proxy.resident_bytes();
        let mut client = proxy.client();
        client.send("GET /large HTTP/1.1\r\nHost: example.test\r\n\r\n");
        assert_eq!(client.head().status(), 200);
        wait_until_held_back(&sent);
        let after = proxy.resident_bytes();
        assert!(after < before + GROWTH, "memory grew from {before} to {after}");
        // Somebody else is served meanwhile.
        assert_eq!(proxy.get("/other").text(), "ok");
        client.bytes(LARGE);
        server.wait_for_mark("sent");
        assert_eq!(client.get("/after").text(), "ok");
    }

    /// The same the other way.
    #[test]
    fn wait_for_a_server_that_does_not_read() {
        let gate = Gate::default();
        let passed = gate.clone();
        let server = ScriptedServer::start(move |connection| {
            while let Some(request) = connection.request_head() {
                if request.target() == "/large" {
                    passed.pass();
                    connection.bytes(LARGE);
                }
                connection.send(OK);
            }
        });
        let proxy = Setup::to(&server).start();
        assert_eq!(proxy.get("/warm").text(), "ok");
        let before = proxy.resident_bytes();
        let mut client = proxy.client();
        client.send(format!("POST /large HTTP/1.1\r\nHost: example.test\r\nContent-Length: {LARGE}\r\n\r\n"));
        let mut stream = client.stream().try_clone().expect("a second handle");
        let sent = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&sent);
        let sender = std::thread::spawn(move || {
            let part = [b'x'; 50_000];
            for _ in 0..LARGE / part.len() {
                std::io::Write::write_all(&mut stream, &part).expect("sending");
                count.fetch_add(part.len(), Ordering::Relaxed);
            }
        });
        wait_until_held_back(&sent);
        let after = proxy.resident_bytes();
        assert!(after < before + GROWTH, "memory grew from {before} to {after}");
        gate.open();
        assert_eq!(client.response().text(), "ok");
        sender.join().expect("the sender");
    }

    /// Returns when the sender gets no further.
    fn wait_until_held_back(sent: &AtomicUsize) {
        let mut last = (0, Instant::now());
        eventually("the sender to be held back", || {
            let now = sent.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            }
            (now > 0 && last.1.elapsed() > Duration::from_millis(300)).then_some(())
        });
        assert!(sent.load(Ordering::Relaxed) < LARGE, "the sender was not held back");
    }

    /// A client that stops reading for longer than allowed is cut off.
    #[test]
    fn do_not_wait_for_ever() {
        let server = ScriptedServer::start(|connection| {
            if connection.request().is_some() {
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
                while connection.send([b'x'; 50_000]) {}
                connection.mark("left");
            }
        });
        let proxy = Setup::to(&server).with("[timeouts]\nbody = \"200ms\"").start();
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
        assert_eq!(client.head().status(), 200);
        server.wait_for_mark("left");
        assert_eq!(proxy.wait_for_log(1)[0]["reason"], "client-stalled");
        let mut stream = client.stream();
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut count = 0;
        let mut part = [0; 65_536];
        while let Ok(read @ 1..) = stream.read(&mut part) {
            count += read;
        }
        assert!(count < LARGE, "all of it came");
    }
}

/// A connection that idles longer than it stays warm gives its memory back and works as before.
#[test]
fn a_connection_that_cooled_down_serves_on() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "ok");
        eventually("the connection to cool down", || {
            (proxy.metric("ringwall_connections_cold", "") == 1.0).then_some(())
        });
    }
    // Half a head, and cooling in between would lose it.
    client.send("GET / HTTP/1.1\r\n");
    assert!(client.is_quiet_for(Duration::from_millis(700)));
    client.send("Host: example.test\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
}

/// The end the client sees of a whole exchange is a clean one.
#[test]
fn a_closed_client_connection_leaves_nothing_behind() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    for _ in 0..20 {
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n");
        client.response();
        assert_eq!(client.rest(), (Vec::new(), End::Closed));
    }
    eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
}
