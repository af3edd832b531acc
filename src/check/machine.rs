//! One check as a state machine that does nothing itself: it is told what happened and says what to do next.
//!
//! ```text
//!                  Resolved           Connected     Secured        first byte      last byte
//!     ExpectAddresses ──► ExpectConnection ──► ExpectTls ──► ExpectAnswer ──► ExpectBody ──► Ended
//!           │ dns_*            │ connect_*         │ tls_*         │ response_timeout, closed, reset, ...
//!           └──────────────────┴───────────────────┴───────────────┴──► Ended
//! ```
//!
//! A redirect that is followed goes back to the beginning, on the time of the same attempt. Through a proxy, the names
//! and the connection are the proxy's, and for `https://` and `tcp://` the connection is a tunnel that the proxy makes:
//!
//! ```text
//!     ExpectConnection ──► ExpectTunnel ──► ExpectTls, or the end
//! ```
//!
//! **One [`handle`](Check::handle), then [`poll`](Check::poll) until `None`, then the next `handle`; exactly one
//! [`Action::Finish`] a check.** After that, whatever else is handled changes nothing.
//!
//! There is no socket here, no clock and no thread, so an event loop can drive ten thousand of these and a blocking
//! thread one, and a test can step it by hand.
//!
//! This file is the machine: what happens in which state, the states, and the steps from one to the next. It refuses to
//! know how a connection is made, how bytes become a response, and what an expectation means. Beside it stand `interface`,
//! what goes in and comes out; `hop`, one exchange with one place, and the times of its phases; `trail`, the redirects;
//! `asking`, whom to connect to and what to say; `judging`, what is expected and what came; `blame`, whose fault a failure
//! is; and `standing`, how it stands and what came of it.

mod asking;
mod awaits;
mod blame;
mod hop;
mod interface;
mod judging;
mod standing;
mod trail;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::expect::{Mismatch, clip};
use super::outcome::{Failure, Micros, Phases, Reason, Verdict};
use super::target::Target;
use crate::proto::http::close_reason::CloseReason;
use crate::proto::http::request::Form;
use crate::proto::url::Scheme;
pub use awaits::Awaits;
use blame::{is_end, problem_failure, refusal};
use hop::{Hop, decoder, tunnel};
use interface::Wants;
pub use interface::{Action, Input, Opening, Try};
use trail::{SHOWN_URL, Trail};

/// One check. See the module's text.
#[derive(Debug)]
pub struct Check {
    target: Target,
    state: State,
    /// When the attempt's time is over. It moves by what does not count against the target: this program was not there.
    end_of_attempt: Instant,
    /// How many connections have been asked for so far.
    exchange: u32,
    hop: Hop,
    /// Where redirects have led, if to anywhere.
    trail: Option<Box<Trail>>,
    /// The sum over all hops.
    phases: Phases,
    note: Option<Box<str>>,
    /// Nearly all end well, and then there is nothing to explain.
    why: Option<Box<Why>>,
    attempt: Try,
    /// The attempt has begun.
    begun: bool,
    /// Wall time at the start, since the Unix epoch: what a certificate's days are counted from.
    wall: Duration,
    wants: Wants,
}

impl Check {
    /// A check that waits for [`Input::Start`], about to start at `now`, which is `wall` since the Unix epoch. It has
    /// been `queue` in the queue.
    pub fn new(target: Target, attempt: Try, queue: Duration, now: Instant, wall: Duration) -> Check {
        Check {
            hop: Hop::new(decoder(&target, Form::default()), now),
            target,
            state: State::New,
            end_of_attempt: now,
            exchange: 0,
            trail: None,
            phases: Phases { queue: Micros::of(queue), ..Phases::default() },
            note: None,
            why: None,
            attempt,
            begun: false,
            wall,
            wants: Wants::default(),
        }
    }

