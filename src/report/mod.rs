//! Reports: what outcomes look like to a person or a program, a format a file.
//!
//! A [`Sink`] turns outcomes into bytes and never writes them anywhere: whether they go to a terminal, a file or a pipe
//! that nobody reads at the moment is not its concern. It knows what an outcome is and nothing else of the program.

pub mod human;
pub mod ndjson;
pub mod text;

use std::time::Duration;

use crate::check::outcome::Outcome;
use crate::check::tally::Tally;

/// A format.
pub trait Sink {
    /// What stands before the first outcome.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// One outcome, as it finishes.
    fn outcome(&mut self, outcome: &Outcome, out: &mut Vec<u8>);

    /// What stands behind the last.
    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>);
}

/// A whole run in figures.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Counts and times.
    pub tally: Tally,
    /// From the run's start to its end.
    pub wall: Duration,
    /// The most checks under way at once.
    pub most_in_flight: usize,
    /// User and system time of this process.
    pub cpu: Duration,
    /// The most memory that this process held, in bytes.
    pub peak_memory: u64,
    /// Trips round the event loop.
    pub turns: u64,
    /// The longest of them.
    pub longest_turn: Duration,
}
