//! Signals -> a descriptor that a loop can watch.
//!
//! A signal handler may do next to nothing, so ours writes the signal's number into a pipe: "the self-pipe trick". The
//! loop finds the pipe readable like any other source and deals with it in its own time.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// SIGINT, as Ctrl-C sends it.
pub const INTERRUPT: i32 = libc::SIGINT;

/// SIGTERM, as a supervisor sends it.
pub const TERMINATE: i32 = libc::SIGTERM;

// POSIX leaves it to each system where errno is.
#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;
#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;

/// Where the handler writes. A handler has no other way to know.
static WRITE_END: AtomicI32 = AtomicI32::new(-1);

/// The readable end of the pipe. Watch it, then call [`taken`](Self::taken).
#[derive(Debug)]
pub struct SignalPipe {
    pipe: File,
}

impl SignalPipe {
    /// Catches SIGINT and SIGTERM, once each: a second one of the same kind ends the process as if nothing had been
    /// caught, so that an impatient user is never stuck. Call it once in a process.
    pub fn catch() -> io::Result<SignalPipe> {
        let (reader, writer) = pipe()?;
        // The handler may run until the process ends, so its end stays open as long.
        WRITE_END.store(writer.into_raw_fd(), Ordering::SeqCst);
        for signal in [INTERRUPT, TERMINATE] {
            // SAFETY: a zeroed sigaction with an empty mask is valid; the handler is async-signal-safe (see
            // `on_signal`).
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
                libc::sigemptyset(&mut action.sa_mask);
                super::check(libc::sigaction(signal, &action, std::ptr::null_mut()))?;
            }
        }
        Ok(SignalPipe { pipe: File::from(reader) })
    }

    /// The number of a signal that has come, if any.
    pub fn taken(&mut self) -> Option<i32> {
        let mut number = [0];
        match self.pipe.read(&mut number) {
            Ok(1) => Some(i32::from(number[0])),
            _ => None,
        }
    }
}

impl AsRawFd for SignalPipe {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.as_raw_fd()
    }
}

extern "C" fn on_signal(signal: libc::c_int) {
    let number = signal as u8;
    // SAFETY: write(2) and the location of errno are async-signal-safe, and errno is put back for whoever was
    // interrupted. A full pipe loses the byte, but then there are others in it to be found.
    unsafe {
        let errno = *errno_location();
        libc::write(WRITE_END.load(Ordering::Relaxed), (&raw const number).cast(), 1);
        *errno_location() = errno;
    }
}

/// A pipe neither end of which ever waits: where to read, and where to write.
#[cfg(not(target_vendor = "apple"))]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    use std::os::fd::FromRawFd;

    let mut ends = [-1; 2];
    // SAFETY: the array has the two places that the call fills with descriptors, which are then nobody's but ours.
    unsafe {
        super::check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK))?;
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

/// The same where there is no `pipe2`.
#[cfg(target_vendor = "apple")]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
    set_nonblocking(&reader)?;
    set_nonblocking(&writer)?;
    Ok((reader, writer))
}

#[cfg(target_vendor = "apple")]
fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: plain fcntl calls on a descriptor that we own.
    unsafe {
        let flags = super::check(libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        super::check(libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK))?;
    }
    Ok(())
}
