//! Parsing: a text to an expectation, or to the place where it went wrong and the words that help.

use std::fmt;

use super::{Expectation, Match, Range, Subject, Test, ValueComparison, clip};
use crate::check::units;
use crate::proto::json;

/// How long an expression may be, in bytes. It bounds everything that is parsed out of it.
pub const MAX_EXPRESSION: usize = 4096;

/// How long a pattern of `like` may be, in bytes: matching costs, at worst, its length times that of the text.
pub const MAX_PATTERN: usize = 256;

/// How much of the source an error repeats, in characters.
const MAX_REPEATED: usize = 40;

const SUBJECTS: &str = "status, body, body.bytes, header.NAME, json.PATH, redirects, http.version, total, dns, \
                        connect, tls, wait, cert.days, tls.version, address or length(...)";

/// Why a text is not an expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The byte of the text where it went wrong.
    pub at: usize,
    /// What is wrong there, in plain words.
    pub message: String,
}

/// What a subject's values are, which decides the operators and values that go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Whole,
    Size,
    Time,
    Text,
    /// Text that may hold a number: a header field, a version.
    Word,
    Json,
}

pub(super) fn expectation(text: &str) -> Result<Expectation, ParseError> {
    if text.len() > MAX_EXPRESSION {
        let message = format!("an expectation has at most {MAX_EXPRESSION} bytes");
        return Err(error_at(MAX_EXPRESSION, message));
    }
    let mut parser = Parser { text, at: 0 };
    let subject = parser.subject()?;
    let operator = parser.operator(&subject)?;
    parser.skip_space();
    let value_at = parser.at;
    let test = parser.test(&subject, &operator)?;
    parser.end()?;
    if let Some(domain) = never_holds(&subject, &test, operator.negated) {
        return Err(error_at(value_at, format!("this can never hold: `{}` is {domain}", repeat(&subject.to_string()))));
    }
    Ok(Expectation { text: text.trim_ascii().into(), subject, negated: operator.negated, test })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

struct Operator {
    at: usize,
    /// The operator as written, without its `not`.
    text: &'static str,
    negated: bool,
    meaning: OperatorMeaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OperatorMeaning {
    Compare(ValueComparison),
    In,
    Text(Match),
    Exists,
}

/// Longer symbols first: `<` would hide `<=`. The last column says whether it is negated.
const SYMBOLS: [(&str, OperatorMeaning, bool); 6] = [
    ("==", OperatorMeaning::Compare(ValueComparison::Equal), false),
    ("!=", OperatorMeaning::Compare(ValueComparison::Equal), true),
    ("<=", OperatorMeaning::Compare(ValueComparison::LessOrEqual), false),
    (">=", OperatorMeaning::Compare(ValueComparison::GreaterOrEqual), false),
    ("<", OperatorMeaning::Compare(ValueComparison::Less), false),
    (">", OperatorMeaning::Compare(ValueComparison::Greater), false),
];

const WORDS: [(&str, OperatorMeaning); 5] = [
    ("in", OperatorMeaning::In),
    ("contains", OperatorMeaning::Text(Match::Contains)),
    ("starts", OperatorMeaning::Text(Match::Starts)),
    ("ends", OperatorMeaning::Text(Match::Ends)),
    ("like", OperatorMeaning::Text(Match::Like)),
];

/// Without a value. The last column says whether it is negated.
const ALONE: [(&str, bool); 2] = [("exists", false), ("absent", true)];

const OPERATORS: &str = "==, !=, <, <=, >, >=, in, contains, starts, ends, like, exists or absent";
const NEGATABLE: &str = "in, contains, starts, ends or like";

impl<'a> Parser<'a> {
    fn subject(&mut self) -> Result<Subject, ParseError> {
        self.skip_space();
        let start = self.at;
        if self.rest().is_empty() {
            return Err(self.error("expected an expectation such as `status == 200`"));
        }
        if self.eat("length(") {
            return self.length();
        }
        let subject = if self.eat("header.") {
            self.header_name()?
        } else if self.rest().starts_with("json.") || self.rest().starts_with("json[") {
            self.at += "json".len();
            self.json_path()?
        } else {
            let name = self.take_while(|c| !c.is_ascii_whitespace() && !is_symbol(c));
            self.plain_subject(name, start)?
        };
        self.end_of_subject(&subject)?;
        Ok(subject)
    }

    /// What stands behind `length(`.
    fn length(&mut self) -> Result<Subject, ParseError> {
        self.skip_space();
        let start = self.at;
        let of = if self.eat("header.") {
            self.header_name()?
        } else if self.rest().starts_with("json.") || self.rest().starts_with("json[") {
            self.at += "json".len();
            self.json_path()?
        } else {
            let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
            self.plain_subject(name, start)?
        };
        if !matches!(of, Subject::Body | Subject::Header(_) | Subject::Json(_)) {
            return Err(error_at(start, "a length is that of body, header.NAME or json.PATH"));
        }
        self.skip_space();
        if !self.eat(")") {
            return Err(self.error("expected `)` behind what the length is of"));
        }
        Ok(Subject::Length(Box::new(of)))
    }

    fn plain_subject(&self, name: &str, at: usize) -> Result<Subject, ParseError> {
        let subject = match name {
            "status" => Subject::Status,
            "body" => Subject::Body,
            "body.bytes" => Subject::BodyBytes,
            "redirects" => Subject::Redirects,
            "http.version" => Subject::HttpVersion,
            "total" => Subject::Total,
            "dns" => Subject::Dns,
            "connect" => Subject::Connect,
            "tls" => Subject::Tls,
            "wait" => Subject::Wait,
            "cert.days" => Subject::CertDays,
            "tls.version" => Subject::TlsVersion,
            "address" => Subject::Address,
            "json" => {
                let message = "`json` needs a path: json.name, json[0] or json[\"odd name\"]";
                return Err(error_at(at + name.len(), message));
            }
            "header" => {
                let message = "`header` needs a name: header.content-type";
                return Err(error_at(at + name.len(), message));
            }
            "" => return Err(error_at(at, format!("expected a subject: {SUBJECTS}"))),
            _ => {
                let name = repeat(name);
                let message = format!("`{name}` is not a subject: expected {SUBJECTS}");
                return Err(error_at(at, message));
            }
        };
        Ok(subject)
    }

    fn header_name(&mut self) -> Result<Subject, ParseError> {
        let name = self.take_while(is_header_char);
        if name.is_empty() {
            return Err(self.error("expected the name of a header"));
        }
        Ok(Subject::Header(name.into()))
    }

    fn json_path(&mut self) -> Result<Subject, ParseError> {
        let start = self.at;
        let (path, rest) =
            json::Path::parse_prefix(self.rest()).map_err(|error| error_at(start + error.at, error.what))?;
        self.at = self.text.len() - rest.len();
        Ok(Subject::Json(path))
    }

    /// A subject ends before white space or a symbol; anything else was meant to be part of it.
    fn end_of_subject(&self, subject: &Subject) -> Result<(), ParseError> {
        let odd = match self.rest().chars().next() {
            Some(c) if !c.is_ascii_whitespace() && !is_symbol(c) => c.escape_debug(),
            _ => return Ok(()),
        };
        let hint = match subject {
            Subject::Json(_) => ": an odd name is written [\"in brackets\"]",
            _ => "",
        };
        Err(self.error(format!("`{odd}` cannot stand here{hint}")))
    }

    fn operator(&mut self, subject: &Subject) -> Result<Operator, ParseError> {
        self.skip_space();
        let at = self.at;
        for (text, meaning, negated) in SYMBOLS {
            if self.eat(text) {
                return Ok(Operator { at, text, negated, meaning });
            }
        }
        let mut word = self.word();
        let negated = word == "not";
        if negated {
            self.skip_space();
            word = self.word();
        }
        let at = self.at - word.len();
        if let Some((text, absent)) = ALONE.into_iter().find(|(text, _)| *text == word && !negated) {
            return Ok(Operator { at, text, negated: absent, meaning: OperatorMeaning::Exists });
        }
        match WORDS.into_iter().find(|(text, _)| *text == word) {
            Some((text, meaning)) => Ok(Operator { at, text, negated, meaning }),
            None => Err(self.no_operator(at, negated, subject)),
        }
    }

    fn no_operator(&self, at: usize, negated: bool, subject: &Subject) -> ParseError {
        let rest = self.text.get(at..).unwrap_or("");
        let odd = repeat(rest.split_ascii_whitespace().next().unwrap_or(""));
        let message = if negated {
            format!("`not` stands before {NEGATABLE}; the opposite of `==` is `!=`")
        } else if odd.is_empty() {
            format!("expected an operator after `{}`", repeat(&subject.to_string()))
        } else if odd.starts_with('=') {
            "`=` is not an operator: equality is `==`".into()
        } else {
            format!("`{odd}` is not an operator: expected {OPERATORS}")
        };
        error_at(at, message)
    }

    fn test(&mut self, subject: &Subject, operator: &Operator) -> Result<Test, ParseError> {
        check_operator(subject, operator)?;
        if operator.meaning == OperatorMeaning::Exists {
            return Ok(Test::Exists);
        }
        self.skip_space();
        let rest = self.rest();
        if rest.is_empty() {
            return Err(self.error(format!("expected a value after `{}`", operator.text)));
        }
        let quoted = rest.starts_with('"');
        match operator.meaning {
            OperatorMeaning::Exists => Ok(Test::Exists),
            OperatorMeaning::In => self.set(),
            OperatorMeaning::Text(how) => self.text_test(subject, how),
            OperatorMeaning::Compare(how) => match subject.kind() {
                ValueKind::Whole => self.whole_test(subject, how),
                ValueKind::Size => self.size_test(how),
                ValueKind::Time => self.time_test(how),
                ValueKind::Text => self.text_test(subject, Match::Equal),
                ValueKind::Word | ValueKind::Json if quoted && how == ValueComparison::Equal => {
                    self.text_test(subject, Match::Equal)
                }
                ValueKind::Word => self.word_test(subject, how),
                ValueKind::Json => self.json_test(subject, how),
            },
        }
    }

    fn whole_test(&mut self, subject: &Subject, how: ValueComparison) -> Result<Test, ParseError> {
        let number = self.peek_bare();
        let digits = number.strip_prefix('-').unwrap_or(number);
        if !json::is_number(number) || !is_digits(digits) {
            return Err(self.wrong_value(subject, "a whole number (a set of them goes with `in`)"));
        }
        self.at += number.len();
        Ok(Test::Number(how, number.into()))
    }

    fn size_test(&mut self, how: ValueComparison) -> Result<Test, ParseError> {
        let word = self.peek_bare();
        match units::size(&repeat(word)) {
            Ok(bytes) => {
                self.at += word.len();
                Ok(Test::Number(how, bytes.to_string()))
            }
            Err(why) => Err(self.error(why)),
        }
    }

    fn time_test(&mut self, how: ValueComparison) -> Result<Test, ParseError> {
        let word = self.peek_bare();
        match units::duration(&repeat(word)) {
            Ok(time) => {
                self.at += word.len();
                Ok(Test::Time(how, time))
            }
            Err(why) => Err(self.error(why)),
        }
    }

    /// A number; one in quotes is understood too, since `tls.version == "1.3"` makes `>= "1.2"` look right.
    fn word_test(&mut self, subject: &Subject, how: ValueComparison) -> Result<Test, ParseError> {
        let start = self.at;
        let number = if self.rest().starts_with('"') {
            self.string()?
        } else {
            self.take_while(|c| !c.is_ascii_whitespace()).to_string()
        };
        if json::is_number(&number) {
            return Ok(Test::Number(how, number));
        }
        self.at = start;
        let wants = match how {
            ValueComparison::Equal => "text in double quotes, or a number",
            _ => "a number here",
        };
        Err(self.wrong_value(subject, wants))
    }

    fn json_test(&mut self, subject: &Subject, how: ValueComparison) -> Result<Test, ParseError> {
        let word = self.peek_bare();
        let test = match (how, word) {
            (ValueComparison::Equal, "true") => Test::Bool(true),
            (ValueComparison::Equal, "false") => Test::Bool(false),
            (ValueComparison::Equal, "null") => Test::Null,
            _ if json::is_number(word) => Test::Number(how, word.into()),
            (ValueComparison::Equal, _) => {
                return Err(self.wrong_value(subject, "a number, text in double quotes, true, false or null"));
            }
            _ => return Err(self.wrong_value(subject, "a number here")),
        };
        self.at += word.len();
        Ok(test)
    }

    fn text_test(&mut self, subject: &Subject, how: Match) -> Result<Test, ParseError> {
        let rest = self.rest();
        if !rest.starts_with('"') {
            let bare = repeat(rest.trim_ascii_end().trim_matches('\''));
            let subject = repeat(&subject.to_string());
            return Err(self.error(format!("`{subject}` needs text in double quotes: \"{bare}\"")));
        }
        let start = self.at;
        let text = self.string()?;
        if how == Match::Like && text.len() > MAX_PATTERN {
            let message = format!("a pattern of `like` has at most {MAX_PATTERN} bytes");
            return Err(error_at(start, message));
        }
        Ok(Test::Text(how, text.into()))
    }

    fn string(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        let (value, rest) = json::read_string(self.rest()).map_err(|error| error_at(start + error.at, error.what))?;
        self.at = self.text.len() - rest.len();
        Ok(value.into_owned())
    }

    /// `200-299,301,!204`, spaces around the commas allowed. As many members as the expression has room for.
    fn set(&mut self) -> Result<Test, ParseError> {
        let mut ranges = Vec::new();
        loop {
            ranges.push(self.range()?);
            self.skip_space();
            if !self.eat(",") {
                return Ok(Test::In(ranges));
            }
            self.skip_space();
        }
    }

    fn range(&mut self) -> Result<Range, ParseError> {
        let excluded = self.eat("!");
        let start = self.at;
        let low = self.set_number()?;
        let high = if self.eat("-") { self.set_number()? } else { low };
        if json::compare_numbers(low, high).is_gt() {
            return Err(error_at(start, format!("`{low}-{high}` is empty: {low} is above {high}")));
        }
        let (low, high) = (low.into(), high.into());
        Ok(Range { excluded, low, high })
    }

    fn set_number(&mut self) -> Result<&'a str, ParseError> {
        let start = self.at;
        let number = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        if is_digits(number) && json::is_number(number) {
            return Ok(number);
        }
        Err(error_at(start, "expected whole numbers such as 200-299,301,!204"))
    }

    fn end(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        if self.rest().is_empty() {
            return Ok(());
        }
        let word = repeat(self.peek_bare());
        Err(self.error(format!("`{word}` stands behind the value: an expectation is one comparison")))
    }

    fn word(&mut self) -> &'a str {
        self.take_while(|c| c.is_ascii_alphanumeric())
    }

    fn skip_space(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    fn eat(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    fn take_while(&mut self, keep: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        let (taken, _) = rest.split_at(end);
        self.at += end;
        taken
    }

    /// What comes before the next white space.
    fn peek_bare(&self) -> &'a str {
        let rest = self.rest();
        rest.split_ascii_whitespace().next().unwrap_or("")
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn wrong_value(&self, subject: &Subject, wants: &str) -> ParseError {
        let subject = repeat(&subject.to_string());
        let value = repeat(self.rest().trim_ascii_end());
        self.error(format!("`{subject}` needs {wants}, found `{value}`"))
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        error_at(self.at, message)
    }
}

/// Refuses an operator that does not go with the subject, before its value is looked at.
fn check_operator(subject: &Subject, operator: &Operator) -> Result<(), ParseError> {
    let kind = subject.kind();
    let (goes, needs) = match operator.meaning {
        OperatorMeaning::Compare(ValueComparison::Equal) => return Ok(()),
        OperatorMeaning::Compare(_) => (kind != ValueKind::Text, "a number"),
        OperatorMeaning::In => (!matches!(kind, ValueKind::Text | ValueKind::Time), "a number"),
        OperatorMeaning::Text(_) => (matches!(kind, ValueKind::Text | ValueKind::Word | ValueKind::Json), "text"),
        OperatorMeaning::Exists => {
            (matches!(subject, Subject::Header(_) | Subject::Json(_)), "a header or a JSON path")
        }
    };
    if goes {
        return Ok(());
    }
    let subject = repeat(&subject.to_string());
    let (is, operator_text) = (kind.name(), operator.text);
    let message = format!("`{subject}` is {is}: `{operator_text}` needs {needs}");
    Err(error_at(operator.at, message))
}

/// What the subject's values are, if none of them is one for which the expectation holds.
fn never_holds(subject: &Subject, test: &Test, negated: bool) -> Option<&'static str> {
    let holds = |value: &str| test.holds_for(subject.kind() == ValueKind::Word, value) != negated;
    let (domain, possible) = match (subject, test) {
        (Subject::Status, _) => ("100 to 999", (100..=999).any(|status: u32| holds(&status.to_string()))),
        (Subject::HttpVersion, Test::Number(..) | Test::In(_) | Test::Text(Match::Equal, _)) => {
            ("1.0 or 1.1", ["1.0", "1.1"].into_iter().any(holds))
        }
        (Subject::TlsVersion, Test::Number(..) | Test::In(_) | Test::Text(Match::Equal, _)) => {
            ("1.2 or 1.3", ["1.2", "1.3"].into_iter().any(holds))
        }
        // What has no upper end: a test that 0 fails can only be passed by something above it.
        (Subject::Redirects | Subject::BodyBytes | Subject::Length(_), Test::Number(how, with)) => {
            let goes_up = negated
                || !matches!(how, ValueComparison::Less | ValueComparison::LessOrEqual | ValueComparison::Equal);
            let reaches = *how == ValueComparison::Equal && json::compare_numbers(with, "0").is_ge();
            ("never below 0", goes_up || reaches || holds("0"))
        }
        (_, Test::Time(ValueComparison::Less, with)) => ("never below 0", negated || !with.is_zero()),
        _ => return None,
    };
    (!possible).then_some(domain)
}

fn error_at(at: usize, message: impl Into<String>) -> ParseError {
    let message = message.into();
    ParseError { at, message }
}

/// A part of the source, fit to stand in a message.
fn repeat(source: &str) -> String {
    clip(&without_controls(source), MAX_REPEATED)
}

fn without_controls(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).collect()
}

