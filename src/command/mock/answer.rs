//! What a path asks for, and the bytes that answer it. Pure: no sockets, no clock.
//!
//! A [`MockAnswer`] is a few parts, each some bytes said over and over up to a length. So a body of 4 GiB, or one without
//! end, takes no more memory than a short one, and what a slow client has not taken yet is not kept anywhere: it is
//! made again from where that client stands.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use super::options::{MockOptions, STATUSES};

/// The status of the answers that `--fail-rate` turns into failures.
const FAILURE: u16 = 503;

/// The body of an answer that is no success.
const FAILURE_BODY: &str = r#"{"status": "fail"}"#;

/// The body of the answer to a fault's path without its numbers.
const MISSPELLED_BODY: &str = r#"{"error": "this path needs numbers: see upcheck mock --help"}"#;

/// What bodies of a given length are made of.
const FILLING: &[u8] = b"0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXY\n";

/// How much of a body goes into one chunk.
const CHUNK: usize = 1024;

/// How long the body of `/truncate` is said to be. Half of it is sent.
const TRUNCATED: u64 = 1000;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Ordinary,
    Status(u16),
    Delay(Duration),
    Bytes(u32),
    Chunked(u32),
    Drip(u32, Duration),
    Redirect(u32),
    Hang,
    Reset,
    Close,
    Truncate,
    Garbage,
    EndlessHead,
    EndlessBody,
    /// The name of a fault without the numbers that it needs.
    Misspelled,
}

impl Wish {
    /// Reads a path. What follows the numbers is free, so that many names can be had for one fault: `/hang/1`,
    /// `/hang/2`.
    fn of(path: &str) -> Wish {
        let mut segments = path.split('/').skip(1);
        let mut next = || segments.next().unwrap_or_default();
        let (name, first, second) = (next(), number(next()), number(next()));
        match (name, first, second) {
            ("status", Some(status), _) => match u16::try_from(status) {
                Ok(status) if STATUSES.contains(&status) => Wish::Status(status),
                _ => Wish::Misspelled,
            },
            ("delay", Some(ms), _) => Wish::Delay(milliseconds(ms)),
            ("bytes", Some(length), _) => Wish::Bytes(length),
            ("chunked", Some(length), _) => Wish::Chunked(length),
            ("drip", Some(length), Some(ms)) => Wish::Drip(length, milliseconds(ms)),
            ("redirect", Some(count), _) => Wish::Redirect(count),
            ("status" | "delay" | "bytes" | "chunked" | "drip" | "redirect", ..) => Wish::Misspelled,
            ("hang", ..) => Wish::Hang,
            ("reset", ..) => Wish::Reset,
            ("close", ..) => Wish::Close,
            ("truncate", ..) => Wish::Truncate,
            ("garbage", ..) => Wish::Garbage,
            ("endless-head", ..) => Wish::EndlessHead,
            ("endless-body", ..) => Wish::EndlessBody,
            _ => Wish::Ordinary,
        }
    }
}

