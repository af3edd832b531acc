//! A strict JSON reader (RFC 8259) for expectations: one pass says whether a document is JSON, and finds the
//! values at any number of paths.
//!
//! It builds no tree and keeps nothing but the values asked for: a check wants a few fields of a body, and wants to know
//! exactly where a body stops being JSON. It knows no other types than JSON's own, never turns a number into a
//! float, and does not write JSON.
//!
//! Four decisions that RFC 8259 leaves to the reader:
//!
//! - A byte order mark at the start is skipped (§8.1 allows it). Browsers, Python and jq skip it too, and the body's
//!   value is what is judged, not the editor that saved it.
//! - Of equal names in one object the last wins (§4), as in most parsers, also when the last one hides a longer path.
//! - Nesting is read to [`MAX_DEPTH`] (§9).
//! - A lone surrogate escape such as `\ud800` is JSON by the grammar (§8.2), so it is no error; it reads as U+FFFD.

mod number;
mod path;

use std::borrow::Cow;
use std::fmt;

pub use number::compare_numbers;
pub use path::{MAX_STEPS, Path, PathError};

use path::PathStep;

/// How deeply arrays and objects may nest. It also bounds the recursion of the reader.
pub const MAX_DEPTH: usize = 128;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The value at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFound<'a> {
    /// A number, as written: [`compare_numbers`] compares such texts without losing digits.
    Number(&'a str),
    /// A string, with its escapes resolved.
    String(Cow<'a, str>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An array, as written.
    Array(&'a str),
    /// An object, as written.
    Object(&'a str),
}

/// How many values stand in an array, or members in an object, which is given as it was [found](JsonFound).
pub fn count(raw: &str) -> usize {
    elements(raw).count()
}

/// The values of an array, or the members of an object, each as it stands there. The text is JSON.
pub fn elements(raw: &str) -> impl Iterator<Item = &str> {
    let inside = raw.trim_matches(is_space);
    let mut rest = inside.get(1..inside.len().saturating_sub(1)).unwrap_or_default().trim_matches(is_space);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = element_length(rest);
        let (element, behind) = rest.split_at(end);
        rest = behind.strip_prefix(',').unwrap_or(behind).trim_start_matches(is_space);
        Some(element.trim_end_matches(is_space))
    })
}

/// Reads the whole of `text` as one JSON object, and hands out its members in their order: each name, and the value as it
/// stands there. One pass, as strict as [`find`]'s.
///
/// # Errors
/// A [`JsonError`] says where `text` stops being a JSON object. The members before that have been handed out.
pub fn each_member<'a>(text: &'a str, each: &mut dyn FnMut(Cow<'a, str>, &'a str)) -> Result<(), JsonError> {
    let mut reader = JsonReader::new(text, Tail::End);
    reader.members(each).map_err(|fault| fault.in_text(text))
}

/// The members of an object: their names, and their values as they stand there. The text is JSON.
pub fn members(raw: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    elements(raw).filter_map(|member| {
        let (name, rest) = read_string(member).ok()?;
        Some((name, rest.trim_start_matches(is_space).strip_prefix(':')?.trim_start_matches(is_space)))
    })
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Up to the comma behind the first element, or to the end.
fn element_length(rest: &str) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at,
            _ => {}
        }
    }
    rest.len()
}

/// Where a text stopped being JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The offset in bytes, from 0. It is the length of the text when the text ended too early.
    pub at: usize,
    /// The line, from 1. Lines end with a line feed.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What was expected and what stood there, in plain words.
    pub what: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for JsonError {}

/// Reads the whole of `text` as one JSON document, and gives the value at `path`.
///
/// `None` means that the document is JSON and holds nothing there. The document is read to its end even when the value
/// is found early: half a document is not JSON, and a later equal name would win.
///
/// # Errors
/// A [`JsonError`] says where `text` stops being JSON: the first such place, be it the grammar or the encoding.
pub fn find<'a>(text: &'a [u8], path: &Path) -> Result<Option<JsonFound<'a>>, JsonError> {
    find_all(text, &[path]).map(|mut found| found.pop().flatten())
}

/// As [`find`], for several paths in one pass: what is found at each, in the order of the paths.
///
/// # Errors
/// As [`find`].
pub fn find_all<'a>(text: &'a [u8], paths: &[&Path]) -> Result<Vec<Option<JsonFound<'a>>>, JsonError> {
    let (valid, tail) = valid_utf8(text);
    let mut reader = JsonReader::new(valid, tail);
    let ways = paths.iter().enumerate().map(|(path, Path { steps, .. })| PathLeft { path, steps }).collect();
    reader.document(ways).map_err(|fault| fault.in_text(valid))
}

