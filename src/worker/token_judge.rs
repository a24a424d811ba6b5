//! Judges tokens: from what is known, by verifying here, or by asking whoever issued them.
//!
//! A token that has to be asked about is asked about once in the whole process: the worker that its hash belongs to asks,
//! the others send it there (`token_inquiries`) and wait. What the judgement is worth on a route is the policy's business.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::flights::Boarding;
use super::generation::Generation;
use super::service_call::{Call, CallFault, Reply, Written, call};
use super::state::Worker;
use super::token_cache::{TokenHash, Verdict};
use super::token_inquiries::{Found, inquire};
use crate::limits::{INTROSPECTION_BYTES, KEYS_WAIT, TOKEN_CALLS};
use crate::net::{clock, entropy, ring};
use crate::policy::exchange::{TokenAnswer, Tokens};
use crate::policy::issuer_keys::Fetches;
use crate::policy::service::{Credentials, Service, ServiceId};
use crate::policy::token_rules::{IssuerId, IssuerKind, MobileFirstJudge, TokenServerFault};
use crate::protocol::http1::{HeadWriter, Method};
use crate::protocol::moment::Monotonic;
use crate::protocol::token::client_assertion::ASSERTION_ID_LEN;
use crate::protocol::token::introspection::{self, Answer, ClientAuthentication};
use crate::protocol::token::verdict::TokenFault;
use crate::protocol::token::{claims, mobilefirst};

/// What is known after asking; a fault says nothing of the token.
pub(super) type Finding = Result<Verdict, TokenServerFault>;

/// What a client showed, on its way to whoever judges it.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) access: Box<str>,
    pub(super) id: Option<Box<str>>,
    pub(super) hash: TokenHash,
}

impl Shown {
    fn tokens(&self) -> Tokens<'_> {
        Tokens { access: &self.access, id: self.id.as_deref(), hash: &self.hash }
    }
}

/// What is asked about. Who asks after a token was evicted, or under new rules, does not wait for what was asked before.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Matter {
    pub(super) issuer: IssuerId,
    pub(super) hash: TokenHash,
    /// The rules by which the issuer is meant.
    pub(super) generation: u64,
    /// How often tokens had been evicted from this worker.
    evictions: u64,
}

impl Matter {
    pub(super) fn new(worker: &Worker, generation: &Generation, issuer: IssuerId, hash: TokenHash) -> Self {
        let evictions = worker.evictions.get();
        Self { issuer, hash, generation: generation.rules.generation, evictions }
    }

    /// Whether what is found out may be kept: no token was evicted meanwhile, this one perhaps.
    pub(super) fn is_current(&self, worker: &Worker) -> bool {
        self.evictions == worker.evictions.get()
    }
}

/// What can be said at once.
enum Look {
    Known(Verdict),
    Fault(TokenServerFault),
    /// Somebody has to be asked.
    MustAsk,
}

/// What `issuers` say of tokens, as far as it is known or can be verified here. `None`: somebody has to be asked.
pub(super) fn consult(
    worker: &Worker,
    generation: &Generation,
    tokens: Tokens<'_>,
    issuers: &[IssuerId],
    now: Monotonic,
) -> Option<TokenAnswer> {
    let mut sum = Sum::default();
    let mut must_ask = false;
    for issuer in issuers {
        match look(worker, generation, *issuer, tokens, now) {
            Look::Known(verdict) => sum.add(Ok(verdict)),
            Look::Fault(fault) => sum.add(Err(fault)),
            Look::MustAsk => must_ask = true,
        }
        if sum.good.is_some() {
            break;
        }
    }
    (sum.good.is_some() || !must_ask).then(|| sum.answer())
}

/// The same, after asking.
pub(super) async fn ask(
    worker: Rc<Worker>,
    generation: Rc<Generation>,
    shown: Shown,
    issuers: Vec<IssuerId>,
) -> TokenAnswer {
    let mut sum = Sum::default();
    for issuer in issuers {
        sum.add(find_out(&worker, &generation, issuer, &shown).await);
        if sum.good.is_some() {
            break;
        }
    }
    sum.answer()
}

