//! Names: what servers say of them and what they leave unsaid, whom that delays, and where a check then connects to.
//!
//! Names end in a dot wherever it matters that the search list of this machine is left out.

use std::fs;
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::dns::{A, AAAA, Dns, FORMERR, Message, NOTIMP, NXDOMAIN, Question, REFUSED, SERVFAIL, Say};
use crate::support::{Healthy, Report, Server, Step, TempDir, Upcheck, has_program, ms, program, skipped, wait_until};

/// The program with this name server.
pub(crate) fn asking(dns: &Dns) -> Upcheck {
    Upcheck::new().args(["--dns-server", &dns.address()])
}

/// A URL of this server by a name, with a path that tells it from others.
pub(crate) fn url(host: &str, server: &Server) -> String {
    format!("http://{host}:{}/", server.address().port())
}

/// Fails the test unless all that was checked is up.
#[track_caller]
pub(crate) fn assert_up(report: &Report) {
    assert_eq!(report.not("up"), Vec::<&serde_json::Value>::new());
    assert_ne!(report.summary["up"], 0, "{}", report.summary);
}

/// A listener that takes no more connections: a SYN to it is dropped, as a dead host's would be. With what fills it.
struct Deaf {
    _listener: Socket,
    _filling: Vec<Socket>,
}

impl Deaf {
    /// On this address, or `None` where this system does not drop connections beyond a backlog.
    fn on(address: &str, port: u16) -> Option<Deaf> {
        let address = SockAddr::from(std::net::SocketAddr::new(address.parse().expect("an address"), port));
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&address).ok()?;
        listener.listen(0).expect("a bound socket can listen");
        let mut filling = Vec::new();
        for _ in 0..8 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            if socket.connect_timeout(&address, ms(100)).is_err() {
                return Some(Deaf { _listener: listener, _filling: filling });
            }
            filling.push(socket);
        }
        None
    }
}

#[test]
fn every_failure_has_its_reason_and_its_words() {
    let dns = Dns::saying(|question| match question.name.as_str() {
        "gone.test." => question.answer().rcode(NXDOMAIN).soa(60),
        "empty.test." => question.answer().soa(60),
        "failing.test." => question.answer().rcode(SERVFAIL),
        "refused.test." => question.answer().rcode(REFUSED),
        "unable.test." => question.answer().rcode(NOTIMP),
        "unreadable.test." => question.answer().rcode(FORMERR),
        "lame.test." => question.answer().lame(),
        "loop.test." => question.answer().cname("loop.test.", "pool.test.").cname("pool.test.", "loop.test."),
        _ => question.answer().cut_short(),
    });
    let at = dns.address();
    let cases = [
        ("gone.test.", "dns_not_found", format!("no such name (NXDOMAIN from {at})")),
        ("empty.test.", "dns_not_found", format!("the name has no address (said {at})")),
        ("failing.test.", "dns_failed", format!("{at} answered SERVFAIL")),
        ("refused.test.", "dns_failed", format!("{at} answered REFUSED")),
        ("unable.test.", "dns_failed", format!("{at} answered NOTIMP")),
        ("unreadable.test.", "dns_failed", format!("{at} answered FORMERR")),
        ("lame.test.", "dns_failed", format!("{at} does not look names up for others")),
        ("loop.test.", "dns_failed", format!("more than 32 CNAMEs in a row (the last from {at})")),
        ("short.test.", "dns_failed", format!("{at} gave no usable answer over TCP")),
    ];
    let output = asking(&dns).args(["-o", "ndjson"]).args(cases.each_ref().map(|(host, ..)| host)).run();
    output.expect_code(1);
    let report = output.report();
    for (host, reason, words) in cases {
        let check = report.target(host);
        assert_eq!((check["verdict"].as_str(), check["reason"].as_str()), (Some("down"), Some(reason)), "{check}");
        assert_eq!(check["detail"], format!("{host}: {words}"));
        assert!(check["seconds"]["dns"].is_number() && check["seconds"]["connect"].is_null(), "{check}");
        assert!(check["address"].is_null(), "{check}");
    }
}

#[test]
fn silence_is_a_timeout_within_the_checks_own_time() {
    let dns = Dns::silent();
    for flag in ["--timeout", "--connect-timeout"] {
        let report = asking(&dns).args([flag, "600ms", "silent.test."]).report();
        let check = report.single();
        assert_eq!(check["reason"], "dns_timeout", "{check}");
        assert_eq!(check["detail"], "no address for silent.test. within 600 ms");
        assert!(check["seconds"]["dns"].as_f64() >= Some(0.6), "{check}");
    }
}

