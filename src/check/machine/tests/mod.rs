//! The machine stepped by hand: every input in every state, every way to end.

mod transports;

use std::rc::Rc;

use super::*;
use crate::check::outcome::{Outcome, TlsSeen, Verdict};
use crate::check::settings::{Draft, Setting};
use crate::proto::url::Url;

const FIRST: Try = Try { number: 1, degrades: true };

const HTTP: &str = "http://h/health";
const HTTPS: &str = "https://h/";
const TCP: &str = "tcp://h:6379";
const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const BEGIN: &[u8] = b"HTTP/1.1 200 OK\r\n";
const REST: &[u8] = b"Content-Length: 0\r\n\r\n";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn took(milliseconds: u64) -> Micros {
    Micros::of(ms(milliseconds))
}

fn address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 7], 8080))
}

fn trouble() -> Input<'static> {
    Input::Failed(Failure::new(Reason::LocalError, "something local"))
}

fn seen(version: &'static str) -> Box<TlsSeen> {
    Box::new(TlsSeen { version: Some(version), ..TlsSeen::default() })
}

/// A check, and the clock that a test cranks by hand.
struct Bench {
    check: Check,
    begin: Instant,
    now: Instant,
    /// What it has been told to do so far.
    actions: Vec<Action>,
}

impl Bench {
    fn new(url: &str) -> Bench {
        Bench::with(url, &[])
    }

    fn with(url: &str, said: &[(Setting, &str)]) -> Bench {
        let mut draft = Draft::default();
        for (setting, value) in said {
            draft.set(*setting, value, |_| Err("there are no files here".to_owned())).unwrap();
        }
        let (url, user) = Url::parse(url).unwrap();
        let target = Target {
            url,
            pinned: None,
            socket: None,
            written: None,
            user,
            tags: None,
            settings: Rc::new(draft.settings()),
        };
        let now = Instant::now();
        Bench { check: Check::new(target, FIRST, ms(7), now, ms(1_000)), begin: now, now, actions: Vec::new() }
    }

    /// What it wants done when `input` happens at this many milliseconds, and is asked at once.
    fn at(&mut self, milliseconds: u64, input: Input<'_>) -> Vec<Action> {
        self.at_and_asked(milliseconds, input, milliseconds)
    }

    /// The same when this program only finds the time to ask it at `asked`.
    fn at_and_asked(&mut self, milliseconds: u64, input: Input<'_>, asked: u64) -> Vec<Action> {
        self.now = self.begin + ms(milliseconds);
        if matches!(input, Input::Deadline) {
            self.now = self.now.max(self.check.deadline());
        }
        self.check.handle(input, self.now);
        let asked = self.now.max(self.begin + ms(asked));
        let actions: Vec<_> = std::iter::from_fn(|| self.check.poll(asked)).collect();
        self.actions.extend(&actions);
        actions
    }

    /// One input after the other, in no time.
    fn all<'a>(mut self, inputs: impl IntoIterator<Item = Input<'a>>) -> Bench {
        for input in inputs {
            self.at(0, input);
        }
        self
    }

    fn finishes(&self) -> usize {
        self.actions.iter().filter(|action| **action == Action::Finish).count()
    }

    fn outcome(self) -> Outcome {
        assert_eq!(self.finishes(), 1, "{self:?}");
        self.check.into_outcome()
    }

    /// How it ended: the reason, and its detail or nothing.
    fn ending(self) -> (Reason, String) {
        let outcome = self.outcome();
        (outcome.reason, outcome.detail.unwrap_or_default().into())
    }
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} after {:?}", self.check.state, self.actions)
    }
}

/// Up to where the check waits for an answer.
fn asked(url: &str) -> Bench {
    asked_with(url, &[])
}

fn asked_with(url: &str, said: &[(Setting, &str)]) -> Bench {
    let bench = Bench::with(url, said).all([Input::Start, Input::Resolved, Input::Connected(Some(address()))]);
    if url == HTTPS { bench.all([Input::Secured]) } else { bench }
}

/// What a check waits for, as far as one can tell from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Addresses,
    Connection,
    Tls,
    Answer,
    Body,
    Ended(Reason),
}

