//! What is known of names, and until when: addresses by their TTL, absence by the zone's own word (RFC 2308).
//!
//! It refuses to know how names are looked up, and what time it is.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Addresses;
use crate::check::outcome::Failure;
use crate::proto::dns::hash::ByName;

/// The most names that are remembered. Beyond them the oldest is forgotten; it costs that name's next user two queries.
pub(super) const NAMES_MAX: usize = 4096;

/// What is known of a name.
pub(super) type Known = Result<Addresses, Failure>;

/// Names with what is known of them.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// A ring once it is full.
    entries: Vec<CacheEntry>,
    /// Where the next one is put: where the oldest is.
    oldest: usize,
    places: ByName<Rc<str>, usize>,
}

#[derive(Debug)]
struct CacheEntry {
    host: Rc<str>,
    learned: Instant,
    until: Instant,
    known: Known,
}

impl Cache {
    /// What is known of a name, if anything still is, and was learned after `fresh_from`.
    pub(super) fn get(&self, host: &str, now: Instant, fresh_from: Option<Instant>) -> Option<&Known> {
        let entry = &self.entries[*self.places.get(host)?];
        let is_fresh = fresh_from.is_none_or(|from| entry.learned > from);
        (entry.until > now && is_fresh).then_some(&entry.known)
    }

    /// Remembers for so long what is learned now, in place of what was known before.
    pub(super) fn insert(&mut self, host: Rc<str>, known: Known, now: Instant, lifetime: Duration) {
        let entry = CacheEntry { host: Rc::clone(&host), learned: now, until: now + lifetime, known };
        let place = match self.places.entry(host) {
            Occupied(place) => {
                self.entries[*place.get()] = entry;
                return;
            }
            Vacant(place) => {
                *place.insert(if self.entries.len() < NAMES_MAX { self.entries.len() } else { self.oldest })
            }
        };
        if place == self.entries.len() {
            self.entries.push(entry);
        } else {
            self.oldest = (place + 1) % NAMES_MAX;
            let forgotten = std::mem::replace(&mut self.entries[place], entry);
            self.places.remove(&forgotten.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Reason;
    use std::net::{IpAddr, Ipv4Addr};

    fn known(last: u8) -> Known {
        Ok(Rc::from([IpAddr::from(Ipv4Addr::new(10, 0, 0, last))]))
    }

    #[test]
    fn is_known_until_its_time_and_not_at_it() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let until = now + second;
        let mut cache = Cache::default();
        let absent = Err(Failure::new(Reason::DnsNotFound, "no such name"));
        cache.insert("here".into(), known(1), now, second);
        cache.insert("gone".into(), absent.clone(), now, second);
        assert_eq!(cache.get("here", now, None), Some(&known(1)));
        assert_eq!(cache.get("gone", now, None), Some(&absent));
        assert_eq!(cache.get("here", until, None), None);
        assert_eq!(cache.get("other", now, None), None);
    }

    #[test]
    fn what_an_attempt_has_failed_with_is_of_no_more_use() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut cache = Cache::default();
        cache.insert("a".into(), known(1), now, 60 * second);
        assert_eq!(cache.get("a", now + second, Some(now)), None, "it was known when it failed");
        cache.insert("a".into(), known(2), now + second, 60 * second);
        assert_eq!(cache.get("a", now + second, Some(now)), Some(&known(2)));
    }

    #[test]
    fn what_is_learnt_later_holds() {
        let now = Instant::now();
        let mut cache = Cache::default();
        cache.insert("a".into(), known(1), now, Duration::ZERO);
        cache.insert("a".into(), known(2), now, Duration::from_secs(1));
        assert_eq!(cache.get("a", now, None), Some(&known(2)));
        assert_eq!(cache.entries.len(), 1);
    }

    #[test]
    fn forgets_the_oldest_beyond_its_size() {
        let now = Instant::now();
        let mut cache = Cache::default();
        let name = |number: usize| format!("name-{number}");
        let count = 2 * NAMES_MAX + 10;
        for number in 0..count {
            cache.insert(name(number).into(), known(1), now, Duration::from_secs(1));
        }
        assert_eq!((cache.entries.len(), cache.places.len()), (NAMES_MAX, NAMES_MAX));
        assert_eq!(cache.get(&name(count - NAMES_MAX - 1), now, None), None);
        for number in count - NAMES_MAX..count {
            assert!(cache.get(&name(number), now, None).is_some(), "{number}");
        }
    }
}
