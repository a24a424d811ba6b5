//! The tables, in Markdown: one for each scenario, then ringwall against its goals.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::measure::{Plan, Results, Run, Sample};
use crate::peers::Name;
use crate::processors::Processors;
use crate::{sealed_report, token_report};

pub(crate) fn render(plan: &Plan, processors: &Processors, results: &Results) -> String {
    let mut text = String::new();
    text += &machine(plan, processors);
    let tables = [
        small(plan, results),
        at_rate(plan, results),
        single(plan, results),
        bulk(plan, results),
        idle("", &results.idle, plan),
        tls_small(plan, results),
        tls_handshakes(plan, results),
        tls_bulk(plan, results),
        idle(" over TLS 1.3", &results.idle_tls, plan),
        sealed_report::messages(plan, results),
        sealed_report::bulk(plan, results),
        sealed_report::openings(plan, results),
        token_report::peers(plan, results),
        token_report::added(plan, results),
        token_report::memory(results),
        goals(results),
    ];
    for table in tables.into_iter().flatten() {
        text += "\n";
        text += &table;
    }
    for note in &results.notes {
        let _ = writeln!(text, "\nNot measured: {note}");
    }
    text
}

fn machine(plan: &Plan, processors: &Processors) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).unwrap_or(("", "?"));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let versions: Vec<String> =
        plan.peers.iter().map(|peer| format!("{} {}", peer.name.text(), peer.version)).collect();
    format!(
        "Machine: {}, {} CPUs, Linux {}; {processors}.  \nPeers: {}.  \n\
         Medians of {} interleaved rounds of {:.1} s (least to greatest).\n",
        model.1,
        cpu.lines().filter(|line| line.starts_with("processor")).count(),
        kernel.trim(),
        versions.join(", "),
        plan.rounds,
        plan.length.as_secs_f64(),
    )
}

fn small(plan: &Plan, results: &Results) -> Option<String> {
    let title = format!("{} kept-alive connections, 1 KiB responses, closed loop", plan.connections);
    let columns = ["CPU µs/request", "x floor", "requests/s", "CPU busy", "p50 µs", "p99 µs"];
    table(&title, &columns, plan, |name| {
        let run = Run::Small;
        Some(vec![
            spread(results.spread(run, name, cpu)?, 1),
            times(results.median(run, name, cpu)?, results.median(run, Name::Floor, cpu)),
            spread(results.spread(run, name, |sample| sample.per_second)?, 0),
            format!("{:.0} %", results.median(run, name, |sample| sample.busy)? * 100.0),
            format!("{:.0}", results.median(run, name, |sample| sample.p50_us)?),
            format!("{:.0}", results.median(run, name, |sample| sample.p99_us)?),
        ])
    })
}

fn at_rate(plan: &Plan, results: &Results) -> Option<String> {
    let rate = results.rate?;
    let title = format!("The same in an open loop: {rate:.0} requests/s for all");
    let columns = ["p50 µs", "p99 µs", "p99.9 µs", "CPU µs/request", "CPU busy"];
    table(&title, &columns, plan, |name| {
        let run = Run::SmallAtRate;
        Some(vec![
            spread(results.spread(run, name, |sample| sample.p50_us)?, 0),
            spread(results.spread(run, name, |sample| sample.p99_us)?, 0),
            spread(results.spread(run, name, |sample| sample.p999_us)?, 0),
            spread(results.spread(run, name, cpu)?, 1),
            format!("{:.0} %", results.median(run, name, |sample| sample.busy)? * 100.0),
        ])
    })
}

fn single(plan: &Plan, results: &Results) -> Option<String> {
    let columns = ["requests/s", "p50 µs", "CPU µs/request", "io_uring_enter/request", "other calls/request"];
    table("One connection, 1 KiB responses", &columns, plan, |name| {
        let run = Run::Single;
        let calls = results.calls.get(&name);
        let enter = calls.and_then(|calls| calls.get("io_uring_enter"));
        let others = calls.map(|calls| {
            let others = calls.iter().filter(|(call, _)| *call != "io_uring_enter");
            others.map(|(call, count)| format!("{call} {count:.1}")).collect::<Vec<_>>().join(", ")
        });
        Some(vec![
            spread(results.spread(run, name, |sample| sample.per_second)?, 0),
            spread(results.spread(run, name, |sample| sample.p50_us)?, 0),
            spread(results.spread(run, name, cpu)?, 1),
            enter.map_or_else(|| "–".into(), |count| format!("{count:.2}")),
            others.filter(|others| !others.is_empty()).unwrap_or_else(|| "–".into()),
        ])
    })
}

