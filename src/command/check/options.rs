//! What `check` can be asked for: the one table of its flags, the help, and what the flags come to.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::super::COMMANDS;
use super::super::flags::{self, Flag, Given};
use super::super::outputs::{OutputFlag, Outputs};
use super::super::spelling::did_you_mean;
use super::share;
use crate::check::outcome::{Outcome, Reason};
use crate::check::settings::{Draft, Setting, TlsWanted};
use crate::check::shard::{SHARDS_MAX, Shard};
use crate::check::units::{number, positive_duration, size};
use crate::engine::resolver::{Families, Names, Override};
use crate::engine::secure::{self, Defaults};
use crate::os;
use crate::proto::dns::config::{DNS_PORT, server};
use crate::report::formats;
use crate::sys::{fd, plain};

/// What a flag of `check` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckFlag {
    /// How targets are checked; also an option on a target's line.
    Setting(Setting),
    /// A file of targets.
    File,
    /// How many at once.
    Concurrency,
    /// The time for the whole run.
    Deadline,
    /// A report, and how it looks.
    Output(OutputFlag),
    /// No progress line.
    NoProgress,
    /// The run as a trace.
    #[cfg(feature = "reports")]
    Trace,
    /// The loop in words.
    Explain,
    /// Verify every certificate chain, also one that is known.
    NoVerifyCache,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// The addresses of a name and port.
    Resolve,
    /// A name server to ask in place of those of the system.
    DnsServer,
    /// The bytes of answers that are kept at once.
    MaxMemory,
    /// How many of one host at once.
    PerHost,
    /// How many starts a second.
    Rate,
    /// The time over which the starts are spread.
    Spread,
    /// Try until all are up.
    Wait,
    /// A share of the list.
    Shard,
    /// The share of so many that a scheduler says.
    Shards,
    /// Show the targets and send nothing.
    DryRun,
    /// Print a man page or completions.
    #[cfg(feature = "reports")]
    Generate,
}

