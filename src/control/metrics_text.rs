//! The Prometheus text exposition format, version 0.0.4, of counters and status. Pure.

use std::fmt::Write;

use super::status::{ReplayLevel, Status};
use crate::telemetry::metric_block::{DURATION_BOUNDS_MICROS, Durations};
use crate::telemetry::metric_names::{HISTOGRAMS, Kind, METRICS};

/// `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of the process.
pub fn metrics_text(status: &Status) -> String {
    let mut text = Text(String::with_capacity(32 * 1024));
    text.process(status);
    text.workers(status);
    text.counters(status);
    text.histograms(status);
    text.upstreams(status);
    text.issuers(status);
    text.0
}

/// Writing to a `String` cannot fail: results of `write!` are not looked at.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _written = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One sample; `labels` as `name="value"` with commas between, or empty.
    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let (open, close) = if labels.is_empty() { ("", "") } else { ("{", "}") };
        let _written = writeln!(self.0, "{name}{open}{labels}{close} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.sample(name, "", value);
    }

    fn process(&mut self, status: &Status) {
        self.head("ringwall_build_info", "gauge", "Always 1; what runs is in the labels.");
        self.sample("ringwall_build_info", concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""), 1);
        let started = seconds(status.started_at.0);
        self.single("ringwall_start_time_seconds", "gauge", "When the process started, Unix time.", started);
        let ready = u8::from(status.ready);
        self.single("ringwall_ready", "gauge", "1 when requests can be served as configured.", ready);
        let draining = u8::from(status.draining);
        self.single("ringwall_draining", "gauge", "1 while the process finishes what runs.", draining);
        let generation = status.generation;
        self.single("ringwall_config_generation", "gauge", "Number of the rules in force.", generation);
        let name = "ringwall_config_last_reload_successful";
        let good = u8::from(!status.reload.failed);
        self.single(name, "gauge", "1 when the newest configuration is in force.", good);
        let name = "ringwall_config_last_reload_success_timestamp_seconds";
        let at = seconds(status.reload.succeeded_at.0);
        self.single(name, "gauge", "When rules last came in force, Unix time.", at);
        let name = "ringwall_access_log_write_failures_total";
        self.single(name, "counter", "Writes of the access log that failed.", status.log_failures.get());
        if let Some(ReplayLevel { live, capacity }) = status.replays {
            let help = "Sealed messages remembered now, about: a full memory refuses.";
            self.single("ringwall_payload_replay_entries", "gauge", help, live);
            let help = "Sealed messages that are certain to find room in the memory.";
            self.single("ringwall_payload_replay_capacity", "gauge", help, capacity);
        }
    }

    fn workers(&mut self, status: &Status) {
        let name = "ringwall_worker_up";
        self.head(name, "gauge", "1 when the worker accepts connections.");
        for (index, worker) in status.workers.iter().enumerate() {
            self.sample(name, &format!("worker=\"{index}\""), u8::from(worker.state == "serving"));
        }
        let name = "ringwall_worker_restarts_total";
        self.head(name, "counter", "Times the worker died and was started again.");
        for (index, worker) in status.workers.iter().enumerate() {
            self.sample(name, &format!("worker=\"{index}\""), worker.restarts);
        }
    }

    fn counters(&mut self, status: &Status) {
        let mut previous = "";
        for metric in METRICS {
            if metric.name != previous {
                let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
                self.head(metric.name, kind, metric.help);
                previous = metric.name;
            }
            for (index, worker) in status.workers.iter().enumerate() {
                let comma = if metric.label.is_empty() { "" } else { "," };
                let labels = format!("worker=\"{index}\"{comma}{}", metric.label);
                self.sample(metric.name, &labels, (metric.read)(&worker.metrics));
            }
        }
    }

    fn histograms(&mut self, status: &Status) {
        for histogram in HISTOGRAMS {
            self.head(histogram.name, "histogram", histogram.help);
            for (index, worker) in status.workers.iter().enumerate() {
                self.durations(histogram.name, index, (histogram.read)(&worker.metrics));
            }
        }
    }

    fn durations(&mut self, name: &str, worker: usize, durations: &Durations) {
        let mut total = 0;
        // Each bucket is read once, so that the series is cumulative while the worker counts on.
        for (position, bucket) in durations.buckets.iter().enumerate() {
            total += bucket.get();
            let bound = match DURATION_BOUNDS_MICROS.get(position) {
                Some(micros) => seconds(*micros),
                None => "+Inf".to_owned(),
            };
            self.sample(&format!("{name}_bucket"), &format!("worker=\"{worker}\",le=\"{bound}\""), total);
        }
        let labels = format!("worker=\"{worker}\"");
        self.sample(&format!("{name}_sum"), &labels, seconds(durations.sum_micros.get()));
        self.sample(&format!("{name}_count"), &labels, total);
    }

    fn upstreams(&mut self, status: &Status) {
        let name = "ringwall_upstream_server_up";
        self.head(name, "gauge", "1 when the server has an address and its health checks do not fail.");
        for upstream in status.upstreams.iter() {
            for server in &upstream.servers {
                let (group, place) = (escaped(&upstream.name), escaped(&server.place));
                let labels = format!("upstream=\"{group}\",server=\"{place}\"");
                self.sample(name, &labels, u8::from(server.is_up()));
            }
        }
    }

    fn issuers(&mut self, status: &Status) {
        let labels: Vec<_> =
            status.issuers.iter().map(|issuer| format!("issuer=\"{}\"", escaped(&issuer.name))).collect();
        let issuers = || status.issuers.iter().zip(&labels);
        let name = "ringwall_issuer_keys";
        self.head(name, "gauge", "Keys of the issuer that are in force; 0: its tokens cannot be judged.");
        for (issuer, labels) in issuers() {
            self.sample(name, labels, issuer.keys);
        }
        let name = "ringwall_issuer_keys_fetched_timestamp_seconds";
        self.head(name, "gauge", "When the issuer's keys were last got, Unix time; 0: never.");
        for (issuer, labels) in issuers() {
            self.sample(name, labels, seconds(issuer.fetched_at.unwrap_or_default().0));
        }
        let name = "ringwall_issuer_key_failures_total";
        self.head(name, "counter", "Attempts to get the issuer's keys that failed.");
        for (issuer, labels) in issuers() {
            self.sample(name, labels, issuer.failures);
        }
    }
}

