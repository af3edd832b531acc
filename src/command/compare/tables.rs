//! The comparison for a person: the same tables at a terminal, with bars, and as Markdown.

use std::fmt::Write;
use std::time::Duration;

use super::comparison::{Case, Comparison, ComparisonEntry, Kept, Standing};
use super::figures::{MeasuredRun, Spread};
use super::measure::Targets;
use crate::command::flags::fitted;
use crate::report::html::mebibytes;
use crate::report::text::{fixed, push_shown, short_time};

/// How long the longest bar is.
const BAR: usize = 40;

/// What stands where there is no figure.
const NOTHING: &str = "-";

/// A table. The first column is left-aligned, the others right.
pub(super) struct Table {
    pub(super) title: String,
    /// Empty: the first row has them.
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
    /// What is drawn behind each row at a terminal.
    bars: Vec<TableBar>,
}

/// A bar: its length, what it is drawn with, whether it stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TableBar {
    length: usize,
    ink: char,
    stands_out: bool,
}

/// For a terminal of so many columns or, without, a plain text file. `color`: what is fastest stands out at a terminal.
pub(super) fn human(comparison: &Comparison, color: bool, columns: Option<usize>) -> String {
    // A line that fills the last column makes some terminals begin another.
    let room = columns.map_or(usize::MAX, |columns| columns - 1);
    let mut out = fitted(&headline(comparison), room);
    for table in tables(comparison) {
        out.push('\n');
        table.push_human(color && columns.is_some(), room, &mut out);
    }
    let mut notes = String::new();
    push_notes("\n", "", comparison, &mut notes);
    out + &fitted(&notes, room)
}

/// As Markdown, for a README or an issue.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut out = format!("{}\n", headline(comparison));
    for table in tables(comparison) {
        out.push('\n');
        table.push_markdown(&mut out);
    }
    push_notes("\n", "- ", comparison, &mut out);
    out
}

/// What is compared, and how.
pub(super) fn headline(comparison: &Comparison) -> String {
    let Comparison { targets, repeat, .. } = comparison;
    let what = match targets {
        Targets::Files(files) => format!("The targets in {}", files.join(", ")),
        Targets::Services { latency, jitter } if jitter.is_zero() => {
            format!("Services that answer in {}", short_time(*latency))
        }
        Targets::Services { latency, jitter } => {
            format!("Services that answer in {}, give or take {}", short_time(*latency), short_time(*jitter))
        }
    };
    let runs = if *repeat == 1 { "one run each".to_owned() } else { format!("median of {repeat} runs, in turn") };
    let cores = std::thread::available_parallelism().map_or(String::new(), |cores| format!("; cores: {cores}"));
    let mut shown = Vec::new();
    push_shown(&format!("{what}; {runs}{cores}"), &mut shown);
    // It was text before, and escaping adds none but ASCII.
    String::from_utf8_lossy(&shown).into_owned()
}

fn push_notes(before: &str, bullet: &str, comparison: &Comparison, out: &mut String) {
    let notes = comparison.notes();
    if !notes.is_empty() {
        out.push_str(before);
    }
    for note in notes {
        let mut line = Vec::new();
        push_shown(&note, &mut line);
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{bullet}{}", String::from_utf8_lossy(&line));
    }
}

/// All tables of a comparison, in their order.
pub(super) fn tables(comparison: &Comparison) -> Vec<Table> {
    let mut tables = Vec::new();
    for case in &comparison.cases {
        tables.extend([wall(case, comparison.budget), latency(case), cost(case)]);
    }
    if comparison.cases.len() > 1 {
        tables.push(growth(comparison, "Wall time, as the number of checks grows", wall_cell));
        tables.push(growth(comparison, "CPU time", |entry| time(entry, |run| run.cpu().as_secs_f64())));
        tables.push(growth(comparison, "Memory at most", |entry| size(entry, |run| run.own.memory)));
        tables.push(growth(comparison, "Threads at most", |entry| number(entry, |run| run.own.threads)));
        tables.push(growth(comparison, "Context switches", |entry| {
            number(entry, |run| run.usage.voluntary_switches + run.usage.involuntary_switches)
        }));
    }
    tables
}

fn wall(case: &Case, budget: Option<Duration>) -> Table {
    let mut heads = vec!["strategy", "wall", "min..max", "vs fastest"];
    if budget.is_some() {
        heads.push("in budget");
    }
    let longest = case.longest_wall().unwrap_or(0.0);
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for (entry, standing) in case.entries.iter().zip(case.standings()) {
        let range = entry.wall().filter(|wall| wall.runs > 1);
        let mut row = vec![
            entry.strategy.to_string(),
            wall_cell(entry),
            range.map_or(NOTHING.to_owned(), |wall| format!("{}..{}", seconds(wall.min), seconds(wall.max))),
            standing_cell(standing),
        ];
        row.extend(budget.map(|budget| kept_cell(entry.keeps(budget)).to_owned()));
        rows.push(row);
        bars.push(bar(entry, standing, longest));
    }
    let budget = budget.map_or(String::new(), |budget| format!(", within {}?", short_time(budget)));
    let s = if case.count == 1 { "" } else { "s" };
    Table { title: format!("{} check{s}: wall time{budget}", case.count), heads, rows, bars }
}

