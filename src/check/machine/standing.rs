//! How a check stands: what whoever drives it may ask at any time, and what came of it in the end.
//!
//! Nothing here moves the machine.

use std::time::Duration;

use super::{Check, State, Try};
use crate::check::expect::Headers;
use crate::check::outcome::{Outcome, Reason};
use crate::check::target::Target;
use crate::proto::http::close_reason::CloseReason;
use crate::proto::http::date::retry_after;

impl Check {
    /// Which attempt this is.
    pub fn attempt(&self) -> Try {
        self.attempt
    }

    /// Wall time at the start of the attempt, since the Unix epoch.
    pub fn wall(&self) -> Duration {
        self.wall
    }

    /// Which of the check's exchanges it is on: another number once a redirect or a fresh connection has replaced the
    /// one before. What a connection says belongs to its own exchange, and is not told to the next.
    pub fn exchange(&self) -> u32 {
        self.exchange
    }

    /// Whether something of an answer has come.
    pub fn has_answer(&self) -> bool {
        self.state == State::ExpectBody
    }

    /// How many bytes of memory hold what is kept of an answer that is under way.
    pub fn kept_bytes(&self) -> usize {
        self.hop.kept_bytes()
    }

    /// Whether the connection of the exchange that is over can carry another request.
    ///
    /// # Errors
    /// Why the connection cannot carry another request.
    pub fn keeps(&self) -> Result<(), CloseReason> {
        self.hop.keeps
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Whether it is over and all was well, so that there is no reason to try again.
    pub fn has_passed(&self) -> bool {
        self.state == State::Ended(Reason::Ok)
    }

    /// What came of it.
    ///
    /// # Panics
    /// Before [`Action::Finish`](super::Action::Finish): there is no outcome yet.
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
        let State::Ended(reason) = self.state else { panic!("into_outcome before Finish") };
        let (detail, failed) = self.why.map(|why| (why.detail, why.failed)).unzip();
        Outcome {
            target: self.target,
            reason,
            detail,
            failed: failed.unwrap_or_default(),
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

    /// The target back, of a check that was begun and must wait for another turn.
    pub fn into_target(self) -> Target {
        self.target
    }
}
