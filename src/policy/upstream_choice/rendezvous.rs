//! Weighted rendezvous hashing: every server scores every key, the highest score wins.
//!
//! So a key moves only when its server becomes unusable, or when a server that scores higher for it joins. A large
//! upstream is split into clusters by its servers' names: the cluster is chosen first, by the weight of all its servers,
//! usable or not, then a server within. A choice then costs about the square root of the number of servers.

use crate::policy::fixed_hash::{hash_bytes, mix};
use crate::policy::ruleset::Server;

/// Up to this many servers are compared directly; beyond it they are spread over as many clusters.
const CLUSTERS: usize = 64;

/// The servers of one upstream, ready to score.
#[derive(Debug)]
pub(super) struct Rendezvous {
    clusters: Vec<Cluster>,
}

#[derive(Debug)]
struct Cluster {
    identity: u64,
    weight: f64,
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    identity: u64,
    weight: f64,
    server: u16,
}

impl Rendezvous {
    /// A server is known by host and port, or by its socket: its place in the file makes no difference.
    pub(super) fn new(servers: &[Server]) -> Self {
        let count = if servers.len() <= CLUSTERS { 1 } else { CLUSTERS };
        let empty = |at| Cluster { identity: mix(at, CLUSTERS as u64), weight: 0.0, candidates: Vec::new() };
        let mut clusters: Vec<Cluster> = (0..count as u64).map(empty).collect();
        for (server, entry) in (0..=u16::MAX).zip(servers) {
            let same = |other: &&Server| {
                (&other.host, other.port, &other.socket) == (&entry.host, entry.port, &entry.socket)
            };
            let occurrence = servers[..usize::from(server)].iter().filter(same).count();
            let socket = entry.socket.as_ref().map(|path| path.as_os_str().as_encoded_bytes());
            let name = socket.unwrap_or(entry.host.as_bytes());
            let identity = hash_bytes(mix(entry.port.into(), occurrence as u64), name);
            let weight = f64::from(entry.weight.max(1));
            let cluster = &mut clusters[identity as usize % count];
            cluster.weight += weight;
            cluster.candidates.push(Candidate { identity, weight, server });
        }
        Self { clusters }
    }

    /// The usable server with the highest score for `key`, from the best cluster that has one.
    pub(super) fn choose(&self, key: u64, usable: impl Fn(u16) -> bool) -> Option<u16> {
        let mut bound = f64::INFINITY;
        // Every turn looks at one cluster; almost always the first has a usable server.
        for _ in 0..self.clusters.len() {
            let (cluster, rank) = best(&self.clusters, |cluster| {
                let score = score(key, cluster.identity, cluster.weight);
                (!cluster.candidates.is_empty() && score < bound).then_some(score)
            })?;
            let found = best(&cluster.candidates, |candidate| {
                usable(candidate.server).then(|| score(key, candidate.identity, candidate.weight))
            });
            if let Some((candidate, _)) = found {
                return Some(candidate.server);
            }
            bound = rank;
        }
        None
    }
}

/// The first element with the highest score among those that have one.
fn best<T>(elements: &[T], score: impl Fn(&T) -> Option<f64>) -> Option<(&T, f64)> {
    let mut best: Option<(&T, f64)> = None;
    for element in elements {
        if let Some(score) = score(element)
            && best.is_none_or(|(_, other)| score > other)
        {
            best = Some((element, score));
        }
    }
    best
}

/// A positive number; the highest of several falls to each in proportion to its weight.
fn score(key: u64, identity: u64, weight: f64) -> f64 {
    // 53 bits and a half: strictly between 0 and 1, so the logarithm is neither zero nor infinite.
    let uniform = ((mix(key, identity) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -weight / uniform.ln()
}
