//! Judging: one expectation against what a check saw.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use super::{Expectation, Headers, Match, Range, Seen, Subject, Test, ValueComparison, Watch, clip};
use crate::check::units::{push_listed, short_time};
use crate::proto::json;
use crate::proto::url::without_user;

/// How much of one value is shown in a mismatch, in characters.
const MAX_QUOTED: usize = 120;

/// How many fields of one header name a mismatch lists.
const MAX_LISTED: usize = 4;

impl Expectation {
    /// What came instead, when the expectation does not hold.
    pub(super) fn judge_subject(&self, seen: &Seen<'_>) -> Result<(), String> {
        const RESPONSE: &str = "there was no HTTP response";
        const TLS: &str = "there was no TLS handshake";
        match &self.subject {
            Subject::Status => self.judge_number(self.value(seen.status, RESPONSE)?),
            Subject::Body => {
                self.value(seen.has_body.then_some(()), RESPONSE)?;
                self.judge_body(seen)
            }
            Subject::BodyBytes => {
                self.value(seen.has_body.then_some(()), RESPONSE)?;
                self.judge_number(seen.body_bytes)
            }
            Subject::Header(name) => {
                self.value(seen.status, RESPONSE)?;
                self.judge_header(&seen.headers, name)
            }
            Subject::Json(path) => {
                self.value(seen.has_body.then_some(()), RESPONSE)?;
                self.judge_json(seen, path)
            }
            Subject::Length(of) => {
                self.value(seen.has_body.then_some(()), RESPONSE)?;
                self.judge_length(seen, of)
            }
            Subject::Redirects => self.judge_number(seen.redirects),
            Subject::HttpVersion => {
                let version = self.value(seen.http_version, RESPONSE)?;
                self.judge_value(&TestedValue::Word(version.as_bytes()))
            }
            Subject::Total => self.judge_value(&TestedValue::Time(seen.total)),
            Subject::Dns => self.judge_time(seen.dns, "no name was looked up"),
            Subject::Connect => self.judge_time(seen.connect, "no connection was made"),
            Subject::Tls => self.judge_time(seen.tls, TLS),
            Subject::Wait => self.judge_time(seen.wait, RESPONSE),
            Subject::CertDays => {
                let days = self.value(seen.cert_days, "there was no certificate")?;
                self.judge_number(days)
            }
            Subject::TlsVersion => {
                let version = self.value(seen.tls_version, TLS)?;
                self.judge_value(&TestedValue::Word(version.as_bytes()))
            }
            Subject::Address => {
                let address = self.value(seen.address, "there was no connection")?;
                self.judge_value(&TestedValue::Text(address.to_string().as_bytes()))
            }
        }
    }

    fn value<T>(&self, value: Option<T>, why_not: &str) -> Result<T, String> {
        value.ok_or_else(|| format!("{} has no value: {why_not}", self.subject))
    }

    fn judge_number(&self, number: impl fmt::Display) -> Result<(), String> {
        self.judge_value(&TestedValue::Number(&number.to_string()))
    }

    fn judge_time(&self, time: Option<Duration>, why_not: &str) -> Result<(), String> {
        self.judge_value(&TestedValue::Time(self.value(time, why_not)?))
    }

    fn judge_value(&self, value: &TestedValue<'_>) -> Result<(), String> {
        let subject = &self.subject;
        match self.test.passes(value) {
            Some(passes) if passes != self.negated => Ok(()),
            Some(_) => match (&self.test, value) {
                // Rounded, it would seem to be the limit itself.
                (Test::Time(_, limit), TestedValue::Time(time))
                    if time != limit && short_time(*time) == short_time(*limit) =>
                {
                    let micros = time.as_micros() as u64;
                    Err(format!("{subject} was {}.{:03} ms", micros / 1000, micros % 1000))
                }
                _ => Err(format!("{subject} was {value}")),
            },
            None => Err(format!("{subject} is {}, not {}", value.with_type(), self.test.wants())),
        }
    }

