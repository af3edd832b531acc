//! A body judged as it comes, without being kept: what `contains`, `starts`, `ends`, `like`, `==` and `length(body)` need
//! of it is a few bytes each.
//!
//! A thousand checks of a mebibyte each would be a gibibyte. JSON is another matter: a path may lead anywhere, so a body
//! that is to be read as JSON is kept whole.

use std::collections::VecDeque;
use std::rc::Rc;

use super::judge::contains;
use super::{Expectation, Match, Subject, Test};

/// How much of a body's beginning is kept, in bytes, to be shown where it is not as expected.
const SHOWN: usize = 512;

/// A body that comes in pieces, and what is expected of it.
#[derive(Debug)]
pub struct Watch {
    start: Vec<u8>,
    total: usize,
    parts: Vec<Needle>,
    /// For what goes by characters.
    characters: Characters,
}

/// One expectation's view of the body.
#[derive(Debug)]
struct Needle {
    how: Match,
    wanted: Rc<str>,
    state: NeedleState,
}

#[derive(Debug)]
enum NeedleState {
    /// `==` and `starts`: how many bytes were the same, and whether all were.
    Same {
        bytes: usize,
        all: bool,
    },
    /// `ends`: the last bytes, no more than are wanted.
    Tail(Vec<u8>),
    /// `contains`: the last bytes, one less than are wanted; `None` once it was found.
    Sought(Option<Vec<u8>>),
    Like(Like),
}

impl Watch {
    /// For those of these expectations that are about the body as a text. `None`: there is none.
    pub fn of<'a>(expectations: impl Iterator<Item = &'a Expectation>) -> Option<Watch> {
        let (mut parts, mut is_about_body) = (Vec::new(), false);
        for expectation in expectations.filter(|it| *it.subject().of() == Subject::Body) {
            is_about_body = true;
            if let Test::Text(how, wanted) = &expectation.test {
                parts.push(Needle { how: *how, wanted: wanted.clone(), state: NeedleState::new(*how, wanted) });
            }
        }
        is_about_body.then(|| Watch { start: Vec::new(), total: 0, parts, characters: Characters::default() })
    }

    /// Takes the next piece.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.total += bytes.len();
        let room = SHOWN.saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(&bytes[..room]);
        for Needle { wanted, state, .. } in &mut self.parts {
            state.feed(wanted, bytes);
        }
        let parts = &mut self.parts;
        self.characters.feed(bytes, |c| {
            for part in parts.iter_mut() {
                if let NeedleState::Like(like) = &mut part.state {
                    like.feed(c);
                }
            }
        });
    }

    /// Whether what has come passes this test, which is one of those that it was made for; `None` if it is not.
    pub(super) fn passes(&self, how: Match, wanted: &str) -> Option<bool> {
        let part = self.parts.iter().find(|part| part.how == how && *part.wanted == *wanted)?;
        Some(match &part.state {
            NeedleState::Same { bytes, all } => {
                *all && *bytes == wanted.len() && (how == Match::Starts || self.total == *bytes)
            }
            NeedleState::Tail(tail) => tail == wanted.as_bytes(),
            NeedleState::Sought(rest) => rest.is_none(),
            NeedleState::Like(like) => like.passes(self.characters.is_cut()),
        })
    }

    /// The beginning of it, as far as it was kept, and how many bytes there were.
    pub(super) fn start(&self) -> (&[u8], usize) {
        (&self.start, self.total)
    }

    /// How many characters it has.
    pub(super) fn characters(&self) -> usize {
        self.characters.count + usize::from(self.characters.is_cut())
    }

    /// How many bytes of memory it holds.
    pub fn kept_bytes(&self) -> usize {
        let held = |part: &Needle| match &part.state {
            NeedleState::Tail(bytes) | NeedleState::Sought(Some(bytes)) => bytes.capacity(),
            NeedleState::Like(like) => like.window.capacity() * size_of::<char>(),
            NeedleState::Same { .. } | NeedleState::Sought(None) => 0,
        };
        self.start.capacity() + self.parts.iter().map(held).sum::<usize>()
    }
}

