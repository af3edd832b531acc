//! The rows of a report that has room for a few: the worst first, and a count of the rest. It holds no more of them than it
//! could show, however many there are.

use crate::check::outcome::Verdict;
use crate::check::tally::Tally;

/// So many rows are shown.
pub(super) const ROWS_MAX: usize = 100;

/// So much of a text is shown in a row, in characters.
pub(super) const TEXT_MAX: usize = 200;

/// What matters most first.
pub(super) const WORST_FIRST: [Verdict; 4] = [Verdict::Down, Verdict::Unknown, Verdict::Degraded, Verdict::Up];

/// The first rows of each verdict: how much room the worse ones leave is known at the end.
#[derive(Debug, Default)]
pub(super) struct Rows {
    of: [Vec<Vec<u8>>; Verdict::ALL.len()],
}

impl Rows {
    /// Where to write the next row of this verdict. `None`: no more of them could be shown.
    pub(super) fn next(&mut self, verdict: Verdict) -> Option<&mut Vec<u8>> {
        let rows = &mut self.of[verdict as usize];
        if rows.len() == ROWS_MAX {
            return None;
        }
        rows.push(Vec::new());
        rows.last_mut()
    }

    /// Appends the rows of these verdicts, in this order, as many as may be shown. Gives the rest in words, empty where
    /// there is none: `3 down, 9 up`.
    pub(super) fn push(&self, verdicts: &[Verdict], tally: &Tally, out: &mut Vec<u8>) -> String {
        let mut room = ROWS_MAX;
        let mut rest = Vec::new();
        for verdict in verdicts {
            let rows = &self.of[*verdict as usize];
            let shown = &rows[..rows.len().min(room)];
            room -= shown.len();
            shown.iter().for_each(|row| out.extend_from_slice(row));
            let more = tally.verdict(*verdict).saturating_sub(shown.len() as u64);
            if more > 0 {
                rest.push(format!("{more} {}", verdict.as_str()));
            }
        }
        rest.join(", ")
    }
}

/// The counts in words: `97 of 100 up, 1 degraded, 2 down`.
pub(super) fn counts(tally: &Tally) -> String {
    if tally.total() == 0 {
        return "nothing was checked".to_owned();
    }
    let mut text = format!("{} of {} up", tally.verdict(Verdict::Up), tally.total());
    for verdict in [Verdict::Degraded, Verdict::Down, Verdict::Unknown] {
        let count = tally.verdict(verdict);
        if count > 0 {
            text.push_str(&format!(", {count} {}", verdict.as_str()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::{Phases, Reason};

    #[test]
    fn the_worst_are_shown_and_the_rest_counted() {
        let (mut rows, mut tally) = (Rows::default(), Tally::default());
        let mut add = |reason: Reason, times: usize| {
            for _ in 0..times {
                tally.add(reason, &Phases::default());
                if let Some(row) = rows.next(reason.verdict()) {
                    row.extend_from_slice(reason.as_str().as_bytes());
                    row.push(b'\n');
                }
            }
        };
        add(Reason::Ok, 1000);
        add(Reason::Warn, 70);
        add(Reason::Deadline, 2);
        add(Reason::Closed, 40);
        let mut out = Vec::new();
        let rest = rows.push(&WORST_FIRST, &tally, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "closed\n".repeat(40) + &"deadline\n".repeat(2) + &"warn\n".repeat(58));
        assert_eq!(rest, "12 degraded, 1000 up");
        assert_eq!(rows.push(&WORST_FIRST[..2], &tally, &mut Vec::new()), "");
        assert!(rows.of.iter().all(|rows| rows.len() <= ROWS_MAX));
        assert_eq!(counts(&tally), "1000 of 1112 up, 70 degraded, 40 down, 2 unknown");
        assert_eq!(counts(&Tally::default()), "nothing was checked");
    }
}
