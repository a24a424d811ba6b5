//! Runs the scenarios: for every round each peer in turn, started afresh, so that drift of the host and luck of one
//! start (memory alignment) fall on all alike. What is kept is every round's sample; the tables show medians.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::cipher;
use crate::event_loop::EventLoop;
use crate::load::{Load, Request, Tally};
use crate::peers::{Name, Peer, Running, Traffic, Transport};
use crate::processors::Processors;
use crate::system_calls::{self, Calls};

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
    /// CPU µs to encrypt 1 MiB and do nothing else, a sample for each round.
    pub(crate) cipher_us: Vec<f64>,
    pub(crate) rate: Option<f64>,
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
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
}

impl Sample {
    fn new(tally: &Tally, cpu: Duration) -> Self {
        Sample {
            cpu_us_per_request: cpu.as_secs_f64() * 1e6 / tally.requests.max(1) as f64,
            busy: cpu.as_secs_f64() / tally.elapsed.as_secs_f64(),
            per_second: tally.per_second(),
            p50_us: tally.latency_us(0.50),
            p99_us: tally.latency_us(0.99),
            p999_us: tally.latency_us(0.999),
        }
    }
}

impl Run {
    fn request(self) -> Request {
        match self {
            Run::Small | Run::SmallAtRate | Run::Single | Run::TlsSmall | Run::TlsHandshake => {
                Request::get("/1k", 1024)
            }
            Run::BulkDown | Run::TlsBulk => Request::get("/1m", MIB),
            Run::BulkUp => Request::post("/upload", MIB),
        }
    }

    fn traffic(self) -> Traffic {
        match self {
            Run::BulkDown | Run::BulkUp | Run::TlsBulk => Traffic::Bulk,
            _ => Traffic::Small,
        }
    }

    fn transport(self) -> Transport {
        match self {
            Run::TlsSmall | Run::TlsHandshake | Run::TlsBulk => Transport::Tls,
            _ => Transport::Plain,
        }
    }

    fn connections(self, plan: &Plan) -> usize {
        match self {
            Run::Small | Run::SmallAtRate | Run::TlsSmall => plan.connections,
            Run::Single => 1,
            Run::TlsHandshake => plan.handshakes,
            Run::BulkDown | Run::BulkUp | Run::TlsBulk => plan.bulk_connections,
        }
    }
}

impl Bench {
    /// All rounds of one run, for all peers. A peer that fails is noted and left out of this run's other rounds.
    pub(crate) fn run(&mut self, run: Run, plan: &Plan, results: &mut Results) {
        let mut failed = Vec::new();
        for _ in 0..plan.rounds {
            for peer in &plan.peers {
                if failed.contains(&peer.name) || !peer.speaks(run.transport()) {
                    continue;
                }
                match self.sample(run, peer, plan, results.rate) {
                    Ok(sample) => results.runs.entry((run, peer.name)).or_default().push(sample),
                    Err(fault) => {
                        failed.push(peer.name);
                        results.note(peer.name, &fault);
                    }
                }
            }
        }
        if run == Run::Small {
            results.rate = plan.rate.or_else(|| Some(results.slowest()? * OPEN_LOOP_SHARE));
        }
    }

    fn sample(&mut self, run: Run, peer: &Peer, plan: &Plan, rate: Option<f64>) -> Result<Sample, String> {
        let running = self.start(peer, run.traffic(), run.transport())?;
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

    /// Counts the system calls per request on one connection, where `strace` is installed.
    pub(crate) fn count_calls(&mut self, plan: &Plan, results: &mut Results) {
        for peer in &plan.peers {
            let request = Run::Single.request();
            let counted = self.start(peer, Traffic::Small, Transport::Plain).and_then(|running| {
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
                Transport::Plain => &mut results.idle,
                Transport::Tls => &mut results.idle_tls,
            };
            match self.idle_memory(peer, transport, plan.idle_connections) {
                Ok(measured) => drop(memory.insert(peer.name, measured)),
                Err(fault) => results.note(peer.name, &fault),
            }
        }
    }

    /// What the cipher alone costs, once for each round.
    pub(crate) fn cipher(&self, plan: &Plan, results: &mut Results) {
        for _ in 0..plan.rounds {
            match cipher::seal_us_per_mib(self.processors.proxy) {
                Ok(cost) => results.cipher_us.push(cost),
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
        let running = self.start(peer, Traffic::Small, transport)?;
        let request = Run::Small.request();
        let mut load = Load::open(&mut self.events, &running.target, &request, IDLE_BASE)?;
        load.rest(SETTLE)?;
        let base = running.memory();
        load.grow(IDLE_BASE + connections)?;
        load.rest(SETTLE)?;
        let full = running.memory();
        load.abort();
        Ok(((full as f64 - base as f64) / connections as f64, base))
    }

    /// A peer that has answered a request.
    pub(crate) fn start(
        &mut self,
        peer: &Peer,
        traffic: Traffic,
        transport: Transport,
    ) -> Result<Running, String> {
        let mut running = peer.start(self.origin, &self.processors, traffic, transport)?;
        let begun = Instant::now();
        let request = Run::Small.request();
        loop {
            let fault = match Load::open(&mut self.events, &running.target, &request, 1) {
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
    pub(crate) fn median(&self, run: Run, name: Name, figure: fn(&Sample) -> f64) -> Option<f64> {
        self.spread(run, name, figure).map(|(_, median, _)| median)
    }

    /// Least, median and greatest of one figure over the rounds.
    pub(crate) fn spread(&self, run: Run, name: Name, figure: fn(&Sample) -> f64) -> Option<(f64, f64, f64)> {
        spread(self.runs.get(&(run, name))?.iter().map(figure).collect())
    }

    /// Least, median and greatest CPU µs to encrypt 1 MiB and do nothing else.
    pub(crate) fn cipher_spread(&self) -> Option<(f64, f64, f64)> {
        spread(self.cipher_us.clone())
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

fn spread(mut values: Vec<f64>) -> Option<(f64, f64, f64)> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        *values.get(middle)?
    } else {
        (values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0
    };
    Some((*values.first()?, median, *values.last()?))
}