#[test]
fn a_server_where_nobody_listens_is_said_at_once() {
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a free loopback port").local_addr().expect("it is bound");
    let report = Upcheck::new().args(["-t", "25", "--dns-server", &nobody.to_string(), "www.test."]).report();
    let check = report.single();
    assert_eq!(check["reason"], "dns_failed", "{check}");
    assert_eq!(check["detail"], format!("www.test.: {nobody} is unreachable"));
}

/// An answer that would lead elsewhere if it were believed.
fn lie(question: &Question) -> Message {
    match question.kind {
        A => question.answer().a([127, 0, 0, 66]),
        _ => question.answer().aaaa(Ipv6Addr::LOCALHOST),
    }
}

/// The same with an owner or data that no message can have.
fn broken(question: &Question, owner: &[u8], data: &[u8]) -> Say {
    Say::This(question.answer().answer(owner, question.kind, 60, data))
}

/// What is no true answer, and how the server comes to say it.
type Lie = (&'static str, fn(&Question) -> Say);

const LIES: [Lie; 9] = [
    ("id", |question| Say::This(lie(question).other_id())),
    ("question", |question| Say::This(lie(question).about("other.test."))),
    ("port", |question| Say::FromElsewhere(lie(question))),
    ("query", |question| Say::This(lie(question).unanswering())),
    ("counts", |question| Say::This(lie(question).claiming(2))),
    // Where its own owner stands, behind the header and the question.
    ("pointer", |question| broken(question, &[0xc0, 12 + 18], &[127, 0, 0, 66])),
    ("length", |question| broken(question, &[0xc0, 12], &[127, 0, 66])),
    ("label", |question| broken(question, &[0x80, 12], &[127, 0, 0, 66])),
    ("noise", |_| Say::Bytes(vec![0xff; 700])),
];

fn lie_about(name: &str) -> fn(&Question) -> Say {
    let of = |lie: &&Lie| name.starts_with(lie.0);
    LIES.iter().find(of).expect("a name of the test's").1
}

#[test]
fn a_lie_is_never_believed() {
    let dns = Dns::saying(|question| vec![lie_about(&question.name)(question)]);
    let names = LIES.map(|(name, _)| format!("{name}.test."));
    let output = asking(&dns).args(["-t", "700ms", "-o", "ndjson"]).args(&names).run();
    let report = output.report();
    for name in names {
        let check = report.target(&name);
        assert_eq!(check["reason"], "dns_timeout", "{check}");
        assert!(check["address"].is_null(), "{check}");
    }
}

#[test]
fn after_the_lies_the_truth_is_believed_and_the_lies_are_counted() {
    let server = Server::ok();
    let dns = Dns::saying(|question| vec![lie_about(&question.name)(question), Say::This(question.local())]);
    let urls = LIES.map(|(name, _)| url(&format!("{name}.test."), &server));
    let output = asking(&dns).args(["-v", "-t", "25", "-o", "ndjson"]).args(urls).run();
    let report = output.expect_code(0).report();
    assert_up(&report);
    for check in &report.checks {
        assert_eq!(check["address"], server.address().to_string(), "{check}");
    }
    // One lie for each of A and AAAA. What came from another port never reached the program.
    let dropped = 2 * (LIES.len() - 1);
    assert!(output.err().contains(&format!(", {dropped} messages dropped")), "{output:?}");
}

#[test]
fn only_what_the_question_leads_to_is_taken_from_an_answer() {
    let server = Server::ok();
    let dns = Dns::saying(|question| match question.kind {
        A => question
            .answer()
            .a_of("other.test.", [127, 0, 0, 66])
            .cname("www.test.", "web.test.")
            .cname("other.test.", "www.test.")
            .a_of("www.other.test.", [127, 0, 0, 67])
            .a_of("web.test.", [127, 0, 0, 1])
            .extra("web.test.", [127, 0, 0, 68]),
        _ => question.answer().soa(60),
    });
    let report = asking(&dns).args(["--all-addresses", &url("www.test.", &server)]).report();
    assert_up(&report);
    assert_eq!(report.single()["address"], server.address().to_string());
    // And nothing of it is remembered of others.
    let report = asking(&dns).args([url("www.test.", &server), "other.test.".to_owned()]).report();
    assert_eq!(report.target("other.test.")["address"], serde_json::Value::Null);
}

#[test]
fn every_question_mixes_its_letters_and_an_answer_that_does_not_is_asked_for_over_tcp() {
    let server = Server::ok();
    let dns = Dns::saying(|question| match question.over_tcp {
        true => question.local().other_case(),
        false => question.ipv4([127, 0, 0, 66]).other_case(),
    });
    let host = "a-name-with-many-letters.test.";
    let report = asking(&dns).args(["-t", "25", &url(host, &server)]).report();
    assert_up(&report);
    assert_eq!(report.single()["address"], server.address().to_string());
    assert!(dns.asked().iter().all(|question| question.is_mixed && question.name == host), "{:?}", dns.asked());
    assert_eq!(server.request().header("host"), Some(format!("{host}:{}", server.address().port()).as_str()));
}

#[test]
fn a_server_that_cannot_read_edns_is_asked_without() {
    let server = Server::ok();
    let dns = Dns::saying(|question| match question.has_edns {
        true => question.answer().rcode(FORMERR),
        false => question.local(),
    });
    assert_up(&asking(&dns).args(["-t", "25", &url("www.test.", &server)]).report());
    let edns: Vec<bool> = dns.asked().iter().filter(|asked| asked.kind == A).map(|asked| asked.has_edns).collect();
    assert_eq!(edns, [true, false]);
}

#[test]
fn an_answer_that_was_cut_short_is_fetched_over_tcp() {
    let server = Server::ok();
    let dns = Dns::saying(|question| match (question.over_tcp, question.kind) {
        (false, _) => vec![Say::This(question.answer().cut_short())],
        (true, AAAA) => vec![Say::InParts(question.answer().soa(60))],
        (true, _) => {
            // More than a datagram holds.
            let many = (0..200).fold(question.answer(), |message, _| message.a([127, 0, 0, 1]));
            vec![Say::InParts(many)]
        }
    });
    assert_up(&asking(&dns).args(["-t", "25", &url("www.test.", &server)]).report());
    assert_eq!(dns.asked().iter().filter(|question| question.over_tcp).count(), 2);
}

/// Of `c9.test.` it says that it is `c8.test.`, and so on to `c0.test.`, which has an address: as many in one answer as
/// `most`.
fn chain(question: &Question, most: u32) -> Message {
    let number: u32 = question.name[1..].split('.').next().expect("a label").parse().expect("a name of the chain");
    let last = number.saturating_sub(most);
    let name = |number| format!("c{number}.test.");
    let message = (last..number).rev().fold(question.answer(), |message, n| message.cname(&name(n + 1), &name(n)));
    match (last, question.kind) {
        (0, A) => message.a_of("c0.test.", [127, 0, 0, 1]),
        (0, _) => message.soa(60),
        _ => message,
    }
}

#[test]
fn more_aliases_in_a_row_are_followed_than_anybody_has_and_not_without_end() {
    let server = Server::ok();
    for most in [1, 3, 40] {
        let dns = Dns::saying(move |question| chain(question, most));
        let [nine, sixteen, endless] = ["c9.test.", "c16.test.", "c33.test."].map(|host| url(host, &server));
        let report = asking(&dns).args(["-t", "25", &nine, &sixteen, &endless]).report();
        for followed in [&nine, &sixteen] {
            assert_eq!(report.target(followed)["verdict"], "up", "{most} in an answer: {}", report.target(followed));
        }
        assert_eq!(report.target(&endless)["reason"], "dns_failed", "{}", report.target(&endless));
    }
}

#[test]
fn a_thousand_targets_on_one_host_are_one_lookup() {
    const TARGETS: usize = 1000;
    const DELAY: Duration = ms(600);
    let server = Healthy::start();
    let dns = Dns::saying(|question| vec![Say::Later(DELAY, question.local())]);
    let targets: String =
        (0..TARGETS).map(|n| server.url(&format!("/{n}\n")).replace("127.0.0.1", "www.test.")).collect();
    let output = asking(&dns).args(["-v", "-f", "-", "-c", "100", "-t", "25", "-o", "ndjson"]).stdin(targets).run();
    let report = output.expect_code(0).report();
    assert_eq!(report.summary["up"], TARGETS);
    assert_eq!((dns.count(A), dns.count(AAAA)), (1, 1));
    assert!(output.err().contains("1 looked up with 2 queries over at most 1 socket, 900 known already"), "{output:?}");
    // Those that came first waited, each for as long as it took; the others found it in the cache.
    let waited = |check: &&serde_json::Value| check["seconds"]["dns"].as_f64().expect("a number") >= 0.3;
    assert_eq!(report.checks.iter().filter(waited).count(), 100);
}

#[test]
fn absence_is_remembered_as_long_as_the_server_says() {
    let dns = Dns::saying(|question| match question.name.as_str() {
        "gone.test." => question.answer().rcode(NXDOMAIN).soa(60),
        _ => question.answer().rcode(NXDOMAIN),
    });
    let targets: String = (0..20).map(|n| format!("gone.test./{n}\nunsaid.test./{n}\n")).collect();
    let report = asking(&dns).args(["-f", "-", "-c", "1", "-t", "25"]).stdin(targets).report();
    assert_eq!(report.summary["reasons"]["dns_not_found"], 40, "{}", report.summary);
    let asked = |name: &str| dns.asked().iter().filter(|question| question.name == name).count();
    assert_eq!((asked("gone.test."), asked("unsaid.test.")), (2, 40));
}

#[test]
fn the_next_server_is_asked_where_one_is_of_no_help() {
    let server = Server::ok();
    let good = Dns::local();
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a free loopback port").local_addr().expect("it is bound");
    let failing = Dns::saying(|question| question.answer().rcode(SERVFAIL));
    let refusing = Dns::saying(|question| question.answer().rcode(REFUSED));
    let lame = Dns::saying(|question| question.answer().lame());
    let (first, second, third) = (failing.address(), refusing.address(), lame.address());
    for first in [first, second, third, nobody.to_string()] {
        let output = Upcheck::new()
            .args(["-t", "25", "-o", "ndjson", "--dns-server", &first, "--dns-server", &good.address()])
            .arg(url("www.test.", &server))
            .run();
        assert_up(&output.report());
    }
    // An absence is an answer, and ends it.
    let absent = Dns::saying(|question| question.answer().rcode(NXDOMAIN).soa(60));
    let asked = good.asked().len();
    let report = asking(&absent).args(["--dns-server", &good.address(), "www.test."]).report();
    assert_eq!(report.single()["reason"], "dns_not_found");
    assert_eq!(good.asked().len(), asked);
}

#[test]
fn a_silent_first_server_costs_a_second_once_and_no_verdict() {
    let server = Server::ok();
    let (silent, good) = (Dns::silent(), Dns::local());
    let targets: String = (0..20).map(|n| url(&format!("name-{n}.test."), &server) + "\n").collect();
    let folder = TempDir::new();
    // With the usual timeout of 5 s, which is also that of a resolv.conf that does not say otherwise.
    let output = with_etc("resolv.conf", &folder.write("resolv.conf", "nameserver 192.0.2.1\n"))
        .args(["--dns-server", &silent.address(), "--dns-server", &good.address()])
        .args(["-f", "-", "-c", "1", "-o", "ndjson"])
        .stdin(targets)
        .run();
    if cannot_mount(&output.stderr) {
        return;
    }
    let report = output.expect_code(0).report();
    assert_up(&report);
    assert!(silent.asked().iter().all(|question| question.name == "name-0.test."), "{:?}", silent.asked());
    let slow = report.checks.iter().filter(|check| check["seconds"]["dns"].as_f64() >= Some(0.9)).count();
    assert_eq!(slow, 1, "{:#?}", report.checks);
}

#[test]
fn localhost_is_never_asked_of_a_server() {
    let server = Server::ok();
    let dns = Dns::saying(|question| question.ipv4([127, 0, 0, 66]));
    let urls = ["localhost", "LOCALHOST.", "my.localhost", "deep.in.localhost."].map(|host| url(host, &server));
    let report = asking(&dns).args(["-4"]).args(&urls).report();
    assert_eq!(report.summary["up"], urls.len());
    for check in &report.checks {
        assert_eq!(check["address"], server.address().to_string(), "{check}");
    }
    assert_eq!(dns.asked().len(), 0);
}

#[test]
fn what_is_given_with_resolve_needs_no_server() {
    let server = Server::ok();
    let port = server.address().port();
    let dns = Dns::silent();
    let given = |host: &str, address: &str| format!("{host}:{port}:{address}");
    let cases = [
        (vec![given("www.test", "127.0.0.1")], "www.test"),
        (vec![given("WWW.test", "127.0.0.1")], "www.TEST"),
        (vec![given("*", "127.0.0.1")], "any.test"),
        (vec![given("*", "127.0.0.66"), given("www.test", "127.0.0.1")], "www.test"),
        (vec![given("www.test", "127.0.0.66"), given("www.test", "127.0.0.1")], "www.test"),
        (vec![given("localhost", "127.0.0.1")], "localhost"),
    ];
    for (given, host) in cases {
        let arguments = given.iter().flat_map(|given| ["--resolve", given.as_str()]);
        let report = asking(&dns).args(arguments).arg(url(host, &server)).report();
        assert_up(&report);
        assert_eq!(report.single()["address"], server.address().to_string(), "{given:?}");
    }
    let host = server.requests()[0].header("host").expect("there is one").to_owned();
    assert_eq!(host, format!("www.test:{port}"), "the server is asked for the name");
    assert_eq!(dns.asked().len(), 0);
}

#[test]
fn resolve_takes_ipv6_with_and_without_brackets() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        skipped!("no ::1 on this machine");
        return;
    };
    let server = Server::answering_on(listener, |_| vec![Step::ok()]);
    let port = server.address().port();
    for address in ["::1", "[::1]"] {
        let given = format!("www.test:{port}:{address}");
        let report = Upcheck::new().args(["--resolve", &given, &url("www.test", &server)]).report();
        assert_up(&report);
        assert_eq!(report.single()["address"], server.address().to_string());
    }
}

