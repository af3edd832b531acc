//! HTTPS against servers that other people wrote, each good, expired, nameless or broken in its own way: what is said of
//! it, and what is known of its certificate however it went.
//!
//! Names are not looked up here: a target is an address, and `servername` is the name that its certificate must have.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Authority, Demands, Identity, Server, Step, TempDir, TlsPeer, Upcheck, has_program, ms, skipped};

/// The name that most certificates here are for.
const NAME: &str = "api.example.test";

/// A server, the options of the target's line, and what must come of it.
struct Case<'a> {
    about: &'static str,
    identity: &'a Identity,
    demands: Demands<'a>,
    options: &'a str,
    reason: &'static str,
    /// What the detail must hold.
    words: &'static [&'static str],
}

impl<'a> Case<'a> {
    /// A server with this certificate, asked for [`NAME`] by somebody who trusts `root.pem`.
    fn new(about: &'static str, identity: &'a Identity) -> Case<'a> {
        let options = "servername=api.example.test";
        Case { about, identity, demands: Demands::default(), options, reason: "ok", words: &[] }
    }

    fn asked_with(self, options: &'a str) -> Case<'a> {
        Case { options, ..self }
    }

    fn speaking_only(self, version: &'a str) -> Case<'a> {
        Case { demands: Demands { only: Some(version), ..self.demands }, ..self }
    }

    fn demanding(self, authority: &'a Authority) -> Case<'a> {
        Case { demands: Demands { client_ca: Some(&authority.pem), ..self.demands }, ..self }
    }

    fn fails(self, reason: &'static str, words: &'static [&'static str]) -> Case<'a> {
        Case { reason, words, ..self }
    }
}

/// Checks every case with every kind of server in one run, and looks at the verdicts. Gives the checks, with the cases.
#[track_caller]
fn try_all<'c, 'a>(folder: &TempDir, root: &Authority, cases: &'c [Case<'a>]) -> Vec<(&'c Case<'a>, Value)> {
    let kinds = TlsPeer::kinds();
    if kinds.is_empty() {
        skipped!("neither openssl nor Python on this machine");
    }
    let mut peers = Vec::new();
    let mut list = format!("default cacert={} timeout=20s\n", folder.write("root.pem", &root.pem));
    for (case, start) in cases.iter().flat_map(|case| kinds.iter().map(move |kind| (case, kind))) {
        let peer = start(folder, case.identity, case.demands);
        list += &format!("{} name={} {}\n", peer.url("/until-close/notified"), peers.len(), case.options);
        peers.push((case, peer));
    }
    let report = Upcheck::new().args(["-f", "-"]).stdin(list).report();
    let checks = peers.iter().enumerate().map(|(number, (case, _))| (*case, report.named(&number.to_string()).clone()));
    let checks: Vec<_> = checks.collect();
    for (case, check) in &checks {
        expect(check, case.about, case.reason, case.words);
    }
    checks
}

#[track_caller]
fn expect(check: &Value, about: &str, reason: &str, words: &[&str]) {
    assert_eq!(check["reason"], reason, "{about}: {check:#}");
    let detail = check["detail"].as_str().unwrap_or_default();
    for word in words {
        assert!(detail.contains(word), "{about}: no {word:?} in {check:#}");
    }
    let verdict = if reason == "ok" { "up" } else { "down" };
    assert_eq!(check["verdict"], verdict, "{about}: {check:#}");
}

/// Fails the test unless the report has all there is to know of a certificate of ours.
#[track_caller]
fn expect_facts(about: &str, check: &Value) {
    let tls = &check["tls"];
    for key in ["version", "cipher", "subject", "issuer", "not_before", "not_after", "sha256"] {
        assert!(tls[key].is_string(), "{about}: no {key} in {check:#}");
    }
    assert!(tls["cipher"].as_str().is_some_and(|name| name.starts_with("TLS_")), "{about}: {check:#}");
    assert!(tls["subject"].as_str().is_some_and(|name| name.contains("the leaf")), "{about}: {check:#}");
    assert_eq!(tls["names"].as_array().map(Vec::len), Some(1), "{about}: {check:#}");
    assert_eq!(tls["sha256"].as_str().map(str::len), Some(64), "{about}: {check:#}");
    assert!(tls["days_left"].is_i64(), "{about}: {check:#}");
}

#[test]
fn good_servers_are_up_and_their_certificates_are_told() {
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let deputy = root.deputy("the deputy");
    let [direct, behind] = [root.issue(NAME), deputy.issue(NAME).followed_by([deputy.pem.as_str()])];
    let [address, wildcard] = [root.issue("127.0.0.1"), root.issue("*.example.test")];
    let [alone, other] = [Identity::self_signed(NAME), root.issue("other.test")];
    let pinned = format!("servername={NAME} cacert={}", folder.write("alone.pem", &alone.chain));
    let rsa = has_program("openssl").then(|| root.issue_rsa(NAME));
    let mut cases = vec![
        Case::new("ECDSA", &direct),
        Case::new("TLS 1.2 only", &direct).speaking_only("1.2"),
        Case::new("TLS 1.3 only", &direct).speaking_only("1.3"),
        Case::new("with an intermediate", &behind),
        Case::new("for an address", &address).asked_with(""),
        Case::new("for any name of a domain", &wildcard),
        Case::new("for another name, which is asked for", &other).asked_with("servername=other.test"),
        Case::new("self-signed, and trusted for itself", &alone).asked_with(&pinned),
        Case::new("anything goes", &other).asked_with("insecure"),
    ];
    if let Some(rsa) = &rsa {
        cases.push(Case::new("RSA", rsa));
        cases.push(Case::new("RSA, TLS 1.2 only", rsa).speaking_only("1.2"));
    }
    for (case, check) in try_all(&folder, &root, &cases) {
        expect_facts(case.about, &check);
        assert_eq!(check["tls"]["version"], case.demands.only.unwrap_or("1.3"), "{}: {check:#}", case.about);
        assert_eq!(check["tls"]["not_after"], "2045-01-01T00:00:00Z", "{check:#}");
        assert_eq!(check["tls"]["resumed"], false, "{check:#}");
        assert!(check["seconds"]["tls"].is_f64() && check["seconds"]["body"].is_f64(), "{check:#}");
    }
}

#[test]
fn a_bad_certificate_says_what_is_bad_about_it_and_is_told_all_the_same() {
    let folder = TempDir::new();
    let [root, stranger] = ["the root", "a stranger"].map(Authority::new);
    let deputy = root.deputy("the deputy");
    let expired = root.issue_for_years(NAME, 2019, 2020);
    let early = root.issue_for_years(NAME, 2044, 2045);
    let [address, wildcard, other] = ["127.0.0.9", "*.example.test", "other.test"].map(|name| root.issue(name));
    let [alone, unknown, cut] = [Identity::self_signed(NAME), stranger.issue(NAME), deputy.issue(NAME)];
    let cases = [
        Case::new("expired", &expired).fails("tls_expired", &["expired on 2020-01-01", "the leaf", "the root"]),
        Case::new("expired, 1.2", &expired).speaking_only("1.2").fails("tls_expired", &["expired on 2020-01-01"]),
        Case::new("not yet valid", &early).fails("tls_expired", &["not valid yet", "begins on 2044-01-01"]),
        Case::new("wrong name", &other).fails("tls_name", &["not for api.example.test", "for other.test"]),
        Case::new("wrong address", &address).asked_with("").fails("tls_name", &["not for 127.0.0.1", "127.0.0.9"]),
        Case::new("a name asked for by its address", &other).asked_with("").fails("tls_name", &["not for 127.0.0.1"]),
        Case::new("too far below a wildcard", &wildcard)
            .asked_with("servername=a.b.example.test")
            .fails("tls_name", &["not for a.b.example.test but for *.example.test"]),
        Case::new("self-signed", &alone).fails("tls_untrusted", &["no trusted authority", "the leaf"]),
        Case::new("unknown authority", &unknown).fails("tls_untrusted", &["no trusted authority", "a stranger"]),
        Case::new("missing intermediate", &cut).fails("tls_untrusted", &["no trusted authority", "the deputy"]),
    ];
    for (case, check) in try_all(&folder, &root, &cases) {
        expect_facts(case.about, &check);
        assert!(check["status"].is_null() && check["seconds"]["tls"].is_f64(), "{check:#}");
        let days = check["tls"]["days_left"].as_i64().expect("a number");
        assert_eq!(days < 0, case.about.starts_with("expired"), "{check:#}");
    }
}

#[test]
fn insecure_takes_them_all() {
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let [expired, alone] = [root.issue_for_years(NAME, 2019, 2020), Identity::self_signed("other.test")];
    let cases =
        [Case::new("expired", &expired), Case::new("self-signed", &alone)].map(|case| case.asked_with("insecure"));
    for (case, check) in try_all(&folder, &root, &cases) {
        expect_facts(case.about, &check);
    }
}

#[test]
fn a_version_that_is_too_old_is_named() {
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let identity = root.issue(NAME);
    let words = &["neither TLS 1.2 nor TLS 1.3"];
    let cases = [Case::new("TLS 1.1 only", &identity).speaking_only("1.1").fails("tls_failed", words)];
    for (_, check) in try_all(&folder, &root, &cases) {
        assert!(check["tls"]["subject"].is_null(), "it got no certificate: {check:#}");
    }
}

#[test]
fn a_client_certificate_is_shown_where_one_is_demanded() {
    let folder = TempDir::new();
    let [root, stranger] = ["the root", "a stranger"].map(Authority::new);
    let [server, client, foreign] = [root.issue(NAME), root.issue("client"), stranger.issue("client")];
    let file = |name: &str, pem: &str| folder.write(name, pem);
    let base = format!("servername={NAME}");
    let split = format!("{base} cert={} key={}", file("c.pem", &client.chain), file("c.key", &client.key));
    let joined = format!("{base} cert={}", file("both.pem", &(client.key.clone() + &client.chain)));
    let wrong = format!("{base} cert={}", file("wrong.pem", &(foreign.key + &foreign.chain)));
    let cases: Vec<Case<'_>> = ["1.2", "1.3"]
        .into_iter()
        .flat_map(|version| {
            let case = || Case::new("demanded", &server).speaking_only(version).demanding(&root);
            let missing = if version == "1.2" { &["handshake_failure"] } else { &["certificate_required"] };
            [
                case().asked_with(&split),
                case().asked_with(&joined),
                case().fails("tls_failed", missing),
                case().asked_with(&wrong).fails("tls_failed", &["refused with the alert unknown_ca"]),
            ]
        })
        .collect();
    for (case, check) in try_all(&folder, &root, &cases) {
        expect_facts(case.about, &check);
    }
}

#[test]
fn a_client_certificate_is_for_the_origin_that_it_was_given_for() {
    if !has_program("python3") {
        return skipped!("no python3 on this machine");
    }
    let root = Authority::new("root");
    let folder = TempDir::new();
    let (server, client) = (root.issue("127.0.0.1"), root.issue("client.test"));
    let [ca, pair] =
        [folder.write("root.pem", &root.pem), folder.write("pair.pem", client.key.clone() + &client.chain)];
    let demanding = Demands { client_ca: Some(&root.pem), ..Demands::default() };
    let [home, other, open] =
        [demanding, demanding, Demands::default()].map(|demands| TlsPeer::python(&folder, &server, demands));
    let list = [
        ("home", home.url("/")),
        ("within", home.url(&format!("/to/{}", home.url("/")))),
        ("other", other.url("/")),
        ("away", home.url(&format!("/to/{}", other.url("/")))),
        ("away-again", home.url(&format!("/to/{}", other.url("/again")))),
        ("open", home.url(&format!("/to/{}", open.url("/")))),
        ("back", home.url(&format!("/to/{}", open.url(&format!("/to/{}", home.url("/")))))),
    ];
    let lines: String = list.map(|(name, url)| format!("{url} name={name}\n")).concat();
    let file = folder.write("targets", lines);
    for more in [&[][..], &["--keepalive"], &["-c", "1", "--keepalive"]] {
        let flags = ["-L", "-t", "20", "--cacert", &ca, "--cert", &pair, "-f", &file];
        let report = Upcheck::new().args(flags).args(more).report();
        for name in ["home", "within", "other", "open"] {
            assert_eq!(report.named(name)["verdict"], "up", "{name} {more:?}: {:#}", report.named(name));
        }
        for name in ["away", "away-again", "back"] {
            let check = report.named(name);
            assert_eq!(check["reason"], "tls_failed", "it was shown to somebody else: {name} {more:?}: {check:#}");
        }
    }
}

#[test]
fn long_chains() {
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let deputies: Vec<Authority> = (0..19).fold(Vec::new(), |mut line, number| {
        let next = line.last().unwrap_or(&root).deputy(&format!("deputy {number}"));
        line.push(next);
        line
    });
    let upwards = || deputies.iter().rev().map(|deputy| deputy.pem.as_str());
    let deep = deputies[18].issue(NAME).followed_by(upwards());
    let padded = deputies[0].issue(NAME).followed_by(upwards());
    let cases = [
        Case::new("19 authorities, one below the other", &deep)
            .fails("tls_untrusted", &["the certificate was refused"]),
        Case::new("18 that have nothing to do with it, and the one that has", &padded),
    ];
    for (case, check) in try_all(&folder, &root, &cases) {
        expect_facts(case.about, &check);
    }
}

#[test]
fn the_fingerprint_is_openssls() {
    if !has_program("openssl") {
        skipped!("no openssl on this machine");
        return;
    }
    let folder = TempDir::new();
    let identity = Identity::self_signed(NAME);
    let peer = TlsPeer::openssl(&folder, &identity, Demands::default());
    let output = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", &folder.write("it.pem", &identity.chain)])
        .output();
    let text = String::from_utf8(output.expect("openssl runs").stdout).expect("text");
    let expected = text.trim().split_once('=').expect("a label").1.replace(':', "").to_lowercase();
    for flags in [&["-k"][..], &[]] {
        let report = Upcheck::new().args(flags).arg(peer.url("/")).report();
        assert_eq!(report.single()["tls"]["sha256"], expected.as_str(), "{flags:?}");
    }
}

#[test]
fn a_missing_close_notify_matters_only_where_the_end_of_the_stream_ends_the_body() {
    if !has_program("python3") {
        skipped!("no Python on this machine");
        return;
    }
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let identity = root.issue("127.0.0.1");
    let ca = folder.write("root.pem", &root.pem);
    for version in ["1.2", "1.3"] {
        let peer = TlsPeer::python(&folder, &identity, Demands { only: Some(version), client_ca: None });
        let cases = [
            ("/length", "ok"),
            ("/chunked", "ok"),
            ("/until-close", "closed"),
            ("/length/notified", "ok"),
            ("/chunked/notified", "ok"),
            ("/until-close/notified", "ok"),
        ];
        let targets = cases.map(|(path, _)| peer.url(path));
        let report = Upcheck::new().args(["-t", "20", "--cacert", &ca]).args(&targets).report();
        for (target, (path, reason)) in targets.iter().zip(cases) {
            let check = report.target(target);
            let words: &[&str] = if reason == "closed" { &["without close_notify"] } else { &[] };
            expect(check, path, reason, words);
            assert_eq!((&check["status"], &check["body_bytes"]), (&200.into(), &4.into()), "{check:#}");
            assert_eq!(check["tls"]["version"], version, "{check:#}");
        }
    }
}

#[test]
fn what_is_no_tls_is_named() {
    let banners = [
        ("HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP request was sent", "the server spoke HTTP on this port"),
        ("HTTP/1", "the server spoke HTTP on this port"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "the server spoke SSH on this port"),
        ("220 mail.example.test ESMTP\r\n", "a mail or FTP server spoke on this port"),
        ("\u{1b}[2Jhello", "it starts with \"\\x1b[2Jh\""),
        ("hm", "it starts with \"hm\""),
    ];
    for (banner, words) in banners {
        let server = Server::playing(vec![Step::send(banner), Step::Close]);
        let report = Upcheck::new().args(["-k", "-t", "20"]).arg(https(&server)).report();
        expect(report.single(), banner, "tls_failed", &[words]);
        assert!(report.single()["tls"].is_null() || report.single()["tls"]["version"].is_null(), "{report:#?}");
    }
}

#[test]
fn broken_handshakes() {
    let never_ending = [&b"\x16\x03\x03\x40\x00\x02\x10\x00\x00"[..], &[0; 0x3ffc]].concat();
    let alert = |code: u8| Step::Send(vec![0x15, 3, 3, 0, 2, 2, code]);
    let record = |kind: u8, content: &[u8]| Step::Send([&[kind, 3, 3, 0, content.len() as u8], content].concat());
    let cases: [(Vec<Step>, &str, &str); 9] = [
        (vec![Step::Close], "closed", "closed the connection in the middle of the TLS handshake"),
        (vec![Step::send("\x16\x03"), Step::Close], "closed", "in the middle of the TLS handshake"),
        (vec![Step::Pause(ms(50)), Step::Reset], "reset", "reset the connection"),
        (vec![alert(40), Step::Close], "tls_failed", "refused with the alert handshake_failure"),
        (vec![alert(200), Step::Close], "tls_failed", "refused with the alert 200"),
        (vec![record(0x16, &[0xff; 5]), Step::Hang], "tls_failed", "malformed message"),
        (vec![Step::send("\x16\x03\x03\u{7f}\u{7f}"), Step::Hang], "tls_failed", "malformed message"),
        (vec![Step::Send(never_ending.repeat(70)), Step::Hang], "tls_failed", "malformed message"),
        (vec![record(0x17, b"ok"), Step::Hang], "tls_failed", "unexpected message"),
    ];
    for (script, reason, words) in cases {
        let server = Server::playing(script);
        let output = Upcheck::new().args(["-k", "-t", "20", "-o", "ndjson"]).arg(https(&server)).run();
        let report = output.expect_no_crash().expect_code(1).report();
        expect(report.single(), words, reason, &[words]);
    }
}

#[test]
fn a_stalled_handshake_ends_with_its_own_timeout() {
    let silent = Server::playing(vec![Step::Hang]);
    let slow = Server::playing(vec![
        Step::send("\x16\x03\x03\x10\x00"),
        Step::DripForever { bytes: b"\x02\x00\x0f\xfc\x03".to_vec(), every: ms(50) },
    ]);
    let list = [
        format!("{} name=silent timeout=400ms", https(&silent)),
        format!("{} name=slow timeout=800ms", https(&slow)),
        format!("{} name=connect timeout=20s connect-timeout=600ms", https(&silent)),
    ];
    let report = Upcheck::new().args(["-f", "-"]).stdin(list.join("\n")).report();
    for (name, time, said) in
        [("silent", ms(400), "400 ms"), ("slow", ms(800), "800 ms"), ("connect", ms(600), "600 ms")]
    {
        let check = report.named(name);
        expect(check, name, "tls_timeout", &[said]);
        // The total leaves out what this program did for others, so it may fall a little short of the timeout.
        expect_time(&check["seconds"]["total"], time * 9 / 10, ms(8000));
        expect_time(&check["seconds"]["tls"], Duration::ZERO, ms(8000));
        assert!(check["seconds"]["wait"].is_null() && check["address"].is_string(), "{check:#}");
    }
}

#[track_caller]
fn expect_time(seconds: &Value, at_least: Duration, at_most: Duration) {
    let seconds = seconds.as_f64().expect("a number");
    // A millisecond of rounding: timers count in those.
    assert!(seconds >= at_least.as_secs_f64() - 0.001 && seconds <= at_most.as_secs_f64(), "{seconds}");
}

/// `https://` a server that plays a script.
fn https(server: &Server) -> String {
    format!("https://{}/", server.address())
}

#[test]
fn a_stalled_handshake_holds_up_nobody() {
    const NEIGHBOURS: usize = 1000;
    if !has_program("python3") {
        skipped!("no Python on this machine");
        return;
    }
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let peer = TlsPeer::python(&folder, &root.issue("127.0.0.1"), Demands::default());
    let stalled = Server::playing(vec![Step::Gate, Step::Close]);
    let list: String = (0..NEIGHBOURS).map(|number| peer.url(&format!("/{number}\n"))).collect();
    let mut running = Upcheck::new()
        .args(["-c", "64", "-t", "60", "-o", "ndjson", "-v", "--cacert", &folder.write("root.pem", &root.pem)])
        .args([&https(&stalled), "-f", &folder.write("targets", list)])
        .limit(ms(120_000))
        .spawn();
    let mut lines = running.lines();
    let mut slowest = 0.0_f64;
    for _ in 0..NEIGHBOURS {
        let check: Value = serde_json::from_str(&lines.next()).expect("JSON");
        expect(&check, "a neighbour", "ok", &[]);
        slowest = slowest.max(check["seconds"]["total"].as_f64().expect("a number"));
    }
    assert!(slowest < 10.0, "the slowest of 64 at a time took {slowest} s");
    stalled.release();
    let check: Value = serde_json::from_str(&lines.next()).expect("JSON");
    expect(&check, "the stalled one", "closed", &["in the middle of the TLS handshake"]);
    assert!(lines.next().contains("summary"));
    let output = running.finish();
    assert!(output.err().contains("1 verified, 999 known already"), "{output:?}");
}

#[test]
fn a_known_chain_is_not_verified_again_unless_that_is_wanted() {
    if !has_program("openssl") {
        skipped!("no openssl on this machine");
        return;
    }
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let [good, expired] = [root.issue(NAME), root.issue_for_years(NAME, 2019, 2020)];
    let ca = folder.write("root.pem", &root.pem);
    let run = |identity: &Identity, flag: Option<&str>| {
        let peer = TlsPeer::openssl(&folder, identity, Demands::default());
        let name = ["--cacert", &ca, "--servername", NAME, "-v", "-o", "ndjson"];
        let output = Upcheck::new().args(name).args(flag).args([peer.url("/"), peer.url("/"), peer.url("/")]).run();
        let reasons = output.report().summary["reasons"].clone();
        (reasons, output.err().lines().find(|line| line.contains("certificate chains")).map(str::to_owned))
    };
    let said = |verified: u32, known: u32| {
        Some(format!("upcheck: certificate chains: {verified} verified, {known} known already"))
    };
    assert_eq!(run(&good, None), (serde_json::json!({}), said(1, 2)));
    assert_eq!(run(&good, Some("--no-verify-cache")), (serde_json::json!({}), None));
    assert_eq!(run(&good, Some("--insecure")), (serde_json::json!({}), None), "nothing is verified");
    // What was refused once is refused again, for its own reason.
    assert_eq!(run(&expired, None), (serde_json::json!({"tls_expired": 3}), said(3, 0)));
}

#[test]
fn whom_to_trust_is_said_in_three_ways() {
    if !has_program("openssl") {
        skipped!("no openssl on this machine");
        return;
    }
    let folder = TempDir::new();
    let [root, stranger] = ["the root", "a stranger"].map(Authority::new);
    let peer = TlsPeer::openssl(&folder, &root.issue("127.0.0.1"), Demands::default());
    let right = folder.write("right.pem", &root.pem);
    let wrong = folder.write("wrong.pem", &stranger.pem);
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let many = folder.write("many.pem", format!("some words\n{}{junk}\r\n{}", stranger.pem, root.pem));
    let url = peer.url("/");
    let line = |options: &str| format!("{url} {options}\n");
    let on_a_line = |flags: &[&str], options: &str| {
        let report = Upcheck::new().args(flags).args(["-f", "-"]).stdin(line(options)).report();
        report.single()["reason"].as_str().expect("a word").to_owned()
    };
    let with = |variables: &[(&str, &str)], flags: &[&str]| {
        let program = variables.iter().fold(Upcheck::new(), |program, (name, value)| program.env(name, value));
        let report = program.args(flags).arg(&url).report();
        report.single()["reason"].as_str().expect("a word").to_owned()
    };
    assert_eq!(with(&[], &[]), "tls_untrusted", "the built-in roots");
    assert_eq!(with(&[], &["--cacert", &right]), "ok");
    assert_eq!(with(&[], &["--cacert", &many]), "ok", "one of many");
    assert_eq!(with(&[], &["--cacert", &wrong]), "tls_untrusted");
    assert_eq!(with(&[], &["--cacert", &wrong, "-k"]), "ok");
    assert_eq!(with(&[("SSL_CERT_FILE", &right)], &[]), "ok");
    assert_eq!(with(&[("SSL_CERT_FILE", "")], &[]), "tls_untrusted", "empty is unset");
    assert_eq!(with(&[("UPCHECK_CACERT", &right)], &[]), "ok");
    assert_eq!(with(&[("UPCHECK_CACERT", &right), ("SSL_CERT_FILE", &wrong)], &[]), "ok", "the nearer one wins");
    assert_eq!(with(&[("SSL_CERT_FILE", &right)], &["--cacert", &wrong]), "tls_untrusted", "the flag wins");
    assert_eq!(with(&[("SSL_CERT_FILE", "/nowhere")], &["--cacert", &right]), "ok", "the other is not even read");
    assert_eq!(on_a_line(&["--cacert", &wrong], &format!("cacert={right}")), "ok");
    assert_eq!(on_a_line(&["--cacert", &right], &format!("cacert={wrong}")), "tls_untrusted");
    assert_eq!(on_a_line(&[], "insecure"), "ok");
    let two = format!("default cacert={wrong}\n{}{}", line("name=a"), line(&format!("name=b cacert={right}")));
    let report = Upcheck::new().args(["-f", "-"]).stdin(two).report();
    assert_eq!((&report.named("a")["reason"], &report.named("b")["reason"]), (&"tls_untrusted".into(), &"ok".into()));
}

#[test]
fn files_of_no_use_are_an_input_error_and_nothing_is_sent() {
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let [one, two] = [root.issue("one"), root.issue("two")];
    let server = Server::playing(vec![Step::Close]);
    let url = https(&server);
    let file = |name: &str, content: &str| folder.write(name, content);
    let [certificate, key] = [file("one.pem", &one.chain), file("one.key", &one.key)];
    let other_key = file("two.key", &two.key);
    let [empty, garbage] = [file("empty.pem", ""), file("garbage.pem", "no certificate is in here\n")];
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let torn = file("torn.pem", &root.pem[..200]);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = file("encrypted.key", encrypted);
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[("cacert", "/nowhere")], "/nowhere"),
        (&[("cacert", &empty)], "trusted certificates: empty, expected PEM"),
        (&[("cacert", &garbage)], "trusted certificates: no PEM section -----BEGIN CERTIFICATE-----"),
        (&[("cacert", &broken)], "trusted certificates: none of the certificates can be read"),
        (&[("cacert", &torn)], "trusted certificates: "),
        (&[("cert", &certificate), ("key", &other_key)], "private key: it does not belong to the certificate"),
        (&[("cert", &certificate)], "private key: no PEM section -----BEGIN PRIVATE KEY-----"),
        (&[("cert", &certificate), ("key", &encrypted)], "private key: it is encrypted"),
        (&[("cert", &key), ("key", &key)], "certificate: no PEM section -----BEGIN CERTIFICATE-----"),
        (&[("cert", &empty), ("key", &key)], "certificate: empty, expected PEM"),
        (&[("key", &key)], "a key without its certificate (--cert)"),
    ];
    for (options, message) in cases {
        let flags = options.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]);
        let output = Upcheck::new().args(flags).arg(&url).run();
        output.expect_code(3);
        assert!(output.err().contains(message) && output.out().is_empty(), "{message}: {output:?}");

        let line: String = options.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let output = Upcheck::new().args(["-f", &folder.write("targets", format!("# targets\n{url}{line}\n"))]).run();
        output.expect_code(3);
        let place = format!("{}:2", folder.path("targets").display());
        assert!(output.err().contains(message) && output.err().contains(&place), "{message}: {output:?}");
    }
    for file in ["/nowhere", &empty, &garbage] {
        let output = Upcheck::new().env("SSL_CERT_FILE", file).arg(&url).run();
        output.expect_code(3);
        assert!(output.err().contains("SSL_CERT_FILE"), "says where it comes from: {output:?}");
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_person_reads_whose_certificate_it_was() {
    if !has_program("openssl") {
        skipped!("no openssl on this machine");
        return;
    }
    let folder = TempDir::new();
    let root = Authority::new("the \u{1b}[31mroot");
    let peer = TlsPeer::openssl(&folder, &root.issue("other.test"), Demands::default());
    let ca = folder.write("root.pem", &root.pem);
    let output = Upcheck::new().args(["-v", "--cacert", &ca]).arg(peer.url("/")).run();
    output.expect_code(1);
    for word in ["tls_name: ", "TLS 1.3 TLS_", "the leaf", "for other.test", "until 2045-01-01", "SHA-256 ", ", tls "] {
        assert!(output.out().contains(word), "{word}: {output:?}");
    }
    assert!(
        output.out().contains("root") && !output.out().contains('\u{1b}'),
        "nothing reaches a terminal: {output:?}"
    );
}

#[test]
fn a_file_that_many_lines_name_is_held_once() {
    // A megabyte for each of them would be a gigabyte.
    const LINES: usize = 1000;
    let folder = TempDir::new();
    let root = Authority::new("the root");
    let silent = Server::playing(vec![Step::Hang]);
    let file = folder.write("large.pem", root.pem.clone() + &"# padding\n".repeat(100_000));
    let list: String = (0..LINES).map(|_| format!("{} cacert={file} timeout=10s\n", https(&silent))).collect();
    let list = folder.write("targets", list);
    let report = Upcheck::new().args(["-f", &list, "--deadline", "2s"]).limit(ms(120_000)).report();
    assert_eq!(report.summary["total"], LINES);
    let peak = report.summary["peak_memory_bytes"].as_u64().expect("a number");
    assert!(peak < 100 << 20, "{peak} bytes");
}
