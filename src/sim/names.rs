//! A name server of the world: what it knows of each name, how quickly it says so, and how many questions it loses
//! first. It refuses to use the code under test.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::plan::of_family;
use super::random::Random;
use super::world::Names;

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
}

/// What a name server knows.
#[derive(Debug, Default)]
pub struct NameServer {
    entries: HashMap<String, Entry>,
}

impl NameServer {
    pub fn add(&mut self, name: &str, found: Found, after: Duration, lost: u32) {
        self.entries.entry(name.to_owned()).or_insert(Entry { found, after, lost });
    }

    /// The server, as the world asks it.
    pub fn script(self, seed: u64) -> Names {
        let entries = self.entries;
        let random = RefCell::new(Random::new(seed));
        let asked: RefCell<HashMap<(String, u16), u32>> = RefCell::default();
        Rc::new(move |query, _| {
            let (name, kind, end) = question(query);
            let mut asked = asked.borrow_mut();
            let times = asked.entry((name.clone(), kind)).or_default();
            *times += 1;
            let Some(entry) = entries.get(&name) else { return vec![(Duration::ZERO, reply(query, end, 3))] };
            if *times <= entry.lost {
                return Vec::new();
            }
            let jitter = Duration::from_micros(random.borrow_mut().below(2000));
            let answer = match &entry.found {
                Found::Silent => return Vec::new(),
                Found::Rcode(rcode) => reply(query, end, *rcode),
                Found::Addresses(addresses) => {
                    let mut answer = reply(query, end, 0);
                    let of_kind = of_family(addresses, kind == 28);
                    answer[7] = of_kind.len() as u8;
                    for address in of_kind {
                        answer.extend([0xc0, 12]);
                        answer.extend(kind.to_be_bytes());
                        answer.extend([0, 1, 0, 0, 0, 60]);
                        match address {
                            IpAddr::V4(ip) => {
                                answer.extend([0, 4]);
                                answer.extend(ip.octets());
                            }
                            IpAddr::V6(ip) => {
                                answer.extend([0, 16]);
                                answer.extend(ip.octets());
                            }
                        }
                    }
                    answer
                }
            };
            vec![(entry.after + jitter, answer)]
        })
    }
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
