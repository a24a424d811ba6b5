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
use super::token_cache::{TokenHash, Verdict};
use super::token_judge::{Finding, Shown, find_out};
use crate::limits::TOKEN_INQUIRY_SLACK;
use crate::net::ring;
use crate::policy::token_rules::{IssuerId, IssuerKind, MobileFirstJudge};

/// Asks another worker about a token.
#[derive(Clone)]
pub struct Inquiry {
    issuer: IssuerId,
    /// The rules by which the issuer is meant.
    generation: u64,
    shown: Shown,
    /// The worker that asks.
    from: usize,
}

/// What another worker found out. Absent: it cannot say.
#[derive(Clone)]
pub struct Report {
    issuer: IssuerId,
    hash: TokenHash,
    finding: Option<Finding>,
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
    issuer: IssuerId,
    shown: &Shown,
) -> Option<Finding> {
    let key = (issuer, shown.hash);
    let report = match worker.reports.board(&key) {
        Boarding::First(report) | Boarding::Joined(report) => report,
        Boarding::Full => return None,
    };
    let inquiry =
        Inquiry { issuer, generation: generation.rules.generation, shown: shown.clone(), from: worker.index };
    let said = if worker.post(owner, Order::TokenInquiry(Box::new(inquiry))) {
        ring::within(patience(generation, issuer), report.outcome()).await.flatten()
    } else {
        None
    };
    // If nothing came: what comes later is for nobody.
    worker.reports.land(&key, None);
    said
}

/// Answers another worker.
pub(super) fn answer(worker: &Rc<Worker>, inquiry: Inquiry) {
    let (worker, generation) = (worker.clone(), worker.generation());
    ring::spawn(async move {
        let Inquiry { issuer, generation: meant, shown, from } = inquiry;
        let finding = if generation.rules.generation == meant {
            Some(find_out(&worker, &generation, issuer, &shown).await.map(|verdict| copy_of(&verdict)))
        } else {
            None
        };
        worker.post(from, Order::TokenReport(Box::new(Report { issuer, hash: shown.hash, finding })));
    });
}

/// Takes in what another worker found out.
pub(super) fn take_in(worker: &Worker, report: Report) {
    worker.reports.land(&(report.issuer, report.hash), report.finding);
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
