//! What one configuration brings with it on this worker: the rules, the choice among servers, what is known of
//! their health, and idle connections to them. A reload makes a new one; running exchanges end under the old.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use super::mapper_calls::Mappings;
use super::policy_answers::PolicyAnswers;
use super::token_cache::TokenCaches;
use super::upstream_pool::UpstreamPool;
use crate::net::connection::Connection;
use crate::net::dialer::{Destination, DialFault, Secured, dial};
use crate::net::tls::Identities;
use crate::policy::exchange::ConnectOrder;
use crate::policy::ruleset::{Rules, Ruleset, Server, UpstreamId};
use crate::policy::service::ServiceId;
use crate::policy::token_rules::{IssuerId, KeySource};
use crate::policy::upstream_choice::Chooser;
use crate::policy::upstream_health::{PassiveHealth, UpstreamView};
use crate::protocol::moment::Monotonic;
use crate::telemetry::tls_failures::HandshakeFailure;

/// One configuration at work.
pub(super) struct Generation {
    pub(super) rules: Rules,
    /// What listeners show and servers are checked against.
    pub(super) identities: Arc<Identities>,
    pub(super) pool: RefCell<UpstreamPool>,
    /// What the policy service said; absent: there is none.
    pub(super) policy: RefCell<Option<Rc<PolicyAnswers>>>,
    /// What tokens turned out to be.
    pub(super) tokens: TokenCaches,
    /// How many issuers are asked about their tokens.
    pub(super) asking_issuers: usize,
    /// What request mappers said.
    pub(super) mappings: Mappings,
    view: RefCell<Arc<UpstreamView>>,
    chooser: RefCell<Chooser>,
    passive: RefCell<PassiveHealth>,
}

impl Generation {
    pub(super) fn new(
        ruleset: Arc<Ruleset>,
        identities: Arc<Identities>,
        view: Arc<UpstreamView>,
        seed: u64,
        workers: usize,
    ) -> Self {
        let upstreams = &ruleset.upstreams;
        Self {
            pool: RefCell::new(UpstreamPool::new(upstreams)),
            view: RefCell::new(view),
            chooser: RefCell::new(Chooser::new(upstreams, seed)),
            passive: RefCell::new(PassiveHealth::new(upstreams)),
            asking_issuers: ruleset.issuers.iter().filter(|issuer| issuer.judge().is_some()).count(),
            tokens: TokenCaches::new(ruleset.issuers.iter().map(|issuer| &issuer.cache), workers),
            mappings: Mappings::new(&ruleset.mappers),
            policy: RefCell::new(
                ruleset
                    .payload
                    .as_ref()
                    .and_then(|rules| rules.service.clone())
                    .map(|service| Rc::new(PolicyAnswers::new(service))),
            ),
            rules: Rules::new(ruleset),
            identities,
        }
    }

    /// Takes over what holds under both: the idle connections of `older` to servers that both know, but not those over TLS, as
    /// what they were verified by may be what has changed; and what was found out by asking the same in the same way.
    pub(super) fn inherit(&mut self, older: &Self) {
        let name = |server: &Server| (!server.tls).then(|| server.place());
        let servers = |rules: &Rules| -> Vec<Vec<Option<String>>> {
            rules.upstreams.iter().map(|upstream| upstream.servers.iter().map(name).collect()).collect()
        };
        self.pool.borrow_mut().inherit(
            &servers(&self.rules),
            &mut older.pool.borrow_mut(),
            &servers(&older.rules),
        );
        self.inherit_answers(older);
        self.inherit_judgements(older);
    }

    /// Keeps what the policy service said, if that is asked as before.
    fn inherit_answers(&self, older: &Self) {
        let asked = |generation: &Self| generation.policy.borrow().as_ref().map(|it| it.service().clone());
        let (ours, theirs) = (asked(self), asked(older));
        if let Some(service) = ours.filter(|ours| theirs.as_ref() == Some(ours))
            && self.asks_as(older, service.service)
        {
            *self.policy.borrow_mut() = older.policy.borrow().clone();
        }
    }