/// What one issuer says of tokens. Asks where that has to be.
pub(super) async fn find_out(
    worker: &Rc<Worker>,
    generation: &Rc<Generation>,
    issuer: IssuerId,
    shown: &Shown,
) -> Finding {
    match look(worker, generation, issuer, shown.tokens(), clock::monotonic()) {
        Look::Known(verdict) => return Ok(verdict),
        Look::Fault(fault) => return Err(fault),
        Look::MustAsk => {}
    }
    let matter = Matter::new(worker, generation, issuer, shown.hash);
    if needs_keys(generation, issuer) {
        let has_news = wait_for_newer_keys(worker, generation, issuer).await;
        return match verify(worker, generation, issuer, shown.tokens()) {
            // The key may be one that could not be had.
            Some(Ok(Verdict::Bad(TokenFault::UnknownKey))) if !has_news => Err(TokenServerFault::KeysMissing),
            Some(finding) => note(worker, generation, &matter, finding),
            None => Err(TokenServerFault::KeysMissing),
        };
    }
    let alike = |other: &Matter| other.issuer == issuer && other.generation == matter.generation;
    let share = TOKEN_CALLS / generation.asking_issuers.max(1);
    let (flight, is_first) = match worker.token_calls.board_as_one_of(&matter, share, alike) {
        Boarding::Full => return Err(TokenServerFault::Busy),
        Boarding::Joined(flight) => (flight, false),
        Boarding::First(flight) => {
            let task = carry(worker.clone(), generation.clone(), matter, shown.clone());
            // A task of its own: whoever asked first may go away.
            ring::spawn(task);
            (flight, true)
        }
    };
    worker.metrics.token_waits.add(u64::from(!is_first));
    let finding = flight.outcome().await;
    match &finding {
        // Every use of it counts: it was for whoever asked first.
        Ok(Verdict::Good(judgement)) if !judgement.may_be_cached && !is_first => {
            let Some(_place) = worker.counted_calls.enter() else { return Err(TokenServerFault::Busy) };
            ask_server(worker, generation, &matter, shown).await
        }
        _ => finding,
    }
}

/// Asks, or has the worker ask to which the token belongs, and tells all who wait.
async fn carry(worker: Rc<Worker>, generation: Rc<Generation>, matter: Matter, shown: Shown) {
    let elsewhere = match worker.owner_of(&shown.hash) {
        Some(owner) => inquire(&worker, &generation, owner, matter, &shown).await,
        None => None,
    };
    let finding = match elsewhere {
        Some(Found { finding, is_current: true }) => note(&worker, &generation, &matter, finding),
        Some(Found { finding, is_current: false }) => finding,
        None => ask_server(&worker, &generation, &matter, &shown).await,
    };
    worker.token_calls.land(&matter, finding);
}

/// What the issuer's server says, which is kept.
async fn ask_server(
    worker: &Rc<Worker>,
    generation: &Rc<Generation>,
    matter: &Matter,
    shown: &Shown,
) -> Finding {
    let Some(settings) = generation.rules.issuers.get(usize::from(matter.issuer.0)) else {
        return Err(TokenServerFault::Unreachable);
    };
    worker.metrics.token_asked.add(1);
    let reply = match &settings.kind {
        IssuerKind::Introspection { service, .. } => {
            let body = |service: &Service, out: &mut Vec<u8>| {
                let credentials = service.credentials.as_ref();
                let assertion = credentials.map_or(Ok(None), |credentials| assertion(worker, credentials))?;
                let shown_as = credentials.map_or(ClientAuthentication::Outside, |credentials| {
                    credentials.in_form(assertion.as_deref())
                });
                introspection::write_form(out, &shown.access, shown_as);
                Ok(())
            };
            post_form(worker, generation, *service, &body).await
        }
        IssuerKind::MobileFirst { judge: MobileFirstJudge::Service(service), .. } => {
            let body = |_: &Service, out: &mut Vec<u8>| {
                mobilefirst::write_validation_form(out, &shown.access, shown.id.as_deref());
                Ok(())
            };
            post_form(worker, generation, *service, &body).await
        }
        _ => return Err(TokenServerFault::KeysMissing),
    };
    let unix = worker.unix_seconds();
    let answer = reply.map(|reply| match &settings.kind {
        IssuerKind::MobileFirst { rules, .. } => {
            mobilefirst::read_validation(reply.status, &reply.body, rules, unix)
        }
        IssuerKind::Introspection { rules, .. } => {
            introspection::read_answer(reply.status, &reply.body, rules, unix)
        }
        IssuerKind::Jwt { .. } => Answer::Refused(TokenFault::UnknownKey),
    });
    let finding = match answer {
        Ok(Answer::Active(judgement)) => Ok(Verdict::Good(Arc::from(judgement))),
        Ok(Answer::Refused(fault)) => Ok(Verdict::Bad(fault)),
        Ok(Answer::Outage(outage)) => Err(TokenServerFault::Answer(outage)),
        Err(CallFault::TimedOut) => Err(TokenServerFault::TimedOut),
        Err(CallFault::TooLong) => Err(TokenServerFault::Answer(introspection::Outage::TooLong)),
        Err(CallFault::NoServer | CallFault::Broken | CallFault::Unsigned) => {
            Err(TokenServerFault::Unreachable)
        }
    };
    worker.metrics.token_server_failed.add(u64::from(finding.is_err()));
    note(worker, generation, matter, finding)
}

