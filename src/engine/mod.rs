//! The shell around the pure half: the one place that knows both sockets and checks.
//!
//! A check goes through here like this (the numbers stand again in the code):
//!
//! ```text
//!     1 queue     a target is brought with `add`; the queue says when it may start
//!     2 begin     Check::new, and a key in the reactor that carries the check's deadline
//!     3 resolve   a literal address needs nothing; a name becomes addresses
//!     4 dial      a socket for the first address, with a key of its own; others may follow beside it; or a unix socket
//!     5 send      the first write that succeeds proves the connection -> Input::Connected; it carries the request, TLS's first flight, or
//!                 what asks a proxy for a tunnel
//!     6 receive   whatever comes -> Input::Bytes, through the TLS session where there is one, until the check has seen enough
//!     7 finish    the sockets are closed or kept; the outcome is handed out, or the target goes back to 1, to be tried again later
//! ```
//!
//! Everything that happens to a check arrives through [`Engine::turn`] as an event, becomes an [`Input`], and what the
//! machine answers is done at once in `advance`. This file has the turn and the queue (1, 2, 7); `connecting` has 3 and 4,
//! `exchange` 5 and 6. The engine prints nothing and judges nothing.

mod budget;
mod connecting;
pub mod dial;
mod exchange;
pub mod journal;
pub mod pool;
pub mod queue;
pub mod resolver;
pub mod retry;
mod reuse;
pub mod secure;
mod sighting;
pub mod trouble;
mod unsent;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::check::machine::{Action, Check, Input, Try};
use crate::check::outcome::{Failure, Outcome, Reason};
use crate::check::target::Target;
use crate::os;
use crate::proto::http::close_reason::CloseReason;
use crate::reactor::{Key, Reactor, Ready};
use crate::sys::random::Numbers;
use budget::Budget;
use dial::{Attempt, Dial};
use journal::{Cause, Journal};
use pool::{Origin, Pool};
use queue::{Limits, Queue};
use resolver::{Addresses, Names, Resolver, Ticket, Waiter};
use retry::Persistence;
use reuse::Idle;
use secure::Secure;
use sighting::{Absences, Sighting, WIDE};
use trouble::Trouble;
use unsent::Unsent;

/// The one read buffer: one thread reads, so one buffer serves all connections.
const READ_BUFFER: usize = 16 * 1024;

/// The same where there are no more than [`FEW`] targets: a program that makes one check is done before the zeros of a larger one
/// have paid.
const READ_BUFFER_OF_FEW: usize = 4 * 1024;

/// See [`READ_BUFFER_OF_FEW`].
const FEW: usize = 16;

/// Room for most requests. It grows to that of the largest.
const REQUEST_AT_FIRST: usize = 512;

/// How long the engine works before it asks the OS again. What is left over waits with the time at which it was seen, so
/// that nobody is charged with the work that was done for others before it.
const WORK_PER_TURN: Duration = Duration::from_millis(3);

/// How long a turn that brought nothing may go on with starts before the OS is asked again.
const IDLE_WORK: Duration = Duration::from_millis(4);

/// How long at least it starts waiting checks, however long the turn has taken already.
const START_FOR: Duration = Duration::from_micros(500);

/// How often a check is put off, and for how long each time, when the system has no memory for its socket.
const IN_VAIN_MAX: u32 = 20;

/// See [`IN_VAIN_MAX`].
const IN_VAIN_PAUSE: Duration = Duration::from_millis(50);

/// For how many checks there is room from the start, if so many may be under way. The system gives memory when it is
/// first written to, so room costs nothing; growing would copy every check, and hold two copies of all while it does.
const JOBS_AT_FIRST: usize = 16 * 1024;

/// For how many keys there is room beside those: two a check, its own and its connection's.
const KEYS_BESIDE: usize = 64;

/// For how many events there is room from the start: what one look at the OS may bring.
const BACKLOG_AT_FIRST: usize = 1024;

