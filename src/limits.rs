//! Every bound of the program with its reason. Relations between them are asserted at compile time.
//!
//! What a configuration may set has its default here; what it may not set has its only value here.

use std::time::Duration;

// --- Buffers -------------------------------------------------------------------------------------------------

/// One direction of one busy connection: holds an ordinary head with the first bytes of its body.
pub const BUFFER_SMALL_BYTES: usize = 16 * 1024;
/// One direction of a bulk transfer. From 128 KiB up the cost per byte no longer falls.
pub const BUFFER_LARGE_BYTES: usize = 256 * 1024;
/// Free room in front of what is read, so that a longer head can be written where the old one stood.
pub const HEAD_ROOM: usize = 1024;
/// Free room behind what is read: CRLF and last-chunk of a chunk made here.
pub const TAIL_ROOM: usize = 64;
/// Reads land on this boundary: short `rep movsb` copies to odd offsets are up to 25 times slower on some CPUs.
pub const BUFFER_ALIGNMENT: usize = 64;
/// A body with more than this still to come is moved through large buffers.
pub const BULK_THRESHOLD: u64 = 64 * 1024;
/// Large buffers one worker may hold (64 MiB); beyond it bulk transfers go through small ones.
pub const LARGE_BUFFERS_PER_WORKER: usize = 256;
/// Free small buffers a worker keeps for the next connection (16 MiB); more are given back to the allocator.
pub const SMALL_BUFFERS_KEPT: usize = 1024;

const _: () =
    assert!(HEAD_ROOM.is_multiple_of(BUFFER_ALIGNMENT) && HEAD_ROOM + TAIL_ROOM < BUFFER_SMALL_BYTES / 2);
const _: () = assert!(HEADER_BYTES_MAX + HEAD_ROOM + TAIL_ROOM <= BUFFER_LARGE_BYTES / 2);

// --- HTTP/1.1 ------------------------------------------------------------------------------------------------

/// Default bytes of a request line: what browsers and CDNs keep to.
pub const REQUEST_LINE_BYTES: usize = 8 * 1024;
/// Default bytes of a head.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Largest head a configuration may allow: it must fit a large buffer twice, old and rewritten.
pub const HEADER_BYTES_MAX: usize = 120 * 1024;
/// Default number of fields in a head.
pub const HEADER_COUNT: usize = 100;
/// Largest number of fields a configuration may allow.
pub const HEADER_COUNT_MAX: usize = 1000;
/// Default bytes of a request body.
pub const BODY_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of a chunk-size line with its extension and CRLF: 16 digits and generous space for what is discarded.
pub const CHUNK_LINE_BYTES: usize = 256;
/// Hexadecimal digits of a chunk size; 16 would overflow nothing but invites peers that compute with floats.
pub const CHUNK_SIZE_DIGITS: usize = 15;
/// Bytes of a trailer section: must fit what is left of a small buffer.
pub const TRAILER_BYTES: usize = 8 * 1024;
/// Fields of a trailer section.
pub const TRAILER_COUNT: usize = 64;
/// Interim responses (1xx) to one request: a server that sends more is looping.
pub const INTERIM_RESPONSES: u32 = 16;
/// Body bytes read and thrown away so that an answer given early reaches the client before the connection closes.
pub const DISCARD_BYTES: u64 = 64 * 1024;

const _: () = assert!(TRAILER_BYTES + CHUNK_LINE_BYTES < BUFFER_SMALL_BYTES - HEAD_ROOM - TAIL_ROOM);

// --- Connections ---------------------------------------------------------------------------------------------

/// Default downstream connections at once in the whole process.
pub const CONNECTIONS: usize = 100_000;
/// Pending connections per listener and worker: what `net.core.somaxconn` allows by default.
pub const LISTEN_BACKLOG: i32 = 4096;
/// Idle connections kept per server and worker by default.
pub const POOL_IDLE: usize = 128;
/// Age after which an upstream connection is not used again: spreads load after a DNS or balancer change.
pub const POOL_AGE: Duration = Duration::from_secs(600);
/// An idle upstream connection unused for this long is closed: below the 60 s that common servers use.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Attempts for one request: the first and one retry.
pub const ATTEMPTS: u32 = 2;
/// Servers in all upstreams together.
pub const SERVERS: usize = 4096;

