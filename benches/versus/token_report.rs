//! The tables of the `tokens` scenario, and its goals.

use std::fmt::Write;

use ringwall::limits::TOKEN_ENTRY_BYTES;

use crate::measure::{self, Plan, Results};
use crate::peers::Name;
use crate::report::{spread, times};
use crate::token_runs::{KEPT, MILLION};
use crate::tokens::{Kind, TOKENS};

/// Beside whom ringwall's figures stand, and what they may be of theirs.
const PEERS: [(Name, f64); 3] = [(Name::Haproxy, 0.30), (Name::Envoy, 0.20), (Name::Apache, 0.15)];
/// What judging a known token may add to a request, CPU µs.
const ADDED_MOST: f64 = 1.5;

/// Everybody who judges tokens.
pub(crate) fn peers(plan: &Plan, results: &Results) -> Option<String> {
    let mut text = format!(
        "### Tokens: {} kept-alive connections, {TOKENS} known tokens in turn, 1 KiB responses, closed loop\n\n\
         | | token | CPU µs/request | x HAProxy | x Envoy | x Apache | requests/s | CPU busy |\n\
         |---|---|---|---|---|---|---|---|\n",
        plan.connections
    );
    for (&(kind, name), samples) in &results.tokens.guarded {
        let of = |figure: fn(&measure::Sample) -> f64| measure::spread(samples.iter().map(figure).collect());
        let (cost, rate) = (of(|sample| sample.cpu_us_per_request)?, of(|sample| sample.per_second)?);
        let ratios = PEERS.map(|(peer, _)| times(cost.1, guarded(results, Kind::Rs256, peer)));
        let busy = of(|sample| sample.busy)?.1 * 100.0;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {busy:.0} % |",
            name.text(),
            kind.text(),
            spread(cost, 1),
            ratios.join(" | "),
            spread(rate, 0),
        );
    }
    (!results.tokens.guarded.is_empty()).then_some(text)
}

/// What judging adds to requests with tokens that are known.
pub(crate) fn added(plan: &Plan, results: &Results) -> Option<String> {
    let mut text = format!(
        "### Tokens: what judging adds, {} kept-alive connections, {TOKENS} known tokens in turn\n\n\
         | | token | open route, CPU µs/request | guarded route | added by judgement, µs |\n|---|---|---|---|---|\n",
        plan.connections
    );
    for (&(kind, name), rounds) in &results.tokens.added {
        let open = measure::spread(rounds.iter().map(|round| round.open).collect())?;
        let guarded = measure::spread(rounds.iter().map(|round| round.guarded).collect())?;
        let (open, guarded) = (spread(open, 1), spread(guarded, 1));
        let more = spread(added_spread(results, kind, name)?, 2);
        let _ = writeln!(text, "| {} | {} | {open} | {guarded} | {more} |", name.text(), kind.text());
    }
    (!results.tokens.added.is_empty()).then_some(text)
}

/// Memory after a million tokens.
pub(crate) fn memory(results: &Results) -> Option<String> {
    let mut text = format!(
        "### Tokens: process memory with {MILLION} different ones, of which a cache keeps {KEPT}\n\n\
         | | before, MiB | after {} | after {MILLION} | more than before, bytes for each that is kept |\n\
         |---|---|---|---|---|\n",
        2 * KEPT
    );
    for (&name, memory) in &results.tokens.memory {
        let [before, full, after] =
            [memory.before, memory.full, memory.after].map(|bytes| bytes as f64 / f64::from(1 << 20));
        let each = (memory.after as f64 - memory.before as f64) / KEPT as f64;
        let _ = writeln!(text, "| {} | {before:.1} | {full:.1} | {after:.1} | {each:.0} |", name.text());
    }
    text += &format!("\nAn entry counts for {TOKEN_ENTRY_BYTES} bytes at least.\n");
    (!results.tokens.memory.is_empty()).then_some(text)
}

/// What is asked of ringwall: what, measured, at most.
pub(crate) fn goals(results: &Results) -> Vec<(String, Option<f64>, f64)> {
    let ours = Name::Ringwall;
    let mut goals = Vec::new();
    for kind in [Kind::Es256, Kind::Opaque] {
        let added = added_spread(results, kind, ours).map(|(_, median, _)| median);
        goals.push((format!("what a known token adds ({}), CPU µs", kind.text()), added, ADDED_MOST));
    }
    for kind in [Kind::Rs256, Kind::Opaque] {
        for (peer, most) in PEERS {
            let ratio = guarded(results, kind, ours)
                .zip(guarded(results, Kind::Rs256, peer))
                .map(|(ours, theirs)| ours / theirs);
            let what = format!("CPU per request with a token ({}) to {} with JWTs", kind.text(), peer.text());
            goals.push((what, ratio, most));
        }
    }
    goals
}

fn guarded(results: &Results, kind: Kind, name: Name) -> Option<f64> {
    let samples = results.tokens.guarded.get(&(kind, name))?;
    let costs = samples.iter().map(|sample| sample.cpu_us_per_request);
    measure::spread(costs.collect()).map(|(_, median, _)| median)
}

fn added_spread(results: &Results, kind: Kind, name: Name) -> Option<(f64, f64, f64)> {
    measure::spread(results.tokens.added.get(&(kind, name))?.iter().map(|round| round.more).collect())
}
