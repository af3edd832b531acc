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

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::expect::{Document, Expectation, Headers, Mismatch, Seen, Watch, clip, quote};
use super::outcome::{Failure, Outcome, Phases, Reason, TlsSeen, Verdict};
use super::route::Proxy;
use super::settings::{Redirects, Settings};
use super::target::Target;
use crate::proto::http::date::retry_after;
use crate::proto::http::problem::{Cut, Problem};
use crate::proto::http::request::{Form, authority_with_port, encode_connect};
use crate::proto::http::response::{Decoder, Reading};
use crate::proto::http::reuse::CloseReason;
use crate::proto::url::{Scheme, Url, without_user};

/// How much of a URL that a server made up stands in a detail, in characters.
const SHOWN_URL: usize = 200;

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The attempt begins.
    Start,
    /// The host's addresses are known to the one who connects.
    Resolved,
    /// The connection to this address stands; a unix socket has none. If something is [to be
    /// sent](Check::opening) in the clear first, its first bytes are on their way.
    Connected(Option<SocketAddr>),
    /// A connection to this address from before stands, secured if it is to be, and the request is on its way.
    Reused(Option<SocketAddr>),
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
    /// Find the addresses of [the host to connect to](Check::peer). A connection that stands from before is of no more
    /// use.
    Resolve,
    /// Connect to one of them, in place of any connection from before.
    Connect,
    /// Send [the request](Check::encode_request) as soon as the connection stands, and is secured if it is to be.
    Send,
    /// Begin TLS on the connection, which stands.
    Secure,
    /// Send [the request](Check::encode_request) over the connection, which stands.
    Say,
    /// It is over: take the [outcome](Check::into_outcome).
    Finish,
}

/// What goes over a new connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nothing: that it stands is all.
    Nothing,
    /// What [`Check::encode_opening`] gives, in the clear.
    Bytes,
    /// TLS's first flight.
    Tls,
}

/// What is to be done and has not been said yet, a bit each. A thing that is asked for twice is done once, and all are done
/// in the order of the bits.
#[derive(Debug, Default)]
struct Wants(u8);

impl Wants {
    fn add(&mut self, action: Action) {
        self.0 |= 1
            << match action {
                Action::Arm(_) => 0,
                Action::Resolve => 1,
                Action::Connect => 2,
                Action::Send => 3,
                Action::Secure => 4,
                Action::Say => 5,
                Action::Finish => 6,
            };
    }

    /// The next one. `until` is the deadline, which may have moved since it was to be armed.
    fn next(&mut self, until: Instant) -> Option<Action> {
        let action = match self.0.trailing_zeros() {
            0 => Action::Arm(until),
            1 => Action::Resolve,
            2 => Action::Connect,
            3 => Action::Send,
            4 => Action::Secure,
            5 => Action::Say,
            6 => Action::Finish,
            _ => return None,
        };
        // The lowest bit that is set.
        self.0 &= self.0 - 1;
        Some(action)
    }
}

/// What the check is waiting for.
#[derive(Debug)]
enum State {
    New,
    ExpectAddresses,
    ExpectConnection,
    /// The proxy's answer to CONNECT.
    ExpectTunnel(Box<Decoder>),
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
struct Trail {
    url: Url,
    /// The user and password that the redirect's own URL had.
    user: Option<Box<[u8]>>,
    form: Form,
    /// How many led here. A page may send a client to itself, with a cookie or once it is ready; a loop is ended by their
    /// number.
    count: u32,
}

/// One exchange with one place: all that is known of its connection and its answer. A redirect or a fresh connection
/// replaces it whole, so that nothing of what is over is left for what follows.
#[derive(Debug)]
struct Hop {
    /// When its deadline is.
    until: Instant,
    /// When the phase began that belongs to the state; `None` until it has.
    since: Option<Instant>,
    /// Whom it is connected to. A unix socket has no address.
    address: Option<SocketAddr>,
    /// What the TLS handshake has shown.
    tls: Option<Box<TlsSeen>>,
    decoder: Decoder,
    /// The body, where an expectation wants it as JSON.
    body: Vec<u8>,
    /// What is expected of the body as a text, judged as it comes.
    watch: Option<Box<Watch>>,
    /// The connection was there before.
    reused: bool,
    /// One that was there before has failed us: this one must be fresh.
    must_be_fresh: bool,
    /// Whether the connection can carry another request.
    keeps: Result<(), CloseReason>,
}

impl Hop {
    fn new(decoder: Decoder, until: Instant) -> Hop {
        Hop {
            until,
            since: None,
            address: None,
            tls: None,
            decoder,
            body: Vec::new(),
            watch: None,
            reused: false,
            must_be_fresh: false,
            keeps: Err(CloseReason::Unfinished),
        }
    }
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

/// One check. See the module's text.
#[derive(Debug)]
pub struct Check {
    target: Target,
    state: State,
    /// When the attempt began.
    started: Instant,
    /// The time since then that does not count against the target: this program was not there.
    excused: Duration,
    /// How many connections have been asked for so far.
    exchange: u32,
    hop: Hop,
    /// Where redirects have led, if to anywhere.
    trail: Option<Box<Trail>>,
    /// The sum over all hops.
    phases: Phases,
    note: Option<Box<str>>,
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
            started: now,
            excused: Duration::ZERO,
            exchange: 0,
            trail: None,
            phases: Phases { queue: whole_micros(queue), ..Phases::default() },
            note: None,
            attempt,
            begun: false,
            wall,
            wants: Wants::default(),
        }
    }

    /// What is checked.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What is asked for now: the target's URL, or where redirects have led.
    pub fn url(&self) -> &Url {
        self.trail.as_ref().map_or(&self.target.url, |trail| &trail.url)
    }

    /// The URL whose host and port are connected to, unless it is [a unix socket](Target::socket): the proxy's, or the
    /// one that is asked for.
    pub fn peer(&self) -> &Url {
        self.target.proxy().map_or(self.url(), Proxy::url)
    }

    /// The address to connect to, where it need not be looked up.
    pub fn literal(&self) -> Option<IpAddr> {
        match (self.target.proxy(), &self.trail) {
            (Some(proxy), _) => proxy.url().literal(),
            (None, Some(trail)) => trail.url.literal(),
            (None, None) => self.target.pinned.or(self.target.url.literal()),
        }
    }

    /// What goes over a new connection first.
    pub fn opening(&self) -> Opening {
        match self.url().scheme() {
            _ if self.wants_tunnel() => Opening::Bytes,
            Scheme::Http => Opening::Bytes,
            Scheme::Https | Scheme::Tls => Opening::Tls,
            Scheme::Tcp if self.target.settings.send.is_some() => Opening::Bytes,
            Scheme::Tcp => Opening::Nothing,
        }
    }

    /// Appends to `out` what goes over a new connection first, in the clear: the request, or the one that asks a proxy
    /// for a tunnel.
    pub fn encode_opening(&self, out: &mut Vec<u8>) {
        match self.target.proxy() {
            Some(proxy) if self.wants_tunnel() => encode_connect(self.url(), proxy.user(), out),
            _ => self.encode_request(out),
        }
    }

    /// Whose large body is to be sent behind [the request](Self::encode_request), if it has one.
    pub fn large_body(&self) -> Option<Rc<Settings>> {
        let settings = &self.target.settings;
        (!self.asks_as_get() && !settings.template.large_body().is_empty()).then(|| settings.clone())
    }

