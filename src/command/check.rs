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

mod options;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mio::Interest;
use mio::unix::SourceFd;

use super::exit;
use super::flags::{self, Asked, Given};
use super::input::{Input, Next};
use super::messages::Messages;
use super::output::{Output, print, say};
use super::secrets;
use crate::check::outcome::{Failure, Outcome, Reason, Verdict};
use crate::check::tally::Tally;
use crate::check::target::{Reader, World};
use crate::engine::queue::Limits;
use crate::engine::retry::Persistence;
use crate::engine::secure::Secure;
use crate::engine::{Config, Engine, Event, Tag};
use crate::reactor::clock::Clock;
use crate::reactor::{Key, Reactor};
use crate::report::human::Human;
use crate::report::ndjson::Ndjson;
use crate::report::text::short_time;
use crate::report::{Sink, Summary};
use crate::sys::arguments::{self, Secret};
use crate::sys::signal::{self, Signals};
use crate::sys::{plain, resource};
use options::{
    CONCURRENCY, FLAGS, Format, HINT, Options, USAGE, Wanted, What, environment_roots, find_setting, help,
    read_file_for_line,
};
pub(super) use options::{dumb, read_file};

/// How many checks are started before the loop looks round again: starting ten thousand in one go would keep the first
/// answers waiting.
pub(super) const START_BATCH: usize = 128;

/// How long targets are brought before the loop looks round again, however few of them there are among the lines.
const BRING_FOR: Duration = Duration::from_millis(4);

/// Descriptors that are not checks': standard input and output, the loop's own, signals, files.
pub(super) const DESCRIPTORS_RESERVED: u64 = 16;

/// How often the progress line is drawn at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What the loop calls what is ours.
const SIGNALS: u32 = 0;
const INPUT: u32 = 1;
const RUN_DEADLINE: u32 = 2;
const PROGRESS: u32 = 3;
const MESSAGES: u32 = 4;
const REPORTS: u32 = 5;

/// How long a run that is to end waits for a reader who takes nothing of its results.
const STALL_MAX: Duration = Duration::from_secs(2);

/// What lines of targets may refer to.
pub(super) const WORLD: World =
    World { find_setting, find_variable: |name| std::env::var(name).ok(), read_file: read_file_for_line };

/// Runs the command.
///
/// # Errors
/// Why it could not run.
pub fn run(arguments: Vec<OsString>) -> super::Result {
    if arguments.is_empty() {
        print_error(USAGE);
        return Ok(exit::CANNOT_RUN);
    }
    let (arguments, then) = split_command(arguments);
    let as_given = arguments.clone();
    match flags::parse(FLAGS, arguments, |name| std::env::var_os(name)).map_err(|error| format!("{error}\n{HINT}"))? {
        Asked::Help => print(&help()),
        Asked::Version => print(concat!("upcheck ", env!("CARGO_PKG_VERSION"), "\n")),
        Asked::Run { flags, arguments } => {
            hide_secrets(&as_given, &flags, &arguments);
            let options = Options::of(flags, arguments)?;
            let code = check(options)?.0;
            return if code == exit::HEALTHY && !then.is_empty() { become_command(&then) } else { Ok(code) };
        }
    }
    Ok(exit::HEALTHY)
}

/// Takes out of the list of processes what was given to prove who somebody is: by a flag, or in a target.
fn hide_secrets(as_given: &[OsString], flags: &[Given<What>], targets: &[String]) {
    let in_flag = |given| match given {
        &Given { id: What::Setting(setting), ref value, .. } => Some((value, secrets::in_setting(setting, value)?)),
        _ => None,
    };
    let in_targets = targets.iter().filter_map(|target| Some((target, secrets::in_target(target)?)));
    let all = flags.iter().filter_map(in_flag).chain(in_targets);
    let found: Vec<Secret> = all.flat_map(|(value, range)| secrets::find(as_given, value, &range)).collect();
    arguments::blank(&found);
}

/// With `--wait`, what stands behind `--` is a command; without it, `--` only ends the flags.
fn split_command(mut arguments: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let Some(at) = arguments.iter().position(|argument| argument == "--") else { return (arguments, Vec::new()) };
    let is_wait = |argument: &OsString| argument == "--wait" || argument.as_encoded_bytes().starts_with(b"--wait=");
    if !arguments[..at].iter().any(is_wait) && std::env::var_os("UPCHECK_WAIT").is_none() {
        return (arguments, Vec::new());
    }
    let command = arguments.split_off(at + 1);
    arguments.truncate(at);
    (arguments, command)
}

