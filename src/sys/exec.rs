//! Becoming another program: same process, same standard streams, its own exit status.

use std::ffi::{CString, OsString, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::environment;

/// Becomes the program that `command` names, looked for along `PATH` where it has no slash, with all of `command` as its
/// arguments and what this process has as its environment, but for the variables whose names begin with `without`. It gets
/// its signals as this program got them.
///
/// Gives why that could not be; otherwise it does not return.
pub fn become_program(command: &[OsString], without: &str) -> io::Error {
    let Ok(arguments) = command.iter().map(|one| CString::new(one.as_bytes())).collect::<Result<Vec<_>, _>>() else {
        return io::ErrorKind::InvalidInput.into();
    };
    let mut pointers: Vec<*const c_char> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let variables = environment::without(without);
    // SAFETY: both lists end with a null pointer, and they and the strings in them are there until the call returns, which it
    // does only if it fails. The environment is then put back, and there is no other thread to have seen it meanwhile.
    unsafe {
        // It is ignored here, and what is ignored stays so across the call.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let own = environment::replace(variables.as_ptr());
        libc::execvp(pointers[0], pointers.as_ptr());
        let error = io::Error::last_os_error();
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        environment::replace(own);
        error
    }
}