/// What signs for the proxy in one call, where its credentials are of that form.
fn assertion(worker: &Worker, credentials: &Credentials) -> Result<Option<String>, CallFault> {
    let mut id = [0; ASSERTION_ID_LEN];
    worker.fill_random(&mut id);
    let made = credentials.assertion(worker.unix_seconds(), &id, &entropy::for_signing());
    made.map_err(|_| CallFault::Unsigned)
}

/// Posts a form to a service.
async fn post_form(
    worker: &Rc<Worker>,
    generation: &Rc<Generation>,
    service: ServiceId,
    body: &dyn Fn(&Service, &mut Vec<u8>) -> Written,
) -> Result<Reply, CallFault> {
    let service: &Service =
        generation.rules.services.get(usize::from(service.0)).ok_or(CallFault::NoServer)?;
    let write = |authority: &str, out: &mut Vec<u8>| {
        let mut form = Vec::new();
        body(service, &mut form)?;
        let mut writer = HeadWriter::new(out);
        writer.request_line(b"POST", service.path.as_bytes());
        service.write_fields(authority, &mut writer);
        writer.field(b"content-type", b"application/x-www-form-urlencoded");
        writer.field_number(b"content-length", form.len() as u64);
        writer.end();
        out.extend_from_slice(&form);
        Ok(())
    };
    let wanted = Call { method: Method::Post, write: &write, body_max: INTROSPECTION_BYTES };
    call(worker, generation, service, &wanted).await
}

/// What is known of tokens, or can be found out without asking anybody.
fn look(
    worker: &Worker,
    generation: &Generation,
    issuer: IssuerId,
    tokens: Tokens<'_>,
    now: Monotonic,
) -> Look {
    let Some(cache) = generation.tokens.of(issuer) else { return Look::Fault(TokenServerFault::Unreachable) };
    let unix = worker.wall_time().at(now).0 / 1_000_000;
    if let Some((verdict, age)) = cache.look_up(tokens.hash, now, unix) {
        worker.metrics.token_hits.add(1);
        worker.metrics.token_ages.add(age.as_millis() as u64);
        return Look::Known(verdict);
    }
    worker.metrics.token_misses.add(1);
    match verify(worker, generation, issuer, tokens) {
        None => Look::MustAsk,
        Some(Ok(Verdict::Bad(TokenFault::UnknownKey)) | Err(TokenServerFault::KeysMissing))
            if may_be_renewed(worker, generation, issuer, now) =>
        {
            Look::MustAsk
        }
        Some(Ok(Verdict::Bad(TokenFault::UnknownKey))) if fetches(worker, generation, issuer).has_failed => {
            Look::Fault(TokenServerFault::KeysMissing)
        }
        Some(Ok(verdict)) => {
            cache.insert(*tokens.hash, &verdict, now, unix);
            Look::Known(verdict)
        }
        Some(Err(fault)) => Look::Fault(fault),
    }
}