    /// Takes one thing that happened, seen at `now`.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match (self.state, input) {
            (State::Ended(_), _) => {}
            (State::New, Input::Start) => self.start(now),
            (State::ExpectAnswer, ref ended) if self.hop.reused && is_end(ended) => self.start_afresh(now),
            (_, Input::Failed(failure)) => self.fail(failure, now),
            (_, Input::Deadline) => self.time_is_up(now),
            (State::ExpectAddresses, Input::Resolved) => {
                self.end_phase(now);
                self.connect();
            }
            (State::ExpectConnection, Input::Connected(address)) => self.connected(address, now),
            (State::ExpectAddresses | State::ExpectConnection, Input::Reused(address)) if self.may_reuse() => {
                self.reuse(address);
            }
            (_, Input::Noted(note)) => self.note = Some(note),
            (_, Input::Shown(seen)) => self.hop.tls = Some(seen),
            (State::ExpectTls, Input::Secured) => {
                self.end_phase(now);
                self.stands(now);
            }
            (State::ExpectAnswer | State::ExpectBody, Input::Bytes(bytes)) => self.bytes(bytes, now),
            (State::ExpectTunnel, Input::Bytes(bytes)) => self.tunnel_bytes(bytes, now),
            (State::ExpectTunnel, Input::Eof | Input::Truncated) => {
                self.fail(Failure::new(Reason::Closed, ""), now);
            }
            (State::ExpectTls, Input::Eof | Input::Truncated) => {
                let detail = "the server closed the connection in the middle of the TLS handshake";
                self.fail(Failure::new(Reason::Closed, detail), now);
            }
            (State::ExpectAnswer | State::ExpectBody, Input::Eof) => self.eof(true, now),
            (State::ExpectAnswer | State::ExpectBody, Input::Truncated) => self.eof(false, now),
            // What does not fit the state is late or early and changes nothing.
            (_, Input::Start | Input::Resolved | Input::Connected(_) | Input::Reused(_) | Input::Secured) => {}
            (_, Input::Bytes(_) | Input::Eof | Input::Truncated) => {}
        }
    }

    /// The next thing to do, or `None` when there is nothing to do but wait. `now` is a fresh reading of the clock:
    /// what is begun with the action begins then.
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        self.hop.since.get_or_insert(now);
        self.wants.next(self.hop.until)
    }
}

/// What the check is waiting for. It is a word and no more: one that owned something would have to be taken apart at each
/// step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    ExpectAddresses,
    ExpectConnection,
    /// The proxy's answer to CONNECT.
    ExpectTunnel,
    ExpectTls,
    ExpectAnswer,
    ExpectBody,
    Ended(Reason),
}

/// What is to be said of an end.
#[derive(Debug)]
struct Why {
    detail: Box<str>,
    /// The expectations and warnings that did not hold.
    failed: Vec<Mismatch>,
}

/// The steps from one state to the next.
impl Check {
    fn start(&mut self, now: Instant) {
        self.end_of_attempt = now + self.target.settings.timeout;
        self.begun = true;
        self.approach(now);
    }

    /// Begins with finding and connecting to whatever the URL says.
    fn approach(&mut self, now: Instant) {
        self.exchange += 1;
        let end = self.end_of_attempt;
        self.arm(self.target.settings.connect_timeout.map_or(end, |limit| end.min(now + limit)));
        if self.target.socket().is_some() || self.literal().is_some() {
            self.connect();
        } else {
            self.state = State::ExpectAddresses;
            self.wants.add(Action::Resolve);
        }
    }

    fn arm(&mut self, until: Instant) {
        self.hop.until = until;
        self.wants.add(Action::Arm(until));
    }

    fn connect(&mut self) {
        self.state = State::ExpectConnection;
        self.wants.add(Action::Connect);
        if self.opening() != Opening::Nothing {
            self.wants.add(Action::Send);
        }
    }

