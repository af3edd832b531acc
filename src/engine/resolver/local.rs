//! What this machine knows of names without asking anybody, and whom it would ask: what the user gave, `localhost`, the
//! hosts file, `resolv.conf`, and which of its servers have kept silent.
//!
//! It refuses to know who wants a name, and what lookups are under way.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use super::files::Files;
use super::hash::ByName;
use super::interface::{Addresses, Names, Override};
use super::servers::Servers;
use crate::check::outcome::{Failure, Reason};
use crate::engine::trouble::Trouble;
use crate::proto::dns::answer::Families;
use crate::proto::dns::config::{is_nobody, loopback};

/// What is known here.
pub(super) struct Local {
    servers: Vec<SocketAddr>,
    pub(super) families: Families,
    said: ByName<Box<str>, Vec<(u16, Addresses)>>,
    /// Read when the first name needs them. The servers stand in the order of `order`.
    pub(super) files: Option<Files>,
    pub(super) order: Servers,
}

impl Local {
    /// What the user said. No file is read yet.
    pub(super) fn new(names: Names) -> Local {
        Local {
            servers: names.servers,
            families: names.families,
            said: by_host(names.overrides),
            files: None,
            order: Servers::default(),
        }
    }

    /// The servers that the system names and that cannot be asked, with why; none before a name was looked up.
    pub(super) fn unusable_servers(&self) -> Vec<String> {
        let conf = self.files.as_ref().and_then(|files| files.conf.as_ref().ok());
        conf.map_or_else(Vec::new, |conf| conf.unusable.clone())
    }

    /// What the user gave.
    pub(super) fn said(&self, host: &str, port: u16) -> Option<Addresses> {
        let of = |host| self.said.get(host)?.iter().rfind(|(of_port, _)| *of_port == port);
        let (_, addresses) = of(host).or_else(|| of("*"))?;
        Some(Rc::clone(addresses))
    }

    /// What `localhost` is, or the hosts file says.
    pub(super) fn known(&mut self, host: &str) -> Result<Option<Addresses>, Trouble> {
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
    pub(super) fn note_silence(&mut self, overdue: impl Iterator<Item = (SocketAddr, Instant)>) {
        let mut changed = false;
        for (server, since) in overdue {
            changed |= self.order.overdue(server, since);
        }
        if changed {
            self.reorder();
        }
    }

    /// Something came from this server.
    pub(super) fn note_heard(&mut self, server: SocketAddr, now: Instant) {
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
