//! DNS queries: one question, encoded once and sent as often as need be (RFC 1035, 3596, 6891).
//!
//! This file refuses to know what an answer looks like; [`super::message`] does.

use std::fmt;

use super::name::Name;

/// The length of a message's header, and so where its question starts.
pub(super) const HEADER: usize = 12;
/// An OPT record without options: root, type, size, flags, no data.
pub(super) const OPT_LENGTH: usize = 11;
/// The type of the OPT record (RFC 6891 §6.1.1).
pub(super) const TYPE_OPT: u16 = 41;
/// The one class that is left: the Internet.
pub(super) const CLASS_IN: u16 = 1;

/// The size we tell servers we can take over UDP: what passes every path unfragmented (DNS flag day 2020).
const EDNS_PAYLOAD: u16 = 1232;
/// The OPT record that says so: the root, a type, our size in place of a class, no flags, no options.
const OPT: [u8; OPT_LENGTH] =
    [0, 0, TYPE_OPT as u8, EDNS_PAYLOAD.to_be_bytes()[0], EDNS_PAYLOAD.to_be_bytes()[1], 0, 0, 0, 0, 0, 0];
/// The length field before each message over TCP (RFC 1035 §4.2.2).
const TCP_PREFIX: usize = 2;
/// In the first of the two bytes of flags.
const RECURSION_DESIRED: u8 = 0x01;

/// Where random numbers come from. They choose query ids and letter case, which an attacker off the path must guess,
/// so outside of tests they have to be unpredictable.
pub type Random<'a> = &'a mut dyn FnMut() -> u64;

/// The records that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// IPv4 addresses (RFC 1035 §3.4.1).
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
}

impl RecordType {
    pub(super) fn code(self) -> u16 {
        match self {
            RecordType::A => 1,
            RecordType::Aaaa => 28,
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
        })
    }
}

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram, which anyone may have sent.
    Udp,
    /// A connection, which is with the server it was opened to.
    Tcp,
}

/// One question, encoded once and sent as often as need be: an answer must carry its id and its very letters.
#[derive(Clone, Debug)]
pub struct Query {
    record: RecordType,
    /// The message behind its TCP length, so that one buffer serves both transports. Never shorter than both heads.
    framed: Vec<u8>,
    edns: bool,
    lowered: bool,
}

impl Query {
    /// Encodes a question for the records of a name. The id and the case of each letter (the "0x20" defence) are
    /// drawn from `random`; `edns` adds the OPT record that allows answers of 1232 bytes (RFC 6891).
    pub fn new(name: &Name, record: RecordType, edns: bool, random: Random<'_>) -> Query {
        let mut bits = Bits::new(random);
        let id = bits.take(16) as u16;
        let mut framed = Vec::with_capacity(TCP_PREFIX + HEADER + name.wire().len() + 4 + OPT_LENGTH);
        // Two bytes for the length; id, flags, and four counts, of which one is not zero.
        let [high, low] = id.to_be_bytes();
        framed.extend_from_slice(&[0, 0, high, low, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        // Lengths are below 64 and so never taken for letters.
        framed.extend(name.wire().iter().map(|&byte| {
            if byte.is_ascii_lowercase() && bits.take(1) == 1 { byte.to_ascii_uppercase() } else { byte }
        }));
        framed.extend_from_slice(&record.code().to_be_bytes());
        framed.extend_from_slice(&CLASS_IN.to_be_bytes());
        let mut query = Query { record, framed, edns, lowered: false };
        if edns {
            query.framed.extend_from_slice(&OPT);
        }
        query.seal();
        query
    }

    /// The id of the question and of each answer to it.
    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.framed[2], self.framed[3]])
    }

    /// The records that are asked for.
    pub fn record(&self) -> RecordType {
        self.record
    }

    /// Whether the query carries an OPT record.
    pub fn has_edns(&self) -> bool {
        self.edns
    }

    /// The message, as one datagram.
    pub fn datagram(&self) -> &[u8] {
        &self.framed[TCP_PREFIX..]
    }

    /// The message behind its two bytes of length, as TCP carries it.
    pub fn framed(&self) -> &[u8] {
        &self.framed
    }

    /// Puts the OPT record in or takes it out, for a server that cannot stand it. Id and letters stay.
    pub fn set_edns(&mut self, edns: bool) {
        match (self.edns, edns) {
            (true, false) => self.framed.truncate(self.framed.len() - OPT_LENGTH),
            (false, true) => self.framed.extend_from_slice(&OPT),
            _ => return,
        }
        self.edns = edns;
        self.seal();
    }

    /// Writes the name in small letters, for a server that cannot keep them apart: the id and the port still guard it.
    pub fn lower(&mut self) {
        let end = TCP_PREFIX + HEADER + self.question().len() - 4;
        self.framed[TCP_PREFIX + HEADER..end].make_ascii_lowercase();
        self.lowered = true;
    }

    /// Whether it was [lowered](Self::lower).
    pub fn is_lowered(&self) -> bool {
        self.lowered
    }

    /// Draws another id.
    pub fn renew_id(&mut self, random: Random<'_>) {
        let id = random() as u16;
        self.framed[TCP_PREFIX..TCP_PREFIX + 2].copy_from_slice(&id.to_be_bytes());
    }

    /// Gives the query another id than `taken`, so that the two questions of a lookup are never confused.
    pub fn avoid_id(&mut self, taken: u16) {
        if self.id() == taken {
            self.framed[3] ^= 1;
        }
    }

    /// Name, type and class, as sent.
    pub(super) fn question(&self) -> &[u8] {
        let opt = if self.edns { OPT_LENGTH } else { 0 };
        &self.framed[TCP_PREFIX + HEADER..self.framed.len() - opt]
    }

    /// Writes what depends on the OPT record: the length in front and the count of additional records.
    fn seal(&mut self) {
        // A name has at most 255 octets, so the length fits many times over.
        let length = (self.framed.len() - TCP_PREFIX) as u16;
        self.framed[..TCP_PREFIX].copy_from_slice(&length.to_be_bytes());
        self.framed[TCP_PREFIX + HEADER - 1] = u8::from(self.edns);
    }
}

