//! Runs the scenarios: for every round each peer in turn, started afresh, so that drift of the host and luck of one
//! start (memory alignment) fall on all alike. What is kept is every round's sample; the tables show medians.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringwall::client::request::Form;
use ringwall::limits::PAYLOAD_CHUNK_SENT_BYTES;

use crate::cipher;
use crate::event_loop::EventLoop;
use crate::load::{Load, Request, Tally};
use crate::peers::{Name, Peer, Running, Traffic, Transport};
use crate::processors::Processors;
use crate::sealed_load::{Exchange, SealedLoad, Sealing};
use crate::system_calls::{self, Calls};
use crate::token_runs::TokenResults;

/// Time a started peer has to answer its first request.
const START: Duration = Duration::from_secs(15);
/// Load before each measurement: fills pools and caches.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long connections lie idle before memory is read.
const SETTLE: Duration = Duration::from_secs(3);
/// Connections whose memory counts as the process's fixed part.
const IDLE_BASE: usize = 1000;
/// Part of the slowest peer's throughput that all get in the open loop.
const OPEN_LOOP_SHARE: f64 = 0.6;
const MIB: usize = 1024 * 1024;
/// Single messages that are sent: fewer than a worker takes, which is one in 300 µs.
const SINGLES_PER_SECOND: f64 = 2500.0;
/// The payload of a full TLS record.
const TLS_RECORD_BYTES: usize = 16 * 1024;
/// In seconds: longer than messages made ahead wait for their turn.
const SESSION_WINDOW: u64 = 300;
/// Single messages are refused until a window after a proxy's start: no longer than needed.
const SINGLE_WINDOW_LEAST: u64 = 4;
/// What clocks in whole seconds may differ by.
const CLOCK_SLACK: u64 = 2;
const ECHO: Exchange =
    Exchange { method: "POST", path: "/1k-answer", body_bytes: 1024, response_bytes: 1024 };
const DOWN: Exchange = Exchange { method: "GET", path: "/1m", body_bytes: 0, response_bytes: MIB };

/// One way of loading a peer, and one table of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Run {
    Small,
    SmallAtRate,
    Single,
    BulkDown,
    BulkUp,
    TlsSmall,
    TlsHandshake,
    TlsBulk,
    PlainEcho,
    SealedSession,
    SealedSingle,
    SealedBulk,
    /// Session openings, as many as the proxy admits.
    Openings,
    /// The same, nearly all refused: what a refusal costs.
    OpeningsRefused,
}

/// What to do and how thoroughly.
pub(crate) struct Plan {
    pub(crate) peers: Vec<Peer>,
    pub(crate) rounds: usize,
    pub(crate) length: Duration,
    pub(crate) connections: usize,
    pub(crate) bulk_connections: usize,
    /// Connections under way at once where each makes one request.
    pub(crate) handshakes: usize,
    pub(crate) idle_connections: usize,
    /// Requests per second of the open loop; absent: from what the slowest peer reached.
    pub(crate) rate: Option<f64>,
}

/// Where everything runs.
pub(crate) struct Bench {
    pub(crate) events: EventLoop,
    pub(crate) origin: SocketAddr,
    pub(crate) processors: Processors,
}

#[derive(Default)]
pub(crate) struct Results {
    pub(crate) runs: BTreeMap<(Run, Name), Vec<Sample>>,
    /// System calls per request at concurrency 1.
    pub(crate) calls: BTreeMap<Name, Calls>,
    /// Bytes of process memory per idle connection beyond the first thousand, and of the process with those.
    pub(crate) idle: BTreeMap<Name, (f64, u64)>,
    pub(crate) idle_tls: BTreeMap<Name, (f64, u64)>,
    /// CPU µs to encrypt 1 MiB as a run does and do nothing else, a sample for each round.
    pub(crate) cipher_us: BTreeMap<Run, Vec<f64>>,
    pub(crate) rate: Option<f64>,
    pub(crate) tokens: TokenResults,
    /// What went wrong, for the reader of the tables.
    pub(crate) notes: Vec<String>,
}

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) cpu_us_per_request: f64,
    /// Share of the proxy's CPU that was used.
    pub(crate) busy: f64,
    pub(crate) per_second: f64,
    /// Answered with 429, where that is no fault; they count above too.
    pub(crate) refused_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
}

