//! `upcheck report`: reads the NDJSON of one run or of many and writes any other output from it; or says what has changed
//! from one run to another.
//!
//! One pass, a line at a time, so a million rows cost no more memory than ten, unless a format keeps them. It goes round
//! the same loop as the checks: its input may be a pipe that is still being written, and its reader may be slow.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;

use super::exit;
use super::flags::{self, Asked, Flag, Given, print_help};
use super::lines::{self, FileLine, Lines};
use super::output::print;
use super::outputs::{LeftToWrite, OutputFlag, Outputs, ReportForm, write_rest};
use super::reports::{Report, Reports, Wake};
use crate::os::{Interest, Signals};
use crate::reactor::clock::Clock;
use crate::reactor::{Key, Reactor, Ready};
use crate::report::baseline::Baseline;
use crate::report::formats;
use crate::report::join::Joined;
use crate::report::read::{self, LINE_MAX};
use crate::report::record::Record;
use crate::sys::{fd, plain};

/// How many lines are read before the loop looks round again.
const LINES_PER_TURN: usize = 256;

/// How many damaged lines are named; the others are counted.
const DAMAGED_NAMED: u64 = 20;

/// By how many percent a check must take longer to be slower, where nobody says.
const SLOWER: u32 = 50;

/// What a flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReportFlag {
    Output(OutputFlag),
    Baseline,
    Slower,
}

const FLAGS: &[Flag<ReportFlag>] = &[
    OutputFlag::Output.flag(ReportFlag::Output(OutputFlag::Output)),
    OutputFlag::Quiet.flag(ReportFlag::Output(OutputFlag::Quiet)),
    OutputFlag::Silent.flag(ReportFlag::Output(OutputFlag::Silent)),
    OutputFlag::Verbose.flag(ReportFlag::Output(OutputFlag::Verbose)),
    OutputFlag::Color.flag(ReportFlag::Output(OutputFlag::Color)),
    Flag::new(
        ReportFlag::Baseline,
        "baseline",
        None,
        Some("FILE"),
        "Comparison",
        "say what has changed since the run in this file (-o human or ndjson)",
    ),
    Flag::new(
        ReportFlag::Slower,
        "slower",
        None,
        Some("PERCENT"),
        "Comparison",
        "what takes longer by more than this (and 10 ms) is slower [50%]",
    ),
];

const USAGE: &str = "\
Reads results of `upcheck -o ndjson`, of one run, of many shards, or of two
days, and writes any other output from them.

Usage: upcheck report [FLAGS] FILE...            - is standard input
       upcheck report --baseline OLD NEW...      what has changed since
";

const ENDING: &str = "  -h, --help                  this text
  -V, --version               the version

Counts are of all checks, times of those that answered; CPU time adds up; wall time, most in flight, peak memory and \
the longest turn are the worst of the runs. A damaged line is named, as is a file that was cut short, or a share of a \
list that is missing.

Exit status: 0 all up or degraded, 1 something down or unknown, damaged or missing, 3 could not run or a share given \
twice. With --baseline: 1 only for what is down or unknown and was not before, or is new.
";

/// What was asked for.
struct ReportOptions {
    files: Vec<String>,
    outputs: Outputs,
    baseline: Option<String>,
    slower: u32,
}

/// Runs the command.
///
/// # Errors
/// Why it could not run.
pub fn run(arguments: Vec<OsString>) -> super::Result {
    const HINT: &str = "'upcheck report --help' lists the flags";
    let hinted = |error| format!("{error}\n{HINT}");
    match flags::parse(FLAGS, arguments, &flags::environment()).map_err(hinted)? {
        Asked::ShortHelp => {
            print_help(&format!("{USAGE}\n{}\n'upcheck report --help' tells all.\n", flags::short_help(FLAGS, &[])))
        }
        Asked::Help => print_help(&help()),
        Asked::Version => print(&super::check::version()),
        Asked::Run { flags, arguments } => {
            let options = ReportOptions::of(flags, arguments).map_err(hinted)?;
            return match &options.baseline {
                None => join(&options),
                Some(old) => compare(&options, old),
            };
        }
    }
    Ok(exit::HEALTHY)
}

fn help() -> String {
    format!("{USAGE}{}{ENDING}\nFormats of -o:\n{}", flags::help(FLAGS), formats::help(""))
}

impl ReportOptions {
    fn of(flags: Vec<Given<ReportFlag>>, files: Vec<String>) -> Result<ReportOptions, String> {
        let mut options = ReportOptions { files, outputs: Outputs::default(), baseline: None, slower: SLOWER };
        for Given { id, value, spelled } in flags {
            match id {
                ReportFlag::Output(flag) => options.outputs.take(flag, &value),
                ReportFlag::Baseline => {
                    options.baseline = Some(value);
                    Ok(())
                }
                ReportFlag::Slower => percent(&value).map(|percent| options.slower = percent),
            }
            .map_err(|error| format!("{spelled}: {error}"))?;
        }
        match options.files.is_empty() {
            true => Err("report needs the results of a run: upcheck report FILE... (- is standard input)".to_owned()),
            false => Ok(options),
        }
    }
}

