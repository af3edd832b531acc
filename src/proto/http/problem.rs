//! What can be wrong with a response: a [`Problem`] is why its bytes are not to be believed, a [`Cut`] is where they
//! stopped too early.
//!
//! A closed list and the words for each, below everything that reads. It refuses to know who found a thing out.

use std::{ascii, fmt};

use super::{HEAD_MAX, HEADERS_MAX, INTERIM_MAX};

/// Why bytes are not a response that can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The answer does not begin like HTTP/1.x. What it begins with instead, up to 64 bytes.
    NotHttp(Box<[u8]>),
    /// The status line cannot be read.
    StatusLine,
    /// A header field cannot be read.
    HeaderField,
    /// The head is longer than [`HEAD_MAX`], or so is a trailer section.
    HeadTooLarge,
    /// More than [`HEADERS_MAX`] header fields.
    TooManyHeaders,
    /// More than 16 interim responses.
    TooManyInterim,
    /// `101 Switching Protocols`, which nobody asked for.
    SwitchedProtocols,
    /// `Content-Length` is not a number.
    ContentLength,
    /// Several `Content-Length` that differ.
    ContentLengths,
    /// `Content-Length` and `Transfer-Encoding` in one head: the way a smuggled response looks (RFC 9112, 6.3).
    LengthAndEncoding,
    /// `chunked` is not the last transfer coding, or stands there twice.
    TransferEncoding,
    /// A chunk size that is empty, not hexadecimal, or over 64 bits.
    ChunkSize,
    /// A chunk extension over 1 KiB.
    ChunkExtension,
    /// Chunks whose sizes and extensions outweigh the body in them.
    FramingTooLarge,
    /// A chunk's line that does not end in CRLF where it must.
    ChunkLine,
    /// The body is longer than the limit that was set. The limit, in bytes.
    BodyTooLarge(u64),
}

impl Problem {
    /// Whether the answer was too much, as opposed to wrong.
    pub fn is_too_large(&self) -> bool {
        matches!(
            self,
            Problem::HeadTooLarge
                | Problem::TooManyHeaders
                | Problem::TooManyInterim
                | Problem::FramingTooLarge
                | Problem::BodyTooLarge(_)
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotHttp(shown) => not_http(shown, f),
            Problem::StatusLine => f.write_str("the status line cannot be read"),
            Problem::HeaderField => f.write_str("a header field cannot be read"),
            Problem::HeadTooLarge => write!(f, "the head is longer than {} KiB", HEAD_MAX / 1024),
            Problem::TooManyHeaders => write!(f, "more than {HEADERS_MAX} header fields"),
            Problem::TooManyInterim => write!(f, "more than {INTERIM_MAX} interim (1xx) responses"),
            Problem::SwitchedProtocols => f.write_str("101 Switching Protocols, which was not asked for"),
            Problem::ContentLength => f.write_str("Content-Length is not a number"),
            Problem::ContentLengths => f.write_str("several Content-Length that differ"),
            Problem::LengthAndEncoding => f.write_str("Content-Length beside Transfer-Encoding"),
            Problem::TransferEncoding => f.write_str("Transfer-Encoding has chunked twice or not last"),
            Problem::ChunkSize => f.write_str("a chunk size is not a hexadecimal number of up to 64 bits"),
            Problem::ChunkExtension => f.write_str("a chunk extension is longer than 1 KiB"),
            Problem::FramingTooLarge => f.write_str("the framing of the chunks outweighs the body in them"),
            Problem::ChunkLine => f.write_str("a chunk does not end where its size says"),
            Problem::BodyTooLarge(limit) => write!(f, "the body is longer than {limit} bytes (--max-body)"),
        }
    }
}

/// Says what an answer that is not HTTP/1.x looks like.
fn not_http(shown: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match shown {
        [0x15 | 0x16, 0x03, ..] => return f.write_str("not HTTP: the server spoke TLS (is this an https:// port?)"),
        [0, 0, _, 4, 0, ..] => return f.write_str("not HTTP/1.x: the server spoke HTTP/2"),
        _ => {}
    }
    let line = shown.split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
    f.write_str("not HTTP: the answer begins with \"")?;
    for &byte in line {
        write!(f, "{}", ascii::escape_default(byte))?;
    }
    f.write_str("\"")
}

/// Where a response stopped that was not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before its first byte.
    BeforeAnswer,
    /// Before the empty line that ends its head.
    InHead,
    /// Behind its head, before the body was whole.
    InBody {
        /// How many bytes of body had come.
        came: u64,
        /// How many more `Content-Length` had promised, where there was one.
        missing: Option<u64>,
    },
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::BeforeAnswer => f.write_str("before any byte of an answer"),
            Cut::InHead => f.write_str("in the middle of the response head"),
            Cut::InBody { came, missing: Some(missing) } => {
                write!(f, "after {came} of {} body bytes", came.saturating_add(*missing))
            }
            Cut::InBody { came, missing: None } => write!(f, "in a chunked body, after {came} bytes of it"),
        }
    }
}
