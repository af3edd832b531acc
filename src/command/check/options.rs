//! What `check` can be asked for: the one table of its flags, the help, and what the flags come to.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use super::super::flags::{self, Flag, Given};
use crate::check::outcome::Reason;
use crate::check::settings::{Draft, Setting};
use crate::check::units;
use crate::engine::secure;
use crate::sys::plain;

/// What a flag of `check` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// How targets are checked; also an option on a target's line.
    Setting(Setting),
    /// A file of targets.
    File,
    /// How many at once.
    Concurrency,
    /// The time for the whole run.
    Deadline,
    /// A report.
    Output,
    /// Only what is not up.
    Quiet,
    /// Nothing but the exit status and what was asked for with `--output`.
    Silent,
    /// More.
    Verbose,
    /// Colour.
    Color,
    /// No progress line.
    NoProgress,
    /// Verify every certificate chain, also one that is known.
    NoVerifyCache,
}

/// The one table: flags, their environment names, their help, and the options on a target's line.
#[rustfmt::skip]
pub(super) const FLAGS: &[Flag<What>] = &[
    Flag::new(What::File, "file", Some('f'), Some("FILE"), "Targets",
        "read targets from FILE, one a line; - is standard input (repeatable)"),
    Flag::new(What::Setting(Setting::Request), "request", Some('X'), Some("METHOD"), "Request",
        "the request method"),
    Flag::new(What::Setting(Setting::Header), "header", Some('H'), Some("'NAME: VALUE'"), "Request",
        "send this header; 'NAME:' leaves a default out (repeatable)"),
    Flag::new(What::Setting(Setting::Data), "data", Some('d'), Some("DATA"), "Request",
        "send this body, with POST unless -X says otherwise"),
    Flag::new(What::Setting(Setting::UserAgent), "user-agent", Some('A'), Some("TEXT"), "Request",
        "the User-Agent header"),
    Flag::new(What::Setting(Setting::Head), "head", Some('I'), None, "Request",
        "ask with HEAD"),
    Flag::new(What::Setting(Setting::User), "user", Some('u'), Some("NAME:PASSWORD"), "Request",
        "basic authentication"),
    Flag::new(What::Setting(Setting::Timeout), "timeout", Some('t'), Some("TIME"), "Time",
        "the time for one attempt, from its start [5s]").also("max-time", Some('m')),
    Flag::new(What::Setting(Setting::ConnectTimeout), "connect-timeout", None, Some("TIME"), "Time",
        "the time in it for looking up the name and connecting"),
    Flag::new(What::Setting(Setting::Insecure), "insecure", Some('k'), None, "TLS",
        "take any certificate"),
    Flag::new(What::Setting(Setting::CaCert), "cacert", None, Some("FILE"), "TLS",
        "trust the certificates in this PEM file instead of the built-in ones\n(so does the environment's SSL_CERT_FILE)"),
    Flag::new(What::Setting(Setting::Cert), "cert", None, Some("FILE"), "TLS",
        "our own certificate, PEM"),
    Flag::new(What::Setting(Setting::Key), "key", None, Some("FILE"), "TLS",
        "its key, PEM; without it the key stands in the same file"),
    Flag::new(What::Setting(Setting::ServerName), "servername", None, Some("NAME"), "TLS",
        "ask for this name and expect it in the certificate"),
    Flag::new(What::NoVerifyCache, "no-verify-cache", None, None, "TLS",
        "verify every certificate chain, even one that was verified in this run"),
    Flag::new(What::Deadline, "deadline", None, Some("TIME"), "Time",
        "the time for the whole run; what is unfinished then is 'unknown'"),
    Flag::new(What::Concurrency, "concurrency", Some('c'), Some("N"), "Load",
        "how many checks at once [1024]").also("parallel-max", None),
    Flag::new(What::Setting(Setting::MaxBody), "max-body", None, Some("SIZE"), "Load",
        "the most body that is read [1MiB]"),
    Flag::new(What::Output, "output", Some('o'), Some("FORMAT[=FILE]"), "Output",
        "human or ndjson, to standard output or FILE (repeatable) [human]"),
    Flag::new(What::Quiet, "quiet", Some('q'), None, "Output",
        "only what is not up, and the summary"),
    Flag::new(What::Silent, "silent", Some('s'), None, "Output",
        "nothing but the exit status and what -o asks for"),
    Flag::new(What::Verbose, "verbose", Some('v'), None, "Output",
        "phases of each check, limits, and what the loop knows of itself"),
    Flag::new(What::Color, "color", None, Some("WHEN"), "Output",
        "auto, always or never [auto]"),
    Flag::new(What::NoProgress, "no-progress", None, None, "Output",
        "no progress line"),
];

pub(super) const HINT: &str = "'upcheck --help' lists the flags";

pub(super) const USAGE: &str = "upcheck checks many HTTP services at once, from one thread.

    upcheck [FLAGS] TARGET...       http://HOST/..., HOST:PORT/..., tcp://HOST:PORT
    upcheck [FLAGS] -f FILE         one target a line
    upcheck demo                    100 services of 200 ms, checked: no network, no arguments
    upcheck compare                 the same checks one by one, by threads, and by one loop: what each costs
    upcheck mock                    a service to try it on, with delays and faults

'upcheck --help' lists the flags.
";

