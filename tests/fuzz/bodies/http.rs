//! Responses and request heads: a split of the bytes must not matter.

use upcheck::proto::http::problem::{Cut, Problem};
use upcheck::proto::http::received::RequestHead;
use upcheck::proto::http::response::{Decoder, Reading};

use super::Tape;

/// A response is the same whole, cut in two, and byte by byte.
pub fn response(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let flags = tape.byte();
    let to_head = flags & 1 == 1;
    let body_max = if flags & 2 == 2 { 16 } else { 1 << 20 };
    let cut = usize::from(tape.byte()) << (flags >> 4);
    let bytes = tape.rest();
    let hear = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        Heard::of(Decoder::new(Reading { to_head, body_max, ..Reading::default() }), pieces)
    };
    let whole = hear(&mut [bytes].into_iter());
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    whole.assert_same(&hear(&mut [first, second].into_iter()));
    whole.assert_same(&hear(&mut bytes.chunks(1)));
    assert!(!to_head || whole.body.is_empty());
    if whole.ending == Ok(()) {
        assert!(whole.body.len() as u64 <= body_max && whole.status.is_some());
    }
}

/// The chunked coding means the same to the decoder as to a reader that has all of it before it.
pub fn chunked(bytes: &[u8]) {
    // Longer ones could pass the limit on trailers, which the other reader does not know.
    let bytes = &bytes[..bytes.len().min(32 * 1024)];
    let head: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let heard =
        Heard::of(Decoder::new(Reading { body_max: u64::MAX, ..Reading::default() }), &mut [head, bytes].into_iter());
    heard.assert_same(&Heard::of(
        Decoder::new(Reading { body_max: u64::MAX, ..Reading::default() }),
        &mut head.chunks(7).chain(bytes.chunks(1)),
    ));
    match unchunk(bytes) {
        Ok(Some((body, used))) => {
            assert_eq!(heard.ending, Ok(()));
            assert_eq!((heard.body, heard.used), (body, head.len() + used));
        }
        Ok(None) => assert!(matches!(heard.ending, Err(Ended::Cut(Cut::InBody { .. }))), "{:?}", heard.ending),
        Err(Wrong) => assert!(matches!(heard.ending, Err(Ended::Problem(_))), "{:?}", heard.ending),
    }
}

/// The head of a request is read when all of it is there, and not a byte before.
pub fn request_head(bytes: &[u8]) {
    let Ok(Some(head)) = RequestHead::parse(bytes) else { return };
    assert!(head.used <= bytes.len());
    assert!(!head.method.is_empty() && !head.target.is_empty());
    assert_eq!(RequestHead::parse(&bytes[..head.used]).as_ref(), Ok(&Some(head.clone())));
    assert_eq!(RequestHead::parse(&bytes[..head.used - 1]), Ok(None));
}

/// All that a decoder told of a response.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    ending: Result<(), Ended>,
    body: Vec<u8>,
    status: Option<u16>,
    version: Option<&'static str>,
    used: usize,
}

/// Why there is no whole response.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Problem(Problem),
    Cut(Cut),
}

impl Heard {
    fn of(mut decoder: Decoder, pieces: &mut dyn Iterator<Item = &[u8]>) -> Heard {
        let mut body = Vec::new();
        let mut used = 0;
        let mut ending = Ok(());
        for mut piece in pieces {
            while !piece.is_empty() && !decoder.is_done() && ending.is_ok() {
                match decoder.step(piece) {
                    Ok(step) => {
                        assert!(step.used > 0, "it goes on");
                        body.extend_from_slice(step.body);
                        piece = &piece[step.used..];
                        used += step.used;
                    }
                    Err(problem) => ending = Err(Ended::Problem(problem)),
                }
            }
        }
        if ending.is_ok() {
            assert_eq!(decoder.body_bytes(), body.len() as u64);
            ending = decoder.end().map_err(Ended::Cut);
        }
        if ending.is_ok() {
            assert!(decoder.is_done());
            assert_eq!(decoder.step(b"more").map(|step| step.used), Ok(0), "the end is the end");
        }
        Heard { ending, body, status: decoder.status(), version: decoder.http_version(), used }
    }

    /// The same, as far as a split may not matter. Of what is no HTTP at all, what had come by then is shown; how much of a
    /// bad body was used before it was known to be bad is nobody's concern.
    #[track_caller]
    fn assert_same(&self, other: &Heard) {
        match (&self.ending, &other.ending) {
            (Err(Ended::Problem(Problem::NotHttp(a))), Err(Ended::Problem(Problem::NotHttp(b)))) => {
                assert!(a.starts_with(b) || b.starts_with(a), "{a:?} and {b:?}");
            }
            (Err(Ended::Problem(a)), Err(Ended::Problem(b))) => {
                assert_eq!((a, self.status, self.version), (b, other.status, other.version));
            }
            _ => assert_eq!(self, other),
        }
    }
}

/// No chunked body, whatever may follow.
struct Wrong;

/// The other reader of chunked bodies: the body, and how many bytes it took, once it is whole.
fn unchunk(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Wrong> {
    const SIZE_DIGITS_MAX: usize = 16;
    const EXTENSION_MAX: usize = 1024;
    let mut body = Vec::new();
    let mut rest = bytes;
    loop {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, line) = rest.split_at(digits);
        match (digits, line.first()) {
            (SIZE_DIGITS_MAX.., _) if digits > SIZE_DIGITS_MAX => return Err(Wrong),
            (0, Some(_)) => return Err(Wrong),
            (_, None) => return Ok(None),
            (_, Some(b'\r' | b';' | b' ' | b'\t')) => {}
            (_, Some(_)) => return Err(Wrong),
        }
        // White space may pad a size; anything else has its semicolon.
        let blank = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if !matches!(line.get(blank), None | Some(b'\r' | b';')) {
            return Err(Wrong);
        }
        let extension = line.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count();
        if extension > EXTENSION_MAX {
            return Err(Wrong);
        }
        let Some(after) = line_end(&line[extension..])? else { return Ok(None) };
        // 16 hexadecimal digits are a u64.
        let size = size.iter().fold(0, |sum, digit| sum << 4 | u64::from(hex(*digit)));
        if size == 0 {
            let Some(end) = after_trailers(after)? else { return Ok(None) };
            return Ok(Some((body, bytes.len() - end.len())));
        }
        let Some((data, after)) = usize::try_from(size).ok().and_then(|size| after.split_at_checked(size)) else {
            return Ok(None);
        };
        body.extend_from_slice(data);
        let Some(after) = line_end(after)? else { return Ok(None) };
        rest = after;
    }
}

fn after_trailers(mut rest: &[u8]) -> Result<Option<&[u8]>, Wrong> {
    loop {
        let field = rest.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count();
        let Some(after) = line_end(&rest[field..])? else { return Ok(None) };
        if field == 0 {
            return Ok(Some(after));
        }
        rest = after;
    }
}

/// What follows a CRLF that must stand here.
fn line_end(bytes: &[u8]) -> Result<Option<&[u8]>, Wrong> {
    match bytes {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', after @ ..] => Ok(Some(after)),
        _ => Err(Wrong),
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
