//! A call that the worker makes by itself, over its own pooled connections: one request, one whole response.
//!
//! What is asked and what the answer means is the caller's business. A server that fails is left out for a while, as it
//! is for requests of clients.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::generation::{Assignment, Generation};
use super::state::Worker;
use super::tls_notes;
use super::upstream_pool::UpstreamConnection;
use crate::limits::{ATTEMPTS, SERVICE_HEAD_BYTES};
use crate::net::dialer::DialFault;
use crate::net::{clock, ring};
use crate::policy::exchange::ConnectOrder;
use crate::policy::service::Service;
use crate::protocol::http1::{HeadLimits, Method, ResponsePiece, ResponseReader};
use crate::protocol::moment::Monotonic;
use crate::protocol::wire_buffer::WireBuffer;

const HEAD_LIMITS: HeadLimits =
    HeadLimits { request_line: 0, header_bytes: SERVICE_HEAD_BYTES, header_count: 100 };

/// A response, whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallFault {
    /// No server is usable, or none could be connected to.
    NoServer,
    /// The time is up.
    TimedOut,
    /// The connection broke, or what came is no response.
    Broken,
    /// The response is longer than it may be.
    TooLong,
    /// Nothing signs the request.
    Unsigned,
}

/// Whether there is something to send.
pub(super) type Written = Result<(), CallFault>;

/// What is asked.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Writes the request to a server with this authority; anew for every attempt.
    pub(super) write: &'a dyn Fn(&str, &mut Vec<u8>) -> Written,
    /// Bytes of the response's body.
    pub(super) body_max: usize,
}

/// Asks `service`. The request must be one that may be repeated: it is, once, where a kept connection broke before any
/// answer.
pub(super) async fn call(
    worker: &Worker,
    generation: &Rc<Generation>,
    service: &Service,
    call: &Call<'_>,
) -> Result<Reply, CallFault> {
    // No server takes all the time for itself while it is connected to.
    let connect = generation.rules.timeouts.connect.min(service.timeout / ATTEMPTS);
    let asked = Cell::new(None);
    let attempts = async {
        let (mut failed, mut fresh) = (None, false);
        for _ in 0..ATTEMPTS {
            let now = clock::monotonic();
            let Some(server) = generation.choose(service.upstream, worker.random(), failed, now) else {
                break;
            };
            asked.set(Some(server));
            let order = ConnectOrder { upstream: service.upstream, server, fresh, limit: connect };
            match attempt(worker, generation, order, call).await {
                Ok(reply) => {
                    generation.note_success(order.upstream, server);
                    return Ok(reply);
                }
                // Others that were kept as long may have ended too.
                Err(Failure::Again) => fresh = true,
                Err(Failure::Unwritten(fault)) => return Err(fault),
                Err(Failure::Unreachable) => {
                    generation.note_failure(order.upstream, server, clock::monotonic(), worker.random());
                    failed = Some(server);
                }
                Err(Failure::Fault(fault)) => {
                    generation.note_failure(order.upstream, server, clock::monotonic(), worker.random());
                    return Err(fault);
                }
            }
        }
        Err(CallFault::NoServer)
    };
    let said = ring::within(service.timeout, attempts).await;
    said.unwrap_or_else(|| {
        // Whoever has it wait is left out for a while, as one that breaks off is.
        if let Some(server) = asked.get() {
            generation.note_failure(service.upstream, server, clock::monotonic(), worker.random());
        }
        Err(CallFault::TimedOut)
    })
}

enum Failure {
    /// A kept connection had ended: nothing was heard.
    Again,
    /// There is no connection to be had.
    Unreachable,
    Fault(CallFault),
    /// There is nothing to send, which is not the server's fault.
    Unwritten(CallFault),
}

async fn attempt(
    worker: &Worker,
    generation: &Rc<Generation>,
    order: ConnectOrder,
    call: &Call<'_>,
) -> Result<Reply, Failure> {
    let _assigned = Assignment::new(generation.clone(), order.upstream, order.server);
    let authority = &generation.rules.upstreams[usize::from(order.upstream.0)].servers
        [usize::from(order.server)]
    .authority;
    let mut request = Vec::new();
    (call.write)(authority, &mut request).map_err(Failure::Unwritten)?;
    let (held, reused) = connect(worker, generation, order).await?;
    let mut conversation =
        Conversation { held, reader: ResponseReader::new(call.method, HEAD_LIMITS), heard: false };
    let outcome = match conversation.send(request).await {
        Ok(()) => conversation.receive(call.body_max).await,
        Err(fault) => Err(fault),
    };
    let Conversation { held, reader, heard } = conversation;
    match outcome {
        Ok(reply) => {
            if reader.is_reusable() {
                keep(worker, generation, order, held);
            }
            Ok(reply)
        }
        Err(CallFault::Broken) if reused && !heard => Err(Failure::Again),
        Err(fault) => Err(Failure::Fault(fault)),
    }
}

