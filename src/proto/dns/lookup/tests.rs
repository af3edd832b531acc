//! The lookup, stepped by hand: servers that answer, lie, go silent, refuse and cut short.

use std::net::IpAddr;

use super::RecordType::{A, Aaaa};
use super::*;
use crate::proto::dns::message::Rcode;
use crate::proto::dns::query::tcp_message;
use crate::proto::dns::testing::{Reply, XorShift};

const ONE: &str = "10.0.0.1:53";
const TWO: &str = "10.0.0.2:53";
const SECOND: Duration = Duration::from_secs(1);

/// What a server makes of the beginning of an answer.
type Say = fn(Reply) -> Reply;

/// An action, with times since the start of the test.
#[derive(Clone, Debug, PartialEq)]
enum Did {
    Sent(RecordType, SocketAddr),
    Opened(RecordType, SocketAddr),
    Closed(RecordType),
    Armed(Duration),
    Finished(Result<Answer, LookupError>),
}

/// A lookup, its clock, its random numbers, and the last query of each record type that it sent.
struct Bench {
    lookup: Lookup,
    start: Instant,
    now: Instant,
    random: XorShift,
    queries: [Vec<u8>; 2],
    finishes: usize,
}

fn parse(text: &str) -> ResolvConf {
    ResolvConf::parse(text, |_| None)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn conf(servers: &[&str]) -> ResolvConf {
    let servers = servers.iter().map(|server| address(server)).collect();
    ResolvConf { servers, ..parse("options timeout:5") }
}

fn sent(record: RecordType, server: &str) -> Did {
    Did::Sent(record, address(server))
}

fn failed(failure: LookupFailure) -> Did {
    Did::Finished(Err(LookupError { failure, dropped: Dropped::default() }))
}

fn timed_out(servers: &[&str], attempts: u32) -> LookupFailure {
    LookupFailure::TimedOut { servers: servers.iter().map(|server| address(server)).collect(), attempts }
}

fn answer(addresses: &[&str], ttl: u64, canonical: Option<&str>) -> Answer {
    Answer {
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        ttl: Duration::from_secs(ttl),
        canonical: canonical.map(|name| Name::parse(name).unwrap()),
        missing: None,
        dropped: Dropped::default(),
    }
}

impl Bench {
    fn new(host: &str, conf: &ResolvConf, families: Families) -> Bench {
        let start = Instant::now();
        Bench {
            lookup: Lookup::new(host, conf, families, 0, Manners::default()).unwrap(),
            start,
            now: start,
            random: XorShift(42),
            queries: [Vec::new(), Vec::new()],
            finishes: 0,
        }
    }

    /// A lookup of "www.example" that was started.
    fn started(servers: &[&str], families: Families) -> Bench {
        let mut bench = Bench::new("www.example", &conf(servers), families);
        bench.step(LookupInput::Start);
        bench
    }

    fn step(&mut self, input: LookupInput<'_>) -> Vec<Did> {
        let random = &mut || self.random.next();
        self.lookup.handle(input, self.now, random);
        let mut done = Vec::new();
        while let Some(action) = self.lookup.poll() {
            assert!(done.len() < 8, "does not drain: {done:?}");
            done.push(match action {
                LookupAction::SendUdp { record, server, id, bytes } => {
                    assert_eq!(message::message_id(bytes), Some(id));
                    self.queries[record as usize] = bytes.to_vec();
                    Did::Sent(record, server)
                }
                LookupAction::OpenTcp { record, server, bytes } => {
                    let query = tcp_message(bytes).unwrap();
                    assert_eq!(query.len() + 2, bytes.len());
                    self.queries[record as usize] = query.to_vec();
                    Did::Opened(record, server)
                }
                LookupAction::CloseTcp { record } => Did::Closed(record),
                LookupAction::Arm(at) => Did::Armed(at - self.start),
                LookupAction::Finish(result) => {
                    self.finishes += 1;
                    Did::Finished(result)
                }
            });
        }
        done
    }

    fn after(&mut self, time: Duration) -> Vec<Did> {
        self.now += time;
        self.step(LookupInput::Deadline)
    }

    /// The beginning of a true answer to the last query of this record type.
    fn reply(&self, record: RecordType) -> Reply {
        Reply::to(&self.queries[record as usize])
    }

    fn datagram(&mut self, from: &str, reply: Reply) -> Vec<Did> {
        let from = address(from);
        let bytes = &reply.bytes();
        self.step(LookupInput::Datagram { from, bytes })
    }

    fn tcp(&mut self, record: RecordType, reply: Reply) -> Vec<Did> {
        let bytes = &reply.bytes();
        self.step(LookupInput::TcpMessage { record, bytes })
    }

    fn has_edns(&self, record: RecordType) -> bool {
        self.queries[record as usize][11] == 1
    }

    fn dropped(&self) -> (u32, Option<DropReason>) {
        (self.lookup.dropped.count, self.lookup.dropped.last)
    }
}

#[test]
fn asks_for_both_families_at_once_and_finishes_with_both() {
    let mut bench = Bench::new("www.example", &conf(&[ONE]), Families::Both);
    assert_eq!(bench.step(LookupInput::Start), [sent(Aaaa, ONE), sent(A, ONE), Did::Armed(5 * SECOND)]);
    let reply = bench.reply(Aaaa).aaaa("www.example", 60, 1);
    assert_eq!(bench.datagram(ONE, reply), [Did::Armed(RESOLUTION_DELAY)]);
    let reply = bench.reply(A).a("www.example", 30, 2).a("www.example", 90, 1);
    let expected = answer(&["2001:db8::1", "10.0.0.2", "10.0.0.1"], 30, None);
    assert_eq!(bench.datagram(ONE, reply), [Did::Finished(Ok(expected))]);
    assert_eq!(bench.step(LookupInput::Start), []);
    assert_eq!(bench.after(60 * SECOND), []);
}

#[test]
fn asks_for_one_family_alone() {
    for (families, record) in [(Families::V4, A), (Families::V6, Aaaa)] {
        let mut bench = Bench::new("www.example", &conf(&[ONE]), families);
        assert_eq!(bench.step(LookupInput::Start), [sent(record, ONE), Did::Armed(5 * SECOND)]);
        let reply = match record {
            A => bench.reply(A).a("www.example", 30, 1),
            Aaaa => bench.reply(Aaaa).aaaa("www.example", 30, 1),
        };
        let done = bench.datagram(ONE, reply);
        assert!(matches!(&done[..], [Did::Finished(Ok(_))]), "{done:?}");
    }
}

#[test]
fn nothing_happens_before_the_start() {
    let mut bench = Bench::new("www.example", &conf(&[ONE]), Families::Both);
    let server = address(ONE);
    let bytes = &[][..];
    let record = A;
    for input in [
        LookupInput::Deadline,
        LookupInput::Unreachable { server },
        LookupInput::TcpFailed { record },
        LookupInput::TcpMessage { record, bytes },
        LookupInput::Datagram { from: server, bytes },
    ] {
        assert_eq!(bench.step(input), []);
    }
    assert_eq!(bench.step(LookupInput::Start).len(), 3);
    assert_eq!(bench.step(LookupInput::Start), []);
}

#[test]
fn ids_differ_even_if_the_random_numbers_do_not() {
    let mut lookup = Lookup::new("www.example", &conf(&[ONE]), Families::Both, 0, Manners::default()).unwrap();
    lookup.handle(LookupInput::Start, Instant::now(), &mut || 7);
    let mut ids = Vec::new();
    while let Some(action) = lookup.poll() {
        if let LookupAction::SendUdp { id, .. } = action {
            ids.push(id);
        }
    }
    assert_eq!(ids, [7, 6]);
}

#[test]
fn a_bad_name_is_refused_at_once() {
    let error = Lookup::new("a..b", &conf(&[ONE]), Families::Both, 0, Manners::default()).unwrap_err();
    assert_eq!(error.failure, LookupFailure::BadName(NameError::EmptyLabel));
    assert_eq!(error.to_string(), "a part of the name is empty");
}

#[test]
fn rotates_only_if_told_to() {
    let mut conf = conf(&[ONE, TWO]);
    for (rotate, rotation, first) in [(false, 1, ONE), (true, 0, ONE), (true, 7, TWO)] {
        conf.rotate = rotate;
        let mut bench = Bench::new("www.example", &conf, Families::V4);
        bench.lookup = Lookup::new("www.example", &conf, Families::V4, rotation, Manners::default()).unwrap();
        assert_eq!(bench.step(LookupInput::Start)[0], sent(A, first));
    }
}

#[test]
fn without_a_server_nobody_is_asked() {
    let conf = parse("nameserver fe80::1%eth9\n");
    let error = Lookup::new("www.example", &conf, Families::V4, 0, Manners::default()).unwrap_err();
    let told = "resolv.conf names no server that can be asked: 'fe80::1%eth9' names an interface that is not there";
    assert_eq!(error.to_string(), told);
    let conf = ResolvConf { attempts: 0, ..parse("") };
    let mut bench = Bench::new("www.example", &conf, Families::V4);
    assert_eq!(bench.step(LookupInput::Start)[0], sent(A, "127.0.0.1:53"));
}

#[test]
fn a_server_that_cannot_stand_edns_is_asked_without_and_that_is_remembered() {
    let says: [Option<Say>; 5] = [
        None,
        Some(|reply| reply.rcode(1)),
        Some(|reply| reply.rcode(2)),
        Some(|reply| reply.rcode(4)),
        Some(|reply| reply.rcode(5)),
    ];
    for say in says {
        let mut bench = Bench::started(&[ONE], Families::V4);
        assert!(bench.has_edns(A));
        let done = match say {
            None => bench.after(5 * SECOND),
            Some(say) => bench.datagram(ONE, say(bench.reply(A))),
        };
        assert_eq!(done[0], sent(A, ONE));
        assert!(!bench.has_edns(A));
        let reply = bench.reply(A).a("www.example", 60, 1);
        assert!(matches!(bench.datagram(ONE, reply)[..], [Did::Finished(Ok(_))]));
    }
    let manners = Manners::default();
    let started = || {
        let mut bench = Bench::new("www.example", &conf(&[ONE]), Families::V4);
        bench.lookup = Lookup::new("www.example", &conf(&[ONE]), Families::V4, 0, manners.clone()).unwrap();
        bench.step(LookupInput::Start);
        bench
    };
    let mut first = started();
    first.after(5 * SECOND);
    first.datagram(ONE, first.reply(A).a("www.example", 60, 1));
    assert!(!started().has_edns(A), "one pays for all");
    // One that has answered with it was only lost once.
    let manners = Manners::default();
    manners.note_answer(address(ONE), true);
    manners.note_answer(address(ONE), false);
    assert!(!manners.wants_no_edns(address(ONE)));
}

#[test]
fn a_server_that_writes_letters_its_own_way_is_asked_in_small_ones_where_tcp_gives_nothing() {
    let manners = Manners::default();
    let conf = parse("nameserver 10.0.0.1");
    let lower = |mut reply: Vec<u8>| {
        reply[12..].make_ascii_lowercase();
        reply
    };
    for ends in [LookupInput::TcpFailed { record: A }, LookupInput::Deadline] {
        let mut bench = Bench::new("www.example", &conf, Families::V4);
        bench.lookup = Lookup::new("www.example", &conf, Families::V4, 0, manners.clone()).unwrap();
        bench.random = XorShift(1234);
        bench.step(LookupInput::Start);
        if !bench.queries[A as usize][12..].iter().any(u8::is_ascii_uppercase) {
            // The lookup before has found it out.
            assert!(manners.wants_small_letters(address(ONE)));
            continue;
        }
        let odd = lower(bench.reply(A).a("www.example", 60, 1).bytes());
        let done = bench.step(LookupInput::Datagram { from: address(ONE), bytes: &odd });
        assert_eq!(done[0], Did::Opened(A, address(ONE)));
        let id = message::message_id(&bench.queries[A as usize]);
        bench.now += SECOND;
        let done = bench.step(ends);
        assert!(done.contains(&sent(A, ONE)), "{done:?}");
        assert_ne!(message::message_id(&bench.queries[A as usize]), id, "another question");
        let reply = bench.reply(A).a("www.example", 60, 1);
        assert!(matches!(bench.datagram(ONE, reply)[..], [Did::Finished(Ok(_))]));
    }
}

#[test]
fn options_say_where_the_question_goes() {
    let conf = parse("nameserver 10.0.0.1\noptions use-vc no-aaaa");
    let mut bench = Bench::new("www.example", &conf, Families::Both);
    assert_eq!(bench.step(LookupInput::Start)[0], Did::Opened(A, address(ONE)), "over TCP, and for A alone");
    assert_eq!(bench.step(LookupInput::TcpFailed { record: A })[1], Did::Opened(A, address(ONE)), "and again");
    let reply = bench.reply(A).a("www.example", 60, 1);
    assert!(matches!(bench.tcp(A, reply)[..], [.., Did::Finished(Ok(_))]));
}

#[test]
fn an_address_that_can_be_nobodys_is_none() {
    let server = address(ONE);
    let nobody = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    let mut bench = Bench::started(&[ONE], Families::V4);
    let reply = bench.reply(A).answer("www.example", 1, 60, &[0; 4]);
    let blocked = |unspecified| LookupFailure::NoAddresses {
        server,
        ttl: Some(60 * SECOND),
        families: Families::V4,
        unspecified,
    };
    assert_eq!(bench.datagram(ONE, reply), [failed(blocked(nobody("0.0.0.0")))]);
    let told = "the name has no address but 0.0.0.0, as blocking resolvers answer (said 10.0.0.1)";
    assert_eq!(blocked(nobody("0.0.0.0")).to_string(), told);
    // Beside another it is passed over.
    let mut bench = Bench::started(&[ONE], Families::V4);
    let reply = bench.reply(A).answer("www.example", 1, 60, &[0; 4]).a("www.example", 60, 1);
    assert_eq!(bench.datagram(ONE, reply), [Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]);
    for (text, is_nobody) in [("::", true), ("::ffff:0.0.0.0", true), ("0.0.0.1", false), ("::1", false)] {
        assert_eq!(config::is_nobody(&text.parse().unwrap()), is_nobody, "{text}");
    }
}

#[test]
fn what_this_machine_does_not_let_out_is_tried_again_and_said() {
    let mut bench = Bench::started(&[ONE], Families::V4);
    let not_sent = LookupInput::NotSent { server: address(ONE), why: "operation not permitted" };
    let pause = Duration::from_millis(200);
    assert_eq!(bench.step(not_sent), [Did::Armed(pause)]);
    assert_eq!(bench.after(pause)[0], sent(A, ONE));
    bench.step(not_sent);
    let done = bench.after(pause);
    let why = "operation not permitted".into();
    assert_eq!(done, [failed(LookupFailure::NotSent { server: address(ONE), why })]);
    // It may pass.
    let mut bench = Bench::started(&[ONE], Families::V4);
    bench.step(not_sent);
    bench.after(pause);
    let reply = bench.reply(A).a("www.example", 60, 1);
    assert!(matches!(bench.datagram(ONE, reply)[..], [Did::Finished(Ok(_))]));
}

#[test]
fn silence_goes_round_all_servers_and_ends_as_a_timeout() {
    let mut bench = Bench::started(&[ONE, TWO], Families::Both);
    for (turn, server) in [(1, TWO), (2, ONE), (3, TWO)] {
        let done = bench.after(5 * SECOND);
        let next = Did::Armed((turn + 1) * 5 * SECOND);
        assert_eq!(done, [sent(Aaaa, server), sent(A, server), next]);
    }
    assert_eq!(bench.after(5 * SECOND), [failed(timed_out(&[ONE, TWO], 2))]);
}

/// Where `resolv.conf` does not say how long to wait, every server is asked within seconds.
#[test]
fn the_first_round_is_quick_unless_the_file_says_otherwise() {
    // Which server is asked at which second, and when that is given up.
    type Turns = &'static [(u32, &'static str)];
    let cases: [(&str, Turns, u32); 5] = [
        ("nameserver 10.0.0.1\nnameserver 10.0.0.2", &[(1, TWO), (2, ONE), (7, TWO)], 12),
        ("nameserver 10.0.0.1", &[(1, ONE)], 6),
        ("nameserver 10.0.0.1\noptions attempts:1", &[], 5),
        ("nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions attempts:1", &[(1, TWO)], 6),
        ("nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions attempts:1 timeout:3", &[(3, TWO)], 6),
    ];
    for (text, turns, end) in cases {
        let mut bench = Bench::new("www.example", &parse(text), Families::V4);
        bench.step(LookupInput::Start);
        for &(at, server) in turns {
            bench.now = bench.start + at * SECOND - Duration::from_millis(1);
            assert!(matches!(bench.step(LookupInput::Deadline)[..], [Did::Armed(_)]), "{text}: not before {at} s");
            assert_eq!(bench.after(Duration::from_millis(1))[0], sent(A, server), "{text}: at {at} s");
        }
        bench.now = bench.start + end * SECOND - Duration::from_millis(1);
        bench.step(LookupInput::Deadline);
        assert_eq!(bench.finishes, 0, "{text}");
        assert!(matches!(bench.after(Duration::from_millis(1))[..], [Did::Finished(Err(_))]), "{text}");
    }
}

