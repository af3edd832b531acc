//! One check as a state machine that does nothing itself: it is told what happened and says what to do next.
//!
//! ```text
//!                  Resolved           Connected     Secured        first byte      last byte
//!     ExpectAddresses ──► ExpectConnection ──► ExpectTls ──► ExpectAnswer ──► ExpectBody ──► Ended
//!           │ dns_*            │ connect_*         │ tls_*         │ response_timeout, closed, reset, ...
//!           └──────────────────┴───────────────────┴───────────────┴──► Ended
//! ```
//!
//! A redirect that is followed goes back to the beginning, on the time of the same attempt.
//!
//! **One [`handle`](Check::handle), then [`poll`](Check::poll) until `None`, then the next `handle`; exactly one
//! [`Action::Finish`] a check.** After that, whatever else is handled changes nothing.
//!
//! There is no socket here, no clock and no thread, so an event loop can drive ten thousand of these and a blocking
//! thread one, and a test can step it by hand.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::expect::{Expectation, Headers, Mismatch, Seen};
use super::outcome::{Failure, Outcome, Phases, Reason, TlsSeen};
use super::settings::Redirects;
use super::target::Target;
use crate::proto::http::request::Form;
use crate::proto::http::response::{Cut, Decoder, Problem};
use crate::proto::url::{Scheme, Url};

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The attempt begins.
    Start,
    /// The host's addresses are known to the one who connects.
    Resolved,
    /// The connection to this address stands. If there is a request to be sent in the clear, its first bytes are on
    /// their way.
    Connected(SocketAddr),
    /// What the TLS handshake has shown; before `Secured`, or before the failure that it belongs to.
    Shown(Box<TlsSeen>),
    /// The TLS handshake is done.
    Secured,
    /// The peer sent these bytes.
    Bytes(&'a [u8]),
    /// The peer will send no more, and all that it sent has come.
    Eof,
    /// The peer will send no more, and TLS cannot tell whether something is missing (RFC 8446, 6.1).
    Truncated,
    /// Something worth saying that changes nothing: an address that did not answer before another did.
    Noted(Box<str>),
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
    /// Find the addresses of the [URL](Check::url)'s host. A connection that stands from before is of no more use.
    Resolve,
    /// Connect to one of them, in place of any connection from before.
    Connect,
    /// Send [the request](Check::encode_request) as soon as the connection stands, and is secured if it is to be.
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
    ExpectTls,
    ExpectAnswer,
    ExpectBody,
    Ended(Ending),
}

/// How it ended.
#[derive(Debug)]
struct Ending {
    reason: Reason,
    detail: Option<Box<str>>,
    failed: Vec<Mismatch>,
}

/// Where redirects have led.
#[derive(Debug)]
struct Hop {
    url: Url,
    /// The user and password that the redirect's own URL had.
    user: Option<Box<[u8]>>,
    form: Form,
    /// Where we have been, to see a loop.
    before: Vec<Url>,
}

/// Which attempt this is, and whether that counts against the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// From 1.
    pub number: u32,
    /// Passing only now is worse than passing at once: `--retry`. Not so while everybody waits for it to come up:
    /// `--wait`.
    pub degrades: bool,
}

impl Try {
    /// The first.
    pub const FIRST: Try = Try { number: 1, degrades: true };
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
    /// The body, where an expectation wants to look into it.
    body: Vec<u8>,
    phases: Phases,
    address: Option<SocketAddr>,
    tls: Option<Box<TlsSeen>>,
    hop: Option<Box<Hop>>,
    note: Option<Box<str>>,
    attempt: Try,
    /// Wall time at the start, since the Unix epoch: what a certificate's days are counted from.
    wall: Duration,
    actions: [Option<Action>; ACTIONS_MAX],
}

impl Check {
    /// A check that waits for [`Input::Start`], about to start at `now`, which is `wall` since the Unix epoch. It has
    /// been `queue` in the queue.
    pub fn new(target: Target, attempt: Try, queue: Duration, now: Instant, wall: Duration) -> Check {
        Check {
            decoder: decoder(&target, false),
            body: Vec::new(),
            target,
            state: State::New,
            started: now,
            since: None,
            phases: Phases { queue, ..Phases::default() },
            address: None,
            tls: None,
            hop: None,
            note: None,
            attempt,
            wall,
            actions: [None; ACTIONS_MAX],
        }
    }

