//! The commands: what a user asks for, turned into what the other layers do.
//!
//! A command reads its arguments, owns standard input and output, and ends in an exit code. It has no protocol of its
//! own.

use std::ffi::OsString;

use crate::sys::resource;

pub mod check;
#[cfg(feature = "compare")]
pub mod compare;
#[cfg(feature = "mock")]
pub mod demo;
pub mod flags;
#[cfg(feature = "reports")]
mod generate;
pub mod input;
mod lines;
mod messages;
#[cfg(feature = "mock")]
pub mod mock;
pub mod output;
mod outputs;
#[cfg(feature = "reports")]
pub mod report;
pub mod reports;
mod secrets;
#[cfg(feature = "mock")]
mod services;
mod spelling;

/// What this program can do, or could if the feature were built in.
pub struct Command {
    /// Its first argument.
    pub name: &'static str,
    /// What stands behind it in the usage.
    pub arguments: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    /// The feature that it takes.
    pub feature: &'static str,
    /// Runs it. `None`: it was left out when this program was built.
    pub run: Option<fn(Vec<OsString>) -> Result>,
}

/// The commands beside checking, which is done where no command is named.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        arguments: "",
        help: "100 services of 200 ms, checked: no network, no arguments",
        feature: "mock",
        #[cfg(feature = "mock")]
        run: Some(demo::run),
        #[cfg(not(feature = "mock"))]
        run: None,
    },
    Command {
        name: "compare",
        arguments: "",
        help: "the same checks one by one, by threads, by one loop: what each costs",
        feature: "compare",
        #[cfg(feature = "compare")]
        run: Some(compare::run),
        #[cfg(not(feature = "compare"))]
        run: None,
    },
    Command {
        name: "report",
        arguments: " FILE...",
        help: "other outputs from NDJSON results, of one run or of many",
        feature: "reports",
        #[cfg(feature = "reports")]
        run: Some(report::run),
        #[cfg(not(feature = "reports"))]
        run: None,
    },
    Command {
        name: "mock",
        arguments: "",
        help: "a service to try it on, with delays and faults",
        feature: "mock",
        #[cfg(feature = "mock")]
        run: Some(mock::run),
        #[cfg(not(feature = "mock"))]
        run: None,
    },
];

/// Runs the command that the first argument names, or checks what the arguments are.
///
/// # Errors
/// Why it could not run.
pub fn run(mut arguments: Vec<OsString>) -> Result {
    resource::count_from_here();
    let first = arguments.first().and_then(|argument| argument.to_str());
    let run = match (first, COMMANDS.iter().find(|command| Some(command.name) == first)) {
        (Some("check"), _) => check::run,
        (_, Some(Command { run: Some(run), .. })) => *run,
        (_, Some(Command { name, feature, .. })) => {
            return Err(format!("'{name}' is not built into this upcheck (its feature is '{feature}')"));
        }
        // A target or a flag.
        (_, None) => return first.and_then(mistaken).map_or_else(|| check::run(arguments), Err),
    };
    arguments.remove(0);
    run(arguments)
}

/// What may be typed in place of a command, and what is meant.
const MEANT: &[(&str, &str)] = &[
    ("-", "-f -"),
    ("help", "--help"),
    ("version", "--version"),
    #[cfg(feature = "reports")]
    ("completions", "--generate bash"),
    #[cfg(feature = "reports")]
    ("man", "--generate man"),
];

/// What is wrong with a first argument that names no command, if it was meant to: a bare word that is near a command is no
/// host to be looked up.
#[cold]
fn mistaken(word: &str) -> Option<String> {
    let meant = MEANT.iter().find(|(typed, _)| *typed == word).map(|(_, meant)| *meant);
    let is_bare = word.bytes().all(|b| b.is_ascii_lowercase());
    let near = || spelling::nearest(word, &["check", "demo", "compare", "report", "mock"]);
    let meant = meant.or_else(|| if is_bare { near() } else { None })?;
    Some(format!("there is no command '{word}': did you mean 'upcheck {meant}'? (as a host, it is 'http://{word}')"))
}

/// How the program ends. Never 2: Docker reserves it for a HEALTHCHECK.
pub mod exit {
    /// Everything is up, or degraded.
    pub const HEALTHY: u8 = 0;
    /// Something is down or unknown.
    pub const UNHEALTHY: u8 = 1;
    /// It could not run: usage, input, an internal error.
    pub const CANNOT_RUN: u8 = 3;
    /// `--wait` ran out, as timeout(1) says it.
    pub const WAIT_RAN_OUT: u8 = 124;
    /// 128 and the number of the signal that ended it.
    pub const SIGNAL: u8 = 128;
}

/// What a command ends with: an exit code, or why it could not run.
pub type Result = std::result::Result<u8, String>;
