//! What the standard library lacks and the OS has: limits, usage, signals, readiness of a single descriptor.
//!
//! The only folder with `unsafe`, a line or two at a time, each with the reason why it is sound. It knows nothing of the rest of the crate.
#![allow(unsafe_code)]

pub mod fd;
pub mod random;
pub mod resource;
pub mod signal;

use std::io;

/// Turns the OS's -1 into the error behind it.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
