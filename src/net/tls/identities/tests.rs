use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, slice};

use rcgen::date_time_ymd;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig,
    SupportedProtocolVersion,
};

use super::*;
use crate::net::tls::fixture::{Authority, Folder, Leaf, params, pem, shake_hands};
use crate::net::tls::settings::{CertificateFiles, ClientAuth, ListenerTls, UpstreamTls};

/// 2025-06-15.
const NOW: UnixMicros = UnixMicros(1_750_000_000_000_000);

/// One authority, one server certificate for `a.example` issued by it.
struct World {
    folder: Folder,
    authority: Authority,
    server: CertificateFiles,
    tickets: Arc<TicketKeys>,
}

impl World {
    fn new() -> Self {
        let (folder, authority) = (Folder::new(), Authority::new("ca"));
        folder.write("ca.pem", authority.pem());
        let server = folder.pair("server", &authority.issue(params("server", &["a.example"])));
        Self { folder, authority, server, tickets: Arc::new(TicketKeys::new().unwrap()) }
    }

    /// TLS with the server certificate, nothing asked of clients.
    fn listener(&self) -> ListenerTls {
        ListenerTls { certificates: vec![self.server.clone()], ..ListenerTls::default() }
    }

    /// The same, asking for certificates by the authority.
    fn asking(&self, client_auth: ClientAuth) -> ListenerTls {
        ListenerTls {
            client_auth,
            client_ca: Some(self.folder.write("ca.pem", self.authority.pem())),
            ..self.listener()
        }
    }

    fn load(&self, settings: &TlsSettings) -> Result<Loaded, Vec<TlsFault>> {
        Identities::load(settings, &self.tickets, NOW)
    }

    fn load_listener(&self, listener: &ListenerTls) -> Result<Loaded, Vec<TlsFault>> {
        self.load(&TlsSettings { listeners: vec![Some(listener.clone())], ..TlsSettings::default() })
    }

    #[track_caller]
    fn server(&self, listener: &ListenerTls) -> Arc<ServerConfig> {
        let loaded = self.load_listener(listener).unwrap();
        Arc::clone(&loaded.identities.listeners[0].as_ref().unwrap().config)
    }

