//! The chunked transfer coding (RFC 9112, 7.1), a function a state:
//!
//! ```text
//!     Size -> Blank -> Extension -> SizeLf -> Data -> DataCr -> DataLf -> Size ... -> Trailer -> Ended
//! ```
//!
//! Strict, because every liberty taken here is a way to make two readers of one stream disagree on where a message
//! ends: a size has digits and only digits, lines end in CRLF and nothing less. It keeps no body and copies none: it
//! says which bytes are body.

use super::HEAD_MAX;
use super::problem::Problem;

/// The most digits in a chunk size: 16 hold any 64-bit number.
const SIZE_DIGITS_MAX: usize = 16;

/// The longest chunk extension, in bytes. Nobody reads them; they only cost.
const EXTENSION_MAX: usize = 1024;

/// The decoder: what it expects next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunked {
    /// A digit of a chunk's size, or what follows the last one.
    Size { size: u64, digits: usize },
    /// What follows white space behind a size: more of it, an extension, or the end of the line.
    Blank { size: u64, length: usize },
    /// The rest of the size line. Nothing in it matters to us.
    Extension { size: u64, length: usize },
    /// The LF of the size line.
    SizeLf { size: u64 },
    /// Bytes of the body, so many of which are still to come in this chunk.
    Data { left: u64 },
    /// The CR behind a chunk's data.
    DataCr,
    /// The LF behind a chunk's data.
    DataLf,
    /// Trailer fields up to the blank line.
    Trailer { length: usize, line: TrailerLine },
    /// Nothing: the body is over.
    Ended,
}

/// Where in a trailer line we stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrailerLine {
    /// At its first byte.
    Start,
    /// Some of it has come, and no CR yet.
    Middle,
    /// All of it has come but the LF behind its CR.
    Cr,
    /// Behind the CR of the blank line.
    BlankCr,
}

impl Chunked {
    /// Before the first chunk.
    pub(super) fn new() -> Chunked {
        Chunked::Size { size: 0, digits: 0 }
    }