fn is_symbol(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>')
}

/// RFC 9110 §5.6.2 (token), but for `!`, which would swallow the operator of `header.x!="y"`.
fn is_header_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "#$%&'*+-.^_`|~".contains(c)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Subject {
    fn kind(&self) -> ValueKind {
        match self {
            Subject::Status | Subject::Redirects | Subject::CertDays | Subject::Length(_) => ValueKind::Whole,
            Subject::BodyBytes => ValueKind::Size,
            Subject::Total | Subject::Dns | Subject::Connect | Subject::Tls | Subject::Wait => ValueKind::Time,
            Subject::Body | Subject::Address => ValueKind::Text,
            Subject::Header(_) | Subject::HttpVersion | Subject::TlsVersion => ValueKind::Word,
            Subject::Json(_) => ValueKind::Json,
        }
    }
}

impl ValueKind {
    fn name(self) -> &'static str {
        match self {
            ValueKind::Whole => "a number",
            ValueKind::Size => "a size",
            ValueKind::Time => "a duration",
            ValueKind::Text | ValueKind::Word => "text",
            ValueKind::Json => "a JSON value",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}

impl ParseError {
    /// The text that was parsed, and below it a caret under the spot: two lines, without a line end behind them.
    ///
    /// Tabs and other control characters are shown as one space, so that the caret stays where it belongs. The width of
    /// a character is a guess that fits most terminals: two columns for East Asian ones and pictures, none for marks
    /// that combine.
    pub fn caret(&self, text: &str) -> String {
        let before = text.char_indices().take_while(|(at, _)| *at < self.at);
        let column = before.map(|(_, c)| width(c)).sum();
        format!("{}\n{}^", without_controls(text), " ".repeat(column))
    }
}

fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