/// Reads the JSON string that `text` starts with; gives its value and the text behind its closing quote.
///
/// # Errors
/// A [`JsonError`] when `text` does not start with a whole, valid string.
pub fn read_string(text: &str) -> Result<(Cow<'_, str>, &str), JsonError> {
    let mut reader = JsonReader::new(text, Tail::End);
    match reader.string() {
        Ok(raw) => Ok((unescape(raw), reader.rest())),
        Err(fault) => Err(fault.in_text(text)),
    }
}

/// Whether `text` is one JSON number, and nothing else (RFC 8259 §6).
pub fn is_number(text: &str) -> bool {
    let mut reader = JsonReader::new(text, Tail::End);
    reader.number().is_ok() && reader.rest().is_empty()
}

/// What follows the part of the input that is UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    End,
    CutCharacter,
    NotUtf8,
}

impl Tail {
    fn explain(self) -> &'static str {
        match self {
            Tail::End => "the end of the input",
            Tail::CutCharacter => "a character cut short by the end of the input",
            Tail::NotUtf8 => "a byte that is not UTF-8",
        }
    }
}

/// Splits off the part that is not UTF-8. The grammar is checked up to there first, so that of two faults the earlier
/// one is named: a page in Latin-1 is "not JSON at `<`", not "not UTF-8 on line 40".
fn valid_utf8(text: &[u8]) -> (&str, Tail) {
    match std::str::from_utf8(text) {
        Ok(valid) => (valid, Tail::End),
        Err(error) => {
            let valid = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            let tail = match error.error_len() {
                None => Tail::CutCharacter,
                Some(_) => Tail::NotUtf8,
            };
            (valid, tail)
        }
    }
}

/// A fault before its line and column are counted: only the one that is reported needs them. It is boxed, so that what every
/// function here gives back when all is well fits a register.
struct JsonFault {
    at: usize,
    what: String,
}

impl JsonFault {
    fn in_text(self, text: &str) -> JsonError {
        let before = text.get(..self.at).unwrap_or(text);
        let before = before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        JsonError {
            at: self.at,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
            what: self.what,
        }
    }
}

/// What is left of a path where the reader stands.
#[derive(Clone, Copy)]
struct PathLeft<'p> {
    /// Which of the paths it is.
    path: usize,
    steps: &'p [PathStep],
}

/// The ways on which the reader is, and what has been found so far.
struct Search<'a, 'p> {
    /// Those of the value that is read stand last; those of the values around it before them.
    ways: Vec<PathLeft<'p>>,
    found: Vec<Option<JsonFound<'a>>>,
}

impl<'p> Search<'_, 'p> {
    /// The glances of all names that the ways from `from` on lead through.
    fn sketch(&self, from: usize) -> u64 {
        let glance_of = |way: &PathLeft<'_>| match way.steps.first() {
            Some(PathStep::Name(name)) => glance(name.as_bytes()),
            _ => 0,
        };
        self.ways[from..].iter().fold(0, |sketch, way| sketch | glance_of(way))
    }

    /// Adds the ways that lead on below a member or item of the value whose ways begin at `from`. Of equal names the last
    /// one wins, so what an earlier one held is forgotten.
    fn descend(&mut self, from: usize, below: impl Fn(&'p [PathStep]) -> Option<&'p [PathStep]>) {
        for index in from..self.ways.len() {
            let PathLeft { path, steps } = self.ways[index];
            if let Some(steps) = below(steps) {
                self.found[path] = None;
                self.ways.push(PathLeft { path, steps });
            }
        }
    }
}

/// Walks over the text. `at` is a character boundary whenever a token starts or ends, and wherever a fault is found:
/// every token ends with an ASCII byte, and a fault stands behind one.
struct JsonReader<'a> {
    text: &'a str,
    tail: Tail,
    at: usize,
    depth: usize,
}

