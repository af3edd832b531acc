//! For Nagios, Icinga and their kin: one line with performance data, and what is not up on the lines below, as the
//! Monitoring Plugins' guidelines have it (<https://www.monitoring-plugins.org/doc/guidelines.html>).
//!
//! ```text
//!     UPCHECK CRITICAL - 98 of 100 up, 2 down | time=0.201114s;;;0; total=100 up=98 degraded=0 down=2 unknown=0
//!     down  http://127.0.0.1:1/  connect_refused: 127.0.0.1:1 refused the connection
//! ```
//!
//! `time` is that of the slowest answer: the one that a graph or a threshold is to catch, and for a single target its own.

use std::io::Write;

use super::record::Record;
use super::rows::{Rows, TEXT_MAX, WORST_FIRST, counts};
use super::text::{push_number, push_seconds, push_shown, put};
use super::{Sink, Summary};
use crate::check::expect::clip;
use crate::check::outcome::Verdict;
use crate::check::tally::Tally;

/// The format: it keeps what is not up, as far as a line or a page has room for it.
#[derive(Debug, Default)]
pub struct Nagios {
    rows: Rows,
}

/// The service's state: the plugin's exit status.
///
/// One that is down is critical whatever else there is, and what could not be told comes behind a warning: it blames
/// nobody. That is the order of `max_state_alt` in Monitoring::Plugin, which is "a true definition of a max state (OK
/// last)". Where nothing was checked nothing is known.
pub fn state(tally: &Tally) -> u8 {
    let any = |verdict| tally.verdict(verdict) > 0;
    if any(Verdict::Down) {
        2
    } else if any(Verdict::Degraded) {
        1
    } else if any(Verdict::Unknown) || tally.total() == 0 {
        3
    } else {
        0
    }
}

impl Sink for Nagios {
    fn record(&mut self, record: &Record<'_>, _: &mut Vec<u8>) {
        let verdict = record.verdict();
        if verdict == Verdict::Up {
            return;
        }
        let Some(row) = self.rows.next(verdict) else { return };
        put(verdict.as_str().as_bytes(), row);
        for text in record.name.as_deref().into_iter().chain([&*record.target]) {
            put(b"  ", row);
            push_plain(text, row);
        }
        put(b"  ", row);
        put(record.reason.as_str().as_bytes(), row);
        if let Some(detail) = &record.detail {
            put(b": ", row);
            push_plain(detail, row);
        }
        row.push(b'\n');
    }

    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>) {
        let tally = &summary.tally;
        let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::from(state(tally))];
        // Writing to a Vec cannot fail.
        let _ = write!(out, "UPCHECK {word} - {} | time=", counts(tally));
        match tally.times().max() {
            Some(time) => {
                push_seconds(time, out);
                put(b"s;;;0;", out);
            }
            // By the guidelines: the value could not be determined.
            None => out.push(b'U'),
        }
        put(b" total=", out);
        push_number(tally.total(), out);
        for verdict in Verdict::ALL {
            out.push(b' ');
            put(verdict.as_str().as_bytes(), out);
            out.push(b'=');
            push_number(tally.verdict(verdict), out);
        }
        out.push(b'\n');
        // All but the last, which is up.
        let rest = self.rows.push(&WORST_FIRST[..3], tally, out);
        if !rest.is_empty() {
            let _ = writeln!(out, "not shown: {rest}");
        }
    }
}

/// Appends a text for a terminal, in which no bar begins performance data.
fn push_plain(text: &str, out: &mut Vec<u8>) {
    push_shown(&clip(text, TEXT_MAX).replace('|', "\u{a6}"), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::{Phases, Reason};
    use crate::report::testing::{all_kinds, failed, hostile, up, with_text, written};

    #[test]
    fn one_line_and_what_is_not_up_below() {
        assert_eq!(
            written(&mut Nagios::default(), &all_kinds()),
            "UPCHECK CRITICAL - 2 of 6 up, 1 degraded, 2 down, 1 unknown | time=0.320000s;;;0; total=6 up=2 degraded=1 \
             down=2 unknown=1\n\
             down  http://sick/  status: status was 503, expected status in 200-399 (and 1 more)\n\
             down  tcp://127.0.0.1:1  connect_refused: 127.0.0.1:1 refused the connection\n\
             unknown  http://late/  deadline: the run's time was over (--deadline)\n\
             degraded  http://slow/  warn: total was 320 ms, expected total < 300ms\n"
        );
        assert_eq!(
            written(&mut Nagios::default(), &[up("http://a/"), up("http://b/")]),
            "UPCHECK OK - 2 of 2 up | time=0.203000s;;;0; total=2 up=2 degraded=0 down=0 unknown=0\n"
        );
        assert_eq!(
            written(&mut Nagios::default(), &[]),
            "UPCHECK UNKNOWN - nothing was checked | time=U total=0 up=0 degraded=0 down=0 unknown=0\n"
        );
    }

    #[test]
    fn the_state_is_the_worst_where_ok_is_the_least() {
        let state_of = |reasons: &[Reason]| {
            let mut tally = Tally::default();
            reasons.iter().for_each(|reason| tally.add(*reason, &Phases::default()));
            state(&tally)
        };
        let (ok, warning, critical, unknown) = (Reason::Ok, Reason::Warn, Reason::Status, Reason::Deadline);
        assert_eq!(state_of(&[ok]), 0);
        assert_eq!(state_of(&[ok, warning]), 1);
        assert_eq!(state_of(&[unknown, warning]), 1);
        assert_eq!(state_of(&[unknown, warning, critical, ok]), 2);
        assert_eq!(state_of(&[ok, unknown]), 3);
        assert_eq!(state_of(&[]), 3);
    }

    #[test]
    fn whatever_a_text_holds_is_one_line_without_a_bar() {
        for text in hostile() {
            let written = written(&mut Nagios::default(), &with_text(&text));
            let lines: Vec<&str> = written.split_terminator('\n').collect();
            assert_eq!(lines.len(), 3, "{written:?}");
            assert_eq!(written.matches('|').count(), 1, "{written:?}");
            assert!(lines[1..].iter().all(|line| line.starts_with("down  ") && !line.contains(char::is_control)));
            assert!(lines[1..].iter().all(|line| line.chars().count() < 8 * 3 * TEXT_MAX), "{written:?}");
        }
    }

    #[test]
    fn of_very_many_a_hundred_are_named() {
        let many = vec![failed("http://gone/", Reason::Closed, "closed"); 250];
        let written = written(&mut Nagios::default(), &many);
        assert_eq!(written.lines().count(), 102);
        assert!(written.ends_with("http://gone/  closed: closed\nnot shown: 150 down\n"), "{written}");
    }
}