    /// Keeps what tokens turned out to be, issuer by issuer, where both judge them alike.
    fn inherit_judgements(&mut self, older: &Self) {
        for (position, issuer) in (0..).zip(&self.rules.issuers) {
            let service = match (issuer.keys(), issuer.judge()) {
                (Some(KeySource::Service(service) | KeySource::Discovery(service)), _) => Some(*service),
                (_, judge) => judge,
            };
            let is_same = older.rules.issuers.get(usize::from(position)) == Some(issuer);
            if is_same && service.is_none_or(|service| self.asks_as(older, service)) {
                self.tokens.inherit(&older.tokens, IssuerId(position));
            }
        }
    }

    /// Whether this service is the same to both, and on the same servers.
    fn asks_as(&self, older: &Self, service: ServiceId) -> bool {
        let place = |generation: &Self| {
            let service = generation.rules.services.get(usize::from(service.0))?.clone();
            let servers = generation.rules.upstreams.get(usize::from(service.upstream.0))?.servers.clone();
            Some((service, servers))
        };
        place(self).is_some_and(|ours| Some(ours) == place(older))
    }

    pub(super) fn set_view(&self, view: Arc<UpstreamView>) {
        *self.view.borrow_mut() = view;
    }

    /// The server for the next request to `upstream`.
    pub(super) fn choose(
        &self,
        upstream: UpstreamId,
        key: u64,
        exclude: Option<u16>,
        now: Monotonic,
    ) -> Option<u16> {
        let view = self.view.borrow();
        let mut passive = self.passive.borrow_mut();
        let admits = |server| passive.admits(&view, upstream, server, now);
        let chosen = self.chooser.borrow_mut().choose(upstream, admits, key, exclude)?;
        passive.note_chosen(upstream, chosen, now);
        Some(chosen)
    }

    /// The server's socket or one of its addresses; `turn` makes successive calls take successive ones.
    pub(super) fn address(&self, upstream: UpstreamId, server: u16, turn: u64) -> Option<Destination> {
        let rules = self.rules.upstreams.get(usize::from(upstream.0))?.servers.get(usize::from(server))?;
        if let Some(path) = &rules.socket {
            return Some(Destination::Unix(path.clone()));
        }
        let view = self.view.borrow();
        let addresses = &view.server(upstream, server)?.addresses;
        let position = turn.checked_rem(addresses.len() as u64)?;
        addresses.get(position as usize).copied().map(Destination::Tcp)
    }

    /// A connection to one of the server's addresses, secured where the server is named with `https`.
    pub(super) fn dial(
        &self,
        order: ConnectOrder,
        destination: Destination,
    ) -> impl Future<Output = Result<Connection, DialFault>> + use<> {
        let server = &self.rules.upstreams[usize::from(order.upstream.0)].servers[usize::from(order.server)];
        let secured = self.secured(order.upstream, server);
        let refused = server.tls && secured.is_none();
        async move {
            if refused {
                Err(DialFault::Handshake(HandshakeFailure::Other))
            } else {
                dial(destination, order.limit, secured).await
            }
        }
    }

    /// `None` for a server without TLS, and for one whose name cannot be one of a certificate.
    fn secured(&self, upstream: UpstreamId, server: &Server) -> Option<Secured> {
        let identity =
            self.identities.upstreams.get(usize::from(upstream.0))?.as_ref().filter(|_| server.tls)?;
        let name = identity.name_for(&server.host)?;
        Some(Secured { config: identity.config.clone(), name })
    }

    pub(super) fn note_success(&self, upstream: UpstreamId, server: u16) {
        self.passive.borrow_mut().note_success(upstream, server);
    }

    pub(super) fn note_failure(&self, upstream: UpstreamId, server: u16, now: Monotonic, jitter: u64) {
        self.passive.borrow_mut().note_failure(upstream, server, now, jitter);
    }
}

/// Counts a request as under way at a server for as long as it lives.
pub(super) struct Assignment {
    generation: Rc<Generation>,
    upstream: UpstreamId,
    server: u16,
}

impl Assignment {
    pub(super) fn new(generation: Rc<Generation>, upstream: UpstreamId, server: u16) -> Self {
        generation.chooser.borrow_mut().begin(upstream, server);
        Self { generation, upstream, server }
    }
}

impl Drop for Assignment {
    fn drop(&mut self) {
        self.generation.chooser.borrow_mut().finish(self.upstream, self.server);
    }
}
