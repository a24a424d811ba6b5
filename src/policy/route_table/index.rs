//! Finds the few routes that can match a host and a path, without looking at the others.
//!
//! A route is filed under its host (or any host) and the fixed segments its path begins with. A request asks once for
//! each host key and each of its own leading segments that some route is filed under. What is found is then checked
//! in full by the caller, so two keys that hash alike cost time, not correctness.

use super::Route;
use crate::policy::fixed_hash::{hash_bytes, hash_folded, mix};
use crate::policy::path_rules::{HostPattern, bare_host};

/// Fixed leading segments that count; routes that begin alike for longer are told apart by the full check.
const DEPTH: usize = 16;
/// Labels of a `*.` suffix that count; a longer one is filed under its last this many.
const LABELS: usize = 8;

const ANY_HOST: u64 = 1;
const EXACT_HOST: u64 = 2;
const WILDCARD_HOST: u64 = 3;
const START: u64 = 4;

/// Positions of routes by host and leading segments.
#[derive(Debug, Default)]
pub(super) struct RouteIndex {
    /// Open addressing, a power of two long and at most half full; an empty list marks a free place.
    places: Vec<Place>,
    /// The lists, one behind the other, each ascending.
    positions: Vec<u16>,
    /// Bit d: some route is filed under d leading segments.
    depths: u32,
    /// Bit n: some route is filed under a suffix of n labels.
    suffixes: u32,
    any_host: bool,
    exact_host: bool,
}

/// One key and where its list lies in `positions`.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: u64,
    start: u32,
    end: u32,
}

/// The keys a host may be filed under.
struct HostKeys {
    keys: [u64; LABELS + 2],
    count: usize,
}

impl RouteIndex {
    /// Files `routes`.
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut index = Self::default();
        let mut filed: Vec<(u64, u16)> = Vec::new();
        for (at, route) in (0..=u16::MAX).zip(routes) {
            let (depth, start) = route.path.literal_start(DEPTH);
            let start = hash_bytes(START, start.as_bytes());
            index.depths |= 1 << depth;
            if route.hosts.is_empty() {
                index.any_host = true;
                filed.push((mix(ANY_HOST, start), at));
            }
            for host in &route.hosts {
                filed.push((mix(index.host_key(host), start), at));
            }
        }
        filed.sort_unstable();
        filed.dedup();
        index.place(&filed);
        index
    }

    /// The least position among those filed for `host` and `path` that `check` is true for.
    #[inline]
    pub(super) fn first(&self, host: &[u8], path: &[u8], mut check: impl FnMut(u16) -> bool) -> Option<u16> {
        let hosts = self.host_keys(host);
        let mut best = None;
        // The leading segments: none, the first, the first two and so on.
        let (mut depth, mut end) = (0, 0);
        loop {
            if self.depths >> depth & 1 == 1 {
                let start = hash_bytes(START, &path[..end]);
                for host in &hosts.keys[..hosts.count] {
                    let list = self.list(mix(*host, start)).iter().copied();
                    let mut nearer = list.take_while(|at| best.is_none_or(|best| *at < best));
                    best = nearer.find(|at| check(*at)).or(best);
                }
            }
            depth += 1;
            if self.depths >> depth == 0 || path.get(end) != Some(&b'/') {
                return best;
            }
            let segment = &path[end + 1..];
            end += 1 + segment.iter().position(|byte| *byte == b'/').unwrap_or(segment.len());
        }
    }

    /// The list filed under `key`.
    #[inline]
    fn list(&self, key: u64) -> &[u16] {
        // At most half the places are taken, so a free one ends the search.
        for step in 0..self.places.len() {
            let place = self.places[(key as usize).wrapping_add(step) & (self.places.len() - 1)];
            if place.key == key || place.start == place.end {
                return &self.positions[place.start as usize..place.end as usize];
            }
        }
        &[]
    }

    fn place(&mut self, filed: &[(u64, u16)]) {
        self.places = vec![Place::default(); (filed.len() * 2 + 1).next_power_of_two()];
        for list in filed.chunk_by(|left, right| left.0 == right.0) {
            let start = self.positions.len() as u32;
            self.positions.extend(list.iter().map(|(_, position)| position));
            let mut at = list[0].0 as usize & (self.places.len() - 1);
            while self.places[at].start != self.places[at].end {
                at = (at + 1) & (self.places.len() - 1);
            }
            self.places[at] = Place { key: list[0].0, start, end: self.positions.len() as u32 };
        }
    }

    fn host_key(&mut self, host: &HostPattern) -> u64 {
        let name = host.name().as_bytes();
        if !host.is_wildcard() {
            self.exact_host = true;
            return hash_folded(EXACT_HOST, name);
        }
        let labels = name.split(|byte| *byte == b'.').count().min(LABELS);
        self.suffixes |= 1 << labels;
        let start = suffixes(name).nth(labels - 1).unwrap_or(0);
        hash_folded(WILDCARD_HOST, &name[start..])
    }

    #[inline]
    fn host_keys(&self, host: &[u8]) -> HostKeys {
        let mut found = HostKeys { keys: [0; LABELS + 2], count: 0 };
        let mut add = |key| {
            found.keys[found.count] = key;
            found.count += 1;
        };
        let host = bare_host(host);
        if self.any_host {
            add(ANY_HOST);
        }
        if self.exact_host {
            add(hash_folded(EXACT_HOST, host));
        }
        if self.suffixes != 0 {
            for (labels, start) in (1..=LABELS).zip(suffixes(host)) {
                if self.suffixes >> labels & 1 == 1 {
                    add(hash_folded(WILDCARD_HOST, &host[start..]));
                }
            }
        }
        found
    }
}

/// Where the last label begins, the last two, and so on.
#[inline]
fn suffixes(name: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memrchr_iter(b'.', name).map(|dot| dot + 1).chain([0])
}