#[test]
fn the_first_server_is_listened_to_while_the_second_is_asked() {
    let conf = parse("nameserver 10.0.0.1\nnameserver 10.0.0.2");
    let mut bench = Bench::new("www.example", &conf, Families::V4);
    bench.step(LookupInput::Start);
    assert_eq!(bench.after(SECOND), [sent(A, TWO), Did::Armed(2 * SECOND)]);
    bench.now += SECOND / 2;
    let late = bench.reply(A).a("www.example", 60, 1);
    assert_eq!(bench.datagram(ONE, late), [Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]);
}

#[test]
fn tells_which_servers_are_overdue() {
    let conf = parse("nameserver 10.0.0.1\nnameserver 10.0.0.2");
    let mut bench = Bench::new("www.example", &conf, Families::Both);
    let overdue = |bench: &Bench| bench.lookup.overdue(bench.now).collect::<Vec<_>>();
    assert_eq!(overdue(&bench), []);
    bench.step(LookupInput::Start);
    let start = bench.start;
    bench.now += SECOND - Duration::from_millis(1);
    assert_eq!(overdue(&bench), []);
    bench.now += Duration::from_millis(1);
    assert_eq!(overdue(&bench), [(address(ONE), start), (address(ONE), start)]);
    bench.step(LookupInput::Deadline);
    assert_eq!(overdue(&bench), []);
    // The wait for a message over TCP tells nothing of the server's datagrams.
    let reply = bench.reply(A).truncated();
    bench.datagram(TWO, reply);
    bench.now += SECOND;
    assert_eq!(overdue(&bench), [(address(TWO), start + SECOND)], "AAAA alone");
}

