//! `upcheck check`: every target once, at once, from one thread.
//!
//! The run is one loop, and everything that it waits for is in it: the checks' sockets, standard input, standard
//! output, signals, the run's own deadline, the progress line. One trip:
//!
//! ```text
//!     1  bring targets while there is room: for another check, and for its result
//!     2  nothing left to bring, nothing under way: done
//!     3  turn: wait until something is ready or due
//!     4  deal with each event: a finished check goes to every report
//! ```

mod dry;
mod explain;
mod habits;
mod options;
mod progress;
mod share;

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::exit;
use super::flags::{self, Asked, Given, fitted, print_help};
#[cfg(feature = "reports")]
use super::generate::generate;
use super::input::{Next, TargetInput};
use super::output::{error_columns, print, say};
#[cfg(feature = "mock")]
use super::outputs::OutputFlag;
use super::outputs::{LeftToWrite, ReportForm, write_rest};
use super::reports::{Report, Reports, Wake};
use super::secrets;
use crate::check::outcome::{Failure, Outcome, Reason};
use crate::check::tally::Tally;
use crate::check::target::{Reader, World};
use crate::engine::queue::Limits;
use crate::engine::retry::Persistence;
use crate::engine::secure::{Defaults, Secure};
use crate::engine::{Config, Engine, Event, Tag};
use crate::os::{Interest, Signals};
use crate::reactor::Reactor;
use crate::reactor::clock::Clock;
use crate::report::record::Record;
use crate::report::text::{counted, push_listed, short_time};
#[cfg(feature = "reports")]
use crate::report::trace::Trace;
use crate::report::{Shard, Summary, TurnRecord};
use crate::sys::arguments;
use crate::sys::exec::become_program;
use crate::sys::{plain, resource, signal};
use explain::{Explain, OPENING};
#[cfg(feature = "compare")]
pub(super) use options::MEMORY;
#[cfg(feature = "mock")]
pub(super) use options::read_file;
use options::{
    CONCURRENCY, CheckFlag, CheckOptions, FLAGS, HINT, environment_roots, find_setting, help, read_file_for_line,
    short_help, usage,
};
use progress::Progress;

/// How many checks are started before the loop looks round again: starting ten thousand in one go would keep the first
/// answers waiting.
pub(super) const START_BATCH: usize = 128;

/// How long at least targets are brought before the loop looks round again, however few of them there are among the lines
/// and however long the turn has taken already.
const BRING_FOR: Duration = Duration::from_millis(1);

/// Descriptors that are not checks': standard input and output, the loop's own, signals, files.
pub(super) const DESCRIPTORS_RESERVED: u64 = 16;

/// What is waited for beside the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Signals,
    Input,
    /// The end of the run's time.
    Deadline,
    Progress,
    Reports(Wake),
}

impl From<Wake> for Tag<Beside> {
    fn from(wake: Wake) -> Tag<Beside> {
        Tag::Owner(Beside::Reports(wake))
    }
}

/// The version, with the features that are built in.
pub(super) fn version() -> String {
    let mut features = String::new();
    for (name, is_built_in) in [
        ("tls", cfg!(feature = "tls")),
        ("mock", cfg!(feature = "mock")),
        ("compare", cfg!(feature = "compare")),
        ("reports", cfg!(feature = "reports")),
    ] {
        if is_built_in {
            push_listed(&mut features, " ", name);
        }
    }
    let features = if features.is_empty() { "none" } else { &features };
    format!("upcheck {}\nfeatures: {features}\n", env!("CARGO_PKG_VERSION"))
}

/// What lines of targets may refer to.
pub(super) const WORLD: World =
    World { find_setting, find_variable: |name| std::env::var(name).ok(), read_file: read_file_for_line };

/// Runs the command.
///
/// # Errors
/// Why it could not run.
pub fn run(arguments: Vec<OsString>) -> super::Result {
    let environment = flags::environment();
    if arguments.is_empty() && environment.is_empty() {
        print_error(&usage());
        return Ok(exit::CANNOT_RUN);
    }
    let (arguments, then) = split_command(arguments);
    run_these(&arguments, &then, &environment).map_err(|error| habits::instead(&arguments).unwrap_or(error))
}

