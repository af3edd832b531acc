//! A response, read as it comes (RFC 9112): the head, then a body delimited in one of four ways, then done.
//!
//! ```text
//!     Head -> Body { Length | Chunked | UntilClose | None } -> Done
//! ```
//!
//! The [`Decoder`] is told bytes and says how many it used and which of them are body. What it makes of a response does
//! not depend on how the bytes were split on their way: it looks at the head only once all of it is there. It refuses
//! to know where bytes come from, what a good status is, and what the body means.

use std::mem::MaybeUninit;

use super::chunked::Chunked;
use super::close_reason::{self, CloseReason};
use super::problem::{Cut, Problem};
use super::{HEAD_MAX, HEADERS_MAX, INTERIM_MAX, head_end};

/// The most framing of chunks, in bytes, beyond twice the body that is in them: sizes, extensions, line ends. Work that a
/// peer orders must count against it, or a body of 1 MiB costs a GiB to receive.
const FRAMING_MAX: u64 = 64 * 1024;

/// What every answer that we can read begins with.
const PREFIX: &[u8] = b"HTTP/1.";

/// How much of an answer that is not HTTP is kept to be shown, in bytes.
const SHOWN_MAX: usize = 64;

/// How the end of the body is found (RFC 9112, 6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
enum DecoderState {
    ResponseHead,
    Length { left: u64 },
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// What one call of [`Decoder::step`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// How many bytes of the input it used. 0 only when done.
    pub used: usize,
    /// Which of them are body.
    pub body: &'a [u8],
}

/// What a decoder has to know of the request, and what it is to keep of the answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// The most body, in bytes.
    pub body_max: u64,
    /// A body that is longer than that is taken to end there. Otherwise it is a [`Problem::BodyTooLarge`].
    pub cuts: bool,
    /// The answer to a HEAD request has no body, whatever its head says.
    pub to_head: bool,
    /// The request asked for another protocol: a 101 is final and ends with its head (RFC 9110, 15.2.2). What follows is
    /// no HTTP.
    pub upgrades: bool,
    /// There is no head, and the end is the connection's: all of it is body.
    pub raw: bool,
    /// The final response's head is kept [to be looked into](Decoder::head_bytes).
    pub keeps_head: bool,
    /// Somebody wants to know whether [the connection may be kept](Decoder::keeps).
    pub minds_connection: bool,
}

/// Reads one response.
#[derive(Debug)]
pub struct Decoder {
    reading: Reading,
    state: DecoderState,
    body_bytes: u64,
    /// What chunks cost beside the body in them.
    framing_bytes: u64,
    interim: u32,
    status: Option<u16>,
    minor: u8,
    /// Whether the final head lets the connection persist, where somebody wants to know.
    persists: Result<(), CloseReason>,
    /// The part of a head that has come so far; empty when it comes in one piece, as nearly all do. Once the final one is
    /// whole, all of it, where somebody wants to look into it.
    kept_head: Vec<u8>,
}

impl Decoder {
    /// A decoder of one response.
    pub fn new(reading: Reading) -> Decoder {
        Decoder {
            reading,
            state: if reading.raw { DecoderState::UntilClose } else { DecoderState::ResponseHead },
            body_bytes: 0,
            framing_bytes: 0,
            interim: 0,
            status: None,
            minor: 1,
            persists: Err(CloseReason::Unfinished),
            kept_head: Vec::new(),
        }
    }

    /// Whether the connection can carry another request after this response, if the decoder was [to
    /// mind](Reading::minds_connection). `behind`: what came with the response's end and is no part of it.
    ///
    /// # Errors
    /// Why not.
    pub fn keeps(&self, behind: &[u8]) -> Result<(), CloseReason> {
        match &self.state {
            DecoderState::UntilClose => Err(CloseReason::UntilClose),
            DecoderState::Done if behind.is_empty() => self.persists,
            DecoderState::Done => Err(CloseReason::Surplus),
            _ => Err(CloseReason::Unfinished),
        }
    }

    /// How many bytes it keeps: a head that is not whole, or one that somebody wants to look into.
    pub fn kept_bytes(&self) -> usize {
        self.kept_head.len()
    }

    /// The final response's head as it came, if it was to be kept; empty until it is there.
    pub fn head_bytes(&self) -> &[u8] {
        if self.status.is_some() { &self.kept_head } else { &[] }
    }

