//! Exact heads as they are forwarded, both ways.

use super::*;
use crate::limits;
use crate::policy::access_rule::AccessRule;
use crate::policy::access_rule::fixture::{NOW, judgement};
use crate::policy::path_rules::PathPattern;
use crate::policy::route_table::RouteTarget;
use crate::policy::ruleset::UpstreamId;
use crate::protocol::client_certificate::ClientCertificate;
use crate::protocol::http1::{
    HeadLimits, connection_options, parse_request_head, parse_response_head, request_framing, request_target,
    upgrade_protocol,
};
use crate::protocol::progress::Progress;
use crate::protocol::token::verdict::Judgement;

const LIMITS: HeadLimits =
    HeadLimits { request_line: 8192, header_bytes: limits::HEADER_BYTES, header_count: limits::HEADER_COUNT };
const TRACE: &str = "traceparent: 00-00000000000000010000000000000002-0000000000000003-01\r\n";
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// How a request comes and what the route says.
struct Case {
    route: Route,
    certificate: Option<ClientCertificate>,
    claims: Option<Judgement>,
    mapped: Option<Mapped>,
    peer: &'static str,
    trusted: &'static [&'static str],
    new_target: Option<&'static str>,
    max_forwards: Option<u64>,
}

fn case() -> Case {
    let path = PathPattern::parse("/*").unwrap();
    let route = Route::new(path, RouteTarget::Upstream(UpstreamId(0)), AccessRule::OPEN);
    Case {
        route,
        certificate: None,
        claims: None,
        mapped: None,
        peer: "192.0.2.7",
        trusted: &[],
        new_target: None,
        max_forwards: None,
    }
}

impl Case {
    fn host(mut self, host: UpstreamHost) -> Self {
        self.route.upstream_host = host;
        self
    }

    fn setting(mut self, fields: &[(&str, &str)]) -> Self {
        let owned = fields.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let template = |value: String| FieldTemplate::parse(&value).unwrap();
        self.route.set_headers = owned.clone().map(|(name, value)| (name, template(value))).collect();
        self.route.response_headers = owned.collect();
        self
    }

