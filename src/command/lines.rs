//! A file's lines, as they come: read in pieces when they are there, none longer than there is room for.
//!
//! It refuses to know what a line says. Only of targets it knows that their file may be JSON, of which lines are made.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use crate::check::discovery;
use crate::os::{Interest, SourceFd};
use crate::reactor::{Key, Reactor};
use crate::sys::fd::{self, Way};
use crate::sys::plain;

/// How much is read at a time.
const PIECE: usize = 64 * 1024;

/// A file's lines, as they come.
pub(super) struct Lines {
    /// What messages call it.
    pub(super) name: String,
    file: BufReader<File>,
    /// The longest line that is taken whole, in bytes. Of one that is longer comes its beginning, longer than this.
    longest: usize,
    /// It is a pipe or the like: ask before reading.
    pub(super) asked: bool,
    pub(super) buffer: Vec<u8>,
    /// Where the next line begins.
    at: usize,
    /// How many lines have begun.
    number: u64,
    /// When the last piece came; for a regular file, when the run began.
    pub(super) since: Instant,
    /// There is no more to be read.
    pub(super) ended: bool,
    /// The rest of a line that was too long is being passed over.
    skipping: bool,
    /// Whether it is looked at what the file is: lines, or Prometheus' JSON, of which lines are made.
    is_fresh: bool,
}

/// What stands there.
pub(super) enum FileLine<'a> {
    /// The line's number, from 1, and the line.
    Whole(u64, &'a [u8]),
    /// The file is wrong as a whole: what is, behind its place.
    Wrong(String),
    /// No whole line is there; more must be read.
    NotYet,
    /// There are no more.
    Ended,
}

impl Lines {
    /// The lines of this file, read from where it stands. `since` is when the run began.
    pub(super) fn new(name: String, file: File, longest: usize, since: Instant) -> Lines {
        Lines {
            name,
            file: BufReader::with_capacity(PIECE, file),
            longest,
            asked: false,
            buffer: Vec::new(),
            at: 0,
            number: 0,
            since,
            ended: false,
            skipping: false,
            is_fresh: false,
        }
    }

    /// The same, of targets: if the file is Prometheus' JSON, the lines are made of it.
    pub(super) fn of_targets(mut self) -> Lines {
        self.is_fresh = true;
        self
    }

    /// Has the loop say when there is more, where that is a matter of time.
    pub(super) fn watch<T: Copy>(&mut self, key: Key, reactor: &mut Reactor<T>) -> io::Result<()> {
        self.asked = watch(self.file.get_ref(), key, reactor)?;
        Ok(())
    }

    /// Has the loop say no more.
    pub(super) fn unwatch<T: Copy>(&self, reactor: &mut Reactor<T>) {
        if self.asked {
            // Standard input stays open elsewhere, so closing our descriptor would not end the watch.
            let _ = reactor.unwatch(&mut SourceFd(&self.file.get_ref().as_raw_fd()));
        }
    }

