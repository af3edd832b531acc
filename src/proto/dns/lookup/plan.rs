//! The plan that all questions of a lookup follow: whom to ask, how long to wait for each, and how often to ask.
//!
//! It is made of `resolv.conf` once. It refuses to know what was asked and what came of it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::proto::dns::answer::{Families, LookupFailure};
use crate::proto::dns::config::{self, ResolvConf};
use crate::proto::dns::manners::Manners;

/// Whom to ask, how long and how often.
#[derive(Debug)]
pub(super) struct Plan {
    /// The servers to ask, in order of preference: at least one.
    pub(super) servers: Vec<SocketAddr>,
    timeout: Duration,
    first_timeout: Duration,
    attempts: u32,
    pub(super) families: Families,
    /// Servers are asked over TCP from the start.
    pub(super) over_tcp: bool,
    /// There are more names to try behind this one, and the check's own time is to be enough for all of them.
    pub(super) more_names: bool,
    pub(super) manners: Manners,
    /// The server to ask first: the last that gave a usable answer. The next name need not wait for a dead one again.
    pub(super) preferred: usize,
}

impl Plan {
    /// `None`: there is nobody to ask.
    pub(super) fn new(conf: &ResolvConf, families: Families, rotation: usize, manners: Manners) -> Option<Plan> {
        let mut servers = conf.servers.clone();
        servers.truncate(config::MAX_SERVERS);
        let preferred = rotation.checked_rem(servers.len())?;
        let preferred = if conf.rotate { preferred } else { 0 };
        let families = if conf.no_ipv6 && families == Families::Both { Families::V4 } else { families };
        Some(Plan {
            servers,
            timeout: conf.timeout,
            first_timeout: conf.first_timeout.min(conf.timeout),
            attempts: conf.attempts.clamp(1, config::MAX_ATTEMPTS),
            families,
            over_tcp: conf.over_tcp,
            more_names: false,
            manners,
            preferred,
        })
    }

    /// How often a question may be sent, to whichever server.
    pub(super) fn turns(&self) -> usize {
        let attempts = if self.more_names { self.attempts.min(2) } else { self.attempts };
        self.servers.len() * attempts as usize
    }

    /// How long to wait in a turn for more than what the servers of earlier turns may still say.
    pub(super) fn patience(&self, turn: usize) -> Duration {
        if self.more_names {
            return if turn < self.servers.len() { self.first_timeout } else { self.first_timeout / 2 };
        }
        let is_last = turn + 1 >= self.turns();
        if turn < self.servers.len() && !is_last { self.first_timeout } else { self.timeout }
    }

    pub(super) fn index_of(&self, server: SocketAddr) -> Option<usize> {
        // Flow labels and scope ids of IPv6 do not tell servers apart: a datagram may come back with others.
        let same = |other: &SocketAddr| other.ip() == server.ip() && other.port() == server.port();
        self.servers.iter().position(same)
    }

    pub(super) fn timed_out(&self) -> LookupFailure {
        LookupFailure::TimedOut { servers: self.servers.clone(), attempts: self.attempts }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn plan(servers: &[&str], attempts: u32) -> Plan {
        let conf = ResolvConf {
            servers: servers.iter().map(|text| text.parse().unwrap()).collect(),
            attempts,
            ..ResolvConf::default()
        };
        Plan::new(&conf, Families::Both, 0, Manners::default()).unwrap()
    }

    #[test]
    fn knows_servers_by_address_and_port() {
        let plan = plan(&["10.0.0.1:53", "[fe80::1%2]:53"], 1);
        for (text, index) in
            [("10.0.0.1:53", Some(0)), ("10.0.0.1:54", None), ("[fe80::1]:53", Some(1)), ("[fe80::2%2]:53", None)]
        {
            assert_eq!(plan.index_of(text.parse().unwrap()), index, "{text}");
        }
    }

    #[test]
    fn a_plan_stays_within_its_bounds() {
        let plan = plan(&["10.0.0.1:53"; 9], 99);
        assert_eq!(plan.servers.len(), config::MAX_SERVERS);
        assert_eq!(plan.turns(), config::MAX_SERVERS * 5);
    }
}
