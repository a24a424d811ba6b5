use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::*;

const KEY: [u8; 32] = *b"a key for tests and nothing else";
const NOW: u64 = 1_800_000_000;
/// The latest expiry of a message that comes at `NOW`.
const EXPIRES: u64 = NOW + 62;

fn memory(entries: usize, session_entries: u32) -> ReplayMemory {
    ReplayMemory::new(&ReplaySettings { entries, session_entries, window: 30 }, &KEY).expect("memory")
}

fn of_session(session: u8, number: u64) -> MessageId<'static> {
    MessageId::OfSession { session: [session; 16], number }
}

fn insert_single(memory: &ReplayMemory, number: u64, expires: u64, now: u64) -> Remembered {
    memory.insert(MessageId::Single { enc: &number.to_be_bytes() }, expires, now)
}

#[test]
fn a_message_is_new_once() {
    let memory = memory(1000, 1024);
    let enc = [7; 32];
    let messages = [
        of_session(1, 0),
        of_session(1, 1),
        of_session(2, 0),
        of_session(1, u64::MAX),
        MessageId::Single { enc: &enc },
        MessageId::Single { enc: &enc[1..] },
    ];
    for message in messages {
        assert_eq!(memory.insert(message, EXPIRES, NOW), Remembered::New);
    }
    for message in messages {
        assert_eq!(memory.insert(message, EXPIRES, NOW), Remembered::Seen);
        // Another expiry makes no other message.
        assert_eq!(memory.insert(message, NOW + 5, NOW), Remembered::Seen);
    }
    assert_eq!(memory.sweep(NOW), messages.len() as u64);
}

#[test]
fn an_entry_lives_through_the_second_of_its_expiry() {
    for start in [NOW, 0, 1, (1 << 14) - 3, 1 << 14, u64::MAX - 70] {
        let memory = memory(1000, 4);
        assert_eq!(memory.insert(of_session(1, 9), start + 10, start), Remembered::New);
        for now in start..=start + 10 {
            assert_eq!(memory.insert(of_session(1, 9), start + 20, now), Remembered::Seen, "{start} {now}");
            assert_eq!(memory.sweep(now), 1);
        }
        assert_eq!(memory.sweep(start + 11), 0);
        assert_eq!(memory.insert(of_session(1, 9), start + 20, start + 11), Remembered::New);
    }
}

#[test]
fn what_cannot_be_remembered_is_refused() {
    let memory = memory(1000, 1024);
    assert_eq!(memory.insert(of_session(1, 0), NOW - 1, NOW), Remembered::Full);
    assert_eq!(
        memory.insert(of_session(1, 0), NOW + 60 + 2 * limits::PAYLOAD_CLOCK_SLACK + 1, NOW),
        Remembered::Full
    );
    assert_eq!(memory.insert(of_session(1, 0), u64::MAX, NOW), Remembered::Full);
    assert_eq!(memory.sweep(NOW), 0);
    assert_eq!(memory.insert(of_session(1, 0), NOW, NOW), Remembered::New);
    assert_eq!(
        memory.insert(of_session(1, 1), NOW + 60 + 2 * limits::PAYLOAD_CLOCK_SLACK, NOW),
        Remembered::New
    );
    let vast = ReplaySettings { entries: usize::MAX, session_entries: 1, window: 30 };
    assert!(ReplayMemory::new(&vast, &KEY).is_none());
}

#[test]
fn a_session_that_counts_has_all_of_its_share_and_no_more() {
    for share in [1, 2, 4, 8, 1024] {
        let memory = memory(100_000, share);
        for number in 0..u64::from(share) {
            assert_eq!(memory.insert(of_session(1, number), EXPIRES, NOW), Remembered::New, "{number}");
        }
        for number in u64::from(share)..u64::from(share) + 50 {
            assert_eq!(memory.insert(of_session(1, number), EXPIRES, NOW), Remembered::SessionFull);
        }
        assert_eq!(memory.insert(of_session(1, 0), EXPIRES, NOW), Remembered::Seen);
        assert_eq!(memory.insert(of_session(2, 0), EXPIRES, NOW), Remembered::New);
        assert_eq!(memory.sweep(NOW), u64::from(share) + 1);
        // As its entries expire it may go on.
        assert_eq!(memory.insert(of_session(1, 2000), EXPIRES + 1, EXPIRES + 1), Remembered::New);
    }
}