/// Asks a check what it waits for, the only way there is: the time is up.
fn stage(mut bench: Bench) -> Stage {
    if bench.finishes() > 0 {
        return Stage::Ended(bench.outcome().reason);
    }
    if bench.at(0, Input::Deadline).is_empty() {
        return Stage::New;
    }
    let (reason, detail) = bench.ending();
    match reason {
        Reason::DnsTimeout => Stage::Addresses,
        Reason::ConnectTimeout => Stage::Connection,
        Reason::TlsTimeout => Stage::Tls,
        Reason::ResponseTimeout if detail.starts_with("connected, but no answer") => Stage::Answer,
        Reason::ResponseTimeout => Stage::Body,
        other => panic!("{other:?}: {detail}"),
    }
}

/// Everything that can happen. A number names it in the table below.
fn inputs() -> [Input<'static>; 14] {
    [
        Input::Start,
        Input::Resolved,
        Input::Connected(Some(address())),
        Input::Shown(seen("1.3")),
        Input::Secured,
        Input::Bytes(b""),
        Input::Bytes(BEGIN),
        Input::Bytes(REST),
        Input::Bytes(WHOLE),
        Input::Eof,
        Input::Truncated,
        Input::Reused(Some(address())),
        trouble(),
        Input::Deadline,
    ]
}

#[test]
fn every_input_in_every_state() {
    use Stage::{Addresses as Addr, Answer, Body, Connection as Conn, New, Tls};
    const OK: Stage = Stage::Ended(Reason::Ok);
    const LOCAL: Stage = Stage::Ended(Reason::LocalError);
    const CLOSED: Stage = Stage::Ended(Reason::Closed);
    const MALFORMED: Stage = Stage::Ended(Reason::Malformed);
    const DNS_TIME: Stage = Stage::Ended(Reason::DnsTimeout);
    const CONN_TIME: Stage = Stage::Ended(Reason::ConnectTimeout);
    const TLS_TIME: Stage = Stage::Ended(Reason::TlsTimeout);
    const TIME: Stage = Stage::Ended(Reason::ResponseTimeout);
    let way = || [Input::Start, Input::Resolved, Input::Connected(Some(address())), Input::Secured];
    // A check over TLS goes through every state. Its way there, and where each of the inputs above leads from there.
    #[rustfmt::skip]
    let table = [
        //   Start   Resol.  Conn.   Shown   Secur.  ""      BEGIN REST       WHOLE      Eof     Trunc.  Reused  Failed Deadline
        (0, [Addr,   New,    New,    New,    New,    New,    New,  New,       New,       New,    New,    New,    LOCAL, New]),
        (1, [Addr,   Conn,   Addr,   Addr,   Addr,   Addr,   Addr, Addr,      Addr,      Addr,   Addr,   Addr,   LOCAL, DNS_TIME]),
        (2, [Conn,   Conn,   Tls,    Conn,   Conn,   Conn,   Conn, Conn,      Conn,      Conn,   Conn,   Conn,   LOCAL, CONN_TIME]),
        (3, [Tls,    Tls,    Tls,    Tls,    Answer, Tls,    Tls,  Tls,       Tls,       CLOSED, CLOSED, Tls,    LOCAL, TLS_TIME]),
        (4, [Answer, Answer, Answer, Answer, Answer, Answer, Body, MALFORMED, OK,        CLOSED, CLOSED, Answer, LOCAL, TIME]),
        (5, [Body,   Body,   Body,   Body,   Body,   Body,   Body, OK,        MALFORMED, CLOSED, CLOSED, Body,   LOCAL, TIME]),
        (6, [CLOSED; 14]),
    ];
    for (steps, expected) in table {
        for (input, expected) in inputs().into_iter().zip(expected) {
            let mut bench = Bench::new(HTTPS).all(way().into_iter().take(steps));
            if steps > 4 {
                bench.at(0, Input::Bytes(BEGIN));
            }
            if steps > 5 {
                bench.at(0, Input::Eof);
            }
            let told = format!("{input:?} after {steps} steps");
            bench.at(0, input);
            assert_eq!(stage(bench), expected, "{told}");
        }
    }
}