    /// Takes what it can of `input`. Call again with the rest until it is used up or the response [is
    /// done](Self::is_done).
    ///
    /// # Errors
    /// [`Problem`]. The decoder is of no more use then.
    pub fn step<'a>(&mut self, input: &'a [u8]) -> Result<Step<'a>, Problem> {
        if input.is_empty() {
            return Ok(Step { used: 0, body: &[] });
        }
        match &mut self.state {
            DecoderState::ResponseHead => self.head(input).map(|used| Step { used, body: &[] }),
            DecoderState::Length { left } => {
                let here = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= here as u64;
                if *left == 0 {
                    self.state = DecoderState::Done;
                }
                self.count(&input[..here])
            }
            DecoderState::Chunked(chunked) => {
                let (used, body) = chunked.step(input)?;
                self.framing_bytes += (used - body.len()) as u64;
                if self.framing_bytes > FRAMING_MAX + 2 * (self.body_bytes + body.len() as u64) {
                    return Err(Problem::FramingTooLarge);
                }
                if *chunked == Chunked::Ended {
                    self.state = DecoderState::Done;
                }
                self.count(body).map(|step| Step { used, body: step.body })
            }
            DecoderState::UntilClose => self.count(input),
            DecoderState::Done => Ok(Step { used: 0, body: &[] }),
        }
    }

    /// The peer will send no more: whether this ends the response.
    ///
    /// # Errors
    /// Where in the response it stopped, in plain words, as [`Cut`]; or the [`Problem`] of a head that is wrong as far
    /// as it goes.
    pub fn end(&mut self) -> Result<(), Cut> {
        match &self.state {
            DecoderState::Done => Ok(()),
            DecoderState::UntilClose => {
                self.state = DecoderState::Done;
                Ok(())
            }
            DecoderState::ResponseHead if self.kept_head.is_empty() && self.interim == 0 => Err(Cut::BeforeAnswer),
            DecoderState::ResponseHead => Err(Cut::InHead),
            DecoderState::Length { left } => Err(Cut::InBody { came: self.body_bytes, missing: Some(*left) }),
            DecoderState::Chunked(_) => Err(Cut::InBody { came: self.body_bytes, missing: None }),
        }
    }

    /// Whether the whole response has come. Bytes behind it are no part of it and change nothing about it; they only
    /// mean that this connection must not be used for another.
    pub fn is_done(&self) -> bool {
        self.state == DecoderState::Done
    }

    /// The final status, once the head is there.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// `"1.1"` or `"1.0"`, once the head is there.
    pub fn http_version(&self) -> Option<&'static str> {
        self.status.map(|_| if self.minor == 0 { "1.0" } else { "1.1" })
    }

    /// How many bytes of body have come, without their framing.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    fn count<'a>(&mut self, body: &'a [u8]) -> Result<Step<'a>, Problem> {
        let body_max = self.reading.body_max;
        let room = body_max - self.body_bytes;
        if body.len() as u64 <= room {
            self.body_bytes += body.len() as u64;
            return Ok(Step { used: body.len(), body });
        }
        if !self.reading.cuts {
            self.body_bytes += body.len() as u64;
            return Err(Problem::BodyTooLarge(body_max));
        }
        self.state = DecoderState::Done;
        self.persists = Err(CloseReason::Unfinished);
        self.body_bytes = body_max;
        // Less than the body, so it fits.
        Ok(Step { used: body.len(), body: &body[..room as usize] })
    }

    /// Reads the head where it lies if it came in one piece, as nearly all do. Otherwise gathers it until its blank
    /// line and reads it then: what is wrong with the beginning of a head is not said before its end is there, so no
    /// split can matter.
    fn head(&mut self, input: &[u8]) -> Result<usize, Problem> {
        if self.kept_head.is_empty() {
            check_prefix(input)?;
            let most = &input[..input.len().min(HEAD_MAX)];
            if let Ok(head) = ResponseHead::parse(most, self.reading.minds_connection) {
                let length = head.length;
                return self.take_head(head, &input[..length]).map(|()| length);
            }
        }
        let before = self.kept_head.len();
        let room = HEAD_MAX - before;
        self.kept_head.extend_from_slice(&input[..input.len().min(room)]);
        if before < PREFIX.len() {
            check_prefix(&self.kept_head)?;
        }
        match head_end(&self.kept_head, before) {
            Some(end) => {
                let bytes = std::mem::take(&mut self.kept_head);
                let head = ResponseHead::parse(&bytes[..end], self.reading.minds_connection)?;
                // Another idea than ours of where the head ends is no head to believe.
                if head.length != end {
                    return Err(Problem::HeaderField);
                }
                self.take_head(head, &bytes[..end])?;
                Ok(end - before)
            }
            None if input.len() >= room => Err(Problem::HeadTooLarge),
            None => Ok(input.len()),
        }
    }

    /// Takes one whole head and decides how the body ends.
    fn take_head(&mut self, head: ResponseHead, bytes: &[u8]) -> Result<(), Problem> {
        let is_upgrade = head.status == 101;
        if is_upgrade && !self.reading.upgrades {
            return Err(Problem::SwitchedProtocols);
        }
        if head.status < 200 && !is_upgrade {
            self.interim += 1;
            return if self.interim > INTERIM_MAX { Err(Problem::TooManyInterim) } else { Ok(()) };
        }
        if self.reading.keeps_head {
            self.kept_head.extend_from_slice(bytes);
        }
        if self.reading.minds_connection {
            self.persists = if is_upgrade { Err(CloseReason::Upgraded) } else { head.persists };
        }
        self.status = Some(head.status);
        self.minor = head.minor;
        // Where there is no body, the fields that would delimit it mean nothing and cannot be wrong (RFC 9112, 6.3, rule 1).
        self.state = if self.reading.to_head || is_upgrade || matches!(head.status, 204 | 304) {
            DecoderState::Done
        } else {
            match head.framing? {
                Framing::Length(0) => DecoderState::Done,
                Framing::Length(length) if length > self.reading.body_max && !self.reading.cuts => {
                    return Err(Problem::BodyTooLarge(self.reading.body_max));
                }
                Framing::Length(length) => DecoderState::Length { left: length },
                Framing::Chunked => DecoderState::Chunked(Chunked::new()),
                Framing::UntilClose => DecoderState::UntilClose,
            }
        };
        Ok(())
    }
}

