//! For a person: a line a target as it finishes, and a summary.
//!
//! ```text
//!     up     200   203 ms  http://127.0.0.1:8000/health
//!     down     -   1.2 ms  http://127.0.0.1:1/  connect_refused: 127.0.0.1:1 refused the connection
//! ```

use std::time::Duration;

use super::record::Record;
use super::text::{push_date, push_format as push, push_hex, push_shown, short_time};
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
}

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
        Human { color: look.color, verbose: look.verbose, quiet: look.quiet.then(Held::default) }
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
            self.push_counts(summary, out);
            let reasons = listed(summary);
            push(out, format_args!(" ({reasons})\n"));
            out.extend_from_slice(&held.lines);
        }
    }
}

/// The reasons with their counts.
fn listed(summary: &Summary) -> String {
    let reasons = summary.tally.reasons().into_iter();
    reasons.map(|(reason, count)| format!("{} {count}", reason.as_str())).collect::<Vec<_>>().join(", ")
}

impl Human {
    fn push_line(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let verdict = record.verdict();
        self.push_verdict(verdict, out);
        let padding = "degraded".len().saturating_sub(verdict.as_str().len());
        let status = record.status.map_or("-".to_owned(), |status| status.to_string());
        let time = record.total().map_or("-".to_owned(), short_time);
        push(out, format_args!("{:padding$} {status:>4} {time:>8}  ", ""));
        if let Some(name) = &record.name {
            push_shown(name, out);
            out.extend_from_slice(b"  ");
        }
        push_shown(&record.target, out);
        if let Some(detail) = &record.detail {
            push(out, format_args!("  {}: ", record.reason.as_str()));
            push_shown(detail, out);
            if record.attempts > 1 && !verdict.is_healthy() {
                push(out, format_args!(" ({} attempts)", record.attempts));
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
        out.push(b'\n');
        self.push_counts(summary, out);
        out.push(b'\n');
        let reasons = listed(summary);
        if !reasons.is_empty() {
            push(out, format_args!("reasons: {reasons}\n"));
        }
        if let Some(times) = times_in_words(tally) {
            push(out, format_args!("answers: {times}\n"));
        }
        push(
            out,
            format_args!(
                "run: {} wall, {} in flight at most, {} CPU, 1 thread\n",
                short_time(summary.wall),
                summary.most_in_flight,
                short_time(summary.cpu)
            ),
        );
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
    push(out, format_args!("queue {}", short_time(phases.queue)));
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
        push_shown(&certificate.names.join(" "), out);
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