#[test]
fn a_retransmission_is_the_same_datagram() {
    let mut bench = Bench::started(&[ONE, TWO], Families::Both);
    let before = bench.queries.clone();
    bench.after(5 * SECOND);
    assert_eq!(bench.queries, before);
}

#[test]
fn an_early_deadline_only_arms_again() {
    let mut bench = Bench::started(&[ONE], Families::Both);
    assert_eq!(bench.after(SECOND), [Did::Armed(5 * SECOND)]);
}

#[test]
fn an_answer_after_a_timeout_is_still_taken() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    bench.after(5 * SECOND);
    let late = bench.reply(A).a("www.example", 60, 1);
    assert_eq!(bench.datagram(ONE, late), [Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]);
}

#[test]
fn a_complaint_after_a_timeout_changes_nothing() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    bench.after(5 * SECOND);
    for rcode in [1, 2, 5] {
        let late = bench.reply(A).rcode(rcode);
        assert_eq!(bench.datagram(ONE, late), []);
    }
    let late = bench.reply(A).truncated();
    assert_eq!(bench.datagram(ONE, late), []);
    let server = address(ONE);
    assert_eq!(bench.step(LookupInput::Unreachable { server }), []);
    assert!(bench.has_edns(A));
    assert_eq!(bench.dropped(), (0, None));
}

