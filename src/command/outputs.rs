//! Which reports are wanted and how they are to look: what the commands that write results have in common.

use std::io;
use std::os::fd::AsFd;

use super::reports::{Report, Reports, Wake};
use crate::check::tally::Tally;
use crate::reactor::Reactor;
use crate::report::Sink;
use crate::report::formats::{self, FORMATS, Format, Look};
use crate::sys::fd;

/// What writes a report.
pub(super) type Form = Box<dyn Sink>;

/// A report, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) format: &'static Format,
    /// `None`: standard output.
    pub(super) file: Option<&'a str>,
}

impl Wanted<'_> {
    /// Reads `FORMAT[=FILE]`.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn parse(value: &str) -> Result<Wanted<'_>, String> {
        let (name, file) = match value.split_once('=') {
            Some((_, "")) => return Err(format!("'{}' names no file", value.escape_debug())),
            Some((name, file)) => (name, Some(file)),
            None => (value, None),
        };
        let unknown = || format!("'{}' is not a format: {}", name.escape_debug(), formats::names(", "));
        Ok(Wanted { format: formats::find(name).ok_or_else(unknown)?, file })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What the flags of output say.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// `FORMAT[=FILE]`, each of which can be read.
    wanted: Vec<String>,
    color: Color,
    /// For a person: nothing where all is well.
    pub(super) quiet: bool,
    /// Nothing but what is wanted.
    pub(super) silent: bool,
    /// More.
    pub(super) verbose: bool,
}

impl Outputs {
    /// Takes a report, `FORMAT[=FILE]`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn add(&mut self, value: &str) -> Result<(), String> {
        Wanted::parse(value)?;
        self.wanted.push(value.to_owned());
        Ok(())
    }

    /// Takes `auto`, `always` or `never`.
    ///
    /// # Errors
    /// It is none of them.
    pub(super) fn set_color(&mut self, value: &str) -> Result<(), String> {
        self.color = match value {
            "auto" => Color::Auto,
            "always" => Color::Always,
            "never" => Color::Never,
            other => return Err(format!("'{}' is not one of auto, always, never", other.escape_debug())),
        };
        Ok(())
    }

    /// All that are wanted: what a person reads, where nothing is said.
    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        let said: Vec<Wanted> = self.wanted.iter().filter_map(|value| Wanted::parse(value).ok()).collect();
        match said.is_empty() && !self.silent {
            true => vec![Wanted { format: &FORMATS[0], file: None }],
            false => said,
        }
    }

    /// The rule by which the report on standard output has the exit status, if it has one.
    pub(super) fn exit_rule(&self) -> Option<fn(&Tally) -> u8> {
        self.wanted().iter().find(|wanted| wanted.file.is_none()).and_then(|wanted| wanted.format.exit)
    }

    /// Opens and begins them all.
    ///
    /// # Errors
    /// Why one cannot be written.
    pub(super) fn open<T: Copy + From<Wake>>(
        &self,
        reports: &mut Reports<Form>,
        reactor: &mut Reactor<T>,
    ) -> Result<(), String> {
        for Wanted { format, file } in self.wanted() {
            reports.open(file, |is_terminal| (format.make)(&self.look(is_terminal)), reactor)?;
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
            columns: is_terminal.then(|| fd::columns(io::stdout().as_fd())).flatten(),
            verbose: self.verbose,
            quiet: self.quiet,
        }
    }
}

/// Whether a terminal is to be coloured (<https://no-color.org>).
pub(super) fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !dumb()
}

/// Whether a terminal can do nothing but print.
pub(super) fn dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}
