//! Flags: one table a command, and everything that follows from it: parsing, environment names, help, and "did you
//! mean".
//!
//! A flag is said in three ways, the later over the earlier: as an environment variable (`--connect-timeout` is
//! `UPCHECK_CONNECT_TIMEOUT`), on the command line, and, where the flag is about a target, on the target's own line.
//! All three find it in the same table.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;

use crate::sys::environment;

/// One flag. `I` is the command's own name for it.
#[derive(Debug)]
pub struct Flag<I: 'static> {
    /// What the command calls it.
    pub id: I,
    /// Its name, without dashes.
    pub long: &'static str,
    /// Another name and perhaps letter for the same, as another program has it.
    pub alias: Option<(&'static str, Option<char>)>,
    /// Its letter, said behind one hyphen.
    pub short: Option<char>,
    /// What its value is called in the help; `None` for a switch.
    pub value: Option<&'static str>,
    /// The heading that it stands under.
    pub group: &'static str,
    /// What it does, in a line or two.
    pub help: &'static str,
}

impl<I: Copy> Flag<I> {
    /// A flag with all but another name.
    pub const fn new(
        id: I,
        long: &'static str,
        short: Option<char>,
        value: Option<&'static str>,
        group: &'static str,
        help: &'static str,
    ) -> Flag<I> {
        Flag { id, long, alias: None, short, value, group, help }
    }

    /// The same flag under another name and perhaps letter, too.
    pub const fn also(mut self, long: &'static str, short: Option<char>) -> Flag<I> {
        self.alias = Some((long, short));
        self
    }
}

/// One flag as it was given.
#[derive(Debug, PartialEq, Eq)]
pub struct Given<I> {
    /// Which flag, by what the command calls it.
    pub id: I,
    /// Its value; empty for a switch.
    pub value: String,
    /// How the user spelled it, for messages: `--timeout`, `-t`, `UPCHECK_TIMEOUT`.
    pub spelled: String,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked<I> {
    /// To do what the command does, with these.
    Run {
        /// The flags: first those of the environment that the command line does not give, then those of the command
        /// line, in their order.
        flags: Vec<Given<I>>,
        /// Everything that is no flag.
        arguments: Vec<String>,
    },
    /// `-h`, `--help`.
    Help,
    /// `-V`, `--version`.
    Version,
}

/// What the names of this program's own environment variables begin with.
pub const PREFIX: &str = "UPCHECK_";

/// The environment variables that are meant for this program, each with its value.
pub fn environment() -> Vec<(OsString, OsString)> {
    environment::starting_with(PREFIX)
}

/// Reads a command's arguments, and what [the environment](fn@environment) says, by its table.
///
/// # Errors
/// What is wrong, in words for the user.
pub fn parse<I: Copy + PartialEq>(
    table: &[Flag<I>],
    arguments: impl IntoIterator<Item = OsString>,
    environment: &[(OsString, OsString)],
) -> Result<Asked<I>, String> {
    Ok(match read(&numbered(table), arguments.into_iter().collect(), environment)? {
        Asked::Help => Asked::Help,
        Asked::Version => Asked::Version,
        Asked::Run { flags, arguments } => {
            let named = |Given { id, value, spelled }: Given<usize>| Given { id: table[id].id, value, spelled };
            Asked::Run { flags: flags.into_iter().map(named).collect(), arguments }
        }
    })
}

/// The same table, whose flags are called by their places in it: what is done with it is compiled once, not once a command.
fn numbered<I>(table: &[Flag<I>]) -> Vec<Flag<usize>> {
    let number = |(id, flag): (usize, &Flag<I>)| {
        let &Flag { long, alias, short, value, group, help, .. } = flag;
        Flag { id, long, alias, short, value, group, help }
    };
    table.iter().enumerate().map(number).collect()
}

fn read(
    table: &[Flag<usize>],
    arguments: Vec<OsString>,
    environment: &[(OsString, OsString)],
) -> Result<Asked<usize>, String> {
    let mut said: Vec<Given<usize>> = Vec::new();
    // One that is empty counts as unset.
    for (name, value) in environment.iter().filter(|(_, value)| !value.is_empty()) {
        // The other commands have theirs.
        let Some(flag) = table.iter().find(|flag| is_environment_name(name, flag.long)) else { continue };
        if said.iter().any(|before| before.id == flag.id) {
            continue;
        }
        let spelled = environment_name(flag.long);
        let value = text(value, &spelled)?;
        match flag.value {
            Some(_) => said.push(Given { id: flag.id, value, spelled }),
            None => match value.as_str() {
                "1" | "true" | "yes" | "on" => said.push(Given { id: flag.id, value: String::new(), spelled }),
                "0" | "false" | "no" | "off" => {}
                other => return Err(format!("{spelled}: '{}' is neither true nor false", other.escape_debug())),
            },
        }
    }
    let mut flags: Vec<Given<usize>> = Vec::new();
    let mut positional = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| told(&error))? {
        let (found, spelled) = match argument {
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return Ok(Asked::Help),
            lexopt::Arg::Short('V') | lexopt::Arg::Long("version") => return Ok(Asked::Version),
            lexopt::Arg::Value(value) => {
                positional.push(text(&value, "an argument")?);
                continue;
            }
            lexopt::Arg::Short(letter) => {
                let is =
                    |flag: &&Flag<usize>| [flag.short, flag.alias.and_then(|(_, short)| short)].contains(&Some(letter));
                (table.iter().find(is), format!("-{}", letter.escape_debug()))
            }
            lexopt::Arg::Long(name) => (find(table, name), format!("--{}", name.escape_debug())),
        };
        let flag = found.ok_or_else(|| unknown(table, &spelled))?;
        let value = match flag.value {
            Some(placeholder) => {
                let value = parser.value().map_err(|_| format!("{spelled} needs a value: {placeholder}"))?;
                text(&value, &spelled)?
            }
            None => String::new(),
        };
        flags.push(Given { id: flag.id, value, spelled });
    }
    // The command line wins, and where a flag may be repeated it replaces all that the environment says.
    said.retain(|before| !flags.iter().any(|given| given.id == before.id));
    said.append(&mut flags);
    Ok(Asked::Run { flags: said, arguments: positional })
}

