//! The load generator: one thread, kept-alive connections, one request at a time on each.
//!
//! Closed loop: every connection sends its next request when the last was answered; says what a request costs and how
//! many fit. Open loop: requests arrive at a fixed rate whether or not the proxy keeps up, and latency counts from the
//! moment a request should have been sent, so that a stall is charged to every request it delayed.
//! Every response's status and length is checked; any fault ends the run.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::answer::{AnswerReader, Expected};
use crate::certificate::NAME;
use crate::channel::{Channel, Target};
use crate::event_loop::EventLoop;
use crate::sealed_load::{SealedLoad, SealedRequest};

/// A run whose last answers take longer has stalled.
const PATIENCE: Duration = Duration::from_secs(10);
/// New connections that make their first request at once.
const OPENING_TOGETHER: usize = 64;
/// What one call reads, or discards of a response body.
const SCRATCH_BYTES: usize = 1024 * 1024;

/// One request and what must answer it.
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// What a load sends.
pub(crate) enum Work<'a> {
    /// These in turn.
    Turn(&'a [Request]),
    /// Never the same twice.
    Sealed(&'a mut SealedLoad),
}

impl<'a> From<&'a Request> for Work<'a> {
    fn from(request: &'a Request) -> Self {
        Work::Turn(std::slice::from_ref(request))
    }
}

impl<'a> From<&'a [Request]> for Work<'a> {
    fn from(requests: &'a [Request]) -> Self {
        Work::Turn(requests)
    }
}

impl<'a> From<&'a mut SealedLoad> for Work<'a> {
    fn from(load: &'a mut SealedLoad) -> Self {
        Work::Sealed(load)
    }
}

impl Request {
    pub(crate) fn get(path: &str, response_bytes: usize) -> Self {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\nUser-Agent: versus\r\nAccept: */*\r\n\r\n");
        Request { bytes: head.into_bytes(), expected: Expected::bytes(response_bytes) }
    }

    pub(crate) fn post(path: &str, body_bytes: usize, response_bytes: usize) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {NAME}\r\nUser-Agent: versus\r\nAccept: */*\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {body_bytes}\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        bytes.resize(bytes.len() + body_bytes, b'x');
        Request { bytes, expected: Expected::bytes(response_bytes) }
    }
}

/// What a run did. All requests begun in it were answered in it.
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Those of them that were answered with 429, where that is no fault.
    pub(crate) refused: u64,
    pub(crate) elapsed: Duration,
    /// Nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn latency_us(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// Connections to one target, idle between runs.
pub(crate) struct Load<'a> {
    events: &'a mut EventLoop,
    target: Target,
    work: Work<'a>,
    /// Requests begun.
    begun: usize,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    ready: Vec<usize>,
    scratch: Vec<u8>,
    refused: u64,
    latency: Histogram<u64>,
}

struct Connection {
    channel: Channel,
    /// When the request should have been sent.
    intended: Instant,
    /// Which request of those that are sent in turn is under way.
    number: usize,
    /// The request under way, where each is another.
    sealed: Option<Box<SealedRequest>>,
    sent: usize,
    answer: AnswerReader,
}

impl<'a> Load<'a> {
    pub(crate) fn open(
        events: &'a mut EventLoop,
        target: &Target,
        work: impl Into<Work<'a>>,
        connections: usize,
    ) -> Result<Self, String> {
        let latency = Histogram::new_with_bounds(1, 100_000_000_000, 3).map_err(|fault| fault.to_string())?;
        let mut load = Load {
            events,
            target: target.clone(),
            work: work.into(),
            begun: 0,
            connections: Vec::new(),
            idle: VecDeque::new(),
            ready: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            refused: 0,
            latency,
        };
        load.grow(connections)?;
        Ok(load)
    }

    /// Opens connections until there are `count`, each proven by one request.
    pub(crate) fn grow(&mut self, count: usize) -> Result<(), String> {
        while self.connections.len() < count {
            let first = self.connections.len();
            for _ in first..count.min(first + OPENING_TOGETHER) {
                let connection = self.connect(self.connections.len())?;
                self.connections.push(connection);
            }
            let now = Instant::now();
            for index in first..self.connections.len() {
                self.start(index, now)?;
            }
            self.finish()?;
        }
        Ok(())
    }

