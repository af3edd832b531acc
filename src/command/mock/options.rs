//! What `upcheck mock` can be told: its table of flags, and the [`MockOptions`] that they come to.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::check::units;
use crate::command::check::version;
use crate::command::flags::{self, Flag, Given};

/// What comes before the flags in the help.
const USAGE: &str = "\
A stand-in for the services that are checked: late, wrong or silent, as asked.

Usage: upcheck mock [FLAGS]
";

/// What comes after the flags in the short help.
const PATHS_IN_SHORT: &str = "
Paths: /status/503 /delay/1500 /bytes/N /chunked/N /drip/N/MS /redirect/N /hang
       /reset /close /truncate /garbage /endless-head /endless-body /_stats

'upcheck mock --help' tells all.
";

/// What comes after the flags in the help.
const PATHS: &str = "
Paths (a query is ignored; N up to 4294967295; times in milliseconds):
  /health, any other path     the answer that the flags describe
  /status/503                 that status
  /delay/1500                 the same answer, after this time in place of --latency
  /bytes/N                    a body of N bytes, with its length
  /chunked/N                  a body of N bytes, in chunks
  /drip/N/MS                  a body of N bytes, one every MS
  /redirect/N                 N redirects, the last one to /health
  /hang                       never an answer
  /reset                      the connection is reset (RST)
  /close                      the connection is closed before any byte
  /truncate                   closed after half of the body
  /garbage                    something that is not HTTP
  /endless-head               header lines without end
  /endless-body               a body without end
  /_stats                     what this server has counted so far, as JSON, at once

A request that can be read in two ways gets 400 and the connection is closed: two lengths, a length beside a coding, a \
folded line, no Host or two. A request body in chunks gets 501.

It prints a line `listening on http://ADDR:PORT` (https:// with --tls) for each port, then serves until SIGINT or \
SIGTERM (exit 130, 143).
";

/// The most ports that one `--listen` opens: there are no more.
const PORTS_MAX: u16 = u16::MAX;

/// The statuses that an answer may have: an interim one (1xx) is not an answer yet (RFC 9110, 15.2).
pub(super) const STATUSES: RangeInclusive<u16> = 200..=999;

/// Where it listens unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// How the server is to behave.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MockOptions {
    /// The addresses to listen on. Port 0: one that the OS chooses.
    pub(super) listen: Vec<SocketAddr>,
    /// How long after a request its answer begins.
    pub(super) latency: Duration,
    /// By how much that differs at most, either way.
    pub(super) jitter: Duration,
    /// The status of an ordinary answer.
    pub(super) status: u16,
    /// The body of an ordinary answer.
    pub(super) body: String,
    /// Which share of the ordinary answers is a 503 instead, 0 to 1.
    pub(super) fail_rate: f64,
    /// Where the random numbers begin.
    pub(super) seed: u64,
    /// How to speak TLS. `None`: not at all.
    pub(super) tls: Option<TlsWish>,
    /// How long a client may do nothing while it is waited for.
    pub(super) idle_timeout: Duration,
    /// Say nothing on standard error.
    pub(super) quiet: bool,
}

/// How to speak TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsWish {
    /// The file with the certificate.
    pub(super) cert: String,
    /// The file with its key. `None`: the same.
    pub(super) key: Option<String>,
    /// How every handshake is to fail, if it is.
    pub(super) fault: Option<TlsFault>,
}

/// What becomes of a handshake after the client's first words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsFault {
    /// Nothing: no answer, ever.
    Stall,
    /// The answer is not TLS.
    Garbage,
    /// The connection is closed.
    Close,
}

impl Default for MockOptions {
    fn default() -> MockOptions {
        MockOptions {
            listen: vec![LISTEN],
            latency: Duration::from_millis(200),
            jitter: Duration::ZERO,
            status: 200,
            body: r#"{"status": "ok"}"#.to_owned(),
            fail_rate: 0.0,
            seed: 0,
            tls: None,
            idle_timeout: Duration::from_secs(60),
            quiet: false,
        }
    }
}

/// The flags by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MockFlag {
    Listen,
    Ports,
    Latency,
    Jitter,
    Status,
    Body,
    FailRate,
    Seed,
    IdleTimeout,
    TlsWish,
    Cert,
    Key,
    TlsFault,
    Quiet,
}

/// A flag with nothing but a name, a value and a help text, as most are.
const fn flag(
    id: MockFlag,
    long: &'static str,
    value: &'static str,
    group: &'static str,
    help: &'static str,
) -> Flag<MockFlag> {
    Flag::new(id, long, None, Some(value), group, help)
}