/// Runs the command in our place: same process, same standard streams, its own exit status.
fn become_command(command: &[OsString]) -> super::Result {
    // What was raised for the checks is not the command's to have: programs that use select() rely on the limit being
    // low.
    resource::restore_descriptor_limit();
    let mut becoming = Command::new(&command[0]);
    becoming.args(&command[1..]);
    // What was said to this program, passwords among it, is not the command's to know.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"UPCHECK_")) {
        becoming.env_remove(name);
    }
    let error = becoming.exec();
    Err(format!("{}: {}", command[0].to_string_lossy(), plain(&error)))
}

/// Checks these targets as a user who says nothing else would, whatever the environment says. Gives the figures with
/// the exit code.
///
/// # Errors
/// Why it could not run.
pub(super) fn run_plain(targets: Vec<String>) -> Result<(u8, Summary), String> {
    check(Options::of(Vec::new(), targets)?)
}

/// A report on its way to where it goes.
struct Report {
    sink: Box<dyn Sink>,
    output: Output,
    place: String,
    /// Why it was given up. The others go on.
    trouble: Option<io::Error>,
}

impl Report {
    /// Notes how writing went. What cannot be written whole ends alone.
    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.output.give_up();
            self.trouble = Some(error);
        }
    }
}

/// A run under way.
struct Run {
    engine: Engine,
    input: Input,
    reports: Vec<Report>,
    tally: Tally,
    quiet: bool,
    verbose: bool,
    /// `None`: nobody watches, or nobody wants to.
    progress: Option<Progress>,
    /// Standard error, an output like any other.
    messages: Messages,
    signals: Signals,
    /// When the run ends, and what is said of what is unfinished then.
    deadline: Option<(Instant, Failure)>,
    /// Carries `give_up_at`.
    stall_key: Key,
    /// The run is to end, and readers who have taken nothing by then are left.
    give_up_at: Option<Instant>,
    /// It is `--wait` that ends it.
    waits: bool,
    /// What is said while all are waited for is not wanted.
    silent: bool,
    /// No more checks are started, for this reason.
    stopping: Option<Failure>,
    /// The exit status that a signal demands.
    signalled: Option<u8>,
}

fn check(options: Options) -> Result<(u8, Summary), String> {
    let clock = Clock::start();
    let mut reactor = Reactor::new(clock).map_err(|error| format!("no event loop: {}", plain(&error)))?;
    let signals = Signals::catch().map_err(|error| format!("signals: {}", plain(&error)))?;
    let key = reactor.open(Tag::Owner(SIGNALS));
    reactor
        .watch(key, &mut SourceFd(&signals.as_raw_fd()), Interest::READABLE)
        .map_err(|error| format!("signals: {}", plain(&error)))?;

    let reader = Reader::new(options.draft.clone(), WORLD);
    let (arguments, files) = (options.arguments.clone(), options.files.clone());
    let mut input = Input::new(reader, arguments, files, &mut reactor, Tag::Owner(INPUT));
    input.look_through(&mut say)?;
    if input.errors() > 0 {
        return Err(nothing_checked(input.errors()));
    }
    if input.known() == Some(0) {
        return Err(format!("no targets: nothing to check\n{HINT}"));
    }
    // A flag's roots hold wherever a line has none of its own.
    let has_roots = options.draft.settings().tls.roots.is_some();
    let default_roots = if !has_roots && input.may_need_tls() { environment_roots()? } else { None };

    let limits = Limits {
        in_flight: concurrency(&options, input.known()),
        per_host: options.per_host,
        interval: options.pace.map(|pace| pace.interval(input.known())).transpose()?,
    };
    let deadline = run_deadline(&options, clock.started());
    if let Some((at, _)) = deadline {
        let key = reactor.open(Tag::Owner(RUN_DEADLINE));
        reactor.arm(key, at);
    }
    let end = deadline.as_ref().map(|(at, _)| *at);
    let reports = open_reports(&options, &mut reactor)?;
    let progress = Progress::new(&options, &mut reactor);
    let messages = Messages::new(&mut reactor, Tag::Owner(MESSAGES));
    let stall_key = reactor.open(Tag::Owner(RUN_DEADLINE));
    let config = Config {
        limits,
        persistence: Persistence { until_up: options.wait.is_some(), end },
        names: options.names,
        secure: Secure::new(options.verify_cache, default_roots),
    };
    let engine = Engine::new(reactor, config);
    let mut run = Run {
        engine,
        input,
        reports,
        tally: Tally::default(),
        quiet: options.quiet,
        verbose: options.verbose,
        progress,
        messages,
        stall_key,
        give_up_at: None,
        signals,
        deadline,
        waits: options.wait.is_some(),
        silent: options.silent,
        stopping: None,
        signalled: None,
    };
    run.until_done()?;
    run.finish()
}

