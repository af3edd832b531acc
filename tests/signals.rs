//! Signals, and pipes whose other end does as it likes.

use std::io::{BufRead, BufReader, Read, Write};

use crate::support::{Healthy, Report, Server, Step, TempDir, Upcheck, ms, wait_until};

/// Three targets that answer and three that never do, the first three done: then this signal.
fn interrupted_by(signal: &str, code: i32) {
    let server = Server::answering(|request| match request.path() {
        "/0" | "/1" | "/2" => vec![Step::ok()],
        _ => vec![Step::Hang],
    });
    let folder = TempDir::new();
    let file = folder.path("results");
    let mut running = Upcheck::new()
        .args(["-t", "60", "-o", "ndjson", "-o", &format!("ndjson={}", file.display())])
        .args((0..6).map(|n| server.url(&format!("/{n}"))))
        .spawn();
    let mut lines = running.lines();
    let mut text = String::new();
    for _ in 0..3 {
        text += &lines.next();
        text += "\n";
    }
    wait_until("the others have asked", || server.requests().len() == 6);
    running.signal(signal);
    for line in lines.rest() {
        text += &line;
        text += "\n";
    }
    let output = running.finish();
    output.expect_code(code);
    assert!(output.wall < ms(25_000), "did not wait for the timeouts: {output:?}");
    let written = std::fs::read(&file).expect("the file is there");
    for report in [Report::parse(text.as_bytes()), Report::parse(&written)] {
        assert_eq!(report.checks.len(), 6);
        for n in 0..6 {
            let check = report.target(&server.url(&format!("/{n}")));
            let expected = if n < 3 { ("up", "ok") } else { ("unknown", "interrupted") };
            assert_eq!(check["verdict"], expected.0, "{check}");
            assert_eq!(check["reason"], expected.1, "{check}");
        }
        assert_eq!(report.summary["up"], 3, "{}", report.summary);
        assert_eq!(report.summary["unknown"], 3, "{}", report.summary);
    }
}

#[test]
fn sigint_writes_what_there_is_and_exits_130() {
    interrupted_by("INT", 130);
}

#[test]
fn sigterm_writes_what_there_is_and_exits_143() {
    interrupted_by("TERM", 143);
}

#[test]
fn a_signal_also_ends_the_wait_for_input() {
    let server = Server::ok();
    let mut running = Upcheck::new().args(["-f", "-", "-o", "ndjson"]).spawn();
    let mut input = running.stdin.take().expect("not taken yet");
    writeln!(input, "{}", server.url("/")).expect("the program reads");
    let mut lines = running.lines();
    assert!(lines.next().contains("\"up\""));
    // The pipe stays open: only the signal ends this run.
    running.signal("INT");
    let summary = lines.rest();
    assert_eq!(summary.len(), 1, "{summary:?}");
    running.finish().expect_code(130);
    drop(input);
}

#[test]
fn a_second_signal_does_not_wait_for_a_reader_that_does_not_read() {
    // Standard output is full and nobody reads: the first signal cannot finish its writing, the second must not wait.
    let server = Healthy::start();
    let targets: Vec<String> = (0..1000).map(|n| server.url(&format!("/{n}"))).collect();
    let mut running = Upcheck::new().args(["-c", "64", "-o", "ndjson"]).args(&targets).spawn();
    let unread = running.stdout.take().expect("not taken yet");
    wait_until("the pipe is full", || server.served() > 100);
    std::thread::sleep(ms(500));
    running.signal("INT");
    std::thread::sleep(ms(300));
    if !running.has_ended() {
        running.signal("INT");
    }
    wait_until("it ends", || running.has_ended());
    drop(unread);
    let output = running.finish();
    // Either way of ending is told to the shell as 130.
    assert!(output.code == Some(130) || output.signal == Some(2), "{output:?}");
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let server = Healthy::start();
    let targets: Vec<String> = (0..2000).map(|n| server.url(&format!("/{n}"))).collect();
    for format in ["human", "ndjson"] {
        let mut running = Upcheck::new().args(["-c", "16", "-o", format]).args(&targets).spawn();
        let mut reader = BufReader::new(running.stdout.take().expect("not taken yet"));
        let mut first = String::new();
        reader.read_line(&mut first).expect("UTF-8");
        assert!(first.contains("http://"), "{first}");
        drop(reader);
        let output = running.finish();
        output.expect_no_crash();
        assert_eq!(output.err(), "", "a broken pipe is not an error");
    }
}

