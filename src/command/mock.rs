//! `upcheck mock`: a stand-in for the services that checks are made against. It answers late, wrongly or not at all, as
//! asked.
//!
//! It is a whole HTTP server on one thread and on the same [`Reactor`] as the checker, and the shortest way to see how
//! such a loop is used:
//!
//! ```text
//!     1 listen    every port is a socket that turns readable when a client comes
//!     2 wait      one turn of the loop; all that it brings is matched in one place
//!     3 accept    a client gets a slot, a key and a state
//!     4 advance   an event that a client was waited for moves it from state to state, until it must be waited for again
//! ```
//!
//! A `ClientState` is named by what it waits for, and holds only what it needs. Nothing here ever blocks, so no client,
//! however slow, costs another one time. What the bytes of an answer are is `answer`'s affair, and not known here.

mod answer;
mod options;
mod stream;

use std::ffi::OsString;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::command::check::read_file;
use crate::command::flags::print_help;
use crate::command::output::{print, say};
use crate::conn::tls::{Identity, TlsAcceptor, TlsSetupError, WallClock};
use crate::conn::{Conn, would_block};
use crate::os::{self, Interest, Signals, TcpListener, TcpStream};
use crate::proto::http::HEAD_MAX;
use crate::proto::http::received::{Refused, RequestHead};
use crate::reactor::clock::Clock;
use crate::reactor::{Key, Reactor, Ready};
use crate::sys::{resource, socket};
use answer::{MockAnswer, Reply, Script, Then};
use options::{MockAsked, MockOptions, TlsFault};

/// How many clients may wait to be accepted at one port: as many as the kernel lets.
const BACKLOG: i32 = 65_535;

/// How many clients are accepted at one port in one turn before others get theirs.
const ACCEPTS_PER_TURN: usize = 256;

/// How long no client is accepted after there was no descriptor left for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How many steps, with a read or a write each, one client makes in one turn before others get theirs.
const STEPS_PER_TURN: usize = 16;

/// The one buffer through which everything is read and written: one thread needs one.
const BUFFER: usize = 16 * 1024;

/// How long a client that is sent away before it was heard out may take to leave.
const LINGER: Duration = Duration::from_secs(1);

/// What `--tls-fault garbage` says. No record of TLS begins like this.
const GARBAGE: &[u8] = b"\xffthis is not TLS\r\n";

/// The path of the figures.
const STATS: &str = "/_stats";

/// Runs the command with these arguments, until a signal ends it.
///
/// # Errors
/// Why it could not run: a wrong flag, a port in use.
pub fn run(arguments: Vec<OsString>) -> super::Result {
    let options = match options::parse(arguments, &super::flags::environment())? {
        MockAsked::Serve(options) => options,
        MockAsked::Tell(text) => {
            print_help(&text);
            return Ok(super::exit::HEALTHY);
        }
    };
    let mut server = Server::start(&options)?;
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    print(&server.addresses().map(|address| format!("listening on {scheme}://{address}\n")).collect::<String>());
    let signal = server.serve().map_err(|error| format!("the event loop failed: {error}"))?;
    if !options.quiet {
        say(&server.stats.summary());
    }
    Ok(super::exit::SIGNAL + signal as u8)
}

/// Whose event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MockTag {
    /// A signal has come.
    Signal,
    /// Clients stand at this port, or it may be tried again.
    Listener(usize),
    /// The client in this slot.
    MockClient(usize),
}

/// What a client is waited for.
enum ClientState {
    /// To begin a TLS handshake that is to fail.
    Hello(TlsFault),
    /// To send a request, or the rest of its head; with TLS, its handshake first.
    Request,
    /// To send the rest of a request's body, which is dropped.
    Body { left: u64, sending: Sending },
    /// Until its answer is to begin.
    Latency(Sending),
    /// To take what has been sent, so that there is room for more.
    Room(Sending),
    /// Until the next byte of its answer is to go.
    Drip(Sending),
    /// To leave; `None`: for as long as it likes.
    Leave { within: Option<Duration> },
}

