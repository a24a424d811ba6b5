//! The keys of payload encryption over the life of the process: read from files or made here, rotated with overlap, erased
//! when that ends; and the signed list of them, renewed in time.
//!
//! It owns no clock: the control thread hands it moments and asks when it wants to be called next.

use std::sync::Arc;
use std::time::Duration;

use super::journal;
use super::settings::Settings;
use super::watched_files::WatchedFiles;
use crate::limits::{PAYLOAD_DOCUMENT_LIFETIME, PAYLOAD_TICKET_ROTATION};
use crate::net::payload::key_file::TicketSecret;
use crate::net::payload::material::{self, DocumentMaterial, KeyMaterial};
use crate::net::payload::settings::{PayloadKeySettings, START_ID_LEN};
use crate::net::payload::{KeyFault, fresh};
use crate::policy::payload_keys::{PayloadClock, PayloadKeys};
use crate::policy::payload_rules::PayloadRules;
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::protocol::payload::key_document::KeyDocument;
use crate::protocol::payload::ohttp_keys::GatewayKeys;
use crate::protocol::payload::ticket::{TicketKey, TicketKeys};

/// All keys, and what is to happen to them.
pub struct PayloadKeyring {
    starts: Vec<[u8; START_ID_LEN]>,
    clock: PayloadClock,
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
    /// None where there is no payload encryption.
    pub fn start(settings: &Settings, now: Moment) -> Result<Option<Self>, Vec<String>> {
        let Some((rules, payload)) = settings.ruleset.payload.as_ref().zip(settings.payload.as_ref()) else {
            return Ok(None);
        };
        Self::begin(payload.keys.clone(), rules, now).map(Some)
    }

    fn begin(settings: PayloadKeySettings, rules: &PayloadRules, now: Moment) -> Result<Self, Vec<String>> {
        let starts = match settings.start_ids.as_slice() {
            [] => vec![fresh::start_id().map_err(told)?],
            ids => ids.to_vec(),
        };
        let clock =
            PayloadClock { started: now.monotonic, unix: unix_seconds(now), window: rules.window.as_secs() };
        let read = read(settings, None, &[], now)?;
        let (lifetime, own_tickets) = (rules.session_lifetime, OwnTickets::default());
        let mut new = Self { starts, clock, lifetime, read, own_tickets, named: Vec::new() };
        new.note_named();
        new.own_tickets.begin(&new.read, lifetime, now.monotonic)?;
        new.tell_what_is_made(None);
        Ok(new)
    }

    /// The keys as they are now.
    pub fn keys(&self) -> Arc<PayloadKeys> {
        let (own, files) = (self.own_tickets.0.iter().map(|key| &key.secret), &self.read.material.tickets);
        let tickets = files.iter().chain(own).map(|secret| TicketKey::new(secret)).collect();
        Arc::new(PayloadKeys {
            gateway: Arc::clone(&self.read.gateway),
            key_list: self.read.gateway.encode().into(),
            document: self.read.document.as_ref().map(|(text, _)| Arc::clone(text)),
            // invariant: where files give none, one is made.
            tickets: TicketKeys::new(tickets).expect("a ticket key"),
            starts: self.starts.clone(),
            clock: self.clock,
        })
    }

    /// Reads what other `settings` name. Nothing is in force before [`Self::adopt`].
    pub fn read(&self, settings: PayloadKeySettings, now: Moment) -> Result<KeysRead, Vec<String>> {
        read(settings, Some(&self.read), &self.named, now)
    }

    /// Puts in force what was read. Keys that it does not have are erased with the last who uses them.
    pub fn adopt(&mut self, read: KeysRead, lifetime: Duration, now: Moment) -> Result<(), Vec<String>> {
        self.own_tickets.begin(&read, lifetime, now.monotonic)?;
        let before = std::mem::replace(&mut self.read, read);
        self.lifetime = lifetime;
        self.note_named();
        self.tell_what_is_made(Some(&before.material));
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
        let has_changed = self.read.files.have_changed(now.monotonic);
        if has_changed {
            let read = self.read(self.read.settings.clone(), now)?;
            self.adopt(read, self.lifetime, now)?;
            journal::info("keys of payload encryption were read again");
        }
        let is_renewed = self.renew_document(now)?;
        // Last: what it changes must not be left untold by a fault.
        let is_rotated = self.own_tickets.rotate(self.lifetime, now.monotonic)?;
        Ok(has_changed || is_renewed || is_rotated)
    }

