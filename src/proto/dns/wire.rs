//! Walking through a message: numbers, and names with their compression (RFC 1035 §3.1 and §4.1.4).
//!
//! **Nothing in a message can make this loop or read out of range.** A compression pointer must point before the part
//! of the name it stands in, and the bytes from there on are cut away before it is followed: every jump leaves a
//! shorter message. This file refuses to know what numbers and names mean; [`super::message`] does.

use std::fmt;

use super::name::{Builder, MAX_NAME, Name};

/// A name has fewer labels than this, so it never needs more pointers.
pub(super) const MAX_JUMPS: usize = MAX_NAME / 2;

/// How a message contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends before what it promised.
    Short,
    /// A label of a type that does not exist (RFC 1035 §4.1.4, RFC 6891 §5).
    LabelType,
    /// A compression pointer that does not point backwards, or one too many of them.
    Pointer,
    /// A name longer than [`MAX_NAME`].
    NameTooLong,
    /// A record's data is not as long as its type wants.
    DataLength,
    /// More than [`MAX_RECORDS`](super::message::MAX_RECORDS) records.
    TooManyRecords,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Short => "it ended too early",
            Malformed::LabelType => "it had a name with an unknown kind of label",
            Malformed::Pointer => "it had a name that did not point backwards",
            Malformed::NameTooLong => "it had a name that was too long",
            Malformed::DataLength => "it had a record of the wrong length",
            Malformed::TooManyRecords => "it had too many records",
        })
    }
}

/// A place in a message. Each method takes what stands there and moves on, or says that the message is too short.
#[derive(Clone, Copy)]
pub(super) struct WireReader<'a> {
    message: &'a [u8],
    pub(super) at: usize,
}

impl<'a> WireReader<'a> {
    /// Stands at the start of a message.
    pub(super) fn new(message: &'a [u8]) -> WireReader<'a> {
        WireReader { message, at: 0 }
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.message.get(self.at..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let bytes = self.rest().get(..count).ok_or(Malformed::Short)?;
        self.at += count;
        Ok(bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        let bytes = self.rest().first_chunk().ok_or(Malformed::Short)?;
        self.at += 2;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.rest().first_chunk().ok_or(Malformed::Short)?;
        self.at += 4;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A name, which is walked to its end: its pointers and lengths are good when this returns.
    pub(super) fn name(&mut self) -> Result<NameRef<'a>, Malformed> {
        let name = NameRef { message: self.message, start: self.at };
        let mut labels = name.labels();
        let mut length = 1;
        while let Some(label) = labels.next()? {
            length += 1 + label.len();
            if length > MAX_NAME {
                return Err(Malformed::NameTooLong);
            }
        }
        self.at = labels.end;
        Ok(name)
    }

    /// Takes `count` bytes as a reader that stands at their start, in a message that ends with them.
    pub(super) fn part(&mut self, count: usize) -> Result<WireReader<'a>, Malformed> {
        let at = self.at;
        self.take(count)?;
        let message = self.message.get(..self.at).ok_or(Malformed::Short)?;
        Ok(WireReader { message, at })
    }

    /// Says whether everything was taken.
    pub(super) fn ends(self) -> Result<(), Malformed> {
        if self.rest().is_empty() { Ok(()) } else { Err(Malformed::DataLength) }
    }
}

/// A name where it stands in a message, perhaps compressed.
#[derive(Clone, Copy)]
pub(super) struct NameRef<'a> {
    message: &'a [u8],
    start: usize,
}

impl<'a> NameRef<'a> {
    /// The name that stands there, which has been taken before and is good.
    pub(super) fn at(message: &'a [u8], start: usize) -> NameRef<'a> {
        NameRef { message, start }
    }

    fn labels(self) -> Labels<'a> {
        Labels { visible: self.message, start: self.start, at: self.start, end: self.start, jumps: 0 }
    }

