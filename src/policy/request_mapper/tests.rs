//! Section by section what a Request Mapper is told and may say: the contract that mappers in the field were written to.

use std::collections::BTreeSet;

use super::*;
use crate::policy::access_rule::AccessRule;
use crate::policy::field_template::FieldTemplate;
use crate::policy::path_rules::PathPattern;
use crate::policy::route_table::RouteTarget;
use crate::policy::ruleset::UpstreamId;
use crate::policy::service::Credentials;
use crate::protocol::http1::{HeadLimits, connection_options, parse_request_head};
use crate::protocol::progress::Progress;

const CLAIMS: &str =
    r#"{"scope": "exampleScope", "sub": "exampleUserId", "amr": ["DEFAULT"], "user_details": {"a": [1]}}"#;

fn mapper() -> Mapper {
    Mapper {
        name: "customers".to_owned(),
        service: ServiceId(0),
        extra_members: false,
        identity_fields: Vec::new(),
        prefix: None,
        answer_cache: None,
    }
}

fn route(set: &[&str]) -> Route {
    let path = PathPattern::parse("/orders/*").unwrap();
    let set_headers = set.iter().map(|name| ((*name).to_owned(), FieldTemplate::default())).collect();
    Route { set_headers, ..Route::new(path, RouteTarget::Upstream(UpstreamId(0)), AccessRule::OPEN) }
}

