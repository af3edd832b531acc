//! One exchange with one place, and the time that each of its phases took.
//!
//! It holds what is known and decides nothing: what an answer is worth is said elsewhere.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Check, State};
use crate::check::expect::Watch;
use crate::check::outcome::{Micros, TlsSeen};
use crate::check::settings::Settings;
use crate::check::target::Target;
use crate::proto::http::close_reason::CloseReason;
use crate::proto::http::request::Form;
use crate::proto::http::response::{Decoder, Reading};

/// One exchange with one place: all that is known of its connection and its answer. A redirect or a fresh connection
/// replaces it whole, so that nothing of what is over is left for what follows.
#[derive(Debug)]
pub(super) struct Hop {
    /// When its deadline is.
    pub(super) until: Instant,
    /// When the phase began that belongs to the state; `None` until it has.
    pub(super) since: Option<Instant>,
    /// Whom it is connected to. A unix socket has no address.
    pub(super) address: Option<SocketAddr>,
    /// What the TLS handshake has shown.
    pub(super) tls: Option<Box<TlsSeen>>,
    /// What reads a proxy's answer to CONNECT, where one is waited for.
    pub(super) tunnel: Option<Box<Decoder>>,
    pub(super) decoder: Decoder,
    /// What is kept of the body, where something is expected of it.
    pub(super) body: Option<Box<Body>>,
    /// The connection was there before.
    pub(super) reused: bool,
    /// One that was there before has failed us: this one must be fresh.
    pub(super) must_be_fresh: bool,
    /// Whether the connection can carry another request.
    pub(super) keeps: Result<(), CloseReason>,
}

/// A body of which something is expected.
#[derive(Debug)]
pub(super) enum Body {
    /// It is to be read as JSON, and kept whole for that.
    Json(Vec<u8>),
    /// As a text it is judged as it comes.
    Text(Watch),
}

impl Body {
    /// Nothing of it has come. `None`: nothing is expected of it.
    fn of(settings: &Settings) -> Option<Box<Body>> {
        let body = match settings.needs_json() {
            true => Body::Json(Vec::new()),
            false => Body::Text(Watch::of(settings.expectations())?),
        };
        Some(Box::new(body))
    }

    fn kept_bytes(&self) -> usize {
        match self {
            Body::Json(bytes) => bytes.capacity(),
            Body::Text(watch) => watch.kept_bytes(),
        }
    }
}

impl Hop {
    pub(super) fn new(decoder: Decoder, until: Instant) -> Hop {
        Hop {
            until,
            since: None,
            address: None,
            tls: None,
            tunnel: None,
            decoder,
            body: None,
            reused: false,
            must_be_fresh: false,
            keeps: Err(CloseReason::Unfinished),
        }
    }

    /// Takes the next piece of a body of which something is expected.
    pub(super) fn take_body(&mut self, bytes: &[u8], settings: &Settings) {
        if self.body.is_none() {
            self.body = Body::of(settings);
        }
        match self.body.as_deref_mut() {
            Some(Body::Json(whole)) => whole.extend_from_slice(bytes),
            Some(Body::Text(watch)) => watch.feed(bytes),
            None => {}
        }
    }

    /// The body that is to be read as JSON.
    pub(super) fn json(&self) -> &[u8] {
        match self.body.as_deref() {
            Some(Body::Json(bytes)) => bytes,
            _ => &[],
        }
    }

    /// What has been seen of a body that is a text.
    pub(super) fn watch(&self) -> Option<&Watch> {
        match self.body.as_deref() {
            Some(Body::Text(watch)) => Some(watch),
            _ => None,
        }
    }

    /// How many bytes of memory hold what is kept of an answer that is under way.
    pub(super) fn kept_bytes(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.kept_bytes()) + self.decoder.kept_bytes()
    }
}

impl Check {
    /// The deadline of what is waited for now. [`Input::Deadline`](super::Input::Deadline) changes nothing before it.
    pub fn deadline(&self) -> Instant {
        self.hop.until
    }

    /// For so long this program did not run, or had no time for this check: the attempt may take so much longer. What was
    /// named with the last [`Action::Arm`](super::Action::Arm) has moved with it.
    pub fn excuse(&mut self, by: Duration) {
        self.end_of_attempt += by;
        self.hop.until += by;
    }

    /// For so long, until now, the peer had nothing to answer because we had not asked: the phase begins so much later.
    pub fn hold_up(&mut self, by: Duration, now: Instant) {
        self.hop.since = self.hop.since.map(|since| (since + by).min(now));
    }

    /// Books the time of the phase that belongs to the state. The next phase begins when it is next asked what to do.
    pub(super) fn end_phase(&mut self, now: Instant) {
        let phase = match self.state {
            State::New | State::Ended(_) => return,
            State::ExpectAddresses => &mut self.phases.dns,
            State::ExpectConnection | State::ExpectTunnel => &mut self.phases.connect,
            State::ExpectTls => &mut self.phases.tls,
            State::ExpectAnswer => &mut self.phases.wait,
            State::ExpectBody => &mut self.phases.body,
        };
        if let Some(since) = self.hop.since.take() {
            // A phase may have begun after the time stamp of the turn that ends it; then it took no time.
            // After a redirect, each phase is the sum over all that was asked.
            *phase = Some(phase.unwrap_or_default() + Micros::of(now.saturating_duration_since(since)));
        }
    }
}

/// What reads the answer to the target's request, or to what redirects have made of it.
pub(super) fn decoder(target: &Target, form: Form) -> Decoder {
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
pub(super) fn tunnel() -> Box<Decoder> {
    Box::new(Decoder::new(Reading { to_head: true, ..Reading::default() }))
}
