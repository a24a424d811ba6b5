//! What clients are told of a protected resource before they have a token for it (RFC 9728): who issues such tokens, for
//! what, and how they are shown.
//!
//! A resource is what a URL names, without its query: so the metadata that a challenge points to are always those of the URL
//! that was asked for (section 3.3). Which rule guards it is the route table's business.

use serde_json::{Map, Value, json};

use super::access_rule::{JudgedRule, SenderConstraint};
use super::token_rules::{Issuer, PROOF_ALGORITHMS};

/// Where metadata are; the path of the resource stands behind it.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The path of the resource whose metadata are at `path`; `None`: no such are there.
pub fn described_path(path: &[u8]) -> Option<&[u8]> {
    match path.strip_prefix(WELL_KNOWN.as_bytes())? {
        b"" => Some(b"/"),
        rest => rest.starts_with(b"/").then_some(rest),
    }
}

/// The URL of the metadata of the resource at this URL.
pub fn metadata_url(scheme: &str, authority: &str, path: &str) -> String {
    format!("{scheme}://{authority}{WELL_KNOWN}{}", path_of(path))
}

/// Whether there are metadata of what `rule` guards: MobileFirst's clients know of none.
pub fn is_described(rule: &JudgedRule) -> bool {
    rule.terms.iter().any(|terms| !terms.is_mobilefirst)
}

/// The metadata of the resource at this URL, guarded by `rule`, as JSON. `issuers` are those of the configuration.
pub fn metadata(rule: &JudgedRule, issuers: &[Issuer], scheme: &str, authority: &str, path: &str) -> String {
    let mut members = Map::new();
    let mut say = |name: &str, value: Value| members.insert(name.to_owned(), value);
    say("resource", format!("{scheme}://{authority}{}", path_of(path)).into());
    let own = rule.issuers.iter().filter_map(|id| issuers.get(usize::from(id.0)));
    let servers: Vec<&str> = own.filter_map(Issuer::url).collect();
    if !servers.is_empty() {
        say("authorization_servers", json!(servers));
    }
    if !rule.scope.is_empty() {
        say("scopes_supported", json!(rule.scope));
    }
    say("bearer_methods_supported", json!(["header"]));
    if rule.sender_constraint != Some(SenderConstraint::Mtls) {
        let names: Vec<_> = PROOF_ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect();
        say("dpop_signing_alg_values_supported", json!(names));
    }
    match rule.sender_constraint {
        Some(SenderConstraint::Dpop) => say("dpop_bound_access_tokens_required", true.into()),
        Some(SenderConstraint::Mtls) => say("tls_client_certificate_bound_access_tokens", true.into()),
        Some(SenderConstraint::Any) | None => None,
    };
    Value::Object(members).to_string()
}

/// A slash alone is left out (section 3.1).
fn path_of(path: &str) -> &str {
    if path == "/" { "" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::access_rule::fixture::{jwt_issuer, mobilefirst_issuer};
    use crate::policy::token_rules::IssuerId;

    #[test]
    fn metadata_stand_before_the_path_of_their_resource() {
        for (path, resource) in [
            ("/.well-known/oauth-protected-resource", Some("/")),
            ("/.well-known/oauth-protected-resource/", Some("/")),
            ("/.well-known/oauth-protected-resource/orders/7", Some("/orders/7")),
            ("/.well-known/oauth-protected-resources", None),
            ("/orders", None),
        ] {
            assert_eq!(described_path(path.as_bytes()), resource.map(str::as_bytes), "{path}");
        }
        let url = |path| metadata_url("https", "a.test:8443", path);
        assert_eq!(url("/orders/7"), "https://a.test:8443/.well-known/oauth-protected-resource/orders/7");
        assert_eq!(url("/"), "https://a.test:8443/.well-known/oauth-protected-resource");
    }

    #[test]
    fn a_client_is_told_what_it_needs_to_get_a_token() {
        let issuers = [jwt_issuer(), mobilefirst_issuer()];
        let rule = |constraint| JudgedRule {
            scope: vec!["orders.read".to_owned()],
            sender_constraint: constraint,
            ..JudgedRule::new(&issuers, vec![IssuerId(0), IssuerId(1)])
        };
        let told = |rule: &JudgedRule| -> Value {
            serde_json::from_str(&metadata(rule, &issuers, "https", "a.test", "/orders")).expect("JSON")
        };
        let open = told(&rule(None));
        let expected = json!({
            "resource": "https://a.test/orders",
            "authorization_servers": ["https://login.test"],
            "scopes_supported": ["orders.read"],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "PS256"],
        });
        assert_eq!(open, expected);
        let dpop = told(&rule(Some(SenderConstraint::Dpop)));
        assert_eq!(dpop["dpop_bound_access_tokens_required"], true);
        let mtls = told(&rule(Some(SenderConstraint::Mtls)));
        assert_eq!(mtls["tls_client_certificate_bound_access_tokens"], true);
        assert!(mtls.get("dpop_signing_alg_values_supported").is_none());
        assert!(is_described(&rule(None)));
        assert!(!is_described(&JudgedRule::new(&issuers, vec![IssuerId(1)])));
    }
}
