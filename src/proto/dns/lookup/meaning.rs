//! What one answer amounts to: it speaks about the name, or about the server, or has to be fetched another way.
//!
//! The answer was [checked](crate::proto::dns::message) before. This file refuses to know whether anybody still waits for
//! it; [`super::question`] does.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::proto::dns::answer::{Families, LookupFailure};
use crate::proto::dns::config;
use crate::proto::dns::message::{Rcode, Response};
use crate::proto::dns::name::Name;

/// What a checked answer amounts to.
pub(super) enum Meaning {
    /// It speaks about the name.
    About(Chain, Says),
    /// The rest has to be fetched over TCP.
    CutShort,
    /// The server could not read the question, perhaps because of its OPT record.
    Unreadable(LookupFailure),
    /// It speaks about the server.
    Complaint(LookupFailure),
}

/// The CNAMEs that an answer followed.
pub(super) struct Chain {
    pub(super) cnames: usize,
    pub(super) canonical: Option<Name>,
    pub(super) ttl: u32,
}

/// What an answer says of the name at the end of its chain.
pub(super) enum Says {
    Addresses(Vec<IpAddr>),
    Absent(LookupFailure),
    /// Nothing: the server left it to us to ask.
    AskOn,
}

impl Meaning {
    pub(super) fn of(response: Response, server: SocketAddr, families: Families) -> Meaning {
        if response.truncated {
            return Meaning::CutShort;
        }
        let rcode = response.rcode;
        let ttl = response.negative_ttl.map(seconds);
        let mut addresses = response.addresses;
        let unspecified = addresses.iter().copied().find(config::is_nobody);
        addresses.retain(|address| !config::is_nobody(address));
        let says = match rcode {
            Rcode::NXDOMAIN => Says::Absent(LookupFailure::NotFound { server, ttl }),
            Rcode::NOERROR if !addresses.is_empty() => Says::Addresses(addresses),
            Rcode::NOERROR if unspecified.is_some() => Says::Absent(LookupFailure::NoAddresses {
                server,
                ttl: Some(seconds(response.ttl)),
                families,
                unspecified,
            }),
            // A SOA record says that the server went to the end of the chain and found nothing (RFC 2308 §2.2).
            Rcode::NOERROR if response.cnames > 0 && ttl.is_none() => Says::AskOn,
            Rcode::NOERROR if response.lame && ttl.is_none() => {
                return Meaning::Complaint(LookupFailure::Referral { server });
            }
            Rcode::NOERROR => Says::Absent(LookupFailure::NoAddresses { server, ttl, families, unspecified }),
            Rcode::FORMERR | Rcode::NOTIMP | Rcode::BADVERS => {
                return Meaning::Unreadable(LookupFailure::ServerFailed { server, rcode });
            }
            Rcode::REFUSED => return Meaning::Complaint(LookupFailure::Refused { server }),
            _ => return Meaning::Complaint(LookupFailure::ServerFailed { server, rcode }),
        };
        let chain = Chain { cnames: response.cnames, canonical: response.canonical, ttl: response.ttl };
        Meaning::About(chain, says)
    }
}

/// A time that stands in a message.
pub(super) fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}
