//! Judging: what is expected of an answer, how it is said, and what is told of what did not hold.

use serde_json::Value;

use crate::support::{Report, Server, Step, TempDir, Upcheck, refused_address};

const BODY: &str = r#"{"status": "ok", "n": 9007199254740993, "list": [1, 2.50, {"deep": null}],
 "odd name": true, "twice": 1, "twice": 2, "text": "caf\u00e9"}"#;

/// An answer with that body.
fn good() -> Step {
    Step::send(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAge: 300\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
         X-Empty:\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    ))
}

fn answer(status: u16, body: &str) -> Vec<Step> {
    vec![Step::send(format!("HTTP/1.1 {status} Word\r\nContent-Length: {}\r\n\r\n{body}", body.len()))]
}

/// Checks `url` once for each expectation, with the option `expect` or `warn`. The results have their numbers as names.
fn judged(url: &str, option: &str, expectations: &[&str]) -> Report {
    let folder = TempDir::new();
    let lines: String = expectations
        .iter()
        .enumerate()
        .map(|(n, expectation)| format!("{url} name={n} {option}='{expectation}'\n"))
        .collect();
    Upcheck::new().args(["-t", "20", "-f", &folder.write("targets", lines)]).report()
}

/// The words of what failed: expected and got.
fn failed(check: &Value) -> Vec<(&str, &str)> {
    let text = |mismatch: &'static str, value: &'_ Value| value[mismatch].is_string();
    let list = check["failed"].as_array().expect("always a list");
    list.iter()
        .map(|mismatch| {
            assert!(text("expected", mismatch) && text("got", mismatch), "{check}");
            (mismatch["expected"].as_str().unwrap_or_default(), mismatch["got"].as_str().unwrap_or_default())
        })
        .collect()
}

#[test]
fn what_holds_is_up() {
    let server = Server::answering(|_| vec![good()]);
    let holds = [
        "status == 200",
        "status in 200-299,!204",
        "status not in 300-599",
        "status != 503",
        "body contains \"caf\\\\u\"",
        "body starts \"{\"",
        "body ends \"}\"",
        "body like \"*ok*dee?*\"",
        "body not contains \"error\"",
        "body.bytes > 100",
        "body.bytes <= 1KiB",
        "header.content-type == \"application/json\"",
        "header.Content-Type starts \"application/\"",
        "header.age < 600",
        "header.age in 0-300",
        "header.set-cookie == \"b=2\"",
        "header.x-empty == \"\"",
        "json.status == \"ok\"",
        "json.n == 9007199254740993",
        "json.list[1] == 2.5",
        "json.list[2].deep == null",
        "json[\"odd name\"] == true",
        "json.twice == 2",
        "json.text == \"caf\u{e9}\"",
        "json.status not like \"*down*\"",
        "redirects == 0",
        "http.version == 1.1",
        "total < 20s",
        "total > 0us",
        "connect < 20s",
        "wait < 20s",
        "address starts \"127.0.0.1:\"",
    ];
    let report = judged(&server.url("/"), "expect", &holds);
    for (n, expectation) in holds.iter().enumerate() {
        let check = report.named(&n.to_string());
        assert_eq!((&check["verdict"], &check["reason"]), (&"up".into(), &"ok".into()), "{expectation}: {check}");
        assert!(check["detail"].is_null() && failed(check).is_empty(), "{check}");
    }
}