#[test]
fn what_cannot_be_meant_is_an_input_error() {
    let cases = [
        ["--resolve", "www.test"],
        ["--resolve", "www.test:80"],
        ["--resolve", "www.test:0:127.0.0.1"],
        ["--resolve", "www.test:80:nowhere"],
        ["--resolve", ":80:127.0.0.1"],
        ["--dns-server", "ns.test"],
        ["--dns-server", "127.0.0.1:99999"],
    ];
    for arguments in cases {
        let output = Upcheck::new().args(arguments).arg("http://127.0.0.1:1/").run();
        output.expect_code(3);
        assert!(output.err().contains(arguments[0]) && output.err().contains(arguments[1]), "{output:?}");
    }
    let four = ["127.0.0.1"; 4].into_iter().flat_map(|server| ["--dns-server", server]);
    Upcheck::new().args(four).arg("http://127.0.0.1:1/").run().expect_code(3);
}

#[test]
fn one_family_is_asked_for_alone() {
    let server = Server::ok();
    for (flag, kind) in [("-4", A), ("--ipv4", A), ("-6", AAAA), ("--ipv6", AAAA)] {
        let dns = Dns::local();
        let report = asking(&dns).args([flag, &url("www.test.", &server)]).report();
        let kinds: Vec<u16> = dns.asked().iter().map(|question| question.kind).collect();
        assert_eq!(kinds, [kind], "{flag}");
        let reason = if kind == A { "ok" } else { "dns_not_found" };
        assert_eq!(report.single()["reason"], reason, "{}", report.single());
    }
    let dns = Dns::local();
    let report = asking(&dns).args(["-6", "www.test."]).report();
    let words = format!("www.test.: the name has no IPv6 address (said {})", dns.address());
    assert_eq!(report.single()["detail"], words);
}

