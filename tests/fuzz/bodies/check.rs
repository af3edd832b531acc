//! Targets, expectations, and the machine that checks: what a user writes and what a server makes of it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use upcheck::check::discovery;
use upcheck::check::expect::{Expectation, Headers, MAX_GOT, Seen};
use upcheck::check::machine::{Action, Check, Input, Try};
use upcheck::check::outcome::{Failure, Reason};
use upcheck::check::settings::{Draft, Setting};
use upcheck::check::target::{Reader, Target, World};
use upcheck::proto::http::HEADERS_MAX;
use upcheck::proto::http::received::RequestHead;
use upcheck::proto::http::request::Form;
use upcheck::proto::json;
use upcheck::proto::url::{URL_MAX, Url};

use super::Tape;

/// A URL that was taken is printable, and reads as the same again.
pub fn url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Url::parse(text) {
        Ok((url, _)) => check_url(&url),
        Err(error) => assert!(error.at <= text.len() && !error.to_string().is_empty()),
    }
}

fn check_url(url: &Url) {
    let text = url.as_str();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert_eq!(text, format!("{}://{}{}", url.scheme().as_str(), url.authority(), url.path()));
    assert!(!url.host().contains(|c: char| c.is_ascii_uppercase()), "{text}");
    assert!(!url.host().is_empty() && !url.authority().contains('@') && !text.contains('#'));
    assert_eq!(url.path().starts_with('/'), url.scheme().is_http());
    assert!(url.literal().is_none_or(|ip| url.host().parse() == Ok(ip)), "{text}");
    // Escapes can make it longer than what is taken.
    if text.len() <= URL_MAX {
        let (again, user) = Url::parse(text).expect("its own form");
        assert!(again == *url && user.is_none(), "{again} of {text}");
    }
}

/// Whatever a line of a targets file makes of a request, it is one request.
pub fn target_line(bytes: &[u8]) {
    let world = World {
        find_setting: |name| match name {
            "request" => Ok(Setting::Request),
            "header" => Ok(Setting::Header),
            "data" => Ok(Setting::Data),
            "user-agent" => Ok(Setting::UserAgent),
            "head" => Ok(Setting::Head),
            "user" => Ok(Setting::User),
            "timeout" => Ok(Setting::Timeout),
            "connect-timeout" => Ok(Setting::ConnectTimeout),
            "max-body" => Ok(Setting::MaxBody),
            "insecure" => Ok(Setting::Insecure),
            "cacert" => Ok(Setting::CaCert),
            "servername" => Ok(Setting::ServerName),
            _ => Err("there is no such option".to_owned()),
        },
        find_variable: |name| match name {
            "TOKEN" => Some("a b'\"\\".to_owned()),
            "CRLF" => Some("a\r\nX: y".to_owned()),
            _ => None,
        },
        read_file: |name| if name.len() % 2 == 0 { Ok(name.into()) } else { Err("there is no such file".to_owned()) },
    };
    let mut reader = Reader::new(Draft::default(), world);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match reader.line(line) {
            Ok(None) => {}
            Ok(Some(target)) => check_target(&target),
            Err(error) => {
                assert!((1..=line.len() + 1).contains(&error.column) && !error.message.is_empty(), "{error:?}");
            }
        }
    }
    reader.end_of_file();
}

/// JSON of targets becomes a line a target: as many as there are, each of them a target or an error.
pub fn discovery(bytes: &[u8]) {
    let is_one = discovery::is_one(bytes);
    for end in 0..bytes.len().min(64) {
        assert!(discovery::is_one(&bytes[..end]).is_none_or(|is| is_one == Some(is)), "what has been told stays so");
    }
    let lines = match discovery::lines(bytes) {
        Ok(lines) => lines,
        Err(error) => return assert!(error.contains(": ") && !error.contains('\n'), "{error}"),
    };
    let text = str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).expect("it was read");
    let members = json::elements(text).flat_map(json::members);
    let targets = members.filter(|(key, _)| key == "targets").flat_map(|(_, value)| json::elements(value)).count();
    assert_eq!(lines.lines().count(), targets, "{lines}");
    let world = World {
        find_setting: |_| panic!("only labels"),
        find_variable: |_| panic!("no variables"),
        read_file: |_| panic!("no files"),
    };
    let reader = Reader::new(Draft::default(), world);
    for line in lines.lines() {
        match reader.clone().line(line.as_bytes()) {
            Ok(target) => check_url(&target.expect("neither a comment nor a default").url),
            Err(error) => assert!(!error.message.is_empty()),
        }
    }
}

