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
//! checks: who waits is a `Waiter`, and whether it still waits is its owner's to know. `sockets` has the sockets,
//! `cache` the memory, `files` the system's two files.

mod cache;
mod files;
mod hash;
mod servers;
mod slab;
mod sockets;
#[cfg(test)]
mod testing;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::trouble::Trouble;
use crate::check::outcome::{Failure, Reason};
pub use crate::proto::dns::answer::Families;
use crate::proto::dns::answer::{Answer, Failure as Cause, LookupError};
use crate::proto::dns::config::{is_nobody, loopback};
use crate::proto::dns::lookup::{Action, Input, Lookup};
use crate::proto::dns::manners::Manners;
use crate::proto::dns::query::{RecordType, tcp_message};
use crate::reactor::{Key, Reactor, Ready};
use cache::Cache;
use files::Files;
use hash::ByName;
use servers::Servers;
use slab::Slab;
use sockets::{Fault, Places, Query, READ_BUFFER, READS_PER_TURN, Received, Sockets};

/// How many lookups of a wave are under way at once. Each sends two queries, and a server's socket holds some 270 by
/// the defaults of Linux: a thousand names sent in one go would mostly be lost on the way to a server that has done
/// nothing wrong.
const WAVE: usize = 100;

/// How long lookups are started before the loop looks round again.
const START_FOR: Duration = Duration::from_millis(1);

/// After so long without a start the rest of a wave is taken to be slow or dead, and the next one goes out: it delays
/// nobody for longer.
const WAVE_PAUSE: Duration = Duration::from_millis(20);

/// How long an answer without one of the wanted families is remembered: long enough for those who ask at the same time,
/// no longer than the other family may be late.
const INCOMPLETE_TTL_MAX: Duration = Duration::from_secs(1);

/// The addresses of a name, at least one, in the order in which they were given.
pub(super) type Addresses = Rc<[IpAddr]>;

/// What the user said about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Servers to ask instead of those in `resolv.conf`. Its search list and options hold all the same, as far as it can
    /// be read.
    pub servers: Vec<SocketAddr>,
    /// The address families that are wanted.
    pub families: Families,
    /// Addresses that need no lookup. The last one for a name and port holds.
    pub overrides: Vec<Override>,
}

impl Default for Names {
    fn default() -> Names {
        Names { servers: Vec::new(), families: Families::Both, overrides: Vec::new() }
    }
}

/// Addresses that the user gave for a name and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The host in lower case, or `*` for every host that has no override of its own.
    pub host: Box<str>,
    /// The port for which it holds.
    pub port: u16,
    /// What to connect to, whatever families are wanted. Without any it says nothing.
    pub addresses: Vec<IpAddr>,
}

/// What the resolver has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Lookups that asked a server.
    pub lookups: u64,
    /// Queries sent, again and over TCP included.
    pub queries: u64,
    /// Messages received that were somebody's answer.
    pub answers: u64,
    /// How often the cache knew.
    pub cached: u64,
    /// Messages received that nobody waited for, or that were no true answer.
    pub dropped: u64,
    /// The most DNS sockets open at once.
    pub sockets_most: usize,
}

/// Which of the resolver's own registrations an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Lookups wait to be started, or faults to be told. Its deadline is the end of the pause between two waves.
    Start,
    /// The deadline of the lookup in this place.
    Lookup(u32),
    /// The datagram socket in this place.
    Udp(u32),
    /// The connection in this place.
    Tcp(u32),
}

/// What the tags of the loop that a resolver runs on must be: they have a place for its parts.
pub(super) trait Tagged: Copy + From<Part> {}

impl<T: Copy + From<Part>> Tagged for T {}

/// Who waits for an answer: the number of a check and its key, which tells it from a later check of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) id: u32,
    pub(super) key: Key,
}

/// The identity of a lookup under way: its place, and its key, which tells it from a later one in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    slot: u32,
    key: Key,
}

/// What is found for a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is known already.
    Now(Result<Addresses, Trouble>),
    /// A [`Done`] will say, unless [`Resolver::forget`] is told this.
    Later(Ticket),
}

/// A lookup has ended.
#[derive(Debug)]
pub(super) struct Done {
    /// Everybody who waited for it.
    pub(super) waiters: Vec<Waiter>,
    /// What came of it.
    pub(super) result: Result<Addresses, Trouble>,
}