const TABLE: &[Flag<MockFlag>] = &[
    flag(
        MockFlag::Listen,
        "listen",
        "ADDR:PORT",
        "Where",
        "where to listen; repeatable [127.0.0.1:8000]\nport 0 is one that the system chooses",
    ),
    flag(MockFlag::Ports, "ports", "N", "Where", "N ports from each --listen upwards [1]"),
    flag(MockFlag::Latency, "latency", "TIME", "Answer", "the time from a request to its answer [200ms]"),
    flag(MockFlag::Jitter, "jitter", "TIME", "Answer", "up to this much more or less; evenly spread [0]"),
    flag(MockFlag::Status, "status", "N", "Answer", "the status [200]"),
    flag(MockFlag::Body, "body", "TEXT", "Answer", "the JSON that it sends [{\"status\": \"ok\"}]"),
    flag(MockFlag::FailRate, "fail-rate", "PERCENT", "Answer", "this share of the answers is a 503 (such as 5%) [0%]"),
    flag(
        MockFlag::Seed,
        "seed",
        "N",
        "Answer",
        "where random numbers begin [0];\nthe same seed gives the n-th request the same answer",
    ),
    flag(MockFlag::IdleTimeout, "idle-timeout", "TIME", "Answer", "close a connection that nothing happens on [60s]"),
    Flag::new(MockFlag::TlsWish, "tls", None, None, "TLS", "speak HTTPS (TLS 1.2 and 1.3) on every port"),
    flag(MockFlag::Cert, "cert", "FILE", "TLS", "the certificate, PEM; then what leads from it to a root"),
    flag(MockFlag::Key, "key", "FILE", "TLS", "its key, PEM; without it the key stands in the same file"),
    flag(
        MockFlag::TlsFault,
        "tls-fault",
        "FAULT",
        "TLS",
        "fail every handshake after the client's hello;\nstall never answers, garbage answers with no TLS, close closes",
    ),
    Flag::new(MockFlag::Quiet, "quiet", Some('q'), None, "Output", "no summary at the end, no warnings"),
];

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MockAsked {
    /// To serve, like this.
    Serve(MockOptions),
    /// To be told this text, and nothing else.
    Tell(String),
}

/// Reads arguments and environment.
///
/// # Errors
/// What is wrong, in words for the user.
pub(super) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &[(OsString, OsString)],
) -> Result<MockAsked, String> {
    match flags::parse(TABLE, arguments, environment)? {
        flags::Asked::ShortHelp => {
            Ok(MockAsked::Tell(format!("{USAGE}\n{}{PATHS_IN_SHORT}", flags::short_help(TABLE, &[]))))
        }
        flags::Asked::Help => Ok(MockAsked::Tell(format!("{USAGE}{}{PATHS}", flags::help(TABLE)))),
        flags::Asked::Version => Ok(MockAsked::Tell(version())),
        flags::Asked::Run { flags, arguments } => match arguments.first() {
            Some(argument) => Err(format!("mock takes flags only, not '{}'", argument.escape_debug())),
            None => gather(&flags).map(MockAsked::Serve),
        },
    }
}

fn gather(flags: &[Given<MockFlag>]) -> Result<MockOptions, String> {
    let mut options = MockOptions::default();
    let mut ports = 1;
    for given in flags {
        let said = |what: String| format!("{}: {what}", given.spelled);
        let value = given.value.as_str();
        match given.id {
            MockFlag::Listen | MockFlag::TlsWish | MockFlag::Cert | MockFlag::Key | MockFlag::TlsFault => {}
            MockFlag::Ports => ports = units::number(value, 1..=PORTS_MAX).map_err(said)?,
            MockFlag::Latency => options.latency = units::duration(value).map_err(said)?,
            MockFlag::Jitter => options.jitter = units::duration(value).map_err(said)?,
            MockFlag::Status => options.status = units::number(value, STATUSES).map_err(said)?,
            MockFlag::Body => options.body = given.value.clone(),
            MockFlag::FailRate => options.fail_rate = share(value).map_err(said)?,
            MockFlag::Seed => options.seed = units::number(value, 0..=u64::MAX).map_err(said)?,
            MockFlag::IdleTimeout => options.idle_timeout = units::duration(value).map_err(said)?,
            MockFlag::Quiet => options.quiet = true,
        }
    }
    options.listen = addresses(flags, ports)?;
    options.tls = tls(flags)?;
    Ok(options)
}

