//! Names as the field has them: answers that have had their use, domains that fail, servers that cannot stand what is
//! asked of them, and addresses that are nobody's.

use std::time::Instant;

use crate::dns::{asking, assert_up, cannot_mount, url, with_etc};
use crate::support::dns::{Dns, FORMERR, NOTIMP, NXDOMAIN, Question, REFUSED, SERVFAIL, Say};
use crate::support::{Server, TempDir, Upcheck, ms};

/// A name server for which a name is good only after this time.
fn good_after(time: std::time::Duration, before: fn(&Question) -> Vec<Say>) -> Dns {
    let started = Instant::now();
    Dns::saying(move |question| match started.elapsed() < time {
        true => before(question),
        false => vec![Say::This(question.local())],
    })
}

#[test]
fn an_answer_that_an_attempt_failed_with_has_had_its_use() {
    let server = Server::ok();
    // Absent for longer than anybody waits, by word of the zone; without an address; at an address where nobody is.
    let befores: [fn(&Question) -> Vec<Say>; 3] = [
        |question| vec![Say::This(question.answer().rcode(NXDOMAIN).soa(300))],
        |question| vec![Say::This(question.answer().soa(300))],
        |question| vec![Say::This(question.ipv4([127, 0, 0, 9]))],
    ];
    for before in befores {
        let dns = good_after(ms(700), before);
        let waiting = asking(&dns).args(["--wait", "20s", "--retry-delay", "200ms", "-s", &url("svc.test.", &server)]);
        waiting.run().expect_code(0);
        let dns = good_after(ms(700), before);
        let retried =
            asking(&dns).args(["--retry", "9", "--retry-delay", "300ms", &url("svc.test.", &server)]).report();
        let reason = retried.single()["reason"].as_str();
        // What a server says of a name is not tried again; what is found at its address is.
        assert!(matches!(reason, Some("retried" | "dns_not_found")), "{}", retried.single());
    }
}

#[test]
fn those_who_try_again_together_share_one_lookup() {
    let dns = Dns::saying(|question| question.answer().rcode(NXDOMAIN).soa(300));
    let targets: String = (0..100).map(|n| format!("http://svc.test.:{}/\n", 2000 + n)).collect();
    asking(&dns)
        .args(["--wait", "1s", "--retry-delay", "400ms", "-s", "-f", "-"])
        .stdin(targets)
        .run()
        .expect_code(124);
    let asked = dns.asked().len();
    assert!((4..=20).contains(&asked), "two families, a round or two a retry delay, for all hundred: {asked}");
}

#[test]
fn one_bad_domain_of_a_search_list_is_not_the_end() {
    let server = Server::ok();
    let bads: [fn(&Question) -> Vec<Say>; 3] = [
        |question| vec![Say::This(question.answer().rcode(SERVFAIL))],
        |question| vec![Say::This(question.answer().rcode(REFUSED))],
        |_| vec![],
    ];
    let folder = TempDir::new();
    let conf = "nameserver 192.0.2.1\nsearch ns.cluster.test cluster.test corp.test\noptions ndots:5\n";
    let conf = folder.write("resolv.conf", conf);
    for bad in bads {
        let dns = Dns::saying(move |question| match question.name.as_str() {
            "api.shop.test." => vec![Say::This(question.local())],
            name if name.ends_with("cluster.test.") => vec![Say::This(question.answer().rcode(NXDOMAIN).soa(60))],
            _ => bad(question),
        });
        let targets = ["api.shop.test", "gone.shop.test"].map(|host| url(host, &server));
        // Within the usual timeout.
        let output = with_etc("resolv.conf", &conf)
            .args(["--dns-server", &dns.address(), "-o", "ndjson"])
            .args(&targets[..1])
            .run();
        if cannot_mount(&output.stderr) {
            return;
        }
        assert_up(&output.expect_code(0).report());
        // Where no form has an address, that one could not be told counts for more than that others are absent.
        let output = with_etc("resolv.conf", &conf)
            .args(["--dns-server", &dns.address(), "-o", "ndjson", "-t", "20"])
            .args(&targets[1..])
            .run();
        let report = output.expect_code(1).report();
        assert!(
            ["dns_failed", "dns_timeout"].iter().any(|reason| report.single()["reason"] == *reason),
            "{}",
            report.single()
        );
    }
}

#[test]
fn a_server_that_cannot_stand_edns_is_asked_without() {
    let server = Server::ok();
    let says: [fn(&Question) -> Vec<Say>; 5] = [
        |_| vec![],
        |question| vec![Say::This(question.answer().rcode(FORMERR))],
        |question| vec![Say::This(question.answer().rcode(NOTIMP))],
        |question| vec![Say::This(question.answer().rcode(SERVFAIL))],
        |question| vec![Say::This(question.answer().rcode(REFUSED))],
    ];
    for say in says {
        let dns = Dns::saying(move |question| match question.has_edns {
            true => say(question),
            false => vec![Say::This(question.local())],
        });
        let first = url("first.test.", &server);
        let others = (0..30).map(|n| url(&format!("n{n}.test."), &server));
        assert_up(&asking(&dns).args(["-c", "1"]).arg(first).args(others).report());
        let with = dns.asked().iter().filter(|question| question.has_edns).count();
        assert!(with <= 2, "one name pays, and not thirty: {with}");
    }
}

