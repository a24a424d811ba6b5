//! Runs `ringwall::fuzzing::chunked` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringwall::fuzzing::chunked(data));
