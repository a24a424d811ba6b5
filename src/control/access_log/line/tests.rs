use serde_json::{Value, json};

use super::*;
use crate::control::fixture;
use crate::policy::ruleset::UpstreamId;
use crate::telemetry::access_record::{LogBatch, sample};

fn line_of(format: LogFormat, change: impl Fn(&mut AccessRecord, &mut LogBatch)) -> String {
    let mut batch = LogBatch::with_bound();
    let mut record = sample(&mut batch);
    change(&mut record, &mut batch);
    let names = Names::new(&fixture::ruleset(), format);
    let names = (names.generation == record.generation).then_some(&names);
    let mut line = Vec::new();
    write_line(&mut line, format, 3, &record, &batch.text, names);
    String::from_utf8(line).unwrap()
}

#[test]
fn a_json_line_holds_every_field() {
    let line = line_of(LogFormat::Json, |record, _| {
        record.server = Some((UpstreamId(0), 1));
        record.connect_micros = Some(90);
    });
    assert_eq!(line.matches('\n').count(), 1);
    let expected = json!({
        "time": "2026-08-26T12:00:00.000001Z", "client": "192.0.2.7:40000", "listener": "public", "route": null,
        "method": "GET", "host": "example.com", "path": "/orders/7", "status": 200, "reason": "ok",
        "upstream": "orders", "server": "192.0.2.2:8080", "request_bytes": 120, "response_bytes": 4096,
        "duration_us": 850, "connect_us": 90, "wait_us": 700, "retries": 0,
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "generation": 1, "worker": 3,
    });
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
}

#[test]
fn a_text_line_holds_every_field() {
    assert_eq!(
        line_of(LogFormat::Text, |_, _| {}),
        "2026-08-26T12:00:00.000001Z 192.0.2.7:40000 public GET example.com /orders/7 200 ok route=- upstream=- \
         server=- request_bytes=120 response_bytes=4096 duration_us=850 connect_us=- wait_us=700 retries=0 \
         trace_id=0af7651916cd43dd8448eb211c80319c generation=1 worker=3\n"
    );
}

#[test]
fn what_tls_says_of_a_client_stands_at_the_end_where_it_is_known() {
    let check = |name: &[u8], subject: &[u8], digest: &[u8], json_end: &str, text_end: &str| {
        let change = |record: &mut AccessRecord, batch: &mut LogBatch| {
            record.server_name = batch.note(name);
            record.certificate_subject = batch.note(subject);
            record.certificate_digest = batch.note(digest);
        };
        let (json, text) = (line_of(LogFormat::Json, change), line_of(LogFormat::Text, change));
        assert!(json.ends_with(&format!("\"worker\":3{json_end}}}\n")), "{json}");
        serde_json::from_str::<Value>(&json).unwrap();
        assert!(text.ends_with(&format!(" worker=3{text_end}\n")), "{text}");
    };
    check(b"", b"", b"", "", "");
    check(b"a.test", b"", b"", ",\"server_name\":\"a.test\"", " server_name=a.test");
    check(
        b"",
        b"CN=a\\, b",
        b"00ff",
        ",\"client_certificate_subject\":\"CN=a\\\\, b\",\"client_certificate_sha256\":\"00ff\"",
        " client_certificate_subject=CN=a\\x5c,\\x20b client_certificate_sha256=00ff",
    );
    let nameless = ",\"client_certificate_subject\":\"\",\"client_certificate_sha256\":\"00ff\"";
    check(b"", b"", b"00ff", nameless, " client_certificate_subject=- client_certificate_sha256=00ff");
}

#[test]
fn names_of_another_generation_are_not_guessed() {
    let line = line_of(LogFormat::Json, |record, _| {
        record.generation = 9;
        record.server = Some((UpstreamId(0), 0));
    });
    let json: Value = serde_json::from_str(&line).unwrap();
    for field in ["listener", "route", "upstream", "server"] {
        assert_eq!(json[field], Value::Null, "{field}");
    }
}

#[test]
fn positions_beyond_the_rules_are_no_names() {
    let line = line_of(LogFormat::Json, |record, _| {
        record.route = Some(7);
        record.server = Some((UpstreamId(0), 9));
    });
    let json: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&json["route"], &json["upstream"], &json["server"]),
        (&Value::Null, &json!("orders"), &Value::Null)
    );
}