#[test]
fn a_failing_server_is_left_at_once() {
    let server = address(TWO);
    let complaints: [(Say, LookupFailure); 3] = [
        (|reply| reply.rcode(2), LookupFailure::ServerFailed { server, rcode: Rcode::SERVFAIL }),
        (|reply| reply.rcode(5), LookupFailure::Refused { server }),
        (|reply| reply.lame(), LookupFailure::Referral { server }),
    ];
    for (complain, failure) in complaints {
        let mut bench = Bench::started(&[ONE, TWO], Families::V4);
        bench.now += SECOND;
        for (from, next) in [(ONE, TWO), (TWO, ONE), (ONE, TWO)] {
            let reply = complain(bench.reply(A));
            let done = bench.datagram(from, reply);
            assert_eq!(done[0], sent(A, next));
        }
        let reply = complain(bench.reply(A));
        assert_eq!(bench.datagram(TWO, reply), [failed(failure)]);
    }
}

#[test]
fn a_server_change_starts_a_new_wait() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    bench.now += SECOND;
    let reply = bench.reply(A).rcode(2);
    assert_eq!(bench.datagram(ONE, reply), [sent(A, TWO), Did::Armed(6 * SECOND)]);
}

#[test]
fn what_a_server_said_outlasts_the_silence_of_the_others() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    let reply = bench.reply(A).rcode(5);
    bench.datagram(ONE, reply);
    bench.after(5 * SECOND);
    bench.after(5 * SECOND);
    let server = address(ONE);
    assert_eq!(bench.after(5 * SECOND), [failed(LookupFailure::Refused { server })]);
}

#[test]
fn an_unreachable_server_is_left_at_once_by_both_families() {
    let mut bench = Bench::started(&[ONE, TWO], Families::Both);
    let (one, two) = (address(ONE), address(TWO));
    for (server, next) in [(one, TWO), (two, ONE), (one, TWO)] {
        let done = bench.step(LookupInput::Unreachable { server });
        assert_eq!(done, [sent(Aaaa, next), sent(A, next)]);
    }
    let failure = LookupFailure::Unreachable { server: two };
    assert_eq!(bench.step(LookupInput::Unreachable { server: two }), [failed(failure)]);
    let mut bench = Bench::started(&[ONE], Families::Both);
    assert_eq!(bench.step(LookupInput::Unreachable { server: two }), []);
}

#[test]
fn a_server_without_edns_is_asked_without() {
    for (rcode, extended) in [(1, 0), (0, 1)] {
        let mut bench = Bench::started(&[ONE, TWO], Families::Both);
        let reply = bench.reply(A).rcode(rcode).opt(extended);
        assert_eq!(bench.datagram(ONE, reply), [sent(A, ONE)]);
        assert!(!bench.has_edns(A));
        assert!(bench.has_edns(Aaaa));
        // Asked without and still not understood: on to the next.
        let reply = bench.reply(A).rcode(1);
        assert_eq!(bench.datagram(ONE, reply), [sent(A, TWO)]);
    }
    let mut bench = Bench::started(&[ONE], Families::V4);
    for _ in 0..2 {
        let reply = bench.reply(A).rcode(1);
        bench.datagram(ONE, reply);
    }
    let failure = LookupFailure::ServerFailed { server: address(ONE), rcode: Rcode::FORMERR };
    let reply = bench.reply(A).rcode(1);
    assert_eq!(bench.datagram(ONE, reply), [failed(failure)]);
}