    fn connected(&mut self, address: Option<SocketAddr>, now: Instant) {
        self.hop.address = address;
        self.hop.keeps = Err(CloseReason::Unfinished);
        self.end_phase(now);
        match self.url().scheme() {
            _ if self.wants_tunnel() => {
                self.hop.tunnel = Some(tunnel());
                self.state = State::ExpectTunnel;
            }
            Scheme::Https | Scheme::Tls => self.state = State::ExpectTls,
            Scheme::Http | Scheme::Tcp => self.stands(now),
        }
    }

    /// Bytes of the proxy's answer to CONNECT. Only a 2xx is the tunnel.
    fn tunnel_bytes(&mut self, bytes: &[u8], now: Instant) {
        let Some(decoder) = &mut self.hop.tunnel else {
            debug_assert!(false, "only the state that waits for a tunnel hands its bytes here");
            return;
        };
        let mut rest = bytes;
        while !rest.is_empty() && !decoder.is_done() {
            match decoder.step(rest) {
                Ok(step) => rest = &rest[step.used..],
                Err(problem) => return self.fail(problem_failure(&problem), now),
            }
        }
        if !decoder.is_done() {
            return;
        }
        match (decoder.status().unwrap_or_default(), self.url().scheme()) {
            (200..300, Scheme::Https | Scheme::Tls) if rest.is_empty() => {
                self.end_phase(now);
                self.state = State::ExpectTls;
                self.wants.add(Action::Secure);
            }
            // In TLS the client speaks first, so whatever stands here is not the host's.
            (200..300, Scheme::Https | Scheme::Tls) => {
                self.fail(Failure::new(Reason::Malformed, "it sent more than its answer"), now)
            }
            (200..300, _) => {
                self.end_phase(now);
                if self.target.settings.send.is_some() {
                    self.wants.add(Action::Say);
                }
                self.stands(now);
                // A server that speaks first may do so at once.
                if self.state == State::ExpectAnswer {
                    self.bytes(rest, now);
                }
            }
            (status, _) => self.fail(Failure::new(Reason::ConnectRefused, refusal(status)), now),
        }
    }

    /// The connection stands, and is as it is to be. Where nothing is said and nothing expected, that is all.
    fn stands(&mut self, now: Instant) {
        match self.url().scheme() {
            Scheme::Tcp | Scheme::Tls if !self.talks() => self.judge(now),
            _ => self.expect_answer(),
        }
    }

    fn expect_answer(&mut self) {
        self.state = State::ExpectAnswer;
        if self.target.settings.connect_timeout.is_some() {
            self.arm(self.end_of_attempt);
        }
    }

    /// A connection from before has taken the place of a new one, so nothing was looked up and nothing connected.
    fn reuse(&mut self, address: Option<SocketAddr>) {
        self.hop.address = address;
        self.hop.keeps = Err(CloseReason::Unfinished);
        self.hop.reused = true;
        self.hop.since = None;
        self.expect_answer();
    }

    fn bytes(&mut self, mut bytes: &[u8], now: Instant) {
        if self.state == State::ExpectAnswer && !bytes.is_empty() {
            // With TLS the answer may come in the very bytes that ended the handshake, before anybody polled.
            self.hop.since.get_or_insert(now);
            self.end_phase(now);
            self.state = State::ExpectBody;
            self.hop.since = Some(now);
        }
        while !bytes.is_empty() && !self.hop.decoder.is_done() {
            match self.hop.decoder.step(bytes) {
                Ok(step) => {
                    bytes = &bytes[step.used..];
                    if !step.body.is_empty() && self.target.settings.needs_whole_body() {
                        self.hop.take_body(step.body, &self.target.settings);
                    }
                }
                Err(problem) => return self.fail(problem_failure(&problem), now),
            }
        }
        if !self.url().scheme().is_http() && !self.hop.decoder.is_done() {
            return self.heard_enough(now);
        }
        if self.hop.decoder.is_done() {
            self.hop.keeps = self.hop.decoder.keeps(bytes);
            if self.target.settings.template.closes(self.form()) {
                self.hop.keeps = Err(CloseReason::Request);
            }
            if self.target.settings.no_body {
                self.hop.keeps = Err(CloseReason::Unfinished);
            }
            self.whole(now);
        }
    }

