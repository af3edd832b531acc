//! The `upcheck` program: runs what its arguments ask for, and turns what comes of it into an exit code.

use std::process::ExitCode;

use upcheck::command::{self, exit};

fn main() -> ExitCode {
    match command::run(std::env::args_os().skip(1).collect()) {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            command::output::say_last(&message);
            ExitCode::from(exit::CANNOT_RUN)
        }
    }
}