#[test]
fn what_is_to_be_done() {
    let mut bench = Bench::new(HTTP);
    let timeout = bench.begin + Duration::from_secs(5);
    assert_eq!(bench.at(0, Input::Start), [Action::Arm(timeout), Action::Resolve]);
    assert_eq!(bench.at(1, Input::Resolved), [Action::Connect, Action::Send]);
    assert_eq!(bench.at(2, Input::Connected(Some(address()))), []);
    assert_eq!(bench.at(3, Input::Bytes(WHOLE)), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.verdict(), &outcome.detail), (Reason::Ok, Verdict::Up, &None));
    assert_eq!((outcome.status, outcome.http_version, outcome.body_bytes), (Some(200), Some("1.1"), 0));
    assert_eq!((outcome.address, outcome.attempts, outcome.started), (Some(address()), 1, ms(1_000)));
    assert!(outcome.tls.is_none());
}

#[test]
fn a_literal_address_is_connected_to_at_once() {
    for url in ["http://127.0.0.1/", "https://[::1]/"] {
        let mut bench = Bench::new(url);
        let timeout = bench.begin + Duration::from_secs(5);
        assert_eq!(bench.at(0, Input::Start), [Action::Arm(timeout), Action::Connect, Action::Send], "{url}");
    }
}

#[test]
fn tcp_wants_a_connection_and_nothing_more() {
    let mut bench = Bench::new(TCP);
    bench.at(0, Input::Start);
    assert_eq!(bench.at(2, Input::Resolved), [Action::Connect]);
    assert_eq!(bench.at(5, Input::Connected(Some(address()))), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.status, outcome.http_version), (Reason::Ok, None, None));
    let phases = outcome.phases;
    assert_eq!((phases.dns, phases.connect, phases.wait, phases.body), (Some(took(2)), Some(took(3)), None, None));
}

#[test]
fn the_phases_are_what_was_waited_for_and_nothing_else() {
    let mut bench = Bench::new(HTTPS);
    // A millisecond passes after each event before this program comes round to the next step. It is in nobody's phase.
    bench.at_and_asked(100, Input::Start, 101);
    bench.at_and_asked(106, Input::Resolved, 107);
    bench.at_and_asked(117, Input::Connected(Some(address())), 118);
    bench.at_and_asked(140, Input::Shown(seen("1.3")), 141);
    bench.at_and_asked(148, Input::Secured, 149);
    bench.at_and_asked(349, Input::Bytes(BEGIN), 350);
    bench.at_and_asked(359, Input::Bytes(REST), 360);
    let phases = bench.outcome().phases;
    assert_eq!(phases.queue, took(7));
    assert_eq!((phases.dns, phases.connect, phases.tls), (Some(took(5)), Some(took(10)), Some(took(30))));
    assert_eq!((phases.wait, phases.body), (Some(took(200)), Some(took(10))));
    assert_eq!(phases.total(), took(255));
}

#[test]
fn a_phase_that_was_cut_short_counts_and_later_ones_never_happened() {
    let mut bench = Bench::new(HTTP);
    bench.at(0, Input::Start);
    bench.at(5, Input::Resolved);
    bench.at(5_000, Input::Deadline);
    let phases = bench.outcome().phases;
    assert_eq!((phases.dns, phases.connect, phases.wait), (Some(took(5)), Some(took(4_995)), None));
    assert_eq!(phases.total(), took(5_000));
}

#[test]
fn a_deadline_that_has_not_come_changes_nothing() {
    let mut bench = Bench::new(HTTP);
    bench.at(0, Input::Start);
    let until = bench.check.deadline();
    bench.check.handle(Input::Deadline, until - ms(1));
    assert_eq!(bench.check.poll(until), Some(Action::Arm(until)), "it is waited for again");
    assert_eq!(bench.check.poll(until), None);
    bench.check.excuse(ms(70));
    bench.check.handle(Input::Deadline, until + ms(69));
    assert_eq!(bench.check.poll(until), Some(Action::Arm(until + ms(70))), "and later by what is excused");
    bench.check.handle(Input::Deadline, until + ms(70));
    assert_eq!(bench.check.poll(until), Some(Action::Finish));
}

