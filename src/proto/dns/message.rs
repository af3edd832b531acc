//! DNS answers, which are checked before anything in them is believed (RFC 1035, 2181, 2308, 3596, 6891).
//!
//! Bytes in, values out: an answer says what the question asked for, or why it must not be believed. This file refuses
//! to know servers, retries, timeouts and sockets; [`super::lookup`] has them.

use std::fmt;
use std::net::IpAddr;

use super::name::Name;
use super::query::{CLASS_IN, HEADER, Query, RecordType, TYPE_OPT, Transport};
use super::wire::{NameRef, Reader};

pub use super::wire::Malformed;

/// The longest chain of CNAMEs that is followed, in one answer or over several: far beyond those of large clouds, which
/// have passed eight, and enough to see that there is no end.
pub const MAX_CNAMES: usize = 32;
/// The most addresses taken from one answer; what the server sent beyond them is ignored.
pub const MAX_ADDRESSES: usize = 16;
/// The most records in a message. It bounds the time spent on a hostile 64 KiB answer over TCP.
pub const MAX_RECORDS: usize = 512;
/// The longest time an address may be remembered, in seconds: a day.
pub const MAX_TTL: u32 = 24 * 3600;
/// The longest time a missing name may be remembered, in seconds: RFC 2308 §5 finds one to three hours sensible.
pub const MAX_NEGATIVE_TTL: u32 = 3 * 3600;

const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;

const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_AVAILABLE: u16 = 0x0080;
const MASK_OPCODE: u16 = 0x7800;
const MASK_RCODE: u16 = 0x000f;

/// What a server said about a question (RFC 1035 §4.1.1, RFC 6891 §6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(pub u16);

impl Rcode {
    /// The question was answered.
    pub const NOERROR: Rcode = Rcode(0);
    /// The server could not read the question.
    pub const FORMERR: Rcode = Rcode(1);
    /// The server failed.
    pub const SERVFAIL: Rcode = Rcode(2);
    /// There is no such name.
    pub const NXDOMAIN: Rcode = Rcode(3);
    /// The server does not do this.
    pub const NOTIMP: Rcode = Rcode(4);
    /// The server will not.
    pub const REFUSED: Rcode = Rcode(5);
    /// The server does not know our version of EDNS.
    pub const BADVERS: Rcode = Rcode(16);

    /// Whether the code says something about the name, and not about the server.
    pub(super) fn is_about_the_name(self) -> bool {
        self == Rcode::NOERROR || self == Rcode::NXDOMAIN
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Rcode::NOERROR => "NOERROR",
            Rcode::FORMERR => "FORMERR",
            Rcode::SERVFAIL => "SERVFAIL",
            Rcode::NXDOMAIN => "NXDOMAIN",
            Rcode::NOTIMP => "NOTIMP",
            Rcode::REFUSED => "REFUSED",
            Rcode::BADVERS => "BADVERS",
            Rcode(other) => return write!(f, "RCODE{other}"),
        })
    }
}

/// An answer that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What the server said.
    pub rcode: Rcode,
    /// The answer did not fit and has to be asked for over TCP. The fields below are then empty.
    pub truncated: bool,
    /// The addresses at the end of the CNAME chain that starts at the question, in the server's order.
    pub addresses: Vec<IpAddr>,
    /// The CNAMEs of that chain; counted no further than [`MAX_CNAMES`] + 1.
    pub cnames: usize,
    /// Where the chain ends; `None` when there is none.
    pub canonical: Option<Name>,
    /// The smallest TTL of the chain and its addresses in seconds, at most [`MAX_TTL`].
    pub ttl: u32,
    /// How long it may be remembered that there is no such name or address, in seconds, at most [`MAX_NEGATIVE_TTL`];
    /// `None` without a SOA record to say so (RFC 2308 §5).
    pub negative_ttl: Option<u32>,
    /// The server neither owns the name nor looks up names for others: without addresses, this is a referral.
    pub lame: bool,
}

/// Why a message is not an answer to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// The id is another's.
    WrongId,
    /// It is a question, or something else than a response to a query.
    NotAResponse,
    /// It answers another question.
    WrongQuestion,
    /// It answers the question, but with other upper and lower case letters than were sent.
    WrongCase,
    /// The message contradicts itself.
    Malformed(Malformed),
}

