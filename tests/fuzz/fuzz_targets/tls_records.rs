//! Runs `ringwall::fuzzing::tls_records` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringwall::fuzzing::tls_records(data));
