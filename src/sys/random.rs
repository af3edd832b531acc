//! Random numbers that cannot be guessed, from the OS.
//!
//! They are fetched a few dozen at a time, so that a number costs a small part of a system call. It refuses to know
//! what they are for.

use std::io;

/// The bytes fetched at once. Up to 256 both calls below give all of them or none, and neither is interrupted.
const FETCH: usize = 256;

const WORD: usize = size_of::<u64>();

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

    /// The next number.
    ///
    /// # Panics
    /// If the OS has no generator: Linux before 3.17, or a sandbox that forbids it. The standard library's own hash
    /// maps could not be made there either.
    pub fn next_u64(&mut self) -> u64 {
        #[cfg(test)]
        if let Some(seed) = &mut self.seed {
            // SplitMix64.
            *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            return mixed ^ (mixed >> 27);
        }
        if self.used == FETCH {
            fetch(&mut self.bytes).expect("this system gives no random numbers");
            self.used = 0;
        }
        let (words, _) = self.bytes.as_chunks::<WORD>();
        let number = u64::from_ne_bytes(words[self.used / WORD]);
        self.used += WORD;
        number
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn fetch(bytes: &mut [u8; FETCH]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one valid buffer.
    // By its number: std declares the function weak, and a static build against musl then links no function at all.
    let given = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0) };
    if given == FETCH as libc::c_long { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fetch(bytes: &mut [u8; FETCH]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one valid buffer.
    super::check(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_do_not_repeat_over_several_fetches() {
        let mut numbers = Numbers::new();
        let seen: HashSet<u64> = (0..10 * FETCH / WORD).map(|_| numbers.next_u64()).collect();
        assert_eq!(seen.len(), 10 * FETCH / WORD);
        let ones: u32 = seen.iter().map(|number| number.count_ones()).sum();
        let share = f64::from(ones) / (seen.len() * 64) as f64;
        assert!((0.45..0.55).contains(&share), "{share} of the bits are set");
    }
}
