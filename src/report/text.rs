//! Text for where it is shown: strings without control bytes, times, and dates.
//!
//! Everything that a server or a file put into a string is hostile until it has been through here: a terminal obeys
//! escape sequences, and JSON must stay JSON.

use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use crate::check::outcome::Micros;
use crate::check::units::civil_date;
pub use crate::check::units::{counted, push_listed, short_time};

/// Appends a text as it is. A call, and not what the call does: reports that are not the default have hundreds of these,
/// and there it matters more how small they are than how quick.
#[inline(never)]
pub fn put(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
}

/// Appends a text as it is.
pub fn push(out: &mut Vec<u8>, text: &str) {
    put(text.as_bytes(), out);
}

/// Appends what `format_args!` makes.
pub fn push_format(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

/// The longest detail, in characters, in a format whose readers keep all that they are given.
pub const DETAIL_MAX: usize = 4096;

/// Appends text for a terminal, as [`shown`] has it.
pub fn push_shown(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(shown(text).as_bytes());
}

/// Text for a terminal: control and other invisible or direction-changing characters become `\x1b`-like escapes. It is
/// one line, and what a format has to escape besides is printable.
pub fn shown(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (b' '..0x7f).contains(&b)) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() || is_invisible(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown.into()
}

/// How many columns of a terminal a text takes: escapes that make colours none, characters of the wide alphabets two.
pub fn width(text: &str) -> usize {
    let mut in_escape = false;
    let columns = text.chars().map(|c| match c {
        '\x1b' => {
            in_escape = true;
            0
        }
        _ if in_escape => {
            in_escape = c != 'm';
            0
        }
        '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 2,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3ffff}' => 2,
        _ => 1,
    });
    columns.sum()
}

/// A text in so many columns, its middle left out where it is wider: both ends of a URL tell it from others, the end
/// more often. Of one with other letters than ASCII's perhaps more is left out than must be.
pub fn without_middle(text: &str, room: usize) -> Cow<'_, str> {
    const DOTS: &str = "...";
    if width(text) <= room {
        return text.into();
    }
    let kept = room.saturating_sub(DOTS.len());
    let (mut head, mut tail) = (kept / 3, text.len() - (kept - kept / 3).min(text.len()));
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    [&text[..head], DOTS, &text[tail..]].concat().into()
}

/// Appends a line, broken between words where it is wider than so many columns. What is broken off stands `indent` columns
/// in. Numbers stay beside what they count and their unit, and a word that is too long for any line is left to the terminal.
pub fn push_folded(line: &str, columns: usize, indent: usize, out: &mut Vec<u8>) {
    if width(line) <= columns {
        return put(line.as_bytes(), out);
    }
    let bytes = line.as_bytes();
    // What stands in the line under way begins here, is so wide, and has been looked at up to here.
    let (mut from, mut at, mut seen) = (0, 0, 0);
    // Where it may end, and where it may if nothing else helps.
    let (mut good, mut any) = (None, None);
    for end in (1..=bytes.len()).filter(|end| matches!(bytes.get(*end), None | Some(b' '))) {
        let word = &line[seen..end];
        at += width(word);
        if at > columns
            && let Some(place) = good.or(any)
        {
            put(line[from..place].trim_end_matches(' ').as_bytes(), out);
            out.push(b'\n');
            out.resize(out.len() + indent, b' ');
            from = place + 1;
            at = indent + width(&line[from..end]);
            (good, any) = (None, None);
        }
        if at > indent {
            any = Some(end);
            let is_number = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'(' | b' '));
            if !is_number && !bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
                good = any;
            }
        }
        seen = end;
    }
    put(&bytes[from..], out);
}

/// Characters that make a line look like another line: marks of direction, separators of lines, joiners, the byte order
/// mark. And the two that are none, which neither XML nor YAML can hold.
fn is_invisible(c: char) -> bool {
    let is_mark = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
    is_mark || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fffe}' | '\u{ffff}')
}