/// The one table: flags, their environment names, their help, and the options on a target's line.
#[rustfmt::skip]
pub(super) const FLAGS: &[Flag<CheckFlag>] = &[
    Flag::new(CheckFlag::File, "file", Some('f'), Some("FILE"), "Targets",
        "targets, one a line, or Prometheus' file_sd JSON; - is standard input (repeatable)"),
    Flag::new(CheckFlag::Shard, "shard", None, Some("I/N"), "Targets",
        "take share I of N of the targets, by a hash of name or target; `upcheck report` joins the results"),
    Flag::new(CheckFlag::Shards, "shards", None, Some("N"), "Targets",
        "the same, with the share that Kubernetes, Slurm, AWS Batch or Cloud Run numbers this task with"),
    Flag::new(CheckFlag::DryRun, "dry-run", None, None, "Targets",
        "show each target with what was said of it, secrets as ***, and send nothing"),
    Flag::new(CheckFlag::Setting(Setting::Request), "request", Some('X'), Some("METHOD"), "Request",
        "the request method"),
    Flag::new(CheckFlag::Setting(Setting::Header), "header", Some('H'), Some("'NAME: VALUE'"), "Request",
        "send this header; 'NAME:' leaves a default out, @FILE reads lines (repeatable)"),
    Flag::new(CheckFlag::Setting(Setting::Data), "data", Some('d'), Some("DATA"), "Request",
        "send this body, or @FILE's (@- is standard input), with POST unless -X says otherwise"),
    Flag::new(CheckFlag::Setting(Setting::UserAgent), "user-agent", Some('A'), Some("TEXT"), "Request",
        "the User-Agent header"),
    Flag::new(CheckFlag::Setting(Setting::Head), "head", Some('I'), None, "Request",
        "ask with HEAD"),
    Flag::new(CheckFlag::Setting(Setting::User), "user", Some('u'), Some("NAME:PASSWORD"), "Request",
        "basic authentication; taken out of the list of processes, as are the \
         passwords of targets, -x and -H 'Authorization: ...' (Linux)"),
    Flag::new(CheckFlag::Setting(Setting::Location), "location", Some('L'), None, "Request",
        "follow redirects; what -H, -u, --cert and --servername say is for \
         the target's own origin and goes to no other"),
    Flag::new(CheckFlag::Setting(Setting::MaxRedirs), "max-redirs", None, Some("N"), "Request",
        "how many [10]"),
    Flag::new(CheckFlag::Setting(Setting::AllowDowngrade), "allow-downgrade", None, None, "Request",
        "follow redirects from https to http, too"),
    Flag::new(CheckFlag::Setting(Setting::Send), "send", None, Some("TEXT"), "Request",
        "say this over tcp:// or tls:// (\\r \\n \\t \\xHH as in C); what comes back is the body"),
    Flag::new(CheckFlag::V4, "ipv4", Some('4'), None, "Where to",
        "look up IPv4 addresses only"),
    Flag::new(CheckFlag::V6, "ipv6", Some('6'), None, "Where to",
        "look up IPv6 addresses only"),
    Flag::new(CheckFlag::Resolve, "resolve", None, Some("HOST:PORT:ADDR"), "Where to",
        "connect to this address for this host (or *) and port; ADDR,ADDR for several (repeatable)"),
    Flag::new(CheckFlag::DnsServer, "dns-server", None, Some("IP[:PORT]"), "Where to",
        "ask this name server instead of those in /etc/resolv.conf (repeatable, up to 3)"),
    Flag::new(CheckFlag::Setting(Setting::AllAddresses), "all-addresses", None, None, "Where to",
        "check each address of a name by itself"),
    Flag::new(CheckFlag::Setting(Setting::UnixSocket), "unix-socket", None, Some("PATH"), "Where to",
        "connect to this unix socket, whatever host the URL names; redirects, too"),
    Flag::new(CheckFlag::Setting(Setting::Proxy), "proxy", Some('x'), Some("URL"), "Where to",
        "go through this proxy: http://[NAME:PASSWORD@]HOST:PORT, with CONNECT for https:// and tcp://; \
         '' for none (http_proxy and its kin are not read)"),
    Flag::new(CheckFlag::Setting(Setting::KeepAlive), "keepalive", None, None, "Where to",
        "use connections again for requests to the same origin, and resume TLS sessions (which \
         verifies no certificate again); not for POST and its like, nor where dns, connect or tls \
         is to be judged"),
    Flag::new(CheckFlag::Setting(Setting::Insecure), "insecure", Some('k'), None, "TLS",
        "take any certificate"),
    Flag::new(CheckFlag::Setting(Setting::CaCert), "cacert", None, Some("FILE"), "TLS",
        "trust the certificates in this PEM file instead of the built-in ones: issuers, or the server's \
         own (so does the environment's SSL_CERT_FILE; SSL_CERT_DIR adds the files in a folder)"),
    Flag::new(CheckFlag::Setting(Setting::CaNative), "ca-native", None, None, "TLS",
        "trust what this system trusts, besides"),
    Flag::new(CheckFlag::Setting(Setting::Cert), "cert", None, Some("FILE"), "TLS",
        "our own certificate, PEM"),
    Flag::new(CheckFlag::Setting(Setting::Key), "key", None, Some("FILE"), "TLS",
        "its key, PEM; without it the key stands in the same file"),
    Flag::new(CheckFlag::Setting(Setting::ServerName), "servername", None, Some("NAME"), "TLS",
        "ask for this name and expect it in the certificate"),
    Flag::new(CheckFlag::NoVerifyCache, "no-verify-cache", None, None, "TLS",
        "verify every certificate chain, even one that was verified in this run"),
    Flag::new(CheckFlag::Setting(Setting::Timeout), "timeout", Some('t'), Some("TIME"), "Time",
        "the time for one attempt, from its start [5s]").also("max-time", Some('m')),
    Flag::new(CheckFlag::Setting(Setting::ConnectTimeout), "connect-timeout", None, Some("TIME"), "Time",
        "the time in it for looking up the name and connecting"),
    Flag::new(CheckFlag::Setting(Setting::Retry), "retry", None, Some("N"), "Time",
        "try up to N times more what may pass later; passing then is 'degraded' \
         (not sooner than a server's Retry-After asks, up to --deadline or 5 minutes)"),
    Flag::new(CheckFlag::Setting(Setting::RetryDelay), "retry-delay", None, Some("TIME"), "Time",
        "wait so long before the first retry, then twice as long each time [1s]"),
    Flag::new(CheckFlag::Wait, "wait", None, Some("TIME"), "Time",
        "try until all are up, at most so long; every --retry-delay (else exit 124); \
         then run COMMAND: upcheck --wait 60s TARGET... -- COMMAND ARG..."),
    Flag::new(CheckFlag::Deadline, "deadline", None, Some("TIME"), "Time",
        "the time for the whole run; what is unfinished then is 'unknown', and a reader who then takes \
         nothing for 2s gets no more of the results (exit 3)"),
    Flag::new(CheckFlag::Concurrency, "concurrency", Some('c'), Some("N"), "Load",
        "how many checks at once [1024]").also("parallel-max", None),
    Flag::new(CheckFlag::MaxMemory, "max-memory", None, Some("SIZE"), "Load",
        "for all bytes of answers that are kept at once; who needs more waits unread [64MiB]"),
    Flag::new(CheckFlag::PerHost, "concurrency-per-host", None, Some("N"), "Load",
        "how many at once of one host [no cap]").also("parallel-max-host", None),
    Flag::new(CheckFlag::Rate, "rate", None, Some("N"), "Load",
        "how many starts a second, spread evenly [as fast as they go]"),
    Flag::new(CheckFlag::Spread, "spread", None, Some("TIME"), "Load",
        "spread the starts evenly over this time"),
    Flag::new(CheckFlag::Setting(Setting::MaxBody), "max-body", None, Some("SIZE"), "Load",
        "the most body that is read [1MiB]: more is too_large where an expectation is about the body, \
         else what came is judged"),
    Flag::new(CheckFlag::Setting(Setting::NoBody), "no-body", None, None, "Load",
        "judge as soon as the head is there: streams of events have no end"),
    Flag::new(CheckFlag::Setting(Setting::Expect), "expect", Some('e'), Some("EXPR"), "Judging",
        "what must hold, or the target is down (repeatable) [status in 200-399]"),
    Flag::new(CheckFlag::Setting(Setting::Warn), "warn", Some('w'), Some("EXPR"), "Judging",
        "what should hold, or the target is degraded (repeatable)"),
    OutputFlag::Output.flag(CheckFlag::Output(OutputFlag::Output)),
    OutputFlag::Quiet.flag(CheckFlag::Output(OutputFlag::Quiet)),
    OutputFlag::Silent.flag(CheckFlag::Output(OutputFlag::Silent)),
    OutputFlag::Verbose.flag(CheckFlag::Output(OutputFlag::Verbose)),
    OutputFlag::Color.flag(CheckFlag::Output(OutputFlag::Color)),
    #[cfg(feature = "reports")]
    Flag::new(CheckFlag::Trace, "trace", None, Some("FILE"), "Output",
        "the loop's turns and each check's phases as Chrome trace events, which Perfetto opens"),
    Flag::new(CheckFlag::Explain, "explain", None, None, "Output",
        "the loop in words, a line a turn on standard error; from 200 events on it sums up"),
    #[cfg(feature = "reports")]
    Flag::new(CheckFlag::Generate, "generate", None, Some("WHAT"), "Output",
        "print a man page or completions instead: man, bash, zsh or fish"),
    Flag::new(CheckFlag::NoProgress, "no-progress", None, None, "Output",
        "no progress line"),
];

