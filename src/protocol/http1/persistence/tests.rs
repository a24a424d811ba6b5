use super::*;
use crate::protocol::http1::{HeadLimits, connection_options, parse_request_head};
use crate::protocol::progress::Progress;

fn read(message: &str) -> (FieldTable, ConnectionOptions) {
    let limits = HeadLimits { request_line: 100, header_bytes: 1000, header_count: 10 };
    let mut fields = FieldTable::new();
    let parsed = parse_request_head(message.as_bytes(), 0, &limits, &mut fields);
    let Ok(Progress::Done { .. }) = parsed else { panic!("{message:?}: {parsed:?}") };
    let options = connection_options(message.as_bytes(), &fields).unwrap_or_else(|fault| panic!("{fault:?}"));
    (fields, options)
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
        let (_, options) = read(&request("1.1", &format!("Connection: {connection}")));
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
    for (value, timeout) in [
        ("timeout=5, max=100", Some(5)),
        ("max=100,timeout=5", Some(5)),
        ("Timeout = 5 ,\tMAX=\t1", Some(5)),
        ("timeout=0", Some(0)),
        ("timeout=4294967295", Some(4_294_967_295)),
        ("timeout=4294967296", None),
        ("timeout=5, timeout=6", Some(5)),
        ("timeout", None),
        ("timeout=", None),
        ("timeout=x, max=-1", None),
        ("timeout=x, timeout=7", Some(7)),
        ("xtimeout=5, maximum=3", None),
        ("300", None),
        ("", None),
    ] {
        assert_eq!(keep_alive_timeout(value.as_bytes()), timeout.map(Duration::from_secs), "{value:?}");
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
        let (table, options) = read(&message);
        let found = upgrade_protocol(message.as_bytes(), &table, &options);
        assert_eq!(found.map(|span| span.of(message.as_bytes())), protocol.map(str::as_bytes), "{fields:?}");
    }
}