impl Sample {
    pub(crate) fn new(tally: &Tally, cpu: Duration) -> Self {
        Sample {
            cpu_us_per_request: cpu.as_secs_f64() * 1e6 / tally.requests.max(1) as f64,
            busy: cpu.as_secs_f64() / tally.elapsed.as_secs_f64(),
            per_second: tally.per_second(),
            refused_per_second: tally.refused as f64 / tally.elapsed.as_secs_f64(),
            p50_us: tally.latency_us(0.50),
            p99_us: tally.latency_us(0.99),
            p999_us: tally.latency_us(0.999),
        }
    }
}

impl Run {
    /// What is sent in plain.
    fn request(self) -> Request {
        match self {
            Run::Small | Run::SmallAtRate | Run::Single | Run::TlsSmall | Run::TlsHandshake => {
                Request::get("/1k", 1024)
            }
            Run::BulkDown | Run::TlsBulk | Run::SealedBulk => Request::get("/1m", MIB),
            Run::BulkUp => Request::post("/upload", MIB, 2),
            Run::PlainEcho
            | Run::SealedSession
            | Run::SealedSingle
            | Run::Openings
            | Run::OpeningsRefused => Request::post(ECHO.path, ECHO.body_bytes, ECHO.response_bytes),
        }
    }

    /// How its requests are sealed; `None`: not at all.
    fn sealing(self) -> Option<Sealing> {
        Some(match self {
            Run::SealedSession => Sealing::Messages { form: Form::Session, exchange: ECHO },
            Run::SealedSingle => Sealing::Messages { form: Form::Single, exchange: ECHO },
            Run::SealedBulk => Sealing::Messages { form: Form::Session, exchange: DOWN },
            Run::Openings => Sealing::Openings { from_one_address: false },
            Run::OpeningsRefused => Sealing::Openings { from_one_address: true },
            _ => return None,
        })
    }

    fn traffic(self) -> Traffic {
        match self {
            Run::BulkDown | Run::BulkUp | Run::TlsBulk | Run::SealedBulk => Traffic::Bulk,
            _ => Traffic::Small,
        }
    }

    fn transport(self, plan: &Plan) -> Transport {
        match self {
            Run::TlsSmall | Run::TlsHandshake | Run::TlsBulk => Transport::Tls,
            // Made ahead, a message waits until all are made, which takes about as long as the run, and for the run.
            Run::SealedSingle => {
                Transport::Sealed { window: SINGLE_WINDOW_LEAST + 3 * plan.length.as_secs() }
            }
            Run::PlainEcho | Run::SealedSession | Run::SealedBulk | Run::Openings | Run::OpeningsRefused => {
                Transport::Sealed { window: SESSION_WINDOW }
            }
            _ => Transport::Plain,
        }
    }

    fn connections(self, plan: &Plan) -> usize {
        match self {
            Run::Single => 1,
            Run::TlsHandshake => plan.handshakes,
            Run::BulkDown | Run::BulkUp | Run::TlsBulk | Run::SealedBulk => plan.bulk_connections,
            _ => plan.connections,
        }
    }
}