pub(super) const HINT: &str = "'upcheck --help' lists the flags";

const USAGE: &str = "\
upcheck checks many HTTP services at once, from one thread.

Usage: upcheck [FLAGS] TARGET...   http://HOST/..., HOST:PORT, tcp://HOST:PORT
       upcheck [FLAGS] -f FILE     one target a line
";

/// What stands before the flags: a few lines that say how it is called.
pub(super) fn usage() -> String {
    format!("{}\n{HINT}.\n", usage_lines())
}

fn usage_lines() -> String {
    let mut text = USAGE.to_owned();
    let mut heading = "\nCommands:\n";
    for command in COMMANDS.iter().filter(|command| command.run.is_some()) {
        let called = format!("{}{}", command.name, command.arguments);
        text.push_str(&format!("{}  {called:28}{}\n", std::mem::take(&mut heading), command.help));
    }
    text
}

/// The flags that are needed most.
const COMMON: [&str; 11] =
    ["file", "header", "location", "timeout", "wait", "concurrency", "expect", "output", "quiet", "silent", "verbose"];

/// What fits a screen.
pub(super) fn short_help() -> String {
    let mut text = USAGE.to_owned();
    let mut before = "       upcheck COMMAND             ";
    for command in COMMANDS.iter().filter(|command| command.run.is_some()) {
        text.push_str(before);
        text.push_str(command.name);
        before = ", ";
    }
    if before == ", " {
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&flags::short_help(FLAGS, &COMMON));
    text.push_str(
        "
  upcheck -s http://localhost:8080/health    a HEALTHCHECK: exits with 0 or 1
  upcheck -f targets.txt -e 'total < 300ms' -o ndjson=results
  upcheck --wait 60s tcp://db:5432 -- ./serve

'upcheck --help' tells all.
",
    );
    text
}