/// What a whole head says.
struct ResponseHead {
    /// Its length in bytes, with its blank line.
    length: usize,
    status: u16,
    minor: u8,
    framing: Result<Framing, Problem>,
    /// Whether it lets the connection persist; only looked into where somebody wants to know.
    persists: Result<(), CloseReason>,
}

impl ResponseHead {
    /// Reads the head at the start of `bytes`. One that is not all there is a [`Problem::HeaderField`].
    fn parse(bytes: &[u8], minds_connection: bool) -> Result<ResponseHead, Problem> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let mut config = httparse::ParserConfig::default();
        // Obsolete line folding (RFC 9112, 5.2) still comes from old servers. It cannot hide framing: see
        // `content_length`.
        config.allow_obsolete_multiline_headers_in_responses(true);
        let length = match config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) => length,
            Err(httparse::Error::TooManyHeaders) => return Err(Problem::TooManyHeaders),
            Err(httparse::Error::Status | httparse::Error::Version) => return Err(Problem::StatusLine),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Problem::HeaderField),
        };
        let minor = response.version.unwrap_or(1);
        let connection = response.headers.iter().filter(|header| is_named(header, "Connection"));
        let persists = match minds_connection {
            true => close_reason::persists(minor, connection.map(|header| header.value)),
            false => Err(CloseReason::Unfinished),
        };
        Ok(ResponseHead {
            length,
            status: response.code.filter(|code| (100..=999).contains(code)).ok_or(Problem::StatusLine)?,
            minor,
            framing: framing(response.headers),
            persists,
        })
    }
}

enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// RFC 9112, 6.3, with its "ought to be handled as an error" taken at its word.
fn framing(headers: &[httparse::Header<'_>]) -> Result<Framing, Problem> {
    let mut length = None;
    let mut codings = Codings::None;
    for header in headers {
        if is_named(header, "Content-Length") {
            let here = content_length(header.value)?;
            if length.is_some_and(|before| before != here) {
                return Err(Problem::ContentLengths);
            }
            length = Some(here);
        } else if is_named(header, "Transfer-Encoding") {
            codings = codings.and(header.value)?;
        }
    }
    match (codings, length) {
        (Codings::None, Some(length)) => Ok(Framing::Length(length)),
        (Codings::None | Codings::Other, None) => Ok(Framing::UntilClose),
        (Codings::ChunkedLast, None) => Ok(Framing::Chunked),
        (Codings::Other | Codings::ChunkedLast, Some(_)) => Err(Problem::LengthAndEncoding),
    }
}

/// Whether the header has this name, given as nearly every server writes it: that is the quick case.
fn is_named(header: &httparse::Header<'_>, name: &str) -> bool {
    header.name == name || header.name.eq_ignore_ascii_case(name)
}

/// Digits and nothing else; a list of the same number (RFC 9110, 8.6) counts as that number. No sign. It may be folded
/// (RFC 9112, 5.2), but not between two digits.
fn content_length(value: &[u8]) -> Result<u64, Problem> {
    let mut length = None;
    for item in value.split(|&b| b == b',') {
        let digits = item.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Problem::ContentLength);
        }
        let here = digits
            .iter()
            .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
            .ok_or(Problem::ContentLength)?;
        if length.is_some_and(|before| before != here) {
            return Err(Problem::ContentLengths);
        }
        length = Some(here);
    }
    length.ok_or(Problem::ContentLength)
}

/// The transfer codings seen so far, over all header lines.
#[derive(Clone, Copy)]
enum Codings {
    None,
    ChunkedLast,
    Other,
}

impl Codings {
    fn and(mut self, value: &[u8]) -> Result<Codings, Problem> {
        for item in value.split(|&b| b == b',') {
            let coding = item.trim_ascii();
            if coding.is_empty() {
                continue;
            }
            self = match self {
                Codings::ChunkedLast => return Err(Problem::TransferEncoding),
                _ if coding.eq_ignore_ascii_case(b"chunked") => Codings::ChunkedLast,
                _ => Codings::Other,
            };
        }
        Ok(self)
    }
}

