//! For a person: a line a target as it finishes, and a summary.
//!
//! ```text
//!     up     200   203 ms  http://127.0.0.1:8000/health
//!     down     -   1.2 ms  http://127.0.0.1:1/  connect_refused: 127.0.0.1:1 refused the connection
//! ```
//!
//! At a terminal lines fit its width: what does not fit behind a target stands below it, broken between words. Anywhere else
//! a line is a line, whatever its length, for `grep` and its like.

use std::time::Duration;

use super::histogram::push_histogram;
use super::record::Record;
use super::text::{
    push_date, push_folded, push_format as push, push_hex, push_listed, push_shown, short_time, shown, width,
    without_middle,
};
use super::{Look, Sink, Summary};
use crate::check::outcome::{TlsSeen, Verdict};
use crate::check::tally::Tally;

/// The format, and how much of it.
#[derive(Debug)]
pub struct Human {
    color: bool,
    verbose: bool,
    /// Where nothing is said of what is up: the lines of what is not.
    quiet: Option<Held>,
    /// How wide a line may be. `None`: it is for no terminal.
    columns: Option<usize>,
    /// The widest name and the widest target so far: those that follow are as wide.
    widest: [usize; 2],
}

/// The width where there is no terminal.
pub(super) const COLUMNS: usize = 80;

/// Before a target stand its verdict, status and time.
const FRONT: usize = 24;

/// Where that begins which stands below a line: under the status.
const INDENT: usize = 9;

/// The widest that names and targets are made, so that a few long ones do not push away what stands behind all others.
const WIDEST: [usize; 2] = [24, 40];

/// A target that is cut to less than this says nothing. It stands below.
const CUT_MIN: usize = 28;

/// Lines that wait for the counts to stand above them: who keeps but the first few kilobytes of what is printed, as Docker
/// does, has all that matters.
#[derive(Debug, Default)]
struct Held {
    lines: Vec<u8>,
    count: usize,
}

/// So many lines wait. Beyond them all are told as they come.
const HELD_MAX: usize = 1000;

impl Human {
    /// Verbose, it has address and phases of every target, too. Quiet, it is nothing where all is well; else counts, and
    /// what is not up.
    pub fn new(look: Look) -> Human {
        Human {
            color: look.color,
            verbose: look.verbose,
            quiet: look.quiet.then(Held::default),
            // A line that fills the last column makes some terminals begin another.
            columns: look.columns.map(|columns| columns - 1),
            widest: [0; 2],
        }
    }

    fn push_verdict(&self, verdict: Verdict, out: &mut Vec<u8>) {
        let word = verdict.as_str();
        if self.color {
            let color = match verdict {
                Verdict::Up => "32",
                Verdict::Degraded => "33",
                Verdict::Down => "31",
                Verdict::Unknown => "35",
            };
            push(out, format_args!("\x1b[{color}m{word}\x1b[0m"));
        } else {
            push(out, format_args!("{word}"));
        }
    }
}

impl Sink for Human {
    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Some(mut held) = self.quiet.take() else { return self.push_line(record, out) };
        if record.verdict() != Verdict::Up {
            held.count += 1;
            self.push_line(record, &mut held.lines);
            if held.count > HELD_MAX {
                out.append(&mut held.lines);
            }
        }
        self.quiet = Some(held);
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        let Some(held) = &self.quiet else { return self.push_summary(summary, out) };
        if held.count > 0 {
            let from = out.len();
            self.push_counts(summary, out);
            let reasons = listed(summary);
            push(out, format_args!(" ({reasons})\n"));
            self.fold(from, out);
            out.extend_from_slice(&held.lines);
        }
    }
}

/// The reasons with their counts.
fn listed(summary: &Summary) -> String {
    let mut listed = String::new();
    for (reason, count) in summary.tally.reasons() {
        push_listed(&mut listed, ", ", &format!("{} {count}", reason.as_str()));
    }
    listed
}