impl Bench {
    /// All rounds of these runs, which are compared with each other, for all peers. A peer that fails is noted and left
    /// out of the other rounds of that run.
    pub(crate) fn run(&mut self, runs: &[Run], plan: &Plan, results: &mut Results) {
        let mut failed = Vec::new();
        for _ in 0..plan.rounds {
            for (&run, peer) in runs.iter().flat_map(|run| plan.peers.iter().map(move |peer| (run, peer))) {
                if failed.contains(&(run, peer.name)) || !peer.speaks(run.transport(plan)) {
                    continue;
                }
                match self.sample(run, peer, plan, results.rate) {
                    Ok(sample) => results.runs.entry((run, peer.name)).or_default().push(sample),
                    Err(fault) => {
                        failed.push((run, peer.name));
                        results.note(peer.name, &fault);
                    }
                }
            }
        }
        if runs.contains(&Run::Small) {
            results.rate = plan.rate.or_else(|| Some(results.slowest()? * OPEN_LOOP_SHARE));
        }
    }

    fn sample(&mut self, run: Run, peer: &Peer, plan: &Plan, rate: Option<f64>) -> Result<Sample, String> {
        let running = self.start(peer, run.traffic(), run.transport(plan), &probe())?;
        if let Some(sealing) = run.sealing() {
            return self.sealed_sample(run, sealing, &running, plan);
        }
        let request = run.request();
        let mut load = Load::open(&mut self.events, &running.target, &request, run.connections(plan))?;
        let mut drive = |length| match (run, rate) {
            (Run::SmallAtRate, Some(rate)) => load.open_loop(rate, length),
            (Run::SmallAtRate, None) => Err("no rate is known: run `small` first or give --rate".into()),
            (Run::TlsHandshake, _) => load.connecting_loop(length),
            _ => load.closed_loop(length),
        };
        drive(WARM_UP)?;
        let before = running.cpu_time();
        let tally = drive(plan.length)?;
        Ok(Sample::new(&tally, running.cpu_time().saturating_sub(before)))
    }

