//! The sockets below the lookups: queries go out and messages come in, and each is somebody's.
//!
//! It refuses to know what a message says but for its id, and what a lookup does with it. Nothing here calls back: what
//! went wrong is kept as a [`SocketFault`] until it is asked for.
//!
//! Against forged answers a query leaves from a port that the OS has chosen at random, and no port is used for long: a
//! socket takes [`QUERIES_PER_SOCKET`] queries and is closed when the last of them is done with. Each is connected, so
//! that the OS drops what others send, and tells when nobody listens at the other end (ICMP, read as `ECONNREFUSED`).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::faults::{SocketFault, is_refusal};
use super::slab::Slab;
use super::{ResolverPart, Tagged, Ticket};
use crate::conn::{Conn, tcp, would_block};
use crate::os::{Interest, UdpSocket};
use crate::proto::dns::config::MAX_SERVERS;
use crate::proto::dns::message::message_id;
use crate::proto::dns::query::{RecordType, tcp_message};
use crate::reactor::{Key, Reactor};

/// The queries that a socket takes before a new one takes its place.
pub(super) const QUERIES_PER_SOCKET: u32 = 128;
/// The most sockets to one server. When all have taken their queries, the one with the fewest unanswered takes more.
pub(super) const UDP_PER_SERVER_MAX: usize = 8;
/// The most connections. Further ones wait until one is closed.
pub(super) const TCP_MAX: usize = 100;
/// The most sockets for DNS in all.
#[cfg(test)]
pub(super) const SOCKETS_MAX: usize = MAX_SERVERS * UDP_PER_SERVER_MAX + TCP_MAX;
/// A datagram longer than this is cut, and then is no message. We tell servers to send no more than 1232 bytes.
pub(super) const READ_BUFFER: usize = 4096;
/// How often one socket is read in one turn before others get theirs.
pub(super) const READS_PER_TURN: usize = 32;
/// The most places that one lookup holds: two questions, each asked of every server.
const PLACES_MAX: usize = 2 * MAX_SERVERS;

/// A query as a lookup wants it sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutgoingQuery<'a> {
    pub(super) ticket: Ticket,
    pub(super) record: RecordType,
    pub(super) server: SocketAddr,
    pub(super) id: u16,
    pub(super) bytes: &'a [u8],
}

/// Where the answers to a lookup's queries are waited for. It keeps them until it is done with them.
#[derive(Debug, Default)]
pub(super) struct Places([Option<ReplyPlace>; PLACES_MAX]);

#[derive(Clone, Copy, Debug)]
struct ReplyPlace {
    record: RecordType,
    socket: u32,
    id: u16,
}

/// What reading a socket has come to.
pub(super) enum Received<'a> {
    /// A message for this lookup from this server.
    Datagram(Ticket, SocketAddr, &'a [u8]),
    /// One that nobody waits for.
    Unwanted,
    /// An error for an earlier query. Others and answers may wait behind it.
    Error,
    /// Nothing more, for now or for ever.
    Nothing,
}

/// A message that has come over a connection, its length still in front.
pub(super) struct TcpMessage {
    pub(super) ticket: Ticket,
    pub(super) record: RecordType,
    pub(super) framed: Vec<u8>,
}

/// All sockets for DNS.
#[derive(Debug)]
pub(super) struct Sockets {
    udp: Slab<Udp>,
    /// The empty table of a socket that was closed: the next one would make the same.
    spare: Option<TicketsById>,
    tcp: Slab<Tcp>,
    /// Connections that wait for another to be closed, oldest first. Some may not be wanted any more: those that are
    /// stand in `whereabouts`.
    unopened: VecDeque<Unopened>,
    /// By the place of a lookup: where the connections are that it wants, one a record type.
    whereabouts: Vec<[Option<Whereabouts>; 2]>,
    /// Counts the connections that had to wait, to tell each from a later one of the same lookup.
    waits: u64,
    /// Those that had to wait and are being made now, whose lookups have not been told.
    begun: VecDeque<(Ticket, RecordType)>,
    /// In the order in which they happened; told, and so gone, after every input.
    faults: VecDeque<(Ticket, SocketFault)>,
    most: usize,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    /// In the queue, under this number.
    Waits(u64),
    /// It is open, and in this place of the table.
    Open(u32),
}

/// Whose query has which id.
type TicketsById = HashMap<u16, Ticket, BuildHasherDefault<IdHasher>>;

/// A socket connected to one server.
#[derive(Debug)]
struct Udp {
    key: Key,
    socket: UdpSocket,
    server: SocketAddr,
    /// Ids are random, and a query whose id is taken goes out by another socket.
    asked: TicketsById,
    sent: u32,
    /// An error came back for one of its queries, nobody knows which.
    refused: bool,
}

