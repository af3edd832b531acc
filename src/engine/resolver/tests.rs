//! The resolver on a loop of its own, against scripted servers on sockets of this machine.

use std::net::SocketAddr;

use super::files::Files;
use super::local::INCOMPLETE_TTL_MAX;
use super::sockets::{QUERIES_PER_SOCKET, SOCKETS_MAX, TCP_MAX, UDP_PER_SERVER_MAX};
use super::testing::{A, AAAA, PATIENCE, Question, Script, Server, nobody};
use super::*;
use crate::check::outcome::{Failure, Reason};
use crate::engine::Tag;
use crate::proto::dns::config::ResolvConf;
use crate::reactor::clock::Clock;
use crate::sys::random::Numbers;

/// A resolver on a loop of its own.
struct Bench {
    reactor: Reactor<Tag<()>>,
    resolver: Resolver,
    /// Ends a test that would wait for ever.
    guard: Key,
    waiters: u32,
    /// The resolver is told that it is still this time.
    stopped_at: Option<Instant>,
}

impl Bench {
    fn with(names: Names, conf: ResolvConf, hosts: &str) -> Bench {
        let mut reactor = Reactor::new(Clock::start()).unwrap();
        let guard = reactor.open(Tag::Owner(()));
        let at = reactor.clock().now() + PATIENCE;
        reactor.arm(guard, at);
        let mut numbers = Numbers::new();
        let mut resolver = Resolver::new(Names::default(), move || numbers.next_u64());
        resolver.local = Local::with_files(names, conf, hosts);
        Bench { reactor, resolver, guard, waiters: 0, stopped_at: None }
    }

    fn asking(servers: &[SocketAddr]) -> Bench {
        Bench::with(Names::default(), conf(servers), "")
    }

    /// No time passes for the resolver: however slow a server is that answers at all, on a machine that has much else to do,
    /// it is as good as quick.
    fn in_no_time(self) -> Bench {
        Bench { stopped_at: Some(self.reactor.clock().started()), ..self }
    }

    fn waiter(&mut self) -> Waiter {
        self.waiters += 1;
        Waiter { id: self.waiters, key: self.guard }
    }

    fn resolve(&mut self, host: &str) -> (Found, Waiter) {
        let now = self.reactor.clock().now();
        self.resolve_at(host, now)
    }

    fn resolve_at(&mut self, host: &str, now: Instant) -> (Found, Waiter) {
        let waiter = self.waiter();
        (self.resolver.resolve(host, 80, waiter, None, now, &mut self.reactor), waiter)
    }

    fn later(&mut self, host: &str) -> (Ticket, Waiter) {
        match self.resolve(host) {
            (Found::Later(ticket), waiter) => (ticket, waiter),
            (now, _) => panic!("{host}: {now:?}"),
        }
    }

    fn turn(&mut self) {
        let mut ready = Vec::new();
        let now = self.reactor.turn(&mut ready).unwrap();
        let now = self.stopped_at.unwrap_or(now);
        for event in ready {
            if !self.reactor.is_open(event.key()) {
                continue;
            }
            match event {
                Ready::Io { tag: Tag::Names(part), .. } | Ready::Deadline { tag: Tag::Names(part), .. } => {
                    self.resolver.handle(part, event, now, &mut self.reactor);
                }
                other => panic!("nothing more came: {other:?}"),
            }
        }
    }

    fn next_done(&mut self) -> Done {
        loop {
            if let Some(done) = self.resolver.next_done() {
                return done;
            }
            self.turn();
        }
    }

    /// Looks one name up.
    fn look_up(&mut self, host: &str) -> Result<Addresses, Trouble> {
        let (_, waiter) = self.later(host);
        let done = self.next_done();
        assert_eq!(done.waiters, [waiter]);
        done.result
    }

    fn fails(&mut self, host: &str) -> Failure {
        match self.look_up(host) {
            Err(Trouble::Target(failure)) => failure,
            other => panic!("{host}: {other:?}"),
        }
    }

    /// No lookup holds anything any more.
    fn assert_idle(&self) {
        assert_eq!(self.resolver.flights.len(), 0);
        assert!(self.resolver.by_host.is_empty());
        self.resolver.sockets.assert_idle();
    }
}

fn conf(servers: &[SocketAddr]) -> ResolvConf {
    ResolvConf { servers: servers.to_vec(), timeout: Duration::from_millis(60), ..ResolvConf::default() }
}