pub(super) fn help() -> String {
    let mut text = String::from(USAGE);
    text.truncate(text.rfind("'upcheck --help'").unwrap_or(text.len()));
    text.push_str(flags::help(FLAGS).trim_start());
    text.push_str(
        "  -h, --help                  this text
  -V, --version               the version

Every flag is also an environment variable: --connect-timeout is UPCHECK_CONNECT_TIMEOUT. The command line wins.
Times are 250ms 5s 1m 2h 7d, or seconds; sizes are bytes, 64KiB or 1MiB.

A file of targets:
    # comments and blank lines are skipped
    default timeout=2s                               options for the lines that follow
    https://api.example.com/health  name=api  label.team=pay  header='Authorization: Bearer ${TOKEN}'
    tcp://redis.internal:6379       name=redis

Exit status: 0 all up, 1 something down or unknown, 3 could not run, 130 or 143 after SIGINT or SIGTERM.

Reasons:
",
    );
    for reason in Reason::ALL {
        text.push_str(&format!("  {:20} {:9} {}\n", reason.as_str(), reason.verdict().as_str(), reason.explain()));
    }
    text
}

/// A report, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) format: Format,
    pub(super) file: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Human,
    Ndjson,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) draft: Draft,
    pub(super) files: Vec<String>,
    pub(super) arguments: Vec<String>,
    /// `None`: not said.
    pub(super) concurrency: Option<usize>,
    pub(super) deadline: Option<Duration>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) quiet: bool,
    pub(super) silent: bool,
    pub(super) verbose: bool,
    pub(super) color: Color,
    pub(super) progress: bool,
    pub(super) verify_cache: bool,
}

/// How many checks at once where nothing is said.
pub(super) const CONCURRENCY: usize = 1024;

impl Options {
    pub(super) fn of(flags: Vec<Given<What>>, arguments: Vec<String>) -> Result<Options, String> {
        let mut options = Options {
            draft: Draft::default(),
            files: Vec::new(),
            arguments,
            concurrency: None,
            deadline: None,
            wanted: Vec::new(),
            quiet: false,
            silent: false,
            verbose: false,
            color: Color::default(),
            progress: true,
            verify_cache: true,
        };
        let said = |what: Setting| flags.iter().any(|given| given.id == What::Setting(what));
        if cfg!(feature = "tls") && !said(Setting::CaCert) {
            // As OpenSSL has it, and with it curl and most others. A flag wins over it.
            if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
                let file = file.to_string_lossy();
                options
                    .draft
                    .set(Setting::CaCert, &file, read_file)
                    .map_err(|error| format!("SSL_CERT_FILE: {error}"))?;
            }
        }
        for Given { id, value, spelled } in flags {
            options.take(id, &value).map_err(|error| format!("{spelled}: {error}"))?;
        }
        secure::verify(&options.draft.settings().tls)?;
        Ok(options)
    }

    fn take(&mut self, what: What, value: &str) -> Result<(), String> {
        match what {
            What::Setting(setting) => self.draft.set(setting, value, read_file)?,
            What::File => self.files.push(value.to_owned()),
            What::Concurrency => {
                let number = value.parse().ok().filter(|number| (1..=1_000_000).contains(number));
                self.concurrency = Some(number.ok_or_else(|| format!("'{value}' is not a number from 1 to 1000000"))?);
            }
            What::Deadline => match units::duration(value)? {
                Duration::ZERO => return Err("must be longer than nothing".to_owned()),
                deadline => self.deadline = Some(deadline),
            },
            What::Output => self.wanted.push(wanted(value)?),
            What::Quiet => self.quiet = true,
            What::Silent => self.silent = true,
            What::Verbose => self.verbose = true,
            What::Color => {
                self.color = match value {
                    "auto" => Color::Auto,
                    "always" => Color::Always,
                    "never" => Color::Never,
                    other => return Err(format!("'{other}' is not one of auto, always, never")),
                }
            }
            What::NoProgress => self.progress = false,
            What::NoVerifyCache => self.verify_cache = false,
        }
        Ok(())
    }

    /// Whether what goes to this place is to be coloured.
    pub(super) fn colors(&self, is_terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !dumb(),
        }
    }
}

pub(in crate::command) fn dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}

pub(super) fn wanted(value: &str) -> Result<Wanted, String> {
    let (format, file) = match value.split_once('=') {
        Some((_, "")) => return Err(format!("'{value}' names no file")),
        Some((format, file)) => (format, Some(file.to_owned())),
        None => (value, None),
    };
    let format = match format {
        "human" => Format::Human,
        "ndjson" => Format::Ndjson,
        other => return Err(format!("'{other}' is not a format: human, ndjson")),
    };
    Ok(Wanted { format, file })
}

pub(super) fn find_setting(name: &str) -> Option<Setting> {
    match flags::find(FLAGS, name)?.id {
        What::Setting(setting) => Some(setting),
        _ => None,
    }
}

/// The largest file that a flag's value may name.
const FILE_MAX: u64 = 16 * 1024 * 1024;

pub(super) fn read_file(name: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(name).map_err(|error| format!("{}: {}", name.escape_debug(), plain(&error)))?;
    match file.take(FILE_MAX + 1).read_to_end(&mut bytes) {
        Ok(length) if length as u64 > FILE_MAX => Err(format!("{} is larger than 16 MiB", name.escape_debug())),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("{}: {}", name.escape_debug(), plain(&error))),
    }
}