#[test]
fn bytes_of_a_peer_cannot_leave_their_string() {
    let check = |bytes: &[u8], in_json: &str, in_text: &str| {
        let json = line_of(LogFormat::Json, |record, batch| record.path = batch.note(bytes));
        assert!(json.contains(&format!("\"path\":\"{in_json}\",")), "{json}");
        serde_json::from_str::<Value>(&json).unwrap();
        let text = line_of(LogFormat::Text, |record, batch| record.path = batch.note(bytes));
        assert!(text.contains(&format!(" example.com {in_text} 200 ")), "{text}");
        assert_eq!((json.matches('\n').count(), text.matches('\n').count()), (1, 1));
    };
    check(b"", "", "-");
    check(b"/a b", "/a b", "/a\\x20b");
    check(b"/\"\\", "/\\\"\\\\", "/\\x22\\x5c");
    check(b"/\r\n\t\x00\x7f", "/\\u000d\\u000a\\u0009\\u0000\\u007f", "/\\x0d\\x0a\\x09\\x00\\x7f");
    check("/é".as_bytes(), "/é", "/\\xc3\\xa9");
    check(b"/\xff\xc3(", "/\\u00ff\\u00c3(", "/\\xff\\xc3(");
    check("/\u{9b}31m".as_bytes(), "/\\u009b31m", "/\\xc2\\x9b31m");
}

#[test]
fn every_byte_pair_makes_valid_json() {
    for pair in 0..=u16::MAX {
        let mut line = Vec::new();
        json_string(&mut line, &pair.to_be_bytes());
        let text = std::str::from_utf8(&line).unwrap();
        assert!(serde_json::from_str::<String>(text).is_ok(), "{pair:04x}: {text}");
    }
}

#[test]
fn client_addresses_read_as_the_standard_library_writes_them() {
    let check = |client: &str, expected: &str| {
        let client: SocketAddr = client.parse().unwrap();
        let mut line = Vec::new();
        address(&mut line, client);
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    };
    for client in ["0.0.0.0:1", "255.1.20.103:65535", "[::1]:80", "[2001:db8::7]:443", "[::ffff:192.0.2.1]:9"]
    {
        check(client, client);
    }
    // That of a client on a Unix socket.
    check("0.0.0.0:0", "unix:");
}

#[test]
fn times_are_calendar_times() {
    let check = |seconds: u64, micros: u64, expected: &str| {
        let mut line = Vec::new();
        rfc3339(&mut line, UnixMicros(seconds * 1_000_000 + micros));
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    };
    check(0, 0, "1970-01-01T00:00:00.000000Z");
    check(951_782_399, 999_999, "2000-02-28T23:59:59.999999Z");
    check(951_782_400, 0, "2000-02-29T00:00:00.000000Z");
    check(951_868_800, 10, "2000-03-01T00:00:00.000010Z");
    check(1_709_164_800, 0, "2024-02-29T00:00:00.000000Z");
    check(1_735_689_599, 0, "2024-12-31T23:59:59.000000Z");
    check(4_107_542_399, 0, "2100-02-28T23:59:59.000000Z");
    check(4_107_542_400, 0, "2100-03-01T00:00:00.000000Z");
    check(253_402_300_799, 0, "9999-12-31T23:59:59.000000Z");
}

#[test]
fn every_day_follows_the_one_before() {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    for days in 0..300_000 {
        assert_eq!(civil_date(days), (year, month, day), "{days} days");
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day += 1;
        if day > last {
            (day, month) = (1, month + 1);
        }
        if month > 12 {
            (month, year) = (1, year + 1);
        }
    }
}

#[test]
fn what_more_is_known_stands_at_the_end() {
    let sealed = |record: &mut AccessRecord, _: &mut LogBatch| record.payload = Some("session");
    assert!(line_of(LogFormat::Json, sealed).ends_with("\"worker\":3,\"payload\":\"session\"}\n"));
    assert!(line_of(LogFormat::Text, sealed).ends_with(" worker=3 payload=session\n"));
    let failed =
        |record: &mut AccessRecord, _: &mut LogBatch| record.detail = Some("tls-certificate-expired");
    let end = "\"worker\":3,\"detail\":\"tls-certificate-expired\"}\n";
    assert!(line_of(LogFormat::Json, failed).ends_with(end));
}
