//! Every bound of the program with its reason. Relations between them are asserted at compile time.
//!
//! What a configuration may set has its default here; what it may not set has its only value here.

mod authority;
mod gateway;
mod issuer_keys;
mod token;

use std::time::Duration;

pub use authority::*;
pub use gateway::*;
pub use issuer_keys::*;
pub use token::*;

// --- Buffers -------------------------------------------------------------------------------------------------

/// One direction of one busy connection: holds an ordinary head with the first bytes of its body. Not more, because the
/// allocator keeps blocks of this size in runs of 64 KiB that one idle moment empties, and larger ones in runs of 512.
pub const BUFFER_SMALL_BYTES: usize = 8 * 1024;
/// One direction of a bulk transfer. From 128 KiB up the cost per byte no longer falls.
pub const BUFFER_LARGE_BYTES: usize = 256 * 1024;
/// One direction of a single message in one piece: all of it must be there before any of it opens.
pub const BUFFER_MESSAGE_BYTES: usize = PAYLOAD_SINGLE_BYTES + 64 * 1024;
/// Such buffers that one worker may hold (34 MiB); beyond it 503.
pub const MESSAGE_BUFFERS_PER_WORKER: usize = 32;
/// Free room in front of what is read, so that a longer head can be written where the old one stood.
pub const HEAD_ROOM: usize = 1024;
/// Free room behind what is read: CRLF and last-chunk of a chunk made here.
pub const TAIL_ROOM: usize = 64;
/// Reads land on this boundary: short `rep movsb` copies to odd offsets are up to 25 times slower on some CPUs.
pub const BUFFER_ALIGNMENT: usize = 64;
/// A body with more than this still to come is moved through large buffers.
pub const BULK_THRESHOLD: u64 = 16 * 1024;
/// Large buffers one worker may hold (64 MiB); beyond it bulk transfers go through small ones.
pub const LARGE_BUFFERS_PER_WORKER: usize = 256;
/// Free small buffers a worker keeps for the next connection (512 KiB); more are given back to the allocator. Busy
/// connections keep theirs, so that this many serve those that come and go.
pub const SMALL_BUFFERS_KEPT: usize = 64;
/// Free large buffers a worker keeps (4 MiB): bulk transfers are few and long, and one more allocation is nothing to them.
pub const LARGE_BUFFERS_KEPT: usize = 16;

const _: () =
    assert!(HEAD_ROOM.is_multiple_of(BUFFER_ALIGNMENT) && HEAD_ROOM + TAIL_ROOM < BUFFER_SMALL_BYTES / 2);
const _: () = assert!(HEADER_BYTES_MAX + HEAD_ROOM + TAIL_ROOM <= BUFFER_LARGE_BYTES / 2);

// --- TLS -----------------------------------------------------------------------------------------------------

/// Handshakes that a worker begins per turn of its loop: each takes some 120 µs, so that the exchanges under way wait a
/// millisecond at most for a storm of them.
pub const HANDSHAKES_PER_TURN: usize = 8;
/// Bytes of a handshake not yet consumed: a client's certificate chain is its largest message, and rustls takes none
/// above 64 KiB.
pub const TLS_HANDSHAKE_BYTES: usize = 72 * 1024;
/// Memory for records that come: for ordinary requests, for any one record (16,640 bytes and its header), and for bulk,
/// where one read brings several.
pub const TLS_RECEIVE_STEPS: [usize; 3] = [4 * 1024, 17 * 1024, 68 * 1024];
/// Bytes copied at a time next to a record header: longer copies go through `rep movsb`, which some CPUs do 25 times
/// slower when source and target lie a few bytes apart within their pages.
pub const COPY_BYTES: usize = 1024;
/// Plaintext sealed for one send: all that a large buffer holds. With 64 KiB the peer was woken four times as often, and
/// 1 MiB took 1.2 times the CPU.
pub const TLS_SEND_PLAIN_BYTES: usize = 256 * 1024;

/// Lines in the access log about failed handshakes and records, per worker and [`DEADLINE_TICK`] (160 a second): enough to
/// see who and why, and next to nothing beside the log that the same client could cause with requests.
pub const TLS_FAILURE_LINES_PER_TICK: usize = 8;

