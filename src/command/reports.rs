//! Where a command's results and messages go: any number of reports, each to a place of its own, and standard error.
//!
//! One report's trouble is its own: a full disk ends that report, the others are finished, and the trouble is told at the
//! end. A run that is to end does not wait for a reader who has stopped to read.
//!
//! It refuses to know what is written: a report's form `F` is its owner's.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::messages::Messages;
use super::output::Output;
use crate::os::Outlet;
use crate::reactor::{Key, Reactor};
use crate::report::text::push_listed;
use crate::sys::plain;

/// How long a run that is to end waits for a reader who takes nothing of its results.
const STALL_MAX: Duration = Duration::from_secs(2);

/// Which of the reports' own registrations woke us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The report with this number takes bytes, or has waited long enough for others to be written with it.
    Report(u32),
    /// The same for standard error.
    Messages,
    /// Readers who have taken nothing by now are left.
    Patience,
}

/// A report on its way to where it goes.
#[derive(Debug)]
pub struct Report<F> {
    /// What turns records into its bytes.
    pub form: F,
    output: Output,
    place: String,
    /// Why it was given up. The others go on.
    trouble: Option<io::Error>,
}

impl<F> Report<F> {
    /// Where to append what is to be written, unless it has been given up or nobody reads it any more.
    pub fn open(&mut self) -> Option<(&mut F, &mut Vec<u8>)> {
        match self.output.is_closed() {
            false => Some((&mut self.form, self.output.buffer())),
            true => None,
        }
    }

    /// Whether it has little enough waiting that more may be brought.
    pub fn has_room(&self) -> bool {
        self.output.has_room()
    }

    /// Notes how writing went. What cannot be written whole ends alone.
    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.output.give_up();
            self.trouble = Some(error);
        }
    }
}

/// All reports of a command, and its messages. See the module's text.
#[derive(Debug)]
pub struct Reports<F> {
    list: Vec<Report<F>>,
    messages: Messages,
    /// Carries `give_up_at`.
    patience: Key,
    /// The run is to end, and readers who have taken nothing by then are left.
    give_up_at: Option<Instant>,
}

impl<F> Reports<F> {
    /// No reports yet, and standard error, on this loop.
    pub fn new<T: Copy + From<Wake>>(reactor: &mut Reactor<T>) -> Reports<F> {
        Reports {
            list: Vec::new(),
            messages: Messages::new(reactor, Wake::Messages.into()),
            patience: reactor.open(Wake::Patience.into()),
            give_up_at: None,
        }
    }

    /// Opens a report to a file, or to standard output. `form` makes what writes it, told whether that is a terminal.
    ///
    /// # Errors
    /// Why it cannot be written there.
    pub fn open<T: Copy + From<Wake>>(
        &mut self,
        file: Option<&str>,
        form: impl FnOnce(bool) -> F,
        reactor: &mut Reactor<T>,
    ) -> Result<(), String> {
        let tag = Wake::Report(self.list.len() as u32).into();
        let place = file.unwrap_or("standard output").to_owned();
        let output = match file {
            Some(file) => Output::file(Path::new(file), reactor, tag),
            None => Outlet::standard_output().and_then(|outlet| Output::to(outlet, reactor, tag)),
        };
        let output = output.map_err(|error| format!("{place}: {}", plain(&error)))?;
        // Two streams of bytes in one place would be nothing that anybody could read.
        if self.list.iter().any(|other| other.output.is_same_place(&output)) {
            return Err(format!("{place}: two reports cannot go to one place (-o FORMAT=FILE)"));
        }
        let form = form(output.is_terminal());
        self.list.push(Report { form, output, place, trouble: None });
        Ok(())
    }

