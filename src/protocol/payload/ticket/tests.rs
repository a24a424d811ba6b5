use super::*;

const NONCE: [u8; NONCE_LEN] = [4; NONCE_LEN];

fn key(byte: u8) -> TicketKey {
    TicketKey::new(&[byte; 32])
}

fn keys(bytes: &[u8]) -> TicketKeys {
    TicketKeys::new(bytes.iter().map(|&byte| key(byte)).collect()).expect("at least one key")
}

fn facts(aead: Aead, app: Option<AppIdentity>) -> SessionFacts {
    SessionFacts {
        id: [1; 16],
        secret: SessionSecret::new(&[2; 32]),
        aead,
        issued: 1_700_000_000,
        expires: u64::MAX,
        start: [3; 16],
        app,
    }
}

fn shop() -> AppIdentity {
    AppIdentity::new("com.example.shop", "ios", "2.0.1 (béta)").expect("an ordinary identity")
}

/// The largest there is.
fn largest() -> AppIdentity {
    AppIdentity::new(&"i".repeat(128), &"p".repeat(32), &"v".repeat(64)).expect("within the bounds")
}

/// Facts as values that can be compared.
fn told(facts: &SessionFacts) -> (Vec<u8>, Aead, [u64; 2], Option<AppIdentity>) {
    let bytes = [&facts.id[..], facts.secret.bytes(), &facts.start].concat();
    (bytes, facts.aead, [facts.issued, facts.expires], facts.app.clone())
}

#[test]
fn a_ticket_opens_to_what_was_sealed_and_stays_within_its_bound() {
    for aead in Aead::ALL {
        for app in [None, Some(shop()), Some(largest()), AppIdentity::new("a", "b", "c")] {
            let facts = facts(aead, app);
            let ticket = keys(&[7]).seal(&facts, &NONCE);
            assert!(ticket.len() <= PAYLOAD_TICKET_BYTES, "{} bytes", ticket.len());
            let opened = keys(&[7]).open(&ticket).expect("a key of ours");
            assert_eq!(told(&opened), told(&facts));
        }
    }
}

#[test]
fn the_first_key_seals_and_all_open() {
    let facts = facts(Aead::Aes128Gcm, None);
    let (old, both, new) = (keys(&[1]), keys(&[2, 1]), keys(&[2]));
    let from_old = old.seal(&facts, &NONCE);
    let from_both = both.seal(&facts, &NONCE);
    for (ticket, opening, refusing) in [(&from_old, [&old, &both], &new), (&from_both, [&new, &both], &old)] {
        assert!(opening.iter().all(|keys| keys.open(ticket).is_some()));
        assert!(refusing.open(ticket).is_none());
    }
    assert!(TicketKeys::new(Vec::new()).is_none());
}

/// Two keys whose names agree: the ticket's own is found behind the other.
#[test]
fn names_that_agree_by_chance_keep_no_ticket_from_opening() {
    let ticket = keys(&[1]).seal(&facts(Aead::Aes256Gcm, None), &NONCE);
    let twin = TicketKey { name: key(1).name, cipher: key(2).cipher };
    let found = TicketKeys::new(vec![twin, key(1)]).and_then(|keys| keys.open(&ticket));
    assert!(found.is_some());
    let twin = TicketKey { name: key(1).name, cipher: key(2).cipher };
    assert!(TicketKeys::new(vec![twin]).expect("one key").open(&ticket).is_none());
}

#[test]
fn no_changed_ticket_opens() {
    let keys = keys(&[7, 8]);
    let ticket = keys.seal(&facts(Aead::ChaCha20Poly1305, Some(shop())), &NONCE);
    for bit in 0..8 * ticket.len() {
        let mut flipped = ticket.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(keys.open(&flipped).is_none(), "bit {bit}");
    }
    for length in 0..ticket.len() {
        assert!(keys.open(&ticket[..length]).is_none(), "{length} bytes");
    }
    for more in 1..600 {
        let longer = [&ticket[..], &vec![0; more]].concat();
        assert!(keys.open(&longer).is_none(), "{more} bytes more");
    }
}

