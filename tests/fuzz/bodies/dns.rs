//! Names: answers, the machine that asks for them, and the files that say how.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use upcheck::proto::dns::answer::{Answer, Families, LookupError};
use upcheck::proto::dns::config::{self, Hosts, MAX_ATTEMPTS, MAX_NDOTS, MAX_SEARCH, MAX_SERVERS, ResolvConf};
use upcheck::proto::dns::lookup::{Lookup, LookupAction, LookupInput};
use upcheck::proto::dns::manners::Manners;
use upcheck::proto::dns::message::{MAX_ADDRESSES, MAX_CNAMES, MAX_NEGATIVE_TTL, MAX_TTL, Response};
use upcheck::proto::dns::name::{MAX_NAME, Name};
use upcheck::proto::dns::query::{Query, RecordType, Transport, tcp_message};

use super::Tape;

/// The most deadlines that a lookup may need to give up: names, rounds, servers, families and transports, and room to spare.
const DEADLINES_MAX: usize = 2 * MAX_SERVERS * MAX_ATTEMPTS as usize * 2 * 2 * 4;

const RECORDS: [RecordType; 2] = [RecordType::A, RecordType::Aaaa];

/// An answer keeps to its bounds, whatever it claims.
pub fn dns_message(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let flags = tape.byte();
    let record = RECORDS[usize::from(flags & 1)];
    let transport = if flags & 2 == 0 { Transport::Udp } else { Transport::Tcp };
    let name = Name::parse("www.example.com").expect("a name");
    let query = Query::new(&name, record, false, &mut || 0x5eed);
    // As it is, nearly every input would be another's answer: most get the right id and question.
    let message = if flags & 4 == 0 { reply(query.datagram(), &mut tape) } else { tape.rest().to_vec() };
    let Ok(response) = Response::parse(&message, &query, transport) else { return };
    assert!(response.addresses.len() <= MAX_ADDRESSES && response.cnames <= MAX_CNAMES + 1);
    assert!(response.addresses.iter().all(|address| address.is_ipv4() == (record == RecordType::A)));
    assert!(response.ttl <= MAX_TTL && response.negative_ttl.is_none_or(|ttl| ttl <= MAX_NEGATIVE_TTL));
    assert_eq!(response.canonical.is_some(), response.cnames > 0);
    if response.truncated {
        assert!(response.addresses.is_empty() && response.cnames == 0);
    }
}