    /// A body that was cut may still decide the test. Where it cannot, the expectation does not hold.
    fn judge_body(&self, seen: &Seen<'_>) -> Result<(), String> {
        if let Some(watch) = seen.watch
            && let Test::Text(how, wanted) = &self.test
            && let Some(passes) = watch.passes(*how, wanted)
        {
            let (start, total) = watch.start();
            return if passes != self.negated { Ok(()) } else { Err(format!("body was {}", quote_of(start, total))) };
        }
        let passes = match &self.test {
            Test::Text(how, wanted) if !seen.body_whole => how.passes_cut(wanted, seen.body),
            _ => return self.judge_value(&TestedValue::Text(seen.body)),
        };
        let kept = seen.body.len();
        match passes {
            Some(passes) if passes != self.negated => Ok(()),
            Some(_) => Err(format!("body was {}", TestedValue::Text(seen.body))),
            None => Err(format!("body was cut: only its first {kept} bytes were kept")),
        }
    }

    /// Of several fields, those of another type than the test's count for nothing, unless all are.
    fn judge_header(&self, headers: &Headers<'_>, name: &str) -> Result<(), String> {
        let values: Vec<_> = headers.values(name).collect();
        let Some(first) = values.first() else {
            let is_well = self.negated && self.test == Test::Exists;
            return if is_well { Ok(()) } else { Err(format!("{} is missing", self.subject)) };
        };
        let judged = values.iter().filter_map(|value| self.test.passes(&TestedValue::Word(value)));
        match judged.reduce(|one, other| one || other) {
            None => self.judge_value(&TestedValue::Word(&shown(name, first))),
            Some(passes) if passes != self.negated => Ok(()),
            Some(_) => {
                let mut came = String::new();
                for value in values.iter().take(MAX_LISTED) {
                    push_listed(&mut came, " and ", &quote(&shown(name, value)));
                }
                Err(format!("{} was {came}", self.subject))
            }
        }
    }

    /// How many characters a text has, or how many values an array or object.
    fn judge_length(&self, seen: &Seen<'_>, of: &Subject) -> Result<(), String> {
        let characters = |text: &[u8]| String::from_utf8_lossy(text).chars().count();
        match of {
            Subject::Header(name) => {
                let values: Vec<_> = seen.headers.values(name).map(|value| characters(&value).to_string()).collect();
                let holds = |length: &String| self.test.passes(&TestedValue::Number(length)) == Some(!self.negated);
                match values.first() {
                    None => Err(format!("{of} is missing")),
                    Some(_) if values.iter().any(holds) => Ok(()),
                    Some(_) => {
                        let mut came = String::new();
                        for value in values.iter().take(MAX_LISTED) {
                            push_listed(&mut came, " and ", value);
                        }
                        Err(format!("{} was {came}", self.subject))
                    }
                }
            }
            Subject::Json(path) => self.with_json(seen, path, |found| match found {
                None => Err(format!("{of} is missing")),
                Some(json::JsonFound::String(text)) => self.judge_number(text.chars().count()),
                Some(json::JsonFound::Array(raw) | json::JsonFound::Object(raw)) => self.judge_number(json::count(raw)),
                Some(found) => {
                    Err(format!("{of} is {}, which has no length", TestedValue::from_json(found).with_type()))
                }
            }),
            _ => self.judge_number(seen.watch.map_or_else(|| characters(seen.body), Watch::characters)),
        }
    }

    fn judge_json(&self, seen: &Seen<'_>, path: &json::Path) -> Result<(), String> {
        self.with_json(seen, path, |found| match (found, &self.test) {
            (Some(_), Test::Exists) if self.negated => Err(format!("{} is there", self.subject)),
            (None, Test::Exists) if self.negated => Ok(()),
            (Some(found), _) => self.judge_value(&TestedValue::from_json(found)),
            (None, _) => Err(format!("{} is missing", self.subject)),
        })
    }

    fn with_json(
        &self,
        seen: &Seen<'_>,
        path: &json::Path,
        judge: impl FnOnce(Option<&json::JsonFound<'_>>) -> Result<(), String>,
    ) -> Result<(), String> {
        if !seen.body_whole {
            let kept = seen.body.len();
            return Err(format!("the body was cut: its first {kept} bytes cannot be read as JSON"));
        }
        let read;
        let document = match seen.document {
            Some(document) => document,
            None => {
                read = Document::read(seen.body, vec![path]);
                &read
            }
        };
        match document.at(path) {
            Ok(found) => judge(found),
            Err(error) => Err(format!("the body is not JSON ({error})")),
        }
    }
}

/// A body read as JSON, once for all that is to be looked at in it: a mebibyte takes milliseconds, in which everybody else
/// waits.
#[derive(Debug)]
pub struct Document<'a> {
    paths: Vec<&'a json::Path>,
    found: Result<Vec<Option<json::JsonFound<'a>>>, json::JsonError>,
}

