//! Who may use a route. So far only the two rules that need no token.

/// The access rule of a route. A route without one does not exist: the configuration refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessRule {
    /// Everybody; `check` lists such routes.
    Open,
    /// The server behind judges the token; the proxy passes it on.
    Upstream,
}