impl NeedleState {
    fn new(how: Match, wanted: &str) -> NeedleState {
        match how {
            Match::Equal | Match::Starts => NeedleState::Same { bytes: 0, all: true },
            Match::Ends => NeedleState::Tail(Vec::new()),
            Match::Contains => NeedleState::Sought((!wanted.is_empty()).then(Vec::new)),
            Match::Like => NeedleState::Like(Like::new(wanted)),
        }
    }

    fn feed(&mut self, wanted: &str, bytes: &[u8]) {
        let wanted_bytes = wanted.as_bytes();
        match self {
            NeedleState::Same { bytes: same, all } => {
                let rest = &wanted_bytes[*same..];
                let here = rest.len().min(bytes.len());
                *all &= rest[..here] == bytes[..here];
                *same += here;
            }
            NeedleState::Tail(tail) => push_last(tail, bytes, wanted.len()),
            NeedleState::Sought(rest) => {
                let Some(last) = rest else { return };
                // Over the seam, and then in the piece itself.
                let seam = [&last[..], &bytes[..bytes.len().min(wanted.len() - 1)]].concat();
                if contains(&seam, wanted) || contains(bytes, wanted) {
                    *rest = None;
                } else {
                    push_last(last, bytes, wanted.len() - 1);
                }
            }
            // By characters: see `Watch::feed`.
            NeedleState::Like(_) => {}
        }
    }
}

/// Appends a piece and keeps the last `most` bytes.
fn push_last(tail: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let bytes = &bytes[bytes.len().saturating_sub(most)..];
    let surplus = (tail.len() + bytes.len()).saturating_sub(most);
    tail.drain(..surplus);
    tail.extend_from_slice(bytes);
}

/// The characters of bytes that come in pieces, with U+FFFD for what is none, as `String::from_utf8_lossy` has it.
#[derive(Debug, Default)]
struct Characters {
    /// The beginning of one whose rest is still to come: three bytes at most.
    cut: Vec<u8>,
    count: usize,
}

impl Characters {
    fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(char)) {
        let joined;
        let bytes = match self.cut.is_empty() {
            true => bytes,
            false => {
                joined = [&std::mem::take(&mut self.cut)[..], bytes].concat();
                &joined[..]
            }
        };
        let mut rest = bytes;
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                self.count += 1;
                take(c);
            }
            rest = &rest[chunk.valid().len() + chunk.invalid().len()..];
            if chunk.invalid().is_empty() {
                continue;
            }
            // At the very end it may be the beginning of one.
            let may_go_on = std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if rest.is_empty() && may_go_on {
                self.cut = chunk.invalid().to_vec();
            } else {
                self.count += 1;
                take(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Whether it stops within a character.
    fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }
}

/// A pattern in which `*` stands for any characters, also none, and `?` for any one, matched as the characters come: what
/// stands between two stars is found where it comes first, which leaves the most to those behind it.
#[derive(Clone, Debug)]
struct Like {
    /// What stands between the stars. The first is at the beginning, the last at the end.
    pieces: Vec<Vec<char>>,
    /// Which of them is looked for.
    at: usize,
    /// The characters since the one before it was found, no more than it has; of the first, all.
    window: VecDeque<char>,
    failed: bool,
}

impl Like {
    fn new(pattern: &str) -> Like {
        let pieces: Vec<Vec<char>> = pattern.split('*').map(|piece| piece.chars().collect()).collect();
        let mut like = Like { pieces, at: 0, window: VecDeque::new(), failed: false };
        like.go_on();
        like
    }

    /// Goes on to the next piece while the one that is looked for is found, but for the last.
    fn go_on(&mut self) {
        while self.at + 1 < self.pieces.len() && self.window.len() == self.pieces[self.at].len() && self.is_here() {
            self.at += 1;
            self.window.clear();
        }
    }

