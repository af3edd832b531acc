//! What came of all runs, and what may be said of it: who was faster than whom, who kept the budget, what to beware of.
//!
//! It only judges. How it looks is in `tables`, `json` and `html`.

use std::time::Duration;

use super::figures::{MeasuredRun, Spread};
use super::measure::Targets;
use super::strategy::Strategy;
use crate::report::text::short_time;

/// A run that takes longer than this is not repeated: the whole should not take all day, and its spread is small
/// against its length.
pub(super) const SLOW: Duration = Duration::from_secs(10);

/// When the services used more than this share of a core, they may have been what was measured.
const BUSY: f64 = 0.8;

/// A whole comparison.
#[derive(Debug)]
pub(super) struct Comparison {
    /// What was checked.
    pub(super) targets: Targets,
    /// How often each strategy was to be run.
    pub(super) repeat: usize,
    /// The time within which all checks should be made.
    pub(super) budget: Option<Duration>,
    /// A case for each number of checks.
    pub(super) cases: Vec<Case>,
    /// It was ended before it was complete.
    pub(super) interrupted: bool,
}

/// The strategies with the same number of checks.
#[derive(Debug)]
pub(super) struct Case {
    /// How many checks each strategy made.
    pub(super) count: usize,
    /// The strategies, in the order in which they were asked for.
    pub(super) entries: Vec<ComparisonEntry>,
}

/// A strategy, and what came of it.
#[derive(Debug)]
pub(super) struct ComparisonEntry {
    /// How the checks were waited for.
    pub(super) strategy: Strategy,
    /// The runs that were measured, in their order.
    pub(super) runs: Vec<MeasuredRun>,
    /// Why there are no more runs of it, where it could not be run.
    pub(super) missing: Option<NotMeasured>,
}

/// A strategy that could not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotMeasured {
    /// Why it was not measured, in words.
    pub(super) why: String,
    /// How long it should take by what its services take; never measured.
    pub(super) estimate: Option<Duration>,
}

/// How a strategy stands against the fastest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    /// Nothing was faster.
    Fastest,
    /// It may be as fast: the difference is inside the spread.
    Level,
    /// It took so many times as long.
    Slower(f64),
    /// It was not measured.
    Unmeasured,
}

/// Whether a strategy keeps the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Every run was in time.
    Yes,
    /// Not in every run.
    No,
    /// By the estimate, it would.
    Probably,
    /// By the estimate, it would not.
    ProbablyNot,
    /// It was neither measured nor can it be estimated.
    Unknown,
}

impl ComparisonEntry {
    /// A strategy that has not been run yet.
    pub(super) fn new(strategy: Strategy) -> ComparisonEntry {
        ComparisonEntry { strategy, runs: Vec::new(), missing: None }
    }

    /// The time from the start of the process to its end, in seconds.
    pub(super) fn wall(&self) -> Option<Spread> {
        self.spread(&|run| run.wall.as_secs_f64())
    }

    /// One figure over the runs. `None`: there are none.
    pub(super) fn spread(&self, figure: &dyn Fn(&MeasuredRun) -> f64) -> Option<Spread> {
        Spread::of(&self.runs, figure)
    }

    /// The guess at how long it takes, where it was not measured.
    pub(super) fn estimate(&self) -> Option<Duration> {
        self.missing.as_ref().filter(|_| self.runs.is_empty())?.estimate
    }

    /// Whether it keeps this budget.
    pub(super) fn keeps(&self, budget: Duration) -> Kept {
        match (self.wall(), self.estimate()) {
            (Some(wall), _) if wall.max <= budget.as_secs_f64() => Kept::Yes,
            (Some(_), _) => Kept::No,
            (None, Some(estimate)) if estimate <= budget => Kept::Probably,
            (None, Some(_)) => Kept::ProbablyNot,
            (None, None) => Kept::Unknown,
        }
    }

    /// Whether another run is due, in this round (from 0) of so many.
    pub(super) fn is_due(&self, round: usize) -> bool {
        let slow = self.runs.iter().any(|run| run.wall > SLOW);
        self.missing.is_none() && self.runs.len() == round && !(slow && round > 0)
    }
}

