//! Answers the proxy makes itself: refusals, fixed answers of a route, OPTIONS addressed to the proxy.

use super::payload_endpoints::{KeyAnswer, SealedArrival, SealedForm};
use super::question::Asked;
use super::{Exchange, Outcome, World};
use crate::policy::refusal::{AnswerFrame, AnswerHints, Refusal, write_fixed, write_refusal};
use crate::policy::route_table::{FixedAnswer, fixed_location};
use crate::policy::token_challenges::{challenges, wants_nonce};
use crate::protocol::http1::{Method, Rejection, Version};

/// Why a request is not forwarded, and what is answered instead.
pub(super) enum Declined {
    /// A fault.
    Refusal(Refusal),
    /// The method, and which ones there are.
    NotAllowed { allow: String },
    /// The route says so.
    Fixed { status: u16, location: Option<Vec<u8>> },
    /// OPTIONS with `Max-Forwards: 0`: the proxy is the final recipient.
    OptionsHere,
    /// It is no request to forward: its body is sealed, and what it is comes out of that.
    Sealed(SealedForm, SealedArrival),
    /// It is answered with this document: its media type, and its text.
    Document(&'static str, String),
    /// It asks for the keys to seal to.
    Keys(KeyAnswer),
    /// Not yet: something has to be asked for first.
    Ask(Asked),
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Rejection> for Declined {
    fn from(rejection: Rejection) -> Self {
        Self::Refusal(Refusal::Malformed(rejection))
    }
}

impl Declined {
    /// What a route's `answer` becomes for this path and query.
    pub(super) fn fixed(answer: &FixedAnswer, path: &[u8], query: Option<&[u8]>) -> Self {
        let mut location = Vec::new();
        match fixed_location(answer, path, query, &mut location) {
            Ok(has_location) => {
                Self::Fixed { status: answer.status, location: has_location.then_some(location) }
            }
            Err(_) => Self::Refusal(Refusal::RewriteTooLong),
        }
    }
}

/// Methods the proxy itself answers OPTIONS for.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

/// The nonce that proofs should have now, if there are nonces.
pub(super) fn nonce_of(world: &World<'_>) -> Option<String> {
    Some(world.proofs.nonces?.current(world.time.0 / 1_000_000))
}

impl Exchange {
    /// Answers a request whose head could not be parsed or did not come.
    pub(super) fn refuse_before_head(&mut self, refusal: Refusal, world: &mut World<'_>) {
        self.outcome_text.clear();
        let generation = world.rules.generation;
        self.outcome = Some(Outcome::begun(world.now, world.time, self.peer.address, generation));
        self.up.stop();
        self.refuse(refusal, world);
    }

    /// Answers instead of forwarding, or goes another way about it.
    pub(super) fn decline(&mut self, declined: Declined, world: &mut World<'_>) {
        match declined {
            Declined::Refusal(Refusal::TraceRefused) => {
                self.refuse_with(Refusal::TraceRefused, Some(METHODS), world)
            }
            Declined::Refusal(refusal) => self.refuse_with(refusal, None, world),
            Declined::NotAllowed { allow } => {
                self.refuse_with(Refusal::MethodNotAllowed, Some(&allow), world)
            }
            Declined::Fixed { status, location } => self.answer(status, location.as_deref(), None, world),
            Declined::OptionsHere => self.answer(204, None, Some(METHODS), world),
            Declined::Sealed(form, arrival) => self.begin_opening(form, arrival, world),
            Declined::Document(media_type, text) => self.tell(media_type, text.as_bytes(), world),
            Declined::Keys(which) => self.tell_keys(which, world),
            // What was answered is not known all the same: it would be asked for ever.
            Declined::Ask(_) => self.refuse(Refusal::Exhausted, world),
        }
    }

    /// Answers with a problem, or cuts the response if one has begun.
    pub(super) fn refuse(&mut self, refusal: Refusal, world: &mut World<'_>) {
        self.refuse_with(refusal, None, world);
    }

    fn refuse_with(&mut self, refusal: Refusal, allow: Option<&str>, world: &mut World<'_>) {
        // An interim response on its way keeps the buffer: too late for an answer of our own.
        if self.down.has_begun() || self.response.out_len() > 0 {
            return self.abort(refusal, world.now);
        }
        self.release(false, world.buffers);
        if refusal.poisons_connection() {
            self.up.stop();
        } else if !self.up.is_complete() {
            self.up.skip_rest(&mut self.request);
        }
        let keeps = !refusal.poisons_connection() && self.may_keep(world);
        let frame = self.frame(keeps, world);
        world.scratch.head.clear();
        let rules = self.rules.clone();
        let route = self.outcome.as_ref().and_then(|outcome| outcome.route);
        let rule = route.and_then(|route| rules.routes.routes()[usize::from(route)].access.judged());
        let metadata = rule.and_then(|_| self.metadata_url());
        let challenges = rule.map_or_else(Vec::new, |rule| challenges(rule, refusal, metadata.as_deref()));
        let nonce = rule.and_then(|rule| wants_nonce(rule, refusal).then(|| nonce_of(world)).flatten());
        let hints = AnswerHints { allow, challenges: &challenges, nonce: nonce.as_deref() };
        write_refusal(refusal, hints, frame, &mut world.scratch.head);
        self.say(refusal.status(), refusal.reason(), keeps, world);
    }

    fn answer(&mut self, status: u16, location: Option<&[u8]>, allow: Option<&str>, world: &mut World<'_>) {
        self.up.skip_rest(&mut self.request);
        let keeps = self.may_keep(world);
        let frame = self.frame(keeps, world);
        world.scratch.head.clear();
        write_fixed(status, location, allow, frame, &mut world.scratch.head);
        self.say(status, "ok", keeps, world);
    }

    pub(super) fn may_keep(&self, world: &World<'_>) -> bool {
        self.up.persists && self.up.is_complete() && !self.up.client_ended() && !world.draining
    }

    pub(super) fn frame<'d>(&self, keeps: bool, world: &World<'d>) -> AnswerFrame<'d> {
        let connection: Option<&'static [u8]> = match (keeps, self.up.version) {
            // Said outside.
            _ if self.is_opened() => None,
            (false, _) => Some(b"close"),
            (true, Version::Http10) => Some(b"keep-alive"),
            (true, Version::Http11) => None,
        };
        let time = world.payload.as_ref().map(|payload| payload.time);
        AnswerFrame { date: world.date, connection, head_only: self.up.method == Method::Head, time }
    }

    /// Sends the answer in the scratch memory.
    pub(super) fn say(&mut self, status: u16, reason: &'static str, keeps: bool, world: &mut World<'_>) {
        if !self.response.is_present() {
            let fresh = world.buffers.take_small();
            world.buffers.give(std::mem::replace(&mut self.response, fresh));
        }
        self.response.clear();
        self.down.end_with_own_answer(keeps);
        let placed = if self.is_opened() {
            self.say_sealed(world).is_ok()
        } else {
            self.response.place_before(&world.scratch.head)
        };
        if !placed {
            return self.abort(Refusal::RewriteTooLong, world.now);
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.status = status;
            outcome.reason = reason;
            outcome.refused = true;
        }
        self.deadline = world.now.after(self.up.body_timeout());
    }
}
