//! The measured process: makes all checks with one strategy, and says in one line what it knows of itself.
//!
//! It is this same program, started by `compare` with `--child`. All that it prints, to its parent, is `figures ...` or
//! `cannot REASON`.

use std::ffi::OsString;
use std::io;
use std::thread;
use std::time::Duration;

use super::blocking;
use super::figures::{Own, Tallied};
use super::strategy::Strategy;
use super::work::{COUNT_MAX, Work};
use crate::check::outcome::Verdict;
use crate::check::units;
use crate::command::check::{Beside, DESCRIPTORS_RESERVED, MEMORY, START_BATCH};
use crate::command::exit;
use crate::command::flags::{self, Asked, Flag};
use crate::command::output::print;
use crate::engine::queue::Limits;
use crate::engine::resolver::Names;
use crate::engine::retry::Persistence;
use crate::engine::secure::{Defaults, Secure};
use crate::engine::{Config, Engine, Event, Tag};
use crate::reactor::Reactor;
use crate::reactor::clock::Clock;
use crate::sys::{plain, resource};

/// The first argument of a measured process.
pub(super) const CHILD: &str = "--child";

/// What precedes the reason why a strategy could not be run.
pub(super) const CANNOT: &str = "cannot ";

/// What the parent tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChildFlag {
    Strategy,
    Count,
    Timeout,
    File,
}

const fn flag(id: ChildFlag, long: &'static str) -> Flag<ChildFlag> {
    Flag::new(id, long, None, Some("VALUE"), "", "")
}

/// Between this program and itself: no environment names, no help.
const FLAGS: &[Flag<ChildFlag>] = &[
    flag(ChildFlag::Strategy, "strategy"),
    flag(ChildFlag::Count, "count"),
    flag(ChildFlag::Timeout, "timeout"),
    flag(ChildFlag::File, "file"),
];

/// The arguments with which the program makes these checks of these URLs.
pub(super) fn arguments_for_urls(strategy: Strategy, count: usize, timeout: Duration, urls: &[String]) -> Vec<String> {
    let mut arguments = arguments(strategy);
    arguments.push(format!("--count={count}"));
    arguments.push(format!("--timeout={}us", timeout.as_micros()));
    arguments.extend_from_slice(urls);
    arguments
}

/// The arguments with which the program checks the targets in these files.
pub(super) fn arguments_for_files(strategy: Strategy, files: &[String]) -> Vec<String> {
    let mut arguments = arguments(strategy);
    arguments.extend(files.iter().map(|file| format!("--file={file}")));
    arguments
}

fn arguments(strategy: Strategy) -> Vec<String> {
    vec!["compare".to_owned(), CHILD.to_owned(), format!("--strategy={strategy}")]
}

/// Runs the measured process.
///
/// # Errors
/// Its arguments are not as its parent writes them.
pub(super) fn run(arguments: Vec<OsString>) -> crate::command::Result {
    let (strategy, work) = read(arguments)?;
    let line = match make_checks(strategy, &work) {
        Ok(own) => own.to_line(),
        Err(reason) => format!("{CANNOT}{reason}\n"),
    };
    print(&line);
    Ok(exit::HEALTHY)
}

fn read(arguments: Vec<OsString>) -> Result<(Strategy, Work), String> {
    let Asked::Run { flags, arguments: urls } = flags::parse(FLAGS, arguments, &[])? else {
        return Err(format!("{CHILD} has no help"));
    };
    let (mut strategy, mut count, mut timeout, mut files) = (None, None, None, Vec::new());
    for given in flags {
        match given.id {
            ChildFlag::Strategy => strategy = Some(given.value.parse()?),
            ChildFlag::Count => count = given.value.parse().ok().filter(|count| *count <= COUNT_MAX),
            ChildFlag::Timeout => timeout = Some(units::duration(&given.value)?),
            ChildFlag::File => files.push(given.value),
        }
    }
    let strategy = strategy.ok_or_else(|| format!("{CHILD} needs a strategy"))?;
    let work = match (count, timeout) {
        (Some(count), Some(timeout)) if !urls.is_empty() => Work::of_urls(urls, count, timeout),
        _ => Work::of_files(&files).map_err(|errors| errors.join("; "))?,
    };
    Ok((strategy, work))
}

fn make_checks(strategy: Strategy, work: &Work) -> Result<Own, String> {
    let (_, descriptors) = resource::raise_descriptor_limit().map_err(|error| plain(&error))?;
    let threads = match strategy {
        Strategy::Sequential => 1,
        Strategy::Threads(threads) => threads.min(work.count()),
        Strategy::Loop => return event_loop(work, sockets(descriptors, work.services()), None),
        Strategy::LoopBlocking(block) => return event_loop(work, sockets(descriptors, work.services()), Some(block)),
    };
    room_for(threads, descriptors, work.services())?;
    let done = blocking::run(threads, work)?;
    figures(&done.tallied, done.threads, None)
}

/// How many sockets there can be with so many descriptors, so that services of our own, which hold one for each port
/// and have the same limit, can take all connections.
fn sockets(descriptors: u64, services: usize) -> usize {
    let free = descriptors.saturating_sub(DESCRIPTORS_RESERVED);
    usize::try_from(free).unwrap_or(usize::MAX).saturating_sub(services).max(1)
}

/// Whether each thread can have its socket.
fn room_for(threads: usize, descriptors: u64, services: usize) -> Result<(), String> {
    match threads <= sockets(descriptors, services) {
        true => Ok(()),
        false => Err(format!("{threads} threads need more open files than {descriptors}, the limit (ulimit -n)")),
    }
}

