//! Runs `ringwall::fuzzing::response_head` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringwall::fuzzing::response_head(data));
