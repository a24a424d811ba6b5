//! Idle upstream connections of one worker: last used first, capped, aged, and each with a read in flight, so that
//! a server that closes, or sends what nobody asked for, retires its connection at once.
//!
//! The same read becomes the read of the next response: nothing has to be called back when a connection is used.

use std::task::Context;

use crate::net::connection::Connection;
use crate::policy::ruleset::{PoolLimits, Upstream, UpstreamId};
use crate::protocol::moment::Monotonic;
use crate::protocol::wire_buffer::{BufferPool, WireBuffer};

/// A connection to a server with a read in flight into `buffer`, whose memory is lent.
pub(super) struct UpstreamConnection {
    pub(super) connection: Connection,
    pub(super) buffer: WireBuffer,
    /// Not used again from then on.
    pub(super) retires: Monotonic,
    /// Not kept idle beyond then.
    pub(super) expires: Monotonic,
}

/// The idle connections to all servers.
pub(super) struct UpstreamPool {
    upstreams: Vec<Servers>,
    count: usize,
}

struct Servers {
    limits: PoolLimits,
    idle: Vec<Vec<UpstreamConnection>>,
}

impl UpstreamPool {
    pub(super) fn new(upstreams: &[Upstream]) -> Self {
        let servers = |upstream: &Upstream| Servers {
            limits: upstream.pool.clone(),
            idle: upstream.servers.iter().map(|_| Vec::new()).collect(),
        };
        Self { upstreams: upstreams.iter().map(servers).collect(), count: 0 }
    }

    /// Number of idle connections.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The bounds of connections to `upstream`.
    pub(super) fn limits(&self, upstream: UpstreamId) -> Option<&PoolLimits> {
        Some(&self.upstreams.get(usize::from(upstream.0))?.limits)
    }

    /// The connection used last that is still good. Those found bad on the way are counted in `retired`.
    pub(super) fn take(
        &mut self,
        upstream: UpstreamId,
        server: u16,
        now: Monotonic,
        context: &mut Context<'_>,
        retired: &mut u64,
    ) -> Option<UpstreamConnection> {
        let idle = self.upstreams.get_mut(usize::from(upstream.0))?.idle.get_mut(usize::from(server))?;
        while let Some(mut candidate) = idle.pop() {
            self.count -= 1;
            if candidate.connection.poll_read(context).is_ready() {
                *retired += 1;
            } else if now < candidate.retires && now < candidate.expires {
                return Some(candidate);
            }
        }
        None
    }

    /// Keeps a connection, unless there are enough. Its read wakes `context` when something is wrong with it.
    pub(super) fn put(
        &mut self,
        upstream: UpstreamId,
        server: u16,
        mut candidate: UpstreamConnection,
        context: &mut Context<'_>,
    ) {
        let Some(servers) = self.upstreams.get_mut(usize::from(upstream.0)) else { return };
        let Some(idle) = servers.idle.get_mut(usize::from(server)) else { return };
        if idle.len() < servers.limits.idle && candidate.connection.poll_read(context).is_pending() {
            idle.push(candidate);
            self.count += 1;
        }
    }

    /// Drops connections that ended or expired; returns how many had ended.
    pub(super) fn sweep(&mut self, now: Monotonic, context: &mut Context<'_>) -> u64 {
        let mut retired = 0;
        for idle in self.upstreams.iter_mut().flat_map(|servers| &mut servers.idle) {
            let before = idle.len();
            idle.retain_mut(|candidate| {
                let ended = candidate.connection.poll_read(context).is_ready();
                retired += u64::from(ended);
                !ended && now < candidate.retires && now < candidate.expires
            });
            self.count -= before - idle.len();
        }
        retired
    }

    /// Drops every connection.
    pub(super) fn clear(&mut self) {
        self.upstreams.iter_mut().flat_map(|servers| &mut servers.idle).for_each(Vec::clear);
        self.count = 0;
    }

    /// Moves connections over from `older`. Servers are the same when they have the same name; one without a name is
    /// like no other.
    pub(super) fn inherit(
        &mut self,
        servers: &[Vec<Option<String>>],
        older: &mut Self,
        older_servers: &[Vec<Option<String>>],
    ) {
        for (upstream, names) in older.upstreams.iter_mut().zip(older_servers) {
            for (idle, name) in upstream.idle.iter_mut().zip(names) {
                let place = servers.iter().zip(&mut self.upstreams).find_map(|(new, target)| {
                    Some((new.iter().position(|new| name.is_some() && new == name)?, target))
                });
                if let Some((position, target)) = place {
                    let moved = idle.len().min(target.limits.idle);
                    target.idle[position].extend(idle.drain(..moved));
                    self.count += moved;
                }
                idle.clear();
            }
        }
        older.count = 0;
    }
}

impl UpstreamConnection {
    /// Starts the read that stays in flight until the next response.
    pub(super) fn arm(
        mut connection: Connection,
        retires: Monotonic,
        expires: Monotonic,
        buffers: &mut BufferPool,
    ) -> Self {
        let mut buffer = buffers.take_small();
        connection.start_read(buffer.lend_for_read());
        Self { connection, buffer, retires, expires }
    }
}
