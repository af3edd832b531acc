//! DNS for a stub resolver, without a socket: messages, the lookup machine, the two system files.
//!
//! [`config`] turns the text of `resolv.conf` and `hosts` into values, [`lookup`] decides what to ask whom and
//! when, [`message`] encodes what it asks and checks what comes back. Whoever owns the sockets, the clock and the
//! random numbers drives [`lookup::Lookup`] with them.
//!
//! Left out on purpose: DNSSEC, DNS over TLS or HTTPS, mDNS, `nsswitch.conf`, records other than A and AAAA.

pub mod answer;
pub mod config;
pub mod lookup;
pub mod message;
pub mod name;
pub mod query;
mod question;
mod wire;

#[cfg(test)]
mod testing;
