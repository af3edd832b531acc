//! `upcheck demo`: a hundred slow services in a process of their own, checked from this one. No network, no arguments.
//!
//! It goes the way of every other run: the services are `upcheck mock`, the checks are `upcheck check`. Only the words
//! at the end are its own.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::flags::{self, Asked, Flag, print_help};
use super::output::print;
use super::services::Services;
use super::{check, exit};
use crate::check::outcome::Outcome;
use crate::report::Summary;
use crate::report::text::short_time;

/// How many services there are.
const SERVICES: u16 = 100;

/// How many where the loop is explained: few enough to follow each.
const SERVICES_EXPLAINED: u16 = 12;

/// How long each takes to answer.
const LATENCY: Duration = Duration::from_millis(200);

/// How long the call takes with which `--blocking` holds up the loop, in milliseconds.
const BLOCKING_MS: u32 = 20;

const USAGE: &str = "\
Starts 100 services on this machine, each of which takes 200 ms to answer,
checks them all, and shows when each was under way, and what that took.

Usage: upcheck demo [--explain] [--blocking]
";

const ENDING: &str = "  -h, --help                  this text
  -V, --version               the version

It needs no network. The services are `upcheck mock`; they end with the demo.
";

/// What a flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lesson {
    Explain,
    Blocking,
}

#[rustfmt::skip]
const FLAGS: &[Flag<Lesson>] = &[
    Flag::new(Lesson::Explain, "explain", None, None, "Lessons",
        "12 services, and the loop in words: what each\nturn waited for, and which file does each step"),
    Flag::new(Lesson::Blocking, "blocking", None, None, "Lessons",
        "the famous trap: the same with one call in the\nloop that waits, and how that shows"),
];

/// Runs the command.
///
/// # Errors
/// Why it could not run.
pub fn run(arguments: Vec<OsString>) -> super::Result {
    match flags::parse(FLAGS, arguments, &[])? {
        Asked::ShortHelp | Asked::Help => print_help(&format!("{USAGE}{}{ENDING}", flags::help(FLAGS))),
        Asked::Version => print(&check::version()),
        Asked::Run { flags, arguments } => match arguments.first() {
            Some(argument) => return Err(format!("demo takes no arguments, not '{}'", argument.escape_debug())),
            None => {
                let is_asked = |lesson| flags.iter().any(|given| given.id == lesson);
                return demonstrate(is_asked(Lesson::Explain), is_asked(Lesson::Blocking));
            }
        },
    }
    Ok(exit::HEALTHY)
}

fn demonstrate(explain: bool, blocking: bool) -> super::Result {
    let count = if explain { SERVICES_EXPLAINED } else { SERVICES };
    let services = Services::start(count, LATENCY, Duration::ZERO)
        .map_err(|error| format!("the services did not start: {error}"))?;
    let trap = blocking.then_some(wait_for_another_answer as fn(&Outcome));
    let (code, summary) = check::run_plain(services.targets().to_vec(), "waterfall", explain, trap)?;
    if code == exit::HEALTHY {
        print_help(&in_words(&summary));
        if blocking {
            print_help(&trapped(&summary));
        }
    }
    Ok(code)
}

/// What must never be done in an event loop: it asks the service for one thing more and waits for the answer. While this
/// thread waits here, it waits for nobody else.
fn wait_for_another_answer(outcome: &Outcome) {
    let Some(address) = outcome.address else { return };
    let ask = || -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LATENCY))?;
        write!(stream, "GET /delay/{BLOCKING_MS} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    };
    // What it says is of no interest, only that it was waited for.
    let _ = ask();
}

/// What just happened.
fn in_words(summary: &Summary) -> String {
    let services = summary.tally.total();
    format!(
        "
{services} services take {} each to answer: one by one that is {}.
One thread waited for all of them at once: {}, with up to {} in flight.
It slept in between: {} of CPU time in all, in {} turns of the loop.
",
        short_time(LATENCY),
        short_time(LATENCY * services as u32),
        short_time(summary.wall),
        summary.most_in_flight,
        short_time(summary.cpu),
        summary.turns,
    )
}

/// What the call did that waited in the loop.
fn trapped(summary: &Summary) -> String {
    let services = summary.tally.total();
    let call = Duration::from_millis(BLOCKING_MS.into());
    format!(
        "
The trap: for each answer one call was made within the loop that waits for
{}. While it waits, the thread waits for nobody else, so the calls stand one
behind the other: {services} times {}. The longest turn took {}: that is
how it shows, here, with -v, and in a trace. No service is blamed for it: what
this program does meanwhile is in nobody's times.
",
        short_time(call),
        short_time(call),
        short_time(summary.longest_turn),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::{Phases, Reason};
    use crate::check::tally::Tally;

    #[test]
    fn the_words_hold_the_figures() {
        let mut tally = Tally::default();
        (0..100).for_each(|_| tally.add(Reason::Ok, &Phases::default()));
        let summary = Summary {
            tally,
            longest_turn: Duration::from_millis(2034),
            wall: Duration::from_millis(214),
            most_in_flight: 100,
            cpu: Duration::from_millis(9),
            turns: 12,
            ..Summary::default()
        };
        let words = in_words(&summary);
        for figure in ["100 services", "200 ms", "20.0 s", "214 ms", "up to 100 in flight", "9.0 ms", "12 turns"] {
            assert!(words.contains(figure), "{figure}: {words}");
        }
        let words = trapped(&summary);
        for figure in ["waits for\n20 ms", "100 times 20 ms", "2.03 s"] {
            assert!(words.contains(figure), "{figure}: {words}");
        }
    }
}
