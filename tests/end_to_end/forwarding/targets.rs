//! The request target and `Host` as the server gets them.

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
    let hosts: Vec<_> = server.requests().iter().filter_map(|request| request.fields.get("host")).collect();
    assert_eq!(hosts, [server.address().to_string().as_str(), "inner.test", "example.test"]);
    for request in server.requests() {
        assert_eq!(request.fields.get("x-forwarded-host").as_deref(), Some("example.test"));
    }
}