/// `50%`, or `50`.
fn percent(value: &str) -> Result<u32, String> {
    let digits = value.strip_suffix('%').unwrap_or(value);
    crate::check::units::number(digits, 0..=1_000_000)
}

/// What the loop tells this command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BesideReport {
    Signals,
    Input,
    Reports(Wake),
}

impl From<Wake> for BesideReport {
    fn from(wake: Wake) -> BesideReport {
        BesideReport::Reports(wake)
    }
}

/// Files that are read one after the other, and reports that are written meanwhile.
struct ReportRun {
    reactor: Reactor<BesideReport>,
    signals: Signals,
    key: Key,
    files: VecDeque<String>,
    lines: Option<Lines>,
    reports: Reports<ReportForm>,
    /// The exit status that a signal demands.
    signalled: Option<u8>,
}

impl ReportRun {
    fn new() -> Result<ReportRun, String> {
        let no_loop = |error: io::Error| format!("no event loop: {}", plain(&error));
        let mut reactor = Reactor::new(Clock::start()).map_err(no_loop)?;
        let mut signals = Signals::catch().map_err(no_loop)?;
        let key = reactor.open(BesideReport::Signals);
        reactor.watch(key, &mut signals, Interest::READABLE).map_err(no_loop)?;
        let key = reactor.open(BesideReport::Input);
        let reports = Reports::new(&mut reactor);
        Ok(ReportRun { reactor, signals, key, files: VecDeque::new(), lines: None, reports, signalled: None })
    }

