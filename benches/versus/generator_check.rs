//! Is the load generator itself right? The same closed loop by wrk and by ours, against the same target.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::channel::Target;
use crate::event_loop::EventLoop;
use crate::load::{Load, Request};
use crate::measure::Bench;
use crate::origin;
use crate::peers::{Name, Peer, Traffic, Transport, on_path};
use crate::processors::{self, Processors};

const CONNECTIONS: usize = 64;
const SECONDS: u64 = 3;
const ROUNDS: usize = 3;
/// The two may differ by this much.
const TOLERANCE: f64 = 0.10;
/// Share of the reached throughput that the open loop asks for.
const OPEN_LOOP_SHARE: f64 = 0.5;

/// Throughput and median latency.
struct Figures {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

/// The target is nginx with its origin on the proxy's CPU: slow enough that it is the limit and not the generators,
/// which have the load's CPU for themselves.
pub(crate) fn compare(processors: Processors) -> Result<String, String> {
    let wrk = on_path("wrk").ok_or("wrk is not installed: apt-get install wrk")?;
    let nginx = Peer::find(Name::Nginx)?;
    let pin = move || processors::pin_this_thread(processors.proxy);
    let origin = origin::serve_on_thread(pin).map_err(|fault| fault.to_string())?;
    let events = EventLoop::new(None).map_err(|fault| fault.to_string())?;
    let mut bench = Bench { events, origin, processors };
    let request = Request::get("/1k", 1024);
    let running = bench.start(&nginx, Traffic::Small, Transport::Plain, &request)?;
    let (target, mut events) = (running.target.clone(), bench.events);
    let (mut by_wrk, mut by_us) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        by_wrk.push(wrk_run(&wrk, target.address).map_err(|fault| format!("wrk: {fault}"))?);
        by_us.push(own_run(&mut events, &target)?);
    }
    let (wrk, ours) = (median(by_wrk), median(by_us));
    let ratio = ours.per_second / wrk.per_second;
    let asked = wrk.per_second * OPEN_LOOP_SHARE;
    let mut load = Load::open(&mut events, &target, &request, CONNECTIONS)?;
    let open = load.open_loop(asked, Duration::from_secs(SECONDS))?;
    let mut text = String::from("| closed loop | requests/s | p50 µs | p99 µs |\n|---|---|---|---|\n");
    for (name, figures) in [("wrk", &wrk), ("versus", &ours)] {
        let Figures { per_second, p50_us, p99_us } = figures;
        text += &format!("| {name} | {per_second:.0} | {p50_us:.0} | {p99_us:.0} |\n");
    }
    text += &format!(
        "\nOpen loop: asked for {asked:.0} requests/s, made {:.0}; p50 {:.0} µs, p99 {:.0} µs.\n",
        open.per_second(),
        open.latency_us(0.50),
        open.latency_us(0.99),
    );
    text += &format!("Throughput of versus is {ratio:.2} of wrk's; within {TOLERANCE:.2} of 1 is asked for.");
    if (ratio - 1.0).abs() <= TOLERANCE {
        Ok(text)
    } else {
        Err(format!("the generators disagree\n\n{text}"))
    }
}

fn own_run(events: &mut EventLoop, target: &Target) -> Result<Figures, String> {
    let request = Request::get("/1k", 1024);
    let mut load = Load::open(events, target, &request, CONNECTIONS)?;
    let tally = load.closed_loop(Duration::from_secs(SECONDS))?;
    Ok(Figures {
        per_second: tally.per_second(),
        p50_us: tally.latency_us(0.50),
        p99_us: tally.latency_us(0.99),
    })
}

fn wrk_run(wrk: &std::path::Path, target: SocketAddr) -> io::Result<Figures> {
    let output = Command::new(wrk)
        .args(["-t1", "-c", &CONNECTIONS.to_string(), "-d", &format!("{SECONDS}s"), "--latency"])
        .arg(format!("http://{target}/1k"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = |label: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(label))?;
        duration_us(line.trim()).or_else(|| line.trim().parse().ok())
    };
    let missing = || io::Error::other(format!("an answer that is not understood: {text}"));
    Ok(Figures {
        per_second: figure("Requests/sec:").ok_or_else(missing)?,
        p50_us: figure("50%").ok_or_else(missing)?,
        p99_us: figure("99%").ok_or_else(missing)?,
    })
}

fn duration_us(text: &str) -> Option<f64> {
    [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
        .into_iter()
        .find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

/// The round with the median throughput.
fn median(mut rounds: Vec<Figures>) -> Figures {
    rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    rounds.swap_remove(ROUNDS / 2)
}
