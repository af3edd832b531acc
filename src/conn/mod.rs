//! Connections: bytes to and from a peer, without waiting. Nothing here has heard of HTTP.
//!
//! A [`Conn`] does not register itself: it is a mio `Source`, and its owner gives it to a reactor.

pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;

use std::io::{self, Read, Write};

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// A connection to a peer.
#[derive(Debug)]
pub enum Conn {
    /// Bytes as they are.
    Plain(TcpStream),
}

impl Conn {
    /// Reads what is there, up to the size of `buffer`: how many bytes; 0 at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing now, anything else when it is over.
    pub fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Conn::Plain(stream) => uninterrupted(|| stream.read(buffer)),
        }
    }

    /// Writes as much as fits: how many bytes. While the connection is still being made this is `WouldBlock`, or says why it failed.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits now, anything else when it is over.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Conn::Plain(stream) => uninterrupted(|| stream.write(bytes)),
        }
    }

    /// The socket below.
    pub fn stream(&self) -> &TcpStream {
        match self {
            Conn::Plain(stream) => stream,
        }
    }

    fn stream_mut(&mut self) -> &mut TcpStream {
        match self {
            Conn::Plain(stream) => stream,
        }
    }
}

/// Whether the operation would have to wait.
pub fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Repeats what a signal interrupted.
fn uninterrupted(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Source for Conn {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.stream_mut().register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.stream_mut().reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream_mut().deregister(registry)
    }
}
