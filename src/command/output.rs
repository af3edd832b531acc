//! Where reports go: standard output, a file, a device, a pipe. Written when it takes bytes, so that a slow reader
//! holds up nobody's check.
//!
//! Three kinds, told apart once:
//!
//! - a regular file (and a device that cannot be waited for) always takes bytes, and is written in large pieces;
//! - a pipe or socket is asked first and given at most `PIPE_BUF` at a time, which cannot wait;
//! - a terminal, the same and at once, since somebody is watching.
//!
//! `O_NONBLOCK` is never set on what others have opened: it would belong to every process that shares the descriptor, the
//! user's shell among them. A named pipe or a device that we open ourselves is opened with it, so that nothing waits there.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::os::{self, Interest, Outlet};
use crate::reactor::{Key, Reactor};
use crate::report::text::{push_folded, shown};
use crate::sys::fd::{self, PIPE_BUF};
use crate::sys::plain;

/// When so much waits to be written, no new check starts.
const BUFFER_FULL: usize = 256 * 1024;

/// When so much waits, it is written without waiting for more.
const WRITE_AT: usize = 32 * 1024;

/// For how much there is room from the first byte on. It costs nothing until it is used, and growing would copy all that waits.
const BUFFER_AT_FIRST: usize = 2 * WRITE_AT;

/// How much is written before the loop looks round again.
const PER_TURN: usize = 64 * 1024;

/// The most that a terminal is given at a time. Its buffer may have room for less than `PIPE_BUF` when it says it is
/// ready.
const TERMINAL_PIECE: usize = 512;

/// How long a line waits for others to be written with it.
const DELAY: Duration = Duration::from_millis(50);

/// How the descriptor takes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutletKind {
    Always,
    Asked,
    Terminal,
}

/// Bytes on their way to one place.
#[derive(Debug)]
pub struct Output {
    outlet: Outlet,
    kind: OutletKind,
    key: Key,
    buffer: Vec<u8>,
    written: usize,
    /// Some was taken in the write under way; and when that was last so while more was left.
    taken: bool,
    moved_at: Option<Instant>,
    /// A write is due at this time. `None`: nothing waits.
    due: Option<Instant>,
    /// Its reader has gone: what else is written to it is lost, and that is no error.
    closed: bool,
    /// The file beside its place, to be renamed when whole.
    rename: Option<(PathBuf, PathBuf)>,
    /// Why the file is written where it is, if it is.
    in_place: Option<io::Error>,
}

