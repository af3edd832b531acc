//! How many bytes of answers are kept at once, over all checks: heads that are not whole yet, and bodies that an
//! expectation looks into.
//!
//! A bound for each check alone is none: a thousand checks of a mebibyte each are a gibibyte. So all draw on one budget.
//! Where it is used up, who has kept something already and needs more waits *unread*: its bytes stay in the kernel, whose
//! windows close, and the peer waits, too. That time is ours and not the check's. One check at a time may go beyond the
//! limit, so that somebody always comes to an end and gives back what it held.
//!
//! A check that has kept nothing yet always reads, if only a sip: nearly all answers come whole in one.
//!
//! It refuses to know what is kept.

use std::collections::VecDeque;
use std::time::Instant;

use crate::reactor::Key;

/// One who waits unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    /// The check's place and key.
    pub(super) id: u32,
    pub(super) key: Key,
    /// The connection's key.
    pub(super) connection: Key,
    /// Since when it waits.
    pub(super) since: Instant,
}

/// The budget. See the module's text.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: usize,
    /// The check that may go beyond the limit.
    ahead: Option<Key>,
    unread: VecDeque<Unread>,
}

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(limit: usize) -> Budget {
        Budget { limit, used: 0, ahead: None, unread: VecDeque::new() }
    }

    /// Whether a check that keeps bytes already may read more.
    pub(super) fn may_read(&mut self, key: Key) -> bool {
        !self.is_used_up() || *self.ahead.get_or_insert(key) == key
    }

    /// Whether all of it is in use.
    pub(super) fn is_used_up(&self) -> bool {
        self.used >= self.limit
    }

    /// Lets one wait until there is room again.
    pub(super) fn wait(&mut self, unread: Unread) {
        self.unread.push_back(unread);
    }

    /// Notes that a check holds `now` bytes and held `before`.
    pub(super) fn change(&mut self, before: usize, now: usize) {
        self.used = self.used - before + now;
    }

    /// A check that held so much is over.
    pub(super) fn give_back(&mut self, key: Key, held: usize) {
        self.used -= held;
        self.ahead.take_if(|ahead| *ahead == key);
    }

    /// Whether one of those who wait may go on.
    pub(super) fn has_next(&self) -> bool {
        !self.unread.is_empty() && (!self.is_used_up() || self.ahead.is_none())
    }

    /// The first of those who wait that may go on.
    pub(super) fn next(&mut self) -> Option<Unread> {
        if self.has_next() { self.unread.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Reactor;
    use crate::reactor::clock::Clock;

    #[test]
    fn one_at_a_time_goes_beyond_the_limit_and_others_wait_their_turn() {
        let mut reactor = Reactor::new(Clock::start()).unwrap();
        let keys = [(); 3].map(|()| reactor.open(()));
        let unread =
            |n: usize| Unread { id: n as u32, key: keys[n], connection: keys[n], since: reactor.clock().started() };
        let mut budget = Budget::new(100);
        assert!(keys.iter().all(|key| budget.may_read(*key)), "there is room");
        budget.change(0, 60);
        budget.change(0, 60);
        assert_eq!([0, 1, 2].map(|n| budget.may_read(keys[n])), [true, false, false], "the first who asks goes ahead");
        budget.wait(unread(1));
        budget.wait(unread(2));
        assert_eq!(budget.next(), None);
        budget.change(60, 500);
        budget.give_back(keys[0], 500);
        assert_eq!(budget.next(), Some(unread(1)), "there is room again");
        budget.change(60, 100);
        assert!(budget.may_read(keys[1]), "and then nobody is ahead");
        assert_eq!(budget.next(), None);
        budget.give_back(keys[1], 100);
        assert_eq!((budget.next(), budget.next()), (Some(unread(2)), None));
        assert_eq!(budget.used, 0);
    }
}