#[test]
fn a_reader_that_never_came_is_no_crash() {
    let server = Healthy::start();
    for arguments in [vec!["--help".to_owned()], vec![server.url("/")], vec!["-v".to_owned(), server.url("/")]] {
        let mut running = Upcheck::new().args(&arguments).spawn();
        drop(running.stdout.take());
        running.finish().expect_no_crash();
    }
}

#[test]
fn a_slow_reader_costs_no_target_its_verdict() {
    // Far more output than a pipe holds (64 KiB), and nobody reads for longer than the timeout. Those in flight must
    // not time out meanwhile, those that wait must not be dropped.
    const TARGETS: usize = 1500;
    let server = Healthy::start();
    let slow = Server::answering(|_| vec![Step::Pause(ms(600)), Step::ok()]);
    let mut targets: Vec<String> = (0..TARGETS).map(|n| server.url(&format!("/{n}"))).collect();
    // These answer while standard output is full.
    targets.extend((0..20).map(|n| slow.url(&format!("/slow-{n}"))));
    targets.rotate_right(20);
    let mut running = Upcheck::new().args(["-c", "100", "-t", "4", "-o", "ndjson"]).args(&targets).spawn();
    let mut pipe = running.stdout.take().expect("not taken yet");
    std::thread::sleep(ms(5000));
    // Then it takes a little at a time, then all.
    let mut bytes = Vec::new();
    let mut piece = [0; 400];
    for _ in 0..10 {
        let n = pipe.read(&mut piece).expect("the pipe is open");
        bytes.extend_from_slice(&piece[..n]);
        std::thread::sleep(ms(100));
    }
    pipe.read_to_end(&mut bytes).expect("the pipe is open");
    running.finish().expect_code(0);
    let report = Report::parse(&bytes);
    assert_eq!(report.summary["up"], targets.len(), "{:#?}", report.not("up").first());
    assert_eq!(report.checks.len(), targets.len());
}

#[test]
fn a_full_pipe_stops_the_start_of_new_checks() {
    const TARGETS: usize = 20_000;
    let server = Healthy::start();
    let list: String = (0..TARGETS).map(|n| server.url(&format!("/{n}\n"))).collect();
    let folder = TempDir::new();
    let file = folder.write("targets", list);
    let mut running = Upcheck::new().args(["-c", "50", "-o", "ndjson", "-f", &file]).spawn();
    let unread = running.stdout.take().expect("not taken yet");
    // The count comes to rest well before the end of the list.
    let mut before = usize::MAX;
    wait_until("no more checks are started", || {
        let now = server.served();
        let rests = now == before && now > 0;
        before = now;
        std::thread::sleep(ms(400));
        rests
    });
    assert!(server.served() < TARGETS, "results are held without bound");
    drop(unread);
    running.finish().expect_no_crash();
}

#[test]
fn the_pipes_it_was_given_stay_blocking() {
    // O_NONBLOCK is a property of the open pipe, which other processes share: setting it would break them.
    let server = Healthy::start();
    let mut running = Upcheck::new().args(["-o", "ndjson", "-f", "-"]).spawn();
    let mut input = running.stdin.take().expect("not taken yet");
    writeln!(input, "{}", server.url("/")).expect("the program reads");
    let mut lines = running.lines();
    assert!(lines.next().contains("\"up\""));
    for descriptor in [0, 1, 2] {
        let path = format!("/proc/{}/fdinfo/{descriptor}", running.pid());
        let info = std::fs::read_to_string(path).expect("the process is alive");
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("Linux gives them");
        let flags = u32::from_str_radix(flags.trim(), 8).expect("in octal");
        assert_eq!(flags & 0o4000, 0, "descriptor {descriptor} is non-blocking: {info}");
    }
    drop(input);
    running.finish().expect_code(0);
}