/// How often the files that TLS reads are looked at: a renewed certificate need not wait for a reload.
pub const IDENTITY_LOOK: Duration = Duration::from_secs(2);

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
/// Bytes of a method: the longest registered one (`UPDATEREDIRECTREF`) has 17.
pub const METHOD_BYTES: usize = 32;
/// Bytes of a host name in a target or `Host`: what DNS allows, RFC 1035 section 2.3.4.
pub const HOST_BYTES: usize = 255;
/// Empty lines tolerated before a request line (RFC 9112 section 2.2): old clients send one after a form.
pub const EMPTY_LINES: usize = 2;
/// Fields one message may nominate in `Connection` beside those that never pass; clients send one or two.
pub const CONNECTION_OPTIONS: usize = 16;
/// Default bytes of a request body.
pub const BODY_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of a chunk-size line with its extension and CRLF: 16 digits and generous space for what is discarded.
pub const CHUNK_LINE_BYTES: usize = 256;
/// Hexadecimal digits of a chunk size; 16 would overflow nothing but invites peers that compute with floats.
pub const CHUNK_SIZE_DIGITS: usize = 15;
/// Bytes of chunk extensions and padded sizes thrown away in one message: nobody uses them, but they let a peer make us
/// read far more than the body it is charged for (RFC 9112 section 7.1.1 demands a bound).
pub const CHUNK_EXTENSION_BYTES: usize = 16 * 1024;
/// Bytes of a trailer section: must fit what is left of a small buffer.
pub const TRAILER_BYTES: usize = 4 * 1024;
/// Fields of a trailer section.
pub const TRAILER_COUNT: usize = 64;
/// Interim responses (1xx) to one request: a server that sends more is looping.
pub const INTERIM_RESPONSES: u32 = 16;
/// Body bytes read and thrown away so that an answer given early reaches the client before the connection closes.
pub const DISCARD_BYTES: u64 = 64 * 1024;

const _: () = assert!(CHUNK_SIZE_DIGITS < 16 && CHUNK_LINE_BYTES > CHUNK_SIZE_DIGITS + 2);
const _: () = assert!(TRAILER_BYTES + CHUNK_LINE_BYTES < BUFFER_SMALL_BYTES - HEAD_ROOM - TAIL_ROOM);

// --- TLS -----------------------------------------------------------------------------------------------------

/// Bytes of content in one record (RFC 8446 section 5.1).
pub const TLS_FRAGMENT_BYTES: usize = 16 * 1024;
/// Bytes of content in a small record: with its framing it fits one segment of 1,400 bytes, which tunnels pass whole, so
/// that the peer reads on with every segment that arrives.
pub const TLS_SMALL_FRAGMENT_BYTES: usize = 1350;
/// Bytes sent in small records after a rest: what the first few round trips of a cold connection carry. Behind them
/// the framing costs more than waiting for a whole record.
pub const TLS_SMALL_RECORDS_BYTES: usize = 64 * 1024;
/// A connection that sent nothing for this long begins with small records again: the kernel shrinks the congestion
/// window of one that rested for a retransmission timeout, which is seldom more.
pub const TLS_SMALL_RECORDS_REST: Duration = Duration::from_secs(1);
/// Records under one AES-GCM key: 2^24.5 (RFC 8446 section 5.5), for TLS 1.2 too, whose records are no larger.
pub const TLS_RECORDS_GCM: u64 = 23_726_566;
/// Records under one ChaCha20-Poly1305 key. The cipher has no limit that matters (RFC 8446 section 5.5); a connection
/// never lives to see this one, and the sequence number stays far from its end.
pub const TLS_RECORDS_CHACHA: u64 = 1 << 48;
/// Records under a key after which a new one is due: a quarter of the limit is left for the peer to take part.
pub const TLS_RECORDS_GCM_DUE: u64 = TLS_RECORDS_GCM / 4 * 3;
/// The same for ChaCha20-Poly1305.
pub const TLS_RECORDS_CHACHA_DUE: u64 = TLS_RECORDS_CHACHA / 4 * 3;
/// Records under a key kept back from data, so that a key update or an alert can still be said.
pub const TLS_RECORDS_RESERVED: u64 = 16;
/// Records in a row without data (empty ones, warnings, key updates, tickets): servers send up to a handful of tickets
/// at once; more than this is a peer that makes us work for nothing.
pub const TLS_BARREN_RECORDS: u32 = 32;
/// Bytes of one NewSessionTicket: a server may put the certificates of its client into it, which take some KiB.
pub const TLS_TICKET_BYTES: usize = 16 * 1024;
/// Bytes of a PROXY protocol v1 line with its CRLF (the specification's own bound, section 2.1).
pub const PROXY_LINE_BYTES: usize = 107;
/// Bytes of a PROXY protocol v2 header. The specification asks for 552 at least; one with the client's certificate names
/// and a cloud's endpoint identifiers takes some hundreds more.
pub const PROXY_HEADER_BYTES: usize = 4 * 1024;

