//! What this process may use and what it has used.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The soft limit that this process was started with; 0 while it has not been raised.
static SOFT_LIMIT: AtomicU64 = AtomicU64::new(0);

/// Sets the soft limit on open descriptors back to what it was before it was raised, for a program that takes our
/// place.
pub fn restore_descriptor_limit() {
    let before = SOFT_LIMIT.load(Ordering::Relaxed);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit, written first and then read. Where either is refused the limit stays, which
    // does no harm.
    unsafe {
        if before > 0 && libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = before;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// Raises the soft limit on open descriptors to the hard one. Gives the limit before and the limit now.
pub fn raise_descriptor_limit() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit to be written.
    super::check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    let before = limit.rlim_cur;
    let _ = SOFT_LIMIT.compare_exchange(0, before, Ordering::Relaxed, Ordering::Relaxed);
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is a valid rlimit to be read. A refusal leaves the limit as it was, which is reported.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } == -1 {
            limit.rlim_cur = before;
        }
    }
    Ok((before, limit.rlim_cur))
}

/// Whether the error means that no descriptor was left, to this process or to the machine.
pub fn is_descriptor_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
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

/// What this process has used so far.
pub fn usage() -> Usage {
    // SAFETY: all bits zero are a valid rusage, and getrusage writes a whole one. It fails only for a wrong `who` or
    // pointer.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    // Linux and the BSDs count in KiB, macOS in bytes.
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    Usage {
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        peak_memory: peak_resident().unwrap_or(usage.ru_maxrss as u64 * unit),
        voluntary_switches: usage.ru_nvcsw as u64,
        involuntary_switches: usage.ru_nivcsw as u64,
    }
}

/// The peak of this program's own memory, in bytes, where the system tells it (Linux: VmHWM). `ru_maxrss` may be that
/// of the process that started us: it survives exec.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
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
        let before = usage();
        assert!(before.peak_memory > 100_000);
        assert!(usage().user >= before.user);
    }
}