/// Proxies of several releases may share a key: the form of a ticket is fixed, and another is refused.
#[test]
fn the_layout_is_fixed() {
    let cipher = Aes256Gcm::new((&*hmac_sha256(&[7; 32], &[b"payload ticket key"])).into());
    let name = hmac_sha256(&[7; 32], &[b"payload ticket key name"])[..4].to_vec();
    let sealed = |plain: &[u8]| {
        let mut plain = plain.to_vec();
        let tag = cipher.encrypt_inout_detached(&NONCE.into(), &name, plain.as_mut_slice().into()).unwrap();
        [&name[..], &NONCE, &plain, &tag].concat()
    };
    let mut plain = vec![1];
    plain.extend([1; 16]);
    plain.extend([2; 32]);
    plain.extend([0, 2]);
    plain.extend(1_700_000_000_u64.to_be_bytes());
    plain.extend([0xff; 8]);
    plain.extend([3; 16]);
    let fixed = plain.len();
    plain.extend(b"\x04shop\x03ios\x012");
    let app = AppIdentity::new("shop", "ios", "2");
    assert_eq!(keys(&[7]).seal(&facts(Aead::Aes256Gcm, app), &NONCE), sealed(&plain));

    let opens = |plain: &[u8]| keys(&[7]).open(&sealed(plain)).is_some();
    assert!(opens(&plain) && opens(&[&plain[..fixed], &[0]].concat()));
    for length in 0..plain.len() {
        assert!(!opens(&plain[..length]), "{length} bytes of facts");
    }
    let refused: [&[u8]; 6] = [
        b"\x04shop\x03ios\x012\0",
        b"\0\0",
        b"\x04shop\x03ios\x00",
        b"\x04sh\xffp\x03ios\x012",
        b"\x04sh\np\x03ios\x012",
        b"\xffshop\x03ios\x012",
    ];
    for app in refused {
        assert!(!opens(&[&plain[..fixed], app].concat()), "{}", app.escape_ascii());
    }
    for (at, byte) in [(0, 0), (0, 2), (49, 1), (50, 0), (50, 4)] {
        let mut other = plain.clone();
        other[at] = byte;
        assert!(!opens(&other), "layout or cipher: {byte} at {at}");
    }
}

#[test]
fn an_identity_is_bounded_text() {
    let table = [
        ("shop", "ios", "2", true),
        ("shop with spaces", "ios", "größer", true),
        ("", "ios", "2", false),
        ("shop", "", "2", false),
        ("shop", "ios", "", false),
        ("shop\n", "ios", "2", false),
        ("shop", "\0", "2", false),
        ("shop", "ios", "2\u{85}", false),
        ("shop", "ios", "\u{7f}", false),
        (&"i".repeat(129), "ios", "2", false),
        ("shop", &"p".repeat(33), "2", false),
        ("shop", "ios", &"v".repeat(65), false),
        ("shop", "ios", &"v".repeat(256), false),
    ];
    for (id, platform, version, is_taken) in table {
        let app = AppIdentity::new(id, platform, version);
        assert_eq!(app.is_some(), is_taken, "{id:?} {platform:?} {version:?}");
        let Some(app) = app else { continue };
        assert_eq!((app.id(), app.platform(), app.version()), (id, platform, version));
    }
    assert_ne!(AppIdentity::new("ab", "c", "d"), AppIdentity::new("a", "bc", "d"));
}

#[test]
fn debug_shows_no_key_and_no_secret() {
    let shown = format!("{:?}", facts(Aead::Aes128Gcm, AppIdentity::new("a", "b", "c")));
    assert!(shown.contains("secret: SessionSecret(..)"), "{shown}");
    assert!(shown.contains(r#"AppIdentity { id: "a", platform: "b", version: "c" }"#), "{shown}");
    let shown = format!("{:?}", key(1));
    assert!(shown.starts_with("TicketKey { name: [") && shown.ends_with("], .. }"), "{shown}");
}

/// Workers share the keys.
#[test]
fn keys_can_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<TicketKeys>();
}
