//! A whole run in a world that a seed has made: thousands of checks and their queue, with no sockets and a clock that jumps.
//!
//! The world plays the engine and everybody behind it: name servers, networks that lose things, servers that lie, stall and
//! leave, a machine that runs short of descriptors. It knows beforehand what must come of each target, and holds the run to it:
//! each ends exactly once and for the right reason, the cap is never passed, the phases add up, nothing waits for ever.
//!
//! A failure prints its seed. `UPCHECK_SIM_SEED=7 cargo test sim` plays that world alone, `UPCHECK_SIM_ROUNDS=100000` plays many.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use upcheck::check::machine::{Action, Check, Input, Try};
use upcheck::check::outcome::{Failure, Outcome, Phases, Reason};
use upcheck::check::settings::{Draft, Setting, Settings};
use upcheck::check::target::Target;
use upcheck::engine::queue::{Limits, Queue};
use upcheck::proto::url::{Scheme, Url};

use crate::support::{SplitMix, ms};

/// How many worlds a plain `cargo test` plays.
const ROUNDS: u64 = 400;

/// The most targets in one of them.
const TARGETS_MAX: u64 = 120;

/// The longest step of a world where nothing is wrong. All steps of a check together stay far below its timeout.
const LATENCY_MAX: Duration = ms(100);

/// The most pieces that an answer comes in.
const PIECES_MAX: u64 = 6;

/// The longest that the simulated program is busy in between, in one turn, before it looks at the clock again.
const LAG_MAX: Duration = ms(5);

/// The `--max-body` of every target.
const BODY_MAX: usize = 1024;

/// How much real work a world may make: far above what any needs, so that one that goes round in circles is noticed.
const TURNS_MAX: usize = 1_000_000;

#[test]
fn every_check_ends_once_and_for_the_right_reason() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let (first, rounds) = match number("UPCHECK_SIM_SEED") {
        Some(seed) => (seed, number("UPCHECK_SIM_ROUNDS").unwrap_or(1)),
        None => (0, number("UPCHECK_SIM_ROUNDS").unwrap_or(ROUNDS)),
    };
    for seed in first..first + rounds {
        play(seed, |random| 1 + random.below(TARGETS_MAX) as usize);
    }
}

#[test]
fn thousands_at_once() {
    play(1_000_003, |_| 5_000);
}

/// Plays one world to its end.
fn play(seed: u64, count: impl FnOnce(&mut SplitMix) -> usize) {
    let _teller = SeedTeller(seed);
    let mut random = SplitMix(seed);
    let count = count(&mut random);
    let mut world = World::new(random, count);
    world.run();
    world.account();
}

/// Says which world it was when a test fails in it.
struct SeedTeller(u64);

impl Drop for SeedTeller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world of UPCHECK_SIM_SEED={}", self.0);
        }
    }
}

/// What becomes of a target in this world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Healthy,
    /// Its first address refuses, its second is well.
    SecondAddress,
    Sick,
    NoSuchName,
    SilentNameServer,
    Refuses,
    BlackHole,
    Untrusted,
    StallsInHandshake,
    LeavesInHandshake,
    Stalls,
    Closes,
    ClosesWithoutNotice,
    Resets,
    Garbage,
    TooLong,
}

impl Fate {
    const ALL: [Fate; 16] = [
        Fate::Healthy,
        Fate::SecondAddress,
        Fate::Sick,
        Fate::NoSuchName,
        Fate::SilentNameServer,
        Fate::Refuses,
        Fate::BlackHole,
        Fate::Untrusted,
        Fate::StallsInHandshake,
        Fate::LeavesInHandshake,
        Fate::Stalls,
        Fate::Closes,
        Fate::ClosesWithoutNotice,
        Fate::Resets,
        Fate::Garbage,
        Fate::TooLong,
    ];

    /// Whether a target of this URL can meet it.
    fn befalls(self, url: &Url) -> bool {
        match self {
            Fate::Healthy | Fate::SecondAddress | Fate::Refuses | Fate::BlackHole => true,
            Fate::NoSuchName | Fate::SilentNameServer => url.literal().is_none(),
            Fate::Untrusted | Fate::StallsInHandshake | Fate::LeavesInHandshake | Fate::ClosesWithoutNotice => {
                url.scheme() == Scheme::Https
            }
            Fate::Sick | Fate::Stalls | Fate::Closes | Fate::Resets | Fate::Garbage | Fate::TooLong => {
                url.scheme() != Scheme::Tcp
            }
        }
    }

