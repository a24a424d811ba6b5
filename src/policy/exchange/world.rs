//! What an exchange needs of its worker: the time, the rules, what is known, and memory that all exchanges use in turn.

use std::net::IpAddr;

use super::question::{Answer, Question};
use super::sealed_request::Sealed;
use crate::policy::payload_keys::PayloadKeys;
use crate::policy::ruleset::{Rules, UpstreamId};
use crate::protocol::http1::FieldTable;
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::protocol::payload::binary_http::FieldList;
use crate::protocol::payload::ticket::SESSION_ID_LEN;
use crate::protocol::token::proof_of_possession::Nonces;
use crate::protocol::wire_buffer::BufferPool;

/// What an exchange needs of its worker in one step. Nothing in here does I/O.
pub struct World<'a> {
    /// Now.
    pub now: Monotonic,
    /// Now, for the log.
    pub time: UnixMicros,
    /// Now, as an IMF-fixdate.
    pub date: &'a [u8],
    /// The rules new requests are judged by.
    pub rules: &'a Rules,
    /// Free buffers.
    pub buffers: &'a mut BufferPool,
    /// Memory for what lives only within a step.
    pub scratch: &'a mut Scratch,
    /// The server for the next request to an upstream: its balancing key and a server to leave out are given.
    pub choose: &'a mut dyn FnMut(UpstreamId, u64, Option<u16>) -> Option<u16>,
    /// What the worker knows already, or was told for this request; none: it has to be asked for.
    pub consult: &'a mut dyn FnMut(Question<'_>) -> Option<Answer>,
    /// Random numbers that need no secrecy.
    pub random: &'a mut dyn FnMut() -> u64,
    /// True once the worker accepts no more: connections end after their response.
    pub draining: bool,
    /// What sealed messages need; absent: none are taken.
    pub payload: Option<PayloadWorld<'a>>,
    /// What proofs of possession need.
    pub proofs: ProofWorld<'a>,
}

/// What proofs of possession need of a worker.
pub struct ProofWorld<'a> {
    /// Enters a proof by its id into the memory of proofs, until this second since 1970. False: it was there, or there is no
    /// room for it.
    pub remember: &'a mut dyn FnMut(&[u8; 32], u64) -> bool,
    /// What proofs may have to have; absent: then none is good enough.
    pub nonces: Option<&'a Nonces>,
}

/// What sealed messages need of a worker.
pub struct PayloadWorld<'a> {
    /// The keys in use.
    pub keys: &'a PayloadKeys,
    /// Now by [`PayloadClock`](crate::policy::payload_keys::PayloadClock).
    pub time: u64,
    /// Fills with random bytes fit for keys.
    pub entropy: &'a mut dyn FnMut(&mut [u8]),
    /// Enters a message into the replay memory until this time.
    pub remember: &'a mut dyn FnMut(MessageId<'_>, u64) -> Remembered,
    /// Whether this address may open a session, or send a single message, now; none: a relay, which stands for many.
    pub admit: &'a mut dyn FnMut(Option<IpAddr>) -> bool,
}

/// What tells a message from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageId<'a> {
    /// The message of a session with this number.
    OfSession {
        /// The session's id.
        session: [u8; SESSION_ID_LEN],
        /// The number its client gave it.
        number: u64,
    },
    /// A single message with this encapsulated key.
    Single {
        /// `enc` of RFC 9180.
        enc: &'a [u8],
    },
}

/// What the replay memory says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It is entered now.
    New,
    /// It was there.
    Seen,
    /// The session has no more room.
    SessionFull,
    /// There is no more room.
    Full,
}

/// Memory that every step of a worker's exchanges uses in turn.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) fields: FieldTable,
    pub(super) head: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) target: Vec<u8>,
    /// What a mapper is told.
    pub(super) mapping: Vec<u8>,
    /// Of opened requests.
    pub(super) inner_fields: FieldList,
    pub(super) trailers: FieldList,
    /// What is sealed in front of content.
    pub(super) inner: Vec<u8>,
    /// Of messages that are over, so that the next ones allocate nothing.
    #[expect(clippy::vec_box, reason = "an exchange holds one as a box, most of them none")]
    pub(super) spare_sealed: Vec<Box<Sealed>>,
}
