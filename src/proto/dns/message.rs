//! DNS answers, which are checked before anything in them is believed (RFC 1035, 2181, 2308, 3596, 6891).
//!
//! Bytes in, values out: an answer says what the question asked for, or why it must not be believed. This file refuses
//! to know servers, retries, timeouts and sockets; [`super::lookup`] has them.

use std::fmt;
use std::net::IpAddr;

use super::name::Name;
use super::query::{CLASS_IN, HEADER, Query, RecordType, TYPE_OPT, Transport};
use super::wire::{NameRef, WireReader};

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
        let mut reader = WireReader::new(message);

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
            answers.has_cnames |= ResourceRecord::read(&mut reader)?.is(TYPE_CNAME);
        }
        for _ in 0..header.authorities {
            let record = ResourceRecord::read(&mut reader)?;
            if record.is(TYPE_SOA) {
                response.negative_ttl = Some(record.negative_ttl()?);
            }
        }
        for _ in 0..header.additionals {
            let record = ResourceRecord::read(&mut reader)?;
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
    fn read(reader: &mut WireReader<'_>) -> Result<Header, Malformed> {
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
fn check_question(reader: &mut WireReader<'_>, query: &Query, transport: Transport) -> Result<(), AnswerError> {
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
    first: WireReader<'a>,
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
            let record = ResourceRecord::read(&mut self.first)?;
            if record.is(TYPE_CNAME) && record.owner.same(owner)? {
                return Ok(Some((record.target()?, record.ttl())));
            }
        }
        Ok(None)
    }

    fn addresses(mut self, owner: NameRef<'_>, wanted: RecordType, response: &mut Response) -> Result<(), Malformed> {
        for _ in 0..self.count {
            let record = ResourceRecord::read(&mut self.first)?;
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
struct ResourceRecord<'a> {
    owner: NameRef<'a>,
    kind: u16,
    class: u16,
    raw_ttl: u32,
    /// Stands at the record's data, in a message that ends where the data ends.
    data: WireReader<'a>,
}

impl<'a> ResourceRecord<'a> {
    fn read(reader: &mut WireReader<'a>) -> Result<ResourceRecord<'a>, Malformed> {
        let owner = reader.name()?;
        let kind = reader.u16()?;
        let class = reader.u16()?;
        let raw_ttl = reader.u32()?;
        let length = reader.u16()?;
        Ok(ResourceRecord { owner, kind, class, raw_ttl, data: reader.part(length.into())? })
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
mod tests;