impl ClientState {
    /// Whether this event is what the client is waited for. An edge that comes while something else is waited for is
    /// not lost: every state tries to read or write when it is entered.
    fn awaits(&self, event: &Ready<MockTag>) -> bool {
        match (self, event) {
            (
                ClientState::Hello(_) | ClientState::Request | ClientState::Body { .. } | ClientState::Leave { .. },
                Ready::Io { readable, .. },
            ) => *readable,
            (ClientState::Room(_), Ready::Io { writable, .. }) => *writable,
            (ClientState::Latency(_) | ClientState::Drip(_), Ready::Deadline { .. }) => true,
            _ => false,
        }
    }
}

/// An answer on its way. Offsets are into the answer's bytes.
struct Sending {
    answer: Rc<MockAnswer>,
    /// The time from the request to the first byte.
    after: Duration,
    /// So much was taken by the kernel.
    sent: u64,
    /// So much may go now.
    allowed: u64,
    /// So much is there in all.
    end: u64,
}

/// What a step of a client leads to.
enum ClientStep {
    /// On to the next state, which may have something to do at once.
    Next(ClientState),
    /// Wait in this state, at most so long.
    Wait(ClientState, Option<Duration>),
    /// This client is done with.
    End,
}

/// A client's connection.
struct MockClient {
    conn: Conn,
    key: Key,
    /// What was read and not yet understood: the beginning of a head, or requests that came before the last one was
    /// answered.
    input: Vec<u8>,
    /// Whether it has asked and not been answered.
    in_flight: bool,
    /// The deadline that is set for it.
    deadline: Option<Instant>,
}

/// What a handshake needs: the certificate, and the time.
struct MockTls {
    acceptor: TlsAcceptor,
    clock: WallClock,
    fault: Option<TlsFault>,
}

impl MockTls {
    fn new(options: &options::TlsWish) -> Result<MockTls, String> {
        let chain = read_file(&options.cert)?;
        let key = options.key.as_deref().map(read_file).transpose()?;
        let identity = Identity { chain: &chain, key: key.as_deref().unwrap_or(&chain) };
        let clock = WallClock::default();
        let acceptor = TlsAcceptor::new(identity, &clock).map_err(|error| error.to_string())?;
        Ok(MockTls { acceptor, clock, fault: options.fault })
    }
}

/// A port on which clients are waited for.
struct Listener {
    socket: TcpListener,
    key: Key,
}

/// What has happened so far.
#[derive(Default)]
struct MockStats {
    accepted: u64,
    requests: u64,
    open: u64,
    most_open: u64,
    in_flight: u64,
    most_in_flight: u64,
}

impl MockStats {
    fn json(&self) -> String {
        let MockStats { accepted, requests, open, most_open, in_flight, most_in_flight } = self;
        format!(
            "{{\"accepted\":{accepted},\"requests\":{requests},\"open\":{open},\"most_open\":{most_open},\
             \"in_flight\":{in_flight},\"most_in_flight\":{most_in_flight}}}"
        )
    }

    fn summary(&self) -> String {
        let MockStats { accepted, requests, most_open, most_in_flight, .. } = self;
        format!(
            "{accepted} connections (most at once: {most_open}), {requests} requests (most in flight: {most_in_flight})"
        )
    }
}

/// The server: one loop, its ports, and all clients that are there.
struct Server {
    reactor: Reactor<MockTag>,
    signals: Signals,
    listeners: Vec<Listener>,
    clients: Vec<Option<(MockClient, ClientState)>>,
    free: Vec<usize>,
    script: Script,
    /// `None`: in the clear.
    tls: Option<MockTls>,
    idle_timeout: Duration,
    /// Whether to say so when descriptors run out. It is said once.
    warn_of_shortage: bool,
    stats: MockStats,
    buffer: Box<[u8; BUFFER]>,
}