    /// The next line, of what has been read.
    pub(super) fn next(&mut self) -> FileLine<'_> {
        if self.is_fresh {
            match discovery::is_one(&self.buffer) {
                Some(true) => return self.discovered(),
                // Nobody waits for what stands behind so much white space.
                None if !self.ended && self.buffer.len() <= self.longest => return FileLine::NotYet,
                _ => self.is_fresh = false,
            }
        }
        let rest = &self.buffer[self.at..];
        let end = line_end(rest);
        if self.skipping {
            self.at += end.unwrap_or(rest.len());
            self.skipping = end.is_none();
            return match (self.skipping, self.ended) {
                (true, true) => FileLine::Ended,
                (true, false) => FileLine::NotYet,
                (false, _) => self.next(),
            };
        }
        let end = match end {
            Some(end) => end,
            None if self.ended && !rest.is_empty() => rest.len(),
            None if rest.len() > self.longest + 2 => {
                self.skipping = true;
                rest.len()
            }
            None if self.ended => return FileLine::Ended,
            None => return FileLine::NotYet,
        };
        let line = self.at..self.at + end;
        self.at = line.end;
        self.number += 1;
        let line = &self.buffer[line];
        let mark = if self.number == 1 { discovery::MARK } else { b"" };
        FileLine::Whole(self.number, line.strip_prefix(mark).unwrap_or(line))
    }

    /// The file is JSON: once it is whole, lines are made of it.
    fn discovered(&mut self) -> FileLine<'_> {
        if self.buffer.len() > discovery::MAX {
            (self.is_fresh, self.ended) = (false, true);
            self.buffer.clear();
            return FileLine::Wrong(format!("1:1: JSON of more than {} MiB", discovery::MAX / 1024 / 1024));
        }
        if !self.ended {
            return FileLine::NotYet;
        }
        match self.make_lines() {
            Ok(()) => self.next(),
            Err(told) => {
                self.is_fresh = false;
                self.buffer.clear();
                FileLine::Wrong(told)
            }
        }
    }

    /// Makes lines of the file if it is JSON, is whole, and there are none of it yet.
    fn make_lines(&mut self) -> Result<(), String> {
        if self.is_fresh && self.ended && discovery::is_one(&self.buffer) == Some(true) {
            self.buffer = discovery::lines(&self.buffer)?.into();
            self.is_fresh = false;
        }
        Ok(())
    }

    /// The whole lines that are there, without taking them. Of JSON there are none before it is whole, or where it is wrong.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = &[u8]> {
        let is_json = self.make_lines().is_err() || self.is_fresh && discovery::is_one(&self.buffer) != Some(false);
        let rest = if is_json { &[] } else { &self.buffer[self.at..] };
        let whole = rest.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        rest[..whole].split_inclusive(|&b| b == b'\n')
    }

    /// Reads another piece, if that can be done without waiting.
    pub(super) fn fill(&mut self, now: Instant) -> io::Result<bool> {
        if self.asked && !fd::is_ready(self.file.get_ref().as_fd(), Way::Read)? {
            return Ok(false);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        match self.file.fill_buf() {
            Ok(piece) => {
                let length = piece.len();
                self.buffer.extend_from_slice(piece);
                self.file.consume(length);
                self.ended = length == 0;
                if self.asked {
                    self.since = now;
                }
                Ok(true)
            }
            // Somebody else who has the same pipe set it so and was quicker.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.fill(now),
            Err(error) => Err(error),
        }
    }

    /// What is told of an error in reading it.
    pub(super) fn cannot(&self, error: &io::Error) -> String {
        format!("{}: {}", self.name, plain(error))
    }
}

/// How many bytes a line takes, with its end, if the end is there.
fn line_end(rest: &[u8]) -> Option<usize> {
    // Without an early end the compiler looks at all bytes of a piece at once.
    let has_end = |piece: &&[u8; 16]| piece.iter().fold(false, |found, &b| found | (b == b'\n'));
    let (pieces, _) = rest.as_chunks();
    let before = 16 * pieces.iter().take_while(|piece| !has_end(piece)).count();
    rest[before..].iter().position(|&b| b == b'\n').map(|at| before + at + 1)
}

/// Opens a file to be read, `-` is standard input: what messages call it, the file, and whether it is a regular one.
///
/// # Errors
/// It cannot be opened, or is a folder.
pub(super) fn open(name: &str) -> io::Result<(String, File, bool)> {
    let (name, file) = match name {
        "-" => ("<stdin>".to_owned(), fd::standard_input().try_clone_to_owned()?.into()),
        path => (path.escape_debug().to_string(), fd::open_without_waiting(path)?),
    };
    let about = file.metadata()?;
    match about.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok((name, file, about.is_file())),
    }
}

/// Has the loop say when a pipe can be read. False for what cannot be waited for because it never makes anybody wait,
/// such as /dev/null.
fn watch<T: Copy>(file: &File, key: Key, reactor: &mut Reactor<T>) -> io::Result<bool> {
    match reactor.watch(key, &mut SourceFd(&file.as_raw_fd()), Interest::READABLE) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}
