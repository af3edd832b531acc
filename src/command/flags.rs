//! Flags: one table a command, and everything that follows from it: parsing, environment names, help, and "did you
//! mean".
//!
//! A flag is said in three ways, the later over the earlier: as an environment variable (`--connect-timeout` is
//! `UPCHECK_CONNECT_TIMEOUT`), on the command line, and, where the flag is about a target, on the target's own line.
//! All three find it in the same table.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;

use super::output::{print, say};
use super::spelling::{self, did_you_mean};
use crate::report::formats;
use crate::report::text::push_folded;
use crate::sys::{environment, fd};

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
    /// `-h`: a screen of help.
    ShortHelp,
    /// `--help`: all of it.
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
        Asked::ShortHelp => Asked::ShortHelp,
        Asked::Help => Asked::Help,
        Asked::Version => Asked::Version,
        Asked::Run { flags, arguments } => {
            let named = |Given { id, value, spelled }: Given<usize>| Given { id: table[id].id, value, spelled };
            Asked::Run { flags: flags.into_iter().map(named).collect(), arguments }
        }
    })
}

/// The same table, whose flags are called by their places in it: what is done with it is compiled once, not once a command.
#[inline(never)]
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
        let Some(flag) = table.iter().find(|flag| is_environment_name(name, flag.long)) else {
            if let Some(long) = misspelt(table, name) {
                let (name, meant) = (name.to_string_lossy(), environment_name(long));
                say(&format!("{name} is none of this program's variables; did you mean {meant}?"));
            }
            continue;
        };
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
            lexopt::Arg::Short('h') => return Ok(Asked::ShortHelp),
            lexopt::Arg::Long("help") => return Ok(Asked::Help),
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

#[cold]
fn unknown(table: &[Flag<usize>], spelled: &str) -> String {
    let message = format!("there is no flag '{spelled}'");
    let Some(name) = spelled.strip_prefix("--") else { return message };
    if find(table, "output").is_some() && formats::find(name).is_some() {
        return format!("{message}; did you mean '-o {name}'?");
    }
    let mut names = longs(table);
    names.extend(table.iter().filter_map(|flag| flag.alias).map(|(alias, _)| alias));
    message + &did_you_mean(name, "--", &names)
}

fn longs(table: &[Flag<usize>]) -> Vec<&'static str> {
    table.iter().map(|flag| flag.long).collect()
}

/// The flag that is meant by a variable that is named like none.
#[cold]
fn misspelt(table: &[Flag<usize>], name: &OsStr) -> Option<&'static str> {
    let name = name.to_str()?.strip_prefix(PREFIX)?;
    let spelled = |letter: char| if letter == '_' { '-' } else { letter.to_ascii_lowercase() };
    let name: String = name.chars().map(spelled).collect();
    match find(table, &name) {
        // By its other name, or in other letters.
        Some(flag) => Some(flag.long),
        None => spelling::variable(&name, &longs(table)),
    }
}

/// The column at which a flag's help stands.
const HELP_AT: usize = 30;

/// Where there is less room than this, the second of two columns goes on below the first.
const TWO_COLUMNS_MIN: usize = 2 * HELP_AT;

/// Prints a help, no wider than the terminal, nor than is good to read.
#[cold]
pub fn print_help(text: &str) {
    const COLUMNS: usize = 100;
    let columns = fd::columns(fd::standard_output()).map_or(COLUMNS, |columns| (columns - 1).min(COLUMNS));
    print(&fitted(text, columns));
}

/// A text whose lines are broken between words where they are wider than so many columns. What stands in the second of two
/// columns goes on there.
#[cold]
pub fn fitted(text: &str, columns: usize) -> String {
    let mut fitted = Vec::with_capacity(text.len());
    for line in text.lines() {
        let in_column = line.starts_with("  ") && line.get(..HELP_AT).is_some_and(|left| left.ends_with("  "));
        let indent = match in_column && columns >= TWO_COLUMNS_MIN {
            true => HELP_AT,
            false => line.len() - line.trim_start().len(),
        };
        push_folded(line, columns, indent, &mut fitted);
        fitted.push(b'\n');
    }
    String::from_utf8_lossy(&fitted).into_owned()
}

/// Some flags of the table, a line each: no more of what they do than the first words, up to a sign that parts them from the others.
pub fn short_help<I>(table: &[Flag<I>], names: &[&str]) -> String {
    short_help_of(&numbered(table), names)
}

#[cold]
fn short_help_of(table: &[Flag<usize>], names: &[&str]) -> String {
    let mut out = String::new();
    for flag in table.iter().filter(|flag| names.is_empty() || names.contains(&flag.long)) {
        let end = flag.help.bytes().position(|byte| matches!(byte, b';' | b'(' | b'\n')).unwrap_or(flag.help.len());
        push_flag(flag, flag.help[..end].trim_ascii_end(), &mut out);
    }
    out
}

/// The table as a user reads it, a group after the other.
pub fn help<I>(table: &[Flag<I>]) -> String {
    help_of(&numbered(table))
}

#[cold]
fn help_of(table: &[Flag<usize>]) -> String {
    let mut out = String::new();
    let mut group = "";
    for flag in table {
        if flag.group != group {
            group = flag.group;
            // Writing to a String cannot fail, here and below.
            let _ = write!(out, "\n{group}:\n");
        }
        push_flag(flag, flag.help, &mut out);
        if let Some((alias, letter)) = flag.alias {
            let letter = letter.map_or(String::new(), |letter| format!("-{letter}, "));
            let _ = writeln!(out, "{:HELP_AT$}({letter}--{alias} is the same)", "");
        }
    }
    out
}

/// A flag, and beside it or below it what it does.
#[cold]
fn push_flag(flag: &Flag<usize>, help: &str, out: &mut String) {
    let letter = flag.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
    let value = flag.value.map_or(String::new(), |value| format!(" {value}"));
    let mut left = format!("  {letter}--{}{value}", flag.long);
    if left.len() + 2 > HELP_AT {
        out.push_str(&left);
        out.push('\n');
        left.clear();
    }
    for line in help.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{left:HELP_AT$}{line}");
        left.clear();
    }
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
        assert_eq!(parse_with(&["a", "-h"], &[]), Ok(Asked::ShortHelp));
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