fn run_these(as_given: &[OsString], then: &[OsString], environment: &[(OsString, OsString)]) -> super::Result {
    match flags::parse(FLAGS, as_given.to_vec(), environment).map_err(|error| format!("{error}\n{HINT}"))? {
        Asked::ShortHelp => print_help(&short_help()),
        Asked::Help => print_help(&help()),
        Asked::Version => print(&version()),
        Asked::Run { flags, arguments } => {
            #[cfg(feature = "reports")]
            if let Some(given) = flags.iter().find(|given| given.id == CheckFlag::Generate) {
                print(&generate(&given.value, FLAGS, &usage()).map_err(|error| format!("{}: {error}", given.spelled))?);
                return Ok(exit::HEALTHY);
            }
            hide_secrets(as_given, &flags, &arguments);
            let options = CheckOptions { is_last: true, ..CheckOptions::of(flags, arguments)? };
            let code = check(options)?.0;
            return if code == exit::HEALTHY && !then.is_empty() { become_command(then) } else { Ok(code) };
        }
    }
    Ok(exit::HEALTHY)
}

/// Takes out of the list of processes what was given to prove who somebody is: by a flag, or in a target.
fn hide_secrets(as_given: &[OsString], flags: &[Given<CheckFlag>], targets: &[String]) {
    let mut found = Vec::new();
    for given in flags {
        if let CheckFlag::Setting(setting) = given.id
            && let Some(range) = secrets::in_setting(setting, &given.value)
        {
            secrets::find(as_given, &given.value, &range, &mut found);
        }
    }
    for target in targets {
        if let Some(range) = secrets::in_target(target) {
            secrets::find(as_given, target, &range, &mut found);
        }
    }
    arguments::blank(&found);
}

/// With `--wait`, what stands behind `--` is a command; without it, `--` only ends the flags.
fn split_command(mut arguments: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let Some(at) = arguments.iter().position(|argument| argument == "--") else { return (arguments, Vec::new()) };
    let is_wait = |argument: &OsString| argument == "--wait" || argument.as_encoded_bytes().starts_with(b"--wait=");
    if !arguments[..at].iter().any(is_wait) && std::env::var_os("UPCHECK_WAIT").is_none_or(|value| value.is_empty()) {
        return (arguments, Vec::new());
    }
    let command = arguments.split_off(at + 1);
    arguments.truncate(at);
    (arguments, command)
}

/// Runs the command in our place: same process, same standard streams, its own exit status.
#[cold]
fn become_command(command: &[OsString]) -> super::Result {
    // What was raised for the checks is not the command's to have: programs that use select() rely on the limit being
    // low.
    resource::restore_descriptor_limit();
    // What was said to this program, passwords among it, is not the command's to know.
    let error = become_program(command, flags::PREFIX);
    Err(format!("{}: {}", command[0].to_string_lossy(), plain(&error)))
}

/// Checks these targets as a user would who asks for this output, and to have the loop explained or not, and says nothing
/// else, whatever the environment says. `trap` is called with each outcome, within the loop. Gives the figures with the
/// exit code.
///
/// # Errors
/// Why it could not run.
#[cfg(feature = "mock")]
pub(super) fn run_plain(
    targets: Vec<String>,
    output: &str,
    explain: bool,
    trap: Option<fn(&Outcome)>,
) -> Result<(u8, Summary), String> {
    let mut options = CheckOptions { explain, trap, ..CheckOptions::of(Vec::new(), targets)? };
    options.outputs.take(OutputFlag::Output, output)?;
    check(options)
}