#[test]
fn an_event_older_than_its_phase_takes_no_time() {
    // Events carry the turn's time stamp; a step that this turn itself began has a later one.
    let mut bench = Bench::new("http://127.0.0.1/");
    bench.at_and_asked(10, Input::Start, 20);
    bench.at_and_asked(15, Input::Connected(Some(address())), 30);
    bench.at(29, Input::Bytes(WHOLE));
    let phases = bench.outcome().phases;
    assert_eq!((phases.connect, phases.wait, phases.body), (Some(took(0)), Some(took(0)), Some(took(0))));
}

#[test]
fn connecting_has_a_limit_of_its_own_and_the_answer_the_rest() {
    let said = [(Setting::Timeout, "3s"), (Setting::ConnectTimeout, "500ms")];
    for url in [HTTP, HTTPS] {
        let mut bench = Bench::with(url, &said);
        let begin = bench.begin;
        assert_eq!(bench.at(0, Input::Start)[0], Action::Arm(begin + ms(500)));
        bench.at(100, Input::Resolved);
        let mut actions = bench.at(200, Input::Connected(Some(address())));
        if url == HTTPS {
            // TLS belongs to connecting, as curl has it.
            assert_eq!(actions, []);
            actions = bench.at(300, Input::Secured);
        }
        assert_eq!(actions, [Action::Arm(begin + ms(3_000))], "from the start of the attempt");
        bench.at(3_000, Input::Deadline);
        assert_eq!(
            bench.ending(),
            (Reason::ResponseTimeout, "connected, but no answer within 3 s".to_owned()),
            "{url}"
        );
    }
}

#[test]
fn connecting_never_has_longer_than_the_whole() {
    let mut bench = Bench::with(HTTP, &[(Setting::Timeout, "1s"), (Setting::ConnectTimeout, "1h")]);
    let begin = bench.begin;
    assert_eq!(bench.at(0, Input::Start)[0], Action::Arm(begin + ms(1_000)));
}

