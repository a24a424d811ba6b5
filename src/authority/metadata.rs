//! What there is, for who looks (RFC 8414 section 2): nothing that does not exist.

use serde_json::json;

/// Where things are, below the issuer.
pub(super) const TOKEN: &str = "/oauth/v1/token";
pub(super) const KEYS: &str = "/oauth/v1/keys";
pub(super) const REVOCATION: &str = "/oauth/v1/revoke";
pub(super) const INTROSPECTION: &str = "/oauth/api/v2/token/introspect";
pub(super) const TEST_TOKEN: &str = "/oauth/v1/testtoken";
/// Where this is: by OpenID Connect Discovery's name, and by RFC 8414's.
pub(super) const WELL_KNOWN: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The document of a server of this name. No `response_types_supported`: there is no authorization endpoint, and lists
/// without elements are left out (RFC 8414 section 3.2).
pub(super) fn metadata(issuer: &str) -> String {
    let authentication = ["client_secret_basic", "client_secret_post"];
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{TOKEN}"),
        "token_endpoint_auth_methods_supported": authentication,
        "grant_types_supported": ["client_credentials"],
        "jwks_uri": format!("{issuer}{KEYS}"),
        "introspection_endpoint": format!("{issuer}{INTROSPECTION}"),
        "introspection_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint": format!("{issuer}{REVOCATION}"),
        "revocation_endpoint_auth_methods_supported": authentication,
    })
    .to_string()
}
