//! Good tokens, bad ones, and those that were taken back.

use super::*;
use crate::harness::eventually;

#[test]
fn tokens_decide_and_the_server_gets_what_they_say() {
    let Some((server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    let address = server.address;
    let issuers = [
        (server.verified("discovery = true"), JWT),
        (server.verified(&format!("jwks_url = \"http://{address}/jwks\"")), JWT),
        (server.asked(""), OPAQUE),
        (server.asked("client_authentication = \"post\""), OPAQUE),
    ];
    for (issuer, resource) in issuers {
        let proxy = guard(&nginx, &issuer).start();
        let without = told(&proxy, None);
        assert_eq!((without.status(), error_of(&without)), (401, String::new()), "{issuer} {without:?}");
        let good = server.token(resource, READ);
        for (token, status, expected) in [
            (server.token(&resource.replace("orders", "others"), READ), 401, "invalid_token"),
            (forged(&good), 401, "invalid_token"),
            (server.token(resource, WRITE), 403, "insufficient_scope"),
        ] {
            let answer = told(&proxy, Some(&token));
            assert_eq!(
                (answer.status(), error_of(&answer).as_str()),
                (status, expected),
                "{issuer} {answer:?}"
            );
        }
        let more = server.token(resource, "orders.write+orders.read");
        for (token, scope) in [(&good, READ), (&more, "orders.write orders.read"), (&good, READ)] {
            let answer = told(&proxy, Some(token));
            let expected = format!("client=app tenant=t-1 scope={scope}");
            assert_eq!((answer.status(), answer.text()), (200, expected), "{issuer}");
        }
    }
}

#[test]
fn of_two_issuers_one_is_enough_and_neither_makes_the_others_tokens_an_outage() {
    let Some((server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    let proxy = guard(&nginx, &(server.verified("discovery = true") + &server.asked(""))).start();
    let brief = server.token(BRIEF, READ);
    for resource in [JWT, OPAQUE] {
        let good = server.token(resource, READ);
        assert_eq!(told(&proxy, Some(&good)).status(), 200, "{resource}");
        // oidc-provider says nothing of JSON Web Tokens, and answers 400 to who asks.
        for bad in [forged(&good), server.token(&resource.replace("orders", "others"), READ)] {
            let answer = told(&proxy, Some(&bad));
            assert_eq!((answer.status(), error_of(&answer).as_str()), (401, "invalid_token"), "{answer:?}");
        }
    }
    eventually("a token to run out", || match told(&proxy, Some(&brief)) {
        answer if answer.status() == 200 => None,
        answer => {
            assert_eq!((answer.status(), error_of(&answer).as_str()), (401, "invalid_token"), "{answer:?}");
            Some(())
        }
    });
    assert_eq!(proxy.metric("ringwall_token_server_failures_total", ""), 0.0);
}

#[test]
fn a_token_that_was_taken_back_dies_with_what_is_remembered_of_it() {
    let Some((server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    let token = server.token(OPAQUE, READ);
    let brief = guard(&nginx, &server.asked("cache = { positive = \"1s\" }")).start();
    let long = guard(&nginx, &server.asked("")).cpus("0,0").start();
    // Both workers get to know it.
    eventually("hits in both caches", || {
        assert_eq!(told(&long, Some(&token)).status(), 200);
        (long.metric("ringwall_token_cache_misses_total", "") >= 2.0).then_some(())
    });
    assert_eq!(told(&brief, Some(&token)).status(), 200);
    server.revoke(&token);
    eventually("the token's time in the cache to be over", || {
        (told(&brief, Some(&token)).status() == 401).then_some(())
    });
    // Until somebody says so.
    assert_eq!(told(&long, Some(&token)).status(), 200);
    let form = format!("token={token}");
    let mut admin = RawClient::connect(long.admin);
    admin.send(format!(
        "POST /evict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    assert_eq!(admin.response().status(), 202);
    eventually("every worker to have forgotten it", || {
        (0..8).all(|_| told(&long, Some(&token)).status() == 401).then_some(())
    });
}
