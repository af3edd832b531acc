//! What came of a check: a verdict, the reason for it from a closed list, and what was seen on the way.
//!
//! A reason is data and an ordinary value: that a target failed is no error of this program. Reports, exit codes and
//! tests share this one list.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZero;
use std::ops::Add;
use std::time::Duration;

use super::expect::{Mismatch, Subject};
use super::target::Target;

/// What is said of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Every expectation held.
    Up,
    /// Up, but a warning did not hold, or it passed only after a retry.
    Degraded,
    /// The target failed; the reason says how.
    Down,
    /// This program could not tell; the target is not blamed.
    Unknown,
}

impl Verdict {
    /// All of them, best first.
    pub const ALL: [Verdict; 4] = [Verdict::Up, Verdict::Degraded, Verdict::Down, Verdict::Unknown];

    /// The word in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Up => "up",
            Verdict::Degraded => "degraded",
            Verdict::Down => "down",
            Verdict::Unknown => "unknown",
        }
    }

    /// Whether this counts as healthy for the exit status.
    pub fn is_healthy(self) -> bool {
        matches!(self, Verdict::Up | Verdict::Degraded)
    }
}

/// Defines the closed list once: variant, word, verdict, explanation.
macro_rules! reasons {
    ($($variant:ident $word:literal $verdict:ident $explanation:literal;)*) => {
        /// Why a verdict is what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $explanation] $variant,)*
        }

        impl Reason {
            /// The whole list, in the order of a check's life.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),*];

            /// The word in every output.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $word),* }
            }

            /// The verdict that follows from it.
            pub fn verdict(self) -> Verdict {
                match self { $(Reason::$variant => Verdict::$verdict),* }
            }

            /// One sentence for a person.
            pub fn explain(self) -> &'static str {
                match self { $(Reason::$variant => $explanation),* }
            }
        }
    };
}

reasons! {
    Ok "ok" Up "everything that was expected held";
    Warn "warn" Degraded "up, but a warning did not hold";
    Retried "retried" Degraded "up, but only after a retry";
    DnsNotFound "dns_not_found" Down "the name does not exist, or has no address";
    DnsFailed "dns_failed" Down "the name servers could not say";
    DnsTimeout "dns_timeout" Down "no answer from the name servers within the time";
    ConnectRefused "connect_refused" Down "nothing listens on that port";
    ConnectUnreachable "connect_unreachable" Down "there is no way to that address";
    ConnectTimeout "connect_timeout" Down "no connection within the time";
    TlsUntrusted "tls_untrusted" Down "nobody trusted vouches for the certificate";
    TlsExpired "tls_expired" Down "the certificate has ended, or has not begun";
    TlsName "tls_name" Down "the certificate is for other names";
    TlsFailed "tls_failed" Down "the TLS handshake failed";
    TlsTimeout "tls_timeout" Down "connected, but no TLS within the time";
    ResponseTimeout "response_timeout" Down "connected, but no whole response within the time";
    Closed "closed" Down "the connection ended before a whole response";
    Reset "reset" Down "the server reset the connection";
    Malformed "malformed" Down "the answer is not HTTP/1.x";
    TooLarge "too_large" Down "the answer passed a limit on its size";
    Redirect "redirect" Down "a redirect that cannot or must not be followed";
    Status "status" Down "another status than expected";
    Header "header" Down "a header was not as expected";
    Body "body" Down "the body was not as expected";
    Json "json" Down "the JSON was not as expected";
    Latency "latency" Down "slower than expected";
    Cert "cert" Down "the certificate was not as expected";
    Expect "expect" Down "something else was not as expected";
    Deadline "deadline" Unknown "the whole run's time was over";
    Interrupted "interrupted" Unknown "the run was interrupted";
    LocalFds "local_fds" Unknown "this program ran out of file descriptors";
    LocalPorts "local_ports" Unknown "this machine ran out of local ports";
    LocalError "local_error" Unknown "something on this machine failed";
    Unsupported "unsupported" Unknown "this program lacks what the target asks for";
}

