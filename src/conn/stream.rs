//! A stream socket of either kind: TCP, or a unix socket on this machine. Which one it is matters when it is connected
//! and never again.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use crate::os::{self, Interest, LastWord, Registry, Source, TcpStream, Token, UnixStream};

/// A stream socket that never blocks: TCP, or a unix socket.
#[derive(Debug)]
pub enum Stream {
    /// Across a network, or loopback.
    Tcp(TcpStream),
    /// To a process on this machine.
    Unix(UnixStream),
}

impl Stream {
    /// Whether the connection stands, for one who has nothing to write: the first `write` tells it without this.
    ///
    /// The pending error, then whether there is a peer: facts 3 and 4 of [`tcp`](super::tcp).
    ///
    /// # Errors
    /// Why it could not be made: the pending error (SO_ERROR), which is told once.
    pub fn is_connected(&self) -> io::Result<bool> {
        let (pending, peer) = match self {
            Stream::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Stream::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
        };
        if let Some(error) = pending {
            return Err(error);
        }
        match peer {
            Ok(()) => Ok(true),
            // Linux says NotConnected; some systems say it would block.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends one half of the connection, or both.
    ///
    /// # Errors
    /// What the system says; the connection may be gone already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(how),
            Stream::Unix(stream) => stream.shutdown(how),
        }
    }

    /// How long ago the peer was last heard of, where the system knows it.
    pub fn last_word(&self) -> Option<LastWord> {
        match self {
            Stream::Tcp(stream) => os::last_word(stream),
            Stream::Unix(_) => None,
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Unix(stream) => stream,
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Stream {
        Stream::Tcp(stream)
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Stream {
        Stream::Unix(stream)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        };
        written.map_err(not_yet)
    }

    fn write_vectored(&mut self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let written = match self {
            Stream::Tcp(stream) => stream.write_vectored(bytes),
            Stream::Unix(stream) => stream.write_vectored(bytes),
        };
        written.map_err(not_yet)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Neither holds anything back.
        Ok(())
    }
}

/// What a write says to a connection that is still being made, as Linux says it. The BSDs and macOS say that there is none.
fn not_yet(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotConnected => io::ErrorKind::WouldBlock.into(),
        _ => error,
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.source().register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.source().reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::super::unix;
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_unix_socket_is_read_and_written_like_any_other() {
        let path = format!("{}/upcheck-{}-talk", std::env::temp_dir().display(), std::process::id());
        let listener = UnixListener::bind(&path).unwrap();
        let mut near = Stream::from(unix::connect(&path).unwrap());
        assert!(near.is_connected().unwrap());
        let (mut far, _) = listener.accept().unwrap();
        assert_eq!(near.write(b"ping").unwrap(), 4);
        let mut buffer = [0; 8];
        assert_eq!(far.read(&mut buffer).unwrap(), 4);
        assert_eq!(near.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(far);
        assert_eq!(near.read(&mut buffer).unwrap(), 0);
        std::fs::remove_file(&path).unwrap();
    }
}
