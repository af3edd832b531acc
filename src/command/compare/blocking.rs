//! The checks on threads that wait: `std::net` sockets, one request a thread at a time.
//!
//! Each thread steps the same [`Check`] as the event loop does, so that only the waiting differs. A call that blocks
//! cannot be told to stop, so the check's deadline becomes a timeout of the socket, set anew before each call. Names are
//! looked up by [`lookup`](super::lookup), until that deadline as well.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::figures::Tallied;
use super::lookup::BlockingResolver;
use super::work::Work;
use crate::check::machine::{Action, Check, Input, Try};
use crate::check::outcome::{Failure, Outcome, Reason};
use crate::check::target::Target;
use crate::engine::dial::{self, Place};
use crate::engine::resolver::{Local, Names};
use crate::engine::trouble;
use crate::reactor::clock::Clock;
use crate::sys::plain;

/// What one thread reads at a time.
const BUFFER: usize = 16 * 1024;

/// What the threads did.
pub(super) struct ThreadsDone {
    /// What came of the checks.
    pub(super) tallied: Tallied,
    /// The most threads that there were at once.
    pub(super) threads: u64,
}

/// How many threads there are, and the most that there were.
struct Threads {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Threads {
    fn began(&self) {
        self.most.fetch_max(1 + self.now.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn ended(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes all checks on this many threads, of which the calling one is the first. No more are started than there are
/// checks.
///
/// # Errors
/// A thread could not be started.
pub(super) fn run(threads: usize, work: &Work) -> Result<ThreadsDone, String> {
    let clock = Clock::start();
    let threads = threads.min(work.count()).max(1);
    let next = AtomicUsize::new(0);
    let tallied = Mutex::new(Tallied::default());
    // The calling thread is there from the start to the end, whether it has something to do or not.
    let counted = Threads { now: AtomicUsize::new(1), most: AtomicUsize::new(1) };
    let worker = || {
        counted.began();
        make_checks(work, &next, &tallied, &clock);
        counted.ended();
    };
    thread::scope(|scope| {
        for started in 1..threads {
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, worker) {
                // The others find nothing more to do, and end.
                next.store(work.count(), Ordering::Relaxed);
                return Err(format!("thread {} of {threads} could not be started: {}", started + 1, plain(&error)));
            }
        }
        make_checks(work, &next, &tallied, &clock);
        Ok(())
    })?;
    // A worker that panics ends the whole process, or this scope.
    let tallied = tallied.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(ThreadsDone { tallied, threads: counted.most.into_inner() as u64 })
}

/// One thread: takes the next check that nobody has taken, until there is none.
fn make_checks(work: &Work, next: &AtomicUsize, tallied: &Mutex<Tallied>, clock: &Clock) {
    let mut reader = work.reader();
    let mut worker = Worker::new(clock, Local::new(Names::default()));
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= work.count() {
            return;
        }
        let Some(target) = work.target(number, &mut reader) else { continue };
        let outcome = worker.check(target);
        let latency = clock.wall(clock.now()).saturating_sub(outcome.started);
        tallied.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome, latency);
    }
}

/// What a thread has for all its checks.
struct Worker<'a> {
    clock: &'a Clock,
    names: BlockingResolver,
    buffer: Vec<u8>,
}

impl Worker<'_> {
    fn new(clock: &Clock, known: Local) -> Worker<'_> {
        Worker { clock, names: BlockingResolver::new(known), buffer: vec![0; BUFFER] }
    }

    /// Makes one check. The thread does nothing else until it is over: that is the point.
    fn check(&mut self, target: Target) -> Outcome {
        let clock = self.clock;
        let now = clock.now();
        let check = Check::new(target, Try { number: 1, degrades: false }, Duration::ZERO, now, clock.wall(now));
        let mut talk = Talk { check, clock, deadline: now, addresses: Vec::new(), sends: false, stream: None };
        talk.tell(Input::Start);
        loop {
            match talk.next_step() {
                BlockingStep::Resolve => talk.resolve(self),
                BlockingStep::Connect => talk.connect(),
                BlockingStep::Read => talk.read(&mut self.buffer),
                BlockingStep::Finish => return talk.check.into_outcome(),
            }
        }
    }
}

/// The next call that blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockingStep {
    Resolve,
    Connect,
    Read,
    Finish,
}

