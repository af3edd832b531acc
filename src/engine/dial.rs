//! Several addresses of one name: in which order they are tried, when the next one starts, who won (RFC 8305, "happy
//! eyeballs").
//!
//! The first address gets a head start of 250 ms. Then the next one is tried beside it, and so on; one that fails makes
//! room for the next at once. The first to connect wins and the others are closed. A dead first address costs a quarter
//! of a second, not the verdict.

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::check::outcome::{Failure, Verdict};
use crate::check::units::push_listed;
use crate::conn::Conn;
use crate::reactor::Key;

/// The most addresses of one name that are tried.
pub const ADDRESSES_MAX: usize = 8;

/// How long an attempt is alone before the next one starts beside it (RFC 8305, 8: "Connection Attempt Delay").
pub const HEAD_START: Duration = Duration::from_millis(250);

/// How long a unix socket is left alone whose queue of connections was full.
pub const SOCKET_PAUSE: Duration = Duration::from_millis(10);

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address and port.
    Ip(SocketAddr),
    /// A unix socket, by its path.
    Unix(Rc<str>),
}

impl Place {
    /// The address, where it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Place::Ip(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Ip(address) => address.fmt(f),
            Place::Unix(path) => path.fmt(f),
        }
    }
}

/// One connection in the making, or made. The key's deadline is the end of its head start.
#[derive(Debug)]
pub struct Attempt {
    /// Its identity in the reactor.
    pub key: Key,
    /// Its socket, and the TLS session on it.
    pub conn: Conn,
    /// The address or path that it leads to.
    pub place: Place,
}

/// The race to one target. Nearly always there is one address and one attempt: those two need no memory of their own.
#[derive(Debug)]
pub struct Dial {
    /// To be tried next.
    next: Option<SocketAddr>,
    attempt: Option<Attempt>,
    rest: Option<Box<Rest>>,
}

/// What only a race between several has, or one that was lost.
#[derive(Debug, Default)]
struct Rest {
    /// Still to be tried after the next one, the nearest one last.
    left: Vec<SocketAddr>,
    /// Under way beside the first one.
    attempts: Vec<Attempt>,
    /// Carries the end of a pause before the unix socket is tried again.
    pause: Option<Key>,
    /// How they failed that failed, the latest last: it speaks for all when none is left.
    failures: Vec<Failure>,
}

impl Dial {
    /// A race to these addresses, in the order of [`order`].
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Dial {
        let mut addresses = addresses.into_iter();
        let next = addresses.next();
        let mut dial = Dial { next, attempt: None, rest: None };
        if let (Some(first), Some(second)) = (next, addresses.next()) {
            let mut all = vec![first, second];
            all.extend(addresses);
            let mut left = order(all);
            left.reverse();
            // The first is `next` already.
            left.pop();
            dial.rest.get_or_insert_default().left = left;
        }
        dial
    }

    /// The next address to try.
    pub fn next_address(&mut self) -> Option<SocketAddr> {
        let after = self.rest.as_mut().and_then(|rest| rest.left.pop());
        std::mem::replace(&mut self.next, after)
    }

    /// Gives back an address that could not be tried now: it is the next again.
    pub fn put_back(&mut self, address: SocketAddr) {
        if let Some(next) = self.next.replace(address) {
            self.rest.get_or_insert_default().left.push(next);
        }
    }

    /// The key of the attempt that began last of those under way.
    pub fn last_key(&self) -> Option<Key> {
        self.under_way().last().map(|attempt| attempt.key)
    }

    /// Whether there is another address to try beside those under way.
    pub fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Takes an attempt into the race.
    pub fn add(&mut self, attempt: Attempt) {
        match &self.attempt {
            None => self.attempt = Some(attempt),
            Some(_) => self.rest.get_or_insert_default().attempts.push(attempt),
        }
    }

    /// The attempt with this key.
    pub fn attempt(&mut self, key: Key) -> Option<&mut Attempt> {
        let others = self.rest.as_mut().map_or(&mut [][..], |rest| &mut rest.attempts);
        self.attempt.iter_mut().chain(others).find(|attempt| attempt.key == key)
    }

    /// Takes the attempt with this key out of the race.
    pub fn remove(&mut self, key: Key) -> Option<Attempt> {
        if let Some(attempt) = self.attempt.take_if(|attempt| attempt.key == key) {
            return Some(attempt);
        }
        let others = &mut self.rest.as_mut()?.attempts;
        let index = others.iter().position(|attempt| attempt.key == key)?;
        Some(others.swap_remove(index))
    }

    /// Remembers how one failed.
    pub fn failed(&mut self, failure: Failure) {
        self.rest.get_or_insert_default().failures.push(failure);
    }

    /// How the latest one failed that speaks of the target, or else how the latest one failed.
    pub fn take_failure(&mut self) -> Option<Failure> {
        let failures = &mut self.rest.as_mut()?.failures;
        let of_target = failures.iter().rposition(|failure| failure.reason.verdict() == Verdict::Down);
        let index = of_target.or(failures.len().checked_sub(1))?;
        Some(failures.swap_remove(index))
    }

    /// Whether there is, or was, more than one address to try.
    pub fn is_a_race(&self) -> bool {
        let has_failed = self.rest.as_ref().is_some_and(|rest| !rest.failures.is_empty());
        self.has_next() || self.is_under_way() || has_failed
    }

