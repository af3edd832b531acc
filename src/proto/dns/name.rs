//! Host names as DNS knows them (RFC 1035 §2.3 and §3.1).
//!
//! A [`Name`] comes from a text, of which only what a host name may hold is taken, or out of a checked answer, where
//! any octet may stand. This file refuses to know compression, which is the matter of [`super::message`].

use std::fmt;

/// The longest name, in octets on the wire, its final zero included (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 255;
/// The longest label of a name, in octets (RFC 1035 §2.3.4).
pub const MAX_LABEL: usize = 63;

/// A domain name: absolute, in lower case, at most [`MAX_NAME`] octets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Labels, each behind its length, and a zero.
    wire: Box<[u8]>,
}

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// There is nothing, or nothing but a dot.
    Empty,
    /// Two dots in a row, or a dot at the start.
    EmptyLabel,
    /// A part between dots is longer than [`MAX_LABEL`].
    LabelTooLong,
    /// The whole is longer than [`MAX_NAME`] octets on the wire.
    TooLong,
    /// A byte that is not a letter, digit, hyphen or underscore.
    BadByte(u8),
}

impl Name {
    /// Reads a host name: letters, digits, hyphens and underscores, with or without its final dot.
    ///
    /// # Errors
    /// What is wrong with the text, as a [`NameError`].
    pub fn parse(text: &str) -> Result<Name, NameError> {
        let text = text.as_bytes();
        let text = text.strip_suffix(b".").unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let mut name = Builder::new(text.len());
        for label in text.split(|&byte| byte == b'.') {
            if let Some(&bad) = label.iter().find(|&&byte| !is_host_byte(byte)) {
                return Err(NameError::BadByte(bad));
            }
            name.push(label)?;
        }
        Ok(name.finish())
    }

    /// This name inside a domain, as a search list wants it: `db` within `example.com` is `db.example.com`.
    ///
    /// # Errors
    /// [`NameError::TooLong`] when both together are.
    pub fn within(&self, domain: &Name) -> Result<Name, NameError> {
        let labels = self.wire.strip_suffix(&[0]).unwrap_or(&self.wire);
        if labels.len() + domain.wire.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        Ok(Name { wire: [labels, &domain.wire].concat().into() })
    }

    /// The name on the wire, uncompressed.
    pub(super) fn wire(&self) -> &[u8] {
        &self.wire
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A name in the making, label by label.
pub(super) struct Builder {
    wire: Vec<u8>,
}

impl Builder {
    /// Begins a name of about `length` bytes of text.
    pub(super) fn new(length: usize) -> Builder {
        // On the wire each dot is a length; one more length stands in front and a zero behind.
        Builder { wire: Vec::with_capacity(length.min(MAX_NAME) + 2) }
    }

    /// Adds a label of any octets.
    pub(super) fn push(&mut self, label: &[u8]) -> Result<(), NameError> {
        let length = match u8::try_from(label.len()) {
            Ok(0) => return Err(NameError::EmptyLabel),
            Ok(length) if label.len() <= MAX_LABEL => length,
            _ => return Err(NameError::LabelTooLong),
        };
        if self.wire.len() + 1 + label.len() + 1 > MAX_NAME {
            return Err(NameError::TooLong);
        }
        self.wire.push(length);
        self.wire.extend(label.iter().map(u8::to_ascii_lowercase));
        Ok(())
    }

    /// The name of the labels so far; without any it is the root.
    pub(super) fn finish(mut self) -> Name {
        self.wire.push(0);
        Name { wire: self.wire.into() }
    }
}

/// Without the final dot. Octets that are not plain text come as `\DDD` (RFC 1035 §5.1): a server's name puts no
/// control byte anywhere.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = &*self.wire;
        let mut dot = "";
        while let Some((&length, tail)) = rest.split_first().filter(|(length, _)| **length > 0) {
            let (label, tail) = tail.split_at_checked(length.into()).unwrap_or((tail, &[]));
            f.write_str(dot)?;
            write_label(f, label)?;
            dot = ".";
            rest = tail;
        }
        f.write_str(if dot.is_empty() { "." } else { "" })
    }
}