/// Whose event it is. `O` is the owner's own tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag<O> {
    /// The deadline of the check in this slot.
    Check(u32),
    /// A socket of the check in this slot, or the end of its head start.
    Conn(u32),
    /// The time at which the queue may start another.
    Queue,
    /// A part of the resolver.
    Names(resolver::ResolverPart),
    /// Something that the engine's owner watches on the same loop.
    Owner(O),
}

impl<O> From<resolver::ResolverPart> for Tag<O> {
    fn from(part: resolver::ResolverPart) -> Tag<O> {
        Tag::Names(part)
    }
}

/// What a turn brought.
// Nearly all are the large variant, so a box would cost an allocation a check and save nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Event<O> {
    /// A check is over.
    Finished {
        /// The number that the owner gave its target.
        number: u64,
        /// All that is known of the check.
        outcome: Outcome,
    },
    /// While every target is tried until it is up: this one is not, for another reason than before.
    NotYet {
        /// The number that the owner gave it.
        number: u64,
        /// The target's URL.
        target: String,
        /// Why it is not up.
        failure: Failure,
    },
    /// Something that the owner registered is ready or due.
    Owner {
        /// What the owner called it.
        tag: O,
        /// The event as the reactor gave it.
        ready: Ready<Tag<O>>,
    },
}

/// The attempt before.
#[derive(Clone, Copy)]
struct Last {
    reason: Reason,
    /// When it was over. What was known of the name until then has had its use.
    ended: Instant,
}

/// A target that waits for its turn.
struct Waiting {
    /// What its owner calls it.
    number: u64,
    target: Target,
    since: Instant,
    attempt: Try,
    /// How the attempt before ended.
    last: Option<Box<Last>>,
    /// How often it could not begin for want of something that only time gives back.
    in_vain: u32,
}

/// A check under way.
struct Job {
    number: u64,
    check: Check,
    /// Carries the deadline.
    key: Key,
    link: Link,
    /// The request may be sent as soon as a connection stands.
    may_send: bool,
    since: Instant,
    /// Nearly all checks have one attempt.
    last: Option<Box<Last>>,
    in_vain: u32,
    /// How many bytes of its answer it keeps.
    held: usize,
    /// What this program took for others until then has been taken off its time.
    excused_to: Instant,
}

impl Job {
    /// What happened at `then` is dealt with only now. The time between is ours, and is to be taken off the check's, once.
    fn lag(&mut self, then: Instant, now: Instant, absences: &Absences) -> Option<Duration> {
        let since = then.max(self.excused_to);
        // Nearly always.
        if now < since + WIDE {
            return None;
        }
        let lag = now.saturating_duration_since(since).saturating_sub(absences.given_back_after(since));
        (lag >= WIDE).then(|| {
            self.excused_to = now;
            lag
        })
    }
}

/// How far the connection is.
enum Link {
    None,
    /// The resolver will tell.
    Resolving(Ticket),
    /// To be dialled next.
    Resolved(Addresses),
    Dialing(Dial),
    /// It stands. `unsent`: what of the request did not fit yet. `origin`: what it may be kept for.
    Open {
        attempt: Attempt,
        unsent: Unsent,
        origin: Option<Box<Origin>>,
    },
}

/// A check whose race could not go on.
struct Starved {
    id: u32,
    key: Key,
    /// What this machine lacks, in words.
    failure: Failure,
    since: Instant,
}

/// How an engine is to work.
pub struct Config {
    /// How much at once, and how fast.
    pub limits: Limits,
    /// How often, and until when.
    pub persistence: Persistence,
    /// How names are looked up.
    pub names: Names,
    /// How TLS is spoken.
    pub secure: Secure,
    /// How many bytes of answers may be kept at once, over all checks.
    pub memory: usize,
    /// How many targets there are, where that is known: there need not be room for more.
    pub expected: Option<usize>,
}

