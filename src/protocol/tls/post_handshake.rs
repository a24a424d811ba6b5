//! Handshake messages behind a TLS 1.3 handshake, whole or in parts (RFC 8446 section 4.6).

use std::mem;

use super::record_format::handshake_type;
use super::{RecordFault, Role};
use crate::limits;

/// Message type and a length of three bytes.
const MESSAGE_HEADER_BYTES: usize = 4;

/// One or more NewSessionTicket messages, copied out of their records: they are rare and outlive them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTickets {
    /// Whole messages with their headers.
    messages: Vec<u8>,
}

impl SessionTickets {
    /// The body of each message, without type and length.
    pub fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.messages.as_slice();
        std::iter::from_fn(move || {
            let (header, behind) = rest.split_first_chunk()?;
            let (body, behind) = behind.split_at_checked(body_bytes(*header))?;
            rest = behind;
            Some(body)
        })
    }
}

/// What a handshake record brought.
#[derive(Debug)]
pub(super) enum Messages {
    /// A part of a message; it is kept until the rest comes.
    Part,
    Tickets(SessionTickets),
    /// The peer's next record comes under new keys. Tickets in front of it in its record are dropped: no server sends
    /// them so, and a ticket is an offer that may be left.
    KeyUpdate {
        answer: bool,
    },
}

/// Reads the content of handshake records one after another.
#[derive(Debug)]
pub(super) struct PostHandshake {
    role: Role,
    /// An incomplete message: at most one of [`limits::TLS_TICKET_BYTES`].
    carry: Vec<u8>,
}

impl PostHandshake {
    pub(super) fn new(role: Role) -> Self {
        Self { role, carry: Vec::new() }
    }

    /// True between the parts of a message, where no data may stand.
    pub(super) fn is_amid_message(&self) -> bool {
        !self.carry.is_empty()
    }

    /// Reads the content of one handshake record.
    pub(super) fn read(&mut self, content: &[u8]) -> Result<Messages, RecordFault> {
        if content.is_empty() {
            return Err(RecordFault::HandshakeEmpty);
        }
        let mut carry = mem::take(&mut self.carry);
        if carry.is_empty() {
            let (whole, answer) = self.whole_messages(content)?;
            let (whole, part) = content.split_at(whole);
            self.carry.extend_from_slice(part);
            return Ok(Self::messages(answer, || whole.to_vec()));
        }
        carry.extend_from_slice(content);
        let (whole, answer) = self.whole_messages(&carry)?;
        self.carry.extend_from_slice(&carry[whole..]);
        carry.truncate(whole);
        Ok(Self::messages(answer, || carry))
    }

    fn messages(answer: Option<bool>, whole: impl FnOnce() -> Vec<u8>) -> Messages {
        if let Some(answer) = answer {
            return Messages::KeyUpdate { answer };
        }
        match whole() {
            messages if messages.is_empty() => Messages::Part,
            messages => Messages::Tickets(SessionTickets { messages }),
        }
    }

    /// How many bytes at the front are whole messages, and what the KeyUpdate at their end asks for, if it is one.
    fn whole_messages(&self, bytes: &[u8]) -> Result<(usize, Option<bool>), RecordFault> {
        let mut rest = bytes;
        while let Some(&kind) = rest.first() {
            let is_legal = match kind {
                handshake_type::KEY_UPDATE => true,
                handshake_type::NEW_SESSION_TICKET => self.role == Role::Client,
                _ => false,
            };
            if !is_legal {
                return Err(RecordFault::HandshakeUnexpected);
            }
            let Some((header, behind)) = rest.split_first_chunk() else { break };
            let length = body_bytes(*header);
            if kind == handshake_type::KEY_UPDATE && length != 1 {
                return Err(RecordFault::KeyUpdateMalformed);
            }
            if length > limits::TLS_TICKET_BYTES {
                return Err(RecordFault::HandshakeTooLarge);
            }
            let Some((body, behind)) = behind.split_at_checked(length) else { break };
            if kind == handshake_type::KEY_UPDATE {
                return Ok((bytes.len(), Some(key_update(body, behind)?)));
            }
            rest = behind;
        }
        Ok((bytes.len() - rest.len(), None))
    }
}

fn key_update(body: &[u8], behind: &[u8]) -> Result<bool, RecordFault> {
    match (body, behind) {
        (_, [_, ..]) => Err(RecordFault::KeyUpdateNotLast),
        ([0], []) => Ok(false),
        ([1], []) => Ok(true),
        (_, []) => Err(RecordFault::KeyUpdateValue),
    }
}

fn body_bytes([_, high, middle, low]: [u8; MESSAGE_HEADER_BYTES]) -> usize {
    u32::from_be_bytes([0, high, middle, low]) as usize
}