/// The path of a request target, without its query.
pub(super) fn path(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

fn number(digits: &str) -> Option<u32> {
    // `parse` alone would take a sign.
    digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
}

fn milliseconds(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

/// Some bytes, said over and over up to a length.
#[derive(Debug)]
struct AnswerPart {
    /// Not empty, unless the length is 0.
    bytes: Cow<'static, [u8]>,
    length: u64,
}

impl AnswerPart {
    fn once(bytes: impl Into<Cow<'static, [u8]>>) -> AnswerPart {
        let bytes = bytes.into();
        AnswerPart { length: bytes.len() as u64, bytes }
    }

    fn filling(length: u64) -> AnswerPart {
        AnswerPart { bytes: FILLING.into(), length }
    }

    /// Copies what stands from offset `from` on, as much as fits: how many bytes.
    fn copy(&self, from: u64, out: &mut [u8]) -> usize {
        let wanted = (self.length - from).min(out.len() as u64) as usize;
        let mut copied = 0;
        while copied < wanted {
            let at = (from + copied as u64) % self.bytes.len() as u64;
            let piece = &self.bytes[at as usize..];
            let size = piece.len().min(wanted - copied);
            out[copied..copied + size].copy_from_slice(&piece[..size]);
            copied += size;
        }
        copied
    }
}

/// What happens after the last byte of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next request is waited for.
    NextRequest,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing, until the client leaves.
    Nothing,
}

/// All that is sent for one request.
#[derive(Debug)]
pub(super) struct MockAnswer {
    parts: Vec<AnswerPart>,
    /// How many bytes at the front are the head: all that a HEAD request is answered with.
    head: u64,
    /// `None`: as fast as it goes. Otherwise the time between one byte of the body and the next.
    pub(super) pace: Option<Duration>,
    /// What comes after it.
    pub(super) then: Then,
}

impl MockAnswer {
    /// An answer with a head and a body.
    fn new(status: u16, fields: &str, body: Vec<AnswerPart>, keep_alive: bool) -> MockAnswer {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let head = format!("HTTP/1.1 {status} {}\r\n{fields}Connection: {connection}\r\n\r\n", phrase(status));
        let mut parts = vec![AnswerPart::once(head.into_bytes())];
        let head = parts[0].length;
        parts.extend(body);
        MockAnswer { parts, head, pace: None, then: if keep_alive { Then::NextRequest } else { Then::Close } }
    }

    /// An answer that is no proper one, to HEAD no more than to any other request.
    fn fault(parts: Vec<AnswerPart>, then: Then) -> MockAnswer {
        MockAnswer { parts, head: u64::MAX, pace: None, then }
    }

    /// An answer with a short body in JSON, where a body is allowed (RFC 9110, 15.3.5, 15.4.5).
    pub(super) fn json(status: u16, body: &str, keep_alive: bool) -> MockAnswer {
        if matches!(status, 204 | 304) {
            return MockAnswer::new(status, "", Vec::new(), keep_alive);
        }
        MockAnswer::new(
            status,
            &sized(JSON, body.len() as u64),
            vec![AnswerPart::once(body.as_bytes().to_vec())],
            keep_alive,
        )
    }

    /// The answer to a request that could not be read: nothing after it can be, either.
    pub(super) fn refusal(status: u16) -> MockAnswer {
        MockAnswer::json(status, FAILURE_BODY, false)
    }

    /// Where it ends. [`u64::MAX`] is never reached.
    pub(super) fn end(&self, head_only: bool) -> u64 {
        let length = self.parts.iter().fold(0u64, |sum, part| sum.saturating_add(part.length));
        if head_only { length.min(self.head) } else { length }
    }

    /// How much may be sent at once, before the pace is kept.
    pub(super) fn unpaced(&self) -> u64 {
        if self.pace.is_some() { self.head } else { u64::MAX }
    }

    /// Copies what stands between the offsets `from` and `to`, as much as fits: how many bytes.
    pub(super) fn copy(&self, from: u64, to: u64, out: &mut [u8]) -> usize {
        let wanted = to.saturating_sub(from).min(out.len() as u64) as usize;
        let (mut skipped, mut copied) = (from, 0);
        for part in &self.parts {
            if skipped >= part.length {
                skipped -= part.length;
            } else if copied < wanted {
                copied += part.copy(skipped, &mut out[copied..wanted]);
                skipped = 0;
            }
        }
        copied
    }
}

/// The header fields of a body with a length.
fn sized(kind: &str, length: u64) -> String {
    format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n")
}

/// The reason phrase of a status. It may be empty (RFC 9112, 4).
fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

fn bytes(length: u32, keep_alive: bool) -> MockAnswer {
    let length = length.into();
    MockAnswer::new(200, &sized(TEXT, length), vec![AnswerPart::filling(length)], keep_alive)
}

fn chunked(length: u32, keep_alive: bool) -> MockAnswer {
    let full = chunk(CHUNK);
    let all_full = full.len() as u64 * (u64::from(length) / CHUNK as u64);
    let rest = chunk(length as usize % CHUNK);
    let body = vec![
        AnswerPart { bytes: full.into(), length: all_full },
        AnswerPart::once(rest),
        AnswerPart::once(&b"0\r\n\r\n"[..]),
    ];
    MockAnswer::new(200, &format!("Content-Type: {TEXT}\r\nTransfer-Encoding: chunked\r\n"), body, keep_alive)
}

/// One chunk (RFC 9112, 7.1), or nothing: one of size 0 would be the last.
fn chunk(size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    let mut chunk = format!("{size:x}\r\n").into_bytes();
    chunk.extend(FILLING.iter().cycle().take(size));
    chunk.extend_from_slice(b"\r\n");
    chunk
}

fn redirect(count: u32, keep_alive: bool) -> MockAnswer {
    let location = if count > 1 { format!("/redirect/{}", count - 1) } else { "/health".to_owned() };
    MockAnswer::new(302, &format!("Location: {location}\r\nContent-Length: 0\r\n"), Vec::new(), keep_alive)
}

fn garbage() -> MockAnswer {
    // A terminal escape and a NUL, so that whoever prints it is tried, too.
    MockAnswer::fault(vec![AnswerPart::once(&b"\x1b[31m\0\xff this is not HTTP \x07\r\n\r\n"[..])], Then::Close)
}

fn endless_head() -> MockAnswer {
    let line = AnswerPart { bytes: b"X-Endless: 0123456789 0123456789 0123456789\r\n".into(), length: u64::MAX };
    MockAnswer::fault(vec![AnswerPart::once(&b"HTTP/1.1 200 OK\r\n"[..]), line], Then::Close)
}

fn endless_body() -> MockAnswer {
    MockAnswer::new(200, &format!("Content-Type: {TEXT}\r\n"), vec![AnswerPart::filling(u64::MAX)], false)
}

/// What is answered to one request, and when.
#[derive(Debug)]
pub(super) struct Reply {
    /// What is said, as bytes.
    pub(super) answer: Rc<MockAnswer>,
    /// The time from the request to its first byte.
    pub(super) after: Duration,
}

/// An answer that is given again and again: without and with keep-alive.
struct Prepared([Rc<MockAnswer>; 2]);

impl Prepared {
    fn new(status: u16, body: &str) -> Prepared {
        Prepared([false, true].map(|keep_alive| Rc::new(MockAnswer::json(status, body, keep_alive))))
    }

    fn get(&self, keep_alive: bool) -> Rc<MockAnswer> {
        Rc::clone(&self.0[usize::from(keep_alive)])
    }
}

/// Chooses what to answer.
pub(super) struct Script {
    ordinary: Prepared,
    failure: Prepared,
    body: String,
    latency: Duration,
    jitter: Duration,
    fail_rate: f64,
    random: SeededRandom,
}

impl Script {
    /// A script by these options.
    pub(super) fn new(options: &MockOptions) -> Script {
        Script {
            ordinary: Prepared::new(options.status, &options.body),
            failure: Prepared::new(FAILURE, FAILURE_BODY),
            body: options.body.clone(),
            latency: options.latency,
            jitter: options.jitter,
            fail_rate: options.fail_rate,
            random: SeededRandom(options.seed),
        }
    }

    /// What to answer to the next request, which asks for `path`.
    pub(super) fn reply(&mut self, path: &str, keep_alive: bool) -> Reply {
        // Both are drawn for every request, so that the n-th has the same luck whatever the others asked for.
        let (failure, spread) = (self.random.unit(), self.random.unit());
        let wish = Wish::of(path);
        let after = match wish {
            Wish::Delay(delay) => delay,
            _ => (self.latency + self.jitter.mul_f64(2.0 * spread)).saturating_sub(self.jitter),
        };
        let answer = match self.unusual(wish, keep_alive) {
            Some(answer) => Rc::new(answer),
            None if failure < self.fail_rate => self.failure.get(keep_alive),
            None => self.ordinary.get(keep_alive),
        };
        Reply { answer, after }
    }

    /// An answer that is made for one request; `None` where the ordinary one will do.
    fn unusual(&self, wish: Wish, keep_alive: bool) -> Option<MockAnswer> {
        Some(match wish {
            Wish::Ordinary | Wish::Delay(_) | Wish::Redirect(0) => return None,
            Wish::Status(status @ 200..400) => MockAnswer::json(status, &self.body, keep_alive),
            Wish::Status(status) => MockAnswer::json(status, FAILURE_BODY, keep_alive),
            Wish::Bytes(length) => bytes(length, keep_alive),
            Wish::Chunked(length) => chunked(length, keep_alive),
            Wish::Drip(length, pace) => MockAnswer { pace: Some(pace), ..bytes(length, keep_alive) },
            Wish::Redirect(count) => redirect(count, keep_alive),
            Wish::Hang => MockAnswer::fault(Vec::new(), Then::Nothing),
            Wish::Reset => MockAnswer::fault(Vec::new(), Then::Reset),
            Wish::Close => MockAnswer::fault(Vec::new(), Then::Close),
            Wish::Truncate => {
                MockAnswer::new(200, &sized(TEXT, TRUNCATED), vec![AnswerPart::filling(TRUNCATED / 2)], false)
            }
            Wish::Garbage => garbage(),
            Wish::EndlessHead => endless_head(),
            Wish::EndlessBody => endless_body(),
            Wish::Misspelled => MockAnswer::json(400, MISSPELLED_BODY, keep_alive),
        })
    }
}

/// Random numbers that anybody can have again: SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
/// Generators").
struct SeededRandom(u64);

impl SeededRandom {
    /// The next number from 0 up to 1, without 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ mixed >> 31;
        // As many bits as an f64 holds exactly.
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        Script::new(&MockOptions::default())
    }

    /// Everything between two offsets, through a buffer of the given size.
    fn read(answer: &MockAnswer, mut from: u64, to: u64, buffer: usize) -> Vec<u8> {
        let mut buffer = vec![0; buffer];
        let mut out = Vec::new();
        while from < to {
            let copied = answer.copy(from, to, &mut buffer);
            assert!(copied > 0, "stuck at {from}");
            out.extend_from_slice(&buffer[..copied]);
            from += copied as u64;
        }
        out
    }

    fn text(path: &str) -> String {
        let answer = script().reply(path, true).answer;
        String::from_utf8(read(&answer, 0, answer.end(false), 4096)).unwrap()
    }

    #[test]
    fn paths_are_read() {
        let second = Duration::from_secs(1);
        let cases = [
            ("/", Wish::Ordinary),
            ("", Wish::Ordinary),
            ("*", Wish::Ordinary),
            ("/health", Wish::Ordinary),
            ("/hanging", Wish::Ordinary),
            ("/status/503", Wish::Status(503)),
            ("/status/199", Wish::Misspelled),
            ("/status/1000", Wish::Misspelled),
            ("/status/65736", Wish::Misspelled),
            ("/status", Wish::Misspelled),
            ("/delay/1000", Wish::Delay(second)),
            ("/delay/-1", Wish::Misspelled),
            ("/delay/+1", Wish::Misspelled),
            ("/bytes/4294967295", Wish::Bytes(u32::MAX)),
            ("/bytes/4294967296", Wish::Misspelled),
            ("/chunked/0", Wish::Chunked(0)),
            ("/drip/5/1000", Wish::Drip(5, second)),
            ("/drip/5", Wish::Misspelled),
            ("/redirect/3", Wish::Redirect(3)),
            ("/hang", Wish::Hang),
            ("/hang/1", Wish::Hang),
            ("/reset", Wish::Reset),
            ("/close", Wish::Close),
            ("/truncate", Wish::Truncate),
            ("/garbage", Wish::Garbage),
            ("/endless-head", Wish::EndlessHead),
            ("/endless-body", Wish::EndlessBody),
        ];
        for (path, wish) in cases {
            assert_eq!(Wish::of(path), wish, "{path}");
        }
        assert_eq!(path("/a?b#c"), "/a");
        assert_eq!(path("/a#c?b"), "/a");
    }

    #[test]
    fn an_answer_is_the_same_wherever_it_is_taken_up() {
        for path in ["/health", "/bytes/200", "/chunked/2500", "/redirect/2", "/garbage"] {
            let answer = script().reply(path, false).answer;
            let end = answer.end(false);
            let whole = read(&answer, 0, end, 1 << 16);
            assert_eq!(whole.len() as u64, end);
            for buffer in [1, 3, 64, 1000] {
                assert_eq!(read(&answer, 0, end, buffer), whole, "{path}, {buffer} at a time");
            }
            for from in 0..end {
                assert_eq!(read(&answer, from, end, 4096), whole[from as usize..], "{path} from {from}");
            }
        }
    }

    #[test]
    fn the_ordinary_answer() {
        assert_eq!(
            text("/health"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\nConnection: keep-alive\r\n\r\n{\"status\": \"ok\"}"
        );
    }

    #[test]
    fn bodies_have_the_length_that_is_asked_for() {
        for length in [0u32, 1, 63, 64, 65, 1023, 1024, 1025, 5000] {
            let plain = text(&format!("/bytes/{length}"));
            let (head, body) = plain.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")));
            assert_eq!(body.len(), length as usize);

            let coded = text(&format!("/chunked/{length}"));
            let (_, mut rest) = coded.split_once("\r\n\r\n").unwrap();
            let mut total = 0;
            loop {
                let (size, after) = rest.split_once("\r\n").unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                assert_eq!(&after[size..size + 2], "\r\n");
                rest = &after[size + 2..];
                total += size;
                if size == 0 {
                    break;
                }
            }
            assert_eq!((total, rest), (length as usize, ""));
        }
    }

    #[test]
    fn the_largest_and_the_endless_cost_no_memory() {
        let answer = script().reply("/bytes/4294967295", true).answer;
        let end = answer.end(false);
        assert_eq!(end, answer.head + u64::from(u32::MAX));
        assert_eq!(read(&answer, end - 10, end, 4096).len(), 10);
        for path in ["/endless-head", "/endless-body"] {
            let answer = script().reply(path, true).answer;
            assert_eq!(answer.end(false), u64::MAX);
            assert_eq!(answer.copy(1 << 50, u64::MAX, &mut [0; 100]), 100);
        }
    }

    #[test]
    fn a_head_request_gets_the_head_alone() {
        for path in ["/health", "/bytes/9", "/chunked/9", "/truncate", "/endless-body"] {
            let answer = script().reply(path, true).answer;
            let head = read(&answer, 0, answer.end(true), 4096);
            assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n") && head.ends_with(b"\r\n\r\n"), "{path}");
        }
    }

    #[test]
    fn statuses_without_a_body_have_none() {
        for status in [204, 304] {
            let text = text(&format!("/status/{status}"));
            assert!(text.ends_with("\r\n\r\n") && !text.contains("Content-"), "{text}");
        }
        assert!(text("/status/500").ends_with(FAILURE_BODY));
        assert!(text("/status/299").starts_with("HTTP/1.1 299 \r\n"));
        assert!(text("/status/none").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn redirects_count_down() {
        assert!(text("/redirect/3").contains("\r\nLocation: /redirect/2\r\n"));
        assert!(text("/redirect/1").contains("\r\nLocation: /health\r\n"));
        assert!(text("/redirect/0").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn how_each_ends() {
        let cases = [
            ("/health", Then::NextRequest),
            ("/bytes/1", Then::NextRequest),
            ("/hang", Then::Nothing),
            ("/reset", Then::Reset),
            ("/close", Then::Close),
            ("/truncate", Then::Close),
            ("/garbage", Then::Close),
        ];
        for (path, then) in cases {
            assert_eq!(script().reply(path, true).answer.then, then, "{path}");
        }
        assert_eq!(script().reply("/health", false).answer.then, Then::Close);
        for path in ["/hang", "/reset", "/close"] {
            assert_eq!(script().reply(path, true).answer.end(false), 0, "{path}");
        }
    }

    #[test]
    fn a_drip_is_paced_after_its_head() {
        let answer = script().reply("/drip/5/10", true).answer;
        assert_eq!(answer.pace, Some(Duration::from_millis(10)));
        assert_eq!(answer.end(false) - answer.unpaced(), 5);
        assert_eq!(script().reply("/bytes/5", true).answer.unpaced(), u64::MAX);
    }

    #[test]
    fn times_are_the_latency_give_or_take_the_jitter() {
        let [latency, jitter] = [200, 50].map(Duration::from_millis);
        assert_eq!(script().reply("/", true).after, latency);
        assert_eq!(script().reply("/delay/7", true).after, Duration::from_millis(7));
        let mut script = Script::new(&MockOptions { jitter, ..MockOptions::default() });
        let times: Vec<_> = (0..1000).map(|_| script.reply("/", true).after).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*least >= latency - jitter && *least < latency - jitter * 9 / 10, "{least:?}");
        assert!(*most <= latency + jitter && *most > latency + jitter * 9 / 10, "{most:?}");
        let wide = MockOptions { jitter: latency * 2, ..MockOptions::default() };
        let mut script = Script::new(&wide);
        assert!((0..100).any(|_| script.reply("/", true).after.is_zero()), "never less than nothing");
    }

    #[test]
    fn failures_are_as_frequent_as_asked_and_the_same_for_a_seed() {
        let failures = |fail_rate, seed| {
            let mut script = Script::new(&MockOptions { fail_rate, seed, ..MockOptions::default() });
            let mut failed = Vec::new();
            for n in 0..1000 {
                // What others ask for does not change anybody's luck.
                script.reply(if n % 2 == 0 { "/bytes/1" } else { "/health" }, true);
                let answer = script.reply("/", true).answer;
                failed.push(read(&answer, 9, 12, 3) == b"503");
            }
            failed
        };
        let count = |failed: &[bool]| failed.iter().filter(|failed| **failed).count();
        let tenth = failures(0.1, 1);
        assert!((70..130).contains(&count(&tenth)), "{}", count(&tenth));
        assert_eq!(failures(0.1, 1), tenth);
        assert_ne!(failures(0.1, 2), tenth);
        assert_eq!(count(&failures(0.0, 1)), 0);
        assert_eq!(count(&failures(1.0, 1)), 1000);
        assert!(text("/bytes/1").starts_with("HTTP/1.1 200"));
    }
}
