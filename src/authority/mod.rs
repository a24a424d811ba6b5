//! The embedded Token Server: signing keys, client credentials, test tokens, introspection, revocation.
//!
//! A peer like any other: the proxy reaches it over HTTP and nothing else, so that whatever works with it works with
//! another Token Server. It is small on purpose. Tokens are remembered in memory; who logs in, and how, it does not know.
//!
//! | Path | |
//! |---|---|
//! | `/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server` | metadata (RFC 8414): what there is |
//! | `/oauth/v1/token` | client credentials (RFC 6749 section 4.4) for a JWT (RFC 9068) or an opaque token |
//! | `/oauth/v1/keys` | the keys that JWTs are verified by (RFC 7517) |
//! | `/oauth/v1/revoke` | RFC 7009. Who verifies JWTs by itself takes a revoked one until it expires |
//! | `/oauth/api/v2/token/introspect` | RFC 7662, for both kinds of token |
//! | `/oauth/v1/testtoken` | in development alone: a token for whatever is asked for, for everybody on this machine |
//!
//! What is answered is decided by a `desk` of pure steps: a request, the time and a source of randomness in, an answer
//! out. [`server`] alone touches sockets, threads and the clock.
//!
//! - [`settings`]: what can be set
//! - [`server`]: the listener
//! - `desk`: which endpoint answers
//! - `request`, `form`, `answer`: bytes to values and back
//! - `clients`: who asks
//! - `grant`: what a token says
//! - `token_store`: the tokens that are known
//! - `test_token`: what a test token is to say
//! - `metadata`: what there is

mod answer;
mod clients;
mod desk;
mod form;
mod grant;
mod metadata;
mod request;
pub mod server;
pub mod settings;
mod test_token;
mod token_store;

#[cfg(test)]
mod fixture;
