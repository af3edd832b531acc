//! `upcheck compare`: the same checks made one by one, by a pool of threads, and by the event loop, side by side.
//!
//! What is compared is the waiting and nothing else: each strategy steps the same check machine, talks to the same
//! services, and runs in a process of its own, so that the kernel counts what it used. How a comparison goes:
//!
//! ```text
//!     1  plan       which strategies, how many checks, how often
//!     2  rounds     every strategy runs once, then every one again: what changes on the machine hits them all alike
//!     3  measure    services in one process, checks in another, this one only watches   (measure, child)
//!     4  judge      medians and spreads; no ranking where the difference is inside the spread   (comparison)
//!     5  show       tables, JSON, Markdown, a page
//! ```
//!
//! What takes too long or needs more than the machine gives is not tried for ever, but named, with an estimate.

mod blocking;
mod child;
mod comparison;
mod figures;
mod html;
mod json;
mod lookup;
mod measure;
mod strategy;
mod tables;
mod work;

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use super::exit;
use super::flags::{self, Asked, Flag, Given, print_help};
use super::output::{print, say};
use super::outputs::{columns, dumb};
use super::reports::{Report, Reports};
use crate::check::units;
use crate::report::text::short_time;
use crate::sys::plain;
use comparison::{Case, Comparison, ComparisonEntry, NotMeasured};
use measure::{Bench, Ended, Targets};
use strategy::Strategy;
use work::{COUNT_MAX, Work};

/// How many checks, where nothing is said.
const COUNT: usize = 100;

/// How long each service takes to answer, where nothing is said.
const LATENCY: Duration = Duration::from_millis(200);

/// What is compared, where nothing is said.
const STRATEGIES: &str = "sequential,threads:100,threads:30,loop,loop-blocking:50ms";

/// How often each runs, where nothing is said.
const REPEAT: usize = 3;

/// The most often that each may be asked to run.
const REPEAT_MAX: usize = 1000;

/// The longest that one run may take, where nothing is said.
const MAX: Duration = Duration::from_secs(60);

/// The most strategies, and the most numbers of checks.
const LIST_MAX: usize = 32;

/// The longest latency and jitter.
const LATENCY_MAX: Duration = Duration::from_secs(3600);

const USAGE: &str = "\
Makes the same checks in several ways, and shows what each took and cost.

Usage: upcheck compare [FLAGS]

Without -f it checks services of its own (upcheck mock, in another process).
Every strategy runs in a process of its own, which is measured from outside.
";

const STRATEGIES_IN_SHORT: &str = "
Strategies: sequential, threads:N, loop, loop-blocking:TIME

'upcheck compare --help' tells all.
";

const STRATEGIES_HELP: &str = "
Strategies:
  sequential                  one check after the other
  threads:N                   N threads, each of which waits for one check at a time (no more than there are checks)
  loop                        all at once on one thread: what upcheck does
  loop-blocking:TIME          the same, with a call in it that blocks for TIME for each check: how a loop is ruined

Where nothing is said: sequential,threads:100,threads:30,loop,loop-blocking:50ms

All of them drive the same check machine; sequential and threads:N over blocking sockets, loop over non-blocking ones. \
CPU time and context switches are the kernel's for the whole process; memory is its peak. A difference in wall time that \
is inside the spread of the runs, or under 2 %, is not ranked. What takes over 10 s runs once. What would take longer \
than --max, or needs more threads or descriptors than there are, is not measured; a time with a ~ is an estimate.

It shows what waiting costs. It does not show how fast a network or a real service is.

Exit status: 0 compared, 1 something was down, 3 could not run, 130 or 143 after SIGINT or SIGTERM.
";

/// The flags by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CompareFlag {
    Count,
    Sweep,
    Latency,
    Jitter,
    File,
    Strategies,
    Repeat,
    Max,
    Budget,
    Output,
}