#[test]
fn an_answer_cut_short_is_asked_for_over_tcp() {
    let mut bench = Bench::started(&[ONE], Families::V4);
    bench.now += SECOND;
    let reply = bench.reply(A).truncated();
    assert_eq!(bench.datagram(ONE, reply), [Did::Opened(A, address(ONE)), Did::Armed(6 * SECOND)]);
    // The network doubled it.
    let reply = bench.reply(A).truncated();
    assert_eq!(bench.datagram(ONE, reply), []);
    let reply = bench.reply(A).a("www.example", 60, 1);
    assert_eq!(bench.tcp(A, reply), [Did::Closed(A), Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]);
}

#[test]
fn a_server_is_waited_for_from_when_its_connection_is_begun() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    let reply = bench.reply(A).truncated();
    bench.datagram(ONE, reply);
    bench.step(LookupInput::TcpWaits { record: A });
    assert_eq!(bench.after(20 * SECOND), [Did::Armed(60 * SECOND)], "there is no room yet");
    assert_eq!(bench.step(LookupInput::TcpBegun { record: A }), [Did::Armed(25 * SECOND)]);
    bench.after(5 * SECOND);
    assert_eq!(bench.step(LookupInput::TcpBegun { record: A }), [], "another server is asked, and not over TCP");
    let reply = bench.reply(A).a("www.example", 60, 1);
    assert_eq!(bench.datagram(TWO, reply), [Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]);
}

#[test]
fn tcp_that_fails_leads_to_the_next_server() {
    type Fail = fn(&mut Bench) -> Vec<Did>;
    let failures: [(Fail, bool); 5] = [
        (|bench| bench.step(LookupInput::TcpFailed { record: A }), true),
        (|bench| bench.tcp(A, bench.reply(A).truncated()), true),
        (|bench| bench.tcp(A, bench.reply(A).patch(0, &[0, 0])), true),
        (
            |bench| {
                let (record, bytes) = (A, &[1, 2, 3][..]);
                bench.step(LookupInput::TcpMessage { record, bytes })
            },
            true,
        ),
        (|bench| bench.after(5 * SECOND), false),
    ];
    for (index, (fail, spoke)) in failures.into_iter().enumerate() {
        let mut bench = Bench::started(&[ONE, TWO], Families::V4);
        let reply = bench.reply(A).truncated();
        bench.datagram(ONE, reply);
        let done = fail(&mut bench);
        assert_eq!(done[..2], [Did::Closed(A), sent(A, TWO)], "case {index}");
        let server = address(ONE);
        let expected = spoke.then_some(LookupFailure::TcpFailed { server });
        assert_eq!(bench.lookup.questions[0].failure, expected, "case {index}");
    }
}

#[test]
fn tcp_events_of_no_connection_are_ignored() {
    let mut bench = Bench::started(&[ONE], Families::V4);
    for record in [A, Aaaa] {
        assert_eq!(bench.step(LookupInput::TcpFailed { record }), []);
        let bytes = &[][..];
        assert_eq!(bench.step(LookupInput::TcpMessage { record, bytes }), []);
    }
    assert_eq!(bench.dropped(), (0, None));
}

#[test]
fn a_datagram_may_still_come_while_tcp_is_tried() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    bench.after(5 * SECOND);
    let reply = bench.reply(A).truncated();
    bench.datagram(TWO, reply);
    let late = bench.reply(A).a("www.example", 60, 1);
    let done = bench.datagram(ONE, late);
    assert_eq!(done[0], Did::Closed(A));
    assert!(matches!(done[1], Did::Finished(Ok(_))), "{done:?}");
}

#[test]
fn false_answers_are_dropped_and_counted_and_the_lookup_goes_on() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    let good = |bench: &Bench| bench.reply(A).a("www.example", 60, 66);
    let other_id = bench.queries[A as usize][0] ^ 1;
    let cases: [(&str, Reply, DropReason); 6] = [
        ("10.0.0.3:53", good(&bench), DropReason::WrongServer),
        ("10.0.0.1:54", good(&bench), DropReason::WrongServer),
        (TWO, good(&bench), DropReason::WrongServer), // not asked yet
        (ONE, good(&bench).patch(0, &[other_id]), AnswerError::WrongId.into()),
        (ONE, good(&bench).patch(13, b"vww"), AnswerError::WrongQuestion.into()),
        (ONE, good(&bench).patch(2, &[0x01]), AnswerError::NotAResponse.into()),
    ];
    for (index, (from, reply, reason)) in cases.into_iter().enumerate() {
        assert_eq!(bench.datagram(from, reply), []);
        assert_eq!(bench.dropped(), (index as u32 + 1, Some(reason)));
    }
    let (from, bytes) = (address(ONE), &[1][..]);
    assert_eq!(bench.step(LookupInput::Datagram { from, bytes }), []);
    let short = DropReason::from(AnswerError::Malformed(Malformed::Short));
    assert_eq!(bench.dropped(), (7, Some(short)));

    let reply = bench.reply(A).a("www.example", 60, 1);
    let mut expected = answer(&["10.0.0.1"], 60, None);
    expected.dropped = Dropped { count: 7, last: Some(short) };
    assert_eq!(bench.datagram(ONE, reply), [Did::Finished(Ok(expected))]);
}

#[test]
fn every_prefix_of_an_answer_is_dropped() {
    let mut bench = Bench::started(&[ONE], Families::V4);
    let whole = bench.reply(A).a("www.example", 60, 1).opt(0).bytes();
    let from = address(ONE);
    for end in 0..whole.len() {
        let bytes = &whole[..end];
        assert_eq!(bench.step(LookupInput::Datagram { from, bytes }), []);
    }
    assert_eq!(bench.dropped().0, whole.len() as u32);
    let bytes = &whole[..];
    let done = bench.step(LookupInput::Datagram { from, bytes });
    assert!(matches!(done[..], [Did::Finished(Ok(_))]), "{done:?}");
}

