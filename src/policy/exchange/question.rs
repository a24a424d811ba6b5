//! What an exchange cannot decide by itself: asked first of what the worker knows, and if it does not, of somebody else.
//!
//! A question stops the judgement of a head. The head stays where it is, and once there is an answer it is judged again
//! from its beginning: so there is one way through the judgement, and what was known is asked again at no cost.

use std::fmt;
use std::sync::Arc;

use super::answering::Declined;
use super::request_side::Phase;
use super::{Exchange, World};
use crate::limits;
use crate::policy::access_rule::JudgedRule;
use crate::policy::payload_policy::PolicyAnswer;
use crate::policy::payload_rules::{Application, ApplicationVerdict, PayloadRules};
use crate::policy::refusal::Refusal;
use crate::policy::request_mapper::{Mapped, MapperFault, MapperId};
use crate::policy::token_rules::TokenServerFault;
use crate::protocol::http1::{HeadLimits, parse_request_head};
use crate::protocol::payload::ticket::AppIdentity;
use crate::protocol::progress::Progress;
use crate::protocol::token::verdict::{Judgement, TokenFault};

/// What the worker is consulted for.
#[derive(Clone, Copy)]
pub enum Question<'a> {
    /// What the policy service says of this application.
    Application(&'a AppIdentity),
    /// What the issuers of this rule say of these tokens.
    Token(Tokens<'a>, &'a Arc<JudgedRule>),
    /// What a mapper makes of a request.
    Mapping(Mapping<'a>),
}

/// What a client shows.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    /// The access token.
    pub access: &'a str,
    /// The ID token beside it.
    pub id: Option<&'a str>,
    /// SHA-256 of both: of the access token, and where there is an ID token of it, a space and that.
    pub hash: &'a [u8; 32],
}

/// What a mapper is asked.
#[derive(Clone, Copy)]
pub struct Mapping<'a> {
    /// Which one.
    pub mapper: MapperId,
    /// What tells it of the request.
    pub body: &'a [u8],
    /// When what the token says is next to change by itself, in seconds since 1970: its answer is good no longer.
    pub until: u64,
}

/// What has to be asked for. It holds secrets: `Debug` shows its kind alone.
pub enum Asked {
    /// As [`Question::Application`].
    Application(Box<AppIdentity>),
    /// As [`Question::Token`].
    Token {
        /// The access token.
        access: Box<str>,
        /// The ID token beside it.
        id: Option<Box<str>>,
        /// Of both, as in [`Tokens`].
        hash: [u8; 32],
        /// Who is asked.
        rule: Arc<JudgedRule>,
    },
    /// As [`Question::Mapping`].
    Mapping {
        /// Which mapper.
        mapper: MapperId,
        /// What tells it of the request.
        body: Arc<[u8]>,
        /// As in [`Mapping`].
        until: u64,
    },
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the policy service says.
    Application(PolicyAnswer),
    /// What the issuers say.
    Token(TokenAnswer),
    /// What the mapper says.
    Mapping(Result<Arc<Mapped>, MapperFault>),
}

/// What issuers say of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAnswer {
    /// It is good.
    Good(Arc<Judgement>),
    /// It is not.
    Bad(TokenFault),
    /// Nothing.
    Unknown(TokenServerFault),
}

/// What was asked: an answer is one to the same question alone.
pub enum Subject {
    /// About this application.
    Application(AppIdentity),
    /// About the tokens with this hash, for this rule.
    Token([u8; 32], Arc<JudgedRule>),
    /// What this mapper makes of this.
    Mapping(MapperId, Arc<[u8]>),
}

/// The answers to what one request had asked for.
#[derive(Default)]
pub struct Answers(Vec<(Subject, Answer)>);

impl Question<'_> {
    /// The same to keep.
    fn to_asked(self) -> Asked {
        match self {
            Self::Application(application) => Asked::Application(Box::new(application.clone())),
            Self::Token(Tokens { access, id, hash }, rule) => Asked::Token {
                access: access.into(),
                id: id.map(Into::into),
                hash: *hash,
                rule: rule.clone(),
            },
            Self::Mapping(Mapping { mapper, body, until }) => {
                Asked::Mapping { mapper, body: body.into(), until }
            }
        }
    }
}

