//! What a configuration becomes: one immutable value that every worker reads and none writes.
//!
//! Building it from a file is `config`'s business; choosing by it is the business of the other `policy` modules.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::payload_rules::PayloadRules;
use super::request_mapper::Mapper;
use super::route_table::RouteTable;
use super::service::Service;
use super::token_rules::Issuer;
use crate::limits;

/// Stands for the address of a peer on a Unix socket, which has none: nobody on a network has it.
pub const UNIX_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Position of a listener in [`Ruleset::listeners`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(pub u16);

/// Position of an upstream in [`Ruleset::upstreams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamId(pub u16);

/// Everything a worker decides by. Shared as `Arc<Ruleset>`; an exchange keeps the one it began with.
#[derive(Debug)]
pub struct Ruleset {
    /// Counts reloads, from 1.
    pub generation: u64,
    /// The data listeners, in file order.
    pub listeners: Vec<Listener>,
    /// The upstreams, in name order; behind them those of services that have one of their own.
    pub upstreams: Vec<Upstream>,
    /// What the proxy asks by itself.
    pub services: Vec<Service>,
    /// Whose tokens are taken, in name order.
    pub issuers: Vec<Issuer>,
    /// Who rewrites requests, in name order.
    pub mappers: Vec<Mapper>,
    /// Which request goes where.
    pub routes: RouteTable,
    /// Process-wide time limits; a route may narrow or widen some.
    pub timeouts: Timeouts,
    /// Process-wide size and count limits; a route may narrow or widen some.
    pub limits: Limits,
    /// Whose forwarding fields are believed.
    pub forwarding: Forwarding,
    /// Payload encryption; absent: there is none.
    pub payload: Option<Arc<PayloadRules>>,
}

/// One place where requests arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name routes refer to.
    pub name: String,
    /// Where to listen.
    pub address: ListenAddress,
    /// Absent: no PROXY header is expected.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// True when TLS ends here.
    pub tls: bool,
}

/// Where a listener listens. Displayed as the configuration writes it: `127.0.0.1:80`, `unix:/run/ringwall.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A stream socket in the file system.
    Unix(PathBuf),
}

/// A listener behind a balancer that says in a PROXY header who the client is. The header is required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// Whose headers are believed; connections from elsewhere are closed. On a Unix socket it is [`UNIX_PEER`] alone.
    pub from: Vec<IpNet>,
}

/// Time limits. Every one is finite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request head to its last.
    pub header: Duration,
    /// Between two reads of a body, or two writes of one, either side.
    pub body: Duration,
    /// A kept-alive downstream connection without a request.
    pub idle: Duration,
    /// From accepting a connection to the end of its PROXY header and TLS handshake.
    pub handshake: Duration,
    /// Until an upstream connection stands.
    pub connect: Duration,
    /// From the request's end to the first byte of the response head.
    pub response: Duration,
    /// From the order to stop until connections still busy are cut.
    pub drain: Duration,
}

/// What holds where the configuration says nothing.
impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: limits::TIMEOUT_HEADER,
            body: limits::TIMEOUT_BODY,
            idle: limits::TIMEOUT_IDLE,
            handshake: limits::TIMEOUT_HANDSHAKE,
            connect: limits::TIMEOUT_CONNECT,
            response: limits::TIMEOUT_RESPONSE,
            drain: limits::TIMEOUT_DRAIN,
        }
    }
}

/// Size and count limits of what downstream peers may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request line; beyond it 414.
    pub request_line: usize,
    /// Bytes of a whole head; beyond it 431.
    pub header_bytes: usize,
    /// Number of fields in a head; beyond it 431.
    pub header_count: usize,
    /// Bytes of a request body; beyond it 413.
    pub body_bytes: u64,
    /// Downstream connections at once in the whole process.
    pub connections: usize,
    /// Downstream connections at once from one address in the whole process.
    pub connections_per_address: usize,
    /// Bytes of plaintext that one chunk of a client's sealed message may hold; beyond it 413.
    pub payload_chunk: usize,
}

/// What holds where the configuration says nothing.
impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: limits::REQUEST_LINE_BYTES,
            header_bytes: limits::HEADER_BYTES,
            header_count: limits::HEADER_COUNT,
            body_bytes: limits::BODY_BYTES,
            connections: limits::CONNECTIONS,
            connections_per_address: limits::CONNECTIONS,
            payload_chunk: limits::PAYLOAD_CHUNK_BYTES,
        }
    }
}

/// Whose `Forwarded` and `X-Forwarded-*` fields are believed and continued; from all others they are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// Networks of trusted peers.
    pub trusted: Vec<IpNet>,
}