impl Human {
    fn push_line(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let from = out.len();
        let verdict = record.verdict();
        self.push_verdict(verdict, out);
        let padding = "degraded".len().saturating_sub(verdict.as_str().len());
        let status = record.status.map_or("-".to_owned(), |status| status.to_string());
        let time = record.total().map_or("-".to_owned(), short_time);
        push(out, format_args!("{:padding$} {status:>4} {time:>8}  ", ""));
        match self.columns {
            Some(columns) => self.push_fitting(record, columns, out),
            None => {
                if let Some(name) = &record.name {
                    push_shown(name, out);
                    out.extend_from_slice(b"  ");
                }
                push_shown(&record.target, out);
                if record.detail.is_some() {
                    out.extend_from_slice(b"  ");
                    push_reason(record, out);
                }
            }
        }
        out.push(b'\n');
        if self.verbose {
            // The first is told above.
            for mismatch in record.failed.iter().skip(1) {
                out.extend_from_slice(b"         also: ");
                push_shown(&mismatch.got, out);
                out.extend_from_slice(b", expected ");
                push_shown(&mismatch.expected, out);
                out.push(b'\n');
            }
            push_phases(record, out);
            if let Some(note) = &record.note {
                out.extend_from_slice(b"         note: ");
                push_shown(note, out);
                out.push(b'\n');
            }
            if let Some(tls) = &record.tls {
                push_tls(tls, record.started, out);
            }
        }
        self.fold(from, out);
    }

    /// Name, target and reason where there are so many columns: beside each other as far as there is room.
    fn push_fitting(&mut self, record: &Record<'_>, columns: usize, out: &mut Vec<u8>) {
        let mut room = columns.saturating_sub(FRONT);
        if let Some(name) = &record.name {
            let name = shown(name);
            let name = without_middle(&name, room);
            self.widest[0] = self.widest[0].max(width(&name)).min(WIDEST[0]);
            let taken = width(&name).max(self.widest[0]);
            push(out, format_args!("{name}{:padding$}  ", "", padding = taken - width(&name)));
            room = room.saturating_sub(taken + 2);
        }
        let target = shown(&record.target);
        if room < CUT_MIN && width(&target) > room {
            let target = without_middle(&target, columns.saturating_sub(INDENT));
            out.truncate(out.trim_ascii_end().len());
            push(out, format_args!("\n{:INDENT$}{target}", ""));
            room = 0;
        } else {
            let target = without_middle(&target, room);
            out.extend_from_slice(target.as_bytes());
            let taken = width(&target);
            room = room.saturating_sub(taken);
            self.widest[1] = self.widest[1].max(taken).min(WIDEST[1]);
        }
        if record.detail.is_none() {
            return;
        }
        let mut told = Vec::new();
        push_reason(record, &mut told);
        let told = String::from_utf8_lossy(&told);
        match room.checked_sub(width(&told) + 2) {
            Some(room_left) => {
                let padding = self.widest[1].saturating_sub(width(&target)).min(room_left) + 2;
                push(out, format_args!("{:padding$}{told}", ""));
            }
            None => push(out, format_args!("\n{:INDENT$}{told}", "")),
        }
    }

    /// Has the lines from there on fit a terminal.
    fn fold(&self, from: usize, out: &mut Vec<u8>) {
        let Some(columns) = self.columns else { return };
        let lines = out.split_off(from);
        for line in String::from_utf8_lossy(&lines).lines() {
            push_folded(line, columns, if line.starts_with(' ') { INDENT + 2 } else { INDENT }, out);
            out.push(b'\n');
        }
    }

    fn push_counts(&self, summary: &Summary, out: &mut Vec<u8>) {
        let tally = &summary.tally;
        if tally.total() == 0 {
            return out.extend_from_slice(b"nothing checked");
        }
        push(out, format_args!("{} checked:", tally.total()));
        let mut separator = " ";
        for verdict in Verdict::ALL {
            let count = tally.verdict(verdict);
            if count > 0 {
                push(out, format_args!("{separator}{count} "));
                self.push_verdict(verdict, out);
                separator = ", ";
            }
        }
    }

