use super::super::fixture::{bytes, fixture};
use super::*;

fn gateway(ids: &[(u8, Kem)]) -> Result<GatewayKeys, GatewayKeysFault> {
    GatewayKeys::new(ids.iter().map(|&(id, kem)| (id, HpkePrivateKey::generate(kem, &[id; 32]))).collect())
}

fn both_kinds() -> GatewayKeys {
    gateway(&[(7, Kem::X25519), (9, Kem::P256)]).expect("two ids")
}

/// A list of `config` alone.
fn list_of(config: &[u8]) -> Vec<u8> {
    [&length_of(config), config].concat()
}

#[test]
fn the_rfcs_configuration_is_read_and_written() {
    for name in ["rfc9458", "chunked_ohttp"] {
        let vector = fixture(name);
        let encoded = bytes(&vector, "key_config");
        let key = HpkePrivateKey::from_bytes(Kem::X25519, &bytes(&vector, "skR")).expect("a key");
        let configs = parse_key_list(&list_of(&encoded)).expect("a list");
        let expected = KeyConfig {
            id: 1,
            public: key.public().clone(),
            aeads: vec![Aead::Aes128Gcm, Aead::ChaCha20Poly1305],
        };
        assert_eq!(configs, [expected]);
        assert_eq!(configs[0].encode(), encoded);
    }
}

#[test]
fn what_is_offered_is_what_clients_read() {
    let keys = both_kinds();
    let read = parse_key_list(&keys.encode()).expect("our own list");
    assert_eq!(read, keys.configs());
    let ids: Vec<_> = read.iter().map(|config| (config.id, config.public.kem())).collect();
    assert_eq!(ids, [(7, Kem::X25519), (9, Kem::P256)], "the first is offered first");
    assert_eq!(read[0].aeads, Aead::ALL);
    assert_eq!(encode_key_list(&read), keys.encode());
    assert!(keys.encode().len() < limits::PAYLOAD_KEY_LIST_BYTES);
}

#[test]
fn keys_are_found_by_their_ids() {
    let keys = both_kinds();
    assert_eq!(keys.find(9).map(HpkePrivateKey::kem), Some(Kem::P256));
    assert_eq!(keys.find(7).map(HpkePrivateKey::kem), Some(Kem::X25519));
    assert!(keys.find(8).is_none());
    let fault = |ids: &[(u8, Kem)]| gateway(ids).err();
    assert_eq!(fault(&[]), Some(GatewayKeysFault::Empty));
    assert_eq!(
        fault(&[(1, Kem::P256), (2, Kem::P256), (1, Kem::X25519)]),
        Some(GatewayKeysFault::IdRepeated(1))
    );
    let many: Vec<_> = (0..=limits::PAYLOAD_GATEWAY_KEYS as u8).map(|id| (id, Kem::X25519)).collect();
    assert_eq!(fault(&many), Some(GatewayKeysFault::TooMany));
    assert_eq!(fault(&many[1..]), None);
}

#[test]
fn other_kinds_of_keys_are_left_out() {
    let ours = both_kinds().configs();
    let with = |config: &[u8]| parse_key_list(&[list_of(config), list_of(&ours[0].encode())].concat());
    let unknown_kem = [&[1, 0x64, 0x7a][..], &[5; 1216], &[0, 4, 0, 1, 0, 1]].concat();
    assert_eq!(with(&unknown_kem), Ok(vec![ours[0].clone()]));
    assert_eq!(parse_key_list(&list_of(&unknown_kem)), Err(KeyListFault::NoneUsable));

    let with_pairs = |pairs: &[u8]| {
        let public = ours[0].public.as_bytes();
        [&[1, 0, 0x20], public, &length_of(pairs), pairs].concat()
    };
    let other_kdf = with_pairs(&[0, 2, 0, 1]);
    let other_aead = with_pairs(&[0, 1, 0xff, 0xff]);
    for config in [other_kdf, other_aead] {
        assert_eq!(parse_key_list(&list_of(&config)), Err(KeyListFault::NoneUsable));
        assert_eq!(with(&config), Ok(vec![ours[0].clone()]));
    }
    let mixed = with_pairs(&[0, 2, 0, 1, 0, 1, 0xff, 0xff, 0, 1, 0, 3]);
    let read = parse_key_list(&list_of(&mixed)).expect("one cipher of ours");
    assert_eq!(read[0].aeads, [Aead::ChaCha20Poly1305]);
}

#[test]
fn a_list_that_is_cut_or_wrong_is_refused() {
    let list = both_kinds().encode();
    let first = usize::from(u16::from_be_bytes([list[0], list[1]])) + 2;
    for length in 0..list.len() {
        let expected = match length {
            0 => Err(KeyListFault::NoneUsable),
            _ if length == first => Ok(vec![both_kinds().configs()[0].clone()]),
            _ => Err(KeyListFault::Malformed),
        };
        assert_eq!(parse_key_list(&list[..length]), expected, "{length} bytes");
    }
    let malformed =
        |config: &[u8]| assert_eq!(parse_key_list(&list_of(config)), Err(KeyListFault::Malformed));
    let config = both_kinds().configs()[0].encode();
    malformed(&[&config[..], &[0]].concat());
    malformed(&[&config[..35], &[0, 0]].concat());
    malformed(&[&config[..35], &[0, 3, 0, 1, 0]].concat());
    malformed(&[&[1, 0, 0x10, 4], &[3; 64][..], &[0, 4, 0, 1, 0, 1]].concat());
    malformed(&[]);
    assert_eq!(parse_key_list(&vec![0; limits::PAYLOAD_KEY_LIST_BYTES + 1]), Err(KeyListFault::TooLong));
}

/// Any list at all is read without a panic, and what is read can be written.
#[test]
fn changed_lists_are_read_or_refused() {
    let list = both_kinds().encode();
    for bit in 0..list.len() * 8 {
        let mut changed = list.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(configs) = parse_key_list(&changed) {
            assert_eq!(parse_key_list(&encode_key_list(&configs)), Ok(configs));
        }
    }
}