/// A connection, with a read in flight. True: others used it before.
async fn connect(
    worker: &Worker,
    generation: &Rc<Generation>,
    order: ConnectOrder,
) -> Result<(UpstreamConnection, bool), Failure> {
    let idle = poll_fn(|context| {
        let mut retired = 0;
        let now = clock::monotonic();
        let idle =
            generation.pool.borrow_mut().take(order.upstream, order.server, now, context, &mut retired);
        worker.metrics.upstream_retired.add(retired);
        Poll::Ready(idle)
    });
    if !order.fresh
        && let Some(idle) = idle.await
    {
        return Ok((idle, true));
    }
    let address = generation.address(order.upstream, order.server, worker.random());
    let address = address.ok_or(Failure::Unreachable)?;
    let connection = match generation.dial(order, address).await {
        Ok(connection) => connection,
        Err(fault) => {
            worker.metrics.upstream_connect_failed.add(1);
            if let DialFault::Handshake(failure) = fault {
                tls_notes::upstream_handshake_failed(worker, failure);
            }
            return Err(Failure::Unreachable);
        }
    };
    worker.metrics.upstream_connected.add(1);
    let age = generation.pool.borrow().limits(order.upstream).map_or(Duration::ZERO, |limits| limits.age);
    let retires = clock::monotonic().after(age);
    let armed =
        UpstreamConnection::arm(connection, retires, Monotonic::NEVER, &mut worker.buffers.borrow_mut());
    Ok((armed, false))
}

/// Puts a connection back among the idle ones.
fn keep(worker: &Worker, generation: &Generation, order: ConnectOrder, held: UpstreamConnection) {
    let now = clock::monotonic();
    let mut pool = generation.pool.borrow_mut();
    let Some(limits) = pool.limits(order.upstream).filter(|_| worker.draining.get().is_none()) else {
        return;
    };
    let expires = now.after(limits.idle_timeout);
    let UpstreamConnection { connection, buffer, retires, .. } = held;
    let mut buffers = worker.buffers.borrow_mut();
    buffers.give(buffer);
    let armed = UpstreamConnection::arm(connection, retires, expires, &mut buffers);
    if let Some(waker) = worker.keeper.borrow().as_ref() {
        pool.put(order.upstream, order.server, armed, &mut std::task::Context::from_waker(waker));
    }
}

struct Conversation {
    held: UpstreamConnection,
    reader: ResponseReader,
    /// A byte has come.
    heard: bool,
}

impl Conversation {
    async fn send(&mut self, request: Vec<u8>) -> Result<(), CallFault> {
        let (mut storage, mut from) = (request.into_boxed_slice(), 0);
        while from < storage.len() {
            let end = storage.len();
            self.held.connection.start_write((storage, from, end));
            let transfer = poll_fn(|context| self.held.connection.poll_write(context)).await;
            storage = transfer.storage;
            match transfer.result {
                Ok(count) if count > 0 => from += count,
                _ => return Err(CallFault::Broken),
            }
        }
        Ok(())
    }

    async fn receive(&mut self, body_max: usize) -> Result<Reply, CallFault> {
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let transfer = poll_fn(|context| self.held.connection.poll_read(context)).await;
            self.take_in(transfer.storage, *transfer.result.as_ref().unwrap_or(&0));
            if transfer.result.is_err() {
                return Err(CallFault::Broken);
            }
            loop {
                match self.reader.advance().map_err(|_| CallFault::Broken)? {
                    ResponsePiece::NeedMore => break,
                    ResponsePiece::Head(head) => status = head.status,
                    ResponsePiece::Body(bytes) if body.len() + bytes.len() > body_max => {
                        return Err(CallFault::TooLong);
                    }
                    ResponsePiece::Body(bytes) => body.extend_from_slice(bytes),
                    ResponsePiece::End => return Ok(Reply { status, body }),
                }
            }
            let buffer: &mut WireBuffer = &mut self.held.buffer;
            buffer.make_readable();
            self.held.connection.start_read(buffer.lend_for_read());
        }
    }

    /// Gives the reader what a read brought; nothing: the server said that it ends.
    fn take_in(&mut self, storage: Box<[u8]>, count: usize) {
        let buffer = &mut self.held.buffer;
        buffer.restore(storage);
        buffer.filled(count);
        if count == 0 {
            return self.reader.end();
        }
        self.heard = true;
        self.reader.push(buffer.unread());
        buffer.consume(count);
    }
}