impl<'a> JsonReader<'a> {
    fn new(text: &'a str, tail: Tail) -> JsonReader<'a> {
        JsonReader { text, tail, at: 0, depth: 0 }
    }

    fn document(&mut self, ways: Vec<PathLeft<'_>>) -> Result<Vec<Option<JsonFound<'a>>>, Box<JsonFault>> {
        let mut search = Search { found: vec![None; ways.len()], ways };
        if self.text.starts_with(BYTE_ORDER_MARK) {
            self.at = BYTE_ORDER_MARK.len_utf8();
        }
        self.value(&mut search, 0)?;
        self.skip_space();
        if !self.rest().is_empty() || self.tail != Tail::End {
            return Err(self.expected("the end"));
        }
        Ok(search.found)
    }

    fn members(&mut self, each: &mut dyn FnMut(Cow<'a, str>, &'a str)) -> Result<(), Box<JsonFault>> {
        let mut nothing = Search { ways: Vec::new(), found: Vec::new() };
        self.skip_space();
        if self.peek() != Some(b'{') {
            return Err(self.expected("an object"));
        }
        self.enter()?;
        self.skip_space();
        if !self.eat(b'}') {
            loop {
                let name = self.name()?;
                self.skip_space();
                let start = self.at;
                self.value(&mut nothing, 0)?;
                each(unescape(name), self.since(start));
                if self.last_item(b'}')? {
                    break;
                }
            }
        }
        self.skip_space();
        match self.rest().is_empty() {
            true => Ok(()),
            false => Err(self.expected("the end")),
        }
    }

    /// Reads any value. The ways that lead to it or through it begin at `from`; none do where it lies beside all paths.
    fn value(&mut self, search: &mut Search<'a, '_>, from: usize) -> Result<(), Box<JsonFault>> {
        self.skip_space();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.object(search, from)?,
            Some(b'[') => self.array(search, from)?,
            Some(b'"') => drop(self.string()?),
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.expected("a value")),
        }
        if from < search.ways.len() {
            for way in search.ways[from..].iter().filter(|way| way.steps.is_empty()) {
                search.found[way.path] = Some(JsonFound::from_raw(self.since(start)));
            }
        }
        Ok(())
    }

    fn object(&mut self, search: &mut Search<'a, '_>, from: usize) -> Result<(), Box<JsonFault>> {
        self.enter()?;
        self.skip_space();
        let sketch = search.sketch(from);
        if !self.eat(b'}') {
            loop {
                let name = self.name()?;
                let below = search.ways.len();
                // Most members lie beside all paths, which a glance tells.
                if sketch != 0 && (sketch & glance(name.as_bytes()) != 0 || name.as_bytes().contains(&b'\\')) {
                    let name = unescape(name);
                    search.descend(from, |steps| below_name(steps, &name));
                }
                self.value(search, below)?;
                search.ways.truncate(below);
                if self.last_item(b'}')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, search: &mut Search<'a, '_>, from: usize) -> Result<(), Box<JsonFault>> {
        self.enter()?;
        self.skip_space();
        if !self.eat(b']') {
            for index in 0.. {
                let below = search.ways.len();
                search.descend(from, |steps| below_index(steps, index));
                self.value(search, below)?;
                search.ways.truncate(below);
                if self.last_item(b']')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Steps over an opening bracket.
    fn enter(&mut self) -> Result<(), Box<JsonFault>> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(format!("nested deeper than {MAX_DEPTH}")));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// A name and its colon; the name is still escaped.
    #[inline]
    fn name(&mut self) -> Result<&'a str, Box<JsonFault>> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(self.expected("a name in double quotes"));
        }
        let name = self.string()?;
        self.skip_space();
        if !self.eat(b':') {
            return Err(self.expected("':'"));
        }
        Ok(name)
    }

    /// Steps over what follows an item: a comma, or the closing bracket (then it is true).
    #[inline]
    fn last_item(&mut self, close: u8) -> Result<bool, Box<JsonFault>> {
        self.skip_space();
        if self.eat(close) {
            return Ok(true);
        }
        if self.eat(b',') {
            return Ok(false);
        }
        Err(self.expected(if close == b'}' { "',' or '}'" } else { "',' or ']'" }))
    }

    /// A string; what stands between its quotes, still escaped.
    fn string(&mut self) -> Result<&'a str, Box<JsonFault>> {
        if !self.eat(b'"') {
            return Err(self.expected("'\"'"));
        }
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => {
                    return Err(self.fault("a control character in a string is escaped".into()));
                }
                Some(_) => self.at += plain_length(&self.text.as_bytes()[self.at..]),
                None => return Err(self.expected("'\"' at the end of the string")),
            }
        }
        let raw = self.since(start);
        self.at += 1;
        Ok(raw)
    }

    fn escape(&mut self) -> Result<(), Box<JsonFault>> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.expected("four hexadecimal digits after '\\u'"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.expected("one of \"\\/bfnrtu after '\\'")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Box<JsonFault>> {
        self.eat(b'-');
        let starts_with_zero = self.eat(b'0');
        if !starts_with_zero {
            self.digits()?;
        } else if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.fault("a number has no leading zero".into()));
        }
        // Most numbers are whole.
        if !matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Ok(());
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Box<JsonFault>> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        self.at += rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if self.at == start {
            return Err(self.expected("a digit"));
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Box<JsonFault>> {
        for byte in word.bytes() {
            if !self.eat(byte) {
                return Err(self.expected(&format!("`{word}`")));
            }
        }
        Ok(())
    }

    #[inline]
    fn skip_space(&mut self) {
        // In most documents that machines write there is none.
        if self.peek().is_some_and(|byte| byte > b' ') {
            return;
        }
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn since(&self, start: usize) -> &'a str {
        // The `unwrap_or` is never taken: a token starts and ends on a character boundary (see `JsonReader`).
        self.text.get(start..self.at).unwrap_or("")
    }

    #[cold]
    fn expected(&self, what: &str) -> Box<JsonFault> {
        let found = match self.rest().chars().next() {
            Some('\'') => "'\\''".into(),
            Some('"') => "'\"'".into(),
            Some(c) => format!("'{}'", c.escape_debug()),
            None => self.tail.explain().to_string(),
        };
        self.fault(format!("expected {what}, found {found}"))
    }

    fn fault(&self, what: String) -> Box<JsonFault> {
        Box::new(JsonFault { at: self.at, what })
    }
}