    /// Signs the list of keys anew when half of its life is over.
    fn renew_document(&mut self, now: Moment) -> Result<bool, Vec<String>> {
        let Some(DocumentMaterial::Signer { .. }) = self.read.material.document else { return Ok(false) };
        let Some((_, says)) = &self.read.document else { return Ok(false) };
        let half = says.issued + (says.expires - says.issued) / 2;
        // A clock that was set back makes it look as if it came from the future.
        if (says.issued..half).contains(&unix_seconds(now)) {
            return Ok(false);
        }
        self.read.document = document(&self.read.material, &self.read.gateway, now).map_err(told)?;
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
                None => {
                    self.named.push(NamedKey { id: key.id, public: public.to_vec(), until: says.expires })
                }
            }
        }
    }

    /// Says once which keys are not in files. `before`: what files gave until now.
    fn tell_what_is_made(&self, before: Option<&KeyMaterial>) {
        let material = &self.read.material;
        if material.gateway.is_none() && before.is_none_or(|before| before.gateway.is_some()) {
            journal::info(
                "payload encryption: the keys that clients seal to are made here and last as long as this process; name \
                 files in `keys` for others",
            );
        }
        if material.tickets.is_empty() && before.is_none_or(|before| !before.tickets.is_empty()) {
            journal::info("payload encryption: the keys of session tickets are made here, and rotate");
        }
    }
}

impl OwnTickets {
    /// Makes the first key, if it takes one.
    fn begin(&mut self, read: &KeysRead, lifetime: Duration, now: Monotonic) -> Result<(), Vec<String>> {
        if !read.material.tickets.is_empty() {
            self.0.clear();
        } else if self.0.is_empty() {
            self.seal_with_another(lifetime, now)?;
        }
        Ok(())
    }

    /// True when there are other keys now.
    fn rotate(&mut self, lifetime: Duration, now: Monotonic) -> Result<bool, Vec<String>> {
        let is_over = self.0.first().is_some_and(|first| first.until <= now);
        if is_over {
            self.seal_with_another(lifetime, now)?;
        }
        let all = self.0.len();
        self.0.retain(|key| key.until > now);
        Ok(is_over || self.0.len() < all)
    }

    /// The key that sealed so far opens what it sealed until that has expired.
    fn seal_with_another(&mut self, lifetime: Duration, now: Monotonic) -> Result<(), Vec<String>> {
        let secret = fresh::ticket_secret().map_err(told)?;
        if let Some(first) = self.0.first_mut() {
            first.until = now.after(lifetime);
        }
        self.0.insert(0, OwnTicketKey { secret, until: now.after(lifetime.max(PAYLOAD_TICKET_ROTATION)) });
        Ok(())
    }
}

fn read(
    settings: PayloadKeySettings,
    before: Option<&KeysRead>,
    named: &[NamedKey],
    now: Moment,
) -> Result<KeysRead, Vec<String>> {
    let files = WatchedFiles::new(material::paths(&settings));
    let loaded = KeyMaterial::load(&settings, unix_seconds(now));
    let material::Loaded { material, warnings } =
        loaded.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    warnings.iter().for_each(journal::warn);
    let own = before.filter(|before| before.material.gateway.is_none()).map(|before| &before.gateway);
    let gateway = match material.gateway.as_ref().or(own) {
        Some(gateway) => Arc::clone(gateway),
        None => Arc::new(fresh::gateway().map_err(told)?),
    };
    ids_are_free(&gateway, named, unix_seconds(now)).map_err(told)?;
    let document = document(&material, &gateway, now).map_err(told)?;
    Ok(KeysRead { settings, files, material, gateway, document })
}

/// A client may seal to any key that a signed list names for it: an id in it must mean no other key.
fn ids_are_free(gateway: &GatewayKeys, named: &[NamedKey], now: u64) -> Result<(), KeyFault> {
    for key in gateway.configs() {
        let other = |named: &&NamedKey| {
            named.id == key.id && named.public != key.public.as_bytes() && named.until > now
        };
        if let Some(other) = named.iter().find(other) {
            return Err(KeyFault::IdTaken { id: key.id, hours: (other.until - now).div_ceil(60 * 60) });
        }
    }
    Ok(())
}

/// The signed list of keys, signed now if it is signed here.
fn document(
    material: &KeyMaterial,
    gateway: &GatewayKeys,
    now: Moment,
) -> Result<Option<(Arc<str>, KeyDocument)>, KeyFault> {
    match &material.document {
        None => Ok(None),
        Some(DocumentMaterial::Signed { text, says }) => Ok(Some((Arc::clone(text), says.clone()))),
        Some(DocumentMaterial::Signer { signer, origin }) => {
            let seconds = PAYLOAD_DOCUMENT_LIFETIME.as_secs();
            let (text, says) = material::sign(signer, origin, unix_seconds(now), seconds, &gateway.encode())?;
            Ok(Some((text.into(), says)))
        }
    }
}

fn unix_seconds(now: Moment) -> u64 {
    now.unix.0 / 1_000_000
}

fn told(fault: KeyFault) -> Vec<String> {
    vec![fault.to_string()]
}

#[cfg(test)]
mod tests;
