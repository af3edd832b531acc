//! One check as a state machine that does nothing itself: it is told what happened and says what to do next.
//!
//! ```text
//!                  Resolved           Connected            first byte         last byte
//!     ExpectAddresses ──► ExpectConnection ──► ExpectAnswer ──► ExpectBody ──► Ended
//!           │ dns_*            │ connect_*          │ response_timeout, closed, reset, ...
//!           └──────────────────┴────────────────────┴──► Ended
//! ```
//!
//! **One [`handle`](Check::handle), then [`poll`](Check::poll) until `None`, then the next `handle`; exactly one [`Action::Finish`] a check.**
//! After that, whatever else is handled changes nothing.
//!
//! There is no socket here, no clock and no thread, so an event loop can drive ten thousand of these and a blocking thread one, and a
//! test can step it by hand.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::outcome::{Failure, Outcome, Phases, Reason};
use super::target::Target;
use crate::proto::http::response::{Cut, Decoder, Problem};
use crate::proto::url::Scheme;

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The attempt begins.
    Start,
    /// The host's addresses are known to the one who connects.
    Resolved,
    /// The connection to this address stands. If there is a request, its first bytes are on their way.
    Connected(SocketAddr),
    /// The peer sent these bytes.
    Bytes(&'a [u8]),
    /// The peer will send no more.
    Eof,
    /// It cannot go on.
    Failed(Failure),
    /// The time given with the last [`Action::Arm`] has come.
    Deadline,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell me [`Input::Deadline`] at this time, and forget the time named before.
    Arm(Instant),
    /// Find the addresses of the target's host.
    Resolve,
    /// Connect to one of them.
    Connect,
    /// Send [`Target::encode_request`] as soon as the connection stands.
    Send,
    /// It is over: take the [outcome](Check::into_outcome).
    Finish,
}

/// The most actions that one input can lead to.
const ACTIONS_MAX: usize = 3;

/// What the check is waiting for.
#[derive(Debug)]
enum State {
    New,
    ExpectAddresses,
    ExpectConnection,
    ExpectAnswer,
    ExpectBody,
    Ended(Ending),
}

/// How it ended.
#[derive(Debug)]
struct Ending {
    reason: Reason,
    detail: Option<Box<str>>,
}

/// One check. See the module's text.
#[derive(Debug)]
pub struct Check {
    target: Target,
    state: State,
    /// When the attempt began.
    started: Instant,
    /// When the phase began that belongs to the state; `None` until it has.
    since: Option<Instant>,
    decoder: Decoder,
    phases: Phases,
    address: Option<SocketAddr>,
    attempts: u32,
    actions: [Option<Action>; ACTIONS_MAX],
}

impl Check {
    /// A check that waits for [`Input::Start`]. `now` is only a placeholder for times that are not known yet.
    pub fn new(target: Target, queue: Duration, now: Instant) -> Check {
        Check {
            decoder: Decoder::new(target.settings.template.is_head(), target.settings.max_body),
            target,
            state: State::New,
            started: now,
            since: None,
            phases: Phases { queue, ..Phases::default() },
            address: None,
            attempts: 0,
            actions: [None; ACTIONS_MAX],
        }
    }

    /// What is checked.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// When the attempt began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The target back, of a check that was begun and must wait for another turn.
    pub fn into_target(self) -> Target {
        self.target
    }