/// A host with addresses of both families, IPv4 first where there is no IPv6.
#[test]
fn both_families_are_tried_ipv6_first() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        skipped!("no ::1 on this machine");
        return;
    };
    let six = Server::answering_on(listener, |_| vec![Step::ok()]);
    let port = six.address().port();
    let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) else {
        skipped!("port {port} is taken on 127.0.0.1");
        return;
    };
    let four = Server::answering_on(listener, |_| vec![Step::ok()]);
    let dns = Dns::saying(|question| match question.kind {
        A => question.answer().a([127, 0, 0, 1]),
        _ => question.answer().aaaa(Ipv6Addr::LOCALHOST),
    });
    for (flags, expected) in [(&[][..], &six), (&["-4"], &four), (&["-6"], &six)] {
        let report = asking(&dns).args(flags).arg(url("www.test.", &six)).report();
        assert_up(&report);
        assert_eq!(report.single()["address"], expected.address().to_string(), "{flags:?}");
    }
}

#[test]
fn all_addresses_makes_one_outcome_for_each() {
    let server = Server::ok();
    let port = server.address().port();
    let Ok(listener) = TcpListener::bind(("127.0.0.2", port)) else {
        skipped!("no 127.0.0.2 on this machine");
        return;
    };
    let _second = Server::answering_on(listener, |_| vec![Step::ok()]);
    let dns = Dns::saying(|question| match question.kind {
        A => question.answer().a([127, 0, 0, 1]).a([127, 0, 0, 2]).a([127, 0, 0, 3]),
        _ => question.answer().soa(60),
    });
    let target = url("www.test.", &server);
    let output = asking(&dns).args(["--all-addresses", "-o", "ndjson", &target]).run();
    let report = output.expect_code(1).report();
    assert_eq!((&report.summary["total"], &report.summary["up"]), (&3.into(), &2.into()), "{}", report.summary);
    assert!(report.checks.iter().all(|check| check["target"] == target), "{:#?}", report.checks);
    let mut up: Vec<&str> = report.checks.iter().filter_map(|check| check["address"].as_str()).collect();
    up.sort_unstable();
    assert_eq!(up, [format!("127.0.0.1:{port}"), format!("127.0.0.2:{port}")]);
    let refused = report.not("up")[0];
    assert_eq!(refused["detail"], format!("127.0.0.3:{port} refused the connection"), "{refused}");
    assert_eq!((dns.count(A), dns.count(AAAA)), (1, 1), "they are not looked up again");
}

