//! What a lookup ends with: the addresses of a name, or the failure, in values and in plain words.
//!
//! This file refuses to know how a lookup comes to its end; [`super::lookup`] does.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::config::DNS_PORT;
use super::message::{AnswerError, MAX_CNAMES, Rcode};
use super::name::{Name, NameError};
use super::query::RecordType;

/// The address families that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv6 and IPv4.
    Both,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Families {
    pub(super) fn records(self) -> &'static [RecordType] {
        match self {
            Families::Both => &[RecordType::Aaaa, RecordType::A],
            Families::V4 => &[RecordType::A],
            Families::V6 => &[RecordType::Aaaa],
        }
    }
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// IPv6 first, then IPv4, each in the server's order; at least one, at most
    /// [`MAX_ADDRESSES`](super::message::MAX_ADDRESSES) a family.
    pub addresses: Vec<IpAddr>,
    /// How long they may be remembered; at most a day.
    pub ttl: Duration,
    /// The name at the end of the CNAMEs, if there were any.
    pub canonical: Option<Name>,
    /// The family that was wanted and is not known, though the other is.
    pub missing: Option<Missing>,
    /// What came and was no answer.
    pub dropped: Dropped,
}

/// A family whose addresses did not come, which does not mean that there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The records that were asked for.
    pub record: RecordType,
    /// What went wrong; `None` when the answer was still to come when the other had been there for a while.
    pub why: Option<LookupFailure>,
}

/// Why a lookup gave no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError {
    /// What went wrong.
    pub failure: LookupFailure,
    /// What came and was no answer: it may explain a timeout.
    pub dropped: Dropped,
}

/// What can go wrong with a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupFailure {
    /// The host is not a name.
    BadName(NameError),
    /// There is no such name.
    NotFound {
        /// The server that said so.
        server: SocketAddr,
        /// How long that may be remembered, if the server said.
        ttl: Option<Duration>,
    },
    /// There is the name, but it has no address of the wanted families.
    NoAddresses {
        /// The server that said so.
        server: SocketAddr,
        /// How long that may be remembered, if the server said.
        ttl: Option<Duration>,
        /// The families that were wanted.
        families: Families,
        /// What was said in place of one, and can be nobody's (RFC 1122, 3.2.1.3).
        unspecified: Option<IpAddr>,
    },
    /// The server failed.
    ServerFailed {
        /// The server that it is about.
        server: SocketAddr,
        /// Its response code (RFC 1035, 4.1.1).
        rcode: Rcode,
    },
    /// The server refused to answer.
    Refused {
        /// The server that it is about.
        server: SocketAddr,
    },
    /// The server only pointed to other servers.
    Referral {
        /// The server that it is about.
        server: SocketAddr,
    },
    /// Datagrams do not get through to the server.
    Unreachable {
        /// The server that it is about.
        server: SocketAddr,
    },
    /// The server cut its answer short and did not give the whole over TCP.
    TcpFailed {
        /// The server that it is about.
        server: SocketAddr,
    },
    /// This machine did not let the question out.
    NotSent {
        /// The server that it was to be sent to.
        server: SocketAddr,
        /// The system's words.
        why: Box<str>,
    },
    /// None of the servers that the system names can be asked.
    NoServers {
        /// Which, and why not.
        unusable: Vec<String>,
    },
    /// No server answered.
    TimedOut {
        /// The servers that were asked.
        servers: Vec<SocketAddr>,
        /// How often each of them was asked.
        attempts: u32,
    },
    /// The name leads to another and so on for more than [`MAX_CNAMES`] names.
    TooManyCnames {
        /// Who said the last one.
        server: SocketAddr,
    },
}

impl LookupFailure {
    /// How long the absence of the name or its addresses may be remembered; `None` where nothing is known to be
    /// absent, or for how long.
    pub fn negative_ttl(&self) -> Option<Duration> {
        match self {
            LookupFailure::NotFound { ttl, .. } | LookupFailure::NoAddresses { ttl, .. } => *ttl,
            _ => None,
        }
    }

    /// Whether a server said that there is nothing, which is an answer.
    pub(super) fn is_negative(&self) -> bool {
        matches!(self, LookupFailure::NotFound { .. } | LookupFailure::NoAddresses { .. })
    }

    /// What the two families of a name amount to. Absence has to be agreed on, or to be A's NXDOMAIN: see
    /// `Question::is_decisive` in `lookup/question.rs`.
    pub(super) fn of_families(aaaa: LookupFailure, a: LookupFailure) -> LookupFailure {
        match (&aaaa, &a) {
            (_, LookupFailure::NotFound { .. }) => a,
            (LookupFailure::NotFound { .. } | LookupFailure::NoAddresses { .. }, _) => a.no_longer_than(&aaaa),
            (LookupFailure::NotSent { .. }, LookupFailure::TimedOut { .. })
            | (_, LookupFailure::NoAddresses { .. }) => aaaa,
            _ => a,
        }
    }

    /// What two names of a search list amount to: that a server failed says more than that a name is absent, since it might
    /// have been there; and of two that are absent, that one of them is there without an address.
    pub(super) fn of_names(earlier: LookupFailure, later: LookupFailure) -> LookupFailure {
        match (&earlier, later.is_negative()) {
            (LookupFailure::NoAddresses { .. }, true) => earlier.no_longer_than(&later),
            (LookupFailure::NotFound { .. }, true) => later.no_longer_than(&earlier),
            (LookupFailure::NoAddresses { .. } | LookupFailure::NotFound { .. }, false) => later,
            _ => earlier,
        }
    }

