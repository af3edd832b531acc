//! Reads NDJSON back: each line as the [`Record`] or the figures that it was written from. Whatever of this program's lines
//! is read and written again is the same, to the byte.
//!
//! Members that it does not know are passed over, so a later version may add some. What it needs and what is there must be
//! of its kind: a line that is not is damaged, and said to be.

mod plain;

use std::borrow::Cow;
use std::time::Duration;

use super::Shard;
use super::record::Record;
use crate::check::expect::Mismatch;
use crate::check::outcome::{CertificateSeen, Micros, Phases, Reason, TlsSeen};
use crate::proto::calendar::unix_seconds;
use crate::proto::json::{each_member, elements, members, read_string};

/// The longest line that is read, in bytes: sixteen times what this program ever writes.
pub const LINE_MAX: usize = 1024 * 1024;

/// The longest time that is read. Sums of it stay far from where times end.
const SECONDS_MAX: u64 = 10_000_000_000;

/// A line of NDJSON that could be read.
// Nearly all are the large variant.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum ResultLine<'a> {
    /// The result of one check.
    Check(Record<'a>),
    /// The summary of a run.
    Summary(Figures),
}

/// What a summary says that the checks do not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// How many checks there were.
    pub total: u64,
    /// From the run's start to its end.
    pub wall: Duration,
    /// The most checks under way at once.
    pub most_in_flight: u64,
    /// User and system time.
    pub cpu: Duration,
    /// The most memory, in bytes.
    pub peak_memory: u64,
    /// Trips round the loop.
    pub turns: u64,
    /// The longest of them.
    pub longest_turn: Duration,
    /// Which share of a list it was.
    pub shard: Option<Shard>,
}

/// Reads one line, without or with its end.
///
/// # Errors
/// What is wrong with it, in words.
pub fn line(text: &[u8]) -> Result<ResultLine<'_>, String> {
    if text.len() > LINE_MAX {
        return Err(format!("longer than {} MiB", LINE_MAX / 1024 / 1024));
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text.trim_ascii(),
        Err(error) => return Err(format!("byte {} is not UTF-8", error.valid_up_to() + 1)),
    };
    // Nearly all are plain, and as this program writes them.
    if let Some(record) = plain::check(text) {
        return Ok(ResultLine::Check(record));
    }
    let (mut schema, mut kind) = (None, None);
    each(text, &mut |key, value| {
        match key {
            "schema" => schema = Some(value),
            "type" => kind = Some(value),
            _ => {}
        }
        Some(())
    })?;
    match (schema, kind) {
        (None, _) => Err("no result: it says no \"schema\"".to_owned()),
        (Some("1"), Some("\"check\"")) => check(text).map(ResultLine::Check),
        (Some("1"), Some("\"summary\"")) => summary(text).map(ResultLine::Summary),
        (Some("1"), _) => Err("neither a check nor a summary".to_owned()),
        (Some(other), _) => Err(format!("schema {other} is not known to this version")),
    }
}

/// Hands out an object's members until one of them is not as it should be, which `take` says with `None`.
fn each<'a>(object: &'a str, take: &mut dyn FnMut(&str, &'a str) -> Option<()>) -> Result<(), String> {
    let mut wrong = None;
    let read = each_member(object, &mut |key, value| {
        if wrong.is_none() && take(&key, value).is_none() {
            wrong = Some(key);
        }
    });
    match (read, wrong) {
        (Err(error), _) => Err(format!("column {}: {}", error.column, error.what)),
        (Ok(()), Some(key)) => Err(format!("\"{key}\" is not as it should be")),
        (Ok(()), None) => Ok(()),
    }
}

fn check(text: &str) -> Result<Record<'_>, String> {
    let (mut target, mut reason) = (None, None);
    let mut record = Record::empty();
    each(text, &mut |key, value| {
        match key {
            "target" => target = Some(string(value)?),
            "name" => record.name = or_null(value, string)?,
            "labels" => record.labels = labels(value)?.into(),
            "reason" => {
                let word = string(value)?;
                reason = Some(*Reason::ALL.iter().find(|reason| reason.as_str() == word)?);
            }
            "detail" => record.detail = or_null(value, string)?,
            "failed" => record.failed = mismatches(value)?.into(),
            "status" => record.status = or_null(value, |value| value.parse().ok())?,
            "address" => record.address = or_null(value, |value| string(value)?.parse().ok())?,
            "http_version" => record.http_version = or_null(value, http_version)?,
            "body_bytes" => record.body_bytes = value.parse().ok()?,
            "seconds" => record.phases = phases(value)?,
            "tls" => record.tls = or_null(value, tls)?.map(Cow::Owned),
            "attempts" => record.attempts = value.parse().ok()?,
            "redirects" => record.redirects = value.parse().ok()?,
            "reused" => record.reused = value.parse().ok()?,
            "started" => record.started = timestamp(&string(value)?)?,
            _ => {}
        }
        Some(())
    })?;
    record.target = target.ok_or("it names no \"target\"")?;
    record.reason = reason.ok_or("it gives no \"reason\"")?;
    Ok(record)
}

