//! The types of the seam in the crate's own tests: the real thing, or the same thing in the simulated world. Which of the
//! two is decided where one is made, by whether this thread has a world.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mio::event::Source;
use mio::{Interest, Registry, Token};

use super::outside;
use crate::sim::world::{self, Handle, Kind};

/// A socket that is real, or one of the world's.
pub enum Twofold<R> {
    Real(R),
    World(Handle),
}

pub type TcpStream = Twofold<mio::net::TcpStream>;
pub type UnixStream = Twofold<mio::net::UnixStream>;
pub type UdpSocket = Twofold<mio::net::UdpSocket>;

impl TcpStream {
    pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        match world::is_here() {
            true => world::connect(address).map(Twofold::World),
            false => mio::net::TcpStream::connect(address).map(Twofold::Real),
        }
    }

    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Twofold::Real(stream) => stream.take_error(),
            Twofold::World(handle) => Ok(world::take_error(handle)),
        }
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Twofold::Real(stream) => stream.peer_addr(),
            Twofold::World(handle) => world::peer_address(handle),
        }
    }

    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Twofold::Real(stream) => stream.shutdown(how),
            Twofold::World(_) => Ok(()),
        }
    }
}

impl UnixStream {
    pub fn connect(path: &str) -> io::Result<UnixStream> {
        mio::net::UnixStream::connect(path).map(Twofold::Real)
    }

    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Twofold::Real(stream) => stream.take_error(),
            Twofold::World(handle) => Ok(world::take_error(handle)),
        }
    }

    pub fn peer_addr(&self) -> io::Result<()> {
        match self {
            Twofold::Real(stream) => stream.peer_addr().map(drop),
            Twofold::World(handle) => world::peer_address(handle).map(drop),
        }
    }

    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Twofold::Real(stream) => stream.shutdown(how),
            Twofold::World(_) => Ok(()),
        }
    }
}

impl UdpSocket {
    pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
        match world::is_here() {
            true => world::bind(address).map(Twofold::World),
            false => mio::net::UdpSocket::bind(address).map(Twofold::Real),
        }
    }

    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        match self {
            Twofold::Real(socket) => socket.connect(address),
            Twofold::World(handle) => world::connect_datagrams(handle, address),
        }
    }

    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Twofold::Real(socket) => socket.send(bytes),
            Twofold::World(handle) => world::send(handle, bytes),
        }
    }

    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Twofold::Real(socket) => socket.recv(buffer),
            Twofold::World(handle) => world::receive(handle, buffer),
        }
    }
}

impl<R> From<R> for Twofold<R> {
    fn from(real: R) -> Twofold<R> {
        Twofold::Real(real)
    }
}

impl<R: fmt::Debug> fmt::Debug for Twofold<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Twofold::Real(real) => real.fmt(f),
            Twofold::World(handle) => handle.fmt(f),
        }
    }
}

impl<R: AsFd> AsFd for Twofold<R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Twofold::Real(real) => real.as_fd(),
            Twofold::World(_) => panic!("a socket of the world has no descriptor"),
        }
    }
}

impl<R: Read> Read for Twofold<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Twofold::Real(real) => real.read(buffer),
            Twofold::World(handle) => world::read(handle, buffer),
        }
    }
}

impl<R: Write> Write for Twofold<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Twofold::Real(real) => real.write(bytes),
            Twofold::World(handle) => world::write(handle, bytes),
        }
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Twofold::Real(real) => real.write_vectored(bytes),
            Twofold::World(handle) => {
                let first = bytes.iter().find(|slice| !slice.is_empty());
                world::write(handle, first.map_or(&[][..], |slice| slice))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Source> Source for Twofold<R> {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Twofold::Real(real) => real.register(registry, token, interest),
            Twofold::World(handle) => world::register(handle, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Twofold::Real(real) => real.reregister(registry, token, interest),
            Twofold::World(handle) => world::register(handle, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Twofold::Real(real) => real.deregister(registry),
            Twofold::World(handle) => world::deregister(handle),
        }
    }
}

/// Asks the system, or the world. The real one is there in either case: a world registers with nobody else.
#[derive(Debug)]
pub struct Poll(mio::Poll);

impl Poll {
    pub fn new() -> io::Result<Poll> {
        mio::Poll::new().map(Poll)
    }

    pub fn registry(&self) -> &Registry {
        self.0.registry()
    }

    pub fn poll(&mut self, events: &mut Events, wait: Option<Duration>) -> io::Result<()> {
        events.list.clear();
        if world::is_here() {
            return world::poll(&mut events.list, events.capacity, wait);
        }
        self.0.poll(&mut events.real, wait)?;
        events.list.extend(events.real.iter().map(|event| Event {
            token: event.token(),
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            write_closed: event.is_write_closed(),
            error: event.is_error(),
        }));
        Ok(())
    }
}

/// What a poll brought.
#[derive(Debug)]
pub struct Events {
    real: mio::Events,
    list: Vec<Event>,
    capacity: usize,
}

impl Events {
    pub fn with_capacity(capacity: usize) -> Events {
        Events { real: mio::Events::with_capacity(capacity), list: Vec::new(), capacity }
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.list.iter()
    }

    pub fn clear(&mut self) {
        self.list.clear();
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> std::slice::Iter<'a, Event> {
        self.iter()
    }
}

/// One readiness event.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub token: Token,
    pub readable: bool,
    pub writable: bool,
    pub read_closed: bool,
    pub write_closed: bool,
    pub error: bool,
}

