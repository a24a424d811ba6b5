//! The relay's loop: multishot accept and receive, sends that complete without a completion entry.
//!
//! Descriptors live in the ring's file table. A connection pair holds slots `2n` (downstream) and `2n + 1` (upstream),
//! so the other side of slot `s` is `s ^ 1`.
//!
//! # The shortcut
//! A send asks for no completion entry when the peer has answered since the last send to it: it has then read all that
//! was sent before, the socket's send queue is empty, and the kernel takes the bytes during submission. The buffer is
//! free after the submission that carried the send. Bytes that follow before the peer's answer (a large body) wait in
//! a queue and go as one chain of linked sends with one completion entry.
//!
//! # Pace
//! Eager receives are armed once and pass on whatever comes: least work for small messages. Paced ones are armed when
//! the bytes before have been sent: more gathers in the socket meanwhile, so large bodies move in fewer, larger pieces.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use crate::buffers::Buffers;

const RING_ENTRIES: u32 = 1024;
const COMPLETION_ENTRIES: u32 = 16 * 1024;
/// Slots of the file table: two for each connection.
const FILES: u32 = 16 * 1024;
/// Sends in one chain. More gain nothing: a chain of this length fills the socket.
const CHAIN: usize = 8;

const ACCEPT: u64 = 0;
const RECEIVE: u64 = 1;
const SEND: u64 = 2;
const QUIET_SEND: u64 = 3;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    Eager,
    Paced,
}

pub(crate) struct Relay {
    ring: IoUring,
    pace: Pace,
    buffers: Buffers,
    listener: TcpListener,
    origin: SocketAddr,
    sides: Vec<Side>,
    free_pairs: Vec<usize>,
    /// Buffers of quiet sends: free after the next submission.
    spent: Vec<u16>,
    /// Slots whose receive ended because no buffer was left.
    starved: Vec<usize>,
    completions: Vec<cqueue::Entry>,
}

/// One connection of a pair.
#[derive(Default)]
struct Side {
    stream: Option<TcpStream>,
    /// Whether all bytes sent to this side are known to have left the socket's send queue.
    answered: bool,
    receiving: bool,
    /// Buffers of the chain under way to this side.
    sending: Vec<u16>,
    /// Whether the chain's completion entry is still to come.
    owed: bool,
    queue: VecDeque<Chunk>,
}

#[derive(Clone, Copy)]
struct Chunk {
    buffer: u16,
    bytes: u32,
}