#[test]
fn a_server_that_writes_letters_its_own_way_is_believed_without_tcp() {
    let server = Server::ok();
    // It swaps them where they are mixed, and has nothing to say over TCP.
    let dns = Dns::saying(|question| match (question.over_tcp, question.is_mixed) {
        (true, _) => vec![],
        (false, true) => vec![Say::This(question.local().other_case())],
        (false, false) => vec![Say::This(question.local())],
    });
    let names = (0..10).map(|n| url(&format!("mixed.letters{n}.example.test."), &server));
    assert_up(&asking(&dns).args(["-c", "1", "-4"]).args(names).report());
    let over_tcp = dns.asked().iter().filter(|question| question.over_tcp).count();
    assert!(over_tcp <= 2, "it is remembered of the server: {over_tcp}");
}

#[test]
fn options_that_say_where_the_question_goes_are_kept() {
    let server = Server::ok();
    let dns = Dns::saying(|question| match question.over_tcp {
        true => vec![Say::This(question.local())],
        false => vec![],
    });
    let folder = TempDir::new();
    let conf = folder.write("resolv.conf", "nameserver 192.0.2.1\noptions use-vc\n");
    let output = with_etc("resolv.conf", &conf)
        .args(["--dns-server", &dns.address(), "-o", "ndjson", &url("svc.test.", &server)])
        .run();
    if cannot_mount(&output.stderr) {
        return;
    }
    assert_up(&output.expect_code(0).report());
    assert!(dns.asked().iter().all(|question| question.over_tcp));
}

#[test]
fn a_server_that_cannot_be_asked_is_said_and_is_no_other() {
    let folder = TempDir::new();
    let conf = folder.write("resolv.conf", "nameserver fe80::1%nowhere0\n");
    let output = with_etc("resolv.conf", &conf).args(["-o", "ndjson", "http://svc.test/"]).run();
    if cannot_mount(&output.stderr) {
        return;
    }
    let report = output.expect_code(1).report();
    let check = report.single();
    assert_eq!((&check["verdict"], &check["reason"]), (&"unknown".into(), &"local_error".into()), "{check}");
    let detail = check["detail"].as_str().expect("a text");
    assert!(detail.contains("'fe80::1%nowhere0' names an interface that is not there"), "{detail}");
    // Beside another it is told to who asks.
    let conf = folder.write("two", "nameserver fe80::1%nowhere0\nnameserver 127.0.0.1\n");
    let output = with_etc("resolv.conf", &conf).args(["-v", "-t", "1s", "http://svc.test/"]).run();
    assert!(output.err().contains("'fe80::1%nowhere0' names an interface that is not there"), "{output:?}");
    let wrong = Upcheck::new().args(["--dns-server", "fe80::1%nowhere0", "127.0.0.1:1"]).run();
    assert!(wrong.expect_code(3).err().contains("names an interface that is not there"), "{wrong:?}");
}

#[test]
fn an_address_that_is_nobodys_is_not_this_machine() {
    // A service of this machine's own that must not be taken for the target.
    let server = Server::ok();
    let dns = Dns::saying(|question| match question.name.as_str() {
        "both.test." => question.ipv4([0, 0, 0, 0]).a([127, 0, 0, 1]),
        _ if question.kind == crate::support::dns::AAAA => question.answer().aaaa(0u128),
        _ => question.ipv4([0, 0, 0, 0]),
    });
    let blocked = asking(&dns).arg(url("blocked.test.", &server)).report();
    assert_eq!(blocked.single()["reason"], "dns_not_found", "{}", blocked.single());
    let detail = blocked.single()["detail"].as_str().expect("a text");
    assert!(detail.contains("as blocking resolvers answer"), "{detail}");
    assert_up(&asking(&dns).args(["-4", &url("both.test.", &server)]).report());
    // What the user writes is what the user means.
    let port = server.address().port();
    assert_up(&Upcheck::new().arg(format!("http://0.0.0.0:{port}/")).report());
    let given = format!("given.test:{port}:0.0.0.0");
    assert_up(&Upcheck::new().args(["--resolve", &given, &url("given.test", &server)]).report());
    let folder = TempDir::new();
    let hosts = folder.write("hosts", "0.0.0.0 ads.test\n");
    let output = with_etc("hosts", &hosts).args(["-o", "ndjson", &url("ads.test", &server)]).run();
    if cannot_mount(&output.stderr) {
        return;
    }
    let report = output.expect_code(1).report();
    assert_eq!(report.single()["reason"], "dns_not_found", "{}", report.single());
}

#[test]
fn a_name_that_no_server_could_be_asked_for_blames_nobody_or_the_way() {
    let output = Upcheck::in_shell("exec unshare -rn \"$0\" \"$@\"")
        .args(["--dns-server", "192.0.2.1", "-o", "ndjson", "-t", "5s", "http://svc.test./"])
        .run();
    if cannot_mount(&output.stderr) {
        return;
    }
    let report = output.expect_code(1).report();
    let reason = report.single()["reason"].as_str().expect("a word");
    assert!(["dns_failed", "local_error"].contains(&reason), "not silence: {}", report.single());
}