const _: () = assert!(TLS_SMALL_FRAGMENT_BYTES < TLS_FRAGMENT_BYTES);
const _: () = assert!(TLS_RECORDS_GCM_DUE + TLS_RECORDS_RESERVED < TLS_RECORDS_GCM);
const _: () = assert!(PROXY_HEADER_BYTES + HEAD_ROOM + TAIL_ROOM <= BUFFER_SMALL_BYTES);

// --- Payload encryption --------------------------------------------------------------------------------------

/// Default plaintext of one chunk that is taken, and the most a configuration may set: a connection holds a whole chunk
/// before any of it may be used.
pub const PAYLOAD_CHUNK_BYTES: usize = 64 * 1024;
/// Plaintext of one chunk that is made, and the least a configuration may take: what every receiver of chunked OHTTP
/// bears. Larger ones win nothing: the cipher's own start is lost in 16 KiB.
pub const PAYLOAD_CHUNK_SENT_BYTES: usize = 16 * 1024;
/// Chunks of one message: of full size they make 16 GiB, far from what a cipher bears under one key.
pub const PAYLOAD_CHUNKS: u64 = 1 << 20;
/// Bytes of a ticket: it stands in every message of its session.
pub const PAYLOAD_TICKET_BYTES: usize = 512;
/// Bytes of an application's id: reversed domain names, which are the longest in use, seldom pass half of this.
pub const PAYLOAD_APP_ID_BYTES: usize = 128;
/// Bytes of its platform: `ios`, `android` and their like.
pub const PAYLOAD_APP_PLATFORM_BYTES: usize = 32;
/// Bytes of its version: three numbers, a pre-release and the start of a commit.
pub const PAYLOAD_APP_VERSION_BYTES: usize = 64;

/// Plaintext of a message that is opened to its end before its first byte goes to a server. Larger ones stream.
pub const PAYLOAD_WHOLE_BYTES: usize = 64 * 1024;
/// A single message in one piece, sealed or open: it has to be held as a whole, in both directions.
pub const PAYLOAD_SINGLE_BYTES: usize = 1024 * 1024;
/// Time between two session openings or single messages of one address at a steady rate, on one worker (30 a second).
pub const OPENING_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// How many an address may send at once after a rest.
pub const OPENING_BURST: u32 = 60;
/// Places of a worker's table of addresses that open (64 KiB): with a thousand of them active one in eight shares.
pub const OPENING_PLACES: usize = 8 * 1024;
/// Time between two of all addresses together: each costs up to 150 µs, so that they take half of a worker at most.
pub const OPENINGS_PER_WORKER_INTERVAL: Duration = Duration::from_micros(300);
/// How many of them may come at once: what runs beside them waits for 40 ms at most.
pub const OPENINGS_PER_WORKER_BURST: u32 = 256;
/// Random bytes a worker asks the system for at once: a message takes 16, and each asking is a system call.
pub const ENTROPY_BYTES: usize = 1024;
/// States of sealed messages that a worker keeps for the next ones (some 150 KiB).
pub const SEALED_KEPT: usize = 64;
/// Time for a message to come whole, however busily its bytes trickle: 100 MiB over a link of 1 Mbit/s.
pub const PAYLOAD_MESSAGE_TIME: Duration = Duration::from_secs(15 * 60);
/// Seconds that the clocks of two workers may differ by, and a message be remembered beyond its window.
pub const PAYLOAD_CLOCK_SLACK: u64 = 2;

