//! Names on a thread that waits: one lookup at a time, over `std::net` sockets.
//!
//! It steps the same [`Lookup`] as the event loop's [resolver](crate::engine::resolver) does, and shares with it what is known
//! without asking ([`Local`]) and what goes wrong with a socket ([`SocketFault`]). Only the waiting is its own: the thread
//! sleeps until a server has said something, the lookup wants to go on, or the check's deadline has come.
//!
//! Each thread has one of these, and with it the loop's cache to itself. Programs with threads often have none, and look
//! a name up for each check; but then a comparison of the waiting would be one of the caches. A cache that all threads
//! share would need a lock and spare little: those that start together all find it empty, and wait for their first
//! answer at the same time, as all checks of the loop wait for theirs.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::check::outcome::{Failure, Reason};
use crate::engine::resolver::{Addresses, Local, SocketFault};
use crate::engine::trouble::Trouble;
use crate::os;
use crate::proto::dns::answer::{Answer, LookupError};
use crate::proto::dns::lookup::{Lookup, LookupAction, LookupInput};
use crate::proto::dns::query::{RecordType, tcp_message};
use crate::proto::url::Url;
use crate::reactor::clock::Clock;
use crate::sys::random::Numbers;
use crate::sys::{fd, plain};

/// Looks names up, one at a time.
pub(super) struct BlockingResolver {
    local: Local,
    numbers: Numbers,
}

impl BlockingResolver {
    /// One that knows this.
    pub(super) fn new(local: Local) -> BlockingResolver {
        BlockingResolver { local, numbers: os::numbers() }
    }

    /// The addresses of a URL's host, which is none itself. `None`: the deadline has come. `buffer` is what is read to.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn resolve(
        &mut self,
        url: &Url,
        deadline: Instant,
        clock: &Clock,
        buffer: &mut [u8],
    ) -> Result<Option<Addresses>, Failure> {
        let host = url.host();
        if let Some(found) = self.local.find(host, url.port(), None, clock.now()) {
            return found.map(Some).map_err(Trouble::into_failure);
        }
        let lookup = self.local.lookup(host).map_err(Trouble::into_failure)?;
        let wires = Vec::new();
        let asking = Asking { resolver: self, clock, lookup, deadline, until: deadline, wires, faults: Vec::new() };
        match asking.run(buffer)? {
            Some(result) => self.local.learn(host.into(), result, clock.now()).map(Some),
            None => Ok(None),
        }
    }
}

/// What a lookup ends with.
type LookupResult = Result<Answer, LookupError>;

/// One lookup and its sockets.
struct Asking<'a> {
    resolver: &'a mut BlockingResolver,
    clock: &'a Clock,
    lookup: Lookup,
    /// When the check's time is up.
    deadline: Instant,
    /// When the lookup wants to go on, if nothing has come.
    until: Instant,
    wires: Vec<Wire>,
    /// What went wrong and was not told yet, each once.
    faults: Vec<SocketFault>,
}

/// What an answer may come over. There may be several, of two servers or over both transports: so none of them waits when it
/// is read, and the thread sleeps in one call for all.
enum Wire {
    /// A socket connected to this server, so that the system drops what others send, and tells when nobody listens.
    Datagrams(SocketAddr, UdpSocket),
    /// The connection for this record type, and what has come over it: at most a whole message and what one read brings.
    Stream(RecordType, TcpStream, Vec<u8>),
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Datagrams(_, socket) => socket.as_fd(),
            Wire::Stream(_, stream, _) => stream.as_fd(),
        }
    }
}

