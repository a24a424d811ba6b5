//! Active health checks: asks servers for a page and says whether they answered well.
//!
//! What follows from an answer (how many failures take a server out) is `policy::upstream_health`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::published::Published;
use crate::limits;
use crate::net::blocking_stream::BlockingStream;
use crate::net::clock;
use crate::net::recurring::{FirstTurn, Recurring};
use crate::net::tls::UpstreamIdentity;
use crate::protocol::moment::Monotonic;

/// One server to check, again and again.
#[derive(Debug)]
pub struct ProbeTarget {
    /// Generation of the rule set that asks for it.
    pub generation: u64,
    /// Position of the upstream.
    pub upstream: usize,
    /// Position of the server in its upstream.
    pub server: usize,
    /// The server's Unix socket, asked in place of addresses.
    pub socket: Option<PathBuf>,
    /// What it is checked against over TLS, and the host it must be; absent: it is asked in the clear.
    pub tls: Option<(Arc<UpstreamIdentity>, String)>,
    /// What goes into `Host`.
    pub authority: String,
    /// Target, origin form.
    pub path: String,
    /// For one whole check.
    pub time_limit: Duration,
    /// The server's addresses as they are known at the moment; the first that accepts is asked.
    pub addresses: Arc<Published<Vec<SocketAddr>>>,
}

/// How one check went.
#[derive(Debug)]
pub struct Probed {
    /// Generation of the rule set that asked for it.
    pub generation: u64,
    /// Position of the upstream.
    pub upstream: usize,
    /// Position of the server in its upstream.
    pub server: usize,
    /// Good when the status was 200 to 399.
    pub outcome: Result<(), ProbeFault>,
}

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeFault {
    /// The answer's head is longer than [`limits::PROBE_HEAD_BYTES`].
    #[error("the answer's head is longer than {} bytes", limits::PROBE_HEAD_BYTES)]
    HeadTooLong,
    /// Connecting, the handshake, sending or receiving failed; also when the time was up.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its name has no address.
    #[error("its name does not resolve")]
    NoAddress,
    /// The answer is not HTTP/1.
    #[error("the answer is not HTTP/1: {0}")]
    NotHttp(httparse::Error),
    /// Another status than 200 to 399.
    #[error("status {0}")]
    Status(u16),
}

/// Makes the checks. Dropping it ends them.
pub struct HealthProber {
    probes: Recurring<ProbeTarget>,
}

impl HealthProber {
    /// Gives every result to `publish`, from several threads.
    pub fn new(publish: impl Fn(Probed) + Send + Sync + 'static) -> Self {
        let work = move |target: &ProbeTarget| {
            let &ProbeTarget { generation, upstream, server, .. } = target;
            publish(Probed { generation, upstream, server, outcome: probe(target) });
        };
        Self { probes: Recurring::new("ringwall-probe", limits::PROBER_THREADS, work) }
    }

    /// Checks exactly these from now on. Fails when a thread cannot be started.
    pub fn watch(&mut self, targets: Vec<(Duration, ProbeTarget)>) -> io::Result<()> {
        self.probes.replace(targets, FirstTurn::Spread)
    }
}

/// Makes one check.
pub fn probe(target: &ProbeTarget) -> Result<(), ProbeFault> {
    let mut stream = open(target, clock::monotonic().after(target.time_limit))?;
    stream.write_all(&request(target))?;
    let mut head = vec![0; limits::PROBE_HEAD_BYTES];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut head[filled..])?;
        if count == 0 {
            return Err(
                io::Error::new(ErrorKind::UnexpectedEof, "closed before the answer was complete").into()
            );
        }
        filled += count;
        match status(&head[..filled])? {
            Some(200..=399) => return Ok(()),
            Some(status) => return Err(ProbeFault::Status(status)),
            None if filled == head.len() => return Err(ProbeFault::HeadTooLong),
            None => {}
        }
    }
}

fn request(target: &ProbeTarget) -> Vec<u8> {
    let ProbeTarget { path, authority, .. } = target;
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: ringwall-health/{version}\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

fn open(target: &ProbeTarget, deadline: Monotonic) -> Result<BlockingStream, ProbeFault> {
    let stream = match &target.socket {
        Some(path) => BlockingStream::connect_unix(path, deadline)?,
        None => connect(&target.addresses.read(), deadline)?,
    };
    match &target.tls {
        Some((identity, host)) => Ok(stream.secured(identity, host)?),
        None => Ok(stream),
    }
}

fn connect(addresses: &[SocketAddr], deadline: Monotonic) -> Result<BlockingStream, ProbeFault> {
    let mut fault = ProbeFault::NoAddress;
    for address in addresses {
        match BlockingStream::connect(*address, deadline) {
            Ok(stream) => return Ok(stream),
            Err(error) => fault = error.into(),
        }
    }
    Err(fault)
}

/// The final status once its head is complete; interim responses are passed over.
fn status(mut bytes: &[u8]) -> Result<Option<u16>, ProbeFault> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; limits::CONTROL_HEADER_COUNT];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(bytes).map_err(ProbeFault::NotHttp)? {
            httparse::Status::Partial => return Ok(None),
            httparse::Status::Complete(length) => match response.code {
                Some(100 | 102..=199) => bytes = &bytes[length..],
                code => return Ok(code),
            },
        }
    }
}

#[cfg(test)]
mod tests;