/// A connection for one query and its answer.
#[derive(Debug)]
struct Tcp {
    key: Key,
    conn: Conn,
    ticket: Ticket,
    record: RecordType,
    unsent: Vec<u8>,
    /// At most a whole message, 64 KiB and its length, and what one read brings beyond.
    received: Vec<u8>,
}

#[derive(Debug)]
struct Unopened {
    number: u64,
    ticket: Ticket,
    record: RecordType,
    server: SocketAddr,
    framed: Vec<u8>,
}

impl Sockets {
    pub(super) fn new() -> Sockets {
        Sockets {
            udp: Slab::new(),
            spare: None,
            tcp: Slab::new(),
            unopened: VecDeque::new(),
            whereabouts: Vec::new(),
            waits: 0,
            begun: VecDeque::new(),
            faults: VecDeque::new(),
            most: 0,
        }
    }

    /// The next thing that went wrong, and for whom.
    pub(super) fn next_fault(&mut self) -> Option<(Ticket, SocketFault)> {
        self.faults.pop_front()
    }

    /// Whether anything happened that nobody has been told.
    pub(super) fn has_news(&self) -> bool {
        !self.faults.is_empty() || !self.begun.is_empty()
    }

    /// The most sockets that were ever open at once.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Sends a query in place of the last one of its record type. One for which the OS has no room now is as good as lost
    /// on the way: the lookup sends it again.
    pub(super) fn send<T: Tagged>(&mut self, query: OutgoingQuery<'_>, places: &mut Places, reactor: &mut Reactor<T>) {
        self.forget_other_ids(query, places, reactor);
        let is_again = |place: &&ReplyPlace| place.record == query.record && self.is_to(place.socket, query.server);
        let again = places.0.iter().flatten().find(is_again);
        let chosen = match again {
            Some(place) => Ok(Some(place.socket)),
            None => self.choose(query.server, query.id, reactor),
        };
        let slot = match chosen {
            Ok(Some(slot)) => slot,
            // Its id is taken on every socket, which would have to happen to a lookup twice.
            Ok(None) => return,
            Err(error) => {
                let fault = SocketFault::of_making(&error, SocketFault::Unreachable(query.server));
                return self.fault(query.ticket, fault);
            }
        };
        let Some(udp) = self.udp.get_mut(slot) else {
            debug_assert!(false, "a socket was chosen that is not there");
            return;
        };
        if udp.asked.insert(query.id, query.ticket).is_none() {
            match places.0.iter_mut().find(|place| place.is_none()) {
                Some(free) => *free = Some(ReplyPlace { record: query.record, socket: slot, id: query.id }),
                None => debug_assert!(false, "a lookup asks each server for two records, and has places for all"),
            }
        }
        udp.sent += 1;
        match udp.socket.send(query.bytes).map_err(|error| SocketFault::of_datagram(&error, query.server)) {
            // The error is that of an earlier query, and reading it has used it up: the socket would never turn ready
            // for it.
            Err(Some(SocketFault::Unreachable(_))) if !udp.refused => {
                udp.refused = true;
                reactor.again(udp.key);
            }
            Err(Some(SocketFault::Unreachable(_)) | None) | Ok(_) => {}
            Err(Some(fault)) => self.fault(query.ticket, fault),
        }
    }

    /// A new query of a record type has another id than the one before it, whose answers are no longer wanted.
    fn forget_other_ids<T: Tagged>(&mut self, query: OutgoingQuery<'_>, places: &mut Places, reactor: &mut Reactor<T>) {
        for place in &mut places.0 {
            if let Some(old) = place.take_if(|place| place.record == query.record && place.id != query.id) {
                self.forget(old, reactor);
            }
        }
    }

    fn is_to(&self, slot: u32, server: SocketAddr) -> bool {
        self.udp.get(slot).is_some_and(|udp| udp.server == server)
    }

    /// A socket to this server on which nobody uses this id.
    fn choose<T: Tagged>(&mut self, server: SocketAddr, id: u16, reactor: &mut Reactor<T>) -> io::Result<Option<u32>> {
        let mut count = 0;
        let mut least: Option<(u32, usize)> = None;
        for (slot, udp) in self.udp.iter().filter(|(_, udp)| udp.server == server) {
            count += 1;
            if udp.asked.contains_key(&id) {
                continue;
            }
            if udp.sent < QUERIES_PER_SOCKET {
                return Ok(Some(slot));
            }
            if least.is_none_or(|(_, unanswered)| udp.asked.len() < unanswered) {
                least = Some((slot, udp.asked.len()));
            }
        }
        let least = least.map(|(slot, _)| slot);
        if count >= UDP_PER_SERVER_MAX {
            return Ok(least);
        }
        match self.open_udp(server, reactor) {
            Ok(slot) => Ok(Some(slot)),
            Err(_) if least.is_some() => Ok(least),
            Err(error) => Err(error),
        }
    }

