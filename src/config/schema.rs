//! The names of all settings: what a table may have. Everything else is refused.
//!
//! Meaning, types and defaults are the readers' business; `example.toml` shows every one of these.

pub(super) const ROOT: &[&str] = &[
    "access",
    "admin",
    "forwarding",
    "include",
    "issuer",
    "limits",
    "listener",
    "log",
    "mapper",
    "payload",
    "route",
    "timeouts",
    "tls",
    "upstream",
    "workers",
];
pub(super) const WORKERS: &[&str] = &["busy_poll", "cpus"];
pub(super) const LISTENER: &[&str] = &["address", "name", "proxy_protocol", "proxy_protocol_from", "tls"];
pub(super) const LISTENER_TLS: &[&str] =
    &["certificate", "certificates", "client_auth", "client_ca", "client_crl", "key"];
pub(super) const CERTIFICATE: &[&str] = &["certificate", "key"];
pub(super) const TLS: &[&str] = &["ticket_keys"];
pub(super) const ADMIN: &[&str] = &["address"];
pub(super) const TIMEOUTS: &[&str] = &["body", "connect", "drain", "handshake", "header", "idle", "response"];
pub(super) const LIMITS: &[&str] = &[
    "body_bytes",
    "connections",
    "connections_per_address",
    "header_bytes",
    "header_count",
    "payload_chunk",
    "request_line",
];
pub(super) const LOG: &[&str] = &["access", "format"];
pub(super) const FORWARDING: &[&str] = &["trusted"];
pub(super) const PAYLOAD: &[&str] = &[
    "application",
    "key_document",
    "keys",
    "origin",
    "policy",
    "relays",
    "replay_entries",
    "session_entries",
    "session_lifetime",
    "signing_key",
    "start_ids",
    "ticket_keys",
    "window",
];
pub(super) const PAYLOAD_APPLICATION: &[&str] = &["encryption", "id", "platform", "version"];
pub(super) const PAYLOAD_POLICY: &[&str] =
    &["cache", "password_file", "path", "timeout", "upstream", "url", "username"];
pub(super) const PAYLOAD_POLICY_CACHE: &[&str] = &["entries", "time"];
pub(super) const UPSTREAM: &[&str] = &["balance", "health", "pool", "servers", "tls"];
pub(super) const UPSTREAM_TLS: &[&str] =
    &["ca", "certificate", "dangerous_accept_any_certificate", "key", "server_name"];
pub(super) const SERVER: &[&str] = &["url", "weight"];
pub(super) const HEALTH: &[&str] = &["healthy", "interval", "path", "unhealthy"];
pub(super) const POOL: &[&str] = &["age", "idle", "idle_timeout"];
pub(super) const ISSUER: &[&str] = &[
    "algorithms",
    "audience",
    "cache",
    "client_assertion_algorithm",
    "client_assertion_audience",
    "client_authentication",
    "client_id",
    "client_key_file",
    "client_key_id",
    "client_secret_file",
    "development",
    "discovery",
    "fapi",
    "issuer",
    "jwks_file",
    "jwks_path",
    "jwks_url",
    "kind",
    "mandatory_scope",
    "path",
    "public_key_file",
    "public_key_path",
    "public_key_url",
    "realm",
    "require_typ",
    "skew",
    "time_unit",
    "timeout",
    "upstream",
    "url",
    "validation_path",
    "validation_url",
];
pub(super) const ISSUER_CACHE: &[&str] = &["entries", "negative", "positive"];
pub(super) const MAPPER: &[&str] = &[
    "cache",
    "extra_members",
    "identity_fields",
    "password_file",
    "path",
    "prefix",
    "timeout",
    "upstream",
    "url",
    "username",
];
pub(super) const MAPPER_CACHE: &[&str] = &["entries", "time"];
/// Of `[access.NAME]`, and of a rule in its place.
pub(super) const ACCESS: &[&str] = &[
    "acr",
    "amr",
    "audience",
    "client_certificate",
    "client_id",
    "dpop_nonce",
    "id_token",
    "issuer",
    "max_age",
    "realm",
    "scope",
    "sender_constraint",
];
pub(super) const ROUTE: &[&str] = &[
    "access",
    "answer",
    "clients",
    "encoded_paths",
    "endpoints",
    "host",
    "kind",
    "limits",
    "listener",
    "mapper",
    "methods",
    "path",
    "payload",
    "response_headers",
    "rewrite",
    "set_headers",
    "strip_prefix",
    "timeouts",
    "upstream",
    "upstream_host",
];
pub(super) const CLIENT_CERTIFICATE: &[&str] = &["san", "sha256"];
pub(super) const ANSWER: &[&str] = &["location", "status"];
pub(super) const ENDPOINTS: &[&str] = &["allow", "deny", "revocation"];
pub(super) const ROUTE_TIMEOUTS: &[&str] = &["body", "connect", "response"];
pub(super) const ROUTE_LIMITS: &[&str] = &["body_bytes"];

/// Every table with its keys. The name of a table is dotted, without indices and without free names.
pub const TABLES: &[(&str, &[&str])] = &[
    ("", ROOT),
    ("workers", WORKERS),
    ("listener", LISTENER),
    ("listener.tls", LISTENER_TLS),
    ("listener.tls.certificates", CERTIFICATE),
    ("tls", TLS),
    ("admin", ADMIN),
    ("timeouts", TIMEOUTS),
    ("limits", LIMITS),
    ("log", LOG),
    ("forwarding", FORWARDING),
    ("payload", PAYLOAD),
    ("payload.application", PAYLOAD_APPLICATION),
    ("payload.policy", PAYLOAD_POLICY),
    ("payload.policy.cache", PAYLOAD_POLICY_CACHE),
    ("upstream", UPSTREAM),
    ("upstream.servers", SERVER),
    ("upstream.health", HEALTH),
    ("upstream.pool", POOL),
    ("upstream.tls", UPSTREAM_TLS),
    ("issuer", ISSUER),
    ("issuer.cache", ISSUER_CACHE),
    ("mapper", MAPPER),
    ("mapper.cache", MAPPER_CACHE),
    ("access", ACCESS),
    ("access.client_certificate", CLIENT_CERTIFICATE),
    ("route", ROUTE),
    ("route.access", ACCESS),
    ("route.access.client_certificate", CLIENT_CERTIFICATE),
    ("route.answer", ANSWER),
    ("route.endpoints", ENDPOINTS),
    ("route.timeouts", ROUTE_TIMEOUTS),
    ("route.limits", ROUTE_LIMITS),
];
