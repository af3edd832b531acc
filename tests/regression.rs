//! Bugs that were found, each with the test that would have found it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::{Report, Server, Step, TempDir, Upcheck, listen_with, ms, refused_address, skipped, wait_until};

#[test]
fn peak_memory_is_the_programs_own() {
    // The kernel's `ru_maxrss` outlives `exec`: it is never less than what the parent had when it forked.
    let ballast = vec![1_u8; 200 << 20];
    let server = Server::ok();
    let report = Upcheck::new().arg(server.url("/")).report();
    assert_eq!(ballast.iter().filter(|byte| **byte == 1).count(), 200 << 20, "it is in memory");
    let peak = report.summary["peak_memory_bytes"].as_u64().expect("a number");
    assert!(peak < 100 << 20, "{peak} bytes");
}

#[test]
fn a_message_of_two_lines_is_two_lines() {
    let output = Upcheck::new().args(["--no-such-flag"]).run();
    output.expect_code(3);
    assert!(!output.err().contains("\\u{a}"), "{output:?}");
}

#[test]
fn no_c1_control_is_printed_raw_in_json() {
    // U+009B is CSI in one character, for a terminal that is in the mood.
    let server = Server::ok();
    let line = format!("{} name='a\u{9b}31mb' label.c1='\u{80}\u{85}\u{9f}'\n", server.url("/"));
    let output = Upcheck::new().args(["-f", "-", "-o", "ndjson"]).stdin(line).run();
    output.expect_code(0);
    assert!(!output.out().chars().any(|c| c.is_control() && c != '\n'), "{output:?}");
    assert_eq!(output.report().single()["name"], "a\u{9b}31mb", "escaped, not lost");
    assert_eq!(output.report().single()["labels"]["c1"], "\u{80}\u{85}\u{9f}");
}

#[test]
fn dev_stdout_is_standard_output_not_a_file_to_replace() {
    // /dev/stdout leads to the file that the shell opened. Renaming a new one over it lost what was in it.
    let server = Server::ok();
    let folder = TempDir::new();
    let log = folder.write("log", "yesterday's\n");
    Upcheck::in_shell(&format!("exec \"$0\" \"$@\" >>'{log}'"))
        .args(["-o", "ndjson=/dev/stdout"])
        .arg(server.url("/"))
        .run()
        .expect_code(0);
    let written = fs::read(&log).expect("it is there");
    let appended = written.strip_prefix(b"yesterday's\n").expect("what was there stays");
    assert_eq!(Report::parse(appended).single()["verdict"], "up");
}

#[test]
fn two_reports_cannot_go_to_one_file() {
    // They shared the file beside it, and each wrote over the other.
    let server = Server::ok();
    let folder = TempDir::new();
    let file = folder.path("results");
    let file = file.display();
    let output = Upcheck::new()
        .args(["-o", &format!("ndjson={file}"), "-o", &format!("human={file}")])
        .arg(server.url("/"))
        .run();
    output.expect_code(3);
    assert!(output.err().contains("results"), "{output:?}");
    assert_eq!(server.accepted(), 0, "it is known before the start");
    assert_eq!(folder.names(), [""; 0], "nothing is left behind");
}

#[test]
fn an_error_is_told_without_the_systems_number() {
    let output = Upcheck::new().args(["-o", "ndjson=/no/such/folder/results", "http://127.0.0.1:1/"]).run();
    output.expect_code(3);
    assert!(!output.err().contains("os error"), "{output:?}");
}

/// A system's whole list of authorities was read and checked at each start, for plain HTTP too: 17 million instructions.
#[test]
fn the_environments_authorities_are_not_read_where_nobody_speaks_tls() {
    let server = Server::ok();
    let output = Upcheck::new().env("SSL_CERT_FILE", "/nowhere").arg(server.url("/")).run();
    output.expect_code(0);
}

/// While checks ended on the spot, nobody asked the OS who was ready: a service was judged when all of them were over.
#[test]
fn checks_that_end_at_once_keep_nobody_waiting() {
    let server = Server::answering(|_| vec![Step::Pause(ms(100)), Step::ok()]);
    let refused = refused_address();
    let mut lines = format!("{} name=well expect='total < 1500ms'\n", server.url("/"));
    for n in 0..60_000 {
        lines.push_str(&format!("http://{refused}/{n}\n"));
    }
    let report = Upcheck::new().args(["-f", "-"]).stdin(lines).report();
    assert_eq!(report.named("well")["verdict"], "up", "{}", report.named("well"));
    assert_eq!(report.summary["down"], 60_000);
    let longest = report.summary["loop"]["longest_turn_seconds"].as_f64().expect("a number");
    assert!(report.summary["loop"]["turns"].as_u64() > Some(400), "each batch is followed by a look: {longest}");
}

