//! `cargo bench --bench versus`: ringwall beside nginx, HAProxy, Envoy, Pingora, Apache and the io_uring floor, under the same
//! load on the same CPU. What the figures mean and how they are kept fair: `README.md` in this directory.

#![expect(clippy::disallowed_methods, reason = "a measuring program reads clocks and starts threads")]

mod answer;
mod certificate;
mod channel;
mod cipher;
mod event_loop;
mod generator_check;
mod load;
mod measure;
mod origin;
mod peers;
mod processors;
mod report;
mod sealed_load;
mod sealed_report;
mod system_calls;
mod token_report;
mod token_runs;
mod token_server;
#[path = "../token_signer/mod.rs"]
mod token_signer;
mod tokens;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::channel::Target;
use crate::event_loop::EventLoop;
use crate::load::{Load, Request};
use crate::measure::{Bench, Plan, Results, Run};
use crate::origin::Origin;
use crate::peers::{Name, Peer, Transport};
use crate::processors::Processors;
use crate::tokens::Kind;

#[derive(Parser)]
#[command(name = "versus", about = "ringwall beside its peers, under the same load")]
struct Arguments {
    /// Peers to measure, by commas; those not installed are skipped with a message
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Name>,
    /// What to measure, by commas
    #[arg(long, value_delimiter = ',', value_enum, default_value = "all")]
    scenario: Vec<Scenario>,
    /// Measurements of each peer in each scenario
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Length of one measurement
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Connections of the `small` scenario, over TLS too
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Connections of the `bulk` scenario, over TLS too
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    bulk_connections: u16,
    /// Connections under way at once that each make a handshake and one request
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    handshakes: u16,
    /// Idle connections beyond the first thousand
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u16).range(1..=20000))]
    idle_connections: u16,
    /// Requests per second of the open loop; else 60 % of what the slowest peer reached
    #[arg(long)]
    rate: Option<f64>,
    /// CPUs of the proxy, the load and the origin, by commas; else the second, first and third that may be used
    #[arg(long, value_delimiter = ',')]
    cpus: Vec<usize>,
    /// Compare the load generator with wrk instead
    #[arg(long)]
    check_generator: bool,
    /// Given by `cargo bench`; without it only a smoke test runs
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Kept-alive connections with 1 KiB responses, closed and open loop
    Small,
    /// One connection, with system calls counted
    Single,
    /// 1 MiB bodies, down and up
    Bulk,
    /// Memory of idle connections
    Idle,
    /// TLS 1.3: kept-alive connections, full handshakes, 1 MiB responses, memory of idle connections
    Tls,
    /// Payload encryption: messages of a session, single messages, 1 MiB responses, session openings
    Sealed,
    /// Access tokens: what judging known ones costs, beside peers and beside an open route
    Tokens,
    /// Memory after a million different tokens
    TokensMemory,
    All,
}