/// When the run ends: after `--deadline` or `--wait`, whichever is shorter.
fn run_deadline(options: &Options, started: Instant) -> Option<(Instant, Failure)> {
    let failure = |detail| Failure::new(Reason::Deadline, detail);
    let deadline = options.deadline.map(|time| (started + time, failure("the run's time was over (--deadline)")));
    let wait = options.wait.map(|time| (started + time, failure("it was not up in time (--wait)")));
    deadline.into_iter().chain(wait).min_by_key(|(at, _)| *at)
}

fn nothing_checked(errors: u64) -> String {
    let s = if errors == 1 { "" } else { "s" };
    format!("{errors} error{s} in the targets: nothing was checked")
}

/// How many checks at once: what was asked for, as far as the descriptors reach.
fn concurrency(options: &Options, known: Option<u64>) -> usize {
    let asked = options.concurrency.unwrap_or(CONCURRENCY);
    let Ok((soft, hard)) = resource::raise_descriptor_limit() else { return asked };
    let budget = usize::try_from(hard.saturating_sub(DESCRIPTORS_RESERVED)).unwrap_or(usize::MAX).max(1);
    if options.verbose && soft != hard {
        say(&format!("raised the limit on open files from {soft} to {hard}"));
    }
    if asked <= budget {
        return asked;
    }
    // Nobody needs to hear of a limit that cannot be reached.
    let matters = known.is_none_or(|known| known > budget as u64);
    if options.verbose || matters && options.concurrency.is_some() {
        say(&format!("{budget} checks at once instead of {asked}: the limit on open files is {hard} (ulimit -n)"));
    }
    budget
}

fn open_reports(options: &Options, reactor: &mut Reactor<Tag>) -> Result<Vec<Report>, String> {
    let mut wanted = options.wanted.clone();
    if wanted.is_empty() && !options.silent {
        wanted.push(Wanted { format: Format::Human, file: None });
    }
    let mut reports = Vec::new();
    for (number, Wanted { format, file }) in wanted.into_iter().enumerate() {
        let tag = Tag::Owner(REPORTS + number as u32);
        let place = file.clone().unwrap_or_else(|| "standard output".to_owned());
        let output = match &file {
            Some(file) => Output::file(Path::new(file), reactor, tag),
            None => Output::standard(io::stdout().as_fd(), reactor, tag),
        };
        let mut output = output.map_err(|error| format!("{place}: {}", plain(&error)))?;
        // Two streams of bytes in one place would be nothing that anybody could read.
        if reports.iter().any(|other: &Report| other.output.is_same_place(&output)) {
            return Err(format!("{place}: two reports cannot go to one place (-o FORMAT=FILE)\n{HINT}"));
        }
        let mut sink: Box<dyn Sink> = match format {
            Format::Human => Box::new(Human { color: options.colors(output.is_terminal()), verbose: options.verbose }),
            Format::Ndjson => Box::new(Ndjson),
        };
        sink.begin(output.buffer());
        reports.push(Report { sink, output, place, trouble: None });
    }
    Ok(reports)
}