    /// The peer was started just now.
    fn sealed_sample(
        &mut self,
        run: Run,
        sealing: Sealing,
        running: &Running,
        plan: &Plan,
    ) -> Result<Sample, String> {
        if let (Run::SealedSingle, Transport::Sealed { window }) = (run, run.transport(plan)) {
            std::thread::sleep(Duration::from_secs(window + CLOCK_SLACK));
        }
        let mut sealed = SealedLoad::connect(running.target.address, sealing)?;
        let mut load = Load::open(&mut self.events, &running.target, &mut sealed, run.connections(plan))?;
        let drive = |load: &mut Load<'_>, length| match run {
            Run::SealedSingle => load.open_loop(SINGLES_PER_SECOND, length),
            _ => load.closed_loop(length),
        };
        let warm = drive(&mut load, WARM_UP)?;
        load.prepare(plan.length, &warm)?;
        let before = running.cpu_time();
        let tally = drive(&mut load, plan.length)?;
        let used = running.cpu_time().saturating_sub(before);
        drop(load);
        if sealed.opened() == 0 && tally.refused == 0 {
            return Err("no sealed response was opened and compared".into());
        }
        Ok(Sample::new(&tally, used))
    }

    /// Counts the system calls per request on one connection, where `strace` is installed.
    pub(crate) fn count_calls(&mut self, plan: &Plan, results: &mut Results) {
        for peer in plan.peers.iter().filter(|peer| peer.speaks(Transport::Plain)) {
            let request = Run::Single.request();
            let started = self.start(peer, Traffic::Small, Transport::Plain, &request);
            let counted = started.and_then(|running| {
                let mut load = Load::open(&mut self.events, &running.target, &request, 1)?;
                system_calls::count(&running, &mut load)
            });
            match counted {
                Ok(calls) => drop(results.calls.insert(peer.name, calls)),
                Err(fault) => results.note(peer.name, &fault),
            }
        }
    }

    /// Memory of idle connections that each made one request.
    pub(crate) fn idle(&mut self, transport: Transport, plan: &Plan, results: &mut Results) {
        for peer in &plan.peers {
            // The floor keeps a connection to the origin for each: its figure would compare with nothing.
            if peer.name == Name::Floor || !peer.speaks(transport) {
                continue;
            }
            let memory = match transport {
                Transport::Plain | Transport::Sealed { .. } | Transport::Guarded(_) => &mut results.idle,
                Transport::Tls => &mut results.idle_tls,
            };
            match self.idle_memory(peer, transport, plan.idle_connections) {
                Ok(measured) => drop(memory.insert(peer.name, measured)),
                Err(fault) => results.note(peer.name, &fault),
            }
        }
    }

    /// What the cipher alone costs, once for each round, in pieces as large as those of this run.
    pub(crate) fn cipher(&self, run: Run, plan: &Plan, results: &mut Results) {
        let bytes = if run == Run::SealedBulk { PAYLOAD_CHUNK_SENT_BYTES } else { TLS_RECORD_BYTES };
        for _ in 0..plan.rounds {
            match cipher::seal_us_per_mib(self.processors.proxy, bytes) {
                Ok(cost) => results.cipher_us.entry(run).or_default().push(cost),
                Err(fault) => results.notes.push(format!("the cipher alone: {fault}")),
            }
        }
    }

    fn idle_memory(
        &mut self,
        peer: &Peer,
        transport: Transport,
        connections: usize,
    ) -> Result<(f64, u64), String> {
        let request = probe();
        let running = self.start(peer, Traffic::Small, transport, &request)?;
        let mut load = Load::open(&mut self.events, &running.target, &request, IDLE_BASE)?;
        load.rest(SETTLE)?;
        let base = running.memory();
        load.grow(IDLE_BASE + connections)?;
        load.rest(SETTLE)?;
        let full = running.memory();
        load.abort();
        Ok(((full as f64 - base as f64) / connections as f64, base))
    }

    /// A peer that has answered this request.
    pub(crate) fn start(
        &mut self,
        peer: &Peer,
        traffic: Traffic,
        transport: Transport,
        request: &Request,
    ) -> Result<Running, String> {
        let mut running = peer.start(self.origin, &self.processors, traffic, transport)?;
        let begun = Instant::now();
        loop {
            let fault = match Load::open(&mut self.events, &running.target, request, 1) {
                Ok(_) => return Ok(running),
                Err(fault) => fault,
            };
            if let Some(reason) = running.ended() {
                return Err(reason);
            }
            if begun.elapsed() > START {
                return Err(format!("does not answer: {fault}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Results {
    /// The median over the rounds of one figure.
    pub(crate) fn median(&self, run: Run, name: Name, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        self.spread(run, name, figure).map(|(_, median, _)| median)
    }

    /// Least, median and greatest of one figure over the rounds.
    pub(crate) fn spread(
        &self,
        run: Run,
        name: Name,
        figure: impl Fn(&Sample) -> f64,
    ) -> Option<(f64, f64, f64)> {
        spread(self.runs.get(&(run, name))?.iter().map(figure).collect())
    }

    /// Least, median and greatest CPU µs to encrypt 1 MiB as this run does and do nothing else.
    pub(crate) fn cipher_spread(&self, run: Run) -> Option<(f64, f64, f64)> {
        spread(self.cipher_us.get(&run)?.clone())
    }

    fn note(&mut self, name: Name, fault: &str) {
        eprintln!("{}: {fault}", name.text());
        // The first failure of a peer says enough in the report.
        let start = format!("{}: ", name.text());
        if !self.notes.iter().any(|note| note.starts_with(&start)) {
            self.notes.push(start + fault);
        }
    }

    fn slowest(&self) -> Option<f64> {
        let of_small = self.runs.keys().filter(|(run, _)| *run == Run::Small);
        of_small
            .filter_map(|&(run, name)| self.median(run, name, |sample| sample.per_second))
            .reduce(f64::min)
    }
}

/// What shows that a peer serves.
fn probe() -> Request {
    Run::Small.request()
}

/// Least, median and greatest.
pub(crate) fn spread(mut values: Vec<f64>) -> Option<(f64, f64, f64)> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        *values.get(middle)?
    } else {
        (values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0
    };
    Some((*values.first()?, median, *values.last()?))
}
