//! Host names to addresses, by the system's resolver, on threads of its own and again at an interval.
//!
//! Keeping the last good addresses while a name does not resolve is left to whoever receives the results.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::recurring::{FirstTurn, Recurring};
use crate::limits;

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    /// Host name, or an address literal without brackets, which needs no lookup.
    pub host: String,
    /// TCP port, given back with every address.
    pub port: u16,
}

/// What came of one lookup.
#[derive(Debug)]
pub struct Resolved {
    /// What was looked up.
    pub name: ServerName,
    /// Its addresses, sorted, at least one; or why there are none.
    pub outcome: io::Result<Vec<SocketAddr>>,
}

/// Looks names up. Dropping it ends the lookups.
pub struct Resolver {
    lookups: Recurring<ServerName>,
}

impl ServerName {
    /// The address, when the host is one.
    pub fn literal(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, self.port))
    }
}

impl Resolver {
    /// Looks up with `look_up` and gives every result to `publish`, from several threads.
    pub fn new(
        look_up: impl Fn(&ServerName) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
        publish: impl Fn(Resolved) + Send + Sync + 'static,
    ) -> Self {
        let work = move |name: &ServerName| {
            let outcome = look_up(name).and_then(in_order);
            publish(Resolved { name: name.clone(), outcome });
        };
        Self { lookups: Recurring::new("ringwall-names", limits::RESOLVER_THREADS, work) }
    }

    /// Looks up exactly these names, now and every [`limits::RESOLVE_INTERVAL`]. Literals are left out. Fails when a
    /// thread cannot be started.
    pub fn watch(&mut self, names: impl IntoIterator<Item = ServerName>) -> io::Result<()> {
        let names = names.into_iter().filter(|name| name.literal().is_none());
        let jobs = names.map(|name| (limits::RESOLVE_INTERVAL, name)).collect();
        self.lookups.replace(jobs, FirstTurn::AtOnce)
    }
}

/// Asks the system's resolver (getaddrinfo). Blocks, for seconds where name servers do not answer.
pub fn look_up(name: &ServerName) -> io::Result<Vec<SocketAddr>> {
    (name.host.as_str(), name.port).to_socket_addrs().map(Iterator::collect)
}

/// Sorted and without doubles, so that a name server's rotation does not look like a change.
fn in_order(mut addresses: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(limits::ADDRESSES_PER_SERVER);
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;

    fn name(host: &str) -> ServerName {
        ServerName { host: host.into(), port: 80 }
    }

    fn resolver(
        look_up: impl Fn(&ServerName) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> (Resolver, Receiver<Resolved>) {
        let (sender, receiver) = channel();
        (Resolver::new(look_up, move |resolved| drop(sender.send(resolved))), receiver)
    }

    #[test]
    fn localhost_is_a_loopback_address() {
        let (mut resolver, results) = resolver(look_up);
        resolver.watch([name("localhost")]).unwrap();
        let resolved = results.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(resolved.name, name("localhost"));
        let addresses = resolved.outcome.unwrap();
        assert!(!addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback()));
        assert!(addresses.iter().all(|address| address.port() == 80));
    }

    #[test]
    fn literals_are_not_looked_up() {
        let (mut resolver, results) = resolver(|name| panic!("{name:?} was looked up"));
        resolver.watch([name("192.0.2.1"), name("2001:db8::1")]).unwrap();
        drop(resolver);
        assert!(results.recv_timeout(Duration::from_secs(10)).is_err());
        assert_eq!(name("2001:db8::1").literal(), Some("[2001:db8::1]:80".parse().unwrap()));
        assert_eq!(name("host-1").literal(), None);
    }

    #[test]
    fn a_name_that_hangs_does_not_keep_others_waiting() {
        let (release, gate) = channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let (mut resolver, results) = resolver(move |name| {
            if name.host == "slow" {
                gate.lock().unwrap().recv().unwrap_or(());
            }
            Ok(vec![SocketAddr::from(([192, 0, 2, 1], name.port))])
        });
        resolver.watch([name("slow"), name("quick")]).unwrap();
        assert_eq!(results.recv_timeout(Duration::from_secs(10)).unwrap().name, name("quick"));
        drop(release);
    }

    #[test]
    fn results_are_sorted_bounded_and_never_empty() {
        let address = |last: u8| SocketAddr::from(([192, 0, 2, last], 80));
        assert_eq!(in_order(vec![address(2), address(1), address(2)]).unwrap(), [address(1), address(2)]);
        assert_eq!(in_order((0..200).map(address).collect()).unwrap().len(), limits::ADDRESSES_PER_SERVER);
        assert!(in_order(Vec::new()).is_err());
    }
}
