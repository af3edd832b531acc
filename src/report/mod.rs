//! Reports: what results look like to a person or a program, a format a file, all of them in [one table](formats).
//!
//! A [`Sink`] turns [records](record) into bytes and never writes them anywhere: whether they go to a terminal, a file or a
//! pipe that nobody reads at the moment is not its concern. It knows what a record is and nothing else of the program, so
//! it writes the same of checks that are made now and of those that stand in a file.

#[cfg(feature = "reports")]
pub mod baseline;
#[cfg(feature = "reports")]
pub mod csv;
pub mod formats;
mod histogram;
#[cfg(feature = "reports")]
pub mod html;
pub mod human;
#[cfg(feature = "reports")]
pub mod join;
#[cfg(feature = "reports")]
pub mod json;
#[cfg(feature = "reports")]
pub mod junit;
#[cfg(feature = "reports")]
pub mod markdown;
#[cfg(feature = "reports")]
pub mod nagios;
pub mod ndjson;
#[cfg(feature = "reports")]
pub mod prometheus;
#[cfg(feature = "reports")]
pub mod read;
pub mod record;
#[cfg(feature = "reports")]
mod rows;
#[cfg(feature = "reports")]
pub mod tap;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
#[cfg(feature = "reports")]
pub mod trace;
#[cfg(feature = "reports")]
pub mod waterfall;

use std::time::Duration;

pub use crate::check::shard::Shard;
use crate::check::tally::Tally;
use record::Record;

/// How much a format that keeps rows appends at a time in the end, in bytes, about.
#[cfg(feature = "reports")]
const PIECE: usize = 64 * 1024;

/// How a report is to look, as far as its format cares.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// With the escapes of a terminal that make colours.
    pub color: bool,
    /// How many columns there are. `None`: it is no terminal.
    pub columns: Option<usize>,
    /// More of everything.
    pub verbose: bool,
    /// Nothing of what is up.
    pub quiet: bool,
}

/// A format: it is given records, one by one, and appends bytes.
pub trait Sink {
    /// What stands before the first record.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// One record, as its check finishes.
    fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>);

    /// A trip round the loop, when it is over. Most formats have no place for it.
    fn turn(&mut self, _turn: &TurnRecord, _out: &mut Vec<u8>) {}

    /// What stands behind the last.
    fn end(&mut self, summary: &Summary, out: &mut Vec<u8>);

    /// What follows that, a piece at a time until it says `false`: what a format has kept of thousands of records is not
    /// held a second time while it is written.
    fn more(&mut self, _out: &mut Vec<u8>) -> bool {
        false
    }
}

/// One trip round the event loop.
#[derive(Clone, Copy, Debug, Default)]
pub struct TurnRecord {
    /// From 1. 0 is what was done before the first one.
    pub number: u64,
    /// When it began to wait, since the run's start.
    pub asked_at: Duration,
    /// How long it would have waited at most. `None`: until something was ready.
    pub wait: Option<Duration>,
    /// How long it did wait.
    pub slept: Duration,
    /// How long what it brought then took.
    pub worked: Duration,
    /// How many were ready.
    pub ready: usize,
    /// How many had stopped before there was nothing left, and went on.
    pub again: usize,
    /// How many deadlines had come.
    pub due: usize,
    /// How many checks were under way in the end.
    pub in_flight: usize,
    /// How many waited to begin.
    pub waiting: usize,
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
    /// Which share of a list it was, if it was one.
    pub shard: Option<Shard>,
}
