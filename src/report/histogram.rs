//! How long the answers took, for a person: a row for each range of times, from the shortest to the longest.
//!
//! ```text
//!       200 ms to   210 ms  ############################## 93
//!       210 ms to   220 ms  # 2
//!       220 ms to   230 ms  ## 5
//! ```
//!
//! The ends of the ranges are round, and as close together as leaves a handful of rows.

use std::time::Duration;

use super::text::{push_format, short_time};
use crate::check::tally::Histogram;

/// So many rows at most.
const ROWS_MAX: usize = 10;

/// How far apart the ends are, in hundredths of the power of ten below them. What times are counted by is finer than all
/// of these.
const STEPS: [u64; 4] = [10, 20, 50, 100];

/// Besides, there are ends of 1, 2, 5, 10, and of 1, 10.
const SPACINGS: usize = STEPS.len() + 2;

/// Before a bar stand the two ends. Those of more than a quarter of an hour are wider.
const FRONT: usize = 24;

/// Where ends are so far apart, the one above this one, in microseconds.
fn end_above(end: u64, spacing: usize) -> u64 {
    let power = 10u64.pow(end.ilog10());
    match STEPS.get(spacing) {
        Some(step) => end + (power * step / 100).max(1),
        None if spacing == STEPS.len() && end == power => 2 * power,
        None if spacing == STEPS.len() && end == 2 * power => 5 * power,
        None => 10 * power,
    }
}

/// Both ends of each range, in microseconds, and how many times lie in it, the upper end not included.
fn rows(times: &Histogram, spacing: usize) -> Vec<(u64, u64, u64)> {
    let mut rows = Vec::new();
    let mut counts = times.counts().peekable();
    let mut from = counts.peek().map_or(1, |(shortest, _)| 10u64.pow(shortest.max(&1).ilog10()));
    while counts.peek().is_some() {
        let to = end_above(from, spacing);
        let count = std::iter::from_fn(|| counts.next_if(|(time, _)| *time < to)).map(|(_, count)| count).sum();
        if count > 0 || !rows.is_empty() {
            rows.push((from, to, count));
        }
        from = to;
    }
    rows
}

/// Appends the rows, none of more than so many columns where that leaves room for a bar. Nothing where nobody answered, or
/// where the longest time is some 10^10 times the shortest.
pub(super) fn push_histogram(times: &Histogram, columns: usize, out: &mut Vec<u8>) {
    let mut spacings = (0..SPACINGS).map(|spacing| rows(times, spacing));
    let Some(rows) = spacings.find(|rows| rows.len() <= ROWS_MAX) else { return };
    let most = rows.iter().map(|(.., count)| *count).max().unwrap_or(0).max(1);
    let room = columns.saturating_sub(FRONT + 2 + most.ilog10() as usize).max(1) as u64;
    for (from, to, count) in rows {
        let [from, to] = [from, to].map(|end| short_time(Duration::from_micros(end)));
        // One among thousands is to be seen, too.
        let bar = "#".repeat((count * room).div_ceil(most) as usize);
        push_format(out, format_args!("  {from:>8} to {to:>8}  {bar}{:1$}{count}\n", "", usize::from(count > 0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::pushed;

    fn histogram(columns: usize, all_micros: impl IntoIterator<Item = u64>) -> String {
        let mut times = Histogram::default();
        all_micros.into_iter().for_each(|micros| times.add(Duration::from_micros(micros)));
        pushed(|out| push_histogram(&times, columns, out))
    }

    #[test]
    fn ranges_are_round_and_a_handful() {
        let close = [203_000, 203_500, 204_000, 205_000, 233_000];
        let expected = "
    200 ms to   210 ms  ########## 4
    210 ms to   220 ms  0
    220 ms to   230 ms  0
    230 ms to   240 ms  ### 1
";
        assert_eq!(histogram(36, close), expected[1..]);
        let far = [90, 230, 700, 12_000, 230_000];
        let expected = "
     10 us to   100 us  ##### 1
    100 us to   1.0 ms  ########## 2
    1.0 ms to    10 ms  0
     10 ms to   100 ms  ##### 1
    100 ms to   1.00 s  ##### 1
";
        assert_eq!(histogram(36, far), expected[1..]);
    }

    #[test]
    fn one_row_where_all_times_are_the_same_and_none_where_there_are_none() {
        assert_eq!(histogram(80, []), "");
        assert_eq!(histogram(36, [200_000; 7]), "    200 ms to   210 ms  ########## 7\n");
        assert_eq!(histogram(1, [0]), "      1 us to     2 us  # 1\n");
    }

    #[test]
    fn whatever_the_times_are_each_is_in_one_row_and_the_rows_fit() {
        for shortest in [1, 7, 1_000, 99_999, 20_000_000] {
            for spread in [1, 2, 30, 1_000, 1_000_000] {
                let span = (shortest * spread).min(900_000_000);
                let all = (0..1_000u64).map(|number| shortest + span * number * number / 1_000_000);
                let text = histogram(80, all);
                let counts = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
                assert_eq!(counts.sum::<u64>(), 1_000, "{text}");
                assert!((1..=ROWS_MAX).contains(&text.lines().count()), "{text}");
                assert!(text.lines().all(|line| line.len() <= 80), "{text}");
                assert!(text.lines().any(|line| line.len() == 80 || line.ends_with(" 0")), "{text}");
            }
        }
    }
}
