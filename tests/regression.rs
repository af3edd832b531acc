//! Bugs that were found, each with the test that would have found it.

use crate::support::{Server, Upcheck};

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
