//! The tables of the `sealed` scenario, and its goals.

use crate::measure::{Plan, Results, Run, Sample};
use crate::peers::Name;
use crate::report::{cpu, spread, table, times};

/// Messages of 1 KiB both ways beside the same in plain.
pub(crate) fn messages(plan: &Plan, results: &Results) -> Option<String> {
    let title = format!(
        "Sealed: {} kept-alive connections, requests and responses of 1 KiB, closed loop",
        plan.connections
    );
    let columns = [
        "plain, CPU µs/request",
        "session message",
        "more than plain, µs",
        "single message",
        "more than plain, µs",
        "requests/s: plain, session, single",
    ];
    table(&title, &columns, plan, |name| {
        let mut cells = vec![spread(results.spread(Run::PlainEcho, name, cpu)?, 1)];
        for run in [Run::SealedSession, Run::SealedSingle] {
            cells.push(or_dash(results.spread(run, name, cpu), |figures| spread(figures, 1)));
            cells.push(or_dash(added(results, run, Run::PlainEcho, name), |added| format!("{added:.1}")));
        }
        let rate = |run| or_dash(results.median(run, name, per_second), |rate| format!("{rate:.0}"));
        cells.push([Run::PlainEcho, Run::SealedSession, Run::SealedSingle].map(rate).join(", "));
        Some(cells)
    })
}

/// Responses of 1 MiB beside the same in plain and the cipher alone.
pub(crate) fn bulk(plan: &Plan, results: &Results) -> Option<String> {
    let title =
        format!("Sealed: 1 MiB responses to session messages on {} connections", plan.bulk_connections);
    let columns = ["CPU µs/MiB", "plain", "MiB/s", "CPU busy", "more than plain, µs/MiB", "x cipher alone"];
    let cipher = results.cipher_spread(Run::SealedBulk);
    let text = table(&title, &columns, plan, |name| {
        let run = Run::SealedBulk;
        let added = added(results, run, Run::BulkDown, name);
        let cipher = cipher.map(|(_, cost, _)| cost);
        Some(vec![
            spread(results.spread(run, name, cpu)?, 0),
            or_dash(results.spread(Run::BulkDown, name, cpu), |figures| spread(figures, 0)),
            spread(results.spread(run, name, per_second)?, 0),
            format!("{:.0} %", results.median(run, name, |sample| sample.busy)? * 100.0),
            or_dash(added, |added| format!("{added:.0}")),
            or_dash(added, |added| times(added, cipher)),
        ])
    })?;
    let cipher = or_dash(cipher, |figures| spread(figures, 0));
    Some(format!("{text}\nThe cipher alone, AES-128-GCM in place by chunks of 16 KiB, µs/MiB: {cipher}.\n"))
}

/// Session openings.
pub(crate) fn openings(plan: &Plan, results: &Results) -> Option<String> {
    let title = format!("Sealed: session openings by X25519 on {} connections", plan.connections);
    let columns = ["CPU µs/opening", "openings/s", "refused/s", "CPU busy", "CPU µs/refusal"];
    table(&title, &columns, plan, |name| {
        let run = Run::Openings;
        Some(vec![
            or_dash(opening_cost(results, name), |figures| spread(figures, 1)),
            spread(results.spread(run, name, admitted_per_second)?, 0),
            spread(results.spread(run, name, |sample| sample.refused_per_second)?, 0),
            format!("{:.0} %", results.median(run, name, |sample| sample.busy)? * 100.0),
            or_dash(results.spread(Run::OpeningsRefused, name, cpu), |figures| spread(figures, 1)),
        ])
    })
}

/// What is asked of ringwall: what, measured, at most.
pub(crate) fn goals(results: &Results) -> impl Iterator<Item = (&'static str, Option<f64>, f64)> {
    let ours = Name::Ringwall;
    let added_to_bulk = added(results, Run::SealedBulk, Run::BulkDown, ours);
    let to_cipher = added_to_bulk
        .zip(results.cipher_spread(Run::SealedBulk))
        .map(|(added, (_, cipher, _))| added / cipher);
    [
        (
            "what sealing adds per session message of 1 KiB, CPU µs",
            added(results, Run::SealedSession, Run::PlainEcho, ours),
            8.0,
        ),
        ("what sealing adds per MiB down to the cipher alone", to_cipher, 1.25),
        ("CPU µs per session opening", opening_cost(results, ours).map(|(_, cost, _)| cost), 150.0),
    ]
    .into_iter()
}

/// CPU µs, of medians.
fn added(results: &Results, sealed: Run, plain: Run, name: Name) -> Option<f64> {
    Some(results.median(sealed, name, cpu)? - results.median(plain, name, cpu)?)
}

/// CPU µs of an opening that was admitted: what is left when the refused ones are paid for, as they cost where nearly all
/// are refused.
fn opening_cost(results: &Results, name: Name) -> Option<(f64, f64, f64)> {
    let refusal = results.median(Run::OpeningsRefused, name, cpu)?;
    results.spread(Run::Openings, name, |sample| {
        let used = cpu(sample) * sample.per_second - refusal * sample.refused_per_second;
        used / admitted_per_second(sample)
    })
}

fn per_second(sample: &Sample) -> f64 {
    sample.per_second
}

fn admitted_per_second(sample: &Sample) -> f64 {
    sample.per_second - sample.refused_per_second
}

fn or_dash<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "–".into(), text)
}
