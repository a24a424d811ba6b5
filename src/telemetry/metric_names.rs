//! What every counter of a [`MetricBlock`] is called and means: the one list that all outputs read.

use super::metric_block::{Durations, MetricBlock};
use super::tls_failures::{HandshakeFailure as Failure, RECEIVED, SENT};

/// Whether a number may fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and falls.
    Gauge,
}

/// One number of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name in the Prometheus text.
    pub name: &'static str,
    /// What it counts, one line.
    pub help: &'static str,
    /// Whether it may fall.
    pub kind: Kind,
    /// An extra label as `name="value"`; numbers of one name with different labels stand side by side in the list.
    pub label: &'static str,
    /// Reads it.
    pub read: fn(&MetricBlock) -> u64,
}

/// One duration histogram of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Histogram {
    /// Name in the Prometheus text.
    pub name: &'static str,
    /// What it measures, one line.
    pub help: &'static str,
    /// Finds it.
    pub read: fn(&MetricBlock) -> &Durations,
}

const fn counter(name: &'static str, help: &'static str, read: fn(&MetricBlock) -> u64) -> Metric {
    Metric { name, help, kind: Kind::Counter, label: "", read }
}

const fn gauge(name: &'static str, help: &'static str, read: fn(&MetricBlock) -> u64) -> Metric {
    Metric { name, help, kind: Kind::Gauge, label: "", read }
}

const fn responses(label: &'static str, read: fn(&MetricBlock) -> u64) -> Metric {
    let help = "Requests by class of the final status; none: the connection was cut before one was sent.";
    Metric { name: "ringwall_responses_total", help, kind: Kind::Counter, label, read }
}

const fn payload(label: &'static str, read: fn(&MetricBlock) -> u64) -> Metric {
    let help = "Requests of payload encryption: openings of sessions, their messages, and single messages.";
    Metric { name: "ringwall_payload_requests_total", help, kind: Kind::Counter, label, read }
}

const fn connections_refused(label: &'static str, read: fn(&MetricBlock) -> u64) -> Metric {
    let help = "Downstream connections refused by the limit of all connections, or by that of one address.";
    Metric { name: "ringwall_connections_refused_total", help, kind: Kind::Counter, label, read }
}

const fn handshake_failed<const KIND: usize>() -> Metric {
    Metric {
        name: "ringwall_tls_handshake_failures_total",
        help: "TLS handshakes with clients that failed; silent: closed without a byte, as a port check does.",
        kind: Kind::Counter,
        label: Failure::ALL[KIND].words().label,
        read: |block| block.handshakes_failed[KIND].get(),
    }
}

const fn alert(label: &'static str, read: fn(&MetricBlock) -> u64) -> Metric {
    let help = "TLS alerts that ended a client's connection; sent ones behind the handshake alone, whose failures have \
                a count of their own.";
    Metric { name: "ringwall_tls_alerts_total", help, kind: Kind::Counter, label, read }
}

const fn alert_received<const AT: usize>() -> Metric {
    alert(RECEIVED[AT].1.label, |block| block.alerts_received[AT].get())
}

const fn alert_sent<const AT: usize>() -> Metric {
    alert(SENT[AT].1.label, |block| block.alerts_sent[AT].get())
}

const fn upstream_handshake_failed<const KIND: usize>() -> Metric {
    Metric {
        name: "ringwall_upstream_tls_handshake_failures_total",
        help: "TLS handshakes with servers that failed; the log tells the server.",
        read: |block| block.upstream_handshakes_failed[KIND].get(),
        ..handshake_failed::<KIND>()
    }
}

const fn upstream_alert(metric: Metric, read: fn(&MetricBlock) -> u64) -> Metric {
    let help = "TLS alerts that ended a server's connection; sent ones behind the handshake alone.";
    Metric { name: "ringwall_upstream_tls_alerts_total", help, read, ..metric }
}

const fn upstream_alert_received<const AT: usize>() -> Metric {
    upstream_alert(alert_received::<AT>(), |block| block.upstream_alerts_received[AT].get())
}

const fn upstream_alert_sent<const AT: usize>() -> Metric {
    upstream_alert(alert_sent::<AT>(), |block| block.upstream_alerts_sent[AT].get())
}

