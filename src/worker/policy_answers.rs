//! What the policy service said, kept for a while; and the asking, once for all who wait for the same.

use std::rc::Rc;

use moka::sync::Cache;

use super::flights::{Boarding, Flights};
use super::generation::Generation;
use super::service_call::{Call, call};
use super::state::Worker;
use crate::limits::{POLICY_ANSWER_BYTES, POLICY_CALLS, POLICY_REST, POLICY_STALE};
use crate::net::{clock, ring};
use crate::policy::payload_policy::{PolicyAnswer, read_answer, write_question};
use crate::policy::payload_rules::{Application, PolicyService};
use crate::protocol::http1::Method;
use crate::protocol::moment::Monotonic;
use crate::protocol::payload::ticket::AppIdentity;

/// What is known of applications.
pub(super) struct PolicyAnswers {
    service: PolicyService,
    kept: Cache<AppIdentity, Kept>,
    calls: Flights<AppIdentity, PolicyAnswer>,
}

#[derive(Clone, Copy)]
struct Kept {
    answer: PolicyAnswer,
    fresh_until: Monotonic,
    stale_until: Monotonic,
}

impl PolicyAnswers {
    /// Nothing is known.
    pub(super) fn new(service: PolicyService) -> Self {
        let kept = Cache::builder()
            .max_capacity(service.cache_entries as u64)
            .time_to_live(service.cache_time + POLICY_STALE)
            .build();
        Self { service, kept, calls: Flights::new(POLICY_CALLS) }
    }

    /// What is asked.
    pub(super) fn service(&self) -> &PolicyService {
        &self.service
    }

    /// An answer that still holds.
    pub(super) fn find(&self, application: &AppIdentity, now: Monotonic) -> Option<PolicyAnswer> {
        self.kept.get(application).filter(|kept| now < kept.fresh_until).map(|kept| kept.answer)
    }

    /// Takes note of the outcome of a call, and says what holds after it.
    fn note(&self, application: &AppIdentity, said: PolicyAnswer, now: Monotonic) -> PolicyAnswer {
        let kept = match said {
            PolicyAnswer::Unavailable => self.kept.get(application).and_then(|kept| kept.stands_in(now)),
            answer => Some(Kept::new(answer, now.after(self.service.cache_time))),
        };
        let Some(kept) = kept else { return PolicyAnswer::Unavailable };
        self.kept.insert(application.clone(), kept);
        kept.answer
    }
}

impl Kept {
    fn new(answer: PolicyAnswer, fresh_until: Monotonic) -> Self {
        Self { answer, fresh_until, stale_until: fresh_until.after(POLICY_STALE) }
    }

    /// In place of an answer that cannot be had, for a moment and not for ever.
    fn stands_in(self, now: Monotonic) -> Option<Self> {
        (now < self.stale_until)
            .then(|| Self { fresh_until: now.after(POLICY_REST).min(self.stale_until), ..self })
    }
}

/// Asks the policy service about `application`, or waits for who asks already.
pub(super) async fn ask(
    worker: Rc<Worker>,
    generation: Rc<Generation>,
    application: AppIdentity,
) -> PolicyAnswer {
    let Some(answers) = generation.policy.borrow().clone() else { return PolicyAnswer::Unavailable };
    let flight = match answers.calls.board(&application) {
        Boarding::Full => return PolicyAnswer::Unavailable,
        Boarding::Joined(flight) => flight,
        Boarding::First(flight) => {
            // A task of its own: whoever asked first may go away.
            ring::spawn(carry(worker, generation, answers, application));
            flight
        }
    };
    flight.outcome().await
}

async fn carry(
    worker: Rc<Worker>,
    generation: Rc<Generation>,
    answers: Rc<PolicyAnswers>,
    application: AppIdentity,
) {
    let said = match generation.rules.services.get(usize::from(answers.service.service.0)) {
        None => PolicyAnswer::Unavailable,
        Some(service) => {
            let write = |authority: &str, out: &mut Vec<u8>| {
                write_question(service, authority, Application::from(&application), out);
                Ok(())
            };
            let wanted = Call { method: Method::Get, write: &write, body_max: POLICY_ANSWER_BYTES };
            let reply = call(&worker, &generation, service, &wanted).await;
            reply.map_or(PolicyAnswer::Unavailable, |reply| read_answer(reply.status, &reply.body))
        }
    };
    worker.metrics.policy_asked.add(1);
    if said == PolicyAnswer::Unavailable {
        worker.metrics.policy_failed.add(1);
    }
    let answer = answers.note(&application, said, clock::monotonic());
    answers.calls.land(&application, answer);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::payload_rules::Encryption;
    use crate::policy::service::ServiceId;

    const CACHE_TIME: Duration = Duration::from_secs(300);
    const SAYS: PolicyAnswer = PolicyAnswer::Says(Encryption::Required);

    fn answers() -> PolicyAnswers {
        PolicyAnswers::new(PolicyService { service: ServiceId(0), cache_time: CACHE_TIME, cache_entries: 10 })
    }

    fn shop() -> AppIdentity {
        AppIdentity::new("shop", "ios", "2.4.1").unwrap()
    }

    #[test]
    fn an_answer_holds_for_its_time_and_of_its_application_alone() {
        let (answers, start) = (answers(), Monotonic(7));
        assert_eq!(answers.find(&shop(), start), None);
        assert_eq!(answers.note(&shop(), SAYS, start), SAYS);
        assert_eq!(answers.find(&shop(), start.after(CACHE_TIME - Duration::from_nanos(1))), Some(SAYS));
        assert_eq!(answers.find(&shop(), start.after(CACHE_TIME)), None);
        assert_eq!(answers.find(&AppIdentity::new("shop", "ios", "2.4").unwrap(), start), None);
    }

    #[test]
    fn a_stale_answer_stands_in_for_a_silent_service_and_not_for_ever() {
        let (answers, start) = (answers(), Monotonic(7));
        assert_eq!(answers.note(&shop(), PolicyAnswer::Unavailable, start), PolicyAnswer::Unavailable);
        assert_eq!(answers.find(&shop(), start), None, "a failure is not kept");
        answers.note(&shop(), SAYS, start);
        let stale = start.after(CACHE_TIME);
        assert_eq!(answers.note(&shop(), PolicyAnswer::Unavailable, stale), SAYS);
        assert_eq!(answers.find(&shop(), stale), Some(SAYS));
        assert_eq!(answers.find(&shop(), stale.after(POLICY_REST)), None, "it is asked about again soon");
        let last = stale.after(POLICY_STALE - Duration::from_nanos(1));
        assert_eq!(answers.note(&shop(), PolicyAnswer::Unavailable, last), SAYS);
        let end = stale.after(POLICY_STALE);
        assert_eq!(answers.find(&shop(), end), None);
        assert_eq!(answers.note(&shop(), PolicyAnswer::Unavailable, end), PolicyAnswer::Unavailable);
        assert_eq!(answers.note(&shop(), PolicyAnswer::Unlisted, end), PolicyAnswer::Unlisted);
    }
}
