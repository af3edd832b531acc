//! A server that misbehaves as told: a script of steps for each connection, a blocking thread to play it.
//!
//! It records what it was asked and how many connections it held at once. It knows just enough HTTP to find the end of
//! a request.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::{accept, end};

/// How long a blocked read or write waits before it looks whether the server is to stop.
const TICK: Duration = Duration::from_millis(20);

/// The longest that a script plays, whatever its steps say.
const MAX_PLAY: Duration = Duration::from_secs(60);

/// The most that is read of one request.
const MAX_REQUEST: usize = 1 << 20;

/// One thing that a server does on a connection. A script is a list of them; the connection is closed after the last.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads one request, head and body, and records it.
    ReadRequest,
    /// Sends the bytes.
    Send(Vec<u8>),
    /// Does nothing for this long.
    Pause(Duration),
    /// Sends the bytes in two segments, the second from this offset on, with a moment between.
    SplitSend { bytes: Vec<u8>, at: usize },
    /// Sends the bytes one at a time, one each period, and when all are sent, the last one again and again.
    DripForever { bytes: Vec<u8>, every: Duration },
    /// Sends the status line and header lines without end.
    EndlessHead,
    /// Sends a head and body bytes without end.
    EndlessBody,
    /// Waits for [`Server::release`].
    Gate,
    /// Aborts the connection: the peer gets an RST.
    Reset,
    /// Ends our half: the peer gets a FIN.
    Close,
    /// Says nothing more until the client goes away.
    Hang,
}

impl Step {
    /// Sends `text`.
    pub(crate) fn send(text: impl Into<Vec<u8>>) -> Step {
        Step::Send(text.into())
    }

    /// A whole, healthy answer.
    pub(crate) fn ok() -> Step {
        Step::send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }
}

/// What a client asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The request line and the headers, as they came, with the blank line.
    pub(crate) head: String,
    /// The `Content-Length` bytes after the head.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The first word of the request line.
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// The second word of the request line: path and query.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the only header of this name; `None` when there is none.
    ///
    /// # Panics
    /// When there are two.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim());
        let first = values.next();
        assert_eq!(values.next(), None, "two headers named {name}");
        first
    }
}

type Handler = dyn Fn(&Request) -> Vec<Step> + Send + Sync;

struct Shared {
    greeting: Vec<Step>,
    handler: Box<Handler>,
    stop: AtomicBool,
    released: AtomicBool,
    accepted: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    requests: Mutex<Vec<Request>>,
}

/// A scripted server on a loopback port of the system's choice. Dropping it ends it.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Plays `script` on every connection, from its first moment. Reading the request is a step like any other.
    pub(crate) fn playing(script: Vec<Step>) -> Server {
        Server::start(listen(), script, Box::new(|_| Vec::new()))
    }

    /// Reads a request on every connection, and plays the script that `handler` has for it.
    pub(crate) fn answering(handler: impl Fn(&Request) -> Vec<Step> + Send + Sync + 'static) -> Server {
        Server::start(listen(), vec![Step::ReadRequest], Box::new(handler))
    }

    /// As [`Server::answering`], on an address of the caller's choice.
    pub(crate) fn answering_on(
        listener: TcpListener,
        handler: impl Fn(&Request) -> Vec<Step> + Send + Sync + 'static,
    ) -> Server {
        Server::start(listener, vec![Step::ReadRequest], Box::new(handler))
    }

    /// Answers every request with 200.
    pub(crate) fn ok() -> Server {
        Server::answering(|_| vec![Step::ok()])
    }

    fn start(listener: TcpListener, greeting: Vec<Step>, handler: Box<Handler>) -> Server {
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            greeting,
            handler,
            stop: AtomicBool::new(false),
            released: AtomicBool::new(false),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            requests: Mutex::new(Vec::new()),
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, || shared.stop.load(Ordering::SeqCst), |stream| play(stream, &shared))
        });
        Server { address, shared, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` this server, and `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// The most connections that were open at one time.
    pub(crate) fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// What was asked so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("no holder panics").clone()
    }

    /// The only request there was.
    ///
    /// # Panics
    /// When there were none, or several.
    #[track_caller]
    pub(crate) fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests[0].clone()
    }

    /// Opens the gate for every script that waits, or will wait, in [`Step::Gate`].
    pub(crate) fn release(&self) {
        self.shared.released.store(true, Ordering::SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // The connections' own threads see the flag within a tick.
        if let Some(acceptor) = self.acceptor.take() {
            end(acceptor, || drop(TcpStream::connect(self.address)));
        }
    }
}

