//! Names become addresses, inside the loop: `getaddrinfo` would block it, and with it every check.
//!
//! ```text
//!     1 said      what the user gave with --resolve
//!     2 local     localhost, then the hosts file: no server is asked
//!     3 cache     an answer that still holds, or an absence
//!     4 join      a lookup that is under way for the same name; one is made if there is none
//!     5 start     in waves that the server's socket can hold, new lookups as others end
//!     6 tell      datagrams, messages, deadlines and faults -> the lookup; what it wants done is done at once
//!     7 end       the answer goes into the cache and, as a `Done`, to everybody who waited for it
//! ```
//!
//! The lookup itself is [`proto::dns`](crate::proto::dns)'s, which knows nothing of sockets. This file knows nothing of
//! checks: who waits is a `Waiter`, and whether it still waits is its owner's to know. `interface` has what it is told and
//! what it finds, `local` what needs no server and whom to ask, by the system's two `files` and the `cache`; `sockets` has
//! the sockets, and `faults` what goes wrong with them.
//!
//! Who has no loop shares `local` and `faults`, and waits in its own way.

mod cache;
mod faults;
mod files;
mod interface;
mod local;
mod servers;
mod slab;
mod sockets;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::trouble::Trouble;
pub use crate::proto::dns::answer::Families;
use crate::proto::dns::answer::{Answer, LookupError};
use crate::proto::dns::hash::ByName;
use crate::proto::dns::lookup::{Lookup, LookupAction, LookupInput};
use crate::proto::dns::query::{RecordType, tcp_message};
use crate::reactor::{Key, Reactor, Ready};
pub use faults::SocketFault;
pub use interface::{Addresses, Names, Override, ResolverPart, ResolverStats};
pub(super) use interface::{Done, Found, Tagged, Ticket, Waiter};
pub use local::Local;
use slab::Slab;
use sockets::{OutgoingQuery, Places, READ_BUFFER, READS_PER_TURN, Received, Sockets};

/// How many lookups of a wave are under way at once. Each sends two queries, and a server's socket holds some 270 by
/// the defaults of Linux: a thousand names sent in one go would mostly be lost on the way to a server that has done
/// nothing wrong.
const WAVE: usize = 100;

/// How long lookups are started before the loop looks round again.
const START_FOR: Duration = Duration::from_millis(1);

/// After so long without a start the rest of a wave is taken to be slow or dead, and the next one goes out: it delays
/// nobody for longer.
const WAVE_PAUSE: Duration = Duration::from_millis(20);

/// Looks names up. See the module's text.
pub(super) struct Resolver {
    local: Local,
    random: Box<dyn FnMut() -> u64>,
    flights: Slab<Flight>,
    /// The flights by name.
    by_host: ByName<Rc<str>, Ticket>,
    /// Not started yet, oldest first. Some may have been forgotten since.
    unstarted: VecDeque<Ticket>,
    /// Carries the wish to go on in the next turn, and the end of a wave.
    start_key: Option<Key>,
    /// That wish was made.
    goes_on: bool,
    wave: Wave,
    sockets: Sockets,
    buffer: Vec<u8>,
    done: VecDeque<Done>,
    stats: ResolverStats,
}

/// A lookup under way.
struct Flight {
    host: Rc<str>,
    /// Carries the lookup's deadline.
    key: Key,
    lookup: Lookup,
    /// Everybody who asked for it. Some may have given up since, which their owner knows.
    waiters: Vec<Waiter>,
    /// How many have not.
    waiting: usize,
    places: Places,
    /// The wave in which it was started.
    wave: Option<u32>,
}

/// The lookups that were started together.
#[derive(Debug, Default)]
struct Wave {
    number: u32,
    /// How many of them are under way.
    size: usize,
    /// When the rest of them are no longer waited for; `None` before the first start.
    over_at: Option<Instant>,
}

