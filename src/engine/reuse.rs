//! `--keepalive`: how a connection gets from one check to the next.
//!
//! While it lies idle nobody watches it. Whoever takes it looks first whether its peer has closed it or said something
//! in the meantime. A peer may still close it at the very moment of its use: then the machine asks for a fresh one.

use std::time::Instant;

use super::dial::{Attempt, Place};
use super::exchange::READS_PER_TURN;
use super::pool::Origin;
use super::unsent::Unsent;
use super::{Engine, Job, Link, Tag, secure};
use crate::check::machine::{Check, Input};
use crate::check::outcome::{Failure, Reason};
use crate::conn::{Conn, would_block};
use crate::os::Interest;
use crate::proto::http::close_reason::CloseReason;

/// A connection that lies idle. Its socket is still registered with the loop, under a key that is closed.
#[derive(Debug)]
pub(super) struct Idle {
    conn: Conn,
    place: Place,
}

/// What the connection that the check is about to open could be kept for; `None`: nothing.
pub(super) fn origin(check: &Check) -> Option<Box<Origin>> {
    let is_wanted = check.target().settings.keepalive && check.url().scheme().is_http();
    is_wanted.then(|| Box::new(Origin::of(check)))
}

impl<O: Copy> Engine<O> {
    /// Puts an idle connection to the same origin in the place of a fresh one: whether there was one.
    pub(super) fn reuse(&mut self, id: u32, now: Instant) -> bool {
        let Some(Job { check, .. }) = &self.jobs[id as usize] else { return false };
        if !check.may_reuse() {
            return false;
        }
        let Some(origin) = origin(check) else {
            debug_assert!(false, "what may go over a connection from before is HTTP that keeps connections");
            return false;
        };
        // Each round takes one out of the pool, or ends.
        while let Some(mut idle) = self.pool.take(&origin) {
            match probe(&mut idle.conn, &mut self.buffer) {
                Ok(()) => {
                    self.pool.reused();
                    self.use_again(id, idle, origin, now);
                    return true;
                }
                Err(reason) => self.pool.closed(reason),
            }
        }
        false
    }

    fn use_again(&mut self, id: u32, Idle { conn, place }: Idle, origin: Box<Origin>, now: Instant) {
        let Some(job) = &mut self.jobs[id as usize] else {
            debug_assert!(false, "nothing has ended the check since it was asked whether it may");
            return;
        };
        let key = self.reactor.open(Tag::Conn(id));
        if let Some(tls) = &conn.tls {
            job.check.handle(Input::Shown(Box::new(secure::seen(tls))), now);
        }
        job.check.handle(Input::Reused(place.address()), now);
        let mut request = Vec::new();
        job.check.encode_request(&mut request);
        let unsent = Unsent::new(request, job.check.large_body());
        job.link = Link::Open { attempt: Attempt { key, conn, place }, unsent, origin: Some(origin) };
        self.perform_now(id, now);
        self.flush(id);
        // The peer may have ended it at this very moment, and the machine wanted another.
        if !self.reactor.is_open(key) {
            return;
        }
        let Some(Job { link: Link::Open { attempt, .. }, .. }) = &mut self.jobs[id as usize] else {
            debug_assert!(false, "a connection's key is closed when its check leaves it");
            return;
        };
        if let Err(error) = self.reactor.rewatch(key, &mut attempt.conn, Interest::READABLE | Interest::WRITABLE) {
            let failure = Failure::new(Reason::LocalError, format!("watching a socket: {error}"));
            self.advance(id, Input::Failed(failure), now);
        }
    }

    /// Closes a connection that a check needs no more, or keeps it for the next.
    pub(super) fn leave(&mut self, keeps: Result<(), CloseReason>, link: Link) {
        let Link::Open { attempt, unsent, origin } = link else { return };
        self.reactor.close(attempt.key);
        let Some(origin) = origin else { return };
        let Attempt { conn, place, .. } = attempt;
        let is_whole = unsent.is_empty()
            && unsent.broken.is_none()
            && conn.tls.as_ref().is_none_or(|tls| !tls.close_notify_seen());
        match keeps {
            Ok(()) if is_whole => self.pool.put(*origin, Idle { conn, place }),
            Ok(()) => self.pool.closed(CloseReason::Unfinished),
            Err(reason) => self.pool.closed(reason),
        }
    }
}

/// Whether an idle connection is as it was left. TLS may have said something in between that is no answer, such as a
/// ticket for another session.
fn probe(conn: &mut Conn, buffer: &mut [u8]) -> Result<(), CloseReason> {
    for _ in 0..READS_PER_TURN {
        let length = match conn.fill(buffer) {
            Err(error) if would_block(&error) => return Ok(()),
            Ok(0) | Err(_) => return Err(CloseReason::Ended),
            Ok(length) => length,
        };
        let Some(tls) = &mut conn.tls else { return Err(CloseReason::Surplus) };
        let mut surplus = false;
        let fed = tls.feed(&buffer[..length], |_| surplus = true);
        if surplus {
            return Err(CloseReason::Surplus);
        }
        if fed.is_err() || tls.close_notify_seen() {
            return Err(CloseReason::Ended);
        }
    }
    Err(CloseReason::Surplus)
}
