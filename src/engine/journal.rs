//! What the engine did, a step a line, for whoever wants to watch it work. Nobody does, as a rule, and then it costs a look at
//! an empty option.

use std::mem;

use super::{Engine, Event};
use crate::check::machine::Awaits;

/// The most steps that are kept until somebody takes them; what is beyond is counted.
const STEPS_MAX: usize = 1024;

/// What a check was told, and how far that took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTaken {
    /// The number that the owner gave its target.
    pub number: u64,
    /// The target as it is shown.
    pub target: Box<str>,
    /// What the check was told.
    pub cause: Cause,
    /// What it waited for until then.
    pub from: Awaits,
    /// What it waits for now.
    pub to: Awaits,
}

/// What happened to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The queue let it begin.
    Started,
    /// Its socket can be read, or written, or both.
    Io {
        /// A read will not wait.
        readable: bool,
        /// A write will not wait.
        writable: bool,
    },
    /// What is known of its name was found out.
    Named,
    /// Its first address has had its head start.
    HeadStart,
    /// Its deadline has come.
    Deadline,
}

/// The steps since somebody took them.
#[derive(Debug, Default)]
pub(super) struct Journal {
    steps: Vec<StepTaken>,
    /// How many were not kept.
    left_out: u64,
}

/// A step that is being made.
struct Under {
    id: u32,
    number: u64,
    target: Box<str>,
    cause: Cause,
    from: Awaits,
}

impl<O: Copy> Engine<O> {
    /// Keeps a journal from now on, which [`take_steps`](Self::take_steps) reads.
    pub fn keep_journal(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// The steps that were made since this was last asked, and how many beside them were only counted.
    pub fn take_steps(&mut self) -> (Vec<StepTaken>, u64) {
        self.journal
            .as_deref_mut()
            .map(|journal| (mem::take(&mut journal.steps), mem::take(&mut journal.left_out)))
            .unwrap_or_default()
    }

    /// Makes a step of the check in this slot, and writes down how far it took it.
    pub(super) fn noting(&mut self, id: u32, cause: Cause, step: impl FnOnce(&mut Self)) {
        let under = if self.journal.is_some() { self.begin_step(id, cause) } else { None };
        step(self);
        if let Some(under) = under {
            self.end_step(under);
        }
    }

    #[cold]
    fn begin_step(&self, id: u32, cause: Cause) -> Option<Under> {
        let job = self.jobs[id as usize].as_ref()?;
        let target = job.check.target().shown().into();
        Some(Under { id, number: job.number, target, cause, from: job.check.awaits() })
    }

    #[cold]
    fn end_step(&mut self, Under { id, number, target, cause, from }: Under) {
        let Some(journal) = &mut self.journal else { return };
        let job = self.jobs[id as usize].as_ref().filter(|job| job.number == number);
        let to = match (job, self.finished.last()) {
            (Some(job), _) => job.check.awaits(),
            (None, Some(Event::Finished { number: of, outcome })) if *of == number => Awaits::Nothing(outcome.reason),
            (None, Some(Event::NotYet { number: of, failure, .. })) if *of == number => Awaits::Nothing(failure.reason),
            // It waits to be tried again.
            (None, _) => Awaits::Start,
        };
        match journal.steps.len() < STEPS_MAX {
            true => journal.steps.push(StepTaken { number, target, cause, from, to }),
            false => journal.left_out += 1,
        }
    }
}
