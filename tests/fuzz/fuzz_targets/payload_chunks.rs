//! Runs `ringwall::fuzzing::payload_chunks` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringwall::fuzzing::payload_chunks(data));