/// Runs it with these arguments, whatever the environment says: for the simulation.
///
/// # Errors
/// Why it could not run.
#[cfg(test)]
pub(crate) fn run_alone(arguments: Vec<String>) -> super::Result {
    let arguments = arguments.into_iter().map(OsString::from);
    match flags::parse(FLAGS, arguments, &[])? {
        Asked::Run { flags, arguments } => check(CheckOptions::of(flags, arguments)?).map(|(code, _)| code),
        Asked::ShortHelp | Asked::Help | Asked::Version => Err("there is nothing to run".to_owned()),
    }
}

/// A run under way: the engine, and all that is waited for beside it.
struct Run {
    engine: Engine<Beside>,
    input: TargetInput,
    reports: Reports<ReportForm>,
    tally: Tally,
    verbose: bool,
    /// `None`: nobody watches, or nobody wants to.
    progress: Option<Progress>,
    signals: Signals,
    /// When the run ends, and what is said of what is unfinished then.
    deadline: Option<(Instant, Failure)>,
    /// It is `--wait` that ends it.
    waits: bool,
    /// What is said while all are waited for is not wanted.
    silent: bool,
    /// No more checks are started, for this reason.
    stopping: Option<Failure>,
    /// The exit status that a signal demands.
    signalled: Option<u8>,
    /// The share of the list that this run is.
    shard: Option<Shard>,
    /// Somebody wants to see each turn.
    is_watched: bool,
    explain: Option<Explain>,
    /// How many events of the last turn were those of readers of our own words.
    of_readers: usize,
    /// What is done once more for each check that is over, before the loop goes on: nothing, as a rule.
    trap: Option<fn(&Outcome)>,
    /// The rule by which the report on standard output has the exit status.
    exit_rule: Option<fn(&Tally) -> u8>,
    /// Somebody is told how much memory it took.
    tells_memory: bool,
}

fn check(options: CheckOptions) -> Result<(u8, Summary), String> {
    let clock = Clock::start();
    let mut reactor = Reactor::new(clock).map_err(|error| format!("no event loop: {}", plain(&error)))?;
    let mut signals = Signals::catch().map_err(|error| format!("signals: {}", plain(&error)))?;
    let key = reactor.open(Tag::Owner(Beside::Signals));
    reactor.watch(key, &mut signals, Interest::READABLE).map_err(|error| format!("signals: {}", plain(&error)))?;

    let reader = Reader::new(options.draft.clone(), WORLD);
    let (arguments, files) = (options.arguments.clone(), options.files.clone());
    let mut input =
        TargetInput::new(reader, arguments, files, &mut reactor, Tag::Owner(Beside::Input)).share(options.shard);
    input.look_through(&mut say)?;
    if input.errors() > 0 {
        return Err(nothing_checked(input.errors()));
    }
    if input.known() == Some(0) && input.left_to_others() == 0 {
        return Err(format!("no targets: nothing to check\n{HINT}"));
    }
    if options.dry_run {
        return Ok((dry::run(&options, &mut input, &mut reactor)?, Summary::default()));
    }
    // A flag's roots hold wherever a line has none of its own.
    let has_roots = options.draft.tls().roots.is_some();
    let defaults = if !has_roots && input.may_need_tls() { environment_roots()? } else { Defaults::default() };

    let limits = Limits {
        in_flight: concurrency(&options, input.known()),
        per_host: options.per_host,
        interval: options.pace.map(|pace| pace.interval(input.known())).transpose()?,
    };
    let deadline = run_deadline(&options, clock.started());
    if let Some((at, _)) = deadline {
        let key = reactor.open(Tag::Owner(Beside::Deadline));
        reactor.arm(key, at);
    }
    let end = deadline.as_ref().map(|(at, _)| *at);
    let mut reports = Reports::new(&mut reactor);
    #[cfg(feature = "reports")]
    if let Some(file) = &options.trace {
        reports.open(Some(file), |_| Box::new(Trace::new(clock.wall(clock.started()))) as ReportForm, &mut reactor)?;
    }
    options.outputs.open(&mut reports, &mut reactor)?;
    let progress = Progress::new(&options, &mut reactor);
    let config = Config {
        limits,
        persistence: Persistence { until_up: options.wait.is_some(), end },
        names: options.names,
        secure: Secure::new(options.verify_cache, defaults),
        memory: options.memory,
        expected: input.known().map(|known| usize::try_from(known).unwrap_or(usize::MAX)),
    };
    let mut engine = Engine::new(reactor, config);
    if options.explain {
        engine.keep_journal();
        reports.put(OPENING);
    }
    let mut run = Run {
        engine,
        input,
        reports,
        tally: Tally::default(),
        verbose: options.outputs.verbose,
        progress,
        signals,
        deadline,
        waits: options.wait.is_some(),
        silent: options.outputs.silent,
        stopping: None,
        signalled: None,
        shard: options.shard,
        is_watched: options.explain || options.trace.is_some(),
        explain: options.explain.then(Explain::default),
        of_readers: 0,
        trap: options.trap,
        exit_rule: options.outputs.exit_rule(),
        tells_memory: options.outputs.tell_memory(),
    };
    let ended = run.until_done().and_then(|()| run.finish());
    // Where it could not go on to its end.
    run.reports.leave();
    // Without `demo` and tests it always is.
    if options.is_last || cfg!(not(any(test, feature = "mock"))) {
        // The system takes all of it back at once, which is quicker than to give it back piece by piece.
        std::mem::forget(run);
    }
    ended
}

