//! The quick way through a line: where it is as this program writes it, member by member in the same order, it is compared
//! and not parsed, which costs a third. What is anything else is `None`, and is read the other way.

use std::borrow::Cow;

use super::{seconds, timestamp};
use crate::check::outcome::{Micros, Reason};
use crate::report::record::Record;

/// Reads a line without failed expectations and TLS, in which no text is escaped.
pub(super) fn check(text: &str) -> Option<Record<'_>> {
    let mut at = Cursor(text);
    let mut record = Record::empty();
    record.target = at.behind("{\"schema\":1,\"type\":\"check\",\"target\":")?.text()?.into();
    record.name = at.behind(",\"name\":")?.text_or_null()?.map(Cow::Borrowed);
    record.labels = at.behind(",\"labels\":")?.labels()?.into();
    at.behind(",\"verdict\":")?.text()?;
    let reason = at.behind(",\"reason\":")?.text()?;
    record.reason = *Reason::ALL.iter().find(|known| known.as_str() == reason)?;
    record.detail = at.behind(",\"detail\":")?.text_or_null()?.map(Cow::Borrowed);
    record.status = at.behind(",\"failed\":[],\"status\":")?.or_null(Cursor::number)?;
    record.address = match at.behind(",\"address\":")?.text_or_null()? {
        Some(address) => Some(address.parse().ok()?),
        None => None,
    };
    record.http_version = match at.behind(",\"http_version\":")?.text_or_null()? {
        Some("1.1") => Some("1.1"),
        Some("1.0") => Some("1.0"),
        Some(_) => return None,
        None => None,
    };
    record.body_bytes = at.behind(",\"body_bytes\":")?.number()?;
    record.phases.queue = at.behind(",\"seconds\":{\"queue\":")?.seconds()?;
    record.phases.dns = at.behind(",\"dns\":")?.or_null(Cursor::seconds)?;
    record.phases.connect = at.behind(",\"connect\":")?.or_null(Cursor::seconds)?;
    record.phases.tls = at.behind(",\"tls\":")?.or_null(Cursor::seconds)?;
    record.phases.wait = at.behind(",\"wait\":")?.or_null(Cursor::seconds)?;
    record.phases.body = at.behind(",\"body\":")?.or_null(Cursor::seconds)?;
    at.behind(",\"total\":")?.seconds()?;
    record.attempts = at.behind("},\"tls\":null,\"attempts\":")?.number()?;
    record.redirects = at.behind(",\"redirects\":")?.number()?;
    record.reused = match at.behind(",\"reused\":")?.word()? {
        "true" => true,
        "false" => false,
        _ => return None,
    };
    record.started = timestamp(at.behind(",\"started\":")?.text()?)?;
    (at.0 == "}").then_some(record)
}

/// What is left of a line.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// Steps over just this.
    fn behind(&mut self, expected: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(self)
    }

    /// A string in which nothing is escaped.
    fn text(&mut self) -> Option<&'a str> {
        let text = self.0.strip_prefix('"')?;
        let is_special = |b: u8| b == b'"' || b == b'\\' || b < b' ';
        let end = text.bytes().position(is_special)?;
        self.0 = text[end..].strip_prefix('"')?;
        Some(&text[..end])
    }

    fn or_null<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.0.strip_prefix("null") {
            Some(rest) => {
                self.0 = rest;
                Some(None)
            }
            None => read(self).map(Some),
        }
    }

    fn text_or_null(&mut self) -> Option<Option<&'a str>> {
        self.or_null(Cursor::text)
    }

    fn labels(&mut self) -> Option<Vec<(Box<str>, Box<str>)>> {
        let mut labels = Vec::new();
        self.behind("{")?;
        while !self.0.starts_with('}') {
            if !labels.is_empty() {
                self.behind(",")?;
            }
            let name = self.text()?.into();
            labels.push((name, self.behind(":")?.text()?.into()));
        }
        self.behind("}")?;
        Some(labels)
    }

    /// Up to what ends a value.
    fn word(&mut self) -> Option<&'a str> {
        let (word, rest) = self.0.split_at(self.0.bytes().position(|b| matches!(b, b',' | b'}'))?);
        self.0 = rest;
        Some(word)
    }

    fn number<N: TryFrom<u64>>(&mut self) -> Option<N> {
        let word = self.word()?;
        // JSON has neither a sign nor a zero before a number.
        let is_plain = word.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
        word.parse::<u64>().ok().filter(|_| is_plain)?.try_into().ok()
    }

    fn seconds(&mut self) -> Option<Micros> {
        let word = self.word()?;
        // As it is written: a digit without a zero before it, and six decimals.
        let is_plain = word.len() >= 8 && (word.starts_with("0.") || !word.starts_with('0'));
        seconds(word).filter(|_| is_plain).map(Micros::of)
    }
}
