//! A name server that says what it is told to, lies included, over UDP and TCP at one port.
//!
//! It writes its messages byte by byte after RFC 1035 and keeps a record of what it was asked.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{PATIENCE, accept, end};

/// The record types that a client asks for.
pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;
const CNAME: u16 = 5;
const SOA: u16 = 6;

/// Codes of RFC 1035, 4.1.1.
pub(crate) const FORMERR: u8 = 1;
pub(crate) const SERVFAIL: u8 = 2;
pub(crate) const NXDOMAIN: u8 = 3;
pub(crate) const NOTIMP: u8 = 4;
pub(crate) const REFUSED: u8 = 5;

const HEADER: usize = 12;
/// A pointer to the name in the question.
const TO_QUESTION: [u8; 2] = [0xc0, HEADER as u8];

/// A query as it came.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The name in lower case, with its final dot.
    pub(crate) name: String,
    /// `A` or `AAAA`.
    pub(crate) kind: u16,
    /// Whether it came over TCP.
    pub(crate) over_tcp: bool,
    /// Whether it brought an OPT record.
    pub(crate) has_edns: bool,
    /// The letters of the name were mixed.
    pub(crate) is_mixed: bool,
    id: [u8; 2],
    /// Name, type and class as they came.
    section: Vec<u8>,
}

impl Question {
    fn read(bytes: &[u8], over_tcp: bool) -> Question {
        let (mut name, mut at) = (String::new(), HEADER);
        while bytes[at] > 0 {
            let end = at + 1 + usize::from(bytes[at]);
            name.push_str(std::str::from_utf8(&bytes[at + 1..end]).expect("a host name"));
            name.push('.');
            at = end;
        }
        Question {
            kind: u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]),
            over_tcp,
            has_edns: bytes[11] == 1,
            is_mixed: name.contains(|c: char| c.is_ascii_uppercase()),
            name: name.to_ascii_lowercase(),
            id: [bytes[0], bytes[1]],
            section: bytes[HEADER..at + 5].to_vec(),
        }
    }

    /// An answer without records, to be filled.
    pub(crate) fn answer(&self) -> Message {
        Message {
            id: self.id,
            flags: [0x81, 0x80],
            question: self.section.clone(),
            counts: [1, 0, 0, 0],
            records: Vec::new(),
        }
    }

    /// The answer of a host with this IPv4 address and no other.
    pub(crate) fn ipv4(&self, address: impl Into<Ipv4Addr>) -> Message {
        match self.kind {
            A => self.answer().a(address),
            _ => self.answer().soa(60),
        }
    }

    /// The answer of a host on 127.0.0.1.
    pub(crate) fn local(&self) -> Message {
        self.ipv4([127, 0, 0, 1])
    }
}

/// A message in the making: header, question, records. Whoever calls keeps the sections in order.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    id: [u8; 2],
    flags: [u8; 2],
    question: Vec<u8>,
    counts: [u16; 4],
    records: Vec<u8>,
}

impl Message {
    pub(crate) fn rcode(mut self, rcode: u8) -> Message {
        self.flags[1] = 0x80 | rcode;
        self
    }

    /// With the TC bit.
    pub(crate) fn cut_short(mut self) -> Message {
        self.flags[0] |= 0x02;
        self
    }

    /// Of a server that neither owns the name nor looks names up.
    pub(crate) fn lame(mut self) -> Message {
        self.flags[1] &= 0x7f;
        self
    }

    /// Without the bit that says it is a response.
    pub(crate) fn unanswering(mut self) -> Message {
        self.flags[0] &= 0x7f;
        self
    }

    pub(crate) fn other_id(mut self) -> Message {
        self.id[1] ^= 0x55;
        self
    }

    /// Repeats another question than was asked.
    pub(crate) fn about(mut self, name: &str) -> Message {
        let kind_and_class = self.question.split_off(self.question.len() - 4);
        self.question = [wire(name), kind_and_class].concat();
        self
    }

    /// Repeats the question with its letters the other way round.
    pub(crate) fn other_case(mut self) -> Message {
        let end = self.question.len() - 4;
        for byte in self.question[..end].iter_mut().filter(|byte| byte.is_ascii_alphabetic()) {
            *byte ^= 0x20;
        }
        self
    }

