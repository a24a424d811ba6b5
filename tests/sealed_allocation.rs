//! No allocation for a message of a session on a warm connection: counted for whole exchanges from bytes to bytes.

#[path = "exchange_simulation/rules.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod rules;
#[path = "exchange_simulation/sealed_message.rs"]
mod sealed_message;
#[path = "exchange_simulation/warm_loop.rs"]
mod warm_loop;

use std::alloc::System;

use ringwall::policy::exchange::Side;
use ringwall::protocol::payload::aead::Aead;
use sealed_message::{keys, request};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use warm_loop::WarmLoop;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WARM_UP: usize = 3;
const COUNTED: usize = 50;

/// Holds that after a warm-up messages with so much content, and this response, pass without a single allocation.
#[track_caller]
fn check(aead: Aead, content: usize, response: &[u8]) {
    let keys = keys();
    let number = |number: usize| request(&keys, aead, number as u64, content);
    let messages: Vec<_> = (0..WARM_UP + COUNTED).map(number).collect();
    let mut warm = WarmLoop::sealed(keys);
    for message in &messages[..WARM_UP] {
        warm.exchange(message, response);
    }
    let region = Region::new(ALLOCATOR);
    for message in &messages[WARM_UP..] {
        warm.exchange(message, response);
    }
    let change = region.change();
    let counts = (change.allocations, change.reallocations, change.deallocations);
    assert_eq!(counts, (0, 0, 0), "allocations, reallocations, deallocations with {content} bytes, {aead:?}");
    assert!(warm.arrived(Side::Upstream).windows(14).any(|bytes| bytes == b" /orders/42 HT"));
    let answer = warm.arrived(Side::Downstream);
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && !answer.windows(6).any(|bytes| bytes == b"xxxxxx"));
}

/// A program without the test harness, whose own thread allocates now and then: that would be counted too.
fn main() {
    let sized = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))
    };
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2800\r\n{}\r\n0\r\n\r\n",
        "x".repeat(10_240)
    );
    for aead in Aead::ALL {
        check(aead, 0, sized(1024).as_bytes());
        check(aead, 1024, sized(1024).as_bytes());
        check(aead, 10_240, chunked.as_bytes());
        check(aead, 60_000, sized(300_000).as_bytes());
        check(aead, 300_000, sized(100).as_bytes());
    }
}