    /// What must be said of it.
    fn reason(self) -> Reason {
        match self {
            Fate::Healthy | Fate::SecondAddress => Reason::Ok,
            Fate::Sick => Reason::Status,
            Fate::NoSuchName => Reason::DnsNotFound,
            Fate::SilentNameServer => Reason::DnsTimeout,
            Fate::Refuses => Reason::ConnectRefused,
            Fate::BlackHole => Reason::ConnectTimeout,
            Fate::Untrusted => Reason::TlsUntrusted,
            Fate::StallsInHandshake => Reason::TlsTimeout,
            Fate::LeavesInHandshake | Fate::Closes | Fate::ClosesWithoutNotice => Reason::Closed,
            Fate::Stalls => Reason::ResponseTimeout,
            Fate::Resets => Reason::Reset,
            Fate::Garbage => Reason::Malformed,
            Fate::TooLong => Reason::TooLarge,
        }
    }
}

/// A target as the world knows it.
struct Peer {
    url: Url,
    settings: Rc<Settings>,
    fate: Fate,
    /// What its server says, if it comes to that.
    answer: Vec<u8>,
    /// How many bytes of that are body.
    body_bytes: u64,
    /// How much of the answer is sent before something happens.
    sent: usize,
}

impl Peer {
    fn random(random: &mut SplitMix, said: &Said) -> Peer {
        const URLS: [&str; 6] =
            ["http://h/", "https://h/", "tcp://h:1", "http://10.0.0.7/", "https://[2001:db8::1]/", "tcp://10.0.0.7:1"];
        let (url, _) = Url::parse(URLS[random.index(URLS.len())]).expect("our own");
        let fate = loop {
            // Half of the world is well.
            let fate = if random.one_in(2) { Fate::Healthy } else { *random.pick(&Fate::ALL) };
            if fate.befalls(&url) {
                break fate;
            }
        };
        // What a HEAD request asks for has no body to go wrong.
        let needs_body = matches!(fate, Fate::TooLong | Fate::ClosesWithoutNotice);
        let settings = if needs_body { &said.plain } else { random.pick(&said.all) };
        let answer = Answer::random(random, fate, settings.template.is_head());
        // An answer that the end of the stream ends is only too short where its head is.
        let needed = if answer.until_close && fate == Fate::Closes { answer.head } else { answer.bytes.len() };
        let sent = match fate {
            Fate::Stalls | Fate::Closes | Fate::Resets => random.index(needed),
            _ => answer.bytes.len(),
        };
        Peer { url, settings: settings.clone(), fate, answer: answer.bytes, body_bytes: answer.body, sent }
    }

    fn target(&self) -> Target {
        Target { url: self.url.clone(), pinned: None, user: None, tags: None, settings: self.settings.clone() }
    }

