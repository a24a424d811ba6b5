//! What a client does about a failure by itself, and what it leaves to the app.
//!
//! Neither an answer in clear nor a sealed problem of the protocol proves that a message did not run, or will not: whoever
//! holds it back can let it go later. So only what may run twice is sent twice.

use super::fault::ClientFault;
use super::problem::{Problem, ProblemKind};
use crate::limits;
use crate::protocol::http1::Method;

/// What to do before the request is sealed anew and sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Set the clock by this time, in seconds since 1970: it came sealed.
    CorrectClock(u64),
    /// Fetch the signed list of keys.
    FetchKeys,
    /// Nothing but a new number.
    Resend,
    /// Open another session.
    Reopen,
}

/// Judges the failures of one call.
#[derive(Debug)]
pub struct Attempts {
    may_repeat: bool,
    left: u32,
}

impl Attempts {
    /// For a request with this method. `is_repeatable`: its content can be read again.
    pub fn new(method: &str, is_repeatable: bool) -> Self {
        let may_repeat = is_repeatable && Method::of(method.as_bytes()).is_idempotent();
        Self { may_repeat, left: limits::CLIENT_ATTEMPTS - 1 }
    }

    /// What to do after a message was sent and this came of it. `None`: tell the app; whether the request was carried out
    /// is unknown. `has_begun`: the app has been given part of a response.
    pub fn after(&mut self, fault: &ClientFault, has_begun: bool) -> Option<Remedy> {
        if !self.may_repeat || has_begun || self.left == 0 {
            return None;
        }
        let remedy = match fault {
            ClientFault::InClear { problem: Some(problem), .. } => in_clear(problem.kind)?,
            ClientFault::Refused(problem) => sealed(problem)?,
            _ => return None,
        };
        self.left -= 1;
        Some(remedy)
    }

    /// Whether the request may run twice without harm.
    pub fn may_repeat(&self) -> bool {
        self.may_repeat
    }
}

/// A time in clear sets no clock.
fn in_clear(kind: ProblemKind) -> Option<Remedy> {
    match kind {
        ProblemKind::SessionUnknown => Some(Remedy::Reopen),
        ProblemKind::KeyUnknown => Some(Remedy::FetchKeys),
        ProblemKind::AppMismatch
        | ProblemKind::AppRefused
        | ProblemKind::Busy
        | ProblemKind::Date
        | ProblemKind::Malformed
        | ProblemKind::Rate
        | ProblemKind::Replayed
        | ProblemKind::Required
        | ProblemKind::SessionRate
        | ProblemKind::TooLarge
        | ProblemKind::Unknown => None,
    }
}

fn sealed(problem: &Problem) -> Option<Remedy> {
    match problem.kind {
        ProblemKind::Date => problem.time.map(Remedy::CorrectClock),
        // Somebody sent it twice; or it is a number that an earlier life of this session used.
        ProblemKind::Replayed => Some(Remedy::Resend),
        // Rates and full memories are not cured by haste, the others not by repetition.
        ProblemKind::AppMismatch
        | ProblemKind::AppRefused
        | ProblemKind::Busy
        | ProblemKind::KeyUnknown
        | ProblemKind::Malformed
        | ProblemKind::Rate
        | ProblemKind::Required
        | ProblemKind::SessionRate
        | ProblemKind::SessionUnknown
        | ProblemKind::TooLarge
        | ProblemKind::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: ProblemKind, time: Option<u64>) -> Problem {
        Problem { status: 400, kind, name: "urn:x".into(), time, retry_after: None }
    }

    fn clear(kind: ProblemKind) -> ClientFault {
        ClientFault::InClear { status: 400, problem: Some(problem(kind, Some(9))), date: Some(9) }
    }

    #[test]
    fn only_what_may_run_twice_is_sent_twice() {
        for (method, is_repeatable, expected) in [
            ("GET", true, true),
            ("HEAD", true, true),
            ("OPTIONS", true, true),
            ("PUT", true, true),
            ("DELETE", true, true),
            ("PUT", false, false),
            ("POST", true, false),
            ("PATCH", true, false),
            ("get", true, false),
            ("BREW", true, false),
        ] {
            for fault in [
                clear(ProblemKind::SessionUnknown),
                clear(ProblemKind::KeyUnknown),
                ClientFault::Refused(problem(ProblemKind::Date, Some(5))),
                ClientFault::Refused(problem(ProblemKind::Replayed, None)),
            ] {
                let mut attempts = Attempts::new(method, is_repeatable);
                assert_eq!(attempts.may_repeat(), expected, "{method}");
                assert_eq!(attempts.after(&fault, false).is_some(), expected, "{method} {fault}");
                assert_eq!(Attempts::new(method, is_repeatable).after(&fault, true), None, "begun");
            }
        }
    }

    #[test]
    fn each_failure_has_its_remedy_or_none() {
        use ProblemKind as Kind;
        let check = |fault: ClientFault, expected: Option<Remedy>| {
            assert_eq!(Attempts::new("GET", true).after(&fault, false), expected, "{fault}");
        };
        check(clear(Kind::SessionUnknown), Some(Remedy::Reopen));
        check(clear(Kind::KeyUnknown), Some(Remedy::FetchKeys));
        // Anybody on the way could set the clock, or make us send at will.
        for kind in [Kind::Date, Kind::Malformed, Kind::Replayed, Kind::Required, Kind::Rate, Kind::Busy] {
            check(clear(kind), None);
        }
        check(ClientFault::InClear { status: 502, problem: None, date: None }, None);
        check(ClientFault::Refused(problem(Kind::Date, Some(5))), Some(Remedy::CorrectClock(5)));
        check(ClientFault::Refused(problem(Kind::Date, None)), None);
        check(ClientFault::Refused(problem(Kind::Replayed, None)), Some(Remedy::Resend));
        for kind in [Kind::AppRefused, Kind::Busy, Kind::SessionRate, Kind::Malformed, Kind::Unknown] {
            check(ClientFault::Refused(problem(kind, Some(5))), None);
        }
        check(ClientFault::OuterTruncated, None);
        check(ClientFault::MediaType("text/html".into()), None);
    }

    #[test]
    fn attempts_end() {
        let mut attempts = Attempts::new("GET", true);
        let fault = ClientFault::Refused(problem(ProblemKind::Replayed, None));
        let count = (0..10).take_while(|_| attempts.after(&fault, false).is_some()).count();
        assert_eq!(count as u32 + 1, limits::CLIENT_ATTEMPTS);
    }
}
