//! Which reports are wanted and how they are to look: what the commands that write results have in common.

use std::borrow::Cow;

use super::flags::Flag;
use super::reports::{Report, Reports, Wake};
use super::spelling::did_you_mean;
use crate::check::tally::Tally;
use crate::reactor::Reactor;
use crate::report::Look;
use crate::report::Sink;
use crate::report::formats::{self, FORMATS, Format};
use crate::sys::fd;

/// What writes a report.
pub(super) type ReportForm = Box<dyn Sink>;

/// A report, and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) format: &'static Format,
    /// `None`: standard output.
    pub(super) file: Option<String>,
}

impl Wanted {
    /// Reads `FORMAT[=FILE]`.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn parse(value: &str) -> Result<Wanted, String> {
        let (name, file) = match value.split_once('=') {
            Some((_, "")) => return Err(format!("'{}' names no file", value.escape_debug())),
            Some((name, file)) => (name, Some(file.to_owned())),
            None => (value, None),
        };
        let why = match formats::find(name) {
            Some(format) if format.make.is_some() => return Ok(Wanted { format, file }),
            Some(_) => "is not built into this upcheck (its feature is 'reports')",
            None => "is not a format",
        };
        let names = formats::names();
        Err(format!("'{}' {why}: {}{}", name.escape_debug(), names.join(", "), did_you_mean(name, "", &names)))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The flags of output, each command's own and the same in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputFlag {
    /// A report in one format, to one place.
    Output,
    /// Only what is not up.
    Quiet,
    /// Nothing but the exit status and what was asked for with `--output`.
    Silent,
    /// Phases, limits, and what the loop knows of itself.
    Verbose,
    /// Whether there is colour: always, never, or on a terminal.
    Color,
}

impl OutputFlag {
    /// Its row in a command's table, where it is called `id`.
    pub(super) const fn flag<I: Copy>(self, id: I) -> Flag<I> {
        let (long, short, value, help) = match self {
            OutputFlag::Output => (
                "output",
                Some('o'),
                Some("FORMAT[=FILE]"),
                "write this format, to standard output or FILE (repeatable) [human]",
            ),
            OutputFlag::Quiet => (
                "quiet",
                Some('q'),
                None,
                "nothing where all is well; else the counts and what is not up (for a person)",
            ),
            OutputFlag::Silent => ("silent", Some('s'), None, "nothing but the exit status and what -o asks for"),
            OutputFlag::Verbose => (
                "verbose",
                Some('v'),
                None,
                "phases of each check; a histogram, limits, and what the loop knows of itself",
            ),
            OutputFlag::Color => ("color", None, Some("WHEN"), "auto, always or never [auto]"),
        };
        Flag::new(id, long, short, value, "Output", help)
    }
}

/// What the flags of output say.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    wanted: Vec<Wanted>,
    color: Color,
    /// For a person: nothing where all is well.
    pub(super) quiet: bool,
    /// Nothing but what is wanted.
    pub(super) silent: bool,
    /// Phases, limits, and what the loop knows of itself are told, too.
    pub(super) verbose: bool,
}

impl Outputs {
    /// Takes what a flag says.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn take(&mut self, flag: OutputFlag, value: &str) -> Result<(), String> {
        match flag {
            OutputFlag::Output => self.wanted.push(Wanted::parse(value)?),
            OutputFlag::Quiet => self.quiet = true,
            OutputFlag::Silent => self.silent = true,
            OutputFlag::Verbose => self.verbose = true,
            OutputFlag::Color => {
                self.color = match value {
                    "auto" => Color::Auto,
                    "always" => Color::Always,
                    "never" => Color::Never,
                    other => {
                        let hint = did_you_mean(other, "", &["auto", "always", "never"]);
                        return Err(format!("'{}' is not one of auto, always, never{hint}", other.escape_debug()));
                    }
                };
            }
        }
        Ok(())
    }

    /// All that are wanted: what a person reads, where nothing is said.
    pub(super) fn wanted(&self) -> Cow<'_, [Wanted]> {
        match self.wanted.is_empty() && !self.silent {
            true => vec![Wanted { format: &FORMATS[0], file: None }].into(),
            false => Cow::Borrowed(&self.wanted),
        }
    }

    /// The rule by which the report on standard output has the exit status, if it has one.
    pub(super) fn exit_rule(&self) -> Option<fn(&Tally) -> u8> {
        self.wanted().iter().find(|wanted| wanted.file.is_none()).and_then(|wanted| wanted.format.exit)
    }

    /// Whether any of them tells how much memory the run took. For a person only `-v` does.
    pub(super) fn tell_memory(&self) -> bool {
        self.verbose || self.wanted().iter().any(|wanted| wanted.format.name != "human")
    }

    /// Opens and begins them all.
    ///
    /// # Errors
    /// Why one cannot be written.
    pub(super) fn open<T: Copy + From<Wake>>(
        &self,
        reports: &mut Reports<ReportForm>,
        reactor: &mut Reactor<T>,
    ) -> Result<(), String> {
        for Wanted { format, file } in self.wanted().iter() {
            let Some(make) = format.make else {
                debug_assert!(false, "what was left out is never wanted");
                continue;
            };
            reports.open(file.as_deref(), |is_terminal| make(&self.look(is_terminal)), reactor)?;
        }
        for (form, buffer) in reports.iter_mut().filter_map(Report::open) {
            form.begin(buffer);
        }
        Ok(())
    }

    fn look(&self, is_terminal: bool) -> Look {
        Look {
            color: match self.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_terminal && wants_color(),
            },
            columns: is_terminal.then(columns),
            verbose: self.verbose,
            quiet: self.quiet,
        }
    }
}

/// What is left to be written when everything has been reported.
pub(super) enum LeftToWrite {
    /// More, for which there is room: nobody waits for a reader, so the loop must not either.
    More,
    /// What somebody has to take first.
    Waits,
    /// Nothing: all has been written.
    Nothing,
}

/// Has the formats write more of what they have kept, and what is taken at once written.
pub(super) fn write_rest<T: Copy>(reports: &mut Reports<ReportForm>, reactor: &mut Reactor<T>) -> LeftToWrite {
    let is_more = push_more(reports);
    reports.write(reactor);
    match (is_more, reports.are_drained()) {
        (false, true) => LeftToWrite::Nothing,
        (true, true) => LeftToWrite::More,
        (_, false) => LeftToWrite::Waits,
    }
}

/// Has the formats write more, as far as there is room for it: whether there is more.
fn push_more(reports: &mut Reports<ReportForm>) -> bool {
    let mut is_more = false;
    for report in reports.iter_mut() {
        match report.has_room() {
            true => is_more |= report.open().is_some_and(|(form, buffer)| form.more(buffer)),
            false => is_more = true,
        }
    }
    is_more
}

/// How wide the terminal is that standard output is.
pub(super) fn columns() -> usize {
    /// Of one that does not say.
    const COLUMNS: usize = 80;
    fd::columns(fd::standard_output()).unwrap_or(COLUMNS)
}

/// Whether a terminal is to be coloured (<https://no-color.org>).
pub(super) fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !dumb()
}

/// Whether a terminal can do nothing but print.
pub(super) fn dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}