#[test]
fn the_time_that_was_up_is_told() {
    let short = [(Setting::Timeout, "3s"), (Setting::ConnectTimeout, "500ms")];
    let cases = [
        (vec![Input::Start], Reason::DnsTimeout, "no address for h within 500 ms"),
        (vec![Input::Start, Input::Resolved], Reason::ConnectTimeout, "no connection to h within 500 ms"),
        (
            vec![Input::Start, Input::Resolved, Input::Connected(Some(address()))],
            Reason::TlsTimeout,
            "connected, but no TLS handshake within 500 ms",
        ),
    ];
    for (way, reason, detail) in cases {
        let bench = Bench::with(HTTPS, &short).all(way).all([Input::Deadline]);
        assert_eq!(bench.ending(), (reason, detail.to_owned()));
    }
    let whole = [(Setting::Timeout, "1.5s")];
    let bench = Bench::with("http://h:81/", &whole).all([Input::Start, Input::Resolved, Input::Deadline]);
    assert_eq!(bench.ending(), (Reason::ConnectTimeout, "no connection to h:81 within 1.5 s".to_owned()));
    let answers: [(&[u8], &str); 3] = [
        (b"H", "the answer began but its head was not whole within 1.5 s"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the answer began but its head was not whole within 1.5 s"),
        (
            b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nab",
            "status 503, but the body was not whole within 1.5 s (2 bytes came)",
        ),
    ];
    for (bytes, detail) in answers {
        let bench = asked_with(HTTP, &whole).all([Input::Bytes(bytes), Input::Deadline]);
        assert_eq!(bench.ending(), (Reason::ResponseTimeout, detail.to_owned()));
    }
}

#[test]
fn where_the_end_came_is_told() {
    let length = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab".as_slice();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".as_slice();
    let cases = [
        (b"".as_slice(), "before any byte of an answer"),
        (b"H", "in the middle of the response head"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "in the middle of the response head"),
        (length, "after 2 of 9 body bytes"),
        (chunked, "in a chunked body, after 3 bytes of it"),
    ];
    for (bytes, place) in cases {
        for end in [Input::Eof, Input::Truncated] {
            let bench = asked(HTTPS).all([Input::Bytes(bytes), end]);
            assert_eq!(bench.ending(), (Reason::Closed, format!("the server closed the connection {place}")));
        }
        let reset = Input::Failed(Failure::new(Reason::Reset, "as the system put it"));
        let bench = asked(HTTP).all([Input::Bytes(bytes), reset]);
        assert_eq!(bench.ending(), (Reason::Reset, format!("the server reset the connection {place}")));
    }
}

#[test]
fn a_reset_where_there_is_no_answer_to_cut_keeps_its_own_words() {
    let until_close = Input::Bytes(b"HTTP/1.1 200 OK\r\n\r\nab");
    for bench in [
        Bench::new(HTTPS).all([Input::Start]),
        asked(HTTP).all([until_close]),
        Bench::new(HTTPS).all([Input::Start, Input::Resolved, Input::Connected(Some(address()))]),
    ] {
        let bench = bench.all([Input::Failed(Failure::new(Reason::Reset, "10.0.0.7:8080 reset"))]);
        assert_eq!(bench.ending(), (Reason::Reset, "10.0.0.7:8080 reset".to_owned()));
    }
}

#[test]
fn what_ends_with_the_stream_must_end_properly() {
    let body = || Input::Bytes(b"HTTP/1.1 200 OK\r\n\r\nall of it");
    for url in [HTTP, HTTPS] {
        let outcome = asked(url).all([body(), Input::Eof]).outcome();
        assert_eq!((outcome.reason, outcome.body_bytes), (Reason::Ok, 9), "{url}");
    }
    let detail = "the server closed the connection without close_notify, so the body may be cut short";
    let bench = asked(HTTPS).all([body(), Input::Truncated]);
    assert_eq!(bench.ending(), (Reason::Closed, detail.to_owned()));
    // A body with a length is whole by itself, whatever becomes of the connection.
    let bench = asked(HTTPS).all([Input::Bytes(WHOLE), Input::Truncated]);
    assert_eq!(bench.ending(), (Reason::Ok, String::new()));
}

#[test]
fn a_handshake_that_was_left_is_told() {
    for end in [Input::Eof, Input::Truncated] {
        let bench = Bench::new(HTTPS).all([Input::Start, Input::Resolved, Input::Connected(Some(address())), end]);
        let detail = "the server closed the connection in the middle of the TLS handshake";
        assert_eq!(bench.ending(), (Reason::Closed, detail.to_owned()));
    }
}

#[test]
fn what_tls_showed_survives_a_failure() {
    let untrusted = Failure::new(Reason::TlsUntrusted, "who is that");
    let mut bench = Bench::new(HTTPS).all([Input::Start, Input::Resolved, Input::Connected(Some(address()))]);
    assert_eq!(bench.at(1, Input::Shown(seen("1.2"))), []);
    assert_eq!(bench.at(1, Input::Failed(untrusted)), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!(outcome.reason, Reason::TlsUntrusted);
    assert_eq!(outcome.tls, Some(seen("1.2")));
}

#[test]
fn the_status_decides() {
    for (status, reason) in [(200, Reason::Ok), (399, Reason::Ok), (400, Reason::Status), (503, Reason::Status)] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nab");
        let outcome = asked(HTTP).all([Input::Bytes(answer.as_bytes())]).outcome();
        assert_eq!((outcome.reason, outcome.status, outcome.body_bytes), (reason, Some(status), 2));
        let detail = (reason == Reason::Status).then(|| format!("status was {status}, expected status in 200-399"));
        assert_eq!(outcome.detail.as_deref(), detail.as_deref());
    }
}

#[test]
fn the_answer_to_head_has_no_body() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n";
    let outcome = asked_with(HTTP, &[(Setting::Head, "")]).all([Input::Bytes(answer)]).outcome();
    assert_eq!((outcome.reason, outcome.body_bytes), (Reason::Ok, 0));
    assert_eq!(stage(asked(HTTP).all([Input::Bytes(answer)])), Stage::Body, "after a GET it has");
}

