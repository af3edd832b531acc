//! Failures in words: whose fault it is that an attempt ended, as far as the state tells.
//!
//! It refuses to know what an answer says; that is `judging`'s.

use std::time::{Duration, Instant};

use super::{Action, Check, Input, State, Why};
use crate::check::outcome::{Failure, Reason};
use crate::proto::http::problem::{Cut, Problem};
use crate::proto::http::request::authority_with_port;

impl Check {
    /// The time is up. What we were waiting for says whose fault it is.
    pub(super) fn time_is_up(&mut self, now: Instant) {
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
            State::ExpectTunnel => Failure::new(Reason::ConnectTimeout, format!("no answer within {connect_timeout}")),
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

    pub(super) fn fail(&mut self, mut failure: Failure, now: Instant) {
        if self.state == State::ExpectTunnel {
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
        self.end_phase(now);
        self.end(failure.reason, Some(Box::new(Why { detail: failure.detail, failed: Vec::new() })));
    }

    fn cut(&mut self) -> Option<Cut> {
        match self.state {
            State::ExpectAnswer => Some(Cut::BeforeAnswer),
            State::ExpectBody => self.hop.decoder.end().err(),
            _ => None,
        }
    }

    /// Where the connection leads, for a person.
    fn place(&self) -> &str {
        self.target.socket().map_or(self.peer().authority(), |socket| socket)
    }

    /// Whose words or silence we have dealt with, where that was the proxy. A target is not to be blamed for it.
    pub(super) fn proxy_words(&self) -> Option<String> {
        let proxy = self.target.proxy()?.url().authority();
        match self.state {
            State::ExpectTunnel => {
                Some(format!("the proxy {proxy}, asked for a tunnel to {}", authority_with_port(self.url())))
            }
            State::ExpectAddresses | State::ExpectConnection => Some(format!("the proxy {proxy}")),
            State::ExpectAnswer | State::ExpectBody if !self.wants_tunnel() => {
                Some(format!("through the proxy {proxy}"))
            }
            _ => None,
        }
    }
}

/// Whether this is the end of a connection, from the peer's side.
pub(super) fn is_end(input: &Input<'_>) -> bool {
    match input {
        Input::Eof | Input::Truncated => true,
        Input::Failed(failure) => matches!(failure.reason, Reason::Reset | Reason::Closed),
        _ => false,
    }
}

/// What a proxy's answer says that is not a tunnel.
pub(super) fn refusal(status: u16) -> String {
    let hint = if status == 407 { " (it wants a name and password: -x http://NAME:PASSWORD@HOST:PORT)" } else { "" };
    format!("status {status}{hint}")
}

pub(super) fn problem_failure(problem: &Problem) -> Failure {
    let reason = if problem.is_too_large() { Reason::TooLarge } else { Reason::Malformed };
    Failure::new(reason, problem.to_string())
}

/// A time as a person would say it.
fn seconds(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (0, 0) => format!("{} us", time.subsec_micros()),
        (0, millis) => format!("{millis} ms"),
        (seconds, 0) => format!("{seconds} s"),
        (seconds, millis) => format!("{} s", format!("{seconds}.{millis:03}").trim_end_matches('0')),
    }
}
