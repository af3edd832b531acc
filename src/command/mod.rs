//! The commands: what a user asks for, turned into what the other layers do.
//!
//! A command reads its arguments, owns standard input and output, and ends in an exit code. It has no protocol of its
//! own.

pub mod check;
pub mod compare;
pub mod demo;
pub mod flags;
mod generate;
pub mod input;
mod lines;
mod messages;
pub mod mock;
pub mod output;
mod outputs;
pub mod report;
pub mod reports;
mod secrets;
mod services;

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