#[test]
fn a_dead_first_address_costs_no_verdict_and_is_told_with_v() {
    let server = Server::ok();
    let port = server.address().port();
    let dns = Dns::saying(|question| match question.kind {
        A => question.answer().a([127, 0, 0, 2]).a([127, 0, 0, 1]),
        _ => question.answer().soa(60),
    });
    let run = |format: &str| asking(&dns).args(["-t", "25", "-v", "-o", format, &url("www.test.", &server)]).run();

    // One that refuses.
    let report = run("ndjson").report();
    assert_up(&report);
    assert_eq!(report.single()["address"], server.address().to_string());
    let output = run("human");
    assert!(output.out().contains(&format!("note: 127.0.0.2:{port} refused the connection")), "{output:?}");

    // One that does not answer.
    let Some(_deaf) = Deaf::on("127.0.0.2", port) else {
        skipped!("no address that drops connections");
        return;
    };
    let report = run("ndjson").report();
    assert_up(&report);
    let check = report.single();
    assert_eq!(check["address"], server.address().to_string());
    let connect = check["seconds"]["connect"].as_f64().expect("a number");
    assert!((0.25..5.0).contains(&connect), "the first has a head start of 250 ms: {check}");
    let output = run("human");
    assert!(output.out().contains(&format!("note: 127.0.0.2:{port} had not answered")), "{output:?}");
}