impl<'a> Document<'a> {
    /// Reads a body for what stands at these paths.
    pub fn read(body: &'a [u8], paths: Vec<&'a json::Path>) -> Document<'a> {
        Document { found: json::find_all(body, &paths), paths }
    }

    /// What stands at one of the paths for which it was read.
    fn at(&self, path: &json::Path) -> Result<Option<&json::JsonFound<'a>>, &json::JsonError> {
        let found = self.found.as_ref()?;
        let index = self.paths.iter().position(|known| *known == path);
        Ok(index.and_then(|index| found.get(index)?.as_ref()))
    }
}

// --- Judging one value ---

/// A value as a test sees it.
enum TestedValue<'a> {
    Number(&'a str),
    Time(Duration),
    Text(&'a [u8]),
    /// Text that a number may be compared with, if it is one.
    Word(&'a [u8]),
    Bool(bool),
    Null,
    Array,
    Object,
}

impl Test {
    /// Whether it passes for this number, or word.
    pub(super) fn holds_for(&self, is_word: bool, value: &str) -> bool {
        let value = if is_word { TestedValue::Word(value.as_bytes()) } else { TestedValue::Number(value) };
        self.passes(&value) == Some(true)
    }

    /// Whether the value passes; `None` when it is of another type. Anything may be compared with `null`.
    fn passes(&self, value: &TestedValue<'_>) -> Option<bool> {
        match (self, value) {
            (Test::Number(comparison, with), value) => {
                let order = json::compare_numbers(value.number()?, with);
                Some(comparison.holds(order))
            }
            (Test::In(ranges), value) => Some(is_in(value.number()?, ranges)),
            (Test::Time(comparison, with), TestedValue::Time(time)) => Some(comparison.holds(time.cmp(with))),
            (Test::Text(how, with), TestedValue::Text(text) | TestedValue::Word(text)) => Some(how.passes(with, text)),
            (Test::Bool(with), TestedValue::Bool(value)) => Some(value == with),
            (Test::Null, value) => Some(matches!(value, TestedValue::Null)),
            (Test::Exists, _) => Some(true),
            _ => None,
        }
    }

    fn wants(&self) -> &'static str {
        match self {
            Test::Number(..) | Test::In(_) => "a number",
            Test::Time(..) => "a duration",
            Test::Text(..) => "a string",
            Test::Bool(_) => "true or false",
            Test::Null => "null",
            Test::Exists => "there",
        }
    }
}

impl ValueComparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            ValueComparison::Equal => order.is_eq(),
            ValueComparison::Less => order.is_lt(),
            ValueComparison::LessOrEqual => order.is_le(),
            ValueComparison::Greater => order.is_gt(),
            ValueComparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Match {
    pub(super) fn passes(self, wanted: &str, text: &[u8]) -> bool {
        match self {
            Match::Equal => text == wanted.as_bytes(),
            Match::Contains => contains(text, wanted),
            Match::Starts => text.starts_with(wanted.as_bytes()),
            Match::Ends => text.ends_with(wanted.as_bytes()),
            Match::Like => glob(wanted, &String::from_utf8_lossy(text)),
        }
    }

    /// The same when only the beginning of the text is known; `None` when that does not decide it.
    fn passes_cut(self, wanted: &str, kept: &[u8]) -> Option<bool> {
        let may_go_on = wanted.as_bytes().starts_with(kept);
        match self {
            Match::Contains if contains(kept, wanted) => Some(true),
            Match::Starts if kept.starts_with(wanted.as_bytes()) => Some(true),
            Match::Starts | Match::Equal if !may_go_on => Some(false),
            _ => None,
        }
    }
}

/// A search that is linear in both lengths. Only the parts of `text` that are UTF-8 are searched, which loses nothing:
/// `wanted` is UTF-8, and none of it can lie in a part that is not.
pub(super) fn contains(text: &[u8], wanted: &str) -> bool {
    wanted.is_empty() || text.utf8_chunks().any(|chunk| chunk.valid().contains(wanted))
}

/// Matches `text` against a pattern in which `*` stands for any characters, also none, and `?` for any one.
///
/// Only the last `*` is ever retried, since whatever the earlier ones matched leaves the most text to it: the cost is
/// bounded by the product of the lengths, and no pattern makes it exponential.
fn glob(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry = None;
    loop {
        let before = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), before.clone()));
                text = before;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(c)) if wanted == c => {}
            (Some(_), None) => return false,
            (_, Some(_)) => {
                let Some((after_star, from)) = &mut retry else {
                    return false;
                };
                from.next();
                pattern = after_star.clone();
                text = from.clone();
            }
        }
    }
}