/// A named group of interchangeable servers.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// The name routes refer to.
    pub name: String,
    /// Its servers, in file order.
    pub servers: Vec<Server>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// Active checks by the control thread; absent: passive observation alone.
    pub health: Option<HealthCheck>,
    /// Bounds of the idle connections each worker keeps.
    pub pool: PoolLimits,
}

/// One server of an upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Host name or address literal without brackets, lower case; `localhost` with a Unix socket.
    pub host: String,
    /// TCP port; 80 with a Unix socket.
    pub port: u16,
    /// The stream socket to connect to in place of host and port.
    pub socket: Option<PathBuf>,
    /// True when it is spoken to over TLS.
    pub tls: bool,
    /// Share of requests relative to its siblings, 1 to 1,000.
    pub weight: u32,
    /// What goes into `Host` under `upstream_host = "server"`: host, and port where it is not the scheme's.
    pub authority: String,
}

/// How a server is chosen among the usable ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// In turn, by weight.
    RoundRobin,
    /// The one with the fewest requests of this worker under way, relative to its weight.
    LeastRequests,
    /// Consistent: the same key goes to the same server while it is usable.
    Hash(HashKey),
}

/// What a consistent hash is computed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The value of a request field (lower-case name); absent: the client address.
    Header(String),
    /// The client's address.
    Source,
}

/// Active health check: `GET path` on every server from the control thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Target of the probe, origin form.
    pub path: String,
    /// Time between two probes, also the time limit of one.
    pub interval: Duration,
    /// Failures in a row that take a server out.
    pub unhealthy: u32,
    /// Successes in a row that bring it back.
    pub healthy: u32,
}

/// Bounds of one worker's idle connections to one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Idle connections kept per server and worker.
    pub idle: usize,
    /// A connection older than this, plus or minus a tenth, is not used again.
    pub age: Duration,
    /// An idle connection unused for this long is closed, unless the server's `Keep-Alive: timeout` says sooner.
    pub idle_timeout: Duration,
}

/// What holds where the configuration says nothing.
impl Default for PoolLimits {
    fn default() -> Self {
        Self { idle: limits::POOL_IDLE, age: limits::POOL_AGE, idle_timeout: limits::POOL_IDLE_TIMEOUT }
    }
}

/// A worker's own handle on the rules: clones of it count without touching memory that other workers write.
#[derive(Clone, Debug)]
#[expect(clippy::redundant_allocation, reason = "the inner count is shared by workers, the outer one is not")]
pub struct Rules(Rc<Arc<Ruleset>>);

impl Upstream {
    /// One whose `servers` take turns, without active checks.
    pub fn new(name: impl Into<String>, servers: Vec<Server>) -> Self {
        let pool = PoolLimits::default();
        Self { name: name.into(), servers, balance: Balance::RoundRobin, health: None, pool }
    }
}

impl Server {
    /// One that is spoken to without TLS. `host` is lower case.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        let authority = if port == 80 { host.clone() } else { format!("{host}:{port}") };
        Self { host, port, socket: None, tls: false, weight: 1, authority }
    }

    /// What logs and metrics call it, no two servers of an upstream alike: `unix:` and the path of its socket; host, and
    /// port where it is not 80.
    pub fn place(&self) -> String {
        match &self.socket {
            Some(path) => format!("unix:{}", path.display()),
            // On the port of its scheme, which the authority leaves out, it is not the plain server on port 80.
            None if self.tls && self.port == 443 => format!("{}:443", self.authority),
            None => self.authority.clone(),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl Rules {
    /// A handle on `rules`.
    pub fn new(rules: Arc<Ruleset>) -> Self {
        Self(Rc::new(rules))
    }
}

impl Deref for Rules {
    type Target = Ruleset;
    #[inline]
    fn deref(&self) -> &Ruleset {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_servers_of_an_upstream_have_one_place() {
        let at = |port| Server::new("a.test", port);
        let over_tls = |port, authority: &str| Server { tls: true, authority: authority.into(), ..at(port) };
        let socket = Server { socket: Some("/run/a.sock".into()), ..at(80) };
        for (server, place) in [
            (at(80), "a.test"),
            (at(8080), "a.test:8080"),
            (at(443), "a.test:443"),
            (over_tls(443, "a.test"), "a.test:443"),
            (over_tls(8443, "a.test:8443"), "a.test:8443"),
            (socket, "unix:/run/a.sock"),
        ] {
            assert_eq!(server.place(), place, "{server:?}");
        }
    }

    #[test]
    fn a_listen_address_reads_as_it_is_configured() {
        assert_eq!(ListenAddress::Tcp(([192, 0, 2, 1], 80).into()).to_string(), "192.0.2.1:80");
        assert_eq!(ListenAddress::Unix("/run/a.sock".into()).to_string(), "unix:/run/a.sock");
    }
}
