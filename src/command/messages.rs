//! Standard error while the loop runs: an output like any other, written when it takes bytes. A supervisor that has gone
//! quiet, or a terminal after Ctrl-S, must not hold up the checks.
//!
//! What waits is bounded. Beyond that messages are dropped and counted, and the count is the last thing said. It refuses
//! to know what is said, and is of no use before there is a loop: see [`say`](super::output::say).

use std::time::{Duration, Instant};

use super::output::{Output, error_columns, message};
use crate::os::{self, Outlet};
use crate::reactor::Reactor;

/// How long the end of a run waits for a reader of standard error who takes nothing: so many times [`PAUSE`].
const PATIENCE: u32 = 20;

/// See [`PATIENCE`].
const PAUSE: Duration = Duration::from_millis(50);

/// Messages on their way to standard error.
#[derive(Debug)]
pub(super) struct Messages {
    /// `None`: there is no standard error, or it has failed.
    output: Option<Output>,
    dropped: u64,
}

impl Messages {
    /// Standard error, known to the loop as `tag`.
    pub(super) fn new<T: Copy>(reactor: &mut Reactor<T>, tag: T) -> Messages {
        Messages {
            output: Outlet::standard_error().and_then(|outlet| Output::to(outlet, reactor, tag)).ok(),
            dropped: 0,
        }
    }

    /// Says something, a line or more.
    pub(super) fn say(&mut self, text: &str) {
        match &mut self.output {
            Some(output) if output.has_room() => add(text, output),
            Some(_) => self.dropped += 1,
            None => {}
        }
    }

    /// Puts this there as it is, such as a line to be drawn over.
    pub(super) fn put(&mut self, text: &str) {
        if let Some(output) = self.output.as_mut().filter(|output| output.has_room()) {
            output.buffer().extend_from_slice(text.as_bytes());
        }
    }

    /// Sees to it that what was said is written, now or soon.
    pub(super) fn push<T: Copy>(&mut self, now: Instant, reactor: &mut Reactor<T>) {
        // Where standard error fails there is nobody to tell.
        self.output.take_if(|output| output.push(now, reactor).is_err());
    }

    /// Writes what is taken without waiting.
    pub(super) fn write<T: Copy>(&mut self, reactor: &mut Reactor<T>) {
        self.output.take_if(|output| output.write(reactor).is_err());
    }

    /// Says the rest, and how much was not taken. A reader who takes nothing for a second is left.
    pub(super) fn finish(&mut self) {
        if self.dropped > 0
            && let Some(output) = &mut self.output
        {
            let more = format!("{} more messages were not taken in time", self.dropped);
            add(&more, output);
        }
        let Some(output) = &mut self.output else { return };
        while !output.is_drained() && is_taken_soon() {
            if output.write_ready().is_err() {
                return;
            }
        }
    }
}

fn add(text: &str, output: &mut Output) {
    let columns = if output.is_terminal() { error_columns() } else { None };
    output.buffer().extend_from_slice(&message(text, columns));
}

/// Whether standard error takes bytes now, or within a second.
pub(super) fn is_taken_soon() -> bool {
    let Ok(outlet) = Outlet::standard_error() else { return false };
    for _ in 0..PATIENCE {
        match outlet.is_ready() {
            Ok(true) => return true,
            Ok(false) => os::sleep(PAUSE),
            Err(_) => return false,
        }
    }
    false
}