impl Reason {
    /// The reason for an expectation on this subject that did not hold.
    pub fn of(subject: &Subject) -> Reason {
        match subject.of() {
            Subject::Status => Reason::Status,
            Subject::Header(_) => Reason::Header,
            Subject::Body | Subject::BodyBytes => Reason::Body,
            Subject::Json(_) => Reason::Json,
            Subject::Total | Subject::Dns | Subject::Connect | Subject::Tls | Subject::Wait => Reason::Latency,
            Subject::CertDays => Reason::Cert,
            Subject::Redirects | Subject::HttpVersion | Subject::TlsVersion | Subject::Address => Reason::Expect,
            // `of` leads through it.
            Subject::Length(_) => Reason::Expect,
        }
    }

    /// Whether it says something of a whole answer: it was good, or it was judged.
    pub fn is_of_an_answer(self) -> bool {
        matches!(
            self,
            Reason::Ok
                | Reason::Warn
                | Reason::Retried
                | Reason::Redirect
                | Reason::Status
                | Reason::Header
                | Reason::Body
                | Reason::Json
                | Reason::Latency
                | Reason::Cert
                | Reason::Expect
        )
    }

    /// Whether another attempt could end otherwise by itself. A certificate does not mend itself within a second, and
    /// who speaks another protocol will do so again.
    pub fn is_worth_a_retry(self) -> bool {
        self.verdict() == Verdict::Down
            && !matches!(
                self,
                Reason::TlsUntrusted
                    | Reason::TlsExpired
                    | Reason::TlsName
                    | Reason::Malformed
                    | Reason::TooLarge
                    | Reason::Redirect
                    | Reason::Cert
            )
    }
}

/// A reason with its detail in plain words: what was expected and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// From the closed list.
    pub reason: Reason,
    /// For a person. May hold what a server sent: escape it for where it is shown.
    pub detail: Box<str>,
}

impl Failure {
    /// Puts the two together.
    pub fn new(reason: Reason, detail: impl Into<Box<str>>) -> Failure {
        Failure { reason, detail: detail.into() }
    }
}

/// A time in whole microseconds: so times are told, and so they are counted, that what is told adds up.
///
/// What is kept is one more, which is never 0: then an `Option` of it takes no more room, of which each check under way
/// has five.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(NonZero<u64>);

impl Micros {
    /// No time.
    pub const ZERO: Micros = Micros(NonZero::<u64>::MIN);

    /// As much of a time as is whole microseconds.
    pub const fn of(time: Duration) -> Micros {
        let micros = time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros() as u64);
        Micros::ZERO.after(micros)
    }

    /// How many they are.
    pub const fn count(self) -> u64 {
        self.0.get() - 1
    }

    /// The time that they are.
    pub const fn time(self) -> Duration {
        Duration::from_micros(self.count())
    }

    /// So many microseconds more.
    const fn after(self, micros: u64) -> Micros {
        Micros(self.0.saturating_add(micros))
    }
}

impl Add for Micros {
    type Output = Micros;

    fn add(self, other: Micros) -> Micros {
        self.after(other.count())
    }
}

impl Default for Micros {
    fn default() -> Micros {
        Micros::ZERO
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.time().fmt(f)
    }
}

/// How long each phase of the attempt took. `None`: it did not happen. They add up to the total, which leaves the queue
/// out.
///
/// A phase ends with the time at which the loop saw its end and starts with a fresh reading, so what this program did
/// for others in between is in nobody's phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Waiting for its turn, before the attempt.
    pub queue: Micros,
    /// Looking the name up.
    pub dns: Option<Micros>,
    /// Until the TCP connection stood.
    pub connect: Option<Micros>,
    /// The TLS handshake.
    pub tls: Option<Micros>,
    /// From the request sent to the answer's first byte.
    pub wait: Option<Micros>,
    /// From the first byte to the last.
    pub body: Option<Micros>,
}

impl Phases {
    /// All but the queue, in their order, with the names that they have in every output.
    pub fn named(&self) -> [(&'static str, Option<Duration>); 5] {
        let &Phases { dns, connect, tls, wait, body, .. } = self;
        [("dns", dns), ("connect", connect), ("tls", tls), ("wait", wait), ("body", body)]
            .map(|(name, phase)| (name, phase.map(Micros::time)))
    }

    /// The attempt's time from its start.
    pub fn total(&self) -> Micros {
        let phases = [self.dns, self.connect, self.tls, self.wait, self.body];
        phases.into_iter().flatten().fold(Micros::ZERO, Micros::add)
    }
}

/// What the TLS handshake showed, as far as it came. It survives a failure: that is when it is wanted most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSeen {
    /// `"1.3"` or `"1.2"`.
    pub version: Option<&'static str>,
    /// The cipher suite by its IANA name.
    pub cipher: Option<Box<str>>,
    /// What the server's own certificate says, where it could be read.
    pub certificate: Option<CertificateSeen>,
    /// An earlier session was resumed.
    pub resumed: bool,
}

