//! The figures of one run: what the measured process says of itself, what its parent saw from outside, and how several
//! runs are put together.
//!
//! CPU time and switches are the kernel's, for the whole life of the measured process, as `/usr/bin/time -v` has them.
//! Memory and threads it says itself: the kernel's peak for a child is at least its parent's.

use std::time::Duration;

use crate::check::outcome::{Outcome, Verdict};
use crate::check::tally::{Histogram, Tally};
use crate::sys::resource::Usage;

/// What differs by less than this share is called the same: a timer of a millisecond is half a percent of 200 ms.
pub(super) const DIFFERENCE_MIN: f64 = 0.02;

/// What came of the checks so far, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallied {
    /// The verdicts, counted.
    pub(super) tally: Tally,
    latencies: Histogram,
    sum: Duration,
}

impl Tallied {
    /// Takes one outcome. `latency`: from the start of its attempt until it was dealt with.
    pub(super) fn add(&mut self, outcome: &Outcome, latency: Duration) {
        self.tally.add(outcome.reason, &outcome.phases);
        self.latencies.add(latency);
        self.sum += latency;
    }
}

/// What a measured process says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// Checks that ended healthy.
    pub(super) up: u64,
    /// Checks whose target failed.
    pub(super) down: u64,
    /// From the start of a check until its result had been dealt with: half of them took no longer.
    pub(super) p50: Duration,
    /// 99 in 100 took no longer.
    pub(super) p99: Duration,
    /// The longest time that a check took.
    pub(super) max: Duration,
    /// The mean time that a check took.
    pub(super) mean: Duration,
    /// The most threads at once.
    pub(super) threads: u64,
    /// The most memory at once, in bytes.
    pub(super) memory: u64,
    /// The event loop's longest turn. `None`: there was no loop.
    pub(super) longest_turn: Option<Duration>,
}

impl Own {
    /// The figures of a process that has made its checks.
    pub(super) fn new(tallied: &Tallied, usage: &Usage, threads: u64, longest_turn: Option<Duration>) -> Own {
        let Tallied { tally, latencies, sum } = tallied;
        let count = u32::try_from(tally.total()).unwrap_or(u32::MAX).max(1);
        Own {
            up: tally.verdict(Verdict::Up) + tally.verdict(Verdict::Degraded),
            down: tally.verdict(Verdict::Down),
            p50: latencies.percentile(50).unwrap_or_default(),
            p99: latencies.percentile(99).unwrap_or_default(),
            max: latencies.max().unwrap_or_default(),
            mean: *sum / count,
            threads,
            memory: usage.peak_memory,
            longest_turn,
        }
    }

    /// As a line that [`parse`](Self::parse) reads. Times are in microseconds.
    pub(super) fn to_line(&self) -> String {
        let turn = self.longest_turn.map_or("-".to_owned(), |turn| turn.as_micros().to_string());
        let times = [self.p50, self.p99, self.max, self.mean].map(|time| time.as_micros().to_string()).join(" ");
        format!("figures {} {} {times} {} {} {turn}\n", self.up, self.down, self.threads, self.memory)
    }

    /// Reads the line that a measured process prints in the end.
    pub(super) fn parse(line: &str) -> Option<Own> {
        let mut words = line.trim_end().strip_prefix("figures ")?.split(' ');
        let (numbers, turn): (Vec<&str>, &str) = (words.by_ref().take(8).collect(), words.next()?);
        let number = |word: &str| word.parse::<u64>().ok();
        let numbers: Vec<u64> = numbers.into_iter().map(number).collect::<Option<_>>()?;
        let &[up, down, p50, p99, max, mean, threads, memory] = numbers.as_slice() else { return None };
        let [p50, p99, max, mean] = [p50, p99, max, mean].map(Duration::from_micros);
        let longest_turn = match turn {
            "-" => None,
            micros => Some(Duration::from_micros(number(micros)?)),
        };
        match words.next() {
            None => Some(Own { up, down, p50, p99, max, mean, threads, memory, longest_turn }),
            Some(_) => None,
        }
    }
}

/// What the services saw of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Served {
    /// How many requests came.
    pub(super) requests: u64,
    /// The most that were waiting for their answers at once.
    pub(super) most_in_flight: u64,
    /// The CPU time that answering took.
    pub(super) cpu: Duration,
}

/// One run of one strategy.
#[derive(Clone, Debug, Default)]
pub(super) struct MeasuredRun {
    /// From the start of the process to its end.
    pub(super) wall: Duration,
    /// What the kernel counted.
    pub(super) usage: Usage,
    /// What it said itself.
    pub(super) own: Own,
    /// What the services saw. `None`: they are not ours.
    pub(super) served: Option<Served>,
}

