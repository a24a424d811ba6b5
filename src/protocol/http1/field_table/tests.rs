use super::*;

const KNOWN: [(&str, FieldKind); FieldKind::COUNT - 1] = [
    ("Host", FieldKind::Host),
    ("Content-Length", FieldKind::ContentLength),
    ("Transfer-Encoding", FieldKind::TransferEncoding),
    ("Connection", FieldKind::Connection),
    ("Keep-Alive", FieldKind::KeepAlive),
    ("Proxy-Connection", FieldKind::ProxyConnection),
    ("TE", FieldKind::Te),
    ("Trailer", FieldKind::Trailer),
    ("Upgrade", FieldKind::Upgrade),
    ("Expect", FieldKind::Expect),
    ("Max-Forwards", FieldKind::MaxForwards),
    ("Via", FieldKind::Via),
    ("Forwarded", FieldKind::Forwarded),
    ("X-Forwarded-For", FieldKind::XForwardedFor),
    ("X-Forwarded-Proto", FieldKind::XForwardedProto),
    ("X-Forwarded-Host", FieldKind::XForwardedHost),
    ("X-Real-IP", FieldKind::XRealIp),
    ("Authorization", FieldKind::Authorization),
    ("Proxy-Authorization", FieldKind::ProxyAuthorization),
    ("Proxy-Authenticate", FieldKind::ProxyAuthenticate),
    ("Proxy-Authentication-Info", FieldKind::ProxyAuthenticationInfo),
    ("traceparent", FieldKind::Traceparent),
    ("tracestate", FieldKind::Tracestate),
    ("Date", FieldKind::Date),
    ("Server", FieldKind::Server),
    ("Content-Type", FieldKind::ContentType),
    ("Content-Encoding", FieldKind::ContentEncoding),
    ("Location", FieldKind::Location),
    ("Set-Cookie", FieldKind::SetCookie),
    ("Cookie", FieldKind::Cookie),
    ("Cache-Control", FieldKind::CacheControl),
    ("Content-Range", FieldKind::ContentRange),
    ("Range", FieldKind::Range),
    ("Alt-Svc", FieldKind::AltSvc),
    ("Proxy-Status", FieldKind::ProxyStatus),
];

#[test]
fn names_are_known_in_any_case_and_only_whole() {
    for (position, (name, kind)) in KNOWN.into_iter().enumerate() {
        assert_eq!(kind as usize, position + 1, "{name} is missing or out of order");
        for spelling in [name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
            assert_eq!(FieldKind::of(spelling.as_bytes()), kind, "{spelling}");
        }
        for unlike in [format!("{name}s"), format!(" {name}"), name[1..].to_owned(), name.replace('-', "_")] {
            if unlike != name {
                assert_eq!(FieldKind::of(unlike.as_bytes()), FieldKind::Other, "{unlike}");
            }
        }
        for index in 0..name.len() {
            let mut bytes = name.as_bytes().to_vec();
            bytes[index] ^= 0x01;
            assert_eq!(FieldKind::of(&bytes), FieldKind::Other, "{name} changed at {index}");
        }
    }
    assert_eq!(FieldKind::of(b""), FieldKind::Other);
}

fn field(number: usize, kind: FieldKind) -> Field {
    Field { name: Span::new(number, number + 1), value: Span::new(number + 1, number + 3), kind }
}

#[test]
fn answers_about_kinds_agree_with_a_scan() {
    let mut table = FieldTable::new();
    let pushed = [
        FieldKind::Other,
        FieldKind::Via,
        FieldKind::Host,
        FieldKind::ProxyStatus,
        FieldKind::Via,
        FieldKind::Other,
        FieldKind::Via,
    ];
    for round in 0..2 {
        assert!(table.is_empty());
        for (number, kind) in pushed.into_iter().enumerate() {
            table.push(field(number, kind));
        }
        assert_eq!((table.len(), table.is_empty()), (pushed.len(), false), "round {round}");
        for kind in KNOWN.map(|(_, kind)| kind).into_iter().chain([FieldKind::Other]) {
            let expected: Vec<Field> = table.iter().filter(|field| field.kind == kind).copied().collect();
            assert_eq!(table.all(kind).copied().collect::<Vec<_>>(), expected, "{kind:?}");
            assert_eq!(table.first(kind), expected.first(), "{kind:?}");
            assert_eq!(table.count(kind), expected.len(), "{kind:?}");
        }
        table.clear();
    }
    assert_eq!((table.len(), table.first(FieldKind::Via), table.count(FieldKind::Via)), (0, None, 0));
}

#[test]
fn a_cleared_table_knows_nothing_of_the_message_before() {
    let mut table = FieldTable::new();
    table.push(field(0, FieldKind::Other));
    table.push(field(3, FieldKind::Host));
    table.push(field(6, FieldKind::Host));
    table.clear();
    assert_eq!((table.present, table.repeated), (0, 0));
    table.push(field(9, FieldKind::Host));
    assert_eq!(table.count(FieldKind::Host), 1);
    assert_eq!(table.first(FieldKind::Host), Some(&field(9, FieldKind::Host)));
}

#[test]
fn shifting_moves_names_and_values() {
    let mut table = FieldTable::new();
    table.push(field(0, FieldKind::Other));
    table.push(field(3, FieldKind::Host));
    table.shift(100);
    let fields: Vec<Field> = table.iter().copied().collect();
    assert_eq!(fields, [field(100, FieldKind::Other), field(103, FieldKind::Host)]);
}