/// Verifies tokens here. `None`: the issuer's tokens cannot be.
fn verify(worker: &Worker, generation: &Generation, issuer: IssuerId, tokens: Tokens<'_>) -> Option<Finding> {
    let keys = || {
        let keys = worker.issuer_keys.borrow();
        keys.of(generation.rules.generation, issuer).cloned().ok_or(TokenServerFault::KeysMissing)
    };
    let unix = worker.unix_seconds();
    let judged = match &generation.rules.issuers.get(usize::from(issuer.0))?.kind {
        IssuerKind::Jwt { .. } if tokens.id.is_some() => Ok(Err(TokenFault::Malformed)),
        IssuerKind::Jwt { rules, .. } => {
            keys().map(|keys| claims::judge_jwt(tokens.access, rules, &keys, unix))
        }
        IssuerKind::MobileFirst { rules, judge: MobileFirstJudge::Keys(_) } => {
            keys().map(|keys| mobilefirst::judge_tokens(tokens.access, tokens.id, rules, &keys, unix))
        }
        IssuerKind::Introspection { .. } if tokens.id.is_some() => Ok(Err(TokenFault::Malformed)),
        IssuerKind::MobileFirst { rules, judge: MobileFirstJudge::Service(_) }
            if !rules.is_development && mobilefirst::is_test_token(tokens.access) =>
        {
            Ok(Err(TokenFault::TestToken))
        }
        IssuerKind::Introspection { .. } | IssuerKind::MobileFirst { .. } => return None,
    };
    Some(judged.map(|judged| match judged {
        Ok(judgement) => Verdict::Good(Arc::new(judgement)),
        Err(fault) => Verdict::Bad(fault),
    }))
}

/// Keeps what was found out, if it still holds.
fn note(worker: &Worker, generation: &Generation, matter: &Matter, finding: Finding) -> Finding {
    if let (Ok(verdict), Some(cache)) = (&finding, generation.tokens.of(matter.issuer))
        && matter.is_current(worker)
    {
        cache.insert(matter.hash, verdict, clock::monotonic(), worker.unix_seconds());
    }
    finding
}

/// Whether newer keys may be had than those that do not know a token's.
fn may_be_renewed(worker: &Worker, generation: &Generation, issuer: IssuerId, now: Monotonic) -> bool {
    worker.issuer_keys.borrow().may_be_renewed(generation.rules.generation, issuer, now)
}

/// Asks the control thread for newer keys and waits until those of the issuer were fetched, not for ever. False: there are none
/// to be had.
async fn wait_for_newer_keys(worker: &Worker, generation: &Generation, issuer: IssuerId) -> bool {
    let Some(place) = worker.keys_awaited.enter() else { return false };
    let before = fetches(worker, generation, issuer);
    worker.key_requests.borrow().ask(issuer);
    let fetched = poll_fn(|context| {
        let now = fetches(worker, generation, issuer);
        if now != before {
            return Poll::Ready(!now.has_failed);
        }
        place.wait(context);
        Poll::Pending
    });
    ring::within(KEYS_WAIT, fetched).await.unwrap_or(false)
}

/// How fetching an issuer's keys went.
fn fetches(worker: &Worker, generation: &Generation, issuer: IssuerId) -> Fetches {
    worker.issuer_keys.borrow().fetches(generation.rules.generation, issuer)
}

/// True when the issuer's tokens are verified here.
fn needs_keys(generation: &Generation, issuer: IssuerId) -> bool {
    let kind = generation.rules.issuers.get(usize::from(issuer.0)).map(|issuer| &issuer.kind);
    matches!(
        kind,
        Some(IssuerKind::Jwt { .. } | IssuerKind::MobileFirst { judge: MobileFirstJudge::Keys(_), .. })
    )
}

/// What several issuers say together.
#[derive(Default)]
struct Sum {
    good: Option<Verdict>,
    bad: Option<TokenFault>,
    fault: Option<TokenServerFault>,
}

impl Sum {
    fn add(&mut self, finding: Finding) {
        match finding {
            Ok(Verdict::Bad(fault)) => {
                // That it is another issuer's says the least.
                let says_more = self.bad.is_none_or(|bad| bad == TokenFault::Issuer);
                self.bad = if says_more { Some(fault) } else { self.bad };
            }
            Ok(good) => self.good = Some(good),
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// Good if one says so. Bad only if all do: one that cannot be asked might have known it.
    fn answer(self) -> TokenAnswer {
        match (self.good, self.fault, self.bad) {
            (Some(Verdict::Good(judgement)), ..) => TokenAnswer::Good(judgement),
            (_, Some(fault), _) => TokenAnswer::Unknown(fault),
            (_, None, bad) => TokenAnswer::Bad(bad.unwrap_or(TokenFault::Issuer)),
        }
    }
}