fn addresses(texts: &[&str]) -> Addresses {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn found(texts: &[&str]) -> Result<Addresses, Trouble> {
    Ok(addresses(texts))
}

fn good(question: &Question<'_>) -> Vec<Vec<u8>> {
    vec![question.address(1, 60)]
}

fn silent(_: &Question<'_>) -> Vec<Vec<u8>> {
    Vec::new()
}

const BOTH: [&str; 2] = ["2001:db8::1", "10.0.0.1"];

#[test]
fn one_lookup_serves_all_who_wait_for_the_name() {
    let server = Server::start(good);
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    let waiters: Vec<Waiter> = (0..100).map(|_| bench.later("www.example").1).collect();
    let done = bench.next_done();
    assert_eq!(done.waiters, waiters);
    assert_eq!(done.result, found(&BOTH));
    let mut seen = server.seen();
    seen.sort();
    assert_eq!(seen, [("www.example".to_owned(), A), ("www.example".to_owned(), AAAA)]);
    let stats = bench.resolver.stats();
    assert_eq!((stats.lookups, stats.queries, stats.answers, stats.sockets_most), (1, 2, 2, 1));
    bench.assert_idle();
}

#[test]
fn an_answer_holds_for_its_ttl() {
    let server = Server::start(good);
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    assert_eq!(bench.look_up("www.example"), found(&BOTH));
    assert_eq!(bench.resolve("www.example").0, Found::Now(found(&BOTH)));
    let later = bench.reactor.clock().now() + Duration::from_secs(60);
    assert!(matches!(bench.resolve_at("www.example", later).0, Found::Later(_)));
    assert_eq!(bench.resolver.stats().cached, 1);
}

#[test]
fn an_absence_holds_as_long_as_the_zone_says() {
    let server = Server::start(|question| vec![question.no_such_name(30)]);
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    let failure = bench.fails("gone.example");
    assert_eq!(failure.reason, Reason::DnsNotFound);
    assert!(failure.detail.starts_with("gone.example: no such name"), "{}", failure.detail);
    assert_eq!(bench.resolve("gone.example").0, Found::Now(Err(Trouble::Target(failure))));
    let later = bench.reactor.clock().now() + Duration::from_secs(30);
    assert!(matches!(bench.resolve_at("gone.example", later).0, Found::Later(_)));
}

#[test]
fn what_must_not_be_remembered_is_asked_again() {
    // A TTL of zero; an absence without a SOA record; a server that fails.
    let scripts: [Script; 3] = [
        |question| vec![question.address(1, 0)],
        |question| vec![question.empty(3)],
        |question| vec![question.empty(2)],
    ];
    for script in scripts {
        let server = Server::start(script);
        let mut bench = Bench::asking(&[server.address]).in_no_time();
        let first = bench.look_up("www.example");
        assert_eq!(bench.look_up("www.example"), first);
    }
}

#[test]
fn an_answer_without_one_family_is_soon_asked_again() {
    let server = Server::start(|question| if question.kind == A { good(question) } else { silent(question) });
    let mut bench =
        Bench::with(Names::default(), ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) }, "");
    assert_eq!(bench.look_up("www.example"), found(&["10.0.0.1"]));
    assert!(matches!(bench.resolve("www.example").0, Found::Now(Ok(_))));
    let later = bench.reactor.clock().now() + INCOMPLETE_TTL_MAX;
    assert!(matches!(bench.resolve_at("www.example", later).0, Found::Later(_)));
}