#[rustfmt::skip]
const FLAGS: &[Flag<CompareFlag>] = &[
    Flag::new(CompareFlag::Count, "count", None, Some("N"), "What is checked", "how many services [100]"),
    Flag::new(CompareFlag::Sweep, "sweep", None, Some("N,N,..."), "What is checked",
        "several counts, to see how each strategy grows"),
    Flag::new(CompareFlag::Latency, "latency", None, Some("TIME"), "What is checked", "how long each takes to answer [200ms]"),
    Flag::new(CompareFlag::Jitter, "jitter", None, Some("TIME"), "What is checked", "up to this much more or less of it [0]"),
    Flag::new(CompareFlag::File, "file", Some('f'), Some("FILE"), "What is checked",
        "targets, one a line, instead of those services (repeatable)\nhttp:// and tcp:// only, no retry= or all-addresses"),
    Flag::new(CompareFlag::Strategies, "strategies", None, Some("A,B,..."), "How",
        "the strategies to compare"),
    Flag::new(CompareFlag::Repeat, "repeat", None, Some("N"), "How", "how often each runs, in turn [3]"),
    Flag::new(CompareFlag::Max, "max", None, Some("TIME"), "How", "the longest that one run may take [60s]"),
    Flag::new(CompareFlag::Budget, "budget", None, Some("TIME"), "Output", "mark who makes all checks within this time"),
    Flag::new(CompareFlag::Output, "output", Some('o'), Some("FORMAT[=FILE]"), "Output",
        "human, json, markdown or html (a page with pictures), to standard output or FILE (repeatable) [human]"),
];

const HINT: &str = "'upcheck compare --help' lists the flags";

/// Runs the command.
///
/// # Errors
/// Why it could not run.
pub fn run(mut arguments: Vec<OsString>) -> super::Result {
    if arguments.first().is_some_and(|first| first == child::CHILD) {
        arguments.remove(0);
        return child::run(arguments);
    }
    match flags::parse(FLAGS, arguments, &flags::environment()).map_err(|error| format!("{error}\n{HINT}"))? {
        Asked::ShortHelp => print_help(&format!("{USAGE}\n{}{STRATEGIES_IN_SHORT}", flags::short_help(FLAGS, &[]))),
        Asked::Help => print_help(&format!("{USAGE}{}{STRATEGIES_HELP}", flags::help(FLAGS))),
        Asked::Version => print(&super::check::version()),
        Asked::Run { flags, arguments } => {
            if let Some(argument) = arguments.first() {
                let argument = argument.escape_debug();
                return Err(format!(
                    "compare takes flags only, not '{argument}'; targets come from a file (-f)\n{HINT}"
                ));
            }
            return compare(&ComparisonPlan::of(flags).map_err(|error| format!("{error}\n{HINT}"))?);
        }
    }
    Ok(exit::HEALTHY)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ComparisonFormat {
    Human,
    Json,
    Markdown,
    Html,
}

/// A report, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WantedComparison {
    format: ComparisonFormat,
    file: Option<String>,
}

/// 1. What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ComparisonPlan {
    targets: Targets,
    /// The numbers of checks. With targets from files it is that of their lines.
    counts: Vec<usize>,
    strategies: Vec<Strategy>,
    repeat: usize,
    max: Duration,
    budget: Option<Duration>,
    wanted: Vec<WantedComparison>,
}

impl ComparisonPlan {
    fn of(flags: Vec<Given<CompareFlag>>) -> Result<ComparisonPlan, String> {
        let mut counts = Vec::new();
        let (mut latency, mut jitter) = (LATENCY, Duration::ZERO);
        let mut files = Vec::new();
        let mut services = None;
        let mut plan = ComparisonPlan {
            targets: Targets::Files(Vec::new()),
            counts: Vec::new(),
            strategies: list(STRATEGIES)?,
            repeat: REPEAT,
            max: MAX,
            budget: None,
            wanted: Vec::new(),
        };
        for Given { id, value, spelled } in flags {
            let said = |error: String| format!("{spelled}: {error}");
            match id {
                CompareFlag::Count => counts = vec![units::number(&value, 1..=COUNT_MAX).map_err(said)?],
                CompareFlag::Sweep => counts = sweep(&value).map_err(said)?,
                CompareFlag::Latency => latency = time(&value, LATENCY_MAX).map_err(said)?,
                CompareFlag::Jitter => jitter = time(&value, LATENCY_MAX).map_err(said)?,
                CompareFlag::File => files.push(value),
                CompareFlag::Strategies => plan.strategies = list(&value).map_err(said)?,
                CompareFlag::Repeat => plan.repeat = units::number(&value, 1..=REPEAT_MAX).map_err(said)?,
                CompareFlag::Max => plan.max = units::positive_duration(&value).map_err(said)?,
                CompareFlag::Budget => plan.budget = Some(units::positive_duration(&value).map_err(said)?),
                CompareFlag::Output => plan.wanted.push(wanted(&value).map_err(said)?),
            }
            if matches!(id, CompareFlag::Count | CompareFlag::Sweep | CompareFlag::Latency | CompareFlag::Jitter)
                && spelled.starts_with('-')
            {
                services.get_or_insert(spelled);
            }
        }
        if let (Some(spelled), false) = (services, files.is_empty()) {
            return Err(format!("{spelled} is about compare's own services; there are none with --file"));
        }
        if jitter > latency {
            return Err("--jitter: an answer cannot come before its request: at most the latency".to_owned());
        }
        (plan.targets, plan.counts) = match files.is_empty() {
            true if counts.is_empty() => (Targets::Services { latency, jitter }, vec![COUNT]),
            true => (Targets::Services { latency, jitter }, counts),
            false => (Targets::Files(files), Vec::new()),
        };
        if plan.wanted.is_empty() {
            plan.wanted.push(WantedComparison { format: ComparisonFormat::Human, file: None });
        }
        Ok(plan)
    }
}

