//! Runs one strategy in a process of its own, with services in another, and watches both from outside.
//!
//! The parent is a small event loop itself: it waits at once for the measured process, for a signal, for the end of the
//! time that a run may take, and for the next drawing of the progress line.
//!
//! Services are started afresh for each run, so that what they count is that run's and no connection of an earlier one
//! lingers.

use std::io::{self, IsTerminal, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::child;
use super::figures::{MeasuredRun, Own, Served};
use super::strategy::Strategy;
use crate::check::expect::clip;
use crate::command::output::error_columns;
use crate::command::outputs::dumb;
use crate::command::reports::Wake;
use crate::command::services::{Process, Services};
use crate::os::{Interest, Signals, SourceFd};
use crate::proto::json::{self, JsonFound, Path};
use crate::reactor::clock::Clock;
use crate::reactor::{Key, Reactor, Ready};
use crate::report::text::{fixed, short_time};
use crate::sys::fd::{self, Way};
use crate::sys::plain;
use crate::sys::signal::{INTERRUPT, TERMINATE};
use crate::sys::start::this_program;

/// The most services, each with a port of its own. More checks than that go round them.
const SERVICES_MAX: u16 = 100;

/// What a check may take beyond the time that its service takes.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often the progress line is drawn.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// The most that a measured process has to say, and the services of themselves.
const ANSWER_MAX: u64 = 4096;

/// How long the services may take to say what they have counted.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MeasureTag {
    Signal,
    /// What the measured process says.
    Child,
    TimeIsUp,
    Progress,
    Reports(Wake),
}

impl From<Wake> for MeasureTag {
    fn from(wake: Wake) -> MeasureTag {
        MeasureTag::Reports(wake)
    }
}

/// What the checks are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Targets {
    /// Services of our own.
    Services {
        /// How long each takes to answer.
        latency: Duration,
        /// By how much that differs at most, either way.
        jitter: Duration,
    },
    /// Those in these files.
    Files(Vec<String>),
}

/// What came of a run that was to be measured.
#[derive(Debug)]
pub(super) enum Ended {
    /// All checks were made, and it was measured.
    Done(Box<MeasuredRun>),
    /// This machine does not let the strategy be run: why.
    Cannot(String),
    /// It took longer than it may, and was ended.
    TooLong,
    /// A signal with this number came, and everything was ended.
    Signal(i32),
}

/// Where runs are made.
pub(super) struct Bench {
    reactor: Reactor<MeasureTag>,
    signals: Signals,
    /// The longest that one run may take.
    max: Duration,
    /// Whether somebody watches.
    progress: bool,
}

impl Bench {
    /// A bench on which no run takes longer than `max`.
    pub(super) fn new(max: Duration) -> Result<Bench, String> {
        let mut reactor = Reactor::new(Clock::start()).map_err(|error| format!("no event loop: {}", plain(&error)))?;
        let failed = |error: io::Error| format!("signals: {}", plain(&error));
        let mut signals = Signals::catch().map_err(failed)?;
        let key = reactor.open(MeasureTag::Signal);
        reactor.watch(key, &mut signals, Interest::READABLE).map_err(failed)?;
        Ok(Bench { reactor, signals, max, progress: io::stderr().is_terminal() && !dumb() })
    }

    /// The loop, for what else its owner waits for, under [`MeasureTag::Reports`].
    pub(super) fn reactor(&mut self) -> &mut Reactor<MeasureTag> {
        &mut self.reactor
    }

    /// The signal that has come, if one has.
    pub(super) fn signal(&mut self) -> Option<i32> {
        self.signals.taken()
    }

