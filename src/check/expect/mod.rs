//! The expectation language: `status == 200`, `json.status == "ok"`, `total < 300ms`. Parsed once, judged on each
//! outcome.
//!
//! ```text
//! EXPR     = SUBJECT OPERATOR VALUE
//! OPERATOR = == | != | < | <= | > | >= | [not] in | [not] contains | [not] starts | [not] ends | [not] like
//!          | exists | absent                                          without a VALUE
//! ```
//!
//! Types are settled while parsing: what is left to go wrong when judging is the peer's doing, and is said in words.
//! This module knows neither verdicts nor reasons, and reads no clock and no socket: all that a check saw is a
//! [`Seen`].
//!
//! Rules that hold for every subject:
//!
//! - An expectation is about a value. Where there is none (a header that did not come, a TLS version on plain HTTP) it
//!   does not hold, whichever operator it has, but for `absent`.
//! - `!=` and `not` are the exact opposites of `==` and of the bare operator, wherever there is a value of the right
//!   type.
//! - Text is compared byte by byte, case matters. Header names are the exception: their case does not matter.
//! - Of several header fields with one name, one that fits is enough; for `!=` and `not`, none may fit.

mod judge;
mod parse;
mod stream;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::proto::json;

pub use judge::{Document, quote};
pub use parse::{MAX_EXPRESSION, MAX_PATTERN, ParseError};
pub use stream::Watch;

/// How long [`Mismatch::got`] may be, in characters.
pub const MAX_GOT: usize = 200;

/// One expectation, ready to be judged any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    text: String,
    subject: Subject,
    /// Whether the test must fail for the expectation to hold: `!=`, or `not` before the operator.
    negated: bool,
    test: Test,
}

/// What an expectation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The status code of the response.
    Status,
    /// The body of the response, as bytes.
    Body,
    /// The size of the body, in bytes.
    BodyBytes,
    /// The value of the header field of this name.
    Header(String),
    /// The value at this path of a JSON body.
    Json(json::Path),
    /// How many redirects were followed.
    Redirects,
    /// The version in the status line, such as `1.1`.
    HttpVersion,
    /// The time of the whole attempt.
    Total,
    /// The time of the name lookup.
    Dns,
    /// The time of the TCP connect.
    Connect,
    /// The time of the TLS handshake.
    Tls,
    /// The time from the request to the first byte of the response.
    Wait,
    /// How many days the peer's certificate is still valid; negative when it has expired.
    CertDays,
    /// The version of TLS, such as `1.3`.
    TlsVersion,
    /// The peer, as `IP:PORT`.
    Address,
    /// How many characters a text has, or how many values a JSON array or object.
    Length(Box<Subject>),
}

impl Subject {
    /// What it is of: itself, unless it is a length.
    pub fn of(&self) -> &Subject {
        match self {
            Subject::Length(of) => of,
            itself => itself,
        }
    }
}

/// All that a check saw, as far as an expectation may ask for it. `None` means that there was no such thing.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The status code; `None` when there was no HTTP response. Then headers and HTTP version are not looked at.
    pub status: Option<u16>,
    /// Whether there is a body to look at.
    pub has_body: bool,
    /// The version in the status line, such as `1.1`.
    pub http_version: Option<&'a str>,
    /// The head of the response.
    pub headers: Headers<'a>,
    /// The body, or its kept beginning.
    pub body: &'a [u8],
    /// The body as it came, where it was judged meanwhile and not kept.
    pub watch: Option<&'a Watch>,
    /// The body read as JSON for all paths that expectations name. `None`: each reads it for itself.
    pub document: Option<&'a Document<'a>>,
    /// Whether `body` is the whole body; `false` when only a bounded part was kept.
    pub body_whole: bool,
    /// How many bytes the body had, kept or not.
    pub body_bytes: u64,
    /// How many redirects were followed.
    pub redirects: u32,
    /// The time of the whole attempt.
    pub total: Duration,
    /// The time of the name lookup.
    pub dns: Option<Duration>,
    /// The time of the TCP connect.
    pub connect: Option<Duration>,
    /// The time of the TLS handshake.
    pub tls: Option<Duration>,
    /// The time from the request to the first byte of the response.
    pub wait: Option<Duration>,
    /// How many days the peer's certificate is still valid.
    pub cert_days: Option<i64>,
    /// The version of TLS, such as `1.3`.
    pub tls_version: Option<&'a str>,
    /// The address that it was connected to.
    pub address: Option<SocketAddr>,
}

/// The head of a response as it came, from the status line to the blank line; empty when there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a>(&'a [u8]);

/// An expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The expectation, as written.
    pub expected: String,
    /// What came instead, in plain words: `status was 503`. At most [`MAX_GOT`] characters. Control
    /// characters of the peer's are escaped.
    pub got: String,
}