/// An answer that is not HTTP/1.x is known by its first byte that differs: nobody waits for the head of an SSH banner.
fn check_prefix(head: &[u8]) -> Result<(), Problem> {
    let length = head.len().min(PREFIX.len());
    if head[..length] == PREFIX[..length] {
        return Ok(());
    }
    Err(Problem::NotHttp(head[..head.len().min(SHOWN_MAX)].into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 1 << 20;

    /// What became of a response: status, version, body, how many bytes were used.
    type Read = Result<(Option<u16>, Option<&'static str>, Vec<u8>, usize), String>;

    /// Feeds the pieces and then the end of the stream.
    fn read_as(to_head: bool, body_max: u64, pieces: &[&[u8]]) -> Read {
        let mut decoder = Decoder::new(Reading { to_head, body_max, ..Reading::default() });
        let (mut body, mut used) = (Vec::new(), 0);
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && !decoder.is_done() {
                let step = decoder.step(rest).map_err(|problem| problem.to_string())?;
                assert!(step.used > 0, "no progress");
                body.extend_from_slice(step.body);
                used += step.used;
                rest = &rest[step.used..];
            }
        }
        decoder.end().map_err(|cut| cut.to_string())?;
        assert!(decoder.is_done() && decoder.body_bytes() == body.len() as u64);
        Ok((decoder.status(), decoder.http_version(), body, used))
    }

    fn read(wire: &[u8]) -> Read {
        read_as(false, MAX, &[wire])
    }

    const WHOLE: &[(&str, u16, &str)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 05\r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503, ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", 304, ""),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "hello"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
            200,
            "x",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the close", 200, "until the close"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nuntil the close", 200, "until the close"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
            200,
            "!",
        ),
        ("HTTP/1.1 200 OK\r\nX-Folded: a\r\n  b\r\nContent-Length: 1\r\n\r\n!", 200, "!"),
        ("HTTP/1.1 200 OK\r\nX-Folded:\r\n \r\n\t\r\nContent-Length: 1\r\n\r\n!", 200, "!"),
        ("HTTP/1.1 200 OK\nContent-Length: 1\nX-Folded: a\n \n\n!", 200, "!"),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\t1\r\n\r\n!", 200, "!"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip,\r\n chunked\r\n\r\n1  \r\nx\r\n1 ;a=b\r\ny\r\n0\t\r\n\r\n",
            200,
            "xy",
        ),
        // Fields that mean nothing here cannot be wrong.
        ("HTTP/1.1 204 No Content\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 204, ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: -1\r\nContent-Length: 7\r\n\r\n", 304, ""),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 204, ""),
    ];

    #[test]
    fn every_split_gives_the_same_response() {
        for (wire, status, body) in WHOLE {
            let wire = wire.as_bytes();
            let whole = read(wire).unwrap();
            assert_eq!((whole.0, whole.2.as_slice(), whole.3), (Some(*status), body.as_bytes(), wire.len()));
            for split in 0..=wire.len() {
                assert_eq!(read_as(false, MAX, &[&wire[..split], &wire[split..]]).as_ref(), Ok(&whole), "at {split}");
            }
            let bytes: Vec<&[u8]> = wire.chunks(1).collect();
            assert_eq!(read_as(false, MAX, &bytes), Ok(whole), "byte by byte");
        }
    }

    #[test]
    fn a_prefix_is_never_a_whole_response() {
        for (wire, _, _) in WHOLE.iter().filter(|(_, _, body)| !body.starts_with("until")) {
            for length in 0..wire.len() {
                let error = read(&wire.as_bytes()[..length]).expect_err(wire);
                assert!(
                    error.starts_with("before") || error.starts_with("in ") || error.starts_with("after"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        for said in
            ["Content-Length: 99999999999", "Content-Length: 1\r\nTransfer-Encoding: chunked", "Content-Length: x"]
        {
            let wire = format!("HTTP/1.1 200 OK\r\n{said}\r\n\r\n");
            assert_eq!(read_as(true, 10, &[wire.as_bytes()]).unwrap().3, wire.len(), "{said}");
        }
    }

    #[test]
    fn a_protocol_that_was_asked_for_is_an_answer() {
        let wire =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nContent-Length: 5\r\n\r\n\x81\x00";
        for split in 0..=wire.len() {
            let mut decoder =
                Decoder::new(Reading { body_max: MAX, upgrades: true, minds_connection: true, ..Reading::default() });
            let mut used = 0;
            for piece in [&wire[..split], &wire[split..]] {
                let mut rest = piece;
                while !rest.is_empty() && !decoder.is_done() {
                    let step = decoder.step(rest).unwrap();
                    assert!(step.body.is_empty());
                    used += step.used;
                    rest = &rest[step.used..];
                }
            }
            assert_eq!((decoder.status(), used, decoder.is_done()), (Some(101), wire.len() - 2, true), "at {split}");
            assert_eq!(decoder.keeps(&[]), Err(CloseReason::Upgraded));
        }
        assert_eq!(read(wire), Err(Problem::SwitchedProtocols.to_string()));
    }

    #[test]
    fn bytes_behind_the_end_change_nothing() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!HTTP/1.1 500 Smuggled\r\n\r\n";
        let (status, _, body, used) = read(wire).unwrap();
        assert_eq!((status, body.as_slice(), used), (Some(200), &b"!"[..], wire.len() - 25));
    }

    #[test]
    fn the_connection_may_be_kept_or_not_at_every_split() {
        let keep = |head: &str| format!("HTTP/1.1 200 OK\r\n{head}Content-Length: 5\r\n\r\nhello");
        let cases = [
            (keep(""), false, Ok(())),
            (keep("connection: x, Close\r\n"), false, Err(CloseReason::Answer)),
            (keep("").replace("1.1", "1.0"), false, Err(CloseReason::Http10)),
            (keep("Connection: keep-alive\r\n").replace("1.1", "1.0"), false, Ok(())),
            (keep("").replace("hello", ""), true, Ok(())),
            (keep("") + "!", false, Err(CloseReason::Surplus)),
            ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), false, Ok(())),
            ("HTTP/1.1 100 Go\r\nConnection: close\r\n\r\nHTTP/1.1 204 None\r\n\r\n".to_owned(), false, Ok(())),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_owned(), false, Ok(())),
            ("HTTP/1.1 200 OK\r\n\r\nx".to_owned(), false, Err(CloseReason::UntilClose)),
        ];
        for (wire, to_head, expected) in cases {
            let wire = wire.as_bytes();
            for split in 0..=wire.len() {
                let mut decoder =
                    Decoder::new(Reading { body_max: MAX, to_head, minds_connection: true, ..Reading::default() });
                let mut behind = 0;
                for piece in [&wire[..split], &wire[split..]] {
                    let mut rest = piece;
                    while !rest.is_empty() && !decoder.is_done() {
                        assert_ne!(decoder.keeps(b""), Ok(()), "not before the end");
                        rest = &rest[decoder.step(rest).unwrap().used..];
                    }
                    behind += rest.len();
                }
                assert_eq!(
                    decoder.keeps(&wire[wire.len() - behind..]),
                    expected,
                    "{:?}",
                    wire.escape_ascii().to_string()
                );
            }
        }
        assert_eq!(Decoder::new(Reading::default()).keeps(b""), Err(CloseReason::Unfinished));
    }

    #[test]
    fn lies_are_refused_at_every_split() {
        let cases = [
            ("SSH-2.0-OpenSSH_9.2\r\n", "not HTTP: the answer begins with \"SSH-2.0-OpenSSH_9.2\""),
            ("\x15\x03\x01\0\x02\x02\x46", "not HTTP: the server spoke TLS (is this an https:// port?)"),
            ("\0\0\x12\x04\0\0\0\0\0", "not HTTP/1.x: the server spoke HTTP/2"),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", "not HTTP: the answer begins with \"\""),
            ("HTTP/2 200\r\n\r\n", "not HTTP: the answer begins with \"HTTP/2 200\""),
            ("HTTP/1.1 2x0 OK\r\n\r\n", "the status line cannot be read"),
            ("HTTP/1.1 099 Low\r\n\r\n", "the status line cannot be read"),
            ("HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", "a header field cannot be read"),
            ("HTTP/1.1 200 OK\r\nSpace : x\r\n\r\n", "a header field cannot be read"),
            ("HTTP/1.1 200 OK\r\nNul: \0\r\n\r\n", "a header field cannot be read"),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "101 Switching Protocols, which was not asked for"),
            ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", "Content-Length is not a number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello", "Content-Length is not a number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", "Content-Length is not a number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\nhello", "Content-Length is not a number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nhello", "Content-Length is not a number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", "Content-Length is not a number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", "several Content-Length that differ"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                "several Content-Length that differ",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                "Content-Length beside Transfer-Encoding",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
                "Transfer-Encoding has chunked twice or not last",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                "Transfer-Encoding has chunked twice or not last",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
                "a chunk size is not a hexadecimal number of up to 64 bits",
            ),
        ];
        for (wire, problem) in cases {
            let wire = wire.as_bytes();
            assert_eq!(read(wire), Err(problem.to_string()), "{:?}", wire.escape_ascii().to_string());
            for split in 1..wire.len() {
                let error = read_as(false, MAX, &[&wire[..split], &wire[split..]]).unwrap_err();
                // What is shown of an answer that is no HTTP is what had come by then.
                assert!(error == problem || error.starts_with("not HTTP"), "{error} at {split}");
            }
        }
    }

    #[test]
    fn the_body_is_bounded_in_all_three_framings() {
        for wire in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nhello world",
        ] {
            assert!(read_as(false, 11, &[wire]).is_ok());
            assert_eq!(read_as(false, 10, &[wire]), Err(Problem::BodyTooLarge(10).to_string()));
        }
    }

    #[test]
    fn head_headers_and_interim_responses_are_bounded() {
        let endless = [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; HEAD_MAX]].concat();
        for size in [1000, 4096, endless.len()] {
            let pieces: Vec<&[u8]> = endless.chunks(size).collect();
            assert_eq!(read_as(false, MAX, &pieces), Err(Problem::HeadTooLarge.to_string()), "in pieces of {size}");
        }
        let large = [&endless[..], b"\r\n\r\n"].concat();
        assert_eq!(read(&large), Err(Problem::HeadTooLarge.to_string()), "also when it comes whole");

        let fields = |n: usize| format!("HTTP/1.1 204 OK\r\n{}\r\n", "X: y\r\n".repeat(n));
        assert!(read(fields(HEADERS_MAX).as_bytes()).is_ok());
        assert_eq!(read(fields(HEADERS_MAX + 1).as_bytes()), Err(Problem::TooManyHeaders.to_string()));

        let interim = |n: usize| format!("{}HTTP/1.1 204 OK\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n".repeat(n));
        assert!(read(interim(INTERIM_MAX as usize).as_bytes()).is_ok());
        assert_eq!(read(interim(INTERIM_MAX as usize + 1).as_bytes()), Err(Problem::TooManyInterim.to_string()));
    }
}
