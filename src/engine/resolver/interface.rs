//! What the resolver is told, what it finds, and who waits for it: all that its owner and it have to agree on.
//!
//! Values and nothing else. Who a [`Waiter`] is, and whether it still waits, is the owner's to know.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use crate::engine::trouble::Trouble;
use crate::proto::dns::answer::Families;
use crate::reactor::Key;

/// The addresses of a name, at least one, in the order in which they were given.
pub type Addresses = Rc<[IpAddr]>;

/// What the user said about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Servers to ask instead of those in `resolv.conf`. Its search list and options hold all the same, as far as it can
    /// be read.
    pub servers: Vec<SocketAddr>,
    /// The address families that are wanted.
    pub families: Families,
    /// Addresses that need no lookup. The last one for a name and port holds.
    pub overrides: Vec<Override>,
}

impl Default for Names {
    fn default() -> Names {
        Names { servers: Vec::new(), families: Families::Both, overrides: Vec::new() }
    }
}

/// Addresses that the user gave for a name and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The host in lower case, or `*` for every host that has no override of its own.
    pub host: Box<str>,
    /// The port for which it holds.
    pub port: u16,
    /// What to connect to, whatever families are wanted. Without any it says nothing.
    pub addresses: Vec<IpAddr>,
}

/// What the resolver has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResolverStats {
    /// Lookups that asked a server.
    pub lookups: u64,
    /// Queries sent, again and over TCP included.
    pub queries: u64,
    /// Messages received that were somebody's answer.
    pub answers: u64,
    /// How often the cache knew.
    pub cached: u64,
    /// Messages received that nobody waited for, or that were no true answer.
    pub dropped: u64,
    /// The most DNS sockets open at once.
    pub sockets_most: usize,
}

/// Which of the resolver's own registrations an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolverPart {
    /// Lookups wait to be started, or faults to be told. Its deadline is the end of the pause between two waves.
    Start,
    /// The deadline of the lookup in this place.
    Lookup(u32),
    /// The datagram socket in this place.
    Udp(u32),
    /// The connection in this place.
    Tcp(u32),
}

/// What the tags of the loop that a resolver runs on must be: they have a place for its parts.
pub(in crate::engine) trait Tagged: Copy + From<ResolverPart> {}

impl<T: Copy + From<ResolverPart>> Tagged for T {}

/// Who waits for an answer: the number of a check and its key, which tells it from a later check of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Waiter {
    pub(in crate::engine) id: u32,
    pub(in crate::engine) key: Key,
}

/// The identity of a lookup under way: its place, and its key, which tells it from a later one in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Ticket {
    pub(super) slot: u32,
    pub(super) key: Key,
}

/// What is found for a name.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Found {
    /// It is known already.
    Now(Result<Addresses, Trouble>),
    /// A [`Done`] will say, unless [`Resolver::forget`](super::Resolver::forget) is told this.
    Later(Ticket),
}

/// A lookup has ended.
#[derive(Debug)]
pub(in crate::engine) struct Done {
    /// Everybody who waited for it.
    pub(in crate::engine) waiters: Vec<Waiter>,
    /// The addresses, or why there are none.
    pub(in crate::engine) result: Result<Addresses, Trouble>,
}