/// Microseconds as a decimal number of seconds, exact, without trailing zeros.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::control::fixture;

    /// The text of a status in which worker 0 counted a little.
    fn text() -> String {
        let status = fixture::status();
        let metrics = &status.workers[0].metrics;
        status.log_failures.add(4);
        metrics.accepted.add(9);
        metrics.responses[5].add(2);
        for micros in [50, 51, 99_000_000] {
            metrics.request_duration.record(micros);
        }
        metrics_text(&status)
    }

    #[test]
    fn samples_read_as_counted() {
        let text = text();
        let check = |line: &str| assert!(text.lines().any(|have| have == line), "no line {line}\n{text}");
        check("ringwall_config_generation 3");
        check("ringwall_config_last_reload_successful 0");
        check("ringwall_config_last_reload_success_timestamp_seconds 1787745700");
        check("ringwall_start_time_seconds 1787745600.5");
        check("ringwall_access_log_write_failures_total 4");
        check("ringwall_worker_up{worker=\"1\"} 0");
        check("ringwall_worker_restarts_total{worker=\"1\"} 1");
        check("ringwall_connections_accepted_total{worker=\"0\"} 9");
        check("ringwall_responses_total{worker=\"0\",class=\"5xx\"} 2");
        check("ringwall_request_duration_seconds_bucket{worker=\"0\",le=\"0.00005\"} 1");
        check("ringwall_request_duration_seconds_bucket{worker=\"0\",le=\"0.0001\"} 2");
        check("ringwall_request_duration_seconds_bucket{worker=\"0\",le=\"10\"} 2");
        check("ringwall_request_duration_seconds_bucket{worker=\"0\",le=\"+Inf\"} 3");
        check("ringwall_request_duration_seconds_count{worker=\"0\"} 3");
        check("ringwall_request_duration_seconds_sum{worker=\"0\"} 99.000101");
        check("ringwall_upstream_server_up{upstream=\"orders\",server=\"192.0.2.1:8080\"} 1");
        check("ringwall_upstream_server_up{upstream=\"orders\",server=\"gone.example\"} 0");
        check("ringwall_issuer_keys{issuer=\"main\"} 2");
        check("ringwall_issuer_keys_fetched_timestamp_seconds{issuer=\"main\"} 1787745650.25");
        check("ringwall_issuer_keys_fetched_timestamp_seconds{issuer=\"other\"} 0");
        check("ringwall_issuer_key_failures_total{issuer=\"other\"} 3");
    }

    #[test]
    fn every_sample_follows_its_head_and_stands_once() {
        let (mut described, mut seen, mut current) = (HashSet::new(), HashSet::new(), String::new());
        for line in text().lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                current = rest.split(' ').next().unwrap().to_owned();
                assert!(described.insert(current.clone()), "{current} is described twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(rest.starts_with(&current), "{line}");
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(series.starts_with(&current), "{line} stands under {current}");
                assert!(seen.insert(series.to_owned()), "{series} stands twice");
                value.parse::<f64>().unwrap();
            }
        }
    }

    #[test]
    fn seconds_are_exact_and_short() {
        for (micros, expected) in
            [(0, "0"), (50, "0.00005"), (1_000_000, "1"), (10_000_000, "10"), (1_500_000, "1.5")]
        {
            assert_eq!(seconds(micros), expected);
        }
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