    /// How long it is waited for in the phase that a timeout was in.
    fn limit(&self, reason: Reason) -> Duration {
        match reason {
            Reason::ResponseTimeout => self.settings.timeout,
            _ => self.settings.connect_timeout.unwrap_or(self.settings.timeout),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.answer[..self.sent].escape_ascii();
        write!(f, "{:?} {} of {} bytes: \"{answer}\"", self.fate, self.url, self.answer.len())
    }
}

/// The kinds of settings that the targets of a world share.
struct Said {
    plain: Rc<Settings>,
    all: [Rc<Settings>; 3],
}

impl Said {
    fn new() -> Said {
        let body_max = format!("{BODY_MAX}B");
        let settings = |said: &[(Setting, &str)]| {
            let mut draft = Draft::default();
            for (setting, value) in said.iter().chain(&[(Setting::MaxBody, body_max.as_str())]) {
                draft.set(*setting, value, |_| Err("no files".to_owned())).expect("our own");
            }
            Rc::new(draft.settings())
        };
        let plain = settings(&[]);
        Said {
            all: [
                plain.clone(),
                settings(&[(Setting::Timeout, "3s"), (Setting::ConnectTimeout, "1s")]),
                settings(&[(Setting::Head, "")]),
            ],
            plain,
        }
    }
}

/// What a server says.
struct Answer {
    bytes: Vec<u8>,
    /// The bytes up to the blank line.
    head: usize,
    body: u64,
    /// Only the end of the stream ends it.
    until_close: bool,
}

impl Answer {
    fn random(random: &mut SplitMix, fate: Fate, to_head: bool) -> Answer {
        let status = if fate == Fate::Sick { 503 } else { 200 };
        let mut bytes = Vec::new();
        for _ in 0..random.below(3) {
            bytes.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
        }
        if fate == Fate::Garbage {
            bytes.extend_from_slice(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
        }
        bytes.extend_from_slice(format!("HTTP/1.1 {status} Word\r\nServer: sim\r\n").as_bytes());
        let length = match fate {
            Fate::TooLong => BODY_MAX + 1 + random.below(BODY_MAX as u64) as usize,
            _ => random.below(BODY_MAX as u64) as usize,
        };
        // Only a body that comes can be too long, and only an end that means something can be missing.
        let until_close = !to_head && random.one_in(3) || fate == Fate::ClosesWithoutNotice;
        let chunked = !until_close && random.one_in(2);
        match (until_close, chunked) {
            (true, _) => bytes.extend_from_slice(b"\r\n"),
            (_, true) => bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n"),
            _ => bytes.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes()),
        }
        let head = bytes.len();
        if to_head {
            return Answer { bytes, head, body: 0, until_close: false };
        }
        let body = vec![b'x'; length];
        if chunked {
            for chunk in body.chunks(1 + random.below(300) as usize) {
                bytes.extend_from_slice(format!("{:x};n=v\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nDigest: z\r\n\r\n");
        } else {
            bytes.extend_from_slice(&body);
        }
        Answer { bytes, head, body: length as u64, until_close }
    }
}

/// What happens to one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    NameFound,
    NameMissing,
    FirstAddressRefused,
    Refused,
    Connected,
    Untrusted,
    Secured,
    Bytes {
        from: usize,
        to: usize,
    },
    Eof,
    Truncated,
    Reset,
    /// A timer set for this time has run out.
    Deadline(Instant),
}

/// A target that waits for its turn.
struct Waiting {
    id: usize,
    target: Target,
    since: Instant,
}

/// A check under way.
struct Job {
    id: usize,
    check: Check,
    since: Instant,
    /// The only timer that counts.
    armed: Option<Instant>,
    may_send: bool,
    holds_descriptor: bool,
    /// The first of its two addresses has refused.
    is_at_second: bool,
    /// The program's own time between an event and the check being asked: in nobody's phase.
    lost: Duration,
}

/// The engine of the simulation, and all that is around it.
struct World {
    random: SplitMix,
    /// What the program's clock shows.
    now: Instant,
    peers: Vec<Rc<Peer>>,
    /// How many of them have been brought to the queue.
    brought: usize,
    cap: usize,
    /// They are all brought at once, whether or not there is room for them.
    is_pushy: bool,
    /// How many more connections the machine can hold.
    descriptors: usize,
    /// Another program takes descriptors, too: one connection in so many finds none.
    robbed_every: Option<u64>,
    /// The end of the whole run.
    deadline: Option<Instant>,
    queue: Queue<Waiting>,
    /// By the number of the attempt. What happens to one that is over vanishes, as it does with the reactor's keys.
    jobs: BTreeMap<u64, Job>,
    attempts: u64,
    /// What is to come, the earliest first; what comes at the same time in the order of its making.
    coming: BinaryHeap<Reverse<(Instant, u64, u64, Happening)>>,
    made: u64,
    outcomes: Vec<Vec<Outcome>>,
}

impl World {
    fn new(mut random: SplitMix, count: usize) -> World {
        let now = Instant::now();
        let said = Said::new();
        let peers: Vec<_> = (0..count).map(|_| Rc::new(Peer::random(&mut random, &said))).collect();
        let cap = 1 + random.index(count);
        let is_pushy = random.one_in(4);
        let descriptors = if random.one_in(3) { 1 + random.index(cap) } else { usize::MAX };
        let robbed_every = random.one_in(4).then(|| 2 + random.below(40));
        let deadline = random.one_in(8).then(|| now + ms(random.below(8_000)));
        World {
            random,
            now,
            outcomes: peers.iter().map(|_| Vec::new()).collect(),
            peers,
            brought: 0,
            cap,
            is_pushy,
            descriptors,
            robbed_every,
            deadline,
            queue: Queue::new(Limits::in_flight(cap), |waiting| waiting.target.url.host()),
            jobs: BTreeMap::new(),
            attempts: 0,
            coming: BinaryHeap::new(),
            made: 0,
        }
    }

