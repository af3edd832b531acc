//! The event loop: the file that this project exists for.
//!
//! A program that waits for one socket at a time spends its life waiting. A program that asks "which of my ten thousand
//! sockets can be moved on?" spends it working. [`Reactor::turn`] is that question, and one trip round the loop is:
//!
//! ```text
//!     1  how long may we wait?      until the next deadline; not at all if somebody asked to go `again`
//!     2  wait                       the one place where this thread sleeps (epoll, kqueue: mio's `Poll`)
//!     3  what time is it?           one reading, shared by everything that happened in this turn
//!     4  who is ready?              readiness -> `Ready::Io`; events for keys closed since are dropped here
//!     5  who asked to go again?     -> `Ready::Io`
//!     6  whose time is up?          -> `Ready::Deadline`, always after readiness: an answer beats a timeout. A deadline has
//!                                   come when the OS was asked after it and still had nothing to say
//! ```
//!
//! What comes out is data, not callbacks: the owner matches on it in one place, and all control flow can be read there.
//! `T` is the owner's own tag, given to [`open`](Reactor::open) and handed back with every event, so one loop carries
//! checks, listeners, signals and standard input alike.
//!
//! Readiness is *edge-triggered* (mio's "Draining readiness"): an event says that something changed, once. So an owner
//! reads until `WouldBlock`, or calls [`again`](Reactor::again) if it stops earlier to be fair to others. An event may
//! also be spurious: readiness is a hint, the read or write tells the truth.
//!
//! This layer refuses to know what the sockets are for: no protocol, no connection, no request.

pub mod clock;
mod sight;
mod timers;
mod token;

use std::io;
use std::time::{Duration, Instant};

use crate::os::{self, Events, Interest, Poll, Source, Token};
use clock::Clock;
pub use sight::{LONG_WAIT, Sight};
use timers::Timers;
pub use token::Key;

/// Events taken from the OS in one call. More simply wait for the next.
const EVENTS_PER_POLL: usize = 1024;

/// How often one turn asks again without waiting while the OS fills the whole buffer and deadlines are due (see step
/// 4).
const POLLS_PER_TURN_MAX: usize = 64;

/// With this many keys open (two a check), a turn that brought less than [`GATHER_BELOW`] events waits for [`GATHER`]
/// and then asks once more. It is what network cards do with their interrupts: a thousand answers that trickle in cost
/// hundreds of wake-ups less, and each time stamp is late by a millisecond at most.
const GATHER_FROM: usize = 128;

/// See [`GATHER_FROM`].
const GATHER_BELOW: usize = 64;

/// See [`GATHER_FROM`].
const GATHER: Duration = Duration::from_millis(1);

/// An absence of this much more than was asked for means that this program did not run: it was stopped, swapped out,
/// starved.
const ABSENCE_MIN: Duration = Duration::from_millis(250);

/// The longest wait that is asked for at once. When an absence began can only be told from when it was asked last: a
/// loop that asks twice a second knows it well enough, and moves no deadline by much more than the absence took.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// One thing that happened. `tag` is what the owner gave to [`Reactor::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready<T> {
    /// The source may be read or written without waiting. An error or a hang-up shows as both, for a read or write to
    /// find.
    Io {
        /// The key that it happened to.
        key: Key,
        /// What its owner called it, as given to [`Reactor::open`].
        tag: T,
        /// A read will not wait.
        readable: bool,
        /// A write will not wait.
        writable: bool,
        /// There is an end to be read behind what has come, and no further event may announce it: read until it shows.
        /// While this is false, a read that did not fill its buffer has taken all there is.
        ended: bool,
    },
    /// The deadline set with [`Reactor::arm`] has come. It is no longer armed.
    Deadline {
        /// The key that it happened to.
        key: Key,
        /// What its owner called it, as given to [`Reactor::open`].
        tag: T,
    },
}

impl<T> Ready<T> {
    /// Whose event this is.
    pub fn key(&self) -> Key {
        match *self {
            Ready::Io { key, .. } | Ready::Deadline { key, .. } => key,
        }
    }
}