/// All numbers, in the order of output.
pub const METRICS: &[Metric] = &[
    counter("ringwall_connections_accepted_total", "Downstream connections accepted.", |block| {
        block.accepted.get()
    }),
    connections_refused("reason=\"connections\"", |block| block.accept_refused.get()),
    connections_refused("reason=\"address\"", |block| block.accept_refused_address.get()),
    counter("ringwall_accept_failures_total", "Failures of accept itself.", |block| {
        block.accept_failed.get()
    }),
    counter("ringwall_tls_handshakes_total", "TLS handshakes with clients that were done.", |block| {
        block.handshakes.get()
    }),
    counter("ringwall_tls_resumptions_total", "TLS handshakes that resumed a session.", |block| {
        block.handshakes_resumed.get()
    }),
    handshake_failed::<{ Failure::TimedOut as usize }>(),
    handshake_failed::<{ Failure::Silent as usize }>(),
    handshake_failed::<{ Failure::Gone as usize }>(),
    handshake_failed::<{ Failure::PlainHttp as usize }>(),
    handshake_failed::<{ Failure::Malformed as usize }>(),
    handshake_failed::<{ Failure::NoSharedVersion as usize }>(),
    handshake_failed::<{ Failure::NoSharedParameters as usize }>(),
    handshake_failed::<{ Failure::NoSharedProtocol as usize }>(),
    handshake_failed::<{ Failure::NoCertificate as usize }>(),
    handshake_failed::<{ Failure::CertificateExpired as usize }>(),
    handshake_failed::<{ Failure::CertificateUnknownIssuer as usize }>(),
    handshake_failed::<{ Failure::CertificateRevoked as usize }>(),
    handshake_failed::<{ Failure::CertificateUnusable as usize }>(),
    handshake_failed::<{ Failure::PeerAlert as usize }>(),
    handshake_failed::<{ Failure::Other as usize }>(),
    alert_received::<0>(),
    alert_received::<1>(),
    alert_received::<2>(),
    alert_received::<3>(),
    alert_received::<4>(),
    alert_received::<5>(),
    alert_received::<6>(),
    alert_received::<7>(),
    alert_received::<8>(),
    alert_received::<9>(),
    alert_received::<10>(),
    alert_sent::<0>(),
    alert_sent::<1>(),
    alert_sent::<2>(),
    alert_sent::<3>(),
    alert_sent::<4>(),
    alert_sent::<5>(),
    alert_sent::<6>(),
    alert_sent::<7>(),
    alert_sent::<8>(),
    counter(
        "ringwall_proxy_headers_refused_total",
        "Connections closed for want of a PROXY header that may be believed.",
        |block| block.proxy_header_refused.get(),
    ),
    gauge("ringwall_connections_open", "Downstream connections open.", |block| block.connections_open.get()),
    gauge("ringwall_connections_cold", "Downstream connections open that hold no buffer.", |block| {
        block.connections_cold.get()
    }),
    responses("class=\"none\"", |block| block.responses[0].get()),
    responses("class=\"1xx\"", |block| block.responses[1].get()),
    responses("class=\"2xx\"", |block| block.responses[2].get()),
    responses("class=\"3xx\"", |block| block.responses[3].get()),
    responses("class=\"4xx\"", |block| block.responses[4].get()),
    responses("class=\"5xx\"", |block| block.responses[5].get()),
    payload("form=\"opening\"", |block| block.payload[0].get()),
    payload("form=\"session\"", |block| block.payload[1].get()),
    payload("form=\"single\"", |block| block.payload[2].get()),
    payload("form=\"single-chunked\"", |block| block.payload[3].get()),
    counter("ringwall_refusals_total", "Requests answered by the proxy itself.", |block| block.refused.get()),
    counter("ringwall_exchanges_cut_total", "Exchanges cut after the response had begun.", |block| {
        block.cut.get()
    }),
    counter("ringwall_downstream_read_bytes_total", "Bytes read from downstream.", |block| {
        block.downstream_read_bytes.get()
    }),
    counter("ringwall_downstream_written_bytes_total", "Bytes written downstream.", |block| {
        block.downstream_written_bytes.get()
    }),
    counter("ringwall_upstream_connections_total", "Upstream connections made.", |block| {
        block.upstream_connected.get()
    }),
    counter("ringwall_upstream_connect_failures_total", "Upstream connections that failed.", |block| {
        block.upstream_connect_failed.get()
    }),
    upstream_handshake_failed::<{ Failure::TimedOut as usize }>(),
    upstream_handshake_failed::<{ Failure::Silent as usize }>(),
    upstream_handshake_failed::<{ Failure::Gone as usize }>(),
    upstream_handshake_failed::<{ Failure::PlainHttp as usize }>(),
    upstream_handshake_failed::<{ Failure::Malformed as usize }>(),
    upstream_handshake_failed::<{ Failure::NoSharedVersion as usize }>(),
    upstream_handshake_failed::<{ Failure::NoSharedParameters as usize }>(),
    upstream_handshake_failed::<{ Failure::NoSharedProtocol as usize }>(),
    upstream_handshake_failed::<{ Failure::NoCertificate as usize }>(),
    upstream_handshake_failed::<{ Failure::CertificateExpired as usize }>(),
    upstream_handshake_failed::<{ Failure::CertificateUnknownIssuer as usize }>(),
    upstream_handshake_failed::<{ Failure::CertificateRevoked as usize }>(),
    upstream_handshake_failed::<{ Failure::CertificateUnusable as usize }>(),
    upstream_handshake_failed::<{ Failure::PeerAlert as usize }>(),
    upstream_handshake_failed::<{ Failure::Other as usize }>(),
    upstream_alert_received::<0>(),
    upstream_alert_received::<1>(),
    upstream_alert_received::<2>(),
    upstream_alert_received::<3>(),
    upstream_alert_received::<4>(),
    upstream_alert_received::<5>(),
    upstream_alert_received::<6>(),
    upstream_alert_received::<7>(),
    upstream_alert_received::<8>(),
    upstream_alert_received::<9>(),
    upstream_alert_received::<10>(),
    upstream_alert_sent::<0>(),
    upstream_alert_sent::<1>(),
    upstream_alert_sent::<2>(),
    upstream_alert_sent::<3>(),
    upstream_alert_sent::<4>(),
    upstream_alert_sent::<5>(),
    upstream_alert_sent::<6>(),
    upstream_alert_sent::<7>(),
    upstream_alert_sent::<8>(),
    counter("ringwall_upstream_reuses_total", "Requests sent on a reused upstream connection.", |block| {
        block.upstream_reused.get()
    }),
    counter("ringwall_upstream_retries_total", "Second attempts.", |block| block.upstream_retried.get()),
    counter(
        "ringwall_upstream_retired_total",
        "Idle upstream connections that were closed by the server or sent stray bytes.",
        |block| block.upstream_retired.get(),
    ),
    gauge("ringwall_upstream_idle", "Idle upstream connections.", |block| block.upstream_idle.get()),
    counter("ringwall_payload_policy_calls_total", "Calls to the policy service.", |block| {
        block.policy_asked.get()
    }),
    counter(
        "ringwall_payload_policy_failures_total",
        "Calls to the policy service without a usable answer.",
        |block| block.policy_failed.get(),
    ),
    counter("ringwall_token_cache_hits_total", "Judgements of tokens found in the cache.", |block| {
        block.token_hits.get()
    }),
    counter(
        "ringwall_token_cache_hit_age_milliseconds_total",
        "How old the judgements found in the cache were, all together: divided by the hits, on average.",
        |block| block.token_ages.get(),
    ),
    counter(
        "ringwall_token_cache_misses_total",
        "Judgements of tokens that were not in the cache.",
        |block| block.token_misses.get(),
    ),
    counter(
        "ringwall_token_waits_total",
        "Requests that waited for an answer about the same token that another had asked for.",
        |block| block.token_waits.get(),
    ),
    counter("ringwall_token_server_calls_total", "Questions to Token Servers about tokens.", |block| {
        block.token_asked.get()
    }),
    counter(
        "ringwall_token_server_failures_total",
        "Questions to Token Servers without a usable answer.",
        |block| block.token_server_failed.get(),
    ),
    counter("ringwall_tokens_evicted_total", "Good tokens forgotten because they were revoked.", |block| {
        block.tokens_evicted.get()
    }),
    counter("ringwall_mapper_calls_total", "Requests that mappers were asked about.", |block| {
        block.mapper_asked.get()
    }),
    counter("ringwall_mapper_failures_total", "Requests that mappers were asked about in vain.", |block| {
        block.mapper_failed.get()
    }),
    counter("ringwall_evictions_total", "Orders to forget a token.", |block| block.evictions.get()),
    counter("ringwall_panics_total", "Panics that ended one connection.", |block| block.panics.get()),
    counter(
        "ringwall_access_log_dropped_total",
        "Access-log records dropped because the writer did not keep up.",
        |block| block.log_dropped.get(),
    ),
    counter("ringwall_worker_reloads_total", "Times the worker's rules were replaced.", |block| {
        block.reloads.get()
    }),
];

