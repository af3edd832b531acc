//! The exchange: what goes over a connection that stands, step 5 and 6 of [the map](super). Readiness says that something
//! can be moved; the read or write tells how much.

use std::io;
use std::time::Instant;

use super::budget::Unread;
use super::unsent::Unsent;
use super::{Engine, Job, Link, Sighting, WIDE, secure, trouble};
use crate::check::machine::Input;
use crate::check::outcome::{Failure, Reason};
use crate::conn::tls::StreamEnd;
use crate::conn::{Conn, would_block};
use crate::reactor::Key;

/// How much is read of an answer of which nothing is kept yet while the budget is used up: more than most answers are.
const SIP: usize = 2 * 1024;

/// How often one connection is read in one turn before others get theirs.
pub(super) const READS_PER_TURN: usize = 4;

impl<O: Copy> Engine<O> {
    /// 5. The socket takes bytes, or says why it never will.
    pub(super) fn writable(&mut self, id: u32, key: Key, seen: Sighting) {
        match &self.jobs[id as usize] {
            Some(Job { link: Link::Open { .. }, .. }) => {
                self.hold_up(id, seen);
                self.flush(id);
            }
            Some(Job { link: Link::Dialing(_), .. }) => match self.prove(id, key) {
                Ok(None) => {}
                Ok(Some(sent)) => {
                    let stood_at = self.stood_at(id, key, seen);
                    self.won(id, key, sent, stood_at);
                }
                Err(error) => self.attempt_failed(id, key, &error),
            },
            _ => {}
        }
    }

    /// There is room for what waits to be written, since the peer's kernel took what was written before: what is left has
    /// waited for us since then.
    fn hold_up(&mut self, id: u32, seen: Sighting) {
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let Link::Open { attempt, unsent, .. } = &job.link else { return };
        if unsent.is_empty() {
            return;
        }
        let now = self.reactor.clock().now();
        let then = match seen.is_doubtful(&job.check) {
            true => seen.known(attempt.conn.stream.last_word().map(|word| word.acknowledgement), now),
            false => seen.likely_since,
        };
        let held_up = now.saturating_duration_since(then);
        if held_up >= WIDE {
            job.check.hold_up(held_up, now);
        }
        // Its time may have been given back already, where this program did not run at all.
        if let Some(lag) = job.lag(then, now, &self.absences) {
            job.check.excuse(lag);
            self.reactor.arm(job.key, job.check.deadline());
        }
    }