fn summary(text: &str) -> Result<Figures, String> {
    let mut figures = Figures::default();
    each(text, &mut |key, value| {
        match key {
            "total" => figures.total = value.parse().ok()?,
            "seconds" => figures.wall = seconds(member(value, "wall")?)?,
            "most_in_flight" => figures.most_in_flight = value.parse().ok()?,
            "cpu_seconds" => figures.cpu = seconds(value)?,
            "peak_memory_bytes" => figures.peak_memory = value.parse().ok()?,
            "loop" => {
                figures.turns = member(value, "turns")?.parse().ok()?;
                figures.longest_turn = seconds(member(value, "longest_turn_seconds")?)?;
            }
            "shard" => figures.shard = or_null(value, shard)?,
            _ => {}
        }
        Some(())
    })?;
    Ok(figures)
}

/// What an object has under this name.
fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    members(object).find_map(|(key, value)| (key == name).then_some(value))
}

fn or_null<'a, T>(value: &'a str, read: impl FnOnce(&'a str) -> Option<T>) -> Option<Option<T>> {
    match value {
        "null" => Some(None),
        value => read(value).map(Some),
    }
}

fn string(value: &str) -> Option<Cow<'_, str>> {
    read_string(value).ok().map(|(text, _)| text)
}

fn http_version(value: &str) -> Option<&'static str> {
    ["1.1", "1.0"].into_iter().find(|version| value.trim_matches('"') == *version)
}

fn labels(value: &str) -> Option<Vec<(Box<str>, Box<str>)>> {
    let members = value.starts_with('{').then(|| members(value))?;
    members.map(|(name, value)| Some((name.into(), string(value)?.into()))).collect()
}

fn mismatches(value: &str) -> Option<Vec<Mismatch>> {
    let elements = value.starts_with('[').then(|| elements(value))?;
    let mismatch = |value| {
        Some(Mismatch {
            expected: string(member(value, "expected")?)?.into_owned(),
            got: string(member(value, "got")?)?.into_owned(),
        })
    };
    elements.map(mismatch).collect()
}

fn phases(value: &str) -> Option<Phases> {
    let mut phases = Phases::default();
    each(value, &mut |key, value| {
        let time = or_null(value, |value| seconds(value).map(Micros::of))?;
        match key {
            "queue" => phases.queue = time?,
            "dns" => phases.dns = time,
            "connect" => phases.connect = time,
            "tls" => phases.tls = time,
            "wait" => phases.wait = time,
            "body" => phases.body = time,
            // The sum of these.
            _ => {}
        }
        Some(())
    })
    .ok()?;
    Some(phases)
}

/// A number of seconds with up to six decimals, exactly.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if decimals.len() > 6 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole: u64 = whole.parse().ok().filter(|seconds| *seconds <= SECONDS_MAX)?;
    let micros = decimals.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |micros, digit| micros * 10 + u64::from(digit - b'0'));
    Some(Duration::from_secs(whole) + Duration::from_micros(micros))
}

fn tls(value: &str) -> Option<TlsSeen> {
    let mut seen = TlsSeen::default();
    let mut certificate = CertificateSeen {
        subject: "".into(),
        issuer: "".into(),
        names: Vec::new(),
        not_before: 0,
        not_after: 0,
        fingerprint: [0; 32],
    };
    // All of a certificate's members are there, or none.
    let (mut there, mut missing) = (0, 0);
    each(value, &mut |key, value| {
        let text = || Some(Box::from(string(value)?));
        let time = || i64::try_from(timestamp(&string(value)?)?.as_secs()).ok();
        match key {
            "version" => seen.version = or_null(value, tls_version)?,
            "cipher" => seen.cipher = or_null(value, |_| text())?,
            "resumed" => seen.resumed = value.parse().ok()?,
            "days_left" => {}
            _ if value == "null" => missing += 1,
            _ => there += 1,
        }
        match key {
            _ if value == "null" => {}
            "subject" => certificate.subject = text()?,
            "issuer" => certificate.issuer = text()?,
            "names" => certificate.names = names(value)?,
            "not_before" => certificate.not_before = time()?,
            "not_after" => certificate.not_after = time()?,
            "sha256" => certificate.fingerprint = fingerprint(&string(value)?)?,
            _ => {}
        }
        Some(())
    })
    .ok()?;
    seen.certificate = (there > 0).then_some(certificate);
    (there == 0 || missing == 0).then_some(seen)
}

fn tls_version(value: &str) -> Option<&'static str> {
    ["1.3", "1.2"].into_iter().find(|version| value.trim_matches('"') == *version)
}

fn names(value: &str) -> Option<Vec<Box<str>>> {
    let elements = value.starts_with('[').then(|| elements(value))?;
    elements.map(|name| Some(string(name)?.into())).collect()
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes().as_chunks::<2>();
    if digits.0.len() != bytes.len() || !digits.1.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.0) {
        let digit = |b: u8| (b as char).to_digit(16);
        *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
    }
    Some(bytes)
}