    /// Reads these files, one after the other, and hands out their checks as far as the reports have room, and as long as
    /// they have readers: what they come to, and whether all is there and whole. What is not is said.
    fn read(
        &mut self,
        files: &[String],
        each: &mut dyn FnMut(&Record<'_>, &mut Reports<ReportForm>),
    ) -> Result<(Joined, bool), String> {
        self.files = files.iter().cloned().collect();
        let mut found = JoinedFiles::default();
        while self.signalled.is_none() {
            // As `head` goes. Nobody wants to know of the rest, and nobody may say that all of it is up.
            if self.reports.have_no_reader() {
                return Ok((found.joined, false));
            }
            if self.reports.have_room() && self.read_some(&mut found, each)? {
                break;
            }
            self.turn()?;
        }
        for told in found.joined.missing() {
            found.is_wrong = true;
            self.reports.say(&told);
        }
        match found.damaged {
            0 => {}
            1 => self.reports.say("1 damaged line is in none of the figures"),
            many => self.reports.say(&format!("{many} damaged lines are in none of the figures")),
        }
        Ok((found.joined, !found.is_wrong && found.damaged == 0))
    }

    /// Reads some lines: whether all have been read.
    fn read_some(
        &mut self,
        found: &mut JoinedFiles,
        each: &mut dyn FnMut(&Record<'_>, &mut Reports<ReportForm>),
    ) -> Result<bool, String> {
        for _ in 0..LINES_PER_TURN {
            let Some(lines) = &mut self.lines else {
                let Some(name) = self.files.pop_front() else { return Ok(true) };
                self.open(&name)?;
                continue;
            };
            let (told, ended) = match lines.next() {
                FileLine::Whole(number, line) => {
                    let told = found.take(line, |record| each(record, &mut self.reports));
                    (
                        told.map_err(|error| format!("{}:{number}: {error}", lines.name))?
                            .map(|told| format!(":{number}: {told}")),
                        false,
                    )
                }
                FileLine::Wrong(told) => return Err(format!("{}:{told}", lines.name)),
                FileLine::NotYet => match lines.fill(self.reactor.clock().now()) {
                    Ok(true) => continue,
                    // The loop says when more has come.
                    Ok(false) => return Ok(false),
                    Err(error) => return Err(lines.cannot(&error)),
                },
                FileLine::Ended => (found.end_of_file().map(|told| format!(": {told}")), true),
            };
            if let Some(told) = told {
                self.reports.say(&format!("{}{told}", lines.name));
            }
            if ended {
                lines.unwatch(&mut self.reactor);
                self.lines = None;
            }
        }
        self.reactor.again(self.key);
        Ok(false)
    }

    fn open(&mut self, name: &str) -> Result<(), String> {
        let cannot = |error: io::Error| format!("{}: {}", name.escape_debug(), plain(&error));
        let (shown, file, is_regular) = lines::open(name).map_err(cannot)?;
        let mut lines = Lines::new(shown, file, LINE_MAX, self.reactor.clock().started());
        if !is_regular {
            lines.watch(self.key, &mut self.reactor).map_err(cannot)?;
        }
        self.lines = Some(lines);
        Ok(())
    }

    /// One trip round the loop.
    fn turn(&mut self) -> Result<(), String> {
        let mut events = Vec::new();
        let now = self.reactor.turn(&mut events).map_err(|error| format!("the event loop: {}", plain(&error)))?;
        for event in events {
            let (Ready::Io { tag, .. } | Ready::Deadline { tag, .. }) = event;
            match tag {
                BesideReport::Signals => {
                    while let Some(number) = self.signals.taken() {
                        self.signalled = Some(exit::SIGNAL + number as u8);
                    }
                }
                // What has come is read when there is room for it.
                BesideReport::Input => {}
                BesideReport::Reports(wake) => self.reports.handle(wake, &mut self.reactor),
            }
        }
        self.reports.push(now, &mut self.reactor);
        Ok(())
    }

    /// Waits until everything has been taken that was written, puts files into their places, and says what could not be.
    fn finish(mut self, tells: bool, code: u8) -> super::Result {
        while self.signalled.is_none() {
            match write_rest(&mut self.reports, &mut self.reactor) {
                LeftToWrite::Nothing => break,
                LeftToWrite::More => self.reactor.again(self.key),
                LeftToWrite::Waits => {}
            }
            self.turn()?;
        }
        // What is not whole is not put into its place.
        let troubles = if self.signalled.is_none() { self.reports.finish(tells) } else { String::new() };
        self.reports.finish_messages();
        match (self.signalled, troubles.is_empty()) {
            (Some(code), _) => Ok(code),
            (None, true) => Ok(code),
            (None, false) => Err(troubles),
        }
    }
}

/// What has been found so far.
#[derive(Default)]
struct JoinedFiles {
    joined: Joined,
    damaged: u64,
    /// Something is missing.
    is_wrong: bool,
}

impl JoinedFiles {
    /// Takes one line, and hands its check to `each`. Gives what is wrong with it, if that is to be said.
    ///
    /// # Errors
    /// Nothing that could be counted would be right.
    fn take(&mut self, line: &[u8], each: impl FnOnce(&Record<'_>)) -> Result<Option<String>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        match read::line(line) {
            Ok(read::ResultLine::Check(record)) => {
                self.joined.check(&record);
                each(&record);
                Ok(None)
            }
            Ok(read::ResultLine::Summary(figures)) => {
                let told = self.joined.summary(&figures)?;
                self.is_wrong |= told.is_some();
                Ok(told)
            }
            Err(what) => {
                self.damaged += 1;
                Ok((self.damaged <= DAMAGED_NAMED).then(|| format!("damaged: {what}")))
            }
        }
    }

    fn end_of_file(&mut self) -> Option<String> {
        let told = self.joined.end_of_file();
        self.is_wrong |= told.is_some();
        told
    }
}

/// Writes everything that is read as if it were one run.
fn join(options: &ReportOptions) -> super::Result {
    let mut reading = ReportRun::new()?;
    options.outputs.open(&mut reading.reports, &mut reading.reactor)?;
    let (joined, is_whole) = reading.read(&options.files, &mut |record, reports| {
        for (form, buffer) in reports.iter_mut().filter_map(Report::open) {
            form.record(record, buffer);
        }
    })?;
    let summary = joined.to_summary();
    for (form, buffer) in reading.reports.iter_mut().filter_map(Report::open) {
        form.end(&summary, buffer);
    }
    let code = match options.outputs.exit_rule() {
        Some(rule) if is_whole => rule(&summary.tally),
        _ if is_whole && summary.tally.all_healthy() => exit::HEALTHY,
        _ => exit::UNHEALTHY,
    };
    reading.finish(options.outputs.verbose, code)
}

/// Says what has changed since the run in this file.
fn compare(options: &ReportOptions, old: &str) -> super::Result {
    let wanted = options.outputs.wanted();
    if let Some(other) = wanted.iter().find(|wanted| !matches!(wanted.format.name, "human" | "ndjson")) {
        return Err(format!("--baseline writes human or ndjson, not {}", other.format.name));
    }
    let mut reading = ReportRun::new()?;
    options.outputs.open(&mut reading.reports, &mut reading.reactor)?;
    let mut baseline = Baseline::new(options.slower);
    let (_, old_is_whole) = reading.read(&[old.to_owned()], &mut |record, _| baseline.add_old(record))?;
    let (_, new_is_whole) = reading.read(&options.files, &mut |record, _| baseline.add_new(record))?;
    let is_good = old_is_whole && new_is_whole && !baseline.is_worse();
    let changes = baseline.into_changes();
    for (report, wanted) in reading.reports.iter_mut().zip(wanted.iter()) {
        let Some((_, buffer)) = report.open() else { continue };
        match wanted.format.name {
            "ndjson" => changes.push_ndjson(buffer),
            _ => {
                let columns = if wanted.file.is_none() { fd::columns(fd::standard_output()) } else { None };
                changes.push_human(columns, buffer);
            }
        }
    }
    reading.finish(options.outputs.verbose, if is_good { exit::HEALTHY } else { exit::UNHEALTHY })
}