impl Resolver {
    /// A resolver that does as the user said. `random` gives the ids of queries and must not be predictable.
    pub(super) fn new(names: Names, random: impl FnMut() -> u64 + 'static) -> Resolver {
        Resolver {
            local: Local::new(names),
            random: Box::new(random),
            flights: Slab::new(),
            by_host: ByName::default(),
            unstarted: VecDeque::new(),
            start_key: None,
            goes_on: false,
            wave: Wave::default(),
            sockets: Sockets::new(),
            buffer: Vec::new(),
            done: VecDeque::new(),
            stats: ResolverStats::default(),
        }
    }

    /// What has been done so far.
    pub(super) fn stats(&self) -> ResolverStats {
        let Local { lookups, cached, .. } = self.local;
        ResolverStats { lookups, cached, sockets_most: self.sockets.most(), ..self.stats }
    }

    /// The servers that the system names and that cannot be asked, with why; none before a name was looked up.
    pub(super) fn unusable_servers(&self) -> Vec<String> {
        self.local.unusable_servers()
    }

    /// Finds the addresses of a host, which is given in lower case and is no address itself. What was known before
    /// `fresh_from` has had its use: an attempt failed with it.
    pub(super) fn resolve<T: Tagged>(
        &mut self,
        host: &str,
        port: u16,
        waiter: Waiter,
        fresh_from: Option<Instant>,
        now: Instant,
        reactor: &mut Reactor<T>,
    ) -> Found {
        // === 1. to 3. What is known without asking anybody.
        if let Some(found) = self.local.find(host, port, fresh_from, now) {
            return Found::Now(found);
        }
        match self.join(host, waiter, reactor) {
            Ok(ticket) => Found::Later(ticket),
            Err(trouble) => Found::Now(Err(trouble)),
        }
    }

    /// The next lookup that has ended, in the order in which they did.
    pub(super) fn next_done(&mut self) -> Option<Done> {
        self.done.pop_front()
    }

    /// Takes an event of the resolver's own registrations.
    pub(super) fn handle<T: Tagged>(
        &mut self,
        part: ResolverPart,
        ready: Ready<T>,
        now: Instant,
        reactor: &mut Reactor<T>,
    ) {
        let key = ready.key();
        match part {
            ResolverPart::Start => self.goes_on = false,
            ResolverPart::Lookup(slot) => {
                self.note_silence(Ticket { slot, key }, now);
                self.tell(Ticket { slot, key }, LookupInput::Deadline, now, reactor);
            }
            ResolverPart::Udp(slot) => self.receive(slot, key, now, reactor),
            ResolverPart::Tcp(slot) => self.advance_tcp(slot, key, now, reactor),
        }
        self.settle_faults(now, reactor);
        self.start(now, reactor);
    }

    /// Somebody no longer waits. A lookup for which nobody waits ends.
    pub(super) fn forget<T: Tagged>(&mut self, ticket: Ticket, reactor: &mut Reactor<T>) {
        let Some(flight) = self.flight(ticket) else { return };
        flight.waiting -= 1;
        if flight.waiting == 0 {
            self.land(ticket, reactor);
        }
        // The room that it left may be another's to start in, or have gone to a connection that failed at once.
        if self.sockets.has_news() || !self.unstarted.is_empty() {
            self.go_on_next_turn(reactor);
        }
    }

    fn note_silence(&mut self, ticket: Ticket, now: Instant) {
        if let Some(flight) = self.flights.get(ticket.slot).filter(|flight| flight.key == ticket.key) {
            self.local.note_silence(flight.lookup.overdue(now));
        }
    }