/// All of it.
pub(super) fn help() -> String {
    let mut text = usage_lines() + "\n";
    text.push_str(flags::help(FLAGS).trim_start());
    text.push_str(
        r#"  -h                          what is needed most, on a screen
      --help                  this text
  -V, --version               the version

Every flag is also an environment variable: --connect-timeout is UPCHECK_CONNECT_TIMEOUT. The command line wins.
Times are 250ms 5s 1m 2h 7d, or seconds; sizes are bytes, 64KiB or 1MiB.

A file of targets:
    # comments and blank lines are skipped
    default timeout=2s                               for the lines that follow
    https://api.example/up  name=api  header='Authorization: Bearer ${TOKEN}'
    tcp://redis.internal:6379       name=redis label.team=pay
    unix:/run/app.sock:/health      name=app         a unix socket and its path

Expectations are SUBJECT OPERATOR VALUE:
    status in 200-299,301      json.status == "ok"     header.server exists
    body contains "ready"      total < 300ms           cert.days > 14
  subjects   status body body.bytes header.NAME json.PATH redirects total dns
             connect tls wait http.version tls.version cert.days address
  operators  == != < <= > >= exists absent, and in contains starts ends like,
             each also with 'not' before it

Exit status: 0 all up or degraded, 1 something down or unknown, 3 could not run, 124 --wait ran out, 130 or 143 after SIGINT or SIGTERM.

Formats of -o (those with * keep up to 300 bytes a target until the end):
"#,
    );
    text.push_str(&formats::help(" *"));
    text.push_str("\nReasons:\n");
    for reason in Reason::ALL {
        text.push_str(&format!("  {:20} {:9} {}\n", reason.as_str(), reason.verdict().as_str(), reason.explain()));
    }
    text
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct CheckOptions {
    pub(super) draft: Draft,
    pub(super) files: Vec<String>,
    pub(super) arguments: Vec<String>,
    /// `None`: not said.
    pub(super) concurrency: Option<usize>,
    pub(super) deadline: Option<Duration>,
    pub(super) outputs: Outputs,
    pub(super) progress: bool,
    /// Where the trace goes.
    pub(super) trace: Option<String>,
    pub(super) explain: bool,
    /// For `demo`: what is called with each outcome, within the loop.
    pub(super) trap: Option<fn(&Outcome)>,
    /// The process ends with it.
    pub(super) is_last: bool,
    pub(super) verify_cache: bool,
    pub(super) names: Names,
    /// How many bytes of answers are kept at once.
    pub(super) memory: usize,
    pub(super) per_host: Option<usize>,
    pub(super) pace: Option<Pace>,
    pub(super) wait: Option<Duration>,
    pub(super) shard: Option<Shard>,
    pub(super) dry_run: bool,
}

/// How fast checks are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// So long after each other.
    Interval(Duration),
    /// All of them over this time.
    Spread(Duration),
}