#[test]
fn an_answer_in_other_letter_case_is_asked_for_over_tcp() {
    let mut bench = Bench::started(&[ONE], Families::V4);
    let first = bench.queries[A as usize][13] ^ 0x20;
    let reply = bench.reply(A).patch(13, &[first]).a("www.example", 60, 66);
    let done = bench.datagram(ONE, reply);
    assert_eq!(done, [Did::Opened(A, address(ONE))]);
    let wrong_case = DropReason::from(AnswerError::WrongCase);
    assert_eq!(bench.dropped(), (1, Some(wrong_case)));
    let reply = bench.reply(A).patch(13, &[first]).a("www.example", 60, 1);
    let done = bench.tcp(A, reply);
    let Did::Finished(Ok(answer)) = &done[1] else {
        panic!("{done:?}");
    };
    assert_eq!(answer.addresses, [IpAddr::from([10, 0, 0, 1])]);
}

#[test]
fn the_same_answer_twice_is_not_a_false_one() {
    let mut bench = Bench::started(&[ONE], Families::Both);
    for _ in 0..2 {
        let reply = bench.reply(A).a("www.example", 60, 1);
        bench.datagram(ONE, reply);
    }
    assert_eq!(bench.dropped(), (0, None));
    assert_eq!(bench.finishes, 0);
}

#[test]
fn the_second_family_is_waited_for_a_little() {
    let mut bench = Bench::started(&[ONE], Families::Both);
    bench.now += SECOND;
    let reply = bench.reply(A).a("www.example", 60, 1);
    assert_eq!(bench.datagram(ONE, reply), [Did::Armed(SECOND + RESOLUTION_DELAY)]);
    let almost = RESOLUTION_DELAY - Duration::from_millis(1);
    assert_eq!(bench.after(almost), [Did::Armed(SECOND + RESOLUTION_DELAY)]);
    let mut expected = answer(&["10.0.0.1"], 60, None);
    let missing = Missing { record: Aaaa, why: None };
    assert_eq!(missing.to_string(), "AAAA: no answer in time");
    expected.missing = Some(missing);
    assert_eq!(bench.after(Duration::from_millis(1)), [Did::Finished(Ok(expected))]);
}

#[test]
fn one_family_is_enough() {
    let mut bench = Bench::started(&[ONE], Families::Both);
    for _ in 0..2 {
        let reply = bench.reply(Aaaa).rcode(2);
        bench.datagram(ONE, reply);
    }
    let reply = bench.reply(A).a("www.example", 60, 1);
    let done = bench.datagram(ONE, reply);
    let [Did::Finished(Ok(found))] = &done[..] else {
        panic!("{done:?}");
    };
    let missing = found.missing.as_ref().unwrap();
    assert_eq!(missing.to_string(), "AAAA: 10.0.0.1 answered SERVFAIL");

    // No AAAA records is an answer: nothing is missing. So is a wrong NXDOMAIN for AAAA alone.
    for rcode in [0, 3] {
        let mut bench = Bench::started(&[ONE], Families::Both);
        let reply = bench.reply(Aaaa).rcode(rcode).soa(60, 60);
        assert_eq!(bench.datagram(ONE, reply), []);
        let reply = bench.reply(A).a("www.example", 60, 1);
        assert_eq!(bench.datagram(ONE, reply), [Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]);
    }
}

#[test]
fn a_connection_that_is_no_longer_needed_is_closed() {
    let mut bench = Bench::started(&[ONE], Families::Both);
    let reply = bench.reply(Aaaa).truncated();
    bench.datagram(ONE, reply);
    let reply = bench.reply(A).a("www.example", 60, 1);
    bench.datagram(ONE, reply);
    let done = bench.after(RESOLUTION_DELAY);
    assert_eq!(done[0], Did::Closed(Aaaa));
    assert!(matches!(done[1], Did::Finished(Ok(_))), "{done:?}");

    // The same between two names of a search list.
    let conf = parse("nameserver 10.0.0.1\nsearch example\noptions timeout:5");
    let mut bench = Bench::new("www", &conf, Families::Both);
    bench.step(LookupInput::Start);
    let reply = bench.reply(Aaaa).truncated();
    bench.datagram(ONE, reply);
    let reply = bench.reply(A).rcode(3);
    bench.datagram(ONE, reply);
    assert_eq!(
        bench.after(RESOLUTION_DELAY),
        [Did::Closed(Aaaa), sent(Aaaa, ONE), sent(A, ONE), Did::Armed(RESOLUTION_DELAY + 5 * SECOND)]
    );
}

