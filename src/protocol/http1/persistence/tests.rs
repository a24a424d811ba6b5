use super::*;
use crate::protocol::http1::{HeadLimits, connection_options, parse_request_head};
use crate::protocol::progress::Progress;

fn read(message: &str) -> (RequestHead, FieldTable, ConnectionOptions) {
    let limits = HeadLimits { request_line: 100, header_bytes: 1000, header_count: 10 };
    let mut fields = FieldTable::new();
    let parsed = parse_request_head(message.as_bytes(), 0, &limits, &mut fields);
    let Ok(Progress::Done { value: head, .. }) = parsed else { panic!("{message:?}: {parsed:?}") };
    let options = connection_options(message.as_bytes(), &fields).unwrap_or_else(|fault| panic!("{fault:?}"));
    (head, fields, options)
}

fn request(version: &str, fields: &str) -> String {
    format!("GET / HTTP/{version}\r\n{fields}\r\n\r\n")
}

#[test]
fn connections_persist_by_version_and_options() {
    use Version::{Http10, Http11};
    for (version, connection, persists) in [
        (Http11, "", true),
        (Http11, "keep-alive", true),
        (Http11, "close", false),
        (Http11, "close, keep-alive", false),
        (Http11, "upgrade", true),
        (Http10, "", false),
        (Http10, "keep-alive", true),
        (Http10, "close", false),
        (Http10, "keep-alive, close", false),
    ] {
        let (_, _, options) = read(&request("1.1", &format!("Connection: {connection}")));
        assert_eq!(request_persists(version, &options), persists, "{version:?} {connection:?}");
        for framing in
            [BodyFraming::None, BodyFraming::Length(0), BodyFraming::Length(9), BodyFraming::Chunked]
        {
            assert_eq!(response_persists(version, &options, framing), persists, "{version:?} {connection:?}");
        }
        assert!(!response_persists(version, &options, BodyFraming::UntilClose));
    }
}

#[test]
fn keep_alive_parameters() {
    for (value, timeout, max) in [
        ("timeout=5, max=100", Some(5), Some(100)),
        ("max=100,timeout=5", Some(5), Some(100)),
        ("Timeout = 5 ,\tMAX=\t1", Some(5), Some(1)),
        ("timeout=0", Some(0), None),
        ("timeout=4294967295", Some(4_294_967_295), None),
        ("timeout=4294967296", None, None),
        ("timeout=5, timeout=6", Some(5), None),
        ("timeout", None, None),
        ("timeout=", None, None),
        ("timeout=x, max=-1", None, None),
        ("timeout=x, timeout=7", Some(7), None),
        ("xtimeout=5, maximum=3", None, None),
        ("300", None, None),
        ("", None, None),
    ] {
        assert_eq!(keep_alive_timeout(value.as_bytes()), timeout.map(Duration::from_secs), "{value:?}");
        assert_eq!(keep_alive_max(value.as_bytes()), max, "{value:?}");
    }
}

#[test]
fn continue_is_expected_only_from_http_1_1() {
    for (version, fields, expects) in [
        ("1.1", "Expect: 100-continue", true),
        ("1.1", "expect: 100-Continue", true),
        ("1.1", "Expect: other, 100-continue", true),
        ("1.1", "Expect: other\r\nExpect: 100-continue", true),
        ("1.0", "Expect: 100-continue", false),
        ("1.1", "Expect: 100-continued", false),
        ("1.1", "Expect: 100", false),
        ("1.1", "Expect:", false),
        ("1.1", "X-Expect: 100-continue", false),
    ] {
        let message = request(version, fields);
        let (head, table, _) = read(&message);
        assert_eq!(expects_continue(message.as_bytes(), &head, &table), expects, "{version} {fields:?}");
    }
}

#[test]
fn an_upgrade_names_one_protocol_and_is_nominated() {
    for (fields, protocol) in [
        ("Connection: Upgrade\r\nUpgrade: websocket", Some("websocket")),
        ("Upgrade: TLS/1.0\r\nConnection: keep-alive, upgrade", Some("TLS/1.0")),
        ("Upgrade: websocket", None),
        ("Connection: close\r\nUpgrade: websocket", None),
        ("Connection: upgrade", None),
        ("Connection: upgrade\r\nUpgrade:", None),
        ("Connection: upgrade\r\nUpgrade: websocket, h2c", None),
        ("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket", None),
        ("Connection: upgrade\r\nUpgrade: web socket", None),
        ("Connection: upgrade\r\nUpgrade: a/b/c", None),
        ("Connection: upgrade\r\nUpgrade: a/", None),
        ("Connection: upgrade\r\nUpgrade: /a", None),
    ] {
        let message = request("1.1", fields);
        let (_, table, options) = read(&message);
        let found = upgrade_protocol(message.as_bytes(), &table, &options);
        assert_eq!(found.map(|span| span.of(message.as_bytes())), protocol.map(str::as_bytes), "{fields:?}");
    }
}