/// When the run ends: after `--deadline` or `--wait`, whichever is shorter.
fn run_deadline(options: &CheckOptions, started: Instant) -> Option<(Instant, Failure)> {
    let (time, detail) = match (options.deadline, options.wait) {
        (Some(deadline), wait) if wait.is_none_or(|wait| deadline <= wait) => {
            (deadline, "the run's time was over (--deadline)")
        }
        (_, wait) => (wait?, "it was not up in time (--wait)"),
    };
    Some((started + time, Failure::new(Reason::Deadline, detail)))
}

fn nothing_checked(errors: u64) -> String {
    format!("{} in the targets: nothing was checked", counted(errors, "error", "errors"))
}

/// How many checks at once: what was asked for, as far as the descriptors reach.
fn concurrency(options: &CheckOptions, known: Option<u64>) -> usize {
    let asked = options.concurrency.unwrap_or(CONCURRENCY);
    let Ok((soft, hard)) = resource::raise_descriptor_limit() else { return asked };
    let budget = usize::try_from(hard.saturating_sub(DESCRIPTORS_RESERVED)).unwrap_or(usize::MAX).max(1);
    if options.outputs.verbose && soft != hard {
        say(&format!("raised the limit on open files from {soft} to {hard}"));
    }
    if asked <= budget {
        return asked;
    }
    // Nobody needs to hear of a limit that cannot be reached.
    let matters = known.is_none_or(|known| known > budget as u64);
    if options.outputs.verbose || matters && options.concurrency.is_some() {
        say(&format!("{budget} checks at once instead of {asked}: the limit on open files is {hard} (ulimit -n)"));
    }
    budget
}

impl Run {
    fn until_done(&mut self) -> Result<(), String> {
        // Room for what most turns bring: outcomes are large, and growing would copy them.
        let known = self.input.known().and_then(|known| usize::try_from(known).ok());
        let mut events = Vec::with_capacity(known.unwrap_or(START_BATCH).min(START_BATCH));
        loop {
            // 1. Bring targets.
            let all_brought = self.bring()?;
            if self.is_watched {
                self.show_turn();
            }

            // 2. Done?
            if all_brought && self.engine.is_idle() {
                return Ok(());
            }

            // 3. Turn: always, and without waiting where there is something to deal with already.
            self.engine.turn(&mut events).map_err(|error| format!("the event loop: {}", plain(&error)))?;

            // 4. Deal with each event.
            let now = self.engine.reactor().clock().now();
            for event in &events {
                match event {
                    Event::Finished { outcome, .. } => self.finished(outcome),
                    Event::NotYet { target, failure, .. } => self.not_yet(target, failure),
                    Event::Owner { tag: Beside::Signals, .. } => self.on_signal(),
                    // What has come is read when there is room for it, above.
                    Event::Owner { tag: Beside::Input, .. } => {}
                    // Looked at below in every turn: the loop may have moved its deadlines, but a run's end does not
                    // move.
                    Event::Owner { tag: Beside::Deadline, .. } => {}
                    Event::Owner { tag: Beside::Progress, .. } => self.draw_progress(now),
                    Event::Owner { tag: Beside::Reports(wake), .. } => self.write_report(*wake),
                }
            }
            let is_of_reader = |event: &&Event<Beside>| matches!(event, Event::Owner { tag: Beside::Reports(_), .. });
            self.of_readers = events.iter().filter(is_of_reader).count();
            events.clear();
            if let Some((_, failure)) = self.deadline.take_if(|(at, _)| now >= *at) {
                self.stop(failure);
            }
            self.push_reports(now);
        }
    }

