//! The world below the seam: a clock that moves when something is done or waited for, a network whose peers follow
//! scripts, pipes with readers, and everything that can go wrong in between.
//!
//! One thread has at most one world, and while it has one, the types of [`os`](crate::os) are this world's. All that
//! happens in it follows from a seed and from what the program does. The program's own work takes time, too: every system
//! call and every look at the clock moves it on, so that a loop that does too much is late as it would be in real life.
//!
//! Readiness is edge-triggered, as Linux has it: whatever changes about a socket tells all that is true of it, once.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::{Interest, Token};

use super::random::Random;
use crate::os::LastWord;
use crate::os::twofold::Event;

const MICRO: Duration = Duration::from_micros(1);

/// What a pipe holds.
const PIPE: usize = 64 * 1024;

/// What a write to a pipe that is ready takes without waiting.
const PAGE: usize = 4096;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// One of the world's descriptors. Dropping it closes it.
#[derive(Debug)]
pub struct Handle(u64);

impl Handle {
    pub fn number(&self) -> u64 {
        self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        WORLD.with_borrow_mut(|world| {
            if let Some(world) = world {
                world.close(self.0);
            }
        });
    }
}

/// What kind of descriptor is opened that is no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Output,
    Messages,
    Signals,
}

/// How a peer takes a connection.
#[derive(Clone, Debug)]
pub enum Connect {
    /// It stands after so long.
    After(Duration),
    /// It fails after so long with this error of the system.
    Fails(Duration, i32),
    /// The call itself fails.
    FailsAtOnce(i32),
    /// Nothing ever comes back.
    Silent,
}

/// When a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When the whole request has come.
    Asked,
    /// When the head of the request has come.
    HeadCame,
}

/// How a connection goes on after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Stays,
    Closes(Duration),
    Resets(Duration),
}

/// What a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Http,
    /// HTTP, through TLS.
    Https,
    /// DNS with its two bytes of length.
    Dns,
    /// Nothing: it leaves as soon as the connection stands.
    Leaves(End),
}

/// What a peer says to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub when: When,
    /// What is said, each piece so long after the one before.
    pub pieces: Vec<(Duration, Vec<u8>)>,
    /// Behind it, in the same segment as the last piece and past any TLS: what is no answer.
    pub noise: Vec<u8>,
    pub end: End,
}

/// What a peer says to a request, given whole; `None`: nothing. The number counts the requests of the peer.
pub type Script = Rc<dyn Fn(&[u8], u32) -> Option<Answer>>;

/// Who listens at an address.
#[derive(Clone)]
pub struct Peer {
    pub speaks: Speaks,
    /// By connection, the last one for all that follow.
    pub connect: Vec<Connect>,
    pub script: Script,
    /// Bytes that a connection takes before the peer reads, and whether it reads at all.
    pub room: usize,
    pub reads: bool,
    /// The time on the wire, one way.
    pub distance: Duration,
    /// Ports that this machine has for connections to it.
    pub ports: usize,
    /// Reading from it costs this program so much time: work of ours.
    pub work: Duration,
}

/// What a name server answers to a query, each after so long; the number counts its queries.
pub type Names = Rc<dyn Fn(&[u8], u32) -> Vec<(Duration, Vec<u8>)>>;

/// What happened on one connection, as the world knows it.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub dialled: Duration,
    pub stood: Option<Duration>,
    pub heard: Option<Duration>,
    pub first: Option<Duration>,
    pub last: Option<Duration>,
    pub requests: u32,
}

/// How the reader of a pipe takes what is written.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    AtOnce,
    /// So many bytes each time.
    Slowly {
        every: Duration,
        bytes: usize,
    },
    /// Never anything.
    Stalled,
}

#[derive(Debug)]
enum Happening {
    Stands(u64),
    ConnectFails(u64, i32),
    Comes(u64, Vec<u8>),
    Ends(u64),
    IsReset(u64),
    PeerHears(u64, Vec<u8>),
    HasRoom(u64, usize),
    Datagram(u64, Vec<u8>),
    Unreachable(u64),
    ReaderTakes(u64),
    ReaderGoes(Kind),
    Signal(i32),
}

/// One descriptor.
#[derive(Debug)]
struct Item {
    what: What,
    registered: Option<(Token, Interest)>,
    /// Something has changed that nobody has been told.
    edge: bool,
}