    /// All of them, to be written to. Tell [`push`](Self::push) afterwards.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Report<F>> {
        self.list.iter_mut()
    }

    /// Whether each has little enough waiting that more may be brought.
    pub fn have_room(&self) -> bool {
        self.list.iter().all(Report::has_room)
    }

    /// Whether all has been written, or never will be.
    pub fn are_drained(&self) -> bool {
        self.list.iter().all(|report| report.output.is_drained())
    }

    /// Whether nobody reads any of them any more.
    pub fn have_no_reader(&self) -> bool {
        !self.list.is_empty() && self.list.iter().all(|report| report.output.is_closed())
    }

    /// Whether something is about to be written to a terminal.
    pub fn draw_on_terminal(&self) -> bool {
        self.list.iter().any(|report| report.output.is_terminal() && !report.output.is_drained())
    }

    /// Says something on standard error, a line or more.
    pub fn say(&mut self, text: &str) {
        self.messages.say(text);
    }

    /// Puts this on standard error as it is, such as a line to be drawn over.
    pub fn put(&mut self, text: &str) {
        self.messages.put(text);
    }

    /// Has standard error written as far as it goes.
    pub fn flush_messages<T: Copy>(&mut self, reactor: &mut Reactor<T>) {
        self.messages.write(reactor);
    }

    /// Has everything written that is due, and leaves readers who keep a run from its end.
    pub fn push<T: Copy>(&mut self, now: Instant, reactor: &mut Reactor<T>) {
        self.messages.push(now, reactor);
        for report in &mut self.list {
            let pushed = report.output.push(now, reactor);
            report.note(pushed);
        }
        self.leave_stalled_readers(now, reactor);
    }

    /// Deals with an event of one of them.
    pub fn handle<T: Copy>(&mut self, wake: Wake, reactor: &mut Reactor<T>) {
        match wake {
            Wake::Report(number) => {
                let report = &mut self.list[number as usize];
                let written = report.output.write(reactor);
                report.note(written);
            }
            Wake::Messages => self.messages.write(reactor),
            // Looked at in every push: the loop may have moved this deadline, but a run's end does not move.
            Wake::Patience => {}
        }
    }

    /// Writes what is taken at once.
    pub fn write<T: Copy>(&mut self, reactor: &mut Reactor<T>) {
        for report in &mut self.list {
            let written = report.output.write(reactor);
            report.note(written);
        }
    }

    /// The run is to end: from now on a reader who takes nothing does not keep it.
    pub fn expect_readers<T: Copy>(&mut self, now: Instant, reactor: &mut Reactor<T>) {
        if self.give_up_at.is_none() {
            self.give_them_time(now, reactor);
        }
    }

    fn give_them_time<T: Copy>(&mut self, now: Instant, reactor: &mut Reactor<T>) {
        self.give_up_at = Some(now + STALL_MAX);
        reactor.arm(self.patience, now + STALL_MAX);
    }

    fn leave_stalled_readers<T: Copy>(&mut self, now: Instant, reactor: &mut Reactor<T>) {
        let Some(at) = self.give_up_at.filter(|at| *at <= now) else { return };
        for report in self.list.iter_mut().filter(|report| !report.output.is_drained()) {
            if !report.output.has_moved_since(at - STALL_MAX) {
                report.note(Err(io::Error::other("its reader took no more, so the rest of the results is lost")));
            }
        }
        self.give_them_time(now, reactor);
    }

    /// Puts files into their places. Everything must have been written. Gives each report's trouble, in a line of words;
    /// messages can still be said. `tells`: also of what was not as it should be and did no harm.
    pub fn finish(&mut self, tells: bool) -> String {
        let mut troubles = String::new();
        for Report { output, place, trouble, .. } in self.list.drain(..) {
            let finished = match trouble {
                Some(error) => Err(error),
                None => output.finish(),
            };
            match finished {
                Err(error) => push_listed(&mut troubles, "\n", &format!("{place}: {}", plain(&error))),
                Ok(Some(error)) if tells => {
                    self.messages
                        .say(&format!("{place} was written in its place, not renamed to it: {}", plain(&error)));
                }
                Ok(_) => {}
            }
        }
        troubles
    }

    /// Leaves all reports as they are; a file that was not finished is no file.
    pub fn leave(&mut self) {
        self.list.clear();
    }

    /// Says the last of the messages, without a loop.
    pub fn finish_messages(&mut self) {
        self.messages.finish();
    }
}