fn bar(entry: &ComparisonEntry, standing: Standing, longest: f64) -> TableBar {
    let measured = entry.wall().map(|wall| wall.median);
    let value = measured.or_else(|| entry.estimate().map(|estimate| estimate.as_secs_f64())).unwrap_or(0.0);
    // What took time at all has a bar.
    let length = if value > 0.0 { ((value / longest * BAR as f64).round() as usize).clamp(1, BAR) } else { 0 };
    let stands_out = matches!(standing, Standing::Fastest | Standing::Level);
    TableBar { length, ink: if measured.is_some() { '#' } else { '.' }, stands_out }
}

fn latency(case: &Case) -> Table {
    Table {
        title: "A check, from its start until its result was dealt with".to_owned(),
        heads: vec!["strategy", "p50", "p99", "max", "up", "down", "longest turn"],
        rows: rows(case, |entry| {
            let turn = entry.spread(&|run| run.own.longest_turn.map_or(f64::NAN, |turn| turn.as_secs_f64()));
            vec![
                time(entry, |run| run.own.p50.as_secs_f64()),
                time(entry, |run| run.own.p99.as_secs_f64()),
                time(entry, |run| run.own.max.as_secs_f64()),
                number(entry, |run| run.own.up),
                number(entry, |run| run.own.down),
                turn.filter(|turn| !turn.median.is_nan()).map_or(NOTHING.to_owned(), |turn| seconds(turn.median)),
            ]
        }),
        bars: Vec::new(),
    }
}

fn cost(case: &Case) -> Table {
    Table {
        title: "What it cost".to_owned(),
        heads: vec![
            "strategy",
            "CPU time",
            "user",
            "system",
            "of a core",
            "memory",
            "threads",
            "voluntary switches",
            "involuntary",
            "services, of a core",
        ],
        rows: rows(case, |entry| {
            vec![
                time(entry, |run| run.cpu().as_secs_f64()),
                time(entry, |run| run.usage.user.as_secs_f64()),
                time(entry, |run| run.usage.system.as_secs_f64()),
                percent(entry, |run| Some(run.cpu_share())),
                size(entry, |run| run.own.memory),
                number(entry, |run| run.own.threads),
                number(entry, |run| run.usage.voluntary_switches),
                number(entry, |run| run.usage.involuntary_switches),
                percent(entry, MeasuredRun::served_share),
            ]
        }),
        bars: Vec::new(),
    }
}

/// A table with a column for each number of checks.
fn growth(comparison: &Comparison, title: &str, cell: fn(&ComparisonEntry) -> String) -> Table {
    let mut heads: Vec<String> = vec!["strategy".to_owned()];
    heads.extend(comparison.cases.iter().map(|case| case.count.to_string()));
    let strategies = comparison.cases.first().map_or(0, |case| case.entries.len());
    let row = |index: usize| {
        let entries = comparison.cases.iter().filter_map(|case| case.entries.get(index));
        let name = entries.clone().next().map(|entry| entry.strategy.to_string());
        name.into_iter().chain(entries.map(cell)).collect()
    };
    // The numbers of checks are a first row here: every table has its own.
    let mut rows = vec![heads];
    rows.extend((0..strategies).map(row));
    Table { title: title.to_owned(), heads: Vec::new(), rows, bars: Vec::new() }
}

fn rows(case: &Case, cells: fn(&ComparisonEntry) -> Vec<String>) -> Vec<Vec<String>> {
    let row = |entry: &ComparisonEntry| std::iter::once(entry.strategy.to_string()).chain(cells(entry)).collect();
    case.entries.iter().map(row).collect()
}

fn wall_cell(entry: &ComparisonEntry) -> String {
    match (entry.wall(), entry.estimate()) {
        (Some(wall), _) => seconds(wall.median),
        (None, Some(estimate)) => format!("~{}", short_time(estimate)),
        (None, None) => NOTHING.to_owned(),
    }
}

/// How it stands beside the fastest, in a word or a factor.
pub(super) fn standing_cell(standing: Standing) -> String {
    match standing {
        Standing::Fastest => "fastest".to_owned(),
        Standing::Level => "not ranked".to_owned(),
        Standing::Slower(times) => fixed(times, 2) + "x",
        Standing::Unmeasured => "not measured".to_owned(),
    }
}