fn bulk(plan: &Plan, results: &Results) -> Option<String> {
    let title = format!("1 MiB bodies on {} connections", plan.bulk_connections);
    let columns = ["down: CPU µs/MiB", "x floor", "MiB/s", "up: CPU µs/MiB", "x floor", "MiB/s"];
    table(&title, &columns, plan, |name| {
        let mut cells = Vec::new();
        for run in [Run::BulkDown, Run::BulkUp] {
            let floor = results.median(run, Name::Floor, cpu);
            match results.spread(run, name, cpu) {
                Some(figures) => {
                    cells.extend([spread(figures, 0), times(figures.1, floor)]);
                    cells.push(format!("{:.0}", results.median(run, name, |sample| sample.per_second)?));
                }
                None => cells.extend(["–", "–", "–"].map(String::from)),
            }
        }
        cells.iter().any(|cell| cell != "–").then_some(cells)
    })
}

fn idle(transport: &str, memory: &BTreeMap<Name, (f64, u64)>, plan: &Plan) -> Option<String> {
    let count = plan.idle_connections;
    let title = format!("{count} idle kept-alive connections{transport} beyond the first thousand");
    table(&title, &["bytes of process memory each", "process with the first thousand, MiB"], plan, |name| {
        let (each, base) = memory.get(&name)?;
        Some(vec![format!("{each:.0}"), format!("{:.1}", *base as f64 / f64::from(1 << 20))])
    })
}

fn tls_small(plan: &Plan, results: &Results) -> Option<String> {
    let title = format!("TLS 1.3: {} kept-alive connections, 1 KiB responses, closed loop", plan.connections);
    let columns = ["CPU µs/request", "x nginx", "requests/s", "CPU busy"];
    table(&title, &columns, plan, |name| against_nginx(results, Run::TlsSmall, name))
}

fn tls_handshakes(plan: &Plan, results: &Results) -> Option<String> {
    let title = format!(
        "TLS 1.3: full handshakes, {} connections under way with one 1 KiB response each",
        plan.handshakes
    );
    let columns = ["CPU µs/connection", "x nginx", "connections/s", "CPU busy"];
    table(&title, &columns, plan, |name| against_nginx(results, Run::TlsHandshake, name))
}

fn tls_bulk(plan: &Plan, results: &Results) -> Option<String> {
    let title = format!("TLS 1.3: 1 MiB response bodies on {} connections", plan.bulk_connections);
    let columns = ["CPU µs/MiB", "x nginx", "MiB/s", "CPU busy", "more than plain, µs/MiB", "x cipher alone"];
    let cipher = results.cipher_spread(Run::TlsBulk);
    let text = table(&title, &columns, plan, |name| {
        let mut cells = against_nginx(results, Run::TlsBulk, name)?;
        let added = added_by_tls(results, name);
        cells.push(added.map_or_else(|| "–".into(), |added| format!("{added:.0}")));
        cells.push(added.map_or_else(|| "–".into(), |added| times(added, cipher.map(|(_, cost, _)| cost))));
        Some(cells)
    })?;
    let cipher = cipher.map_or_else(|| "not measured".into(), |figures| spread(figures, 0));
    Some(format!("{text}\nThe cipher alone, AES-128-GCM in place by records of 16 KiB, µs/MiB: {cipher}.\n"))
}

fn against_nginx(results: &Results, run: Run, name: Name) -> Option<Vec<String>> {
    Some(vec![
        spread(results.spread(run, name, cpu)?, 1),
        times(results.median(run, name, cpu)?, results.median(run, Name::Nginx, cpu)),
        spread(results.spread(run, name, |sample| sample.per_second)?, 0),
        format!("{:.0} %", results.median(run, name, |sample| sample.busy)? * 100.0),
    ])
}

