//! Turns the outcome of an exchange into counters and an access record.

use super::state::Worker;
use crate::policy::exchange::{Outcome, Peer, SealedForm, TlsPeer};
use crate::protocol::moment::Monotonic;
use crate::protocol::span::Span;
use crate::telemetry::access_record::{AccessRecord, LogBatch};

/// Counts `outcome` and writes it to the access log. Its spans point into `text`.
pub(super) fn note(worker: &Worker, peer: &Peer, outcome: &Outcome, text: &[u8]) {
    let metrics = &worker.metrics;
    let duration = micros(outcome.began, outcome.ended);
    let class = usize::from(outcome.status / 100);
    metrics.responses[if class < metrics.responses.len() { class } else { 0 }].add(1);
    if let Some(form) = outcome.payload {
        metrics.payload[form as usize].add(1);
    }
    metrics.refused.add(u64::from(outcome.refused));
    metrics.cut.add(u64::from(outcome.cut));
    metrics.upstream_reused.add(u64::from(outcome.reused));
    metrics.upstream_retried.add(u64::from(outcome.retries));
    metrics.request_duration.record(duration);
    let wait = outcome.sent.zip(outcome.answered).map(|(sent, answered)| micros(sent, answered));
    if let Some(wait) = wait {
        metrics.upstream_wait.record(wait);
    }
    worker.log(|batch| {
        // The three texts stand one behind the other: they are taken over in one piece.
        let base = batch.text.len();
        batch.text.extend_from_slice(text);
        let moved = |span: Span| span.shifted(base);
        let [server_name, certificate_subject, certificate_digest] =
            peer.tls.as_ref().map_or([Span::default(); 3], |tls| what_tls_says(tls, batch));
        batch.records.push(AccessRecord {
            time: outcome.time,
            client: outcome.client,
            listener: peer.listener,
            method: moved(outcome.method),
            authority: moved(outcome.authority),
            path: moved(outcome.path),
            route: outcome.route,
            server: outcome.server,
            status: outcome.status,
            reason: outcome.reason,
            request_bytes: outcome.request_bytes,
            response_bytes: outcome.response_bytes,
            duration_micros: duration,
            connect_micros: outcome.connect.map(|(began, ended)| micros(began, ended)),
            wait_micros: wait,
            retries: outcome.retries,
            trace_id: outcome.trace_id,
            generation: outcome.generation,
            server_name,
            certificate_subject,
            certificate_digest,
            detail: outcome.detail,
            payload: outcome.payload.map(SealedForm::name),
            token: outcome.token,
        });
    });
}

/// The name asked for, and subject and digest of the client's certificate.
fn what_tls_says(tls: &TlsPeer, batch: &mut LogBatch) -> [Span; 3] {
    let mut note = |text: Option<&str>| text.map_or(Span::default(), |text| batch.note(text.as_bytes()));
    let client = tls.client.as_ref();
    [
        note(tls.server_name.as_deref()),
        note(client.map(|client| client.subject.as_str())),
        note(client.map(|client| client.sha256.as_str())),
    ]
}

fn micros(from: Monotonic, to: Monotonic) -> u64 {
    to.since(from).as_micros() as u64
}