    /// Takes one thing that happened, seen at `now`.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match (&self.state, input) {
            (State::Ended(_), _) => {}
            (State::New, Input::Start) => self.start(now),
            (_, Input::Failed(failure)) => self.fail(failure, now),
            (_, Input::Deadline) => self.deadline(now),
            (State::ExpectAddresses, Input::Resolved) => {
                self.end_phase(now);
                self.connect();
            }
            (State::ExpectConnection, Input::Connected(address)) => self.connected(address, now),
            (State::ExpectAnswer | State::ExpectBody, Input::Bytes(bytes)) => self.bytes(bytes, now),
            (State::ExpectAnswer | State::ExpectBody, Input::Eof) => self.eof(now),
            // What does not fit the state is late or early and changes nothing.
            (_, Input::Start | Input::Resolved | Input::Connected(_) | Input::Bytes(_) | Input::Eof) => {}
        }
    }

    /// The next thing to do, or `None` when there is nothing to do but wait. `now` is a fresh reading of the clock: what is
    /// begun with the action begins then.
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        self.since.get_or_insert(now);
        self.actions.iter_mut().find_map(Option::take)
    }

    /// What came of it. `wall` is the wall time, since the Unix epoch, at which the attempt began.
    ///
    /// # Panics
    /// Before [`Action::Finish`]: there is no outcome yet.
    pub fn into_outcome(self, wall: Duration) -> Outcome {
        let State::Ended(Ending { reason, detail }) = self.state else { panic!("into_outcome before Finish") };
        Outcome {
            target: self.target,
            reason,
            detail,
            status: self.decoder.status(),
            address: self.address,
            http_version: self.decoder.http_version(),
            body_bytes: self.decoder.body_bytes(),
            phases: self.phases,
            attempts: self.attempts,
            started: wall,
        }
    }

    fn start(&mut self, now: Instant) {
        self.started = now;
        self.attempts = 1;
        let settings = &self.target.settings;
        let limit = settings.connect_timeout.map_or(settings.timeout, |limit| limit.min(settings.timeout));
        self.push(Action::Arm(now + limit));
        if self.target.url.literal().is_some() {
            self.connect();
        } else {
            self.state = State::ExpectAddresses;
            self.push(Action::Resolve);
        }
    }

    fn connect(&mut self) {
        self.state = State::ExpectConnection;
        self.push(Action::Connect);
        if self.target.url.scheme() != Scheme::Tcp {
            self.push(Action::Send);
        }
    }

    fn connected(&mut self, address: SocketAddr, now: Instant) {
        self.address = Some(address);
        self.end_phase(now);
        if self.target.url.scheme() == Scheme::Tcp {
            return self.finish(Reason::Ok, None, now);
        }
        self.state = State::ExpectAnswer;
        if self.target.settings.connect_timeout.is_some() {
            self.push(Action::Arm(self.started + self.target.settings.timeout));
        }
    }

    fn bytes(&mut self, mut bytes: &[u8], now: Instant) {
        if matches!(self.state, State::ExpectAnswer) && !bytes.is_empty() {
            self.end_phase(now);
            self.state = State::ExpectBody;
            self.since = Some(now);
        }
        while !bytes.is_empty() && !self.decoder.is_done() {
            match self.decoder.step(bytes) {
                Ok(step) => bytes = &bytes[step.used..],
                Err(problem) => return self.fail(problem_failure(&problem), now),
            }
        }
        if self.decoder.is_done() {
            self.judge(now);
        }
    }

    fn eof(&mut self, now: Instant) {
        match self.decoder.end() {
            Ok(()) => self.judge(now),
            Err(cut) => self.fail(Failure::new(Reason::Closed, format!("the server closed the connection {cut}")), now),
        }
    }

    /// The response is whole: is it a good one?
    fn judge(&mut self, now: Instant) {
        match self.decoder.status() {
            Some(status) if !(200..400).contains(&status) => {
                self.fail(Failure::new(Reason::Status, format!("status was {status}, expected 200-399")), now);
            }
            _ => self.finish(Reason::Ok, None, now),
        }
    }

    /// The time is up. What we were waiting for says whose fault it is.
    fn deadline(&mut self, now: Instant) {
        let timeout = seconds(self.target.settings.timeout);
        let connect_timeout = seconds(self.target.settings.connect_timeout.unwrap_or(self.target.settings.timeout));
        let host = self.target.url.host();
        let failure = match self.state {
            State::New | State::Ended(_) => return,
            State::ExpectAddresses => {
                Failure::new(Reason::DnsTimeout, format!("no address for {host} within {connect_timeout}"))
            }
            State::ExpectConnection => Failure::new(
                Reason::ConnectTimeout,
                format!("no connection to {} within {connect_timeout}", self.target.url.authority()),
            ),
            State::ExpectAnswer => {
                Failure::new(Reason::ResponseTimeout, format!("connected, but no answer within {timeout}"))
            }
            State::ExpectBody => Failure::new(
                Reason::ResponseTimeout,
                match self.decoder.status() {
                    None => format!("the answer began but its head was not whole within {timeout}"),
                    Some(status) => format!(
                        "status {status}, but the body was not whole within {timeout} ({} bytes came)",
                        self.decoder.body_bytes()
                    ),
                },
            ),
        };
        self.fail(failure, now);
    }

    fn fail(&mut self, mut failure: Failure, now: Instant) {
        if failure.reason == Reason::Reset {
            failure.detail = match self.cut() {
                Some(cut) => format!("the server reset the connection {cut}").into(),
                None => failure.detail,
            };
        }
        self.finish(failure.reason, Some(failure.detail), now);
    }

    fn cut(&mut self) -> Option<Cut> {
        match self.state {
            State::ExpectAnswer => Some(Cut::BeforeAnswer),
            State::ExpectBody => self.decoder.end().err(),
            _ => None,
        }
    }

    fn finish(&mut self, reason: Reason, detail: Option<Box<str>>, now: Instant) {
        self.end_phase(now);
        self.state = State::Ended(Ending { reason, detail });
        self.actions = [Some(Action::Finish), None, None];
    }

    /// Books the time of the phase that belongs to the state. The next phase begins when it is next asked what to do.
    fn end_phase(&mut self, now: Instant) {
        let phase = match self.state {
            State::New | State::Ended(_) => return,
            State::ExpectAddresses => &mut self.phases.dns,
            State::ExpectConnection => &mut self.phases.connect,
            State::ExpectAnswer => &mut self.phases.wait,
            State::ExpectBody => &mut self.phases.body,
        };
        if let Some(since) = self.since.take() {
            // A phase may have begun after the time stamp of the turn that ends it; then it took no time.
            *phase = Some(now.saturating_duration_since(since));
        }
    }

    fn push(&mut self, action: Action) {
        let free = self.actions.iter_mut().find(|slot| slot.is_none());
        // Every `handle` is drained before the next, and none pushes more than ACTIONS_MAX: a full list is a bug.
        *free.expect("poll until None before the next handle") = Some(action);
    }
}

fn problem_failure(problem: &Problem) -> Failure {
    let reason = if problem.is_too_large() { Reason::TooLarge } else { Reason::Malformed };
    Failure::new(reason, problem.to_string())
}

/// A time as a person would say it.
fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{} ms", time.as_millis()) } else { format!("{} s", time.as_secs_f64()) }
}