/// What is said of TLS. Certificates that the environment names for the checks are of no interest to a server without
/// TLS.
fn tls(flags: &[Given<MockFlag>]) -> Result<Option<TlsWish>, String> {
    let last = |id: MockFlag| flags.iter().rfind(|given| given.id == id);
    if last(MockFlag::TlsWish).is_none() {
        let mut useless = [MockFlag::Cert, MockFlag::Key, MockFlag::TlsFault].into_iter().filter_map(last);
        return match useless.find(|given| given.spelled.starts_with('-')) {
            Some(given) => Err(format!("{} says nothing without --tls", given.spelled)),
            None => Ok(None),
        };
    }
    let cert = last(MockFlag::Cert).ok_or("--tls needs a certificate: --cert FILE")?.value.clone();
    let key = last(MockFlag::Key).map(|given| given.value.clone());
    Ok(Some(TlsWish { cert, key, fault: last(MockFlag::TlsFault).map(fault).transpose()? }))
}

fn fault(given: &Given<MockFlag>) -> Result<TlsFault, String> {
    match given.value.as_str() {
        "stall" => Ok(TlsFault::Stall),
        "garbage" => Ok(TlsFault::Garbage),
        "close" => Ok(TlsFault::Close),
        other => Err(format!("{}: '{}' is not one of stall, garbage, close", given.spelled, other.escape_debug())),
    }
}

/// All addresses to listen on: those of the command line in place of those of the environment, each with the ports
/// above it.
fn addresses(flags: &[Given<MockFlag>], ports: u16) -> Result<Vec<SocketAddr>, String> {
    let listens = || flags.iter().filter(|given| given.id == MockFlag::Listen);
    let on_command_line = listens().any(|given| given.spelled.starts_with('-'));
    let mut all = Vec::new();
    for given in listens().filter(|given| given.spelled.starts_with('-') == on_command_line) {
        let said = |what: &str| format!("{}: '{}' {what}", given.spelled, given.value.escape_debug());
        let first: SocketAddr =
            given.value.parse().map_err(|_| said("is not an address and a port (such as 127.0.0.1:8000, [::1]:0)"))?;
        all.extend(upwards(first, ports).ok_or_else(|| said(&format!("has no {ports} ports from there upwards")))?);
    }
    match all.is_empty() {
        true => upwards(LISTEN, ports).ok_or_else(|| format!("{LISTEN} has no {ports} ports from there upwards")),
        false => Ok(all),
    }
}

/// `count` addresses with consecutive ports; with port 0, `count` times a port that the OS chooses.
fn upwards(first: SocketAddr, count: u16) -> Option<Vec<SocketAddr>> {
    if first.port() == 0 {
        return Some(vec![first; usize::from(count)]);
    }
    (0..count).map(|n| Some(SocketAddr::new(first.ip(), first.port().checked_add(n)?))).collect()
}