    /// Writes what waits to be written.
    pub(super) fn flush(&mut self, id: u32) {
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

    /// 5c. The request goes over a connection that stands: a tunnel, in which no TLS is spoken.
    pub(super) fn say(&mut self, id: u32) {
        let Some(Job { link: Link::Open { unsent, .. }, check, .. }) = &mut self.jobs[id as usize] else { return };
        let mut request = Vec::new();
        check.encode_request(&mut request);
        *unsent = Unsent::new(request, None);
        self.flush(id);
    }

    /// 5b. TLS begins on a connection that stands: the proxy's tunnel.
    pub(super) fn begin_tls(&mut self, id: u32, now: Instant) {
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
    pub(super) fn readable(&mut self, id: u32, key: Key, ended: bool, seen: Sighting) {
        let now = self.came_at(id, key, seen);
        self.read(id, key, ended, now);
    }

    /// Notes how much of its answer the check keeps now.
    fn account(&mut self, id: u32) {
        // Nearly all have seen enough and are over.
        let Some(job) = &mut self.jobs[id as usize] else { return };
        let held = job.check.kept_bytes();
        self.budget.change(job.held, held);
        job.held = held;
    }

    /// Reads on where there was no room for what more comes.
    pub(super) fn read_on(&mut self, until: Instant) {
        while let Some(unread) = self.budget.next() {
            let Some(job) = self.jobs[unread.id as usize].as_mut().filter(|job| job.key == unread.key) else {
                continue;
            };
            let now = self.reactor.clock().now();
            if let Some(lag) = job.lag(unread.since, now, &self.absences) {
                job.check.excuse(lag);
                job.check.hold_up(lag, now);
            }
            self.reactor.arm(job.key, job.check.deadline());
            if self.reactor.is_open(unread.connection) {
                // Whether there is an end is not known any more, so it must be looked for.
                self.readable(unread.id, unread.connection, true, Sighting::now(unread.since));
            }
            if now >= until {
                return;
            }
        }
    }

    fn read(&mut self, id: u32, key: Key, ended: bool, now: Instant) {
        for _ in 0..READS_PER_TURN {
            let Some(Job { link: Link::Open { attempt, unsent, .. }, check, key: check_key, held, .. }) =
                &mut self.jobs[id as usize]
            else {
                return;
            };
            if attempt.key != key {
                return;
            }
            if *held > 0 && !self.budget.may_read(*check_key) {
                // The time until it may is ours, and so is its deadline.
                self.reactor.disarm(*check_key);
                return self.budget.wait(Unread { id, key: *check_key, connection: key, since: now });
            }
            let room = if *held == 0 && self.budget.is_used_up() { SIP } else { self.buffer.len() };
            let filled = attempt.conn.fill(&mut self.buffer[..room]);
            // Another read would only say `WouldBlock`; in a TLS handshake that is two system calls of fifteen.
            let took_all = !ended && filled.as_ref().is_ok_and(|length| *length < room);
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
            self.account(id);
            if took_all {
                return;
            }
        }
        if self.reactor.is_open(key) {
            self.reactor.again(key);
        }
    }

    /// When that came which is to be read now. The system knows it, where this program was not there or did something else.
    fn came_at(&self, id: u32, key: Key, seen: Sighting) -> Instant {
        let Some(Job { link: Link::Open { attempt, .. }, check, .. }) = &self.jobs[id as usize] else { return seen.at };
        match attempt.key == key && seen.is_doubtful(check) {
            true => seen.known(attempt.conn.stream.last_word().map(|word| word.bytes), self.reactor.clock().now()),
            false => seen.at,
        }
    }

    /// When the attempt became a connection: with the last word of the peer's kernel.
    fn stood_at(&mut self, id: u32, key: Key, seen: Sighting) -> Instant {
        let Some(Job { link: Link::Dialing(dial), check, .. }) = &mut self.jobs[id as usize] else { return seen.at };
        match dial.attempt(key) {
            Some(attempt) if seen.is_doubtful(check) => {
                seen.known(attempt.conn.stream.last_word().map(|word| word.acknowledgement), self.reactor.clock().now())
            }
            _ => seen.at,
        }
    }

    /// Takes `length` wire bytes from the buffer through the TLS session; 0 is the end of the stream.
    fn feed(&mut self, id: u32, length: usize, now: Instant) {
        let Some(Job { link: Link::Open { attempt, unsent, .. }, check, .. }) = &mut self.jobs[id as usize] else {
            return;
        };
        let Some(tls) = &mut attempt.conn.tls else { return };
        let was_handshaking = tls.is_handshaking();
        let (key, exchange) = (attempt.key, check.exchange());
        // A server may speak as soon as the handshake lets it, in the very bytes that end it.
        let mut early = Vec::new();
        let fed = tls.feed(&self.buffer[..length], |plaintext| {
            // A whole answer may have led to another place already. What is behind it belongs to nobody.
            if was_handshaking {
                early.extend_from_slice(plaintext);
            } else if check.exchange() == exchange {
                check.handle(Input::Bytes(plaintext), now);
            }
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
        if was_handshaking && (!tls.is_handshaking() || ended.is_some()) {
            check.handle(Input::Shown(Box::new(secure::seen(tls))), now);
        }
        let is_done = was_handshaking && !tls.is_handshaking();
        if is_done {
            check.handle(Input::Secured, now);
            if !early.is_empty() {
                check.handle(Input::Bytes(&early), now);
            }
        }
        if check.exchange() != exchange {
            return self.perform_now(id, now);
        }
        if is_done {
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
