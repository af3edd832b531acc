//! In which order the servers are asked: as given, but those that have kept silent last.
//!
//! A silent server costs every lookup that asks it first a second. What one lookup has found out spares the others, to
//! the end of the run. It refuses to know what is asked and what is answered.

use std::net::SocketAddr;
use std::time::Instant;

/// The servers, those that answer first: at most as many as `resolv.conf` may name, or `--dns-server` be given.
#[derive(Debug, Default)]
pub(super) struct Servers {
    list: Vec<NameServer>,
}

#[derive(Debug)]
struct NameServer {
    address: SocketAddr,
    /// When it was last heard of.
    heard: Option<Instant>,
    silent: bool,
}

impl Servers {
    pub(super) fn new(addresses: &[SocketAddr]) -> Servers {
        let server = |&address| NameServer { address, heard: None, silent: false };
        Servers { list: addresses.iter().map(server).collect() }
    }

    /// The addresses, in the order in which they should be asked.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.list.iter().map(|server| server.address).collect()
    }

    /// How many of the first in that order to begin with in turn, where lookups are to be spread: those that answer,
    /// or all if none does.
    pub(super) fn to_begin_with(&self) -> usize {
        match self.list.iter().filter(|server| !server.silent).count() {
            0 => self.list.len().max(1),
            live => live,
        }
    }

    /// Something came from a server. Whether that changes the order.
    pub(super) fn heard(&mut self, address: SocketAddr, now: Instant) -> bool {
        let Some(at) = self.find(address) else { return false };
        let server = &mut self.list[at];
        server.heard = Some(now);
        let was_silent = std::mem::replace(&mut server.silent, false);
        if was_silent {
            self.put_to_its_like(at);
        }
        was_silent
    }

    /// A question that waited for this server since then waits no longer. A server that has answered others meanwhile
    /// is not silent: it has trouble with that one name. Whether this changes the order.
    pub(super) fn overdue(&mut self, address: SocketAddr, since: Instant) -> bool {
        let Some(at) = self.find(address) else { return false };
        let server = &mut self.list[at];
        if server.silent || server.heard.is_some_and(|heard| heard >= since) {
            return false;
        }
        server.silent = true;
        self.put_to_its_like(at);
        true
    }

    fn find(&self, address: SocketAddr) -> Option<usize> {
        self.list.iter().position(|server| server.address == address)
    }

    /// Puts one that answers behind all others that do, and one that does not before all others that do not. Among them
    /// nothing changes.
    fn put_to_its_like(&mut self, at: usize) {
        let server = self.list.remove(at);
        let live = self.list.iter().filter(|server| !server.silent).count();
        self.list.insert(live, server);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn addresses() -> [SocketAddr; 3] {
        ["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"].map(|text| text.parse().unwrap())
    }

    #[test]
    fn who_keeps_silent_is_asked_last_until_heard_of() {
        let [one, two, three] = addresses();
        let now = Instant::now();
        let mut servers = Servers::new(&addresses());
        assert_eq!((servers.addresses(), servers.to_begin_with()), (vec![one, two, three], 3));
        assert!(servers.overdue(one, now));
        assert!(!servers.overdue(one, now), "that is known");
        assert_eq!((servers.addresses(), servers.to_begin_with()), (vec![two, three, one], 2));
        assert!(!servers.heard(two, now));
        assert!(servers.heard(one, now));
        assert_eq!((servers.addresses(), servers.to_begin_with()), (vec![two, three, one], 3));
        for server in [one, two, three] {
            servers.overdue(server, now + Duration::from_secs(1));
        }
        assert_eq!(servers.to_begin_with(), 3, "one is as good as another");
    }

    #[test]
    fn trouble_with_one_name_is_not_silence() {
        let [one, two, _] = addresses();
        let asked = Instant::now();
        let mut servers = Servers::new(&[one, two]);
        servers.heard(one, asked + Duration::from_millis(1));
        assert!(!servers.overdue(one, asked));
        assert!(servers.overdue(one, asked + Duration::from_millis(2)));
        assert_eq!(servers.addresses(), [two, one]);
    }

    #[test]
    fn strangers_change_nothing() {
        let [one, two, three] = addresses();
        let mut servers = Servers::new(&[one, two]);
        assert!(!servers.heard(three, Instant::now()) && !servers.overdue(three, Instant::now()));
        assert_eq!(servers.addresses(), [one, two]);
        assert_eq!(Servers::default().to_begin_with(), 1);
    }
}
