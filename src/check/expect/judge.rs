//! Judging: one expectation against what a check saw.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use super::{Comparison, Expectation, Headers, Match, Range, Seen, Subject, Test, Watch, clip};
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
                self.judge_value(&Value::Word(version.as_bytes()))
            }
            Subject::Total => self.judge_value(&Value::Time(seen.total)),
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
                self.judge_value(&Value::Word(version.as_bytes()))
            }
            Subject::Address => {
                let address = self.value(seen.address, "there was no connection")?;
                self.judge_value(&Value::Text(address.to_string().as_bytes()))
            }
        }
    }

    fn value<T>(&self, value: Option<T>, why_not: &str) -> Result<T, String> {
        value.ok_or_else(|| format!("{} has no value: {why_not}", self.subject))
    }

    fn judge_number(&self, number: impl fmt::Display) -> Result<(), String> {
        self.judge_value(&Value::Number(&number.to_string()))
    }

    fn judge_time(&self, time: Option<Duration>, why_not: &str) -> Result<(), String> {
        self.judge_value(&Value::Time(self.value(time, why_not)?))
    }

    fn judge_value(&self, value: &Value<'_>) -> Result<(), String> {
        let subject = &self.subject;
        match self.test.passes(value) {
            Some(passes) if passes != self.negated => Ok(()),
            Some(_) => Err(format!("{subject} was {value}")),
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
            _ => return self.judge_value(&Value::Text(seen.body)),
        };
        let kept = seen.body.len();
        match passes {
            Some(passes) if passes != self.negated => Ok(()),
            Some(_) => Err(format!("body was {}", Value::Text(seen.body))),
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
        let judged = values.iter().filter_map(|value| self.test.passes(&Value::Word(value)));
        match judged.reduce(|one, other| one || other) {
            None => self.judge_value(&Value::Word(&shown(name, first))),
            Some(passes) if passes != self.negated => Ok(()),
            Some(_) => {
                let of_name = values.iter().take(MAX_LISTED);
                let shown: Vec<String> = of_name.map(|value| quote(&shown(name, value))).collect();
                Err(format!("{} was {}", self.subject, shown.join(" and ")))
            }
        }
    }

    /// How many characters a text has, or how many values an array or object.
    fn judge_length(&self, seen: &Seen<'_>, of: &Subject) -> Result<(), String> {
        let characters = |text: &[u8]| String::from_utf8_lossy(text).chars().count();
        match of {
            Subject::Header(name) => {
                let values: Vec<_> = seen.headers.values(name).map(|value| characters(&value).to_string()).collect();
                let holds = |length: &String| self.test.passes(&Value::Number(length)) == Some(!self.negated);
                match values.first() {
                    None => Err(format!("{of} is missing")),
                    Some(_) if values.iter().any(holds) => Ok(()),
                    Some(_) => {
                        Err(format!("{} was {}", self.subject, values[..values.len().min(MAX_LISTED)].join(" and ")))
                    }
                }
            }
            Subject::Json(path) => self.with_json(seen, path, |found| match found {
                None => Err(format!("{of} is missing")),
                Some(json::Found::String(text)) => self.judge_number(text.chars().count()),
                Some(json::Found::Array(raw) | json::Found::Object(raw)) => self.judge_number(json::count(raw)),
                Some(found) => Err(format!("{of} is {}, which has no length", Value::from_json(found).with_type())),
            }),
            _ => self.judge_number(seen.watch.map_or_else(|| characters(seen.body), Watch::characters)),
        }
    }

    fn judge_json(&self, seen: &Seen<'_>, path: &json::Path) -> Result<(), String> {
        self.with_json(seen, path, |found| match (found, &self.test) {
            (Some(_), Test::Exists) if self.negated => Err(format!("{} is there", self.subject)),
            (None, Test::Exists) if self.negated => Ok(()),
            (Some(found), _) => self.judge_value(&Value::from_json(found)),
            (None, _) => Err(format!("{} is missing", self.subject)),
        })
    }

    fn with_json(
        &self,
        seen: &Seen<'_>,
        path: &json::Path,
        judge: impl FnOnce(Option<&json::Found<'_>>) -> Result<(), String>,
    ) -> Result<(), String> {
        if !seen.body_whole {
            let kept = seen.body.len();
            return Err(format!("the body was cut: its first {kept} bytes cannot be read as JSON"));
        }
        let read;
        let document = match seen.document {
            Some(document) => document,
            None => {
                read = Document::read(seen.body, [path]);
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
    found: Result<Vec<Option<json::Found<'a>>>, json::JsonError>,
}

impl<'a> Document<'a> {
    /// Reads a body for what stands at these paths.
    pub fn read(body: &'a [u8], paths: impl IntoIterator<Item = &'a json::Path>) -> Document<'a> {
        let paths: Vec<_> = paths.into_iter().collect();
        Document { found: json::find_all(body, paths.iter().copied()), paths }
    }

    /// What stands at one of the paths for which it was read.
    fn at(&self, path: &json::Path) -> Result<Option<&json::Found<'a>>, &json::JsonError> {
        let found = self.found.as_ref()?;
        let index = self.paths.iter().position(|known| *known == path);
        Ok(index.and_then(|index| found.get(index)?.as_ref()))
    }
}

// --- Judging one value ---

/// A value as a test sees it.
enum Value<'a> {
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
        let value = if is_word { Value::Word(value.as_bytes()) } else { Value::Number(value) };
        self.passes(&value) == Some(true)
    }

    /// Whether the value passes; `None` when it is of another type. Anything may be compared with `null`.
    fn passes(&self, value: &Value<'_>) -> Option<bool> {
        match (self, value) {
            (Test::Number(comparison, with), value) => {
                let order = json::compare_numbers(value.number()?, with);
                Some(comparison.holds(order))
            }
            (Test::In(ranges), value) => Some(is_in(value.number()?, ranges)),
            (Test::Time(comparison, with), Value::Time(time)) => Some(comparison.holds(time.cmp(with))),
            (Test::Text(how, with), Value::Text(text) | Value::Word(text)) => Some(how.passes(with, text)),
            (Test::Bool(with), Value::Bool(value)) => Some(value == with),
            (Test::Null, value) => Some(matches!(value, Value::Null)),
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

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
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

impl<'a> Value<'a> {
    fn from_json(found: &'a json::Found<'a>) -> Value<'a> {
        match found {
            json::Found::Number(raw) => Value::Number(raw),
            json::Found::String(text) => Value::Text(text.as_bytes()),
            json::Found::Bool(value) => Value::Bool(*value),
            json::Found::Null => Value::Null,
            json::Found::Array(_) => Value::Array,
            json::Found::Object(_) => Value::Object,
        }
    }

    fn number(&self) -> Option<&'a str> {
        match self {
            Value::Number(text) => Some(text),
            Value::Word(bytes) => std::str::from_utf8(bytes).ok().filter(|text| json::is_number(text)),
            _ => None,
        }
    }

    /// The value with its type before it, where the value alone does not tell.
    fn with_type(&self) -> String {
        match self {
            Value::Number(_) => format!("the number {self}"),
            Value::Text(_) | Value::Word(_) => format!("the string {self}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(text) => f.write_str(&clip(text, MAX_QUOTED)),
            // As an expectation would have it: `663us`, not `663µs`.
            Value::Time(time) => f.write_str(&format!("{:?}", whole_microseconds(*time)).replace('µ', "u")),
            Value::Text(bytes) | Value::Word(bytes) => f.write_str(&quote(bytes)),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Null => f.write_str("null"),
            Value::Array => f.write_str("an array"),
            Value::Object => f.write_str("an object"),
        }
    }
}

/// Microseconds are plenty to see on which side of a limit a time was.
fn whole_microseconds(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_micros() * 1000)
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
mod tests {
    use super::super::MAX_GOT;
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type:  text/html; charset=utf-8 \r\nAge: 300\r\n\
        Set-Cookie: a=1\r\nset-cookie: b=2\r\nX-Odd: \xff\x1b[31m\r\nX-Mixed: soon\r\nX-Mixed: 7\r\nX-Empty:\r\n\
        no colon\r\n\r\nX-Behind: 1\r\n";

    fn seen(body: &[u8]) -> Seen<'_> {
        Seen {
            has_body: true,
            status: Some(200),
            http_version: Some("1.1"),
            headers: Headers::new(HEAD),
            body,
            watch: None,
            document: None,
            body_whole: true,
            body_bytes: body.len() as u64,
            redirects: 2,
            total: Duration::from_micros(312_457),
            dns: Some(Duration::from_millis(1)),
            connect: Some(Duration::from_millis(20)),
            tls: Some(Duration::from_millis(300)),
            wait: Some(Duration::from_secs(4)),
            cert_days: Some(-3),
            tls_version: Some("1.3"),
            address: Some("127.0.0.1:8000".parse().unwrap()),
        }
    }

    /// What a check of `tcp://` saw.
    fn seen_nothing() -> Seen<'static> {
        Seen {
            has_body: false,
            status: None,
            http_version: None,
            headers: Headers::default(),
            body: b"",
            watch: None,
            document: None,
            body_whole: true,
            body_bytes: 0,
            redirects: 0,
            total: Duration::from_millis(5),
            dns: None,
            connect: None,
            tls: None,
            wait: None,
            cert_days: None,
            tls_version: None,
            address: None,
        }
    }

    fn judge(text: &str, seen: &Seen<'_>) -> Result<(), String> {
        let expectation = Expectation::parse(text).unwrap();
        expectation.judge(seen).map_err(|mismatch| {
            assert_eq!(mismatch.expected, text);
            mismatch.got
        })
    }

    fn holds(text: &str, seen: &Seen<'_>) {
        assert_eq!(judge(text, seen), Ok(()), "{text}");
    }

    fn fails(text: &str, seen: &Seen<'_>, got: &str) {
        assert_eq!(judge(text, seen), Err(got.into()), "{text}");
    }

    #[test]
    fn every_subject_has_its_value() {
        for (good, bad, got) in [
            ("status == 200", "status != 200", "status was 200"),
            ("redirects < 3", "redirects < 2", "redirects was 2"),
            ("cert.days < 0", "cert.days > 14", "cert.days was -3"),
            ("body.bytes == 4", "body.bytes > 1KiB", "body.bytes was 4"),
            (r#"body == "body""#, r#"body == "bod""#, r#"body was "body""#),
            ("http.version == 1.1", "http.version < 1.1", "http.version was \"1.1\""),
            ("tls.version >= 1.2", "tls.version < \"1.3\"", "tls.version was \"1.3\""),
            ("total < 313ms", "total < 300ms", "total was 312.457ms"),
            ("dns == 1ms", "dns > 1ms", "dns was 1ms"),
            ("connect <= 20ms", "connect < 20ms", "connect was 20ms"),
            ("tls >= 300ms", "tls != 300ms", "tls was 300ms"),
            ("wait > 3", "wait < 3", "wait was 4s"),
            (r#"address starts "127.""#, r#"address == "::1""#, r#"address was "127.0.0.1:8000""#),
            ("header.age == 300", "header.age < 60", "header.age was \"300\""),
        ] {
            holds(good, &seen(b"body"));
            fails(bad, &seen(b"body"), got);
        }
        let quick = Seen { total: Duration::from_nanos(663_999), ..seen(b"") };
        fails("total > 1ms", &quick, "total was 663us");
        holds("json.a == 1", &seen(b"{\"a\":1}"));
        fails("json.a == 2", &seen(b"{\"a\":1}"), "json.a was 1");
    }

    #[test]
    fn compares_numbers_with_every_operator() {
        for (operator, below, equal, above) in [
            ("==", false, true, false),
            ("!=", true, false, true),
            ("<", true, false, false),
            ("<=", true, true, false),
            (">", false, false, true),
            (">=", false, true, true),
        ] {
            for (value, wanted) in [(201, below), (200, equal), (199, above)] {
                let text = format!("status {operator} {value}");
                assert_eq!(judge(&text, &seen(b"")).is_ok(), wanted, "{text}");
                let text = format!("wait {operator} {}ms", value * 20);
                assert_eq!(judge(&text, &seen(b"")).is_ok(), wanted, "{text}");
            }
        }
    }

    #[test]
    fn compares_text_with_every_operator() {
        for (operator, hit, miss) in [
            ("==", "hello", "hell"),
            ("contains", "ell", "elo"),
            ("starts", "he", "el"),
            ("ends", "lo", "ll"),
            ("like", "h*l?", "h?l"),
        ] {
            let negation = match operator {
                "==" => "!=".to_string(),
                _ => format!("not {operator}"),
            };
            let got = "body was \"hello\"";
            holds(&format!("body {operator} \"{hit}\""), &seen(b"hello"));
            fails(&format!("body {operator} \"{miss}\""), &seen(b"hello"), got);
            holds(&format!("body {negation} \"{miss}\""), &seen(b"hello"));
            fails(&format!("body {negation} \"{hit}\""), &seen(b"hello"), got);
        }
    }

    #[test]
    fn sets_include_and_exclude() {
        for (set, inside, outside) in [
            ("200-299,301,!204", &[200, 203, 299, 301][..], &[199, 204, 300, 302][..]),
            ("!500-599", &[200, 499, 600], &[500, 599]),
            ("!404,!410", &[200], &[404, 410]),
            ("200", &[200], &[199, 201]),
            ("!204,204-205", &[205], &[204, 200]),
        ] {
            for (statuses, wanted) in [(inside, true), (outside, false)] {
                for status in statuses {
                    let seen = Seen { status: Some(*status), ..seen(b"") };
                    let (plain, not) = (format!("status in {set}"), format!("status not in {set}"));
                    assert_eq!(judge(&plain, &seen).is_ok(), wanted, "{plain} {status}");
                    assert_eq!(judge(&not, &seen).is_ok(), !wanted, "{not} {status}");
                }
            }
        }
        holds("json.a in 1-2", &seen(br#"{"a":1.5}"#));
        holds("json.a not in 0-9", &seen(br#"{"a":1e999999999}"#));
    }

    #[test]
    fn what_has_no_value_holds_nothing() {
        let response = "has no value: there was no HTTP response";
        for (text, why) in [
            ("status != 500", response),
            ("body not contains \"x\"", response),
            ("body.bytes >= 0", response),
            ("header.x != \"a\"", response),
            ("json.a != 1", response),
            ("http.version != 1.0", response),
            ("wait < 1s", response),
            ("dns < 1s", "has no value: no name was looked up"),
            ("connect < 1s", "has no value: no connection was made"),
            ("tls < 1s", "has no value: there was no TLS handshake"),
            ("tls.version != 1.0", "has no value: there was no TLS handshake"),
            ("cert.days != 0", "has no value: there was no certificate"),
            ("address != \"x\"", "has no value: there was no connection"),
        ] {
            let subject = text.split(' ').next().unwrap();
            fails(text, &seen_nothing(), &format!("{subject} {why}"));
        }
        holds("total < 1s", &seen_nothing());
        holds("redirects == 0", &seen_nothing());
    }

    #[test]
    fn finds_headers() {
        let seen = seen(b"");
        holds("header.content-type == \"text/html; charset=utf-8\"", &seen);
        holds("header.CONTENT-TYPE starts \"text/html\"", &seen);
        holds("header.x-empty == \"\"", &seen);
        for missing in ["header.x != \"a\"", "header.no != \"a\"", "header.x-behind == 1"] {
            let subject = missing.split(' ').next().unwrap();
            fails(missing, &seen, &format!("{subject} is missing"));
        }
        fails("header.x-odd == \"a\"", &seen, "header.x-odd was \"\u{fffd}\\u{1b}[31m\"");
        fails(
            "header.content-type > 5",
            &seen,
            "header.content-type is the string \"text/html; charset=utf-8\", not a number",
        );
        let headers = |head| Headers::new(head).values("a").map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(headers(b""), [b""; 0]);
        assert_eq!(headers(b"a: status line"), [b""; 0]);
        assert_eq!(headers(b"HTTP/1.1 200\nA:1\na:\t2"), [b"1", b"2"]);
        // Folded, at whatever place, and in the last line of a head that stops there.
        let folded =
            b"HTTP/1.1 200 OK\r\na:\r\n 1;\r\n\t \tx=2;\r\n  y\r\nB: 3\r\n a: no\r\nA: 4\r\n \r\n\r\na: behind\r\n";
        assert_eq!(headers(folded), [&b"1; x=2; y"[..], b"4"]);
        assert_eq!(headers(b"HTTP/1.1 200 OK\r\nA: 1\r\n 2"), [b"1 2"]);
    }

    #[test]
    fn what_is_there_and_what_is_not() {
        let seen = seen(br#"{"a":null,"list":[1,[2,3],{"x":","}],"text":"h\u00e9!","none":[],"o":{"k":"]"}}"#);
        for there in ["header.age", "json.a", "json.list[1]"] {
            holds(&format!("{there} exists"), &seen);
            assert!(Expectation::parse(&format!("{there} absent")).unwrap().judge(&seen).is_err(), "{there}");
        }
        for missing in ["header.x-none", "json.b", "json.list[9]"] {
            holds(&format!("{missing} absent"), &seen);
            fails(&format!("{missing} exists"), &seen, &format!("{missing} is missing"));
        }
        fails("json.a absent", &seen, "json.a is there");
        for good in [
            "length(json.list) == 3",
            "length(json.list[1]) in 2,5",
            "length( json.text ) == 3",
            "length(json.none) == 0",
            "length(json.o) == 1",
            "length(header.age) == 3",
            "length(header.set-cookie) > 2",
            "length(body) > 20",
        ] {
            holds(good, &seen);
        }
        fails("length(json.list) > 3", &seen, "length(json.list) was 3");
        fails("length(json.b) > 3", &seen, "json.b is missing");
        fails("length(json.a) > 3", &seen, "json.a is null, which has no length");
        fails("length(header.age) > 3", &seen, "length(header.age) was 3");
        assert!(Expectation::parse("length(json.list) > 3").unwrap().needs_body());
    }

    #[test]
    fn of_several_headers_one_is_enough() {
        let seen = seen(b"");
        let both = "header.set-cookie was \"a=1\" and \"b=2\"";
        holds("header.set-cookie == \"b=2\"", &seen);
        fails("header.set-cookie != \"b=2\"", &seen, both);
        fails("header.set-cookie == \"c=3\"", &seen, both);
        holds("header.set-cookie != \"c=3\"", &seen);
        holds("header.set-cookie not starts \"c\"", &seen);
        holds("header.x-mixed == 7", &seen);
        fails("header.x-mixed != 7", &seen, "header.x-mixed was \"soon\" and \"7\"");
        fails("header.x-mixed > 7", &seen, "header.x-mixed was \"soon\" and \"7\"");
        let neither = "header.set-cookie is the string \"a=1\", not a number";
        fails("header.set-cookie == 1", &seen, neither);
        fails("header.set-cookie != 1", &seen, neither);
    }

    #[test]
    fn json_values_keep_their_types() {
        let seen = seen(br#"{"s":"5","n":5,"t":true,"z":null,"a":[1],"o":{},"big":12345678901234567890}"#);
        for text in [
            "json.s == \"5\"",
            "json.s != \"6\"",
            "json.s like \"?\"",
            "json.n == 5.0",
            "json.n >= 5",
            "json.n in 1-9",
            "json.t == true",
            "json.t != false",
            "json.z == null",
            "json.s != null",
            "json.o != null",
            "json.big == 12345678901234567890",
            "json.big != 12345678901234567891",
            "json.big < 1e999999999",
            "json.a[0] == 1",
        ] {
            holds(text, &seen);
        }
        for (text, got) in [
            ("json.s == 5", "json.s is the string \"5\", not a number"),
            ("json.s != 5", "json.s is the string \"5\", not a number"),
            ("json.s in 1-9", "json.s is the string \"5\", not a number"),
            ("json.n == \"5\"", "json.n is the number 5, not a string"),
            ("json.n == true", "json.n is the number 5, not true or false"),
            ("json.n contains \"5\"", "json.n is the number 5, not a string"),
            ("json.t == 1", "json.t is true, not a number"),
            ("json.t == false", "json.t was true"),
            ("json.z == \"\"", "json.z is null, not a string"),
            ("json.z != null", "json.z was null"),
            ("json.n == null", "json.n was 5"),
            ("json.a == 1", "json.a is an array, not a number"),
            ("json.o == \"\"", "json.o is an object, not a string"),
            ("json.a == null", "json.a was an array"),
            ("json.none == null", "json.none is missing"),
            ("json.a[1] != 1", "json.a[1] is missing"),
            ("json[0] != 1", "json[0] is missing"),
        ] {
            fails(text, &seen, got);
        }
    }

    #[test]
    fn a_body_that_is_not_json_says_where() {
        for (body, got) in [
            (&b""[..], "line 1, column 1: expected a value, found the end of the input"),
            (b"<html>", "line 1, column 1: expected a value, found '<'"),
            (b"{\"ok\"  true}", "line 1, column 8: expected ':', found 't'"),
            (b"{\n\"ok\":", "line 2, column 6: expected a value, found the end of the input"),
            (b"\"\xff\"", "line 1, column 2: expected '\"' at the end of the string, found a byte that is not UTF-8"),
        ] {
            let got = format!("the body is not JSON ({got})");
            fails("json.ok != true", &seen(body), &got);
        }
    }

    #[test]
    fn a_cut_body_decides_only_what_it_can() {
        let cut = Seen { body_whole: false, body_bytes: 1000, ..seen(b"hello") };
        for text in [
            "body contains \"ell\"",
            "body starts \"hell\"",
            "body starts \"hello\"",
            "body not starts \"help\"",
            "body != \"help me\"",
            "body != \"hel\"",
            "body.bytes == 1000",
        ] {
            holds(text, &cut);
        }
        for text in ["body not contains \"ell\"", "body starts \"help\"", "body == \"hel\""] {
            fails(text, &cut, "body was \"hello\"");
        }
        for text in [
            "body contains \"x\"",
            "body not contains \"x\"",
            "body starts \"hello you\"",
            "body not starts \"hello you\"",
            "body == \"hello you\"",
            "body != \"hello you\"",
            "body ends \"lo\"",
            "body not ends \"lo\"",
            "body like \"*\"",
        ] {
            fails(text, &cut, "body was cut: only its first 5 bytes were kept");
        }
        fails("json.a == 1", &cut, "the body was cut: its first 5 bytes cannot be read as JSON");
    }

    #[test]
    fn a_body_need_not_be_text() {
        let body = b"\xff\xe9\0caf\xc3\xa9\xc3";
        holds("body contains \"caf\u{e9}\"", &seen(body));
        holds("body not contains \"\u{e9}f\"", &seen(body));
        holds("body like \"*caf?*\"", &seen(body));
        holds("body not starts \"caf\"", &seen(body));
        holds("body contains \"\"", &seen(b""));
        fails("body == \"x\"", &seen(body), "body was \"\u{fffd}\u{fffd}\\0caf\u{e9}\u{fffd}\"");
    }

    #[test]
    fn globs() {
        for (pattern, text, wanted) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "abc", true),
            ("**", "abc", true),
            ("?", "", false),
            ("?", "a", true),
            ("?", "\u{1f600}", true),
            ("?", "ab", false),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*c", "abc", true),
            ("*c", "abcd", false),
            ("*b*", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*ab", "aab", true),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "abcab", true),
            ("*ab*ab", "ab", false),
            ("a*b?d*", "axxbxbcd", true),
            ("*?", "", false),
            ("?*?", "ab", true),
            ("?*?", "a", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(glob(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn globs_agree_with_the_definition() {
        fn defined(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern, text) {
                ([], []) => true,
                ([b'*', after @ ..], _) => (0..=text.len()).any(|at| defined(after, &text[at..])),
                ([b'?', after @ ..], [_, rest @ ..]) => defined(after, rest),
                ([wanted, after @ ..], [c, rest @ ..]) => wanted == c && defined(after, rest),
                _ => false,
            }
        }
        let words = |letters: &str, length: usize| {
            (0..length).fold(vec![String::new()], |shorter, _| {
                let longer = shorter.iter().flat_map(|word| letters.chars().map(move |c| format!("{word}{c}")));
                shorter.iter().cloned().chain(longer).collect()
            })
        };
        let texts = words("ab", 5);
        for pattern in words("ab*?", 4) {
            for text in &texts {
                let wanted = defined(pattern.as_bytes(), text.as_bytes());
                assert_eq!(glob(&pattern, text), wanted, "{pattern} {text}");
            }
        }
    }

    #[test]
    fn no_glob_is_exponential() {
        // With a retry of every star, each of these would outlive the sun.
        let text = "a".repeat(5_000);
        for pattern in ["a*".repeat(100) + "b", "*a".repeat(100) + "c", "*?a".repeat(80) + "c"] {
            assert!(!glob(&pattern, &text), "{pattern}");
        }
    }

    #[test]
    fn what_came_is_told_in_few_words() {
        let long = "x".repeat(5_000);
        let got = judge("body == \"y\"", &seen(long.as_bytes())).unwrap_err();
        assert_eq!(got, format!("body was \"{}\"... (5000 bytes)", "x".repeat(120)));
        let pictures = "\u{1f600}".repeat(1_000);
        let got = judge("body == \"y\"", &seen(pictures.as_bytes())).unwrap_err();
        assert!(got.ends_with("\u{1f600}\"... (4000 bytes)"), "{got}");
        let controls = "\u{1b}".repeat(5_000);
        let got = judge("body == \"y\"", &seen(controls.as_bytes())).unwrap_err();
        assert_eq!(got.chars().count(), MAX_GOT);
        assert!(got.ends_with("..."));
        assert!(!got.contains('\u{1b}'));
        let digits = format!("{{\"a\":{}}}", "9".repeat(5_000));
        let got = judge("json.a == 1", &seen(digits.as_bytes())).unwrap_err();
        assert_eq!(got, format!("json.a was {}...", "9".repeat(117)));
        let short = judge("body == \"y\"", &seen(b"it's \"ok\"\n")).unwrap_err();
        assert_eq!(short, r#"body was "it's \"ok\"\n""#);
    }

    #[test]
    fn mutated_expressions_do_not_break_the_parser_or_the_judge() {
        const SEED: u64 = 0x5eed_0016;
        const SOURCES: [&str; 8] = [
            "status in 200-299,301,!204",
            "header.content-type not starts \"text/\"",
            "json.a[0][\"odd \\u00e9 name\"] == \"caf\u{e9}\"",
            "json.n >= -12.5e3",
            "total < 250ms",
            "body.bytes <= 10KiB",
            "tls.version >= \"1.2\"",
            "body like \"*o?\u{1f600}*\"",
        ];
        const CHARS: [char; 20] = [
            '"',
            '\\',
            '[',
            ']',
            '.',
            ' ',
            '\t',
            '=',
            '!',
            '<',
            '-',
            ',',
            '*',
            '0',
            '9',
            'n',
            'u',
            '\u{0}',
            '\u{e9}',
            '\u{1f600}',
        ];
        // xorshift64: small, and the same on every machine.
        let mut state = SEED;
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % limit as u64) as usize
        };
        let whole = seen(br#"{"a":[{"odd \u00e9 name":"caf\u00e9"}],"n":5}"#);
        let cut = Seen { body_whole: false, ..whole };
        let mut parsed = 0;
        for round in 0..20_000 {
            let mut chars: Vec<char> = SOURCES[below(SOURCES.len())].chars().collect();
            for _ in 0..=below(2) {
                let at = below(chars.len());
                match below(3) {
                    0 => chars[at] = CHARS[below(CHARS.len())],
                    1 => chars.insert(at, CHARS[below(CHARS.len())]),
                    _ => drop(chars.remove(at)),
                }
            }
            let text: String = chars.into_iter().collect();
            match Expectation::parse(&text) {
                Ok(expectation) => {
                    parsed += 1;
                    for seen in [&whole, &cut, &seen_nothing()] {
                        if let Err(mismatch) = expectation.judge(seen) {
                            assert!(mismatch.got.chars().count() <= MAX_GOT, "round {round}: {text}");
                        }
                    }
                    let again = Expectation::parse(expectation.text());
                    assert_eq!(again, Ok(expectation), "round {round}: {text}");
                }
                Err(error) => {
                    assert!(text.is_char_boundary(error.at), "round {round}: {text}");
                    assert_eq!(error.caret(&text).lines().count(), 2, "round {round}: {text}");
                }
            }
        }
        assert!((1_000..19_000).contains(&parsed), "{parsed} of 20000 parsed");
    }
}