/// In UTF-8, the first byte of the control characters U+0080 to U+009F (and of U+00A0 to U+00BF).
const C1_LEAD: u8 = 0xc2;

/// Appends a JSON string with its quotes (RFC 8259, 7). DEL and the control characters above it need no escape in JSON;
/// they get one, since NDJSON is looked at on terminals, too.
pub fn push_json(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let is_special = |b: u8| b < b' ' || b == b'"' || b == b'\\' || b == 0x7f || b == C1_LEAD;
    out.push(b'"');
    // Without an early end the compiler looks at 16 bytes at a time, and nearly every text is a plain one.
    if !bytes.iter().fold(false, |found, &byte| found | is_special(byte)) {
        out.extend_from_slice(bytes);
        return out.push(b'"');
    }
    let mut plain_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !is_special(byte) {
            continue;
        }
        let c1 = bytes.get(at + 1).filter(|next| byte == C1_LEAD && (0x80..0xa0).contains(*next));
        if byte == C1_LEAD && c1.is_none() {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + 1 + usize::from(c1.is_some());
        match *c1.unwrap_or(&byte) {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a JSON string, or null.
pub fn push_json_or_null(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => push_json(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// "00" to "99".
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [*b"00"; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// The last two digits of a number.
fn pair(number: u32) -> [u8; 2] {
    PAIRS[(number % 100) as usize]
}

/// Appends a number.
#[inline]
pub fn push_number(number: u64, out: &mut Vec<u8>) {
    // Most have one digit, for which calling anything would be most of the work.
    match number {
        0..10 => out.push(b'0' + number as u8),
        _ => push_digits(number, out),
    }
}

/// Appends a number of two digits or more.
fn push_digits(mut number: u64, out: &mut Vec<u8>) {
    // Those of an address are short.
    match number {
        ..100 => return out.extend_from_slice(&pair(number as u32)),
        100..1000 => {
            let [tens, ones] = pair(number as u32);
            return out.extend_from_slice(&[b'0' + (number / 100) as u8, tens, ones]);
        }
        _ => {}
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    while number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number > 0 {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// A number to so many digits behind the point, one at least: `3.10`. What is negative, or no number, is 0.
pub fn fixed(value: f64, digits: u32) -> String {
    let one = 10u64.pow(digits);
    // As a cast does it.
    let parts = (value * one as f64).round() as u64;
    format!("{}.{:0width$}", parts / one, parts % one, width = digits as usize)
}

/// Appends the same without zeros at its end: `3.1`.
pub fn push_rounded(value: f64, digits: u32, out: &mut Vec<u8>) {
    push(out, fixed(value, digits).trim_end_matches('0').trim_end_matches('.'));
}

/// Appends an address and port as `SocketAddr` shows itself.
pub fn push_address(address: SocketAddr, out: &mut Vec<u8>) {
    match address {
        SocketAddr::V4(address) => {
            for (octet, separator) in address.ip().octets().into_iter().zip(*b"...:") {
                push_number(u64::from(octet), out);
                out.push(separator);
            }
            push_number(u64::from(address.port()), out);
        }
        // Writing to a Vec cannot fail.
        SocketAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// Appends a time in seconds, to the microsecond: `0.203114`.
pub fn push_seconds(time: Duration, out: &mut Vec<u8>) {
    push_micros(Micros::of(time), out);
}

/// Appends a time in seconds, or null.
pub fn push_seconds_or_null(time: Option<Duration>, out: &mut Vec<u8>) {
    match time {
        Some(time) => push_seconds(time, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a time of whole microseconds in seconds: `0.203114`.
pub fn push_micros(time: Micros, out: &mut Vec<u8>) {
    let (seconds, micros) = (time.count() / 1_000_000, (time.count() % 1_000_000) as u32);
    let mut text = *b"0.000000";
    text[2..4].copy_from_slice(&pair(micros / 10_000));
    text[4..6].copy_from_slice(&pair(micros / 100));
    text[6..8].copy_from_slice(&pair(micros));
    match seconds {
        0..10 => {
            text[0] += seconds as u8;
            out.extend_from_slice(&text);
        }
        _ => {
            push_number(seconds, out);
            out.extend_from_slice(&text[1..]);
        }
    }
}

/// Writes dates and times, and remembers the last one: thousands of checks begin within the same second, and what takes
/// time is its date.
#[derive(Debug)]
pub struct Timestamps {
    second: u64,
    text: [u8; 24],
}

impl Default for Timestamps {
    fn default() -> Timestamps {
        Timestamps { second: 0, text: *b"1970-01-01T00:00:00.000Z" }
    }
}

impl Timestamps {
    /// Appends a date and time in UTC to the millisecond (RFC 3339): `2026-11-22T16:40:00.123Z`. `wall` is since the
    /// Unix epoch.
    pub fn push(&mut self, wall: Duration, out: &mut Vec<u8>) {
        if self.second != wall.as_secs() {
            self.second = wall.as_secs();
            fill_date(self.second, &mut self.text);
        }
        let millis = wall.subsec_millis();
        self.text[20] = b'0' + (millis / 100) as u8;
        self.text[21..23].copy_from_slice(&pair(millis));
        out.extend_from_slice(&self.text);
    }
}

/// Appends a date and time in UTC to the second: `2027-01-01T00:00:00Z`. What lies before 1970 is shown as its first
/// second.
pub fn push_date(unix_seconds: i64, out: &mut Vec<u8>) {
    let mut text = *b"0000-00-00T00:00:00Z";
    fill_date(u64::try_from(unix_seconds).unwrap_or(0), &mut text);
    out.extend_from_slice(&text);
}

/// Fills `0000-00-00T00:00:00` at the start of `text`.
fn fill_date(seconds: u64, text: &mut [u8]) {
    let (year, month, day) = civil_date(seconds / 86400);
    let second_of_day = (seconds % 86400) as u32;
    for (number, at) in [
        (year / 100, 0),
        (year, 2),
        (month, 5),
        (day, 8),
        (second_of_day / 3600, 11),
        (second_of_day / 60 % 60, 14),
        (second_of_day % 60, 17),
    ] {
        text[at..at + 2].copy_from_slice(&pair(number));
    }
}

/// Appends bytes in hexadecimal.
pub fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::pushed;

    #[test]
    fn no_control_byte_reaches_a_terminal() {
        assert_eq!(pushed(|out| push_shown("plain ä", out)), "plain ä");
        assert_eq!(pushed(|out| push_shown("\u{1b}[31mred\r\n\u{9b}", out)), r"\u{1b}[31mred\u{d}\u{a}\u{9b}");
        assert_eq!(pushed(|out| push_shown("a\u{202e}b", out)), r"a\u{202e}b");
        assert_eq!(shown("\u{fffd}\u{fffe}\u{ffff}"), "\u{fffd}\\u{fffe}\\u{ffff}");
        for c in (0..0xa0u32).filter_map(char::from_u32) {
            assert!(!pushed(|out| push_shown(&c.to_string(), out)).contains(char::is_control));
        }
    }

    #[test]
    fn a_text_is_as_wide_as_a_terminal_makes_it() {
        for (text, columns) in
            [("", 0), ("plain", 5), ("\u{1b}[31mdown\u{1b}[0m", 4), ("監視", 4), ("e\u{301}", 1), ("ä", 1)]
        {
            assert_eq!(width(text), columns, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_loses_its_middle() {
        let url = "http://127.0.0.1:8000/status/503";
        assert_eq!(without_middle(url, 32), url);
        assert_eq!(without_middle(url, 31), "http://12...0.1:8000/status/503");
        assert_eq!(without_middle(url, 12), "htt...us/503");
        assert_eq!(without_middle("äöüäöüäöü", 8), "...öü");
        assert_eq!(without_middle("abcd", 0), "...");
    }

    #[test]
    fn lines_are_broken_between_words() {
        let folded = |line: &str, columns, indent| pushed(|out| push_folded(line, columns, indent, out));
        assert_eq!(folded("one two three", 13, 2), "one two three");
        assert_eq!(folded("one two three", 12, 2), "one two\n  three");
        assert_eq!(folded("  one two three", 9, 4), "  one two\n    three");
        assert_eq!(
            folded("reasons: reset 1, closed 12, status 3", 20, 9),
            "reasons: reset 1,\n         closed 12,\n         status 3"
        );
        assert_eq!(folded("it took 216 ms, no more", 14, 1), "it\n took 216 ms,\n no more", "a number and its unit");
        assert_eq!(folded("a  b", 3, 1), "a\n b");
        assert_eq!(folded("\u{1b}[31mred\u{1b}[0m one", 7, 0), "\u{1b}[31mred\u{1b}[0m one", "colours take no room");
        let word = "x".repeat(50);
        assert_eq!(folded(&format!("and {word} b"), 20, 2), format!("and\n  {word}\n  b"));
        assert_eq!(folded(&word, 20, 2), word);
    }

    #[test]
    fn json_strings_are_json() {
        assert_eq!(pushed(|out| push_json("a\"b\\c\n\t\r\u{1b}\u{7f}ä", out)), r#""a\"b\\c\n\t\r\u001b\u007fä""#);
        assert_eq!(pushed(|out| push_json("\u{80}\u{9b}31m\u{9f}\u{a0}é", out)), "\"\\u0080\\u009b31m\\u009f\u{a0}é\"");
        assert_eq!(pushed(|out| push_json("", out)), "\"\"");
        assert_eq!(pushed(|out| push_json_or_null(None, out)), "null");
    }

    #[test]
    fn numbers_and_times() {
        for number in (0..1234).chain([9_999, 10_000, 65_535, 1 << 20, u64::MAX / 10, u64::MAX]) {
            assert_eq!(pushed(|out| push_number(number, out)), number.to_string());
        }
        assert_eq!(pushed(|out| push_seconds(Duration::from_micros(203_114), out)), "0.203114");
        assert_eq!(pushed(|out| push_seconds(Duration::from_micros(12_000_007), out)), "12.000007");
        assert_eq!(pushed(|out| push_seconds_or_null(None, out)), "null");
    }

    #[test]
    fn decimals_are_rounded() {
        // None of them lies in the middle between two that could be shown.
        for value in [0.0, 0.04, 0.96, 0.999_999, 1.0, 3.1, 12.346, 99.96, 202.7 / 3.0, 1e6 / 7.0, 7_516_192_768.0] {
            for digits in [1, 2, 6] {
                assert_eq!(fixed(value, digits), format!("{value:.*}", digits as usize));
            }
        }
        assert_eq!([-1.0, f64::NAN].map(|value| fixed(value, 2)), ["0.00"; 2]);
        for (value, text) in [(0.0, "0"), (100.0, "100"), (0.5, "0.5"), (10.019_9, "10.02"), (0.004, "0")] {
            assert_eq!(pushed(|out| push_rounded(value, 2, out)), text);
        }
    }

    #[test]
    fn addresses() {
        for address in ["127.0.0.1:8000", "10.200.30.4:1", "[::1]:80"] {
            assert_eq!(pushed(|out| push_address(address.parse().unwrap(), out)), address);
        }
    }

    #[test]
    fn dates() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_795_365_600_123, "2026-11-22T16:40:00.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        let mut timestamps = Timestamps::default();
        for (millis, date) in cases.into_iter().chain([cases[3], (1_795_365_600_999, "2026-11-22T16:40:00.999Z")]) {
            let mut out = Vec::new();
            timestamps.push(Duration::from_millis(millis), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), date);
        }
    }
}
