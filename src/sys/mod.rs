//! What the standard library lacks and the OS has: limits, usage, signals, readiness of a single descriptor.
//!
//! The only folder with `unsafe`, a line or two at a time, each with the reason why it is sound. It knows nothing of
//! the rest of the crate.
#![allow(unsafe_code)]

pub mod arguments;
pub mod environment;
pub mod exec;
pub mod fd;
pub mod random;
pub mod resource;
pub mod signal;
pub mod socket;
pub mod start;

use std::io;

/// The system's words for an error, without the number that std puts behind them.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Turns the OS's -1 into the error behind it.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_systems_number_is_left_out() {
        let error = std::io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(super::plain(&error), "No such file or directory");
    }
}