impl Relay {
    pub(crate) fn new(
        listener: TcpListener,
        origin: SocketAddr,
        buffer_bytes: u32,
        buffers: u16,
        pace: Pace,
    ) -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_cqsize(COMPLETION_ENTRIES)
            .setup_no_sqarray()
            .build(RING_ENTRIES)?;
        ring.submitter().register_files_sparse(FILES)?;
        ring.submitter().register_ring_fd()?;
        let buffers = Buffers::register(&ring.submitter(), buffer_bytes, buffers)?;
        let mut relay = Relay {
            ring,
            pace,
            buffers,
            listener,
            origin,
            sides: Vec::new(),
            free_pairs: Vec::new(),
            spent: Vec::new(),
            starved: Vec::new(),
            completions: Vec::new(),
        };
        relay.accept()?;
        Ok(relay)
    }

    pub(crate) fn run(&mut self) -> io::Result<()> {
        loop {
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                Err(fault) => return Err(fault),
            }
            self.reclaim()?;
            let mut completions = std::mem::take(&mut self.completions);
            completions.extend(self.ring.completion());
            for entry in completions.drain(..) {
                self.complete(&entry)?;
            }
            self.completions = completions;
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry) -> io::Result<()> {
        let slot = (entry.user_data() >> 8) as usize;
        match entry.user_data() & 0xff {
            ACCEPT => self.accepted(entry),
            RECEIVE => self.received(slot, entry),
            SEND => self.sent(slot, entry),
            _ => self.close(slot), // a quiet send speaks only when it failed
        }
    }

    /// Returns the buffers of quiet sends, now that they were submitted.
    fn reclaim(&mut self) -> io::Result<()> {
        let mut spent = std::mem::take(&mut self.spent);
        self.give_back(&mut spent)?;
        self.spent = spent;
        Ok(())
    }

    /// Returns buffers to the kernel and arms the receives that ended for want of one.
    fn give_back(&mut self, buffers: &mut Vec<u16>) -> io::Result<()> {
        if buffers.is_empty() {
            return Ok(());
        }
        for buffer in buffers.drain(..) {
            self.buffers.give_back(buffer);
        }
        self.buffers.publish();
        for slot in std::mem::take(&mut self.starved) {
            self.receive(slot)?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        let accept = opcode::AcceptMulti::new(types::Fd(self.listener.as_raw_fd())).build();
        self.push(accept.user_data(ACCEPT))
    }

    fn accepted(&mut self, entry: &cqueue::Entry) -> io::Result<()> {
        if entry.result() >= 0 {
            // SAFETY: the kernel gave this new descriptor to us alone.
            let downstream = unsafe { TcpStream::from_raw_fd(entry.result()) };
            self.open(downstream)?;
        }
        if !cqueue::more(entry.flags()) {
            self.accept()?;
        }
        Ok(())
    }

    fn open(&mut self, downstream: TcpStream) -> io::Result<()> {
        let upstream = TcpStream::connect(self.origin)?;
        downstream.set_nodelay(true)?;
        upstream.set_nodelay(true)?;
        let slot = self.free_pairs.pop().unwrap_or_else(|| {
            self.sides.extend([Side::default(), Side::default()]);
            self.sides.len() - 2
        });
        let descriptors = [downstream.as_raw_fd(), upstream.as_raw_fd()];
        self.ring.submitter().register_files_update(slot as u32, &descriptors)?;
        for (side, stream) in self.sides[slot..].iter_mut().zip([downstream, upstream]) {
            side.stream = Some(stream);
            side.answered = true;
        }
        self.receive(slot)?;
        self.receive(slot + 1)
    }

    fn receive(&mut self, slot: usize) -> io::Result<()> {
        self.sides[slot].receiving = true;
        let socket = types::Fixed(slot as u32);
        let receive = match self.pace {
            Pace::Eager => opcode::RecvMulti::new(socket, Buffers::GROUP).build(),
            Pace::Paced => opcode::Recv::new(socket, std::ptr::null_mut(), self.buffers.buffer_bytes())
                .buf_group(Buffers::GROUP)
                .build()
                .flags(squeue::Flags::BUFFER_SELECT),
        };
        self.push(receive.user_data(tag(RECEIVE, slot)))
    }

    fn received(&mut self, slot: usize, entry: &cqueue::Entry) -> io::Result<()> {
        let ended = !cqueue::more(entry.flags());
        self.sides[slot].receiving = !ended;
        match (entry.result(), cqueue::buffer_select(entry.flags())) {
            (1.., Some(buffer)) => {
                self.sides[slot].answered = true;
                self.forward(slot ^ 1, Chunk { buffer, bytes: entry.result() as u32 })?;
                // A paced receive waits for the chain that carries its bytes; a quiet send is done by then.
                let waits = self.pace == Pace::Paced && self.sides[slot ^ 1].owed;
                if ended && !waits { self.receive(slot) } else { Ok(()) }
            }
            (result, _) if result == -libc::ENOBUFS => {
                self.starved.push(slot);
                Ok(())
            }
            _ => self.close(slot),
        }
    }

    fn forward(&mut self, slot: usize, chunk: Chunk) -> io::Result<()> {
        let side = &mut self.sides[slot];
        if side.answered && !side.owed && side.queue.is_empty() {
            side.answered = false;
            self.spent.push(chunk.buffer);
            let send = self.send(slot, chunk).flags(squeue::Flags::SKIP_SUCCESS);
            return self.push(send.user_data(tag(QUIET_SEND, slot)));
        }
        side.queue.push_back(chunk);
        if !side.owed { self.send_queue(slot) } else { Ok(()) }
    }

    fn send(&self, slot: usize, chunk: Chunk) -> squeue::Entry {
        opcode::Send::new(types::Fixed(slot as u32), self.buffers.address(chunk.buffer), chunk.bytes)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
    }

    /// Sends what waits as one chain; only its end, or the link that failed, is reported.
    fn send_queue(&mut self, slot: usize) -> io::Result<()> {
        let length = self.sides[slot].queue.len().min(CHAIN);
        for position in 1..=length {
            let Some(chunk) = self.sides[slot].queue.pop_front() else { break };
            self.sides[slot].sending.push(chunk.buffer);
            let flags = if position < length {
                squeue::Flags::IO_LINK | squeue::Flags::SKIP_SUCCESS
            } else {
                squeue::Flags::empty()
            };
            let send = self.send(slot, chunk).flags(flags).user_data(tag(SEND, slot));
            self.push(send)?;
        }
        self.sides[slot].owed = length > 0;
        Ok(())
    }

    fn sent(&mut self, slot: usize, entry: &cqueue::Entry) -> io::Result<()> {
        self.sides[slot].owed = false;
        let mut sending = std::mem::take(&mut self.sides[slot].sending);
        self.give_back(&mut sending)?;
        self.sides[slot].sending = sending;
        if entry.result() < 0 {
            return self.close(slot);
        }
        self.send_queue(slot)?;
        if self.pace == Pace::Paced && !self.sides[slot].owed { self.receive(slot ^ 1) } else { Ok(()) }
    }

    /// Ends both connections of a pair; their slots are free once both receives have ended.
    fn close(&mut self, slot: usize) -> io::Result<()> {
        let first = slot & !1;
        for side in &self.sides[first..=first + 1] {
            if let Some(stream) = &side.stream {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
        let pair = first..=first + 1;
        if self.sides[pair.clone()].iter().any(|side| side.receiving || side.owed || side.stream.is_none()) {
            return Ok(());
        }
        self.ring.submitter().register_files_update(first as u32, &[-1, -1])?;
        self.starved.retain(|starved| starved & !1 != first);
        for side in &mut self.sides[pair] {
            side.stream = None;
            self.spent.extend(side.queue.drain(..).map(|chunk| chunk.buffer));
        }
        self.free_pairs.push(first);
        Ok(())
    }

    fn push(&mut self, entry: squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: buffers live as long as the process, descriptors until their slot's operations ended.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return Ok(());
            }
            self.ring.submit()?;
        }
    }
}

fn tag(kind: u64, slot: usize) -> u64 {
    kind | (slot as u64) << 8
}