    // === 4. A lookup that is under way for the same name.
    fn join<T: Tagged>(&mut self, host: &str, waiter: Waiter, reactor: &mut Reactor<T>) -> Result<Ticket, Trouble> {
        if let Some(&ticket) = self.by_host.get(host) {
            match self.flight(ticket) {
                Some(flight) => {
                    flight.waiters.push(waiter);
                    flight.waiting += 1;
                }
                None => debug_assert!(false, "a lookup leaves the list of names when it lands"),
            }
            return Ok(ticket);
        }
        let lookup = self.local.lookup(host)?;
        let slot = self.flights.next_place();
        let key = reactor.open(ResolverPart::Lookup(slot).into());
        let ticket = Ticket { slot, key };
        let host: Rc<str> = host.into();
        self.by_host.insert(Rc::clone(&host), ticket);
        self.flights.insert(Flight {
            host,
            key,
            lookup,
            waiters: vec![waiter],
            waiting: 1,
            places: Places::default(),
            wave: None,
        });
        if self.unstarted.is_empty() {
            self.go_on_next_turn(reactor);
        }
        self.unstarted.push_back(ticket);
        Ok(ticket)
    }

    fn go_on_next_turn<T: Tagged>(&mut self, reactor: &mut Reactor<T>) {
        let key = *self.start_key.get_or_insert_with(|| reactor.open(ResolverPart::Start.into()));
        if !std::mem::replace(&mut self.goes_on, true) {
            reactor.again(key);
        }
    }

    // === 5. In waves that the server's socket can hold, new lookups as others end.
    fn start<T: Tagged>(&mut self, now: Instant, reactor: &mut Reactor<T>) {
        if self.wave.over_at.is_some_and(|at| at <= now) {
            self.wave = Wave { number: self.wave.number.wrapping_add(1), size: 0, over_at: None };
        }
        let until = reactor.clock().now() + START_FOR;
        while self.wave.size < WAVE {
            if reactor.clock().now() >= until {
                return self.go_on_next_turn(reactor);
            }
            let Some(ticket) = self.unstarted.pop_front() else { return };
            let number = self.wave.number;
            let Some(flight) = self.flight(ticket) else { continue };
            flight.wave = Some(number);
            self.wave.size += 1;
            self.wave.over_at = Some(now + WAVE_PAUSE);
            self.tell(ticket, LookupInput::Start, now, reactor);
            self.settle_faults(now, reactor);
        }
        if let (Some(key), Some(at), false) = (self.start_key, self.wave.over_at, self.unstarted.is_empty()) {
            reactor.arm(key, at);
        }
    }

    // === 6. Datagrams, messages, deadlines and faults -> the lookup.
    fn receive<T: Tagged>(&mut self, slot: u32, key: Key, now: Instant, reactor: &mut Reactor<T>) {
        let mut buffer = self.take_buffer();
        let mut more = true;
        for _ in 0..READS_PER_TURN {
            match self.sockets.receive(slot, key, &mut buffer) {
                Received::Datagram(ticket, from, bytes) => {
                    self.stats.answers += 1;
                    self.local.note_heard(from, now);
                    self.tell(ticket, LookupInput::Datagram { from, bytes }, now, reactor);
                }
                Received::Unwanted => self.stats.dropped += 1,
                Received::Error => {}
                Received::Nothing => {
                    more = false;
                    break;
                }
            }
        }
        if more {
            self.sockets.read_again(slot, key, reactor);
        }
        self.buffer = buffer;
    }

    fn advance_tcp<T: Tagged>(&mut self, slot: u32, key: Key, now: Instant, reactor: &mut Reactor<T>) {
        let mut buffer = self.take_buffer();
        let message = self.sockets.advance_tcp(slot, key, &mut buffer);
        self.buffer = buffer;
        let Some(message) = message else { return };
        if let Some(bytes) = tcp_message(&message.framed) {
            self.stats.answers += 1;
            self.tell(message.ticket, LookupInput::TcpMessage { record: message.record, bytes }, now, reactor);
        }
    }

    /// The one read buffer, made when it is first needed. It has to be put back.
    fn take_buffer(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(READ_BUFFER, 0);
        buffer
    }