    /// The stream is over. `whole`: nothing can be missing from it, which matters where only the end of the stream ends
    /// the body.
    fn eof(&mut self, whole: bool, now: Instant) {
        let is_http = self.url().scheme().is_http();
        match self.hop.decoder.end() {
            Ok(()) if !is_http && self.hop.decoder.body_bytes() == 0 => {
                self.fail(Failure::new(Reason::Closed, "the server closed the connection without a word"), now);
            }
            Ok(()) if whole || !is_http => {
                self.hop.keeps = Err(CloseReason::UntilClose);
                self.whole(now);
            }
            Ok(()) => {
                let detail = "the server closed the connection without close_notify, so the body may be cut short";
                self.fail(Failure::new(Reason::Closed, detail), now);
            }
            Err(cut) => self.fail(Failure::new(Reason::Closed, format!("the server closed the connection {cut}")), now),
        }
    }

    /// The response is whole.
    fn whole(&mut self, now: Instant) {
        // What a server says on a connection that it was about to end is no answer to this request (RFC 9110, 15.5.9).
        if self.hop.decoder.status() == Some(408) && self.hop.reused {
            return self.start_afresh(now);
        }
        // 407 is the proxy's own word: no host says it (RFC 9110, 15.5.8).
        if self.hop.decoder.status() == Some(407) && self.target.proxy().is_some() && !self.wants_tunnel() {
            return self.fail(Failure::new(Reason::ConnectRefused, refusal(407)), now);
        }
        match self.target.settings.redirects {
            Some(redirects) if matches!(self.hop.decoder.status(), Some(301 | 302 | 303 | 307 | 308)) => {
                match self.redirected(redirects) {
                    Ok(Some(trail)) => self.follow(trail, now),
                    Ok(None) => self.judge(now),
                    Err(detail) => self.fail(Failure::new(Reason::Redirect, detail), now),
                }
            }
            _ => self.judge(now),
        }
    }

    fn follow(&mut self, trail: Trail, now: Instant) {
        self.end_phase(now);
        // The connection of the hop that is over may be kept, and the engine has not been told yet.
        let keeps = self.hop.keeps;
        self.hop = Hop { keeps, ..Hop::new(decoder(&self.target, trail.form), now) };
        self.trail = Some(Box::new(trail));
        self.approach(now);
    }

    /// The connection from before has ended before a byte of an answer came: not the server's fault, who may end an idle
    /// one at any time (RFC 9112, 9.3.1). The request is made once more, over a fresh one.
    fn start_afresh(&mut self, now: Instant) {
        self.end_phase(now);
        self.note =
            Some("the connection that was there had ended, so the request was made again over a fresh one".into());
        // The engine looks at what the one before comes to before it asks for another.
        self.hop = Hop {
            must_be_fresh: true,
            keeps: Err(CloseReason::Ended),
            ..Hop::new(decoder(&self.target, self.form()), now)
        };
        self.approach(now);
    }

    fn end(&mut self, reason: Reason, mut why: Option<Box<Why>>) {
        if let (Some(why), Verdict::Down) = (&mut why, reason.verdict()) {
            self.say_where(reason, &mut why.detail);
        }
        self.state = State::Ended(reason);
        self.why = why;
        self.wants = Wants::default();
        self.wants.add(Action::Finish);
    }

    /// A failure elsewhere than at the target says where.
    fn say_where(&self, reason: Reason, detail: &mut Box<str>) {
        if let Some(words) = self.proxy_words() {
            *detail = format!("{words}: {detail}").into();
        }
        // What is wrong with a redirect itself says so already.
        if let Some(trail) = self.trail.as_ref().filter(|_| reason != Reason::Redirect) {
            *detail = format!("{detail} (redirected to {})", clip(trail.url.as_str(), SHOWN_URL)).into();
        }
    }
}

#[cfg(test)]
mod tests;