impl Run {
    fn until_done(&mut self) -> Result<(), String> {
        let mut events = Vec::new();
        loop {
            // 1. Bring targets.
            let all_brought = self.bring(&mut events)?;

            // 2. Done?
            if all_brought && self.engine.is_idle() && events.is_empty() {
                return Ok(());
            }

            // 3. Turn: always, and without waiting where there is something to deal with already.
            if !events.is_empty() {
                let key = self.input.key();
                self.engine.reactor().again(key);
            }
            self.engine.turn(&mut events).map_err(|error| format!("the event loop: {}", plain(&error)))?;

            // 4. Deal with each event.
            let now = self.engine.reactor().clock().now();
            let mut batch = std::mem::take(&mut events);
            for event in &batch {
                match event {
                    Event::Finished(outcome) => self.finished(outcome),
                    Event::NotYet { target, failure } => self.not_yet(target, failure),
                    Event::Owner { id: SIGNALS, .. } => self.on_signal(&mut events),
                    // What has come is read when there is room for it, above.
                    Event::Owner { id: INPUT, .. } => {}
                    // Looked at below in every turn: the loop may have moved its deadlines, but a run's end does not
                    // move.
                    Event::Owner { id: RUN_DEADLINE, .. } => {}
                    Event::Owner { id: PROGRESS, .. } => self.draw_progress(now),
                    Event::Owner { id: MESSAGES, .. } => self.messages.write(self.engine.reactor()),
                    Event::Owner { id, .. } => self.write_report((id - REPORTS) as usize, &mut events),
                }
            }
            // What came of dealing with them is for the next trip, in the same memory.
            batch.clear();
            batch.append(&mut events);
            events = batch;
            if let Some((_, failure)) = self.deadline.take_if(|(at, _)| now >= *at) {
                self.stop(failure, &mut events);
            }
            self.messages.push(now, self.engine.reactor());
            self.push_reports(now, &mut events);
            self.leave_stalled_readers(now);
        }
    }

    /// When the run is to end, a reader who takes nothing must not keep it: his report is given up.
    fn leave_stalled_readers(&mut self, now: Instant) {
        let Some(at) = self.give_up_at.filter(|at| *at <= now) else {
            return;
        };
        for report in self.reports.iter_mut().filter(|report| !report.output.is_drained()) {
            if !report.output.has_moved_since(at - STALL_MAX) {
                report.note(Err(io::Error::other("its reader took no more, so the rest of the results is lost")));
            }
        }
        self.expect_readers(now);
    }

    /// Sets the time by which readers must have taken something.
    fn expect_readers(&mut self, now: Instant) {
        self.give_up_at = Some(now + STALL_MAX);
        self.engine.reactor().arm(self.stall_key, now + STALL_MAX);
    }

    /// Brings targets while there is room: whether all have been brought.
    fn bring(&mut self, events: &mut Vec<Event>) -> Result<bool, String> {
        let until = self.engine.reactor().clock().now() + BRING_FOR;
        for _ in 0..START_BATCH {
            if self.engine.reactor().clock().now() >= until {
                break;
            }
            if !self.reports.iter().all(|report| report.output.has_room()) {
                // The loop says when the reader has taken some.
                return Ok(false);
            }
            if self.stopping.is_none() && !self.engine.has_room() {
                return Ok(false);
            }
            let (progress, messages) = (&mut self.progress, &mut self.messages);
            let mut tell = |message: &str| {
                if let Some(progress) = progress {
                    progress.erase(messages);
                }
                messages.say(message);
            };
            match self.input.next(self.engine.reactor(), &mut tell)? {
                Next::End => return Ok(true),
                // Nor for what it might bring behind lines without end that are no targets.
                Next::More if self.stopping.is_some() && self.input.known().is_none() => return Ok(true),
                Next::More => break,
                // Once nothing more is to be started, nobody waits for what a pipe might still bring.
                Next::Pending => return Ok(self.stopping.is_some()),
                Next::Target(target, since) => match &self.stopping {
                    None => self.engine.add(target, since),
                    Some(failure) => {
                        let clock = *self.engine.reactor().clock();
                        let now = clock.now();
                        let queue = now.saturating_duration_since(since);
                        events.push(Event::Finished(Outcome::not_started(
                            target,
                            failure.clone(),
                            queue,
                            clock.wall(now),
                        )));
                    }
                },
            }
        }
        // There may be more: look at what has happened meanwhile, without waiting, and come back.
        let key = self.input.key();
        self.engine.reactor().again(key);
        Ok(false)
    }

    /// While all are waited for: why one is not up, when that has changed.
    fn not_yet(&mut self, target: &str, failure: &Failure) {
        if self.silent {
            return;
        }
        if let Some(progress) = &mut self.progress {
            progress.erase(&mut self.messages);
        }
        self.messages.say(&format!("waiting for {target}: {}: {}", failure.reason.as_str(), failure.detail));
    }

