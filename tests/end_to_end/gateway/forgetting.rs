//! What is known of tokens: forgotten by all workers when the Token Server revokes one, kept when the configuration changes
//! otherwise.

use super::introspection::{issuer, setup, token_server};
use super::*;
use crate::harness::eventually;

#[test]
fn a_token_that_is_revoked_through_the_proxy_is_forgotten() {
    let (server, tokens) = (ScriptedServer::ok(), token_server());
    let login = format!(
        "[upstream.login]\nservers = [\"http://{}\"]\n[[route]]\npath = \"/oauth/*\"\nkind = \"token-server\"\n\
         upstream = \"login\"\naccess = \"open\"",
        tokens.address()
    );
    let proxy = Setup::beside(&server)
        .with(login)
        .with("[[route]]\npath = \"/*\"\nupstream = \"origin\"\naccess = { issuer = \"main\", scope = [\"read\"] }")
        .with(issuer(tokens.address()))
        .file("secret", "s3cret\n")
        .cpus("0,0")
        .start();
    // Connections fall to either worker: each asks the one that the token belongs to, which asks the server.
    let known = || {
        let asked = tokens.requests().len();
        (0..16).for_each(|_| assert_eq!(get(&proxy, Some("good")).status(), 200));
        tokens.requests().len() - asked
    };
    assert_eq!((known(), known()), (1, 0));
    let form = "token_type_hint=access_token&token=good";
    let mut client = proxy.client();
    client.send(format!(
        "POST /oauth/v1/revoke HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    assert_eq!(client.response().status(), 200);
    let evicted = || proxy.metric("ringwall_tokens_evicted_total", "");
    eventually("the token to be forgotten", || (evicted() >= 1.0).then_some(()));
    assert_eq!(known(), 1);
}

#[test]
fn a_reload_keeps_what_is_judged_as_before() {
    let (server, tokens) = (ScriptedServer::ok(), token_server());
    let proxy = setup(&server, tokens.address()).start();
    assert_eq!(get(&proxy, Some("good")).status(), 200);
    proxy.rewrite(|text| {
        text.replace("path = \"/*\"", "path = \"/*\"\nresponse_headers = { x-rules = \"new\" }")
    });
    proxy.reload();
    let answer = get(&proxy, Some("good"));
    assert_eq!((answer.status(), answer.fields.get("x-rules").as_deref()), (200, Some("new")));
    assert_eq!(tokens.requests().len(), 1);
    // By other rules it is another question.
    proxy.rewrite(|text| text.replace("timeout = \"500ms\"", "timeout = \"501ms\""));
    proxy.reload();
    assert_eq!(get(&proxy, Some("good")).status(), 200);
    assert_eq!(tokens.requests().len(), 2);
}