// --- Time ----------------------------------------------------------------------------------------------------

/// How often a worker looks for passed deadlines, and so their precision.
pub const DEADLINE_TICK: Duration = Duration::from_millis(50);
/// A kept-alive connection without a request for this long gives its buffers back.
pub const COOL_DOWN: Duration = Duration::from_millis(500);
/// Default time for a request head.
pub const TIMEOUT_HEADER: Duration = Duration::from_secs(10);
/// Default time between two reads or writes of a body.
pub const TIMEOUT_BODY: Duration = Duration::from_secs(30);
/// Default time a kept-alive downstream connection may idle.
pub const TIMEOUT_IDLE: Duration = Duration::from_secs(75);
/// Default time to connect.
pub const TIMEOUT_CONNECT: Duration = Duration::from_secs(2);
/// Default time to the first byte of a response.
pub const TIMEOUT_RESPONSE: Duration = Duration::from_secs(30);
/// Default time a drain may take.
pub const TIMEOUT_DRAIN: Duration = Duration::from_secs(30);
/// How long a connection that is being closed waits for the peer to close too.
pub const TIMEOUT_LINGER: Duration = Duration::from_secs(2);

// --- Control side --------------------------------------------------------------------------------------------

/// How often a server's name is looked up again. getaddrinfo does not tell the TTL; 30 s is what name servers of
/// clusters hand out.
pub const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long a start or a reload waits for names it has not seen before: one full try of the usual resolver.
pub const RESOLVE_WAIT: Duration = Duration::from_secs(5);
/// Names looked up at once: a name whose servers do not answer holds one thread for seconds.
pub const RESOLVER_THREADS: usize = 4;
/// Addresses kept of one name; more are ignored.
pub const ADDRESSES_PER_SERVER: usize = 16;
/// Least time between two views of the servers given to the workers: when a network breaks, thousands of verdicts
/// change within a second.
pub const VIEW_INTERVAL: Duration = Duration::from_millis(50);
/// Health checks under way at once: so many servers may hang before the others are checked late.
pub const PROBER_THREADS: usize = 64;
/// Bytes of the head that answers a health check.
pub const PROBE_HEAD_BYTES: usize = 8 * 1024;
/// Connections to the admin address at once: scrapers and a few open dashboards.
pub const ADMIN_CONNECTIONS: usize = 16;
/// Bytes of a request head on the admin address.
pub const ADMIN_HEAD_BYTES: usize = 8 * 1024;
/// From accepting an admin connection to having answered it.
pub const ADMIN_DEADLINE: Duration = Duration::from_secs(5);
/// Fields of a head that the control side reads or is answered with.
pub const CONTROL_HEADER_COUNT: usize = 64;
/// How long all workers together may take until they listen.
pub const WORKER_START: Duration = Duration::from_secs(30);
/// Wait before a dead worker is started again; doubles with every death.
pub const RESTART_FIRST: Duration = Duration::from_millis(100);
/// Longest wait before a dead worker is started again.
pub const RESTART_LONGEST: Duration = Duration::from_secs(10);
/// A worker that served this long begins with the first wait again.
pub const RESTART_FORGIVEN: Duration = Duration::from_secs(60);
/// Added to the drain time before the process stops waiting for its workers: they cut at the deadline, then unwind.
pub const DRAIN_GRACE: Duration = Duration::from_secs(2);
/// How long the end of the process waits for the last access-log lines to be written.
pub const LOG_CLOSE: Duration = Duration::from_secs(2);

const _: () = assert!(RESTART_FIRST.as_nanos() < RESTART_LONGEST.as_nanos());

// --- Between threads -----------------------------------------------------------------------------------------

/// Access-log batches under way between a worker and the log writer; beyond it records are dropped and counted.
pub const LOG_BATCHES: usize = 64;
/// Records in a batch; a batch is handed over when full and at every deadline tick.
pub const LOG_BATCH_RECORDS: usize = 256;
/// Bytes of request text (method, host, target) one record may carry; longer text is cut.
pub const LOG_TEXT_BYTES: usize = 1024;
/// Bytes of request text after which a batch is handed over though it could hold more records.
pub const LOG_BATCH_TEXT_BYTES: usize = 64 * 1024;
/// Bytes of formatted access log collected for one write.
pub const LOG_WRITE_BYTES: usize = 64 * 1024;
