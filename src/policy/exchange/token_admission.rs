//! Who a request comes from, where its route asks: the token judged, asked of the route's rule, and what a request mapper
//! makes of the request.
//!
//! Of a sealed request the connection's certificate proves nothing, as anybody can carry it over a connection of his own.

use std::net::IpAddr;
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::answering::Declined;
use super::judgement::Reading;
use super::question::{Answer, Mapping, Question, TokenAnswer, Tokens, consulted, judge_application};
use super::{Exchange, Outcome, World};
use crate::policy::access_rule::{JudgedRule, Proofs, TokenForm};
use crate::policy::payload_rules::PayloadMode;
use crate::policy::refusal::Refusal;
use crate::policy::request_mapper::{
    ExtraMembers, Mapped, MapperFault, MapperId, MappingRequest, write_mapping_body,
};
use crate::policy::route_table::{Route, forwarded_target};
use crate::protocol::http1::FieldKind;
use crate::protocol::payload::ticket::AppIdentity;
use crate::protocol::token::bearer::{Credentials, PairForm, credentials};
use crate::protocol::token::verdict::{ApplicationClaims, Constraint, Judgement};

impl Exchange {
    /// Whether the route takes a request in this form, from this client, with this token. What the token says, where one is
    /// judged.
    pub(super) fn admit(
        &self,
        route: &Route,
        reading: &Reading<'_>,
        outcome: &mut Outcome,
        world: &mut World<'_>,
    ) -> Result<Option<Arc<Judgement>>, Declined> {
        let is_opened = self.is_opened();
        match &route.access.client_certificate {
            // Nothing else grants here, and who carries a sealed request need not be who made it.
            Some(_) if is_opened && route.access.judged().is_none() => {
                return Err(Refusal::CertificateRequired.into());
            }
            Some(rule) => self.peer.satisfies(rule)?,
            None => {}
        }
        if is_opened && route.payload == PayloadMode::Off {
            // It does not exist for sealed requests; the routes behind it are not asked, which might ask for less.
            return Err(Refusal::NoRoute.into());
        }
        let claims = match route.access.judged() {
            Some(rule) => Some(self.admit_token(rule, reading, outcome, world)?),
            None => None,
        };
        self.admit_form(route.payload, claims.as_deref(), world)?;
        Ok(claims)
    }

    /// Whether the policy for payload encryption lets the request pass in the form in which it came. Its application is the
    /// one that the ticket or the token names; if both do, they must agree.
    fn admit_form(
        &self,
        mode: PayloadMode,
        claims: Option<&Judgement>,
        world: &mut World<'_>,
    ) -> Result<(), Declined> {
        let Some(rules) = &self.rules.payload else { return Ok(()) };
        let token = claims.map(|claims| &claims.application);
        let ticket = self.sealed.as_ref().and_then(|sealed| sealed.app.as_ref());
        if let (Some(ticket), Some(token)) = (ticket, token)
            && !agrees(ticket, token)
        {
            return Err(Refusal::PayloadAppMismatch.into());
        }
        let named = token.and_then(application_of);
        let verdict = judge_application(rules, ticket.or(named.as_ref()), world.consult)?;
        let admitted = if self.is_opened() { verdict.admit_sealed() } else { verdict.admit_plain(mode) };
        Ok(admitted.map_err(Refusal::from)?)
    }