#[test]
fn a_session_that_counts_for_long_is_never_refused_below_its_share() {
    let memory = memory(100_000, 1024);
    // 16 a second that live for 62 s are 1,008 at once.
    for number in 0..100_000 {
        let now = NOW + number / 16;
        assert_eq!(memory.insert(of_session(1, number), now + 62, now), Remembered::New, "{number}");
    }
}

#[test]
fn several_ranges_at_once_share_one_share() {
    let memory = memory(100_000, 1024);
    for number in 0..256 {
        for range in 0..4u64 {
            let message = of_session(1, (range << 32) + number);
            assert_eq!(memory.insert(message, EXPIRES, NOW), Remembered::New, "{range} {number}");
        }
    }
    assert_eq!(memory.insert(of_session(1, 4 << 32), EXPIRES, NOW), Remembered::SessionFull);
}

#[test]
fn no_choice_of_numbers_exceeds_a_share() {
    let memory = memory(100_000, 1024);
    let mut random = 1u64;
    let mut inserted = 0u64;
    let mut first_refused = None;
    for _ in 0..100_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match memory.insert(of_session(1, random >> 8), EXPIRES, NOW) {
            Remembered::New => inserted += 1,
            _ => first_refused = first_refused.or(Some(inserted)),
        }
    }
    assert!(inserted > 1000 && inserted <= 1024, "{inserted}");
    assert!(first_refused.is_some_and(|inserted| inserted > 100), "{first_refused:?}");
    assert_eq!(memory.sweep(NOW), inserted);
}

#[test]
fn what_is_planned_for_finds_room_and_what_is_full_refuses_until_it_expires() {
    let entries = 21_000;
    let memory = memory(entries, 1024);
    let mut remembered = Vec::new();
    let mut refused = 0;
    for number in 0..3 * entries as u64 {
        match insert_single(&memory, number, EXPIRES, NOW) {
            Remembered::New => remembered.push(number),
            Remembered::Full => refused += 1,
            other => panic!("{other:?}"),
        }
        assert!(refused == 0 || remembered.len() > entries, "full with {} entries", remembered.len());
    }
    assert!(refused > entries, "{refused}");
    assert_eq!(memory.sweep(NOW), remembered.len() as u64);
    assert!(memory.capacity() >= entries as u64 && memory.sweep(NOW) > memory.capacity());
    for &number in &remembered {
        assert_eq!(insert_single(&memory, number, EXPIRES, NOW), Remembered::Seen);
    }
    let later = EXPIRES + 1;
    for number in 0..entries as u64 {
        assert_eq!(insert_single(&memory, number, later + 62, later), Remembered::New);
    }
}

#[test]
fn sessions_at_their_share_find_room_for_all_that_is_planned() {
    let sessions = 100;
    let memory = memory(sessions * 1024, 1024);
    for number in 0..1024 {
        for session in 0..sessions {
            let message = of_session(session as u8, number);
            assert_eq!(memory.insert(message, EXPIRES, NOW), Remembered::New, "{session} {number}");
        }
    }
}

#[test]
fn entries_of_long_ago_do_not_come_back() {
    let memory = memory(1000, 1024);
    for number in 0..1000 {
        assert_eq!(insert_single(&memory, number, EXPIRES, NOW), Remembered::New);
    }
    // Seconds are known modulo 2^14.
    let again = NOW + (1 << 14);
    assert_eq!(memory.sweep(EXPIRES + limits::REPLAY_STALE + 1), 0);
    assert_eq!(memory.sweep(again), 0);
    assert_eq!(insert_single(&memory, 5, again + 62, again), Remembered::New);
}