impl Pace {
    /// The time from one start to the next, of so many.
    ///
    /// # Errors
    /// Nobody knows how many there are.
    pub(super) fn interval(self, known: Option<u64>) -> Result<Duration, String> {
        match (self, known) {
            (Pace::Interval(interval), _) => Ok(interval),
            (Pace::Spread(_), None) => {
                Err("--spread needs to know how many targets there are, so they cannot come from a pipe (--rate can)"
                    .into())
            }
            (Pace::Spread(time), Some(count)) => Ok(time / u32::try_from(count.max(1)).unwrap_or(u32::MAX)),
        }
    }
}

/// How many checks at once where nothing is said.
pub(super) const CONCURRENCY: usize = 1024;

/// How many bytes of answers are kept at once, where nobody says.
pub(in crate::command) const MEMORY: usize = 64 * 1024 * 1024;

impl CheckOptions {
    pub(super) fn of(flags: Vec<Given<CheckFlag>>, arguments: Vec<String>) -> Result<CheckOptions, String> {
        let mut options = CheckOptions {
            draft: Draft::default(),
            files: Vec::new(),
            arguments,
            concurrency: None,
            deadline: None,
            outputs: Outputs::default(),
            progress: true,
            trace: None,
            explain: false,
            trap: None,
            is_last: false,
            verify_cache: true,
            names: Names::default(),
            memory: MEMORY,
            per_host: None,
            pace: None,
            wait: None,
            shard: None,
            dry_run: false,
        };
        if flags.iter().any(|given| given.id == CheckFlag::DryRun) {
            options.draft = options.draft.listing();
        }
        let mut readers = flags.iter().filter(|given| reads_standard_input(given.id, &given.value));
        if let (Some(first), Some(second)) = (readers.next(), readers.next()) {
            return Err(format!(
                "{} and {} both want standard input, which can be read once",
                first.spelled, second.spelled
            ));
        }
        for Given { id, value, spelled } in flags {
            options.take(id, &value).map_err(|error| format!("{spelled}: {error}"))?;
        }
        if let Some(contradiction) = options.draft.contradiction() {
            return Err(contradiction.to_owned());
        }
        secure::verify(options.draft.tls())?;
        Ok(options)
    }