fn check_target(target: &Target) {
    check_url(&target.url);
    assert!(!target.settings.timeout.is_zero());
    if !target.url.scheme().is_http() {
        return;
    }
    let mut request = Vec::new();
    target.settings.template.encode(&target.url, target.user(), Form::default(), &mut request);
    match RequestHead::parse(&request) {
        Ok(Some(head)) => assert_eq!(head.used as u64 + head.body_bytes, request.len() as u64, "{request:?}"),
        // Nothing stops a user from more headers, or a longer head, than our own server would take.
        Err(_) if request.len() > 8 * 1024 || request.split(|byte| *byte == b'\n').count() > HEADERS_MAX => {}
        // Nor from a Host of his own that is none.
        Err(_) if !String::from_utf8_lossy(&request).contains(&format!("\r\nHost: {}\r\n", target.url.authority())) => {
        }
        other => panic!("{other:?} of {:?}", String::from_utf8_lossy(&request)),
    }
}

/// An expectation that was taken reads as the same again, and says in bounds what came instead.
pub fn expectation(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let Ok(text) = std::str::from_utf8(tape.line()) else { return };
    match Expectation::parse(text) {
        Ok(expectation) => {
            assert_eq!(Expectation::parse(expectation.text()).as_ref(), Ok(&expectation));
            assert!(!expectation.subject().to_string().is_empty());
            judge(&expectation, &mut tape);
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.at) && !error.message.is_empty(), "{error:?}");
        }
    }
}

fn judge(expectation: &Expectation, tape: &mut Tape<'_>) {
    let flags = tape.byte();
    let has = |bit: u8| flags >> bit & 1 == 1;
    let time = |tape: &mut Tape<'_>| Duration::from_millis(u64::from(tape.byte()) * 10);
    let head_length = usize::from(tape.byte());
    let seen = Seen {
        status: has(0).then_some(u16::from(tape.byte()) * 4),
        has_body: has(0) || has(6),
        http_version: has(0).then_some("1.1"),
        total: time(tape),
        dns: has(1).then(|| time(tape)),
        connect: has(2).then(|| time(tape)),
        tls: has(3).then(|| time(tape)),
        wait: has(4).then(|| time(tape)),
        cert_days: has(3).then(|| i64::from(tape.byte()) - 99),
        tls_version: has(3).then_some("1.3"),
        address: has(2).then(|| SocketAddr::from(([10, 0, 0, tape.byte()], 80))),
        redirects: u32::from(tape.byte()),
        headers: Headers::new(tape.take(head_length)),
        watch: None,
        document: None,
        body_whole: has(5),
        body_bytes: tape.0.len() as u64,
        body: tape.rest(),
    };
    if let Err(mismatch) = expectation.judge(&seen) {
        assert_eq!(mismatch.expected, expectation.text());
        assert!(!mismatch.got.is_empty() && mismatch.got.chars().count() <= MAX_GOT);
        // What the user wrote is repeated as it was written; what the peer sent is not.
        let is_clean = !expectation.text().contains(char::is_control);
        assert!(!is_clean || !mismatch.got.contains(char::is_control), "{:?}", mismatch.got);
    }
}

/// A check ends once, whatever happens in whatever order, and ends when its time is up.
pub fn check_machine(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let mut session = Session::new(tape.byte());
    while !tape.is_empty() {
        session.step(&mut tape);
    }
    session.tell(Input::Start);
    session.now = session.now.max(session.check.deadline());
    session.tell(Input::Deadline);
    session.account();
}

