//! Servers and files that mean ill, or are merely broken: each has its own reason, and nothing of theirs reaches a
//! terminal raw.

use serde_json::Value;

use crate::support::{Healthy, Output, Server, Step, TempDir, Upcheck, has_program, ms, skipped};

/// Answers that are wrong: name, what the server does once it was asked, the reason.
fn wrong_answers() -> Vec<(&'static str, Vec<Step>, &'static str)> {
    let then_close = |text: &str| vec![Step::send(text), Step::Close];
    vec![
        ("empty", vec![Step::Close], "closed"),
        ("cut-in-status-line", then_close("HTTP/1."), "closed"),
        ("cut-in-head", then_close("HTTP/1.1 200 OK\r\nServer: x\r\n"), "closed"),
        ("cut-in-length", then_close("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"), "closed"),
        ("cut-before-body", then_close("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), "closed"),
        ("cut-in-chunk", then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), "closed"),
        ("cut-in-chunk-size", then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5"), "closed"),
        ("no-last-chunk", then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"), "closed"),
        ("no-end-of-trailer", then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"), "closed"),
        ("interim-only", then_close("HTTP/1.1 103 Early Hints\r\n\r\n"), "closed"),
        ("reset", vec![Step::Reset], "reset"),
        ("reset-in-head", vec![Step::send("HTTP/1.1 200 OK\r\n"), Step::Pause(ms(50)), Step::Reset], "reset"),
        (
            "reset-in-body",
            vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"), Step::Pause(ms(50)), Step::Reset],
            "reset",
        ),
        (
            "reset-until-close",
            vec![Step::send("HTTP/1.1 200 OK\r\n\r\nto be continued"), Step::Pause(ms(50)), Step::Reset],
            "reset",
        ),
        ("garbage", vec![Step::send(vec![0xa5; 5000]), Step::Close], "malformed"),
        ("zeros", vec![Step::send(vec![0; 100]), Step::Close], "malformed"),
        ("tls-alert", vec![Step::send(*b"\x15\x03\x01\x00\x02\x02\x46"), Step::Close], "malformed"),
        ("http2", then_close("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "malformed"),
        ("http9", then_close("HTTP/9.9 200 OK\r\n\r\n"), "malformed"),
        ("status-word", then_close("HTTP/1.1 abc OK\r\n\r\n"), "malformed"),
        ("header-without-colon", then_close("HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n"), "malformed"),
        ("length-word", then_close("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"), "malformed"),
        ("length-sign", then_close("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"), "malformed"),
        ("length-negative", then_close("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "malformed"),
        (
            "length-beyond-numbers",
            then_close("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
            "malformed",
        ),
        (
            "lengths-that-differ",
            then_close("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
            "malformed",
        ),
        (
            "length-and-chunked",
            then_close("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "malformed",
        ),
        (
            "chunk-size-empty",
            then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n"),
            "malformed",
        ),
        (
            "chunk-size-sign",
            then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n"),
            "malformed",
        ),
        (
            "chunk-size-overflow",
            then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
            "malformed",
        ),
        (
            "chunk-too-long",
            then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n0\r\n\r\n"),
            "malformed",
        ),
        ("endless-head", vec![Step::EndlessHead], "too_large"),
        ("endless-body", vec![Step::EndlessBody], "too_large"),
        ("huge-length", then_close("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\nbeginning"), "too_large"),
    ]
}

#[test]
fn every_wrong_answer_has_its_reason() {
    let server = Server::answering(|request| {
        let name = &request.path()[1..];
        match wrong_answers().into_iter().find(|(n, ..)| *n == name) {
            Some((_, script, _)) => script,
            None => vec![Step::ok()],
        }
    });
    let healthy: Vec<String> = (0..50).map(|n| server.url(&format!("/healthy-{n}"))).collect();
    let wrong: Vec<String> = wrong_answers().iter().map(|(name, ..)| server.url(&format!("/{name}"))).collect();
    let output = Upcheck::new()
        .args(["-t", "20", "-o", "ndjson", "-e", "body.bytes >= 0"])
        .args(wrong.iter().chain(&healthy))
        .run();
    let report = output.expect_code(1).report();
    let mut mistakes = Vec::new();
    for ((name, _, reason), target) in wrong_answers().iter().zip(&wrong) {
        let check = report.target(target);
        if check["reason"] != *reason || check["verdict"] != "down" || !check["detail"].is_string() {
            mistakes.push(format!("{name} should be {reason}: {check}"));
        }
    }
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    assert_eq!(report.summary["up"], healthy.len(), "{:#?}", report.not("down"));
}

#[test]
fn a_server_that_speaks_first_is_judged_by_what_it_says() {
    let banner = Server::playing(vec![Step::send("SSH-2.0-OpenSSH_9.9p1 Debian-1\r\n"), Step::Hang]);
    let closes = Server::playing(vec![Step::send("220 mail.example ESMTP\r\n"), Step::ReadRequest, Step::Close]);
    let resets = Server::playing(vec![Step::Reset]);
    let urls = [&banner, &closes, &resets].map(|server| server.url("/"));
    let report = Upcheck::new().args(["-t", "20"]).args(&urls).report();
    assert_eq!(report.target(&urls[0])["reason"], "malformed", "{}", report.target(&urls[0]));
    assert_eq!(report.target(&urls[1])["reason"], "malformed", "{}", report.target(&urls[1]));
    assert_eq!(report.target(&urls[2])["reason"], "reset", "{}", report.target(&urls[2]));
}

#[test]
fn bodies_are_measured_against_the_cap() {
    let server = Server::answering(|request| {
        let length: usize = request.path()[1..].parse().expect("a number");
        let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        vec![Step::Send(bytes), Step::Close]
    });
    let run = |flags: &[&str], length: usize| {
        let report = Upcheck::new().args(["-t", "20"]).args(flags).arg(server.url(&format!("/{length}"))).report();
        report.single().clone()
    };
    const SIZE: [&str; 2] = ["-e", "body.bytes > 0"];
    // The default is 1 MiB: a body of just that passes, one byte more does not.
    assert_eq!(run(&SIZE, 1 << 20)["reason"], "ok");
    assert_eq!(run(&SIZE, 1 << 20)["body_bytes"], 1 << 20);
    assert_eq!(run(&SIZE, (1 << 20) + 1)["reason"], "too_large");
    assert_eq!(run(&[&SIZE[..], &["--max-body", "1KiB"]].concat(), 1024)["reason"], "ok");
    assert_eq!(run(&[&SIZE[..], &["--max-body", "1KiB"]].concat(), 1025)["reason"], "too_large");
    assert_eq!(run(&[&SIZE[..], &["--max-body", "3MiB"]].concat(), 3 << 20)["reason"], "ok");
    // Where nobody asks for the body, reading stops there.
    let cut = run(&["--max-body", "1KiB"], 100 << 10);
    assert_eq!((&cut["reason"], &cut["body_bytes"]), (&"ok".into(), &1024.into()), "{cut}");
}

#[test]
fn interim_responses_are_bounded() {
    let server = Server::answering(|_| vec![Step::send("HTTP/1.1 102 Processing\r\n\r\n".repeat(200)), Step::ok()]);
    let report = Upcheck::new().args(["-t", "20"]).arg(server.url("/")).report();
    let reason = &report.single()["reason"];
    assert!(reason == "malformed" || reason == "too_large", "{}", report.single());
}

/// What a server may put where words are expected.
const PAYLOADS: &[&[u8]] = &[
    b"\x1b[31mred\x1b[0m",
    b"\x1b]0;title\x07",
    b"\x1b[2J\x1b[H",
    b"\x00\x01\x02\x08\x08\x08\x7f",
    b"\xc2\x9b31m\xc2\x9d",
    b"\x9b31m",
    b"\xff\xfe\xc3\x28\xed\xa0\x80",
    b"a\rb\x0bc\x0c",
    b"\"quote\" \\ 'and' <b>&amp;",
    "\u{202e}right\u{2028}to\u{85}left".as_bytes(),
];

/// The places in an answer where a payload can stand. A peer's words are most likely to be shown when the verdict is
/// down, so each of these is.
fn answers_with(payload: &[u8]) -> Vec<Vec<u8>> {
    let join = |before: &[u8], after: &[u8]| [before, payload, after].concat();
    vec![
        join(b"HTTP/1.1 503 ", b"\r\nContent-Length: 0\r\n\r\n"),
        join(b"", b"\r\n\r\n"),
        join(b"HTTP/1.1 ", b" OK\r\n\r\n"),
        join(b"HTTP/1.1 503 No\r\nX-Header: ", b"\r\nContent-Length: 0\r\n\r\n"),
        join(b"HTTP/1.1 503 No\r\n", b": name\r\nContent-Length: 0\r\n\r\n"),
        join(b"HTTP/1.1 503 No\r\nContent-Length: ", b"\r\n\r\n"),
        join(b"HTTP/1.1 503 No\r\nTransfer-Encoding: ", b"\r\n\r\n"),
        join(b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"\r\n"),
        join(b"HTTP/1.1 302 Go\r\nContent-Length: 0\r\nLocation: http://", b"/\r\n\r\n"),
        join(b"HTTP/1.1 503 No\r\nConnection: close\r\n\r\n", b""),
    ]
}

/// A server whose path says which payload stands where: `/PAYLOAD/PLACE`. Gives its targets, too.
fn payload_server() -> (Server, Vec<String>) {
    let server = Server::answering(|request| {
        let mut numbers = request.path()[1..].split('/').map(|n| n.parse::<usize>().expect("a number"));
        let payload = PAYLOADS[numbers.next().expect("a payload")];
        let place = numbers.next().expect("a place");
        vec![Step::Send(answers_with(payload).swap_remove(place)), Step::Close]
    });
    let targets = (0..PAYLOADS.len())
        .flat_map(|payload| (0..answers_with(b"").len()).map(move |place| format!("/{payload}/{place}")))
        .map(|path| server.url(&path))
        .collect();
    (server, targets)
}

/// Fails when `bytes` holds what a terminal would act upon. Lines may end.
#[track_caller]
fn expect_harmless(bytes: &[u8], what: &Output) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{error}: {what:?}"));
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{what:?}");
}

#[test]
fn no_control_byte_of_a_server_is_printed() {
    let (_server, targets) = payload_server();
    for flags in [&["-o", "human"][..], &["-o", "human", "-v"], &["-o", "ndjson"], &["-o", "ndjson", "-v"]] {
        let output = Upcheck::new().args(["-t", "20"]).args(flags).args(&targets).run();
        output.expect_no_crash();
        expect_harmless(&output.stdout, &output);
        expect_harmless(&output.stderr, &output);
        if flags.contains(&"ndjson") {
            assert_eq!(output.report().checks.len(), targets.len());
        }
    }
}

#[test]
fn a_terminal_gets_no_escape_of_a_server() {
    if !has_program("script") {
        skipped!("`script` makes the terminal");
        return;
    }
    let (_server, targets) = payload_server();
    let output = Upcheck::on_terminal(&format!("-t 20 {}", targets.join(" "))).run();
    let text = String::from_utf8_lossy(&output.stdout);
    // The program's own colours and its progress line are escapes, too: only what a payload brings is looked for.
    for foreign in ["\x1b]0;", "\x1b[2J", "\x1b[31mred", "\x07", "\x00", "\u{9b}", "\u{9d}"] {
        assert!(!text.contains(foreign), "{foreign:?} in {text:?}");
    }
    assert!(text.contains(&targets[0]), "it ran: {text:?}");
}

#[test]
fn no_control_byte_of_a_file_is_printed() {
    let server = Healthy::start();
    let folder = TempDir::new();
    let evil = "\x1b[31mred\x07\u{9b}1m";
    let lines = [
        format!("{} name='{evil}'", server.url("/")),
        format!("{} label.x='{evil}'", server.url("/")),
        format!("{} {evil}=1", server.url("/")),
        format!("http://{evil}/"),
        format!("default name={evil}"),
        format!("{}/{evil}", server.url("/")),
        format!("{evil}://host/"),
    ];
    for line in lines {
        let file = folder.write("targets", &line);
        for format in ["human", "ndjson"] {
            let output = Upcheck::new().args(["-f", &file, "-o", format]).run();
            output.expect_no_crash();
            expect_harmless(&output.stdout, &output);
            expect_harmless(&output.stderr, &output);
        }
    }
    // Nor of an argument.
    let output = Upcheck::new().arg(format!("http://host/{evil}")).run();
    output.expect_code(3);
    expect_harmless(&output.stderr, &output);
}

#[test]
fn no_bytes_of_a_file_crash_the_reader() {
    let folder = TempDir::new();
    let files: &[&[u8]] = &[
        b"\xff\xfe\x00",
        b"http://\xc3\x28/\n",
        b"\0\0\0\n\n\0",
        b"default\n",
        b"default timeout\n",
        b"=\n",
        b"http://127.0.0.1:1/ name='open\n",
        b"http://127.0.0.1:1/ name=\"open\n",
        b"http://127.0.0.1:1/ header='${'\n",
        b"http://127.0.0.1:1/ header='${}'\n",
        b"http://127.0.0.1:1/ header='${A B}'\n",
        b"http://127.0.0.1:1/ header='no colon'\n",
        b"http://127.0.0.1:1/ header='A: b\rX: y'\n",
        b"http://127.0.0.1:1/ label.=x\n",
        b"http://127.0.0.1:1/ label=x\n",
        b"http://127.0.0.1:1/ timeout=99999999999999999999d\n",
        b"http://127.0.0.1:1/ timeout=0\n",
        b"http://127.0.0.1:1/ timeout=-1\n",
        b"http://127.0.0.1:1/ timeout=1e3\n",
        b"http://127.0.0.1:1/ max-body=99999999999999999999MiB\n",
        b"http://[::1/\n",
        b"http://::1/\n",
        b"http://127.0.0.1:99999/\n",
        b"http://127.0.0.1:/\n",
        b"http://@/\n",
        b"http://:80/\n",
        b"tcp://127.0.0.1\n",
        b"tcp://127.0.0.1:1/path\n",
        b"//\n",
        b"http:/127.0.0.1/\n",
        b"unix:///tmp/x\n",
    ];
    for content in files {
        let file = folder.write("targets", content);
        let output = Upcheck::new().args(["-t", "5", "-f", &file]).run();
        let shown = String::from_utf8_lossy(content).into_owned();
        output.expect_no_crash();
        assert!(matches!(output.code, Some(0 | 1 | 3)), "{shown:?}: {output:?}");
        if output.code == Some(3) {
            assert!(output.err().contains("targets"), "names the file: {shown:?}: {output:?}");
        }
        expect_harmless(&output.stderr, &output);
    }
}

#[test]
fn a_header_cannot_be_smuggled() {
    let server = Server::ok();
    for header in ["X: a\r\nY: b", "X: a\nY: b", "X\r\nY: b", "X: \0", ": empty", "No-Colon"] {
        let output = Upcheck::new().args(["-H", header.trim_end_matches('\0')]).arg(server.url("/")).run();
        if header.contains('\0') {
            // The NUL cannot be passed as an argument; what is left is a header like any other.
            output.expect_code(0);
        } else {
            output.expect_code(3);
        }
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_method_cannot_be_smuggled() {
    let server = Server::ok();
    for method in ["GET / HTTP/1.1\r\nX: y\r\n\r\n", "GE T", "", "GÉT"] {
        Upcheck::new().args(["-X", method]).arg(server.url("/")).run().expect_code(3);
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn what_a_server_says_stays_short_in_a_result() {
    // A page as a status line, a line of a megabyte as a header: a detail is for people.
    let page = format!("<html>{}</html>\r\n\r\n", "x".repeat(20_000));
    let server = Server::answering(move |_| vec![Step::send(page.clone()), Step::Close]);
    let report = Upcheck::new().args(["-t", "20"]).arg(server.url("/")).report();
    let check: &Value = report.single();
    let detail = check["detail"].as_str().expect("a detail");
    assert!(detail.len() < 1000, "{} bytes", detail.len());
}