    pub(crate) fn closed_loop(&mut self, length: Duration) -> Result<Tally, String> {
        self.reset();
        let begun = Instant::now();
        let end = begun + length;
        let mut finished: Vec<usize> = self.idle.drain(..).collect();
        let mut requests = 0;
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            for index in finished.drain(..) {
                self.start(index, now)?;
            }
            self.collect(end, &mut finished)?;
            requests += finished.len() as u64;
        }
        self.idle.extend(finished);
        requests += self.finish()?;
        Ok(self.tally(requests, begun))
    }

    /// As the closed loop, but every request has a connection of its own: connect, handshake, one exchange, reset.
    pub(crate) fn connecting_loop(&mut self, length: Duration) -> Result<Tally, String> {
        self.reset();
        let begun = Instant::now();
        let end = begun + length;
        let mut finished: Vec<usize> = self.idle.drain(..).collect();
        let mut requests = 0;
        while Instant::now() < end {
            for index in finished.drain(..) {
                self.reconnect(index)?;
                let intended = self.connections[index].intended;
                self.start(index, intended)?;
            }
            self.collect(end, &mut finished)?;
            requests += finished.len() as u64;
        }
        self.idle.extend(finished);
        requests += self.finish()?;
        Ok(self.tally(requests, begun))
    }

    pub(crate) fn open_loop(&mut self, per_second: f64, length: Duration) -> Result<Tally, String> {
        self.reset();
        let begun = Instant::now();
        let arrivals = (per_second * length.as_secs_f64()) as u64;
        let arrival = |number: u64| begun + Duration::from_secs_f64(number as f64 / per_second);
        let mut finished = Vec::new();
        let (mut sent, mut requests) = (0, 0);
        while sent < arrivals {
            let now = Instant::now();
            if now > begun + length + PATIENCE {
                return Err(format!("fell hopelessly behind {per_second:.0} requests/s"));
            }
            while sent < arrivals && arrival(sent) <= now {
                let Some(index) = self.idle.pop_front() else { break };
                self.start(index, arrival(sent))?;
                sent += 1;
            }
            // Without an idle connection only an answer helps, and it wakes the loop by itself.
            let deadline = if self.idle.is_empty() { now + PATIENCE } else { arrival(sent) };
            self.collect(deadline, &mut finished)?;
            requests += finished.len() as u64;
            self.idle.extend(finished.drain(..));
        }
        requests += self.finish()?;
        Ok(self.tally(requests, begun))
    }

    /// Sends so many requests and waits for their answers.
    pub(crate) fn send(&mut self, count: usize) -> Result<Tally, String> {
        self.reset();
        let begun = Instant::now();
        let (mut sent, mut requests) = (0, 0);
        let mut finished: Vec<usize> = self.idle.drain(..).collect();
        while sent < count {
            let now = Instant::now();
            for index in finished.drain(..) {
                if sent < count {
                    self.start(index, now)?;
                    sent += 1;
                } else {
                    self.idle.push_back(index);
                }
            }
            self.collect(now + PATIENCE, &mut finished)?;
            requests += finished.len() as u64;
        }
        self.idle.extend(finished);
        requests += self.finish()?;
        Ok(self.tally(requests, begun))
    }

    /// Goes on with other requests; none is under way.
    pub(crate) fn turn_to(&mut self, work: impl Into<Work<'a>>) {
        self.work = work.into();
    }

    /// Keeps the connections open without a request, and fails when the target closes one.
    pub(crate) fn rest(&mut self, length: Duration) -> Result<(), String> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.collect(end, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Closes all connections with a reset, which leaves no port behind in TIME-WAIT.
    pub(crate) fn abort(self) {
        for connection in self.connections {
            connection.channel.abort();
        }
    }

    /// Has requests ready for so long, if the target goes on as in `before`.
    pub(crate) fn prepare(&mut self, length: Duration, before: &Tally) -> Result<(), String> {
        match &mut self.work {
            Work::Turn(_) => Ok(()),
            Work::Sealed(load) => load.prepare((before.per_second() * length.as_secs_f64()) as usize),
        }
    }

    fn reset(&mut self) {
        self.latency.reset();
        self.refused = 0;
    }

    fn tally(&self, requests: u64, begun: Instant) -> Tally {
        Tally { requests, refused: self.refused, elapsed: begun.elapsed(), latency: self.latency.clone() }
    }

    /// A new connection that is to be the one of this index.
    fn connect(&self, index: usize) -> Result<Connection, String> {
        let address = self.target.address;
        let fault = |fault| format!("cannot connect to {address}: {fault}");
        let intended = Instant::now();
        let channel = Channel::connect(&self.target).map_err(fault)?;
        self.events.registry().add(&channel, index as u64).map_err(fault)?;
        let answer = AnswerReader::default();
        Ok(Connection { channel, intended, number: 0, sealed: None, sent: 0, answer })
    }

    /// Puts a new connection in the place of one that is over.
    fn reconnect(&mut self, index: usize) -> Result<(), String> {
        let connection = self.connect(index)?;
        std::mem::replace(&mut self.connections[index], connection).channel.abort();
        Ok(())
    }

    fn start(&mut self, index: usize, intended: Instant) -> Result<(), String> {
        let connection = &mut self.connections[index];
        connection.intended = intended;
        connection.sent = 0;
        connection.answer.begin();
        match &mut self.work {
            Work::Turn(requests) => {
                connection.number = self.begun % requests.len();
                self.begun += 1;
                connection.write(&requests[connection.number])
            }
            Work::Sealed(load) => {
                let sealed = load.next()?;
                let outcome = connection.write(&sealed.request);
                connection.sealed = Some(sealed);
                outcome
            }
        }
    }

    /// Waits once for the target and appends the connections whose request is answered.
    fn collect(&mut self, deadline: Instant, finished: &mut Vec<usize>) -> Result<(), String> {
        self.events.turn(deadline, &mut self.ready).map_err(|fault| fault.to_string())?;
        let already = finished.len();
        for &index in &self.ready {
            let Some(connection) = self.connections.get_mut(index) else { continue };
            let is_done = match &mut self.work {
                Work::Turn(requests) => {
                    connection.proceed(&requests[connection.number], &mut self.scratch)?
                }
                Work::Sealed(load) => match connection.sealed.take() {
                    None => connection.proceed(load.none(), &mut self.scratch)?,
                    Some(sealed) => {
                        let is_done = connection.proceed(&sealed.request, &mut self.scratch)?;
                        if is_done {
                            load.answered(*sealed, &connection.answer)?;
                        } else {
                            connection.sealed = Some(sealed);
                        }
                        is_done
                    }
                },
            };
            if is_done {
                self.refused += u64::from(connection.answer.is_refused());
                let taken = connection.intended.elapsed().as_nanos() as u64;
                self.latency.record(taken).map_err(|fault| fault.to_string())?;
                finished.push(index);
            }
        }
        // A refusal ends its connection.
        for &index in &finished[already..] {
            if self.connections[index].answer.is_last() {
                self.reconnect(index)?;
            }
        }
        Ok(())
    }

    /// Waits for all requests under way; returns how many they were.
    fn finish(&mut self) -> Result<u64, String> {
        let mut finished = Vec::new();
        let end = Instant::now() + PATIENCE;
        let mut waited_for = 0;
        while self.idle.len() < self.connections.len() {
            if Instant::now() > end {
                let open = self.connections.len() - self.idle.len();
                return Err(format!("{open} requests are without an answer after {PATIENCE:?}"));
            }
            self.collect(end, &mut finished)?;
            waited_for += finished.len() as u64;
            self.idle.extend(finished.drain(..));
        }
        Ok(waited_for)
    }
}

impl Connection {
    /// Does what is possible; true when the response is complete.
    fn proceed(&mut self, request: &Request, scratch: &mut [u8]) -> Result<bool, String> {
        self.channel.flush().map_err(|fault| format!("cannot write to a connection: {fault}"))?;
        if !self.answer.is_idle() {
            self.write(request)?;
        }
        loop {
            let received = match self.channel.receive(scratch, self.answer.wants(&request.expected)) {
                Ok(received) => received,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(fault) if fault.kind() == ErrorKind::UnexpectedEof => {
                    return Err("the target closed a connection".into());
                }
                Err(fault) => return Err(format!("a connection failed: {fault}")),
            };
            self.answer.take(received.bytes, &request.expected)?;
            if self.answer.is_done() && self.sent == request.bytes.len() {
                self.answer.finish();
                return Ok(true);
            }
            if received.drained {
                return Ok(false);
            }
        }
    }

    fn write(&mut self, request: &Request) -> Result<(), String> {
        while let Some(rest) = request.bytes.get(self.sent..)
            && !rest.is_empty()
        {
            match self.channel.write(rest) {
                Ok(count) => self.sent += count,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(fault) => return Err(format!("cannot write a request: {fault}")),
            }
        }
        Ok(())
    }
}