#[test]
fn an_answer_that_cannot_be_believed() {
    let small = [(Setting::MaxBody, "3")];
    let cases: [(&[u8], Reason, &str); 4] = [
        (b"SSH-2.0-x\r\n", Reason::Malformed, "not HTTP: the answer begins with \"SSH-2.0-x\""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Reason::Malformed, "Content-Length is not a number"),
        (b"HTTP/1.1 200 OK\r\n\r\nabcd", Reason::TooLarge, "the body is longer than 3 bytes (--max-body)"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
            Reason::TooLarge,
            "the body is longer than 3 bytes (--max-body)",
        ),
    ];
    for (bytes, reason, detail) in cases {
        let judged = [small[0], (Setting::Expect, "body contains \"x\"")];
        let bench = asked_with(HTTP, &judged).all([Input::Bytes(bytes)]);
        assert_eq!(bench.ending(), (reason, detail.to_owned()));
        // Where nobody asks for the body, what came of it is enough.
        if reason == Reason::TooLarge {
            let outcome = asked_with(HTTP, &small).all([Input::Bytes(bytes), Input::Bytes(b"abcd")]).outcome();
            assert_eq!((outcome.reason, outcome.body_bytes), (Reason::Ok, 3));
        }
    }
}

#[test]
fn without_a_body_the_head_is_the_answer() {
    let events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let said =
        [(Setting::NoBody, ""), (Setting::KeepAlive, ""), (Setting::Expect, "header.content-type contains \"event\"")];
    let bench = asked_with(HTTP, &said).all([Input::Bytes(events)]);
    assert_eq!(bench.check.keeps(), Err(CloseReason::Unfinished), "more of it will come");
    assert_eq!(bench.outcome().reason, Reason::Ok);
}

#[test]
fn a_body_that_cannot_be_read_says_why_it_did_not_match() {
    let coded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b";
    for said in ["body contains \"ready\"", "json.a == 1", "body.bytes > 9"] {
        let (_, detail) = asked_with(HTTP, &[(Setting::Expect, said)]).all([Input::Bytes(coded)]).ending();
        assert_eq!(*detail, format!("the body is coded as \"gzip\", which is not unpacked, expected {said}"));
    }
    let outcome = asked_with(HTTP, &[(Setting::Expect, "status == 200")]).all([Input::Bytes(coded)]).outcome();
    assert_eq!(outcome.reason, Reason::Ok);
}

#[test]
fn a_failure_is_told_as_it_came() {
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Reset) {
        let failure = Failure::new(*reason, "in these words");
        let bench = asked(HTTP).all([Input::Failed(failure)]);
        assert_eq!(bench.ending(), (*reason, "in these words".to_owned()));
    }
}

#[test]
fn an_answer_is_the_same_however_it_is_cut() {
    let answers: [&[u8]; 4] = [
        b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n\r\n",
    ];
    let ending = |pieces: &[&[u8]]| {
        let bench = asked(HTTP).all(pieces.iter().map(|piece| Input::Bytes(piece))).all([Input::Eof]);
        let outcome = bench.outcome();
        (outcome.reason, outcome.detail, outcome.status, outcome.http_version, outcome.body_bytes)
    };
    for answer in answers {
        let whole = ending(&[answer]);
        for first in 0..=answer.len() {
            for second in first..=answer.len() {
                let pieces = [&answer[..first], &answer[first..second], &answer[second..]];
                assert_eq!(ending(&pieces), whole, "cut at {first} and {second}");
            }
        }
        let bytes: Vec<&[u8]> = answer.chunks(1).collect();
        assert_eq!(ending(&bytes), whole);
    }
}

#[test]
fn after_the_end_nothing_changes() {
    let mut bench = asked(HTTP).all([Input::Bytes(WHOLE)]);
    for input in inputs() {
        assert_eq!(bench.at(9_999, input), []);
    }
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.phases.total()), (Reason::Ok, took(0)));
    assert!(outcome.tls.is_none());
}

#[test]
fn an_attempt_that_never_began_has_no_phases() {
    let mut bench = Bench::new(HTTP);
    assert_eq!(bench.at(50, trouble()), [Action::Finish]);
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.attempts), (Reason::LocalError, 0));
    assert_eq!(outcome.phases, Phases { queue: took(7), ..Phases::default() });
}

#[test]
fn the_target_comes_back_to_wait_for_another_turn() {
    let bench = Bench::new(HTTP).all([Input::Start]);
    assert_eq!(bench.check.target().url.as_str(), HTTP);
    assert_eq!(bench.check.into_target().url.as_str(), HTTP);
}

#[test]
#[should_panic(expected = "into_outcome before Finish")]
fn there_is_no_outcome_before_the_end() {
    let bench = asked(HTTP);
    bench.check.into_outcome();
}

