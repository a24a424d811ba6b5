//! A service behind the proxy that judges the same tokens itself, as `tests/interop/resource` shows how: both come to the
//! same verdict.

use super::*;
use crate::harness::eventually;

/// The service, and a proxy before it that judges what is below `/guarded`, and leaves what is below `/here` to it.
fn start(server: &TokenServer) -> Option<(NodeServer, Proxy)> {
    let (service, at) = (Node::of("resource")?, unused_address());
    let (ip, port) = (at.ip().to_string(), at.port().to_string());
    let (issuer, keys) = (format!("http://{}", server.address), format!("http://{}/jwks", server.address));
    let service = service.serve("service.mjs", &[&ip, &port, &issuer, &keys, "orders", READ]);
    let proxy = Setup::beside_address(at)
        .with("[[route]]\npath = \"/here/*\"\nupstream = \"origin\"\naccess = \"upstream\"")
        .with(
            "[[route]]\npath = \"/guarded/*\"\nupstream = \"origin\"\n\
             access = { issuer = \"main\", scope = [\"orders.read\"] }",
        )
        .with(server.verified("discovery = true"))
        .start();
    Some((service, proxy))
}

/// What is answered below `/guarded` and below `/here`: who says so, status, error.
#[track_caller]
fn answers(proxy: &Proxy, credentials: &str) -> [(Sayer, u16, String); 2] {
    ["/guarded/a", "/here/a"].map(|target| {
        let mut client = proxy.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{credentials}\r\n"));
        let answer = client.response();
        let sayer = if answer.fields.has("proxy-status") { Sayer::Proxy } else { Sayer::Service };
        (sayer, answer.status(), error_of(&answer))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sayer {
    Proxy,
    Service,
}

#[test]
fn a_service_that_judges_in_place_comes_to_the_verdict_of_the_proxy() {
    let Some(mut server) = TokenServer::start() else { return };
    let Some((_service, proxy)) = start(&server) else { return };
    let brief = server.token(BRIEF, READ);
    let good = server.token(JWT, READ);
    let more = server.token(JWT, "orders.write+orders.read");
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let (header, claims) =
        (good.split('.').next().expect("a header"), more.split('.').nth(1).expect("claims"));
    let signature = good.rsplit('.').next().expect("a signature");
    for (what, credentials, status, error) in [
        ("good", bearer(&good), 200, ""),
        ("for more", bearer(&more), 200, ""),
        ("in another case", format!("authorization: bEARER {good}\r\n"), 200, ""),
        ("none", String::new(), 401, ""),
        ("another scheme", "Authorization: Basic YTpi\r\n".to_owned(), 401, ""),
        ("another audience", bearer(&server.token("https://others.test/jwt", READ)), 401, "invalid_token"),
        ("another signature", bearer(&forged(&good)), 401, "invalid_token"),
        ("another's claims", bearer(&format!("{header}.{claims}.{signature}")), 401, "invalid_token"),
        ("no signature", bearer(&format!("eyJhbGciOiJub25lIn0.{claims}.")), 401, "invalid_token"),
        ("opaque", bearer(&server.token(OPAQUE, READ)), 401, "invalid_token"),
        ("another scope", bearer(&server.token(JWT, WRITE)), 403, "insufficient_scope"),
    ] {
        let first = if status == 200 { Sayer::Service } else { Sayer::Proxy };
        let expected = [first, Sayer::Service].map(|sayer| (sayer, status, error.to_owned()));
        assert_eq!(answers(&proxy, &credentials), expected, "{what}");
    }
    server.rotate();
    let new = bearer(&server.token(JWT, READ));
    // They learn of a key, and see a time run out, one after the other.
    for (what, credentials, status, error) in [
        ("a new key to be known", new, 200, ""),
        ("a token to run out", bearer(&brief), 401, "invalid_token"),
    ] {
        let is_over = |(_, own, said): &(Sayer, u16, String)| (*own, said.as_str()) == (status, error);
        eventually(what, || answers(&proxy, &credentials).iter().all(is_over).then_some(()));
    }
}