    /// The loop: bring targets while there is room, start what may start, jump to what happens next.
    fn run(&mut self) {
        for _ in 0..TURNS_MAX {
            self.bring();
            if self.queue.is_idle() {
                return;
            }
            if !self.turn() {
                self.abandon();
            }
        }
        panic!("still not over after {TURNS_MAX} turns");
    }

    fn bring(&mut self) {
        while self.brought < self.peers.len() && (self.is_pushy || self.queue.has_room()) {
            let id = self.brought;
            self.brought += 1;
            self.queue.push(Waiting { id, target: self.peers[id].target(), since: self.now });
            self.start();
        }
    }

    fn start(&mut self) {
        while let Some(Waiting { id, target, since }) = self.queue.start(self.now) {
            assert!(self.queue.in_flight() <= self.cap, "the cap is {}", self.cap);
            let first = Try { number: 1, degrades: true };
            let check = Check::new(target, first, self.now - since, self.now, Duration::ZERO);
            let attempt = self.attempts;
            self.attempts += 1;
            let job = Job {
                id,
                check,
                since,
                armed: None,
                may_send: false,
                holds_descriptor: false,
                is_at_second: false,
                lost: Duration::ZERO,
            };
            self.jobs.insert(attempt, job);
            assert_eq!(self.jobs.len(), self.queue.in_flight());
            self.tell(attempt, Input::Start, self.now);
        }
    }

    /// Lets happen all that is due, answers before deadlines. False when the time of the whole run is over first.
    fn turn(&mut self) -> bool {
        let Some(Reverse((next, ..))) = self.coming.peek() else { panic!("something waits and nothing will happen") };
        let now = self.now.max(*next) + self.random_time(LAG_MAX);
        self.now = now;
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return false;
        }
        let mut due = Vec::new();
        while self.coming.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            due.extend(self.coming.pop().map(|Reverse((.., attempt, happening))| (attempt, happening)));
        }
        due.sort_by_key(|(_, happening)| matches!(happening, Happening::Deadline(_)));
        for (attempt, happening) in due {
            self.happen(attempt, happening, now);
        }
        self.start();
        true
    }

