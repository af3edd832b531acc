//! The machine stepped by hand over unix sockets, through proxies, and on connections from before.

use std::time::{Duration, Instant};

use super::super::*;
use crate::check::outcome::Outcome;
use crate::check::settings::{Draft, Setting};
use crate::check::target::{Reader, World};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const TUNNEL: &[u8] = b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n";

/// A check under test, its clock, and what it wants done.
struct Bench {
    check: Check,
    begin: Instant,
    now: Instant,
}

impl Bench {
    fn new(target: &str, said: &[(Setting, &str)]) -> Bench {
        let mut draft = Draft::default();
        for (setting, value) in said {
            draft.set(*setting, value, |_| Err("there are no files here".to_owned())).unwrap();
        }
        let world =
            World { find_setting: |_| Err(String::new()), find_variable: |_| None, read_file: |_| Err(String::new()) };
        let target = Reader::new(draft, world).argument(target).unwrap();
        let now = some_time();
        let check =
            Check::new(target, Try { number: 1, degrades: true }, Duration::ZERO, now, Duration::from_secs(1_000_000));
        Bench { check, begin: now, now }
    }

    /// Handles the input ten milliseconds after the last, and gives what is to be done, without the deadlines.
    fn step(&mut self, input: Input<'_>) -> Vec<Action> {
        self.now += Duration::from_millis(10);
        if matches!(input, Input::Deadline) {
            self.now = self.now.max(self.check.deadline());
        }
        self.check.handle(input, self.now);
        let actions: Vec<Action> = std::iter::from_fn(|| self.check.poll(self.now)).collect();
        assert!(actions.len() <= 3, "a deadline, a connection, a request");
        actions.into_iter().filter(|action| !matches!(action, Action::Arm(_))).collect()
    }

    fn opening(&self) -> String {
        let mut out = Vec::new();
        self.check.encode_opening(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn request(&self) -> String {
        let mut out = Vec::new();
        self.check.encode_request(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn outcome(mut self) -> Outcome {
        assert!(self.step(Input::Eof).is_empty() && self.step(Input::Deadline).is_empty(), "it is over");
        let took = self.check.phases.total().time();
        assert!(took <= self.now - self.begin, "the phases add up: {took:?}");
        self.check.into_outcome()
    }
}

/// Some time: the machine has no clock, and its test needs but one reading.
fn some_time() -> Instant {
    Instant::now()
}

fn address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 9], 3128))
}

fn ms(milliseconds: u64) -> Option<Micros> {
    Some(Micros::of(Duration::from_millis(milliseconds)))
}

const PROXY: (Setting, &str) = (Setting::Proxy, "http://me:pw@p.example:3128");

#[test]
fn a_unix_socket_needs_no_name_and_has_no_address() {
    for (target, said) in [("unix:/run/a:/x", None), ("http://far.example/x", Some((Setting::UnixSocket, "/run/a")))] {
        let mut bench = Bench::new(target, &said.into_iter().collect::<Vec<_>>());
        assert_eq!(bench.step(Input::Start), [Action::Connect, Action::Send]);
        assert_eq!(bench.check.target().socket().map(|path| &**path), Some("/run/a"));
        assert_eq!(bench.check.opening(), Opening::Bytes);
        assert!(bench.step(Input::Connected(None)).is_empty());
        assert_eq!(bench.step(Input::Bytes(OK)), [Action::Finish]);
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.address, outcome.phases.dns), (Reason::Ok, None, None));
    }
    let mut bench = Bench::new("unix:/run/a", &[]);
    bench.step(Input::Start);
    assert_eq!(bench.step(Input::Deadline), [Action::Finish]);
    assert_eq!(bench.outcome().detail.as_deref(), Some("no connection to /run/a within 5 s"));
}