fn kept_cell(kept: Kept) -> &'static str {
    match kept {
        Kept::Yes => "yes",
        Kept::No => "no",
        Kept::Probably => "~yes",
        Kept::ProbablyNot => "~no",
        Kept::Unknown => NOTHING,
    }
}

fn time(entry: &ComparisonEntry, figure: fn(&MeasuredRun) -> f64) -> String {
    median(entry.spread(&figure), seconds)
}

fn number(entry: &ComparisonEntry, figure: fn(&MeasuredRun) -> u64) -> String {
    median(entry.spread(&|run| figure(run) as f64), |number| (number.round() as u64).to_string())
}

fn size(entry: &ComparisonEntry, figure: fn(&MeasuredRun) -> u64) -> String {
    median(entry.spread(&|run| figure(run) as f64), |bytes| mebibytes(bytes as u64))
}

fn percent(entry: &ComparisonEntry, figure: fn(&MeasuredRun) -> Option<f64>) -> String {
    let spread = entry.spread(&|run| figure(run).unwrap_or(f64::NAN)).filter(|spread| !spread.median.is_nan());
    median(spread, |share| fixed(share * 100.0, 1) + " %")
}

fn median(spread: Option<Spread>, shown: fn(f64) -> String) -> String {
    spread.map_or(NOTHING.to_owned(), |spread| shown(spread.median))
}