/// What the loop knows of itself. A loop that is held up by its owner shows here first.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopStats {
    /// Trips round the loop.
    pub turns: u64,
    /// The longest time between being told what is ready and asking again: "loop lag". Everybody else waited for this
    /// long.
    pub longest_turn: Duration,
    /// How many events that turn held.
    pub longest_turn_events: usize,
    /// How long this program was away in all: stopped, swapped out or starved, for a second or more at a time.
    pub absent: Duration,
}

impl LoopStats {
    /// Notes a turn that was dealt with by `now`: how long that took.
    fn note(&mut self, turn: &Turn, now: Instant) -> Duration {
        let took = if turn.number > 0 { now.saturating_duration_since(turn.seen_at) } else { Duration::ZERO };
        if took > self.longest_turn {
            self.longest_turn = took;
            self.longest_turn_events = turn.events();
        }
        took
    }
}

/// One trip round the loop: what it waited for, and what came. Enough to draw it, or to tell of it.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// From 1.
    pub number: u64,
    /// When it began to wait.
    pub asked_at: Instant,
    /// How long it would have waited at most. `None`: until something was ready.
    pub wait: Option<Duration>,
    /// When it was seen what had happened: the time stamp of all that it brought.
    pub seen_at: Instant,
    /// How often the OS was asked.
    pub polls: usize,
    /// How many were ready.
    pub ready: usize,
    /// How many had asked to go [`again`](Reactor::again).
    pub again: usize,
    /// How many deadlines had come.
    pub due: usize,
}

impl Turn {
    fn new(now: Instant) -> Turn {
        Turn { number: 0, asked_at: now, wait: None, seen_at: now, polls: 0, ready: 0, again: 0, due: 0 }
    }

    /// How many events it handed out.
    pub fn events(&self) -> usize {
        self.ready + self.again + self.due
    }

    /// When the wait was to end.
    fn due_back(&self) -> Option<Instant> {
        self.wait.map(|wait| self.asked_at + wait)
    }
}

/// How the OS is to be asked.
#[derive(Clone, Copy, Debug, Default)]
struct Ask {
    /// For how long nobody is asked at all, so that more can come.
    nap: Duration,
    /// How long it may take to answer. `None`: until something is ready.
    wait: Option<Duration>,
}

/// The event loop. See the module's text.
pub struct Reactor<T> {
    poll: Poll,
    events: Events,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    timers: Timers,
    again: Vec<Key>,
    clock: Clock,
    last_turn: Turn,
    sight: Sight,
    stats: LoopStats,
}

struct Slot<T> {
    key: Key,
    /// `None`: free.
    tag: Option<T>,
}