    /// The head the server gets for `head`.
    #[track_caller]
    fn request(&self, head: &str) -> String {
        let bytes = head.as_bytes();
        let mut fields = FieldTable::new();
        let Ok(Progress::Done { value, consumed }) = parse_request_head(bytes, 0, &LIMITS, &mut fields)
        else {
            panic!("{head:?}");
        };
        let options = connection_options(bytes, &fields).unwrap();
        let trusted: Vec<IpNet> = self.trusted.iter().map(|net| net.parse().unwrap()).collect();
        let peer: IpAddr = self.peer.parse().unwrap();
        let trace = TraceParent::of(bytes, &fields, [1, 2, 3]);
        let mut out = Vec::new();
        let parts = RequestParts {
            bytes,
            length: consumed,
            head: &value,
            target: &request_target(bytes, &value, &fields).unwrap(),
            fields: &fields,
            options: &options,
            framing: request_framing(bytes, &value, &fields).unwrap(),
            upgrade: upgrade_protocol(bytes, &fields, &options).map(|protocol| protocol.of(bytes)),
            route: &self.route,
            mapped: self.mapped.as_ref(),
            new_target: self.new_target.map(str::as_bytes),
            server_authority: "server.test:81",
            client: &ClientText::new(peer),
            identity: Identity {
                certificate: self.certificate.as_ref(),
                claims: self.claims.as_ref(),
                now: NOW,
            },
            scheme: "http",
            trusted: is_trusted(peer, &trusted),
            max_forwards: self.max_forwards,
            trace: &trace,
        };
        write_request_head(&parts, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Holds that `fields` of a request to `a` become `kept`, with nothing but the proxy's own fields beside them.
    #[track_caller]
    fn check(&self, fields: &str, kept: &str, appended: &str) {
        let got = self.request(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let expected = format!("POST / HTTP/1.1\r\nhost: a\r\n{kept}{FORWARDING}{VIA}{TRACE}{appended}\r\n");
        assert_eq!(got, expected, "{fields:?}");
    }

    #[track_caller]
    fn response(
        &self,
        head: &str,
        chunked: bool,
        connection: Option<&'static [u8]>,
        upgrade: Option<&[u8]>,
    ) -> String {
        let bytes = head.as_bytes();
        let mut fields = FieldTable::new();
        let Ok(Progress::Done { value, consumed }) = parse_response_head(bytes, 0, &LIMITS, &mut fields)
        else {
            panic!("{head:?}");
        };
        let options = connection_options(bytes, &fields).unwrap();
        let mut out = b"before".to_vec();
        let parts = ResponseParts {
            bytes,
            length: consumed,
            head: &value,
            fields: &fields,
            options: &options,
            chunked,
            upgrade,
            connection,
            route: &self.route,
            date: DATE.as_bytes(),
            nonce: None,
        };
        write_response_head(&parts, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }
}

const FORWARDING: &str = "x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: http\r\nx-forwarded-host: a\r\n\
     forwarded: for=192.0.2.7;host=\"a\";proto=http\r\n";
const VIA: &str = "via: 1.1 ringwall\r\n";

#[test]
fn fields_of_one_connection_stay_on_it() {
    let pass = "X-A: 1\r\nAccept:  */* \r\nx-a: 2\r\n";
    for dropped in [
        "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
        "Proxy-Connection: keep-alive\r\n",
        "TE: trailers\r\nConnection: te\r\n",
        "Upgrade: h2c\r\n",
        "Proxy-Authorization: Basic x\r\n",
        "Connection: close, X-Nominated\r\nx-nominated: 1\r\nX-NOMINATED: 2\r\n",
        "connection: one\r\nconnection: two\r\none: 1\r\ntwo: 2\r\n",
    ] {
        case().check(&format!("{dropped}{pass}"), pass, "");
        case().check(&format!("{pass}{dropped}"), pass, "");
    }
    case().check("", "", "");
}

#[test]
fn what_names_the_message_or_its_sender_cannot_be_nominated_away() {
    let nominating =
        "Connection: host, content-length, authorization, cookie, via, cache-control, content-type\r\n";
    let kept = "Content-Length: 0\r\nAuthorization: x\r\nCookie: c\r\nVia: 1.1 other\r\nCache-Control: no-cache\r\n\
                Content-Type: t\r\n";
    case().check(&format!("{nominating}{kept}"), kept, "");
    case().check("Connection: x-forwarded-for, forwarded, x-forwarded-proto, traceparent\r\n", "", "");
}

#[test]
fn framing_is_said_anew() {
    case().check(
        "Transfer-Encoding: Chunked\r\nTrailer: x-sum\r\n",
        "Trailer: x-sum\r\n",
        "transfer-encoding: chunked\r\n",
    );
    case().check("Content-Length: 7\r\n", "Content-Length: 7\r\n", "");
    case().check("Content-Length: 0\r\n", "Content-Length: 0\r\n", "");
    case().check(
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n",
        "Sec-WebSocket-Key: k\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\n",
    );
}

#[test]
fn fields_that_servers_read_as_ours_are_dropped() {
    case().check(
        "X_Forwarded_For: 1.2.3.4\r\nx_real_ip: 1\r\nContent_Length: 5\r\nTransfer_Encoding: x\r\nx_a: 1\r\n",
        "x_a: 1\r\n",
        "",
    );
    let trusted = Case { trusted: &["192.0.2.0/24"], ..case() };
    trusted.check("X_Forwarded-Proto: https\r\n", "", "");
}

#[test]
fn an_expectation_of_http_1_0_means_nothing() {
    let got = case().request("POST / HTTP/1.0\r\nhost: a\r\nexpect: 100-continue\r\nx: y\r\n\r\n");
    let expected =
        format!("POST / HTTP/1.1\r\nhost: a\r\nx: y\r\n{FORWARDING}via: 1.0 ringwall\r\n{TRACE}\r\n");
    assert_eq!(got, expected);
    case().check("Expect: 100-continue\r\n", "Expect: 100-continue\r\n", "");
}

/// Holds first line and `Host` of what is forwarded.
#[track_caller]
fn check_start(case: &Case, head: &str, line: &str, host: &str) {
    let got = case.request(head);
    assert!(got.starts_with(&format!("{line} HTTP/1.1\r\nhost: {host}\r\n")), "{head:?}: {got:?}");
    assert_eq!(got.matches("host: ").count(), 1 + got.matches("x-forwarded-host: ").count());
}

#[test]
fn targets_go_out_in_origin_form() {
    let plain = case();
    check_start(&plain, "GET /a%2fb?c=%20 HTTP/1.1\r\nhost: a:8\r\n\r\n", "GET /a%2fb?c=%20", "a:8");
    check_start(&plain, "GET /? HTTP/1.1\r\nhost: a\r\n\r\n", "GET /?", "a");
    check_start(&plain, "GET HTTP://A.test/x?y HTTP/1.1\r\nhost: a.test\r\n\r\n", "GET /x?y", "A.test");
    check_start(&plain, "GET http://a HTTP/1.1\r\nhost: a\r\n\r\n", "GET /", "a");
    check_start(&plain, "GET http://a?q HTTP/1.1\r\nhost: a\r\n\r\n", "GET /?q", "a");
    check_start(&plain, "OPTIONS http://a HTTP/1.1\r\nhost: a\r\n\r\n", "OPTIONS *", "a");
    check_start(&plain, "OPTIONS http://a/ HTTP/1.1\r\nhost: a\r\n\r\n", "OPTIONS /", "a");
    check_start(&plain, "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", "OPTIONS *", "a");
    check_start(&plain, "FROB /x HTTP/1.1\r\nhost: a\r\n\r\n", "FROB /x", "a");
    check_start(&plain, "\r\nGET /x HTTP/1.1\r\nhost: a\r\n\r\n", "GET /x", "a");
    let rewritten = Case { new_target: Some("/new?x"), ..case() };
    check_start(&rewritten, "GET http://a/old?y HTTP/1.1\r\nhost: a\r\n\r\n", "GET /new?x", "a");
}

#[test]
fn host_is_what_the_route_says() {
    let request = "GET http://a/ HTTP/1.1\r\nhost: a:80\r\n\r\n";
    check_start(&case(), request, "GET /", "a");
    check_start(&case().host(UpstreamHost::Server), request, "GET /", "server.test:81");
    check_start(&case().host(UpstreamHost::Name("n.test".to_owned())), request, "GET /", "n.test");
    // HTTP/1.0 without `Host`.
    let none = case().request("GET / HTTP/1.0\r\n\r\n");
    let expected = format!(
        "GET / HTTP/1.1\r\nhost: server.test:81\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: http\r\n\
         forwarded: for=192.0.2.7;proto=http\r\nvia: 1.0 ringwall\r\n{TRACE}\r\n"
    );
    assert_eq!(none, expected);
}

const CLAIMS: &str = "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\nX-Forwarded-Proto: https\r\n\
     X-Forwarded-Host: pub.test\r\nX-Real-IP: 10.0.0.1\r\nForwarded: for=10.0.0.1;proto=https\r\n";

#[test]
fn forwarding_fields_of_strangers_are_replaced() {
    case().check(CLAIMS, "", "");
    Case { trusted: &["192.0.3.0/24"], ..case() }.check(CLAIMS, "", "");
}

#[test]
fn forwarding_fields_of_trusted_peers_are_continued() {
    let got = Case { trusted: &["192.0.2.0/24"], ..case() }
        .request(&format!("GET / HTTP/1.1\r\nhost: a\r\n{CLAIMS}\r\n"));
    let expected = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pub.test\r\nX-Real-IP: 10.0.0.1\r\n\
         x-forwarded-for: 10.0.0.1, 10.0.0.2, 192.0.2.7\r\n\
         forwarded: for=10.0.0.1;proto=https, for=192.0.2.7;host=\"a\";proto=http\r\n{VIA}{TRACE}\r\n"
    );
    assert_eq!(got, expected);
    // Nothing said: nothing to continue.
    Case { trusted: &["192.0.2.0/24"], ..case() }.check("x-forwarded-for:\r\n", "", "");
}

#[test]
fn addresses_are_written_as_each_field_wants_them() {
    let seen = |peer| {
        let got = Case { peer, ..case() }.request("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        let line = |name: &str| got.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        (line("x-forwarded-for: "), line("forwarded: "))
    };
    let expected = |plain: &str, node: &str| (plain.to_owned(), format!("for={node};host=\"a\";proto=http"));
    assert_eq!(seen("2001:db8::1"), expected("2001:db8::1", "\"[2001:db8::1]\""));
    assert_eq!(seen("::ffff:192.0.2.9"), expected("192.0.2.9", "192.0.2.9"));
}

#[test]
fn the_client_is_the_last_address_nobody_trusted_vouches_for() {
    let trusted: Vec<IpNet> =
        ["192.0.2.0/24", "2001:db8::/32"].iter().map(|net| net.parse().unwrap()).collect();
    for (peer, lines, client) in [
        ("192.0.2.1:5", &[][..], "192.0.2.1:5"),
        ("203.0.113.1:5", &["10.0.0.1"], "203.0.113.1:5"),
        ("192.0.2.1:5", &["10.0.0.1"], "10.0.0.1:0"),
        ("192.0.2.1:5", &["10.0.0.1, 10.0.0.2"], "10.0.0.2:0"),
        ("192.0.2.1:5", &["10.0.0.1,10.0.0.2 ,192.0.2.9"], "10.0.0.2:0"),
        ("192.0.2.1:5", &["10.0.0.1", "10.0.0.2", "192.0.2.9"], "10.0.0.2:0"),
        ("192.0.2.1:5", &["192.0.2.8, 192.0.2.9"], "192.0.2.8:0"),
        ("192.0.2.1:5", &["10.0.0.1, nonsense, 192.0.2.9"], "192.0.2.9:0"),
        ("192.0.2.1:5", &["10.0.0.1, nonsense"], "192.0.2.1:5"),
        ("192.0.2.1:5", &["unknown"], "192.0.2.1:5"),
        ("192.0.2.1:5", &["10.0.0.1, ,"], "10.0.0.1:0"),
        ("192.0.2.1:5", &["2001:db8:1::1, ::ffff:192.0.2.3"], "[2001:db8:1::1]:0"),
        ("[::ffff:192.0.2.1]:5", &["10.0.0.1"], "10.0.0.1:0"),
    ] {
        let fields: String = lines.iter().map(|line| format!("X-Forwarded-For: {line}\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
        let mut table = FieldTable::new();
        parse_request_head(head.as_bytes(), 0, &LIMITS, &mut table).unwrap();
        let found = client_address(peer.parse().unwrap(), &trusted, head.as_bytes(), &table);
        assert_eq!(found, client.parse().unwrap(), "{peer} {lines:?}");
    }
}

#[test]
fn a_valid_traceparent_passes_and_any_other_is_replaced() {
    let valid = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\ntracestate: a=b\r\n";
    let got = case().request(&format!("GET / HTTP/1.1\r\nhost: a\r\n{valid}\r\n"));
    assert_eq!(got, format!("GET / HTTP/1.1\r\nhost: a\r\n{valid}{FORWARDING}{VIA}\r\n"));
    for invalid in [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-000",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-00",
        "00-00000000000000000000000000000000-b7ad6b7169203331-00",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00",
        "00-0af7651916cd43dd8448eb211c80319c+b7ad6b7169203331-00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331+00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        "",
    ] {
        case().check(&format!("traceparent: {invalid}\r\ntracestate: a=b\r\n"), "", "");
    }
    case().check(&format!("{valid}{valid}"), "", "");
    case().check("tracestate: a=b\r\n", "", "");
    let made = TraceParent::of(b"", &FieldTable::new(), [0, 0, 0]);
    assert_eq!(&made.value, b"00-00000000000000010000000000000000-0000000000000001-01");
    assert_eq!(&made.trace_id(), b"00000000000000010000000000000000");
}

#[test]
fn max_forwards_counts_down_where_it_counts() {
    let counting = Case { max_forwards: Some(4), ..case() };
    counting.check("Max-Forwards: 5\r\n", "", "max-forwards: 4\r\n");
    case().check("Max-Forwards: 5\r\n", "Max-Forwards: 5\r\n", "");
}

#[test]
fn set_fields_leave_no_room_for_others_of_their_folded_name() {
    let setting =
        case().setting(&[("x-user", "me"), ("x_role", "r"), ("authorization", "ours"), ("x-real-ip", "1")]);
    let claims = "X-User: you\r\nX_User: you\r\nx_USER: you\r\nx-role: a\r\nX_Role: a\r\nAuthorization: theirs\r\n\
                  X-Real-Ip: 9\r\nx-users: 1\r\n";
    let set = "x-user: me\r\nx_role: r\r\nauthorization: ours\r\nx-real-ip: 1\r\n";
    setting.check(claims, "x-users: 1\r\n", set);
    let trusting = Case { trusted: &["192.0.2.0/24"], ..setting };
    trusting.check(claims, "x-users: 1\r\n", set);
}

#[test]
fn a_field_about_the_client_is_there_only_with_a_client_who_proved_it() {
    let claims = "X-Client: root\r\nx_client: root\r\nX-Kept: 1\r\n";
    let stranger = case().setting(&[
        ("x-client", "{client_certificate.subject}"),
        ("x-fixed", "{{1}}"),
        ("x-names", "names={client_certificate.san}"),
    ]);
    stranger.check(claims, "X-Kept: 1\r\n", "x-fixed: {1}\r\n");
    let certificate = ClientCertificate {
        subject: "CN=a\\, b".to_owned(),
        san: vec!["dns:a.test".to_owned(), "ip:192.0.2.1".to_owned()],
        sha256: "00ff".to_owned(),
    };
    let known = Case { certificate: Some(certificate), ..stranger };
    let set = "x-client: CN=a\\, b\r\nx-fixed: {1}\r\nx-names: names=dns:a.test,ip:192.0.2.1\r\n";
    known.check(claims, "X-Kept: 1\r\n", set);
}

/// Holds what becomes of the fields of a final response.
#[track_caller]
fn check_response(case: &Case, fields: &str, kept: &str, appended: &str) {
    let got = case.response(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), false, None, None);
    assert_eq!(got, format!("HTTP/1.1 200 OK\r\n{kept}{VIA}{appended}\r\n"), "{fields:?}");
}

#[test]
fn response_fields_of_one_connection_stay_on_it() {
    let date = format!("date: {DATE}\r\n");
    for fields in [
        "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
        "Proxy-Authenticate: Basic\r\n",
        "Connection: x-nominated\r\nX-Nominated: 1\r\n",
        "Upgrade: h2c\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        check_response(&case(), fields, "", &date);
    }
    let kept = "Content-Length: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nVia: 1.1 other\r\nDate: theirs\r\n";
    check_response(&case(), &format!("Connection: set-cookie, content-length\r\n{kept}"), kept, "");
}

#[test]
fn set_response_fields_replace_the_servers() {
    let date = format!("date: {DATE}\r\n");
    let setting = case().setting(&[("server", "none"), ("x-new", "1")]);
    check_response(
        &setting,
        "Server: theirs\r\nX_New: 2\r\nx-old: 3\r\n",
        "x-old: 3\r\n",
        &format!("{date}server: none\r\nx-new: 1\r\n"),
    );
    let dating = case().setting(&[("date", "never")]);
    check_response(&dating, "", "", "date: never\r\n");
    check_response(&dating, "Date: theirs\r\n", "", "date: never\r\n");
    // An interim response is the server's alone.
    let interim = setting.response(
        "HTTP/1.1 103 Hints\r\nServer: theirs\r\nContent-Length: 3\r\n\r\n",
        false,
        None,
        None,
    );
    assert_eq!(interim, format!("HTTP/1.1 103 Hints\r\nServer: theirs\r\n{VIA}\r\n"));
}

#[test]
fn what_the_proxy_says_of_body_and_connection_stands_behind() {
    let plain = case();
    let got = plain.response("HTTP/1.0 200\r\nDate: d\r\n\r\n", true, Some(b"close"), None);
    assert_eq!(
        got,
        "HTTP/1.1 200 \r\nDate: d\r\nvia: 1.0 ringwall\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    let switched = plain.response(
        "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
        false,
        None,
        Some(b"websocket"),
    );
    assert_eq!(
        switched,
        format!(
            "HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: x\r\n{VIA}connection: upgrade\r\nupgrade: websocket\r\n\r\n"
        )
    );
}

#[test]
fn a_length_is_dropped_only_where_there_can_be_no_body() {
    let kept = |status: u16| {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\nDate: d\r\n\r\n");
        case().response(&head, false, None, None).contains("Content-Length: 5")
    };
    assert_eq!([100, 103, 204, 200, 205, 304, 404].map(kept), [false, false, false, true, true, true, true]);
}

/// Spellings of one field that some servers take for one another.
const FORGED: &str = "authorized-scopes: admin\r\nAuthorized_Scopes: admin\r\nAUTHORIZED-SCOPES: admin\r\n\
                      authorized_scopes: admin\r\nauthorized-scopes: root\r\namr: a\r\nAmr: b\r\nx-kept: 1\r\n";

#[test]
fn identity_fields_cannot_be_forged() {
    for name in ["authorized_scopes", "authorized-scopes"] {
        let case = case().setting(&[(name, "{scope}"), ("amr", "{amr}"), ("x-fixed", "1")]);
        let told = format!("{name}: read write\r\namr: pwd otp\r\nx-fixed: 1\r\n");
        let token = Case { claims: Some(judgement()), ..case };
        token.check(FORGED, "x-kept: 1\r\n", &told);
        // The token says nothing of it, or there is none: the field is gone, not the client's.
        let silent = Judgement { scopes: [].into(), amr: [].into(), ..judgement() };
        let silent = Case { claims: Some(silent), ..token };
        silent.check(FORGED, "x-kept: 1\r\n", "x-fixed: 1\r\n");
        Case { claims: None, ..silent }.check(FORGED, "x-kept: 1\r\n", "x-fixed: 1\r\n");
    }
    let evil =
        Case { claims: Some(judgement()), ..case() }.setting(&[("x-user", "{sub}"), ("x-evil", "{evil}")]);
    evil.check("X_Evil: 1\r\nx-user: root\r\n", "", "x-user: alice\r\n");
}

#[test]
fn what_a_mapper_says_is_all_that_the_server_gets() {
    let mapped = |target: &str, fields: &[(&str, &str)]| Mapped {
        target: target.into(),
        fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    };
    let head = "POST /a?b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nContent-Length: 3\r\nX-A: 1\r\n\
                Content_Length: 9\r\nCookie: c\r\nTE: trailers\r\n\r\n";
    let check = |mapped: Mapped, line: &str, appended: &str| {
        let case = Case { mapped: Some(mapped), new_target: Some("/rewritten"), ..case() };
        let got = case.setting(&[("x-route", "own")]).request(head);
        let (first, rest) = got.split_once("\r\n").unwrap();
        assert_eq!(first, line);
        let expected =
            format!("host: a\r\nContent-Length: 3\r\n{appended}{FORWARDING}{VIA}{TRACE}x-route: own\r\n\r\n");
        assert_eq!(rest, expected);
    };
    check(mapped("/new?c", &[]), "POST /new?c HTTP/1.1", "");
    let fields = [("x-a", "2"), ("amr", "[\"DEFAULT\"]"), ("x_route", "forged")];
    check(mapped("/", &fields), "POST / HTTP/1.1", "x-a: 2\r\namr: [\"DEFAULT\"]\r\n");
}
