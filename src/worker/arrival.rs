//! What a connection goes through before its first request where the listener asks for it: a PROXY header, then a TLS
//! handshake. Both within the handshake's time, from the accept on.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::address_ledger::Entry;
use super::state::Worker;
use super::tls_notes;
use crate::net::clock;
use crate::net::connection::{ColdConnection, Connection};
use crate::net::deadline::Deadline;
use crate::net::proxy_preface::take_proxy_header;
use crate::net::tls::{Greeted, HandshakeFault, ListenerIdentity, greet};
use crate::policy::exchange::{Peer, TlsPeer};
use crate::policy::refusal::{AnswerFrame, AnswerHints, Refusal, write_refusal};
use crate::policy::ruleset::{ListenerId, ProxyProtocol};

/// What became of it.
pub(super) enum Arrival {
    Arrived(ColdConnection, Peer),
    Lingers(Connection),
    Closed,
}

/// True where nothing comes before the first request.
pub(super) fn is_plain(worker: &Worker, listener: ListenerId) -> bool {
    let generation = worker.generation();
    let listener = generation.rules.listeners.get(usize::from(listener.0));
    listener.is_some_and(|listener| listener.proxy_protocol.is_none() && !listener.tls)
}

/// Takes a connection through what its listener asks for. A client whose address a PROXY header told is counted by it:
/// that is `entry` then.
pub(super) async fn arrive(
    worker: &Worker,
    cold: ColdConnection,
    mut peer: Peer,
    entry: &mut Entry,
    deadline: &Deadline,
) -> Arrival {
    let generation = worker.generation();
    let position = usize::from(peer.listener.0);
    let Some(listener) = generation.rules.listeners.get(position) else { return Arrival::Closed };
    let due = clock::monotonic().after(generation.rules.timeouts.handshake);
    deadline.set(due);
    let mut cold = cold;
    if let Some(rule) = &listener.proxy_protocol {
        let balancer = peer.address;
        match in_time(worker, deadline, proxied(rule, cold, &mut peer)).await {
            Some(taken) => cold = taken,
            None => {
                worker.metrics.proxy_header_refused.add(1);
                return Arrival::Closed;
            }
        }
        let Some(own) = enter_client(worker, balancer, &peer) else {
            worker.metrics.accept_refused_address.add(1);
            return Arrival::Closed;
        };
        *entry = own;
    }
    if !listener.tls {
        return Arrival::Arrived(cold, peer);
    }
    let Some(identity) = generation.identities.listeners.get(position).cloned().flatten() else {
        return Arrival::Closed;
    };
    let greeting = async { Some(greeted(worker, identity, cold, peer.clone()).await) };
    in_time(worker, deadline, greeting).await.unwrap_or_else(|| {
        tls_notes::handshake_failed(worker, &peer, &HandshakeFault::TimedOut);
        Arrival::Closed
    })
}

/// The connection behind its PROXY header, if that may be believed.
async fn proxied(rule: &ProxyProtocol, cold: ColdConnection, peer: &mut Peer) -> Option<ColdConnection> {
    if !rule.from.iter().any(|network| network.contains(&peer.address.ip())) {
        return None;
    }
    let (cold, header) = take_proxy_header(cold).await?;
    if let Some(source) = header.source {
        peer.address = source;
    }
    Some(cold)
}

/// Counts the connection by its client. A balancer that speaks for itself has no share: it brings everybody.
fn enter_client(worker: &Worker, balancer: SocketAddr, peer: &Peer) -> Option<Entry> {
    if peer.address == balancer {
        return Some(Entry::uncounted());
    }
    worker.addresses.enter(peer.address.ip())
}

async fn greeted(
    worker: &Worker,
    identity: Arc<ListenerIdentity>,
    cold: ColdConnection,
    mut peer: Peer,
) -> Arrival {
    if cold.readable().await.is_err() {
        return Arrival::Closed;
    }
    worker.handshakes.pass().await;
    match greet(cold, identity.config.clone()).await {
        Ok(Greeted::Secured(cold, greeting)) => {
            worker.metrics.handshakes.add(1);
            worker.metrics.handshakes_resumed.add(u64::from(greeting.resumed));
            let (names, server_name, client) =
                (identity.names.clone(), greeting.server_name, greeting.client);
            peer.tls = Some(Rc::new(TlsPeer { names, server_name, client }));
            Arrival::Arrived(cold, peer)
        }
        Ok(Greeted::PlainHttp(cold)) => {
            tls_notes::plain_http(worker, &peer, Refusal::PlainHttp.status());
            let connection = cold.warm();
            let date = worker.wall_time().text;
            let frame = AnswerFrame { date: &date, connection: Some(b"close"), head_only: false, time: None };
            let mut answer = Vec::new();
            write_refusal(Refusal::PlainHttp, AnswerHints::default(), frame, &mut answer);
            let _peer_not_told = connection.write_now(&answer);
            Arrival::Lingers(connection)
        }
        Err(fault) => {
            tls_notes::handshake_failed(worker, &peer, &fault);
            Arrival::Closed
        }
    }
}

/// `None` when the time is over, or the drain's.
async fn in_time<T>(
    worker: &Worker,
    deadline: &Deadline,
    work: impl Future<Output = Option<T>>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    poll_fn(|context| {
        if worker.cut.get() || deadline.passed(clock::monotonic()) {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context)
    })
    .await
}