#[test]
fn a_table_has_the_size_that_its_documentation_says() {
    let memory = memory(limits::PAYLOAD_REPLAY_ENTRIES as usize, limits::PAYLOAD_SESSION_ENTRIES);
    let bytes = memory.words.len() * 8;
    assert!(bytes < 74_000_000 && bytes > 73_000_000, "{bytes}");
    assert!(memory.capacity() >= limits::PAYLOAD_REPLAY_ENTRIES);
    assert!(
        (memory.words[memory.skipped..].as_ptr() as usize).is_multiple_of(64),
        "lines straddle lines of the cache"
    );
}

fn home(memory: &ReplayMemory, message: MessageId<'_>) -> Option<u64> {
    memory.candidate(message, EXPIRES, NOW).print.reach().next()
}

/// That number of single messages with the home of `message`.
fn at_home_of(memory: &ReplayMemory, message: MessageId<'_>, count: usize) -> Vec<[u8; 8]> {
    let theirs = home(memory, message);
    let encs = (0u64..).map(u64::to_be_bytes);
    encs.filter(|enc| home(memory, MessageId::Single { enc }) == theirs).take(count).collect()
}

#[test]
fn what_went_past_a_full_line_is_found_when_the_line_has_room_again() {
    let memory = memory(1000, 1024);
    let encs = at_home_of(&memory, of_session(1, 0), SLOTS + 2);
    let (fillers, late) = encs.split_at(SLOTS);
    for enc in fillers {
        assert_eq!(memory.insert(MessageId::Single { enc }, NOW, NOW), Remembered::New);
    }
    for enc in late {
        assert_eq!(memory.insert(MessageId::Single { enc }, NOW + 9, NOW), Remembered::New);
    }
    for now in NOW..=NOW + 9 {
        for enc in late {
            assert_eq!(memory.insert(MessageId::Single { enc }, NOW + 9, now), Remembered::Seen, "{now}");
        }
    }
}

/// All orders of the three steps of two threads.
fn orders() -> impl Iterator<Item = [usize; 6]> {
    (0u32..1 << 6)
        .filter(|bits| bits.count_ones() == 3)
        .map(|bits| std::array::from_fn(|at| (bits >> at & 1) as usize))
}