impl Server {
    /// 1. Opens all ports.
    fn start(options: &MockOptions) -> Result<Server, String> {
        let internal = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        // If it cannot be raised, it's the shortage below that is worth a word.
        let _ = resource::raise_descriptor_limit();
        let mut server = Server {
            reactor: Reactor::new(Clock::start()).map_err(internal("the event loop"))?,
            signals: Signals::catch().map_err(internal("signals"))?,
            listeners: Vec::new(),
            clients: Vec::new(),
            free: Vec::new(),
            script: Script::new(options),
            tls: options.tls.as_ref().map(MockTls::new).transpose()?,
            idle_timeout: options.idle_timeout,
            warn_of_shortage: !options.quiet,
            stats: MockStats::default(),
            buffer: Box::new([0; BUFFER]),
        };
        let key = server.reactor.open(MockTag::Signal);
        server.reactor.watch(key, &mut server.signals, Interest::READABLE).map_err(internal("signals"))?;
        for address in &options.listen {
            server.listen(*address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
        }
        Ok(server)
    }

    fn listen(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut socket = TcpListener::bind(address)?;
        socket::set_backlog(&socket, BACKLOG)?;
        // Answers are written whole; what follows one, the next answer or the next drip, must not wait for its
        // acknowledgement.
        socket::set_no_delay(&socket)?;
        let key = self.reactor.open(MockTag::Listener(self.listeners.len()));
        self.reactor.watch(key, &mut socket, Interest::READABLE)?;
        self.listeners.push(Listener { socket, key });
        Ok(())
    }

    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        // A socket that was bound has an address; `local_addr` fails for nothing else.
        self.listeners.iter().filter_map(|listener| listener.socket.local_addr().ok())
    }

    /// 2. The loop. Gives the number of the signal that ended it.
    fn serve(&mut self) -> io::Result<i32> {
        let mut ready = Vec::new();
        loop {
            let now = self.reactor.turn(&mut ready)?;
            for event in ready.drain(..) {
                // An earlier event of this turn may have closed this one's key.
                if !self.reactor.is_open(event.key()) {
                    continue;
                }
                match event {
                    Ready::Io { tag: MockTag::MockClient(id), .. }
                    | Ready::Deadline { tag: MockTag::MockClient(id), .. } => {
                        self.on_client(id, &event, now);
                    }
                    Ready::Io { tag: MockTag::Listener(id), .. }
                    | Ready::Deadline { tag: MockTag::Listener(id), .. } => {
                        self.accept(id);
                    }
                    Ready::Io { tag: MockTag::Signal, .. } | Ready::Deadline { tag: MockTag::Signal, .. } => {
                        if let Some(signal) = self.signals.taken() {
                            return Ok(signal);
                        }
                    }
                }
            }
        }
    }

