//! What is known of every server: its addresses and the verdict of its health checks. Made into the view that
//! workers choose by.
//!
//! Pure book-keeping: looking names up is `net::resolver`, checking is `health_prober`.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::health_prober::{ProbeTarget, Probed};
use super::published::Published;
use crate::net::resolver::{Resolved, ServerName};
use crate::net::tls::Identities;
use crate::policy::ruleset::{Ruleset, Server, UNIX_PEER, Upstream};
use crate::policy::upstream_health::{Probe, ProbeState, ServerView, UpstreamView};

/// The servers of one rule set.
pub struct UpstreamWatch {
    rules: Arc<Ruleset>,
    upstreams: Vec<Vec<WatchedServer>>,
}

/// What is known of one server.
struct WatchedServer {
    /// A Unix socket's is its path: no host has such a name, and nobody looks it up.
    name: ServerName,
    is_socket: bool,
    addresses: Arc<Published<Vec<SocketAddr>>>,
    lookup: Lookup,
    state: ProbeState,
    verdict: Probe,
    /// Why the newest check failed; absent when it did not.
    failure: Option<String>,
}

/// How the newest lookup of a name went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    Failed,
    /// Not answered yet.
    Open,
    /// Also that of a literal.
    Succeeded,
}

/// What a result changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that anybody need know.
    None,
    /// Worth a line; the view is as it was.
    Notice(String),
    /// The view is another one.
    View {
        /// What happened.
        message: String,
        /// A server was lost by it.
        worse: bool,
    },
}

impl UpstreamWatch {
    /// The servers of `rules`, with all that `previous` knows of those that stay.
    pub fn new(rules: Arc<Ruleset>, previous: Option<&Self>) -> Self {
        let known = previous.map(Self::by_place).unwrap_or_default();
        let watched = |upstream: &Upstream| {
            let servers = upstream.servers.iter();
            servers.map(|server| WatchedServer::new(upstream, server, &known)).collect()
        };
        let upstreams = rules.upstreams.iter().map(watched).collect();
        Self { rules, upstreams }
    }

    /// All names to look up.
    pub fn names(&self) -> BTreeSet<ServerName> {
        let named = self.servers().filter(|server| !server.is_socket && server.name.literal().is_none());
        named.map(|server| server.name.clone()).collect()
    }

    /// True when every name was looked up at least once.
    pub fn is_settled(&self) -> bool {
        self.servers().all(|server| server.lookup != Lookup::Open)
    }

    /// Names without an address, to warn of.
    pub fn unresolved(&self) -> BTreeSet<&str> {
        let without = self.servers().filter(|server| server.addresses.read().is_empty());
        without.map(|server| server.name.host.as_str()).collect()
    }

    /// Takes in a lookup. A failed one leaves the addresses as they are.
    pub fn note_resolved(&mut self, resolved: &Resolved) -> Change {
        let mut change = Change::None;
        for server in self.upstreams.iter_mut().flatten().filter(|server| server.name == resolved.name) {
            let noted = server.note_resolved(resolved);
            if noted != Change::None {
                change = noted;
            }
        }
        change
    }

    /// Takes in the result of a health check. One made for other rules is ignored.
    pub fn note_probed(&mut self, probed: Probed) -> Change {
        let Some(upstream) = self.rules.upstreams.get(probed.upstream) else { return Change::None };
        let Some(check) = &upstream.health else { return Change::None };
        let server = self.upstreams.get_mut(probed.upstream).and_then(|group| group.get_mut(probed.server));
        let Some(server) = server.filter(|_| probed.generation == self.rules.generation) else {
            return Change::None;
        };
        let verdict = server.state.note(probed.outcome.is_ok(), check);
        server.failure = probed.outcome.err().map(|fault| fault.to_string());
        if verdict == server.verdict {
            return Change::None;
        }
        server.verdict = verdict;
        let up = if verdict == Probe::Down { "down" } else { "up" };
        let why = server.failure.as_ref().map_or_else(String::new, |failure| format!(": {failure}"));
        let place = upstream.servers.get(probed.server).map(Server::place).unwrap_or_default();
        let message = format!("upstream {}: server {place} is {up}{why}", upstream.name);
        Change::View { message, worse: verdict == Probe::Down }
    }

