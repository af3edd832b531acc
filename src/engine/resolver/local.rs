//! What is known of names without asking anybody, and who would be asked: what the user gave, `localhost`, the hosts file,
//! what was learned before; `resolv.conf`, which of its servers have kept silent, and what they cannot stand.
//!
//! It refuses to know who wants a name, what lookups are under way, and how they are waited for: the [resolver](super) of
//! the loop and who waits for one name at a time have one each.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::files::Files;
use super::interface::{Addresses, Names, Override};
use super::servers::Servers;
use crate::check::outcome::{Failure, Reason};
use crate::engine::trouble::Trouble;
use crate::proto::dns::answer::{Answer, Families, LookupError, LookupFailure};
#[cfg(test)]
use crate::proto::dns::config::{Hosts, ResolvConf};
use crate::proto::dns::config::{is_nobody, loopback};
use crate::proto::dns::hash::ByName;
use crate::proto::dns::lookup::Lookup;
use crate::proto::dns::manners::Manners;

/// How long an answer without one of the wanted families is remembered: long enough for those who ask at the same time,
/// no longer than the other family may be late.
pub(super) const INCOMPLETE_TTL_MAX: Duration = Duration::from_secs(1);

/// What is known here.
pub struct Local {
    servers: Vec<SocketAddr>,
    families: Families,
    said: ByName<Box<str>, Vec<(u16, Addresses)>>,
    /// Read when the first name needs them. The servers stand in the order of `order`.
    files: Option<Files>,
    order: Servers,
    manners: Manners,
    cache: Cache,
    /// Lookups that were prepared.
    pub(super) lookups: u64,
    /// How often the cache knew.
    pub(super) cached: u64,
}

impl Local {
    /// What the user said. No file is read yet.
    pub fn new(names: Names) -> Local {
        Local {
            servers: names.servers,
            families: names.families,
            said: by_host(names.overrides),
            files: None,
            order: Servers::default(),
            manners: Manners::default(),
            cache: Cache::default(),
            lookups: 0,
            cached: 0,
        }
    }

    /// The same, with what the files say.
    #[cfg(test)]
    pub(crate) fn with_files(names: Names, conf: ResolvConf, hosts: &str) -> Local {
        let order = Servers::new(&conf.servers);
        Local { files: Some(Files { conf: Ok(conf), hosts: Ok(Hosts::parse(hosts)) }), order, ..Local::new(names) }
    }

    /// What is known of a host, which is given in lower case and is no address itself. What was learned before `fresh_from`
    /// has had its use: an attempt failed with it.
    pub fn find(
        &mut self,
        host: &str,
        port: u16,
        fresh_from: Option<Instant>,
        now: Instant,
    ) -> Option<Result<Addresses, Trouble>> {
        // Of the map in `mod.rs`: === 1. What the user gave. === 2. localhost, then the hosts file.
        let said = self.said(host, port).map(Ok);
        if let Some(found) = said.or_else(|| self.known(host).transpose()) {
            return Some(found);
        }
        // === 3. An answer that still holds, or an absence.
        let known = self.cache.get(host, now, fresh_from)?;
        self.cached += 1;
        Some(known.clone().map_err(Trouble::Target))
    }

    /// Prepares the lookup of a host of which nothing is known.
    ///
    /// # Errors
    /// It is no name, or there is nobody to ask.
    pub fn lookup(&mut self, host: &str) -> Result<Lookup, Trouble> {
        let rotation = self.lookups as usize % self.order.to_begin_with();
        let (families, manners) = (self.families, self.manners.clone());
        let conf = self.files().conf.as_ref().map_err(Trouble::clone)?;
        let lookup = Lookup::new(host, conf, families, rotation, manners)
            .map_err(|error| Trouble::Target(failure(host, &error)))?;
        self.lookups += 1;
        Ok(lookup)
    }

    /// Takes what a lookup has ended with, and remembers it for as long as it may be remembered.
    ///
    /// # Errors
    /// What the lookup's failure is to those who waited.
    pub fn learn(
        &mut self,
        host: Rc<str>,
        result: Result<Answer, LookupError>,
        now: Instant,
    ) -> Result<Addresses, Failure> {
        let lifetime = lifetime(&result);
        let known = match result {
            Ok(answer) => Ok(answer.addresses.into()),
            Err(error) => Err(failure(&host, &error)),
        };
        if let Some(lifetime) = lifetime {
            self.cache.insert(host, known.clone(), now, lifetime);
        }
        known
    }