#[test]
fn a_proxy_is_looked_up_and_asked_in_the_clear() {
    let mut bench = Bench::new("http://far.example:81/x", &[PROXY, (Setting::User, "you:hidden")]);
    assert_eq!(bench.step(Input::Start), [Action::Resolve]);
    assert_eq!((bench.check.peer().host(), bench.check.peer().port()), ("p.example", 3128));
    assert_eq!(bench.step(Input::Resolved), [Action::Connect, Action::Send]);
    assert_eq!(bench.opening(), bench.request());
    let request = bench.request();
    assert!(request.starts_with("GET http://far.example:81/x HTTP/1.1\r\nHost: far.example:81\r\n"), "{request}");
    assert!(request.contains("\r\nProxy-Authorization: Basic bWU6cHc=\r\n"), "{request}");
    assert!(request.contains("\r\nAuthorization: Basic eW91OmhpZGRlbg==\r\n"), "{request}");
    bench.step(Input::Connected(Some(address())));
    assert_eq!(bench.step(Input::Bytes(OK)), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.address), (Reason::Ok, Some(address())));
}

/// A check of `target` through the proxy that has been connected.
fn at_the_proxy(target: &str) -> Bench {
    let mut bench = Bench::new(target, &[PROXY]);
    bench.step(Input::Start);
    bench.step(Input::Resolved);
    bench.step(Input::Connected(Some(address())));
    bench
}

#[test]
fn a_tunnel_counts_as_connecting() {
    let mut bench = at_the_proxy("tcp://far.example:22");
    assert_eq!(bench.check.opening(), Opening::Bytes);
    let opening = bench.opening();
    assert!(opening.starts_with("CONNECT far.example:22 HTTP/1.1\r\nHost: far.example:22\r\n"), "{opening}");
    assert!(opening.contains("\r\nProxy-Authorization: Basic bWU6cHc=\r\n"), "{opening}");
    // A host that greets is none of the proxy's business, nor ours.
    assert_eq!(bench.step(Input::Bytes(&[TUNNEL, b"SSH-2.0-x\r\n"].concat())), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.status, outcome.body_bytes), (Reason::Ok, None, 0));
    assert_eq!((outcome.phases.dns, outcome.phases.connect, outcome.phases.wait), (ms(10), ms(20), None));
}

#[test]
#[cfg(feature = "tls")]
fn through_a_tunnel_goes_tls_and_no_password_of_the_proxys() {
    for split in 0..TUNNEL.len() {
        let mut bench = at_the_proxy("https://far.example/x");
        assert!(bench.opening().starts_with("CONNECT far.example:443 HTTP/1.1\r\n"));
        assert!(bench.step(Input::Bytes(&TUNNEL[..split])).is_empty(), "{split}");
        assert_eq!(bench.step(Input::Bytes(&TUNNEL[split..])), [Action::Secure], "{split}");
        assert!(bench.step(Input::Secured).is_empty());
        let request = bench.request();
        assert!(request.starts_with("GET /x HTTP/1.1\r\nHost: far.example\r\n"), "{request}");
        assert!(!request.contains("Proxy-Authorization"), "{request}");
        assert_eq!(bench.step(Input::Bytes(OK)), [Action::Finish]);
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.status), (Reason::Ok, Some(200)));
        assert_eq!((outcome.phases.connect, outcome.phases.tls), (ms(30), ms(10)));
    }
    let mut bench = at_the_proxy("https://far.example/");
    assert_eq!(bench.step(Input::Bytes(&[TUNNEL, b"!"].concat())), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!(outcome.reason, Reason::Malformed);
    assert!(outcome.detail.is_some_and(|detail| detail.starts_with("the proxy p.example:3128")));
}

