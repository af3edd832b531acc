//! What happens before this program's own code, in place of what std does before its `main`.
//!
//! std sets up a stack, and handlers, for the case that the stack overflows, and asks glibc where the stack ends, which reads
//! `/proc/self/maps`: 45,000 instructions and twenty system calls, half of a whole check. And where a standard stream is
//! closed and there is no `/dev/null`, as in an empty root, it ends the process without a word. What this program needs of it
//! is little.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What the program was started as: its first argument. std does not know it where the C library is musl.
static NAME: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Where this program is. Where no /proc tells it, as in an empty container, it is what it was started as.
///
/// # Errors
/// Neither is known.
pub fn this_program() -> io::Result<PathBuf> {
    let name = NAME.load(Ordering::Relaxed);
    std::env::current_exe().or_else(|error| match name.is_null() {
        true => Err(error),
        // SAFETY: it is a string that ends with a zero and is there until the process ends.
        false => Ok(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()).into()),
    })
}

/// Begins the process: nothing else that is opened will be taken for a standard stream, and a reader that goes away is an
/// error of the write and not the end of the process. Gives the arguments behind the program's own name.
///
/// # Safety
/// `count` and `values` must be what the C library gives to `main`, and this must be the first thing that `main` does.
pub unsafe fn begin(count: c_int, values: *const *const c_char) -> Vec<OsString> {
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: it asks for the flags of a descriptor, which may be closed.
        if unsafe { libc::fcntl(stream, libc::F_GETFD) } == -1 {
            stand_in(stream);
        }
    }
    // SAFETY: no handler is involved.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let count = usize::try_from(count).unwrap_or_default();
    if count > 0 {
        // SAFETY: then there is a first.
        NAME.store(unsafe { *values }.cast_mut(), Ordering::Relaxed);
    }
    // SAFETY: there are as many as `count` says, each a string that ends with a zero and is there until the process ends.
    let argument = |at| unsafe { OsStr::from_bytes(CStr::from_ptr(*values.add(at)).to_bytes()).to_owned() };
    (1..count).map(argument).collect()
}

/// Opens something in place of a standard stream that is closed: `/dev/null`, or where there is none, a pipe whose other end
/// is closed, so that it has nothing to be read and its writes fail. Those before it are open, so it is the next number.
fn stand_in(stream: RawFd) {
    let mut ends = [-1; 2];
    // SAFETY: plain calls on a constant path, on an array that has the two places, and on descriptors that we have opened.
    unsafe {
        if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) == stream || libc::pipe(ends.as_mut_ptr()) == -1 {
            return;
        }
        if stream != libc::STDIN_FILENO {
            libc::dup2(ends[1], stream);
        }
        libc::close(ends[1]);
    }
}