/// What `mapper` is told of a request with these field lines.
#[track_caller]
fn told(mapper: &Mapper, route: &Route, target: &str, lines: &[u8]) -> String {
    let head = [b"GET / HTTP/1.1\r\nhost: a.test\r\n", lines, b"\r\n"].concat();
    let limits = HeadLimits { request_line: 100, header_bytes: 10_000, header_count: 100 };
    let mut fields = FieldTable::new();
    let Ok(Progress::Done { .. }) = parse_request_head(&head, 0, &limits, &mut fields) else {
        panic!("no head");
    };
    let options = connection_options(&head, &fields).unwrap();
    let client = "::ffff:192.0.2.7".parse().unwrap();
    let extra = ExtraMembers { method: b"GET", host: b"a.test:81", client, is_tls: true };
    let target = target.as_bytes();
    let request = MappingRequest {
        bytes: &head,
        fields: &fields,
        options: &options,
        target,
        claims: CLAIMS,
        route,
        extra,
    };
    let mut out = Vec::new();
    write_mapping_body(mapper, &request, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(Object::parse(text.as_bytes()).is_some(), "{text}");
    text
}

/// Holds the `headers` that a mapper is told.
#[track_caller]
fn check_told(lines: &str, expected: &str) {
    let text = told(&mapper(), &route(&[]), "/", lines.as_bytes());
    let (_, headers) = text.split_once("\"headers\":").unwrap();
    assert_eq!(headers, format!("{{{expected}}}}}"), "{lines:?}");
}

#[test]
fn a_question_is_a_post_with_basic_authentication() {
    let mut credentials = Credentials::new("username".to_owned(), "f".into());
    credentials.complete(b"password");
    let service = Service {
        name: "[mapper.customers]".to_owned(),
        upstream: UpstreamId(0),
        path: "/map-request".to_owned(),
        credentials: Some(credentials),
        timeout: Duration::from_secs(1),
    };
    let mut out = Vec::new();
    write_mapping_request(&service, "mapper.test:5540", b"{\"a\":1}", &mut out);
    let expected = "POST /map-request HTTP/1.1\r\nhost: mapper.test:5540\r\n\
                    authorization: Basic dXNlcm5hbWU6cGFzc3dvcmQ=\r\naccept: application/json\r\n\
                    content-type: application/json\r\ncontent-length: 7\r\n\r\n{\"a\":1}";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn a_body_is_byte_for_byte_what_the_contract_says() {
    let lines = b"Header_1: value_1\r\nHEADER_2: value_2\r\nAuthorization: Bearer 060E7B02\r\n";
    let text = told(&mapper(), &route(&[]), "/some-resource-gateway-request-uri?a=\"b\"", lines);
    let expected = format!(
        "{{\"request_uri\":\"/some-resource-gateway-request-uri?a=\\\"b\\\"\",\"token_validation_result\":{CLAIMS},\
         \"headers\":{{\"header_1\":\"value_1\",\"header_2\":\"value_2\",\"authorization\":\"Bearer 060E7B02\"}}}}"
    );
    assert_eq!(text, expected);
}

#[test]
fn each_name_has_one_text() {
    check_told("", "");
    check_told("X-A: 1\r\nx-b: 2\r\nX-a: 3\r\nx-A: 4\r\n", r#""x-a":"1, 3, 4","x-b":"2""#);
    check_told("Cookie: a=1\r\nx: 2\r\ncookie: b=2; c=3\r\n", r#""cookie":"a=1; b=2; c=3","x":"2""#);
    check_told("x: \r\n", r#""x":"""#);
    check_told("x: \r\nx: 1\r\nx:\r\n", r#""x":"1""#);
    check_told("x: a\\b\"c\td\r\n", r#""x":"a\\b\"c\td""#);
    // Which name it is to a server is not the mapper's business.
    check_told("x-a: 1\r\nx_a: 2\r\n", r#""x-a":"1","x_a":"2""#);
}

#[test]
fn what_is_no_business_of_the_mapper_is_not_told() {
    check_told(
        "Content-Length: 0\r\nTE: trailers\r\nContent_Length: 7\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "",
    );
    check_told("Connection: x-hop, close\r\nX-Hop: 1\r\nKeep-Alive: a\r\nProxy-Authorization: b\r\n", "");
    check_told("Set-Cookie: a\r\nset_cookie: b\r\nSet-Cookie: c\r\n", "");
    check_told("Via: 1.1 a\r\nForwarded: for=b\r\nX-Real-IP: c\r\nProxy-Anything: d\r\nproxy_x: e\r\n", "");
    check_told("Expect: 100-continue\r\nMax-Forwards: 3\r\nUpgrade: websocket\r\nTrailer: a\r\n", "");
    check_told(
        "Content-Type: text/plain\r\nUser-Agent: a\r\n",
        r#""content-type":"text/plain","user-agent":"a""#,
    );
    let latin1 = told(&mapper(), &route(&[]), "/", b"x: \xe9\r\ny: \xc3\xa9\r\n");
    assert!(latin1.ends_with("\"headers\":{\"y\":\"é\"}}"), "{latin1}");
}

#[test]
fn identity_fields_of_the_client_are_not_told() {
    let forged = b"authorized-scopes: admin\r\nAuthorized_Scopes: admin\r\nauthorized_scopes: root\r\nX-User: root\r\nx: 1\r\n";
    let kept = |mapper: &Mapper, set: &[&str]| told(mapper, &route(set), "/", forged);
    let names = Mapper { identity_fields: vec!["authorized_scopes".to_owned()], ..mapper() };
    assert!(kept(&names, &["x_user"]).ends_with("\"headers\":{\"x\":\"1\"}}"));
    assert!(kept(&mapper(), &["authorized-scopes", "x-user"]).ends_with("\"headers\":{\"x\":\"1\"}}"));
}

#[test]
fn more_is_told_where_it_is_wanted() {
    let text = told(&Mapper { extra_members: true, ..mapper() }, &route(&[]), "/", b"");
    let expected = r#""headers":{},"method":"GET","host":"a.test:81","client_ip":"192.0.2.7","tls":true,"route":"/orders/*"}"#;
    assert!(text.ends_with(expected), "{text}");
}

/// Target and fields.
type Parts<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// Holds what becomes of an answer.
#[track_caller]
fn check(status: u16, body: &str, expected: Result<Parts<'_>, MapperFault>) {
    let found = read_mapping_answer(status, body.as_bytes(), &mapper());
    let expected = expected.map(|(target, fields)| Mapped {
        target: target.into(),
        fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    });
    assert_eq!(found, expected, "{status} {body}");
}

#[test]
fn the_answer_of_the_contract_is_taken() {
    check(
        200,
        r#"{"request_uri": "/some-resource-gateway-request-uri/exampleUserId",
            "headers": {"header_1": "value_1", "header_2": "value_2", "authorized_scopes": "exampleScope"}}"#,
        Ok((
            "/some-resource-gateway-request-uri/exampleUserId",
            &[("authorized_scopes", "exampleScope"), ("header_1", "value_1"), ("header_2", "value_2")],
        )),
    );
    // What removes `authorization` by leaving it out has removed it; members that nobody knows change nothing.
    check(
        200,
        r#"{"request_uri": "/", "headers": {}, "token_validation_result": null, "more": 1}"#,
        Ok(("/", &[])),
    );
    check(
        200,
        r#"{"request_uri": "/a/b%20c?d=/../e//f", "headers": {"AMR": "[\"DEFAULT\"]", "x": " é\t"}}"#,
        Ok(("/a/b%20c?d=/../e//f", &[("amr", "[\"DEFAULT\"]"), ("x", "é")])),
    );
}

#[test]
fn only_200_is_an_answer() {
    for status in [201, 204, 301, 302, 400, 401, 404, 500, 503] {
        check(status, r#"{"request_uri": "/", "headers": {}}"#, Err(MapperFault::Status(status)));
    }
}

#[test]
fn an_answer_that_is_not_as_the_contract_says_is_none() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"request_uri": "/"}"#,
        r#"{"headers": {}}"#,
        r#"{"request_uri": null, "headers": {}}"#,
        r#"{"request_uri": "/", "headers": null}"#,
        r#"{"request_uri": "/", "headers": []}"#,
        r#"{"request_uri": ["/"], "headers": {}}"#,
        r#"{"request_uri": "/", "headers": {"a": 1}}"#,
        r#"{"request_uri": "/", "headers": {"a": null}}"#,
        r#"{"request_uri": "/", "headers": {"a": ["1"]}}"#,
        r#"{"request_uri": "/", "headers": {"a": "1", "a": "1"}}"#,
        r#"{"request_uri": "/", "request_uri": "/", "headers": {}}"#,
        r#"{"request_uri": "/", "headers": {}} {}"#,
        r#"{"request_uri": "/", "headers": {}"#,
    ] {
        check(200, body, Err(MapperFault::Malformed));
    }
}

#[test]
fn a_target_is_in_origin_form_and_reads_in_one_way() {
    for target in [
        "http://evil/",
        "//evil",
        "//evil/a",
        "/\\\\evil",
        "evil",
        "",
        "*",
        "?a",
        "/a/../admin",
        "/a/..",
        "/./a",
        "/a/%2e%2e/admin",
        "/a/.%2E;x/admin",
        "/a//b",
        "/a%2Fb",
        "/a%5Cb",
        "/a%00",
        "/a%zz",
        "/a b",
        "/a\\r\\nb: c",
        "/a\\n",
        "/a\\u0000",
        "/a?b c",
        "/a?b\\r\\nc: d",
        "/a#b",
        "/a?b#c",
        "/é",
        "/a?é",
        " /a",
        "/a ",
    ] {
        let body = format!(r#"{{"request_uri": "{target}", "headers": {{}}}}"#);
        check(200, &body, Err(MapperFault::Target));
    }
}

#[test]
fn a_target_stays_below_its_prefix() {
    let below = Mapper { prefix: Some("/api/v2".to_owned()), ..mapper() };
    for (target, expected) in [
        ("/api/v2", true),
        ("/api/v2/", true),
        ("/api/v2/a?b", true),
        ("/api/v2?b", true),
        ("/api/%76%32/a", true),
        ("/api/v2a", false),
        ("/api/V2/a", false),
        ("/api", false),
        ("/", false),
        ("/a?/api/v2", false),
    ] {
        let body = format!(r#"{{"request_uri": "{target}", "headers": {{}}}}"#);
        let found = read_mapping_answer(200, body.as_bytes(), &below).map(|_| ());
        assert_eq!(found, if expected { Ok(()) } else { Err(MapperFault::Prefix) }, "{target}");
    }
}

#[test]
fn fields_are_fields_and_not_the_proxys_own() {
    let named = |name: &str| format!(r#"{{"request_uri": "/", "headers": {{"{name}": "1"}}}}"#);
    for name in ["", "a b", "a:", "a\\r\\nb", "a\\u0000", "é", "a,b", "\\\"a"] {
        check(200, &named(name), Err(MapperFault::FieldName));
    }
    for name in [
        "host",
        "Content-Length",
        "transfer-encoding",
        "Transfer_Encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "Proxy-Anything",
        "proxy_x",
        "expect",
        "via",
        "forwarded",
        "x-forwarded-for",
        "X_Forwarded_For",
        "x-real-ip",
        "traceparent",
        "set-cookie",
    ] {
        check(200, &named(name), Err(MapperFault::FieldOwn));
    }
    for value in ["a\\r\\nb: c", "a\\n", "a\\rb", "a\\u0000", "\\u007f", "\\u0008"] {
        let body = format!(r#"{{"request_uri": "/", "headers": {{"a": "{value}"}}}}"#);
        check(200, &body, Err(MapperFault::FieldValue));
    }
    for names in [["x-a", "x_a"], ["X-A", "x-a"], ["authorized-scopes", "Authorized_Scopes"]] {
        let [a, b] = names;
        let body = format!(r#"{{"request_uri": "/", "headers": {{"{a}": "1", "{b}": "2"}}}}"#);
        check(200, &body, Err(MapperFault::FieldRepeated));
    }
}

#[test]
fn an_answer_is_bounded() {
    let of = |target: usize, value: usize| {
        let (target, value) = ("a".repeat(target - 1), "b".repeat(value));
        format!(r#"{{"request_uri": "/{target}", "headers": {{"x": "{value}"}}}}"#)
    };
    let judged = |body: &str| read_mapping_answer(200, body.as_bytes(), &mapper()).map(|_| ());
    let most = limits::HEADER_BYTES_MAX;
    assert_eq!(judged(&of(100, most - 101)), Ok(()));
    assert_eq!(judged(&of(101, most - 101)), Err(MapperFault::TooLong));
    assert_eq!(judged(&of(100, most - 100)), Err(MapperFault::TooLong));
    let many = |count: usize| {
        let fields: Vec<_> = (0..count).map(|at| format!(r#""x{at}": """#)).collect();
        format!(r#"{{"request_uri": "/", "headers": {{{}}}}}"#, fields.join(","))
    };
    assert_eq!(judged(&many(limits::HEADER_COUNT_MAX)), Ok(()));
    assert_eq!(judged(&many(limits::HEADER_COUNT_MAX + 1)), Err(MapperFault::TooLong));
    let good = of(1, 1);
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    assert_eq!(judged(&padded(limits::MAPPER_ANSWER_BYTES)), Ok(()));
    assert_eq!(judged(&padded(limits::MAPPER_ANSWER_BYTES + 1)), Err(MapperFault::TooLong));
}

#[test]
fn what_is_mapped_is_not_shown() {
    let mapped =
        read_mapping_answer(200, br#"{"request_uri": "/u/alice", "headers": {"x": "secret"}}"#, &mapper());
    let shown = format!("{:?}", mapped.unwrap());
    assert!(shown.contains("\"x\"") && !shown.contains("secret") && !shown.contains("alice"), "{shown}");
}

#[test]
fn every_fault_has_a_name() {
    let faults = [
        MapperFault::Busy,
        MapperFault::FieldName,
        MapperFault::FieldOwn,
        MapperFault::FieldRepeated,
        MapperFault::FieldValue,
        MapperFault::Malformed,
        MapperFault::Prefix,
        MapperFault::Status(500),
        MapperFault::Target,
        MapperFault::TimedOut,
        MapperFault::TooLong,
        MapperFault::Unreachable,
    ];
    let names: BTreeSet<_> = faults.iter().map(|fault| fault.reason()).collect();
    assert_eq!(names.len(), faults.len());
    assert!(names.iter().all(|name| name.starts_with("mapper-")));
}
