//! How much at once and how fast: a cap for each host, a rate, a spread.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::support::{Report, Server, Step, TempDir, Upcheck, ms, skipped, wait_until};

/// When each check began, in milliseconds, in order.
fn starts(report: &Report) -> Vec<i64> {
    let started = |check: &serde_json::Value| {
        let text = check["started"].as_str().expect("a time");
        // Hours, minutes, seconds, milliseconds; a run over midnight is wrapped below.
        let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("digits");
        ((number(11..13) * 60 + number(14..16)) * 60 + number(17..19)) * 1000 + number(20..23)
    };
    let mut starts: Vec<i64> = report.checks.iter().map(started).collect();
    starts.sort_unstable();
    const DAY: i64 = 86_400_000;
    if starts.last().zip(starts.first()).is_some_and(|(last, first)| last - first > DAY / 2) {
        starts.iter_mut().filter(|start| **start < DAY / 2).for_each(|start| *start += DAY);
        starts.sort_unstable();
    }
    starts
}

/// Fails the test unless these starts are at least `interval` apart on the average of every stretch, but for one that
/// catches up.
#[track_caller]
fn expect_even(starts: &[i64], interval: f64) {
    for (from, first) in starts.iter().enumerate() {
        for (n, start) in starts[from..].iter().enumerate() {
            let least = (n as f64 - 1.0) * interval - 2.0;
            let gap = (start - first) as f64;
            assert!(gap >= least, "{n} starts within {gap} ms from the {from}th on: {starts:?}");
        }
    }
}

#[test]
fn a_cap_for_each_host_is_never_passed_and_lets_others_by() {
    let Ok(listener) = TcpListener::bind("127.0.0.2:0") else {
        skipped!("no 127.0.0.2 on this machine");
        return;
    };
    for flag in ["--concurrency-per-host", "--parallel-max-host"] {
        let one = Server::answering(|_| vec![Step::Gate, Step::ok()]);
        let listener = listener.try_clone().expect("an open socket");
        let two = Server::answering_on(listener, |_| vec![Step::Gate, Step::ok()]);
        // All of the first host stand before all of the second: they must not be in their way.
        let targets = (0..30).map(|n| one.url(&format!("/{n}"))).chain((0..30).map(|n| two.url(&format!("/{n}"))));
        let running = Upcheck::new().args([flag, "3", "-t", "20", "-o", "ndjson"]).args(targets).spawn();
        wait_until("both caps are used up", || one.requests().len() == 3 && two.requests().len() == 3);
        std::thread::sleep(ms(200));
        // Nobody was answered yet.
        assert_eq!((one.accepted(), two.accepted()), (3, 3), "{flag}");
        assert_eq!((one.most_open(), two.most_open()), (3, 3), "{flag}");
        one.release();
        wait_until("the first host is done", || one.requests().len() == 30);
        assert_eq!(two.accepted(), 3, "{flag}: another host's end is no room here");
        two.release();
        let report = running.finish().expect_code(0).report();
        assert_eq!(report.summary["up"], 60, "{:#?}", report.not("up"));
        assert_eq!(report.summary["most_in_flight"], 6, "{flag}: {}", report.summary);
    }
}

#[test]
fn a_host_is_the_same_on_every_port_and_counts_under_the_cap_for_all() {
    let one = Server::answering(|_| vec![Step::Gate, Step::ok()]);
    let two = Server::answering(|_| vec![Step::Gate, Step::ok()]);
    let targets = (0..6).flat_map(|n| [one.url(&format!("/{n}")), two.url(&format!("/{n}"))]);
    let running =
        Upcheck::new().args(["--concurrency-per-host", "2", "-t", "20", "-o", "ndjson"]).args(targets).spawn();
    wait_until("the cap is used up", || one.accepted() + two.accepted() == 2);
    std::thread::sleep(ms(200));
    assert_eq!(one.accepted() + two.accepted(), 2);
    one.release();
    two.release();
    let report = running.finish().expect_code(0).report();
    assert_eq!((&report.summary["up"], &report.summary["most_in_flight"]), (&12.into(), &2.into()));
}

#[test]
fn a_rate_is_kept_evenly_from_the_first_start_on() {
    const TARGETS: usize = 31;
    let times = Arc::new(Mutex::new(Vec::new()));
    let stamps = Arc::clone(&times);
    let server = Server::answering(move |_| {
        stamps.lock().expect("no holder panics").push(Instant::now());
        vec![Step::ok()]
    });
    let targets = (0..TARGETS).map(|n| server.url(&format!("/{n}")));
    let report = Upcheck::new().args(["--rate", "50"]).args(targets).report();
    assert_eq!(report.summary["up"], TARGETS, "{:#?}", report.not("up"));
    expect_even(&starts(&report), 20.0);
    let wall = report.summary["seconds"]["wall"].as_f64().expect("a number");
    assert!((0.58..10.0).contains(&wall), "{}", report.summary);
    // The server saw the same, give or take what a busy machine does to the times.
    let times = times.lock().expect("no holder panics");
    let span = *times.last().expect("31 requests") - times[0];
    assert!(span >= ms(400), "{span:?}");
    assert!(report.summary["most_in_flight"].as_u64().expect("a number") < 15, "no burst: {}", report.summary);
}