/// Drives checks over sockets. See the module's text.
pub struct Engine<O> {
    reactor: Reactor<Tag<O>>,
    queue: Queue<Waiting>,
    /// Carries the time at which the queue may start another, if that is a matter of time.
    queue_key: Key,
    persistence: Persistence,
    numbers: Numbers,
    pool: Pool<Idle>,
    secure: Secure,
    budget: Budget,
    resolver: Resolver,
    jobs: Vec<Option<Job>>,
    free: Vec<u32>,
    finished: Vec<Event<O>>,
    /// Everything is being ended with this, and nothing tried again.
    abandoning: Option<Failure>,
    /// What was seen and not yet dealt with, and when it was seen.
    backlog: VecDeque<(Ready<Tag<O>>, Sighting)>,
    /// Checks whose races lack a descriptor for the next address.
    starved: VecDeque<Starved>,
    /// What was found for names, and by when, and whom it was not told yet.
    named: VecDeque<(Waiter, Result<Addresses, Trouble>, Instant)>,
    /// The time that this program was away, which the checks have been given back.
    absences: Absences,
    /// What was done, where somebody wants to know.
    journal: Option<Box<Journal>>,
    /// When the OS is to be asked again.
    work_until: Instant,
    /// Kept between turns so that their memory is, too.
    ready: Vec<Ready<Tag<O>>>,
    request: Vec<u8>,
    buffer: Box<[u8]>,
}

impl<O: Copy> Engine<O> {
    /// An engine on this loop.
    pub fn new(mut reactor: Reactor<Tag<O>>, config: Config) -> Engine<O> {
        let mut numbers = os::numbers();
        let started = reactor.clock().started();
        let expected = config.expected.unwrap_or(JOBS_AT_FIRST);
        let at_first = config.limits.in_flight.min(JOBS_AT_FIRST).min(expected);
        reactor.reserve(2 * at_first + KEYS_BESIDE);
        Engine {
            queue_key: reactor.open(Tag::Queue),
            reactor,
            queue: Queue::new(config.limits, |waiting| waiting.target.url.host()),
            pool: Pool::default(),
            persistence: config.persistence,
            numbers: os::numbers(),
            resolver: Resolver::new(config.names, move || numbers.next_u64()),
            secure: config.secure,
            budget: Budget::new(config.memory),
            jobs: Vec::with_capacity(at_first),
            free: Vec::with_capacity(at_first),
            finished: Vec::new(),
            abandoning: None,
            backlog: VecDeque::with_capacity(BACKLOG_AT_FIRST.min(4 * at_first)),
            starved: VecDeque::new(),
            named: VecDeque::new(),
            absences: Absences::default(),
            journal: None,
            work_until: started,
            ready: Vec::new(),
            request: Vec::with_capacity(REQUEST_AT_FIRST),
            buffer: vec![0; if expected <= FEW { READ_BUFFER_OF_FEW } else { READ_BUFFER }].into(),
        }
    }

    /// The loop below, for what the owner watches on it under [`Tag::Owner`].
    pub fn reactor(&mut self) -> &mut Reactor<Tag<O>> {
        &mut self.reactor
    }

    /// The queue, for its figures.
    pub fn queue(&self) -> &Queue<impl Sized> {
        &self.queue
    }

    /// The TLS configurations, for their figures.
    pub fn secure(&self) -> &Secure {
        &self.secure
    }

    /// What became of connections that were meant to be kept.
    pub fn pool_stats(&self) -> pool::PoolStats {
        self.pool.stats()
    }

    /// What the resolver has done so far.
    pub fn resolver_stats(&self) -> resolver::ResolverStats {
        self.resolver.stats()
    }

    /// The name servers that this system names and that cannot be asked, with why.
    pub fn unusable_servers(&self) -> Vec<String> {
        self.resolver.unusable_servers()
    }

