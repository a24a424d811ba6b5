//! Runs `ringwall::fuzzing::token` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringwall::fuzzing::token(data));
