//! Which servers are believed to work: the control thread's view, and a worker's own observation of results.

use std::net::SocketAddr;

/// What the control thread knows of all servers: immutable, published whole, indexed by upstream and server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamView {
    /// Per upstream (by `UpstreamId`), per server in file order.
    pub upstreams: Vec<Vec<ServerView>>,
}

/// What the control thread knows of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerView {
    /// Its resolved addresses; empty: the name does not resolve.
    pub addresses: Vec<SocketAddr>,
    /// The active checks' verdict.
    pub probe: Probe,
}

/// The verdict of active checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// Not checked, or not yet: taken as working.
    #[default]
    Unknown,
    /// Working.
    Up,
    /// Not working: gets no requests.
    Down,
}
