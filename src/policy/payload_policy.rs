//! The policy service's language: what it is asked about an application, and what its answers say.
//!
//! Who carries question and answer, and how long answers are kept, is the worker's business.

use serde::Deserialize;

use super::payload_rules::{Application, Encryption};
use super::service::Service;
use crate::protocol::http1::HeadWriter;

/// What is known of an application after the service was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyAnswer {
    /// It says this.
    Says(Encryption),
    /// It does not know the application.
    Unlisted,
    /// It gave no answer that could be used.
    Unavailable,
}

/// Bytes of path and query that may stand as they are (RFC 3986 section 2.3).
const UNRESERVED: &[u8] = b"-._~";

#[derive(Deserialize)]
struct Document {
    payload_encryption: Said,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Required,
    Optional,
    Disabled,
}

/// Writes the request that asks `service` about `application`; `authority` is the chosen server's.
pub fn write_question(service: &Service, authority: &str, application: Application<'_>, out: &mut Vec<u8>) {
    let mut target = service.path.clone().into_bytes();
    for (name, value) in [
        ("?app_identifier=", application.id),
        ("&app_platform=", application.platform),
        ("&app_version=", application.version),
    ] {
        target.extend_from_slice(name.as_bytes());
        write_encoded(value, &mut target);
    }
    let mut writer = HeadWriter::new(out);
    writer.request_line(b"GET", &target);
    service.write_fields(authority, &mut writer);
    writer.end();
}

/// Reads an answer: 200 with a document, or 404.
pub fn read_answer(status: u16, body: &[u8]) -> PolicyAnswer {
    match status {
        // A member that appears twice is no answer: serde refuses it.
        200 => serde_json::from_slice(body).map_or(PolicyAnswer::Unavailable, |document: Document| {
            PolicyAnswer::Says(match document.payload_encryption {
                Said::Required => Encryption::Required,
                Said::Optional => Encryption::Optional,
                Said::Disabled => Encryption::Disabled,
            })
        }),
        404 => PolicyAnswer::Unlisted,
        _ => PolicyAnswer::Unavailable,
    }
}

fn write_encoded(value: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || UNRESERVED.contains(&byte) {
            out.push(byte);
        } else {
            out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::ruleset::UpstreamId;
    use crate::policy::service::Credentials;

    #[test]
    fn a_question_names_the_application_and_who_asks() {
        let mut credentials = Credentials::new("u".to_owned(), "f".into());
        credentials.complete(b"p");
        let service = Service {
            name: "[payload.policy]".to_owned(),
            upstream: UpstreamId(0),
            path: "/policy".to_owned(),
            credentials: Some(credentials),
            timeout: Duration::from_secs(1),
        };
        let mut out = Vec::new();
        let application = Application { id: "shop&x=1", platform: "iOS", version: "2.4 é/\r\n" };
        write_question(&service, "policy.test:81", application, &mut out);
        let expected = "GET /policy?app_identifier=shop%26x%3D1&app_platform=iOS&app_version=2.4%20%C3%A9%2F%0D%0A HTTP/1.1\r\n\
             host: policy.test:81\r\nauthorization: Basic dTpw\r\naccept: application/json\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn only_a_clear_word_is_an_answer() {
        let check = |status: u16, body: &str, expected: PolicyAnswer| {
            assert_eq!(read_answer(status, body.as_bytes()), expected, "{status} {body}");
        };
        check(200, r#"{"payload_encryption": "required"}"#, PolicyAnswer::Says(Encryption::Required));
        check(
            200,
            r#"{"payload_encryption": "optional", "more": [1]}"#,
            PolicyAnswer::Says(Encryption::Optional),
        );
        check(200, r#"{"payload_encryption": "disabled"}"#, PolicyAnswer::Says(Encryption::Disabled));
        for body in [
            "",
            "{}",
            r#"{"payload_encryption": "Required"}"#,
            r#"{"payload_encryption": null}"#,
            r#"{"payload_encryption": "optional", "payload_encryption": "required"}"#,
            r#"{"payload_encryption": "optional"} {}"#,
            r#"[{"payload_encryption": "optional"}]"#,
        ] {
            check(200, body, PolicyAnswer::Unavailable);
        }
        check(404, "", PolicyAnswer::Unlisted);
        for status in [201, 204, 301, 400, 401, 403, 500, 503] {
            check(status, r#"{"payload_encryption": "optional"}"#, PolicyAnswer::Unavailable);
        }
    }
}