#[test]
fn all_addresses_dead_is_a_verdict() {
    let server = Server::ok();
    let dns = Dns::saying(|question| match question.kind {
        A => question.answer().a([127, 0, 0, 2]).a([127, 0, 0, 3]),
        _ => question.answer().soa(60),
    });
    let report = asking(&dns).args(["-t", "25", &url("www.test.", &server)]).report();
    assert_eq!(report.single()["reason"], "connect_refused", "{}", report.single());
}

#[test]
fn one_silent_name_among_a_thousand_delays_nobody_but_itself() {
    const GOOD: usize = 1000;
    const LIMIT: f64 = 6.0;
    let server = Healthy::start();
    let dns = Dns::saying(|question| match question.name.as_str() {
        "silent.test." => vec![],
        _ => vec![Say::This(question.local())],
    });
    let name = |n: usize| if n == GOOD / 2 { "silent.test.".to_owned() } else { format!("name-{n}.test.") };
    let targets: String = (0..=GOOD).map(|n| server.url("/\n").replace("127.0.0.1", &name(n))).collect();
    let report = asking(&dns).args(["-f", "-", "-t", &LIMIT.to_string()]).stdin(targets).report();
    let not_up = report.not("up");
    assert_eq!((report.summary["up"].as_u64(), not_up.len()), (Some(GOOD as u64), 1), "{not_up:#?}");
    assert_eq!(not_up[0]["reason"], "dns_timeout", "{}", not_up[0]);
    let total = |check: &serde_json::Value| check["seconds"]["total"].as_f64().expect("a number");
    // What the others took of our time in the beginning is not booked as its own.
    assert!((LIMIT - 0.1..LIMIT + 2.0).contains(&total(not_up[0])), "{}", not_up[0]);
    // Under load the others may take a while, but not for the silent one's sake.
    let slowest = report.checks.iter().filter(|check| check["verdict"] == "up").map(total).fold(0.0, f64::max);
    assert!(slowest < LIMIT - 1.0, "{slowest} s");
}

#[test]
fn two_thousand_names_in_flight_share_a_few_sockets() {
    const NAMES: usize = 2000;
    let server = Healthy::start();
    // Nobody is answered before all are under way.
    let dns = Dns::saying(|question| vec![Say::Later(ms(4000), question.local())]);
    let targets: String =
        (0..NAMES).map(|n| server.url("/\n").replace("127.0.0.1", &format!("name-{n}.test."))).collect();
    let folder = TempDir::new();
    let file = folder.write("targets", targets);
    let running = asking(&dns).args(["-v", "-c", "2000", "-t", "25", "-o", "ndjson", "-f", &file]).spawn();
    // Sent once, the first of them perhaps a second time by now.
    wait_until("all are asked for", || dns.count(A) >= NAMES);
    let sockets = fs::read_dir(format!("/proc/{}/fd", running.pid()))
        .expect("the process is alive")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count();
    let output = running.finish();
    let report = output.expect_code(0).report();
    assert_eq!(report.summary["up"], NAMES, "{:#?}", report.not("up").first());
    assert!((1..=32).contains(&sockets), "{sockets} sockets");
    let words = output.err().split_once("over at most ").expect("-v says so").1;
    let most: usize = words.split(' ').next().expect("a word").parse().expect("a number");
    assert!((1..=32).contains(&most), "{output:?}");
}

/// The program in a mount namespace of its own, where `/etc` is empty but for a copy of this file under this name.
pub(crate) fn with_etc(name: &str, file: &str) -> Upcheck {
    let set_up = "exec 3<\"$FILE\" && mount -t tmpfs none /etc && cat <&3 >\"/etc/$NAME\" && exec \"$0\" \"$@\" 3<&-";
    Upcheck::in_shell("exec unshare -m sh -c \"$SET_UP\" \"$0\" \"$@\"")
        .env("SET_UP", set_up)
        .env("FILE", file)
        .env("NAME", name)
}

