use super::*;
use crate::protocol::http_date::format_date;

#[test]
fn only_200_with_its_media_type_is_sealed() {
    let head = |status: u16, fields: &str| super::super::gateway::outer(status, fields);
    let sealed = |head: ReceivedHead| require_sealed(&head, "message/x", b"");
    assert!(sealed(head(200, "Content-Type: Message/X ; a=b\r\n")).is_ok());
    let media = |fields: &str| matches!(sealed(head(200, fields)), Err(ClientFault::MediaType(_)));
    assert!(media("") && media("Content-Type: message/y\r\n"));
    assert!(media("Content-Type: message/x\r\nContent-Type: message/x\r\n"));
    let date = format!("Content-Type: message/x\r\nDate: {}\r\n", format_date(77));
    let fault = sealed(head(404, &date)).unwrap_err();
    assert!(
        matches!(fault, ClientFault::InClear { status: 404, problem: None, date: Some(77) }),
        "{fault:?}"
    );
    let problem = "Content-Type: application/problem+json\r\nRetry-After: 7\r\n";
    let body = br#"{"type":"urn:ringwall:payload-rate"}"#;
    let fault = require_sealed(&head(429, problem), "message/x", body).unwrap_err();
    let ClientFault::InClear { problem: Some(problem), .. } = fault else { panic!("{fault:?}") };
    assert_eq!(problem.retry_after, Some(7));
    // What came in clear is not shown: it might be written by anybody.
    let fault = require_sealed(&head(500, ""), "message/x", b"call 555-1234").unwrap_err();
    assert!(!fault.to_string().contains("555") && fault.to_string().contains("in clear"));
}
