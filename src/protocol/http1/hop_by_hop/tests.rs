use super::*;

/// A message of `lines`, its fields and the options they hold.
fn read(lines: &[&str]) -> (Vec<u8>, FieldTable, Result<ConnectionOptions, Rejection>) {
    let bytes = lines.join("\n").into_bytes();
    let mut fields = FieldTable::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len() - 1);
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        fields.push(Field {
            name: Span::locate(&bytes, name),
            value: Span::locate(&bytes, value),
            kind: FieldKind::of(name),
        });
    }
    let options = connection_options(&bytes, &fields);
    (bytes, fields, options)
}

fn check(connection: &[&str], line: &str, forwarded: bool) {
    let lines: Vec<&str> = connection.iter().copied().chain([line]).collect();
    let (bytes, fields, options) = read(&lines);
    let field = fields.iter().last().copied().unwrap_or_else(|| panic!("no field in {lines:?}"));
    let options = options.unwrap_or_else(|fault| panic!("{lines:?}: {fault:?}"));
    assert_eq!(options.forwards(&bytes, &field), forwarded, "{lines:?}");
}

#[test]
fn fields_of_the_connection_are_not_forwarded() {
    for name in [
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Transfer-Encoding",
        "Upgrade",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Authentication-Info",
    ] {
        check(&[], &format!("{name}:x"), false);
        check(&[], &format!("{}:x", name.to_ascii_lowercase()), false);
    }
}

#[test]
fn nominated_fields_are_not_forwarded() {
    for connection in ["Connection:x-a", "Connection:close, X-A", "connection:,,x-B ,\tX-a,"] {
        check(&[connection], "X-A:1", false);
        check(&[connection], "X-AB:1", true);
        check(&[connection], "X:1", true);
    }
    check(&["Connection:close", "Connection:x-a"], "x-a:1", false);
    for name in ["Trailer", "Expect", "Server", "Location", "Range", "Alt-Svc", "Proxy-Status", "X-Any"] {
        check(&[], &format!("{name}:1"), true);
        check(&[&format!("Connection:{name}")], &format!("{name}:1"), false);
    }
}

#[test]
fn what_others_rely_on_cannot_be_nominated_away() {
    for name in [
        "Host",
        "Content-Length",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Real-IP",
        "Via",
        "Traceparent",
        "Tracestate",
        "Max-Forwards",
        "Cache-Control",
        "Content-Type",
        "Content-Encoding",
        "Content-Range",
        "Date",
    ] {
        check(&[&format!("Connection:{name}")], &format!("{name}:1"), true);
        check(&[&format!("Connection:close,{}", name.to_ascii_lowercase())], &format!("{name}:1"), true);
    }
}

#[test]
fn options_are_tokens_in_any_case() {
    for (value, close, keep_alive, upgrade) in [
        ("close", true, false, false),
        ("Keep-ALIVE", false, true, false),
        ("Upgrade", false, false, true),
        ("close, keep-alive ,upgrade", true, true, true),
        ("upgrade, keep-alive, close, x", true, true, true),
        ("", false, false, false),
        ("closed, keep-alive2, upgrades", false, false, false),
        ("CLOSE", true, false, false),
    ] {
        let (_, _, options) = read(&[&format!("Connection:{value}")]);
        let found = options.map(|options| (options.close, options.keep_alive, options.upgrade));
        assert_eq!(found, Ok((close, keep_alive, upgrade)), "{value:?}");
    }
    for value in ["a b", "\"close\"", "close;x", "a,b=c", "clo\u{17f}e"] {
        let (_, _, options) = read(&[&format!("Connection:{value}")]);
        assert_eq!(options.err(), Some(Rejection::InvalidFieldValue), "{value:?}");
    }
}

#[test]
fn nominations_are_bounded() {
    let names = |count| (0..count).map(|number| format!("x-{number}")).collect::<Vec<_>>().join(",");
    let most = names(limits::CONNECTION_OPTIONS);
    let (bytes, _, options) = read(&[&format!("Connection:close,te,host,{most},keep-alive,upgrade")]);
    let nominated = options
        .map(|options| options.nominated().iter().map(|name| name.of(&bytes).to_vec()).collect::<Vec<_>>());
    assert_eq!(nominated.map(|names| names.join(&b',')), Ok(most.into_bytes()));

    let (_, _, options) = read(&[&format!("Connection:{}", names(limits::CONNECTION_OPTIONS + 1))]);
    assert_eq!(options.err(), Some(Rejection::InvalidFieldValue));
}
