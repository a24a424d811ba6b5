//! The body for TLS records: a peer that knows the keys and may say anything, and one that does not know them and
//! changes or inserts bytes.

use super::plain_records::{Listener, Peer, Said};
use crate::protocol::tls::{Content, Opening, ProtocolVersion, RECORD_BYTES_MAX, RecordOpener, Role, Suite};

/// Stands for bytes in the flight that no peer with the keys made.
const FORGED: u8 = 0xff;

/// A flight of records. The first byte chooses version, suite and role, the second where the flight is cut, the next
/// three which byte of it is changed and how. Then come records: type, length, content.
pub fn tls_records(data: &[u8]) {
    let [chosen, cut, high, low, change, records @ ..] = data else { return };
    let version = [ProtocolVersion::Tls12, ProtocolVersion::Tls13][usize::from(chosen & 1)];
    let suite = [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::Chacha20Poly1305, Suite::Aes128Gcm]
        [usize::from(chosen >> 1 & 3)];
    let role = [Role::Client, Role::Server][usize::from(chosen >> 3 & 1)];

    let peer = Peer::new(version, suite);
    let Flight { mut bytes, mut told, ends } = flight(peer, role, records);
    if *change != 0 && !bytes.is_empty() {
        let at = (usize::from(*high) << 8 | usize::from(*low)) % bytes.len();
        bytes[at] ^= change;
        told.truncate(ends.iter().filter(|end| **end <= at).count());
    }
    let whole = read(peer, role, &bytes, bytes.len());
    assert_eq!(read(peer, role, &bytes, bytes.len() * usize::from(*cut) / 256), whole, "cut");
    let (said, beyond) = whole.split_at(told.len().min(whole.len()));
    assert_eq!(said, told);
    // Behind a record that was changed there is nothing, or the end.
    assert!(matches!(beyond, [] | [Said::Fault]), "{beyond:?} from changed bytes");
}

/// What a peer sent.
struct Flight {
    bytes: Vec<u8>,
    /// What its records say, up to the first forged byte.
    told: Vec<Said>,
    /// Where the record of each of these ends.
    ends: Vec<usize>,
}

fn flight(mut peer: Peer, role: Role, mut records: &[u8]) -> Flight {
    let mut flight = Flight { bytes: Vec::new(), told: Vec::new(), ends: Vec::new() };
    let mut listener = Some(Listener::new(peer.version, role));
    while let [kind, length, rest @ ..] = records {
        let (content, behind) = rest.split_at(rest.len().min(usize::from(*length)));
        records = behind;
        if *kind == FORGED {
            // Nothing that follows can be told if no byte was forged.
            listener = listener.filter(|_| content.is_empty());
            flight.bytes.extend_from_slice(content);
            continue;
        }
        flight.bytes.extend(peer.seal(*kind, content));
        let Some(heard) = listener.as_mut().map(|listener| listener.hear(*kind, content)) else { continue };
        match heard {
            Said::Update(_) => peer.update_keys(),
            Said::Close | Said::Fault => listener = None,
            Said::Data(_) | Said::Nothing | Said::Tickets(_) => {}
        }
        flight.told.push(heard);
        flight.ends.push(flight.bytes.len());
    }
    flight
}

/// What the opener finds in `flight`, of which `cut` bytes come first.
fn read(mut peer: Peer, role: Role, flight: &[u8], cut: usize) -> Vec<Said> {
    let mut opener = RecordOpener::new(peer.keys(), role);
    let mut said = Vec::new();
    let mut unread = flight[..cut].to_vec();
    let mut later = Some(&flight[cut..]);
    loop {
        let before = unread.clone();
        match opener.open(&mut unread) {
            Ok(Opening::Incomplete { missing, total }) => {
                assert_eq!(unread, before, "an incomplete record was touched");
                assert!(missing > 0 && unread.len() + missing == total && total <= RECORD_BYTES_MAX);
                let Some(later) = later.take() else { return said };
                unread.extend_from_slice(later);
            }
            Ok(Opening::Opened { taken, content }) => {
                assert!(5 < taken && taken <= unread.len() && taken <= RECORD_BYTES_MAX);
                assert!(unread[taken..] == before[taken..], "what follows was touched");
                said.push(match content {
                    Content::Data(span) => {
                        assert!(5 <= span.start && span.start < span.end && span.end as usize <= taken - 16);
                        Said::Data(span.of(&unread).to_vec())
                    }
                    Content::Nothing => Said::Nothing,
                    Content::CloseNotify => Said::Close,
                    Content::KeyUpdate { answer } => Said::Update(answer),
                    Content::SessionTickets(tickets) => {
                        Said::Tickets(tickets.bodies().map(<[u8]>::to_vec).collect())
                    }
                });
                match said.last() {
                    Some(Said::Close) => return said,
                    Some(Said::Update(_)) => {
                        peer.update_keys();
                        opener.rekey(peer.keys());
                    }
                    _ => {}
                }
                unread.drain(..taken);
            }
            Err(fault) => {
                assert_eq!(opener.open(&mut [0; 64]), Err(fault), "it goes on after a fault");
                said.push(Said::Fault);
                return said;
            }
        }
    }
}