/// Random bits, a few at a time, drawn 64 at once: most queries need a single draw.
struct Bits<'a> {
    random: Random<'a>,
    word: u64,
    left: u32,
}

impl<'a> Bits<'a> {
    fn new(random: Random<'a>) -> Bits<'a> {
        Bits { random, word: 0, left: 0 }
    }

    /// The next `count` bits, at most 32.
    fn take(&mut self, count: u32) -> u64 {
        if self.left < count {
            self.word = (self.random)();
            self.left = u64::BITS;
        }
        let bits = self.word & ((1 << count) - 1);
        self.word >>= count;
        self.left -= count;
        bits
    }
}

/// The first message in the bytes of a TCP connection, without its two bytes of length; `None` while it is not whole.
pub fn tcp_message(bytes: &[u8]) -> Option<&[u8]> {
    let (prefix, rest) = bytes.split_first_chunk::<TCP_PREFIX>()?;
    rest.get(..u16::from_be_bytes(*prefix).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, record: RecordType) -> Query {
        Query::new(&Name::parse(name).unwrap(), record, true, &mut || 0x1234)
    }

    #[test]
    fn encodes_a_query() {
        let query = query("www.example", RecordType::A);
        let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\
            \x03www\x07example\x00\x00\x01\x00\x01\
            \x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
        assert_eq!(query.datagram(), expected);
        assert_eq!(query.framed()[..2], [0, expected.len() as u8]);
        assert_eq!(&query.framed()[2..], expected);
        assert_eq!(query.id(), 0x1234);
        assert_eq!(query.record(), RecordType::A);
        assert!(query.has_edns());
    }

    #[test]
    fn encodes_without_edns() {
        let name = Name::parse("www.example").unwrap();
        let bare = Query::new(&name, RecordType::Aaaa, false, &mut || 0x1234);
        let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\
            \x03www\x07example\x00\x00\x1c\x00\x01";
        assert_eq!(bare.datagram(), expected);

        let mut fallen_back = query("www.example", RecordType::Aaaa);
        for _ in 0..2 {
            fallen_back.set_edns(false);
            assert_eq!(fallen_back.framed(), bare.framed());
            assert!(!fallen_back.has_edns());
        }
        fallen_back.set_edns(true);
        assert_eq!(fallen_back.framed(), query("www.example", RecordType::Aaaa).framed());
    }

    #[test]
    fn mixes_the_case_of_letters_alone() {
        let name = Name::parse("a-1_b.example").unwrap();
        let shouted = Query::new(&name, RecordType::A, false, &mut || u64::MAX);
        assert_eq!(&shouted.datagram()[12..27], b"\x05A-1_B\x07EXAMPLE\0");
        // Sixteen bits for the id, then one a letter: 0b01 makes the second letter small.
        let mixed = Query::new(&name, RecordType::A, false, &mut || 0b01 << 16);
        assert_eq!(&mixed.datagram()[12..27], b"\x05A-1_b\x07example\0");
    }

    #[test]
    fn draws_no_more_random_numbers_than_a_name_has_letters() {
        for (length, draws) in [(48, 1), (49, 2), (63, 2)] {
            let name = Name::parse(&"a".repeat(length)).unwrap();
            let mut drawn = 0;
            Query::new(&name, RecordType::A, true, &mut || {
                drawn += 1;
                u64::MAX
            });
            assert_eq!(drawn, draws, "{length} letters");
        }
    }

    #[test]
    fn avoids_an_id() {
        let mut query = query("www.example", RecordType::A);
        query.avoid_id(0x4321);
        assert_eq!(query.id(), 0x1234);
        query.avoid_id(0x1234);
        assert_eq!(query.id(), 0x1235);
    }

    #[test]
    fn finds_the_first_message_of_a_connection() {
        let stream = b"\x00\x03abc\x00\x01d";
        for end in 0..5 {
            assert_eq!(tcp_message(&stream[..end]), None);
        }
        for end in 5..=stream.len() {
            assert_eq!(tcp_message(&stream[..end]), Some(&b"abc"[..]));
        }
        assert_eq!(tcp_message(b"\0\0"), Some(&b""[..]));
    }
}