    /// Whether a redirect has made a GET of the request.
    fn asks_as_get(&self) -> bool {
        self.trail.as_ref().is_some_and(|trail| trail.form.as_get)
    }

    /// Whether something of an answer has come.
    pub fn has_answer(&self) -> bool {
        matches!(self.state, State::ExpectBody)
    }

    /// How many bytes of memory hold what is kept of an answer that is under way.
    pub fn kept_bytes(&self) -> usize {
        let watch = self.hop.watch.as_ref().map_or(0, |watch| watch.kept_bytes());
        self.hop.body.capacity() + watch + self.hop.decoder.kept_bytes()
    }

    /// Settles for one address of the target's host, for this attempt and all that follow.
    pub fn pin(&mut self, address: IpAddr) {
        self.target.pinned = Some(address);
    }

    /// Appends the request to `out`.
    pub fn encode_request(&self, out: &mut Vec<u8>) {
        if !self.url().scheme().is_http() {
            return out.extend_from_slice(self.target.settings.send.as_deref().unwrap_or_default());
        }
        let template = &self.target.settings.template;
        let (user, form) = match &self.trail {
            None => (self.target.user(), Form::default()),
            Some(trail) => {
                let users = self.target.user().filter(|_| !trail.form.elsewhere);
                (trail.user.as_deref().or(users), trail.form)
            }
        };
        match self.target.proxy() {
            // Through a tunnel the request goes to the host, and the proxy's password must not.
            Some(proxy) if !self.wants_tunnel() => {
                template.encode_for_proxy(self.url(), user, form, proxy.user(), out);
            }
            _ => template.encode(self.url(), user, form, out),
        }
    }

    /// Whether the request may go over a connection from before. One that must not be made twice may not: nobody could
    /// tell whether the server, when it closed the connection at that moment, had heard it.
    pub fn may_reuse(&self) -> bool {
        let settings = &self.target.settings;
        let form = self.form();
        // To check each address of a name, all of them must be known first.
        let wants_addresses = settings.all_addresses && self.trail.is_none() && self.literal().is_none();
        settings.keepalive
            && !wants_addresses
            && !self.hop.must_be_fresh
            && self.url().scheme().is_http()
            && settings.template.is_idempotent(form)
            && !settings.measures_connecting()
    }

    /// Whether the connection of the exchange that is over can carry another request.
    ///
    /// # Errors
    /// Why not.
    pub fn keeps(&self) -> Result<(), CloseReason> {
        self.hop.keeps
    }

    /// Whether the proxy only makes the way and does not speak for the host.
    pub fn wants_tunnel(&self) -> bool {
        self.target.proxy().is_some() && self.url().scheme() != Scheme::Http
    }

    /// How many redirects have been followed.
    pub fn redirects(&self) -> u32 {
        self.trail.as_ref().map_or(0, |trail| trail.count)
    }

    /// Which attempt this is.
    pub fn attempt(&self) -> Try {
        self.attempt
    }

    /// Wall time at the start of the attempt, since the Unix epoch.
    pub fn wall(&self) -> Duration {
        self.wall
    }

    /// When the attempt began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// For so long this program did not run, or had no time for this check: the attempt may take so much longer. What was
    /// named with the last [`Action::Arm`] has moved with it.
    pub fn excuse(&mut self, by: Duration) {
        self.excused += by;
        self.hop.until += by;
    }

    /// For so long, until now, the peer had nothing to answer because we had not asked: the phase begins so much later.
    pub fn hold_up(&mut self, by: Duration, now: Instant) {
        self.hop.since = self.hop.since.map(|since| (since + by).min(now));
    }

    /// The deadline of what is waited for now. [`Input::Deadline`] changes nothing before it.
    pub fn deadline(&self) -> Instant {
        self.hop.until
    }

    /// Which of the check's exchanges it is on: another number once a redirect or a fresh connection has replaced the
    /// one before. What a connection says belongs to its own exchange, and is not told to the next.
    pub fn exchange(&self) -> u32 {
        self.exchange
    }

    /// Whether redirects have led to another origin than the one that the user named.
    pub fn is_elsewhere(&self) -> bool {
        self.form().elsewhere
    }

    /// What redirects have made of the request.
    fn form(&self) -> Form {
        self.trail.as_ref().map_or(Form::default(), |trail| trail.form)
    }

    /// When the attempt's time is over.
    fn end_of_attempt(&self) -> Instant {
        self.started + self.target.settings.timeout + self.excused
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
            (State::ExpectTunnel(_), Input::Bytes(bytes)) => self.tunnel_bytes(bytes, now),
            (State::ExpectTunnel(_), Input::Eof | Input::Truncated) => {
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

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Whether it is over and all was well, so that there is no reason to try again.
    pub fn has_passed(&self) -> bool {
        matches!(self.state, State::Ended(Ending { reason: Reason::Ok, .. }))
    }

    /// What came of it.
    ///
    /// # Panics
    /// Before [`Action::Finish`]: there is no outcome yet.
    // Two callers, and a move of it costs more than most calls.
    #[inline(always)]
    pub fn into_outcome(self) -> Outcome {
        let redirects = self.redirects();
        let retry_after = match self.hop.decoder.status() {
            Some(429 | 503) => Headers::new(self.hop.decoder.head_bytes())
                .values("retry-after")
                .next()
                .and_then(|value| retry_after(&value, self.wall.as_secs())),
            _ => None,
        };
        let State::Ended(Ending { reason, detail, failed }) = self.state else { panic!("into_outcome before Finish") };
        Outcome {
            target: self.target,
            reason,
            detail,
            failed,
            status: self.hop.decoder.status(),
            address: self.hop.address,
            http_version: self.hop.decoder.http_version(),
            body_bytes: self.hop.decoder.body_bytes(),
            phases: self.phases,
            tls: self.hop.tls,
            note: self.note,
            attempts: self.attempt.number - u32::from(!self.begun),
            redirects,
            reused: self.hop.reused,
            retry_after,
            started: self.wall,
        }
    }

    fn start(&mut self, now: Instant) {
        self.started = now;
        self.begun = true;
        self.approach(now);
    }

    /// Begins with finding and connecting to whatever the URL says.
    fn approach(&mut self, now: Instant) {
        self.exchange += 1;
        let end = self.end_of_attempt();
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
            _ if self.wants_tunnel() => self.state = State::ExpectTunnel(tunnel()),
            Scheme::Https | Scheme::Tls => self.state = State::ExpectTls,
            Scheme::Http | Scheme::Tcp => self.stands(now),
        }
    }

    /// The connection stands, and is as it is to be. Where nothing is said and nothing expected, that is all.
    fn stands(&mut self, now: Instant) {
        match self.url().scheme() {
            Scheme::Tcp | Scheme::Tls if !self.talks() => self.judge(now),
            _ => self.expect_answer(),
        }
    }

    /// Whether something is to come over a connection on which no HTTP is spoken.
    fn talks(&self) -> bool {
        self.target.settings.send.is_some() || self.target.settings.needs_whole_body()
    }

    /// A connection from before has taken the place of a new one, so nothing was looked up and nothing connected.
    fn reuse(&mut self, address: Option<SocketAddr>) {
        self.hop.address = address;
        self.hop.keeps = Err(CloseReason::Unfinished);
        self.hop.reused = true;
        self.hop.since = None;
        self.expect_answer();
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

    /// Bytes of the proxy's answer to CONNECT. Only a 2xx is the tunnel.
    fn tunnel_bytes(&mut self, bytes: &[u8], now: Instant) {
        let State::ExpectTunnel(decoder) = &mut self.state else { return };
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
                if matches!(self.state, State::ExpectAnswer) {
                    self.bytes(rest, now);
                }
            }
            (status, _) => self.fail(Failure::new(Reason::ConnectRefused, refusal(status)), now),
        }
    }