    /// The servers that the system names and that cannot be asked, with why; none before a name was looked up.
    pub(super) fn unusable_servers(&self) -> Vec<String> {
        let conf = self.files.as_ref().and_then(|files| files.conf.as_ref().ok());
        conf.map_or_else(Vec::new, |conf| conf.unusable.clone())
    }

    /// What the user gave.
    fn said(&self, host: &str, port: u16) -> Option<Addresses> {
        let of = |host| self.said.get(host)?.iter().rfind(|(of_port, _)| *of_port == port);
        let (_, addresses) = of(host).or_else(|| of("*"))?;
        Some(Rc::clone(addresses))
    }

    /// What `localhost` is, or the hosts file says.
    fn known(&mut self, host: &str) -> Result<Option<Addresses>, Trouble> {
        if let Some(both) = loopback(host) {
            return Ok(of_families(self.families, &both));
        }
        let families = self.families;
        match &self.files().hosts {
            Ok(hosts) => match hosts.get(host) {
                [] => Ok(None),
                said if said.iter().all(is_nobody) => {
                    let detail = format!("{host}: the name has no address but {}, as the hosts file says", said[0]);
                    Err(Trouble::Target(Failure::new(Reason::DnsNotFound, detail)))
                }
                said => Ok(of_families(families, said)),
            },
            Err(trouble) => Err(trouble.clone()),
        }
    }

    /// What the files say, which are read now if they were not.
    pub(super) fn files(&mut self) -> &Files {
        if self.files.as_ref().is_some_and(Files::are_short) {
            self.files = None;
        }
        self.files.get_or_insert_with(|| {
            let files = Files::read().with_servers(&self.servers);
            self.order = files.conf.as_ref().map_or_else(|_| Servers::default(), |conf| Servers::new(&conf.servers));
            files
        })
    }

    /// These servers were waited for since then and have said nothing.
    pub fn note_silence(&mut self, overdue: impl Iterator<Item = (SocketAddr, Instant)>) {
        let mut changed = false;
        for (server, since) in overdue {
            changed |= self.order.overdue(server, since);
        }
        if changed {
            self.reorder();
        }
    }

    /// Something came from this server.
    pub fn note_heard(&mut self, server: SocketAddr, now: Instant) {
        if self.order.heard(server, now) {
            self.reorder();
        }
    }

    fn reorder(&mut self) {
        if let Some(Files { conf: Ok(conf), .. }) = &mut self.files {
            conf.servers = self.order.addresses();
        }
    }
}

/// The overrides by host.
fn by_host(overrides: Vec<Override>) -> ByName<Box<str>, Vec<(u16, Addresses)>> {
    let mut said: ByName<Box<str>, Vec<(u16, Addresses)>> = ByName::default();
    for Override { host, port, addresses } in overrides {
        if !addresses.is_empty() {
            said.entry(host).or_default().push((port, addresses.into()));
        }
    }
    said
}

/// Those of the wanted families, if there are any.
fn of_families(families: Families, addresses: &[IpAddr]) -> Option<Addresses> {
    let wanted = |address: &&IpAddr| match families {
        _ if is_nobody(address) => false,
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    };
    if !addresses.iter().any(|address| wanted(&address)) {
        return None;
    }
    Some(addresses.iter().filter(wanted).copied().collect())
}

/// How long a result may be remembered, if at all (RFC 1035 §3.2.1: a TTL of zero is for those who asked; RFC 2308 §5).
fn lifetime(result: &Result<Answer, LookupError>) -> Option<Duration> {
    let lifetime = match result {
        Ok(answer) if answer.missing.is_some() => answer.ttl.min(INCOMPLETE_TTL_MAX),
        Ok(answer) => answer.ttl,
        Err(error) => error.failure.negative_ttl()?,
    };
    (!lifetime.is_zero()).then_some(lifetime)
}

/// What a lookup's failure is to those who waited.
fn failure(host: &str, error: &LookupError) -> Failure {
    let reason = match &error.failure {
        LookupFailure::NotFound { .. } | LookupFailure::NoAddresses { .. } => Reason::DnsNotFound,
        LookupFailure::TimedOut { .. } => Reason::DnsTimeout,
        LookupFailure::NotSent { .. } | LookupFailure::NoServers { .. } => Reason::LocalError,
        LookupFailure::BadName(_)
        | LookupFailure::ServerFailed { .. }
        | LookupFailure::Refused { .. }
        | LookupFailure::Referral { .. }
        | LookupFailure::Unreachable { .. }
        | LookupFailure::TcpFailed { .. }
        | LookupFailure::TooManyCnames { .. } => Reason::DnsFailed,
    };
    Failure::new(reason, format!("{host}: {error}"))
}
