//! TLS records written and their meaning told in the plainest way, to compare the record layer with.

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::limits;
use crate::protocol::tls::{ProtocolVersion, Role, Suite, TrafficKeys};

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Data(Vec<u8>),
    Nothing,
    Close,
    Update(bool),
    Tickets(Vec<Vec<u8>>),
    /// The connection ends here.
    Fault,
}

/// A peer that seals whatever it is told to.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    pub(super) version: ProtocolVersion,
    pub(super) suite: Suite,
    /// Keys since the handshake.
    generation: u8,
    sequence: u64,
}

impl Peer {
    pub(super) fn new(version: ProtocolVersion, suite: Suite) -> Self {
        Self { version, suite, generation: 0, sequence: 0 }
    }

    /// The keys its records open with at this point.
    pub(super) fn keys(&self) -> TrafficKeys {
        let (key, iv) = self.secrets();
        TrafficKeys::new(self.version, self.suite, &key, &iv, self.sequence).expect("the lengths are right")
    }

    pub(super) fn update_keys(&mut self) {
        (self.generation, self.sequence) = (self.generation.wrapping_add(1), 0);
    }

    fn secrets(&self) -> (Vec<u8>, [u8; 12]) {
        let length = if self.suite == Suite::Aes128Gcm { 16 } else { 32 };
        (vec![self.generation; length], [self.generation ^ 0x5a; 12])
    }

    /// RFC 8446 section 5.2, RFC 5246 section 6.2.3.3 with RFC 5288 and RFC 7905.
    pub(super) fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let (key, iv) = self.secrets();
        let algorithm = match self.suite {
            Suite::Aes128Gcm => &AES_128_GCM,
            Suite::Aes256Gcm => &AES_256_GCM,
            Suite::Chacha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).expect("the length is right"));
        let number = (u128::from(self.sequence)).to_be_bytes();
        let mut nonce: [u8; 12] = std::array::from_fn(|at| iv[at] ^ number[at + 4]);
        let is_tls13 = self.version == ProtocolVersion::Tls13;
        let mut explicit = Vec::new();
        if !is_tls13 && self.suite != Suite::Chacha20Poly1305 {
            // Any explicit nonce will do.
            explicit = (self.sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes().to_vec();
            nonce[4..].copy_from_slice(&explicit);
        }
        let mut sealed = content.to_vec();
        let outer = if is_tls13 { 23 } else { kind };
        sealed.extend(is_tls13.then_some(kind));
        let wire_bytes = ((explicit.len() + sealed.len() + 16) as u16).to_be_bytes();
        let header = [&[outer, 3, 3][..], &wire_bytes].concat();
        let plain_bytes = (content.len() as u16).to_be_bytes();
        let additional = match self.version {
            ProtocolVersion::Tls13 => header.clone(),
            ProtocolVersion::Tls12 => [&number[8..], &header[..3], &plain_bytes].concat(),
        };
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(additional), &mut sealed)
            .expect("a short record");
        self.sequence += 1;
        [header, explicit, sealed].concat()
    }
}

/// Tells what each record of a flight means to us.
pub(super) struct Listener {
    version: ProtocolVersion,
    role: Role,
    handshake: Vec<u8>,
    barren: u32,
}

impl Listener {
    pub(super) fn new(version: ProtocolVersion, role: Role) -> Self {
        Self { version, role, handshake: Vec::new(), barren: 0 }
    }

    /// What a record of `kind` and `content` says.
    pub(super) fn hear(&mut self, kind: u8, content: &[u8]) -> Said {
        let mut inner = [content, &[kind]].concat();
        if self.version == ProtocolVersion::Tls13 {
            while inner.last() == Some(&0) {
                inner.pop();
            }
        }
        let Some(kind) = inner.pop() else { return Said::Fault };
        let said = match kind {
            23 if !self.handshake.is_empty() => Said::Fault,
            23 if inner.is_empty() => Said::Nothing,
            23 => Said::Data(inner),
            22 if self.version == ProtocolVersion::Tls13 && !inner.is_empty() => self.messages(&inner),
            21 => self.alert(&inner),
            _ => Said::Fault,
        };
        self.barren = if matches!(said, Said::Data(_) | Said::Close) { 0 } else { self.barren + 1 };
        if self.barren > limits::TLS_BARREN_RECORDS { Said::Fault } else { said }
    }

    fn alert(&self, content: &[u8]) -> Said {
        match (self.version, content) {
            (ProtocolVersion::Tls12, [1 | 2, 0]) | (ProtocolVersion::Tls13, [_, 0]) => Said::Close,
            (ProtocolVersion::Tls12, [1, _]) | (ProtocolVersion::Tls13, [_, 90]) => Said::Nothing,
            _ => Said::Fault,
        }
    }

    fn messages(&mut self, content: &[u8]) -> Said {
        self.handshake.extend_from_slice(content);
        let mut tickets = Vec::new();
        loop {
            match self.handshake.as_slice() {
                [24, 0, 0, 1, answer @ (0 | 1)] => {
                    let answer = *answer == 1;
                    self.handshake.clear();
                    return Said::Update(answer);
                }
                [] | [24] | [24, _] | [24, _, _] | [24, 0, 0, 1] => break,
                [4, length @ ..] if self.role == Role::Client => {
                    let [0, high, low, body @ ..] = length else {
                        if length.first().is_some_and(|high| *high > 0) && length.len() >= 3 {
                            return Said::Fault;
                        }
                        break;
                    };
                    let length = usize::from(*high) * 256 + usize::from(*low);
                    if length > limits::TLS_TICKET_BYTES {
                        return Said::Fault;
                    }
                    if body.len() < length {
                        break;
                    }
                    tickets.push(body[..length].to_vec());
                    self.handshake.drain(..4 + length);
                }
                _ => return Said::Fault,
            }
        }
        if tickets.is_empty() { Said::Nothing } else { Said::Tickets(tickets) }
    }
}