#[test]
fn what_does_not_hold_is_down_with_its_reason_and_what_came() {
    let server = Server::answering(|_| vec![good()]);
    let cases = [
        ("status == 201", "status", "status was 200"),
        ("status not in 200-299", "status", "status was 200"),
        ("body == \"ok\"", "body", "body was \"{\\\"status\\\": \\\"ok\\\", "),
        ("body.bytes < 10", "body", "body.bytes was "),
        ("header.age > 301", "header", "header.age was \"300\""),
        ("header.age == \"30\"", "header", "header.age was \"300\""),
        ("header.set-cookie == \"c=3\"", "header", "header.set-cookie was \"a=1\" and \"b=2\""),
        ("header.etag == \"x\"", "header", "header.etag is missing"),
        ("header.content-type > 5", "header", "header.content-type is the string \"application/json\", not a number"),
        ("json.status == \"up\"", "json", "json.status was \"ok\""),
        // A double would call these two the same.
        ("json.n == 9007199254740992", "json", "json.n was 9007199254740993"),
        ("json.list[3] == 1", "json", "json.list[3] is missing"),
        ("json.nothing == null", "json", "json.nothing is missing"),
        ("json.list == 1", "json", "json.list is an array, not a number"),
        ("json.status == 1", "json", "json.status is the string \"ok\", not a number"),
        ("redirects > 0", "expect", "redirects was 0"),
        ("http.version == 1.0", "expect", "http.version was \"1.1\""),
        ("address starts \"10.\"", "expect", "address was \"127.0.0.1:"),
        ("tls.version >= 1.2", "expect", "tls.version has no value: there was no TLS"),
        ("total > 20s", "latency", "total was "),
        ("connect > 20s", "latency", "connect was "),
        ("wait > 20s", "latency", "wait was "),
        ("dns < 1s", "latency", "dns has no value: no name was looked up"),
        ("tls < 1s", "latency", "tls has no value: there was no TLS"),
        ("cert.days > 14", "cert", "cert.days has no value: there was no certificate"),
    ];
    let expectations = cases.map(|(expectation, ..)| expectation);
    let down = judged(&server.url("/"), "expect", &expectations);
    let warned = judged(&server.url("/"), "warn", &expectations);
    for (n, (expectation, reason, got)) in cases.iter().enumerate() {
        let check = down.named(&n.to_string());
        assert_eq!(check["verdict"], "down", "{check}");
        assert_eq!(check["reason"], *reason, "{check}");
        let [(expected, came)] = failed(check)[..] else { panic!("one failed: {check}") };
        assert_eq!(expected, *expectation, "{check}");
        assert!(came.starts_with(got), "{check}");
        assert_eq!(check["detail"], format!("{came}, expected {expected}"), "{check}");
        assert_eq!(check["status"], 200, "what came is told all the same: {check}");

        let check = warned.named(&n.to_string());
        assert_eq!((&check["verdict"], &check["reason"]), (&"degraded".into(), &"warn".into()), "{check}");
        let [(expected, came)] = failed(check)[..] else { panic!("one failed: {check}") };
        assert_eq!(expected, *expectation, "{check}");
        assert!(came.starts_with(got), "{check}");
    }
}

#[test]
fn all_that_failed_is_listed_and_the_first_is_the_reason() {
    let server = Server::answering(|_| answer(200, "{\"a\": 1}"));
    let output = Upcheck::new()
        .args(["-e", "json.a == 2", "-e", "status == 200", "-e", "header.x == \"1\"", "-w", "body.bytes > 99"])
        .args(["-o", "ndjson"])
        .arg(server.url("/"))
        .run();
    let report = output.expect_code(1).report();
    let check = report.single();
    assert_eq!(check["reason"], "json", "{check}");
    let expected = [
        ("json.a == 2", "json.a was 1"),
        ("header.x == \"1\"", "header.x is missing"),
        ("body.bytes > 99", "body.bytes was 8"),
    ];
    assert_eq!(failed(check), expected, "{check}");
    assert_eq!(check["detail"], "json.a was 1, expected json.a == 2 (and 2 more)", "{check}");
    // A person sees the others on request.
    let arguments = ["-v", "-e", "json.a == 2", "-e", "header.x == \"1\""];
    let output = Upcheck::new().args(arguments).arg(server.url("/")).run();
    assert!(output.out().contains("also: header.x is missing, expected header.x == \"1\"\n"), "{output:?}");
}

#[test]
fn warnings_degrade_and_degraded_is_healthy() {
    let server = Server::answering(|_| answer(200, "x"));
    let output = Upcheck::new().args(["-w", "body == \"y\"", "-w", "status == 200"]).arg(server.url("/")).run();
    output.expect_code(0);
    assert!(output.out().starts_with("degraded  200"), "{output:?}");
    assert!(output.out().contains("warn: body was \"x\", expected body == \"y\"\n"), "{output:?}");
    assert!(output.out().contains("1 checked: 1 degraded"), "{output:?}");
    // Not among what is up: -q shows it.
    let output = Upcheck::new().args(["-q", "-w", "body == \"y\""]).arg(server.url("/")).run();
    assert!(output.out().starts_with("1 checked: 1 degraded (warn 1)\ndegraded"), "{output:?}");
}

#[test]
fn a_status_is_judged_unless_the_user_judges_it() {
    let server = Server::answering(|request| answer(request.path()[1..].parse().expect("a status"), "x"));
    let cases = [
        ("/404", "", "down", "status"),
        ("/404", "expect='status == 404'", "up", "ok"),
        ("/404", "expect='status in 400-499'", "up", "ok"),
        ("/200", "expect='status == 404'", "down", "status"),
        // Another subject, and a warning, leave the usual one in force.
        ("/404", "expect='body == \"x\"'", "down", "status"),
        ("/404", "warn='status == 404'", "down", "status"),
        ("/301", "warn='status == 200'", "degraded", "warn"),
    ];
    let lines: String = cases
        .iter()
        .enumerate()
        .map(|(n, (path, options, ..))| format!("{} name={n} {options}\n", server.url(path)))
        .collect();
    let report = Upcheck::new().args(["-f", "-"]).stdin(lines).report();
    for (n, case) in cases.iter().enumerate() {
        let check = report.named(&n.to_string());
        assert_eq!((&check["verdict"], &check["reason"]), (&case.2.into(), &case.3.into()), "{case:?}: {check}");
    }
    let usual = report.named("0");
    assert_eq!(failed(usual), [("status in 200-399", "status was 404")]);
}

