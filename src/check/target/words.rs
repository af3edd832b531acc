//! The words of a line: what groups, what is filled in, and where in the line a thing stands.
//!
//! It refuses to know what the words mean.

use std::borrow::Cow;
use std::fmt;

use super::{FindVariable, LineError, QUOTED_MAX};
use crate::check::expect::clip;
use crate::proto::url::{Url, UrlError, UrlProblem, user_info, without_user};

/// A word of a line, unquoted and with its variables filled in.
pub(super) struct Word<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where it starts in the line, in bytes.
    pub(super) at: usize,
    pub(super) line: &'a str,
    /// It stands in the line letter for letter, so an offset into it is an offset into the line.
    pub(super) plain: bool,
    /// The variables that were filled in, by name, with their values.
    pub(super) filled: Vec<(&'a str, String)>,
}

impl Word<'_> {
    /// The word as it stands in the line up to `end`, without quotes around it, less a password; `None` where it is the
    /// URL's normal form.
    pub(super) fn as_written(&self, url: &Url, on_socket: bool, end: usize) -> Option<Box<str>> {
        if self.plain && !on_socket && self.text == url.as_str() {
            return None;
        }
        // With the names of variables, whose values are to be seen nowhere.
        let word = if self.filled.is_empty() { &*self.text } else { self.line[self.at..end].trim_matches(['\'', '"']) };
        let password = user_info(word).and_then(|user| Some(user.start + word[user.clone()].find(':')?..user.end));
        Some(match password {
            Some(password) => [&word[..password.start], &word[password.end..]].concat().into(),
            None => word.into(),
        })
    }

    pub(super) fn error(&self, offset: usize, message: &dyn fmt::Display) -> LineError {
        let at = if self.plain { self.at + offset } else { self.at };
        LineError { column: column(self.line, at), message: self.masked(&message.to_string()) }
    }

    /// What is wrong with the URL at this offset, and the URL, without what may be a password.
    pub(super) fn url_error(&self, offset: usize, error: UrlError) -> LineError {
        let shown = match error.problem {
            // Behind the colon may be the first half of a password with a space or a slash in it.
            UrlProblem::Port => &self.text[..offset],
            _ => &self.text,
        };
        let shown =
            clip(&String::from_utf8_lossy(&without_user(shown.as_bytes())).escape_debug().to_string(), QUOTED_MAX);
        self.error(offset, &format!("{error}: '{shown}'"))
    }

    /// The text with the names of variables where their values stood: those are in the environment so that they are
    /// nowhere else.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.filled.iter().filter(|(_, value)| !value.is_empty()) {
            let name = format!("${{{name}}}");
            let escaped = value.escape_debug().to_string();
            text = text.replace(value.as_str(), &name).replace(escaped.as_str(), &name);
        }
        text
    }
}

/// The column of a byte offset, in characters from 1.
pub(super) fn column(line: &str, at: usize) -> usize {
    1 + line.char_indices().take_while(|(index, _)| *index < at).count()
}

/// The words of a line, one after the other.
pub(super) struct Words<'a> {
    pub(super) line: &'a str,
    pub(super) at: usize,
    pub(super) find_variable: FindVariable,
}

impl<'a> Words<'a> {
    /// The next word of options.
    pub(super) fn next(&mut self) -> Result<Option<Word<'a>>, LineError> {
        self.word(false)
    }

    /// The first word: a target, or `default`. Quotes may stand around it; in it they are its own.
    pub(super) fn target(&mut self) -> Result<Option<Word<'a>>, LineError> {
        self.word(true)
    }

    fn word(&mut self, is_target: bool) -> Result<Option<Word<'a>>, LineError> {
        let is_blank = |b: u8| b == b' ' || b == b'\t';
        let rest = &self.line.as_bytes()[self.at..];
        self.at += rest.iter().position(|&b| !is_blank(b)).unwrap_or(rest.len());
        let rest = &self.line[self.at..];
        // A '#' begins a comment only where a word could begin: a URL may have a fragment.
        if rest.is_empty() || rest.starts_with('#') {
            self.at = self.line.len();
            return Ok(None);
        }
        // Most words have no quotes and no variables: they are taken as they stand.
        let groups = !is_target || rest.starts_with(['\'', '"']);
        let is_special = |b: u8| is_blank(b) || b == b'$' || groups && matches!(b, b'\'' | b'"');
        // Most lines are one such word. Nothing special stands behind the apostrophe in ASCII, and one
        // comparison without an early end is done on 16 bytes at a time.
        let simple = match rest.bytes().fold(false, |found, b| found | (b <= b'\'')) {
            true => rest.bytes().position(is_special).unwrap_or(rest.len()),
            false => rest.len(),
        };
        let mut word =
            Word { text: rest[..simple].into(), at: self.at, line: self.line, plain: true, filled: Vec::new() };
        self.at += simple;
        if self.line[self.at..].starts_with(|c| c == '$' || groups && matches!(c, '\'' | '"')) {
            word.plain = false;
            self.rest_of_word(word.text.to_mut(), &mut word.filled, groups, is_target)?;
        }
        Ok(Some(word))
    }

    /// Takes the rest of a word from its first quote or dollar on. `groups`: quotes group; `once`: only the first do.
    fn rest_of_word(
        &mut self,
        text: &mut String,
        filled: &mut Vec<(&'a str, String)>,
        mut groups: bool,
        once: bool,
    ) -> Result<(), LineError> {
        let mut quote = None;
        while let Some(c) = self.line[self.at..].chars().next() {
            match (c, quote) {
                (' ' | '\t', None) => break,
                ('\'' | '"', None) if groups => quote = Some((c, self.at)),
                (c, Some((open, _))) if c == open => {
                    quote = None;
                    groups &= !once;
                }
                ('\\', Some(('"', _))) => {
                    self.at += 1;
                    text.extend(self.line[self.at..].chars().next());
                }
                ('$', _) => {
                    self.dollar(text, filled)?;
                    continue;
                }
                (c, _) => text.push(c),
            }
            self.at += self.line[self.at..].chars().next().map_or(0, char::len_utf8);
        }
        match quote {
            None => Ok(()),
            Some((c, at)) => {
                Err(LineError { column: column(self.line, at), message: format!("the {c} is never closed") })
            }
        }
    }

    /// `${NAME}`, `$${`, or a plain dollar.
    fn dollar(&mut self, text: &mut String, filled: &mut Vec<(&'a str, String)>) -> Result<(), LineError> {
        let rest: &'a str = &self.line[self.at..];
        let error = |message: String| LineError { column: column(self.line, self.at), message };
        if rest.starts_with("$${") {
            text.push_str("${");
            self.at += 3;
        } else if let Some(inner) = rest.strip_prefix("${") {
            let end = inner.find('}').ok_or_else(|| error("the ${ is never closed".to_owned()))?;
            let name = &inner[..end];
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(error(format!("'{}' is not the name of a variable", name.escape_debug())));
            }
            let value = (self.find_variable)(name).ok_or_else(|| error(format!("the environment has no '{name}'")))?;
            text.push_str(&value);
            filled.push((name, value));
            self.at += 2 + end + 1;
        } else {
            text.push('$');
            self.at += 1;
        }
        Ok(())
    }
}