    fn take(&mut self, what: CheckFlag, value: &str) -> Result<(), String> {
        match what {
            CheckFlag::Setting(setting) => self.draft.set(setting, value, read_file)?,
            CheckFlag::File => self.files.push(value.to_owned()),
            CheckFlag::Concurrency => self.concurrency = Some(number(value, COUNTS)? as usize),
            CheckFlag::MaxMemory => self.memory = usize::try_from(size(value)?).unwrap_or(usize::MAX),
            CheckFlag::PerHost => self.per_host = Some(number(value, COUNTS)? as usize),
            CheckFlag::Deadline => self.deadline = Some(positive_duration(value)?),
            CheckFlag::Rate => self.pace = Some(Pace::Interval(Duration::from_secs(1) / number(value, COUNTS)?)),
            CheckFlag::Spread => self.pace = Some(Pace::Spread(positive_duration(value)?)),
            CheckFlag::Wait => self.wait = Some(positive_duration(value)?),
            CheckFlag::Output(flag) => self.outputs.take(flag, value)?,
            CheckFlag::NoProgress => self.progress = false,
            #[cfg(feature = "reports")]
            CheckFlag::Trace if value.is_empty() => return Err("it needs the name of a file".to_owned()),
            #[cfg(feature = "reports")]
            CheckFlag::Trace => self.trace = Some(value.to_owned()),
            CheckFlag::Explain => self.explain = true,
            CheckFlag::Shard => self.shard = Some(Shard::parse(value)?),
            CheckFlag::Shards => {
                let count = number(value, 1..=SHARDS_MAX)?;
                self.shard = Some(share::from_scheduler(count, |name| std::env::var(name).ok())?);
            }
            CheckFlag::DryRun => self.dry_run = true,
            // It has been dealt with before anything else is looked at.
            #[cfg(feature = "reports")]
            CheckFlag::Generate => {}
            CheckFlag::NoVerifyCache => self.verify_cache = false,
            CheckFlag::V4 => self.names.families = Families::V4,
            CheckFlag::V6 => self.names.families = Families::V6,
            CheckFlag::Resolve => self.names.overrides.push(resolve_override(value)?),
            CheckFlag::DnsServer if self.names.servers.len() == DNS_SERVERS_MAX => {
                return Err(format!("more than {DNS_SERVERS_MAX} name servers"));
            }
            CheckFlag::DnsServer => self.names.servers.push(dns_server(value)?),
        }
        Ok(())
    }
}

/// What flags take that count something.
const COUNTS: RangeInclusive<u32> = 1..=1_000_000;

/// As many as resolv.conf may have.
const DNS_SERVERS_MAX: usize = 3;

/// `IP[:PORT]`, with or without brackets around IPv6, and a zone in it as in a `resolv.conf`.
fn dns_server(value: &str) -> Result<SocketAddr, String> {
    let (ip, port) = match value.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, "")) => (ip, None),
        Some((ip, rest)) => (ip, rest.strip_prefix(':')),
        None if value.matches(':').count() == 1 => {
            value.split_once(':').map_or((value, None), |(ip, port)| (ip, Some(port)))
        }
        None => (value, None),
    };
    let example = "such as 192.0.2.53 or [2001:db8::53]:5353";
    let wrong = |why: &str| format!("'{}' {why}, {example}", value.escape_debug());
    let port = port.map_or(Ok(DNS_PORT), |port| port.parse().map_err(|_| wrong("is not an address")))?;
    server(ip, port, os::interface).map_err(wrong)
}

/// `HOST:PORT:ADDR[,ADDR...]`, with or without brackets around IPv6, as curl has it.
fn resolve_override(value: &str) -> Result<Override, String> {
    let error = || format!("'{}' is not HOST:PORT:ADDRESS[,ADDRESS...]", value.escape_debug());
    let mut parts = value.splitn(3, ':');
    let (Some(host), Some(port), Some(list)) = (parts.next(), parts.next(), parts.next()) else { return Err(error()) };
    let bare = |address: &str| address.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let addresses: Option<Vec<IpAddr>> = list.split(',').map(bare).collect();
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(error)?;
    if host.is_empty() {
        return Err(error());
    }
    Ok(Override { host: host.to_ascii_lowercase().into(), port, addresses: addresses.ok_or_else(error)? })
}

/// What a target's line calls so.
///
/// # Errors
/// There is no such option; in words.
pub(super) fn find_setting(name: &str) -> Result<Setting, String> {
    match flags::find(FLAGS, name) {
        Some(Flag { id: CheckFlag::Setting(setting), .. }) => Ok(*setting),
        _ => Err(no_option(name)),
    }
}