/// Whether a set holds a number: one of its plain ranges does (or it has none), and none of the excluded ones does.
fn is_in(number: &str, ranges: &[Range]) -> bool {
    let within = |excluded: bool| {
        let mut ranges = ranges.iter().filter(move |range| range.excluded == excluded);
        ranges.any(|range| range.holds(number))
    };
    let all_but = ranges.iter().all(|range| range.excluded);
    (all_but || within(false)) && !within(true)
}

impl Range {
    fn holds(&self, number: &str) -> bool {
        json::compare_numbers(number, &self.low).is_ge() && json::compare_numbers(number, &self.high).is_le()
    }
}

impl<'a> TestedValue<'a> {
    fn from_json(found: &'a json::JsonFound<'a>) -> TestedValue<'a> {
        match found {
            json::JsonFound::Number(raw) => TestedValue::Number(raw),
            json::JsonFound::String(text) => TestedValue::Text(text.as_bytes()),
            json::JsonFound::Bool(value) => TestedValue::Bool(*value),
            json::JsonFound::Null => TestedValue::Null,
            json::JsonFound::Array(_) => TestedValue::Array,
            json::JsonFound::Object(_) => TestedValue::Object,
        }
    }

    fn number(&self) -> Option<&'a str> {
        match self {
            TestedValue::Number(text) => Some(text),
            TestedValue::Word(bytes) => std::str::from_utf8(bytes).ok().filter(|text| json::is_number(text)),
            _ => None,
        }
    }

    /// The value with its type before it, where the value alone does not tell.
    fn with_type(&self) -> String {
        match self {
            TestedValue::Number(_) => format!("the number {self}"),
            TestedValue::Text(_) | TestedValue::Word(_) => format!("the string {self}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for TestedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestedValue::Number(text) => f.write_str(&clip(text, MAX_QUOTED)),
            TestedValue::Time(time) => f.write_str(&short_time(*time)),
            TestedValue::Text(bytes) | TestedValue::Word(bytes) => f.write_str(&quote(bytes)),
            TestedValue::Bool(value) => write!(f, "{value}"),
            TestedValue::Null => f.write_str("null"),
            TestedValue::Array => f.write_str("an array"),
            TestedValue::Object => f.write_str("an object"),
        }
    }
}

/// A field's value as it may be shown: a URL in it loses its user and password.
fn shown<'a>(name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
    match ["location", "content-location"].iter().any(|one| name.eq_ignore_ascii_case(one)) {
        true => without_user(value),
        false => Cow::Borrowed(value),
    }
}

/// At most 120 characters of a peer's text, in quotes, with control characters escaped. Whatever a peer says goes through
/// here into a detail.
pub fn quote(bytes: &[u8]) -> String {
    quote_of(bytes, bytes.len())
}

/// The same of a text of which this is the beginning.
fn quote_of(bytes: &[u8], total: usize) -> String {
    // A character has at most four bytes; and one more, so that a cut text is seen to be cut.
    let start = bytes.get(..MAX_QUOTED * 4 + 4).unwrap_or(bytes);
    let text = String::from_utf8_lossy(start);
    let mut out = String::from("\"");
    for c in text.chars().take(MAX_QUOTED) {
        match c {
            '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out.push('"');
    if text.chars().nth(MAX_QUOTED).is_some() {
        out += &format!("... ({total} bytes)");
    }
    out
}

#[cfg(test)]
mod tests;