    /// The figures of a run.
    pub(super) fn push_summary(&self, summary: &Summary, out: &mut Vec<u8>) {
        let tally = &summary.tally;
        let from = out.len();
        out.push(b'\n');
        self.push_counts(summary, out);
        out.push(b'\n');
        let reasons = listed(summary);
        if !reasons.is_empty() {
            push(out, format_args!("reasons: {reasons}\n"));
        }
        if let Some(times) = times_in_words(tally) {
            push(out, format_args!("answers: {times}\n"));
            if self.verbose {
                push_histogram(tally.times(), self.columns.unwrap_or(COLUMNS), out);
            }
        }
        push(
            out,
            format_args!(
                "run: {} wall, {} in flight at most, {} CPU, 1 thread",
                short_time(summary.wall),
                summary.most_in_flight,
                short_time(summary.cpu)
            ),
        );
        if self.verbose {
            let tenths = summary.peak_memory.saturating_mul(10).saturating_add(1 << 19) >> 20;
            push(out, format_args!(", {}.{} MiB", tenths / 10, tenths % 10));
        }
        out.push(b'\n');
        self.fold(from, out);
    }
}

/// Why it is not simply up: `status: status was 503, expected status in 200-399 (3 attempts)`.
fn push_reason(record: &Record<'_>, out: &mut Vec<u8>) {
    push(out, format_args!("{}: ", record.reason.as_str()));
    push_shown(record.detail.as_deref().unwrap_or_default(), out);
    if record.attempts > 1 && !record.verdict().is_healthy() {
        push(out, format_args!(" ({} attempts)", record.attempts));
    }
}

fn push_phases(record: &Record<'_>, out: &mut Vec<u8>) {
    let phases = &record.phases;
    push(out, format_args!("         "));
    if let Some(address) = record.address {
        push(out, format_args!("{address}: "));
    } else if let Some(socket) = record.socket {
        push_shown(socket, out);
        out.extend_from_slice(b": ");
    }
    if record.reused {
        push(out, format_args!("connection reused, "));
    }
    push(out, format_args!("queue {}", short_time(phases.queue.time())));
    for (name, phase) in phases.named() {
        if let Some(phase) = phase {
            push(out, format_args!(", {name} {}", short_time(phase)));
        }
    }
    push(out, format_args!(", {} body bytes\n", record.body_bytes));
}

fn push_tls(tls: &TlsSeen, wall: Duration, out: &mut Vec<u8>) {
    let version = tls.version.unwrap_or("-");
    push(out, format_args!("         TLS {version} {}", tls.cipher.as_deref().unwrap_or("-")));
    if let Some(certificate) = &tls.certificate {
        out.extend_from_slice(b", ");
        push_shown(&certificate.subject, out);
        out.extend_from_slice(b", issued by ");
        push_shown(&certificate.issuer, out);
        out.extend_from_slice(b", for ");
        for (index, name) in certificate.names.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b" " } else { b"" });
            push_shown(name, out);
        }
        out.extend_from_slice(b", until ");
        push_date(certificate.not_after, out);
        push(out, format_args!(" ({} days left), SHA-256 ", certificate.days_left(wall)));
        push_hex(&certificate.fingerprint, out);
    }
    out.push(b'\n');
}