/// A check, and what it has wanted so far.
struct Session {
    check: Check,
    begin: Instant,
    now: Instant,
    /// When it was first told to start.
    started: Option<Instant>,
    armed: Option<Instant>,
    resolves: u32,
    connects: u32,
    finishes: u32,
}

impl Session {
    fn new(flags: u8) -> Session {
        const URLS: [&str; 8] = [
            "http://h/",
            "https://h/",
            "tcp://h:1",
            "http://10.0.0.7/",
            "https://[::1]/",
            "tcp://10.0.0.7:1",
            "tls://h:1",
            "tls://[::1]:1",
        ];
        let mut draft = Draft::default();
        let mut say = |bit: u8, setting, value: &str| {
            if flags >> bit & 1 == 1 {
                draft.set(setting, value, |_| Err("no files".to_owned())).expect("our own");
            }
        };
        say(3, Setting::ConnectTimeout, "1s");
        let (url, user) = Url::parse(URLS[usize::from(flags & 7)]).expect("our own");
        match url.scheme().is_http() {
            true => say(4, Setting::Head, ""),
            false => say(4, Setting::Send, "PING\\r\\n"),
        }
        say(5, Setting::MaxBody, "16");
        say(6, Setting::Proxy, "http://p:1");
        say(7, Setting::KeepAlive, "");
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
        let check = Check::new(target, Try { number: 1, degrades: true }, Duration::ZERO, now, Duration::ZERO);
        Session { check, begin: now, now, started: None, armed: None, resolves: 0, connects: 0, finishes: 0 }
    }

    /// One thing happens: one byte says what, one says how long it took, and bytes have their number in a third.
    fn step(&mut self, tape: &mut Tape<'_>) {
        let what = tape.byte();
        self.now += Duration::from_millis(tape.byte().into());
        let input = match what & 15 {
            0 | 1 => Input::Start,
            2 => Input::Resolved,
            3 => Input::Connected(Some(SocketAddr::from(([10, 0, 0, 7], 80)))),
            4 => Input::Secured,
            5 => Input::Shown(Box::default()),
            6 => Input::Eof,
            7 => Input::Truncated,
            8 => Input::Deadline,
            9 => Input::Failed(Failure::new(Reason::ALL[usize::from(what >> 4) % Reason::ALL.len()], "fuzzed")),
            10 => Input::Failed(Failure::new(Reason::Reset, "reset")),
            11 => Input::Reused(None),
            _ => {
                let length = usize::from(tape.byte());
                Input::Bytes(tape.take(length))
            }
        };
        self.tell(input);
    }

    fn tell(&mut self, input: Input<'_>) {
        const ACTIONS_MAX: usize = 3;
        if matches!(input, Input::Start) {
            self.started.get_or_insert(self.now);
        }
        self.check.handle(input, self.now);
        for _ in 0..=ACTIONS_MAX {
            let Some(action) = self.check.poll(self.now) else { return };
            assert_eq!(self.finishes, 0, "{action:?} after the end");
            match action {
                Action::Arm(at) => self.armed = Some(at),
                Action::Resolve => self.resolves += 1,
                Action::Connect => self.connects += 1,
                Action::Send => assert!(self.connects > 0),
                Action::Secure | Action::Say => assert!(self.check.target().proxy().is_some()),
                Action::Finish => self.finishes += 1,
            }
        }
        panic!("there is always one thing more to do");
    }

    fn account(self) {
        assert_eq!(self.finishes, 1);
        // A connection from before that has ended is replaced, once.
        assert!(self.resolves <= 2 && self.connects <= 2);
        let timeout = self.check.target().settings.timeout;
        let end = self.started.map(|started| started + timeout);
        assert!(self.armed <= end, "{:?} {end:?}", self.armed);
        let outcome = self.check.into_outcome();
        assert!(outcome.phases.total().time() <= self.now - self.begin, "{outcome:?}");
        let has_answer = outcome.phases.wait.is_some();
        assert!(outcome.status.is_none() || has_answer, "{outcome:?}");
    }
}