    fn expect_answer(&mut self) {
        self.state = State::ExpectAnswer;
        if self.target.settings.connect_timeout.is_some() {
            self.arm(self.end_of_attempt());
        }
    }

    fn bytes(&mut self, mut bytes: &[u8], now: Instant) {
        if matches!(self.state, State::ExpectAnswer) && !bytes.is_empty() {
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
                        self.take_body(step.body);
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

    /// A body that is to be read as JSON is kept; of any other no more than is expected of it.
    fn take_body(&mut self, bytes: &[u8]) {
        let settings = &self.target.settings;
        if settings.needs_json() {
            return self.hop.body.extend_from_slice(bytes);
        }
        if self.hop.watch.is_none() {
            self.hop.watch = Watch::of(settings.expectations()).map(Box::new);
        }
        if let Some(watch) = &mut self.hop.watch {
            watch.feed(bytes);
        }
    }

    /// What is said without HTTP has no end of its own: as soon as it is what was expected, it is enough.
    fn heard_enough(&mut self, now: Instant) {
        let settings = self.target.settings.clone();
        let of_the_body = settings.expect.iter().filter(|expectation| expectation.is_of_the_body());
        if self.hop.decoder.body_bytes() > 0 && self.mismatches(of_the_body, None).1.is_empty() {
            self.judge(now);
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

    /// Where the response sends us. `None`: it names no place, and is an answer like any other.
    fn redirected(&self, redirects: Redirects) -> Result<Option<Trail>, String> {
        let status = self.hop.decoder.status().unwrap_or_default();
        let headers = Headers::new(self.hop.decoder.head_bytes());
        let Some(location) = headers.values("location").next() else { return Ok(None) };
        let here = self.url();
        let (url, user) = here
            .join(&location)
            .map_err(|error| format!("redirected to {}: {error}", quote(&without_user(&location))))?;
        let there = clip(url.as_str(), SHOWN_URL);
        let count = self.redirects() + 1;
        if count > redirects.max {
            return Err(format!("more than {} redirects (--max-redirs); the last one led to {there}", redirects.max));
        }
        match (here.scheme(), url.scheme()) {
            (_, Scheme::Tcp | Scheme::Tls) => return Err(format!("redirected to {there}, which is not HTTP")),
            (_, Scheme::Https) if !cfg!(feature = "tls") => {
                return Err(format!("redirected to {there}, and this upcheck was built without TLS"));
            }
            (Scheme::Https, Scheme::Http) if !redirects.allow_downgrade => {
                return Err(format!("redirected from https to {there} (--allow-downgrade follows it)"));
            }
            _ => {}
        }
        let mut form = self.form();
        form.as_get |= self.target.settings.template.becomes_get(status);
        // What was kept from one origin is not shown to the next, nor to the first again: who could tell who asked for
        // it?
        form.elsewhere |= !url.is_same_origin(&self.target.url);
        Ok(Some(Trail { url, user, form, count }))
    }

    fn follow(&mut self, trail: Trail, now: Instant) {
        self.end_phase(now);
        // The connection of the hop that is over may be kept, and the engine has not been told yet.
        let keeps = self.hop.keeps;
        self.hop = Hop { keeps, ..Hop::new(decoder(&self.target, trail.form), now) };
        self.trail = Some(Box::new(trail));
        self.approach(now);
    }

    /// All that could be seen has been seen: is it good?
    fn judge(&mut self, now: Instant) {
        self.end_phase(now);
        let settings = self.target.settings.clone();
        // A body is read as JSON once, whatever number of expectations ask for something in it.
        let document = match self.hop.decoder.status() {
            Some(_) if !self.hop.body.is_empty() && settings.json_paths().next().is_some() => {
                Some(Document::read(&self.hop.body, settings.json_paths()))
            }
            _ => None,
        };
        let document = document.as_ref();
        let (mut reason, mut failed) = self.mismatches(&settings.expect, document);
        let status = self.hop.decoder.status();
        let status_is_judged =
            settings.expect.iter().any(|expectation| Reason::of(expectation.subject()) == Reason::Status);
        if let Some(status) = status.filter(|status| !status_is_judged && !(200..400).contains(status)) {
            reason = Some(Reason::Status);
            failed.insert(0, Mismatch { expected: "status in 200-399".into(), got: format!("status was {status}") });
        }
        let (warned, warnings) = self.mismatches(&settings.warn, document);
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
    fn mismatches<'e>(
        &self,
        expectations: impl IntoIterator<Item = &'e Expectation>,
        document: Option<&Document<'_>>,
    ) -> (Option<Reason>, Vec<Mismatch>) {
        let mut expectations = expectations.into_iter().peekable();
        if expectations.peek().is_none() {
            return (None, Vec::new());
        }
        let certificate = self.hop.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        let seen = Seen {
            status: self.hop.decoder.status(),
            has_body: self.hop.decoder.status().is_some() || !self.url().scheme().is_http() && self.talks(),
            http_version: self.hop.decoder.http_version(),
            headers: Headers::new(self.hop.decoder.head_bytes()),
            body: &self.hop.body,
            watch: self.hop.watch.as_deref(),
            document,
            // More than --max-body is no answer to be judged.
            body_whole: true,
            body_bytes: self.hop.decoder.body_bytes(),
            redirects: self.redirects(),
            total: self.phases.total(),
            dns: self.phases.dns,
            connect: self.phases.connect,
            tls: self.phases.tls,
            wait: self.phases.wait,
            cert_days: certificate.map(|certificate| certificate.days_left(self.wall)),
            tls_version: self.hop.tls.as_ref().and_then(|tls| tls.version),
            address: self.hop.address,
        };
        let mut reason = None;
        let mut failed = Vec::new();
        for expectation in expectations {
            if let Err(mismatch) = expectation.judge(&seen) {
                reason.get_or_insert(Reason::of(expectation.subject()));
                failed.push(match self.coding().filter(|_| expectation.is_of_the_body()) {
                    Some(coding) => {
                        Mismatch { got: format!("the body is coded as {coding}, which is not unpacked"), ..mismatch }
                    }
                    None => mismatch,
                });
            }
        }
        (reason, failed)
    }

    /// How the body is coded, if that makes it another than it is.
    fn coding(&self) -> Option<String> {
        let headers = Headers::new(self.hop.decoder.head_bytes());
        let is_plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
        let coding = headers.values("content-encoding").find(|value| !is_plain(value))?;
        Some(quote(&coding))
    }

    /// The time is up. What we were waiting for says whose fault it is.
    fn time_is_up(&mut self, now: Instant) {
        // Of a phase that is over, or told before this program's own delays were taken off.
        if now < self.hop.until {
            return self.wants.add(Action::Arm(self.hop.until));
        }
        let timeout = seconds(self.target.settings.timeout);
        let connect_timeout = seconds(self.target.settings.connect_timeout.unwrap_or(self.target.settings.timeout));
        let host = self.peer().host();
        let failure = match self.state {
            State::New | State::Ended(_) => return,
            // Something came, and was not what was expected.
            State::ExpectBody if !self.url().scheme().is_http() => return self.judge(now),
            State::ExpectAddresses => {
                Failure::new(Reason::DnsTimeout, format!("no address for {host} within {connect_timeout}"))
            }
            State::ExpectConnection => Failure::new(
                Reason::ConnectTimeout,
                format!("no connection to {} within {connect_timeout}", self.place()),
            ),
            State::ExpectTunnel(_) => {
                Failure::new(Reason::ConnectTimeout, format!("no answer within {connect_timeout}"))
            }
            State::ExpectTls => {
                Failure::new(Reason::TlsTimeout, format!("connected, but no TLS handshake within {connect_timeout}"))
            }
            State::ExpectAnswer => {
                Failure::new(Reason::ResponseTimeout, format!("connected, but no answer within {timeout}"))
            }
            State::ExpectBody => Failure::new(
                Reason::ResponseTimeout,
                match self.hop.decoder.status() {
                    None => format!("the answer began but its head was not whole within {timeout}"),
                    Some(status) => format!(
                        "status {status}, but the body was not whole within {timeout} ({} bytes came)",
                        self.hop.decoder.body_bytes()
                    ),
                },
            ),
        };
        self.fail(failure, now);
    }

    /// Where the connection leads, for a person.
    fn place(&self) -> &str {
        self.target.socket().map_or(self.peer().authority(), |socket| socket)
    }

    fn fail(&mut self, mut failure: Failure, now: Instant) {
        if let State::ExpectTunnel(_) = self.state {
            failure.detail = match failure.reason {
                Reason::Reset => "it reset the connection before it answered".into(),
                Reason::Closed => "it closed the connection before it answered".into(),
                _ => failure.detail,
            };
        } else if failure.reason == Reason::Reset {
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
            State::ExpectBody => self.hop.decoder.end().err(),
            _ => None,
        }
    }

    fn finish(&mut self, reason: Reason, detail: Option<Box<str>>, now: Instant) {
        self.end_phase(now);
        self.end(Ending { reason, detail, failed: Vec::new() });
    }

    fn end(&mut self, mut ending: Ending) {
        if let Some(detail) = &mut ending.detail
            && ending.reason.verdict() == Verdict::Down
            && let Some(words) = self.proxy_words()
        {
            *detail = format!("{words}: {detail}").into();
        }
        // A failure elsewhere than at the target says where. What is wrong with a redirect itself says so already.
        if let (Some(trail), Some(detail), Verdict::Down) = (&self.trail, &ending.detail, ending.reason.verdict())
            && ending.reason != Reason::Redirect
        {
            ending.detail = Some(format!("{detail} (redirected to {})", clip(trail.url.as_str(), SHOWN_URL)).into());
        }
        self.state = State::Ended(ending);
        self.wants = Wants::default();
        self.wants.add(Action::Finish);
    }

    /// Whose words or silence we have dealt with, where that was the proxy. A target is not to be blamed for it.
    fn proxy_words(&self) -> Option<String> {
        let proxy = self.target.proxy()?.url().authority();
        match self.state {
            State::ExpectTunnel(_) => {
                Some(format!("the proxy {proxy}, asked for a tunnel to {}", authority_with_port(self.url())))
            }
            State::ExpectAddresses | State::ExpectConnection => Some(format!("the proxy {proxy}")),
            State::ExpectAnswer | State::ExpectBody if !self.wants_tunnel() => {
                Some(format!("through the proxy {proxy}"))
            }
            _ => None,
        }
    }

    /// Books the time of the phase that belongs to the state. The next phase begins when it is next asked what to do.
    fn end_phase(&mut self, now: Instant) {
        let phase = match self.state {
            State::New | State::Ended(_) => return,
            State::ExpectAddresses => &mut self.phases.dns,
            State::ExpectConnection | State::ExpectTunnel(_) => &mut self.phases.connect,
            State::ExpectTls => &mut self.phases.tls,
            State::ExpectAnswer => &mut self.phases.wait,
            State::ExpectBody => &mut self.phases.body,
        };
        if let Some(since) = self.hop.since.take() {
            // A phase may have begun after the time stamp of the turn that ends it; then it took no time.
            // After a redirect, each phase is the sum over all that was asked.
            *phase = Some(phase.unwrap_or_default() + whole_micros(now.saturating_duration_since(since)));
        }
    }
}

/// Times are told in whole microseconds, and so they are counted: what is told adds up.
fn whole_micros(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_micros() * 1000)
}

/// What reads the answer to the target's request, or to what redirects have made of it.
fn decoder(target: &Target, form: Form) -> Decoder {
    let settings = &target.settings;
    let template = &settings.template;
    let raw = !target.url.scheme().is_http();
    Decoder::new(Reading {
        body_max: settings.max_body,
        cuts: !raw && !settings.needs_whole_body(),
        to_head: settings.no_body || template.is_head() && !form.as_get,
        upgrades: template.upgrades(form),
        raw,
        keeps_head: settings.needs_head(),
        minds_connection: settings.keepalive,
    })
}

/// What reads a proxy's answer to CONNECT: a head, and no body whatever that says (RFC 9110, 9.3.6).
fn tunnel() -> Box<Decoder> {
    Box::new(Decoder::new(Reading { to_head: true, ..Reading::default() }))
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

/// Whether this is the end of a connection, from the peer's side.
fn is_end(input: &Input<'_>) -> bool {
    match input {
        Input::Eof | Input::Truncated => true,
        Input::Failed(failure) => matches!(failure.reason, Reason::Reset | Reason::Closed),
        _ => false,
    }
}

/// What a proxy's answer says that is not a tunnel.
fn refusal(status: u16) -> String {
    let hint = if status == 407 { " (it wants a name and password: -x http://NAME:PASSWORD@HOST:PORT)" } else { "" };
    format!("status {status}{hint}")
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
        // Of a time that is no binary fraction only what can be told apart.
        format!("{} s", time.as_millis() as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::check::outcome::Verdict;
    use crate::check::settings::{Draft, Setting};
    use crate::proto::url::Url;

    const FIRST: Try = Try { number: 1, degrades: true };

    const HTTP: &str = "http://h/health";
    const HTTPS: &str = "https://h/";
    const TCP: &str = "tcp://h:6379";
    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const BEGIN: &[u8] = b"HTTP/1.1 200 OK\r\n";
    const REST: &[u8] = b"Content-Length: 0\r\n\r\n";

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn address() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 7], 8080))
    }

    fn trouble() -> Input<'static> {
        Input::Failed(Failure::new(Reason::LocalError, "something local"))
    }