#[test]
fn a_spread_divides_its_time_among_all() {
    const TARGETS: usize = 300;
    let server = Server::ok();
    let folder = TempDir::new();
    let list: String = (0..TARGETS).map(|n| server.url(&format!("/{n}\n"))).collect();
    let file = folder.write("targets", list);
    let report = Upcheck::new().args(["--spread", "1500ms", "-f", &file]).report();
    assert_eq!(report.summary["up"], TARGETS, "{:#?}", report.not("up"));
    let starts = starts(&report);
    expect_even(&starts, 5.0);
    let span = starts[TARGETS - 1] - starts[0];
    assert!((1490..10_000).contains(&span), "{span} ms");
    for check in &report.checks {
        assert!(check["seconds"]["total"].as_f64().expect("a number") < 1.0, "its turn is not its time: {check}");
    }
}

#[test]
fn a_spread_needs_to_know_how_many_there_are() {
    let server = Server::ok();
    let output = Upcheck::new().args(["--spread", "1s", "-f", "-"]).stdin(server.url("/")).run();
    output.expect_code(3);
    assert!(output.err().contains("they cannot come from a pipe (--rate can)"), "{output:?}");
    assert_eq!(server.accepted(), 0);
    // A regular file on standard input can be looked through.
    let folder = TempDir::new();
    let file = folder.write("targets", server.url("/\n"));
    let script = format!("exec \"$0\" \"$@\" < '{file}'");
    Upcheck::in_shell(&script).args(["--spread", "1s", "-f", "-"]).run().expect_code(0);
}

#[test]
fn retries_keep_to_the_rate() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let stamps = Arc::clone(&times);
    let server = Server::answering(move |_| {
        stamps.lock().expect("no holder panics").push(Instant::now());
        vec![Step::send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")]
    });
    let targets = (0..10).map(|n| server.url(&format!("/{n}")));
    let arguments = ["--rate", "25", "--retry", "1", "--retry-delay", "1ms"];
    let report = Upcheck::new().args(arguments).args(targets).report();
    assert!(report.checks.iter().all(|check| check["attempts"] == 2), "{:#?}", report.checks);
    let times = times.lock().expect("no holder panics");
    assert_eq!(times.len(), 20);
    // 19 times 40 ms, were the first one seen as soon as it started.
    let span = times[19] - times[0];
    assert!(span >= ms(600), "{span:?}");
}

#[test]
fn a_full_house_with_a_rate_sleeps() {
    // Found by reading: a retry that was due, under a cap that was used up, kept the loop asking without a pause.
    let server = Server::answering(|request| match request.path() {
        "/retried" => vec![Step::send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")],
        _ => vec![Step::Pause(ms(1500)), Step::ok()],
    });
    let report = Upcheck::new()
        .args(["-c", "1", "--rate", "1000", "--retry", "1", "--retry-delay", "50ms"])
        .args([server.url("/retried"), server.url("/slow")])
        .report();
    assert_eq!(report.target(&server.url("/retried"))["attempts"], 2);
    let turns = report.summary["loop"]["turns"].as_u64().expect("a number");
    assert!(turns < 500, "{}", report.summary);
}

#[test]
fn large_answers_share_one_budget() {
    const ANSWERS: usize = 96;
    let body = format!("{{\"pad\":\"{}\",\"ready\":true}}", "x".repeat(1_000_000));
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    // All of them stand before the first says anything.
    let server = Server::answering(move |_| vec![Step::Gate, Step::send(answer.as_str())]);
    let running = Upcheck::new()
        .args(["-t", "60", "-o", "ndjson", "--max-memory", "8MiB", "-e", "json.ready == true"])
        .args((0..ANSWERS).map(|n| server.url(&format!("/{n}"))))
        .spawn();
    wait_until("all have asked", || server.requests().len() == ANSWERS);
    server.release();
    let report = running.finish().report();
    assert!(report.not("up").is_empty(), "{:?}", report.not("up"));
    let peak = report.summary["peak_memory_bytes"].as_u64().expect("a number");
    // What they hold together would be more than twice as much.
    assert!(peak < 40 << 20, "{peak} bytes");
}

#[test]
fn caps_and_rates_are_numbers_from_one() {
    for flag in ["--rate", "--concurrency-per-host", "--concurrency"] {
        for value in ["0", "-1", "1.5", "x", "", "1000001"] {
            let output = Upcheck::new().arg(format!("{flag}={value}")).arg("http://127.0.0.1:1/").run();
            let expected = format!("upcheck: {flag}: '{value}' is not a number from 1 to 1000000\n");
            assert_eq!(output.expect_code(3).err(), expected);
        }
    }
    let output = Upcheck::new().args(["--spread", "0", "http://127.0.0.1:1/"]).run();
    assert_eq!(output.expect_code(3).err(), "upcheck: --spread: must be longer than nothing\n");
}