/// What a lookup ends with when the A and AAAA questions are answered so, and how long that may be remembered.
fn end_of(aaaa: Say, a: Say) -> (String, Option<Duration>) {
    let mut bench = Bench::started(&[ONE], Families::Both);
    let mut done = Vec::new();
    while bench.finishes == 0 {
        done = bench.datagram(ONE, aaaa(bench.reply(Aaaa)));
        if bench.finishes == 0 {
            done = bench.datagram(ONE, a(bench.reply(A)));
        }
    }
    match done.pop() {
        Some(Did::Finished(Err(error))) => (error.to_string(), error.failure.negative_ttl()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn absence_has_to_be_agreed_on() {
    let ttl = |count| Some(Duration::from_secs(count));
    let no_name = "no such name (NXDOMAIN from 10.0.0.1)";
    let no_address = "the name has no address (said 10.0.0.1)";
    let failed = "10.0.0.1 answered SERVFAIL";
    let cases: [(Say, Say, &str, _); 10] = [
        (|r| r.rcode(2), |r| r.rcode(3).soa(9, 9), no_name, ttl(9)),
        (|r| r.soa(8, 8), |r| r.rcode(3).soa(9, 9), no_name, ttl(9)),
        (|r| r.rcode(3).soa(9, 9), |r| r.rcode(3).soa(8, 8), no_name, ttl(8)),
        (|r| r.soa(7, 9), |r| r.soa(8, 8), no_address, ttl(7)),
        (|r| r, |r| r.soa(8, 8), no_address, None),
        (|r| r.soa(8, 8), |r| r, no_address, None),
        (|r| r.rcode(3).soa(8, 8), |r| r.soa(9, 9), no_address, ttl(8)),
        (|r| r.rcode(3).soa(8, 8), |r| r.rcode(2), failed, None),
        (|r| r.rcode(2), |r| r.soa(9, 9), failed, None),
        (|r| r.rcode(5), |r| r.rcode(2), failed, None),
    ];
    for (index, (aaaa, a, words, ttl)) in cases.into_iter().enumerate() {
        assert_eq!(end_of(aaaa, a), (words.to_string(), ttl), "case {index}");
    }
}

#[test]
fn no_such_name_does_not_wait_for_a_silent_family() {
    let mut bench = Bench::started(&[ONE], Families::Both);
    let reply = bench.reply(A).rcode(3).soa(60, 60);
    assert_eq!(bench.datagram(ONE, reply), [Did::Armed(RESOLUTION_DELAY)]);
    let failure = LookupFailure::NotFound { server: address(ONE), ttl: Some(60 * SECOND) };
    assert_eq!(bench.after(RESOLUTION_DELAY), [failed(failure)]);
}

#[test]
fn a_cname_without_addresses_is_asked_on_for() {
    let mut bench = Bench::started(&[ONE, TWO], Families::V4);
    bench.after(5 * SECOND);
    let old = bench.queries[A as usize].clone();
    let reply = bench.reply(A).cname("www.example", 40, "web.example.net");
    // The server that answered is asked first, and waited for from now on.
    bench.now += SECOND;
    assert_eq!(bench.datagram(TWO, reply), [sent(A, TWO), Did::Armed(11 * SECOND)]);
    let new = &bench.queries[A as usize];
    assert_ne!(old[..2], new[..2]);
    assert!(new[12..].to_ascii_lowercase().starts_with(b"\x03web\x07example\x03net\0"));
    let reply = bench.reply(A).a("web.example.net", 60, 1);
    assert_eq!(bench.datagram(TWO, reply), [Did::Finished(Ok(answer(&["10.0.0.1"], 40, Some("web.example.net"))))]);
}

#[test]
fn a_cname_with_a_soa_is_an_end() {
    let mut bench = Bench::started(&[ONE], Families::V6);
    let reply = bench.reply(Aaaa).cname("www.example", 40, "web.example").soa(70, 60);
    let failure = LookupFailure::NoAddresses {
        server: address(ONE),
        ttl: Some(60 * SECOND),
        families: Families::V6,
        unspecified: None,
    };
    assert_eq!(failure.to_string(), "the name has no IPv6 address (said 10.0.0.1)");
    assert_eq!(bench.datagram(ONE, reply), [failed(failure)]);
}

#[test]
fn what_was_learnt_of_edns_holds_for_the_next_name() {
    let mut bench = Bench::started(&[ONE], Families::V4);
    let reply = bench.reply(A).rcode(1);
    bench.datagram(ONE, reply);
    let reply = bench.reply(A).cname("www.example", 40, "web.example");
    assert_eq!(bench.datagram(ONE, reply), [sent(A, ONE)]);
    assert!(!bench.has_edns(A));
}

/// A chain of CNAMEs from "www.example", that many in each answer.
fn chase(parts: &[usize]) -> Did {
    let mut bench = Bench::started(&[ONE], Families::V4);
    let mut owner = "www.example".to_string();
    let mut count = 0;
    for &part in parts {
        let mut reply = bench.reply(A);
        for _ in 0..part {
            count += 1;
            let target = format!("c{count}.example");
            reply = reply.cname(&owner, 60, &target);
            owner = target;
        }
        if count == parts.iter().sum::<usize>() {
            reply = reply.a(&owner, 60, 1);
        }
        let done = bench.datagram(ONE, reply);
        if let Some(Did::Finished(_)) = done.last() {
            return done[0].clone();
        }
    }
    panic!("no end");
}

#[test]
fn long_chains_of_cnames_are_followed_and_endless_ones_are_not() {
    let good = Did::Finished(Ok(answer(&["10.0.0.1"], 60, Some("c32.example"))));
    let server = address(ONE);
    let bad = failed(LookupFailure::TooManyCnames { server });
    for parts in [&[32][..], &[1, 31], &[16, 16], &[1; 32]] {
        assert_eq!(chase(parts), good, "{parts:?}");
    }
    for parts in [&[33][..], &[1, 32], &[32, 1], &[1; 33], &[40]] {
        assert_eq!(chase(parts), bad, "{parts:?}");
    }
}

#[test]
fn the_search_list_is_tried_until_a_name_is_there() {
    let conf = parse("nameserver 10.0.0.1\nsearch a.example b.example");
    let mut bench = Bench::new("db", &conf, Families::V4);
    bench.step(LookupInput::Start);
    let asked = |bench: &Bench, name: &[u8]| bench.queries[A as usize][12..].to_ascii_lowercase().starts_with(name);
    assert!(asked(&bench, b"\x02db\x01a\x07example\0"));
    let reply = bench.reply(A).rcode(3).soa(60, 60);
    assert_eq!(bench.datagram(ONE, reply), [sent(A, ONE)]);
    assert!(asked(&bench, b"\x02db\x01b\x07example\0"));
    let reply = bench.reply(A).a("db.b.example", 60, 1);
    assert_eq!(bench.datagram(ONE, reply), [Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]);
}

#[test]
fn the_search_list_ends_with_what_says_most() {
    let conf = parse("nameserver 10.0.0.1\nsearch a.example b.example");
    let end = |says: [Say; 3]| {
        let mut bench = Bench::new("db", &conf, Families::V4);
        bench.step(LookupInput::Start);
        let mut done = Vec::new();
        for say in says {
            done = bench.datagram(ONE, say(bench.reply(A)));
        }
        match done.pop() {
            Some(Did::Finished(Err(error))) => error.failure,
            other => panic!("{other:?}"),
        }
    };
    let server = address(ONE);
    let nothing = |ttl: Option<u64>| LookupFailure::NotFound { server, ttl: ttl.map(Duration::from_secs) };
    let no_addresses = |ttl: u64| LookupFailure::NoAddresses {
        server,
        ttl: Some(Duration::from_secs(ttl)),
        families: Families::V4,
        unspecified: None,
    };
    let missing = |reply: Reply| reply.rcode(3).soa(50, 50);
    let shorter = |reply: Reply| reply.rcode(3).soa(40, 40);
    let unsaid = |reply: Reply| reply.rcode(3);
    let empty = |reply: Reply| reply.soa(60, 60);
    assert_eq!(end([missing, shorter, missing]), nothing(Some(40)));
    assert_eq!(end([missing, unsaid, missing]), nothing(None));
    assert_eq!(end([empty, missing, missing]), no_addresses(50));
    assert_eq!(end([missing, missing, empty]), no_addresses(50));
}

#[test]
fn what_became_of_one_name_says_nothing_of_the_others() {
    let conf = parse("nameserver 10.0.0.1\nsearch a.example b.example");
    let server = address(ONE);
    let servfail = LookupFailure::ServerFailed { server, rcode: Rcode::SERVFAIL };
    let says: [(Option<Say>, LookupFailure); 4] = [
        (Some(|reply| reply.rcode(2)), servfail),
        (Some(|reply| reply.rcode(5)), LookupFailure::Refused { server }),
        (Some(|reply| reply.lame()), LookupFailure::Referral { server }),
        (None, timed_out(&[ONE], 2)),
    ];
    for (say, failure) in says {
        for found in [true, false] {
            let mut bench = Bench::new("db", &conf, Families::V4);
            bench.step(LookupInput::Start);
            let start = bench.now;
            for _ in 0..2 {
                match say {
                    Some(say) => bench.datagram(ONE, say(bench.reply(A))),
                    None => bench.after(SECOND),
                };
            }
            assert!(bench.now - start <= 2 * SECOND, "there is time for the others");
            let reply = bench.reply(A).rcode(3).soa(60, 60);
            bench.datagram(ONE, reply);
            let reply = bench.reply(A);
            let done = match found {
                true => bench.datagram(ONE, reply.a("db", 60, 1)),
                false => bench.datagram(ONE, reply.rcode(3).soa(60, 60)),
            };
            match found {
                true => assert_eq!(done, [Did::Finished(Ok(answer(&["10.0.0.1"], 60, None)))]),
                false => assert_eq!(done, [failed(failure.clone())], "any of them might have been there"),
            }
        }
    }
}

#[test]
fn a_dead_server_is_waited_for_once_a_lookup() {
    let conf = parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.example\noptions timeout:5");
    let mut bench = Bench::new("db", &conf, Families::V4);
    bench.step(LookupInput::Start);
    bench.after(5 * SECOND);
    let reply = bench.reply(A).rcode(3);
    assert_eq!(bench.datagram(TWO, reply)[0], sent(A, TWO));
}

/// Any inputs in any order, with answers that are true, false and damaged: no panic, one end, and it comes.
#[test]
fn any_order_of_inputs_ends_once() {
    for seed in 1..=2_000 {
        let mut world = XorShift(seed * 0x9e37_79b9);
        let conf = parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.example b.example");
        let families = [Families::Both, Families::V4, Families::V6][world.below(3)];
        let mut bench = Bench::new("www", &conf, families);
        bench.step(LookupInput::Start);
        for _ in 0..world.below(60) {
            random_step(&mut bench, &mut world);
        }
        // From now on there is only silence: every question of every name uses up its turns.
        for _ in 0..100 {
            bench.after(5 * SECOND);
        }
        assert_eq!(bench.finishes, 1, "seed {seed}");
        random_step(&mut bench, &mut world);
        assert_eq!(bench.finishes, 1, "seed {seed}");
    }
}

fn random_step(bench: &mut Bench, world: &mut XorShift) {
    bench.now += Duration::from_millis(world.next() % 100);
    let record = match world.below(2) {
        0 if !bench.queries[A as usize].is_empty() => A,
        _ if !bench.queries[Aaaa as usize].is_empty() => Aaaa,
        _ => A,
    };
    let from = address([ONE, TWO, "10.0.0.3:53"][world.below(3)]);
    let bytes = random_reply(bench.reply(record), world);
    let bytes = &bytes[..];
    bench.step(match world.below(12) {
        0 => LookupInput::Start,
        1 => LookupInput::Deadline,
        2 => LookupInput::TcpFailed { record },
        3 => LookupInput::Unreachable { server: from },
        4 | 5 => LookupInput::TcpMessage { record, bytes },
        _ => LookupInput::Datagram { from, bytes },
    });
}

fn random_reply(reply: Reply, world: &mut XorShift) -> Vec<u8> {
    let names = ["www.a.example", "www.b.example", "www", "x.example"];
    let owner = names[world.below(4)];
    let target = names[world.below(4)];
    let reply = match world.below(8) {
        0 => reply.truncated(),
        1 => reply.rcode(world.below(6) as u8),
        2 => reply.rcode(3).soa(60, 60),
        3 => reply.soa(60, 60),
        4 => reply.lame(),
        5 => reply.a(owner, 60, 1).aaaa(owner, 60, 1),
        _ => reply.cname(owner, 60, target),
    };
    let mut bytes = reply.bytes();
    if world.below(3) == 0 {
        let at = world.below(bytes.len());
        bytes[at] = world.next() as u8;
    }
    bytes
}
