//! Which server of an upstream takes the next request of this worker.
//!
//! A chooser belongs to one worker and counts only that worker's requests. Which servers may be chosen at all is
//! `upstream_health`'s business and comes in as an argument.

mod rendezvous;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use self::rendezvous::Rendezvous;
use super::fixed_hash::hash_bytes;
use super::ruleset::{Balance, HashKey, Upstream, UpstreamId};

/// One worker's state of choosing, for all upstreams of a rule set. Nothing is allocated after [`Chooser::new`].
#[derive(Debug)]
pub struct Chooser {
    groups: Vec<Group>,
}

/// One upstream.
#[derive(Debug)]
struct Group {
    method: Method,
    shares: Vec<Share>,
}

#[derive(Debug)]
enum Method {
    /// Smooth weighted round-robin.
    RoundRobin,
    /// Least requests; ties go to the first server from here on.
    LeastRequests { turn: usize },
    /// Consistent hash.
    Hash(Rendezvous),
}

/// One server.
#[derive(Debug)]
struct Share {
    weight: u32,
    /// Turns it is owed, in units of the weights; the credits of a group add up to zero.
    credit: i64,
    /// Requests of this worker under way.
    outstanding: u32,
}

impl Chooser {
    /// A chooser for `upstreams`. `seed` differs between workers, so that they do not all begin with the same server.
    pub fn new(upstreams: &[Upstream], seed: u64) -> Self {
        Self { groups: upstreams.iter().map(|upstream| Group::new(upstream, seed)).collect() }
    }

    /// The server for the next request to `upstream`, or None when no usable one is left.
    ///
    /// `usable` is asked about servers by position; `key` is [`balance_key`]'s; `exclude` is a server that this request
    /// has been tried on.
    #[inline]
    pub fn choose(
        &mut self,
        upstream: UpstreamId,
        usable: impl Fn(u16) -> bool,
        key: u64,
        exclude: Option<u16>,
    ) -> Option<u16> {
        let group = self.groups.get_mut(usize::from(upstream.0))?;
        let usable = |server: u16| exclude != Some(server) && usable(server);
        match &mut group.method {
            Method::RoundRobin => next_in_turn(&mut group.shares, usable),
            Method::LeastRequests { turn } => least_busy(&group.shares, turn, usable),
            Method::Hash(rendezvous) => rendezvous.choose(key, usable),
        }
    }

    /// A request to the server is under way. Every call is followed by one [`Chooser::finish`] on the same chooser.
    #[inline]
    pub fn begin(&mut self, upstream: UpstreamId, server: u16) {
        if let Some(share) = self.share(upstream, server) {
            share.outstanding = share.outstanding.saturating_add(1);
        }
    }

    /// The request is over, however it ended. One too many is harmless.
    #[inline]
    pub fn finish(&mut self, upstream: UpstreamId, server: u16) {
        if let Some(share) = self.share(upstream, server) {
            share.outstanding = share.outstanding.saturating_sub(1);
        }
    }

    /// Requests of this worker under way at the server.
    pub fn outstanding(&self, upstream: UpstreamId, server: u16) -> u32 {
        let group = self.groups.get(usize::from(upstream.0));
        group.and_then(|group| group.shares.get(usize::from(server))).map_or(0, |share| share.outstanding)
    }

    fn share(&mut self, upstream: UpstreamId, server: u16) -> Option<&mut Share> {
        self.groups.get_mut(usize::from(upstream.0))?.shares.get_mut(usize::from(server))
    }
}

/// What a consistent hash chooses by, 0 for the other methods. `source` is the client's address, `header` the value of
/// the request field that `balance` names, if the request has it.
#[inline]
pub fn balance_key(balance: &Balance, source: IpAddr, header: Option<&[u8]>) -> u64 {
    match (balance, header) {
        (Balance::RoundRobin | Balance::LeastRequests, _) => 0,
        (Balance::Hash(HashKey::Header(_)), Some(value)) => hash_key(value),
        (Balance::Hash(HashKey::Header(_) | HashKey::Source), _) => match source.to_canonical() {
            IpAddr::V4(address) => hash_key(&address.octets()),
            IpAddr::V6(address) => hash_key(&address.octets()),
        },
    }
}

/// Hash of a balance key: the same in every worker, process and version, so that all of them choose alike. Not for
/// keys that must resist an adversary: who makes keys collide only sends its own requests to one server.
#[inline]
pub fn hash_key(bytes: &[u8]) -> u64 {
    hash_bytes(0, bytes)
}

impl Group {
    fn new(upstream: &Upstream, seed: u64) -> Self {
        let share = |weight| Share { weight, credit: 0, outstanding: 0 };
        let mut shares: Vec<Share> =
            upstream.servers.iter().map(|server| share(server.weight.max(1))).collect();
        let first = seed as usize % shares.len().max(1);
        let method = match &upstream.balance {
            Balance::RoundRobin => {
                for _ in 0..first {
                    next_in_turn(&mut shares, |_| true);
                }
                Method::RoundRobin
            }
            Balance::LeastRequests => Method::LeastRequests { turn: first },
            Balance::Hash(_) => Method::Hash(Rendezvous::new(&upstream.servers)),
        };
        Self { method, shares }
    }
}

/// Every usable server earns its weight, the richest pays for all: within a cycle each is chosen as often as its weight
/// says, as evenly spread as can be.
fn next_in_turn(shares: &mut [Share], usable: impl Fn(u16) -> bool) -> Option<u16> {
    let mut total = 0;
    let mut richest: Option<(u16, i64)> = None;
    for (server, share) in (0..=u16::MAX).zip(shares.iter_mut()) {
        if !usable(server) {
            continue;
        }
        share.credit += i64::from(share.weight);
        total += i64::from(share.weight);
        if richest.is_none_or(|(_, credit)| share.credit > credit) {
            richest = Some((server, share.credit));
        }
    }
    let (server, _) = richest?;
    shares.get_mut(usize::from(server))?.credit -= total;
    Some(server)
}

/// The server whose load, with one request more and relative to its weight, is least.
fn least_busy(shares: &[Share], turn: &mut usize, usable: impl Fn(u16) -> bool) -> Option<u16> {
    let load = |share: &Share| u64::from(share.outstanding) + 1;
    let mut best: Option<(u16, &Share)> = None;
    let (before, after) = shares.split_at(*turn % shares.len().max(1));
    let behind = before.len();
    for (at, share) in (behind..).zip(after).chain((0..).zip(before)) {
        let Ok(server) = u16::try_from(at) else { continue };
        let better = |(_, other): (u16, &Share)| {
            load(share) * u64::from(other.weight) < load(other) * u64::from(share.weight)
        };
        if usable(server) && best.is_none_or(better) {
            best = Some((server, share));
        }
    }
    let (server, _) = best?;
    *turn = usize::from(server) + 1;
    Some(server)
}