#[cold]
fn no_option(name: &str) -> String {
    let is_setting = |flag: &&Flag<CheckFlag>| matches!(flag.id, CheckFlag::Setting(_));
    let mut names = vec!["name"];
    names.extend(FLAGS.iter().filter(is_setting).map(|flag| flag.long));
    let hint = did_you_mean(name, "", &names);
    format!("there is no option '{}' for a target{hint}", name.escape_debug())
}

fn reads_standard_input(what: CheckFlag, value: &str) -> bool {
    match what {
        CheckFlag::Setting(Setting::Header | Setting::Data) => value == "@-",
        CheckFlag::Setting(Setting::CaCert | Setting::Cert | Setting::Key) | CheckFlag::File => value == "-",
        _ => false,
    }
}

/// Reads a file that an option on a target's line names. Lines are read twice, to find all errors first, and standard
/// input cannot be.
pub(super) fn read_file_for_line(name: &str) -> Result<Vec<u8>, String> {
    match name {
        "-" => Err("standard input is read by flags only".to_owned()),
        name => read_file(name),
    }
}

/// Whom the environment says to trust, as OpenSSL has it, and with it curl and most others: `SSL_CERT_FILE` instead of the
/// built-in list, the folders of `SSL_CERT_DIR` besides. They are read only where TLS may be spoken: a system's whole list takes
/// longer to read than a plain check takes in all.
///
/// # Errors
/// The file cannot be read, or is of no use. A folder that is not there is passed over, as others do it.
pub(super) fn environment_roots() -> Result<Defaults, String> {
    let mut defaults = Defaults::default();
    if !cfg!(feature = "tls") {
        return Ok(defaults);
    }
    let said = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(file) = said("SSL_CERT_FILE") {
        // Whoever never thought of it learns where the trouble comes from.
        let named = |error| format!("SSL_CERT_FILE: {error}");
        let roots: Rc<[u8]> = read_file(&file.to_string_lossy()).map_err(named)?.into();
        let wanted = TlsWanted { roots: Some(roots.clone()), ..TlsWanted::default() };
        secure::verify(&wanted).map_err(named)?;
        defaults.roots = Some(roots);
    }
    if let Some(folders) = said("SSL_CERT_DIR") {
        let mut text = Vec::new();
        std::env::split_paths(&folders).for_each(|folder| push_folder(&folder, &mut text));
        let wanted = TlsWanted { native: Some(text.into()), ..TlsWanted::default() };
        defaults.besides = secure::verify(&wanted).is_ok().then_some(wanted.native).flatten();
    }
    Ok(defaults)
}

/// The files in a folder of certificates, one behind the other. Many such folders have each three times: by its name, by a hash
/// of its subject, and in a list of all; whoever reads it takes each once.
fn push_folder(folder: &Path, text: &mut Vec<u8>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let Ok(path) = entry.map(|entry| entry.path()) else { return };
        // What is no file may never end.
        if path.is_file() && (text.len() as u64) < FILE_MAX {
            text.extend(read_file(&path.to_string_lossy()).unwrap_or_default());
            text.push(b'\n');
        }
    }
}

/// The largest file that a flag's value may name.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// Reads a whole file that a flag or a line names.
///
/// # Errors
/// In words, with the name: it cannot be read, or is larger than [`FILE_MAX`].
pub(in crate::command) fn read_file(name: &str) -> Result<Vec<u8>, String> {
    let source = match name {
        "-" => fd::standard_input().try_clone_to_owned().map(File::from),
        name => File::open(name),
    };
    match source.and_then(|source| fd::read_up_to(source, FILE_MAX + 1)) {
        Ok(bytes) if bytes.len() as u64 > FILE_MAX => Err(format!("{} is larger than 16 MiB", name.escape_debug())),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("{}: {}", name.escape_debug(), plain(&error))),
    }
}