/// Two threads enter `messages`, one step at a time in every order, the clock of the first behind that of the second. At
/// most one may be told that its message is new, and that entry stays.
#[track_caller]
fn check_orders(build: impl Fn() -> ReplayMemory, messages: [MessageId<'_>; 2], refusal: Remembered) {
    for order in orders() {
        let memory = build();
        let before = memory.sweep(NOW + 1);
        let candidates =
            [0, 1].map(|thread| memory.candidate(messages[thread], EXPIRES, NOW + thread as u64));
        let mut room = [None, None];
        let mut outcome = [None, None];
        let mut steps = [0, 0];
        for thread in order {
            steps[thread] += 1;
            let candidate = &candidates[thread];
            match (steps[thread], outcome[thread]) {
                (1, _) => match memory.find_room(candidate) {
                    Ok(free) => room[thread] = Some(free),
                    Err(refusal) => outcome[thread] = Some(refusal),
                },
                (2, None) => {
                    let free = room[thread].expect("room was found");
                    if !memory.claim(candidate, &free) {
                        // It would begin again: here it does so at once.
                        outcome[thread] = Some(memory.insert(messages[thread], EXPIRES, candidate.now));
                    }
                }
                (3, None) => {
                    let place = room[thread].expect("room was found").place;
                    outcome[thread] = Some(memory.confirm(candidate, place));
                }
                _ => {}
            }
        }
        let outcome = outcome.map(|outcome| outcome.expect("all steps are done"));
        let new = outcome.iter().filter(|&&outcome| outcome == Remembered::New).count();
        assert!(new <= 1, "{order:?}: {outcome:?}");
        assert!(
            outcome.iter().all(|&outcome| outcome == Remembered::New || outcome == refusal),
            "{outcome:?}"
        );
        assert_eq!(memory.sweep(NOW + 1), before + new as u64, "{order:?}: {outcome:?}");
    }
}

#[test]
fn no_order_of_steps_lets_a_message_in_twice() {
    // In front of the candidates' home stand entries that have expired for the second thread and not for the first, so
    // that they find room in different slots, or in different lines.
    for fillers in [0, 1, SLOTS - 1, SLOTS] {
        let encs = at_home_of(&memory(1000, 1024), of_session(1, 0), fillers + 1);
        let (last, fillers) = encs.split_last().expect("one at least");
        let build = || {
            let memory = memory(1000, 1024);
            for enc in fillers {
                assert_eq!(memory.insert(MessageId::Single { enc }, NOW, NOW), Remembered::New);
            }
            memory
        };
        let message = MessageId::Single { enc: last };
        check_orders(build, [message, message], Remembered::Seen);
    }
}

#[test]
fn no_order_of_steps_exceeds_a_share() {
    // With a share of 4 all numbers are of one set, of which three are there. Fillers as above.
    for fillers in 0..=SLOTS {
        let encs = at_home_of(&memory(1000, 4), of_session(1, 0), fillers);
        let build = || {
            let memory = memory(1000, 4);
            for enc in &encs {
                assert_eq!(memory.insert(MessageId::Single { enc }, NOW, NOW), Remembered::New);
            }
            for number in 0..3 {
                assert_eq!(memory.insert(of_session(1, number), EXPIRES, NOW), Remembered::New);
            }
            memory
        };
        check_orders(build, [of_session(1, 5), of_session(1, 6)], Remembered::SessionFull);
    }
}

/// Lets `threads` threads call `insert` with every number below `count` at the same time and says how often each
/// number was inserted.
fn race(threads: usize, count: usize, insert: impl Fn(usize, u64) -> Remembered + Sync) -> Vec<usize> {
    let inserted: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (inserted, barrier, insert) = (&inserted, &barrier, &insert);
            scope.spawn(move || {
                barrier.wait();
                for (number, inserted) in inserted.iter().enumerate() {
                    if insert(thread, number as u64) == Remembered::New {
                        inserted.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    inserted.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn of_threads_with_the_same_message_one_inserts_it() {
    for _ in 0..4 {
        let memory = memory(21_000, 1024);
        let inserted = race(8, 20_000, |_, number| insert_single(&memory, number, EXPIRES, NOW));
        assert!(inserted.iter().all(|&times| times == 1));
        assert_eq!(memory.sweep(NOW), 20_000);
    }
}

#[test]
fn clocks_that_differ_let_no_message_in_twice() {
    for round in 0..200 {
        // A table of which half has just expired for one half of the threads and not yet for the other.
        let memory = memory(300, 1024);
        for number in 1000..1000 + 4 * 112 {
            let expires = NOW + number % 2 * 60;
            assert_ne!(insert_single(&memory, number, expires, NOW), Remembered::Seen);
        }
        let inserted = race(4, 100, |thread, number| {
            let now = NOW + (thread as u64 + number + round) % 2;
            insert_single(&memory, number, NOW + 62, now)
        });
        assert!(inserted.iter().all(|&times| times <= 1), "{inserted:?}");
    }
}

#[test]
fn threads_together_do_not_exceed_a_share() {
    for _ in 0..50 {
        let memory = memory(10_000, 64);
        let inserted = race(8, 500, |thread, number| {
            memory.insert(of_session(1, thread as u64 * 500 + number), EXPIRES, NOW)
        });
        let total = inserted.iter().sum::<usize>() as u64;
        assert!(total <= 64 && total > 32, "{total}");
        assert_eq!(memory.sweep(NOW), total);
    }
}

#[test]
fn nothing_of_a_key_is_printed() {
    assert_eq!(format!("{:?}", memory(1, 1)), "ReplayMemory { lines: 17, .. }");
}

#[test]
fn an_estimate_is_near_the_count_in_a_table_of_any_size() {
    for (entries, inserted) in [(64, 20), (100_000, 60_000), (1_000_000, 300_000)] {
        let memory = memory(entries, u32::MAX);
        for number in 0..inserted {
            assert_eq!(insert_single(&memory, number, EXPIRES, NOW), Remembered::New);
        }
        let (counted, estimated) = (memory.sweep(NOW), memory.estimate(NOW));
        assert_eq!(counted, inserted);
        assert!(estimated.abs_diff(counted) <= counted / 20, "{estimated} of {counted}");
    }
}
