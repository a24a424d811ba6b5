//! The runs of the `tokens` scenario: peers that judge the same tokens, one after the other; what judging adds to ringwall's
//! own requests, told from the same process and connections; and memory after a million tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load::{Load, Request};
use crate::measure::{Bench, Plan, Sample, spread};
use crate::origin;
use crate::peers::{Judging, Name, Peer, Running, Traffic, Transport};
use crate::tokens::{self, Kind, Requests, TOKENS};

/// Load before each measurement, beyond all tokens twice.
const WARM_UP: Duration = Duration::from_millis(300);
/// Pairs of an open and a guarded stretch in one round.
const PAIRS: usize = 8;
/// Part of the length of one measurement that a stretch has.
const STRETCH: f64 = 0.25;
/// Different tokens that are sent to a cache that keeps [`KEPT`] of them.
pub(crate) const MILLION: usize = 1_000_000;
/// As `conf/ringwall.toml` has it.
pub(crate) const KEPT: usize = 10_000;
/// Requests made at once.
const BATCH: usize = 10_000;

#[derive(Default)]
pub(crate) struct TokenResults {
    /// With all requests to routes that judge them.
    pub(crate) guarded: BTreeMap<(Kind, Name), Vec<Sample>>,
    /// On the open route and on the guarded one, of each round.
    pub(crate) added: BTreeMap<(Kind, Name), Vec<Added>>,
    pub(crate) memory: BTreeMap<Name, Memory>,
}

/// What judging adds, CPU µs per request: medians over the pairs of a round.
#[derive(Clone, Copy)]
pub(crate) struct Added {
    pub(crate) open: f64,
    pub(crate) guarded: f64,
    /// Of the differences, which is not the difference of the two.
    pub(crate) more: f64,
}

/// Bytes of process memory.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Before the first token.
    pub(crate) before: u64,
    /// After twice as many as are kept.
    pub(crate) full: u64,
    /// After a million.
    pub(crate) after: u64,
}

impl Bench {
    /// Peers, kinds of tokens, and stretches take turns within each round. What fails is noted and left out.
    pub(crate) fn tokens(&mut self, plan: &Plan, notes: &mut Vec<String>) -> TokenResults {
        let requests = Kind::ALL.map(|kind| (kind, tokens::issuer().requests(kind)));
        let mut results = TokenResults::default();
        let mut failed: Vec<(bool, Kind, Name)> = Vec::new();
        for _ in 0..plan.rounds {
            for (peer, (kind, requests)) in
                plan.peers.iter().flat_map(|peer| requests.iter().map(move |of| (peer, of)))
            {
                for is_added in [false, true] {
                    let run = (is_added, *kind, peer.name);
                    if !peer.name.judges(*kind) || failed.contains(&run) || is_added && !peer.name.is_ours() {
                        continue;
                    }
                    let outcome = if is_added {
                        self.added(peer, *kind, requests, plan).map(|added| {
                            results.added.entry((*kind, peer.name)).or_default().push(added);
                        })
                    } else {
                        self.guarded(peer, *kind, requests, plan).map(|sample| {
                            results.guarded.entry((*kind, peer.name)).or_default().push(sample);
                        })
                    };
                    if let Err(fault) = outcome {
                        failed.push(run);
                        note(notes, peer.name, *kind, &fault);
                    }
                }
            }
        }
        results
    }

    /// All requests to the guarded route.
    fn guarded(&mut self, peer: &Peer, kind: Kind, of: &Requests, plan: &Plan) -> Result<Sample, String> {
        let running = self.start_guarded(peer, kind, &of.guarded)?;
        let mut load = Load::open(&mut self.events, &running.target, &of.guarded[..], plan.connections)?;
        load.send(2 * TOKENS)?;
        load.closed_loop(WARM_UP)?;
        let (before, asked) = (running.cpu_time(), origin::asked());
        let tally = load.closed_loop(plan.length)?;
        let used = running.cpu_time().saturating_sub(before);
        nobody_was_asked(asked)?;
        Ok(Sample::new(&tally, used))
    }