/// A lookup ends once, whatever comes in whatever order, and gives up when nothing comes any more.
pub fn dns_lookup(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let mut session = Session::new(tape.byte());
    while !tape.is_empty() {
        session.step(&mut tape);
    }
    session.tell(LookupInput::Start);
    for _ in 0..DEADLINES_MAX {
        let Some(armed) = session.armed.filter(|_| session.result.is_none()) else { break };
        session.now = session.now.max(armed);
        session.tell(LookupInput::Deadline);
    }
    match session.result.expect("it gives up in the end") {
        Ok(answer) => {
            assert!(!answer.addresses.is_empty() && answer.addresses.len() <= 2 * MAX_ADDRESSES);
            assert!(answer.ttl <= Duration::from_secs(MAX_TTL.into()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Any text is a configuration, and it keeps to its bounds.
pub fn dns_config(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let host = String::from_utf8_lossy(tape.line()).into_owned();
    let text = String::from_utf8_lossy(tape.rest());
    let conf = ResolvConf::parse(&text, |_| None);
    assert!(conf.servers.len() <= MAX_SERVERS && conf.search.len() <= MAX_SEARCH);
    assert!(!conf.servers.is_empty() || !conf.unusable.is_empty());
    assert!(conf.unusable.iter().all(|said| said.chars().all(|c| !c.is_control())));
    assert!(conf.ndots <= MAX_NDOTS && (1..=MAX_ATTEMPTS).contains(&conf.attempts) && !conf.timeout.is_zero());
    match config::candidates(&host, &conf) {
        Ok(names) => {
            assert!((1..=MAX_SEARCH + 1).contains(&names.len()));
            let texts = names.iter().map(Name::to_string);
            texts.for_each(|text| assert!(text.len() <= MAX_NAME && Name::parse(&text).is_ok(), "{text}"));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let hosts = Hosts::parse(&text);
    let addresses = hosts.get(&host);
    assert!(addresses.len() <= config::MAX_HOST_ADDRESSES);
    assert_eq!(hosts.get(&host.to_ascii_uppercase()), addresses, "case does not matter");
    assert!(config::loopback(&host).is_none_or(|addresses| addresses.iter().all(IpAddr::is_loopback)));
}

/// An answer to `query` with the flags, counts and records that the input says.
fn reply(query: &[u8], tape: &mut Tape<'_>) -> Vec<u8> {
    const HEADER: usize = 12;
    let (header, question) = query.split_at(HEADER);
    // The name ends at its zero; type and class follow, and an OPT record may.
    let question = question.split_at(question.iter().position(|byte| *byte == 0).map_or(0, |zero| zero + 5)).0;
    let counts = [tape.byte(), tape.byte(), 0, 1, 0, tape.byte(), 0, tape.byte(), 0, tape.byte()];
    [&header[..2], &counts, question, tape.rest()].concat()
}

/// A lookup, what it has asked, and how it ended.
struct Session {
    lookup: Lookup,
    servers: Vec<SocketAddr>,
    now: Instant,
    random: u64,
    armed: Option<Instant>,
    /// The last datagram and the last message over TCP of each record type.
    asked: [[Vec<u8>; 2]; 2],
    result: Option<Result<Answer, LookupError>>,
}

impl Session {
    fn new(flags: u8) -> Session {
        let text = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch a.example b.example\noptions rotate";
        let over_tcp = flags >> 6 & 1 == 1;
        let conf = ResolvConf { over_tcp, ..ResolvConf::parse(text, |_| None) };
        let families = [Families::Both, Families::V4, Families::V6][usize::from(flags % 3)];
        let host = ["www.example.com.", "db"][usize::from(flags >> 7)];
        let lookup = Lookup::new(host, &conf, families, usize::from(flags), Manners::default()).expect("a name");
        let asked = Default::default();
        let now = Instant::now();
        Session { lookup, servers: conf.servers, now, random: 1, armed: None, asked, result: None }
    }

    /// One thing happens: one byte says what, one says how long it took, and an answer has its length in a third.
    fn step(&mut self, tape: &mut Tape<'_>) {
        let what = tape.byte();
        self.now += Duration::from_millis(u64::from(tape.byte()) * 25);
        let which = usize::from(what >> 4 & 1);
        let record = RECORDS[which];
        let server = self.servers[usize::from(what >> 5 & 1)];
        let answer = |asked: &[u8], tape: &mut Tape<'_>| {
            let length = usize::from(tape.byte());
            let mut part = Tape(tape.take(length));
            if asked.is_empty() { part.rest().to_vec() } else { reply(asked, &mut part) }
        };
        match what & 15 {
            0..=6 => {
                let bytes = answer(&self.asked[which][0], tape);
                self.tell(LookupInput::Datagram { from: server, bytes: &bytes });
            }
            7 => self
                .tell(LookupInput::Datagram { from: SocketAddr::from(([198, 51, 100, 9], 53)), bytes: tape.take(64) }),
            8..=10 => {
                let bytes = answer(&self.asked[which][1], tape);
                self.tell(LookupInput::TcpMessage { record, bytes: &bytes });
            }
            11 => self.tell(LookupInput::TcpFailed { record }),
            12 => self.tell(LookupInput::Unreachable { server }),
            13 if which == 0 => self.tell(LookupInput::TcpWaits { record }),
            13 if what >> 5 & 1 == 0 => self.tell(LookupInput::NotSent { server, why: "not permitted" }),
            13 => self.tell(LookupInput::Deadline),
            14 => {
                self.now = self.armed.unwrap_or(self.now).max(self.now);
                self.tell(LookupInput::Deadline);
            }
            _ => self.tell(LookupInput::Start),
        }
    }

    fn tell(&mut self, input: LookupInput<'_>) {
        const ACTIONS_MAX: usize = 16;
        self.lookup.handle(input, self.now, &mut || {
            self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            self.random
        });
        let index = |record| usize::from(record == RecordType::Aaaa);
        for _ in 0..ACTIONS_MAX {
            let Some(action) = self.lookup.poll() else { return };
            assert!(self.result.is_none(), "{action:?} after the end");
            match action {
                LookupAction::SendUdp { record, server, bytes, .. } => {
                    assert!(self.servers.contains(&server));
                    self.asked[index(record)][0] = bytes.to_vec();
                }
                LookupAction::OpenTcp { record, server, bytes } => {
                    assert!(self.servers.contains(&server));
                    self.asked[index(record)][1] = tcp_message(bytes).expect("framed").to_vec();
                }
                LookupAction::CloseTcp { .. } => {}
                LookupAction::Arm(at) => self.armed = Some(at),
                LookupAction::Finish(result) => self.result = Some(result),
            }
        }
        panic!("there is always one thing more to do");
    }
}