/// A percentage as a share of 1.
fn share(text: &str) -> Result<f64, String> {
    // An f64 holds a hundred times as many exactly.
    const PERCENT: u64 = 1_000_000_000_000;
    let parts = text.strip_suffix('%').and_then(|digits| units::decimal(digits, PERCENT));
    match parts.filter(|parts| *parts <= 100 * PERCENT) {
        Some(parts) => Ok(parts as f64 / (100 * PERCENT) as f64),
        None => Err(format!("'{}' is not a percentage from 0% to 100%", text.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_with(arguments: &[&str], environment: &[(&str, &str)]) -> Result<MockAsked, String> {
        let environment: Vec<_> = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        parse(arguments.iter().map(OsString::from), &environment)
    }

    fn options(arguments: &[&str]) -> MockOptions {
        match parse_with(arguments, &[]) {
            Ok(MockAsked::Serve(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    fn ports(arguments: &[&str]) -> Vec<u16> {
        options(arguments).listen.iter().map(SocketAddr::port).collect()
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(options(&[]), MockOptions::default());
    }

    #[test]
    fn everything_can_be_said() {
        let arguments =
            "--latency 1s --jitter 10ms --status 204 --body x --fail-rate 2.5% --seed 7 --idle-timeout 2 -q";
        assert_eq!(
            options(&arguments.split(' ').collect::<Vec<_>>()),
            MockOptions {
                listen: vec![LISTEN],
                latency: Duration::from_secs(1),
                jitter: Duration::from_millis(10),
                status: 204,
                body: "x".to_owned(),
                fail_rate: 0.025,
                seed: 7,
                tls: None,
                idle_timeout: Duration::from_secs(2),
                quiet: true,
            }
        );
    }

    #[test]
    fn tls_takes_a_certificate_and_a_fault() {
        let tls = |arguments: &str| options(&arguments.split(' ').collect::<Vec<_>>()).tls.expect("TLS");
        let plain = TlsWish { cert: "a".to_owned(), key: None, fault: None };
        assert_eq!(tls("--tls --cert a"), plain);
        assert_eq!(tls("--cert=b --cert=a --key=k --tls"), TlsWish { key: Some("k".to_owned()), ..plain.clone() });
        for (word, fault) in [("stall", TlsFault::Stall), ("garbage", TlsFault::Garbage), ("close", TlsFault::Close)] {
            let expected = TlsWish { fault: Some(fault), ..plain.clone() };
            assert_eq!(tls(&format!("--tls --cert=a --tls-fault={word}")), expected);
        }
        // What the environment says for checks does not make a server speak TLS, or fail.
        match parse_with(&[], &[("UPCHECK_CERT", "a"), ("UPCHECK_KEY", "b")]) {
            Ok(MockAsked::Serve(options)) => assert_eq!(options.tls, None),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ports_go_upwards_from_each_address() {
        assert_eq!(ports(&["--ports", "3"]), [8000, 8001, 8002]);
        assert_eq!(ports(&["--listen=[::1]:5", "--listen=127.0.0.1:9", "--ports=2"]), [5, 6, 9, 10]);
        assert_eq!(ports(&["--listen=127.0.0.1:0", "--ports=2"]), [0, 0]);
        assert_eq!(ports(&["--listen=127.0.0.1:65534", "--ports=2"]), [65534, 65535]);
    }

    #[test]
    fn the_command_lines_addresses_replace_the_environments() {
        let environment = [("UPCHECK_LISTEN", "127.0.0.1:1")];
        for (arguments, port) in [(&[][..], 1), (&["--listen=127.0.0.1:2"], 2)] {
            match parse_with(arguments, &environment) {
                Ok(MockAsked::Serve(options)) => assert_eq!(options.listen, [SocketAddr::new(LISTEN.ip(), port)]),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn percentages_may_be_decimals() {
        for (text, rate) in
            [("0%", 0.0), ("30%", 0.3), ("33.3%", 0.333), (".5%", 0.005), ("7.%", 0.07), ("100.0%", 1.0)]
        {
            assert_eq!(share(text), Ok(rate), "{text}");
        }
        for text in ["", ".%", "1.2.3%", "1e1%", "inf%", "+1%", "100.001%", "99999999999999999999%", "5 %"] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_flag() {
        let cases = [
            ("--listen=8000", "--listen: '8000' is not an address and a port (such as 127.0.0.1:8000, [::1]:0)"),
            ("--listen=localhost:1", "--listen: 'localhost:1' is not an address and a port"),
            ("--ports=0", "--ports: '0' is not a number from 1 to 65535"),
            ("--ports=60000", "127.0.0.1:8000 has no 60000 ports from there upwards"),
            ("--status=199", "--status: '199' is not a number from 200 to 999"),
            ("--status=+200", "--status: '+200' is not a number"),
            ("--latency=soon", "--latency: 'soon' is not a duration"),
            ("--jitter=-1s", "--jitter: '-1s' is not a duration"),
            ("--idle-timeout=x", "--idle-timeout: 'x' is not a duration"),
            ("--fail-rate=5", "--fail-rate: '5' is not a percentage from 0% to 100%"),
            ("--fail-rate=101%", "--fail-rate: '101%' is not a percentage"),
            ("--fail-rate=-1%", "--fail-rate: '-1%' is not a percentage"),
            ("--fail-rate=%", "--fail-rate: '%' is not a percentage"),
            ("--seed=x", "--seed: 'x' is not a number"),
            ("--tls", "--tls needs a certificate: --cert FILE"),
            ("--key=x", "--key says nothing without --tls"),
            ("--tls-fault=stall", "--tls-fault says nothing without --tls"),
            ("--latncy=1s", "there is no flag '--latncy'; did you mean '--latency'?"),
            ("x\u{1b}", "mock takes flags only, not 'x\\u{1b}'"),
        ];
        for (argument, message) in cases {
            let error = parse_with(&[argument], &[]).unwrap_err();
            assert!(error.starts_with(message), "{argument}: {error}");
        }
        let error = parse_with(&["--tls", "--cert=x", "--tls-fault=\n"], &[]).unwrap_err();
        assert_eq!(error, "--tls-fault: '\\n' is not one of stall, garbage, close");
        let error = parse_with(&["--listen=127.0.0.1:65535", "--ports=2"], &[]).unwrap_err();
        assert_eq!(error, "--listen: '127.0.0.1:65535' has no 2 ports from there upwards");
    }

    #[test]
    fn the_help_names_every_flag_and_fault() {
        let Ok(MockAsked::Tell(help)) = parse_with(&["--help"], &[]) else { panic!("help was asked for") };
        for flag in TABLE {
            assert!(help.contains(&format!("--{}", flag.long)), "{}", flag.long);
        }
        for path in ["/drip/", "/endless-head", "/_stats"] {
            assert!(help.contains(path), "{path}");
        }
        assert!(flags::fitted(&help, 80).lines().all(|line| line.len() <= 80), "fits a terminal");
        assert!(matches!(parse_with(&["-V"], &[]), Ok(MockAsked::Tell(_))));
    }
}