impl From<Malformed> for AnswerError {
    fn from(why: Malformed) -> AnswerError {
        AnswerError::Malformed(why)
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnswerError::WrongId => "its id was not that of a question",
            AnswerError::NotAResponse => "it was not a response",
            AnswerError::WrongQuestion => "it answered another question",
            AnswerError::WrongCase => "it repeated the question in other letter case",
            AnswerError::Malformed(why) => return why.fmt(f),
        })
    }
}

impl std::error::Error for AnswerError {}

impl Response {
    /// Checks a message against the question it claims to answer, and takes from it what the question asked for.
    ///
    /// Over UDP the letters of the question must come back in the case they were sent; over TCP, where nobody off the
    /// path can answer, they need not. Records about names that the question does not lead to are ignored, and so
    /// are bytes behind the last record, as every stub resolver does.
    ///
    /// # Errors
    /// Why the message must not be believed. An error *code* of the server is not an error here: see
    /// [`Response::rcode`].
    pub fn parse(message: &[u8], query: &Query, transport: Transport) -> Result<Response, AnswerError> {
        let mut reader = Reader::new(message);

        // 1. The header: is it an answer, and to us?
        let header = Header::read(&mut reader)?;
        if header.id != query.id() {
            return Err(AnswerError::WrongId);
        }
        if header.flags & FLAG_RESPONSE == 0 || header.flags & MASK_OPCODE != 0 {
            return Err(AnswerError::NotAResponse);
        }
        let rcode = Rcode(header.flags & MASK_RCODE);

        // 2. The question, which has to be ours. A server that failed to read it may leave it out.
        match header.questions {
            1 => check_question(&mut reader, query, transport)?,
            0 if !rcode.is_about_the_name() => {}
            _ => return Err(AnswerError::WrongQuestion),
        }
        let mut response = Response {
            rcode,
            truncated: header.flags & FLAG_TRUNCATED != 0,
            addresses: Vec::new(),
            cnames: 0,
            canonical: None,
            ttl: MAX_TTL,
            negative_ttl: None,
            lame: header.flags & (FLAG_AUTHORITATIVE | FLAG_RECURSION_AVAILABLE) == 0,
        };
        if response.truncated {
            return Ok(response);
        }

        // 3. Every record, once, whether it concerns us or not: a message that lies anywhere is not believed.
        if header.answers + header.authorities + header.additionals > MAX_RECORDS {
            return Err(Malformed::TooManyRecords.into());
        }
        let mut answers = Answers { first: reader, count: header.answers, has_cnames: false };
        for _ in 0..header.answers {
            answers.has_cnames |= Record::read(&mut reader)?.is(TYPE_CNAME);
        }
        for _ in 0..header.authorities {
            let record = Record::read(&mut reader)?;
            if record.is(TYPE_SOA) {
                response.negative_ttl = Some(record.negative_ttl()?);
            }
        }
        for _ in 0..header.additionals {
            let record = Record::read(&mut reader)?;
            if record.kind == TYPE_OPT {
                response.rcode.0 |= record.extended_rcode();
            }
        }

        // 4. The chain from the question to its addresses.
        if response.rcode.is_about_the_name() {
            answers.follow(message, query.record(), &mut response)?;
        }
        Ok(response)
    }
}

/// The id of a message; `None` when it is too short to have one.
pub fn message_id(message: &[u8]) -> Option<u16> {
    message.first_chunk().map(|&bytes| u16::from_be_bytes(bytes))
}

/// The six fields at the start of a message.
struct Header {
    id: u16,
    flags: u16,
    questions: usize,
    answers: usize,
    authorities: usize,
    additionals: usize,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Header, Malformed> {
        Ok(Header {
            id: reader.u16()?,
            flags: reader.u16()?,
            questions: reader.u16()?.into(),
            answers: reader.u16()?.into(),
            authorities: reader.u16()?.into(),
            additionals: reader.u16()?.into(),
        })
    }
}

/// Takes the question section, and compares it with the question that was asked.
fn check_question(reader: &mut Reader<'_>, query: &Query, transport: Transport) -> Result<(), AnswerError> {
    let asked = query.question();
    let start = *reader;
    if start.rest().starts_with(asked) {
        reader.take(asked.len())?;
        return Ok(());
    }
    reader.name()?;
    reader.take(4)?;
    // A compressed name is another length and so another question: there is nothing before it to point to.
    let got = start.rest().get(..reader.at - start.at).unwrap_or_default();
    if !got.eq_ignore_ascii_case(asked) {
        return Err(AnswerError::WrongQuestion);
    }
    match transport {
        Transport::Udp => Err(AnswerError::WrongCase),
        Transport::Tcp => Ok(()),
    }
}

