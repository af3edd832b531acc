//! What the machine takes and what it gives: all that it and whoever drives it have to agree on.
//!
//! Values and nothing else. It refuses to know what a check makes of them.

use std::net::SocketAddr;
use std::time::Instant;

use crate::check::outcome::{Failure, TlsSeen};

/// What happened: what a check is told.
#[derive(Debug)]
pub enum Input<'a> {
    /// The attempt begins.
    Start,
    /// The host's addresses are known to the one who connects.
    Resolved,
    /// The connection to this address stands; a unix socket has none. If something is [to be
    /// sent](super::Check::opening) in the clear first, its first bytes are on their way.
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
    /// It cannot go on, for this reason.
    Failed(Failure),
    /// The time given with the last [`Action::Arm`] has come.
    Deadline,
}

/// What a check wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell me [`Input::Deadline`] at this time, and forget the time named before.
    Arm(Instant),
    /// Find the addresses of [the host to connect to](super::Check::peer). A connection that stands from before is of no more
    /// use.
    Resolve,
    /// Connect to one of them, in place of any connection from before.
    Connect,
    /// Send [the request](super::Check::encode_request) as soon as the connection stands, and is secured if it is to be.
    Send,
    /// Begin TLS on the connection, which stands.
    Secure,
    /// Send [the request](super::Check::encode_request) over the connection, which stands.
    Say,
    /// It is over: take the [outcome](super::Check::into_outcome).
    Finish,
}

/// What goes over a new connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nothing: that it stands is all.
    Nothing,
    /// What [`Check::encode_opening`](super::Check::encode_opening) gives, in the clear.
    Bytes,
    /// TLS's first flight.
    Tls,
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

/// What is to be done and has not been said yet, a bit each. A thing that is asked for twice is done once, and all are done
/// in the order of the bits.
#[derive(Debug, Default)]
pub(super) struct Wants(u8);

impl Wants {
    pub(super) fn add(&mut self, action: Action) {
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
    pub(super) fn next(&mut self, until: Instant) -> Option<Action> {
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
