//! Paths into a JSON document: `.name[0]["odd name"]`. Reads them; to follow one is the reader's work.

use std::fmt;

use super::{MAX_DEPTH, read_string};
use crate::proto::url::is_invisible;

/// How many steps a [`Path`] may have: one more could not be met within [`MAX_DEPTH`].
pub const MAX_STEPS: usize = MAX_DEPTH;

/// Where a value stands in a document: `.name[0]["odd name"]`.
///
/// A bare name is made of letters, digits, `_`, `-`, and whatever can be seen and is not ASCII; any other name goes into
/// brackets, as a JSON string.
/// `.[0]`, jq's way to write `[0]`, is understood too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    pub(super) steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathStep {
    Name(String),
    Index(usize),
}

/// Why a text is not a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// The byte of the path's text where it went wrong.
    pub at: usize,
    /// What was expected there, in plain words.
    pub what: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads a path, and nothing else.
    ///
    /// # Errors
    /// A [`PathError`] with the byte where `text` stops being a path.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let (path, rest) = Path::parse_prefix(text)?;
        if rest.is_empty() {
            return Ok(path);
        }
        Err(PathError { at: text.len() - rest.len(), what: "expected `.name`, `[0]` or `[\"odd name\"]`".into() })
    }

    /// Reads the longest path that `text` starts with; gives the text behind it too.
    ///
    /// # Errors
    /// A [`PathError`] when there is not even one step, or when a step is begun and not finished.
    pub fn parse_prefix(text: &str) -> Result<(Path, &str), PathError> {
        let mut steps = Vec::new();
        let mut rest = text;
        while steps.is_empty() || rest.starts_with(['.', '[']) {
            let at = text.len() - rest.len();
            if steps.len() == MAX_STEPS {
                let what = format!("a path has at most {MAX_STEPS} steps");
                return Err(PathError { at, what });
            }
            let (step, behind) = read_step(rest).map_err(|error| PathError { at: at + error.at, what: error.what })?;
            steps.push(step);
            rest = behind;
        }
        let text = text.strip_suffix(rest).unwrap_or(text).to_string();
        Ok((Path { text, steps }, rest))
    }
}

impl fmt::Display for Path {
    /// The path as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn read_step(text: &str) -> Result<(PathStep, &str), PathError> {
    let bracketed = text.strip_prefix('.').unwrap_or(text);
    if let Some(inside) = bracketed.strip_prefix('[') {
        let opened = text.len() - inside.len();
        return read_bracket(inside).map_err(|error| PathError { at: opened + error.at, what: error.what });
    }
    let Some(name) = text.strip_prefix('.') else {
        return Err(PathError { at: 0, what: "a path starts with `.name`, `[0]` or `[\"odd name\"]`".into() });
    };
    match split_while(name, is_bare) {
        ("", _) => {
            Err(PathError { at: 1, what: "expected a name after `.` (an odd one is written `[\"odd name\"]`)".into() })
        }
        (name, rest) => Ok((PathStep::Name(name.into()), rest)),
    }
}

/// Reads what stands between brackets, and the closing one.
fn read_bracket(text: &str) -> Result<(PathStep, &str), PathError> {
    let (step, rest) = if text.starts_with('"') {
        let (name, rest) = read_string(text).map_err(|error| PathError { at: error.at, what: error.what })?;
        (PathStep::Name(name.into_owned()), rest)
    } else {
        let (digits, rest) = split_while(text, |c| c.is_ascii_digit());
        (PathStep::Index(read_index(digits)?), rest)
    };
    match rest.strip_prefix(']') {
        Some(behind) => Ok((step, behind)),
        None => Err(PathError { at: text.len() - rest.len(), what: "expected `]`".into() }),
    }
}

fn read_index(digits: &str) -> Result<usize, PathError> {
    let what = match digits.parse() {
        Ok(index) => return Ok(index),
        Err(_) if digits.is_empty() => "expected an index from 0, or a name in double quotes",
        Err(_) => "the index is too large",
    };
    Err(PathError { at: 0, what: what.into() })
}

fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-' || !c.is_ascii() && !is_invisible(c)
}

fn split_while(text: &str, keep: fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    #[test]
    fn reads_paths() {
        let steps = |text: &str| path(text).steps;
        let name = |name: &str| PathStep::Name(name.into());
        assert_eq!(steps(".a_b-1"), [name("a_b-1")]);
        assert_eq!(steps(".\u{e9}t\u{e9}"), [name("\u{e9}t\u{e9}")]);
        assert_eq!(steps(".name[0][\"odd name\"]"), [name("name"), PathStep::Index(0), name("odd name")]);
        assert_eq!(steps(r#"["a\"]\n"][12]"#), [name("a\"]\n"), PathStep::Index(12)]);
        assert_eq!(path(".a[0]").to_string(), ".a[0]");
    }

    #[test]
    fn says_where_a_path_goes_wrong() {
        let start = "a path starts with `.name`, `[0]` or `[\"odd name\"]`";
        let no_name = "expected a name after `.` (an odd one is written `[\"odd name\"]`)";
        let no_index = "expected an index from 0, or a name in double quotes";
        let more = "expected `.name`, `[0]` or `[\"odd name\"]`";
        for (text, at, what) in [
            ("", 0, start),
            ("name", 0, start),
            (".", 1, no_name),
            (".a..b", 3, no_name),
            (".a.", 3, no_name),
            (".\"a\"", 1, no_name),
            (".a b", 2, more),
            (".a\u{a0}b", 2, more),
            (".\u{200b}", 1, no_name),
            (".a]", 2, more),
            ("[", 1, no_index),
            ("[]", 1, no_index),
            (".[]", 2, no_index),
            (".a[-1]", 3, no_index),
            (".a[x]", 3, no_index),
            (".a['x']", 3, no_index),
            ("[99999999999999999999999]", 1, "the index is too large"),
            ("[0", 2, "expected `]`"),
            ("[0 ]", 2, "expected `]`"),
            ("[\"a\" ]", 4, "expected `]`"),
            (".b[\"a", 5, "expected '\"' at the end of the string, found the end of the input"),
            ("[\"\\q\"]", 3, "expected one of \"\\/bfnrtu after '\\', found 'q'"),
        ] {
            let what = what.to_string();
            assert_eq!(Path::parse(text), Err(PathError { at, what }), "{text}");
        }
    }

    #[test]
    fn a_path_has_a_limit() {
        assert!(Path::parse(&".a".repeat(MAX_STEPS)).is_ok());
        let error = Path::parse(&".a".repeat(MAX_STEPS + 1)).unwrap_err();
        assert_eq!(error.at, 2 * MAX_STEPS);
        assert_eq!(error.to_string(), "a path has at most 128 steps");
    }

    #[test]
    fn a_path_prefix_leaves_the_rest() {
        let (path, rest) = Path::parse_prefix(".a[0] == 1").unwrap();
        assert_eq!((path.to_string().as_str(), rest), (".a[0]", " == 1"));
    }
}