/// All histograms, in the order of output.
pub const HISTOGRAMS: &[Histogram] = &[
    Histogram {
        name: "ringwall_request_duration_seconds",
        help: "From the request head's last byte to the response's last byte.",
        read: |block| &block.request_duration,
    },
    Histogram {
        name: "ringwall_upstream_wait_seconds",
        help: "From the request head written upstream to the first byte of its response.",
        read: |block| &block.upstream_wait,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_goes_wrong_in_tls_is_listed() {
        let listed = |label: &str| METRICS.iter().filter(|metric| metric.label == label).count();
        // On either side.
        let labels = Failure::ALL.iter().map(|failure| failure.words().label);
        for label in labels.chain(RECEIVED.iter().chain(SENT).map(|(_, words)| words.label)) {
            assert_eq!(listed(label), 2, "{label}");
        }
    }

    #[test]
    fn names_tell_the_kind_and_stand_together() {
        let mut seen: Vec<&str> = Vec::new();
        for metric in METRICS {
            assert!(metric.name.starts_with("ringwall_"), "{}", metric.name);
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            if seen.last() != Some(&metric.name) {
                assert!(!seen.contains(&metric.name), "{} is split", metric.name);
                seen.push(metric.name);
            }
        }
    }

    #[test]
    fn every_number_reads_its_own_counter() {
        let block = MetricBlock::default();
        let singles = [
            &block.accepted,
            &block.accept_refused,
            &block.accept_refused_address,
            &block.accept_failed,
            &block.handshakes,
            &block.handshakes_resumed,
        ];
        let failures = block.handshakes_failed.iter().chain(&block.alerts_received).chain(&block.alerts_sent);
        let connections =
            [&block.proxy_header_refused, &block.connections_open, &block.connections_cold].into_iter();
        let rest = [
            &block.refused,
            &block.cut,
            &block.downstream_read_bytes,
            &block.downstream_written_bytes,
            &block.upstream_connected,
            &block.upstream_connect_failed,
        ];
        let upstream_failures = block
            .upstream_handshakes_failed
            .iter()
            .chain(&block.upstream_alerts_received)
            .chain(&block.upstream_alerts_sent);
        let last = [
            &block.upstream_reused,
            &block.upstream_retried,
            &block.upstream_retired,
            &block.upstream_idle,
            &block.policy_asked,
            &block.policy_failed,
            &block.token_hits,
            &block.token_ages,
            &block.token_misses,
            &block.token_waits,
            &block.token_asked,
            &block.token_server_failed,
            &block.tokens_evicted,
            &block.mapper_asked,
            &block.mapper_failed,
            &block.evictions,
            &block.panics,
            &block.log_dropped,
            &block.reloads,
        ];
        let all: Vec<_> = singles
            .into_iter()
            .chain(failures)
            .chain(connections)
            .chain(&block.responses)
            .chain(&block.payload)
            .chain(rest)
            .chain(upstream_failures)
            .chain(last)
            .collect();
        assert_eq!(all.len(), METRICS.len());
        for (position, count) in all.iter().enumerate() {
            count.set(position as u64 + 1);
        }
        for (position, metric) in METRICS.iter().enumerate() {
            assert_eq!((metric.read)(&block), position as u64 + 1, "{} {}", metric.name, metric.label);
        }
    }
}