    fn seen(version: &'static str) -> Box<TlsSeen> {
        Box::new(TlsSeen { version: Some(version), ..TlsSeen::default() })
    }

    /// A check, and the clock that a test cranks by hand.
    struct Bench {
        check: Check,
        begin: Instant,
        now: Instant,
        /// What it has been told to do so far.
        actions: Vec<Action>,
    }

    impl Bench {
        fn new(url: &str) -> Bench {
            Bench::with(url, &[])
        }

        fn with(url: &str, said: &[(Setting, &str)]) -> Bench {
            let mut draft = Draft::default();
            for (setting, value) in said {
                draft.set(*setting, value, |_| Err("there are no files here".to_owned())).unwrap();
            }
            let (url, user) = Url::parse(url).unwrap();
            let target = Target {
                url,
                pinned: None,
                socket: None,
                written: None,
                user,
                tags: None,
                settings: Rc::new(draft.settings()),
            };
            let now = Instant::now();
            Bench { check: Check::new(target, FIRST, ms(7), now, ms(1_000)), begin: now, now, actions: Vec::new() }
        }

        /// What it wants done when `input` happens at this many milliseconds, and is asked at once.
        fn at(&mut self, milliseconds: u64, input: Input<'_>) -> Vec<Action> {
            self.at_and_asked(milliseconds, input, milliseconds)
        }