    /// 3. Accepts who stands at the port: readiness came once for all of them.
    fn accept(&mut self, id: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            match os::accept(&self.listeners[id].socket) {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if would_block(&error) => return,
                // A signal, or a client that has left before its turn came.
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {
                }
                Err(error) => return self.pause_accepting(id, &error),
            }
        }
        self.reactor.again(self.listeners[id].key);
    }

    /// Clients stand at the port and cannot be let in, most likely for want of descriptors. Trying at once would fail
    /// again, and again; they wait in the kernel's queue meanwhile.
    fn pause_accepting(&mut self, id: usize, error: &io::Error) {
        if std::mem::take(&mut self.warn_of_shortage) {
            say(&format!("{error}: with {} connections open, new ones wait until others close", self.stats.open));
        }
        let at = self.reactor.clock().now() + ACCEPT_PAUSE;
        self.reactor.arm(self.listeners[id].key, at);
    }

    fn admit(&mut self, stream: TcpStream) {
        let id = self.free.pop().unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() - 1
        });
        let key = self.reactor.open(MockTag::MockClient(id));
        let mut client =
            MockClient { conn: Conn::new(stream), key, input: Vec::new(), in_flight: false, deadline: None };
        self.stats.accepted += 1;
        self.stats.open += 1;
        self.stats.most_open = self.stats.most_open.max(self.stats.open);
        let state = self.greet(&mut client.conn);
        // Both ways, once, for the life of the connection. The first edge comes by itself if the request is here
        // already.
        match (state, self.reactor.watch(key, &mut client.conn, Interest::READABLE | Interest::WRITABLE)) {
            (Ok(state), Ok(())) => self.wait(id, client, state, Some(self.idle_timeout)),
            _ => self.end(id, client),
        }
    }

    /// What a new client is waited for first.
    fn greet(&self, conn: &mut Conn) -> Result<ClientState, TlsSetupError> {
        let Some(tls) = &self.tls else { return Ok(ClientState::Request) };
        if let Some(fault) = tls.fault {
            return Ok(ClientState::Hello(fault));
        }
        let clock = self.reactor.clock();
        tls.clock.set(clock.wall(clock.now()).as_secs());
        conn.tls = Some(Box::new(tls.acceptor.accept()?));
        Ok(ClientState::Request)
    }

    /// 4. Moves a client on if the event is what it was waited for. A deadline that it was not waited for is the end
    ///    of our patience.
    fn on_client(&mut self, id: usize, event: &Ready<MockTag>, now: Instant) {
        let Some((mut client, state)) = self.clients[id].take() else { return };
        if matches!(event, Ready::Io { writable: true, .. }) {
            // What did not fit of TLS's own words. If it fails, so will the next read.
            let _ = stream::flush(&mut client.conn);
        }
        let is_deadline = matches!(event, Ready::Deadline { .. });
        // An earlier event of this turn may have set another deadline.
        let is_stale = is_deadline && client.deadline.is_none_or(|at| at > now);
        if !is_stale && state.awaits(event) {
            self.advance(id, client, state);
        } else if !is_stale && is_deadline {
            self.end(id, client);
        } else {
            self.clients[id] = Some((client, state));
        }
    }

    /// Takes a client, for whom what it was waited for has come, from state to state as far as it goes.
    fn advance(&mut self, id: usize, mut client: MockClient, mut state: ClientState) {
        for _ in 0..STEPS_PER_TURN {
            let step = match state {
                ClientState::Hello(fault) => self.fail_handshake(&mut client, fault),
                ClientState::Request => self.request(&mut client),
                ClientState::Body { left, sending } => self.drop_body(&mut client, left, sending),
                ClientState::Latency(sending) => ClientStep::Next(ClientState::Room(sending)),
                ClientState::Room(sending) => self.send(&mut client, sending),
                ClientState::Drip(sending) => {
                    ClientStep::Next(ClientState::Room(Sending { allowed: sending.sent + 1, ..sending }))
                }
                ClientState::Leave { within } => self.see_off(&mut client, within),
            };
            match step {
                ClientStep::Next(next) => state = next,
                ClientStep::Wait(next, within) => return self.wait(id, client, next, within),
                ClientStep::End => return self.end(id, client),
            }
        }
        // It could go on, but others want their turn.
        self.reactor.again(client.key);
        self.wait(id, client, state, Some(self.idle_timeout));
    }

    fn wait(&mut self, id: usize, mut client: MockClient, state: ClientState, within: Option<Duration>) {
        // A fresh reading: a turn may be long, and an answer must not come early.
        client.deadline = within.map(|within| self.reactor.clock().now() + within);
        match client.deadline {
            Some(at) => self.reactor.arm(client.key, at),
            None => self.reactor.disarm(client.key),
        }
        self.clients[id] = Some((client, state));
    }

    /// Closes the connection: the socket with the client, which is dropped here.
    fn end(&mut self, id: usize, mut client: MockClient) {
        self.answered(&mut client);
        self.reactor.close(client.key);
        self.stats.open -= 1;
        self.free.push(id);
    }

    /// The client has begun a handshake: does with it as `--tls-fault` says.
    fn fail_handshake(&mut self, client: &mut MockClient, fault: TlsFault) -> ClientStep {
        match client.conn.fill(&mut self.buffer[..]) {
            Ok(0) => return ClientStep::End,
            Ok(_) => {}
            Err(error) if would_block(&error) => {
                return ClientStep::Wait(ClientState::Hello(fault), Some(self.idle_timeout));
            }
            Err(_) => return ClientStep::End,
        }
        match fault {
            TlsFault::Stall => ClientStep::Next(ClientState::Leave { within: None }),
            TlsFault::Close => hang_up(client),
            TlsFault::Garbage => match client.conn.write(GARBAGE) {
                Ok(_) => hang_up(client),
                Err(_) => ClientStep::End,
            },
        }
    }

    fn request(&mut self, client: &mut MockClient) -> ClientStep {
        match RequestHead::parse(&client.input) {
            Ok(Some(head)) => self.begin(client, &head),
            Ok(None) => self.read_head(client),
            Err(Refused(status)) => {
                let reply = Reply { answer: Rc::new(MockAnswer::refusal(status)), after: Duration::ZERO };
                ClientStep::Next(ClientState::Room(sending(reply, false)))
            }
        }
    }

    /// Reads up to one byte more than a head may have, so that the input is bounded and one that is too large is seen
    /// to be. What a TLS record holds comes whole, so there it may be as much as that over.
    fn read_head(&mut self, client: &mut MockClient) -> ClientStep {
        let room = (HEAD_MAX + 1).saturating_sub(client.input.len()).min(BUFFER);
        match stream::receive(&mut client.conn, &mut self.buffer[..room], &mut client.input) {
            Ok(0) => ClientStep::End,
            Ok(_) => ClientStep::Next(ClientState::Request),
            Err(error) if would_block(&error) => ClientStep::Wait(ClientState::Request, Some(self.idle_timeout)),
            Err(_) => ClientStep::End,
        }
    }

    /// A head is complete: chooses the answer.
    fn begin(&mut self, client: &mut MockClient, head: &RequestHead) -> ClientStep {
        take(&mut client.input, head.used);
        let path = answer::path(&head.target);
        let reply = if path == STATS {
            // Not counted itself: who asks how much is going on must not add to it.
            let answer = MockAnswer::json(200, &self.stats.json(), head.keep_alive);
            Reply { answer: Rc::new(answer), after: Duration::ZERO }
        } else {
            self.asked(client);
            self.script.reply(path, head.keep_alive)
        };
        let sending = sending(reply, head.method == "HEAD");
        match head.body_bytes {
            0 => hold_back(sending),
            left => ClientStep::Next(ClientState::Body { left, sending }),
        }
    }

    /// Drops the request's body and no more, first from what is here already.
    fn drop_body(&mut self, client: &mut MockClient, left: u64, sending: Sending) -> ClientStep {
        let here = left.min(client.input.len() as u64);
        take(&mut client.input, here as usize);
        let left = left - here;
        if left == 0 {
            return hold_back(sending);
        }
        match stream::receive(&mut client.conn, &mut self.buffer[..], &mut client.input) {
            Ok(0) => ClientStep::End,
            Ok(_) => ClientStep::Next(ClientState::Body { left, sending }),
            Err(error) if would_block(&error) => {
                ClientStep::Wait(ClientState::Body { left, sending }, Some(self.idle_timeout))
            }
            Err(_) => ClientStep::End,
        }
    }

    /// Writes as much of an answer as may go and fits.
    fn send(&mut self, client: &mut MockClient, mut sending: Sending) -> ClientStep {
        match stream::flush(&mut client.conn) {
            Ok(()) => {}
            Err(error) if would_block(&error) => {
                return ClientStep::Wait(ClientState::Room(sending), Some(self.idle_timeout));
            }
            Err(_) => return ClientStep::End,
        }
        if sending.sent == sending.end {
            return self.sent(client, sending.answer.then);
        }
        if sending.sent == sending.allowed {
            let pace = sending.answer.pace;
            return ClientStep::Wait(ClientState::Drip(sending), pace);
        }
        let to = sending.allowed.min(sending.end);
        let size = sending.answer.copy(sending.sent, to, &mut self.buffer[..]);
        match stream::send(&mut client.conn, &self.buffer[..size]) {
            Ok(written) => {
                sending.sent += written as u64;
                ClientStep::Next(ClientState::Room(sending))
            }
            Err(error) if would_block(&error) => ClientStep::Wait(ClientState::Room(sending), Some(self.idle_timeout)),
            Err(_) => ClientStep::End,
        }
    }

    /// All of an answer has gone.
    fn sent(&mut self, client: &mut MockClient, then: Then) -> ClientStep {
        match then {
            Then::Nothing => ClientStep::Next(ClientState::Leave { within: None }),
            Then::NextRequest => {
                self.answered(client);
                ClientStep::Next(ClientState::Request)
            }
            Then::Reset => {
                // If that fails it is an ordinary close; there is nobody to tell.
                let _ = socket::reset_on_close(&client.conn.stream);
                ClientStep::End
            }
            Then::Close => {
                stream::say_goodbye(&mut client.conn);
                if client.input.is_empty() {
                    return ClientStep::End;
                }
                self.answered(client);
                hang_up(client)
            }
        }
    }

    /// Drops whatever comes, until the client leaves.
    fn see_off(&mut self, client: &mut MockClient, within: Option<Duration>) -> ClientStep {
        client.input = Vec::new();
        match stream::receive(&mut client.conn, &mut self.buffer[..], &mut client.input) {
            Ok(0) => ClientStep::End,
            Ok(_) => ClientStep::Next(ClientState::Leave { within }),
            Err(error) if would_block(&error) => ClientStep::Wait(ClientState::Leave { within }, within),
            Err(_) => ClientStep::End,
        }
    }

    fn asked(&mut self, client: &mut MockClient) {
        client.in_flight = true;
        self.stats.requests += 1;
        self.stats.in_flight += 1;
        self.stats.most_in_flight = self.stats.most_in_flight.max(self.stats.in_flight);
    }

    fn answered(&mut self, client: &mut MockClient) {
        if std::mem::take(&mut client.in_flight) {
            self.stats.in_flight -= 1;
        }
    }
}

fn sending(Reply { answer, after }: Reply, head_only: bool) -> Sending {
    Sending { after, sent: 0, allowed: answer.unpaced(), end: answer.end(head_only), answer }
}

/// Ends our half. Closing a socket with something unread in it sends a reset, which may destroy what is on its way (RFC 9112, 9.6). So the
/// client is listened to a little longer.
fn hang_up(client: &MockClient) -> ClientStep {
    match client.conn.stream.shutdown(Shutdown::Write) {
        Ok(()) => ClientStep::Next(ClientState::Leave { within: Some(LINGER) }),
        Err(_) => ClientStep::End,
    }
}

/// The request is here whole; its answer begins after its time.
fn hold_back(sending: Sending) -> ClientStep {
    match sending.after {
        Duration::ZERO => ClientStep::Next(ClientState::Room(sending)),
        after => ClientStep::Wait(ClientState::Latency(sending), Some(after)),
    }
}

/// Takes bytes from the front. A buffer that has become empty gives back its memory: twenty thousand clients that wait
/// should cost little.
fn take(input: &mut Vec<u8>, count: usize) {
    if count == input.len() {
        *input = Vec::new();
    } else {
        input.drain(..count);
    }
}