/// Finds a flag by its name or its other name.
pub fn find<'t, I>(table: &'t [Flag<I>], name: &str) -> Option<&'t Flag<I>> {
    table.iter().find(|flag| flag.long == name || flag.alias.is_some_and(|(alias, _)| alias == name))
}

/// The environment variable that says the same as `--long`.
pub fn environment_name(long: &str) -> String {
    format!("{PREFIX}{}", long.replace('-', "_").to_ascii_uppercase())
}

/// Whether this is the name of the environment variable that says the same as `--long`.
fn is_environment_name(name: &OsStr, long: &str) -> bool {
    let as_written = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    name.as_encoded_bytes()
        .strip_prefix(PREFIX.as_bytes())
        .is_some_and(|rest| rest.iter().copied().eq(long.bytes().map(as_written)))
}

fn text(value: &OsStr, what: &str) -> Result<String, String> {
    // What cannot be read cannot be known not to be secret, so it is not repeated.
    value.to_str().map(str::to_owned).ok_or_else(|| format!("{what} is not UTF-8"))
}

/// The parser's error without the value that it is about, which may be secret.
fn told(error: &lexopt::Error) -> String {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => format!("'{option}' takes no value"),
        lexopt::Error::NonUnicodeValue(_) => "an argument is not UTF-8".to_owned(),
        other => other.to_string(),
    }
}

fn unknown(table: &[Flag<usize>], spelled: &str) -> String {
    let message = format!("there is no flag '{spelled}'");
    let Some(name) = spelled.strip_prefix("--") else { return message };
    let nearest = table.iter().map(|flag| (distance(flag.long, name), flag.long)).min();
    match nearest {
        Some((distance, long)) if distance <= 2 => format!("{message}; did you mean '--{long}'?"),
        _ => message,
    }
}

/// The column at which a flag's help stands.
const HELP_AT: usize = 30;

/// The most columns of a help text.
const COLUMNS: usize = 100;

/// A text with its long lines broken between words. What stands in the second of two columns goes on there.
pub fn fitted(text: &str) -> String {
    let mut fitted = String::with_capacity(text.len());
    for line in text.lines() {
        let in_column = line.starts_with("  ") && line.get(..HELP_AT).is_some_and(|left| left.ends_with("  "));
        let indent = if in_column { HELP_AT } else { line.len() - line.trim_start().len() };
        let (mut rest, mut room) = (line, COLUMNS);
        while let Some((over, _)) = rest.char_indices().nth(room)
            && let Some(at) = rest[..over].rfind(' ').filter(|at| *at > indent || room < COLUMNS)
        {
            fitted.push_str(&rest[..at]);
            fitted.push('\n');
            fitted.push_str(&" ".repeat(indent));
            (rest, room) = (&rest[at + 1..], COLUMNS - indent);
        }
        fitted.push_str(rest);
        fitted.push('\n');
    }
    fitted
}

/// The table as a user reads it, a group after the other.
pub fn help<I>(table: &[Flag<I>]) -> String {
    help_of(&numbered(table))
}

