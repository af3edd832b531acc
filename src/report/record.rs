//! One check's result as plain data: what every format is made of, be the check just over or its line of NDJSON years old.
//!
//! It borrows from whatever it is made of, so making one copies no text.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use crate::check::expect::Mismatch;
use crate::check::outcome::{Outcome, Phases, Reason, TlsSeen, Verdict};

/// What came of one check. Every text in it may come from a server or a file: it is escaped for where it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// The target as it was written, less a password.
    pub target: Cow<'a, str>,
    /// The name it was given.
    pub name: Option<Cow<'a, str>>,
    /// The labels it was given, in the order of their first mention.
    pub labels: Cow<'a, [(Box<str>, Box<str>)]>,
    /// Why the verdict is what it is.
    pub reason: Reason,
    /// The reason in plain words.
    pub detail: Option<Cow<'a, str>>,
    /// Which expectations did not hold.
    pub failed: Cow<'a, [Mismatch]>,
    /// The final response's status.
    pub status: Option<u16>,
    /// Whom it was connected to. A unix socket has none.
    pub address: Option<SocketAddr>,
    /// `"1.1"` or `"1.0"`.
    pub http_version: Option<&'static str>,
    /// How many bytes of body came.
    pub body_bytes: u64,
    /// How long each phase took, in whole microseconds.
    pub phases: Phases,
    /// What the TLS handshake showed.
    pub tls: Option<Cow<'a, TlsSeen>>,
    /// How many attempts there were. 0: it never began.
    pub attempts: u32,
    /// How many redirects were followed.
    pub redirects: u32,
    /// The connection was there before.
    pub reused: bool,
    /// Wall time at the start of the attempt that decided, since the Unix epoch.
    pub started: Duration,
    /// Something worth saying that changed nothing. Not in NDJSON.
    pub note: Option<&'a str>,
    /// The unix socket that it was connected to. Not in NDJSON, which has it in the target.
    pub socket: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// A record of nothing.
    #[cfg(feature = "reports")]
    pub(super) fn empty() -> Record<'a> {
        Record {
            target: "".into(),
            name: None,
            labels: Cow::Borrowed(&[]),
            reason: Reason::Ok,
            detail: None,
            failed: Cow::Borrowed(&[]),
            status: None,
            address: None,
            http_version: None,
            body_bytes: 0,
            phases: Phases::default(),
            tls: None,
            attempts: 0,
            redirects: 0,
            reused: false,
            started: Duration::ZERO,
            note: None,
            socket: None,
        }
    }

    /// The record of an outcome.
    pub fn of(outcome: &'a Outcome) -> Record<'a> {
        Record {
            target: outcome.target.shown().into(),
            name: outcome.target.name().map(Cow::Borrowed),
            labels: outcome.target.labels().into(),
            reason: outcome.reason,
            detail: outcome.detail.as_deref().map(Cow::Borrowed),
            failed: Cow::Borrowed(&outcome.failed),
            status: outcome.status,
            address: outcome.address,
            http_version: outcome.http_version,
            body_bytes: outcome.body_bytes,
            phases: outcome.phases,
            tls: outcome.tls.as_deref().map(Cow::Borrowed),
            attempts: outcome.attempts,
            redirects: outcome.redirects,
            reused: outcome.reused,
            started: outcome.started,
            note: outcome.note.as_deref(),
            // Nearly all have an address, and no socket.
            socket: match outcome.address {
                Some(_) => None,
                None => outcome.target.socket().map(|socket| &**socket),
            },
        }
    }

    /// What is said of the target.
    pub fn verdict(&self) -> Verdict {
        self.reason.verdict()
    }

    /// The attempt's time from its start. `None`: it never began.
    pub fn total(&self) -> Option<Duration> {
        (self.attempts > 0).then(|| self.phases.total().time())
    }

    /// What a list calls it: its name, or the target where it has none.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.target)
    }

    /// Whether HTTP was to be spoken, by the target as it was written.
    pub fn is_http(&self) -> bool {
        let scheme = self.target.split("://").next().unwrap_or_default();
        !scheme.eq_ignore_ascii_case("tcp") && !scheme.eq_ignore_ascii_case("tls")
    }
}
