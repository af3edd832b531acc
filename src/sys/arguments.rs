//! This program's own arguments, as every user of the machine can read them (`ps`, `/proc/PID/cmdline`).
//!
//! Linux shows the very memory in which it laid them out when it started the program, so a password can be taken away
//! there. Elsewhere nothing is done. It refuses to know which of them is a secret.

use std::ffi::OsString;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::ops::Range;

#[cfg(target_os = "linux")]
use super::fd;

/// A part of an argument that nobody else is to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The whole argument.
    pub argument: OsString,
    /// Where in it the secret stands, in bytes.
    pub range: Range<usize>,
}

/// Writes spaces over these parts of all arguments that have them. Call it while there is one thread, and when all
/// arguments have been read.
///
/// Where anything is not just as it should be, nothing is touched.
pub fn blank(secrets: &[Secret]) {
    if !secrets.is_empty() {
        // A system that lets nobody look, or not in this way, leaves nothing to be done.
        let _ = overwrite(secrets);
    }
}

/// More than Linux takes, in bytes: a quarter of the stack, and 6 MiB at most.
#[cfg(target_os = "linux")]
const ARGUMENTS_MAX: u64 = 16 * 1024 * 1024;

#[cfg(target_os = "linux")]
fn overwrite(secrets: &[Secret]) -> Option<()> {
    let read = |path| fd::read_up_to(File::open(path).ok()?, ARGUMENTS_MAX).ok();
    let memory = bounds(&read("/proc/self/stat")?)?;
    let there = read("/proc/self/cmdline")?;
    if memory.len() != there.len() {
        return None;
    }
    let start = std::ptr::with_exposed_provenance_mut::<u8>(memory.start);
    for place in places(&there, secrets).into_iter().flatten() {
        // SAFETY: `place` is within `there`, which is what the kernel has just read in that very memory. It is the process's
        // own, writable, and there until it ends. Nobody else looks there: the program has copied its arguments, std makes a
        // copy whenever it is asked, and there is no other thread.
        unsafe { start.add(place).write_volatile(b' ') };
    }
    Some(())
}

#[cfg(not(target_os = "linux"))]
fn overwrite(_: &[Secret]) -> Option<()> {
    None
}

/// From where to where the arguments lie, by what Linux says in `/proc/PID/stat` (`arg_start` and `arg_end`, fields 48 and
/// 49). The second field is the program's name in parentheses, which may hold anything, spaces and parentheses too.
#[cfg(any(target_os = "linux", test))]
fn bounds(stat: &[u8]) -> Option<Range<usize>> {
    /// The number of the first field behind the name.
    const BEHIND_NAME: usize = 3;
    const ARG_START: usize = 48;
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let behind = std::str::from_utf8(&stat[name_end + 1..]).ok()?;
    let mut fields = behind.split_ascii_whitespace().skip(ARG_START - BEHIND_NAME).map(|field| field.parse().ok());
    match (fields.next()??, fields.next()??) {
        // It says 0 to those who may not know.
        (0, _) => None,
        (start, end) => (start <= end).then_some(start..end),
    }
}

/// Where in a list of arguments, each with a zero behind it, the secrets stand.
#[cfg(any(target_os = "linux", test))]
fn places(arguments: &[u8], secrets: &[Secret]) -> Vec<Range<usize>> {
    let (mut places, mut start) = (Vec::new(), 0);
    for argument in arguments.split(|&byte| byte == 0) {
        for Secret { range, .. } in secrets.iter().filter(|secret| secret.argument.as_encoded_bytes() == argument) {
            if range.end <= argument.len() {
                places.push(start + range.start..start + range.end);
            }
        }
        start += argument.len() + 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_found_behind_any_name() {
        let rest: String = (3..=52).map(|field| format!(" {field}")).collect();
        for name in ["upcheck", "a b", ") S 1 2", "(x)", "", "\u{fc}"] {
            assert_eq!(bounds(format!("17 ({name}){rest}\n").as_bytes()), Some(48..49), "{name}");
        }
        assert_eq!(bounds(b"17 (\xff)"), None);
        assert_eq!(bounds(b""), None);
        assert_eq!(bounds(rest.as_bytes()), None);
        for (field, instead) in [(" 48 ", " 0 "), (" 48 ", " x "), (" 48 ", " 50 "), (" 49 ", " -1 ")] {
            assert_eq!(bounds(format!("17 (upcheck){}", rest.replace(field, instead)).as_bytes()), None, "{instead}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_says_them_of_this_process() {
        let memory = bounds(&std::fs::read("/proc/self/stat").unwrap()).unwrap();
        let there = std::fs::read("/proc/self/cmdline").unwrap();
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let expected: Vec<_> = arguments.iter().map(|argument| argument.as_encoded_bytes()).collect();
        assert_eq!((memory.len(), there.strip_suffix(b"\0").unwrap()), (there.len(), &*expected.join(&0)));
    }

    #[test]
    fn each_argument_with_a_secret_is_found() {
        let arguments = b"upcheck\0-u\0me:pw\0\0--user=me:pw\0me:pw\0me:pwd\0";
        let secret = |argument: &str, range| Secret { argument: argument.into(), range };
        let secrets = [secret("me:pw", 0..5), secret("--user=me:pw", 7..12), secret("me:pwd", 0..7)];
        let places = places(arguments, &secrets);
        assert_eq!(places, [11..16, 25..30, 31..36], "and nothing behind the end of one");
        assert!(places.iter().all(|place| &arguments[place.clone()] == b"me:pw"));
    }
}
