use super::*;
use crate::protocol::tls::{RECORD_BYTES_MAX, Suite};

use ProtocolVersion::{Tls12, Tls13};

fn keys(version: ProtocolVersion, suite: Suite, sequence: u64) -> TrafficKeys {
    let length = if suite == Suite::Aes128Gcm { 16 } else { 32 };
    TrafficKeys::new(version, suite, &vec![1; length], &[2; 12], sequence).unwrap()
}

fn sealer(version: ProtocolVersion) -> RecordSealer {
    RecordSealer::new(keys(version, Suite::Aes128Gcm, 0))
}

/// The fragment lengths of the records in `out`.
fn fragments(mut out: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [kind, 3, 3, high, low, rest @ ..] = out {
        assert!([21, 22, 23].contains(kind));
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        out = &rest[length..];
    }
    assert!(out.is_empty(), "{out:02x?}");
    lengths
}

#[test]
fn records_are_as_long_as_asked() {
    for (version, suite, overhead) in [
        (Tls12, Suite::Aes128Gcm, 24),
        (Tls12, Suite::Aes256Gcm, 24),
        (Tls12, Suite::Chacha20Poly1305, 16),
        (Tls13, Suite::Aes128Gcm, 17),
        (Tls13, Suite::Chacha20Poly1305, 17),
    ] {
        for (plain, fragment_max, expected) in [
            (0, 100, vec![]),
            (1, 100, vec![1]),
            (100, 100, vec![100]),
            (101, 100, vec![100, 1]),
            (3, 0, vec![1, 1, 1]),
            (20_000, usize::MAX, vec![16_384, 3616]),
            (32_768, 16_384, vec![16_384, 16_384]),
        ] {
            let mut sealer = RecordSealer::new(keys(version, suite, 0));
            let mut out = b"before".to_vec();
            sealer.seal(&vec![7; plain], fragment_max, &mut out).unwrap();
            let (before, sealed) = out.split_at(6);
            assert_eq!((before, sealed.len()), (&b"before"[..], sealer.sealed_bytes(plain, fragment_max)));
            let expected: Vec<_> = expected.iter().map(|content| content + overhead).collect();
            assert_eq!(fragments(sealed), expected, "{version:?} {suite:?} {plain} in {fragment_max}");
            assert!(expected.iter().all(|length| length + HEADER_BYTES <= RECORD_BYTES_MAX));
        }
    }
}

#[test]
fn sealing_grows_out_no_further_than_needed() {
    let mut sealer = sealer(Tls13);
    let needed = sealer.sealed_bytes(50_000, 16_384);
    let mut out = Vec::with_capacity(needed);
    let place = out.as_ptr();
    sealer.seal(&[0; 50_000], 16_384, &mut out).unwrap();
    assert_eq!((out.len(), out.capacity(), out.as_ptr()), (needed, needed, place));
}

#[test]
fn explicit_nonces_never_repeat() {
    let mut sealer = RecordSealer::new(keys(Tls12, Suite::Aes128Gcm, 5));
    let mut out = Vec::new();
    sealer.seal(&[0; 300], 1, &mut out).unwrap();
    let mut nonces: Vec<_> = out.chunks(5 + 24 + 1).map(|record| record[5..13].to_vec()).collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 300);
}

#[test]
fn nothing_follows_an_alert_that_ends_the_connection() {
    for version in [Tls12, Tls13] {
        for (alert, ends) in
            [(Alert::CloseNotify, true), (Alert::BadRecordMac, true), (Alert::UserCanceled, false)]
        {
            let mut sealer = sealer(version);
            let mut out = Vec::new();
            sealer.seal_alert(alert, &mut out).unwrap();
            let expected = if ends { Err(SealFault::Closed) } else { Ok(()) };
            let length = out.len();
            assert_eq!(sealer.seal(b"more", 100, &mut out), expected, "{alert:?}");
            assert_eq!(sealer.seal_alert(Alert::CloseNotify, &mut out), expected, "{alert:?}");
            assert_eq!(out.len() == length, ends);
        }
    }
}

#[test]
fn new_keys_follow_a_key_update() {
    let mut out = Vec::new();
    assert_eq!(sealer(Tls12).seal_key_update(false, &mut out), Err(SealFault::NoKeyUpdate));
    assert!(out.is_empty());
    let mut sealer = sealer(Tls13);
    sealer.seal_key_update(true, &mut out).unwrap();
    let length = out.len();
    assert_eq!(sealer.seal(b"more", 100, &mut out), Err(SealFault::KeysAwaited));
    assert_eq!(sealer.seal_alert(Alert::CloseNotify, &mut out), Err(SealFault::KeysAwaited));
    assert_eq!(sealer.seal_key_update(true, &mut out), Err(SealFault::KeysAwaited));
    assert_eq!(out.len(), length);
    sealer.rekey(keys(Tls13, Suite::Aes128Gcm, 0));
    assert_eq!(sealer.seal(b"more", 100, &mut out), Ok(()));
}

#[test]
fn a_key_seals_no_more_than_its_cipher_bears() {
    for (version, suite, most, due) in [
        (Tls12, Suite::Aes128Gcm, limits::TLS_RECORDS_GCM, limits::TLS_RECORDS_GCM_DUE),
        (Tls13, Suite::Aes256Gcm, limits::TLS_RECORDS_GCM, limits::TLS_RECORDS_GCM_DUE),
        (Tls13, Suite::Chacha20Poly1305, limits::TLS_RECORDS_CHACHA, limits::TLS_RECORDS_CHACHA_DUE),
    ] {
        assert!(!RecordSealer::new(keys(version, suite, due - 1)).needs_key_update());
        assert!(RecordSealer::new(keys(version, suite, due)).needs_key_update());

        let mut sealer = RecordSealer::new(keys(version, suite, most - limits::TLS_RECORDS_RESERVED - 2));
        let mut out = Vec::new();
        // Two records of data are left: three are refused whole.
        assert_eq!(sealer.seal(&[0; 3], 1, &mut out), Err(SealFault::KeysWornOut));
        assert!(out.is_empty());
        assert_eq!(sealer.seal(&[0; 2], 1, &mut out), Ok(()));
        assert_eq!(sealer.seal(&[0; 1], 1, &mut out), Err(SealFault::KeysWornOut));
        // The reserve is for words about the connection.
        for _ in 0..limits::TLS_RECORDS_RESERVED {
            assert_eq!(sealer.seal_alert(Alert::UserCanceled, &mut out), Ok(()));
        }
        assert_eq!(sealer.seal_alert(Alert::CloseNotify, &mut out), Err(SealFault::KeysWornOut));
        let mut endless = RecordSealer::new(keys(version, suite, u64::MAX));
        assert_eq!(endless.seal_alert(Alert::CloseNotify, &mut out), Err(SealFault::KeysWornOut));
    }
}
