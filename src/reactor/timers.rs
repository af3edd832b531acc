//! Deadlines: at most one a slot. The earliest is found at once; one that is replaced or withdrawn counts no more from then
//! on, though its entry goes later.
//!
//! A heap that is cleaned lazily: what is withdrawn stays in it as a dead entry, is passed over when its time is near, and
//! swept out when the dead outnumber the living. Nearly all deadlines are withdrawn long before they are near, since
//! nearly all checks end in time; taking each from the heap at once would cost each a walk down its levels, while a sweep
//! costs each a few steps. Setting is O(log n), and O(1) for a deadline later than all others, as new ones nearly always
//! are; withdrawing is O(1) over time.
//!
//! What a timing wheel would buy: O(1) for all. Beyond a few hundred thousand timers a wheel (tokio has 6 levels of 64
//! slots) would be worth its code.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// So many dead entries are never worth a sweep.
const SWEEP_FROM: usize = 64;

/// A set of deadlines, one a slot.
#[derive(Default)]
pub(super) struct Timers {
    /// The earliest first.
    heap: BinaryHeap<Reverse<TimerEntry>>,
    /// By slot: which of its entries is alive. Odd while there is one: setting and clearing count on.
    current: Vec<u32>,
    /// How many slots have a deadline.
    alive: usize,
}

/// A deadline as it was set: alive while its slot still counts this generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TimerEntry {
    at: Instant,
    slot: u32,
    generation: u32,
}

impl Timers {
    /// Makes room for so many slots.
    pub(super) fn reserve(&mut self, slots: usize) {
        self.heap.reserve(slots);
        // Counted from now on, and not one by one as they are first used.
        self.current.resize(self.current.len().max(slots), 0);
    }

    /// Sets the slot's deadline, in place of the one it had.
    pub(super) fn set(&mut self, slot: u32, at: Instant) {
        if self.current.len() <= slot as usize {
            self.current.resize(slot as usize + 1, 0);
        }
        let generation = &mut self.current[slot as usize];
        let was_set = is_odd(*generation);
        *generation = generation.wrapping_add(if was_set { 2 } else { 1 });
        self.alive += usize::from(!was_set);
        self.heap.push(Reverse(TimerEntry { at, slot, generation: *generation }));
        if was_set {
            self.sweep();
        }
    }

    /// Withdraws the slot's deadline; nothing happens where there is none.
    pub(super) fn clear(&mut self, slot: u32) {
        if self.is_set(slot) {
            self.die(slot);
            self.sweep();
        }
    }

    /// Whether the slot has a deadline.
    pub(super) fn is_set(&self, slot: u32) -> bool {
        self.current.get(slot as usize).is_some_and(|generation| is_odd(*generation))
    }

    /// Whether there is any.
    pub(super) fn is_empty(&self) -> bool {
        self.alive == 0
    }

    /// The earliest deadline, if it is not later than this.
    pub(super) fn next(&mut self, until: Instant) -> Option<Instant> {
        self.first(until).map(|first| first.at)
    }

    /// Takes one slot whose deadline has come, earliest first.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let first = self.first(now)?;
        self.heap.pop();
        self.die(first.slot);
        Some(first.slot)
    }

    /// The earliest entry that is alive, if it is not later than this. Dead ones on the way to it are taken out.
    fn first(&mut self, until: Instant) -> Option<TimerEntry> {
        while let Some(Reverse(entry)) = self.heap.peek().filter(|Reverse(entry)| entry.at <= until) {
            if self.current[entry.slot as usize] == entry.generation {
                return Some(*entry);
            }
            self.heap.pop();
        }
        None
    }

    /// Moves every deadline. The order stays as it is.
    pub(super) fn postpone(&mut self, by: Duration) {
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        entries.iter_mut().for_each(|Reverse(entry)| entry.at += by);
        self.heap = entries.into();
    }

    fn die(&mut self, slot: u32) {
        let generation = &mut self.current[slot as usize];
        *generation = generation.wrapping_add(1);
        self.alive -= 1;
    }

    /// Takes out all dead entries, where they outnumber the living.
    fn sweep(&mut self) {
        if self.heap.len() > 2 * self.alive + SWEEP_FROM {
            let current = &self.current;
            self.heap.retain(|Reverse(entry)| current[entry.slot as usize] == entry.generation);
        }
    }
}

fn is_odd(generation: u32) -> bool {
    generation % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(timers: &mut Timers, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| timers.pop_due(now)).collect()
    }

    #[test]
    fn due_slots_come_earliest_first_and_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        for (slot, ms) in [(4, 30), (0, 10), (7, 20), (2, 40)] {
            timers.set(slot, at(ms));
        }
        assert_eq!((timers.next(at(9)), timers.next(at(10))), (None, Some(at(10))));
        assert_eq!(drain(&mut timers, at(30)), [0, 7, 4]);
        assert_eq!(timers.next(at(1_000)), Some(at(40)));
        assert_eq!(drain(&mut timers, at(30)), [0u32; 0]);
    }

    #[test]
    fn setting_again_replaces_and_clearing_withdraws() {
        let start = Instant::now();
        let later = start + Duration::from_secs(60);
        let mut timers = Timers::default();
        timers.set(1, start + Duration::from_secs(1));
        timers.set(1, start + Duration::from_secs(9));
        timers.set(2, start + Duration::from_secs(5));
        timers.set(2, start + Duration::from_secs(2));
        assert_eq!(timers.next(later), Some(start + Duration::from_secs(2)));
        timers.clear(2);
        timers.clear(2);
        timers.clear(99);
        assert_eq!(timers.next(later), Some(start + Duration::from_secs(9)));
        assert!(!timers.is_empty());
        timers.clear(1);
        assert_eq!((timers.next(later), timers.is_empty()), (None, true));
    }

    #[test]
    fn postponing_moves_all_and_keeps_the_order() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for slot in 0..10 {
            timers.set(slot, start + Duration::from_millis(u64::from(10 - slot)));
        }
        timers.postpone(Duration::from_secs(1));
        assert_eq!(drain(&mut timers, start + Duration::from_millis(999)), [0u32; 0]);
        let all: Vec<u32> = (0..10).rev().collect();
        assert_eq!(drain(&mut timers, start + Duration::from_millis(1010)), all);
    }

    /// The heap against a sorted list, over a few thousand operations from a fixed seed.
    #[test]
    fn agrees_with_a_sorted_list() {
        let start = Instant::now();
        let mut timers = Timers::default();
        let mut model = std::collections::BTreeMap::new();
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..5000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let slot = (state >> 8) as u32 % 64;
            // Distinct times, so that the order is defined.
            let at = start + Duration::from_nanos((state >> 20) % 1_000_000 * 64 + u64::from(slot));
            match state % 4 {
                0 | 1 => {
                    timers.set(slot, at);
                    model.insert(slot, at);
                }
                2 => {
                    timers.clear(slot);
                    model.remove(&slot);
                }
                _ => {
                    let first = model.iter().min_by_key(|(_, at)| **at).map(|(slot, at)| (*slot, *at));
                    let later = start + Duration::from_secs(1);
                    assert_eq!((timers.next(later), timers.is_empty()), (first.map(|(_, at)| at), first.is_none()));
                    if let Some((slot, at)) = first {
                        assert_eq!(timers.pop_due(at), Some(slot));
                        model.remove(&slot);
                    }
                }
            }
        }
    }
}