    fn finished(&mut self, outcome: &Outcome) {
        self.tally.add(outcome);
        if self.quiet && outcome.verdict() == Verdict::Up {
            return;
        }
        for report in &mut self.reports {
            if !report.output.is_closed() {
                report.sink.outcome(outcome, report.output.buffer());
            }
        }
    }

    /// Has every report write what is due.
    fn push_reports(&mut self, now: Instant, events: &mut Vec<Event>) {
        self.clear_line();
        for report in &mut self.reports {
            let pushed = report.output.push(now, self.engine.reactor());
            report.note(pushed);
        }
        self.nobody_listens(events);
    }

    /// Wipes the progress line if something is about to be written in its place.
    fn clear_line(&mut self) {
        let waiting = self.reports.iter().any(|report| report.output.is_terminal() && !report.output.is_drained());
        if let Some(progress) = self.progress.as_mut().filter(|_| waiting) {
            progress.erase(&mut self.messages);
            self.messages.write(self.engine.reactor());
        }
    }

    fn write_report(&mut self, index: usize, events: &mut Vec<Event>) {
        self.clear_line();
        let report = &mut self.reports[index];
        let written = report.output.write(self.engine.reactor());
        report.note(written);
        self.nobody_listens(events);
    }

    /// When the reader of every report has gone, as `head` goes, there is nobody to check for.
    fn nobody_listens(&mut self, events: &mut Vec<Event>) {
        if self.stopping.is_none()
            && !self.reports.is_empty()
            && self.reports.iter().all(|report| report.output.is_closed())
        {
            self.stop(Failure::new(Reason::Interrupted, "the reader of the results has gone"), events);
        }
    }

    fn on_signal(&mut self, events: &mut Vec<Event>) {
        while let Some(number) = self.signals.taken() {
            self.signalled = Some(exit::SIGNAL + number as u8);
            let name = if number == signal::INTERRUPT { "SIGINT" } else { "SIGTERM" };
            self.stop(Failure::new(Reason::Interrupted, format!("{name} came before it was finished")), events);
        }
    }

    /// Starts nothing more, and ends what is under way.
    fn stop(&mut self, failure: Failure, events: &mut Vec<Event>) {
        self.engine.abandon(&failure, events);
        if self.give_up_at.is_none() {
            let now = self.engine.reactor().clock().now();
            self.expect_readers(now);
        }
        self.stopping.get_or_insert(failure);
    }

    fn draw_progress(&mut self, now: Instant) {
        let Some(progress) = &mut self.progress else { return };
        let in_flight = self.engine.queue().in_flight();
        let clock = *self.engine.reactor().clock();
        progress.draw(&self.tally, self.input.known(), in_flight, now - clock.started(), &mut self.messages);
        self.engine.reactor().arm(progress.key, now + PROGRESS_EVERY);
    }

