//! Questions about tokens from worker to worker: who a token belongs to asks the Token Server, so that it is asked once.
//!
//! What is sent is copied: no worker writes what another reads.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::flights::Boarding;
use super::generation::Generation;
use super::mailbox::Order;
use super::state::Worker;
use super::token_cache::Verdict;
use super::token_judge::{Finding, Matter, Shown, find_out};
use crate::limits::TOKEN_INQUIRY_SLACK;
use crate::net::ring;
use crate::policy::token_rules::{IssuerId, IssuerKind, MobileFirstJudge};

/// Asks another worker about a token.
#[derive(Clone)]
pub struct Inquiry {
    matter: Matter,
    shown: Shown,
    /// The worker that asks.
    from: usize,
}

/// Answers another worker. Nothing found: it cannot say.
#[derive(Clone)]
pub struct Report {
    /// As the inquiry has it.
    matter: Matter,
    found: Option<Found>,
}

/// What another worker found out.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) finding: Finding,
    /// False: a token was evicted meanwhile, so that it may be kept no more.
    pub(super) is_current: bool,
}

impl std::fmt::Debug for Inquiry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inquiry").field("from", &self.from).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Report").finish_non_exhaustive()
    }
}

/// Has `owner` find out what the issuer says. `None`: it cannot, or takes too long about it.
pub(super) async fn inquire(
    worker: &Rc<Worker>,
    generation: &Rc<Generation>,
    owner: usize,
    matter: Matter,
    shown: &Shown,
) -> Option<Found> {
    let report = match worker.reports.board(&matter) {
        Boarding::First(report) | Boarding::Joined(report) => report,
        Boarding::Full => return None,
    };
    let inquiry = Inquiry { matter, shown: shown.clone(), from: worker.index };
    let said = if worker.post(owner, Order::TokenInquiry(Box::new(inquiry))) {
        ring::within(patience(generation, matter.issuer), report.outcome()).await.flatten()
    } else {
        None
    };
    // If nothing came: what comes later is for nobody.
    worker.reports.land(&matter, None);
    said
}

/// Answers another worker.
pub(super) fn answer(worker: &Rc<Worker>, inquiry: Inquiry) {
    let (worker, generation) = (worker.clone(), worker.generation());
    ring::spawn(async move {
        let Inquiry { matter, shown, from } = inquiry;
        let found = if generation.rules.generation == matter.generation {
            let own = Matter::new(&worker, &generation, matter.issuer, matter.hash);
            let finding = find_out(&worker, &generation, matter.issuer, &shown).await;
            let finding = finding.map(|verdict| copy_of(&verdict));
            Some(Found { finding, is_current: own.is_current(&worker) })
        } else {
            None
        };
        worker.post(from, Order::TokenReport(Box::new(Report { matter, found })));
    });
}

/// Takes in what another worker found out.
pub(super) fn take_in(worker: &Worker, report: Report) {
    worker.reports.land(&report.matter, report.found);
}

/// Of its own, so that counting its owners touches no memory of the other worker's.
fn copy_of(verdict: &Verdict) -> Verdict {
    match verdict {
        Verdict::Good(judgement) => Verdict::Good(Arc::new((**judgement).clone())),
        Verdict::Bad(fault) => Verdict::Bad(*fault),
    }
}

/// As long as the other may need.
fn patience(generation: &Generation, issuer: IssuerId) -> Duration {
    let kind = generation.rules.issuers.get(usize::from(issuer.0)).map(|issuer| &issuer.kind);
    let service = match kind {
        Some(IssuerKind::Introspection { service, .. })
        | Some(IssuerKind::MobileFirst { judge: MobileFirstJudge::Service(service), .. }) => Some(service),
        _ => None,
    };
    let service = service.and_then(|service| generation.rules.services.get(usize::from(service.0)));
    service.map_or(Duration::ZERO, |service| service.timeout) + TOKEN_INQUIRY_SLACK
}
