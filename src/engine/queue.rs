//! Who may start now. It knows nothing of sockets and clocks, so that it can be simulated.
//!
//! A target that cannot start because *this* machine has run out of something is put back and waits for its turn: it is
//! not the target's fault. It goes on when one of our own checks has ended and given back what it held.

use std::collections::VecDeque;

/// What waits for its turn, and how many are under way.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: VecDeque<T>,
    in_flight: usize,
    most_in_flight: usize,
    limit: usize,
    /// Something local ran out; nothing starts until a check has ended.
    short: bool,
}

impl<T> Queue<T> {
    /// A queue that lets `limit` be under way at once, which must be at least 1.
    pub fn new(limit: usize) -> Queue<T> {
        assert!(limit > 0, "a limit of 0 would never start anything");
        Queue { waiting: VecDeque::new(), in_flight: 0, most_in_flight: 0, limit, short: false }
    }

    /// Whether one more could start at once, so that it makes sense to bring one.
    pub fn has_room(&self) -> bool {
        !self.short && self.in_flight + self.waiting.len() < self.limit
    }

    /// Brings one.
    pub fn push(&mut self, item: T) {
        self.waiting.push_back(item);
    }

    /// The next that may start. It counts as under way until [`ended`](Self::ended) or [`put_back`](Self::put_back).
    pub fn start(&mut self) -> Option<T> {
        if self.short || self.in_flight >= self.limit {
            return None;
        }
        let item = self.waiting.pop_front()?;
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        Some(item)
    }

    /// One that was under way has ended.
    pub fn ended(&mut self) {
        self.in_flight -= 1;
        self.short = false;
    }

    /// One that was under way could not go on for want of something local. It will be the next to start, once another
    /// has ended.
    ///
    /// # Errors
    /// The item, when there is no other whose end could help.
    pub fn put_back(&mut self, item: T) -> Result<(), T> {
        self.in_flight -= 1;
        if self.in_flight == 0 {
            return Err(item);
        }
        self.waiting.push_front(item);
        self.short = true;
        Ok(())
    }

    /// Takes all that wait.
    pub fn take_waiting(&mut self) -> VecDeque<T> {
        std::mem::take(&mut self.waiting)
    }

    /// How many are under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The most that ever were under way at once.
    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_under_way() {
        let mut queue = Queue::new(2);
        for n in 0..3 {
            queue.push(n);
        }
        assert_eq!((queue.start(), queue.start(), queue.start()), (Some(0), Some(1), None));
        queue.ended();
        assert_eq!((queue.start(), queue.start()), (Some(2), None));
        queue.ended();
        queue.ended();
        assert!(queue.is_idle());
        assert_eq!(queue.most_in_flight(), 2);
    }

    #[test]
    fn what_is_put_back_waits_for_another_to_end_and_is_next() {
        let mut queue = Queue::new(8);
        for n in 0..3 {
            queue.push(n);
        }
        queue.start();
        let second = queue.start().unwrap();
        assert_eq!(queue.put_back(second), Ok(()));
        assert!(!queue.has_room());
        assert_eq!(queue.start(), None);
        queue.ended();
        assert!(queue.has_room());
        assert_eq!((queue.start(), queue.start()), (Some(1), Some(2)));
    }

    #[test]
    fn what_nobody_can_help_is_handed_back() {
        let mut queue = Queue::new(8);
        queue.push('x');
        let item = queue.start().unwrap();
        assert_eq!(queue.put_back(item), Err('x'));
        assert!(queue.is_idle());
    }
}
