//! Who may start now. It knows nothing of sockets, and is told the time, so that it can be simulated.
//!
//! Four things can keep a target waiting:
//!
//! - the cap on how many are under way at once,
//! - the cap on how many of one host are: the target is parked until one of that host has ended, and lets others pass,
//! - the rate: starts are spread evenly, without bursts,
//! - its own not-before time: a retry is a target that comes back later.
//!
//! A target that cannot start because *this* machine has run out of something waits until one of our own checks has ended
//! and given back what it held: it is not the target's fault. Where all need what is lacking (descriptors), it is put back
//! and nothing else starts; where only some do (ports to one destination), it is held and lets others pass.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::proto::dns::hash::ByName;

/// The most targets that come back later before no new ones are brought. What is under way may always come back, so twice
/// the cap must fit.
const LATER_MAX: usize = 64 * 1024;

/// The most that are parked or held before no new ones are brought. They wait for others of their kind to end, while the
/// lines behind them stay lines: a target takes some ten times the memory.
const ASIDE_MAX: usize = 8 * 1024;

/// The loop wakes up once a millisecond at most. At a quicker pace what fell due meanwhile starts together.
const WAKE_UP: Duration = Duration::from_millis(1);

/// At such a pace: how late a start may be and the next still keep to the plan.
const CATCH_UP: Duration = Duration::from_millis(100);

/// How much may be under way, and how fast it may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most under way at once, at least 1.
    pub in_flight: usize,
    /// The most of one host, at least 1.
    pub per_host: Option<usize>,
    /// The time from one start to the next.
    pub interval: Option<Duration>,
}

impl Limits {
    /// Only a cap on how many are under way at once.
    pub fn in_flight(in_flight: usize) -> Limits {
        Limits { in_flight, per_host: None, interval: None }
    }
}

/// A host with a cap on how many of it are under way, of which some are.
#[derive(Debug)]
struct CappedHost<T> {
    under_way: usize,
    /// Those that the cap keeps from starting.
    parked: VecDeque<T>,
}

/// One that must not start before its time. The number keeps those of one time in their order.
#[derive(Debug)]
struct Later<T> {
    at: Instant,
    number: u64,
    item: T,
}