    /// Takes what one state can use of `input`, which must not be empty: how many bytes were used, and which of them
    /// are body.
    pub(super) fn step<'a>(&mut self, input: &'a [u8]) -> Result<(usize, &'a [u8]), Problem> {
        let (next, used) = match *self {
            Chunked::Size { size, digits } => (Self::size(size, digits, input[0])?, 1),
            Chunked::Blank { size, length } => (Self::blank(size, length, input[0])?, 1),
            Chunked::Extension { size, length } => Self::extension(size, length, input)?,
            Chunked::SizeLf { size } => (Self::size_lf(size, input[0])?, 1),
            Chunked::Data { left } => {
                let here = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - here as u64;
                *self = if left == 0 { Chunked::DataCr } else { Chunked::Data { left } };
                return Ok((here, &input[..here]));
            }
            Chunked::DataCr => (Self::expect(input[0], b'\r', Chunked::DataLf)?, 1),
            Chunked::DataLf => (Self::expect(input[0], b'\n', Chunked::new())?, 1),
            Chunked::Trailer { length, line } => (Self::trailer(length, line, input[0])?, 1),
            Chunked::Ended => (Chunked::Ended, 0),
        };
        *self = next;
        Ok((used, &[]))
    }

    fn size(size: u64, digits: usize, byte: u8) -> Result<Chunked, Problem> {
        match (byte as char).to_digit(16) {
            Some(_) if digits == SIZE_DIGITS_MAX => Err(Problem::ChunkSize),
            Some(digit) => Ok(Chunked::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }),
            // "httparse reads an empty size line as the last chunk": a reason to read it here.
            None if digits == 0 => Err(Problem::ChunkSize),
            None => Self::blank(size, 0, byte),
        }
    }

    /// An extension has its semicolon; some servers pad a size with spaces.
    fn blank(size: u64, length: usize, byte: u8) -> Result<Chunked, Problem> {
        match byte {
            b' ' | b'\t' | b';' if length == EXTENSION_MAX => Err(Problem::ChunkExtension),
            b' ' | b'\t' => Ok(Chunked::Blank { size, length: length + 1 }),
            b';' => Ok(Chunked::Extension { size, length: length + 1 }),
            b'\r' => Ok(Chunked::SizeLf { size }),
            _ => Err(Problem::ChunkSize),
        }
    }

    fn extension(size: u64, length: usize, input: &[u8]) -> Result<(Chunked, usize), Problem> {
        let here = input.iter().position(|&b| b == b'\r' || b == b'\n').unwrap_or(input.len());
        if length + here > EXTENSION_MAX {
            return Err(Problem::ChunkExtension);
        }
        match input.get(here) {
            None => Ok((Chunked::Extension { size, length: length + here }, here)),
            Some(b'\r') => Ok((Chunked::SizeLf { size }, here + 1)),
            Some(_) => Err(Problem::ChunkLine),
        }
    }

    fn size_lf(size: u64, byte: u8) -> Result<Chunked, Problem> {
        let next = match size {
            0 => Chunked::Trailer { length: 0, line: TrailerLine::Start },
            left => Chunked::Data { left },
        };
        Self::expect(byte, b'\n', next)
    }

    fn trailer(length: usize, line: TrailerLine, byte: u8) -> Result<Chunked, Problem> {
        if length == HEAD_MAX {
            return Err(Problem::HeadTooLarge);
        }
        let line = match (line, byte) {
            (TrailerLine::Start, b'\r') => TrailerLine::BlankCr,
            (TrailerLine::BlankCr, b'\n') => return Ok(Chunked::Ended),
            (TrailerLine::Middle, b'\r') => TrailerLine::Cr,
            (TrailerLine::Cr, b'\n') => TrailerLine::Start,
            (TrailerLine::Start | TrailerLine::Middle, byte) if byte != b'\n' => TrailerLine::Middle,
            _ => return Err(Problem::ChunkLine),
        };
        Ok(Chunked::Trailer { length: length + 1, line })
    }

    fn expect(byte: u8, expected: u8, next: Chunked) -> Result<Chunked, Problem> {
        if byte == expected { Ok(next) } else { Err(Problem::ChunkLine) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the pieces one after the other: the body, and how many bytes were used of all of them.
    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), Problem> {
        let mut chunked = Chunked::new();
        let (mut body, mut used) = (Vec::new(), 0);
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && chunked != Chunked::Ended {
                let (n, data) = chunked.step(rest)?;
                body.extend_from_slice(data);
                used += n;
                rest = &rest[n..];
            }
        }
        Ok((body, used, chunked == Chunked::Ended))
    }

    const GOOD: &[(&str, &str)] = &[
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n00006;a=b\r\n world\r\n0;x\r\nTrailer: yes\r\nMore: b\r\n\r\n", "hello world"),
        ("A \r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        ("a;name=\"quoted\"\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "0123456789"),
    ];

    #[test]
    fn every_split_gives_the_same_body() {
        for (wire, body) in GOOD {
            let wire = wire.as_bytes();
            for split in 0..=wire.len() {
                let (got, used, ended) = decode(&[&wire[..split], &wire[split..]]).unwrap();
                assert_eq!((got.as_slice(), used, ended), (body.as_bytes(), wire.len(), true), "{split}");
            }
            for length in 0..wire.len() {
                assert!(!decode(&[&wire[..length]]).unwrap().2, "a prefix is not the whole");
            }
        }
    }

    #[test]
    fn what_follows_the_end_is_left_alone() {
        assert_eq!(decode(&[b"0\r\n\r\nHTTP/1.1 200"]).unwrap().1, 5);
    }

    #[test]
    fn lies_are_refused() {
        let long = format!("1;{}\r\n", "x".repeat(EXTENSION_MAX));
        let cases = [
            ("\r\n", Problem::ChunkSize),
            ("+5\r\n", Problem::ChunkSize),
            ("-1\r\n", Problem::ChunkSize),
            ("0x5\r\n", Problem::ChunkSize),
            (" 5\r\n", Problem::ChunkSize),
            ("g\r\n", Problem::ChunkSize),
            ("10000000000000000\r\n", Problem::ChunkSize),
            ("5\n", Problem::ChunkSize),
            ("5\rX", Problem::ChunkLine),
            ("5;a\nb", Problem::ChunkLine),
            ("1\r\nab\r\n", Problem::ChunkLine),
            ("1\r\na\n", Problem::ChunkLine),
            ("1\r\na\rX", Problem::ChunkLine),
            ("0\r\n\n", Problem::ChunkLine),
            ("0\r\nA: b\n", Problem::ChunkLine),
            (long.as_str(), Problem::ChunkExtension),
        ];
        for (wire, problem) in cases {
            assert_eq!(decode(&[wire.as_bytes()]), Err(problem), "{wire:?}");
        }
    }

    #[test]
    fn the_trailer_is_bounded() {
        let wire = format!("0\r\n{}", "X: y\r\n".repeat(HEAD_MAX / 6 + 1));
        assert_eq!(decode(&[wire.as_bytes()]), Err(Problem::HeadTooLarge));
    }
}