    /// The same requests to the open route and to the guarded one, in turns.
    fn added(&mut self, peer: &Peer, kind: Kind, of: &Requests, plan: &Plan) -> Result<Added, String> {
        let running = self.start_guarded(peer, kind, &of.guarded)?;
        let mut load = Load::open(&mut self.events, &running.target, &of.guarded[..], plan.connections)?;
        load.send(2 * TOKENS)?;
        load.closed_loop(WARM_UP)?;
        let asked = origin::asked();
        let (mut open, mut guarded) = (Vec::new(), Vec::new());
        let length = plan.length.mul_f64(STRETCH);
        for pair in 0..PAIRS {
            // Whatever drifts falls on both alike.
            let in_turn = if pair % 2 == 0 { [true, false] } else { [false, true] };
            for is_open in in_turn {
                let (requests, costs) =
                    if is_open { (&of.open, &mut open) } else { (&of.guarded, &mut guarded) };
                load.turn_to(&requests[..]);
                costs.push(stretch(&running, &mut load, length)?);
            }
        }
        nobody_was_asked(asked)?;
        let more = open.iter().zip(&guarded).map(|(open, guarded)| guarded - open).collect();
        let median = |values| spread(values).map_or(f64::NAN, |(_, median, _)| median);
        Ok(Added { more: median(more), open: median(open), guarded: median(guarded) })
    }

    /// Process memory before, and after a million tokens that were each seen once.
    pub(crate) fn tokens_memory(&mut self, plan: &Plan, notes: &mut Vec<String>) -> BTreeMap<Name, Memory> {
        let ours = plan.peers.iter().filter(|peer| peer.name.is_ours());
        let mut measured = BTreeMap::new();
        for peer in ours {
            match self.memory_of_a_million(peer, plan) {
                Ok(memory) => drop(measured.insert(peer.name, memory)),
                Err(fault) => note(notes, peer.name, Kind::Opaque, &fault),
            }
        }
        measured
    }

    fn memory_of_a_million(&mut self, peer: &Peer, plan: &Plan) -> Result<Memory, String> {
        let open = tokens::issuer().requests(Kind::Opaque).open;
        let running =
            self.start(peer, Traffic::Small, Transport::Guarded(Judging::Introspection), &open[0])?;
        let mut load = Load::open(&mut self.events, &running.target, &open[..], plan.connections)?;
        // Connections, both ways, and their buffers.
        load.closed_loop(WARM_UP)?;
        load.rest(WARM_UP)?;
        let (before, asked) = (running.memory(), origin::asked());
        drop(load);
        let mut full = before;
        for first in (0..MILLION).step_by(BATCH) {
            // Beyond those of the other runs.
            let batch: Vec<Request> =
                (first..first + BATCH).map(|number| tokens::opaque_request(TOKENS + number)).collect();
            let mut load = Load::open(&mut self.events, &running.target, &batch[..], plan.connections)?;
            load.send(BATCH - plan.connections)?;
            if first + BATCH == 2 * KEPT {
                full = running.memory();
            }
            load.abort();
        }
        let questions = origin::asked() - asked;
        let after = running.memory();
        if questions < MILLION as u64 {
            return Err(format!("{questions} tokens were asked about where {MILLION} were sent"));
        }
        Ok(Memory { before, full, after })
    }

    fn start_guarded(&mut self, peer: &Peer, kind: Kind, requests: &[Request]) -> Result<Running, String> {
        let judging = match kind {
            Kind::Es256 | Kind::Rs256 => Judging::Jwt,
            Kind::Opaque => Judging::Introspection,
        };
        self.start(peer, Traffic::Small, Transport::Guarded(judging), &requests[0])
    }
}

/// CPU µs per request of a closed loop.
fn stretch(running: &Running, load: &mut Load<'_>, length: Duration) -> Result<f64, String> {
    let before = running.cpu_time();
    let tally = load.closed_loop(length)?;
    let used = running.cpu_time().saturating_sub(before);
    Ok(used.as_secs_f64() * 1e6 / tally.requests.max(1) as f64)
}

/// What is measured is what is known.
fn nobody_was_asked(before: u64) -> Result<(), String> {
    match origin::asked() - before {
        0 => Ok(()),
        count => Err(format!("the Token Server was asked {count} times about tokens that were known")),
    }
}

fn note(notes: &mut Vec<String>, name: Name, kind: Kind, fault: &str) {
    let text = format!("{}, {}: {fault}", name.text(), kind.text());
    eprintln!("{text}");
    notes.push(text);
}
