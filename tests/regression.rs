//! Bugs that were found, each with the test that would have found it.

use std::fs;

use crate::support::{Report, Server, TempDir, Upcheck};

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