    /// Lets an absence be remembered no longer than another one, and not at all if that must not be.
    fn no_longer_than(mut self, other: &LookupFailure) -> LookupFailure {
        if let LookupFailure::NotFound { ttl, .. } | LookupFailure::NoAddresses { ttl, .. } = &mut self {
            *ttl = ttl.zip(other.negative_ttl()).map(|(a, b)| a.min(b));
        }
        self
    }
}

impl fmt::Display for LookupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupFailure::BadName(error) => error.fmt(f),
            LookupFailure::NotFound { server, .. } => {
                write!(f, "no such name (NXDOMAIN from {})", ShownServer(server))
            }
            LookupFailure::NoAddresses { server, unspecified: Some(address), .. } => {
                write!(
                    f,
                    "the name has no address but {address}, as blocking resolvers answer (said {})",
                    ShownServer(server)
                )
            }
            LookupFailure::NoAddresses { server, families, .. } => {
                let kind = match families {
                    Families::Both => "",
                    Families::V4 => "IPv4 ",
                    Families::V6 => "IPv6 ",
                };
                write!(f, "the name has no {kind}address (said {})", ShownServer(server))
            }
            LookupFailure::ServerFailed { server, rcode } => {
                write!(f, "{} answered {rcode}", ShownServer(server))
            }
            LookupFailure::Refused { server } => write!(f, "{} answered REFUSED", ShownServer(server)),
            LookupFailure::Referral { server } => {
                write!(f, "{} does not look names up for others", ShownServer(server))
            }
            LookupFailure::Unreachable { server } => write!(f, "{} is unreachable", ShownServer(server)),
            LookupFailure::TcpFailed { server } => {
                write!(f, "{} gave no usable answer over TCP", ShownServer(server))
            }
            LookupFailure::NotSent { server, why } => {
                write!(f, "this machine did not let the question to {} out: {why}", ShownServer(server))
            }
            LookupFailure::NoServers { unusable } => {
                f.write_str("resolv.conf names no server that can be asked: ")?;
                for (index, server) in unusable.iter().enumerate() {
                    write!(f, "{}{server}", if index > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            LookupFailure::TimedOut { servers, attempts } => {
                f.write_str("no answer from ")?;
                for (index, server) in servers.iter().enumerate() {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, ShownServer(server))?;
                }
                let plural = if *attempts == 1 { "" } else { "s" };
                write!(f, " in {attempts} attempt{plural}")
            }
            LookupFailure::TooManyCnames { server } => {
                write!(f, "more than {MAX_CNAMES} CNAMEs in a row (the last from {})", ShownServer(server))
            }
        }
    }
}

/// A server in words: its port goes without saying if it is the usual one.
struct ShownServer<'a>(&'a SocketAddr);

impl fmt::Display for ShownServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == DNS_PORT { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)?;
        match self.dropped.last {
            Some(last) => write!(
                f,
                "; dropped {} false answer{}, the last because {last}",
                self.dropped.count,
                if self.dropped.count == 1 { "" } else { "s" },
            ),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LookupError {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Some(why) => write!(f, "{}: {why}", self.record),
            None => write!(f, "{}: no answer in time", self.record),
        }
    }
}

/// The messages that came and were not true answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many messages were dropped for this reason.
    pub count: u32,
    /// What was wrong with the last of them.
    pub last: Option<DropReason>,
}

impl Dropped {
    pub(super) fn add(&mut self, reason: DropReason) {
        self.count = self.count.saturating_add(1);
        self.last = Some(reason);
    }
}

/// Why a message was not taken for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It came from an address that was not asked.
    WrongServer,
    /// It was not a true answer to the question.
    Answer(AnswerError),
}

impl From<AnswerError> for DropReason {
    fn from(error: AnswerError) -> DropReason {
        DropReason::Answer(error)
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DropReason::WrongServer => f.write_str("it came from a server that was not asked"),
            DropReason::Answer(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn timed_out(servers: &[&str], attempts: u32) -> LookupFailure {
        LookupFailure::TimedOut { servers: servers.iter().map(|server| address(server)).collect(), attempts }
    }

    #[test]
    fn failures_are_said_in_plain_words() {
        let server = address("127.0.0.53:53");
        let odd = address("[::1]:5353");
        let ttl = None;
        let cases = [
            (LookupFailure::NotFound { server, ttl }, "no such name (NXDOMAIN from 127.0.0.53)"),
            (LookupFailure::ServerFailed { server, rcode: Rcode::SERVFAIL }, "127.0.0.53 answered SERVFAIL"),
            (LookupFailure::Refused { server: odd }, "[::1]:5353 answered REFUSED"),
            (LookupFailure::Referral { server }, "127.0.0.53 does not look names up for others"),
            (LookupFailure::Unreachable { server }, "127.0.0.53 is unreachable"),
            (LookupFailure::TcpFailed { server }, "127.0.0.53 gave no usable answer over TCP"),
            (timed_out(&["127.0.0.53:53", "[::1]:5353"], 2), "no answer from 127.0.0.53, [::1]:5353 in 2 attempts"),
            (timed_out(&["10.0.0.1:53"], 1), "no answer from 10.0.0.1 in 1 attempt"),
            (LookupFailure::TooManyCnames { server }, "more than 32 CNAMEs in a row (the last from 127.0.0.53)"),
        ];
        for (failure, words) in cases {
            assert_eq!(failure.to_string(), words);
        }
        let mut error = LookupError { failure: timed_out(&["10.0.0.1:53"], 1), dropped: Dropped::default() };
        error.dropped.add(DropReason::WrongServer);
        error.dropped.add(AnswerError::WrongQuestion.into());
        assert_eq!(
            error.to_string(),
            "no answer from 10.0.0.1 in 1 attempt; dropped 2 false answers, the last because it answered another \
             question"
        );
    }
}
