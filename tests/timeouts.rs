//! Time: what ends a check that does not end by itself, and what must not be blamed on a target.
//!
//! The machine that runs this may be busy. A timeout must not come early; how late it may come is bounded generously.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::support::{Healthy, Server, Step, Upcheck, ms, wait_until};

/// A listener that answers no SYN: its queue is full, and nobody accepts. Holds what keeps it so.
struct BlackHole {
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
    address: SocketAddr,
}

impl BlackHole {
    fn new() -> BlackHole {
        let listener = crate::support::listen_with(0);
        let address = listener.local_addr().expect("a bound listener has an address");
        let mut queued = Vec::new();
        // The first few find room; the one that does not is the sign that the next will not either.
        while let Ok(stream) = TcpStream::connect_timeout(&address, ms(300)) {
            queued.push(stream);
            assert!(queued.len() < 64, "a queue of zero has no end");
        }
        BlackHole { _listener: listener, _queued: queued, address }
    }
}

#[track_caller]
fn expect_total(check: &serde_json::Value, at_least: Duration, at_most: Duration) {
    let total = check["seconds"]["total"].as_f64().expect("a number");
    // A millisecond of rounding: timers count in those.
    assert!(total >= at_least.as_secs_f64() - 0.001, "too early: {check}");
    assert!(total <= at_most.as_secs_f64(), "too late: {check}");
}

#[test]
fn a_server_that_never_answers_is_a_response_timeout() {
    let server = Server::answering(|_| vec![Step::Hang]);
    let report = Upcheck::new().args(["-t", "400ms"]).arg(server.url("/")).report();
    let check = report.single();
    assert_eq!(check["verdict"], "down", "{check}");
    assert_eq!(check["reason"], "response_timeout", "{check}");
    assert!(check["status"].is_null(), "{check}");
    expect_total(check, ms(400), ms(5000));
}

#[test]
fn bytes_that_trickle_in_do_not_put_the_timeout_off() {
    let head = "HTTP/1.1 200 OK\r\nX-Slow: ".to_owned() + &"x".repeat(500);
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".to_owned();
    let server = Server::answering(move |request| match request.path() {
        "/head" => vec![Step::DripForever { bytes: head.clone().into_bytes(), every: ms(100) }],
        _ => vec![Step::send(body.clone()), Step::DripForever { bytes: vec![b'x'], every: ms(100) }],
    });
    let targets = [server.url("/head"), server.url("/body")];
    let report = Upcheck::new().args(["-t", "1"]).args(&targets).report();
    for target in &targets {
        let check = report.target(target);
        assert_eq!(check["reason"], "response_timeout", "{check}");
        expect_total(check, ms(1000), ms(8000));
    }
    // The head had come: what is known is told.
    assert_eq!(report.target(&targets[1])["status"], 200);
}

#[test]
fn a_connect_that_is_not_answered_is_a_connect_timeout() {
    let hole = BlackHole::new();
    let url = format!("http://{}/", hole.address);
    for flags in [["--connect-timeout", "300ms"], ["--timeout", "300ms"]] {
        let report = Upcheck::new().args(flags).arg(&url).report();
        let check = report.single();
        assert_eq!(check["reason"], "connect_timeout", "{flags:?}: {check}");
        expect_total(check, ms(300), ms(4500));
    }
}

#[test]
fn the_connect_timeout_ends_with_the_connect() {
    let server = Server::answering(|_| vec![Step::Pause(ms(900)), Step::ok()]);
    let report = Upcheck::new().args(["--connect-timeout", "500ms", "-t", "20"]).arg(server.url("/")).report();
    assert_eq!(report.single()["reason"], "ok", "{}", report.single());
}

#[test]
fn a_timeout_starts_with_its_attempt_not_in_the_queue() {
    // One at a time, each takes 200 ms: the last waits 1.8 s for its turn, longer than the timeout.
    let server = Server::answering(|_| vec![Step::Pause(ms(200)), Step::ok()]);
    let targets: Vec<String> = (0..10).map(|n| server.url(&format!("/{n}"))).collect();
    let report = Upcheck::new().args(["-c", "1", "-t", "1500ms"]).args(&targets).report();
    assert_eq!(report.summary["up"], 10, "{:#?}", report.not("up"));
    assert_eq!(report.summary["most_in_flight"], 1, "{}", report.summary);
    let longest_queue =
        report.checks.iter().map(|check| check["seconds"]["queue"].as_f64().expect("a number")).fold(0.0, f64::max);
    assert!(longest_queue > 1.6, "{longest_queue}");
}

#[test]
fn the_deadline_ends_the_run() {
    let server = Server::answering(|request| match request.path() {
        "/ok" => vec![Step::ok()],
        _ => vec![Step::Hang],
    });
    // Of the three that hang, one at a time may be in flight: two never start.
    let ok = server.url("/ok");
    let hanging = ["/1", "/2", "/3"].map(|path| server.url(path));
    let output = Upcheck::new()
        .args(["-c", "1", "-t", "60", "--deadline", "800ms", "-o", "ndjson"])
        .arg(&ok)
        .args(&hanging)
        .run();
    let report = output.expect_code(1).report();
    assert_eq!(report.target(&ok)["verdict"], "up");
    for target in &hanging {
        let check = report.target(target);
        assert_eq!(check["verdict"], "unknown", "{check}");
        assert_eq!(check["reason"], "deadline", "{check}");
    }
    assert_eq!(report.summary["unknown"], 3, "{}", report.summary);
    assert_eq!(report.summary["reasons"]["deadline"], 3, "{}", report.summary);
    assert!(output.wall >= ms(800), "{output:?}");
}

#[test]
fn a_deadline_that_is_not_reached_changes_nothing() {
    let server = Healthy::start();
    let output = Upcheck::new().args(["--deadline", "1h"]).arg(server.url("/")).run();
    output.expect_code(0);
    assert!(output.wall < ms(20_000), "{output:?}");
}

/// Stops the program for this long, while the answers to what it asked arrive: none of them came late.
fn stopped_for(stop: Duration, timeout: &str) {
    const TARGETS: usize = 40;
    let server = Server::answering(|_| vec![Step::Gate, Step::ok()]);
    let targets: Vec<String> = (0..TARGETS).map(|n| server.url(&format!("/{n}"))).collect();
    let running = Upcheck::new().args(["-t", timeout, "-o", "ndjson"]).args(&targets).spawn();
    wait_until("every request arrives", || server.requests().len() == TARGETS);
    running.signal("STOP");
    server.release();
    std::thread::sleep(stop);
    running.signal("CONT");
    let report = running.finish().report();
    assert_eq!(report.summary["up"], TARGETS, "{:#?}", report.not("up").first());
}

#[test]
fn answers_that_waited_while_the_program_was_stopped_are_not_timeouts() {
    stopped_for(ms(6000), "3s");
}

#[test]
fn answers_that_waited_through_a_short_stop_are_not_timeouts() {
    // Hardly past the deadlines: too short to be told from a busy machine by the clock alone.
    stopped_for(ms(3300), "3s");
}

#[test]
fn a_program_that_was_stopped_still_times_out_what_did_not_answer() {
    let server = Server::answering(|_| vec![Step::Hang]);
    let running = Upcheck::new().args(["-t", "1", "-o", "ndjson"]).arg(server.url("/")).spawn();
    wait_until("the request arrives", || server.requests().len() == 1);
    running.signal("STOP");
    std::thread::sleep(ms(1500));
    running.signal("CONT");
    let report = running.finish().expect_code(1).report();
    assert_eq!(report.single()["reason"], "response_timeout");
}