    /// What the route's mapper makes of the request.
    pub(super) fn map(
        &self,
        mapper: MapperId,
        route: &Route,
        reading: &Reading<'_>,
        claims: &Judgement,
        client: IpAddr,
        world: &mut World<'_>,
    ) -> Result<Arc<Mapped>, Declined> {
        let Some(settings) = self.rules.mappers.get(usize::from(mapper.0)) else {
            return Err(Refusal::Mapper(MapperFault::Unreachable).into());
        };
        let bytes = self.request.unread();
        let told = claims.claims_at(world.time.0 / 1_000_000);
        let scratch = &mut *world.scratch;
        scratch.target.clear();
        let rewritten = forwarded_target(route, reading.path, reading.query, &mut scratch.target)
            .map_err(|_| Declined::from(Refusal::RewriteTooLong))?;
        if !rewritten {
            scratch.target.extend_from_slice(reading.path);
            if let Some(query) = reading.query {
                scratch.target.push(b'?');
                scratch.target.extend_from_slice(query);
            }
        }
        let request = MappingRequest {
            bytes,
            fields: &scratch.fields,
            options: &reading.options,
            target: &scratch.target,
            claims: &told,
            route,
            extra: ExtraMembers {
                method: reading.head.method_name.of(bytes),
                host: reading.target.authority.of(bytes),
                client,
                is_tls: self.peer.tls.is_some(),
            },
        };
        scratch.mapping.clear();
        write_mapping_body(settings, &request, &mut scratch.mapping);
        let until = claims.next_expiry(world.time.0 / 1_000_000);
        let mapping = Mapping { mapper, body: &scratch.mapping, until };
        match consulted(world.consult, Question::Mapping(mapping))? {
            Answer::Mapping(Ok(mapped)) => Ok(mapped),
            Answer::Mapping(Err(fault)) => Err(Refusal::Mapper(fault).into()),
            Answer::Application(_) | Answer::Token(_) => Err(Refusal::Exhausted.into()),
        }
    }

    /// What the token of a request says, which will do for the route's `rule`.
    fn admit_token(
        &self,
        rule: &Arc<JudgedRule>,
        reading: &Reading<'_>,
        outcome: &mut Outcome,
        world: &mut World<'_>,
    ) -> Result<Arc<Judgement>, Declined> {
        let (bytes, fields) = (self.request.unread(), &world.scratch.fields);
        let now = world.time.0 / 1_000_000;
        let values = fields
            .iter()
            .filter(|field| field.kind == FieldKind::Authorization)
            .map(|field| field.value.of(bytes));
        let pair = if rule.takes_pair { PairForm::Allowed } else { PairForm::Refused };
        let (access, id, form) = match credentials(values, pair).map_err(Refusal::Credentials)? {
            Credentials::None | Credentials::OtherScheme => return Err(Refusal::TokenMissing.into()),
            Credentials::Bearer(access) => (access, None, TokenForm::Bearer),
            Credentials::Dpop(access) => (access, None, TokenForm::Dpop),
            Credentials::Pair { access, id } => (access, Some(id), TokenForm::Pair),
        };
        let hash = hash_of(access, id);
        outcome.token = hash.first_chunk().copied();
        let tokens = Tokens { access, id, hash: &hash };
        let judgement = match consulted(world.consult, Question::Token(tokens, rule))? {
            Answer::Token(TokenAnswer::Good(judgement)) => judgement,
            Answer::Token(TokenAnswer::Bad(fault)) => return Err(Refusal::Token(fault).into()),
            Answer::Token(TokenAnswer::Unknown(fault)) => return Err(Refusal::TokenServer(fault).into()),
            Answer::Application(_) | Answer::Mapping(_) => return Err(Refusal::Exhausted.into()),
        };
        // What is bound to no key needs no proof, and whoever sends one with it has nothing looked at for it.
        let proof = match &judgement.constraint {
            Some(Constraint::Key(key)) => self.prove(reading, rule, (&hash, key), outcome, world),
            Some(Constraint::Certificate(_)) | None => None,
        };
        let shown =
            Proofs { form, proof, certificate: self.peer.certificate().filter(|_| !self.is_opened()) };
        rule.judge(&judgement, &shown, now).map_err(Refusal::Denied)?;
        Ok(judgement)
    }
}

/// Whether a ticket's application is the one that a token names, as far as it names one.
fn agrees(ticket: &AppIdentity, token: &ApplicationClaims) -> bool {
    let is = |own: &str, named: &Option<Box<str>>| named.as_deref().is_none_or(|named| named == own);
    is(ticket.id(), &token.id)
        && is(ticket.platform(), &token.platform)
        && is(ticket.version(), &token.version)
}

/// The application that a token names, if it names all of it.
fn application_of(token: &ApplicationClaims) -> Option<AppIdentity> {
    AppIdentity::new(token.id.as_deref()?, token.platform.as_deref()?, token.version.as_deref()?)
}

/// SHA-256 of what was shown; between the two of a pair stands a byte that no token has.
fn hash_of(access: &str, id: Option<&str>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(access.as_bytes());
    if let Some(id) = id {
        context.update(b" ");
        context.update(id.as_bytes());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
