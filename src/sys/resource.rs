//! What this process may use and what it has used.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The soft limit that this process was started with; 0 while it has not been raised.
static SOFT_LIMIT: AtomicUsize = AtomicUsize::new(0);

/// Sets the soft limit on open descriptors back to what it was before it was raised, for a program that takes our
/// place.
pub fn restore_descriptor_limit() {
    let before = SOFT_LIMIT.load(Ordering::Relaxed);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit to be written.
    if before > 0 && unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0 {
        limit.rlim_cur = before as libc::rlim_t;
        // A refusal leaves the limit as it was, which does no harm.
        let _ = set_descriptor_limit(&limit);
    }
}

/// Raises the soft limit on open descriptors to the hard one. Gives the limit before and the limit now.
pub fn raise_descriptor_limit() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit to be written.
    super::check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    let before = limit.rlim_cur;
    // What has no room in it is no limit.
    let kept = usize::try_from(number(before)).unwrap_or(usize::MAX);
    let _ = SOFT_LIMIT.compare_exchange(0, kept, Ordering::Relaxed, Ordering::Relaxed);
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        if set_descriptor_limit(&limit).is_err() {
            // A refusal leaves the limit as it was, which is reported.
            limit.rlim_cur = before;
        }
    }
    Ok((number(before), number(limit.rlim_cur)))
}

/// `setrlimit`, which musl has for all threads at once, with a signal to each, where Linux lacks a call. It does not, and that
/// code is not small.
fn set_descriptor_limit(limit: &libc::rlimit) -> io::Result<libc::c_int> {
    // SAFETY: `limit` is a valid rlimit to be read, and the old one is not asked for.
    #[cfg(target_os = "linux")]
    let result = unsafe { libc::prlimit(0, libc::RLIMIT_NOFILE, limit, std::ptr::null_mut()) };
    // SAFETY: `limit` is a valid rlimit to be read.
    #[cfg(not(target_os = "linux"))]
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) };
    super::check(result)
}

/// A limit as all systems could count it: some have 32 bits for it, some a sign.
#[allow(clippy::unnecessary_cast)]
fn number(limit: libc::rlim_t) -> u64 {
    limit as u64
}

/// Whether the error means that no descriptor was left, to this process or to the machine.
pub fn is_descriptor_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Whether the error means that the system has no memory left for a socket or what is to be sent. It passes.
pub fn is_buffer_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}

/// Whether the error means that this machine has run out of memory, buffers or places for a socket, or forbids one.
pub fn is_local_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENOBUFS | libc::ENOMEM | libc::EADDRINUSE | libc::EPERM | libc::ENOSPC | libc::EMFILE | libc::ENFILE
        )
    )
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in this process's own code.
    pub user: Duration,
    /// CPU time in the kernel on its behalf.
    pub system: Duration,
    /// The most memory it ever held, in bytes.
    pub peak_memory: u64,
    /// How often it gave the CPU up to wait.
    pub voluntary_switches: u64,
    /// How often the CPU was taken from it.
    pub involuntary_switches: u64,
}

/// What this process had used of the CPU when [`count_from_here`] was called, in its own code and in the kernel, in
/// microseconds.
static BEFORE: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// Has [`usage`] leave out the CPU time until now: what the process did before it became this program is not this
/// program's.
pub fn count_from_here() {
    let Usage { user, system, .. } = used();
    for (before, time) in BEFORE.iter().zip([user, system]) {
        before.store(time.as_micros() as usize, Ordering::Relaxed);
    }
}

/// What this process has used so far. The peak of this program's own memory costs a few calls more: whoever tells nobody
/// needs no `precise_memory`, and gets what may be that of the process that started us.
pub fn usage(precise_memory: bool) -> Usage {
    let used = used();
    let [user, system] = BEFORE.each_ref().map(|before| Duration::from_micros(before.load(Ordering::Relaxed) as u64));
    let peak = if precise_memory { peak_resident() } else { None };
    Usage {
        user: used.user.saturating_sub(user),
        system: used.system.saturating_sub(system),
        peak_memory: peak.unwrap_or(used.peak_memory),
        ..used
    }
}

#[inline(never)]
fn used() -> Usage {
    // SAFETY: all bits zero are a valid rusage, and getrusage writes a whole one. It fails only for a wrong `who` or
    // pointer.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    usage_of(&usage)
}

/// Waits for the end of a child process of ours: how it ended, and what it and the children that it waited for used.
///
/// The child is gone afterwards and its number may be another's: neither kill it nor wait for it again. Its
/// `peak_memory` is at least that of this process (see [`usage`]); a child that is to be measured says its own.
///
/// # Errors
/// There is no such child.
pub fn wait(child: u32) -> io::Result<(ExitStatus, Usage)> {
    let pid = libc::pid_t::try_from(child).map_err(|_| io::ErrorKind::InvalidInput)?;
    loop {
        let mut status = 0;
        // SAFETY: all bits zero are a valid rusage; wait4 writes the status and the rusage that it is given.
        let (result, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::wait4(pid, &mut status, 0, &mut usage), usage)
        };
        match super::check(result) {
            Ok(_) => return Ok((ExitStatus::from_raw(status), usage_of(&usage))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn usage_of(usage: &libc::rusage) -> Usage {
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    // Linux and the BSDs count in KiB, macOS in bytes.
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    Usage {
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        peak_memory: usage.ru_maxrss as u64 * unit,
        voluntary_switches: usage.ru_nvcsw as u64,
        involuntary_switches: usage.ru_nivcsw as u64,
    }
}

/// How many threads this process has now, where the system tells it (Linux).
pub fn threads() -> Option<u64> {
    status_line("Threads:")?.parse().ok()
}

/// The peak of this program's own memory, in bytes, where the system tells it (Linux: VmHWM). `ru_maxrss` may be that
/// of the process that started us: it survives exec.
fn peak_resident() -> Option<u64> {
    let kib: u64 = status_line("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What Linux says of this process under a name.
fn status_line(name: &str) -> Option<String> {
    // It is some 1,500 bytes, which come whole in one read; growing a string would take eight.
    let mut status = [0; 4096];
    let length = File::open("/proc/self/status").and_then(|mut file| file.read(&mut status)).ok()?;
    let status = String::from_utf8_lossy(&status[..length]);
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_only_goes_up() {
        let (before, now) = raise_descriptor_limit().unwrap();
        assert!(now >= before && now > 2);
        assert_eq!(raise_descriptor_limit().unwrap(), (now, now));
    }

    #[test]
    fn shortages_are_told_apart() {
        assert!(is_descriptor_shortage(&io::Error::from_raw_os_error(libc::EMFILE)));
        assert!(!is_descriptor_shortage(&io::Error::from_raw_os_error(libc::ECONNREFUSED)));
    }

    #[test]
    fn usage_is_there_and_grows() {
        let before = usage(true);
        assert!(before.peak_memory > 100_000);
        assert!(usage(false).user >= before.user);
    }

    // `wait` is what waits for it.
    #[allow(clippy::zombie_processes)]
    #[test]
    fn a_child_is_waited_for_once() {
        let child = std::process::Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let (status, usage) = wait(child.id()).unwrap();
        assert_eq!(status.code(), Some(7));
        assert!(usage.user + usage.system < Duration::from_secs(5) && usage.peak_memory > 0);
        assert!(wait(child.id()).is_err(), "there is no such child any more");
        assert!(wait(u32::MAX).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn threads_are_counted() {
        let (started, stop) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                started.wait();
                stop.wait();
            });
            started.wait();
            assert!(threads().unwrap() >= 2);
            stop.wait();
        });
    }
}