/// What the program's own pause had been given back was forgotten at the next deadline that was computed.
#[test]
fn an_absence_is_given_back_to_the_next_hop_too() {
    let server = Server::answering(|request| match request.path() {
        "/from" => {
            vec![Step::Pause(ms(700)), Step::send("HTTP/1.1 302 F\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n")]
        }
        _ => vec![Step::Pause(ms(700)), Step::ok()],
    });
    let running = Upcheck::new().args(["-L", "-t", "3s", "-o", "ndjson"]).arg(server.url("/from")).spawn();
    wait_until("it was asked", || server.accepted() > 0);
    running.signal("STOP");
    std::thread::sleep(ms(3_000));
    running.signal("CONT");
    let output = running.finish();
    output.expect_code(0);
    assert_eq!(output.report().single()["redirects"], 1);
}

/// A row had the address of the hop before the one that its verdict is about.
#[test]
fn a_hop_that_was_never_reached_has_no_address() {
    let to = refused_address();
    let answer = format!("HTTP/1.1 302 F\r\nLocation: http://{to}/\r\nContent-Length: 0\r\n\r\n");
    let server = Server::answering(move |_| vec![Step::send(answer.clone())]);
    let report = Upcheck::new().arg("-L").arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "connect_refused");
    assert!(report.single()["address"].is_null(), "{}", report.single());
}

/// One output that failed took all others with it.
#[test]
fn a_report_that_cannot_be_written_ends_alone() {
    let server = Server::ok();
    let folder = TempDir::new();
    let file = folder.path("results");
    let output = Upcheck::new()
        .args(["-o", "ndjson=/dev/full", "-o", &format!("ndjson={}", file.display())])
        .arg(server.url("/"))
        .run();
    output.expect_code(3);
    assert!(output.err().contains("/dev/full"), "{output:?}");
    let written = Report::parse(&fs::read(file).expect("it is whole"));
    assert_eq!((written.single()["verdict"].as_str(), written.summary["total"].as_u64()), (Some("up"), Some(1)));
}

/// The part beside a report's place had a name that could be foreseen, and links were followed.
#[test]
fn the_file_beside_a_report_has_a_name_of_its_own_and_does_not_stay() {
    let server = Server::ok();
    let folder = TempDir::new();
    let place = format!("ndjson={}", folder.path(&"n".repeat(235)).display());
    Upcheck::new().args(["-o", &place]).arg(server.url("/")).run().expect_code(0);
    assert_eq!(folder.names(), ["n".repeat(235)]);
}

/// The run ended with 0 when its reader left, whatever was still under way.
#[test]
fn a_reader_who_leaves_leaves_targets_unjudged() {
    let well = Server::ok();
    let silent = Server::answering(|_| vec![Step::Hang]);
    let late = Server::answering(|_| vec![Step::Pause(ms(300)), Step::ok()]);
    let output = Upcheck::in_shell("{ \"$0\" \"$@\"; echo \"ended with $?\" >&2; } | head -n 1 >/dev/null")
        .args(["-o", "ndjson", "-t", "20s"])
        .args([well.url("/"), silent.url("/"), late.url("/")])
        .run();
    assert!(output.err().contains("ended with 1"), "{output:?}");
}

/// `--deadline` did not end a run whose reader had stalled.
#[test]
fn a_reader_who_takes_nothing_does_not_keep_a_run_beyond_its_deadline() {
    let refused = refused_address();
    let lines: String = (0..20_000).map(|n| format!("http://{refused}/{n}\n")).collect();
    let output = Upcheck::in_shell("{ \"$0\" \"$@\"; echo \"ended with $?\" >&2; } | sleep 12")
        .args(["-f", "-", "-o", "ndjson", "--deadline", "1s"])
        .stdin(lines)
        .run();
    assert!(output.err().contains("took no more") && output.err().contains("ended with 3"), "{output:?}");
}

/// A body of one byte a chunk, each with an extension of a KiB, cost a GiB to receive.
#[test]
fn framing_that_carries_nothing_is_too_large() {
    let flood = format!("1;{}\r\nx\r\n", "e".repeat(1000)).repeat(400);
    let server = Server::answering(move |_| {
        vec![Step::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Step::send(flood.clone())]
    });
    let report = Upcheck::new().arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "too_large", "{}", report.single());
}

/// Values of the environment were repeated in errors and in details.
#[test]
fn what_the_environment_holds_is_in_no_message_and_no_report() {
    const SECRET: &str = "s3cr3t-t0ken";
    let server = Server::ok();
    let url = server.url("/");
    for line in ["'Authorization: Bearer ${TOKEN}'", "timeout=${TOKEN}", "expect='nonsense = \"${TOKEN}\"'"] {
        let line = format!("{url} {line}\n");
        let output = Upcheck::new().args(["-f", "-"]).env("TOKEN", SECRET).stdin(line).run();
        output.expect_code(3);
        assert!(output.err().contains("${TOKEN}") && !output.err().contains(SECRET), "{output:?}");
    }
    let line = format!("{url} expect='header.x-key == \"${{TOKEN}}\"'\n");
    let output = Upcheck::new().args(["-f", "-", "-o", "ndjson"]).env("TOKEN", SECRET).stdin(line).run();
    output.expect_code(1);
    assert!(output.out().contains("${TOKEN}") && !output.out().contains(SECRET), "{output:?}");
}