    /// Whether two names are the same but for letter case (RFC 1035 §2.3.3).
    pub(super) fn same(self, other: NameRef<'_>) -> Result<bool, Malformed> {
        let (mut ours, mut theirs) = (self.labels(), other.labels());
        loop {
            // Both stand in the same message, and compressed names soon at the same place of it.
            if ours.at == theirs.at {
                return Ok(true);
            }
            match (ours.next()?, theirs.next()?) {
                (None, None) => return Ok(true),
                (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
                _ => return Ok(false),
            }
        }
    }

    pub(super) fn to_name(self) -> Result<Name, Malformed> {
        let mut name = Builder::new(self.message.len());
        let mut labels = self.labels();
        while let Some(label) = labels.next()? {
            // A label's length came out of six bits and is not zero: only the whole can be too long.
            name.push(label).map_err(|_| Malformed::NameTooLong)?;
        }
        Ok(name.finish())
    }
}

/// The labels of a name, one by one, through its pointers.
struct Labels<'a> {
    /// The part of the message that may still be read.
    visible: &'a [u8],
    /// Where the current part of the name starts: the next pointer must point before it.
    start: usize,
    at: usize,
    /// Where the name ends in the place it stands: behind its zero or its first pointer.
    end: usize,
    jumps: usize,
}

impl<'a> Labels<'a> {
    fn next(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        loop {
            let length = *self.visible.get(self.at).ok_or(Malformed::Short)?;
            match (length >> 6, length) {
                (0, 0) => {
                    self.set_end(self.at + 1);
                    return Ok(None);
                }
                (0, _) => {
                    let from = self.at + 1;
                    self.at = from + usize::from(length);
                    let label = self.visible.get(from..self.at).ok_or(Malformed::Short)?;
                    return Ok(Some(label));
                }
                (3, _) => self.jump(length)?,
                _ => return Err(Malformed::LabelType),
            }
        }
    }

    /// Follows the pointer that stands here. What is left to read is cut where the current part of the name starts,
    /// so every jump leaves less and there is no loop to detect.
    fn jump(&mut self, high: u8) -> Result<(), Malformed> {
        let low = *self.visible.get(self.at + 1).ok_or(Malformed::Short)?;
        let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
        if target >= self.start || self.jumps == MAX_JUMPS {
            return Err(Malformed::Pointer);
        }
        self.set_end(self.at + 2);
        self.visible = self.visible.get(..self.start).ok_or(Malformed::Pointer)?;
        self.start = target;
        self.at = target;
        self.jumps += 1;
        Ok(())
    }

    fn set_end(&mut self, end: usize) {
        if self.jumps == 0 {
            self.end = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the name at `at`, and gives it in text with the place behind it.
    fn name(message: &[u8], at: usize) -> Result<(String, usize), Malformed> {
        let mut reader = WireReader { message, at };
        let name = reader.name()?;
        Ok((name.to_name()?.to_string(), reader.at))
    }

    #[test]
    fn takes_plain_and_compressed_names() {
        let message = b"\x03Com\0\x01a\xc0\x00\x01B\xc0\x05\xc0\x09\x00";
        let cases = [(0, "com", 5), (5, "a.com", 9), (9, "b.a.com", 13), (13, "b.a.com", 15), (15, ".", 16)];
        for (at, text, end) in cases {
            assert_eq!(name(message, at), Ok((text.to_string(), end)));
        }
        for end in 0..5 {
            assert_eq!(name(&message[..end], 0), Err(Malformed::Short));
        }
        assert_eq!(name(&message[..14], 13), Err(Malformed::Short));
        assert_eq!(name(message, 99), Err(Malformed::Short));
    }

    #[test]
    fn compares_names_wherever_they_stand() {
        let message = b"\x03com\0\x01a\xc0\x00\x01A\x03COM\0\x02aa\xc0\x00\x01a\0";
        let at = |start| NameRef::at(message, start);
        let cases = [
            (0, 0, true),
            (5, 9, true),
            (9, 5, true),
            (0, 11, true),
            (5, 0, false),
            (5, 16, false),
            (5, 21, false),
            (21, 5, false),
        ];
        for (left, right, same) in cases {
            assert_eq!(at(left).same(at(right)), Ok(same), "{left} and {right}");
        }
    }

    #[test]
    fn numbers_and_parts_end_where_the_message_ends() {
        let mut reader = WireReader::new(b"\x01\x02\x03\x04\x05\x06\x07\x08");
        assert_eq!(reader.u16(), Ok(0x0102));
        assert_eq!(reader.u32(), Ok(0x0304_0506));
        assert_eq!(reader.u32(), Err(Malformed::Short));
        let mut part = reader.part(1).unwrap();
        assert_eq!(part.u16(), Err(Malformed::Short));
        assert_eq!(part.ends(), Err(Malformed::DataLength));
        assert_eq!(part.take(1), Ok(&b"\x07"[..]));
        assert_eq!(part.ends(), Ok(()));
        assert_eq!(reader.rest(), b"\x08");
        assert_eq!(reader.take(2), Err(Malformed::Short));
        assert_eq!(reader.part(2).err(), Some(Malformed::Short));
        assert_eq!(reader.take(usize::MAX), Err(Malformed::Short));
    }
}
