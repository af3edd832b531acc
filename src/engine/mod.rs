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
//! machine answers is done at once in `advance`. The engine prints nothing and judges nothing.

pub mod dial;
pub mod pool;
pub mod queue;
pub mod resolver;
pub mod retry;
mod reuse;
pub mod secure;
pub mod trouble;
mod unsent;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::Interest;

use crate::check::machine::{Action, Check, Input, Opening, Try};
use crate::check::outcome::{Failure, Outcome, Reason};
use crate::check::target::Target;
use crate::conn::tls::StreamEnd;
use crate::conn::{Conn, tcp, unix, would_block};
use crate::proto::http::reuse::CloseReason;
use crate::proto::url::Scheme;
use crate::reactor::{Key, Reactor, Ready};
use crate::sys::random::Numbers;
use dial::{Attempt, Dial, Place};
use pool::{Origin, Pool};
use queue::{Limits, Queue};
use resolver::{Addresses, Found, Names, Resolver, Ticket, Waiter};
use retry::Persistence;
use reuse::Idle;
use secure::Secure;
use trouble::Trouble;
use unsent::Unsent;

/// The one read buffer: one thread reads, so one buffer serves all connections.
const READ_BUFFER: usize = 16 * 1024;

/// How often one connection is read in one turn before others get theirs.
const READS_PER_TURN: usize = 16;

/// How long the engine works before it asks the OS again. What is left over waits with the time at which it was seen, so
/// that nobody is charged with the work that was done for others before it.
const WORK_PER_TURN: Duration = Duration::from_millis(4);

/// For how many checks there is room from the start, if so many may be under way. The system gives memory when it is
/// first written to, so room costs nothing; growing would copy every check, and hold two copies of all while it does.
const JOBS_AT_FIRST: usize = 16 * 1024;

/// Whose event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The deadline of the check in this slot.
    Check(u32),
    /// A socket of the check in this slot, or the end of its head start.
    Conn(u32),
    /// The time at which the queue may start another.
    Queue,
    /// A part of the resolver.
    Names(resolver::Part),
    /// Something that the engine's owner watches on the same loop.
    Owner(u32),
}

/// What a turn brought.
// Nearly all are the large variant, so a box would cost an allocation a check and save nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Event {
    /// A check is over.
    Finished(Outcome),
    /// While every target is tried until it is up: this one is not, for another reason than before.
    NotYet {
        /// The target's URL.
        target: String,
        /// Why not.
        failure: Failure,
    },
    /// Something that the owner registered is ready or due.
    Owner {
        /// The number that the owner gave it.
        id: u32,
        /// The event as the reactor gave it.
        ready: Ready<Tag>,
    },
}

/// A target that waits for its turn.
struct Waiting {
    target: Target,
    since: Instant,
    attempt: Try,
    /// How the attempt before ended.
    last: Option<Reason>,
}

/// A check under way.
struct Job {
    check: Check,
    /// Carries the deadline.
    key: Key,
    link: Link,
    /// The request may be sent as soon as a connection stands.
    may_send: bool,
    since: Instant,
    last: Option<Reason>,
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
}

/// Drives checks over sockets. See the module's text.
pub struct Engine {
    reactor: Reactor<Tag>,
    queue: Queue<Waiting>,
    /// Carries the time at which the queue may start another, if that is a matter of time.
    queue_key: Key,
    persistence: Persistence,
    numbers: Numbers,
    pool: Pool<Idle>,
    secure: Secure,
    resolver: Resolver,
    jobs: Vec<Option<Job>>,
    free: Vec<u32>,
    finished: Vec<Event>,
    /// Everything is being ended, and nothing tried again.
    abandoning: bool,
    /// What was seen and not yet dealt with, and when it was seen.
    backlog: VecDeque<(Ready<Tag>, Instant)>,
    /// How much of the time that this program was away the checks have been given back.
    excused: Duration,
    /// Kept between turns so that their memory is, too.
    ready: Vec<Ready<Tag>>,
    request: Vec<u8>,
    buffer: Box<[u8; READ_BUFFER]>,
}