impl MeasuredRun {
    /// CPU time, user and system.
    pub(super) fn cpu(&self) -> Duration {
        self.usage.user + self.usage.system
    }

    /// Which share of one core it used while it ran.
    pub(super) fn cpu_share(&self) -> f64 {
        share(self.cpu(), self.wall)
    }

    /// Which share of one core the services used meanwhile.
    pub(super) fn served_share(&self) -> Option<f64> {
        self.served.map(|served| share(served.cpu, self.wall))
    }
}

fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

/// A figure over several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// The one in the middle, or the mean of the two there.
    pub(super) median: f64,
    /// The smallest over all runs.
    pub(super) min: f64,
    /// The largest over all runs.
    pub(super) max: f64,
    /// Of how many runs.
    pub(super) runs: usize,
}

impl Spread {
    /// `None`: there were no runs.
    pub(super) fn of(runs: &[MeasuredRun], figure: &dyn Fn(&MeasuredRun) -> f64) -> Option<Spread> {
        let mut values: Vec<f64> = runs.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Spread { median: (low + high) / 2.0, min, max, runs: values.len() })
    }

    /// Whether the two differ by more than runs of the same thing do, and by more than timers are exact. One run each
    /// says nothing of that.
    pub(super) fn differs(&self, other: &Spread) -> bool {
        let (small, large) = (self.median.min(other.median), self.median.max(other.median));
        (self.runs > 1 || other.runs > 1)
            && (self.max < other.min || other.max < self.min)
            && large > small * (1.0 + DIFFERENCE_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(walls: &[u64]) -> Option<Spread> {
        let runs: Vec<MeasuredRun> = walls
            .iter()
            .map(|wall| MeasuredRun { wall: Duration::from_secs(*wall), ..MeasuredRun::default() })
            .collect();
        Spread::of(&runs, &|run| run.wall.as_secs_f64())
    }

    #[test]
    fn the_line_is_read_as_it_was_written() {
        let own = Own {
            up: 98,
            down: 1,
            p50: Duration::from_micros(200_123),
            p99: Duration::from_micros(210_000),
            max: Duration::from_micros(211_000),
            mean: Duration::from_micros(201_000),
            threads: 101,
            memory: 7 << 20,
            longest_turn: Some(Duration::from_micros(950)),
        };
        let line = own.to_line();
        assert_eq!(Own::parse(&line), Some(own.clone()));
        let no_loop = Own { longest_turn: None, ..own };
        assert_eq!(Own::parse(&no_loop.to_line()), Some(no_loop));
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        for length in 0..words.len() {
            assert_eq!(Own::parse(&words[..length].join(" ")), None, "{length} words");
        }
        for wrong in ["", "figures", &line.replace("98", "x"), &line.replace("98", "-1"), &format!("{} 1", line.trim())]
        {
            assert_eq!(Own::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn medians() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[7]), Some(Spread { median: 7.0, min: 7.0, max: 7.0, runs: 1 }));
        assert_eq!(spread(&[9, 1, 2]), Some(Spread { median: 2.0, min: 1.0, max: 9.0, runs: 3 }));
        assert_eq!(spread(&[4, 1, 2, 9]).map(|spread| spread.median), Some(3.0));
    }

    #[test]
    fn a_difference_counts_only_outside_of_the_spread() {
        let differs = |a: &[u64], b: &[u64]| {
            let (a, b) = (spread(a).unwrap(), spread(b).unwrap());
            assert_eq!(a.differs(&b), b.differs(&a));
            a.differs(&b)
        };
        assert!(differs(&[1, 2, 3], &[4, 5, 6]));
        assert!(!differs(&[1, 2, 4], &[3, 5, 6]));
        assert!(!differs(&[1, 2, 3], &[3, 5, 6]), "touching is no difference");
        assert!(differs(&[1, 2, 3], &[20]));
        assert!(!differs(&[1], &[20]), "one run each");
        assert!(!differs(&[1000, 1001], &[1018, 1019]) && differs(&[1000, 1001], &[1028, 1029]), "too close");
    }

    #[test]
    fn shares_of_a_core() {
        let usage = Usage { user: Duration::from_millis(30), system: Duration::from_millis(20), ..Usage::default() };
        let served = Served { cpu: Duration::from_millis(190), ..Served::default() };
        let run =
            MeasuredRun { wall: Duration::from_millis(200), usage, served: Some(served), ..MeasuredRun::default() };
        assert!((run.cpu_share() - 0.25).abs() < 1e-9);
        assert!((run.served_share().unwrap() - 0.95).abs() < 1e-9);
        assert_eq!(MeasuredRun::default().cpu_share(), 0.0);
    }
}