impl Case {
    /// How each strategy stands, in their order.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let walls: Vec<Option<Spread>> = self.entries.iter().map(ComparisonEntry::wall).collect();
        let medians = walls.iter().enumerate().filter_map(|(index, wall)| Some((index, (*wall)?)));
        let fastest = medians.min_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
        let Some((first, fastest)) = fastest else { return vec![Standing::Unmeasured; walls.len()] };
        let standing = |(index, wall): (usize, &Option<Spread>)| match wall {
            None => Standing::Unmeasured,
            Some(_) if index == first => Standing::Fastest,
            Some(wall) if wall.differs(&fastest) => Standing::Slower(wall.median / fastest.median),
            Some(_) => Standing::Level,
        };
        let standings: Vec<Standing> = walls.iter().enumerate().map(standing).collect();
        // A first one that cannot be told from another is no first.
        let alone = !standings.contains(&Standing::Level);
        standings.into_iter().map(|s| if s == Standing::Fastest && !alone { Standing::Level } else { s }).collect()
    }

    /// The mean time of a check, by a strategy that held none up. For targets of which nobody knows it beforehand.
    pub(super) fn mean_latency(&self) -> Option<Duration> {
        let honest = self.entries.iter().filter(|entry| !matches!(entry.strategy, Strategy::LoopBlocking(_)));
        honest.flat_map(|entry| &entry.runs).map(|run| run.own.mean).min()
    }

    /// The longest time of a run, if one was made.
    pub(super) fn longest_wall(&self) -> Option<f64> {
        let walls = self.entries.iter().filter_map(|entry| Some(entry.wall()?.median));
        let estimates = self.entries.iter().filter_map(|entry| Some(entry.estimate()?.as_secs_f64()));
        walls.chain(estimates).max_by(f64::total_cmp)
    }
}

impl Comparison {
    /// Whether all checks of all runs were healthy.
    pub(super) fn all_healthy(&self) -> bool {
        self.cases.iter().flat_map(|case| &case.entries).flat_map(|entry| &entry.runs).all(|run| run.own.down == 0)
    }

    /// What is to be said of the figures, a sentence a line.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.interrupted {
            notes.push("interrupted before it was complete".to_owned());
        }
        for case in &self.cases {
            // Where there is one case only, which one goes without saying.
            let of = if self.cases.len() > 1 { format!(" with {} checks", case.count) } else { String::new() };
            note_level(case, &of, &mut notes);
            for entry in &case.entries {
                self.note_entry(entry, &of, case.count, &mut notes);
            }
        }
        notes
    }

    fn note_entry(&self, entry: &ComparisonEntry, of: &str, count: usize, notes: &mut Vec<String>) {
        let name = format!("{}{of}", entry.strategy);
        let times = |number: usize| if number == 1 { "once".to_owned() } else { format!("{number} times") };
        if let Some(NotMeasured { why, estimate }) = &entry.missing {
            let estimate = match estimate {
                Some(estimate) => format!("; ~{} is an estimate", short_time(*estimate)),
                None => String::new(),
            };
            notes.push(format!("{name} was not measured: {why}{estimate}"));
        } else if entry.runs.len() < self.repeat && !self.interrupted {
            let (slow, runs) = (short_time(SLOW), times(entry.runs.len()));
            notes.push(format!("{name} ran {runs} only: what takes over {slow} is not repeated"));
        }
        let turn = entry.runs.iter().filter_map(|run| run.own.longest_turn).max();
        if let (Strategy::LoopBlocking(_), Some(turn)) = (entry.strategy, turn) {
            notes.push(format!("{name} blocked its loop: one turn took {}, and everybody waited", short_time(turn)));
        }
        let share = entry.runs.iter().filter_map(MeasuredRun::served_share).fold(0.0, f64::max);
        if share > BUSY {
            let percent = (share * 100.0).round() as u64;
            notes.push(format!("{name}: the services used {percent} % of a core, and may be what was measured"));
        }
        let requests = entry.runs.iter().filter_map(|run| run.served).map(|served| served.requests);
        if let Some(wrong) = requests.into_iter().find(|requests| *requests != count as u64) {
            notes.push(format!("{name}: the services counted {wrong} requests, not {count}"));
        }
    }
}