#[derive(Debug)]
enum What {
    Stream(Box<Stream>),
    Datagrams { to: Option<SocketAddr>, inbox: VecDeque<Vec<u8>>, error: Option<i32> },
    Pipe { kind: Kind, filled: usize, gone: bool },
    Signals,
}

#[derive(Debug)]
struct Stream {
    to: SocketAddr,
    stands: bool,
    error: Option<i32>,
    inbox: VecDeque<u8>,
    ended: bool,
    reset: bool,
    /// The peer has closed, and hears no more: writing once is taken, then it is reset.
    deaf: bool,
    room: usize,
    wants_room: bool,
    /// What the peer has heard and not answered.
    heard: Vec<u8>,
    /// The peer has said its last word, and leaves when it has heard all.
    said_early: bool,
    last_came: Option<Duration>,
    last_acknowledged: Option<Duration>,
    truth: usize,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::Session>,
}

/// What may go wrong anywhere, in thousandths of all calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub interrupted: u32,
    pub no_buffers: u32,
    pub spurious: u32,
    /// A write takes less than there is room for.
    pub short: u32,
    /// The program loses the processor between being told and looking at the clock.
    pub preempted: u32,
}

/// The world. See the module's text.
pub struct World {
    started: Instant,
    now: Duration,
    random: Random,
    happenings: BTreeMap<(Duration, u64), Happening>,
    happened: u64,
    items: BTreeMap<u64, Item>,
    opened: u64,
    edges: VecDeque<u64>,
    pub peers: HashMap<SocketAddr, Peer>,
    dialled: HashMap<SocketAddr, u32>,
    pub names: HashMap<SocketAddr, Names>,
    asked: HashMap<SocketAddr, u32>,
    pub files: HashMap<&'static str, Result<String, i32>>,
    pub faults: Faults,
    /// How slow this machine is: a system call takes a few microseconds, so many times.
    pub slowness: u32,
    /// The most descriptors at once.
    pub descriptors: usize,
    /// No socket of this family can be connected from here.
    pub has_ipv6: bool,
    /// When this program does not run, and for how long; in order.
    pub absences: VecDeque<(Duration, Duration)>,
    /// For how long it did not run beside those.
    pub preempted: Duration,
    pub reading: HashMap<&'static str, Reading>,
    signals: VecDeque<i32>,
    /// What was written.
    pub output: Vec<u8>,
    pub messages: Vec<u8>,
    /// What happened on each connection.
    pub truths: HashMap<SocketAddr, Vec<Truth>>,
    /// Every time in which this program could not know what happened: from a poll to the next, with what it did not do
    /// of its own will.
    pub blind: Vec<(Duration, Duration)>,
    poll_returned: Duration,
    /// How much of the time since was not the program's own doing.
    imposed: Duration,
    pub longest_work: Duration,
    pub polls: u64,
    pub most_open: usize,
    /// Promises that were broken, in words.
    pub broken: Vec<String>,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            // Any time will do; all others are counted from it.
            started: Instant::now(),
            now: Duration::ZERO,
            random: Random::new(seed),
            happenings: BTreeMap::new(),
            happened: 0,
            items: BTreeMap::new(),
            opened: 0,
            edges: VecDeque::new(),
            peers: HashMap::new(),
            dialled: HashMap::new(),
            names: HashMap::new(),
            asked: HashMap::new(),
            files: HashMap::new(),
            faults: Faults::default(),
            slowness: 1,
            descriptors: usize::MAX,
            has_ipv6: true,
            absences: VecDeque::new(),
            preempted: Duration::ZERO,
            reading: HashMap::new(),
            signals: VecDeque::new(),
            output: Vec::new(),
            messages: Vec::new(),
            truths: HashMap::new(),
            blind: Vec::new(),
            poll_returned: Duration::ZERO,
            imposed: Duration::ZERO,
            longest_work: Duration::ZERO,
            polls: 0,
            most_open: 0,
            broken: Vec::new(),
        }
    }

    /// Sends a signal at this time.
    pub fn signal_at(&mut self, at: Duration, number: i32) {
        self.plan(at, Happening::Signal(number));
    }

    /// The reader of standard output goes away at this time.
    pub fn reader_goes_at(&mut self, at: Duration) {
        self.plan(at, Happening::ReaderGoes(Kind::Output));
    }

    /// How many descriptors are open.
    pub fn open(&self) -> usize {
        self.items.len()
    }

    /// How much time has passed.
    pub fn elapsed(&self) -> Duration {
        self.now
    }

    fn plan(&mut self, at: Duration, what: Happening) {
        self.happened += 1;
        self.happenings.insert((at.max(self.now), self.happened), what);
    }

    fn after(&mut self, by: Duration, what: Happening) {
        self.plan(self.now + by, what);
    }

    /// The program did something that took so long.
    fn pass(&mut self, by: Duration) {
        self.move_to(self.now + by);
    }

    fn move_to(&mut self, at: Duration) {
        let mut at = at.max(self.now);
        while let Some((absent_at, absence)) = self.absences.front().copied().filter(|(from, _)| *from <= at) {
            self.absences.pop_front();
            let from = absent_at.max(self.now);
            at = at.max(from) + absence;
            self.imposed += absence;
        }
        while let Some(entry) = self.happenings.first_entry().filter(|entry| entry.key().0 <= at) {
            let ((when, _), what) = entry.remove_entry();
            self.now = self.now.max(when);
            self.happen(what);
        }
        self.now = at;
    }

    fn system_call(&mut self) {
        let cost = 1 + self.random.below(4) as u32;
        self.pass(cost * self.slowness * MICRO);
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.random.below(1000) < u64::from(thousandths)
    }

    fn add(&mut self, what: What) -> u64 {
        self.opened += 1;
        self.items.insert(self.opened, Item { what, registered: None, edge: false });
        self.most_open = self.most_open.max(self.items.len());
        self.opened
    }

    fn close(&mut self, id: u64) {
        self.items.remove(&id);
    }

    fn stream(&mut self, id: u64) -> Option<&mut Stream> {
        match self.items.get_mut(&id) {
            Some(Item { what: What::Stream(stream), .. }) => Some(stream),
            _ => None,
        }
    }

    /// Something has changed about it.
    fn changed(&mut self, id: u64) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if item.registered.is_some() && !item.edge {
            item.edge = true;
            self.edges.push_back(id);
        }
    }

    fn happen(&mut self, what: Happening) {
        let now = self.now;
        match what {
            Happening::Stands(id) => {
                let Some(stream) = self.stream(id) else { return };
                stream.stands = true;
                let (to, truth) = (stream.to, stream.truth);
                self.truth(to, truth).stood = Some(now);
                match self.peers.get(&to).map(|peer| peer.speaks) {
                    Some(Speaks::Leaves(End::Closes(after))) => self.after(after, Happening::Ends(id)),
                    Some(Speaks::Leaves(End::Resets(after))) => self.after(after, Happening::IsReset(id)),
                    _ => {}
                }
                self.changed(id);
            }
            Happening::ConnectFails(id, error) => {
                let Some(stream) = self.stream(id) else { return };
                stream.error = Some(error);
                self.changed(id);
            }
            Happening::Comes(id, bytes) => {
                let Some(stream) = self.stream(id) else { return };
                if stream.reset {
                    return;
                }
                stream.inbox.extend(bytes);
                stream.last_came = Some(now);
                let (to, truth) = (stream.to, stream.truth);
                let truth = self.truth(to, truth);
                truth.first.get_or_insert(now);
                truth.last = Some(now);
                self.changed(id);
            }
            Happening::Ends(id) => {
                let Some(stream) = self.stream(id) else { return };
                stream.ended = true;
                stream.deaf = true;
                self.changed(id);
            }
            Happening::IsReset(id) => {
                let Some(stream) = self.stream(id) else { return };
                stream.reset = true;
                self.changed(id);
            }
            Happening::PeerHears(id, bytes) => self.peer_hears(id, &bytes),
            Happening::HasRoom(id, bytes) => {
                let now = self.now;
                let Some(stream) = self.stream(id) else { return };
                stream.room += bytes;
                stream.last_acknowledged = Some(now).filter(|_| bytes > 0).or(stream.last_acknowledged);
                if std::mem::take(&mut stream.wants_room) {
                    self.changed(id);
                }
            }
            Happening::Datagram(id, bytes) => {
                if let Some(Item { what: What::Datagrams { inbox, .. }, .. }) = self.items.get_mut(&id) {
                    inbox.push_back(bytes);
                    self.changed(id);
                }
            }
            Happening::Unreachable(id) => {
                if let Some(Item { what: What::Datagrams { error, .. }, .. }) = self.items.get_mut(&id) {
                    *error = Some(libc::ECONNREFUSED);
                    self.changed(id);
                }
            }
            Happening::ReaderTakes(id) => self.reader_takes(id),
            Happening::ReaderGoes(gone_kind) => {
                let of_kind = |item: &mut Item| match &mut item.what {
                    What::Pipe { kind, gone, .. } if *kind == gone_kind => {
                        *gone = true;
                        true
                    }
                    _ => false,
                };
                let ids: Vec<u64> =
                    self.items.iter_mut().filter_map(|(id, item)| of_kind(item).then_some(*id)).collect();
                ids.into_iter().for_each(|id| self.changed(id));
            }
            Happening::Signal(number) => {
                self.signals.push_back(number);
                let ids: Vec<u64> = self
                    .items
                    .iter()
                    .filter(|(_, item)| matches!(item.what, What::Signals))
                    .map(|(id, _)| *id)
                    .collect();
                ids.into_iter().for_each(|id| self.changed(id));
            }
        }
    }

    fn truth(&mut self, to: SocketAddr, index: usize) -> &mut Truth {
        &mut self.truths.get_mut(&to).expect("made when it was dialled")[index]
    }

    fn peer_hears(&mut self, id: u64, bytes: &[u8]) {
        let Some(stream) = self.stream(id) else { return };
        let to = stream.to;
        if stream.deaf {
            // Nobody is there: what comes is answered with a reset.
            return self.after(Duration::ZERO, Happening::IsReset(id));
        }
        let Some(peer) = self.peers.get(&to).cloned() else { return };
        if !peer.reads {
            return;
        }
        self.after(peer.distance, Happening::HasRoom(id, bytes.len()));
        let said = self.hear(id, bytes);
        if !said.is_empty() {
            self.after(peer.distance, Happening::Comes(id, said));
        }
        let Some(stream) = self.stream(id) else { return };
        let Some((head, whole)) = request_length(&stream.heard, peer.speaks) else { return };
        let is_whole = stream.heard.len() >= whole;
        if stream.said_early {
            if is_whole {
                stream.heard.clear();
                stream.said_early = false;
            }
            return;
        }
        let (request, truth) = (stream.heard[..head].to_vec(), stream.truth);
        let total: u32 = self.truths[&to].iter().map(|truth| truth.requests).sum();
        let Some(answer) = (peer.script)(&request, total) else { return };
        if answer.when == When::Asked && !is_whole {
            return;
        }
        let now = self.now;
        let truth = self.truth(to, truth);
        truth.heard = Some(now);
        (truth.first, truth.last) = (None, None);
        truth.requests += 1;
        if let Some(stream) = self.stream(id) {
            if is_whole {
                stream.heard.drain(..whole);
            } else {
                stream.said_early = true;
            }
        }
        self.answer(id, answer, now + peer.distance);
    }

    /// Takes what has come for the peer, through TLS where it speaks it. What it has to say at once.
    fn hear(&mut self, id: u64, bytes: &[u8]) -> Vec<u8> {
        let Some(stream) = self.stream(id) else { return Vec::new() };
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut stream.tls {
            let heard = tls.hear(bytes);
            stream.heard.extend(heard);
            return tls.said();
        }
        stream.heard.extend_from_slice(bytes);
        Vec::new()
    }

    fn answer(&mut self, id: u64, answer: Answer, mut at: Duration) {
        let last = answer.pieces.len().saturating_sub(1);
        for (number, (gap, bytes)) in answer.pieces.into_iter().enumerate() {
            at += gap;
            let mut bytes = self.wrap(id, bytes, number == last && matches!(answer.end, End::Closes(_)));
            if number == last {
                bytes.extend_from_slice(&answer.noise);
            }
            self.plan(at, Happening::Comes(id, bytes));
        }
        match answer.end {
            End::Stays => {}
            End::Closes(gap) => self.plan(at + gap, Happening::Ends(id)),
            End::Resets(gap) => self.plan(at + gap, Happening::IsReset(id)),
        }
    }

    /// As it goes over the wire.
    fn wrap(&mut self, id: u64, bytes: Vec<u8>, is_last: bool) -> Vec<u8> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.stream(id).and_then(|stream| stream.tls.as_mut()) {
            tls.say(&bytes);
            if is_last {
                tls.say_farewell();
            }
            return tls.said();
        }
        let _ = (id, is_last);
        bytes
    }

    fn reader_takes(&mut self, id: u64) {
        let Some(Item { what: What::Pipe { kind, filled, gone }, .. }) = self.items.get_mut(&id) else { return };
        let name = if *kind == Kind::Output { "output" } else { "messages" };
        if *gone || *filled == 0 {
            return;
        }
        match self.reading.get(name).copied().unwrap_or(Reading::AtOnce) {
            Reading::AtOnce => *filled = 0,
            Reading::Stalled => return,
            Reading::Slowly { every, bytes } => {
                *filled = filled.saturating_sub(bytes);
                if *filled > 0 {
                    self.after(every, Happening::ReaderTakes(id));
                }
            }
        }
        self.changed(id);
    }

    /// What is true of it now.
    fn level(&self, id: u64) -> Option<Event> {
        let item = self.items.get(&id)?;
        let (token, interest) = item.registered?;
        let none =
            Event { token, readable: false, writable: false, read_closed: false, write_closed: false, error: false };
        let all = match &item.what {
            What::Stream(stream) => {
                let failed = stream.error.is_some() || stream.reset;
                Event {
                    readable: !stream.inbox.is_empty() || stream.ended || failed,
                    writable: (stream.stands && stream.room > 0) || failed,
                    read_closed: stream.ended || failed,
                    write_closed: failed,
                    error: failed,
                    ..none
                }
            }
            What::Datagrams { inbox, error, .. } => {
                Event { readable: !inbox.is_empty() || error.is_some(), error: error.is_some(), writable: true, ..none }
            }
            What::Pipe { filled, gone, .. } => {
                Event { writable: PIPE - filled >= PAGE || *gone, error: *gone, write_closed: *gone, ..none }
            }
            What::Signals => Event { readable: !self.signals.is_empty(), ..none },
        };
        let event = Event {
            readable: all.readable && interest.is_readable(),
            read_closed: all.read_closed && interest.is_readable(),
            writable: all.writable && interest.is_writable(),
            ..all
        };
        let is_any = event.readable || event.writable || event.read_closed || event.write_closed || event.error;
        is_any.then_some(event)
    }

    fn gather(&mut self, out: &mut Vec<Event>, capacity: usize) {
        while out.len() < capacity {
            let Some(id) = self.edges.pop_front() else { break };
            if let Some(item) = self.items.get_mut(&id) {
                item.edge = false;
                out.extend(self.level(id));
            }
        }
    }

    fn poll(&mut self, out: &mut Vec<Event>, capacity: usize, wait: Option<Duration>) -> io::Result<()> {
        self.polls += 1;
        self.system_call();
        let work = (self.now - self.poll_returned).saturating_sub(self.imposed);
        self.longest_work = self.longest_work.max(work);
        self.blind.push((self.poll_returned, self.now));
        self.imposed = Duration::ZERO;
        let asked = self.now;
        let result = self.wait(out, capacity, wait);
        if self.chance(self.faults.preempted) {
            let absence = Duration::from_millis(self.random.between(250, 1500));
            self.imposed += absence;
            self.preempted += absence;
            self.pass(absence);
        }
        if self.imposed > Duration::ZERO {
            self.blind.push((asked, self.now));
        }
        self.poll_returned = self.now;
        self.imposed = Duration::ZERO;
        result
    }

    fn wait(&mut self, out: &mut Vec<Event>, capacity: usize, wait: Option<Duration>) -> io::Result<()> {
        if self.chance(self.faults.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.chance(self.faults.spurious)
            && let Some(id) = self.items.keys().nth(self.random.below(self.items.len().max(1) as u64) as usize).copied()
        {
            self.changed(id);
        }
        // As mio does: to the next millisecond, so that nobody wakes up too early.
        let until = wait.map(|wait| self.now + Duration::from_millis(wait.as_nanos().div_ceil(1_000_000) as u64));
        loop {
            self.gather(out, capacity);
            if !out.is_empty() || until.is_some_and(|until| self.now >= until) {
                return Ok(());
            }
            let next = self.happenings.first_key_value().map(|((at, _), _)| *at);
            let next_absence = self.absences.front().map(|(at, _)| *at);
            match next.into_iter().chain(until).chain(next_absence).min() {
                Some(at) => self.move_to(at),
                None => panic!("the program sleeps for ever"),
            }
        }
    }

    fn connect(&mut self, to: SocketAddr) -> io::Result<u64> {
        self.system_call();
        if self.items.len() >= self.descriptors {
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        if self.chance(self.faults.no_buffers) {
            return Err(io::Error::from_raw_os_error(libc::ENOBUFS));
        }
        let nth = self.dialled.entry(to).or_default();
        let Some(peer) = self.peers.get(&to) else { panic!("{to} was dialled, and nobody said what it is") };
        let connect = peer.connect.get(*nth as usize).or(peer.connect.last()).cloned();
        let (room, ports, distance) = (peer.room, peer.ports, peer.distance);
        #[cfg(feature = "tls")]
        let speaks = peer.speaks;
        *nth += 1;
        if to.is_ipv6() && !self.has_ipv6 {
            return Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL));
        }
        let is_to = |item: &&Item| matches!(&item.what, What::Stream(stream) if stream.to == to);
        if self.items.values().filter(is_to).count() >= ports {
            return Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL));
        }
        let connect = connect.expect("a peer takes connections in one way or another");
        if let Connect::FailsAtOnce(error) = connect {
            return Err(io::Error::from_raw_os_error(error));
        }
        let now = self.now;
        let truths = self.truths.entry(to).or_default();
        truths.push(Truth { dialled: now, ..Truth::default() });
        let stream = Stream {
            to,
            stands: false,
            error: None,
            inbox: VecDeque::new(),
            ended: false,
            reset: false,
            deaf: false,
            room,
            wants_room: false,
            heard: Vec::new(),
            said_early: false,
            last_came: None,
            last_acknowledged: None,
            truth: truths.len() - 1,
            #[cfg(feature = "tls")]
            tls: (speaks == Speaks::Https).then(super::tls::Session::new),
        };
        let id = self.add(What::Stream(Box::new(stream)));
        match connect {
            Connect::After(time) if to.ip().is_loopback() && time.is_zero() => self.happen(Happening::Stands(id)),
            Connect::After(time) => self.after(time + 2 * distance, Happening::Stands(id)),
            Connect::Fails(time, error) => self.after(time + 2 * distance, Happening::ConnectFails(id, error)),
            Connect::Silent | Connect::FailsAtOnce(_) => {}
        }
        Ok(id)
    }

    fn read(&mut self, id: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.system_call();
        if self.chance(self.faults.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let Some(stream) = self.stream(id) else { panic!("a read from a closed socket") };
        if let Some(error) = stream.error.take() {
            stream.ended = true;
            return Err(io::Error::from_raw_os_error(error));
        }
        if !stream.stands && !stream.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if stream.inbox.is_empty() {
            return match (stream.reset, stream.ended) {
                (true, false) => {
                    stream.ended = true;
                    Err(io::Error::from_raw_os_error(libc::ECONNRESET))
                }
                (_, true) => Ok(0),
                (false, false) => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let length = buffer.len().min(stream.inbox.len());
        buffer.iter_mut().zip(stream.inbox.drain(..length)).for_each(|(to, from)| *to = from);
        let to = stream.to;
        let work = self.peers.get(&to).map_or(Duration::ZERO, |peer| peer.work);
        if !work.is_zero() {
            self.imposed += work;
            self.pass(work);
        }
        Ok(length)
    }

    fn write(&mut self, id: u64, bytes: &[u8]) -> io::Result<usize> {
        self.system_call();
        if self.chance(self.faults.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let some = 1 + self.random.below(bytes.len().max(1) as u64) as usize;
        let is_short = self.chance(self.faults.short);
        let Some(stream) = self.stream(id) else { panic!("a write to a closed socket") };
        if let Some(error) = stream.error.take() {
            stream.ended = true;
            return Err(io::Error::from_raw_os_error(error));
        }
        if stream.reset {
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
        if !stream.stands {
            // Half of them as Linux has it, half as the BSDs do.
            let not_yet = if id.is_multiple_of(2) { libc::EAGAIN } else { libc::ENOTCONN };
            return Err(io::Error::from_raw_os_error(not_yet));
        }
        if stream.room == 0 {
            stream.wants_room = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut length = bytes.len().min(stream.room);
        if is_short {
            length = length.min(some);
        }
        if length < bytes.len() {
            stream.wants_room = true;
        }
        stream.room -= length;
        let to = stream.to;
        if is_short {
            self.after(MICRO, Happening::HasRoom(id, 0));
        }
        let distance = self.peers.get(&to).map_or(Duration::ZERO, |peer| peer.distance);
        self.after(distance, Happening::PeerHears(id, bytes[..length].to_vec()));
        Ok(length)
    }

    fn send(&mut self, id: u64, bytes: &[u8]) -> io::Result<usize> {
        self.system_call();
        let Some(Item { what: What::Datagrams { to: Some(to), error, .. }, .. }) = self.items.get_mut(&id) else {
            panic!("a datagram to nobody");
        };
        if let Some(error) = error.take() {
            return Err(io::Error::from_raw_os_error(error));
        }
        let to = *to;
        let nth = self.asked.entry(to).or_default();
        *nth += 1;
        match self.names.get(&to).cloned() {
            Some(names) => {
                for (after, answer) in names(bytes, *nth - 1) {
                    self.after(after, Happening::Datagram(id, answer));
                }
            }
            None => self.after(Duration::from_millis(1), Happening::Unreachable(id)),
        }
        Ok(bytes.len())
    }

    fn receive(&mut self, id: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.system_call();
        let Some(Item { what: What::Datagrams { inbox, error, .. }, .. }) = self.items.get_mut(&id) else {
            panic!("no socket for datagrams");
        };
        if let Some(error) = error.take() {
            return Err(io::Error::from_raw_os_error(error));
        }
        let Some(bytes) = inbox.pop_front() else { return Err(io::ErrorKind::WouldBlock.into()) };
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn put(&mut self, id: u64, bytes: &[u8]) -> io::Result<usize> {
        self.system_call();
        let Some(Item { what: What::Pipe { kind, filled, gone }, .. }) = self.items.get_mut(&id) else {
            panic!("no pipe");
        };
        if *gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if *filled + bytes.len() > PIPE {
            self.broken.push(format!("a write of {} bytes to a pipe that has {filled} would wait", bytes.len()));
        }
        let was_empty = *filled == 0;
        *filled += bytes.len();
        let name = match kind {
            Kind::Output => {
                self.output.extend_from_slice(bytes);
                "output"
            }
            _ => {
                self.messages.extend_from_slice(bytes);
                "messages"
            }
        };
        if was_empty {
            match self.reading.get(name).copied().unwrap_or(Reading::AtOnce) {
                Reading::Slowly { every, .. } => self.after(every, Happening::ReaderTakes(id)),
                _ => self.after(MICRO, Happening::ReaderTakes(id)),
            }
        }
        Ok(bytes.len())
    }
}

/// How long the head of a request is, and the whole of it; `None`: the head is not whole.
fn request_length(heard: &[u8], speaks: Speaks) -> Option<(usize, usize)> {
    if speaks == Speaks::Dns {
        let length = 2 + usize::from(u16::from_be_bytes([*heard.first()?, *heard.get(1)?]));
        return (heard.len() >= length).then_some((length, length));
    }
    let head = heard.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&heard[..head]).to_ascii_lowercase();
    let value = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    Some((head, head + value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)))
}

fn with<R>(of: impl FnOnce(&mut World) -> R) -> Option<R> {
    WORLD.with_borrow_mut(|world| world.as_mut().map(of))
}

fn here<R>(of: impl FnOnce(&mut World) -> R) -> R {
    with(of).expect("a handle of the world is used in it")
}

/// Runs something in this world, and gives the world back.
pub fn run<R>(world: World, of: impl FnOnce() -> R) -> (R, World) {
    WORLD.with_borrow_mut(|here| assert!(here.replace(world).is_none(), "a world in a world"));
    // Whatever comes of it, the thread has no world afterwards.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(of));
    let world = WORLD.with_borrow_mut(Option::take).expect("it was put there above");
    match result {
        Ok(result) => (result, world),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

// What `os` asks of the world, where there is one.

pub fn is_here() -> bool {
    WORLD.with_borrow(Option::is_some)
}

pub fn now() -> Option<Instant> {
    with(|world| {
        world.pass(Duration::from_nanos(50));
        world.started + world.now
    })
}

pub fn wall() -> Option<Duration> {
    // The 13th of February 2009, a Friday.
    with(|world| Duration::from_secs(1_234_567_890) + world.now)
}

pub fn sleep(time: Duration) -> bool {
    with(|world| {
        world.imposed += time;
        world.pass(time);
    })
    .is_some()
}

pub fn read_file(path: &str) -> Option<io::Result<Vec<u8>>> {
    with(|world| match world.files.get(path) {
        Some(Ok(text)) => Ok(text.clone().into_bytes()),
        Some(Err(error)) => Err(io::Error::from_raw_os_error(*error)),
        None => Err(io::ErrorKind::NotFound.into()),
    })
}

pub fn seed() -> Option<u64> {
    with(|world| world.random.next())
}

pub fn signal() -> Option<i32> {
    with(|world| world.signals.pop_front()).flatten()
}

pub fn connect(to: SocketAddr) -> io::Result<Handle> {
    here(|world| world.connect(to)).map(Handle)
}

pub fn take_error(handle: &Handle) -> Option<io::Error> {
    here(|world| {
        world.system_call();
        world.stream(handle.0).and_then(|stream| stream.error.take()).map(io::Error::from_raw_os_error)
    })
}

pub fn peer_address(handle: &Handle) -> io::Result<SocketAddr> {
    here(|world| {
        world.system_call();
        match world.stream(handle.0) {
            Some(stream) if stream.stands && !stream.reset => Ok(stream.to),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    })
}

/// How long ago the peer was last heard of, in whole milliseconds as Linux tells it.
pub fn last_word(handle: &Handle) -> Option<LastWord> {
    here(|world| {
        world.system_call();
        let now = world.now;
        let stream = world.stream(handle.0)?;
        let (to, truth, came, acknowledged) = (stream.to, stream.truth, stream.last_came, stream.last_acknowledged);
        let stood = world.truth(to, truth).stood?;
        let ago = |at: Duration| Duration::from_millis((now - at).as_millis() as u64);
        Some(LastWord { bytes: ago(came.unwrap_or(stood)), acknowledgement: ago(acknowledged.unwrap_or(stood)) })
    })
}

pub fn bind(from: SocketAddr) -> io::Result<Handle> {
    here(|world| {
        world.system_call();
        if world.items.len() >= world.descriptors {
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        if from.is_ipv6() && !world.has_ipv6 {
            return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT));
        }
        Ok(world.add(What::Datagrams { to: None, inbox: VecDeque::new(), error: None }))
    })
    .map(Handle)
}

pub fn connect_datagrams(handle: &Handle, address: SocketAddr) -> io::Result<()> {
    here(|world| {
        world.system_call();
        match world.items.get_mut(&handle.0) {
            Some(Item { what: What::Datagrams { to, .. }, .. }) => *to = Some(address),
            _ => panic!("no socket for datagrams"),
        }
        Ok(())
    })
}

pub fn send(handle: &Handle, bytes: &[u8]) -> io::Result<usize> {
    here(|world| world.send(handle.0, bytes))
}

pub fn receive(handle: &Handle, buffer: &mut [u8]) -> io::Result<usize> {
    here(|world| world.receive(handle.0, buffer))
}

pub fn read(handle: &Handle, buffer: &mut [u8]) -> io::Result<usize> {
    here(|world| world.read(handle.0, buffer))
}

pub fn write(handle: &Handle, bytes: &[u8]) -> io::Result<usize> {
    here(|world| world.write(handle.0, bytes))
}

pub fn register(handle: &Handle, token: Token, interest: Interest) -> io::Result<()> {
    here(|world| {
        world.system_call();
        let Some(item) = world.items.get_mut(&handle.0) else { panic!("a closed descriptor is watched") };
        item.registered = Some((token, interest));
        if world.level(handle.0).is_some() {
            world.changed(handle.0);
        }
        Ok(())
    })
}

pub fn deregister(handle: &Handle) -> io::Result<()> {
    here(|world| {
        world.system_call();
        if let Some(item) = world.items.get_mut(&handle.0) {
            item.registered = None;
        }
        Ok(())
    })
}

pub fn poll(out: &mut Vec<Event>, capacity: usize, wait: Option<Duration>) -> io::Result<()> {
    here(|world| world.poll(out, capacity, wait))
}

pub fn open(kind: Kind) -> Handle {
    here(|world| {
        let what = match kind {
            Kind::Signals => What::Signals,
            Kind::Output | Kind::Messages => What::Pipe { kind, filled: 0, gone: false },
        };
        Handle(world.add(what))
    })
}

/// Whether a pipe takes a page without waiting, or says that nobody reads it.
pub fn has_room(handle: &Handle) -> bool {
    here(|world| {
        world.system_call();
        match world.items.get(&handle.0) {
            Some(Item { what: What::Pipe { filled, gone, .. }, .. }) => *gone || PIPE - filled >= PAGE,
            _ => false,
        }
    })
}

pub fn put(handle: &Handle, bytes: &[u8]) -> io::Result<usize> {
    here(|world| world.put(handle.0, bytes))
}