impl Event {
    pub fn token(&self) -> Token {
        self.token
    }

    pub fn is_readable(&self) -> bool {
        self.readable
    }

    pub fn is_writable(&self) -> bool {
        self.writable
    }

    pub fn is_read_closed(&self) -> bool {
        self.read_closed
    }

    pub fn is_write_closed(&self) -> bool {
        self.write_closed
    }

    pub fn is_error(&self) -> bool {
        self.error
    }
}

/// Where bytes leave the program.
#[derive(Debug)]
pub enum Outlet {
    Real(outside::Outlet),
    World(Handle),
}

impl Outlet {
    pub fn to(file: File) -> Outlet {
        Outlet::Real(outside::Outlet::to(file))
    }

    pub fn standard_output() -> io::Result<Outlet> {
        match world::is_here() {
            true => Ok(Outlet::World(world::open(Kind::Output))),
            false => outside::Outlet::standard_output().map(Outlet::Real),
        }
    }

    pub fn standard_error() -> io::Result<Outlet> {
        match world::is_here() {
            true => Ok(Outlet::World(world::open(Kind::Messages))),
            false => outside::Outlet::standard_error().map(Outlet::Real),
        }
    }

    pub fn is_regular(&self) -> io::Result<bool> {
        match self {
            Outlet::Real(real) => real.is_regular(),
            Outlet::World(_) => Ok(false),
        }
    }

    pub fn is_terminal(&self) -> bool {
        matches!(self, Outlet::Real(real) if real.is_terminal())
    }

    pub fn place(&self) -> io::Result<(u64, u64, u64)> {
        match self {
            Outlet::Real(real) => real.place(),
            Outlet::World(handle) => Ok((u64::MAX, handle.number(), 0)),
        }
    }

    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        match self {
            Outlet::Real(real) => real.set_permissions(permissions),
            Outlet::World(_) => Ok(()),
        }
    }

    pub fn is_ready(&self) -> io::Result<bool> {
        match self {
            Outlet::Real(real) => real.is_ready(),
            Outlet::World(handle) => Ok(world::has_room(handle)),
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Outlet::Real(real) => real.write(bytes),
            Outlet::World(handle) => world::put(handle, bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Outlet {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Outlet::Real(real) => real.register(registry, token, interest),
            Outlet::World(handle) => world::register(handle, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Outlet::Real(real) => real.reregister(registry, token, interest),
            Outlet::World(handle) => world::register(handle, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Outlet::Real(real) => real.deregister(registry),
            Outlet::World(handle) => world::deregister(handle),
        }
    }
}

/// The signals that ask the program to end.
#[derive(Debug)]
pub enum Signals {
    Real(outside::Signals),
    World(Handle),
}

impl Signals {
    pub fn catch() -> io::Result<Signals> {
        match world::is_here() {
            true => Ok(Signals::World(world::open(Kind::Signals))),
            false => outside::Signals::catch().map(Signals::Real),
        }
    }

    pub fn taken(&mut self) -> Option<i32> {
        match self {
            Signals::Real(real) => real.taken(),
            Signals::World(_) => world::signal(),
        }
    }
}

impl Source for Signals {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Signals::Real(real) => real.register(registry, token, interest),
            Signals::World(handle) => world::register(handle, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Signals::Real(real) => real.reregister(registry, token, interest),
            Signals::World(handle) => world::register(handle, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Signals::Real(real) => real.deregister(registry),
            Signals::World(handle) => world::deregister(handle),
        }
    }
}