    /// Writes the summaries and waits until everything has been read. Then says how it went.
    fn finish(mut self) -> Result<(u8, Summary), String> {
        if let Some(progress) = &mut self.progress {
            progress.erase(&mut self.messages);
            self.messages.write(self.engine.reactor());
        }
        let summary = self.summary();
        for report in &mut self.reports {
            report.sink.end(&summary, report.output.buffer());
        }
        let mut events = Vec::new();
        for index in 0..self.reports.len() {
            self.write_report(index, &mut events);
        }
        while !self.reports.iter().all(|report| report.output.is_drained()) {
            self.engine.turn(&mut events).map_err(|error| format!("the event loop: {}", plain(&error)))?;
            let now = self.engine.reactor().clock().now();
            if let Some((at, _)) = &self.deadline
                && now >= *at
                && self.give_up_at.is_none()
            {
                self.expect_readers(now);
            }
            self.leave_stalled_readers(now);
            for event in std::mem::take(&mut events) {
                match event {
                    Event::Owner { id: MESSAGES, .. } => self.messages.write(self.engine.reactor()),
                    Event::Owner { id: SIGNALS, .. } => self.on_signal(&mut events),
                    Event::Owner { id, .. } if id >= REPORTS => {
                        self.write_report((id - REPORTS) as usize, &mut events);
                    }
                    _ => {}
                }
            }
        }
        // Each report's trouble is its own: the others are finished all the same.
        let mut troubles = Vec::new();
        for Report { output, place, trouble, .. } in self.reports.drain(..) {
            let finished = match trouble {
                Some(error) => Err(error),
                None => output.finish(),
            };
            if let Err(error) = finished {
                troubles.push(format!("{place}: {}", plain(&error)));
            }
        }
        if self.verbose {
            self.say_loop();
        }
        self.messages.finish();
        let errors = self.input.errors();
        if errors > 0 && self.input.taken() == 0 {
            return Err(nothing_checked(errors));
        }
        if errors > 0 {
            let lines = if errors == 1 { "1 line".to_owned() } else { format!("{errors} lines") };
            return Err(format!("{lines} of the targets could not be read; the others were checked"));
        }
        if self.input.taken() == 0 {
            return Err("no targets: nothing to check".to_owned());
        }
        if !troubles.is_empty() {
            return Err(troubles.join("\n"));
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
        let usage = resource::usage();
        Summary {
            tally: self.tally.clone(),
            wall: clock.now() - clock.started(),
            most_in_flight: self.engine.queue().most_in_flight(),
            cpu: usage.user + usage.system,
            peak_memory: usage.peak_memory,
            turns: stats.turns,
            longest_turn: stats.longest_turn,
        }
    }

    fn say_loop(&mut self) {
        let stats = self.engine.reactor().stats();
        self.messages.say(&format!(
            "the loop: {} turns; the longest turn took {} and held {} events",
            stats.turns,
            short_time(stats.longest_turn),
            stats.longest_turn_events
        ));
        let names = self.engine.resolver_stats();
        if names.lookups > 0 {
            self.messages.say(&format!(
                "names: {} looked up with {} queries over at most {} sockets, {} known already, {} messages dropped",
                names.lookups, names.queries, names.sockets_most, names.cached, names.dropped
            ));
        }
        let pool = self.engine.pool_stats();
        let closed: Vec<String> =
            pool.closed().map(|(reason, count)| format!("{count} ({})", reason.explain())).collect();
        if pool.reused > 0 || !closed.is_empty() {
            let not_kept = if closed.is_empty() { "none".to_owned() } else { closed.join(", ") };
            self.messages
                .say(&format!("connections were used again {} times; closed instead of kept: {not_kept}", pool.reused));
        }
        let cache = self.engine.secure().cache_counts();
        if cache.hits + cache.misses > 0 {
            self.messages.say(&format!("certificate chains: {} verified, {} known already", cache.misses, cache.hits));
        }
        if stats.absent > Duration::ZERO {
            self.messages.say(&format!(
                "this program did not run for {}; no target was charged with it",
                short_time(stats.absent)
            ));
        }
    }
}

/// The line on a terminal that says how far it is.
struct Progress {
    key: Key,
    shown: bool,
    /// All are being waited for: what counts is how many are up.
    waits: bool,
}

impl Progress {
    fn new(options: &Options, reactor: &mut Reactor<Tag>) -> Option<Progress> {
        let wanted = options.progress && !options.silent && io::stderr().is_terminal() && !dumb();
        wanted.then(|| {
            let key = reactor.open(Tag::Owner(PROGRESS));
            let now = reactor.clock().now();
            reactor.arm(key, now + PROGRESS_EVERY);
            Progress { key, shown: false, waits: options.wait.is_some() }
        })
    }

    fn draw(
        &mut self,
        tally: &Tally,
        known: Option<u64>,
        in_flight: usize,
        elapsed: Duration,
        messages: &mut Messages,
    ) {
        let of = known.map_or(String::new(), |known| format!("/{known}"));
        let (total, elapsed) = (tally.total(), short_time(elapsed));
        let bad = total - tally.verdict(Verdict::Up);
        let healthy = tally.verdict(Verdict::Up) + tally.verdict(Verdict::Degraded);
        let how_far = match self.waits {
            true => format!("{healthy}{of} up, waiting for the others"),
            false => format!("{total}{of} checked, {bad} not up, {in_flight} in flight"),
        };
        messages.put(&format!("\r\x1b[K{how_far}, {elapsed}"));
        self.shown = true;
    }

    fn erase(&mut self, messages: &mut Messages) {
        if std::mem::take(&mut self.shown) {
            messages.put("\r\x1b[K");
        }
    }
}

fn print_error(text: &str) {
    // Where standard error is gone there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}