#[test]
fn what_the_proxy_does_wrong_names_the_proxy() {
    let failed = |reason| Input::Failed(Failure::new(reason, "the server did something"));
    let status = |head| Input::Bytes(head);
    let tunnel = "the proxy p.example:3128, asked for a tunnel to far.example:22: ";
    let cases: Vec<(Input<'_>, Reason, &str)> = vec![
        (status(b"HTTP/1.1 403 No\r\n\r\n"), Reason::ConnectRefused, "status 403"),
        (
            status(b"HTTP/1.1 407 Who\r\nContent-Length: 9\r\n\r\n"),
            Reason::ConnectRefused,
            "status 407 (it wants a name and password: -x http://NAME:PASSWORD@HOST:PORT)",
        ),
        (status(b"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n"), Reason::ConnectRefused, "status 301"),
        (status(b"SSH-2.0-x\r\n"), Reason::Malformed, "not HTTP: the answer begins with \"SSH-2.0-x\""),
        (Input::Eof, Reason::Closed, "it closed the connection before it answered"),
        (Input::Truncated, Reason::Closed, "it closed the connection before it answered"),
        (failed(Reason::Reset), Reason::Reset, "it reset the connection before it answered"),
        (failed(Reason::Closed), Reason::Closed, "it closed the connection before it answered"),
        (Input::Deadline, Reason::ConnectTimeout, "no answer within 5 s"),
    ];
    for (input, reason, words) in cases {
        let mut bench = at_the_proxy("tcp://far.example:22");
        assert_eq!(bench.step(input), [Action::Finish]);
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.status), (reason, None));
        assert_eq!(outcome.detail.as_deref(), Some(format!("{tunnel}{words}").as_str()));
    }

    let mut bench = Bench::new("http://far.example/", &[PROXY]);
    bench.step(Input::Start);
    bench.step(Input::Deadline);
    let outcome = bench.outcome();
    let words = "the proxy p.example:3128: no address for p.example within 5 s";
    assert_eq!((outcome.reason, outcome.detail.as_deref()), (Reason::DnsTimeout, Some(words)));

    for (input, reason) in [
        (status(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"), Reason::ConnectRefused),
        (status(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"), Reason::Status),
        (Input::Eof, Reason::Closed),
        (Input::Deadline, Reason::ResponseTimeout),
    ] {
        let mut bench = at_the_proxy("http://far.example/");
        assert_eq!(bench.step(input), [Action::Finish]);
        let outcome = bench.outcome();
        let detail = outcome.detail.unwrap_or_default();
        assert_eq!(outcome.reason, reason);
        assert!(detail.starts_with("through the proxy p.example:3128: "), "{detail}");
    }

    // What is this machine's own trouble is nobody else's.
    let mut bench = at_the_proxy("http://far.example/");
    bench.step(failed(Reason::LocalError));
    assert_eq!(bench.outcome().detail.as_deref(), Some("the server did something"));
}

const KEEP: (Setting, &str) = (Setting::KeepAlive, "");

/// A check whose request went over a connection from before.
fn on_a_connection_from_before(target: &str) -> Bench {
    let mut bench = Bench::new(target, &[KEEP]);
    let first = bench.step(Input::Start);
    assert!(bench.check.may_reuse() && !first.is_empty());
    assert!(bench.step(Input::Reused(Some(address()))).is_empty());
    assert_eq!(bench.check.keeps(), Err(CloseReason::Unfinished));
    bench
}

#[test]
fn a_connection_from_before_takes_the_place_of_a_lookup_and_of_connecting() {
    for target in ["http://far.example/", "http://10.0.0.9/"] {
        let mut bench = on_a_connection_from_before(target);
        assert!(!bench.request().contains("Connection:"), "{}", bench.request());
        assert_eq!(bench.step(Input::Bytes(OK)), [Action::Finish]);
        assert_eq!(bench.check.keeps(), Ok(()));
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.reused, outcome.address), (Reason::Ok, true, Some(address())));
        let phases = outcome.phases;
        assert_eq!((phases.dns, phases.connect, phases.wait, phases.body), (None, None, ms(10), ms(0)));
    }
}

#[test]
fn one_that_dies_before_a_byte_came_is_replaced_once() {
    let ends = || {
        let failed = |reason| Input::Failed(Failure::new(reason, "it broke"));
        [Input::Eof, Input::Truncated, failed(Reason::Reset), failed(Reason::Closed)]
    };
    for (end, again) in ends().into_iter().zip(ends()) {
        let mut bench = on_a_connection_from_before("http://far.example/");
        assert_eq!(bench.step(end), [Action::Resolve]);
        assert!(!bench.check.may_reuse(), "the next one is fresh");
        assert_eq!(bench.check.keeps(), Err(CloseReason::Ended));
        assert_eq!(bench.step(Input::Resolved), [Action::Connect, Action::Send]);
        assert!(bench.step(Input::Connected(Some(address()))).is_empty());
        assert_eq!(bench.step(again), [Action::Finish], "not twice");
        let outcome = bench.outcome();
        assert!(matches!(outcome.reason, Reason::Closed | Reason::Reset) && !outcome.reused, "{:?}", outcome.reason);
        assert_eq!((outcome.phases.dns, outcome.phases.connect, outcome.phases.wait), (ms(10), ms(10), ms(20)));
        assert!(outcome.note.is_some_and(|note| note.contains("over a fresh one")));
    }
}

#[test]
fn one_that_dies_later_or_in_another_way_is_a_failure() {
    for length in 1..OK.len() {
        let mut bench = on_a_connection_from_before("http://far.example/");
        assert!(bench.step(Input::Bytes(&OK[..length])).is_empty());
        assert_eq!(bench.step(Input::Eof), [Action::Finish], "{length}");
        assert_eq!(bench.check.keeps(), Err(CloseReason::Unfinished));
        let outcome = bench.outcome();
        assert_eq!((outcome.reason, outcome.reused), (Reason::Closed, true));
    }
    let mut bench = on_a_connection_from_before("http://far.example/");
    assert_eq!(bench.step(Input::Deadline), [Action::Finish]);
    assert_eq!(bench.outcome().reason, Reason::ResponseTimeout);
}

#[test]
fn which_requests_may_go_over_one() {
    let may = |target: &str, said: &[(Setting, &str)]| Bench::new(target, said).check.may_reuse();
    assert!(may("http://h/", &[KEEP]) && may("http://h/", &[KEEP, (Setting::Head, "")]));
    assert!(!may("http://h/", &[]));
    assert!(!may("tcp://h:1", &[KEEP]));
    assert!(!may("http://h/", &[KEEP, (Setting::Data, "a=1")]));
    assert!(!may("http://h/", &[KEEP, (Setting::Request, "PATCH")]));
    for subject in ["dns", "connect", "tls"] {
        let text = format!("{subject} < 1s");
        assert!(
            !may("http://h/", &[KEEP, (Setting::Expect, &text)]) && !may("http://h/", &[KEEP, (Setting::Warn, &text)])
        );
    }
    assert!(may("http://h/", &[KEEP, (Setting::Expect, "total < 1s")]));
}

#[test]
fn what_a_connection_is_kept_for() {
    type Case<'a> = (&'a str, &'a [(Setting, &'a str)], Result<(), CloseReason>);
    let cases: [Case<'_>; 6] = [
        ("HTTP/1.1 204 None\r\n\r\n", &[KEEP], Ok(())),
        ("HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n", &[KEEP], Ok(())),
        ("HTTP/1.1 204 None\r\nConnection: close\r\n\r\n", &[KEEP], Err(CloseReason::Answer)),
        ("HTTP/1.1 204 None\r\n\r\nmore", &[KEEP], Err(CloseReason::Surplus)),
        ("HTTP/1.1 204 None\r\n\r\n", &[KEEP, (Setting::Header, "Connection: close")], Err(CloseReason::Request)),
        ("HTTP/1.1 204 None\r\n\r\n", &[], Err(CloseReason::Request)),
    ];
    for (answer, said, keeps) in cases {
        let mut bench = Bench::new("http://10.0.0.9/", said);
        bench.step(Input::Start);
        bench.step(Input::Connected(Some(address())));
        assert_eq!(bench.step(Input::Bytes(answer.as_bytes())), [Action::Finish]);
        assert_eq!(bench.check.keeps(), keeps, "{answer}");
    }
    let mut bench = Bench::new("http://10.0.0.9/", &[KEEP]);
    bench.step(Input::Start);
    bench.step(Input::Connected(Some(address())));
    bench.step(Input::Bytes(b"HTTP/1.1 200 OK\r\n\r\nto the end"));
    assert_eq!(bench.step(Input::Eof), [Action::Finish]);
    assert_eq!(bench.check.keeps(), Err(CloseReason::UntilClose));
}

#[test]
fn a_redirect_leaves_a_connection_that_can_be_kept() {
    let mut bench = Bench::new("http://10.0.0.9/a", &[KEEP, (Setting::Location, "")]);
    bench.step(Input::Start);
    bench.step(Input::Connected(Some(address())));
    let moved = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(bench.step(Input::Bytes(moved)), [Action::Connect, Action::Send]);
    assert_eq!((bench.check.keeps(), bench.check.may_reuse()), (Ok(()), true));
    bench.step(Input::Reused(Some(address())));
    assert_eq!(bench.check.keeps(), Err(CloseReason::Unfinished), "that of the new exchange");
    assert_eq!(bench.step(Input::Bytes(OK)), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.redirects, outcome.reused), (Reason::Ok, 1, true));
}
