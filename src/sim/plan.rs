//! From a seed: a world with peers, name servers and troubles, the command line that is run in it, and what must come of
//! each target.
//!
//! What must come of a target is decided where its peer is made up, by what the peer does and by nothing else. A trouble
//! of the whole run (a signal, its deadline) may end any check, and only that may.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::names::{Found, NameServer};
use super::random::Random;
use super::world::{Answer, Connect, End, Faults, Peer, Reading, Speaks, When, World};

/// The port of every peer.
const PORT: u16 = 80;

/// Where the name server is.
const NAME_SERVER: &str = "10.255.0.1:53";

/// What is to come of one target.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The reasons that may come of it.
    pub reasons: Vec<&'static str>,
    /// How long it really takes, where it is healthy and that is known: all phases but the queue.
    pub takes: Option<Duration>,
    /// How long that takes is judged by its own expectations.
    pub is_judged: bool,
    /// What may stand if the run ends before there can be another attempt.
    pub at_first: Option<&'static str>,
    /// The time for one attempt.
    pub timeout: Duration,
    /// How many attempts it may take.
    pub attempts: u32,
    /// The address that the verdict is about.
    pub address: Option<SocketAddr>,
    /// How many redirects lead to it.
    pub redirects: u32,
    /// It is its own deadline that ends it.
    pub in_full: bool,
    /// It has several addresses, and may lack descriptors for all but the first.
    pub races: bool,
}

impl Expected {
    /// Whether any of what may come of it is healthy.
    pub fn may_be_healthy(&self) -> bool {
        self.in_full || self.reasons.iter().any(|reason| ["ok", "retried"].contains(reason))
    }
}

