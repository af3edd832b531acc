//! Random numbers that cannot be guessed, from the OS.
//!
//! They are fetched a few dozen at a time, so that a number costs a small part of a system call. It refuses to know
//! what they are for.
//!
//! A system may have no generator to ask: Linux before 3.17, or a sandbox that forbids the call. Then
//!
//! ```text
//!     1 call      getrandom, or what the system has instead
//!     2 device    /dev/urandom
//!     3 guess     what differs from one process to the next: no secret, but nobody has to end for want of one
//! ```
//!
//! What the third gives **can be guessed** by who knows the process well. It spreads retries as any numbers would; with
//! it an answer to a DNS query can be forged as easily as if its id were known, and no easier.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes fetched at once. Up to 256 both calls below give all of them or none.
const FETCH: usize = 256;

const WORD: usize = size_of::<u64>();

/// Where a system without the call has its generator.
const DEVICE: &str = "/dev/urandom";

/// An endless supply of random numbers.
#[derive(Debug)]
pub struct Numbers {
    bytes: [u8; FETCH],
    used: usize,
    /// What they follow from, where they are to be the same again.
    #[cfg(test)]
    seed: Option<u64>,
}

impl Numbers {
    /// A supply that has fetched nothing yet: a run that needs no number makes no system call.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Numbers {
        Numbers {
            bytes: [0; FETCH],
            used: FETCH,
            #[cfg(test)]
            seed: None,
        }
    }

    /// Numbers that follow from this one, for tests that are to be repeated.
    #[cfg(test)]
    pub fn seeded(seed: u64) -> Numbers {
        Numbers { seed: Some(seed), ..Numbers::new() }
    }

    /// The next number. Where the system gives none, one that can be guessed: see the module's text.
    pub fn next_u64(&mut self) -> u64 {
        #[cfg(test)]
        if let Some(seed) = &mut self.seed {
            // SplitMix64.
            *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            return mixed ^ (mixed >> 27);
        }
        if self.used == FETCH {
            fetch(&mut self.bytes);
            self.used = 0;
        }
        let (words, _) = self.bytes.as_chunks::<WORD>();
        let number = u64::from_ne_bytes(words[self.used / WORD]);
        self.used += WORD;
        number
    }
}

fn fetch(bytes: &mut [u8; FETCH]) {
    if call(bytes).or_else(|_| read_device(DEVICE, bytes)).is_err() {
        guess(bytes);
    }
}

// === 1. The system's call.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn call(bytes: &mut [u8; FETCH]) -> io::Result<()> {
    loop {
        // SAFETY: the pointer and the length are those of one valid buffer.
        // By its number: std declares the function weak, and a static build against musl then links no function at all.
        let given = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0) };
        if given == FETCH as libc::c_long {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        // By a signal while the machine has just been switched on and has no numbers yet.
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn call(bytes: &mut [u8; FETCH]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one valid buffer.
    super::check(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) }).map(drop)
}

// === 2. The device. A file that somebody has put in its place would say the same every time.
fn read_device(path: &str, bytes: &mut [u8; FETCH]) -> io::Result<()> {
    let mut device = super::fd::open_without_waiting(path)?;
    if !device.metadata()?.file_type().is_char_device() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    device.read_exact(bytes)
}

// === 3. A guess.
/// Fills the bytes with what differs from one process to the next, and from one call to the next. Each word is a hash of
/// all of it: what the kernel gave is also what the C library guards its stack with, and must not be read back from a
/// number that was sent to somebody.
fn guess(bytes: &mut [u8; FETCH]) {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    // Where the system put stack, code and data, unless it puts them always in the same place.
    let places = [&raw const call as usize, guess as fn(&mut [u8; FETCH]) as usize, &raw const CALLS as usize];
    let process = (given_at_start(), std::process::id(), places);
    let (words, _) = bytes.as_chunks_mut::<WORD>();
    for (index, word) in words.iter_mut().enumerate() {
        let mut hasher = DefaultHasher::new();
        (process, call, index).hash(&mut hasher);
        *word = hasher.finish().to_ne_bytes();
    }
}

/// The 16 random bytes that Linux lays beside a program's arguments when it starts it (`AT_RANDOM`).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn given_at_start() -> [u8; 16] {
    // SAFETY: it takes a number and gives one: 0 where there is no such entry.
    let address = unsafe { libc::getauxval(libc::AT_RANDOM) };
    let given = std::ptr::with_exposed_provenance::<[u8; 16]>(address as usize);
    if given.is_null() {
        return [0; 16];
    }
    // SAFETY: the kernel laid 16 bytes there, which nobody writes to or takes away as long as the process lives.
    unsafe { given.read_volatile() }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn given_at_start() -> [u8; 16] {
    [0; 16]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Fails unless the numbers look like random ones.
    fn assert_random(numbers: &[u64]) {
        let distinct: HashSet<&u64> = numbers.iter().collect();
        assert_eq!(distinct.len(), numbers.len());
        let ones: u32 = numbers.iter().map(|number| number.count_ones()).sum();
        let share = f64::from(ones) / (numbers.len() * 64) as f64;
        assert!((0.45..0.55).contains(&share), "{share} of the bits are set");
        let halves: HashSet<u16> = numbers.iter().map(|number| *number as u16).collect();
        assert!(halves.len() * 10 > numbers.len() * 9, "the ids that are made of them differ, too");
    }

    fn words(fill: impl Fn(&mut [u8; FETCH])) -> Vec<u64> {
        let mut words = Vec::new();
        for _ in 0..10 {
            let mut bytes = [0; FETCH];
            fill(&mut bytes);
            words.extend(bytes.as_chunks::<WORD>().0.iter().copied().map(u64::from_ne_bytes));
        }
        words
    }

    #[test]
    fn numbers_do_not_repeat_over_several_fetches() {
        let mut numbers = Numbers::new();
        let seen: Vec<u64> = (0..10 * FETCH / WORD).map(|_| numbers.next_u64()).collect();
        assert_random(&seen);
    }

    #[test]
    fn each_source_alone_is_enough() {
        assert_random(&words(|bytes| read_device(DEVICE, bytes).unwrap()));
        assert_random(&words(guess));
    }

    #[test]
    fn what_is_no_generator_is_not_believed() {
        let mut bytes = [7; FETCH];
        assert_eq!(read_device("/no/such/device", &mut bytes).unwrap_err().kind(), io::ErrorKind::NotFound);
        // A file that is long enough, and one of the kernel's own that is none.
        let program = std::env::current_exe().unwrap();
        for path in [program.to_str().unwrap(), "/dev/null", "/"] {
            assert!(read_device(path, &mut bytes).is_err(), "{path}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_gives_every_process_something_to_start_with() {
        assert_ne!(given_at_start(), [0; 16]);
        assert_eq!(given_at_start(), given_at_start());
    }
}