    /// Makes one run. `label` is what the progress line calls it, `expected` how long it should take.
    ///
    /// # Errors
    /// The processes could not be started or watched: nothing can be measured here.
    pub(super) fn run(
        &mut self,
        strategy: Strategy,
        count: usize,
        targets: &Targets,
        label: &str,
        expected: Option<Duration>,
    ) -> Result<Ended, String> {
        let (services, arguments) = match targets {
            Targets::Files(files) => (None, child::arguments_for_files(strategy, files)),
            Targets::Services { latency, jitter } => {
                let number = u16::try_from(count).unwrap_or(SERVICES_MAX).min(SERVICES_MAX);
                let services = Services::start(number, *latency, *jitter)
                    .map_err(|error| format!("the services did not start: {}", plain(&error)))?;
                let timeout = *latency + *jitter + TIMEOUT;
                let arguments = child::arguments_for_urls(strategy, count, timeout, services.targets());
                (Some(services), arguments)
            }
        };
        let failed = |error: io::Error| format!("measuring {strategy}: {}", plain(&error));
        let program = this_program().map_err(failed)?;
        let clock = *self.reactor.clock();
        let started = clock.now();
        let mut process =
            Process::start(Command::new(program).args(arguments).stderr(Stdio::null())).map_err(failed)?;
        let stdout = process.take_stdout().expect("a started process has its output here");
        let said = match self.listen(stdout, label, expected).map_err(failed)? {
            Heard::All(said) => said,
            // Dropping them ends both processes.
            Heard::TooLong => return Ok(Ended::TooLong),
            Heard::Signal(number) => return Ok(Ended::Signal(number)),
        };
        let (status, usage) = process.wait().map_err(failed)?;
        let wall = clock.now().saturating_duration_since(started);
        // Such a signal has ended the services, too: they cannot be asked any more.
        if let Some(number) = interrupted(status) {
            return Ok(Ended::Signal(number));
        }
        let served = services.map(served).transpose().map_err(failed)?;
        Ok(match outcome(&said, status, count) {
            Ok(own) => Ended::Done(Box::new(MeasuredRun { wall, usage, own, served })),
            Err(reason) => Ended::Cannot(reason),
        })
    }

    /// Listens to the measured process until it has no more to say.
    fn listen(&mut self, mut stdout: ChildStdout, label: &str, expected: Option<Duration>) -> io::Result<Heard> {
        let child = self.reactor.open(MeasureTag::Child);
        let time_is_up = self.reactor.open(MeasureTag::TimeIsUp);
        let progress = self.reactor.open(MeasureTag::Progress);
        let heard = self.listen_with(&mut stdout, [child, time_is_up, progress], label, expected);
        self.erase_progress();
        for key in [child, time_is_up, progress] {
            self.reactor.close(key);
        }
        heard
    }

    fn listen_with(
        &mut self,
        stdout: &mut ChildStdout,
        [child, time_is_up, progress]: [Key; 3],
        label: &str,
        expected: Option<Duration>,
    ) -> io::Result<Heard> {
        let clock = *self.reactor.clock();
        let started = clock.now();
        self.reactor.watch(child, &mut SourceFd(&stdout.as_raw_fd()), Interest::READABLE)?;
        self.reactor.arm(time_is_up, started + self.max);
        if self.progress {
            self.reactor.arm(progress, started);
        }
        let mut said = Vec::new();
        let mut events = Vec::new();
        loop {
            let now = self.reactor.turn(&mut events)?;
            for event in events.drain(..) {
                let (Ready::Io { tag, .. } | Ready::Deadline { tag, .. }) = event;
                match tag {
                    MeasureTag::Signal => {
                        if let Some(number) = self.signals.taken() {
                            return Ok(Heard::Signal(number));
                        }
                    }
                    MeasureTag::Child if read(stdout, &mut said)? => {
                        return Ok(Heard::All(String::from_utf8_lossy(&said).into_owned()));
                    }
                    MeasureTag::TimeIsUp => return Ok(Heard::TooLong),
                    MeasureTag::Progress => {
                        draw_progress(label, now.saturating_duration_since(started), expected);
                        self.reactor.arm(progress, now + PROGRESS_EVERY);
                    }
                    // It says that it has more to say in time.
                    MeasureTag::Child => {}
                    // Nothing is written while a run is made.
                    MeasureTag::Reports(_) => {}
                }
            }
        }
    }