impl Engine {
    /// An engine on this loop.
    pub fn new(mut reactor: Reactor<Tag>, config: Config) -> Engine {
        let mut numbers = Numbers::new();
        Engine {
            queue_key: reactor.open(Tag::Queue),
            reactor,
            queue: Queue::new(config.limits, |waiting| waiting.target.url.host()),
            pool: Pool::default(),
            persistence: config.persistence,
            numbers: Numbers::new(),
            resolver: Resolver::new(config.names, move || numbers.next_u64()),
            secure: config.secure,
            jobs: Vec::with_capacity(config.limits.in_flight.min(JOBS_AT_FIRST)),
            free: Vec::new(),
            finished: Vec::new(),
            abandoning: false,
            backlog: VecDeque::new(),
            excused: Duration::ZERO,
            ready: Vec::new(),
            request: Vec::new(),
            buffer: Box::new([0; READ_BUFFER]),
        }
    }

    /// The loop below, for what the owner watches on it under [`Tag::Owner`].
    pub fn reactor(&mut self) -> &mut Reactor<Tag> {
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
    pub fn pool_stats(&self) -> pool::Stats {
        self.pool.stats()
    }

    /// What the resolver has done so far.
    pub fn resolver_stats(&self) -> resolver::Stats {
        self.resolver.stats()
    }

    /// Whether a target that is brought now could start now.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Whether nothing is under way and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.queue.is_idle() && self.finished.is_empty()
    }

    /// 1. Takes a target that has been waiting since `since`, and starts it as soon as the queue lets it.
    pub fn add(&mut self, target: Target, since: Instant) {
        self.queue.push(Waiting { target, since, attempt: self.first_try(), last: None });
        self.start_waiting();
    }

    /// One trip round the loop. What it brought is appended to `out`.
    ///
    /// # Errors
    /// The loop itself failed: nothing can go on.
    pub fn turn(&mut self, out: &mut Vec<Event>) -> io::Result<Instant> {
        // What ended while targets were being added must not wait for a socket to turn ready, and what is left from the
        // turn before must not wait at all. The OS is asked in every turn all the same.
        if !self.finished.is_empty() || !self.backlog.is_empty() {
            self.reactor.again(self.queue_key);
        }
        let mut ready = std::mem::take(&mut self.ready);
        let now = self.reactor.turn(&mut ready)?;
        self.excuse();
        // What happens in this turn goes into `out` itself and is not moved again.
        out.append(&mut self.finished);
        std::mem::swap(&mut self.finished, out);
        for event in ready.drain(..) {
            match event {
                // Signals and the like do not wait behind checks.
                Ready::Io { tag: Tag::Owner(id), .. } | Ready::Deadline { tag: Tag::Owner(id), .. } => {
                    self.finished.push(Event::Owner { id, ready: event });
                }
                _ => self.backlog.push_back((event, now)),
            }
        }
        self.ready = ready;
        let until = now + WORK_PER_TURN;
        while let Some((event, seen)) = self.backlog.pop_front() {
            // An earlier event may have undone this one.
            if self.reactor.is_current(&event) {
                self.handle(event, seen);
                if self.reactor.clock().now() >= until {
                    break;
                }
            }
        }
        self.hear_of_names(now);
        self.start_waiting();
        std::mem::swap(&mut self.finished, out);
        Ok(now)
    }

    /// Deals with one event, seen at `now`.
    fn handle(&mut self, event: Ready<Tag>, now: Instant) {
        match event {
            Ready::Deadline { tag: Tag::Check(id), .. } => self.advance(id, Input::Deadline, now),
            Ready::Deadline { tag: Tag::Conn(id), .. } => self.dial_again(id),
            Ready::Io { tag: Tag::Conn(id), key, readable, writable, ended } => {
                if writable {
                    self.writable(id, key, now);
                }
                if readable && self.reactor.is_open(key) {
                    self.readable(id, key, ended, now);
                }
            }
            Ready::Io { tag: Tag::Names(part), .. } | Ready::Deadline { tag: Tag::Names(part), .. } => {
                self.resolver.handle(part, event, now, &mut self.reactor);
            }
            // What may start now is started at the end of the turn.
            Ready::Deadline { tag: Tag::Queue, .. } => {}
            // These keys carry deadlines and are never registered with a socket.
            Ready::Io { tag: Tag::Check(_) | Tag::Queue, .. } => {}
            // Handed out as they come.
            Ready::Io { tag: Tag::Owner(_), .. } | Ready::Deadline { tag: Tag::Owner(_), .. } => {}
        }
    }