/// A listener on 127.0.0.1 with a backlog for thousands: std's is 128, and beyond it a connect takes seconds.
pub(crate) fn listen() -> TcpListener {
    listen_with(4096)
}

/// A listener on 127.0.0.1 with this backlog.
pub(crate) fn listen_with(backlog: i32) -> TcpListener {
    let any = SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&any).expect("a free loopback port");
    socket.listen(backlog).expect("a bound socket can listen");
    socket.into()
}

fn play(stream: TcpStream, shared: &Arc<Shared>) {
    shared.accepted.fetch_add(1, Ordering::SeqCst);
    let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_open.fetch_max(open, Ordering::SeqCst);
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let mut player = Player::new(stream, &shared);
        player.play();
        drop(player);
        shared.open.fetch_sub(1, Ordering::SeqCst);
    });
}

/// What ended a script early: the client went away, or the server is to stop.
struct Ended;

/// One connection, and the script that is played on it.
struct Player<'a> {
    stream: TcpStream,
    shared: &'a Shared,
    deadline: Instant,
}

impl Player<'_> {
    fn new(stream: TcpStream, shared: &Shared) -> Player<'_> {
        stream.set_nodelay(true).expect("an open socket");
        stream.set_read_timeout(Some(TICK)).expect("an open socket");
        stream.set_write_timeout(Some(TICK)).expect("an open socket");
        Player { stream, shared, deadline: Instant::now() + MAX_PLAY }
    }

    fn play(&mut self) {
        let mut steps = self.shared.greeting.clone();
        loop {
            let mut request = None;
            for step in steps {
                match self.step(step) {
                    Ok(read) => request = read.or(request),
                    Err(Ended) => return,
                }
            }
            match request {
                Some(request) => steps = (self.shared.handler)(&request),
                None => return,
            }
        }
    }

    /// Plays one step; gives the request if the step was to read one.
    fn step(&mut self, step: Step) -> Result<Option<Request>, Ended> {
        match step {
            Step::ReadRequest => return self.read_request().map(Some),
            Step::Send(bytes) => self.send(&bytes)?,
            Step::Pause(time) => self.pause(time)?,
            Step::SplitSend { bytes, at } => {
                let (before, after) = bytes.split_at(at);
                self.send(before)?;
                self.pause(TICK)?;
                self.send(after)?;
            }
            Step::DripForever { bytes, every } => self.drip(&bytes, every)?,
            Step::EndlessHead => {
                self.send(b"HTTP/1.1 200 OK\r\n")?;
                self.send_endlessly(b"X-Filler: and so on and so on and so on\r\n")?;
            }
            Step::EndlessBody => {
                self.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                self.send_endlessly(b"and so on and so on and so on and so on\r\n")?;
            }
            Step::Gate => {
                while !self.shared.released.load(Ordering::SeqCst) {
                    self.pause(TICK / 4)?;
                }
            }
            Step::Reset => {
                // A linger of zero makes the close an abort.
                let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                return Err(Ended);
            }
            Step::Close => {
                let _ = self.stream.shutdown(Shutdown::Write);
                self.hang()?;
            }
            Step::Hang => self.hang()?,
        }
        Ok(None)
    }

    fn is_over(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst) || Instant::now() >= self.deadline
    }

    fn pause(&mut self, time: Duration) -> Result<(), Ended> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if self.is_over() {
                return Err(Ended);
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(Ended),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if is_patience(error.kind()) && !self.is_over() => {}
                Err(_) => return Err(Ended),
            }
        }
        Ok(())
    }

    fn send_endlessly(&mut self, piece: &[u8]) -> Result<(), Ended> {
        let block = piece.repeat(64);
        while !self.is_over() {
            self.send(&block)?;
        }
        Err(Ended)
    }

    fn drip(&mut self, bytes: &[u8], every: Duration) -> Result<(), Ended> {
        let mut left = bytes;
        while !self.is_over() && !left.is_empty() {
            self.send(&left[..1])?;
            if left.len() > 1 {
                left = &left[1..];
            }
            self.pause(every)?;
        }
        Err(Ended)
    }

    /// Reads and forgets until the client goes away.
    fn hang(&mut self) -> Result<(), Ended> {
        let mut buffer = [0; 4096];
        while self.read(&mut buffer)? > 0 {}
        Err(Ended)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Ended> {
        loop {
            match self.stream.read(buffer) {
                Ok(n) => return Ok(n),
                Err(error) if is_patience(error.kind()) && !self.is_over() => {}
                Err(_) => return Err(Ended),
            }
        }
    }

    fn read_request(&mut self) -> Result<Request, Ended> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(request) = whole_request(&bytes) {
                let requests = &self.shared.requests;
                requests.lock().expect("no holder panics").push(request.clone());
                return Ok(request);
            }
            match self.read(&mut buffer)? {
                0 => return Err(Ended),
                n if bytes.len() + n > MAX_REQUEST => return Err(Ended),
                n => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

/// Whether a read or a write only ran out of its tick.
fn is_patience(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The request in `bytes`, once all of it is there.
fn whole_request(bytes: &[u8]) -> Option<Request> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let (head, rest) = bytes.split_at(head_length);
    let mut request = Request { head: String::from_utf8_lossy(head).into_owned(), body: Vec::new() };
    let body_length = match request.header("content-length") {
        Some(length) => length.parse().ok()?,
        None => 0,
    };
    request.body = rest.get(..body_length)?.to_vec();
    Some(request)
}

mod tests {
    //! A server that does not do what it is told would blame the program for it.

    use super::*;
    use crate::support::wait_until;

    /// Asks for `path` and reads to the end; the error if the connection broke.
    fn get(server: &Server, path: &str) -> (Vec<u8>, Option<ErrorKind>) {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("an open socket");
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        let mut bytes = Vec::new();
        let error = stream.read_to_end(&mut bytes).err();
        (bytes, error.map(|error| error.kind()))
    }

    #[test]
    fn scripts_are_played() {
        let server = Server::answering(|request| match request.path() {
            "/ok" => vec![Step::ok()],
            "/split" => vec![Step::SplitSend { bytes: b"abcd".to_vec(), at: 1 }, Step::Close],
            "/again" => vec![Step::send("1"), Step::ReadRequest],
            _ => vec![Step::send("some"), Step::Pause(Duration::from_millis(50)), Step::Reset],
        });
        assert_eq!(get(&server, "/ok"), (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), None));
        assert_eq!(get(&server, "/split"), (b"abcd".to_vec(), None));
        assert_eq!(get(&server, "/reset").1, Some(ErrorKind::ConnectionReset));
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        assert_eq!((requests[0].method(), requests[0].body.as_slice()), ("GET", b"hi".as_slice()));
        assert_eq!(requests[0].header("HOST"), Some("x"));
        assert_eq!((server.accepted(), server.most_open() <= 3), (3, true));
    }

    #[test]
    fn endless_answers_end_with_their_reader_and_with_the_server() {
        let server = Server::answering(|request| match request.path() {
            "/head" => vec![Step::EndlessHead],
            "/drip" => vec![Step::DripForever { bytes: b"ab".to_vec(), every: Duration::from_millis(1) }],
            _ => vec![Step::EndlessBody],
        });
        let mut streams = Vec::new();
        for (path, length) in [("/head", 100_000), ("/body", 100_000), ("/drip", 4)] {
            let mut stream = TcpStream::connect(server.address()).expect("it listens");
            write!(stream, "GET {path} HTTP/1.1\r\n\r\n").expect("it reads");
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).expect("it goes on");
            streams.push(stream);
        }
        assert_eq!(server.most_open(), 3);
        drop(streams.pop());
        wait_until("the drip ends", || server.shared.open.load(Ordering::SeqCst) == 2);
        let shared = Arc::clone(&server.shared);
        drop(server);
        wait_until("the others end", || shared.open.load(Ordering::SeqCst) == 0);
    }

    #[test]
    fn the_gate_holds_until_it_is_opened() {
        let server = Server::answering(|_| vec![Step::Gate, Step::ok()]);
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        write!(stream, "GET / HTTP/1.1\r\n\r\n").expect("it reads");
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("an open socket");
        let mut byte = [0];
        assert!(stream.read(&mut byte).is_err());
        server.release();
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("an open socket");
        assert_eq!(stream.read(&mut byte).expect("it goes on"), 1);
    }
}
