//! Parsing: a text to an expectation, or to the place where it went wrong and the words that help.

use std::fmt;

use super::{Comparison, Expectation, Match, Range, Subject, Test, clip};
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
enum Kind {
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
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Compare(Comparison),
    In,
    Text(Match),
    Exists,
}

/// Longer symbols first: `<` would hide `<=`. The last column says whether it is negated.
const SYMBOLS: [(&str, Meaning, bool); 6] = [
    ("==", Meaning::Compare(Comparison::Equal), false),
    ("!=", Meaning::Compare(Comparison::Equal), true),
    ("<=", Meaning::Compare(Comparison::LessOrEqual), false),
    (">=", Meaning::Compare(Comparison::GreaterOrEqual), false),
    ("<", Meaning::Compare(Comparison::Less), false),
    (">", Meaning::Compare(Comparison::Greater), false),
];

const WORDS: [(&str, Meaning); 5] = [
    ("in", Meaning::In),
    ("contains", Meaning::Text(Match::Contains)),
    ("starts", Meaning::Text(Match::Starts)),
    ("ends", Meaning::Text(Match::Ends)),
    ("like", Meaning::Text(Match::Like)),
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
            return Ok(Operator { at, text, negated: absent, meaning: Meaning::Exists });
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
        if operator.meaning == Meaning::Exists {
            return Ok(Test::Exists);
        }
        self.skip_space();
        let rest = self.rest();
        if rest.is_empty() {
            return Err(self.error(format!("expected a value after `{}`", operator.text)));
        }
        let quoted = rest.starts_with('"');
        match operator.meaning {
            Meaning::Exists => Ok(Test::Exists),
            Meaning::In => self.set(),
            Meaning::Text(how) => self.text_test(subject, how),
            Meaning::Compare(how) => match subject.kind() {
                Kind::Whole => self.whole_test(subject, how),
                Kind::Size => self.size_test(how),
                Kind::Time => self.time_test(how),
                Kind::Text => self.text_test(subject, Match::Equal),
                Kind::Word | Kind::Json if quoted && how == Comparison::Equal => self.text_test(subject, Match::Equal),
                Kind::Word => self.word_test(subject, how),
                Kind::Json => self.json_test(subject, how),
            },
        }
    }

    fn whole_test(&mut self, subject: &Subject, how: Comparison) -> Result<Test, ParseError> {
        let number = self.peek_bare();
        let digits = number.strip_prefix('-').unwrap_or(number);
        if !json::is_number(number) || !is_digits(digits) {
            return Err(self.wrong_value(subject, "a whole number (a set of them goes with `in`)"));
        }
        self.at += number.len();
        Ok(Test::Number(how, number.into()))
    }

    fn size_test(&mut self, how: Comparison) -> Result<Test, ParseError> {
        let word = self.peek_bare();
        match units::size(&repeat(word)) {
            Ok(bytes) => {
                self.at += word.len();
                Ok(Test::Number(how, bytes.to_string()))
            }
            Err(why) => Err(self.error(why)),
        }
    }

    fn time_test(&mut self, how: Comparison) -> Result<Test, ParseError> {
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
    fn word_test(&mut self, subject: &Subject, how: Comparison) -> Result<Test, ParseError> {
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
            Comparison::Equal => "text in double quotes, or a number",
            _ => "a number here",
        };
        Err(self.wrong_value(subject, wants))
    }

    fn json_test(&mut self, subject: &Subject, how: Comparison) -> Result<Test, ParseError> {
        let word = self.peek_bare();
        let test = match (how, word) {
            (Comparison::Equal, "true") => Test::Bool(true),
            (Comparison::Equal, "false") => Test::Bool(false),
            (Comparison::Equal, "null") => Test::Null,
            _ if json::is_number(word) => Test::Number(how, word.into()),
            (Comparison::Equal, _) => {
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

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
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
        Meaning::Compare(Comparison::Equal) => return Ok(()),
        Meaning::Compare(_) => (kind != Kind::Text, "a number"),
        Meaning::In => (!matches!(kind, Kind::Text | Kind::Time), "a number"),
        Meaning::Text(_) => (matches!(kind, Kind::Text | Kind::Word | Kind::Json), "text"),
        Meaning::Exists => (matches!(subject, Subject::Header(_) | Subject::Json(_)), "a header or a JSON path"),
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
    let holds = |value: &str| test.holds_for(subject.kind() == Kind::Word, value) != negated;
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
            let goes_up = negated || !matches!(how, Comparison::Less | Comparison::LessOrEqual | Comparison::Equal);
            let reaches = *how == Comparison::Equal && json::compare_numbers(with, "0").is_ge();
            ("never below 0", goes_up || reaches || holds("0"))
        }
        (_, Test::Time(Comparison::Less, with)) => ("never below 0", negated || !with.is_zero()),
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
    fn kind(&self) -> Kind {
        match self {
            Subject::Status | Subject::Redirects | Subject::CertDays | Subject::Length(_) => Kind::Whole,
            Subject::BodyBytes => Kind::Size,
            Subject::Total | Subject::Dns | Subject::Connect | Subject::Tls | Subject::Wait => Kind::Time,
            Subject::Body | Subject::Address => Kind::Text,
            Subject::Header(_) | Subject::HttpVersion | Subject::TlsVersion => Kind::Word,
            Subject::Json(_) => Kind::Json,
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Whole => "a number",
            Kind::Size => "a size",
            Kind::Time => "a duration",
            Kind::Text | Kind::Word => "text",
            Kind::Json => "a JSON value",
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
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(text: &str) -> Expectation {
        Expectation::parse(text).unwrap_or_else(|error| panic!("{}\n{error}", error.caret(text)))
    }

    fn number(how: Comparison, text: &str) -> Test {
        Test::Number(how, text.into())
    }

    fn text(how: Match, text: &str) -> Test {
        Test::Text(how, text.into())
    }

    #[test]
    fn what_can_never_hold_is_refused() {
        for (text, at) in [
            ("status == 99999", 10),
            ("status > 999", 9),
            ("status in 600-700,!600-700", 10),
            ("status not in 100-999", 14),
            ("status < 100", 9),
            ("redirects < 0", 12),
            ("redirects == -1", 13),
            ("body.bytes < 0", 13),
            ("length(body) <= -3", 16),
            ("http.version == \"7\"", 16),
            ("tls.version > 1.3", 14),
            ("tls.version == \"1.1\"", 15),
            ("total < 0s", 8),
        ] {
            let error = Expectation::parse(text).expect_err(text);
            assert!(error.message.starts_with("this can never hold: "), "{text}: {}", error.message);
            assert_eq!(error.at, at, "{text}");
        }
        for text in [
            "status == 999",
            "status != 99999",
            "status not in 600-700",
            "redirects == 0",
            "redirects >= 0",
            "body.bytes == 0",
            "length(json.x) != 0",
            "http.version == \"1.0\"",
            "tls.version >= \"1.2\"",
            "total <= 0s",
            "total > 0s",
            "cert.days < 0",
        ] {
            assert!(Expectation::parse(text).is_ok(), "{text}: {:?}", Expectation::parse(text));
        }
    }

    #[test]
    fn lengths_and_existence() {
        for (text, at, message) in [
            ("length(status) == 3", 7, "a length is that of body, header.NAME or json.PATH"),
            ("length(json.x == 3", 14, "expected `)` behind what the length is of"),
            ("length(json.x) contains \"3\"", 15, "`length(json.x)` is a number: `contains` needs text"),
            ("status exists", 7, "`status` is a number: `exists` needs a header or a JSON path"),
            ("body absent", 5, "`body` is text: `absent` needs a header or a JSON path"),
            ("header.x exists 1", 16, "`1` stands behind the value: an expectation is one comparison"),
        ] {
            let error = Expectation::parse(text).expect_err(text);
            assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
        }
        assert_eq!(
            Expectation::parse("length(json[\"a)b\"]) > 1").unwrap().subject().to_string(),
            "length(json[\"a)b\"])"
        );
    }

    #[test]
    fn every_subject_with_every_operator_that_goes_with_it() {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        let comparisons = [
            ("==", Equal, false),
            ("!=", Equal, true),
            ("<", Less, false),
            ("<=", LessOrEqual, false),
            (">", Greater, false),
            (">=", GreaterOrEqual, false),
        ];
        let numeric = ["redirects", "cert.days", "body.bytes", "header.age", "json.n", "length(json.n)"];
        let timed = ["total", "dns", "connect", "tls", "wait"];
        for (symbol, how, negated) in comparisons {
            for subject in numeric {
                let parsed = parse(&format!("{subject} {symbol} 12"));
                assert_eq!(parsed.test, number(how, "12"), "{subject} {symbol}");
                assert_eq!(parsed.negated, negated);
                assert_eq!(parsed.subject().to_string(), subject);
            }
            for subject in timed {
                let parsed = parse(&format!("{subject} {symbol} 250ms"));
                assert_eq!(parsed.test, Test::Time(how, Duration::from_millis(250)));
                assert_eq!(parsed.negated, negated);
                assert_eq!(parsed.subject().to_string(), subject);
            }
        }
        let matches = [
            ("==", Match::Equal, false),
            ("!=", Match::Equal, true),
            ("contains", Match::Contains, false),
            ("starts", Match::Starts, false),
            ("ends", Match::Ends, false),
            ("like", Match::Like, false),
            ("not contains", Match::Contains, true),
            ("not starts", Match::Starts, true),
            ("not  ends", Match::Ends, true),
            ("not\tlike", Match::Like, true),
        ];
        let textual = ["body", "address", "header.x", "json.s"];
        for (operator, how, negated) in matches {
            for subject in textual {
                let parsed = parse(&format!("{subject} {operator} \"12\""));
                assert_eq!(parsed.test, text(how, "12"), "{subject} {operator}");
                assert_eq!(parsed.negated, negated);
                assert_eq!(parsed.subject().to_string(), subject);
            }
        }
        for subject in numeric {
            assert!(!parse(&format!("{subject} in 1-2")).negated);
            assert!(parse(&format!("{subject} not in 1-2")).negated);
        }
    }

    #[test]
    fn reads_values() {
        use Comparison::{Equal, Greater, Less};
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (source, test) in [
            ("cert.days > -3", number(Greater, "-3")),
            ("body.bytes < 10KiB", number(Less, "10240")),
            ("body.bytes < 1MiB", number(Less, "1048576")),
            ("total < 5", Test::Time(Less, Duration::from_secs(5))),
            ("total < 5s", Test::Time(Less, Duration::from_secs(5))),
            ("total < 1.5s", Test::Time(Less, Duration::from_millis(1500))),
            ("total < 300us", Test::Time(Less, Duration::from_micros(300))),
            ("total < 1m", Test::Time(Less, minutes(1))),
            ("total < 2h", Test::Time(Less, minutes(120))),
            ("total < 7d", Test::Time(Less, minutes(7 * 24 * 60))),
            ("tls.version > \"1.2\"", number(Greater, "1.2")),
            ("json.n == -1.5e3", number(Equal, "-1.5e3")),
            ("json.ok == true", Test::Bool(true)),
            ("json.ok == false", Test::Bool(false)),
            ("json.x == null", Test::Null),
            (r#"json.s == "true""#, text(Match::Equal, "true")),
            (r#"body == """#, text(Match::Equal, "")),
            (r#"body == "a\"b\\ \u00e9\ud83d\ude00""#, text(Match::Equal, "a\"b\\ \u{e9}\u{1f600}")),
        ] {
            assert_eq!(parse(source).test, test, "{source}");
        }
    }

    #[test]
    fn reads_sets() {
        let range = |excluded, low: &str, high: &str| {
            let (low, high) = (low.into(), high.into());
            Range { excluded, low, high }
        };
        let set = Test::In(vec![range(false, "200", "299"), range(false, "301", "301"), range(true, "204", "204")]);
        assert_eq!(parse("status in 200-299,301,!204").test, set);
        assert_eq!(parse("status in 200-299 , 301,\t!204 ").test, set);
        let excluded = Test::In(vec![range(true, "500", "599")]);
        assert_eq!(parse("status in !500-599").test, excluded);
    }

    #[test]
    fn spaces_are_needed_only_between_words() {
        assert_eq!(parse("status==200").test, number(Comparison::Equal, "200"));
        assert!(parse("header.x!=\"a\"").negated);
        assert_eq!(parse("json.a[0]<=1").test, number(Comparison::LessOrEqual, "1"));
        let spaced = parse(" \t status\n == 200\r\n");
        assert_eq!(spaced.text(), "status\n == 200");
    }

    #[test]
    fn subjects_with_a_name_keep_it() {
        let header = parse("header.X-Request.ID == \"1\"");
        assert_eq!(header.subject(), &Subject::Header("X-Request.ID".into()));
        let path = json::Path::parse(".a[0][\"odd == name\"]").unwrap();
        let at_path = parse("json.a[0][\"odd == name\"] == 1");
        assert_eq!(at_path.subject(), &Subject::Json(path));
        assert_eq!(parse("json[0] == 1").subject().to_string(), "json[0]");
    }

    #[test]
    fn tells_what_it_needs() {
        for (source, body, headers) in [
            ("body contains \"a\"", true, false),
            ("json.a == 1", true, false),
            ("body.bytes > 1", false, false),
            ("header.a == \"1\"", false, true),
            ("status == 200", false, false),
        ] {
            let parsed = parse(source);
            assert_eq!((parsed.needs_body(), parsed.needs_headers()), (body, headers), "{source}");
        }
    }

    /// Each expression with a caret below the spot, and words that the message must hold.
    #[test]
    fn errors_point_at_the_spot_and_help() {
        #[rustfmt::skip]
        let table = [
            ("", "^", "expected an expectation such as `status == 200`"),
            ("  ",
             "  ^", "expected an expectation"),
            ("stauts == 200",
             "^", "`stauts` is not a subject: expected status, body, body.bytes,"),
            ("Status == 200",
             "^", "`Status` is not a subject"),
            ("== 200",
             "^", "expected a subject: status,"),
            ("json == 1",
             "    ^", "`json` needs a path"),
            ("header == 1",
             "      ^", "`header` needs a name"),
            ("header. == 1",
             "       ^", "expected the name of a header"),
            ("header.x(y == 1",
             "        ^", "`(` cannot stand here"),
            ("json. == 1",
             "     ^", "expected a name after `.`"),
            ("json.a..b == 1",
             "       ^", "expected a name after `.`"),
            ("json.a[x] == 1",
             "       ^", "expected an index from 0, or a name in double quotes"),
            ("json.a[\"b] == 1",
             "               ^", "expected '\"' at the end of the string"),
            ("json.a$b == 1",
             "      ^", "`$` cannot stand here: an odd name is written [\"in brackets\"]"),
            ("status",
             "      ^", "expected an operator after `status`"),
            ("status 200",
             "       ^", "`200` is not an operator: expected ==, !=, <,"),
            ("status = 200",
             "       ^", "`=` is not an operator: equality is `==`"),
            ("status ! 200",
             "       ^", "`!` is not an operator"),
            ("status is 200",
             "       ^", "`is` is not an operator"),
            ("body matches \"x\"",
             "     ^", "`matches` is not an operator"),
            ("status not == 200",
             "           ^", "`not` stands before in, contains, starts, ends or like; the opposite of `==` is `!=`"),
            ("status not",
             "          ^", "`not` stands before"),
            ("status not 200",
             "           ^", "`not` stands before"),
            ("status ==",
             "         ^", "expected a value after `==`"),
            ("status not in ",
             "              ^", "expected a value after `in`"),
            ("status contains \"x\"",
             "       ^", "`status` is a number: `contains` needs text"),
            ("status not like \"2*\"",
             "           ^", "`status` is a number: `like` needs text"),
            ("body.bytes starts \"1\"",
             "           ^", "`body.bytes` is a size: `starts` needs text"),
            ("total ends \"s\"",
             "      ^", "`total` is a duration: `ends` needs text"),
            ("total in 1-2",
             "      ^", "`total` is a duration: `in` needs a number"),
            ("body < 5",
             "     ^", "`body` is text: `<` needs a number"),
            ("body in 1-2",
             "     ^", "`body` is text: `in` needs a number"),
            ("address >= \"1\"",
             "        ^", "`address` is text: `>=` needs a number"),
            ("status == \"200\"",
             "          ^", "`status` needs a whole number (a set of them goes with `in`), found `\"200\"`"),
            ("status == 200-299",
             "          ^", "a set of them goes with `in`"),
            ("status == 200.5",
             "          ^", "`status` needs a whole number"),
            ("status == 0200",
             "          ^", "`status` needs a whole number"),
            ("status == true",
             "          ^", "`status` needs a whole number"),
            ("total < \"5s\"",
             "        ^", "'\"5s\"' is not a duration (such as 250ms, 5s, 1m, 2h, 7d)"),
            ("total < 5x",
             "        ^", "'5x' is not a duration"),
            ("total < -5s",
             "        ^", "'-5s' is not a duration"),
            ("total < 99999999999999999999s",
             "        ^", "'99999999999999999999s' is longer than ten years"),
            ("total < 9999999999999999999d",
             "        ^", "is longer than ten years"),
            ("body.bytes > 1kb",
             "             ^", "'1kb' is not a size (such as 512, 64KiB, 1MiB)"),
            ("body.bytes > 18446744073709551615MiB",
             "             ^", "'18446744073709551615MiB' is not a size"),
            ("body == ok",
             "        ^", "`body` needs text in double quotes: \"ok\""),
            ("body contains 'all good'",
             "              ^", "`body` needs text in double quotes: \"all good\""),
            ("body == 5",
             "        ^", "`body` needs text in double quotes: \"5\""),
            ("header.x == ok",
             "            ^", "`header.x` needs text in double quotes, or a number, found `ok`"),
            ("header.x < \"ok\"",
             "           ^", "`header.x` needs a number here, found `\"ok\"`"),
            ("header.x < \"1",
             "             ^", "expected '\"' at the end of the string"),
            ("tls.version >= TLSv1.2",
             "               ^", "`tls.version` needs a number here"),
            ("json.a == ok",
             "          ^", "`json.a` needs a number, text in double quotes, true, false or null, found `ok`"),
            ("json.a < \"5\"",
             "         ^", "`json.a` needs a number here, found `\"5\"`"),
            ("json.a > true",
             "         ^", "`json.a` needs a number here"),
            ("json.a contains 5",
             "                ^", "`json.a` needs text in double quotes: \"5\""),
            ("body == \"abc",
             "            ^", "expected '\"' at the end of the string, found the end of the input"),
            ("body == \"a\\x\"",
             "           ^", "expected one of \"\\/bfnrtu after '\\', found 'x'"),
            ("body == \"a\tb\"",
             "          ^", "a control character in a string is escaped"),
            ("status in \"200\"",
             "          ^", "expected whole numbers such as 200-299,301,!204"),
            ("status in 2xx",
             "          ^", "expected whole numbers"),
            ("status in 200-",
             "              ^", "expected whole numbers"),
            ("status in 200,",
             "              ^", "expected whole numbers"),
            ("status in 200,,201",
             "              ^", "expected whole numbers"),
            ("status in -5",
             "          ^", "expected whole numbers"),
            ("status in 200,!x",
             "               ^", "expected whole numbers"),
            ("status in 200,1.5",
             "              ^", "expected whole numbers"),
            ("status in 200,299-210",
             "              ^", "`299-210` is empty: 299 is above 210"),
            ("status in 200 201",
             "              ^", "`201` stands behind the value: an expectation is one comparison"),
            ("status == 200 and total < 1s",
             "              ^", "`and` stands behind the value"),
            ("body == \"a\"b",
             "           ^", "`b` stands behind the value"),
        ];
        for (source, caret, message) in table {
            let error = Expectation::parse(source).expect_err(source);
            let shown = error.caret(source);
            assert_eq!(shown.lines().nth(1), Some(caret), "{shown}\n{error}");
            assert!(error.to_string().contains(message), "{shown}\n{error}");
        }
    }

    #[test]
    fn an_expression_and_a_pattern_have_limits() {
        let longest = format!("{:MAX_EXPRESSION$}", "status == 200");
        assert!(Expectation::parse(&longest).is_ok());
        let error = Expectation::parse(&format!("{longest} ")).unwrap_err();
        assert_eq!(error.at, MAX_EXPRESSION);
        assert_eq!(error.message, "an expectation has at most 4096 bytes");

        let like = |length| format!("body like \"{}\"", "*".repeat(length));
        assert!(Expectation::parse(&like(MAX_PATTERN)).is_ok());
        let error = Expectation::parse(&like(MAX_PATTERN + 1)).unwrap_err();
        assert_eq!(error.at, 10);
        assert_eq!(error.message, "a pattern of `like` has at most 256 bytes");
    }

    #[test]
    fn a_message_repeats_little_and_no_control_characters() {
        let source = format!("{}\u{1b}[31m == 1", "x".repeat(3000));
        let error = Expectation::parse(&source).unwrap_err();
        assert!(error.message.len() < 300, "{error}");
        let error = Expectation::parse("status == \u{1b}[31m").unwrap_err();
        assert!(error.message.ends_with("found ` [31m`"), "{error}");
        assert!(!error.caret("\u{1b}[31m").contains('\u{1b}'));
    }

    #[test]
    fn the_caret_stands_below_the_spot() {
        for (source, wanted) in [
            ("body\t== x", "body == x\n        ^"),
            ("body ==\nx", "body == x\n        ^"),
            ("json.\u{5b57} == x", "json.\u{5b57} == x\n           ^"),
            ("json[\"e\u{301}\"] == x", "json[\"e\u{301}\"] == x\n             ^"),
        ] {
            let error = Expectation::parse(source).unwrap_err();
            assert_eq!(error.caret(source), wanted);
        }
        // A spot behind the text, or inside a character of another text, is no reason to panic.
        let error = error_at(4, "");
        assert_eq!(error.caret("ab"), "ab\n  ^");
        assert_eq!(error.caret("a\u{1f600}"), "a\u{1f600}\n   ^");
    }
}