/// The figures, unless there were checks that could not be made. Their targets are not to blame for it: this machine
/// could not go on.
fn figures(tallied: &Tallied, threads: u64, longest_turn: Option<Duration>) -> Result<Own, String> {
    let tally = &tallied.tally;
    let unknown = tally.verdict(Verdict::Unknown);
    let reason =
        tally.reasons().into_iter().map(|(reason, _)| reason).find(|reason| reason.verdict() == Verdict::Unknown);
    match reason {
        Some(reason) => Err(format!("{unknown} of {} checks could not be made: {}", tally.total(), reason.explain())),
        None => Ok(Own::new(tallied, &resource::usage(true), threads, longest_turn)),
    }
}

/// Makes all checks on the program's own event loop, as `upcheck check` does: as many at once as descriptors let it.
///
/// `block`: how long to block for each check that has ended. It is done where the owner of the loop deals with its
/// events, as a synchronous write to a log or a database would be; all other checks wait meanwhile.
fn event_loop(work: &Work, limit: usize, block: Option<Duration>) -> Result<Own, String> {
    let clock = Clock::start();
    let failed = |error: io::Error| format!("the event loop: {}", plain(&error));
    // Nothing else is waited for; but with a tag of its own this would be a second engine in the program.
    let reactor = Reactor::<Tag<Beside>>::new(clock).map_err(failed)?;
    let config = Config {
        limits: Limits::in_flight(limit.min(work.count()).max(1)),
        persistence: Persistence::default(),
        names: Names::default(),
        secure: Secure::new(true, Defaults::default()),
        memory: MEMORY,
        expected: None,
    };
    let mut engine = Engine::new(reactor, config);
    let mut reader = work.reader();
    let mut tallied = Tallied::default();
    let mut numbers = 0..work.count();
    let mut events = Vec::new();
    while !numbers.is_empty() || !engine.is_idle() {
        for _ in 0..START_BATCH {
            if !engine.has_room() {
                break;
            }
            let Some(number) = numbers.next() else { break };
            if let Some(target) = work.target(number, &mut reader) {
                engine.add(number as u64, target, clock.started());
            }
        }
        if engine.is_idle() {
            // No check came of these numbers, so there is nothing to wait for.
            continue;
        }
        if engine.has_room() && !numbers.is_empty() {
            engine.go_on();
        }
        engine.turn(&mut events).map_err(failed)?;
        for event in events.drain(..) {
            let Event::Finished { outcome, .. } = event else { continue };
            if let Some(block) = block {
                thread::sleep(block);
            }
            tallied.add(&outcome, clock.wall(clock.now()).saturating_sub(outcome.started));
        }
    }
    // The last turn is over when the next is asked for.
    engine.go_on();
    engine.turn(&mut events).map_err(failed)?;
    let threads = resource::threads().unwrap_or(1);
    let turn = engine.reactor().stats().longest_turn;
    figures(&tallied, threads, Some(turn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn os(arguments: &[String]) -> Vec<OsString> {
        // Without `compare --child`, as `run` is given them.
        arguments.iter().skip(2).map(OsString::from).collect()
    }

    #[test]
    fn arguments_are_read_as_they_are_written() {
        let block = Strategy::LoopBlocking(Duration::from_micros(1234));
        let urls = ["http://127.0.0.1:1/".to_owned(), "http://127.0.0.1:2/".to_owned()];
        let (strategy, work) = read(os(&arguments_for_urls(block, 7, Duration::from_secs(2), &urls))).unwrap();
        assert_eq!((strategy, work.count()), (block, 7));
        let target = work.target(3, &mut work.reader()).unwrap();
        assert_eq!((target.url.port(), target.settings.timeout), (2, Duration::from_secs(2)));

        let error = read(os(&arguments_for_files(Strategy::Loop, &["/nowhere/x".to_owned()]))).unwrap_err();
        assert!(error.starts_with("/nowhere/x"), "{error}");
        for wrong in [&["--strategy=x"][..], &["--count=1"], &["--help"], &["--bogus"], &["--strategy=loop"]] {
            assert!(read(wrong.iter().map(OsString::from).collect()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_strategy_makes_every_check() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let urls = vec![format!("tcp://{}", listener.local_addr().unwrap())];
        let work = Work::of_urls(urls, 20, Duration::from_secs(5));
        let block = Duration::from_millis(2);
        for strategy in [Strategy::Sequential, Strategy::Threads(3), Strategy::Loop, Strategy::LoopBlocking(block)] {
            let own = make_checks(strategy, &work).unwrap();
            assert_eq!((own.up, own.down), (20, 0), "{strategy}");
            assert!(own.p50 <= own.p99 && own.p99 <= own.max && own.mean <= own.max);
            assert!(own.memory > 0 && own.threads > 0);
            assert_eq!(own.longest_turn.is_some(), matches!(strategy, Strategy::Loop | Strategy::LoopBlocking(_)));
        }
    }

    #[test]
    fn what_cannot_be_is_said_before_it_is_tried() {
        assert_eq!((room_for(1000, 1116, 100), room_for(1, 0, 9)), (Ok(()), Ok(())));
        let error = room_for(1000, 1015, 0).unwrap_err();
        assert_eq!(error, "1000 threads need more open files than 1015, the limit (ulimit -n)");
    }
}
