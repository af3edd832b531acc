//! DER (X.690) as far as certificates need it: values of one tag, one length and one content, read one after the other.
//!
//! Every read is checked against the value that holds it, and nothing recurses. It refuses to know what the values mean.

use std::fmt;

/// Why a certificate could not be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerError {
    /// The byte of the certificate at which it stopped making sense.
    pub at: usize,
    /// What is wrong there, in plain words.
    pub what: &'static str,
}

impl fmt::Display for DerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for DerError {}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const NUMERIC_STRING: u8 = 0x12;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const TELETEX_STRING: u8 = 0x14;
pub(super) const IA5_STRING: u8 = 0x16;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const VISIBLE_STRING: u8 = 0x1a;
pub(super) const UNIVERSAL_STRING: u8 = 0x1c;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// One tag, length and content.
#[derive(Debug, Clone, Copy)]
pub(super) struct DerValue<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag and length included.
    pub(super) der: &'a [u8],
    /// Where the content starts in the certificate.
    pub(super) at: usize,
}

impl<'a> DerValue<'a> {
    pub(super) fn inside(self) -> DerReader<'a> {
        DerReader { rest: self.content, at: self.at }
    }

    pub(super) fn error(&self, what: &'static str) -> DerError {
        DerError { at: self.at, what }
    }
}

/// The values that follow one another inside a value.
#[derive(Debug)]
pub(super) struct DerReader<'a> {
    pub(super) rest: &'a [u8],
    /// Where `rest` starts in the certificate.
    pub(super) at: usize,
}

impl<'a> DerReader<'a> {
    /// The next value, whatever its type. Not copied into each of its many callers: certificates are few.
    #[inline(never)]
    pub(super) fn value(&mut self) -> Result<DerValue<'a>, DerError> {
        let start = self.rest;
        let tag_at = self.at;
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            return Err(DerError { at: tag_at, what: "a tag of more than one byte" });
        }
        let length = self.length()?;
        let at = self.at;
        let Some((content, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.error("a value longer than what holds it"));
        };
        self.rest = rest;
        self.at += length;
        let der = start.get(..self.at - tag_at).unwrap_or(start);
        Ok(DerValue { tag, content, der, at })
    }

    /// The next value, which must have this tag; `what` is the complaint if it has not.
    pub(super) fn expect(&mut self, tag: u8, what: &'static str) -> Result<DerValue<'a>, DerError> {
        let error = self.error(what);
        if self.is_empty() {
            return Err(error);
        }
        let value = self.value()?;
        if value.tag == tag { Ok(value) } else { Err(error) }
    }

    /// The next value if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<DerValue<'a>>, DerError> {
        match self.rest.first() {
            Some(&next) if next == tag => self.value().map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn finish(&self, what: &'static str) -> Result<(), DerError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(what)) }
    }

    /// A length in its only DER form (X.690 sections 8.1.3 and 10.1).
    fn length(&mut self) -> Result<usize, DerError> {
        const MAX_LENGTH_BYTES: u8 = 4;

        let not_shortest = self.error("a length that is not in its shortest form");
        let first = self.byte()?;
        let count = match first {
            0..0x80 => return Ok(usize::from(first)),
            0x80 => {
                return Err(DerError { what: "an indefinite length", ..not_shortest });
            }
            _ => first & 0x7f,
        };
        if count > MAX_LENGTH_BYTES {
            return Err(DerError { what: "a length of more than four bytes", ..not_shortest });
        }
        let mut length = 0;
        for _ in 0..count {
            length = length << 8 | usize::from(self.byte()?);
            if length == 0 {
                return Err(not_shortest);
            }
        }
        if length < 0x80 { Err(not_shortest) } else { Ok(length) }
    }

    fn byte(&mut self) -> Result<u8, DerError> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(self.error("the end in the middle of a value"));
        };
        self.rest = rest;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn error(&self, what: &'static str) -> DerError {
        DerError { at: self.at, what }
    }
}

/// Appends a value of less than 64 KiB, as all that comes out of a certificate is.
pub(super) fn push_value(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match content.len() {
        length @ 0..0x80 => out.push(length as u8),
        length @ 0x80..0x100 => out.extend([0x81, length as u8]),
        length => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
}