#[test]
fn a_line_adds_to_what_is_expected_of_all() {
    let server = Server::answering(|_| answer(200, "x"));
    let folder = TempDir::new();
    let lines = format!(
        "{0}1\ndefault expect='body.bytes == 2' # of those below\n{0}2 expect='body == \"z\"'\n",
        server.url("/")
    );
    let file = folder.write("targets", lines);
    let report = Upcheck::new().args(["-e", "body == \"y\"", "-f", &file]).report();
    let expected = |path: &str| -> Vec<String> {
        failed(report.target(&server.url(path))).into_iter().map(|(expected, _)| expected.to_owned()).collect()
    };
    assert_eq!(expected("/1"), ["body == \"y\""]);
    assert_eq!(expected("/2"), ["body == \"y\"", "body.bytes == 2", "body == \"z\""]);
}

#[test]
fn a_body_that_is_not_json_says_where_it_stopped_being_json() {
    let deep = "[".repeat(200);
    let bodies = [
        ("{\"a\": nope}", "line 1, column 8"),
        ("{\"a\": 1,\n \"b\": 01}", "line 2, column 8"),
        ("", "line 1, column 1"),
        ("<html>", "line 1, column 1"),
        ("{\"a\": 1} x", "line 1, column 10"),
        ("{\"a\": \"\u{1}\"}", "line 1, column 8"),
        (&deep, "line 1, column 129"),
    ];
    let answers: Vec<String> = bodies.iter().map(|(body, _)| (*body).to_owned()).collect();
    let server = Server::answering(move |request| {
        let number: usize = request.path()[1..].parse().expect("a number");
        answer(200, &answers[number])
    });
    for (n, (body, place)) in bodies.iter().enumerate() {
        let report = Upcheck::new().args(["-e", "json.a == 1"]).arg(server.url(&format!("/{n}"))).report();
        let check = report.single();
        assert_eq!((&check["verdict"], &check["reason"]), (&"down".into(), &"json".into()), "{check}");
        let got = failed(check)[0].1;
        assert!(got.starts_with(&format!("the body is not JSON ({place}: ")), "{body:?}: {check}");
    }
}

#[test]
fn what_a_server_sent_reaches_no_terminal_as_it_is() {
    let server = Server::answering(|_| answer(200, "\u{1b}]0;owned\u{7}\u{9b}31m"));
    for format in ["human", "ndjson"] {
        let output = Upcheck::new().args(["-e", "body == \"x\"", "-v", "-o", format]).arg(server.url("/")).run();
        output.expect_code(1);
        assert!(output.out().chars().all(|c| c == '\n' || !c.is_control()), "{output:?}");
        assert!(output.out().contains("owned"), "{output:?}");
    }
}

#[test]
fn a_target_without_http_has_no_status_to_judge() {
    let server = Server::playing(vec![Step::Hang]);
    let tcp = format!("tcp://{}", server.address());
    let cases = ["connect < 20s", "status == 200", "header.x == \"1\""];
    let report = judged(&tcp, "expect", &cases);
    assert_eq!(report.named("0")["verdict"], "up", "{}", report.named("0"));
    for (n, reason) in [("1", "status"), ("2", "header")] {
        let check = report.named(n);
        assert_eq!((&check["verdict"], &check["reason"]), (&"down".into(), &reason.into()), "{check}");
        assert!(failed(check)[0].1.contains("has no value"), "{check}");
    }
    // What failed before it could be judged keeps its own reason.
    let report = judged(&format!("tcp://{}", refused_address()), "expect", &["connect < 20s"]);
    assert_eq!(report.single()["reason"], "connect_refused", "{}", report.single());
    assert!(failed(report.single()).is_empty(), "{}", report.single());
}