    /// A client that trusts the authority and shows `leaf`.
    fn client(&self, leaf: Option<&Leaf>, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match leaf {
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key.serialize_pem().as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![leaf.certificate.der().clone()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(8);
        Arc::new(config)
    }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

#[track_caller]
fn kind(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
    let (client, server) = shake_hands(client, server, "a.example").unwrap();
    assert_eq!(client.handshake_kind(), server.handshake_kind());
    server.handshake_kind().unwrap()
}

/// Holds that exactly one thing is wrong, and that it is said with these words.
#[track_caller]
fn one_fault(result: Result<Loaded, Vec<TlsFault>>, words: &[&str]) {
    let faults = result.expect_err("a fault");
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(
        text.len() == 1 && words.iter().all(|word| text[0].contains(word)),
        "{text:#?} without {words:?}"
    );
}

/// Holds that one warning is given, with these words; without words, that there is none.
#[track_caller]
fn warned(result: Result<Loaded, Vec<TlsFault>>, words: &[&str]) {
    let warnings = result.expect("no fault").warnings;
    let good = match warnings.as_slice() {
        [] => words.is_empty(),
        [warning] => !words.is_empty() && words.iter().all(|word| warning.to_string().contains(word)),
        _ => false,
    };
    assert!(good, "{warnings:#?} instead of {words:?}");
}

#[test]
fn the_certificate_is_chosen_by_the_name_asked_for() {
    let world = World::new();
    let names: [&[&str]; 3] = [&["default.example"], &["*.example", "deep.b.example"], &["exact.example"]];
    let leaves = names.map(|names| world.authority.issue(params("server", names)));
    let pairs = leaves.iter().enumerate().map(|(at, leaf)| world.folder.pair(&at.to_string(), leaf));
    let listener = ListenerTls { certificates: pairs.collect(), ..ListenerTls::default() };
    let loaded = world.load_listener(&listener).unwrap();
    let identity = loaded.identities.listeners[0].as_ref().unwrap();
    // It is looked at what is shown, not whether it fits.
    let dangerous = UpstreamTls { dangerous_accept_any_certificate: true, ..UpstreamTls::default() };
    let upstreams = TlsSettings { upstreams: vec![Some(dangerous)], ..TlsSettings::default() };
    let client = world.load(&upstreams).unwrap().identities.upstreams[0].as_ref().unwrap().config.clone();
    let check = |name: &str, index: usize| {
        let (client, _) = shake_hands(&client, &identity.config, name).unwrap();
        assert_eq!(client.peer_certificates().unwrap()[0], *leaves[index].certificate.der(), "{name}");
        assert_eq!(identity.names.index_of(name.as_bytes()).unwrap_or(0), index, "{name}");
    };
    check("exact.example", 2);
    check("EXACT.example", 2);
    check("other.example", 1);
    check("deep.b.example", 1);
    check("default.example", 0);
    check("a.b.example", 0);
    check("elsewhere.test", 0);
    check("192.0.2.1", 0);
}

#[test]
fn both_versions_speak_http_1_1_with_our_cipher_and_give_their_secrets() {
    let world = World::new();
    let server = world.server(&world.listener());
    let check = |version, suite: CipherSuite, protocol| {
        let mut client = (*world.client(None, version)).clone();
        client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        client.enable_secret_extraction = true;
        let (client, server) = shake_hands(&Arc::new(client), &server, "a.example").unwrap();
        assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(server.negotiated_cipher_suite().unwrap().suite(), suite);
        assert_eq!(server.protocol_version(), Some(protocol));
        assert!(server.dangerous_extract_secrets().is_ok() && client.dangerous_extract_secrets().is_ok());
    };
    // The client of this test would rather have AES-256.
    check(&TLS13, CipherSuite::TLS13_AES_128_GCM_SHA256, ProtocolVersion::TLSv1_3);
    check(&TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ProtocolVersion::TLSv1_2);
}

#[test]
fn a_client_that_speaks_only_other_protocols_is_refused() {
    let world = World::new();
    let mut client = (*world.client(None, &TLS13)).clone();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let refused = shake_hands(&Arc::new(client), &world.server(&world.listener()), "a.example").unwrap_err();
    assert_eq!(refused, rustls::Error::NoApplicationProtocol);
}

#[test]
fn a_session_resumes_after_a_reload() {
    let world = World::new();
    for version in VERSIONS {
        let client = world.client(None, version);
        let [before, after] = [(); 2].map(|()| world.server(&world.listener()));
        assert_eq!(kind(&client, &before), HandshakeKind::Full);
        assert_eq!(kind(&client, &after), HandshakeKind::Resumed);
        assert_eq!(kind(&client, &before), HandshakeKind::Resumed);
    }
}

#[test]
fn a_renewed_certificate_keeps_sessions_and_another_name_does_not() {
    let world = World::new();
    let client = world.client(None, &TLS13);
    assert_eq!(kind(&client, &world.server(&world.listener())), HandshakeKind::Full);
    world.folder.pair("server", &world.authority.issue(params("renewed", &["a.example"])));
    assert_eq!(kind(&client, &world.server(&world.listener())), HandshakeKind::Resumed);
    world.folder.pair("server", &world.authority.issue(params("renewed", &["a.example", "b.example"])));
    assert_eq!(kind(&client, &world.server(&world.listener())), HandshakeKind::Full);
}

#[test]
fn a_session_does_not_resume_where_more_or_else_is_asked_of_clients() {
    let world = World::new();
    let leaf = world.authority.issue(params("client", &[]));
    let both = [world.authority.pem(), Authority::new("other").pem()].concat();
    let both = Some(world.folder.write("both.pem", both));
    let list = Some(world.folder.write("list.pem", world.authority.revoke(99, 2030)));
    let [off, optional, required] =
        [ClientAuth::Off, ClientAuth::Optional, ClientAuth::Required].map(|ask| world.asking(ask));
    let other_ca = ListenerTls { client_ca: both, ..required.clone() };
    let with_list = ListenerTls { client_crl: list, ..required.clone() };
    let listeners = [off, optional, required, other_ca, with_list];
    for version in VERSIONS {
        for (from, first) in listeners.iter().enumerate() {
            for (to, second) in listeners.iter().enumerate() {
                let client = world.client(Some(&leaf), version);
                assert_eq!(kind(&client, &world.server(first)), HandshakeKind::Full);
                let expected = if from == to { HandshakeKind::Resumed } else { HandshakeKind::Full };
                assert_eq!(kind(&client, &world.server(second)), expected, "from {from} to {to}");
            }
        }
    }
}

#[test]
fn a_resumed_session_still_knows_its_client() {
    let world = World::new();
    let leaf = world.authority.issue(params("client", &[]));
    let server = world.server(&world.asking(ClientAuth::Required));
    for version in VERSIONS {
        let client = world.client(Some(&leaf), version);
        assert_eq!(kind(&client, &server), HandshakeKind::Full);
        let (_, server) = shake_hands(&client, &server, "a.example").unwrap();
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(server.peer_certificates(), Some(slice::from_ref(leaf.certificate.der())));
    }
}

#[test]
fn ticket_key_files_are_read_anew_and_the_old_one_still_opens() {
    let world = World::new();
    let old = world.folder.write("old.key", [1; 48]);
    let new = world.folder.write("new.key", "02".repeat(32) + "\n");
    let server = |ticket_keys: &[&Path]| {
        let ticket_keys = ticket_keys.iter().map(|&path| path.into()).collect();
        let settings =
            TlsSettings { listeners: vec![Some(world.listener())], ticket_keys, ..TlsSettings::default() };
        world.load(&settings).unwrap().identities.listeners[0].as_ref().unwrap().config.clone()
    };
    for version in VERSIONS {
        let client = world.client(None, version);
        assert_eq!(kind(&client, &server(&[&old])), HandshakeKind::Full);
        assert_eq!(kind(&client, &server(&[&new, &old])), HandshakeKind::Resumed);
        // What the last handshake left is sealed with the new one.
        assert_eq!(kind(&client, &server(&[&new])), HandshakeKind::Resumed);
        assert_eq!(kind(&client, &server(&[&old])), HandshakeKind::Full);
    }
    let client = world.client(None, &TLS13);
    assert_eq!(kind(&client, &server(&[&old])), HandshakeKind::Full);
    fs::write(&old, [3; 48]).unwrap();
    assert_eq!(kind(&client, &server(&[&old])), HandshakeKind::Full);
}

#[test]
fn clients_are_checked_as_asked() {
    let world = World::new();
    let valid = |serial: u64, from, to| {
        let mut params = params("client", &[]);
        params.serial_number = Some(serial.into());
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params
    };
    let good = world.authority.issue(valid(1, 2020, 2090));
    let revoked = world.authority.issue(valid(2, 2020, 2090));
    let expired = world.authority.issue(valid(3, 2020, 2021));
    let early = world.authority.issue(valid(4, 2089, 2090));
    let foreign = Authority::new("other").issue(valid(5, 2020, 2090));
    let list = Some(world.folder.write("list.pem", world.authority.revoke(2, 2030)));
    let server = |ask| world.server(&ListenerTls { client_crl: list.clone(), ..world.asking(ask) });
    for version in VERSIONS {
        let check = |who: &str, leaf: Option<&Leaf>, expected: [bool; 3]| {
            let enters = [ClientAuth::Off, ClientAuth::Optional, ClientAuth::Required]
                .map(|ask| shake_hands(&world.client(leaf, version), &server(ask), "a.example").is_ok());
            assert_eq!(enters, expected, "{who}, {version:?}");
        };
        check("nobody", None, [true, true, false]);
        check("good", Some(&good), [true, true, true]);
        for (who, bad) in
            [("revoked", &revoked), ("expired", &expired), ("early", &early), ("foreign", &foreign)]
        {
            check(who, Some(bad), [true, false, false]);
        }
    }
}

#[test]
fn an_outdated_revocation_list_is_obeyed_and_one_by_others_refuses_nobody() {
    let world = World::new();
    let mut revoked = params("client", &[]);
    revoked.serial_number = Some(2.into());
    let client = world.client(Some(&world.authority.issue(revoked)), &TLS13);
    let mut listener = world.asking(ClientAuth::Required);
    listener.client_crl = Some(world.folder.write("old.pem", world.authority.revoke(2, 2025)));
    assert!(shake_hands(&client, &world.server(&listener), "a.example").is_err());
    warned(world.load_listener(&listener), &["old.pem", "CN=ca", "should have been replaced", "fetch"]);
    listener.client_crl = Some(world.folder.write("foreign.pem", Authority::new("other").revoke(2, 2030)));
    assert!(shake_hands(&client, &world.server(&listener), "a.example").is_ok());
    warned(world.load_listener(&listener), &["foreign.pem", "CN=other", "none of the authorities"]);
}

#[test]
fn servers_are_checked_as_asked() {
    let world = World::new();
    let foreign = Authority::new("other").issue(params("server", &["a.example"]));
    let foreign =
        ListenerTls { certificates: vec![world.folder.pair("foreign", &foreign)], ..ListenerTls::default() };
    let [own, foreign] = [world.listener(), foreign].map(|listener| world.server(&listener));
    let ca = || Some(world.folder.write("ca.pem", world.authority.pem()));
    let client = |settings: UpstreamTls| {
        let settings = TlsSettings { upstreams: vec![Some(settings)], ..TlsSettings::default() };
        world.load(&settings).unwrap().identities.upstreams[0].clone().unwrap()
    };
    let check = |settings: UpstreamTls, server: &Arc<ServerConfig>, name: &str, good: bool| {
        let result = shake_hands(&client(settings).config, server, name);
        assert_eq!(result.is_ok(), good, "{result:?}");
    };
    let checked = || UpstreamTls { ca: ca(), ..UpstreamTls::default() };
    let dangerous = || UpstreamTls { dangerous_accept_any_certificate: true, ..UpstreamTls::default() };
    check(checked(), &own, "a.example", true);
    check(checked(), &own, "b.example", false);
    check(checked(), &foreign, "a.example", false);
    check(dangerous(), &foreign, "b.example", true);
    let shown = UpstreamTls { certificate: Some(world.server.clone()), ..checked() };
    let required = world.server(&world.asking(ClientAuth::Required));
    check(shown, &required, "a.example", true);
    check(checked(), &required, "a.example", false);
    let named = client(UpstreamTls { server_name: Some("a.example".into()), ..checked() });
    assert_eq!(named.server_name.as_ref().unwrap().to_str(), "a.example");
    let (first, second) = (kind(&named.config, &own), kind(&named.config, &own));
    assert_eq!([first, second], [HandshakeKind::Full, HandshakeKind::Resumed]);
}

#[test]
fn bad_files_are_named_with_what_to_do() {
    let world = World::new();
    let write = |name, content: &str| world.folder.write(name, content);
    let (certificate, key) = (
        fs::read_to_string(&world.server.certificate).unwrap(),
        fs::read_to_string(&world.server.key).unwrap(),
    );
    let with = |certificate: &Path, key: &Path| ListenerTls {
        certificates: vec![CertificateFiles { certificate: certificate.into(), key: key.into() }],
        ..ListenerTls::default()
    };
    let check = |certificate: &Path, key: &Path, words: &[&str]| {
        one_fault(world.load_listener(&with(certificate, key)), words);
    };
    let CertificateFiles { certificate: good, key: good_key } = &world.server;
    let other = world.folder.pair("other", &world.authority.issue(params("other", &["b.example"])));
    check(good, &other.key, &["server.pem", "other.key", "does not belong"]);
    check(&good.with_file_name("no.pem"), good_key, &["no.pem", "cannot be read", "rights"]);
    check(good, &good.with_file_name("no.key"), &["no.key", "cannot be read", "rights"]);
    check(good_key, good_key, &["server.key", "no certificate", "BEGIN CERTIFICATE"]);
    check(good, good, &["server.pem", "no private key", "BEGIN PRIVATE KEY"]);
    check(&write("cut.pem", &certificate[..200]), good_key, &["cut.pem", "END line"]);
    check(good, &write("cut.key", &key[..100]), &["cut.key", "END line"]);
    let garbled = write("garbled.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    check(&garbled, good_key, &["garbled.pem", "certificate 1"]);
    let chain = write("chain.pem", &(certificate.clone() + &fs::read_to_string(&garbled).unwrap()));
    check(&chain, good_key, &["chain.pem", "certificate 2"]);
    let garbled = write("garbled.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    check(good, &garbled, &["garbled.key", "private key cannot be used", "P-256"]);
    let wrapped = write("wrapped.key", &key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    check(good, &wrapped, &["wrapped.key", "is encrypted", "openssl pkey"]);
    let legacy =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n";
    let legacy = write("legacy.key", &format!("{legacy}-----END RSA PRIVATE KEY-----\n"));
    check(good, &legacy, &["legacy.key", "is encrypted", "openssl pkey"]);
}

#[test]
fn bad_settings_are_named_with_what_to_do() {
    let world = World::new();
    one_fault(world.load_listener(&ListenerTls::default()), &["listener 1", "no certificate"]);
    let asking = world.asking(ClientAuth::Optional);
    let check = |listener: ListenerTls, words: &[&str]| one_fault(world.load_listener(&listener), words);
    check(ListenerTls { client_ca: None, ..asking.clone() }, &["listener 1", "`client_ca`"]);
    let key = Some(world.server.key.clone());
    check(ListenerTls { client_ca: key.clone(), ..asking.clone() }, &["server.key", "no certificate"]);
    check(
        ListenerTls { client_crl: key, ..asking.clone() },
        &["server.key", "no revocation list", "X509 CRL"],
    );
    let list = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let list = Some(world.folder.write("list.pem", list));
    check(ListenerTls { client_crl: list, ..asking }, &["list.pem", "revocation list", "cannot be used"]);
    let ca = Some(world.folder.write("ca.pem", world.authority.pem()));
    let named = UpstreamTls { server_name: Some("a b".into()), ca, ..UpstreamTls::default() };
    let settings = TlsSettings { upstreams: vec![Some(named)], ..TlsSettings::default() };
    one_fault(world.load(&settings), &["upstream 1", "`a b`", "without port"]);
    let short = |content: &[u8], form: &str| {
        let ticket_keys = vec![world.folder.write("ticket.key", content)];
        let settings = TlsSettings { ticket_keys, ..TlsSettings::default() };
        one_fault(world.load(&settings), &["ticket.key", form, "openssl rand"]);
    };
    short(&[0; 31], "31 bytes, read as raw bytes");
    short(b"0123456789abcdef0123456789ABCDEF", "16 bytes, read as hexadecimal digits");
    short(b"", "0 bytes");
}

#[test]
fn every_fault_is_found_at_once_and_said_once() {
    let world = World::new();
    let missing = ListenerTls {
        certificates: vec![CertificateFiles { certificate: "/no/a.pem".into(), key: "/no/a.key".into() }],
        client_auth: ClientAuth::Required,
        ..ListenerTls::default()
    };
    let upstream = UpstreamTls { ca: Some("/no/ca.pem".into()), ..UpstreamTls::default() };
    let settings = TlsSettings {
        listeners: vec![Some(missing.clone()), None, Some(missing)],
        upstreams: vec![Some(upstream)],
        ticket_keys: vec!["/no/ticket.key".into()],
    };
    let faults: Vec<String> = world.load(&settings).unwrap_err().iter().map(ToString::to_string).collect();
    let words = [
        "/no/ticket.key",
        "/no/a.pem",
        "/no/a.key",
        "listener 1: client",
        "listener 3: client",
        "/no/ca.pem",
    ];
    let said = |word: &str| faults.iter().filter(|fault| fault.contains(word)).count();
    assert_eq!((words.map(said), faults.len()), ([1; 6], 6), "{faults:#?}");
}

#[test]
fn what_is_odd_is_warned_of() {
    let world = World::new();
    warned(world.load_listener(&world.listener()), &[]);
    let valid = |name: &str, from: (i32, u8, u8), to: (i32, u8, u8)| {
        let mut params = params("server", &["a.example"]);
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        let pair = world.folder.pair(name, &world.authority.issue(params));
        world.load_listener(&ListenerTls { certificates: vec![pair], ..ListenerTls::default() })
    };
    warned(valid("old", (2024, 1, 1), (2025, 6, 15)), &["old.pem", "CN=server", "expired on", "replace"]);
    warned(valid("soon", (2024, 1, 1), (2025, 6, 29)), &["soon.pem", "expires on", "in 13 days", "replace"]);
    warned(valid("good", (2024, 1, 1), (2025, 6, 30)), &[]);
    warned(valid("early", (2025, 7, 1), (2026, 1, 1)), &["early.pem", "not valid before", "clock"]);
    let twin = world.folder.pair("twin", &world.authority.issue(params("twin", &["a.example"])));
    let nameless = world.folder.pair("nameless", &world.authority.issue(params("b.example", &[])));
    let with = |pairs: [&CertificateFiles; 2]| {
        world.load_listener(&ListenerTls {
            certificates: pairs.map(Clone::clone).into(),
            ..ListenerTls::default()
        })
    };
    warned(with([&world.server, &twin]), &["twin.pem", "never shown"]);
    warned(with([&world.server, &nameless]), &["nameless.pem", "never shown", "subjectAltName"]);
    warned(with([&nameless, &world.server]), &[]);
}

#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    let world = World::new();
    let ticket = world.folder.write("ticket.key", [7; 32]);
    let settings = TlsSettings {
        listeners: vec![Some(world.listener())],
        ticket_keys: vec![ticket.clone()],
        ..TlsSettings::default()
    };
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    warned(world.load(&settings), &[]);
    open(&ticket, 0o640);
    warned(world.load(&settings), &[]);
    open(&ticket, 0o644);
    warned(world.load(&settings), &["ticket.key", "chmod 600"]);
    open(&ticket, 0o600);
    open(&world.server.key, 0o604);
    warned(world.load(&settings), &["server.key", "chmod 600"]);
}

#[test]
fn a_key_may_come_in_its_older_form() {
    let world = World::new();
    let leaf = world.authority.issue(params("server", &["a.example"]));
    // SEC 1 is what PKCS #8 wraps: the last OCTET STRING of it.
    let pkcs8 = leaf.key.serialize_der();
    let at = memchr::memmem::find(&pkcs8, &[0x30, 0x6b, 2, 1, 1, 4, 32]).unwrap();
    let sec1 = pem("EC PRIVATE KEY", &pkcs8[at..]);
    let pair =
        CertificateFiles { key: world.folder.write("sec1.key", sec1), ..world.folder.pair("sec1", &leaf) };
    let listener = ListenerTls { certificates: vec![pair], ..ListenerTls::default() };
    assert_eq!(kind(&world.client(None, &TLS13), &world.server(&listener)), HandshakeKind::Full);
}
