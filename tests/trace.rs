//! `--trace`: the loop's turns and every check, as Chrome trace events.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Report, Server, Step, TempDir, Upcheck, ms, refused_address, wait_until};

/// The events of a trace.
fn events(trace: &[u8]) -> Vec<Value> {
    let whole: Value =
        serde_json::from_slice(trace).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(trace)));
    whole["traceEvents"].as_array().expect("a list").clone()
}

fn micros(event: &Value, key: &str) -> u64 {
    event[key].as_u64().unwrap_or_else(|| panic!("{key}: {event}"))
}

/// Holds the trace's turns against each other and against the summary of the same run.
fn assert_turns(events: &[Value], summary: &Value) {
    let slices = |name: &str| events.iter().filter(|event| event["ph"] == "X" && event["name"] == name).collect();
    let (turns, sleeps, works): (Vec<_>, Vec<_>, Vec<_>) = (slices("turn"), slices("sleep"), slices("work"));
    assert!(!turns.is_empty() && turns.len() == sleeps.len() && turns.len() == works.len());
    let mut end = 0;
    let mut number = 0;
    for ((turn, sleep), work) in turns.iter().zip(sleeps).zip(works) {
        let (at, long) = (micros(turn, "ts"), micros(turn, "dur"));
        // Each is rounded down by itself.
        assert!(at + 2 >= end, "turns stand one behind the other: {turn}");
        end = at + long;
        assert_eq!(micros(sleep, "ts"), at);
        assert!(micros(work, "ts").abs_diff(at + micros(sleep, "dur")) <= 1, "{turn} {sleep} {work}");
        assert!(long.abs_diff(micros(sleep, "dur") + micros(work, "dur")) <= 1, "{turn} {sleep} {work}");
        number += 1;
        assert_eq!(turn["args"]["number"], number);
    }
    // The turns that only wrote the last of the results are no part of it.
    assert!(number <= summary["loop"]["turns"].as_u64().expect("a count"), "{summary}");
}

/// Holds the tracks of the checks against the results of the same run: the same phases at the same times.
fn assert_checks(events: &[Value], report: &Report) {
    let mut tracks: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["cat"] == "check") {
        let id = event["id2"]["local"].as_str().and_then(|id| id.strip_prefix("0x")).expect("an id");
        let id = u64::from_str_radix(id, 16).expect("a number");
        tracks.entry(id).or_default().push(event);
    }
    assert_eq!(tracks.len(), report.checks.len());
    for (track, check) in tracks.values().zip(&report.checks) {
        let whole = track[0];
        assert_eq!((&whole["args"]["target"], &whole["args"]["reason"]), (&check["target"], &check["reason"]));
        let mut open: Vec<&Value> = Vec::new();
        for event in track {
            match event["ph"].as_str() {
                Some("b") => open.push(event),
                _ => {
                    let begun = open.pop().expect("it was begun");
                    assert_eq!(begun["name"], event["name"]);
                    let phase = begun["name"].as_str().expect("a text");
                    let told = check["seconds"].get(phase).filter(|_| begun["args"].is_null());
                    if let Some(seconds) = told.and_then(Value::as_f64) {
                        let long = micros(event, "ts") - micros(begun, "ts");
                        assert!((seconds * 1e6 - long as f64).abs() < 2.0, "{phase} of {check}: {long}");
                    }
                }
            }
        }
        assert!(open.is_empty(), "{track:?}");
    }
}

#[test]
fn a_trace_holds_the_turns_and_every_check_with_its_phases() {
    let server = Server::answering(|request| match request.path() {
        "/slow" => vec![Step::Pause(ms(50)), Step::ok()],
        "/503" => vec![Step::send("HTTP/1.1 503 Out\r\nContent-Length: 0\r\n\r\n")],
        _ => vec![Step::ok()],
    });
    let folder = TempDir::new();
    let trace = folder.path("trace.json");
    let output = Upcheck::new()
        .args(["-o", "ndjson", "--trace", &trace.display().to_string()])
        .args(["/", "/slow", "/503"].map(|path| server.url(path)))
        .arg(format!("http://{}/\"x\\", refused_address()))
        .run();
    output.expect_code(1);
    let report = output.report();
    let events = events(&std::fs::read(&trace).expect("it was written"));
    assert_turns(&events, &report.summary);
    assert_checks(&events, &report);
    let most = events.iter().filter(|event| event["ph"] == "C").filter_map(|event| event["args"]["in flight"].as_u64());
    assert!(most.max() <= report.summary["most_in_flight"].as_u64(), "{}", report.summary);
}

#[test]
fn a_trace_is_whole_also_after_a_signal() {
    let server = Server::answering(|request| match request.path() {
        "/hang" => vec![Step::Hang],
        _ => vec![Step::ok()],
    });
    let folder = TempDir::new();
    let trace = folder.path("trace.json");
    let mut running = Upcheck::new()
        .args(["-t", "60", "-o", "ndjson", "--trace", &trace.display().to_string()])
        .args([server.url("/"), server.url("/hang")])
        .spawn();
    let mut lines = running.lines();
    let mut text = lines.next() + "\n";
    wait_until("the other has asked", || server.requests().len() == 2);
    running.signal("INT");
    lines.rest().iter().for_each(|line| text += &format!("{line}\n"));
    running.finish().expect_code(130);
    let events = events(&std::fs::read(&trace).expect("it was written"));
    let report = Report::parse(text.as_bytes());
    assert_turns(&events, &report.summary);
    assert_checks(&events, &report);
    assert_eq!(report.checks[1]["reason"], "interrupted");
}

#[test]
fn a_trace_that_cannot_be_written_is_said_before_anything_is_sent() {
    let server = Server::ok();
    let folder = TempDir::new();
    let nowhere = folder.path("no/such/folder").display().to_string();
    let twice = folder.path("twice").display().to_string();
    for (arguments, told) in [
        (vec!["--trace", &nowhere], "No such file"),
        (vec!["--trace", ""], "it needs the name of a file"),
        (vec!["-o", &format!("ndjson={twice}"), "--trace", &twice], "two reports cannot go to one place"),
    ] {
        let output = Upcheck::new().args(&arguments).arg(server.url("/")).run();
        output.expect_code(3);
        assert!(output.err().contains(told), "{arguments:?}: {output:?}");
    }
    assert_eq!(server.requests().len(), 0);
}
