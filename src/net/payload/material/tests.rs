use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use zeroize::Zeroizing;

use super::*;
use crate::limits::PAYLOAD_KEY_FILE_BYTES;
use crate::net::payload::fresh;
use crate::net::payload::key_file::{payload_key_text, signing_key_text, ticket_key_text};
use crate::protocol::payload::hybrid::Kem;
use crate::protocol::payload::key_document::SigningAlgorithm;

const ORIGIN: &str = "https://api.example.com";
const NOW: u64 = 1_700_000_000;
const DAY: u64 = 24 * 60 * 60;

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringwall-keys-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn key(kem: Kem, random: u8) -> HpkePrivateKey {
    HpkePrivateKey::generate(kem, &[random; 32])
}

fn only_keys(keys: Vec<PathBuf>) -> PayloadKeySettings {
    PayloadKeySettings { keys, ..PayloadKeySettings::default() }
}

/// The faults without the folder.
fn faults(settings: &PayloadKeySettings, folder: &Folder) -> Vec<String> {
    let faults = KeyMaterial::load(settings, NOW).unwrap_err();
    let folder = format!("{}/", folder.0.display());
    faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
}

#[test]
fn what_is_written_reads_back() {
    let folder = Folder::new("whole");
    let (x25519, p256) = (key(Kem::X25519, 1), key(Kem::P256, 2));
    // People may write what they like around a key.
    let first = format!("# ours\n{}\n# the end", *payload_key_text(7, &x25519));
    let settings = PayloadKeySettings {
        keys: vec![folder.write("a", &first), folder.write("b", &payload_key_text(255, &p256))],
        ticket_keys: vec![
            folder.write("c", &ticket_key_text(&Zeroizing::new([5; 32])).replace('\n', "\r\n")),
        ],
        ..PayloadKeySettings::default()
    };
    let Loaded { material, warnings } = KeyMaterial::load(&settings, NOW).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(material.tickets, [Zeroizing::new([5; 32])]);
    let gateway = material.gateway.unwrap();
    let read: Vec<_> = gateway.configs().into_iter().map(|key| (key.id, key.public)).collect();
    assert_eq!(read, [(7, x25519.public().clone()), (255, p256.public().clone())]);
    assert!(gateway.find(7).is_some_and(|key| *key.to_bytes() == *x25519.to_bytes()));
    assert_eq!(paths(&settings), [folder.0.join("a"), folder.0.join("b"), folder.0.join("c")]);
    assert!(KeyMaterial::load(&PayloadKeySettings::default(), NOW).unwrap().material.gateway.is_none());
}

#[test]
fn signing_keys_are_those_of_any_tool() {
    let folder = Folder::new("signing");
    for algorithm in SigningAlgorithm::ALL {
        let pkcs8 = fresh::signing_key(algorithm).unwrap();
        let source = DocumentSource::SigningKey(folder.write("key", &signing_key_text(&pkcs8)));
        let document = Some(DocumentSettings { origin: ORIGIN.into(), source });
        let settings = PayloadKeySettings { document, ..PayloadKeySettings::default() };
        let material = KeyMaterial::load(&settings, NOW).unwrap().material;
        let Some(DocumentMaterial::Signer { signer, origin }) = material.document else { panic!("a signer") };
        assert_eq!((signer.algorithm(), origin.as_str()), (algorithm, ORIGIN));
    }
    // `openssl genpkey -algorithm ed25519`, without a public key in it.
    let foreign = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
    let check = |text: &str, expected: Option<&str>| {
        let source = DocumentSource::SigningKey(folder.write("key", text));
        let document = Some(DocumentSettings { origin: ORIGIN.into(), source });
        let settings = PayloadKeySettings { document, ..PayloadKeySettings::default() };
        match (KeyMaterial::load(&settings, NOW), expected) {
            (Ok(_), None) => {}
            (Err(_), Some(words)) => {
                let faults = faults(&settings, &folder);
                assert!(faults.len() == 1 && faults[0].contains(words), "{faults:?}");
            }
            (loaded, expected) => panic!("{text}: {loaded:?}, not {expected:?}"),
        }
    };
    check(foreign, None);
    check(&foreign.replace("PRIVATE", "PUBLIC"), Some("no private key in PKCS #8 and PEM in it"));
    check(&foreign.replace("VpguoRK", "Vpguo"), Some("key"));
    check("", Some("no private key in PKCS #8"));
}

