use std::fs;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::*;
use crate::net::payload::key_file::{payload_key_text, signing_key_text, ticket_key_text};
use crate::net::payload::settings::{DocumentSettings, DocumentSource};
use crate::protocol::payload::aead::Aead;
use crate::protocol::payload::hybrid::{HpkePrivateKey, Kem};
use crate::protocol::payload::key_document::SigningAlgorithm;
use crate::protocol::payload::key_schedule::SessionSecret;
use crate::protocol::payload::ticket::SessionFacts;

const ORIGIN: &str = "https://api.example.com";
const HOUR: u64 = 60 * 60;

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringwall-keyring-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Puts a file in the place of another, as a careful person does: the change is seen whatever the clock's grain.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, new) = (self.0.join(name), self.0.join("new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, &path).unwrap();
        path
    }

    fn payload_key(&self, name: &str, id: u8, random: u8) -> PathBuf {
        self.write(name, &payload_key_text(id, &HpkePrivateKey::generate(Kem::X25519, &[random; 32])))
    }

    fn ticket_key(&self, name: &str, byte: u8) -> PathBuf {
        self.write(name, &ticket_key_text(&Zeroizing::new([byte; 32])))
    }

    fn signing_key(&self) -> PathBuf {
        self.write("signing.key", &signing_key_text(&fresh::signing_key(SigningAlgorithm::EdDsa).unwrap()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// So many seconds after the start.
fn at(seconds: u64) -> Moment {
    Moment {
        monotonic: Monotonic(seconds * 1_000_000_000),
        unix: UnixMicros((1_700_000_000 + seconds) * 1_000_000),
    }
}

fn begin(settings: PayloadKeySettings) -> PayloadKeyring {
    PayloadKeyring::begin(settings, &PayloadRules::default(), at(0)).unwrap()
}

fn signed(keys: Vec<PathBuf>, signing_key: PathBuf) -> PayloadKeySettings {
    let document =
        DocumentSettings { origin: ORIGIN.into(), source: DocumentSource::SigningKey(signing_key) };
    PayloadKeySettings { keys, document: Some(document), ..PayloadKeySettings::default() }
}

fn ticket(keys: &PayloadKeys) -> Vec<u8> {
    let facts = SessionFacts {
        id: [1; 16],
        secret: SessionSecret::new(&[2; 32]),
        aead: Aead::Aes128Gcm,
        issued: 1,
        expires: 2,
        start: keys.starts[0],
        app: None,
    };
    keys.tickets.seal(&facts, &[3; 12])
}

fn ids(keys: &PayloadKeys) -> Vec<u8> {
    keys.gateway.configs().iter().map(|key| key.id).collect()
}

fn says(keys: &PayloadKeys) -> KeyDocument {
    KeyDocument::unverified(keys.document.as_ref().unwrap().as_bytes()).unwrap()
}

#[test]
fn what_no_file_holds_is_made_anew_at_every_start_and_kept() {
    let (mut ring, other) = (begin(PayloadKeySettings::default()), begin(PayloadKeySettings::default()));
    let keys = ring.keys();
    assert_ne!(keys.key_list, other.keys().key_list);
    assert_ne!(keys.starts, other.keys().starts);
    assert!(other.keys().tickets.open(&ticket(&keys)).is_none());
    assert_eq!(
        keys.gateway.configs().iter().map(|key| key.public.kem()).collect::<Vec<_>>(),
        [Kem::X25519, Kem::P256]
    );
    assert_eq!(keys.clock, PayloadClock { started: Monotonic(0), unix: 1_700_000_000, window: 30 });
    assert!(keys.document.is_none());
    // A reload without files changes none of them.
    let read = ring.read(PayloadKeySettings::default(), at(9)).unwrap();
    ring.adopt(read, Duration::from_secs(HOUR), at(9)).unwrap();
    let again = ring.keys();
    assert_eq!((&again.key_list, &again.starts, again.clock), (&keys.key_list, &keys.starts, keys.clock));
    assert!(again.tickets.open(&ticket(&keys)).is_some());
}

#[test]
fn ticket_keys_made_here_rotate_and_are_gone_when_their_last_ticket_is() {
    let mut ring = begin(PayloadKeySettings::default());
    let first = ticket(&ring.keys());
    let opens = |ring: &PayloadKeyring, ticket: &[u8]| ring.keys().tickets.open(ticket).is_some();
    assert_eq!(ring.next_turn(), Some(at(HOUR).monotonic));
    assert_eq!(ring.turn(at(HOUR - 1)), Ok(false));
    assert_eq!(ring.turn(at(HOUR)), Ok(true));
    let second = ticket(&ring.keys());
    assert_ne!(first[..4], second[..4], "another key seals");
    assert!(opens(&ring, &first) && opens(&ring, &second));
    assert_eq!(ring.turn(at(2 * HOUR - 1)), Ok(false));
    assert!(opens(&ring, &first));
    assert_eq!(ring.turn(at(2 * HOUR)), Ok(true));
    assert!(!opens(&ring, &first) && opens(&ring, &second));
    assert_eq!(ring.own_tickets.0.len(), 2);
    // Whoever slept through it has no more than one key left over.
    assert_eq!(ring.turn(at(9 * HOUR)), Ok(true));
    assert!(opens(&ring, &ticket(&ring.keys())));
    assert!(ring.own_tickets.0.len() <= 2);
}

#[test]
fn a_ticket_key_made_here_seals_no_shorter_than_a_session_lasts() {
    let rules = PayloadRules { session_lifetime: Duration::from_secs(5 * HOUR), ..PayloadRules::default() };
    let mut ring = PayloadKeyring::begin(PayloadKeySettings::default(), &rules, at(0)).unwrap();
    let first = ticket(&ring.keys());
    assert_eq!(ring.next_turn(), Some(at(5 * HOUR).monotonic));
    assert_eq!(ring.turn(at(5 * HOUR)), Ok(true));
    assert_eq!(ring.turn(at(10 * HOUR - 1)), Ok(false));
    assert!(ring.keys().tickets.open(&first).is_some());
}

#[test]
fn keys_in_files_are_used_in_their_order_and_read_again_when_they_change() {
    let folder = Folder::new("files");
    let keys = vec![folder.payload_key("2.key", 2, 2), folder.payload_key("1.key", 1, 1)];
    let tickets = vec![folder.ticket_key("a.key", 1), folder.ticket_key("b.key", 2)];
    let start_ids = vec![[7; 16], [8; 16]];
    let settings = PayloadKeySettings {
        keys,
        ticket_keys: tickets,
        start_ids: start_ids.clone(),
        ..PayloadKeySettings::default()
    };
    let mut ring = begin(settings.clone());
    let before = ring.keys();
    assert_eq!((ids(&before), &before.starts), (vec![2, 1], &start_ids));
    let other = PayloadKeySettings { ticket_keys: vec![folder.0.join("b.key")], ..settings.clone() };
    let second = ticket(&begin(other).keys());
    assert!(before.tickets.open(&second).is_some(), "all open");
    assert_ne!(ticket(&before)[..4], second[..4], "the first seals");

    assert_eq!(ring.turn(at(0)), Ok(false));
    folder.payload_key("2.key", 3, 3);
    folder.ticket_key("a.key", 3);
    let look = ring.next_turn().unwrap();
    assert_eq!(ring.turn(Moment { monotonic: Monotonic(look.0 - 1), ..at(1) }), Ok(false), "not yet");
    assert_eq!(ring.turn(Moment { monotonic: look, ..at(2) }), Ok(true));
    let after = ring.keys();
    assert_eq!(ids(&after), [3, 1]);
    assert!(after.tickets.open(&ticket(&before)).is_none() && after.tickets.open(&second).is_some());

    folder.write("1.key", "nothing");
    let faults = ring.turn(at(60)).unwrap_err();
    assert!(faults[0].contains("1.key: no line `-----BEGIN RINGWALL PAYLOAD KEY-----`"), "{faults:?}");
    assert_eq!(ids(&ring.keys()), [3, 1], "those before stay");
}

#[test]
fn keys_from_files_take_the_place_of_those_made_here() {
    let folder = Folder::new("instead");
    let mut ring = begin(PayloadKeySettings::default());
    let made = ring.keys();
    let ticket_keys = vec![folder.ticket_key("a.key", 1)];
    let files = PayloadKeySettings {
        keys: vec![folder.payload_key("1.key", 1, 1)],
        ticket_keys,
        ..PayloadKeySettings::default()
    };
    let read = ring.read(files, at(1)).unwrap();
    assert_eq!(ring.keys().key_list, made.key_list, "what is read alone changes nothing");
    ring.adopt(read, Duration::from_secs(HOUR), at(1)).unwrap();
    let keys = ring.keys();
    assert_eq!(ids(&keys), [1]);
    assert!(keys.tickets.open(&ticket(&made)).is_none());
    assert!(ring.own_tickets.0.is_empty());
    assert_eq!(keys.starts, made.starts, "they are the process's");
}

#[test]
fn the_signed_list_is_renewed_at_half_its_life_and_with_the_keys() {
    let folder = Folder::new("signed");
    let keys = vec![folder.payload_key("1.key", 1, 1)];
    // Ticket keys in a file, which do not rotate.
    let ticket_keys = vec![folder.ticket_key("a.key", 1)];
    let mut ring = begin(PayloadKeySettings { ticket_keys, ..signed(keys, folder.signing_key()) });
    let first = says(&ring.keys());
    let start = 1_700_000_000;
    assert_eq!((first.audience.as_str(), first.issued, first.expires), (ORIGIN, start, start + 24 * HOUR));
    assert_eq!(first.keys, ring.keys().gateway.encode());
    assert_eq!(ring.turn(at(12 * HOUR - 1)), Ok(false));
    assert_eq!(ring.turn(at(12 * HOUR)), Ok(true));
    assert_eq!(says(&ring.keys()).issued, start + 12 * HOUR);
    folder.payload_key("1.key", 2, 2);
    assert_eq!(ring.turn(at(13 * HOUR)), Ok(true));
    let third = says(&ring.keys());
    assert_eq!((third.issued, third.keys), (start + 13 * HOUR, ring.keys().gateway.encode()));
}

#[test]
fn an_id_that_a_signed_list_names_is_not_given_to_another_key() {
    let folder = Folder::new("ids");
    let keys = vec![folder.payload_key("1.key", 1, 1)];
    let mut ring = begin(signed(keys.clone(), folder.signing_key()));
    let first = ring.keys().key_list.clone();
    folder.payload_key("1.key", 1, 9);
    let faults = ring.turn(at(1)).unwrap_err();
    assert!(
        faults[0].starts_with(
            "the key with the id 1 is another than the one that a signed list names for 24 h more"
        ),
        "{faults:?}"
    );
    assert_eq!(ring.keys().key_list, first);
    // It is not forgotten while the key is out of use, and free when the list has expired.
    folder.payload_key("1.key", 2, 2);
    assert_eq!(ring.turn(at(10)), Ok(true));
    folder.payload_key("1.key", 1, 9);
    assert!(ring.turn(at(20)).is_err());
    folder.payload_key("1.key", 1, 1);
    assert_eq!(ring.turn(at(30)), Ok(true), "the same key may come back");
    folder.payload_key("1.key", 3, 3);
    assert_eq!(ring.turn(at(40)), Ok(true));
    folder.payload_key("1.key", 1, 9);
    assert_eq!(ring.turn(at(30 + 24 * HOUR)), Ok(true));
    // Without a list nobody keeps to an id.
    let mut unsigned = begin(PayloadKeySettings { keys, ..PayloadKeySettings::default() });
    folder.payload_key("1.key", 1, 5);
    assert_eq!(unsigned.turn(at(1)), Ok(true));
}

#[test]
fn a_list_signed_ahead_of_time_is_served_as_it_is() {
    let folder = Folder::new("ahead");
    let keys = vec![folder.payload_key("1.key", 1, 1)];
    let signer = begin(signed(keys.clone(), folder.signing_key()));
    let text = signer.keys().document.clone().unwrap();
    let source = DocumentSource::File(folder.write("keys.jwt", &format!("{text}\n")));
    let document = Some(DocumentSettings { origin: ORIGIN.into(), source });
    let ticket_keys = vec![folder.ticket_key("a.key", 1)];
    let mut ring = begin(PayloadKeySettings { keys, ticket_keys, document, start_ids: Vec::new() });
    assert_eq!(ring.keys().document, Some(text));
    assert_eq!(ring.turn(at(20 * HOUR)), Ok(false), "nobody here can renew it");
    let path: &Path = &folder.0.join("1.key");
    fs::remove_file(path).unwrap();
    assert!(ring.turn(at(21 * HOUR)).unwrap_err()[0].contains("1.key: cannot be read"));
}