    /// What is to be said of those that did not win: how they failed, or that they had not answered. `None` if there
    /// were none.
    pub fn note(&self) -> Option<Box<str>> {
        // Nearly always there was no race.
        if self.attempt.is_none() && self.rest.is_none() {
            return None;
        }
        let mut said = String::new();
        for failure in self.rest.as_ref().map_or(&[][..], |rest| &rest.failures) {
            push_listed(&mut said, "; ", &failure.detail);
        }
        for attempt in self.under_way() {
            push_listed(&mut said, "; ", &format!("{} had not answered", attempt.place));
        }
        (!said.is_empty()).then(|| said.into())
    }

    /// Whether any attempt is under way.
    pub fn is_under_way(&self) -> bool {
        self.under_way().next().is_some()
    }

    /// Remembers the key whose deadline ends a pause.
    pub fn pause(&mut self, key: Key) {
        self.rest.get_or_insert_default().pause = Some(key);
    }

    /// Ends the pause, if there is one: its key.
    pub fn end_pause(&mut self) -> Option<Key> {
        self.rest.as_mut()?.pause.take()
    }

    /// The keys of those under way, and of a pause. Their connections are closed when the race is dropped.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let pause = self.rest.iter().filter_map(|rest| rest.pause);
        self.under_way().map(|attempt| attempt.key).chain(pause)
    }

    fn under_way(&self) -> impl Iterator<Item = &Attempt> {
        self.attempt.iter().chain(self.rest.as_ref().map_or(&[][..], |rest| &rest.attempts))
    }
}

/// Alternates the families, beginning with the first address's own, each in its given order; duplicates and all beyond
/// [`ADDRESSES_MAX`] are left out (RFC 8305, 4, with a "First Address Family Count" of 1).
pub fn order(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let addresses = addresses.into_iter();
    let mut unique: Vec<SocketAddr> = Vec::with_capacity(addresses.size_hint().0);
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    if unique.len() <= 1 {
        return unique;
    }
    let first_is_v6 = unique.first().is_some_and(SocketAddr::is_ipv6);
    let mut ordered = Vec::new();
    let mut of_first = unique.iter().filter(|address| address.is_ipv6() == first_is_v6);
    let mut of_second = unique.iter().filter(|address| address.is_ipv6() != first_is_v6);
    while ordered.len() < ADDRESSES_MAX.min(unique.len()) {
        ordered.extend(of_first.next());
        ordered.extend(of_second.next());
    }
    ordered.truncate(ADDRESSES_MAX);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Reason;

    impl Dial {
        fn left(&mut self) -> Vec<SocketAddr> {
            std::iter::from_fn(|| self.next_address()).collect()
        }
    }

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| format!("{address}:80").parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = addresses(&["[::1]", "[::2]", "[::3]", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(order(given), addresses(&["[::1]", "10.0.0.1", "[::2]", "10.0.0.2", "[::3]"]));
        let given = addresses(&["10.0.0.1", "10.0.0.2", "[::1]"]);
        assert_eq!(order(given), addresses(&["10.0.0.1", "[::1]", "10.0.0.2"]));
    }

    #[test]
    fn duplicates_and_more_than_enough_are_left_out() {
        assert_eq!(order(addresses(&["10.0.0.1", "10.0.0.1"])).len(), 1);
        let many: Vec<String> = (0..20).map(|n| format!("10.0.0.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(order(addresses(&many)), addresses(&many[..ADDRESSES_MAX]));
    }

    #[test]
    fn a_failure_of_the_target_speaks_before_one_of_ours() {
        use crate::check::outcome::Reason;
        let mut dial = Dial::new(addresses(&["10.0.0.1", "[::1]"]));
        dial.failed(Failure::new(Reason::ConnectRefused, "refused"));
        dial.failed(Failure::new(Reason::LocalPorts, "no IPv6 here"));
        assert_eq!(dial.note().as_deref(), Some("refused; no IPv6 here"));
        assert_eq!(dial.take_failure().unwrap().reason, Reason::ConnectRefused);
        assert_eq!(dial.take_failure().unwrap().reason, Reason::LocalPorts);
        assert_eq!(dial.take_failure(), None);
    }

    #[test]
    fn they_come_out_in_order() {
        let mut dial = Dial::new(addresses(&["10.0.0.1", "10.0.0.2"]));
        assert!(dial.has_next() && !dial.is_under_way());
        assert_eq!(dial.next_address(), Some(addresses(&["10.0.0.1"])[0]));
        assert_eq!(dial.next_address(), Some(addresses(&["10.0.0.2"])[0]));
        assert!(!dial.has_next());
        assert_eq!(dial.next_address(), None);
        assert_eq!(Dial::new(addresses(&["10.0.0.1", "10.0.0.1"])).left(), addresses(&["10.0.0.1"]));
        assert_eq!(Dial::new(addresses(&["10.0.0.1"])).left(), addresses(&["10.0.0.1"]));
        assert_eq!(Dial::new([]).left(), []);
    }

    #[test]
    fn the_latest_failure_speaks_and_all_are_noted() {
        let mut dial = Dial::new(addresses(&["10.0.0.1"]));
        assert_eq!((dial.note(), dial.take_failure()), (None, None));
        for detail in ["a", "b"] {
            dial.failed(Failure::new(Reason::ConnectRefused, detail));
        }
        assert_eq!(dial.note().as_deref(), Some("a; b"));
        assert_eq!(dial.take_failure().unwrap().detail, "b".into());
    }
}
