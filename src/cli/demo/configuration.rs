//! The configuration of the demo's proxy.

use std::net::SocketAddr;

use super::mapper::USERNAME;
use super::secret_files::SecretFiles;
use super::tokens::{AUDIENCE, GATE, GATE_SECRET};

/// The file with the mapper's password.
pub(super) const MAPPER_PASSWORD: &str = "mapper.secret";

/// Where everything is.
pub(super) struct Places<'a> {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) resource: SocketAddr,
    pub(super) mapper: SocketAddr,
    /// The Token Server's URL.
    pub(super) issuer: &'a str,
    pub(super) secrets: &'a SecretFiles,
}

impl Places<'_> {
    /// The text of the configuration.
    pub(super) fn configuration(&self) -> String {
        [self.basics(), self.tokens(), self.routes()].concat()
    }

    fn basics(&self) -> String {
        let Self { public, admin, resource, .. } = self;
        format!(
            r#"[[listener]]
name = "public"
address = "{public}"

[admin]
address = "{admin}"

[log]
access = "off"

[payload]
replay_entries = 10000

[upstream.shop]
servers = ["http://{resource}"]
"#
        )
    }

    fn tokens(&self) -> String {
        let Self { issuer, mapper, secrets, .. } = self;
        let (gate_secret, password) = (secrets.path(GATE_SECRET), secrets.path(MAPPER_PASSWORD));
        format!(
            r#"
[issuer.signed]
kind = "jwt"
issuer = "{issuer}"
discovery = true
audience = ["{AUDIENCE}"]
algorithms = ["ES256"]

[issuer.opaque]
kind = "introspection"
url = "{issuer}/oauth/api/v2/token/introspect"
client_id = "{GATE}"
client_secret_file = {gate_secret:?}

[access.orders]
issuer = ["signed", "opaque"]
scope = ["orders.read"]

[mapper.customers]
url = "http://{mapper}/map-request"
username = "{USERNAME}"
password_file = {password:?}
identity_fields = ["authorized_scopes", "amr"]
"#
        )
    }

    fn routes(&self) -> String {
        let identity = r#"set_headers = { "x-user" = "{sub}", "x-client" = "{client_id}", "x-scopes" = "{scope}", "x-app" = "{app_identifier}" }"#;
        format!(
            r#"
[[route]]
path = "/shop/*"
upstream = "shop"
access = "open"
strip_prefix = "/shop"
response_headers = {{ "strict-transport-security" = "max-age=31536000" }}

[[route]]
path = "/vault/*"
upstream = "shop"
access = "open"
payload = "require"
strip_prefix = "/vault"

[[route]]
path = "/orders/*"
upstream = "shop"
access = "orders"
{identity}

[[route]]
path = "/mapped/*"
upstream = "shop"
access = "orders"
mapper = "customers"
strip_prefix = "/mapped"

[[route]]
path = "/sealed/orders/*"
upstream = "shop"
access = "orders"
payload = "require"
strip_prefix = "/sealed"
{identity}

[[route]]
path = "/sealed/mapped/*"
upstream = "shop"
access = "orders"
payload = "require"
mapper = "customers"
strip_prefix = "/sealed/mapped"

[[route]]
path = "/old/*"
access = "open"
answer = {{ status = 301, location = "https://shop.example{{path}}" }}
"#
        )
    }
}