/// The spot in an expectation that does not parse: what precedes the caret, and words of the message.
const BAD_EXPECTATIONS: &[(&str, &str, &str)] = &[
    ("status = 200", "       ", "`=` is not an operator: equality is `==`"),
    ("stauts == 200", "", "`stauts` is not a subject: expected status, body,"),
    ("status == 2xx", "          ", "`status` needs a whole number"),
    ("total < 5 s", "          ", "`s` stands behind the value"),
    ("total < 5x", "        ", "'5x' is not a duration (such as 250ms, 5s, 1m, 2h, 7d)"),
    ("body.bytes < 5kb", "             ", "'5kb' is not a size (such as 512, 64KiB, 1MiB)"),
    ("body contains ok", "              ", "`body` needs text in double quotes: \"ok\""),
    ("json.a. == 1", "       ", "expected a name after `.`"),
    ("status", "      ", "expected an operator after `status`"),
];

#[test]
fn an_expectation_that_does_not_parse_is_shown_with_a_caret() {
    let server = Server::ok();
    for (text, before, message) in BAD_EXPECTATIONS {
        for flag in ["-e", "--expect", "-w", "--warn"] {
            let output = Upcheck::new().args([flag, text]).arg(server.url("/")).run();
            output.expect_code(3);
            let lines: Vec<&str> = output.err().lines().collect();
            assert!(lines[0].starts_with(&format!("upcheck: {flag}: ")), "{output:?}");
            assert!(lines[0].contains(message), "{output:?}");
            assert_eq!(lines[1..3], [*text, &format!("{before}^")], "{output:?}");
        }
        let output = Upcheck::new().env("UPCHECK_EXPECT", text).arg(server.url("/")).run();
        output.expect_code(3);
        assert!(output.err().starts_with("upcheck: UPCHECK_EXPECT: "), "{output:?}");
        assert!(output.err().contains(&format!("\n{before}^\n")), "{output:?}");
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn expectations_of_a_file_that_do_not_parse_are_all_shown_with_their_place() {
    let server = Server::ok();
    let folder = TempDir::new();
    let mut list = format!("# one good line, and the others\n{}\n", server.url("/"));
    for (text, ..) in BAD_EXPECTATIONS {
        list += &format!("127.0.0.1:1  warn='status == 200' expect='{text}'\n");
    }
    let file = folder.write("targets", list);
    let output = Upcheck::new().args(["-f", &file]).run();
    output.expect_code(3);
    let lines: Vec<&str> = output.err().lines().collect();
    for (n, (text, before, message)) in BAD_EXPECTATIONS.iter().enumerate() {
        let [first, source, caret] = lines[3 * n..3 * n + 3] else { panic!("{output:?}") };
        assert!(first.starts_with(&format!("upcheck: {file}:{}:35: expect: ", n + 3)), "{first}");
        assert!(first.contains(message), "{first}");
        assert_eq!((source, caret), (*text, format!("{before}^").as_str()));
    }
    assert_eq!(lines[3 * BAD_EXPECTATIONS.len()], "upcheck: 9 errors in the targets: nothing was checked");
    assert_eq!(server.accepted(), 0);
}

/// Checks as many big bodies at the same time, and gives the peak memory that the program reports of itself.
fn peak_memory(expectation: &str, body: usize) -> u64 {
    const TARGETS: usize = 48;
    // All but the last byte comes at once; that comes when everybody has got so far.
    let server = Server::answering(move |_| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {body}\r\n\r\n");
        let rest = vec![b'x'; body - 1];
        vec![Step::send([head.as_bytes(), &rest].concat()), Step::Gate, Step::send("x")]
    });
    let targets = (0..TARGETS).map(|n| server.url(&format!("/{n}")));
    let running = Upcheck::new().args(["-t", "25", "-o", "ndjson", "-e", expectation]).args(targets).spawn();
    crate::support::wait_until("all have asked", || server.requests().len() == TARGETS);
    std::thread::sleep(crate::support::ms(500));
    server.release();
    let report = running.finish().expect_code(0).report();
    report.summary["peak_memory_bytes"].as_u64().expect("a number")
}

#[test]
fn a_body_that_is_judged_as_a_text_is_not_kept() {
    const BIG: usize = 900 << 10;
    let small = peak_memory("body.bytes == 2", 2);
    let slack = 4 << 20;
    for expectation in
        [&format!("body.bytes == {BIG}"), "body contains \"xxx\"", "body like \"*x?x*\"", "length(body) > 9"]
    {
        let judged = peak_memory(expectation, BIG);
        assert!(judged < small + slack, "2 bytes each: {small}, {expectation}: {judged}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_not_judged() {
    let server = Server::answering(|_| answer(200, &"x".repeat(2000)));
    let report = Upcheck::new().args(["--max-body", "1KiB", "-e", "body starts \"x\""]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "too_large", "{}", report.single());
    assert!(failed(report.single()).is_empty(), "{}", report.single());
}