    /// Brings targets while there is room: whether all have been brought.
    fn bring(&mut self) -> Result<bool, String> {
        let mut now = self.engine.reactor().clock().now();
        let until = self.engine.work_until().max(now + BRING_FOR);
        for _ in 0..START_BATCH {
            if now >= until {
                break;
            }
            if !self.reports.have_room() {
                // The loop says when the reader has taken some.
                return Ok(false);
            }
            if self.stopping.is_none() && !self.engine.has_room() {
                return Ok(false);
            }
            let (progress, reports) = (&mut self.progress, &mut self.reports);
            let mut tell = |message: &str| {
                if let Some(progress) = progress {
                    progress.erase(reports);
                }
                reports.say(message);
            };
            match self.input.next(self.engine.reactor(), &mut tell)? {
                Next::End => return Ok(true),
                // Nor for what it might bring behind lines without end that are no targets.
                Next::More if self.stopping.is_some() && self.input.known().is_none() => return Ok(true),
                Next::More => break,
                // Once nothing more is to be started, nobody waits for what a pipe might still bring.
                Next::Pending => return Ok(self.stopping.is_some()),
                Next::Target(target, since) => match &self.stopping {
                    None => now = self.engine.add(self.input.taken(), target, since),
                    Some(failure) => {
                        let clock = *self.engine.reactor().clock();
                        now = clock.now();
                        let queue = now.saturating_duration_since(since);
                        let wall = clock.wall(now);
                        self.finished(&Outcome::not_started(target, failure.clone(), queue, wall));
                    }
                },
            }
        }
        // There may be more: look at what has happened meanwhile, without waiting, and come back.
        self.engine.go_on();
        Ok(false)
    }

    /// Shows the turn that is over, what was brought after it included, to who wants to see it. Whoever has no room for it
    /// gets the next one.
    fn show_turn(&mut self) {
        let (in_flight, waiting) = (self.engine.queue().in_flight(), self.engine.queue().waiting());
        let reactor = self.engine.reactor();
        let (turn, clock) = (*reactor.last_turn(), *reactor.clock());
        let turn = TurnRecord {
            number: turn.number,
            asked_at: turn.asked_at - clock.started(),
            wait: turn.wait,
            slept: turn.seen_at - turn.asked_at,
            worked: clock.now() - turn.seen_at,
            ready: turn.ready,
            again: turn.again,
            due: turn.due,
            in_flight,
            waiting,
        };
        for (form, buffer) in self.reports.iter_mut().filter(|report| report.has_room()).filter_map(Report::open) {
            form.turn(&turn, buffer);
        }
        if self.explain.is_some() {
            self.explain_turn(&turn);
        }
    }

    #[cold]
    fn explain_turn(&mut self, turn: &TurnRecord) {
        if let Some(explain) = &mut self.explain {
            let (steps, left_out) = self.engine.take_steps();
            // That a reader took what was told is not told in turn, and that again.
            let happened = turn.ready + turn.again + turn.due;
            if steps.is_empty() && happened > 0 && happened == self.of_readers {
                return;
            }
            let told = explain.turn(turn, &steps, left_out);
            self.reports.put(&match error_columns() {
                Some(columns) => fitted(&told, columns - 1),
                None => told,
            });
        }
    }

