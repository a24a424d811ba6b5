//! Counts what goes wrong in TLS with clients, and writes it to the access log as far as that cannot be flooded.

use super::state::Worker;
use crate::net::clock;
use crate::net::tls::HandshakeFault;
use crate::policy::exchange::Peer;
use crate::protocol::span::Span;
use crate::protocol::tls::{Alert, RecordFault};
use crate::telemetry::access_record::AccessRecord;
use crate::telemetry::metric_block::Count;
use crate::telemetry::tls_failures::{Alerts, HandshakeFailure, RECEIVED, SENT, entry_of};

/// A handshake failed.
pub(super) fn handshake_failed(worker: &Worker, peer: &Peer, fault: &HandshakeFault) {
    let failure = fault.failure();
    worker.metrics.handshakes_failed[failure as usize].add(1);
    match fault.peer_alert() {
        Some(alert) => alerted(worker, peer, (RECEIVED, &worker.metrics.alerts_received), alert),
        // Balancers and monitors do it all day.
        None if failure == HandshakeFailure::Silent => {}
        None => line(worker, peer, 0, failure.words().reason),
    }
}

/// A client spoke HTTP in the clear and was told so.
pub(super) fn plain_http(worker: &Worker, peer: &Peer, status: u16) {
    let failure = HandshakeFailure::PlainHttp;
    worker.metrics.handshakes_failed[failure as usize].add(1);
    line(worker, peer, status, failure.words().reason);
}

/// Records ended a connection.
pub(super) fn records_failed(worker: &Worker, peer: &Peer, fault: RecordFault) {
    let metrics = &worker.metrics;
    match (fault, fault.alert()) {
        (RecordFault::PeerAlert(alert), _) => {
            alerted(worker, peer, (RECEIVED, &metrics.alerts_received), alert);
        }
        (_, Some(alert)) => alerted(worker, peer, (SENT, &metrics.alerts_sent), alert),
        (_, None) => {}
    }
}

/// A handshake with a server failed. The request's own line in the log tells which.
pub(super) fn upstream_handshake_failed(worker: &Worker, failure: HandshakeFailure) {
    worker.metrics.upstream_handshakes_failed[failure as usize].add(1);
}

/// Records ended a connection to a server.
pub(super) fn upstream_records_failed(worker: &Worker, fault: RecordFault) {
    let metrics = &worker.metrics;
    let (list, counts, alert): (Alerts, &[Count], _) = match (fault, fault.alert()) {
        (RecordFault::PeerAlert(alert), _) => (RECEIVED, &metrics.upstream_alerts_received, alert),
        (_, Some(alert)) => (SENT, &metrics.upstream_alerts_sent, alert),
        (_, None) => return,
    };
    if let Some(count) = counts.get(entry_of(list, alert)) {
        count.add(1);
    }
}

fn alerted(worker: &Worker, peer: &Peer, (list, counts): (Alerts, &[Count]), alert: Alert) {
    let entry = entry_of(list, alert);
    if let (Some(count), Some((_, words))) = (counts.get(entry), list.get(entry)) {
        count.add(1);
        line(worker, peer, 0, words.reason);
    }
}

/// A line without a request. Only so many within a tick: the counts have all of them.
fn line(worker: &Worker, peer: &Peer, status: u16, reason: &'static str) {
    if !worker.may_log_failure() {
        return;
    }
    worker.log(|batch| {
        batch.records.push(AccessRecord {
            time: worker.wall_time().at(clock::monotonic()),
            client: peer.address,
            listener: peer.listener,
            method: Span::default(),
            authority: Span::default(),
            path: Span::default(),
            route: None,
            server: None,
            status,
            reason,
            request_bytes: 0,
            response_bytes: 0,
            duration_micros: 0,
            connect_micros: None,
            wait_micros: None,
            retries: 0,
            trace_id: [b'0'; 32],
            generation: worker.generation().rules.generation,
            server_name: Span::default(),
            certificate_subject: Span::default(),
            certificate_digest: Span::default(),
            detail: None,
            payload: None,
            token: None,
        });
    });
}
