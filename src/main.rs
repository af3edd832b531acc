//! The `upcheck` program: runs what its arguments ask for, and turns what comes of it into an exit code.
//!
//! Its `main` is C's and not std's: see [`start`] for why.

#![no_main]
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};

use upcheck::command::{self, exit};
use upcheck::sys::start;

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, values: *const *const c_char) -> c_int {
    // SAFETY: both come from the C library, and nothing has been done before.
    let arguments = unsafe { start::begin(count, values) };
    let code = command::run(arguments).unwrap_or_else(|message| {
        command::output::say_last(&message);
        exit::CANNOT_RUN
    });
    code.into()
}