fn write_label(f: &mut fmt::Formatter<'_>, label: &[u8]) -> fmt::Result {
    for &byte in label {
        match byte {
            b'.' | b'\\' => write!(f, "\\{}", char::from(byte))?,
            b'!'..=b'~' => write!(f, "{}", char::from(byte))?,
            _ => write!(f, "\\{byte:03}")?,
        }
    }
    Ok(())
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => f.write_str("the name is empty"),
            NameError::EmptyLabel => f.write_str("a part of the name is empty"),
            NameError::LabelTooLong => {
                write!(f, "a part of the name is longer than {MAX_LABEL} bytes")
            }
            NameError::TooLong => write!(f, "the name is longer than {} bytes", MAX_NAME - 2),
            NameError::BadByte(byte @ b'!'..=b'~') => {
                write!(f, "'{}' cannot stand in a host name", char::from(*byte))
            }
            NameError::BadByte(byte) => write!(f, "byte {byte:#04x} cannot stand in a host name"),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_in_lower_case_with_or_without_the_final_dot() {
        let name = Name::parse("Www.Example.com").unwrap();
        assert_eq!(name.wire(), b"\x03www\x07example\x03com\0");
        assert_eq!(name, Name::parse("wWw.example.COM.").unwrap());
        assert_eq!(name.to_string(), "www.example.com");
        assert_eq!(Name::parse("_srv.a-b_c.9").unwrap().to_string(), "_srv.a-b_c.9");
    }

    #[test]
    fn refuses_what_is_no_host_name() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", &label[..61]);
        assert_eq!(longest.len(), 253);
        let name = Name::parse(&longest).unwrap();
        assert_eq!(name.wire().len(), MAX_NAME);
        assert_eq!(name.to_string(), longest);

        let cases = [
            ("", NameError::Empty),
            (".", NameError::Empty),
            ("..", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            ("a..", NameError::EmptyLabel),
            ("a b", NameError::BadByte(b' ')),
            ("a\0b", NameError::BadByte(0)),
            ("a\\.b", NameError::BadByte(b'\\')),
            ("bücher.de", NameError::BadByte(0xc3)),
            (&format!("{label}b.com"), NameError::LabelTooLong),
            (&"a".repeat(70_000), NameError::LabelTooLong),
            (&format!("{label}.{label}.{label}.{}", &label[..62]), NameError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(Name::parse(text), Err(error), "{text:?}");
            assert!(!error.to_string().is_empty());
        }
        assert_eq!(NameError::BadByte(b'/').to_string(), "'/' cannot stand in a host name");
        assert_eq!(NameError::BadByte(7).to_string(), "byte 0x07 cannot stand in a host name");
    }

    #[test]
    fn joins_within_a_domain_up_to_the_limit() {
        let host = Name::parse("db").unwrap();
        let domain = Name::parse("example.com").unwrap();
        assert_eq!(host.within(&domain), Ok(Name::parse("db.example.com").unwrap()));

        let label = "a".repeat(63);
        let long = Name::parse(&format!("{label}.{label}.{label}")).unwrap();
        let fits = Name::parse(&label[..61]).unwrap();
        let not = Name::parse(&label[..62]).unwrap();
        assert_eq!(fits.within(&long).unwrap().wire().len(), MAX_NAME);
        assert_eq!(not.within(&long), Err(NameError::TooLong));
    }

    #[test]
    fn prints_any_octet_harmlessly() {
        let mut builder = Builder::new(0);
        builder.push(b"A.\\\x1b\xff ").unwrap();
        builder.push(b"b").unwrap();
        assert_eq!(builder.finish().to_string(), "a\\.\\\\\\027\\255\\032.b");
        assert_eq!(Builder::new(0).finish().to_string(), ".");
    }
}