/// `2026-11-22T16:40:00.123Z`, or without its thousandths, since the Unix epoch.
fn timestamp(text: &str) -> Option<Duration> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let is_marked = marks.iter().all(|(at, mark)| text.as_bytes().get(*at) == Some(mark));
    let millis = match text.get(19..)? {
        "Z" => 0,
        rest if rest.len() == 5 && rest.starts_with('.') && rest.ends_with('Z') => number(20, 23)?,
        _ => return None,
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let unix = unix_seconds(year, month, day, number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    let unix = u64::try_from(unix).ok().filter(|_| is_marked)?;
    Some(Duration::from_secs(unix) + Duration::from_millis(u64::from(millis)))
}

fn shard(value: &str) -> Option<Shard> {
    let number = |name| member(value, name)?.parse().ok();
    Shard::new(number("index")?, number("count")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ndjson::Ndjson;
    use crate::report::testing::{all_kinds, hostile, summary, with_text, written};

    fn read(text: &str) -> Result<ResultLine<'_>, String> {
        line(text.as_bytes())
    }

    #[test]
    fn what_was_written_is_read_back() {
        let texts = hostile();
        let records: Vec<Record> =
            all_kinds().into_iter().chain(texts.iter().flat_map(|text| with_text(text))).collect();
        let text = written(&mut Ndjson::default(), &records);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), records.len() + 1);
        for (line, record) in lines.iter().zip(&records) {
            let Ok(ResultLine::Check(read)) = read(line) else { panic!("{line}") };
            assert_eq!(&read, record, "{line}");
            assert_eq!(&check(line).unwrap(), record, "{line}");
            if let Some(plain) = plain::check(line) {
                assert_eq!(&plain, record, "{line}");
            }
        }
        let Ok(ResultLine::Summary(figures)) = read(lines[records.len()]) else { panic!("a summary") };
        let summary = summary(&records);
        assert_eq!((figures.total, figures.wall, figures.cpu), (records.len() as u64, summary.wall, summary.cpu));
        assert_eq!((figures.turns, figures.longest_turn, figures.shard), (12, summary.longest_turn, None));
        assert_eq!(figures.peak_memory, summary.peak_memory);
    }

    #[test]
    fn the_quick_way_takes_plain_lines_and_nothing_that_the_other_refuses() {
        let text = written(&mut Ndjson::default(), &all_kinds());
        assert!(text.lines().filter(|line| plain::check(line).is_some()).count() >= 3, "{text}");
        for line in text.lines() {
            for at in 0..line.len() {
                for byte in [b'"', b'\\', b'0', b'x', b',', b' ', b'}', 0x7f, 7] {
                    let mut spoilt = line.as_bytes().to_vec();
                    spoilt[at] = byte;
                    let spoilt = String::from_utf8(spoilt).unwrap();
                    if let Some(plain) = plain::check(&spoilt) {
                        assert_eq!(Ok(plain), check(&spoilt), "{spoilt}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_damaged_is_said() {
        let good = written(&mut Ndjson::default(), &all_kinds()[..1]);
        let good = good.lines().next().unwrap();
        assert!(read(good).is_ok() && read(&format!(" {good}\r\n")).is_ok());
        assert!(read(&good.replace("{\"schema\"", "{\"later\":[1],\"schema\"")).is_ok());
        for (from, to) in [
            ("\"schema\":1", "\"schema\":2"),
            ("\"schema\":1,", ""),
            ("\"check\"", "\"change\""),
            ("\"ok\"", "\"okay\""),
            ("\"target\"", "\"tarbet\""),
            ("\"reason\"", "\"raeson\""),
            ("\"status\":200", "\"status\":\"200\""),
            ("\"status\":200", "\"status\":70000"),
            ("\"wait\":0.200000", "\"wait\":-0.2"),
            ("\"wait\":0.200000", "\"wait\":1e9"),
            ("\"wait\":0.200000", "\"wait\":99999999999"),
            ("\"wait\":0.200000", "\"wait\":0.2000001"),
            ("127.0.0.1:8000\",\"http", "127.0.0.1\",\"http"),
            ("\"1.1\"", "\"2\""),
            ("\"labels\":{}", "\"labels\":[]"),
            ("\"labels\":{}", "\"labels\":{\"a\":1}"),
            ("\"failed\":[]", "\"failed\":[{}]"),
            ("2026-11-22T", "2026-13-22T"),
            ("2026-11-22T", "2026-11-22 "),
            ("\"tls\":null", "\"tls\":{\"version\":\"1.1\"}"),
            ("\"tls\":null", "\"tls\":{\"subject\":\"CN=x\",\"names\":null}"),
            ("\"tls\":null", "\"tls\":{\"sha256\":\"ab\"}"),
            ("\"tls\":null", "\"tls\":[]"),
            ("\"reused\":false", "\"reused\":0"),
        ] {
            let damaged = good.replace(from, to);
            assert_ne!(damaged, good, "{from}");
            assert!(read(&damaged).is_err_and(|told| !told.contains('\n')), "{damaged}");
        }
        for end in 0..good.len() {
            assert!(line(&good.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(line(b"\xff").is_err() && line(b"[]").is_err() && line(b"").is_err());
    }
}