/// Items between commas.
fn list<T: FromStr<Err = String>>(text: &str) -> Result<Vec<T>, String> {
    match text.split(',').count() {
        ..=LIST_MAX => text.split(',').map(str::parse).collect(),
        count => Err(format!("{count} are more than {LIST_MAX}")),
    }
}

fn sweep(text: &str) -> Result<Vec<usize>, String> {
    match text.split(',').count() {
        ..=LIST_MAX => text.split(',').map(|text| units::number(text, 1..=COUNT_MAX)).collect(),
        count => Err(format!("{count} are more than {LIST_MAX}")),
    }
}

fn time(text: &str, max: Duration) -> Result<Duration, String> {
    match units::duration(text)? {
        time if time <= max => Ok(time),
        _ => Err(format!("'{text}' is longer than {}", short_time(max))),
    }
}

fn wanted(value: &str) -> Result<WantedComparison, String> {
    let (format, file) = match value.split_once('=') {
        Some((_, "")) => return Err(format!("'{}' names no file", value.escape_debug())),
        Some((format, file)) => (format, Some(file.to_owned())),
        None => (value, None),
    };
    let format = match format {
        "human" => ComparisonFormat::Human,
        "json" => ComparisonFormat::Json,
        "markdown" => ComparisonFormat::Markdown,
        "html" => ComparisonFormat::Html,
        other => return Err(format!("'{}' is not a format: human, json, markdown, html", other.escape_debug())),
    };
    Ok(WantedComparison { format, file })
}

fn compare(plan: &ComparisonPlan) -> super::Result {
    let counts = match &plan.targets {
        Targets::Services { .. } => plan.counts.clone(),
        Targets::Files(files) => vec![look_through(files)?],
    };
    let mut bench = Bench::new(plan.max)?;
    let reports = open_reports(plan, &mut bench)?;
    let entries = || plan.strategies.iter().copied().map(ComparisonEntry::new).collect();
    let mut comparison = Comparison {
        targets: plan.targets.clone(),
        repeat: plan.repeat,
        budget: plan.budget,
        cases: counts.into_iter().map(|count| Case { count, entries: entries() }).collect(),
        interrupted: false,
    };
    let signal = make_runs(plan, &mut bench, &mut comparison)?;
    comparison.interrupted = signal.is_some();
    let late_signal = show(&comparison, reports, &mut bench)?;
    Ok(match signal.or(late_signal) {
        Some(signal) => exit::SIGNAL + signal as u8,
        None if comparison.all_healthy() => exit::HEALTHY,
        None => exit::UNHEALTHY,
    })
}

/// Looks for errors before anything is sent: how many targets there are.
fn look_through(files: &[String]) -> Result<usize, String> {
    Work::of_files(files).map(|work| work.count()).map_err(|errors| {
        errors.iter().for_each(|error| say(error));
        "nothing was compared".to_owned()
    })
}

/// 2. Every strategy in turn, again and again. Gives the signal that ended it, if one did.
fn make_runs(plan: &ComparisonPlan, bench: &mut Bench, comparison: &mut Comparison) -> Result<Option<i32>, String> {
    for case in &mut comparison.cases {
        for round in 0..plan.repeat {
            for index in 0..case.entries.len() {
                if let Some(signal) = make_run(plan, bench, case, index, round)? {
                    return Ok(Some(signal));
                }
            }
        }
        estimate_the_rest(plan, case);
    }
    Ok(None)
}