    /// Gives the checks under way the time back in which this program did not run: the loop has moved the deadlines that
    /// are armed, and those that are computed later must know of it, too.
    fn excuse(&mut self) {
        let absent = self.reactor.absent();
        if absent > self.excused {
            let by = absent - self.excused;
            self.excused = absent;
            self.jobs.iter_mut().flatten().for_each(|job| job.check.excuse(by));
        }
    }

    /// Ends everything that is under way or waits, each with this failure.
    pub fn abandon(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.abandoning = true;
        let now = self.reactor.clock().now();
        for id in 0..self.jobs.len() as u32 {
            let Some(job) = &self.jobs[id as usize] else { continue };
            let detail = match job.last {
                None => failure.detail.clone(),
                Some(last) => format!("{}; the attempt before ended as {}", failure.detail, last.as_str()).into(),
            };
            self.advance(id, Input::Failed(Failure { detail, ..*failure }), now);
        }
        for waiting in self.queue.take_waiting() {
            self.never_started(waiting, failure.clone(), now);
        }
        out.append(&mut self.finished);
    }

    fn start_waiting(&mut self) {
        let now = self.reactor.clock().now();
        while let Some(waiting) = self.queue.start(now) {
            // Thousands may be due at one moment. They start in pieces, and the OS is asked between them.
            if self.begin(waiting) >= now + WORK_PER_TURN {
                self.reactor.again(self.queue_key);
                break;
            }
        }
        match self.queue.next_time() {
            Some(at) => self.reactor.arm(self.queue_key, at),
            None => self.reactor.disarm(self.queue_key),
        }
    }

    fn first_try(&self) -> Try {
        Try { number: 1, degrades: !self.persistence.until_up }
    }

