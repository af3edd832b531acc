//! The progress line: how far a run is, drawn over itself on a terminal, and wiped before anything else is written there.

use std::io::{self, IsTerminal};
use std::time::Duration;

use super::super::output::error_columns;
use super::super::outputs::{ReportForm, dumb};
use super::super::reports::Reports;
use super::Beside;
use super::options::CheckOptions;
use crate::check::expect::clip;
use crate::check::outcome::Verdict;
use crate::check::tally::Tally;
use crate::engine::Tag;
use crate::reactor::{Key, Reactor};
use crate::report::text::short_time;

/// How often the progress line is drawn at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// The line on a terminal that says how far it is.
pub(super) struct Progress {
    key: Key,
    shown: bool,
    /// All are being waited for: what counts is how many are up.
    waits: bool,
}

impl Progress {
    /// One that is to be drawn soon. `None`: nobody watches, or nobody wants to.
    pub(super) fn new(options: &CheckOptions, reactor: &mut Reactor<Tag<Beside>>) -> Option<Progress> {
        let wanted =
            options.progress && !options.explain && !options.outputs.silent && io::stderr().is_terminal() && !dumb();
        wanted.then(|| {
            let key = reactor.open(Tag::Owner(Beside::Progress));
            let progress = Progress { key, shown: false, waits: options.wait.is_some() };
            progress.arm(reactor);
            progress
        })
    }

    /// Has the loop say when it is to be drawn next.
    pub(super) fn arm(&self, reactor: &mut Reactor<Tag<Beside>>) {
        let now = reactor.clock().now();
        reactor.arm(self.key, now + PROGRESS_EVERY);
    }

    /// Draws it over what was drawn before. `known` is how many targets there are, `elapsed` since the run's start.
    pub(super) fn draw(
        &mut self,
        tally: &Tally,
        known: Option<u64>,
        in_flight: usize,
        elapsed: Duration,
        reports: &mut Reports<ReportForm>,
    ) {
        let of = known.map_or(String::new(), |known| format!("/{known}"));
        let (total, elapsed) = (tally.total(), short_time(elapsed));
        let bad = total - tally.verdict(Verdict::Up);
        let healthy = tally.verdict(Verdict::Up) + tally.verdict(Verdict::Degraded);
        let how_far = match self.waits {
            true => format!("{healthy}{of} up, waiting for the others"),
            false => format!("{total}{of} checked, {bad} not up, {in_flight} in flight"),
        };
        // A line that is wider is broken, and what is drawn over it next leaves half of it standing.
        let room = error_columns().map_or(usize::MAX, |columns| columns - 1);
        reports.put(&format!("\r\x1b[K{}", clip(&format!("{how_far}, {elapsed}"), room)));
        self.shown = true;
    }

    /// Wipes it, if it is there.
    pub(super) fn erase(&mut self, reports: &mut Reports<ReportForm>) {
        if std::mem::take(&mut self.shown) {
            reports.put("\r\x1b[K");
        }
    }
}