    /// Claims so many answers.
    pub(crate) fn claiming(mut self, answers: u16) -> Message {
        self.counts[1] = answers;
        self
    }

    pub(crate) fn a(self, address: impl Into<Ipv4Addr>) -> Message {
        self.answer(&TO_QUESTION, A, 60, &address.into().octets())
    }

    pub(crate) fn aaaa(self, address: impl Into<Ipv6Addr>) -> Message {
        self.answer(&TO_QUESTION, AAAA, 60, &address.into().octets())
    }

    /// An address of this name, whether or not anybody asked for it.
    pub(crate) fn a_of(self, owner: &str, address: impl Into<Ipv4Addr>) -> Message {
        self.answer(&wire(owner), A, 60, &address.into().octets())
    }

    pub(crate) fn cname(self, owner: &str, target: &str) -> Message {
        self.answer(&wire(owner), CNAME, 60, &wire(target))
    }

    /// A record in the answer section, its owner as it stands in the message.
    pub(crate) fn answer(mut self, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Message {
        self.counts[1] += 1;
        self.push(owner, kind, ttl, data)
    }

    /// An address in the section where nobody should look for it.
    pub(crate) fn extra(mut self, owner: &str, address: impl Into<Ipv4Addr>) -> Message {
        self.counts[3] += 1;
        self.push(&wire(owner), A, 60, &address.into().octets())
    }

    /// The record that says how long an absence holds.
    pub(crate) fn soa(mut self, seconds: u32) -> Message {
        self.counts[2] += 1;
        let data = [&[0, 0][..], &[0; 16], &seconds.to_be_bytes()].concat();
        self.push(&[0], SOA, seconds, &data)
    }

    fn push(mut self, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Message {
        self.records.extend(owner);
        self.records.extend(kind.to_be_bytes());
        self.records.extend([0, 1]);
        self.records.extend(ttl.to_be_bytes());
        self.records.extend((data.len() as u16).to_be_bytes());
        self.records.extend(data);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let counts: Vec<u8> = self.counts.iter().flat_map(|count| count.to_be_bytes()).collect();
        [&self.id[..], &self.flags, &counts, &self.question, &self.records].concat()
    }
}

/// A name with its final dot, uncompressed.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split_terminator('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// One thing that the server does about a question.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// Answers.
    This(Message),
    /// Answers with these bytes, whatever they are.
    Bytes(Vec<u8>),
    /// Answers from a port that nobody asked. Over UDP only.
    FromElsewhere(Message),
    /// Answers after this time, and after whatever else is still to be said later. Over UDP only.
    Later(Duration, Message),
    /// Answers over TCP in two parts.
    InParts(Message),
}

impl From<Message> for Vec<Say> {
    fn from(message: Message) -> Vec<Say> {
        vec![Say::This(message)]
    }
}

type Handler = dyn Fn(&Question) -> Vec<Say> + Send + Sync;

/// The server, on 127.0.0.1. Dropping it ends it.
pub(crate) struct Dns {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    udp: UdpSocket,
    tcp: TcpListener,
    /// Where answers come from that are none.
    elsewhere: UdpSocket,
    handler: Box<Handler>,
    asked: Mutex<Vec<Question>>,
    later: Mutex<Later>,
    changed: Condvar,
}

#[derive(Default)]
struct Later {
    queue: VecDeque<(Instant, Vec<u8>, SocketAddr)>,
    stop: bool,
}

impl Dns {
    /// Does about each question what `handler` says.
    pub(crate) fn saying<S: Into<Vec<Say>>>(handler: impl Fn(&Question) -> S + Send + Sync + 'static) -> Dns {
        let (udp, tcp) = sockets();
        let address = udp.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            udp,
            tcp,
            elsewhere: UdpSocket::bind("127.0.0.1:0").expect("a free loopback port"),
            handler: Box::new(move |question| handler(question).into()),
            asked: Mutex::default(),
            later: Mutex::default(),
            changed: Condvar::new(),
        });
        let threads = [serve_udp, serve_tcp, speak_later].map(|serve| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(&shared))
        });
        Dns { address, shared, threads: threads.into() }
    }

    /// Says of every name that it is 127.0.0.1.
    pub(crate) fn local() -> Dns {
        Dns::saying(Question::local)
    }

    /// Never says anything.
    pub(crate) fn silent() -> Dns {
        Dns::saying(|_| Vec::new())
    }

    /// Where it listens, as an argument for a command.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What it was asked so far, in order of arrival.
    pub(crate) fn asked(&self) -> Vec<Question> {
        self.shared.asked.lock().expect("no holder panics").clone()
    }

    /// How many questions of this type it was asked.
    pub(crate) fn count(&self, kind: u16) -> usize {
        self.asked().iter().filter(|question| question.kind == kind).count()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.shared.later.lock().expect("no holder panics").stop = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            end(thread, || {
                // An empty datagram and a connection without a message.
                let _ = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(&[], self.address));
                let _ = TcpStream::connect(self.address);
            });
        }
    }
}