impl Asking<'_> {
    /// `None`: the deadline has come.
    fn run(mut self, buffer: &mut [u8]) -> Result<Option<LookupResult>, Failure> {
        let mut result = self.tell(LookupInput::Start);
        while result.is_none() {
            result = match self.faults.pop() {
                Some(fault) => self.tell(fault.input().map_err(Failure::clone)?),
                None if self.deadline <= self.clock.now() => break,
                None => self.wait(buffer)?,
            };
        }
        Ok(result)
    }

    /// Tells the lookup what happened, then does what it wants done.
    fn tell(&mut self, input: LookupInput<'_>) -> Option<LookupResult> {
        let numbers = &mut self.resolver.numbers;
        self.lookup.handle(input, self.clock.now(), &mut || numbers.next_u64());
        let mut streams = Vec::new();
        while let Some(action) = self.lookup.poll() {
            match action {
                LookupAction::SendUdp { server, bytes, .. } => {
                    if let Err(fault) = send(&mut self.wires, server, bytes)
                        && !self.faults.contains(&fault)
                    {
                        self.faults.push(fault);
                    }
                }
                // That waits; for how long is still to be said.
                LookupAction::OpenTcp { record, server, bytes } => streams.push((record, server, bytes.to_vec())),
                LookupAction::CloseTcp { record } => {
                    self.wires.retain(|wire| !matches!(wire, Wire::Stream(of, ..) if *of == record));
                }
                LookupAction::Arm(at) => self.until = at,
                LookupAction::Finish(result) => return Some(result),
            }
        }
        for (record, server, bytes) in streams {
            let left = self.until.min(self.deadline).saturating_duration_since(self.clock.now());
            match open_stream(server, &bytes, left) {
                Ok(stream) => self.wires.push(Wire::Stream(record, stream, Vec::new())),
                // The server is silent, and the lookup goes on when that has lasted long enough.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(error) => self.faults.push(SocketFault::of_making(&error, SocketFault::TcpFailed(record))),
            }
        }
        None
    }

    /// Sleeps until there is something to tell, and tells it. What has come goes before that time is up: this thread may
    /// have been late.
    fn wait(&mut self, buffer: &mut [u8]) -> Result<Option<LookupResult>, Failure> {
        let left = self.until.min(self.deadline).saturating_duration_since(self.clock.now());
        let ready = fd::wait_to_read(self.wires.iter().map(Wire::as_fd), left).map_err(|error| {
            Failure::new(Reason::LocalError, format!("waiting for a name server: {}", plain(&error)))
        })?;
        let now = self.clock.now();
        Ok(match ready {
            Some(index) => self.read(index, buffer),
            None if self.until <= now => {
                self.resolver.local.note_silence(self.lookup.overdue(now));
                self.tell(LookupInput::Deadline)
            }
            None => None,
        })
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> Option<LookupResult> {
        match &mut self.wires[index] {
            Wire::Datagrams(server, socket) => {
                let from = *server;
                match socket.recv(buffer) {
                    Ok(length) => {
                        self.resolver.local.note_heard(from, self.clock.now());
                        return self.tell(LookupInput::Datagram { from, bytes: &buffer[..length] });
                    }
                    Err(error) => self.faults.extend(SocketFault::of_datagram(&error, from)),
                }
            }
            Wire::Stream(record, stream, received) => {
                let record = *record;
                match stream.read(buffer) {
                    Ok(length @ 1..) => {
                        received.extend_from_slice(&buffer[..length]);
                        let framed = tcp_message(received).is_some().then(|| std::mem::take(received))?;
                        let bytes = tcp_message(&framed)?;
                        return self.tell(LookupInput::TcpMessage { record, bytes });
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => {
                        self.wires.swap_remove(index);
                        self.faults.push(SocketFault::TcpFailed(record));
                    }
                }
            }
        }
        None
    }
}

/// Sends a datagram to a server, over the socket that is there for it or a new one. One for which the system has no room
/// now is as good as lost on the way: the lookup sends it again.
fn send(wires: &mut Vec<Wire>, server: SocketAddr, bytes: &[u8]) -> Result<(), SocketFault> {
    let there = wires.iter().find_map(|wire| match wire {
        Wire::Datagrams(to, socket) if *to == server => Some(socket.send(bytes)),
        _ => None,
    });
    let sent = match there {
        Some(sent) => sent,
        None => {
            let unreachable = SocketFault::Unreachable(server);
            let socket = open_socket(server).map_err(|error| SocketFault::of_making(&error, unreachable))?;
            let sent = socket.send(bytes);
            wires.push(Wire::Datagrams(server, socket));
            sent
        }
    };
    match sent.map_err(|error| SocketFault::of_datagram(&error, server)) {
        Err(Some(fault)) => Err(fault),
        _ => Ok(()),
    }
}

fn open_socket(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Connects, and sends what is to be sent, which any new connection has room for.
fn open_stream(server: SocketAddr, bytes: &[u8], time: Duration) -> io::Result<TcpStream> {
    if time.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut stream = TcpStream::connect_timeout(&server, time)?;
    stream.write_all(bytes)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::resolver::testing::{A, AAAA, PATIENCE, Question, Script, Server, nobody};
    use crate::engine::resolver::{Families, Names};
    use crate::proto::dns::config::ResolvConf;
    use std::thread;

    const TIMEOUT: Duration = Duration::from_millis(60);

    fn knowing(conf: ResolvConf, families: Families) -> BlockingResolver {
        let names = Names { families, ..Names::default() };
        BlockingResolver::new(Local::with_files(names, conf, "10.0.0.5 db\n0.0.0.0 blocked.example"))
    }

    fn conf(servers: &[SocketAddr], timeout: Duration) -> ResolvConf {
        ResolvConf { servers: servers.to_vec(), timeout, first_timeout: timeout, ..ResolvConf::default() }
    }

    /// A resolver that waits for each of these servers so long. It asks for one family: of two, the slower one is not
    /// waited for long, and this machine may be busy.
    fn asking(servers: &[SocketAddr], timeout: Duration) -> BlockingResolver {
        knowing(conf(servers, timeout), Families::V4)
    }

    fn look_up(resolver: &mut BlockingResolver, host: &str, time: Duration) -> Result<Option<Addresses>, Failure> {
        let clock = Clock::start();
        let (url, _) = Url::parse(&format!("http://{host}/")).unwrap();
        resolver.resolve(&url, clock.started() + time, &clock, &mut [0; 4096])
    }

    fn finds(resolver: &mut BlockingResolver, host: &str) -> Addresses {
        look_up(resolver, host, PATIENCE).unwrap().expect("before the deadline")
    }

    #[track_caller]
    fn fails(resolver: &mut BlockingResolver, host: &str, reason: Reason, detail: &str) {
        let failure = look_up(resolver, host, PATIENCE).unwrap_err();
        assert_eq!((failure.reason, &*failure.detail), (reason, detail));
    }

    fn addresses(texts: &[&str]) -> Addresses {
        texts.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect()
    }

    fn good(question: &Question<'_>) -> Vec<Vec<u8>> {
        vec![question.address(1, 60)]
    }

    fn silent(_: &Question<'_>) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn truncated_and_silent(question: &Question<'_>) -> Vec<Vec<u8>> {
        if question.over_tcp {
            thread::sleep(4 * TIMEOUT);
            return Vec::new();
        }
        vec![question.truncated()]
    }

    #[test]
    fn an_answer_is_found_and_remembered() {
        let server = Server::start(good);
        let mut resolver = asking(&[server.address], PATIENCE);
        for _ in 0..3 {
            assert_eq!(finds(&mut resolver, "www.example"), addresses(&["10.0.0.1"]));
        }
        assert_eq!(server.seen_in_the_end(), [("www.example".to_owned(), A)]);
    }

    #[test]
    fn what_this_machine_knows_needs_no_server() {
        let mut resolver = knowing(conf(&[], TIMEOUT), Families::Both);
        assert_eq!(finds(&mut resolver, "localhost"), addresses(&["127.0.0.1", "::1"]));
        assert_eq!(finds(&mut resolver, "db"), addresses(&["10.0.0.5"]));
        let detail = "blocked.example: the name has no address but 0.0.0.0, as the hosts file says";
        fails(&mut resolver, "blocked.example", Reason::DnsNotFound, detail);
        let failure = look_up(&mut resolver, "other.example", PATIENCE).unwrap_err();
        assert_eq!(failure.reason, Reason::LocalError, "nobody can be asked: {}", failure.detail);
    }

    #[test]
    fn every_failure_has_its_reason_and_words() {
        #[track_caller]
        fn fails_with(server: SocketAddr, timeout: Duration, reason: Reason, words: &str) {
            let detail = format!("www.example: {}", words.replace("SERVER", &server.to_string()));
            fails(&mut asking(&[server], timeout), "www.example", reason, &detail);
        }
        let absent = Server::start(|question| vec![question.no_such_name(60)]);
        fails_with(absent.address, PATIENCE, Reason::DnsNotFound, "no such name (NXDOMAIN from SERVER)");
        let empty = Server::start(|question| vec![question.empty(0)]);
        fails_with(empty.address, PATIENCE, Reason::DnsNotFound, "the name has no IPv4 address (said SERVER)");
        let refusing = Server::start(|question| vec![question.empty(5)]);
        fails_with(refusing.address, PATIENCE, Reason::DnsFailed, "SERVER answered REFUSED");
        fails_with(nobody(), PATIENCE, Reason::DnsFailed, "SERVER is unreachable");
        // It closes the connection, after nothing.
        let closing = Server::start(|question| if question.over_tcp { Vec::new() } else { vec![question.truncated()] });
        fails_with(closing.address, PATIENCE, Reason::DnsFailed, "SERVER gave no usable answer over TCP");
        let silence = "no answer from SERVER in 2 attempts";
        let over_tcp = Server::start(truncated_and_silent);
        fails_with(over_tcp.address, TIMEOUT, Reason::DnsTimeout, silence);
        let server = Server::start(silent);
        fails_with(server.address, TIMEOUT, Reason::DnsTimeout, silence);
        assert_eq!(server.seen_in_the_end().len(), 2);
    }

    #[test]
    fn the_deadline_holds() {
        for script in [silent as Script, truncated_and_silent] {
            let server = Server::start(script);
            let clock = Clock::start();
            assert_eq!(look_up(&mut asking(&[server.address], PATIENCE), "www.example", TIMEOUT), Ok(None));
            let took = clock.now() - clock.started();
            assert!(took >= TIMEOUT && took < PATIENCE, "{took:?}");
        }
    }

    #[test]
    fn an_answer_that_was_cut_short_is_fetched_over_tcp() {
        let server = Server::start(|question| match question.over_tcp {
            true => good(question),
            false => vec![question.truncated()],
        });
        let conf = conf(&[server.address], PATIENCE);
        for conf in [conf.clone(), ResolvConf { over_tcp: true, ..conf }] {
            let mut resolver = knowing(conf, Families::V4);
            assert_eq!(finds(&mut resolver, "www.example"), addresses(&["10.0.0.1"]));
        }
        assert_eq!(server.seen_in_the_end().len(), 1, "from the start, where the system says so");
    }

    #[test]
    fn the_next_server_is_asked_when_one_is_silent_refuses_or_fails() {
        let good_one = Server::start(good);
        let silent_one = Server::start(silent);
        let failing = Server::start(|question| vec![question.empty(2)]);
        for first in [silent_one.address, failing.address, nobody()] {
            // The last one that is asked has all the time that a busy machine may need.
            let conf =
                ResolvConf { first_timeout: 4 * TIMEOUT, attempts: 1, ..conf(&[first, good_one.address], PATIENCE) };
            let mut resolver = knowing(conf, Families::V4);
            for host in ["a.example", "b.example"] {
                assert_eq!(look_up(&mut resolver, host, PATIENCE), Ok(Some(addresses(&["10.0.0.1"]))));
            }
        }
        assert_eq!(silent_one.seen_in_the_end().len(), 1, "from then on it is asked last");
    }

    /// One family from one server, the other from another: both are waited for at the same time.
    #[test]
    fn servers_are_heard_side_by_side() {
        let second = Server::start(good);
        let first = Server::start(|question| {
            if question.kind == AAAA {
                return vec![question.empty(2)];
            }
            thread::sleep(Duration::from_millis(10));
            good(question)
        });
        let clock = Clock::start();
        // Where this machine is busy, the later family may be too late.
        loop {
            let mut resolver = knowing(conf(&[first.address, second.address], PATIENCE), Families::Both);
            if finds(&mut resolver, "www.example") == addresses(&["2001:db8::1", "10.0.0.1"]) {
                break;
            }
            assert!(clock.now() - clock.started() < PATIENCE);
        }
        assert!(second.seen_in_the_end().iter().all(|(_, kind)| *kind == AAAA));
    }
}
