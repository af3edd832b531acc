//! `upcheck demo`: a hundred slow services in a process of their own, checked from this one. No network, no arguments.
//!
//! It goes the way of every other run: the services are `upcheck mock`, the checks are `upcheck check`. Only the words
//! at the end are its own.

use std::ffi::OsString;
use std::time::Duration;

use super::flags::{self, Asked, Flag};
use super::output::print;
use super::services::Services;
use super::{check, exit};
use crate::report::Summary;
use crate::report::text::short_time;

/// How many services there are.
const SERVICES: u16 = 100;

/// How long each takes to answer.
const LATENCY: Duration = Duration::from_millis(200);

const HELP: &str = "\
Starts 100 services on this machine, each of which takes 200 ms to answer, checks them all, and
shows when each was under way, and what that took.

Usage: upcheck demo

It needs no network and takes no arguments. The services are `upcheck mock`; they end with the demo.
";

/// It has no flags but --help and --version.
const FLAGS: &[Flag<()>] = &[];

/// Runs the command.
///
/// # Errors
/// Why it could not run.
pub fn run(arguments: Vec<OsString>) -> super::Result {
    match flags::parse(FLAGS, arguments, &[])? {
        Asked::Help => print(HELP),
        Asked::Version => print(check::VERSION),
        Asked::Run { arguments, .. } => match arguments.first() {
            Some(argument) => return Err(format!("demo takes no arguments, not '{}'", argument.escape_debug())),
            None => return demonstrate(),
        },
    }
    Ok(exit::HEALTHY)
}

fn demonstrate() -> super::Result {
    let services = Services::start(SERVICES, LATENCY, Duration::ZERO)
        .map_err(|error| format!("the services did not start: {error}"))?;
    let (code, summary) = check::run_plain(services.targets().to_vec(), "waterfall")?;
    if code == exit::HEALTHY {
        print(&in_words(&summary));
    }
    Ok(code)
}

/// What just happened.
fn in_words(summary: &Summary) -> String {
    format!(
        "
{SERVICES} services take {} each to answer: one by one that is {}.
One thread waited for all of them at once: {}, with up to {} in flight.
In between it slept: all of it cost {} of CPU time, in {} turns of the loop.
",
        short_time(LATENCY),
        short_time(LATENCY * u32::from(SERVICES)),
        short_time(summary.wall),
        summary.most_in_flight,
        short_time(summary.cpu),
        summary.turns,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_hold_the_figures() {
        let summary = Summary {
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
    }
}