/// A port that is free for both.
fn sockets() -> (UdpSocket, TcpListener) {
    let started = Instant::now();
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free loopback port");
        match TcpListener::bind(udp.local_addr().expect("a bound socket has an address")) {
            Ok(tcp) => return (udp, tcp),
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
    }
}

impl Shared {
    fn hear(&self, bytes: &[u8], over_tcp: bool) -> Vec<Say> {
        let question = Question::read(bytes, over_tcp);
        self.asked.lock().expect("no holder panics").push(question.clone());
        (self.handler)(&question)
    }

    fn is_stopping(&self) -> bool {
        self.later.lock().expect("no holder panics").stop
    }
}

fn serve_udp(shared: &Shared) {
    let mut buffer = [0; 4096];
    // A client that has gone away is its own business: its port may come back to us as an error.
    loop {
        let Ok((length, from)) = shared.udp.recv_from(&mut buffer) else { continue };
        if length == 0 {
            return;
        }
        for say in shared.hear(&buffer[..length], false) {
            let _ = match say {
                Say::This(message) | Say::InParts(message) => shared.udp.send_to(&message.bytes(), from),
                Say::Bytes(bytes) => shared.udp.send_to(&bytes, from),
                Say::FromElsewhere(message) => shared.elsewhere.send_to(&message.bytes(), from),
                Say::Later(time, message) => {
                    let mut later = shared.later.lock().expect("no holder panics");
                    later.queue.push_back((Instant::now() + time, message.bytes(), from));
                    shared.changed.notify_all();
                    Ok(0)
                }
            };
        }
    }
}

fn speak_later(shared: &Shared) {
    let mut later = shared.later.lock().expect("no holder panics");
    while !later.stop {
        let now = Instant::now();
        match later.queue.front() {
            None => later = shared.changed.wait(later).expect("no holder panics"),
            Some((at, ..)) if *at > now => {
                let wait = *at - now;
                later = shared.changed.wait_timeout(later, wait).expect("no holder panics").0;
            }
            Some(_) => {
                let (_, bytes, to) = later.queue.pop_front().expect("there is one");
                let _ = shared.udp.send_to(&bytes, to);
            }
        }
    }
}

fn serve_tcp(shared: &Shared) {
    accept(&shared.tcp, || shared.is_stopping(), |stream| drop(serve_stream(stream, shared)));
}

/// One question and what is said to it. Then the connection is closed.
fn serve_stream(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut bytes)?;
    for say in shared.hear(&bytes, true) {
        let (bytes, in_parts) = match say {
            Say::This(message) => (message.bytes(), false),
            Say::InParts(message) => (message.bytes(), true),
            Say::Bytes(bytes) => (bytes, false),
            Say::FromElsewhere(_) | Say::Later(..) => panic!("not over TCP"),
        };
        let framed = [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
        // The first part ends within the length.
        let (first, second) = framed.split_at(if in_parts { 1 } else { framed.len() });
        stream.write_all(first)?;
        if in_parts {
            std::thread::sleep(Duration::from_millis(20));
        }
        stream.write_all(second)?;
    }
    Ok(())
}