/// CPU µs/MiB.
fn added_by_tls(results: &Results, name: Name) -> Option<f64> {
    Some(results.median(Run::TlsBulk, name, cpu)? - results.median(Run::BulkDown, name, cpu)?)
}

/// What ringwall is to reach, as ratios within this run.
fn goals(results: &Results) -> Option<String> {
    let ours = Name::Ringwall;
    let ratio = |run, peer| Some(results.median(run, ours, cpu)? / results.median(run, peer, cpu)?);
    let mut rows = Vec::new();
    for (peer, goal) in [
        (Name::Floor, 1.12),
        (Name::Nginx, 0.85),
        (Name::Haproxy, 0.75),
        (Name::Pingora, 0.40),
        (Name::Envoy, 0.25),
    ] {
        rows.push((format!("CPU per request to {}", peer.text()), ratio(Run::Small, peer), goal));
    }
    rows.push(("CPU per MiB down to Envoy".into(), ratio(Run::BulkDown, Name::Envoy), 0.8));
    rows.push(("CPU per MiB up to Envoy".into(), ratio(Run::BulkUp, Name::Envoy), 0.8));
    // To one decimal: timers add a few calls per second, whatever the number of requests.
    let enters = results.calls.get(&ours).and_then(|calls| calls.get("io_uring_enter"));
    let enters = enters.map(|count| (count * 10.0).round() / 10.0);
    rows.push(("io_uring_enter per request, one connection".into(), enters, 2.0));
    rows.push((
        "KiB per idle connection".into(),
        results.idle.get(&ours).map(|(each, _)| each / 1024.0),
        1.3,
    ));
    for (what, run, goal) in [
        ("TLS CPU per request to nginx", Run::TlsSmall, 0.70),
        ("CPU per full handshake with its connection to nginx", Run::TlsHandshake, 0.65),
        ("TLS CPU per MiB down to nginx", Run::TlsBulk, 1.00),
    ] {
        rows.push((what.into(), ratio(run, Name::Nginx), goal));
    }
    let added = added_by_tls(results, ours).zip(results.cipher_spread(Run::TlsBulk));
    let added = added.map(|(added, (_, cipher, _))| added / cipher);
    rows.push(("what TLS adds per MiB down to the cipher alone".into(), added, 1.4));
    let idle = results.idle_tls.get(&ours).map(|(each, _)| each / 1024.0);
    rows.push(("KiB per idle TLS connection".into(), idle, 8.0));
    rows.extend(token_report::goals(results));
    rows.extend(sealed_report::goals(results).map(|(what, value, goal)| (what.into(), value, goal)));
    let mut text =
        String::from("### ringwall against its goals\n\n| | measured | at most | |\n|---|---|---|---|\n");
    let measured: Vec<_> =
        rows.into_iter().filter_map(|(what, value, goal)| Some((what, value?, goal))).collect();
    for (what, value, goal) in &measured {
        let verdict = if value <= goal { "reached" } else { "missed" };
        let _ = writeln!(text, "| {what} | {value:.2} | {goal:.2} | {verdict} |");
    }
    (!measured.is_empty()).then_some(text)
}

/// A table with one row for each peer that has figures; none without any.
pub(crate) fn table(
    title: &str,
    columns: &[&str],
    plan: &Plan,
    row: impl Fn(Name) -> Option<Vec<String>>,
) -> Option<String> {
    let rows: Vec<(Name, Vec<String>)> =
        plan.peers.iter().filter_map(|peer| Some((peer.name, row(peer.name)?))).collect();
    if rows.is_empty() {
        return None;
    }
    let mut text =
        format!("### {title}\n\n| | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for (name, cells) in rows {
        let _ = writeln!(text, "| {} | {} |", name.text(), cells.join(" | "));
    }
    Some(text)
}

pub(crate) fn cpu(sample: &Sample) -> f64 {
    sample.cpu_us_per_request
}

pub(crate) fn spread((least, median, greatest): (f64, f64, f64), digits: usize) -> String {
    format!("{median:.digits$} ({least:.digits$} to {greatest:.digits$})")
}

pub(crate) fn times(value: f64, floor: Option<f64>) -> String {
    floor.map_or_else(|| "–".into(), |floor| format!("{:.2}", value / floor))
}