/// One check and its connection. Each step makes calls that block, then tells the check exactly one thing.
struct Talk<'a> {
    check: Check,
    clock: &'a Clock,
    deadline: Instant,
    addresses: Vec<SocketAddr>,
    /// There is a request to be sent as soon as the connection stands.
    sends: bool,
    stream: Option<TcpStream>,
}

impl Talk<'_> {
    fn tell(&mut self, input: Input<'_>) {
        self.check.handle(input, self.clock.now());
    }

    /// Hears all that the check wants done. What it does not say is to be read.
    fn next_step(&mut self) -> BlockingStep {
        let now = self.clock.now();
        let mut step = BlockingStep::Read;
        while let Some(action) = self.check.poll(now) {
            match action {
                Action::Arm(at) => self.deadline = at,
                Action::Send => self.sends = true,
                Action::Resolve => step = BlockingStep::Resolve,
                Action::Connect => step = BlockingStep::Connect,
                // Behind a proxy only, and compare has none.
                Action::Secure | Action::Say => {}
                Action::Finish => step = BlockingStep::Finish,
            }
        }
        step
    }

    /// The time until the deadline. `None`: it has come.
    fn time_left(&self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(self.clock.now());
        (!left.is_zero()).then_some(left)
    }

    fn resolve(&mut self, worker: &mut Worker<'_>) {
        let url = self.check.url();
        match worker.names.resolve(url, self.deadline, self.clock, &mut worker.buffer) {
            Ok(Some(found)) => {
                self.addresses = dial::order(found.iter().map(|address| SocketAddr::new(*address, url.port())));
                self.tell(Input::Resolved);
            }
            Ok(None) => self.tell(Input::Deadline),
            Err(failure) => self.tell(Input::Failed(failure)),
        }
    }

    /// Tries one address after the other.
    fn connect(&mut self) {
        let url = self.check.url();
        if url.scheme().is_secure() {
            // Only a redirect can lead here.
            return self.tell(Input::Failed(Failure::new(Reason::LocalError, "compare has no TLS for its threads")));
        }
        if let Some(address) = self.check.literal() {
            self.addresses = vec![SocketAddr::new(address, url.port())];
        }
        let mut failure = Failure::new(Reason::DnsNotFound, "the name has no address");
        for address in std::mem::take(&mut self.addresses) {
            let Some(left) = self.time_left() else { break };
            match self.try_address(address, left) {
                Ok(()) => return self.tell(Input::Connected(Some(address))),
                Err(error) => failure = trouble::of_connect(&error, &Place::Ip(address)).into_failure(),
            }
        }
        match self.time_left() {
            None => self.tell(Input::Deadline),
            Some(_) => self.tell(Input::Failed(failure)),
        }
    }

    /// Connects, and sends the request if there is one.
    fn try_address(&mut self, address: SocketAddr, left: Duration) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&address, left)?;
        if self.sends {
            let mut request = Vec::new();
            self.check.encode_request(&mut request);
            stream.set_write_timeout(Some(self.time_left().ok_or(io::ErrorKind::TimedOut)?))?;
            stream.write_all(&request)?;
        }
        self.stream = Some(stream);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) {
        let Some(left) = self.time_left() else { return self.tell(Input::Deadline) };
        // The check waits for bytes only after it was told of a connection.
        let stream = self.stream.as_mut().expect("a check that waits for bytes is connected");
        let read = stream.set_read_timeout(Some(left)).and_then(|()| stream.read(buffer));
        match read {
            Ok(0) => self.tell(Input::Eof),
            Ok(length) => self.tell(Input::Bytes(&buffer[..length])),
            // The time may be over, or nearly; the next step sees.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => self.tell(Input::Failed(trouble::of_connection(&error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::resolver::testing::Server;
    use crate::proto::dns::config::ResolvConf;
    use std::net::TcpListener;

    const TIMEOUT: Duration = Duration::from_millis(200);

    /// One check of a server that reads the request, sends these pieces, and closes unless it is to hold on.
    fn outcome(pieces: &[&str], holds: bool) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]).unwrap();
                for piece in pieces {
                    // A client that has heard enough may be gone.
                    let _ = stream.write_all(piece.as_bytes());
                    thread::sleep(Duration::from_millis(5));
                }
                if holds {
                    // Until the client leaves.
                    let _ = stream.read(&mut [0; 1]);
                }
            });
            outcome_of(&url)
        })
    }

    fn outcome_of(url: &str) -> Outcome {
        let work = Work::of_urls(vec![url.to_owned()], 1, TIMEOUT);
        let target = work.target(0, &mut work.reader()).unwrap();
        Worker::new(&Clock::start(), Local::new(Names::default())).check(target)
    }

    #[test]
    fn every_ending_has_its_reason() {
        let cases: [(&[&str], bool, Reason); 7] = [
            (&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], true, Reason::Ok),
            (&["HTTP/1.1 200 OK\r\nConte", "nt-Length: 2\r\n\r\n", "o", "k"], true, Reason::Ok),
            (&["HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"], true, Reason::Status),
            (&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"], false, Reason::Closed),
            (&[], false, Reason::Closed),
            (&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"], true, Reason::ResponseTimeout),
            (&["SSH-2.0-x\r\n\r\n"], true, Reason::Malformed),
        ];
        for (pieces, holds, reason) in cases {
            assert_eq!(outcome(pieces, holds).reason, reason, "{pieces:?}");
        }
    }

    #[test]
    fn redirects_lead_to_new_connections() {
        // Without TLS in the build, the check itself refuses to go there.
        let (https, followed) = if cfg!(feature = "tls") { (Reason::LocalError, 1) } else { (Reason::Redirect, 0) };
        for (location, reason, redirects) in [("/b", Reason::Ok, 1), ("https://127.0.0.1/", https, followed)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let line = format!("http://{}/a location", listener.local_addr().unwrap());
            let outcome = thread::scope(|scope| {
                scope.spawn(move || {
                    let moved = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
                    let answers = [moved, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()];
                    for answer in answers.iter().take(if reason == Reason::Ok { 2 } else { 1 }) {
                        let (mut stream, _) = listener.accept().unwrap();
                        let _ = stream.read(&mut [0; 1024]).unwrap();
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                });
                outcome_of(&line)
            });
            assert_eq!((outcome.reason, outcome.redirects), (reason, redirects), "{location}");
        }
    }

    #[test]
    fn a_timeout_is_kept() {
        let clock = Clock::start();
        assert_eq!(outcome(&[], true).reason, Reason::ResponseTimeout);
        assert!(clock.now() - clock.started() >= TIMEOUT);
    }

    #[test]
    fn connecting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let up = outcome_of(&format!("tcp://{address}"));
        assert_eq!((up.reason, up.address), (Reason::Ok, Some(address)));
        // The name's other address, if it has one, refuses.
        assert_eq!(outcome_of(&format!("tcp://localhost:{}", address.port())).reason, Reason::Ok);
        drop(listener);
        assert_eq!(outcome_of(&format!("http://{address}/")).reason, Reason::ConnectRefused);
    }

    #[test]
    fn names_are_looked_up_within_the_checks_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server::start(|question| match question.name.as_str() {
            "absent.example" => vec![question.no_such_name(60)],
            "silent.example" => Vec::new(),
            _ => vec![question.empty(5)],
        });
        let conf = ResolvConf { servers: vec![server.address], timeout: 10 * TIMEOUT, ..ResolvConf::default() };
        let clock = Clock::start();
        let mut worker = Worker::new(&clock, Local::with_files(Names::default(), conf, "127.0.0.1 up.example"));
        for (host, reason) in [
            ("up.example", Reason::Ok),
            ("absent.example", Reason::DnsNotFound),
            ("refused.example", Reason::DnsFailed),
            ("silent.example", Reason::DnsTimeout),
        ] {
            let work = Work::of_urls(vec![format!("tcp://{host}:{port}")], 1, TIMEOUT);
            let outcome = worker.check(work.target(0, &mut work.reader()).unwrap());
            assert_eq!(outcome.reason, reason, "{host}: {:?}", outcome.detail);
        }
    }

    #[test]
    fn a_pool_makes_every_check_once_with_its_threads() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("tcp://{}", listener.local_addr().unwrap());
        for (threads, count) in [(1, 3), (4, 9), (4, 2), (4, 0)] {
            let done = run(threads, &Work::of_urls(vec![url.clone()], count, TIMEOUT)).unwrap();
            assert_eq!(done.tallied.tally.total(), count as u64);
            assert!(done.tallied.tally.all_healthy());
            // Those that were started first may be done before the last begins.
            assert!((1..=threads.min(count).max(1) as u64).contains(&done.threads));
        }
    }
}