impl Output {
    /// An output to a file, known to the loop as `tag`. A regular file is written beside its place and renamed by
    /// [`finish`](Self::finish); anything else that is already there is written as it is. A named pipe must have its reader.
    ///
    /// # Errors
    /// Why nothing can be written there.
    pub fn file<T: Copy>(path: &Path, reactor: &mut Reactor<T>, tag: T) -> io::Result<Output> {
        // Behind a link, the place is where the link points.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match place.metadata() {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // Such as /dev/stdout: what the shell has opened is not ours to replace.
            Ok(there) if is_open_as(fd::standard_output(), &there) => {
                return Output::to(Outlet::standard_output()?, reactor, tag);
            }
            Ok(there) if is_open_as(fd::standard_error(), &there) => {
                return Output::to(Outlet::standard_error()?, reactor, tag);
            }
            Ok(there) if !there.is_file() => {
                return Output::to(Outlet::to(fd::open_to_write_without_waiting(&place)?), reactor, tag);
            }
            _ => {}
        }
        if place.file_name().is_none() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (file, beside) = match make_beside(&place) {
            Ok(made) => made,
            // In a folder that cannot be written a file may be, as a container's that is mounted there.
            Err(error) => {
                let Ok(file) = File::options().write(true).truncate(true).open(&place) else { return Err(error) };
                let mut output = Output::to(Outlet::to(file), reactor, tag)?;
                output.in_place = Some(error);
                return Ok(output);
            }
        };
        let mut output = Output::to(Outlet::to(file), reactor, tag)?;
        output.rename = Some((beside, place.clone()));
        if let Ok(there) = place.metadata() {
            output.outlet.set_permissions(there.permissions())?;
        }
        Ok(output)
    }

    /// An output to what is open already, known to the loop as `tag`.
    ///
    /// # Errors
    /// What the system says.
    pub fn to<T: Copy>(mut outlet: Outlet, reactor: &mut Reactor<T>, tag: T) -> io::Result<Output> {
        let key = reactor.open(tag);
        let kind = if outlet.is_regular()? {
            OutletKind::Always
        } else {
            match reactor.watch(key, &mut outlet, Interest::WRITABLE) {
                Ok(()) if outlet.is_terminal() => OutletKind::Terminal,
                Ok(()) => OutletKind::Asked,
                // Such as /dev/null: it cannot be waited for because it never makes anybody wait.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => OutletKind::Always,
                Err(error) => return Err(error),
            }
        };
        Ok(Output {
            outlet,
            kind,
            key,
            buffer: Vec::new(),
            written: 0,
            taken: false,
            moved_at: None,
            due: None,
            closed: false,
            rename: None,
            in_place: None,
        })
    }

    /// Whether both end up in the same place.
    pub fn is_same_place(&self, other: &Output) -> bool {
        match (&self.rename, &other.rename) {
            (Some((_, place)), Some((_, other))) => place == other,
            (None, None) => match (self.outlet.place(), other.outlet.place()) {
                (Ok(a), Ok(b)) => a == b && self.kind != OutletKind::Always,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.kind == OutletKind::Terminal
    }

    /// Where to append what is to be written. Tell [`push`](Self::push) afterwards.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(BUFFER_AT_FIRST);
        }
        &mut self.buffer
    }

    /// Whether it has little enough waiting that more may be brought.
    pub fn has_room(&self) -> bool {
        self.closed || self.buffer.len() - self.written < BUFFER_FULL
    }

    /// Whether everything has been written, or never will be.
    pub fn is_drained(&self) -> bool {
        self.closed || self.buffer.len() == self.written
    }

    /// Writes nothing more, and leaves no file behind.
    pub fn give_up(&mut self) {
        self.closed = true;
        self.buffer = Vec::new();
        self.written = 0;
    }

    /// Whether its reader has gone, or it was given up.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Sees to it that what was appended is written: now, or together with what follows shortly.
    ///
    /// # Errors
    /// Why it cannot be written. A reader that has gone is no error.
    pub fn push<T: Copy>(&mut self, now: Instant, reactor: &mut Reactor<T>) -> io::Result<()> {
        if self.is_drained() {
            return Ok(());
        }
        let due = *self.due.get_or_insert_with(|| {
            let due = if self.kind == OutletKind::Terminal { now } else { now + DELAY };
            reactor.arm(self.key, due);
            due
        });
        if now >= due || self.buffer.len() - self.written >= WRITE_AT {
            return self.write(reactor);
        }
        Ok(())
    }

    /// Writes as much as is taken without waiting. What is left is written when the loop says that it is ready.
    ///
    /// # Errors
    /// Why it cannot be written. A reader that has gone is no error.
    pub fn write<T: Copy>(&mut self, reactor: &mut Reactor<T>) -> io::Result<()> {
        if self.write_up_to(PER_TURN)? {
            reactor.again(self.key);
        }
        if self.is_drained() {
            self.due = None;
            reactor.disarm(self.key);
        } else if self.taken {
            self.moved_at = Some(reactor.clock().now());
        }
        self.taken = false;
        Ok(())
    }

    /// Whether any of it was taken since then.
    pub fn has_moved_since(&self, since: Instant) -> bool {
        self.moved_at.is_some_and(|at| at >= since)
    }

    /// As [`write`](Self::write), where no loop runs any more.
    ///
    /// # Errors
    /// Why it cannot be written. A reader that has gone is no error.
    pub fn write_ready(&mut self) -> io::Result<()> {
        self.write_up_to(usize::MAX).map(drop)
    }

    /// Writes what is taken without waiting, about so much at most: whether more might be taken at once.
    fn write_up_to(&mut self, most: usize) -> io::Result<bool> {
        let mut total = 0;
        let piece = match self.kind {
            OutletKind::Always => usize::MAX,
            OutletKind::Asked => PIPE_BUF,
            OutletKind::Terminal => TERMINAL_PIECE,
        };
        while !self.is_drained() {
            if total >= most {
                return Ok(true);
            }
            if self.kind != OutletKind::Always && !self.outlet.is_ready()? {
                return Ok(false);
            }
            let rest = &self.buffer[self.written..];
            match self.outlet.write(&rest[..rest.len().min(piece)]) {
                Ok(written) => {
                    self.written += written;
                    self.taken = true;
                    total += written;
                    // Given back as it goes: a reader a little slower than the checks may never let it run empty.
                    if self.written >= WRITE_AT {
                        self.buffer.drain(..self.written);
                        self.written = 0;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
                Err(error) => return Err(error),
            }
        }
        self.buffer.clear();
        self.written = 0;
        Ok(false)
    }

    /// Puts a file into its place. Everything must have been written. Gives why it had to be written in its place, if it had.
    ///
    /// # Errors
    /// Why it is not there, and where the results are.
    pub fn finish(mut self) -> io::Result<Option<io::Error>> {
        debug_assert!(self.is_drained());
        let Some((beside, place)) = &self.rename else { return Ok(self.in_place.take()) };
        let renamed = std::fs::rename(beside, place);
        // A mount point cannot be renamed over, but what is mounted there can be written.
        let Err(error) = renamed else {
            self.rename = None;
            return Ok(None);
        };
        match copy_into(beside, place) {
            // Dropping it takes the file beside away.
            Ok(()) => Ok(Some(error)),
            Err(error) => {
                let told = format!("{}; the results are in {}", plain(&error), beside.display());
                self.rename = None;
                Err(io::Error::new(error.kind(), told))
            }
        }
    }
}

/// Writes one file's bytes into another that is there.
fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = File::options().write(true).truncate(true).open(to)?;
    let mut piece = vec![0; PER_TURN];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return to.sync_all(),
            Ok(length) => to.write_all(&piece[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Drop for Output {
    /// A file that was not finished is no file.
    fn drop(&mut self) {
        if let Some((beside, _)) = &self.rename {
            // Nothing is left to be done about a failure here.
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// Makes a new file in the place's folder, under a name that nobody can foresee: whoever may write to the folder could
/// have laid a link there. `create_new` follows none and takes no file that exists.
fn make_beside(place: &Path) -> io::Result<(File, PathBuf)> {
    const TRIES: usize = 16;
    let mut numbers = os::numbers();
    for _ in 0..TRIES {
        let beside = place.with_file_name(format!(".upcheck-{:016x}.part", numbers.next_u64()));
        match File::options().write(true).create_new(true).open(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (file, beside)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Standard output, for what is said before there is a loop or after it.
pub fn print(text: &str) {
    // A reader that has gone has read enough.
    let _ = Outlet::standard_output().and_then(|mut out| out.write_all(text.as_bytes()));
}

/// Whether the descriptor is open on this very file.
fn is_open_as(fd: BorrowedFd<'_>, about: &Metadata) -> bool {
    let open = fd.try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    open.is_ok_and(|open| (open.dev(), open.ino()) == (about.dev(), about.ino()))
}

/// A message as it is shown: under the program's name, a line a line. `columns`: the width of the terminal that shows it, if
/// one does.
pub(super) fn message(text: &str, columns: Option<usize>) -> Vec<u8> {
    const NAME: &str = "upcheck: ";
    let mut out = Vec::new();
    let mut name = NAME;
    for line in text.lines() {
        let line = [name, &shown(line)].concat();
        push_folded(&line, columns.map_or(usize::MAX, |columns| columns - 1), NAME.len(), &mut out);
        out.push(b'\n');
        name = "";
    }
    out
}

/// The width of the terminal that standard error is. `None`: it is none.
pub(super) fn error_columns() -> Option<usize> {
    fd::columns(fd::standard_error())
}

/// Standard error, for what must be said before there is a loop.
pub fn say(text: &str) {
    // Where standard error is gone there is nobody to tell.
    let _ = io::stderr().write_all(&message(text, error_columns()));
}

/// The last word of the program. A standard error that nobody reads does not keep it from ending.
pub fn say_last(text: &str) {
    for piece in message(text, error_columns()).chunks(PIPE_BUF) {
        if !super::messages::is_taken_soon() {
            return;
        }
        let _ = io::stderr().write_all(piece);
    }
}
