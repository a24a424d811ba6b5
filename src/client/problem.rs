//! What the proxy says is wrong: problem documents (RFC 9457) of the payload protocol.
//!
//! What to do about one is left to [`attempts`](super::attempts). Ordinary problems, of the proxy or of the server
//! behind it, are responses like any other.

use serde_json::Value;

use crate::limits;

/// The kinds of problems that the protocol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the problem type of that name")]
pub enum ProblemKind {
    AppMismatch,
    AppRefused,
    Busy,
    Date,
    KeyUnknown,
    Malformed,
    Rate,
    Replayed,
    Required,
    SessionRate,
    SessionUnknown,
    TooLarge,
    /// Another of `urn:ringwall:payload-`, of a later version.
    Unknown,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its status, of the inner or outer response.
    pub status: u16,
    /// What is wrong.
    pub kind: ProblemKind,
    /// The type as it came, without anything that could not be printed.
    pub name: String,
    /// What time it is for the proxy, in seconds since 1970, where it says so.
    pub time: Option<u64>,
    /// Seconds after which to try again, where it says so.
    pub retry_after: Option<u64>,
}

const OWN: &str = "urn:ringwall:payload-";
const IANA: &str = "https://iana.org/assignments/http-problem-types#";

impl Problem {
    /// The media type of problems.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// Reads a document. `None`: it is none, or of a type that is not the protocol's.
    pub fn read(status: u16, document: &[u8]) -> Option<Self> {
        if document.len() > limits::CLIENT_PROBLEM_BYTES {
            return None;
        }
        let document: Value = serde_json::from_slice(document).ok()?;
        let name = document.get("type")?.as_str()?;
        let kind = match (name.strip_prefix(OWN), name.strip_prefix(IANA)) {
            (Some(own), _) => own_kind(own),
            (_, Some("date")) => ProblemKind::Date,
            (_, Some("ohttp-key")) => ProblemKind::KeyUnknown,
            _ => return None,
        };
        let name = name.chars().filter(char::is_ascii_graphic).collect();
        let time = document.get("time").and_then(Value::as_u64);
        Some(Self { status, kind, name, time, retry_after: None })
    }
}

fn own_kind(name: &str) -> ProblemKind {
    match name {
        "app-mismatch" => ProblemKind::AppMismatch,
        "app-refused" => ProblemKind::AppRefused,
        "busy" => ProblemKind::Busy,
        "date" => ProblemKind::Date,
        "malformed" => ProblemKind::Malformed,
        "rate" => ProblemKind::Rate,
        "replayed" => ProblemKind::Replayed,
        "required" => ProblemKind::Required,
        "session-rate" => ProblemKind::SessionRate,
        "session-unknown" => ProblemKind::SessionUnknown,
        "too-large" => ProblemKind::TooLarge,
        _ => ProblemKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocols_problems_are_told_from_others() {
        let check = |document: &str, expected: Option<ProblemKind>| {
            let found = Problem::read(400, document.as_bytes()).map(|problem| problem.kind);
            assert_eq!(found, expected, "{document}");
        };
        check(r#"{"type":"urn:ringwall:payload-date","time":5}"#, Some(ProblemKind::Date));
        check(r#"{"type":"urn:ringwall:payload-replayed"}"#, Some(ProblemKind::Replayed));
        check(r#"{"type":"urn:ringwall:payload-of-tomorrow"}"#, Some(ProblemKind::Unknown));
        check(
            r#"{"type":"https://iana.org/assignments/http-problem-types#ohttp-key"}"#,
            Some(ProblemKind::KeyUnknown),
        );
        check(r#"{"type":"https://iana.org/assignments/http-problem-types#date"}"#, Some(ProblemKind::Date));
        check(r#"{"type":"about:blank"}"#, None);
        check(r#"{"type":7}"#, None);
        check("", None);
        check(&format!(r#"{{"type":"urn:ringwall:payload-date","x":"{}"}}"#, "x".repeat(5000)), None);
        let timed = Problem::read(400, br#"{"type":"urn:ringwall:payload-date","time":5}"#);
        assert_eq!(timed.and_then(|problem| problem.time), Some(5));
    }

    #[test]
    fn a_type_cannot_write_on_a_terminal() {
        let problem = Problem::read(400, br#"{"type":"urn:ringwall:payload-x\u001b[31m"}"#).unwrap();
        assert_eq!(problem.name, "urn:ringwall:payload-x[31m");
    }
}