    /// While all are waited for: why one is not up, when that has changed.
    fn not_yet(&mut self, target: &str, failure: &Failure) {
        if self.silent {
            return;
        }
        if let Some(progress) = &mut self.progress {
            progress.erase(&mut self.reports);
        }
        self.reports.say(&format!("waiting for {target}: {}: {}", failure.reason.as_str(), failure.detail));
    }

    fn finished(&mut self, outcome: &Outcome) {
        self.tally.add(outcome.reason, &outcome.phases);
        let record = Record::of(outcome);
        for (form, buffer) in self.reports.iter_mut().filter_map(Report::open) {
            form.record(&record, buffer);
        }
        // It owns nothing, and to find that out takes longer than to know it.
        std::mem::forget(record);
        if let Some(trap) = self.trap {
            trap(outcome);
        }
    }

    /// Has every report write what is due.
    fn push_reports(&mut self, now: Instant) {
        self.clear_line();
        self.reports.push(now, self.engine.reactor());
        self.nobody_listens();
    }

    /// Wipes the progress line if something is about to be written in its place.
    fn clear_line(&mut self) {
        if let Some(progress) = self.progress.as_mut().filter(|_| self.reports.draw_on_terminal()) {
            progress.erase(&mut self.reports);
            self.reports.flush_messages(self.engine.reactor());
        }
    }

    fn write_report(&mut self, wake: Wake) {
        self.clear_line();
        self.reports.handle(wake, self.engine.reactor());
        self.nobody_listens();
    }

    /// When the reader of every report has gone, as `head` goes, there is nobody to check for.
    fn nobody_listens(&mut self) {
        if self.stopping.is_none() && self.reports.have_no_reader() {
            self.stop(Failure::new(Reason::Interrupted, "the reader of the results has gone"));
        }
    }

    fn on_signal(&mut self) {
        while let Some(number) = self.signals.taken() {
            self.signalled = Some(exit::SIGNAL + number as u8);
            let name = if number == signal::INTERRUPT { "SIGINT" } else { "SIGTERM" };
            self.stop(Failure::new(Reason::Interrupted, format!("{name} came before it was finished")));
        }
    }

    /// Starts nothing more, and ends what is under way.
    fn stop(&mut self, failure: Failure) {
        self.engine.abandon(failure.clone());
        let reactor = self.engine.reactor();
        let now = reactor.clock().now();
        self.reports.expect_readers(now, reactor);
        self.stopping.get_or_insert(failure);
    }

    fn draw_progress(&mut self, now: Instant) {
        let Some(progress) = &mut self.progress else { return };
        let in_flight = self.engine.queue().in_flight();
        let clock = *self.engine.reactor().clock();
        progress.draw(&self.tally, self.input.known(), in_flight, now - clock.started(), &mut self.reports);
        progress.arm(self.engine.reactor());
    }