#[test]
fn a_damaged_key_file_is_refused_in_words_that_hold_no_key() {
    let folder = Folder::new("damaged");
    let good = payload_key_text(7, &key(Kem::X25519, 1));
    let private = good.lines().find(|line| line.starts_with("private")).unwrap();
    let check = |text: &str, expected: &str| {
        let settings = only_keys(vec![folder.write("key", text)]);
        assert_eq!(faults(&settings, &folder), [format!("key: {expected}")], "{text}");
    };
    let (begin, end) = ("-----BEGIN RINGWALL PAYLOAD KEY-----", "-----END RINGWALL PAYLOAD KEY-----");
    let missing = format!("no line `{begin}` in it; `ringwall keygen payload` makes such a file");
    let stray = "a line that is none of a payload key, or is there twice";
    let no_key = "`private` is no private key of this kind in base64";
    check("", &missing);
    check(&ticket_key_text(&Zeroizing::new([1; 32])), &missing);
    check(&good.replace(&format!("{end}\n"), ""), &format!("no line `{end}`; was it cut while copying?"));
    check(&good.replace("id: 7", "id: 256"), "`id` is not a number from 0 to 255");
    check(&good.replace("id: 7", "id: -1"), "`id` is not a number from 0 to 255");
    check(&good.replace("id: 7", "id=7"), stray);
    check(&good.replace("id: 7\n", ""), "no line `id: ...`; was it cut while copying?");
    check(&good.replace("id: 7", "id: 7\nid: 8"), stray);
    check(&good.replace("id: 7", "id: 7\nname: a"), stray);
    check(&good.replace("x25519", "X25519"), "`kem` is neither x25519 nor p256");
    check(&good.replace(private, &private[..private.len() - 4]), no_key);
    check(&good.replace(private, &format!("{private}AAAA")), no_key);
    check(&good.replace(private, &format!("private: {}", "A".repeat(4096))), no_key);
    check(&good.replace(private, "private: ?"), no_key);
    check(&format!("{}{}", *good, *good), "more than one key; write each to a file of its own");
    // No scalar of P-256.
    let zero = format!("private: {}=", "A".repeat(43));
    check(&good.replace("x25519", "p256").replace(private, &zero), no_key);
    let long = format!("{}{}", *good, " ".repeat(PAYLOAD_KEY_FILE_BYTES));
    let settings = only_keys(vec![folder.write("key", &long)]);
    assert_eq!(faults(&settings, &folder), ["key: longer than 65536 bytes; is it the right file?"]);
    fs::write(folder.0.join("key"), [0xff; 9]).unwrap();
    assert_eq!(faults(&settings, &folder), ["key: it is no text; is it the right file?"]);
    fs::remove_file(folder.0.join("key")).unwrap();
    assert!(faults(&settings, &folder)[0].starts_with("key: cannot be read ("));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let folder = Folder::new("all");
    let key = |name: &str, id, random| folder.write(name, &payload_key_text(id, &key(Kem::X25519, random)));
    let settings = PayloadKeySettings {
        keys: vec![key("a", 1, 1), folder.0.join("none"), key("b", 1, 2)],
        ticket_keys: vec![folder.write("t", "secret")],
        ..PayloadKeySettings::default()
    };
    let found = faults(&settings, &folder);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("none: cannot be read"), "{found:?}");
    assert!(found[1].starts_with("b: its key has the id 1, as has an earlier one"), "{found:?}");
    assert!(found[2].starts_with("t: no line `-----BEGIN RINGWALL TICKET KEY-----`"), "{found:?}");
    let many = only_keys((0..9).map(|id| key(&id.to_string(), id, id)).collect());
    assert_eq!(faults(&many, &folder), ["more than 8 HPKE keys: remove those whose overlap has ended"]);
}

