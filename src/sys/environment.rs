//! The environment, read in one pass. std looks each name up from the first variable on, and copies every variable before
//! it hands out one: where a cluster sets two hundred, that would be most of what a short run does.

use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;

#[cfg(not(target_vendor = "apple"))]
unsafe extern "C" {
    // POSIX, Base Definitions 8.1.
    static environ: *const *const c_char;
}

/// Where the list of variables begins. Null: there is none.
#[cfg(not(target_vendor = "apple"))]
fn start() -> *const *const c_char {
    // SAFETY: reading a pointer that the C library has set before `main`. Nothing in this program changes the environment.
    unsafe { environ }
}

/// Where the list of variables begins. Null: there is none.
#[cfg(target_vendor = "apple")]
fn start() -> *const *const c_char {
    // SAFETY: it takes nothing and gives a pointer to the list's place, which is there as long as the process.
    unsafe { (*libc::_NSGetEnviron()).cast_const().cast() }
}

/// The variables whose names begin with this, in the order in which they stand. Where one stands there twice, the first
/// is the one that counts.
pub fn starting_with(prefix: &str) -> Vec<(OsString, OsString)> {
    let mut found = Vec::new();
    let mut at = start();
    if at.is_null() {
        return found;
    }
    loop {
        // SAFETY: the list ends with a null pointer, which has not been passed, and is not changed by anybody.
        let variable = unsafe { *at };
        if variable.is_null() {
            return found;
        }
        // SAFETY: each entry is a string that ends with a zero, and stays as it is.
        let starts = unsafe { begins_with(variable, prefix.as_bytes()) };
        if starts {
            // SAFETY: as above.
            let bytes = unsafe { CStr::from_ptr(variable) }.to_bytes();
            if let Some(equals) = bytes.iter().position(|&byte| byte == b'=') {
                let part = |bytes| OsStr::from_bytes(bytes).to_owned();
                found.push((part(&bytes[..equals]), part(&bytes[equals + 1..])));
            }
        }
        // SAFETY: the null pointer has not been reached, so there is a next entry.
        at = unsafe { at.add(1) };
    }
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
