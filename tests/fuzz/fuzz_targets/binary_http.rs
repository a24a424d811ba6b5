//! Runs `ringwall::fuzzing::binary_http` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringwall::fuzzing::binary_http(data));