#[test]
fn a_secret_that_others_can_get_at_is_warned_of() {
    let folder = Folder::new("rights");
    let path = folder.write("key", &payload_key_text(1, &key(Kem::X25519, 1)));
    let check = |mode, warned: bool| {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let warnings = KeyMaterial::load(&only_keys(vec![path.clone()]), NOW).unwrap().warnings;
        assert_eq!(warnings.len(), usize::from(warned), "{mode:o}: {warnings:?}");
        assert!(
            warnings.iter().all(|warning| warning.path == path && warning.to_string().contains("chmod 600"))
        );
    };
    check(0o600, false);
    check(0o640, false);
    check(0o644, true);
    check(0o602, true);
}

#[test]
fn a_list_signed_ahead_of_time_is_for_this_origin_and_these_keys() {
    let folder = Folder::new("ahead");
    let pkcs8 = fresh::signing_key(SigningAlgorithm::Es256).unwrap();
    let source = DocumentSource::SigningKey(folder.write("signing", &signing_key_text(&pkcs8)));
    let document = Some(DocumentSettings { origin: ORIGIN.into(), source });
    let material = KeyMaterial::load(&PayloadKeySettings { document, ..PayloadKeySettings::default() }, NOW);
    let Some(DocumentMaterial::Signer { signer, .. }) = material.unwrap().material.document else {
        panic!("a signer")
    };
    let signed = |origin: &str, seconds, ids: &[u8], random: u8| {
        let keys = ids.iter().map(|id| (*id, key(Kem::X25519, random + id))).collect();
        let keys = GatewayKeys::new(keys).unwrap().encode();
        sign(&signer, origin, NOW, seconds, &keys).unwrap().0
    };
    let own: Vec<_> =
        [1, 2].map(|id| folder.write(&id.to_string(), &payload_key_text(id, &key(Kem::X25519, id)))).into();
    let load = |text: &str, now| {
        let source = DocumentSource::File(folder.write("list", text));
        let document = Some(DocumentSettings { origin: ORIGIN.into(), source });
        let loaded = KeyMaterial::load(&PayloadKeySettings { document, ..only_keys(own.clone()) }, now);
        loaded.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let good = signed(ORIGIN, 3 * DAY, &[1, 2], 0);
    let loaded = load(&format!("{good}\n"), NOW).unwrap();
    assert_eq!(loaded.warnings, []);
    assert!(
        matches!(loaded.material.document, Some(DocumentMaterial::Signed { text, .. }) if *text == *good)
    );
    assert_eq!(load(&signed(ORIGIN, DAY * 3, &[2], 0), NOW).unwrap().warnings, [], "not all need be named");
    let warned = |now, words: &str| {
        let warnings = load(&good, now).unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].words.contains(words), "{warnings:?}");
    };
    warned(NOW + 2 * DAY + 1, "expires in less than 24 h");
    warned(NOW + 3 * DAY - 1, "expires in less than 1 h");
    warned(NOW + 3 * DAY, "has expired");
    let refused = |text: &str, words: &str| {
        let found = load(text, NOW).unwrap_err();
        assert!(found.contains(words), "{found}");
    };
    refused(
        &signed("https://other.example.com", DAY, &[1], 0),
        "it is for the origin \"https://other.example.com\"",
    );
    refused(&signed(ORIGIN, DAY, &[1, 3], 0), "a key with the id 3 that is in no file");
    refused(&signed(ORIGIN, DAY, &[1], 9), "a key with the id 1 that is in no file");
    refused("", "no signed list of keys");
    refused("a.b.c", "no signed list of keys");
}