/// Seconds after which an entry that has expired is emptied rather than left for the next to replace.
pub const REPLAY_STALE: u64 = 15 * 60;
/// How often what has long expired is emptied: before it could look like what is still to expire, hours later.
pub const REPLAY_SWEEP: Duration = Duration::from_secs(10 * 60);
/// How often the fill level of the replay memory is looked at.
pub const REPLAY_LOOK: Duration = Duration::from_secs(5);
/// Lines of it that such a look reads: half a MiB, and a level to within a few in a thousand.
pub const REPLAY_SAMPLE: u64 = 8192;
/// Lines of the replay memory in which a message may stand.
pub const REPLAY_REACH: usize = 16;
/// Times that a message tries for a slot which others were quicker to take. Each failure is another's success.
pub const REPLAY_ATTEMPTS: u32 = 64;

/// Bytes of plaintext that open a session, and that answer: a ticket in base64url or an identity, and room to spare.
pub const PAYLOAD_SESSION_BYTES: usize = 4096;
/// Keys of the proxy that open at once: two of each kind while they rotate, and as many again for who rotates faster.
pub const PAYLOAD_GATEWAY_KEYS: usize = 8;
/// Bytes of a list of keys that a client takes: ours is below 1 KiB; others offer keys of kinds that are 20 times as
/// long.
pub const PAYLOAD_KEY_LIST_BYTES: usize = 16 * 1024;
/// Bytes of a signed list of keys: the list in base64url twice over, with an origin and room to spare.
pub const PAYLOAD_KEY_DOCUMENT_BYTES: usize = 32 * 1024;
/// Longest that a signed list of keys is good for, in seconds: a key that was taken back lives no longer in a client
/// that is kept from asking again.
pub const PAYLOAD_KEY_DOCUMENT_SECONDS: u64 = 7 * 24 * 60 * 60;

const _: () = assert!(PAYLOAD_TICKET_BYTES * 4 / 3 + 128 <= PAYLOAD_SESSION_BYTES);
const _: () = assert!(PAYLOAD_CHUNK_SENT_BYTES <= PAYLOAD_CHUNK_BYTES);
const _: () = assert!(2 * PAYLOAD_CHUNK_BYTES + HEAD_ROOM + TAIL_ROOM <= BUFFER_LARGE_BYTES);

// --- The payload client --------------------------------------------------------------------------------------

/// Bytes of a head, outer or inner, that the client makes or takes: what a proxy takes by default.
pub const CLIENT_HEAD_BYTES: usize = HEADER_BYTES;
/// Bytes of a problem document that the client reads: ours are some 200.
pub const CLIENT_PROBLEM_BYTES: usize = 4 * 1024;
/// Bytes of a single message that is sealed whole, either way: what a proxy takes.
pub const CLIENT_WHOLE_BYTES: usize = 1024 * 1024;
/// Times that one request is sent: once, and again after each of a lost session and a wrong clock.
pub const CLIENT_ATTEMPTS: u32 = 3;
/// Times that a session is asked for in one call: once, and again with the clock corrected.
pub const CLIENT_OPENINGS: u32 = 2;
/// Bytes read from the network, or from the app's content, at a time: a chunk as the proxy seals it and what is around it.
pub const CLIENT_READ_BYTES: usize = PAYLOAD_CHUNK_SENT_BYTES + 1024;
/// Default time for a connection of the client to stand, TLS included.
pub const CLIENT_CONNECT: Duration = Duration::from_secs(10);
/// Default time between two bytes in which neither side moves: longer than the proxy waits for a server.
pub const CLIENT_IDLE: Duration = Duration::from_secs(60);
/// How long the client offers bytes that the peer does not take before it looks whether the peer has something to say.
pub const CLIENT_SEND_PATIENCE: Duration = Duration::from_millis(50);

// --- Connections ---------------------------------------------------------------------------------------------

