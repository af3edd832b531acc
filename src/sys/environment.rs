//! The environment, read in one pass. std looks each name up from the first variable on, and copies every variable before
//! it hands out one: where a cluster sets two hundred, that would be most of what a short run does.

use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;

#[cfg(not(target_vendor = "apple"))]
unsafe extern "C" {
    // POSIX, Base Definitions 8.1.
    static mut environ: *const *const c_char;
}

/// Where it is written where the list of variables begins, which is null where there is none.
#[cfg(not(target_vendor = "apple"))]
fn place() -> *mut *const *const c_char {
    &raw mut environ
}

/// Where it is written where the list of variables begins, which is null where there is none.
#[cfg(target_vendor = "apple")]
fn place() -> *mut *const *const c_char {
    // SAFETY: it takes nothing and gives a pointer that is good as long as the process.
    unsafe { libc::_NSGetEnviron() }.cast()
}

/// The variables as the system keeps them: `NAME=value`, each with a zero behind it.
fn all() -> impl Iterator<Item = *const c_char> {
    // SAFETY: reading a pointer that the C library has set before `main`, and that only `replace` changes.
    let mut at = unsafe { *place() };
    std::iter::from_fn(move || {
        if at.is_null() {
            return None;
        }
        // SAFETY: the list ends with a null pointer, which has not been passed, and is not changed by anybody.
        let variable = unsafe { *at };
        if variable.is_null() {
            return None;
        }
        // SAFETY: that was not the null pointer, so there is a next entry.
        at = unsafe { at.add(1) };
        Some(variable)
    })
}

/// The variables whose names begin with this, in the order in which they stand. Where one stands there twice, the first
/// is the one that counts.
pub fn starting_with(prefix: &str) -> Vec<(OsString, OsString)> {
    let part = |bytes| OsStr::from_bytes(bytes).to_owned();
    let mut found = Vec::new();
    for variable in all() {
        // SAFETY: each entry is a string that ends with a zero, and stays as it is.
        if !unsafe { begins_with(variable, prefix.as_bytes()) } {
            continue;
        }
        // SAFETY: as above.
        let bytes = unsafe { CStr::from_ptr(variable) }.to_bytes();
        if let Some(equals) = bytes.iter().position(|&byte| byte == b'=') {
            found.push((part(&bytes[..equals]), part(&bytes[equals + 1..])));
        }
    }
    found
}

/// All variables but those whose names begin with this, and a null pointer at the end: an environment for another program.
pub(super) fn without(prefix: &str) -> Vec<*const c_char> {
    let mut others = Vec::new();
    for variable in all() {
        // SAFETY: as above.
        if !unsafe { begins_with(variable, prefix.as_bytes()) } {
            others.push(variable);
        }
    }
    others.push(std::ptr::null());
    others
}

/// Makes another list the environment. Gives the one that was.
///
/// # Safety
/// The list must end with a null pointer, be made of strings that end with a zero, and stay there as long as it is the
/// environment. No other thread may look meanwhile.
pub(super) unsafe fn replace(list: *const *const c_char) -> *const *const c_char {
    // SAFETY: it is the C library's own variable, and nobody else looks.
    unsafe { std::ptr::replace(place(), list) }
}

/// Whether a string that ends with a zero begins with these bytes, none of which is zero.
///
/// # Safety
/// `text` must point to such a string.
unsafe fn begins_with(text: *const c_char, prefix: &[u8]) -> bool {
    // SAFETY: the first byte that differs ends it, and the zero at the end of the string does.
    prefix.iter().enumerate().all(|(index, &byte)| unsafe { *text.add(index) } as u8 == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_std_finds() {
        for prefix in ["", "CARGO_", "P", "PATH", "NO_SUCH_VARIABLE_"] {
            let expected: Vec<_> = std::env::vars_os()
                .filter(|(name, _)| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
                .collect();
            assert_eq!(starting_with(prefix), expected, "{prefix}");
        }
        assert!(starting_with("CARGO_").iter().any(|(name, _)| name == "CARGO_MANIFEST_DIR"));
    }
}