    /// The time of the whole run is over.
    fn abandon(&mut self) {
        let failure = || Failure::new(Reason::Deadline, "the whole run's time was over");
        for attempt in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.tell(attempt, Input::Failed(failure()), self.now);
        }
        for waiting in self.queue.take_waiting() {
            self.never_started(waiting, failure());
        }
        for id in self.brought..self.peers.len() {
            self.never_started(Waiting { id, target: self.peers[id].target(), since: self.now }, failure());
        }
        self.brought = self.peers.len();
    }

    fn happen(&mut self, attempt: u64, happening: Happening, now: Instant) {
        let Some(job) = self.jobs.get_mut(&attempt) else { return };
        let peer = self.peers[job.id].clone();
        match happening {
            Happening::FirstAddressRefused => {
                job.holds_descriptor = false;
                job.is_at_second = true;
                self.give_back();
                return self.connect(attempt);
            }
            Happening::Deadline(at) if job.armed != Some(at) => return,
            Happening::Secured | Happening::Untrusted => self.tell(attempt, Input::Shown(Box::default()), now),
            _ => {}
        }
        let failed = |reason| Input::Failed(Failure::new(reason, "in the system's words"));
        let input = match happening {
            Happening::NameFound => Input::Resolved,
            Happening::NameMissing => failed(Reason::DnsNotFound),
            Happening::FirstAddressRefused | Happening::Refused => failed(Reason::ConnectRefused),
            Happening::Connected => Input::Connected(SocketAddr::from(([10, 0, 0, 7], 80))),
            Happening::Untrusted => failed(Reason::TlsUntrusted),
            Happening::Secured => Input::Secured,
            Happening::Bytes { from, to } => Input::Bytes(&peer.answer[from..to]),
            Happening::Eof => Input::Eof,
            Happening::Truncated => Input::Truncated,
            Happening::Reset => failed(Reason::Reset),
            Happening::Deadline(_) => Input::Deadline,
        };
        self.tell(attempt, input, now);
        self.follow(attempt, happening, &peer);
    }

    /// What the other side does next, if the check is still there to see it.
    fn follow(&mut self, attempt: u64, happening: Happening, peer: &Peer) {
        let Some(job) = self.jobs.get(&attempt) else { return };
        match (happening, peer.url.scheme()) {
            (Happening::Connected, Scheme::Https) => match peer.fate {
                Fate::Untrusted => self.soon(attempt, Happening::Untrusted),
                Fate::LeavesInHandshake => self.soon(attempt, Happening::Eof),
                Fate::StallsInHandshake => {}
                _ => self.soon(attempt, Happening::Secured),
            },
            (Happening::Connected, Scheme::Http) | (Happening::Secured, _) => {
                assert!(job.may_send, "nobody answers what was not asked");
                self.answer(attempt, peer);
            }
            _ => {}
        }
    }

    /// The server's answer, in pieces, and how it ends.
    fn answer(&mut self, attempt: u64, peer: &Peer) {
        let mut cuts: Vec<_> = (1..self.random.below(PIECES_MAX)).map(|_| self.random.index(peer.sent + 1)).collect();
        cuts.extend([0, peer.sent]);
        cuts.sort_unstable();
        let mut at = self.now;
        for cut in cuts.windows(2) {
            at += self.random_time(LATENCY_MAX / 2);
            self.later(attempt, at, Happening::Bytes { from: cut[0], to: cut[1] });
        }
        at += self.random_time(LATENCY_MAX / 2);
        match peer.fate {
            Fate::Stalls => {}
            Fate::Resets => self.later(attempt, at, Happening::Reset),
            Fate::ClosesWithoutNotice => self.later(attempt, at, Happening::Truncated),
            _ => self.later(attempt, at, Happening::Eof),
        }
    }

    /// Tells a check what happened and does what it wants done.
    fn tell(&mut self, attempt: u64, input: Input<'_>, stamp: Instant) {
        let asked = self.now + self.random_time(Duration::from_micros(5));
        self.now = asked;
        let Some(job) = self.jobs.get_mut(&attempt) else { return };
        job.check.handle(input, stamp);
        job.lost += asked - stamp;
        let (mut resolve, mut connect, mut finish) = (false, false, false);
        while let Some(action) = job.check.poll(asked) {
            assert!(!finish, "{action:?} after the end");
            match action {
                Action::Arm(at) => {
                    job.armed = Some(at);
                    self.made += 1;
                    self.coming.push(Reverse((at, self.made, attempt, Happening::Deadline(at))));
                }
                Action::Resolve => resolve = true,
                Action::Connect => connect = true,
                Action::Send => job.may_send = true,
                Action::Finish => finish = true,
            }
        }
        match (finish, connect, resolve) {
            (true, ..) => self.finish(attempt, stamp),
            (_, true, _) => self.connect(attempt),
            (.., true) => self.resolve(attempt),
            _ => {}
        }
    }

    fn resolve(&mut self, attempt: u64) {
        match self.peers[self.jobs[&attempt].id].fate {
            Fate::NoSuchName => self.soon(attempt, Happening::NameMissing),
            Fate::SilentNameServer => {}
            _ => self.soon(attempt, Happening::NameFound),
        }
    }

    fn connect(&mut self, attempt: u64) {
        let is_robbed = self.robbed_every.is_some_and(|every| self.random.one_in(every));
        if self.descriptors == 0 || is_robbed {
            return self.wait_for_another(attempt);
        }
        self.descriptors -= 1;
        let Some(job) = self.jobs.get_mut(&attempt) else { return };
        job.holds_descriptor = true;
        match self.peers[job.id].fate {
            Fate::Refuses => self.soon(attempt, Happening::Refused),
            Fate::BlackHole => {}
            Fate::SecondAddress if !job.is_at_second => self.soon(attempt, Happening::FirstAddressRefused),
            _ => self.soon(attempt, Happening::Connected),
        }
    }

    /// The machine is short of something: the check waits for its turn again, or is told that nothing will help.
    fn wait_for_another(&mut self, attempt: u64) {
        let Some(job) = self.jobs.remove(&attempt) else { return };
        let waiting = Waiting { id: job.id, target: job.check.into_target(), since: job.since };
        if let Err(waiting) = self.queue.put_back(waiting) {
            assert!(self.robbed_every.is_some(), "a machine to itself always has a descriptor for one");
            assert_eq!(self.queue.in_flight(), 0, "another could have helped");
            self.never_started(waiting, Failure::new(Reason::LocalFds, "none left"));
        }
    }

    fn never_started(&mut self, Waiting { id, target, since }: Waiting, failure: Failure) {
        let outcome = Outcome::not_started(target, failure, self.now - since, Duration::ZERO);
        self.outcomes[id].push(outcome);
    }

    fn finish(&mut self, attempt: u64, stamp: Instant) {
        let Some(job) = self.jobs.remove(&attempt) else { return };
        if job.holds_descriptor {
            self.give_back();
        }
        self.queue.ended(job.check.target().url.host());
        let elapsed = stamp.saturating_duration_since(job.check.started());
        let outcome = job.check.into_outcome();
        let total = outcome.phases.total();
        assert!(total <= elapsed && elapsed <= total + job.lost, "{total:?} of {elapsed:?}: {:?}", outcome.phases);
        if matches!(
            outcome.reason,
            Reason::DnsTimeout | Reason::ConnectTimeout | Reason::TlsTimeout | Reason::ResponseTimeout
        ) {
            let limit = self.peers[job.id].limit(outcome.reason);
            assert!(elapsed >= limit, "{:?} after {elapsed:?}", outcome.reason);
        }
        self.outcomes[job.id].push(outcome);
    }

    fn give_back(&mut self) {
        self.descriptors += 1;
    }

    fn soon(&mut self, attempt: u64, happening: Happening) {
        let at = self.now + self.random_time(LATENCY_MAX);
        self.later(attempt, at, happening);
    }

    fn later(&mut self, attempt: u64, at: Instant, happening: Happening) {
        self.made += 1;
        self.coming.push(Reverse((at, self.made, attempt, happening)));
    }

    fn random_time(&mut self, max: Duration) -> Duration {
        Duration::from_micros(self.random.below(max.as_micros() as u64 + 1))
    }

    /// Holds the run to what was known beforehand.
    fn account(&self) {
        for (peer, outcomes) in self.peers.iter().zip(&self.outcomes) {
            let [outcome] = &outcomes[..] else { panic!("{} endings of {peer:?}", outcomes.len()) };
            match outcome.reason {
                Reason::Deadline => assert!(self.deadline.is_some(), "{peer:?}"),
                Reason::LocalFds => assert!(self.robbed_every.is_some(), "{peer:?}"),
                reason => assert_eq!(reason, peer.fate.reason(), "{peer:?}: {:?}", outcome.detail),
            }
            if outcome.reason == Reason::Ok {
                let is_http = peer.url.scheme() != Scheme::Tcp;
                assert_eq!(outcome.status, is_http.then_some(200), "{peer:?}");
                assert_eq!(outcome.body_bytes, if is_http { peer.body_bytes } else { 0 }, "{peer:?}");
            }
            assert_eq!(outcome.detail.is_none(), outcome.reason == Reason::Ok, "{peer:?}");
            assert!(none_after_the_last(&outcome.phases), "{:?}", outcome.phases);
        }
        assert!(self.queue.most_in_flight() <= self.cap);
    }
}

/// Whether the phases that happened are the first of those that could: none was passed over but the lookup and TLS, which not
/// every check has.
fn none_after_the_last(phases: &Phases) -> bool {
    let chain = [phases.connect, phases.wait, phases.body];
    let happened = chain.iter().take_while(|phase| phase.is_some()).count();
    let tls_fits = phases.tls.is_none() || phases.connect.is_some();
    chain[happened..].iter().all(|phase| phase.is_none()) && tls_fits
}
