//! DNS for a stub resolver, without a socket: messages, the lookup machine, the two system files.
//!
//! Whoever owns the sockets, the clock and the random numbers drives a [`lookup::Lookup`] with them and gets an
//! [`answer::Answer`] or the [`answer::LookupFailure`]. To read it from the bottom: [`name`], [`query`] and the walk through
//! a message's bytes, [`message`] for answers that are checked before they are believed, [`config`] for the text of
//! `resolv.conf` and `hosts`, and [`lookup`] for the whole, of which one question is a part.
//!
//! Left out on purpose: DNSSEC, DNS over TLS or HTTPS, mDNS, `nsswitch.conf`, records other than A and AAAA.

pub mod answer;
pub mod config;
pub mod hash;
pub mod lookup;
pub mod manners;
pub mod message;
pub mod name;
pub mod query;
mod wire;

#[cfg(test)]
mod testing;
