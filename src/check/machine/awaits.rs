//! How far a check is, for whoever wants to tell of it.

use super::{Check, State};
use crate::check::outcome::Reason;

/// What a check is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// To be told [`Input::Start`](super::Input::Start).
    Start,
    /// The addresses of its name.
    Addresses,
    /// A connection, to its host or to its proxy.
    Connection,
    /// A proxy's answer to CONNECT.
    Tunnel,
    /// The end of the TLS handshake.
    Tls,
    /// The first byte of an answer.
    Answer,
    /// The rest of the answer.
    Body,
    /// Nothing: it has ended so.
    Nothing(Reason),
}

impl Check {
    /// What it is waiting for.
    pub fn awaits(&self) -> Awaits {
        match self.state {
            State::New => Awaits::Start,
            State::ExpectAddresses => Awaits::Addresses,
            State::ExpectConnection => Awaits::Connection,
            State::ExpectTunnel => Awaits::Tunnel,
            State::ExpectTls => Awaits::Tls,
            State::ExpectAnswer => Awaits::Answer,
            State::ExpectBody => Awaits::Body,
            State::Ended(reason) => Awaits::Nothing(reason),
        }
    }
}