/// The answer section: a place in the message, how many records stand there, and whether there is a chain to follow.
#[derive(Clone, Copy)]
struct Answers<'a> {
    first: Reader<'a>,
    count: usize,
    has_cnames: bool,
}

impl<'a> Answers<'a> {
    /// Follows the CNAMEs from the question, in whatever order they stand, and takes the addresses at their end.
    fn follow(self, message: &'a [u8], wanted: RecordType, response: &mut Response) -> Result<(), Malformed> {
        let mut end = NameRef::at(message, HEADER);
        while self.has_cnames
            && response.cnames <= MAX_CNAMES
            && let Some((target, ttl)) = self.cname(end)?
        {
            end = target;
            response.cnames += 1;
            response.ttl = response.ttl.min(ttl);
        }
        if response.cnames > 0 {
            response.canonical = Some(end.to_name()?);
        }
        self.addresses(end, wanted, response)
    }

    fn cname(mut self, owner: NameRef<'_>) -> Result<Option<(NameRef<'a>, u32)>, Malformed> {
        for _ in 0..self.count {
            let record = Record::read(&mut self.first)?;
            if record.is(TYPE_CNAME) && record.owner.same(owner)? {
                return Ok(Some((record.target()?, record.ttl())));
            }
        }
        Ok(None)
    }

    fn addresses(mut self, owner: NameRef<'_>, wanted: RecordType, response: &mut Response) -> Result<(), Malformed> {
        for _ in 0..self.count {
            let record = Record::read(&mut self.first)?;
            if !record.is(wanted.code()) || !record.owner.same(owner)? {
                continue;
            }
            let address = address(wanted, record.data.rest())?;
            response.ttl = response.ttl.min(record.ttl());
            if response.addresses.len() < MAX_ADDRESSES {
                response.addresses.push(address);
            }
        }
        Ok(())
    }
}

/// One resource record (RFC 1035 §4.1.3).
struct Record<'a> {
    owner: NameRef<'a>,
    kind: u16,
    class: u16,
    raw_ttl: u32,
    /// Stands at the record's data, in a message that ends where the data ends.
    data: Reader<'a>,
}

impl<'a> Record<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Record<'a>, Malformed> {
        let owner = reader.name()?;
        let kind = reader.u16()?;
        let class = reader.u16()?;
        let raw_ttl = reader.u32()?;
        let length = reader.u16()?;
        Ok(Record { owner, kind, class, raw_ttl, data: reader.part(length.into())? })
    }

    fn is(&self, kind: u16) -> bool {
        self.kind == kind && self.class == CLASS_IN
    }

    /// A TTL with its highest bit set counts as zero (RFC 2181 §8).
    fn ttl(&self) -> u32 {
        positive(self.raw_ttl)
    }

    /// The name in a CNAME record.
    fn target(&self) -> Result<NameRef<'a>, Malformed> {
        let mut data = self.data;
        let target = data.name()?;
        data.ends()?;
        Ok(target)
    }

    /// The smaller of a SOA record's own TTL and its MINIMUM field (RFC 2308 §5).
    fn negative_ttl(&self) -> Result<u32, Malformed> {
        let mut data = self.data;
        data.name()?;
        data.name()?;
        data.take(16)?;
        let minimum = data.u32()?;
        data.ends()?;
        Ok(positive(minimum).min(self.ttl()).min(MAX_NEGATIVE_TTL))
    }

    /// The upper eight bits of the code, which an OPT record keeps where others have their TTL (RFC 6891 §6.1.3).
    fn extended_rcode(&self) -> u16 {
        ((self.raw_ttl >> 24) as u16) << 4
    }
}

/// The address in the data of a record.
fn address(record: RecordType, data: &[u8]) -> Result<IpAddr, Malformed> {
    let address = match record {
        RecordType::A => data.try_into().ok().map(|octets: [u8; 4]| octets.into()),
        RecordType::Aaaa => data.try_into().ok().map(|octets: [u8; 16]| octets.into()),
    };
    address.ok_or(Malformed::DataLength)
}

