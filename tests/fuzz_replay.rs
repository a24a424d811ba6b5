//! The fuzz bodies over the named corpus in `tests/fixtures/fuzz/<target>/` and over seeded mutations of it.
//!
//! `FUZZ_MUTATIONS` sets how many mutations per file are tried (default 2000), `FUZZ_SEED` where they start.

use ringwall::fuzzing;
use std::path::Path;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("readable entry").path())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "the corpus of {target} is missing");
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("readable file")).collect();
    let mutations = setting("FUZZ_MUTATIONS", 2000);
    let seed = setting("FUZZ_SEED", 1);
    for (file, original) in files.iter().zip(&corpus) {
        body(original);
        let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for number in 0..mutations {
            let mutated = mutate(original, &corpus, &mut random);
            let outcome = std::panic::catch_unwind(|| body(&mutated));
            let input = || mutated.escape_ascii().to_string();
            assert!(outcome.is_ok(), "{} seed {seed} mutation {number}: {:?}", file.display(), input());
        }
    }
}

#[test]
fn request_heads() {
    replay("request_head", fuzzing::request_head);
}

#[test]
fn response_heads() {
    replay("response_head", fuzzing::response_head);
}

#[test]
fn chunked_bodies() {
    replay("chunked", fuzzing::chunked);
}

#[test]
fn proxy_headers() {
    replay("proxy_header", fuzzing::proxy_header);
}

#[test]
fn binary_http_messages() {
    replay("binary_http", fuzzing::binary_http);
}

#[test]
fn tls_records() {
    replay("tls_records", fuzzing::tls_records);
}

#[test]
fn payload_chunks() {
    replay("payload_chunks", fuzzing::payload_chunks);
}

#[test]
fn tokens() {
    replay("token", fuzzing::token);
}

#[expect(clippy::disallowed_methods, reason = "how long to replay is the caller's choice")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// Bytes that mean something to HTTP/1.1.
const TELLING: &[u8] = b"\r\n \t\0:;,=\"\\/?#*@[]%09afFxX\x7f\x80\xff";
/// Pieces that mean something to it.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b" :",
    b"Host: a\r\n",
    b"Content-Length: 5\r\n",
    b"HTTP/1.0",
    b"0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close, x\r\n",
    b";a=\"b\"",
    b"ffffffffffffffff",
    b"http://a:80/",
];

fn mutate(original: &[u8], corpus: &[Vec<u8>], random: &mut Xorshift) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len() + 1);
        let to = at + random.below(bytes.len() + 1 - at);
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            1 if at < bytes.len() => bytes[at] = TELLING[random.below(TELLING.len())],
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => bytes.insert(at, TELLING[random.below(TELLING.len())]),
            4 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            5 => drop(bytes.drain(at..to)),
            6 => {
                let repeated = bytes[at..to].to_vec();
                drop(bytes.splice(at..at, repeated));
            }
            _ => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    bytes
}

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