/// How many bytes of a string stand for themselves before one that does not: most of any document, and so the loop in which
/// most of its time goes.
fn plain_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(bytes.len())
}

/// One bit of 64 that hardly ever is the same for two names.
fn glance(name: &[u8]) -> u64 {
    let mixed = match name {
        [.., a, b, c] => name.len() + usize::from(*a) * 3 + usize::from(*b) * 7 + usize::from(*c) * 13,
        _ => name.iter().fold(name.len(), |mixed, byte| mixed * 5 + usize::from(*byte)),
    };
    1 << (mixed % 64)
}

/// The steps left below the member `name`, if the path leads through it.
fn below_name<'s>(steps: &'s [PathStep], name: &str) -> Option<&'s [PathStep]> {
    match steps {
        [PathStep::Name(wanted), below @ ..] if name == *wanted => Some(below),
        _ => None,
    }
}

/// The steps left below the item `index`, if the path leads through it.
fn below_index(steps: &[PathStep], index: usize) -> Option<&[PathStep]> {
    match steps {
        [PathStep::Index(wanted), below @ ..] if *wanted == index => Some(below),
        _ => None,
    }
}

impl<'a> JsonFound<'a> {
    /// `raw` is one whole value that the reader has accepted, so its first byte tells its type.
    fn from_raw(raw: &'a str) -> JsonFound<'a> {
        match raw.as_bytes().first() {
            Some(b'{') => JsonFound::Object(raw),
            Some(b'[') => JsonFound::Array(raw),
            Some(b'"') => JsonFound::String(unescape(raw.get(1..raw.len() - 1).unwrap_or(""))),
            Some(b't') => JsonFound::Bool(true),
            Some(b'f') => JsonFound::Bool(false),
            Some(b'n') => JsonFound::Null,
            _ => JsonFound::Number(raw),
        }
    }
}

// --- Strings ---

/// Resolves the escapes of a string that the reader has accepted.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (c, behind) = resolve_escape(escape);
        out.push(c);
        rest = behind;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `escape` starts behind the backslash; gives the character and the text behind the escape.
fn resolve_escape(escape: &str) -> (char, &str) {
    let mut chars = escape.chars();
    let c = match chars.next() {
        Some('u') => return resolve_unicode(chars.as_str()),
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some(itself) => itself,
        None => char::REPLACEMENT_CHARACTER,
    };
    (c, chars.as_str())
}

/// `hex` starts behind `\u`. A character past U+FFFF is two escapes, a high and a low surrogate (RFC 8259 §7).
fn resolve_unicode(hex: &str) -> (char, &str) {
    let (unit, rest) = code_unit(hex);
    if let Some(hex) = rest.strip_prefix("\\u") {
        let (low, behind) = code_unit(hex);
        if let Some(Ok(c)) = char::decode_utf16([unit, low]).next()
            && c.len_utf16() == 2
        {
            return (c, behind);
        }
    }
    let c = char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER);
    (c, rest)
}

fn code_unit(hex: &str) -> (u16, &str) {
    let (digits, rest) = hex.split_at_checked(4).unwrap_or((hex, ""));
    // The reader has seen four hexadecimal digits here; the 0 is never taken.
    (u16::from_str_radix(digits, 16).unwrap_or(0), rest)
}

#[cfg(test)]
mod tests;