    fn open_udp<T: Tagged>(&mut self, server: SocketAddr, reactor: &mut Reactor<T>) -> io::Result<u32> {
        let any_port = match server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let mut socket = UdpSocket::bind(any_port)?;
        socket.connect(server)?;
        let key = reactor.open(ResolverPart::Udp(self.udp.next_place()).into());
        if let Err(error) = reactor.watch(key, &mut socket, Interest::READABLE) {
            reactor.close(key);
            return Err(error);
        }
        let new = || TicketsById::with_capacity_and_hasher(QUERIES_PER_SOCKET as usize, BuildHasherDefault::default());
        let asked = self.spare.take().unwrap_or_else(new);
        let slot = self.udp.insert(Udp { key, socket, server, asked, sent: 0, refused: false });
        self.note_most();
        Ok(slot)
    }

    fn close_udp<T: Tagged>(&mut self, slot: u32, reactor: &mut Reactor<T>) {
        if let Some(mut udp) = self.udp.remove(slot) {
            reactor.close(udp.key);
            udp.asked.clear();
            self.spare = Some(udp.asked);
        }
    }

    /// Gives up all places: no answers are wanted any more.
    pub(super) fn forget_all<T: Tagged>(&mut self, places: &mut Places, reactor: &mut Reactor<T>) {
        for place in &mut places.0 {
            if let Some(place) = place.take() {
                self.forget(place, reactor);
            }
        }
    }

    fn forget<T: Tagged>(&mut self, place: ReplyPlace, reactor: &mut Reactor<T>) {
        let Some(udp) = self.udp.get_mut(place.socket) else {
            debug_assert!(false, "a socket is open for as long as somebody waits for an answer on it");
            return;
        };
        udp.asked.remove(&place.id);
        if udp.asked.is_empty() && udp.sent >= QUERIES_PER_SOCKET {
            self.close_udp(place.socket, reactor);
        }
    }

