//! One DNS lookup: how a machine without a socket, a socket and the loop meet.
//!
//! `cargo run --example resolve NAME [SERVER]` prints the addresses of a name, or why there are none. It asks the first
//! server of `/etc/resolv.conf`, or the one that is named: `192.0.2.53`, or `127.0.0.1:5353`.
//!
//! [`Lookup`] knows what to ask how often, and which answers to believe; it has no socket and reads no clock. The loop has
//! sockets and time, and has never heard of DNS. What lies between them is this file:
//!
//! ```text
//!     1 socket      watched under a key, and never waited for
//!     2 tell        the machine is told one thing that has happened ...
//!     3 do          ... and says what is to be done about it: send, be told at that time, finish
//!     4 turn        sleep until a datagram has come, or it is that time
//!     5 datagram    read until `WouldBlock`, and told whatever it says: the machine drops what is no true answer
//!     6 deadline    told; the machine sends again, or gives up
//! ```
//!
//! [`upcheck::engine::resolver`] does the same for thousands of names at once, with more servers, TCP and a cache.

use std::error::Error;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Instant;

use upcheck::os::{self, Interest, UdpSocket};
use upcheck::proto::dns::answer::{Answer, Families, LookupError};
use upcheck::proto::dns::config::{self, ResolvConf};
use upcheck::proto::dns::lookup::{Lookup, LookupAction, LookupInput};
use upcheck::reactor::{Key, Reactor, Ready, clock::Clock};

const CONF: &str = "/etc/resolv.conf";
/// The most that is read of it.
const CONF_MAX: u64 = 64 * 1024;
/// The most that is read of a datagram. The question says that 1232 bytes are enough.
const DATAGRAM_MAX: usize = 4096;
/// How many datagrams are read in one turn.
const SHARE: usize = 16;

struct Resolver {
    lookup: Lookup,
    /// There is one thing to wait for, so that its tag has nothing to say.
    reactor: Reactor<()>,
    key: Key,
    socket: UdpSocket,
    server: SocketAddr,
    result: Option<Result<Answer, LookupError>>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: resolve NAME [SERVER]".into());
    match name.and_then(|name| resolve(&name, &configuration(arguments.next().as_deref())?)) {
        Ok(answer) => {
            answer.addresses.iter().for_each(|address| println!("{address}"));
            answer.missing.iter().for_each(|missing| eprintln!("{missing}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What `resolv.conf` says, but with one server; or what holds without it, with this server.
fn configuration(server: Option<&str>) -> Result<ResolvConf, Box<dyn Error>> {
    if let Some(text) = server {
        let server = text.parse().or_else(|_| config::server(text, config::DNS_PORT, os::interface));
        let server = server.map_err(|why| format!("'{text}' {why}"))?;
        return Ok(ResolvConf { servers: vec![server], ..ResolvConf::default() });
    }
    let text = os::read_file(CONF, CONF_MAX).map_err(|error| format!("{CONF}: {error}"))?;
    let mut conf = ResolvConf::parse(&String::from_utf8_lossy(&text), os::interface);
    conf.servers.truncate(1);
    Ok(conf)
}

fn resolve(name: &str, conf: &ResolvConf) -> Result<Answer, Box<dyn Error>> {
    let lookup = Lookup::new(name, conf, Families::Both, 0, Default::default())?;
    // 1. There is a server, or there were no lookup. Connected to it, the socket lets in what it says and nobody else,
    // and hears of it when nobody listens there.
    let server = conf.servers[0];
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let mut socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    let mut reactor = Reactor::new(Clock::start())?;
    let key = reactor.open(());
    reactor.watch(key, &mut socket, Interest::READABLE)?;

    let mut resolver = Resolver { lookup, reactor, key, socket, server, result: None };
    resolver.tell(LookupInput::Start, resolver.reactor.clock().now());
    let mut events = Vec::new();
    loop {
        if let Some(result) = resolver.result {
            return Ok(result?);
        }
        let now = resolver.reactor.turn(&mut events)?; // 4
        for event in events.drain(..) {
            match event {
                _ if !resolver.reactor.is_current(&event) => {}
                Ready::Io { .. } => resolver.read(now),
                Ready::Deadline { .. } => resolver.tell(LookupInput::Deadline, now), // 6
            }
        }
    }
}

impl Resolver {
    fn read(&mut self, now: Instant) {
        let mut buffer = [0; DATAGRAM_MAX];
        for _ in 0..SHARE {
            match self.socket.recv(&mut buffer) {
                Ok(length) => self.tell(LookupInput::Datagram { from: self.server, bytes: &buffer[..length] }, now), // 5
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.tell(LookupInput::Unreachable { server: self.server }, now),
            }
        }
        self.reactor.again(self.key);
    }

    /// 2. What goes wrong when something is done has happened as well, and is told when nothing else is to be done.
    fn tell(&mut self, input: LookupInput<'_>, now: Instant) {
        let mut numbers = os::numbers();
        let mut happened = vec![input];
        while let Some(input) = happened.pop() {
            self.lookup.handle(input, now, &mut || numbers.next_u64());
            while let Some(action) = self.lookup.poll() {
                match action {
                    // 3. What is not sent for want of room is as good as lost on its way: the deadline is for both.
                    LookupAction::SendUdp { server, bytes, .. } => {
                        if self.socket.send(bytes).is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
                            happened.push(LookupInput::Unreachable { server });
                        }
                    }
                    LookupAction::OpenTcp { record, .. } => happened.push(LookupInput::TcpFailed { record }),
                    LookupAction::CloseTcp { .. } => {}
                    LookupAction::Arm(at) => self.reactor.arm(self.key, at),
                    LookupAction::Finish(result) => self.result = Some(result),
                }
            }
        }
    }
}
