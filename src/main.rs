//! The `upcheck` program: picks the command, runs it, and turns its result into an exit code.

use std::process::ExitCode;

use upcheck::command::{self, exit};

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let named = arguments.first().and_then(|argument| argument.to_str());
    // A first argument that names no command is a target or a flag, and `check` is what is done with those.
    let run = match named {
        Some("check") => Some(command::check::run as fn(Vec<_>) -> command::Result),
        Some("compare") => Some(command::compare::run as _),
        Some("demo") => Some(command::demo::run as _),
        Some("mock") => Some(command::mock::run as _),
        Some("report") => Some(command::report::run as _),
        _ => None,
    };
    if run.is_some() {
        arguments.remove(0);
    }
    match run.unwrap_or(command::check::run)(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            command::output::say_last(&message);
            ExitCode::from(exit::CANNOT_RUN)
        }
    }
}
