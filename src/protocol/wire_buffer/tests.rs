//! Rules of the buffer's windows and of the pool.

use super::*;
use crate::limits::SMALL_BUFFERS_KEPT;

fn filled(bytes: &[u8]) -> WireBuffer {
    let mut buffer = WireBuffer::new(BufferSize::Small);
    assert!(buffer.append(bytes));
    buffer
}

#[test]
fn reads_land_on_the_alignment() {
    for size in [BufferSize::Small, BufferSize::Large] {
        let mut buffer = WireBuffer::new(size);
        let (storage, start, end) = buffer.lend_for_read();
        assert_eq!((storage.as_ptr() as usize + start) % BUFFER_ALIGNMENT, 0);
        assert!(start >= HEAD_ROOM && storage.len() - end == TAIL_ROOM);
    }
}

#[test]
fn a_head_is_replaced_in_front_of_its_body() {
    let mut buffer = filled(b"old head|body");
    buffer.consume(9);
    buffer.release(4, 4);
    assert!(buffer.place_before(b"a much longer new head|"));
    assert_eq!(buffer.out(), b"a much longer new head|body");
}

#[test]
fn a_head_longer_than_the_room_moves_the_body() {
    let mut buffer = filled(b"body");
    let head = vec![b'h'; HEAD_ROOM + BUFFER_ALIGNMENT + 100];
    assert!(buffer.place_before(&head));
    buffer.release_all_for_test();
    assert_eq!(buffer.out().len(), head.len() + 4);
    assert!(buffer.out().ends_with(b"hbody"));
}

#[test]
fn a_head_that_cannot_fit_changes_nothing() {
    let mut buffer = filled(b"body");
    assert!(!buffer.place_before(&vec![b'h'; BUFFER_SMALL_BYTES]));
    assert_eq!(buffer.unread(), b"body");
}

#[test]
fn the_tail_room_takes_what_closes_a_chunk() {
    let mut buffer = WireBuffer::new(BufferSize::Small);
    let (storage, start, end) = buffer.lend_for_read();
    buffer.restore(storage);
    buffer.filled(end - start);
    buffer.release(end - start, end - start);
    assert!(buffer.place_behind(b"\r\n0\r\n\r\n"));
    assert_eq!(buffer.out_len(), end - start + 7);
}

#[test]
fn unread_bytes_move_to_the_front_only_when_room_is_short() {
    let most = BUFFER_SMALL_BYTES - HEAD_ROOM - 1000;
    let mut buffer = filled(&vec![b'x'; most]);
    buffer.consume(most - 10);
    assert!(buffer.make_readable() > most);
    assert_eq!(buffer.unread(), b"xxxxxxxxxx");
    let mut roomy = filled(b"abc");
    roomy.consume(1);
    roomy.make_readable();
    assert_eq!(roomy.unread(), b"bc");
}

#[test]
fn large_buffers_are_bounded_and_come_back() {
    let mut pool = BufferPool::default();
    let mut taken: Vec<_> =
        (0..crate::limits::LARGE_BUFFERS_PER_WORKER).map(|_| pool.take_large().unwrap()).collect();
    assert!(pool.take_large().is_none());
    pool.give(taken.pop().unwrap());
    assert!(pool.take_large().is_some());
    pool.lost(BufferSize::Large);
    assert!(pool.take_large().is_some());
}

#[test]
fn so_many_small_buffers_are_kept_and_no_more() {
    let mut pool = BufferPool::default();
    let taken: Vec<_> = (0..SMALL_BUFFERS_KEPT + 3).map(|_| pool.take_small()).collect();
    for (count, mut buffer) in taken.into_iter().enumerate() {
        assert_eq!(pool.small_free(), count.min(SMALL_BUFFERS_KEPT));
        buffer.append(b"of the last owner");
        pool.give(buffer);
    }
    assert_eq!(pool.small_free(), SMALL_BUFFERS_KEPT);
    assert_eq!(pool.take_small().unread_len(), 0, "emptied");
    assert_eq!(pool.small_free(), SMALL_BUFFERS_KEPT - 1);
    let mut away = pool.take_small();
    let _memory_is_elsewhere = away.lend_for_read();
    pool.give(away);
    pool.give(WireBuffer::default());
    assert_eq!(pool.small_free(), SMALL_BUFFERS_KEPT - 2, "nothing came back");
}

#[test]
fn large_buffers_that_nobody_holds_are_not_in_use() {
    let mut pool = BufferPool::default();
    let many = 40;
    let taken: Vec<_> = (0..many).map(|_| pool.take_large().unwrap()).collect();
    for (count, mut buffer) in taken.into_iter().enumerate() {
        assert_eq!(pool.large_in_use(), many - count);
        buffer.append(b"of the last owner");
        pool.give(buffer);
    }
    // Those kept and those freed alike.
    assert_eq!(pool.large_in_use(), 0);
    let reused = pool.take_large().unwrap();
    assert_eq!((reused.unread_len(), pool.large_in_use()), (0, 1));
    let again: Vec<_> = std::iter::from_fn(|| pool.take_large()).collect();
    assert_eq!(again.len() + 1, crate::limits::LARGE_BUFFERS_PER_WORKER);
}

