//! Single descriptors: what kind one is, and whether it is ready right now; or a few, of which one is waited for.
//!
//! Standard input and output are shared with other processes, so `O_NONBLOCK` must not be set on them: the shell would
//! inherit it. Instead the OS is asked first, and then only so much is read or written as cannot wait.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The most bytes that a write to a ready pipe takes without waiting (POSIX: at least 512; Linux: 4096).
pub const PIPE_BUF: usize = libc::PIPE_BUF;

/// Standard input. It is open, by itself or as something that stands in for it (see [`start`](super::start)), and nobody
/// closes it.
pub fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: see above, here and below.
    unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) }
}

/// Standard output, as [`standard_input`].
pub fn standard_output() -> BorrowedFd<'static> {
    unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) }
}

/// Standard error, as [`standard_input`].
pub fn standard_error() -> BorrowedFd<'static> {
    unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) }
}

/// Which way data is to flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Out of the descriptor.
    Read,
    /// Into the descriptor.
    Write,
}

/// How many columns a terminal has; `None` for what is none, or does not say.
pub fn columns(terminal: BorrowedFd<'_>) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call writes a winsize to the one that it is given, which outlives it.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &mut size) };
    (result == 0 && size.ws_col > 0).then_some(size.ws_col.into())
}

/// Opens a file to be read. A named pipe that nobody has opened for writing yet is opened all the same, where `open`
/// would wait; it turns ready when somebody has. For a regular file there is no difference.
///
/// # Errors
/// What the system says.
pub fn open_without_waiting(path: &str) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Reads a file to its end, or up to `most` bytes.
///
/// # Errors
/// What the system says.
pub fn read_up_to(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens what is no regular file to be written: a named pipe, a device. A named pipe that nobody reads is an error, where
/// `open` would wait for somebody. The description is our own, so that it is nobody else's affair that its writes do not
/// wait either.
///
/// # Errors
/// What the system says, but in clear words for a pipe without a reader.
pub fn open_to_write_without_waiting(path: &Path) -> io::Result<File> {
    let opened = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        // The same number for a socket, and for a device that is not there.
        Some(libc::ENXIO) if path.metadata().is_ok_and(|about| about.file_type().is_fifo()) => {
            io::Error::new(io::ErrorKind::NotConnected, "nobody reads this named pipe")
        }
        _ => error,
    })
}

/// Whether a read or write would return at once, if only with an error or an end.
pub fn is_ready(fd: BorrowedFd<'_>, way: Way) -> io::Result<bool> {
    let events = match way {
        Way::Read => libc::POLLIN,
        Way::Write => libc::POLLOUT,
    };
    loop {
        match poll(&mut [libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }], 0) {
            Ok(count) => return Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until one of these can be read, if only for an error or an end: which. `None`: none could for so long, or a signal
/// came. It takes up to a millisecond more, which is what the system counts in.
pub fn wait_to_read<'a>(fds: impl IntoIterator<Item = BorrowedFd<'a>>, time: Duration) -> io::Result<Option<usize>> {
    let entry = |fd: BorrowedFd<'_>| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut entries: Vec<libc::pollfd> = fds.into_iter().map(entry).collect();
    let milliseconds = libc::c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX);
    match poll(&mut entries, milliseconds) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(entries.iter().position(|entry| entry.revents != 0)),
    }
}

/// How many of these are ready, within so many milliseconds.
fn poll(entries: &mut [libc::pollfd], milliseconds: libc::c_int) -> io::Result<libc::c_int> {
    // SAFETY: the entries are valid, and so many; the call writes to them, and they outlive it.
    super::check(unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, milliseconds) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn a_pipe_is_ready_when_it_is() {
        let (reader, mut writer) = io::pipe().unwrap();
        assert!(!is_ready(reader.as_fd(), Way::Read).unwrap());
        assert!(is_ready(writer.as_fd(), Way::Write).unwrap());
        writer.write_all(b"x").unwrap();
        assert!(is_ready(reader.as_fd(), Way::Read).unwrap());
        let mut filled = 1;
        while is_ready(writer.as_fd(), Way::Write).unwrap() {
            filled += writer.write(&[0; PIPE_BUF]).unwrap();
        }
        assert!(filled > PIPE_BUF);
        drop(reader);
        assert!(is_ready(writer.as_fd(), Way::Write).unwrap(), "an error is something to be told at once");
    }

    #[test]
    fn one_of_a_few_is_waited_for() {
        let (quiet, _open) = io::pipe().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let wait = |time| wait_to_read([quiet.as_fd(), reader.as_fd()], time).unwrap();
        let begun = std::time::Instant::now();
        assert_eq!(wait(Duration::from_micros(1500)), None);
        assert!(begun.elapsed() >= Duration::from_micros(1500), "the system counts in milliseconds");
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(b"x").unwrap());
            assert_eq!(wait(Duration::from_secs(20)), Some(1));
        });
        drop(writer);
        assert_eq!(wait(Duration::ZERO), Some(1));
        assert_eq!(wait_to_read([], Duration::ZERO).unwrap(), None);
    }

    #[test]
    fn a_named_pipe_without_a_reader_is_an_error_at_once() {
        let path = std::env::temp_dir().join(format!("upcheck-pipe-{}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = open_to_write_without_waiting(&path).unwrap_err();
        assert_eq!(error.to_string(), "nobody reads this named pipe");
        let _reader = open_without_waiting(path.to_str().unwrap()).unwrap();
        open_to_write_without_waiting(&path).unwrap().write_all(b"x").unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(open_to_write_without_waiting(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(open_to_write_without_waiting(Path::new("/dev/null")).is_ok());
    }
}
