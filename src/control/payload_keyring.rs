//! The keys of payload encryption over the life of the process: read from files or made here, rotated with overlap, erased
//! when that ends; and the signed list of them, renewed in time.
//!
//! It owns no clock: the control thread hands it moments and asks when it wants to be called next.

use std::sync::Arc;
use std::time::Duration;

use super::journal;
use super::watched_files::WatchedFiles;
use crate::limits::{PAYLOAD_DOCUMENT_LIFETIME, PAYLOAD_TICKET_ROTATION};
use crate::net::payload::key_file::TicketSecret;
use crate::net::payload::material::{self, DocumentMaterial, KeyMaterial};
use crate::net::payload::settings::{PayloadKeySettings, START_ID_LEN};
use crate::net::payload::{KeyFault, PayloadKeys, fresh};
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::protocol::payload::key_document::KeyDocument;
use crate::protocol::payload::ohttp_keys::GatewayKeys;
use crate::protocol::payload::ticket::{TicketKey, TicketKeys};

/// All keys, and what is to happen to them.
pub struct PayloadKeyring {
    start_ids: Arc<[[u8; START_ID_LEN]]>,
    /// Of sessions, and so of tickets.
    lifetime: Duration,
    read: KeysRead,
    own_tickets: OwnTickets,
    /// Keys that signed lists name which may still be good.
    named: Vec<NamedKey>,
}

/// What was read for a configuration, and made for want of it. [`PayloadKeyring::adopt`] puts it in force.
pub struct KeysRead {
    settings: PayloadKeySettings,
    files: WatchedFiles,
    material: KeyMaterial,
    /// From files, or made here.
    gateway: Arc<GatewayKeys>,
    document: Option<(Arc<str>, KeyDocument)>,
}

/// Now, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For intervals.
    pub monotonic: Monotonic,
    /// For what clients are told.
    pub unix: UnixMicros,
}

/// Ticket keys made here; none while they come from files. The first seals.
#[derive(Default)]
struct OwnTickets(Vec<OwnTicketKey>);

struct OwnTicketKey {
    secret: TicketSecret,
    /// When the next takes over from it or, once that has happened, when the last of its tickets has expired.
    until: Monotonic,
}

struct NamedKey {
    id: u8,
    public: Vec<u8>,
    /// In seconds since 1970.
    until: u64,
}

impl PayloadKeyring {
    /// Reads the files that `settings` name and makes what they do not. It says all that is wrong, one line each.
    pub fn start(
        settings: PayloadKeySettings,
        lifetime: Duration,
        now: Moment,
    ) -> Result<Self, Vec<String>> {
        let start_ids = match settings.start_ids.as_slice() {
            [] => vec![fresh::start_id().map_err(|fault| vec![fault.to_string()])?],
            ids => ids.to_vec(),
        };
        let read = read(settings, None, &[], now)?;
        let mut new =
            Self { start_ids: start_ids.into(), lifetime, read, own_tickets: OwnTickets::default(), named: Vec::new() };
        new.note_named();
        new.own_tickets.begin(&new.read, lifetime, now.monotonic)?;
        new.tell_what_is_made();
        Ok(new)
    }

    /// The keys as they are now.
    pub fn keys(&self) -> Arc<PayloadKeys> {
        let (own, files) = (self.own_tickets.0.iter().map(|key| &key.secret), self.read.material.tickets.iter());
        let tickets = files.chain(own).map(|secret| TicketKey::new(secret)).collect();
        Arc::new(PayloadKeys {
            gateway: Arc::clone(&self.read.gateway),
            // invariant: where files give none, `OwnTickets` has one.
            tickets: Arc::new(TicketKeys::new(tickets).expect("a ticket key")),
            key_list: self.read.gateway.encode().into(),
            document: self.read.document.as_ref().map(|(text, _)| Arc::clone(text)),
            start_ids: Arc::clone(&self.start_ids),
        })
    }

    /// Reads what other `settings` name. Nothing is in force before [`Self::adopt`].
    pub fn read(&self, settings: PayloadKeySettings, now: Moment) -> Result<KeysRead, Vec<String>> {
        read(settings, Some(&self.read), &self.named, now)
    }

    /// Puts in force what was read. Keys that it does not have are erased with the last who uses them.
    pub fn adopt(&mut self, read: KeysRead, lifetime: Duration, now: Moment) -> Result<(), Vec<String>> {
        self.own_tickets.begin(&read, lifetime, now.monotonic)?;
        (self.read, self.lifetime) = (read, lifetime);
        self.note_named();
        self.tell_what_is_made();
        Ok(())
    }

    /// When [`Self::turn`] has something to do.
    pub fn next_turn(&self) -> Option<Monotonic> {
        let tickets = self.own_tickets.0.iter().map(|key| key.until);
        tickets.chain(self.read.files.next_look()).min()
    }

    /// Does what time demands: looks for files that have changed, rotates, erases, signs anew. True when there are other
    /// keys now. On a fault what was in force before stays; it says all that is wrong, one line each.
    pub fn turn(&mut self, now: Moment) -> Result<bool, Vec<String>> {
        let rotated = self.own_tickets.rotate(self.lifetime, now.monotonic)?;
        if self.read.files.have_changed(now.monotonic) {
            let read = self.read(self.read.settings.clone(), now)?;
            self.adopt(read, self.lifetime, now)?;
            journal::info("keys of payload encryption were read again");
            return Ok(true);
        }
        let renewed = self.renew_document(now)?;
        Ok(rotated || renewed)
    }

    /// Signs the list of keys anew when half of its life is over.
    fn renew_document(&mut self, now: Moment) -> Result<bool, Vec<String>> {
        let (Some((_, says)), seconds) = (&self.read.document, unix_seconds(now)) else { return Ok(false) };
        let half = says.issued + (says.expires - says.issued) / 2;
        // A clock that was set back makes it look as if it came from the future.
        if (says.issued..half).contains(&seconds) {
            return Ok(false);
        }
        let Some(signed) = signed(&self.read.material, &self.read.gateway, now).map_err(told)? else {
            return Ok(false);
        };
        self.read.document = Some(signed);
        self.note_named();
        Ok(true)
    }

    /// Notes which keys clients may seal to, and until when.
    fn note_named(&mut self) {
        let Some((_, says)) = &self.read.document else { return };
        self.named.retain(|named| named.until > says.issued);
        for key in self.read.gateway.configs() {
            let public = key.public.as_bytes();
            match self.named.iter_mut().find(|named| named.id == key.id && named.public == public) {
                Some(named) => named.until = named.until.max(says.expires),
                None => self.named.push(NamedKey { id: key.id, public: public.to_vec(), until: says.expires }),
            }
        }
    }

    fn tell_what_is_made(&self) {
        if self.read.material.gateway.is_none() {
            journal::info(
                "payload encryption: the keys that clients seal to were made at the start and last as long as this \
                 process; name files in [payload] keys for others",
            );
        }
        if self.read.material.tickets.is_empty() {
            journal::info("payload encryption: session tickets are sealed with keys of this process, which rotate");
        }
    }
}