/// A repeatable flag of the command line was added to what the environment said.
#[test]
fn the_command_line_replaces_what_the_environment_says() {
    let server = Server::ok();
    let output = Upcheck::new().env("UPCHECK_OUTPUT", "ndjson").args(["-o", "human"]).arg(server.url("/")).run();
    output.expect_code(0);
    assert!(output.out().starts_with("up "), "{output:?}");
}

/// Opening a named pipe waited for its writer, before there was a loop that could hear a signal.
#[test]
fn a_named_pipe_without_a_writer_blocks_nothing() {
    let server = Server::ok();
    let folder = TempDir::new();
    let pipe = folder.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return skipped!("no mkfifo");
    }
    let mut running = Upcheck::new().args(["-o", "ndjson", "-f"]).arg(&pipe).arg(server.url("/")).spawn();
    let mut lines = running.lines();
    assert!(lines.next().contains("\"up\""), "the argument is checked meanwhile");
    running.signal("TERM");
    running.finish().expect_code(143);
}

/// A timeout of a body was among the times of the answers.
#[test]
fn a_body_that_never_ends_is_no_answer_of_so_many_seconds() {
    let server = Server::answering(|_| {
        vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc"), Step::Pause(ms(3_000))]
    });
    let report = Upcheck::new().args(["-t", "500ms"]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "response_timeout");
    assert!(report.summary["seconds"]["max"].is_null(), "{}", report.summary);
}

/// What a server said before it had heard all was lost to the error of sending the rest.
#[test]
fn an_answer_that_comes_before_the_request_is_sent_is_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it connects");
        stream.read_exact(&mut [0; 1000]).expect("the head");
        stream.write_all(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n").expect("it listens");
        // Closed with bytes unread: the rest of the request meets a reset.
    });
    let folder = TempDir::new();
    let body = folder.write("body", "a".repeat(8 << 20));
    let report = Upcheck::new().args(["-d", &format!("@{body}")]).arg(url).report();
    server.join().expect("it did as it was told");
    assert_eq!(report.single()["status"], 413, "{}", report.single());
}

/// Every check under way held a copy of the request's body.
#[test]
fn a_large_body_is_sent_whole_and_held_once() {
    const LENGTH: usize = (1 << 20) - 4096;
    let server = Server::ok();
    let folder = TempDir::new();
    let body = folder.write("body", "a".repeat(LENGTH));
    let targets: Vec<_> = (0..8).map(|n| server.url(&format!("/{n}"))).collect();
    let report = Upcheck::new().args(["-d", &format!("@{body}")]).args(targets).report();
    assert_eq!(report.summary["up"], 8, "{}", report.summary);
    assert!(server.requests().iter().all(|request| request.body.len() == LENGTH), "each came whole");

    // Who takes no more than the kernel does leaves the rest with us.
    let full = listen_with(64);
    let url = format!("http://{}/", full.local_addr().expect("it is bound"));
    let body = folder.write("body", "a".repeat(12 << 20));
    let report = Upcheck::new().args(["-t", "1s", "-d", &format!("@{body}")]).args(vec![url; 24]).report();
    assert_eq!(report.summary["reasons"]["response_timeout"], 24, "{}", report.summary);
    let peak = report.summary["peak_memory_bytes"].as_u64().expect("a number");
    assert!(peak < 96 << 20, "{peak} bytes");
}

/// Passwords that were meant for the checks were handed on to the program that is waited with.
#[test]
fn the_command_behind_wait_knows_nothing_of_what_was_said_to_us() {
    let server = Server::ok();
    let output = Upcheck::new()
        .env("UPCHECK_USER", "me:s3cret")
        .args(["--wait", "20s", "-s"])
        .arg(server.url("/"))
        .args(["--", "env"])
        .run();
    output.expect_code(0);
    assert!(output.out().contains("PATH=") && !output.out().contains("UPCHECK_"), "{output:?}");
}

/// Beside a kept connection, one address was checked of two.
#[test]
fn all_addresses_are_checked_beside_a_kept_connection() {
    let server = Server::answering(|request| match request.path() {
        "/r" => vec![Step::send(format!(
            "HTTP/1.1 302 F\r\nLocation: http://name.test:{}/ok\r\nContent-Length: 0\r\n\r\n",
            request.header("host").and_then(|host| host.rsplit(':').next()).expect("it has a port")
        ))],
        _ => vec![Step::ok()],
    });
    let port = server.address().port();
    let lines = format!("{} location keepalive\nhttp://name.test:{port}/b all-addresses keepalive\n", server.url("/r"));
    let report = Upcheck::new()
        .args(["-c", "1", "-f", "-", "--resolve", &format!("name.test:{port}:127.0.0.1,127.0.0.2")])
        .stdin(lines)
        .report();
    assert_eq!(report.summary["total"], 3, "{}", report.summary);
}