    /// Writes the summaries and waits until everything has been read. Then says how it went.
    fn finish(&mut self) -> Result<(u8, Summary), String> {
        if let Some(progress) = &mut self.progress {
            progress.erase(&mut self.reports);
        }
        if self.verbose {
            self.say_loop();
        }
        // Before the summaries: where both go to one terminal, what it came to stands last.
        self.reports.flush_messages(self.engine.reactor());
        let summary = self.summary();
        for (form, buffer) in self.reports.iter_mut().filter_map(Report::open) {
            form.end(&summary, buffer);
        }
        let mut events = Vec::new();
        loop {
            match write_rest(&mut self.reports, self.engine.reactor()) {
                LeftToWrite::Nothing => break,
                LeftToWrite::More => self.engine.go_on(),
                LeftToWrite::Waits => {}
            }
            self.engine.turn(&mut events).map_err(|error| format!("the event loop: {}", plain(&error)))?;
            let now = self.engine.reactor().clock().now();
            for event in events.drain(..) {
                match event {
                    Event::Owner { tag: Beside::Signals, .. } => self.on_signal(),
                    Event::Owner { tag: Beside::Reports(wake), .. } => self.reports.handle(wake, self.engine.reactor()),
                    // Nothing is under way any more, and nobody looks at the progress.
                    Event::Owner { tag: Beside::Input | Beside::Deadline | Beside::Progress, .. } => {}
                    Event::Finished { .. } | Event::NotYet { .. } => {}
                }
            }
            if self.deadline.as_ref().is_some_and(|(at, _)| now >= *at) {
                self.reports.expect_readers(now, self.engine.reactor());
            }
            self.reports.push(now, self.engine.reactor());
        }
        // Each report's trouble is its own: the others are finished all the same.
        let troubles = self.reports.finish(self.verbose);
        self.reports.finish_messages();
        let errors = self.input.errors();
        if errors > 0 && self.input.taken() == 0 {
            return Err(nothing_checked(errors));
        }
        if errors > 0 {
            let lines = counted(errors, "line", "lines");
            return Err(format!("{lines} of the targets could not be read; the others were checked"));
        }
        if self.input.taken() == 0 && self.input.left_to_others() == 0 {
            return Err("no targets: nothing to check".to_owned());
        }
        if !troubles.is_empty() {
            return Err(troubles);
        }
        if let Some(rule) = self.exit_rule {
            return Ok((rule(&self.tally), summary));
        }
        let healthy = match self.tally.all_healthy() {
            true => exit::HEALTHY,
            false if self.waits => exit::WAIT_RAN_OUT,
            false => exit::UNHEALTHY,
        };
        Ok((self.signalled.unwrap_or(healthy), summary))
    }

    fn summary(&mut self) -> Summary {
        let reactor = self.engine.reactor();
        let (clock, stats) = (*reactor.clock(), reactor.stats());
        let usage = resource::usage(self.tells_memory);
        Summary {
            tally: self.tally.clone(),
            wall: clock.now() - clock.started(),
            most_in_flight: self.engine.queue().most_in_flight(),
            cpu: usage.user + usage.system,
            peak_memory: usage.peak_memory,
            turns: stats.turns,
            longest_turn: stats.longest_turn,
            shard: self.shard,
        }
    }

    fn say_loop(&mut self) {
        let stats = self.engine.reactor().stats();
        self.reports.say(&format!(
            "the loop: {}; the longest turn took {} and held {}",
            counted(stats.turns, "turn", "turns"),
            short_time(stats.longest_turn),
            counted(stats.longest_turn_events as u64, "event", "events")
        ));
        let names = self.engine.resolver_stats();
        if names.lookups > 0 {
            self.reports.say(&format!(
                "names: {} looked up with {} over at most {}, {} known already, {} dropped",
                names.lookups,
                counted(names.queries, "query", "queries"),
                counted(names.sockets_most as u64, "socket", "sockets"),
                names.cached,
                counted(names.dropped, "message", "messages")
            ));
        }
        for unusable in self.engine.unusable_servers() {
            self.reports.say(&format!("names: the server {unusable}, so it was not asked"));
        }
        let pool = self.engine.pool_stats();
        let mut closed = String::new();
        for (reason, count) in pool.closed() {
            push_listed(&mut closed, ", ", &format!("{count} ({})", reason.explain()));
        }
        if pool.reused > 0 || !closed.is_empty() {
            let not_kept = if closed.is_empty() { "none" } else { &closed };
            let times = counted(pool.reused, "time", "times");
            self.reports.say(&format!("connections were used again {times}; closed instead of kept: {not_kept}"));
        }
        let cache = self.engine.secure().cache_counts();
        if cache.hits + cache.misses > 0 {
            self.reports.say(&format!("certificate chains: {} verified, {} known already", cache.misses, cache.hits));
        }
        if stats.absent > Duration::ZERO {
            self.reports.say(&format!(
                "this program did not run for {}; no target was charged with it",
                short_time(stats.absent)
            ));
        }
    }
}

fn print_error(text: &str) {
    // Where standard error is gone there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}
