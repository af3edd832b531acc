//! The ways to make the same checks: their names, and how long each ought to take. It starts none of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::check::units;
use crate::report::text::short_time;

/// The most threads that can be asked for: more than any Linux starts by default.
const THREADS_MAX: usize = 100_000;

/// The longest time that `loop-blocking` may block for each check.
const BLOCK_MAX: Duration = Duration::from_secs(60);

/// A way to make the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// One after the other.
    Sequential,
    /// So many at a time, each on a thread that waits for it.
    Threads(usize),
    /// All at once on one thread: the program's own event loop.
    Loop,
    /// The same loop, with a call in it that blocks for so long for each check: the mistake that is most often made
    /// with event loops.
    LoopBlocking(Duration),
}

impl Strategy {
    /// How long `count` checks should take if each has to wait for `latency` and nothing else costs time.
    pub(super) fn estimate(self, count: usize, latency: Duration) -> Duration {
        // A count that does not fit would take for ever anyway.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match self {
            Strategy::Sequential => latency.saturating_mul(count),
            Strategy::Threads(threads) => {
                let threads = u32::try_from(threads).unwrap_or(u32::MAX).max(1);
                latency.saturating_mul(count.div_ceil(threads))
            }
            Strategy::Loop => latency,
            Strategy::LoopBlocking(block) => latency.saturating_add(block.saturating_mul(count)),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strategy::Sequential => f.pad("sequential"),
            Strategy::Threads(threads) => f.pad(&format!("threads:{threads}")),
            Strategy::Loop => f.pad("loop"),
            Strategy::LoopBlocking(block) => match block.as_micros() {
                micros if micros % 1_000_000 == 0 => f.pad(&format!("loop-blocking:{}s", micros / 1_000_000)),
                micros if micros % 1000 == 0 => f.pad(&format!("loop-blocking:{}ms", micros / 1000)),
                micros => f.pad(&format!("loop-blocking:{micros}us")),
            },
        }
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Strategy, String> {
        match text.split_once(':') {
            None if text == "sequential" => Ok(Strategy::Sequential),
            None if text == "loop" => Ok(Strategy::Loop),
            Some(("threads", number)) => {
                let threads = number.parse().ok().filter(|threads| (1..=THREADS_MAX).contains(threads));
                threads.map(Strategy::Threads).ok_or_else(|| {
                    format!("'{}' is not a number of threads from 1 to {THREADS_MAX}", number.escape_debug())
                })
            }
            Some(("loop-blocking", time)) => match units::duration(time)? {
                time if time <= BLOCK_MAX => Ok(Strategy::LoopBlocking(time)),
                _ => Err(format!("'{time}' is longer than {}", short_time(BLOCK_MAX))),
            },
            _ => Err(format!(
                "'{}' is not a strategy: sequential, threads:N, loop, loop-blocking:TIME",
                text.escape_debug()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn names_go_both_ways() {
        let cases = [
            ("sequential", Strategy::Sequential),
            ("threads:30", Strategy::Threads(30)),
            ("loop", Strategy::Loop),
            ("loop-blocking:50ms", Strategy::LoopBlocking(50 * MS)),
            ("loop-blocking:1ms", Strategy::LoopBlocking(MS)),
            ("loop-blocking:2s", Strategy::LoopBlocking(2000 * MS)),
            ("loop-blocking:1500us", Strategy::LoopBlocking(MS * 3 / 2)),
        ];
        for (name, strategy) in cases {
            assert_eq!(name.parse(), Ok(strategy));
            assert_eq!(strategy.to_string(), name);
        }
        assert_eq!(format!("{:>6}|{:<6}|", Strategy::Loop, Strategy::Loop), "  loop|loop  |");
    }

    #[test]
    fn what_is_no_strategy() {
        let cases = [
            ("", "'' is not a strategy"),
            ("lop", "'lop' is not a strategy: sequential, threads:N, loop, loop-blocking:TIME"),
            ("threads", "'threads' is not a strategy"),
            ("threads:0", "'0' is not a number of threads from 1 to 100000"),
            ("threads:100001", "'100001' is not"),
            ("threads:x\u{1b}", "'x\\u{1b}' is not"),
            ("loop-blocking:soon", "'soon' is not a duration"),
            ("loop-blocking:2m", "'2m' is longer than 60.0 s"),
            ("loop:1", "'loop:1' is not a strategy"),
        ];
        for (text, message) in cases {
            let error = text.parse::<Strategy>().unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn estimates() {
        let latency = 200 * MS;
        let cases = [
            (Strategy::Sequential, 100, 20_000),
            (Strategy::Threads(30), 100, 800),
            (Strategy::Threads(100), 100, 200),
            (Strategy::Threads(100), 101, 400),
            (Strategy::Loop, 10_000, 200),
            (Strategy::LoopBlocking(50 * MS), 100, 5_200),
        ];
        for (strategy, count, ms) in cases {
            assert_eq!(strategy.estimate(count, latency), ms * MS, "{strategy}");
        }
        assert!(Strategy::Sequential.estimate(usize::MAX, Duration::MAX) == Duration::MAX);
    }
}
