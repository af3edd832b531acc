//! The seam to the operating system: all that an event loop needs from one, on one page.
//!
//! ```text
//!     what time is it?       now, wall
//!     who is ready?          Poll: sockets are registered with it, and it is asked which of them can be moved on
//!     sockets                TcpStream, UnixStream, UdpSocket; TcpListener for who serves; none of them ever waits
//!     what stands outside    Outlet, where results go; Signals; the system's own files; numbers that nobody can guess
//! ```
//!
//! In the program these are mio's and std's own types, under their own names: nothing stands between them and their
//! callers. In the crate's unit tests each of the types is one of two, the real one or that of a simulated world in which
//! time passes when the world says so (`twofold`), so that the very loop and the very engine of the program can be run
//! through ten thousand bad days in a minute.
//!
//! It refuses to know what the sockets are for.

mod outside;
#[cfg(test)]
#[allow(missing_docs)]
pub(crate) mod twofold;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

pub use mio::event::Source;
pub use mio::net::TcpListener;
pub use mio::unix::SourceFd;
#[cfg(not(test))]
pub use mio::{
    Events, Poll,
    net::{TcpStream, UdpSocket, UnixStream},
};
pub use mio::{Interest, Registry, Token};

#[cfg(not(test))]
pub use outside::{Outlet, Signals};
#[cfg(test)]
pub use twofold::{Events, Outlet, Poll, Signals, TcpStream, UdpSocket, UnixStream};

#[cfg(test)]
use crate::sim::world;
use crate::sys::fd;
use crate::sys::random::Numbers;
use crate::sys::socket;
pub use crate::sys::socket::{LastWord, interface};

/// The monotonic clock: it never goes back. The one place where it is read.
pub fn now() -> Instant {
    #[cfg(test)]
    if let Some(now) = world::now() {
        return now;
    }
    Instant::now()
}

/// Wall time since the Unix epoch. A clock that stands before 1970 is shown as 1970.
pub fn wall() -> Duration {
    #[cfg(test)]
    if let Some(wall) = world::wall() {
        return wall;
    }
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Sleeps, where nothing is to be waited for but time.
pub fn sleep(time: Duration) {
    #[cfg(test)]
    if world::sleep(time) {
        return;
    }
    std::thread::sleep(time);
}

/// Takes a connection that somebody has made to the listener.
///
/// # Errors
/// `WouldBlock` when there is none, anything else when none can be taken.
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, from) = listener.accept()?;
    #[cfg_attr(not(test), allow(clippy::useless_conversion))]
    Ok((stream.into(), from))
}

/// How long ago the peer of a connection was last heard of, to a few milliseconds; `None`: the system does not tell.
pub fn last_word(stream: &TcpStream) -> Option<LastWord> {
    #[cfg(test)]
    if let twofold::Twofold::World(handle) = stream {
        return world::last_word(handle);
    }
    socket::last_word(stream)
}

/// Reads a file of the system up to `most` bytes.
///
/// # Errors
/// Why it cannot be opened or read.
pub fn read_file(path: &str, most: u64) -> io::Result<Vec<u8>> {
    #[cfg(test)]
    if let Some(read) = world::read_file(path) {
        return read;
    }
    // A named pipe in its place would keep the whole loop waiting.
    fd::read_up_to(fd::open_without_waiting(path)?, most)
}

/// Numbers that nobody can guess.
pub fn numbers() -> Numbers {
    #[cfg(test)]
    if let Some(seed) = world::seed() {
        return Numbers::seeded(seed);
    }
    Numbers::new()
}
