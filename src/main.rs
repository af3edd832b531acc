//! The `upcheck` program: picks the command, runs it, and turns its result into an exit code.

use std::process::ExitCode;

use upcheck::command::{self, exit};

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let first = arguments.first().and_then(|argument| argument.to_str()).unwrap_or_default();
    let named = matches!(first, "check" | "demo" | "mock");
    let command = if named { arguments.remove(0) } else { "check".into() };
    let result = match command.to_str() {
        Some("mock") => command::mock::run(arguments),
        _ => Ok(exit::HEALTHY),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("upcheck: {message}");
            ExitCode::from(exit::CANNOT_RUN)
        }
    }
}