#[test]
fn an_empty_buffer_takes_the_size_that_suits_the_next_read() {
    use BufferSize::{Large, Small};
    let of = |size| if size == BufferSize::None { WireBuffer::default() } else { WireBuffer::new(size) };
    for size in [BufferSize::None, Small, Large] {
        for bulk in [false, true] {
            let mut pool = BufferPool::default();
            let mut buffer = if size == Large { pool.take_large().unwrap() } else { of(size) };
            pool.fit(&mut buffer, bulk);
            assert_eq!(buffer.size(), if bulk { Large } else { Small }, "{size:?} {bulk}");
            assert!(buffer.is_present());
            assert_eq!(pool.large_in_use(), usize::from(bulk));
            buffer.append(b"unread");
            pool.fit(&mut buffer, !bulk);
            assert_eq!((buffer.unread(), buffer.size() == Large), (&b"unread"[..], bulk), "not moved");
        }
    }
    // Without a large one to be had the small one stays, the same.
    let mut pool = BufferPool::default();
    let _all: Vec<_> = std::iter::from_fn(|| pool.take_large()).collect();
    let mut buffer = of(Small);
    let place = buffer.unread().as_ptr();
    pool.fit(&mut buffer, true);
    assert_eq!((buffer.size(), buffer.unread().as_ptr()), (Small, place));
    let mut none = WireBuffer::default();
    pool.fit(&mut none, true);
    assert_eq!(none.size(), Small);
}

impl WireBuffer {
    /// Joins the unread bytes to what waits to be written.
    fn release_all_for_test(&mut self) {
        assert_eq!(self.out_end, self.start);
        self.out_end = self.end;
        self.start = self.end;
    }
}

#[test]
fn the_room_before_is_what_a_head_of_that_length_finds() {
    // However much lies behind: a head fits to the byte, and one byte more does not.
    for body in [1, 1000, 4000, BUFFER_SMALL_BYTES - HEAD_ROOM - 200] {
        let most = filled(&vec![b'b'; body]).limit() - body;
        for length in [1, HEAD_ROOM, most - 1, most, most + 1] {
            let mut buffer = filled(&vec![b'b'; body]);
            let fits = length <= most;
            assert_eq!(buffer.has_room_before(length), fits, "{length} before {body}");
            assert_eq!(buffer.place_before(&vec![b'h'; length]), fits, "{length} before {body}");
        }
    }
}

#[test]
fn bytes_are_appended_up_to_the_tail_room() {
    let mut buffer = filled(b"");
    let (storage, start, end) = buffer.lend_for_read();
    buffer.restore(storage);
    for (count, fits) in
        [(end - start + 1, false), (end - start - 1, true), (2, false), (1, true), (1, false)]
    {
        assert_eq!(buffer.append(&vec![b'x'; count]), fits, "{count}");
    }
}

#[test]
fn unread_bytes_stay_where_a_quarter_is_free() {
    for (free_of_a_quarter, moves) in [(1_i64, false), (0, false), (-1, true)] {
        let mut buffer = filled(b"");
        let quarter = buffer.limit() / 4;
        let fill = (buffer.limit() - buffer.end - quarter) as i64 - free_of_a_quarter;
        assert!(buffer.append(&vec![b'x'; fill as usize]));
        buffer.consume(1);
        let before = buffer.start;
        buffer.make_readable();
        assert_eq!(buffer.start < before, moves, "{free_of_a_quarter}");
        assert_eq!(buffer.unread_len(), fill as usize - 1);
    }
}

#[test]
fn bytes_can_be_put_in_front_of_the_unread_ones_and_taken_out_of_them() {
    let mut buffer = filled(b"sealed|content|tag|next");
    buffer.consume(7);
    buffer.remove(7..12);
    assert_eq!(buffer.unread(), b"contentnext");
    assert!(buffer.prepend(b"head "));
    assert_eq!((buffer.unread(), buffer.out_len()), (&b"head contentnext"[..], 0));
    buffer.remove(12..16);
    assert_eq!(buffer.unread(), b"head content");
    assert!(!buffer.prepend(&vec![b'h'; BUFFER_SMALL_BYTES]));
    assert_eq!(buffer.unread(), b"head content");
}

/// Whatever stands behind, widening leaves what was written and what is unread as they are.
#[test]
fn what_waits_to_be_written_can_be_widened_on_both_sides() {
    for (before, behind) in [(0, 0), (5, 16), (2 * HEAD_ROOM, 0), (2 * HEAD_ROOM, 40), (0, 500)] {
        for unread in ["", "n", "next request"] {
            let mut buffer = filled(format!("content,{unread}").as_bytes());
            buffer.release(7, 8);
            assert!(buffer.widen(before, behind), "{before} {behind} {unread}");
            assert_eq!(buffer.unread(), unread.as_bytes());
            assert_eq!(buffer.out_len(), before + 7 + behind);
            assert_eq!(&buffer.out_mut()[before..before + 7], b"content");
        }
    }
    let mut buffer = filled(b"content");
    buffer.release(7, 7);
    assert!(!buffer.widen(BUFFER_SMALL_BYTES, 0) && !buffer.widen(0, BUFFER_SMALL_BYTES));
    assert_eq!(buffer.out(), b"content");
}

#[test]
fn what_was_consumed_last_can_be_looked_at_until_it_is_overwritten() {
    let mut buffer = WireBuffer::new(BufferSize::Small);
    assert!(buffer.append(b"content-trailers-next"));
    buffer.release(7, 17);
    assert_eq!(
        (buffer.out(), buffer.consumed(9), buffer.unread()),
        (&b"content"[..], &b"trailers-"[..], &b"next"[..])
    );
    assert_eq!(buffer.consumed(0), b"");
    assert_eq!(buffer.consumed(11), b"", "what waits to be written is not consumed");
}