    /// What workers choose by.
    pub fn view(&self) -> UpstreamView {
        let view = |server: &WatchedServer| ServerView {
            addresses: server.addresses.read().to_vec(),
            probe: server.verdict,
        };
        let upstreams = self.upstreams.iter().map(|group| group.iter().map(view).collect()).collect();
        UpstreamView { upstreams }
    }

    /// Why the newest check of a server failed, if it did.
    pub fn failure(&self, upstream: usize, server: usize) -> Option<&str> {
        self.upstreams.get(upstream)?.get(server)?.failure.as_deref()
    }

    /// The checks to make, each with its interval. A server that is spoken to over TLS is checked against its upstream's
    /// of `identities`; one without is not asked.
    pub fn probes(&self, identities: &Identities) -> Vec<(Duration, ProbeTarget)> {
        let mut probes = Vec::new();
        for (upstream, (rules, group)) in self.rules.upstreams.iter().zip(&self.upstreams).enumerate() {
            let Some(check) = &rules.health else { continue };
            let identity = identities.upstreams.get(upstream).and_then(Option::as_ref);
            for (server, (rules, watched)) in rules.servers.iter().zip(group).enumerate() {
                let tls = identity.filter(|_| rules.tls).map(|it| (Arc::clone(it), rules.host.clone()));
                if rules.tls && tls.is_none() {
                    continue;
                }
                let target = ProbeTarget {
                    generation: self.rules.generation,
                    upstream,
                    server,
                    socket: rules.socket.clone(),
                    tls,
                    authority: rules.authority.clone(),
                    path: check.path.clone(),
                    time_limit: check.interval,
                    addresses: Arc::clone(&watched.addresses),
                };
                probes.push((check.interval, target));
            }
        }
        probes
    }

    fn servers(&self) -> impl Iterator<Item = &WatchedServer> {
        self.upstreams.iter().flatten()
    }

    fn by_place(&self) -> Known<'_> {
        let mut known = Known::new();
        for (upstream, group) in self.rules.upstreams.iter().zip(&self.upstreams) {
            for server in group {
                known.insert((&upstream.name, &server.name), (server, upstream.health.is_some()));
            }
        }
        known
    }
}

/// Servers by upstream name and place, and whether they were checked.
type Known<'a> = HashMap<(&'a str, &'a ServerName), (&'a WatchedServer, bool)>;

impl WatchedServer {
    fn new(upstream: &Upstream, server: &Server, known: &Known<'_>) -> Self {
        let is_socket = server.socket.is_some();
        let host = if is_socket { server.place() } else { server.host.clone() };
        let name = ServerName { host, port: server.port };
        let address = if is_socket { Some(UNIX_PEER) } else { name.literal() };
        let mut new = Self {
            is_socket,
            lookup: if address.is_some() { Lookup::Succeeded } else { Lookup::Open },
            addresses: Arc::new(Published::new(address.into_iter().collect())),
            state: ProbeState::default(),
            verdict: Probe::Unknown,
            failure: None,
            name,
        };
        let Some((old, checked)) = known.get(&(upstream.name.as_str(), &new.name)) else { return new };
        new.lookup = old.lookup;
        new.addresses.replace(old.addresses.read().to_vec());
        if *checked && upstream.health.is_some() {
            new.state = old.state;
            new.verdict = old.verdict;
            new.failure.clone_from(&old.failure);
        }
        new
    }

    fn note_resolved(&mut self, resolved: &Resolved) -> Change {
        let before = self.lookup;
        let host = &self.name.host;
        match &resolved.outcome {
            Ok(addresses) => {
                self.lookup = Lookup::Succeeded;
                if *self.addresses.read() == *addresses {
                    return Change::None;
                }
                self.addresses.replace(addresses.clone());
                Change::View { message: format!("{host} resolves to {addresses:?}"), worse: false }
            }
            Err(error) => {
                self.lookup = Lookup::Failed;
                match before {
                    Lookup::Failed => Change::None,
                    Lookup::Open => Change::Notice(format!("{host} does not resolve: {error}")),
                    Lookup::Succeeded => Change::Notice(format!(
                        "{host} no longer resolves, its last addresses stay in use: {error}"
                    )),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