impl<T> Ord for Later<T> {
    /// The earliest is the greatest, which a heap has on top.
    fn cmp(&self, other: &Later<T>) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Later<T> {
    fn partial_cmp(&self, other: &Later<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Later<T> {
    fn eq(&self, other: &Later<T>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Later<T> {}

/// What waits for its turn, and how many are under way.
#[derive(Debug)]
pub struct Queue<T> {
    limits: Limits,
    host_of: fn(&T) -> &str,
    waiting: VecDeque<T>,
    /// Those of which some are under way or parked.
    hosts: ByName<Box<str>, CappedHost<T>>,
    parked_count: usize,
    /// Hosts of which one has ended while others were parked.
    freed: VecDeque<Box<str>>,
    /// The first to start is on top.
    later: BinaryHeap<Later<T>>,
    laters: u64,
    /// When the rate lets the next one start.
    next_start: Option<Instant>,
    in_flight: usize,
    most_in_flight: usize,
    /// Something that all need ran out; nothing starts until a check has ended.
    short: bool,
    /// Those that lack something that others do not need.
    held: VecDeque<T>,
    /// So many of them may try again: so many checks have ended since.
    retries: usize,
}

impl<T> Queue<T> {
    /// An empty queue. `host_of` says which host an item is for.
    pub fn new(limits: Limits, host_of: fn(&T) -> &str) -> Queue<T> {
        assert!(limits.in_flight > 0 && limits.per_host != Some(0), "a limit of 0 would never start anything");
        Queue {
            limits,
            host_of,
            waiting: VecDeque::new(),
            hosts: ByName::default(),
            parked_count: 0,
            freed: VecDeque::new(),
            later: BinaryHeap::new(),
            laters: 0,
            next_start: None,
            in_flight: 0,
            most_in_flight: 0,
            short: false,
            held: VecDeque::new(),
            retries: 0,
        }
    }

    /// Whether one more could start soon, so that it makes sense to bring one.
    pub fn has_room(&self) -> bool {
        let may_come_back = 2 * self.limits.in_flight;
        !self.short
            && self.in_flight + self.waiting.len() < self.limits.in_flight
            && self.parked_count + self.held.len() < ASIDE_MAX.max(may_come_back)
            && self.later.len() < LATER_MAX.max(may_come_back)
    }

    /// Whether one that has not been brought yet may start at once, and then counts it as under way: no other waits that
    /// would be before it, and neither a rate nor a host's cap has to be asked.
    pub fn starts_at_once(&mut self) -> bool {
        let nobody_waits = self.waiting.is_empty() && self.later.is_empty() && self.retries == 0;
        let is_capped = self.short || self.in_flight >= self.limits.in_flight || self.limits.per_host.is_some();
        let starts = nobody_waits && !is_capped && self.limits.interval.is_none();
        if starts {
            self.count_start();
        }
        starts
    }

    fn count_start(&mut self) {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// Brings one, which waits for its turn behind the others.
    pub fn push(&mut self, item: T) {
        self.waiting.push_back(item);
    }

    /// Brings one that must not start before `at`.
    pub fn push_later(&mut self, item: T, at: Instant) {
        self.laters += 1;
        self.later.push(Later { at, number: self.laters, item });
    }

    /// The next that may start. It counts as under way until [`ended`](Self::ended) or [`put_back`](Self::put_back).
    pub fn start(&mut self, now: Instant) -> Option<T> {
        while self.later.peek().is_some_and(|first| first.at <= now) {
            if let Some(first) = self.later.pop() {
                self.waiting.push_back(first.item);
            }
        }
        if self.short || self.in_flight >= self.limits.in_flight || self.next_start.is_some_and(|at| now < at) {
            return None;
        }
        let item = self.next_held().or_else(|| self.next_startable())?;
        if let Some(interval) = self.limits.interval {
            // A start that comes a little late does not push all others back; after a longer pause nothing is made up
            // for.
            let due = self.next_start.unwrap_or(now);
            // A slow pace is kept by not hurrying: there, two starts at once would be a burst.
            let catch_up = if interval <= WAKE_UP { CATCH_UP } else { interval };
            let in_time = now < due + catch_up;
            self.next_start = Some(if in_time { due + interval } else { now + interval });
        }
        if self.limits.per_host.is_some() {
            let host = self.hosts.entry((self.host_of)(&item).into());
            host.or_insert_with(|| CappedHost { under_way: 0, parked: VecDeque::new() }).under_way += 1;
        }
        self.count_start();
        Some(item)
    }

    fn next_held(&mut self) -> Option<T> {
        self.retries = self.retries.checked_sub(1)?;
        self.held.pop_front()
    }

    /// The first whose host has room; those before it are parked.
    fn next_startable(&mut self) -> Option<T> {
        let Some(cap) = self.limits.per_host else { return self.waiting.pop_front() };
        // Those that were parked were there first.
        while let Some(host) = self.freed.pop_front() {
            if let Some(item) = self.unpark(&host) {
                return Some(item);
            }
        }
        while let Some(item) = self.waiting.pop_front() {
            match self.hosts.get_mut((self.host_of)(&item)) {
                Some(host) if host.under_way >= cap => host.parked.push_back(item),
                _ => return Some(item),
            }
            self.parked_count += 1;
        }
        None
    }

    /// When it makes sense to ask again, if nothing else happens: a not-before time comes, or the rate lets one start.
    pub fn next_time(&self) -> Option<Instant> {
        let later = self.later.peek().map(|first| first.at);
        // Where the cap or a shortage keeps all from starting, it takes an end of another, and no time will help.
        let could_start = !self.short && self.in_flight < self.limits.in_flight;
        let some_wait = !self.waiting.is_empty() || !self.freed.is_empty() || self.retries > 0;
        let rate = self.next_start.filter(|_| could_start && some_wait);
        match (later, rate) {
            (Some(later), Some(rate)) => Some(later.min(rate)),
            (one, other) => one.or(other),
        }
    }

    /// One of this host that was under way has ended.
    pub fn ended(&mut self, host: &str) {
        self.in_flight -= 1;
        self.short = false;
        self.retries = (self.retries + 1).min(self.held.len());
        self.leave(host);
    }

    fn leave(&mut self, name: &str) {
        // Without a cap none is kept.
        let Some(host) = self.hosts.get_mut(name) else { return };
        host.under_way -= 1;
        match host.parked.is_empty() {
            false => self.freed.push_back(name.into()),
            true if host.under_way == 0 => drop(self.hosts.remove(name)),
            true => {}
        }
    }

    fn unpark(&mut self, name: &str) -> Option<T> {
        let host = self.hosts.get_mut(name)?;
        let item = host.parked.pop_front()?;
        if host.under_way == 0 && host.parked.is_empty() {
            self.hosts.remove(name);
        }
        self.parked_count -= 1;
        Some(item)
    }

    /// One that was under way could not go on for want of something local. It will be the next to start, once another
    /// has ended.
    ///
    /// # Errors
    /// The item, when there is no other whose end could help.
    pub fn put_back(&mut self, item: T) -> Result<(), T> {
        self.in_flight -= 1;
        let host: Box<str> = (self.host_of)(&item).into();
        self.leave(&host);
        if self.in_flight == 0 {
            // Whoever else was put back waited for this one: they must try for themselves now, or wait for ever.
            self.short = false;
            return Err(item);
        }
        self.waiting.push_front(item);
        self.short = true;
        Ok(())
    }

    /// Something that all need has run out: nothing starts until a check has ended.
    pub fn run_short(&mut self) {
        self.short = true;
    }

    /// Whether nothing starts for want of something that all need.
    pub fn is_short(&self) -> bool {
        self.short
    }

    /// One that was under way could not go on for want of something local that others do not need. It tries again when
    /// another has ended.
    ///
    /// # Errors
    /// The item, when there is no other whose end could help.
    pub fn hold(&mut self, item: T) -> Result<(), T> {
        self.in_flight -= 1;
        let host: Box<str> = (self.host_of)(&item).into();
        self.leave(&host);
        if self.in_flight == 0 {
            self.short = false;
            self.retries = self.held.len();
            return Err(item);
        }
        self.held.push_back(item);
        Ok(())
    }

    /// Takes one of those that wait, for whatever reason.
    pub fn take_waiting(&mut self) -> Option<T> {
        if self.parked_count > 0 {
            // Who takes them one by one is not to look through all hosts for each.
            let waiting = &mut self.waiting;
            self.hosts.retain(|_, host| {
                waiting.append(&mut host.parked);
                host.under_way > 0
            });
            self.parked_count = 0;
        }
        let item = self.waiting.pop_front().or_else(|| self.held.pop_front());
        item.or_else(|| self.later.pop().map(|first| first.item))
    }

    /// Forgets those that wait and are meant.
    pub fn forget(&mut self, is_meant: impl Fn(&T) -> bool) {
        self.waiting.retain(|item| !is_meant(item));
        self.held.retain(|item| !is_meant(item));
        self.later.retain(|later| !is_meant(&later.item));
        self.hosts.retain(|_, host| {
            host.parked.retain(|item| !is_meant(item));
            host.under_way > 0 || !host.parked.is_empty()
        });
        self.parked_count = self.hosts.values().map(|host| host.parked.len()).sum();
    }

    /// How many are under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many wait to start, for whatever reason.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.held.len() + self.parked_count + self.later.len()
    }

    /// The most that ever were under way at once.
    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        let nothing_waits = self.waiting.is_empty() && self.held.is_empty();
        self.in_flight == 0 && nothing_waits && self.parked_count == 0 && self.later.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(limits: Limits) -> Queue<&'static str> {
        // An item is its host and a number: "a1".
        Queue::new(limits, |item| &item[..1])
    }

    fn start_all(queue: &mut Queue<&'static str>, now: Instant) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.start(now)).collect()
    }

    #[test]
    fn no_more_than_the_limit_are_under_way() {
        let now = Instant::now();
        let mut queue = queue(Limits::in_flight(2));
        ["a1", "b1", "c1"].into_iter().for_each(|item| queue.push(item));
        assert_eq!(start_all(&mut queue, now), ["a1", "b1"]);
        queue.ended("a");
        assert_eq!(start_all(&mut queue, now), ["c1"]);
        queue.ended("b");
        queue.ended("c");
        assert!(queue.is_idle());
        assert_eq!(queue.most_in_flight(), 2);
    }

    #[test]
    fn one_starts_at_once_only_where_nothing_speaks_against_it() {
        let now = Instant::now();
        let mut free = queue(Limits::in_flight(2));
        assert!(free.starts_at_once() && free.starts_at_once());
        assert!(!free.starts_at_once(), "the cap is reached");
        assert_eq!((free.in_flight(), free.most_in_flight()), (2, 2));
        free.ended("a");
        free.push("b1");
        assert!(!free.starts_at_once(), "another was there first");
        assert_eq!(free.start(now), Some("b1"));
        assert_eq!(free.put_back("b1"), Ok(()));
        assert!(!free.starts_at_once(), "there is a shortage");

        let second = Duration::from_secs(1);
        let mut paced = queue(Limits { interval: Some(second), ..Limits::in_flight(2) });
        let mut capped = queue(Limits { per_host: Some(1), ..Limits::in_flight(2) });
        let mut later = queue(Limits::in_flight(2));
        later.push_later("a1", now + second);
        assert!(!paced.starts_at_once() && !capped.starts_at_once() && !later.starts_at_once());
    }

    #[test]
    fn what_is_put_back_waits_for_another_to_end_and_is_next() {
        let now = Instant::now();
        let mut queue = queue(Limits::in_flight(8));
        ["a1", "b1", "c1"].into_iter().for_each(|item| queue.push(item));
        queue.start(now);
        let second = queue.start(now).unwrap();
        assert_eq!(queue.put_back(second), Ok(()));
        assert!(!queue.has_room());
        assert_eq!(queue.start(now), None);
        queue.ended("a");
        assert!(queue.has_room());
        assert_eq!(start_all(&mut queue, now), ["b1", "c1"]);
    }

    #[test]
    fn what_is_held_lets_others_pass_and_tries_again_when_one_has_ended() {
        let now = Instant::now();
        let mut queue = queue(Limits::in_flight(8));
        ["a1", "a2", "a3", "b1"].into_iter().for_each(|item| queue.push(item));
        queue.start(now);
        for expected in ["a2", "a3"] {
            let item = queue.start(now).unwrap();
            assert_eq!(item, expected);
            assert_eq!(queue.hold(item), Ok(()));
        }
        assert!(queue.has_room());
        assert_eq!(start_all(&mut queue, now), ["b1"]);
        queue.ended("b");
        assert_eq!(start_all(&mut queue, now), ["a2"], "one has ended, one tries again");
        assert_eq!(queue.hold("a2"), Ok(()), "in vain");
        queue.ended("a");
        let last = queue.start(now).unwrap();
        assert_eq!((last, queue.hold(last)), ("a3", Err("a3")), "and nobody's end could help");
        assert_eq!(start_all(&mut queue, now), ["a2"]);
        queue.ended("a");
        assert!(queue.is_idle());
    }

    #[test]
    fn what_is_forgotten_does_not_start() {
        let now = Instant::now();
        let mut queue = queue(Limits { per_host: Some(1), ..Limits::in_flight(2) });
        ["a1", "a2", "b1", "c1"].into_iter().for_each(|item| queue.push(item));
        queue.push_later("d1", now);
        assert_eq!(start_all(&mut queue, now), ["a1", "b1"]);
        for gone in ["a2", "c1", "d1"] {
            queue.forget(|item| *item == gone);
        }
        queue.ended("a");
        queue.ended("b");
        assert_eq!(start_all(&mut queue, now), [""; 0]);
        assert!(queue.is_idle());
    }

    #[test]
    fn those_that_waited_for_one_that_nobody_can_help_try_again() {
        let now = Instant::now();
        let mut queue = queue(Limits::in_flight(8));
        queue.push("a1");
        queue.push("b1");
        let (first, second) = (queue.start(now).unwrap(), queue.start(now).unwrap());
        assert_eq!(queue.put_back(first), Ok(()));
        assert_eq!(queue.put_back(second), Err("b1"));
        assert_eq!(queue.start(now), Some("a1"));
    }

    #[test]
    fn what_nobody_can_help_is_handed_back() {
        let now = Instant::now();
        let mut queue = queue(Limits { per_host: Some(1), ..Limits::in_flight(8) });
        queue.push("x1");
        let item = queue.start(now).unwrap();
        assert_eq!(queue.put_back(item), Err("x1"));
        assert!(queue.is_idle());
    }

    #[test]
    fn a_full_host_lets_others_pass() {
        let now = Instant::now();
        let mut queue = queue(Limits { per_host: Some(2), ..Limits::in_flight(8) });
        ["a1", "a2", "a3", "a4", "b1"].into_iter().for_each(|item| queue.push(item));
        assert_eq!(start_all(&mut queue, now), ["a1", "a2", "b1"]);
        assert!(!queue.is_idle() && queue.has_room());
        queue.push("a5");
        queue.ended("a");
        assert_eq!(start_all(&mut queue, now), ["a3"]);
        queue.ended("b");
        assert_eq!(start_all(&mut queue, now), [""; 0]);
        queue.ended("a");
        queue.ended("a");
        assert_eq!(start_all(&mut queue, now), ["a4", "a5"]);
        queue.ended("a");
        queue.ended("a");
        assert!(queue.is_idle());
    }

    #[test]
    fn starts_are_spread_evenly() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let interval = Some(Duration::from_millis(100));
        let mut queue = queue(Limits { interval, ..Limits::in_flight(8) });
        ["a1", "a2", "a3", "a4"].into_iter().for_each(|item| queue.push(item));
        assert_eq!(start_all(&mut queue, ms(0)), ["a1"]);
        assert_eq!(queue.next_time(), Some(ms(100)));
        assert_eq!(start_all(&mut queue, ms(99)), [""; 0]);
        assert_eq!(start_all(&mut queue, ms(130)), ["a2"], "a little late");
        assert_eq!(queue.next_time(), Some(ms(200)), "the next is not");
        assert_eq!(start_all(&mut queue, ms(900)), ["a3"], "no burst after a pause");
        assert_eq!(queue.next_time(), Some(ms(1000)));
        assert_eq!(start_all(&mut queue, ms(1000)), ["a4"]);
        assert_eq!(queue.next_time(), None);
    }

    #[test]
    fn a_full_queue_with_a_rate_waits_for_an_end_not_for_a_time() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let interval = Some(Duration::from_millis(10));
        let mut queue = queue(Limits { interval, ..Limits::in_flight(1) });
        queue.push("a1");
        queue.push_later("b1", ms(20));
        assert_eq!(start_all(&mut queue, ms(0)), ["a1"]);
        assert_eq!(queue.next_time(), Some(ms(20)));
        assert_eq!(start_all(&mut queue, ms(20)), [""; 0]);
        assert_eq!(queue.next_time(), None, "a time that has passed would be a loop that never sleeps");
        queue.ended("a");
        assert_eq!(start_all(&mut queue, ms(20)), ["b1"]);
    }

    #[test]
    fn what_comes_back_comes_at_its_time() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut queue = queue(Limits::in_flight(1));
        queue.push_later("b1", ms(200));
        queue.push_later("a1", ms(100));
        queue.push_later("c1", ms(100));
        assert_eq!(queue.next_time(), Some(ms(100)));
        assert_eq!(start_all(&mut queue, ms(99)), [""; 0]);
        assert_eq!(start_all(&mut queue, ms(100)), ["a1"]);
        assert!(!queue.is_idle());
        queue.ended("a");
        assert_eq!([queue.take_waiting(), queue.take_waiting(), queue.take_waiting()], [Some("c1"), Some("b1"), None]);
        assert!(queue.is_idle());
    }

    #[test]
    fn whoever_takes_what_waits_gets_what_a_cap_keeps_too() {
        let mut queue = queue(Limits { per_host: Some(1), ..Limits::in_flight(9) });
        for item in ["a1", "a2", "b1", "a3", "b2"] {
            queue.push(item);
        }
        let now = Instant::now();
        assert_eq!([queue.start(now), queue.start(now), queue.start(now)], [Some("a1"), Some("b1"), None]);
        let mut taken: Vec<_> = std::iter::from_fn(|| queue.take_waiting()).collect();
        taken.sort_unstable();
        assert_eq!(taken, ["a2", "a3", "b2"]);
        queue.ended("a");
        queue.ended("b");
        assert!(queue.is_idle() && queue.start(now).is_none());
    }
}
