//! How many connections each client address has on this worker, so that none takes more than its share.
//!
//! Every entry stands for at least one open connection, so that the table is bounded by what bounds those. Who is
//! counted, and what becomes of a connection that is refused, is the caller's business.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use crate::limits::LEDGER_KEPT;

/// The connections of one worker by address. Keys are hashed with a random seed: clients choose their addresses.
pub(super) struct AddressLedger {
    /// Connections of one address; absent: no bound, and nothing is counted.
    most: Cell<Option<usize>>,
    counts: RefCell<HashMap<IpAddr, usize>>,
}

/// One connection's entry. Dropping it makes room for another.
pub(super) struct Entry {
    /// Absent where nothing is counted.
    counted: Option<(Rc<AddressLedger>, IpAddr)>,
}

impl AddressLedger {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self { most: Cell::new(None), counts: RefCell::default() })
    }

    /// Sets how many connections one address may have from now on. Those that it has stay; what was let in without a
    /// bound is not counted later.
    pub(super) fn limit(&self, most: Option<usize>) {
        self.most.set(most);
    }

    /// Enters one connection of `address`; `None` when it has all that it may have.
    pub(super) fn enter(self: &Rc<Self>, address: IpAddr) -> Option<Entry> {
        let Some(most) = self.most.get() else { return Some(Entry { counted: None }) };
        let client = client(address);
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(client).or_default();
        if *count >= most {
            // At least one: an address without connections is not refused, so that no empty entry stays.
            return None;
        }
        *count += 1;
        Some(Entry { counted: Some((self.clone(), client)) })
    }

    fn leave(&self, client: IpAddr) {
        let mut counts = self.counts.borrow_mut();
        if let Some(count) = counts.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&client);
            }
        }
        // A crowd leaves no memory behind.
        if counts.capacity() > LEDGER_KEPT && counts.len() < counts.capacity() / 8 {
            let room = counts.len() * 2;
            counts.shrink_to(room.max(LEDGER_KEPT / 2));
        }
    }
}

impl Entry {
    /// That of a connection that nobody counts.
    pub(super) fn uncounted() -> Self {
        Self { counted: None }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some((ledger, client)) = self.counted.take() {
            ledger.leave(client);
        }
    }
}

/// What counts as one client: an IPv4 address, however written, or the /64 of an IPv6 address, all of which one client
/// has at its disposal.
pub(super) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(most: usize) -> Rc<AddressLedger> {
        let ledger = AddressLedger::new();
        ledger.limit(Some(most));
        ledger
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let ledger = ledger(2);
        let (a, b) = (address("192.0.2.1"), address("192.0.2.2"));
        let first = ledger.enter(a).unwrap();
        let _second = ledger.enter(a).unwrap();
        assert!(ledger.enter(a).is_none());
        assert!(ledger.enter(b).is_some(), "another address has a share of its own");
        drop(first);
        assert!(ledger.enter(a).is_some(), "a closed connection makes room");
    }

    #[test]
    fn addresses_that_one_client_has_are_one() {
        let check = |one: &str, other: &str, same: bool| {
            let ledger = ledger(1);
            let _entry = ledger.enter(address(one)).unwrap();
            assert_eq!(ledger.enter(address(other)).is_none(), same, "{one} {other}");
        };
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("192.0.2.1", "::ffff:192.0.2.2", false);
        check("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
    }

    #[test]
    fn the_table_holds_open_connections_alone() {
        let ledger = ledger(3);
        let entries: Vec<_> =
            (0..10_000_u32).map(|at| ledger.enter(IpAddr::V4((at / 2).into())).unwrap()).collect();
        assert_eq!(ledger.counts.borrow().len(), 5_000);
        drop(entries);
        let counts = ledger.counts.borrow();
        assert!(counts.is_empty() && counts.capacity() <= 2 * LEDGER_KEPT, "{}", counts.capacity());
    }

    #[test]
    fn a_bound_that_comes_later_counts_from_then_on() {
        let ledger = AddressLedger::new();
        let a = address("192.0.2.1");
        let before: Vec<_> = (0..3).map(|_| ledger.enter(a).unwrap()).collect();
        ledger.limit(Some(1));
        let after = ledger.enter(a).unwrap();
        drop(before);
        assert!(ledger.enter(a).is_none(), "the end of uncounted ones makes no room");
        ledger.limit(None);
        drop((ledger.enter(a).unwrap(), after));
        assert!(ledger.counts.borrow().is_empty());
    }
}