/// Makes one run, if one is due. Gives the signal that ended it, if one did.
fn make_run(
    plan: &ComparisonPlan,
    bench: &mut Bench,
    case: &mut Case,
    index: usize,
    round: usize,
) -> Result<Option<i32>, String> {
    let latency = latency(plan, case);
    let (count, several) = (case.count, plan.counts.len() > 1);
    let entry = &mut case.entries[index];
    if !entry.is_due(round) {
        return Ok(None);
    }
    let estimate = latency.map(|latency| entry.strategy.estimate(count, latency));
    if round == 0 && estimate.is_some_and(|estimate| estimate > plan.max) {
        entry.missing = Some(NotMeasured { why: over("it would take longer than", plan.max), estimate });
        return Ok(None);
    }
    let of = if several { format!(" with {count} checks") } else { String::new() };
    let label = format!("{}{of}, run {} of {}", entry.strategy, round + 1, plan.repeat);
    let expected = entry.runs.last().map(|run| run.wall).or(estimate);
    match bench.run(entry.strategy, count, &plan.targets, &label, expected)? {
        Ended::Done(run) => entry.runs.push(*run),
        Ended::Cannot(why) => entry.missing = Some(NotMeasured { why, estimate }),
        Ended::TooLong => {
            // It has just been shown wrong.
            let estimate = estimate.filter(|estimate| *estimate > plan.max);
            entry.missing =
                Some(NotMeasured { why: over("it was ended when it took longer than", plan.max), estimate });
        }
        Ended::Signal(signal) => return Ok(Some(signal)),
    }
    Ok(None)
}

fn over(what: &str, max: Duration) -> String {
    format!("{what} {} (--max)", short_time(max))
}

/// How long a check takes: as long as our services do, or what was measured of others.
fn latency(plan: &ComparisonPlan, case: &Case) -> Option<Duration> {
    match plan.targets {
        Targets::Services { latency, .. } => Some(latency),
        Targets::Files(_) => case.mean_latency(),
    }
}

/// What was ended before anything was known of its targets can be estimated by what is known now.
fn estimate_the_rest(plan: &ComparisonPlan, case: &mut Case) {
    let Some(latency) = latency(plan, case) else { return };
    for entry in &mut case.entries {
        let estimate = entry.strategy.estimate(case.count, latency);
        if let Some(NotMeasured { estimate: none @ None, .. }) = &mut entry.missing
            && estimate > plan.max
        {
            *none = Some(estimate);
        }
    }
}

/// A report: its form, and the width of the terminal that it goes to, if it does.
type ComparisonForm = (ComparisonFormat, Option<usize>);

/// Opens all reports before anything is measured: what cannot be written is said now.
fn open_reports(plan: &ComparisonPlan, bench: &mut Bench) -> Result<Reports<ComparisonForm>, String> {
    let mut reports = Reports::new(bench.reactor());
    for WantedComparison { format, file } in &plan.wanted {
        reports.open(file.as_deref(), |is_terminal| (*format, is_terminal.then(columns)), bench.reactor())?;
    }
    Ok(reports)
}