impl<T: Copy> Reactor<T> {
    /// A loop with nothing in it. Fails if the OS has no descriptor left for it.
    pub fn new(clock: Clock) -> io::Result<Reactor<T>> {
        Ok(Reactor {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_POLL),
            slots: Vec::new(),
            free: Vec::new(),
            timers: Timers::default(),
            again: Vec::new(),
            clock,
            last_turn: Turn::new(clock.started()),
            sight: Sight::new(clock.started()),
            stats: LoopStats::default(),
        })
    }

    /// Makes room for so many keys and their deadlines, so that nothing has to be copied as their number grows.
    pub fn reserve(&mut self, keys: usize) {
        self.slots.reserve(keys);
        self.free.reserve(keys);
        self.timers.reserve(keys);
    }

    /// A new identity. The socket comes later, with [`watch`](Self::watch): a check has a deadline before it has a
    /// socket.
    pub fn open(&mut self, tag: T) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = self.slots.len() as u32;
            assert!(slot as usize <= token::SLOT_MAX, "more registrations than a token can number");
            self.slots.push(Slot { key: Key { slot, generation: 0 }, tag: None });
            slot
        });
        let entry = &mut self.slots[slot as usize];
        entry.tag = Some(tag);
        entry.key
    }

    /// Whether an event still holds. An earlier one of the same batch may have closed its key, or, where it is a
    /// deadline, armed the next in its place: a deadline of a phase that is over must not end the one that follows.
    pub fn is_current(&self, event: &Ready<T>) -> bool {
        self.is_open(event.key()) && !(matches!(event, Ready::Deadline { .. }) && self.timers.is_set(event.key().slot))
    }

    /// Whether the key is still open. A batch of events may name keys that an earlier event of the same batch has
    /// closed.
    pub fn is_open(&self, key: Key) -> bool {
        self.slots.get(key.slot as usize).is_some_and(|slot| slot.key == key && slot.tag.is_some())
    }

    /// Delivers the source's readiness under this key from now on. Once is enough for the life of a connection: the OS
    /// remembers the interest, and edges cost nothing while nothing changes.
    pub fn watch(&mut self, key: Key, io: &mut impl Source, want: Interest) -> io::Result<()> {
        debug_assert!(self.is_open(key), "watch on a closed key");
        self.poll.registry().register(io, key.token(), want)
    }

    /// Delivers the readiness of a source that was [watched](Self::watch) before, under another key, which may be closed
    /// by now. What is ready already is told again.
    pub fn rewatch(&mut self, key: Key, io: &mut impl Source, want: Interest) -> io::Result<()> {
        debug_assert!(self.is_open(key), "rewatch on a closed key");
        self.poll.registry().reregister(io, key.token(), want)
    }

    /// Stops delivering the source's readiness. Only for a source that stays open: closing a socket ends its
    /// registration.
    pub fn unwatch(&mut self, io: &mut impl Source) -> io::Result<()> {
        self.poll.registry().deregister(io)
    }

    /// Sets the key's one deadline, in place of the one it had.
    pub fn arm(&mut self, key: Key, at: Instant) {
        debug_assert!(self.is_open(key), "arm on a closed key");
        self.timers.set(key.slot, at);
    }

    /// Withdraws the key's deadline.
    pub fn disarm(&mut self, key: Key) {
        if self.is_open(key) {
            self.timers.clear(key.slot);
        }
    }

    /// Delivers the key as ready in the next turn, which will not wait: for an owner that stopped reading before
    /// `WouldBlock`.
    pub fn again(&mut self, key: Key) {
        self.again.push(key);
    }

    /// Ends a key: its deadline is withdrawn and whatever was still under way for it vanishes. The source itself is the
    /// owner's to close.
    pub fn close(&mut self, key: Key) {
        if !self.is_open(key) {
            return;
        }
        self.timers.clear(key.slot);
        let slot = &mut self.slots[key.slot as usize];
        slot.tag = None;
        slot.key = key.next();
        self.free.push(key.slot);
    }

    /// One trip round the loop. Appends what happened to `out` and returns the time at which it was seen: the time
    /// stamp for the end of whatever each event ends. Waits for ever if nothing is watched and nothing armed, so don't.
    ///
    /// Events in `out` are true when they are handed out; one may undo another. Ask [`is_current`](Self::is_current)
    /// before acting on each.
    pub fn turn(&mut self, out: &mut Vec<Ready<T>>) -> io::Result<Instant> {
        let mut turn = self.begin_turn();

        // 1. How long may we wait?
        turn.wait = self.longest_wait(turn.asked_at);

        let mut next = Ask { wait: turn.wait, ..Ask::default() };
        let polled_at = loop {
            // 2. Wait.
            let polled_at = turn.seen_at;
            let is_all = self.wait(next)?;

            // 3. What time is it?
            turn.seen_at = self.clock.now();
            turn.polls += 1;
            if is_all {
                self.note_look(&turn, polled_at);
            }

            // 4. Who is ready?
            turn.ready += self.push_ready(out);
            match self.ask_again(&turn, polled_at, is_all) {
                Some(again) => next = again,
                None => break polled_at,
            }
        };

        // 5. Who asked to go again?
        turn.again = self.push_again(out);

        // 6. Whose time is up? Time in which this program did not run is not held against anybody.
        self.excuse_sleep(&turn);
        turn.due = self.push_due(polled_at, out);

        self.last_turn = turn;
        Ok(turn.seen_at)
    }

    /// What the loop knows of itself so far, the turn that is under way included.
    pub fn stats(&self) -> LoopStats {
        let mut stats = self.stats;
        stats.note(&self.last_turn, self.clock.now());
        stats
    }

    /// What the last turn waited for and brought.
    pub fn last_turn(&self) -> &Turn {
        &self.last_turn
    }

    /// Since when what the last turn brought may have been so.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// How long this program was away in all; see [`LoopStats::absent`].
    pub fn absent(&self) -> Duration {
        self.stats.absent
    }

    /// The clock that this loop runs on.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Accounts for the turn before: the time since it handed out its events is how long the owner took over them.
    fn begin_turn(&mut self) -> Turn {
        let now = self.clock.now();
        let took = self.stats.note(&self.last_turn, now);
        if took >= ABSENCE_MIN {
            self.excuse(took);
        }
        self.stats.turns += 1;
        self.sight.begin(now);
        Turn { number: self.stats.turns, ..Turn::new(now) }
    }

    /// 1. Until the next deadline; `None`: until something is ready.
    fn longest_wait(&mut self, now: Instant) -> Option<Duration> {
        match self.timers.next(now + WAIT_MAX) {
            _ if !self.again.is_empty() => Some(Duration::ZERO),
            Some(at) => Some(at.saturating_duration_since(now)),
            None if !self.timers.is_empty() => Some(WAIT_MAX),
            None => None,
        }
    }

    /// 2. Asks the OS who is ready, and sleeps until somebody is. Whether it has told all.
    fn wait(&mut self, ask: Ask) -> io::Result<bool> {
        if !ask.nap.is_zero() {
            os::sleep(ask.nap);
        }
        match self.poll.poll(&mut self.events, ask.wait) {
            Ok(()) => Ok(self.events.iter().count() < EVENTS_PER_POLL),
            // A signal, or this program was stopped and goes on. Nothing was delivered, so nobody knows who is ready.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Where not all was told, it has not been looked.
    fn note_look(&mut self, turn: &Turn, polled_at: Instant) {
        let is_empty = turn.ready == 0 && self.events.iter().next().is_none();
        self.sight.looked(polled_at, turn.seen_at, is_empty, turn.due_back());
    }

    /// 4. Readiness, as the OS told it last. How much of it was for keys that are still open.
    fn push_ready(&mut self, out: &mut Vec<Ready<T>>) -> usize {
        let before = out.len();
        for event in &self.events {
            let broken = event.is_error() || event.is_read_closed() && event.is_write_closed();
            if let Some((key, tag)) = self.named_by(event.token()) {
                out.push(Ready::Io {
                    key,
                    tag,
                    readable: event.is_readable() || event.is_read_closed() || broken,
                    writable: event.is_writable() || broken,
                    ended: event.is_read_closed() || broken,
                });
            }
        }
        out.len() - before
    }

    /// Whether the OS is to be asked once more in this turn, this time without waiting for anybody.
    fn ask_again(&mut self, turn: &Turn, polled_at: Instant, is_all: bool) -> Option<Ask> {
        let at_once = Ask { wait: Some(Duration::ZERO), ..Ask::default() };
        // Under load, waking up for each answer costs more than the answer. Let a few more come.
        if turn.polls == 1 && turn.wait != at_once.wait && self.is_worth_gathering(turn.ready) {
            return Some(Ask { nap: GATHER, ..at_once });
        }
        // Somebody's answer may have been left behind, or have come since the OS was asked. Fetch it before calling
        // anybody late.
        let anybody_late = self.timers.next(turn.seen_at).is_some_and(|at| !is_all || at > polled_at);
        (anybody_late && turn.polls < POLLS_PER_TURN_MAX).then_some(at_once)
    }

    fn is_worth_gathering(&self, events: usize) -> bool {
        (1..GATHER_BELOW).contains(&events) && self.slots.len() - self.free.len() >= GATHER_FROM
    }

    /// 5. Whoever stopped before there was nothing left. How many of them are still open.
    fn push_again(&mut self, out: &mut Vec<Ready<T>>) -> usize {
        let before = out.len();
        for key in std::mem::take(&mut self.again) {
            if let Some(tag) = self.tag(key) {
                // Whether there is an end is not known any more, so it must be looked for.
                out.push(Ready::Io { key, tag, readable: true, writable: true, ended: true });
            }
        }
        out.len() - before
    }

    /// 6. Whose deadline had come when the OS was last asked. How many.
    fn push_due(&mut self, polled_at: Instant, out: &mut Vec<Ready<T>>) -> usize {
        let before = out.len();
        while let Some(slot) = self.timers.pop_due(polled_at) {
            let slot = &self.slots[slot as usize];
            if let Some(tag) = slot.tag {
                out.push(Ready::Deadline { key: slot.key, tag });
            }
        }
        out.len() - before
    }

    /// Whose token this is, if it is still open.
    fn named_by(&self, token: Token) -> Option<(Key, T)> {
        let slot = self.slots.get(token::slot_of(token)).filter(|slot| slot.key.token() == token)?;
        Some((slot.key, slot.tag?))
    }

    fn tag(&self, key: Key) -> Option<T> {
        self.slots.get(key.slot as usize).filter(|slot| slot.key == key)?.tag
    }

    /// A sleep that was over long after it should have been: this program did not run.
    fn excuse_sleep(&mut self, turn: &Turn) {
        if turn.due_back().is_some_and(|at| turn.seen_at.saturating_duration_since(at) >= ABSENCE_MIN) {
            // Since when it did not run cannot be known; it may be since it asked.
            self.excuse(turn.seen_at.saturating_duration_since(turn.asked_at));
            self.sight.was_absent();
        }
    }

    /// Moves every deadline by the time that this program was away. A target is not late because we were.
    fn excuse(&mut self, absence: Duration) {
        self.timers.postpone(absence);
        self.stats.absent += absence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::{TcpListener, TcpStream};
    use std::io::{Read, Write};

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Tag {
        A,
        B,
    }

    fn reactor() -> Reactor<Tag> {
        Reactor::new(Clock::start()).unwrap()
    }

    fn turn(reactor: &mut Reactor<Tag>) -> Vec<Ready<Tag>> {
        let mut out = Vec::new();
        reactor.turn(&mut out).unwrap();
        out
    }

    /// A connected pair on loopback: the near end for the loop, the far end blocking.
    fn pair() -> (TcpStream, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        (near, far)
    }

    #[test]
    fn readiness_comes_with_the_owners_tag() {
        let mut reactor = reactor();
        let (mut near, mut far) = pair();
        let key = reactor.open(Tag::B);
        reactor.watch(key, &mut near, Interest::READABLE).unwrap();
        far.write_all(b"x").unwrap();
        match turn(&mut reactor)[..] {
            [Ready::Io { key: k, tag: Tag::B, readable: true, ended: false, .. }] => assert_eq!(k, key),
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_late_event_of_a_closed_key_vanishes_even_when_its_slot_is_reused() {
        let mut reactor = reactor();
        let (mut near, mut far) = pair();
        let old = reactor.open(Tag::A);
        reactor.watch(old, &mut near, Interest::READABLE).unwrap();
        far.write_all(b"x").unwrap();
        reactor.close(old);
        let new = reactor.open(Tag::B);
        assert_eq!(new.slot, old.slot);
        reactor.arm(new, reactor.clock().now());
        assert_eq!(turn(&mut reactor), [Ready::Deadline { key: new, tag: Tag::B }]);
        assert!(!reactor.is_open(old) && reactor.is_open(new));
    }

    #[test]
    fn a_readiness_and_a_deadline_in_one_turn_come_in_that_order() {
        let mut reactor = reactor();
        let (mut near, mut far) = pair();
        let key = reactor.open(Tag::A);
        reactor.watch(key, &mut near, Interest::READABLE).unwrap();
        far.write_all(b"x").unwrap();
        reactor.arm(key, reactor.clock().now());
        let out = turn(&mut reactor);
        assert!(matches!(out[..], [Ready::Io { .. }, Ready::Deadline { .. }]), "{out:?}");
    }

    #[test]
    fn again_is_delivered_once_and_without_waiting() {
        let mut reactor = reactor();
        let key = reactor.open(Tag::A);
        reactor.arm(key, reactor.clock().now() + Duration::from_secs(60));
        reactor.again(key);
        let out = turn(&mut reactor);
        assert_eq!(out, [Ready::Io { key, tag: Tag::A, readable: true, writable: true, ended: true }]);
        reactor.arm(key, reactor.clock().now());
        assert_eq!(turn(&mut reactor), [Ready::Deadline { key, tag: Tag::A }]);
    }

    #[test]
    fn again_on_a_key_closed_since_vanishes() {
        let mut reactor = reactor();
        let key = reactor.open(Tag::A);
        reactor.again(key);
        reactor.close(key);
        assert_eq!(turn(&mut reactor), []);
    }

    #[test]
    fn a_deadline_armed_again_fires_once_at_the_later_time() {
        let mut reactor = reactor();
        let key = reactor.open(Tag::A);
        let start = reactor.clock().now();
        reactor.arm(key, start);
        reactor.arm(key, start + Duration::from_millis(20));
        let mut out = Vec::new();
        let mut now = start;
        while out.is_empty() {
            now = reactor.turn(&mut out).unwrap();
        }
        assert!(now >= start + Duration::from_millis(20));
        assert_eq!(out, [Ready::Deadline { key, tag: Tag::A }]);
    }

    #[test]
    fn a_hang_up_is_readable() {
        let mut reactor = reactor();
        let (mut near, far) = pair();
        let key = reactor.open(Tag::A);
        reactor.watch(key, &mut near, Interest::READABLE | Interest::WRITABLE).unwrap();
        drop(far);
        let mut hung_up = false;
        for _ in 0..10 {
            hung_up =
                turn(&mut reactor).iter().any(|event| matches!(event, Ready::Io { readable: true, ended: true, .. }));
            if hung_up {
                break;
            }
        }
        assert!(hung_up);
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn only_a_loaded_loop_gathers_and_only_a_trickle() {
        let mut reactor = reactor();
        assert!(!reactor.is_worth_gathering(1), "nobody is kept waiting where a wake-up is cheap");
        let keys: Vec<Key> = (0..GATHER_FROM).map(|_| reactor.open(Tag::A)).collect();
        assert!(reactor.is_worth_gathering(1) && reactor.is_worth_gathering(GATHER_BELOW - 1));
        assert!(!reactor.is_worth_gathering(0), "a deadline alone is not gathered for");
        assert!(!reactor.is_worth_gathering(GATHER_BELOW));
        reactor.close(keys[7]);
        assert!(!reactor.is_worth_gathering(1));
    }

    #[test]
    fn what_is_gathered_comes_in_one_turn() {
        let mut reactor = reactor();
        for _ in 0..GATHER_FROM {
            reactor.open(Tag::A);
        }
        let (mut near, mut far) = pair();
        let (mut near2, mut far2) = pair();
        for near in [&mut near, &mut near2] {
            let key = reactor.open(Tag::B);
            reactor.watch(key, near, Interest::READABLE).unwrap();
        }
        far.write_all(b"x").unwrap();
        far2.write_all(b"x").unwrap();
        assert_eq!(turn(&mut reactor).len(), 2);
    }

    #[test]
    fn an_absence_is_nobodys_fault() {
        let mut reactor = reactor();
        let key = reactor.open(Tag::A);
        let at = reactor.clock().now() + Duration::from_millis(500);
        reactor.arm(key, at);
        reactor.excuse(Duration::from_secs(3));
        let moved = at + Duration::from_secs(3);
        assert_eq!(reactor.timers.next(moved), Some(moved));
        assert_eq!(reactor.stats().absent, Duration::from_secs(3));
    }

    #[test]
    fn a_listener_runs_on_the_same_loop() {
        let mut reactor = reactor();
        let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let key = reactor.open(Tag::A);
        reactor.watch(key, &mut listener, Interest::READABLE).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(matches!(turn(&mut reactor)[..], [Ready::Io { readable: true, .. }]));
        assert!(listener.accept().is_ok());
    }
}
