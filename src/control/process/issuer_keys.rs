//! The keys of issuers, and what is remembered of their tokens: has them got in time, and tells the workers.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use super::super::admin_server::Evictor;
use super::super::event::Event;
use super::super::key_refresher::fetch::{self, FetchCause, FetchFault, Fetched};
use super::super::key_refresher::job::FetchJob;
use super::{Process, moment};
use crate::limits::ADMIN_DEADLINE;
use crate::protocol::moment::Monotonic;

impl Process {
    /// Has keys got whose time has come, and looks at those in files.
    pub(super) fn turn_issuer_keys(&mut self, now: Monotonic) {
        if self.force.is_none() {
            return;
        }
        // Both, whatever the first says.
        let is_news = self.keys.give_up_late(moment(now)) | self.keys.look_at_files(moment(now));
        let is_news = self.begin_fetches(now) || is_news;
        if is_news {
            self.give_issuer_keys();
        }
        if self.keys.were_all_tried() || self.first_keys_until.is_some_and(|until| until <= now) {
            self.first_keys_until = None;
        }
    }

    /// A fetch ended.
    pub(super) fn on_keys_fetched(&mut self, fetched: Fetched, now: Monotonic) {
        if self.keys.note_fetched(fetched, moment(now)) {
            self.give_issuer_keys();
        }
    }

    /// Has every worker forget a token.
    pub(super) fn evict(&self, hash: [u8; 32], told: &Sender<()>) {
        if let Some(force) = &self.force {
            force.supervisor.evict(hash);
            // Whoever asked may have gone.
            let _heard = told.send(());
        }
    }

    /// True when one could not even be begun.
    fn begin_fetches(&mut self, now: Monotonic) -> bool {
        let Some(force) = &self.force else { return false };
        let mut is_news = false;
        for due in self.keys.begin_due(now) {
            let view = force.watch.view();
            let job = FetchJob::new(due.ticket, due.issuer, &force.rules, &force.identities, &view);
            let Some(job) = job else { continue };
            let (ticket, place, sender) = (job.ticket, job.service.name.clone(), self.sender.clone());
            let begun = fetch::begin(job, move |fetched| drop(sender.send(Event::KeysFetched(fetched))));
            if let Err(error) = begun {
                let fault = FetchFault { place, cause: FetchCause::Io(error) };
                is_news |= self.keys.note_fetched(Fetched { ticket, outcome: Err(fault) }, moment(now));
            }
        }
        is_news
    }

    fn give_issuer_keys(&mut self) {
        self.status.issuers = self.keys.status();
        if let Some(force) = &mut self.force {
            force.supervisor.give_issuer_keys(self.keys.keys());
        }
    }
}

/// What the admin server has tokens forgotten by: asks the control thread, and waits until every worker was told.
pub(super) fn evictor(sender: Sender<Event>) -> Evictor {
    Arc::new(move |hash| {
        let (told, heard) = channel();
        sender.send(Event::Evict { hash, told }).is_ok() && heard.recv_timeout(ADMIN_DEADLINE).is_ok()
    })
}