    fn erase_progress(&self) {
        if self.progress {
            // Where standard error is gone there is nobody to tell, here and below.
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

/// How listening ended.
enum Heard {
    All(String),
    TooLong,
    Signal(i32),
}

/// Reads what is there: whether that was the end.
fn read(stdout: &mut ChildStdout, said: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 512];
    while fd::is_ready(stdout.as_fd(), Way::Read)? {
        match stdout.read(&mut piece) {
            Ok(0) => return Ok(true),
            Ok(length) if said.len() as u64 + length as u64 <= ANSWER_MAX => said.extend_from_slice(&piece[..length]),
            Ok(_) => return Err(io::Error::other("the measured process says too much")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn draw_progress(label: &str, elapsed: Duration, expected: Option<Duration>) {
    let of = expected.map_or(String::new(), |expected| format!(" of about {}", short_time(expected)));
    // A line that is wider is broken, and what is drawn over it next leaves half of it standing.
    let room = error_columns().map_or(usize::MAX, |columns| columns - 1);
    let line = clip(&format!("{label}: {} s{of}", fixed(elapsed.as_secs_f64(), 1)), room);
    let _ = io::stderr().write_all(format!("\r\x1b[K{line}").as_bytes());
}

/// The signal that ended the process, if it is one that was meant for all of us: a terminal sends it to each.
fn interrupted(status: ExitStatus) -> Option<i32> {
    status.signal().filter(|number| [INTERRUPT, TERMINATE].contains(number))
}

/// What a measured process that has ended comes to: its figures, or why there are none.
fn outcome(said: &str, status: ExitStatus, count: usize) -> Result<Own, String> {
    if let Some(reason) = said.strip_prefix(child::CANNOT) {
        return Err(reason.trim_end().to_owned());
    }
    let own = Own::parse(said).filter(|_| status.success());
    let own = own.ok_or_else(|| format!("its process ended without a result ({status})"))?;
    let made = own.up + own.down;
    if made != count as u64 {
        return Err(format!("its process made {made} checks of {count}"));
    }
    Ok(own)
}

/// Asks the services what they have seen, and ends them.
fn served(services: Services) -> io::Result<Served> {
    let text = ask(services.targets().first().map_or("", String::as_str))?;
    let (_, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let number = |name: &str| {
        let path = Path::parse(&format!(".{name}")).ok()?;
        match json::find(body.as_bytes(), &path).ok()?? {
            JsonFound::Number(number) => number.parse().ok(),
            _ => None,
        }
    };
    let counted = number("requests").zip(number("most_in_flight"));
    let (requests, most_in_flight) = counted.ok_or(io::ErrorKind::InvalidData)?;
    let usage = services.end()?;
    Ok(Served { requests, most_in_flight, cpu: usage.user + usage.system })
}

/// What the services have counted, as they say it: a head, and a small JSON object.
fn ask(target: &str) -> io::Result<String> {
    let authority = target.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address: SocketAddr = authority.and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect_timeout(&address, ASK_TIMEOUT)?;
    stream.set_read_timeout(Some(ASK_TIMEOUT))?;
    write!(stream, "GET /_stats HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_that_has_ended_comes_to() {
        let own = Own { up: 2, down: 1, ..Own::default() };
        let fine = ExitStatus::from_raw(0);
        assert_eq!(outcome(&own.to_line(), fine, 3), Ok(own.clone()));
        let cases = [
            ("cannot thread 7 of 9\n".to_owned(), fine, "thread 7 of 9"),
            (String::new(), ExitStatus::from_raw(6), "its process ended without a result (signal: 6"),
            (own.to_line(), ExitStatus::from_raw(3 << 8), "its process ended without a result (exit status: 3)"),
            ("figures 1 2".to_owned(), fine, "its process ended without a result"),
            (own.to_line(), fine, "its process made 3 checks of 4"),
        ];
        for (said, status, message) in cases {
            let error = outcome(&said, status, 4).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn signals_that_are_meant_for_all() {
        assert_eq!(interrupted(ExitStatus::from_raw(INTERRUPT)), Some(INTERRUPT));
        assert_eq!(interrupted(ExitStatus::from_raw(6)), None);
        assert_eq!(interrupted(ExitStatus::from_raw(0)), None);
    }

    #[test]
    fn what_is_said_is_read_to_its_end_and_no_further_than_it_may_go() {
        let mut heard = Vec::new();
        let mut process = Process::start(Command::new("sh").args(["-c", "printf abc"])).unwrap();
        let mut stdout = process.take_stdout().unwrap();
        process.wait().unwrap();
        assert!(read(&mut stdout, &mut heard).unwrap());
        assert_eq!(heard, b"abc");

        let mut process = Process::start(Command::new("sh").args(["-c", "printf %05000d 1"])).unwrap();
        let mut stdout = process.take_stdout().unwrap();
        process.wait().unwrap();
        assert!(read(&mut stdout, &mut Vec::new()).is_err());
    }
}