/// Says which ones cannot be told apart.
fn note_level(case: &Case, of: &str, notes: &mut Vec<String>) {
    let standings = case.standings();
    let level = case.entries.iter().zip(standings).filter(|(_, standing)| *standing == Standing::Level);
    let level: Vec<&ComparisonEntry> = level.map(|(entry, _)| entry).collect();
    let names: Vec<String> = level.iter().map(|entry| entry.strategy.to_string()).collect();
    let [others @ .., last] = names.as_slice() else { return };
    if others.is_empty() {
        return;
    }
    let why = if level.iter().all(|entry| entry.runs.len() < 2) {
        "one run each shows no spread"
    } else {
        "the difference in wall time is inside the spread, or too small"
    };
    notes.push(format!("{} and {last}{of} are not ranked: {why}", others.join(", ")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::compare::figures::{Own, Served};

    const MS: Duration = Duration::from_millis(1);

    fn entry(strategy: Strategy, walls_ms: &[u32]) -> ComparisonEntry {
        let served = Served { requests: 100, ..Served::default() };
        let run = |wall: &u32| MeasuredRun { wall: *wall * MS, served: Some(served), ..MeasuredRun::default() };
        ComparisonEntry { runs: walls_ms.iter().map(run).collect(), ..ComparisonEntry::new(strategy) }
    }

    fn missing(strategy: Strategy, estimate_ms: u32) -> ComparisonEntry {
        let why = "no".to_owned();
        ComparisonEntry {
            missing: Some(NotMeasured { why, estimate: Some(estimate_ms * MS) }),
            ..ComparisonEntry::new(strategy)
        }
    }

    fn comparison(entries: Vec<ComparisonEntry>) -> Comparison {
        let targets = Targets::Services { latency: 200 * MS, jitter: Duration::ZERO };
        let cases = vec![Case { count: 100, entries }];
        Comparison { targets, repeat: 3, budget: None, cases, interrupted: false }
    }

    #[test]
    fn nobody_is_ranked_inside_the_spread() {
        let standings = |entries| Case { count: 100, entries }.standings();
        let clear = vec![
            entry(Strategy::Threads(30), &[800, 810, 820]),
            missing(Strategy::Sequential, 20_000),
            entry(Strategy::Loop, &[200, 200, 200]),
        ];
        assert_eq!(standings(clear), [Standing::Slower(4.05), Standing::Unmeasured, Standing::Fastest]);
        let close = vec![
            entry(Strategy::Loop, &[200, 204, 208]),
            entry(Strategy::Threads(100), &[206, 207, 210]),
            entry(Strategy::Sequential, &[2040]),
        ];
        assert_eq!(standings(close), [Standing::Level, Standing::Level, Standing::Slower(10.0)]);
        assert_eq!(standings(vec![]), []);
        assert_eq!(standings(vec![missing(Strategy::Loop, 1)]), [Standing::Unmeasured]);
        assert_eq!(standings(vec![entry(Strategy::Loop, &[1])]), [Standing::Fastest]);
    }

    #[test]
    fn budgets() {
        let budget = 500 * MS;
        assert_eq!(entry(Strategy::Loop, &[200, 500]).keeps(budget), Kept::Yes);
        assert_eq!(entry(Strategy::Loop, &[200, 501]).keeps(budget), Kept::No, "once is enough");
        assert_eq!(missing(Strategy::Loop, 500).keeps(budget), Kept::Probably);
        assert_eq!(missing(Strategy::Loop, 501).keeps(budget), Kept::ProbablyNot);
        assert_eq!(ComparisonEntry::new(Strategy::Loop).keeps(budget), Kept::Unknown);
    }

    #[test]
    fn what_is_slow_is_not_repeated() {
        assert!(ComparisonEntry::new(Strategy::Loop).is_due(0));
        assert!(entry(Strategy::Loop, &[200]).is_due(1) && !entry(Strategy::Loop, &[200]).is_due(0));
        assert!(!entry(Strategy::Sequential, &[20_000]).is_due(1));
        assert!(!missing(Strategy::Loop, 1).is_due(0));
    }

    #[test]
    fn notes_say_what_to_beware_of() {
        let mut blocking = entry(Strategy::LoopBlocking(50 * MS), &[5200, 5201, 5202]);
        blocking.runs[1].own = Own { longest_turn: Some(5000 * MS), ..Own::default() };
        let mut busy = entry(Strategy::Loop, &[200, 201, 202]);
        busy.runs[2].served = Some(Served { requests: 99, cpu: 190 * MS, ..Served::default() });
        let entries = vec![entry(Strategy::Sequential, &[20_000]), missing(Strategy::Threads(9), 7), busy, blocking];
        let notes = comparison(entries).notes();
        let expected = [
            "sequential ran once only: what takes over 10.0 s is not repeated",
            "threads:9 was not measured: no; ~7.0 ms is an estimate",
            "loop: the services used 94 % of a core, and may be what was measured",
            "loop: the services counted 99 requests, not 100",
            "loop-blocking:50ms blocked its loop: one turn took 5.00 s, and everybody waited",
        ];
        assert_eq!(notes, expected);
        let level = vec![entry(Strategy::Loop, &[200, 204]), entry(Strategy::Threads(100), &[203, 207])];
        let notes = Comparison { repeat: 2, ..comparison(level) }.notes();
        assert_eq!(
            notes,
            ["loop and threads:100 are not ranked: the difference in wall time is inside the spread, or too small"]
        );
        let single = vec![entry(Strategy::Loop, &[200]), entry(Strategy::Threads(1), &[20_000])];
        let notes = Comparison { repeat: 1, ..comparison(single) }.notes();
        assert_eq!(notes, ["loop and threads:1 are not ranked: one run each shows no spread"]);
        let notes = Comparison { interrupted: true, ..comparison(vec![ComparisonEntry::new(Strategy::Loop)]) }.notes();
        assert_eq!(notes, ["interrupted before it was complete"]);
    }
}