/// As [`with_etc`], where a folder stands under this name: something that is there and cannot be read, by root either.
fn with_unreadable(name: &str) -> Upcheck {
    let set_up = "mount -t tmpfs none /etc && mkdir \"/etc/$NAME\" && exec \"$0\" \"$@\"";
    Upcheck::in_shell("exec unshare -rm sh -c \"$SET_UP\" \"$0\" \"$@\"").env("SET_UP", set_up).env("NAME", name)
}

/// Whether a run of [`with_etc`] came to nothing since this user may not mount, or cannot.
pub(crate) fn cannot_mount(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    let cannot = text.contains("unshare:") || text.contains("mount:");
    if cannot {
        skipped!("this user cannot mount: {}", text.trim());
    }
    cannot
}

#[test]
fn an_empty_container_will_do() {
    // No resolv.conf, no hosts, no nsswitch.conf: /etc holds one file that means nothing.
    let server = Server::ok();
    let dns = Dns::local();
    let folder = TempDir::new();
    let nothing = folder.write("nothing", "");
    let given = format!("given.test:{}:127.0.0.1", server.address().port());
    let urls = ["127.0.0.1", "given.test", "asked.test", "localhost"].map(|host| url(host, &server));
    let output = with_etc("nothing", &nothing)
        .args(["--resolve", &given, "--dns-server", &dns.address(), "-o", "ndjson"])
        .args(&urls)
        .run();
    if cannot_mount(&output.stderr) {
        return;
    }
    assert_eq!(output.expect_code(0).report().summary["up"], urls.len());
    assert_eq!(dns.asked().len(), 2, "asked.test, both families: there is no search list");

    // Without a file and a flag it is the server of this machine, as everywhere.
    let report = with_etc("nothing", &nothing).args(["-t", "3", "www.test"]).report();
    let detail = report.single()["detail"].as_str().expect("a text");
    assert!(detail.contains("127.0.0.1") || detail.contains("within 3 s"), "{detail}");
}

#[test]
fn the_hosts_file_comes_before_any_server() {
    let server = Server::ok();
    let dns = Dns::silent();
    let folder = TempDir::new();
    let hosts = folder.write("hosts", "# ours\n127.0.0.1 db db.test # the database\n");
    let output = with_etc("hosts", &hosts)
        .args(["--dns-server", &dns.address(), "-o", "ndjson"])
        .args(["db", "DB.test", "db.test."].map(|host| url(host, &server)))
        .run();
    if cannot_mount(&output.stderr) {
        return;
    }
    assert_eq!(output.expect_code(0).report().summary["up"], 3);
    assert_eq!(dns.asked().len(), 0);
}

#[test]
fn the_search_list_is_that_of_resolv_conf() {
    let server = Server::ok();
    let dns = Dns::saying(|question| match question.name.as_str() {
        "db.b.test." => question.local(),
        _ => question.answer().rcode(NXDOMAIN).soa(60),
    });
    let folder = TempDir::new();
    let conf = folder.write("resolv.conf", "nameserver 192.0.2.1\nsearch a.test b.test\noptions ndots:1\n");
    let output = with_etc("resolv.conf", &conf)
        .args(["-4", "--dns-server", &dns.address(), "-o", "ndjson"])
        .args([url("db", &server), "db.".to_owned()])
        .run();
    if cannot_mount(&output.stderr) {
        return;
    }
    let report = output.expect_code(1).report();
    assert_eq!(report.target(&url("db", &server))["verdict"], "up", "{:#?}", report.checks);
    assert_eq!(report.target("db.")["reason"], "dns_not_found", "the dot skips the search list");
    let mut names: Vec<String> = dns.asked().into_iter().map(|question| question.name).collect();
    names.sort();
    assert_eq!(names, ["db.", "db.a.test.", "db.b.test."]);
}

#[test]
fn a_file_of_names_that_cannot_be_read_is_nobodys_fault_but_ours() {
    let server = Server::ok();
    let dns = Dns::local();
    let given = format!("given.test:{}:127.0.0.1", server.address().port());
    let hosts = ["127.0.0.1", "localhost", "given.test", "asked.test."];
    for (name, servers, may_ask) in
        [("hosts", true, false), ("hosts", false, false), ("resolv.conf", true, true), ("resolv.conf", false, false)]
    {
        let mut program = with_unreadable(name).args(["--resolve", &given, "-o", "ndjson", "--retry", "1"]);
        if servers {
            program = program.args(["--dns-server", &dns.address()]);
        }
        let output = program.args(hosts.map(|host| url(host, &server))).run();
        if cannot_mount(&output.stderr) {
            return;
        }
        let report = output.expect_code(if may_ask { 0 } else { 1 }).report();
        assert_eq!(report.summary["up"], if may_ask { 4 } else { 3 }, "{name}: {:#?}", report.checks);
        if !may_ask {
            let check = report.target(&url("asked.test.", &server));
            assert_eq!((&check["verdict"], &check["reason"]), (&"unknown".into(), &"local_error".into()), "{check}");
            let words = format!("/etc/{name} cannot be read, and says how names are looked up: Is a directory");
            assert_eq!(check["detail"], words, "{check}");
        }
    }
    assert_eq!(dns.asked().len(), 2, "asked.test, both families, where it may be asked for");
}