/// What a certificate says of itself. Everything in it comes from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSeen {
    /// The name of whom it was issued to.
    pub subject: Box<str>,
    /// Who vouches for it.
    pub issuer: Box<str>,
    /// The names and addresses that it is for.
    pub names: Vec<Box<str>>,
    /// The first second of its validity, Unix time.
    pub not_before: i64,
    /// The last second of its validity, Unix time.
    pub not_after: i64,
    /// SHA-256 of the whole.
    pub fingerprint: [u8; 32],
}

impl CertificateSeen {
    /// Whole days from `wall`, since the Unix epoch, to its end; negative when that has passed.
    pub fn days_left(&self, wall: Duration) -> i64 {
        (self.not_after - wall.as_secs() as i64).div_euclid(86400)
    }
}

/// Everything that is known of one finished check.
#[derive(Debug)]
pub struct Outcome {
    /// What was checked.
    pub target: Target,
    /// Why the verdict is what it is.
    pub reason: Reason,
    /// In plain words, where not simply up.
    pub detail: Option<Box<str>>,
    /// What else was worth noting, for those who want more than the verdict.
    pub note: Option<Box<str>>,
    /// Every expectation and warning that did not hold.
    pub failed: Vec<Mismatch>,
    /// The final response's status.
    pub status: Option<u16>,
    /// The address that was connected to: the host's, or the proxy's. A unix socket has none.
    pub address: Option<SocketAddr>,
    /// `"1.1"` or `"1.0"`.
    pub http_version: Option<&'static str>,
    /// How many bytes of body came.
    pub body_bytes: u64,
    /// Where the time went.
    pub phases: Phases,
    /// What the TLS handshake showed.
    pub tls: Option<Box<TlsSeen>>,
    /// How many attempts were made; 0 when it never started.
    pub attempts: u32,
    /// How many redirects were followed.
    pub redirects: u32,
    /// The final request went over a connection that was there before.
    pub reused: bool,
    /// How long the server asked us to stay away.
    pub retry_after: Option<Duration>,
    /// When the attempt that decided started: wall time since the Unix epoch.
    pub started: Duration,
}

impl Outcome {
    /// The verdict, which follows from the reason.
    pub fn verdict(&self) -> Verdict {
        self.reason.verdict()
    }

    /// The outcome of a target whose check never started. `now` is wall time since the Unix epoch.
    pub fn not_started(target: Target, failure: Failure, queue: Duration, now: Duration) -> Outcome {
        Outcome {
            target,
            reason: failure.reason,
            detail: Some(failure.detail),
            note: None,
            failed: Vec::new(),
            status: None,
            address: None,
            http_version: None,
            body_bytes: 0,
            phases: Phases { queue: Micros::of(queue), ..Phases::default() },
            tls: None,
            attempts: 0,
            redirects: 0,
            reused: false,
            retry_after: None,
            started: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_distinct_and_snake_case() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }

    #[test]
    fn the_phases_add_up() {
        let ms = |ms| Micros::of(Duration::from_millis(ms));
        let phases =
            Phases { queue: ms(9), connect: Some(ms(1)), wait: Some(ms(200)), body: Some(ms(3)), ..Phases::default() };
        assert_eq!(phases.total(), ms(204));
        assert_eq!(Phases::default().total(), Micros::ZERO);
    }

    #[test]
    fn microseconds_are_whole_and_never_too_many_to_count() {
        let micros = |nanos| Micros::of(Duration::from_nanos(nanos));
        assert_eq!([0, 999, 1_000, 1_001_999].map(|nanos| micros(nanos).count()), [0, 0, 1, 1_001]);
        assert_eq!(micros(1_001_999).time(), Duration::from_micros(1_001));
        let longest = Micros::of(Duration::MAX);
        assert_eq!((longest + longest, longest.count()), (longest, u64::MAX - 1));
        assert_eq!(size_of::<Option<Micros>>(), size_of::<u64>());
    }
}
