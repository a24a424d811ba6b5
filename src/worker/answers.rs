//! Answers to what exchanges cannot decide by themselves: from what this worker knows, or by asking.

use std::rc::Rc;

use super::generation::Generation;
use super::state::Worker;
use super::token_judge::{self, Shown};
use super::{mapper_calls, policy_answers};
use crate::policy::exchange::{Answer, Asked, Mapping, Question};
use crate::protocol::moment::Monotonic;

/// What is known already.
pub(super) fn consult(
    worker: &Worker,
    generation: &Generation,
    question: Question<'_>,
    now: Monotonic,
) -> Option<Answer> {
    match question {
        Question::Application(application) => {
            generation.policy.borrow().as_ref()?.find(application, now).map(Answer::Application)
        }
        Question::Token(tokens, rule) => {
            token_judge::consult(worker, generation, tokens, &rule.issuers, now).map(Answer::Token)
        }
        Question::Mapping(mapping) => {
            generation.mappings.find(mapping).map(|mapped| Answer::Mapping(Ok(mapped)))
        }
    }
}

/// Finds out what is not.
pub(super) async fn find_out(worker: Rc<Worker>, generation: Rc<Generation>, asked: Asked) -> Answer {
    match asked {
        Asked::Application(application) => {
            Answer::Application(policy_answers::ask(worker, generation, *application).await)
        }
        Asked::Token { access, id, hash, rule } => {
            let shown = Shown { access, id, hash };
            Answer::Token(token_judge::ask(worker, generation, shown, rule.issuers.clone()).await)
        }
        Asked::Mapping { mapper, body, until } => {
            let mapping = Mapping { mapper, body: &body, until };
            Answer::Mapping(mapper_calls::map(&worker, &generation, mapping).await)
        }
    }
}