impl Asked {
    /// By which the answer is found again.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Application(application) => Subject::Application((**application).clone()),
            Self::Token { hash, rule, .. } => Subject::Token(*hash, rule.clone()),
            Self::Mapping { mapper, body, .. } => Subject::Mapping(*mapper, body.clone()),
        }
    }
}

impl Subject {
    fn is_of(&self, question: &Question<'_>) -> bool {
        match (self, question) {
            (Self::Application(own), Question::Application(asked)) => own == *asked,
            (Self::Token(hash, rule), Question::Token(tokens, asked)) => {
                hash == tokens.hash && Arc::ptr_eq(rule, asked)
            }
            (Self::Mapping(mapper, body), Question::Mapping(asked)) => {
                *mapper == asked.mapper && **body == *asked.body
            }
            _ => false,
        }
    }
}

impl Answers {
    /// Takes note of an answer.
    pub fn add(&mut self, subject: Subject, answer: Answer) {
        self.0.push((subject, answer));
    }

    /// What was answered to this question.
    pub fn find(&self, question: &Question<'_>) -> Option<Answer> {
        let own = self.0.iter().find(|(subject, _)| subject.is_of(question));
        own.map(|(_, answer)| answer.clone())
    }

    /// Forgets all of them, for the next request.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(application) => {
                write!(formatter, "Application({} {})", application.id(), application.version())
            }
            Self::Token { .. } => formatter.write_str("Token"),
            Self::Mapping { mapper, .. } => write!(formatter, "Mapping({})", mapper.0),
        }
    }
}

/// Consults the worker; what it does not know has to be asked for.
pub(super) fn consulted(
    consult: &mut dyn FnMut(Question<'_>) -> Option<Answer>,
    question: Question<'_>,
) -> Result<Answer, Declined> {
    consult(question).ok_or_else(|| Declined::Ask(question.to_asked()))
}

/// What the policy has for a request from `app`.
pub(super) fn judge_application(
    rules: &PayloadRules,
    app: Option<&AppIdentity>,
    consult: &mut dyn FnMut(Question<'_>) -> Option<Answer>,
) -> Result<ApplicationVerdict, Declined> {
    let verdict = rules.judge_application(app.map(Application::from));
    match (verdict, app) {
        (ApplicationVerdict::Ask, Some(app)) => match consulted(consult, Question::Application(app))? {
            Answer::Application(said) => Ok(said.into()),
            Answer::Token(_) | Answer::Mapping(_) => Ok(ApplicationVerdict::Unknown),
        },
        _ => Ok(verdict),
    }
}

impl Exchange {
    /// What [`super::Action::Ask`] is about, once.
    pub fn take_asked(&mut self) -> Option<Asked> {
        self.asked.take()
    }

    /// Has the question asked that stopped the judgement.
    pub(super) fn ask(&mut self, asked: Asked) {
        self.up.questions += 1;
        self.up.phase = Phase::Asking;
        self.asked = Some(asked);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_to_its_own_question_alone() {
        let (rule, other) = (Arc::new(JudgedRule::default()), Arc::new(JudgedRule::default()));
        let tokens = |hash| Tokens { access: "a", id: None, hash };
        let mapping = |mapper, body| Question::Mapping(Mapping { mapper: MapperId(mapper), body, until: 9 });
        let (shop, bank) = ("shop", "bank");
        let app = |id| AppIdentity::new(id, "ios", "1").unwrap();
        let known = [
            (Question::Token(tokens(&[1; 32]), &rule), Answer::Token(TokenAnswer::Bad(TokenFault::Expired))),
            (mapping(0, b"body"), Answer::Mapping(Err(MapperFault::TimedOut))),
            (Question::Application(&app(shop)), Answer::Application(PolicyAnswer::Unlisted)),
        ];
        let mut answers = Answers::default();
        for (question, answer) in &known {
            answers.add(question.to_asked().subject(), answer.clone());
        }
        for (question, answer) in &known {
            assert_eq!(answers.find(question).as_ref(), Some(answer));
        }
        for question in [
            Question::Token(tokens(&[2; 32]), &rule),
            Question::Token(tokens(&[1; 32]), &other),
            mapping(1, b"body"),
            mapping(0, b"another"),
            Question::Application(&app(bank)),
        ] {
            assert_eq!(answers.find(&question), None);
        }
        answers.clear();
        assert_eq!(answers.find(&known[0].0), None);
    }
}