/// 5. Writes the reports. Gives the signal that came while somebody was slow to read them, if one did.
fn show(
    comparison: &Comparison,
    mut reports: Reports<ComparisonForm>,
    bench: &mut Bench,
) -> Result<Option<i32>, String> {
    let wants_color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !dumb();
    for ((format, columns), buffer) in reports.iter_mut().filter_map(Report::open) {
        buffer.extend(match format {
            ComparisonFormat::Human => tables::human(comparison, wants_color, *columns).into_bytes(),
            ComparisonFormat::Markdown => tables::markdown(comparison).into_bytes(),
            ComparisonFormat::Json => json::json(comparison),
            ComparisonFormat::Html => html::html(comparison),
        });
    }
    let mut events = Vec::new();
    loop {
        reports.write(bench.reactor());
        if reports.are_drained() {
            break;
        }
        bench.reactor().turn(&mut events).map_err(|error| format!("the event loop: {}", plain(&error)))?;
        events.clear();
        if let Some(signal) = bench.signal() {
            return Ok(Some(signal));
        }
    }
    let troubles = reports.finish(false);
    if troubles.is_empty() { Ok(None) } else { Err(troubles) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &str) -> Result<ComparisonPlan, String> {
        let arguments = arguments.split_whitespace().map(OsString::from);
        match flags::parse(FLAGS, arguments, &[])? {
            Asked::Run { flags, .. } => ComparisonPlan::of(flags),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_said() {
        let plan = plan("").unwrap();
        assert_eq!(plan.targets, Targets::Services { latency: LATENCY, jitter: Duration::ZERO });
        assert_eq!((plan.counts, plan.repeat, plan.max, plan.budget), (vec![100], 3, MAX, None));
        assert_eq!(plan.strategies.len(), 5);
        assert_eq!(plan.wanted, [WantedComparison { format: ComparisonFormat::Human, file: None }]);
    }

    #[test]
    fn everything_said() {
        let said = "--sweep 10,20 --latency 5ms --jitter 1ms --strategies loop,loop --repeat 1 --max 3s --budget 1s \
                    -o json -o markdown=x";
        let plan = plan(said).unwrap();
        let ms = Duration::from_millis;
        assert_eq!(plan.targets, Targets::Services { latency: ms(5), jitter: ms(1) });
        assert_eq!((plan.counts, plan.repeat), (vec![10, 20], 1));
        assert_eq!((plan.max, plan.budget), (ms(3000), Some(ms(1000))));
        assert_eq!(plan.strategies, [Strategy::Loop, Strategy::Loop]);
        let file = Some("x".to_owned());
        assert_eq!(
            plan.wanted,
            [
                WantedComparison { format: ComparisonFormat::Json, file: None },
                WantedComparison { format: ComparisonFormat::Markdown, file }
            ]
        );
        assert_eq!(super::tests::plan("-f a --file b").unwrap().targets, Targets::Files(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_flag() {
        let cases = [
            ("--count 0", "--count: '0' is not a number from 1 to 100000"),
            ("--count +1", "--count: '+1' is not a number"),
            ("--sweep 10,x", "--sweep: 'x' is not a number"),
            ("--latency soon", "--latency: 'soon' is not a duration"),
            ("--latency 2h", "--latency: '2h' is longer than 3600.0 s"),
            ("--jitter 1s", "--jitter: an answer cannot come before its request"),
            ("--strategies loop,", "--strategies: '' is not a strategy"),
            ("--strategies threads", "--strategies: 'threads' is not a strategy"),
            ("--repeat 1001", "--repeat: '1001' is not a number from 1 to 1000"),
            ("--max 0", "--max: must be longer than nothing"),
            ("--budget 0s", "--budget: must be longer than nothing"),
            ("-o yaml", "-o: 'yaml' is not a format: human, json, markdown, html"),
            ("-o json=", "-o: 'json=' names no file"),
            ("-f x --count 3", "--count is about compare's own services; there are none with --file"),
            ("--cuont 3", "there is no flag '--cuont'; did you mean '--count'?"),
        ];
        for (arguments, message) in cases {
            let error = plan(arguments).unwrap_err();
            assert!(error.starts_with(message), "{arguments}: {error}");
        }
        let many = vec!["1"; LIST_MAX + 1].join(",");
        assert_eq!(plan(&format!("--sweep {many}")).unwrap_err(), "--sweep: 33 are more than 32");
        let many = vec!["loop"; LIST_MAX + 1].join(",");
        assert_eq!(plan(&format!("--strategies {many}")).unwrap_err(), "--strategies: 33 are more than 32");
    }

    #[test]
    fn the_help_names_every_flag_and_fits() {
        let help = flags::fitted(&format!("{USAGE}{}{STRATEGIES_HELP}", flags::help(FLAGS)), 100);
        assert!(FLAGS.iter().all(|flag| help.contains(&format!("--{}", flag.long))));
        assert!(help.contains(STRATEGIES) && help.lines().all(|line| line.len() <= 100), "{help}");
    }

    #[test]
    fn what_was_ended_unknown_is_estimated_afterwards() {
        let plan = ComparisonPlan {
            targets: Targets::Files(vec!["f".to_owned()]),
            max: Duration::from_secs(1),
            ..plan("").unwrap()
        };
        let missing = |estimate| Some(NotMeasured { why: String::new(), estimate });
        let mut run = figures::MeasuredRun::default();
        run.own.mean = Duration::from_millis(200);
        let mut case = Case {
            count: 100,
            entries: vec![
                ComparisonEntry { missing: missing(None), ..ComparisonEntry::new(Strategy::Sequential) },
                ComparisonEntry { missing: missing(None), ..ComparisonEntry::new(Strategy::Threads(100)) },
                ComparisonEntry { runs: vec![run], ..ComparisonEntry::new(Strategy::Loop) },
            ],
        };
        estimate_the_rest(&plan, &mut case);
        let estimates: Vec<_> = case.entries.iter().map(ComparisonEntry::estimate).collect();
        assert_eq!(estimates, [Some(Duration::from_secs(20)), None, None], "no estimate below what it took");
    }
}
