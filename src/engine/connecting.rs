//! Connecting: from a target's name to a connection that stands, step 3 and 4 of [the map](super).
//!
//! Who finds out whether a connection stands, and how: the one who writes first. A socket turns writable when its connect
//! has ended, well or badly, and the first write tells which, with no call but the one that was to be made anyway.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::dial::{self, Attempt, Dial, Place};
use super::journal::Cause;
use super::resolver::{Addresses, Done, Found, Waiter};
use super::trouble::{self, Trouble};
use super::unsent::Unsent;
use super::{Engine, Job, Link, Sighting, Starved, Tag, Waiting, reuse};
use crate::check::machine::{Input, Opening};
use crate::check::outcome::{Failure, Reason};
use crate::check::target::Target;
use crate::conn::{Conn, tcp, unix, would_block};
use crate::os::Interest;
use crate::reactor::Key;

impl<O: Copy> Engine<O> {
    /// 3. Finds the addresses of a name, or somebody who will.
    pub(super) fn resolve(&mut self, id: u32, now: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let url = job.check.peer();
        let waiter = Waiter { id, key: job.key };
        let fresh_from = job.last.as_ref().map(|last| last.ended);
        match self.resolver.resolve(url.host(), url.port(), waiter, fresh_from, now, &mut self.reactor) {
            Found::Later(ticket) => job.link = Link::Resolving(ticket),
            Found::Now(result) => self.resolved(id, result, now),
        }
    }

    /// Takes what the resolver has found, as of this time.
    pub(super) fn note_names(&mut self, now: Instant) {
        while let Some(Done { waiters, result }) = self.resolver.next_done() {
            for waiter in waiters {
                self.named.push_back((waiter, result.clone(), now));
            }
        }
    }

    /// Tells those who wait for names what was found. Thousands may wait for one name; whoever is not told before `until`
    /// is told in the next turn, as of the same time.
    pub(super) fn hear_of_names(&mut self, now: Instant, until: Instant) {
        self.note_names(now);
        while let Some((waiter, result, at)) = self.named.pop_front() {
            let waits = |job: &Job| job.key == waiter.key;
            if self.jobs[waiter.id as usize].as_ref().is_some_and(waits) {
                self.noting(waiter.id, Cause::Named, |engine| engine.resolved(waiter.id, result, at));
                if self.reactor.clock().now() >= until {
                    return;
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
                    let number = job.number;
                    for address in &addresses[1..] {
                        let target = Target { pinned: Some(*address), ..job.check.target().clone() };
                        self.queue.push(Waiting { number, target, since: now, attempt, last: None, in_vain: 0 });
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
    pub(super) fn dial(&mut self, id: u32) {
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

    /// A head start or a pause is over, and has been since `then`.
    pub(super) fn dial_again(&mut self, id: u32, then: Instant) {
        let Some(key) = self.jobs[id as usize].as_ref().map(|job| job.key) else { return };
        let since = self.no_longer_starved(key).map_or(then, |starved| starved.since);
        self.give_back_time(id, since);
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
                    // What cannot begin beside an attempt does not end it, and is tried again a head start later.
                    Trouble::Shortage(failure) => match dial.last_key() {
                        None => return self.wait_for_another(id, failure),
                        Some(beside) => {
                            dial.put_back(address);
                            let now = self.reactor.clock().now();
                            self.reactor.arm(beside, now + dial::HEAD_START);
                            return self.starve(id, failure, now);
                        }
                    },
                },
            }
        }
    }

    /// The next to give something back gives it to this check's race, before another check starts.
    fn starve(&mut self, id: u32, failure: Failure, since: Instant) {
        if let Some(job) = &self.jobs[id as usize]
            && !self.starved.iter().any(|starved| starved.key == job.key)
        {
            self.starved.push_back(Starved { id, key: job.key, failure, since });
        }
        self.queue.run_short();
    }

    /// Lets races go on that lack a descriptor, as long as there seems to be one. The time until then was ours.
    pub(super) fn feed_races(&mut self) {
        while !self.queue.is_short() {
            let Some(Starved { id, key, since, .. }) = self.starved.pop_front() else { return };
            if self.jobs[id as usize].as_ref().is_some_and(|job| job.key == key) {
                self.give_back_time(id, since);
                self.dial_next(id);
            }
        }
    }

    fn no_longer_starved(&mut self, key: Key) -> Option<Starved> {
        let at = self.starved.iter().position(|starved| starved.key == key)?;
        // The last one gets its place: all of them wait for the same, and for none is it long.
        self.starved.swap_remove_back(at)
    }

    /// A check could not go on since `then` for reasons of ours.
    fn give_back_time(&mut self, id: u32, then: Instant) {
        let now = self.reactor.clock().now();
        let Some(job) = &mut self.jobs[id as usize] else { return };
        if let Some(lag) = job.lag(then, now, &self.absences) {
            job.check.excuse(lag);
            job.check.hold_up(lag, now);
            self.reactor.arm(job.key, job.check.deadline());
        }
    }

    /// A check's deadline has come. Where an address is left that was not tried for want of a descriptor, nobody can say
    /// that the target did not answer.
    pub(super) fn time_is_up(&mut self, id: u32, key: Key, now: Instant) {
        let is_over = self.jobs[id as usize].as_ref().is_some_and(|job| job.check.deadline() <= now);
        let input = match Some(key).filter(|_| is_over).and_then(|key| self.no_longer_starved(key)) {
            Some(starved) => Input::Failed(starved.failure),
            None => Input::Deadline,
        };
        self.advance(id, input, now);
    }

    fn watch_attempt(&mut self, id: u32, key: Key, at_once: bool) {
        if at_once {
            let now = self.reactor.clock().now();
            self.writable(id, key, Sighting::now(now));
        }
        if !self.reactor.is_open(key) {
            return;
        }
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let (conn, want) = match &mut job.link {
            // All of a plain request is out already: nothing will ever have to wait to be written.
            Link::Open { attempt, unsent, .. } if unsent.is_empty() && !job.check.url().scheme().is_secure() => {
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

    /// Tries whether the attempt has become a connection, by writing what is to be written first. `None`: not yet.
    /// Otherwise how many bytes of the request are on their way.
    pub(super) fn prove(&mut self, id: u32, key: Key) -> io::Result<Option<usize>> {
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

    /// The attempt has a connection, and `sent` bytes of the request are on it.
    pub(super) fn won(&mut self, id: u32, key: Key, sent: usize, now: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let Link::Dialing(mut dial) = std::mem::replace(&mut job.link, Link::None) else { return };
        let Some(attempt) = dial.remove(key) else {
            debug_assert!(false, "it has just been written to");
            return;
        };
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

    pub(super) fn attempt_failed(&mut self, id: u32, key: Key, error: &io::Error) {
        self.reactor.close(key);
        let Some(Job { link: Link::Dialing(dial), .. }) = &mut self.jobs[id as usize] else { return };
        let Some(attempt) = dial.remove(key) else {
            debug_assert!(false, "writing to it has just failed");
            return;
        };
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
}