impl Scenario {
    /// Whether this peer has a part in it.
    fn takes(self, name: Name) -> bool {
        match self {
            Scenario::Sealed | Scenario::TokensMemory => name.is_ours(),
            Scenario::Tokens => Kind::ALL.iter().any(|kind| name.judges(*kind)),
            Scenario::All => true,
            _ => name != Name::Apache,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.bench { measure(&arguments) } else { smoke_test() };
    match outcome {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("versus: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<String, String> {
    let processors = Processors::choose(&arguments.cpus)?;
    raise_descriptor_limit()?;
    processors::pin_this_thread(processors.load).map_err(|fault| format!("cannot pin: {fault}"))?;
    if arguments.check_generator {
        return generator_check::compare(processors);
    }
    let mut bench = set_up(processors)?;
    let peers = find_peers(|name| {
        (arguments.only.is_empty() || arguments.only.contains(&name))
            && arguments.scenario.iter().any(|scenario| scenario.takes(name))
    });
    let plan = Plan {
        peers,
        rounds: arguments.rounds.into(),
        length: Duration::try_from_secs_f64(arguments.seconds)
            .map_err(|fault| format!("--seconds: {fault}"))?,
        connections: arguments.connections.into(),
        bulk_connections: arguments.bulk_connections.into(),
        handshakes: arguments.handshakes.into(),
        idle_connections: arguments.idle_connections.into(),
        rate: arguments.rate,
    };
    let wanted =
        |scenario| arguments.scenario.iter().any(|&given| given == scenario || given == Scenario::All);
    let mut results = Results::default();
    if wanted(Scenario::Small) {
        bench.run(&[Run::Small], &plan, &mut results);
        bench.run(&[Run::SmallAtRate], &plan, &mut results);
    }
    if wanted(Scenario::Single) {
        bench.run(&[Run::Single], &plan, &mut results);
        bench.count_calls(&plan, &mut results);
    }
    // What TLS or sealing adds to a response is told from the plain one.
    if wanted(Scenario::Sealed) {
        bench.run(&[Run::BulkDown, Run::SealedBulk], &plan, &mut results);
    } else if wanted(Scenario::Bulk) || wanted(Scenario::Tls) {
        bench.run(&[Run::BulkDown], &plan, &mut results);
    }
    if wanted(Scenario::Bulk) {
        bench.run(&[Run::BulkUp], &plan, &mut results);
    }
    if wanted(Scenario::Idle) {
        bench.idle(Transport::Plain, &plan, &mut results);
    }
    if wanted(Scenario::Tls) {
        measure_tls(&mut bench, &plan, &mut results);
    }
    if wanted(Scenario::Sealed) {
        measure_sealed(&mut bench, &plan, &mut results);
    }
    if wanted(Scenario::Tokens) {
        results.tokens = bench.tokens(&plan, &mut results.notes);
    }
    if wanted(Scenario::TokensMemory) {
        results.tokens.memory = bench.tokens_memory(&plan, &mut results.notes);
    }
    Ok(report::render(&plan, &processors, &results))
}

fn measure_tls(bench: &mut Bench, plan: &Plan, results: &mut Results) {
    for run in [Run::TlsSmall, Run::TlsHandshake, Run::TlsBulk] {
        bench.run(&[run], plan, results);
    }
    bench.cipher(Run::TlsBulk, plan, results);
    bench.idle(Transport::Tls, plan, results);
}

/// Beside [`Run::SealedBulk`], which runs with its plain counterpart.
fn measure_sealed(bench: &mut Bench, plan: &Plan, results: &mut Results) {
    bench.run(&[Run::PlainEcho, Run::SealedSession, Run::SealedSingle], plan, results);
    bench.run(&[Run::Openings, Run::OpeningsRefused], plan, results);
    bench.cipher(Run::SealedBulk, plan, results);
}

fn find_peers(wanted: impl Fn(Name) -> bool) -> Vec<Peer> {
    let wanted = Name::ALL.into_iter().filter(|&name| wanted(name));
    let found = wanted.filter_map(|name| match Peer::find(name) {
        Ok(peer) => Some(peer),
        Err(reason) => {
            eprintln!("{} is skipped, {reason}", name.text());
            None
        }
    });
    found.collect()
}

/// Starts the origin: in the load's event loop, or on a CPU of its own.
fn set_up(processors: Processors) -> Result<Bench, String> {
    let fault = |fault: std::io::Error| format!("cannot set up: {fault}");
    let (shared, origin) = if processors.origin == processors.load {
        let origin = Origin::bind().map_err(fault)?;
        let address = origin.address().map_err(fault)?;
        (Some(origin), address)
    } else {
        let pin = move || processors::pin_this_thread(processors.origin);
        (None, origin::serve_on_thread(pin).map_err(fault)?)
    };
    let events = EventLoop::new(shared).map_err(fault)?;
    Ok(Bench { events, origin, processors })
}

fn raise_descriptor_limit() -> Result<(), String> {
    let fault = |fault| format!("cannot raise the limit of open files: {fault}");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(fault)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(fault)
}

/// What `cargo test --benches` runs: the generator and the origin alone, for a moment.
fn smoke_test() -> Result<String, String> {
    let origin = Origin::bind().map_err(|fault| fault.to_string())?;
    let address = origin.address().map_err(|fault| fault.to_string())?;
    let mut events = EventLoop::new(Some(origin)).map_err(|fault| fault.to_string())?;
    let requests = [
        Request::get("/1k", 1024),
        Request::get("/1m", 1 << 20),
        Request::post("/upload", 1 << 20, 2),
        Request::post("/1k-answer", 1024, 1024),
    ];
    let target = Target::in_the_clear(address);
    let mut answered = 0;
    for request in &requests {
        let mut load = Load::open(&mut events, &target, request, 4)?;
        answered += load.closed_loop(Duration::from_millis(50))?.requests;
        answered += load.open_loop(200.0, Duration::from_millis(50))?.requests;
        answered += load.connecting_loop(Duration::from_millis(50))?.requests;
    }
    Ok(format!("{answered} requests answered; `cargo bench --bench versus` measures"))
}