    /// Whether a target that is brought now could start now.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Whether nothing is under way and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.queue.is_idle() && self.finished.is_empty()
    }

    /// 1. Takes a target that has been waiting since `since`, and starts it as soon as the queue lets it. `number` is
    ///    handed back with what comes of it. Gives the time at which it was taken.
    pub fn add(&mut self, number: u64, target: Target, since: Instant) -> Instant {
        let waiting = Waiting { number, target, since, attempt: self.first_try(), last: None, in_vain: 0 };
        // Nearly always, and then there is no need to move it into the queue and out again.
        if self.abandoning.is_none() && self.starved.is_empty() && self.queue.starts_at_once() {
            let now = self.reactor.clock().now();
            self.begin(waiting, now);
            return now;
        }
        self.queue.push(waiting);
        self.start_waiting()
    }

    /// As [`add`](Self::add), for a target that must not start before this time.
    pub fn add_at(&mut self, number: u64, target: Target, not_before: Instant) {
        let waiting = Waiting { number, target, since: not_before, attempt: self.first_try(), last: None, in_vain: 0 };
        self.queue.push_later(waiting, not_before);
        self.start_waiting();
    }

    /// Forgets the targets with this number, wherever they are: no outcome comes of them. It looks through all that are
    /// under way or wait.
    pub fn cancel(&mut self, number: u64) {
        for id in 0..self.jobs.len() as u32 {
            if let Some(job) = self.jobs[id as usize].take_if(|job| job.number == number) {
                self.queue.ended(job.check.target().url.host());
                self.budget.give_back(job.key, job.held);
                self.release(id, job.key, job.link, Err(CloseReason::Unfinished));
            }
        }
        self.queue.forget(|waiting| waiting.number == number);
        self.start_waiting();
    }

    /// When the work of this turn should be over, so that the OS is asked again: the owner's share of it included.
    pub fn work_until(&self) -> Instant {
        self.work_until
    }

    /// Makes the next turn not wait: its owner has more to do.
    pub fn go_on(&mut self) {
        self.reactor.again(self.queue_key);
    }

    /// One trip round the loop. What it brought is appended to `out`.
    ///
    /// # Errors
    /// The loop itself failed: nothing can go on.
    pub fn turn(&mut self, out: &mut Vec<Event<O>>) -> io::Result<Instant> {
        // What ended while targets were being added must not wait for a socket to turn ready, and what is left from the
        // turn before must not wait at all. The OS is asked in every turn all the same.
        if !self.finished.is_empty()
            || !self.backlog.is_empty()
            || !self.named.is_empty()
            || self.budget.has_next()
            || self.has_more_to_end()
        {
            self.go_on();
        }
        let mut ready = std::mem::take(&mut self.ready);
        let now = self.reactor.turn(&mut ready)?;
        let seen = Sighting::new(now, self.reactor.sight());
        self.excuse(now);
        // What happens in this turn goes into `out` itself and is not moved again.
        out.append(&mut self.finished);
        std::mem::swap(&mut self.finished, out);
        for event in ready.drain(..) {
            match event {
                // Signals and the like do not wait behind checks.
                Ready::Io { tag: Tag::Owner(tag), .. } | Ready::Deadline { tag: Tag::Owner(tag), .. } => {
                    self.finished.push(Event::Owner { tag, ready: event });
                }
                _ => self.backlog.push_back((event, seen)),
            }
        }
        self.ready = ready;
        let until = now + WORK_PER_TURN;
        // Where nothing is ready nobody waits for the owner either.
        self.work_until = if self.backlog.is_empty() { now + IDLE_WORK } else { until };
        while let Some((event, seen)) = self.backlog.pop_front() {
            // An earlier event may have undone this one.
            if self.reactor.is_current(&event) {
                self.handle(event, seen);
                if self.reactor.clock().now() >= until {
                    break;
                }
            }
        }
        self.read_on(until);
        self.hear_of_names(now, until);
        self.end_some(now, until);
        self.start_waiting();
        std::mem::swap(&mut self.finished, out);
        Ok(now)
    }

    /// Deals with one event.
    fn handle(&mut self, event: Ready<Tag<O>>, seen: Sighting) {
        let now = seen.at;
        match event {
            Ready::Deadline { tag: Tag::Check(id), key } => {
                self.noting(id, Cause::Deadline, |engine| engine.time_is_up(id, key, now));
            }
            Ready::Deadline { tag: Tag::Conn(id), .. } => {
                self.noting(id, Cause::HeadStart, |engine| engine.dial_again(id, seen.likely_since));
            }
            Ready::Io { tag: Tag::Conn(id), key, readable, writable, ended } => {
                self.noting(id, Cause::Io { readable, writable }, |engine| {
                    if writable {
                        engine.writable(id, key, seen);
                    }
                    if readable && engine.reactor.is_open(key) {
                        engine.readable(id, key, ended, seen);
                    }
                });
            }
            Ready::Io { tag: Tag::Names(part), .. } | Ready::Deadline { tag: Tag::Names(part), .. } => {
                self.resolver.handle(part, event, now, &mut self.reactor);
                self.note_names(seen.favourable());
            }
            // What may start now is started at the end of the turn.
            Ready::Deadline { tag: Tag::Queue, .. } => {}
            Ready::Io { tag: Tag::Check(_), .. } => {
                debug_assert!(false, "a check's own key carries its deadline alone")
            }
            // It went `again`: a turn was wanted that does not wait.
            Ready::Io { tag: Tag::Queue, .. } => {}
            Ready::Io { tag: Tag::Owner(_), .. } | Ready::Deadline { tag: Tag::Owner(_), .. } => {
                debug_assert!(false, "the owner's are handed out as they come");
            }
        }
    }

    /// Gives the checks under way the time back in which this program did not run: the loop has moved the deadlines that
    /// are armed, and those that are computed later must know of it, too.
    fn excuse(&mut self, now: Instant) {
        if let Some(by) = self.absences.note(self.reactor.absent(), now) {
            self.jobs.iter_mut().flatten().for_each(|job| job.check.excuse(by));
        }
    }

    /// Ends everything that is under way or waits, each with this failure, over the turns that follow: ten thousand
    /// outcomes take their time, too.
    pub fn abandon(&mut self, failure: Failure) {
        self.abandoning.get_or_insert(failure);
        self.go_on();
    }

    fn has_more_to_end(&self) -> bool {
        self.abandoning.is_some() && !self.queue.is_idle()
    }

    /// Ends as many as there is time for.
    fn end_some(&mut self, now: Instant, until: Instant) {
        let Some(failure) = self.abandoning.clone().filter(|_| !self.queue.is_idle()) else { return };
        for id in 0..self.jobs.len() as u32 {
            let Some(job) = &self.jobs[id as usize] else { continue };
            let detail = match &job.last {
                None => failure.detail.clone(),
                Some(last) => {
                    format!("{}; the attempt before ended as {}", failure.detail, last.reason.as_str()).into()
                }
            };
            self.advance(id, Input::Failed(Failure { detail, ..failure }), now);
            if self.reactor.clock().now() >= until {
                return;
            }
        }
        while let Some(waiting) = self.queue.take_waiting() {
            self.never_started(waiting, failure.clone(), now);
            if self.reactor.clock().now() >= until {
                return;
            }
        }
    }

    /// Starts what may start, now.
    fn start_waiting(&mut self) -> Instant {
        let now = self.reactor.clock().now();
        if self.abandoning.is_some() {
            return now;
        }
        self.feed_races();
        let until = self.work_until.max(now + START_FOR);
        // Nearly always there is one, for which the clock has just been read.
        let mut first = Some(now);
        while let Some(waiting) = self.queue.start(now) {
            let begun = first.take().unwrap_or_else(|| self.reactor.clock().now());
            self.begin(waiting, begun);
            // Thousands may be due at one moment. They start in pieces, and the OS is asked between them.
            if begun >= until {
                self.reactor.again(self.queue_key);
                break;
            }
        }
        match self.queue.next_time() {
            Some(at) => self.reactor.arm(self.queue_key, at),
            None => self.reactor.disarm(self.queue_key),
        }
        now
    }

    fn first_try(&self) -> Try {
        Try { number: 1, degrades: !self.persistence.until_up }
    }

    /// 2. Makes a check of it, which begins now.
    fn begin(&mut self, Waiting { number, target, since, attempt, last, in_vain }: Waiting, now: Instant) {
        let id = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() as u32 - 1
        });
        let key = self.reactor.open(Tag::Check(id));
        let queue = now.saturating_duration_since(since);
        let check = Check::new(target, attempt, queue, now, self.reactor.clock().wall(now));
        self.jobs[id as usize] = Some(Job {
            number,
            check,
            key,
            link: Link::None,
            may_send: false,
            since,
            last,
            in_vain,
            held: 0,
            excused_to: now,
        });
        self.noting(id, Cause::Started, |engine| {
            if let Some(job) = &mut engine.jobs[id as usize] {
                job.check.handle(Input::Start, now);
            }
            engine.perform(id, now);
        });
    }

    /// Tells the check what happened, then does what it wants done.
    fn advance(&mut self, id: u32, input: Input<'_>, now: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else {
            debug_assert!(false, "events of a check that is over have no key that is open");
            return;
        };
        job.check.handle(input, now);
        self.perform_now(id, now);
    }

    /// Does what the check wants done. What it begins begins at a fresh reading of the clock; a check that is over, as half
    /// of those are that come here, begins nothing and needs none.
    fn perform_now(&mut self, id: u32, now: Instant) {
        let Some(job) = self.jobs[id as usize].as_mut().filter(|job| !job.check.is_over()) else {
            return self.perform(id, now);
        };
        let begun = self.reactor.clock().now();
        if let Some(lag) = job.lag(now, begun, &self.absences) {
            job.check.excuse(lag);
            self.reactor.arm(job.key, job.check.deadline());
        }
        self.perform(id, begun);
    }

    /// Hears all that the check wants done, then does it: what is done may at once lead to the next input.
    fn perform(&mut self, id: u32, begun: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else {
            debug_assert!(false, "it has just been told something");
            return;
        };
        let (mut resolve, mut connect, mut secure, mut say, mut finish) = (false, false, false, false, false);
        while let Some(action) = job.check.poll(begun) {
            match action {
                Action::Arm(at) => self.reactor.arm(job.key, at),
                Action::Resolve => resolve = true,
                Action::Connect => connect = true,
                Action::Send => job.may_send = true,
                Action::Secure => secure = true,
                Action::Say => say = true,
                Action::Finish => finish = true,
            }
        }
        if (resolve || connect) && matches!(job.link, Link::Open { .. }) {
            // A redirect leads elsewhere, or the connection has ended.
            let (keeps, link) = (job.check.keeps(), std::mem::replace(&mut job.link, Link::None));
            self.leave(keeps, link);
        }
        if (resolve || connect) && self.reuse(id, begun) {
            return;
        }
        if finish {
            self.finish(id);
        } else if resolve {
            self.resolve(id, begun);
        } else if connect {
            self.dial(id);
        } else if secure {
            self.begin_tls(id, begun);
        } else if say {
            self.say(id);
        }
    }

    /// This machine ran out of something. The check was not begun as far as anybody can tell, and waits for its turn
    /// again.
    fn wait_for_another(&mut self, id: u32, failure: Failure) {
        let Some(job) = self.jobs[id as usize].take() else {
            debug_assert!(false, "only a check that is under way can lack something");
            return;
        };
        self.budget.give_back(job.key, job.held);
        self.release(id, job.key, job.link, Err(CloseReason::Unfinished));
        let Job { number, since, last, in_vain, .. } = job;
        let attempt = job.check.attempt();
        let waiting = Waiting { number, target: job.check.into_target(), since, attempt, last, in_vain: in_vain + 1 };
        // Idle connections hold descriptors and ports, too. They are the first to give them back.
        if self.pool.shrink_to(0) {
            let now = self.reactor.clock().now();
            return self.begin(waiting, now);
        }
        let waits = match failure.reason {
            // Others go elsewhere, where there may be ports.
            Reason::LocalPorts => self.queue.hold(waiting),
            _ => self.queue.put_back(waiting),
        };
        // Nobody else holds what it needs. Memory may come back all the same.
        let Err(waiting) = waits else { return };
        let now = self.reactor.clock().now();
        if failure.reason == Reason::LocalError && waiting.in_vain < IN_VAIN_MAX {
            self.queue.push_later(waiting, now + IN_VAIN_PAUSE);
        } else {
            self.never_started(waiting, failure, now);
        }
    }

    fn never_started(&mut self, waiting: Waiting, mut failure: Failure, now: Instant) {
        if let Some(last) = waiting.last {
            failure.detail = format!("{}; the attempt before ended as {}", failure.detail, last.reason.as_str()).into();
        }
        let queue = now.saturating_duration_since(waiting.since);
        let wall = self.reactor.clock().wall(now);
        let mut outcome = Outcome::not_started(waiting.target, failure, queue, wall);
        outcome.attempts = waiting.attempt.number - 1;
        self.finished.push(Event::Finished { number: waiting.number, outcome });
    }

    /// 7. It is over.
    fn finish(&mut self, id: u32) {
        let Some(Job { number, check, key, link, held, last, .. }) = self.jobs[id as usize].take() else {
            debug_assert!(false, "a check says once that it is over");
            return;
        };
        self.budget.give_back(key, held);
        self.release(id, key, link, check.keeps());
        self.queue.ended(check.target().url.host());
        // Nearly all; the time, a random number and another move are for those that may have to be tried again.
        if check.has_passed() {
            return self.finished.push(Event::Finished { number, outcome: check.into_outcome() });
        }
        let degrades = check.attempt().degrades;
        let outcome = check.into_outcome();
        let now = self.reactor.clock().now();
        // Only what may be tried again needs one.
        let may_retry = self.persistence.until_up || outcome.target.settings.retries > 0;
        let random = if may_retry { self.numbers.next_u64() } else { 0 };
        let Some(at) =
            retry::next_attempt(&outcome, self.persistence, now, random).filter(|_| self.abandoning.is_none())
        else {
            return self.finished.push(Event::Finished { number, outcome });
        };
        if self.persistence.until_up && last.is_none_or(|last| last.reason != outcome.reason) {
            let failure = Failure::new(outcome.reason, outcome.detail.unwrap_or_default());
            self.finished.push(Event::NotYet { number, target: outcome.target.shown().to_owned(), failure });
        }
        let attempt = Try { number: outcome.attempts + 1, degrades };
        let last = Some(Box::new(Last { reason: outcome.reason, ended: now }));
        let waiting = Waiting { number, target: outcome.target, since: at, attempt, last, in_vain: 0 };
        self.queue.push_later(waiting, at);
    }

    /// Closes all that a check held, but for a connection that can be kept.
    fn release(&mut self, id: u32, key: Key, link: Link, keeps: Result<(), CloseReason>) {
        self.reactor.close(key);
        match link {
            Link::None | Link::Resolved(_) => {}
            Link::Resolving(ticket) => self.resolver.forget(ticket, &mut self.reactor),
            Link::Dialing(dial) => dial.keys().for_each(|key| self.reactor.close(key)),
            link @ Link::Open { .. } => self.leave(keeps, link),
        }
        self.free.push(id);
    }
}
