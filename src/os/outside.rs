//! What a loop meets of the world besides sockets: where results go, and the signals that ask it to end. Both are
//! descriptors that turn ready like any other.
//!
//! `O_NONBLOCK` is never set on what other processes share, the user's shell among them: the system is asked first, and
//! then given only so much as cannot wait.

use std::fs::{File, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::sys::fd::{self, Way};
use crate::sys::signal;

/// Where bytes leave the program: standard output or error, a file, a pipe, a device.
#[derive(Debug)]
pub struct Outlet(File);

impl Outlet {
    /// An outlet to this file.
    pub fn to(file: File) -> Outlet {
        Outlet(file)
    }

    /// Standard output. Dropping it leaves standard output open.
    ///
    /// # Errors
    /// There is none.
    pub fn standard_output() -> io::Result<Outlet> {
        fd::standard_output().try_clone_to_owned().map(|fd| Outlet(fd.into()))
    }

    /// Standard error. Dropping it leaves standard error open.
    ///
    /// # Errors
    /// There is none.
    pub fn standard_error() -> io::Result<Outlet> {
        fd::standard_error().try_clone_to_owned().map(|fd| Outlet(fd.into()))
    }

    /// Whether it is a regular file, which never makes anybody wait.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_regular(&self) -> io::Result<bool> {
        self.0.metadata().map(|about| about.is_file())
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }

    /// What tells the place that it leads to from all others.
    ///
    /// # Errors
    /// What the system says.
    pub fn place(&self) -> io::Result<(u64, u64, u64)> {
        self.0.metadata().map(|about| (about.dev(), about.ino(), about.rdev()))
    }

    /// Sets who may do what with the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.0.set_permissions(permissions)
    }

    /// Whether a write of at most `PIPE_BUF` bytes would return at once, if only with an error.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_ready(&self) -> io::Result<bool> {
        fd::is_ready(self.0.as_fd(), Way::Write)
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Source for Outlet {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}

/// The signals that ask this program to end.
#[derive(Debug)]
pub struct Signals(signal::SignalPipe);

impl Signals {
    /// Catches them. Call it once in a process.
    ///
    /// # Errors
    /// What the system says.
    pub fn catch() -> io::Result<Signals> {
        signal::SignalPipe::catch().map(Signals)
    }

    /// The number of one that has come, if any.
    pub fn taken(&mut self) -> Option<i32> {
        self.0.taken()
    }
}

impl Source for Signals {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}