    fn is_here(&self) -> bool {
        self.pieces[self.at].iter().zip(&self.window).all(|(wanted, c)| *wanted == '?' || wanted == c)
    }

    fn feed(&mut self, c: char) {
        if self.failed {
            return;
        }
        let piece = &self.pieces[self.at];
        self.window.push_back(c);
        if self.window.len() > piece.len() {
            // Only behind a star it may come later.
            self.failed = self.at == 0;
            self.window.pop_front();
        }
        self.go_on();
        self.failed |= self.at == 0 && self.window.len() == self.pieces[0].len() && !self.is_here();
    }

    /// Whether all that has come matches, and `cut`: one character more that is none.
    fn passes(&self, cut: bool) -> bool {
        if cut {
            let mut like = self.clone();
            like.feed(char::REPLACEMENT_CHARACTER);
            return like.passes(false);
        }
        let is_last = self.at + 1 == self.pieces.len();
        !self.failed && is_last && self.window.len() == self.pieces[self.at].len() && self.is_here()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every expectation is judged as on the whole body, at every split of it in three.
    #[test]
    fn pieces_come_to_the_same_as_the_whole() {
        let bodies: [&[u8]; 8] = [
            b"",
            b"a",
            b"all systems ready",
            b"aabaabaaab",
            "h\u{e9}llo w\u{f6}rld \u{1f600}!".as_bytes(),
            b"bad \xff bytes \xe4\xbd and \xf0\x9f",
            b"\xe4",
            b"aaa*b?",
        ];
        let texts =
            ["", "a", "ready", "aab", "aaab", "l", "\u{f6}r", "\u{1f600}!", "*", "all systems ready", "\u{fffd}"];
        let patterns =
            ["", "*", "a*", "*ready", "*y*t*", "a?l*", "*aab", "aab*aab", "h?llo*!", "*\u{fffd}", "?", "**a**", "*??"];
        for body in bodies {
            let mut all = vec![];
            for how in [Match::Equal, Match::Starts, Match::Ends, Match::Contains] {
                all.extend(texts.map(|text| (how, text)));
            }
            all.extend(patterns.map(|pattern| (Match::Like, pattern)));
            for (how, wanted) in all {
                let whole = how.passes(wanted, body);
                for first in 0..=body.len() {
                    for second in first..=body.len() {
                        let part = Needle { how, wanted: wanted.into(), state: NeedleState::new(how, wanted) };
                        let characters = Characters::default();
                        let mut watch = Watch { start: Vec::new(), total: 0, parts: vec![part], characters };
                        for piece in [&body[..first], &body[first..second], &body[second..]] {
                            watch.feed(piece);
                        }
                        assert_eq!(
                            watch.passes(how, wanted),
                            Some(whole),
                            "{how:?} {wanted:?} at {first}, {second}: {body:?}"
                        );
                        assert_eq!(watch.characters(), String::from_utf8_lossy(body).chars().count(), "{body:?}");
                        assert_eq!(watch.start(), (body, body.len()));
                    }
                }
            }
        }
    }

    #[test]
    fn a_body_without_end_costs_nothing_more() {
        let all = ["body contains \"needle\"", "body ends \"x\"", "body like \"*a*needle*\"", "length(body) > 3"];
        let all = all.map(|text| Expectation::parse(text).unwrap());
        let mut watch = Watch::of(all.iter()).unwrap();
        let piece = vec![b'a'; 16 * 1024];
        for _ in 0..64 {
            watch.feed(&piece);
        }
        assert!(watch.kept_bytes() < 2_000, "{}", watch.kept_bytes());
        assert_eq!(watch.passes(Match::Contains, "needle"), Some(false));
        assert_eq!(watch.characters(), 1 << 20);
        assert!(Watch::of([Expectation::parse("json.a == 1").unwrap()].iter()).is_none());
    }
}