    /// Reads a datagram. To be repeated until there is nothing, or [`READS_PER_TURN`] times and then [once
    /// more](Self::read_again) next turn.
    pub(super) fn receive<'a>(&mut self, slot: u32, key: Key, buffer: &'a mut [u8]) -> Received<'a> {
        let Some(udp) = self.udp.get_mut(slot).filter(|udp| udp.key == key) else { return Received::Nothing };
        let length = match udp.socket.recv(buffer) {
            Ok(length) => length,
            Err(error) if would_block(&error) => {
                self.tell_refused(slot);
                return Received::Nothing;
            }
            Err(error) => {
                udp.refused |= is_refusal(&error);
                return Received::Error;
            }
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        match message_id(bytes).and_then(|id| udp.asked.get(&id)) {
            Some(&ticket) => Received::Datagram(ticket, udp.server, bytes),
            None => Received::Unwanted,
        }
    }

    /// The socket has been read as often as it may be in one turn, and there may be more.
    pub(super) fn read_again<T: Tagged>(&self, slot: u32, key: Key, reactor: &mut Reactor<T>) {
        if self.udp.get(slot).is_some_and(|udp| udp.key == key) {
            reactor.again(key);
        }
    }

    /// The server cannot be reached: everybody who waits on the socket hears of it, once.
    fn tell_refused(&mut self, slot: u32) {
        let Some(udp) = self.udp.get_mut(slot).filter(|udp| udp.refused) else { return };
        udp.refused = false;
        let server = udp.server;
        let mut tickets: Vec<Ticket> = udp.asked.values().copied().collect();
        tickets.sort_unstable_by_key(|ticket| ticket.slot);
        tickets.dedup();
        for ticket in tickets {
            self.faults.push_back((ticket, SocketFault::Unreachable(server)));
        }
    }

    /// Where the connection is that this lookup wants for this record type. It has its place to itself while it is under
    /// way.
    fn whereabouts(&mut self, ticket: Ticket, record: RecordType) -> &mut Option<Whereabouts> {
        let place = ticket.slot as usize;
        if self.whereabouts.len() <= place {
            self.whereabouts.resize(place + 1, [None; 2]);
        }
        &mut self.whereabouts[place][usize::from(record == RecordType::Aaaa)]
    }

    /// The next connection that is being made now and had to wait before.
    pub(super) fn next_begun(&mut self) -> Option<(Ticket, RecordType)> {
        self.begun.pop_front()
    }

    /// Connects, sends and waits for one message, as soon as there is room for another connection: whether there is.
    pub(super) fn open_tcp<T: Tagged>(
        &mut self,
        ticket: Ticket,
        record: RecordType,
        server: SocketAddr,
        framed: &[u8],
        reactor: &mut Reactor<T>,
    ) -> bool {
        let has_room = self.tcp.len() < TCP_MAX;
        self.waits += 1;
        let number = self.waits;
        *self.whereabouts(ticket, record) = Some(Whereabouts::Waits(number));
        let unopened = Unopened { number, ticket, record, server, framed: framed.to_vec() };
        match has_room {
            true => self.begin(unopened, reactor),
            false => self.unopened.push_back(unopened),
        }
        has_room
    }

    fn connect_next<T: Tagged>(&mut self, reactor: &mut Reactor<T>) {
        while self.tcp.len() < TCP_MAX {
            let Some(next) = self.unopened.pop_front() else { return };
            if *self.whereabouts(next.ticket, next.record) == Some(Whereabouts::Waits(next.number)) {
                self.begun.push_back((next.ticket, next.record));
                self.begin(next, reactor);
            }
        }
    }

    fn begin<T: Tagged>(&mut self, unopened: Unopened, reactor: &mut Reactor<T>) {
        let (ticket, record) = (unopened.ticket, unopened.record);
        if let Err(error) = self.connect(unopened, reactor) {
            self.fault(ticket, SocketFault::of_making(&error, SocketFault::TcpFailed(record)));
        }
    }

    fn connect<T: Tagged>(&mut self, unopened: Unopened, reactor: &mut Reactor<T>) -> io::Result<()> {
        let Unopened { ticket, record, server, framed, .. } = unopened;
        let mut conn = Conn::new(tcp::connect(server)?);
        let key = reactor.open(ResolverPart::Tcp(self.tcp.next_place()).into());
        if let Err(error) = reactor.watch(key, &mut conn, Interest::READABLE | Interest::WRITABLE) {
            reactor.close(key);
            return Err(error);
        }
        let slot = self.tcp.insert(Tcp { key, conn, ticket, record, unsent: framed, received: Vec::new() });
        *self.whereabouts(ticket, record) = Some(Whereabouts::Open(slot));
        self.note_most();
        Ok(())
    }

    /// Moves a connection on. Gives the message when it is whole.
    pub(super) fn advance_tcp(&mut self, slot: u32, key: Key, buffer: &mut [u8]) -> Option<TcpMessage> {
        let tcp = self.tcp.get_mut(slot).filter(|tcp| tcp.key == key)?;
        let (ticket, record) = (tcp.ticket, tcp.record);
        match tcp.advance(buffer) {
            Ok(true) => Some(TcpMessage { ticket, record, framed: std::mem::take(&mut tcp.received) }),
            Ok(false) => None,
            Err(_) => {
                self.fault(ticket, SocketFault::TcpFailed(record));
                None
            }
        }
    }

    /// Closes the connection of this record type, or one that is still to be opened. Nothing happens where there is
    /// none.
    pub(super) fn close_tcp<T: Tagged>(&mut self, ticket: Ticket, record: RecordType, reactor: &mut Reactor<T>) {
        // Nearly no lookup ever wants one.
        if self.whereabouts.len() <= ticket.slot as usize {
            return;
        }
        if let Some(Whereabouts::Open(slot)) = self.whereabouts(ticket, record).take() {
            self.remove_tcp(slot, reactor);
            self.connect_next(reactor);
        }
    }

    fn remove_tcp<T: Tagged>(&mut self, slot: u32, reactor: &mut Reactor<T>) {
        if let Some(tcp) = self.tcp.remove(slot) {
            reactor.close(tcp.key);
        }
    }

    /// Notes what went wrong. Both questions of a lookup may find the same.
    fn fault(&mut self, ticket: Ticket, fault: SocketFault) {
        let fault = (ticket, fault);
        if !self.faults.contains(&fault) {
            self.faults.push_back(fault);
        }
    }

    /// The keys of the datagram sockets.
    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.udp.iter().map(|(_, udp)| udp.key)
    }

    /// Nobody waits for anything here.
    #[cfg(test)]
    pub(super) fn assert_idle(&self) {
        for (_, udp) in self.udp.iter() {
            assert!(udp.asked.is_empty() && udp.sent < QUERIES_PER_SOCKET, "{udp:?}");
        }
        assert_eq!((self.tcp.len(), self.whereabouts.iter().flatten().flatten().count(), self.faults.len()), (0, 0, 0));
    }

    fn note_most(&mut self) {
        self.most = self.most.max(self.udp.len() + self.tcp.len());
    }
}

impl Tcp {
    /// Writes what is left, then reads. `true`: the message is whole.
    ///
    /// # Errors
    /// The connection could not be made, or ended before that.
    fn advance(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match self.conn.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if would_block(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // Ends with the message, whose length is two bytes.
        loop {
            match self.conn.fill(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.received.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if would_block(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
            if tcp_message(&self.received).is_some() {
                return Ok(true);
            }
        }
    }
}

/// For ids that we drew at random ourselves: nobody else chooses what is kept, so nothing stronger than a
/// multiplication is needed to spread their bits (Fibonacci hashing).
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 << 8 | u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