#[test]
fn a_redirect_to_another_host_is_looked_up_too() {
    let server = Server::answering(|request| match request.header("host") {
        Some(host) if host.starts_with("old.") => {
            let port = host.rsplit(':').next().expect("a port");
            let head = format!("HTTP/1.1 301 Moved\r\nLocation: http://new.test.:{port}/\r\nContent-Length: 0\r\n\r\n");
            vec![Step::send(head)]
        }
        _ => vec![Step::ok()],
    });
    let dns = Dns::saying(|question| match question.name.as_str() {
        "new.test." | "old.test." => question.local(),
        _ => question.answer().rcode(NXDOMAIN),
    });
    let report = asking(&dns).args(["-L", &url("old.test.", &server)]).report();
    assert_up(&report);
    assert_eq!(report.single()["redirects"], 1);
    assert_eq!((dns.count(A), dns.count(AAAA)), (2, 2));
}

/// dnsmasq on a port of its own, until it is dropped.
struct Dnsmasq {
    child: Child,
    address: String,
}

impl Dnsmasq {
    /// With these options more. `None` where it is not installed.
    fn start(options: &[&str]) -> Option<Dnsmasq> {
        if !has_program("dnsmasq") {
            skipped!("no dnsmasq on this machine");
            return None;
        }
        let mut dnsmasq = Dnsmasq::spawn(options);
        wait_until("dnsmasq listens", || {
            let listens = TcpStream::connect(&dnsmasq.address).is_ok();
            if dnsmasq.child.try_wait().expect("a child of ours").is_none() {
                return listens;
            }
            // Somebody else took its port between our look and its own.
            dnsmasq = Dnsmasq::spawn(options);
            false
        });
        Some(dnsmasq)
    }

    fn spawn(options: &[&str]) -> Dnsmasq {
        let free = UdpSocket::bind("127.0.0.1:0").expect("a free loopback port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let child = Command::new(program("dnsmasq").expect("the caller has looked"))
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"])
            .args(["--listen-address=127.0.0.1", "--pid-file=", "--user=", "--log-facility=/dev/null"])
            .arg(format!("--port={}", address.port()))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is there");
        Dnsmasq { child, address: address.to_string() }
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn dnsmasq_is_understood() {
    let many: Vec<String> = (1..=100).map(|n| format!("--host-record=many.test,127.0.1.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let options = [
        "--local=/test/",
        "--host-record=www.test,127.0.0.1",
        "--host-record=six.test,::1",
        "--cname=alias.test,www.test",
        "--txt-record=text.test,words",
        "--local-ttl=60",
    ];
    let Some(dnsmasq) = Dnsmasq::start(&[&options[..], &many].concat()) else { return };
    let server = Server::ok();
    let at = &dnsmasq.address;
    let run = |flags: &[&str], host: &str| {
        Upcheck::new().args(["-t", "25", "--dns-server", at]).args(flags).arg(url(host, &server)).report()
    };
    for host in ["www.test.", "WWW.Test.", "alias.test."] {
        let report = run(&[], host);
        assert_up(&report);
        assert_eq!(report.single()["address"], server.address().to_string(), "{host}");
    }
    let not_found = |flags: &[&str], host: &str| {
        let report = run(flags, host);
        assert_eq!(report.single()["reason"], "dns_not_found", "{}", report.single());
        report.single()["detail"].as_str().expect("a text").to_owned()
    };
    assert_eq!(not_found(&[], "gone.test."), format!("gone.test.: no such name (NXDOMAIN from {at})"));
    assert_eq!(not_found(&[], "text.test."), format!("text.test.: the name has no address (said {at})"));
    assert_eq!(not_found(&["-4"], "six.test."), format!("six.test.: the name has no IPv4 address (said {at})"));
    // It has no server to ask for what is not its own.
    let report = run(&[], "www.elsewhere.");
    assert_eq!(report.single()["reason"], "dns_failed", "{}", report.single());
    // A hundred addresses do not fit into a datagram, and are more than are taken.
    let report = run(&["--all-addresses", "-4"], "many.test.");
    assert_eq!(report.summary["total"], 16, "{}", report.summary);
}