/// A time in seconds, as a person would say it.
fn seconds(seconds: f64) -> String {
    short_time(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

impl Table {
    /// All rows, the heads first where there are any.
    fn lines(&self) -> Vec<Vec<&str>> {
        let heads = (!self.heads.is_empty()).then(|| self.heads.clone());
        heads.into_iter().chain(self.rows.iter().map(|row| row.iter().map(String::as_str).collect())).collect()
    }

    /// What is wider than there is room goes on below, with the first column again.
    fn push_human(&self, color: bool, room: usize, out: &mut String) {
        let lines = self.lines();
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.len()).max();
        let widths: Vec<usize> = (0..columns).map(|column| 2 + width(column).unwrap_or(0)).collect();
        out.push_str(&fitted(&self.title, room));
        let mut next = 1;
        while next < columns {
            let mut taken = widths[0];
            // One at least.
            let first = next;
            while next == first || next < columns && taken + widths[next] <= room {
                taken += widths[next];
                next += 1;
            }
            for (number, line) in lines.iter().enumerate() {
                let _ = write!(out, "  {:width$}", line[0], width = widths[0] - 2);
                for (cell, width) in line.iter().zip(&widths).take(next).skip(first) {
                    let _ = write!(out, "{cell:>width$}");
                }
                // The first line has the heads.
                if let Some(bar) = number.checked_sub(1).and_then(|row| self.bars.get(row)).filter(|_| next == columns)
                {
                    bar.push(color, room.saturating_sub(taken + 2).min(BAR), out);
                }
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
            }
        }
    }

    fn push_markdown(&self, out: &mut String) {
        let _ = writeln!(out, "**{}**\n", self.title);
        for (number, line) in self.lines().iter().enumerate() {
            let _ = writeln!(out, "| {} |", line.join(" | "));
            if number == 0 {
                let _ = writeln!(out, "| --- |{}", " ---: |".repeat(line.len().saturating_sub(1)));
            }
        }
    }
}

impl TableBar {
    /// The longest has so much room.
    fn push(&self, color: bool, room: usize, out: &mut String) {
        let ink = self.ink.to_string().repeat((self.length * room).div_ceil(BAR));
        let _ = match color && self.stands_out {
            true => write!(out, "  \x1b[32m{ink}\x1b[0m"),
            false => write!(out, "  {ink}"),
        };
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::command::compare::comparison::NotMeasured;
    use crate::command::compare::figures::{Own, Served};
    use crate::command::compare::strategy::Strategy;
    use crate::sys::resource::Usage;

    const MS: Duration = Duration::from_millis(1);

    fn run(wall_ms: u32, longest_turn: Option<Duration>) -> MeasuredRun {
        let usage = Usage { user: 4 * MS, system: 6 * MS, voluntary_switches: 12, ..Usage::default() };
        let own = Own { up: 99, down: 1, threads: 7, memory: 3 << 20, p50: 200 * MS, longest_turn, ..Own::default() };
        let served = Served { requests: 100, most_in_flight: 100, cpu: 2 * MS };
        MeasuredRun { wall: wall_ms * MS, usage, own, served: Some(served) }
    }

    /// A comparison in which everything occurs.
    pub(in crate::command::compare) fn sample() -> Comparison {
        let entry = |strategy, walls: &[u32], turn| ComparisonEntry {
            runs: walls.iter().map(|wall| run(*wall, turn)).collect(),
            ..ComparisonEntry::new(strategy)
        };
        let missing = NotMeasured { why: "too \u{1b}long".to_owned(), estimate: Some(20_000 * MS) };
        let entries = || {
            vec![
                ComparisonEntry { missing: Some(missing.clone()), ..ComparisonEntry::new(Strategy::Sequential) },
                entry(Strategy::Threads(30), &[800, 804, 802], None),
                entry(Strategy::Loop, &[202, 201, 203], Some(2 * MS)),
            ]
        };
        Comparison {
            targets: Targets::Services { latency: 200 * MS, jitter: 5 * MS },
            repeat: 3,
            budget: Some(500 * MS),
            cases: vec![Case { count: 100, entries: entries() }, Case { count: 1000, entries: entries() }],
            interrupted: false,
        }
    }

    #[test]
    fn a_table_for_a_person() {
        let text = human(&sample(), false, None);
        let first: Vec<&str> = text.lines().skip(1).take(6).collect();
        let expected = [
            "",
            "100 checks: wall time, within 500 ms?",
            "  strategy       wall        min..max    vs fastest  in budget",
            "  sequential  ~20.0 s               -  not measured        ~no  ........................................",
            "  threads:30   802 ms  800 ms..804 ms         3.97x         no  ##",
            "  loop         202 ms  201 ms..203 ms       fastest        yes  #",
        ];
        assert_eq!(first, expected);
        let expected = [
            "Services that answer in 200 ms, give or take 5.0 ms; median of 3 runs, in turn",
            "\nWhat it cost\n",
            "  loop           10 ms  4.0 ms  6.0 ms      5.0 %  3.0 MiB        7                  12            0",
            "\nWall time, as the number of checks grows\n  strategy        100     1000\n  sequential  ~20.0 s  ~20.0 s\n",
            "\nsequential with 100 checks was not measured: too \\u{1b}long; ~20.0 s is an estimate\n",
        ];
        for part in expected {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| !line.ends_with(' ')));
    }

    #[test]
    fn colour_only_where_it_is_wanted() {
        let coloured = |color, columns| human(&sample(), color, columns).matches("\u{1b}[32m#\u{1b}[0m").count();
        assert_eq!((coloured(true, Some(80)), coloured(true, None), coloured(false, Some(80))), (2, 0, 0));
    }

    #[test]
    fn at_a_terminal_it_fits() {
        let mut comparison = sample();
        for count in [10_000, 100_000, 2_000, 3_000, 4_000] {
            let entries = sample().cases.remove(0).entries;
            comparison.cases.push(Case { count, entries });
        }
        // Narrower than two columns of them no table is.
        for columns in [48, 80, 120] {
            let text = human(&comparison, false, Some(columns));
            assert!(text.lines().all(|line| line.len() < columns), "{columns}:\n{text}");
            for part in ["involuntary", "services, of a core", "longest turn", "100000", "not measured: too"] {
                assert!(text.replace('\n', " ").contains(part), "{part}:\n{text}");
            }
        }
        let expected = "\
What it cost
  strategy    CPU time    user  system  of a core   memory  threads
  sequential         -       -       -          -        -        -
  threads:30     10 ms  4.0 ms  6.0 ms      1.2 %  3.0 MiB        7
  loop           10 ms  4.0 ms  6.0 ms      5.0 %  3.0 MiB        7
  strategy    voluntary switches  involuntary  services, of a core
";
        let text = human(&comparison, false, Some(80));
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn markdown_tables_have_as_many_cells_in_every_row() {
        let text = markdown(&sample());
        let mut tables = 0;
        for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
            let cells: Vec<usize> =
                table.lines().filter(|l| l.starts_with('|')).map(|l| l.matches('|').count()).collect();
            assert!(cells.len() == 5 && cells.iter().all(|count| *count == cells[0]), "{table}");
            tables += 1;
        }
        assert_eq!(tables, 11);
        assert!(text.contains("\n| strategy | wall | min..max |") && text.contains("\n- sequential with 100 checks"));
    }

    #[test]
    fn bars_reach_from_the_shortest_to_the_longest() {
        let of = |walls: &[u32], longest| {
            let entry = ComparisonEntry {
                runs: walls.iter().map(|wall| run(*wall, None)).collect(),
                ..ComparisonEntry::new(Strategy::Loop)
            };
            bar(&entry, Standing::Fastest, longest).length
        };
        assert_eq!((of(&[1], 1000.0), of(&[1_000], 1.0), of(&[500], 1.0), of(&[], 1.0)), (1, BAR, BAR / 2, 0));
    }
}
