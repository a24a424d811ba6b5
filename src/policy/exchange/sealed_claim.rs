//! What a sealed message says of itself, and the judgement of that: its time, and that it was not seen before.
//!
//! All of it is believed only once the message's first chunk has opened.

use super::{MessageId, Remembered, World};
use crate::limits;
use crate::policy::refusal::Refusal;
use crate::protocol::http_date::parse_date;
use crate::protocol::payload::binary_http::FieldList;
use crate::protocol::payload::hybrid::PUBLIC_LEN_MAX;
use crate::protocol::payload::ticket::{AppIdentity, SessionFacts};

/// What a message says of itself, to be believed once its first chunk has opened.
#[expect(clippy::large_enum_variant, reason = "a message allocates nothing")]
#[derive(Debug)]
pub(super) enum Claim {
    /// It is this message of a session, made at this time.
    OfSession { facts: SessionFacts, number: u64, time: u64 },
    /// It is a single one. Its time is the inner `Date`.
    Single(Encapsulated),
}

impl Claim {
    /// The first chunk has opened: number and time are authentic. The order is the protocol's (section 2.2).
    pub(super) fn check(&self, world: &mut World<'_>) -> Result<(), Refusal> {
        let Self::OfSession { facts, number, time } = self else { return Ok(()) };
        self.check_time(world)?;
        remember(MessageId::OfSession { session: facts.id, number: *number }, *time, world)
    }

    /// The application that the ticket names, once.
    pub(super) fn take_application(&mut self) -> Option<AppIdentity> {
        match self {
            Self::OfSession { facts, .. } => facts.app.take(),
            Self::Single(_) => None,
        }
    }

    pub(super) fn check_time(&self, world: &World<'_>) -> Result<(), Refusal> {
        let Self::OfSession { time, .. } = self else { return Ok(()) };
        if is_timely(*time, world) { Ok(()) } else { Err(Refusal::PayloadDate) }
    }
}

/// The encapsulated key of a single message: no two have the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encapsulated {
    bytes: [u8; PUBLIC_LEN_MAX],
    length: usize,
}

impl Encapsulated {
    pub(super) fn new(enc: &[u8]) -> Self {
        let mut bytes = [0; PUBLIC_LEN_MAX];
        let length = enc.len().min(PUBLIC_LEN_MAX);
        bytes[..length].copy_from_slice(&enc[..length]);
        Self { bytes, length }
    }

    /// The head is decoded: judges its `Date` and enters the message into the replay memory (section 3).
    pub(super) fn check(&self, head: &[u8], world: &mut World<'_>) -> Result<(), Refusal> {
        let time = date_of(&world.scratch.inner_fields, head);
        let time = time.filter(|time| is_timely(*time, world)).ok_or(Refusal::PayloadClock)?;
        let clock = world.payload.as_ref().ok_or(Refusal::NoRoute)?.keys.clock;
        if time <= clock.unix + clock.window {
            // It may have been seen by the process before this one.
            return Err(Refusal::PayloadBusy);
        }
        remember(MessageId::Single { enc: &self.bytes[..self.length] }, time, world)
    }
}

/// The one `Date`, in seconds since 1970.
fn date_of(fields: &FieldList, head: &[u8]) -> Option<u64> {
    let mut dates = fields.iter().filter(|field| field.name.of(head) == b"date");
    let date = dates.next().filter(|_| dates.next().is_none())?.value.of(head);
    parse_date(date)
}

fn is_timely(time: u64, world: &World<'_>) -> bool {
    world.payload.as_ref().is_some_and(|payload| time.abs_diff(payload.time) <= payload.keys.clock.window)
}

fn remember(message: MessageId<'_>, time: u64, world: &mut World<'_>) -> Result<(), Refusal> {
    let payload = world.payload.as_mut().ok_or(Refusal::NoRoute)?;
    let expires = time.saturating_add(payload.keys.clock.window + limits::PAYLOAD_CLOCK_SLACK);
    match (payload.remember)(message, expires) {
        Remembered::New => Ok(()),
        Remembered::Seen => Err(Refusal::PayloadReplayed),
        Remembered::SessionFull => Err(Refusal::PayloadSessionRate),
        Remembered::Full => Err(Refusal::PayloadBusy),
    }
}