        /// The same when this program only finds the time to ask it at `asked`.
        fn at_and_asked(&mut self, milliseconds: u64, input: Input<'_>, asked: u64) -> Vec<Action> {
            self.now = self.begin + ms(milliseconds);
            if matches!(input, Input::Deadline) {
                self.now = self.now.max(self.check.deadline());
            }
            self.check.handle(input, self.now);
            let asked = self.now.max(self.begin + ms(asked));
            let actions: Vec<_> = std::iter::from_fn(|| self.check.poll(asked)).collect();
            self.actions.extend(&actions);
            actions
        }

        /// One input after the other, in no time.
        fn all<'a>(mut self, inputs: impl IntoIterator<Item = Input<'a>>) -> Bench {
            for input in inputs {
                self.at(0, input);
            }
            self
        }

        fn finishes(&self) -> usize {
            self.actions.iter().filter(|action| **action == Action::Finish).count()
        }

        fn outcome(self) -> Outcome {
            assert_eq!(self.finishes(), 1, "{self:?}");
            self.check.into_outcome()
        }

        /// How it ended: the reason, and its detail or nothing.
        fn ending(self) -> (Reason, String) {
            let outcome = self.outcome();
            (outcome.reason, outcome.detail.unwrap_or_default().into())
        }
    }

    impl std::fmt::Debug for Bench {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:?} after {:?}", self.check.state, self.actions)
        }
    }

    /// Up to where the check waits for an answer.
    fn asked(url: &str) -> Bench {
        asked_with(url, &[])
    }

    fn asked_with(url: &str, said: &[(Setting, &str)]) -> Bench {
        let bench = Bench::with(url, said).all([Input::Start, Input::Resolved, Input::Connected(Some(address()))]);
        if url == HTTPS { bench.all([Input::Secured]) } else { bench }
    }

    /// What a check waits for, as far as one can tell from outside.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Stage {
        New,
        Addresses,
        Connection,
        Tls,
        Answer,
        Body,
        Ended(Reason),
    }

    /// Asks a check what it waits for, the only way there is: the time is up.
    fn stage(mut bench: Bench) -> Stage {
        if bench.finishes() > 0 {
            return Stage::Ended(bench.outcome().reason);
        }
        if bench.at(0, Input::Deadline).is_empty() {
            return Stage::New;
        }
        let (reason, detail) = bench.ending();
        match reason {
            Reason::DnsTimeout => Stage::Addresses,
            Reason::ConnectTimeout => Stage::Connection,
            Reason::TlsTimeout => Stage::Tls,
            Reason::ResponseTimeout if detail.starts_with("connected, but no answer") => Stage::Answer,
            Reason::ResponseTimeout => Stage::Body,
            other => panic!("{other:?}: {detail}"),
        }
    }

    /// Everything that can happen. A number names it in the table below.
    fn inputs() -> [Input<'static>; 14] {
        [
            Input::Start,
            Input::Resolved,
            Input::Connected(Some(address())),
            Input::Shown(seen("1.3")),
            Input::Secured,
            Input::Bytes(b""),
            Input::Bytes(BEGIN),
            Input::Bytes(REST),
            Input::Bytes(WHOLE),
            Input::Eof,
            Input::Truncated,
            Input::Reused(Some(address())),
            trouble(),
            Input::Deadline,
        ]
    }

    #[test]
    fn every_input_in_every_state() {
        use Stage::{Addresses as Addr, Answer, Body, Connection as Conn, New, Tls};
        const OK: Stage = Stage::Ended(Reason::Ok);
        const LOCAL: Stage = Stage::Ended(Reason::LocalError);
        const CLOSED: Stage = Stage::Ended(Reason::Closed);
        const MALFORMED: Stage = Stage::Ended(Reason::Malformed);
        const DNS_TIME: Stage = Stage::Ended(Reason::DnsTimeout);
        const CONN_TIME: Stage = Stage::Ended(Reason::ConnectTimeout);
        const TLS_TIME: Stage = Stage::Ended(Reason::TlsTimeout);
        const TIME: Stage = Stage::Ended(Reason::ResponseTimeout);
        let way = || [Input::Start, Input::Resolved, Input::Connected(Some(address())), Input::Secured];
        // A check over TLS goes through every state. Its way there, and where each of the inputs above leads from there.
        #[rustfmt::skip]
        let table = [
            //   Start   Resol.  Conn.   Shown   Secur.  ""      BEGIN REST       WHOLE      Eof     Trunc.  Reused  Failed Deadline
            (0, [Addr,   New,    New,    New,    New,    New,    New,  New,       New,       New,    New,    New,    LOCAL, New]),
            (1, [Addr,   Conn,   Addr,   Addr,   Addr,   Addr,   Addr, Addr,      Addr,      Addr,   Addr,   Addr,   LOCAL, DNS_TIME]),
            (2, [Conn,   Conn,   Tls,    Conn,   Conn,   Conn,   Conn, Conn,      Conn,      Conn,   Conn,   Conn,   LOCAL, CONN_TIME]),
            (3, [Tls,    Tls,    Tls,    Tls,    Answer, Tls,    Tls,  Tls,       Tls,       CLOSED, CLOSED, Tls,    LOCAL, TLS_TIME]),
            (4, [Answer, Answer, Answer, Answer, Answer, Answer, Body, MALFORMED, OK,        CLOSED, CLOSED, Answer, LOCAL, TIME]),
            (5, [Body,   Body,   Body,   Body,   Body,   Body,   Body, OK,        MALFORMED, CLOSED, CLOSED, Body,   LOCAL, TIME]),
            (6, [CLOSED; 14]),
        ];
        for (steps, expected) in table {
            for (input, expected) in inputs().into_iter().zip(expected) {
                let mut bench = Bench::new(HTTPS).all(way().into_iter().take(steps));
                if steps > 4 {
                    bench.at(0, Input::Bytes(BEGIN));
                }
                if steps > 5 {
                    bench.at(0, Input::Eof);
                }
                let told = format!("{input:?} after {steps} steps");
                bench.at(0, input);
                assert_eq!(stage(bench), expected, "{told}");
            }
        }
    }

    #[test]
    fn what_is_to_be_done() {
        let mut bench = Bench::new(HTTP);
        let timeout = bench.begin + Duration::from_secs(5);
        assert_eq!(bench.at(0, Input::Start), [Action::Arm(timeout), Action::Resolve]);
        assert_eq!(bench.at(1, Input::Resolved), [Action::Connect, Action::Send]);
        assert_eq!(bench.at(2, Input::Connected(Some(address()))), []);
        assert_eq!(bench.at(3, Input::Bytes(WHOLE)), [Action::Finish]);
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.verdict(), &outcome.detail), (Reason::Ok, Verdict::Up, &None));
        assert_eq!((outcome.status, outcome.http_version, outcome.body_bytes), (Some(200), Some("1.1"), 0));
        assert_eq!((outcome.address, outcome.attempts, outcome.started), (Some(address()), 1, ms(1_000)));
        assert!(outcome.tls.is_none());
    }

    #[test]
    fn a_literal_address_is_connected_to_at_once() {
        for url in ["http://127.0.0.1/", "https://[::1]/"] {
            let mut bench = Bench::new(url);
            let timeout = bench.begin + Duration::from_secs(5);
            assert_eq!(bench.at(0, Input::Start), [Action::Arm(timeout), Action::Connect, Action::Send], "{url}");
        }
    }

    #[test]
    fn tcp_wants_a_connection_and_nothing_more() {
        let mut bench = Bench::new(TCP);
        bench.at(0, Input::Start);
        assert_eq!(bench.at(2, Input::Resolved), [Action::Connect]);
        assert_eq!(bench.at(5, Input::Connected(Some(address()))), [Action::Finish]);
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.status, outcome.http_version), (Reason::Ok, None, None));
        let phases = outcome.phases;
        assert_eq!((phases.dns, phases.connect, phases.wait, phases.body), (Some(ms(2)), Some(ms(3)), None, None));
    }

    #[test]
    fn the_phases_are_what_was_waited_for_and_nothing_else() {
        let mut bench = Bench::new(HTTPS);
        // A millisecond passes after each event before this program comes round to the next step. It is in nobody's phase.
        bench.at_and_asked(100, Input::Start, 101);
        bench.at_and_asked(106, Input::Resolved, 107);
        bench.at_and_asked(117, Input::Connected(Some(address())), 118);
        bench.at_and_asked(140, Input::Shown(seen("1.3")), 141);
        bench.at_and_asked(148, Input::Secured, 149);
        bench.at_and_asked(349, Input::Bytes(BEGIN), 350);
        bench.at_and_asked(359, Input::Bytes(REST), 360);
        let started = bench.begin + ms(100);
        assert_eq!(bench.check.started(), started);
        let phases = bench.outcome().phases;
        assert_eq!(phases.queue, ms(7));
        assert_eq!((phases.dns, phases.connect, phases.tls), (Some(ms(5)), Some(ms(10)), Some(ms(30))));
        assert_eq!((phases.wait, phases.body), (Some(ms(200)), Some(ms(10))));
        assert_eq!(phases.total(), ms(255));
    }

    #[test]
    fn a_phase_that_was_cut_short_counts_and_later_ones_never_happened() {
        let mut bench = Bench::new(HTTP);
        bench.at(0, Input::Start);
        bench.at(5, Input::Resolved);
        bench.at(5_000, Input::Deadline);
        let phases = bench.outcome().phases;
        assert_eq!((phases.dns, phases.connect, phases.wait), (Some(ms(5)), Some(ms(4_995)), None));
        assert_eq!(phases.total(), ms(5_000));
    }

    #[test]
    fn a_deadline_that_has_not_come_changes_nothing() {
        let mut bench = Bench::new(HTTP);
        bench.at(0, Input::Start);
        let until = bench.check.deadline();
        bench.check.handle(Input::Deadline, until - ms(1));
        assert_eq!(bench.check.poll(until), Some(Action::Arm(until)), "it is waited for again");
        assert_eq!(bench.check.poll(until), None);
        bench.check.excuse(ms(70));
        bench.check.handle(Input::Deadline, until + ms(69));
        assert_eq!(bench.check.poll(until), Some(Action::Arm(until + ms(70))), "and later by what is excused");
        bench.check.handle(Input::Deadline, until + ms(70));
        assert_eq!(bench.check.poll(until), Some(Action::Finish));
    }

    #[test]
    fn an_event_older_than_its_phase_takes_no_time() {
        // Events carry the turn's time stamp; a step that this turn itself began has a later one.
        let mut bench = Bench::new("http://127.0.0.1/");
        bench.at_and_asked(10, Input::Start, 20);
        bench.at_and_asked(15, Input::Connected(Some(address())), 30);
        bench.at(29, Input::Bytes(WHOLE));
        let phases = bench.outcome().phases;
        assert_eq!((phases.connect, phases.wait, phases.body), (Some(ms(0)), Some(ms(0)), Some(ms(0))));
    }

    #[test]
    fn connecting_has_a_limit_of_its_own_and_the_answer_the_rest() {
        let said = [(Setting::Timeout, "3s"), (Setting::ConnectTimeout, "500ms")];
        for url in [HTTP, HTTPS] {
            let mut bench = Bench::with(url, &said);
            let begin = bench.begin;
            assert_eq!(bench.at(0, Input::Start)[0], Action::Arm(begin + ms(500)));
            bench.at(100, Input::Resolved);
            let mut actions = bench.at(200, Input::Connected(Some(address())));
            if url == HTTPS {
                // TLS belongs to connecting, as curl has it.
                assert_eq!(actions, []);
                actions = bench.at(300, Input::Secured);
            }
            assert_eq!(actions, [Action::Arm(begin + ms(3_000))], "from the start of the attempt");
            bench.at(3_000, Input::Deadline);
            assert_eq!(
                bench.ending(),
                (Reason::ResponseTimeout, "connected, but no answer within 3 s".to_owned()),
                "{url}"
            );
        }
    }

    #[test]
    fn connecting_never_has_longer_than_the_whole() {
        let mut bench = Bench::with(HTTP, &[(Setting::Timeout, "1s"), (Setting::ConnectTimeout, "1h")]);
        let begin = bench.begin;
        assert_eq!(bench.at(0, Input::Start)[0], Action::Arm(begin + ms(1_000)));
    }

    #[test]
    fn the_time_that_was_up_is_told() {
        let short = [(Setting::Timeout, "3s"), (Setting::ConnectTimeout, "500ms")];
        let cases = [
            (vec![Input::Start], Reason::DnsTimeout, "no address for h within 500 ms"),
            (vec![Input::Start, Input::Resolved], Reason::ConnectTimeout, "no connection to h within 500 ms"),
            (
                vec![Input::Start, Input::Resolved, Input::Connected(Some(address()))],
                Reason::TlsTimeout,
                "connected, but no TLS handshake within 500 ms",
            ),
        ];
        for (way, reason, detail) in cases {
            let bench = Bench::with(HTTPS, &short).all(way).all([Input::Deadline]);
            assert_eq!(bench.ending(), (reason, detail.to_owned()));
        }
        let whole = [(Setting::Timeout, "1.5s")];
        let bench = Bench::with("http://h:81/", &whole).all([Input::Start, Input::Resolved, Input::Deadline]);
        assert_eq!(bench.ending(), (Reason::ConnectTimeout, "no connection to h:81 within 1.5 s".to_owned()));
        let answers: [(&[u8], &str); 3] = [
            (b"H", "the answer began but its head was not whole within 1.5 s"),
            (b"HTTP/1.1 100 Continue\r\n\r\n", "the answer began but its head was not whole within 1.5 s"),
            (
                b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nab",
                "status 503, but the body was not whole within 1.5 s (2 bytes came)",
            ),
        ];
        for (bytes, detail) in answers {
            let bench = asked_with(HTTP, &whole).all([Input::Bytes(bytes), Input::Deadline]);
            assert_eq!(bench.ending(), (Reason::ResponseTimeout, detail.to_owned()));
        }
    }

    #[test]
    fn where_the_end_came_is_told() {
        let length = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab".as_slice();
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".as_slice();
        let cases = [
            (b"".as_slice(), "before any byte of an answer"),
            (b"H", "in the middle of the response head"),
            (b"HTTP/1.1 100 Continue\r\n\r\n", "in the middle of the response head"),
            (length, "after 2 of 9 body bytes"),
            (chunked, "in a chunked body, after 3 bytes of it"),
        ];
        for (bytes, place) in cases {
            for end in [Input::Eof, Input::Truncated] {
                let bench = asked(HTTPS).all([Input::Bytes(bytes), end]);
                assert_eq!(bench.ending(), (Reason::Closed, format!("the server closed the connection {place}")));
            }
            let reset = Input::Failed(Failure::new(Reason::Reset, "as the system put it"));
            let bench = asked(HTTP).all([Input::Bytes(bytes), reset]);
            assert_eq!(bench.ending(), (Reason::Reset, format!("the server reset the connection {place}")));
        }
    }

    #[test]
    fn a_reset_where_there_is_no_answer_to_cut_keeps_its_own_words() {
        let until_close = Input::Bytes(b"HTTP/1.1 200 OK\r\n\r\nab");
        for bench in [
            Bench::new(HTTPS).all([Input::Start]),
            asked(HTTP).all([until_close]),
            Bench::new(HTTPS).all([Input::Start, Input::Resolved, Input::Connected(Some(address()))]),
        ] {
            let bench = bench.all([Input::Failed(Failure::new(Reason::Reset, "10.0.0.7:8080 reset"))]);
            assert_eq!(bench.ending(), (Reason::Reset, "10.0.0.7:8080 reset".to_owned()));
        }
    }

    #[test]
    fn what_ends_with_the_stream_must_end_properly() {
        let body = || Input::Bytes(b"HTTP/1.1 200 OK\r\n\r\nall of it");
        for url in [HTTP, HTTPS] {
            let outcome = asked(url).all([body(), Input::Eof]).outcome();
            assert_eq!((outcome.reason, outcome.body_bytes), (Reason::Ok, 9), "{url}");
        }
        let detail = "the server closed the connection without close_notify, so the body may be cut short";
        let bench = asked(HTTPS).all([body(), Input::Truncated]);
        assert_eq!(bench.ending(), (Reason::Closed, detail.to_owned()));
        // A body with a length is whole by itself, whatever becomes of the connection.
        let bench = asked(HTTPS).all([Input::Bytes(WHOLE), Input::Truncated]);
        assert_eq!(bench.ending(), (Reason::Ok, String::new()));
    }

    #[test]
    fn a_handshake_that_was_left_is_told() {
        for end in [Input::Eof, Input::Truncated] {
            let bench = Bench::new(HTTPS).all([Input::Start, Input::Resolved, Input::Connected(Some(address())), end]);
            let detail = "the server closed the connection in the middle of the TLS handshake";
            assert_eq!(bench.ending(), (Reason::Closed, detail.to_owned()));
        }
    }

    #[test]
    fn what_tls_showed_survives_a_failure() {
        let untrusted = Failure::new(Reason::TlsUntrusted, "who is that");
        let mut bench = Bench::new(HTTPS).all([Input::Start, Input::Resolved, Input::Connected(Some(address()))]);
        assert_eq!(bench.at(1, Input::Shown(seen("1.2"))), []);
        assert_eq!(bench.at(1, Input::Failed(untrusted)), [Action::Finish]);
        let outcome = bench.outcome();
        assert_eq!(outcome.reason, Reason::TlsUntrusted);
        assert_eq!(outcome.tls, Some(seen("1.2")));
    }

    #[test]
    fn the_status_decides() {
        for (status, reason) in [(200, Reason::Ok), (399, Reason::Ok), (400, Reason::Status), (503, Reason::Status)] {
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nab");
            let outcome = asked(HTTP).all([Input::Bytes(answer.as_bytes())]).outcome();
            assert_eq!((outcome.reason, outcome.status, outcome.body_bytes), (reason, Some(status), 2));
            let detail = (reason == Reason::Status).then(|| format!("status was {status}, expected status in 200-399"));
            assert_eq!(outcome.detail.as_deref(), detail.as_deref());
        }
    }

    #[test]
    fn the_answer_to_head_has_no_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n";
        let outcome = asked_with(HTTP, &[(Setting::Head, "")]).all([Input::Bytes(answer)]).outcome();
        assert_eq!((outcome.reason, outcome.body_bytes), (Reason::Ok, 0));
        assert_eq!(stage(asked(HTTP).all([Input::Bytes(answer)])), Stage::Body, "after a GET it has");
    }

    #[test]
    fn an_answer_that_cannot_be_believed() {
        let small = [(Setting::MaxBody, "3")];
        let cases: [(&[u8], Reason, &str); 4] = [
            (b"SSH-2.0-x\r\n", Reason::Malformed, "not HTTP: the answer begins with \"SSH-2.0-x\""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Reason::Malformed, "Content-Length is not a number"),
            (b"HTTP/1.1 200 OK\r\n\r\nabcd", Reason::TooLarge, "the body is longer than 3 bytes (--max-body)"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
                Reason::TooLarge,
                "the body is longer than 3 bytes (--max-body)",
            ),
        ];
        for (bytes, reason, detail) in cases {
            let judged = [small[0], (Setting::Expect, "body contains \"x\"")];
            let bench = asked_with(HTTP, &judged).all([Input::Bytes(bytes)]);
            assert_eq!(bench.ending(), (reason, detail.to_owned()));
            // Where nobody asks for the body, what came of it is enough.
            if reason == Reason::TooLarge {
                let outcome = asked_with(HTTP, &small).all([Input::Bytes(bytes), Input::Bytes(b"abcd")]).outcome();
                assert_eq!((outcome.reason, outcome.body_bytes), (Reason::Ok, 3));
            }
        }
    }

    #[test]
    fn without_a_body_the_head_is_the_answer() {
        let events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let said = [
            (Setting::NoBody, ""),
            (Setting::KeepAlive, ""),
            (Setting::Expect, "header.content-type contains \"event\""),
        ];
        let bench = asked_with(HTTP, &said).all([Input::Bytes(events)]);
        assert_eq!(bench.check.keeps(), Err(CloseReason::Unfinished), "more of it will come");
        assert_eq!(bench.outcome().reason, Reason::Ok);
        let both = Bench::with(HTTP, &[(Setting::NoBody, ""), (Setting::Expect, "body.bytes > 3")]);
        assert!(both.check.target().settings.contradiction().is_some());
    }

    #[test]
    fn a_body_that_cannot_be_read_says_why_it_did_not_match() {
        let coded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b";
        for said in ["body contains \"ready\"", "json.a == 1", "body.bytes > 9"] {
            let (_, detail) = asked_with(HTTP, &[(Setting::Expect, said)]).all([Input::Bytes(coded)]).ending();
            assert_eq!(*detail, format!("the body is coded as \"gzip\", which is not unpacked, expected {said}"));
        }
        let outcome = asked_with(HTTP, &[(Setting::Expect, "status == 200")]).all([Input::Bytes(coded)]).outcome();
        assert_eq!(outcome.reason, Reason::Ok);
    }

    #[test]
    fn a_failure_is_told_as_it_came() {
        for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Reset) {
            let failure = Failure::new(*reason, "in these words");
            let bench = asked(HTTP).all([Input::Failed(failure)]);
            assert_eq!(bench.ending(), (*reason, "in these words".to_owned()));
        }
    }

    #[test]
    fn an_answer_is_the_same_however_it_is_cut() {
        let answers: [&[u8]; 4] = [
            b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.0 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n\r\n",
        ];
        let ending = |pieces: &[&[u8]]| {
            let bench = asked(HTTP).all(pieces.iter().map(|piece| Input::Bytes(piece))).all([Input::Eof]);
            let outcome = bench.outcome();
            (outcome.reason, outcome.detail, outcome.status, outcome.http_version, outcome.body_bytes)
        };
        for answer in answers {
            let whole = ending(&[answer]);
            for first in 0..=answer.len() {
                for second in first..=answer.len() {
                    let pieces = [&answer[..first], &answer[first..second], &answer[second..]];
                    assert_eq!(ending(&pieces), whole, "cut at {first} and {second}");
                }
            }
            let bytes: Vec<&[u8]> = answer.chunks(1).collect();
            assert_eq!(ending(&bytes), whole);
        }
    }

    #[test]
    fn after_the_end_nothing_changes() {
        let mut bench = asked(HTTP).all([Input::Bytes(WHOLE)]);
        for input in inputs() {
            assert_eq!(bench.at(9_999, input), []);
        }
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.phases.total()), (Reason::Ok, ms(0)));
        assert!(outcome.tls.is_none());
    }

    #[test]
    fn an_attempt_that_never_began_has_no_phases() {
        let mut bench = Bench::new(HTTP);
        assert_eq!(bench.at(50, trouble()), [Action::Finish]);
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.attempts), (Reason::LocalError, 0));
        assert_eq!(outcome.phases, Phases { queue: ms(7), ..Phases::default() });
    }

    #[test]
    fn the_target_comes_back_to_wait_for_another_turn() {
        let bench = Bench::new(HTTP).all([Input::Start]);
        assert_eq!(bench.check.target().url.as_str(), HTTP);
        assert_eq!(bench.check.into_target().url.as_str(), HTTP);
    }

    #[test]
    #[should_panic(expected = "into_outcome before Finish")]
    fn there_is_no_outcome_before_the_end() {
        let bench = asked(HTTP);
        bench.check.into_outcome();
    }

    const TO_ITSELF: &[u8] = b"HTTP/1.1 303 See Other\r\nLocation: /health\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn a_redirect_begins_again_on_the_time_of_the_same_attempt() {
        let said = [(Setting::Location, ""), (Setting::Data, "a=1"), (Setting::Timeout, "1s")];
        let mut bench = Bench::with(HTTP, &said);
        bench.at(0, Input::Start);
        bench.at(10, Input::Resolved);
        bench.at(20, Input::Connected(Some(address())));
        let end = bench.begin + ms(1000);
        assert_eq!(bench.at(50, Input::Bytes(TO_ITSELF)), [Action::Arm(end), Action::Resolve]);
        assert_eq!(bench.at(51, Input::Resolved), [Action::Connect, Action::Send]);
        let mut request = Vec::new();
        bench.check.encode_request(&mut request);
        assert!(request.starts_with(b"GET /health HTTP/1.1\r\n") && request.ends_with(b"\r\n\r\n"));
        bench.at(52, Input::Connected(Some(address())));
        bench.at(60, Input::Bytes(WHOLE));
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.redirects), (Reason::Ok, 1), "posted, then shown, is no loop");
        assert_eq!(outcome.phases.total(), ms(60));
        assert_eq!((outcome.phases.dns, outcome.phases.wait), (Some(ms(11)), Some(ms(38))));
    }

    #[test]
    fn a_redirect_to_itself_is_followed_as_often_as_any() {
        let again = || [Input::Resolved, Input::Connected(Some(address())), Input::Bytes(TO_ITSELF)];
        let asked =
            || asked_with(HTTP, &[(Setting::Location, ""), (Setting::MaxRedirs, "2")]).all([Input::Bytes(TO_ITSELF)]);
        let (reason, detail) = asked().all(again()).all(again()).ending();
        let told = "more than 2 redirects (--max-redirs); the last one led to http://h/health";
        assert_eq!((reason, &*detail), (Reason::Redirect, told));
        let good = [Input::Resolved, Input::Connected(Some(address())), Input::Bytes(WHOLE)];
        let outcome = asked().all(again()).all(good).outcome();
        assert_eq!((outcome.reason, outcome.redirects), (Reason::Ok, 2));
    }

    #[test]
    fn what_a_server_makes_up_stays_short_in_a_detail() {
        let long = "x".repeat(7_000);
        for location in
            [format!("http://[{long}"), format!("ftp://{long}"), format!("/{long}"), format!("//{long}.test/")]
        {
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            let bench = asked_with(HTTP, &[(Setting::Location, "")]).all([Input::Bytes(answer.as_bytes())]);
            let refused = Failure::new(Reason::ConnectRefused, "nobody there");
            let (_, detail) = bench.all([Input::Failed(refused)]).ending();
            assert!(detail.len() < 400, "{} bytes: {detail}", detail.len());
        }
    }

    #[test]
    fn a_408_on_a_connection_from_before_is_no_answer() {
        let said: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let mut bench = Bench::with(HTTP, &[(Setting::KeepAlive, "")]);
        bench.at(0, Input::Start);
        bench.at(1, Input::Reused(Some(address())));
        assert!(bench.at(2, Input::Bytes(said)).contains(&Action::Resolve), "it is asked again");
        bench.at(3, Input::Resolved);
        bench.at(4, Input::Connected(Some(address())));
        bench.at(5, Input::Bytes(said));
        let outcome = bench.outcome();
        assert_eq!(
            (outcome.reason, outcome.status, outcome.reused),
            (Reason::Status, Some(408), false),
            "on a fresh one it is"
        );
    }

    #[test]
    fn a_failure_behind_a_redirect_names_the_place() {
        let answer = b"HTTP/1.1 302 Found\r\nLocation: //elsewhere/x\r\nContent-Length: 0\r\n\r\n";
        let bench = asked_with(HTTP, &[(Setting::Location, "")]).all([Input::Bytes(answer)]);
        let refused = Failure::new(Reason::ConnectRefused, "nobody there");
        let (reason, detail) = bench.all([Input::Failed(refused)]).ending();
        let told = "nobody there (redirected to http://elsewhere/x)";
        assert_eq!((reason, &*detail), (Reason::ConnectRefused, told));
    }
}

#[path = "machine/tests/transports.rs"]
#[cfg(test)]
mod transports;