fn positive(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

#[cfg(test)]
mod tests {
    use super::super::query::OPT_LENGTH;
    use super::super::testing::{Reply, XorShift, wire};
    use super::super::wire::MAX_JUMPS;
    use super::*;

    /// The question of most tests, with its letters as they are.
    fn query(name: &str, record: RecordType) -> Query {
        Query::new(&Name::parse(name).unwrap(), record, true, &mut || 0x1234)
    }

    fn reply(query: &Query) -> Reply {
        Reply::to(query.datagram())
    }

    fn parse(reply: Reply, query: &Query) -> Result<Response, AnswerError> {
        Response::parse(&reply.bytes(), query, Transport::Udp)
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// An answer with one of everything.
    fn rich(query: &Query) -> Vec<u8> {
        reply(query)
            .cname("www.example", 300, "web.example")
            .a("web.example", 60, 1)
            .a("web.example", 120, 2)
            .soa(900, 600)
            .opt(0)
            .bytes()
    }

    #[test]
    fn reads_the_id_of_a_message() {
        assert_eq!(message_id(b"\x12\x34..."), Some(0x1234));
        assert_eq!(message_id(b"\x12"), None);
        assert_eq!(message_id(b""), None);
    }

    #[test]
    fn takes_addresses_and_the_smallest_ttl() {
        let query = query("www.example", RecordType::A);
        let response = Response::parse(&rich(&query), &query, Transport::Udp).unwrap();
        assert_eq!(
            response,
            Response {
                rcode: Rcode::NOERROR,
                truncated: false,
                addresses: addresses(&["10.0.0.1", "10.0.0.2"]),
                cnames: 1,
                canonical: Some(Name::parse("web.example").unwrap()),
                ttl: 60,
                negative_ttl: Some(600),
                lame: false,
            }
        );

        let query = self::query("www.example", RecordType::Aaaa);
        let response = parse(reply(&query).aaaa("www.example", 7, 9), &query).unwrap();
        assert_eq!(response.addresses, addresses(&["2001:db8::9"]));
        assert_eq!((response.ttl, response.cnames), (7, 0));
        assert_eq!(response.canonical, None);
    }

    #[test]
    fn follows_compressed_names() {
        // The owner points to the question, the target "web" + ".example" into it, and the last owner to the target.
        let query = query("www.example", RecordType::A);
        let message = reply(&query).record(6, &[0xc0, 12], 5, 300, b"\x03WEB\xc0\x10").record(
            6,
            &[0xc0, 41],
            1,
            300,
            &[10, 0, 0, 1],
        );
        let response = parse(message, &query).unwrap();
        assert_eq!(response.addresses, addresses(&["10.0.0.1"]));
        assert_eq!(response.canonical.unwrap().to_string(), "web.example");
    }

    #[test]
    fn follows_a_chain_in_any_order_and_ignores_what_it_does_not_lead_to() {
        let query = query("a.example", RecordType::A);
        let message = reply(&query)
            .a("C.example", 50, 3)
            .a("a.example.evil", 10, 66)
            .cname("B.example", 40, "c.example")
            .aaaa("c.example", 1, 67)
            .answer("c.example", 46, 1, b"a signature")
            .cname("x.example", 1, "a.example")
            .cname("A.EXAMPLE", 60, "b.EXAMPLE")
            .a("b.example", 1, 68)
            .a("a.example", 1, 69);
        let response = parse(message, &query).unwrap();
        assert_eq!(response.addresses, addresses(&["10.0.0.3"]));
        assert_eq!((response.cnames, response.ttl), (2, 40));
        assert_eq!(response.canonical.unwrap().to_string(), "c.example");
    }

    #[test]
    fn ignores_other_classes() {
        let query = query("www.example", RecordType::A);
        let at = query.datagram().len() - OPT_LENGTH + 13 + 2;
        let chaos = reply(&query).a("www.example", 60, 1).patch(at, &[0, 3]);
        assert!(parse(chaos, &query).unwrap().addresses.is_empty());
    }

    #[test]
    fn bounds_addresses_ttls_and_chains() {
        let query = query("www.example", RecordType::A);
        let many = (0..40).fold(reply(&query), |reply, last| reply.a("www.example", 60, last));
        let response = parse(many, &query).unwrap();
        assert_eq!(response.addresses.len(), MAX_ADDRESSES);
        assert_eq!(response.addresses[15], IpAddr::from([10, 0, 0, 15]));

        for (sent, taken) in
            [(0, 0), (86_400, 86_400), (86_401, 86_400), (0x7fff_ffff, 86_400), (0x8000_0000, 0), (u32::MAX, 0)]
        {
            let response = parse(reply(&query).a("www.example", sent, 1), &query).unwrap();
            assert_eq!(response.ttl, taken, "TTL {sent}");
        }

        let circle = reply(&query).cname("www.example", 60, "web.example").cname("web.example", 60, "www.example");
        assert_eq!(parse(circle, &query).unwrap().cnames, MAX_CNAMES + 1);
    }

    #[test]
    fn reads_codes() {
        let query = query("www.example", RecordType::A);
        for (rcode, text) in [
            (Rcode::NOERROR, "NOERROR"),
            (Rcode::FORMERR, "FORMERR"),
            (Rcode::SERVFAIL, "SERVFAIL"),
            (Rcode::NXDOMAIN, "NXDOMAIN"),
            (Rcode::NOTIMP, "NOTIMP"),
            (Rcode::REFUSED, "REFUSED"),
            (Rcode::BADVERS, "BADVERS"),
            (Rcode(9), "RCODE9"),
            (Rcode(0x0fff), "RCODE4095"),
        ] {
            let message = reply(&query).rcode(rcode.0 as u8 & 0x0f).opt((rcode.0 >> 4) as u8);
            assert_eq!(parse(message, &query).unwrap().rcode, rcode);
            assert_eq!(rcode.to_string(), text);
        }
    }

    #[test]
    fn takes_no_address_from_a_failure() {
        let query = query("www.example", RecordType::A);
        let message = reply(&query).rcode(2).a("www.example", 60, 1);
        assert!(parse(message, &query).unwrap().addresses.is_empty());
    }

    #[test]
    fn a_truncated_answer_is_not_read_on() {
        let query = query("www.example", RecordType::A);
        let whole = reply(&query).truncated().a("www.example", 60, 1).bytes();
        let question_end = query.datagram().len() - OPT_LENGTH;
        for end in question_end..whole.len() {
            let response = Response::parse(&whole[..end], &query, Transport::Udp).unwrap();
            assert!(response.truncated);
            assert!(response.addresses.is_empty());
        }
    }

    #[test]
    fn tells_how_long_absence_may_be_remembered() {
        let query = query("www.example", RecordType::A);
        for (ttl, minimum, expected) in [
            (900, 600, 600),
            (600, 900, 600),
            (0x8000_0000, 600, 0),
            (600, u32::MAX, 0),
            (1_000_000, 1_000_000, MAX_NEGATIVE_TTL),
        ] {
            let response = parse(reply(&query).rcode(3).soa(ttl, minimum), &query).unwrap();
            assert_eq!(response.negative_ttl, Some(expected), "{ttl} {minimum}");
        }
        let response = parse(reply(&query).rcode(3), &query).unwrap();
        assert_eq!(response.negative_ttl, None);
    }

    #[test]
    fn recognizes_a_server_that_neither_owns_nor_asks() {
        let query = query("www.example", RecordType::A);
        assert!(parse(reply(&query).lame(), &query).unwrap().lame);
        assert!(!parse(reply(&query), &query).unwrap().lame);
        let owner = reply(&query).patch(2, &[0x84, 0]);
        assert!(!parse(owner, &query).unwrap().lame);
    }

    #[test]
    fn refuses_answers_to_other_questions() {
        let query = query("www.example", RecordType::A);
        let class = query.datagram().len() - OPT_LENGTH - 1;
        let good = || reply(&query).a("www.example", 60, 1);
        let cases = [
            (good().patch(0, &[0x12, 0x35]), AnswerError::WrongId),
            (good().patch(2, &[0x01]), AnswerError::NotAResponse),
            (good().patch(2, &[0xa8]), AnswerError::NotAResponse),
            (good().patch(4, &[0, 0]), AnswerError::WrongQuestion),
            (good().patch(4, &[0, 2]), AnswerError::WrongQuestion),
            (good().patch(13, b"vww"), AnswerError::WrongQuestion),
            (good().patch(12, b"\x0bwww."), AnswerError::WrongQuestion),
            (good().patch(class, &[3]), AnswerError::WrongQuestion),
            (good().patch(class - 2, &[28]), AnswerError::WrongQuestion),
            (good().patch(13, b"wWw"), AnswerError::WrongCase),
            (reply(&query).rcode(3).patch(4, &[0, 0]), AnswerError::WrongQuestion),
        ];
        for (index, (message, error)) in cases.into_iter().enumerate() {
            assert_eq!(parse(message, &query), Err(error), "case {index}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn letter_case_does_not_matter_over_tcp() {
        let query = query("www.example", RecordType::A);
        let message = reply(&query).patch(13, b"WWW").a("www.example", 60, 1).bytes();
        let response = Response::parse(&message, &query, Transport::Tcp).unwrap();
        assert_eq!(response.addresses, addresses(&["10.0.0.1"]));
    }

    #[test]
    fn a_server_that_could_not_read_the_question_need_not_repeat_it() {
        let query = query("www.example", RecordType::A);
        let header = b"\x12\x34\x81\x81\x00\x00\x00\x00\x00\x00\x00\x00";
        let response = Response::parse(header, &query, Transport::Udp).unwrap();
        assert_eq!(response.rcode, Rcode::FORMERR);
    }

    #[test]
    fn every_prefix_of_an_answer_is_too_short() {
        let query = query("www.example", RecordType::A);
        let whole = rich(&query);
        for end in 0..whole.len() {
            assert_eq!(
                Response::parse(&whole[..end], &query, Transport::Udp),
                Err(Malformed::Short.into()),
                "{end} of {} bytes",
                whole.len()
            );
        }
        let longer = [&whole[..], b"behind"].concat();
        assert!(Response::parse(&longer, &query, Transport::Udp).is_ok());
    }

    #[test]
    fn refuses_counts_that_lie() {
        let query = query("www.example", RecordType::A);
        for section in [6, 8, 10] {
            let mut message = rich(&query);
            message[section + 1] += 1;
            assert_eq!(
                Response::parse(&message, &query, Transport::Udp),
                Err(Malformed::Short.into()),
                "count at {section}"
            );
            message[section] = 2;
            assert_eq!(
                Response::parse(&message, &query, Transport::Udp),
                Err(Malformed::TooManyRecords.into()),
                "count at {section}"
            );
        }
    }

    #[test]
    fn refuses_data_of_the_wrong_length() {
        let query = query("www.example", RecordType::A);
        let owner = "www.example";
        let soa = [wire("ns"), wire("root"), vec![0; 20]].concat();
        let cases = [
            reply(&query).answer(owner, 1, 60, &[10, 0, 0]),
            reply(&query).answer(owner, 1, 60, &[10, 0, 0, 1, 2]),
            reply(&query).answer(owner, 1, 60, &[]),
            reply(&query).answer(owner, 5, 60, b"\x03web\x00\x00"),
            reply(&query).record(8, &[0], 6, 60, &[&soa[..], &[0]].concat()),
        ];
        for (index, message) in cases.into_iter().enumerate() {
            let error = Err(Malformed::DataLength.into());
            assert_eq!(parse(message, &query), error, "case {index}");
        }
        // Data that ends inside a name or a number, though the message goes on.
        let cases = [
            reply(&query).answer(owner, 5, 60, b"\x03web").a(owner, 60, 1),
            reply(&query).answer(owner, 5, 60, b"\x07we").a(owner, 60, 1),
            reply(&query).answer(owner, 5, 60, b"").a(owner, 60, 1),
            reply(&query).record(8, &[0], 6, 60, &soa[..soa.len() - 1]).opt(0),
        ];
        for (index, message) in cases.into_iter().enumerate() {
            let error = Err(Malformed::Short.into());
            assert_eq!(parse(message, &query), error, "case {index}");
        }
    }

    #[test]
    fn refuses_pointers_that_do_not_point_backwards() {
        let query = query("www.example", RecordType::A);
        let here = (query.datagram().len() - OPT_LENGTH) as u8;
        let owners: [&[u8]; 6] = [
            &[0xc0, here],                       // itself
            &[0xc0, here + 2],                   // forward
            &[1, b'a', 0xc0, here],              // back into its own name: a loop
            &[1, b'a', 0xc0, here + 1],          // into the middle of its own label
            &[0xff, 0xff],                       // out of the message
            &[1, b'a', 1, b'b', 0xc0, here + 2], // to its own second label
        ];
        for owner in owners {
            let message = reply(&query).record(6, owner, 1, 60, &[10, 0, 0, 1]);
            let error = Err(Malformed::Pointer.into());
            assert_eq!(parse(message, &query), error, "{owner:?}");
        }
        // Two names that point at each other: the first points forward.
        let message = reply(&query).record(6, &[0xc0, here + 16], 1, 60, &[10, 0, 0, 1]).record(
            6,
            &[0xc0, here],
            1,
            60,
            &[10, 0, 0, 1],
        );
        assert_eq!(parse(message, &query), Err(Malformed::Pointer.into()));
    }

    #[test]
    fn refuses_a_name_that_runs_over_its_own_start_after_a_jump() {
        // A TXT record's data ends in a label that reaches into the name behind it, which points to that label.
        let query = query("www.example", RecordType::A);
        let here = (query.datagram().len() - OPT_LENGTH) as u8;
        let message = reply(&query).record(6, &[0], 16, 60, &[5]).record(6, &[0xc0, here + 11], 1, 60, &[10, 0, 0, 1]);
        assert_eq!(parse(message, &query), Err(Malformed::Short.into()));
    }

    #[test]
    fn refuses_more_pointers_than_a_name_needs() {
        // Data full of pointers, each to the one before it, and a name that enters at the last.
        let query = query("www.example", RecordType::A);
        let here = query.datagram().len() - OPT_LENGTH;
        for (count, error) in [(MAX_JUMPS - 1, None), (MAX_JUMPS, Some(Malformed::Pointer.into()))] {
            let data_start = here + 11;
            let mut data = vec![0xc0, 12];
            for index in 1..count {
                let before = (data_start + 2 * (index - 1)) as u16 | 0xc000;
                data.extend(before.to_be_bytes());
            }
            let last = (data_start + 2 * (count - 1)) as u16 | 0xc000;
            let message =
                reply(&query).record(6, &[0], 16, 60, &data).record(6, &last.to_be_bytes(), 1, 60, &[10, 0, 0, 1]);
            assert_eq!(parse(message, &query).err(), error, "{count} pointers");
        }
    }

    #[test]
    fn refuses_labels_and_names_that_do_not_exist() {
        let query = query("www.example", RecordType::A);
        for kind in [0x40, 0x80, 0xbf] {
            let message = reply(&query).record(6, &[kind, 0], 1, 60, &[10, 0, 0, 1]);
            assert_eq!(parse(message, &query), Err(Malformed::LabelType.into()));
        }
        let label = [&[63][..], &[b'a'; 63]].concat();
        for last in [62, 63] {
            let long = [label.repeat(3), vec![last], vec![b'a'; last.into()], vec![0]].concat();
            let message = reply(&query).record(6, &long, 1, 60, &[10, 0, 0, 1]);
            assert_eq!(parse(message, &query), Err(Malformed::NameTooLong.into()));
        }
        let longest = [label.repeat(3), vec![61], vec![b'a'; 61], vec![0]].concat();
        let message = reply(&query).record(6, &longest, 1, 60, &[10, 0, 0, 1]);
        assert!(parse(message, &query).unwrap().addresses.is_empty());
    }

    #[test]
    fn every_kind_of_malformed_has_words() {
        for why in [
            Malformed::Short,
            Malformed::LabelType,
            Malformed::Pointer,
            Malformed::NameTooLong,
            Malformed::DataLength,
            Malformed::TooManyRecords,
        ] {
            assert!(AnswerError::from(why).to_string().starts_with("it "));
        }
    }

    #[test]
    fn any_damage_is_an_error_or_an_answer_within_bounds() {
        let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
        let query = query("www.example", RecordType::A);
        let good = rich(&query);
        let question_end = query.datagram().len() - OPT_LENGTH;
        let mut parsed = 0;
        for round in 0..50_000 {
            let mut message = good.clone();
            // Half of the time the question is left alone, so that the damage lies deeper.
            let from = if round % 2 == 0 { question_end } else { 0 };
            for _ in 0..=random.below(3) {
                let at = from + random.below(message.len() - from);
                message[at] = random.next() as u8;
            }
            message.truncate(message.len() - random.below(4).saturating_sub(2));
            let Ok(response) = Response::parse(&message, &query, Transport::Udp) else {
                continue;
            };
            parsed += 1;
            assert!(response.addresses.len() <= MAX_ADDRESSES);
            assert!(response.cnames <= MAX_CNAMES + 1);
            assert!(response.ttl <= MAX_TTL);
        }
        assert!((1_000..49_000).contains(&parsed), "{parsed} parsed");
    }
}