/// Looks names up. See the module's text.
pub(super) struct Resolver {
    servers: Vec<SocketAddr>,
    families: Families,
    said: ByName<Box<str>, Vec<(u16, Addresses)>>,
    /// Read when the first name needs them. The servers stand in the order of `order`.
    files: Option<Files>,
    order: Servers,
    manners: Manners,
    random: Box<dyn FnMut() -> u64>,
    cache: Cache,
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
    stats: Stats,
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
            servers: names.servers,
            families: names.families,
            said: by_host(names.overrides),
            files: None,
            order: Servers::default(),
            manners: Manners::default(),
            random: Box::new(random),
            cache: Cache::default(),
            flights: Slab::new(),
            by_host: ByName::default(),
            unstarted: VecDeque::new(),
            start_key: None,
            goes_on: false,
            wave: Wave::default(),
            sockets: Sockets::new(),
            buffer: Vec::new(),
            done: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// What has been done so far.
    pub(super) fn stats(&self) -> Stats {
        Stats { sockets_most: self.sockets.most(), ..self.stats }
    }

    /// The servers that the system names and that cannot be asked, with why; none before a name was looked up.
    pub(super) fn unusable_servers(&self) -> Vec<String> {
        let conf = self.files.as_ref().and_then(|files| files.conf.as_ref().ok());
        conf.map_or_else(Vec::new, |conf| conf.unusable.clone())
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
        let said = self.said(host, port).map(Ok);
        if let Some(found) = said.or_else(|| self.local(host).transpose()) {
            return Found::Now(found);
        }
        // === 3. An answer that still holds, or an absence.
        if let Some(known) = self.cache.get(host, now, fresh_from) {
            self.stats.cached += 1;
            return Found::Now(known.clone().map_err(Trouble::Target));
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
    pub(super) fn handle<T: Tagged>(&mut self, part: Part, ready: Ready<T>, now: Instant, reactor: &mut Reactor<T>) {
        let key = ready.key();
        match part {
            Part::Start => self.goes_on = false,
            Part::Lookup(slot) => {
                self.note_silence(Ticket { slot, key }, now);
                self.tell(Ticket { slot, key }, Input::Deadline, now, reactor);
            }
            Part::Udp(slot) => self.receive(slot, key, now, reactor),
            Part::Tcp(slot) => self.advance_tcp(slot, key, now, reactor),
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

    // === 1. What the user gave.
    fn said(&self, host: &str, port: u16) -> Option<Addresses> {
        let of = |host| self.said.get(host)?.iter().rfind(|(of_port, _)| *of_port == port);
        let (_, addresses) = of(host).or_else(|| of("*"))?;
        Some(Rc::clone(addresses))
    }

    // === 2. localhost, then the hosts file.
    fn local(&mut self, host: &str) -> Result<Option<Addresses>, Trouble> {
        if let Some(both) = loopback(host) {
            return Ok(of_families(self.families, &both));
        }
        let families = self.families;
        match &self.files().hosts {
            Ok(hosts) => match hosts.get(host) {
                [] => Ok(None),
                said if said.iter().all(is_nobody) => {
                    let detail = format!("{host}: the name has no address but {}, as the hosts file says", said[0]);
                    Err(Trouble::Target(Failure::new(Reason::DnsNotFound, detail)))
                }
                said => Ok(of_families(families, said)),
            },
            Err(trouble) => Err(trouble.clone()),
        }
    }

    fn files(&mut self) -> &Files {
        if self.files.as_ref().is_some_and(Files::are_short) {
            self.files = None;
        }
        self.files.get_or_insert_with(|| {
            let files = Files::read().with_servers(&self.servers);
            self.order = files.conf.as_ref().map_or_else(|_| Servers::default(), |conf| Servers::new(&conf.servers));
            files
        })
    }

    fn note_silence(&mut self, ticket: Ticket, now: Instant) {
        let Some(flight) = self.flights.get(ticket.slot).filter(|flight| flight.key == ticket.key) else { return };
        let mut changed = false;
        for (server, since) in flight.lookup.overdue(now) {
            changed |= self.order.overdue(server, since);
        }
        if changed {
            self.reorder();
        }
    }

    fn note_heard(&mut self, server: SocketAddr, now: Instant) {
        if self.order.heard(server, now) {
            self.reorder();
        }
    }

    fn reorder(&mut self) {
        if let Some(Files { conf: Ok(conf), .. }) = &mut self.files {
            conf.servers = self.order.addresses();
        }
    }

    // === 4. A lookup that is under way for the same name.
    fn join<T: Tagged>(&mut self, host: &str, waiter: Waiter, reactor: &mut Reactor<T>) -> Result<Ticket, Trouble> {
        if let Some(&ticket) = self.by_host.get(host) {
            if let Some(flight) = self.flight(ticket) {
                flight.waiters.push(waiter);
                flight.waiting += 1;
            }
            return Ok(ticket);
        }
        let (families, rotation) = (self.families, self.stats.lookups as usize % self.order.to_begin_with());
        let manners = self.manners.clone();
        let conf = self.files().conf.as_ref().map_err(Trouble::clone)?;
        let lookup = Lookup::new(host, conf, families, rotation, manners)
            .map_err(|error| Trouble::Target(failure(host, &error)))?;
        self.stats.lookups += 1;

        let slot = self.flights.next_place();
        let key = reactor.open(Part::Lookup(slot).into());
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
        let key = *self.start_key.get_or_insert_with(|| reactor.open(Part::Start.into()));
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
            self.tell(ticket, Input::Start, now, reactor);
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
                    self.note_heard(from, now);
                    self.tell(ticket, Input::Datagram { from, bytes }, now, reactor);
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
            self.tell(message.ticket, Input::TcpMessage { record: message.record, bytes }, now, reactor);
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
            self.tell(ticket, Input::TcpBegun { record }, now, reactor);
        }
        // It ends: each of these uses up one of the turns that a lookup has with its servers.
        while let Some((ticket, fault)) = self.sockets.next_fault() {
            match fault {
                Fault::Unreachable(server) => self.tell(ticket, Input::Unreachable { server }, now, reactor),
                Fault::TcpFailed(record) => self.tell(ticket, Input::TcpFailed { record }, now, reactor),
                Fault::NotSent(server, why) => self.tell(ticket, Input::NotSent { server, why: &why }, now, reactor),
                Fault::Shortage(failure) => self.end(ticket, Err(Trouble::Shortage(failure)), reactor),
            }
        }
    }

    /// Tells a lookup what happened, then does what it wants done. Whatever comes too late for it changes nothing.
    fn tell<T: Tagged>(&mut self, ticket: Ticket, input: Input<'_>, now: Instant, reactor: &mut Reactor<T>) {
        let Some(flight) = self.flights.get_mut(ticket.slot).filter(|flight| flight.key == ticket.key) else { return };
        flight.lookup.handle(input, now, &mut *self.random);
        let mut result = None;
        while let Some(action) = flight.lookup.poll() {
            match action {
                Action::SendUdp { record, server, id, bytes } => {
                    self.stats.queries += 1;
                    let query = Query { ticket, record, server, id, bytes };
                    self.sockets.send(query, &mut flight.places, reactor);
                }
                Action::OpenTcp { record, server, bytes } => {
                    self.stats.queries += 1;
                    if !self.sockets.open_tcp(ticket, record, server, bytes, reactor) {
                        flight.lookup.handle(Input::TcpWaits { record }, now, &mut *self.random);
                    }
                }
                Action::CloseTcp { record } => self.sockets.close_tcp(ticket, record, reactor),
                Action::Arm(at) => reactor.arm(flight.key, at),
                Action::Finish(finished) => {
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
        let Some(host) = self.flight(ticket).map(|flight| Rc::clone(&flight.host)) else { return };
        let dropped = match &result {
            Ok(answer) => answer.dropped,
            Err(error) => error.dropped,
        };
        self.stats.dropped += u64::from(dropped.count);
        let lifetime = lifetime(&result);
        let known = match result {
            Ok(answer) => Ok(answer.addresses.into()),
            Err(error) => Err(failure(&host, &error)),
        };
        if let Some(lifetime) = lifetime {
            self.cache.insert(host, known.clone(), now, lifetime);
        }
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

/// The overrides by host.
fn by_host(overrides: Vec<Override>) -> ByName<Box<str>, Vec<(u16, Addresses)>> {
    let mut said: ByName<Box<str>, Vec<(u16, Addresses)>> = ByName::default();
    for Override { host, port, addresses } in overrides {
        if !addresses.is_empty() {
            said.entry(host).or_default().push((port, addresses.into()));
        }
    }
    said
}

/// Those of the wanted families, if there are any.
fn of_families(families: Families, addresses: &[IpAddr]) -> Option<Addresses> {
    let wanted = |address: &&IpAddr| match families {
        _ if is_nobody(address) => false,
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    };
    if !addresses.iter().any(|address| wanted(&address)) {
        return None;
    }
    Some(addresses.iter().filter(wanted).copied().collect())
}

/// How long a result may be remembered, if at all (RFC 1035 §3.2.1: a TTL of zero is for those who asked; RFC 2308 §5).
fn lifetime(result: &Result<Answer, LookupError>) -> Option<Duration> {
    let lifetime = match result {
        Ok(answer) if answer.missing.is_some() => answer.ttl.min(INCOMPLETE_TTL_MAX),
        Ok(answer) => answer.ttl,
        Err(error) => error.failure.negative_ttl()?,
    };
    (!lifetime.is_zero()).then_some(lifetime)
}

/// What a lookup's failure is to those who waited.
fn failure(host: &str, error: &LookupError) -> Failure {
    let reason = match &error.failure {
        Cause::NotFound { .. } | Cause::NoAddresses { .. } => Reason::DnsNotFound,
        Cause::TimedOut { .. } => Reason::DnsTimeout,
        Cause::NotSent { .. } | Cause::NoServers { .. } => Reason::LocalError,
        Cause::BadName(_)
        | Cause::ServerFailed { .. }
        | Cause::Refused { .. }
        | Cause::Referral { .. }
        | Cause::Unreachable { .. }
        | Cause::TcpFailed { .. }
        | Cause::TooManyCnames { .. } => Reason::DnsFailed,
    };
    Failure::new(reason, format!("{host}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::sockets::{QUERIES_PER_SOCKET, SOCKETS_MAX, TCP_MAX, UDP_PER_SERVER_MAX};
    use super::testing::{A, AAAA, PATIENCE, Question, Script, Server, nobody};
    use super::*;
    use crate::engine::Tag;
    use crate::proto::dns::config::{Hosts, ResolvConf};
    use crate::reactor::clock::Clock;
    use crate::sys::random::Numbers;

    /// A resolver on a loop of its own.
    struct Bench {
        reactor: Reactor<Tag<()>>,
        resolver: Resolver,
        /// Ends a test that would wait for ever.
        guard: Key,
        waiters: u32,
    }

    impl Bench {
        fn with(names: Names, conf: ResolvConf, hosts: &str) -> Bench {
            let mut reactor = Reactor::new(Clock::start()).unwrap();
            let guard = reactor.open(Tag::Owner(()));
            let at = reactor.clock().now() + PATIENCE;
            reactor.arm(guard, at);
            let mut numbers = Numbers::new();
            let mut resolver = Resolver::new(names, move || numbers.next_u64());
            resolver.order = Servers::new(&conf.servers);
            resolver.files = Some(Files { conf: Ok(conf), hosts: Ok(Hosts::parse(hosts)) });
            Bench { reactor, resolver, guard, waiters: 0 }
        }

        fn asking(servers: &[SocketAddr]) -> Bench {
            Bench::with(Names::default(), conf(servers), "")
        }

        fn waiter(&mut self) -> Waiter {
            self.waiters += 1;
            Waiter { id: self.waiters, key: self.guard }
        }

        fn resolve(&mut self, host: &str) -> (Found, Waiter) {
            let now = self.reactor.clock().now();
            self.resolve_at(host, now)
        }

        fn resolve_at(&mut self, host: &str, now: Instant) -> (Found, Waiter) {
            let waiter = self.waiter();
            (self.resolver.resolve(host, 80, waiter, None, now, &mut self.reactor), waiter)
        }

        fn later(&mut self, host: &str) -> (Ticket, Waiter) {
            match self.resolve(host) {
                (Found::Later(ticket), waiter) => (ticket, waiter),
                (now, _) => panic!("{host}: {now:?}"),
            }
        }

        fn turn(&mut self) {
            let mut ready = Vec::new();
            let now = self.reactor.turn(&mut ready).unwrap();
            for event in ready {
                if !self.reactor.is_open(event.key()) {
                    continue;
                }
                match event {
                    Ready::Io { tag: Tag::Names(part), .. } | Ready::Deadline { tag: Tag::Names(part), .. } => {
                        self.resolver.handle(part, event, now, &mut self.reactor);
                    }
                    other => panic!("nothing more came: {other:?}"),
                }
            }
        }

        fn next_done(&mut self) -> Done {
            loop {
                if let Some(done) = self.resolver.next_done() {
                    return done;
                }
                self.turn();
            }
        }

        /// Looks one name up.
        fn look_up(&mut self, host: &str) -> Result<Addresses, Trouble> {
            let (_, waiter) = self.later(host);
            let done = self.next_done();
            assert_eq!(done.waiters, [waiter]);
            done.result
        }

        fn fails(&mut self, host: &str) -> Failure {
            match self.look_up(host) {
                Err(Trouble::Target(failure)) => failure,
                other => panic!("{host}: {other:?}"),
            }
        }

        /// No lookup holds anything any more.
        fn assert_idle(&self) {
            assert_eq!(self.resolver.flights.len(), 0);
            assert!(self.resolver.by_host.is_empty());
            self.resolver.sockets.assert_idle();
        }
    }

    fn conf(servers: &[SocketAddr]) -> ResolvConf {
        ResolvConf { servers: servers.to_vec(), timeout: Duration::from_millis(60), ..ResolvConf::default() }
    }

    fn addresses(texts: &[&str]) -> Addresses {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn found(texts: &[&str]) -> Result<Addresses, Trouble> {
        Ok(addresses(texts))
    }

    fn good(question: &Question<'_>) -> Vec<Vec<u8>> {
        vec![question.address(1, 60)]
    }

    fn silent(_: &Question<'_>) -> Vec<Vec<u8>> {
        Vec::new()
    }

    const BOTH: [&str; 2] = ["2001:db8::1", "10.0.0.1"];

    #[test]
    fn one_lookup_serves_all_who_wait_for_the_name() {
        let server = Server::start(good);
        let mut bench = Bench::asking(&[server.address]);
        let waiters: Vec<Waiter> = (0..100).map(|_| bench.later("www.example").1).collect();
        let done = bench.next_done();
        assert_eq!(done.waiters, waiters);
        assert_eq!(done.result, found(&BOTH));
        let mut seen = server.seen();
        seen.sort();
        assert_eq!(seen, [("www.example".to_owned(), A), ("www.example".to_owned(), AAAA)]);
        let stats = bench.resolver.stats();
        assert_eq!((stats.lookups, stats.queries, stats.answers, stats.sockets_most), (1, 2, 2, 1));
        bench.assert_idle();
    }

    #[test]
    fn an_answer_holds_for_its_ttl() {
        let server = Server::start(good);
        let mut bench = Bench::asking(&[server.address]);
        assert_eq!(bench.look_up("www.example"), found(&BOTH));
        assert_eq!(bench.resolve("www.example").0, Found::Now(found(&BOTH)));
        let later = bench.reactor.clock().now() + Duration::from_secs(60);
        assert!(matches!(bench.resolve_at("www.example", later).0, Found::Later(_)));
        assert_eq!(bench.resolver.stats().cached, 1);
    }

    #[test]
    fn an_absence_holds_as_long_as_the_zone_says() {
        let server = Server::start(|question| vec![question.no_such_name(30)]);
        let mut bench = Bench::asking(&[server.address]);
        let failure = bench.fails("gone.example");
        assert_eq!(failure.reason, Reason::DnsNotFound);
        assert!(failure.detail.starts_with("gone.example: no such name"), "{}", failure.detail);
        assert_eq!(bench.resolve("gone.example").0, Found::Now(Err(Trouble::Target(failure))));
        let later = bench.reactor.clock().now() + Duration::from_secs(30);
        assert!(matches!(bench.resolve_at("gone.example", later).0, Found::Later(_)));
    }

    #[test]
    fn what_must_not_be_remembered_is_asked_again() {
        // A TTL of zero; an absence without a SOA record; a server that fails.
        let scripts: [Script; 3] = [
            |question| vec![question.address(1, 0)],
            |question| vec![question.empty(3)],
            |question| vec![question.empty(2)],
        ];
        for script in scripts {
            let server = Server::start(script);
            let mut bench = Bench::asking(&[server.address]);
            let first = bench.look_up("www.example");
            assert_eq!(bench.look_up("www.example"), first);
        }
    }

    #[test]
    fn an_answer_without_one_family_is_soon_asked_again() {
        let server = Server::start(|question| if question.kind == A { good(question) } else { silent(question) });
        let mut bench = Bench::with(
            Names::default(),
            ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) },
            "",
        );
        assert_eq!(bench.look_up("www.example"), found(&["10.0.0.1"]));
        assert!(matches!(bench.resolve("www.example").0, Found::Now(Ok(_))));
        let later = bench.reactor.clock().now() + INCOMPLETE_TTL_MAX;
        assert!(matches!(bench.resolve_at("www.example", later).0, Found::Later(_)));
    }

    #[test]
    fn a_port_at_which_nobody_listens_fails_at_once() {
        let mut bench =
            Bench::with(Names::default(), ResolvConf { timeout: Duration::from_secs(30), ..conf(&[nobody()]) }, "");
        let begun = Instant::now();
        for number in 0..100 {
            bench.later(&format!("name-{number}.example"));
        }
        for _ in 0..100 {
            match bench.next_done().result {
                Err(Trouble::Target(failure)) => {
                    assert_eq!(failure.reason, Reason::DnsFailed);
                    assert!(failure.detail.ends_with(" is unreachable"), "{}", failure.detail);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        bench.assert_idle();
    }

    #[test]
    fn silence_is_a_timeout_after_every_attempt() {
        let server = Server::start(silent);
        let mut bench = Bench::asking(&[server.address]);
        let begun = Instant::now();
        let failure = bench.fails("www.example");
        assert_eq!(failure.reason, Reason::DnsTimeout);
        assert_eq!(&*failure.detail, format!("www.example: no answer from {} in 2 attempts", server.address));
        assert!(begun.elapsed() >= Duration::from_millis(120));
        assert_eq!(server.seen().len(), 4);
        bench.assert_idle();
    }

    #[test]
    fn the_next_server_is_asked_when_one_is_silent_refuses_or_fails() {
        let good_one = Server::start(good);
        let silent_one = Server::start(silent);
        let failing = Server::start(|question| vec![question.empty(2)]);
        let refusing = Server::start(|question| vec![question.empty(5)]);
        for first in [silent_one.address, failing.address, refusing.address, nobody()] {
            let mut bench = Bench::asking(&[first, good_one.address]);
            assert_eq!(bench.look_up("www.example"), found(&BOTH));
            bench.assert_idle();
        }
    }

    #[test]
    fn a_silent_server_is_asked_last_from_then_on() {
        let silent_one = Server::start(silent);
        let good_one = Server::start(good);
        let mut bench = Bench::asking(&[silent_one.address, good_one.address]);
        for name in ["a.example", "b.example", "c.example"] {
            assert_eq!(bench.look_up(name), found(&BOTH));
        }
        assert!(silent_one.seen().iter().all(|(name, _)| name == "a.example"), "{:?}", silent_one.seen());
        bench.assert_idle();
    }

    #[test]
    fn a_server_that_is_silent_about_one_name_is_still_asked_first() {
        let script: Script = |question| if question.name == "dead.example" { silent(question) } else { good(question) };
        let first = Server::start(script);
        let second = Server::start(good);
        let mut bench = Bench::asking(&[first.address, second.address]);
        bench.later("dead.example");
        bench.turn();
        assert_eq!(bench.look_up("a.example"), found(&BOTH));
        assert_eq!(bench.next_done().result, found(&BOTH), "the second knows it");
        assert_eq!(bench.look_up("b.example"), found(&BOTH));
        assert_eq!(second.seen().iter().filter(|(name, _)| name != "dead.example").count(), 0);
    }

    #[test]
    fn no_address_at_all_is_not_found() {
        let server = Server::start(|question| vec![question.empty(0)]);
        let mut bench = Bench::asking(&[server.address]);
        assert_eq!(bench.fails("www.example").reason, Reason::DnsNotFound);
    }

    #[test]
    fn what_is_no_name_is_said_at_once() {
        let mut bench = Bench::asking(&[nobody()]);
        for host in ["a..b", "a b", ".", &"a".repeat(64)] {
            match bench.resolve(host).0 {
                Found::Now(Err(Trouble::Target(failure))) => assert_eq!(failure.reason, Reason::DnsFailed, "{host}"),
                other => panic!("{host}: {other:?}"),
            }
        }
        assert_eq!(bench.resolver.stats(), Stats::default());
    }

    #[test]
    fn an_answer_that_was_cut_short_is_fetched_over_tcp() {
        let server = Server::start(|question| match question.over_tcp {
            true => good(question),
            false => vec![question.truncated()],
        });
        let mut bench = Bench::with(
            Names::default(),
            ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) },
            "",
        );
        let count = 2 * TCP_MAX;
        for number in 0..count {
            bench.later(&format!("name-{number}.example"));
        }
        for _ in 0..count {
            assert_eq!(bench.next_done().result, found(&BOTH));
        }
        let datagram_sockets = (2 * count).div_ceil(QUERIES_PER_SOCKET as usize);
        assert!(bench.resolver.stats().sockets_most <= datagram_sockets + TCP_MAX);
        bench.assert_idle();
    }

    #[test]
    fn a_connection_that_ends_early_or_is_refused_is_a_failure() {
        let closing = Server::start(|question| if question.over_tcp { Vec::new() } else { vec![question.truncated()] });
        let cutting = Server::start(|question| vec![question.truncated()]);
        for server in [closing, cutting] {
            let mut bench = Bench::with(
                Names::default(),
                ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) },
                "",
            );
            let failure = bench.fails("www.example");
            assert_eq!(failure.reason, Reason::DnsFailed);
            assert!(failure.detail.contains("over TCP"), "{}", failure.detail);
            bench.assert_idle();
        }
    }

    #[test]
    fn lies_are_dropped_and_counted_and_the_truth_is_believed() {
        let server = Server::start(|question| {
            let truth = question.address(1, 60);
            let (mut wrong_id, mut wrong_question) = (question.address(66, 60), question.address(66, 60));
            wrong_id[0] ^= 0x55;
            wrong_question[13] = b'x';
            let mut replies = vec![wrong_id, wrong_question, Vec::new(), vec![0xff; 3], vec![0; 5000]];
            replies.extend((12..truth.len()).map(|end| truth[..end].to_vec()));
            replies.push(truth);
            replies
        });
        let mut bench = Bench::with(
            Names::default(),
            ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) },
            "",
        );
        assert_eq!(bench.look_up("www.example"), found(&BOTH));
        assert!(bench.resolver.stats().dropped >= 60, "{:?}", bench.resolver.stats());
        bench.assert_idle();
    }

    #[test]
    fn thousands_of_names_at_once_share_a_few_sockets() {
        let server = Server::start(good);
        let mut bench = Bench::with(
            Names::default(),
            ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) },
            "",
        );
        const COUNT: usize = 2000;
        for number in 0..COUNT {
            bench.later(&format!("name-{number}.example"));
        }
        for _ in 0..COUNT {
            assert_eq!(bench.next_done().result, found(&BOTH));
        }
        let stats = bench.resolver.stats();
        assert!(stats.sockets_most <= UDP_PER_SERVER_MAX, "{stats:?}");
        assert_eq!(stats.lookups, COUNT as u64);
        assert_eq!(server.seen().len(), 2 * COUNT, "none was lost and sent again");
        bench.assert_idle();
    }

    #[test]
    fn the_bounds_on_sockets_hold_where_all_servers_are_silent() {
        let servers = [Server::start(silent), Server::start(silent), Server::start(silent)];
        let mut bench = Bench::with(
            Names::default(),
            ResolvConf {
                attempts: 1,
                timeout: Duration::from_millis(300),
                ..conf(&servers.each_ref().map(|server| server.address))
            },
            "",
        );
        const COUNT: usize = 1000;
        for number in 0..COUNT {
            bench.later(&format!("name-{number}.example"));
        }
        for _ in 0..COUNT {
            let result = bench.next_done().result;
            assert!(matches!(&result, Err(Trouble::Target(failure)) if failure.reason == Reason::DnsTimeout));
        }
        assert_eq!(SOCKETS_MAX, 124);
        assert_eq!(bench.resolver.stats().sockets_most, 3 * UDP_PER_SERVER_MAX);
        bench.assert_idle();
    }

    #[test]
    fn a_port_is_not_used_for_long() {
        let server = Server::start(good);
        let mut bench = Bench::asking(&[server.address]);
        let mut keys = Vec::new();
        for number in 0..QUERIES_PER_SOCKET {
            assert_eq!(bench.look_up(&format!("name-{number}.example")), found(&BOTH));
            keys.extend(bench.resolver.sockets.keys());
        }
        keys.dedup();
        // Two queries a name, and the last name's end closed the second socket.
        assert_eq!(keys.len(), 2);
        assert_eq!(bench.resolver.sockets.keys().count(), 0);
        assert_eq!(bench.resolver.stats().sockets_most, 1);
    }

    #[test]
    fn a_lookup_for_which_nobody_waits_ends() {
        let server = Server::start(silent);
        let mut bench = Bench::asking(&[server.address]);
        let (ticket, _) = bench.later("www.example");
        let (same, _) = bench.later("www.example");
        assert_eq!(same, ticket);
        bench.turn();
        bench.resolver.forget(ticket, &mut bench.reactor);
        assert_eq!(bench.resolver.flights.len(), 1);
        bench.resolver.forget(ticket, &mut bench.reactor);
        bench.assert_idle();
        // Told again, and by somebody who comes too late: nothing happens, not even to a new lookup in the same place.
        let (other, third) = bench.later("other.example");
        assert_ne!(other, ticket);
        bench.resolver.forget(ticket, &mut bench.reactor);
        assert_eq!(bench.next_done().waiters, [third]);
    }

    #[test]
    fn a_lookup_forgotten_before_its_start_is_never_sent() {
        let server = Server::start(good);
        let mut bench = Bench::asking(&[server.address]);
        let (ticket, _) = bench.later("forgotten.example");
        bench.resolver.forget(ticket, &mut bench.reactor);
        assert_eq!(bench.look_up("www.example"), found(&BOTH));
        assert!(server.seen().iter().all(|(name, _)| name == "www.example"));
    }

    /// Ten thousand questions over TCP to a server that says nothing: those that wait are not told that time is up, and all
    /// are forgotten in no time worth speaking of.
    #[test]
    fn thousands_wait_for_a_connection_and_are_forgotten_at_little_cost() {
        let server = Server::start(silent);
        let mut bench = Bench::asking(&[server.address]);
        let ticket = |slot| Ticket { slot, key: bench.guard };
        let tickets: Vec<Ticket> = (0..10_000).map(ticket).collect();
        for ticket in &tickets {
            bench.resolver.sockets.open_tcp(*ticket, RecordType::A, server.address, b"\0\x01x", &mut bench.reactor);
        }
        assert_eq!(bench.resolver.sockets.most(), TCP_MAX);
        // The last ones first: each would be looked for through all others.
        for ticket in tickets.iter().rev() {
            bench.resolver.sockets.close_tcp(*ticket, RecordType::A, &mut bench.reactor);
        }
        bench.resolver.sockets.assert_idle();
        assert_eq!(bench.resolver.sockets.next_begun(), None, "nobody wants what is not there any more");
    }

    #[test]
    fn a_lookup_forgotten_over_tcp_makes_room_for_the_next() {
        // One thread serves all connections: as long as the first is open and silent, no other gets an answer.
        let server = Server::start(|question| vec![question.truncated()]);
        let mut bench = Bench::asking(&[server.address]);
        let tickets: Vec<_> = (0..TCP_MAX).map(|number| bench.later(&format!("name-{number}.example"))).collect();
        while bench.resolver.stats().answers < 2 * TCP_MAX as u64 && bench.resolver.next_done().is_none() {
            bench.turn();
        }
        for (ticket, _) in tickets {
            bench.resolver.forget(ticket, &mut bench.reactor);
        }
        bench.assert_idle();
    }

    #[test]
    fn what_the_user_gave_comes_first_and_holds_for_its_port() {
        let given = |host: &str, port, texts: &[&str]| Override {
            host: host.into(),
            port,
            addresses: addresses(texts).to_vec(),
        };
        let overrides = vec![
            given("*", 80, &["10.0.0.9"]),
            given("www.example", 80, &["10.0.0.6"]),
            given("www.example", 80, &["10.0.0.7", "::7"]),
            given("www.example", 443, &["10.0.0.8"]),
            given("empty.example", 443, &[]),
        ];
        let names = Names { overrides, families: Families::V4, ..Names::default() };
        let mut bench = Bench::with(names, conf(&[nobody()]), "");
        let mut at = |host: &str, port| {
            let waiter = bench.waiter();
            let now = bench.reactor.clock().now();
            bench.resolver.resolve(host, port, waiter, None, now, &mut bench.reactor)
        };
        assert_eq!(at("www.example", 80), Found::Now(found(&["10.0.0.7", "::7"])));
        assert_eq!(at("www.example", 443), Found::Now(found(&["10.0.0.8"])));
        assert_eq!(at("other.example", 80), Found::Now(found(&["10.0.0.9"])));
        assert_eq!(at("localhost", 80), Found::Now(found(&["10.0.0.9"])));
        assert!(matches!(at("other.example", 443), Found::Later(_)));
        assert!(matches!(at("empty.example", 443), Found::Later(_)));
    }

    #[test]
    fn localhost_and_the_hosts_file_need_no_server() {
        let hosts = "10.0.0.5 db db.example\n::5 db\n127.0.0.99 localhost\n10.0.0.4 four";
        let cases: [(Families, &str, Option<&[&str]>); 8] = [
            (Families::Both, "localhost", Some(&["127.0.0.1", "::1"])),
            (Families::V4, "localhost", Some(&["127.0.0.1"])),
            (Families::V6, "my.localhost.", Some(&["::1"])),
            (Families::Both, "db", Some(&["10.0.0.5", "::5"])),
            (Families::V6, "db", Some(&["::5"])),
            (Families::Both, "db.example", Some(&["10.0.0.5"])),
            (Families::V6, "four", None),
            (Families::Both, "other", None),
        ];
        for (families, host, expected) in cases {
            let mut bench = Bench::with(Names { families, ..Names::default() }, conf(&[nobody()]), hosts);
            match (bench.resolve(host).0, expected) {
                (Found::Now(result), Some(expected)) => assert_eq!(result, found(expected), "{host} {families:?}"),
                (Found::Later(_), None) => {}
                (other, _) => panic!("{host} {families:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn one_family_is_asked_for_alone() {
        let server = Server::start(good);
        let names = Names { families: Families::V6, ..Names::default() };
        let mut bench = Bench::with(names, conf(&[server.address]), "");
        assert_eq!(bench.look_up("www.example"), found(&["2001:db8::1"]));
        assert_eq!(server.seen(), [("www.example".to_owned(), AAAA)]);
    }

    #[test]
    fn the_users_servers_take_the_place_of_the_systems() {
        let servers = vec![nobody()];
        let mut resolver = Resolver::new(Names { servers: servers.clone(), ..Names::default() }, || 0);
        assert_eq!(resolver.files().conf.as_ref().unwrap().servers, servers);
        let mut resolver = Resolver::new(Names::default(), || 0);
        assert_eq!(resolver.files().conf, Files::read().conf);
    }
}
