//! An echo server: a whole program on this loop, and the first stop for who came to learn event loops.
//!
//! `cargo run --example echo [ADDRESS [SECONDS]]` says where it listens; `nc 127.0.0.1 PORT` in another window, or in ten:
//! what you type comes back. One thread serves them all, since it waits for all of them at once and for none alone.
//!
//! ```text
//!     1 open      whatever is waited for gets a key: the port, and each client
//!     2 watch     the OS is told which socket belongs to it; once, for as long as the socket lives
//!     3 turn      the one place where this thread sleeps: until somebody is ready, or somebody's time is up
//!     4 match     whose event is it, and which? all control flow can be read here
//!     5 accept    readiness comes once for all who stand at the port: accept until `WouldBlock`
//!     6 echo      read until `WouldBlock`; what does not fit when it is written is kept and waits for WRITABLE
//!     7 again     who stops before `WouldBlock`, to be fair to others, asks for another turn: no event will bring it
//!     8 arm       who has not moved for so many seconds is closed
//!     9 close     the key, so that whatever is still under way for it vanishes; then the socket
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use upcheck::os::{self, Interest, TcpListener, TcpStream};
use upcheck::reactor::{Key, Reactor, Ready, clock::Clock};

/// The most that is read of a client at once, and so the most that is kept of it.
const BUFFER: usize = 16 * 1024;
/// How many steps the port, or a client, makes in one turn before others get theirs.
const SHARE: usize = 16;
/// How long it takes until the next attempt to let somebody in who could not be.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum Whose {
    Port,
    Client,
}

struct Server {
    reactor: Reactor<Whose>,
    listener: TcpListener,
    clients: HashMap<Key, Client>,
    idle: Duration,
}

struct Client {
    stream: TcpStream,
    /// Read and not yet written. Until it is, no more is read, and TCP makes the client wait: [`BUFFER`] bytes are enough.
    kept: Vec<u8>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut listener = TcpListener::bind(arguments.next().as_deref().unwrap_or("127.0.0.1:0").parse()?)?;
    let seconds: u32 = arguments.next().as_deref().unwrap_or("60").parse()?;
    let mut reactor = Reactor::new(Clock::start())?;
    let port = reactor.open(Whose::Port); // 1
    reactor.watch(port, &mut listener, Interest::READABLE)?; // 2
    println!("listening on {}", listener.local_addr()?);
    let idle = Duration::from_secs(seconds.into());
    let mut server = Server { reactor, listener, clients: HashMap::new(), idle };
    let mut events = Vec::new();
    loop {
        let now = server.reactor.turn(&mut events)?; // 3
        for event in events.drain(..) {
            match event {
                // 4. Who is ready and late in one turn is ready: the first event takes the other one back.
                _ if !server.reactor.is_current(&event) => {}
                Ready::Io { tag: Whose::Port, key, .. } | Ready::Deadline { tag: Whose::Port, key } => {
                    server.accept(key, now)
                }
                Ready::Io { tag: Whose::Client, key, .. } => server.advance(key, now),
                Ready::Deadline { tag: Whose::Client, key } => server.close(key),
            }
        }
    }
}

impl Server {
    fn accept(&mut self, port: Key, now: Instant) {
        for _ in 0..SHARE {
            match os::accept(&self.listener).and_then(|(stream, _)| self.admit(stream, now)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return, // 5
                // Most likely no descriptor is left. Clients wait in the kernel's queue, no event will tell of them again,
                // and to try at once would fail at once.
                Err(error) => {
                    eprintln!("{error}: others wait while {} are here", self.clients.len());
                    return self.reactor.arm(port, now + PAUSE);
                }
            }
        }
        self.reactor.again(port); // 7
    }

    fn admit(&mut self, mut stream: TcpStream, now: Instant) -> io::Result<()> {
        let key = self.reactor.open(Whose::Client); // 1
        let watched = self.reactor.watch(key, &mut stream, Interest::READABLE | Interest::WRITABLE); // 2
        watched.inspect_err(|_| self.reactor.close(key))?;
        self.reactor.arm(key, now + self.idle); // 8
        self.clients.insert(key, Client { stream, kept: Vec::new() });
        Ok(())
    }

    fn advance(&mut self, key: Key, now: Instant) {
        match self.clients.get_mut(&key).map(echo) {
            Some(Ok(true)) => self.reactor.again(key), // 7
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {}
            // It has been told all it said, or it is gone (a reset): both are ordinary ends.
            _ => return self.close(key),
        }
        self.reactor.arm(key, now + self.idle); // 8, in place of the deadline before
    }

    fn close(&mut self, key: Key) {
        self.reactor.close(key); // 9
        self.clients.remove(&key);
    }
}

/// Writes and reads by turns: whether there may be more to do. Any event brings a client here, and both are tried: so it
/// does not matter which of the two would have to wait, and no event is lost that comes while it is the other one.
fn echo(client: &mut Client) -> io::Result<bool> {
    let mut buffer = [0; BUFFER];
    for _ in 0..SHARE {
        // 6. More is read when all has gone back.
        if client.kept.is_empty() {
            match client.stream.read(&mut buffer)? {
                0 => return Ok(false),
                length => client.kept.extend_from_slice(&buffer[..length]),
            }
        }
        let written = client.stream.write(&client.kept)?;
        client.kept.drain(..written);
    }
    Ok(true)
}