/// Default downstream connections at once in the whole process.
pub const CONNECTIONS: usize = 100_000;
/// Pending connections per listener and worker: what `net.core.somaxconn` allows by default.
pub const LISTEN_BACKLOG: i32 = 4096;
/// Room for client addresses that a worker's table keeps when a crowd has left (64 KiB).
pub const LEDGER_KEPT: usize = 1024;
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
/// Routes: their positions are 16-bit, and a table that `check` compares pair by pair stays a matter of a second.
pub const ROUTES: usize = 16 * 1024;
/// Failures of a server in a row, seen by one worker, before it rests: one may be a connection that had gone stale, two
/// a restart that was noticed on two of them.
pub const PASSIVE_FAILURES: u32 = 3;
/// First rest of a failed server: about what a process takes to be started again.
pub const PASSIVE_REST_FIRST: Duration = Duration::from_secs(1);
/// Longest rest of a failed server, reached by doubling: a server that returns is missed for no longer.
pub const PASSIVE_REST_MAX: Duration = Duration::from_secs(30);

/// With no more exchanges under way than this a worker writes directly instead of through the ring: there is nothing
/// to batch with, and a turn of the loop is saved.
pub const DIRECT_WRITE_BUSY: usize = 1;
/// Connections accepted in one turn of the loop, so that a storm of them does not hold up those being served.
pub const ACCEPTS_PER_TURN: usize = 64;

// --- Time ----------------------------------------------------------------------------------------------------

/// How often a worker looks for passed deadlines, and so their precision.
pub const DEADLINE_TICK: Duration = Duration::from_millis(50);
/// A kept-alive connection without a request for this long gives its buffers back.
pub const COOL_DOWN: Duration = Duration::from_millis(500);
/// Idle connections of one worker that may keep their buffers until then (12 MiB); beyond it one that falls idle gives
/// them back at once. So a crowd that comes and rests leaves no memory behind, which the allocator could not give back.
pub const IDLE_WARM_MAX: usize = 1024;
/// Default time for a request head.
pub const TIMEOUT_HEADER: Duration = Duration::from_secs(10);
/// Default time between two reads or writes of a body.
pub const TIMEOUT_BODY: Duration = Duration::from_secs(30);
/// Default time a kept-alive downstream connection may idle.
pub const TIMEOUT_IDLE: Duration = Duration::from_secs(75);
/// Default time for a PROXY header and a TLS handshake: a few round trips of the slowest links.
pub const TIMEOUT_HANDSHAKE: Duration = Duration::from_secs(10);
/// Default time to connect.
pub const TIMEOUT_CONNECT: Duration = Duration::from_secs(2);
/// Default time to the first byte of a response.
pub const TIMEOUT_RESPONSE: Duration = Duration::from_secs(30);
/// Default time a drain may take.
pub const TIMEOUT_DRAIN: Duration = Duration::from_secs(30);
/// During a drain an idle connection may send one more request for this long before it is closed: its client may
/// have one on the way.
pub const DRAIN_IDLE_GRACE: Duration = Duration::from_secs(1);
/// Rest after `accept` failed for want of descriptors or memory.
pub const ACCEPT_REST: Duration = Duration::from_millis(50);
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
/// Bytes of a request body on the admin address: a token with every byte escaped, and what it is called.
pub const ADMIN_BODY_BYTES: usize = 3 * TOKEN_BYTES + 64;
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
pub const DRAIN_UNWIND: Duration = Duration::from_secs(3);
/// How long the end of the process waits for the last access-log lines to be written.
pub const LOG_CLOSE: Duration = Duration::from_secs(2);

const _: () = assert!(RESTART_FIRST.as_nanos() < RESTART_LONGEST.as_nanos());

// --- TLS -----------------------------------------------------------------------------------------------------

/// Bytes of a file with certificates, a key or revocation lists: large lists have some MiB.
pub const TLS_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// A certificate that expires sooner is warned of at every load: time for a person to act after a holiday.
pub const CERTIFICATE_EXPIRY_NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How long a session ticket opens; keys made here seal for as long and are gone after twice that. A stolen key tells no
/// more than so many hours of resumed TLS 1.2 sessions, and clients resume within minutes or not at all.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);
/// Bytes of a session inside a ticket: a client's whole chain fits; larger ones are not resumed.
pub const TICKET_BYTES: usize = 16 * 1024;
/// Least random bytes of a ticket key file: as strong as the AES-256 key made of them.
pub const TICKET_SECRET_BYTES: usize = 32;
/// Sessions with servers that one upstream remembers for resumption: some of each server and name.
pub const UPSTREAM_SESSIONS: usize = 256;
/// Bytes of a client certificate's subject as text: what directories use has less than 200.
pub const CLIENT_SUBJECT_BYTES: usize = 1024;
/// Alternative names of a client certificate.
pub const CLIENT_SAN_COUNT: usize = 32;
/// Bytes of all of them together: the longest SPIFFE ID has 2048.
pub const CLIENT_SAN_BYTES: usize = 4096;