    /// What is checked.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What is asked for now: the target's URL, or where redirects have led.
    pub fn url(&self) -> &Url {
        self.hop.as_ref().map_or(&self.target.url, |hop| &hop.url)
    }

    /// The address to connect to, where it need not be looked up.
    pub fn literal(&self) -> Option<IpAddr> {
        match &self.hop {
            Some(hop) => hop.url.literal(),
            None => self.target.pinned.or(self.target.url.literal()),
        }
    }

    /// Appends the request to `out`.
    pub fn encode_request(&self, out: &mut Vec<u8>) {
        let template = &self.target.settings.template;
        match &self.hop {
            None => template.encode(&self.target.url, self.target.user(), Form::default(), out),
            Some(hop) => {
                let users = self.target.user().filter(|_| !hop.form.elsewhere);
                template.encode(&hop.url, hop.user.as_deref().or(users), hop.form, out);
            }
        }
    }

    /// How many redirects have been followed.
    pub fn redirects(&self) -> u32 {
        self.hop.as_ref().map_or(0, |hop| hop.before.len() as u32)
    }

    /// Wall time at the start of the attempt, since the Unix epoch.
    pub fn wall(&self) -> Duration {
        self.wall
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
            (_, Input::Noted(note)) => self.note = Some(note),
            (_, Input::Shown(seen)) => self.tls = Some(seen),
            (State::ExpectTls, Input::Secured) => {
                self.end_phase(now);
                self.expect_answer();
            }
            (State::ExpectAnswer | State::ExpectBody, Input::Bytes(bytes)) => self.bytes(bytes, now),
            (State::ExpectTls, Input::Eof | Input::Truncated) => {
                let detail = "the server closed the connection in the middle of the TLS handshake";
                self.fail(Failure::new(Reason::Closed, detail), now);
            }
            (State::ExpectAnswer | State::ExpectBody, Input::Eof) => self.eof(true, now),
            (State::ExpectAnswer | State::ExpectBody, Input::Truncated) => self.eof(false, now),
            // What does not fit the state is late or early and changes nothing.
            (_, Input::Start | Input::Resolved | Input::Connected(_) | Input::Secured) => {}
            (_, Input::Bytes(_) | Input::Eof | Input::Truncated) => {}
        }
    }

    /// The next thing to do, or `None` when there is nothing to do but wait. `now` is a fresh reading of the clock:
    /// what is begun with the action begins then.
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        self.since.get_or_insert(now);
        self.actions.iter_mut().find_map(Option::take)
    }

    /// What came of it.
    ///
    /// # Panics
    /// Before [`Action::Finish`]: there is no outcome yet.
    pub fn into_outcome(self) -> Outcome {
        let redirects = self.redirects();
        let State::Ended(Ending { reason, detail, failed }) = self.state else { panic!("into_outcome before Finish") };
        Outcome {
            target: self.target,
            reason,
            detail,
            failed,
            status: self.decoder.status(),
            address: self.address,
            http_version: self.decoder.http_version(),
            body_bytes: self.decoder.body_bytes(),
            phases: self.phases,
            tls: self.tls,
            note: self.note,
            attempts: self.attempt.number,
            redirects,
            started: self.wall,
        }
    }

    fn start(&mut self, now: Instant) {
        self.started = now;
        self.approach(now);
    }

    /// Begins with finding and connecting to whatever the URL says.
    fn approach(&mut self, now: Instant) {
        let settings = &self.target.settings;
        let end = self.started + settings.timeout;
        self.push(Action::Arm(settings.connect_timeout.map_or(end, |limit| end.min(now + limit))));
        if self.literal().is_some() {
            self.connect();
        } else {
            self.state = State::ExpectAddresses;
            self.push(Action::Resolve);
        }
    }

    fn connect(&mut self) {
        self.state = State::ExpectConnection;
        self.push(Action::Connect);
        if self.url().scheme() != Scheme::Tcp {
            self.push(Action::Send);
        }
    }

    fn connected(&mut self, address: SocketAddr, now: Instant) {
        self.address = Some(address);
        self.end_phase(now);
        match self.url().scheme() {
            Scheme::Tcp => self.judge(now),
            Scheme::Https => self.state = State::ExpectTls,
            Scheme::Http => self.expect_answer(),
        }
    }

    fn expect_answer(&mut self) {
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
                Ok(step) => {
                    if self.target.settings.needs_body() {
                        self.body.extend_from_slice(step.body);
                    }
                    bytes = &bytes[step.used..];
                }
                Err(problem) => return self.fail(problem_failure(&problem), now),
            }
        }
        if self.decoder.is_done() {
            self.whole(now);
        }
    }

    /// The stream is over. `whole`: nothing can be missing from it, which matters where only the end of the stream ends
    /// the body.
    fn eof(&mut self, whole: bool, now: Instant) {
        match self.decoder.end() {
            Ok(()) if whole => self.whole(now),
            Ok(()) => {
                let detail = "the server closed the connection without close_notify, so the body may be cut short";
                self.fail(Failure::new(Reason::Closed, detail), now);
            }
            Err(cut) => self.fail(Failure::new(Reason::Closed, format!("the server closed the connection {cut}")), now),
        }
    }

    /// The response is whole.
    fn whole(&mut self, now: Instant) {
        match self.target.settings.redirects {
            Some(redirects) if matches!(self.decoder.status(), Some(301 | 302 | 303 | 307 | 308)) => {
                match self.redirected(redirects) {
                    Ok(Some(hop)) => self.follow(hop, now),
                    Ok(None) => self.judge(now),
                    Err(detail) => self.fail(Failure::new(Reason::Redirect, detail), now),
                }
            }
            _ => self.judge(now),
        }
    }

    /// Where the response sends us. `None`: it names no place, and is an answer like any other.
    fn redirected(&self, redirects: Redirects) -> Result<Option<Hop>, String> {
        let status = self.decoder.status().unwrap_or_default();
        let headers = Headers::new(self.decoder.head_bytes());
        let Some(location) = headers.values("location").next() else { return Ok(None) };
        let here = self.url();
        let shown = || location.escape_ascii().to_string();
        let (url, user) = here.join(location).map_err(|error| format!("redirected to \"{}\": {error}", shown()))?;
        let (mut before, mut form) = match &self.hop {
            Some(hop) => (hop.before.clone(), hop.form),
            None => (Vec::new(), Form::default()),
        };
        before.push(here.clone());
        if before.len() as u32 > redirects.max {
            return Err(format!("more than {} redirects (--max-redirs); the last one led to {url}", redirects.max));
        }
        match (here.scheme(), url.scheme()) {
            (_, Scheme::Tcp) => return Err(format!("redirected to {url}, which is not HTTP")),
            (_, Scheme::Https) if !cfg!(feature = "tls") => {
                return Err(format!("redirected to {url}, and this upcheck was built without TLS"));
            }
            (Scheme::Https, Scheme::Http) if !redirects.allow_downgrade => {
                return Err(format!("redirected from https to {url} (--allow-downgrade follows it)"));
            }
            _ => {}
        }
        form.as_get |= self.target.settings.template.becomes_get(status);
        // What was kept from one origin is not shown to the next, nor to the first again: who could tell who asked for
        // it?
        form.elsewhere |= !url.is_same_origin(&self.target.url);
        if before.contains(&url) {
            return Err(format!("a redirect loop: {url} was visited before"));
        }
        Ok(Some(Hop { url, user, form, before }))
    }

    fn follow(&mut self, hop: Hop, now: Instant) {
        self.end_phase(now);
        self.decoder = decoder(&self.target, hop.form.as_get);
        self.body.clear();
        self.tls = None;
        self.hop = Some(Box::new(hop));
        self.approach(now);
    }

    /// All that could be seen has been seen: is it good?
    fn judge(&mut self, now: Instant) {
        self.end_phase(now);
        let settings = self.target.settings.clone();
        let (mut reason, mut failed) = self.mismatches(&settings.expect);
        let status = self.decoder.status();
        let status_is_judged =
            settings.expect.iter().any(|expectation| Reason::of(expectation.subject()) == Reason::Status);
        if let Some(status) = status.filter(|status| !status_is_judged && !(200..400).contains(status)) {
            reason = Some(Reason::Status);
            failed.insert(0, Mismatch { expected: "status in 200-399".into(), got: format!("status was {status}") });
        }
        let (warned, warnings) = self.mismatches(&settings.warn);
        failed.extend(warnings);
        let number = self.attempt.number;
        let (reason, detail) = match (reason, warned) {
            (Some(reason), _) => (reason, told(&failed)),
            (None, Some(_)) => (Reason::Warn, told(&failed)),
            (None, None) if self.attempt.degrades && number > 1 => {
                (Reason::Retried, Some(format!("passed at attempt {number}").into()))
            }
            (None, None) => (Reason::Ok, None),
        };
        self.end(Ending { reason, detail, failed });
    }

    /// Which of the expectations do not hold, and the reason that the first of them makes.
    fn mismatches(&self, expectations: &[Expectation]) -> (Option<Reason>, Vec<Mismatch>) {
        if expectations.is_empty() {
            return (None, Vec::new());
        }
        let certificate = self.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        let seen = Seen {
            status: self.decoder.status(),
            http_version: self.decoder.http_version(),
            headers: Headers::new(self.decoder.head_bytes()),
            body: &self.body,
            // More than --max-body is no answer to be judged.
            body_whole: true,
            body_bytes: self.decoder.body_bytes(),
            redirects: self.redirects(),
            total: self.phases.total(),
            dns: self.phases.dns,
            connect: self.phases.connect,
            tls: self.phases.tls,
            wait: self.phases.wait,
            cert_days: certificate.map(|certificate| certificate.days_left(self.wall)),
            tls_version: self.tls.as_ref().and_then(|tls| tls.version),
            address: self.address,
        };
        let mut reason = None;
        let mut failed = Vec::new();
        for expectation in expectations {
            if let Err(mismatch) = expectation.judge(&seen) {
                reason.get_or_insert(Reason::of(expectation.subject()));
                failed.push(mismatch);
            }
        }
        (reason, failed)
    }

    /// The time is up. What we were waiting for says whose fault it is.
    fn deadline(&mut self, now: Instant) {
        let timeout = seconds(self.target.settings.timeout);
        let connect_timeout = seconds(self.target.settings.connect_timeout.unwrap_or(self.target.settings.timeout));
        let host = self.url().host();
        let failure = match self.state {
            State::New | State::Ended(_) => return,
            State::ExpectAddresses => {
                Failure::new(Reason::DnsTimeout, format!("no address for {host} within {connect_timeout}"))
            }
            State::ExpectConnection => Failure::new(
                Reason::ConnectTimeout,
                format!("no connection to {} within {connect_timeout}", self.url().authority()),
            ),
            State::ExpectTls => {
                Failure::new(Reason::TlsTimeout, format!("connected, but no TLS handshake within {connect_timeout}"))
            }
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
        self.end(Ending { reason, detail, failed: Vec::new() });
    }

    fn end(&mut self, ending: Ending) {
        self.state = State::Ended(ending);
        self.actions = [Some(Action::Finish), None, None];
    }

    /// Books the time of the phase that belongs to the state. The next phase begins when it is next asked what to do.
    fn end_phase(&mut self, now: Instant) {
        let phase = match self.state {
            State::New | State::Ended(_) => return,
            State::ExpectAddresses => &mut self.phases.dns,
            State::ExpectConnection => &mut self.phases.connect,
            State::ExpectTls => &mut self.phases.tls,
            State::ExpectAnswer => &mut self.phases.wait,
            State::ExpectBody => &mut self.phases.body,
        };
        if let Some(since) = self.since.take() {
            // A phase may have begun after the time stamp of the turn that ends it; then it took no time.
            // After a redirect, each phase is the sum over all that was asked.
            *phase = Some(phase.unwrap_or_default() + now.saturating_duration_since(since));
        }
    }

    fn push(&mut self, action: Action) {
        let free = self.actions.iter_mut().find(|slot| slot.is_none());
        // Every `handle` is drained before the next, and none pushes more than ACTIONS_MAX: a full list is a bug.
        *free.expect("poll until None before the next handle") = Some(action);
    }
}

fn decoder(target: &Target, as_get: bool) -> Decoder {
    let to_head = target.settings.template.is_head() && !as_get;
    let decoder = Decoder::new(to_head, target.settings.max_body);
    if target.settings.needs_head() { decoder.keeping_head() } else { decoder }
}

/// The first thing that did not hold, with what was expected, and how many more there are.
fn told(failed: &[Mismatch]) -> Option<Box<str>> {
    let Mismatch { expected, got } = failed.first()?;
    let more = match failed.len() {
        1 => String::new(),
        more => format!(" (and {} more)", more - 1),
    };
    Some(format!("{got}, expected {expected}{more}").into())
}

fn problem_failure(problem: &Problem) -> Failure {
    let reason = if problem.is_too_large() { Reason::TooLarge } else { Reason::Malformed };
    Failure::new(reason, problem.to_string())
}

/// A time as a person would say it.
fn seconds(time: Duration) -> String {
    if time < Duration::from_millis(1) {
        format!("{} us", time.as_micros())
    } else if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs_f64())
    }
}