const TO_ITSELF: &[u8] = b"HTTP/1.1 303 See Other\r\nLocation: /health\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_redirect_begins_again_on_the_time_of_the_same_attempt() {
    let said = [(Setting::Location, ""), (Setting::Data, "a=1"), (Setting::Timeout, "1s")];
    let mut bench = Bench::with(HTTP, &said);
    bench.at(0, Input::Start);
    bench.at(10, Input::Resolved);
    bench.at(20, Input::Connected(Some(address())));
    let end = bench.begin + ms(1000);
    assert_eq!(bench.at(50, Input::Bytes(TO_ITSELF)), [Action::Arm(end), Action::Resolve]);
    assert_eq!(bench.at(51, Input::Resolved), [Action::Connect, Action::Send]);
    let mut request = Vec::new();
    bench.check.encode_request(&mut request);
    assert!(request.starts_with(b"GET /health HTTP/1.1\r\n") && request.ends_with(b"\r\n\r\n"));
    bench.at(52, Input::Connected(Some(address())));
    bench.at(60, Input::Bytes(WHOLE));
    let outcome = bench.outcome();
    assert_eq!((outcome.reason, outcome.redirects), (Reason::Ok, 1), "posted, then shown, is no loop");
    assert_eq!(outcome.phases.total(), took(60));
    assert_eq!((outcome.phases.dns, outcome.phases.wait), (Some(took(11)), Some(took(38))));
}

#[test]
fn a_redirect_to_itself_is_followed_as_often_as_any() {
    let again = || [Input::Resolved, Input::Connected(Some(address())), Input::Bytes(TO_ITSELF)];
    let asked =
        || asked_with(HTTP, &[(Setting::Location, ""), (Setting::MaxRedirs, "2")]).all([Input::Bytes(TO_ITSELF)]);
    let (reason, detail) = asked().all(again()).all(again()).ending();
    let told = "more than 2 redirects (--max-redirs); the last one led to http://h/health";
    assert_eq!((reason, &*detail), (Reason::Redirect, told));
    let good = [Input::Resolved, Input::Connected(Some(address())), Input::Bytes(WHOLE)];
    let outcome = asked().all(again()).all(good).outcome();
    assert_eq!((outcome.reason, outcome.redirects), (Reason::Ok, 2));
}

#[test]
fn what_a_server_makes_up_stays_short_in_a_detail() {
    let long = "x".repeat(7_000);
    for location in [format!("http://[{long}"), format!("ftp://{long}"), format!("/{long}"), format!("//{long}.test/")]
    {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let bench = asked_with(HTTP, &[(Setting::Location, "")]).all([Input::Bytes(answer.as_bytes())]);
        let refused = Failure::new(Reason::ConnectRefused, "nobody there");
        let (_, detail) = bench.all([Input::Failed(refused)]).ending();
        assert!(detail.len() < 400, "{} bytes: {detail}", detail.len());
    }
}

#[test]
fn a_408_on_a_connection_from_before_is_no_answer() {
    let said: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let mut bench = Bench::with(HTTP, &[(Setting::KeepAlive, "")]);
    bench.at(0, Input::Start);
    bench.at(1, Input::Reused(Some(address())));
    assert!(bench.at(2, Input::Bytes(said)).contains(&Action::Resolve), "it is asked again");
    bench.at(3, Input::Resolved);
    bench.at(4, Input::Connected(Some(address())));
    bench.at(5, Input::Bytes(said));
    let outcome = bench.outcome();
    assert_eq!(
        (outcome.reason, outcome.status, outcome.reused),
        (Reason::Status, Some(408), false),
        "on a fresh one it is"
    );
}

#[test]
fn a_failure_behind_a_redirect_names_the_place() {
    let answer = b"HTTP/1.1 302 Found\r\nLocation: //elsewhere/x\r\nContent-Length: 0\r\n\r\n";
    let bench = asked_with(HTTP, &[(Setting::Location, "")]).all([Input::Bytes(answer)]);
    let refused = Failure::new(Reason::ConnectRefused, "nobody there");
    let (reason, detail) = bench.all([Input::Failed(refused)]).ending();
    let told = "nobody there (redirected to http://elsewhere/x)";
    assert_eq!((reason, &*detail), (Reason::ConnectRefused, told));
}
