//! Connections: bytes to and from a peer, without waiting. Nothing here has heard of HTTP.
//!
//! A [`Conn`] is a socket, and where it is to be secured, the TLS session on it. It does not register itself: it is a
//! mio `Source`, and its owner gives it to a reactor.

pub mod stream;
pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
pub mod tls;
pub mod unix;

use std::io::{self, Read, Write};

use crate::os::{Interest, Registry, Source, Token};

use stream::Stream;
use tls::TlsSession;

/// A connection to a peer.
#[derive(Debug)]
pub struct Conn {
    /// The socket, which never blocks.
    pub stream: Stream,
    /// The TLS session on it. `None`: in the clear, or not begun yet.
    pub tls: Option<Box<TlsSession>>,
}

impl Conn {
    /// A connection in the clear, as far as it goes yet.
    pub fn new(stream: impl Into<Stream>) -> Conn {
        Conn { stream: stream.into(), tls: None }
    }

    /// Reads what has come on the socket, up to the size of `buffer`: how many bytes; 0 at the end of the stream. With
    /// TLS these are wire bytes, for [`TlsSession::feed`].
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing now, anything else when it is over.
    pub fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.read(buffer))
    }

    /// Writes to the socket as much as fits: how many bytes. While the connection is still being made this is
    /// `WouldBlock`, or says why it failed.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits now, anything else when it is over.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.write(bytes))
    }

    /// Writes what the TLS session has for the peer, as much as fits: whether anything was written.
    ///
    /// # Errors
    /// As [`write`](Self::write). `WouldBlock` only if nothing was written at all.
    pub fn flush_tls(&mut self) -> io::Result<bool> {
        let Conn { stream, tls: Some(tls) } = self else { return Ok(false) };
        let mut written = false;
        while tls.wants_write() {
            match uninterrupted(|| tls.wire_out(stream)) {
                Ok(_) => written = true,
                Err(error) if would_block(&error) && written => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
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
        self.stream.register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.stream.reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}
