//! Agreement with another implementation of RFC 9292, which checks structure but few of the rules on what it carries.

use super::*;
use bhttp::Mode;
use std::io::Cursor;

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn bytes(&mut self, most: usize, alphabet: &[u8]) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

/// A message by the other implementation, one that is valid.
fn generate(random: &mut Xorshift, mode: Mode) -> Vec<u8> {
    let mut message = if random.below(2) == 0 {
        let path = [&b"/"[..], &random.bytes(100, b"abc/?&=%41")].concat();
        bhttp::Message::request(b"POST".to_vec(), b"https".to_vec(), b"a.example".to_vec(), path)
    } else {
        let status = [200u16, 404, 599][random.below(3)];
        bhttp::Message::response(bhttp::StatusCode::try_from(status).expect("a status"))
    };
    for _ in 0..random.below(8) {
        let name = [&b"x-"[..], &random.bytes(70, b"abc-_7")].concat();
        message.put_header(name, random.bytes(80, b"\x80abc;=\""));
    }
    for _ in 0..random.below(3) {
        message.put_trailer(&b"t"[..], random.bytes(9, b"xyz"));
    }
    message.write_content(random.bytes(300, b"\0\x01\xffabc"));
    let mut out = Vec::new();
    message.write_bhttp(mode, &mut out).expect("a valid message");
    out
}

fn ours(bytes: &[u8], cut: usize) -> Result<Message, BhttpFault> {
    let parts = [&bytes[..cut], &bytes[cut..]];
    match bytes.first() {
        Some(1 | 3) => read_response(&parts, LIMITS, false),
        _ => read_request(&parts, LIMITS),
    }
}

fn theirs(bytes: &[u8]) -> Option<bhttp::Message> {
    bhttp::Message::read_bhttp(&mut Cursor::new(bytes)).ok()
}

#[track_caller]
fn check_same(ours: &Message, theirs: &bhttp::Message) {
    let spell = |section: &bhttp::FieldSection| -> Vec<_> {
        section.iter().map(|field| (field.name().to_vec(), field.value().to_vec())).collect()
    };
    let control = theirs.control();
    match &ours.control {
        Control::Response(status) => assert!(control.status().is_some_and(|theirs| theirs.code() == *status)),
        Control::Request([method, scheme, authority, path]) => {
            assert_eq!(control.method(), Some(&method[..]));
            assert_eq!(control.scheme(), Some(&scheme[..]));
            assert_eq!(control.path(), Some(&path[..]));
            // Theirs is empty, or left out, where the Host field counts.
            assert!(control.authority().is_none_or(|theirs| theirs.is_empty() || theirs == authority));
        }
    }
    assert_eq!((spell(theirs.header()), theirs.content()), (ours.fields.clone(), &ours.content[..]));
    assert_eq!(spell(theirs.trailer()), ours.trailers);
}

#[test]
fn what_it_writes_is_read_as_it_was_meant_and_the_other_way_round() {
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for _ in 0..500 {
        for mode in [Mode::KnownLength, Mode::IndeterminateLength] {
            let bytes = generate(&mut random, mode);
            let message = ours(&bytes, random.below(bytes.len())).expect("valid");
            check_same(&message, &theirs(&bytes).expect("its own"));
            for framing in [Framing::Known, Framing::Indeterminate] {
                check_same(&message, &theirs(&message.write(framing)).expect("ours"));
            }
        }
    }
}

#[test]
fn what_was_changed_at_random_is_read_alike_or_refused_here() {
    let mut random = Xorshift(0x2545_f491_4f6c_dd1d);
    let (mut accepted, mut refused) = (0, 0);
    for number in 0..4000 {
        let mode = if number % 2 == 0 { Mode::KnownLength } else { Mode::IndeterminateLength };
        let mut bytes = generate(&mut random, mode);
        for _ in 0..1 + random.below(2) {
            let at = random.below(bytes.len());
            match random.below(5) {
                0 => bytes.truncate(at + 1),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, [0, 1, 0x40][random.below(3)]),
                3 => bytes[at] = random.below(256) as u8,
                _ => bytes[at] = bytes[at].wrapping_add(1),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        match ours(&bytes, random.below(bytes.len())) {
            Ok(message) => {
                // It wants the empty parts at the end of an indeterminate message spelt out.
                let theirs = theirs(&[&bytes[..], &[0, 0]].concat()).expect("accepted here, refused there");
                check_same(&message, &theirs);
                accepted += 1;
            }
            Err(BhttpFault::Truncated | BhttpFault::Section) => {
                assert!(theirs(&bytes).is_none(), "not whole: {}", bytes.escape_ascii());
                refused += 1;
            }
            Err(_) => {}
        }
    }
    assert!(accepted > 500 && refused > 500, "{accepted} accepted, {refused} refused");
}