const _: () = assert!(CLIENT_SUBJECT_BYTES + CLIENT_SAN_BYTES < HEADER_BYTES / 4);

// --- Between threads -----------------------------------------------------------------------------------------

/// Access-log batches under way between a worker and the log writer; beyond it records are dropped and counted.
pub const LOG_BATCHES: usize = 64;
/// Records in a batch; a batch is handed over when full and at every deadline tick.
pub const LOG_BATCH_RECORDS: usize = 256;
/// Bytes of request text in a batch; a batch is handed over when it holds more.
pub const LOG_BATCH_TEXT_BYTES: usize = 64 * 1024;
/// Bytes of request text (method, host, target) one record may carry; longer text is cut.
pub const LOG_TEXT_BYTES: usize = 1024;
/// Bytes of formatted access log collected for one write.
pub const LOG_WRITE_BYTES: usize = 64 * 1024;

// --- Configuration -------------------------------------------------------------------------------------------

/// Longest time limit a configuration may set: more than a day is as good as none.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest spin before sleeping: beyond it a worker burns its CPU and wins nothing.
pub const BUSY_POLL_MAX: Duration = Duration::from_millis(100);
/// Smallest request line a configuration may allow: a method, a short target and the version.
pub const REQUEST_LINE_BYTES_MIN: usize = 64;
/// Smallest head a configuration may allow: a request line and a few fields.
pub const HEADER_BYTES_MIN: usize = 256;
/// Largest body a configuration may allow, 1 PiB: far beyond what any transfer finishes, and safe to add to.
pub const BODY_BYTES_MAX: u64 = 1 << 50;
/// Most downstream connections: the kernel's default for `fs.nr_open`.
pub const CONNECTIONS_MAX: usize = 1 << 20;
/// Most workers.
pub const WORKERS: usize = 1024;
/// Most listeners: every worker has a socket for each.
pub const LISTENERS: usize = 256;
/// Largest weight of a server.
pub const WEIGHT_MAX: u32 = 1000;
/// Most idle connections a configuration may keep per server and worker.
pub const POOL_IDLE_MAX: usize = 64 * 1024;
/// Default time between two health probes.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(2);
/// Shortest time between two health probes: the control thread probes every server.
pub const HEALTH_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Default failures in a row that take a server out.
pub const HEALTH_UNHEALTHY: u32 = 3;
/// Default successes in a row that bring a server back.
pub const HEALTH_HEALTHY: u32 = 2;
/// Most results in a row a health verdict may wait for.
pub const HEALTH_RESULTS_MAX: u32 = 100;
/// Default time a payload session lasts: a phone opens some a day, and a stolen session secret is soon worth nothing.
pub const PAYLOAD_SESSION_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Default distance of a sealed message's time from ours: slow links and clocks set by a session's answer stay within.
pub const PAYLOAD_WINDOW: Duration = Duration::from_secs(30);
/// Largest such distance: the replay memory holds the messages of twice as long.
pub const PAYLOAD_WINDOW_MAX: Duration = Duration::from_secs(10 * 60);
/// Default messages remembered against replays: 100,000 a second for the whole window.
pub const PAYLOAD_REPLAY_ENTRIES: u64 = 6_000_000;
/// Fewest messages remembered: enough for one session and its neighbours, and to see in a test how a full memory refuses.
pub const PAYLOAD_REPLAY_ENTRIES_MIN: u64 = 64;
/// Most messages remembered: what they take is 3 GiB, all of it once that many have come.
pub const PAYLOAD_REPLAY_ENTRIES_MAX: u64 = 1 << 28;
/// Default messages of one session remembered at once: more than an app sends in a minute.
pub const PAYLOAD_SESSION_ENTRIES: u32 = 1024;
/// Sessions that at least fit into the replay memory with all their messages, so that one cannot fill it.
pub const PAYLOAD_SESSIONS_MIN: u64 = 4;
/// Fewest bytes of plaintext that a sealed chunk may be confined to: clients may rely on so many.
pub const PAYLOAD_CHUNK_BYTES_MIN: usize = 16 * 1024;
/// How long a ticket key made here seals at least, before another takes over: a session costs a client one round trip,
/// and a stolen key opens the tickets of two hours. A key seals for as long as a session lasts, if that is longer; so
/// there are never more than two, and the 2^32 tickets of one are far away.
pub const PAYLOAD_TICKET_ROTATION: Duration = Duration::from_secs(60 * 60);
/// How long a list of keys signed here is good: a key that was taken back lives no longer in a client that is kept from
/// asking again.
pub const PAYLOAD_DOCUMENT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// A list of keys signed ahead of time that expires sooner is warned of: somebody has to sign the next.
pub const KEY_DOCUMENT_EXPIRY_NOTICE: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a file with a key or a signed list of keys: what they hold is some hundred bytes, a list some KiB.
pub const PAYLOAD_KEY_FILE_BYTES: usize = 64 * 1024;
/// Rules for applications: a versioned line for each release of a few hundred apps.
pub const PAYLOAD_APPLICATIONS: usize = 4096;
/// Start ids of proxies that share tickets.
pub const PAYLOAD_START_IDS: usize = 64;
/// Questions that one request may have asked: more are the same ones over again.
pub const QUESTIONS: u32 = 8;
/// Default time for an answer of the policy service: a request waits for it.
pub const POLICY_TIMEOUT: Duration = Duration::from_millis(500);
/// Default time for which an answer of the policy service is good.
pub const POLICY_CACHE_TIME: Duration = Duration::from_secs(5 * 60);
/// Default answers of the policy service kept.
pub const POLICY_CACHE_ENTRIES: usize = 1000;
/// How long an answer that is no longer good stands in for one that cannot be had: as long as somebody may need to notice.
pub const POLICY_STALE: Duration = Duration::from_secs(60 * 60);
/// How long such an answer holds before the service is asked once more.
pub const POLICY_REST: Duration = Duration::from_secs(5);
/// Applications that one worker asks the policy service about at once; beyond it 503.
pub const POLICY_CALLS: usize = 64;
/// An answer of the policy service: one member, and whatever else it may say.
pub const POLICY_ANSWER_BYTES: usize = 16 * 1024;
/// The head of an answer to a call of our own.
pub const SERVICE_HEAD_BYTES: usize = 16 * 1024;
/// A file with the password for a service.
pub const PASSWORD_FILE_BYTES: usize = 4 * 1024;
/// A file with a private key: an RSA key of 4096 bits takes 3.3 KiB in PEM, with what tools write around it.
pub const PRIVATE_KEY_FILE_BYTES: usize = 16 * 1024;
/// Most answers of the policy service a configuration may keep: some MiB.
pub const POLICY_CACHE_ENTRIES_MAX: usize = 100_000;
/// Bytes of one configuration file.
pub const CONFIG_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Files of one configuration.
pub const CONFIG_FILES: usize = 4096;
/// Levels of files that include files.
pub const CONFIG_INCLUDE_DEPTH: usize = 8;
/// Levels in the name of an environment variable: the deepest setting has five.
pub const CONFIG_LEVELS: usize = 8;

const _: () = assert!(PAYLOAD_SESSION_ENTRIES as u64 * PAYLOAD_SESSIONS_MIN <= PAYLOAD_REPLAY_ENTRIES);
const _: () = assert!(PAYLOAD_DOCUMENT_LIFETIME.as_secs() <= PAYLOAD_KEY_DOCUMENT_SECONDS);
const _: () = assert!(PAYLOAD_KEY_DOCUMENT_BYTES <= PAYLOAD_KEY_FILE_BYTES);
const _: () = assert!(PAYLOAD_REPLAY_ENTRIES_MIN >= PAYLOAD_SESSIONS_MIN);
const _: () = assert!(SERVERS <= u16::MAX as usize);
const _: () = assert!(LISTENERS <= u16::MAX as usize);
const _: () = assert!(ROUTES <= u16::MAX as usize);