/// A run: its targets, its peers, and what happens to it.
pub struct Plan {
    pub world: World,
    pub flags: Vec<String>,
    pub lines: Vec<String>,
    pub expected: Vec<Expected>,
    /// When the run is told to end, by a signal or by its deadline, and how that shows in the outcomes.
    pub ended: Option<(Duration, &'static str)>,
    /// The reader of the results leaves.
    pub reader_goes: bool,
    /// The reader takes nothing.
    pub reader_stalls: bool,
    /// All the time that the program does not run.
    pub absent: Duration,
    /// The most that one piece of our own work takes.
    pub work: Duration,
    /// The time between two starts.
    pub interval: Option<Duration>,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Makes up a run.
pub fn plan(seed: u64) -> Plan {
    let mut random = Random::new(seed);
    let count = match random.below(10) {
        0..6 => random.between(1, 16),
        6..9 => random.between(17, 60),
        _ => random.between(61, 300),
    } as usize;
    let mut maker = Maker {
        world: World::new(random.next()),
        lines: Vec::new(),
        expected: Vec::new(),
        names: NameServer::default(),
        next_address: 0,
        has_ipv6: !random.one_in(3),
        is_bulky: false,
        has_tls: cfg!(feature = "tls") && random.one_in(12),
        work: if random.one_in(5) { ms(random.between(20, 70)) } else { Duration::ZERO },
        // In some worlds nearly all are of one kind: it is what many do together that starves others.
        only: random.one_in(4).then(|| random.below(KINDS)),
        random,
    };
    while maker.lines.len() < count {
        maker.target();
    }
    maker.finish()
}

/// How many kinds of targets there are.
const KINDS: u64 = 22;

/// Which of them are the races between several addresses.
const RACES: u64 = 10;

struct Maker {
    random: Random,
    world: World,
    lines: Vec<String>,
    expected: Vec<Expected>,
    names: NameServer,
    next_address: u32,
    has_ipv6: bool,
    work: Duration,
    only: Option<u64>,
    has_tls: bool,
    is_bulky: bool,
}

impl Maker {
    fn address(&mut self) -> SocketAddr {
        self.next_address += 1;
        let [_, b, c, d] = self.next_address.to_be_bytes();
        // Some peers are on this machine, where a connection stands at once.
        let first = if self.random.one_in(6) { 127 } else { 10 };
        SocketAddr::from((Ipv4Addr::new(first, b, c, d), PORT))
    }

    fn address_v6(&mut self) -> SocketAddr {
        self.next_address += 1;
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, (self.next_address >> 16) as u16, self.next_address as u16);
        SocketAddr::from((ip, PORT))
    }

    /// A peer that takes connections so and says this.
    fn peer(&mut self, at: SocketAddr, connect: Vec<Connect>, script: impl Fn(&[u8], u32) -> Option<Answer> + 'static) {
        let is_here = at.ip().is_loopback();
        let distance = if is_here { Duration::ZERO } else { Duration::from_micros(self.random.between(50, 20_000)) };
        let peer = Peer {
            speaks: Speaks::Http,
            connect,
            script: Rc::new(script),
            room: self.random.between(2_000, 200_000) as usize,
            reads: true,
            distance,
            ports: usize::MAX,
            work: Duration::ZERO,
        };
        self.world.peers.insert(at, peer);
    }

    fn stands(&mut self, at: SocketAddr) -> Vec<Connect> {
        match at.ip().is_loopback() {
            true => vec![Connect::After(Duration::ZERO)],
            false => vec![Connect::After(Duration::from_micros(self.random.below(30_000)))],
        }
    }

    /// The pieces of this answer, and how long they take.
    fn pieces(&mut self, wait: Duration, bytes: &[u8]) -> (Vec<(Duration, Vec<u8>)>, Duration) {
        let count = match self.random.below(4) {
            0 => self.random.between(2, 6),
            _ => 1,
        };
        let (mut pieces, mut took, mut rest) = (Vec::new(), Duration::ZERO, bytes);
        for number in 0..count {
            let length = if number + 1 == count { rest.len() } else { self.random.below(rest.len() as u64) as usize };
            let gap = if number == 0 { wait } else { Duration::from_micros(self.random.below(15_000)) };
            pieces.push((gap, rest[..length].to_vec()));
            took += gap;
            rest = &rest[length..];
        }
        (pieces, took)
    }

    /// A good answer that names its target, so that nobody takes another's for its own.
    fn answer(&mut self, number: usize, wait: Duration) -> (Answer, Duration) {
        let filler = self.random.between(0, 3000) as usize;
        let body = format!("this is {number};{}", "x".repeat(filler));
        let response = match self.random.below(3) {
            0 => {
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
            }
            _ => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        };
        let (pieces, took) = self.pieces(wait, response.as_bytes());
        let end = match self.random.below(4) {
            0 => End::Closes(Duration::from_micros(self.random.below(3000))),
            1 => End::Resets(Duration::from_micros(1 + self.random.below(3000))),
            _ => End::Stays,
        };
        (Answer { when: When::Asked, pieces, noise: Vec::new(), end }, took)
    }

    /// Adds a target under this host, with what its line says beside it.
    fn line(&mut self, url: String, options: &str, expected: Expected) {
        let number = self.lines.len();
        let timeout = expected.timeout.as_millis();
        self.lines.push(format!("{url} name=t{number} timeout={timeout}ms {options}"));
        self.expected.push(expected);
    }

    fn expecting(&self, reasons: &[&'static str], timeout: Duration) -> Expected {
        Expected {
            reasons: reasons.to_vec(),
            takes: None,
            is_judged: false,
            at_first: None,
            timeout,
            attempts: 1,
            address: None,
            redirects: 0,
            in_full: false,
            races: false,
        }
    }

    fn target(&mut self) {
        let kind = match self.only {
            Some(kind) if !self.random.one_in(6) => kind,
            _ => self.random.below(KINDS),
        };
        match kind {
            0..=3 => self.healthy(),
            4 => self.named(),
            5 => self.late(),
            6 => self.fails_to_connect(),
            7 => self.breaks_off(),
            8 => self.redirects(),
            9 => self.early_answer(),
            RACES => self.race(),
            11 => self.kept_connections(),
            12 => self.retried(),
            13 => self.no_such_name(),
            14 => self.heavy(),
            15 => self.no_way(),
            16 => self.narrow(),
            17 => self.leaves(),
            // They cost much, and there are enough seeds.
            18 if self.has_tls => self.secure(),
            18 => self.healthy(),
            19 => self.bulky(),
            20 => self.behind_a_proxy(),
            _ => self.connect_timeout(),
        }
    }

    /// A peer that is well, alone, and in time: it must be up, and no slower than it is.
    fn healthy(&mut self) {
        let at = self.address();
        let number = self.lines.len();
        // Some hold what they have for long.
        let most = if self.random.one_in(6) { 5000 } else { 800 };
        let wait = ms(self.random.below(most));
        let (answer, took) = self.answer(number, wait);
        let stands = self.stands(at);
        let connect = match stands[0] {
            Connect::After(time) => time,
            _ => Duration::ZERO,
        };
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        let takes = connect + 4 * self.world.peers[&at].distance + took;
        let timeout = takes + ms(self.random.between(60, 1500));
        let expected = Expected { takes: Some(takes), address: Some(at), ..self.expecting(&["ok"], timeout) };
        let most = (takes + ms(40)).as_micros();
        let is_judged = self.random.one_in(3);
        let expected = Expected { is_judged, ..expected };
        let judged = if is_judged { format!(" expect='total < {most}us'") } else { String::new() };
        self.line(format!("http://{at}/"), &format!("expect='body contains \"this is {number};\"'{judged}"), expected);
    }

    /// The same behind a name, of which servers say more or less quickly what it is.
    fn named(&mut self) {
        let at = self.address();
        let number = self.lines.len();
        let (answer, took) = self.answer(number, ms(200));
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        let name = format!("h{number}.test");
        let lost = if self.random.one_in(4) { 1 } else { 0 };
        self.names.add(&name, Found::Addresses(vec![at.ip()]), ms(self.random.below(100)), lost);
        if self.random.one_in(4) {
            self.names.say_over_tcp(&name);
        }
        let timeout = took + ms(4000);
        let expected = Expected { address: Some(at), ..self.expecting(&["ok"], timeout) };
        let line = format!("expect='body contains \"this is {number};\"'");
        self.line(format!("http://{name}/"), &line, expected);
    }

    /// Answers, but not in time.
    fn late(&mut self) {
        let at = self.address();
        let timeout = ms(self.random.between(120, 900));
        let number = self.lines.len();
        let (answer, _) = self.answer(number, timeout + ms(30));
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        let expected = Expected { in_full: true, ..self.expecting(&["response_timeout"], timeout) };
        self.line(format!("http://{at}/"), "", expected);
    }

    /// No connection, at once or after a while.
    fn fails_to_connect(&mut self) {
        let at = self.address();
        let (error, reason) = *self.random.pick(&[
            (libc::ECONNREFUSED, "connect_refused"),
            (libc::EHOSTUNREACH, "connect_unreachable"),
            (libc::ENETUNREACH, "connect_unreachable"),
            (libc::ENETDOWN, "connect_unreachable"),
            (libc::ETIMEDOUT, "connect_timeout"),
            (libc::ECONNRESET, "reset"),
            (libc::EINVAL, "connect_unreachable"),
            (libc::EACCES, "connect_unreachable"),
            (libc::EPERM, "connect_unreachable"),
        ]);
        let connect = match self.random.below(3) {
            0 => Connect::Fails(ms(self.random.below(300)), error),
            _ => Connect::FailsAtOnce(error),
        };
        self.peer(at, vec![connect], |_, _| None);
        let expected = self.expecting(&[reason], ms(1000));
        self.line(format!("http://{at}/"), "", expected);
    }

    /// A family that this machine has no address of.
    fn no_way(&mut self) {
        let at = self.address_v6();
        let number = self.lines.len();
        let (answer, took) = self.answer(number, ms(50));
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        let reason = if self.has_ipv6 { "ok" } else { "connect_unreachable" };
        let expected = self.expecting(&[reason], took + ms(1000));
        self.line(format!("http://{at}/"), "", expected);
    }

    /// Nothing ever comes back.
    fn connect_timeout(&mut self) {
        let at = self.address();
        self.peer(at, vec![Connect::Silent], |_, _| None);
        let timeout = ms(self.random.between(50, 900));
        let expected = self.expecting(&["connect_timeout"], timeout);
        let options = if self.random.one_in(2) { "connect-timeout=40ms" } else { "" };
        let time = if options.is_empty() { timeout } else { ms(40) };
        let expected = Expected { timeout: time, in_full: true, ..expected };
        let line = format!("http://{at}/");
        let number = self.lines.len();
        self.lines.push(format!("{line} name=t{number} timeout={}ms {options}", timeout.as_millis()));
        self.expected.push(expected);
    }

    /// It would go on for long.
    fn hangs(&mut self) {
        let at = self.address();
        self.peer(at, vec![Connect::Silent], |_, _| None);
        let expected = Expected { in_full: true, ..self.expecting(&["connect_timeout"], ms(30_000)) };
        self.line(format!("http://{at}/"), "", expected);
    }

    /// The connection ends in the middle.
    fn breaks_off(&mut self) {
        let at = self.address();
        let said = *self.random.pick(&["", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"]);
        let (pieces, _) = self.pieces(ms(100), said.as_bytes());
        let gap = Duration::from_micros(1 + self.random.below(3000));
        let (end, reason) = *self.random.pick(&[(End::Closes(gap), "closed"), (End::Resets(gap), "reset")]);
        let answer = Answer { when: When::Asked, pieces, noise: Vec::new(), end };
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        let expected = self.expecting(&[reason], ms(1000));
        self.line(format!("http://{at}/"), "", expected);
    }

    /// One peer sends on to another, and goes in its own way.
    fn redirects(&mut self) {
        let (first, second) = (self.address(), self.address());
        let number = self.lines.len();
        let wait = ms(self.random.below(300));
        let second_wait = ms(self.random.below(300));
        let (answer, took) = self.answer(number, second_wait);
        let stands = self.stands(second);
        self.peer(second, stands, move |_, _| Some(answer.clone()));
        let status = *self.random.pick(&[301, 302, 307, 308]);
        // What it says behind its answer is nobody's any more.
        let more = *self.random.pick(&["", "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "\r\n\r\n"]);
        let said = format!("HTTP/1.1 {status} Away\r\nLocation: http://{second}/\r\nContent-Length: 0\r\n\r\n{more}");
        let when = *self.random.pick(&[When::Asked, When::HeadCame]);
        let end = *self.random.pick(&[End::Stays, End::Closes(ms(0)), End::Resets(ms(1))]);
        let redirect = Answer { when, pieces: vec![(wait, said.into_bytes())], noise: Vec::new(), end };
        let stands = self.stands(first);
        self.peer(first, stands, move |_, _| Some(redirect.clone()));
        let body = if self.random.one_in(2) { self.random.between(1, 60_000) } else { 0 };
        let data = if body > 0 { format!(" data='{}'", "d".repeat(body as usize)) } else { String::new() };
        let expected =
            Expected { address: Some(second), redirects: 1, ..self.expecting(&["ok"], wait + took + ms(1500)) };
        self.line(
            format!("http://{first}/"),
            &format!("location{data} expect='body contains \"this is {number};\"'"),
            expected,
        );
    }

    /// The answer comes before the request has been sent, and then nobody listens any more.
    fn early_answer(&mut self) {
        let at = self.address();
        let (status, reason) = *self.random.pick(&[(413, "status"), (401, "status"), (200, "ok")]);
        let said = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let end = *self.random.pick(&[End::Closes(ms(0)), End::Resets(ms(2))]);
        let answer = Answer { when: When::HeadCame, pieces: vec![(ms(0), said.into_bytes())], noise: Vec::new(), end };
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        if self.random.one_in(2)
            && let Some(peer) = self.world.peers.get_mut(&at)
        {
            peer.room = 4000;
        }
        let length = self.random.between(10_000, 64_000) as usize;
        let expected = self.expecting(&[reason], ms(1500));
        self.line(format!("http://{at}/"), &format!("data='{}'", "d".repeat(length)), expected);
    }

    /// Several addresses, of which one is well.
    fn race(&mut self) {
        let number = self.lines.len();
        let good = if self.random.one_in(2) { self.address() } else { self.address_v6() };
        let bad = if self.random.one_in(2) { self.address() } else { self.address_v6() };
        // One of the two must be of the family that is there.
        let good = if self.has_ipv6 { good } else { self.address() };
        let (answer, took) = self.answer(number, ms(100));
        let stands = self.stands(good);
        self.peer(good, stands, move |_, _| Some(answer.clone()));
        let connect = self
            .random
            .pick(&[
                Connect::Silent,
                Connect::FailsAtOnce(libc::ECONNREFUSED),
                Connect::FailsAtOnce(libc::EADDRNOTAVAIL),
                Connect::Fails(ms(40), libc::EHOSTUNREACH),
            ])
            .clone();
        self.peer(bad, vec![connect], |_, _| None);
        let name = format!("r{number}.test");
        let both = if self.random.one_in(2) { vec![good.ip(), bad.ip()] } else { vec![bad.ip(), good.ip()] };
        self.names.add(&name, Found::Addresses(both), ms(self.random.below(50)), 0);
        let timeout = took + ms(self.random.between(700, 3000));
        let expected = Expected { address: Some(good), races: true, ..self.expecting(&["ok"], timeout) };
        self.line(format!("http://{name}/"), &format!("expect='body contains \"this is {number};\"'"), expected);
    }

    /// Many ask one peer over connections that are kept, which it ends when it likes.
    fn kept_connections(&mut self) {
        let at = self.address();
        let many = self.random.between(2, 12);
        let wait = ms(self.random.below(60));
        let closes_after = self.random.between(1, 4) as u32;
        let how = *self.random.pick(&[End::Closes(ms(1)), End::Resets(ms(1))]);
        let stands = self.stands(at);
        self.peer(at, stands, move |request, number| {
            // It says what it was asked for, so that an answer that went astray is found.
            let path = String::from_utf8_lossy(request).split(' ').nth(1).unwrap_or_default().to_owned();
            let said = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len());
            let end = if number % (closes_after + 1) == closes_after { how } else { End::Stays };
            Some(Answer { when: When::Asked, pieces: vec![(wait, said.into_bytes())], noise: Vec::new(), end })
        });
        for _ in 0..many {
            let number = self.lines.len();
            let expected = Expected { address: Some(at), ..self.expecting(&["ok"], wait + ms(2500)) };
            let line = format!("keepalive expect='body == \"/is/{number}\"'");
            self.line(format!("http://{at}/is/{number}"), &line, expected);
        }
    }

    /// Bad at first, then good.
    fn retried(&mut self) {
        let at = self.address();
        let number = self.lines.len();
        let (answer, took) = self.answer(number, ms(30));
        let stands = self.stands(at).remove(0);
        let (first, reason) = match self.random.below(3) {
            0 => (Connect::FailsAtOnce(libc::ECONNREFUSED), "connect_refused"),
            1 => (Connect::Fails(ms(20), libc::ECONNREFUSED), "connect_refused"),
            _ => (Connect::Silent, "connect_timeout"),
        };
        self.peer(at, vec![first, stands], move |_, _| Some(answer.clone()));
        let expected = Expected {
            address: Some(at),
            attempts: 2,
            at_first: Some(reason),
            ..self.expecting(&["retried"], took + ms(700))
        };
        self.line(format!("http://{at}/"), "retry=1 retry-delay=50ms", expected);
    }

    /// A name that does not lead anywhere.
    fn no_such_name(&mut self) {
        let number = self.lines.len();
        let (found, reason) = match self.random.below(3) {
            0 => (Found::Silent, "dns_timeout"),
            1 => (Found::Rcode(2), "dns_failed"),
            _ => (Found::Rcode(3), "dns_not_found"),
        };
        // Several may wait for one name.
        let name = format!("n{}.test", if self.random.one_in(3) { number } else { number / 8 * 8 });
        let name = if reason == "dns_not_found" { name } else { format!("{reason}{number}.test").replace('_', "-") };
        self.names.add(&name, found, ms(self.random.below(20)), 0);
        let timeout = if reason == "dns_timeout" { ms(self.random.between(100, 900)) } else { ms(5000) };
        let in_full = reason == "dns_timeout";
        let expected = Expected { in_full, ..self.expecting(&[reason], timeout) };
        self.line(format!("http://{name}/"), "", expected);
    }

    /// Reading its answer costs this program much time, and all others with it.
    fn heavy(&mut self) {
        let at = self.address();
        let number = self.lines.len();
        let wait = ms(self.random.between(50, 250));
        let (answer, took) = self.answer(number, wait);
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        let work = self.work;
        if let Some(peer) = self.world.peers.get_mut(&at) {
            peer.work = work;
        }
        let expected = Expected { address: Some(at), ..self.expecting(&["ok"], took + ms(900)) };
        self.line(format!("http://{at}/"), "", expected);
    }

    /// An answer so large that not many of its kind can be kept at once, which comes little by little.
    fn bulky(&mut self) {
        let at = self.address();
        let number = self.lines.len();
        let length = self.random.between(20_000, 300_000) as usize;
        let body = format!("{};this is {number}", "x".repeat(length));
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (mut pieces, mut took) = self.pieces(ms(30), response.as_bytes());
        if let Some((gap, _)) = pieces.get_mut(1) {
            // While it takes its time, others wait.
            *gap += ms(self.random.below(700));
            took += *gap;
        }
        let answer = Answer { when: When::Asked, pieces, noise: Vec::new(), end: End::Stays };
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| Some(answer.clone()));
        let timeout = took + ms(self.random.between(300, 1200));
        let expected = Expected { address: Some(at), ..self.expecting(&["ok"], timeout) };
        self.line(format!("http://{at}/"), &format!("expect='body contains \";this is {number}\"'"), expected);
        self.is_bulky = true;
    }

    /// Reached through a proxy, which looks names up itself: by asking it for all, or through a tunnel.
    fn behind_a_proxy(&mut self) {
        let proxy = self.address();
        let number = self.lines.len();
        let wait = ms(self.random.below(200));
        let (answer, took) = self.answer(number, wait);
        let status = *self.random.pick(&[200, 204, 403, 502]);
        let stands = self.stands(proxy);
        self.peer(proxy, stands, move |request, _| match request.starts_with(b"CONNECT ") {
            true => {
                // Lengths mean nothing in a tunnel's answer.
                let said = format!("HTTP/1.1 {status} Said\r\nContent-Length: 5\r\n\r\n");
                Some(Answer {
                    when: When::Asked,
                    pieces: vec![(wait, said.into_bytes())],
                    noise: Vec::new(),
                    end: End::Stays,
                })
            }
            false => Some(answer.clone()),
        });
        let timeout = took + wait + ms(1500);
        if self.random.one_in(2) {
            let expected = self.expecting(&["ok"], timeout);
            let options = format!("proxy=http://{proxy} expect='body contains \"this is {number};\"'");
            self.line(format!("http://there{number}.test/"), &options, expected);
        } else {
            let reason = if status < 300 { "ok" } else { "connect_refused" };
            let expected = self.expecting(&[reason], timeout);
            self.line(format!("tcp://there{number}.test:9"), &format!("proxy=http://{proxy}"), expected);
        }
    }

    /// A peer that takes the connection and leaves at once.
    fn leaves(&mut self) {
        let at = self.address();
        let gap = Duration::from_micros(self.random.below(3000));
        let end = *self.random.pick(&[End::Closes(gap), End::Resets(gap)]);
        let stands = self.stands(at);
        self.peer(at, stands, |_, _| None);
        if let Some(peer) = self.world.peers.get_mut(&at) {
            peer.speaks = Speaks::Leaves(end);
        }
        // Writing to one who has left resets, and which of the two is found first is a matter of time.
        let expected = self.expecting(&["closed", "reset"], ms(1500));
        self.line(format!("http://{at}/"), "", expected);
    }

    /// The same as others, behind TLS. Where it leads elsewhere, what it says behind its answer is nobody's.
    fn secure(&mut self) {
        let number = self.lines.len();
        let wait = ms(self.random.below(200));
        let (answer, took) = self.answer(number, wait);
        let last = self.address();
        let stands = self.stands(last);
        self.peer(last, stands, move |_, _| Some(answer.clone()));
        let leads = self.random.below(3);
        if leads < 2
            && let Some(peer) = self.world.peers.get_mut(&last)
        {
            peer.speaks = Speaks::Https;
        }
        let mut first = last;
        if leads > 0 {
            first = self.address();
            let scheme = if leads == 1 { "https" } else { "http" };
            let said = format!("HTTP/1.1 302 Away\r\nLocation: {scheme}://{last}/\r\nContent-Length: 0\r\n\r\n");
            let redirect = Answer {
                when: When::Asked,
                pieces: vec![(ms(20), said.into_bytes())],
                // An alert in the clear, which is an error once the handshake is done.
                noise: vec![21, 3, 3, 0, 2, 2, 40],
                end: End::Stays,
            };
            let stands = self.stands(first);
            self.peer(first, stands, move |_, _| Some(redirect.clone()));
            if let Some(peer) = self.world.peers.get_mut(&first) {
                peer.speaks = Speaks::Https;
            }
        }
        let expected = Expected {
            address: Some(last),
            redirects: u32::from(leads > 0),
            ..self.expecting(&["ok"], wait + took + ms(2500))
        };
        let options = format!("insecure location allow-downgrade expect='body contains \"this is {number};\"'");
        let url = format!("https://{first}/");
        self.line(url, &options, expected);
    }

    /// A peer to which this machine has few ports.
    fn narrow(&mut self) {
        let at = self.address();
        let wait = ms(self.random.between(5, 40));
        let stands = self.stands(at);
        self.peer(at, stands, move |_, _| {
            let said = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
            Some(Answer { when: When::Asked, pieces: vec![(wait, said)], noise: Vec::new(), end: End::Stays })
        });
        let ports = self.random.between(1, 5) as usize;
        if let Some(peer) = self.world.peers.get_mut(&at) {
            peer.ports = ports;
        }
        for _ in 0..self.random.between(2, 12) {
            let expected = Expected { address: Some(at), ..self.expecting(&["ok"], wait + ms(900)) };
            self.line(format!("http://{at}/"), "", expected);
        }
    }

    /// The troubles of the whole run.
    fn finish(mut self) -> Plan {
        let in_flight = match self.random.below(4) {
            0 => self.random.between(1, 8),
            1 => self.random.between(8, 64),
            _ => 400,
        } as usize;
        let mut flags: Vec<String> = ["--no-progress", "-o", "ndjson"].map(str::to_owned).to_vec();
        flags.push(format!("-c{in_flight}"));
        if self.is_bulky && self.random.one_in(2) {
            flags.push(format!("--max-memory={}KiB", self.random.between(1, 400)));
        }
        let mut absent = Duration::ZERO;
        if self.random.one_in(3) {
            let mut at = Duration::ZERO;
            for _ in 0..self.random.between(1, 3) {
                // Also before the first turn.
                at += if self.random.one_in(4) { Duration::ZERO } else { ms(self.random.below(1500)) };
                let absence = ms(*self.random.pick(&[300, 900, 2000, 8000]) + self.random.below(50));
                self.world.absences.push_back((at, absence));
                absent += absence;
            }
        }
        if self.random.one_in(3) {
            self.world.faults = Faults {
                interrupted: self.random.below(30) as u32,
                no_buffers: self.random.below(10) as u32,
                short: *self.random.pick(&[20, 20, 60]),
                spurious: self.random.below(30) as u32,
                preempted: if self.random.one_in(3) { self.random.below(20) as u32 } else { 0 },
            };
        }
        if self.random.one_in(4) {
            self.world.slowness = self.random.between(10, 50) as u32;
        }
        if self.random.one_in(if self.only == Some(RACES) { 2 } else { 4 }) {
            // Descriptors of the program itself, a name server's, and some checks'.
            self.world.descriptors = 8 + self.random.between(2, 30) as usize;
        }
        let interval = self.random.one_in(8).then(|| {
            let rate = self.random.between(20, 5000);
            flags.push(format!("--rate={rate}"));
            Duration::from_nanos(1_000_000_000 / rate)
        });
        let (mut reader_goes, mut reader_stalls) = (false, false);
        let mut ended = None;
        match self.random.below(12) {
            0 => {
                let at = ms(self.random.below(1500));
                self.world.signal_at(at, libc::SIGINT);
                ended = Some((at, "interrupted"));
                self.hangs();
            }
            1 => {
                let at = ms(self.random.between(1, 1500));
                flags.push(format!("--deadline={}ms", at.as_millis()));
                ended = Some((at, "deadline"));
                self.hangs();
            }
            2 => {
                self.world.reader_goes_at(ms(self.random.below(1000)));
                reader_goes = true;
            }
            3 => {
                self.world.reading.insert("output", Reading::Stalled);
                let at = ms(self.random.between(1, 1500));
                flags.push(format!("--deadline={}ms", at.as_millis()));
                ended = Some((at, "deadline"));
                reader_stalls = true;
            }
            4 | 5 => {
                let bytes = self.random.between(500, 60_000) as usize;
                let every = Duration::from_micros(self.random.between(100, 20_000));
                self.world.reading.insert("output", Reading::Slowly { every, bytes });
            }
            6 => {
                self.world.reading.insert("messages", Reading::Stalled);
                flags.push("-v".to_owned());
            }
            _ => {}
        }
        self.world.has_ipv6 = self.has_ipv6;
        let server: SocketAddr = NAME_SERVER.parse().expect("it is one");
        let (by_datagram, by_connection) = std::mem::take(&mut self.names).scripts(self.random.next());
        self.world.names.insert(server, by_datagram);
        self.peer(server, vec![Connect::After(Duration::from_micros(400))], |_, _| None);
        if let Some(peer) = self.world.peers.get_mut(&server) {
            (peer.speaks, peer.script) = (Speaks::Dns, by_connection);
        }
        let conf = format!("nameserver {}\noptions timeout:1 attempts:3\n", server.ip());
        self.world.files.insert("/etc/resolv.conf", Ok(conf));
        let heavies = if self.work.is_zero() { 0 } else { self.expected.len() as u32 };
        Plan {
            absent,
            work: self.work * heavies,
            world: self.world,
            flags,
            lines: self.lines,
            expected: self.expected,
            ended,
            reader_goes,
            reader_stalls,
            interval,
        }
    }
}

/// The addresses of one family.
pub fn of_family(addresses: &[IpAddr], v6: bool) -> Vec<IpAddr> {
    addresses.iter().copied().filter(|address| address.is_ipv6() == v6).collect()
}
