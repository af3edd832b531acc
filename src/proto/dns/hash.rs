//! Hashing of host names, cheaply: a lookup keeps and finds its name half a dozen times.
//!
//! It refuses to be strong. Names come from the user's own list and the machine's own files. A server can add some with
//! redirects, but a few each and at the cost of a lookup each, so nobody can fill a table with names that collide; std's
//! default guards against that, takes as long over one name as all else that a table does, and would end the program where
//! the system has no random numbers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table by host name.
pub type ByName<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// FNV-1a, 64 bits.
#[derive(Debug)]
pub struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> NameHasher {
        NameHasher(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fnv_1a() {
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            let mut hasher = NameHasher::default();
            hasher.write(text.as_bytes());
            assert_eq!(hasher.finish(), hash, "{text}");
        }
    }
}