/// What is compared with the value. Numbers are kept as decimal text, so that none loses a digit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Number(ValueComparison, String),
    In(Vec<Range>),
    Time(ValueComparison, Duration),
    Text(Match, Rc<str>),
    Bool(bool),
    Null,
    /// There is a value; negated, there is none.
    Exists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueComparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Equal,
    Contains,
    Starts,
    Ends,
    Like,
}

/// A member of a set: the whole numbers from `low` to `high`, or (`!`) everything but them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    excluded: bool,
    low: String,
    high: String,
}

impl Expectation {
    /// Shows it as this text from now on. What it means stays.
    pub fn show_as(&mut self, text: &str) {
        text.clone_into(&mut self.text);
    }

    /// Parses one expectation.
    ///
    /// # Errors
    /// A [`ParseError`] for a text that does not follow the grammar, and for an operator or a value that does not go
    /// with the subject.
    pub fn parse(text: &str) -> Result<Expectation, ParseError> {
        parse::expectation(text)
    }

    /// What the expectation is about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The expectation as it was written, without spaces around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether [`Seen::body`] must be kept to judge it. The body's size alone does not need the body.
    pub fn needs_body(&self) -> bool {
        matches!(self.subject.of(), Subject::Body | Subject::Json(_))
    }

    /// Whether it is about something in a JSON body, which must be kept whole to be read.
    pub fn needs_json(&self) -> bool {
        matches!(self.subject.of(), Subject::Json(_))
    }

    /// Whether it is about the body, or the size of it.
    pub fn is_of_the_body(&self) -> bool {
        self.needs_body() || self.subject == Subject::BodyBytes
    }

    /// Whether [`Seen::headers`] must be kept to judge it.
    pub fn needs_headers(&self) -> bool {
        matches!(self.subject.of(), Subject::Header(_))
    }

    /// Judges what a check saw.
    ///
    /// # Errors
    /// A [`Mismatch`] when the expectation does not hold: this is the peer's failure, told in words.
    pub fn judge(&self, seen: &Seen<'_>) -> Result<(), Mismatch> {
        self.judge_subject(seen).map_err(|got| Mismatch { expected: self.text.clone(), got: clip(&got, MAX_GOT) })
    }
}

impl fmt::Display for Subject {
    /// The subject as it is written in an expectation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Subject::Status => "status",
            Subject::Body => "body",
            Subject::BodyBytes => "body.bytes",
            Subject::Header(name) => return write!(f, "header.{name}"),
            Subject::Json(path) => return write!(f, "json{path}"),
            Subject::Redirects => "redirects",
            Subject::HttpVersion => "http.version",
            Subject::Total => "total",
            Subject::Dns => "dns",
            Subject::Connect => "connect",
            Subject::Tls => "tls",
            Subject::Wait => "wait",
            Subject::CertDays => "cert.days",
            Subject::TlsVersion => "tls.version",
            Subject::Address => "address",
            Subject::Length(of) => return write!(f, "length({of})"),
        };
        f.write_str(name)
    }
}

impl<'a> Headers<'a> {
    /// Wraps the bytes of a response head: status line, fields, blank line.
    pub fn new(head: &'a [u8]) -> Headers<'a> {
        Headers(head)
    }

    /// The values of all fields called `name` (case does not matter), in the order they came, without the white space
    /// around them. One that is folded over several lines is joined with spaces (RFC 9112, 5.2).
    pub fn values(&self, name: &str) -> impl Iterator<Item = Cow<'a, [u8]>> {
        let behind_status_line = self.0.iter().position(|b| *b == b'\n').map_or(self.0.len(), |at| at + 1);
        let mut rest = &self.0[behind_status_line..];
        let fields = std::iter::from_fn(move || {
            let field;
            (field, rest) = rest.split_at(field_length(rest));
            (!field.trim_ascii().is_empty()).then_some(field)
        });
        fields.filter_map(move |field| {
            let (found, value) = field.split_at(field.iter().position(|b| *b == b':')?);
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| unfolded(&value[1..]))
        })
    }
}

/// How long the field at the start of a head is, with the lines that go on with it.
fn field_length(head: &[u8]) -> usize {
    let mut ends = head.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
    let goes_on = |end: usize| matches!(head.get(end), Some(b' ' | b'\t'));
    ends.find(|end| !goes_on(*end)).unwrap_or(head.len())
}

fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if !value.contains(&b'\n') {
        return Cow::Borrowed(value);
    }
    let lines: Vec<&[u8]> = value.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).collect();
    Cow::Owned(lines.join(&b' '))
}

/// At most `limit` characters of a text; a cut one ends in dots.
pub fn clip(text: &str, limit: usize) -> String {
    const DOTS: &str = "...";
    if text.chars().nth(limit).is_none() {
        return text.into();
    }
    let kept = text.chars().take(limit.saturating_sub(DOTS.len()));
    kept.chain(DOTS.chars()).collect()
}