    fn settle_faults<T: Tagged>(&mut self, now: Instant, reactor: &mut Reactor<T>) {
        while let Some((ticket, record)) = self.sockets.next_begun() {
            self.tell(ticket, LookupInput::TcpBegun { record }, now, reactor);
        }
        // It ends: each of these uses up one of the turns that a lookup has with its servers.
        while let Some((ticket, fault)) = self.sockets.next_fault() {
            match fault.input() {
                Ok(input) => self.tell(ticket, input, now, reactor),
                Err(shortage) => self.end(ticket, Err(Trouble::Shortage(shortage.clone())), reactor),
            }
        }
    }

    /// Tells a lookup what happened, then does what it wants done. Whatever comes too late for it changes nothing.
    fn tell<T: Tagged>(&mut self, ticket: Ticket, input: LookupInput<'_>, now: Instant, reactor: &mut Reactor<T>) {
        let Some(flight) = self.flights.get_mut(ticket.slot).filter(|flight| flight.key == ticket.key) else { return };
        flight.lookup.handle(input, now, &mut *self.random);
        let mut result = None;
        while let Some(action) = flight.lookup.poll() {
            match action {
                LookupAction::SendUdp { record, server, id, bytes } => {
                    self.stats.queries += 1;
                    let query = OutgoingQuery { ticket, record, server, id, bytes };
                    self.sockets.send(query, &mut flight.places, reactor);
                }
                LookupAction::OpenTcp { record, server, bytes } => {
                    self.stats.queries += 1;
                    if !self.sockets.open_tcp(ticket, record, server, bytes, reactor) {
                        flight.lookup.handle(LookupInput::TcpWaits { record }, now, &mut *self.random);
                    }
                }
                LookupAction::CloseTcp { record } => self.sockets.close_tcp(ticket, record, reactor),
                LookupAction::Arm(at) => reactor.arm(flight.key, at),
                LookupAction::Finish(finished) => {
                    result = Some(finished);
                    break;
                }
            }
        }
        if let Some(result) = result {
            self.learn(ticket, result, now, reactor);
        }
    }

    // === 7. The answer goes into the cache, and to everybody who waited for it.
    fn learn<T: Tagged>(
        &mut self,
        ticket: Ticket,
        result: Result<Answer, LookupError>,
        now: Instant,
        reactor: &mut Reactor<T>,
    ) {
        let Some(host) = self.flight(ticket).map(|flight| Rc::clone(&flight.host)) else {
            debug_assert!(false, "a lookup that has just said its result is under way");
            return;
        };
        let dropped = match &result {
            Ok(answer) => answer.dropped,
            Err(error) => error.dropped,
        };
        self.stats.dropped += u64::from(dropped.count);
        let known = self.local.learn(host, result, now);
        self.end(ticket, known.map_err(Trouble::Target), reactor);
    }

    fn end<T: Tagged>(&mut self, ticket: Ticket, result: Result<Addresses, Trouble>, reactor: &mut Reactor<T>) {
        if let Some(waiters) = self.land(ticket, reactor) {
            self.done.push_back(Done { waiters, result });
        }
    }

    /// Takes a lookup out and gives back all that it held below. Gives those who waited for it.
    fn land<T: Tagged>(&mut self, ticket: Ticket, reactor: &mut Reactor<T>) -> Option<Vec<Waiter>> {
        self.flight(ticket)?;
        let mut flight = self.flights.remove(ticket.slot)?;
        self.by_host.remove(&flight.host);
        if flight.wave == Some(self.wave.number) {
            self.wave.size -= 1;
        }
        reactor.close(flight.key);
        self.sockets.forget_all(&mut flight.places, reactor);
        for record in [RecordType::A, RecordType::Aaaa] {
            self.sockets.close_tcp(ticket, record, reactor);
        }
        Some(flight.waiters)
    }

    fn flight(&mut self, ticket: Ticket) -> Option<&mut Flight> {
        self.flights.get_mut(ticket.slot).filter(|flight| flight.key == ticket.key)
    }
}

#[cfg(test)]
mod tests;
