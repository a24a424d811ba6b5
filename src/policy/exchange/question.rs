//! What an exchange cannot decide by itself: asked first of what the worker knows, and if it does not, of somebody else.
//!
//! A question stops the judgement of a head. The head stays where it is, and once there is an answer it is judged again
//! from its beginning: so there is one way through the judgement, and what was known is asked again at no cost.

use super::answering::Declined;
use super::request_side::Phase;
use super::{Exchange, World};
use crate::limits;
use crate::policy::payload_policy::PolicyAnswer;
use crate::policy::payload_rules::{Application, ApplicationVerdict};
use crate::policy::refusal::Refusal;
use crate::protocol::http1::{HeadLimits, parse_request_head};
use crate::protocol::payload::ticket::AppIdentity;
use crate::protocol::progress::Progress;

/// What is to be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// What the policy service says of this application.
    Application(&'a AppIdentity),
}

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the policy service says.
    Application(PolicyAnswer),
}

impl Exchange {
    /// What [`super::Action::Ask`] is about.
    pub fn question(&self) -> Option<Question<'_>> {
        self.sealed.as_ref()?.app.as_ref().map(Question::Application)
    }

    /// Whether the policy serves the application that an opened request comes from.
    pub(super) fn admit_application(
        &self,
        consult: &mut dyn FnMut(Question<'_>) -> Option<Answer>,
    ) -> Result<(), Declined> {
        let rules = self.rules.payload.as_ref().ok_or(Refusal::NoRoute)?;
        let app = self.sealed.as_ref().and_then(|sealed| sealed.app.as_ref());
        let mut verdict = rules.judge_application(app.map(Application::from));
        if let (ApplicationVerdict::Ask, Some(app)) = (verdict, app) {
            let Some(Answer::Application(answer)) = consult(Question::Application(app)) else {
                return Err(Declined::Ask);
            };
            verdict = answer.into();
        }
        Ok(verdict.admit_sealed().map_err(Refusal::from)?)
    }

    /// Has the question asked that stopped the judgement.
    pub(super) fn ask(&mut self) {
        self.up.questions += 1;
        self.up.phase = Phase::Asking;
        self.plan.ask = true;
    }

    /// The answer is there: judges the head again.
    pub(super) fn answered(&mut self, world: &mut World<'_>) {
        if self.up.phase != Phase::Asking {
            return;
        }
        let limits = self.head_limits();
        match parse_request_head(self.request.unread(), 0, &limits, &mut world.scratch.fields) {
            Ok(Progress::Done { value, consumed }) => self.inner_head_complete(&value, consumed, world),
            // It was read before.
            Ok(Progress::NeedMore { .. }) => self.abort(Refusal::Exhausted, world.now),
            Err(rejection) => self.refuse(Refusal::Malformed(rejection), world),
        }
    }

    /// The bounds of the head that is judged: in front of what was sealed it is written here.
    pub(super) fn head_limits(&self) -> HeadLimits {
        let rules = &self.rules.limits;
        // What HTTP/1.1 writes besides was not the client's.
        let (bytes, fields) = match self.is_opened() {
            true => (limits::METHOD_BYTES + limits::HOST_BYTES + 128, 3),
            false => (0, 0),
        };
        HeadLimits {
            request_line: rules.request_line,
            header_bytes: rules.header_bytes + bytes,
            header_count: rules.header_count + fields,
        }
    }
}
