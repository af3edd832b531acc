//! Shares of a list: each of `N` runs takes its own, by a hash of what identifies a target.
//!
//! The hash does not look at a target's place in the list, so the order of the list means nothing; and it is a consistent
//! one, so when `N` becomes `N + 1` only one target in `N + 1` moves, all of them to the new share.

use super::target::Target;

/// The most shares that a list may be cut into.
pub const SHARDS_MAX: u32 = 100_000;

/// One share of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl Shard {
    /// Share `index` of `count`; `None` where there is no such share.
    pub fn new(index: u32, count: u32) -> Option<Shard> {
        (1..=SHARDS_MAX).contains(&count).then_some(())?;
        (1..=count).contains(&index).then_some(Shard { index, count })
    }

    /// Reads `I/N`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Shard, String> {
        let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        let parts = text.split_once('/').and_then(|(index, count)| Some((number(index)?, number(count)?)));
        parts
            .and_then(|(index, count)| Shard::new(index, count))
            .ok_or_else(|| format!("'{}' is not I/N, such as 1/8 to 8/8 (N up to {SHARDS_MAX})", text.escape_debug()))
    }

    /// Whether the target belongs to this share: by its name, or where it has none as it was written.
    pub fn has(self, target: &Target) -> bool {
        self.has_identity(target.name().unwrap_or(target.shown()))
    }

    fn has_identity(self, identity: &str) -> bool {
        jump(hash(identity.as_bytes()), self.count) + 1 == self.index
    }
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>), which every machine and version computes alike.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Jump consistent hash (Lamping and Veach, 2014, arXiv:1406.2294): a bucket from 0 to `buckets - 1`.
fn jump(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0, 0);
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let ratio = (1u64 << 31) as f64 / ((key >> 33) + 1) as f64;
        next = ((bucket + 1) as f64 * ratio) as u64;
    }
    // It was less than `buckets` a moment ago.
    bucket as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities() -> Vec<String> {
        (0..20_000).map(|number| format!("http://10.0.{}.{}:8080/healthz", number / 256, number % 256)).collect()
    }

    #[test]
    fn the_shares_are_the_list_none_twice_and_about_equal() {
        for count in [1, 2, 3, 8, 64] {
            let mut sizes = vec![0u32; count as usize];
            for identity in identities() {
                let owners: Vec<u32> =
                    (1..=count).filter(|&index| Shard::new(index, count).unwrap().has_identity(&identity)).collect();
                assert_eq!(owners.len(), 1, "{identity}");
                sizes[owners[0] as usize - 1] += 1;
            }
            let fair = 20_000 / count;
            assert!(sizes.iter().all(|size| (fair * 7 / 10..=fair * 13 / 10).contains(size)), "{count}: {sizes:?}");
        }
    }

    #[test]
    fn one_share_more_moves_few_and_only_there() {
        let owner = |identity: &str, count| jump(hash(identity.as_bytes()), count);
        let moved: Vec<u32> = identities()
            .iter()
            .filter(|identity| owner(identity, 8) != owner(identity, 9))
            .map(|identity| owner(identity, 9))
            .collect();
        assert!((1_900..2_600).contains(&moved.len()), "one in nine: {}", moved.len());
        assert!(moved.iter().all(|bucket| *bucket == 8));
    }

    #[test]
    fn it_is_the_same_on_every_machine_and_in_every_version() {
        // The values of the paper's own code, and of FNV's authors.
        assert_eq!(hash(b"foobar"), 0x85944171f73967e8);
        assert_eq!(
            [jump(1, 1), jump(42, 57), jump(0xdead10cc, 1), jump(0xdead10cc, 666), jump(256, 1024)],
            [0, 43, 0, 361, 520]
        );
    }

    #[test]
    fn shares_that_are_none() {
        assert_eq!(Shard::parse("3/8"), Ok(Shard { index: 3, count: 8 }));
        for wrong in ["", "3", "0/8", "9/8", "1/0", "+1/8", "1/100001", "a/b", "1/8/2", " 1/8"] {
            assert!(Shard::parse(wrong).is_err_and(|told| told.contains("I/N")), "{wrong}");
        }
    }
}