#[test]
fn a_port_at_which_nobody_listens_fails_at_once() {
    let mut bench =
        Bench::with(Names::default(), ResolvConf { timeout: Duration::from_secs(30), ..conf(&[nobody()]) }, "");
    let begun = Instant::now();
    for number in 0..100 {
        bench.later(&format!("name-{number}.example"));
    }
    for _ in 0..100 {
        match bench.next_done().result {
            Err(Trouble::Target(failure)) => {
                assert_eq!(failure.reason, Reason::DnsFailed);
                assert!(failure.detail.ends_with(" is unreachable"), "{}", failure.detail);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    bench.assert_idle();
}

#[test]
fn silence_is_a_timeout_after_every_attempt() {
    let server = Server::start(silent);
    let mut bench = Bench::asking(&[server.address]);
    let begun = Instant::now();
    let failure = bench.fails("www.example");
    assert_eq!(failure.reason, Reason::DnsTimeout);
    assert_eq!(&*failure.detail, format!("www.example: no answer from {} in 2 attempts", server.address));
    assert!(begun.elapsed() >= Duration::from_millis(120));
    assert_eq!(server.seen_in_the_end().len(), 4);
    bench.assert_idle();
}

#[test]
fn the_next_server_is_asked_when_one_is_silent_refuses_or_fails() {
    let good_one = Server::start(good);
    let silent_one = Server::start(silent);
    let failing = Server::start(|question| vec![question.empty(2)]);
    let refusing = Server::start(|question| vec![question.empty(5)]);
    for first in [silent_one.address, failing.address, refusing.address, nobody()] {
        let mut bench = Bench::asking(&[first, good_one.address]);
        assert_eq!(bench.look_up("www.example"), found(&BOTH));
        bench.assert_idle();
    }
}

#[test]
fn a_silent_server_is_asked_last_from_then_on() {
    let silent_one = Server::start(silent);
    let good_one = Server::start(good);
    let mut bench = Bench::asking(&[silent_one.address, good_one.address]);
    for name in ["a.example", "b.example", "c.example"] {
        assert_eq!(bench.look_up(name), found(&BOTH));
    }
    assert!(silent_one.seen().iter().all(|(name, _)| name == "a.example"), "{:?}", silent_one.seen());
    bench.assert_idle();
}

#[test]
fn a_server_that_is_silent_about_one_name_is_still_asked_first() {
    let script: Script = |question| if question.name == "dead.example" { silent(question) } else { good(question) };
    let first = Server::start(script);
    let second = Server::start(good);
    let mut bench = Bench::asking(&[first.address, second.address]);
    bench.later("dead.example");
    bench.turn();
    assert_eq!(bench.look_up("a.example"), found(&BOTH));
    assert_eq!(bench.next_done().result, found(&BOTH), "the second knows it");
    assert_eq!(bench.look_up("b.example"), found(&BOTH));
    assert_eq!(second.seen().iter().filter(|(name, _)| name != "dead.example").count(), 0);
}

#[test]
fn no_address_at_all_is_not_found() {
    let server = Server::start(|question| vec![question.empty(0)]);
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    assert_eq!(bench.fails("www.example").reason, Reason::DnsNotFound);
}

#[test]
fn what_is_no_name_is_said_at_once() {
    let mut bench = Bench::asking(&[nobody()]);
    for host in ["a..b", "a b", ".", &"a".repeat(64)] {
        match bench.resolve(host).0 {
            Found::Now(Err(Trouble::Target(failure))) => assert_eq!(failure.reason, Reason::DnsFailed, "{host}"),
            other => panic!("{host}: {other:?}"),
        }
    }
    assert_eq!(bench.resolver.stats(), ResolverStats::default());
}

#[test]
fn an_answer_that_was_cut_short_is_fetched_over_tcp() {
    let server = Server::start(|question| match question.over_tcp {
        true => good(question),
        false => vec![question.truncated()],
    });
    // One family: of two, the slower one is not waited for long.
    let names = Names { families: Families::V4, ..Names::default() };
    let mut bench = Bench::with(names, ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) }, "");
    let count = 4 * TCP_MAX;
    for number in 0..count {
        bench.later(&format!("name-{number}.example"));
    }
    for _ in 0..count {
        assert_eq!(bench.next_done().result, found(&["10.0.0.1"]));
    }
    let datagram_sockets = count.div_ceil(QUERIES_PER_SOCKET as usize);
    assert!(bench.resolver.stats().sockets_most <= datagram_sockets + TCP_MAX);
    bench.assert_idle();
}

#[test]
fn a_connection_that_ends_early_or_is_refused_is_a_failure() {
    let closing = Server::start(|question| if question.over_tcp { Vec::new() } else { vec![question.truncated()] });
    let cutting = Server::start(|question| vec![question.truncated()]);
    for server in [closing, cutting] {
        let mut bench = Bench::with(
            Names::default(),
            ResolvConf { timeout: Duration::from_secs(5), ..conf(&[server.address]) },
            "",
        );
        let failure = bench.fails("www.example");
        assert_eq!(failure.reason, Reason::DnsFailed);
        assert!(failure.detail.contains("over TCP"), "{}", failure.detail);
        bench.assert_idle();
    }
}

#[test]
fn lies_are_dropped_and_counted_and_the_truth_is_believed() {
    let server = Server::start(|question| {
        let truth = question.address(1, 60);
        let (mut wrong_id, mut wrong_question) = (question.address(66, 60), question.address(66, 60));
        wrong_id[0] ^= 0x55;
        wrong_question[13] = b'x';
        let mut replies = vec![wrong_id, wrong_question, Vec::new(), vec![0xff; 3], vec![0; 5000]];
        replies.extend((12..truth.len()).map(|end| truth[..end].to_vec()));
        replies.push(truth);
        replies
    });
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    assert_eq!(bench.look_up("www.example"), found(&BOTH));
    assert!(bench.resolver.stats().dropped >= 60, "{:?}", bench.resolver.stats());
    bench.assert_idle();
}

#[test]
fn thousands_of_names_at_once_share_a_few_sockets() {
    let server = Server::start(good);
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    const COUNT: usize = 2000;
    for number in 0..COUNT {
        bench.later(&format!("name-{number}.example"));
    }
    let mut done = 0;
    while done < COUNT {
        bench.turn();
        while let Some(ended) = bench.resolver.next_done() {
            assert_eq!(ended.result, found(&BOTH));
            done += 1;
        }
        let stats = bench.resolver.stats();
        assert!(stats.queries - stats.answers <= 2 * WAVE as u64, "a server's socket holds no more: {stats:?}");
    }
    let stats = bench.resolver.stats();
    assert!(stats.sockets_most <= UDP_PER_SERVER_MAX, "{stats:?}");
    assert_eq!(stats.lookups, COUNT as u64);
    assert_eq!(server.seen().len(), 2 * COUNT, "none was lost and sent again");
    bench.assert_idle();
}

#[test]
fn the_bounds_on_sockets_hold_where_all_servers_are_silent() {
    let servers = [Server::start(silent), Server::start(silent), Server::start(silent)];
    let mut bench = Bench::with(
        Names::default(),
        ResolvConf {
            attempts: 1,
            timeout: Duration::from_millis(300),
            ..conf(&servers.each_ref().map(|server| server.address))
        },
        "",
    );
    const COUNT: usize = 1000;
    for number in 0..COUNT {
        bench.later(&format!("name-{number}.example"));
    }
    for _ in 0..COUNT {
        let result = bench.next_done().result;
        assert!(matches!(&result, Err(Trouble::Target(failure)) if failure.reason == Reason::DnsTimeout));
    }
    assert_eq!(SOCKETS_MAX, 124);
    assert_eq!(bench.resolver.stats().sockets_most, 3 * UDP_PER_SERVER_MAX);
    bench.assert_idle();
}

#[test]
fn a_port_is_not_used_for_long() {
    let server = Server::start(good);
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    let mut keys = Vec::new();
    for number in 0..QUERIES_PER_SOCKET {
        assert_eq!(bench.look_up(&format!("name-{number}.example")), found(&BOTH));
        keys.extend(bench.resolver.sockets.keys());
    }
    keys.dedup();
    // Two queries a name, and the last name's end closed the second socket.
    assert_eq!(keys.len(), 2);
    assert_eq!(bench.resolver.sockets.keys().count(), 0);
    assert_eq!(bench.resolver.stats().sockets_most, 1);
}

#[test]
fn a_lookup_for_which_nobody_waits_ends() {
    let server = Server::start(silent);
    let mut bench = Bench::asking(&[server.address]);
    let (ticket, _) = bench.later("www.example");
    let (same, _) = bench.later("www.example");
    assert_eq!(same, ticket);
    bench.turn();
    bench.resolver.forget(ticket, &mut bench.reactor);
    assert_eq!(bench.resolver.flights.len(), 1);
    bench.resolver.forget(ticket, &mut bench.reactor);
    bench.assert_idle();
    // Told again, and by somebody who comes too late: nothing happens, not even to a new lookup in the same place.
    let (other, third) = bench.later("other.example");
    assert_ne!(other, ticket);
    bench.resolver.forget(ticket, &mut bench.reactor);
    assert_eq!(bench.next_done().waiters, [third]);
}

#[test]
fn a_lookup_forgotten_before_its_start_is_never_sent() {
    let server = Server::start(good);
    let mut bench = Bench::asking(&[server.address]).in_no_time();
    let (ticket, _) = bench.later("forgotten.example");
    bench.resolver.forget(ticket, &mut bench.reactor);
    assert_eq!(bench.look_up("www.example"), found(&BOTH));
    assert!(server.seen().iter().all(|(name, _)| name == "www.example"));
}

/// Ten thousand questions over TCP to a server that says nothing: those that wait are not told that time is up, and all
/// are forgotten in no time worth speaking of.
#[test]
fn thousands_wait_for_a_connection_and_are_forgotten_at_little_cost() {
    let server = Server::start(silent);
    let mut bench = Bench::asking(&[server.address]);
    let ticket = |slot| Ticket { slot, key: bench.guard };
    let tickets: Vec<Ticket> = (0..10_000).map(ticket).collect();
    for ticket in &tickets {
        bench.resolver.sockets.open_tcp(*ticket, RecordType::A, server.address, b"\0\x01x", &mut bench.reactor);
    }
    assert_eq!(bench.resolver.sockets.most(), TCP_MAX);
    // The last ones first: each would be looked for through all others.
    for ticket in tickets.iter().rev() {
        bench.resolver.sockets.close_tcp(*ticket, RecordType::A, &mut bench.reactor);
    }
    bench.resolver.sockets.assert_idle();
    assert_eq!(bench.resolver.sockets.next_begun(), None, "nobody wants what is not there any more");
}

#[test]
fn a_lookup_forgotten_over_tcp_makes_room_for_the_next() {
    // One thread serves all connections: as long as the first is open and silent, no other gets an answer.
    let server = Server::start(|question| vec![question.truncated()]);
    let mut bench = Bench::asking(&[server.address]);
    let tickets: Vec<_> = (0..TCP_MAX).map(|number| bench.later(&format!("name-{number}.example"))).collect();
    while bench.resolver.stats().answers < 2 * TCP_MAX as u64 && bench.resolver.next_done().is_none() {
        bench.turn();
    }
    for (ticket, _) in tickets {
        bench.resolver.forget(ticket, &mut bench.reactor);
    }
    bench.assert_idle();
}

#[test]
fn what_the_user_gave_comes_first_and_holds_for_its_port() {
    let given =
        |host: &str, port, texts: &[&str]| Override { host: host.into(), port, addresses: addresses(texts).to_vec() };
    let overrides = vec![
        given("*", 80, &["10.0.0.9"]),
        given("www.example", 80, &["10.0.0.6"]),
        given("www.example", 80, &["10.0.0.7", "::7"]),
        given("www.example", 443, &["10.0.0.8"]),
        given("empty.example", 443, &[]),
    ];
    let names = Names { overrides, families: Families::V4, ..Names::default() };
    let mut bench = Bench::with(names, conf(&[nobody()]), "");
    let mut at = |host: &str, port| {
        let waiter = bench.waiter();
        let now = bench.reactor.clock().now();
        bench.resolver.resolve(host, port, waiter, None, now, &mut bench.reactor)
    };
    assert_eq!(at("www.example", 80), Found::Now(found(&["10.0.0.7", "::7"])));
    assert_eq!(at("www.example", 443), Found::Now(found(&["10.0.0.8"])));
    assert_eq!(at("other.example", 80), Found::Now(found(&["10.0.0.9"])));
    assert_eq!(at("localhost", 80), Found::Now(found(&["10.0.0.9"])));
    assert!(matches!(at("other.example", 443), Found::Later(_)));
    assert!(matches!(at("empty.example", 443), Found::Later(_)));
}

#[test]
fn localhost_and_the_hosts_file_need_no_server() {
    let hosts = "10.0.0.5 db db.example\n::5 db\n127.0.0.99 localhost\n10.0.0.4 four";
    let cases: [(Families, &str, Option<&[&str]>); 8] = [
        (Families::Both, "localhost", Some(&["127.0.0.1", "::1"])),
        (Families::V4, "localhost", Some(&["127.0.0.1"])),
        (Families::V6, "my.localhost.", Some(&["::1"])),
        (Families::Both, "db", Some(&["10.0.0.5", "::5"])),
        (Families::V6, "db", Some(&["::5"])),
        (Families::Both, "db.example", Some(&["10.0.0.5"])),
        (Families::V6, "four", None),
        (Families::Both, "other", None),
    ];
    for (families, host, expected) in cases {
        let mut bench = Bench::with(Names { families, ..Names::default() }, conf(&[nobody()]), hosts);
        match (bench.resolve(host).0, expected) {
            (Found::Now(result), Some(expected)) => assert_eq!(result, found(expected), "{host} {families:?}"),
            (Found::Later(_), None) => {}
            (other, _) => panic!("{host} {families:?}: {other:?}"),
        }
    }
}

#[test]
fn one_family_is_asked_for_alone() {
    let server = Server::start(good);
    let names = Names { families: Families::V6, ..Names::default() };
    let mut bench = Bench::with(names, conf(&[server.address]), "").in_no_time();
    assert_eq!(bench.look_up("www.example"), found(&["2001:db8::1"]));
    assert_eq!(server.seen(), [("www.example".to_owned(), AAAA)]);
}

#[test]
fn the_users_servers_take_the_place_of_the_systems() {
    let servers = vec![nobody()];
    let mut resolver = Resolver::new(Names { servers: servers.clone(), ..Names::default() }, || 0);
    assert_eq!(resolver.local.files().conf.as_ref().unwrap().servers, servers);
    let mut resolver = Resolver::new(Names::default(), || 0);
    assert_eq!(resolver.local.files().conf, Files::read().conf);
}