    /// 2. Makes a check of it. Gives the time at which it began.
    fn begin(&mut self, Waiting { target, since, attempt, last }: Waiting) -> Instant {
        let now = self.reactor.clock().now();
        let id = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() as u32 - 1
        });
        let key = self.reactor.open(Tag::Check(id));
        let queue = now.saturating_duration_since(since);
        let check = Check::new(target, attempt, queue, now, self.reactor.clock().wall(now));
        self.jobs[id as usize] = Some(Job { check, key, link: Link::None, may_send: false, since, last });
        if let Some(job) = &mut self.jobs[id as usize] {
            job.check.handle(Input::Start, now);
        }
        self.perform(id, now);
        now
    }

    /// Tells the check what happened, then does what it wants done.
    fn advance(&mut self, id: u32, input: Input<'_>, now: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        job.check.handle(input, now);
        self.perform_now(id, now);
    }

    /// Does what the check wants done. What it begins begins at a fresh reading of the clock; a check that is over, as half
    /// of those are that come here, begins nothing and needs none.
    fn perform_now(&mut self, id: u32, now: Instant) {
        let is_over = self.jobs[id as usize].as_ref().is_some_and(|job| job.check.is_over());
        let begun = if is_over { now } else { self.reactor.clock().now() };
        self.perform(id, begun);
    }

    /// Hears all that the check wants done, then does it: what is done may at once lead to the next input.
    fn perform(&mut self, id: u32, begun: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let (mut resolve, mut connect, mut secure, mut finish) = (false, false, false, false);
        while let Some(action) = job.check.poll(begun) {
            match action {
                Action::Arm(at) => self.reactor.arm(job.key, at),
                Action::Resolve => resolve = true,
                Action::Connect => connect = true,
                Action::Send => job.may_send = true,
                Action::Secure => secure = true,
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
        }
    }

    /// 3. Finds the addresses of a name, or somebody who will.
    fn resolve(&mut self, id: u32, now: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let url = job.check.peer();
        let waiter = Waiter { id, key: job.key };
        match self.resolver.resolve(url.host(), url.port(), waiter, now, &mut self.reactor) {
            Found::Later(ticket) => job.link = Link::Resolving(ticket),
            Found::Now(result) => self.resolved(id, result, now),
        }
    }

    fn hear_of_names(&mut self, now: Instant) {
        while let Some(done) = self.resolver.next_done() {
            for waiter in done.waiters {
                let waits = |job: &Job| job.key == waiter.key;
                if self.jobs[waiter.id as usize].as_ref().is_some_and(waits) {
                    self.resolved(waiter.id, done.result.clone(), now);
                }
            }
        }
    }

    fn resolved(&mut self, id: u32, result: Result<Addresses, Trouble>, now: Instant) {
        let attempt = self.first_try();
        let Some(job) = &mut self.jobs[id as usize] else { return };
        match result {
            Ok(addresses) => {
                let target = job.check.target();
                if target.settings.all_addresses && target.proxy().is_none() && job.check.redirects() == 0 {
                    // This check takes the first, and each of the others gets a check of its own.
                    job.check.pin(addresses[0]);
                    for address in &addresses[1..] {
                        let target = Target { pinned: Some(*address), ..job.check.target().clone() };
                        self.queue.push(Waiting { target, since: now, attempt, last: None });
                    }
                    job.link = Link::Resolved([addresses[0]].into());
                } else {
                    job.link = Link::Resolved(addresses);
                }
                self.advance(id, Input::Resolved, now);
            }
            Err(Trouble::Target(failure)) => self.advance(id, Input::Failed(failure), now),
            Err(Trouble::Shortage(failure)) => self.wait_for_another(id, failure),
        }
    }

    /// 4. Begins to connect.
    fn dial(&mut self, id: u32) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let port = job.check.peer().port();
        let with_port = |ip| SocketAddr::new(ip, port);
        let dial = match &job.link {
            Link::Resolved(addresses) => Dial::new(addresses.iter().copied().map(with_port)),
            _ if job.check.target().socket().is_some() => Dial::new([]),
            _ => Dial::new(job.check.literal().map(with_port)),
        };
        job.link = Link::Dialing(dial);
        match job.check.target().socket().cloned() {
            Some(socket) => self.dial_socket(id, socket),
            None => self.dial_next(id),
        }
    }

    /// Connects to a unix socket. While its queue of connections is full it is tried again and again, until the check's
    /// own deadline.
    fn dial_socket(&mut self, id: u32, socket: Rc<str>) {
        let Some(Job { link: Link::Dialing(dial), .. }) = &mut self.jobs[id as usize] else { return };
        let now = self.reactor.clock().now();
        let result = unix::connect(&socket);
        let place = Place::Unix(socket);
        match result {
            Ok(stream) => {
                let key = self.reactor.open(Tag::Conn(id));
                dial.add(Attempt { key, conn: Conn::new(stream), place });
                self.watch_attempt(id, key, true);
            }
            Err(error) if would_block(&error) => {
                let key = self.reactor.open(Tag::Conn(id));
                dial.pause(key);
                self.reactor.arm(key, now + dial::SOCKET_PAUSE);
            }
            Err(error) => match trouble::of_connect(&error, &place) {
                Trouble::Target(failure) => self.advance(id, Input::Failed(failure), now),
                Trouble::Shortage(failure) => self.wait_for_another(id, failure),
            },
        }
    }

    /// A head start or a pause is over.
    fn dial_again(&mut self, id: u32) {
        let Some(Job { link: Link::Dialing(dial), check, .. }) = &mut self.jobs[id as usize] else { return };
        if let Some(key) = dial.end_pause() {
            self.reactor.close(key);
        }
        match check.target().socket().cloned() {
            Some(socket) => self.dial_socket(id, socket),
            None => self.dial_next(id),
        }
    }

    /// Tries addresses until a socket is on its way, or none is left and nothing is under way.
    fn dial_next(&mut self, id: u32) {
        loop {
            let Some(Job { link: Link::Dialing(dial), .. }) = &mut self.jobs[id as usize] else { return };
            let Some(address) = dial.next_address() else {
                if !dial.is_under_way() {
                    // Without any address there was no failure to remember either; the resolver sees to that.
                    if let Some(failure) = dial.take_failure() {
                        let now = self.reactor.clock().now();
                        self.advance(id, Input::Failed(failure), now);
                    }
                }
                return;
            };
            match tcp::connect(address) {
                Ok(stream) => {
                    let key = self.reactor.open(Tag::Conn(id));
                    if dial.has_next() {
                        let now = self.reactor.clock().now();
                        self.reactor.arm(key, now + dial::HEAD_START);
                    }
                    dial.add(Attempt { key, conn: Conn::new(stream), place: Place::Ip(address) });
                    // On loopback the handshake is done by the time connect() returns, and a write at once saves a
                    // wake-up. Across a network it would only cost a system call.
                    let at_once = address.ip().is_loopback();
                    return self.watch_attempt(id, key, at_once);
                }
                Err(error) => match trouble::of_connect(&error, &Place::Ip(address)) {
                    Trouble::Target(failure) => dial.failed(failure),
                    // One family may have no address to connect from while the other goes: not worth waiting for.
                    Trouble::Shortage(failure) if failure.reason == Reason::LocalPorts && dial.is_a_race() => {
                        dial.failed(failure);
                    }
                    // What cannot begin beside an attempt does not end it: a race must not make things worse.
                    Trouble::Shortage(failure) if dial.is_under_way() => dial.failed(failure),
                    Trouble::Shortage(failure) => return self.wait_for_another(id, failure),
                },
            }
        }
    }

    fn watch_attempt(&mut self, id: u32, key: Key, at_once: bool) {
        if at_once {
            let now = self.reactor.clock().now();
            self.writable(id, key, now);
        }
        if !self.reactor.is_open(key) {
            return;
        }
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let (conn, want) = match &mut job.link {
            // All of a plain request is out already: nothing will ever have to wait to be written.
            Link::Open { attempt, unsent, .. } if unsent.is_empty() && job.check.url().scheme() != Scheme::Https => {
                (&mut attempt.conn, Interest::READABLE)
            }
            Link::Open { attempt, .. } => (&mut attempt.conn, Interest::READABLE | Interest::WRITABLE),
            Link::Dialing(dial) => match dial.attempt(key) {
                Some(attempt) => (&mut attempt.conn, Interest::READABLE | Interest::WRITABLE),
                None => return,
            },
            Link::None | Link::Resolving(_) | Link::Resolved(_) => return,
        };
        if let Err(error) = self.reactor.watch(key, conn, want) {
            let failure = Failure::new(Reason::LocalError, format!("watching a socket: {error}"));
            let now = self.reactor.clock().now();
            self.advance(id, Input::Failed(failure), now);
        }
    }

    /// 5. The socket takes bytes, or says why it never will.
    fn writable(&mut self, id: u32, key: Key, now: Instant) {
        match &self.jobs[id as usize] {
            Some(Job { link: Link::Open { .. }, .. }) => self.flush(id),
            Some(Job { link: Link::Dialing(_), .. }) => match self.prove(id, key) {
                Ok(None) => {}
                Ok(Some(sent)) => self.won(id, key, sent, now),
                Err(error) => self.attempt_failed(id, key, &error),
            },
            _ => {}
        }
    }

    /// Tries whether the attempt has become a connection, by writing what is to be written first. `None`: not yet.
    /// Otherwise how many bytes of the request are on their way.
    fn prove(&mut self, id: u32, key: Key) -> io::Result<Option<usize>> {
        let Some(Job { link: Link::Dialing(dial), check, may_send, .. }) = &mut self.jobs[id as usize] else {
            return Ok(None);
        };
        let Some(attempt) = dial.attempt(key) else { return Ok(None) };
        let proof = match check.opening() {
            Opening::Tls => {
                if attempt.conn.tls.is_none() {
                    self.secure.set_time(check.wall());
                    // What can be wrong with it is this machine's trouble, and is told as such.
                    let session = self.secure.session(check).map_err(|error| io::Error::other(error.to_string()))?;
                    attempt.conn.tls = Some(Box::new(session));
                }
                attempt.conn.flush_tls().map(|_| 0)
            }
            Opening::Bytes if *may_send => {
                self.request.clear();
                check.encode_opening(&mut self.request);
                attempt.conn.write(&self.request)
            }
            Opening::Bytes | Opening::Nothing => return Ok(attempt.conn.stream.is_connected()?.then_some(0)),
        };
        match proof {
            Ok(sent) => Ok(Some(sent)),
            Err(error) if would_block(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes what waits to be written.
    fn flush(&mut self, id: u32) {
        let Some(Job { link: Link::Open { attempt, unsent, .. }, .. }) = &mut self.jobs[id as usize] else { return };
        match flush(&mut attempt.conn, unsent) {
            Ok(()) => {}
            Err(error) if would_block(&error) => {}
            // What the peer has said already is heard first.
            Err(error) => {
                unsent.give_up(Some(error));
                self.reactor.again(attempt.key);
            }
        }
    }

    /// The attempt has a connection, and `sent` bytes of the request are on it.
    fn won(&mut self, id: u32, key: Key, sent: usize, now: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let Link::Dialing(mut dial) = std::mem::replace(&mut job.link, Link::None) else { return };
        let Some(attempt) = dial.remove(key) else { return };
        if let Some(note) = dial.note() {
            job.check.handle(Input::Noted(note), now);
        }
        for loser in dial.keys() {
            self.reactor.close(loser);
        }
        self.reactor.disarm(key);
        let address = attempt.place.address();
        let in_the_clear = job.may_send && attempt.conn.tls.is_none();
        let asks_for_tunnel = job.check.wants_tunnel();
        let body = if in_the_clear && !asks_for_tunnel { job.check.large_body() } else { None };
        let has_body = body.is_some();
        let unsent = match in_the_clear {
            true => Unsent::new(self.request[sent..].to_vec(), body),
            false => Unsent::default(),
        };
        let origin = reuse::origin(&job.check);
        job.link = Link::Open { attempt, unsent, origin };
        self.advance(id, Input::Connected(address), now);
        // The socket may take more, and would not say so again.
        if has_body && self.reactor.is_open(key) {
            self.flush(id);
        }
    }

    fn attempt_failed(&mut self, id: u32, key: Key, error: &io::Error) {
        self.reactor.close(key);
        let Some(Job { link: Link::Dialing(dial), .. }) = &mut self.jobs[id as usize] else { return };
        let Some(attempt) = dial.remove(key) else { return };
        match trouble::of_connect(error, &attempt.place) {
            Trouble::Target(failure) => {
                dial.failed(failure);
                drop(attempt);
                self.dial_next(id);
            }
            Trouble::Shortage(failure) if dial.is_under_way() => dial.failed(failure),
            Trouble::Shortage(failure) => self.wait_for_another(id, failure),
        }
    }

    /// 5b. TLS begins on a connection that stands: the proxy's tunnel.
    fn begin_tls(&mut self, id: u32, now: Instant) {
        let Some(Job { link: Link::Open { attempt, unsent, .. }, check, .. }) = &mut self.jobs[id as usize] else {
            return;
        };
        self.secure.set_time(check.wall());
        match self.secure.session(check) {
            Ok(session) => {
                attempt.conn.tls = Some(Box::new(session));
                // A proxy that answers before it has heard all gets no more of it.
                unsent.give_up(None);
                self.flush(id);
            }
            Err(error) => {
                let failure = Failure::new(Reason::LocalError, error.to_string());
                self.advance(id, Input::Failed(failure), now);
            }
        }
    }

    /// 6. Bytes have come, or the end. `ended`: the end is there to be read, behind whatever has come.
    fn readable(&mut self, id: u32, key: Key, ended: bool, now: Instant) {
        for _ in 0..READS_PER_TURN {
            let Some(Job { link: Link::Open { attempt, unsent, .. }, check, .. }) = &mut self.jobs[id as usize] else {
                return;
            };
            if attempt.key != key {
                return;
            }
            let filled = attempt.conn.fill(&mut self.buffer[..]);
            // Another read would only say `WouldBlock`; in a TLS handshake that is two system calls of fifteen.
            let took_all = !ended && filled.as_ref().is_ok_and(|length| *length < self.buffer.len());
            match filled {
                Ok(length) if attempt.conn.tls.is_some() => self.feed(id, length, now),
                Ok(0) => {
                    let broken = unsent.broken.take().filter(|_| !check.has_answer());
                    let failed = broken.map(|error| Input::Failed(trouble::of_connection(&error)));
                    self.advance(id, failed.unwrap_or(Input::Eof), now);
                }
                Ok(length) => {
                    check.handle(Input::Bytes(&self.buffer[..length]), now);
                    self.perform_now(id, now);
                }
                Err(error) if would_block(&error) => return,
                Err(error) => self.advance(id, Input::Failed(trouble::of_connection(&error)), now),
            }
            if took_all {
                return;
            }
        }
        if self.reactor.is_open(key) {
            self.reactor.again(key);
        }
    }

    /// Takes `length` wire bytes from the buffer through the TLS session; 0 is the end of the stream.
    fn feed(&mut self, id: u32, length: usize, now: Instant) {
        let Some(Job { link: Link::Open { attempt, unsent, .. }, check, .. }) = &mut self.jobs[id as usize] else {
            return;
        };
        let Some(tls) = &mut attempt.conn.tls else { return };
        let was_handshaking = tls.is_handshaking();
        let mut secured = !was_handshaking;
        let (key, exchange) = (attempt.key, check.exchange());
        let fed = tls.feed(&self.buffer[..length], |plaintext| {
            // A whole answer may have led to another place already. What is behind it belongs to nobody.
            if check.exchange() != exchange {
                return;
            }
            // A server may speak as soon as the handshake lets it, in the very bytes that end it.
            if !std::mem::replace(&mut secured, true) {
                check.handle(Input::Secured, now);
            }
            check.handle(Input::Bytes(plaintext), now);
        });
        let ended = match fed {
            Ok(()) if length == 0 && !check.has_answer() && unsent.broken.is_some() => {
                let broken = unsent.broken.take().map(|error| trouble::of_connection(&error));
                broken.into_iter().for_each(|failure| check.handle(Input::Failed(failure), now));
                None
            }
            Ok(()) if length == 0 => Some(tls.eof()),
            Ok(()) if tls.close_notify_seen() => Some(Ok(StreamEnd::Clean)),
            Ok(()) => None,
            Err(error) => Some(Err(error)),
        };
        if check.exchange() != exchange {
            return self.perform_now(id, now);
        }
        if was_handshaking && (!tls.is_handshaking() || ended.is_some()) {
            check.handle(Input::Shown(Box::new(secure::seen(tls))), now);
        }
        if was_handshaking && !tls.is_handshaking() {
            if !secured {
                check.handle(Input::Secured, now);
            }
            let mut request = Vec::new();
            check.encode_request(&mut request);
            *unsent = Unsent::new(request, check.large_body());
        }
        match ended {
            None => {}
            Some(Ok(StreamEnd::Clean)) => check.handle(Input::Eof, now),
            Some(Ok(StreamEnd::Truncated | StreamEnd::InHandshake)) => check.handle(Input::Truncated, now),
            Some(Err(error)) => {
                let failure = trouble::of_tls(&error, &secure::seen(tls), secure::server_name(check));
                check.handle(Input::Failed(failure), now);
            }
        }
        // The request, and what TLS itself has to say: its last flight, or the alert that tells a peer why it is left.
        let flushed = flush(&mut attempt.conn, unsent);
        self.perform_now(id, now);
        // The check may be over, and another have its place.
        if let Err(error) = flushed
            && !would_block(&error)
            && self.reactor.is_open(key)
            && let Some(Job { link: Link::Open { unsent, .. }, .. }) = &mut self.jobs[id as usize]
        {
            unsent.give_up(Some(error));
            self.reactor.again(key);
        }
    }

    /// This machine ran out of something. The check was not begun as far as anybody can tell, and waits for its turn
    /// again.
    fn wait_for_another(&mut self, id: u32, failure: Failure) {
        let Some(job) = self.jobs[id as usize].take() else { return };
        self.release(id, job.key, job.link, Err(CloseReason::Unfinished));
        let attempt = job.check.attempt();
        let waiting = Waiting { target: job.check.into_target(), since: job.since, attempt, last: job.last };
        // Idle connections hold descriptors and ports, too. They are the first to give them back.
        if self.pool.shrink_to(0) {
            self.begin(waiting);
            return;
        }
        if let Err(waiting) = self.queue.put_back(waiting) {
            let now = self.reactor.clock().now();
            self.never_started(waiting, failure, now);
        }
    }

    fn never_started(&mut self, waiting: Waiting, mut failure: Failure, now: Instant) {
        if let Some(last) = waiting.last {
            failure.detail = format!("{}; the attempt before ended as {}", failure.detail, last.as_str()).into();
        }
        let queue = now.saturating_duration_since(waiting.since);
        let wall = self.reactor.clock().wall(now);
        let mut outcome = Outcome::not_started(waiting.target, failure, queue, wall);
        outcome.attempts = waiting.attempt.number - 1;
        self.finished.push(Event::Finished(outcome));
    }

    /// 7. It is over.
    fn finish(&mut self, id: u32) {
        let Some(job) = self.jobs[id as usize].take() else { return };
        self.release(id, job.key, job.link, job.check.keeps());
        self.queue.ended(job.check.target().url.host());
        // Nearly all; the time, a random number and another move are for those that may have to be tried again.
        if job.check.has_passed() {
            return self.finished.push(Event::Finished(job.check.into_outcome()));
        }
        let degrades = job.check.attempt().degrades;
        let outcome = job.check.into_outcome();
        let now = self.reactor.clock().now();
        // Only what may be tried again needs one.
        let may_retry = self.persistence.until_up || outcome.target.settings.retries > 0;
        let random = if may_retry { self.numbers.next_u64() } else { 0 };
        let Some(at) = retry::next_attempt(&outcome, self.persistence, now, random).filter(|_| !self.abandoning) else {
            return self.finished.push(Event::Finished(outcome));
        };
        if self.persistence.until_up && job.last != Some(outcome.reason) {
            let failure = Failure::new(outcome.reason, outcome.detail.unwrap_or_default());
            self.finished.push(Event::NotYet { target: outcome.target.shown().into_owned(), failure });
        }
        let attempt = Try { number: outcome.attempts + 1, degrades };
        let waiting = Waiting { target: outcome.target, since: at, attempt, last: Some(outcome.reason) };
        self.queue.push_later(waiting, at);
    }

    /// Closes all that a check held, but for a connection that can be kept.
    fn release(&mut self, id: u32, key: Key, link: Link, keeps: Result<(), CloseReason>) {
        self.reactor.close(key);
        match link {
            Link::None | Link::Resolved(_) => {}
            Link::Resolving(ticket) => self.resolver.forget(ticket, Waiter { id, key }, &mut self.reactor),
            Link::Dialing(dial) => dial.keys().for_each(|key| self.reactor.close(key)),
            link @ Link::Open { .. } => self.leave(keeps, link),
        }
        self.free.push(id);
    }
}

/// Writes what is left of a request, through the TLS session where there is one.
fn flush(conn: &mut Conn, unsent: &mut Unsent) -> io::Result<()> {
    loop {
        let sent = match &mut conn.tls {
            Some(tls) => {
                // A session that has failed takes nothing more; what it has for the peer still goes out.
                let taken = if unsent.is_empty() { 0 } else { tls.write_plaintext(unsent.rest()).unwrap_or(0) };
                unsent.advance(taken);
                conn.flush_tls()?;
                taken
            }
            None if unsent.is_empty() => 0,
            None => {
                let written = conn.write(unsent.rest())?;
                unsent.advance(written);
                written
            }
        };
        if sent == 0 || unsent.is_empty() {
            return Ok(());
        }
    }
}