/// How long the answers took: `p50 203 ms, p90 210 ms, p99 250 ms, max 1.20 s`. `None`: nobody answered.
pub(super) fn times_in_words(tally: &Tally) -> Option<String> {
    let times = tally.times();
    let [p50, p90, p99] = [50, 90, 99].map(|percent| times.percentile(percent).map(short_time));
    Some(format!("p50 {}, p90 {}, p99 {}, max {}", p50?, p90?, p99?, short_time(times.max()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Reason;
    use crate::report::testing::{all_kinds, failed, hostile, up, with_text, written};

    fn lines(columns: Option<usize>, verbose: bool, records: &[Record<'_>]) -> Vec<String> {
        let look = Look { columns, verbose, ..Look::default() };
        written(&mut Human::new(look), records).lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_does_not_fit_behind_a_target_stands_below_it() {
        let records = [
            failed("http://127.0.0.1:1/", Reason::Reset, "it reset"),
            failed("http://127.0.0.1:1/", Reason::ConnectRefused, "127.0.0.1:1 refused the connection"),
            Record { name: Some("payments".into()), ..up("http://127.0.0.1:8000/a/long/way/to/the/end/of/health") },
            Record {
                attempts: 3,
                ..failed("tcp://db", Reason::Status, "status was 503, and a detail of many words more")
            },
        ];
        let expected = [
            "down        -   203 ms  http://127.0.0.1:1/  reset: it reset",
            "down        -   203 ms  http://127.0.0.1:1/",
            "         connect_refused: 127.0.0.1:1 refused the connection",
            "up        200   203 ms  payments  http://127....way/to/the/end/of/health",
            "down        -   203 ms  tcp://db",
            "         status: status was 503, and a detail of many words more",
            "           (3 attempts)",
        ];
        assert_eq!(lines(Some(73), false, &records)[..7], expected);
        let expected = ["down        -   203 ms", "         http://127.0.0.1:1/", "         reset: it reset"];
        assert_eq!(lines(Some(40), false, &records)[..3], expected);
        let expected = [
            "down        -   203 ms  http://127.0.0.1:1/  reset: it reset",
            "down        -   203 ms  http://127.0.0.1:1/  connect_refused: 127.0.0.1:1 refused the connection",
            "up        200   203 ms  payments  http://127.0.0.1:8000/a/long/way/to/the/end/of/health",
            "down        -   203 ms  tcp://db  status: status was 503, and a detail of many words more (3 attempts)",
        ];
        assert_eq!(lines(None, false, &records)[..4], expected, "whole where it is no terminal");
    }

    #[test]
    fn verbose_has_a_histogram_and_what_it_took() {
        let records = [up("http://a/"), up("http://b/"), failed("http://c/", Reason::ConnectRefused, "refused")];
        let expected = [
            "answers: p50 203 ms, p90 203 ms, p99 203 ms, max 203 ms",
            &format!("    200 ms to   210 ms  {} 2", "#".repeat(53)),
            "run: 214 ms wall, 3 in flight at most, 9.0 ms CPU, 1 thread, 3.0 MiB",
        ];
        let lines_of = |verbose| lines(Some(80), verbose, &records);
        assert!(lines_of(true).ends_with(&expected.map(str::to_owned)), "{:?}", lines_of(true));
        assert!(!lines_of(false).iter().any(|line| line.contains(" to ") || line.contains("MiB")));
        let lines = lines(None, true, &records[2..]);
        assert!(!lines.iter().any(|line| line.contains(" to ")), "nobody answered: {lines:?}");
    }

    #[test]
    fn reasons_stand_below_each_other() {
        let targets =
            ["http://a/", "http://a.example/", "http://b/", "http://127.0.0.1:8000/longer/than/is/good/for/all/"];
        let records = targets.map(|target| failed(target, Reason::Reset, "it reset"));
        let lines = lines(Some(120), false, &[&records[..], &records[2..3]].concat());
        let reasons: Vec<usize> = lines.iter().filter_map(|line| line.find("reset:")).collect();
        assert_eq!(reasons, [FRONT + 11, FRONT + 19, FRONT + 19, FRONT + 52, FRONT + WIDEST[1] + 2]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [40, 80, 120] {
            for line in lines(Some(columns), true, &all_kinds()) {
                // No word of a certificate is broken.
                let is_word = line.trim_start().len() >= columns - INDENT - 2 && !line.trim_start().contains(' ');
                assert!(width(&line) < columns || is_word, "{columns}: {line:?}");
            }
            for text in hostile() {
                lines(Some(columns), true, &with_text(&text));
            }
        }
        lines(Some(1), true, &all_kinds());
    }
}
