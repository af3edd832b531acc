//! A name server of the world: what it knows of each name, how quickly it says so, how many questions it loses first, and
//! what it says over TCP alone. It refuses to use the code under test.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::plan::of_family;
use super::random::Random;
use super::world::{Answer, End, Names, Script, When};

/// What is said of a name.
#[derive(Clone, Debug)]
pub enum Found {
    Addresses(Vec<IpAddr>),
    /// An error, such as 3 for NXDOMAIN.
    Rcode(u8),
    Silent,
}

#[derive(Clone, Debug)]
struct Entry {
    found: Found,
    after: Duration,
    /// So many questions of each type are lost first.
    lost: u32,
    /// What there is to say is too long for a datagram.
    over_tcp: bool,
}

/// What a name server knows.
#[derive(Debug, Default)]
pub struct NameServer {
    entries: HashMap<String, Entry>,
}

impl NameServer {
    pub fn add(&mut self, name: &str, found: Found, after: Duration, lost: u32) {
        self.entries.entry(name.to_owned()).or_insert(Entry { found, after, lost, over_tcp: false });
    }

    /// What is known of a name is said over TCP alone.
    pub fn say_over_tcp(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.over_tcp = true;
        }
    }

    /// The server, as the world asks it: by datagram, and over a connection.
    pub fn scripts(self, seed: u64) -> (Names, Script) {
        let entries = Rc::new(self.entries);
        let random = Rc::new(RefCell::new(Random::new(seed)));
        let asked: RefCell<HashMap<(String, u16), u32>> = RefCell::default();
        let (of_tcp, tcp_random) = (entries.clone(), random.clone());
        let by_datagram: Names = Rc::new(move |query, _| {
            let (name, kind, end) = question(query);
            let mut asked = asked.borrow_mut();
            let times = asked.entry((name.clone(), kind)).or_default();
            *times += 1;
            let entry = entries.get(&name);
            if entry.is_some_and(|entry| *times <= entry.lost) {
                return Vec::new();
            }
            if entry.is_some_and(|entry| entry.over_tcp) {
                let mut cut = reply(query, end, 0);
                cut[2] |= 2;
                return vec![(Duration::ZERO, cut)];
            }
            answer(query, entry, &mut random.borrow_mut()).into_iter().collect()
        });
        let by_connection: Script = Rc::new(move |heard, _| {
            let query = &heard[2..];
            let random = &mut tcp_random.borrow_mut();
            let (after, said) = answer(query, of_tcp.get(&question(query).0), random)?;
            let framed = [&(said.len() as u16).to_be_bytes()[..], &said].concat();
            let end = if random.one_in(2) { End::Stays } else { End::Closes(Duration::from_micros(random.below(900))) };
            Some(Answer { when: When::Asked, pieces: vec![(after, framed)], noise: Vec::new(), end })
        });
        (by_datagram, by_connection)
    }
}

/// What is said to a query, and after how long; `None`: nothing.
fn answer(query: &[u8], entry: Option<&Entry>, random: &mut Random) -> Option<(Duration, Vec<u8>)> {
    let (_, kind, end) = question(query);
    let Some(entry) = entry else { return Some((Duration::ZERO, reply(query, end, 3))) };
    let jitter = Duration::from_micros(random.below(2000));
    let said = match &entry.found {
        Found::Silent => return None,
        Found::Rcode(rcode) => reply(query, end, *rcode),
        Found::Addresses(addresses) => {
            let mut said = reply(query, end, 0);
            let of_kind = of_family(addresses, kind == 28);
            said[7] = of_kind.len() as u8;
            for address in of_kind {
                said.extend([0xc0, 12]);
                said.extend(kind.to_be_bytes());
                said.extend([0, 1, 0, 0, 0, 60]);
                match address {
                    IpAddr::V4(ip) => {
                        said.extend([0, 4]);
                        said.extend(ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        said.extend([0, 16]);
                        said.extend(ip.octets());
                    }
                }
            }
            said
        }
    };
    Some((entry.after + jitter, said))
}

/// The name in lower case, the type, and where the question ends.
fn question(query: &[u8]) -> (String, u16, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] > 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5)
}

/// An answer without records.
fn reply(query: &[u8], end: usize, rcode: u8) -> Vec<u8> {
    let mut reply = query[..end].to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80 | rcode, 0, 1, 0, 0, 0, 0, 0, 0]);
    reply
}
