//! Tokens bound to a client's certificate (RFC 8705): of use to whoever proves to own it, and to nobody else.

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::*;
use crate::harness::authority::{Authority, Issued};
use crate::harness::tls_client::TlsClients;

/// What a token bound to this certificate has in `cnf`.
fn confirmation(own: &Issued) -> Value {
    let der = CertificateDer::from_pem_slice(own.certificate.as_bytes()).expect("a certificate");
    json!({ "x5t#S256": BASE64URL.encode(digest(&SHA256, &der)) })
}

#[test]
fn a_token_bound_to_a_certificate_is_good_with_that_alone() {
    let (server, signer) = (ScriptedServer::ok(), Signer::new("1"));
    let (authority, vouching) = (Authority::new("authority"), Authority::new("clients"));
    let (own, alice, bob) =
        (authority.server(&["a.test"]), vouching.client("alice.test"), vouching.client("bob.test"));
    let bound = confirmation(&alice);
    let said =
        json!({ "active": true, "scope": "orders.read", "sub": "alice", "exp": now() + 600, "cnf": bound });
    let tokens = ScriptedServer::answering(document(&said.to_string()));
    let rule = |issuer: &str| {
        format!(
            "[[route]]\npath = \"/{issuer}\"\nupstream = \"origin\"\naccess = {{ issuer = \"{issuer}\", \
             sender_constraint = \"mtls\" }}"
        )
    };
    let proxy = Setup::beside(&server)
        .listener(
            "[listener.tls]\ncertificate = \"own.pem\"\nkey = \"own.key\"\nclient_auth = \"optional\"\n\
             client_ca = \"clients.pem\"",
        )
        .with(rule("jwt"))
        .with(rule("opaque"))
        .with(
            "[issuer.jwt]\nkind = \"jwt\"\nissuer = \"https://login.test\"\naudience = [\"orders\"]\n\
             jwks_file = \"keys.json\"",
        )
        .with(format!("[issuer.opaque]\nkind = \"introspection\"\nurl = \"http://{}/\"", tokens.address()))
        .file("own.pem", own.certificate)
        .file("own.key", own.key)
        .file("clients.pem", vouching.certificate.clone())
        .file("keys.json", key_set(&[&signer]))
        .start();
    let (jwt, unbound) = (signer.token(json!({ "cnf": bound })), signer.token(json!({})));
    for (path, token, client, status) in [
        ("/jwt", jwt.as_str(), Some(&alice), 200),
        ("/jwt", &jwt, Some(&bob), 401),
        ("/jwt", &jwt, None, 401),
        ("/jwt", &unbound, Some(&alice), 401),
        ("/opaque", "abc", Some(&alice), 200),
        ("/opaque", "abc", Some(&bob), 401),
        ("/opaque", "abc", None, 401),
    ] {
        let clients = TlsClients::trusting(&authority, client);
        let mut client = clients.connect(proxy.address, "a.test").expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {token}\r\n\r\n");
        client.send(request).expect("a request");
        assert_eq!(client.response().expect("a response").0, status, "{path}");
    }
    assert_eq!(tokens.requests().len(), 1, "what depends on the request is asked of what is kept");
}