fn help_of(table: &[Flag<usize>]) -> String {
    let mut out = String::new();
    let mut group = "";
    for flag in table {
        if flag.group != group {
            group = flag.group;
            // Writing to a String cannot fail, here and below.
            let _ = write!(out, "\n{group}:\n");
        }
        let letter = flag.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
        let value = flag.value.map_or(String::new(), |value| format!(" {value}"));
        let left = format!("  {letter}--{}{value}", flag.long);
        let mut lines = flag.help.lines();
        let first = lines.next().unwrap_or_default();
        if left.len() + 2 > HELP_AT {
            let _ = write!(out, "{left}\n{:HELP_AT$}{first}\n", "");
        } else {
            let _ = writeln!(out, "{left:HELP_AT$}{first}");
        }
        for line in lines {
            let _ = writeln!(out, "{:HELP_AT$}{line}", "");
        }
        if let Some((alias, letter)) = flag.alias {
            let letter = letter.map_or(String::new(), |letter| format!("-{letter}, "));
            let _ = writeln!(out, "{:HELP_AT$}({letter}--{alias} is the same)", "");
        }
    }
    out
}

/// How many letters must be changed, added or left out to make one word of the other (Levenshtein).
// Called from two places that are in no hurry.
#[inline(never)]
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Flag<char>] = &[
        Flag {
            id: 't',
            long: "timeout",
            alias: Some(("max-time", Some('m'))),
            short: Some('t'),
            value: Some("TIME"),
            group: "Time",
            help: "the time",
        },
        Flag {
            id: 'q',
            long: "quiet",
            alias: None,
            short: Some('q'),
            value: None,
            group: "Output",
            help: "less\nof it",
        },
    ];

    fn parse_with(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Asked<char>, String> {
        let environment: Vec<_> = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        parse(TABLE, arguments.iter().map(OsString::from), &environment)
    }

    fn said(arguments: &[&str], environment: &[(&str, &str)]) -> Vec<(char, String)> {
        match parse_with(arguments, environment) {
            Ok(Asked::Run { flags, .. }) => flags.into_iter().map(|given| (given.id, given.value)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_spellings_of_a_flag() {
        for arguments in
            [&["--timeout", "5"][..], &["--timeout=5"], &["-t5"], &["-t", "5"], &["--max-time=5"], &["-m5"]]
        {
            assert_eq!(said(arguments, &[]), [('t', "5".to_owned())]);
        }
        assert_eq!(said(&["-qt5"], &[]), [('q', String::new()), ('t', "5".to_owned())]);
    }

    #[test]
    fn the_command_line_comes_after_the_environment() {
        let both = said(&["-t5"], &[("UPCHECK_TIMEOUT", "9"), ("UPCHECK_QUIET", "1")]);
        assert_eq!(both, [('q', String::new()), ('t', "5".to_owned())]);
        let repeated = said(&["-t5", "-t6"], &[("UPCHECK_TIMEOUT", "9")]);
        assert_eq!(repeated, [('t', "5".to_owned()), ('t', "6".to_owned())]);
        assert_eq!(said(&[], &[("UPCHECK_QUIET", "0")]), []);
        let twice = said(&[], &[("UPCHECK_TIMEOUT", "9"), ("UPCHECK_TIMEOUT", "8"), ("UPCHECK_QUIET", "")]);
        assert_eq!(twice, [('t', "9".to_owned())], "as getenv has it");
        assert_eq!(said(&[], &[("UPCHECK_TIME", "9"), ("UPCHECK_timeout", "9"), ("UPCHECK_", "9")]), []);
    }

    #[test]
    fn arguments_are_kept_in_order_and_two_dashes_end_the_flags() {
        match parse_with(&["a", "-q", "--", "-t"], &[]) {
            Ok(Asked::Run { arguments, .. }) => assert_eq!(arguments, ["a", "-t"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(parse_with(&["a", "--help"], &[]), Ok(Asked::Help));
        assert_eq!(parse_with(&["-V"], &[]), Ok(Asked::Version));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            (&["--timeuot=1"][..], "there is no flag '--timeuot'; did you mean '--timeout'?"),
            (&["--bogus"], "there is no flag '--bogus'"),
            (&["-x"], "there is no flag '-x'"),
            (&["--timeout"], "--timeout needs a value: TIME"),
        ];
        for (arguments, message) in cases {
            assert_eq!(parse_with(arguments, &[]), Err(message.to_owned()));
        }
        assert_eq!(parse_with(&["--quiet=s3cret"], &[]), Err("'--quiet' takes no value".to_owned()));
        assert!(parse_with(&[], &[("UPCHECK_QUIET", "maybe")]).is_err());
    }

    #[test]
    fn the_help_names_every_flag_once() {
        let help = help(TABLE);
        assert_eq!(help.matches("--timeout").count(), 1);
        assert!(
            help.contains("\nTime:\n") && help.contains("-q, --quiet") && help.contains("(-m, --max-time is the same)")
        );
    }
}
